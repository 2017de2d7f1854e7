"""Pattern: the one place where a regular expression of the user is compiled.

RE2 stands behind it: its time is linear in the line, so a hostile line cannot stall the daemon. What
RE2 refuses (look-around, back-references), or everything where it is not installed, runs on the `regex`
package under a time budget per line. Both see the line as it is shown, as UTF-8 text with undecodable bytes escaped.

The `re2` wrapper spends four times the search itself on converting offsets of str, so this module
hands bytes to the compiled object below it; nobody else touches those private names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol, cast

from corowatch.core.errors import OverBudget
from corowatch.core.events import Value

try:
    import re2
except ImportError:  # pragma: no cover - it could not be built here: every pattern backtracks then
    re2 = None

BUDGET = 0.05
"""Seconds that a backtracking pattern may spend on one line."""

MASK = "***"
"""What stands in the place of what must not be seen."""

NOT_THERE = "RE2 is not installed"
_BLANKS = r"\t\n\f\r "
_ANYWHERE = re2 and re2._Anchor.UNANCHORED


def has_re2() -> bool:
    """Whether any pattern can be searched for in linear time here."""
    return re2 is not None


@cache
def re2_options(*, captures: bool = True, memory: int = 8 << 20) -> Any:
    """RE2's options as every pattern of the house uses them, not to be changed; `memory` (bytes) is what a program and
    its cache may take. Without `captures` a search costs half as much."""
    options = re2.Options()
    options.log_errors = False  # else the library writes to standard error by itself
    options.never_capture = not captures
    options.max_mem = memory
    return options


def _compiled(expression: str, *, captures: bool = True) -> Any:
    """An expression as RE2 has it. Raises re2.error. `re2.compile` would set each option anew, which takes as long as
    compiling."""
    return re2._Regexp(expression.encode(), re2_options(captures=captures))


def searcher(expression: str) -> Callable[[bytes, int], int]:
    """What finds an expression of our own in bytes, from a place on: where its first match begins, -1 for none."""
    if re2 is None:
        search = re.compile(expression.encode()).search

        def find(data: bytes, at: int) -> int:
            found = search(data, at)
            return -1 if found is None else found.start()

        return find
    match = _compiled(expression, captures=False)._regexp.Match
    return lambda data, at: match(_ANYWHERE, data, at, len(data))[0][0]


class _Engine(Protocol):
    groups: tuple[str, ...]

    def know(self, text: str) -> None: ...

    def test(self, text: str) -> bool: ...

    def fields(self, text: str) -> dict[str, str] | None: ...

    def masked(self, text: str) -> str: ...


class Pattern:
    """A compiled pattern, searched for anywhere in a line.

    `linear`: RE2 takes it; else `why` says why not. Raises ValueError with a sentence for the
    operator if no engine takes it, or if two groups have one name.
    """

    def __init__(self, source: str, *, ignore_case: bool = False, literal: bool = False) -> None:
        self.source = source
        self.ignore_case = ignore_case
        self.literal = literal
        expression = re.escape(source) if literal else source
        self.expression = f"(?i){expression}" if ignore_case else expression
        engine, self.why = _engine(self.expression)
        self.linear = not self.why
        self.groups = engine.groups
        self.test = engine.test
        """Whether `text` matches. May raise OverBudget where not `linear`."""
        self.fields = engine.fields
        """The named groups of the leftmost match, an unmatched one absent; None if there is no match."""
        self.know = engine.know
        """It was found out that `text` matches: this very object is not searched for that again."""
        self.masked = engine.masked
        """`text` with MASK in the place of everything that matches."""

    def read(self, text: str) -> dict[str, Value] | None:
        """The fields of the leftmost match, as the pattern types them; None if there is no match."""
        found = self.fields(text)
        return None if found is None else dict(found)

    def _identity(self) -> tuple[object, ...]:
        return self.source, self.ignore_case, self.literal

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        return f"Pattern({self.source!r})"


def found_by(patterns: Sequence[Pattern], text: str) -> tuple[list[int], dict[str, str]]:
    """Which of the patterns match, and the named groups of all; of a group in several the first one's text."""
    matched = []
    captured: dict[str, str] = {}
    for number, pattern in enumerate(patterns):
        if (found := pattern.fields(text)) is not None:
            matched.append(number)
            captured = {**found, **captured}
    return matched, captured


def _engine(expression: str) -> tuple[_Engine, str]:
    """What searches for an expression, and why that is not RE2, if it is not."""
    if re2 is None:
        return _Backtracking(expression), NOT_THERE
    try:
        return _Linear(expression), ""
    except re2.error as refused:
        told = _sentence(refused)
        return _Backtracking(expression, told), f"RE2 says {told}"


