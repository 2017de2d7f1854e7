"""What `ratio` and `stats` have in common: a figure of a key's events, and when it is told.

    Matching ─┐   ┌▶ judged: when the figure of a window is out of bounds, then rest or calm
    Numbers ──┴───┴▶ reported: each so often, of all since the last time

The figure says what an event is worth, what a pane keeps of it, and whether panes are out of bounds.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Protocol, TypeAlias, TypeVar

from corowatch.core.events import Consumer, Event, Fields, Here, Target, Tick, Value, rfc3339
from corowatch.core.keyed import Keyed
from corowatch.core.memory import Kept
from corowatch.core.panes import PANES, Pane, grown, place
from corowatch.core.standing import clock, resting

EVIDENCE = 9
"""Earlier lines of a window that an alert shows; the triggering one is the tenth."""

Worth = TypeVar("Worth")
Judged: TypeAlias = tuple[list[Pane], float, float, int, Event | None]
"""Panes, time of the newest event, rests until, suppressed, and what fired and is not over."""


class Figure(Protocol[Worth, Pane]):
    """A figure of a window."""

    def worth(self, event: Event) -> Worth | None:
        """What counts of the event; None if it holds no number that could."""

    def grown(self, pane: Pane | None, when: float, worth: Worth) -> Pane:
        """The pane with one event more; of None, a pane with this one."""

    def speaks(self, worth: Worth) -> bool:
        """Whether an alert should show an event's line."""

    def wrong(self, panes: list[Pane], count: int) -> bool:
        """Whether the figure of these panes, of `count` events together, is out of bounds."""

    def told(self, panes: list[Pane], count: int) -> Fields:
        """The fields that tell the figure."""


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where options do not go together."""
    above, below = options["above"], options["below"]
    if above is None and below is None:
        raise ValueError("it needs a bound, `above` or `below`")
    if above is not None and below is not None and below > above:
        raise ValueError("`below` must not be more than `above`, or every figure is out of bounds")
    if options["calm"] is not None and options["rest"] is not None:
        raise ValueError("`rest` has no use beside `calm`: a key rests until it is calm")


def standing(options: Mapping[str, Any], state: Judged[Pane], due: float | None) -> str:
    """How many count, and how long a key rests."""
    panes, _, until, suppressed, fired = state
    if fired is not None and options.get("every") is None:
        return f"fired, is over by {clock(due or 0.0)} at the earliest; {suppressed} came since"
    if until and not panes:
        return resting(until, suppressed)
    return f"{sum(pane[1] for pane in panes)} counted" + (f", told at {clock(due)}" if due else "")


def judged(target: Target[Event], figure: Figure[Worth, Pane], memory: Kept,
           counts: MutableMapping[Any, int], here: Here, *, within: float, at_least: int, by: tuple[str, ...],
           rest: float | None, calm: float | None, max_keys: int, expire: float | None, lateness: float,
           ) -> Consumer[Event | Tick]:
    """Send on the event by which the figure of a key's window is out of bounds, and when it is over."""
    silence = calm or (within if rest is None else rest)
    # One at rest, or that is not over, must not be forgotten before it is.
    keys: Keyed[Judged[Pane]] = Keyed(memory, counts, here, by=by, max_keys=max_keys,
                                      expire=max(expire or 2 * within, 2 * silence), lateness=lateness)
    try:
        while True:
            item = yield
            for over, deadline, (*_, suppressed, fired) in keys.due(item.when):
                keys.forget(over)
                counts["resolved"] += 1
                target.send(Event.of(fired).having({"suppressed": suppressed}, tick=deadline, state="resolved"))
            if not isinstance(item, Event):
                keys.pass_time(item.at)
                continue
            if (name := keys.admit(item)) is None:
                continue
            if (worth := figure.worth(item)) is None:
                counts["non_numeric"] += 1
                continue
            panes, newest, until, suppressed, fired = keys.get(name) or ([], 0.0, 0.0, 0, None)
            when = item.when
            if when < until:
                counts["suppressed"] += 1
                keys.put(name, (panes, newest, until, suppressed + 1, None))
                continue
            panes = grown(panes, when, within, lambda pane: figure.grown(pane, when, worth))  # noqa: B023 - called at once
            newest = max(newest, when)
            count = sum(pane[1] for pane in panes)
            wrong = count >= at_least and figure.wrong(panes, count)
            if fired is not None and calm is not None:
                counts["suppressed"] += 1
                due = keys.deadline(name)
                keys.put(name, (panes, newest, until, suppressed + 1, fired),
                         max(due or 0.0, when + calm) if wrong else due)
                continue
            if not wrong:
                keys.put(name, (panes, newest, until, suppressed, None), line=item if figure.speaks(worth) else None,
                         most=EVIDENCE)
                continue
            counts["fired"] += 1
            told = {**of_panes(figure, panes, count, newest), "suppressed": suppressed}
            oldest = place(newest, within) - PANES
            past = tuple(line for line in keys.lines(name) if place(line.at, within) > oldest)
            event = item.having(told, key=keys.key(name), past=past, count=count, state="firing" if calm else "")
            if calm:
                keys.put(name, (panes, newest, 0.0, 0, event), when + calm)
            else:
                keys.put(name, ([], 0.0, when + silence, 0, None))
            keys.clear_lines(name)
            target.send(event)
    except GeneratorExit:
        return counts


def reported(target: Target[Event], figure: Figure[Worth, Pane], memory: Kept,
             counts: MutableMapping[Any, int], here: Here, *, every: float, by: tuple[str, ...], max_keys: int,
             lateness: float) -> Consumer[Event | Tick]:
    """Send on a key's last event with the figure of all, `every` after the first of them; then begin anew."""
    keys: Keyed[Judged[Pane]] = Keyed(memory, counts, here, by=by, max_keys=max_keys, expire=None,
                                      lateness=lateness)
    try:
        while True:
            item = yield
            for told, deadline, (panes, newest, *_, last) in keys.due(item.when):
                keys.forget(told)
                counts["fired"] += 1
                count = sum(pane[1] for pane in panes)
                target.send(Event.of(last).having(of_panes(figure, panes, count, newest), key=keys.key(told),
                                                  tick=deadline, count=count))
            if not isinstance(item, Event):
                keys.pass_time(item.at)
            elif (name := keys.admit(item)) is None:
                continue
            elif (worth := figure.worth(item)) is None:
                counts["non_numeric"] += 1
            elif (known := keys.get(name)) is None:
                keys.put(name, ([figure.grown(None, item.when, worth)], item.when, 0.0, 0, item), item.when + every)
            else:
                pane, newest = figure.grown(known[0][0], item.when, worth), max(known[1], item.when)
                keys.put(name, ([pane], newest, 0.0, 0, item), keys.deadline(name))
    except GeneratorExit:
        return counts


def of_panes(figure: Figure[Worth, Pane], panes: list[Pane], count: int, newest: float) -> dict[str, Value]:
    """What is told of them."""
    return {**figure.told(panes, count), "count": count, "first": rfc3339(panes[0][0]), "last": rfc3339(newest)}
