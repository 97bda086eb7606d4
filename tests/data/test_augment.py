"""Augmentation: against SciPy's image functions, and against what each is said to draw."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from tinygrad_lite import data

TRANSFORMS = [
    data.Affine(degrees=10, translate=0.1, scale=(0.9, 1.2), shear=15),
    data.Elastic(alpha=30, sigma=4),
    data.Thickness(),
    data.Flip(),
    data.Erase(5),
    data.Noise(0.1),
    data.Compose([data.Thickness(), data.Affine(degrees=5), data.Elastic(), data.Noise(0.1)]),
]


def pictures(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).random(shape).astype(dtype)


def as_scipy_samples(image, warps, generator):
    """The same distortions, looked up by SciPy one after another coordinate by coordinate."""
    size = image.shape
    places = np.indices(size).reshape(2, -1).astype(float)
    matrix, field = np.eye(3), 0.0
    for warp in warps:
        further, moved = (
            method(1, size, generator) for method in (warp.matrices, warp.displacements)
        )
        matrix = matrix if further is None else matrix @ further[0]
        field = field if moved is None else field + moved[:, 0].reshape(2, -1)
    centre = (np.array(size)[:, None] - 1) / 2
    places = matrix[:2, :2] @ (places - centre) + matrix[:2, 2:] + centre + field
    return ndimage.map_coordinates(image, places, order=1, mode="grid-constant").reshape(size)


@given(
    degrees=st.floats(-180, 180),
    across=st.floats(0, 0.4),
    scale=st.floats(0.5, 2),
    shear=st.floats(-60, 60),
    seed=st.integers(0, 99),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    alpha=st.none() | st.floats(0, 60),
)
def test_pixels_come_from_where_scipy_takes_them(degrees, across, scale, shear, seed, size, alpha):
    warps = [data.Affine((degrees, degrees), across, (scale, scale), (shear, shear))]
    if alpha is not None:
        warps.append(data.Elastic(alpha, sigma=3))
    image = pictures(1, *size, dtype=np.float64)
    expected = as_scipy_samples(image[0], warps, np.random.default_rng(seed))
    np.testing.assert_allclose(data.Compose(warps)(image, seed)[0], expected, atol=2e-4)


def test_a_quarter_turn_is_that_of_rot90_and_a_shift_moves_right_and_down():
    image = pictures(1, 9, 9)
    turned = data.Affine(degrees=(90, 90))(image, 0)
    np.testing.assert_allclose(turned[0], np.rot90(image[0]), atol=1e-5)

    class Right(data.Affine):
        """Whole pixels, so that nothing is mixed."""

        def matrices(self, count, size, generator):
            matrices = super().matrices(count, size, generator)
            matrices[:, :2, 2] = -2, -1  # the source is above and left: down by 2, right by 1
            return matrices

    moved = Right()(image, 0)[0]
    np.testing.assert_allclose(moved[2:, 1:], image[0, :-2, :-1], atol=1e-6)
    assert not moved[:2].any() and not moved[:, 0].any()


def test_amounts_are_uniform_over_their_ranges():
    affine = data.Affine(degrees=30, translate=(0.1, 0.3), scale=(0.5, 1.5), shear=(0, 20))
    matrices = affine.matrices(20_000, (10, 20), np.random.default_rng(0))
    forward = np.linalg.inv(matrices)  # from the image to the result: turned, scaled, shifted
    right, down = forward[:, 1, 2], forward[:, 0, 2]
    # A horizontal line stays horizontal under slanting, so its image tells turn and scale.
    along = forward[:, :2, 1]
    scale, angle = np.hypot(*along.T), np.degrees(np.arctan2(-along[:, 0], along[:, 1]))
    for drawn, low, high in (
        (right, -2, 2),
        (down, -3, 3),
        (scale, 0.5, 1.5),
        (angle, -30, 30),
    ):
        assert low <= drawn.min() and drawn.max() <= high
        counts, _ = np.histogram(drawn, bins=5, range=(low, high))
        assert abs(counts - 4000).max() < 300  # five standard deviations
    # Area grows by the square of the scale; slanting keeps it.
    np.testing.assert_allclose(np.linalg.det(forward[:, :2, :2]), scale**2)


def test_elastic_fields_have_the_covariance_of_smoothed_uniform_noise():
    alpha, sigma, size = 34.0, 4.0, 28
    fields = data.Elastic(alpha, sigma).displacements(4000, (size, size), np.random.default_rng(0))
    noise = np.random.default_rng(1).uniform(-1, 1, (2000, 2 * size, 2 * size))
    smoothed = alpha * ndimage.gaussian_filter(noise, (0, sigma, sigma))[:, 14:-14, 14:-14]
    assert fields.shape == (2, 4000, size, size)
    said = alpha / (2 * math.sqrt(3 * math.pi) * sigma)
    assert fields.std() == pytest.approx(said, rel=0.03)
    assert smoothed.std() == pytest.approx(said, rel=0.03)
    for step in (1, 4, 8):
        ours = np.mean(fields[0, :, :, :-step] * fields[0, :, :, step:])
        theirs = np.mean(smoothed[:, :, :-step] * smoothed[:, :, step:])
        assert ours == pytest.approx(theirs, abs=0.06 * said**2)
    down, right = fields
    assert abs(np.mean(down * right)) < 0.03 * said**2


@pytest.mark.parametrize("thin, thick, expected", [(0, 1, "dilation"), (1, 0, "erosion")])
def test_thickness_is_scipys_grey_morphology(thin, thick, expected):
    images = pictures(50, 9, 8, dtype=np.float64)
    plus = ndimage.generate_binary_structure(2, 1)[None]
    extreme = getattr(ndimage, f"grey_{expected}")(images, footprint=plus, mode="nearest")
    changed = data.Thickness(thin, thick)(images, 3)
    # How far each image went, told by its entry that could move furthest.
    went, way = ((a - images).reshape(50, -1) for a in (changed, extreme))
    furthest = np.arange(50), np.abs(way).argmax(axis=1)
    share = went[furthest] / way[furthest]
    assert 0 <= share.min() < 0.1 and 0.9 < share.max() <= 1
    np.testing.assert_allclose(changed, images + share[:, None, None] * (extreme - images))


def test_a_flip_mirrors_about_as_many_as_said_and_leaves_the_others():
    images = pictures(2000, 3, 4)
    flipped = data.Flip(0.3)(images, 0)
    mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2))
    assert ((flipped == images).all(axis=(1, 2)) ^ mirrored).all()
    assert mirrored.mean() == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("size", [1, 4, 5])
def test_a_hole_is_a_square_within_the_image(size):
    images = np.ones((2000, 2, 12, 10), np.float32)
    holes = data.Erase(size)(images, 0) == 0
    assert (holes[:, 0] == holes[:, 1]).all()
    whole = 0
    for hole in holes[:, 0]:
        rows, columns = np.nonzero(hole.any(axis=1))[0], np.nonzero(hole.any(axis=0))[0]
        assert hole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert hole.sum() == len(rows) * len(columns) and max(len(rows), len(columns)) <= size
        whole += hole.sum() == size * size
    assert whole > 100
    assert holes[:, 0].any(axis=0).all()  # every pixel is hit by some


def test_noise_has_the_deviation_said():
    noise = data.Noise(0.25)(np.zeros((50, 40, 40), np.float32), 0)
    assert noise.std() == pytest.approx(0.25, rel=0.01) and abs(noise.mean()) < 0.005


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
@pytest.mark.parametrize("shape", [(5, 28, 28), (5, 1, 12, 10), (3, 3, 6, 7), (0, 28, 28)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_shape_and_dtype_stay_the_seed_decides_and_the_images_given_are_kept(
    transform, shape, dtype
):
    images = pictures(*shape, dtype=dtype)
    before = images.copy()
    once, again, other = (transform(images, seed) for seed in (7, 7, 8))
    assert once.shape == shape and once.dtype == dtype
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(once, again)
    assert not np.shares_memory(once, images)
    if shape[0]:
        assert (once != other).any()


@pytest.mark.parametrize(
    "transform",
    [transform for transform in TRANSFORMS if "Noise" not in repr(transform)],
    ids=repr,
)
def test_channels_of_an_image_change_alike_but_for_noise(transform):
    images = pictures(40, 9, 9)
    channels = transform(np.stack([images, 2 * images], axis=1), 5)
    np.testing.assert_allclose(channels[:, 0], transform(images, 5), atol=1e-6)
    np.testing.assert_allclose(channels[:, 1], 2 * channels[:, 0], rtol=1e-5, atol=1e-6)


def test_compose_runs_other_functions_in_their_place():
    def halve(images, generator):
        return images / 2

    images = pictures(4, 8, 8)
    steps = [data.Affine(degrees=9), halve, data.Affine(degrees=9)]
    generator = np.random.default_rng(2)
    expected = steps[2](steps[0](images, generator) / 2, generator)
    np.testing.assert_array_equal(data.Compose(steps)(images, 2), expected)


@pytest.mark.parametrize("transform", TRANSFORMS[:6], ids=repr)
def test_what_is_no_batch_of_images_is_refused(transform):
    with pytest.raises(TypeError, match=re.escape("found uint8: data.as_pixels(...)")):
        transform(np.zeros((2, 3, 3), np.uint8), 0)
    with pytest.raises(ValueError, match=r"\(N, H, W\) or \(N, C, H, W\), found \(3, 3\)"):
        transform(np.zeros((3, 3)), 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: data.Affine(degrees=(3, -3)), r"degrees=\(3, -3\) must not go from 3 down to -3"),
        (lambda: data.Affine(scale=(0, 1)), "scale=.* must be positive"),
        (lambda: data.Affine(translate=-0.1), "translate=-0.1 must not be negative"),
        (lambda: data.Affine(shear=90), "within 90 degrees"),
        (lambda: data.Elastic(sigma=0), "sigma=0 positive"),
        (lambda: data.Thickness(thick=2), "from 0 to 1"),
        (lambda: data.Flip(2), "probability=2"),
        (lambda: data.Erase(0), "size=0"),
        (lambda: data.Noise(-1), "std=-1"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_compose_takes_functions_only():
    with pytest.raises(TypeError, match="at position 1 is 3"):
        data.Compose([data.Flip(), 3])
