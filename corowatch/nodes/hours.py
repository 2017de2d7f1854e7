from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from corowatch.core.clock import DaySpan, WeekDays, read_clock
from corowatch.core.events import Consumer, Event, Target
from corowatch.core.kinds import Counts, node

ALWAYS = DaySpan(0, 1440)
"""The whole day."""


@node
def hours(
    target: Target[Event],
    otherwise: Target[Event] | None = None,
    *,
    between: Annotated[tuple[DaySpan, ...], "parts of the day, from a time on and up to another (default: all)"] = (),
    weekdays: Annotated[tuple[WeekDays, ...], "days of the week (default: all)"] = (),
    zone: Annotated[ZoneInfo | None, "whose clock it is (default: the host's)"] = None,
    counts: Counts[Literal["matched"]],
) -> Consumer[Event]:
    """Pass on what happens within hours of the day and on days of the week; the rest goes to `otherwise`.

    It goes by the time of the event, so a backlog is told apart as it would have been live. A part that goes over
    midnight, such as `22:00-06:00`, belongs to the day on which it begins.

        hours: {between: '08:00-18:00', weekdays: mon-fri}
    """
    days = frozenset[int]().union(*weekdays or [range(7)])
    spans = between or (ALWAYS,)
    try:
        while True:
            event = yield
            day, minute = read_clock(event.when, zone)
            if any(span.holds(minute) and span.day(day, minute) in days for span in spans):
                counts["matched"] += 1
                target.send(event)
            elif otherwise is not None:
                otherwise.send(event)
    except GeneratorExit:
        return counts
