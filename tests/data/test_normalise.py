"""Drawings as MNIST would have them, held against MNIST itself, SciPy, and the shared vectors."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import center_of_mass

from tinygrad_lite.data import as_pixels, load_mnist, normalise_drawing

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def digits():
    return as_pixels(load_mnist(HERE.parents[1] / "examples" / "digits" / "data").test_images[:200])


@given(zoom=st.integers(1, 12), top=st.integers(0, 40), left=st.integers(0, 40))
def test_digits_of_mnist_come_back(digits, zoom, top, left):
    """They are normalised already, so enlarging and moving them changes nothing."""
    for digit in digits[zoom::50]:
        ink = np.zeros((28 * zoom + 50, 28 * zoom + 60))
        ink[top : top + 28 * zoom, left : left + 28 * zoom] = np.kron(digit, np.ones((zoom, zoom)))
        # Faint pixels at the border are left out.
        np.testing.assert_allclose(normalise_drawing(ink), digit, atol=0.05)


@given(
    rows=st.integers(1, 90), columns=st.integers(1, 90), seed=st.integers(0, 9),
    share=st.floats(0.02, 1),
)  # fmt: skip
def test_ink_fills_the_box_around_its_centre_of_mass(rows, columns, seed, share):
    generator = np.random.default_rng(seed)
    ink = generator.random((rows, columns)) * (generator.random((rows, columns)) < share)
    picture = normalise_drawing(ink)
    kept = np.argwhere(ink >= 0.05)
    if not len(kept):
        assert not picture.any()
        return
    (top, left), (bottom, right) = kept.min(axis=0), kept.max(axis=0)
    scale = 20 / max(bottom - top + 1, right - left + 1)
    inside = ink[top : bottom + 1, left : right + 1]
    # No ink is lost: the area grows by the square of the scale, wherever it lies.
    assert picture.sum() == pytest.approx(inside.sum() * scale**2, rel=1e-4)
    for axis, centre in enumerate(center_of_mass(picture)):
        lines = picture.any(axis=1 - axis)
        # Within half a pixel of the middle, unless ink would have gone over the edge.
        assert abs(centre - 14) <= 0.5 + 1e-4 or lines[0] or lines[27]
    assert picture.min() >= 0 and picture.max() <= 1 + 1e-6


def test_the_aspect_ratio_is_kept():
    ink = np.zeros((200, 200))
    ink[50:150, 80:105] = 1  # four times as high as wide
    rows, columns = normalise_drawing(ink).nonzero()
    assert np.ptp(rows) + 1 == 20
    assert np.ptp(columns) + 1 == 5


def test_lopsided_ink_stays_inside():
    ink = np.zeros((50, 50))
    ink[49, :] = ink[0, 0] = 1
    picture = normalise_drawing(ink)
    assert picture.sum() == pytest.approx(ink.sum() * 0.4**2, rel=1e-5)
    assert picture[0, :].sum() > 0 or picture[27, :].sum() == 0


@pytest.mark.parametrize(
    "ink, says",
    [
        (np.zeros(4), r"expected the axes \(rows, columns\), found shape \(4,\)"),
        (np.full((2, 2), 255), "expected entries from 0 to 1, found 255 to 255"),
        (np.full((2, 2), np.nan), "expected entries from 0 to 1, found nan to nan"),
        (np.full((2, 2), -0.1), "expected entries from 0 to 1, found -0.1 to -0.1"),
    ],
)
def test_what_is_no_ink_is_refused(ink, says):
    with pytest.raises(ValueError, match=says):
        normalise_drawing(ink)


def test_nothing_is_all_zeros():
    assert not normalise_drawing(np.zeros((280, 280))).any()
    assert not normalise_drawing(np.zeros((0, 0))).any()


def test_shared_vectors_are_up_to_date():
    """The page's normaliser is tested with the same file."""
    vectors = json.loads((HERE / "drawings.json").read_text())
    assert len(vectors) == 12
    for vector in vectors:
        ink = np.frombuffer(base64.b64decode(vector["ink"]), np.uint8)
        ink = ink.reshape(vector["rows"], vector["columns"])
        wanted = np.frombuffer(base64.b64decode(vector["picture"]), "<f4").reshape(28, 28)
        np.testing.assert_allclose(normalise_drawing(ink / 255), wanted, atol=1e-6)
