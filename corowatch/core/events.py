"""Everything that is ever sent: Block, Event, Tick and Alert, and the two ends of a send.

    chunk ─▶ frame ─▶ Block ─▶ scan ─▶ Event ─▶ node … ─▶ Event ─▶ alert ─▶ Alert ─▶ outbox

Times are seconds since the epoch, UTC; offsets are bytes from the start of a file.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Generator, Mapping
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import msgspec

Value: TypeAlias = str | int | float | bool | None
Fields: TypeAlias = Mapping[str, Value]

T_contra = TypeVar("T_contra", contravariant=True)


class Target(Protocol[T_contra]):
    """Where a node sends: the guarded way into its consumers. Sending never raises."""

    def send(self, item: T_contra, /) -> None:
        """Hand `item` to every consumer behind this target; when it returns, they have dealt with it."""


Item = TypeVar("Item")
Goodbye: TypeAlias = Mapping[str, int | Mapping[str, int]]
"""What a node tells when it is closed: its counts, and where it keeps one, its standing by key."""
Consumer: TypeAlias = Generator[None, Item, Goodbye | None]
"""A primed generator: it receives by `yield`, and returns its goodbye when it is closed."""


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Which stream a line came from.

    `key` names one incarnation: a truncated or rewritten file begins a new one, and so does each
    run's standard input. `file` is the path it was read under, empty where there is no file.
    """

    reader: str
    key: str
    file: str = ""


class Evidence(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One line that led to an alert, as it stands in the alert and in a node's Memory."""

    reader: str
    file: str
    offset: int | str
    at: float
    text: str

    @classmethod
    def of(cls, saved: Any) -> Evidence:
        """`saved`, which came out of Memory: itself, or a plain list after a restart."""
        return saved if isinstance(saved, Evidence) else msgspec.convert(saved, cls)


class Position(msgspec.Struct, gc=False):
    """How far one incarnation of a file has been dealt with: what is saved, so that a restart goes on there.

    `offset` is where the first unfinished line begins, `open` where the record does that may still go on, if lines are
    joined and one may. `stamped` is the nearest line before it that told
    its time, as (offset, time): lines without a stamp take theirs from it. `skipped` counts the bytes before it that
    were of holes. Up to `looked` all lines were asked for their time; those of the Blocks `unseen` may not have been,
    and as long as that is so `pending` does it.
    """

    offset: int = 0
    stamped: tuple[int, float] | None = None
    skipped: int = 0
    looked: int = 0
    unseen: list[Block] = []
    pending: Callable[[Position], None] | None = None
    open: int | None = None

    @property
    def done(self) -> int:
        """Up to where all is dealt with."""
        return self.offset if self.open is None else self.open

    def nearest(self) -> tuple[int, float] | None:
        """The nearest line before what is not dealt with that told its time."""
        if self.pending is not None:
            self.pending(self)
        return self.stamped


class Block(msgspec.Struct, frozen=True, gc=False):
    """Whole lines of one file: UTF-8 bytes that end with a newline, or one last line without.

    `offset` is where they begin, `at` the moment of reading. `cut` counts the bytes that were left out
    of an over-long line; such a line stands alone. `starts` gives the offset of each line where the data
    are not the file's own bytes (another encoding). Where lines are joined, `records` are the spans in the data of
    those records that have more than one, their last newline not included. `stamps` are what tells the time of each
    line, where the lines themselves do not.
    """

    origin: Origin
    offset: int
    at: float
    data: bytes
    position: Position
    cut: int = 0
    starts: tuple[int, ...] | None = None
    records: tuple[tuple[int, int], ...] | None = None
    stamps: tuple[bytes, ...] | None = None


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """What one read gave, at the moment `at`. `last`: nothing will follow, an unfinished line is a line."""

    at: float
    data: bytes
    last: bool = False


NO_FIELDS: dict[str, Value] = {}
State: TypeAlias = Literal["", "firing", "resolved"]


class Event(msgspec.Struct, gc=False):
    """One line, and what the nodes before found in it. Treat it as frozen: it is shared.

    `place` is where it stands in its origin: an offset in bytes, a journal's cursor. `tick` is the
    deadline that sent it on, where no line did (0: a line did). `key` holds the `by` fields of the
    nearest keyed node, `past` the earlier lines of its window, oldest first, `count` how many it stands for.
    `state` is "firing" if its node will tell when what it says is over, and "resolved" if that is what it says.
    """

    origin: Origin
    place: int | str
    at: float
    text: str
    fields: dict[str, Value] = NO_FIELDS
    key: dict[str, Value] = NO_FIELDS
    past: tuple[Evidence, ...] = ()
    tick: float = 0.0
    count: int = 1
    state: State = ""

    @property
    def when(self) -> float:
        """The time at which it is sent: the line's own, or the deadline that sent it."""
        return self.tick or self.at

    @classmethod
    def of(cls, saved: Any) -> Event:
        """`saved`, which came out of Memory: itself, or plain data after a restart."""
        return saved if isinstance(saved, Event) else msgspec.convert(saved, cls)

    def having(self, fields: Fields, *, key: dict[str, Value] | None = None, past: tuple[Evidence, ...] | None = None,
               tick: float = 0.0, count: int = 0, state: State = "") -> Event:
        """The same event with more fields, and another key, past, tick, count or state; itself if nothing is given."""
        if not fields and key is None and past is None and not tick and not count and not state:
            return self
        return Event(self.origin, self.place, self.at, self.text, {**self.fields, **fields} if fields else self.fields,
                     self.key if key is None else key, self.past if past is None else past, tick or self.tick,
                     count or self.count, state or self.state)

    def taking(self, fields: dict[str, Any]) -> Event:
        """The same event with more fields, which are given away: the event keeps that very dict if it had none."""
        return Event(self.origin, self.place, self.at, self.text, {**self.fields, **fields} if self.fields else fields,
                     self.key, self.past, self.tick, self.count, self.state)

    def bare(self) -> Event:
        """The same event without its texts: what an alert's id is made of."""
        return Event(self.origin, self.place, self.at, "", NO_FIELDS, self.key, (), self.tick)

    def evidence(self) -> Evidence:
        """What an alert tells of this line."""
        return Evidence(self.origin.reader, self.origin.file, self.place, self.at, self.text)


class Tick(msgspec.Struct, frozen=True, gc=False):
    """It is `at` now, as far as the sources of the node that receives it are read.

    Nodes ask of what they receive whether it is an Event, as it nearly always is: to be told that it is no Tick takes
    six times as long.
    """

    at: float

    @property
    def when(self) -> float:
        """The time that it tells, as of an Event."""
        return self.at


Severity: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]


