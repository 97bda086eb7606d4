"""Losses as modules, for those used to them; each calls the function named in its docstring."""

from __future__ import annotations

from typing import Any

from tinygrad_lite.nn import losses
from tinygrad_lite.nn.module import Module


class Loss(Module):
    """Base of the losses: a reduction, "mean", "sum" or "none"."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


class MSELoss(Loss):
    """`nn.mse_loss`."""

    def forward(self, output: Any, target: Any) -> Any:
        return losses.mse_loss(output, target, self.reduction)


class L1Loss(Loss):
    """`nn.l1_loss`."""

    def forward(self, output: Any, target: Any) -> Any:
        return losses.l1_loss(output, target, self.reduction)


class HuberLoss(Loss):
    """`nn.huber_loss`."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, output: Any, target: Any) -> Any:
        return losses.huber_loss(output, target, self.reduction, self.delta)


class SmoothL1Loss(Loss):
    """`nn.smooth_l1_loss`."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, output: Any, target: Any) -> Any:
        return losses.smooth_l1_loss(output, target, self.reduction, self.beta)


class HingeLoss(Loss):
    """`nn.hinge_loss`."""

    def __init__(self, reduction: str = "mean", margin: float = 1.0) -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, output: Any, target: Any) -> Any:
        return losses.hinge_loss(output, target, self.reduction, self.margin)


class CrossEntropyLoss(Loss):
    """`nn.cross_entropy`."""

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.weight = weight
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, logits: Any, target: Any) -> Any:
        return losses.cross_entropy(
            logits, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )


class NLLLoss(Loss):
    """`nn.nll_loss`."""

    def __init__(
        self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.weight = weight
        self.ignore_index = ignore_index

    def forward(self, log_probabilities: Any, target: Any) -> Any:
        return losses.nll_loss(
            log_probabilities, target, self.weight, self.ignore_index, self.reduction
        )


class BCEWithLogitsLoss(Loss):
    """`nn.binary_cross_entropy_with_logits`."""

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self.weight = weight
        self.pos_weight = pos_weight

    def forward(self, logits: Any, target: Any) -> Any:
        return losses.binary_cross_entropy_with_logits(
            logits, target, self.weight, self.reduction, self.pos_weight
        )


class BCELoss(Loss):
    """`nn.binary_cross_entropy`."""

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.weight = weight

    def forward(self, probabilities: Any, target: Any) -> Any:
        return losses.binary_cross_entropy(probabilities, target, self.weight, self.reduction)


class KLDivLoss(Loss):
    """`nn.kl_div`."""

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, log_probabilities: Any, target: Any) -> Any:
        return losses.kl_div(log_probabilities, target, self.reduction, self.log_target)
