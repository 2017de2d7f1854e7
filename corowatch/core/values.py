"""What an option may be: each type with how it is read, what a schema says of it, and its mistakes.

A converter gets what the user wrote (`Given`) and gives the value, or tells a mistake at its place and
gives WRONG. Everything is told; nothing is raised, so that a person sees all mistakes at once.
"""

from __future__ import annotations

import codecs
import posixpath
import re
import shlex
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from inspect import Signature
from typing import Any, Final, Literal, NewType, TypeAlias, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import msgspec

from corowatch.core import addresses, clock, figures
from corowatch.core.addresses import AppriseUrl, HeaderName, Mailbox, Match, Server, UnitName, Url
from corowatch.core.clock import Cron, DaySpan, WeekDays
from corowatch.core.elsewhere import named_here
from corowatch.core.errors import Misread, Mistake, Place
from corowatch.core.events import BUILT_IN
from corowatch.core.expression import Expr
from corowatch.core.figures import FigureName
from corowatch.core.pattern import Pattern
from corowatch.core.table import Missing, TableFile
from corowatch.core.template import Template
from corowatch.core.text import FIELD, Text

Seconds = NewType("Seconds", float)
After = NewType("After", float)
"""Seconds after a beginning, which may be none."""
Size = NewType("Size", int)
"""Bytes."""
Share = NewType("Share", float)
"""Of a whole, from 0 to 1."""
FieldName = NewType("FieldName", str)
NewField = NewType("NewField", str)
"""The name of a field that a step makes."""
SinkName = NewType("SinkName", str)
FlagName = NewType("FlagName", str)
Glob = NewType("Glob", str)
NameGlob = NewType("NameGlob", str)
"""A glob of paths, or without a slash, of file names."""
FilePath = NewType("FilePath", str)
TemplatesFile = NewType("TemplatesFile", TableFile)
"""A file of accepted templates."""
TextTree = NewType("TextTree", object)
"""A mapping or list whose strings are texts, at any depth."""
TextOrNot = NewType("TextOrNot", object)
"""A text, or whether there is to be one."""
Encoding = NewType("Encoding", str)
Stamp = NewType("Stamp", str)
"""`auto`, `none` or a strptime-like format."""
Plain: TypeAlias = Any
"""Whatever YAML can hold, handed on as it is."""

WRONG: Final = object()


class AtLeast(msgspec.Struct, frozen=True):
    """A marker: the least value that makes sense."""

    least: float


class Given(msgspec.Struct, frozen=True):
    """What the user wrote: a value, the scalar's own characters, and where it stands.

    `line` is how a scalar's line goes on from there, quotes and escapes as they were written.
    """

    value: bool | int | float | str | list[Given] | dict[str, Given] | None
    place: Place
    text: str = ""
    keys: Mapping[str, Place] = msgspec.field(default_factory=dict)
    line: str = ""

    @property
    def what(self) -> str:
        """How to call it in a message."""
        if isinstance(self.value, dict):
            return "a mapping"
        if isinstance(self.value, list):
            return "a list"
        shown = self.text if len(self.text) <= 60 else f"{self.text[:60]}…"
        return "nothing" if self.value is None else repr(shown)

    def inside(self, at: int) -> Place:
        """The place of character `at` (from 0) of the text; where escapes or folds hide it, that of the whole."""
        quote = self.line[:1] if self.line[:1] in ("'", '"') else ""
        before = quote + (self.text[:at].replace("'", "''") if quote == "'" else self.text[:at])
        return self.place._replace(col=self.place.col + len(before)) if self.line.startswith(before) else self.place

    def plain(self) -> Plain:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value


@dataclass(frozen=True)
class Function:
    """A user's generator function: `file.py:name`, and what the file says of it.

    `takes_target` tells a stage (Events in, `target.send` out) from an end of the line. `fingerprint`
    changes with the file, so that a reload takes new code. `load` imports the file and gives the
    function; nothing of the user's runs before that. `signature` is None where only that would tell it.
    """

    file: str
    name: str
    takes_target: bool
    fingerprint: str
    load: Callable[[], Callable[..., Any]] = field(compare=False, repr=False)
    signature: Signature | None = field(default=None, compare=False, repr=False)


def _no_function(file: str, name: str) -> Function:
    raise ValueError("functions of the user cannot be loaded here")


def _no_table(path: str) -> TableFile:
    raise ValueError("files cannot be looked up here")


