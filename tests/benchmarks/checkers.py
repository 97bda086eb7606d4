"""What gradient checkers say about the corpus of hand-derived gradients, as a Markdown table.

Ours beside `torch.autograd.gradcheck`, `jax.test_util.check_grads` and autograd's `check_grads`,
each with its own defaults in float64, on the very same numbers: the recorded cost as a function of
one Value, with the hand-derived gradient for its pull-back. A peer flags a case when it objects to,
or fails on, the gradient of any Value of it. A peer that is not installed is left out.

    python tests/benchmarks/checkers.py [--write docs/checking.md]
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from corpus.wrong_gradients import RIGHT, WRONG
from tinygrad_lite import Value, compare
from tinygrad_lite.checking.passes import Record

Check = Callable[[Callable[[Any], float], Any, Any], bool]
"""Whether a checker accepts (function, point, gradient)."""


def by_torch(function: Callable[[Any], float], point: Any, gradient: Any) -> bool:
    import torch

    class Derived(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, x: Any) -> Any:
            return torch.tensor(function(x.detach().numpy()), dtype=torch.float64)

        @staticmethod
        def backward(context: Any, g: Any) -> Any:
            return g * torch.tensor(gradient)

    x = torch.tensor(point, requires_grad=True)
    return bool(torch.autograd.gradcheck(Derived.apply, (x,)))


def by_jax(function: Callable[[Any], float], point: Any, gradient: Any) -> bool:
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)

    @jax.custom_vjp
    def derived(x: Any) -> Any:
        result = jax.ShapeDtypeStruct((), np.float64)
        return jax.pure_callback(lambda x: np.float64(function(np.asarray(x))), result, x)

    derived.defvjp(lambda x: (derived(x), None), lambda _, g: (g * gradient,))
    check_grads(derived, (point,), order=1, modes=["rev"])
    return True


def by_autograd(function: Callable[[Any], float], point: Any, gradient: Any) -> bool:
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    derived = primitive(function)
    defvjp(derived, lambda out, x: lambda g: g * gradient)
    check_grads(derived, modes=["rev"], order=1)(point)
    return True


PEERS: dict[str, tuple[str, Check]] = {
    "torch.autograd.gradcheck": ("torch", by_torch),
    "jax.test_util.check_grads": ("jax", by_jax),
    "autograd.test_util.check_grads": ("autograd", by_autograd),
}


def accepts(check: Check, cost: Value, gradients: dict[Value, Any]) -> bool:
    """Whether a peer accepts every gradient of a case."""
    for key, gradient in gradients.items():
        record = Record(cost, [key])

        def function(x: Any, key: Value = key, record: Record = record) -> float:
            data = record.evaluate({key: float(x) if not key.ndim else np.asarray(x)})
            return float(data[cost])

        point = np.array(key.data, dtype=np.float64)
        try:
            if not check(function, point, np.array(gradient, dtype=np.float64)):
                return False
        except Exception:  # a checker objects by whatever it raises
            return False
    return True


def rates(judge: Callable[[Value, dict[Value, Any]], bool]) -> tuple[float, float, float]:
    """Share of wrong cases rejected, of right ones rejected, and processor seconds a case."""
    start = time.process_time()
    caught = sum(not judge(*case.build()) for case in WRONG) / len(WRONG)
    alarms = sum(not judge(*case.build()) for case in RIGHT) / len(RIGHT)
    return caught, alarms, (time.process_time() - start) / (len(WRONG) + len(RIGHT))


def table() -> str:
    """The results as Markdown."""
    rows = [
        f"{len(WRONG)} wrong and {len(RIGHT)} right derivations:\n",
        "| checker | wrong ones caught | mistake named | false alarms | processor time a case |",
        "| --- | --- | --- | --- | --- |",
    ]
    kinds = []

    def ours(cost: Value, gradients: dict[Value, Any]) -> bool:
        report = compare(cost, gradients)
        kinds.append(report.mistakes[0].kind if report.mistakes else None)
        return report.ok

    caught, alarms, seconds = rates(ours)
    named = sum(
        kind in (case.kind, case.also) for kind, case in zip(kinds, WRONG, strict=False)
    ) / len(WRONG)
    rows.append(
        f"| `tinygrad_lite.compare` | {caught:.1%} | {named:.1%} | {alarms:.1%} | "
        f"{1000 * seconds:.0f} ms, diagnosis included |"
    )
    for name, (module, check) in PEERS.items():
        try:
            __import__(module)
        except ImportError:
            continue
        with warnings.catch_warnings(action="ignore"):
            caught, alarms, seconds = rates(lambda c, g, check=check: accepts(check, c, g))
        rows.append(f"| `{name}` | {caught:.1%} | – | {alarms:.1%} | {1000 * seconds:.0f} ms |")
        print(rows[-1], file=sys.stderr)
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--write", metavar="FILE", type=Path, help="put the table between its marks"
    )
    target = parser.parse_args().write
    text = table()
    print(text)
    if target:
        marks = r"(<!-- checkers: begin -->\n).*?(<!-- checkers: end -->)"
        page = re.sub(marks, lambda m: f"{m[1]}{text}\n{m[2]}", target.read_text(), flags=re.S)
        target.write_text(page)


if __name__ == "__main__":
    main()
