"""The page on which one draws a digit and a network names it, and the server that shows it.

`page/index.html` is built from `examples/digits/web`, and opens from disk as well.
"""

from tinygrad_lite.demo.serving import PAGE, page_with, server_of

__all__ = ["PAGE", "page_with", "server_of"]
