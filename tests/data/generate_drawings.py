"""Writes `drawings.json`: drawings with their normalised pictures, for implementations of
`normalise_drawing` in other languages to be held against. The inks are bytes, 255 for full ink.

python tests/data/generate_drawings.py
"""

import base64
import json
from pathlib import Path

import numpy as np

from tinygrad_lite.data import load_mnist, normalise_drawing

HERE = Path(__file__).parent


def inks():
    """Drawings by name: what is plain, what is symmetric to the pixel, and what is awkward."""
    generator = np.random.default_rng(0)
    upright = np.zeros((100, 60), np.uint8)
    upright[10:90, 25:35] = 255
    yield "upright", upright
    yield "lying", upright.T.copy()
    even = np.zeros((40, 40), np.uint8)
    even[4:36, 4:36] = 200  # its centre of mass is between two pixels
    yield "even square", even
    dot = np.zeros((30, 30), np.uint8)
    dot[17, 5] = 255
    yield "one pixel", dot
    corner = np.zeros((64, 64), np.uint8)
    corner[:, 0] = corner[63, :] = 255
    yield "along the edges", corner
    heavy = np.zeros((50, 50), np.uint8)
    heavy[40:, :] = 255
    heavy[:40, 0] = 255
    yield "heavy at the bottom", heavy
    faint = np.zeros((32, 32), np.uint8)
    faint[8:24, 12:20] = 180
    faint[0, 0] = faint[31, 31] = 12  # less than counts for the box
    faint[4, 16] = 13  # and just enough
    yield "faint specks", faint
    yield "nothing", np.zeros((20, 30), np.uint8)
    yield "noise", generator.integers(0, 256, (37, 53)).astype(np.uint8)
    yield "smaller than the box", generator.integers(0, 256, (9, 6)).astype(np.uint8)
    digits = load_mnist(HERE.parents[1] / "examples" / "digits" / "data").test_images
    for number in (0, 61):
        large = np.zeros((100, 120), np.uint8)
        large[9:93, 27:111] = np.kron(digits[number], np.ones((3, 3), np.uint8))
        yield f"digit {number}", large


def document():
    """What the file holds."""
    return [
        {
            "name": name,
            "rows": len(ink),
            "columns": ink.shape[1],
            "ink": base64.b64encode(ink.tobytes()).decode(),
            "picture": base64.b64encode(
                normalise_drawing(ink / 255).astype("<f4").tobytes()
            ).decode(),
        }
        for name, ink in inks()
    ]


if __name__ == "__main__":
    rows = ",\n".join(json.dumps(row) for row in document())
    (HERE / "drawings.json").write_text(f"[\n{rows}\n]\n")
