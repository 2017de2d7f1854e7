"""The graph alive, with time as a number and nodes of our own."""

import inspect
import random

import pytest

from corowatch import engines
from corowatch.core.config import ConfigFile, load
from corowatch.core.errors import ConfigError, StateRefused
from corowatch.core.events import Block, Consumer, Event, Origin, Position, Target, Tick
from corowatch.core.graph import FIRST_REST, LONGEST_REST, Graph, Inlet, fingerprint
from corowatch.core.kinds import Counts, Kinds, node
from corowatch.core.memory import Memory
from corowatch.core.others import Others
from corowatch.core.values import Function
from corowatch.discovery import discover
from corowatch.testing import Collect, block, line


class Run:
    """A Graph of a config in which `python: f.py:NAME` is a function of the test."""

    def __init__(self, text, *functions, now=0.0, before=None, more=None):
        kinds = discover()
        if more:
            kinds = Kinds(kinds.source, {**kinds.node, more.name: more}, kinds.sink)
        known = {function.__name__: function for function in functions}
        self.alerts, self.failures, self.memories = [], [], {}
        config = load([ConfigFile("c.yaml", text, "/")], kinds, function=lambda file, name: Function(
            file, name, "target" in known[name].__code__.co_varnames, "", lambda: known[name]))
        self.graph = Graph(config, put=self.alerts.append, memory=self._memory, report=self.failures.append,
                           host="web1", now=now, before=before and before.graph)

    def _memory(self, node, fingerprint):
        return self.memories.setdefault(node, Memory())

    def read(self, text, at=0.0):
        for feed in self.graph.feeds.values():
            feed.entry.send(block(text.encode(), at=at))

    def titles(self):
        return [alert.title for alert in self.alerts]


# --- the guarded way in -----------------------------------------------------------------------------


class Door:
    """An Inlet on a consumer that keeps a total in its memory and raises on what is no number."""

    def __init__(self):
        self.now, self.memory, self.counts, self.told, self.broken = 0.0, Memory(), Counts(failed=0), [], False
        self.inlet = Inlet(self._primed, self.counts, lambda item, error, rests: self.told.append((item, rests)),
                           lambda: self.now)

    def _primed(self):
        if self.broken:
            raise OSError("it does not start")
        made = self._consumer()
        next(made)
        return made

    def _consumer(self):
        while True:
            item = yield
            self.memory["sum"] = self.memory.get("sum", 0) + int(item)

    def fail(self, *times):
        for self.now in times:
            self.inlet.send("x")


def test_what_a_consumer_raises_is_told_and_it_goes_on_with_its_memory():
    door = Door()

    for item in ("1", "x", "2"):
        door.inlet.send(item)

    assert [("x", 0.0)] == door.told
    assert 3 == door.memory["sum"]
    assert {"failed": 1} == door.counts


def test_three_failures_in_a_minute_shut_it_and_what_comes_then_is_counted():
    door = Door()

    door.fail(0.0, 30.0, 59.0)
    door.inlet.send("1")

    assert [("x", 0.0), ("x", 0.0), ("x", FIRST_REST)] == door.told
    assert "sum" not in door.memory
    assert 59.0 + FIRST_REST == door.inlet.shut_until
    assert 4 == door.counts["failed"]


def test_three_failures_in_more_than_a_minute_do_not():
    door = Door()

    door.fail(0.0, 30.0, 60.0, 90.0)
    door.inlet.send("1")

    assert [0.0] * 4 == [rests for _, rests in door.told]
    assert 1 == door.memory["sum"]


def test_after_its_rest_it_is_tried_again():
    door = Door()
    door.fail(0.0, 0.0, 0.0)

    door.inlet.pass_time(FIRST_REST - 1.0)
    door.inlet.send("1")
    door.inlet.pass_time(FIRST_REST)
    door.inlet.send("2")

    assert 2 == door.memory["sum"]
    assert 0.0 == door.inlet.shut_until


def test_each_rest_is_twice_the_one_before_up_to_an_hour():
    door = Door()

    for _ in range(8):
        door.fail(door.now, door.now, door.now)
        door.now = door.inlet.shut_until
        door.inlet.pass_time(door.now)

    assert [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, LONGEST_REST, LONGEST_REST] == [
        rests for _, rests in door.told if rests]


