"""Digits as people draw them: the strokes of several hands, and how they vary.

A hand writes a digit in strokes, parted by a slash; a stroke is a few places x,y that the pen
passes through in a smooth curve, in a box 100 wide and 140 high, y downwards. A place that is given
twice in a row is a corner.
"""

from dataclasses import dataclass

import numpy as np

PAPER = 280

SEVEN = [[(80, 66), (200, 66), (205, 70), (165, 150), (140, 230)]]
"""A plain 7, on paper of 280 by 280."""

_HANDS = {
    0: [
        "52,3 20,22 6,70 22,122 52,137 82,118 94,68 80,20 50,4",
        "60,6 30,10 12,50 12,95 34,132 64,132 86,95 86,45 66,10 48,4",
        "40,8 14,40 8,90 30,130 62,128 84,92 80,40 56,10 36,10",
    ],
    1: [
        "52,2 51,70 50,138",
        "62,2 55,60 44,138",
        "24,36 40,22 54,4 54,4 54,70 53,138",
        "26,32 52,4 52,4 52,70 52,136 / 24,137 52,136 80,136",
    ],
    2: [
        "12,34 28,8 58,4 82,24 78,56 48,94 10,134 10,134 50,133 92,132",
        "14,28 40,4 74,14 82,42 60,82 26,118 12,126 22,112 46,122 90,134",
        "10,22 44,4 80,20 72,60 36,100 10,132 10,132 92,130",
    ],
    3: [
        "14,20 42,4 78,18 74,50 42,64 42,64 78,76 88,106 58,134 12,120",
        "16,10 50,2 80,24 64,54 38,66 70,74 86,102 64,132 30,136 10,124",
        "14,6 80,6 80,6 46,56 46,56 80,72 86,104 58,134 12,122",
    ],
    4: [
        "30,4 20,44 12,82 12,82 50,84 92,80 / 70,8 66,70 62,138",
        "20,6 16,40 18,70 18,70 50,74 84,68 / 82,4 78,70 74,138",
        "66,4 38,46 8,92 8,92 52,92 94,90 / 66,6 66,70 66,138",
    ],
    5: [
        "24,8 20,38 18,60 18,60 50,52 84,70 86,106 54,136 10,124 / 24,8 52,7 86,5",
        "84,6 54,6 26,8 26,8 20,34 16,58 16,58 54,54 84,78 80,114 48,136 10,126",
        "80,4 30,8 30,8 24,56 24,56 60,56 82,84 72,122 36,136 8,120",
    ],
    6: [
        "70,4 36,36 14,84 20,122 50,136 80,118 82,90 54,74 26,88 16,104",
        "60,2 26,44 12,96 30,132 64,132 80,104 62,80 34,84 18,108",
        "78,10 48,14 20,58 12,104 36,134 70,128 82,100 60,78 26,90",
    ],
    7: [
        "10,10 50,8 88,8 88,8 66,64 40,138",
        "12,8 50,10 86,6 86,6 62,60 44,138 / 34,72 60,70 84,68",
        "10,22 14,8 14,8 52,10 90,4 90,4 70,50 56,138",
    ],
    8: [
        "76,22 50,4 22,20 28,48 56,68 82,96 74,128 44,136 16,120 20,92 50,66 78,42 76,20",
        "50,66 24,50 22,20 50,4 78,20 76,50 50,66 20,86 16,120 50,137 84,118 80,86 50,66",
        "66,10 34,8 24,34 50,60 80,90 74,128 36,136 16,110 40,76 70,48 78,24 60,6",
    ],
    9: [
        "82,30 56,4 24,18 18,52 44,72 74,54 84,26 84,26 80,80 72,138",
        "78,20 46,6 20,34 32,66 66,60 82,22 80,80 62,122 26,134",
        "80,34 60,6 26,12 16,44 40,70 72,54 80,30 80,30 80,138",
    ],
}


@dataclass(frozen=True)
class Manner:
    """How a digit is drawn: pen and height in units of the paper, slant to the right, place."""

    name: str
    pen: int = 22
    height: float = 190
    slant: float = 0.0
    place: tuple[float, float] = (140, 140)


MANNERS = [
    Manner("usual"),
    Manner("usual again"),
    Manner("large", height=235),
    Manner("thick", pen=34),
    Manner("very thick", pen=40, height=200),
    Manner("thin", pen=12),
    Manner("very thin", pen=8),
    Manner("small", pen=16, height=90),
    Manner("small in a corner", pen=12, height=80, place=(75, 80)),
    Manner("off-centre", height=150, place=(195, 165)),
    Manner("slanted right", slant=0.28),
    Manner("slanted left", slant=-0.2),
]


@dataclass(frozen=True)
class Drawing:
    """The strokes of a digit: lists of places on the paper, as a mouse passes through them."""

    digit: int
    manner: Manner
    strokes: list[np.ndarray]


def drawings(seed=0):
    """A drawing of each digit in each manner, hands taking turns."""
    generator = np.random.default_rng(seed)
    for digit, hands in _HANDS.items():
        for turn, manner in enumerate(MANNERS):
            yield drawing(digit, hands[turn % len(hands)], manner, generator)


def drawing(digit, hand, manner, generator):
    """What a hand draws, never twice the same."""
    turn = generator.normal(0, np.radians(4))
    width = generator.normal(1, 0.08)
    scale = manner.height / 140
    strokes = []
    for stroke in hand.split("/"):
        places = np.array([place.split(",") for place in stroke.split()], float)
        repeated = np.r_[False, (places[1:] == places[:-1]).all(axis=1)]
        noise = generator.normal(0, 2.4, places.shape)
        noise[repeated] = noise[np.flatnonzero(repeated) - 1]  # corners stay corners
        x, y = (places + noise - (50, 70)).T
        x = x * width - manner.slant * y
        x, y = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
        strokes.append(smooth(np.stack([x, y], axis=1) * scale + manner.place))
    return Drawing(digit, manner, strokes)


def smooth(places, step=30.0):
    """Places about `step` apart on a curve through some (Catmull and Rom's): a mouse moved swiftly,
    as a browser takes no notice of more than a place in every frame."""
    framed = np.concatenate([places[:1], places, places[-1:]])
    parts = []
    for before, start, end, after in zip(
        framed[:-3], framed[1:-2], framed[2:-1], framed[3:], strict=True
    ):
        count = max(1, round(float(np.hypot(*(end - start))) / step))
        t = np.arange(count)[:, None] / count
        slope, next_slope = (end - before) / 2, (after - start) / 2
        parts.append(
            (2 * t**3 - 3 * t**2 + 1) * start + (t**3 - 2 * t**2 + t) * slope
            + (3 * t**2 - 2 * t**3) * end + (t**3 - t**2) * next_slope
        )  # fmt: skip
    return np.clip(np.concatenate([*parts, places[-1:]]), 2, PAPER - 2)
