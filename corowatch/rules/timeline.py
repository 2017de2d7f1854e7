"""When alerts were, as a picture: how many of each flow in each of equal parts of a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from corowatch.core.events import Alert
from corowatch.core.standing import clock
from corowatch.core.verdict import when

BARS = " ▁▂▃▄▅▆▇█"
HELD = "·"


class Timeline(msgspec.Struct, frozen=True):
    """Of each flow, those with most alerts first, how many there were in each part from `began` to `ended` (seconds
    since the epoch), and of how many that were held back was told in it."""

    began: float
    ended: float
    rows: dict[str, list[int]]
    held: dict[str, list[int]]


def timeline(alerts: Sequence[Alert], began: float, ended: float, parts: int) -> Timeline:
    """Count them; one at a border is in the later part. Those that tell that something is over, or sum up what was
    held back, do not count."""
    firing = [alert for alert in alerts if alert.state == "firing"]
    times = [when(alert) for alert in firing]
    began, ended = min([began, *times]), max([ended, *times])
    width = (ended - began) / parts or 1.0
    flows = Counter({alert.flow: 0 for alert in firing})
    flows.update(alert.flow for alert in firing if not alert.held_back)
    rows = {flow: [0] * parts for flow, _ in flows.most_common()}
    held = {flow: [0] * parts for flow in rows}
    for alert, at in zip(firing, times, strict=True):
        part = min(parts - 1, int((at - began) / width))
        if alert.held_back:
            held[alert.flow][part] += alert.held_back
        else:
            rows[alert.flow][part] += 1
    return Timeline(began, ended, rows, held)


def picture(line: Timeline) -> list[str]:
    """The same in blocks, the highest that of most alerts of all; a dot is where only what was held back is told."""
    if not line.rows:
        return []
    most = max(max(row) for row in line.rows.values())
    names = max(map(len, line.rows))
    drawn = []
    for flow, row in line.rows.items():
        bars = "".join(_bar(count, most) if count or not held else HELD
                       for count, held in zip(row, line.held[flow], strict=True))
        held = sum(line.held[flow])
        drawn.append(f"{flow:<{names}} │{bars}│ {sum(row):,}{f' (+{held:,} held back)' if held else ''}")
    begin, end = clock(line.began), clock(line.ended)
    gap = len(next(iter(line.rows.values()))) - len(begin) - len(end)
    return [*drawn, f"{'':<{names}}  {begin}{' ' * max(1, gap)}{end}"]


def _bar(count: int, most: int) -> str:
    return BARS[-(-count * (len(BARS) - 1) // most)] if count else BARS[0]
