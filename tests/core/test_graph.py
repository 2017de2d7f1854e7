import pytest

from corowatch.core.config import ConfigFile, load
from corowatch.core.coroutine import coroutine
from corowatch.core.errors import ConfigError
from corowatch.core.events import Alert, Tick
from corowatch.core.graph import FAILURES, FIRST_REST, PERIOD, Graph, Inlet
from corowatch.core.kinds import Counts, discover
from corowatch.core.memory import Memory
from corowatch.core.values import Function
from corowatch.testing import Collect, block, line


def graph(text, *, before=None, out=None, functions=None):
    config = load([ConfigFile("c.yaml", text, "/")], discover(), function=lambda file, name: Function(
        file, name, False, "", lambda: (functions or {})[name]))
    failures = Collect()
    made = Graph(config, put=(out if out is not None else Collect()).append, memory=lambda node, print_: Memory(),
                 report=failures.send, host="web1", now=1000.0, before=before)
    made.failures = failures
    return made


def feed(made, data, at=1000.0):
    for one in made.feeds.values():
        one.entry.send(block(data, at=at))


# --- Inlet ------------------------------------------------------------------------------------------


class Clock:
    now = 0.0


def inlet(make):
    clock, told = Clock(), []
    made = Inlet(make, Counts(failed=0), lambda item, error, rests: told.append((item, type(error).__name__, rests)),
                 lambda: clock.now)
    return made, clock, told


@coroutine
def brittle(memory):
    while True:
        item = yield
        memory.append(item)
        assert item != "bad"


def test_after_a_failure_a_fresh_consumer_goes_on_with_the_same_memory():
    memory = []
    guarded, _, told = inlet(lambda: brittle(memory))

    for item in ("a", "bad", "b"):
        guarded.send(item)

    assert ["a", "bad", "b"] == memory
    assert [("bad", "AssertionError", 0.0)] == told


def test_three_failures_in_a_minute_shut_it_and_it_is_tried_again_later_and_later():
    memory = []
    guarded, clock, told = inlet(lambda: brittle(memory))
    for rest in (FIRST_REST, 2 * FIRST_REST):
        for _ in range(FAILURES):
            guarded.send("bad")
        guarded.send("lost")
        assert rest == told[-1][2]
        clock.now += rest - 0.1
        guarded.pass_time(clock.now)
        guarded.send("lost")
        clock.now += 0.1
        guarded.pass_time(clock.now)

    guarded.send("again")

    assert ["bad"] * 2 * FAILURES + ["again"] == memory


def test_failures_far_apart_do_not_shut_it():
    guarded, clock, told = inlet(lambda: brittle([]))

    for _ in range(2 * FAILURES):
        guarded.send("bad")
        clock.now += PERIOD / 2

    assert {0.0} == {rests for _, _, rests in told}


# --- closing ----------------------------------------------------------------------------------------

DIAMOND = """
flows:
  head: [{stdin: }, {grep: x, name: top}]
  left: {from: head.top, throttle: 1h}
  right: {from: head.top, throttle: 2h}
  join: {from: [left, right], threshold: {at_least: 4, within: 3h}, alert: }
"""


def test_both_parents_flush_before_the_join_is_closed():
    out = []
    made = graph(DIAMOND, out=out)
    feed(made, b"x 1\nx 2\nx 3\n")
    assert [] == out

    closed = [one.node for one in made.close()]

    assert 1 == len(out)
    assert ["head.top", "left.throttle", "right.throttle", "join.threshold", "join.alert"] == closed


def clinging():
    try:
        while True:
            yield
    except GeneratorExit:
        raise ZeroDivisionError from None


def test_a_handler_that_raises_leaves_no_other_open():
    made = graph("flows:\n  a: {stdin: , python: 'x.py:clinging'}\n  b: {stdin: , throttle: 1h, alert: }\n",
                 functions={"clinging": clinging})
    feed(made, b"x\ny\n")

    closed = {one.node: (one.goodbye, one.error) for one in made.close()}

    assert isinstance(closed["a.python"][1], ZeroDivisionError)
    assert 1 == closed["b.throttle"][0]["held"]
    assert 2 == closed["b.alert"][0]["alerts"]


# --- time -------------------------------------------------------------------------------------------


def test_a_nodes_time_is_the_least_of_its_sources():
    made = graph("flows:\n  a: [{stdin: , name: one}]\n  b: {tail: /x}\n"
                 "  c: {from: [a.one, b], throttle: 1h, alert: }\n")
    seen = []
    made.nodes["c.throttle"].inlet._push = seen.append
    early, late = made.feeds

    made.tick(2000.0, {early: 1500.0, late: 1700.0})
    made.tick(2000.5, {early: 1500.5, late: 1700.0})
    made.tick(2001.0, {early: 1800.0, late: 1700.0})

    assert [Tick(1500.0), Tick(1700.0)] == seen


# --- gates ------------------------------------------------------------------------------------------


def test_a_grep_whose_rest_is_wanted_gets_every_line():
    made = graph("flows:\n  a: [{stdin: }, {grep: x}]\n  b: {from: a.grep.otherwise, alert: }\n"
                 "  c: {stdin: , grep: y}\n")

    assert made.gate(made.config.steps["a.grep"]) is None
    assert "y" == made.gate(made.config.steps["c.grep"])[0].source


# --- reloading --------------------------------------------------------------------------------------


def test_an_unchanged_node_goes_on_with_other_neighbours():
    out = []
    old = graph("flows:\n  a: [{stdin: , name: here}, {threshold: {at_least: 3, within: 1h}}, {alert: }]\n", out=out)
    feed(old, b"1\n2\n")
    new = graph("flows:\n  a: [{stdin: , name: there}, {drop: no}, {threshold: {at_least: 3, within: 1h}},"
                " {alert: {title: 'new {text}'}}]\n", before=old, out=out)

    closed = [one.node for one in new.take_over()]
    feed(new, b"no\n3\n")

    assert ["a.alert"] == closed
    assert ["new 3"] == [alert.title for alert in out if isinstance(alert, Alert)]


def test_a_graph_that_cannot_start_closes_what_it_had_primed_and_harms_nothing():
    goodbyes = []

    def fine():
        try:
            while True:
                yield
        except GeneratorExit:
            goodbyes.append("fine")

    def wrong():
        raise ZeroDivisionError("no")
        yield

    old = graph("flows:\n  a: {stdin: , alert: }\n")
    with pytest.raises(ConfigError, match="python does not start: ZeroDivisionError: no"):
        graph("flows:\n  a: {stdin: , alert: }\n  b: {stdin: , python: 'x.py:fine'}\n"
              "  c: {stdin: , python: 'x.py:wrong'}\n",
              before=old, functions={"fine": fine, "wrong": wrong})

    assert ["fine"] == goodbyes
    old.nodes["a.alert"].inlet.send(line("still here"))
    assert [] == old.failures


def test_equal_sources_share_one_feed():
    made = graph("flows:\n  a: {tail: /x, alert: }\n  b: {tail: /x, alert: }\n  c: {tail: /y, alert: }\n")

    assert [("a.tail", "b.tail"), ("c.tail",)] == [one.steps for one in made.feeds.values()]
