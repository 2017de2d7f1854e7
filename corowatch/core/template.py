"""Template: a pattern of which a part is not known yet.

`session {id} closed` ends what `session (?P<id>\\w+) opened` began: in the place of `{id}` stands the text that was
captured then, escaped. Which text may stand there cannot be found out by a group in its place, for `{a}-{b}` can be cut
in many ways and a group finds one of them. What decides is always the pattern with the texts put in; all else only
spares trying it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import takewhile

from corowatch.core.pattern import SET, Pattern

FILLED = 256
"""Patterns with texts put in that are held compiled."""
SHORT = 1024
"""Characters of one that is; a text may be as long as a line."""
_TOKEN = re.compile(
    rf"(?P<whole>\\Q.*?(?:\\E|\Z)|\\[pPx]\{{[^}}]*\}}|\\x[0-9A-Fa-f]{{2}}|\\[0-7]{{1,3}}|\\[pP]\w|{SET})|\\(?P<mark>\W)|\{{(?P<name>[A-Za-z_]\w*)\}}"
    r"|(?P<plain>[^\\.^$|?*+()\[\]{}])|(?P<sign>\\?.)", re.DOTALL | re.ASCII)
"""What stands for itself, a name, or one sign of the language; a set, an escape and a quoted text are one."""
_QUANTIFIERS = ("?", "*", "+", "{")
_FLAGS = re.compile(r"\(\?(?!P?<\w|:)")
_FOLDS = re.compile(r"\(\?\w*i")


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
        self._edges = () if _FLAGS.search(source) else tuple(self._plain_edges())

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

    def certain(self, text: str) -> dict[str, str]:
        """The only texts with which it could match `text`, for those names of which that can be told.

        It can where plain characters stand before a name and behind it, or the end, and the line has them only once.
        """
        found = {}
        for name, before, after in self._edges:
            if (begin := _once(before, text, 0)) is not None:
                begin += len(before)
                if (end := _once(after, text, begin) if after else len(text)) is not None:
                    found[name] = text[begin:end]
        return found

    def _filled(self, texts: Mapping[str, str]) -> Pattern:
        """The pattern for these texts; a name that is not among them stands for nothing."""
        expression = self._with({name: re.escape(texts.get(name, "")) for name in self.names})
        return _compiled(expression) if len(expression) <= SHORT else Pattern(expression)

    def _with(self, expressions: Mapping[str, str]) -> str:
        return "".join(expressions[token["name"]] if token["name"] else token[0] for token in self._tokens)

    def _plain_edges(self) -> Iterator[tuple[str, str, str]]:
        """Each name with the plain characters that any match has before and behind it; none behind it: the end."""
        plain = [token["mark"] or token["plain"] or "" for token in self._tokens]
        for at, token in enumerate(self._tokens):
            if token["name"]:
                before = "".join(takewhile(bool, reversed(plain[:at])))[::-1]
                after = "".join(takewhile(bool, plain[at + 1:]))
                rest = [token[0] for token in self._tokens[at + 1 + len(after):]]
                if rest and rest[0] in _QUANTIFIERS:
                    after = after[:-1]
                if before and (after or rest == ["$"]):
                    yield token["name"], before, after


def _once(part: str, text: str, begin: int) -> int | None:
    """Where `part` stands in `text` from there on, if it does once."""
    at = text.find(part, begin)
    return at if at >= 0 and text.find(part, at + 1) < 0 else None


@lru_cache(FILLED)
def _compiled(expression: str) -> Pattern:
    return Pattern(expression)
