"""Keyed state: by whom, for how long, how many, what is due, and what survives; once, for every node.

Time here is event time: the newest of what the node was sent, lines and ticks alike. Which key is longest untouched
its Ages know, so forgetting costs nothing per key (amortised). Deadlines stand in a heap; a superseded one is passed
over when it comes up.

What is kept per key is one row of Memory: `[touched, due, state]`. Under the empty name stand the two
clocks: `[newest event, now, null]`. A key is what it shows: 500 and "500" are one, so are 5.0 and 5, true and "true".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from heapq import heapify, heappop, heappush
from json.encoder import encode_basestring
from math import inf, nextafter
from typing import Any, Generic, TypeAlias, TypeVar

from corowatch.core.ages import Ages
from corowatch.core.errors import StateRefused
from corowatch.core.events import Event, Evidence, Here, Value
from corowatch.core.memory import Kept
from corowatch.core.text import shown

State = TypeVar("State")
Row: TypeAlias = tuple[float, float | None, State | None]
"""What Memory holds under a key: when it was touched, when it is due, and the node's own state of it."""
CLOCKS = ""
_OTHER = re.compile('": (?!")')
"""What stands in names that hold a value which is no text, as they once did; and in some texts."""


class Keyed(Generic[State]):
    """The keys of one node and the state of each.

    `memory` is the node's Memory, `counts` its Counts, of which `unkeyed`, `late` and `evicted` are kept
    here. `expire` (seconds): a key untouched for so long is forgotten, None: never. `lateness` (seconds):
    an event older than the newest event by more is late. Raises StateRefused for rows that none of us wrote.
    """

    def __init__(self, memory: Kept, counts: MutableMapping[Any, int], here: Here, *,
                 by: tuple[str, ...], max_keys: int, expire: float | None, lateness: float) -> None:
        self._memory = memory
        self._counts = counts
        self._here = here
        self._by = [(field, f"{', ' if at else ''}{encode_basestring(field)}: ")
                    for at, field in enumerate(dict.fromkeys(by))]
        self._max_keys = max_keys
        self._expire = inf if expire is None else expire
        self._lateness = lateness
        self._newest, self.now, _ = self._clocks = memory.get(CLOCKS, (0.0, 0.0, None))
        if self.now is None or any(row[2] is None for _, row in self._rows()):
            raise StateRefused("what a step remembers is damaged: a key without a state, or a clock without a time")
        for name in [name for name in memory if _OTHER.search(name)]:
            self._rename(name, as_now(name))
        touched = [(row[0], name) for name, row in self._rows()]
        self._touched = max(touched)[0] if touched else -inf
        self._ages = Ages(memory, touched)
        self._oldest = 0.0
        """No key was touched before (seconds since the epoch)."""
        self._due = self._deadlines()

    def _rename(self, old: str, name: str) -> None:
        """What is known under an old name goes on under another, unless that is known and was touched later."""
        if name == old:
            return
        row, lines = self._memory[old], self._memory.lines(old)
        del self._memory[old]
        if name not in self._memory or row[0] > self._memory[name][0]:
            self._memory[name] = row
            self._memory.clear_lines(name)
            for line in lines:
                self._memory.put(name, row, line, len(lines))

    def _rows(self) -> Iterator[tuple[str, Row[State]]]:
        """What is kept of all keys, which are many: it stays packed."""
        return ((name, row) for name, row in self._memory.peeks() if name != CLOCKS)

    def _deadlines(self) -> list[tuple[float, str]]:
        due = [(row[1], name) for name, row in self._rows() if row[1] is not None]
        heapify(due)
        return due

    def admit(self, event: Event) -> str | None:
        """The name of the event's key; None if it has none or comes too late, which is counted."""
        when = event.tick or event.at
        if when < self._newest - self._lateness:
            self._counts["late"] += 1
            return None
        name = self.name(event)
        if name is None:
            self._counts["unkeyed"] += 1
            return None
        if when > self._newest:
            self._newest = when
        self.pass_time(when)
        if self._newest != self._clocks[0] or self.now != self._clocks[1]:
            self._clocks = (self._newest, self.now, None)
            self._memory.replace(CLOCKS, self._clocks)
        return name

    def name(self, event: Event) -> str | None:
        """The name of the event's key; None if it has none."""
        name = "{"
        for field, begun in self._by:
            value = event.fields.get(field)
            if value is None:
                value = self._here.value(event, field)
                if value is None:
                    return None
            name += begun + (encode_basestring(value) if isinstance(value, str) else _told(value))
        return name + "}"

    def former_name(self, event: Event) -> str:
        """The name that the key of an event once had, by which it may be known: the JSON of its values as they are."""
        return f"{{{''.join(begun + _as_it_is(self._here.value(event, field)) for field, begun in self._by)}}}"

    def texts(self, event: Event, fields: Sequence[str]) -> list[str] | None:
        """The values of these fields as they are shown; None if the event lacks one, which is counted as `unkeyed`."""
        values = [self._here.value(event, field) for field in fields]
        if None in values:
            self._counts["unkeyed"] += 1
            return None
        return [shown(value) for value in values]

    def key(self, name: str) -> dict[str, Value]:
        """The key's fields and values, from its name."""
        key: dict[str, Value] = json.loads(name)
        return key

    def pass_time(self, at: float) -> None:
        """It is at least `at`: forget the keys that nothing touched for `expire`."""
        if at <= self.now:
            return
        self.now = at
        while self._oldest + self._expire < at:
            name = self._ages.first()
            self._oldest = at if name is None else self._memory[name][0]
            if name is not None and self._oldest + self._expire < at:
                self.forget(name)

    def due(self, at: float) -> Iterable[tuple[str, float, State]]:
        """Each key whose deadline is at or before `at`, earliest first, its deadline taken off.

        The state may be replaced or forgotten, and a new deadline set, while this is walked.
        """
        return self._walk(at) if self._due and self._due[0][0] <= at else ()

    def _walk(self, at: float) -> Iterator[tuple[str, float, State]]:
        while self._due and self._due[0][0] <= at:
            deadline, name = heappop(self._due)
            row = self._memory.get(name)
            if row is None or row[1] != deadline:
                continue  # superseded, or forgotten
            self._memory[name] = (row[0], None, row[2])
            yield name, deadline, row[2]

    def deadline(self, name: str) -> float | None:
        """When the key is due (seconds since the epoch), if it is."""
        due: float | None = self._memory[name][1]
        return due

    def get(self, name: str) -> State | None:
        """The state of a key, None if it is not known."""
        row: Row[State] | None = self._memory.get(name)
        return None if row is None else row[2]

    def put(self, name: str, state: State, due: float | None = None, *, line: Event | None = None, most: int = 0,
            ) -> None:
        """Replace a key's state and deadline (seconds since the epoch); it counts as touched now. `line` is the event
        that led to it: of the lines of such events, the last `most` are kept.

        A new key beyond `max_keys` makes the one longest untouched go, which is counted `evicted`.
        """
        memory = self._memory
        before = None if due is None else memory.get(name)
        # A moment after the touch before, for many come in one second, and which was the last is to be told later on.
        self._touched = touched = self.now if self.now > self._touched else nextafter(self._touched, inf)
        if name not in memory.names:
            if len(self) >= self._max_keys and (first := self._ages.first()) is not None:
                self.forget(first)
                self._counts["evicted"] += 1
            self._ages.add(name, touched)
        if line is None:
            memory[name] = (touched, due, state)
        else:
            memory.put(name, (touched, due, state), line.evidence(), most)
        if due is not None and (before is None or before[1] != due):
            self._expect(name, due)

    def convert(self, today: Callable[[Any], State]) -> None:
        """What a former version kept of each key becomes what is kept today."""
        for name, (touched, due, state) in self._rows():
            if (converted := today(state)) != state:
                self._memory[name] = (touched, due, converted)

    def amend(self, name: str, state: State, due: float | None = None) -> None:
        """Replace the state and the deadline of a key that is known; it does not count as touched."""
        self._memory[name] = (self._memory[name][0], due, state)
        if due is not None:
            self._expect(name, due)

    def _expect(self, name: str, due: float) -> None:
        heappush(self._due, (due, name))
        if len(self._due) > 2 * len(self) + 64:  # most are superseded, or of keys that are gone
            self._due = self._deadlines()

    def forget(self, name: str) -> None:
        """Drop a key and all that is known of it."""
        del self._memory[name]

    def lines(self, name: str) -> tuple[Evidence, ...]:
        """The lines that are kept under this key, oldest first."""
        return self._memory.lines(name)

    def clear_lines(self, name: str) -> None:
        """Keep none of its lines."""
        self._memory.clear_lines(name)

    def __len__(self) -> int:
        """How many keys are known."""
        return len(self._memory) - (CLOCKS in self._memory)

    def __iter__(self) -> Iterator[str]:
        """The names of all keys, longest untouched first, as they are now."""
        return (name for _, name in sorted((row[0], name) for name, row in self._rows()))


def name_of(key: Mapping[str, Value]) -> str:
    """The name under which a key's row stands in Memory: the JSON of what it shows."""
    return f"{{{', '.join(f'{encode_basestring(field)}: {_told(value)}' for field, value in key.items())}}}"


def as_now(name: str) -> str:
    """The name that a key has now, of the one it once had: numbers, true and false stood in it as they are. A digest
    behind it stays."""
    try:
        key, end = json.JSONDecoder().raw_decode(name)
    except ValueError:
        return name
    return name_of(key) + name[end:] if isinstance(key, dict) else name


def _as_it_is(value: Value) -> str:
    return encode_basestring(value) if isinstance(value, str) else json.dumps(value)


def _told(value: Value) -> str:
    """The JSON of what a value shows. `json.dumps` makes an encoder for each, which costs more than all the rest."""
    if isinstance(value, str):
        return encode_basestring(value)
    return "null" if value is None else encode_basestring(shown(value))


ALL = name_of({})
"""The name of the one key that there is without `by`."""
