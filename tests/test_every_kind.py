"""The contract that every node kind keeps, walked over all that are found."""


import pytest

from corowatch.core.clock import Cron
from corowatch.core.coroutine import finish
from corowatch.core.errors import ConfigError
from corowatch.core.events import Alert, Event, Here, Tick
from corowatch.core.expression import Expr
from corowatch.core.kinds import ANYTHING, Counts, Gate
from corowatch.core.memory import Memory
from corowatch.core.pattern import Pattern
from corowatch.core.table import Table, TableFile
from corowatch.core.template import Template
from corowatch.core.text import Text
from corowatch.core.values import FieldName, Function, TemplatesFile
from corowatch.discovery import discover
from corowatch.nodes.all_of import Counted
from corowatch.testing import Collect, line, restarted

KINDS = discover()
LINES = ["ERROR disk full", "INFO ready", "ERROR disk full", "", "ERROR é \x00 \x1b[31m", "WARN ERROR",
         '192.0.2.7 - - [25/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 500 1 "-" "ERROR"']
OWN = {"check": {"argv": [Text("true")]}, "python": {"args": ("ERROR",)}, "parse": {"as": "combined"},
       "set": {"redact": (Pattern("disk"),)},
       "first_seen": {"of": ("text",)}, "pair": {"open": (Pattern("ERROR"),), "close": (Template("INFO"),)},
       "sequence": {"steps": (Pattern("ERROR"), Pattern("INFO"))},
       "all_of": {"of": (Counted(Pattern("ERROR"), 2), Counted(Pattern("INFO")))}, "ratio": {"above": 0.4},
       "stats": {"of": "offset", "show": ("p50", "max"), "within": 60.0, "above": 300.0},
       "spike": {"times": 2.0, "within": 3.0, "at_least": 1, "direction": "both"}}
"""Options that the types of a kind do not tell."""
TABLE = TableFile("known.csv", ("text", "team"), lambda asked: Table(asked.read(["text,team", "ERROR disk full,ops"])))
"""What can be looked up of LINES."""


def classic(pattern):
    while True:
        text = yield
        assert isinstance(text, str)


def options(kind):
    """Options that let the kind do something with LINES."""
    by_type = {Expr: Expr("text matches 'ERROR'"), tuple[Pattern, ...]: (Pattern("ERROR"),), int: 2,
               Text: Text("{text}"), tuple[FieldName, ...]: ("text",), Cron: Cron("* * * * *"),
               FieldName: "text", TableFile: TABLE, TemplatesFile: TABLE,
               Function: Function("rules.py", "classic", False, "", lambda: classic)}
    given = {}
    for option in kind.options.values():
        if option.required:
            given[option.name] = by_type.get(option.hint, 5.0)
    return given | OWN.get(kind.name, {})


def start(kind, out, memory, counts=None):
    given = dict(options(kind))
    given[kind.outlets[0]] = out
    if kind.memory:
        given[kind.memory] = memory
    if kind.here:
        given[kind.here] = Here("flow", kind.name, "web1", {"flow.tail": "flow.tail"})
    if kind.counts and counts is not None:
        given[kind.counts] = counts
    return kind.start(**given)


def story():
    for second, text in enumerate(LINES * 3):
        yield line(text, at=1000.0 + second, place=100 * second)
    yield Tick(2000.0)


def told(out):
    return [item.as_json() if isinstance(item, Alert) else (item.text, item.place, item.fields, item.key)
            for item in out]


nodes = pytest.mark.parametrize("kind", list(KINDS.node.values()), ids=lambda kind: kind.name)
every = pytest.mark.parametrize("kind", list(KINDS), ids=lambda kind: f"{kind.role}-{kind.name}")


@nodes
def test_priming_sends_nothing(kind):
    out = Collect()

    start(kind, out, Memory())

    assert [] == out


@nodes
def test_finished_at_once_it_returns_its_counts_at_zero(kind):
    goodbye = dict(finish(start(kind, Collect(), Memory())))

    goodbye.pop("standing", None)
    assert dict.fromkeys(kind.counters, 0) == goodbye


@nodes
def test_finished_twice_nothing_happens(kind):
    out = Collect()
    consumer = start(kind, out, Memory())
    finish(consumer)

    assert {} == finish(consumer)
    assert [] == out


