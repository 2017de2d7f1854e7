"""swatchdog (once swatch): watchfor and ignore, with their actions. Source: swatchdog(1) and what it makes of a file.

A line belongs to the first block that matches it, and to those behind it where there is `continue`. So each block is a
flow whose `grep` leaves out what a block before it ends: no flow waits for another, and all patterns are scanned for at
once. Commands get what they name of a line as parameters of a shell, `$1`, never as a part of what the shell reads.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from corowatch.core.errors import ConfigError, Mistake, Place
from corowatch.rules.importing import NOTHING, Asked, Import, Step, known_options, lines_of, one_or_list, seconds
from corowatch.rules.importing.commands import command, once, piped, shell
from corowatch.rules.importing.naming import name_of
from corowatch.rules.importing.perl_regex import (
    Refused,
    as_script,
    as_text,
    count_groups,
    match_of,
    numbers_in,
    translated,
)

LOG = "/var/log/syslog"
WITHOUT_TIME = r"^(?:\w{3}\s+\d{1,2}\s+\d{2}:\d{2}:\d{2}\s+)?(?P<track>.*)$"
"""What `throttle` takes for the same line."""
_BLOCKS = ("watchfor", "waitfor", "ignore")
_ASSIGNED = re.compile(r"(?:my\s+|our\s+)?\$(?P<name>\w+)\s*=\s*(?:'(?P<plain>[^']*)'|\"(?P<text>[^\"$@]*)\")\s*;?")
_OPTION = re.compile(r"(\w+)\s*=\s*\"?(\S+[^\"]*)")
_BEHIND = re.compile(r"\s*(?:(?:when|threshold|track_by|type|count|seconds)\s*=|keep_open)")
"""An option behind a command, which may hold commas itself."""
_ADDRESS = re.compile(r"[\w.+-]+(?:@[\w-]+(?:\.[\w-]+)*)?", re.ASCII)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_UNITS = (1, 60, 3600, 86400)


class Setting(msgspec.Struct):
    """A keyword and its value."""

    key: str
    value: str
    place: Place


class Block(msgspec.Struct):
    """A pattern and what is done."""

    head: Setting
    settings: list[Setting] = msgspec.field(default_factory=list)

    def has(self, key: str) -> bool:
        return any(one.key == key for one in self.settings)


def read(files: Sequence[str], asked: Asked = NOTHING) -> Import:
    """Import configuration files. Raises ConfigError where one cannot be read, WrongOption
    where options are asked for: there are none."""
    known_options(asked)
    imported = Import()
    source = Step("tail", one_or_list(asked.logs or [LOG]))
    ended: list[str] = []
    for path in files:
        variables: dict[str, str] = {}
        for block in _blocks(imported, path, variables):
            _add(imported, block, source, ended, variables)
    return imported


def _blocks(imported: Import, path: str, variables: dict[str, str]) -> Iterator[Block]:
    block: Block | None = None
    for one in _settings(path):
        if one.key in _BLOCKS:
            if block is not None:
                yield block
            block = Block(one)
        elif one.key == "perlcode":
            assigned = _ASSIGNED.fullmatch(re.sub(r"^[01]\s+", "", one.value))
            if assigned:
                variables[assigned["name"]] = next(text for text in (assigned["plain"], assigned["text"])
                                                   if text is not None)
            else:
                imported.lose(one.place, f"perlcode {one.value}", "corowatch runs no Perl; a `python` step may do it")
        elif block is None:
            imported.lose(one.place, one.key, "no watchfor is before it")
        else:
            block.settings.append(one)
    if block is not None:
        yield block


def _settings(path: str, above: tuple[str, ...] = ()) -> Iterator[Setting]:
    """The lines of a file, those that end with a backslash together, and what it includes. Raises ConfigError."""
    lines = lines_of(path)
    while lines:
        number, text = lines.pop(0)
        column = len(text) - len(text.lstrip()) + 1
        text = text.strip()
        if not text or text.startswith("#"):
            continue
        while text.endswith("\\") and lines:
            text = text[:-1] + lines.pop(0)[1].strip()
        key = re.match(r"[^=\s]*", text)[0]  # type: ignore[index]
        value = re.sub(r"^\s*=?\s*", "", text[len(key):])
        if key.lower() == "include" and value not in (*above, path):
            other = os.path.join(os.path.dirname(path), value)
            if not os.access(other, os.R_OK):
                what = f"includes {value}, which cannot be read; it was sought as {other}"
                raise ConfigError([Mistake(Place(path, number, column), what)])
            yield from _settings(other, (*above, path))
        else:
            yield Setting(key.lower(), value, Place(path, number, column))


def _add(imported: Import, block: Block, source: Step, ended: list[str], variables: Mapping[str, str]) -> None:
    """The flows of a block. What ends a line is in `ended` then."""
    texts = [one.value for one in block.settings]
    try:
        expression, flags = match_of(block.head.value)
        for name, value in variables.items():
            expression = re.sub(rf"\$(?:{name}\b|\{{{name}\}})", lambda _, value=value: value, expression)  # type: ignore[misc]
        plain = translated(expression, flags)
        groups = range(1, count_groups(expression) + 1)
        pattern = translated(expression, flags, wanted=numbers_in(*texts).intersection(groups))
    except ValueError as error:
        imported.lose(block.head.place, f"{block.head.key} {block.head.value}",
                      f"{error}; lines that it would take go to the blocks behind it")
        return
    if block.head.key != "ignore":
        writer = _Writer(imported, block, source, groups)
        grep: dict[str, object] = {"pattern": pattern}
        if ended:
            grep["except"] = one_or_list(ended)
        writer.write(grep)
    if block.head.key == "ignore" or not block.has("continue"):
        ended.append(plain)


class _Writer:
    """Writes what is done with the lines of a block: a flow, and one more for each other time and title."""

    def __init__(self, imported: Import, block: Block, source: Step, groups: Collection[int]) -> None:
        self._imported, self._block, self._source, self._groups = imported, block, source, groups
        self._alerts: dict[tuple[str, str], list[str]] = {}
        """Sinks by `when` and title."""
        self._common: list[Step] = []

    def write(self, grep: Mapping[str, object]) -> None:
        for one in self._block.settings:
            try:
                self._setting(one)
            except ValueError as error:
                self._lose(one, str(error))
        head = self._block.head
        name = self._imported.flow_name(name_of(head.value) or head.key)
        first = [self._source, Step("grep", grep), *self._common]
        ways = [([*(_hours(when) if when else [])], {"to": one_or_list(list(dict.fromkeys(sinks))), "title": title})
                for (when, title), sinks in self._alerts.items()]
        self._imported.add(name, head.place, f"{head.key} {head.value}", first, ways)

    def _lose(self, one: Setting, why: str) -> None:
        self._imported.lose(one.place, f"{one.key} {one.value}".strip(), why)

    def _setting(self, one: Setting) -> None:
        if missing := sorted(numbers_in(one.value).difference(self._groups)):
            raise Refused(f"there is no group for ${missing[0]}")
        value, options = _taken_apart(one)
        if one.key == "continue":
            return
        if one.key in ("throttle", "threshold"):
            self._common += self._limited(one, value, options)
            return
        if options.pop("threshold", ""):
            self._lose(one, "its own threshold: one of the whole block is carried over, one of a single action not")
            options = {"when": options["when"]} if "when" in options else {}
        _hours(options.get("when", ""))
        sinks = self._sinks(one, value, options)
        subject = options.get("subject", "")
        title = as_text(subject) if subject and one.key == "mail" else "{text}"
        if sinks:
            self._alerts.setdefault((options.get("when", ""), title), []).extend(sinks)

    def _sinks(self, one: Setting, value: str, options: Mapping[str, str]) -> list[str]:
        add = self._imported.sink_name
        if one.key in ("echo", "bell"):
            if one.key == "bell" or value not in ("", "normal"):
                self._lose(one, "the line is written to the console, without colours and bells")
            return ["console"]
        if one.key == "mail":
            told = value or options.get("addresses", "") or "root"
            names = [name for name in re.split(r"[:\s]+", told.replace("\\@", "@")) if name]
            if wrong := [name for name in names if not _ADDRESS.fullmatch(name)]:
                raise Refused(f"{wrong[0]!r} is no address")
            to = [name if "@" in name else f"{name}@localhost" for name in names]
            return [add("mail", {"email": {"to": one_or_list(to)}})]
        if one.key == "exec":
            return [add("exec", {"exec": once(command(value, as_text, as_script))})]
        if one.key == "pipe":
            if "keep_open" in one.value:
                self._lose(one, "the command is run for each line: it is not kept open")
            return [add("pipe", {"exec": once(piped(value, as_text, as_script))})]
        if one.key == "write":
            users = re.split(r"[:\s]+", value)
            script = f"for user in {' '.join(users)}; do printf '%s\\n' \"${{0#.}}\" | write \"$user\"; done"
            if not all(re.fullmatch(r"[\w.-]+", user) for user in users):
                raise Refused("these are no names of users")
            return [add("write", {"exec": once(shell(script, ".{text}"))})]
        raise Refused("the daemon goes on; stop it with `systemctl stop corowatch`" if one.key == "quit"
                      else "there is no such action")

    def _limited(self, one: Setting, value: str, options: Mapping[str, str]) -> list[Step]:
        """The steps of `throttle` and `threshold`."""
        if one.key == "throttle":
            parts = [int(part or 0) for part in value.split(":")]
            within = sum(count * unit for count, unit in zip(reversed(parts), _UNITS, strict=False))
            key, kind, count = options.get("key", "log"), "limit", 1
        else:
            within, count = int(options.get("seconds", "0")), int(options.get("count", "1"))
            key, kind = options.get("track_by", ""), options.get("type", "limit")
        if within < 1:
            raise Refused("it has no time")
        track = [Step("parse", {"as": "regex", "pattern": WITHOUT_TIME}, why="the line without its time")] if key in (
            "log", "message") else [Step("set", {"track": as_text(key) or "all"})]
        if kind == "limit":
            if count > 1:
                self._lose(one, f"only the first line of a time is told here, not the first {count}")
            return [*track, Step("dedupe", {"within": seconds(within), "of": "track"})]
        if kind not in ("both", "threshold"):
            raise Refused(f"there is no type {kind!r}")
        if count == 1 and kind == "threshold":
            return []
        self._lose(one, "lines are counted in the last seconds here; there each time begins with the first line in it")
        if kind == "threshold":
            return [*track, Step("collect", {"max": count, "within": seconds(within), "by": "track"}),
                    Step("where", f"count == {count}", why="the others were too few in their time")]
        return [*track, Step("threshold", {"at_least": count, "within": seconds(within), "by": "track"})]


def _taken_apart(one: Setting) -> tuple[str, dict[str, str]]:
    """The value of a setting and its options; the command of an action may hold commas."""
    value, options = "", {}
    parts = one.value.split(",")
    if one.key in ("exec", "pipe"):
        while len(parts) > 1 and _BEHIND.match(parts[-1]):
            name, _, told = parts.pop().partition("=")
            options[name.strip()] = told.strip()
        value = re.sub(r"^command\s*=\s*", "", ",".join(parts)).strip()
        return (value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value), options
    for part in parts:
        if found := _OPTION.search(part):
            options[found[1].lower()] = found[2].strip().strip("'\"")
        else:
            value = part.strip().strip("'\"").strip()
    return value, options


def _hours(when: str) -> list[Step]:
    """`days:hours`, each a range, a list or `*`; Sunday is 0."""
    days, _, hours = when.partition(":")
    options: dict[str, object] = {}
    if days not in ("", "*"):
        options["weekdays"] = one_or_list([_DAYS[day % 7] for day in _numbers(days)])
    if hours not in ("", "*"):
        told = sorted(set(_numbers(hours)))
        starts = [hour for hour in told if hour - 1 not in told]
        ends = [hour + 1 for hour in told if hour + 1 not in told]
        options["between"] = one_or_list([f"{start:02d}:00-{end % 24:02d}:00" for start, end in
                                          zip(starts, ends, strict=True)])
    return [Step("hours", options)] if options else []


def _numbers(text: str) -> list[int]:
    found: list[int] = []
    for part in re.split(r"[,/ ]+", text):
        first, _, last = part.partition("-")
        last = last or first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) < 24):
            raise Refused(f"{text!r} is no part of the day or week")
        found += range(int(first), int(last) + 1)
    return found
