"""watchdog's inside: it reads what the kernel tells, and hands on the paths of it.

Facts behind this, tried with watchdog 7.1: an exception in a handler ends the observer's thread; the
emitter of a removed directory ends in silence; of one that was renamed it reports under the old name.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable
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

PAUSE = 0.005
"""Seconds between two reads of notifications."""

# Without a filter our own opens and closes of log files would come back as events.
EVENTS: list[type[FileSystemEvent]] = [
    FileModifiedEvent, FileCreatedEvent, FileMovedEvent, FileDeletedEvent, DirDeletedEvent]


class Gulping(InotifyFD):
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


class Overflows(logging.Handler):
    """Hears watchdog say that notifications were lost; it has no other way to tell. Its warnings would write to
    standard error past our own log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told = 0
        logging.getLogger("watchdog").addHandler(self)
        logging.getLogger("watchdog").propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        self.told += "overflow" in record.msg


class Handler(FileSystemEventHandler):
    """Puts the paths of what happened into `woken`, and wakes whoever takes them out."""

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


class Observer(InotifyObserver):
    """An observer on such a reader, with one handler for all."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._inotify_fd = self.reader = Gulping()
        self.reader.written = handler.note
        self._inotify_fd.start()
        BaseObserver.__init__(self, InotifyEmitter, inotify_fd=self._inotify_fd)

    def follow(self, path: str, *, below: bool) -> ObservedWatch:
        """Watch a directory, and perhaps what is below it. Raises OSError, as when no watch is left."""
        return self.schedule(self._handler, path, recursive=below, event_filter=EVENTS)
