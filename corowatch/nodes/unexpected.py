from collections.abc import Mapping
from hashlib import blake2b
from typing import Annotated, Any, Literal

from corowatch.core.accepted import Accepted, AcceptedFile, words_of
from corowatch.core.events import Consumer, Event, Here, Target
from corowatch.core.keyed import Keyed, Row
from corowatch.core.kinds import Counts, node
from corowatch.core.masks import shown
from corowatch.core.memory import Memory
from corowatch.core.others import Others
from corowatch.core.pattern import Pattern
from corowatch.core.standing import clock
from corowatch.core.table import Table
from corowatch.core.text import many, safe
from corowatch.core.text import shown as as_text
from corowatch.core.unexplained import State, Unexplained
from corowatch.core.values import AtLeast, FieldName, Seconds, TemplatesFile

TEMPLATES = AcceptedFile()


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where the file is wrong."""
    options["templates"].open(TEMPLATES)


def standing(options: Mapping[str, Any], state: State, due: float | None) -> str:
    """How often the template was seen."""
    _, words, _, count, seen = state
    return f"{safe(shown(words))}: {many(count, 'line')}, the last {clock(seen)}"


@node(adds=("template",), check=check, standing=standing)
def unexpected(
    target: Target[Event],
    otherwise: Target[Event] | None = None,
    *,
    templates: Annotated[TemplatesFile, "a file of accepted templates, one a line, as `corowatch accept` writes it"],
    except_: Annotated[tuple[Pattern, ...], "lines that match one of these are expected, too"] = (),
    rules: Annotated[bool, "lines that other flows of the same source look for are expected, too"] = False,
    of: Annotated[FieldName, "the field that is looked at"] = FieldName("text"),
    by: Annotated[tuple[FieldName, ...], "fields that make the key; what is new is so for each key by itself"] = (),
    remember: Annotated[Seconds, "a template is known for so long, inclusive, since last seen"] = Seconds(30 * 86400.0),
    max_keys: Annotated[int, "unexpected templates held; beyond, the one longest unseen goes", AtLeast(1)] = 1_000,
    lateness: Annotated[Seconds, "events older than the newest by more are counted late, not used"] = Seconds(5.0),
    here: Here,
    others: Others,
    memory: Memory[Row[State]],
    counts: Counts[Literal["passed", "repeated", "expected", "unkeyed", "late", "evicted"]],
) -> Consumer[Event]:
    """Pass on the first line of each template that nobody has accepted; what is expected goes to `otherwise`.

    A line is made of words in which numbers, addresses and the like count as one; what stands before them (a time, the
    host) does not count. It is expected if it has an accepted template, which says word for word what it must have, or
    matches `except`; so is a blank one. With `rules`, so is one that another flow of the same source looks for: that
    matches the patterns of its first step, such as a `grep`, whatever becomes of it there. `corowatch accept FILE LOG`
    learns what a log has, and adds it to the file, which is read again within seconds when it changed. Every line that
    comes here is taken apart, so let a `drop`, or the `otherwise` of another step, keep those away that are many.

    Lines that are not expected are of one template if they have as many words, the first and most others in common; of
    a long line 64 words count, and of many templates that are near it, 32 are looked at. The first passes, with
    `template` as an accepted one would be written, and the others are counted `repeated`. A template unseen for longer
    than `remember` is new again, as is one that had to go for others. The event's key has `template` and the fields
    `by`. An event that lacks a field is counted `unkeyed`; one that is not expected and older than the newest such by
    more than `lateness`, `late`. At close nothing is sent; what was told is known after a restart.

        unexpected: {templates: syslog.templates, except: 'DEBUG'}
    """
    table: Table[Accepted] = templates.open(TEMPLATES)
    keys: Keyed[State] = Keyed(memory, counts, here, by=by, max_keys=max_keys, expire=remember + lateness,
                               lateness=lateness)
    known = Unexplained(keys, max_keys)
    try:
        while True:
            event = yield
            value = here.value(event, of)
            if value is None:
                counts["unkeyed"] += 1
                continue
            text = as_text(value)
            words = words_of(text)
            if not words or table.rows.explain(words) or any(one.test(text) for one in except_) or (
                    rules and others.want(event.text)):
                counts["expected"] += 1
                if otherwise is not None:
                    otherwise.send(event)
                continue
            if (key := keys.admit(event)) is None:
                continue
            found = known.find(key, words)
            if found is not None:
                *_, count, seen = found.state
                late = event.when - seen > remember
                known.join(found, key, 1 if late else count + 1, max(seen, event.when))
                if not late:
                    counts["repeated"] += 1
                    continue
            else:
                name = blake2b("\0".join((key, *words)).encode("utf-8", "backslashreplace"), digest_size=16).hexdigest()
                known.add(name, key, words, event.when)
            template = shown(" ".join(words if found is None else found.words))
            counts["passed"] += 1
            target.send(event.having({"template": template}, key={**keys.key(key), "template": template}))
    except GeneratorExit:
        return counts
