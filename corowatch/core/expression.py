"""Conditions over fields, as `where` has them: read and checked once, then a closure.

    status >= 500 and not path matches '^/health'
    ip within ('10.0.0.0/8', 'fd00::/8') or user in ('root', 'admin')

A field stands on the left, what it is compared with on the right: a number, true, false, or a text in single
quotes (a quote inside is written twice). `not` binds before `and`, `and` before `or`.

What is no number is never equal to, less or more than one, nor is an absent field than anything. `!=` and
`not in` say the contrary of `==` and `in`, so an absent field is unequal to everything.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from corowatch.core.errors import Misread
from corowatch.core.events import Fields, Value
from corowatch.core.pattern import Pattern
from corowatch.core.text import FIELD, shown

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from lark import Lark, Token, Tree

DEEPEST = 50
"""Parentheses and `not` inside each other: each is a call inside the one before."""

T = TypeVar("T")
Test = Callable[[Fields], bool]

_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(?:\.[0-9]{1,300})?(?:[eE][+-]?[0-9]{1,3})?")
_GRAMMAR = rf"""
start: _condition
_condition: either | _and
either: _and ("or" _and)+
_and: both | _not
both: _not ("and" _not)+
_not: negated | "(" _condition ")" | _test
negated: "not" _not
_test: compared | among | not_among | matched | within | existing
compared: NAME SIGN _literal
among: NAME "in" _literals
not_among: NAME "not" "in" _literals
matched: NAME "matches" TEXT
within: NAME "within" (TEXT | "(" TEXT ("," TEXT)* ")")
existing: NAME "exists"
_literals: "(" _literal ("," _literal)* ")"
_literal: TEXT | NUMBER | TRUE | FALSE
SIGN: "==" | "!=" | "<=" | "<" | ">=" | ">"
TRUE: "true"
FALSE: "false"
NAME: /{FIELD.pattern}/
NUMBER: /{_NUMBER.pattern}(?![A-Za-z0-9_.])/
TEXT: /'(?:[^']|'')*'/
%ignore /\s+/
"""
_CALLED = {
    "NAME": "a field", "TEXT": "a text in single quotes", "NUMBER": "a number", "TRUE": "`true`", "FALSE": "`false`",
    "SIGN": "== != < <= > >=", "NOT": "`not`", "IN": "`in`", "MATCHES": "`matches`", "WITHIN": "`within`",
    "EXISTS": "`exists`", "AND": "`and`", "OR": "`or`", "LPAR": "'('", "COMMA": "','", "RPAR": "')'", "$END": "the end",
}
_CURES = {
    "'": "the quote that begins here is never closed; inside a text, a quote is written twice",
    '"': "a text stands in single quotes", "=": "one '=' compares nothing; write ==", "&": "write `and`",
    "=>": "write >=", "=<": "write <=", "|": "write `or`", "!": "write `not`, or != to compare",
}


class Expr:
    """A condition. Raises Misread, saying what was expected and where, if it is none.

    `holds(fields)` tells whether it is true of them; of each field that it names, `places` has the name and
    where it stands, and `patterns` are those that it holds.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        tree = _read(source)
        patterns: list[Pattern] = []
        self.holds: Test = _test(tree.children[0], patterns, DEEPEST)
        self.patterns = tuple(patterns)
        tokens: Iterator[Any] = tree.scan_values(_is_name)
        self.places = tuple((str(token), int(token.start_pos)) for token in tokens)

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that it names, each once, in order."""
        return tuple(dict.fromkeys(name for name, _ in self.places))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expr) and self.source == other.source

    def __hash__(self) -> int:
        return hash(self.source)

    def __repr__(self) -> str:
        return f"Expr({self.source!r})"


# --- reading ----------------------------------------------------------------------------------------


@cache
def _parser() -> Lark:
    from lark import Lark  # only where a config has a condition: 75 ms and 4 MB with the grammar

    return Lark(_GRAMMAR, parser="lalr", lexer="basic")


def _read(source: str) -> Tree[Token]:
    parser = _parser()
    from lark import UnexpectedCharacters, UnexpectedToken

    try:
        return parser.parse(source)
    except UnexpectedCharacters as error:
        at = error.pos_in_stream or 0
        raise Misread(_cure(source, at), at) from None
    except UnexpectedToken as error:
        over = error.token.type == "$END"
        expected = [word for name, word in _CALLED.items() if name in error.accepts]
        told = " or ".join([", ".join(expected[:-1]), expected[-1]] if expected[1:] else expected)
        found = "nothing more" if over else repr(str(error.token))
        raise Misread(f"expected {told}, found {found}",
                      len(source.rstrip()) if over else error.token.start_pos or 0) from None


def _cure(source: str, at: int) -> str:
    """What to write instead of what begins at `at`, where no word can begin so."""
    char = source[at]
    if char.isalnum():
        word = re.split(r"[\s(),]", source[at:], maxsplit=1)[0]
        return f"{word!r} is neither a number nor a field; a text stands in single quotes"
    return _CURES.get(source[at:at + 2]) or _CURES.get(char, f"{char!r} cannot stand here")


def _is_name(leaf: Any) -> bool:
    return bool(leaf.type == "NAME")


# --- what it means ----------------------------------------------------------------------------------


def _test(tree: Any, patterns: list[Pattern], deeper: int) -> Test:
    """The closure of a part of the tree; its patterns go to `patterns`."""
    if not deeper:
        raise Misread(f"nested deeper than {DEEPEST} levels", 0)
    if tree.data == "either":
        return _any([_test(part, patterns, deeper - 1) for part in tree.children])
    if tree.data == "both":
        return _all([_test(part, patterns, deeper - 1) for part in tree.children])
    if tree.data == "negated":
        return _not(_test(tree.children[0], patterns, deeper - 1))
    name, *parts = tree.children
    if tree.data == "matched":
        patterns.append(_placed(Pattern, parts[0]))
        return _matches(str(name), patterns[-1])
    return _TESTS[tree.data](str(name), parts)


def _any(tests: Sequence[Test]) -> Test:
    def holds(fields: Fields) -> bool:
        for test in tests:  # noqa: SIM110 - `any` of a generator takes three times as long
            if test(fields):
                return True
        return False

    return holds


def _all(tests: Sequence[Test]) -> Test:
    def holds(fields: Fields) -> bool:
        for test in tests:  # noqa: SIM110
            if not test(fields):
                return False
        return True

    return holds


def _not(test: Test) -> Test:
    return lambda fields: not test(fields)


def _compared(name: str, parts: Sequence[Token]) -> Test:
    sign, literal = parts
    if sign == "!=":
        return _not(_compares(name, operator.eq, _value(literal)))
    return _compares(name, _SIGNS[sign], _value(literal))


def _among(name: str, literals: Sequence[Token]) -> Test:
    return _any([_compares(name, operator.eq, _value(literal)) for literal in literals])


def _compares(name: str, compare: Callable[[Any, Any], bool], literal: Value) -> Test:
    kind = type(literal)

    def holds(fields: Fields) -> bool:
        value = fields.get(name)
        if type(value) is kind:
            return compare(value, literal)
        pair = _alike(value, literal)
        return pair is not None and compare(*pair)

    return holds


def _alike(one: Value, other: Value) -> tuple[Value, Value] | None:
    """Two values as such that compare: a text is read as what the other is. None if they do not."""
    if isinstance(one, str):
        one = _read_as(other, one)
    elif isinstance(other, str):
        other = _read_as(one, other)
    if one is None or other is None or isinstance(one, bool) is not isinstance(other, bool):
        return None
    return one, other


def _read_as(like: Value, text: str) -> Value:
    if isinstance(like, bool):
        return {"true": True, "false": False}.get(text)
    return number(text)


def number(value: Value) -> int | float | None:
    """The number that a field's value is, or reads as; None if it is none."""
    if isinstance(value, str):
        return _number(value) if _NUMBER.fullmatch(value) else None
    return None if isinstance(value, bool) else value


