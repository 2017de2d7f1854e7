"""What a person expects of their rules: lines, when they come, and which alerts there must be then.

    tests:
      - name: five refused logins in a minute are guessing
        flow: ssh-guessing
        lines: 'Failed password for root from 192.0.2.7 port 22'
        repeat: {times: 5, every: 10s}
        then:
          - {at: 40s, alert: {ip: 192.0.2.7, severity: critical}}
          - {quiet_for: 9m}

Times are those after the beginning, which is when the first line comes. Where a test says when lines come, that is
their time; else it is what they tell, and of those that tell none that of the line before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, TypeAlias

from msgspec.structs import replace

from corowatch.core.errors import Place
from corowatch.core.pattern import Pattern
from corowatch.core.values import WRONG, After, AtLeast, FilePath, Given, Reading, Seconds, convert, nearest

START = datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()
"""A Monday, noon: when a test begins whose lines tell no time."""
MOST = 1_000_000
"""Lines of a test."""


NOW = After(0.0)


@dataclass(frozen=True)
class Repeat:
    """How often, and how far apart."""

    times: Annotated[int, "so often", AtLeast(1)]
    every: Annotated[After, "so long after each other"] = NOW


@dataclass(frozen=True)
class Line:
    """A line, or several, and when they come."""

    line: Annotated[str, "the text; a text of several lines is several lines"]
    at: Annotated[After | None, "when it comes, after the beginning (default: at once)"] = None
    repeat: Annotated[Repeat | None, "how often it comes, and how far apart"] = None
    fields: Annotated[dict[str, Any] | None, "fields that it has from its source, such as those of the journal"] = None


@dataclass(frozen=True)
class Reply:
    """What a command of `check` would answer."""

    status: Annotated[int, "its exit status"] = 0
    says: Annotated[str, "what it writes"] = ""
    to: Annotated[Pattern | None, "commands in whose words this is found (default: any)"] = None


Wanted: TypeAlias = Mapping[str, object]
"""Fields that an alert must have, and their values; a Pattern must be found."""


@dataclass(frozen=True)
class Expectation:
    """One thing that must be so. Raises ValueError where it is none, or several."""

    alert: Annotated[Any, "an alert that has these fields, and any others; a text is its title; `true` is any"] = None
    resolved: Annotated[Any, "the same of one that tells that it is over"] = None
    none: Annotated[Any, "there is no such alert; `true`: none at all"] = None
    alerts: Annotated[FilePath | None, "all alerts, and each in its flow's order, as JSON lines: what they name is so"
                      ] = None
    quiet_for: Annotated[Seconds | None, "no alert for so long after the one before, or after the last line"] = None
    at: Annotated[After | None, "when, to a second, after the beginning"] = None
    between: Annotated[tuple[After, ...], "not before the first and not after the second"] = ()
    count: Annotated[int | None, "so many there are, not one more", AtLeast(0)] = None

    def __post_init__(self) -> None:
        kinds = [name for name in KINDS if getattr(self, name) is not None]
        if len(kinds) != 1:
            told = f"`{kinds[0]}` and `{kinds[1]}` are two things; write two items" if kinds else (
                f"expected one of {', '.join(KINDS)}")
            raise ValueError(told)
        if self.at is not None and self.between:
            raise ValueError("`at` and `between` are two ways to say when; leave out one")
        if self.between and (len(self.between) != 2 or self.between[0] > self.between[1]):
            raise ValueError("`between` has two times, such as [30s, 1m]")
        if self.count is not None and kinds[0] not in ("alert", "resolved"):
            raise ValueError(f"`count` belongs to `alert` or `resolved`, not to `{kinds[0]}`")
        if (self.at is not None or self.between) and kinds[0] in ("alerts", "quiet_for"):
            raise ValueError(f"`{kinds[0]}` says by itself when")
        for name in OF_ALERTS:
            object.__setattr__(self, name, _wanted(getattr(self, name)))

    @property
    def wanted(self) -> Wanted:
        """The fields that are asked about."""
        return next((value for name in OF_ALERTS if (value := getattr(self, name)) is not None), {})

    @property
    def ends(self) -> float:
        """Seconds after the beginning up to which time must pass, that it can be told."""
        return (self.at or 0.0) + 1.0 if self.at is not None else self.between[1] if self.between else 0.0


OF_ALERTS = ("alert", "resolved", "none")
KINDS = (*OF_ALERTS, "alerts", "quiet_for")


def _wanted(given: object) -> Wanted | None:
    if given is None or given is True:
        return {} if given else None
    if isinstance(given, str):
        return {"title": given}
    if not isinstance(given, dict):
        raise ValueError("expected the fields of an alert, its title, or `true`")
    return {name: _value(value) for name, value in given.items()}


def _value(value: object) -> object:
    if isinstance(value, dict):
        if value.keys() != {"matches"} or not isinstance(value["matches"], str):
            raise ValueError("expected a value, or {matches: PATTERN}")
        return Pattern(value["matches"])
    if isinstance(value, list):
        raise ValueError("expected a value, found a list")
    return value


@dataclass(frozen=True)
class Case:
    """One test of a config. Raises ValueError where there is nothing to read, or no moment to read it at."""

    name: Annotated[str, "what it shows"] = ""
    flow: Annotated[str | None, "the flow that is asked about (default: all)"] = None
    lines: Annotated[tuple[Line, ...], "lines that come; one text, or a list"] = ()
    repeat: Annotated[Repeat | None, "how often they all come, and how far apart"] = None
    file: Annotated[tuple[FilePath, ...], "logs to read, packed ones too; those of a folder as a file system has them"
                    ] = ()
    start: Annotated[str | None, "when it begins, as 2026-03-02T08:00:00Z"] = None
    until: Annotated[str | None, "when it ends, as 2026-03-02T09:00:00Z (default: with what is expected last)"] = None
    answers: Annotated[tuple[Reply, ...], "what commands of `check` answer: the first that is an answer to them"] = ()
    exactly: Annotated[bool, "there are no other alerts than those expected"] = False
    then: Annotated[tuple[Expectation, ...], "what must be so; an empty list: no alert at all"] = ()

    def __post_init__(self) -> None:
        if not self.lines and not self.file:
            raise ValueError("a test needs `lines`, or a `file`")
        if self.lines and self.file:
            raise ValueError("`lines` and `file` are two tests; leave out one")
        if self.repeat and not self.lines:
            raise ValueError("`repeat` belongs to `lines`")
        for text in (self.start, self.until):
            if text is not None:
                moment(text)
        if sum(line.repeat.times if line.repeat else 1 for line in self.lines) * (
                self.repeat.times if self.repeat else 1) > MOST:
            raise ValueError(f"more than {MOST:,} lines")

    @property
    def called(self) -> str:
        """Its name, else what it is about."""
        return self.name or self.flow or "test"

    @property
    def timed(self) -> bool:
        """Whether it says itself when lines come."""
        return bool(self.start or (self.repeat and self.repeat.every) or any(
            line.at is not None or (line.repeat and line.repeat.every) for line in self.lines))

    @property
    def began(self) -> float:
        """When it begins, where its lines do not tell (seconds since the epoch)."""
        return START if self.start is None else moment(self.start)

    def coming(self) -> list[tuple[float, str, Mapping[str, Any]]]:
        """Each line that comes, how long after the beginning (seconds), and its fields; in the order of their times."""
        coming = []
        for round_ in range(self.repeat.times if self.repeat else 1):
            now = round_ * (self.repeat.every if self.repeat else 0.0)
            for line in self.lines:
                now = now if line.at is None else round_ * (self.repeat.every if self.repeat else 0.0) + line.at
                again = line.repeat or Repeat(1)
                for nth in range(again.times):
                    now += again.every if nth else 0.0
                    coming += [(now, text, line.fields or {}) for text in line.line.removesuffix("\n").split("\n")]
        return sorted(coming, key=lambda one: one[0])


def moment(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time; without a zone, UTC. Raises ValueError with the cure."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time; write 2026-03-02T08:00:00Z") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


class Placed(NamedTuple):
    """A test, and where it and each of its expectations is written."""

    case: Case
    place: Place
    then: tuple[tuple[Expectation, Place], ...]


def read_cases(given: Given, reading: Reading, flows: Sequence[str]) -> list[Placed]:
    """The tests that stand in a section `tests`; what is wrong is told, and left out."""
    if given.value is None:
        return []
    if not isinstance(given.value, list):
        reading.wrong(given.place, f"expected a list of tests, found {given.what}")
        return []
    return [case for item in given.value if (case := _case(item, reading, flows)) is not None]


def _case(given: Given, reading: Reading, flows: Sequence[str]) -> Placed | None:
    if not isinstance(given.value, dict):
        reading.wrong(given.place, f"expected a test with lines and what is expected, found {given.what}")
        return None
    then = given.value.get("then")
    if then is None or then.value is None:
        reading.wrong(given.place, "a test says what is expected: write `then:`, with `[]` for no alert at all")
        rest = {name: item for name, item in given.value.items() if name != "then"}
        convert(replace(given, value=rest), Case, reading)  # what else is wrong is told, too
        return None
    silent = then.value == []
    kept = {name: item for name, item in given.value.items() if name != "then" or not silent}
    case = convert(replace(given, value=kept), Case, reading)
    flow = given.value.get("flow")
    if flow is not None and flow.text and flow.text not in flows:
        near = nearest(flow.text, flows) or f"; there are {', '.join(flows)}"
        case = reading.wrong(flow.place, f"no flow {flow.text!r}{near}")
    if case is WRONG:
        return None
    if silent:
        return Placed(case, given.place, ((Expectation(none=True), then.place),))
    items = then.value if isinstance(then.value, list) else [then]
    return Placed(case, given.place, tuple(zip(case.then, (item.place for item in items), strict=True)))
