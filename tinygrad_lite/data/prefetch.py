"""Preparing what comes next in a thread, while the last is being used."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

_END = object()


def ahead(iterator: Iterator[Any], count: int) -> Iterator[Any]:
    """What an iterator gives, up to `count` of it prepared ahead by one thread.

    An exception arrives where it would have without the thread. When the consumer stops early,
    the thread ends with the one that it is preparing.

    >>> list(ahead(iter(range(5)), 2))
    [0, 1, 2, 3, 4]
    """
    # Here, as its import takes longer than that of everything else in this package.
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1, "tinygrad_lite prefetch")
    try:
        waiting = deque(pool.submit(next, iterator, _END) for _ in range(count))
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(pool.submit(next, iterator, _END))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)
