"""The lines of logs as events, in the order of their times, without a config: for what learns from them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import inf

import msgspec

from corowatch.core.config import ConfigFile, Step
from corowatch.core.coroutine import Broadcast
from corowatch.core.events import Event, Target
from corowatch.core.graph import Feed, feed_of
from corowatch.core.kinds import Counts
from corowatch.core.scan import Clock, ScanCounts, scan
from corowatch.engines import EveryLine
from corowatch.loading import load_texts
from corowatch.rules.logs import Logs
from corowatch.rules.replaying import PAUSE, Inputs, Progress
from corowatch.sources import read_first

EVERYTHING = "flows: {lines: {tail: /}, entries: {journal: {}}}"


class Read(msgspec.Struct):
    """How much was read, and what could not be."""

    lines: int = 0
    bytes: int = 0
    seconds: float = 0.0
    notes: list[str] = msgspec.field(default_factory=list)
    failed: int = 0
    """Files that could not be read, or not to their end."""


class _Taker:
    """Where the lines of a time go."""

    def __init__(self, take: Callable[[Event], object], since: float, until: float) -> None:
        self._take = take
        self._since, self._until = since, until

    def send(self, event: Event) -> None:
        if self._since <= event.at <= self._until:
            self._take(event)


def read_lines(paths: Sequence[str], take: Callable[[Event], object], *, since: float = -inf, until: float = inf,
               progress: Progress = lambda done, total: None) -> Read:
    """Hand each line from `since` to `until` (seconds since the epoch) to `take`, as `replay` would read the files:
    plain, packed or exported from the journal; what is no text is left out. What raises in `take` ends it."""
    began = time.monotonic()
    inputs = Inputs(paths)
    inputs.only_text()
    config = load_texts([ConfigFile("lines", EVERYTHING)])
    open_ = inputs.open([config])
    feeds = [_feed(step, _Taker(take, since, until)) for step in config.steps.values()]
    sources = [open_(feed) for feed in feeds]
    logs = [source for source in sources if isinstance(source, Logs)]
    total = sum(source.total for source in logs)
    told = began
    try:
        while read_first(sources, began):
            if (now := time.monotonic()) - told >= PAUSE:
                told = now
                progress(sum(source.progress for source in logs), total)
    finally:
        for source in sources:
            source.close()
    progress(total, total)
    lines = sum(feed.counts["lines"] for feed in feeds) + sum(source.counts.get("entries", 0) for source in sources)
    return Read(lines, total, time.monotonic() - began, inputs.notes, len(inputs.failed))


def _feed(step: Step, target: Target[Event]) -> Feed:
    counts: ScanCounts = Counts(lines=0, cut=0, skewed=0)
    feed = Feed(feed_of(step), step, (step.id,), Broadcast(), counts)
    if step.kind.name == "journal":
        feed.entry.lead_to([target])
    else:
        clock = Clock("auto", counts)
        feed.entry.lead_to([scan([target], engine=EveryLine([None]), clock=clock, counts=counts)])
        feed.clock = clock
    return feed
