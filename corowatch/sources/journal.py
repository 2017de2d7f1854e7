"""systemd's journal, through `journalctl`: entries as events, their fields as fields, from a cursor.

    journalctl --follow ─▶ thread ─▶ queue ─▶ pump ─▶ Event
                                                └─ the cursor, committed with everything else

The child is started anew when it ends. Entries of this daemon's own unit are passed over: an alert on its own log
would make the next.
"""

from __future__ import annotations

import os
import queue
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from math import inf
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from corowatch.core.addresses import Match, UnitName
from corowatch.core.events import Event, Origin, Target, Value
from corowatch.core.kinds import ANYTHING, source
from corowatch.core.merge import SLACK
from corowatch.core.retry import BASE, CEILING
from corowatch.core.scan import SKEW as TOMORROW
from corowatch.sources import Head, Source, Tell

AHEAD = 200
"""Entries that the reading thread may be ahead of the pump."""
LARGEST = 512 * 1024
"""Bytes of an entry as it is given; a larger one is passed over, for anybody may write to the journal."""
GULP = 200
"""Entries a read."""
NEIGHBOURS = 200
"""Entries that are kept for alerts that tell those beside their own."""
SINCE = "@"
"""How a place begins that is a time (seconds since the epoch) and no cursor; journalctl(1) writes it so."""
CATCHING_UP = 1.0
"""Seconds after an entry in which the next is still taken for one that was waiting."""
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "SYSTEMD_COLORS": "0"}


@source(adds=(ANYTHING,))
def journal(
    target: Target[Event],
    *,
    units: Annotated[tuple[UnitName, ...], "units whose entries are read, `*` allowed (default: all)"] = (),
    match: Annotated[tuple[Match, ...], "FIELD=value, as journalctl(1) takes it; of one field any value will do"] = (),
    start: Annotated[Literal["end", "beginning"], "where to begin at the first run"] = "end",
) -> Source:
    """Read systemd's journal: each entry's message is the text, its other fields are fields under their own names.

    `{_SYSTEMD_UNIT}`, `{SYSLOG_IDENTIFIER}`, `{PRIORITY}`, `{_PID}` and the like; systemd.journal-fields(7) tells
    them all. It goes on from the last entry dealt with. Never the daemon's own.

        journal: {units: [ssh.service, 'postgresql@*'], match: PRIORITY=3}
    """
    return Journal(target, units, match, start)


