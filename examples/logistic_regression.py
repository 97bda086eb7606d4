"""Logistic regression four ways: when the answer is unique, every way must come to it.

Fours and nines, seen as 7 x 7 pixels. The cost is convex, so it has one minimum: L-BFGS finds it
with gradients, Newton's method with the Hessian that `tg.hessian` computes, and scikit-learn, if it
is installed, with its own code. The Hessian is also compared with the formula from textbooks, and
tells how sure one can be of each weight.

    python examples/logistic_regression.py
"""

from __future__ import annotations

import numpy as np
from common import HERE, options, save

import tinygrad_lite as tg
from tinygrad_lite import data, nn, optim

PENALTY = 1.0  # half of it times the squared weights is added to the cost; the bias goes free


def fours_and_nines(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of 4 x 4 pixels as 49 columns and a column of ones; 1 for a nine."""
    kept = (labels == 4) | (labels == 9)
    small = data.as_pixels(images[kept], np.float64).reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4))
    return np.column_stack([small.reshape(-1, 49), np.ones(kept.sum())]), labels[kept] == 9


def main() -> None:
    asked = options(__doc__)
    mnist = data.load_mnist(HERE / "digits" / "data")
    count = 5_000 if asked.quick else None
    x, y = fours_and_nines(mnist.train_images[:count], mnist.train_labels[:count])
    x_new, y_new = fours_and_nines(mnist.test_images, mnist.test_labels)
    y = y.astype(float)

    def cost(w):
        """Minus the logarithm of the likelihood of all images, and the penalty."""
        likelihood = nn.binary_cross_entropy_with_logits(x @ w, y, reduction="sum")
        return likelihood + PENALTY / 2 * (w[:-1] ** 2).sum()

    # -- with gradients: L-BFGS ------------------------------------------------------------------
    weights = tg.Value(np.zeros(50))
    optimiser = optim.LBFGS(
        [weights], max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-6,
        tolerance_change=0,
    )  # fmt: skip

    @tg.capture  # recorded once, then replayed
    def closure():
        optimiser.zero_grad()
        loss = cost(weights)
        loss.backward()
        return loss

    optimiser.step(closure)
    found = weights.data
    print(f"L-BFGS: cost {cost(found):.6f} after {closure.calls_replayed + 2} evaluations")

    # -- with the Hessian: Newton ----------------------------------------------------------------
    newton, step, steps = np.zeros(50), np.ones(50), 0
    while np.abs(step).max() > 1e-10:
        step = np.linalg.solve(tg.hessian(cost)(newton), tg.grad(cost)(newton))
        newton, steps = newton - step, steps + 1
    print(f"Newton: cost {cost(newton):.6f} after {steps} steps, "
          f"at most {np.abs(newton - found).max():.1e} away")  # fmt: skip
    hessian = tg.hessian(cost)(newton)
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    surest = np.argsort(-np.abs(newton / errors)[:-1])[:3]
    for i in surest:
        row, column = divmod(int(i), 7)
        print(f"  pixel in row {row}, column {column}: {newton[i]:6.2f} ± {errors[i]:.2f}")
    rate = np.mean((x_new @ found > 0) == y_new)
    print(f"{100 * rate:.2f} % of {len(x_new)} new images right")
    picture = tg.draw_images(found[:-1], shape=(7, 7), title="orange speaks for a nine", zoom=30)
    save(picture, asked.output, "logistic_regression.svg")

    # -- check -----------------------------------------------------------------------------------
    chances = 1 / (1 + np.exp(-(x @ newton)))
    formula = x.T @ (x * (chances * (1 - chances))[:, None]) + PENALTY * np.diag([1.0] * 49 + [0])
    np.testing.assert_allclose(hessian, formula, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found, newton, atol=1e-5)
    told = "L-BFGS and Newton meet; the Hessian is the textbook's"
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        print("(with scikit-learn installed, it is compared as well)")
    else:
        theirs = LogisticRegression(C=1 / PENALTY, tol=1e-10, max_iter=10_000, solver="newton-cg")
        theirs.fit(x[:, :-1], y)
        np.testing.assert_allclose(theirs.coef_[0], newton[:-1], atol=1e-4)
        np.testing.assert_allclose(theirs.intercept_[0], newton[-1], atol=1e-4)
        told += "; scikit-learn finds the same weights"
    print(f"check: {told}")


if __name__ == "__main__":
    main()
