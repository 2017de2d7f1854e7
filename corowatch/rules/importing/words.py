"""Words that each match of a pattern holds: what a `grep` in front may look for, so that other lines cost nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from corowatch.core.pattern import Pattern
from corowatch.engines.syntax import Alt, Cat, Chars, Node, NotRead, Repeat, read

SHORTEST, MOST = 4, 8
"""Characters of a word that is worth it, and how many words may stand for a pattern."""

_WORDS = re.compile(r"\w(?:\W?\w)+", re.ASCII)
_HEAD = re.compile(r"\^?(?:\(\?P<\w+>)?(?P<text>(?:[A-Za-z0-9 ]|\\[^\w\s])+)(?![?*+{])")
_MARKS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()|]", re.DOTALL)


def words_of(patterns: Iterable[str]) -> list[str]:
    """Words of which each line that one of the patterns matches holds one; none where a pattern needs no word.

    A word has no two characters in a row that are none of a word: it stands whole in a line from which a time was cut
    out, or in what is left of it, in both or in neither.
    """
    found: list[str] = []
    for pattern in patterns:
        words = _words_in(pattern)
        if not words:
            return []
        found += words
    return [word for word in dict.fromkeys(found) if not any(other in word for other in found if other != word)]


def _words_in(pattern: str) -> Sequence[str]:
    if not Pattern(pattern).linear:
        return _at_head(pattern)
    try:
        return _best(read(pattern))
    except NotRead:
        return _at_head(pattern)


def _at_head(pattern: str) -> Sequence[str]:
    """The word that a pattern begins with, which only a backtracking engine reads."""
    depth = 0
    for mark in _MARKS.finditer(pattern):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if mark[0] == "|" and depth == 0:
            return ()
    found = _HEAD.match(pattern)
    if found is None or (found[0].lstrip("^").startswith("(") and "|" in pattern):
        return ()
    return _longest(re.sub(r"\\(.)", r"\1", found["text"]))


def _best(node: Node) -> Sequence[str]:
    """Of all that a match must hold, the words of which the shortest is longest."""
    return max(_all(node), key=_worth, default=())


def _worth(words: Sequence[str]) -> int:
    return min(map(len, words)) if 0 < len(words) <= MOST else 0


def _all(node: Node) -> Iterator[Sequence[str]]:
    if isinstance(node, Alt):
        each = [_best(part) for part in node.parts]
        if all(each):
            yield [word for words in each for word in words]
    elif isinstance(node, Repeat):
        if node.least:
            yield from _all(node.part)
    elif isinstance(node, Cat):
        text = ""
        for part in [*_flat(node), None]:
            if isinstance(part, Chars) and len(part.bytes) == 1 and not part.wide:
                text += chr(next(iter(part.bytes)))
                continue
            yield _longest(text)
            text = ""
            if part is not None:
                yield from _all(part)


def _flat(node: Cat) -> Iterator[Node]:
    for part in node.parts:
        if isinstance(part, Cat):
            yield from _flat(part)
        else:
            yield part


def _longest(text: str) -> Sequence[str]:
    words = [word for word in _WORDS.findall(text) if len(word) >= SHORTEST and word.isascii() and word.isprintable()]
    return [max(words, key=len)] if words else ()
