"""What became of a file, decided from what was known and what is seen. No file is touched here.

A path leads to a file; a file is a device and an inode; a *life* of a file ends when it is truncated or
rewritten. Size alone cannot tell: a file that was truncated and has grown past the old offset looks
untouched. So the bytes before the offset are compared as well.
"""

from __future__ import annotations

import enum
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

MARKER = 256
"""Bytes before an offset that tell whether it is still the same life."""

COMPRESSED = (b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh", b"\x28\xb5\x2f\xfd")
"""How gzip, xz, bzip2 and zstd files begin; they are never lines."""


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

    @classmethod
    def of(cls, plain: Any) -> Saved:
        return msgspec.convert(plain, cls)


def fate(dev: int, ino: int, offset: int, size: int, seen: Seen) -> Fate:
    """What became of the file (`dev`, `ino`), read up to `offset` and last seen `size` bytes long."""
    if (seen.dev, seen.ino) != (dev, ino):
        return Fate.REPLACED
    if seen.size < max(offset, size):
        return Fate.SHRUNK
    return Fate.GROWN if seen.size > max(offset, size) else Fate.SAME


def marker(before: bytes) -> str:
    """A hash of the bytes before an offset."""
    return blake2b(before, digest_size=12).hexdigest()


def is_same_life(saved: Saved, size: int, before: bytes) -> bool:
    """Whether a file of this `size`, with these bytes before the saved offset, is the saved life gone on."""
    return size >= saved.offset and len(before) == saved.marker_bytes and marker(before) == saved.marker
