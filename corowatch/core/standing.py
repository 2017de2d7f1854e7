"""How what a step remembers of a key is told to people: how far it is, how long it rests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from corowatch.core.events import rfc3339

Standing: TypeAlias = Callable[[Mapping[str, Any], Any, float | None], str]
"""From a step's options, the state of a key and when it is due to a few words."""


def clock(at: float) -> str:
    """A moment (seconds since the epoch), to the second, in UTC."""
    return rfc3339(at)[:19].replace("T", " ") + "Z"


def span(seconds: float) -> str:
    """A time as people write it: 90.0 is 1m30s."""
    sign, left = "-" if seconds < 0 else "", round(abs(seconds), 3)
    told = ""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if left >= length:
            told += f"{left // length:.0f}{unit}"
            left %= length
    return f"{sign}{told}{left:g}s" if left or not told else f"{sign}{told}"


def resting(until: float, suppressed: int) -> str:
    """That a key fired and is silent for now."""
    return f"rests until {clock(until)}, {suppressed} suppressed"


def so_far(count: int, least: int, within: float) -> str:
    """How far a window is."""
    return f"{count} of {least} within {span(within)}"
