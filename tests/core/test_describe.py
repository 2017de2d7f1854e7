from typing import Annotated

import jsonschema
import pytest
import yaml

from corowatch.core.config import ConfigFile, load
from corowatch.core.describe import expression, help_page, json_schema, table
from corowatch.core.events import Consumer, Event, Target
from corowatch.core.kinds import Kinds, node
from corowatch.core.values import Function, Seconds
from corowatch.discovery import discover

KINDS = discover()


@node(adds=("why",))
def sift(
    target: Target[Event],
    otherwise: Target[Event] | None = None,
    *,
    mesh: Annotated[int, "how fine"],
    within: Annotated[Seconds, "how long"] = Seconds(90.0),
    names: Annotated[tuple[str, ...], "of whom, a | b"] = (),
) -> Consumer[Event]:
    """Sift a | b.

    sift: 3
    """
    yield


@node
def wait(
    target: Target[Event],
    *,
    short: Annotated[Seconds, "a little"] = Seconds(0.5),
    long: Annotated[Seconds, "a lot"] = Seconds(7200.0),
) -> Consumer[Event]:
    """Wait."""
    yield


# --- for people -------------------------------------------------------------------------------------


def test_the_help_page_is_the_definition():
    assert """\
sift (node): Sift a | b.

    sift: 3

Options (the first may stand alone):

  mesh  (whole number, required)
      how fine
  within  (duration, default 90s)
      how long
  names  (text, or a list)
      of whom, a | b

Fields it adds: why

Further outlets: from: FLOW.sift.otherwise

Counted, and told at close: failed""" == help_page(sift)


@pytest.mark.parametrize("kind", [pytest.param(kind, id=f"{kind.role}-{kind.name}") for kind in KINDS])
def test_each_page_tells_each_option_and_counter(kind):
    page = help_page(kind)

    assert page.startswith(f"{kind.name} ({kind.role}): {kind.summary}\n")
    for option in kind.options.values():
        assert f"\n  {'FIELD: …' if option.free else option.name}  (" in page
        assert option.sentence in page
    for counter in kind.counters:
        assert counter in page


def test_the_table_has_a_row_for_each_kind_under_its_role():
    kinds = Kinds(node={"sift": sift})

    assert """\
| kind | does | options (first = shorthand) |
|---|---|---|
| **Sources** | | |
| **Nodes** | | |
| `sift` | Sift a \\| b. | `mesh`, `within` (90s), `names` |
| **Sinks** | | |
""" == table(kinds)


# --- for editors ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def validator():
    schema = json_schema(KINDS)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("flow", [
    "{tail: /a, grep: x, alert: }", "{tail: [/a, /b], grep: {pattern: [x, y], except: z}}",
    "[{stdin: }, {grep: x, name: mine}, {alert: {to: ops, throttle: 1h}}]",
    "{from: [a, b.grep.otherwise], threshold: {at_least: 5, within: 1m, by: [ip]}}", "{stdin: , tally: }",
])
def test_the_schema_takes_what_the_loader_takes(validator, flow):
    validator.validate(yaml.safe_load(f"{{flows: {{a: {flow}}}, sinks: {{ops: {{file: /x}}}}, x-mine: 1}}"))


@pytest.mark.parametrize("flow", [
    "{tail: /a, gerp: x}", "{stdin: , grep: {patern: x}}", "{stdin: , grep: }",
    "{stdin: , threshold: {at_least: 0, within: 1m}}", "{stdin: , threshold: 5}", "{}", "[]",
    "{stdin: , alert: {severity: loud}}",
])
def test_the_schema_refuses_what_the_loader_refuses(validator, flow):
    assert not validator.is_valid(yaml.safe_load(f"flows: {{a: {flow}}}"))


def test_where_the_first_option_is_a_mapping_a_mapping_is_that_option():
    @node
    def label(target: Target[Event], *, fields: Annotated[dict[str, Seconds], "how long each"],
              more: Annotated[int, "more"] = 1) -> Consumer[Event]:
        """Label."""
        yield

    known = Kinds(source=KINDS.source)
    known.add(label)
    valid = jsonschema.Draft7Validator(json_schema(known)).is_valid

    assert [True, False, False, False] == [
        valid({"flows": {"a": {"stdin": None, "label": given}}}) for given in ({"a": "5m"}, {"a": "5"}, 5, None)]


# --- as the course writes it ------------------------------------------------------------------------


def loaded(text):
    return load([ConfigFile("c.yaml", text, "/")], KINDS,
                function=lambda file, name: Function(file, name, True, "", lambda: None))


def test_defaults_are_told_as_one_would_write_them():
    page = help_page(wait)

    assert "  short  (duration, default 0.5s)" in page
    assert "  long  (duration, default 2h)" in page


def test_a_kind_without_options_has_none_on_its_page():
    @node
    def plain(target: Target[Event]) -> Consumer[Event]:
        """Nothing to choose."""
        yield

    assert "plain (node): Nothing to choose.\n\nCounted, and told at close: failed" == help_page(plain)


def test_lists_are_told_as_lists():
    config = loaded("flows:\n  a: {stdin: , grep: [x, y], tally: {by: [source]}}\n")

    assert ['stdin(grep(["x", "y"], tally("source")))'] == expression(config, "a")


def test_a_long_text_is_told_by_how_it_begins():
    config = loaded(f"flows:\n  a: {{stdin: , grep: ['{'x' * 200}', '{'y' * 201}'], tally: {{by: [source]}}}}\n")

    assert [f'stdin(grep(["{"x" * 200}", "{"y" * 200}…"], tally("source")))'] == expression(config, "a", 1000)


def test_a_flow_is_nested_calls():
    config = loaded("flows:\n  a:\n    tail: /var/log/app/*.log\n    grep: {pattern: ERROR, except: x}\n"
                    "    threshold: {at_least: 5, within: 1m}\n    alert: console\n")

    assert ['follow("/var/log/app/*.log", grep("ERROR", except="x", threshold(5, within="1m", alert("console"))))'
            ] == expression(config, "a")


def test_a_flow_that_goes_on_from_others_begins_with_their_names():
    config = loaded("flows:\n  a: {stdin: , grep: x}\n  b: {stdin: , grep: y}\n"
                    "  c: {from: [a, b.grep.otherwise], alert: }\n")

    assert ["a.grep + b.grep.otherwise → alert()"] == expression(config, "c")
    assert ['stdin(grep("x"))'] == expression(config, "a")


def test_a_flow_too_wide_for_one_line_has_a_line_for_each_call():
    config = loaded("flows:\n  a: {stdin: , grep: x}\n  b:\n    from: a\n    grep: {pattern: ERROR, except: x}\n"
                    "    threshold: {at_least: 5, within: 1m}\n    alert: console\n")

    whole, = expression(config, "b")

    assert [whole] == expression(config, "b", len(whole))
    assert ['a.grep → grep("ERROR", except="x",',
            '  threshold(5, within="1m",',
            '    alert("console")))'] == expression(config, "b", len(whole) - 1)
    assert ["stdin(", '  grep("x"))'] == expression(config, "a", 10)


def test_texts_are_told_as_they_must_be_written():
    config = loaded("flows:\n  a:\n    stdin:\n    grep: '\" 5\\d\\d '\n"
                    "    python: {function: f.py:g, options: {size: 5, name: 'x'}}\n")

    assert [r'stdin(grep("\" 5\d\d ", python("f.py:g", options={size: 5, name: "x"})))'] == expression(config, "a")
