"""Programs that some tests of pictures need, beside the browser."""

import shutil

import pytest

from conftest import missing


@pytest.fixture(scope="session")
def dot():
    """The system's dot."""
    command = shutil.which("dot")
    return command or missing("Graphviz: apt-get install graphviz")
