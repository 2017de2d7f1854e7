"""Which lines of a file belong together, as an option says it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Literal, TypeAlias

from corowatch.core.containers import ENVELOPES, Containers
from corowatch.core.events import Block, Target
from corowatch.core.lines import shown
from corowatch.core.pattern import Pattern
from corowatch.core.records import WHOLE, Joiner, Joins, Records
from corowatch.core.traces import TRACES, Traces
from corowatch.core.values import AtLeast, Seconds, Size
from corowatch.engines.gate import at_start

Form: TypeAlias = Literal["python", "java", "node", "go", "dotnet", "ruby", "rust", "php", "dart", "indent", "cri",
                          "docker-json"]
_OPEN = "open"


@dataclass(frozen=True, repr=False)
class Multiline:
    """How records of several lines are told: by the traces of some languages, or by patterns of single lines.

    Raises ValueError where these do not go together.
    """

    as_: Annotated[tuple[Form, ...], "languages whose traces are joined; `indent`: a line that begins with a blank "
                   "belongs to the one before; `cri`, `docker-json`: a container's lines, without envelopes"] = ()
    start: Annotated[Pattern | None, "a line that begins a record; those that follow belong to it"] = None
    continue_: Annotated[Pattern | None, "a line that belongs to the record before; others do not"] = None
    end: Annotated[Pattern | None, "a line that is the last of its record"] = None
    unfinished: Annotated[Pattern | None, "a line that the next one belongs to"] = None
    timeout: Annotated[Seconds, "a record is whole when nothing more came for so long"] = Seconds(1.0)
    max_lines: Annotated[int, "a record has no more lines", AtLeast(1)] = 500
    max_bytes: Annotated[Size, "a record is no longer"] = Size(65536)

    def __post_init__(self) -> None:
        rules = any((self.start, self.continue_, self.end))
        if not (self.as_ or rules or self.unfinished):
            raise ValueError("expected a language, `indent`, or one of the patterns `start`, `continue`, `end` and "
                             "`unfinished`")
        if self.as_ and (rules or self.unfinished):
            raise ValueError("`as` and patterns are two ways to say which lines belong together; leave out one")
        if self.unfinished and rules:
            raise ValueError("`unfinished` says by itself which lines belong together; leave out the other patterns")
        if "indent" in self.as_ and set(self.as_) & TRACES.keys():
            raise ValueError("`indent` is of no use beside a language; leave out one or the other")

    def __repr__(self) -> str:
        """Without what is at its default, so that a position is kept where another option is added one day."""
        chosen = [f"{field.name}={value!r}" for field in fields(self)
                  if (value := getattr(self, field.name)) != field.default]
        return f"Multiline({', '.join(chosen)})"

    def records(self, target: Target[Block]) -> Joins:
        """What joins the lines of one file."""
        envelopes = [form for form in self.as_ if form in ENVELOPES]
        joiner = self._joiner([form for form in self.as_ if form not in ENVELOPES])
        if envelopes:
            return Containers(target, envelopes, joiner, max_lines=self.max_lines, max_bytes=self.max_bytes)
        assert joiner is not None
        return Records(target, joiner, max_lines=self.max_lines, max_bytes=self.max_bytes)

    def _joiner(self, forms: Sequence[Form]) -> Joiner | None:
        if "indent" in forms:
            return ByPatterns(continues=lambda line: line[:1] in (" ", "\t"), joints=re.compile(rb"\n(?=[ \t])"))
        if self.as_:
            return Traces(forms) if forms else None
        starts, continues, ends, unfinished = (
            None if one is None else one.test for one in (self.start, self.continue_, self.end, self.unfinished))
        return ByPatterns(starts, continues, ends, unfinished, self._joints())

    def _joints(self) -> re.Pattern[bytes] | None:
        """What finds the newlines before lines that belong to the one before, in lines of ASCII."""
        if self.end or bool(self.start) == bool(self.continue_):
            return None
        found = at_start(self.start or self.continue_)  # type: ignore[arg-type]
        return None if found is None else re.compile(rb"\n(?%b%b)" % (b"!" if self.start else b"=", found))


Test: TypeAlias = Callable[[str], bool]


class ByPatterns:
    """A Joiner that asks of single lines, as they are shown, whether they start, continue or end a record, or leave it
    unfinished; None: of none that is known."""

    def __init__(self, starts: Test | None = None, continues: Test | None = None, ends: Test | None = None,
                 unfinished: Test | None = None, joints: re.Pattern[bytes] | None = None) -> None:
        self.joints = joints
        self._starts = starts
        self._continues = continues
        self._ends = ends
        self._unfinished = unfinished

    def opens(self, data: bytes, at: int) -> int:
        return at

    def begin(self, line: bytes) -> str:
        text = shown(line)
        if self._unfinished is not None:
            return _OPEN * self._unfinished(text)
        if self._starts is not None and not self._starts(text):
            return ""
        return "" if self._ends is not None and self._ends(text) else _OPEN

    def go_on(self, state: str, line: bytes) -> str:
        text = shown(line)
        if self._unfinished is not None:
            return _OPEN if self._unfinished(text) else WHOLE
        if self._continues is not None:
            if not self._continues(text):
                return ""
        elif self._starts is not None and self._starts(text):
            return ""
        return WHOLE if self._ends is not None and self._ends(text) else _OPEN