def _no_secret(kind: str, name: str) -> str:
    raise ValueError(f"${{{kind}:{name}}} cannot be looked up here")


class Reading(msgspec.Struct):
    """One loading of a config: where relative paths begin, what the outside hands in, and all mistakes."""

    folder: str = "."
    function: Callable[[str, str], Function] = _no_function
    table: Callable[[str], TableFile] = _no_table
    secret: Callable[[str, str], str] = _no_secret
    mistakes: list[Mistake] = msgspec.field(default_factory=list)

    def wrong(self, place: Place, what: str) -> Any:
        """Tell a mistake; gives WRONG."""
        self.mistakes.append(Mistake(place, what))
        return WRONG

    def try_(self, given: Given, convert: Callable[[str], Any], text: str) -> Any:
        """`convert(text)`, or WRONG with the ValueError's sentence told."""
        try:
            return convert(text)
        except ValueError as error:
            return self.wrong(given.place, str(error))


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing if no known word is near, or means what this one does elsewhere."""
    names = {name.lower(): name for name in known}
    if (name := named_here(word, names)) is not None:
        return f"; did you mean {names[name]!r}?"
    close = get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    return f"; did you mean {names[close[0]]!r}?" if close else ""


# --- scalars ----------------------------------------------------------------------------------------

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 36_525 * 86400.0
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s?([KMG]iB|kB|MB|GB|B)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MARK = "\ue000"
"""Where a secret will stand."""
_TOLD = re.compile(rf"{_MARK}|\\ue000")
"""The mark in a message, which may quote it."""
_SECRET = re.compile(r"\$\{(env|credential):([^}]*)\}")


def duration(text: str) -> Seconds:
    """Return the seconds of `500ms`, `90s`, `5m`, `1h`, `7d` or `1h30m`. Raises ValueError with the cure."""
    bare = _NUMBER.fullmatch(text)
    if bare and float(text):
        raise ValueError(f"{text} has no unit; a duration is written {text}s, or {text}m for minutes")
    if not bare and not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration; write 500ms, 90s, 5m, 1h or 7d")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if seconds <= 0:
        raise ValueError(f"{text} is no time at all; a duration is longer than nothing, such as 1s")
    if seconds > _LONGEST:
        raise ValueError(f"{text} is more than a hundred years")
    return Seconds(seconds)


def after(text: str) -> After:
    """Return the seconds of `1h30m`, or of `0s`. Raises ValueError with the cure."""
    return After(0.0 if text in ("0", "0s") else duration(text))


def size(text: str) -> Size:
    """Return the bytes of `64KiB` or `10MiB`. Raises ValueError with the cure."""
    found = _SIZE.fullmatch(text)
    if not found:
        if _NUMBER.fullmatch(text):
            raise ValueError(f"{text} has no unit; a size is written {text}KiB, or {text}B for bytes")
        raise ValueError(f"{text!r} is no size; write 64KiB or 10MiB")
    if len(found[1]) > 15:
        raise ValueError(f"{text} is more than any machine holds")
    return Size(int(float(found[1]) * _SIZES[found[2]]))


def share(text: str) -> Share:
    """Return the part of a whole that `2%` or `0.02` is. Raises ValueError with the cure."""
    number = text.removesuffix("%").rstrip()
    if not _NUMBER.fullmatch(number):
        raise ValueError(f"{text!r} is no share; write 2% or 0.02")
    if text == number and float(number) >= 1:
        raise ValueError(f"{text} may be meant in a hundred; a share is written {text}%, or 0.02 for 2%")
    # As a decimal: 0.7 / 100 is not quite 0.007.
    part = float(f"{number}e-2" if text != number else number)
    if part > 1:
        raise ValueError(f"{text} is more than the whole")
    return Share(part)


def _scalar(given: Given, reading: Reading, wanted: str) -> str | None:
    """The scalar's own characters, or None with the mistake told."""
    if isinstance(given.value, (list, dict)) or given.value is None:
        reading.wrong(given.place, f"expected {wanted}, found {given.what}")
        return None
    return given.text


