"""A window that slides over time by twelfths of its length: what is kept of a twelfth is one pane, not its events.

The pane of a moment is the number of whole twelfths between the epoch and it. A window ends with the pane of its newest
event and has the eleven before: it looks back more than eleven twelfths of its length, and never more than the whole.

A pane is a tuple, replaced whole, that begins with the time of its first event and with how many it holds. What else it
holds is its node's affair. Panes without events are not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import floor
from typing import Any, TypeVar

PANES = 12
"""Of a window. It is behind by a twelfth at most, and a key has twelve rows."""

Pane = TypeVar("Pane", bound=tuple[Any, ...])


def place(at: float, within: float) -> int:
    """Which pane `at` falls into."""
    return floor(at * PANES / within)


def end_of(pane: int, within: float) -> float:
    """The moment at which it ends."""
    return (pane + 1) * within / PANES


def ending(at: float, within: float) -> int:
    """Which pane ends at `at`, an end rounded as `end_of` rounds it."""
    return round(at * PANES / within) - 1


def grown(panes: Sequence[Pane], at: float, within: float, grow: Callable[[Pane | None], Pane],
          many: int = PANES) -> list[Pane]:
    """The panes, oldest first, with that of `at` replaced by what `grow` makes of it (None: there is none yet).

    The newest `many` stay. What is older than they are changes nothing.
    """
    here = place(at, within)
    newest = max(here, place(panes[-1][0], within)) if panes else here
    if here <= newest - many:
        return list(panes)
    begin, end = 0, len(panes)
    while begin < end and place(panes[begin][0], within) <= newest - many:
        begin += 1
    while begin < end and place(panes[end - 1][0], within) > here:
        end -= 1
    known = begin < end and place(panes[end - 1][0], within) == here
    before = panes[begin:end - known]
    return [*before, grow(panes[end - 1] if known else None), *panes[end:]]
