"""Training models: fit, its history, checkpoints that survive being killed."""

from tinygrad_lite.training.checkpoint import load_checkpoint, save_checkpoint
from tinygrad_lite.training.container import CheckpointError
from tinygrad_lite.training.evaluation import accuracy, evaluate, predict
from tinygrad_lite.training.history import History
from tinygrad_lite.training.loop import fit
from tinygrad_lite.training.reporting import report
from tinygrad_lite.training.run import Run

__all__ = [
    "CheckpointError",
    "History",
    "Run",
    "accuracy",
    "evaluate",
    "fit",
    "load_checkpoint",
    "predict",
    "report",
    "save_checkpoint",
]
