from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.window import first, packed, span, times, with_another

TIMES = st.floats(-1e10, 1e10)


@given(st.lists(TIMES, max_size=6), TIMES, st.integers(1, 5))
def test_the_latest_are_kept_in_order_wherever_the_other_belongs(some, when, most):
    window = packed(some)

    assert sorted(some) == list(times(window))
    assert sorted([*some, when])[-most:] == list(times(with_another(window, when, most)))


def test_a_window_spans_from_its_first_to_its_last():
    window = packed([107.5, 100.0, 103.0])

    assert (100.0, 7.5) == (first(window), span(window))
