"""Networks, images and plots: what is in the SVG, read back."""

import base64
import importlib.util
import io
import re
import shutil
import sys
from xml.etree import ElementTree

import matplotlib
import matplotlib.image
import numpy as np
import pytest

from conftest import missing
from tinygrad_lite import (
    Value,
    draw_images,
    draw_network,
    gradient_norms,
    nn,
    plot_curves,
    plot_gradient_norms,
    plot_histogram,
    plot_training,
)
from tinygrad_lite.drawing import LayoutError
from tinygrad_lite.drawing.png import coloured, png
from tinygrad_lite.drawing.svg import Picture
from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer

matplotlib.use("Agg")
SVG = "{http://www.w3.org/2000/svg}"


def read(picture):
    assert isinstance(picture, Picture)
    return ElementTree.fromstring(picture.svg)


def texts(root):
    return [element.text for element in root.iter(f"{SVG}text")]


def pixels_of(element):
    data = base64.b64decode(element.get("href").partition(",")[2])
    return np.rint(matplotlib.image.imread(io.BytesIO(data))[..., :3] * 255).astype(np.uint8)


# -- images --------------------------------------------------------------------------------------


def test_png_is_read_back_as_it_was_written():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 11, 3), dtype=np.uint8)
    again = matplotlib.image.imread(io.BytesIO(png(pixels)))
    np.testing.assert_array_equal(np.rint(again[..., :3] * 255), pixels)


def test_colours_tell_sign_and_size():
    pixels = coloured(np.array([[-2.0, 0.0, 1.0, np.nan]]), "#0000ff", "#ffffff", "#ff0000", 2.0)
    assert pixels[0].tolist() == [[0, 0, 255], [255, 255, 255], [255, 128, 128], [0, 0, 0]]


@pytest.mark.parametrize(
    "array, shape, count",
    [
        (np.zeros((8, 1, 5, 5)), None, 8),
        (np.zeros((4, 3, 5, 5)), None, 12),
        (np.zeros((6, 9, 9)), None, 6),
        (np.zeros((9, 9)), None, 1),
        (np.zeros((16, 784)), (28, 28), 16),
        (np.zeros((784, 16)), (28, 28), 16),
        (np.zeros(784), (28, 28), 1),
        (np.zeros((600, 4, 4)), None, 256),
    ],
)
def test_every_image_is_drawn(array, shape, count):
    root = read(draw_images(Value(array), shape=shape))
    assert len(list(root.iter(f"{SVG}image"))) == count
    if array.shape[0] == 600:
        assert any("344 more images not shown" in text for text in texts(root))


def test_weights_of_a_unit_are_its_column():
    weights = np.zeros((4, 3))
    weights[:, 1] = [1.0, -1.0, 0.0, 1.0]
    images = list(read(draw_images(weights, shape=(2, 2))).iter(f"{SVG}image"))
    pixels = pixels_of(images[1])
    assert pixels[0, 0].tolist() == pixels[1, 1].tolist() != pixels[0, 1].tolist()
    assert pixels[1, 0].tolist() == [255, 255, 255]
    assert pixels_of(images[0]).min() == 255


def test_arrays_without_images_are_refused():
    with pytest.raises(ValueError, match="no axis of that length"):
        draw_images(np.zeros((3, 10)), shape=(3, 3))
    with pytest.raises(ValueError, match="two to four axes"):
        draw_images(np.zeros(5))


# -- networks ------------------------------------------------------------------------------------


def small_network():
    network = Network([InputLayer(3), HiddenLayer(2), OutputLayer(2)])
    network.connect_adjacent_layers()
    return network


def test_every_neuron_is_a_bulb_and_every_connection_a_line():
    network = small_network()
    weights = [-1.0, 2.0, 0.5, 1.0, -3.0, 0.25, 1.0, 1.0, -1.0, 0.0]
    for connection, weight in zip(network.connections, weights, strict=True):
        connection.weight = weight
    root = read(draw_network(network, [0.0, 0.5, 1.0]))
    told = [title.text for title in root.iter(f"{SVG}title")]
    lamps = [t for t in told if "activation" in t]
    assert len(lamps) == 7
    lines = [p for p in root.iter(f"{SVG}path") if p.find(f"{SVG}title") is not None]
    assert len(lines) == 10
    by_weight = {}
    for line in lines:
        weight = float(re.search(r"weight (\S+)", line.find(f"{SVG}title").text)[1])
        by_weight[weight] = line
        assert (line.get("stroke-dasharray") is not None) == (weight < 0)
    assert by_weight[-1.0].get("stroke") == by_weight[-3.0].get("stroke")
    assert by_weight[1.0].get("stroke") != by_weight[-1.0].get("stroke")
    assert float(by_weight[-3.0].get("stroke-width")) > float(by_weight[0.25].get("stroke-width"))


