"""Blocks of a container runtime's lines in, Blocks of what the container wrote out.

The runtime puts each line into an envelope, with the stream and the time, and cuts long ones. Here the envelopes are
taken off and the pieces put together again, of each stream by itself; a Joiner may join the lines so gained. Records
leave in the order in which they begin, so one that is open holds back those behind it, and a restart begins with it.

Sources: Kubernetes, "CRI logging format" (`TIME STREAM F|P TEXT`, P: more of the line follows); Docker, "JSON File
logging driver" (`{"log": …, "stream": …, "time": …}`, without a newline at the end of `log`: more of it follows).
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from corowatch.core.events import Block, Origin, Position, Target
from corowatch.core.lines import shown
from corowatch.core.records import UNSURE, WHOLE, Joiner, line_at
from corowatch.engines import spans


class Piece(NamedTuple):
    """What an envelope held."""

    stream: str
    stamp: bytes
    text: bytes
    more: bool


class _Docker(msgspec.Struct, gc=False):
    log: str
    stream: str = ""
    time: str = ""


_CRI = re.compile(rb"(\d{4}-\S+) (stdout|stderr) ([FP])(?::\S*)?(?: (.*))?", re.DOTALL)
_decode = msgspec.json.Decoder(_Docker).decode


def cri(line: bytes) -> Piece | None:
    """A line as CRI runtimes (containerd, CRI-O) write it."""
    found = _CRI.fullmatch(line)
    return found and Piece(f"cri {found[2].decode()}", found[1], found[4] or b"", found[3] == b"P")


def docker_json(line: bytes) -> Piece | None:
    """A line as Docker's json-file driver writes it."""
    try:
        told = _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    text = told.log.removesuffix("\n").removesuffix("\r").replace("\n", r"\n")
    stream = told.stream if told.stream in ("stdout", "stderr") else ""
    return Piece(f"docker {stream}", told.time.encode(), text.encode("utf-8", "backslashreplace"),
                 not told.log.endswith("\n"))


ENVELOPES: Mapping[str, Callable[[bytes], Piece | None]] = {"cri": cri, "docker-json": docker_json}


class Line(NamedTuple):
    """A line that a container wrote: where its first piece stands, the stamp of that, the text, and the stream; of one
    in no envelope that has no name."""

    place: int
    stamp: bytes
    text: bytes
    stream: str = ""


class _Record(msgspec.Struct):
    """Lines that belong together: of `lines` the first `sure` do."""

    lines: list[Line]
    state: str = ""
    sure: int = 1
    size: int = 0


def _place(record: _Record) -> int:
    return record.lines[0].place


class _Stream(msgspec.Struct):
    """A stream's unfinished line and its open record."""

    pieces: list[Piece] = msgspec.field(default_factory=list)
    place: int = 0
    record: _Record | None = None
    at: float = 0.0

    @property
    def open(self) -> int | None:
        """Where its open record begins, or else its unfinished line."""
        return _place(self.record) if self.record else self.place if self.pieces else None


