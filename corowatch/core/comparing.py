"""Two windows side by side, one directly before the other: how `spike` compares them.

Both go by the same panes, of which the newest twelve are the one and those before them the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Literal, TypeAlias

import msgspec

from corowatch.core.events import Event, Here, Value
from corowatch.core.figures import measured
from corowatch.core.panes import PANES, end_of, place

BOTH = 2 * PANES

Pane: TypeAlias = tuple[float, int, float]
"""Time of its first event, how many, and the sum, least or greatest of their numbers, as the figure needs it."""


class Windows(msgspec.Struct, frozen=True):
    """What is compared: how many events there are, or without `of` being None, a figure of their numbers."""

    of: str | None
    show: Literal["avg", "sum", "min", "max"]
    times: float
    at_least: int
    within: float
    here: Here

    def worth(self, event: Event) -> float | None:
        """The event's number, None if it has none."""
        return 0.0 if self.of is None else measured(self.here, event, self.of)

    def grown(self, pane: Pane | None, when: float, worth: float) -> Pane:
        """The pane with one event more."""
        if pane is None:
            return when, 1, worth
        first, count, value = pane
        return min(first, when), count + 1, self._together([value, worth])

    def compared(self, panes: Sequence[Pane], since: float, end: int) -> tuple[list[Pane], list[Pane]] | None:
        """The window that ends with the pane of that place, and the one before; None if it is not so long `since`."""
        if place(since, self.within) > end - BOTH:
            return None
        aged = [(end - place(pane[0], self.within), pane) for pane in panes]
        return [pane for age, pane in aged if age < PANES], [pane for age, pane in aged if PANES <= age < BOTH]

    def next_end(self, pane: int, since: float, until: float) -> float:
        """When the pane of that place ends, or the first after it at whose end a key is judged."""
        rested = ceil(until * PANES / self.within) - 1
        return end_of(max(pane, place(since, self.within) + BOTH, rested), self.within)

    def rose(self, now: Sequence[Pane], before: Sequence[Pane]) -> bool:
        """Whether it is so many times as much as before."""
        return self._comparable(now, before) and self._figure(now) >= self.times * self._figure(before)

    def fell(self, now: Sequence[Pane], before: Sequence[Pane]) -> bool:
        """Whether it was so many times as much before."""
        return self._comparable(before, now) and self._figure(before) >= self.times * self._figure(now)

    def told(self, now: Sequence[Pane], before: Sequence[Pane]) -> dict[str, Value]:
        """Both figures, and how many times as much the newer is; that is absent where there was nothing."""
        this, that = self._figure(now), self._figure(before)
        told: dict[str, Value] = {"count": many(now), "before": _rounded(that)}
        if self.of is not None:
            told[self.show] = _rounded(this)
        if that:
            told["times"] = round(this / that, 2)
        return told

    def _comparable(self, much: Sequence[Pane], little: Sequence[Pane]) -> bool:
        """Of how many events there are, none is as good as any; figures are of enough events, and above zero."""
        if many(much) < self.at_least:
            return False
        return self.of is None or (many(little) >= self.at_least and self._figure(little) > 0)

    def _figure(self, panes: Sequence[Pane]) -> float:
        if self.of is None:
            return many(panes)
        value = self._together([pane[2] for pane in panes])
        return value / many(panes) if self.show == "avg" else value

    def _together(self, values: list[float]) -> float:
        return min(values) if self.show == "min" else max(values) if self.show == "max" else sum(values)


def many(panes: Sequence[Pane]) -> int:
    """How many events they hold."""
    return sum(pane[1] for pane in panes)


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.6g}")
