"""Follow files: which there are, what became of each, and which is read next.

Reading one is for `life` and `content`, finding them for `globs`, what stands beside them for `siblings`, and what is
decided of them without touching any stands in `core.follow` and `core.merge`. Notifications only say where to look; a
look at everything alone is enough. A file stays open while it is followed, so that one which was renamed or removed is
read to its end before the next of its name begins; what it was copied or packed to is found by its bytes.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from corowatch.core.ahead import Sent
from corowatch.core.events import Target
from corowatch.core.follow import HEAD, Saved, Seen
from corowatch.core.kinds import source
from corowatch.core.multiline import Multiline
from corowatch.core.stamps import Stamps
from corowatch.core.values import Encoding, Glob, NameGlob, Size, Stamp
from corowatch.sources import Head, Source, Tell
from corowatch.sources.absent import Absent
from corowatch.sources.beside import Beside
from corowatch.sources.content import Plain, opened, seen_of
from corowatch.sources.globs import find, fixed, matches
from corowatch.sources.known import Known
from corowatch.sources.life import AnotherText, Life, Reading, last_line
from corowatch.sources.lives import Lives
from corowatch.sources.report import Report, name_of
from corowatch.sources.siblings import Folders

QUIET = 60.0
"""Seconds without a new byte after which a file that its path no longer leads to has ended."""
REMOVED = 600.0
"""The same for one that was removed, which nobody could find again."""
JUST, LISTINGS = 0.05, 5
"""Seconds after which what was renamed in a folder is surely listed under its new name, and how often a folder that was
changed since is listed, at most: a moment of a file system's clock is up to a hundredth, and one look lasts."""


@source(adds=("cut_bytes",))
def tail(
    target: Target[Sent],
    *,
    paths: Annotated[tuple[Glob, ...], "files; `*`, `?`, `[…]` and `**` find them, also those that come later"],
    exclude: Annotated[tuple[NameGlob, ...], "globs of files to leave out; without a slash, of the file's name"] = (),
    start: Annotated[Literal["end", "beginning"], "where to begin in files that are there at the first run"] = "end",
    timestamp: Annotated[Stamp, "how lines tell their time: auto, none, or a format"] = Stamp("auto"),
    zone: Annotated[ZoneInfo | None, "of times whose lines tell none, or call it by a name that several have or that "
                                     "nobody knows, such as `IST` (default: the host's)"] = None,
    encoding: Annotated[Encoding, "the files' encoding"] = Encoding("utf-8"),
    multiline: Annotated[Multiline | None, "which lines belong together: an event is all of them"] = None,
    max_line_bytes: Annotated[Size, "of a longer line only so much of the beginning is kept"] = Size(65536),
    root: Annotated[Glob | None, "a folder that links must not lead out of"] = None,
    watch: Annotated[Literal["auto", "poll"], "poll: do without notifications, as on network file systems"] = "auto",
) -> Source:
    """Follow files as they grow, through rotation, truncation and restarts.

    Files found later are read from their beginning. A file that its path no longer leads to is read to its
    end before the next of that name.

        tail: /var/log/myapp/*.log
    """
    return Tail(target, paths, exclude, start, timestamp, zone, encoding, multiline, max_line_bytes, root, watch)


