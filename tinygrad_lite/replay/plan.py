"""Plan: lowered steps as one Python function of NumPy calls that write into planned buffers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tinygrad_lite.engine.record import computed
from tinygrad_lite.engine.rulebook import Operation
from tinygrad_lite.replay.cores import sharing_cores
from tinygrad_lite.replay.form import (
    Argument,
    Attribute,
    Constant,
    Instruction,
    LeafData,
    LeafGrad,
    Slot,
    Update,
    Wrapped,
    slots_in,
)
from tinygrad_lite.replay.lowering import Lowered
from tinygrad_lite.replay.memory import Arena, plan_memory
from tinygrad_lite.replay.names import Names
from tinygrad_lite.replay.packs import Pack
from tinygrad_lite.replay.passes import drop_dead, fold_and_share, substituted
from tinygrad_lite.replay.results import replayed
from tinygrad_lite.replay.rewrites import Rewriter
from tinygrad_lite.replay.storage import Step, Storage, outside_memory, storages_of
from tinygrad_lite.replay.traced import Traced
from tinygrad_lite.replay.trees import mapped
from tinygrad_lite.replay.writers import (
    argument_texts,
    constant,
    reduction_of,
    written,
)
from tinygrad_lite.rules.large import LARGE
from tinygrad_lite.rules.memory import return_freed_memory

_INFIX = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/",
    operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=",
}  # fmt: skip


class Plan:
    """A captured call, ready to run on other data.

    Attributes:
        steps: what is computed, in order.
        arena: the memory plan.
        run: the function; takes the numbers and arrays among the arguments, in order.
    """

    def __init__(self, lowered: Lowered) -> None:
        given = list(lowered.sources)
        self.sources = lowered.sources
        self._separate_gradients(lowered)
        outside = outside_memory(lowered.recording)
        steps, replacement = fold_and_share(given, lowered.steps, outside)

        def settled(tree: Any) -> Any:
            return substituted(_slots(tree), replacement)

        self.result = settled(lowered.result)
        self.stores = {source: settled(data) for source, data in lowered.stores.items()}
        self.gradients = {value: settled(data) for value, data in lowered.gradients.items()}
        wanted = {
            *slots_in(self.result),
            *slots_in(tuple(self.stores.values())),
            *slots_in(tuple(self.gradients.values())),
        }
        Rewriter(steps, storages_of(given, steps), outside)
        self.steps = drop_dead(given, steps, wanted)
        self.storages = storages_of(given, self.steps)
        self.quiet = dict(lowered.quiet)
        self.zeros = lowered.zeros
        planned = self._planned()
        pinned = {
            self.storages[slot]
            for slot in wanted
            if slot in self.storages and self.storages[slot] in planned
        }
        self.arena: Arena = plan_memory(self.steps, self.storages, planned, pinned)
        self._forget(lowered)
        self.arena.allocate()
        self._names = Names()
        self._text_of: dict[Slot, str] = {}
        self.lines: list[tuple[Step | None, str]] = []
        self._write_lines()
        self.run = self._compiled()

    # -- what lives where ------------------------------------------------------------------------

    def _separate_gradients(self, lowered: Lowered) -> None:
        """Copy final gradients that share memory with anything else: users change them in place."""
        storages = storages_of(list(lowered.sources), lowered.steps)
        taken: set[Storage] = {storages[slot] for slot in lowered.sources if slot in storages}
        for kept in lowered.stores.values():
            if kept.slot in storages:
                taken.add(storages[kept.slot])
        lowered.open = True
        for value, gradient in lowered.gradients.items():
            if gradient is None or gradient.slot.is_number:
                continue
            source = lowered.sources.get(gradient.slot)
            if isinstance(source, LeafGrad) and source.value is value:
                continue
            storage = storages.get(gradient.slot)
            fixed = storage is None or (
                isinstance(storage.maker, Instruction)
                and (
                    storage.maker.function is constant or storage.maker.function is np.broadcast_to
                )
            )
            if fixed or storage in taken or not gradient.slot.example.is_dense():
                lowered.gradients[value] = lowered.run(np.copy, (gradient,), {})
            elif storage is not None:
                taken.add(storage)
        lowered.open = False

    def _forget(self, lowered: Lowered) -> None:
        """Free what lowering computed, before there are buffers for the same."""
        lowered.forget()
        if self.arena.nbytes > LARGE:
            return_freed_memory()

    def _planned(self) -> dict[Storage, Slot]:
        """Storages whose first content is written into a buffer, with its slot."""
        planned: dict[Storage, Slot] = {}
        for step in self.steps:
            if not isinstance(step, Instruction) or step.into:
                continue
            target = step.targets[0]  # further ones are small
            storage = self.storages.get(target)
            if storage is None or storage.maker is not step or not target.shape:
                continue
            example = target.example
            if (
                example.whole
                and example.is_dense()
                and written(step, "out", lambda _: "x") is not None
            ):
                planned[storage] = target
        return planned

    # -- names -----------------------------------------------------------------------------------

    def _text(self, tree: Any) -> str:
        return self._names.text(tree, self._text_of)

    # -- lines -----------------------------------------------------------------------------------

    def _write_lines(self) -> None:
        self._leaves: dict[Any, str] = {}
        self._local: set[Slot] = set()  # known only when running
        used = {slot for step in self.steps for slot in _reads(step)}
        used.update(slots_in(self.result), slots_in(tuple(self.stores.values())))
        used.update(slots_in(tuple(self.gradients.values())))
        self.used = used
        self._given_gradients: set[str] = set()
        self._read_later = {slot for step in self.steps for slot in _reads(step)}
        self._read_later.update(slots_in(self.result))
        for slot, source in self.sources.items():
            if slot in used:
                self._load(slot, source)
        for step in self.steps:
            if isinstance(step, Update):
                self._update_lines(step)
            else:
                self._instruction_lines(step)
        self._closing_lines()

    def _line(self, text: str, step: Step | None = None) -> None:
        self.lines.append((step, text))

    def _load(self, slot: Slot, source: Any) -> None:
        if isinstance(source, Constant):
            data = source.data
            self._text_of[slot] = repr(data) if _literal(data) else self._names.named(data, "c")
            return
        self._local.add(slot)
        if isinstance(source, Argument):
            self._text_of[slot] = f"a{source.position}"
            return
        name = self._text_of[slot] = f"w{slot.index}"
        if isinstance(source, LeafData):
            place = "data" if slot.is_number else "_data"
            self._line(f"{name} = {self._names.named(source.value, 'v')}.{place}")
        elif isinstance(source, LeafGrad):
            self._line(f"{name} = {self._names.named(source.value, 'v')}._grad")
        elif isinstance(source, Pack):
            self._line(f"{name} = {self._names.named(source, 'v')}.data")
        elif isinstance(source, Attribute):
            self._line(f"{name} = {self._names.named(source.owner, 'o')}.{source.name}")

    def _instruction_lines(self, step: Instruction) -> None:
        target = step.targets[0]
        if step.into is not None:
            name = self._text_of[target] = self._text_of[step.into]
            if step.into in self._local:
                self._local.add(target)
            line = written(step, name, self._text)
            if line is None:
                settings = {"out": step.into, **step.settings}
                line = self._call(step.function, step.arguments, settings)
            self._line(line, step)
            return
        storage = self.storages.get(target)
        if storage is not None and storage.maker is step and storage in self.arena.arrays:
            name = self._text_of[target] = f"b{target.index}"
            self._names.values[name] = self.arena.arrays[storage]
            line = written(step, name, self._text)
            assert line is not None
            if len(step.targets) > 1:
                line = f"{', '.join(['_', *self._names_of(step.targets[1:])])} = {line}"
            self._line(line, step)
            return
        reads = list(slots_in((step.arguments, step.settings)))
        fixed = reads and not any(slot in self._local for slot in reads) and not step.repeats
        if fixed and storage is not None and storage.maker is not step:
            self._names.values[f"b{target.index}"] = self._view_now(step)
            self._text_of[target] = f"b{target.index}"
            return
        names = self._names_of(step.targets)
        self._line(f"{', '.join(names)} = {self._expression(step)}", step)

    def _names_of(self, slots: tuple[Slot, ...]) -> list[str]:
        """Names of slots that are known only when running."""
        for slot in slots:
            self._text_of[slot] = f"s{slot.index}"
            self._local.add(slot)
        return [self._text_of[slot] for slot in slots]

    def _view_now(self, step: Instruction) -> Any:
        """A view of a buffer, made once."""

        def now(tree: Any) -> Any:
            kind = type(tree)
            if kind is Slot:
                return self._names.values[self._text_of[tree]]
            if kind is tuple or kind is list:
                return kind(map(now, tree))
            return tree

        settings = {key: now(setting) for key, setting in step.settings.items()}
        function: Any = step.function
        if isinstance(function, Operation):
            function = function.evaluate
        return function(*now(step.arguments), **settings)

    def _expression(self, step: Instruction) -> str:
        function, target = step.function, step.targets[0]
        if isinstance(function, Operation):
            scalar = function.scalar
            if target.is_number and scalar in _INFIX and all(map(_safe, step.arguments)):
                a, b = map(self._text, step.arguments)
                return f"{a} {_INFIX[scalar]} {b}"
            if target.is_number:
                self._names.values["computed"] = computed
                row = self._names.named(function, "row")
                texts = [row, *map(self._text, (tuple(step.arguments), step.settings or None))]
                return f"computed({', '.join(texts)})"
            return self._call(function.evaluate, step.arguments, step.settings)
        if function in _INFIX and len(step.arguments) == 2 and all(map(_safe, step.arguments)):
            a, b = map(self._text, step.arguments)
            return f"{a} {_INFIX[function]} {b}"
        if function is np.transpose and not step.settings and step.arguments[1:] in ((), (None,)):
            return f"{self._text(step.arguments[0])}.T"
        if reduction_of(function) is not None and step.settings.keys() == {"axis"}:
            return self._call(function, (*step.arguments, step.settings["axis"]), {})
        if isinstance(function, np.ufunc) and not step.settings:
            return f"{self._text(function)}({', '.join(argument_texts(step, self._text))})"
        return self._call(function, step.arguments, step.settings)

    def _call(self, function: Any, arguments: Any, settings: Any) -> str:
        parts = [self._text(a) for a in arguments]
        parts += [f"{name}={self._text(setting)}" for name, setting in settings.items()]
        return f"{self._text(function)}({', '.join(parts)})"

    def _update_lines(self, step: Update) -> None:
        for parameter, before, gradient in zip(
            step.parameters, step.data, step.gradients, strict=True
        ):
            name = self._names.named(parameter, "v")
            if self.sources.get(before) is None:
                self._line(f"{name}.data = {self._text_of[before]}")
            grad = "None" if gradient is None else self._text(gradient)
            self._give_gradient(f"{name}._grad = {grad}")
        self._line(f"{self._text(step.optimizer.step)}()", step)
        for parameter, target in zip(step.parameters, step.targets, strict=True):
            self._text_of[target] = f"w{target.index}"
            self._local.add(target)
            if target in self._read_later:
                self._line(f"w{target.index} = {self._names.named(parameter, 'v')}.data")

    def _give_gradient(self, line: str) -> None:
        """Set the gradient of a Value, unless that was the last thing done to it."""
        value = line.partition("._grad")[0]
        if line not in self._given_gradients:
            self._given_gradients -= {x for x in self._given_gradients if x.startswith(f"{value}.")}
            self._given_gradients.add(line)
            self._line(line)

    def _closing_lines(self) -> None:
        final_updates = {
            slot for step in self.steps if isinstance(step, Update) for slot in step.targets
        }
        accumulated = {s.value for s in self.sources.values() if isinstance(s, LeafGrad)}
        for source, content in self.stores.items():
            if content in final_updates:
                continue  # the optimiser has put it there
            self._store(source, content)
        for value, gradient in self.gradients.items():
            name = self._names.named(value, "v")
            if gradient is None:
                self._give_gradient(f"{name}._grad = None")
            elif not isinstance(self.sources.get(gradient), LeafGrad):
                text = self._text(gradient)
                if value in accumulated and type(gradient) is Slot and not gradient.is_number:
                    text += ".copy()"  # the next run reads it when its buffer is in use again
                self._give_gradient(f"{name}._grad = {text}")
        self._line(f"return {self._returned(self.result)}")

    def _store(self, source: Any, content: Any) -> None:
        if isinstance(source, (LeafData, Pack)):
            owner = source.value if isinstance(source, LeafData) else source
            place = f"{self._names.named(owner, 'v')}.data"
        elif isinstance(source, Attribute):
            place = f"{self._names.named(source.owner, 'o')}.{source.name}"
        else:
            return
        if type(content) is Slot and not content.is_number:
            storage = self.storages.get(content)
            given = [slot for slot, other in self.sources.items() if other is source]
            if storage is not None and storage is self.storages.get(given[0]):
                return  # written in place
        self._line(f"{place} = {self._fresh(content)}")

    def _returned(self, tree: Any) -> str:
        kind = type(tree)
        if kind is Wrapped:
            self._names.values["replayed"] = replayed
            origins = self._names.named(tree.origins, "leaves")
            return f"replayed({self._fresh(tree.slot)}, {origins})"
        if kind is Slot:
            return self._fresh(tree)
        if isinstance(tree, tuple):
            parts = "".join(self._returned(branch) + ", " for branch in tree)
            made = f"({parts})"
            return f"{self._names.named(kind, 't')}{made}" if hasattr(tree, "_fields") else made
        if kind is list:
            return f"[{', '.join(map(self._returned, tree))}]"
        if kind is dict:
            items = (f"{self._text(k)}: {self._returned(v)}" for k, v in tree.items())
            return f"{{{', '.join(items)}}}"
        return self._text(tree)

    def _fresh(self, content: Any) -> str:
        """The text of something that the next run does not overwrite."""
        text = self._text(content)
        if type(content) is not Slot:
            return text
        if content.is_number:
            return text
        if not content.shape:
            self._names.values["asarray"] = np.asarray
            return f"asarray({text})"
        storage = self.storages.get(content)
        shared = storage is None or storage in self.arena.arrays or storage.maker is None
        return f"{text}.copy()" if shared else text

    def _compiled(self) -> Callable[..., Any]:
        arguments = [
            f"a{source.position}" for source in self.sources.values() if type(source) is Argument
        ]
        arguments.sort(key=lambda name: int(name[1:]))
        body = [text for _, text in self.lines]
        text = f"def run({', '.join(arguments)}):\n    " + "\n    ".join(body)
        namespace = dict(self._names.values)
        exec(compile(text, "<captured>", "exec"), namespace)
        self.text = text
        run = sharing_cores(namespace["run"], self.steps)
        if not self.quiet:
            return run
        with np.errstate(**self.quiet):
            context = copy_context()  # entering it takes a tenth of entering np.errstate
        return partial(context.run, run)


def _reads(step: Step) -> Any:
    if isinstance(step, Update):
        return [*step.data, *(g for g in step.gradients if type(g) is Slot)]
    into = [] if step.into is None else [step.into]
    return [*slots_in(step.arguments), *slots_in(step.settings), *into]


def _slots(tree: Any) -> Any:
    """Slots in the place of traced numbers and arrays."""

    def slot_of(leaf: Any) -> Any:
        if type(leaf) is Wrapped:
            return replace(leaf, slot=slot_of(leaf.slot))
        return leaf.slot if type(leaf) is Traced else leaf

    return mapped(tree, slot_of)


def _safe(argument: Any) -> bool:
    """Whether it may stand beside an operator without parentheses."""
    return type(argument) is Slot or (
        type(argument) in (int, float) and math.isfinite(argument) and argument >= 0
    )


def _literal(data: Any) -> bool:
    return type(data) is float and math.isfinite(data)
