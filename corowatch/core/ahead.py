"""What a reader asks for in a backlog, and gets: bytes that come next, read and scanned while others are dealt with.

    Life ── Ahead ─▶ scan ─▶ engine.foresee        the engine may leave a Ticket in it
    Life ◀─ Window ── ticket.window()              when it comes to those bytes
    Life ── Scanned ─▶ scan ─▶ Event               in the place of a Block

An engine that foresees nothing leaves no Ticket, and where anything is amiss with the bytes there is no Window: they
are read as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol, TypeAlias

import msgspec

from corowatch.core.events import Block, Origin, Position
from corowatch.core.pattern import Pattern
from corowatch.engines import Hit


class Window(Protocol):
    """Whole lines of valid UTF-8, none of them too long and no hole among them, that stand in memory until they are let
    go."""

    offset: int
    """Where they begin in their file."""
    size: int
    """Bytes."""
    lines: int
    engine: object
    """Whose gates the hits are of."""
    hits: Sequence[Hit]
    proven: Sequence[Pattern | None]
    """As an engine tells them."""

    def __getitem__(self, part: slice) -> bytes:
        """The bytes between two places."""
        ...

    def let_go(self) -> None:
        """They are no longer needed."""
        ...


class Ticket(Protocol):
    """What was asked for, and is being done."""

    def window(self) -> Window | None:
        """What became of it, now or in a moment; None if nothing did."""
        ...

    def let_go(self) -> None:
        """It is no longer of interest."""
        ...


class Ahead(msgspec.Struct):
    """`size` bytes of a descriptor will come next, from offset `at` on, or behind the lines of what was asked for
    before; a line may have `max_line_bytes`. With no bytes: nothing is foreseen any more. Who looks ahead leaves a
    `ticket`."""

    fd: int
    at: int
    size: int
    max_line_bytes: int
    behind: Ticket | None = None
    ticket: Ticket | None = None


NOTHING_AHEAD = Ahead(-1, 0, 0, 0)


class Scanned:
    """What a Block is, of lines that were scanned already."""

    cut = 0
    starts = records = stamps = None

    def __init__(self, origin: Origin, offset: int, at: float, window: Window, position: Position) -> None:
        self.origin = origin
        self.offset = offset
        self.at = at
        self.window = window
        self.position = position

    @cached_property
    def data(self) -> bytes:
        """All of the bytes: they are rarely asked for."""
        return self.window[0:self.window.size]

    def end(self, size: int) -> Block:
        """The lines that begin in the last `size` bytes, or all if none does, as a Block that outlasts the window."""
        start = max(0, self.window.size - size - 1)
        data = self.window[start:self.window.size] if start else self.data
        begin = data.find(b"\n", 0, -1) + 1
        if not start or not begin:
            return Block(self.origin, self.offset, self.at, self.data, self.position)
        return Block(self.origin, self.offset + start + begin, self.at, data[begin:], self.position)


Sent: TypeAlias = Block | Scanned | Ahead
"""What a reader sends."""
