"""Simulations differentiated by hand: masses on springs, a throw with drag, reaction rates."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf


def springs(masses: int = 4, steps: int = 5, dt: float = 0.1, seed: int = 80) -> SimpleNamespace:
    """A chain of masses, the ends free; the stiffness of each spring is sought."""
    rng = np.random.default_rng(seed)
    x0, v0 = leaf(rng, masses, name="x0"), leaf(rng, masses, name="v0")
    k, goal = leaf(rng, masses - 1, name="k", scale=2.0), rng.normal(size=masses)
    x, v = x0, v0
    xs, vs = [x], [v]
    for _ in range(steps):
        f = k * (x[1:] - x[:-1])
        v = v + dt * (np.pad(f, (0, 1)) - np.pad(f, (1, 0)))
        x = x + dt * v
        xs.append(x)
        vs.append(v)
    cost = 0.5 * ((x - goal) ** 2).sum()
    return SimpleNamespace(**locals())


def adjoint(
    m: SimpleNamespace, *,
    end: Any = lambda m: m.x.data - m.goal,
    force: Any = lambda lv: lv[:-1] - lv[1:],
    stretch: Any = lambda xs, t: xs[t][1:] - xs[t][:-1],
    gather: Any = lambda total, term: total + term,
    velocity: Any = lambda lv, lx, dt: lv + dt * lx,
    both: Any = lambda g: np.pad(g, (1, 0)) - np.pad(g, (0, 1)),
    kick: Any = lambda dt: dt,
) -> Gradients:  # fmt: skip
    xs = [x.data for x in m.xs]
    lx, lv, dk = end(m), np.zeros(m.masses), np.zeros(m.masses - 1)
    for t in reversed(range(m.steps)):
        lv = velocity(lv, lx, m.dt)
        df = kick(m.dt) * force(lv)
        dk = gather(dk, df * stretch(xs, t))
        lx = lx + both(df * m.k.data)
    return {m.x0: lx, m.v0: lv, m.k: dk}


SPRINGS = Domain("springs", springs, adjoint)
SPRINGS.wrong("sign", "action without reaction turned", force=lambda lv: lv[1:] - lv[:-1])
SPRINGS.wrong("one-path", "only the mass on the left", both=lambda g: -np.pad(g, (0, 1)))
SPRINGS.wrong("overwritten-path", "stiffness from one step", gather=lambda total, term: term)
SPRINGS.wrong("shifted-index", "stretch after the step",
              stretch=lambda xs, t: xs[t + 1][1:] - xs[t + 1][:-1])  # fmt: skip
SPRINGS.wrong("factor", "step forgotten in the kick", kick=lambda dt: 1.0)
SPRINGS.wrong("sign", "goal minus position", end=lambda m: m.goal - m.x.data)
SPRINGS.wrong(
    "overwritten-path",
    "the velocity's own past",
    also="one-path",
    velocity=lambda lv, lx, dt: dt * lx,
)
SPRINGS.right("adjoint")
SPRINGS.right("longer", model={"steps": 9, "masses": 5})


def throw(steps: int = 4, dt: float = 0.1) -> SimpleNamespace:
    from tinygrad_lite import Value

    vx0, vy0 = Value(3.0, name="vx0"), Value(4.0, name="vy0")
    drag, g = Value(0.2, name="drag"), Value(9.81, name="g")
    x: Any = 0.0
    y: Any = 0.0
    vx, vy = vx0, vy0
    seen = []
    for _ in range(steps):
        speed = np.sqrt(vx * vx + vy * vy)
        seen.append((vx.data, vy.data, speed.data))
        vx, vy = vx - dt * drag * speed * vx, vy - dt * (g + drag * speed * vy)
        x, y = x + dt * vx, y + dt * vy
    cost = (x - 2.0) ** 2 + (y - 1.0) ** 2
    return SimpleNamespace(**locals())


def landing(
    m: SimpleNamespace, *,
    speed: Any = lambda lx, ly, vx, vy: lx * vx + ly * vy,
    gravity: float = -1.0,
    of_speed: Any = lambda ds, v, s: ds * v / s,
    along: Any = lambda dt: dt,
    gather: Any = lambda total, term: total + term,
) -> Gradients:  # fmt: skip
    c, dt = m.drag.data, m.dt
    px, py = 2 * (m.x.data - 2.0), 2 * (m.y.data - 1.0)
    lx = ly = dc = dg = 0.0
    for vx, vy, s in reversed(m.seen):
        lx, ly = lx + along(dt) * px, ly + along(dt) * py
        dc = gather(dc, -dt * s * (lx * vx + ly * vy))
        dg = gather(dg, gravity * dt * ly)
        ds = -dt * c * speed(lx, ly, vx, vy)
        lx, ly = (
            lx - dt * c * s * lx + of_speed(ds, vx, s), ly - dt * c * s * ly + of_speed(ds, vy, s)
        )  # fmt: skip
    return {m.vx0: lx, m.vy0: ly, m.drag: dc, m.g: dg}


THROW = Domain("throw", throw, landing)
THROW.wrong("one-path", "speed taken for constant", of_speed=lambda ds, v, s: 0.0)
THROW.wrong("sign", "gravity upwards", gravity=1.0)
THROW.wrong("factor", "step forgotten along the way", along=lambda dt: 1.0)
THROW.wrong("overwritten-path", "drag and gravity from one step", gather=lambda total, term: term)
THROW.wrong("derivative-missing", "root of the speed", of_speed=lambda ds, v, s: 2 * ds * v)
THROW.right("landing")
