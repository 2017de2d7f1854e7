"""watchdog's part: it wakes the pump, and nothing else depends on it.

Notifications get lost (a queue that overflows, a directory swapped for another, network file systems), so
they only say where to look sooner. The handler does no work: it remembers the path and wakes the pump.
What reads them (`observer`) is loaded when there is a directory to watch.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from corowatch.core.text import many

if TYPE_CHECKING:
    from watchdog.observers.api import ObservedWatch

    from corowatch.observer import Observer, Overflows

MAX_SCHEDULES = 16
"""Each is a thread of watchdog's; what is beyond is polled."""
TOO_BROAD = {"/", "/home", "/proc", "/sys", "/dev", "/run", "/usr", "/var"}
"""Never watched with all that is below them: polling does."""


class Watch:
    """Notifications for some directories. `wake` is called from watchdog's threads when `take` has something."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wanted: Mapping[str, bool] = {}
        self._overflows: Overflows | None = None
        self._overflowed = 0
        self._woken: set[str] = set()
        self._wake = wake
        self._observer: Observer | None = None
        self._lacking = ""
        """Why there is no observer."""
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
        before, self._overflowed = self._overflowed, self._overflows.told if self._overflows else 0
        return self._overflowed > before

    @property
    def trouble(self) -> str:
        """What is wrong with notifications, if anything is: all is looked at every second then."""
        if self._observer is None and self._wanted and self._lacking:
            return f"no notifications ({self._lacking})"
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
                    self._watches[path] = (self._observer.follow(path, below=below), below, identity)
        return any(self._watches[path] is not before.get(path) for path in self._watches)

    def _begin(self) -> None:
        self.stop()
        self._watches.clear()
        try:
            from corowatch.observer import Handler, Observer, Overflows

            self._overflows = self._overflows or Overflows()
            self._observer = Observer(Handler(self._woken, self._wake))
            self._observer.start()
        except (OSError, ImportError) as error:  # polling goes on; it cannot be loaded if the package was replaced
            self._observer = None
            self._lacking = str(error) if isinstance(error, ImportError) else "no inotify instance is free"

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
