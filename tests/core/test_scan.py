import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import Broadcast
from corowatch.core.events import Block, Chunk, Position
from corowatch.core.frame import frame
from corowatch.core.kinds import Counts
from corowatch.core.multiline import Multiline
from corowatch.core.pattern import Pattern
from corowatch.core.scan import REACH, SHORT, SKEW, Clock, scan
from corowatch.core.stamps import Stamps
from corowatch.engines import EveryLine, LineByLine, spans
from corowatch.nodes.grep import grep
from corowatch.testing import ORIGIN, Collect, block, texts

NOW = Stamps().read(b"2026-11-22T12:00:00Z", 0.0)


def at(text):
    return Stamps().read(text.encode(), NOW)


def scanned(*blocks, timestamp="auto", gates=(None,)):
    counts = Counts(lines=0, cut=0, skewed=0)
    clock = Clock(timestamp, counts)
    outs = [Collect() for _ in gates]
    scanner = scan(outs, engine=EveryLine(gates), clock=clock, counts=counts)
    for one in blocks:
        scanner.send(one)
    return outs[0], clock, counts


def test_each_line_becomes_an_event_at_its_place():
    events, _, counts = scanned(block(b"one\ntwo\r\n\nx\n", offset=100, at=NOW))

    assert [(100, "one"), (104, "two"), (109, ""), (110, "x")] == [(event.place, event.text) for event in events]
    assert 4 == counts["lines"]


class Each(LineByLine):
    """Names each line, as an engine does that looks for something."""

    def lines(self, data, found):
        return ((start, end, [0]) for start, end in spans(data))

    def proven(self, found):
        return ()


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r", b"\r\n", "é€".encode(), b"\xff", b"\xe2\x82",
                                 b"\x0b\x0c\x85", b" "])))
def test_where_every_line_is_wanted_each_is_what_it_is_where_some_are(parts):
    data, sent = b"".join(parts), []
    for engine in (EveryLine([None]), Each()):
        counts, out = Counts(lines=0, cut=0, skewed=0), Collect()
        scan([out], engine=engine, clock=Clock("none", counts), counts=counts).send(block(data, 7, NOW))
        sent.append(([(event.place, event.at, event.text) for event in out], counts))

    assert sent[1] == sent[0]


def test_a_last_line_without_a_newline_is_a_line():
    events, _, counts = scanned(block(b"one\nla", at=NOW))

    assert ["one", "la"] == texts(events)
    assert 2 == counts["lines"]


def test_a_line_has_the_time_that_it_tells():
    events, clock, _ = scanned(block(b"2026-11-22T10:00:00Z a\n2026-11-22T10:00:05Z b\n", at=NOW))

    assert [at("2026-11-22T10:00:00Z"), at("2026-11-22T10:00:05Z")] == [event.at for event in events]
    assert at("2026-11-22T10:00:05Z") == clock.at


def test_a_line_of_an_access_log_has_its_time_behind_the_longest_user_that_servers_take():
    user = b"1700000000 " + b"\\x01" * 6115  # as nginx and Apache write one of 6,126 bytes

    events, _, _ = scanned(block(b"192.0.2.7 - " + user + b' [22/Nov/2026:10:00:07 +0000] "GET / HTTP/1.1" 401 5\n',
                                 at=NOW))

    assert [at("2026-11-22T10:00:07Z")] == [event.at for event in events]


def test_a_line_without_a_stamp_has_that_of_the_nearest_before_it():
    events, clock, _ = scanned(block(b"2026-11-22T10:00:00Z a\n  at x.java\n  at y.java\n", at=NOW))

    assert [at("2026-11-22T10:00:00Z")] * 3 == [event.at for event in events]
    assert at("2026-11-22T10:00:00Z") == clock.at


def test_the_nearest_stamp_may_stand_in_the_block_before():
    position = Position()
    events, _, _ = scanned(block(b"2026-11-22T10:00:00Z a\n", 0, NOW, position), block(b"  at x\n", 23, NOW, position))

    assert [at("2026-11-22T10:00:00Z")] * 2 == [event.at for event in events]


def test_and_in_the_run_before():
    position = Position(23, (0, 5.0))

    events, _, _ = scanned(block(b"  at x\n", 23, NOW, position))

    assert [5.0] == [event.at for event in events]


def test_but_not_further_back_than_it_reaches():
    position = Position(REACH + 1, (0, 5.0))

    events, _, _ = scanned(block(b"  at x\n", REACH + 1, NOW, position))

    assert [NOW] == [event.at for event in events]


