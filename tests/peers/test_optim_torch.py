"""Optimisers, schedules and clipping take the steps of PyTorch's, on random configurations."""

import warnings

import numpy as np
import pytest

from tinygrad_lite import Value, optim

torch = pytest.importorskip("torch")

CONFIGURATIONS = 20


def maybe(rng, *choices):
    return choices[rng.integers(len(choices))]


def sgd(rng):
    momentum = maybe(rng, 0.0, 0.5, 0.9)
    nesterov = bool(momentum and rng.integers(2))
    return {
        "lr": rng.uniform(0.001, 0.05),
        "momentum": momentum,
        "dampening": 0.0 if nesterov else maybe(rng, 0.0, 0.3),
        "weight_decay": maybe(rng, 0.0, rng.uniform(0, 0.3)),
        "nesterov": nesterov,
    }


def adam(rng):
    return {
        "lr": rng.uniform(0.001, 0.1),
        "betas": (rng.uniform(0.3, 0.95), rng.uniform(0.8, 0.999)),
        "eps": maybe(rng, 1e-8, 1e-3),
        "weight_decay": maybe(rng, 0.0, rng.uniform(0, 0.3)),
        "amsgrad": bool(rng.integers(2)),
    }


def rmsprop(rng):
    return {
        "lr": rng.uniform(0.001, 0.05),
        "alpha": rng.uniform(0.5, 0.99),
        "eps": maybe(rng, 1e-8, 1e-3),
        "weight_decay": maybe(rng, 0.0, rng.uniform(0, 0.3)),
        "momentum": maybe(rng, 0.0, 0.9),
        "centered": bool(rng.integers(2)),
    }


def adagrad(rng):
    return {
        "lr": rng.uniform(0.001, 0.5),
        "lr_decay": maybe(rng, 0.0, 0.1),
        "weight_decay": maybe(rng, 0.0, rng.uniform(0, 0.3)),
        "initial_accumulator_value": maybe(rng, 0.0, 0.5),
        "eps": maybe(rng, 1e-10, 1e-3),
    }


OPTIMISERS = {"SGD": sgd, "Adam": adam, "AdamW": adam, "RMSprop": rmsprop, "Adagrad": adagrad}


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-12), (np.float32, 2e-6)])
def test_steps(name, seed, dtype, tolerance):
    rng = np.random.default_rng([seed, len(name)])
    first, second = OPTIMISERS[name](rng), OPTIMISERS[name](rng)
    group = {k: second[k] for k in ("lr", "weight_decay")}
    starts = [rng.standard_normal(shape).astype(dtype) for shape in ((3, 4), (5,), ())]
    ours = [Value(start.copy()) for start in starts]
    theirs = [torch.tensor(start, requires_grad=True) for start in starts]
    pairs = [
        (
            getattr(optim, name)([{"params": ours[:2]}, {"params": ours[2:], **group}], **first),
            ours,
        ),
        (
            getattr(torch.optim, name)(
                [{"params": theirs[:2]}, {"params": theirs[2:], **group}], **first
            ),
            theirs,
        ),
    ]
    for step in range(5):
        for optimiser, xs in pairs:
            optimiser.zero_grad()
            # the second goes without a gradient at first
            (sum((x**4 / 4 - x).sum() for x in (xs if step else xs[::2]))).backward()
            optimiser.step()
    for mine, other in zip(ours, theirs, strict=True):
        wanted = other.detach().numpy()
        np.testing.assert_allclose(mine.data, wanted, rtol=tolerance, atol=tolerance)
        assert np.asarray(mine.data).dtype == dtype


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_state_of_pytorch_goes_on_here(name):
    settings = OPTIMISERS[name](np.random.default_rng(3))
    start = np.random.default_rng(0).standard_normal((3, 2))
    theirs = torch.tensor(start, requires_grad=True)
    other = getattr(torch.optim, name)([theirs], **settings)

    def step(optimiser, x):
        optimiser.zero_grad()
        (x**4).sum().backward()
        optimiser.step()

    for _ in range(3):
        step(other, theirs)
    ours = Value(theirs.detach().numpy().copy())
    mine = getattr(optim, name)([ours], 0.5)
    state = other.state_dict()
    if name == "SGD" and not settings["momentum"]:
        state["state"] = {}
    mine.load_state_dict(state)
    for _ in range(3):
        step(other, theirs)
        step(mine, ours)
    np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-12)