def test_after_a_quiet_hour_the_next_rest_is_short_again():
    door = Door()
    door.fail(0.0, 0.0, 0.0)
    door.inlet.pass_time(60.0)
    door.fail(61.0)

    door.inlet.pass_time(61.0 + LONGEST_REST + 1.0)
    door.fail(5000.0, 5000.0, 5000.0)

    assert FIRST_REST == door.told[-1][1]


def test_one_that_does_not_start_again_rests():
    door = Door()
    door.broken = True

    door.fail(5.0)
    door.inlet.send("1")

    assert [("x", 0.0), (None, FIRST_REST)] == door.told
    assert 5.0 + FIRST_REST == door.inlet.shut_until
    assert {} == door.inlet.finish()


# --- closing ----------------------------------------------------------------------------------------

DIAMOND = """\
flows:
  top:
    stdin: {}
    grep: x
  left: {from: top, python: 'f.py:left'}
  right: {from: top, python: 'f.py:right'}
  join: {from: [left, right], python: 'f.py:join'}
"""


def test_parents_close_first_so_a_join_hears_every_flush_before_its_own_close():
    heard = []

    def left(target):
        try:
            while True:
                event = yield
        except GeneratorExit:
            target.send(event.having({"by": "left"}))

    def right(target):
        try:
            while True:
                event = yield
        except GeneratorExit:
            target.send(event.having({"by": "right"}))

    def join(target):
        try:
            while True:
                heard.append((yield).fields["by"])
        except GeneratorExit:
            heard.append("closed")

    run = Run(DIAMOND, left, right, join)
    run.read("x\n")

    closed = [one.node for one in run.graph.close()]

    assert ["left", "right", "closed"] == heard
    assert "top.grep" == closed[0]
    assert "join.python" == closed[-1]
    assert [] == run.failures


@pytest.mark.parametrize(("ending", "error"), [("raise", ZeroDivisionError), ("yield", RuntimeError)])
def test_a_handler_that_fails_keeps_no_other_from_closing(ending, error):
    heard = []

    def left(target):
        try:
            while True:
                yield
        except GeneratorExit:
            if ending == "raise":
                raise ZeroDivisionError("boom") from None
            yield

    def right(target):
        try:
            while True:
                yield
        except GeneratorExit:
            heard.append("right")

    def join(target):
        try:
            while True:
                yield
        except GeneratorExit:
            heard.append("join")

    run = Run(DIAMOND, left, right, join)

    closed = {one.node: one for one in run.graph.close()}

    assert ["right", "join"] == heard
    assert isinstance(closed["left.python"].error, error)
    assert (1, 0) == (run.graph.nodes["left.python"].counts["failed"], run.graph.nodes["right.python"].counts["failed"])
    assert {"top.grep", "left.python", "right.python", "join.python"} == set(closed)
    assert {"matched": 0} == {name: n for name, n in closed["top.grep"].goodbye.items() if name == "matched"}


# --- wiring and time --------------------------------------------------------------------------------


def test_flows_with_equal_sources_have_one_feed_and_each_its_alerts():
    run = Run("flows:\n  a: {stdin: , grep: x, alert: {title: 'a {text}'}}\n"
              "  b: {stdin: , grep: y, alert: {title: 'b {text}'}}\n")

    run.read("x\ny\nxy\n")

    assert ["a x", "b y", "a xy", "b xy"] == run.titles()
    assert [("a.stdin", "b.stdin")] == [feed.steps for feed in run.graph.feeds.values()]


def test_a_step_whose_otherwise_is_followed_wants_every_line():
    run = Run("flows:\n  a: {stdin: , grep: x}\n  b: {stdin: , grep: x}\n"
              "  c: {from: a.grep.otherwise, alert: }\n")

    gates = {name: run.graph.gate(run.graph.config.steps[name]) for name in ("a.grep", "b.grep", "c.alert")}
    run.read("x\ny\n")

    assert (None, None) == (gates["a.grep"], gates["c.alert"])
    assert ["x"] == [pattern.source for pattern in gates["b.grep"]]
    assert ["y"] == [alert.events[-1]["text"] for alert in run.alerts]


@pytest.mark.re2
def test_a_step_with_several_options_that_gate_is_sent_what_any_of_their_patterns_matches():
    run = Run("flows:\n  a:\n    stdin:\n    pair: {open: ['down (?P<srv>.)', 'lost (?P<srv>.)'], close: 'up {srv}'}\n"
              "    alert: {title: '{text}'}\n")

    gate = run.graph.gate(run.graph.config.steps["a.pair"])
    run.read("down a\n" + "x\n" * 50 + "up b\nlost c\nup c\nup a\n")

    assert ["down (?P<srv>.)", "lost (?P<srv>.)", "up {srv}"] == [pattern.source for pattern in gate]
    assert run.graph.feeds["stdin:" + fingerprint(run.graph.config.steps["a.stdin"])].engine != "every line"
    assert ["down a", "lost c", "resolved: up c", "resolved: up a"] == run.titles()


