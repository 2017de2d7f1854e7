"""Rules of other programs as a config: what could be carried over, and a list of what could not, with its place.

One module reads the files of one peer and gives an Import; nothing here knows the peers' programs, and none of them is
run. What a rule does is expressed in the kinds that there are, so that what is written is a config like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from corowatch.core.errors import ConfigError, Mistake, Place
from corowatch.rules.yaml_text import scalar

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS = {"null", "true", "false"}
_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_HEAD = re.compile(r"  [\w'\"]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
RULES = Place("the rules")
"""Where something stands of which no place is known."""
WIDTH = 110
"""Characters of a list or mapping that stands in one line."""


class Lost(msgspec.Struct, frozen=True):
    """Something that was not carried over: where it stands, what it is, and why not or what to do instead."""

    place: Place
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}: {self.why}"


class Asked(msgspec.Struct, frozen=True):
    """What the person who imports wants otherwise: other logs than the peer's (none: the peer's), options of the peer's
    rules by name, and how often within how long (seconds) is too often."""

    logs: Sequence[str] = ()
    options: Mapping[str, str] = msgspec.field(default_factory=dict)
    threshold: tuple[int, float] | None = None


class WrongOption(ValueError):
    """An option of the peer's rules that is asked for, and that they do not know, or not with this value; the text says
    which there are."""


NOTHING = Asked()


class Step(msgspec.Struct, frozen=True):
    """A step of a flow. `name`: other flows take from it. `why`: a word for those who read the config."""

    kind: str
    value: Any
    name: str = ""
    why: str = ""


class Flow(msgspec.Struct):
    """A flow, what of the peer's it was (a comment), and where that stands."""

    name: str
    steps: list[Step]
    of: str = ""
    place: Place = RULES


class Import(msgspec.Struct):
    """What was read: flows and sinks of a config, and what is not in them."""

    flows: list[Flow] = msgspec.field(default_factory=list)
    sinks: dict[str, Any] = msgspec.field(default_factory=dict)
    lost: list[Lost] = msgspec.field(default_factory=list)

    def lose(self, place: Place, what: str, why: str) -> None:
        """Tell, once, that something is not carried over."""
        if (lost := Lost(place, what, why)) not in self.lost:
            self.lost.append(lost)

    def flow_name(self, wanted: str) -> str:
        """A name that no flow has yet, as near as may be to the one that is wanted."""
        name = _NAME.sub("-", wanted).strip("-").lower() or "rule"
        name = name if name[0].isalpha() else f"rule-{name}"
        taken = {flow.name for flow in self.flows}
        return next(one for one in numbered(name) if one not in taken and one != "corowatch")

    def sink_name(self, wanted: str, value: Any) -> str:
        """The name of a sink with this value: one that is there, or a new one."""
        return next(name for name in numbered(wanted) if self.sinks.setdefault(name, value) == value)


    def add(self, name: str, place: Place, of: str, steps: list[Step],
            ways: Sequence[tuple[list[Step], Mapping[str, Any]]]) -> None:
        """Write what is done with an event that passes `steps`: each way further steps and the options of an `alert`.
        One way stands in the same flow; of several each is a flow of its own, behind the last of `steps`."""
        if len(ways) == 1:
            more, alert = ways[0]
            self.flows.append(Flow(name, [*steps, *more, Step("alert", alert)], f"{place}: {of}", place))
        elif ways:
            self.flows.append(Flow(name, [*steps[:-1], replace(steps[-1], name="passed")], f"{place}: {of}", place))
            for more, alert in ways:
                given = [Step("from", f"{name}.passed"), *more, Step("alert", alert)]
                self.flows.append(Flow(self.flow_name(name), given, f"{place}: {of}", place))


def sound(imported: Import, title: str, load: Callable[[str], object]) -> str:
    """The config as text. What `load` refuses of it, raising ConfigError, is taken out before, and lost: an address
    that is none, a time of a thousand years, and what takes from that. Raises ConfigError if that is of no use."""
    while True:
        text = as_yaml(imported, title)
        if not imported.flows:
            return text
        try:
            load(text)
        except ConfigError as error:
            lines = text.split("\n")
            taken = [_take_out(imported, lines[:mistake.place.line], mistake.what) for mistake in error.mistakes]
            if not any(taken):
                raise
        else:
            return text