def test_brightness_is_the_activation_of_the_sample():
    network = small_network()
    root = read(draw_network(network, [0.0, 0.5, 1.0]))
    fills = {}
    for circle in root.iter(f"{SVG}circle"):
        title = circle.find(f"{SVG}title")
        if title is not None and "layers[0]" in title.text:
            fills[title.text[-3:]] = int(circle.get("fill")[1:3], 16)
    assert [*fills.values()] == sorted(fills.values()) and len(set(fills.values())) == 3
    outputs = [float(neuron.activation.data) for neuron in network.output_layer]
    shown = [float(text.split()[1]) for text in texts(root) if re.fullmatch(r"\d +[\d.e-]+", text)]
    assert shown == pytest.approx(outputs, abs=1e-4)


def test_large_network_draws_what_matters_and_says_how_many():
    network = Network([InputLayer(28, 28), HiddenLayer(16), OutputLayer(10)])
    network.connect_adjacent_layers()
    image = np.zeros((28, 28))
    image[10:12, 5:20] = 1.0
    root = read(draw_network(network, image))
    lines = [p for p in root.iter(f"{SVG}path") if p.find(f"{SVG}title") is not None]
    assert 100 < len(lines) <= 300
    assert any(text.startswith("12,704 connections") for text in texts(root))
    sources = [re.match(r"layers\[0\]\[(\d+)\]", line[0].text) for line in lines]
    lit = {10 * 28 + x for x in range(5, 20)} | {11 * 28 + x for x in range(5, 20)}
    assert {int(source[1]) for source in sources if source} <= lit


class Small(nn.Module):
    def __init__(self):
        generator = np.random.default_rng(0)
        self.conv = nn.Conv2d(1, 4, 3, generator=generator)
        self.pool = nn.MaxPool2d(2)
        self.out = nn.Linear(4 * 3 * 3, 5, generator=generator)

    def forward(self, x):
        x = self.pool(self.conv(x).relu())
        return self.out(x.reshape(len(x), -1))


def test_layers_of_a_model_with_shapes_parameters_and_images():
    model = Small()
    root = read(draw_network(model, np.ones((2, 1, 8, 8), np.float32)))
    shown = texts(root)
    assert {"conv", "pool", "out", "relu"} <= set(shown)
    assert "→ 2 × 4 × 6 × 6" in shown and "→ 2 × 5" in shown
    assert "40 parameters" in shown and "185 parameters" in shown
    assert any(text.startswith("225 parameters in") for text in shown)
    # Four kernels, and four channels of convolution, relu and pooling.
    assert len(list(root.iter(f"{SVG}image"))) == 16


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="got int"):
        draw_network(3)
    with pytest.raises(TypeError, match="needs a sample"):
        draw_network(Small())
    with pytest.raises(TypeError, match="nothing was recorded"):
        draw_network(lambda x: x, np.ones(3))


# -- plots ---------------------------------------------------------------------------------------


def line(root, number=0):
    lines = list(root.iter(f"{SVG}polyline"))
    pairs = [pair.split(",") for pair in lines[number].get("points").split()]
    return np.array(pairs, dtype=float)


def test_a_curve_goes_where_its_numbers_are():
    root = read(plot_curves({"y": ([0.0, 1.0, 4.0], [1.0, 3.0, 2.0])}))
    points = line(root)
    x, y = points[:, 0], points[:, 1]
    assert (x[2] - x[0]) / (x[1] - x[0]) == pytest.approx(4, abs=0.02)
    assert (y[1] - y[0]) / (y[2] - y[0]) == pytest.approx(2, abs=0.02)
    assert y[1] < y[0]  # upwards


def test_ticks_stand_at_their_numbers():
    root = read(plot_curves({"y": ([0.0, 10.0], [0.0, 1.0])}))
    points = line(root)
    ticks = {
        t.text: float(t.get("x")) for t in root.iter(f"{SVG}text") if t.get("font-size") == "11"
    }
    ends = points[0, 0], points[1, 0]
    assert ticks["4"] == pytest.approx(ends[0] + 0.4 * (ends[1] - ends[0]), abs=0.1)


def test_log_scale_spaces_powers_of_ten_evenly_and_leaves_out_what_it_cannot_show():
    root = read(plot_curves({"g": [1e-8, 1e-5, 1e-2, 0.0, np.nan, 10.0]}, log=True))
    points = line(root)
    assert len(points) == 4
    heights = -np.diff(points[:3, 1])
    assert heights[0] == pytest.approx(heights[1], abs=0.2)


def test_long_curves_keep_their_peaks():
    y = np.zeros(100_000)
    y[77_777] = 5.0
    root = read(plot_curves({"y": y.tolist()}))
    points = line(root)
    assert len(points) < 3000
    assert points[:, 1].min() < points[:, 1].max() - 100


@pytest.mark.parametrize(
    "curves", [{}, {"y": []}, {"y": [1.0]}, {"y": [np.nan]}, {"y": [0.0, 0.0]}]
)
def test_little_or_nothing_can_be_plotted(curves):
    for log in (False, True):
        read(plot_curves(curves, log=log))


