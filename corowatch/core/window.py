"""Times in a window, packed: eight bytes each (IEEE 754, little-endian), in order.

Of a list, each would be an object of its own, to be made anew whenever the window is looked at after a while.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

WIDTH = 8
"""Bytes of a time."""
_time = struct.Struct("<d")


def packed(times: Iterable[float]) -> bytes:
    """Times (seconds since the epoch), in any order, as a window."""
    ordered = sorted(times)
    return struct.pack(f"<{len(ordered)}d", *ordered)


def with_another(window: bytes, when: float, most: int) -> bytes:
    """The latest `most` of a window's times and one more, which may be none of them."""
    joined = window + _time.pack(when)
    if window and when < _time.unpack_from(window, len(window) - WIDTH)[0]:
        joined = packed(times(joined))
    return joined[-most * WIDTH:]


def times(window: bytes) -> tuple[float, ...]:
    """A window's times, in order. Raises struct.error if it is none."""
    return struct.unpack(f"<{len(window) // WIDTH}d", window)


def span(window: bytes) -> float:
    """Seconds from the first to the last time of a window that has one."""
    last: float = _time.unpack_from(window, len(window) - WIDTH)[0]
    return last - first(window)


def first(window: bytes) -> float:
    """The first time of a window that has one."""
    time: float = _time.unpack_from(window)[0]
    return time
