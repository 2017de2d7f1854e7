"""How far tests reach: which flows alerted, which steps sent something on, and which alternatives of patterns were
found in a line that came so far."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from corowatch.core.config import Config, Step
from corowatch.core.errors import OverBudget
from corowatch.core.events import Event
from corowatch.core.pattern import SET, Pattern
from corowatch.core.template import Template
from corowatch.rules.witness import Sight


class Part(NamedTuple):
    """What a test may reach: a flow, a step, or an alternative of a step's patterns."""

    kind: str
    name: str


class Coverage:
    """What is there, and what was reached of it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.reached: set[Part] = set()
        steps = config.steps.values()
        self._patterns = {step.id: [(Part("pattern", f"{step.id}: {text}"), pattern)
                                    for text, pattern in alternatives_of(step)] for step in steps}
        self._last = {step.id for step in steps} - {way.step for step in steps for way in step.inputs}

    @property
    def parts(self) -> list[Part]:
        """Everything, in the order of the config."""
        found: dict[Part, None] = {}
        for step in self.config.steps.values():
            if step.kind.role != "node":
                continue
            if step.kind.name == "alert":
                found[Part("flow", step.flow)] = None
            found[Part("step", step.id)] = None
            found |= dict.fromkeys(part for part, _ in self._patterns[step.id])
        return sorted(found, key=lambda part: ("flow", "step", "pattern").index(part.kind))

    def add(self, sights: Iterable[Sight]) -> None:
        """Take in what nodes did in one test."""
        for root in sights:
            for sight in root.all():
                if sight.sent or sight.alerts or (sight.step in self._last and sight.rose):
                    self.reached.add(Part("step", sight.step))
                if sight.alerts:
                    self.reached.add(Part("flow", self.config.steps[sight.step].flow))
                if isinstance(sight.item, Event):
                    self.reached.update(part for part, pattern in self._patterns[sight.step]
                                        if part not in self.reached and _found(pattern, sight.item.text))

    def missed(self) -> list[Part]:
        """What no test reached."""
        return [part for part in self.parts if part not in self.reached]

    def share(self, kind: str) -> tuple[int, int]:
        """How many of a kind were reached, and how many there are."""
        parts = [part for part in self.parts if part.kind == kind]
        return sum(part in self.reached for part in parts), len(parts)


def alternatives_of(step: Step) -> Iterator[tuple[str, Pattern]]:
    """Each alternative of the patterns of a step, as text and as a pattern of its own."""
    for value in step.options.values():
        for pattern in value if isinstance(value, tuple) else (value,):
            if not isinstance(pattern, Pattern) or isinstance(pattern, Template):  # what that looks for is not known
                continue
            pieces = [] if pattern.literal else alternatives(pattern.source)
            try:
                yield from [(piece, Pattern(piece, ignore_case=pattern.ignore_case)) for piece in pieces]
            except ValueError:  # one refers to a group in another
                pieces = []
            if not pieces:
                yield pattern.source, pattern


_TOKEN = re.compile(rf"\\.|{SET}|[()|]", re.DOTALL)


def alternatives(source: str) -> list[str]:
    """The alternatives of a regular expression on its outermost level: `a|b(c|d)` has two."""
    pieces, depth, begin = [], 0, 0
    for token in _TOKEN.finditer(source):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if token[0] == "|" and not depth:
            pieces.append(source[begin:token.start()])
            begin = token.end()
    return [*pieces, source[begin:]]


def _found(pattern: Pattern, text: str) -> bool:
    try:
        return pattern.test(text)
    except OverBudget:
        return False
