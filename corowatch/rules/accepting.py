"""A file of accepted templates, as `unexpected` reads it: what is added to it of the lines of logs.

What stands there stays as it is, comments, too, so that a change shows what is new and nothing else.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from corowatch.core.accepted import Accepted, AcceptedFile, template_of, words_of
from corowatch.core.events import Event
from corowatch.core.masks import alike
from corowatch.core.text import capped, safe
from corowatch.rules.templates import Template, Templates
from corowatch.tables import table_file

_COMMENT = re.compile("^#", re.MULTILINE)
_CONFIG = re.compile("^(?:flows|sinks|defaults|tests):", re.MULTILINE)
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
        self._text, self._accepted = HEAD, Accepted(())
        if os.path.exists(path):
            self._text = Path(path).read_text(encoding="utf-8", errors="backslashreplace")
            if self._text and (_CONFIG.search(self._text) or not _COMMENT.search(self._text)):
                raise ValueError(f"{path} is no file of templates, which begins with a comment (# …) as `corowatch "
                                 "accept` writes it; the file of templates is named first, and the logs behind it")
            self._accepted = table_file(path).open(_READING).rows
        self.templates = Templates()
        """Of the lines that are not explained."""
        self.explained = 0
        """Lines that are."""

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

    def save(self) -> None:
        """Add it to the file, which is replaced at once. Raises OSError."""
        rows = [f"{_told(one)}\t{one.count}\t{capped(safe(one.example), EXAMPLE)}\n" for one in self.new()]
        text = self._text if self._text.endswith("\n") else f"{self._text}\n"
        real = os.path.realpath(self._path)
        beside = f"{real}.new"
        with open(beside, "w", encoding="utf-8") as file:
            file.write("".join((text, *rows)))
        if os.path.exists(real):
            shutil.copymode(real, beside)
        os.replace(beside, real)


def _told(template: Template) -> str:
    return template_of([alike(str(word)) for word in template.words])
