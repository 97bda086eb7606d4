"""The rule of einsum, in all its forms.

A call is first brought to the explicit form ``"ab,bc->ac"`` with one letter per axis. The cotangent
of an operand then is the einsum of the output's cotangent with the other operands, onto the
operand's letters.
"""

from __future__ import annotations

from string import ascii_letters
from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import defvjp
from tinygrad_lite.rules.binding import like
from tinygrad_lite.rules.indexing import scatter


def _bind(*operands: Any, out: Any = None, **settings: Any) -> Any:
    if isinstance(operands[0], str):
        terms, arrays = operands[0].replace(" ", ""), list(operands[1:])
    else:
        terms, arrays = _from_sublists(list(operands))
    return tuple(arrays), {"subscripts": _explicit(terms, arrays), **settings}


def _from_sublists(operands: list[Any]) -> tuple[str, list[Any]]:
    """``einsum(x, [0, 1], y, [1, 2], [0, 2])`` as a string of letters."""

    def letters(sublist: Any) -> str:
        return "".join("..." if i is Ellipsis else ascii_letters[i] for i in sublist)

    has_output = len(operands) % 2 == 1
    inputs = operands[:-1] if has_output else operands
    terms = ",".join(letters(sublist) for sublist in inputs[1::2])
    return terms + ("->" + letters(operands[-1]) if has_output else ""), inputs[0::2]


def _explicit(terms: str, arrays: list[Any]) -> str:
    """Subscripts with an output and without ellipses."""
    left, arrow, output = terms.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(arrays):
        raise ValueError(
            f"einsum: the subscripts {terms!r} speak of {len(inputs)} operands, but "
            f"{len(arrays)} are given"
        )
    free = [c for c in ascii_letters if c not in terms]
    widths = [
        np.ndim(x) - len(term.replace("...", "")) if "..." in term else 0
        for term, x in zip(inputs, arrays, strict=True)
    ]
    dots = "".join(free[: max(widths)])  # the axes that an ellipsis stands for
    inputs = [
        term.replace("...", dots[len(dots) - width :] if width > 0 else "")
        for term, width in zip(inputs, widths, strict=True)
    ]
    if arrow:
        output = output.replace("...", dots)
    else:
        seen = "".join(inputs)
        once = sorted(c for c in set(seen) if seen.count(c) == 1 and c not in dots)
        output = dots + "".join(once)
    return f"{','.join(inputs)}->{output}"


def _evaluate(*arrays: Any, subscripts: str, **settings: Any) -> Any:
    return np.einsum(subscripts, *arrays, **settings)


def _vjp(
    argnum: int, g: Any, out: Any, *arrays: Any, subscripts: str, optimize: Any = False
) -> Any:
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    term, x = terms[argnum], arrays[argnum]
    others = [(t, a) for i, (t, a) in enumerate(zip(terms, arrays, strict=True)) if i != argnum]
    letters = "".join(dict.fromkeys(term))
    sizes = dict(zip(term, np.shape(x), strict=True))
    known = [c for c in letters if c in output or any(c in t for t, _ in others)]
    wanted = ",".join([output, *(t for t, _ in others)]) + "->" + "".join(known)
    # A path given for the forward product does not fit this one.
    how = optimize if isinstance(optimize, (bool, str)) else True
    local = np.einsum(wanted, g, *(a for _, a in others), optimize=how)
    if len(known) < len(letters):  # summed over alone: every entry has the same cotangent
        local = np.reshape(
            local, [np.shape(local)[known.index(c)] if c in known else 1 for c in letters]
        )
    if len(letters) == len(term):
        return local
    if len(known) < len(letters):
        local = np.broadcast_to(local, [sizes[c] for c in letters])
    # A repeated letter takes a diagonal, so only that has a cotangent.
    mesh = np.ix_(*(np.arange(sizes[c]) for c in letters))
    index = tuple(mesh[letters.index(c)] for c in term)
    return scatter(local, index=index, shape=np.shape(x))


defvjp(np.einsum, variadic=_vjp, evaluate=_evaluate, bind=like(_bind))
