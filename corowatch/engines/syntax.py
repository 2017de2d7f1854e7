"""RE2's syntax, read into a tree of bytes: what a scanner of bytes can be told of a pattern.

Groups, names and greediness vanish, and case folding is resolved. What stands outside ASCII is a literal's own bytes
or, in a set, "some character of several bytes". So the tree matches all that the pattern matches, and perhaps more.

Source: RE2, "Syntax" (doc/syntax.txt) and re2/parse.cc.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias


class NotRead(ValueError):
    """The pattern has something that is not read here; the text says what."""


@dataclass(frozen=True)
class Chars:
    """One of these bytes; `wide`: or one character outside ASCII, of two to four bytes. `vague`: not of all of them."""

    bytes: frozenset[int]
    wide: bool = False
    vague: bool = False


@dataclass(frozen=True)
class Cat:
    """One after the other; of none, the empty text."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Alt:
    """One of them."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """`least` to `most` times; None: any number of times."""

    part: Node
    least: int
    most: int | None


@dataclass(frozen=True)
class Edge:
    """A place of no width: the line's start or end, or where a word begins or ends, or does not."""

    kind: Literal["^", "$", "b", "B"]


Node: TypeAlias = Chars | Cat | Alt | Repeat | Edge

NOTHING = Cat(())
ASCII = frozenset(range(128))
ANY = Chars(ASCII - {10}, wide=True)
"""Any character of a line."""
SOME = Chars(ANY.bytes, wide=True, vague=True)
"""A character of a class that is not looked up here."""

_DIGIT = frozenset(b"0123456789")
_LOWER, _UPPER = frozenset(range(97, 123)), frozenset(range(65, 91))
_WORD = _DIGIT | _LOWER | _UPPER | {95}
_PUNCTUATION = frozenset(range(33, 127)) - _DIGIT - _LOWER - _UPPER
_PERL = {"d": _DIGIT, "s": frozenset(b"\t\n\f\r "), "w": _WORD}
_POSIX = {"alnum": _DIGIT | _LOWER | _UPPER, "alpha": _LOWER | _UPPER, "ascii": ASCII, "blank": frozenset(b"\t "),
          "cntrl": frozenset(range(32)) | {127}, "digit": _DIGIT, "graph": frozenset(range(33, 127)), "lower": _LOWER,
          "print": frozenset(range(32, 127)), "punct": _PUNCTUATION, "space": frozenset(b"\t\n\v\f\r "),
          "upper": _UPPER, "word": _WORD, "xdigit": _DIGIT | frozenset(b"abcdefABCDEF")}
_ESCAPES = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_FOLDS = {0x212A: frozenset(b"Kk"), 0x17F: frozenset(b"Ss")}
"""The characters outside ASCII that are, whatever their case, letters of ASCII: the Kelvin sign and the long s."""

_COUNT = re.compile(r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*|))?\}")  # with another digit in front it is plain text
_OPENS = re.compile(r"\(\?(?:P?<[^>]+>|(?P<flags>[imsU]*(?:-[imsU]+)?)(?P<end>[:)]))")


def read(pattern: str) -> Node:
    """The tree of a pattern that RE2 takes. Raises NotRead."""
    reader = _Reader(pattern)
    tree = reader.alternation(fold=False)
    if reader.rest:
        raise NotRead(f"{reader.rest[:10]!r}")  # pragma: no cover - RE2 refuses what is left over here
    return tree


@dataclass
class _Set:
    """A set of characters while it is read: exact in ASCII, unless `vague`, when it may be any."""

    bytes: set[int]
    wide: bool = False
    vague: bool = False

    def add(self, low: int, high: int, *, fold: bool) -> None:
        """Characters from `low` to `high`, and with `fold` those that differ from them in case alone."""
        ascii_ = set(range(low, min(high, 127) + 1))
        self.wide |= high > 127
        if fold:
            for letter, twins in _FOLDS.items():
                if low <= letter <= high:
                    ascii_ |= twins
            ascii_ |= {byte ^ 32 for byte in ascii_ & (_LOWER | _UPPER)}
            self.wide |= bool(ascii_ & (_FOLDS[0x212A] | _FOLDS[0x17F]))
        self.bytes |= ascii_

    def add_class(self, of: frozenset[int], *, negated: bool, fold: bool) -> None:
        """A class of ASCII. What is folded is folded before it is negated."""
        named = _Set(set())
        for byte in of:
            named.add(byte, byte, fold=fold)
        self.bytes |= ASCII - named.bytes if negated else named.bytes
        self.wide |= negated or named.wide

    def node(self, *, negated: bool) -> Chars:
        """Of the characters of a line, those in the set or not in it."""
        if self.vague:
            return SOME
        if negated:
            return Chars((ASCII - self.bytes) - {10}, wide=True)
        return Chars(frozenset(self.bytes) - {10}, self.wide)


