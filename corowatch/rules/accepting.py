"""A file of accepted templates, as `unexpected` reads it: what is added to it of the lines of logs.

What stands there stays as it is, comments, too, so that a change shows what is new and nothing else.
"""

from __future__ import annotations

import os
import re

from corowatch.core.accepted import Accepted, AcceptedFile, template_of, words_of
from corowatch.core.events import Event
from corowatch.core.masks import alike
from corowatch.core.text import capped, safe
from corowatch.durable import only_one, replace
from corowatch.rules.templates import Template, Templates
from corowatch.tables import table_file

_COMMENT = re.compile("^\ufeff?#", re.MULTILINE)
_CONFIG = re.compile(r"^(?:flows|sinks|defaults|tests): *(?:[\[{#][^\t\n]*)?\r?$", re.MULTILINE)
HEAD = """\
# What is expected, as `corowatch accept` writes it and the step `unexpected` reads it. One template a line, behind tabs
# how often it was seen and its first line; <num>, <ip> and the like stand for such, <*> for any word or part of one.
"""
EXAMPLE = 200
"""Characters of a line that are shown."""


_READING = AcceptedFile()


class Accepting:
    """The templates of a file, and those of lines that none of them explains. Raises ValueError where the file is
    wrong, and OSError where it cannot be read."""

    def __init__(self, path: str) -> None:
        self._path = path
        _, self._accepted = self._read()
        self.templates = Templates()
        """Of the lines that are not explained."""
        self.explained = 0
        """Lines that are."""

    def _read(self) -> tuple[str, Accepted]:
        """What stands in the file, and the templates of it."""
        if not os.path.exists(self._path):
            return HEAD, Accepted(())
        with open(self._path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read()
        if text and (_CONFIG.search(text) or not _COMMENT.search(text)):
            raise ValueError(f"{self._path} is no file of templates, which begins with a comment (# …) as `corowatch "
                             "accept` writes it; the file of templates is named first, and the logs behind it")
        return text, table_file(self._path).open(_READING).rows

    def add(self, event: Event) -> None:
        """A line."""
        words = words_of(event.text)
        if words and not self._accepted.explain(words):
            self.templates.add(event)
        else:
            self.explained += 1

    def __len__(self) -> int:
        """How many templates stand in the file."""
        return len(self._accepted)

    def new(self) -> list[Template]:
        """What would be added, in the order in which it would stand there."""
        return sorted(self.templates, key=lambda one: _told(one))

    def save(self) -> int:
        """Add it to the file, which is replaced at once, but for what was added to that meanwhile. Gives how many are
        added. Raises OSError, and ValueError where the file is wrong by now."""
        with only_one(os.path.dirname(os.path.realpath(self._path))):
            text, accepted = self._read()
            rows = [f"{_told(one)}\t{one.count}\t{capped(safe(one.example), EXAMPLE)}\n" for one in self.new()
                    if not accepted.explain(_words(one))]
            if rows or not os.path.exists(self._path):
                between = "" if text.endswith("\n") else "\n"
                replace(self._path, "".join((text, between, *rows)).encode("utf-8", "surrogateescape"))
        return len(rows)


def _words(template: Template) -> tuple[str, ...]:
    return tuple(alike(str(word)) for word in template.words)


def _told(template: Template) -> str:
    return template_of(_words(template))