def _string(given: Given, reading: Reading, wanted: str = "a text", *, braces: bool = True) -> str | None:
    """A scalar with its `${env:NAME}` and `${credential:NAME}` replaced.

    Not `braces`: those of a secret are written twice, so that nothing in it is taken for a field.
    """
    text = _scalar(given, reading, wanted)
    if text is None or "${" not in text:
        return text
    failed = False

    def replaced(found: re.Match[str]) -> str:
        nonlocal failed
        try:
            hidden = reading.secret(found[1], found[2])
            return hidden if braces else hidden.replace("{", "{{").replace("}", "}}")
        except ValueError as error:
            failed = True
            reading.wrong(given.place, str(error))
            return ""

    whole = _SECRET.sub(replaced, text)
    return None if failed else whole


def _text(given: Given, reading: Reading) -> Any:
    try:
        # Before a secret is put in: no message shows one, and none becomes part of a field's name.
        Text(_SECRET.sub(_MARK, given.text))
    except ValueError as error:
        return reading.wrong(given.place, re.sub(_TOLD, "${…}", str(error)))
    text = _string(given, reading, braces=False)
    return WRONG if text is None else Text(text)


def _text_or_not(given: Given, reading: Reading) -> Any:
    return given.value if isinstance(given.value, bool) else _text(given, reading)


def _name(wanted: str) -> Callable[[Given, Reading], Any]:
    """A name in the config itself: no secret is put in."""
    def convert(given: Given, reading: Reading) -> Any:
        text = _scalar(given, reading, wanted)
        return WRONG if text is None else text

    return convert


def _new_field(given: Given, reading: Reading) -> Any:
    """A name for a field that a step makes: such as texts can name, and none that every event has."""
    name = _scalar(given, reading, "a field's name")
    if name is None:
        return WRONG
    if not FIELD.fullmatch(name):
        return reading.wrong(given.place, f"{name!r} is no name of a field; it is made of letters, digits, '_', '.' "
                             "and '-'")
    if name in BUILT_IN:
        return reading.wrong(given.place, f"{name!r} is a built-in field; give this one another name")
    return name


def _number(kind: type, article: str) -> Callable[[Given, Reading], Any]:
    def convert(given: Given, reading: Reading) -> Any:
        if isinstance(given.value, bool) or not isinstance(given.value, (int, kind)):
            return reading.wrong(given.place, f"expected {article}, found {given.what}")
        return kind(given.value)

    return convert


def _bool(given: Given, reading: Reading) -> Any:
    if isinstance(given.value, bool):
        return given.value
    return reading.wrong(given.place, f"expected true or false, found {given.what}")


def _str(given: Given, reading: Reading) -> Any:
    text = _string(given, reading)
    return WRONG if text is None else text


def _by(parse: Callable[[str], Any], wanted: str) -> Callable[[Given, Reading], Any]:
    def convert(given: Given, reading: Reading) -> Any:
        text = _string(given, reading, wanted)
        if text is None:
            return WRONG
        try:
            return parse(text)
        except ValueError as error:
            if text != given.text:  # the sentence would show the secret
                return reading.wrong(given.place, f"{given.text!r} does not give {wanted}")
            return reading.wrong(given.place, str(error))

    return convert


def _path(given: Given, reading: Reading) -> Any:
    text = _string(given, reading, "a path")
    if text is None:
        return WRONG
    if not text:
        return reading.wrong(given.place, "expected a path, found an empty text")
    if text[0] in "~$":
        return reading.wrong(given.place, f"{text[0]!r} is not expanded in a path; write the whole path")
    if "\0" in text:
        return reading.wrong(given.place, "a path cannot hold the character '\\x00'")
    return posixpath.normpath(posixpath.join(reading.folder, text))


def _table_file(given: Given, reading: Reading) -> Any:
    path = _path(given, reading)
    return path if path is WRONG else reading.try_(given, reading.table, path)


def _templates_file(given: Given, reading: Reading) -> Any:
    def table(path: str) -> TableFile:
        try:
            return reading.table(path)
        except Missing as error:
            make = f"corowatch accept {shlex.quote(path)} LOG"
            raise ValueError(f"{error}; make one of a log with `{make}`") from None

    path = _path(given, reading)
    return path if path is WRONG else reading.try_(given, table, path)


def _name_glob(given: Given, reading: Reading) -> Any:
    return _path(given, reading) if "/" in given.text else _str(given, reading)


def _function(given: Given, reading: Reading) -> Any:
    text = _scalar(given, reading, "file.py:name")
    if text is None:
        return WRONG
    file, colon, name = text.rpartition(":")
    if not colon or not name.isidentifier():
        return reading.wrong(given.place, f"{text!r} names no function; write file.py:name")
    return reading.try_(given, lambda file: reading.function(file, name),
                        posixpath.normpath(posixpath.join(reading.folder, file)))


