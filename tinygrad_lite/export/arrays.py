"""Arrays as JSON: dtype, shape, and the entries as base64 of little-endian bytes in C order."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import numpy as np

from tinygrad_lite.export.errors import FileFormatError

Array = np.ndarray[Any, Any]

DTYPES = ("float32", "float64", "float16", "int64", "int32", "uint8", "bool")


def encoded(array: Array) -> dict[str, Any]:
    """An array as a JSON object.

    >>> encoded(np.array([1.0], np.float32))
    {'dtype': 'float32', 'shape': [1], 'data': 'AACAPw=='}
    """
    array = np.asarray(array)
    bytes_in_order = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False).tobytes()
    return {
        "dtype": str(array.dtype),
        "shape": list(array.shape),
        "data": base64.b64encode(bytes_in_order).decode("ascii"),
    }


def decoded(entry: Any, place: str) -> Array:
    """The array in a JSON object.

    Args:
        entry: what `encoded` gave.
        place: where it stands, for errors.

    Raises:
        FileFormatError: it is no such object, or the number of bytes does not fit.
    """
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data"}:
        raise FileFormatError(f"{place}: expected an object with dtype, shape and data")
    dtype, shape, data = entry["dtype"], entry["shape"], entry["data"]
    if dtype not in DTYPES:
        raise FileFormatError(f"{place}: dtype {dtype!r} is none of {', '.join(DTYPES)}")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise FileFormatError(f"{place}: shape {shape!r} is not a list of sizes")
    try:
        content = base64.b64decode(data, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise FileFormatError(f"{place}: data is not base64") from None
    kind = np.dtype(dtype).newbyteorder("<")
    expected = math.prod(shape) * kind.itemsize
    if len(content) != expected:
        raise FileFormatError(
            f"{place}: {len(content)} bytes of data, expected {expected} for {dtype} of shape "
            f"{shape}"
        )
    return np.frombuffer(content, kind).reshape(shape).astype(kind.newbyteorder("="))
