"""Module: parameters found by attribute, named by path, saved and loaded by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lite.engine.modes import ENTERED, MODE, Mode
from tinygrad_lite.engine.value import Value, data_of
from tinygrad_lite.nn.generators import set_states, states_of
from tinygrad_lite.nn.habits import IN_MODULE, lacking

if TYPE_CHECKING:
    from tinygrad_lite.nn.summary import Summary

Array = np.ndarray[Any, Any]


class Module:
    """A part of a network: subclass it, keep its parts as attributes, and write `forward`.

    An attribute that is a Value is a parameter, a plain array is a buffer (saved, never trained),
    a Module is a part, and lists, tuples and dicts of these count entry by entry. Attributes that
    start with an underscore are private: neither found nor saved.

    Calling a module runs `forward` in a `scope` named after the module, and names its parameters
    by their path, such as "hidden.weight".

    Attributes:
        training: whether it behaves as in training (`train`) or in use (`eval`).

    >>> from tinygrad_lite import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         self.hidden = nn.Linear(3, 2)
    ...         self.output = nn.Linear(2, 1, bias=False)
    ...     def forward(self, x):
    ...         return self.output(self.hidden(x).sigmoid())
    >>> net = Net()
    >>> net
    Net(
      (hidden): Linear(in_features=3, out_features=2, bias=True)
      (output): Linear(in_features=2, out_features=1, bias=False)
    )
    >>> [name for name, _ in net.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'output.weight']
    >>> net(np.ones((5, 3), np.float32)).shape
    (5, 1)
    """

    training: bool = True
    _path: str = ""
    _label: str | None = None  # name of its scope; "" for the outermost module
    _modes: tuple[Mode | None, Mode | None] = (None, None)
    _frozen: tuple[tuple[Array, Value], ...] = ()  # what stands in the place of which parameter

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass has its own."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward: write def forward(self, x): ..., which "
            f"computes its output"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._label is None:
            self._place(self._path, "")
        if not self._label:
            return self.forward(*args, **kwargs)
        # As `with scope(self._label)`, with the mode made once: half the time.
        outer = MODE.get()
        known, inner = self._modes
        if known is not outer or inner is None:
            name = f"{outer.scope}/{self._label}" if outer.scope else self._label
            inner = replace(outer, scope=name)
            self._modes = (outer, inner)
        token = MODE.set(inner)
        ENTERED.add(1)
        try:
            return self.forward(*args, **kwargs)
        finally:
            ENTERED.add(-1)
            MODE.reset(token)

    # -- its parts -------------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Its own parts, with the attribute that holds each: "hidden", "layers.0"."""
        for path, part in _contents(self):
            if isinstance(part, Module):
                yield path, part

    def children(self) -> Iterator[Module]:
        """Its own parts."""
        return (part for _, part in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Itself, its parts, their parts, each once, with the path to each."""
        seen: set[int] = set()
        for path, module in self._walk(prefix):
            if id(module) not in seen:
                seen.add(id(module))
                yield path, module

    def modules(self) -> Iterator[Module]:
        """Itself, its parts, their parts, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Every parameter once, with the path to it; shared ones by their first path."""
        self._place(self._path, self._label or "")
        seen: set[Value] = set()
        for path, thing in self._tensors():
            if isinstance(thing, Value) and thing not in seen:
                seen.add(thing)
                yield path, thing

    def parameters(self) -> list[Value]:
        """Every parameter once, for an optimiser."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """The plain arrays kept with the parameters, with the path to each."""
        for path, thing in self._tensors():
            if not isinstance(thing, Value):
                yield path, thing

    # -- its state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters and buffers by path, as they are now."""
        return {path: np.array(data_of(thing)) for path, thing in self._tensors()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Set parameters and buffers, in place, to what `state_dict` gave; dtypes are kept.

        Args:
            state: arrays by path; whatever `np.asarray` takes, PyTorch's tensors included.
            strict: whether every path must be there and no other.

        Raises:
            KeyError: a path is missing, or unexpected (with `strict`).
            ValueError: an array has another shape. Nothing is set when anything is wrong.
        """
        own = dict(self._tensors())
        missing = [path for path in own if path not in state]
        unexpected = [path for path in state if path not in own]
        if strict and (missing or unexpected):
            told = [f"missing {', '.join(missing)}"] if missing else []
            told += [f"unexpected {', '.join(unexpected)}"] if unexpected else []
            raise KeyError(
                f"load_state_dict of {type(self).__name__}: {'; '.join(told)} (strict=False loads "
                f"what both have)"
            )
        given = {path: np.asarray(state[path]) for path in own if path in state}
        wrong = [
            f"{path} is {array.shape}, not {np.shape(data_of(own[path]))}"
            for path, array in given.items()
            if array.shape != np.shape(data_of(own[path]))
        ]
        if wrong:
            raise ValueError(f"load_state_dict of {type(self).__name__}: {'; '.join(wrong)}")
        for path, array in given.items():
            thing = own[path]
            if isinstance(thing, Value) and type(thing.data) is float:
                thing.data = float(array)
            else:
                data_of(thing)[...] = array

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self, mode: bool = True) -> Self:
        """Behave as in training, all parts included."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Behave as in use, all parts included."""
        return self.train(False)

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call a function on every part, innermost first, and on itself."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    def freeze(self) -> Self:
        """Take all parameters out of training, parts included: no gradient, no update.

        A frozen parameter is a constant: its plain array stands in its place, so nothing is
        recorded or computed for it, and optimisers leave it alone, weight decay included. Its name
        in `state_dict` stays. A Value that another module shares is still a parameter there. The
        mode stays too: to keep the running averages of normalisations, call `eval`.

        >>> from tinygrad_lite import nn
        >>> net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
        >>> _ = net[0].freeze()
        >>> [name for name, _ in net.named_parameters()]
        ['2.weight', '2.bias']
        """
        stand_ins: dict[Value, Array] = {}

        def freeze(thing: Any) -> Any:
            if not isinstance(thing, Value) or not thing.is_leaf:
                return thing
            thing.grad = None
            stand_ins.setdefault(thing, np.asarray(thing.data))
            frozen.append((stand_ins[thing], thing))
            return stand_ins[thing]

        for module in self.modules():
            frozen = list(module._frozen)
            module._exchange(freeze)
            module._frozen = tuple(frozen)
        return self

    def unfreeze(self) -> Self:
        """Make parameters of what `freeze` took out, parts included; the same Values as before."""

        def unfreeze(thing: Any) -> Any:
            for stand_in, parameter in module._frozen:
                if stand_in is thing:
                    if type(parameter.data) is float:
                        parameter.data = float(stand_in)
                    return parameter
            return thing

        for module in self.modules():
            module._exchange(unfreeze)
            module._frozen = ()
        return self

    def astype(self, dtype: DTypeLike) -> Self:
        """Convert all floating parameters and buffers, parts included.

        The parameters stay the same Values; gradients are forgotten, and an optimiser's state
        keeps its dtype, so convert first.
        """
        frozen = [module for module in self.modules() if module._frozen]
        self.unfreeze()

        def convert(thing: Any) -> Any:
            if isinstance(thing, Value):
                if type(thing.data) is not float and thing.is_leaf:
                    thing.data = thing.data.astype(dtype)
                    thing.grad = None
            elif isinstance(thing, np.ndarray) and thing.dtype.kind == "f":
                return thing.astype(dtype)
            return thing

        for module in self.modules():
            module._exchange(convert)
        for module in frozen:
            module.freeze()
        return self

    def double(self) -> Self:
        """`astype` of float64, for checks of gradients."""
        return self.astype(np.float64)

    def float(self) -> Self:
        """`astype` of float32."""
        return self.astype(np.float32)

    def generator_states(self) -> dict[str, Any]:
        """States of the random generators it draws from (Dropout's), by path; fit for JSON.

        With `state_dict` and the optimiser's, what a run needs to go on exactly as it would have.
        """
        return states_of(self)

    def load_generator_states(self, states: Mapping[str, Any]) -> None:
        """Set the generators to what `generator_states` gave.

        Raises:
            KeyError: a path is missing or unexpected.
            ValueError: a generator is of another kind. Nothing is set when anything is wrong.
        """
        set_states(self, states)

    def summary(self, *inputs: Any) -> Summary:
        """A table of its parts with their output shapes and numbers of parameters.

        Args:
            *inputs: what to call it on to see the shapes; without, there are counts only.

        >>> from tinygrad_lite import nn
        >>> net = nn.Sequential(nn.Linear(784, 16), nn.Sigmoid(), nn.Linear(16, 10))
        >>> print(net.summary(np.zeros((1, 784), np.float32)))
        name  layer       output   parameters
              Sequential  (1, 10)
        0     Linear      (1, 16)      12,560
        1     Sigmoid     (1, 16)
        2     Linear      (1, 10)         170
        12,730 parameters, 50.92 kB
        """
        from tinygrad_lite.nn.summary import summary

        return summary(self, *inputs)

    # -- how it looks ----------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Its settings, for `repr`."""
        return ""

    def __repr__(self) -> str:
        lines = [
            f"({path}): {part!r}".replace("\n", "\n  ") for path, part in self.named_children()
        ]
        inside = self.extra_repr()
        if lines:
            inside = "\n  " + "\n  ".join([inside] * bool(inside) + lines) + "\n"
        return f"{type(self).__name__}({inside})"

    if not TYPE_CHECKING:  # or every attribute would pass

        def __getattr__(self, name: str) -> Any:
            raise lacking(f"{type(self).__name__!r} object", name, IN_MODULE)

    def __getstate__(self) -> dict[str, Any]:
        return {name: thing for name, thing in vars(self).items() if name != "_modes"}

    # -- finding and naming ----------------------------------------------------------------------

    def _walk(self, prefix: str) -> Iterator[tuple[str, Module]]:
        yield prefix, self
        for path, part in self.named_children():
            yield from part._walk(f"{prefix}.{path}" if prefix else path)

    def _tensors(self) -> Iterator[tuple[str, Any]]:
        """Parameters and buffers of itself and all parts, with their paths."""
        for prefix, module in self._walk(""):
            for path, thing in _contents(module):
                if not isinstance(thing, Module):
                    yield (f"{prefix}.{path}" if prefix else path), thing

    def _own(self) -> Iterator[Any]:
        """Parameters and buffers of itself alone."""
        return (thing for _, thing in _contents(self) if not isinstance(thing, Module))

    def _exchange(self, change: Callable[[Any], Any]) -> None:
        """Put what `change` returns in the place of each of its own parameters and buffers."""
        for name, thing in vars(self).items():
            if not name.startswith("_"):
                vars(self)[name] = _exchanged(thing, change)

    def _place(self, path: str, label: str) -> None:
        """Note where it is, and name its parameters and the scopes of its parts by that."""
        self._path, self._label = path, label
        for name, thing in _contents(self):
            below = f"{path}.{name}" if path else name
            if isinstance(thing, Module):
                # "0" says little in a drawing; "Linear 0" does.
                thing._place(below, f"{type(thing).__name__} {name}" if name.isdigit() else name)
            elif isinstance(thing, Value):
                thing.name = below


def _contents(module: Module) -> Iterator[tuple[str, Any]]:
    """Parameters, buffers and parts that a module's attributes hold, with their names."""
    for name, thing in vars(module).items():
        if not name.startswith("_"):
            yield from _found(name, thing)


def _found(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(thing, Value):
        if thing.is_leaf:  # a computed one is a result that somebody kept
            yield name, thing
    elif isinstance(thing, (Module, np.ndarray)):
        yield name, thing
    elif isinstance(thing, (list, tuple)):
        for position, entry in enumerate(thing):
            yield from _found(f"{name}.{position}", entry)
    elif isinstance(thing, dict):
        for key, entry in thing.items():
            yield from _found(f"{name}.{key}", entry)


def _exchanged(thing: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(thing, (Value, np.ndarray)):
        return change(thing)
    if isinstance(thing, list):
        thing[:] = [_exchanged(entry, change) for entry in thing]
    elif isinstance(thing, dict):
        for key, entry in thing.items():
            thing[key] = _exchanged(entry, change)
    elif type(thing) is tuple:
        return tuple(_exchanged(entry, change) for entry in thing)
    return thing
