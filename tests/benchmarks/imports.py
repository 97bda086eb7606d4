"""How much `import tinygrad_lite` adds to `import numpy`: fresh processes, taken in turns.

python tests/benchmarks/imports.py
"""

import os
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 15


def milliseconds(modules: str, cache: str) -> float:
    """Time that importing the modules took in a new process that finds compiled bytecode."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    program = (
        f"import time; start = time.perf_counter(); import {modules}; "
        f"print((time.perf_counter() - start) * 1000)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return float(result.stdout)


def main() -> None:
    """Print the medians."""
    alone, together = [], []
    with tempfile.TemporaryDirectory() as cache:
        milliseconds("numpy, tinygrad_lite", cache)  # compiles
        for _ in range(ROUNDS):
            alone.append(milliseconds("numpy", cache))
            together.append(milliseconds("numpy, tinygrad_lite", cache))
    added = statistics.median(b - a for a, b in zip(alone, together, strict=True))
    print(f"import numpy: {statistics.median(alone):.0f} ms")
    print(f"import tinygrad_lite adds: {added:.0f} ms")


if __name__ == "__main__":
    main()
