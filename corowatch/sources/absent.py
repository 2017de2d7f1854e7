"""The files of the last run: each is gone on with where it stands now, in a copy of it, or through its descriptor.

What cannot be seen now is not gone: it is looked for again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from math import inf

import msgspec

from corowatch.core.follow import HEAD, Saved, Seen, digest, is_same_life
from corowatch.core.rotations import is_packed, succeeds
from corowatch.sources.beside import Beside
from corowatch.sources.content import Plain, Unpacked, seen_of
from corowatch.sources.life import Life, last_line
from corowatch.sources.lives import Lives
from corowatch.sources.report import Report, name_of
from corowatch.sources.siblings import Folders, holds, newest_first, roots, text_of

Opened = Callable[[str], tuple[int, Seen] | None]
"""A descriptor of the file at a path, and what it is; None if it cannot be opened, which was told."""


class Absent:
    """Saved positions, by key, of files that are not followed yet."""

    def __init__(self, lives: Lives, report: Report, opened: Opened, matches: Callable[[str], bool]) -> None:
        self._lives = lives
        self._report = report
        self._opened = opened
        self._matches = matches
        self._saved: dict[str, Saved] = {}
        self.late: dict[str, Saved] = {}
        """Of these, those whose position is still to be saved."""
        self.ended: dict[str, None] = {}
        """Positions that are no longer needed."""
        self._others: set[tuple[int, int]] = set()
        """Compressed files that begin like one that was looked for, and are not it."""
        self.closed: set[str] = set()
        """Files beside which stand some that may be copies of them, and cannot be read."""
        self.inherited: dict[str, int] = {}
        """Descriptors that the supervisor kept."""

    def expect(self, saved: Mapping[str, Saved]) -> None:
        """Look for these from now on."""
        # Of a file that two readers had, which are one now, the lowest place counts: better twice than never.
        self._saved = dict(sorted(saved.items(), key=lambda item: item[1].offset))

    def inodes(self) -> Collection[tuple[int, int]]:
        """Their devices and numbers."""
        return {(old.dev, old.ino) for old in self._saved.values()}

    def may_be(self, content: Plain | Unpacked, home: str) -> bool:
        """Whether a text is that of one which stood at `home`: it is gone on with there, and not begun."""
        return any(old.home == home and holds(content, old) for old in self._saved.values())

    @property
    def unread(self) -> int:
        """Bytes of them that are known to be there, and were not read."""
        return sum(max(0, old.size - old.offset) for old in self._saved.values())

    def begin_late(self, unopened: Iterable[tuple[str, Seen]]) -> None:
        """Files that were there at the first run and could not be opened: they too begin at the end that they have."""
        for path, seen in unopened:
            key = secrets.token_hex(8)
            self.late[key] = self._saved[key] = Saved(path, seen.dev, seen.ino, seen.size, digest(b""), 0, home=path,
                                                      size=seen.size)

    def take_up(self, found: Mapping[str, Seen], folders: Folders, beside: Beside, now: float) -> None:
        """Go on in those that can be seen now."""
        by_inode: dict[int, list[str]] = {}
        for path, seen in found.items() if self._saved else ():
            by_inode.setdefault(seen.ino, []).append(path)
        empty: dict[str, None] = {}  # logs that may have held something before they were copied and truncated
        for key, old in list(self._saved.items()):
            if self._take_up(key, old, found, folders, beside, by_inode, now):
                del self._saved[key]
                self.late.pop(key, None)
                if not old.size:
                    empty[old.home] = None
        for home in empty:
            if self._lives.family(home):
                beside.begin_missed(home, found, folders, now)

    def _take_up(self, key: str, old: Saved, found: Mapping[str, Seen], folders: Folders, beside: Beside,
                 by_inode: Mapping[int, list[str]], now: float) -> bool:
        """Go on in a file of the last run, or let it go; False if it cannot be seen now, which is not gone."""
        path = self._where(old, found, folders, by_inode.get(old.ino, []))
        left_out = path is not None and path not in found and not self._matches(old.home or old.path)
        if left_out or self._is_followed(old):
            self.ended[key] = None  # it is there, and the options of today leave it out; or another reader had it too
            return True
        if path:
            resumed = self._take_up_at(key, old, path, now, found=path in found)
            if resumed is not False:
                return resumed is True
        elif folders.hidden(old.path) or _hidden(old.path):
            return False
        self.closed.discard(old.path)
        if not self._take_up_inherited(key, old, now) and not self.take_up_copy(key, old, folders, beside, now):
            if old.path in self.closed:
                return False
            beside.was_at(old.home or old.path, old.mtime)
            self.lose(key, old, path)
        return True

    def _is_followed(self, old: Saved) -> bool:
        life = self._lives.at(old.dev, old.ino)
        return life is not None and life.packed == old.packed and (
            old.gen is None or life.content.gen is None or old.gen == life.content.gen)

    def lose(self, key: str, old: Saved, path: str | None) -> None:
        """Neither a file of the last run nor a copy of it is there; `path` is where another has its number."""
        truncated = path == old.path
        self._report.counts["truncations"] += truncated
        how = f"{'was truncated or written anew' if truncated else 'is gone'} while nobody followed it"
        missing = max(0, old.size - old.offset - old.room)
        self._report.counts["skipped"] += old.room
        if missing:
            self._report.lost(old.path, missing, "truncated" if truncated else "gone",
                              f"{how}, and at least {missing} bytes of it were not read")
        else:
            name = name_of(old.path)
            told = f"{name} {how}; all that was seen of it was read, up to byte {old.offset}"
            self._report.tell("gone", told, path=name, bytes=old.offset)
        self.ended[key] = None

    def _where(self, old: Saved, found: Mapping[str, Seen], folders: Folders, same: Sequence[str]) -> str | None:
        """The path under which a file of the last run stands now: its own, another, or one no glob finds.

        `same` are those with its number that globs find.
        """
        if same:
            return min(same, key=lambda path: (found[path].dev != old.dev, path != old.path))
        try:
            if os.stat(old.path).st_ino == old.ino:
                return old.path
        except OSError:
            pass  # it may stand under another name
        return folders.where(old.path, old.ino)

    def _take_up_at(self, key: str, old: Saved, path: str, now: float, *, found: bool) -> bool | None:
        """Go on at a path, if what stands there is the same life; None if it cannot be read now."""
        if not old.packed:
            at = self._opened(path)
            return None if at is None else self.resume(key, old, Plain(path, *at), at[1], now, found=found)
        try:
            content = text_of(path, old, packed=True)
        except OSError as error:
            self._report.unreadable(path, error)
            return None
        return content is not None and self._go_on(key, old, content, b"", now, found=False)

    def _take_up_inherited(self, key: str, old: Saved, now: float) -> bool:
        """Go on in a file that no path leads to, through the descriptor that the supervisor kept."""
        fd = self.inherited.pop(key, None)
        if fd is None:
            return False
        seen = seen_of(os.fstat(fd))
        if seen is None:
            os.close(fd)
            return False
        return self.resume(key, old, Plain(old.path, fd, seen), seen, now, found=False) is True

    def take_up_copy(self, key: str, old: Saved, folders: Folders, beside: Beside, now: float) -> bool:
        """Go on in a copy of a file, plain or packed, that was made before the file itself was removed or truncated."""
        found = self._take_up_copy(key, old, folders, beside, now)
        while not found and folders.renewed(old.path):  # it may have got another name meanwhile
            found = self._take_up_copy(key, old, folders, beside, now)
        return found

    def _take_up_copy(self, key: str, old: Saved, folders: Folders, beside: Beside, now: float) -> bool:
        paths = {path for root in (*roots(old.home or old.path), *roots(old.path)) for path in folders.rotations(root)}
        # It was written, or copied, after it was seen last; what came after it may begin like it.
        candidates = list(newest_first(paths))
        candidates.reverse()
        candidates.sort(key=lambda one: one[1].mtime if one[1].mtime >= old.mtime else inf)
        for path, seen in candidates:
            life = self._lives.at(seen.dev, seen.ino)
            if (seen.dev, seen.ino) in self._others or (life and not _may_be_copy(life, key, old, path)):
                continue
            try:
                content = text_of(path, old)
            except OSError as error:
                if error.errno == errno.EACCES:
                    self.closed.add(old.path)  # it may be this one
                self._report.unreadable(path, error)
                continue
            if content is None:
                continue
            if life:  # it was not read yet, and so not known to be a copy
                life.unfind(0)
                self.ended[life.key] = None
                self._lives.forget(life)
            if copy := beside.known.at(content.dev, content.ino):
                beside.known.forget(copy)
            if self._go_on(key, old, content, None, now, found=False):
                return True
        return False

    def is_another(self, dev: int, ino: int) -> None:
        """A compressed file only begins like the one that was looked for."""
        self._others.add((dev, ino))

    def resume(self, key: str, old: Saved, content: Plain | Unpacked, seen: Seen, now: float, *,
               found: bool) -> bool | None:
        """Go on in a plain file, if it is still the same life of it; None if it cannot be read now."""
        offset = old.offset
        try:
            head = content.pread(HEAD, 0) if old.head_bytes else b""
            before = content.pread(old.marker_bytes, offset - old.marker_bytes)
            same = is_same_life(old, seen, content.gen, head, before)
            if same and offset and not old.marker_bytes:  # it could never be opened
                offset, before = last_line(content, offset, self._lives.how)
        except OSError as error:
            content.close()
            self._report.unreadable(content.path, error)
            return None
        if not same or (seen.dev, seen.ino) in self._lives:
            content.close()
            return False
        return self._go_on(key, msgspec.structs.replace(old, offset=offset), content, before, now, found=found)

    def _go_on(self, key: str, old: Saved, content: Plain | Unpacked, before: bytes | None, now: float, *,
               found: bool) -> bool:
        """Go on in an open file, unless it was truncated a moment ago or cannot be read: it is closed then."""
        copy = before is None
        with contextlib.suppress(OSError):
            if before is None:
                before = b"" if content.packed else content.pread(old.marker_bytes, old.offset - old.marker_bytes)
            if self._lives.go_on(key, old, content, before, now, found=found, copy=copy):
                return True
        content.close()
        return False

    def close(self) -> None:
        """What was inherited and not needed is let go."""
        for fd in self.inherited.values():
            os.close(fd)
        self.inherited.clear()


def _may_be_copy(life: Life, key: str, old: Saved, path: str) -> bool:
    """Whether what is followed already, at a path, may be only a copy of a saved life: another one, nothing of which
    was read, and if it is plain, named as rotated from it. Logs of one kind may well begin alike."""
    name, home = os.path.basename(path), os.path.basename(old.home or old.path)
    return life.read_to == 0 and life.key != key and (is_packed(name) or succeeds(name, home))


def _hidden(path: str) -> bool:
    """Whether something may be at `path`, or beside it, that cannot be looked at now."""
    try:
        os.scandir(os.path.dirname(path)).close()
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return False
