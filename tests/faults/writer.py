"""The writer of a log, and its ledger: what was written, in which order, how many bytes.

A line is `name,seq,crc`: ten digits of sequence number and a checksum of both, so that a line made of two halves
is told from a whole one.
"""

from __future__ import annotations

import os
import threading
import time
import zlib
from collections.abc import Iterable
from pathlib import Path


def line(name: str, seq: int, pad: int = 0) -> bytes:
    """Line number `seq` of a writer; `pad` makes it longer by so many bytes."""
    body = f"{name},{seq:010d}"
    return f"{body},{zlib.crc32(body.encode()):08x}{'.' * pad}\n".encode()


class Writer:
    """Writes numbered lines, through one descriptor until it is told to open another; unbuffered.

    `path` may be None: then lines are only made, and whoever takes them puts them somewhere.
    `written` is the ledger: each number that was written, in order. One that was destroyed unread on purpose is
    taken out of it with `forget`, or counted by the row itself.
    """

    def __init__(self, path: Path | None, name: str = "w", *, append: bool = True, pad: int = 0) -> None:
        self.path, self.name, self.append, self.pad = path, name, append, pad
        self.written: list[int] = []
        self.next = 0
        self.fd = -1
        if path is not None:
            self.open()

    def open(self, path: Path | None = None) -> None:
        """Open the path (anew, or another): the descriptor of before is closed."""
        self.close()
        self.path = path or self.path
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        self.fd = os.open(self.path, flags | os.O_APPEND if self.append else flags, 0o644)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def make(self, count: int = 1) -> bytes:
        """The next `count` lines, noted as written."""
        seqs = range(self.next, self.next + count)
        self.written.extend(seqs)
        self.next += count
        return b"".join(line(self.name, seq, self.pad) for seq in seqs)

    def write(self, count: int = 1) -> int:
        """Write the next `count` lines with one call; gives the bytes."""
        return self.put(self.make(count))

    def put(self, data: bytes) -> int:
        """Write these bytes as they are; nothing is noted."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view):]
        return len(data)

    def rotate(self, to: Path) -> None:
        """Rename the file and open a new one in its place, as logrotate's `create` has it."""
        os.rename(self.path, to)
        self.open()

    def forget(self, seqs: Iterable[int]) -> None:
        """Take numbers out of the ledger: their lines were never there to be read."""
        gone = set(seqs)
        self.written = [seq for seq in self.written if seq not in gone]

    @property
    def size(self) -> int:
        """Bytes of one line."""
        return len(line(self.name, 0, self.pad))


class Pace:
    """Keeps a loop at `rate` things a second: `pace.wait(n)` sleeps until n more are due."""

    def __init__(self, rate: float) -> None:
        self.rate, self.began, self.done = rate, time.monotonic(), 0

    def wait(self, count: int = 1) -> None:
        self.done += count
        left = self.began + self.done / self.rate - time.monotonic()
        if left > 0:
            time.sleep(left)


class Steady(threading.Thread):
    """A thread that lets `writer` write `rate` lines a second, `batch` in one call, until `stop`.

    Hold `lock` while you rename or truncate, so that the ledger's order is the file's.
    """

    def __init__(self, writer: Writer, rate: float, batch: int = 10) -> None:
        super().__init__(daemon=True)
        self.writer, self.rate, self.batch = writer, rate, batch
        self.lock = threading.Lock()
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        pace = Pace(self.rate)
        while not self._over.is_set():
            with self.lock:
                if self.writer.fd < 0:
                    return  # the row has failed meanwhile, and let everything go
                self.writer.write(self.batch)
            pace.wait(self.batch)

    def stop(self) -> None:
        self._over.set()
        self.join(60)
        assert not self.is_alive()
