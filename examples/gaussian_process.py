"""Gaussian-process regression: a curve with honest error bars, its three settings learned.

How fast does the curve bend, how high does it go, how noisy are the points? Whatever makes the
points most likely: the marginal likelihood, which goes through a Cholesky factorisation. Its
gradient is a page of matrix calculus by hand; here it is none. L-BFGS does the rest.

    python examples/gaussian_process.py
"""

from __future__ import annotations

import numpy as np
from common import figure, options, save

import tinygrad_lite as tg
from tinygrad_lite import optim

NAMES = ("length", "height", "noise")


def truth(x: np.ndarray) -> np.ndarray:
    return np.sin(3 * x) * np.exp(-x / 3) + 0.3 * x


def kernel(a: np.ndarray, b: np.ndarray, length, height):
    """Covariances of the curve between two sets of places."""
    return height**2 * np.exp(-((a[:, None] - b) ** 2) / (2 * length**2))


def main() -> None:
    asked = options(__doc__)
    generator = np.random.default_rng(0)
    count = 20 if asked.quick else 60
    x = np.sort(np.concatenate([generator.uniform(0, 2.5, count), generator.uniform(4, 6, count)]))
    y = truth(x) + generator.normal(0, 0.15, x.size)

    def cost(logs):
        """Minus the logarithm of the marginal likelihood of the points.

        Rasmussen and Williams, Gaussian processes for machine learning, 2006, equation 2.30.
        """
        length, height, noise = np.exp(logs)
        factor = np.linalg.cholesky(kernel(x, x, length, height) + noise**2 * np.eye(x.size))
        whitened = np.linalg.solve(factor, y)
        logdet = 2 * np.sum(np.log(np.diagonal(factor)))
        return 0.5 * (np.sum(whitened**2) + logdet + x.size * np.log(2 * np.pi))

    start = np.log([1.0, 1.0, 0.5])
    logs = tg.Value(start.copy())
    optimiser = optim.LBFGS(
        [logs], max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-8,
        tolerance_change=0,
    )  # fmt: skip

    def closure():
        optimiser.zero_grad()
        loss = cost(logs)
        loss.backward()
        return loss

    optimiser.step(closure)
    length, height, noise = np.exp(logs.data)
    curvature = tg.hessian(cost)(logs.data)  # by the logarithms, so errors are relative
    errors = np.sqrt(np.diag(np.linalg.inv(curvature)))
    print(f"likelihood: log {-cost(start):.3f} before, {-cost(logs.data):.3f} after")
    for name, setting, error in zip(NAMES, np.exp(logs.data), errors, strict=True):
        print(f"  {name:<7} {setting:.3f} ± {100 * error:.0f} %")

    places = np.linspace(-0.3, 7, 200)
    among = kernel(x, x, length, height) + noise**2 * np.eye(x.size)
    across = kernel(places, x, length, height)
    mean = across @ np.linalg.solve(among, y)
    deviation = np.sqrt(height**2 - np.einsum("ij,ji->i", across, np.linalg.solve(among, across.T)))
    if (picture := figure(7, 3.6)) is not None:
        axes = picture.subplots()
        axes.fill_between(places, mean - 2 * deviation, mean + 2 * deviation, alpha=0.25)
        axes.plot(places, mean, label="found, with two standard deviations")
        axes.plot(places, truth(places), "k--", lw=1, label="truth")
        axes.plot(x, y, "k.", ms=4)
        axes.legend()
        save(picture, asked.output, "gaussian_process.png")

    # -- check -----------------------------------------------------------------------------------
    tg.check_grads(cost, start, order=2)  # against numerical derivatives
    assert np.abs(tg.grad(cost)(logs.data)).max() < 1e-5
    assert abs(np.log(noise / 0.15)) < 3 * errors[2]  # the noise that the points were made with
    told = "gradients right to second order, the noise recovered"
    try:
        from scipy import optimize, stats
    except ImportError:
        print("(with SciPy installed, it is compared as well)")
    else:

        def theirs(logs: np.ndarray) -> float:
            length, height, noise = np.exp(logs)
            covariance = kernel(x, x, length, height) + noise**2 * np.eye(x.size)
            return -stats.multivariate_normal.logpdf(y, cov=covariance)

        best = optimize.minimize(theirs, start, method="Nelder-Mead", options={"xatol": 1e-6})
        assert abs(theirs(start) - cost(start)) < 1e-8
        np.testing.assert_allclose(best.x, logs.data, atol=1e-3)
        told += "; SciPy, without gradients, finds the same settings"
    print(f"check: {told}")


if __name__ == "__main__":
    main()
