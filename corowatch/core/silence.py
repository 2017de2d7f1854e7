"""What is told when nothing came that should have, and when something comes again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from corowatch.core.events import Event, Fields, Origin, Value, rfc3339


def check_expire(options: Mapping[str, Any], *least: str) -> None:
    """Raises ValueError where `expire` has no use, or is not longer than the options `least` together."""
    if options["expire"] is None:
        return
    if not options["by"]:
        raise ValueError("`expire` belongs to `by`: what is watched as a whole is never forgotten")
    if options["expire"] <= sum(options[name] for name in least):
        told = " and ".join(f"`{name}`" for name in least) + (" together" if least[1:] else "")
        raise ValueError(f"`expire` must be longer than {told}, or a silent key is forgotten before it is told of")


def silence(key: dict[str, Value], told: Fields, last: Event | None, since: float, deadline: float) -> Event:
    """What fires at `deadline`: the last event, or one without an origin if none ever came `since` it is watched."""
    fields: dict[str, Value] = {**told}
    if last is None:
        last = Event(Origin("", "", ""), 0, since, "")
        fields["silent"] = round(deadline - since, 6)
    else:
        fields["silent"] = round(deadline - last.when, 6)
        fields["last"] = rfc3339(last.when)
    return last.having(fields, key=key, tick=deadline, state="firing")


def over(event: Event, fired: Event, names: Iterable[str]) -> Event:
    """The event that makes it over, with what was told; not before it fired, for it may be read after that."""
    told: Fields = {name: fired.fields[name] for name in names if name in fired.fields}
    return event.having(told, key=fired.key, tick=fired.tick if event.when < fired.tick else 0.0, state="resolved")
