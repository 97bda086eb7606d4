"""Pictures of the runs, as PNG: success and cost, edge maps of a digit, mistakes.

Needs Matplotlib; `Figure` is used without pyplot, which would cost half a second and a window.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from networks import EDGES, Array, EdgeMaps
from report import grouped
from training import Run

import tinygrad_lite as tg
from tinygrad_lite.data import Mnist, as_pixels

COLOURS = {"1": "#4477aa", "2": "#ee6677", "3": "#228833", "4": "#aa3377", "cnn": "#555555"}
GREY = "#666666"


def draw_all(runs: list[Run], mnist: Mnist, folder: Path) -> list[Path]:
    """Write every picture into a folder; returns the files."""
    pictures = {"curves.png": curves(runs), "edge-maps.png": edge_maps(mnist.test_images[0])}
    for title, group in grouped(runs).items():
        best = max(group, key=lambda run: run.rates[-1])
        pictures[f"mistakes-{title}.png"] = mistakes(best, mnist)
    for name, figure in pictures.items():
        figure.savefig(folder / name, dpi=110)
    return [folder / name for name in pictures]


def curves(runs: list[Run]) -> Figure:
    """Success rate and average cost on the test images, against the samples seen."""
    # Places are given throughout: laying out automatically takes longer than training a network.
    figure = Figure(figsize=(11, 5.5))
    places = {"left": 0.045, "right": 0.985, "top": 0.93, "bottom": 0.22, "wspace": 0.12}
    rate_axes, cost_axes = figure.subplots(1, 2, gridspec_kw=places)
    for title, group in grouped(runs).items():
        colour = COLOURS[title]
        published = group[0].network.published
        for number, run in enumerate(group):
            label = f"network {title}, published {published}" if published else "convolutions"
            settings = {
                "color": colour,
                "alpha": 1 if len(group) == 1 else 0.6,
                "lw": 1.5,
                "marker": "o" if len(run.rates) < 10 else "",
                "label": label if number == 0 else None,
            }
            rate_axes.plot(run.samples, run.rates, **settings)
            if title != "cnn":  # another cost, in other units
                cost_axes.plot(run.samples, run.costs, **settings)
        if published is not None:
            rate_axes.axhline(published, color=colour, lw=1, ls=(0, (4, 3)), alpha=0.8)
    # By the share of mistakes, as the step from 98 to 99 % is as hard as that from 80 to 90.
    rate_axes.set_yscale("function", functions=(crowded, uncrowded))
    rate_axes.set_ylim(0, 99.6)
    rate_axes.set_yticks([0, 50, 70, 80, 90, 95, 98, 99, 99.5])
    rate_axes.set_title("Success rate on the 10,000 test images, %")
    cost_axes.set_title("Average cost on the test images (squared error)")
    cost_axes.set_yscale("log")
    for which in ("major", "minor"):
        getattr(cost_axes.yaxis, f"set_{which}_formatter")("{x:.2g}")
    for axes in (rate_axes, cost_axes):
        axes.set_xlabel("training samples seen")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = rate_axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="lower center",
        ncols=5,
        frameon=False,
        title="dashed: the published rate",
    )
    if not cost_axes.lines:
        figure.delaxes(cost_axes)
    return figure


def crowded(rate: Array) -> Array:
    """Where a success rate stands on an axis that spreads out the top."""
    return -np.log(np.maximum(100.2 - rate, 1e-3))


def uncrowded(place: Array) -> Array:
    """The success rate at a place on that axis."""
    return 100.2 - np.exp(-place)


def edge_maps(image: Array) -> Figure:
    """A digit, the four patterns laid over it, and where each is found."""
    maps = EdgeMaps()(as_pixels(image[None, None]))[0]
    figure = Figure(figsize=(9, 3.9))
    grid = figure.add_gridspec(
        2, 6, width_ratios=[1.6, 1, 1, 1, 1, 0.08],
        left=0.01, right=0.935, top=0.83, bottom=0.03, wspace=0.08, hspace=0.12,
    )  # fmt: skip
    axes = figure.add_subplot(grid[:, 0])
    axes.imshow(image, cmap="gray_r")
    axes.set_title("a digit, 28x28")
    frames = [axes]
    for column, (name, pattern) in enumerate(EDGES.items(), start=1):
        axes = figure.add_subplot(grid[0, column])
        weights = axes.imshow(pattern, cmap="RdBu_r", norm=TwoSlopeNorm(0, -2, 1))
        axes.set_title(name)
        below = figure.add_subplot(grid[1, column])
        activation = below.imshow(maps[column - 1], cmap="gray_r", vmin=0, vmax=maps.max())
        frames += [axes, below]
    for row, (shown, label) in enumerate([(weights, "weight"), (activation, "activation")]):
        figure.colorbar(shown, cax=figure.add_subplot(grid[row, 5]), label=label)
    for axes in frames:
        axes.set_xticks([])
        axes.set_yticks([])
    figure.suptitle("The fixed edge maps of network 4: ReLU(pattern · pixels - 1), 11x11 each")
    return figure


def mistakes(run: Run, mnist: Mnist, rows: int = 4, columns: int = 10) -> Figure:
    """The test images that a network is most wrong about, the worst first."""
    assert run.final is not None
    confidence = shares(run.final.outputs, logits=run.network.title == "cnn")
    labels, guesses = mnist.test_labels, run.final.guesses
    everyone = np.arange(len(labels))
    excess = confidence[everyone, guesses] - confidence[everyone, labels]
    wrong = np.flatnonzero(guesses != labels)
    worst = wrong[np.argsort(-excess[wrong], kind="stable")][: rows * columns]
    cell, row_height = 32, 46  # pixels; one image of all, as forty axes take a second to lay out
    rows = max(1, -(-len(worst) // columns))
    sheet = np.zeros((rows * row_height, columns * cell), np.uint8)
    figure = Figure(figsize=(columns * 1.05, rows * 1.05 * row_height / cell + 0.5))
    axes = figure.add_axes((0.005, 0, 0.99, rows / (rows + 0.33)))
    for place, index in enumerate(worst):
        top, left = place // columns * row_height, place % columns * cell
        sheet[top + 7 : top + 35, left + 2 : left + 30] = mnist.test_images[index]
        sure = confidence[index, guesses[index]]
        middle = left + cell / 2
        told = f"{labels[index]} taken for {guesses[index]}"
        axes.text(middle, top + 4, told, ha="center", va="center", fontsize=8)
        axes.text(
            middle, top + 39, f"{sure:.0%} sure", ha="center", va="center", fontsize=7, color=GREY
        )
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    axes.axis("off")
    name = (
        "the learned convolutions" if run.network.title == "cnn" else f"network {run.network.title}"
    )
    shown = f", the {len(worst)} worst" if len(worst) < len(wrong) else ""
    figure.suptitle(
        f"{len(wrong):,} mistakes of {name} on {len(labels):,} test images{shown}", y=0.985
    )
    return figure


def shares(outputs: Array, logits: bool) -> Array:
    """How sure a network is of each digit: softmax, or as in the blog its share of all outputs."""
    if logits:
        return tg.softmax(outputs, axis=1)
    return outputs / np.maximum(outputs.sum(axis=1, keepdims=True), 1e-12)
