"""Kinds told to people and to editors: table rows, help pages, JSON Schema; a flow as the classic expression."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args, get_origin

from corowatch.core.cases import Case
from corowatch.core.config import Config, Step
from corowatch.core.kinds import ANYTHING, REQUIRED, Kind, Kinds, Option
from corowatch.core.surface import NAME, RESERVED
from corowatch.core.text import Text, capped, shown
from corowatch.core.values import FilePath, by_type, schema, type_name

LONG = 200
"""Characters of a text that are shown of it in a flow: imported patterns have thousands."""
ROLES = {"source": "Sources", "node": "Nodes", "sink": "Sinks"}


def default_of(option: Option) -> str:
    """An option's default as a person writes it; empty where it is required or nothing."""
    value = option.default
    if value is REQUIRED or value is None or value == () or value == {}:
        return ""
    if isinstance(value, Text):
        return value.source
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    name = type_name(option.hint)
    if name == "duration":
        return _duration(float(value))
    if name == "size":
        return f"{value // 1024}KiB"
    return shown(value)


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def help_page(kind: Kind) -> str:
    """Everything about a kind, from its own definition."""
    lines = [f"{kind.name} ({kind.role}): {kind.doc}"]
    if kind.options:
        lines += ["", "Options (the first may stand alone):" if kind.first else "Options:", ""]
    for option in kind.options.values():
        default = default_of(option)
        tail = "required" if option.required else f"default {default}" if default else ""
        lines.append(f"  {_name(option)}  ({type_name(option.hint)}{', ' + tail if tail else ''})")
        lines.append(f"      {option.sentence}")
    if kind.adds:
        lines += ["", "Fields it adds: " + ("as its options say" if callable(kind.adds) else
                                            "those that your function gives" if ANYTHING in kind.adds else
                                            ", ".join(kind.adds))]
    if kind.outlets[1:]:
        lines += ["", "Further outlets: " + ", ".join(f"from: FLOW.{kind.name}.{name}" for name in kind.outlets[1:])]
    if kind.role == "node":
        lines += ["", "Counted, and told at close: " + ", ".join((*kind.counters, "failed"))]
    return "\n".join(lines)


def table(kinds: Kinds) -> str:
    """The README's table of kinds, in Markdown."""
    rows = ["| kind | does | options (first = shorthand) |", "|---|---|---|"]
    for role, heading in ROLES.items():
        rows.append(f"| **{heading}** | | |")
        for name, kind in sorted(getattr(kinds, role).items()):
            options = ", ".join(_told(option) for option in kind.options.values())
            rows.append(f"| `{name}` | {_cell(kind.summary)} | {_cell(options)} |")
    return "\n".join(rows) + "\n"


def _told(option: Option) -> str:
    default = default_of(option)
    return f"`{_name(option)}`" + (f" ({default})" if default else "")


def _name(option: Option) -> str:
    return "FIELD: …" if option.free else option.name


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# --- JSON Schema ------------------------------------------------------------------------------------


def json_schema(kinds: Kinds) -> dict[str, Any]:
    """The schema of a config file, one branch a kind, for editors.

    It is of draft 7, which all editors know. What may be written in several ways is told apart by its type, so that an
    editor names the one mistake there is.
    """
    origin = {**schema(tuple[str, ...]), "description": "FLOW, FLOW.STEP or FLOW.STEP.otherwise; a list merges"}
    heads = {"from": origin, **_references(kinds.source)}
    nodes = _references(kinds.node)
    name = {"type": "string", "pattern": f"^{NAME}$", "description": "how other flows call this step"}
    mapping = {"type": "object", "properties": {**heads, **nodes}, "additionalProperties": False, "minProperties": 1,
               "oneOf": [{"required": [head]} for head in heads]}
    sequence = {"items": [_item(heads, name)], "additionalItems": _item(nodes, name), "minItems": 1}
    sinks = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False,
             "properties": _references(kinds.sink)}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "corowatch config",
        "type": "object",
        "properties": {
            "flows": {"type": "object", "minProperties": 1, "description": "by name: where lines come from, and what "
                      "becomes of them", "propertyNames": {"pattern": f"^(?!{RESERVED}$){NAME}$"},
                      "additionalProperties": by_type("array", sequence, mapping)},
            "sinks": {"type": ["object", "null"], "description": "by name: who is told",
                      "propertyNames": {"pattern": f"^{NAME}$"}, "additionalProperties": sinks},
            "defaults": {"type": ["object", "null"], "description": "options of each use of a kind that does not say "
                         "otherwise", "additionalProperties": False, "properties": {
                             kind.name: {**_mapping(kind), "type": ["object", "null"]} for kind in kinds}},
            "tests": {"type": ["array", "null"], "items": _case(), "description": "lines, and the alerts that there "
                      "must be then; `corowatch test` runs them"},
            "config": {**schema(tuple[FilePath, ...]), "description": "in a file of tests: their config"},
        },
        "patternProperties": {"^x-": {}},
        "additionalProperties": False,
        "definitions": {f"{kind.role}.{kind.name}": _use(kind) for kind in kinds},
    }


