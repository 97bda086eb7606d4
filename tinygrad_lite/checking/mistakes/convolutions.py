"""Mistakes in convolutions: the kernel flipped, stride or padding forgotten or on one side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_lite.checking.changes import Array, Change, Edge, Inapplicable, Local
from tinygrad_lite.checking.mistakes.candidate import Candidate, at_edge
from tinygrad_lite.checking.words import called
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.rules.correlation import correlate, spread


def of_edge(edge: Edge) -> Iterator[Candidate]:
    """Kernels flipped where they should not be, and settings forgotten on the way back."""
    node, argnum = edge
    settings = node.metadata or {}
    if "stride" not in settings or len(node.args) < 2:
        return
    target = called(edge.argument)
    for setting in ("stride", "padding", "dilation"):
        if all(n == 1 for n in settings[setting]) and setting != "padding":
            continue
        yield at_edge(
            "kernel-flip", edge, _without(setting),
            f"in the gradient of {target}, the {setting} of the convolution is forgotten",
            f"use the {setting} {settings.get(setting)} of the forward pass", f"no-{setting}", 0.1,
        )  # fmt: skip
    if argnum == 1 and node.operation.function is correlate and any(settings["padding"]):  # type: ignore[union-attr]
        yield from _moved_windows(edge)
        yield at_edge(
            "kernel-flip", edge, _inner_windows,
            f"in the gradient of {target}, the padding of the convolution is forgotten: only "
            f"windows inside the unpadded input are summed over, one for each output from the "
            f"first on", f"pad the input by {settings['padding']}, as in the forward pass",
            "inner-windows", 0.15,
        )  # fmt: skip
    for position, a in enumerate(node.args):
        data = data_of(a)
        if position != argnum and np.ndim(data) >= 3:

            def change(local: Local, position: int = position) -> Array:
                flipped = np.asarray(local.args[position])[..., ::-1, ::-1]
                return local.rule(args=local.with_argument(position, flipped))

            label = called(a) if type(a) is Value else "the other operand"
            yield at_edge(
                "kernel-flip", edge, change,
                f"in the gradient of {target}, {label} is flipped the wrong way",
                "the gradient of a cross-correlation by its input is a full convolution: the "
                "kernel is rotated by 180°, and that by the kernel rotates nothing",
                "flip", 0.1,
            )  # fmt: skip


def _moved_windows(edge: Edge) -> Iterator[Candidate]:
    """A border put on one side only, so that every window starts too late or too early."""
    settings = edge.node.metadata or {}
    pads = settings["padding"]
    for axes in ((0,), (1,), (0, 1)):
        for late in (True, False):

            def change(local: Local, axes: Any = axes, late: bool = late) -> Array:
                borders = [(0, 0), (0, 0)]
                for axis, p in enumerate(pads):
                    sides = (0, 2 * p) if late else (2 * p, 0)
                    borders.append(sides if axis in axes else (p, p))
                x = np.pad(np.asarray(local.args[0]), borders)
                return local.rule(args=local.with_argument(0, x), padding=tuple(0 for _ in pads))

            yield at_edge(
                "kernel-flip", edge, change,
                f"in the gradient of {called(edge.argument)}, the padding is put on one side only, "
                f"so every window starts too {'late' if late else 'early'}",
                f"pad both sides by {pads}", f"one-sided-{axes}-{late}", 0.3,
            )  # fmt: skip


def _inner_windows(local: Local) -> Array:
    """The rule by the kernel with as many outputs as there are windows without padding."""
    settings = local.edge.node.metadata or {}
    sizes = zip(
        np.shape(local.args[0])[2:], np.shape(local.args[1])[2:], settings["stride"],
        settings.get("dilation", (1, 1)), strict=True,
    )  # fmt: skip
    rows, columns = ((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in sizes)
    if rows < 1 or columns < 1:
        raise Inapplicable
    inner = np.asarray(local.g)[:, :, :rows, :columns]
    return local.rule(g=inner, padding=tuple(0 for _ in settings["padding"]))


def _without(setting: str) -> Change:
    """The rule of a convolution with unit stride or dilation, or without taking the padding off
    again."""

    def change(local: Local) -> Array:
        node, argnum = local.edge
        settings = dict(node.metadata or {})
        if setting != "padding":
            return local.rule(**{setting: tuple(1 for _ in settings[setting])})
        if argnum != 0 or node.operation.function is not correlate:  # type: ignore[union-attr]
            return local.rule(padding=tuple(0 for _ in settings["padding"]))
        rows, columns = np.shape(local.args[0])[2:]
        padding = settings.pop("padding")
        size = (rows + 2 * padding[0], columns + 2 * padding[1])
        full = spread(local.g, local.args[1], size=size, padding=(0, 0), **settings)
        return full[:, :, :rows, :columns]

    return change