def _stamp(given: Given, reading: Reading) -> Any:
    text = _scalar(given, reading, "auto, none or a format such as '%d/%m/%Y %H:%M:%S'")
    if text is None:
        return WRONG
    from corowatch.core.stamps import Stamps

    return text if reading.try_(given, Stamps, text) is not WRONG else WRONG


def _text_tree(given: Given, reading: Reading) -> Any:
    if isinstance(given.value, dict):
        tree: Any = {key: _text_tree(item, reading) for key, item in given.value.items()}
        parts = tree.values()
    elif isinstance(given.value, list):
        parts = tree = [_text_tree(item, reading) for item in given.value]
    else:
        return _text(given, reading) if isinstance(given.value, str) else given.value
    return WRONG if any(part is WRONG for part in parts) else tree


def _plain(given: Given, reading: Reading) -> Any:
    """Whatever was written, with the secrets in its texts."""
    if isinstance(given.value, dict):
        return {key: _plain(item, reading) for key, item in given.value.items()}
    if isinstance(given.value, list):
        return [_plain(item, reading) for item in given.value]
    return _str(given, reading) if isinstance(given.value, str) else given.value


def _codec(text: str) -> str:
    """The encoding's name as Python spells it; one whose bytes depend on those before is of no use for lines."""
    try:
        name = codecs.lookup(text).name
        whole = "\n".encode(name) * 2 == "\n\n".encode(name)
    except (LookupError, UnicodeError):
        raise ValueError(f"{text!r} is no encoding; write utf-8, utf-16, latin-1 or cp1252") from None
    name = {"utf-8-sig": "utf-8"}.get(name, name)
    if not (whole or name in ("utf-8", "utf-16", "utf-32")) or name.startswith(("iso2022", "utf-7", "hz")):
        raise ValueError(f"{text!r} cannot be read line by line; write utf-8, utf-16, latin-1 or cp1252")
    return name


def pattern(given: Given, reading: Reading, of: Callable[..., Pattern] = Pattern, **flags: Any) -> Any:
    """A pattern's own characters, compiled; a control character is what double quotes made of a backslash."""
    text = _scalar(given, reading, "a pattern")
    if text is None:
        return WRONG
    if _holds_control(given, reading, "pattern"):
        return WRONG
    if not text:
        return reading.wrong(given.place, "an empty pattern matches every line; leave the step out instead")
    if _SECRET.search(text):
        return reading.wrong(given.place, "${…} is not replaced in a pattern; write what it stands for")
    try:
        return of(text, **flags)
    except Misread as error:
        return reading.wrong(given.inside(error.at), str(error))
    except ValueError as error:
        return reading.wrong(given.place, str(error))


def _expression(given: Given, reading: Reading, as_: str = "", **flags: Any) -> Any:
    """A pattern in the language that the option `as` beside it names, if there is one."""
    if as_ == "grok":
        from corowatch.core.grok import Grok  # only where a config has one: it reads its library

        return pattern(given, reading, Grok)
    return pattern(given, reading, **flags)


def _template(given: Given, reading: Reading) -> Any:
    return pattern(given, reading, Template)


def _holds_control(given: Given, reading: Reading, what: str, *, but: str = "") -> bool:
    """Whether a control character, which double quotes made of a backslash, stands in the text; that is told."""
    control = None if given.text.isprintable() else next(
        (char for char in given.text if (ord(char) < 32 or ord(char) == 127) and char not in but), None)
    if control is not None:
        reading.wrong(given.place, f"the {what} holds the control character {control!r}; in double quotes YAML "
                      f"takes the backslash for itself, so put the {what} in single quotes")
    return control is not None


def _condition(given: Given, reading: Reading) -> Any:
    text = _scalar(given, reading, "a condition")
    if text is None or _holds_control(given, reading, "condition", but="\t\n"):
        return WRONG
    try:
        return Expr(text)
    except Misread as error:
        return reading.wrong(given.inside(error.at), str(error))


