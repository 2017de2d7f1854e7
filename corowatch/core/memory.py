"""Memory: what a node must still know after a crash, a reload or kill -9.

A mapping from string to plain data (what JSON can hold, and bytes), and under each key the last lines that led to what
it knows, for an alert to show. Values are replaced, never mutated, so that every change is seen; what changed is
written together with the file positions.

What is written is a log: each turn adds one entry for each line and each key that changed, so that it costs as much as
changed, however much is known. An entry is void once a newer one replaces it. When most are, the eldest go, and of
these the few that are not void are written anew at the end (`renew`), as in a log-structured file system. Source:
Rosenblum, Ousterhout: The design and implementation of a log-structured file system, 1992.

Many keys are known of which few are at work. Those that did not change in the last turn are packed, and lines that are
written are not held at all: an alert reads them from the log.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import Raw

from corowatch.core.events import Evidence

T = TypeVar("T")
Record: TypeAlias = tuple[bytes, T]
"""The numbers of the lines that led to a value, oldest first, packed; and the value."""
Entry: TypeAlias = tuple[str, Raw, Raw] | None
"""Of the log: a key, what is known under it, and a line that led to that. Both NIL: the key is gone. None: void."""
NIL = Raw(b"\xc0")
"""In an entry, that there is none. Source: https://github.com/msgpack/msgpack/blob/master/spec.md."""
_pack = msgspec.msgpack.encode
_WIDTH = 5
"""Bytes of a packed number. Of those with the same last 40 bits it is the latest one: the log does not reach back as
far as to another, at a hundred thousand lines a second 127 days."""
_MASK = (1 << 8 * _WIDTH) - 1
_NOWHERE = b"\xff" * _WIDTH
"""The number of an entry that is not in the log."""


class _OfKeys(MutableMapping[str, T]):
    """A mapping that has the keys of a dict."""

    names: Mapping[str, Any]
    """That dict."""

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, key: object) -> bool:
        return key in self.names

    @abstractmethod
    def peek(self, key: str) -> T | None:
        """What stands under a key that is not likely to be asked for again, so it stays packed; None: nothing."""

    def peeks(self) -> Iterator[tuple[str, T]]:
        """All keys and what stands under them, which stays packed. What stands there may be replaced meanwhile."""
        return ((key, value) for key in self.names if (value := self.peek(key)) is not None)


