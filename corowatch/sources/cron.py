"""Moments of a calendar, as events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from corowatch.core.clock import Cron
from corowatch.core.events import Event, Origin, Target
from corowatch.core.kinds import source
from corowatch.sources import Head, Source, Tell

LONGEST = 31 * 86400.0
"""Seconds that are looked through for missed moments."""
LAST = "last"
"""Under which the last moment that was told is kept."""


@source(adds=("missed",))
def cron(
    target: Target[Event],
    *,
    at: Annotated[Cron, "minute, hour, day of the month, month, day of the week, such as '30 3 * * mon-fri'"],
    zone: Annotated[ZoneInfo | None, "whose clock it is (default: the host's)"] = None,
) -> Source:
    """Send an event at each moment that a cron expression tells, by the wall clock.

    Its text is the expression. Of the moments that passed while corowatch did not run, the last is told at the start;
    `missed` is how many there were before it.

        cron: '0 8 * * mon-fri'
    """
    return Moments(target, at, zone)


class Moments(Source):
    """Knows which moment comes next."""

    by_calendar = True

    def __init__(self, target: Target[Event], at: Cron, zone: ZoneInfo | None) -> None:
        super().__init__()
        self._target = target
        self._cron = at
        self._zone = zone
        self._origin = Origin("", "")
        self.due = inf
        self._last = self._written = 0.0  # the last moment that was told, or when it began; what of it is durable
        self._due: tuple[float, int] | None = None  # a moment that is to be told, and how many were missed before it

    def open(self, saved: Mapping[str, Any], *, reader: str, start: str | None, tell: Tell,
             wake: Callable[[], None], now: float, once: bool = False) -> None:
        self._origin = Origin(reader, self._cron.text)
        self._last = saved.get(LAST, now)
        self._written = self._last if saved else 0.0
        self.due = self._cron.after(max(self._last, now - LONGEST), self._zone)

    def pass_time(self, now: float) -> None:
        missed = self._due[1] + 1 if self._due else 0
        while self.due <= now:
            self._due = self.due, missed
            missed += 1
            self.due = self._cron.after(self.due, self._zone)

    def head(self) -> Head | None:
        return None if self._due is None else Head(lambda: (self.time(inf), 0, "cron"), inf, self._send)

    def time(self, wall: float) -> float:
        return wall if self._due is None else min(wall, self._due[0])

    def _send(self, now: float, until: float) -> None:
        assert self._due is not None
        (self._last, missed), self._due = self._due, None
        self._target.send(Event(self._origin, int(self._last), self._last, self._cron.text, {"missed": missed}))

    def changes(self) -> Iterator[tuple[str, Any]]:
        if self._last != self._written:
            yield LAST, self._last

    def written(self) -> None:
        self._written = self._last