def lambda_lr(m, rng):
    decay = rng.uniform(0.01, 1)
    return lambda o: m.LambdaLR(o, lambda epoch: 1 / (1 + decay * epoch))


def one_cycle(m, rng):
    settings = {
        "pct_start": rng.uniform(0.1, 0.6),
        "anneal_strategy": maybe(rng, "cos", "linear"),
        "cycle_momentum": bool(rng.integers(2)),
        "div_factor": rng.uniform(2, 30),
        "final_div_factor": rng.uniform(2, 1e4),
        "three_phase": False,
    }
    settings["three_phase"] = settings["pct_start"] < 0.45 and bool(rng.integers(2))
    total = maybe(rng, {"total_steps": 30}, {"epochs": 5, "steps_per_epoch": 6})
    peak = rng.uniform(0.1, 1)
    return lambda o: m.OneCycleLR(o, peak, **total, **settings)


def sequential(m, rng):
    iters, gamma, period = int(rng.integers(2, 8)), rng.uniform(0.5, 0.9), int(rng.integers(3, 9))
    second = int(rng.integers(iters + 1, 20))
    return lambda o: m.SequentialLR(
        o,
        [
            m.LinearLR(o, 0.1, total_iters=iters),
            m.CosineAnnealingLR(o, period),
            m.StepLR(o, period, gamma),
        ],
        [iters, second],
    )


