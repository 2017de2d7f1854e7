"""Alerts that sum up what was held back: no news, and so counted apart from those that are."""

from __future__ import annotations

from collections.abc import Iterable

from corowatch.core.events import Alert
from corowatch.core.text import many


def apart(alerts: Iterable[Alert]) -> tuple[list[Alert], list[Alert]]:
    """Those that are news, and those that sum up."""
    news: list[Alert] = []
    summaries: list[Alert] = []
    for alert in alerts:
        (summaries if alert.held_back else news).append(alert)
    return news, summaries


def counted(alerts: Iterable[Alert]) -> str:
    """How many there are: `2 alerts, and 1 that sums up 40 held back,`."""
    news, summaries = apart(alerts)
    told = many(len(news), "alert")
    if summaries:
        held = sum(alert.held_back for alert in summaries)
        told += f", and {len(summaries):,} that {'sums' if len(summaries) == 1 else 'sum'} up {held:,} held back,"
    return told