class _Reader:
    """Reads from the left; `fold` (case) is handed down, for a flag ends with its group."""

    def __init__(self, pattern: str) -> None:
        self.rest = pattern

    def _take(self, count: int = 1) -> str:
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def alternation(self, *, fold: bool) -> Node:
        branches: list[Node] = []
        parts: list[Node] = []
        while self.rest and self.rest[0] != ")":
            if self.rest[0] == "|":
                self._take()
                branches.append(_cat(parts))
                parts = []
            elif (flags := _OPENS.match(self.rest)) and flags["end"] == ")":
                self._take(flags.end())
                fold = _folds(flags["flags"], fold)
                if parts:  # what repeats stands before the flags
                    parts.append(self._repeated(parts.pop()))
            else:
                parts.append(self._repeated(self._atom(fold=fold)))
        branches.append(_cat(parts))
        return branches[0] if len(branches) == 1 else Alt(tuple(branches))

    def _repeated(self, node: Node) -> Node:
        while self.rest:
            if self.rest[0] in "*+?":
                least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[self._take()]
            elif count := _COUNT.match(self.rest):
                self._take(count.end())
                least = int(count[1])
                most = least if count[2] is None else int(count[3]) if count[3] else None
            else:
                break
            if self.rest[:1] == "?":  # lazy: the same texts
                self._take()
            node = Repeat(node, least, most)
        return node

    def _atom(self, *, fold: bool) -> Node:
        char = self._take()
        if char == "(":
            if opened := _OPENS.match("(" + self.rest):
                self._take(opened.end() - 1)
                fold = _folds(opened["flags"] or "", fold)
            elif self.rest[:1] == "?":
                raise NotRead(f"({self.rest[:2]}")  # pragma: no cover - RE2 has no other groups
            node = self.alternation(fold=fold)
            self._take()
            return node
        if char == "[":
            return self._set(fold=fold)
        if char == ".":
            return ANY
        if char in "^$":
            return Edge("^" if char == "^" else "$")
        if char == "\\":
            return self._escape(fold=fold)
        return _literal(ord(char), fold=fold)

    def _escape(self, *, fold: bool) -> Node:
        char = self.rest[:1]
        if char in ("A", "z", "b", "B"):
            self._take()
            edges: dict[str, Literal["^", "$", "b", "B"]] = {"A": "^", "z": "$", "b": "b", "B": "B"}
            return Edge(edges[char])
        if char in ("C", "Q", "E"):
            raise NotRead(f"\\{char}")
        chars = _Set(set())
        if self._class(chars, fold=fold):
            return chars.node(negated=False)
        return _literal(self._escaped(), fold=fold)

    def _class(self, chars: _Set, *, fold: bool) -> bool:
        """Whether an escaped class comes next, its backslash taken; it is added to the set."""
        letter = self.rest[:1]
        if letter.lower() in _PERL:
            self._take()
            chars.add_class(_PERL[letter.lower()], negated=letter.isupper(), fold=fold)
            return True
        if letter in ("p", "P"):
            self._take()
            self._take(self.rest.index("}") + 1 if self.rest[0] == "{" else 1)
            chars.vague = True
            return True
        return False

    def _escaped(self) -> int:
        """The character of an escape, its backslash taken."""
        char = self._take()
        if char == "x":
            digits = self._take(self.rest.index("}") + 1).strip("{}") if self.rest[0] == "{" else self._take(2)
            return int(digits, 16)
        if octal := re.match("[0-7]{1,3}", char + self.rest):
            self._take(octal.end() - 1)
            return int(octal[0], 8)
        if char in _ESCAPES:
            return _ESCAPES[char]
        if ord(char) not in (ASCII - _WORD) | {95}:
            raise NotRead(f"\\{char}")  # pragma: no cover - RE2 has no other escapes
        return ord(char)

    def _set(self, *, fold: bool) -> Node:
        chars = _Set(set())
        negated = self.rest[0] == "^"
        if negated:
            self._take()
        first = True
        while first or self.rest[0] != "]":
            first = False
            if named := re.match(r"\[:(\^?)(\w+):\]", self.rest):
                self._take(named.end())
                chars.add_class(_POSIX[named[2]], negated=bool(named[1]), fold=fold)
                continue
            if self.rest[0] == "\\":
                self._take()
                if self._class(chars, fold=fold):
                    continue
                low = self._escaped()
            else:
                low = ord(self._take())
            high = low
            if self.rest[0] == "-" and self.rest[1] != "]":
                self._take()
                high = self._end_of_range()
            chars.add(low, high, fold=fold)
        self._take()
        return chars.node(negated=negated)

    def _end_of_range(self) -> int:
        if self.rest[0] != "\\":
            return ord(self._take())
        self._take()
        return self._escaped()


def _folds(flags: str, fold: bool) -> bool:
    """Whether case is folded after these flags."""
    on, _, off = flags.partition("-")
    return (fold or "i" in on) and "i" not in off


def _cat(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Cat(tuple(parts))


def _literal(char: int, *, fold: bool) -> Node:
    if char < 128 or fold:
        chars = _Set(set())
        chars.add(char, char, fold=fold)
        return chars.node(negated=False)
    return _cat([Chars(frozenset((byte,))) for byte in chr(char).encode("utf-8", "surrogatepass")])
