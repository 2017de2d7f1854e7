from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.window import with_another

TIMES = st.floats(0, 10)


@given(st.lists(TIMES, max_size=6).map(sorted), TIMES, st.integers(1, 5))
def test_the_latest_are_kept_in_order_wherever_the_other_belongs(times, when, most):
    before = list(times)

    assert sorted([*times, when])[-most:] == with_another(times, when, most)
    assert before == times
