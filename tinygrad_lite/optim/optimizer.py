"""What every optimiser does: hold groups of parameters, check gradients, step, keep constraints."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_lite.engine.tracing import current
from tinygrad_lite.engine.value import Value, describe

Array = np.ndarray[Any, Any]
Constraint = Callable[[], None]
Parameters = Iterable[Value] | Iterable[dict[str, Any]]

# What `Value.passes` is set to once a step has used the gradient: far below zero, so that passes
# added without a reset in between leave it negative, while a reset makes it zero.
_USED = -(1 << 40)


class Optimizer:
    """Base of the optimisers: a subclass writes `change`.

    Args:
        parameters: Values to train, whose arrays are updated in place; or groups, each a dict of
            "params" and of settings that are to differ from the others'.
        defaults: the settings, "lr" among them.
        constraints: functions called after each step, such as `Clamp`.

    Attributes:
        parameters: those of all groups.
        param_groups: dicts of "params" and settings; may be set anew at any time.
        state: what it remembers of each parameter, such as "momentum_buffer".

    Raises:
        TypeError: a parameter is not a Value, or not a leaf; a group has a setting unknown here.
        ValueError: there are no parameters, one is given twice, or `lr` is negative.
    """

    def __init__(
        self,
        parameters: Parameters,
        defaults: dict[str, Any],
        constraints: Iterable[Constraint] = (),
    ) -> None:
        self.defaults = defaults
        self.parameters: list[Value] = []
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Value, dict[str, Any]] = {}
        self.constraints = list(constraints)
        self._group_of: dict[Value, int] = {}
        self._rooms: tuple[dict[Value, Array], ...] = ({}, {})
        self._shared_rooms: dict[Any, Array] = {}
        self._warned = False
        if not isinstance(parameters, Iterable):
            raise TypeError(
                f"an optimiser takes parameters, not a {type(parameters).__name__}: give it "
                f"model.parameters()"
            )
        given: list[Any] = list(parameters)
        if not given:
            raise ValueError("an optimiser needs parameters to train; it was given none")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Train more parameters, "params", with settings of their own where the group has any."""
        unknown = group.keys() - self.defaults.keys() - {"params", "initial_lr"}
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no setting {sorted(unknown)[0]!r}; a group has "
                f"'params' and any of {', '.join(self.defaults)}"
            )
        params = group["params"]
        group = {
            **self.defaults,
            **group,
            "params": [params] if type(params) is Value else [*params],
        }
        if not group["lr"] >= 0:
            raise ValueError(f"lr must not be negative, but is {group['lr']}")
        for position, parameter in enumerate(group["params"], len(self.parameters)):
            if not isinstance(parameter, Value):
                raise TypeError(
                    f"an optimiser trains Values; parameter {position} is a "
                    f"{type(parameter).__name__}. Wrap the array in Value(...)"
                )
            if not parameter.is_leaf:
                raise TypeError(
                    f"an optimiser trains leaves; parameter {position}, {describe(parameter)}, was "
                    f"computed from other Values: train those, or Value(x.data)"
                )
            if parameter in self._group_of:
                raise ValueError("an optimiser was given the same parameter twice")
            self._group_of[parameter] = len(self.param_groups)
            self.parameters.append(parameter)
        self.param_groups.append(group)

    def __repr__(self) -> str:
        """Class and settings of the first group.

        >>> from tinygrad_lite import optim
        >>> optim.SGD([Value([1.0])], lr=0.5)
        SGD(lr=0.5, momentum=0, dampening=0, weight_decay=0, nesterov=False)
        """
        told = [
            f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value!r}"
            for name, value in self.param_groups[0].items()
            if name != "params"
        ]
        groups = len(self.param_groups) - 1
        more = f" and {groups} more group{'s' * (groups > 1)}" if groups else ""
        return f"{type(self).__name__}({', '.join(told)}){more}"

    @property
    def lr(self) -> float:
        """Learning rate of the first group; setting it sets that of every group."""
        rate: float = self.param_groups[0]["lr"]
        return rate

    @lr.setter
    def lr(self, lr: float) -> None:
        for group in self.param_groups:
            group["lr"] = lr

    def change(self, parameter: Value, gradient: Array) -> Any:
        """What to subtract from a parameter; may be overwritten by the next call.

        Called once a step for each parameter with a gradient. For one that holds a Python float,
        the gradient is an array without axes.
        """
        raise NotImplementedError(f"{type(self).__name__} has no change(parameter, gradient)")

    def settings(self, parameter: Value) -> dict[str, Any]:
        """The group of a parameter."""
        return self.param_groups[self._group_of[parameter]]

    def room(self, parameter: Value, number: int = 0) -> Array:
        """An array to compute in, of a parameter's shape and dtype; others may share it."""
        room = self._rooms[number].get(parameter)
        if room is None:
            key = (parameter.shape, parameter.dtype, number)
            room = self._shared_rooms.get(key)
            if room is None:
                room = self._shared_rooms[key] = np.empty_like(parameter.data)
            self._rooms[number][parameter] = room
        return room

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move every parameter that has a gradient, in place, then apply the constraints.

        Args:
            closure: computes the loss and the gradients, called first; None if they are there.

        Returns:
            What the closure returned.

        Raises:
            RuntimeError: no parameter has a gradient.

        Warns (once):
            RuntimeWarning: gradients of an earlier step were added to, not reset.
        """
        loss = None if closure is None else closure()
        trace = current()
        if trace is not None:
            trace.update(self)
            return loss
        stepped = False
        for parameter in self.parameters:
            gradient = parameter.grad
            if gradient is None:
                continue
            stepped = True
            if _USED < parameter.passes < 0:
                self._warn_of_accumulation(parameter)
            parameter.passes = _USED
            gradient = gradient.data if type(gradient) is Value else gradient
            if type(gradient) is not np.ndarray:  # a number: states are changed in place
                gradient = np.asarray(gradient)
            if type(parameter.data) is float:
                parameter.data -= float(self.change(parameter, gradient))
            else:
                parameter.data -= self.change(parameter, gradient)
        if not stepped:
            raise RuntimeError(
                f"step() found no gradient on any of {len(self.parameters)} parameters "
                f"({describe(self.parameters[0])}, ...): call loss.backward() before it, with a "
                f"loss computed from these very Values"
            )
        for constraint in self.constraints:
            constraint()
        return loss

    def zero_grad(self) -> None:
        """Forget the gradients, as before each new backward()."""
        for parameter in self.parameters:
            parameter.grad = None

    # -- its state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Copies of everything that the next steps depend on: plain arrays and numbers.

        As PyTorch's: "state" by the position of the parameter, and "param_groups".
        """
        positions = {parameter: i for i, parameter in enumerate(self.parameters)}
        return {
            "state": {
                positions[parameter]: {name: _copied(thing) for name, thing in state.items()}
                for parameter, state in self.state.items()
            },
            "param_groups": [
                {**group, "params": [positions[p] for p in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave, of an optimiser of parameters of the same shapes.

        Raises:
            ValueError: the groups differ in number or size, or an array has another shape. Nothing
                is set when anything is wrong.
        """
        sizes = [len(group["params"]) for group in self.param_groups]
        given = [len(group["params"]) for group in state["param_groups"]]
        if sizes != given:
            raise ValueError(
                f"load_state_dict of {type(self).__name__}: its groups have {sizes} parameters, "
                f"given are {given}"
            )
        loaded: dict[Value, dict[str, Any]] = {}
        for key, entries in state["state"].items():
            parameter = self.parameters[int(key)]
            loaded[parameter] = {
                name: self._restored(parameter, name, thing) for name, thing in entries.items()
            }
        for group, other in zip(self.param_groups, state["param_groups"], strict=True):
            for name in group.keys() & other.keys() - {"params"}:
                kind = type(group[name])
                group[name] = kind(other[name]) if kind in (tuple, bool) else other[name]
            if "initial_lr" in other:
                group["initial_lr"] = other["initial_lr"]
        self.state = loaded

    def _restored(self, parameter: Value, name: str, thing: Any) -> Any:
        if name == "step":
            return int(thing)
        array = np.asarray(thing).astype(parameter.dtype)  # a copy
        if array.shape != parameter.shape:
            raise ValueError(
                f"load_state_dict of {type(self).__name__}: {name} of {describe(parameter)} has "
                f"shape {array.shape}"
            )
        return array

    def _warn_of_accumulation(self, parameter: Value) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"the gradient of {describe(parameter)} still holds what the previous step used, "
                f"and a backward() was added to it: call zero_grad() between steps",
                RuntimeWarning,
                stacklevel=3,
            )


class Clamp:
    """A constraint: keep parameters within [low, high], as the blog does with biases.

    >>> from tinygrad_lite import nn, optim
    >>> net = nn.Linear(3, 2)
    >>> clamp = optim.Clamp([net.bias], -0.8, 0.8)
    >>> optimiser = optim.SGD(net.parameters(), lr=0.1, constraints=[clamp])
    """

    def __init__(self, parameters: Iterable[Value], low: float, high: float) -> None:
        self.parameters = list(parameters)
        self.low = low
        self.high = high
        if not low <= high:
            raise ValueError(f"Clamp: low={low} must not be above high={high}")

    def __call__(self) -> None:
        for parameter in self.parameters:
            if type(parameter.data) is float:
                parameter.data = min(max(parameter.data, self.low), self.high)
            else:
                np.clip(parameter.data, self.low, self.high, out=parameter.data)


def checked(function: str, **settings: float) -> None:
    """Refuse settings that are negative, or NaN."""
    for name, setting in settings.items():
        if not setting >= 0:
            raise ValueError(f"{function}: {name} must not be negative, but is {setting}")


def shares(function: str, **settings: float) -> None:
    """Refuse shares of the past that are not in [0, 1)."""
    for name, setting in settings.items():
        if not 0 <= setting < 1:
            raise ValueError(f"{function}: {name} must be at least 0 and below 1, not {setting}")


def _copied(thing: Any) -> Any:
    return thing.copy() if isinstance(thing, np.ndarray) else thing
