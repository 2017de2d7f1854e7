"""What the name of a zone means in a stamp: CET, EST.

Names belong to nobody: IST is India's, Israel's and Ireland's, CST America's and China's.  So first asked is the zone
in which the source's times are anyway, of which it is known what it calls its clocks; then what the world means.

Source: RFC 5322, section 4.3 (obs-zone), for UT and the names of North America; the others are those of the tz database
(abbreviations of `europe`, `asia`, `australasia`, `africa` and `northamerica`) that no two countries use otherwise.
"""

from datetime import datetime, timedelta, tzinfo

from corowatch.core.clock import LOCAL

HOURS = {
    "UT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "SAST": 2, "JST": 9,
    "AWST": 8, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13, "AKST": -9, "AKDT": -8, "HST": -10,
}
OFFSETS = {name: hours * 3600 for name, hours in HOURS.items()}
"""Seconds ahead of UTC."""

SEASONS = [timedelta(days=days) for days in (0, 91, -91, 182, -182)]
"""Wherever clocks are put forward for a part of the year, one of these leads to the other part."""


def offset(name: str, moment: datetime, zone: tzinfo | None) -> int | None:
    """Return the seconds that `name` is ahead of UTC when clocks of that name show `moment`; None if that is not known.

    It is what `zone` (None: the host's) calls so in that hour, which clocks may show twice, else in the rest of that
    year; else what the world does.
    """
    name = name.upper()
    for away in SEASONS:
        try:
            local = (moment + away).replace(tzinfo=zone or LOCAL)
            for told in (local, local.replace(fold=1)):
                if told.tzname() == name and (ahead := told.utcoffset()) is not None:
                    return round(ahead.total_seconds())
        except (ValueError, OverflowError):  # beyond the calendar
            continue
    return OFFSETS.get(name)