def test_without_any_stamp_it_is_the_moment_of_reading():
    events, clock, _ = scanned(block(b"a\nb\n", at=NOW))

    assert [NOW, NOW] == [event.at for event in events]
    assert NOW == clock.at


def test_timestamp_none_means_the_moment_of_reading():
    events, _, _ = scanned(block(b"2026-11-22T10:00:00Z a\n", at=NOW), timestamp="none")

    assert [NOW] == [event.at for event in events]


def test_a_stamp_of_more_than_a_day_ahead_is_skewed_and_not_believed():
    events, _, counts = scanned(block(b"2026-11-23T12:00:01Z a\n", at=NOW), block(b"2026-11-23T12:00:00Z a\n", at=NOW))

    assert [NOW, NOW + SKEW] == [event.at for event in events]
    assert 1 == counts["skewed"]


@pytest.mark.parametrize("first", ["", "2026-11-22T11:00:00Z a\n", "2099-01-01T00:00:00Z a\n"])
def test_each_unstamped_line_of_a_block_is_looked_through_once(first):
    """A block of a stack trace a megabyte long must not cost its square, whatever line stands before it."""
    counts = Counts(lines=0, cut=0, skewed=0)
    clock, asked = counted("auto", counts)
    scanner = scan([Collect()], engine=EveryLine([None]), clock=clock, counts=counts)

    scanner.send(block(first.encode() + b"no stamp\n" * 5000, at=NOW))

    assert 5000 <= len(asked) <= 3 * 5001


def counted(timestamp, counts):
    """A clock, and the lines that it asked for their time."""
    clock, asked = Clock(timestamp, counts), []
    read = clock._stamp

    def counting(line, now):
        asked.append(line)
        return read(line, now)

    clock._stamp = counting
    return clock, asked


def test_of_lines_that_nobody_wants_none_is_asked_for_its_time_until_somebody_wants_to_know():
    counts, position, out = Counts(lines=0, cut=0, skewed=0), Position(), Collect()
    clock, asked = counted("auto", counts)
    scanner = scan([out], engine=Only("ERROR"), clock=clock, counts=counts)
    framed = frame(Broadcast([scanner]), origin=ORIGIN, position=position)

    framed.send(Chunk(NOW, b"2026-11-22T10:00:00Z a\n" + b"none\n" * 100))
    framed.send(Chunk(NOW, b"none\n" * 100))
    assert [] == asked

    assert (0, at("2026-11-22T10:00:00Z")) == position.nearest()
    assert 201 == len(asked)
    framed.send(Chunk(NOW, b"none\n" * 10 + b"ERROR\n"))
    assert [at("2026-11-22T10:00:00Z")] == [event.at for event in out]
    assert 201 + 11 == len(asked)


def test_no_more_is_kept_to_look_back_to_than_it_reaches():
    counts, position = Counts(lines=0, cut=0, skewed=0), Position()
    scanner = scan([Collect()], engine=Only("ERROR"), clock=Clock("auto", counts), counts=counts)
    framed = frame(Broadcast([scanner]), origin=ORIGIN, position=position)

    for _ in range(100):
        framed.send(Chunk(NOW, b"none\n" * 1000))

    assert REACH <= sum(len(one.data) for one in position.unseen) <= REACH + 10_000


def test_a_cut_line_says_how_much_was_cut():
    cut = Block(ORIGIN, 0, NOW, b"begin", Position(), 70)

    events, _, counts = scanned(cut)

    assert {"cut_bytes": 70} == events[0].fields
    assert 1 == counts["cut"]


def test_a_transcoded_block_keeps_the_places_of_its_lines():
    transcoded = Block(ORIGIN, 0, NOW, "grüß\nb\n".encode(), Position(), 0, (0, 10))

    events, _, _ = scanned(transcoded)

    assert [(0, "grüß"), (10, "b")] == [(event.place, event.text) for event in events]


class Only(LineByLine):
    """Names the lines that hold a text."""

    name = "only"

    def __init__(self, text, proven=()):
        self._text = text.encode()
        self._proven = proven

    def lines(self, data, found):
        return ((start, end, [0]) for start, end in spans(data) if self._text in data[start:end])

    def proven(self, found):
        return self._proven


