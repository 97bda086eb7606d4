"""Mini-batches: rows of several arrays, drawn together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Batches:
    """Iterate over arrays of the same length in mini-batches.

    Each pass (each `for` loop) over a shuffled `Batches` draws a new order; the sequence of
    orders depends on `seed` alone. Without a seed the rows keep their order, and the batches are
    views of the arrays instead of copies.

    Args:
        *arrays: one or more arrays, dtype and trailing dimensions free, first dimensions equal.
        batch_size: rows in a batch. The last batch holds the rest, unless `drop_last`.
        seed: an integer, or a Generator to share; None keeps the rows in order.
        samples: rows in a pass, at most as many as there are; None takes all. A shuffled pass
            draws them without replacement, anew each time.
        drop_last: leave out a last batch that is not full.

    Yields:
        A tuple with the rows of each array, shape (batch_size, ...), dtypes unchanged.

    Raises:
        TypeError: something other than a NumPy array is given.
        ValueError: the lengths differ, no array is given, an array has no dimension, or
            `batch_size` or `samples` is out of range.

    Example:
        >>> images, labels = np.zeros((5, 28, 28), np.uint8), np.arange(5)
        >>> for image_batch, label_batch in Batches(images, labels, batch_size=2):
        ...     print(image_batch.shape, label_batch)
        (2, 28, 28) [0 1]
        (2, 28, 28) [2 3]
        (1, 28, 28) [4]
    """

    def __init__(
        self,
        *arrays: NDArray[Any],
        batch_size: int,
        seed: int | np.random.Generator | None = None,
        samples: int | None = None,
        drop_last: bool = False,
    ) -> None:
        rows = _common_length(arrays)
        if batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, found {batch_size}")
        if samples is not None and not 0 <= samples <= rows:
            raise ValueError(f"samples: expected 0 to {rows}, the number of rows, found {samples}")
        self._arrays = arrays
        self._rows = rows
        self._batch_size = batch_size
        self._samples = rows if samples is None else samples
        self._drop_last = drop_last
        # default_rng(None) would seed from the system: two runs would differ without a word.
        self._generator = None if seed is None else np.random.default_rng(seed)

    def __len__(self) -> int:
        """Number of batches in a pass."""
        full, rest = divmod(self._samples, self._batch_size)
        return full + (rest > 0 and not self._drop_last)

    def __iter__(self) -> Iterator[tuple[NDArray[Any], ...]]:
        order = None if self._generator is None else self._generator.permutation(self._rows)
        for batch in range(len(self)):
            start = batch * self._batch_size
            rows = slice(start, min(start + self._batch_size, self._samples))
            yield tuple(array[rows if order is None else order[rows]] for array in self._arrays)


def _common_length(arrays: tuple[NDArray[Any], ...]) -> int:
    if not arrays:
        raise ValueError("Batches: expected at least one array, found none")
    for position, array in enumerate(arrays):
        if not isinstance(array, np.ndarray):
            found = type(array).__name__
            raise TypeError(f"Batches: expected NumPy arrays, found {found} at position {position}")
    if any(array.ndim == 0 for array in arrays) or len({len(array) for array in arrays}) > 1:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(f"Batches: expected first dimensions to be equal, found shapes {shapes}")
    return len(arrays[0])
