"""Grok: a pattern put together from names, `%{SYSLOGBASE} %{GREEDYDATA:message}`.

`%{NAME}` stands for an expression of the library beside this file, `%{NAME:field}` makes a field of what it matches,
`%{NAME:field:int}` and `:float` a number; `[a][b]` is the field `a.b`. All else is a regular expression, whose named
groups are fields as well. What comes out is one Pattern.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from math import isfinite

from corowatch.core.errors import Misread
from corowatch.core.formats import Found
from corowatch.core.pattern import SET, Pattern
from corowatch.core.text import FIELD
from corowatch.core.values import nearest

LARGEST = 18
"""Digits of a whole number: what all who read JSON can hold."""
_PART = re.compile(
    rf"\\.|(?P<named>%\{{(?P<name>\w+)(?::(?P<field>[^:{{}}]+)(?::(?P<type>\w+))?)?\}})|(?P<torn>%\{{)"
    rf"|\(\?P?<(?P<group>[^<>=!()]+)>|{SET}", re.DOTALL | re.ASCII)
"""An escape, a name in braces, what only begins like one, the head of a named group, or a set of characters."""
_BRACKETS = re.compile(r"\]\[|[\[\]]")


@cache
def library() -> Mapping[str, str]:
    """What each name stands for."""
    text = files("corowatch.core.formats").joinpath("grok.patterns").read_text("utf-8")
    lines = (line.partition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: expression for name, _, expression in lines}


class Grok(Pattern):
    """A pattern of names. Raises ValueError as Pattern does, and Misread where a name or its field is none.

    Of two fields of one name, as `%{IP:client}|%{HOSTNAME:client}` has them, the first that matched counts.
    """

    def __init__(self, source: str) -> None:
        self._names: list[str] = []
        self._types: dict[str, type[int] | type[float]] = {}
        super().__init__(self._expanded(source))
        self.source = source
        self.groups = tuple(dict.fromkeys(self._names))
        self._numbered = self.fields
        self.fields = self._texts

    def read(self, text: str) -> Found | None:
        """The fields of the leftmost match, those with a type as numbers; None if there is no match."""
        found = self._texts(text)
        return None if found is None else {name: _as(self._types[name], value) if name in self._types else value
                                           for name, value in found.items()}

    def _texts(self, text: str) -> dict[str, str] | None:
        found = self._numbered(text)
        if found is None:
            return None
        texts: dict[str, str] = {}
        for group, value in found.items():
            texts.setdefault(self._names[int(group[1:])], value)
        return texts

    def _expanded(self, source: str) -> str:
        return _PART.sub(self._part, source)

    def _part(self, part: re.Match[str]) -> str:
        if part["torn"]:
            raise Misread(r"expected %{NAME}, %{NAME:field} or %{NAME:field:int}; to mean the brace, write %\{",
                          part.start())
        if part["group"]:
            return f"{self._opened(part['group'], None, part.start('group'))}"
        if not part["named"]:
            return part[0]
        if part["name"] not in library():
            raise Misread(f"grok knows no {part['name']!r}{nearest(part['name'], library())}", part.start("name"))
        opened = self._opened(part["field"], part["type"], part.start("field")) if part["field"] else "(?:"
        return f"{opened}{self._expanded(library()[part['name']])})"

    def _opened(self, written: str, type_: str | None, at: int) -> str:
        """The head of the group that makes a field of what follows."""
        name = _BRACKETS.sub(lambda found: "." * (len(found[0]) - 1), written)
        if not FIELD.fullmatch(name):
            raise Misread(f"{written!r} is no name of a field; it is made of letters, digits, '_', '.' and '-'", at)
        if type_ is not None:
            if type_ not in _TYPES:
                raise Misread(f"{type_!r} is no type; there are int and float", at + len(written) + 1)
            self._types.setdefault(name, _TYPES[type_])
        self._names.append(name)
        return f"(?P<_{len(self._names) - 1}>"


_TYPES: Mapping[str, type[int] | type[float]] = {"int": int, "float": float}


def _as(type_: type[int] | type[float], text: str) -> str | int | float:
    """The number that a text is; the text itself where it is none that JSON holds."""
    try:
        number = type_(text)
    except ValueError:
        return text
    return number if isfinite(number) and len(text) <= LARGEST else text