class Memory(_OfKeys[T]):
    """A mapping that knows which of its keys changed since they were last written.

    `recall` reads the line of an entry from the log; without it there is no log, and all lines are held.
    """

    def __init__(self, saved: Mapping[str, T] | None = None, recall: Callable[[int], Evidence | None] | None = None,
                 ) -> None:
        self._recall = recall
        self._type: Any = Any
        self._decode: Callable[[bytes], Record[T]] = msgspec.msgpack.Decoder(tuple[bytes, Any]).decode
        self._packed: dict[str, bytes] = {}
        """Each key's entry: its packed number, then its record, and padding; empty if it is not written yet."""
        self.names = self._packed
        self._fresh: dict[str, Record[T] | None] = {}
        """What changed since it was last written; None where the key is gone."""
        self._warm: dict[str, Record[T] | None] = {}
        """What was looked at, or changed in the last turn: most likely it is asked for again."""
        self._lines: dict[int, tuple[str, Evidence]] = {}
        """By their numbers, and with their keys, the lines that are not in the log."""
        self._begin = self._next = 0
        """The numbers of the first entry of the turn, and of the next line."""
        self._turn: dict[str, bytes] = {}
        """What will be in `_packed` when the turn is written."""
        self._shown_turn = 0, 0
        """Of lines that will be written then, bytes and how many."""
        self._tried = False
        """Whether it was to be written already, and that failed."""
        self.size = 0
        """Bytes of all that is known without lines, as far as it is written."""
        self.stored = 0
        """Bytes of the whole log."""
        self._shown, self._shown_size, self._ever = 0, 0, 0
        """How many lines are known; of lines that were written, bytes and how many."""
        for key, value in (saved or {}).items():
            self._packed[key] = _padded(_NOWHERE, _body((b"", value)))

    # --- a mapping ------------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None) -> Any:
        """What stands under a key, or `default`. The mixin's raises and catches KeyError for that."""
        record = self._record(key)
        return default if record is None else record[1]

    def peek(self, key: str) -> T | None:
        """What stands under a key, as it is packed."""
        record = self._fresh.get(key) or self._warm.get(key) or self._unpacked(key)
        return None if record is None else record[1]

    def _record(self, key: str) -> Record[T] | None:
        record = self._fresh.get(key) or self._warm.get(key)
        if record is None and (record := self._unpacked(key)) is not None:
            self._warm[key] = record
        return record

    def _unpacked(self, key: str) -> Record[T] | None:
        packed = self._packed.get(key)
        if packed is None:
            return None
        body = packed[_WIDTH:-packed[-1]]
        try:
            return self._decode(body)
        except msgspec.ValidationError:
            return self._read(body)

    def _read(self, body: bytes) -> Record[T]:
        """A record of any form. Raises ValueError where it is none of ours."""
        hint = tuple[bytes | list[int], self._type]  # type: ignore[name-defined]
        lines, value = msgspec.msgpack.decode(body, type=hint) if body[0] == PAIR else msgspec.json.decode(
            _BYTES.decode(body), type=hint)
        return (lines if isinstance(lines, bytes) else _joined(lines)), value

    def __getitem__(self, key: str) -> T:
        record = self._record(key)
        if record is None:
            raise KeyError(key)
        return record[1]

    def __setitem__(self, key: str, value: T) -> None:
        record = self._record(key)
        if record is None:
            self.replace(key, value)
        else:
            self._fresh[key] = record[0], value

    def replace(self, key: str, value: T) -> None:
        """Set what stands under a key that has no lines, whatever stood there."""
        if key not in self.names:
            self._packed[key] = b""
        self._fresh[key] = b"", value

    def __delitem__(self, key: str) -> None:
        self.clear_lines(key)
        packed = self._packed.pop(key)
        if packed:
            self.size -= len(packed) - packed[-1] + len(key)
        self._warm.pop(key, None)
        self._fresh[key] = None

    def shelf(self, name: str) -> Shelf[T]:
        """A part of this Memory, for a node that keeps two things: what is put there changes this one."""
        return Shelf(self, f"{name}/")

    # --- the lines that led to it ---------------------------------------------------------------------

    def put(self, key: str, value: T, line: Evidence, most: int) -> None:
        """Replace what stands under a key, to which a line led: of its lines, the last `most` are kept, one at
        least."""
        record = self._record(key)
        number = self._next
        if record is None:
            self._packed[key] = lines = b""
        else:
            lines = record[0]
            while lines and len(lines) >= most * _WIDTH:
                self._lines.pop(self._latest(lines[:_WIDTH]), None)
                self._shown -= 1
                lines = lines[_WIDTH:]
        self._fresh[key] = lines + _number(number), value
        self._lines[number] = key, line
        self._next = number + 1
        self._shown += 1

    def lines(self, key: str) -> tuple[Evidence, ...]:
        """The lines that are kept under a key, oldest first; a line that the log has lost is left out."""
        record = self._record(key)
        found = (self._line(number) for number in self._numbers(record[0])) if record else ()
        return tuple(line for line in found if line is not None)

    def _line(self, number: int) -> Evidence | None:
        held = self._lines.get(number)
        if held is not None:
            return held[1]
        return self._recall(number) if self._recall else None

    def _numbers(self, packed: bytes) -> list[int]:
        return [self._latest(number) for number in _parts(packed)]

    def _latest(self, number: bytes) -> int:
        latest = self._next - 1
        return latest - (latest - int.from_bytes(number, "little") & _MASK)

    def clear_lines(self, key: str) -> None:
        """Keep none of its lines."""
        record = self._record(key)
        if record is not None and record[0]:
            for number in self._numbers(record[0]):
                self._lines.pop(number, None)
            self._shown -= len(record[0]) // _WIDTH
            self._fresh[key] = b"", record[1]

    # --- what is to be written ------------------------------------------------------------------------

    @property
    def changed(self) -> bool:
        """Whether anything is to be written."""
        return bool(self._fresh)

    @property
    def unwritten(self) -> int:
        """How many keys and lines are to be written."""
        return len(self._fresh) + len(self._lines)

    def changes(self) -> Iterator[tuple[str, T | None]]:
        """Each changed key with its present value, None if it is gone. Does not forget them."""
        for key, record in self._fresh.items():
            yield key, None if record is None else record[1]

    def turn(self) -> tuple[int, list[Entry]]:
        """What is to be added to the log: the number of the first entry, and all."""
        begin, self._tried = self._begin, True
        entries: list[Entry] = [None] * (lines := self._next - begin)
        size = 0
        for number, (key, line) in self._lines.items():
            raw = Raw(_pack(line))
            size += len(raw)
            entries[number - begin] = key, NIL, raw
        self._shown_turn = size, len(self._lines)
        self._turn = turn = {}
        for key, record in self._fresh.items():
            if record is None:
                entries.append((key, NIL, NIL))
                continue
            body, last = _body(record), record[0][-_WIDTH:]
            at = int.from_bytes(last, "little") - begin & _MASK if last else lines
            if at < lines and (beside := entries[at]):
                entries[at] = key, Raw(body), beside[2]
            else:
                last = _number(begin + len(entries))
                entries.append((key, Raw(body), NIL))
            turn[key] = _padded(last, body)
        return begin, entries

    def written(self, entries: int, stored: int) -> None:
        """The turn is durable now, as so many entries of the log, which is of `stored` bytes."""
        self._settle(self._turn)
        size, many = self._shown_turn
        self._shown_size, self._ever = self._shown_size + size, self._ever + many
        self._begin += entries
        self._next = self._begin
        self.stored = stored
        self._lines.clear()

    def noted(self) -> None:
        """The changes are known, by somebody who does not write them."""
        self._settle({key: _padded(_NOWHERE, _body(record))
                      for key, record in self._fresh.items() if record is not None})

    def _settle(self, turn: Mapping[str, bytes]) -> None:
        packed = self._packed
        for key, entry in turn.items():
            former = packed[key]
            self.size += len(entry) - entry[-1] - (len(former) - former[-1] if former else -len(key))
            packed[key] = entry
        self._warm, self._fresh, self._turn, self._tried = self._fresh, {}, {}, False

    @property
    def wasteful(self) -> bool:
        """Whether most of the log is void, and some of it may go: each turn once, or one that is too large for a full
        disk would be larger each time."""
        known = self.size + (self._shown * self._shown_size // self._ever if self._ever else 0)
        return not self._tried and self.stored > 3 * known + SLACK

    def renew(self, first: int, entries: Iterable[Entry]) -> None:
        """The eldest of the log, the first of number `first`, go: what of them is not void is to be written anew."""
        for at, entry in enumerate(entries, first):
            if entry is None:
                continue
            number, packed = _number(at), self._packed.get(entry[0], b"")
            # What is void is known without a look into the record, but for a few that hold these bytes by chance, and
            # those of JSON, whose numbers are no bytes. What changed since has no other lines of the log.
            told = number in packed or packed.startswith(_IN_BYTES, _WIDTH)
            record = self._record(entry[0]) if told else None
            if record is None:
                continue
            key, value, line = entry
            lines, known = record
            if len(line) > 1 and number in (numbers := _parts(lines)):
                self._lines[self._next] = key, _EVIDENCE.decode(line)
                numbers[numbers.index(number)] = _number(self._next)
                self._fresh[key] = b"".join(numbers), known
                self._next += 1
            elif len(value) > 1 and packed.startswith(number):
                self._fresh[key] = record

    # --- what was written -----------------------------------------------------------------------------

    def load(self, first: int, entries: Iterable[Entry]) -> None:
        """A part of the log, in its order, the first of number `first`."""
        for number, entry in enumerate(entries, first):
            self._begin = self._next = number + 1
            if entry is None:
                continue
            key, value, line = entry
            if len(line) > 1:
                self._shown_size += len(line)
                self._ever += 1
            if len(value) > 1:
                self._packed[key] = _padded(_number(number), bytes(value))
            elif len(line) == 1:
                self._packed.pop(key, None)

    def proved(self, hint: Any) -> Memory[Any]:
        """It, with values of that type. Raises ValueError where one is not, or a line that is to come led to it: nobody
        of us wrote it."""
        self._type = hint
        self._decode = msgspec.msgpack.Decoder(tuple[bytes, hint]).decode
        self._warm = {}
        self._shown, self.size = 0, 0
        for key, packed in self._packed.items():
            body = packed[_WIDTH:-packed[-1]]
            try:
                lines, _ = self._decode(body)
            except msgspec.ValidationError:  # of a former version, whose numbers stood in a list, or of none
                lines, _ = record = self._read(body)
                self._packed[key] = packed = _padded(packed[:_WIDTH], _body(record))
            if len(lines) % _WIDTH or (lines and int.from_bytes(lines[-_WIDTH:], "little") >= self._begin):
                raise ValueError("no line has such a number")
            self._shown += len(lines) // _WIDTH
            self.size += len(packed) - packed[-1] + len(key)
        return self


SLACK = 1 << 16
"""Bytes that may be void in any log: many nodes know little, and all logs are read at the start."""
_EVIDENCE = msgspec.msgpack.Decoder(Evidence)
_BYTES = msgspec.msgpack.Decoder(bytes)
PAIR = 0x92
"""What a msgpack of two begins with."""
_IN_BYTES = b"\xc4", b"\xc5", b"\xc6"
"""What a msgpack of bytes begins with."""


_SMALL, _STEP = 80 - sys.getsizeof(b""), 96
"""Bytes of an entry that fills its object, in few sizes: what is given back of one size serves no other before all
around it is free, so that of entries that grow in any order the half would be holes."""
_PADDING = [bytes(size) + bytes([size + 1]) for size in range(_STEP)]


def _body(record: Record[Any]) -> bytes:
    """A record as msgpack; with numbers that have no place there, as JSON in a text of bytes."""
    try:
        return _pack(record)
    except OverflowError:
        return _pack(msgspec.json.encode(record))


def _padded(number: bytes, body: bytes) -> bytes:
    """An entry and what fills its object, whose last byte tells how much that is."""
    return b"".join((number, body, _PADDING[(_SMALL - 1 - _WIDTH - len(body)) % _STEP]))


def _number(number: int) -> bytes:
    return (number & _MASK).to_bytes(_WIDTH, "little")


def _joined(numbers: Sequence[int]) -> bytes:
    if any(not 0 <= number <= _MASK for number in numbers):
        raise ValueError("no line has such a number")
    return b"".join(map(_number, numbers))


def _parts(packed: bytes) -> list[bytes]:
    return [packed[at:at + _WIDTH] for at in range(0, len(packed), _WIDTH)]


class Shelf(_OfKeys[T]):
    """The values whose keys begin with a name, without it."""

    def __init__(self, memory: Memory[T], name: str) -> None:
        self._memory = memory
        self._name = name
        self.names = self._own = dict.fromkeys(key.removeprefix(name) for key in memory if key.startswith(name))

    def __getitem__(self, key: str) -> T:
        return self._memory[self._name + key]

    def get(self, key: str, default: Any = None) -> Any:
        """What stands under a key, or `default`."""
        return self._memory.get(self._name + key, default)

    def peek(self, key: str) -> T | None:
        """As Memory's."""
        return self._memory.peek(self._name + key)

    def __setitem__(self, key: str, value: T) -> None:
        self._memory[self._name + key] = value
        self._own[key] = None

    def replace(self, key: str, value: T) -> None:
        """As Memory's."""
        self._memory.replace(self._name + key, value)
        self._own[key] = None

    def __delitem__(self, key: str) -> None:
        del self._memory[self._name + key]
        del self._own[key]

    def put(self, key: str, value: T, line: Evidence, most: int) -> None:
        """As Memory's."""
        self._memory.put(self._name + key, value, line, most)
        self._own[key] = None

    def lines(self, key: str) -> tuple[Evidence, ...]:
        """As Memory's."""
        return self._memory.lines(self._name + key)

    def clear_lines(self, key: str) -> None:
        """As Memory's."""
        self._memory.clear_lines(self._name + key)


Kept: TypeAlias = Memory[Any] | Shelf[Any]
"""What a node keeps, or a part of it."""