CORRELATED = """\
flows:
  a: {stdin: , pair: {open: 'begin (?P<id>\\w+)', close: 'end {id}$', within: 5s, missing: true}, alert: }
  b: {stdin: , pair: {open: 'begin (?P<id>\\w+)', close: 'end {id}', within: 9s}, alert: }
  c: {stdin: , sequence: {steps: [begin, 'end (?P<id>a)', begin], within: 6s, rest: 1s}, alert: }
  d: {stdin: , all_of: {of: [{pattern: begin, at_least: 2}, 'end a'], within: 6s, rest: 1s}, alert: }
"""


@pytest.mark.parametrize("engine", ["_hyperscan", "_re2set"])
@pytest.mark.re2
def test_what_several_patterns_of_a_step_find_does_not_depend_on_who_looked_before(engine, monkeypatch):
    pytest.importorskip({"_hyperscan": "hyperscan", "_re2set": "re2"}[engine])
    draw = random.Random(7)
    known = ["begin a", "begin b", "end a", "end b", "end ab", "noise", "begin é", "end é"]
    texts = [draw.choice(known) for _ in range(300)]

    def told():
        run = Run(CORRELATED)
        for second, text in enumerate(texts):
            run.read(f"noise\n{text}\n", at=float(second))
            run.graph.tick(float(second), {})
        assert [] == run.failures
        return [alert.as_dict() for alert in run.alerts], {feed.engine for feed in run.graph.feeds.values()}

    for other in {"_hyperscan", "_re2set"} - {engine}:
        monkeypatch.setattr(engines, other, absent)
    scanned, looked = told()
    monkeypatch.setattr(engines, engine, absent)
    every, unlooked = told()

    assert {"a", "b", "c", "d"} == {alert["flow"] for alert in every}
    assert ({"every line"}, False) == (unlooked, "every line" in looked)
    assert every == scanned


def absent(*gates, **options):
    raise ImportError("not installed")


def test_a_source_of_events_leads_to_its_nodes_without_a_scanner():
    run = Run("flows:\n  a: {corowatch: , alert: {to: console, title: '{text}'}}\n")
    feed, = run.graph.feeds.values()

    feed.entry.send(line("it started"))

    assert ["it started"] == run.titles()
    assert feed.clock is None


def test_ticks_come_at_most_once_a_second():
    run = Run("flows:\n  a: {stdin: , grep: x, throttle: 1m, alert: }\n")
    feed, = run.graph.feeds
    heard = []
    run.graph.nodes["a.throttle"].inlet.send = heard.append

    for now in (10.0, 10.5, 11.0, 11.9):
        run.graph.tick(now, {feed: now})

    assert [Tick(10.0), Tick(11.0)] == heard


def test_at_a_reload_what_scanned_before_is_closed_and_what_scans_now_is_not():
    text = "flows:\n  a: {stdin: , grep: x}\n"
    before = Run(text)
    after = Run(text, before=before)

    list(after.graph.take_over())

    states = [inspect.getgeneratorstate(feed.scanner) for run in (before, after) for feed in run.graph.feeds.values()]
    assert [inspect.GEN_CLOSED, inspect.GEN_SUSPENDED] == states


def test_what_time_it_was_stays_over_a_reload():
    text = "flows:\n  a: {stdin: {timestamp: none}, grep: x, alert: }\n"
    before = Run(text)
    before.read("x\n", at=500.0)

    after = Run(text + "  b: {corowatch: , alert: }\n", before=before)
    list(after.graph.take_over())

    assert [500.0] == [feed.clock.at for feed in after.graph.feeds.values() if feed.clock]


def test_a_node_that_stays_knows_the_new_names_of_its_sources():
    text = ("flows:\n  a: {stdin: {timestamp: none}}\n  b: {stdin: {timestamp: '%s'}}\n"
            "  both: {from: [a, b], alert: {title: '{source} {text}'}}\n")
    before = Run(text % "%s")

    after = Run(text % "%d/%m/%Y", before=before)
    list(after.graph.take_over())
    for feed in after.graph.feeds.values():
        feed.entry.send(Block(Origin(feed.name, "life"), 0, 0.0, b"x\n", Position()))

    assert {"a.stdin x", "b.stdin x"} == set(before.titles())