def _references(kinds: Mapping[str, Kind]) -> dict[str, Any]:
    return {name: {"$ref": f"#/definitions/{kind.role}.{name}"} for name, kind in kinds.items()}


def _item(uses: Mapping[str, Any], name: Mapping[str, Any]) -> dict[str, Any]:
    """An item of a list of steps: one step, which may have a name."""
    return {"type": "object", "properties": {**uses, "name": name}, "additionalProperties": False,
            "if": {"required": ["name"]}, "then": {"minProperties": 2, "maxProperties": 2},
            "else": {"minProperties": 1, "maxProperties": 1}}


def _case() -> dict[str, Any]:
    """The schema of a test: `then` may be an empty list."""
    case = schema(Case)
    case = dict(case.get("then", case))
    case["properties"]["then"]["then"].pop("minItems")
    return {**case, "required": ["then"]}


def _properties(kind: Kind) -> dict[str, Any]:
    return {option.name: _option(option) for option in kind.options.values() if not option.free}


def _mapping(kind: Kind) -> dict[str, Any]:
    free = next((option for option in kind.options.values() if option.free), None)
    properties = _properties(kind)
    if free is None:
        return {"type": "object", "properties": properties, "additionalProperties": False}
    name, value = map(schema, get_args(free.hint))
    return {"type": "object", "properties": properties, "propertyNames": {"anyOf": [{"enum": list(properties)}, name]},
            "additionalProperties": {**value, "description": free.sentence}}


def _option(option: Option) -> dict[str, Any]:
    told = {**schema(option.hint), "description": option.sentence}
    default = default_of(option)
    if default not in ("", "0s"):  # no time at all is not for a person to write
        plain = isinstance(option.default, (bool, int)) and type_name(option.hint) not in ("duration", "size")
        told["default"] = list(option.default) if isinstance(option.default, tuple) else (
            option.default if plain else default)
    return {**told, "minimum": option.least} if option.least is not None else told


def _use(kind: Kind) -> dict[str, Any]:
    required = [option.name for option in kind.options.values() if option.required and not option.free]
    full, first = _mapping(kind), kind.first
    if required:
        full["required"] = required
    if first and get_origin(first.hint) is dict and not first.free:
        full = schema(first.hint)  # a mapping is the option itself
    short: dict[str, Any] = full if first else {"type": "null"}
    if first and set(required) <= {first.name} and not first.free:
        short = schema(first.hint)
        if not required:
            short = by_type("null", {}, short) if short else {}
    elif first and not required:
        short = by_type("null", {}, full)
    return {"title": f"{kind.name}, a {kind.role}", "description": kind.summary, "markdownDescription": kind.doc,
            **by_type("object", full, short)}


# --- a config as the classic course would write it --------------------------------------------------


class _Call(NamedTuple):
    """`name(words, calls)`."""

    name: str
    words: list[str]
    calls: list[_Call]

    def flat(self) -> str:
        return f"{self.name}({', '.join([*self.words, *(call.flat() for call in self.calls)])})"

    def broken(self, indent: str = "") -> list[str]:
        """A line for each call, what it sends to below it."""
        told = [f"{indent}{self.name}({', '.join(self.words)}"]
        for call in self.calls:
            told[-1] += "," if told[-1][-1] != "(" else ""
            told += call.broken(indent + "  ")
        told[-1] += ")"
        return told


def expression(config: Config, flow: str, columns: int = 100) -> list[str]:
    """A flow as nested calls: `follow("/var/log/app/*.log", grep("ERROR", alert("ops")))`, for each head one line, or
    where that is wider than `columns`, a line for each call."""
    steps = [step for step in config.steps.values() if step.flow == flow]
    own = {step.id for step in steps}
    told: list[str] = []
    for step in steps:
        outside = [f"{way.step}.{way.outlet}" if way.outlet != "target" else way.step
                   for way in step.inputs if way.step not in own]
        if outside or not step.inputs:
            call = _call(config, step, own)
            begin = "".join(f"{name} → " for name in [" + ".join(outside)] if name)
            first, *rest = [call.flat()] if len(begin + call.flat()) <= columns else call.broken()
            told += [begin + first, *rest]
    return told


def _call(config: Config, step: Step, own: set[str]) -> _Call:
    after = [_call(config, other, own) for other in config.steps.values()
             if other.id in own and any(way.step == step.id for way in other.inputs)]
    return _Call("follow" if step.kind.name == "tail" else step.kind.name, list(_written(step.written)), after)


def _written(options: Mapping[str, Any]) -> Iterator[str]:
    for number, (name, value) in enumerate(options.items()):
        text = _value(value)
        yield text if number == 0 else f"{name}={text}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return _value(value[0]) if len(value) == 1 else "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_value(item)}" for name, item in value.items()) + "}"
    return '"' + capped(value, LONG).replace('"', '\\"') + '"' if isinstance(value, str) else shown(value)
