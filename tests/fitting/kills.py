"""Kill a training run at random moments, resume it, and compare what it ends with.

python tests/fitting/kills.py [KILLS] [SEED] [--capture]

Prints what was found, and exits with 1 if a resume failed, ended with other bits, or left a file.
Each run is a process forked from this one, which spares it the imports: POSIX alone.
"""

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # as the test suite has it
from killable import fingerprint, train

EPOCHS = 8


class Process:
    """A run in a process of its own."""

    def __init__(self, checkpoint, capture):
        self.told, end = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            code = 1
            try:
                result = train(checkpoint, EPOCHS, capture)
                os.write(end, fingerprint(*result).encode())
                code = 0
            finally:  # an exception has no other place to go: nothing of the parent may run here
                if code:
                    sys.excepthook(*sys.exc_info())
                os._exit(code)
        os.close(end)

    def kill(self):
        """Kill it; whether it was still running."""
        os.kill(self.pid, signal.SIGKILL)
        if not os.WIFSIGNALED(self.status()):
            return False
        os.close(self.told)
        return True

    def status(self):
        if not hasattr(self, "_status"):
            _, self._status = os.waitpid(self.pid, 0)
        return self._status

    def ending(self):
        """The fingerprint that it ends with, left alone."""
        if self.status():
            raise SystemExit("a run failed; see above")
        with os.fdopen(self.told) as told:
            return told.read()


def kill(kills, folder, seed=0, capture=False):
    """Kill and resume.

    Returns:
        The fingerprint of a run that nobody killed, those of all runs that were killed and came to
        their end, how many kills hit a checkpoint that was being written, and the files left.
    """
    moments = np.random.default_rng(seed)
    began = time.monotonic()
    undisturbed = Process(folder / "undisturbed", capture).ending()
    duration = time.monotonic() - began
    path = folder / "checkpoint"
    endings, writing = [], 0
    while kills:
        process = Process(path, capture)
        time.sleep(moments.uniform(0, 0.6 * duration))
        if process.kill():
            kills -= 1
            writing += any(entry.name.startswith(".checkpoint.") for entry in folder.iterdir())
            if kills:
                continue
            process = Process(path, capture)
        endings.append(process.ending())
        path.unlink()
    return undisturbed, endings, writing, sorted(entry.name for entry in folder.iterdir())


def main():
    numbers = [int(word) for word in sys.argv[1:] if not word.startswith("--")]
    kills, seed = (numbers + [200, 0][len(numbers) :])[:2]
    with tempfile.TemporaryDirectory() as folder:
        undisturbed, endings, writing, left = kill(
            kills, Path(folder), seed, "--capture" in sys.argv
        )
    other = sum(found != undisturbed for found in endings)
    print(
        f"{kills} kills, {writing} of them while a checkpoint was written; {len(endings)} runs "
        f"came to their end, {other} of them with other bits than the run that nobody killed; "
        f"files left: {', '.join(name for name in left if name != 'undisturbed') or 'none'}"
    )
    return 1 if other or left != ["undisturbed"] else 0


if __name__ == "__main__":
    sys.exit(main())
