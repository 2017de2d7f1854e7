"""What is scanned beforehand: somebody outside does it, and here it becomes a Window.

    engine.foresee ── ask ─▶ Scout, another process        what is to be read, and a database to scan it with
    ticket.window() ── answer ─▶ Asked ─▶ Seen             how it went, and where the lines are that were hit
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from corowatch.core.ahead import Ahead, Window
from corowatch.core.pattern import Pattern
from corowatch.engines import Hit


class Answer(NamedTuple):
    """What a scout tells of bytes; unless it is `fit` nothing is to be made of it."""

    fit: bool
    foreign: bool
    """Whether it holds lines that are not ASCII, though it should not."""
    offset: int
    """Where the lines begin in their file."""
    size: int
    """Bytes of whole lines."""
    lines: int
    """0: not counted."""
    hits: array[int]
    """Start and end of each line that was hit and the number of the gate, in order."""


NOTHING = Answer(fit=False, foreign=False, offset=0, size=0, lines=0, hits=array("I"))


class Asked(Protocol):
    """What a scout was asked for; it stands until it is let go."""

    def answer(self) -> Answer:
        """What came of it, now or in a moment. Raises OSError if the scout is gone."""
        ...

    def part(self, start: int, end: int) -> bytes:
        """The bytes between two places."""
        ...

    def lines(self, size: int) -> int:
        """How many there are in so many bytes."""
        ...

    def first_end(self) -> int:
        """Where the first of the lines ends."""
        ...

    def let_go(self) -> None:
        """It is no longer of interest."""
        ...


class Scout(Protocol):
    """Reads and scans with one database. Its methods raise OSError when it is gone."""

    def ask(self, ahead: Ahead, behind: Asked | None) -> Asked | None:
        """Have bytes read and scanned, perhaps those behind what was asked for before; None if that is too much."""
        ...

    def close(self) -> None:
        """Nothing more is asked for; what was told still stands. Never raises."""
        ...


class Scouts(Protocol):
    """Where scouts come from."""

    def start(self, dumped: bytes, *, ascii_alone: bool, most: int, sparse: int) -> Scout | None:
        """One for a compiled database, perhaps one for lines of ASCII alone, and for at most `most` hits and one in
        `sparse` bytes; None if no processor is left for it. Raises OSError if none can be had."""
        ...


class NoScouts:
    """Nothing is foreseen."""

    def start(self, dumped: bytes, *, ascii_alone: bool, most: int, sparse: int) -> None:
        return None


class Foreseen:
    """The Ticket for what a scout was asked for."""

    def __init__(self, scout: Scout, asked: Asked, window: Callable[[Asked], Window | None]) -> None:
        self.scout = scout
        self.asked = asked
        self._window = window

    def window(self) -> Window | None:
        return self._window(self.asked)

    def let_go(self) -> None:
        self.asked.let_go()


class Seen:
    """A Window of what a scout was asked for by an engine."""

    def __init__(self, engine: object, asked: Asked, answer: Answer, anchored: Sequence[int],
                 proven: Sequence[Pattern | None]) -> None:
        self._part = asked.part
        self.let_go = asked.let_go
        self.offset = answer.offset
        self.size = answer.size
        self.lines = answer.lines or asked.lines(answer.size)
        self.engine = engine
        self.proven = proven
        first = asked.first_end() if anchored else 0
        self.hits: Sequence[Hit] = list(_lines_of(answer.hits, anchored, first))

    def __getitem__(self, part: slice) -> bytes:
        return self._part(part.start, part.stop)


def _lines_of(found: array[int], anchored: Sequence[int], first: int) -> Iterator[Hit]:
    """The lines that were hit, of starts, ends and gates; the first, which ends at `first`, may pass what begins with a
    newline, and is `anchored`."""
    start, stop, gates = 0, first, tuple(anchored)
    for begin, end, gate in zip(found[::3], found[1::3], found[2::3], strict=True):
        if begin == start:
            stop = end
            gates = *gates, gate
            continue
        if gates:
            yield start, stop, gates if len(gates) == 1 else sorted(set(gates))
        start, stop, gates = begin, end, (gate,)
    if gates:
        yield start, stop, gates if len(gates) == 1 else sorted(set(gates))
