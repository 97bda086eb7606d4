"""Rules of np.fft.

A discrete Fourier transform is a symmetric matrix, so its transpose is itself; no conjugation, as
the pairing of cotangent and change is ``Re(sum(g * change))``. The transforms over several axes
are composed of those over one, as NumPy does it too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lite.engine.rulebook import composed, defvjp

_SWAPPED: dict[Any, Any] = {
    None: "forward",
    "backward": "forward",
    "forward": "backward",
    "ortho": "ortho",
}

# -- one axis --------------------------------------------------------------------------------------


def _resized(x: Any, size: int, axis: int) -> Any:
    """Cropped, or filled up with zeros, to a size along an axis."""
    axis = axis % np.ndim(x)
    have = np.shape(x)[axis]
    if have > size:
        return x[(slice(None),) * axis + (slice(size),)]
    if have < size:
        widths = [(0, size - have if a == axis else 0) for a in range(np.ndim(x))]
        return np.pad(x, widths)
    return x


def _fft_vjp(g: Any, out: Any, x: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    return _resized(np.fft.fft(g, axis=axis, norm=norm), np.shape(x)[axis], axis)


def _ifft_vjp(g: Any, out: Any, x: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    return _resized(np.fft.ifft(g, axis=axis, norm=norm), np.shape(x)[axis], axis)


def _rfft_vjp(g: Any, out: Any, x: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    size = np.shape(x)[axis] if n is None else n
    whole = np.fft.fft(_resized(g, size, axis), axis=axis, norm=norm)
    return _resized(np.real(whole), np.shape(x)[axis], axis)


def _irfft_vjp(g: Any, out: Any, x: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    size = np.shape(g)[axis]
    half = np.conj(np.fft.rfft(g, axis=axis, norm=_SWAPPED[norm]))
    # Frequencies other than 0 and, if the size is even, the highest stand for two.
    twice = np.full(size // 2 + 1, 2.0, dtype=g.dtype)
    twice[0] = 1
    if size % 2 == 0:
        twice[-1] = 1
    along = [-1 if a == axis % np.ndim(g) else 1 for a in range(np.ndim(g))]
    return _resized(half * twice.reshape(along), np.shape(x)[axis], axis)


defvjp(np.fft.fft, _fft_vjp)
defvjp(np.fft.ifft, _ifft_vjp)
defvjp(np.fft.rfft, _rfft_vjp)
defvjp(np.fft.irfft, _irfft_vjp)


@composed(np.fft.hfft)
def _hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    size = 2 * (np.shape(a)[axis] - 1) if n is None else n
    return np.fft.irfft(np.conj(a), size, axis, _SWAPPED[norm])


@composed(np.fft.ihfft)
def _ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    return np.conj(np.fft.rfft(a, n, axis, _SWAPPED[norm]))


# -- several axes ----------------------------------------------------------------------------------


def _pairs(a: Any, s: Any, axes: Any, halved: bool = False) -> list[tuple[Any, int]]:
    """Size and axis of each transform; the last is the one between real and half a spectrum."""
    if axes is None:
        axes = range(-np.ndim(a) if s is None else -len(s), 0)
    sizes = [-1] * len(axes) if s is None else list(s)
    if len(sizes) != len(axes):
        raise ValueError(f"a transform over axes {tuple(axes)} takes as many sizes, not s={s}")
    sizes = [np.shape(a)[axis] if n == -1 else n for n, axis in zip(sizes, axes, strict=True)]
    if halved and s is None:
        sizes[-1] = 2 * (sizes[-1] - 1)
    return list(zip(sizes, axes, strict=True))


def _over(transform: Any, a: Any, pairs: list[tuple[Any, int]], norm: Any) -> Any:
    for n, axis in reversed(pairs):
        a = transform(a, n, axis, norm)
    return a


@composed(np.fft.fftn)
def _fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    return _over(np.fft.fft, a, _pairs(a, s, axes), norm)


@composed(np.fft.ifftn)
def _ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    return _over(np.fft.ifft, a, _pairs(a, s, axes), norm)


@composed(np.fft.rfftn)
def _rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    *others, (n, axis) = _pairs(a, s, axes)
    return _over(np.fft.fft, np.fft.rfft(a, n, axis, norm), others, norm)


@composed(np.fft.irfftn)
def _irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    *others, (n, axis) = _pairs(a, s, axes, halved=True)
    return np.fft.irfft(_over(np.fft.ifft, a, others, norm), n, axis, norm)


@composed(np.fft.fft2)
def _fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    return _fftn(a, s, axes, norm)


@composed(np.fft.ifft2)
def _ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    return _ifftn(a, s, axes, norm)


@composed(np.fft.rfft2)
def _rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    return _rfftn(a, s, axes, norm)


@composed(np.fft.irfft2)
def _irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    return _irfftn(a, s, axes, norm)


# -- order of frequencies --------------------------------------------------------------------------


@composed(np.fft.fftshift)
def _fftshift(x: Any, axes: Any = None) -> Any:
    return _shifted(x, axes, lambda size: size // 2)


@composed(np.fft.ifftshift)
def _ifftshift(x: Any, axes: Any = None) -> Any:
    return _shifted(x, axes, lambda size: -(size // 2))


def _shifted(x: Any, axes: Any, by: Any) -> Any:
    listed = tuple(range(np.ndim(x))) if axes is None else tuple(np.atleast_1d(axes).tolist())
    return np.roll(x, tuple(by(np.shape(x)[axis]) for axis in listed), listed)
