"""The pump: one thread that owns all files, all generators and the write side of the store.

    step()   take what woke us, look, read and send, tick, commit: one full turn, no waiting in it
    run()    step, then wait for the next wake-up, signal or second

Signal handlers and the other threads only put a note into the inbox (`SimpleQueue.put` is safe in a handler,
`Queue.put` is not: python/cpython#59181). When the outermost `send` returns the lines have been dealt with,
and only then their positions are committed, together with every effect they had.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import queue
import resource
import secrets
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any

import msgspec

import corowatch
from corowatch import tables
from corowatch.cache import DiskCache
from corowatch.checks import Checks
from corowatch.core.config import Config
from corowatch.core.errors import ConfigError
from corowatch.core.events import Alert, Event, Severity, rfc3339
from corowatch.core.graph import Closed, Failure, Graph, Live, fingerprint
from corowatch.core.jobs import Answer, Jobs
from corowatch.core.text import capped, many, safe
from corowatch.courier import Courier
from corowatch.log import log
from corowatch.notify import Notify
from corowatch.scout import Scouts
from corowatch.slices import ask_for_short
from corowatch.sources import Source, read_first
from corowatch.sources.corowatch import INTERNAL
from corowatch.store import Change, Store, write_whole
from corowatch.summary import Ledger, Table, sources_told
from corowatch.terminal import unread
from corowatch.watch import Watch

GLANCE, SEARCH = 1.0, 5.0
"""Seconds between two looks at the known files, and between two searches for others."""
WATCHED = 15.0
"""The same for both, where notifications tell of every change."""
TURN = 0.2
"""Seconds of reading after which a turn is committed."""
COMMIT = 0.25
"""Seconds that changes without an alert may wait for their commit."""
MUCH = 4096
"""Keys and lines of one step that wait for it at most: what is not written takes five times the room."""
GULP = 0.005
"""Seconds that a busy writer is left alone between two reads; an idle one is read at once."""
AFTER = 2.0
"""Seconds that an alert waits for the lines after it."""
LAST_READ = 1.0
"""Seconds of reading at the end."""
DELIVER = 10.0
"""Seconds that couriers are given at the end."""
STEP = 10.0
"""Seconds that the wall clock may differ from what was expected before it counts as stepped."""
ORDINARY = frozenset({"started", "reloaded", "stopping"})
"""Internal events of ordinary life: told to the log and to flows that ask for them."""
SEVERITY: Mapping[str, Severity] = {"lost": "error", "shut": "error", "refused": "error", "config": "error"}
UNREADABLE = 5
"""Files that cannot be read of which the sinks are told in a run; of all the log is."""
HUSH = 3600.0
"""Seconds in which each trouble of a sink is told of once."""

END_OF_OUTPUT = "end of output"


class Stop(msgspec.Struct, frozen=True):
    """A signal asks to stop."""

    reason: str


class Reload(msgspec.Struct, frozen=True):
    """SIGHUP asks for the config to be read again."""


class Show(msgspec.Struct, frozen=True):
    """SIGUSR1 asks how things stand."""


class Reopen(msgspec.Struct, frozen=True):
    """SIGUSR2, with which other programs are asked to open their log anew."""


class Wake(msgspec.Struct, frozen=True):
    """Something changed: look."""


class Answered(msgspec.Struct, frozen=True):
    """A job that a step had asked for came to its end."""

    jobs: Jobs
    number: int
    status: int | None
    said: str


class Told(msgspec.Struct, frozen=True):
    """A courier has something to tell."""

    event: str
    fields: Mapping[str, Any] = msgspec.field(default_factory=dict)


Note = Stop | Reload | Show | Reopen | Wake | Told | Answered


class WallClock:
    """The wall clock as the graph sees it: it never runs backwards, and a step is told.

    `steady` is the clock that nobody sets; it goes on while the machine sleeps, which is no step.
    """

    def __init__(self, stepped: Callable[[float], None], wall: Callable[[], float] = time.time,
                 steady: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)) -> None:
        self._stepped = stepped
        self._wall, self._steady = wall, steady
        self._anchor = (wall(), steady())
        self._last = self._anchor[0]
        self._ahead = 0.0

    def read(self) -> float:
        """Seconds since the epoch. After a step back it goes on from where it was, at the steady clock's pace."""
        wall, steady = self._wall(), self._steady()
        step = wall - (self._anchor[0] + steady - self._anchor[1])
        if abs(step) > STEP:
            self._anchor = (wall, steady)
            self._ahead = max(0.0, self._ahead - step)
            self._stepped(step)
        self._last = max(self._last, wall + self._ahead)
        return self._last


