"""Blocks in, Events out: the one place that knows both.

An engine names the lines that may interest someone, and only of those an Event is made, once, for all who
may want it. A Block without a hit costs one send and no Python per line. The scanner may only withhold
lines that the node behind its gate would have ignored, so no node ever learns that someone looked before.

Here a line also gets its time (see `Clock`): its own stamp, else that of the nearest stamped line before
it, else the moment of reading.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import tzinfo
from itertools import accumulate, chain, count, repeat
from operator import add
from typing import Literal, TypeAlias

from corowatch.core.ahead import NOTHING_AHEAD, Ahead, Scanned, Sent, Window
from corowatch.core.coroutine import coroutine
from corowatch.core.events import Block, Event, Position, Target, Value
from corowatch.core.kinds import Counts
from corowatch.core.lines import all_shown, count_of, shown
from corowatch.core.records import by_record
from corowatch.core.stamps import Stamps
from corowatch.engines import Engine, EveryLine, Hit

HEAD = 32768
"""Bytes of a line in which its stamp stands: in that of an access log, behind the user that a client says it is. A
header of 8 KiB holds one of 6 KiB in base64, of which servers write each byte as four, `\\x01`."""
SHORT = 4096
"""Characters of a line that is remembered as one that a pattern matches."""
REACH = 65536
"""Bytes that the nearest stamped line may lie back."""
SKEW = 86400.0
"""Seconds that a stamp may lie ahead of the moment of reading."""

ScanCounts = Counts[Literal["lines", "cut", "skewed"]]


class Clock:
    """What time it is in a source: that of the last line of its last Block.

    Lines without a stamp are common, and so are Blocks of which nobody wants to know the time; so what stands before is
    looked through only when it is asked for, and of what was looked through no line a second time.
    """

    def __init__(self, timestamp: str, counts: ScanCounts, zone: tzinfo | None = None) -> None:
        stamps = Stamps(timestamp, zone)
        self._none = stamps.none
        self._auto = timestamp == "auto"
        self._stamp = stamps.read
        self._counts = counts
        self._at = 0.0
        self._last: Block | None = None  # if its end's time is not known yet

    @property
    def at(self) -> float:
        """Seconds since the epoch."""
        if self._last is not None:
            block, self._last = self._last, None
            place, begin, end = next(_backwards(block, len(block.data)))
            self._at = self.of_line(block, block.data[begin:end], begin, place)
        return self._at

    @at.setter
    def at(self, at: float) -> None:
        self._at, self._last = at, None

    def of_line(self, block: Block | Scanned, line: bytes, start: int, place: int) -> float:
        """The time of a line that stands at `start` in the Block's data and at `place` in its file (seconds since the
        epoch)."""
        at = block.at if self._none else self._read(block, line, start, place)
        if at is None:
            before = ((one, len(one.data)) for one in reversed(block.position.unseen) if one is not block)
            at = self._nearest(block.position, chain([(block, start)], before), place)
            return block.at if at is None else at
        return at

    def end_of(self, block: Block) -> None:
        """The Block is done: its last line's time is the clock, and what the next Block looks back to."""
        if not block.data:
            return
        self._last = block
        if self._none:
            return
        position = block.position
        position.unseen.append(block)
        while len(position.unseen) > 1 and position.unseen[1].offset + REACH < position.done:
            del position.unseen[0]
        position.pending = self._look_back

    def _look_back(self, position: Position) -> None:
        """Find the nearest stamped line before what is not dealt with."""
        pieces = [(block, len(block.data)) for block in reversed(position.unseen)]
        self._nearest(position, pieces, position.done)
        position.unseen.clear()
        position.pending = None

    def _read(self, block: Block | Scanned, line: bytes, start: int, place: int) -> float | None:
        if block.stamps is not None and self._auto:
            line = block.stamps[block.data.count(b"\n", 0, start)]
        now = block.at
        at = self._stamp(line if len(line) <= HEAD else line[:HEAD], now)
        if at is None:
            return None
        if at > now + SKEW:
            at = now
            if block.position.stamped != (place, at):  # once a line, however often it is looked at
                self._counts["skewed"] += 1
        block.position.stamped = place, at
        return at

    def _nearest(self, position: Position, pieces: Iterable[tuple[Block | Scanned, int]], here: int,
                 ) -> float | None:
        """The time of the nearest stamped line before a place. `pieces` are the Blocks before, each up to where in its
        data, the last first."""
        known = position.stamped
        floor = max(here - REACH, position.looked, known[0] + 1 if known else 0)
        position.looked = max(position.looked, here)
        for block, until in pieces:
            for place, begin, end in _backwards(block, until):
                if place < floor:
                    return known[1] if known and here - known[0] <= REACH else None
                at = self._read(block, block.data[begin:end], begin, place)
                if at is not None:
                    return at
        return known[1] if known and here - known[0] <= REACH else None


