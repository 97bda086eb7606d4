"""The command line as users have it, in an empty folder."""

import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest

from tinygrad_lite.cli import main


class Result(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def process(tmp_path):
    """Run a command in an empty folder, in a process of its own."""

    def run(*arguments):
        result = subprocess.run(
            [sys.executable, "-W", "error", "-m", "tinygrad_lite.cli", *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        return Result(result.returncode, result.stdout, result.stderr)

    return run


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """The same in this process, as a new one takes half a second to begin."""

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", list(sys.path))
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:  # of the parser
            status = end.code
        return Result(status, *capsys.readouterr())

    return run


@pytest.fixture
def refused(call):
    """Run a command that cannot be carried out, and return the line that says why."""

    def run(*arguments):
        result = call(*arguments)
        assert result.status == 2, result
        assert result.out == ""
        assert result.err.startswith("tinygrad-lite: ") and result.err.count("\n") == 1, result
        return result.err

    return run


@pytest.fixture
def moons(tmp_path):
    """Two classes of points, in FILE.npz."""
    generator = np.random.default_rng(0)
    angle = generator.uniform(0, np.pi, 600)
    which = generator.integers(0, 2, 600)
    x = np.stack([np.cos(angle) + which, np.where(which, 0.5 - np.sin(angle), np.sin(angle))], 1)
    x = (x + generator.normal(size=x.shape) * 0.08).astype(np.float32)
    np.savez(
        tmp_path / "moons.npz", x_train=x[:500], y_train=which[:500], x_test=x[500:],
        y_test=which[500:],
    )  # fmt: skip
    return "moons.npz"


SCRIPT = """
import numpy as np
from tinygrad_lite import Value, nn
from tinygrad_lite.neurons import HiddenLayer, InputLayer, Network, OutputLayer

class Net(nn.Module):
    def __init__(self):
        self.hidden = nn.Linear(2, 16)
        self.output = nn.Linear(16, 2)

    def forward(self, x):
        return self.output(np.tanh(self.hidden(x)))

ready = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))

def neurons():
    network = Network([InputLayer(2), HiddenLayer(5), OutputLayer(2)], seed=0)
    network.connect_adjacent_layers()
    return network

def sized(width):
    return nn.Linear(2, width)

def cost():
    x = Value(2.0, name="x")
    return (x * 3 + 1).tanh()

class Slip(nn.Module):
    def forward(self, x):
        return missing(x)

def broken():
    return 1 / 0

number = 3
"""


@pytest.fixture
def script(tmp_path):
    """A user's script."""
    (tmp_path / "net.py").write_text(SCRIPT)
    return "net.py"