def test_an_option_at_its_default_is_none_that_was_chosen():
    written, left = Run("flows:\n  a: {stdin: , throttle: {every: 1m, max_keys: 100000}, alert: }\n"), Run(
        "flows:\n  a: {stdin: , throttle: 1m, alert: }\n")

    assert 1 == len({fingerprint(run.graph.nodes["a.throttle"].step) for run in (written, left)})


def test_a_users_function_hears_nothing_of_a_config_in_which_something_else_is_wrong():
    heard = []

    def left(target):
        heard.append("primed")
        yield

    @node
    def brittle(target: Target[Event]) -> Consumer[Event]:
        """Does not start."""
        raise ValueError("no")
        yield

    with pytest.raises(ConfigError):
        Run("flows:\n  a: {stdin: , python: 'f.py:left', brittle: , alert: }\n", left, more=brittle)

    assert [] == heard


def test_a_node_hears_the_least_time_of_its_feeds_and_only_of_those():
    run = Run("flows:\n  a: {tail: /a, throttle: 1h}\n  b: {tail: /b, throttle: 1h}\n"
              "  c: {from: [a, b], throttle: 1h}\n")
    feeds = {feed.steps[0]: name for name, feed in run.graph.feeds.items()}
    heard = {name: Collect() for name in run.graph.nodes}
    for name, live in run.graph.nodes.items():
        live.inlet.send = heard[name].send

    run.graph.tick(100.0, {feeds["a.tail"]: 40.0, feeds["b.tail"]: 70.0})
    run.graph.tick(100.5, {feeds["a.tail"]: 40.5})

    assert {"a.throttle": [Tick(40.0)], "b.throttle": [Tick(70.0), Tick(100.5)],
            "c.throttle": [Tick(40.0)]} == heard


# --- another config ---------------------------------------------------------------------------------

FLOWS = """\
flows:
  a: {stdin: , grep: x, threshold: {at_least: 2, within: 1h}, alert: {title: '{count}'}}
  b: {stdin: , grep: y, alert: {title: '{text}'}}
"""


def test_what_did_not_change_is_taken_over_as_it_is_and_the_rest_is_closed():
    old = Run(FLOWS)
    old.read("x\ny\n", at=1000.0)
    new = Run(FLOWS.replace("grep: y", "grep: z"), before=old)

    closed = [(one.node, one.goodbye["matched"]) for one in new.graph.take_over()]
    new.read("x\ny\nz\n", at=1001.0)

    assert [("b.grep", 1)] == closed
    assert old.graph.nodes["a.threshold"] is new.graph.nodes["a.threshold"]
    assert ["y", "2", "z"] == [*old.titles(), *new.titles()]


def test_a_flush_at_the_reload_still_finds_its_old_way():
    old = Run("flows:\n  a: {stdin: , throttle: 1h, alert: {title: '{text}'}}\n")
    old.read("1\n2\n", at=1000.0)

    for _ in Run("flows:\n  a: {stdin: , alert: {title: 'new {text}'}}\n", before=old).graph.take_over():
        pass

    assert ["1", "2"] == old.titles()


def test_a_node_that_does_not_start_is_a_mistake_and_the_others_are_closed():
    heard = []

    def right(target):
        try:
            while True:
                yield
        except GeneratorExit:
            heard.append("closed")

    def left(target):
        raise ValueError("no such host")
        yield

    with pytest.raises(ConfigError) as refused:
        Run(DIAMOND.replace("f.py:join", "f.py:right"), left, right)

    assert ["c.yaml:5:21: python does not start: ValueError: no such host"] == [
        str(mistake) for mistake in refused.value.mistakes]
    assert ["closed", "closed"] == heard


def test_memory_that_nobody_of_us_wrote_is_refused_and_nothing_is_left_open():
    heard = []

    def top(target):
        try:
            while True:
                yield
        except GeneratorExit:
            heard.append("closed")

    class Damaged(Run):
        def _memory(self, node, fingerprint):
            return Memory({"{}": [0.0, None, "x"]} if node == "a.tally" else {})

    with pytest.raises(StateRefused, match="what a.tally remembers is damaged: Expected `array"):
        Damaged("flows:\n  b: {stdin: , python: 'f.py:top'}\n  a: {stdin: , tally: {}}\n", top)

    # A user's function is started last, and so not at all.
    assert [] == heard


