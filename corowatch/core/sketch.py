"""Percentiles of many numbers in little room: as they are while they are few, then in buckets that grow with them.

A bucket's upper bound is so much more than its lower that its middle is off by `ERROR` at most, in proportion
(Masson, Rim, Lee: DDSketch, VLDB 2019). The package ddsketch has objects, which would have to be made of a row and
turned into one again for each event: that takes five times as long as the two formulas.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil, log
from typing import TypeAlias

EXACT = 64
"""So many numbers are kept as they are."""
ERROR = 0.0199
"""With the rounding to five digits, 2 % at most."""
LEAST = 1e-9
"""What is nearer to zero is taken for it, once there are buckets."""
MOST = 1e18
"""No number that is kept may be beyond: a bound for the buckets, and for sums."""

_GROWTH = (1 + ERROR) / (1 - ERROR)
_WIDTH = log(_GROWTH)

Samples: TypeAlias = tuple[list[float], int, list[int]]
"""The numbers while they are few; then the lowest bucket, and how many fell into it and into each after it."""
NONE: Samples = ([], 0, [])


def sampled(samples: Samples, value: float) -> Samples:
    """The samples with one more."""
    numbers, lowest, counts = samples
    if not counts and len(numbers) < EXACT:
        return [*numbers, value], 0, []
    for number in (*numbers, value):
        lowest, counts = _counted(lowest, counts, _bucket(number))
    return [], lowest, counts


def ranked(parts: Sequence[Samples], rank: int) -> float:
    """The number of that rank (from 1, the least first) among the samples of all parts.

    It is exact if no part has more than `EXACT`.
    """
    numbers = [number for part in parts for number in part[0]]
    if any(counts for *_, counts in parts):
        many = Counter(_middle(_bucket(number)) for number in numbers)
        for _, lowest, counts in parts:
            many.update({_middle(bucket): count for bucket, count in enumerate(counts, lowest) if count})
    else:
        many = Counter(numbers)
    value = 0.0
    for value in sorted(many):
        rank -= many[value]
        if rank <= 0:
            break
    return value


def _counted(lowest: int, counts: list[int], bucket: int) -> tuple[int, list[int]]:
    if not counts:
        return bucket, [1]
    if bucket < lowest:
        return bucket, [1, *[0] * (lowest - bucket - 1), *counts]
    beyond = bucket - lowest - len(counts)
    if beyond >= 0:
        return lowest, [*counts, *[0] * beyond, 1]
    counts = counts.copy()
    counts[bucket - lowest] += 1
    return lowest, counts


def _bucket(value: float) -> int:
    """0 of what is as good as zero; the buckets of numbers below it are those of numbers above, negative."""
    if abs(value) < LEAST:
        return 0
    bucket = 1 + ceil(log(abs(value) / LEAST) / _WIDTH)
    return bucket if value > 0 else -bucket


def _middle(bucket: int) -> float:
    """As far from the lower bound as from the upper, in proportion to both."""
    if not bucket:
        return 0.0
    value = float(f"{LEAST * _GROWTH ** (abs(bucket) - 1) * 2 / (1 + _GROWTH):.5g}")
    return value if bucket > 0 else -value
