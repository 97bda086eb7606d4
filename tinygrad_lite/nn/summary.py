"""The table of a network: its parts, the shapes that come out, the parameters they hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lite.engine.modes import no_grad
from tinygrad_lite.engine.trees import map_tree
from tinygrad_lite.engine.value import Value
from tinygrad_lite.nn.module import Module


@dataclass(frozen=True)
class Row:
    """One part.

    path
        its name, "" for the network itself
    layer
        its class
    shape
        of its output, None if it was not called
    parameters
        how many numbers it trains itself, its own parts not included
    frozen
        how many more it keeps frozen
    """

    path: str
    layer: str
    shape: Any
    parameters: int
    frozen: int


@dataclass(frozen=True)
class Summary:
    """What `Module.summary` found; printing it shows the table.

    rows
        every part, in order
    parameters
        how many numbers are trained; shared ones count once
    frozen
        how many are frozen
    buffers
        how many are kept without being parameters
    size
        bytes of all these
    """

    rows: tuple[Row, ...]
    parameters: int
    frozen: int
    buffers: int
    size: int

    def __str__(self) -> str:
        table = [("name", "layer", "output", "parameters")]
        for row in self.rows:
            indent = "  " * row.path.count(".")
            counts = [f"{row.parameters:,}"] * bool(row.parameters)
            counts += [f"{row.frozen:,} frozen"] * bool(row.frozen)
            shape = "" if row.shape is None else str(row.shape)
            name = indent + row.path.rpartition(".")[2]
            table.append((name, row.layer, shape, " + ".join(counts)))
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            f"{name:<{widths[0]}}  {layer:<{widths[1]}}  {shape:<{widths[2]}}  {count:>{widths[3]}}"
            for name, layer, shape, count in table
        ]
        total = f"{self.parameters:,} parameters"
        total += f" and {self.frozen:,} frozen" * bool(self.frozen)
        total += f", {self.buffers:,} numbers in buffers" * bool(self.buffers)
        return "\n".join([*(line.rstrip() for line in lines), f"{total}, {_bytes(self.size)}"])

    __repr__ = __str__


def summary(model: Module, *inputs: Any) -> Summary:
    """See `Module.summary`."""
    shapes: dict[int, Any] = {}
    if inputs:
        _shapes(model, inputs, shapes)
    rows = []
    counted: set[int] = set()  # arrays; a shared one counts where it is met first
    totals = {"parameters": 0, "frozen": 0, "buffers": 0}
    size = 0
    for path, module in model.named_modules():
        own = dict.fromkeys(totals, 0)
        frozen = {id(stand_in) for stand_in, _ in module._frozen}
        for thing in module._own():
            key = id(thing)
            if key not in counted:
                counted.add(key)
                data = thing.data if isinstance(thing, Value) else thing
                kind = "parameters" if isinstance(thing, Value) else "buffers"
                own["frozen" if key in frozen else kind] += np.size(data)
                size += np.asarray(data).nbytes
        for kind, count in own.items():
            totals[kind] += count
        rows.append(
            Row(
                path,
                type(module).__name__,
                shapes.get(id(module)),
                own["parameters"],
                own["frozen"],
            )
        )
    return Summary(tuple(rows), **totals, size=size)


def _shapes(model: Module, inputs: tuple[Any, ...], shapes: dict[int, Any]) -> None:
    """Call the model as in use, and note the shape of what every part returned."""
    modules = list(model.modules())
    modes = [module.training for module in modules]

    def noting(module: Module, forward: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **settings: Any) -> Any:
            out = forward(*args, **settings)
            shapes[id(module)] = map_tree(np.shape, out)
            return out

        return noted

    for module in modules:
        vars(module)["forward"] = noting(module, module.forward)
    try:
        with no_grad():
            model.eval()(*inputs)
    finally:
        for module, training in zip(modules, modes, strict=True):
            del vars(module)["forward"]
            module.training = training


def _bytes(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.4g} {unit}"
        size /= 1000
    return f"{size:.4g} GB"
