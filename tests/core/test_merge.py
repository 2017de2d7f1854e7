import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.merge import SLACK, comes_whole, turn


def time_of(line):
    """A line of these tests tells its time by being a number."""
    return float(line) if line.strip().isdigit() else None


def taken(text, until):
    data = text.encode()
    return data[:turn(data, until, time_of)].decode()


@pytest.mark.parametrize(("text", "until", "want"), [
    ("10\n20\n30\n", 20.0, "10\n20\n"),
    ("10\n20\n30\n", 9.0, "10\n"),
    ("10\n20\n30\n", 99.0, "10\n20\n30\n"),
    ("50\n60\n", 5.0, "50\n"),
    ("10\n21\n22\n", 20.0, "10\n"),
    ("10\n21\n22\n", 20.9, "10\n21\n"),
    ("10\n20\n30\nhal", 99.0, "10\n20\n30\nhal"),
    ("10\n20\n30\nhal", 20.0, "10\n20\n"),
    ("hal", 5.0, "hal"),
    ("", 5.0, ""),
])
def test_lines_up_to_a_tenth_of_a_second_after_the_others_are_taken_and_one_at_least(text, until, want):
    assert want == taken(text, until)


def test_lines_without_a_time_belong_to_the_one_before():
    assert "10\n at x\n at y\n" == taken("10\n at x\n at y\n30\n at z\n", 20.0)
    assert "a\nb\nc\n" == taken("a\nb\nc\n", 20.0)
    assert "a\n" == taken("a\n99\nb\n", 20.0)


@pytest.mark.parametrize(("text", "until", "want"), [
    ("10\n20\n30\n", 30.0, True),
    ("10\n20\n30\n", 29.0, False),
    ("10\n20\n30\n at x\n", 29.0, False),
    ("30\n", 29.0, False),
    (" at x\n", 5.0, True),
])
def test_all_comes_whose_last_line_does(text, until, want):
    assert want is comes_whole(text.encode(), until, time_of)


@given(st.lists(st.integers(0, 9).map(str) | st.just(" at x"), min_size=1, max_size=9), st.integers(0, 9))
def test_all_comes_where_all_would_be_taken_behind_a_line_that_is(lines, until):
    text = "".join(f"{line}\n" for line in lines)
    lead = f"{until}\n"

    assert comes_whole(text.encode(), until, time_of) is (taken(lead + text, until) == lead + text)


def test_few_lines_are_looked_at():
    looked = []
    data = b"".join(b"%d\n" % n for n in range(100_000))

    size = turn(data, 70_000.0, lambda line: looked.append(line) or float(line))

    assert b"70000\n" == data[:size][-6:]
    assert len(looked) < 50


@given(st.lists(st.integers(0, 30), min_size=1), st.integers(0, 40))
def test_it_takes_what_a_look_at_every_line_would_take(times, until):
    times.sort()
    data = b"".join(b"%d\n" % at for at in times)

    want = max(1, sum(at <= until + SLACK for at in times))

    assert want == data[:turn(data, until, time_of)].count(b"\n")
