"""For authors of kinds: send to a node, and see what comes out.

    passed = Collect()
    errors = grep(passed, pattern=(Pattern("ERROR"),))
    errors.send(line("ERROR disk full"))
    assert ["ERROR disk full"] == texts(passed)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from corowatch.core.events import Block, Event, Evidence, Origin, Position, Value
from corowatch.core.memory import Entry, Memory

Sent = TypeVar("Sent")
ORIGIN = Origin("flow.tail", "life", "/var/log/test.log")


class Collect(list[Any]):
    """A target that keeps what it is sent."""

    def send(self, item: Any) -> None:
        """Keep it."""
        self.append(item)


def line(text: str, at: float = 0.0, place: int = 0, **fields: Value) -> Event:
    """An Event of this text, at this time (seconds), with these fields."""
    return Event(ORIGIN, place, at, text, dict(fields))


def lines(*texts: str, at: float = 0.0) -> list[Event]:
    """Events of these texts, one byte apart in their file."""
    return [line(text, at, place) for place, text in enumerate(texts)]


def block(data: bytes, offset: int = 0, at: float = 0.0, position: Position | None = None) -> Block:
    """A Block of these bytes."""
    return Block(ORIGIN, offset, at, data, position or Position())


def drive(consumer: Any, items: Iterable[Any]) -> None:
    """Send every item, in order."""
    for item in items:
        consumer.send(item)


def texts(events: Iterable[Event]) -> list[str]:
    """The text of each event."""
    return [event.text for event in events]


def restarted(memory: Memory[Any]) -> Memory[Any]:
    """What a node knows after a restart: all of it went through the log, and no type is left."""
    before: Memory[Any] = Memory()
    for key, value in memory.items():
        lines = memory.lines(key)
        before[key] = plain = msgspec.msgpack.decode(msgspec.msgpack.encode(value))
        for one in lines:
            before.put(key, plain, one, len(lines))
    first, entries = before.turn()
    log = msgspec.msgpack.decode(msgspec.msgpack.encode(entries), type=list[Entry])

    def recall(number: int) -> Evidence:
        entry = log[number - first]
        assert entry is not None
        return msgspec.msgpack.decode(entry[2], type=Evidence)

    after: Memory[Any] = Memory(recall=recall)
    after.load(first, log)
    return after
