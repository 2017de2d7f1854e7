"""What the tests of joined lines share: bytes in, through a frame, and the records that come out."""

from corowatch.core.events import Chunk, Position
from corowatch.core.frame import frame
from corowatch.core.lines import all_shown
from corowatch.engines import spans
from corowatch.testing import ORIGIN, Collect


class Joined:
    """One file, its lines joined as `multiline` says; `told` are the records that came out, with where each begins."""

    def __init__(self, multiline, position=None, **options):
        self.blocks, self.position = Collect(), position or Position()
        self.joins = multiline.records(self.blocks)
        self._frame = frame(self.joins, origin=ORIGIN, position=self.position, **options)

    def send(self, data, at=0.0, *, last=False):
        self._frame.send(Chunk(at, data, last=last))
        return self

    def send_lines(self, lines, at_once=1):
        for begin in range(0, len(lines), at_once):
            self.send("".join(f"{line}\n" for line in lines[begin:begin + at_once]).encode())
        return self

    def end(self):
        self.joins.end()
        return self

    @property
    def told(self):
        return [one for block in self.blocks for one in records_of(block)]

    @property
    def texts(self):
        return [text for _, text in self.told]


def records_of(block):
    """(offset, text) of each record of a Block."""
    joined, until = dict(block.records), -1
    for number, (start, end) in enumerate(spans(block.data)):
        if start > until:
            until = joined.get(start, end)
            place = block.starts[number] if block.starts else block.offset + start
            yield place, all_shown(block.data[start:until])
