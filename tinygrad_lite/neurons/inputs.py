"""Images and labels, checked and laid out as a network wants them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.neurons.layer import InputLayer


def as_samples(images: Any, layer: InputLayer) -> tuple[NDArray[np.float64], bool]:
    """Images as float64 of shape (samples, input neurons), and whether there was one sample only.

    Args:
        images: one sample with as many entries as the layer has neurons, or a batch of them along
            the first axis. Pixels are numbers in 0 to 1.

    Raises:
        TypeError: they are bytes (0 to 255) or no numbers.
        ValueError: the shape does not fit the layer, or an entry is NaN or infinite.
    """
    array = data_of(images)
    traced = hasattr(array, "as_dtype")  # while a function is captured, entries cannot be checked
    array = array if traced else np.asarray(array)
    if array.dtype == np.uint8:
        raise TypeError(
            "images hold bytes, but pixels are wanted in 0 to 1: divide by 255, or use "
            "tinygrad_lite.data.as_pixels"
        )
    if array.dtype.kind not in "fiub":
        raise TypeError(f"images hold {array.dtype}, expected numbers")
    size = len(layer)
    batch = array.ndim > 1 and np.prod(array.shape[1:]) == size
    if not batch and array.size != size:
        raise ValueError(
            f"images of shape {array.shape} do not fit {size} input neurons: expected ({size},), "
            f"({layer.height}, {layer.width}), (n, {size}) or (n, {layer.height}, {layer.width})"
        )
    samples = array.astype(np.float64, copy=False).reshape(-1, size)
    if not traced and not np.isfinite(samples).all():
        raise ValueError("images hold NaN or infinite entries")
    return samples, not batch


def signals(images: Any, layer: InputLayer, differentiable: bool) -> list[Any]:
    """What each input neuron is set to: a number for one sample; for a batch a contiguous vector
    over the samples; or a Value, if the images are one or gradients by each neuron are wanted."""
    samples, single = as_samples(images, layer)
    if type(images) is Value:
        columns = images.reshape(-1) if single else images.reshape(samples.shape).T
        return [columns[index] for index in range(len(layer))]
    if hasattr(samples, "as_dtype"):  # traced
        plain = list(samples[0] if single else samples.T)
    else:
        plain = samples[0].tolist() if single else list(np.ascontiguousarray(samples.T))
    if not differentiable:
        return plain
    return [
        Value(signal, f"{neuron.name}.activation")
        for neuron, signal in zip(layer, plain, strict=True)
    ]


def as_targets(labels: Any, samples: int | None, outputs: int) -> list[Any]:
    """The desired activation of each output neuron: a vector over samples, or a number.

    Args:
        labels: integer classes, shape (samples,), or desired activations, (samples, outputs).
        samples: how many, None for a single one, whose labels lack the first axis.
        outputs: how many output neurons there are.

    Raises:
        TypeError: the labels are no numbers.
        ValueError: their shape or range does not fit.
    """
    traced = hasattr(labels, "as_dtype")
    array = labels if traced else np.asarray(labels)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"labels hold {array.dtype}, expected numbers")
    leading = () if samples is None else (samples,)
    if array.shape == leading and array.dtype.kind in "iu":
        wrong = [] if traced else array[(array < 0) | (array >= outputs)]
        if len(wrong):
            raise ValueError(f"label {wrong[0]}, but there are {outputs} output neurons")
        desired = np.equal.outer(np.arange(outputs), array).astype(np.float64)
    elif array.shape == (*leading, outputs):
        desired = np.moveaxis(array.astype(np.float64), -1, 0)
        if not traced and not np.isfinite(desired).all():
            raise ValueError("desired activations hold NaN or infinite entries")
    else:
        raise ValueError(
            f"labels of shape {array.shape}, {array.dtype}: expected integers of shape {leading}, "
            f"or desired activations of shape {(*leading, outputs)}"
        )
    return [float(d) for d in desired] if samples is None else list(desired)
