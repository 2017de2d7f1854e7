"""What stands beside a log: the files that it was rotated to, and the copies that were made of it.

A name only makes a candidate; what a file is, its number (inode) or its bytes tell.
"""

from __future__ import annotations

import errno
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from corowatch.core.follow import HEAD, Saved, Seen, digest, is_same_text
from corowatch.core.rotations import age, bases_of, is_packed
from corowatch.sources.content import MAGIC, Plain, Unpacked, opened, seen_of, unpacker

MANY = 100
"""Files of which each may be a rotation of the others; those that are more are surely not."""
LONG = 64 << 20
"""Bytes that are unpacked at once to see whether two texts are the same; of longer ones how they begin must do."""
RENEWING, RENEWALS = 1.0, 30
"""Seconds of one look that are spent on listing folders, and how often one is listed anew in it: beyond, none is."""
SETTLED = 1.0
"""Seconds after which a folder that was not changed is as it was listed."""
PROBE = 65536
"""Bytes of two files that are compared, at the beginning and at the end."""


class Folders:
    """What some folders hold: each is listed once, when it is asked about first."""

    def __init__(self) -> None:
        self._at: dict[str, int] = {}
        """When a folder had last been changed when it was listed (nanoseconds since the epoch)."""
        self._spent = 0.0
        self._renewals: Counter[str] = Counter()
        self._names: dict[str, dict[int, str] | None] = {}
        self._rotations: dict[str, dict[str, list[str]]] = {}

    def _listed(self, folder: str) -> dict[int, str] | None:
        if folder not in self._names:
            began = time.monotonic()
            try:
                self._at[folder] = os.stat(folder or "/").st_mtime_ns
                with os.scandir(folder or "/") as entries:
                    self._names[folder] = {entry.inode(): entry.name for entry in entries}
            except FileNotFoundError:
                self._names[folder] = {}
            except OSError:
                self._names[folder] = None
            self._spent += time.monotonic() - began
        return self._names[folder]

    def renewed(self, path: str) -> bool:
        """List the folder of a path anew, if it was changed meanwhile; whether it was. Not for long in one look."""
        folder = os.path.dirname(path)
        if not self._changed(folder) or self._spent > RENEWING or self._renewals[folder] >= RENEWALS:
            return False
        self._renewals[folder] += 1
        self._names.pop(folder, None)
        self._rotations.pop(folder, None)
        return True

    def settled(self, path: str) -> bool:
        """Whether the folder of a path was not changed for a moment: what is listed is all there is."""
        folder = os.path.dirname(path)
        self._listed(folder)
        return time.time() - self._at.get(folder, 0) / 1e9 > SETTLED and not self._changed(folder)

    def _changed(self, folder: str) -> bool:
        """Whether a folder was changed since it was listed."""
        try:
            return os.stat(folder or "/").st_mtime_ns != self._at.get(folder)
        except OSError:
            return True

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
        return sorted(self.rotated(folder).get(name, ()))

    def rotated(self, folder: str) -> Mapping[str, list[str]]:
        """The paths in a folder that are named as what logs were rotated to, by the names of those logs."""
        if folder not in self._rotations:
            rotations: dict[str, list[str]] = {}
            for other in (self._listed(folder) or {}).values():
                for base in bases_of(other):
                    rotations.setdefault(base, []).append(f"{folder}/{other}")
            self._rotations[folder] = rotations
        return self._rotations[folder]


