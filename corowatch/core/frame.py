"""Chunks in, Blocks of whole lines out. Lines are not split: one search for the last newline a chunk.

One `frame` per open file. The unfinished line is held here; `position.offset` is where it begins, so
nothing of it counts as read. When the file has ended (`last`), it is sent as it is; when the frame is
merely closed, it is not, and the next run reads it whole.
"""

from __future__ import annotations

import re
from collections.abc import Generator

from corowatch.core.coroutine import coroutine
from corowatch.core.events import Block, Chunk, Origin, Position, Target

_HOLE = re.compile(rb"(?:\A|(?<=\n))\x00+")


@coroutine
def frame(target: Target[Block], *, origin: Origin, position: Position, codec: str = "utf-8", mark: int = 0,
          max_line_bytes: int = 65536) -> Generator[None, Chunk, None]:
    """Cut what was read after the last newline and send it as one Block.

    `codec` and `mark` are the file's encoding and the length of its byte-order mark (bytes). Of a line
    over `max_line_bytes` the beginning is sent, alone, with the number of bytes cut. A run of NULs at
    the start of a line is a hole that truncation left in a sparse file, and is passed over.
    """
    newline = "\n".encode(codec)
    held = half = b""  # the unfinished line; the first byte of a code unit whose second is not there yet
    over = 0  # bytes beyond the limit of a line that is still going on
    while True:
        chunk = yield
        fresh = half + chunk.data if half else chunk.data
        if not chunk.last:
            fresh, half = fresh[:(size := len(fresh) // len(newline) * len(newline))], fresh[size:]
        data = held + fresh if held else fresh
        if over or (len(data) > max_line_bytes and find(data, newline) < 0):
            end = find(fresh, newline)
            if end < 0 and not chunk.last:
                held, over = data[:max_line_bytes], over + max(0, len(data) - max_line_bytes)
                continue
            end = len(fresh) if end < 0 else end + len(newline)
            rest = fresh[end:]
            line = data[:len(data) - len(rest)].removesuffix(newline)
            start, cut = position.offset, over + max(0, len(line) - max_line_bytes)
            position.offset += over + len(data) - len(rest)
            _send(target, Block(origin, start, chunk.at, line[:max_line_bytes], position, cut), codec, newline)
            data, held, over = rest, b"", 0
        end = len(data) if chunk.last else rfind(data, newline) + len(newline)
        whole, held = data[:end], data[end:]
        if whole:
            start = position.offset
            position.offset += len(whole)
            if start == 0 and mark:
                start, whole = mark, whole[mark:]
            for begin, piece, cut in _within(whole, newline, max_line_bytes):
                _send(target, Block(origin, start + begin, chunk.at, piece, position, cut), codec, newline)


def find(data: bytes, newline: bytes) -> int:
    """Where the first newline is, on a border of code units; -1 if nowhere."""
    at = data.find(newline)
    while at > 0 and at % len(newline):
        at = data.find(newline, at + 1)
    return at


def rfind(data: bytes, newline: bytes) -> int:
    """Where the last newline is, on a border of code units; minus its length if nowhere."""
    at = data.rfind(newline)
    while at > 0 and at % len(newline):
        at = data.rfind(newline, 0, at + len(newline) - 1)
    return at if at >= 0 else -len(newline)


def _within(data: bytes, newline: bytes, limit: int) -> list[tuple[int, bytes, int]]:
    """The data as pieces (offset, bytes, bytes cut), over-long lines alone; nearly always one piece."""
    if len(data) <= limit:
        return [(0, data, 0)]
    pieces: list[tuple[int, bytes, int]] = []
    begin = start = 0
    while start < len(data):
        # Only a line longer than the limit has no newline in the limit's reach: hop from reach to reach.
        end = data.rfind(newline, start, start + limit + len(newline))
        if len(newline) > 1 and end >= 0:
            end = start + rfind(data[start:start + limit + len(newline)], newline)
        if end >= start:
            start = end + len(newline)
            continue
        if begin < start:
            pieces.append((begin, data[begin:start], 0))
        stop = find(data[start:], newline)
        stop = len(data) if stop < 0 else start + stop
        pieces.append((start, data[start:start + limit], max(0, stop - start - limit)))
        begin = start = min(stop + len(newline), len(data))
    if begin < len(data):
        pieces.append((begin, data[begin:], 0))
    return pieces


def _send(target: Target[Block], block: Block, codec: str, newline: bytes) -> None:
    """Send a Block as UTF-8 without holes."""
    if codec != "utf-8":
        target.send(_transcoded(block, codec, newline))
        return
    data = block.data
    if not data.startswith(b"\x00") and b"\n\x00" not in data:
        target.send(block)
        return
    at = 0
    for hole in [*_HOLE.finditer(data), None]:
        end = hole.start() if hole else len(data)
        if data[at:end]:
            target.send(Block(block.origin, block.offset + at, block.at, data[at:end], block.position, block.cut))
        at = hole.end() if hole else end


def _transcoded(block: Block, codec: str, newline: bytes) -> Block:
    lines, starts, at = [], [], 0
    while at < len(block.data):
        length = find(block.data[at:], newline)
        end = len(block.data) if length < 0 else at + length
        starts.append(block.offset + at)
        lines.append(block.data[at:end].decode(codec, "backslashreplace").encode())
        at = end + len(newline)
    tail = b"\n" if block.data.endswith(newline) else b""
    data = b"\n".join(lines) + tail
    return Block(block.origin, block.offset, block.at, data, block.position, block.cut, tuple(starts))
