"""The rules in words: what an operation's pull-back does with the gradient that reaches it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from functools import cache
from types import CodeType
from typing import Any

from tinygrad_lite.engine.rulebook import Operation, VariadicVjp

# By operation and argument: how the gradient that arrives is turned into the contribution.
WORDS: dict[str, tuple[str, ...]] = {
    "add": ("passed on as it is",) * 2,
    "subtract": ("passed on as it is", "passed on with its sign flipped"),
    "multiply": ("times the second factor", "times the first factor"),
    "divide": ("divided by the divisor", "times minus the quotient, divided by the divisor"),
    "power": (
        "times exponent · base to the power of (exponent - 1)",
        "times the result, times the logarithm of the base",
    ),
    "negative": ("passed on with its sign flipped",),
    "positive": ("passed on as it is",),
    "exp": ("times the result itself, as exp is its own derivative",),
    "log": ("divided by the argument",),
    "sqrt": ("divided by twice the result",),
    "tanh": ("times 1 - result²",),
    "sigmoid": ("times result · (1 - result)",),
    "relu": ("passed on where the argument is positive, 0 elsewhere",),
    "sin": ("times the cosine of the argument",),
    "cos": ("times minus the sine of the argument",),
    "absolute": ("times the sign of the argument, 0 at 0",),
    "square": ("times twice the argument",),
    "sum": ("the same for every entry that was summed",),
    "mean": ("shared equally: divided by the number of entries",),
    "prod": ("times the product of all other entries",),
    "max": ("to the largest entry alone; ties share it",),
    "min": ("to the smallest entry alone; ties share it",),
    "maximum": ("to whichever argument is larger; ties share it",) * 2,
    "minimum": ("to whichever argument is smaller; ties share it",) * 2,
    "where": (
        "no gradient to the condition",
        "passed on where the condition holds",
        "passed on where the condition does not hold",
    ),
    "matmul": (
        "multiplied from the right by the second matrix, transposed",
        "multiplied from the left by the first matrix, transposed",
    ),
    "reshape": ("the same entries, in the shape of the argument",),
    "transpose": ("transposed back",),
    "swapaxes": ("axes swapped back",),
    "expand_dims": ("the new axis taken away again",),
    "broadcast_to": ("summed over the axes along which the argument was repeated",),
    "getitem": ("back to where the entries were taken from, 0 elsewhere",),
    "scatter": ("taken from where the entries were put",),
    "astype": ("converted back to the argument's type",),
    "identity": ("passed on as it is",),
    "pick": ("to the result that was picked, 0 for the others",),
    "concatenate": ("the part that this argument makes up",),
    "stack": ("the slice that this argument makes up",),
    "conv2d": (
        "convolved with the kernels, flipped: every pixel collects from the windows it was in",
        "correlated with the input: every weight collects over the places it was used at",
    ),
    "log_softmax": ("minus the softmax times its sum",),
    "logsumexp": ("times the softmax of the argument",),
    "softmax": ("less its average weighted by the result, times the result",),
    "weighted_sum": ("times the factor beside it, be that a weight or an activation",),
    "linear": (
        "multiplied by the weights: every input collects from the units it feeds",
        "multiplied by the inputs: every weight collects over the samples",
        "summed over the samples",
    ),
    "max_pool": ("to the largest entry of each window; ties share it",),
    "norm": ("times the argument divided by the norm, 0 at 0",),
    "var": ("times twice the distance from the mean, divided by the number of entries",),
    "std": ("times the distance from the mean, divided by the result and the number of entries",),
    "cumsum": ("summed over all later entries",),
    "inner": ("times the second argument", "times the first argument"),
    "outer": ("times the second vector, summed", "times the first vector, summed"),
    "dot": (
        "multiplied from the right by the second matrix, transposed",
        "multiplied from the left by the first matrix, transposed",
    ),
    "moveaxis": ("axes moved back",),
    "squeeze": ("the axes of size 1 put back",),
    "ravel": ("the same entries, in the shape of the argument",),
    "flip": ("flipped back",),
    "roll": ("rolled back",),
    "pad": ("the part that is not padding",),
    "repeat": ("summed over the repetitions",),
    "tile": ("summed over the copies",),
    "take": ("back to where the entries were taken from, 0 elsewhere",),
    "take_along_axis": ("back to where the entries were taken from, 0 elsewhere",),
    "sort": ("back to where the entries were before sorting",),
    "clip": ("passed on between the bounds, 0 beyond",),
    "tril": ("the lower triangle, 0 above",),
    "triu": ("the upper triangle, 0 below",),
    "inv": ("minus: between the transposed inverse on both sides",),
    "det": ("times the determinant, times the inverse, transposed",),
    "solve": (
        "solved with the transposed matrix, times minus the solution",
        "solved with the transposed matrix",
    ),
    "softplus": ("times the sigmoid of the argument",),
    "leaky_relu": ("passed on where the argument is positive, times the slope elsewhere",),
    "elu": ("passed on where the argument is positive, times result + alpha elsewhere",),
    "silu": ("times sigmoid · (1 + argument · (1 - sigmoid)) of the argument",),
    "gelu": ("times the normal distribution + argument · its density",),
    "erf": ("times exp(-argument²), times 2/√π",),
    "erfc": ("times minus exp(-argument²), times 2/√π",),
    "xlogy": (
        "times the logarithm of the second argument",
        "times the first, divided by the second",
    ),
    "label_likelihood": ("minus the share of each sample, to the entry of its label",),
    "embedding": ("no gradient to the numbers", "added to the rows that were looked up"),
    "lstm_cell": (
        "through each gate that writes or keeps the cell",
        "times the gate that keeps it",
    ),
    "lstm_hidden": ("through the gate that shows the cell", "times that gate and 1 - tanh²"),
    "gru_gates": (
        "through each gate, to what the input gave it",
        "through each gate, to what the state gave it",
        "times the gate that keeps the state",
    ),
    "normalise": ("less its mean and its part along the result, divided by the deviation",),
    "log1p": ("divided by 1 + argument",),
    "expm1": ("times the exponential of the argument",),
    "arctan": ("divided by 1 + argument²",),
    "sinh": ("times the hyperbolic cosine of the argument",),
    "cosh": ("times the hyperbolic sine of the argument",),
    "tan": ("times 1 + result²",),
    "checkpoint": ("computed by running the function forward a second time",),
    "remainder": ("passed on as it is", "times minus the quotient, rounded down"),
    "fmod": ("passed on as it is", "times minus the quotient, rounded towards zero"),
    "copysign": ("passed on, its sign flipped where that of the argument was",),
    "ldexp": ("times two to the power of the second argument",),
    "arcsin": ("divided by the root of 1 - argument²",),
    "arccos": ("divided by minus the root of 1 - argument²",),
    "arctan2": (
        "times the second argument, divided by the sum of both squares",
        "times minus the first argument, divided by the sum of both squares",
    ),
    "arcsinh": ("divided by the root of argument² + 1",),
    "arccosh": ("divided by the root of argument² - 1",),
    "nan_to_num": ("passed on where the entry was a number, 0 where it was replaced",),
    "cumprod": ("summed over all later products that the entry is a factor of",),
    "set_at": ("passed on, 0 where entries were replaced", "taken from where the entries were put"),
    "diagonal": ("put on the diagonal, 0 elsewhere",),
    "on_diagonal": ("its diagonal",),
    "rot90": ("rotated back",),
    "window_sums": ("spread over the windows that were summed",),
    "conv_transpose2d": (
        "correlated with the kernels: every entry collects from the window it was spread over",
        "correlated with the input: every weight collects over the places it was used at",
    ),
    "convolve": ("correlated with the second argument", "correlated with the first argument"),
    "einsum": ("multiplied by the other operands, and summed by the same letters",),
    "tensordot": (
        "contracted with the second argument, over its other axes",
        "contracted with the first argument, over its other axes",
    ),
    "multi_dot": ("multiplied by the matrices before and after, transposed",),
    "slogdet": ("that of the logarithm, times the inverse, transposed",),
    "cholesky": ("solved with the factor from both sides, and made symmetric",),
    "qr": ("solved with the triangular factor, once turned into the columns' directions",),
    "eigh": ("into the eigenvectors' directions; mixed the more, the closer two eigenvalues are",),
    "eigvalsh": ("spread along each eigenvalue's own eigenvector",),
    "svd": ("into the singular vectors' directions; mixed the more, the closer two values are",),
}

# Operations whose rule is told by the words of another.
ALIKE = {
    "amax": "max", "amin": "min", "fmax": "maximum", "fmin": "minimum", "fabs": "absolute",
    "float_power": "power", "vdot": "inner", "matrix_transpose": "transpose", "fliplr": "flip",
    "flipud": "flip", "partition": "sort", "eig": "eigh", "eigvals": "eigvalsh",
}  # fmt: skip


def rule_in_words(operation: Operation, position: int) -> str:
    """What the rule of an argument does with the gradient, or else the rule itself.

    >>> import numpy as np
    >>> from tinygrad_lite.engine.rulebook import RULES
    >>> rule_in_words(RULES[np.multiply], 0)
    'the incoming gradient, times the second factor'
    """
    words = WORDS.get(ALIKE.get(operation.name, operation.name))
    if words is not None:
        return f"the incoming gradient, {words[min(position, len(words) - 1)]}"
    return _source_of_rule(operation, position)


@cache
def _source_of_rule(operation: Operation, position: int) -> str:
    """The body of a rule written as a lambda; of others, that they exist."""
    if isinstance(operation.vjps, VariadicVjp):
        return f"the rule of {operation.name} for argument {position}"
    rule = operation.vjps[position] if position < len(operation.vjps) else None
    if rule is None:
        return f"{operation.name} has no gradient for argument {position}"
    written = _unwrapped(rule)
    try:
        source = textwrap.dedent(inspect.getsource(written))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError, ValueError):
        source, tree = "", ast.parse("")
    parameters = list(inspect.signature(written).parameters)
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda) and _same_rule(node, written, parameters):
            return " ".join((ast.get_source_segment(source, node.body) or "").split())
    return f"the rule of {operation.name} for argument {position}"


def _unwrapped(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The lambda in the table, where a decorator has put something around it."""
    for cell in getattr(rule, "__closure__", None) or ():
        if inspect.isfunction(cell.cell_contents):
            return cell.cell_contents
    return rule


def _same_rule(node: ast.Lambda, rule: object, parameters: list[str]) -> bool:
    """Whether this lambda of a statement with several is the one: same arguments, same code."""
    arguments = node.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    if [n for n in parameters if n in names] != names:
        return False
    expression = compile(ast.Expression(ast.fix_missing_locations(node)), "", "eval")
    compiled = next(c for c in expression.co_consts if isinstance(c, CodeType))
    code = getattr(rule, "__code__", None)
    return (
        code is not None
        and compiled.co_code == code.co_code
        and (compiled.co_names == code.co_names and compiled.co_consts == code.co_consts)
    )
