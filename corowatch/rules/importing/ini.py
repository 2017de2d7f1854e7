"""Files in the form of fail2ban's: sections of options, includes, `%(option)s` and `<tag>` in values.

jail.conf(5) tells of it; what it leaves open is as configparser does it. Each line of a value keeps its place, through
all that is put together from others, so that a loss is told where it was written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from corowatch.core.errors import ConfigError, Mistake, Place

MOST = 100_000
"""Characters of a value, all put together; one that names itself would grow for ever."""
DEEPEST = 50
"""References inside each other."""

_SECTION = re.compile(r"\[(?P<name>.+)\]")
_OPTION = re.compile(r"(?P<name>.+?)\s*[=:]\s?(?P<value>.*)$")
_INLINE = re.compile(r"\s;.*")
_REFERENCE = re.compile(r"%(?:%|\((?P<name>[^)]+)\)s)")
_TAG = re.compile(r"<(?P<name>[^ <>]+)>")
_OUTER_HEAD = re.compile(r"(?<!\(\?)(?<!\(\?P)<([\w/-]*)$")
_OUTER_TAIL = re.compile(r"([\w/-]*)>")


class Nested(NamedTuple):
    """A name that a value was put into: `<mdre-<mode>>` with `mode` is `mdre-normal`."""

    name: str
    option: str
    head: str
    tail: str


class Line(NamedTuple):
    """A line of a value, and where it stands."""

    text: str
    place: Place


Value = list[Line]
Section = dict[str, Value]


class Ini:
    """What some files say together, later ones over earlier ones."""

    def __init__(self) -> None:
        self.sections: dict[str, Section] = {}
        self.before: dict[str, Section] = {}
        """What options of a section were in a file before, for `%(known/option)s`."""
        self.files: list[str] = []
        self._known: dict[tuple[str, str, str], Value | None] = {}
        """Values that were put together, by section, option and what is given: options may name each other often."""

    def read(self, path: str) -> None:
        """Add a file and what it includes; `NAME.local` behind each `NAME.conf`. Raises ConfigError if it is not there
        or is no such file."""
        for name in list(_with_includes(path, ())):
            for section, options in sections_of(name).items():
                known = self.sections.setdefault(section, {})
                self.before.setdefault(section, {}).update({key: known[key] for key in options if key in known})
                known.update(options)
            self._known.clear()
            self.files.append(name)

    @property
    def parameters(self) -> list[str]:
        """The options that values name as `<option>`, or that stand in [Init]: those that are meant to be set."""
        options = {name for section in self.sections.values() for name in section}
        named = {tag["name"] for section in self.sections.values() for value in section.values() for line in value
                 for tag in _TAG.finditer(line.text)}
        return sorted(name for name in {*(named & options), *self.sections.get("Init", {})} if name[0] != "_")

    def knows(self, name: str) -> bool:
        """Whether a section has an option of this name, or a value asks for it."""
        return name in self.parameters or any(name in section for section in self.sections.values())

    def options(self, section: str) -> Section:
        """The options of a section, with those that are there for all."""
        return {**self.sections.get("DEFAULT", {}), **self.sections.get(section, {})}

    def value(self, section: str, name: str, given: Mapping[str, str], depth: int = 0) -> Value | None:
        """An option with everything in it that `%(…)s` names; `given` comes before what the files say. None if there is
        no such option. Raises ConfigError where a name leads nowhere or round and round."""
        if name in given:
            return [Line(text, Place("--set")) for text in given[name].split("\n")]
        asked = section, name, repr(given)
        if asked not in self._known:
            self._known[asked] = self._put_together(section, name, given, depth)
        return self._known[asked]

    def _put_together(self, section: str, name: str, given: Mapping[str, str], depth: int) -> Value | None:
        raw = self._raw(section, name)
        if raw is None:
            return None
        if depth > DEEPEST:
            raise ConfigError([Mistake(raw[0].place, f"{name!r} is made of itself")])
        return [line for one in raw for line in self._expanded(section, one, given, depth)]

    def _raw(self, section: str, name: str) -> Value | None:
        if name == "__name__":
            return [Line(section, Place(self.files[-1]))]
        own, default = self.sections.get(section, {}), self.sections.get("DEFAULT", {})
        of, slash, option = name.partition("/")
        if not slash:
            return own.get(name, default.get(name))
        others = {"known": {**default, **self.before.get(section, {})}, "default": default}
        found = others.get(of.lower(), self.sections.get(of, {}))
        return found.get(option, default.get(option))

    def _expanded(self, section: str, line: Line, given: Mapping[str, str], depth: int) -> Value:
        """A line with what it names; what it names may have several lines."""
        lines = [Line("", line.place)]
        at = 0
        for found in _REFERENCE.finditer(line.text):
            lines[-1] = _joined(lines[-1], line.text[at:found.start()])
            at = found.end()
            if found["name"] is None:
                lines[-1] = _joined(lines[-1], "%")
                continue
            value = self.value(section, found["name"].lower(), given, depth + 1)
            if value is None:
                raise ConfigError([Mistake(line.place, f"there is no option {found['name']!r} to put in")])
            lines = _spliced(lines, value)
        lines[-1] = _joined(lines[-1], line.text[at:])
        return _bounded(lines)


def with_tags(value: Value, tags: Mapping[str, Value], nested: dict[str, Nested] | None = None) -> Value:
    """A value with those of `tags` in the place of their `<names>`, as deep as they go; others stay. Names that others
    were put into are added to `nested`. Raises ConfigError where one is made of itself."""
    for _ in range(DEEPEST):
        found = False
        made: Value = []
        for line in value:
            at = 0
            lines = [Line("", line.place)]
            for tag in _TAG.finditer(line.text):
                told = tags.get(tag["name"], tags.get(tag["name"].lower()))
                if told is not None:
                    if nested is not None and (one := _nested(line.text, tag, told)):
                        nested[one.name] = one
                    lines[-1] = _joined(lines[-1], line.text[at:tag.start()])
                    lines = _spliced(lines, told)
                    at = tag.end()
                    found = True
            lines[-1] = _joined(lines[-1], line.text[at:])
            made += lines
        value = _bounded(made)
        if not found:
            return value
    raise ConfigError([Mistake(value[0].place, "a <tag> is made of itself")])


def _nested(text: str, tag: re.Match[str], told: Value) -> Nested | None:
    """The name that a tag is a part of."""
    head, tail = _OUTER_HEAD.search(text[:tag.start()]), _OUTER_TAIL.match(text[tag.end():])
    if head is None or tail is None or len(told) > 1:
        return None
    return Nested(head[1] + "".join(line.text for line in told) + tail[1], tag["name"], head[1], tail[1])


def unresolved(line: Line, nested: Mapping[str, Nested]) -> Nested | None:
    """The first of `nested` that still stands in a line, for nothing has its name."""
    return next((nested[tag["name"]] for tag in _TAG.finditer(line.text) if tag["name"] in nested), None)


def _joined(line: Line, text: str) -> Line:
    return Line(line.text + text, line.place)


def _spliced(lines: Value, value: Value) -> Value:
    """`value` behind the last of `lines`. A line that it begins with stands where it does itself."""
    first, *more = value or [Line("", lines[-1].place)]
    head = Line(lines[-1].text + first.text, lines[-1].place if lines[-1].text.strip() else first.place)
    return [*lines[:-1], head, *more]


def _bounded(lines: Value) -> Value:
    if sum(len(line.text) for line in lines) > MOST:
        raise ConfigError([Mistake(lines[0].place, f"it becomes longer than {MOST:,} characters")])
    return lines


def _with_includes(path: str, above: tuple[str, ...]) -> Iterator[str]:
    """A file, those it includes before and after, and its `.local`."""
    local = os.path.splitext(path)[0] + ".local"
    for name in (path, *([local] if local != path and os.path.isfile(local) else [])):
        includes = sections_of(name).get("INCLUDES", {})
        for when in ("before", "", "after"):
            if not when:
                yield name
            for line in includes.get(when, []):
                other = os.path.join(os.path.dirname(name), line.text)
                if not line.text or other in (*above, name):
                    continue
                if os.access(other, os.R_OK):
                    yield from _with_includes(other, (*above, name))
                elif when == "before":
                    raise ConfigError([Mistake(line.place, f"includes {line.text}, which cannot be read; it was sought "
                                                           f"as {other}")])


def sections_of(path: str) -> dict[str, Section]:
    """The sections of one file. Raises ConfigError."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().split("\n")
    except OSError as error:
        raise ConfigError([Mistake(Place(path), f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([Mistake(Place(path), "is not UTF-8")]) from error
    found: dict[str, Section] = {}
    section: Section | None = None
    value: Value | None = None
    begins = 1  # the column of the section or option before
    for number, raw in enumerate(lines, 1):
        text = _INLINE.sub("", raw).rstrip()
        if text.lstrip().startswith(("#", ";")) or not text.strip():
            continue
        column = len(text) - len(text.lstrip()) + 1
        place = Place(path, number, column)
        if column > begins and value is not None:
            value.append(Line(text.strip(), place))
            continue
        begins = column
        if head := _SECTION.match(text.strip()):
            section, value = found.setdefault(head["name"], {}), None
        elif section is not None and (option := _OPTION.match(text.strip())):
            value = section[option["name"].lower()] = [
                Line(option["value"].strip(), Place(path, number, column + option.start("value")))]
        else:
            raise ConfigError([Mistake(place, "expected `[section]` or `option = value`", raw)])
    return found
