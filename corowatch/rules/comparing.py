"""The alerts of two configs on the same logs: which are the same, and which are new, gone or at another time.

Two are of one kind if their flow, state and key are the same, and both are news or both sum up what was held back. Of
one kind those at the same time are the same alert; of the others the nearest are one that moved, if they are no more
than an hour apart.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from corowatch.core.events import Alert
from corowatch.core.verdict import when

FAR = 3600.0
"""Seconds beyond which an alert is not the same that moved."""

Kind: TypeAlias = tuple[str, str, str, bool]


class Difference(msgspec.Struct):
    """What became of alerts: each that moved, or says something else at the same time, with what it was before."""

    same: int = 0
    new: list[Alert] = msgspec.field(default_factory=list)
    gone: list[Alert] = msgspec.field(default_factory=list)
    moved: list[tuple[Alert, Alert]] = msgspec.field(default_factory=list)
    changed: list[tuple[Alert, Alert]] = msgspec.field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.moved or self.changed)

    def by_flow(self) -> dict[str, dict[str, int]]:
        """How many of each flow are new, gone, moved and changed."""
        told: dict[str, Counter[str]] = defaultdict(Counter)
        for name, alerts in (("new", self.new), ("gone", self.gone), ("moved", [now for _, now in self.moved]),
                             ("changed", [now for _, now in self.changed])):
            for alert in alerts:
                told[alert.flow][name] += 1
        return {flow: {name: told[flow][name] for name in ("new", "gone", "moved", "changed")} for flow in sorted(told)}


def compare(before: Sequence[Alert], after: Sequence[Alert]) -> Difference:
    """What the alerts of one config are beside those of another."""
    difference = Difference()
    kinds = dict.fromkeys([*map(_kind, before), *map(_kind, after)])
    old: dict[Kind, list[Alert]] = defaultdict(list)
    new: dict[Kind, list[Alert]] = defaultdict(list)
    for alert in before:
        old[_kind(alert)].append(alert)
    for alert in after:
        new[_kind(alert)].append(alert)
    for kind in kinds:
        _compare_kind(old[kind], new[kind], difference)
    for alerts in (difference.new, difference.gone):
        alerts.sort(key=lambda alert: alert.at)
    difference.moved.sort(key=lambda pair: pair[1].at)
    difference.changed.sort(key=lambda pair: pair[1].at)
    return difference


def _kind(alert: Alert) -> Kind:
    return alert.flow, alert.state, json.dumps(alert.key, sort_keys=True), bool(alert.held_back)


def _says(alert: Alert) -> tuple[str, str, int]:
    return alert.title, alert.severity, alert.held_back


def _compare_kind(before: list[Alert], after: list[Alert], difference: Difference) -> None:
    left: dict[str, list[Alert]] = defaultdict(list)
    for alert in before:
        left[alert.at].append(alert)
    rest = []
    for alert in after:
        if not left[alert.at]:
            rest.append(alert)
            continue
        old = min(left[alert.at], key=lambda one: _says(one) != _says(alert))
        left[alert.at].remove(old)
        if _says(old) == _says(alert):
            difference.same += 1
        else:
            difference.changed.append((old, alert))
    gone = [alert for alerts in left.values() for alert in alerts]
    # Both are in the order of their times, and so are the pairs of what moved.
    gone.sort(key=when)
    rest.sort(key=when)
    while gone and rest:
        was, now = gone[0], rest[0]
        if abs(when(was) - when(now)) <= FAR:
            difference.moved.append((gone.pop(0), rest.pop(0)))
        elif when(was) < when(now):
            difference.gone.append(gone.pop(0))
        else:
            difference.new.append(rest.pop(0))
    difference.gone += gone
    difference.new += rest
