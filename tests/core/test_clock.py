import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.clock import LOCAL, Cron, day_span, read_clock, week_days, zone


@pytest.fixture
def host_is_in(monkeypatch):
    def be_in(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield be_in
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("text", "inside", "outside"), [
    ("08:00-18:00", [480, 1079], [479, 1080, 0]), ("22:00 - 6:00", [1320, 1439, 0, 359], [360, 1319]),
    ("18:00-24:00", [1080, 1439], [0, 1079]), ("24:00-01:00", [0, 59], [60, 1439]),
])
def test_a_part_of_the_day_holds_its_first_minute_and_not_its_last(text, inside, outside):
    span = day_span(text)

    assert all(map(span.holds, inside))
    assert not any(map(span.holds, outside))


def test_what_goes_over_midnight_belongs_to_the_day_on_which_it_begins():
    span = day_span("22:00-06:00")

    assert [4, 4, 6] == [span.day(4, 1320), span.day(5, 10), span.day(0, 359)]
    assert 5 == day_span("00:00-06:00").day(5, 10)


@pytest.mark.parametrize(("text", "why"), [
    ("8-18", "no part of a day; write 08:00-18:00"), ("08:00-25:00", "25:00 is no time of day"),
    ("08:60-09:00", "08:60 is no time of day"), ("08:00-08:00", "is no time at all"), ("", "no part of a day"),
])
def test_what_is_no_part_of_the_day_is_told(text, why):
    with pytest.raises(ValueError, match=why):
        day_span(text)


@pytest.mark.parametrize(("text", "days"), [
    ("mon", {0}), ("Sunday", {6}), ("Monday-Fri", {0, 1, 2, 3, 4}),
    ("mon-fri", {0, 1, 2, 3, 4}), ("sat - mon", {5, 6, 0}), ("sun-sun", {6}),
])
def test_days_are_a_day_or_from_one_to_another(text, days):
    assert days == week_days(text)
    assert f"WeekDays({sorted(days)})" == repr(week_days(text))


@pytest.mark.parametrize("text", ["", "weekend", "mon-", "1-5", "monkey", "friday the 13th", "mon-sunshine"])
def test_what_is_no_day_is_told(text):
    with pytest.raises(ValueError, match="is no day of the week; write mon, tue"):
        week_days(text)


@pytest.mark.parametrize("text", ["Europe/Berln", "", "/etc/passwd", "Europe", "../x"])
def test_what_is_no_zone_is_told(text):
    with pytest.raises(ValueError, match="is no zone that is known here"):
        zone(text)


def test_the_clock_is_that_of_a_zone():
    at = datetime(2026, 11, 22, 23, 30, tzinfo=zone("UTC")).timestamp()

    assert (6, 1410) == read_clock(at, ZoneInfo("UTC"))
    assert (0, 30) == read_clock(at, ZoneInfo("Europe/Berlin"))


def test_without_a_zone_it_is_that_of_the_host(host_is_in):
    host_is_in("Asia/Kolkata")

    assert (3, 330) == read_clock(0.0, None)


def test_a_moment_comes_after_another_by_the_clock_of_a_zone():
    noon = datetime(2026, 11, 22, 12, tzinfo=zone("UTC")).timestamp()

    assert noon + 20 * 3600 == Cron("0 8 * * *").after(noon, zone("UTC"))
    assert noon + 19 * 3600 == Cron("0 8 * * *").after(noon, zone("Europe/Berlin"))


@pytest.mark.parametrize(("text", "why"), [
    ("hourly", "is no cron expression; write minute, hour"), ("0 8 * *", "is no cron expression; write minute"),
    ("60 * * * *", "bad minute"), ("0 0 31 2 *", "bad day-of-month"), ("0 0 * * foo", "bad day-of-week"),
    ("0 0 * * * *", "write minute, hour"),
])
def test_what_is_no_expression_is_told(text, why):
    with pytest.raises(ValueError, match=why):
        Cron(text)


def test_expressions_are_equal_if_they_were_written_alike():
    assert {Cron("0 8 * * *")} == {Cron("0 8 * * *"), Cron("0 8 * * *")}
    assert Cron("0 8 * * *") != Cron("0 9 * * *")
    assert "Cron('0 8 * * *')" == repr(Cron("0 8 * * *"))


PUT_BACK = 1_792_890_600.0  # 2026-10-25 01:10 UTC: in Berlin 02:10 for the second time


@given(st.sampled_from(["* * * * *", "*/15 * * * *", "30 2 * * *", "0 3 * * sun", "15 1,2,3 * 3,10 *"]),
       st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", None]),
       st.sampled_from([PUT_BACK, 1_774_745_400.0, 1_772_438_400.0]), st.floats(-7200.0, 7200.0))
def test_the_moment_after_is_after(text, name, near, by):
    at = near + by

    assert Cron(text).after(at, name and ZoneInfo(name)) > at


def test_in_an_hour_that_clocks_show_twice_the_next_is_not_the_one_before():
    berlin = ZoneInfo("Europe/Berlin")

    assert PUT_BACK + 300.0 == Cron("*/15 * * * *").after(PUT_BACK, berlin)
    assert PUT_BACK + 24 * 3600.0 + 1200.0 == Cron("30 2 * * *").after(PUT_BACK, berlin)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_the_clock_of_the_host_shows_what_that_of_its_zone_does(host_is_in, name):
    """In hours that clocks show twice, too, and in those that they leave out."""
    host_is_in(name)

    every_half_day = range(1_790_000_000, 1_822_000_000, 43_201)
    for at in (*every_half_day, *range(int(PUT_BACK) - 9000, int(PUT_BACK) + 9000, 900)):
        own, named = datetime.fromtimestamp(at, LOCAL), datetime.fromtimestamp(at, ZoneInfo(name))
        assert (str(named), named.fold, named.tzname(), at, None) == (
            str(own), own.fold, own.tzname(), own.timestamp(), own.dst())


def test_no_moment_has_no_place_on_it():
    assert (None, None) == (LOCAL.utcoffset(None), LOCAL.tzname(None))


@pytest.mark.parametrize("text", ["*/15 * * * *", "30 2 * * *", "15 1,2,3 * 3,10 *"])
def test_without_a_zone_the_moment_after_is_that_of_the_hosts(host_is_in, text):
    host_is_in("Europe/Berlin")

    for near in (PUT_BACK, 1_774_745_400.0):
        for at in range(int(near) - 9000, int(near) + 9000, 600):
            assert Cron(text).after(at, ZoneInfo("Europe/Berlin")) == Cron(text).after(at, None)
