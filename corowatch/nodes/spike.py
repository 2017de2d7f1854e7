from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from corowatch.core.comparing import BOTH, Pane, Windows, many
from corowatch.core.events import Consumer, Event, Here, Target, Tick
from corowatch.core.keyed import ALL, Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.memory import Memory
from corowatch.core.panes import PANES, ending, grown, place
from corowatch.core.standing import resting
from corowatch.core.values import AtLeast, FieldName, Seconds

EVIDENCE = 9
"""Earlier lines of a window that an alert shows; the triggering one is the tenth."""

State: TypeAlias = tuple[list[Pane], float, float, int, Event | None]
"""Panes, watched since, rests until, suppressed, and the last event, which tells that there is less."""


def adds(options: Mapping[str, Any]) -> Iterable[str]:
    """What it tells of both windows, and the figure under its name where there is one."""
    return ("count", "before", "times", "direction", "suppressed", *([options["show"]] if options["of"] else ()))


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where options do not go together, or every window is a spike."""
    if options["times"] <= 1:
        raise ValueError("`times` must be more than 1, or what stays the same is a spike")
    if options["expire"] is not None and not options["by"]:
        raise ValueError("`expire` belongs to `by`: what is watched as a whole is never forgotten")
    if options["expire"] is not None and options["expire"] < 2 * options["within"]:
        raise ValueError("`expire` must be twice `within` at least, or a key is forgotten before it is compared")


def standing(options: Mapping[str, Any], state: State, due: float | None) -> str:
    """How many came lately."""
    panes, _, until, suppressed, _ = state
    if suppressed:
        return resting(until, suppressed)
    return f"{sum(pane[1] for pane in panes)} in both windows"


@node(adds=adds, check=check, standing=standing)
def spike(
    target: Target[Event],
    *,
    times: Annotated[float, "so many times as much as before"],
    within: Annotated[Seconds, "as long is each of the two windows, by twelfths"],
    at_least: Annotated[int, "so many events in the window with more, of a figure in both", AtLeast(1)],
    direction: Annotated[Literal["up", "down", "both"], "what is told: that there is more, or less"] = "up",
    of: Annotated[FieldName | None, "compare the numbers of this field, not how many events there are"] = None,
    show: Annotated[Literal["avg", "sum", "min", "max"], "the figure of these numbers that is compared"] = "avg",
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key is compared with itself"] = (),
    rest: Annotated[Seconds | None, "silence of a key after it fired (default: 2 × `within`)"] = None,
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten (default: never)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[State]],
    counts: Counts[Literal["fired", "suppressed", "unkeyed", "non_numeric", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    """Tell when there is so many `times` as much as before, or so many times less: of events, or of a field's numbers.

    Compared are two windows, of which one ends where the other begins. They go by twelfths of `within`, counted from
    the epoch: the newer is the twelfth of the key's newest event and the eleven before. More (`up`) is told by the
    event by which it is so. Less (`down`) is found as time passes, at the end of a twelfth, and told with the last
    event of the key, at that moment. A key is not judged before both windows have passed since its first event, without
    `by` since the first word of the time. From nothing to `at_least` is a spike, too; with `of` both windows must have
    so many, and figures above zero.

    It adds `count` (events in the newer window), `before` (events, or the figure, in the older), `times` (rounded,
    absent where there was nothing before), `direction` (`up` or `down`), with `of` the figure under its name, and
    `suppressed`: how many came while the key rested before. While it rests, events go on to be counted in the windows.

    An event without a number (up to ±10¹⁸) in the field `of` is counted `non_numeric`. One that is older by up to
    `lateness` counts where its time belongs, and takes nothing back. Beyond `max_keys` the key longest untouched goes.
    Nothing is sent at close: windows and rests survive a restart.

        spike: {times: 3, within: 10m, at_least: 50, by: status}
    """
    # Of twice the length, or one rise would be told again while the older window still has of what was before.
    silence = 2 * within if rest is None else rest
    windows = Windows(of, show, times, at_least, within, here)
    keys: Keyed[State] = Keyed(memory, counts, here, by=by, max_keys=max_keys, expire=expire,
                               lateness=lateness)
    try:
        while True:
            item = yield
            for ended, deadline, state in keys.due(item.when):
                end = ending(deadline, within)
                panes, since, until, suppressed, last = state
                found = windows.compared(panes, since, end) if deadline >= until else None
                if found is None or not windows.fell(*found):
                    # Where nothing came and yet it did not fall, it will not before something comes.
                    over = found is not None and not found[0]
                    keys.amend(ended, state, None if over else windows.next_end(end + 1, since, until))
                    continue
                counts["fired"] += 1
                until = deadline + silence
                keys.amend(ended, (panes, since, until, 0, last), windows.next_end(end + 1, since, until))
                told = windows.told(*found) | {"direction": "down", "suppressed": suppressed}
                target.send(Event.of(last).having(told, key=keys.key(ended), tick=deadline))
            if not isinstance(item, Event):
                keys.pass_time(item.at)
                if not by and keys.get(ALL) is None:
                    keys.put(ALL, ([], item.at, 0.0, 0, None))
                continue
            if (name := keys.admit(item)) is None:
                continue
            if (worth := windows.worth(item)) is None:
                counts["non_numeric"] += 1
                continue
            when, known = item.when, keys.get(name)
            panes, since, until, suppressed, last = known or ([], when, 0.0, 0, None)
            panes = grown(panes, when, within, lambda pane: windows.grown(pane, when, worth), BOTH)  # noqa: B023
            end, due = place(panes[-1][0], within), None
            if direction != "up":
                due, last = (known and keys.deadline(name)) or windows.next_end(end, since, until), item
            found = windows.compared(panes, since, end) if when >= until and direction != "down" else None
            if when < until:
                counts["suppressed"] += 1
                suppressed += 1
            if found is None or not windows.rose(*found):
                keys.put(name, (panes, since, until, suppressed, last), due, line=None if direction == "down" else item,
                         most=EVIDENCE)
                continue
            counts["fired"] += 1
            past = tuple(line for line in keys.lines(name) if place(line.at, within) > end - PANES)
            keys.put(name, (panes, since, when + silence, 0, last), due)
            keys.clear_lines(name)
            told = windows.told(*found) | {"direction": "up", "suppressed": suppressed}
            target.send(item.having(told, key=keys.key(name), past=past, count=many(found[0])))
    except GeneratorExit:
        return counts
