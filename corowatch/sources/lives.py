"""The files that are followed: by device and inode, by family, and which of them is read next.

A family are the files that were first known under one path; they are read in the order in which they were begun.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import takewhile
from math import inf
from typing import Any

from corowatch.core.events import Position
from corowatch.core.follow import HEAD, Saved, Seen, digest
from corowatch.sources.content import Plain, Unpacked
from corowatch.sources.life import Life, Reading
from corowatch.sources.report import Report, name_of
from corowatch.sources.siblings import Kin


class Lives:
    """What is followed. `how` may be replaced before the first is added."""

    def __init__(self, how: Reading, report: Report) -> None:
        self.how = how
        self._report = report
        self._by_inode: dict[tuple[int, int], Life] = {}
        self._families: dict[str, list[Life]] = {}
        self.kin = Kin()
        self._queue: list[tuple[tuple[Any, ...], int, Life]] = []
        """Those with something to read, earliest first; an entry whose order is no longer its life's is passed over."""
        self._alone: Life | None = None
        """The only one that has something to read, if it is the only one: when it begins need not be known."""
        self._handed: dict[str, None] = {}
        """Files whose descriptors the supervisor keeps."""
        self._changed = True
        """Whether other files are followed than when these were handed over."""

    def __iter__(self) -> Iterator[Life]:
        return iter(self._by_inode.values())

    def __len__(self) -> int:
        return len(self._by_inode)

    def __contains__(self, inode: object) -> bool:
        return inode in self._by_inode

    def at(self, dev: int, ino: int) -> Life | None:
        """The file of a device and number."""
        return self._by_inode.get((dev, ino))

    def of(self, key: str) -> Life | None:
        """The file of a key."""
        return next((life for life in self if life.key == key), None)

    def family(self, home: str) -> list[Life]:
        """Those that were first known under this path."""
        return self._families.get(home, [])

    @property
    def homes(self) -> Iterator[str]:
        """The paths that families have."""
        yield from self._families

    # --- coming and going -----------------------------------------------------------------------------

    def begin(self, path: str, content: Plain | Unpacked, seen: Seen, now: float, *, offset: int = 0,
              before: bytes = b"", head: bytes = b"") -> None:
        """A file that was not known, from an offset on."""
        life = Life(secrets.token_hex(8), path, content, seen, self.how, self._report.counts, Position(offset), before,
                    head=head)
        life.grew = now
        self._add(life)

    def begin_missed(self, home: str, content: Plain | Unpacked, now: float, key: str = "") -> None:
        """A file that stood at `home`, and was rotated away before anybody looked."""
        life = Life(key or secrets.token_hex(8), content.path, content, content.status(), self.how, self._report.counts)
        life.home = home
        life.gone = life.grew = now
        self._add(life)
        self._put_in_order(life)

    def go_on(self, key: str, old: Saved, content: Plain | Unpacked, before: bytes, now: float, *,
              found: bool = False, copy: bool = False) -> bool:
        """A saved life, in a file that holds its text, or seems to where it is packed; False: it was cut since."""
        head = b"" if content.packed else content.pread(HEAD, 0)
        if not content.packed and old.head_bytes and digest(head[:old.head_bytes]) != old.head:
            return False
        size = old.sure if copy and old.sure else old.size  # a copy has nothing of the life that came after
        known = max(size, old.offset)
        life = Life(key, content.path, content, content.status(), self.how, self._report.counts,
                    Position(old.offset, old.stamped), before, known,
                    old if content.packed else None, head, (old.head, old.head_bytes))
        self._report.counts["found"] -= max(0, old.size - known)
        life.home = old.home or old.path
        life.written = old.mtime
        life.dirty = life.found_to != old.size or not old.marker_bytes or (
            content.path, content.dev, content.ino) != (old.path, old.dev, old.ino)
        life.gone = None if found else now
        life.grew = now
        self._add(life)
        self._put_in_order(life)
        return True

    def _add(self, life: Life) -> None:
        self._changed = True
        self._by_inode[life.dev, life.ino] = life
        self._families.setdefault(life.home, []).append(life)
        self.kin.add(life.home)
        self._report.counts["files"] += 1
        self.enqueue(life)

    def _put_in_order(self, life: Life) -> None:
        """In which order they were begun is not known: those that were moved are older than the one at home."""
        self._families[life.home].sort(key=lambda one: (one.path == one.home, one.seen.mtime, one.age))
        self.enqueue(life)

    def renew(self, life: Life, seen: Seen, now: float) -> None:
        """The file begins another life."""
        life.renew(secrets.token_hex(8), seen, now)
        self._changed = True
        self._report.counts["files"] += 1
        self.enqueue(life)

    def forget(self, life: Life) -> None:
        """It is followed no longer."""
        self._changed = True
        del self._by_inode[life.dev, life.ino]
        life.order = ()
        family = self._families[life.home]
        family.remove(life)
        if family:
            self.enqueue(family[0])
        else:
            del self._families[life.home]
            self.kin.remove(life.home)
        life.content.close()

    def close(self) -> None:
        """Let go of all; unfinished lines stay unread."""
        for life in self:
            life.let_go()
            life.content.close()
        self._by_inode.clear()
        self._changed = True

    def open_contents(self) -> dict[str, Plain]:
        """The plain files that are open, by key."""
        return {life.key: life.content for life in self if isinstance(life.content, Plain)
                and not life.content.parked}

    def descriptors(self) -> Iterator[tuple[str, int | None]]:
        """Each that is followed since this was asked last, with its descriptor; None: no longer."""
        if not self._changed:
            return
        self._changed = False
        present = self.open_contents()
        for key in [key for key in self._handed if key not in present]:
            del self._handed[key]
            yield key, None
        for key, content in present.items():
            if key not in self._handed:
                self._handed[key] = None
                yield key, content.fd

    def follows(self, life: Life) -> bool:
        """Whether it is still one of these."""
        return self.at(life.dev, life.ino) is life

    def before(self, life: Life) -> Iterator[Life]:
        """Those of its family that came before it, oldest first."""
        return takewhile(lambda one: one is not life, self._families[life.home])

    # --- which is read next ---------------------------------------------------------------------------

    def enqueue(self, life: Life) -> None:
        """Give the first of its family that has something to read its place among those that have."""
        family = self._families[life.home]
        if len(family) > 1:
            # A stable sort: the oldest first. One that cannot be read now must not keep the others waiting.
            life, *others = sorted(family, key=lambda one: one.failed or not one.ready)
            for other in others:
                other.order = ()
            if self._alone in others:
                self._alone = None
        if life.failed or not life.ready:
            life.order = ()
            return
        alone = self._sole()
        if alone is life:
            return
        if alone is None and self._queued() is None:
            self._alone, life.order = life, ()
            return
        self._alone = None
        if alone is not None:
            self._put(alone)
        self._put(life)

    def _sole(self) -> Life | None:
        """The only one that has something to read, if it is known to be the only one."""
        one = self._alone
        if one is not None and (one.failed or not one.ready or not self.follows(one)):
            self._alone = None
        return self._alone

    def _put(self, life: Life) -> None:
        order = self.order(life)
        if order != life.order:
            life.order = order
            heappush(self._queue, (order, id(life), life))

    @staticmethod
    def order(life: Life) -> tuple[Any, ...]:
        """By which one that has something to read comes before another. One that cannot be read comes at once, so that
        it is tried."""
        try:
            begins = life.begins()
        except OSError:
            begins = 0.0
        return (begins, life.seen.mtime, "file", *life.age, name_of(life.path), life.key)

    def failed(self, life: Life, error: OSError) -> None:
        """It cannot be read now; at the next look it is tried again."""
        self._report.unreadable(life.path, error)
        life.failed = True
        self.enqueue(life)

    def first(self) -> Life | None:
        """The one to be read next."""
        return self._sole() or self._queued()

    def _queued(self) -> Life | None:
        while self._queue:
            order, _, life = self._queue[0]
            if order == life.order and (life.dev, life.ino) in self:
                return life
            heappop(self._queue)
        return None

    def second(self) -> float:
        """When the one after the first begins (seconds since the epoch); infinity without any."""
        if self._sole() is not None:
            return inf
        entry = heappop(self._queue)
        after = self._queued()
        heappush(self._queue, entry)
        return after.order[0] if after else inf
