"""Files that were read to their end and are still there: known, and not followed.

One of them may grow after all, turn up under another name, or be found again as a copy; none may be read twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from corowatch.core.follow import Saved, Seen
from corowatch.sources.content import seen_of
from corowatch.sources.siblings import Folders

MOST = 10_000
"""Of one source; beyond, the ones that are known longest are forgotten."""
ABSENT = 86400.0
"""Seconds after which one that is not there any more is forgotten: a disk may be away for a while."""


class Known:
    """Saved positions by key, and by device and inode."""

    def __init__(self, saved: Mapping[str, Saved]) -> None:
        self._saved = dict(saved)
        self._keys = {(one.dev, one.ino): key for key, one in saved.items()}
        self._homes: dict[str, dict[str, None]] = {}
        for key, one in saved.items():
            self._homes.setdefault(one.home, {})[key] = None
        self._seen: dict[str, Seen] = {}
        self._absent: dict[str, float] = {}
        self.added: dict[str, Saved] = {}
        """Those that are to be saved."""
        self.gone: dict[str, None] = {}
        """Those that are no longer needed."""

    def __contains__(self, inode: object) -> bool:
        return inode in self._keys

    def __len__(self) -> int:
        return len(self._saved)

    def at(self, dev: int, ino: int) -> tuple[str, Saved] | None:
        """The key and what is saved of a file."""
        key = self._keys.get((dev, ino))
        return None if key is None else (key, self._saved[key])

    def of_home(self, home: str) -> Iterator[tuple[str, Saved]]:
        """Those of one log."""
        for key in self._homes.get(home, ()):
            yield key, self._saved[key]

    def add(self, key: str, saved: Saved) -> None:
        """Know it from now on."""
        self.forget(key)
        saved.done = True
        self._saved[key] = self.added[key] = saved
        self._keys[saved.dev, saved.ino] = key
        self._homes.setdefault(saved.home, {})[key] = None
        self.gone.pop(key, None)
        if len(self._saved) > MOST:
            self.forget(next(iter(self._saved)))

    def forget(self, key: str) -> None:
        """It is followed again, or not there any more."""
        saved = self._saved.pop(key, None)
        if saved is not None:
            self._keys.pop((saved.dev, saved.ino), None)
            del self._homes[saved.home][key]
            if not self._homes[saved.home]:
                del self._homes[saved.home]
            self._seen.pop(key, None)
            self._absent.pop(key, None)
            self.added.pop(key, None)
            self.gone[key] = None

    def written(self) -> None:
        """What was added and what is gone is durable."""
        self.added.clear()
        self.gone.clear()

    def changed(self, folders: Folders, now: float) -> Iterator[tuple[str, Saved, Seen]]:
        """Each that was written since it was looked at last; what has been away for long is forgotten."""
        for key, saved in list(self._saved.items()):
            path = saved.path
            try:
                seen = seen_of(os.stat(path))
            except OSError:
                seen = None
            if seen is None or seen.ino != saved.ino:
                if folders.hidden(path):
                    continue
                found = folders.where(path, saved.ino)
                if found is None:
                    if now - self._absent.setdefault(key, now) >= ABSENT:
                        self.forget(key)
                    continue
                saved.path = found
                try:
                    seen = seen_of(os.stat(found))
                except OSError:
                    continue
            self._absent.pop(key, None)
            if seen is not None and not saved.packed and seen != self._seen.get(key):
                before, self._seen[key] = self._seen.get(key), seen
                if seen.size != saved.offset or before is not None:
                    yield key, saved, seen
