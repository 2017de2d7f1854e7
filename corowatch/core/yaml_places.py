"""From YAML text to `Given`: every value with its own characters and the place where it stands.

Only null, true, false, integers and floats are more than text, so that `on`, `no`, `1:30`, `010` and a
date stay what was written. Tags and duplicate keys are mistakes. Nothing is constructed: the tree is
built from the parser's events, one after the other, so neither deep nesting nor aliases of aliases can
cost more than the limits below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from typing import Any

import msgspec
import yaml

from corowatch.core.errors import Mistake, Place
from corowatch.core.values import Given

MAX_CHARACTERS = 1 << 20
MAX_NODES = 50_000
"""Values in one file, those that aliases repeat counted each time."""
MAX_DEPTH = 50
MAX_SHOWN = 500
"""Characters of a line that a mistake still shows."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?(?:\.[0-9]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_VALUE = re.compile(r"(?:^\s*|(?::|-|\?|,)\s+|[\[{]\s*)(?=[^\s\w])")
"""Where a value may begin that is no plain word."""
_SINGLE = "put the text in single quotes"
_NO_BLANK = re.compile(r"\s*(?:- )?[\w-]+:(?=[^\s:])")


class Page(msgspec.Struct, frozen=True):
    """One file as it was read: its tree, what is wrong with the YAML, and its lines.

    `root` is None where there is nothing, or where `torn`: the YAML breaks off and the rest is unknown.
    """

    root: Given | None
    mistakes: list[Mistake]
    lines: list[str]
    torn: bool = False

    def line(self, place: Place) -> str:
        """The line of a place as it can be shown: one character a column, none that writes to a terminal.

        Nothing where the line is too long to point into.
        """
        text = self.lines[place.line - 1]
        if len(text) > MAX_SHOWN:
            return ""
        return "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in text)


def read(file: str, text: str) -> Page:
    """Read one YAML text. Raises nothing: what is wrong stands in the page."""
    text = text.removeprefix("\ufeff")
    lines = _BREAK.split(text)
    builder = _Builder(file, lines)
    try:
        builder.check(text)
        return Page(builder.build(text), builder.mistakes, lines)
    except _TornError as torn:
        last = torn.mistake
    except yaml.MarkedYAMLError as error:
        last = _mistake(file, error, lines)
    except (yaml.YAMLError, ValueError):  # ValueError: "\U00110000" in the pure Python parser
        last = Mistake(Place(file, 1, 1), f"this is not YAML; perhaps an escape in double quotes: {_SINGLE}")
    before = [mistake for mistake in builder.mistakes if mistake.place != last.place]
    return Page(None, [*before, last], lines, torn=True)


class _TornError(Exception):
    """Reading cannot go on."""

    def __init__(self, place: Place, what: str) -> None:
        super().__init__(what)
        self.mistake = Mistake(place, what)


class _Open(msgspec.Struct):
    """A list or mapping being read; in a mapping `parts` are key, value, key, value."""

    place: Place
    anchor: str | None
    mapping: bool
    parts: list[Given] = msgspec.field(default_factory=list)
    size: int = 1
    depth: int = 1


class _Anchor(msgspec.Struct):
    """What an alias stands for; no `given` while it is still being read."""

    given: Given | None = None
    size: int = 0
    depth: int = 0


class _Builder:
    """Builds the tree from the events of one file and tells mistakes on the way."""

    def __init__(self, file: str, lines: list[str]) -> None:
        self.mistakes: list[Mistake] = []
        self._file = file
        self._lines = lines
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchor] = {}
        self._idle: dict[str, Place] = {}  # anchors before plain texts that no alias has used yet
        self._root: Given | None = None
        self._nodes = 0

    def check(self, text: str) -> None:
        """Raises _TornError for a text that must not be given to the parser at all."""
        if len(text) > MAX_CHARACTERS:
            raise _TornError(Place(self._file, 1, 1), f"the file is larger than {MAX_CHARACTERS >> 20} MiB")
        if found := _UNREADABLE.search(text):
            before = _BREAK.split(text[:found.start()])
            place = Place(self._file, len(before), len(before[-1]) + 1)
            if _SURROGATE.match(found[0]):
                raise _TornError(place, "this is not UTF-8 text")
            raise _TornError(place, f"the character {found[0]!r} cannot stand in YAML")

    def build(self, text: str) -> Given | None:
        documents = 0
        for event in self._events(text):
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    place = self._place(event.start_mark)
                    raise _TornError(place, "a second document begins here; a file holds one")
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                self._begin(event)
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
        for name, place in self._idle.items():
            self._wrong(place, f"no alias uses the anchor '&{name}'; if it is meant as text, {_SINGLE}")
        root = self._root
        return None if root is None or (root.value is None and not root.text) else root

    @staticmethod
    def _events(text: str) -> Iterator[Any]:
        return yaml.parse(text, Loader=_LOADER)

    def _begin(self, event: Any) -> None:
        place = self._place(event.start_mark)
        self._refuse_tag(event, place)
        if event.anchor:
            self._anchors[event.anchor] = _Anchor()
        self._open.append(_Open(place, event.anchor, isinstance(event, yaml.MappingStartEvent)))
        if len(self._open) > MAX_DEPTH:
            raise _TornError(place, f"nested deeper than {MAX_DEPTH} levels")
        self._count(place, 1)

    def _end(self) -> None:
        done = self._open.pop()
        given = self._mapping(done) if done.mapping else Given(done.parts, done.place)
        if done.anchor:
            self._anchors[done.anchor] = _Anchor(given, done.size, done.depth)
        self._put(given, done.size, done.depth)

    def _scalar(self, event: Any) -> None:
        place = self._place(event.start_mark)
        self._refuse_tag(event, place)
        plain = event.style in (None, "")
        if not event.value.isascii() and _SURROGATE.search(event.value):
            raise _TornError(place, f"an escape here names half a character; {_SINGLE}")
        begin = place.col - 1
        line = self._lines[place.line - 1][begin:begin + MAX_SHOWN] if place.line <= len(self._lines) else ""
        given = Given(_resolved(event.value) if plain else event.value, place, event.value, line=line)
        self._count(place, 1)
        if event.anchor:
            self._anchors[event.anchor] = _Anchor(given, 1, 1)
            if plain and event.value and not self._in_drawer():
                self._idle[event.anchor] = place
        self._put(given, 1, 1)

    def _alias(self, event: Any) -> None:
        place = self._place(event.start_mark)
        self._idle.pop(event.anchor, None)
        known = self._anchors.get(event.anchor)
        if known is None:
            self._wrong(place, f"no anchor '&{event.anchor}' stands before this alias; "
                               f"if it is meant as text, {_SINGLE}")
            known = _Anchor(Given(f"*{event.anchor}", place, f"*{event.anchor}"), 1, 1)
        elif known.given is None:
            raise _TornError(place, f"'*{event.anchor}' stands inside what it repeats")
        elif len(self._open) + known.depth > MAX_DEPTH:
            raise _TornError(place, f"nested deeper than {MAX_DEPTH} levels")
        self._count(place, known.size)
        assert known.given is not None
        self._put(known.given, known.size, known.depth)

    def _put(self, given: Given, size: int, depth: int) -> None:
        if not self._open:
            self._root = given
            return
        parent = self._open[-1]
        parent.parts.append(given)
        parent.size += size
        parent.depth = max(parent.depth, depth + 1)

    def _mapping(self, done: _Open) -> Given:
        """The mapping of its parts: keys once, merge keys (`<<`) filled in where they stand."""
        values: dict[str, Given] = {}
        keys: dict[str, Place] = {}
        merged: set[str] = set()
        merge: Place | None = None
        for key, value in zip(done.parts[::2], done.parts[1::2], strict=True):
            if isinstance(key.value, (list, dict)):
                self._wrong(key.place, f"a key is a word, found {key.what}")
            elif key.text == "<<":
                if merge:
                    self._twice(key, merge)
                merge = merge or key.place
                for name, item, place in self._merged(value):
                    if name not in values:
                        values[name], keys[name] = item, place
                        merged.add(name)
            elif key.text in values and key.text not in merged:
                self._twice(key, keys[key.text])
            else:
                empty = value.value is None and not value.text
                values[key.text] = Given(None, key.place) if empty else value
                keys[key.text] = key.place
                merged.discard(key.text)
        return Given(values, done.place, keys=keys)

    def _merged(self, given: Given) -> Iterator[tuple[str, Given, Place]]:
        """What `<<: *anchor`, or a list of them, brings; the first of a list wins."""
        for item in given.value if isinstance(given.value, list) else [given]:
            if isinstance(item.value, dict):
                for name, value in item.value.items():
                    yield name, value, item.keys[name]
            else:
                self._wrong(item.place, f"'<<' takes a mapping, or a list of them, found {item.what}")

    def _twice(self, key: Given, first: Place) -> None:
        cure = ""
        if self._in_flow() and key.text != "<<":
            cure = f"; to have a step twice, write the flow as a list: - {key.text}: …"
        self._wrong(key.place, f"{key.text!r} stands twice in this mapping; the first is at {first}{cure}")

    def _refuse_tag(self, event: Any, place: Place) -> None:
        if event.tag:
            self._wrong(place, f"a tag such as {_short(event.tag)!r} is not taken here; "
                               "if it is meant as text, put it in single quotes")

    def _in_drawer(self) -> bool:
        """Whether the value belongs to an `x-…` key of the top level, where anchors have their home."""
        top = self._open[0].parts if self._open else []
        return len(top) % 2 == 1 and top[-1].text.startswith("x-")

    def _in_flow(self) -> bool:
        """Whether the value is that of a flow, whose keys are its steps."""
        top = self._open[0].parts if len(self._open) == 2 else []
        return len(top) % 2 == 1 and top[-1].text == "flows"

    def _count(self, place: Place, more: int) -> None:
        self._nodes += more
        if self._nodes > MAX_NODES:
            raise _TornError(place, f"more than {MAX_NODES} values, those that aliases repeat included")

    def _place(self, mark: Any) -> Place:
        return Place(self._file, mark.line + 1, mark.column + 1)

    def _wrong(self, place: Place, what: str) -> None:
        self.mistakes.append(Mistake(place, what))


def _short(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!", 1)


def _resolved(text: str) -> bool | int | float | str | None:
    """What a plain scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if len(text) < 64 and _FLOAT.fullmatch(text) and any(map(str.isdigit, text.lower().partition("e")[0])):
        number = float(text)
        return number if isfinite(number) else text
    return text


# --- what the parser does not take ------------------------------------------------------------------


def _mistake(file: str, error: yaml.MarkedYAMLError, lines: list[str]) -> Mistake:
    """The parser's complaint as a person would make it: where the cause is, and what to write instead."""
    problem, context = error.problem or "", error.context or ""
    at, since = _spot(error.problem_mark, lines), _spot(error.context_mark, lines)
    line = lines[at[0]]
    what, spot = f"this is not YAML: {problem}", at
    if line[at[1]:at[1] + 1] == "\t":
        what = "a tab cannot indent in YAML; use blanks"
    elif "quoted scalar" in context:
        quote = lines[since[0]][since[1]:since[1] + 1]
        if quote == '"' and "end of" not in problem and "document" not in problem:
            what = f"in double quotes YAML takes the backslash for itself; {_SINGLE}"
            spot = at[0], max(line.rfind("\\", 0, at[1] + 1), 0)
        else:
            what, spot = "the quote that begins here is never closed", since
    elif line[at[1]:at[1] + 1] == ":" and ": " in line[:at[1]]:
        what = f"a text with ': ' in it cannot stand bare; {_SINGLE}"
    elif (begun := _begun(line, at[1])) is not None:
        spot = at[0], begun
        what = _cure(line[begun])
    elif "flow" in context and since[0] != at[0]:
        what, spot = "the bracket that opens here is never closed", since
    elif close := next(((row, found.end()) for row in (at[0], at[0] - 1)
                        if (found := _NO_BLANK.match(lines[row])) and row >= 0), None):
        what, spot = "a blank is missing behind the colon", close
    elif "mapping" in problem or "block" in context:
        what = "this does not fit what stands before it; check the indentation, and quotes that are missing"
    return Mistake(Place(file, spot[0] + 1, spot[1] + 1), what)


def _spot(mark: Any, lines: list[str]) -> tuple[int, int]:
    """A mark as line and column from 0; past the end of the text, the end of its last line that holds any."""
    if mark is None:
        return 0, 0
    if mark.line < len(lines) and (mark.column or lines[mark.line].strip()):
        return mark.line, mark.column
    last = next((at for at in range(min(mark.line, len(lines) - 1), 0, -1) if lines[at].strip()), 0)
    return last, len(lines[last])


def _begun(line: str, column: int) -> int | None:
    """Where the value that the parser stumbled over begins, if with a character that means something."""
    starts = [found.end() for found in _VALUE.finditer(line) if found.end() <= column]
    return next((at for at in reversed(starts) if line[at] in "*[{%@&`|>!'\""
                 or (line[at] in "-?" and line[:at].strip())), None)


def _cure(char: str) -> str:
    if char == "'":
        return "nothing may follow the quote that closes; write '' for a quote inside single quotes"
    if char == '"':
        return f"nothing may follow the quote that closes; {_SINGLE}, all of it"
    if char in "[{":
        what = "a list" if char == "[" else "a mapping"
        return f"{char!r} begins {what} in YAML that does not end well; if it is meant as text, {_SINGLE}"
    return f"a text cannot begin with {char!r} in YAML; {_SINGLE}"