class Daemon:
    """One run. `load` reads the config (ConfigError); `store` is the state, which the caller closes."""

    def __init__(self, load: Callable[[], Config], store: Store, *, once: bool = False, start: str | None = None,
                 deliver: float | None = None, notify: Notify | None = None, for_reader: bool = False) -> None:
        self._load = load
        self._store = store
        self._cache = DiskCache(store.folder / "cache")
        self._scouts = Scouts()
        self._once = once
        self._for_reader = for_reader  # there is no sense in it once nobody reads its output
        self._start = "beginning" if once else start
        self._deliver = DELIVER if deliver is None else deliver
        self._notify = notify or Notify()
        self._host = socket.gethostname()
        self._package = _package()
        self._run_id = secrets.token_hex(8)
        self._told = 0
        self._unreadable: set[str] = set()
        self._missing: set[str] = set()
        """Paths of which was told that there was nothing when their source began."""
        self._hushed: dict[tuple[str, str], float] = {}
        self._late_told: dict[str, float] = {}
        self._awaiting: list[tuple[float, Alert]] = []
        """Alerts whose lines after them have not come yet, and until when (monotonic seconds) they wait."""
        self.inbox: queue.SimpleQueue[Note] = queue.SimpleQueue()
        self._checks = Checks(lambda jobs, job, status, said: self.inbox.put(Answered(jobs, job.number, status, said)))
        self._asked: dict[Jobs, int] = {}
        """So many jobs are not answered yet."""
        self._clock = WallClock(self._stepped)
        self._watch = Watch(self._wake)
        self.ledger = Ledger()
        self.sources: dict[str, Source] = {}
        self.couriers: dict[str, Courier] = {}
        self.graph: Graph
        self._remembering: list[Live] = []
        """The steps of the graph that keep a Memory."""
        self.stopping: str | None = None
        self._hurry = False
        self._reload = self._show = False
        self._failing = False
        self._more = False
        """Whether a turn ended before all was read: when all is, it is later by as much."""
        self._handler_failed = False
        self._dirty = False
        self._committed = self._glanced = self._searched = self._swept = self._ticked = self._pruned = 0.0
        self._watched: set[str] = set()
        """The sources of which notifications tell every change."""
        self._told_status = self._told_trouble = ""
        self._left: dict[str, Mapping[str, int]] = {}
        """Of each source, the bytes that were found and not dealt with, before this run and after it."""
        self._standing: dict[str, Mapping[str, int]] = {}
        self._started = 0.0
        self.told: dict[str, Any] = {}
        """The summary, once it is closed."""
        self._totals_before = self._totals()

    # --- beginning ------------------------------------------------------------------------------------

    def begin(self, config: Config | None = None) -> None:
        """Build the graph of a config that was loaded just now, else of one that is loaded here, take up the positions,
        tell READY. Raises ConfigError, with nothing started."""
        self._clock = WallClock(self._stepped)  # anew: the machine's clock may have been set since
        now = self._started = self._clock.read()
        # The pump must not wait a whole interval for the lock after each system call of a commit.
        sys.setswitchinterval(0.0005)
        if not self._once:
            ask_for_short()
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(OSError, ValueError):  # a unit's filter of system calls may not let us
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # each followed file is kept open
        gc.disable()  # nearly all that is made now stays
        try:
            self.graph = Graph(config or self._load(), put=self._put, memory=self._store.memory, report=self._failed,
                               host=self._host, now=now, cache=self._cache, scouts=self._scouts)
        finally:
            gc.freeze()  # what stays need not be looked through, now or again
            gc.enable()
        self._go_live(self._open_new(self.graph, now))
        self._write()
        self._hand_over()
        self._notify.forget_others()
        self._settle_couriers()
        self._glanced = now
        self._searched = 0.0 if self._refresh_watch() else now  # what came before it was watched, nobody was told of
        gc.freeze()
        log.info("daemon.started", flows=len({step.flow for step in self.graph.config.steps.values()}),
                 sinks=len(self.couriers), watching=self._watch.watching, state=str(self._store.folder))
        self.tell("started", "corowatch started")
        self._told_status = self._status()
        self._notify.ready(self._told_status)

    def _hand_over(self) -> None:
        """Have the descriptors of what is followed kept, so that a file without a name outlasts a crash."""
        for source in self.sources.values():
            self._notify.keep(source.descriptors())

    def _open_new(self, graph: Graph, now: float) -> dict[str, tuple[Source, Mapping[str, Any]]]:
        """The sources of `graph` that are not open yet, opened, each with the positions it began at.

        Raises what they raise, with none left open.
        """
        opened: dict[str, tuple[Source, Mapping[str, Any]]] = {}
        held: dict[str, int] = {}
        try:
            # What a source that goes now has open may be read on by the one that comes in its place.
            held = self._notify.inherited | {key: os.dup(fd) for name in self.sources.keys() - graph.feeds.keys()
                                             for key, fd in self.sources[name].holds().items()}
            for name in graph.feeds.keys() - self.sources.keys():
                feed = graph.feeds[name]
                source: Source = feed.step.kind.start(target=feed.entry, **feed.step.options)
                saved = self._store.positions(name, feed.steps)
                opened[name] = source, saved or {}
                source.inherit({key: held.pop(key) for key in held.keys() & (saved or {}).keys()})
                # A source that has run before, and found nothing then, begins a new file at its beginning.
                start = self._start if saved is None else "beginning"
                source.open(saved or {}, reader=name, start=start, tell=self.tell, wake=self._wake, now=now,
                            once=self._once)
        except Exception:
            for source, _ in opened.values():
                source.close()
            raise
        finally:
            self._notify.inherited = {}
            for descriptor in held.values():
                os.close(descriptor)
        return opened

    def _go_live(self, opened: Mapping[str, tuple[Source, Mapping[str, Any]]]) -> None:
        """Make sources, counters and, with the next commit, the state those of the graph."""
        feeds, nodes = self.graph.feeds, self.graph.nodes.values()
        self._remembering = [live for live in nodes if live.step.kind.memory]
        for name in self.sources.keys() - feeds.keys():
            gone = self.sources.pop(name)
            gone.close()
            self._notify.keep(gone.descriptors())
        self.sources.update((name, source) for name, (source, _) in opened.items())
        self._tell_missing(path for source, _ in opened.values() for path in source.missing)
        for name, feed in feeds.items():
            self.ledger.add("source", name, feed.counts)
            self.ledger.add("source", name, self.sources[name].counts)
        for live in nodes:
            self.ledger.add("node", live.step.id, live.counts)
        self._store.go_live({step: name for name, feed in feeds.items() for step in feed.steps},
                            {live.step.id: fingerprint(live.step) for live in nodes},
                            {name: saved for name, (_, saved) in opened.items()})

    def _tell_missing(self, paths: Iterable[str]) -> None:
        """Say once of each path that there is nothing: it may be misspelled."""
        for path in dict.fromkeys(path for path in paths if path not in self._missing):
            self._missing.add(path)
            log.warning("source.missing", path=path, why="there is no such file, so nothing is read" if self._once else
                        "there is no such file yet; it is followed once it appears")

    def _settle_couriers(self) -> None:
        wanted = self.graph.config.sinks
        stopped: dict[str, Courier] = {}
        for name, courier in list(self.couriers.items()):
            use = wanted.get(name)
            if use is None or (use.kind, use.options) != (courier.use.kind, courier.use.options):
                courier.stop()
                stopped[name] = self.couriers.pop(name)
        for name, use in wanted.items():
            if name not in self.couriers:
                self.couriers[name] = Courier(use, self._store, self._courier_told, stopped.get(name))
        for name, rows in self._store.standing().items():
            if name not in wanted and rows.get("waiting"):
                log.warning("outbox.stranded", sink=name, count=rows["waiting"],
                            why="the config has no such sink any more; give it one of that name again, or take them "
                                f"out with corowatch outbox drop --sink {name}")

    def _courier_told(self, event: str, **fields: Any) -> None:
        self.inbox.put(Told(event, fields))

    def _wake(self) -> None:
        self.inbox.put(Wake())

    def _refresh_watch(self) -> bool:
        """Watch what the sources want to be watched; whether something may have been missed meanwhile. Who reads to the
        present end alone waits for nothing."""
        each = {name: {} if self._once else source.directories() for name, source in self.sources.items()}
        wanted: dict[str, bool] = {}
        for directories in each.values():
            for path, below in directories.items():
                wanted[path] = wanted.get(path, False) or below
        anew = self._watch.refresh(wanted)
        self._watched = {name for name, source in self.sources.items()
                         if self._watch.covers(each[name]) and not source.trouble}
        return anew

    # --- one turn -------------------------------------------------------------------------------------

    def step(self) -> bool:
        """One full turn, without waiting; whether there is more to do at once."""
        now = self._clock.read()
        self._take_notes()
        if self._reload:
            self._reload = False
            self.reload(now)
        if self._show:
            self._show = False
            self._tell_standing(now)
        self._look(now)
        more = self._read_turn(now)
        now = self._clock.read()
        if more or self._more or now - self._ticked >= 1.0:
            self._ticked = now
            self._tick(now)
        self._more = more
        if self._store.urgent or (self._dirty and now - self._committed >= COMMIT) or self._failing or self._much:
            self._commit(now)
        if self._awaiting and not self._store.urgent:
            self._complete()
        self._give_jobs()
        return more and not self._failing

    def _take_notes(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(self.inbox.get_nowait())

    def _take(self, note: Note) -> None:
        if isinstance(note, Stop):
            self._hurry = self.stopping is not None
            self.stopping = self.stopping or note.reason
        elif isinstance(note, Reload):
            self._reload = True
        elif isinstance(note, Show):
            self._show = True
        elif isinstance(note, Reopen):
            log.info("signal.ignored", signal="SIGUSR2", why="there is no log file to reopen: the log goes to standard "
                     "error, and what a `file` sink writes is opened anew when it was rotated; SIGHUP reads the config")
        elif isinstance(note, Told):
            self._take_told(note)
        elif isinstance(note, Answered):
            self._take_answer(note)

    def _take_answer(self, note: Answered) -> None:
        """Send the answer to who asked, if it is still there."""
        for live in self.graph.nodes.values():
            if live.jobs is note.jobs:
                self._asked[note.jobs] -= 1
                self._dirty = True
                live.inlet.send(Answer(note.number, self._clock.read(), note.status, note.said))

    def _give_jobs(self) -> None:
        """Have what steps ask for run."""
        for live in self.graph.nodes.values():
            if live.jobs is not None and live.jobs.waiting:
                self._asked[live.jobs] = self._asked.get(live.jobs, 0) + self._checks.give(live.jobs)

    def _take_told(self, note: Told) -> None:
        if note.event == "state.lost":
            raise note.fields["error"]
        sink = str(note.fields.get("sink", ""))
        if note.event == "alert.delivered":
            log.debug(note.event, **note.fields)
            return
        if note.event == "alert.refused" and self._for_reader and self._is_console(sink):
            self._end_output(str(note.fields.get("why", "")))
            return
        log.info(note.event, **note.fields) if note.event == "sink.recovered" else log.warning(
            note.event, **note.fields)
        if note.event == "alert.refused" and not self._is_hushed("refused", sink, self._clock.read()):
            why = str(note.fields.get("why", ""))
            self.tell("refused", f"sink {sink} refused an alert: {why}; see corowatch outbox", sink=sink, why=why)

    def _is_console(self, sink: str) -> bool:
        use = self.graph.config.sinks.get(sink)
        return use is not None and use.kind.name == "console"

    def _end_output(self, why: str) -> None:
        """Nobody reads any more: end, without waiting for anything. Said once, however many alerts there are."""
        if self.stopping != END_OF_OUTPUT:
            log.warning("output.closed", why=why)
        self.stopping, self._hurry = END_OF_OUTPUT, True

    def _look(self, now: float) -> None:
        woken = self._watch.take()
        overflowed = self._watch.overflowed()
        if overflowed or now - self._searched >= SEARCH:
            self._searched = self._glanced = now
            everything = self._refresh_watch() or overflowed or now - self._swept >= WATCHED
            if everything:
                self._swept = now
            for name, source in self.sources.items():
                if everything or name not in self._watched or source.hidden:
                    self._guarded(source.look, now, None)
            self._look_at_tables()
            self._mend_couriers()
            self._tell_status()
        elif now - self._glanced >= GLANCE:
            self._glanced = now
            for name, source in self.sources.items():
                if name not in self._watched or source.hidden:
                    self._guarded(source.glance, now)
        if woken:
            for source in self.sources.values():
                self._guarded(source.look, now, woken)

    def _guarded(self, look: Callable[..., None], *given: Any) -> None:
        """Look; what a file system answers in a bad moment must not end the daemon. The next look is soon."""
        try:
            look(*given)
        except OSError as error:
            log.warning("source.failed", why=str(error))

    def _look_at_tables(self) -> None:
        """Read again what changed of the files that are looked up; of one that is wrong, what it said before counts."""
        for path, rows, why, left_out in tables.look():
            if left_out:
                self.tell("unreadable", left_out, path=path, why=left_out)
            if why:
                text = f"{why}; what it said before counts on ({many(rows, 'row')})"
                self.tell("unreadable", text, path=path, why=why)
            else:
                log.info("table.reloaded", path=path, rows=rows)

    def _mend_couriers(self) -> None:
        """A courier whose thread has died is replaced."""
        for name, courier in self.couriers.items():
            if not courier.alive:
                log.error("sink.died", sink=name)
                self.couriers[name] = Courier(courier.use, self._store, self._courier_told)

    def _read_turn(self, now: float, limit: float = TURN) -> bool:
        """Read what there is, earliest first, until an alert is to be committed; whether there is more."""
        until = time.monotonic() + limit
        while not self._failing and read_first(self.sources.values(), now):
            self._dirty = True
            if (self._store.urgent or time.monotonic() >= until or self.stopping is not None or self._reload
                    or self._much):
                return any(source.behind for source in self.sources.values())
            now = self._clock.read()
        return False

    @property
    def _much(self) -> bool:
        """Whether so much changed that it is to be written now."""
        return any(live.memory.unwritten >= MUCH for live in self._remembering)

    def _tick(self, now: float) -> None:
        clocks = {}
        for name, source in self.sources.items():
            source.pass_time(now)
            clock = self.graph.feeds[name].clock
            clocks[name] = source.time(now) if clock is None else clock.at if source.behind else now
        self.graph.tick(now, clocks)
        self._dirty = True
        if not self._failing and now - self._pruned >= HUSH:
            self._pruned = now
            try:
                self._store.prune(now)
            except sqlite3.Error as error:
                log.warning("state.not_pruned", why=str(error))
        self._tell_behind(now)

    def _tell_behind(self, now: float) -> None:
        for sink in self._store.folding & self.couriers.keys():
            if not self._is_hushed("folded", sink, now):
                self.tell("folded", f"sink {sink} is behind: {self._store.waiting(sink):,} alerts wait, and further "
                          "ones of one step and key become one with a count; beyond twice as much those of one step "
                          "do, whatever their key", sink=sink)

    def _is_hushed(self, kind: str, sink: str, now: float) -> bool:
        """Whether this trouble of a sink was told a short while ago; if not, it is told now."""
        hushed = now - self._hushed.get((kind, sink), -HUSH) < HUSH
        if not hushed:
            self._hushed[kind, sink] = now
        return hushed

    def _commit(self, now: float) -> None:
        """Write the turn, whole or not at all. If that fails it stays in memory, and nothing is read meanwhile."""
        self._committed, self._dirty = now, False
        try:
            self._write()
        except sqlite3.Error as error:
            if not self._failing:
                self._failing = True
                log.error("state.unwritable", why=str(error), state=str(self._store.path))
                self._tell_status()
            return
        if self._failing:
            self._failing = False
            log.info("state.writable", state=str(self._store.path))
            self._tell_status()

    def _write(self) -> None:
        """Commit what changed, if anything did. Raises sqlite3.Error."""
        positions = [(name, key, state) for name, source in self.sources.items() for key, state in source.changes()]
        memories = [(live.step.id, live.memory) for live in self._remembering if live.memory.changed]
        changes = list(self.ledger.changes())
        if not (positions or memories or changes or self._store.urgent):
            return
        sinks = self._store.commit(positions, memories, changes)
        self.ledger.written()
        self._tell_late(changes)
        self.ledger.keep([*(feed.counts for feed in self.graph.feeds.values()),
                          *(source.counts for source in self.sources.values()),
                          *(live.counts for live in self.graph.nodes.values())])
        for source in self.sources.values():
            source.written()
        self._hand_over()
        for sink in sinks & self.couriers.keys():
            self.couriers[sink].wake()

    def _tell_late(self, changes: Iterable[Change]) -> None:
        """Lines that come too late for a step are not used: say so, once in a while."""
        now = self._clock.read()
        for change in changes:
            if change.counter == "late" and now - self._late_told.get(change.name, -HUSH) >= HUSH:
                self._late_told[change.name] = now
                log.warning("node.late", node=change.name, events=change.by,
                            why="older than the newest by more than `lateness`, so not used; "
                                "are the clocks of their writers apart?")

    # --- the lines around an alert --------------------------------------------------------------------

    def _put(self, alert: Alert) -> None:
        """Take an alert from the graph, with the lines beside its own; those after it may still have to come."""
        around = alert.around
        source = self.sources.get(around.reader) if around else None
        if not around or not source:
            self._store.put(alert)
            return
        alert.before = source.lines_before(around.key, around.place, around.before)
        lines = source.lines_after(around.key, around.place, around.after, around.own) if around.after else None
        alert.after = lines or []
        if lines is None or len(lines) >= around.after:
            self._store.put(alert)
            return
        # Durable at once, so that it leaves, a little later, even if we are not there when its lines have come.
        self._store.put(alert, due=time.time() + 2 * AFTER)
        self._awaiting.append((time.monotonic() + AFTER, alert))

    def _complete(self, *, at_once: bool = False) -> None:
        """Let the alerts leave whose lines have come, or whose time is over."""
        waiting, self._awaiting = self._awaiting, []
        for until, alert in waiting:
            around = alert.around
            assert around is not None
            source = self.sources.get(around.reader)
            lines = source.lines_after(around.key, around.place, around.after, around.own) if source else None
            if lines is not None and len(lines) < around.after and time.monotonic() < until and not at_once:
                self._awaiting.append((until, alert))
                continue
            try:
                self._store.complete(alert.id, lines or [])
            except sqlite3.Error as error:  # it leaves all the same, in a moment
                log.warning("state.unwritable", why=str(error), state=str(self._store.path))
            for sink in self.couriers.keys() & set(alert.to):
                self.couriers[sink].wake()

    # --- what went wrong inside -----------------------------------------------------------------------

    def tell(self, kind: str, text: str, **fields: Any) -> None:
        """An internal event: to the log, to flows that take it, else to every declared sink if it is trouble.

        Trouble with a sink goes to the others: that one would refuse it, too.
        """
        ordinary = kind in ORDINARY
        if not ordinary:
            log.warning(f"corowatch.{kind}", why=text, **{k: v for k, v in fields.items() if k != "why"})
        if kind not in INTERNAL:
            return
        now = self._clock.read()
        listeners = [source for source in self.sources.values() if kind in source.hears]
        for source in listeners:
            source.tell(kind, text, now, fields)
        sinks = tuple(name for name in self.graph.config.declared if name != fields.get("sink"))
        if listeners or ordinary or not sinks:
            return
        self._told += 1
        id_ = f"{self._run_id}.{self._told}"
        if kind == "unreadable":  # the same id all day, so that restarts do not repeat it
            id_ = f"unreadable.{blake2b(f'{text} {rfc3339(now)[:10]}'.encode(), digest_size=8).hexdigest()}"
            self._unreadable.add(id_)
            if len(self._unreadable) > UNREADABLE:
                return
        self._store.put(Alert(
            id=id_, flow="corowatch", node=kind, title=capped(safe(text)), at=rfc3339(now),
            severity=SEVERITY.get(kind, "warning"), fields={"kind": kind, **fields}, host=self._host, to=sinks,
            events=[{"source": "corowatch", "file": "", "offset": self._told, "at": rfc3339(now), "text": text}]))

    def _failed(self, failure: Failure) -> None:
        place = {}
        if isinstance(failure.item, Event):
            place = {"file": failure.item.origin.file, "offset": failure.item.place}
        log.error("node.failed", node=failure.node, **place, exc_info=failure.error)
        if failure.rests:
            self.tell("shut", f"{failure.node} failed three times in a minute and is shut for "
                      f"{failure.rests:g} s: {type(failure.error).__name__}: {failure.error}",
                      node=failure.node, why=str(failure.error), seconds=failure.rests)

    def _stepped(self, by: float) -> None:
        for courier in self.couriers.values():
            courier.clock_was_set()
        for source in self.sources.values():
            source.clock_was_set(max(0.0, by))  # when set back, our time goes on from where it was
        self.tell("clock", f"the wall clock was set {'ahead' if by > 0 else 'back'} by {abs(by):.0f} s", seconds=by)

    # --- running --------------------------------------------------------------------------------------

    def run(self) -> int:
        """Step until a signal, or the end of all sources; then close. Gives the exit status."""
        alive = 0.0
        while self.stopping is None:
            began = time.monotonic()
            more = self.step()
            if self._notify.watchdog and began - alive >= self._notify.watchdog / 2:
                alive = began
                self._notify.alive()
            if self._for_reader and unread(sys.stdout) and any(map(self._is_console, self.couriers)):
                self._end_output("nobody reads standard output any more")
            if self.stopping is None and not more:
                if self._at_end():
                    self.stopping = "end of input"
                    break
                self._wait(began)
        return self.close(self.stopping)

    def _at_end(self) -> bool:
        for source in self.sources.values():
            source.pass_time(self._clock.read())
        if any(source.behind or source.waiting for source in self.sources.values()) or any(self._asked.values()):
            return False
        if self._once:
            return all(source.ended or source.endless for source in self.sources.values())
        # With none but its own events to hear, it would never have anything to do.
        return all(source.ended for source in self.sources.values() if not source.endless) and not any(
            source.endless for source in self.sources.values())

    def _wait(self, began: float) -> None:
        pause = 1.0
        if self._dirty:
            pause = max(0.001, self._committed + COMMIT - self._clock.read())
        if self._notify.watchdog:
            pause = min(pause, self._notify.watchdog / 4)
        if self._awaiting:
            pause = min(pause, max(0.001, self._awaiting[0][0] - time.monotonic()))
        try:
            self._take(self.inbox.get(timeout=pause))
        except queue.Empty:
            return
        left = GULP - (time.monotonic() - began)
        if left > 0:
            time.sleep(left)

    def handle_signals(self, *, reloads: bool = True) -> None:
        """SIGTERM and SIGINT stop, SIGHUP reloads, or stops where a terminal closed, SIGUSR1 tells how things stand;
        handlers only leave a note."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, frame: self.inbox.put(Stop(signal.Signals(number).name)))
        if reloads:
            signal.signal(signal.SIGHUP, lambda number, frame: self.inbox.put(Reload()))
        signal.signal(signal.SIGUSR1, lambda number, frame: self.inbox.put(Show()))
        signal.signal(signal.SIGUSR2, lambda number, frame: self.inbox.put(Reopen()))

    def _status(self) -> str:
        flows = len({step.flow for step in self.graph.config.steps.values()})
        told = [many(flows, "flow"), many(sum(s.counts.get("files", 0) for s in self.sources.values()), "file")]
        lost = sum(source.counts.get("bytes_lost", 0) for source in self.sources.values())
        return ", ".join([*told, *([f"{many(lost, 'byte')} lost"] if lost else []),
                          *(["the state cannot be written: reading is paused"] if self._failing else []),
                          *([self._watch.trouble] if self._watch.trouble else [])])

    def _tell_status(self) -> None:
        """What `systemctl status` shows, when it changes; and that notifications do not work, once."""
        status, trouble = self._status(), self._watch.trouble
        if status != self._told_status:
            self._told_status = status
            self._notify.status(status)
        if trouble != self._told_trouble:
            self._told_trouble = trouble
            if trouble:
                log.warning("notifications.trouble", why=f"{trouble}; files are looked at every second")

    # --- reloading ------------------------------------------------------------------------------------

    def reload(self, now: float) -> None:
        """Read the config again. If anything is wrong with it the old one goes on, and the log says what."""
        self._notify.reloading()
        self._commit(now)
        if self._failing:  # the positions saved are not those of what was read
            self._refuse(now, "the state cannot be written")
            return
        if _package() != self._package:  # what is imported now would be of another version than what runs
            self._refuse(now, "corowatch itself was replaced since it began; restart it")
            return
        try:
            graph = Graph(self._load(), put=self._put, memory=self._store.memory, report=self._failed,
                          host=self._host, now=now, before=self.graph, cache=self._cache,
                          scouts=self._scouts)
        except ConfigError as error:
            for mistake in error.mistakes:
                log.error("config.mistake", place=str(mistake.place), what=mistake.what)
            self._refuse(now, f"{error.mistakes[0].place}: {error.mistakes[0].what}", str(error))
            return
        except Exception as error:  # noqa: BLE001 - as when the package was replaced, and what is imported now is another's
            log.error("config.failed", exc_info=error)
            self._refuse(now, f"{type(error).__name__}: {error}")
            return
        try:
            opened = self._open_new(graph, now)
        except Exception as error:  # noqa: BLE001 - whatever a source raises, the old ones go on
            graph.abandon()
            self._refuse(now, str(error))
            return
        closed = list(graph.take_over())
        self.graph = graph
        wanted = [live.jobs for live in graph.nodes.values() if live.jobs is not None]
        self._checks.keep(wanted)
        self._asked = {jobs: count for jobs, count in self._asked.items() if jobs in wanted}
        self._go_live(opened)
        self._commit(now)  # with it, what the closed ones flushed
        self._settle_couriers()
        for one in closed:
            self._tell_closed(one)
        self._searched = self._swept = 0.0
        log.info("config.reloaded", closed=len(closed))
        self.tell("reloaded", "the config was reloaded")
        self._outcome(now, "")
        self._notify.ready(self._status())

    def _refuse(self, now: float, why: str, mistakes: str = "") -> None:
        """Tell that the old config goes on."""
        self.tell("config", f"the config was refused, the old one goes on: {why}", why=why)
        self._outcome(now, mistakes or why)
        self._notify.ready(f"the new config was refused; the old one goes on: {self._status()}")

    def _outcome(self, now: float, mistakes: str) -> None:
        """Leave word for `corowatch reload`, which waits for it."""
        with contextlib.suppress(OSError):
            write_whole(self._store.folder / "reloaded.json",
                        json.dumps({"at": now, "mistakes": mistakes}).encode())

    # --- ending ---------------------------------------------------------------------------------------

    def close(self, reason: str) -> int:
        """Read once more, close every node, commit, deliver, tell the summary. Gives the exit status."""
        self._notify.stopping()
        self.tell("stopping", f"corowatch is stopping: {reason}")
        self._watch.stop()
        self._last_read()
        self._tell_behind(self._clock.read())  # with --once it may all have come in one turn
        self._checks.keep(())
        told = log.bind()  # once: to bind it takes as long as all else of a row
        for closed in self.graph.close():
            self._tell_closed(closed, told)
        now = self._clock.read()
        self._commit(now)
        self._complete(at_once=True)
        for name, source in self.sources.items():
            self._left[name] = source.standing()
            source.close()
        delivered = self._last_deliveries()
        reason = END_OF_OUTPUT if self.stopping == END_OF_OUTPUT else reason
        summary = self.summary(reason)
        refused = any(counts["refused"] for counts in summary["sinks"].values())
        with contextlib.suppress(OSError):
            text = msgspec.json.format(json.dumps(summary), indent=1)  # json's own indentation takes four times as long
            write_whole(self._store.folder / "summary.json", text.encode() + b"\n")
        self.told = summary
        if not sys.stderr.isatty():  # there, a table tells it better
            _log_summary(summary)
        log.info("daemon.stopped", reason=reason, seconds=round(self._clock.read() - self._started, 1))
        return 1 if self._handler_failed or self._failing or (self._once and (refused or not delivered)) else 0

    def _last_read(self) -> None:
        now = self._clock.read()
        until = time.monotonic() + LAST_READ
        for source in self.sources.values():
            self._guarded(source.look, now, None)
        sources = self.sources.values()
        while not self._hurry and not self._failing and time.monotonic() < until and read_first(sources, now):
            now = self._clock.read()
            self._take_notes()

    def _tell_standing(self, now: float) -> None:
        """What a stop would tell now, to the log. Nothing is closed, so steps keep to themselves what they hold."""
        self._commit(now)
        self._left = {name: source.standing() for name, source in self.sources.items()}
        _log_summary(self.summary("SIGUSR1"), status=self._status())

    def _tell_closed(self, closed: Closed, told: Any = log) -> None:
        if closed.error:
            self._handler_failed = True
            told.error("node.failed", node=closed.node, exc_info=closed.error)
        standing = closed.goodbye.get("standing")
        if isinstance(standing, dict):
            self._standing[closed.node] = standing
        told.info("node.closed", node=closed.node, counts=closed.goodbye)

    def _last_deliveries(self) -> bool:
        """Let the couriers deliver until the deadline; whether nothing is left.

        Of a sink that fails only `--once` awaits another attempt: what is left waits for the next start.
        """
        until = time.monotonic() + self._deliver
        for courier in self.couriers.values():
            courier.hurry()
        while not self._hurry and time.monotonic() < until and any(
                self._store.waiting(name) and (self._once or not courier.failures)
                for name, courier in self.couriers.items()):
            with contextlib.suppress(queue.Empty):
                self._take(self.inbox.get(timeout=0.05))
            if self._notify.watchdog:
                self._notify.alive()
        for courier in self.couriers.values():
            courier.stop()
        until = time.monotonic() + 2.0
        for courier in self.couriers.values():
            if not courier.join(until):
                log.warning("sink.hangs", sink=courier.name)
        self._take_notes()
        return not any(self._store.waiting(name) for name in self.couriers)

    @property
    def readers(self) -> list[tuple[str, ...]]:
        """The steps that share each reader."""
        return [feed.steps for feed in self.graph.feeds.values()]

    def _totals(self) -> dict[tuple[str, str], dict[str, int]]:
        totals: dict[tuple[str, str], dict[str, int]] = {}
        for role, name, counter, value in self._store.totals():
            totals.setdefault((role, name), {})[counter] = value
        return totals

    def summary(self, reason: str) -> dict[str, Any]:
        """What summary.json says: this run at the top, all runs under `total`."""
        totals = self._totals()
        run = self.ledger.run
        all_runs = {role: {name: counts for (of, name), counts in totals.items() if of == role}
                    for role in ("source", "node", "sink")}
        names = {name: feed.steps for name, feed in self.graph.feeds.items()}
        waiting = self._store.standing()

        def sinks(since: Mapping[tuple[str, str], Mapping[str, int]]) -> Table:
            told: Table = {}
            for name in {*self.couriers, *all_runs["sink"]}:
                now, then = all_runs["sink"].get(name, {}), since.get(("sink", name), {})
                told[name] = {"delivered": now.get("delivered", 0) - then.get("delivered", 0),
                              "pending": waiting.get(name, {}).get("waiting", 0),
                              "refused": now.get("refused", 0) - then.get("refused", 0)}
            return told

        nodes = {name: {**counts, **({"standing": self._standing[name]} if name in self._standing else {})}
                 for name, counts in run["node"].items()}
        return {
            "started": rfc3339(self._started), "stopped": rfc3339(self._clock.read()), "reason": reason,
            "sources": sources_told(run["source"], names, self._left), "nodes": nodes,
            "sinks": sinks(self._totals_before),
            "total": {"sources": sources_told(all_runs["source"], names, self._left, total=True),
                      "nodes": all_runs["node"], "sinks": sinks({})},
        }


def _package() -> tuple[int, int, int] | None:
    """Which file the package begins with; None where it is none, or gone."""
    try:
        status = os.stat(corowatch.__file__)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _log_summary(summary: Mapping[str, Any], **more: str) -> None:
    log.info("summary", **{key: summary[key] for key in ("reason", "sources", "nodes", "sinks")}, **more)
