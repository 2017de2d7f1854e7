"""What stands beside a log: the files that it was rotated to, and the copies that were made of it.

A name only makes a candidate; what a file is, its number (inode) or its bytes tell.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from corowatch.core.follow import Saved, Seen, digest, is_same_text
from corowatch.core.rotations import bases_of
from corowatch.sources.content import Plain, Unpacked, opened, seen_of, unpacker


class Folders:
    """What some folders hold: each is listed once, when it is asked about first."""

    def __init__(self) -> None:
        self._names: dict[str, dict[int, str] | None] = {}
        self._rotations: dict[str, dict[str, list[str]]] = {}

    def _listed(self, folder: str) -> dict[int, str] | None:
        if folder not in self._names:
            try:
                with os.scandir(folder or "/") as entries:
                    self._names[folder] = {entry.inode(): entry.name for entry in entries}
            except FileNotFoundError:
                self._names[folder] = {}
            except OSError:
                self._names[folder] = None
        return self._names[folder]

    def hidden(self, path: str) -> bool:
        """Whether what is beside a path cannot be told now."""
        return self._listed(os.path.dirname(path)) is None

    def where(self, path: str, ino: int) -> str | None:
        """The path beside `path`, or itself, of the file with this number; None if there is none."""
        folder = os.path.dirname(path)
        name = (self._listed(folder) or {}).get(ino)
        return None if name is None else f"{folder}/{name}"

    def rotations(self, path: str) -> list[str]:
        """The paths beside a log that are named as what it was rotated to."""
        folder, name = os.path.split(path)
        if folder not in self._rotations:
            rotations: dict[str, list[str]] = {}
            for other in (self._listed(folder) or {}).values():
                for base in bases_of(other):
                    rotations.setdefault(base, []).append(f"{folder}/{other}")
            self._rotations[folder] = rotations
        return sorted(self._rotations[folder].get(name, ()))


def newest_first(paths: Iterable[str]) -> Iterator[tuple[str, Seen]]:
    """The regular files among some paths, those that were written last first."""
    seen = []
    for path in paths:
        try:
            status = seen_of(os.stat(path))
        except OSError:
            continue
        if status is not None:
            seen.append((path, status))
    yield from sorted(seen, key=lambda one: (-one[1].mtime, one[0]))


def text_at(path: str) -> Plain | Unpacked:
    """A file's text, as it stands there or unpacked. Raises OSError, and ImportError where it cannot be unpacked."""
    fd = opened(path)
    try:
        seen = seen_of(os.fstat(fd))
        if seen is None:
            raise OSError("no regular file")
        if unpacker(os.pread(fd, 6, 0)) is None:
            return Plain(path, fd, seen)
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return Unpacked(path)


def holds(content: Plain | Unpacked, saved: Saved) -> bool:
    """Whether a text may be that of a saved life: surely if it is plain, else at least it begins like it."""
    if not saved.head_bytes or not saved.offset:
        return False  # nothing is known of it by which it could be told
    head = content.pread(saved.head_bytes, 0)
    if content.packed:
        return digest(head) == saved.head
    before = content.pread(saved.marker_bytes, saved.offset - saved.marker_bytes)
    return is_same_text(saved, content.status().size, head, before)


def is_copy(content: Plain | Unpacked, saved: Saved, original: Plain | Unpacked | None) -> bool:
    """Whether a text is one that is known already, or so much of it as was copied by now."""
    if holds(content, saved):
        return not content.packed or _holds_to_the_end(content, saved)
    size = content.status().size
    if content.packed or original is None or size <= 0:
        return False
    length = min(size, 256)
    return size <= original.status().size and all(
        content.pread(length, at) == original.pread(length, at) for at in {0, (size - length) // 2, size - length})


def _holds_to_the_end(content: Plain | Unpacked, saved: Saved) -> bool:
    while not content.reach(saved.offset):
        pass
    return digest(content.pread(saved.marker_bytes, saved.offset - saved.marker_bytes)) == saved.marker
