"""A config over old logs: which alerts there would have been, and when."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from math import inf
from typing import Any, BinaryIO, cast

import msgspec

from corowatch.core.config import Config
from corowatch.core.events import Alert
from corowatch.core.graph import Feed, feed_of
from corowatch.core.standing import clock
from corowatch.core.text import many
from corowatch.engines import Cache
from corowatch.engines.foresight import Scouts
from corowatch.rules.entries import Entries, is_journal
from corowatch.rules.logs import Logs, readers_of
from corowatch.rules.rehearsal import Rehearsal
from corowatch.rules.witness import Witness
from corowatch.sources import Source
from corowatch.sources.content import DAMAGED, opened, unpacker

PAUSE = 0.1
"""Seconds between two words of how far it is."""
BEGINS = 4096
"""Bytes that tell what a file is."""
HOLES = 3
"""Pieces of text, at most, between the holes of NULs that a crash or a truncation leaves in so many bytes of a log."""

Progress = Callable[[int, int], object]
"""Is told so many bytes of so many."""


class Replayed(msgspec.Struct):
    """What a replay gave: alerts in the order of their times, what each node counted, and what could not be read."""

    alerts: list[Alert] = msgspec.field(default_factory=list)
    counts: dict[str, Mapping[str, int]] = msgspec.field(default_factory=dict)
    notes: list[str] = msgspec.field(default_factory=list)
    lines: int = 0
    bytes: int = 0
    began: float = inf
    """When the first line was (seconds since the epoch)."""
    ended: float = -inf
    seconds: float = 0.0
    """How long it took."""
    part: bool = False
    """Whether only a part of the time was asked for: more `lines` were read to find it."""
    failed: int = 0
    """Files that could not be read, or not to their end."""


@contextmanager
def spooled(paths: Sequence[str], stdin: BinaryIO) -> Iterator[list[str]]:
    """The paths, with standard input, `-`, as a file."""
    with ExitStack() as undo:
        found = list(paths)
        if "-" in found:
            folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="corowatch-"))
            with open(f"{folder}/stdin", "wb") as file:
                shutil.copyfileobj(stdin, file)
            found = [f"{folder}/stdin" if path == "-" else path for path in found]
        yield found


class Inputs:
    """The files of a replay: each with the sources that it goes to. Raises OSError where none can be read at all."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.notes: list[str] = []
        self.failed: set[str] = set()
        """Files that cannot be read, or not to their end."""
        self.paths: list[str] = []
        self.journals: list[str] = []
        self._binary: dict[str, bytes] = {}
        seen: set[str] = set()
        for path in paths:
            if (real := os.path.realpath(path)) in seen:
                continue
            seen.add(real)
            try:
                begins = _begins(path)
            except DAMAGED:
                begins = b"?"  # what of it can be read is read, and then that is told
            except OSError as error:
                self.tell("unreadable", f"{path}: {error.strerror or error}", path=path)
                continue
            if not begins:
                self.notes.append(f"{path}: it is empty")
            if b"\0" in begins:
                self._binary[path] = begins
            (self.journals if is_journal(begins) else self.paths).append(path)

    def tell(self, kind: str, text: str, **fields: Any) -> None:
        """Something could not be read."""
        self.notes.append(text)
        self.failed.add(str(fields.get("path")))

    def only_text(self) -> None:
        """Leave out what is no text at all, such as wtmp: where NULs are in more places than a hole or two would be."""
        for path in [path for path in self.paths if sum(map(bool, self._binary.get(path, b"").split(b"\0"))) > HOLES]:
            del self._binary[path]
            self.paths.remove(path)
            self.notes.append(f"{path}: it is no text, and left out: there are NUL bytes")

    def open(self, configs: Sequence[Config]) -> Callable[[Feed], Source]:
        """What is read in place of each source of some configs."""
        readers = {path: {feed_of(step) for config in configs for step in readers_of(path, config)}
                   for path in self.paths}
        plain = any(step.options.get("encoding", "utf-8") == "utf-8" for config in configs
                    for path in self._binary for step in readers_of(path, config))
        self.notes += [f"{path}: it is no text: there are NUL bytes" for path in sorted(self._binary) if plain]

        def open_(feed: Feed) -> Source:
            if feed.step.kind.name == "journal":
                return Entries(feed, [(path, _unpacked(path)) for path in self.journals], self.tell)
            own = [path for path, feeds in readers.items() if feed.name in feeds]
            shares = any(len(readers[path]) > 1 for path in own)
            return Logs(feed, own, self.tell, shares=shares) if own else Source()

        return open_

    def unread(self, configs: Sequence[Config]) -> Iterator[str]:
        """Those that no source of the configs reads."""
        yield from (path for path in self.paths if not any(readers_of(path, config) for config in configs))
        if not any(step.kind.name == "journal" for config in configs for step in config.steps.values()):
            yield from self.journals


    def missing(self, configs: Sequence[Config]) -> Iterator[str]:
        """What should be read, and nothing is there for it."""
        steps = [step for config in configs for step in config.steps.values() if step.kind.name == "journal"]
        if steps and not self.journals:
            names = ", ".join(dict.fromkeys(step.id for step in steps))
            yield f"{names}: the journal is not among the files; journalctl -o export writes it"


