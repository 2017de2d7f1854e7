"""What one flow remembers and others ask for: flags, each set by key and for a time.

The steps that set a flag keep it in their own Memory, behind the Keyed of each, so that it survives as all state does.
Here stands who sets what, for those who ask: they go by the time of what they were sent, and never by a clock.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeAlias

from corowatch.core.events import Event, Here
from corowatch.core.keyed import Keyed
from corowatch.core.text import shown

Held: TypeAlias = tuple[float, float]
"""Since when it is set, and until when; 0: until it is taken down."""


class Flags:
    """The flags of a config, by name; one for all its steps."""

    def __init__(self) -> None:
        self._setters: dict[str, list[Keyed[Held]]] = {}

    def add(self, flag: str, setter: Keyed[Held]) -> None:
        """A step sets this flag from now on."""
        self._setters.setdefault(flag, []).append(setter)

    def remove(self, flag: str, setter: Keyed[Held]) -> None:
        """It no longer does, and what it has set is set no more."""
        self._setters[flag].remove(setter)

    def holds(self, flag: str, event: Event, by: Sequence[str], here: Here) -> bool | None:
        """Whether it is set for an event's values of the fields `by`, at its time; None if it lacks one."""
        name = _name(event, by, here)
        if name is None:
            return None
        held = [one for setter in self._setters.get(flag, ()) if (one := setter.get(name)) is not None]
        return any(since <= event.when and (event.when < until or not until) for since, until in held)

    def take_down(self, flag: str, event: Event, by: Sequence[str], here: Here) -> bool | None:
        """Whoever has set it for an event's values of the fields `by`; whether it was set, None if it lacks one."""
        name = _name(event, by, here)
        if name is None:
            return None
        setters = [setter for setter in self._setters.get(flag, ()) if setter.get(name) is not None]
        for setter in setters:
            setter.forget(name)
        return bool(setters)


def name_of(values: Sequence[str]) -> str:
    """The name of a key by its values alone: those who ask may call its fields otherwise than those who set."""
    return json.dumps(values)


def _name(event: Event, by: Sequence[str], here: Here) -> str | None:
    values = [here.value(event, field) for field in by]
    return None if None in values else name_of([shown(value) for value in values])