class Containers:
    """Takes envelopes off, joins pieces and, with a Joiner, lines. What is in no envelope is a record by itself, and
    ends all that are open.

    A record ends before the line by which it would be longer than `max_lines` or `max_bytes`. What is whole leaves at a
    line before which nothing is open, so that all streams can be begun with there after a restart; if for more than
    `max_lines` lines there is none, what is open ends.
    """

    def __init__(self, target: Target[Block], forms: Sequence[str], joiner: Joiner | None, *, max_lines: int,
                 max_bytes: int) -> None:
        self._target = target
        self._forms = forms
        self._unwrap = [ENVELOPES[form] for form in forms]
        self._joiner = joiner
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._streams: dict[str, _Stream] = {}
        self._records: list[_Record] = []  # in the order in which they begin
        self._whole = 0  # so many of them may leave
        self._open: int | None = None  # where the others begin
        self._lines = 0  # so many lines since
        self._block: Block | None = None

    @property
    def since(self) -> float | None:
        """When the last line came of the stream that is open for longest."""
        return min((stream.at for stream in self._streams.values() if stream.open is not None), default=None)

    def send(self, block: Block) -> None:
        """Send what is whole with this Block."""
        if block.cut:  # it stands alone
            self.end()
        self._take_in(block)
        self._pass_on(block)

    def _take_in(self, block: Block) -> None:
        self._block = block
        for number, (start, end) in enumerate(spans(block.data)):
            line = line_at(block.data, start, end)
            place = block.offset + start if block.starts is None else block.starts[number]
            piece = None if block.cut else next((one for unwrap in self._unwrap if (one := unwrap(line))), None)
            if self._open is None:
                self._open = place
            if piece is None:
                self._end_all()
                self._records.append(_Record([Line(place, line, line)]))
            else:
                self._add(piece, place, block.at)
            self._see(place)

    def written(self, data: bytes, offset: int) -> list[Line]:
        """The whole lines that containers wrote, of lines of a file that begin at an offset, in the order in which they
        begin. They are read apart: nothing is sent, and what is open stays so."""
        apart = Containers(self._target, self._forms, self._joiner, max_lines=self._max_lines,
                           max_bytes=self._max_bytes)
        apart._take_in(Block(Origin("", ""), offset, 0.0, data, Position()))
        return sorted(line for record in apart._records for line in record.lines)

    def end(self) -> None:
        """Nothing more belongs to what is held back: send it."""
        if self._block is not None:
            self._end_all()
            self._pass_on(msgspec.structs.replace(self._block, cut=0))

    def _see(self, place: int) -> None:
        """Whether something is open that began before the line at a place, or else how much is whole."""
        opens = [at for stream in self._streams.values() if (at := stream.open) is not None]
        self._lines += 1
        if opens and min(opens) < place and self._lines > self._max_lines:
            self._end_all()
        elif not opens:
            self._whole, self._open, self._lines = len(self._records), None, 0
        elif min(opens) >= place:
            self._whole, self._open, self._lines = bisect_left(self._records, place, key=_place), place, 1

    def _add(self, piece: Piece, place: int, at: float) -> None:
        stream = self._streams.setdefault(piece.stream, _Stream())
        stream.at = at
        stream.place = stream.place if stream.pieces else place
        stream.pieces.append(piece)
        if not piece.more or sum(len(one.text) for one in stream.pieces) > self._max_bytes:
            self._end_line(stream)

    def _end_line(self, stream: _Stream) -> None:
        if stream.pieces:
            text = b"".join(piece.text for piece in stream.pieces)
            line = Line(stream.place, stream.pieces[0].stamp, text, stream.pieces[0].stream)
            stream.pieces = []
            self._take([line], stream)

    def _end_all(self) -> None:
        for stream in self._streams.values():
            self._end_line(stream)
            while stream.record is not None:
                self._end_record(stream)
        self._whole, self._open, self._lines = len(self._records), None, 0

    def _take(self, lines: list[Line], stream: _Stream) -> None:
        """Each line belongs to the stream's open record, or ends it and begins another."""
        waiting = list(reversed(lines))
        while waiting:
            line, record = waiting.pop(), stream.record
            if record is None:
                state = self._joiner.begin(line.text) if self._joiner else ""
                self._begin(line, state, stream)
                continue
            assert self._joiner is not None
            state = self._joiner.go_on(record.state, line.text)
            full = len(record.lines) >= self._max_lines or record.size + len(line.text) > self._max_bytes
            if not state or full:
                stream.record = None
                waiting += [line, *reversed(record.lines[record.sure:])]
                del record.lines[record.sure:]
                continue
            record.lines.append(line)
            record.size += len(line.text) + 1
            record.state = state
            if not state.endswith(UNSURE):
                record.sure = len(record.lines)
            if state == WHOLE:
                stream.record = None

    def _begin(self, line: Line, state: str, stream: _Stream) -> None:
        record = _Record([line], state, size=len(line.text))
        insort(self._records, record, key=_place)
        stream.record = record if state else None

    def _end_record(self, stream: _Stream) -> None:
        record = stream.record
        assert record is not None
        rest = record.lines[record.sure:]
        del record.lines[record.sure:]
        stream.record = None
        self._take(rest, stream)

    def _pass_on(self, block: Block) -> None:
        """Send what is whole."""
        whole, self._records, self._whole = self._records[:self._whole], self._records[self._whole:], 0
        block.position.open = self._open
        if not whole:
            return
        data, records, lines = bytearray(), [], []
        for record in whole:
            begin = len(data)
            data += b"\n".join(line.text for line in record.lines)
            if len(record.lines) > 1:
                records.append((begin, len(data)))
            data += b"\n"
            lines += record.lines
        self._target.send(msgspec.structs.replace(
            block, offset=_place(whole[0]), data=bytes(data), starts=tuple(line.place for line in lines),
            stamps=tuple(line.stamp for line in lines), records=tuple(records)))


def beside(lines: Sequence[Line], place: int, own: int) -> tuple[list[str], list[str]]:
    """The texts of the lines before the one at a place, and of those behind it; the `own` ones of its stream that begin
    with it are neither."""
    stream = next((line.stream for line in lines if line.place == place), "")
    others = [line for line in lines if line.place >= place and (line.stream != stream or (own := own - 1) < 0)]
    return [shown(line.text) for line in lines if line.place < place], [shown(line.text) for line in others]
