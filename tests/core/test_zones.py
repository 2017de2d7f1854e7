from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from corowatch.core import zones
from corowatch.core.zones import OFFSETS

WINTER, SUMMER = datetime(2026, 1, 1), datetime(2026, 7, 1)


@pytest.mark.parametrize(("zone", "name", "hours"), [
    ("Asia/Kolkata", "IST", 5.5), ("Asia/Jerusalem", "IST", 2), ("Asia/Shanghai", "CST", 8), ("Asia/Manila", "PST", 8),
    ("America/Havana", "CDT", -4), ("Europe/London", "BST", 1), ("Europe/Dublin", "IST", 1)])
def test_a_name_is_what_the_sources_own_zone_calls_so(zone, name, hours):
    for moment in (WINTER, SUMMER):
        assert hours * 3600 == zones.offset(name, moment, ZoneInfo(zone))


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Sydney", "America/Santiago",
                                  "Europe/Berlin", "Pacific/Auckland", "Europe/Dublin", "Asia/Beirut"])
def test_on_each_day_a_zone_knows_both_of_its_names(zone):
    own = ZoneInfo(zone)
    year = [datetime(2026, 1, 1) + timedelta(days=day) for day in range(365)]
    names = {moment.replace(tzinfo=own).tzname(): moment.replace(tzinfo=own).utcoffset() for moment in year}

    assert len(names) == 2
    for name, ahead in names.items():
        assert {ahead.total_seconds()} == {zones.offset(name, moment, own) for moment in year}


def test_an_offset_is_of_the_time_when_it_held():
    own = ZoneInfo("Europe/Moscow")

    assert [14400, 10800] == [zones.offset("MSK", datetime(year, 7, 1), own) for year in (2012, 2026)]


@pytest.mark.parametrize("name", ["IST", "BST", "AST", "POST", ""])
def test_a_name_of_several_zones_or_of_none_tells_nothing(name):
    assert zones.offset(name, WINTER, UTC) is None


@pytest.mark.parametrize("name", OFFSETS)
def test_a_known_name_is_that_of_the_zones_of_the_world(name):
    told = set()
    for zone in map(ZoneInfo, available_timezones()):
        for moment in (WINTER, SUMMER):
            local = moment.replace(tzinfo=zone)
            told |= {local.utcoffset().total_seconds()} if local.tzname() == name else set()

    # RFC 5322 gives these to America, though Cuba, China and the Philippines have them, too.
    elsewhere = {"CST": {-5 * 3600, 8 * 3600}, "CDT": {-4 * 3600}, "PST": {8 * 3600}}
    # Nobody's clocks go by it: it is another word for UTC.
    assert {OFFSETS[name]} == (told - elsewhere.get(name, set()) if name != "UT" else {0})


def test_a_known_name_is_known_in_small_letters_and_beyond_the_calendar():
    assert 3600 == zones.offset("cet", WINTER, UTC) == zones.offset("CET", datetime(9999, 12, 31), UTC)
