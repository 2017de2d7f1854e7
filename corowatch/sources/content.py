"""The bytes of a file by their offset: as they are, or unpacked from what gzip, xz, bzip2 or zstd made of them.

A file that is followed stays open, so that one which was renamed or removed is read to its end. Where there are more
than descriptors, some that a path leads to are closed and opened again, and must then be the same file.
"""

from __future__ import annotations

import bz2
import errno
import fcntl
import gzip
import lzma
import os
import resource
import stat
import struct
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from corowatch.core.follow import Seen, is_compressed

GULP = 256 * 1024
"""Bytes that are unpacked at a time."""
WINDOW = 1 << 20
"""Unpacked bytes that are kept: what was read last, and what lies around it."""
REACH = 16 << 20
"""Bytes that are unpacked in one turn to get to an offset."""
ENDLESS = 1 << 62
"""How long a compressed file's text is, until its end is known."""
DENSEST = 1032
"""Bytes that deflate can make one of, at most: https://zlib.net/zlib_tech.html."""
MEMORY = 128 << 20
"""Bytes that unpacking may take: xz -9 takes half."""
MAGIC = 16
"""Bytes that tell whether, and how, a file is packed."""
FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""O_NONBLOCK: a FIFO that somebody planted must not hold us up."""
RESERVE = 64
"""Descriptors that are left for all else, or half of them where there are few."""

_GETVERSION = 0x80087601  # FS_IOC_GETVERSION of ioctl_iflags(2): _IOR('v', 1, long)
DAMAGED = (EOFError, zlib.error, lzma.LZMAError)


def generation(fd: int) -> int | None:
    """The inode's generation; None where the file system has none (tmpfs)."""
    try:
        return int(struct.unpack("=q", fcntl.ioctl(fd, _GETVERSION, bytes(8)))[0])
    except OSError:
        return None