_CONVERTERS: dict[Any, Callable[[Given, Reading], Any]] = {
    str: _str,
    bool: _bool,
    int: _number(int, "a whole number"),
    float: _number(float, "a number"),
    Seconds: _by(duration, "a duration such as 5m"),
    After: _by(after, "a duration such as 5m"),
    Size: _by(size, "a size such as 64KiB"),
    Share: _by(share, "a share such as 2%"),
    FigureName: _by(figures.figure, "a figure such as p95"),
    Text: _text,
    TextOrNot: _text_or_not,
    FieldName: _name("a field's name"),
    NewField: _new_field,
    SinkName: _name("a sink's name"),
    FlagName: _name("a flag's name"),
    Glob: _path,
    NameGlob: _name_glob,
    FilePath: _path,
    TableFile: _table_file,
    TemplatesFile: _templates_file,
    Encoding: _by(_codec, "an encoding"),
    Stamp: _stamp,
    Function: _function,
    Pattern: pattern,
    Template: _template,
    Expr: _condition,
    Url: _by(addresses.url, "the address of a web server"),
    AppriseUrl: _by(addresses.apprise_url, "one of Apprise's URLs"),
    HeaderName: _by(addresses.header_name, "the name of a header"),
    TextTree: _text_tree,
    UnitName: _by(addresses.unit_name, "the name of a unit"),
    Match: _by(addresses.match, "FIELD=value"),
    Mailbox: _by(addresses.mailbox, "an address of mail"),
    Server: _by(addresses.server, "a server, HOST:PORT"),
    DaySpan: _by(clock.day_span, "a part of the day"),
    WeekDays: _by(clock.week_days, "days of the week"),
    ZoneInfo: _by(clock.zone, "a zone"),
    Cron: _by(Cron, "a cron expression"),
    Any: _plain,
}


