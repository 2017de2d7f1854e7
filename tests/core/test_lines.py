import pytest

from corowatch.core.lines import count_of, is_part_of_mark


@pytest.mark.parametrize("head", [b"", b"\xef", b"\xef\xbb", b"\xff", b"\xfe", b"\xff\xfe", b"\xef\xbb\xbf"])
def test_what_may_go_on_as_a_mark_is_waited_for(head):
    assert is_part_of_mark(head)


@pytest.mark.parametrize("head", [b"a", b"\xef\xbbx", b"\xff\xfea", b"\0", b"\xef\xbb\xbfx"])
def test_what_cannot_is_not(head):
    assert not is_part_of_mark(head)


@pytest.mark.parametrize(("data", "lines"), [
    (b"", 0), (b"\n", 1), (b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"\n\n", 2), (b"a\r\n\0\n\xff", 3),
    (b"line\n" * 100_000, 100_000),
])
def test_lines_are_counted(data, lines):
    assert count_of(data) == lines
