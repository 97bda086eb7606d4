"""What a script of the user's holds: FILE.py:NAME."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite.cli.errors import CommandError, one_line


def is_script(name: str) -> bool:
    """Whether a name has the form FILE.py:NAME."""
    return ".py:" in name or name.endswith(".py")


def thing_in(name: str, seed: int | None = None) -> Any:
    """What FILE.py:NAME names; if that is a function or class, what calling it gives.

    Args:
        name: the file, a colon, and a name that the file defines.
        seed: makes weights that are drawn without a seed of their own the same in every run.

    Raises:
        CommandError: there is no such file or name, or the script fails; says where in it.
    """
    path_text, _, attribute = name.rpartition(":")
    if not path_text or not attribute:
        raise CommandError(f"{name}: write FILE.py:NAME, with a name that the file defines")
    path = Path(path_text)
    if not path.is_file():
        raise CommandError(f"there is no file {path}")
    with _seeded(seed):
        module = _run(path)
        if not hasattr(module, attribute):
            names = [n for n, thing in vars(module).items() if _may_be_meant(thing, module)]
            told = f"; it defines {', '.join(names)}" if names else ""
            raise CommandError(f"{path} defines no {attribute}{told}")
        thing = getattr(module, attribute)
        if isinstance(thing, type) or inspect.isfunction(thing):
            thing = _called(path, attribute, thing)
    return thing


def _may_be_meant(thing: Any, module: Any) -> bool:
    return getattr(thing, "__module__", "") == module.__name__ or type(thing).__name__ in (
        "Sequential", "Network",
    )  # fmt: skip


def _run(path: Path) -> Any:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise CommandError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(specification)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # as when Python runs it
    sys.modules.setdefault(path.stem, module)
    with _told_in_one_line(path):
        specification.loader.exec_module(module)
    return module


def _called(path: Path, name: str, function: Callable[..., Any]) -> Any:
    needed = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if needed:
        raise CommandError(
            f"{path}: {name} needs {', '.join(needed)}; give it defaults, or name a function "
            f"without arguments that calls it"
        )
    with _told_in_one_line(path):
        return function()


@contextmanager
def _told_in_one_line(path: Path) -> Iterator[None]:
    """Errors of the script as one line that names the place in it."""
    try:
        yield
    except Exception as error:
        if isinstance(error, SyntaxError):
            line = error.lineno
        else:
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame.lineno for frame in frames if _same_file(frame.filename, path)]
            line = own[-1] if own else None
        place = f"{path}:{line}" if line else str(path)
        raise CommandError(f"{place}: {type(error).__name__}: {one_line(error)}") from error


def _same_file(name: str, path: Path) -> bool:
    return Path(name).resolve() == path.resolve()


@contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    """Generators that are made without a seed draw from `seed` instead of the system.

    Layers make one each when they are given none; so ``--seed`` holds for every script.
    """
    if seed is None:
        yield
        return
    usual, root = np.random.default_rng, np.random.SeedSequence(seed)

    def default_rng(given: Any = None) -> Any:
        return usual(root.spawn(1)[0] if given is None else given)

    np.random.default_rng = default_rng  # type: ignore[assignment]
    try:
        yield
    finally:
        np.random.default_rng = usual
