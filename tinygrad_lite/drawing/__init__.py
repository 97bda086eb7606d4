"""Pictures: graphs with their gradients, networks, images and training curves."""

from tinygrad_lite.drawing.drawing import Drawing, NoDotWarning, draw
from tinygrad_lite.drawing.engines import LayoutError
from tinygrad_lite.drawing.images import draw_images
from tinygrad_lite.drawing.network import draw_network
from tinygrad_lite.drawing.plots import (
    gradient_norms,
    plot_curves,
    plot_gradient_norms,
    plot_histogram,
    plot_training,
)
from tinygrad_lite.drawing.svg import Picture

__all__ = [
    "Drawing",
    "LayoutError",
    "NoDotWarning",
    "Picture",
    "draw",
    "draw_images",
    "draw_network",
    "gradient_norms",
    "plot_curves",
    "plot_gradient_norms",
    "plot_histogram",
    "plot_training",
]
