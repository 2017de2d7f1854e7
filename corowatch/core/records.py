"""Blocks of lines in, Blocks of records out: which lines belong together is for a Joiner, how they are cut for this.

One per open file, behind its `frame`. The record that may still go on is held here; `position.open` is where it begins,
so nothing of it counts as read, and a restart begins with it. It is whole when the next one begins, when it is as long
as it may be, when the file has ended, or after a time without another line.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeAlias

import msgspec

from corowatch.core.events import Block, Target
from corowatch.core.lines import count_of
from corowatch.engines import Hit

WHOLE = "."
"""State of a record that its last line has ended."""
UNSURE = "?"
"""With this end the states in which the last lines belong to the record only if more of it follows."""


_Cut: TypeAlias = tuple[list[tuple[int, int]], int, str]
"""Spans of records, and where the open one begins, and its state; the end of the data and "" if none is."""


class Joiner(Protocol):
    """Which lines belong together. Lines come without their newline, and a CR before it; a state is "" for none."""

    @property
    def joints(self) -> re.Pattern[bytes] | None:
        """What finds, in lines of ASCII without a CR, the newlines before those that belong to the record before. Where
        there is none, or a line may be long, each line is asked for."""
        ...

    def opens(self, data: bytes, at: int) -> int:
        """Where the next line begins, from one that begins at `at`, that others may follow; the end of the data if
        none is there."""
        ...

    def begin(self, line: bytes) -> str:
        """The state of a record that begins with this line; "" if it is one by itself."""
        ...

    def go_on(self, state: str, line: bytes) -> str:
        """The state with this line added; "" if it does not belong to the record."""
        ...


class Joins(Protocol):
    """What joins the lines of one file: a Target for Blocks, which holds back what is open."""

    @property
    def since(self) -> float | None:
        """When the last line came, if anything is held back."""
        ...

    def send(self, block: Block) -> None:
        """Send what is whole with this Block."""
        ...

    def end(self) -> None:
        """Nothing more belongs to what is held back: send it."""
        ...


class Records:
    """Sends Blocks whose `records` are the spans of those of more than one line, and holds back what is open.

    A record ends before the line by which it would be longer than `max_lines` or `max_bytes`; what follows is looked at
    as if nothing stood before it, as it would be after a restart. So it is behind a hole. A line over the limit of
    lines is a record by itself.
    """

    def __init__(self, target: Target[Block], joiner: Joiner, *, max_lines: int, max_bytes: int) -> None:
        self._target = target
        self._joiner = joiner
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._held: Block | None = None  # from where the open record begins
        self._state = ""
        self._sure = self._known = self._lines = 0  # bytes of it that are sure to be of it, that were looked at; lines

    @property
    def since(self) -> float | None:
        """When the last line came that is held back; None if none is."""
        return None if self._held is None else self._held.at

    def send(self, block: Block) -> None:
        """Send what is whole with this Block."""
        if self._held is not None:
            if not block.cut and (block.starts or block.offset == self._held.offset + len(self._held.data)):
                block = _joined(self._held, block)
            else:
                self.end()
        if block.cut:
            self._target.send(msgspec.structs.replace(block, records=()))
        else:
            self._cut(block)

    def end(self) -> None:
        """Nothing more belongs to what is held back: send it."""
        while self._held is not None:
            whole, rest = _parted(self._held, self._sure)
            self._let_go()
            rest.position.open = rest.offset if rest.data else None
            self._target.send(msgspec.structs.replace(whole, records=tuple(_span(whole.data, 0, len(whole.data)))))
            self._cut(rest)

    def _cut(self, block: Block) -> None:
        """Send the records of a Block, but for the last, if that is open."""
        data = block.data
        cut = None
        if self._joiner.joints is not None and data.isascii() and b"\r" not in data:
            cut = self._cut_at(self._joiner.joints, data)
        records, begin, state = cut or self._cut_by_line(data)
        whole, rest = _parted(block, begin)
        if state:
            self._held, self._state = rest, state
        else:
            self._let_go()
        block.position.open = rest.offset if state else None
        if whole.data:
            self._target.send(msgspec.structs.replace(whole, records=tuple(records)))

    def _cut_by_line(self, data: bytes) -> _Cut:
        """Ask of each line that is not known yet, but for those that nothing may follow."""
        joiner = self._joiner
        begin, at, sure, lines, state = 0, self._known, self._sure, self._lines, self._state
        records: list[tuple[int, int]] = []
        while at < len(data):
            if not state:
                begin = joiner.opens(data, at)
                if begin == len(data):
                    break
                at = sure = _next(data, begin)
                lines, state = 1, joiner.begin(line_at(data, begin, at))
                continue
            end = _next(data, at)
            new = joiner.go_on(state, line_at(data, at, end))
            if not new or lines >= self._max_lines or end - begin > self._max_bytes:
                records += _span(data, begin, sure)
                at, state = sure, ""
                continue
            at, lines, state = end, lines + 1, new
            if not new.endswith(UNSURE):
                sure = end
            if new == WHOLE:
                records += _span(data, begin, sure)
                state = ""
        begin = begin if state else len(data)
        self._sure, self._known, self._lines = sure - begin, at - begin, lines
        return records, begin, state

    def _cut_at(self, joints: re.Pattern[bytes], data: bytes) -> _Cut | None:
        """The same, asking of the lines alone that open the first and the last; None if a record is too long."""
        begin, state = 0, self._state
        while not state and begin < len(data):
            state = self._joiner.begin(line_at(data, begin, end := _next(data, begin)))
            begin = begin if state else end
        if not state:
            return [], len(data), ""
        records: list[tuple[int, int]] = []
        end, lines = _next(data, begin), 1
        for joint in joints.finditer(data, end - 1):
            at = joint.end()
            if at == len(data):
                break
            if at != end:  # it ended, and others of one line may stand between
                records += [(begin, end - 1)] if lines > 1 else []
                begin, lines = data.rfind(b"\n", 0, at - 1) + 1, 1
            end, lines = _next(data, at), lines + 1
            if lines > self._max_lines or end - begin > self._max_bytes:
                return None
        if end < len(data):
            records += [(begin, end - 1)] if lines > 1 else []
            begin, lines = data.rfind(b"\n", 0, len(data) - 1) + 1, 1
            state = self._joiner.begin(line_at(data, begin, len(data)))
        self._sure = self._known = len(data) - begin
        self._lines = lines
        return records, begin, state

    def _let_go(self) -> None:
        self._held, self._state = None, ""
        self._sure = self._known = self._lines = 0


def by_record(hits: Iterable[Hit], records: Iterable[tuple[int, int]]) -> Iterator[Hit]:
    """The hits in lines, those in lines of one record together, as hits in records."""
    spans = iter(records)
    beyond = sys.maxsize, sys.maxsize
    start, end = next(spans, beyond)
    gates: set[int] = set()
    for hit in hits:
        while hit[0] > end:
            if gates:
                yield start, end, sorted(gates)
                gates.clear()
            start, end = next(spans, beyond)
        if hit[0] < start:
            yield hit
        else:
            gates.update(hit[2])
    if gates:
        yield start, end, sorted(gates)


def _span(data: bytes, begin: int, end: int) -> list[tuple[int, int]]:
    """The record between two places, its last newline not included, if it has more than one line."""
    last = end - data.endswith(b"\n", begin, end)
    return [(begin, last)] if data.find(b"\n", begin, last) >= 0 else []


def _next(data: bytes, at: int) -> int:
    """Where the line behind the one at a place begins."""
    return data.find(b"\n", at) + 1 or len(data)


def line_at(data: bytes, begin: int, end: int) -> bytes:
    """The line between two places, without its newline and a CR before it."""
    return data[begin:end].removesuffix(b"\n").removesuffix(b"\r")


def _parted(block: Block, at: int) -> tuple[Block, Block]:
    """A Block as two, parted at the start of a line."""
    data, starts = block.data, block.starts
    if starts is None:
        offset, before, behind = block.offset + at, None, None
    else:
        number = count_of(data[:at])
        offset = starts[number] if number < len(starts) else block.position.offset
        before, behind = starts[:number], starts[number:]
    return (msgspec.structs.replace(block, data=data[:at], starts=before),
            msgspec.structs.replace(block, offset=offset, data=data[at:], starts=behind))


def _joined(held: Block, block: Block) -> Block:
    """What is held and what follows it, as one Block."""
    starts = None if held.starts is None or block.starts is None else held.starts + block.starts
    return msgspec.structs.replace(block, offset=held.offset, data=held.data + block.data, starts=starts)
