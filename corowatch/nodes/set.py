from typing import Annotated, Literal

import msgspec

from corowatch.core.events import Consumer, Event, Evidence, Fields, Here, Target, Value
from corowatch.core.kinds import Counts, FreeKeys, Masks, node
from corowatch.core.pattern import Pattern
from corowatch.core.text import Text, shown
from corowatch.core.values import NewField


@node
def set_(
    target: Target[Event],
    *,
    fields: Annotated[dict[NewField, Text], "a new field of this name, from a text", FreeKeys] = {},  # noqa: B006
    redact: Annotated[tuple[Pattern, ...], "what matches is masked as `***`; all of a list", Masks] = (),
    here: Here,
    counts: Counts[Literal["redacted"]],
) -> Consumer[Event]:
    """Make new fields from texts, and mask what nobody should see.

    Fields are made from top to bottom, so that a text may name one above it. Then everything that `redact`
    matches becomes `***`: in the line's text, in every field (a number too), in the key and in the earlier lines
    that an alert would show. Masking holds from here on: steps before see what was written.

        set: {summary: '{status} for {path}', redact: '(?i)(password|token)=[^& ]+'}
    """

    if not fields and not redact:
        raise ValueError("there is nothing to do; give a field, as `NAME: TEXT`, or `redact`")

    def mask(text: str) -> str:
        for secret in redact:
            text = secret.masked(text)
        return text

    def mask_fields(found: Fields) -> dict[str, Value]:
        return {name: safe if (safe := mask(told := shown(value))) != told else value for name, value in found.items()}

    def mask_line(line: Evidence) -> Evidence:
        return msgspec.structs.replace(line, text=mask(line.text))

    def masked(event: Event) -> Event:
        return msgspec.structs.replace(event, text=mask(event.text), fields=mask_fields(event.fields),
                                       key=mask_fields(event.key), past=tuple(map(mask_line, event.past)))

    try:
        while True:
            event = yield
            for name, text in fields.items():
                event = event.having({name: text.render({wanted: here.value(event, wanted) for wanted in text.names})})
            if redact and (safe := masked(event)) != event:
                counts["redacted"] += 1
                event = safe
            target.send(event)
    except GeneratorExit:
        return counts
