"""A config run over what is given, by the time that its lines tell: the coroutines of the daemon, and nothing leaves.

Where nothing comes for a while, time passes all the same, so that what waits for silence hears of it in time. When all
is read, it is as late as the last line tells, or `until`; what would have happened later nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any

from corowatch.core.config import Config
from corowatch.core.events import Alert, Event
from corowatch.core.graph import Failure, Feed, Graph, Push
from corowatch.core.graph import Witness as Watching
from corowatch.core.jobs import Answer, Job
from corowatch.core.memory import Memory
from corowatch.engines import Cache
from corowatch.rules.witness import Witness
from corowatch.sources import Source, read_first

STEPS = 50
"""Parts in which a long silence passes; a short one second by second."""

Open = Callable[[Feed], Source]
"""What is read in place of a source: opened, and with a head if it has anything."""
Run = Callable[[Job], tuple[int | None, str]]
"""What a command would have answered: its exit status, and the last that it said."""


class Rehearsal:
    """One run of a config.

    `put` is handed each alert when it is made, with the lines around it. Events of another time than from `since` to
    `until` (seconds since the epoch) are not seen. `remembered(step, fingerprint)` is what nodes know at the beginning.
    Raises ConfigError if a node cannot start.
    """

    def __init__(self, config: Config, open_: Open, put: Callable[[Alert], None], *, run: Run | None = None,
                 since: float = -inf, until: float = inf, witness: Witness | None = None, cache: Cache | None = None,
                 remembered: Callable[[str, str], Memory[Any]] = lambda step, fingerprint: Memory(),
                 host: str = "localhost") -> None:
        self._put = put
        self._run = run
        self._since, self._until = since, until
        self.now = -inf
        """The time of what was read last, or that passed since (seconds since the epoch)."""
        self.failures: list[Failure] = []
        self.unanswered = 0
        """Commands that steps would have run."""
        entries = {step.id for step in config.steps.values()
                   for way in step.inputs if config.steps[way.step].kind.role == "source"}
        limits: Watching | None = witness
        if (since, until) != (-inf, inf):
            limits = _Limits(entries, since, until, witness)
        self.graph = Graph(config, put=self._take, memory=remembered, report=self.failures.append, host=host, now=0.0,
                           cache=cache, witness=limits)
        self._witness = witness
        if witness is not None:
            witness.graph = self.graph
        self._calendars: dict[str, Source] = {}
        self.sources: dict[str, Source] = {}
        for name, feed in self.graph.feeds.items():
            source = feed.step.kind.start(target=feed.entry, **feed.step.options)
            if source.by_calendar:  # when it begins is when the first line does
                self._calendars[name] = source
            self.sources[name] = source if source.by_calendar else open_(feed)

    def _take(self, alert: Alert) -> None:
        around = alert.around
        source = self.sources.get(around.reader) if around else None
        if around and source:
            alert.before = source.lines_before(around.key, around.place, around.before)
            alert.after = source.lines_after(around.key, around.place, around.after, around.own) or []
        if self._witness is not None:
            self._witness.alerted(alert)
        self._put(alert)

    def run(self, until: float | None = None) -> None:
        """Read all, let time pass up to `until` (default: the last line's), and close every node."""
        try:
            while self.step():
                pass
            self.pass_time(max(self.now, until or (self._until if self._until < inf else self.now)))
            for name, source in self.sources.items():
                if name not in self._calendars:
                    source.pass_time(inf)  # nothing more belongs to what is held back
            for _ in self.graph.close():
                pass
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the files."""
        for source in self.sources.values():
            source.close()

    def step(self) -> bool:
        """Let time pass up to what comes next, and read that; False: nothing comes, or only what is too late."""
        begins = min((head.order()[0] for source in self.sources.values() if (head := source.head())), default=None)
        if begins is None or begins > self._until:
            return False
        self.pass_time(begins)
        read_first(self.sources.values(), self.now, self._due)
        self._notice(max([self.now, *(feed.clock.at for feed in self.graph.feeds.values() if feed.clock)]))
        return True

    @property
    def _due(self) -> float:
        """When a calendar has something next."""
        return min((source.due for source in self._calendars.values()), default=inf)

    def pass_time(self, to: float) -> None:
        """Nothing comes up to the time `to` but what calendars bring."""
        if self.now == -inf:
            self.now = to
            for name, calendar in self._calendars.items():
                calendar.open({}, reader=name, start=None, tell=lambda *told: None, wake=lambda: None, now=to)
        pace = max(1.0, (to - self.now) / STEPS)
        while self.now < to:
            self._notice(min(to, self.now + pace, max(self.now, self._due)))
            while read_first(self._calendars.values(), self.now):
                self._notice(self.now)

    def _notice(self, now: float) -> None:
        """It is `now`: tell the nodes, as far as everything before was read."""
        self.now = max(self.now, min(now, self._until))
        clocks = {}
        for name, feed in self.graph.feeds.items():
            source = self.sources[name]
            source.pass_time(self.now)
            begins = head.order()[0] if (head := source.head()) else inf
            clocks[name] = min(self.now, begins) if feed.clock is None or begins > self.now else feed.clock.at
        if self.now >= self._since:
            self.graph.tick(self.now, clocks)
        self._answer()

    def _answer(self) -> None:
        for live in self.graph.nodes.values():
            for job in live.jobs.taken() if live.jobs else ():
                if self._run is None:
                    self.unanswered += 1
                else:
                    live.inlet.send(Answer(job.number, self.now, *self._run(job)))

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """What each node counted, by step."""
        return {live.step.id: live.counts for live in self.graph.nodes.values()}


class _Limits:
    """Keeps events of another time from the first nodes."""

    def __init__(self, entries: Iterable[str], since: float, until: float, witness: Witness | None) -> None:
        self._entries = frozenset(entries)
        self._since, self._until = since, until
        self._witness = witness

    def around(self, step: str, push: Push) -> Push:
        if self._witness is not None:
            push = self._witness.around(step, push)
        if step not in self._entries:
            return push

        def within(item: Any) -> None:
            if not isinstance(item, Event) or self._since <= item.when <= self._until:
                push(item)

        return within
