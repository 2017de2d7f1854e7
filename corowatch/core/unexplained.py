"""Lines that nothing explains, as far as they are known: which are of one template, by key.

A line joins the first template that it has, else the one with which it has most in common, if that is enough; what then
differs may be anything from there on. So a stream of lines that differ in a name is one template from its second line.
Of lines that are near many templates, only so many are looked at.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from corowatch.core.accepted import ALIKE, joined
from corowatch.core.keyed import Keyed, as_now
from corowatch.core.masks import WILD
from corowatch.core.near import Near

State: TypeAlias = tuple[str, str, int, int, float]
"""The key's name; the words, with a blank between them; which in the order of their first lines it is; how many lines
it had; and when the last was."""
SPARE = 64
"""Places beyond twice as many as templates are held, most of them of templates that are gone, before all are found
anew."""


class Found(NamedTuple):
    """A template that a line joins: the name under which it is known, its words with the line's, and what it was."""

    name: str
    words: tuple[str, ...]
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
        self._near: Near[int] = Near()
        self._held: dict[int, tuple[str, tuple[str, ...]]] = {}
        for number, name, state in known:
            self._place(number, name, as_now(state[0]), tuple(state[1].split()))

    def _place(self, number: int, name: str, key: str, words: tuple[str, ...]) -> None:
        self._near.add((key, words[0]), words, number)
        self._held[number] = name, words

    def find(self, key: str, words: tuple[str, ...]) -> Found | None:
        """The template that a line joins, of those of its key with as many words and the same first."""
        best: Found | None = None
        most = ALIKE * len(words)
        for number in sorted(self._near.find((key, words[0]), words)):
            name, own = self._held[number]
            state = self._keys.get(name)
            if state is None or state[2] != number:
                continue  # it is gone; another may have its name
            same = sum(map(str.__eq__, own, words))
            if same == len(own) - own.count(WILD):
                return Found(name, own, state)
            if same > most or (best is None and same == most):
                best, most = Found(name, own, state), same
        return best and best._replace(words=joined(best.words, words))

    def join(self, found: Found, key: str, count: int, when: float) -> None:
        """A template has so many lines, and the last was then (seconds since the epoch)."""
        number = found.state[2]
        self._keys.put(found.name, (key, " ".join(found.words), number, count, when))
        self._held[number] = found.name, found.words

    def add(self, name: str, key: str, words: tuple[str, ...], when: float) -> None:
        """A template of one line."""
        self._keys.put(name, (key, " ".join(words), self._next, 1, when))
        self._place(self._next, name, key, words)
        self._next += 1
        if len(self._held) > 2 * self._most + SPARE:
            self._gather()
