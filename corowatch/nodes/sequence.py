from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from corowatch.core.events import Consumer, Event, Evidence, Fields, Here, Target, Tick, rfc3339
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Captures, Counts, Gate, node
from corowatch.core.memory import Memory
from corowatch.core.pattern import Pattern, found_by
from corowatch.core.standing import resting
from corowatch.core.values import AtLeast, FieldName, Seconds

EVIDENCE = 9
"""Earlier lines that an alert shows; the triggering one is the tenth."""

Chain: TypeAlias = tuple[float, dict[str, str], list[Evidence]]
"""When its first step was, what its steps captured, and their lines."""
State: TypeAlias = tuple[list[Chain | None], float, int]
"""Of each step but the last, of all chains up to it the one that began last; rests until; suppressed."""


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where nothing can follow."""
    if len(options["steps"]) < 2:
        raise ValueError("a sequence has two steps at least; for one, there is `grep`")


def standing(options: Mapping[str, Any], state: State, due: float | None) -> str:
    """How far its sequences are."""
    chains, until, suppressed = state
    done = max((step + 1 for step, chain in enumerate(chains) if chain is not None), default=0)
    return f"{done} of {len(options['steps'])} steps" if done or not until else resting(until, suppressed)


@node(adds=("first", "last", "suppressed"), check=check, standing=standing)
def sequence(
    target: Target[Event],
    *,
    steps: Annotated[tuple[Pattern, ...], "what comes one after the other", Gate, Captures],
    within: Annotated[Seconds, "from the first to the last it is at most this, inclusive"],
    by: Annotated[tuple[FieldName, ...], "fields that make the key; each key has sequences of its own"] = (),
    rest: Annotated[Seconds | None, "silence of a key after it fired (default: `within`)"] = None,
    max_keys: Annotated[int, "keys held at most; beyond, the one longest untouched goes", AtLeast(1)] = 100_000,
    expire: Annotated[Seconds | None, "a key untouched for so long is forgotten (default: 2 × `within`)"] = None,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    memory: Memory[Row[State]],
    counts: Counts[Literal["fired", "suppressed", "unkeyed", "late", "evicted"]],
) -> Consumer[Event | Tick]:
    r"""Pass on the event with which a key's events match all `steps`, one after the other, `within` a time.

    Others may come between. It has the fields that all steps captured, the later step's where both capture one, `first`
    and `last` (times) and `suppressed`: how many events came while the key rested before. An alert shows the line of
    each step, ten at most. Where a step came more than once, that which began last counts.

    Events count in the order in which they come, which is that of their times but for those late by up to `lateness`;
    what is later is counted `late`. One that matches several steps may be any of them, but only one in a sequence; of
    a group in several, the first step's text counts. When it fires, all that came before is forgotten, and what comes
    while the key rests begins nothing. Beyond `max_keys` the key longest untouched goes with its sequences. Nothing is
    sent at close: what has begun survives a restart.

        sequence: {steps: ['new user: name=(?P<user>\w+)', '(?P<user>\w+) : .*COMMAND='], within: 1h, by: user}
    """
    silence = within if rest is None else rest
    # One at rest must not be forgotten before it has rested.
    keys: Keyed[State] = Keyed(memory, counts, here, by=by, max_keys=max_keys,
                               expire=max(expire or 2 * within, 2 * silence), lateness=lateness)
    try:
        while True:
            item = yield
            if not isinstance(item, Event):
                keys.pass_time(item.at)
                continue
            matched, captured = found_by(steps, item.text)
            if not matched or (name := keys.admit(event := item.having(captured))) is None:
                continue
            when = event.when
            chains, until, suppressed = keys.get(name) or ([None] * (len(steps) - 1), 0.0, 0)
            if when < until:
                counts["suppressed"] += 1
                keys.put(name, (chains, until, suppressed + 1))
                continue
            chains = longer(chains, matched, event, captured)
            ended = chains[-1]
            if ended is None or when - ended[0] > within:
                keys.put(name, (chains[:-1], until, suppressed))
                continue
            counts["fired"] += 1
            keys.put(name, ([None] * (len(steps) - 1), when + silence, 0))
            first, found, lines = ended
            told: Fields = {"first": rfc3339(min(first, when)), "last": rfc3339(max(first, when)),
                            "suppressed": suppressed}
            past = tuple(map(Evidence.of, lines[:-1]))
            target.send(event.having({**found, **told}, key=keys.key(name), past=past))
    except GeneratorExit:
        return counts


def longer(chains: list[Chain | None], matched: list[int], event: Event, captured: dict[str, str],
           ) -> list[Chain | None]:
    """The chains with this event, which matches these steps; one more than before, for the last step.

    A chain that began later is within the time whenever one that began earlier is: only that need be kept of a step.
    Of those that began at the same moment it is the newest.
    """
    own = event.evidence()
    after: list[Chain | None] = [*chains, None]
    for step in matched:
        before = chains[step - 1] if step else (event.when, {}, [])
        now = after[step]
        if before is not None and (now is None or before[0] >= now[0]):
            after[step] = (before[0], {**before[1], **captured}, [*before[2], own][-EVIDENCE - 1:])
    return after
