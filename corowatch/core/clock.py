"""What a clock on the wall and a calendar beside it show at a moment, in a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import msgspec

DAYS = {"mon": "monday", "tue": "tuesday", "wed": "wednesday", "thu": "thursday", "fri": "friday", "sat": "saturday",
        "sun": "sunday"}
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


class DaySpan(msgspec.Struct, frozen=True):
    """A part of each day, from a minute on, up to another; it may go over midnight."""

    start: int
    end: int

    def holds(self, minute: int) -> bool:
        """Whether a minute of the day (0 to 1439) is in it."""
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def day(self, day: int, minute: int) -> int:
        """The day of the week on which it began, of one that holds a minute of a day."""
        return (day - 1) % 7 if self.start >= self.end and minute < self.end else day


class WeekDays(frozenset[int]):
    """Days of the week, 0 for Monday."""

    def __repr__(self) -> str:
        return f"WeekDays({sorted(self)})"


def day_span(text: str) -> DaySpan:
    """Return the span of `08:00-18:00` or `22:00-06:00`. Raises ValueError with the cure."""
    found = _SPAN.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no part of a day; write 08:00-18:00, or 22:00-06:00 for over midnight")
    times = []
    for hour, minute in ((int(found[1]), int(found[2])), (int(found[3]), int(found[4]))):
        if minute > 59 or hour * 60 + minute > 1440:
            raise ValueError(f"{hour:02}:{minute:02} is no time of day; the last is 24:00")
        times.append(hour * 60 + minute)
    if times[0] == times[1]:
        raise ValueError(f"{text} is no time at all; leave it out if the whole day is meant")
    return DaySpan(times[0] % 1440, times[1])


def week_days(text: str) -> WeekDays:
    """Return the days of `mon`, `mon-fri` or `sat-mon`. Raises ValueError with the cure."""
    first, dash, last = (part.strip() for part in text.lower().partition("-"))
    names = [day for part in (first, last if dash else first) for day, whole in DAYS.items() if part in (day, whole)]
    if len(names) != 2:
        raise ValueError(f"{text!r} is no day of the week; write {', '.join(DAYS)}, or mon-fri")
    start, end = map(list(DAYS).index, names)
    return WeekDays(day % 7 for day in range(start, end + 1 if start <= end else end + 8))


class Local(tzinfo):
    """The zone of the host, whatever it is; of an hour that clocks show twice it knows which is meant (PEP 495)."""

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, moment: datetime | None) -> timedelta | None:
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        return None if moment is None else moment.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, moment: datetime) -> datetime:
        return datetime.fromtimestamp(moment.replace(tzinfo=UTC).timestamp()).replace(tzinfo=self)


LOCAL = Local()


class Cron:
    """The moments that a cron expression tells, by the clock of a zone. Raises ValueError with the cure.

    Source: crontab(5); Debian's cron for what happens when clocks are put back or forward, as in the package cronsim.
    """

    def __init__(self, text: str) -> None:
        from cronsim import CronSim, CronSimError

        if len(text.split()) != 5:
            raise ValueError(f"{text!r} is no cron expression; write minute, hour, day of the month, month and day of "
                             "the week, such as '30 3 * * 1-5'")
        self.text = text
        self._moments = CronSim
        try:
            CronSim(text, datetime(2024, 1, 1))
        except CronSimError as error:
            raise ValueError(f"{text!r} is no cron expression: {error}".replace("Bad", "bad")) from None

    def after(self, at: float, zone: tzinfo | None) -> float:
        """The first moment after `at` (both seconds since the epoch); None: the local zone."""
        # Where clocks were put back, what they show next may have been before.
        moments = (moment.timestamp() for moment in self._moments(self.text, datetime.fromtimestamp(at, zone or LOCAL)))
        return next(moment for moment in moments if moment > at)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cron) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Cron({self.text!r})"


def zone(text: str) -> ZoneInfo:
    """Return the zone of `Europe/Berlin` or `UTC`. Raises ValueError with the cure."""
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, KeyError):  # a path, a folder, and one that is not found
        raise ValueError(f"{text!r} is no zone that is known here; write UTC, or such as Europe/Berlin") from None


def read_clock(at: float, zone: tzinfo | None) -> tuple[int, int]:
    """Day of the week (0 for Monday) and minute of the day at `at` (seconds since the epoch); None: the local zone."""
    moment = datetime.fromtimestamp(at, zone)
    return moment.weekday(), moment.hour * 60 + moment.minute