def convert(given: Given, hint: Any, reading: Reading, **flags: Any) -> Any:
    """Read `given` as `hint` says; WRONG, with everything told, if it cannot be. `flags` go to patterns."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = next(arg for arg in args if arg is not type(None))
        return None if given.value is None else convert(given, inner, reading, **flags)
    if origin is Literal:
        return _choice(given, args, reading)
    if origin is tuple:
        items = given.value if isinstance(given.value, list) else [given]
        if not items:
            return reading.wrong(given.place, "expected one or more, found an empty list")
        values = [convert(item, args[0], reading, **flags) for item in items]
        return WRONG if any(value is WRONG for value in values) else tuple(values)
    if origin is list:
        if not isinstance(given.value, list) or not given.value:
            return reading.wrong(given.place, f"expected a list, one word an item, found {given.what}")
        values = [_argument(item, reading) for item in given.value]
        return WRONG if any(value is WRONG for value in values) else values
    if origin is dict:
        if not isinstance(given.value, dict):
            return reading.wrong(given.place, f"expected a mapping, found {given.what}")
        read = {key: convert(item, args[1], reading) for key, item in given.value.items()}
        named = [convert(Given(key, given.keys[key], key), args[0], reading) for key in read if args[0] is not str]
        return WRONG if any(value is WRONG for value in (*read.values(), *named)) else read
    if hint is Pattern:
        return _expression(given, reading, **flags)
    return _record(given, hint, reading) if _has_parts(hint) else _CONVERTERS[hint](
        given, reading)


def _has_parts(hint: Any) -> bool:
    return is_dataclass(hint) and hint not in _CONVERTERS


def _parts(hint: Any) -> dict[str, tuple[str, Any, str, float]]:
    """What an option of several parts has, by the names that a person writes: the part's own name, its type, the
    sentence about it, and its least value."""
    parts = {}
    for name, annotated in get_type_hints(hint, include_extras=True).items():
        plain, sentence, *markers = get_args(annotated)
        least = next((marker.least for marker in markers if isinstance(marker, AtLeast)), float("-inf"))
        parts[name.rstrip("_")] = name, plain, sentence, least
    return parts


def _required(hint: Any) -> list[str]:
    """The parts that must be given."""
    return [part.name for part in fields(hint) if part.default is MISSING and part.default_factory is MISSING]


def _record(given: Given, hint: Any, reading: Reading) -> Any:
    """A mapping of parts, or the first of them alone."""
    parts = _parts(hint)
    keys = given.keys if isinstance(given.value, dict) else {}
    items = given.value if isinstance(given.value, dict) else {next(iter(parts)): given}
    read = {}
    for name, item in items.items():
        if name not in parts:
            near = nearest(name, parts) or f"; there are {', '.join(parts)}"
            read[name] = reading.wrong(keys[name], f"there is no {name!r} here{near}")
            continue
        own, plain, _, least = parts[name]
        value = convert(item, plain, reading)
        if isinstance(value, (int, float)) and value < least:
            value = reading.wrong(item.place, f"expected at least {least:g}, found {item.what}")
        read[own] = value
    for own in _required(hint):
        if own not in read and not any(nearest(name, [own]) for name in items if name not in parts):
            read[own] = reading.wrong(given.place, f"expected {', '.join(parts)}, found {given.what} without `{own}`")
    if any(value is WRONG for value in read.values()):
        return WRONG
    try:
        return hint(**read)
    except ValueError as error:
        return reading.wrong(given.place, str(error))


def _choice(given: Given, choices: tuple[str, ...], reading: Reading) -> Any:
    text = _scalar(given, reading, " or ".join(choices))
    if text is None or text in choices:
        return WRONG if text is None else text
    return reading.wrong(given.place, f"{text!r} is not one of: {', '.join(choices)}{nearest(text, choices)}")


def _argument(given: Given, reading: Reading) -> Any:
    """One word of an argv: a text, and never with a secret in it."""
    text = _scalar(given, reading, "a word")
    if text is not None and _SECRET.search(text):
        return reading.wrong(given.place, "a secret has no place in a command, where every user of the machine can "
                             "read it; let the command read it from a file")
    return WRONG if text is None else reading.try_(given, Text, text)


# --- what a schema says of each ---------------------------------------------------------------------

_PUT_IN = r".*\$\{(?:env|credential):[^}]*\}.*"
"""What a schema must take wherever a secret may be put in."""


def _matching(expression: str, cure: str, *, type_: str | list[str] = "string", **more: Any) -> dict[str, Any]:
    """The schema of a text that an expression matches as a whole, or in which a secret stands. `cure` is what editors
    say where it does not."""
    return {"type": type_, "pattern": f"^(?:{expression}|{_PUT_IN})$", "patternErrorMessage": cure, **more}


_SCALARS = ["string", "number", "boolean"]
_SCALAR_SCHEMA = {"type": _SCALARS}
_SOME_TIME = "a duration is written 500ms, 90s, 5m, 1h or 7d, and is longer than nothing"
_NO_TIME = r"(?:0+(?:\.0+)?(?:ms|s|m|h|d))+$"
_PATH_SCHEMA = {"type": _SCALARS, "pattern": r"^(?:[^~$]|\$\{)",
                "patternErrorMessage": "'~' and '$' are not expanded in a path; write the whole path"}
_BUILT_IN = "|".join(BUILT_IN)
_NEW_FIELD = {"type": _SCALARS, "pattern": f"^(?!(?:{_BUILT_IN})$){FIELD.pattern}$",
              "patternErrorMessage": "a field's name is made of letters, digits, '_', '.' and '-', and is none that "
              "every event has"}
# A control character is what double quotes make of a backslash.
_PATTERN_SCHEMA = {"type": _SCALARS, "minLength": 1,
                   "pattern": r"^(?!.*\$\{(?:env|credential):)[^\u0000-\u001f\u007f]+$",
                   "patternErrorMessage": "put a pattern in single quotes, and no ${…} into it"}
_SCHEMAS: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    Seconds: _matching(f"(?!{_NO_TIME}){_DURATION.pattern}", _SOME_TIME, examples=["90s", "5m", "1h"]),
    After: _matching(f"0|{_DURATION.pattern}", _SOME_TIME, type_=["string", "integer"], minimum=0, maximum=0,
                     examples=["90s", "5m", "1h"]),
    Size: _matching(_SIZE.pattern, "a size is written 64KiB or 10MiB", examples=["64KiB", "10MiB"]),
    Share: _matching(rf"0(?:\.\d+)?|{_NUMBER.pattern}\s*%", "a share is written 2% or 0.02", type_=["string", "number"],
                     minimum=0, exclusiveMaximum=1, examples=["2%"]),
    FigureName: _matching(f"{'|'.join(figures.NAMES)}|{figures.PERCENTILE.pattern}",
                          f"a figure is one of {', '.join(figures.NAMES)}, or a percentile such as p95"),
    Function: {"type": "string", "pattern": r":[A-Za-z_]\w*$", "examples": ["rules.py:grep"]},
    Text: {"type": _SCALARS,
           "pattern": r"^(?:[^{}]|\{\{|\}\}|\{[A-Za-z_][A-Za-z0-9_.-]*(?::span|:time)?\}|\$\{[^}]*\})*$",
           "patternErrorMessage": "braces stand around the name of a field; write {{ or }} to mean a brace"},
    NameGlob: {"type": _SCALARS, "pattern": r"^(?:[^~$]|\$\{|[~$][^/]*$)"},
    Glob: _PATH_SCHEMA, FilePath: _PATH_SCHEMA, TableFile: _PATH_SCHEMA,
    TemplatesFile: _PATH_SCHEMA,
    Pattern: _PATTERN_SCHEMA, Template: _PATTERN_SCHEMA,
    Expr: {"type": _SCALARS, "pattern": r"^[^\u0000-\u0008\u000b-\u001f\u007f]*$"},
    NewField: _NEW_FIELD,
    Url: _matching("https?://[^/?#].*", "write https://HOST/PATH"),
    AppriseUrl: _matching("[A-Za-z0-9]+://.+", "write SERVICE://…, such as ntfy://TOPIC"),
    Mailbox: _matching(".*[^@]@[^@].*", "write ops@example.org or 'Ops <ops@example.org>'"),
    TextTree: {"type": ["object", "array", *_SCALARS]},
    Any: {},
}
_SCHEMAS[TextOrNot] = _SCHEMAS[Text]


def by_type(type_: str, then: Mapping[str, Any], otherwise: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a value that may be written in two ways.

    Not `anyOf`: of that an editor can only say that no way fits, while here it tells what is wrong with the one that
    was meant.
    """
    return {"if": {"type": type_}, "then": dict(then), "else": dict(otherwise)}


