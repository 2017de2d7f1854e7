import pytest

from corowatch.core.lines import is_part_of_mark


@pytest.mark.parametrize("head", [b"", b"\xef", b"\xef\xbb", b"\xff", b"\xfe", b"\xff\xfe", b"\xef\xbb\xbf"])
def test_what_may_go_on_as_a_mark_is_waited_for(head):
    assert is_part_of_mark(head)


@pytest.mark.parametrize("head", [b"a", b"\xef\xbbx", b"\xff\xfea", b"\0", b"\xef\xbb\xbfx"])
def test_what_cannot_is_not(head):
    assert not is_part_of_mark(head)
