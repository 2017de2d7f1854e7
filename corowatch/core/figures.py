"""Figures of a field's numbers: least, greatest, average, sum and percentiles, of the panes of a window."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import NewType, TypeAlias

import msgspec

from corowatch.core.events import Event, Fields, Here
from corowatch.core.expression import number
from corowatch.core.sketch import MOST, NONE, Samples, ranked, sampled

FigureName = NewType("FigureName", str)

Pane: TypeAlias = tuple[float, int, float, float, float, int, int, Samples]
"""Time of its first event, how many, their sum, least and most, how many are not above, how many are below, samples."""
FIGURES: Mapping[str, Callable[[list[Pane], int], float]] = {
    "min": lambda panes, count: min(pane[3] for pane in panes),
    "max": lambda panes, count: max(pane[4] for pane in panes),
    "sum": lambda panes, count: sum(pane[2] for pane in panes),
    "avg": lambda panes, count: sum(pane[2] for pane in panes) / count,
}

NAMES = (*FIGURES, "median")
PERCENTILE = re.compile(r"p(?!0+(?:\.0+)?$)[0-9]{1,2}(?:\.[0-9]{1,3})?")


def figure(text: str) -> FigureName:
    """Return the name of a figure. Raises ValueError with what there is."""
    if text not in NAMES and not PERCENTILE.fullmatch(text):
        raise ValueError(f"{text!r} is no figure; there are {', '.join(NAMES)}, and percentiles such as p95 or p99.9")
    return FigureName(text)


def measured(here: Here, event: Event, field: str) -> float | None:
    """The number that a field of the event holds; None if it is none, or beyond `MOST`."""
    value = number(here.value(event, field))
    return float(value) if value is not None and abs(value) <= MOST else None


@cache
def percentile(name: str) -> tuple[int, int] | None:
    """The part of the numbers that are not more than it, as numerator and denominator; None if it is no percentile."""
    if name in FIGURES:
        return None
    whole, _, decimals = name.removeprefix("p").replace("median", "50").partition(".")
    return int(whole + decimals), 100 * 10 ** len(decimals)


def ceiling(part: tuple[int, int], count: int) -> int:
    """So many of `count` as are that part at least: the rank of a percentile."""
    return -(-part[0] * count // part[1])


class Numbers(msgspec.Struct, frozen=True, dict=True):
    """Figures of the numbers of a field."""

    of: str
    show: tuple[str, ...]
    above: float | None
    below: float | None
    here: Here

    @cached_property
    def _samples(self) -> bool:
        return any(map(percentile, self.show))

    def worth(self, event: Event) -> float | None:
        """Its number."""
        return measured(self.here, event, self.of)

    def grown(self, pane: Pane | None, when: float, worth: float) -> Pane:
        """The pane with one number more."""
        first, count, total, least, most, upto, under, samples = pane or (when, 0, 0.0, worth, worth, 0, 0, NONE)
        if self._samples:
            samples = sampled(samples, worth)
        return (min(first, when), count + 1, total + worth, min(least, worth), max(most, worth),
                upto + (self.above is not None and worth <= self.above),
                under + (self.below is not None and worth < self.below), samples)

    def speaks(self, worth: float) -> bool:
        """Whether the number alone is out of bounds."""
        return self.show[0] == "sum" or self._beyond(worth)

    def wrong(self, panes: list[Pane], count: int) -> bool:
        """Whether the first figure is out of bounds; a percentile's is counted, which needs no samples."""
        part = percentile(self.show[0])
        if part is None:
            return self._beyond(FIGURES[self.show[0]](panes, count))
        rank = ceiling(part, count)
        return ((self.above is not None and sum(pane[5] for pane in panes) < rank)
                or (self.below is not None and sum(pane[6] for pane in panes) >= rank))

    def told(self, panes: list[Pane], count: int) -> Fields:
        """Each figure, without digits that say nothing."""
        return {name: float(f"{self._figure(name, panes, count):{'.6g' if name == 'avg' else '.15g'}}")
                for name in self.show}

    def _figure(self, name: str, panes: list[Pane], count: int) -> float:
        part = percentile(name)
        if part is None:
            return FIGURES[name](panes, count)
        value = ranked([pane[7] for pane in panes], ceiling(part, count))
        return min(max(value, FIGURES["min"](panes, count)), FIGURES["max"](panes, count))

    def _beyond(self, value: float) -> bool:
        return (self.above is not None and value > self.above) or (self.below is not None and value < self.below)
