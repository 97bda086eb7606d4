"""Recognise handwritten digits: train the blog's four networks, and learned convolutions.

python examples/digits/train.py                          all five networks, about two minutes
python examples/digits/train.py --network 4              only the edge maps
python examples/digits/train.py --quick                  everything, in seconds, to see it work
python examples/digits/train.py --seeds 0 1 2 3 4 5 6 7  how much depends on chance
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# The products here are small: a second thread gains little alone, and beside another program that
# keeps a core busy the two wait for each other, which has cost a factor of six. Before NumPy comes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import report
from commandline import HERE, Parser, fail, load, seed
from networks import NETWORKS
from training import Run, recipe_of, train

from tinygrad_lite.data import Mnist
from tinygrad_lite.nn import init


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line, checked."""
    parser = Parser(__doc__)
    add = parser.add_argument
    add(
        "--network", "--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS),
        metavar="N", dest="networks", help="which: 1 2 3 4 cnn (all)",
    )  # fmt: skip
    add(
        "--seed", "--seeds", nargs="+", type=seed, default=[0], metavar="S", dest="seeds",
        help="one run for each: sets the initial weights and the shuffling (0)",
    )  # fmt: skip
    add(
        "--init", choices=["blog", "quiet"], default="blog",
        help="initial weights of networks 1 to 4: blog, uniform in [-0.5, 0.5); quiet, Glorot's "
        "with outputs that start low, so that none gets stuck (blog)",
    )  # fmt: skip
    add("--quick", action="store_true", help="a short run, to see that everything works")
    add("--data", type=Path, metavar="DIR", help="folder with the MNIST files (beside this script)")
    add(
        "--output", type=Path, metavar="DIR", default=HERE / "output",
        help="folder for pictures and tables (output, beside this script)",
    )  # fmt: skip
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Train what was asked for, and write what came of it."""
    asked = options(arguments)
    try:
        asked.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(f"cannot write to {asked.output}: {error.strerror}")
    mnist = load(asked.data)
    runs = [
        run_one(title, seed, asked, mnist)
        for title in dict.fromkeys(asked.networks)
        for seed in dict.fromkeys(asked.seeds)
    ]
    tell(runs, asked)
    draw(runs, mnist, asked.output)


def run_one(title: str, seed: int, asked: argparse.Namespace, mnist: Mnist) -> Run:
    """Train one network from one seed."""
    generator = np.random.default_rng(seed)
    quiet = asked.init == "quiet"
    network = NETWORKS[title](init.glorot_uniform if quiet else init.uniform, generator)
    recipe = recipe_of(network, asked.quick)
    try:
        return train(network, recipe, mnist, generator, report.ProgressBar(), seed, quiet)
    except FloatingPointError as error:
        fail(str(error))


def tell(runs: list[Run], asked: argparse.Namespace) -> None:
    """The tables, on the terminal and as a file."""
    print(f"\n{report.plain(report.table(runs))}")
    if asked.quick:
        print("(a quick run: too short to compare with the published rates)")
    by_seed = report.table_of_seeds(runs)
    if len(set(asked.seeds)) > 1:
        print(f"\nsuccess rate by seed, a star for every saturated output\n{report.plain(by_seed)}")
    silent = [] if asked.quick else report.silent_lines(runs)
    if silent:
        print("\n" + "\n".join(silent))
        if asked.init == "blog":
            print("(--init quiet starts where no output gets stuck)")
    notes = "".join(f"\n- {line}" for line in silent)
    tables = f"{report.markdown(report.table(runs))}\n\n{report.markdown(by_seed)}\n{notes}\n"
    (asked.output / "rates.md").write_text(tables, encoding="utf-8")


def draw(runs: list[Run], mnist: Mnist, folder: Path) -> None:
    """The pictures, if Matplotlib is there."""
    try:
        import pictures
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        print(f'\nno pictures without Matplotlib: pip install "tinygrad-lite[plots]"; {folder} has '
              f"the tables")  # fmt: skip
        return
    written = pictures.draw_all(runs, mnist, folder)
    print(f"\nin {folder}: rates.md, {', '.join(path.name for path in written)}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print("\ntrain.py: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
