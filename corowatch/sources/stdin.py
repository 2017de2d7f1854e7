"""Standard input, to its end."""

from __future__ import annotations

import os
import queue
import secrets
import threading
from collections.abc import Callable, Mapping
from math import inf
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from corowatch.core.events import Block, Chunk, Origin, Position, Target
from corowatch.core.frame import frame
from corowatch.core.kinds import source
from corowatch.core.multiline import Multiline
from corowatch.core.values import Stamp
from corowatch.sources import Head, Source, Tell

GULP = 256 * 1024
AHEAD = 4
"""Chunks that the reading thread may be ahead of the pump; then the pipe holds the writer back."""


@source
def stdin(
    target: Target[Block],
    *,
    timestamp: Annotated[Stamp, "how lines tell their time: auto, none, or a format"] = Stamp("auto"),
    zone: Annotated[ZoneInfo | None, "of times whose lines tell none, or call it by a name that several have or that "
                                     "nobody knows, such as `IST` (default: the host's)"] = None,
    multiline: Annotated[Multiline | None, "which lines belong together: an event is all of them"] = None,
) -> Source:
    """Read lines from standard input, to its end. A last line without a newline is a line.

        stdin: {}
    """
    return Stdin(target, multiline)


class _Pipe:
    """The thread that reads a descriptor, because a pipe can keep one waiting; there is one however often the
    source is opened, for what it has read belongs to whoever reads on."""

    def __init__(self, fd: int) -> None:
        self.chunks: queue.Queue[bytes] = queue.Queue(AHEAD)
        self.wake: Callable[[], None] = lambda: None
        threading.Thread(target=self._pull, args=(fd,), name="stdin", daemon=True).start()

    def _pull(self, fd: int) -> None:
        data = b"?"
        while data:
            try:
                data = os.read(fd, GULP)
            except OSError:
                data = b""
            self.chunks.put(data)
            self.wake()


_pipes: dict[int, _Pipe] = {}


class Stdin(Source):
    """Takes what the pipe's thread has read."""

    endless = False

    def __init__(self, target: Target[Block], multiline: Multiline | None = None, fd: int = 0) -> None:
        super().__init__()
        self.counts = {"bytes": 0}
        self._multiline = multiline
        self._records = multiline.records(target) if multiline else None
        self._target = self._records or target
        self._fd = fd
        self._pipe: _Pipe | None = None
        self._frame: Any = None

    def open(self, saved: Mapping[str, Any], *, reader: str, start: str | None, tell: Tell,
             wake: Callable[[], None], now: float, once: bool = False) -> None:
        self._frame = frame(self._target, origin=Origin(reader, secrets.token_hex(8), ""), position=Position())
        self._pipe = _pipes.get(self._fd) or _pipes.setdefault(self._fd, _Pipe(self._fd))
        self._pipe.wake = wake

    def head(self) -> Head | None:
        return Head(lambda: (0.0, 0, ""), inf, self._read) if self._pipe and not self._pipe.chunks.empty() else None

    def _read(self, now: float, until: float) -> None:
        assert self._pipe is not None
        data = self._pipe.chunks.get()
        self.counts["bytes"] += len(data)
        self.ended = not data
        if self.ended:
            del _pipes[self._fd]
        self._frame.send(Chunk(now, data, last=self.ended))
        if self.ended and self._records:
            self._records.end()

    def pass_time(self, now: float) -> None:
        since = None if self._records is None or self.behind else self._records.since
        if since is not None and self._records and self._multiline and since + self._multiline.timeout <= now:
            self._records.end()

    @property
    def waiting(self) -> bool:
        return self._records is not None and self._records.since is not None

    def close(self) -> None:
        if self._frame:
            self._frame.close()
