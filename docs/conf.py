"""Sphinx: ``sphinx-build -W docs docs/_build`` builds the site, without a network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import tinygrad_lite

project = "tinygrad_lite"
author = copyright = "The tinygrad_lite authors"
version = release = tinygrad_lite.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"tinygrad_lite {release}"
html_favicon = None
html_show_sphinx = False
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
# Examples are sessions of Python whatever the fence says.
highlight_language = "python3"
# Single backticks in docstrings are code.
default_role = "literal"
autodoc_default_options = {"members": True, "undoc-members": False, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
suppress_warnings = ["ref.python"]  # attributes of the same name, such as weight
