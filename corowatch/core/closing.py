"""Which of the open keys a line closes, where patterns name in braces what the opening line captured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from corowatch.core.events import Event
from corowatch.core.keyed import Keyed
from corowatch.core.template import CHOICES, Template

State: TypeAlias = tuple[float, dict[str, str], Event | None, float]
"""When it was opened; what was captured then; the event that opened it, as long as that is to be told; and when it
was last told as missing, 0: it was not."""


class Unclear(Exception):
    """In too many ways a line can be cut into the texts of open keys."""


def closed(event: Event, ends: Iterable[Template], keys: Keyed[State], by: frozenset[str]) -> Event | None:
    """The event that closes a key, with what was captured when it was opened, too; None if it closes none.

    `ends`: those that match the event; `by`: the fields of the key. Raises Unclear.
    """
    fits: list[tuple[int, float, Event]] = []
    for end in ends:
        for name in _may_be_closed(event, end, keys, by):
            state = keys.get(name)
            if state is None or state[0] > event.when or (own := end.fields_with(event.text, state[1])) is None:
                continue
            texts = {one: state[1][one] for one in end.names if one in state[1]}
            if keys.name(event.having({**texts, **own})) == name:
                fits.append((sum(map(len, texts.values())), -state[0], event.having({**state[1], **own})))
    return max(fits, key=lambda fit: fit[:2])[2] if fits else None


def _may_be_closed(event: Event, end: Template, keys: Keyed[State], by: frozenset[str]) -> Iterable[str]:
    """The keys of the texts that may stand in the line; all, where nothing in the pattern tells where they stand."""
    choices = end.choices(event.text)
    if choices is None:
        if end.bounded and len(keys) > CHOICES:
            raise Unclear
        return keys
    named = (keys.name(event.having(found)) for texts in choices
             if (found := _known(event, end, texts, by)) is not None)
    return {name: None for name in named if name is not None}


def _known(event: Event, end: Template, texts: Mapping[str, str], by: frozenset[str]) -> Mapping[str, str] | None:
    """These texts, and where the key needs them, the groups of the match with them; None if there is none."""
    if by.isdisjoint(end.groups):
        return texts
    own = end.fields_with(event.text, texts)
    return None if own is None else {**texts, **own}
