"""Follow files: open, read and close them, and send what they hold through a frame.

The files are decided about in `core.follow`; here is what touches them. Notifications only say where to
look; a look at everything alone is enough. A file stays open while it is known, so that one which was
renamed or removed is read to its end before the next of its name begins.
"""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
import re
import secrets
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from corowatch.core.events import Block, Chunk, Origin, Position, Target
from corowatch.core.follow import COMPRESSED, MARKER, Fate, Saved, Seen, fate, is_same_life, marker
from corowatch.core.frame import frame, rfind
from corowatch.core.kinds import source
from corowatch.core.lines import codec_of
from corowatch.core.stamps import Stamps
from corowatch.core.values import Encoding, Glob, Size, Stamp
from corowatch.sources import Head, Source, Tell

GULP = 256 * 1024
"""Bytes a read."""
QUIET = 60.0
"""Seconds without a new byte after which a file that its path no longer leads to has ended."""
PEEK = 4096
"""Bytes looked at to tell when the next Block begins."""


@source
def tail(
    target: Target[Block],
    *,
    paths: Annotated[tuple[Glob, ...], "files; `*`, `?`, `[…]` and `**` find them, also those that come later"],
    exclude: Annotated[tuple[str, ...], "globs of files to leave out; without a slash, of the file's name"] = (),
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


class _Life:
    """One life of a file: from its creation, truncation or rewriting to the next, or to its end."""

    def __init__(self, key: str, path: str, fd: int, seen: Seen, position: Position, before: bytes) -> None:
        self.key = key
        self.path = path
        self.fd = fd
        self.dev, self.ino, self.size, self.mtime = seen
        self.position = position
        self.before = before  # up to MARKER bytes before position.offset
        self.overlap = before  # up to MARKER bytes before read_to
        self.read_to = position.offset
        self.frame: Any = None
        self.codec: tuple[str, int] | None = None
        self.gone: float | None = None  # since when its path does not lead here
        self.moved = False  # it was known under another path
        self.compressed = False
        self.begins: float | None = None  # when the next Block begins, if it was looked up
        self.dirty = True
        self.grew = 0.0


class Tail(Source):
    """The files that some globs find."""

    def __init__(self, target: Target[Block], paths: tuple[str, ...], exclude: tuple[str, ...], start: str,
                 timestamp: str, encoding: str, max_line_bytes: int, root: str | None, watch: str) -> None:
        super().__init__()
        self.counts = {"bytes": 0, "files": 0, "bytes_lost": 0}
        self._target = target
        self._paths = paths
        self._exclude = exclude
        self._start = start
        self._stamps = Stamps(timestamp)
        self._encoding = encoding
        self._max_line_bytes = max_line_bytes
        self._root = root and os.path.realpath(root)
        self._watch = watch
        self._lives: dict[tuple[int, int], _Life] = {}
        self._by_path: dict[str, _Life] = {}
        self._ready: dict[tuple[int, int], _Life] = {}
        self._ended: dict[str, None] = {}
        self._absent: dict[str, Saved] = {}
        """Files of the last run that cannot be seen now."""
        self._late: set[str] = set()
        """Files that were there at the first run and could not be opened: they too begin at their end."""
        self._said: dict[str, str] = {}
        self._tell: Tell = lambda kind, text, **fields: None
        self._reader = ""

    # --- beginning ------------------------------------------------------------------------------------

    def open(self, saved: Mapping[str, Any], *, reader: str, start: str | None, tell: Tell,
             wake: Callable[[], None], now: float) -> None:
        self._reader = reader
        self._tell = tell
        known = {key: Saved.of(plain) for key, plain in saved.items()}
        found = self._find()
        for key, old in known.items():
            if not self._take_up(key, old, found, now):
                self._absent[key] = old
        begin_at_end = (start or self._start) == "end" and not known
        for path, seen in found.items():
            if self._is_new(seen) and not self._begin(path, at_end=begin_at_end, now=now) and begin_at_end:
                self._late.add(path)
        self._name_all()

    def _is_new(self, seen: Seen) -> bool:
        """Whether a file is none that is known, or that is only out of sight."""
        inode = (seen.dev, seen.ino)
        return inode not in self._lives and inode not in {(old.dev, old.ino) for old in self._absent.values()}

    def _take_up(self, key: str, old: Saved, found: Mapping[str, Seen], now: float) -> bool:
        """Go on in a file of the last run, or let it go; False if it cannot be seen now, which is not gone."""
        path = self._where(old, found)
        opened = self._opened(path) if path else None
        if path and opened:
            resumed = self._resume(key, old, path, opened, now)
            if resumed is not False:
                return resumed is True
        elif _hidden(path or old.path):
            return False
        self._tell("gone", f"{old.path}, read up to byte {old.offset}, is not there any more as it was",
                   path=old.path, bytes=old.offset)
        self._ended[key] = None
        return True

    def _where(self, old: Saved, found: Mapping[str, Seen]) -> str | None:
        """The path under which a file of the last run stands now: its own, another, or one no glob finds."""
        for path, seen in found.items():
            if (seen.dev, seen.ino) == (old.dev, old.ino):
                return path
        try:
            with os.scandir(os.path.dirname(old.path)) as entries:
                return next((entry.path for entry in entries if entry.inode() == old.ino), None)
        except OSError:
            return None

    def _resume(self, key: str, old: Saved, path: str, opened: tuple[int, Seen], now: float) -> bool | None:
        """Go on in a file of the last run, if it is still the same life of it; None if it cannot be read now."""
        fd, seen = opened
        before = self._bytes(fd, path, old.marker_bytes, old.offset - old.marker_bytes)
        if before is None or (seen.dev, seen.ino) != (old.dev, old.ino) or not is_same_life(old, seen.size, before):
            os.close(fd)
            return None if before is None else False
        life = _Life(key, path, fd, seen, Position(old.offset, old.stamped), before)
        life.moved = path != old.path
        life.dirty = life.moved
        life.gone = None if self.matches(path) else now
        life.grew = now
        self._lives[seen.dev, seen.ino] = life
        self.counts["files"] += 1
        self._sort(life)
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
        began = self._last_line(fd, path, seen.size) if at_end else (0, b"")
        if began is None:
            os.close(fd)
            return False
        offset, before = began
        life = _Life(secrets.token_hex(8), path, fd, seen, Position(offset), before)
        life.grew = now
        self._lives[seen.dev, seen.ino] = life
        self.counts["files"] += 1
        self._sort(life)
        return True

    def _last_line(self, fd: int, path: str, size: int) -> tuple[int, bytes] | None:
        """Where the line at the end begins, and the bytes before: at the end itself, unless it is unfinished.

        Looks one line's greatest length back. None, said once, if it cannot be read now.
        """
        head = self._bytes(fd, path, 4, 0)
        newline = "\n".encode(codec_of(self._encoding, head or b"")[0])
        begin = max(0, size - self._max_line_bytes - MARKER) // len(newline) * len(newline)
        data = self._bytes(fd, path, size - begin, begin)
        if head is None or data is None:
            return None
        reach = max(0, len(data) - self._max_line_bytes)
        line = max(reach, rfind(data, newline) + len(newline))
        return begin + line, data[max(0, line - MARKER):line]

    def _opened(self, path: str) -> tuple[int, Seen] | None:
        """A descriptor and what it is; None, said once, if it cannot be opened or is no regular file."""
        try:
            # O_NONBLOCK: a FIFO that somebody planted must not hold us up.
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                self._say(path, error.strerror or str(error))
            return None
        seen = _seen(os.fstat(fd))
        if seen is None:
            os.close(fd)
            self._say(path, "no regular file")
            return None
        self._said.pop(path, None)
        return fd, seen

    def _bytes(self, fd: int, path: str, size: int, offset: int) -> bytes | None:
        """What pread gives; None, said once, if it cannot be read now."""
        try:
            return os.pread(fd, size, offset)
        except OSError as error:
            self._say(path, error.strerror or str(error))
            return None

    def _say(self, path: str, why: str) -> None:
        if self._said.get(path) != why:
            self._said[path] = why
            self._tell("unreadable", f"{path}: {why}; it is looked at again", path=path, why=why)

    # --- looking --------------------------------------------------------------------------------------

    def globs(self) -> Iterator[tuple[str, list[str]]]:
        """Each glob with the paths that it finds now, in name order, and that are not excluded."""
        for pattern in self._paths:
            paths = sorted(glob.iglob(pattern, recursive=True)) if glob.has_magic(pattern) else [pattern]
            yield pattern, [path for path in paths if self._wanted(path)]

    def _find(self) -> dict[str, Seen]:
        """Every regular file that the globs find, first names first; a second name of a file is left out."""
        found: dict[str, Seen] = {}
        inodes = set()
        for _, paths in self.globs():
            for path in paths:
                if path in found:
                    continue
                try:
                    seen = _seen(os.stat(path))
                except OSError as error:
                    if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                        self._say(path, error.strerror or str(error))
                    continue
                if seen is None:
                    if not os.path.isdir(path):
                        self._say(path, "no regular file")
                elif (seen.dev, seen.ino) not in inodes:
                    inodes.add((seen.dev, seen.ino))
                    found[path] = seen
        return found

    def _wanted(self, path: str) -> bool:
        """Whether the options let this path in, which a glob has found."""
        name = os.path.basename(path)
        if any(fnmatch.fnmatch(path if "/" in pattern else name, pattern) for pattern in self._exclude):
            return False
        if self._root and os.path.commonpath([self._root, os.path.realpath(path)]) != self._root:
            self._say(path, f"leads out of {self._root}")
            return False
        return True

    def matches(self, path: str) -> bool:
        """Whether a glob would find this path."""
        return any(_regex(pattern).fullmatch(path) for pattern in self._paths) and self._wanted(path)

    def look(self, now: float, woken: Collection[str] | None) -> None:
        if woken is None:
            self._look_everywhere(now)
            return
        if any(path not in self._by_path and self.matches(path) for path in woken):
            self._look_everywhere(now)
            return
        for path in woken:
            if path in self._by_path:
                self._look_at(self._by_path[path], now)

    def glance(self, now: float) -> None:
        for life in list(self._lives.values()):
            self._look_at(life, now)

    def _look_at(self, life: _Life, now: float) -> None:
        if life.gone is not None:
            if status := self._status(life):
                self._saw(life, status, now)
            return
        try:
            seen = _seen(os.stat(life.path))
        except OSError:
            seen = None
        if seen is None or fate(life.dev, life.ino, life.read_to, life.size, seen) is Fate.REPLACED:
            self._look_everywhere(now)
        else:
            self._saw(life, seen, now)

    def _look_everywhere(self, now: float) -> None:
        """Find everything anew. What a path no longer leads to is looked at through its descriptor."""
        found = self._find()
        for key, old in list(self._absent.items()):
            if self._take_up(key, old, found, now):
                del self._absent[key]
        here = {(seen.dev, seen.ino): (path, seen) for path, seen in found.items()}
        for inode, life in list(self._lives.items()):
            if inode in here:
                path, seen = here[inode]
                if path != life.path:
                    life.moved, life.dirty, life.path = True, True, path
                life.gone = None
                self._saw(life, seen, now)
                continue
            if _hidden(life.path):
                continue  # cannot be seen now: that is not gone
            if life.gone is None:
                life.gone = life.grew = now
            if status := self._status(life):
                self._saw(life, status, now)
                if life.size <= life.read_to and now - life.grew >= QUIET:
                    self._end(life, now)
            else:
                self._lost(life, "is gone, and its last {} bytes with it")
                self._end(life, now)
        for path, seen in found.items():
            if self._is_new(seen):
                self._begin(path, at_end=path in self._late, now=now)
        self._name_all()

    def _status(self, life: _Life) -> Seen | None:
        """What its descriptor tells; None if a network file system's server no longer knows it (ESTALE)."""
        try:
            return _seen(os.fstat(life.fd))
        except OSError:
            return None

    def _lost(self, life: _Life, how: str) -> None:
        """Tell of the bytes of a life that will never be read."""
        if lost := max(0, life.size - life.read_to):
            self.counts["bytes_lost"] += lost
            self._tell("lost", f"{life.path} {how.format(lost)}", path=life.path, bytes=lost)

    def _name_all(self) -> None:
        """By which paths notifications may call each file: its own, and what a link leads to."""
        here = [life for life in self._lives.values() if life.gone is None]
        self._by_path = {os.path.realpath(life.path): life for life in here} | {life.path: life for life in here}

    def _saw(self, life: _Life, seen: Seen, now: float) -> None:
        what = fate(life.dev, life.ino, life.read_to, life.size, seen)
        if what is Fate.SHRUNK:
            self._rewritten(life, seen, now)
            return
        if what is Fate.SAME and seen.mtime != life.mtime and self._differs(life):
            self._rewritten(life, seen, now)
            return
        if what is Fate.GROWN:
            life.grew = now
        life.size, life.mtime = seen.size, seen.mtime
        self._sort(life)

    def _differs(self, life: _Life) -> bool:
        """Whether the bytes that were read last are others now, though there are no more of them."""
        before = self._bytes(life.fd, life.path, len(life.overlap), life.read_to - len(life.overlap))
        return before is not None and before != life.overlap

    def _sort(self, life: _Life) -> None:
        """Among those with something to read, or not."""
        if life.size > life.read_to and not life.compressed:
            self._ready[life.dev, life.ino] = life
        else:
            self._ready.pop((life.dev, life.ino), None)

    def _rewritten(self, life: _Life, seen: Seen, now: float) -> None:
        """The file was truncated or written anew: this life ends, and another begins at offset 0."""
        self._lost(life, "was truncated before its last {} bytes were read")
        if life.frame is not None:
            life.frame.send(Chunk(now, b"", last=True))
        self._ended[life.key] = None
        life.key, life.position, life.before, life.overlap = secrets.token_hex(8), Position(), b"", b""
        life.read_to, life.frame, life.codec, life.dirty, life.begins = 0, None, None, True, None
        life.size, life.mtime, life.grew = seen.size, seen.mtime, now
        self.counts["files"] += 1
        self._sort(life)

    def _end(self, life: _Life, now: float) -> None:
        """No path leads here and nothing has come for long: the last line is a line, however it ends."""
        if life.frame is not None:
            life.frame.send(Chunk(now, b"", last=True))
            life.frame.close()
        self._ended[life.key] = None
        del self._lives[life.dev, life.ino]
        self._ready.pop((life.dev, life.ino), None)
        os.close(life.fd)

    # --- reading --------------------------------------------------------------------------------------

    def heads(self) -> list[Head]:
        ready = self._ready.values()
        for life in ready:
            if life.begins is None:
                life.begins = self._begins(life)
        return [Head((life.begins or 0.0, life.mtime, not (life.moved or life.gone), life.path), self._reading(life))
                for life in ready]

    @property
    def behind(self) -> bool:
        return bool(self._ready)

    def _begins(self, life: _Life) -> float:
        """When the next Block begins: its first stamp, else the time of the last write."""
        written = life.mtime / 1e9
        head = self._bytes(life.fd, life.path, PEEK, life.read_to) or b""
        for line in head.split(b"\n")[:8]:
            at = self._stamps.read(line, written)
            if at is not None:
                return at
        return written

    def _reading(self, life: _Life) -> Callable[[float], None]:
        return lambda now: self._read(life, now)

    def _read(self, life: _Life, now: float) -> None:
        """Send what follows, at most one gulp. The bytes before it are read again, to see that they still stand."""
        overlap = life.overlap
        data = self._bytes(life.fd, life.path, GULP + len(overlap), life.read_to - len(overlap))
        status = None if data is None or data.startswith(overlap) else self._status(life)
        if status:
            self._rewritten(life, status, now)
            return
        if data is None or not data.startswith(overlap):
            self._ready.pop((life.dev, life.ino))  # until the next look
            return
        chunk = data[len(overlap):]
        if len(data) < GULP + len(overlap):
            if chunk and len("\n".encode(self._codec(life, chunk)[0])) == 1:
                # NULs at the end are room laid out in advance, or a hole whose other side is still to be written.
                chunk = chunk.rstrip(b"\x00")
            life.size = life.read_to + len(chunk)
        if life.read_to == 0 and chunk.startswith(COMPRESSED):
            life.compressed = True
        elif chunk:
            self._send(life, Chunk(now, chunk), overlap + chunk)
        self._sort(life)

    def _send(self, life: _Life, chunk: Chunk, data: bytes) -> None:
        """Send a chunk; `data` are the same bytes with those that overlap before them."""
        if life.frame is None:
            life.frame = self._frame(life, chunk.data)
        life.read_to += len(chunk.data)
        self.counts["bytes"] += len(chunk.data)
        offset = life.position.offset
        life.frame.send(chunk)
        if life.position.offset != offset:
            end = len(data) - (life.read_to - life.position.offset)
            life.before = data[max(0, end - MARKER):end]
            life.dirty = True
        life.overlap = data[-MARKER:]
        life.begins = None

    def _codec(self, life: _Life, chunk: bytes) -> tuple[str, int]:
        """The file's codec and the length of its byte-order mark, told by its first bytes."""
        if life.codec is None:
            head = chunk[:4] if life.read_to == 0 else self._bytes(life.fd, life.path, 4, 0)
            life.codec = codec_of(self._encoding, head or b"")
        return life.codec

    def _frame(self, life: _Life, chunk: bytes) -> Any:
        codec, mark = self._codec(life, chunk)
        return frame(self._target, origin=Origin(self._reader, life.key, _name(life.path)), position=life.position,
                     codec=codec, mark=mark, max_line_bytes=self._max_line_bytes)

    # --- what is kept ---------------------------------------------------------------------------------

    def changes(self) -> Iterator[tuple[str, Any]]:
        for life in self._lives.values():
            if life.dirty:
                saved = Saved(life.path, life.dev, life.ino, life.position.offset, marker(life.before),
                              len(life.before), life.position.stamped)
                yield life.key, msgspec.to_builtins(saved)
        for key in self._ended:
            yield key, None

    def written(self) -> None:
        for life in self._lives.values():
            life.dirty = False
        self._ended.clear()

    def directories(self) -> Mapping[str, bool]:
        if self._watch == "poll":
            return {}
        wanted: dict[str, bool] = {}
        for pattern in self._paths:
            folder, below = _fixed(pattern)
            wanted[folder] = wanted.get(folder, False) or below
        for life in self._lives.values():
            if os.path.islink(life.path):
                wanted.setdefault(os.path.dirname(os.path.realpath(life.path)), False)
        return wanted

    def close(self) -> None:
        for life in self._lives.values():
            if life.frame is not None:
                life.frame.close()
            os.close(life.fd)
        self._lives.clear()


def _seen(status: os.stat_result) -> Seen | None:
    """What matters of a stat result; None if it is no regular file."""
    if not stat.S_ISREG(status.st_mode):
        return None
    return Seen(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    """A glob as glob.glob reads it: only `**` crosses a slash."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(
        parts.get(part) or (part if part[0] == "[" and part != "[" else re.escape(part))
        for part in re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]/]+\]|[^*?\[]+|\[", pattern)).replace("[!", "[^"), re.DOTALL)


def _name(path: str) -> str:
    """A path as text: a file's name need not be UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _hidden(path: str) -> bool:
    """Whether something may be at `path` that cannot be looked at, or opened, now."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return False


def _fixed(pattern: str) -> tuple[str, bool]:
    """The longest folder of a glob that holds no wildcard, and whether files may lie further below."""
    folder, rest = Path(pattern).parent, 1
    while glob.has_magic(str(folder)):
        folder, rest = folder.parent, rest + 1
    return str(folder), rest > 1
