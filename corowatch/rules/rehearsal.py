"""Configs run over what is given, by the time that its lines tell: the coroutines of the daemon, and nothing leaves.

Where nothing comes for a while, time passes all the same, so that what waits for silence hears of it in time. When all
is read, it is as late as the last line tells, or `until`; what would have happened later nobody knows. Several configs
hear the same lines at the same time: what both would read is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import Any

from msgspec.structs import replace

from corowatch.core.config import Config
from corowatch.core.coroutine import Broadcast
from corowatch.core.events import Alert, Event
from corowatch.core.graph import Failure, Feed, Graph, Push
from corowatch.core.graph import Witness as Watching
from corowatch.core.jobs import Answer, Job
from corowatch.core.memory import Memory
from corowatch.engines import Cache
from corowatch.engines.foresight import Scouts
from corowatch.rules.witness import Witness
from corowatch.sources import Head, Source, read_first

PACE = 1.0
"""Seconds of the lines' time between two words of the time, while lines come: nodes hear of it with each line, too."""
STEPS = 50
"""Parts in which a long silence passes; a short one second by second."""

Put = Callable[[Alert], None]
Open = Callable[[Feed], Source]
"""What is read in place of a source: opened, and with a head if it has anything."""
Run = Callable[[Job], tuple[int | None, str]]
"""What a command would have answered: its exit status, and the last that it said."""
Remembered = Callable[[str, str], Memory[Any]]
"""What a step of an id and a fingerprint knows at the beginning."""


def nothing_remembered(step: str, fingerprint: str) -> Memory[Any]:
    """Every step begins anew."""
    return Memory()


