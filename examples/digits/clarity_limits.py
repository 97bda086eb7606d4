"""What the limits of the draw-a-digit page are read off: how digits measure.

python examples/digits/clarity_limits.py     half a minute; needs npm ci in examples/digits/web

The page takes a drawing for no digit where a measure is beyond what digits keep to
(`web/src/drawing/clarity.ts`). This prints each limit beside the value that 3 in 10,000 are beyond,
of 20,000 training images of MNIST and of as many that were changed as for the training of the
page's network. The page's own code measures, by `web/measure.mjs`.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import numpy as np
from commandline import HERE, Parser, fail, seed
from numpy.typing import NDArray
from train_page import AUGMENT

from tinygrad_lite.data import as_pixels, load_mnist

WEB = HERE / "web"
LIMIT = re.compile(r'^  \["(\w+)", ([-.\d]+), ([-.\d]+|Infinity), "\w+"\],$', re.M)


def main() -> None:
    parser = Parser(__doc__)
    parser.add_argument("--count", type=int, default=20_000, metavar="N", help="images (20000)")
    parser.add_argument("--beyond", type=int, default=3, metavar="N", help="in 10,000 (3)")
    parser.add_argument("--seed", type=seed, default=0, metavar="S", help="of the changes (0)")
    asked = parser.parse_args()
    images = load_mnist(HERE / "data").train_images[: asked.count]
    changed = AUGMENT(as_pixels(images)[:, None], np.random.default_rng(asked.seed))
    changed_bytes = np.rint(255 * changed[:, 0].clip(0, 1)).astype(np.uint8)
    measures = measured(np.concatenate([images, changed_bytes]))
    share = asked.beyond / 10_000
    print(f"{2 * len(images):,} digits, of which {asked.beyond} in 10,000 are below and above:")
    for name, least, most in limits():
        values = measures[name]
        low, high = np.quantile(values, [share, 1 - share])
        outside = 10_000 * np.mean([values < least, values > most], axis=1)
        print(
            f"{name:13}  {low:7.3f} {high:7.3f}   limits {least:5g} {most:5g}, beyond them "
            f"{outside[0]:3.1f} and {outside[1]:3.1f} in 10,000"
        )


def limits(source: Path = WEB / "src" / "drawing" / "clarity.ts") -> list[tuple[str, float, float]]:
    """The page's limits: measure, least, most."""
    found = LIMIT.findall(source.read_text(encoding="utf-8"))
    return [(name, float(least), float(most)) for name, least, most in found]


def measured(pictures: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """The page's measures of pictures, shape (N, 28, 28): by name, an array of shape (N,)."""
    try:
        done = subprocess.run(
            ["node", "measure.mjs"], cwd=WEB, input=np.ascontiguousarray(pictures).tobytes(),
            capture_output=True, check=True,
        )  # fmt: skip
    except FileNotFoundError:
        fail("this needs Node, as building the page does")
    except subprocess.CalledProcessError as error:
        fail(f"measure.mjs failed; is npm ci done in {WEB}? {error.stderr.decode()[-300:]}")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


if __name__ == "__main__":
    main()
