"""A pendulum's length and friction, found by differentiating through a simulation of it.

A simulation is a long chain of sums and sines, so it has a gradient like any network. Five swings
are filmed (here: simulated, and blurred by errors of measurement); then the length and the friction
are changed until the simulation swings as the film does. `tg.capture` records the thousands of
operations once and replays them as a flat list of NumPy calls.

    python examples/pendulum.py
"""

from __future__ import annotations

import time

import numpy as np
from common import figure, options, save

import tinygrad_lite as tg
from tinygrad_lite import optim

GRAVITY, STEP, BLUR = 9.81, 0.05, 0.02  # m/s², s, rad
TRUTH = np.array([0.8, 0.25])  # length in m, friction in 1/s
STARTS = np.array([0.3, 0.8, 1.4, 2.0, 2.6])  # angles, at rest, in rad


def simulate(parameters, steps: int):
    """Angles at every step, shape (steps, swings), by the classical Runge-Kutta method."""
    length, friction = parameters[0], parameters[1]
    pull = GRAVITY / length

    def speeding(angle, speed):
        return -pull * np.sin(angle) - friction * speed

    angle, speed, angles = STARTS, np.zeros_like(STARTS), []
    for _ in range(steps):
        v1, a1 = speed, speeding(angle, speed)
        v2 = speed + STEP / 2 * a1
        a2 = speeding(angle + STEP / 2 * v1, v2)
        v3 = speed + STEP / 2 * a2
        a3 = speeding(angle + STEP / 2 * v2, v3)
        v4 = speed + STEP * a3
        a4 = speeding(angle + STEP * v3, v4)
        angle = angle + STEP / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
        speed = speed + STEP / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
        angles.append(angle)
    return np.stack(angles)


def main() -> None:
    asked = options(__doc__)
    steps = 40 if asked.quick else 160
    film = simulate(TRUTH, steps) + np.random.default_rng(0).normal(0, BLUR, (steps, STARTS.size))

    def cost(parameters):
        return 0.5 * np.sum((simulate(parameters, steps) - film) ** 2) / BLUR**2

    guess = np.array([1.0, 0.05])
    found = tg.Value(guess.copy())
    optimiser = optim.LBFGS(
        [found], max_iter=60, line_search_fn="strong_wolfe", tolerance_change=1e-10
    )

    def written():
        optimiser.zero_grad()
        loss = cost(found)
        loss.backward()
        return loss

    closure = tg.capture(written)
    optimiser.step(closure)
    print(f"length   {found.data[0]:.4f} m, in truth {TRUTH[0]}")
    print(f"friction {found.data[1]:.4f}/s, in truth {TRUTH[1]}")
    print(f"{closure.calls_replayed + 2} simulations; cost {cost(guess):.0f} before, "
          f"{cost(found.data):.1f} after, {film.size / 2:.0f} expected")  # fmt: skip
    times = {}
    for name, function in (("as written", written), ("captured", closure)):
        begun = time.perf_counter()
        for _ in range(3):
            function()
        times[name] = (time.perf_counter() - begun) / 3
    print(", ".join(f"{name}: {1000 * t:.1f} ms" for name, t in times.items()))

    if (picture := figure(8, 3.6)) is not None:
        axes, seconds = picture.subplots(), STEP * np.arange(1, steps + 1)
        axes.plot(seconds, film, ".", ms=3, color="0.5")
        axes.plot(seconds, simulate(found.data, steps), color="#4477aa")
        axes.plot(seconds, simulate(guess, steps)[:, 2], "--", color="#ee6677", lw=1)
        axes.set(xlabel="seconds", ylabel="angle, rad", title="film, found, and (dashed) one guess")
        save(picture, asked.output, "pendulum.png")

    # -- check -----------------------------------------------------------------------------------
    # The inverse of the Hessian at the minimum is the covariance of what was found.
    errors = np.sqrt(np.diag(np.linalg.inv(tg.hessian(cost)(found.data))))
    assert np.all(np.abs(found.data - TRUTH) < 4 * errors), (found.data, errors)
    told = f"the truth lies within the errors, ±{errors[0]:.4f} m and ±{errors[1]:.4f}/s"
    try:
        from scipy import integrate, optimize
    except ImportError:
        print("(with SciPy installed, it is compared as well)")
    else:

        def misses(parameters: np.ndarray) -> np.ndarray:
            """The same by SciPy's own integrator, far more exactly."""
            length, friction = parameters

            def motion(_, state):
                angle, speed = np.split(state, 2)
                return np.append(speed, -GRAVITY / length * np.sin(angle) - friction * speed)

            seconds = STEP * np.arange(1, steps + 1)
            begin, span = np.append(STARTS, np.zeros_like(STARTS)), (0, seconds[-1])
            swings = integrate.solve_ivp(motion, span, begin, t_eval=seconds, rtol=1e-6, atol=1e-8)
            return ((swings.y[: STARTS.size].T - film) / BLUR).ravel()

        theirs = optimize.least_squares(misses, found.data + errors)
        assert np.all(np.abs(theirs.x - found.data) < errors)
        told += "; SciPy's integrator and least squares come to the same"
    print(f"check: {told}")


if __name__ == "__main__":
    main()
