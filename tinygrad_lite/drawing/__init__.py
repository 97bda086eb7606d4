"""Pictures: graphs with their gradients, networks, images and training curves."""

from tinygrad_lite.drawing.drawing import Drawing, NoDotWarning, draw
from tinygrad_lite.drawing.engines import LayoutError

__all__ = ["Drawing", "LayoutError", "NoDotWarning", "draw"]
