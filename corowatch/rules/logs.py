"""What a rehearsal reads in place of a source: files that are there, or lines that somebody wrote.

A file goes to those sources whose globs it matches, as it is called or as it was before it was rotated and packed: by
its whole path, so that a copy of a part of a file system will do, else by its name; where one says that name, not to
those with a `*` for it. One that none matches goes to all that read files.
"""

from __future__ import annotations

import fnmatch
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import inf
from typing import Any, NamedTuple

from corowatch.core.ahead import Ahead, Sent
from corowatch.core.config import Config, Step
from corowatch.core.containers import Containers, Line, beside
from corowatch.core.events import Block, Chunk, Event, Origin, Position, Target, Value
from corowatch.core.follow import digest
from corowatch.core.frame import frame
from corowatch.core.graph import Feed
from corowatch.core.lines import count_of
from corowatch.core.rotations import bases_of
from corowatch.core.scan import HEAD
from corowatch.core.stamps import Stamps
from corowatch.core.text import many
from corowatch.core.values import Size
from corowatch.sources import Head, Source, Tell
from corowatch.sources.content import MAGIC, Plain, Unpacked, opened, seen_of, unpacker
from corowatch.sources.life import Life, Reading
from corowatch.sources.lives import Lives
from corowatch.sources.report import Report, name_of

LONGEST = Size(65536)
"""Bytes of a line where its source has no option for it."""


def reading(feed: Feed) -> Reading:
    """How the options of a feed say that files are read."""
    options = feed.step.options
    return Reading(feed.entry, feed.name, Stamps(options.get("timestamp", "auto"), options.get("zone")),
                   options.get("encoding", "utf-8"),
                   options.get("max_line_bytes", LONGEST), options.get("multiline"))


def readers_of(path: str, config: Config) -> list[Step]:
    """The sources that a file goes to."""
    readers = [step for step in config.steps.values() if step.kind.name in ("tail", "stdin")]
    folder, name = os.path.split(os.path.abspath(path))
    names = (name, *bases_of(name))
    for says in (
        lambda glob: any(fnmatch.fnmatchcase(f"{folder}/{one}", f"*{glob}") for one in names),
        lambda glob: os.path.basename(glob) in names,
        lambda glob: any(fnmatch.fnmatchcase(one, os.path.basename(glob)) for one in names),
    ):
        if found := [step for step in readers if any(map(says, step.options.get("paths", ())))]:
            return found
    return readers


class Logs(Source):
    """Files, each read to the end that it had when it was opened, in the order of their lines' times.

    Lines that tell no time, and those without a year, count as of their file's last write, or of `now`.
    """

    def __init__(self, feed: Feed, paths: Sequence[str], tell: Tell, now: float | None = None, *,
                 shares: bool = False) -> None:
        super().__init__()
        self.counts = {"bytes": 0, "files": 0, "found": 0, "skipped": 0}
        self.lines: Counter[str] | None = Counter() if shares else None
        """The lines of each file that was read, where another source `shares` some of them."""
        self.total = 0
        """Bytes of the files as they stand, packed or not."""
        self._now = now
        self._report = Report(self.counts)
        self._report.tell = tell
        how = reading(feed)
        if self.lines is not None:
            how = how._replace(target=_Counting(how.target, self.lines))
        self._lives = Lives(how, self._report)
        for path in paths:
            try:
                content = content_at(path)
            except OSError as error:
                tell("unreadable", f"{name_of(path)}: {error.strerror or error}", path=path)
                continue
            self._lives.begin_missed(path, content, 0.0, key=digest(os.fsencode(os.path.realpath(path))))
            self.total += content.file().size

    @property
    def progress(self) -> int:
        """Bytes of them that are dealt with."""
        return sum(life.content.consumed(life.read_to) for life in self._lives)

    def head(self) -> Head | None:
        life = self._lives.first()
        if life is None:
            return None
        return Head(lambda: life.order or self._lives.order(life), self._lives.second(),
                    lambda now, until: self._read(life, until))

    def _read(self, life: Life, until: float) -> None:
        now, why = life.seen.mtime / 1e9, ""
        try:
            if life.read(now if self._now is None else self._now, until) is None:
                why = "it was written anew while it was read"
            elif life.compressed:
                why = "it is packed twice"
            elif not life.ready:
                if life.content.damage:
                    why = f"it breaks off after {many(life.read_to, 'byte')} of its text: {life.content.damage}"
                life.finish(now)
        except OSError as error:
            why = error.strerror or str(error)
        if why:
            self._report.tell("unreadable", f"{name_of(life.path)}: {why}", path=life.path)
            life.failed = True
        self._lives.enqueue(life)

    def lines_before(self, key: str, place: int | str, count: int) -> list[str]:
        life = self._lives.of(key)
        return life.lines_before(int(place), count) if life else []

    def lines_after(self, key: str, place: int | str, count: int, own: int = 1) -> list[str] | None:
        life = self._lives.of(key)
        return life.lines_after(int(place), count, own) if life else None

    def close(self) -> None:
        self._lives.close()


class _Counting:
    """Counts the lines of each file on their way to a target."""

    def __init__(self, target: Target[Sent], lines: Counter[str]) -> None:
        self._target = target
        self._lines = lines

    def send(self, sent: Sent) -> None:
        if not isinstance(sent, Ahead):
            self._lines[sent.origin.file] += count_of(sent.data) if isinstance(sent, Block) else sent.window.lines
        self._target.send(sent)


