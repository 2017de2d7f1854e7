"""The schema, judged by a validator: what it takes, and that it refuses the mistakes that the loader tells, at their
place.

The mistakes are those of the tables in tests/core/test_config.py and of shared/accept beside the project, and a wrong
type for the options of every kind. What no schema can know of is told below, with why.
"""

import ast
import importlib.util
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from corowatch.beginning import Beginning, fitting, sink
from corowatch.core.config import ConfigFile, load
from corowatch.core.describe import json_schema
from corowatch.core.errors import ConfigError
from corowatch.core.values import type_name
from corowatch.discovery import discover
from corowatch.machine import PLACES, Log, Machine

ROOT = Path(__file__).parents[1]
ACCEPT = ROOT.parent / "shared" / "accept" / "mistakes"
UNKNOWABLE = {
    r"no (?:flow|step|sink) '": "which flows, steps and sinks there are, another part or file of the config says",
    r"`\w+` has no outlet|passes nothing on|nothing can follow": "what goes to whom",
    r"stands at the head|a flow begins with a source|is a source, and a source begins": "a mapping has no order for a "
    "schema",
    r"is no step of its own": "whether a head is `from` or a source, both of which have a place at the head of a list",
    r"cannot feed itself": "how flows hang together",
    r"expected a mapping with `flows:`$": "another file of the folder may have them, and a file of tests has none",
    r"stands twice|is defined twice": "YAML itself: what is read has one of them, and an editor tells of both",
    r"is named '": "names that are equal: a schema compares no keys with each other",
    r"no field '|is named like a|the group '": "fields come from patterns and kinds before",
    r"no step `flag` sets|the flag '": "flags of other flows",
    r"no regular expression|has no function|is not there|does not give|more than a hundred years": "what a pattern, a "
    "file, a secret or a number means",
}


