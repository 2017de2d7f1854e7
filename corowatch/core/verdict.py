"""Whether the alerts of a test are those that were expected.

Each expectation takes the first alert that no other took; what nobody asked about is no matter, unless the test says
`exactly`. Times are seconds after the beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from corowatch.core.cases import Expectation, Placed, Wanted
from corowatch.core.errors import Place
from corowatch.core.events import ALERT_KEYS, Alert
from corowatch.core.pattern import Pattern
from corowatch.core.standing import span
from corowatch.core.text import many, shown
from corowatch.core.values import nearest

SECOND = 1.0
"""How near an alert must be to the time at which it is expected."""


class Failure(msgspec.Struct, frozen=True):
    """What was expected and is not so, where that is written, and the alert that comes nearest."""

    place: Place
    wanted: str
    found: str
    nearest: Alert | None = None
    at: float | None = None
    """The moment that matters (seconds after the beginning)."""


class _Judged(msgspec.Struct):
    alerts: Sequence[Alert]
    began: float
    taken: set[int] = msgspec.field(default_factory=set)

    def times(self) -> list[float]:
        return [when(alert) - self.began for alert in self.alerts]


def judge(placed: Placed, alerts: Sequence[Alert], began: float, last: float,
          golden: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Failure]:
    """What is not as it was expected.

    `alerts` are those of the flows that are asked about, in their order; `began` is when the test began (seconds since
    the epoch), `last` when its last line came (seconds after that). `golden` has what stands in the files of `alerts`.
    """
    judged = _Judged(alerts, began)
    failures: list[Failure] = []
    now: float | None = None
    for one, place in placed.then:
        if one.alerts is not None:
            failures += _compared(golden[one.alerts], alerts, place)
            judged.taken.update(range(len(alerts)))
        elif one.quiet_for is not None:
            begins = last if now is None else now
            failures += _quiet(judged, one.quiet_for, begins, place)
            now = begins + one.quiet_for
        elif one.none is not None:
            failures += _none(judged, one, place)
        else:
            told, now = _some(judged, one, place, now)
            failures += told
    if placed.case.exactly:
        rest = [alert for at, alert in enumerate(alerts) if at not in judged.taken]
        failures += [Failure(placed.place, "no other alert", _called(alert, began), alert, when(alert) - began)
                     for alert in rest]
    return failures


def when(alert: Alert) -> float:
    """When an alert was (seconds since the epoch)."""
    return datetime.fromisoformat(alert.at).timestamp()


def _some(judged: _Judged, one: Expectation, place: Place, now: float | None) -> tuple[list[Failure], float | None]:
    state = "resolved" if one.resolved is not None else "firing"
    times = judged.times()
    open_ = [at for at, alert in enumerate(judged.alerts) if at not in judged.taken and alert.state == state]
    fits = [at for at in open_ if _is_then(one, times[at]) and not _differs(judged.alerts[at], one.wanted)]
    wanted = expected(one)
    if one.count is not None:
        judged.taken.update(fits)
        if len(fits) != one.count:
            return [Failure(place, wanted, f"{len(fits)} of them", at=one.at)], now
        return [], times[fits[-1]] if fits else now
    if fits:
        judged.taken.add(fits[0])
        return [], times[fits[0]]
    near = min(open_, key=lambda at: (len(_differs(judged.alerts[at], one.wanted)), abs(times[at] - (one.at or 0.0))),
               default=None)
    if near is None:
        found = f"no alert{'' if state == 'firing' else ' that is resolved'}"
        if open_ := [at for at in range(len(times)) if at not in judged.taken]:
            found += f"; of another state: {_called(judged.alerts[open_[0]], judged.began)}"
        return [Failure(place, wanted, found, at=one.at)], now
    alert = judged.alerts[near]
    why = [*_differs(alert, one.wanted), *([] if _is_then(one, times[near]) else [f"it came at {span(times[near])}"])]
    return [Failure(place, wanted, f"the nearest is {_called(alert, judged.began)}: {'; '.join(why)}", alert,
                    one.at if one.at is not None else times[near])], now


def _none(judged: _Judged, one: Expectation, place: Place) -> list[Failure]:
    times = judged.times()
    wrong = [at for at, alert in enumerate(judged.alerts)
             if _is_then(one, times[at]) and not _differs(alert, one.wanted)]
    return [Failure(place, expected(one), _called(judged.alerts[at], judged.began), judged.alerts[at], times[at])
            for at in wrong[:1]]


def _quiet(judged: _Judged, length: float, begins: float, place: Place) -> list[Failure]:
    for at, alert in zip(judged.times(), judged.alerts, strict=True):
        if begins < at <= begins + length:
            return [Failure(place, f"no alert from {span(begins)} to {span(begins + length)}",
                            _called(alert, judged.began), alert, at)]
    return []


def _compared(rows: Sequence[Mapping[str, Any]], alerts: Sequence[Alert], place: Place) -> list[Failure]:
    """Each flow's alerts, one after the other, beside those that stand in a file."""
    failures = []
    for flow in dict.fromkeys([*(row.get("flow", "") for row in rows), *(alert.flow for alert in alerts)]):
        wanted = [row for row in rows if row.get("flow", "") == flow]
        found = [alert for alert in alerts if alert.flow == flow]
        for at in range(max(len(wanted), len(found))):
            nth = f"alert {at + 1} of {flow}"
            if at >= len(found):
                failures.append(Failure(place, f"{nth}: {wanted[at].get('title', '')}", "no more alerts"))
            elif at >= len(wanted):
                failures.append(Failure(place, f"{many(len(wanted), 'alert')} of {flow}, as the file has",
                                        f"{len(found)}; beyond them {_called(found[at])}", found[at]))
                break
            elif differs := _golden(found[at], wanted[at]):
                failures.append(Failure(place, f"{nth}: {wanted[at].get('title', '')}", "; ".join(differs), found[at]))
    return failures