def _number(text: str) -> int | float:
    return float(text) if not text.lstrip("+-").isdigit() else int(text)


def _matches(name: str, pattern: Pattern) -> Test:
    def holds(fields: Fields) -> bool:
        value = fields.get(name)
        return value is not None and pattern.test(shown(value))

    return holds


def _within(name: str, texts: Sequence[Token]) -> Test:
    from ipaddress import ip_address

    networks = [_placed(_network, text) for text in texts]

    def holds(fields: Fields) -> bool:
        value = fields.get(name)
        if not isinstance(value, str):
            return False
        try:
            address = ip_address(value)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address  # ::ffff:192.0.2.7 is 192.0.2.7
        return any(address in network for network in networks)

    return holds


def _network(text: str) -> IPv4Network | IPv6Network:
    from ipaddress import ip_network

    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is no network; write '10.0.0.0/8' or 'fd00::/8'") from None
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is an address in a network; write {str(network)!r}") from None


def _exists(name: str, nothing: Sequence[Token]) -> Test:
    return lambda fields: fields.get(name) is not None


_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_TESTS: Mapping[str, Callable[[str, Sequence[Token]], Test]] = {
    "compared": _compared, "among": _among, "not_among": lambda name, literals: _not(_among(name, literals)),
    "within": _within, "existing": _exists}


def _value(token: Token) -> Value:
    if token.type == "NUMBER":
        return _number(token)
    return _text(token) if token.type == "TEXT" else token.type == "TRUE"


def _text(token: Token) -> str:
    return token[1:-1].replace("''", "'")


def _placed(convert: Callable[[str], T], token: Token) -> T:
    """`convert` of a text in quotes; what it does not take is told at the text's place."""
    try:
        return convert(_text(token))
    except ValueError as error:
        raise Misread(str(error), (token.start_pos or 0) + 1) from None
