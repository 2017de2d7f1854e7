"""Whether alerts are those that were expected."""

import pytest

from corowatch.core.cases import Case, Expectation, Line, Placed
from corowatch.core.errors import Place
from corowatch.core.events import Alert, rfc3339
from corowatch.core.pattern import Pattern
from corowatch.core.verdict import judge

BEGAN = 1_772_438_400.0
HERE = Place("t.yaml", 1, 1)


def alert(at, title="it", state="firing", flow="a", key=None, **fields):
    return Alert(id="x", flow=flow, node="alert", title=title, severity="error", at=rfc3339(BEGAN + at), state=state,
                 key=key or {}, fields=fields, events=[{"text": f"{title}!"}])


def told(alerts, *then, exactly=False, last=0.0, golden=None):
    case = Case(lines=(Line("x"),), exactly=exactly)
    placed = Placed(case, HERE, tuple((one, Place("t.yaml", 2 + n, 1)) for n, one in enumerate(then)))
    return [f"{failure.place.line}: {failure.wanted} | {failure.found}"
            for failure in judge(placed, alerts, BEGAN, last, golden or {})]


@pytest.mark.parametrize("wanted", [
    {}, {"title": "it"}, {"severity": "error"}, {"ip": "192.0.2.7"}, {"user": "root"}, {"n": 5}, {"n": "5"},
    {"title": Pattern("^i")}, {"text": "it!"}, {"ok": True}, {"nothing": None},
    {"whole": 500}, {"whole": "500"}, {"whole": Pattern("^500$")}, {"ok": "true"}, {"word": True},
    {"digits": 5.0}, {"digits": "5.0"},
])
def test_an_alert_has_the_fields_that_are_named_as_they_are_shown_and_any_others(wanted):
    fields = {"user": "root", "n": 5, "ok": True, "nothing": None, "whole": 500.0, "word": "true",
              "digits": "5.0"}

    assert [] == told([alert(1, key={"ip": "192.0.2.7"}, **fields)], Expectation(alert=wanted))


@pytest.mark.parametrize(("wanted", "why"), [
    ({"n": 6}, "n is 5, not 6"), ({"m": 5}, "it has no m"), ({"usr": 1}, "it has no usr; did you mean 'user'?"),
    ({"n": True}, "n is 5, not True"), ({"n": None}, "n is 5, not None"),
    ({"title": Pattern("^x")}, "title is 'it', not ^x"),
])
def test_what_differs_is_told_of_the_nearest(wanted, why):
    found = told([alert(1, user="root", n=5)], Expectation(alert=wanted))

    assert 1 == len(found)
    assert found[0].endswith(f"| the nearest is 'it' at 1s: {why}")


def test_each_expectation_takes_one_alert_the_first_that_fits():
    alerts = [alert(1, n=1), alert(2, n=2), alert(3, n=1)]

    assert [] == told(alerts, Expectation(alert={"n": 1}), Expectation(alert={"n": 1}), Expectation(alert={"n": 2}))
    assert ["4: an alert with n 1 | the nearest is 'it' at 2s: n is 2, not 1"] == told(
        alerts, *[Expectation(alert={"n": 1})] * 3)


@pytest.mark.parametrize(("when", "passes"), [
    ({"at": 40.0}, True), ({"at": 40.9}, True), ({"at": 41.0}, False), ({"at": 39.0}, False),
    ({"between": (30.0, 40.0)}, True), ({"between": (40.0, 50.0)}, True), ({"between": (41.0, 50.0)}, False),
])
def test_it_comes_when_it_is_expected_to_a_second(when, passes):
    assert passes == (not told([alert(40)], Expectation(alert=True, **when)))


def test_when_it_came_instead_is_told():
    assert ["2: an alert at 10s | the nearest is 'it' at 40s: it came at 40s"] == told(
        [alert(40)], Expectation(alert=True, at=10.0))
    assert ["2: an alert from 1s to 10s | the nearest is 'it' at 40s: it came at 40s"] == told(
        [alert(40)], Expectation(alert=True, between=(1.0, 10.0)))


def test_one_that_is_over_is_another_thing_than_one_that_fires():
    over = alert(5, state="resolved")

    assert [] == told([alert(1), over], Expectation(alert=True), Expectation(resolved={"title": "it"}))
    assert ["2: an alert | no alert; of another state: 'it' (resolved) at 5s"] == told([over], Expectation(alert=True))
    assert ["2: an alert that is resolved | no alert that is resolved"] == told([], Expectation(resolved=True))


def test_so_many_and_no_more():
    alerts = [alert(1, n=1), alert(2, n=1), alert(3)]

    assert [] == told(alerts, Expectation(alert={"n": 1}, count=2), Expectation(resolved=True, count=0))
    assert ["2: 1 time an alert with n 1 | 2 of them"] == told(alerts, Expectation(alert={"n": 1}, count=1))


def test_none_is_none_at_all_or_none_like_this_or_none_then():
    assert ["2: no alert | 'it' at 1s"] == told([alert(1), alert(2)], Expectation(none=True))
    assert [] == told([alert(1)], Expectation(none={"title": "other"}))
    assert [] == told([alert(1)], Expectation(none=True, between=(2.0, 9.0)))


@pytest.mark.parametrize(("then", "failures"), [
    ([Expectation(alert={"title": "one"}), Expectation(quiet_for=9.0)], 0),
    ([Expectation(alert={"title": "one"}), Expectation(quiet_for=10.0)], 1),
    ([Expectation(alert={"title": "one"}), Expectation(quiet_for=5.0), Expectation(quiet_for=5.0)], 1),
    ([Expectation(quiet_for=5.0)], 0), ([Expectation(quiet_for=6.0)], 1),
])
def test_quiet_is_after_the_one_before_or_after_the_last_line(then, failures):
    assert failures == len(told([alert(1, "one"), alert(11, "two")], *then, last=5.0))


def test_exactly_leaves_none_that_nobody_expected():
    assert [] == told([alert(1)], Expectation(alert=True), exactly=True)
    assert ["1: no other alert | 'it' at 2s"] == told([alert(1), alert(2)], Expectation(alert=True), exactly=True)


def test_the_alerts_of_a_file_are_compared_flow_by_flow():
    alerts = [alert(1, "one"), alert(2, "two", flow="b"), alert(3, "three")]
    golden = {"f": [{"flow": "b", "title": "two"}, {"flow": "a", "title": "one", "events": ["one!"], "held": None},
                    {"flow": "a", "title": "three", "severity": "error"}]}
    wanted = Expectation(alerts="f")

    assert [] == told(alerts, wanted, golden=golden, exactly=True)
    assert ["2: alert 2 of a: three | no more alerts"] == told(alerts[:2], wanted, golden=golden)
    assert ["2: 2 alerts of a, as the file has | 3; beyond them 'four'"] == told(
        [*alerts, alert(4, "four")], wanted, golden=golden)
    assert ["2: alert 1 of a: one | title is 'won', not 'one'; events is ['won!'], not ['one!']"] == told(
        [alert(1, "won"), *alerts[1:]], wanted, golden=golden)


def test_a_failure_tells_the_moment_and_the_alert_that_matter():
    one, two = alert(30, n=1), alert(41, n=2)
    placed = Placed(Case(lines=(Line("x"),)), HERE, ((Expectation(alert={"n": 3}, at=40.0), HERE),))

    (failure,) = judge(placed, [one, two], BEGAN, 0.0, {})

    assert (two, 40.0) == (failure.nearest, failure.at)
