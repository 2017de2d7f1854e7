"""Times in a window."""

from __future__ import annotations

from collections.abc import Sequence


def with_another(times: Sequence[float], when: float, most: int) -> list[float]:
    """The latest `most` of times (seconds since the epoch, in order) and one more, which may be none of the latest."""
    joined = [*times, when]
    if len(joined) > 1 and when < joined[-2]:
        joined.sort()
    return joined[-most:] if len(joined) > most else joined
