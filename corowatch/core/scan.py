"""Blocks in, Events out: the one place that knows both.

An engine names the lines that may interest someone, and only of those an Event is made, once, for all who
may want it. A Block without a hit costs one send and no Python per line. The scanner may only withhold
lines that the node behind its gate would have ignored, so no node ever learns that someone looked before.

Here a line also gets its time (see `Clock`): its own stamp, else that of the nearest stamped line before
it, else the moment of reading.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal

from corowatch.core.coroutine import coroutine
from corowatch.core.events import Block, Event, Target, Value
from corowatch.core.kinds import Counts
from corowatch.core.lines import count_of, shown
from corowatch.core.stamps import Stamps
from corowatch.engines import Engine

HEAD = 512
"""Bytes of a line in which its stamp stands."""
SHORT = 4096
"""Characters of a line that is remembered as one that a pattern matches."""
REACH = 65536
"""Bytes that the nearest stamped line may lie back."""
AHEAD = 86400.0
"""Seconds that a stamp may lie ahead of the moment of reading."""

ScanCounts = Counts[Literal["lines", "cut", "skewed"]]


class Clock:
    """What time it is in a source: that of the last line of its last Block."""

    def __init__(self, timestamp: str, counts: ScanCounts) -> None:
        self.at = 0.0
        stamps = Stamps(timestamp)
        self._none = stamps.none
        self._stamp = stamps.read
        self._counts = counts

    def of_line(self, block: Block, start: int, end: int) -> float:
        """The time of the line at `start` of the Block's data (seconds since the epoch)."""
        if self._none:
            return block.at
        at = self._read(block, start, end)
        if at is None:
            at = self._before(block, start)
        return block.at if at is None else at

    def end_of(self, block: Block) -> None:
        """The Block is done: its last line's time is the clock, and what the next Block looks back to."""
        data = block.data
        end = len(data) - data.endswith(b"\n")
        self.at = self.of_line(block, data.rfind(b"\n", 0, end) + 1, end)
        self._seen = None

    def _read(self, block: Block, start: int, end: int) -> float | None:
        at = self._stamp(block.data[start:end if end - start <= HEAD else start + HEAD], block.at)
        if at is None:
            return None
        place = block.offset + start if block.starts is None else _place(block, start)
        if at > block.at + AHEAD:
            at = block.at
            if block.position.stamped != (place, at):  # once a line, however often it is looked at
                self._counts["skewed"] += 1
        block.position.stamped = place, at
        return at

    def _before(self, block: Block, start: int) -> float | None:
        """The time of the nearest stamped line before. What was looked through once is not looked through again."""
        known = block.position.stamped
        here = _place(block, start)
        told = known[0] - block.offset if known and block.starts is None else 0
        floor = max(0, start - REACH, told, self._looked(block))
        end = start - 1
        self._seen = (block, start)
        while end > floor:
            begin = block.data.rfind(b"\n", 0, end) + 1
            if begin < start - REACH:
                break
            at = self._read(block, begin, end)
            if at is not None:
                return at
            end = begin - 1
        return known[1] if known and here - known[0] <= REACH else None

    _seen: tuple[Block, int] | None = None

    def _looked(self, block: Block) -> int:
        return self._seen[1] if self._seen and self._seen[0] is block else 0


@coroutine
def scan(outlets: Sequence[Target[Event]], *, engine: Engine, clock: Clock, counts: ScanCounts,
         ) -> Generator[None, Block, None]:
    """Send each line that may interest someone, in file order, to the outlets whose gate it may pass."""
    while True:
        block = yield
        data = block.data
        counts["lines"] += count_of(data)
        fields: dict[str, Value] = {}
        if block.cut:
            counts["cut"] += 1
            fields = {"cut_bytes": block.cut}
        found = engine.look(data)
        proven = engine.proven(found)
        for start, end, gates in engine.lines(data, found):
            place = block.offset + start if block.starts is None else _place(block, start)
            text = shown(data[start:end])
            event = Event(block.origin, place, clock.of_line(block, start, end), text, fields)
            as_it_stands = len(text) == end - start <= SHORT
            for gate in gates:
                if as_it_stands and proven and (pattern := proven[gate]):
                    pattern.know(text)
                outlets[gate].send(event)
        clock.end_of(block)


def _place(block: Block, start: int) -> int:
    """Where the line at `start` of a Block's data begins in its file."""
    return block.offset + start if block.starts is None else block.starts[block.data.count(b"\n", 0, start)]