def test_training_has_a_panel_for_costs_and_one_for_rates():
    history = {"costs": [3.0, 2.0, 1.0, 0.5], "tested_after": [2, 4], "success_rates": [0.5, 0.9]}
    root = read(plot_training(history))
    assert {"cost", "success rate, %"} <= set(texts(root))
    assert len(list(root.iter(f"{SVG}polyline"))) == 2
    assert len(line(root, 0)) == 4 and len(line(root, 1)) == 2


def test_plots_go_on_matplotlib_axes_too():
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots(2, 2)
    history = {"costs": [3.0, 2.0], "tested_after": [2], "success_rates": [0.9]}
    plot_training(history, axes=axes[0])
    plot_gradient_norms({"a": [1.0, 1e-9]}, axes=axes[1, 0])
    plot_histogram({"w": np.arange(5.0)}, bins=5, axes=axes[1, 1])
    assert axes[0, 0].lines[0].get_ydata().tolist() == [3.0, 2.0]
    assert axes[0, 1].lines[0].get_ydata().tolist() == [90.0]
    assert axes[1, 0].get_yscale() == "log"
    assert max(axes[1, 1].lines[0].get_ydata()) == 1


def test_gradient_norms_by_layer():
    w, b, other = Value(np.array([3.0, 4.0])), Value(np.array([2.0])), Value(1.0)
    ((w * w).sum() / 2 + b.sum() * 12 + other * 0.0).backward()
    named = {"hidden.weight": w, "hidden.bias": b, "out": other}
    norms = gradient_norms(named)
    assert norms == gradient_norms(iter(named.items()))
    assert norms == {"hidden": 13.0, "out": 0.0}
    vanishing = read(plot_gradient_norms({"hidden": [1.0, 1e-7]}))
    assert "vanishing" in texts(vanishing)


def test_histogram_counts_every_entry():
    entries = np.random.default_rng(0).normal(size=1000)
    entries[:3] = np.nan
    root = read(plot_histogram({"w": Value(entries)}, bins=20))
    points = line(root)
    counts, _ = np.histogram(entries[3:], bins=20)
    heights = points[:, 1].max() - points[::2, 1]
    top = counts.max()
    assert heights / heights.max() * top == pytest.approx(
        counts - counts.min() * 0, abs=top * 0.02 + 1
    )


@pytest.mark.parametrize("name", ["a<b>&\"'", "\x00\ud800\n", "x" * 1000])
def test_no_name_breaks_a_picture(name):
    read(plot_curves({name: [1.0, 2.0], "b": [1.0]}, title=name, x_label=name, y_label=name))
    read(draw_images(np.ones((2, 2, 2)), titles=[name], title=name))
    read(draw_network(small_network(), title=name))


def test_pictures_are_saved_as_png_and_pdf(tmp_path):
    if shutil.which("rsvg-convert") is None and importlib.util.find_spec("cairosvg") is None:
        missing("rsvg-convert, apt-get install librsvg2-bin, or cairosvg: pip install cairosvg")
    picture = plot_curves([1.0, 3.0, 2.0])
    saved = matplotlib.image.imread(picture.save(tmp_path / "a.png"))
    assert saved.shape[:2] == (picture.height, picture.width)
    assert picture.save(tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


def test_without_a_converter_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(LayoutError, match=r"nothing here makes png .*librsvg2-bin.*cairosvg") as e:
        plot_curves([1.0, 2.0]).save(tmp_path / "a.png")
    assert "\n" not in str(e.value)
    assert not (tmp_path / "a.png").exists()


def test_a_single_curve_or_array_needs_no_name():
    alone, named = plot_curves([1.0, 3.0, 2.0]), plot_curves({"": [1.0, 3.0, 2.0]})
    assert alone.svg == named.svg
    entries = np.array([0.0, 0.1, 1.0])
    assert plot_histogram(Value(entries)).svg == plot_histogram({"": entries}).svg


def test_pictures_are_saved_as_svg_or_page(tmp_path):
    picture = plot_curves({"y": [1.0, 2.0]}, theme="dark")
    assert picture.save(tmp_path / "a.svg").read_text() == picture.svg == picture._repr_svg_()
    assert picture.svg in picture.save(tmp_path / "a.html").read_text()
    with pytest.raises(ValueError, match=r"end the name with .svg, .png, .pdf or .html"):
        picture.save(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="theme='x' must be one of light, dark"):
        plot_curves({}, theme="x")


@pytest.mark.parametrize("title", ["", "A network"])
def test_every_text_of_a_network_is_inside_the_picture(title):
    picture = draw_network(small_network(), title=title)
    for text in read(picture).iter(f"{SVG}text"):
        assert 8 < float(text.get("y")) < picture.height - 4
        assert 0 <= float(text.get("x")) < picture.width