class Around(msgspec.Struct, frozen=True, gc=False):
    """Which lines around an alert's own are to be told with it: so many before and after a place in an origin, where
    `own` lines are its own."""

    reader: str
    key: str
    place: int | str
    before: int
    after: int
    own: int = 1


class Alert(msgspec.Struct, gc=False):
    """What leaves: plain data, the same `id` on every retry and after every crash. Times are RFC 3339.

    `to` names the sinks, and `around` the lines that the outside adds; they are the envelope and not part of what
    a sink is given.
    """

    id: str
    flow: str
    node: str
    title: str
    severity: Severity
    at: str
    state: str = "firing"
    key: dict[str, Value] = {}
    count: int = 1
    fields: dict[str, Value] = {}
    host: str = ""
    events: list[dict[str, Value]] = []
    before: list[str] = []
    after: list[str] = []
    to: tuple[str, ...] = ()
    around: Around | None = None

    def as_dict(self) -> dict[str, object]:
        """The alert as a sink is given it, keys in their documented order."""
        return {name: getattr(self, name) for name in ALERT_KEYS}

    def values(self) -> dict[str, Value]:
        """What a sink's texts may name: the keys of its last event, its fields, and its own keys."""
        last = self.events[-1] if self.events else {}
        own: dict[str, Value] = {name: value for name in ALERT_KEYS
                                 if isinstance(value := getattr(self, name), str | int)}
        return {**last, **self.fields, **own}

    @property
    def held_back(self) -> int:
        """How many of its key it sums up that were held back; 0 if it is news."""
        held = self.fields.get("held")
        return held if isinstance(held, int) else 0

    def as_json(self) -> bytes:
        """One line of JSON, UTF-8, no newline."""
        return msgspec.json.encode(self.as_dict())


ALERT_KEYS = ("id", "flow", "node", "state", "title", "severity", "key", "at", "count", "fields", "host",
              "events", "before", "after")


Batch: TypeAlias = tuple[Alert, ...]
"""All alerts that wait for a sink, oldest first: what a sink is sent that makes one message of many."""


class Delivery:
    """The message in hand, handed in to a sink by its courier: what was answered, and which parts are done.

    It outlives the sink, which ends with every failure: of several recipients, one that has the message is
    not sent it again.
    """

    def __init__(self) -> None:
        self.said = ""
        """What the other side answered last, for people; never a secret."""
        self.done: set[str] = set()
        """The parts of the message that arrived."""


class Here(msgspec.Struct, frozen=True):
    """A node's own address, handed in by the graph.

    `readers` tells under which name the flow knows each reader: flows with equal sources share one.
    """

    flow: str = "flow"
    node: str = "node"
    host: str = "host"
    readers: Mapping[str, str] = {}

    def source(self, reader: str) -> str:
        """The name of a reader in this flow; of one that a changed config no longer knows, the flow's first."""
        return self.readers.get(reader) or next(iter(self.readers.values()), reader)

    def value(self, event: Event, name: str) -> Value:
        """A field of `event`, its own or a built-in one; None if it has none of that name."""
        found = event.fields.get(name)
        if found is not None or name not in BUILT_IN:
            return found
        if name == "text":
            return event.text
        if name == "at":
            return rfc3339(event.at)
        if name == "offset":
            return event.place
        if name == "file":
            return event.origin.file
        if name == "source":
            return self.source(event.origin.reader)
        return self.host if name == "host" else self.flow


BUILT_IN = ("text", "at", "source", "file", "offset", "host", "flow")
"""Fields that every event has; nothing may be captured under their names."""


def rfc3339(at: float) -> str:
    """`at` (seconds since the epoch) as RFC 3339 text in UTC, microseconds always shown."""
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return moment.isoformat(timespec="microseconds")
