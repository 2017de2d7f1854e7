"""Alerts as a message for people: a subject and a body, of one alert or of many.

Text from logs stands in it escaped, one line a line: it cannot add a header, end the message or forge an alert.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from corowatch.core.events import Alert
from corowatch.core.text import in_one_line, safe, shown

WHOLE = 50
"""Alerts of one message that are told in full; of the others, how many of which step."""
SUBJECT = 150
"""Characters of a subject."""
_RANK = {"debug": 0, "info": 1, "warning": 2, "error": 3, "critical": 4}


def headline(alert: Alert) -> str:
    """Its title as one safe line, and how many were held back, where the title does not tell it."""
    title, held = in_one_line(alert.title), alert.held_back
    return title if not held or re.search(rf"\b{held}\b", title) else f"{title} (+{held:,} held back)"


def subject(alerts: Sequence[Alert]) -> str:
    """What it is about, in one line: the title, or how many and the worst of them."""
    worst = max(alerts, key=lambda alert: _RANK[alert.severity])
    more = f"{len(alerts)} alerts: " if len(alerts) > 1 else ""
    told = f"[{worst.severity}] {more}{safe(worst.title)}"
    told = told.replace("=?", "= ?")  # else a mail's header would decode it: RFC 2047
    return told if len(told) <= SUBJECT else f"{told[:SUBJECT - 1]}…"


def body(alerts: Sequence[Alert]) -> tuple[str, int]:
    """What there is to say, and how many alerts are only counted in it."""
    parts = ["\n".join(_paragraph(alert)) for alert in alerts[:WHOLE]]
    rest = alerts[WHOLE:]
    if rest:
        steps = Counter((alert.flow, alert.node) for alert in rest)
        told = "\n".join(f"  {count:,} of {safe(flow)}.{safe(node)}" for (flow, node), count in steps.most_common())
        parts.append(f"and {len(rest):,} more:\n{told}")
    host = alerts[-1].host
    return "\n\n".join([*parts, f"-- \ncorowatch{' on ' + safe(host) if host else ''}"]) + "\n", len(rest)


def _paragraph(alert: Alert) -> Iterator[str]:
    """One alert: its title, what was found, and the lines that led to it."""
    state = "" if alert.state == "firing" else f" ({alert.state})"
    yield f"{safe(alert.title)}{state}"
    yield f"  {alert.at[:19].replace('T', ' ')} UTC, {alert.severity}, {safe(alert.flow)}.{safe(alert.node)}"
    for name, value in alert.fields.items():
        yield f"  {safe(name)}: {safe(shown(value))}"
    for line in alert.before:
        yield f"    {safe(line)}"
    for event in alert.events:
        first, *more = shown(event.get("text")).split("\n")
        yield f"  > {safe(first)}"
        for line in more:
            yield f"  | {safe(line)}"
    for line in alert.after:
        yield f"    {safe(line)}"
