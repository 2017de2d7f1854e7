"""The files that steps ask, such as those of `lookup`: read when a config is loaded, and again when they change.

A file that changed is read when it looked the same twice, for it may still be being written. One that is away or wrong
changes nothing: what was in it before is asked on, its trouble is told once, and it is looked at again.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, TextIO, TypeAlias
from weakref import WeakValueDictionary

from corowatch.core.table import Missing, Reading, Table, TableFile, columns_of
from corowatch.core.text import many

Signature: TypeAlias = tuple[int, ...]
"""What a file's status tells of its content."""


class News(NamedTuple):
    """A table was read again (`why` is empty), or could not be; `left_out` tells of the lines that are no rows."""

    path: str
    rows: int
    why: str
    left_out: str = ""


class Kept(Table[Any]):
    """A table with where it comes from. It is kept as its file is for as long as anybody has it."""

    def __init__(self, path: str, asked: Reading[Any]) -> None:
        self._path = path
        self._asked = asked
        self._seen: Signature | None = None
        self._why = self._left_out = ""
        self._read()

    def _read(self) -> None:
        with _opened(self._path) as file:
            # Of before it is read: what is written meanwhile is another change.
            self._tried = _signature(os.fstat(file.fileno()))
            self.rows = self._asked.read(file)
            self._taken = self._tried

    def catch_up(self) -> None:
        """Read the file if it is not what was read last. Raises ValueError, saying what is wrong with it."""
        if _status(self._path) != self._taken:
            self._read()

    def _glance(self) -> None:
        now = _status(self._path)
        seen, self._seen = self._seen, now
        if now == seen and now != self._tried:
            self._read()
            self._why = ""

    def news(self) -> Iterator[News]:
        """What a look at the file brings; the same trouble again is no news."""
        why, left_out, rows = self._why, self._left_out, self.rows
        try:
            self._glance()
        except ValueError as error:
            self._why = str(error)
        self._left_out = self.left_out()
        if self._why and self._why != why:
            yield News(self._path, len(rows), self._why)
        elif self.rows is not rows or self._left_out != left_out:
            yield News(self._path, len(self.rows), "", self._left_out * (self._left_out != left_out))

    def counted(self) -> str:
        """How much it has."""
        return f"{self._path}: {many(len(self.rows), self.rows.noun)}"

    def left_out(self) -> str:
        """What is to be said of the lines of the file that are no rows; nothing if there are none."""
        rows = self.rows
        return f"{self._path}: {many(rows.left_out, 'line')} left out: {rows.why}" if rows.left_out else ""


_KEPT: WeakValueDictionary[tuple[str, Reading[Any]], Kept] = WeakValueDictionary()
"""Each once, however many steps ask it, before a reload of the config and after."""


def table_file(path: str) -> TableFile:
    """A file that can be looked up. Raises ValueError with a sentence for the operator."""
    with _opened(path) as file:
        columns = columns_of(file) if path.lower().endswith(".csv") else ()

    # The table of a config that is loaded is not read again where its steps begin.
    @cache
    def table(asked: Reading[Any]) -> Table[Any]:
        kept = _KEPT.get((path, asked))
        if kept is None:
            kept = _KEPT[path, asked] = Kept(path, asked)
        else:
            kept.catch_up()
        return kept

    return TableFile(path, columns, table)


def counted() -> list[str]:
    """Of each table in use, how much it has."""
    return [kept.counted() for kept in _KEPT.values()]


def notes() -> list[str]:
    """What is to be said of the tables in use: which of their lines are left out."""
    return [said for kept in _KEPT.values() if (said := kept.left_out())]


def look() -> Iterator[News]:
    """Look at the file of every table that is in use."""
    for kept in list(_KEPT.values()):
        yield from kept.news()


@contextmanager
def _opened(path: str) -> Iterator[TextIO]:
    """The file, as lines are read: UTF-8, other bytes as \\xNN. Raises ValueError, also for what is wrong inside."""
    try:
        with open(path, encoding="utf-8-sig", errors="backslashreplace", newline="", opener=_open) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError("is not a regular file")
            yield file
    except OSError as error:
        wrong = Missing if isinstance(error, FileNotFoundError) else ValueError
        raise wrong(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path} {error}") from None


def _open(path: str, flags: int) -> int:
    # O_NONBLOCK: else opening a FIFO would wait for a writer.
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _status(path: str) -> Signature | None:
    try:
        return _signature(os.stat(path))
    except OSError:
        return None


def _signature(status: os.stat_result) -> Signature:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