class Tail(Source):
    """The files that some globs find."""

    def __init__(self, target: Target[Sent], paths: tuple[str, ...], exclude: tuple[str, ...], start: str,
                 timestamp: str, zone: ZoneInfo | None, encoding: str, multiline: Multiline | None,
                 max_line_bytes: int, root: str | None, watch: str) -> None:
        super().__init__()
        self.counts = {"bytes": 0, "files": 0, "truncations": 0, "bytes_lost": 0, "found": 0, "skipped": 0}
        self._paths = paths
        self._exclude = exclude
        self._start = start
        self._root = root and os.path.realpath(root)
        self._watch = watch
        self._joins = multiline is not None
        self._report = Report(self.counts)
        how = Reading(target, "", Stamps(timestamp, zone), encoding, max_line_bytes, multiline)
        self._lives = Lives(how, self._report)
        self._absent = Absent(self._lives, self._report, self._opened, self.matches)
        self._beside = Beside(self._lives, self._report, self._absent, self._opened, self.matches)
        self.missing: list[str] = []
        self._by_path: dict[str, Life] = {}
        self._named: tuple[dict[str, Life], dict[str, float]] = {}, {}
        """By their own paths, the files whose names are known, and when their folders had been changed then."""
        self._led_to: set[str] = set()  # the folders that links to files lead to
        self._folders = Folders()
        self._ended: dict[str, None] = self._absent.ended
        self._carried = 0

    # --- beginning ------------------------------------------------------------------------------------

    def inherit(self, held: Mapping[str, int]) -> None:
        self._absent.inherited = dict(held)

    def open(self, saved: Mapping[str, Any], *, reader: str, start: str | None, tell: Tell,
             wake: Callable[[], None], now: float, once: bool = False) -> None:
        self._lives.how = self._lives.how._replace(reader=reader)
        self._report.tell = tell
        records = {key: Saved.of(plain) for key, plain in saved.items()}
        self._beside.known = Known({key: one for key, one in records.items() if one.done})
        for one in sorted((one for one in records.values() if one.done and not one.copy_of), key=lambda one: one.mtime):
            self._beside.was_at(one.home, one.mtime)
        self._absent.expect({key: one for key, one in records.items() if not one.done})
        self._carried = self._absent.unread
        found, folders = self._find(), Folders()
        self._absent.take_up(found, folders, self._beside, now)
        self._look_at_known(found, folders, now)
        self._beside.know_newcomers(found, folders, now)
        at_end = (start or self._start) == "end" and not saved
        unopened = self._begin_new(found, folders, at_end=at_end, now=now)
        if at_end:
            self._absent.begin_late(unopened)
        self._absent.close()
        self._name_all()

    def _begin_new(self, found: Mapping[str, Seen], folders: Folders, *, at_end: bool,
                   now: float) -> list[tuple[str, Seen]]:
        """Begin the files that are none that is known, or only out of sight; those that could not be opened."""
        absent = self._absent.inodes()
        unopened = []
        for path, seen in found.items():
            if (seen.dev, seen.ino) in self._lives or (seen.dev, seen.ino) in absent or self._beside.known.holds(seen):
                continue
            self._beside.before(path, seen, found, folders, now, at_end=at_end)
            if not self._begin(path, at_end=at_end, now=now):
                unopened.append((path, seen))
        return unopened

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
            offset, before = last_line(content, seen.size, self._lives.how) if at_end else (0, b"")
            head = content.pread(HEAD, 0) if offset else b""
            if not at_end and self._beside.is_copy(content, path):
                content.close()
                return True
        except OSError as error:
            content.close()
            self._report.unreadable(path, error)
            return False
        self._lives.begin(path, content, seen, now, offset=offset, before=before, head=head)
        return True

    def _opened(self, path: str) -> tuple[int, Seen] | None:
        """A descriptor and what it is; None, said once, if it cannot be opened or is no regular file."""
        try:
            fd = opened(path)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                self._report.unreadable(path, error)
            return None
        seen = seen_of(os.fstat(fd))
        why = "no regular file" if seen is None else "" if self._inside(fd) else f"leads out of {self._root}"
        if seen is None or why:
            os.close(fd)
            self._report.unreadable(path, why)
            return None
        self._report.readable(path)
        return fd, seen

    def _inside(self, fd: int) -> bool:
        """Whether an open file lies under `root`: what a link leads to is asked of the descriptor, for the link may
        be swapped between a look and the opening."""
        return self._root is None or os.path.commonpath([self._root, os.readlink(f"/proc/self/fd/{fd}")]) == self._root

    @property
    def trouble(self) -> bool:
        return bool(self._report.said)

    @property
    def hidden(self) -> bool:
        return any(life.gone is not None for life in self._lives)

    # --- looking --------------------------------------------------------------------------------------

    def globs(self) -> Iterator[tuple[str, list[str]]]:
        """Each glob with the paths that it finds now, in name order, and that are not excluded."""
        for pattern in self._paths:
            yield pattern, [path for path in find(pattern) if self._wanted(path)]

    def _find(self) -> dict[str, Seen]:
        """Every regular file that the globs find, first names first; a second name of a file is left out.

        What is renamed while its folder is listed may be missed, and would be read after what was written later: a
        folder that was changed just now is listed until it is twice the same. Source: readdir(3p).
        """
        began = time.time()
        found = self._list()
        for _ in range(1, LISTINGS):
            if not self._changed_since(began - JUST, found):
                break
            before, found = found, self._list()
            if {path: seen.ino for path, seen in found.items()} == {path: seen.ino for path, seen in before.items()}:
                break
        return found

    def _changed_since(self, moment: float, found: Iterable[str]) -> bool:
        """Whether a folder of these files, or where the globs begin, was changed after that."""
        folders = _folders(found) | {fixed(pattern)[0] for pattern in self._paths}
        ahead = time.time() + JUST  # a folder of another clock is not listed twice for good
        return any(moment < _changed(folder) <= ahead for folder in folders)

    def _list(self) -> dict[str, Seen]:
        found: dict[str, Seen] = {}
        inodes = set()
        self.missing = []
        for pattern, paths in self.globs():
            gone = 0
            for path in paths:
                if path in found:
                    continue
                try:
                    seen = seen_of(os.stat(path))
                except OSError as error:
                    if error.errno in (errno.ENOENT, errno.ENOTDIR):
                        gone += 1
                    else:
                        self._report.unreadable(path, error.strerror or str(error))
                    continue
                if seen is None:
                    if not os.path.isdir(path):
                        self._report.unreadable(path, "no regular file")
                    elif path == pattern:
                        self._report.unreadable(path, f"is a folder; {path}/* are the files in it")
                elif (seen.dev, seen.ino) not in inodes:
                    inodes.add((seen.dev, seen.ino))
                    found[path] = seen
            if (paths or self._may_look(pattern)) and gone == len(paths):
                self.missing.append(name_of(pattern))
        return found

    def _may_look(self, pattern: str) -> bool:
        """Whether a glob finds nothing for another reason than want of permission, which is told."""
        folder, _ = fixed(pattern)
        if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
            self._report.unreadable(folder, "the folder cannot be read")
            return False
        self._report.readable(folder)
        return True

    def _wanted(self, path: str) -> bool:
        """Whether the options let this path in, which a glob has found."""
        name = os.path.basename(path)
        return not any(matches(pattern, path) if "/" in pattern else fnmatch.fnmatchcase(name, pattern)
                       for pattern in self._exclude)

    def matches(self, path: str) -> bool:
        """Whether a glob would find this path."""
        return any(matches(pattern, path) for pattern in self._paths) and self._wanted(path)

    def look(self, now: float, woken: Collection[str] | None) -> None:
        self._folders = Folders()
        if woken is None or any(path not in self._by_path and path not in self._report.said and self.matches(path)
                                for path in woken):
            self._look_everywhere(now)
            return
        told = [life for path in woken if (life := self._by_path.get(path)) and self._lives.follows(life)]
        # What is still written into a file that was renamed comes first, and may not be told of yet.
        self._look_at_each(dict.fromkeys(chain.from_iterable((*self._lives.before(life), life) for life in told)), now)

    def glance(self, now: float) -> None:
        self._folders = Folders()
        self._look_at_each(list(self._lives), now)

    def _look_at_each(self, lives: Iterable[Life], now: float) -> None:
        """Notice what changed of these; if one is not where it was, of everything."""
        moved = False
        for life in lives:
            if self._lives.follows(life):  # a look at one may end others
                moved |= not self._look_at(life, now)
        if moved:
            self._look_everywhere(now)

    def _look_at(self, life: Life, now: float) -> bool:
        """Notice what changed of a file; False if it is not where it was."""
        seen, path = None, life.path
        if life.gone is None:
            try:
                seen = seen_of(os.stat(life.path))
            except (FileNotFoundError, NotADirectoryError):
                return False
            except OSError:  # it cannot be told now what its path leads to
                seen = self._status(life)
            if seen and (seen.dev, seen.ino) != (life.dev, life.ino):
                return False
        else:
            seen = self._status(life)
        if seen:
            self._notice(life, seen, now)
        return life.path == path  # it may be moved just now

    def _look_everywhere(self, now: float) -> None:
        """Find everything anew. What a path no longer leads to is looked at through its descriptor."""
        found = self._find()
        folders = self._folders = Folders()
        self._absent.take_up(found, folders, self._beside, now)
        here = {(seen.dev, seen.ino): (path, seen) for path, seen in found.items()}
        for life in list(self._lives):
            if not self._lives.follows(life):
                continue  # it was of use for another
            path, seen = here.get((life.dev, life.ino), (None, None))
            if path is None or seen is None:
                self._look_through(life, folders, now)
                continue
            if path != life.path:
                life.move(path)
            life.gone = None
            self._notice(life, seen, now)
        self._look_at_known(found, folders, now)
        self._beside.know_newcomers(found, folders, now)
        self._begin_new(found, folders, at_end=False, now=now)
        self._report.forget_what_is_gone()
        self._name_all()

    def _look_through(self, life: Life, folders: Folders, now: float) -> None:
        """No glob finds this file now: look through its descriptor, until nothing has come for long."""
        if life.strayed:
            life.leave(folders.where(life.path, life.ino), now)
        unreadable = life.failed
        if status := self._status(life):
            self._notice(life, status, now)
            quiet = QUIET if life.content.linked else REMOVED
            if life.gone is not None and (unreadable or not life.ready) and now - life.grew >= quiet:
                if life.content.damage:
                    if not life.unread:
                        told = life.content.size_told
                        life.find(told if told >= life.read_to else life.read_to + 1)
                    self._lost(life, "damaged", f"is damaged ({life.content.damage}), and at least {{}} bytes are lost")
                else:
                    self._lost(life, "unreadable", "cannot be read, and its last {} bytes are lost")
                self._end(life, now)
        else:
            self._lost(life, "gone", "is gone, and its last {} bytes with it")
            life.failed = True
            self._end(life, now)

    def clock_was_set(self, by: float) -> None:
        for life in self._lives:
            life.grew += by

    def _status(self, life: Life) -> Seen | None:
        """What its descriptor tells; None if a network file system's server no longer knows it (ESTALE)."""
        try:
            return life.status()
        except OSError:
            return None

    def _name_all(self) -> None:
        """By which paths notifications may call each file: its own, and what a link leads to."""
        own = {life.path: life for life in sorted(self._lives, key=lambda life: life.gone is None)}
        changed = {folder: _changed(folder) for folder in _folders(own)}
        if (own, changed) == self._named and max(changed.values(), default=0.0) < time.time() - JUST:
            return  # what was no link is none: to ask it of a thousand files takes a quarter of a look
        self._named = own, changed
        here = dict(own)
        folders: dict[str, str] = {}
        self._led_to.clear()
        for path, life in own.items():
            folder, name = os.path.split(path)
            if os.path.islink(path):
                target = os.path.realpath(path)
                self._led_to.add(os.path.dirname(target))
            else:
                if folder not in folders:
                    folders[folder] = os.path.realpath(folder)
                target = f"{folders[folder]}/{name}"
            here.setdefault(target, life)
        self._by_path = here

    def _look_at_known(self, found: Collection[str], folders: Folders, now: float) -> None:
        """Go on in those files that were read to their end and have grown."""
        known = self._beside.known
        for key, saved in known.changed(folders, now):
            if saved.packed:  # of what is packed nothing grows
                known.detach(key)
                continue
            at = self._opened(saved.path)
            if at is None:
                continue
            content, seen = Plain(saved.path, *at), at[1]
            if content.gen is not None and saved.gen is not None and content.gen != saved.gen:
                known.detach(key)
                content.close()
                continue
            known.forget(key)
            if (saved.copy_of or not saved.offset) and self._beside.is_copy(content, saved.home):
                content.close()  # more of it was copied
            elif saved.copy_of and self._lives.of(saved.copy_of):
                content.close()  # it only began alike: if a glob finds it, it is begun
            elif seen.size > saved.offset:
                self._absent.resume(key, saved, content, seen, now, found=saved.path in found)
            else:
                content.close()
                if seen.size == saved.offset and (content.gen is None or content.gen == saved.gen):
                    known.add(key, msgspec.structs.replace(saved, size=seen.size, mtime=seen.mtime))

    def _notice(self, life: Life, seen: Seen, now: float) -> None:
        empty = life.found_to == 0
        try:
            if life.packed or seen != life.seen:
                seen = life.status()  # what was seen a moment ago may have been truncated since
            if life.notice(seen, now):
                if empty and life.found_to:  # it may have been copied and truncated before it was seen to hold anything
                    self._beside.begin_missed(life.home, self._by_path, self._folders, now)
                life.failed = False
                self._lives.enqueue(life)
            else:
                self._rewritten(life, now)
        except OSError as error:
            self._report.unreadable(life.path, error)

    def _rewritten(self, life: Life, now: float) -> None:
        """The file was truncated or written anew: this life goes on in a copy or ends, and another begins at 0."""
        self.counts["truncations"] += 1
        key, folders, seen = life.key, self._folders, life.status()
        folders.renewed(life.path)  # the copy was made a moment ago
        if not self._absent.take_up_copy(key, life.saved(), folders, self._beside, now):
            self._lost(life, "truncated", "was truncated before its last {} bytes were read")
            life.finish(now)
            self._ended[key] = None
        self._beside.begin_missed(life.home, self._by_path, folders, now)
        with contextlib.suppress(OSError):  # it may have been truncated once more
            seen = life.status()
        self._lives.renew(life, seen, now)

    def _lost(self, life: Life, reason: str, how: str) -> None:
        """Tell of the bytes of a life that will never be read."""
        if life.unread:
            self._report.lost(life.path, life.unread, reason, how.format(life.unread))

    def _end(self, life: Life, now: float) -> None:
        """No path leads here and nothing has come for long: the last line is a line, however it ends."""
        life.finish(now)
        if life.failed:
            self._ended[life.key] = None
        else:
            self._beside.ended(life)
        self._beside.was_at(life.home, life.written)
        self._lives.forget(life)

    # --- reading --------------------------------------------------------------------------------------

    def head(self) -> Head | None:
        life = self._lives.first()
        if life is None:
            return None
        return Head(lambda: life.order or self._lives.order(life), self._lives.second(),
                    lambda now, until: self._read(life, now, until))

    @property
    def behind(self) -> bool:
        return self._lives.first() is not None

    def _read(self, life: Life, now: float, until: float) -> None:
        try:
            for older in self._lives.before(life) if self._joins else ():
                older.end_record()  # where another was begun in its place, no record goes on in it
            if life.read(now, until) is None:
                self._rewritten(life, now)
                return
        except OSError as error:
            self._lives.failed(life, error)
            return
        except AnotherText:
            self._look_elsewhere(life, now)
            return
        if life.compressed:
            path = name_of(life.path)
            self._report.tell("compressed", f"{path} is compressed, and so no lines", path=path)
        if life.packed and not life.ready and not life.content.damage:
            self._lost(life, "damaged", "is shorter than it was, and {} bytes are lost")
            self._end(life, now)
        else:
            self._lives.enqueue(life)

    def _look_elsewhere(self, life: Life, now: float) -> None:
        """A compressed file only begins like the one that was looked for: look for another, or give it up."""
        old = life.saved()
        self._absent.is_another(life.dev, life.ino)
        self._lives.forget(life)
        if not self._absent.take_up_copy(life.key, old, Folders(), self._beside, now):
            self._absent.lose(life.key, old, None)

    def pass_time(self, now: float) -> None:
        for life in self._lives if self._joins else ():
            try:
                life.pass_time(now)
            except OSError as error:
                self._lives.failed(life, error)

    @property
    def waiting(self) -> bool:
        return self._joins and any(life.waiting for life in self._lives)

    def lines_before(self, key: str, place: int | str, count: int) -> list[str]:
        life = self._lives.of(key)
        try:
            return life.lines_before(int(place), count) if life else []
        except OSError:
            return []

    def lines_after(self, key: str, place: int | str, count: int, own: int = 1) -> list[str] | None:
        life = self._lives.of(key)
        try:
            return life.lines_after(int(place), count, own if self._joins else 1) if life else None
        except OSError:
            return None

    # --- what is kept ---------------------------------------------------------------------------------

    def changes(self) -> Iterator[tuple[str, Any]]:
        for key in (*self._ended, *self._beside.known.gone):
            yield key, None
        for life in self._lives:
            if life.dirty:
                yield life.key, msgspec.to_builtins(life.saved())
        for key, saved in (*self._absent.late.items(), *self._beside.known.added.items()):
            yield key, msgspec.to_builtins(saved)

    def written(self) -> None:
        self._absent.late.clear()
        self._beside.known.written()
        for life in self._lives:
            life.dirty = False
        self._ended.clear()

    def holds(self) -> Mapping[str, int]:
        return {key: content.fd for key, content in self._lives.open_contents().items()}

    def descriptors(self) -> Iterator[tuple[str, int | None]]:
        return self._lives.descriptors()

    def standing(self) -> Mapping[str, int]:
        return {"carried": self._carried, "partial": sum(life.partial for life in self._lives),
                "unread": sum(life.unread + life.room for life in self._lives) + self._absent.unread}

    def directories(self) -> Mapping[str, bool]:
        if self._watch == "poll":
            return {}
        wanted: dict[str, bool] = {}
        for pattern in self._paths:
            folder, below = fixed(pattern)
            wanted[folder] = wanted.get(folder, False) or below
        return {**dict.fromkeys(self._led_to, False), **wanted}

    def close(self) -> None:
        self._lives.close()


def _folders(paths: Iterable[str]) -> set[str]:
    return {path.rpartition("/")[0] for path in paths}


def _changed(folder: str) -> float:
    """When a folder was changed last (seconds since the epoch); 0 if that cannot be told."""
    try:
        return os.stat(folder or "/").st_mtime
    except OSError:
        return 0.0
