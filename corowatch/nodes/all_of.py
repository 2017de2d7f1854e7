from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeAlias

from corowatch.core.events import Consumer, Event, Evidence, Fields, Here, Target, Tick, rfc3339
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Captures, Counts, Gate, node
from corowatch.core.memory import Memory
from corowatch.core.pattern import Pattern, found_by
from corowatch.core.standing import resting, span
from corowatch.core.values import AtLeast, FieldName, Seconds

SHOWN = 10
"""Lines that an alert shows, the triggering one among them."""

Part: TypeAlias = tuple[list[float], dict[str, str], list[Evidence]]
"""Of one pattern: the times of its newest events, oldest first, what the last captured, and the newest lines."""
State: TypeAlias = tuple[list[Part], float, int]
"""Of each pattern its part; rests until; suppressed."""


@dataclass(init=False, eq=False, repr=False)
class Counted(Pattern):
    """A pattern, and how many events must match it."""

    pattern: Annotated[Pattern, "searched for anywhere in the line"]
    at_least: Annotated[int, "so many events must match it", AtLeast(1)] = 1

    def __init__(self, pattern: Pattern, at_least: int = 1) -> None:
        super().__init__(pattern.source)
        self.at_least = at_least

    def _identity(self) -> tuple[object, ...]:
        return *super()._identity(), self.at_least

    def __repr__(self) -> str:
        return f"Counted({self.source!r}, {self.at_least})"


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where there is nothing beside."""
    if len(options["of"]) < 2:
        raise ValueError("`of` needs two patterns at least; for one, there are `grep` and `threshold`")


def standing(options: Mapping[str, Any], state: State, due: float | None) -> str:
    """How often each pattern was matched."""
    parts, until, suppressed = state
    if until and not any(part[0] for part in parts):
        return resting(until, suppressed)
    counted = (f"{len(part[0])} of {pattern.at_least}" for part, pattern in zip(parts, options["of"], strict=True))
    return f"{', '.join(counted)} within {span(options['within'])}"


@node(adds=("count", "first", "last", "suppressed"), check=check, standing=standing)
def all_of(
    target: Target[Event],
    *,
    of: Annotated[tuple[Counted, ...], "what must come, in any order; `at_least` so often each", Gate, Captures],
    within: Annotated[Seconds, "the newest of all of them span at most this, inclusive"],
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key is counted alone"] = (),
    rest: Annotated[Seconds | None, "silence of a key after it fired (default: `within`)"] = None,
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten (default: 2 × `within`)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[State]],
    counts: Counts[Literal["fired", "suppressed", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Pass on the event with which each pattern of a list was matched, or often enough, `within` a time.

    It fires when the newest events of a key, `at_least` so many of each pattern, all together span at most `within`. An
    event that several patterns match counts for each. What passes has the fields that the last event of each pattern
    captured (its own first, then those of the later pattern), `count` (of all that had to come), `first` and `last`
    (times) and `suppressed`: how many events came while the key rested before. An alert shows the newest lines of each
    pattern, ten at most.

    The window empties when it fires, and what comes while the key rests opens none. An event older than the newest by
    more than `lateness` is counted `late`. Beyond `max_keys` the key longest untouched goes with its window. Nothing is
    sent at close: open windows and rests survive a restart.

        all_of: {of: ['I/O error', {pattern: 'EXT4-fs error', at_least: 3}], within: 10m}
    """
    silence = within if rest is None else rest
    # One at rest must not be forgotten before it has rested.
    keys: Keyed[State] = Keyed(memory, counts, here, by=by, max_keys=max_keys,
                               expire=max(expire or 2 * within, 2 * silence), lateness=lateness)
    nothing: list[Part] = [([], {}, []) for _ in of]
    count = sum(pattern.at_least for pattern in of)
    try:
        while True:
            item = yield
            if not isinstance(item, Event):
                keys.pass_time(item.at)
                continue
            matched, captured = found_by(of, item.text)
            if not matched or (name := keys.admit(event := item.having(captured))) is None:
                continue
            parts, until, suppressed = keys.get(name) or (nothing, 0.0, 0)
            if event.when < until:
                counts["suppressed"] += 1
                keys.put(name, (parts, until, suppressed + 1))
                continue
            parts = [with_event(part, pattern, event, captured, SHOWN // len(of)) if number in matched else part
                     for number, (part, pattern) in enumerate(zip(parts, of, strict=True))]
            came = [part[0] for part in parts if part[0]]
            first, last = min(times[0] for times in came), max(times[-1] for times in came)
            if sum(map(len, came)) < count or last - first > within:
                keys.put(name, (parts, until, suppressed))
                continue
            counts["fired"] += 1
            keys.put(name, (nothing, event.when + silence, 0))
            told: Fields = {"count": count, "first": rfc3339(first), "last": rfc3339(last), "suppressed": suppressed}
            target.send(item.having({**fields_of(parts), **captured, **told}, key=keys.key(name),
                                    past=lines_of(parts, event.evidence()), count=count))
    except GeneratorExit:
        return counts


def with_event(part: Part, pattern: Counted, event: Event, captured: dict[str, str], shown: int) -> Part:
    """A pattern's part with one event more, and without what is too many."""
    times, _, lines = part
    lines = sorted([*map(Evidence.of, lines), event.evidence()], key=attrgetter("at"))
    return sorted([*times, event.when])[-pattern.at_least:], captured, lines[-min(pattern.at_least, max(1, shown)):]


def fields_of(parts: list[Part]) -> dict[str, str]:
    """What the last event of each pattern captured."""
    return {name: text for _, captured, _ in parts for name, text in captured.items()}


def lines_of(parts: list[Part], last: Evidence) -> tuple[Evidence, ...]:
    """The lines of all patterns, oldest first, but for the last one."""
    lines = dict.fromkeys(Evidence.of(line) for *_, lines in parts for line in lines)
    lines.pop(last, None)
    return tuple(sorted(lines, key=attrgetter("at")))[1 - SHOWN:]
