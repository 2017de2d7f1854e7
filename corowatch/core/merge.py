"""How much of a file's backlog comes before another file's next line.

Files with a backlog are read in turn, the one whose next line is the earliest first, and only as far as
the next one's; so nodes hear lines in the order of their times, as if they had come live.
"""

from __future__ import annotations

from collections.abc import Callable

SLACK = 0.1
"""Seconds that a file may be read beyond the next one's line: within them, order is that of the files. Less than the
second that stamps differ by where they have no fractions; not none, lest files with many lines in each millisecond be
read line by line in turn."""


def turn(data: bytes, until: float, time_of: Callable[[bytes], float | None]) -> int:
    """The bytes of `data` before its first line of a time after `until` (+ SLACK): all, or whole lines, at least one.

    `time_of` gives a line's own time (seconds since the epoch), None if it tells none; such a line has that of the
    one before. The times of a log are taken to rise, so a few lines are looked at, not all.
    """
    limit = until + SLACK
    low = data.find(b"\n") + 1
    high = data.rfind(b"\n") + 1
    if not low or not _after(data, low, data.rfind(b"\n", 0, high - 1) + 1, limit, time_of):
        return len(data)
    while low < high:
        begin = max(low, data.rfind(b"\n", 0, (low + high) // 2) + 1)
        if _after(data, low, begin, limit, time_of):
            high = begin
        else:
            low = data.find(b"\n", begin) + 1
    return low


def comes_whole(data: bytes, until: float, time_of: Callable[[bytes], float | None]) -> bool:
    """Whether all lines of `data`, which ends with a newline, come in a `turn`."""
    return not _after(data, 0, data.rfind(b"\n", 0, len(data) - 1) + 1, until + SLACK, time_of)


def _after(data: bytes, low: int, begin: int, limit: float, time_of: Callable[[bytes], float | None]) -> bool:
    """Whether the line at `begin`, or the nearest before it that tells its time, is later than `limit`."""
    while begin >= low:
        at = time_of(data[begin:data.find(b"\n", begin)])
        if at is not None:
            return at > limit
        if begin == 0:
            break
        begin = data.rfind(b"\n", 0, begin - 1) + 1
    return False
