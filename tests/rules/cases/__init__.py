"""The cases of every family of rules: each file here is one, and is found by being here."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from rules.case import Case, SpecialPoint


def _gathered(listed: str) -> list[Any]:
    families = [
        importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)
    ]
    return [entry for family in families for entry in getattr(family, listed, [])]


CASES: list[Case] = _gathered("CASES")
SPECIAL_POINTS: list[SpecialPoint] = _gathered("SPECIAL_POINTS")