def schema(hint: Any) -> dict[str, Any]:
    """The JSON Schema of what `convert` takes for `hint`."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return schema(next(arg for arg in args if arg is not type(None)))
    if origin is Literal:
        return {"enum": list(args)}
    if origin is tuple:
        one = schema(args[0])
        return by_type("array", {"items": one, "minItems": 1}, one) if one else {}
    if origin is list:
        return {"type": "array", "items": _SCALAR_SCHEMA, "minItems": 1}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema(args[1])}
    if _has_parts(hint):
        return _schema_of_parts(hint)
    return dict(_SCHEMAS.get(hint, _SCALAR_SCHEMA))


def _schema_of_parts(hint: Any) -> dict[str, Any]:
    parts = _parts(hint)
    mapping: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {
        name: {**schema(plain), "description": sentence, **({"minimum": least} if least > float("-inf") else {})}
        for name, (_, plain, sentence, least) in parts.items()}}
    required, (first, *_) = [name.rstrip("_") for name in _required(hint)], parts
    if required:
        mapping["required"] = required
    return by_type("object", mapping, schema(parts[first][1])) if set(required) <= {first} else mapping


_NAMES: dict[Any, str] = {
    str: "text", bool: "true/false", int: "whole number", float: "number", Seconds: "duration", After: "duration",
    Size: "size", Text: "text with {fields}", TextOrNot: "text with {fields}, or true/false", FieldName: "field",
    NewField: "new field", SinkName: "sink", FlagName: "flag", Glob: "glob",
    NameGlob: "glob", FilePath: "path", TableFile: "path", TemplatesFile: "path", Encoding: "encoding",
    Stamp: "auto, none or a format",
    Function: "file.py:name", Pattern: "pattern", Template: "pattern with {fields}", Expr: "condition",
    Url: "URL", AppriseUrl: "URL",
    HeaderName: "header", TextTree: "mapping of texts", Mailbox: "address",
    UnitName: "unit", Match: "FIELD=value", Server: "HOST:PORT", Any: "anything",
    DaySpan: "HH:MM-HH:MM", WeekDays: "day, or DAY-DAY", ZoneInfo: "zone", Cron: "cron expression",
    Share: "share", FigureName: "figure",
}


def type_name(hint: Any) -> str:
    """What a person calls the type."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return type_name(next(arg for arg in args if arg is not type(None)))
    if origin is Literal:
        return " | ".join(args)
    if origin is tuple:
        return f"{type_name(args[0])}, or a list"
    if origin is list:
        return "list of texts"
    if origin is dict:
        return "mapping"
    if _has_parts(hint):
        parts = _parts(hint)
        return f"{type_name(next(iter(parts.values()))[1])}; or a mapping with {', '.join(parts)}"
    return _NAMES[hint]
