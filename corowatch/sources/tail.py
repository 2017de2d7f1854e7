"""Follow files: which there are, what became of each, and which is read next.

Reading one is for `life`, finding them for `globs`, and what is decided of them without touching any stands in
`core.follow` and `core.merge`. Notifications only say where to look; a look at everything alone is enough. A file
stays open while it is known, so that one which was renamed or removed is read to its end before the next of its
name begins.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from math import inf
from typing import Annotated, Any, Literal

import msgspec

from corowatch.core.events import Block, Position, Target
from corowatch.core.follow import Saved, Seen, is_same_life, marker
from corowatch.core.kinds import source
from corowatch.core.stamps import Stamps
from corowatch.core.values import Encoding, Glob, NameGlob, Size, Stamp
from corowatch.sources import Head, Source, Tell
from corowatch.sources.globs import find, fixed, matches
from corowatch.sources.life import Life, Reading, last_line, name_of, seen_of

QUIET = 60.0
"""Seconds without a new byte after which a file that its path no longer leads to has ended."""


@source
def tail(
    target: Target[Block],
    *,
    paths: Annotated[tuple[Glob, ...], "files; `*`, `?`, `[…]` and `**` find them, also those that come later"],
    exclude: Annotated[tuple[NameGlob, ...], "globs of files to leave out; without a slash, of the file's name"] = (),
    start: Annotated[Literal["end", "beginning"], "where to begin in files that are there at the first run"] = "end",
    timestamp: Annotated[Stamp, "how lines tell their time: auto, none, or a format"] = Stamp("auto"),
    encoding: Annotated[Encoding, "the files' encoding"] = Encoding("utf-8"),
    max_line_bytes: Annotated[Size, "of a longer line only so much of the beginning is kept"] = Size(65536),
    root: Annotated[Glob | None, "a folder that links must not lead out of"] = None,
    watch: Annotated[Literal["auto", "poll"], "poll: do without notifications, as on network file systems"] = "auto",
) -> Source:
    """Follow files as they grow, through rotation, truncation and restarts.

    Files found later are read from their beginning. A file that its path no longer leads to is read to its
    end before the next of that name.

        tail: /var/log/myapp/*.log
    """
    return Tail(target, paths, exclude, start, timestamp, encoding, max_line_bytes, root, watch)


class Tail(Source):
    """The files that some globs find."""

    def __init__(self, target: Target[Block], paths: tuple[str, ...], exclude: tuple[str, ...], start: str,
                 timestamp: str, encoding: str, max_line_bytes: int, root: str | None, watch: str) -> None:
        super().__init__()
        self.counts = {"bytes": 0, "files": 0, "bytes_lost": 0}
        self._paths = paths
        self._exclude = exclude
        self._start = start
        self._how = Reading(target, "", Stamps(timestamp), encoding, max_line_bytes)
        self._root = root and os.path.realpath(root)
        self._watch = watch
        self._lives: dict[tuple[int, int], Life] = {}
        self._by_path: dict[str, Life] = {}
        self._families: dict[str, list[Life]] = {}
        """The files that were first known under one path, oldest first: they are read in this order."""
        self._queue: list[tuple[tuple[Any, ...], int, Life]] = []
        """Those with something to read, earliest first; an entry whose order is no longer its life's is passed over."""
        self._ended: dict[str, None] = {}
        self._absent: dict[str, Saved] = {}
        """Files of the last run that cannot be seen now."""
        self._unsaved: dict[str, Saved] = {}
        """Of these, those whose position is still to be saved."""
        self._said: dict[str, str] = {}
        self._tell: Tell = lambda kind, text, **fields: None

    # --- beginning ------------------------------------------------------------------------------------

    def open(self, saved: Mapping[str, Any], *, reader: str, start: str | None, tell: Tell,
             wake: Callable[[], None], now: float, once: bool = False) -> None:
        self._how = self._how._replace(reader=reader)
        self._tell = tell
        found = self._find()
        known = {key: Saved.of(plain) for key, plain in saved.items()}
        # Of a file that two readers had, which are one now, the lowest place counts: better twice than never.
        self._absent = dict(sorted(known.items(), key=lambda item: item[1].offset))
        self._take_up_absent(found, now)
        at_end = (start or self._start) == "end" and not saved
        unopened = self._begin_new(found, at_end=at_end, now=now)
        for path, seen in unopened if at_end else ():
            # It was there and could not be opened: it too begins at its end, at the one that it has now.
            late = Saved(path, seen.dev, seen.ino, seen.size, marker(b""), 0, home=path)
            self._unsaved[secrets.token_hex(8)] = late
        self._absent.update(self._unsaved)
        self._name_all()

    def _begin_new(self, found: Mapping[str, Seen], *, at_end: bool, now: float) -> list[tuple[str, Seen]]:
        """Begin the files that are none that is known, or only out of sight; those that could not be opened."""
        absent = {(old.dev, old.ino) for old in self._absent.values()}
        return [(path, seen) for path, seen in found.items()
                if (seen.dev, seen.ino) not in self._lives and (seen.dev, seen.ino) not in absent
                and not self._begin(path, at_end=at_end, now=now)]

    def _take_up_absent(self, found: Mapping[str, Seen], now: float) -> None:
        by_inode: dict[int, list[str]] = {}
        for path, seen in found.items() if self._absent else ():
            by_inode.setdefault(seen.ino, []).append(path)
        for key, old in list(self._absent.items()):
            if self._take_up(key, old, found, by_inode, now):
                del self._absent[key]
                self._unsaved.pop(key, None)

    def _take_up(self, key: str, old: Saved, found: Mapping[str, Seen], by_inode: Mapping[int, list[str]],
                 now: float) -> bool:
        """Go on in a file of the last run, or let it go; False if it cannot be seen now, which is not gone."""
        path = self._where(old, found, by_inode.get(old.ino, []))
        left_out = path is not None and path not in found and not self.matches(old.home or old.path)
        if (old.dev, old.ino) in self._lives or left_out:
            self._ended[key] = None  # it is there, and the options of today leave it out
            return True
        opened = self._opened(path) if path else None
        if path and opened:
            resumed = self._resume(key, old, path, opened, now, found=path in found)
            if resumed is not False:
                return resumed is True
        elif path or _hidden(old.path):
            return False
        self._tell("gone", f"{name_of(old.path)}, read up to byte {old.offset}, is not there any more as it was",
                   path=name_of(old.path), bytes=old.offset)
        self._ended[key] = None
        return True

    def _where(self, old: Saved, found: Mapping[str, Seen], same: Sequence[str]) -> str | None:
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
        try:
            with os.scandir(os.path.dirname(old.path)) as entries:
                return next((entry.path for entry in entries if entry.inode() == old.ino), None)
        except OSError:
            return None

    def _resume(self, key: str, old: Saved, path: str, opened: tuple[int, Seen], now: float, *,
                found: bool) -> bool | None:
        """Go on in a file of the last run, if it is still the same life of it; None if it cannot be read now."""
        fd, seen = opened
        offset = old.offset
        try:
            before = os.pread(fd, old.marker_bytes, offset - old.marker_bytes)
            if offset and not old.marker_bytes and offset <= seen.size:  # it could never be opened
                offset, before = last_line(fd, offset, self._how)
        except OSError as error:
            os.close(fd)
            self._say(path, error.strerror or str(error))
            return None
        if not is_same_life(old, seen, before[len(before) - old.marker_bytes:]) or (seen.dev, seen.ino) in self._lives:
            os.close(fd)
            return False
        life = Life(key, old.home or old.path, fd, seen, self._how, Position(offset, old.stamped), before)
        life.path = path
        life.dirty = path != old.path or seen.dev != old.dev or not old.marker_bytes
        life.gone = None if found else now
        life.grew = now
        self._add(life)
        # In which order they were begun was not saved: those that were moved are older than the one at home.
        self._families[life.home].sort(key=lambda one: (one.path == one.home, one.seen.mtime))
        self._enqueue(life)
        return True

    def _begin(self, path: str, *, at_end: bool, now: float) -> bool:
        """A file that was not known: from its beginning, or from the start of its last line; whether it was opened."""
        opened = self._opened(path)
        if opened is None:
            return False
        fd, seen = opened
        if (seen.dev, seen.ino) in self._lives:  # it changed hands between the look and the opening
            os.close(fd)
            return True
        try:
            offset, before = last_line(fd, seen.size, self._how) if at_end else (0, b"")
        except OSError as error:
            os.close(fd)
            self._say(path, error.strerror or str(error))
            return False
        life = Life(secrets.token_hex(8), path, fd, seen, self._how, Position(offset), before)
        life.grew = now
        self._add(life)
        return True

    def _add(self, life: Life) -> None:
        self._lives[life.dev, life.ino] = life
        self._families.setdefault(life.home, []).append(life)
        self.counts["files"] += 1
        self._enqueue(life)

    def _opened(self, path: str) -> tuple[int, Seen] | None:
        """A descriptor and what it is; None, said once, if it cannot be opened or is no regular file."""
        try:
            # O_NONBLOCK: a FIFO that somebody planted must not hold us up.
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                self._say(path, error.strerror or str(error))
            return None
        seen = seen_of(os.fstat(fd))
        why = "no regular file" if seen is None else "" if self._inside(fd) else f"leads out of {self._root}"
        if seen is None or why:
            os.close(fd)
            self._say(path, why)
            return None
        self._said.pop(path, None)
        return fd, seen

    def _inside(self, fd: int) -> bool:
        """Whether an open file lies under `root`: what a link leads to is asked of the descriptor, for the link may
        be swapped between a look and the opening."""
        return self._root is None or os.path.commonpath([self._root, os.readlink(f"/proc/self/fd/{fd}")]) == self._root

    def _say(self, path: str, why: str) -> None:
        if self._said.get(path) != why:
            self._said[path] = why
            self._tell("unreadable", f"{name_of(path)}: {why}; it is looked at again", path=name_of(path), why=why)

    @property
    def trouble(self) -> bool:
        return bool(self._said)

    # --- looking --------------------------------------------------------------------------------------

    def globs(self) -> Iterator[tuple[str, list[str]]]:
        """Each glob with the paths that it finds now, in name order, and that are not excluded."""
        for pattern in self._paths:
            yield pattern, [path for path in find(pattern) if self._wanted(path)]

    def _find(self) -> dict[str, Seen]:
        """Every regular file that the globs find, first names first; a second name of a file is left out."""
        found: dict[str, Seen] = {}
        inodes = set()
        for pattern, paths in self.globs():
            if not paths:
                self._why_nothing(pattern)
            for path in paths:
                if path in found:
                    continue
                try:
                    seen = seen_of(os.stat(path))
                except OSError as error:
                    if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                        self._say(path, error.strerror or str(error))
                    continue
                if seen is None:
                    if not os.path.isdir(path):
                        self._say(path, "no regular file")
                    elif path == pattern:
                        self._say(path, f"is a folder; {path}/* are the files in it")
                elif (seen.dev, seen.ino) not in inodes:
                    inodes.add((seen.dev, seen.ino))
                    found[path] = seen
        return found

    def _why_nothing(self, pattern: str) -> None:
        """A glob finds nothing: say so if that is for want of permission."""
        folder, _ = fixed(pattern)
        if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
            self._say(folder, "the folder cannot be read")
        else:
            self._said.pop(folder, None)

    def _wanted(self, path: str) -> bool:
        """Whether the options let this path in, which a glob has found."""
        name = os.path.basename(path)
        return not any(matches(pattern, path) if "/" in pattern else fnmatch.fnmatchcase(name, pattern)
                       for pattern in self._exclude)

    def matches(self, path: str) -> bool:
        """Whether a glob would find this path."""
        return any(matches(pattern, path) for pattern in self._paths) and self._wanted(path)

    def look(self, now: float, woken: Collection[str] | None) -> None:
        if woken is None or any(path not in self._by_path and path not in self._said and self.matches(path)
                                for path in woken):
            self._look_everywhere(now)
            return
        for path in woken:
            if path in self._by_path:
                self._look_at(self._by_path[path], now)

    def glance(self, now: float) -> None:
        for life in list(self._lives.values()):
            self._look_at(life, now)

    def _look_at(self, life: Life, now: float) -> None:
        if life.gone is not None:
            if status := self._status(life):
                self._notice(life, status, now)
            return
        try:
            seen = seen_of(os.stat(life.path))
        except OSError:
            seen = None
        if seen is None or (seen.dev, seen.ino) != (life.dev, life.ino):
            self._look_everywhere(now)
        else:
            self._notice(life, seen, now)

    def _look_everywhere(self, now: float) -> None:
        """Find everything anew. What a path no longer leads to is looked at through its descriptor."""
        found = self._find()
        self._take_up_absent(found, now)
        here = {(seen.dev, seen.ino): (path, seen) for path, seen in found.items()}
        for inode, life in list(self._lives.items()):
            if inode in here:
                path, seen = here[inode]
                if path != life.path:
                    life.dirty, life.path = True, path
                life.gone = None
                self._notice(life, seen, now)
            else:
                self._look_through(life, now)
        self._begin_new(found, at_end=False, now=now)
        self._name_all()

    def _look_through(self, life: Life, now: float) -> None:
        """No glob finds this file now: look through its descriptor, until nothing has come for long."""
        if life.gone is None and _leads_elsewhere(life):
            life.gone = life.grew = now
        unreadable = life.failed
        if status := self._status(life):
            self._notice(life, status, now)
            if life.gone is not None and (unreadable or not life.ready) and now - life.grew >= QUIET:
                self._lost(life, "cannot be read, and its last {} bytes are lost")
                self._end(life, now)
        else:
            self._lost(life, "is gone, and its last {} bytes with it")
            self._end(life, now)

    def _status(self, life: Life) -> Seen | None:
        """What its descriptor tells; None if a network file system's server no longer knows it (ESTALE)."""
        try:
            return life.status()
        except OSError:
            return None

    def _name_all(self) -> None:
        """By which paths notifications may call each file: its own, and what a link leads to."""
        here = [life for life in self._lives.values() if life.gone is None]
        self._by_path = {os.path.realpath(life.path): life for life in here} | {life.path: life for life in here}

    def _notice(self, life: Life, seen: Seen, now: float) -> None:
        try:
            if life.notice(seen, now):
                life.failed = False
                self._enqueue(life)
            else:
                self._rewritten(life, seen, now)
        except OSError as error:
            self._say(life.path, error.strerror or str(error))

    def _rewritten(self, life: Life, seen: Seen, now: float) -> None:
        """The file was truncated or written anew: this life ends, and another begins at offset 0."""
        self._lost(life, "was truncated before its last {} bytes were read")
        self._ended[life.key] = None
        life.renew(secrets.token_hex(8), seen, now)
        self.counts["files"] += 1
        self._enqueue(life)

    def _lost(self, life: Life, how: str) -> None:
        """Tell of the bytes of a life that will never be read."""
        if life.unread:
            path = name_of(life.path)
            self.counts["bytes_lost"] += life.unread
            self._tell("lost", f"{path} {how.format(life.unread)}", path=path, bytes=life.unread)

    def _end(self, life: Life, now: float) -> None:
        """No path leads here and nothing has come for long: the last line is a line, however it ends."""
        life.finish(now)
        self._ended[life.key] = None
        self._forget(life)

    def _forget(self, life: Life) -> None:
        del self._lives[life.dev, life.ino]
        life.order = ()
        family = self._families[life.home]
        family.remove(life)
        if family:
            self._enqueue(family[0])
        else:
            del self._families[life.home]
        os.close(life.fd)

    # --- reading --------------------------------------------------------------------------------------

    def _enqueue(self, life: Life) -> None:
        """Give the first of its family that has something to read its place among those that have."""
        family = self._families[life.home]
        if len(family) > 1:
            # A stable sort: the oldest first. One that cannot be read now must not keep the others waiting.
            life, *others = sorted(family, key=lambda one: one.failed or not one.ready)
            for other in others:
                other.order = ()
        if life.failed or not life.ready:
            life.order = ()
            return
        try:
            begins = life.begins()
        except OSError as error:
            self._failed(life, error)
            return
        order = (begins, life.seen.mtime, name_of(life.path), life.key)
        if order != life.order:
            life.order = order
            heappush(self._queue, (order, id(life), life))

    def _failed(self, life: Life, error: OSError) -> None:
        """It cannot be read now; at the next look it is tried again."""
        self._say(life.path, error.strerror or str(error))
        life.failed = True
        self._enqueue(life)

    def _first(self) -> Life | None:
        """The one to be read next."""
        while self._queue:
            order, _, life = self._queue[0]
            if order == life.order and (life.dev, life.ino) in self._lives:
                return life
            heappop(self._queue)
        return None

    def head(self) -> Head | None:
        life = self._first()
        if life is None:
            return None
        entry = heappop(self._queue)
        next_ = self._first()
        heappush(self._queue, entry)
        return Head(life.order, next_.order[0] if next_ else inf, lambda now, until: self._read(life, now, until))

    @property
    def behind(self) -> bool:
        return self._first() is not None

    def _read(self, life: Life, now: float, until: float) -> None:
        try:
            sent = life.read(now, until)
            if sent is None:
                self._rewritten(life, life.status(), now)
                return
        except OSError as error:
            self._failed(life, error)
            return
        self.counts["bytes"] += sent
        if life.compressed:
            path = name_of(life.path)
            self._tell("compressed", f"{path} is compressed, and so no lines", path=path)
        self._enqueue(life)

    def _of(self, key: str) -> Life | None:
        return next((life for life in self._lives.values() if life.key == key), None)

    def lines_before(self, key: str, place: int | str, count: int) -> list[str]:
        life = self._of(key)
        try:
            return life.lines_before(int(place), count) if life else []
        except OSError:
            return []

    def lines_after(self, key: str, place: int | str, count: int) -> list[str] | None:
        life = self._of(key)
        try:
            return life.lines_after(int(place), count) if life else None
        except OSError:
            return None

    # --- what is kept ---------------------------------------------------------------------------------

    def changes(self) -> Iterator[tuple[str, Any]]:
        for life in self._lives.values():
            if life.dirty:
                yield life.key, msgspec.to_builtins(life.saved())
        for key, saved in self._unsaved.items():
            yield key, msgspec.to_builtins(saved)
        for key in self._ended:
            yield key, None

    def written(self) -> None:
        self._unsaved.clear()
        for life in self._lives.values():
            life.dirty = False
        self._ended.clear()

    def directories(self) -> Mapping[str, bool]:
        if self._watch == "poll":
            return {}
        wanted: dict[str, bool] = {}
        for pattern in self._paths:
            folder, below = fixed(pattern)
            wanted[folder] = wanted.get(folder, False) or below
        for life in self._lives.values():
            if os.path.islink(life.path):
                wanted.setdefault(os.path.dirname(os.path.realpath(life.path)), False)
        return wanted

    def close(self) -> None:
        for life in self._lives.values():
            life.let_go()
            os.close(life.fd)
        self._lives.clear()


def _leads_elsewhere(life: Life) -> bool:
    """Whether its path leads to another file or to none; what cannot be seen now may still be there."""
    try:
        status = os.stat(life.path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return (status.st_dev, status.st_ino) != (life.dev, life.ino)


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
