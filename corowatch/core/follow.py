"""What became of a file, decided from what was known and what is seen. No file is touched here.

A path leads to a file; a file is a device and an inode; a *life* of a file ends when it is truncated or
rewritten. Size alone cannot tell: a file that was truncated and has grown past the old offset looks
untouched. So the bytes before the offset are compared as well.
"""

from __future__ import annotations

import enum
import re
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from corowatch.core.errors import StateRefused

MARKER = 256
"""Bytes before an offset that tell whether it is still the same life."""
HEAD = 1024
"""Bytes at the beginning that tell it as well."""
ENOUGH = 32
"""Bytes that tell it even where the device has another number."""

_COMPRESSED = re.compile(rb"\x1f\x8b|\xfd7zXZ\x00|BZh[1-9](?:1AY&SY|\x17rE8P\x90)|\x28\xb5\x2f\xfd")
"""How gzip, xz, bzip2 and zstd files begin."""


class Seen(NamedTuple):
    """What stat tells of a file. Times are nanoseconds since the epoch."""

    dev: int
    ino: int
    size: int
    mtime: int


class Fate(enum.Enum):
    """What became of a file since it was read up to an offset."""

    SAME = "same"
    GROWN = "grown"
    SHRUNK = "shrunk"
    REPLACED = "replaced"


class Saved(msgspec.Struct):
    """The saved position of one life of a file: where it was, how far it was dealt with, and how to know it."""

    path: str
    dev: int
    ino: int
    offset: int
    marker: str
    marker_bytes: int
    stamped: tuple[int, float] | None = None
    home: str = ""
    """Where it was first known: by this the options say whether it is wanted, and its family is read in order."""
    gen: int | None = None
    """The inode's generation, where the file system has one: a number that is used again has another."""
    head: str = ""
    head_bytes: int = 0
    """A hash of so many bytes at its beginning."""
    size: int = 0
    """How long it was known to be."""
    mtime: int = 0
    """When it was last written, as far as was known while its home led to it (nanoseconds since the epoch)."""
    done: bool = False
    """It was read to its end and is not followed, only known: it may grow, or a copy of it may turn up."""
    packed: bool = False
    """Offset and size are those of the bytes that a compressed file holds."""
    room: int = 0
    """Bytes of NULs at its end, laid out in advance."""
    sure: int = 0
    """How long it was when what was read of it stood: what came later may be of the next life. 0: `size`."""
    copy_of: str = ""
    """The key of the life whose bytes it holds once more; so far as it does, nothing of it is read."""

    @classmethod
    def of(cls, plain: Any) -> Saved:
        """What was saved. Raises StateRefused where it is no saved position."""
        try:
            return msgspec.convert(plain, cls)
        except ValueError as error:
            raise StateRefused(f"a saved position is damaged: {error}; nothing was changed") from error


def is_compressed(head: bytes) -> bool:
    """Whether a file that begins so is compressed, and so never lines."""
    return _COMPRESSED.match(head) is not None


def fate(dev: int, ino: int, offset: int, size: int, seen: Seen) -> Fate:
    """What became of the file (`dev`, `ino`), read up to `offset` and last seen `size` bytes long."""
    if (seen.dev, seen.ino) != (dev, ino):
        return Fate.REPLACED
    if seen.size < max(offset, size):
        return Fate.SHRUNK
    return Fate.GROWN if seen.size > max(offset, size) else Fate.SAME


def digest(data: bytes) -> str:
    """A hash by which bytes are known again."""
    return blake2b(data, digest_size=12).hexdigest()


def is_same_life(saved: Saved, seen: Seen, gen: int | None, head: bytes, before: bytes) -> bool:
    """Whether a file, with these bytes at its beginning and before the saved offset, is the saved life gone on.

    A device may have another number after a reboot or a remount; then the bytes alone must tell, and be enough.
    """
    same_inode = seen.ino == saved.ino and (gen is None or saved.gen is None or gen == saved.gen)
    same_device = seen.dev == saved.dev or len(before) >= ENOUGH
    return same_inode and same_device and is_same_text(saved, seen.size, head, before)


def is_same_text(saved: Saved, size: int, head: bytes, before: bytes) -> bool:
    """Whether what is `size` bytes long, and has these bytes at its beginning and before the saved offset, holds the
    text of the saved life, up to that offset at least."""
    same_head = digest(head[:saved.head_bytes]) == saved.head if saved.head_bytes else True
    same_marker = len(before) == saved.marker_bytes and digest(before) == saved.marker
    return same_head and same_marker and size >= saved.offset
