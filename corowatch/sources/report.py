"""What a source of files counts, and what it tells of trouble with them: each once, not each time it is met."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from corowatch.sources import Tell


def name_of(path: str) -> str:
    """A path as text: a file's name need not be UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


class Report:
    """`counts` are the source's; `tell` is where internal events go."""

    def __init__(self, counts: MutableMapping[str, int]) -> None:
        self.counts = counts
        self.tell: Tell = lambda kind, text, **fields: None
        self.said: dict[str, str] = {}
        """Why a path cannot be read now."""

    def unreadable(self, path: str, why: str | OSError) -> None:
        """It cannot be read now, and is looked at again."""
        told = why if isinstance(why, str) else why.strerror or str(why)
        if self.said.get(path) != told:
            self.said[path] = told
            name = name_of(path)
            self.tell("unreadable", f"{name}: {told}; it is looked at again", path=name, why=told)

    def readable(self, path: str) -> None:
        """It can be read (again)."""
        self.said.pop(path, None)

    def forget_what_is_gone(self) -> None:
        """What is not there any more is no trouble."""
        for path in [path for path in self.said if not os.path.lexists(path)]:
            del self.said[path]

    def lost(self, path: str, missing: int, reason: str, how: str) -> None:
        """So many bytes will never be read; `how` says of them what became of the file."""
        self.counts["bytes_lost"] += missing
        counter = f"bytes_lost.{reason}"
        self.counts[counter] = self.counts.get(counter, 0) + missing
        name = name_of(path)
        self.tell("lost", f"{name} {how}", path=name, bytes=missing, reason=reason)