def _take_out(imported: Import, lines: Sequence[str], why: str) -> bool:
    """Lose the flow or sink in which a config of these lines ends; False if there is none."""
    head = next((line for line in reversed(lines) if _HEAD.match(line)), "")
    name = head.strip().partition(":")[0].strip("'\"")
    flow = next((flow for flow in imported.flows if flow.name == name), None)
    if "sinks:" in lines and name in imported.sinks:
        del imported.sinks[name]
        imported.lose(RULES, f"the sink {name}", why)
    elif "sinks:" not in lines and flow is not None:
        imported.flows.remove(flow)
        imported.lose(flow.place, flow.of or f"the flow {name}", why)
    else:
        return False
    return True


def numbered(name: str) -> Iterator[str]:
    """`name`, `name-2`, `name-3` …"""
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def as_yaml(imported: Import, title: str) -> str:
    """The config as text. `title` is its first line; what was lost stands behind it, in comments."""
    lines = [f"# {_comment(title)}"]
    if imported.lost:
        lines += ["#", "# Not carried over:", *(f"# - {_comment(str(lost))}" for lost in imported.lost)]
    lines += ["", "flows:" if imported.flows else "flows: {}"]
    for flow in imported.flows:
        lines += [f"  # {_comment(flow.of)}"] if flow.of else []
        lines.append(f"  {_scalar(flow.name)}:")
        for step in flow.steps:
            lines += [f"    # {_comment(step.why)}"] if step.why else []
            lines += _item({step.kind: step.value, **({"name": step.name} if step.name else {})}, "    ")
    if imported.sinks:
        lines += ["sinks:", *_block(imported.sinks, "  ")]
    return "\n".join(lines) + "\n"


def lines_of(path: str, newline: str | None = None) -> list[tuple[int, str]]:
    """The lines of a file with their numbers; `newline` as of open(). Raises ConfigError where it cannot be read or is
    no text."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline=newline) as file:
            text = file.read()
    except OSError as error:
        raise ConfigError([Mistake(Place(path), f"cannot be read: {error.strerror}")]) from error
    if "\0" in text:
        raise ConfigError([Mistake(Place(path), "is no text: there are NUL bytes")])
    return list(enumerate(text.split("\n"), 1))


def _comment(text: str) -> str:
    return _CONTROL.sub(" ", text)


def _item(value: Any, indent: str) -> list[str]:
    """An item of a list, of several lines where it is long."""
    first, *rest = _block(value, indent + "  ") if isinstance(value, Mapping) else [indent + "  " + _flowing(value)]
    return [f"{indent}- {first.lstrip(' ')}", *rest]


def _block(value: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for key, inner in value.items():
        head = f"{indent}{_scalar(key)}:"
        line = f"{head} {_flowing(inner)}"
        if len(line) <= WIDTH or not inner or not isinstance(inner, Mapping | list | tuple):
            lines.append(line)
        elif isinstance(inner, Mapping):
            lines += [head, *_block(inner, indent + "  ")]
        else:
            lines += [head, *(line for item in inner for line in _item(item, indent + "  "))]
    return lines


def _flowing(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flowing(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flowing, value))}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """A scalar as YAML: plain where it can be, else in quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if not isinstance(value, str) or (_PLAIN.fullmatch(text) and text.lower() not in _WORDS) or _is_span(text):
        return text
    return scalar(text)


def _is_span(text: str) -> bool:
    """A time such as 10m, or a path: no quotes are needed."""
    return bool(re.fullmatch(r"\d+(?:ms|s|m|h|d)|/[\w./-]*", text))


def seconds(count: float) -> str:
    """So many seconds as an option has it: 10m, 90s, 1500ms."""
    if count != int(count):
        return f"{round(count * 1000)}ms"
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if count and count % size == 0:
            return f"{int(count) // size}{unit}"
    return f"{int(count)}s"


def known_options(asked: Asked, *known: str) -> None:
    """Raises WrongOption where another option is asked for."""
    for name in asked.options:
        if name not in known:
            raise WrongOption(f"the rules have no option {name!r}; there is {', '.join(known) or 'none'}")


def one_or_list(values: Sequence[Any]) -> Any:
    """A value alone, or a list of them."""
    return values[0] if len(values) == 1 else list(values)
