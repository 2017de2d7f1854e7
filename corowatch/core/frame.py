"""Chunks in, Blocks of whole lines out. Lines are not split: one search for the last newline a chunk.

One `frame` per open file. The unfinished line is held here; `position.offset` is where it begins, so
nothing of it counts as read. When the file has ended (`last`), it is sent as it is; when the frame is
merely closed, it is not, and the next run reads it whole.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from functools import cache

from corowatch.core.coroutine import coroutine
from corowatch.core.events import Block, Chunk, Origin, Position, Target


@coroutine
def frame(target: Target[Block], *, origin: Origin, position: Position, codec: str = "utf-8", mark: int = 0,
          max_line_bytes: int = 65536) -> Generator[None, Chunk, None]:
    """Cut what was read after the last newline and send it as one Block.

    `codec` and `mark` are the file's encoding and the length of its byte-order mark (bytes). Of a line
    over `max_line_bytes` the beginning is sent, alone, with the number of bytes cut. A run of NULs at
    the start of a line is a hole that truncation left in a sparse file, and is passed over.
    """
    newline = "\n".encode(codec)
    max_line_bytes = max(1, max_line_bytes // len(newline)) * len(newline)  # no code unit is cut
    held = half = b""  # the unfinished line; the first byte of a code unit whose second is not there yet
    over = 0  # bytes beyond the limit of a line that is still going on

    def send(start: int, data: bytes, cut: int = 0) -> None:
        if start == 0 and mark:
            start, data = mark, data[mark:]
        block = Block(origin, start, chunk.at, data, position, cut)
        target.send(block if codec == "utf-8" else _transcoded(block, codec, newline))

    while True:
        chunk = yield
        read = half + chunk.data if half else chunk.data
        if not chunk.last:
            read, half = read[:(size := len(read) // len(newline) * len(newline))], read[size:]
        for hole, fresh in _between_holes(read, newline, at_start=not held and not over):
            position.offset += hole
            position.skipped += hole
            data = held + fresh if held else fresh
            if over or (len(data) > max_line_bytes and find(data, newline) < 0):
                end = find(fresh, newline)
                if end < 0 and not chunk.last:
                    held, over = data[:max_line_bytes], over + max(0, len(data) - max_line_bytes)
                    continue
                end = len(fresh) if end < 0 else end + len(newline)
                rest = fresh[end:]
                line = data[:len(data) - len(rest)]
                line = line[:-len(newline)] if _ends(line, newline) else line
                start, cut = position.offset, over + max(0, len(line) - max_line_bytes)
                position.offset += over + len(data) - len(rest)
                send(start, line[:max_line_bytes], cut)
                data, held, over = rest, b"", 0
            end = len(data) if chunk.last else rfind(data, newline) + len(newline)
            whole, held = data[:end], data[end:]
            start = position.offset
            position.offset += len(whole)
            for begin, piece, cut in _within(whole, newline, max_line_bytes):
                send(start + begin, piece, cut)


def find(data: bytes, newline: bytes, start: int = 0) -> int:
    """Where the first newline is, from `start` on, on a border of code units; -1 if nowhere."""
    at = data.find(newline, start)
    while at > 0 and at % len(newline):
        at = data.find(newline, at + 1)
    return at


def rfind(data: bytes, newline: bytes, start: int = 0, end: int | None = None) -> int:
    """Where the last newline is, between two borders of code units, on one; minus its length if nowhere."""
    at = data.rfind(newline, start, end)
    while at > 0 and at % len(newline):
        at = data.rfind(newline, start, at + len(newline) - 1)
    return at if at >= 0 else -len(newline)


def _ends(data: bytes, newline: bytes) -> bool:
    """Whether a newline is the last of the data; its bytes across a border of code units are none."""
    return len(data) > 0 and rfind(data, newline) == len(data) - len(newline)


def _between_holes(data: bytes, newline: bytes, *, at_start: bool) -> Iterator[tuple[int, bytes]]:
    """The data without the runs of NULs that begin a line: (bytes left out, bytes that follow them)."""
    begin = left_out = 0
    for found in _hole(newline).finditer(data) if b"\0" in data else ():
        if found.start() % len(newline) or (found.start() == 0 and not at_start):
            continue
        if begin < found.start():
            yield left_out, data[begin:found.start()]
        left_out, begin = found.end() - found.start(), found.end()
    yield left_out, data[begin:]


@cache
def _hole(newline: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?:\A|(?<=" + re.escape(newline) + rb"))(?:" + rb"\0" * len(newline) + rb")+")


def _within(data: bytes, newline: bytes, limit: int) -> Iterator[tuple[int, bytes, int]]:
    """The data as pieces (offset, bytes, bytes cut), over-long lines alone; nearly always one piece."""
    begin = start = 0
    while len(data) - start > limit:
        # Only a line longer than the limit has no newline in the limit's reach: hop from reach to reach.
        end = rfind(data, newline, start, start + limit + len(newline))
        if end >= 0:
            start = end + len(newline)
            continue
        if begin < start:
            yield begin, data[begin:start], 0
        stop = find(data, newline, start)
        stop = len(data) if stop < 0 else stop
        yield start, data[start:start + limit], stop - start - limit
        begin = start = stop + len(newline)
    if begin < len(data):
        yield begin, data[begin:], 0


def _transcoded(block: Block, codec: str, newline: bytes) -> Block:
    """The Block as UTF-8, with the offset in the file of each line."""
    lines, starts, at = [], [], 0
    while at < len(block.data):
        end = find(block.data, newline, at)
        end = len(block.data) if end < 0 else end
        starts.append(block.offset + at)
        lines.append(block.data[at:end].decode(codec, "backslashreplace").encode())
        at = end + len(newline)
    tail = b"\n" if _ends(block.data, newline) else b""
    data = b"\n".join(lines) + tail
    return Block(block.origin, block.offset, block.at, data, block.position, block.cut, tuple(starts))
