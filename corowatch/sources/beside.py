"""What stands beside the followed files: what was missed of a log between two looks, and what was read before.

A log that stands at its path as it stood has missed nothing: what is new beside it was packed or copied. Where another
text stands there, what is new beside it and named as rotated from it stood there in between.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import msgspec

from corowatch.core.follow import Saved, Seen, digest
from corowatch.core.rotations import is_packed, succeeds
from corowatch.sources.content import Plain, Unpacked
from corowatch.sources.known import Known
from corowatch.sources.life import RACY, Life, strayed
from corowatch.sources.lives import Lives
from corowatch.sources.report import Report
from corowatch.sources.siblings import PROBE, Folders, begins, holds, is_copy, newest_first, roots, text_at

MOST = 10_000
"""Paths of which it is remembered that a log stood there."""


class Awaited(Protocol):
    """Files of the last run that are not followed yet."""

    def inodes(self) -> Collection[tuple[int, int]]:
        """Their devices and numbers."""
        ...

    def may_be(self, content: Plain | Unpacked, home: str) -> bool:
        """Whether a text is that of one which stood at `home`."""
        ...


class Beside:
    """Files that are not followed, and which of them have to be."""

    def __init__(self, lives: Lives, report: Report, absent: Awaited,
                 opened: Callable[[str], tuple[int, Seen] | None], matches: Callable[[str], bool]) -> None:
        self._lives = lives
        self._report = report
        self._absent = absent
        self._opened = opened
        self._matches = matches
        self.known = Known({})
        self._last_at: dict[str, int] = {}
        """When what stood at a path last was written last (nanoseconds since the epoch): what came later is new."""
        self._again: dict[str, int] = {}
        """Logs that changed while their folder did: what was missed since (nanoseconds) is looked for again."""
        self._settled: dict[str, int] = {}
        """When the folders were changed in which all siblings are known (nanoseconds since the epoch)."""

    def was_at(self, home: str, written: int) -> None:
        """A log stood at this path, and is followed no longer."""
        self._last_at.pop(home, None)
        self._last_at[home] = written
        if len(self._last_at) > MOST:
            del self._last_at[next(iter(self._last_at))]

    def ended(self, life: Life) -> None:
        """It was read to its end. Even if it is removed: what it was packed to may be found later."""
        file = life.content.file()
        self.known.add(life.key, msgspec.structs.replace(life.saved(), size=file.size, mtime=file.mtime))

    def before(self, path: str, seen: Seen, found: Collection[str], folders: Folders, now: float, *,
               at_end: bool) -> None:
        """A file that is new was seen at `path`: begin what stood there since we looked, or know what we never read,
        and with `at_end` do not want to."""
        known = self._lives.family(path) or path in self._last_at
        if not known and not at_end and strayed(path, seen.dev, seen.ino):
            self.was_at(path, seen.mtime)  # it was rotated since it was seen
            known = True
        if known:
            self.begin_missed(path, found, folders, now)
        elif at_end or not any(self._lives.family(log) and succeeds(os.path.basename(path), os.path.basename(log))
                               for log in roots(path)):
            # What else is rotated from a followed log is that one's: it may be this very text, packed a moment ago.
            self._know_siblings(path, found, folders, now, at_end=at_end)

    def begin_missed(self, path: str, found: Collection[str], folders: Folders, now: float) -> None:
        """Another text stands at a known path: begin those that stood there in between, and were rotated away."""
        since = self._again.get(path)
        if since is None:
            since = max([life.written for life in self._lives.family(path)] + [self._last_at.get(path, 0)])
        self._begin_since(since, path, found, folders, now)
        while folders.renewed(path):  # names move while they are looked at: what was one is another now
            self._begin_since(since, path, found, folders, now)
        if folders.settled(path):
            self._again.pop(path, None)
        else:
            self._again[path] = since

    def _begin_since(self, since: int, path: str, found: Collection[str], folders: Folders, now: float) -> None:
        for life in self._lives.family(path):  # what was rotated as well comes before what stood there after it
            if life.path == path and life.strayed and (moved_to := folders.where(path, life.ino)) not in (None, path):
                life.leave(moved_to, now)
        absent = self._absent.inodes()
        missed = [(other, seen) for other, seen in newest_first(folders.rotations(path))
                  if seen.mtime >= since and (seen.dev, seen.ino) not in self._lives
                  and (seen.dev, seen.ino) not in absent
                  and succeeds(os.path.basename(other), os.path.basename(path))]
        begin_themselves = {other for other, _ in missed if other in found}
        # What is just being packed stands there twice: the packed one will be a copy.
        missed = [(other, seen) for other, seen in missed
                  if not is_packed(other) or os.path.splitext(other)[0] not in begin_themselves]
        here = self._unfollowed(path) if missed else None
        for other, seen in reversed(missed):
            try:
                content = text_at(other)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EAGAIN):
                    self._report.unreadable(other, error)
                continue
            try:
                begins_itself = other in found and not content.packed
                if begins_itself or not self._is_missed(content, seen, path, here):
                    content.close()
                elif not self._go_on_in(content, folders, now):
                    self._lives.begin_missed(path, content, now)
            except OSError as error:
                content.close()
                self._report.unreadable(other, error)
        if here:
            here.close()

    def _is_missed(self, content: Plain | Unpacked, seen: Seen, path: str, here: Plain | None) -> bool:
        """Whether a text stood at a path, and nothing of it was read; `here` stands there now, and is not followed."""
        if (content.dev, content.ino) != (seen.dev, seen.ino) or self.known.holds(seen, content.gen):
            return False
        if here and content.status().mtime >= here.status().mtime and begins(here, content):
            return False  # what is new at the path was copied, and is not truncated yet
        if self.is_copy(content, path) or not content.pread(1, 0) or self._is_unfinished(content, seen):
            return False
        return not self._absent.may_be(content, path)

    def _unfollowed(self, path: str) -> Plain | None:
        """What stands at a path, if it is not followed."""
        at = self._opened(path)
        if at is None:
            return None
        content = Plain(path, *at)
        if (content.dev, content.ino) in self._lives:
            content.close()
            return None
        return content

    def _is_unfinished(self, content: Plain | Unpacked, seen: Seen) -> bool:
        """Whether a packed file may still be being written."""
        if not content.packed or time.time() - seen.mtime / 1e9 > RACY:
            return False
        content.reach(PROBE)
        return bool(content.damage)

    def _go_on_in(self, content: Plain | Unpacked, folders: Folders, now: float) -> bool:
        """A file that had ended was written once more, and then packed before anybody looked: go on behind its end."""
        for key, saved in self.known.kin_of(content.path) if content.packed else ():
            if folders.where(saved.path, saved.ino) is None and not saved.copy_of and holds(content, saved):
                self.known.forget(key)
                self._lives.go_on(key, saved, content, b"", now)
                return True
        return False

    def know_newcomers(self, found: Mapping[str, Seen], folders: Folders, now: float) -> None:
        """What came beside a log that is still the same was packed, or copied, and not missed."""
        for home in [home for home in self._again if not self._lives.family(home)]:
            del self._again[home]
        for folder in {os.path.dirname(home) for home in self._lives.homes}:
            try:
                changed = os.stat(folder).st_mtime_ns
            except OSError:
                continue
            for home in [home for home in self._again if os.path.dirname(home) == folder]:
                self.begin_missed(home, found, folders, now)
            if self._settled.get(folder) == changed:
                continue
            if now - changed / 1e9 > RACY:
                self._settled[folder] = changed
            rotated = folders.rotated(folder)
            # Only what has been quiet for a moment is known: what is listed may have stood at the path since it was
            # looked at.
            settled = folders.settled(f"{folder}/")
            for base in rotated:
                seen = found.get(home := f"{folder}/{base}")
                life = self._lives.at(seen.dev, seen.ino) if seen else None
                if life and not life.packed and not life.intact:  # it was truncated, which the next read shows
                    self._again.setdefault(home, life.written)
                if life and life.home == home and home not in self._again:
                    if life.found_to == 0:  # it may have held something before it was copied and truncated
                        self.begin_missed(home, found, folders, now)
                    if settled:
                        self._know_siblings(home, found, folders, now)

    def _know_siblings(self, path: str, found: Collection[str], folders: Folders, now: float, *, at_end: bool = False,
                       ) -> None:
        """What a log was rotated to, and is not followed, is known: it is not what is missed when the log changes."""
        since = max((life.written for life in self._lives.family(path)), default=0)
        for other, seen in newest_first(folders.rotations(path)):
            if (seen.dev, seen.ino) in self._lives or self.known.holds(seen):
                continue
            # It will be found if it is not: it was renamed since the files were listed.
            if other in found or (self._matches(other) and not at_end):
                continue
            try:
                content = text_at(other)
            except OSError:
                continue
            try:
                if not since or seen.mtime < since:
                    self.known.pass_by(seen, content.gen)
                elif not self.is_copy(content, path):
                    if self._go_on_in(content, folders, now):
                        continue
                    self._know(content, path)
            except OSError as error:
                self._report.unreadable(other, error)
            content.close()

    def is_copy(self, content: Plain | Unpacked, home: str) -> bool:
        """Whether a file holds what was, or is being, read from another one of a log; then it is known as well.

        What is plain must be named as rotated from it: `worker-1.log` and `worker-2.log` may well begin alike.
        """
        name = os.path.basename(content.path)
        originals: list[tuple[str, Saved, Life | None]] = [
            (life.key, life.saved(), life)
            for kin in self._lives.kin.of(content.path) for life in self._lives.family(kin)]
        originals += [(key, saved, None) for key, saved in self.known.kin_of(content.path)]
        if not content.packed:
            originals = [one for one in originals if succeeds(name, os.path.basename(one[1].home))]
        for key, saved, life in originals:
            original = None if life is None or life.packed else life.content
            try:
                if is_copy(content, saved, original) or (life and life.has_read(content)):
                    self._know(content, home, key)
                    return True
            except OSError:
                continue
        return False

    def _know(self, content: Plain | Unpacked, home: str, copy_of: str = "") -> None:
        seen = content.file()
        self.known.add(secrets.token_hex(8), Saved(
            content.path, seen.dev, seen.ino, 0 if content.packed else seen.size, digest(b""), 0, home=home,
            gen=content.gen, size=seen.size, mtime=seen.mtime, packed=content.packed, copy_of=copy_of))
