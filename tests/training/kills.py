"""Kill a training run at random moments, resume it, and compare what it ends with.

python tests/training/kills.py [KILLS] [SEED] [--capture]

Prints what was found, and exits with 1 if a resume failed, ended with other bits, or left a file.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PROGRAM = Path(__file__).with_name("killable.py")
EPOCHS = 8


def started(checkpoint, *options):
    """The run as a process of its own, at the moment at which it begins to train."""
    process = subprocess.Popen(
        [sys.executable, PROGRAM, checkpoint, str(EPOCHS), *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout.readline() == "training\n", process.communicate()[1]
    return process


def ending(process):
    """What a run that is left alone prints in the end."""
    told, complaint = process.communicate()
    if process.returncode or complaint:
        raise AssertionError(f"the run failed with {process.returncode}: {complaint}")
    return told.strip()


def kill(kills, folder, seed=0, *options):
    """Kill and resume.

    Returns:
        The fingerprint of a run that nobody killed, those of all runs that were killed and came to
        their end, how many kills hit a checkpoint that was being written, and the files left.
    """
    moments = np.random.default_rng(seed)
    began = time.monotonic()
    undisturbed = ending(started(folder / "undisturbed", *options))
    duration = time.monotonic() - began
    path = folder / "checkpoint"
    endings, writing = [], 0
    while kills:
        process = started(path, *options)
        time.sleep(moments.uniform(0, 0.5 * duration))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        if process.wait() == -signal.SIGKILL:
            process.communicate()
            kills -= 1
            writing += any(entry.name.startswith(".checkpoint.") for entry in folder.iterdir())
            if kills:
                continue
            process = started(path, *options)
        endings.append(ending(process))
        path.unlink()
    return undisturbed, endings, writing, sorted(entry.name for entry in folder.iterdir())


def main():
    options = [option for option in sys.argv[1:] if option.startswith("--")]
    numbers = [int(word) for word in sys.argv[1:] if word not in options]
    kills, seed = (numbers + [200, 0][len(numbers) :])[:2]
    with tempfile.TemporaryDirectory() as folder:
        undisturbed, endings, writing, left = kill(kills, Path(folder), seed, *options)
    other = sum(found != undisturbed for found in endings)
    print(
        f"{kills} kills, {writing} of them while a checkpoint was written; {len(endings)} runs "
        f"came to their end, {other} of them with other bits than the run that nobody "
        f"killed; files left: {', '.join(name for name in left if name != 'undisturbed') or 'none'}"
    )
    return 1 if other or left != ["undisturbed"] else 0


if __name__ == "__main__":
    sys.exit(main())
