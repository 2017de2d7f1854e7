"""Engines: which lines of a Block may interest whom.

An engine is a prefilter and wrong in one direction only: it may name a line too often, never too seldom.
The graph with any engine sends what the graph with EveryLine sends.

A gate is the list of patterns without one of which a consumer ignores a line; the gates of a source are
numbered, and an engine tells which of them a line may pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from corowatch.core.pattern import Pattern

Gate = Sequence[Pattern]
Hit = tuple[int, int, Sequence[int]]
"""Start and end of a line in the data, its newline not included, and the gates that it may pass."""


class Engine(Protocol):
    """Looks at whole lines: UTF-8, perhaps with invalid bytes, each ended by a newline but perhaps the last."""

    name: str

    def lines(self, data: bytes) -> Iterator[Hit]:
        """The lines that may pass a gate, in order."""
        ...


class EveryLine:
    """The reference: every line may pass every gate."""

    name = "every line"

    def __init__(self, gates: Sequence[Gate | None]) -> None:
        self._all = tuple(range(len(gates)))

    def lines(self, data: bytes) -> Iterator[Hit]:
        for start, end in spans(data):
            yield start, end, self._all


def spans(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of each line, its newline not included. Data that end with a newline end with no empty line."""
    start = 0
    find = data.find
    size = len(data)
    while start < size:
        end = find(b"\n", start)
        if end < 0:
            end = size
        yield start, end
        start = end + 1


def engine_for(gates: Sequence[Gate | None]) -> Engine:
    """The fastest engine for these gates; None stands for a consumer that wants every line."""
    from corowatch.engines.re2set import Re2Set

    if any(Re2Set.takes(gate) for gate in gates):
        try:
            return Re2Set(gates)
        except ValueError:
            pass  # too much for one set: slower, never wrong
    return EveryLine(gates)
