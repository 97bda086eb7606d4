"""Models in files that other programs read: weights, graphs, ONNX."""

from tinygrad_lite.export.errors import ExportError, FileFormatError
from tinygrad_lite.export.graph import Graph
from tinygrad_lite.export.graph_file import save_graph
from tinygrad_lite.export.graph_reader import load_graph
from tinygrad_lite.export.onnx_file import onnx
from tinygrad_lite.export.recording import graph_of
from tinygrad_lite.export.weights import load, load_notes, save

__all__ = [
    "ExportError",
    "FileFormatError",
    "Graph",
    "graph_of",
    "load",
    "load_graph",
    "load_notes",
    "onnx",
    "save",
    "save_graph",
]
