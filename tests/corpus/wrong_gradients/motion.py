"""Motion in steps: an orbit, diffusion on a ring, predators and prey; adjoints by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients
from tinygrad_lite import Value


def orbit(steps: int = 4) -> SimpleNamespace:
    """A planet by semi-implicit Euler; how far it ends from where it was seen."""
    dt, goal = 0.05, np.array([0.8, 0.5])
    gm = Value(1.1, name="GM")
    x0 = Value(np.array([1.0, 0.1]), name="x0")
    v0 = Value(np.array([0.0, 1.05]), name="v0")
    x, v, path = x0, v0, []
    for _ in range(steps):
        path.append(x.data)
        v = v - dt * gm * x / (x * x).sum() ** 1.5
        x = x + dt * v
    path.append(x.data)
    cost = np.sum((x - goal) ** 2)
    return SimpleNamespace(**locals())


def celestial(
    m: SimpleNamespace, *, attract: float = -1.0, radial: float = 3.0, step: Any = lambda m: m.dt,
    collect: Any = sum, late: int = 0,
) -> Gradients:  # fmt: skip
    gx, gv, dgm = 2 * (m.x.data - m.goal), np.zeros(2), []
    for k in reversed(range(m.steps)):
        x = m.path[k + late]
        r2 = x @ x
        gv = gv + step(m) * gx
        dgm.append(-m.dt * gv @ x / r2**1.5)
        pull = np.eye(2) / r2**1.5 - radial * np.outer(x, x) / r2**2.5
        gx = gx + attract * m.dt * m.gm.data * pull @ gv
    return {m.gm: collect(dgm), m.x0: gx, m.v0: gv}


ORBIT = Domain("orbit", orbit, celestial)
ORBIT.wrong("sign", "repelled", attract=1.0)
ORBIT.wrong("one-path", "distance taken for constant", radial=0.0)
ORBIT.wrong("factor", "step size forgotten", step=lambda m: 1.0)
ORBIT.wrong("overwritten-path", "mass from one step", collect=lambda terms: terms[-1])
ORBIT.wrong("shifted-index", "position after the step", late=1)
ORBIT.right("adjoint")
ORBIT.right("longer", model={"steps": 7})


def ring(steps: int = 4, n: int = 8, seed: int = 5) -> SimpleNamespace:
    """Diffusion of heat on a ring with an unknown conductivity."""
    rng = np.random.default_rng(seed)
    dt, start, goal = 0.3, rng.normal(size=n), rng.normal(size=n)
    u0, kappa = Value(start, name="u0"), Value(0.6, name="kappa")
    u, states = u0, []
    for _ in range(steps):
        states.append(u.data)
        u = u + dt * kappa * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
    cost = 0.5 * np.sum((u - goal) ** 2)
    return SimpleNamespace(**locals())


def cooled(
    m: SimpleNamespace, *, left: int = -1, middle: float = 2.0, sign: float = 1.0,
    step: Any = lambda m: m.dt,
) -> Gradients:  # fmt: skip
    g, dkappa = m.u.data - m.goal, 0.0
    for u in reversed(m.states):
        dkappa += step(m) * g @ (np.roll(u, 1) - 2 * u + np.roll(u, -1))
        q = m.dt * m.kappa.data * g
        g = g + sign * (np.roll(q, left) - middle * q + np.roll(q, 1))
    return {m.u0: g, m.kappa: dkappa}


RING = Domain("heat on a ring", ring, cooled)
RING.wrong("shifted-index", "both neighbours on one side", left=1)
RING.wrong("factor", "the 2 of the middle", middle=1.0)
RING.wrong("sign", "heat flows uphill", sign=-1.0)
RING.wrong("factor", "step size forgotten for the conductivity", step=lambda m: 1.0)
RING.right("adjoint")
RING.right("larger ring", model={"n": 12, "seed": 1})


def species(steps: int = 6) -> SimpleNamespace:
    """Predators and prey, both stepped from the same state."""
    h = 0.1
    names = ("growth", "hunting", "feeding", "death")
    rates = [Value(r, name=k) for k, r in zip(names, (1.1, 0.4, 0.1, 0.4), strict=True)]
    prey0, hunters0 = Value(2.0, name="prey0"), Value(1.0, name="hunters0")
    prey, hunters, path = prey0, hunters0, []
    growth, hunting, feeding, death = rates
    for _ in range(steps):
        path.append((prey.data, hunters.data))
        prey, hunters = (
            prey + h * (growth * prey - hunting * prey * hunters),
            hunters + h * (feeding * prey * hunters - death * hunters),
        )
    path.append((prey.data, hunters.data))
    cost = (prey - 2.5) ** 2 + (hunters - 1.2) ** 2
    return SimpleNamespace(**locals())


def survival(
    m: SimpleNamespace, *, late: int = 0, fed: float = 1.0, eaten: float = -1.0,
    collect: Any = sum,
) -> Gradients:  # fmt: skip
    a, b, c, d = (rate.data for rate in m.rates)
    gx, gy = 2 * (m.prey.data - 2.5), 2 * (m.hunters.data - 1.2)
    shares = []
    for k in reversed(range(m.steps)):
        x, y = m.path[k + late]
        shares.append((gx * m.h * x, -gx * m.h * x * y, gy * m.h * x * y, -gy * m.h * y))
        gx, gy = (
            gx + gx * m.h * (a - b * y) + fed * gy * m.h * c * y,
            gy + eaten * gx * m.h * b * x + gy * m.h * (c * x - d),
        )
    by_rate = [collect(terms) for terms in zip(*shares, strict=True)]
    return dict(zip(m.rates, by_rate, strict=True)) | {m.prey0: gx, m.hunters0: gy}


SPECIES = Domain("predators and prey", species, survival)
SPECIES.wrong("shifted-index", "state after the step", late=1)
SPECIES.wrong("one-path", "prey does not feed", fed=0.0)
SPECIES.wrong("sign", "prey is fed by hunters", eaten=1.0)
SPECIES.wrong("overwritten-path", "rates from one step", collect=lambda terms: terms[-1])
SPECIES.right("adjoint")
SPECIES.right("ten steps", model={"steps": 10})
