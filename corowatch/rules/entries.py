"""Entries of systemd's journal out of a file, as `journalctl --output=export` or `--output=json` writes them.

Source: https://systemd.io/JOURNAL_EXPORT_FORMATS.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any, BinaryIO

import msgspec

from corowatch.core.events import Event, Origin, Value
from corowatch.core.graph import Feed
from corowatch.sources import Head, Source, Tell
from corowatch.sources.content import DAMAGED
from corowatch.sources.journal import NEIGHBOURS, text_of

LARGEST = 16 << 20
"""Bytes of a field."""
TIME = "__REALTIME_TIMESTAMP"

Entry = Mapping[str, Any]


def is_journal(begins: bytes) -> bool:
    """Whether a file that begins so holds entries of a journal."""
    return begins.startswith(b"__CURSOR=") or (begins.startswith(b"{") and TIME.encode() in begins)


def entries(file: BinaryIO) -> Iterator[Entry]:
    """Each entry. Raises ValueError where the file breaks off or is none of the two."""
    while line := file.readline(LARGEST):
        if line.startswith(b"{"):
            try:
                entry = msgspec.json.decode(line)
            except msgspec.DecodeError as error:
                raise ValueError(f"an entry is no JSON: {error}") from None
            if isinstance(entry, dict) and TIME in entry:
                yield entry
        elif line.strip():
            yield _exported(file, line)


def _exported(file: BinaryIO, line: bytes) -> dict[str, Any]:
    """The fields of an entry that begins with a line, up to the empty one."""
    fields: dict[str, list[str]] = {}
    while line.rstrip(b"\n"):
        name, equals, value = line.rstrip(b"\n").partition(b"=")
        if not equals:  # binary: its length in eight bytes, little endian, and as many bytes
            size = int.from_bytes(file.read(8), "little")
            if size > LARGEST:
                raise ValueError(f"a field has {size:,} bytes")
            value = file.read(size)
            if len(value) < size or file.read(1) != b"\n":
                raise ValueError("it breaks off in an entry")
        fields.setdefault(name.decode("ascii", "backslashreplace"), []).append(
            value.decode("utf-8", "backslashreplace"))
        line = file.readline(LARGEST)
    if TIME not in fields:
        raise ValueError("an entry does not tell its time")
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


class Entries(Source):
    """What one journal source would have sent, of the entries of some files, in the order of their times."""

    def __init__(self, feed: Feed, files: Sequence[tuple[str, BinaryIO]], tell: Tell) -> None:
        super().__init__()
        self.counts = {"entries": 0}
        self.read = 0
        """Entries that were looked at."""
        self._target = feed.entry
        self._origin = Origin(feed.name, "journal")
        self._units = tuple(feed.step.options.get("units", ()))
        self._match: dict[str, set[str]] = {}
        for one in feed.step.options.get("match", ()):
            name, _, value = one.partition("=")
            self._match.setdefault(name, set()).add(value)
        self._tell = tell
        self._files = [(path, file, self._wanted(path, file)) for path, file in files]
        self._heads = [next(wanted, None) for _, _, wanted in self._files]
        self._texts: list[str] = []

    def _wanted(self, path: str, file: BinaryIO) -> Iterator[Entry]:
        try:
            for entry in entries(file):
                self.read += 1
                if not str(entry[TIME]).isdecimal():
                    raise ValueError("an entry does not tell its time")
                unit = str(entry.get("_SYSTEMD_UNIT", ""))
                if self._units and not any(fnmatch.fnmatchcase(unit, glob) for glob in self._units):
                    continue
                if all(str(entry.get(name, "")) in values for name, values in self._match.items()):
                    yield entry
        except (OSError, ValueError, *DAMAGED) as error:
            self._tell("unreadable", f"{path}: {error}", path=path)

    def _first(self) -> tuple[float, int] | None:
        times = [(int(entry[TIME]) / 1e6, at) for at, entry in enumerate(self._heads) if entry is not None]
        return min(times, default=None)

    def head(self) -> Head | None:
        first = self._first()
        return None if first is None else Head(lambda: (first[0], 0, "journal"), inf, lambda now, until: self._read())

    def _read(self) -> None:
        first = self._first()
        assert first is not None
        when, at = first
        entry, self._heads[at] = self._heads[at], next(self._files[at][2], None)
        assert entry is not None
        text = text_of(entry.get("MESSAGE")) or ""
        fields: dict[str, Value] = {name: text_of(value) for name, value in entry.items()
                                    if not name.startswith("__") and name != "MESSAGE"}
        self._texts.append(text)
        del self._texts[:-NEIGHBOURS]
        self.counts["entries"] += 1
        self._target.send(Event(self._origin, str(entry.get("__CURSOR", self.counts["entries"])), when, text, fields))

    def lines_before(self, key: str, place: int | str, count: int) -> list[str]:
        return self._texts[:-1][-count:] if count else []

    def time(self, wall: float) -> float:
        return wall if (first := self._first()) is None else first[0]

    def close(self) -> None:
        for _, file, _ in self._files:
            file.close()
