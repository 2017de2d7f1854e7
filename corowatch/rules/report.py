"""What a replay gave, as one page that needs nothing else: when alerts were, of which flow, of which keys, and each.

Everything out of a log is data to the page: it goes through a JSON text and is written as text, never as markup.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from rich.cells import cell_len, set_cell_size

from corowatch import __version__
from corowatch.core.config import Config
from corowatch.core.events import Alert
from corowatch.core.letter import headline
from corowatch.core.standing import clock, span
from corowatch.core.text import many, numbers, safe, shown
from corowatch.rules.replaying import Replayed
from corowatch.rules.summaries import counted
from corowatch.rules.timeline import Timeline, timeline

PARTS = 120
"""Bars of the picture."""
NOISIEST = 20
"""Keys that are shown."""
HEIGHT, WIDTH, LABEL = 34, 960, 220
"""Of a row of the picture and its text (pixels)."""
CELLS = 28
"""Of a label: as many digits, or half as many of the wide letters of East Asia, have room."""
HELD = ' class="held"'
"""Of a bar that only tells what was held back."""


def page(outcome: Replayed, config: Config) -> str:
    """The page, as HTML."""
    line = timeline(outcome.alerts, outcome.began, outcome.ended, PARTS)
    lines = many(outcome.lines, "line")
    told = counted(outcome.alerts)
    heads = [told.rstrip(",") if outcome.part else f"{told} of {lines}"]
    if outcome.lines:
        began, seconds = min(outcome.began, outcome.ended), round(outcome.seconds, 1)
        heads.append(f"{clock(began)} to {clock(outcome.ended)}, {f'{lines} ' if outcome.part else ''}read in "
                     f"{span(seconds)}")
    template = files("corowatch.rules").joinpath("report.html").read_text(encoding="utf-8")
    parts = {
        "summary": "".join(f"<p>{escape(head)}</p>" for head in heads),
        "notes": "".join(f"<li>{escape(safe(note))}</li>" for note in outcome.notes),
        "picture": _picture(line),
        "flows": _flows(outcome, config),
        "keys": _keys(outcome.alerts),
        "version": escape(__version__),
        "alerts": json.dumps([_row(alert) for alert in outcome.alerts], ensure_ascii=True).replace("<", "\\u003c"),
    }
    for name, part in parts.items():
        template = template.replace(f"<!-- {name} -->", part)
    return template


def _picture(line: Timeline) -> str:
    if not line.rows:
        return "<p>There is no alert.</p>"
    most = max(1, *(max(row) for row in line.rows.values()))
    bar = (WIDTH - LABEL - 60) / PARTS
    length = (line.ended - line.began) / PARTS
    drawn = []
    for number, (flow, row) in enumerate(line.rows.items()):
        base = (number + 1) * HEIGHT - 4
        drawn.append(f'<text x="{LABEL - 8}" y="{base - 6}" text-anchor="end">{_label(flow)}</text>')
        drawn.append(f'<line x1="{LABEL}" x2="{WIDTH - 60}" y1="{base}" y2="{base}"/>')
        for part, (count, held) in enumerate(zip(row, line.held[flow], strict=True)):
            if not count and not held:
                continue
            height = max(2.0, count / most * (HEIGHT - 8))
            numbers = [many(count, "alert")] * bool(count) + [f"{held:,} held back"] * bool(held)
            told = f"{clock(line.began + part * length)}: {' and '.join(numbers)} of {flow}"
            drawn.append(f'<rect{"" if count else HELD} x="{LABEL + part * bar:.1f}" y="{base - height:.1f}" '
                         f'width="{max(1.5, bar - 1):.1f}" height="{height:.1f}">'
                         f'<title>{escape(told)}</title></rect>')
        drawn.append(f'<text x="{WIDTH - 54}" y="{base - 6}">{sum(row):,}</text>')
    bottom = len(line.rows) * HEIGHT + 18
    drawn.append(f'<text x="{LABEL}" y="{bottom}">{clock(line.began)}</text>')
    drawn.append(f'<text x="{WIDTH - 60}" y="{bottom}" text-anchor="end">{clock(line.ended)}</text>')
    return f'<svg viewBox="0 0 {WIDTH} {bottom + 8}" role="img" aria-label="alerts over time">{"".join(drawn)}</svg>'


def _label(name: str) -> str:
    """As much of a name as there is room for; who points at it sees it whole."""
    if cell_len(name) <= CELLS:
        return escape(name)
    return f"{escape(set_cell_size(name, CELLS - 1).rstrip())}…<title>{escape(name)}</title>"


def _flows(outcome: Replayed, config: Config) -> str:
    """Of each flow, how many alerts it gave, held back and said to be over, and what its steps let through."""
    firing = [alert for alert in outcome.alerts if alert.state == "firing"]
    news = Counter(alert.flow for alert in firing if not alert.held_back)
    held: Counter[str] = Counter()
    for alert in firing:
        held[alert.flow] += alert.held_back
    over = Counter(alert.flow for alert in outcome.alerts if alert.state == "resolved")
    rows = []
    for flow in dict.fromkeys(step.flow for step in config.steps.values()):
        steps = [step for step in config.steps.values() if step.flow == flow and step.kind.role == "node"]
        told = "; ".join(f"{step.name}: {counts}" for step in steps
                         if (counts := numbers(outcome.counts.get(step.id, {}))))
        rows.append(_cells(flow, news[flow], held[flow], over[flow], told))
    return "".join(rows)


def _keys(alerts: Sequence[Alert]) -> str:
    """The keys that made most noise, were it told or held back."""
    noise: Counter[tuple[str, str]] = Counter()
    held: Counter[tuple[str, str]] = Counter()
    for alert in alerts:
        if alert.key and alert.state == "firing":
            name = alert.flow, _key(alert)
            noise[name] += alert.held_back or 1
            held[name] += alert.held_back
    return "".join(_cells(*name, count - held[name], held[name]) for name, count in noise.most_common(NOISIEST))


def _cells(*values: str | int) -> str:
    """A row of a table."""
    return "".join(["<tr>", *(f"<td>{escape(value)}</td>" if isinstance(value, str) else
                              f"<td class=number>{value:,}</td>" for value in values), "</tr>"])


def _key(alert: Alert) -> str:
    return ", ".join(f"{name}={safe(shown(value))}" for name, value in alert.key.items())


def _row(alert: Alert) -> list[object]:
    lines = [safe(str(event["text"])) for event in alert.events]
    return [alert.at[:19].replace("T", " "), alert.flow, alert.severity, alert.state, headline(alert), lines]
