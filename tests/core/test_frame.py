import random

import pytest

from corowatch.core.events import Chunk, Position
from corowatch.core.frame import frame
from corowatch.core.lines import codec_of, shown
from corowatch.testing import ORIGIN, Collect

LOG = b"one\ntwo two\r\n\nfour \x00 four\n\xff\xfe bad\nlast"


def pieces(data, sizes):
    at = 0
    while at < len(data):
        size = next(sizes)
        yield data[at:at + size]
        at += size


def framed(chunks, *, last=False, position=None, codec="utf-8", mark=0, **options):
    """(offset, text, bytes cut) of every line that came out."""
    blocks, position = Collect(), position or Position()
    framer = frame(blocks, origin=ORIGIN, position=position, codec=codec, mark=mark, **options)
    for chunk in chunks:
        framer.send(Chunk(0.0, chunk))
    if last:
        framer.send(Chunk(0.0, b"", last=True))
    told = []
    for block in blocks:
        at = 0
        for number, line in enumerate(block.data.removesuffix(b"\n").split(b"\n")):
            offset = block.starts[number] if block.starts else block.offset + at
            told.append((offset, shown(line), block.cut))
            at += len(line) + 1
    return told, position.offset


WHOLE = [(0, "one", 0), (4, "two two", 0), (13, "", 0), (14, "four \x00 four", 0), (26, "\\xff\\xfe bad", 0)]


def test_lines_come_whole_and_the_unfinished_one_is_held():
    assert (WHOLE, 33) == framed([LOG])


def test_how_the_bytes_arrive_does_not_matter():
    assert (WHOLE, 33) == framed([LOG[i:i + 1] for i in range(len(LOG))])


def test_a_file_that_has_ended_gives_its_last_line_too():
    assert ([*WHOLE, (33, "last", 0)], len(LOG)) == framed([LOG], last=True)


def test_offsets_go_on_from_the_saved_position():
    assert ([(100, "one", 0)], 104) == framed([b"one\n"], position=Position(100))


def test_a_byte_order_mark_is_no_text():
    assert ([(3, "one", 0)], 7) == framed([b"\xef\xbb\xbfone\n"], mark=3)


def test_a_run_of_nuls_at_the_start_of_a_line_is_a_hole():
    assert ([(5, "one", 0), (11, "two", 0)], 15) == framed([b"\0\0\0\0\0one\n\0\0two\n"])


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_hole_longer_than_a_line_may_be_swallows_nothing(size):
    data = b"one\n" + b"\0" * 50 + b"ERROR\n" + b"\0" * 30 + b"two\n"

    told, offset = framed([data[i:i + size] for i in range(0, len(data), size)], max_line_bytes=10)

    assert [(0, "one", 0), (54, "ERROR", 0), (90, "two", 0)] == told
    assert len(data) == offset


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_a_hole_in_a_file_of_two_byte_units_is_one_too(size):
    data = "one\n".encode("utf-16-le") + bytes(40) + "a\0\u0a00\0b\n".encode("utf-16-le")

    told, _ = framed([data[i:i + size] for i in range(0, len(data), size)], codec="utf-16-le", max_line_bytes=20)

    assert [(0, "one", 0), (48, "a\0\u0a00\0b", 0)] == told


def test_the_mark_of_a_first_line_that_is_too_long_is_no_text():
    assert [(3, "0123456", 3)] == framed([b"\xef\xbb\xbf0123456789\n"], mark=3, max_line_bytes=10)[0]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_of_a_long_line_the_beginning_is_kept(size):
    data = b"short\n" + b"x" * 50 + b"\nafter\n" + b"y" * 11 + b"\n"

    told, offset = framed([data[i:i + size] for i in range(0, len(data), size)], max_line_bytes=10)

    assert [(0, "short", 0), (6, "x" * 10, 40), (57, "after", 0), (63, "y" * 10, 1)] == told
    assert len(data) == offset


def test_a_chunk_that_is_the_last_may_hold_whole_lines_and_a_short_one():
    blocks = Collect()
    framer = frame(blocks, origin=ORIGIN, position=Position(), max_line_bytes=4)

    framer.send(Chunk(0.0, b"aaaa\nbb\ncc", last=True))

    assert [(0, b"aaaa\nbb\ncc")] == [(block.offset, block.data) for block in blocks]


def test_a_line_of_just_the_limit_is_not_cut():
    assert ([(0, "x" * 10, 0)], 11) == framed([b"x" * 10 + b"\n"], max_line_bytes=10)


def test_a_long_line_at_the_end_of_an_ended_file_is_cut_too():
    assert ([(0, "xxxxx", 15)], 20) == framed([b"x" * 12, b"x" * 8], last=True, max_line_bytes=5)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_other_encodings_are_cut_on_code_units(codec, size):
    """U+0A0A and U+0A00 hold the byte of a newline without being one."""
    texts = ["one", "\u0a0a\u0a00 zwei", "", "drei"]
    data = "".join(text + "\n" for text in texts).encode(codec)
    offsets = [len("".join(text + "\n" for text in texts[:n]).encode(codec)) for n in range(4)]

    told, offset = framed([data[i:i + size] for i in range(0, len(data), size)], codec=codec)

    assert list(zip(offsets, texts, [0] * 4, strict=True)) == told
    assert len(data) == offset


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_long_lines_of_other_encodings_are_cut_too(size):
    """U+0A0A holds the byte of a newline; the limit is in bytes."""
    data = ("ab\n" + "\u0a0a" * 9 + "\n" + "cd\n").encode("utf-16-le")

    told, offset = framed([data[i:i + size] for i in range(0, len(data), size)], codec="utf-16-le", max_line_bytes=8)

    assert [(0, "ab", 0), (6, "\u0a0a" * 4, 10), (26, "cd", 0)] == told
    assert len(data) == offset


def test_single_byte_encodings_become_text():
    assert ([(0, "gr\u00fc\u00df", 0)], 5) == framed(["gr\u00fc\u00df\n".encode("latin-1")], codec="latin-1")


def test_the_mark_decides_what_the_encoding_leaves_open():
    assert ("utf-16-be", 2) == codec_of("utf-16", b"\xfe\xff\x00a")
    assert ("utf-16-le", 0) == codec_of("utf-16", b"a\x00")
    assert ("utf-16-le", 2) == codec_of("utf-8", b"\xff\xfea\x00")
    assert ("utf-8", 3) == codec_of("utf-8", b"\xef\xbb\xbfa")
    assert ("iso8859-1", 0) == codec_of("iso8859-1", b"\xff\xfea")
    assert ("utf-32-le", 4) == codec_of("utf-32", b"\xff\xfe\0\0")
    assert ("utf-32-be", 4) == codec_of("utf-32", b"\0\0\xfe\xff")
    assert ("utf-32-le", 0) == codec_of("utf-32", b"a\0\0\0")


def test_any_cutting_gives_the_same_lines():
    """Random lines, lengths and chunks against splitting the whole."""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    for _ in range(300):
        limit = chance.choice([4, 16, 1000])
        lines = [bytes(chance.choices(b"ab\r\xff x", k=chance.randrange(40))) for _ in range(chance.randrange(8))]
        data = b"".join(line + b"\n" for line in lines)
        sizes = iter(lambda: chance.randrange(1, 30), 0)
        want, at = [], 0
        for line in lines:
            want.append((at, shown(line[:limit]), max(0, len(line) - limit)))
            at += len(line) + 1

        assert (want, len(data)) == framed(pieces(data, sizes), max_line_bytes=limit), f"seed {seed}"
