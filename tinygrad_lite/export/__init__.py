"""Models in files that other programs read."""

from tinygrad_lite.export.errors import ExportError, FileFormatError
from tinygrad_lite.export.graph import Graph
from tinygrad_lite.export.graph_file import save_graph
from tinygrad_lite.export.graph_reader import load_graph
from tinygrad_lite.export.recording import graph_of

__all__ = ["ExportError", "FileFormatError", "Graph", "graph_of", "load_graph", "save_graph"]
