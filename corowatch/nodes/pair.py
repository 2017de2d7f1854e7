from collections.abc import Mapping
from typing import Annotated, Any, Literal

from corowatch.core.closing import State, Unclear, closed
from corowatch.core.events import Consumer, Event, Here, Target, Tick
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Captures, Counts, Gate, node
from corowatch.core.memory import Memory
from corowatch.core.pattern import Pattern
from corowatch.core.standing import clock
from corowatch.core.template import Template
from corowatch.core.values import AtLeast, FieldName, Seconds


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where an option has no use."""
    within, expire = options["within"], options["expire"]
    if options["missing"] and within is None:
        raise ValueError("`missing` needs `within`: the time after which what did not come is missing")
    if within and expire and not (options["missing"] and expire > within):
        raise ValueError("beside `within`, `expire` says when what is `missing` is forgotten, and must be longer")
    opened, closed = ({name for pattern in options[option] for name in pattern.groups} for option in ("open", "close"))
    for name in sorted((opened & closed) - {*options["by"]}):
        raise ValueError(f"both capture {name!r}; that does not tie them: write {{{name}}} in `close`, or by: {name}")


def standing(options: Mapping[str, Any], state: State, due: float | None) -> str:
    """Since when it is open."""
    return (f"open since {clock(state[0])}" + (f", must end by {clock(due)}" if due else "")
            + (f", missing since {clock(state[3])}" if state[3] else ""))


@node(adds=("duration",), check=check, standing=standing)
def pair(
    target: Target[Event],
    *,
    open: Annotated[tuple[Pattern, ...], "what begins; any of a list", Gate, Captures],  # noqa: A002
    close: Annotated[tuple[Template, ...], "what ends it; `{name}`: the text that `open` captured", Gate, Captures],
    within: Annotated[Seconds | None, "after this a key is no longer open (default: it stays open)"] = None,
    by: Annotated[tuple[FieldName, ...], "fields that make the key (default: those that `close` names in braces)"] = (),
    missing: Annotated[bool, "tell what did not end `within` the time, and not what began"] = False,
    max_keys: Annotated[int, "keys open at most; beyond, the one longest untouched goes, untold", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "an open key untouched for so long is forgotten (default: never)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[State]],
    counts: Counts[Literal["fired", "resolved", "suppressed", "closed", "unclear", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    r"""Tell what begins, and when it ends; or, if `missing`, what does not end in time.

    An event that matches `open` opens its key and goes on; further ones of an open key are counted `suppressed`. The
    first that matches `close`, and is not older, closes it and goes on, resolved, with what both captured and
    `duration` (seconds). A key not closed `within` the time is forgotten: at that very moment it is too late.

    With `missing` the event that opens goes on only when `within` is over; what closes the key until then is silent,
    and counted `closed`. Later it goes on, resolved, and `duration` begins at that moment. What opens a key that is
    missing begins a new time, after which that is told, too; what closes it resolves, in time or not.

    In `close`, `{name}` stands for the text that `open` captured; to mean a brace, write `\{`. A field of the key that
    `close` names so, and does not capture, is that of the open key. Of several keys that match, the one with the
    longest texts is closed. What matches both opens its key if that is not open, else it closes. What closes none is
    ignored. At close nothing is sent: open keys survive a restart.

    Between plain characters, `^`, `\b` or `$`, a name costs the same however many keys are open; else each is tried. A
    line that repeats them so often that a thousand texts may stand there closes none, and is counted `unclear`.

        pair: {open: 'server (?P<srv>\S+) not responding', close: 'server {srv} OK', within: 1h}
    """
    named = [end.names for end in close]
    key = by or tuple(FieldName(name) for name in named[0] if all(name in names for names in named))
    fields = frozenset(key)
    keys: Keyed[State] = Keyed(memory, counts, here, by=key, max_keys=max_keys, expire=expire, lateness=lateness)

    def pass_time(at: float) -> None:
        for name, deadline, (when, found, event, _) in keys.due(at):
            if event is None:
                keys.forget(name)
            else:
                keys.amend(name, (when, found, None, deadline))
                counts["fired"] += 1
                target.send(Event.of(event).having({}, tick=deadline))
        keys.pass_time(at)

    try:
        while True:
            item = yield
            if not isinstance(item, Event):
                pass_time(item.at)
                continue
            opened = next((found for begin in open if (found := begin.fields(item.text)) is not None), None)
            ends = [end for end in close if end.test(item.text)]
            if opened is None and not ends:
                continue
            pass_time(item.when)
            begun = item.having(opened or {})
            opens = opened is not None and (name := keys.name(begun)) is not None and keys.get(name) is None
            try:
                ended = None if opens else closed(item, ends, keys, fields)
            except Unclear:
                counts["unclear"] += 1
                continue
            if ended is not None:
                if (name := keys.admit(ended)) is not None and (state := keys.get(name)) is not None:
                    keys.forget(name)
                    if missing and not state[3]:
                        counts["closed"] += 1
                        continue
                    counts["resolved"] += 1
                    since = state[3] or state[0]
                    target.send(ended.having({"duration": max(0.0, round(ended.when - since, 6))}, key=keys.key(name),
                                             tick=since if ended.when < since else 0.0, state="resolved"))
            elif opened is not None and (name := keys.admit(begun)) is not None:
                state = keys.get(name)
                if state is not None and (state[2] is not None or not missing):
                    counts["suppressed"] += 1
                    keys.put(name, state, keys.deadline(name))
                    continue
                when, begun = begun.when, begun.having({}, key=keys.key(name), state="firing")
                keys.put(name, (when, opened, begun if missing else None, state[3] if state else 0.0),
                         when + within if within else None)
                if not missing:
                    counts["fired"] += 1
                    target.send(begun)
    except GeneratorExit:
        return counts
