"""POSIX extended regular expressions, as GNU grep -E reads them, as patterns of ours.

Sources: POSIX.1-2017, Base Definitions, 9.4; grep(1). What POSIX leaves undefined is as grep does it: a backslash
before an ordinary character is nothing, a brace that begins no count is text.
"""

from __future__ import annotations

import re

from corowatch.core.pattern import Pattern
from corowatch.rules.importing.python_regex import printable

_CLASSES = ("alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit")
_COUNT = re.compile(r"\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\}")
_ESCAPES = {"w": r"\w", "W": r"\W", "s": "[[:space:]]", "S": "[^[:space:]]", "b": r"\b", "B": r"\B", "`": "^"}
BLANKS = "[[:space:]]*$"
"""The end of a line of which blanks at its end do not count."""
_EDGES = frozenset(("^", "$", BLANKS, r"\b", r"\B", r"\b(?=\w)", r"\b(?<=\w)"))
_SPECIAL = frozenset(r".[]\()*+?{}|^$")
_WORDLY = re.compile(r"(?:[A-Za-z0-9_]|\\w)\+?")
_WORD_FOLLOWS = re.compile(r"(?:[A-Za-z0-9_]|\\w)(?!\+*[*?{])")
DEEPEST = 100
"""Groups within groups."""
MOST = 1000
"""How often at most something may come again, for RE2; grep takes 32767."""


def translated(ere: str, end: str = "$") -> str:
    """An expression of ours that finds the lines that grep -E finds; `end` is what stands for the end of a line. Raises
    ValueError where there is none, or `ere` is no expression."""
    expression = _Reader(ere, end).alternatives(0)
    Pattern(expression)
    return expression


class _Reader:
    """Reads from the left. Each piece of `parts` is one thing that a count could stand behind."""

    def __init__(self, ere: str, end: str) -> None:
        self._text, self._at, self._end = ere, 0, end

    def alternatives(self, depth: int) -> str:
        """Up to the end, or the parenthesis that closes the group."""
        if depth > DEEPEST:
            raise ValueError(f"more than {DEEPEST} groups stand within each other")
        branches = [self._branch(depth)]
        while self._text[self._at:self._at + 1] == "|":
            self._at += 1
            branches.append(self._branch(depth))
        if depth == 0 and self._at < len(self._text):
            raise ValueError("there is a `)` without its `(`")
        return "|".join(branches)

    def _branch(self, depth: int) -> str:
        parts: list[str] = []
        counted = False
        while self._at < len(self._text) and (char := self._text[self._at]) not in ("|", ")"):
            count = self._count(char)
            if count and parts and parts[-1] not in _EDGES:
                # Behind another count it counts all that; alone it would make that one lazy, or possessive.
                parts[-1] = (f"(?:{parts[-1]})" if counted else parts[-1]) + count
                counted = True
            elif count:
                raise ValueError(f"{char!r} has nothing before it to repeat")
            else:
                parts.append(self._piece(char, parts, depth))
                counted = False
        return "".join(parts)

    def _count(self, char: str) -> str:
        """A count, read; nothing, and nothing read, if there is none here."""
        if char in "*+?":
            self._at += 1
            return char
        found = _COUNT.match(self._text, self._at) if char == "{" else None
        if found is None or not (found["least"] or found["comma"]):
            return ""
        self._at = found.end()
        least, most = int(found["least"] or 0), int(found["most"] or 0)
        if max(least, most) > MOST:
            raise ValueError(f"{found[0]} is more than {MOST:,} times")
        return f"{{{least}{found['comma']}{found['most']}}}"

    def _piece(self, char: str, before: list[str], depth: int) -> str:
        self._at += 1
        if char == "(":
            inner = self.alternatives(depth + 1)
            if self._text[self._at:self._at + 1] != ")":
                raise ValueError("there is a `(` without its `)`")
            self._at += 1
            return f"({inner})"
        if char == "[":
            return self._set()
        if char == "\\":
            return self._escape(before)
        if char == "$":
            return self._end
        return "\\" + char if char in "{}]" else printable(char)

    def _escape(self, before: list[str]) -> str:
        char = self._text[self._at:self._at + 1]
        if not char:
            raise ValueError("it ends with a backslash")
        self._at += 1
        if char == "<":
            return r"\b" if _WORD_FOLLOWS.match(self._text, self._at) else r"\b(?=\w)"
        if char == ">":
            return r"\b" if before and _WORDLY.fullmatch(before[-1]) else r"\b(?<=\w)"
        if char == "'":
            return self._end
        if char.isdigit():
            return f"(?:\\{char})"  # what a digit behind it would be a part of
        return _ESCAPES.get(char) or ("\\" + char if char in _SPECIAL else printable(re.escape(char)))

    def _set(self) -> str:
        """A bracket expression; a backslash in it is one."""
        negated = self._text[self._at:self._at + 1] == "^"
        self._at += negated
        inside = ""
        first = True
        while (char := self._text[self._at:self._at + 1]) != "]" or first:
            if not char:
                raise ValueError("there is a `[` without its `]`")
            first = False
            named = re.compile(r"\[([:.=])(.*?)\1\]").match(self._text, self._at)
            if named:
                self._at = named.end()
                inside += self._named(named[1], named[2])
                continue
            self._at += 1
            inside += "\\" + char if char in r"\[]^&~" else printable(char)
        self._at += 1
        return f"[{'^' * negated}{_with_hyphen(inside)}]"

    @staticmethod
    def _named(kind: str, name: str) -> str:
        if kind == ":" and name in _CLASSES:
            return f"[:{name}:]"
        if kind != ":" and len(name) == 1:
            return "\\" + name if name in r"\[]^-&~" else name
        raise ValueError(f"there is no [{kind}{name}{kind}]")


def _with_hyphen(inside: str) -> str:
    """What is in a set, with a hyphen that stands for itself escaped: at an end, or behind a class."""
    inside = re.sub(r"^-|(?<!\\)-$", lambda _: r"\-", inside)
    return re.sub(r"(?<=:\])-", lambda _: r"\-", inside)