def content_at(path: str) -> Plain | Unpacked:
    """The text of a file that a person named: links are followed. Raises OSError."""
    fd = opened(path)
    seen = seen_of(os.fstat(fd))
    packed = seen is not None and unpacker(os.pread(fd, MAGIC, 0)) is not None
    if seen is not None and not packed:
        return Plain(path, fd, seen)
    os.close(fd)
    if packed:
        return Unpacked(os.path.realpath(path))
    raise OSError("it is no regular file")


class Written(NamedTuple):
    """A line that somebody wrote, when it comes (seconds since the epoch), and the fields that its source gives it."""

    at: float
    text: str
    fields: Mapping[str, Value] = {}


class _Lines(Source):
    """Lines that come one after the other, each at its moment."""

    def __init__(self, feed: Feed, lines: Sequence[Written]) -> None:
        super().__init__()
        self.counts = {"bytes": 0}
        self._origin = Origin(feed.name, "lines", feed.step.id)
        self._lines = lines
        self._next = 0

    def head(self) -> Head | None:
        if self._next == len(self._lines):
            return None
        return Head(lambda: (self._lines[self._next].at, 0, "lines"), inf, lambda now, until: self._read())

    def _read(self) -> None:
        self._next += 1
        self._send(self._lines[self._next - 1])

    def _send(self, line: Written) -> None:
        raise NotImplementedError

    def _number(self, place: int | str) -> int:
        """Which of the lines stands at a place, from 0."""
        return int(place)

    def lines_before(self, key: str, place: int | str, count: int) -> list[str]:
        number = self._number(place)
        return [line.text for line in self._lines[max(0, number - count):number]]

    def lines_after(self, key: str, place: int | str, count: int, own: int = 1) -> list[str] | None:
        number = self._number(place) + own
        return [line.text for line in self._lines[number:number + count]]


def _data(line: Written) -> bytes:
    """A line as it stands in a file."""
    return line.text.encode("utf-8", "surrogateescape") + b"\n"


class Script(_Lines):
    """Lines of a file that grows. `now`: the moment of reading (seconds since the epoch) of those from the number
    `begin` on, where it is not when a line comes, for lines tell their time themselves."""

    def __init__(self, feed: Feed, lines: Sequence[Written], now: float | None = None, begin: int = 0) -> None:
        super().__init__(feed, lines)
        self._begin = begin
        how = reading(feed)
        self._now = now
        self._timeout = how.multiline.timeout if how.multiline else 0.0
        self._records = how.multiline.records(how.target) if how.multiline else None
        self._frame: Any = frame(self._records or how.target, origin=self._origin, position=Position(),
                                 max_line_bytes=how.max_line_bytes)
        self._places: dict[int, int] = {}

    @cached_property
    def _written(self) -> list[Line] | None:
        """What containers wrote; None where lines are in no envelopes."""
        if not isinstance(self._records, Containers):
            return None
        return self._records.written(b"".join(map(_data, self._lines)), 0)

    def lines_before(self, key: str, place: int | str, count: int) -> list[str]:
        if self._written is None:
            return super().lines_before(key, place, count)
        before, _ = beside(self._written, int(place), 1)
        return before[max(0, len(before) - count):]

    def lines_after(self, key: str, place: int | str, count: int, own: int = 1) -> list[str] | None:
        if self._written is None:
            return super().lines_after(key, place, count, own)
        return beside(self._written, int(place), own)[1][:count]

    def _send(self, line: Written) -> None:
        self._places[self.counts["bytes"]] = self._next - 1
        data = _data(line)
        self.counts["bytes"] += len(data)
        self._frame.send(Chunk(line.at if self._now is None or self._next <= self._begin else self._now, data))

    def _number(self, place: int | str) -> int:
        return self._places.get(int(place), 0)

    def pass_time(self, now: float) -> None:
        since = None if self._records is None else self._records.since
        if self._records is not None and since is not None and self._next and (
                self._lines[self._next - 1].at + self._timeout <= now):
            self._records.end()

    def close(self) -> None:
        self._frame.close()


class Spoken(_Lines):
    """Lines of a source that sends events, such as the journal."""

    def __init__(self, feed: Feed, lines: Sequence[Written]) -> None:
        super().__init__(feed, lines)
        self._target = feed.entry

    def _send(self, line: Written) -> None:
        self.counts["bytes"] += len(line.text)
        self._target.send(Event(self._origin, self._next - 1, line.at, line.text, dict(line.fields)))


def source_of_lines(feed: Feed, lines: Sequence[tuple[float, str, Mapping[str, Value]]], began: float,
                    now: float | None) -> Source:
    """A source of lines that come so many seconds after the beginning; with `now`, which is then the moment of reading,
    when they tell, and those that do not, when the line before did, or the first that does."""
    if feed.step.kind.sends is Event:
        return Spoken(feed, [Written(began + after, text, fields) for after, text, fields in lines])
    if now is None:
        return Script(feed, [Written(began + after, text) for after, text, _ in lines])
    read = reading(feed).stamps.read
    stamps = [read(text.encode()[:HEAD], now) for _, text, _ in lines]
    first = next((at for at in stamps if at is not None), None)
    latest = began if first is None else first
    told: list[Written] = []
    for at, (_, text, _) in zip(stamps, lines, strict=True):
        latest = latest if at is None else max(latest, at)
        told.append(Written(latest, text))
    return Script(feed, told, now, len(stamps) if first is None else stamps.index(first))
