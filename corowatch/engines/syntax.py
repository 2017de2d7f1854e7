"""RE2's syntax, read into a tree of bytes: what a scanner of bytes can be told of a pattern.

Groups, names and greediness vanish, and case folding is resolved. What stands outside ASCII is a literal's own bytes
or, in a set, "some character of several bytes". So the tree matches all that the pattern matches, and perhaps more.

Source: RE2, "Syntax" (doc/syntax.txt) and re2/parse.cc.
"""

from __future__ import annotations

import functools
import re
from typing import Literal, TypeAlias

import msgspec


class NotRead(ValueError):
    """The pattern has something that is not read here; the text says what."""


class Chars(msgspec.Struct, frozen=True):
    """One of these bytes; `wide`: or one character outside ASCII, of two to four bytes. `vague`: not of all of them."""

    bytes: frozenset[int]
    wide: bool = False
    vague: bool = False


class Cat(msgspec.Struct, frozen=True):
    """One after the other; of none, the empty text."""

    parts: tuple[Node, ...]


class Alt(msgspec.Struct, frozen=True):
    """One of them."""

    parts: tuple[Node, ...]


class Repeat(msgspec.Struct, frozen=True):
    """`least` to `most` times; None: any number of times."""

    part: Node
    least: int
    most: int | None


class Edge(msgspec.Struct, frozen=True):
    """A place of no width: the line's start or end, or where a word begins or ends, or does not."""

    kind: Literal["^", "$", "b", "B"]


Node: TypeAlias = Chars | Cat | Alt | Repeat | Edge

NOTHING = Cat(())
ASCII = frozenset(range(128))
_NEWLINE = frozenset({10})
ANY = Chars(ASCII - _NEWLINE, wide=True)
"""Any character of a line."""

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

_PLAIN = re.compile(r"[\w !\"#%&',/:;<=>@`~-]+(?![*+?{])", re.ASCII)  # what stands for itself, and once
_COUNT = re.compile(r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*|))?\}")  # with another digit in front it is plain text
_OPENS = re.compile(r"\(\?(?:P?<[^>]+>|(?P<flags>[imsU]*(?:-[imsU]+)?)(?P<end>[:)]))")


def read(pattern: str, *, joined: bool = False) -> Node:
    """The tree of a pattern that RE2 takes; `joined`: as it is found in texts of several lines. Raises NotRead."""
    reader = _Reader(pattern, never=frozenset() if joined else _NEWLINE)
    tree = reader.alternation(frozenset())
    if reader.rest:
        raise NotRead(f"{reader.rest[:10]!r}")  # pragma: no cover - RE2 refuses what is left over here
    return tree


class _Set(msgspec.Struct):
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
        named = _Set(set(of))
        for byte in of if fold else ():
            named.add(byte, byte, fold=fold)
        self.bytes |= ASCII - named.bytes if negated else named.bytes
        self.wide |= negated or named.wide

    def node(self, *, negated: bool, never: frozenset[int]) -> Chars:
        """Of the characters of a text, those in the set or not in it; no text holds those that are `never` there."""
        if self.vague:  # a character of a class that is not looked up here
            return Chars(ASCII - never, wide=True, vague=True)
        if negated:
            return Chars((ASCII - self.bytes) - never, wide=True)
        return Chars(frozenset(self.bytes) - never, self.wide)


@functools.cache
def _one(char: int, *, fold: bool, never: frozenset[int]) -> Chars:
    """A character alone."""
    chars = _Set(set())
    chars.add(char, char, fold=fold)
    return chars.node(negated=False, never=never)


class _Reader:
    """Reads from the left; flags are handed down, for they end with their group. `fold` is that of case."""

    def __init__(self, pattern: str, never: frozenset[int]) -> None:
        self.rest = pattern
        self._never = never

    def _take(self, count: int = 1) -> str:
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def alternation(self, flags: frozenset[str]) -> Node:
        branches: list[Node] = []
        parts: list[Node] = []
        while self.rest and self.rest[0] != ")":
            if self.rest[0] == "|":
                self._take()
                branches.append(_cat(parts))
                parts = []
            elif plain := _PLAIN.match(self.rest):
                parts += [_one(ord(char), fold="i" in flags, never=self._never) for char in self._take(plain.end())]
            elif (opened := _OPENS.match(self.rest)) and opened["end"] == ")":
                self._take(opened.end())
                flags = _changed(flags, opened["flags"])
                if parts:  # what repeats stands before the flags
                    parts.append(self._repeated(parts.pop()))
            else:
                parts.append(self._repeated(self._atom(flags)))
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

    def _atom(self, flags: frozenset[str]) -> Node:
        char = self._take()
        fold = "i" in flags
        if char == "(":
            if opened := _OPENS.match("(" + self.rest):
                self._take(opened.end() - 1)
                flags = _changed(flags, opened["flags"] or "")
            elif self.rest[:1] == "?":
                raise NotRead(f"({self.rest[:2]}")  # pragma: no cover - RE2 has no other groups
            node = self.alternation(flags)
            self._take()
            return node
        if char == "[":
            return self._set(fold=fold)
        if char == ".":
            return Chars(ASCII - self._never, wide=True) if "s" in flags else ANY
        if char in "^$":
            return Edge("^" if char == "^" else "$")
        if char == "\\":
            return self._escape(fold=fold)
        return self._literal(ord(char), fold=fold)

    def _literal(self, char: int, *, fold: bool) -> Node:
        if char < 128 or fold:
            return _one(char, fold=fold, never=self._never)
        return _cat([Chars(frozenset((byte,))) for byte in chr(char).encode("utf-8", "surrogatepass")])

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
            return chars.node(negated=False, never=self._never)
        return self._literal(self._escaped(), fold=fold)

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
        return chars.node(negated=negated, never=self._never)

    def _end_of_range(self) -> int:
        if self.rest[0] != "\\":
            return ord(self._take())
        self._take()
        return self._escaped()


def _changed(flags: frozenset[str], by: str) -> frozenset[str]:
    """The flags after such as `i-s`."""
    on, _, off = by.partition("-")
    return (flags | set(on)) - set(off)


def _cat(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else Cat(tuple(parts))