def module_at(path):
    spec = importlib.util.spec_from_file_location(f"of_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CONFIGS = module_at(ROOT / "tests" / "core" / "test_config.py")


def tables():
    """(kinds, text) of each config with mistakes in the tables of test_config.py."""
    for name, kinds, made in (
        ("test_the_top_level_is_checked", CONFIGS.KINDS, lambda text: text),
        ("test_a_flow_is_checked_step_by_step", CONFIGS.KINDS, lambda lines: CONFIGS.flow(*lines)),
        ("test_names_sinks_and_defaults_are_checked", CONFIGS.KINDS, lambda text: text),
        ("test_options_are_checked", CONFIGS.MORE, lambda step: CONFIGS.flow("stdin:", step)),
        ("test_what_is_meant_otherwise_is_told_with_the_cure", CONFIGS.KINDS,
         lambda step: CONFIGS.flow("stdin:", step)),
        ("test_a_flag_that_nobody_sets_is_a_mistake", discover(), lambda steps: CONFIGS.flow("stdin:", *steps)),
    ):
        (mark,) = getattr(CONFIGS, name).pytestmark
        for row in mark.args[1]:
            values = row.values if hasattr(row, "values") else row
            yield pytest.param(kinds, made(values[0]), id=f"{name.removeprefix('test_')}: {values[0]}"[:90])


def accepted_mistakes():
    """The cases of shared/accept/mistakes, read from its source: it runs when it is imported."""
    if not ACCEPT.exists():
        yield pytest.param(None, "", id="none", marks=pytest.mark.skip(reason="shared/accept is not here"))
        return
    (cases,) = (one.value for one in ast.parse(ACCEPT.read_text()).body
                if isinstance(one, ast.Assign) and one.targets[0].id == "CASES")
    for name, (text, _) in ast.literal_eval(cases).items():
        yield pytest.param(discover(), text, id=name)


def mistakes(kinds, text):
    """Each as (line, column, what); none of YAML itself, which no schema sees."""
    try:
        load([ConfigFile("c.yaml", text, "/etc/cw")], kinds, function=CONFIGS.function, secret=CONFIGS.secret)
    except ConfigError as error:
        return [(place.line, place.col, what) for place, what, _ in error.mistakes]
    return []


def places(node):
    """The node of each path in a YAML document, and that of each key: path -> (value, key)."""
    found = {}

    def walk(one, path, key):
        found[path] = one, key
        if isinstance(one, yaml.MappingNode):
            for name, value in one.value:
                walk(value, (*path, name.value), name)
        elif isinstance(one, yaml.SequenceNode):
            for number, value in enumerate(one.value):
                walk(value, (*path, number), None)

    walk(node, (), None)
    return found


def at(node):
    return node.start_mark.line + 1, node.start_mark.column + 1


def refused(schema, text):
    """Where a schema finds something wrong: the places at which an editor would show it, an error each."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return [{(1, 1)}] if list(jsonschema.Draft7Validator(schema).iter_errors(None)) else []
    known = places(root)
    told = []
    for error in jsonschema.Draft7Validator(schema).iter_errors(yaml.safe_load(text)):
        path = tuple(error.absolute_path)
        value, key = known[path]
        if error.validator == "additionalProperties":
            extra = set(error.instance) - set(error.schema["properties"])
            told += [{at(known[(*path, name)][1])} for name in extra]
        elif error.validator in ("maxProperties", "oneOf") and error.instance:
            told.append({at(value), *(at(known[(*path, name)][1]) for name in error.instance)})
        elif error.validator == "pattern" and "propertyNames" in error.absolute_schema_path:
            told.append({at(known[(*path, error.instance)][1])})
        else:
            told.append({at(value), at(key) if key is not None else (1, 1) if not path else at(value)})
    return told


def why_not(what):
    return next((why for pattern, why in UNKNOWABLE.items() if re.search(pattern, what)), None)


@pytest.mark.parametrize(("kinds", "text"), [*tables(), *accepted_mistakes()])
def test_what_the_loader_refuses_the_schema_refuses_at_its_place(kinds, text):
    told = mistakes(kinds, text)
    assert told
    try:
        found = refused(json_schema(kinds), text)
    except yaml.YAMLError:
        pytest.skip("it is no YAML: an editor tells that without a schema")

    knowable = [(line, col, what) for line, col, what in told if why_not(what) is None]
    assert [] == [one for one in knowable if not any(one[:2] in where for where in found)], found
    assert [] == [where for where in found if not {line for line, _ in where} & {line for line, _, _ in told}]


def test_what_no_schema_can_know_is_really_told_by_the_loader():
    """A reason that no mistake has is out of date."""
    told = {what for one in [*tables(), *accepted_mistakes()] if not one.marks or one.marks[0].name == "re2"
            for _, _, what in mistakes(*one.values)}

    assert [] == [pattern for pattern in UNKNOWABLE if not any(re.search(pattern, what) for what in told)]


# --- every option of every kind ---------------------------------------------------------------------

WRONG = {
    "text": "{a: b}", "true/false": "maybe", "whole number": "many", "number": "many", "duration": "5 parsecs",
    "size": "5 elephants", "text with {fields}": "'{'", "text with {fields}, or true/false": "'{'", "field": "{a: b}",
    "sink": "{a: b}", "flag": "{a: b}", "glob": "~/x", "path": "''", "file.py:name": "nonsense", "pattern": "''",
    "pattern with {fields}": "''", "condition": '"\\x07"', "URL": "nowhere", "address": "nobody", "share": "2",
    "figure": "p200", "mapping": "5", "list of texts": "[]", "encoding": "{a: b}",
    "auto, none or a format": "{a: b}", "header": "5", "unit": "{a: b}", "FIELD=value": "{a: b}", "HOST:PORT": "{a: b}",
    "new field": "a b", "HH:MM-HH:MM": "{a: b}",
    "day, or DAY-DAY": "{a: b}", "zone": "{a: b}", "cron expression": "{a: b}",
}
"""What is wrong for a type, by how people call it."""
KINDS = discover()
SCHEMA = json_schema(KINDS)


def uses():
    for kind in KINDS:
        for option in kind.options.values():
            name = type_name(option.hint).removesuffix(", or a list").partition(";")[0]
            if option.free or name in ("anything", "mapping of texts"):
                continue
            yield pytest.param(kind, option, "zzz" if " | " in name else WRONG[name], id=f"{kind.name}-{option.name}")


def use_of(kind, written):
    """A config in which a kind is written so, from line 3 on."""
    step = f"    {kind.name}: {written}\n"
    return {"source": f"flows:\n  a:\n{step}    alert:\n", "node": f"flows:\n  a:\n    stdin:\n{step}",
            "sink": f"flows:\n  a: {{stdin: , alert: s}}\nsinks:\n  s:\n{step}"}[kind.role]


@pytest.mark.parametrize(("kind", "option", "wrong"), list(uses()))
def test_a_value_of_a_wrong_type_is_refused_where_it_stands(kind, option, wrong):
    text = use_of(kind, f"{{{option.name}: {wrong}}}")
    at_value = {(line, col) for line, col, what in mistakes(KINDS, text) if "needs `" not in what}

    assert at_value, "the loader takes it"
    assert any(where & at_value for where in refused(SCHEMA, text)), refused(SCHEMA, text)


each_kind = pytest.mark.parametrize("kind", [pytest.param(kind, id=f"{kind.role}-{kind.name}") for kind in KINDS])


@each_kind
def test_an_option_that_is_missing_or_unknown_is_refused_where_the_loader_does(kind):
    for written in ("{zzzzzz: 5}", "", "[[x]]"):
        text = use_of(kind, written)
        for line, col, what in mistakes(KINDS, text):
            if re.search("needs `\\w+`:|has no options?", what):
                assert any((line, col) in where for where in refused(SCHEMA, text)), (text, what)


@each_kind
def test_each_kind_and_option_is_described_with_its_default(kind):
    told = SCHEMA["definitions"][f"{kind.role}.{kind.name}"]

    assert (kind.summary, kind.doc) == (told["description"], told["markdownDescription"])
    for name, option in told["then"].get("properties", {}).items():
        assert kind.options[name].sentence == option["description"]
        if "default" in option:
            jsonschema.Draft7Validator(option).validate(option["default"])
            assert [] == [what for _, _, what in mistakes(KINDS, use_of(kind, json.dumps({name: option["default"]})))
                          if "needs `" not in what and why_not(what) is None]


def test_an_editor_names_one_kind_for_one_mistake():
    """And says what is wrong with it: no error is of several ways none of which fits."""
    text = ("flows:\n  a:\n    - stdin:\n    - threshold: {at_least: 0, within: 1m, bi: ip}\n"
            "    - alert: {severity: loud}\n")

    told = [(list(error.absolute_path), error.message)
            for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(yaml.safe_load(text))]

    assert [(["flows", "a", 1, "threshold"], "Additional properties are not allowed ('bi' was unexpected)"),
            (["flows", "a", 1, "threshold", "at_least"], "0 is less than the minimum of 1"),
            (["flows", "a", 2, "alert", "severity"],
             "'loud' is not one of ['debug', 'info', 'warning', 'error', 'critical']")] == sorted(told)
    assert "anyOf" not in json.dumps({name: one for name, one in SCHEMA["definitions"].items() if name != "node.set"})


# --- what is right ----------------------------------------------------------------------------------


def shipped():
    for path in sorted((ROOT / "config").rglob("*.yaml")):
        yield pytest.param(path, id=str(path.relative_to(ROOT / "config")))


@pytest.mark.parametrize("path", list(shipped()))
def test_what_is_shipped_is_right_and_names_the_schema(path):
    text = path.read_text()
    schema = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)[1]

    assert (ROOT / "config" / "schema.json") == (path.parent / schema).resolve()
    jsonschema.Draft7Validator(SCHEMA).validate(yaml.safe_load(text))


def test_what_init_writes_is_right():
    logs = tuple(Log(place.what, place.globs[0], (place.globs[0],)) for place in PLACES)
    for found, journal in ((logs, False), ((), True), ((), False)):
        machine = Machine(found, {}, {}, journal, True)
        text = Beginning(machine, machine.logs, fitting(machine, machine.logs), [sink("ops@example.org")]).text()
        jsonschema.Draft7Validator(SCHEMA).validate(yaml.safe_load(text))


def test_secrets_and_every_way_to_write_an_option_are_right():
    jsonschema.Draft7Validator(SCHEMA).validate(yaml.safe_load(WAYS))
    secrets = {"SERVER": "mail", "TIME": "5m", "x": "/x", "X": "x", "hook": "hooks.example.org/x"}
    assert load([ConfigFile("c.yaml", WAYS)], KINDS, secret=lambda kind, name: secrets[name])


WAYS = """
x-anchors: {any: [thing]}
defaults: {email: {server: '${env:SERVER}:25', tls: starttls}, alert: }
flows:
  a: {stdin: , tally: }
  b: {tail: {paths: [/a, '${env:x}/b'], multiline: [cri, java], timestamp: none}, throttle: '${env:TIME}', alert: s}
  c:
    - {tail: {paths: /a, multiline: {start: '^a', timeout: 500ms}}}
    - {grep: [a, 5, true], name: mine}
    - {set: {new: 'x {text} {{}}', redact: [a, b]}}
    - {all_of: {of: [a, {pattern: b, at_least: 2}], within: 1m30s}}
    - {ratio: {of: text == 'a', within: 1m, at_least: 5, above: 2%}}
    - {alert: {to: [s, t], resolved: false, title: '${env:X} {text}'}}
  d: {from: [c.mine.otherwise, b], hours: 08:00-17:00, alert: s}
sinks:
  s: {exec: [/bin/true, 5]}
  t: {webhook: {url: 'https://${credential:hook}', headers: {X-A: b}, body: {a: [1, '{text}']}}}
  u: {email: ['a@example.org', 'B <b@example.org>']}
tests:
  - {flow: a, lines: [x, {line: y, at: 0s, repeat: {times: 3, every: 0}}], then: []}
  - {lines: x, then: {none: true}}
"""
