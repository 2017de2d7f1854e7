"""Standard input, to its end."""

from __future__ import annotations

import os
import queue
import secrets
import threading
from collections.abc import Callable, Mapping
from math import inf
from typing import Annotated, Any

from corowatch.core.events import Block, Chunk, Origin, Position, Target
from corowatch.core.frame import frame
from corowatch.core.kinds import source
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
) -> Source:
    """Read lines from standard input, to its end. A last line without a newline is a line.

        stdin: {}
    """
    return Stdin(target)


class Stdin(Source):
    """A thread that reads, because a pipe can keep one waiting; the pump takes what it has read."""

    endless = False

    def __init__(self, target: Target[Block], fd: int = 0) -> None:
        super().__init__()
        self.counts = {"bytes": 0}
        self._target = target
        self._fd = fd
        self._chunks: queue.Queue[bytes] = queue.Queue(AHEAD)
        self._frame: Any = None

    def open(self, saved: Mapping[str, Any], *, reader: str, start: str | None, tell: Tell,
             wake: Callable[[], None], now: float) -> None:
        self._frame = frame(self._target, origin=Origin(reader, secrets.token_hex(8), ""), position=Position())
        threading.Thread(target=self._pull, args=(wake,), name="stdin", daemon=True).start()

    def _pull(self, wake: Callable[[], None]) -> None:
        while True:
            try:
                data = os.read(self._fd, GULP)
            except OSError:
                data = b""
            self._chunks.put(data)
            wake()
            if not data:
                return

    def head(self) -> Head | None:
        return None if self._chunks.empty() else Head((0.0, 0, ""), inf, self._read)

    def _read(self, now: float, until: float) -> None:
        data = self._chunks.get()
        self.counts["bytes"] += len(data)
        self.ended = not data
        self._frame.send(Chunk(now, data, last=self.ended))

    def close(self) -> None:
        if self._frame:
            self._frame.close()