class Rehearsal:
    """One run of some configs, each with whoever is handed its alerts as they are made.

    Events of another time than from `since` to `until` (seconds since the epoch) are not seen. Raises ConfigError if a
    node cannot start.
    """

    def __init__(self, runs: Sequence[tuple[Config, Put]], open_: Open, *, answer: Run | None = None,
                 since: float = -inf, until: float = inf, witness: Witness | None = None, cache: Cache | None = None,
                 scouts: Scouts | None = None, remembered: Remembered = nothing_remembered,
                 host: str = "localhost") -> None:
        self._answer_of = answer
        self._since, self._until = since, until
        self._witness = witness
        self.began = self.now = -inf
        """When it began, and the time of what was read last, or that passed since (seconds since the epoch)."""
        self.failures: list[Failure] = []
        self.unanswered = 0
        """Commands that steps would have run."""
        self.graphs = [Graph(config, put=self._taking(put), memory=remembered, report=self.failures.append, host=host,
                             now=0.0, cache=cache, scouts=scouts, witness=self._watching(config))
                       for config, put in runs]
        if witness is not None:
            witness.graph = self.graphs[0]
        self._asking = [live for graph in self.graphs for live in graph.nodes.values() if live.jobs is not None]
        self._told = -inf
        self._calendars: dict[str, Source] = {}
        self.sources: dict[str, Source] = {}
        for feed in self._feeds():
            source = feed.step.kind.start(target=feed.entry, **feed.step.options)
            if source.by_calendar:  # when it begins is when the first line does
                self._calendars[feed.name] = source
            self.sources[feed.name] = source if source.by_calendar else open_(feed)
        self._heads: dict[str, tuple[tuple[Any, ...], Head]] = {}
        for name in self.sources.keys() - self._calendars.keys():
            self._look(name)

    def _feeds(self) -> Iterable[Feed]:
        """The feeds of all graphs; one that several have leads to them all."""
        shared: dict[str, list[Feed]] = {}
        for graph in self.graphs:
            for name, feed in graph.feeds.items():
                shared.setdefault(name, []).append(feed)
        for feeds in shared.values():
            steps = tuple(step for feed in feeds for step in feed.steps)
            yield replace(feeds[0], steps=steps, entry=Broadcast(feed.entry for feed in feeds))

    def _watching(self, config: Config) -> Watching | None:
        if (self._since, self._until) == (-inf, inf):
            return self._witness
        entries = {step.id for step in config.steps.values()
                   for way in step.inputs if config.steps[way.step].kind.role == "source"}
        return _Limits(entries, self._since, self._until, self._witness)

    def _taking(self, put: Put) -> Put:
        def take(alert: Alert) -> None:
            around = alert.around
            source = self.sources.get(around.reader) if around else None
            if around and source:
                alert.before = source.lines_before(around.key, around.place, around.before)
                alert.after = source.lines_after(around.key, around.place, around.after, around.own) or []
            if self._witness is not None:
                self._witness.alerted(alert)
            put(alert)

        return take

    def run(self, until: float | None = None) -> None:
        """Read all, let time pass up to `until` (default: the last line's), and close every node."""
        try:
            while self.step():
                pass
            self._notice(self.now)
            self.pass_time(max(self.now, until or (self._until if self._until < inf else self.now)))
            self._notice(self.now, pace=0.0)
            for name, source in self.sources.items():
                if name not in self._calendars:
                    source.pass_time(inf)  # nothing more belongs to what is held back
            for graph in self.graphs:
                for _ in graph.close():
                    pass
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the files."""
        for source in self.sources.values():
            source.close()

    def step(self) -> bool:
        """Let time pass up to what comes next, and read that; False: nothing comes, or only what is too late."""
        if not self._heads:
            return False
        orders = {name: order for name, (order, _) in self._heads.items()}
        first = min(orders, key=orders.__getitem__)
        begins = orders.pop(first)[0]
        if begins > self._until:
            return False
        if begins >= min(self._told + PACE, self._due):
            self.pass_time(begins)
        head = self._heads[first][1]
        head.read(self.now, min([head.next, self._due, *(order[0] for order in orders.values())]))
        self._look(first)
        now = max([self.now, *(feed.clock.at for graph in self.graphs for feed in graph.feeds.values() if feed.clock)])
        if now >= self._told + PACE:
            self._notice(now)
        else:
            self.now = min(now, self._until)
            self._answer()
        return True

    def _look(self, name: str) -> None:
        """What a source has next: that changes as it is read, and with nothing else."""
        self._heads.pop(name, None)
        if head := self.sources[name].head():
            self._heads[name] = head.order(), head

    @property
    def _due(self) -> float:
        """When a calendar has something next."""
        return min((source.due for source in self._calendars.values()), default=inf)

    def pass_time(self, to: float) -> None:
        """Nothing comes up to the time `to` but what calendars bring."""
        if self.now == -inf:
            self.began = self.now = to
            for name, calendar in self._calendars.items():
                calendar.open({}, reader=name, start=None, tell=lambda *told: None, wake=lambda: None, now=to)
        pace = max(PACE, (to - self.now) / STEPS)
        while self.now < to:
            self._notice(min(to, self.now + pace, max(self.now, self._due)))
            while read_first(self._calendars.values(), self.now):
                self._notice(self.now)

    def _notice(self, now: float, pace: float = PACE) -> None:
        """It is `now`: tell the nodes, as far as everything before was read."""
        self._told = self.now = max(self.now, min(now, self._until))
        begins: dict[str, float] = {}
        for name, source in self.sources.items():
            source.pass_time(self.now)
            begins[name] = self._heads[name][0][0] if name in self._heads else inf
        for graph in self.graphs:
            if self.now >= self._since:
                graph.tick(self.now, {
                    name: min(self.now, begins[name]) if feed.clock is None or begins[name] > self.now
                    else feed.clock.at for name, feed in graph.feeds.items()}, pace)
        self._answer()

    def _answer(self) -> None:
        for live in self._asking:
            for job in live.jobs.taken() if live.jobs else ():
                if self._answer_of is None:
                    self.unanswered += 1
                else:
                    live.inlet.send(Answer(job.number, self.now, *self._answer_of(job)))

    def counts(self, number: int = 0) -> Mapping[str, Mapping[str, int]]:
        """What each node of a config counted, by step."""
        return {live.step.id: live.counts for live in self.graphs[number].nodes.values()}


class _Limits:
    """Keeps events of another time from the first nodes."""

    def __init__(self, entries: Iterable[str], since: float, until: float, witness: Witness | None) -> None:
        self._entries = frozenset(entries)
        self._since, self._until = since, until
        self._witness = witness
        self.every_line = witness is not None and witness.every_line

    def around(self, step: str, push: Push) -> Push:
        if self._witness is not None:
            push = self._witness.around(step, push)
        if step not in self._entries:
            return push

        def within(item: Any) -> None:
            if not isinstance(item, Event) or self._since <= item.when <= self._until:
                push(item)

        return within
