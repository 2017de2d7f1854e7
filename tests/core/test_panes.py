import pytest

from corowatch.core.panes import end_of, ending, grown, place


def times(panes):
    return [first for first, _ in panes]


def filled(moments, within=12.0, many=12):
    panes = []
    for at in moments:
        panes = grown(panes, at, within, lambda pane, at=at: (at, 1) if pane is None else (pane[0], pane[1] + 1), many)
    return panes


@pytest.mark.parametrize(("at", "pane"), [(0.0, 0), (4.999, 0), (5.0, 1), (1800000000.0, 360000000)])
def test_a_pane_is_a_twelfth_from_the_epoch(at, pane):
    assert pane == place(at, 60.0)


@pytest.mark.parametrize("within", [0.7, 7.0, 11.0, 300.0, 3600.0])
def test_the_pane_that_ends_is_known_by_its_end_however_that_was_rounded(within):
    first = place(1.76e9, within)
    panes = range(first, first + 1000)

    assert [*panes] == [ending(end_of(pane, within), within) for pane in panes]


def test_what_falls_into_one_pane_is_one():
    assert [(100, 3), (101, 1)] == filled([100, 100.5, 100.999, 101])


def test_the_newest_twelve_stay():
    assert [101, 112] == times(filled([100, 101, 112]))
    assert [100, 101, 111] == times(filled([100, 101, 111]))


def test_an_older_one_stands_in_its_order():
    assert [100, 103, 105] == times(filled([100, 105, 103]))
    assert [(100, 2), (105, 1)] == filled([100, 105, 100])


def test_what_is_older_than_the_window_changes_nothing():
    assert [110] == times(filled([110, 98]))
    assert [99, 110] == times(filled([110, 99]))


def test_more_panes_than_one_windows_may_be_kept():
    assert [100, 101, 123] == times(filled([99, 100, 101, 123], many=24))


@pytest.mark.parametrize("within", [60.0, 7.0, 0.3, 86400.0])
def test_the_end_of_a_pane_tells_which_it_is(within):
    """However it is rounded: of seven seconds no twelfth is exact."""
    first = place(1_795_600_000.0, within)
    panes = range(first, first + 5000)

    assert [*panes] == [ending(end_of(pane, within), within) for pane in panes]


def test_a_pane_ends_where_the_next_begins():
    assert (105.0, 20, 21) == (end_of(20, 60.0), place(104.999, 60.0), place(105.0, 60.0))
