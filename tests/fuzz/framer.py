"""However bytes are cut into chunks, and wherever a run ends and the next begins, the lines are those of the whole."""

from __future__ import annotations

from corowatch.core.events import Chunk, Position
from corowatch.core.frame import frame
from corowatch.core.lines import shown
from corowatch.testing import ORIGIN, Collect
from tests.fuzz.draw import Draw

CODECS = ("utf-8", "utf-8", "latin-1", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp1252", "gb18030")
MARKS = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff", "utf-32-le": b"\xff\xfe\0\0",
         "utf-32-be": b"\0\0\xfe\xff"}
SEEDS = [b"\0\0\0\0\x10\0\0\0\x05one\ntwo two\n\n\0\0\0four\nlast", b"\x01\x01\0\0\x03\0\0\0\x01" + b"\n\0" * 9,
         b"\0\0\0\0\x04\1\0\0\x03" + b"x" * 20 + b"\ny\n\0\0\0\0\0\0\0\0\0z\n",
         b"\x03\1\0\0\x08\0\0\x02\x04" + b"a\0\n\0\0\n\n\n"]


def one(data: bytes) -> None:
    """Cut, frame, and compare with `lines`; then the same with a restart in the middle."""
    draw = Draw(data)
    codec = draw.one_of(CODECS)
    mark = MARKS.get(codec, b"") if draw.byte() % 2 else b""
    limit = 1 + draw.number(300)
    last = bool(draw.byte() % 2)
    stop = draw.number(2000)
    most = 1 + draw.byte()
    sizes = draw.rest()
    content = mark + sizes[len(sizes) // 8:]

    want, end = lines(content, codec, limit, len(mark), last=last)
    chunks = list(pieces(content, sizes, most))
    told, position = framed(chunks, codec, limit, len(mark), Position(), last=last)
    assert (want, end) == (told, position), (codec, limit, chunks)

    first, position = framed(list(pieces(content[:stop], sizes, most)), codec, limit, len(mark), Position(), last=False)
    then, position = framed(list(pieces(content[position:], sizes, most)), codec, limit, len(mark), Position(position),
                            last=last)
    assert (want, end) == (first + then, position), (codec, limit, content, stop)


def lines(data: bytes, codec: str, limit: int, mark: int, *, last: bool) -> tuple[list[tuple[int, str, int]], int]:
    """(offset, text, bytes cut) of each line, and where the first unfinished one begins; a unit at a time."""
    newline = "\n".encode(codec)
    unit = len(newline)
    limit = max(limit // unit, 1) * unit
    if not last:
        data = data[:len(data) // unit * unit]
    told, at = [], 0
    while True:
        while at < len(data) and data[at:at + unit] == bytes(unit):
            at += unit  # a hole
        end = at
        while end < len(data) and data[end:end + unit] != newline:
            end += unit
        if end >= len(data) and not (last and at < len(data)):
            return told, min(at, len(data))
        end = min(end, len(data))
        line, skipped = data[at:end], mark if at == 0 else 0
        kept = line[:limit][skipped:]
        text = shown(kept) if codec == "utf-8" else shown(kept.decode(codec, "backslashreplace").encode())
        told.append((at + skipped, text, max(0, len(line) - limit)))
        at = min(end + unit, len(data))


def pieces(data: bytes, sizes: bytes, most: int) -> list[bytes]:
    """The data in chunks as long as the bytes of `sizes` say, at most `most`."""
    cut, at, n = [], 0, 0
    while at < len(data):
        size = 1 + (sizes[n % len(sizes)] % most if sizes else 0)
        cut.append(data[at:at + size])
        at, n = at + size, n + 1
    return cut


def framed(chunks: list[bytes], codec: str, limit: int, mark: int, position: Position, *,
           last: bool) -> tuple[list[tuple[int, str, int]], int]:
    """What came out, line by line, and the position after it. The last chunk may say so itself, or an empty one."""
    blocks = Collect()
    framer = frame(blocks, origin=ORIGIN, position=position, codec=codec, mark=mark, max_line_bytes=limit)
    own = last and len(chunks) % 2 == 1
    for number, chunk in enumerate(chunks, 1):
        framer.send(Chunk(0.0, chunk, last=own and number == len(chunks)))
    if last and not own:
        framer.send(Chunk(0.0, b"", last=True))
    told = []
    for block in blocks:
        at = 0
        for number, line in enumerate(block.data.removesuffix(b"\n").split(b"\n")):
            told.append((block.starts[number] if block.starts else block.offset + at, shown(line), block.cut))
            at += len(line) + 1
    return told, position.offset
