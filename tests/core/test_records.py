import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joining import Joined, records_of

from corowatch.core.events import Position
from corowatch.core.multiline import Multiline
from corowatch.core.pattern import Pattern
from corowatch.core.records import by_record

INDENT = Multiline(as_=("indent",))
STARTS = Multiline(start=Pattern("^S"))
LOG = b"S one\n a\n b\nS two\nS three\n c\n"


def test_a_record_is_whole_when_the_next_begins():
    file = Joined(INDENT).send(LOG)

    assert [(0, "S one\n a\n b"), (12, "S two")] == file.told
    assert 18 == file.position.open == file.position.done
    assert len(LOG) == file.position.offset

    file.end()
    assert (18, "S three\n c") == file.told[-1]
    assert (None, len(LOG)) == (file.position.open, file.position.done)


def test_nothing_is_held_back_of_what_cannot_go_on():
    file = Joined(Multiline(as_=("python",))).send(b"one\ntwo\n")

    assert [(0, "one"), (4, "two")] == file.told
    assert None is file.joins.since


def test_since_when_it_is_held_back_is_known():
    file = Joined(INDENT).send(b"a\n", at=5.0)
    assert 5.0 == file.joins.since
    file.send(b" b\n", at=7.0)
    assert 7.0 == file.joins.since


def test_a_restart_begins_with_the_record_that_was_open():
    before = Joined(INDENT).send(LOG[:9])
    assert [] == before.told
    after = Joined(INDENT, Position(before.position.done)).send(LOG[before.position.done:]).end()

    assert [(0, "S one\n a\n b"), (12, "S two"), (18, "S three\n c")] == after.told


@pytest.mark.parametrize(("limit", "records"), [
    ({"max_lines": 2}, ["S\n 1", " 2\n 3", " 4", "S"]),
    ({"max_bytes": 8}, ["S\n 1\n 2", " 3\n 4", "S"]),
    ({"max_lines": 1}, ["S", " 1", " 2", " 3", " 4", "S"]),
])
def test_a_record_ends_before_it_is_too_long(limit, records):
    assert records == Joined(Multiline(as_=("indent",), **limit)).send(b"S\n 1\n 2\n 3\n 4\nS\n").end().texts


def test_a_line_over_the_limit_is_a_record_by_itself():
    file = Joined(INDENT, max_line_bytes=4).send(b"a\n b\n 123456\n c\n").end()

    assert [(0, "a\n b"), (5, " 123"), (13, " c")] == file.told
    assert [0, 3, 0] == [block.cut for block in file.blocks]


def test_a_hole_ends_a_record():
    file = Joined(INDENT).send(b"a\n b\n\0\0\0 c\n").end()

    assert [(0, "a\n b"), (8, " c")] == file.told
    assert (3, 11) == (file.position.skipped, file.position.done)


def test_a_last_line_without_a_newline_belongs_to_its_record():
    file = Joined(INDENT).send(b"a\n b", last=True).end()

    assert [(0, "a\n b")] == file.told
    assert 4 == file.position.done


def test_what_was_not_sure_is_looked_at_anew_when_it_does_not_go_on():
    lines = ["Traceback (most recent call last):", '  File "a.py", line 1', "KeyError: 1", "", "other", " x"]
    file = Joined(Multiline(as_=("python",))).send_lines(lines)

    assert ["\n".join(lines[:3]), "", "other", " x"] == file.texts


def test_what_is_not_sure_at_the_end_is_looked_at_anew():
    lines = ["Unhandled exception:", "Unhandled exception: no", "", ""]
    file = Joined(Multiline(as_=("dart",))).send_lines(lines)
    assert [] == file.texts

    assert lines == file.end().texts
    assert None is file.position.open


def test_a_cr_is_shown_nowhere():
    assert ["S one\n a\n b", "S two", "S three\n c"] == Joined(INDENT).send(LOG.replace(b"\n", b"\r\n")).end().texts


