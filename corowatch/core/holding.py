"""Holding back: the first of a key passes, and once its time is over, one event tells how many more came.

`throttle` is this and nothing else; `alert` has it as an option.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from corowatch.core.events import Event
from corowatch.core.keyed import Keyed
from corowatch.core.standing import clock

Held = tuple[int, Event | None]
"""How many are held, and the last of them."""


def standing(options: Mapping[str, Any], state: Held, due: float | None) -> str:
    """How many are held, and how long."""
    return f"{state[0]} held until {clock(due)}" if due else "firing"


class Holding:
    """What is held of each key for `every` seconds."""

    def __init__(self, keys: Keyed[Held], every: float) -> None:
        self._keys = keys
        self._every = every

    def passes(self, name: str, event: Event) -> bool:
        """Whether `event`, of the key `name`, passes now; else it is held."""
        state = self._keys.get(name)
        if state is None:
            self._keys.put(name, (0, None), event.when + self._every)
            return True
        self._keys.put(name, (state[0] + 1, event), self._keys.deadline(name))
        return False

    def settle(self, name: str) -> None:
        """What is held of a key is over before it was told: it will not be told of again."""
        held, last = self._keys.get(name) or (0, None)
        if last is not None:
            plain = msgspec.structs.replace(Event.of(last), state="")
            self._keys.put(name, (held, plain), self._keys.deadline(name))

    def over(self, at: float) -> Iterator[tuple[str, Event]]:
        """The key and the last event held of each whose time is over at `at`; that starts its time anew."""
        for name, deadline, (held, last) in self._keys.due(at):
            if last is None:
                self._keys.forget(name)
            else:
                self._keys.put(name, (0, None), deadline + self._every)
                yield name, Event.of(last).having({"held": held}, tick=deadline)
        self._keys.pass_time(at)

    def rest(self) -> Iterator[tuple[str, Event]]:
        """The same for each key that holds some, now and not at its deadline; such a key is free afterwards."""
        for name in self._keys:
            held, last = self._keys.get(name) or (0, None)
            if last is not None:
                now = min(self._keys.deadline(name) or 0.0, self._keys.now)
                self._keys.forget(name)
                yield name, Event.of(last).having({"held": held}, tick=now)
