"""Reading graph files, strictly: what is not as `docs/graph_file.md` says is refused by name."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lite.export.arrays import decoded
from tinygrad_lite.export.errors import FileFormatError
from tinygrad_lite.export.graph import Batch, Gradient, Graph, Step, Tensor, resolved
from tinygrad_lite.export.graph_file import FORMAT, VERSION
from tinygrad_lite.export.vocabulary import OPERATIONS

_KEYS = ("inputs", "outputs", "instructions", "layers", "weights")
_BATCH = re.compile(r"batch(?:\*([1-9][0-9]{0,8}))?")
_DTYPES = ("float32", "float64", "int64", "int32", "uint8", "bool")


def load_graph(path: str | os.PathLike[str], *, check: bool = True) -> Graph:
    """Read a graph file; call the result with arrays to run it.

    Args:
        path: of the file.
        check: run the file's parity vectors, and refuse it if NumPy computes something else than
            the file says.

    Raises:
        FileFormatError: it is no graph file, of another version, damaged, has an operation that is
            not known, or fails its own check; says which file, where and how.
        OSError: the file cannot be read.
    """
    name = Path(path).name
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{name}: not a graph file, as it is not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise FileFormatError(f"{name}: expected the format {FORMAT!r}, found {found!r}")
    if document.get("version") != VERSION:
        raise FileFormatError(
            f"{name}: version {document.get('version')!r} of the format; this program reads "
            f"version {VERSION}"
        )
    missing = [key for key in _KEYS if key not in document]
    if missing:
        raise FileFormatError(f"{name}: {missing[0]!r} is missing")
    graph = _Reading(name, document).graph()
    if check:
        _check(name, graph, document.get("parity"))
    return graph


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


class _Reading:
    def __init__(self, name: str, document: dict[str, Any]) -> None:
        self.name = name
        self.document = document
        self.tensors: set[str] = set()

    def error(self, place: str, what: str) -> FileFormatError:
        return FileFormatError(f"{self.name}: {place}: {what}")

    def graph(self) -> Graph:
        document = self.document
        inputs = tuple(self.tensor(e, p) for e, p in self.entries(document, "inputs"))
        weights = {}
        for key, entry in self.members(document, "weights").items():
            self.declare(key, "weights")
            array = decoded(entry, f"{self.name}: weights {key!r}")
            weights[key] = array.astype(np.float32) if array.dtype == np.float16 else array
        steps = self.steps(document, "")
        outputs = tuple(self.tensor(e, p, known=True) for e, p in self.entries(document, "outputs"))
        layers = {}
        for entry, place in self.entries(document, "layers"):
            if not isinstance(entry, dict) or set(entry) != {"name", "output"}:
                raise self.error(place, "expected an object with name and output")
            layers[str(entry["name"])] = self.known(entry["output"], place)
        gradient = self.gradient() if "gradient" in document else None
        kept = ("format", "version", "parity", "gradient", *_KEYS)
        notes = {key: value for key, value in document.items() if key not in kept}
        if not inputs or not outputs:
            raise self.error("inputs" if not inputs else "outputs", "there are none")
        return Graph(inputs, weights, steps, outputs, layers, gradient, notes)

    def gradient(self) -> Gradient:
        entry = self.members(self.document, "gradient")
        if set(entry) != {"of", "seed", "by", "instructions", "output"}:
            raise self.error("gradient", "expected of, seed, by, instructions and output")
        of, by = self.known(entry["of"], "gradient of"), self.known(entry["by"], "gradient by")
        self.declare(entry["seed"], "gradient seed")
        steps = self.steps(entry, "gradient ")
        return Gradient(of, entry["seed"], by, steps, self.known(entry["output"], "gradient"))

    def steps(self, holder: dict[str, Any], prefix: str) -> tuple[Step, ...]:
        return tuple(
            self.step(entry, prefix + place)
            for entry, place in self.entries(holder, "instructions")
        )

    def step(self, entry: Any, place: str) -> Step:
        wanted = {"operation", "inputs", "settings", "output", "shape", "dtype"}
        if not isinstance(entry, dict) or set(entry) - {"scope"} != wanted:
            raise self.error(place, f"expected an object with {', '.join(sorted(wanted))}")
        operation = entry["operation"]
        row = OPERATIONS.get(operation) if isinstance(operation, str) else None
        if row is None:
            raise self.error(place, f"the operation {operation!r} is not known")
        place = f"{place}, {operation}"
        if not isinstance(entry["inputs"], list):
            raise self.error(place, "inputs is no list")
        inputs = tuple(
            given if type(given) in (int, float, bool) else self.known(given, place)
            for given in entry["inputs"]
        )
        if not row.inputs[0] <= len(inputs) <= row.inputs[1]:
            raise self.error(place, f"{len(inputs)} inputs, expected {row.inputs[0]}")
        settings = self.members(entry, "settings", place)
        if set(settings) != set(row.settings):
            told = ", ".join(row.settings) or "none"
            raise self.error(place, f"the settings are {', '.join(settings)}; expected {told}")
        read = {key: self.setting(settings[key], row.settings[key], place) for key in row.settings}
        output = self.tensor(
            {"name": entry["output"], "dtype": entry["dtype"], "shape": entry["shape"]}, place
        )
        return Step(operation, inputs, read, output, str(entry.get("scope", "")))

    def setting(self, value: Any, kind: str, place: str) -> Any:
        read = _KINDS[kind]
        try:
            return read(value)
        except (ValueError, TypeError):
            raise self.error(place, f"a setting is {value!r}, expected {kind}") from None

    def tensor(self, entry: Any, place: str, known: bool = False) -> Tensor:
        if not isinstance(entry, dict) or set(entry) != {"name", "dtype", "shape"}:
            raise self.error(place, "expected an object with name, dtype and shape")
        name, dtype = entry["name"], entry["dtype"]
        shape = self.setting(entry["shape"], "sizes", place)
        if dtype not in _DTYPES:
            raise self.error(place, f"dtype {dtype!r} is none of {', '.join(_DTYPES)}")
        if known:
            self.known(name, place)
        else:
            self.declare(name, place)
        return Tensor(name, shape, dtype)

    def declare(self, name: Any, place: str) -> None:
        if not isinstance(name, str) or not name:
            raise self.error(place, f"{name!r} is no name")
        if name in self.tensors:
            raise self.error(place, f"the name {name!r} is given twice")
        self.tensors.add(name)

    def known(self, name: Any, place: str) -> str:
        if not isinstance(name, str) or name not in self.tensors:
            raise self.error(place, f"{name!r} is not among what was given or computed before")
        return name

    def entries(self, holder: dict[str, Any], key: str) -> list[tuple[Any, str]]:
        entries = holder[key]
        if not isinstance(entries, list):
            raise self.error(key, "expected a list")
        return [(entry, f"{key}[{position}]") for position, entry in enumerate(entries)]

    def members(self, holder: dict[str, Any], key: str, place: str = "") -> dict[str, Any]:
        members = holder[key]
        if not isinstance(members, dict):
            raise self.error(place or key, f"{key} is no object")
        return members


# -- settings ------------------------------------------------------------------------------------


def _integer(value: Any, least: int | None = None) -> int:
    if type(value) is not int or (least is not None and value < least):
        raise ValueError
    return value


def _integers(least: int) -> Callable[[Any], tuple[int, ...]]:
    def read(value: Any) -> tuple[int, ...]:
        if type(value) is not list:
            raise ValueError
        return tuple(_integer(part, least) for part in value)

    return read


def _step(value: Any) -> int:
    if _integer(value) == 0:
        raise ValueError
    return int(value)


def _sizes(value: Any) -> tuple[int | Batch, ...]:
    if type(value) is not list:
        raise ValueError
    return tuple(_size(part) for part in value)


def _size(value: Any) -> int | Batch:
    if isinstance(value, str):
        match = _BATCH.fullmatch(value)
        if match is None:
            raise ValueError
        return Batch(int(match[1] or 1))
    return _integer(value, 0)


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError
    return float(value)


def _of(*kinds: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) not in kinds:
            raise ValueError
        return value

    return read


def _dtype(value: Any) -> str:
    if value not in _DTYPES:
        raise ValueError
    return str(value)


_KINDS: dict[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "integer or null": _of(int, type(None)),
    "step": _step,
    "axis": lambda value: _integer(value, 0),
    "axes": _integers(0),
    "count": lambda value: _integer(value, 1),
    "counts": _integers(1),
    "widths": _integers(0),
    "sizes": _sizes,
    "number": _number,
    "truth": _of(bool),
    "text": _of(str),
    "dtype": _dtype,
}


# -- the file's own check ------------------------------------------------------------------------


def _check(name: str, graph: Graph, parity: Any) -> None:
    """Compute what the file says Python computed."""
    if parity is None:
        return
    try:
        with np.errstate(all="ignore"):
            _check_vectors(name, graph, parity)
    except FileFormatError:
        raise
    except KeyError as error:
        raise FileFormatError(f"{name}: parity: {error} is missing") from None
    except Exception as error:  # whatever operations raise when they are given nonsense
        told = " ".join(str(error).split())
        raise FileFormatError(
            f"{name}: its parity vectors cannot be run: {type(error).__name__}: {told}"
        ) from None


def _check_vectors(name: str, graph: Graph, parity: Any) -> None:
    tolerance, vectors = float(parity["tolerance"]), list(parity["vectors"])
    for number, vector in enumerate(vectors):
        place = f"{name}: parity vector {number}"
        given = [decoded(vector["inputs"][tensor.name], place) for tensor in graph.inputs]
        found = graph.run(*given)
        for step in graph.steps:
            shape = resolved(step.output.shape, 1)
            if np.shape(found[step.output.name]) != shape:
                raise FileFormatError(
                    f"{place}: {step.output.name!r} has the shape "
                    f"{np.shape(found[step.output.name])}; the file says {shape}"
                )
        for tensor in graph.outputs:
            expected = decoded(vector["outputs"][tensor.name], place)
            _agree(place, tensor.name, expected, found[tensor.name], tolerance)
        if graph.gradient is not None and "gradient" in vector:
            expected = decoded(vector["gradient"]["value"], place)
            gradient = graph.gradient_of(int(vector["gradient"]["entry"]), *given)
            _agree(place, "gradient", expected, gradient, tolerance)


def _agree(place: str, what: str, expected: Any, found: Any, tolerance: float) -> None:
    found = np.asarray(found)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    fits = expected.shape == found.shape
    if not fits or not np.allclose(expected, found, rtol=0, atol=tolerance * scale):
        told = f"differs by {np.max(np.abs(expected - found)):.3g}" if fits else "has another shape"
        raise FileFormatError(
            f"{place}: the {what} computed here {told}; the file is damaged, or was made by a "
            f"program that computes something else"
        )