SCHEDULES = {
    "StepLR": lambda m, rng: (
        lambda size, gamma: lambda o: m.StepLR(o, size, gamma)
    )(int(rng.integers(1, 9)), rng.uniform(0.1, 1)),
    "MultiStepLR": lambda m, rng: (
        lambda stones, gamma: lambda o: m.MultiStepLR(o, stones, gamma)
    )(sorted(rng.integers(1, 25, 3).tolist()), rng.uniform(0.1, 1)),
    "ExponentialLR": lambda m, rng: (
        lambda gamma: lambda o: m.ExponentialLR(o, gamma)
    )(rng.uniform(0.8, 1)),
    "LinearLR": lambda m, rng: (
        lambda start, end, iters: lambda o: m.LinearLR(o, start, end, iters)
    )(rng.uniform(0.01, 0.9), rng.uniform(0.5, 1), int(rng.integers(1, 20))),
    "CosineAnnealingLR": lambda m, rng: (
        lambda period, least: lambda o: m.CosineAnnealingLR(o, period, least)
    )(int(rng.integers(10, 40)), maybe(rng, 0.0, 0.01)),
    "LambdaLR": lambda_lr,
    "OneCycleLR": one_cycle,
    "SequentialLR": sequential,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name, seed):
    rates = []
    for library, parameter in (
        (optim, Value(np.ones(2))),
        (torch.optim, torch.ones(2, requires_grad=True)),
    ):
        optimiser = library.SGD([{"params": [parameter]}], lr=0.5, momentum=0.9)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's, of a step without one of the optimiser
            make = SCHEDULES[name](library.lr_scheduler, np.random.default_rng([seed, len(name)]))
            schedule = make(optimiser)
            found = []
            for _ in range(29):
                group = optimiser.param_groups[0]
                found.append((group["lr"], group["momentum"]))
                schedule.step()
        rates.append(found)
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_plateaus(seed):
    rng = np.random.default_rng(seed)
    settings = {
        "mode": maybe(rng, "min", "max"),
        "factor": rng.uniform(0.1, 0.9),
        "patience": int(rng.integers(0, 4)),
        "threshold": maybe(rng, 1e-4, 0.2),
        "threshold_mode": maybe(rng, "rel", "abs"),
        "cooldown": int(rng.integers(0, 3)),
        "min_lr": maybe(rng, 0.0, 0.01),
    }
    measures = rng.standard_normal(40)
    mine = optim.SGD([Value(np.ones(2))], 0.5)
    other = torch.optim.SGD([torch.ones(2, requires_grad=True)], 0.5)
    ours = optim.ReduceLROnPlateau(mine, **settings)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(other, **settings)
    for measure in measures:
        ours.step(measure)
        theirs.step(measure)
        assert mine.lr == pytest.approx(other.param_groups[0]["lr"], rel=1e-12)


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_clipping(seed):
    rng = np.random.default_rng(seed)
    shapes = [tuple(rng.integers(1, 5, rng.integers(1, 4))) for _ in range(3)]
    gradients = [rng.standard_normal(shape) for shape in shapes]
    bound = rng.uniform(0.1, 5)
    norm_type = maybe(rng, 2.0, 1.0, 3.0, np.inf)
    for method in ("clip_grad_norm_", "clip_grad_value_"):
        ours = [Value(np.zeros(shape)) for shape in shapes]
        theirs = [torch.zeros(shape, dtype=torch.float64) for shape in shapes]
        for mine, other, gradient in zip(ours, theirs, gradients, strict=True):
            mine.grad = gradient.copy()
            other.grad = torch.tensor(gradient)
        settings = (bound, norm_type) if "norm" in method else (bound,)
        norm = getattr(optim, method)(ours, *settings)
        wanted = getattr(torch.nn.utils, method)(theirs, *settings)
        assert norm is wanted is None or norm == pytest.approx(wanted.item(), rel=1e-12)
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine.grad, other.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_lbfgs_without_a_line_search(seed):
    rng = np.random.default_rng(seed)
    settings = {
        "lr": rng.uniform(0.1, 1),
        "max_iter": int(rng.integers(1, 12)),
        "max_eval": maybe(rng, None, 5),
        "history_size": int(rng.integers(1, 8)),
    }
    root = rng.standard_normal((4, 4))
    matrix, start = root @ root.T + np.eye(4), rng.standard_normal(4)
    ends = []
    for library, x, constant in (
        (optim, Value(start.copy()), matrix),
        (torch.optim, torch.tensor(start, requires_grad=True), torch.tensor(matrix)),
    ):
        optimiser = library.LBFGS([x], **settings)

        def closure(x=x, constant=constant, optimiser=optimiser):
            optimiser.zero_grad()
            loss = 0.5 * (x @ (constant @ x)) + (x**4).sum() / 4 - x.sum()
            loss.backward()
            return loss

        for _ in range(3):
            optimiser.step(closure)
        ends.append(x.data if library is optim else x.detach().numpy())
    np.testing.assert_allclose(*ends, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_lbfgs_with_a_line_search_ends_at_the_same_minimum(seed):
    rng = np.random.default_rng(seed)
    root, start = rng.standard_normal((5, 5)), rng.standard_normal(5)
    matrix = root @ root.T + 0.1 * np.eye(5)
    ends, counts = [], []
    for library, x, constant in (
        (optim, Value(start.copy()), matrix),
        (torch.optim, torch.tensor(start, requires_grad=True), torch.tensor(matrix)),
    ):
        optimiser = library.LBFGS(
            [x], max_iter=100, tolerance_grad=1e-9, tolerance_change=1e-14,
            line_search_fn="strong_wolfe",
        )  # fmt: skip
        counts.append(0)

        def closure(x=x, constant=constant, optimiser=optimiser):
            counts[-1] += 1
            optimiser.zero_grad()
            loss = 0.5 * (x @ (constant @ x)) + (x**4).sum() / 4 - x.sum()
            loss.backward()
            return loss

        optimiser.step(closure)
        ends.append(x.data if library is optim else x.detach().numpy())
    np.testing.assert_allclose(*ends, rtol=1e-6, atol=1e-7)
    assert counts[0] <= 2 * counts[1]