def _unpacked(path: str) -> BinaryIO:
    file = os.fdopen(opened(path), "rb")
    make = unpacker(file.read(16))
    file.seek(0)
    return file if make is None else cast(BinaryIO, _Buffered(make(file), file))


class _Buffered:
    """What is unpacked, by lines."""

    def __init__(self, stream: Any, file: BinaryIO) -> None:
        self._stream, self._file = stream, file
        self._held = b""

    def read(self, size: int) -> bytes:
        while len(self._held) < size and (data := self._stream.read1(BEGINS * 64)):
            self._held += data
        data, self._held = self._held[:size], self._held[size:]
        return data

    def readline(self, most: int) -> bytes:
        while (end := self._held.find(b"\n")) < 0 and len(self._held) < most and (
                data := self._stream.read1(BEGINS * 64)):
            self._held += data
        return self.read(most if end < 0 else min(end + 1, most))

    def close(self) -> None:
        self._file.close()


def _begins(path: str) -> bytes:
    file = _unpacked(path)
    try:
        return file.read(BEGINS)
    finally:
        file.close()


def replay(config: Config, paths: Sequence[str], *, since: float = -inf, until: float = inf, cache: Cache | None = None,
           scouts: Scouts | None = None, progress: Progress = lambda done, total: None,
           witness: Witness | None = None) -> Replayed:
    """Run a config over files, to their end or `until` (seconds since the epoch). Raises ConfigError."""
    return replay_all([config], paths, since=since, until=until, cache=cache, scouts=scouts, progress=progress,
                      witness=witness)[0]


def replay_all(configs: Sequence[Config], paths: Sequence[str], *, since: float = -inf, until: float = inf,
               cache: Cache | None = None, scouts: Scouts | None = None,
               progress: Progress = lambda done, total: None, witness: Witness | None = None) -> list[Replayed]:
    """The same of several configs, side by side: what they all read is read once."""
    began = time.monotonic()
    inputs = Inputs(paths)
    outcomes = [Replayed(notes=inputs.notes, part=(since, until) != (-inf, inf)) for _ in configs]
    run = Rehearsal([(config, outcome.alerts.append) for config, outcome in zip(configs, outcomes, strict=True)],
                    inputs.open(configs), since=since, until=until, cache=cache, scouts=scouts, witness=witness)
    inputs.notes += [f"{path}: no source of the config reads it" for path in inputs.unread(configs)]
    inputs.notes += inputs.missing(configs)
    logs = [source for source in run.sources.values() if isinstance(source, Logs)]
    total = sum(source.total for source in logs)
    told = began
    try:
        while run.step():
            if (now := time.monotonic()) - told >= PAUSE:
                told = now
                progress(sum(source.progress for source in logs), total)
        run.run()
    finally:
        run.close()
    progress(total, total)
    for number, outcome in enumerate(outcomes):
        outcome.alerts.sort(key=lambda alert: alert.at)
        outcome.counts = dict(run.counts(number))
        outcome.lines = _lines(run, number)
        outcome.bytes, outcome.began, outcome.ended = total, max(since, run.began), run.now
        outcome.seconds = time.monotonic() - began
        outcome.notes, outcome.failed = [*inputs.notes, *_failed(run)], len(inputs.failed)
        if outcome.lines and not since <= run.now:
            outcome.notes.append(f"no line is as late as that: the last was at {clock(run.now)}")
        elif outcome.lines and run.began > until:
            outcome.notes.append(f"no line is as early as that: the first was at {clock(run.began)}")
    return outcomes


def _lines(run: Rehearsal, number: int) -> int:
    """How many lines were read for a config, and entries of the journal: each once, however many sources read it."""
    alone, entries = 0, 0
    shared: dict[str, int] = {}
    for name, feed in run.graphs[number].feeds.items():
        source = run.sources[name]
        if isinstance(source, Entries):
            entries = max(entries, source.read)
        elif isinstance(source, Logs) and source.lines is not None:
            for file, lines in source.lines.items():
                shared[file] = max(shared.get(file, 0), lines)
        else:
            alone += feed.counts["lines"]
    return alone + entries + sum(shared.values())


def _failed(run: Rehearsal) -> Iterator[str]:
    counted = Counter(f"{failure.node} failed: {type(failure.error).__name__}: {failure.error}"
                      for failure in run.failures)
    yield from (f"{text} ({count} times)" if count > 1 else text for text, count in counted.items())
    if run.unanswered:
        were = "was" if run.unanswered == 1 else "were"
        yield f"{many(run.unanswered, 'command')} of `check` {were} not run: what is decided so is left out"
