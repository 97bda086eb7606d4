"""Discrete Fourier transforms."""

import numpy as np

from rules.case import Case, smooth

x5, x6, x34, x234 = smooth(5), smooth(6), smooth(3, 4), smooth(2, 3, 4)
c5, c34, c234 = (smooth(*shape, dtype=complex) for shape in [(5,), (3, 4), (2, 3, 4)])
fft = np.fft

ONE_AXIS = [{}, {"n": 3}, {"n": 8, "norm": "ortho"}, {"norm": "forward"}]
ONE_OF_TWO = [{"axis": 0}, {"n": 5, "axis": 0, "norm": "backward"}]
SEVERAL = [{}, {"norm": "ortho"}, {"axes": (0, 1)}, {"s": (4, 3), "axes": (1, 0)}]

CASES = [
    *(Case(f, [c5], s) for f in (fft.fft, fft.ifft, fft.irfft, fft.hfft) for s in ONE_AXIS),
    *(Case(f, [c34], s) for f in (fft.fft, fft.ifft, fft.irfft, fft.hfft) for s in ONE_OF_TWO),
    *(Case(f, [x5], s) for f in (fft.fft, fft.ifft, fft.irfft) for s in ONE_AXIS),
    *(Case(f, [x], s) for f in (fft.rfft, fft.ihfft) for x in (x5, x6) for s in ONE_AXIS),
    *(Case(f, [x34], s) for f in (fft.rfft, fft.ihfft) for s in ONE_OF_TWO),
    Case(fft.irfft, [c5], {"n": 9}),
    Case(fft.irfft, [c5], {"n": 20}),
    *(
        Case(f, [c234], s)
        for f in (fft.fft2, fft.ifft2, fft.fftn, fft.ifftn, fft.irfft2, fft.irfftn)
        for s in SEVERAL
    ),
    *(Case(f, [x234], s) for f in (fft.rfft2, fft.rfftn, fft.fftn) for s in SEVERAL),
    Case(fft.fftn, [c34], {"s": (-1, 2), "axes": (0, 1)}),
    Case(fft.rfftn, [x234], {"s": (2, -1), "axes": (0, 2)}),
    Case(fft.irfftn, [c234], {"s": (2, 5), "axes": (0, 2)}),
    *(
        Case(f, [x34], s)
        for f in (fft.fftshift, fft.ifftshift)
        for s in [{}, {"axes": 0}, {"axes": (1,)}]
    ),
]