class _Child:
    """One `journalctl`, and the thread that reads it; `None` in the queue is its end."""

    def __init__(self, argv: list[str], wake: Callable[[], None]) -> None:
        self.entries: queue.Queue[bytes | None] = queue.Queue(AHEAD)
        self._wake = wake
        with ExitStack() as undo:
            self._said = undo.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,  # noqa: S603
                                             stderr=self._said, env=ENVIRONMENT, start_new_session=True)
            undo.pop_all()
        self._thread = threading.Thread(target=self._pull, name="journal", daemon=True)
        self._thread.start()

    def _pull(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            while line := lines.readline(LARGEST):
                if not line.endswith(b"\n") and len(line) == LARGEST:
                    while not line.endswith(b"\n") and line:
                        line = lines.readline(LARGEST)
                    line = b""  # it stands for one that is passed over
                self.entries.put(line)
                self._wake()
        self.entries.put(None)
        self._wake()

    def end(self) -> str:
        """End it, if it has not ended; why it did, in its own words."""
        self._process.terminate()
        status = self._process.wait()
        until = time.monotonic() + 2.0
        while self._thread.is_alive() and time.monotonic() < until:
            with suppress(queue.Empty):
                self.entries.get(timeout=0.01)  # nobody takes them any more, and the thread may wait for room
        self._said.seek(0)
        said = self._said.read()[-2000:].decode("utf-8", "backslashreplace").strip().rpartition("\n")[2]
        self._said.close()
        return said or f"it ended with {status}"


class Journal(Source):
    """The journal of this machine, or the part of it that the options let in."""

    def __init__(self, target: Target[Event], units: tuple[str, ...], match: tuple[str, ...], start: str) -> None:
        super().__init__()
        self.counts = {"entries": 0, "own": 0, "skewed": 0, "passed_over": 0}
        self._target = target
        self._filters = [*(f"--unit={unit}" for unit in units), *match]
        self._start = start
        self._own = own_fields()
        self._origin = Origin("", "journal")
        self._cursor: str | None = None
        self._dirty = False
        self._child: _Child | None = None
        self._again = 0.0  # when the child is to be started anew (monotonic seconds)
        self._failures = 0
        self._next: tuple[float, dict[str, Any]] | None = None
        self._at = 0.0
        self._came = -inf  # when the last entry came (monotonic seconds)
        self._neighbours: deque[tuple[str, str]] = deque(maxlen=NEIGHBOURS)
        self._follow = True
        self._said = ""
        self._tell: Tell = lambda kind, text, **fields: None
        self._wake: Callable[[], None] = lambda: None

    def open(self, saved: Mapping[str, Any], *, reader: str, start: str | None, tell: Tell,
             wake: Callable[[], None], now: float, once: bool = False) -> None:
        self._origin = Origin(reader, "journal")
        self._tell, self._wake = tell, wake
        self._follow, self.endless = not once, not once
        # Of several readers that are one now, the one that is furthest behind: nothing must be missed.
        self._cursor = min(saved.values(), key=_written, default=None)
        if self._cursor is None and (start or self._start) == "end":
            # What is written from now on is never missed, so the place must be known before READY is told; a time will
            # do where there is no entry, or no answer.
            self._cursor, self._dirty = self._last_cursor() or f"{SINCE}{int(now)}", True
        self._begin()

    def _last_cursor(self) -> str | None:
        try:
            ran = subprocess.run(["journalctl", "--lines=1", "--output=json", "--output-fields=MESSAGE"],  # noqa: S607
                                 stdin=subprocess.DEVNULL, capture_output=True, env=ENVIRONMENT, timeout=30,
                                 check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            self._say(getattr(error, "strerror", None) or "it does not answer")
            return None
        if said := ran.stderr.decode("utf-8", "backslashreplace").strip():
            self._say(f"{said.splitlines()[-1]} (its group is systemd-journal)")
        entry = _decoded(ran.stdout)
        return str(entry["__CURSOR"]) if entry else None

    def _begin(self) -> None:
        # Tried with systemd 252: --after-cursor passes over the first match where the cursor's own entry is none, so
        # we ask for that one too and pass over it ourselves; and --follow alone hides what was written before the
        # last boot.
        follow = ["--follow", "--no-tail"] if self._follow else []
        where = [f"--{'since' if self._cursor.startswith(SINCE) else 'cursor'}={self._cursor}"] if self._cursor else []
        argv = ["journalctl", "--quiet", "--all", "--merge", "--output=json", *follow, *where, *self._filters]
        try:
            self._child = _Child(argv, self._wake)
        except OSError as error:
            self._say(error.strerror or str(error))
            self.ended = not self._follow
            self._rest()

    def _rest(self) -> None:
        self._again = time.monotonic() + min(CEILING, BASE * 2.0 ** min(self._failures, 30))
        self._failures += 1

    def _say(self, why: str) -> None:
        if why != self._said:
            self._said = why
            self._tell("unreadable", f"journalctl: {why}; it is tried again", path="journal", why=why)

    @property
    def trouble(self) -> bool:
        return bool(self._said)

    def look(self, now: float, woken: object) -> None:
        self.glance(now)

    def glance(self, now: float) -> None:
        if self._child is None and not self.ended and time.monotonic() >= self._again:
            self._begin()

    # --- reading --------------------------------------------------------------------------------------

    def head(self) -> Head | None:
        self._peek()
        if self._next is None:
            return None
        order = self._next[0], 0, "journal"
        return Head(lambda: order, inf, self._read)

    def _peek(self) -> tuple[float, dict[str, Any]] | None:
        """The next entry that is not our own, if it is there, and its time."""
        while self._next is None and self._child and not self._child.entries.empty():
            line = self._child.entries.get()
            if line is None:
                self._over()
                return None
            if not line:
                self.counts["passed_over"] += 1
                self._tell("lost", f"the journal has an entry over {LARGEST // 1024} KiB; it is passed over",
                           path="journal")
                continue
            entry = _decoded(line)
            if entry is None or entry["__CURSOR"] == self._cursor:
                continue
            self._came = time.monotonic()
            self._failures, self._said = 0, ""
            if self._is_own(entry):
                self.counts["own"] += 1
                self._cursor, self._dirty = str(entry["__CURSOR"]), True
                continue
            self._next = self._time_of(entry), entry
        return self._next

    def _over(self) -> None:
        assert self._child is not None
        why = self._child.end()
        self._child = None
        if self._follow:
            self._say(why)
            self._rest()
        else:
            self.ended = True

    def _is_own(self, entry: Mapping[str, Any]) -> bool:
        return all(entry.get(name) == value for name, value in self._own.items())

    def _time_of(self, entry: Mapping[str, Any]) -> float:
        """When it was written; one that says that it is of tomorrow was written now."""
        at, now = int(entry["__REALTIME_TIMESTAMP"]) / 1e6, time.time()
        if at > now + TOMORROW:
            self.counts["skewed"] += 1
            return now
        return at

    def _read(self, now: float, until: float) -> None:
        for sent in range(GULP):
            if (found := self._peek()) is None:
                return
            at, entry = found
            if sent and at > until + SLACK:
                return
            self._next = None
            self._at = at
            self._cursor, self._dirty = str(entry["__CURSOR"]), True
            self.counts["entries"] += 1
            fields: dict[str, Value] = {name: text_of(value) for name, value in entry.items()
                                        if not name.startswith("__") and name != "MESSAGE"}
            text = text_of(entry.get("MESSAGE")) or ""
            self._neighbours.append((self._cursor, text))
            self._target.send(Event(self._origin, self._cursor, at, text, fields))

    def time(self, wall: float) -> float:
        catching_up = self._next is not None or time.monotonic() - self._came < CATCHING_UP
        return self._at if catching_up and self._at else wall

    # --- what is kept ---------------------------------------------------------------------------------

    def lines_before(self, key: str, place: int | str, count: int) -> list[str]:
        before = [text for cursor, text in self._until(place)][:-1]
        return before[-count:] if count else []

    def _until(self, place: int | str) -> Iterator[tuple[str, str]]:
        if any(cursor == place for cursor, _ in self._neighbours):
            for one in self._neighbours:
                yield one
                if one[0] == place:
                    return

    def lines_after(self, key: str, place: int | str, count: int, own: int = 1) -> list[str] | None:
        passed = len(list(self._until(place)))
        return [text for _, text in self._neighbours][passed:][:count] if passed else None

    def changes(self) -> Iterator[tuple[str, Any]]:
        if self._dirty:
            yield self._origin.reader, self._cursor

    def written(self) -> None:
        self._dirty = False

    def close(self) -> None:
        if self._child:
            self._child.end()
            self._child = None


def _decoded(line: bytes) -> dict[str, Any] | None:
    try:
        entry = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return entry if isinstance(entry, dict) and "__CURSOR" in entry else None


def _written(place: str) -> float:
    """The time of a place (seconds since the epoch); a cursor has it as `t=` in hexadecimal microseconds."""
    if place.startswith(SINCE):
        return float(place[len(SINCE):])
    return next((int(part[2:], 16) / 1e6 for part in place.split(";") if part.startswith("t=")), 0.0)


def text_of(value: object) -> str | None:
    """A field's value as `--output=json` gives it: text; bytes as a list of numbers; several values as a list."""
    if isinstance(value, list):
        if all(isinstance(one, int) for one in value):
            return bytes(value).decode("utf-8", "backslashreplace")
        return ", ".join(str(text_of(one)) for one in value)
    return value if isinstance(value, str) else None


def own_fields() -> dict[str, str]:
    """What the entries of this process have: its unit, if it is a service, the system's or a user's, else its number.

    The unit is the last component of its path: cgroups(7). Anybody may have a user's unit of any name.
    """
    path = ""
    with suppress(OSError):
        path = Path("/proc/self/cgroup").read_text().strip().rpartition(":")[2]
    name = path.rpartition("/")[2]
    if not name.endswith(".service"):
        return {"_PID": str(os.getpid())}
    if "/user@" in path:
        return {"_SYSTEMD_USER_UNIT": name, "_UID": str(os.getuid())}
    return {"_SYSTEMD_UNIT": name}
