"""What was read and scanned beforehand, in the place of a Block."""

from corowatch.core.ahead import NOTHING_AHEAD, Ahead, Scanned
from corowatch.core.events import Position
from corowatch.core.kinds import Counts
from corowatch.core.scan import Clock, scan
from corowatch.core.stamps import Stamps
from corowatch.engines import EveryLine
from corowatch.testing import ORIGIN, Collect

NOW = Stamps().read(b"2026-11-22T12:00:00Z", 0.0)
STAMPED = Stamps().read(b"2026-11-22T10:00:00Z", 0.0)


class Window:
    """Lines that stand in bytes."""

    def __init__(self, data, *hits, offset=100, proven=(), engine=None):
        self._data, self.engine = data, engine
        self.offset, self.size, self.lines, self.hits, self.proven = offset, len(data), data.count(b"\n"), hits, proven

    def __getitem__(self, part):
        return self._data[part]


def scanned(window):
    return Scanned(ORIGIN, window.offset, NOW, window, Position(offset=window.offset + window.size))


def test_lines_that_were_hit_become_events_for_whom_they_may_interest():
    counts, outs = Counts(lines=0, cut=0, skewed=0), [Collect(), Collect()]
    engine = EveryLine([None, None])
    scanner = scan(outs, engine=engine, clock=Clock("auto", counts), counts=counts)
    window = Window(b"2026-11-22T10:00:00Z a\nnobody\n  at x\n", (0, 22, [0]), (30, 36, [0, 1]), engine=engine)

    scanner.send(scanned(window))

    assert [(100, "2026-11-22T10:00:00Z a"), (130, "  at x")] == [(event.place, event.text) for event in outs[0]]
    assert [(130, STAMPED)] == [(event.place, event.at) for event in outs[1]]  # of the nearest line before
    assert 3 == counts["lines"]


def test_what_was_scanned_for_others_is_looked_at_anew():
    counts, outs = Counts(lines=0, cut=0, skewed=0), [Collect(), Collect()]
    scanner = scan(outs, engine=EveryLine([None, None]), clock=Clock("auto", counts), counts=counts)

    scanner.send(scanned(Window(b"a\nb\n", (0, 1, [1]), engine=EveryLine([None, None]))))

    assert 2 * [["a", "b"]] == [[event.text for event in out] for out in outs]
    assert 2 == counts["lines"]


def test_what_comes_next_is_for_the_engine_and_when_all_ends_nothing_does():
    told = []

    class Engine(EveryLine):
        def foresee(self, ahead):
            told.append(ahead)

    counts, ahead = Counts(lines=0, cut=0, skewed=0), Ahead(3, 0, 10, 99)
    scanner = scan([Collect()], engine=Engine([None]), clock=Clock("auto", counts), counts=counts)
    scanner.send(ahead)
    scanner.close()

    assert [ahead, NOTHING_AHEAD] == told


def test_the_lines_before_are_known_when_the_window_is_gone():
    counts, out = Counts(lines=0, cut=0, skewed=0), Collect()
    clock, engine = Clock("auto", counts), EveryLine([None])
    scanner = scan([out], engine=engine, clock=clock, counts=counts)
    first = Window(b"2026-11-22T10:00:00Z a\n" + 1000 * b"b\n", engine=engine)
    second = Window(b"  at x\n", (0, 6, [0]), offset=2123, engine=engine)
    position = Position(offset=2123)
    scanner.send(Scanned(ORIGIN, 100, NOW, first, position))
    first._data = b""
    position.offset = 2130
    scanner.send(Scanned(ORIGIN, 2123, NOW, second, position))
    second._data = b""

    assert [STAMPED] == [event.at for event in out]
    assert STAMPED == clock.at


def test_it_ends_with_a_block_that_outlasts_it():
    data = b"one\ntwo\nthree\n"

    block = scanned(Window(data))

    assert [(100, data), (100, data), (104, b"two\nthree\n"), (108, b"three\n"), (108, b"three\n"), (100, data)] == [
        (one.offset, one.data) for one in map(block.end, (20, 14, 10, 9, 6, 2))]
    assert data == block.data
