"""Accepted templates: what is expected of a log, as people have looked it through.

A file has one in each line: the template, and behind a tab what its reader may want to know, such as how often it was
seen and one of its lines. `<num>`, `<ip>` and the like stand for what `masks` masks, `<*>` for any word, or any part of
one. A line has a template if it has as many words, each the same; of a long one, the first 64 words count.

    sshd[<num>]: Accepted publickey for <*> from <ip> port <num> ssh2	240	sshd[811]: Accepted publickey for anna …
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from corowatch.core.masks import SIGNED, WILD, WORDS, alike, masked, read, shown, signed, unsaid
from corowatch.core.table import texts
from corowatch.core.text import safe

ALIKE = 0.7
"""The share of words that two lines of one template have in common; that of `suggest`, too."""
_COMMENT = re.compile(r"\\*#")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a line, as templates have them."""
    return tuple(alike(masked(text)).split())


def template_of(words: Sequence[str]) -> str:
    """A template as it stands in a file."""
    told = shown(" ".join(words))
    return f"\\{told}" if _COMMENT.match(told) else told


def words_in(template: str) -> tuple[str, ...]:
    """The words of a template as it stands in a file."""
    own = template[1:] if template.startswith("\\") and _COMMENT.match(template) else template
    return tuple(read(own).split()[:WORDS])


class Accepted:
    """Templates, and which lines have one. Raises ValueError where the lines are none of a text."""

    noun = "template"

    def __init__(self, lines: Iterable[str]) -> None:
        self.left_out, self.why = 0, ""
        self._all: dict[tuple[str, ...], int] = {}
        # Those that are no line: by how many words they have, and the first and the last that are always the same.
        self._open: dict[int, dict[tuple[int, ...], dict[tuple[str, ...], list[tuple[str, ...]]]]] = {}
        for number, line in enumerate(texts(lines), 1):
            template = line.partition("\t")[0].strip()
            if not template or template.startswith("#"):
                continue
            words = words_in(template)
            if why := vain(words):
                self.left_out += 1
                self.why = self.why or f"no line can have the template in line {number}: {why}"
            else:
                self._add(number, words)

    def _add(self, number: int, words: tuple[str, ...]) -> None:
        if words not in self._all:
            self._all[words] = number
            if any(WILD in word for word in words):
                always = [at for at, word in enumerate(words) if WILD not in word]
                ends = (always[0], always[-1]) if always else ()
                self._open.setdefault(len(words), {}).setdefault(ends, {}).setdefault(
                    tuple(words[at] for at in ends), []).append(words)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return iter(self._all)

    def explain(self, words: tuple[str, ...]) -> bool:
        """Whether a line of these words has one."""
        return self.find(words) is not None

    def find(self, words: tuple[str, ...]) -> tuple[int, tuple[str, ...]] | None:
        """The one that a line of these words has, behind its line in the file; None if it has none."""
        if (number := self._all.get(words)) is not None:
            return number, words
        return next(((self._all[template], template) for ends, said in self._open.get(len(words), {}).items()
                     for template in said.get(tuple(words[at] for at in ends), ()) if has(template, words)), None)


def vain(words: Sequence[str]) -> str:
    """Why no line can have a template, as far as that can be proved; nothing where one may."""
    if unsaid(words):
        return f"what stands before the first word, such as {shown(words[0])}, does not count"
    varies = next((word for word in words if not SIGNED.search(word) and signed(word) != word), None)
    return f"'{safe(varies)}' is always '{shown(signed(varies))}' in a line" if varies else ""


def has(template: Sequence[str], words: Sequence[str]) -> bool:
    """Whether words have a template of as many words."""
    return all(own == word or (WILD in own and _fits(own, word)) for own, word in zip(template, words, strict=True))


def _fits(own: str, word: str) -> bool:
    before, _, behind = own.partition(WILD)
    return len(word) >= len(before) + len(behind) and word.startswith(before) and word.endswith(behind)


def joined(template: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    """The template of both, which have as many words."""
    return tuple(own if own == word else WILD for own, word in zip(template, words, strict=True))


class AcceptedFile(msgspec.Struct, frozen=True):
    """How a file of accepted templates is read."""

    def read(self, lines: Iterable[str]) -> Accepted:
        """The templates. Raises ValueError, saying which line is wrong."""
        return Accepted(lines)