@pytest.mark.re2
@pytest.mark.parametrize(("line", "passes"), [
    (b"a line", True),
    (b"a line\r", False),  # it is shown without its carriage return, and that may be what was found
    ("a l\u00ecne".encode(), False),
    (b"a" * SHORT, True),
    (b"a" * (SHORT + 1), False),  # lest a line be held for each pattern
])
def test_what_an_engine_has_proven_of_a_line_as_it_stands_is_not_searched_for_again(line, passes):
    pattern, out, counts = Pattern("none has this"), Collect(), Counts(lines=0, cut=0, skewed=0)
    behind = grep(Broadcast([out]), pattern=(pattern,))
    engine = Only("", proven=[pattern])  # wrongly, so that it shows

    scan([behind], engine=engine, clock=Clock("none", counts), counts=counts).send(block(line + b"\n"))

    assert len(out) == passes


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "iso8859-1"])
def test_the_time_of_a_line_does_not_depend_on_which_lines_were_named_before(codec, monkeypatch):
    """EveryLine asks each line for its time, and another engine only those that it names."""
    monkeypatch.setattr("corowatch.core.scan.REACH", 600)
    far, near = "é" * 100 + "\n", "filler filler\n"
    texts = ["2020-01-01T01:00:00Z x\n" + near * 10 + "ERROR a\n" + near * 60 + "ERROR b\n",
             far * 40 + "2020-01-01T02:00:00Z y\n", near * 3 + "ERROR c\n2020-01-01T03:00:00Z z\n" + far + "ERROR d\n"]
    told = []
    for wanted in ("ERROR", ""):
        counts, out, position = Counts(lines=0, cut=0, skewed=0), Collect(), Position()
        engine = Only(wanted)
        scanner = scan([out], engine=engine, clock=Clock("auto", counts), counts=counts)
        framed = frame(Broadcast([scanner]), origin=ORIGIN, position=position, codec=codec)
        for text in texts:
            framed.send(Chunk(2e9, text.encode(codec)))
        told.append([(event.place, event.at) for event in out if "ERROR" in event.text])

    assert told[0] == told[1]
    assert 4 == len(told[0])


def test_a_skewed_line_is_counted_once_however_often_it_is_asked_for():
    events, clock, counts = scanned(block(b"2099-01-01T00:00:00Z a\n", at=NOW))

    assert NOW == clock.at == events[0].at
    assert 1 == counts["skewed"]


def test_a_block_of_nothing_has_no_time():
    events, clock, counts = scanned(block(b"2026-11-22T10:00:05Z b\n", at=NOW), block(b"", at=NOW))

    assert (1, 1) == (len(events), counts["lines"])
    assert at("2026-11-22T10:00:05Z") == clock.at


def test_without_a_block_the_nearest_stamp_is_that_of_the_run_before():
    assert (3, 100.0) == Position(10, (3, 100.0)).nearest()


def test_what_is_kept_to_look_back_to_goes_with_its_position():
    counts, position = Counts(lines=0, cut=0, skewed=0), Position()
    clock = Clock("auto", counts)
    scanner = scan([Collect()], engine=Only("ERROR"), clock=clock, counts=counts)
    scanner.send(block(b"none\n", position=position))
    scanner.send(block(b"another file\n"))  # whose end is what the clock goes by now

    assert sys.getrefcount(position) == 3  # the name, the argument, and the block that it keeps


class Named(EveryLine):
    """Names the lines alone that hold something."""

    def __init__(self, what):
        super().__init__([None])
        self._what = what

    def lines(self, data, found=None):
        return (hit for hit in super().lines(data) if self._what in data[hit[0]:hit[1]])


def test_when_a_record_is_open_what_stands_before_it_is_looked_back_to_and_no_further():
    """A commit may fall while it is open, and must not change what time a later line without a stamp has."""
    def times(*, commit):
        events, counts = Collect(), Counts(lines=0, cut=0, skewed=0)
        scanner = scan([events], engine=Named(b"ERROR"), clock=Clock("auto", counts), counts=counts)
        position = Position()
        records = Multiline(as_=("indent",)).records(scanner)
        for line in (b"1970-01-01T00:00:01Z one\n", b"1970-01-01T00:00:02Z two\n", b"  at x\n", b"ERROR no stamp\n"):
            offset, position.offset = position.offset, position.offset + len(line)
            records.send(Block(ORIGIN, offset, NOW, line, position))
            if commit:
                position.nearest()
        records.end()
        return [event.at for event in events]

    assert [2.0] == times(commit=False) == times(commit=True)
