import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import Annotated, Any, Literal

from corowatch.core.events import Alert, Around, Consumer, Event, Evidence, Here, Severity, Target, Tick, Value, rfc3339
from corowatch.core.holding import Held, Holding, standing
from corowatch.core.keyed import Keyed, Row, name_of
from corowatch.core.kinds import Counts, Unmasked, node
from corowatch.core.memory import Memory
from corowatch.core.text import Text, capped, in_one_line, shown
from corowatch.core.values import AtLeast, FieldName, Seconds, SinkName, TextOrNot

MAX_KEYS = 100_000
TELL = TextOrNot(True)


def adds(options: Mapping[str, Any]) -> tuple[str, ...]:
    """What is told when it is over only its own title can name."""
    return ("held", "duration") if isinstance(options["resolved"], Text) else ("held",)


@node(adds=adds, standing=standing)
def alert(
    target: Target[Alert],
    *,
    to: Annotated[tuple[SinkName, ...], "sinks that get it"] = (SinkName("console"),),
    title: Annotated[Text, "one line for people"] = Text("{flow}: {text}"),
    severity: Annotated[Severity, "how bad it is"] = "warning",
    by: Annotated[tuple[FieldName, ...], "fields that make the alert's key (default: the nearest keyed step's)"] = (),
    throttle: Annotated[Seconds | None, "one alert of a key in this time; then one that tells `held`"] = None,
    before: Annotated[int, "so many lines of the file before it are told with it", AtLeast(0), Unmasked] = 0,
    after: Annotated[int, "so many after it, or those that come within 2 s", AtLeast(0), Unmasked] = 0,
    resolved: Annotated[TextOrNot, "tell when it is over, where the step before knows; or the title then"] = TELL,
    here: Here,
    memory: Memory[Row[Held]],
    counts: Counts[Literal["alerts", "throttled", "resolved"]],
) -> Consumer[Event | Tick]:
    """Make an Alert of each event and give it to the sinks: the end of the line.

    Its `id` is the same on every retry and after every crash. `events` holds the last lines of the window
    that led to it, the triggering one last; `before` and `after` add those beside it.

    When a step such as `threshold` with `calm` says that it is over, the alert comes again with the state
    `resolved`, its `id` with `.r`, and the field `duration` (seconds), if it was sent and not throttled. Its title is
    the same behind `resolved: `, if there is none of its own.

        alert: {to: ops, title: '{ip} tried {count} times', severity: error, throttle: 1h}
    """
    seen: tuple[str, int | str, float] = ("", 0, 0.0)
    n = 0

    def send(event: Event) -> None:
        nonlocal seen, n
        line = (event.origin.key, event.place, event.tick)
        seen, n = line, n + 1 if line == seen else 0
        counts["alerts"] += 1
        target.send(as_alert(event, alert_id(here, event, n)))
        if event.state == "firing" and resolved:
            firing.put(name_of(key_of(event)), (n, event.bare()))

    def resolve(event: Event) -> None:
        """Tell that it is over, if it was told that it is."""
        name = name_of(key_of(event))
        state = firing.get(name)
        if state is not None and state[1] is not None:
            fired = Event.of(state[1])
            firing.forget(name)
            counts["resolved"] += 1
            over = event.having({"duration": round(event.when - fired.when, 6)})
            target.send(as_alert(over, alert_id(here, fired, state[0]) + ".r"))
        else:
            holding.settle(name)

    def as_alert(event: Event, id_: str) -> Alert:
        over = event.state == "resolved"
        text = resolved if over and isinstance(resolved, Text) else title
        told = text.render({name: here.value(event, name) for name in text.names})
        return Alert(
            id=id_, flow=here.flow, node=here.node, state="resolved" if over else "firing",
            title=capped(in_one_line("resolved: " * (over and text is title) + told)), severity=severity,
            at=rfc3339(event.when), key=key_of(event), fields=event.fields, host=here.host, to=to, count=event.count,
            events=[as_line(line, here) for line in (*event.past, event.evidence())],
            around=beside(event) if (before or after) and not over else None,
        )

    def beside(event: Event) -> Around:
        own = event.text.count("\n") + 1
        return Around(event.origin.reader, event.origin.key, event.place, before, after, own)

    def key_of(event: Event) -> dict[str, Value]:
        if by:
            return {name: here.value(event, name) for name in by}
        # What says the same is told as the event has it: a number as one.
        own = {name: here.value(event, name) for name in event.key}
        return {name: told if own[name] is None or shown(own[name]) != told else own[name]
                for name, told in event.key.items()}

    keys: Keyed[Held] = Keyed(memory.shelf("held"), {"evicted": 0}, here, by=(), max_keys=MAX_KEYS,
                             expire=2 * throttle if throttle else None, lateness=0.0)
    # Of what fires, the alert's number among those of its line, and the event without its texts.
    firing: Keyed[Held] = Keyed(memory.shelf("firing"), {"evicted": 0}, here, by=(), max_keys=MAX_KEYS, expire=None,
                                lateness=0.0)
    holding = Holding(keys, throttle or 0.0)
    try:
        while True:
            item = yield
            for _, last in holding.over(item.when):
                send(last)
            if not isinstance(item, Event):
                continue
            if item.state == "resolved":
                resolve(item)
            elif throttle is None or holding.passes(name_of(key_of(item)), item):
                send(item)
            else:
                counts["throttled"] += 1
    except GeneratorExit:
        for _, last in holding.rest():
            send(last)
        return counts


def alert_id(here: Here, event: Event, n: int) -> str:
    """The same for the same line, or deadline, on every replay: what makes a repeated delivery recognisable."""
    parts = [here.flow, here.node, event.origin.key, event.place, n, event.tick, event.key if event.tick else {}]
    return blake2b(json.dumps(parts).encode(), digest_size=12).hexdigest()


def as_line(line: Evidence, here: Here) -> dict[str, Value]:
    return {"source": here.source(line.reader), "file": line.file, "offset": line.offset,
            "at": rfc3339(line.at), "text": line.text}
