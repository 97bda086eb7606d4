"""Physics: energies, trajectories and fits, whose gradients are forces or sensitivities."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from corpus.wrong_gradients.case import Domain, Gradients, leaf, named
from tinygrad_lite import Value


def pendulum(steps: int = 5, seed: int = 0) -> SimpleNamespace:
    """Semi-implicit Euler of a pendulum; how far its end is from where it should be."""
    dt = 0.1
    k, theta0, omega0 = Value(9.0, name="k"), Value(0.6, name="theta0"), Value(-0.2, name="omega0")
    theta: Any = theta0
    omega: Any = omega0
    thetas = []
    for _ in range(steps):
        thetas.append(theta)
        omega = omega - dt * k * np.sin(theta)
        theta = theta + dt * omega
    cost = (theta - 0.3) ** 2
    return SimpleNamespace(**locals())


def adjoint(
    m: SimpleNamespace, *, slope: Any = math.cos, sign: float = 1.0,
    parameter: Any = sum, error: float = 2.0, coupling: float = 1.0,
) -> Gradients:  # fmt: skip
    a, b, dk = error * (m.theta.data - 0.3), 0.0, []
    for theta in reversed(m.thetas):
        b += coupling * m.dt * a
        dk.append(-sign * m.dt * math.sin(theta.data) * b)
        a -= sign * m.dt * m.k.data * slope(theta.data) * b
    return {m.k: parameter(dk), m.theta0: a, m.omega0: b}


PENDULUM = Domain("pendulum", pendulum, adjoint)
PENDULUM.wrong("sign", "the force pulls the wrong way", sign=-1.0)
PENDULUM.wrong("overwritten-path", "only the first step's share of k", parameter=lambda t: t[-1])
PENDULUM.wrong("factor", "the 2 of the square", error=1.0)
PENDULUM.wrong("derivative-missing", "the cosine left out", slope=lambda theta: 1.0)
PENDULUM.right("adjoint")
PENDULUM.right("ten steps", model={"steps": 10})
PENDULUM.right("cosine by half angles", slope=lambda t: 1 - 2 * math.sin(t / 2) ** 2)


def lennard_jones(seed: int = 0, n: int = 5) -> SimpleNamespace:
    """Energy of particles on a line, pairwise 4 e ((s/r)^12 - (s/r)^6)."""
    rng = np.random.default_rng(seed)
    r = named(Value(rng.uniform(1.0, 2.0, n)), "r")
    e, s = Value(0.7, name="e"), Value(1.1, name="s")
    u = named((s / r) ** 6, "u")
    cost = np.sum(4 * e * (u**2 - u))
    return SimpleNamespace(**locals())


def forces(
    m: SimpleNamespace, *, power: Any = lambda m: -6 * m.u.data / m.r.data,
    pair: Any = lambda m: 4 * m.e.data * (2 * m.u.data - 1), depth: Any = np.sum,
) -> Gradients:  # fmt: skip
    du = pair(m)
    return {
        m.u: du,
        m.r: du * power(m),
        m.s: float(np.sum(du * 6 * m.u.data / m.s.data)),
        m.e: float(depth(4 * (m.u.data**2 - m.u.data))),
    }


FORCES = Domain("forces", lennard_jones, forces)
FORCES.wrong("sign", "attraction for repulsion", power=lambda m: 6 * m.u.data / m.r.data)
FORCES.wrong("wrong-operand", "one power of the distance too few", power=lambda m: -6 * m.u.data)
FORCES.wrong("averaged-batch", "mean over the pairs", depth=np.mean)
FORCES.right("forces")
FORCES.right("written with powers of the distance", power=lambda m: -6 * m.s.data**6 / m.r.data**7)
FORCES.right("seven pairs", model={"n": 7, "seed": 4})


def springs(n: int = 6, seed: int = 0) -> SimpleNamespace:
    """A chain of masses: kinetic and spring energy, with differences of neighbours."""
    rng = np.random.default_rng(seed)
    x = leaf(rng, n, name="x")
    stiffness = leaf(rng, n - 1, name="stiffness", scale=1.0)
    stretch = named(x[1:] - x[:-1], "stretch")
    cost = 0.5 * np.sum(stiffness * stretch**2)
    return SimpleNamespace(**locals())


def tension(
    m: SimpleNamespace, *, left: float = -1.0, right: float = 1.0, half: float = 0.5,
    shift: int = 0,
) -> Gradients:  # fmt: skip
    pull = m.stiffness.data * m.stretch.data
    dx = np.zeros(m.n)
    dx[1:] += right * np.roll(pull, shift)
    dx[:-1] += left * np.roll(pull, shift)
    return {m.x: dx, m.stiffness: half * m.stretch.data**2}


SPRINGS = Domain("springs", springs, tension)
SPRINGS.wrong("sign", "both ends pulled the same way", left=1.0)
SPRINGS.wrong("one-path", "only the right neighbour", left=0.0)
SPRINGS.wrong("factor", "half forgotten", half=1.0)
SPRINGS.right("tension")
SPRINGS.right("ten masses", model={"n": 10, "seed": 2})