def test_another_encoding_keeps_its_offsets():
    text = "S é\n a\nS two\n b\n"
    file = Joined(INDENT, codec="utf-16-le")
    for byte in text.encode("utf-16-le"):
        file.send(bytes([byte]))
    file.end()

    assert [(0, "S é\n a"), (14, "S two\n b")] == file.told
    assert len(text) * 2 == file.position.done


lines = st.lists(st.sampled_from(["S", "S x", " a", "", "E", "\\", "Error: x", "  at y", "panic: z", "\t", "\r"]),
                 max_size=30)


@pytest.mark.parametrize("multiline", [
    INDENT, STARTS, Multiline(continue_=Pattern("^ ")), Multiline(end=Pattern("^E")),
    Multiline(start=Pattern("^S"), continue_=Pattern("^ ")), Multiline(start=Pattern("^S"), end=Pattern("^E")),
    Multiline(unfinished=Pattern(r"\\$")), Multiline(as_=("java", "node", "rust", "dart")),
    Multiline(as_=("indent",), max_lines=3), Multiline(as_=("rust",), max_bytes=9),
], ids=repr)
@given(lines, st.integers(0, 2**32))
def test_how_the_bytes_arrive_does_not_matter(multiline, lines, seed):
    data = "".join(f"{line}\n" for line in lines).encode()
    whole = Joined(multiline).send(data).end()
    rng, pieces, at = random.Random(seed), Joined(multiline), 0
    while at < len(data):
        size = rng.randint(1, 9)
        pieces.send(data[at:at + size])
        at += size
        if rng.random() < 0.2:  # a restart
            again = Joined(multiline, Position(pieces.position.done)).send(data[pieces.position.done:at])
            again.blocks[:0] = pieces.blocks
            pieces = again
    pieces.end()

    assert whole.told == pieces.told
    assert "".join(f"{line}\n" for line in lines).replace("\r", "") == "".join(f"{text}\n" for text in whole.texts)
    assert len(data) == whole.position.done == pieces.position.done


@pytest.mark.parametrize("pattern", ["^S", r"^ ", r"^\S", r"^[^ ]", "^S x$", "^S?x", r"^.*E", r"^S\b", "^"])
@pytest.mark.parametrize("option", ["start", "continue_"])
@given(st.lists(st.sampled_from(["S", "S x", " a", "", "E", "Sx", "é", "S\r", "\r", "\x0b"]), max_size=30))
def test_to_find_all_at_once_and_to_ask_of_each_line_is_the_same(option, pattern, lines):
    data = "".join(f"{line}\n" for line in lines).encode()
    all_at_once, each = (Multiline(**{option: Pattern(source)}, max_lines=4) for source in
                         (pattern, f"{pattern}|{pattern}"))
    joined = Joined(each).send(data).end()

    assert None is joined.joins._joiner.joints
    assert joined.told == Joined(all_at_once).send(data).end().told
    assert joined.told == Joined(all_at_once).send(data[:9]).send(data[9:], last=True).end().told


def test_hits_in_lines_are_hits_in_records():
    #        0   2   4   6   8
    spans = [(0, 3), (6, 9)]
    hits = [(0, 1, (1,)), (2, 3, (0, 1)), (4, 5, (2,)), (8, 9, (0,)), (10, 11, (0,))]

    assert [(0, 3, [0, 1]), (4, 5, (2,)), (6, 9, [0]), (10, 11, (0,))] == list(by_record(hits, spans))
    assert [(0, 3, [1])] == list(by_record([(2, 3, (1,))], spans))
    assert [(4, 5, (2,))] == list(by_record([(4, 5, (2,))], spans[:1]))
    assert [] == list(by_record([], spans))


def test_each_block_says_which_of_its_records_have_more_lines():
    first, second = Joined(INDENT).send(LOG).end().blocks

    assert ((0, 11),) == first.records
    assert [(18, "S three\n c")] == list(records_of(second))