def _backwards(block: Block | Scanned, until: int) -> Iterator[tuple[int, int, int]]:
    """The lines of a Block up to an index in its data, the last first: where each stands in its file, start and end."""
    data = block.data
    number = data.count(b"\n", 0, until) if block.starts else 0
    while until:
        end = until - data.endswith(b"\n", 0, until)
        number -= until - end
        begin = data.rfind(b"\n", 0, end) + 1
        yield block.starts[number] if block.starts else block.offset + begin, begin, end
        until = begin


@coroutine
def scan(outlets: Sequence[Target[Event]], *, engine: Engine, clock: Clock, counts: ScanCounts,
         ) -> Generator[None, Sent, None]:
    """Send each line, or record of several, that may interest someone to the outlets whose gate it may pass, in file
    order."""
    try:
        while True:
            block = yield
            if isinstance(block, Ahead):
                engine.foresee(block)
                continue
            if isinstance(block, Scanned) and block.window.engine is engine:  # else it was asked for before a reload
                lines, proven = block.window.lines, block.window.proven
                wanted = _hit(block.window, block.window.hits, None)
            else:
                data, records = block.data, block.records
                found = engine.look(data)
                lines, proven = count_of(data), engine.proven(found)
                wanted = (_every(data, engine.gates) if records is None and isinstance(engine, EveryLine)
                          else _hit(data, engine.lines(data, found), records))
            counts["lines"] += lines
            fields: dict[str, Value] = {}
            if block.cut:
                counts["cut"] += 1
                fields = {"cut_bytes": block.cut}
            origin = block.origin
            for start, line, text, gates in wanted:
                place = block.offset + start if block.starts is None else _place(block.starts, block.data, start)
                event = Event(origin, place, clock.of_line(block, line, start, place), text, fields)
                as_it_stands = proven and len(text) == len(line) <= SHORT
                for gate in gates:
                    if as_it_stands and (pattern := proven[gate]):
                        pattern.know(text)
                    outlets[gate].send(event)
            clock.end_of(block.end(REACH) if isinstance(block, Scanned) else block)
    finally:
        engine.foresee(NOTHING_AHEAD)


Wanted: TypeAlias = tuple[int, bytes, str, Sequence[int]]
"""Where a line, or a record of several, begins in the data, its bytes, its text, and the gates that it may pass."""


def _hit(data: bytes | Window, hits: Iterable[Hit], records: Sequence[tuple[int, int]] | None) -> Iterator[Wanted]:
    """What was hit."""
    text_of = shown if records is None else all_shown
    for start, end, gates in hits if records is None else by_record(hits, records):
        line = data[start:end]
        yield start, line, text_of(line), gates


def _every(data: bytes, gates: Sequence[int]) -> Iterator[Wanted]:
    """Each line, found and decoded without a step of Python for each, which would cost twice as much."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    starts = map(add, accumulate(map(len, lines), initial=0), count())  # and the end, which `zip` leaves
    text_of = bytes.decode if data.isascii() and b"\r" not in data else shown
    return zip(starts, lines, map(text_of, lines), repeat(gates))


def _place(starts: Sequence[int], data: bytes, start: int) -> int:
    """Where the line at `start` of the data begins in its file."""
    return starts[data.count(b"\n", 0, start)]
