from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from corowatch.core.events import Consumer, Event, Here, Target
from corowatch.core.kinds import Counts, node
from corowatch.core.table import Asked, TableFile
from corowatch.core.text import shown
from corowatch.core.values import FieldName, nearest


def asked(options: Mapping[str, Any]) -> Asked:
    """How the options mean the file to be asked."""
    return Asked(options["file"].columns, options["key"], options["ignore_case"], options["networks"])


def fields_of(options: Mapping[str, Any]) -> Iterable[str]:
    """The columns but the one that is asked for."""
    return asked(options).gives


def check(options: Mapping[str, Any]) -> None:
    """Raises ValueError where the options do not fit the file, or something in it is wrong."""
    columns, key, path = options["file"].columns, options["key"], options["file"].path
    if key is not None and not columns:
        raise ValueError(f"`key` is a column of a CSV file; the lines of {path} are values")
    if key is not None and key not in columns:
        raise ValueError(f"{path} has no column {key!r}{nearest(key, columns) or '; there are ' + ', '.join(columns)}")
    if options["networks"] and options["ignore_case"]:
        raise ValueError("`ignore_case` is for texts, and `networks` for addresses; leave one of both out")
    options["file"].open(asked(options))


@node(adds=fields_of, check=check)
def lookup(
    target: Target[Event],
    otherwise: Target[Event] | None = None,
    *,
    file: Annotated[TableFile, "a file of values, one a line, or a CSV file with a header (NAME.csv)"],
    of: Annotated[FieldName, "the field to look up"],
    key: Annotated[str | None, "the column in which it is looked up (default: the first)"] = None,
    ignore_case: Annotated[bool, "whether upper and lower case are the same"] = False,
    networks: Annotated[bool, "the file has networks, such as 10.0.0.0/8, in which an address may lie"] = False,
    here: Here,
    counts: Counts[Literal["matched"]],
) -> Consumer[Event]:
    """Pass on the events of which a field's value stands in a file; the others go to `otherwise`.

    A file whose name ends in `.csv` has a header, and the other columns of the value's row become fields under the
    names that it gives them: characters that no field's name has become `_`, and a built-in name gets a `_` before it.
    They take the place of fields of the same name; an empty cell gives none. Of rows with one value, the first counts.
    Any other file has one value in each line; `#` at the beginning, or after a blank, begins a comment. Both are UTF-8,
    with or without a BOM; blanks around a value do not count. The value of the event is compared as it is shown in a
    text. With `networks`, the narrowest network in which the address lies counts. An event without the field goes to
    `otherwise`.

    The file is read when the config is loaded, and again within seconds when it changed. If it is away or wrong then,
    what it said before counts on, and that is told once. A line that can be no row, for it has another number of
    columns than the header or, with `networks`, no address, is left out, which is told, too. What an event was given
    stays with it. There may be a million rows: they take 200 MB, and twice that for the two seconds in which they are
    read again, while lines wait.

        lookup: {file: users.csv, of: user}
    """
    table = file.open(Asked(file.columns, key, ignore_case, networks))
    try:
        while True:
            event = yield
            value = here.value(event, of)
            found = None if value is None else table.rows.find(shown(value))
            if found is not None:
                counts["matched"] += 1
                target.send(event.having(found))
            elif otherwise is not None:
                otherwise.send(event)
    except GeneratorExit:
        return counts
