"""Lines that nothing explains, as far as they are known: which are of one template, by key.

A line joins the first template that it has, else the one with which it has most in common, if that is enough; what then
differs may be anything from there on. So a stream of lines that differ in a name is one template from its second line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from corowatch.core.accepted import has, joined
from corowatch.core.keyed import Keyed

State: TypeAlias = tuple[str, str, int, int, float]
"""The key's name; the words, with a blank between them; which in the order of their first lines it is; how many lines
it had; and when the last was."""
SPARE = 64
"""Places beyond twice as many as templates are held, most of them of templates that are gone, before all are found
anew."""


class Found(NamedTuple):
    """A template that a line joins: the name under which it is known, its words with the line's, and what it was."""

    name: str
    words: str
    state: State


class Unexplained:
    """The templates that `keys` holds, `most` at most, each under a name of its own."""

    def __init__(self, keys: Keyed[State], most: int) -> None:
        self._keys = keys
        self._most = most
        self._gather()

    def _gather(self) -> None:
        known = sorted((state[2], name, state) for name in self._keys if (state := self._keys.get(name)) is not None)
        self._next = known[-1][0] + 1 if known else 0
        self._places: dict[tuple[str, int, str], list[tuple[int, str]]] = {}
        self._held = 0
        for number, name, state in known:
            self._place(number, name, state[0], state[1].split())

    def _place(self, number: int, name: str, key: str, words: Sequence[str]) -> None:
        self._places.setdefault((key, len(words), words[0]), []).append((number, name))
        self._held += 1

    def find(self, key: str, words: tuple[str, ...]) -> Found | None:
        """The template that a line joins, of those of its key with as many words and the same first."""
        best: Found | None = None
        most = -1
        for number, name in self._places.get((key, len(words), words[0]), ()):
            state = self._keys.get(name)
            if state is None or state[2] != number:
                continue  # it is gone; another may have its name
            own = state[1].split()
            if has(own, words):
                return Found(name, state[1], state)
            both = joined(own, words)
            if both is not None and (same := sum(map(str.__eq__, own, both))) > most:
                best, most = Found(name, " ".join(both), state), same
        return best

    def add(self, name: str, key: str, words: tuple[str, ...], when: float) -> None:
        """A template of one line."""
        self._keys.put(name, (key, " ".join(words), self._next, 1, when))
        self._place(self._next, name, key, words)
        self._next += 1
        if self._held > 2 * self._most + SPARE:
            self._gather()
