"""What takes long to make and can always be made again, kept in the state directory from one run to the next.

Each entry is a file of its own, its bytes behind their hash: one that is damaged or was not written to its end is made
anew. Nothing here may keep the daemon from running.
"""

from __future__ import annotations

import contextlib
import os
from hashlib import blake2b
from pathlib import Path

MOST = 16
"""Entries; beyond, those that were not used for longest go."""
_HASH = 32


class DiskCache:
    """The entries in a folder, which is made when it is needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> bytes | None:
        """What was put there under `name`, unharmed, or None."""
        path = self._folder / name
        try:
            saved = path.read_bytes()
        except OSError:
            return None
        with contextlib.suppress(OSError):  # it may stand where nothing can be written
            os.utime(path)
        told, made = saved[:_HASH], saved[_HASH:]
        return made if told == blake2b(made, digest_size=_HASH).digest() else None

    def put(self, name: str, made: bytes) -> None:
        """Keep it, if that is possible."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            unfinished = self._folder / f".{name}.{os.getpid()}"
            with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(blake2b(made, digest_size=_HASH).digest() + made)
            unfinished.replace(self._folder / name)
            self._prune()

    def _prune(self) -> None:
        entries = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in entries[MOST:]:
            with contextlib.suppress(OSError):
                path.unlink()