def seen_of(status: os.stat_result) -> Seen | None:
    """What matters of a stat result; None if it is no regular file."""
    if not stat.S_ISREG(status.st_mode):
        return None
    return Seen(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class _Open:
    """The files that are open, least recently used first."""

    def __init__(self) -> None:
        self._held: dict[Plain, None] = {}

    def used(self, one: Plain) -> None:
        self._held.pop(one, None)
        self._held[one] = None

    def closed(self, one: Plain) -> None:
        self._held.pop(one, None)

    def make_room(self) -> None:
        """Close what can be opened again, until one more can be opened: first what has nothing to read."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        over = 1 + len(self._held) - (soft - min(RESERVE, soft // 2))
        if over > 0:
            named = sorted((one for one in self._held if one.named()), key=lambda one: one.wanted())
            for one in named[:over]:
                one.close()


_OPEN = _Open()
"""Of the whole process, as its limit is."""


def opened(path: str, *, follow: bool = True) -> int:
    """A descriptor of the file at `path`; of what a link leads to only if `follow`. Raises OSError; also where everyone
    may have put a link there."""
    _OPEN.make_room()
    folder = os.stat(os.path.dirname(path) or ".").st_mode
    anyones = bool(folder & stat.S_IWOTH) and not folder & stat.S_ISVTX
    try:
        return os.open(path, FLAGS if follow and not anyones else FLAGS | os.O_NOFOLLOW)
    except OSError as error:
        if follow and anyones and error.errno == errno.ELOOP:
            raise OSError(errno.EPERM, "a link in a folder that everyone may write to; chmod +t the folder, or o-w"
                          ) from None
        raise


class Plain:
    """A file's own bytes. Every method may raise OSError."""

    packed = False
    damage = ""
    size_told = 0

    def __init__(self, path: str, fd: int, seen: Seen) -> None:
        self.path = path
        self.dev, self.ino, self.gen = seen.dev, seen.ino, generation(fd)
        self.named: Callable[[], bool] = lambda: False
        """Whether a path leads to it, by which it can be opened again."""
        self.wanted: Callable[[], bool] = lambda: True
        """Whether there is something to read in it."""
        self._fd: int | None = fd
        _OPEN.used(self)

    @property
    def fd(self) -> int:
        """An open descriptor."""
        if self._fd is None:
            fd = opened(self.path)
            status = os.fstat(fd)
            if (status.st_dev, status.st_ino, generation(fd)) != (self.dev, self.ino, self.gen):
                os.close(fd)
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            self._fd = fd
        _OPEN.used(self)
        return self._fd

    @property
    def parked(self) -> bool:
        """Whether it is closed until it is needed."""
        return self._fd is None

    def pread(self, size: int, at: int) -> bytes:
        """At most `size` bytes from offset `at` on."""
        return os.pread(self.fd, size, at)

    def reach(self, at: int) -> bool:
        """Whether the bytes at an offset can be read now; if not, they are nearer with each call."""
        return True

    def status(self) -> Seen:
        """What the descriptor tells."""
        seen = seen_of(os.fstat(self.fd))
        assert seen is not None, "only regular files are opened"
        return seen

    def consumed(self, at: int) -> int:
        """So many of the file's own bytes were needed to get to an offset."""
        return at

    @property
    def linked(self) -> bool:
        """Whether any name leads to it."""
        return os.fstat(self.fd).st_nlink > 0

    def file(self) -> Seen:
        """What the file itself looks like."""
        return self.status()

    def next_data(self, at: int) -> int:
        """Where the next byte stands, from `at` on, that is in no hole. Raises OSError (ENXIO) if all is."""
        return os.lseek(self.fd, at, os.SEEK_DATA)

    def close(self) -> None:
        _OPEN.closed(self)
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def unpacker(magic: bytes) -> Callable[[BinaryIO], Any] | None:
    """What makes an unpacked file object of a packed one, told by its first bytes; None if they are not packed."""
    if not is_compressed(magic):
        return None
    if magic.startswith(b"\x1f\x8b"):
        return lambda file: gzip.GzipFile(fileobj=file)
    if magic.startswith(b"\xfd7zXZ\x00"):
        return _Xz
    return bz2.BZ2File if magic.startswith(b"BZh") else _Zstandard


class _Xz:
    """xz with a limit: a file of some bytes may ask for a dictionary of gigabytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._stream = lzma.LZMADecompressor(memlimit=MEMORY)

    def read1(self, size: int) -> bytes:
        while True:
            if self._stream.eof:  # another stream may follow, behind padding
                begin = self._stream.unused_data.lstrip(b"\0") or self._file.read(size).lstrip(b"\0")
                if not begin:
                    return b""
                self._stream = lzma.LZMADecompressor(memlimit=MEMORY)
            else:
                begin = self._file.read(size) if self._stream.needs_input else b""
                if not begin and self._stream.needs_input:
                    raise EOFError("Compressed file ended before the end-of-stream marker was reached")
            if data := self._stream.decompress(begin, size):
                return data


class _Zstandard:
    """Its reader, in the manner of the others."""

    def __init__(self, file: BinaryIO) -> None:
        import zstandard

        self._error = zstandard.ZstdError
        self._reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)

    def read1(self, size: int) -> bytes:
        try:
            return self._reader.read1(size)
        except self._error as error:
            raise EOFError(str(error)) from error


class Unpacked:
    """The bytes that a compressed file holds, read from its beginning on; only the last of them are kept.

    Of a damaged one those before the damage can be read; `damage` tells what is wrong then.
    """

    packed = True
    parked = False
    linked = True

    def __init__(self, path: str) -> None:
        self.path = path
        self.damage = ""
        self._file = os.fdopen(opened(path, follow=False), "rb")
        try:
            seen = seen_of(os.fstat(self._file.fileno()))
            if seen is None:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            self._magic = os.pread(self._file.fileno(), MAGIC, 0)
            make = unpacker(self._magic)
            if make is None:
                raise OSError(errno.EINVAL, "is not packed any more")
        except BaseException:
            self._file.close()
            raise
        self._make = make
        self._packed = seen
        self.dev, self.ino, self.gen = seen.dev, seen.ino, generation(self._file.fileno())
        self._rewind()

    def _rewind(self) -> None:
        self._file.seek(0)
        self._stream = self._make(self._file)
        self._window = b""
        self._begin = 0
        self.over = False
        self.damage = ""

    @property
    def _end(self) -> int:
        return self._begin + len(self._window)

    def _more(self) -> None:
        try:
            data = self._stream.read1(GULP)
        except DAMAGED as error:
            data, self.damage = b"", str(error) or type(error).__name__
        except gzip.BadGzipFile as error:
            behind_the_last = self._end > 0 and "CRC" not in str(error) and "length" not in str(error)
            data, self.damage = b"", "" if behind_the_last else str(error)
        except OSError as error:
            if error.errno is not None:
                raise
            data, self.damage = b"", str(error)
        self.over = not data
        self._window += data
        if len(self._window) > WINDOW + GULP:
            self._begin += len(self._window) - WINDOW
            self._window = self._window[-WINDOW:]

    def reach(self, at: int) -> bool:
        """Whether the bytes at an offset can be read now; if not, they are nearer with each call."""
        if at < self._begin:
            self._rewind()
        until = self._end + REACH
        while self._end < at and not self.over and self._end < until:
            self._more()
        return self._end >= at or self.over

    def pread(self, size: int, at: int) -> bytes:
        """At most `size` bytes from offset `at` on; none that are out of reach."""
        if not self._begin <= at <= self._end:
            return b""
        while self._end < at + size and not self.over:
            self._more()
        begin = at - self._begin
        return self._window[begin:begin + size] if begin >= 0 else b""

    def status(self) -> Seen:
        """As if it were not packed. How long it is, is known at its end; before, there is always more."""
        now = seen_of(os.fstat(self._file.fileno()))
        if now is not None and now != self._packed:
            self._packed = now
            if self.over:  # it was still being written
                self._rewind()
        return Seen(self.dev, self.ino, self._end if self.over else ENDLESS, self._packed.mtime)

    def file(self) -> Seen:
        """What the file itself looks like."""
        self.status()
        return self._packed

    @property
    def size_told(self) -> int:
        """How long the text is by a gzip trailer (RFC 1952, ISIZE), unless the file breaks off; 0: not told."""
        if "marker" in self.damage or not self._magic.startswith(b"\x1f\x8b"):
            return 0
        told = int.from_bytes(os.pread(self._file.fileno(), 4, max(0, self._packed.size - 4)), "little")
        return told if told <= DENSEST * self._packed.size else 0

    def consumed(self, at: int) -> int:
        """So many of the file's own bytes were needed to get to an offset."""
        return self._file.tell()

    def next_data(self, at: int) -> int:
        """There are no holes."""
        return at

    def close(self) -> None:
        self._file.close()
