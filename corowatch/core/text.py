"""Texts with `{field}` in them, and how text from a log is made fit for people.

A text is expanded once: what comes out of a field is never looked at again. There are no attributes or indexes, and
two ways to show a value: `{duration:span}` is 1m30s for 90, `{first:time}` is 2026-11-22 10:00:00Z for a time. `{{` and
`}}` are braces, anything else in braces is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from corowatch.core.events import Value
from corowatch.core.standing import clock, span

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# C0, DEL and C1 controls, line and paragraph separator, bidi marks, embeddings and isolates (CVE-2021-42574),
# zero-width and byte-order mark. A tab is a blank to people, so it becomes \t as well.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:\+00:00|Z)")
_LAST = 253402300799.0
"""The end of the year 9999, in seconds since the epoch."""
MOST = 4096
"""Characters of a text for people that are shown; a word of a command has 128 KiB at most (execve(2))."""
_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def safe(text: str) -> str:
    """Return `text` as one line that cannot write to a terminal, forge a second line or turn the reading
    direction: each control character becomes its escape, such as `\\x1b` (CWE-117, CWE-150)."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escaped, text)


def in_one_line(text: str) -> str:
    """Return the first line of `text`, safe, and how many more there are."""
    first, *more = text.rstrip("\n").split("\n")
    return safe(first) + (f" (+ {many(len(more), 'line')})" if more else "")


def capped(text: str, most: int = MOST) -> str:
    """Return the first `most` characters of `text`, and "…" where there were more."""
    return text if len(text) <= most else f"{text[:most]}…"


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    if char in _SHORT:
        return _SHORT[char]
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


def many(count: int, noun: str) -> str:
    """`1 file`, `2 files`, `1,000 files`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


_ONE = {"alerts": "alert", "bytes": "byte", "entries": "entry", "files": "file", "lines": "line",
        "truncations": "truncation"}


def numbers(counts: Mapping[str, object]) -> str:
    """What was counted, without what was not: `1 line, 240 bytes lost`."""
    told = []
    for counter, value in counts.items():
        if isinstance(value, int) and value:
            what, *more = counter.split("_")
            told.append(" ".join([f"{value:,}", _ONE.get(what, what) if value == 1 else what, *more]))
    return ", ".join(told)


def shown(value: Value) -> str:
    """A field's value as text: nothing for an absent one, 5 rather than 5.0."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _as_span(value: Value) -> str:
    """Seconds as people say them, whole ones from a minute on; anything else as it is."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return shown(value)
    return span(value if abs(value) < 60 else round(value))


def _as_time(value: Value) -> str:
    """A time, as nodes add it or in seconds since the epoch, to the second; anything else as it is."""
    if isinstance(value, str) and (found := _TIME.match(value)):
        return f"{found[1]} {found[2]}Z"
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _LAST:
        return clock(value)
    return shown(value)


_WAYS: Mapping[str, Callable[[Value], str]] = {"": shown, "span": _as_span, "time": _as_time}


def rendered(tree: object, values: Mapping[str, Value]) -> object:
    """A mapping or list with its Texts rendered, at any depth."""
    if isinstance(tree, Text):
        return tree.render(values)
    if isinstance(tree, dict):
        return {key: rendered(item, values) for key, item in tree.items()}
    return [rendered(item, values) for item in tree] if isinstance(tree, list) else tree


class Text:
    """A parsed text. Raises ValueError, saying what to write instead, if it is not well formed."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._pieces: list[tuple[str, str | None, Callable[[Value], str]]] = []
        at = 0
        literal = ""
        for found in _PIECE.finditer(source):
            literal += source[at:found.start()]
            at = found.end()
            name, _, way = (found[1] or "").partition(":")
            if found[0] in ("{{", "}}"):
                literal += found[0][0]
            elif found[1] is None:
                raise ValueError(f"a lone {found[0]!r} in a text; write it twice, {found[0] * 2!r}, to mean the brace")
            elif not FIELD.fullmatch(name):
                raise ValueError(f"{found[0]!r} is no field name; write {{name}}, or {{{{ and }}}} to mean braces")
            elif way not in _WAYS or found[1].endswith(":"):
                raise ValueError(f"{found[0]!r} is no way to show a value; there are {{{name}:span}}, 1m30s for 90, "
                                 f"and {{{name}:time}}, 2026-11-22 10:00:00Z for a time")
            else:
                self._pieces.append((literal, name, _WAYS[way]))
                literal = ""
        self._pieces.append((literal + source[at:], None, shown))

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that the text names, in order."""
        return tuple(name for _, name, _ in self._pieces if name is not None)

    def render(self, values: Mapping[str, Value]) -> str:
        """The text with each field in its place; an absent field is empty."""
        return "".join(
            literal if name is None else literal + show(values.get(name)) for literal, name, show in self._pieces
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Text) and self.source == other.source

    def __hash__(self) -> int:
        return hash(self.source)

    def __repr__(self) -> str:
        return f"Text({self.source!r})"
