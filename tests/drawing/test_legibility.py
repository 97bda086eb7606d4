"""Pictures can be read: contrast, shades that differ, and a gallery without overlaps."""

import importlib.util
import re
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tinygrad_lite.drawing.palette import THEMES

DOCS = Path(__file__).parents[2] / "docs"
SVG = "{http://www.w3.org/2000/svg}"

# How a dichromat sees linear RGB: Viénot, Brettel and Mollon, "Digital video colourmaps for
# checking the legibility of displays by dichromats" (Color Research & Application 24, 1999).
SEEN = {
    "usual": np.eye(3),
    "protanope": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranope": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


def linear(colour):
    parts = np.frombuffer(bytes.fromhex(colour[1:]), np.uint8) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(a, b):
    """Of the Web Content Accessibility Guidelines 2.2."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def lab(rgb):
    """CIE L*a*b* of linear sRGB, white point D65."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_text_contrasts_with_whatever_is_behind_it(theme):
    fills = ("paper", "operation", "leaf", "output", "given", "group", "box", "wrong")
    for fill in fills:
        assert contrast(theme.ink, getattr(theme, fill)) >= 7
        assert contrast(theme.faint, getattr(theme, fill)) >= 4.5
    for line in (theme.wrong_line, theme.nan, theme.exploding, theme.vanishing):
        assert contrast(line, theme.paper) >= 3


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_shades_grow_steadily_away_from_the_paper(theme):
    steps = [contrast(shade, theme.paper) for shade in theme.shades]
    assert steps == sorted(steps)
    assert all(b / a > 1.08 for a, b in pairwise(steps))


@pytest.mark.parametrize("eye", SEEN)
@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_kinds_of_gradient_differ_for_every_eye(theme, eye):
    colours = [theme.shades[-3], theme.exploding, theme.zero, theme.nan]
    seen = [lab(np.array(SEEN[eye]) @ linear(colour)) for colour in colours]
    for a, b in combinations(seen, 2):
        assert np.linalg.norm(a - b) > 20
    signs = [lab(np.array(SEEN[eye]) @ linear(c)) for c in (theme.positive, theme.negative)]
    assert np.linalg.norm(signs[0] - signs[1]) > 40


def gallery():
    specification = importlib.util.spec_from_file_location("gallery", DOCS / "generate_pictures.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_gallery_is_made_by_the_code_of_its_page(monkeypatch, dot):
    monkeypatch.chdir(DOCS.parent)
    made = gallery().pictures()
    page = (DOCS / "pictures.md").read_text(encoding="utf-8")
    shown = re.findall(r"\(pictures/(\w+)\.svg\)", page)
    assert sorted(shown) == sorted(made)
    for name, picture in made.items():
        assert (DOCS / "pictures" / f"{name}.svg").exists()
        svg = picture.svg if hasattr(picture, "svg") else picture.pipe("svg").decode()
        root = ElementTree.fromstring(svg)
        assert_nothing_overlaps(name, root)
        sizes = {float(t.get("font-size")) for t in root.iter(f"{SVG}text") if t.get("font-size")}
        assert min(sizes, default=12) >= 9, name


def assert_nothing_overlaps(name, root):
    """Boxes of a graph lie apart."""
    boxes = []
    for group in root.iter(f"{SVG}g"):
        if group.get("class") != "node":
            continue
        shape = next(e for e in group.iter() if e.tag in (f"{SVG}polygon", f"{SVG}path"))
        numbers = re.findall(r"-?[\d.]+", shape.get("points") or shape.get("d"))
        points = np.array(numbers, dtype=float).reshape(-1, 2)
        boxes.append((points.min(axis=0), points.max(axis=0)))
    for (low, high), (low2, high2) in combinations(boxes, 2):
        assert (high <= low2).any() or (high2 <= low).any(), name
