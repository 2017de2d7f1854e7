import pytest

from corowatch.core.events import Here
from corowatch.core.figures import Numbers, figure, percentile
from corowatch.testing import line


def told(values, *show):
    numbers = Numbers("seconds", show, None, None, Here())
    pane = None
    for value in values:
        pane = numbers.grown(pane, 100.0, value)
    return list(numbers.told([pane], len(values)).values())


@pytest.mark.parametrize("name", ["min", "max", "avg", "sum", "median", "p1", "p50", "p95", "p99.9", "p0.001", "p05"])
def test_a_figure_has_a_name(name):
    assert name == figure(name)


@pytest.mark.parametrize("name", ["p0", "p00.0", "p100", "p", "95", "p99.9999", "mean", "P95", "p-1", "p9٥"])
def test_what_is_no_figure_is_told_with_what_there_is(name):
    with pytest.raises(ValueError) as refused:
        figure(name)

    assert (f"{name!r} is no figure; there are min, max, sum, avg, median, and percentiles such as p95 or p99.9"
            == str(refused.value))


@pytest.mark.parametrize(("name", "part"), [
    ("median", (50, 100)), ("p95", (95, 100)), ("p99.9", (999, 1000)), ("p0.5", (5, 1000)), ("max", None)])
def test_a_percentile_is_a_part_in_whole_numbers(name, part):
    assert part == percentile(name)


def test_figures_of_a_few_numbers():
    assert [1.0, 4.0, 10.0, 2.5] == told([4.0, 1.0, 3.0, 2.0], "min", "max", "sum", "avg")


def test_the_first_of_a_pane_is_the_earliest_though_it_came_late():
    numbers = Numbers("seconds", ("max",), None, None, Here())
    pane = None
    for when in (103.0, 101.0, 102.0):
        pane = numbers.grown(pane, when, 1.0)

    assert 101.0 == pane[0]


@pytest.mark.parametrize(("many", "figures"), [
    (1, [1, 1, 1]), (2, [1, 2, 2]), (19, [10, 19, 19]), (20, [10, 19, 20]), (21, [11, 20, 21]), (64, [32, 61, 64])])
def test_a_percentile_is_the_least_number_that_so_many_do_not_exceed(many, figures):
    assert figures == told([float(many - n) for n in range(many)], "median", "p95", "p99.9")


def test_digits_that_say_nothing_are_not_told():
    assert [0.3, 0.333333, 1234567891.5] == [*told([0.1, 0.2], "sum"), *told([0.0, 0.0, 1.0], "avg"),
                                             *told([1234567891.5], "p50")]


def test_no_percentile_is_beyond_all_numbers():
    assert [7.0, 7.0] == told([7.0] * 65, "p1", "p99")


def test_samples_are_kept_for_percentiles_only():
    assert [([], 0, []), ([2.5], 0, [])] == [Numbers("seconds", show, None, None, Here()).grown(None, 100.0, 2.5)[-1]
                           for show in (("max", "avg"), ("max", "p95"))]


@pytest.mark.parametrize(("value", "number"), [
    (2, 2.0), ("0.25", 0.25), ("-1e3", -1000.0), (1e18, 1e18), ("-", None), ("", None), (True, None), (None, None),
    ("0.1, 0.2", None), (1e19, None), ("-1e19", None), (10**400, None), (float("nan"), None), (float("inf"), None)])
def test_what_is_a_number(value, number):
    assert number == Numbers("seconds", ("max",), None, None, Here()).worth(line("x", seconds=value))