@nodes
def test_it_takes_what_its_hints_say_and_sends_only_that(kind):
    out = Collect()
    consumer = start(kind, out, Memory())

    for item in story():
        if type(item) in kind.consumes:
            consumer.send(item)
    finish(consumer)

    assert {kind.sends} >= {type(item) for item in out}


@nodes
def test_a_second_generator_with_the_same_memory_goes_on_where_the_first_stopped(kind):
    """After every item the state goes to the log and back, as over a restart; what is sent must not change."""
    whole, parts = Collect(), Collect()
    items = [item for item in story() if type(item) in kind.consumes]
    straight = start(kind, whole, Memory())
    for item in items:
        straight.send(item)

    memory = Memory()
    killed = []  # kept, for a generator that is let go flushes as if it were closed
    for item in items:
        killed.append(start(kind, parts, memory))
        killed[-1].send(item)
        memory = restarted(memory)

    assert told(whole) == told(parts)


@nodes
def test_a_gate_keeps_its_promise(kind):
    gates = [option for option in kind.options.values() if Gate in option.markers]
    if not gates:
        pytest.skip("has no gate")
    out = Collect()
    counts = Counts()
    consumer = start(kind, out, Memory(), counts)
    before = dict(counts)

    for text in ("nothing", "error in lower case", ""):
        consumer.send(line(text))

    assert [] == out
    assert before == dict(counts)


@every
def test_it_has_a_sentence_for_itself_and_for_each_option(kind):
    assert kind.summary.endswith((".", "…")), kind.summary
    for option in kind.options.values():
        assert option.sentence, option.name


@nodes
def test_what_it_adds_is_said(kind):
    adds = kind.fields({option.name: option.default for option in kind.options.values()} | options(kind))
    if ANYTHING in adds or kind.sends is not Event:
        pytest.skip("adds what it likes, or sends no events")
    out = Collect()
    consumer = start(kind, out, Memory())

    for item in story():
        if type(item) in kind.consumes:
            consumer.send(item)
    finish(consumer)

    assert set(adds) >= {name for event in out for name in event.fields}


@every
def test_an_unknown_option_is_refused_with_the_nearest_name(kind):
    from corowatch.core.config import ConfigFile, load

    if not kind.options:
        pytest.skip("has no options")
    if any(option.free for option in kind.options.values()):
        pytest.skip("takes every key")
    name = next(iter(kind.options))
    wrong = name + "z"
    use = f"    {kind.name}: {{{wrong}: x}}"
    flow = {"source": f"flows:\n  a:\n{use}\n", "node": f"flows:\n  a:\n    stdin:\n{use}\n",
            "sink": f"flows:\n  a:\n    stdin:\n    alert: s\nsinks:\n  s:\n{use}\n"}[kind.role]

    with pytest.raises(ConfigError) as refused:
        load([ConfigFile("c.yaml", flow, "/")], KINDS)

    assert any(wrong in mistake.what and repr(name) in mistake.what for mistake in refused.value.mistakes)


@every
def test_the_example_in_its_help_is_a_right_config(kind):
    from corowatch.core.config import ConfigFile, load
    from corowatch.core.values import Function

    example = next((row.strip() for row in kind.doc.splitlines()[::-1] if row.startswith("    ")), None)
    assert example, "an example ends the docstring"
    names = ["ip", "host_", "status", "path", "user", "hostname", "seconds", "queue"]
    fields = f"    grep: '{''.join(f'(?P<{name}>.)' for name in names)}'\n"
    flags = "".join(f"  {name}:\n    stdin:\n{fields}    flag: {{name: {name}, by: hostname}}\n"
                    for name in ("maintenance", "deploying"))
    sinks = "sinks:\n  ops: {file: /x}\n"
    text = {"source": f"flows:\n  a:\n    {example}\n",
            "node": f"flows:\n  a:\n    stdin:\n{fields}    {example.replace('grep:', 'grep: ')}\n{flags}{sinks}",
            "sink": f"flows:\n  a:\n    stdin:\n    alert: s\nsinks:\n  s:\n    {example}\n"}[kind.role]
    if kind.name == "grep":
        text = f"flows:\n  a:\n    stdin:\n    {example}\n"
    if kind.name == "tally":
        text = text.replace(", path]", "]")
    if kind.name == "alert":
        text = text.replace("{count}", "{status}")

    load([ConfigFile("c.yaml", text, "/")], KINDS, secret=lambda kind, name: "hidden", table=lambda path: TABLE,
         function=lambda file, name: Function(file, name, True, "", lambda: classic))
