"""What the nodes did, as text: one line a node, what follows from it further in.

    2026-03-02 08:14:16Z  sshd[20844]: Failed password for root from 198.51.100.23 port 33140 ssh2
      grep       passed it on: user=root
      parse      passed it on: ip=198.51.100.23
      threshold  holds it: ip=198.51.100.23: 4 of 5 within 1m
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from corowatch.core.accepted import AcceptedFile, template_of, words_of
from corowatch.core.config import Config, Step
from corowatch.core.events import Event, Here, Tick, Value
from corowatch.core.jobs import Answer
from corowatch.core.keyed import CLOCKS
from corowatch.core.kinds import Gate
from corowatch.core.standing import clock
from corowatch.core.text import capped, in_one_line, safe, shown
from corowatch.rules.witness import Sight

WIDTH = 100
"""Characters of a line, of a field's value half as many."""


def tree(sights: list[Sight], config: Config) -> Iterator[str]:
    """All that followed from one item, which each of `sights` is a first node's share of."""
    if not sights:
        return
    yield subject(sights[0].item)
    names = [name for sight in sights for name in _names(sight, config, 0)]
    width = max(map(len, names))
    flow = ""
    for sight in sights:
        if config.steps[sight.step].flow != flow:
            flow = config.steps[sight.step].flow
            yield f"  {flow}:"
        yield from _lines(sight, config, 0, width, {})


def subject(item: object) -> str:
    """What came from outside."""
    if isinstance(item, Event):
        return f"{clock(item.when)}  {capped(in_one_line(item.text), WIDTH)}"
    if isinstance(item, Tick):
        return f"{clock(item.at)}  time has passed"
    assert isinstance(item, Answer)
    return f"{clock(item.at)}  a command has ended: {item.status}"


def _names(sight: Sight, config: Config, depth: int) -> Iterator[str]:
    yield " " * (2 * depth) + config.steps[sight.step].name
    for one in sight.sent:
        yield from _names(one, config, depth + 1)


def _lines(sight: Sight, config: Config, depth: int, width: int, known: Mapping[str, Value]) -> Iterator[str]:
    step = config.steps[sight.step]
    outlets = {way.outlet for one in sight.sent for way in config.steps[one.step].inputs if way.step == step.id}
    beside = next(iter(outlets)) if len(outlets) == 1 and outlets <= {*step.kind.outlets[1:]} else ""
    yield f"    {' ' * (2 * depth) + step.name:<{width}}  {did(sight, step, known, beside)}"
    fields = sight.item.fields if isinstance(sight.item, Event) else {}
    for one in sight.sent:
        if config.steps[one.step].flow != step.flow:
            yield f"    {' ' * (2 * depth)}in {config.steps[one.step].flow}:"
        yield from _lines(one, config, depth + 1, width, fields)


def did(sight: Sight, step: Step, known: Mapping[str, Value], beside: str = "") -> str:
    """What a node did with what it was sent, and why, as far as its counts and its memory tell. `beside`: the outlet by
    which alone it sent it on, where that is not the first."""
    told = []
    for alert in sight.alerts:
        what = "told that it is over" if alert.state == "resolved" else "alert"
        told.append(f"{what} {alert.id}: {capped(safe(alert.title), WIDTH)}")
    if not told:
        told.append(f"sent it to `{beside}`{_because(sight, step)}" if beside else _outcome(sight, step))
    told += [f"{key}{': ' if key else ''}{what}" for key, what in standing(sight.rows, step)]
    return "; ".join(told)


def _because(sight: Sight, step: Step) -> str:
    """Why an item was not passed on, as counts that rose tell: `: ` and the reasons, or nothing."""
    reasons = [why for name in sight.rose if (why := _expected(sight.item, step) if (step.kind.name, name) == EXPECTED
                                              else OF_KINDS.get((step.kind.name, name)) or REASONS.get(name))]
    return f": {', '.join(reasons)}" if reasons else ""


def _expected(event: Event, step: Step) -> str:
    """By what `unexpected` expects a line, in the order in which it asks."""
    text = shown(Here(step.flow, step.name).value(event, step.options.get("of", "text")))
    words = words_of(text)
    if not words:
        return "it is blank"
    if found := step.options["templates"].open(AcceptedFile()).rows.find(words):
        number, template = found
        return f"line {number:,} of {safe(step.options['templates'].path)} explains it: {safe(template_of(template))}"
    matches = any(one.test(text) for one in step.options.get("except", ()))
    return "it matches `except`" if matches else "another flow looks for it"


def _outcome(sight: Sight, step: Step) -> str:
    if not sight.sent:
        if because := _because(sight, step):
            return f"kept it back{because}"
        if sight.rows.keys() - {CLOCKS} or step.kind.sends is None:
            return "kept it"
        looks = any(Gate in option.markers for option in step.kind.options.values())
        return "it does not match" if looks and isinstance(sight.item, Event) else "did not pass it on"
    sent = sight.sent[0].item
    before = sight.item.fields if isinstance(sight.item, Event) else {}
    added = {name: value for name, value in sent.fields.items() if before.get(name) != value} if isinstance(
        sent, Event) else {}
    shown = ", ".join(f"{name}={_value(value)}" for name, value in added.items())
    word = "told that it is over" if isinstance(sent, Event) and sent.state == "resolved" else "passed it on"
    return f"{word}{': ' if shown else ''}{shown}"


REASONS = {
    "suppressed": "it fired before, and rests", "late": "it is older than the newest by more than `lateness`",
    "unkeyed": "it lacks a field that is asked for", "non_numeric": "its field has no number that counts",
    "dropped": "it is dropped", "known": "it is known", "learnt": "it is learnt", "same": "it is the same as before",
    "throttled": "it is throttled", "refused": "the command said no", "failed": "it failed",
    "closed": "it ends in time what was open", "resolved": "what was told is over",
    "unclear": "it can be cut into names in too many ways",
}
"""What counts that rise say of an event that goes no further."""
OF_KINDS = {
    ("pair", "suppressed"): "its key is open already", ("unexpected", "repeated"): "its template was told before",
}
"""What they say of one kind alone."""
EXPECTED = ("unexpected", "expected")
"""Of what rises then more can be said."""
_DIGEST = re.compile(r"(?P<key>\{.*\})?[0-9a-f]{32}", re.DOTALL)
"""The name of a key that stands for more than is told: behind the key itself, what a text is known by."""


def standing(rows: Mapping[str, Any], step: Step) -> Iterator[tuple[str, str]]:
    """Of each key whose row changed: its fields and values, and how it stands."""
    say = step.kind.standing
    for name, row in rows.items() if say else ():
        if row is None or name == CLOCKS or name.endswith(f"/{CLOCKS}") or row[2] is None:
            continue
        assert say is not None
        yield _key(name), say(step.options, row[2], row[1])


def _value(value: Value) -> str:
    return capped(safe(shown(value)), WIDTH // 2)


def _key(name: str) -> str:
    """A key as its fields and values; its name is their JSON, behind the shelf on which it stands, or a digest."""
    if digest := _DIGEST.fullmatch(name):
        name = digest["key"] or "{}"
    try:
        key = json.loads(name[name.index("{"):] if "{" in name else name)
    except ValueError:
        return safe(name)
    if isinstance(key, dict):
        return ", ".join(f"{field}={_value(value)}" for field, value in key.items())
    return ", ".join(map(str, key)) if isinstance(key, list) else str(key)
