"""The graph of a config, alive: every step a primed consumer behind an Inlet, closed parents first.

Nothing here reads a clock or a file. The outside hands in the time (`now`), each node's Memory, what to do
with an Alert (`put`) and whom to tell of a failure (`report`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from hashlib import blake2b
from itertools import chain
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from corowatch.core.config import Config, Step
from corowatch.core.coroutine import Broadcast, finish
from corowatch.core.errors import ConfigError, Mistake, StateRefused
from corowatch.core.events import Alert, Event, Goodbye, Here, Tick
from corowatch.core.flags import Flags
from corowatch.core.jobs import Jobs
from corowatch.core.kinds import Counts, Gate
from corowatch.core.memory import Memory
from corowatch.core.others import Others
from corowatch.core.pattern import Pattern
from corowatch.core.scan import Clock, ScanCounts, scan
from corowatch.engines import Cache, EveryLine, NoCache, engine_for
from corowatch.engines import Gate as Patterns
from corowatch.engines.foresight import Scouts

FAILURES, PERIOD = 3, 60.0
"""So many failures within so many seconds shut a node."""
FIRST_REST, LONGEST_REST = 60.0, 3600.0
"""Seconds that a shut node rests before it is tried again, the first time and at most."""

Sent = TypeVar("Sent")
Push: TypeAlias = Callable[[Any], object]


class Witness(Protocol):
    """Somebody who sees what is sent to each node."""

    every_line: bool
    """Whether lines are sent, too, of which it is known that nodes ignore them."""

    def around(self, step: str, push: Push) -> Push:
        """What sends to a node in place of `push`, and looks on."""


class Failure(msgspec.Struct, frozen=True):
    """A node raised `error` on `item`; `rests`: it is shut for so many seconds (0: it goes on)."""

    node: str
    item: object
    error: Exception
    rests: float = 0.0


class Inlet(Generic[Sent]):
    """The guarded way into one consumer: upstream never holds a raw generator.

    What the consumer raises is reported, and a fresh one goes on with the same Memory. After three failures
    in a minute it stays shut, and is tried again after a minute, doubling to an hour. Upstream never notices.
    """

    def __init__(self, make: Callable[[], Any], counts: Counts[Any], failed: Callable[[object, Exception, float], None],
                 now: Callable[[], float], seen_by: Callable[[Push], Push] = lambda push: push) -> None:
        self._make = make
        self._counts = counts
        self._told = failed
        self._now = now
        self._seen_by = seen_by
        self._failures: list[float] = []
        self._rest = FIRST_REST
        self.shut_until = 0.0
        self._open()

    def _open(self) -> None:
        self._consumer = self._make()
        self._push = self._seen_by(self._consumer.send)

    def send(self, item: Sent) -> None:
        """Hand `item` to the consumer. Never raises."""
        try:
            self._push(item)
        except Exception as error:  # noqa: BLE001 - whatever a node raises, the others go on
            self._fail(item, error)

    def _fail(self, item: object, error: Exception) -> None:
        self._counts["failed"] += 1
        now = self._now()
        self._failures = [at for at in self._failures if now - at < PERIOD] + [now]
        if len(self._failures) >= FAILURES:
            rest, self._rest = self._rest, min(2 * self._rest, LONGEST_REST)
            self._shut(now + rest)
            self._told(item, error, rest)
            return
        self._told(item, error, 0.0)
        self._again(now)

    def _again(self, now: float) -> None:
        try:
            self._open()
        except Exception as error:  # noqa: BLE001
            self._shut(now + self._rest)
            self._told(None, error, self._rest)

    def _shut(self, until: float) -> None:
        self.shut_until = until
        self._push = self._refuse

    def _refuse(self, item: object) -> None:
        self._counts["failed"] += 1

    def pass_time(self, now: float) -> None:
        """A shut consumer is tried again when its rest is over; a quiet hour makes the next rest short again."""
        if self.shut_until and now >= self.shut_until:
            self.shut_until = 0.0
            self._failures = []
            self._again(now)
        elif self._rest > FIRST_REST and not self.shut_until and now - (self._failures or [now])[-1] > LONGEST_REST:
            self._rest = FIRST_REST

    def finish(self) -> Goodbye:
        """Close the consumer and return its goodbye. Raises what its handler raises."""
        self._push = self._refuse
        return finish(self._consumer)


class Live(msgspec.Struct):
    """One step, alive."""

    step: Step
    memory: Memory[Any]
    counts: Counts[Any]
    outlets: dict[str, Broadcast[Any]]
    inlet: Inlet[Any]
    readers: dict[str, str]
    jobs: Jobs | None = None
    others: Others | None = None
    feeds: frozenset[str] = frozenset()
    ticked: float = 0.0


class Feed(msgspec.Struct):
    """One reader for all flows with equal sources: what it sends goes to `entry`.

    `name` is the fingerprint of those sources, the same in every run; `steps` are all of them.
    """

    name: str
    step: Step
    steps: tuple[str, ...]
    entry: Broadcast[Any]
    counts: ScanCounts
    clock: Clock | None = None
    scanner: Any = None
    engine: str = ""


class _Outbox:
    """Where the graph ends."""

    def __init__(self, put: Callable[[Alert], None]) -> None:
        self.send = put


class Closed(msgspec.Struct):
    """What closing one node gave: its goodbye, or the error that its handler raised."""

    node: str
    goodbye: Goodbye = msgspec.field(default_factory=dict)
    error: Exception | None = None


class Graph:
    """A config's nodes, primed and wired. Raises ConfigError, with nothing left open, if one cannot start.

    `memory(step id, fingerprint)` gives a node its Memory. With `before`, a running graph, a node whose kind,
    name and options did not change is taken over as it is; the others of `before` are closed by `take_over`.
    """

    def __init__(self, config: Config, *, put: Callable[[Alert], None], memory: Callable[[str, str], Memory[Any]],
                 report: Callable[[Failure], None], host: str, now: float, before: Graph | None = None,
                 cache: Cache | None = None, scouts: Scouts | None = None, witness: Witness | None = None) -> None:
        self.config = config
        self.now = now
        self._report = report
        self._host = host
        self._cache = cache or NoCache()
        self._scouts = scouts
        self._witness = witness
        self._put = put
        self._before = before
        self._flags: Flags = before._flags if before else Flags()
        self.nodes: dict[str, Live] = {}
        self.feeds: dict[str, Feed] = {}
        self._gather_feeds()
        mistakes: list[Mistake] = []
        steps = [step for step in config.steps.values() if step.kind.role == "node"]
        # What runs a user's function comes last: it should not hear of a config in which anything else is wrong.
        for runs_code in (False, True):
            if mistakes:
                break
            for step in steps:
                if step.kind.runs_code is not runs_code:
                    continue
                old = before.nodes.get(step.id) if before else None
                if old and fingerprint(old.step) == fingerprint(step) and old.step.kind is step.kind:
                    self.nodes[step.id] = old
                    continue
                try:
                    self.nodes[step.id] = self._start(step, memory)
                except StateRefused:
                    self.abandon()
                    raise
                except Exception as error:  # noqa: BLE001 - a user's node may raise anything while it is primed
                    why = f"{step.kind.name} does not start: {type(error).__name__}: {error}"
                    mistakes.append(Mistake(step.place, why))
        if mistakes:
            self.abandon()
            raise ConfigError(mistakes)
        self.nodes = {name: self.nodes[name] for name in config.steps if name in self.nodes}
        if before is None:
            self._wire()

    # --- building -------------------------------------------------------------------------------------

    def _gather_feeds(self) -> None:
        groups: dict[str, list[Step]] = {}
        for step in self.config.steps.values():
            if step.kind.role == "source":
                groups.setdefault(feed_of(step), []).append(step)
        for name, steps in groups.items():
            counts: ScanCounts = Counts(lines=0, cut=0, skewed=0)
            self.feeds[name] = Feed(name, steps[0], tuple(step.id for step in steps), Broadcast(), counts)
        self._feed_of = {name: feed.name for feed in self.feeds.values() for name in feed.steps}
        """By source, in the order of the feeds and of the config."""
        self._places = {name: place for place, name in enumerate(self._feed_of)}

    def _start(self, step: Step, memory: Callable[[str, str], Memory[Any]]) -> Live:
        kind = step.kind
        kept: Memory[Any] = Memory()
        if kind.memory:
            try:
                kept = memory(step.id, fingerprint(step)).proved(kind.remembers)
            except ValueError as error:
                raise StateRefused(f"what {step.id} remembers is damaged: {error}; nothing was changed") from error
        counts: Counts[Any] = Counts(dict.fromkeys((*kind.counters, "failed"), 0))
        outlets: dict[str, Broadcast[Any]] = {name: Broadcast() for name in kind.outlets}
        given: dict[str, Any] = {**step.options, **outlets}
        if kind.sends is Alert:
            given[kind.outlets[0]] = _Outbox(self._put)
        readers = self._readers(step)
        here = Here(step.flow, step.name, self._host, readers)
        jobs = Jobs() if kind.jobs else None
        others = Others() if kind.others else None
        handed = ((kind.memory, kept), (kind.counts, counts), (kind.here, here), (kind.flags, self._flags),
                  (kind.jobs, jobs), (kind.others, others))
        given |= {name: value for name, value in handed if name}

        def failed(item: object, error: Exception, rests: float) -> None:
            self._report(Failure(step.id, item, error, rests))

        def seen(push: Push) -> Push:
            return push if self._witness is None else self._witness.around(step.id, push)

        inlet: Inlet[Any] = Inlet(lambda: kind.start(**given), counts, failed, lambda: self.now, seen)
        return Live(step, kept, counts, outlets, inlet, readers, jobs, others)

    def _readers(self, step: Step) -> dict[str, str]:
        """Under which name this step's flow knows each reader upstream of it."""
        return {self._feed_of[name]: name for name in sorted(self._sources(step), key=self._places.__getitem__)}

    def _sources(self, step: Step) -> Iterator[str]:
        if step.kind.role == "source":
            yield step.id
        for way in step.inputs:
            yield from self._sources(self.config.steps[way.step])

    def _wire(self) -> None:
        """Lead every outlet to the inlets behind it, and every feed through its scanner."""
        ways: dict[tuple[str, str], list[Inlet[Any]]] = {}
        for step in self.config.steps.values():
            for way in step.inputs:
                ways.setdefault((way.step, way.outlet), []).append(self.nodes[step.id].inlet)
        for live in self.nodes.values():
            live.feeds = frozenset(self._feed_of[name] for name in self._sources(live.step))
            if live.others is not None:
                live.others.patterns = tuple(self._wanted_beside(live.step, live.feeds))
            for name, outlet in live.outlets.items():
                outlet.lead_to(ways.get((live.step.id, name), ()))
        for feed in self.feeds.values():
            self._lead(feed)

    def _wanted_beside(self, step: Step, feeds: frozenset[str]) -> Iterator[Pattern]:
        """What steps look for that are the first behind the sources of a step, and do not lead to it."""
        before = set(self._ways_to(step))
        sources = {name for feed in feeds for name in self.feeds[feed].steps}
        for other in self.config.steps.values():
            if other.id not in before and any(way.step in sources for way in other.inputs):
                yield from _wanted(other)

    def _ways_to(self, step: Step) -> Iterator[str]:
        yield step.id
        for way in step.inputs:
            yield from self._ways_to(self.config.steps[way.step])

    @cached_property
    def _led(self) -> set[tuple[str, str]]:
        """The outlets that lead somewhere."""
        return {(way.step, way.outlet) for step in self.config.steps.values() for way in step.inputs}

    def _lead(self, feed: Feed) -> None:
        behind = [step for step in self.config.steps.values() for way in step.inputs if way.step in feed.steps]
        inlets = [self.nodes[step.id].inlet for step in behind]
        if feed.step.kind.sends is Event:
            feed.entry.lead_to(inlets)
            return
        joined = feed.step.options.get("multiline") is not None
        gates = [self.gate(step) for step in behind]
        every_line = self._witness is not None and self._witness.every_line
        engine = EveryLine(gates) if every_line else engine_for(
            gates, self._cache, joined=joined, scouts=self._scouts)
        feed.engine = engine.name
        feed.clock = Clock(feed.step.options.get("timestamp", "auto"), feed.counts, feed.step.options.get("zone"))
        feed.scanner = scan(inlets, engine=engine, clock=feed.clock, counts=feed.counts)
        feed.entry.lead_to([feed.scanner])

    def gate(self, step: Step) -> Patterns | None:
        """The patterns without one of which the step ignores a line and sends nothing; None: it wants every line."""
        if any((step.id, outlet) in self._led for outlet in step.kind.outlets[1:]):
            return None
        return tuple(_wanted(step)) or None

    # --- running --------------------------------------------------------------------------------------

    def tick(self, now: float, clocks: Mapping[str, float], pace: float = 1.0) -> None:
        """It is `now`, and each feed of `clocks` is read up to its time; each node hears the least of its feeds', if it
        is later by `pace` (seconds) than the one before."""
        self.now = max(self.now, now)
        for live in self.nodes.values():
            live.inlet.pass_time(self.now)
            if live.step.kind.takes_ticks:
                at = min(clocks.get(name, now) for name in live.feeds)
                if at >= live.ticked + pace:
                    live.ticked = at
                    live.inlet.send(Tick(at))

    def close(self) -> Iterator[Closed]:
        """Close every node exactly once, parents before children, so that a flush finds its target open."""
        yield from _close(self.nodes.values())

    # --- reloading ------------------------------------------------------------------------------------

    def _fresh(self) -> list[Live]:
        old = set(map(id, self._before.nodes.values())) if self._before else set()
        return [live for live in self.nodes.values() if id(live) not in old]

    def abandon(self) -> None:
        """Close what was primed for this graph alone; the one before goes on untouched."""
        for _ in _close(self._fresh()):
            pass

    def take_over(self) -> Iterator[Closed]:
        """Go live in place of the graph before: feeds and unchanged nodes stay, the other old nodes are closed."""
        before, self._before = self._before, None
        assert before is not None
        kept = set(map(id, self.nodes.values()))
        for name in self.feeds.keys() & before.feeds.keys():
            self.feeds[name].entry, self.feeds[name].counts = before.feeds[name].entry, before.feeds[name].counts
        # The old ones flush while their own ways are still laid; only then is everything led anew.
        yield from _close([live for live in before.nodes.values() if id(live) not in kept])
        for live in self.nodes.values():
            live.step = self.config.steps[live.step.id]  # the same node, perhaps with other neighbours
            readers = self._readers(live.step)
            live.readers.clear()
            live.readers.update(readers)
        self._wire()
        for name, feed in self.feeds.items():
            old = before.feeds.get(name)
            if old and old.clock and feed.clock:
                feed.clock.at = old.clock.at
                old.scanner.close()  # nothing leads to it any more, and who scans for it is to be free


def _wanted(step: Step) -> Iterator[Pattern]:
    """The patterns without one of which a step ignores a line, where it has such."""
    return chain.from_iterable(step.options[name] for name, option in step.kind.options.items()
                               if Gate in option.markers)


def _close(nodes: Iterable[Live]) -> Iterator[Closed]:
    for live in nodes:
        try:
            goodbye = live.inlet.finish()
        except Exception as error:  # noqa: BLE001 - one handler that fails must not keep the rest open
            live.counts["failed"] += 1
            yield Closed(live.step.id, {}, error)
        else:
            yield Closed(live.step.id, goodbye)


def feed_of(step: Step) -> str:
    """The name of the feed that a source has a part in."""
    return f"{step.kind.name}:{fingerprint(step)}"


def fingerprint(step: Step) -> str:
    """Equal for two steps of one kind with equal options: state is kept under it.

    Options at their defaults are left out, so that a kind may grow one without forgetting.
    """
    chosen = sorted((name, value) for name, value in step.options.items()
                    if value != step.kind.options[name].default)
    told = repr((step.kind.name, chosen))
    return blake2b(told.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()


