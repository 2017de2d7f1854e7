from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from corowatch.core.events import Consumer, Event, Here, Target
from corowatch.core.formats import Format, Found, access_log, syslog
from corowatch.core.formats.json_object import json_object
from corowatch.core.formats.logfmt import logfmt
from corowatch.core.formats.pairs import pairs
from corowatch.core.formats.rows import row_of
from corowatch.core.kinds import ANYTHING, Captures, Counts, PatternFlag, node
from corowatch.core.pattern import Pattern
from corowatch.core.text import shown
from corowatch.core.values import FieldName, NewField

FORMATS: Mapping[str, Format] = {
    "json": json_object, "logfmt": logfmt, "syslog": syslog.syslog, "clf": access_log.clf,
    "combined": access_log.combined, "kv": pairs,
}
FIELDS: Mapping[str, tuple[str, ...]] = {
    "clf": access_log.CLF, "combined": access_log.COMBINED, "syslog": syslog.FIELDS, "csv": (), "regex": (), "grok": (),
}


def fields_of(options: Mapping[str, Any]) -> Iterable[str]:
    """What a format adds; columns and groups are found where they are written."""
    return FIELDS.get(options["as"], (ANYTHING,))


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where an option is missing or has no use."""
    reader(options["as"], options["columns"], options["pattern"])


@node(adds=fields_of, check=check)
def parse(
    target: Target[Event],
    otherwise: Target[Event] | None = None,
    *,
    as_: Annotated[Literal["json", "logfmt", "syslog", "clf", "combined", "kv", "csv", "regex", "grok"], "the format",
                   PatternFlag],
    of: Annotated[FieldName, "the field to read"] = FieldName("text"),
    columns: Annotated[tuple[NewField, ...], "names of the columns of `csv`, from the left"] = (),
    pattern: Annotated[tuple[Pattern, ...], "of `regex` and `grok`: its groups are the fields; any of a list",
                       Captures] = (),
    here: Here,
    counts: Counts[Literal["parsed", "unparsed"]],
) -> Consumer[Event]:
    """Read fields from the text of a line; what is not in the format goes to `otherwise`.

    `combined` (nginx, Apache) gives ip, ident, user, time, method, path, protocol, status (a number), bytes
    (a number), referer and agent; `clf` the same without the last two. `syslog` (RFC 3164 and 5424, with and
    without <PRI>) gives time, hostname, app, pid (a number), facility, severity, message, msgid and
    `sd.ID.PARAM`. `json` gives the keys of an object, those inside others joined with dots: `http.status`.
    `logfmt` gives the keys of a line made of key=value words, `kv` those of the pairs among other words. `-` and
    null are absent. `grok` reads names for expressions, as Logstash has them: `%{IP:client} %{NUMBER:size:int}`;
    its composed names give the fields of ecs-v1, [a][b] as a.b. A key named like a built-in field gets a `_` before
    it: `host` becomes `_host`; characters that no field's name has become `_`.

        parse: combined
    """
    read = reader(as_, columns, pattern)
    try:
        while True:
            event = yield
            text = here.value(event, of)
            found = None if text is None else read(text if isinstance(text, str) else shown(text))
            if found is not None:
                counts["parsed"] += 1
                target.send(event.taking(found))
            else:
                counts["unparsed"] += 1
                if otherwise is not None:
                    otherwise.send(event)
    except GeneratorExit:
        return counts


def reader(as_: str, columns: tuple[str, ...], pattern: tuple[Pattern, ...]) -> Format:
    """The format that the options mean. Raises ValueError where one is missing or has no use."""
    for option, given, uses in (("columns", columns, ("csv",)), ("pattern", pattern, ("regex", "grok"))):
        if as_ in uses and not given:
            raise ValueError(f"`as: {as_}` needs `{option}`")
        if as_ not in uses and given:
            belongs = " and ".join(f"`as: {use}`" for use in uses)
            raise ValueError(f"`{option}` belongs to {belongs}, not to `as: {as_}`")
    return row_of(columns) if columns else first_of(pattern) if pattern else FORMATS[as_]


def first_of(patterns: tuple[Pattern, ...]) -> Format:
    """The fields of the first pattern that matches."""

    def groups(text: str) -> Found | None:
        for pattern in patterns:
            if (found := pattern.read(text)) is not None:
                return found
        return None

    return groups
