import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from corowatch.core.clock import Cron
from corowatch.sources.cron import Moments
from corowatch.testing import Collect

UTC = ZoneInfo("UTC")


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class Clock:
    """A cron source with its clock as a number."""

    def __init__(self, at="0 8 * * *", saved=None, now="2026-11-22T07:00", zone=UTC):
        self.out = Collect()
        self.cron = Moments(self.out, Cron(at), zone)
        self.cron.open(saved or {}, reader="r", start=None, tell=print, wake=print, now=moment(now))

    def pass_time(self, until):
        self.cron.pass_time(moment(until))
        while head := self.cron.head():
            head.read(moment(until), head.next)
        return [(datetime.fromtimestamp(one.at, UTC).strftime("%dT%H:%M"), one.fields["missed"]) for one in self.out]

    def saved(self):
        kept = json.loads(json.dumps(dict(self.cron.changes())))
        self.cron.written()
        return kept


def test_each_moment_is_told_once():
    clock = Clock()
    assert [] == clock.pass_time("2026-11-22T07:59:59")
    assert [("22T08:00", 0)] == clock.pass_time("2026-11-22T08:00")
    assert [("22T08:00", 0)] == clock.pass_time("2026-11-22T08:00:01")
    assert [("22T08:00", 0), ("23T08:00", 0)] == clock.pass_time("2026-11-23T08:00:30")
    assert ["0 8 * * *"] * 2 == [one.text for one in clock.out]
    assert 2 == len({(one.origin, one.place) for one in clock.out})


def test_until_it_is_told_no_later_time_has_come():
    clock = Clock()
    assert 5.0 == clock.cron.time(5.0)
    clock.cron.pass_time(moment("2026-11-22T08:00:30"))
    assert moment("2026-11-22T08:00") == clock.cron.time(moment("2026-11-22T08:00:30")) == clock.cron.head().order()[0]
    assert clock.cron.behind


def test_after_a_restart_nothing_is_told_twice_and_the_last_that_was_missed_is_told():
    clock = Clock()
    clock.pass_time("2026-11-22T08:00")
    saved = clock.saved()
    assert [{}, {"last": moment("2026-11-22T08:00")}] == [clock.saved(), saved]

    assert [] == Clock(saved=saved, now="2026-11-22T09:00").pass_time("2026-11-22T09:00")
    assert [("25T08:00", 2)] == Clock(saved=saved, now="2026-11-25T09:00").pass_time("2026-11-25T09:00")


def test_what_is_missed_before_the_first_is_known_too():
    saved = Clock().saved()
    assert {"last": moment("2026-11-22T07:00")} == saved
    assert [("22T08:00", 0)] == Clock(saved=saved, now="2026-11-22T10:00").pass_time("2026-11-22T10:00")


def test_of_a_long_time_without_it_a_month_is_looked_through():
    saved = {"last": moment("2020-01-01T00:00")}
    assert [("22T08:00", 30)] == Clock(saved=saved, now="2026-11-22T09:00").pass_time("2026-11-22T09:00")


def test_the_clock_is_that_of_a_zone():
    clock = Clock(zone=ZoneInfo("Asia/Kolkata"), now="2026-11-22T00:00")
    assert [("22T02:30", 0)] == clock.pass_time("2026-11-22T07:00")


@pytest.mark.parametrize("text", ["*/15 8-17 * * mon-fri", "0 0 L * *", "5 4 1,15 * *", "0 9 * * 1#2"])
def test_what_cron_knows_is_known(text):
    assert [] != Clock(text, now="2026-11-01T00:00").pass_time("2026-11-30T23:59")