def test_a_refused_config_leaves_the_running_one_alone():
    def left(target):
        raise ValueError("no")
        yield

    old = Run(FLOWS)
    old.read("x\n", at=1000.0)

    with pytest.raises(ConfigError):
        Run(FLOWS + "  c: {stdin: , python: 'f.py:left'}\n", left, before=old)
    old.read("x\n", at=1001.0)

    assert ["2"] == old.titles()


def test_a_fingerprint_is_that_of_kind_and_options_not_of_the_name():
    steps = Run("flows:\n  a: {stdin: , grep: x}\n  b: {stdin: , grep: x}\n  c: {stdin: , grep: y}\n"
                "  d: {stdin: , drop: x}\n").graph.config.steps

    assert fingerprint(steps["a.grep"]) == fingerprint(steps["b.grep"])
    assert 3 == len({fingerprint(steps[name]) for name in ("a.grep", "c.grep", "d.drop")})


def test_what_a_node_raises_is_told_with_its_name_and_item():
    def left(target):
        yield
        raise ValueError("boom")

    run = Run("flows:\n  c: {stdin: , python: 'f.py:left'}\n", left)

    run.graph.nodes["c.python"].inlet.send(line("a"))

    assert [("c.python", "a", "boom", 0.0)] == [
        (one.node, one.item.text, str(one.error), one.rests) for one in run.failures]


# --- flags ------------------------------------------------------------------------------------------


FLAGS = """
flows:
  maintenance: {{stdin: , grep: 'maintenance of (?P<hostname>\\S+)', flag: {{name: maintained, by: hostname}}}}
  errors:
    - stdin:
    - grep: '(?P<name>\\S+): {error}'
    - unless: {{flag: maintained, by: name}}
    - alert: {{title: '{{text}}'}}
"""


def test_one_flow_asks_for_what_another_has_set_also_after_a_reload():
    old = Run(FLAGS.format(error="ERROR"))
    old.read("a: ERROR 1\nmaintenance of a\na: ERROR 2\nb: ERROR 3\n")
    assert ["a: ERROR 1", "b: ERROR 3"] == old.titles()

    new = Run(FLAGS.format(error="FAIL"), before=old)
    list(new.graph.take_over())
    new.read("a: FAIL 1\nb: FAIL 2\n")
    assert ["b: FAIL 2"] == old.titles()[2:]  # the alert itself was taken over


def test_what_a_step_has_set_goes_with_the_step():
    old = Run(FLAGS.format(error="ERROR"))
    old.read("maintenance of a\n")
    new = Run(FLAGS.format(error="FAIL").replace("by: hostname", "by: hostname, for: 1h"), before=old)
    list(new.graph.take_over())
    new.read("a: FAIL 1\n")

    assert ["a: FAIL 1"] == old.titles()


# --- what other flows look for ----------------------------------------------------------------------

WATCHED = """\
flows:
  all: {stdin: , beside: }
  first: {stdin: , grep: [a, b], drop: c}
  second: [{stdin: }, {drop: d}, {grep: e}]
  third: {from: first, grep: f}
  elsewhere: {tail: /x, grep: g}
  own: {stdin: , grep: h, beside: , alert: }
"""


@node
def beside(target: Target[Event], *, others: Others) -> Consumer[Event]:
    """Pass on what nobody looks for."""
    while True:
        event = yield
        if not others.want(event.text):
            target.send(event)


def beside_of(run):
    return {name: [one.source for one in live.others.patterns] for name, live in run.graph.nodes.items() if live.others}


def test_a_step_may_ask_what_those_look_for_that_are_first_behind_its_sources_and_not_before_it():
    run = Run(WATCHED, more=beside)

    assert {"all.beside": ["a", "b", "h"], "own.beside": ["a", "b"]} == beside_of(run)


def test_what_others_look_for_is_as_the_config_is_now_though_the_step_goes_on():
    before = Run(WATCHED, more=beside)
    after = Run(WATCHED.replace("[a, b]", "z"), before=before, more=beside)
    list(after.graph.take_over())

    assert after.graph.nodes["all.beside"] is before.graph.nodes["all.beside"]
    assert {"all.beside": ["z", "h"], "own.beside": ["z"]} == beside_of(after)
    after.read("h a\nh z\n")
    assert ["own: h a"] == before.titles()  # the alert that goes on puts where it did
