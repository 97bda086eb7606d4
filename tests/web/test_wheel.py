"""The page from an installed wheel, without the repository beside it."""

import http.client
import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from conftest import missing
from tinygrad_lite.demo import PAGE

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder of programs of a new environment with the wheel; nothing is downloaded."""
    try:
        import hatchling  # noqa: F401
    except ImportError:
        missing("hatchling: pip install hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    environment = folder / "environment"
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-index")
    run(*pip, "--no-deps", wheel)
    # NumPy and the like are borrowed. A .pth file in a folder so added is not read: an editable
    # installation there does not come before the wheel.
    own = json.loads(
        run(python, "-c", "import sysconfig, json; print(json.dumps(sysconfig.get_paths()))")
    )
    (Path(own["purelib"]) / "borrowed.pth").write_text(sysconfig.get_paths()["platlib"])
    return environment / "bin"


def run(*command, cwd=None):
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_is_served_from_a_wheel(installed, opened, tmp_path):
    told = "import tinygrad_lite; print(tinygrad_lite.__file__)"
    where = run(installed / "python", "-c", told, cwd=tmp_path)
    assert Path(where).is_relative_to(installed.parent)
    command = [installed / "tinygrad-lite", "demo", "--no-browser"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().split()[4]
            connection = http.client.HTTPConnection(address[7:-1], timeout=60)
            connection.request("GET", "/")
            assert connection.getresponse().read() == PAGE.read_bytes()
            connection.close()
            each = opened(address)
            each.draw([[(80, 66), (200, 66), (165, 150), (140, 230)]])
            assert each.sentence == "That certainly must be 7."
        finally:
            process.terminate()
