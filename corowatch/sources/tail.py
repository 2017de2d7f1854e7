"""Follow files: which there are, what became of each, and which is read next.

Reading one is for `life` and `content`, finding them for `globs`, what stands beside them for `siblings`, and what is
decided of them without touching any stands in `core.follow` and `core.merge`. Notifications only say where to look; a
look at everything alone is enough. A file stays open while it is followed, so that one which was renamed or removed is
read to its end before the next of its name begins; what it was copied or packed to is found by its bytes.
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
from corowatch.core.follow import HEAD, Saved, Seen, digest, is_same_life
from corowatch.core.kinds import source
from corowatch.core.rotations import succeeds
from corowatch.core.stamps import Stamps
from corowatch.core.values import Encoding, Glob, NameGlob, Size, Stamp
from corowatch.sources import Head, Source, Tell
from corowatch.sources.content import Plain, Unpacked, opened, seen_of
from corowatch.sources.globs import find, fixed, matches
from corowatch.sources.known import Known
from corowatch.sources.life import RACY, AnotherText, Life, Reading, last_line, name_of
from corowatch.sources.siblings import Folders, Kin, holds, is_copy, newest_first, roots, text_at

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
        self.counts = {"bytes": 0, "files": 0, "truncations": 0, "bytes_lost": 0, "found": 0, "skipped": 0}
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
        self._kin = Kin()
        self._queue: list[tuple[tuple[Any, ...], int, Life]] = []
        """Those with something to read, earliest first; an entry whose order is no longer its life's is passed over."""
        self._ended: dict[str, None] = {}
        self._absent: dict[str, Saved] = {}
        """Files of the last run that cannot be seen now."""
        self._unsaved: dict[str, Saved] = {}
        """Of these, those whose position is still to be saved."""
        self._known = Known({})
        self._carried = 0
        self._lost_at: dict[str, int] = {}
        """When what was lost under a path was last written (nanoseconds since the epoch): what came later is new."""
        self._settled: dict[str, int] = {}
        """When the folders were changed in which all siblings are known (nanoseconds since the epoch)."""
        self._others: set[tuple[int, int]] = set()
        """Compressed files that begin like one that was looked for, and are not it."""
        self._inherited: dict[str, int] = {}
        self._handed: dict[str, None] = {}
        """Files whose descriptors the supervisor keeps."""
        self._roster = True
        """Whether other files are followed than when these were handed over."""
        self._said: dict[str, str] = {}
        self._tell: Tell = lambda kind, text, **fields: None

    # --- beginning ------------------------------------------------------------------------------------

    def inherit(self, held: Mapping[str, int]) -> None:
        self._inherited = dict(held)

    def open(self, saved: Mapping[str, Any], *, reader: str, start: str | None, tell: Tell,
             wake: Callable[[], None], now: float, once: bool = False) -> None:
        self._how = self._how._replace(reader=reader)
        self._tell = tell
        records = {key: Saved.of(plain) for key, plain in saved.items()}
        self._known = Known({key: one for key, one in records.items() if one.done})
        self._carried = sum(max(0, one.size - one.offset) for one in records.values() if not one.done)
        # Of a file that two readers had, which are one now, the lowest place counts: better twice than never.
        self._absent = dict(sorted(((key, one) for key, one in records.items() if not one.done),
                                   key=lambda item: item[1].offset))
        found, folders = self._find(), Folders()
        self._take_up_absent(found, folders, now)
        self._look_at_known(found, folders, now)
        self._know_newcomers(found, folders, now)
        at_end = (start or self._start) == "end" and not saved
        unopened = self._begin_new(found, folders, at_end=at_end, now=now)
        for path, seen in unopened if at_end else ():
            # It was there and could not be opened: it too begins at its end, at the one that it has now.
            late = Saved(path, seen.dev, seen.ino, seen.size, digest(b""), 0, home=path, size=seen.size)
            self._unsaved[secrets.token_hex(8)] = late
        self._absent.update(self._unsaved)
        self._name_all()
        for fd in self._inherited.values():
            os.close(fd)
        self._inherited.clear()

    def _begin_new(self, found: Mapping[str, Seen], folders: Folders, *, at_end: bool,
                   now: float) -> list[tuple[str, Seen]]:
        """Begin the files that are none that is known, or only out of sight; those that could not be opened."""
        absent = {(old.dev, old.ino) for old in self._absent.values()}
        unopened = []
        for path, seen in found.items():
            inode = seen.dev, seen.ino
            if inode in self._lives or inode in absent or self._known.holds(seen):
                continue
            if path in self._families or path in self._lost_at:
                self._begin_missed(path, found, folders, now)
            else:
                self._know_siblings(path, found, folders)
            if not self._begin(path, at_end=at_end, now=now):
                unopened.append((path, seen))
        return unopened

    def _know_siblings(self, path: str, found: Collection[str], folders: Folders) -> None:
        """What a log was rotated to, and is not followed, is known: it is not what is missed when the log changes."""
        since = max((life.written for life in self._families.get(path, ())), default=0)
        for other, seen in newest_first(folders.rotations(path)):
            if other in found or (seen.dev, seen.ino) in self._lives or self._known.holds(seen):
                continue
            try:
                content = text_at(other)
            except (OSError, ImportError):
                continue
            if not since or seen.mtime < since:
                self._known.pass_by(seen, content.gen)
            elif not self._is_copy_of_known(other, content, path):
                self._add_known(content, path, "")
            content.close()

    def _add_known(self, content: Plain | Unpacked, home: str, copy_of: str) -> None:
        seen = seen_of(os.stat(content.path))
        if seen and (seen.dev, seen.ino) == (content.dev, content.ino):
            self._known.add(secrets.token_hex(8), Saved(
                content.path, seen.dev, seen.ino, 0 if content.packed else seen.size, digest(b""), 0, home=home,
                gen=content.gen, size=seen.size, mtime=seen.mtime, packed=content.packed, copy_of=copy_of))

    def _know_newcomers(self, found: Mapping[str, Seen], folders: Folders, now: float) -> None:
        """What came beside a log that is still the same was packed, or copied, and not missed."""
        for folder in {os.path.dirname(home) for home in self._families}:
            try:
                changed = os.stat(folder).st_mtime_ns
            except OSError:
                continue
            if self._settled.get(folder) == changed:
                continue
            if now - changed / 1e9 > RACY:
                self._settled[folder] = changed
            for base in folders.rotated(folder):
                seen = found.get(home := f"{folder}/{base}")
                life = self._lives.get((seen.dev, seen.ino)) if seen else None
                if life and life.home == home:
                    if life.found_to == 0:  # it may have held something before it was copied and truncated
                        self._begin_missed(home, found, folders, now)
                    self._know_siblings(home, found, folders)

    def _begin_missed(self, path: str, found: Collection[str], folders: Folders, now: float) -> None:
        """Another text stands at a known path: begin those that stood there in between, and were rotated away."""
        since = max([life.written for life in self._families.get(path, ())] + [self._lost_at.get(path, 0)])
        followed = self._lives.keys() | {(old.dev, old.ino) for old in self._absent.values()}
        missed = [(other, seen) for other, seen in newest_first(folders.rotations(path))
                  if seen.mtime >= since and (seen.dev, seen.ino) not in followed
                  and succeeds(os.path.basename(other), os.path.basename(path))]
        for other, seen in reversed(missed):
            try:
                content = text_at(other)
            except (OSError, ImportError) as error:
                self._say(other, str(error))
                continue
            begins_itself = other in found and not content.packed
            if begins_itself or self._known.holds(seen, content.gen) or self._is_copy_of_known(
                    other, content, path) or not content.reach(1):
                content.close()
                continue
            life = Life(secrets.token_hex(8), other, content, content.status(), self._how, self.counts)
            life.home = path
            life.gone = life.grew = now
            self._add(life)
            self._put_in_order(life)

    def _is_copy_of_known(self, path: str, content: Plain | Unpacked, home: str) -> bool:
        """Whether a file holds what was, or is being, read from another one of that log; then it is known as well."""
        originals: list[tuple[str, Saved, Plain | Unpacked | None]] = [
            (life.key, life.saved(), None if life.packed else life.content)
            for kin in self._kin.of(path) for life in self._families[kin]]
        originals += [(key, saved, None) for key, saved in self._known.kin_of(path)]
        for key, saved, original in originals:
            try:
                if is_copy(content, saved, original):
                    self._add_known(content, home, key)
                    return True
            except OSError:
                continue
        return False

    def _look_at_known(self, found: Collection[str], folders: Folders, now: float) -> None:
        """Go on in those files that were read to their end and have grown."""
        for key, saved in self._known.changed(folders, now):
            at = None if saved.packed else self._opened(saved.path)
            if at is None:
                if saved.packed:  # another one: of what is packed nothing grows
                    self._known.forget(key)
                continue
            content, seen = Plain(saved.path, *at), at[1]
            if saved.copy_of or not saved.offset:
                self._known.forget(key)
                if self._is_copy_of_known(saved.path, content, saved.home):  # more of it was copied
                    content.close()
                    continue
            if seen.size > saved.offset:
                self._known.forget(key)
                self._resume(key, saved, content, seen, now, found=saved.path in found)
                continue
            content.close()
            same = seen.size == saved.offset and (content.gen is None or content.gen == saved.gen)
            self._known.forget(key)
            if same:
                self._known.add(key, msgspec.structs.replace(saved, size=seen.size, mtime=seen.mtime))

    def _take_up_absent(self, found: Mapping[str, Seen], folders: Folders, now: float) -> None:
        by_inode: dict[int, list[str]] = {}
        for path, seen in found.items() if self._absent else ():
            by_inode.setdefault(seen.ino, []).append(path)
        empty: dict[str, None] = {}  # logs that may have held something before they were copied and truncated
        for key, old in list(self._absent.items()):
            if self._take_up(key, old, found, folders, by_inode, now):
                del self._absent[key]
                self._unsaved.pop(key, None)
                if not old.size:
                    empty[old.home] = None
        for home in empty.keys() & self._families.keys():
            self._begin_missed(home, found, folders, now)

    def _take_up(self, key: str, old: Saved, found: Mapping[str, Seen], folders: Folders,
                 by_inode: Mapping[int, list[str]], now: float) -> bool:
        """Go on in a file of the last run, or let it go; False if it cannot be seen now, which is not gone."""
        path = self._where(old, found, folders, by_inode.get(old.ino, []))
        left_out = path is not None and path not in found and not self.matches(old.home or old.path)
        life = self._lives.get((old.dev, old.ino))
        if left_out or (life and life.packed == old.packed and (None in (old.gen, gen := life.content.gen)
                                                                or old.gen == gen)):
            self._ended[key] = None  # it is followed already, or the options of today leave it out
            return True
        if path:
            resumed = self._take_up_at(key, old, path, now, found=path in found)
            if resumed is not False:
                return resumed is True
        elif folders.hidden(old.path) or _hidden(old.path):
            return False
        if self._take_up_inherited(key, old, now) or self._take_up_copy(key, old, folders, now):
            return True
        self._lost_at[old.home or old.path] = old.mtime
        self._lose_saved(key, old, path)
        return True

    def _lose_saved(self, key: str, old: Saved, path: str | None) -> None:
        """Neither a file of the last run nor a copy of it is there."""
        reason = "truncated" if path == old.path else "gone"
        self.counts["truncations"] += reason == "truncated"
        how = "was truncated or written anew" if reason == "truncated" else "is gone"
        name, missing = name_of(old.path), max(0, old.size - old.offset)
        if missing:
            self._lose(name, missing, reason, f"{name} {how} while corowatch did not run, and at least {missing} bytes "
                       "of it were not read")
        else:
            self._tell("gone", f"{name} {how} while corowatch did not run; it was read up to byte {old.offset}",
                       path=name, bytes=old.offset)
        self._ended[key] = None

    def _take_up_at(self, key: str, old: Saved, path: str, now: float, *, found: bool) -> bool | None:
        """Go on at a path, if what stands there is the same life; None if it cannot be read now."""
        if old.packed:
            try:
                content: Plain | Unpacked = text_at(path)
            except (OSError, ImportError) as error:
                self._say(path, str(error))
                return None
            seen = content.status()
            if not content.packed:
                content.close()
                return False
        else:
            at = self._opened(path)
            if at is None:
                return None
            content, seen = Plain(path, *at), at[1]
        return self._resume(key, old, content, seen, now, found=found)

    def _take_up_inherited(self, key: str, old: Saved, now: float) -> bool:
        """Go on in a file that no path leads to, through the descriptor that the supervisor kept."""
        fd = self._inherited.pop(key, None)
        if fd is None:
            return False
        seen = seen_of(os.fstat(fd))
        if seen is None:
            os.close(fd)
            return False
        return self._resume(key, old, Plain(old.path, fd, seen), seen, now, found=False) is True

    def _take_up_copy(self, key: str, old: Saved, folders: Folders, now: float) -> bool:
        """Go on in a copy of a file, plain or packed, that was made before the file itself was removed or truncated."""
        home = old.home or old.path
        paths = {path for root in (*roots(home), *roots(old.path)) for path in folders.rotations(root)}
        for path, seen in newest_first(paths):
            life = self._lives.get((seen.dev, seen.ino))
            if (life and not life.compressed) or (seen.dev, seen.ino) in self._others:
                continue
            try:
                content = text_at(path)
                if not holds(content, old):
                    content.close()
                    continue
            except (OSError, ImportError) as error:
                self._say(path, str(error))
                continue
            if life:
                self._ended[life.key] = None
                self._forget(life)
            if copy := self._known.at(content.dev, content.ino):
                self._known.forget(copy)
            self._follow(key, old, content, b"" if content.packed else content.pread(
                old.marker_bytes, old.offset - old.marker_bytes), now, unproven=old if content.packed else None)
            return True
        return False

    def _follow(self, key: str, old: Saved, content: Plain | Unpacked, before: bytes, now: float, *,
                unproven: Saved | None = None, found: bool = False) -> None:
        """A life goes on in a file that holds its text."""
        life = Life(key, content.path, content, content.status(), self._how, self.counts,
                    Position(old.offset, old.stamped), before, max(old.size, old.offset), unproven,
                    b"" if content.packed else content.pread(HEAD, 0))
        life.home = old.home or old.path
        life.written = old.mtime
        life.dirty = (content.path, content.dev, content.ino) != (old.path, old.dev, old.ino) or not old.marker_bytes
        life.gone = None if found else now
        life.grew = now
        self._add(life)
        self._put_in_order(life)

    def _put_in_order(self, life: Life) -> None:
        """In which order a family was begun is not known: those that were moved are older than the one at home."""
        self._families[life.home].sort(key=lambda one: (one.path == one.home, one.seen.mtime))
        self._enqueue(life)

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

    def _resume(self, key: str, old: Saved, content: Plain | Unpacked, seen: Seen, now: float, *,
                found: bool) -> bool | None:
        """Go on in a file of the last run, if it is still the same life of it; None if it cannot be read now."""
        offset = old.offset
        try:
            if content.packed:
                if not holds(content, old):
                    content.close()
                    return False
                self._follow(key, old, content, b"", now, unproven=old, found=False)
                return True
            head = content.pread(HEAD, 0) if old.head_bytes else b""
            before = content.pread(old.marker_bytes, offset - old.marker_bytes)
            same = is_same_life(old, seen, content.gen, head, before)
            if same and offset and not old.marker_bytes:  # it could never be opened
                offset, before = last_line(content, offset, self._how)
        except OSError as error:
            content.close()
            self._say(content.path, error.strerror or str(error))
            return None
        if not same or (seen.dev, seen.ino) in self._lives:
            content.close()
            return False
        self._follow(key, msgspec.structs.replace(old, offset=offset), content, before, now, found=found)
        return True

    def _begin(self, path: str, *, at_end: bool, now: float) -> bool:
        """A file that was not known: from its beginning, or from the start of its last line; whether it was opened."""
        at = self._opened(path)
        if at is None:
            return False
        content, seen = Plain(path, *at), at[1]
        if (seen.dev, seen.ino) in self._lives:  # it changed hands between the look and the opening
            content.close()
            return True
        try:
            offset, before = last_line(content, seen.size, self._how) if at_end else (0, b"")
            head = content.pread(HEAD, 0) if offset else b""
            if not at_end and self._is_copy_of_known(path, content, path):
                content.close()
                return True
        except OSError as error:
            content.close()
            self._say(path, error.strerror or str(error))
            return False
        life = Life(secrets.token_hex(8), path, content, seen, self._how, self.counts, Position(offset), before,
                    head=head)
        life.grew = now
        self._add(life)
        return True

    def _add(self, life: Life) -> None:
        self._roster = True
        self._lives[life.dev, life.ino] = life
        self._families.setdefault(life.home, []).append(life)
        self._kin.add(life.home)
        self.counts["files"] += 1
        self._enqueue(life)

    def _opened(self, path: str) -> tuple[int, Seen] | None:
        """A descriptor and what it is; None, said once, if it cannot be opened or is no regular file."""
        try:
            fd = opened(path)
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
            if self._lives.get((life.dev, life.ino)) is life:  # a look at one may end others
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
        found, folders = self._find(), Folders()
        self._take_up_absent(found, folders, now)
        here = {(seen.dev, seen.ino): (path, seen) for path, seen in found.items()}
        for inode, life in list(self._lives.items()):
            if self._lives.get(inode) is not life:
                continue  # it was of use for another
            if inode in here:
                path, seen = here[inode]
                if path != life.path:
                    life.move(path)
                life.gone = None
                self._notice(life, seen, now)
            else:
                self._look_through(life, folders, now)
        self._look_at_known(found, folders, now)
        self._know_newcomers(found, folders, now)
        self._begin_new(found, folders, at_end=False, now=now)
        self._name_all()

    def _look_through(self, life: Life, folders: Folders, now: float) -> None:
        """No glob finds this file now: look through its descriptor, until nothing has come for long."""
        if _leads_elsewhere(life):
            if path := folders.where(life.path, life.ino):
                life.move(path)
            if life.gone is None:
                life.gone = life.grew = now
        unreadable = life.failed
        if status := self._status(life):
            self._notice(life, status, now)
            if life.gone is not None and (unreadable or not life.ready) and now - life.grew >= QUIET:
                if life.content.damage:
                    self._lost(life, "damaged", f"is damaged ({life.content.damage}), and {{}} bytes of it are lost")
                else:
                    self._lost(life, "unreadable", "cannot be read, and its last {} bytes are lost")
                self._end(life, now)
        else:
            self._lost(life, "gone", "is gone, and its last {} bytes with it")
            life.failed = True
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
        empty = life.found_to == 0
        try:
            if life.notice(life.status() if life.packed else seen, now):
                if empty and life.found_to:  # it may have been copied and truncated before it was seen to hold anything
                    self._begin_missed(life.home, self._by_path, Folders(), now)
                if life.path == life.home and life.found_to:
                    life.written = life.seen.mtime
                life.failed = False
                self._enqueue(life)
            else:
                self._rewritten(life, seen, now)
        except OSError as error:
            self._say(life.path, error.strerror or str(error))

    def _rewritten(self, life: Life, seen: Seen, now: float) -> None:
        """The file was truncated or written anew: this life goes on in a copy or ends, and another begins at 0."""
        self.counts["truncations"] += 1
        key, folders = life.key, Folders()
        if not self._take_up_copy(key, life.saved(), folders, now):
            self._lost(life, "truncated", "was truncated before its last {} bytes were read")
            life.finish(now)
            self._ended[key] = None
        self._begin_missed(life.home, self._by_path, folders, now)
        life.renew(secrets.token_hex(8), seen, now)
        self._roster = True
        self.counts["files"] += 1
        self._enqueue(life)

    def _lost(self, life: Life, reason: str, how: str) -> None:
        """Tell of the bytes of a life that will never be read."""
        if life.unread:
            path = name_of(life.path)
            self._lose(path, life.unread, reason, f"{path} {how.format(life.unread)}")

    def _lose(self, path: str, lost: int, reason: str, text: str) -> None:
        self.counts["bytes_lost"] += lost
        counter = f"bytes_lost.{reason}"
        self.counts[counter] = self.counts.get(counter, 0) + lost
        self._tell("lost", text, path=path, bytes=lost, reason=reason)

    def _end(self, life: Life, now: float) -> None:
        """No path leads here and nothing has come for long: the last line is a line, however it ends."""
        life.finish(now)
        if life.failed:
            self._ended[life.key] = None
        else:  # even if it is removed: what it was packed to may be found later
            seen = life.content.file()
            self._known.add(life.key, msgspec.structs.replace(life.saved(), size=seen.size, mtime=seen.mtime))
        self._forget(life)

    def _forget(self, life: Life) -> None:
        self._roster = True
        del self._lives[life.dev, life.ino]
        life.order = ()
        family = self._families[life.home]
        family.remove(life)
        if family:
            self._enqueue(family[0])
        else:
            del self._families[life.home]
            self._kin.remove(life.home)
            self._lost_at[life.home] = life.written
        life.content.close()

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
            if life.read(now, until) is None:
                self._rewritten(life, life.status(), now)
                return
        except OSError as error:
            self._failed(life, error)
            return
        except AnotherText:
            self._look_elsewhere(life, now)
            return
        if life.compressed:
            path = name_of(life.path)
            self._tell("compressed", f"{path} is compressed, and so no lines", path=path)
        if life.packed and not life.ready and not life.content.damage:
            self._lost(life, "damaged", "is shorter than it was, and {} bytes are lost")
            self._end(life, now)
        else:
            self._enqueue(life)

    def _look_elsewhere(self, life: Life, now: float) -> None:
        """A compressed file only begins like the one that was looked for: look for another, or give it up."""
        old = life.saved()
        self._others.add((life.dev, life.ino))
        self._forget(life)
        if not self._take_up_copy(life.key, old, Folders(), now):
            self._lose_saved(life.key, old, None)

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
        for key in (*self._ended, *self._known.gone):
            yield key, None
        for life in self._lives.values():
            if life.dirty:
                yield life.key, msgspec.to_builtins(life.saved())
        for key, saved in (*self._unsaved.items(), *self._known.added.items()):
            yield key, msgspec.to_builtins(saved)

    def written(self) -> None:
        self._unsaved.clear()
        self._known.written()
        for life in self._lives.values():
            life.dirty = False
        self._ended.clear()

    def descriptors(self) -> Iterator[tuple[str, int | None]]:
        if not self._roster:
            return
        self._roster = False
        present = {life.key: life for life in self._lives.values() if not life.packed and not life.content.parked}
        for key in [key for key in self._handed if key not in present]:
            del self._handed[key]
            yield key, None
        for key in [key for key in present if key not in self._handed]:
            content = present[key].content
            assert isinstance(content, Plain)
            self._handed[key] = None
            yield key, content.fd

    def standing(self) -> Mapping[str, int]:
        return {"carried": self._carried, "partial": sum(life.partial for life in self._lives.values()),
                "unread": sum(life.unread for life in self._lives.values())
                + sum(max(0, old.size - old.offset) for old in self._absent.values())}

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
            life.content.close()
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
