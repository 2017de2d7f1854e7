"""watchdog's part: it wakes the pump, and nothing else depends on it.

Notifications get lost (a queue that overflows, a directory swapped for another, network file systems), so
they only say where to look sooner. The handler does no work: it remembers the path and wakes the pump.

Facts behind this, tried with watchdog 7.1: an exception in a handler ends the observer's thread; the
emitter of a removed directory ends in silence; of one that was renamed it reports under the old name.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from watchdog.events import (
    DirDeletedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.inotify import InotifyEmitter, InotifyObserver, InotifyWatchGroup
from watchdog.observers.inotify_c import DEFAULT_EVENT_BUFFER_SIZE, InotifyEvent, InotifyFD

from corowatch.core.text import many

PAUSE = 0.003
"""Seconds between two reads of notifications."""
MAX_SCHEDULES = 16
"""Each is a thread of watchdog's; what is beyond is polled."""
TOO_BROAD = {"/", "/home", "/proc", "/sys", "/dev", "/run", "/usr", "/var"}
"""Never watched with all that is below them: polling does."""

# Without a filter our own opens and closes of log files would come back as events.
_EVENTS: list[type[FileSystemEvent]] = [
    FileModifiedEvent, FileCreatedEvent, FileMovedEvent, FileDeletedEvent, DirDeletedEvent]


class _Gulping(InotifyFD):
    """Lets the kernel merge the events of a busy writer; the first after a silence is not delayed.

    Without the pause its thread costs 40 % of a core at 10,000 writes a second, with it 4 %. This is watchdog's
    inside, so its version is pinned.
    """

    written: Callable[[str], None]
    """Is told the path of what was written, at once: watchdog's own way leads through two more threads."""
    _read_last = 0.0
    exhausted = False
    """A folder could not be watched for want of watches; below a watched one watchdog does not tell."""

    def _get_or_create_watch(self, path: bytes, mask: Any) -> Any:
        try:
            return super()._get_or_create_watch(path, mask)
        except OSError as error:
            self.exhausted = self.exhausted or error.errno == errno.ENOSPC
            raise

    def handle_event(self, event: InotifyEvent) -> None:
        if not event.is_modify:
            super().handle_event(event)
            return
        with self._lock:
            watch = self._watch_for_wd.get(event.wd)
            groups = list(watch.callbacks.values()) if watch else []
        for group in groups:
            if isinstance(group, InotifyWatchGroup) and (path := group._build_event_source_path(event)) is not None:
                self.written(os.fsdecode(path))

    def read_events(self, *, event_buffer_size: int = DEFAULT_EVENT_BUFFER_SIZE) -> list[InotifyEvent]:
        left = self._read_last + PAUSE - time.monotonic()
        if left > 0:
            time.sleep(left)
        events = super().read_events(event_buffer_size=event_buffer_size)
        self._read_last = time.monotonic()
        return events


class _Observer(InotifyObserver):
    """An observer on such a reader."""

    def __init__(self, written: Callable[[str], None]) -> None:
        self._inotify_fd = self.reader = _Gulping()
        self.reader.written = written
        self._inotify_fd.start()
        BaseObserver.__init__(self, InotifyEmitter, inotify_fd=self._inotify_fd)


class _Overflows(logging.Handler):
    """Hears watchdog say that notifications were lost; it has no other way to tell."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.told += "overflow" in record.msg


class _Handler(FileSystemEventHandler):
    def __init__(self, woken: set[str], wake: Callable[[], None]) -> None:
        self._woken = woken
        self._wake = wake

    def dispatch(self, event: FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            if path:
                self.note(os.fsdecode(path))

    def note(self, path: str) -> None:
        """Something happened to this path."""
        if path not in self._woken:
            self._woken.add(path)
            self._wake()


class Watch:
    """Notifications for some directories. `wake` is called from watchdog's threads when `take` has something."""

    def __init__(self, wake: Callable[[], None]) -> None:
        # Its warnings would write to standard error past our own log.
        self._overflows = _Overflows()
        logging.getLogger("watchdog").addHandler(self._overflows)
        logging.getLogger("watchdog").propagate = False
        self._wanted: Mapping[str, bool] = {}
        self._overflowed = 0
        self._woken: set[str] = set()
        self._handler = _Handler(self._woken, wake)
        self._observer: _Observer | None = None
        self._watches: dict[str, tuple[ObservedWatch, bool, tuple[int, int]]] = {}

    def take(self) -> set[str]:
        """The paths that changed since the last time."""
        taken = set()
        # One by one: what is added in between must stay and wake again.
        while self._woken:
            taken.add(self._woken.pop())
        return taken

    def overflowed(self) -> bool:
        """Whether notifications were lost since this was asked last: everything must be looked at."""
        before, self._overflowed = self._overflowed, self._overflows.told
        return self._overflowed > before

    @property
    def trouble(self) -> str:
        """What is wrong with notifications, if anything is: all is looked at every second then."""
        if self._observer is None and self._wanted:
            return "no notifications (no inotify instance is free)"
        if self._observer is not None and self._observer.reader.exhausted:
            return "not all notifications (fs.inotify.max_user_watches is reached)"
        if self._overflowed:
            return f"notifications were lost {many(self._overflowed, 'time')}"
        return ""

    def covers(self, wanted: Mapping[str, bool]) -> bool:
        """Whether each change in these directories is told of. What is below one may have been made before it was
        watched; and of none at all nothing is told."""
        return bool(wanted) and not self.trouble and not any(wanted.values()) and wanted.keys() <= self._watches.keys()

    def refresh(self, wanted: Mapping[str, bool]) -> bool:
        """Watch these directories (value: and what is below), where they exist; mend what has died. Whether any is
        watched anew, so that something may have been missed in it."""
        self._wanted = wanted
        before = self._watches.copy()
        present = {}
        for path, below in list(wanted.items())[:MAX_SCHEDULES]:
            identity = _identity(path)
            if identity and not (below and path in TOO_BROAD):
                present[path] = (below, identity)
        if present and not (self._observer and self._observer.is_alive() and self._observer.reader.is_alive()):
            self._begin()
        for path, (watch, below, identity) in list(self._watches.items()):
            if present.get(path) != (below, identity) or not self._living(watch):
                self._drop(path, watch)
        for path, (below, identity) in present.items():
            if path not in self._watches and self._observer is not None:
                with contextlib.suppress(OSError):  # no watches left: polling goes on
                    watch = self._observer.schedule(self._handler, path, recursive=below, event_filter=_EVENTS)
                    self._watches[path] = (watch, below, identity)
        return any(self._watches[path] is not before.get(path) for path in self._watches)

    def _begin(self) -> None:
        self.stop()
        self._watches.clear()
        try:
            self._observer = _Observer(self._handler.note)
            self._observer.start()
        except OSError:  # no inotify instances left: polling goes on
            self._observer = None

    def _living(self, watch: ObservedWatch) -> bool:
        assert self._observer is not None
        return any(emitter.watch == watch and emitter.is_alive() for emitter in self._observer.emitters)

    def _drop(self, path: str, watch: ObservedWatch) -> None:
        del self._watches[path]
        if self._observer is not None:
            with contextlib.suppress(KeyError, OSError):
                self._observer.unschedule(watch)

    @property
    def watching(self) -> int:
        """Directories that notifications come from."""
        return len(self._watches)

    def stop(self) -> None:
        """End; what is woken afterwards is of no use."""
        if self._observer is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self._observer.stop()
                self._observer.join(1.0)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
