"""Depth, width, memory and threads."""

import subprocess
import sys
import textwrap
import threading

import numpy as np

from tinygrad_lite import Value


def run(program):
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_a_chain_of_a_million_operations():
    out = run(
        """
        import gc
        import sys
        from tinygrad_lite import Value
        gc.disable()  # the chain must be freed by reference counting alone
        sys.setrecursionlimit(200)
        x = Value(1.0)

        def chain(length):
            y = x
            for _ in range(length):
                y = y * 1.0
            x.grad = None
            y.backward()

        chain(1)  # whatever is set up once
        blocks = sys.getallocatedblocks()
        chain(1_000_000)
        print(x.grad, sys.getallocatedblocks() - blocks)
        """
    )
    assert out[0] == "1.0"
    assert int(out[1]) < 10_000  # Python keeps some to use again; the chain had millions


def test_sixty_doublings_take_linear_time():
    x = Value(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


def test_memory_is_flat_over_ten_thousand_training_steps():
    out = run(
        """
        import gc
        import numpy as np
        from tinygrad_lite import Value
        gc.disable()  # graphs must be freed by reference counting alone
        rng = np.random.default_rng(0)
        x, y = rng.random((20, 30)), rng.random((20, 5))
        w = Value(rng.random((30, 5)))

        def resident():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * 4096

        for step in range(10_000):
            loss = ((np.tanh(x @ w) - y) ** 2).mean()
            w.grad = None
            loss.backward()
            w.data -= 0.1 * w.grad
            if step == 500:
                before = resident()
        print(resident() - before)
        """
    )
    assert int(out[0]) < 2_000_000


def test_four_threads_give_the_single_threaded_results():
    def train(seed, results):
        rng = np.random.default_rng(seed)
        w = Value(rng.standard_normal((4, 4)))
        for _ in range(50):
            x = rng.standard_normal((8, 4))
            loss = (np.tanh(x @ w) ** 2).sum()
            w.grad = None
            loss.backward()
            w.data = w.data - 0.01 * w.grad
        results[seed] = w.data

    alone, together = {}, {}
    for seed in range(4):
        train(seed, alone)
    threads = [threading.Thread(target=train, args=(seed, together)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        np.testing.assert_array_equal(alone[seed], together[seed])


def test_wide_fan_out():
    x = Value(2.0)
    terms = [x * float(i) for i in range(1000)]
    sum(terms).backward()
    assert x.grad == sum(range(1000))
