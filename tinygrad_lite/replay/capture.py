"""capture: what users call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import update_wrapper
from typing import Any

import numpy as np

from tinygrad_lite.engine.modes import change_mode
from tinygrad_lite.replay.lowering import Lowered
from tinygrad_lite.replay.plan import Plan
from tinygrad_lite.replay.recorder import Recorder


class capture:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        update_wrapper(self, function)
        self.plan: Plan | None = None

    def __call__(self, *args: Any) -> Any:
        if self.plan is not None:
            return self.plan.run(*args)
        recorder = Recorder()
        traced = [recorder.argument(i, a) for i, a in enumerate(args)]
        try:
            with change_mode(lambda mode: replace(mode, trace=recorder, watch=None)):
                result = self.function(*traced)
            recording, plain = recorder.finish(result)
        except BaseException:
            recorder.release()
            raise
        self.recording = recording
        self.plan = Plan(Lowered(recording, recorder.before))
        return plain
