"""Files beside the followed ones that are known, so that none is read twice and none is passed over.

Those that were read to their end, and copies of what was read, are kept by what is saved of them: one may grow after
all, or turn up under another name. Of those that were there before us only the numbers are remembered: a file that
comes between two looks is then told from one that does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import msgspec

from corowatch.core.follow import Saved, Seen
from corowatch.sources.content import seen_of
from corowatch.sources.siblings import Folders, Kin

MOST = 10_000
"""Read to their end; beyond, the ones that are known longest are forgotten. Of the others ten times as many."""
ABSENT = 86400.0
"""Seconds after which one that is not there any more is forgotten: a disk may be away for a while."""


class Known:
    """What is saved of files, by key and by device and inode; `size` and `mtime` are those of the file as it stands."""

    def __init__(self, saved: Mapping[str, Saved]) -> None:
        self._saved: dict[str, Saved] = {}
        self._keys: dict[tuple[int, int], str] = {}
        self._homes: dict[str, dict[str, None]] = {}
        self._kin = Kin()
        self._absent: dict[str, float] = {}
        self._passed: dict[tuple[int, int], tuple[int | None, int, int]] = {}
        self.added: dict[str, Saved] = {}
        """Those that are to be saved."""
        self.gone: dict[str, None] = {}
        """Those that are no longer needed."""
        for key, one in saved.items():
            self.add(key, one)
        self.written()

    def holds(self, seen: Seen, gen: int | None = None) -> bool:
        """Whether a file that looks so is known, and not only its number, which may be used again."""
        inode = seen.dev, seen.ino
        if key := self._keys.get(inode):
            return (self._saved[key].size, self._saved[key].mtime) == (seen.size, seen.mtime)
        passed = self._passed.get(inode)
        return passed is not None and ((gen is not None and gen == passed[0]) or passed[1:] == (seen.size, seen.mtime))

    def pass_by(self, seen: Seen, gen: int | None) -> None:
        """It was there before us: remember its number."""
        self._passed[seen.dev, seen.ino] = gen, seen.size, seen.mtime
        if len(self._passed) > 10 * MOST:
            del self._passed[next(iter(self._passed))]

    def at(self, dev: int, ino: int) -> str | None:
        """The key of a file."""
        return self._keys.get((dev, ino))

    def kin_of(self, path: str) -> Iterator[tuple[str, Saved]]:
        """Those that a file at `path` may be a rotation of."""
        for home in self._kin.of(path):
            for key in self._homes[home]:
                yield key, self._saved[key]

    def add(self, key: str, saved: Saved) -> None:
        """Know it from now on, or as it is now."""
        self.forget(key)
        saved.done = True
        self._saved[key] = self.added[key] = saved
        self._keys[saved.dev, saved.ino] = key
        self._homes.setdefault(saved.home, {})[key] = None
        self._kin.add(saved.home)
        self.gone.pop(key, None)
        if len(self._saved) > MOST:
            self.forget(next(iter(self._saved)))

    def detach(self, key: str) -> None:
        """Its number is another file's now; by its text it is still known."""
        self.add(key, msgspec.structs.replace(self._saved[key], ino=0))

    def forget(self, key: str) -> None:
        """It is followed again, or another file."""
        saved = self._saved.pop(key, None)
        if saved is not None:
            if self._keys.get((saved.dev, saved.ino)) == key:
                del self._keys[saved.dev, saved.ino]
            del self._homes[saved.home][key]
            if not self._homes[saved.home]:
                del self._homes[saved.home]
                self._kin.remove(saved.home)
            self._absent.pop(key, None)
            self.added.pop(key, None)
            self.gone[key] = None

    def written(self) -> None:
        """What was added and what is gone is durable."""
        self.added.clear()
        self.gone.clear()

    def changed(self, folders: Folders, now: float) -> Iterator[tuple[str, Saved]]:
        """Each that does not look as it did; what has been away for long is forgotten."""
        for key, saved in list(self._saved.items()):
            seen = _seen(saved.path)
            if seen is None or seen.ino != saved.ino:
                if folders.hidden(saved.path):
                    continue
                found = folders.where(saved.path, saved.ino)
                if found is None:
                    if now - self._absent.setdefault(key, now) >= ABSENT:
                        self.forget(key)
                    continue
                saved.path, seen = found, _seen(found)
                if seen is None or seen.ino != saved.ino:
                    continue  # it moved on while it was looked at
            self._absent.pop(key, None)
            if (seen.size, seen.mtime) != (saved.size, saved.mtime):
                yield key, saved


def _seen(path: str) -> Seen | None:
    try:
        return seen_of(os.stat(path))
    except OSError:
        return None
