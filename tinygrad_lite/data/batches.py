"""Mini-batches: rows of several arrays, or of a stream, drawn together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_lite.data.augment import Transform
from tinygrad_lite.data.prefetch import ahead

Array = NDArray[Any]
Batch = tuple[Array, ...]


class Source:
    """What `Batches` and `Stream` have in common: passes of batches, and where a pass stands.

    Everything random in a pass follows from the state of two generators at its beginning, so that
    state and the number of batches taken say where it stands.
    """

    def __init__(
        self,
        batch_size: int,
        seed: int | np.random.Generator | None,
        transform: Callable[..., Any] | None,
        augment: Transform | None,
        prefetch: int,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size: expected at least 1, found {batch_size}")
        if augment is not None and seed is None:
            raise ValueError(
                f"{type(self).__name__}: augment draws at random, so give a seed with it"
            )
        if prefetch < 0:
            raise ValueError(
                f"{type(self).__name__}: prefetch must not be negative, but is {prefetch}"
            )
        self._batch_size = batch_size
        # default_rng(None) would seed from the system: two runs would differ without a word.
        self._seed = seed
        self._generator = None if seed is None else np.random.default_rng(seed)
        # A child of its own, so that augmentation does not change the order of the rows.
        self._augmenter = self._generator.spawn(1)[0] if augment and self._generator else None
        self._transform = transform
        self._augment = augment
        self._prefetch = prefetch
        self._started = self._generator_states()
        self._taken = 0
        self._skip = 0

    def raw_batches(self, generator: np.random.Generator | None, skip: int) -> Iterator[Batch]:
        """The batches of a pass after the first `skip`, as they are before any change."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Batch]:
        self._started, self._taken, self._skip = self._generator_states(), self._skip, 0
        # All that a pass draws from these two is drawn here, so that one that is left early, with
        # batches prepared ahead, does not change the next.
        raw = self.raw_batches(self._generator, self._taken)
        key = None if self._augmenter is None else int(self._augmenter.integers(1 << 62))
        batches = self._changed(raw, self._taken, key)
        for batch in ahead(batches, self._prefetch) if self._prefetch else batches:
            self._taken += 1
            yield batch
        self._started, self._taken = self._generator_states(), 0

    def __repr__(self) -> str:
        seed = "a generator" if isinstance(self._seed, np.random.Generator) else self._seed
        told = [f"batch_size={self._batch_size}", f"seed={seed}"]
        told += [f"augment={self._augment!r}"] if self._augment is not None else []
        return f"{type(self).__name__}({', '.join(told)})"

    def state_dict(self) -> dict[str, Any]:
        """Where the latest pass stands, in plain numbers that JSON can hold.

        Batches prepared ahead and not yet taken count as not taken. A pass has ended when the loop
        over it has, not when its last batch was taken.
        """
        return {
            "generators": self._started, "batches_taken": self._taken, "sizes": self.sizes()
        }  # fmt: skip

    def sizes(self) -> dict[str, Any]:
        """What decides which rows are in which batch, the order aside."""
        return {"batch_size": self._batch_size}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on as after `state_dict`: the next pass is the rest of that one.

        Raises:
            ValueError: the state is of a source with other sizes, or of one that shuffles or
                augments where this one does not, or the other way round.
        """
        own, given = self._generator_states(), state["generators"]
        if any((given.get(name) is None) != (own[name] is None) for name in own):
            raise ValueError(
                f"the state was saved by {_told(given)}, and this {type(self).__name__} is "
                f"{_told(own)}: make it as it was then"
            )
        for name, size in self.sizes().items():
            if state["sizes"].get(name) != size:
                raise ValueError(
                    f"the state was saved with {name}={state['sizes'].get(name)}, and this "
                    f"{type(self).__name__} has {name}={size}: make it as it was then"
                )
        for generator, before in (
            (self._generator, given["order"]), (self._augmenter, given["augment"])
        ):  # fmt: skip
            if generator is not None:
                generator.bit_generator.state = before
        self._started, self._taken = given, int(state["batches_taken"])
        self._skip = self._taken

    def _generator_states(self) -> dict[str, Any]:
        return {
            name: None if generator is None else generator.bit_generator.state
            for name, generator in (("order", self._generator), ("augment", self._augmenter))
        }

    def _changed(self, batches: Iterator[Batch], first: int, key: int | None) -> Iterator[Batch]:
        """The batches after transform and augmentation; the number of the first is given."""
        for number, batch in enumerate(batches, first):
            if self._transform is not None:
                changed = self._transform(*batch)
                batch = changed if isinstance(changed, tuple) else (changed,)
            if self._augment is not None and key is not None:
                # From the number alone, so that a pass can go on from any batch.
                generator = np.random.default_rng((key, number))
                batch = (self._augment(batch[0], generator), *batch[1:])
            yield batch


class Batches(Source):
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
        transform: function of the rows of each array that returns what to yield instead, such as
            ``lambda images, labels: (as_pixels(images), labels)``.
        augment: changes the first array of every batch at random, after `transform`, such as
            `Affine`; needs a seed.
        prefetch: batches to prepare ahead in a thread. Pays where preparing a batch takes about
            as long as using it and a core is free.

    Yields:
        A tuple with the rows of each array, shape (batch_size, ...), dtypes unchanged.

    Raises:
        TypeError: something other than a NumPy array is given.
        ValueError: the lengths differ, no array is given, an array has no dimension,
            `batch_size` or `samples` is out of range, or `augment` has no seed.

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
        *arrays: Array,
        batch_size: int,
        seed: int | np.random.Generator | None = None,
        samples: int | None = None,
        drop_last: bool = False,
        transform: Callable[..., Any] | None = None,
        augment: Transform | None = None,
        prefetch: int = 0,
    ) -> None:
        rows = common_length("Batches", arrays)
        if samples is not None and not 0 <= samples <= rows:
            raise ValueError(f"samples: expected 0 to {rows}, the number of rows, found {samples}")
        super().__init__(batch_size, seed, transform, augment, prefetch)
        self._arrays = arrays
        self._rows = rows
        self._samples = rows if samples is None else samples
        self._drop_last = drop_last

    def __len__(self) -> int:
        """Number of batches in a pass."""
        full, rest = divmod(self._samples, self._batch_size)
        return full + (rest > 0 and not self._drop_last)

    def sizes(self) -> dict[str, Any]:
        """What decides which rows are in which batch, the order aside."""
        more = {"rows": self._rows, "samples": self._samples, "drop_last": self._drop_last}
        return super().sizes() | more

    def raw_batches(self, generator: np.random.Generator | None, skip: int) -> Iterator[Batch]:
        """The batches of a pass after the first `skip`, as they are before any change."""
        order = None if generator is None else generator.permutation(self._rows)
        return (self._rows_of(number, order) for number in range(skip, len(self)))

    def _rows_of(self, number: int, order: Array | None) -> Batch:
        start = number * self._batch_size
        rows = slice(start, min(start + self._batch_size, self._samples))
        return tuple(array[rows if order is None else order[rows]] for array in self._arrays)


class Stream(Source):
    """Mini-batches of rows that a function yields one after another, such as lines of a file.

    Args:
        rows: function that returns the rows of a pass: an array or a number each, or tuples of
            them. Called anew for each pass; with a seed it is given a generator to draw from.
        batch_size, drop_last, transform, augment, prefetch: as of `Batches`.
        seed: an integer, or a Generator to share; None if nothing is drawn.

    Yields:
        A tuple of arrays, shape (batch_size, ...).

    Raises:
        TypeError: `rows` is no function: one that yields can be run again, its generator cannot.
        ValueError: `batch_size` is out of range, or `augment` has no seed.

    >>> def points(generator):
    ...     for _ in range(100):
    ...         x = generator.uniform(-1, 1, 2)
    ...         yield x, int(x[0] > x[1])
    >>> [x.shape for x, label in Stream(points, batch_size=40, seed=0)]
    [(40, 2), (40, 2), (20, 2)]
    """

    def __init__(
        self,
        rows: Callable[..., Iterable[Any]],
        *,
        batch_size: int,
        seed: int | np.random.Generator | None = None,
        drop_last: bool = False,
        transform: Callable[..., Any] | None = None,
        augment: Transform | None = None,
        prefetch: int = 0,
    ) -> None:
        if not callable(rows):
            raise TypeError(
                f"Stream: expected a function that returns the rows of a pass, found "
                f"{type(rows).__name__}: pass the function itself, not what it returned"
            )
        super().__init__(batch_size, seed, transform, augment, prefetch)
        self._source = rows
        self._drop_last = drop_last

    def raw_batches(self, generator: np.random.Generator | None, skip: int) -> Iterator[Batch]:
        """The batches of a pass after the first `skip`, as they are before any change."""
        drawing = () if generator is None else (np.random.default_rng(generator.integers(1 << 62)),)
        return self._gathered(iter(self._source(*drawing)), skip)

    def _gathered(self, rows: Iterator[Any], skip: int) -> Iterator[Batch]:
        for _ in islice(rows, skip * self._batch_size):
            pass
        while gathered := list(islice(rows, self._batch_size)):
            if len(gathered) < self._batch_size and self._drop_last:
                return
            if isinstance(gathered[0], tuple):
                yield tuple(np.stack(column) for column in zip(*gathered, strict=True))
            else:
                yield (np.stack(gathered),)


def common_length(asker: str, arrays: tuple[Array, ...]) -> int:
    """The number of rows that all arrays have.

    Raises:
        TypeError, ValueError: there is none, or something else than arrays.
    """
    if not arrays:
        raise ValueError(f"{asker}: expected at least one array, found none")
    for position, array in enumerate(arrays):
        if not isinstance(array, np.ndarray):
            found = type(array).__name__
            raise TypeError(f"{asker}: expected NumPy arrays, found {found} at position {position}")
    if any(array.ndim == 0 for array in arrays) or len({len(array) for array in arrays}) > 1:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(f"{asker}: expected first dimensions to be equal, found shapes {shapes}")
    return len(arrays[0])


def _told(states: Mapping[str, Any]) -> str:
    names = {"order": "shuffled", "augment": "augmented"}
    told = [word for name, word in names.items() if states.get(name) is not None]
    return " and ".join(told) or "neither shuffled nor augmented"
