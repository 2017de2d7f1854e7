"""What is told of a key's state; the words of each kind are tested with the kind."""

import pytest

from corowatch.core.standing import clock, resting, so_far, span


@pytest.mark.parametrize(("seconds", "told"), [
    (0.0, "0s"), (0.25, "0.25s"), (90.0, "1m30s"), (3600.0, "1h"), (93784.5, "1d2h3m4.5s"), (-5.0, "-5s"),
])
def test_a_time_is_told_as_people_write_it(seconds, told):
    assert told == span(seconds)


def test_moments_and_windows():
    assert "2026-03-02 08:00:00Z" == clock(1772438400.7)
    assert "rests until 2026-03-02 08:00:00Z, 3 suppressed" == resting(1772438400.0, 3)
    assert "4 of 5 within 1m" == so_far(4, 5, 60.0)
