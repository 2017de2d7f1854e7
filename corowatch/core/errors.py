"""Who is at fault.

    Exception
    ├── ConfigError     the operator: what they wrote, every mistake at once, each with its place
    ├── StateRefused    the state directory: unreadable, foreign, newer or in use; nothing was touched
    ├── StateLost       the disk: what was written last may not be there; only a new start can tell
    ├── Undelivered     the world: a sink could not be reached, or refuses for good
    ├── Misread         an expression that is none, at which of its characters; told as a part of ConfigError
    └── OverBudget      a line that took a backtracking pattern too long

Anything else is a bug of ours, or of a user's node, and keeps its traceback.
"""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """Where something was written; line and column count from 1. Line 0: the file as a whole."""

    file: str
    line: int = 0
    col: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.col}" if self.line else self.file


class Mistake(NamedTuple):
    """One thing wrong in a config: where, what, and the line itself to point at."""

    place: Place
    what: str
    source: str = ""

    def __str__(self) -> str:
        told = f"{self.place}: {self.what}"
        if not self.source.strip():
            return told
        shown = self.source.replace("\t", " ")
        return f"{told}\n    {shown}\n    {' ' * (self.place.col - 1)}^"


class ConfigError(Exception):
    """What an operator wrote cannot be used; `mistakes` holds all that was found."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__(mistakes)
        self.mistakes = sorted(dict.fromkeys(mistakes), key=lambda m: m.place)

    def __str__(self) -> str:
        return "\n".join(map(str, self.mistakes))


class Misread(ValueError):
    """What is wrong with an expression, at which of its characters (from 0)."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.at = at


class StateRefused(Exception):
    """The state directory cannot be used as it is; it was left untouched."""


class StateLost(Exception):
    """The disk did not confirm what was written: what is on it is not known until it is opened anew.

    To sync again would tell of success without any: https://lwn.net/Articles/752063/.
    """


class Undelivered(Exception):
    """A sink could not deliver. `permanent`: trying again is of no use; `after`: not before so many seconds."""

    def __init__(self, why: str, *, permanent: bool = False, after: float = 0.0) -> None:
        super().__init__(why)
        self.why = why
        self.permanent = permanent
        self.after = after


class OverBudget(Exception):
    """A backtracking pattern took longer than its budget on one line; the line was skipped."""
