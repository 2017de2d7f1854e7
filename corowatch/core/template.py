"""Template: a pattern of which a part is not known yet.

`session {id} closed` ends what `session (?P<id>\\w+) opened` began: in the place of `{id}` stands the text that was
captured then, escaped. Which text may stand there cannot be found out by a group in its place, for `{a}-{b}` can be cut
in many ways and a group finds one of them. What decides is always the pattern with the texts put in; all else only
spares trying it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product, takewhile
from math import prod
from typing import NamedTuple

from corowatch.core.pattern import SET, Pattern

FILLED = 256
"""Patterns with texts put in that are held compiled."""
SHORT = 1024
"""Characters of one that is; a text may be as long as a line."""
CHOICES = 1000
"""Of the texts that may stand for the names in a line, at most so many are told."""
_TOKEN = re.compile(
    rf"(?P<whole>\\Q.*?(?:\\E|\Z)|\\[pPx]\{{[^}}]*\}}|\\x[0-9A-Fa-f]{{2}}|\\[0-7]{{1,3}}|\\[pP]\w|{SET})|\\(?P<mark>\W)|\{{(?P<name>[A-Za-z_]\w*)\}}"
    r"|(?P<plain>[^\\.^$|?*+()\[\]{}])|(?P<sign>\\?.)", re.DOTALL | re.ASCII)
"""What stands for itself, a name, or one sign of the language; a set, an escape and a quoted text are one."""
_QUANTIFIERS = ("?", "*", "+", "{")
_WORD = re.compile(r"\b", re.ASCII)
_FLAGS = re.compile(r"\(\?(?!P?<\w|:)")
_FOLDS = re.compile(r"\(\?\w*i")


class _Edge(NamedTuple):
    """What every match has on one side of a name: plain characters, or a place (an end of the line, a word's edge)."""

    plain: str
    place: str

    def starts(self, text: str) -> Sequence[int]:
        """Where what stands behind this edge may begin."""
        size = len(self.plain)
        if self.place == "^":
            return [size] if text.startswith(self.plain) else []
        return [at + size for at in _found(self.plain, text)] if self.plain else self._places(text)

    def stops(self, text: str) -> Sequence[int]:
        """Where what stands before this edge may end."""
        if self.place == "$":
            return [len(text) - len(self.plain)] if text.endswith(self.plain) else []
        return [*_found(self.plain, text)] if self.plain else self._places(text)

    def _places(self, text: str) -> Sequence[int]:
        return [found.start() for found in _WORD.finditer(text)] if self.place else range(len(text) + 1)


class Template(Pattern):
    """A pattern in which `{name}` stands for a text; as a Pattern, it matches where any text may stand there.

    A brace that is none of a name is escaped: `\\{name\\}`. Raises ValueError as Pattern does, and where a name stands
    in parentheses, beside a `|` or before a quantifier: each match must hold its text.
    """

    def __init__(self, source: str) -> None:
        self._tokens = list(_TOKEN.finditer(source))
        self.places = tuple((token["name"], token.start()) for token in self._tokens if token["name"])
        """Each name, and which character of the source its brace is."""
        self.names = tuple(dict.fromkeys(name for name, _ in self.places))
        self._refuse_where_optional()
        super().__init__(self._with(dict.fromkeys(self.names, "(?s:.*)")))
        self.source = source
        self._folds = _FOLDS.search(source) is not None
        self._edges = () if _FLAGS.search(source) else tuple(self._beside())
        self.bounded = bool(self._edges) and all(edge != ("", "") for _, *edges in self._edges for edge in edges)
        """Whether each name stands between what any match has."""

    def _refuse_where_optional(self) -> None:
        depth = 0
        signs = [token["sign"] for token in self._tokens]
        for at, sign in enumerate(signs):
            depth += (sign == "(") - (sign == ")")
            name = self._tokens[at]["name"]
            if name and (depth or (signs[at + 1:at + 2] or [""])[0] in _QUANTIFIERS):
                raise ValueError(f"'{{{name}}}' stands in parentheses or before a quantifier, where it may be left out"
                                 "; it must stand outside")
            if self.names and sign == "|" and not depth:
                raise ValueError(f"'|' leaves open whether '{{{self.names[0]}}}' is there; write a list of patterns, "
                                 "or put what differs in parentheses")

    def fields_with(self, text: str, texts: Mapping[str, str]) -> dict[str, str] | None:
        """The named groups of the leftmost match with these texts; None if there is none."""
        for name in self.names:
            wanted = texts.get(name, "")
            # Nothing is compiled for what does not stand in the line; where case may not count, in any case.
            if wanted not in text and not (self._folds and wanted.casefold() in text.casefold()):
                return None
        return (self._filled(texts) if self.names else self).fields(text)

    def choices(self, text: str) -> list[dict[str, str]] | None:
        """With which texts it could match this one, and with no others; None if there are more than CHOICES.

        What stands beside a name tells where its text may begin and end: plain characters, `^`, `$`, `\\b`.
        """
        spans: dict[str, tuple[Sequence[int], Sequence[int]]] = {}
        for name, before, after in self._edges:
            starts, stops = before.starts(text), after.stops(text)
            if name not in spans or len(starts) * len(stops) < len(spans[name][0]) * len(spans[name][1]):
                spans[name] = starts, stops
        if not spans or prod(len(starts) * len(stops) for starts, stops in spans.values()) > CHOICES:
            return None if self.names else [{}]
        found = [dict.fromkeys(text[start:stop] for start in starts for stop in stops if start <= stop)
                 for starts, stops in spans.values()]
        return [dict(zip(spans, texts, strict=True)) for texts in product(*found)]

    def _filled(self, texts: Mapping[str, str]) -> Pattern:
        """The pattern for these texts; a name that is not among them stands for nothing."""
        expression = self._with({name: re.escape(texts.get(name, "")) for name in self.names})
        return _compiled(expression) if len(expression) <= SHORT else Pattern(expression)

    def _with(self, expressions: Mapping[str, str]) -> str:
        return "".join(expressions[token["name"]] if token["name"] else token[0] for token in self._tokens)

    def _beside(self) -> Iterator[tuple[str, _Edge, _Edge]]:
        """Each name with what any match has before and behind it."""
        plain = [token["mark"] or token["plain"] or "" for token in self._tokens]
        signs = [token[0] for token in self._tokens]
        for at, token in enumerate(self._tokens):
            if token["name"]:
                before = "".join(takewhile(bool, reversed(plain[:at])))[::-1]
                after = "".join(takewhile(bool, plain[at + 1:]))
                front, rest = signs[:at - len(before)], signs[at + 1 + len(after):]
                if rest and rest[0] in _QUANTIFIERS:
                    after, rest = after[:-1], ["", *rest]
                yield (token["name"], _Edge(before, _place(front[::-1], "^", r"\A")),
                       _Edge(after, _place(rest, "$", r"\z")))


def _place(signs: list[str], end: str, other: str) -> str:
    """The place that the first of these signs stands for, if it is one: an end only if nothing is beyond."""
    if len(signs) == 1 and signs[0] in (end, other):
        return end
    return signs[0] if signs[:1] == [r"\b"] and "".join(signs[1:2]) not in _QUANTIFIERS else ""


def _found(part: str, text: str) -> Iterator[int]:
    """Wherever `part` stands in `text`."""
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + 1)


@lru_cache(FILLED)
def _compiled(expression: str) -> Pattern:
    return Pattern(expression)