class Kin:
    """Paths of files that may be rotations of one another, told by their names."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, None]] = {}

    def add(self, path: str) -> None:
        for root in roots(path):
            self._of.setdefault(root, {})[path] = None

    def remove(self, path: str) -> None:
        for root in roots(path):
            self._of[root].pop(path, None)
            if not self._of[root]:
                del self._of[root]

    def of(self, path: str) -> Iterator[str]:
        """Other paths that a file at `path` may be a rotation of, or they of it. Not of a name that very many have."""
        found: dict[str, None] = {}
        for root in roots(path):
            kin = self._of.get(root, {})
            found.update(kin if len(kin) <= MANY else dict.fromkeys(kin.keys() & {root}))
        found.pop(path, None)
        yield from found


def roots(path: str) -> Iterator[str]:
    """A path, and those that it may have had before it was rotated."""
    folder, name = os.path.split(path)
    yield path
    for base in bases_of(name):
        yield f"{folder}/{base}"


def newest_first(paths: Iterable[str]) -> Iterator[tuple[str, Seen]]:
    """The regular files among some paths, those that were written last first."""
    seen = []
    for path in paths:
        try:
            status = seen_of(os.lstat(path))  # nobody rotates to a link; one may be planted
        except OSError:
            continue
        if status is not None:
            seen.append((path, status))
    yield from sorted(seen, key=lambda one: (one[1].mtime, age(os.path.basename(one[0]))), reverse=True)


def text_at(path: str) -> Plain | Unpacked:
    """A file's text, as it stands there or unpacked. Raises OSError."""
    fd = opened(path, follow=False)
    try:
        seen = seen_of(os.fstat(fd))
        if seen is None:
            raise OSError("no regular file")
        if unpacker(os.pread(fd, MAGIC, 0)) is None:
            if is_packed(os.path.basename(path)):
                raise OSError(errno.EAGAIN, "is still being packed")
            return Plain(path, fd, seen)
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return Unpacked(path)


def holds(content: Plain | Unpacked, saved: Saved) -> bool:
    """Whether a text may be that of a saved life: surely if it is plain, else at least it begins like it."""
    if not saved.head_bytes:
        return False  # nothing is known of it by which it could be told
    head = content.pread(saved.head_bytes, 0)
    if content.packed:
        return digest(head) == saved.head
    before = content.pread(saved.marker_bytes, saved.offset - saved.marker_bytes)
    return is_same_text(saved, content.status().size, head, before)


def text_of(path: str, saved: Saved, *, packed: bool = False) -> Plain | Unpacked | None:
    """What stands at a path, if it may be the text of a saved life, and with `packed` only if it is packed. Raises
    OSError."""
    content = text_at(path)
    same = False
    try:
        same = (content.packed or not packed) and holds(content, saved)
    finally:
        if not same:
            content.close()
    return content if same else None


def is_copy(content: Plain | Unpacked, saved: Saved, original: Plain | Unpacked | None) -> bool:
    """Whether a text is one that is known already, or so much of it as was copied by now.

    `original`: the file itself, where it can still be read. One that goes on where the known one ended is none: many
    logs begin alike.
    """
    if original is not None:
        if holds(original, saved) and begins(original, content):
            return True
        if not holds(original, saved):
            # It was truncated a moment ago: this was copied before, or is all of what it holds now. What is a part of
            # that only may be another text, that stood there in between.
            return holds(content, saved) or is_same(content, original)
    if not holds(content, saved):
        return False
    return _ends_there(content, saved) if content.packed else content.status().size <= saved.offset


def begins(original: Plain | Unpacked, content: Plain | Unpacked) -> bool:
    """Whether `original` begins with all that `content` holds, as far as that one's beginning tells, and if it is
    plain, its end."""
    head = content.pread(PROBE, 0)
    if not head or original.pread(len(head), 0) != head:
        return False
    if content.packed:
        return True
    size = content.status().size
    length = min(size, PROBE)
    return content.pread(length, size - length) == original.pread(length, size - length)


def is_same(content: Plain | Unpacked, original: Plain | Unpacked) -> bool:
    """Whether two files hold the same, as far as their lengths, beginnings and ends tell."""
    size = original.status().size
    if not size or size > LONG or not content.reach(size):
        return False
    length = min(size, PROBE)
    return not content.pread(1, size) and all(
        content.pread(length, at) == original.pread(length, at) for at in (size - length, 0))


def _ends_there(content: Plain | Unpacked, saved: Saved) -> bool:
    """Whether an unpacked text is the same up to the saved offset, and goes no further."""
    if saved.offset > LONG:
        return saved.head_bytes >= HEAD
    while not content.reach(saved.offset):
        pass
    marker = digest(content.pread(saved.marker_bytes, saved.offset - saved.marker_bytes))
    return marker == saved.marker and not content.pread(1, saved.offset)
