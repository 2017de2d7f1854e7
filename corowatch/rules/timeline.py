"""When alerts were, as a picture: how many of each flow in each of equal parts of a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from corowatch.core.events import Alert
from corowatch.core.standing import clock
from corowatch.core.verdict import when

BARS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Timeline:
    """Of each flow, those with most alerts first, how many there were in each part from `began` to `ended` (seconds
    since the epoch)."""

    began: float
    ended: float
    rows: dict[str, list[int]]


def timeline(alerts: Sequence[Alert], began: float, ended: float, parts: int) -> Timeline:
    """Count them; one at a border is in the later part. Those that tell that something is over do not count."""
    firing = [alert for alert in alerts if alert.state == "firing"]
    times = [when(alert) for alert in firing]
    began, ended = min([began, *times]), max([ended, *times])
    width = (ended - began) / parts or 1.0
    rows = {flow: [0] * parts for flow, _ in Counter(alert.flow for alert in firing).most_common()}
    for alert, at in zip(firing, times, strict=True):
        rows[alert.flow][min(parts - 1, int((at - began) / width))] += 1
    return Timeline(began, ended, rows)


def picture(line: Timeline) -> list[str]:
    """The same in blocks, the highest that of most alerts of all."""
    if not line.rows:
        return []
    most = max(max(row) for row in line.rows.values())
    names = max(map(len, line.rows))
    drawn = [f"{flow:<{names}} │{''.join(_bar(count, most) for count in row)}│ {sum(row):,}"
             for flow, row in line.rows.items()]
    begin, end = clock(line.began), clock(line.ended)
    gap = len(next(iter(line.rows.values()))) - len(begin) - len(end)
    return [*drawn, f"{'':<{names}}  {begin}{' ' * max(1, gap)}{end}"]


def _bar(count: int, most: int) -> str:
    return BARS[-(-count * (len(BARS) - 1) // most)]
