from datetime import datetime
from zoneinfo import ZoneInfo

from corowatch.core.clock import day_span, week_days
from corowatch.core.coroutine import finish
from corowatch.nodes.hours import hours
from corowatch.testing import Collect, line, texts

BERLIN = ZoneInfo("Europe/Berlin")


def at(text):
    return line(text, at=datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp())


def test_it_passes_what_happens_within_hours_and_the_rest_goes_elsewhere():
    out, rest = Collect(), Collect()
    node = hours(out, rest, between=(day_span("08:00-12:00"), day_span("13:00-18:00")),
                 weekdays=(week_days("mon-fri"),), zone=BERLIN)
    # 22 November 2026 is a Sunday.
    for text in ("2026-11-22T09:00", "2026-11-23T07:59", "2026-11-23T08:00", "2026-11-23T12:30", "2026-11-23T17:59"):
        node.send(at(text))

    assert ["2026-11-23T08:00", "2026-11-23T17:59"] == texts(out)
    assert ["2026-11-22T09:00", "2026-11-23T07:59", "2026-11-23T12:30"] == texts(rest)
    assert {"matched": 2} == finish(node)


def test_a_night_belongs_to_the_day_on_which_it_begins():
    out = Collect()
    node = hours(out, between=(day_span("22:00-06:00"),), weekdays=(week_days("sun"),), zone=BERLIN)
    for text in ("2026-11-22T05:00", "2026-11-22T22:00", "2026-11-23T05:59", "2026-11-23T22:00"):
        node.send(at(text))

    assert ["2026-11-22T22:00", "2026-11-23T05:59"] == texts(out)


def test_days_alone_are_whole_days():
    out = Collect()
    node = hours(out, weekdays=(week_days("sat"), week_days("sun")), zone=BERLIN)
    for text in ("2026-11-21T00:00", "2026-11-22T23:59", "2026-11-23T00:00"):
        node.send(at(text))

    assert ["2026-11-21T00:00", "2026-11-22T23:59"] == texts(out)


def test_a_deadline_has_its_own_time():
    out = Collect()
    node = hours(out, between=(day_span("08:00-12:00"),), zone=BERLIN)
    late = at("2026-11-23T12:30")
    node.send(late.having({}, tick=at("2026-11-23T11:00").at))

    assert 1 == len(out)