class _Linear:
    """RE2."""

    def __init__(self, expression: str) -> None:
        compiled = _compiled(expression)
        named = compiled._regexp.NamedCapturingGroups()
        _refuse_twice([name.decode() for name, _ in named], expression)
        self._named = sorted(((index, name.decode()) for name, index in named))
        self.groups = tuple(name for _, name in self._named)
        self._match = compiled._regexp.Match
        self._alone = None if compiled.groups else self._match  # compiled once somebody asks
        self._expression = expression
        self._substitute = compiled.sub
        self._known: str | None = None

    def know(self, text: str) -> None:
        self._known = text

    def test(self, text: str) -> bool:
        if text is self._known:
            return True
        if self._alone is None:
            self._alone = _compiled(self._expression, captures=False)._regexp.Match
        raw = text.encode()
        return self._alone(_ANYWHERE, raw, 0, len(raw))[0][0] >= 0  # type: ignore[no-any-return]

    def fields(self, text: str) -> dict[str, str] | None:
        if not self._named:
            return {} if text is self._known or self.test(text) else None
        raw = text.encode()
        spans = self._match(_ANYWHERE, raw, 0, len(raw))
        if spans[0][0] < 0:
            return None
        plain = len(raw) == len(text)  # of ASCII, so the places of bytes are those of characters
        found = {}
        for index, name in self._named:
            start, end = spans[index]
            if start >= 0:
                found[name] = text[start:end] if plain else raw[start:end].decode()
        return found

    def masked(self, text: str) -> str:
        return cast(bytes, self._substitute(_mask, text.encode())).decode() if self.test(text) else text


class _Backtracking:
    """The `regex` package under a time budget, ASCII classes as RE2's."""

    def __init__(self, expression: str, why: str = "") -> None:
        import regex  # only where a pattern needs it: 14 ms and 3.5 MB

        try:
            self._compiled = regex.compile(_TOKEN.sub(_as_re2, expression), regex.ASCII)
        except (regex.error, RecursionError) as error:
            raise ValueError(f"the pattern is no regular expression: {why or error}") from error
        self.groups = tuple(sorted(self._compiled.groupindex, key=self._compiled.groupindex.__getitem__))
        _refuse_twice(list(self.groups), expression)

    def know(self, text: str) -> None:
        """Its search is never spared: it is the one that may run out of time."""

    def _search(self, text: str) -> Any:
        with _budget():
            return self._compiled.search(text, timeout=BUDGET)

    def test(self, text: str) -> bool:
        return self._search(text) is not None

    def fields(self, text: str) -> dict[str, str] | None:
        found = self._search(text)
        if found is None:
            return None
        return {name: value for name, value in found.groupdict().items() if value is not None}

    def masked(self, text: str) -> str:
        with _budget():
            return cast(str, self._compiled.sub(_mask, text, timeout=BUDGET))


_ESCAPE = re.compile(r"\\x\{[0-9A-Fa-f]+\}|\\.", re.DOTALL)
SET = r"\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]"
"""A set of characters, in a regular expression."""
_TOKEN = re.compile(rf"{_ESCAPE.pattern}|{SET}|\$|\{{(?!\d+(?:,\d*)?\}}|,\d+\}})", re.DOTALL)
"""An escape, a set, an end of line, or a brace that counts nothing. `{,3}` is plain text to RE2, and a count to all who
write what RE2 refuses."""


def _as_re2(token: re.Match[str]) -> str:
    """What `regex` must read to understand what RE2 would. Raises ValueError where it cannot."""
    text = token[0]
    if text.startswith("["):
        return _ESCAPE.sub(lambda one: _escape_as_re2(one[0], _BLANKS), text)
    return {"$": r"\Z", "{": r"\{"}.get(text) or _escape_as_re2(text, f"[{_BLANKS}]")


def _escape_as_re2(text: str, blanks: str) -> str:
    if text in (r"\p", r"\P"):
        raise ValueError(f"{text} is known to RE2 alone, which is not installed or does not take the rest of the "
                         "pattern; write the characters themselves")
    if text.startswith(r"\x{"):
        return re.escape(chr(int(text[3:-1], 16)))
    return {r"\s": blanks, r"\z": r"\Z"}.get(text, text)


def _mask(found: Any) -> Any:
    """MASK for a match; nothing for an empty one, which has nothing to hide."""
    return (MASK if isinstance(found[0], str) else MASK.encode()) if found[0] else found[0]


@contextmanager
def _budget() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise OverBudget(f"the pattern took over {BUDGET * 1000:.0f} ms on one line") from None


def _refuse_twice(names: list[str], expression: str) -> None:
    for name in names:
        if expression.count(f"(?P<{name}>") + expression.count(f"(?<{name}>") > 1:
            raise ValueError(f"two groups are named {name!r}; give each its own name")


def _sentence(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