def _golden(alert: Alert, row: Mapping[str, Any]) -> list[str]:
    """What of an alert is not as its line in a file says; of events their texts, of `held` the field.

    A line may be one that `replay` wrote: what depends on where it ran does not count.
    """
    told = {**alert.as_dict(), "events": [event["text"] for event in alert.events], "held": alert.fields.get("held")}
    wanted = {name: _texts(value) if name == "events" else value for name, value in row.items()
              if name not in ("id", "host")}
    return [f"{name} is {told.get(name)!r}, not {value!r}" for name, value in wanted.items() if told.get(name) != value]


def _texts(events: Any) -> Any:
    """The texts of events, however they are told."""
    return [event.get("text") if isinstance(event, dict) else event for event in events] if isinstance(
        events, list) else events


def _is_then(one: Expectation, at: float) -> bool:
    if one.between:
        return one.between[0] <= at <= one.between[1]
    return one.at is None or abs(at - one.at) < SECOND


def _differs(alert: Alert, wanted: Wanted) -> list[str]:
    """What is not as it is wanted."""
    known = {**alert.fields, **alert.key, **alert.as_dict(), "text": (alert.events or [{}])[-1].get("text")}
    told = []
    for name, value in wanted.items():
        if name not in known:
            names = [*ALERT_KEYS, *alert.fields, *alert.key, "text"]
            told.append(f"it has no {name}{nearest(name, names)}")
        elif not _fits(known[name], value):
            told.append(f"{name} is {known[name]!r}, not {value.source if isinstance(value, Pattern) else repr(value)}")
    return told


def _fits(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Pattern):
        return wanted.test(shown(found))
    if wanted is None:
        return found is None
    return shown(found) == shown(wanted) or str(found) == str(wanted)  # the first as keys are compared, and shown


def expected(one: Expectation) -> str:
    """What is expected, in words."""
    fields = ", ".join(f"{name} {f'found by {value.source}' if isinstance(value, Pattern) else value}"
                       for name, value in one.wanted.items())
    what = {"alert": "an alert", "resolved": "an alert that is resolved", "none": "no alert"}[
        next(name for name in ("alert", "resolved", "none") if getattr(one, name) is not None)]
    if one.count is not None:
        what = f"{many(one.count, 'time')} {what}"
    at = f" at {span(one.at)}" if one.at is not None else ""
    between = f" from {span(one.between[0])} to {span(one.between[1])}" if one.between else ""
    return f"{what}{' with ' if fields else ''}{fields}{at}{between}"


def _called(alert: Alert, began: float | None = None) -> str:
    at = "" if began is None else f" at {span(when(alert) - began)}"
    return f"{alert.title!r}{' (resolved)' if alert.state == 'resolved' else ''}{at}"
