"""Checkpoints of any parts of a program: models, optimisers, schedules, data, generators."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite.nn.module import Module
from tinygrad_lite.training.container import CheckpointError, read_tree, write_tree


def save_checkpoint(
    path: str | os.PathLike[str], parts: Mapping[str, Any], notes: Any = None
) -> None:
    """Write the state of several parts to one file, in one go.

    A reader, and a crash at any moment, finds either the file as it was before or the new one,
    complete. The format is this library's own, see `training.container`; it holds no code.

    Args:
        path: the file, replaced if it exists; its folder must exist.
        parts: by name: modules, generators, and whatever has `state_dict` and `load_state_dict`:
            optimisers, schedules, `data.Batches`. Of a module, its random generators count too.
        notes: dicts, lists, texts, numbers and arrays to keep with them.

    Raises:
        TypeError: a part has no state to save, or a state holds something else than numbers and
            texts.
        OSError: the file cannot be written; what it held before is still there.

    >>> import tempfile, pathlib
    >>> from tinygrad_lite import nn
    >>> net = nn.Linear(3, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "net.checkpoint"
    ...     save_checkpoint(path, {"net": net}, notes={"epoch": 7})
    ...     load_checkpoint(path, {"net": net})
    {'epoch': 7}
    """
    states = {name: state_of(name, part) for name, part in parts.items()}
    write_tree(path, {"parts": states, "notes": notes})


def load_checkpoint(path: str | os.PathLike[str], parts: Mapping[str, Any]) -> Any:
    """Set parts to the state in a file, all of them or, if anything is wrong, none.

    Args:
        path: a file that `save_checkpoint` or `fit` wrote.
        parts: by the names they were saved by; parts in the file that are not asked for stay
            unread. A model can be taken out of a checkpoint of `fit` as ``{"model": model}``.

    Returns:
        The notes.

    Raises:
        CheckpointError: it is no checkpoint, is damaged, lacks a part, or the state of a part
            does not fit. The message names the file and what is wrong.
        OSError: the file cannot be read.
    """
    path = Path(path)
    content = read_tree(path)
    if not isinstance(content, dict) or content.keys() != {"parts", "notes"}:
        raise CheckpointError(f"{path}: holds no parts, so it is not from save_checkpoint")
    states = content["parts"]
    missing = [name for name in parts if name not in states]
    if missing:
        raise CheckpointError(
            f"{path}: holds {', '.join(states) or 'nothing'}, and not {', '.join(missing)}"
        )
    before = {name: state_of(name, part) for name, part in parts.items()}
    touched: list[str] = []
    try:
        for name, part in parts.items():
            touched.append(name)
            set_state(part, states[name])
    except BaseException as error:
        for name in touched:
            set_state(parts[name], before[name])
        if isinstance(error, (KeyError, ValueError, TypeError, AttributeError, IndexError)):
            text = error.args[0] if isinstance(error, KeyError) and error.args else error
            raise CheckpointError(
                f"{path}: the state of {touched[-1]} does not fit: {text}"
            ) from error
        raise
    return content["notes"]


def state_of(name: str, part: Any) -> Any:
    """The state of a part.

    Raises:
        TypeError: it has none.
    """
    if isinstance(part, Module):
        return {"tensors": part.state_dict(), "generators": part.generator_states()}
    if isinstance(part, np.random.Generator):
        return part.bit_generator.state  # which names its kind, and refuses another's
    if not (hasattr(part, "state_dict") and hasattr(part, "load_state_dict")):
        raise TypeError(
            f"{name} is a {type(part).__name__}, which has no state_dict and load_state_dict to "
            f"save it by"
        )
    return {"class": type(part).__name__, "state": part.state_dict()}


def set_state(part: Any, state: Any) -> None:
    """Set a part to what `state_of` gave.

    Raises:
        KeyError, ValueError, TypeError: it does not fit.
    """
    if isinstance(part, Module):
        part.load_state_dict(state["tensors"])
        part.load_generator_states(state["generators"])
    elif isinstance(part, np.random.Generator):
        part.bit_generator.state = state
    elif state["class"] != type(part).__name__:
        raise ValueError(f"it was saved from {state['class']}, and this is {type(part).__name__}")
    else:
        part.load_state_dict(state["state"])
