import contextlib
from collections.abc import Mapping
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.config import Config, ConfigFile, Input, load
from corowatch.core.errors import ConfigError
from corowatch.core.events import Alert, Consumer, Event, Target
from corowatch.core.kinds import ANYTHING, Kinds, node, sink
from corowatch.core.pattern import Pattern
from corowatch.core.text import Text
from corowatch.core.values import AtLeast, Function
from corowatch.discovery import discover
from corowatch.nodes.alert import alert
from corowatch.nodes.drop import drop
from corowatch.nodes.grep import grep
from corowatch.nodes.pair import pair
from corowatch.nodes.python import python
from corowatch.nodes.set import set_
from corowatch.nodes.tally import tally
from corowatch.nodes.threshold import threshold
from corowatch.nodes.throttle import throttle
from corowatch.sinks.console import console
from corowatch.sinks.exec import exec_
from corowatch.sinks.file import file
from corowatch.sources.corowatch import corowatch
from corowatch.sources.stdin import stdin
from corowatch.sources.tail import tail


@node
def quiet(target: Target[Event]) -> Consumer[Event]:
    """A kind without options."""
    while True:
        target.send((yield))


@node
def label(
    target: Target[Event],
    *,
    fields: Annotated[dict[str, Text], "new fields"],
) -> Consumer[Event]:
    """A kind whose first option is a mapping."""
    while True:
        target.send((yield))


@sink
def post(*, url: Annotated[Text, "where to"],
         password: Annotated[str | None, "who asks"] = None) -> Consumer[Alert]:
    """A sink with texts."""
    while True:
        yield


def kinds() -> Kinds:
    """Those that the messages below list, whatever else is there by now."""
    known = Kinds()
    for kind in (tail, stdin, corowatch, grep, drop, threshold, throttle, tally, python, alert, console, file,
                 exec_):
        known.add(kind)
    return known


KINDS = kinds()
MORE = kinds()
for extra in (quiet, label, post):
    MORE.add(extra)


def function(path: str, name: str) -> Function:
    if name == "missing":
        raise ValueError(f"{path} has no function 'missing'")
    return Function(path, name, name == "stage", "f", lambda: None)


def secret(kind: str, name: str) -> str:
    if name == "NONE":
        raise ValueError(f"${{{kind}:{name}}} is not there")
    return "s3cret{x}"


def config(*texts: str, known: Kinds = KINDS) -> Config:
    files = [ConfigFile(f"{name}.yaml", text, "/etc/cw") for name, text in zip("cdefg", texts, strict=False)]
    return load(files, known, function=function, secret=secret)


def refused(*texts: str, known: Kinds = KINDS) -> list[str]:
    """Each mistake as `line:col what`; of another file than the first with its name."""
    with pytest.raises(ConfigError) as caught:
        config(*texts, known=known)
    return [f"{place} {what}".removeprefix("c.yaml:") for place, what, _ in caught.value.mistakes]


def mistaken(text: str, known: Kinds) -> list[str]:
    """The same, of a config that may be right too."""
    try:
        config(text, known=known)
    except ConfigError:
        return refused(text, known=known)
    return []


def flow(*lines: str) -> str:
    """A config of one flow `a`, its steps from line 3 on."""
    return "flows:\n  a:\n" + "".join(f"    {line}\n" for line in lines)


def inputs(made: Config) -> Mapping[str, list[str]]:
    return {step.id: [f"{way.step}:{way.outlet}" for way in step.inputs] for step in made.steps.values()}


def options(text: str, step: str, known: Kinds = KINDS) -> Mapping[str, Any]:
    return config(text, known=known).steps[step].options


# --- what may be written ----------------------------------------------------------------------------


def test_three_lines_are_a_config():
    made = config("flows:\n  errors:\n    tail: /var/log/*.log\n    grep: ERROR\n    alert:\n")

    assert {"errors.tail": [], "errors.grep": ["errors.tail:target"],
            "errors.alert": ["errors.grep:target"]} == inputs(made)
    assert ("console",) == tuple(made.sinks)
    assert () == made.declared
    assert () == made.notes


def test_every_option_has_its_value_or_its_default():
    made = options(flow("tail: x", "threshold: {at_least: 5, within: 1m, by: [host, file]}", "alert:"),
                   "a.threshold")

    assert {"at_least": 5, "within": 60.0, "by": ("host", "file"), "rest": None, "extend": False, "calm": None,
            "at_most": 0, "max_keys": 100_000, "expire": None, "lateness": 5.0} == made


def test_a_step_remembers_what_was_written():
    made = config(flow("tail: [x, y]", "grep: {pattern: 1.50, literal: true}", "alert: console"))

    assert [{"paths": ["x", "y"]}, {"pattern": 1.5, "literal": True}, {"to": "console"}] == [
        step.written for step in made.steps.values()]


def test_relative_paths_begin_at_the_files_folder():
    text = flow("tail: [x.log, ../y.log, /z.log]", "alert: out") + "sinks: {out: {file: out.jsonl}}\n"

    made = config(text)

    assert ("/etc/cw/x.log", "/etc/y.log", "/z.log") == made.steps["a.tail"].options["paths"]
    assert {"path": "/etc/cw/out.jsonl"} == made.sinks["out"].options


@pytest.mark.parametrize("nothing", ["", " {}", " null", " ~"])
def test_no_options_are_written_in_several_ways(nothing):
    assert {"timestamp": "auto"}.items() <= options(flow(f"stdin:{nothing}", "alert:"), "a.stdin").items()


def test_a_pattern_takes_the_characters_as_written():
    assert (Pattern("0404"), Pattern("true"), Pattern("1.50")) == options(
        flow("stdin:", "grep: [0404, true, 1.50]", "alert:"), "a.grep")["pattern"]


def test_flags_say_how_the_patterns_beside_them_are_read():
    made = options(flow("stdin:", "grep: {pattern: 'a(', except: B, literal: true, ignore_case: true}",
                        "alert:"), "a.grep")

    assert (Pattern("a(", ignore_case=True, literal=True),) == made["pattern"]
    assert (Pattern("B", ignore_case=True, literal=True),) == made["except"]


def test_a_flow_may_be_a_list_with_names():
    made = config(flow("- stdin:", "  name: lines", "- grep: a", "- {grep: b}", "- {name: last, grep: c}",
                       "- {grep: d}", "- alert: console"))

    assert ["a.lines", "a.grep", "a.grep2", "a.last", "a.grep4", "a.alert"] == list(made.steps)


def test_defaults_are_options_of_a_kind_until_a_step_has_its_own():
    text = ("defaults:\n  tail: {start: beginning, timestamp: none}\n  grep:\n  file: {path: all.jsonl}\n"
            "flows: {a: {tail: {paths: x, timestamp: auto}, alert: f}}\nsinks: {f: {file: }}\n")

    made = config(text)

    step = made.steps["a.tail"]
    assert ("beginning", "auto") == (step.options["start"], step.options["timestamp"])
    assert {"paths": "x", "start": "beginning", "timestamp": "auto"} == step.written
    assert {"path": "/etc/cw/all.jsonl"} == made.sinks["f"].options


def test_defaults_are_read_from_their_own_files_folder():
    files = [ConfigFile("a", "flows: {a: {stdin: , alert: f}}\nsinks: {f: {file: }}\n", "/a"),
             ConfigFile("b", "defaults: {file: {path: x}}\n", "/b")]

    assert {"path": "/b/x"} == load(files, KINDS).sinks["f"].options


def test_an_anchor_in_the_drawer_serves_several_steps():
    text = ("x-window: &window {at_least: 3, within: 5m}\n"
            "flows:\n  a: {stdin: , threshold: {<<: *window, within: 1m}, alert: }\n"
            "  b: {stdin: , threshold: *window, alert: }\n")

    made = config(text)

    assert (60.0, 300.0) == tuple(made.steps[f"{name}.threshold"].options["within"] for name in "ab")


def test_a_kind_whose_first_option_is_a_mapping_takes_one():
    made = config(flow("stdin:", "label: {who: 'me on {host}'}", "quiet:", "alert:"), known=MORE)

    assert {"who": Text("me on {host}")} == made.steps["a.label"].options["fields"]


def test_secrets_are_put_in_but_not_remembered():
    text = flow("stdin:",
                "alert: p") + "sinks: {p: {post: {url: 'x/${env:T}/{title}', password: '${credential:P}'}}}\n"

    made = config(text, known=MORE).sinks["p"]

    assert {"url": Text("x/s3cret{{x}}/{title}"), "password": "s3cret{x}"} == made.options
    assert {"url": "x/${env:T}/{title}", "password": "${credential:P}"} == made.written


def test_declared_sinks_come_in_order_and_the_console_when_it_is_used():
    sinks = "sinks: {b: {console: {format: json}}, a: {file: x}}\n"

    used = config(flow("stdin:", "alert: [b, a, console]") + sinks)
    unused = config(flow("stdin:", "alert: [b, a]") + sinks)

    assert (["b", "a", "console"], ("b", "a")) == (list(used.sinks), used.declared)
    assert {"format": "text"} == used.sinks["console"].options
    assert ["b", "a"] == list(unused.sinks)


def test_the_console_may_be_declared():
    made = config(flow("stdin:", "alert:") + "sinks: {console: {console: {format: json}}}\n")

    assert {"format": "json"} == made.sinks["console"].options
    assert ("console",) == made.declared


def test_files_are_one_config():
    made = config("flows: {a: {from: b, alert: s}}\n", "# nothing\n",
                  "sinks: {s: {console: }}\ntests: anything\n",
                  "flows: {b: {stdin: }}\n")

    assert ["b.stdin", "a.alert"] == list(made.steps)


def test_a_note_tells_what_leads_nowhere():
    made = config("flows:\n  a: {stdin: , grep: x}\n  b: {stdin: }\n  c: {from: b, python: 'r.py:end'}\n"
                  "sinks:\n  s: {console: }\n")

    assert ("c.yaml:2:3: this flow has no alert: what it finds is counted, and nobody is told",
            "c.yaml:6:3: no flow alerts this sink: it gets corowatch's own alerts only") == made.notes


def test_a_flow_that_ends_with_a_flag_or_a_count_has_its_purpose():
    text = ("flows:\n  a: {stdin: , flag: f}\n  b: {stdin: , unflag: f}\n  c: {stdin: , flag: f, sample: 2}\n"
            "  d: {stdin: , tally: {by: text}}\n  e: {stdin: , tally: {every: 1h}}\n")

    made = load([ConfigFile("c.yaml", text)], discover())

    assert tuple(f"c.yaml:{row}:3: this flow has no alert: what it finds is counted, and nobody is told"
                 for row in (4, 6)) == made.notes


# --- from -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reference", "meant"), [
    ("b", ["b.grep:target"]),
    ("b.grep", ["b.grep:target"]),
    ("b.stdin", ["b.stdin:target"]),
    ("b.grep.otherwise", ["b.grep:otherwise"]),
    ("[b, b.grep, b.grep.otherwise, b.stdin]", ["b.grep:target", "b.grep:otherwise", "b.stdin:target"]),
    ("c", ["c.stage:target"]),
    ("d", ["b.grep:target", "c.stage:target"]),
    ("e", ["b.grep:target", "c.stage:target"]),
])
def test_from_takes_what_reaches_the_last_alert_or_leaves_the_last_step(reference, meant):
    made = config(f"flows:\n  a: {{from: {reference}, alert: }}\n"
                  "  b: {stdin: , grep: x, alert: }\n"
                  "  c: [{from: b}, {python: 'r.py:stage', name: stage}]\n"
                  "  d: {from: [b, c]}\n"
                  "  e: {from: d, alert: }\n")

    assert meant == inputs(made)["a.alert"]
    assert isinstance(made.steps["a.alert"].inputs[0], Input)


def test_steps_come_parents_first_and_else_as_written():
    made = config("flows:\n  a: {from: c, alert: }\n  b: {stdin: , alert: }\n"
                  "  c: {from: d, grep: x}\n  d: {stdin: }\n")

    assert ["d.stdin", "c.grep", "a.alert", "b.stdin", "b.alert"] == list(made.steps)


def test_a_path_may_be_a_hundred_steps_long():
    links = [f"  f{n}: {{from: f{n - 1}, grep: x}}\n" for n in range(1, 103)]
    chain = "flows:\n  f0: {stdin: }\n" + "".join(links)

    assert ["102:21 this is step 101 after its source; a path has at most 100"] == refused(chain)


@pytest.mark.parametrize(("flows", "mistakes"), [
    ("a: {from: b, alert: }\n  b: {from: a, alert: }\n", ["3:13 a flow cannot feed itself: a → b → a"]),
    ("a: {from: a}\n", ["2:13 a flow cannot feed itself: a → a"]),
    ("a: {from: a.grep, grep: x}\n", ["2:13 a flow cannot feed itself: a → a"]),
    ("a: {from: b}\n  b: {from: c}\n  c: {from: [a, b, d]}\n  d: {stdin: }\n",
     ["4:14 a flow cannot feed itself: a → b → c → a", "4:17 a flow cannot feed itself: b → c → b"]),
    ("z: {from: a, alert: {title: '{nobody}'}}\n  a: {from: b}\n  b: {from: a}\n",
     ["4:13 a flow cannot feed itself: a → b → a"]),
])
def test_a_cycle_is_told_once_with_its_path(flows, mistakes):
    assert mistakes == refused(f"flows:\n  {flows}")


REFERENCE = "expected FLOW, FLOW.STEP or FLOW.STEP.otherwise, found"


@pytest.mark.parametrize(("reference", "mistake"), [
    ("bb", "no flow 'bb'; did you mean 'b'?"),
    ("a", "a flow cannot feed itself: a → a"),
    ("nothing-like-it", "no flow 'nothing-like-it'; there are b, end"),
    ("throttle", "no flow 'throttle'; did you mean 'b.throttle'?"),
    ("grep.otherwise", "no flow 'grep'; did you mean 'b.grep.otherwise'?"),
    ("grep.otherwise.x", "no flow 'grep'; there are b, end"),
    ("drop", "no flow 'drop'; there are b, end"),
    ("stdin", "no flow 'stdin'; there are b, end"),
    ("b.gerp", "flow 'b' has no step 'gerp'; did you mean 'grep'?"),
    ("b.zzz", "flow 'b' has no step 'zzz'; there are stdin, grep, throttle, alert"),
    ("b.alert",
     "`alert` passes nothing on, so nothing can follow it; `from: b` takes what reaches the last alert"),
    ("b.grep.otherwize", "`grep` has no outlet 'otherwize'; did you mean 'otherwise'?"),
    ("b.throttle.otherwise", "`throttle` has no outlet 'otherwise'; `grep` has"),
    ("b.throttle.target", "`throttle` has no outlet 'target'"),
    ("end", "`python` (out) passes nothing on, so nothing can follow it"),
    ("b.grep.otherwise.x", f"{REFERENCE} 'b.grep.otherwise.x'"),
    ("b..otherwise", f"{REFERENCE} 'b..otherwise'"),
    ("''", f"{REFERENCE} ''"),
    ("", f"{REFERENCE} nothing"),
    ("{}", f"{REFERENCE} a mapping"),
    ("[]", f"{REFERENCE} an empty list"),
    ("[[b]]", f"{REFERENCE} a list"),
])
def test_what_from_cannot_mean_is_told(reference, mistake):
    told = refused(f"flows:\n  a:\n    from: {reference}\n    drop: y\n    alert: {{title: '{{nobody}}'}}\n"
                   "  b: {stdin: , grep: x, throttle: 1m, alert: }\n"
                   "  end: [{stdin: }, {python: 'r.py:end', name: out}]\n")

    assert [mistake] == [line.partition(" ")[2] for line in told]
    assert told[0].startswith("3:")


def test_a_broken_flow_is_not_told_again_by_those_who_follow_it():
    text = """\
flows:
  a: {gerp: x}
  b: 5
  c: {from: [a, b], alert: {title: '{x}'}}
  d: {from: [a.gerp, a.gerp.otherwise], alert: {title: '{x}'}}
  e: {from: c, alert: {title: '{x}'}}
  f: {from: g, alert: {title: '{x}'}}
  g: [{stdin: }, {alert: }, {alert: {title: '{x}'}}]
"""

    assert ["2:7 no kind 'gerp'; did you mean 'grep'?",
            "3:6 expected steps, such as `tail:`, `grep:`, `alert:`, found '5'",
            "8:30 nothing can follow `alert`, which passes nothing on; begin another flow with `from: g`",
            ] == refused(text)


# --- the form ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "mistakes"), [
    ("", ["1:1 expected a mapping with `flows:`, found nothing"]),
    ("# only a comment\n", ["1:1 expected a mapping with `flows:`, found nothing"]),
    ("sinks: {}\n", ["1:1 expected a mapping with `flows:`"]),
    ("\n- just\n- a list\n", ["1:1 expected a mapping with `flows:`, found a list"]),
    ("just text\n", ["1:1 expected a mapping with `flows:`, found 'just text'"]),
    ("x" * 100, [f"1:1 expected a mapping with `flows:`, found '{'x' * 60}…'"]),
    ("flows:\n", ["1:1 expected a mapping behind `flows:`, found nothing"]),
    ("flows: [a]\n", ["1:8 expected a mapping behind `flows:`, found a list"]),
    ("flows: {}\n", ["1:8 expected one flow at least, found an empty mapping"]),
    ("flow:\n  a: {stdin: }\n", ["1:1 no key 'flow' at the top level; did you mean 'flows'?"]),
    ("flows: {a: {stdin: }}\nalerts: 5\n",
     ["2:1 no key 'alerts' at the top level; there are flows, sinks, defaults, tests and x-…"]),
    ("flows: {a: {stdin: }}\nsinks: 5\ndefaults: []\n",
     ["2:8 expected a mapping behind `sinks:`, found '5'",
      "3:11 expected a mapping behind `defaults:`, found a list"]),
])
def test_the_top_level_is_checked(text, mistakes):
    assert mistakes == refused(text)


def test_a_section_that_stands_in_flows_is_told():
    assert ["3:3 `sinks` stands beside `flows`, not in it: its line begins further to the left",
            "5:3 `defaults` stands beside `flows`, not in it: its line begins further to the left"] == refused(
        "flows:\n  a: {stdin: , alert: {title: x}}\n  sinks:\n    ops: {file: x}\n  defaults:\n")
    assert ["sinks.stdin"] == list(config("flows: {sinks: {stdin: }}").steps)


def test_sinks_and_defaults_may_be_empty():
    assert ["a.stdin"] == list(config("flows: {a: {stdin: }}\nsinks:\ndefaults:\n").steps)


@pytest.mark.parametrize(("lines", "mistakes"), [
    (["{}"], ["3:5 expected steps, such as `tail:`, `grep:`, `alert:`, found a mapping"]),
    (["[]"], ["3:5 expected steps, such as `tail:`, `grep:`, `alert:`, found a list"]),
    ([], ["2:3 expected steps, such as `tail:`, `grep:`, `alert:`, found nothing"]),
    (["stdin:", "gerp: x", "alert: {title: '{x}'}"], ["4:5 no kind 'gerp'; did you mean 'grep'?"]),
    (["stdni:", "alert:"], ["3:5 no kind 'stdni'; did you mean 'stdin'?"]),
    (["form: b", "alert:"], ["3:5 no kind 'form'; did you mean 'from'?"]),
    (["gerp: x", "alert:"], ["3:5 no kind 'gerp'; did you mean 'grep'?"]),
    (["xyz: x", "alert:"], ["3:5 no kind 'xyz'; there are tail, stdin, corowatch, from"]),
    (["stdin:", "xyz: x"],
     ["4:5 no kind 'xyz'; there are grep, drop, threshold, throttle, tally, python, alert"]),
    (["grep: x", "alert: {title: '{x}'}"],
     ["3:5 a flow begins with a source (tail, stdin, corowatch) or `from: FLOW`, not with `grep`"]),
    (["stdin:", "tail: x", "alert: {title: '{x}'}"],
     [("4:5 `tail` is a source, and a source begins a flow; give it one of its own and take what it reads "
       "with `from: FLOW`")]),
    (["stdin:", "from: b", "alert:"],
     ["4:5 `from` stands at the head of a flow; to merge, give it a list there"]),
    (["stdin:", "name: b", "alert:"], ["4:5 a step has a name only where the flow is a list of steps"]),
    (["stdin:", "file: b"], ["4:5 `file` is a sink; declare it under `sinks:` and name it in `alert:`"]),
    (["stdin:", "stdout:"], [("4:5 `stdout` is a sink, and called `console`; declare it under `sinks:` and name it in "
                             "`alert:`")]),
    (["stdin:", "throttle:", "every: 5m", "most: 3", "alert: {title: '{x}'}"],
     ["4:5 `throttle` needs `every`: one event of a key in this time",
      ("5:5 `every` is an option of `throttle`, and stands below it: write throttle: {every: …}, or put it further to "
      "the right"), ("6:5 no kind 'most'; there are grep, drop, threshold, throttle, tally, "
      "python, alert")]),
    (["stdin:", "throttle: 1m", "grep: x", "zone: UTC", "every: 5m", "alert: {title: '{x}'}"],
     ["6:5 `zone` is an option of `stdin`, and stands below it: write stdin: {zone: …}, or put it further to the right",
      ("7:5 `every` is an option of `throttle`, and stands below it: write throttle: {every: …}, or put it further to "
      "the right")]),
    (["stdin:", "by: ip", "every: 5m", "grep: x", "throttle:", "alert: {title: '{x}'}"],
     [("4:5 `by` is an option of `throttle`, and stands above it: write throttle: {by: …}, or put it below, further to "
      "the right"), ("5:5 `every` is an option of `throttle`, and stands above it: write throttle: {every: …}, or put "
      "it below, further to the right"), "7:5 `throttle` needs `every`: one event of a key in this time"]),
    (["start: end", "tail: x"],
     [("3:5 `start` is an option of `tail`, and stands above it: write tail: {start: …}, or put it below, further to "
      "the right"), ("4:5 `tail` is a source, and a source begins a flow; give it one of its own and take what it "
      "reads with `from: FLOW`")]),
    (["- stdin:", "- every: 5m", "- grep x", "- throttle: 1m"],
     [("4:7 `every` is an option of `throttle`, and stands above it: write throttle: {every: …}, or put it below, "
      "further to the right"), "5:7 expected a step such as {grep: ERROR}, found 'grep x'"]),
    (["stdin:", "throttle: 1m", "by: ip", "tally: {by: ip}"],
     [("5:5 `by` is an option of `throttle`, and stands below it: write throttle: {by: …}, or put it further to the "
      "right")]),
    (["stdin:", "filter: x", "Count: {by: y}", "alert: {message: x}"],
     ["4:5 no kind 'filter'; did you mean 'grep'?", "5:5 no kind 'Count'; did you mean 'tally'?",
      "6:13 `alert` has no option 'message'; did you mean 'title'?"]),
    (["stdin:", "alert:", "grep: x"],
     ["5:5 nothing can follow `alert`, which passes nothing on; begin another flow with `from: a`"]),
    (["stdin:", "python: r.py:end", "grep: x"],
     ["5:5 nothing can follow `python`, which passes nothing on; begin another flow with `from: a`"]),
    (["- stdin", "- grep: x"], ["3:7 expected a step such as {grep: ERROR}, found 'stdin'"]),
    (["- stdin:", "- grep x", "- alert: {title: '{x}'}"],
     ["4:7 expected a step such as {grep: ERROR}, found 'grep x'"]),
    (["- stdin:", "- name: x", "- alert:"], ["4:7 this step has no kind; expected one such as `grep:`"]),
    (["- stdin:", "  grep: x", "  alert: nowhere"],
     ["4:7 an item of the list is one step; write '- ' before 'grep'",
      "5:7 an item of the list is one step; write '- ' before 'alert'",
      "5:14 no sink 'nowhere'; there is console; sinks stand under `sinks:`"]),
    (["- from: b", "  name: x", "- alert:"], ["3:13 no flow 'b'",
                                             "4:13 `from` is no step of its own; name the step behind it"]),
    (["- stdin:", "  name: a b"],
     ["4:13 'a b' is no name of a step; it is made of letters, digits, '-' and '_'"]),
    (["- stdin:", "  name:"], ["4:7 expected a name, found nothing"]),
    (["- stdin:", "  name: []"], ["4:13 expected a name, found a list"]),
    (["- stdin:", "- grep: x", "- {grep: y, name: grep}"],
     ["5:23 a step of flow 'a' is named 'grep' already, at c.yaml:4:7"]),
    (["- stdin:", "- {grep: x, name: grep2}", "- grep: y"],
     ["5:7 a step of flow 'a' is named 'grep2' already, at c.yaml:4:8"]),
])
def test_a_flow_is_checked_step_by_step(lines, mistakes):
    assert mistakes == refused(flow(*lines))


@pytest.mark.parametrize(("text", "mistakes"), [
    ("flows: {a b: {stdin: }, corowatch: {stdin: }}\n",
     ["1:9 'a b' is no name of a flow; it is made of letters, digits, '-' and '_'",
      "1:25 'corowatch' is the flow of corowatch's own alerts; give this one another name"]),
    (flow("stdin:") + "sinks: {'a/b': {console: }}\n",
     ["4:9 'a/b' is no name of a sink; it is made of letters, digits, '-' and '_'"]),
    (flow("stdin:") + "sinks: {s: console, t: ops@example.org, u: , v: {}}\n",
     ["4:12 expected a sink such as {console: …}, found 'console'",
      "4:24 expected a sink such as {KIND: …}, found 'ops@example.org'",
      "4:41 expected a sink such as {KIND: …}, found nothing",
      "4:49 expected a sink such as {KIND: …}, found a mapping"]),
    (flow("stdin:") + "sinks: {s: {exce: x}, t: {zzz: }, u: {file: x, exec: [y]}}\n",
     ["4:13 no sink kind 'exce'; did you mean 'exec'?",
      "4:27 no sink kind 'zzz'; there are console, file, exec",
      "4:48 a sink is of one kind; declare another sink for 'exec'"]),
    (flow("stdin:", "alert: s") + "sinks: {s: {exce: '{x}'}}\n",
     ["5:13 no sink kind 'exce'; did you mean 'exec'?"]),
    (flow("stdin:", "alert: {to: [s, opps, nix]}") + "sinks: {ops: {console: }}\n",
     ["4:18 no sink 's'; there are ops, console; sinks stand under `sinks:`",
      "4:21 no sink 'opps'; did you mean 'ops'?",
      "4:27 no sink 'nix'; there are ops, console; sinks stand under `sinks:`"]),
    (flow("stdin:", "alert: {to: []}"), ["4:17 expected one or more, found an empty list"]),
    (flow("stdin:", "alert: {to: [{}]}"), ["4:18 expected a sink's name, found a mapping"]),
    (flow("stdin:") + "defaults: {gerp: {}, zzzzz: {}, tail: x, grep: {patern: x, literal: 5}}\n",
     ["4:12 no kind 'gerp'; did you mean 'grep'?",
      ("4:22 no kind 'zzzzz'; there are tail, stdin, corowatch, grep, drop, threshold, throttle, tally, "
       "python, alert, console, file, exec"),
      "4:39 expected the options of `tail`, found 'x'",
      "4:49 `grep` has no option 'patern'; did you mean 'pattern'?",
      "4:69 expected true or false, found '5'"]),
])
def test_names_sinks_and_defaults_are_checked(text, mistakes):
    assert mistakes == refused(text)


# --- options ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "mistakes"), [
    ("grep:", ["4:5 `grep` needs `pattern`: searched for anywhere in the line; any of a list"]),
    ("grep: {except: x}", ["4:5 `grep` needs `pattern`: searched for anywhere in the line; any of a list"]),
    ("grep: {patern: x}", ["4:12 `grep` has no option 'patern'; did you mean 'pattern'?"]),
    ("grep: {patern: x, pattern: y}", ["4:12 `grep` has no option 'patern'; did you mean 'pattern'?"]),
    ("grep: {zzz: x}", ["4:5 `grep` needs `pattern`: searched for anywhere in the line; any of a list",
                        "4:12 `grep` has no option 'zzz'; there are pattern, except, ignore_case, literal"]),
    ("threshold: {at_least: 0, within: 1m, max_keys: -1}",
     ["4:27 expected at least 1, found '0'", "4:52 expected at least 1, found '-1'"]),
    ("threshold: {at_least: 1.5, within: 5}",
     ["4:27 expected a whole number, found '1.5'",
      "4:40 5 has no unit; a duration is written 5s, or 5m for minutes"]),
    ("threshold: {at_least: many, within: {}}",
     ["4:27 expected a whole number, found 'many'", "4:41 expected a duration such as 5m, found a mapping"]),
    ("throttle: 9999999d", ["4:15 9999999d is more than a hundred years"]),
    ("throttle: 0s", ["4:15 0s is no time at all; a duration is longer than nothing, such as 1s"]),
    ("throttle: 0", ["4:15 0 is no time at all; a duration is longer than nothing, such as 1s"]),
    ("throttle: 0.00", ["4:15 0.00 is no time at all; a duration is longer than nothing, such as 1s"]),
    ("throttle: '${env:T}'", ["4:15 '${env:T}' does not give a duration such as 5m"]),
    ("throttle: '${env:NONE}'", ["4:15 ${env:NONE} is not there"]),
    pytest.param("grep: {pattern: 'a(', literal: maybe, ignore_case: false}",
                 ["4:21 the pattern is no regular expression: missing ): a(",
                  "4:36 expected true or false, found 'maybe'"], marks=pytest.mark.re2),
    ("grep: [a, {}]", ["4:15 expected a pattern, found a mapping"]),
    ("grep: ''", ["4:11 an empty pattern matches every line; leave the step out instead"]),
    ('grep: "\\bx"',
     [("4:11 the pattern holds the control character '\\x08'; in double quotes YAML takes the backslash "
       "for itself, so put the pattern in single quotes")]),
    ("python: nonsense", ["4:13 'nonsense' names no function; write file.py:name"]),
    ("python: r.py:missing", ["4:13 /etc/cw/r.py has no function 'missing'"]),
    ("quiet: 5", ["4:12 `quiet` has no options, found '5'"]),
    ("quiet: {x: 5}", ["4:13 `quiet` has no option 'x'; it has none"]),
    ("label: 5", ["4:12 expected a mapping, found '5'"]),
    ("label: {a: '{', b: [x]}",
     ["4:16 a lone '{' in a text; write it twice, '{{', to mean the brace",
      "4:24 expected a text, found a list"]),
])
def test_options_are_checked(step, mistakes):
    assert mistakes == refused(flow("stdin:", step), known=MORE)


@node
def share(target: Target[Event], *, of: Annotated[float, "so much", AtLeast(0.5)] = 1.0) -> Consumer[Event]:
    """Takes a fraction."""
    while True:
        target.send((yield))


@pytest.mark.parametrize(("step", "mistakes"), [
    ("alert: 'disk full on {host}'",
     ["4:12 no sink 'disk full on {host}'; there is console; what people read is `title:`"]),
    ("grep: '${env:HOME}'", ["4:11 ${…} is not replaced in a pattern; write what it stands for"]),
])
def test_what_is_meant_otherwise_is_told_with_the_cure(step, mistakes):
    assert mistakes == refused(flow("stdin:", step))


@pytest.mark.parametrize(("steps", "mistakes"), [
    (["flag: maintenance", "unless: maintenence", "unflag: {flag: other}", "when: maintenance"],
     ["5:13 no step `flag` sets 'maintenence'; did you mean 'maintenance'?",
      "6:20 no step `flag` sets 'other'; there is maintenance"]),
    (["grep: '(?P<host_>.)'", "flag: {name: m, by: host_}", "unless: m"],
     ["6:13 the flag 'm' is set by host_, and asked for by none: give `by` as many fields here as there"]),
    (["grep: '(?P<host_>.)'", "flag: m", "when: {flag: m, by: host_}"],
     ["6:18 the flag 'm' is set by no fields, and asked for by host_: give `by` as many fields here as there"]),
    (["when: maintenance"], ["4:11 no step `flag` sets 'maintenance'"]),
    (["flag: [a]", "when: {flag: [b]}"], ["4:11 expected a flag's name, found a list",
                                         "5:18 expected a flag's name, found a list"]),
])
def test_a_flag_that_nobody_sets_is_a_mistake(steps, mistakes):
    assert mistakes == refused(flow("stdin:", *steps), known=discover())


def test_secrets_are_put_into_what_a_users_function_is_handed():
    given = options(flow("stdin:", "python: {function: 'r.py:classic', args: ['${env:TOKEN}', 5, [true]], "
                         "options: {b: {c: 'x${env:TOKEN}'}}}"), "a.python")

    hidden = secret("env", "TOKEN")
    assert ((hidden, 5, [True]), {"b": {"c": f"x{hidden}"}}) == (given["args"], given["options"])


@pytest.mark.parametrize("secret_in", ["'{${env:TOKEN}}'", "'a {${env:TOKEN}x} b'"])
def test_a_secret_is_never_part_of_a_fields_name_nor_of_a_message(secret_in):
    told, = refused(flow("stdin:", f"alert: {{title: {secret_in}}}"))

    assert "is no field name" in told
    assert "${…}" in told
    assert secret("env", "TOKEN").strip("{}x") not in told


def test_where_an_option_is_misspelt_it_is_not_asked_whether_the_others_go_together():
    """What is missing may be what was meant."""
    told, = refused(flow("stdin:", "stats: {of: offset, show: p95, within: 1m, abov: 100}"), known=discover())

    assert "`stats` has no option 'abov'; did you mean 'above'?" in told


def test_what_sends_nothing_is_followed_by_nothing():
    texts = [f"flows:\n  a:\n    stdin:\n    tally: {{{every}by: source}}\n    alert:\n"
             for every in ("", "every: 1h, ")]

    (told,), none = (load([ConfigFile("c.yaml", text, "/")], discover()).notes for text in texts)

    assert "c.yaml:5:5: nothing ever comes here: `tally`, at c.yaml:4:5, sends something only with `every`" == told
    assert () == none


def test_a_number_with_a_fraction_has_its_least_value_too():
    shares = Kinds({"stdin": stdin}, {"share": share}, {})

    assert ["4:12 expected at least 0.5, found '0.25'"] == refused(flow("stdin:", "share: 0.25"),
                                                                   known=shares)
    assert 0.5 == options(flow("stdin:", "share: 0.5"), "a.share", shares)["of"]


# --- fields -----------------------------------------------------------------------------------------

BUILT_IN = "text, at, source, file, offset, host, flow"


@pytest.mark.parametrize("steps", [
    ["grep: '(?P<ip>x)'", "alert: {title: '{ip} {text} {at} {source} {file} {offset} {host} {flow} {{ip}}'}"],
    ["grep: ['(?P<ip>x)', '(?P<user>x)']", "threshold: {at_least: 2, within: 1m, by: [ip, user]}",
     "alert: {title: '{count} {first} {last} {suppressed} {ip}', by: [host, file, count]}"],
    ["grep: '(?P<ip>x)'", "throttle: {every: 1m, by: ip}", "tally: {by: held, every: 1h}",
     "alert: {title: '{held} {count}'}"],
    ["python: r.py:stage", "alert: {title: '{whatever}'}"],
    ["label: {a: '{host}'}", "alert:"],
])
def test_a_text_may_name_what_is_found_before_it(steps):
    assert config(flow("stdin:", *steps), known=MORE)


@pytest.mark.parametrize(("steps", "mistakes"), [
    (["grep: '(?P<ip>x)'", "alert: {title: 'from {ipp} to {to}'}"],
     [f"5:20 no field 'ipp' here; did you mean 'ip'? There are held, ip, {BUILT_IN}",
      f"5:20 no field 'to' here; there are held, ip, {BUILT_IN}"]),
    (["grep: '(?P<ip>x)'", "throttle: {every: 1m, by: [ip, usr]}"],
     [f"5:36 no field 'usr' here; there are ip, {BUILT_IN}"]),
    (["grep: x", "alert: {by: ip}"], [f"5:17 no field 'ip' here; there are {BUILT_IN}"]),
    (["alert: {title: '{count}'}"], [f"4:20 no field 'count' here; there are held, {BUILT_IN}"]),
    (["alert: {by: {}}"], ["4:17 expected a field's name, found a mapping"]),
    (["label: {a: x, b: '{c}'}"], [f"4:22 no field 'c' here; there are {BUILT_IN}"]),
    (["alert: {title: '{state}'}"], [f"4:20 no field 'state' here; there are held, {BUILT_IN}"]),
])
def test_a_field_that_nobody_provides_is_told(steps, mistakes):
    assert mistakes == refused(flow("stdin:", *steps), known=MORE)


def test_what_grep_does_not_pass_has_none_of_its_groups():
    assert [f"3:46 no field 'ip' here; there are held, {BUILT_IN}"] == refused(
        "flows:\n  a: {stdin: , grep: '(?P<ip>x)', alert: }\n"
        "  b: {from: a.grep.otherwise, alert: {title: '{ip}'}}\n")


def test_of_several_ways_any_may_bring_a_field():
    text = """\
flows:
  a: {stdin: , grep: '(?P<a>x)'}
  b: {stdin: , grep: '(?P<b>x)'}
  c: {from: [a, b], alert: {title: '{a}{b}{c}'}}
"""

    assert [f"4:36 no field 'c' here; there are a, b, held, {BUILT_IN}"] == refused(text)


@pytest.mark.re2
def test_a_pattern_that_cannot_be_read_may_bring_any_field():
    assert ["4:11 the pattern is no regular expression: missing ): a("] == refused(
        flow("stdin:", "grep: 'a('", "alert: {title: '{ip}'}"))


@pytest.mark.parametrize(("pattern", "mistakes"), [
    ("'(?P<text>x)'", ["4:11 the group 'text' is named like a built-in field; give it another name"]),
    ("[a, '(?P<ip>x)(?P<count>x)']",
     ["4:15 the group 'count' is named like a field of `tally`; give it another name"]),
    ("{pattern: '(?P<held>x)'}",
     ["4:21 the group 'held' is named like a field of `throttle`; give it another name"]),
    ("'(?P<a>x)(?P<a>y)'", ["4:11 two groups are named 'a'; give each its own name"]),
])
def test_a_group_may_not_take_the_name_of_another_field(pattern, mistakes):
    assert mistakes == refused(flow("stdin:", f"grep: {pattern}", "alert:"))


def test_groups_of_patterns_that_do_not_capture_are_free():
    assert config(flow("stdin:", "grep: {pattern: x, except: '(?P<count>x)'}", "drop: '(?P<text>x)'",
                       "alert:"))


PAIR = kinds()
PAIR.add(pair)


@pytest.mark.parametrize(("options", "mistakes"), [
    ("open: '(?P<srv>a)', close: 'b {srv}'", []),
    ("open: '(?P<srv>a)', close: '(?P<srv>b)', by: srv", []),
    ("open: '(?P<srv>a)', close: 'b {srv} x{2}', by: [srv, host, ip]", []),
    ("open: '(?P<srv>a)', close: 'b \\{svr\\}'", []),
    ("open: '(?P<srv>a)', close: 'on ''b'' {svr}'",
     ["5:49 `open` has no group 'svr'; did you mean 'srv'?; to mean the braces, write \\{svr\\}"]),
    ("open: ['(?P<srv>a)', '(?P<user>b)'], close: [c, 'd {user}']",
     ["5:63 `open` has no group 'user'; there is srv; to mean the braces, write \\{user\\}"]),
    ("open: a, close: 'b {srv}'", ["5:31 `open` has no group 'srv'; to mean the braces, write \\{srv\\}"]),
    ("open: '(?P<srv>a', close: 'b {srv}'",
     ["5:18 the pattern is no regular expression: missing ): (?P<srv>a"]),
    ("open: '(?P<srv>a)', close: b, by: srv",
     ["5:46 'b' has no group 'srv', and what it matches would have no key"]),
    ("open: a, close: '(?P<srv>a)', by: [srv, port]",
     ["5:47 'a' has no group 'srv', and what it matches would have no key",
      f"5:52 no field 'port' here; there are ip, srv, {BUILT_IN}"]),
    ("open: '(?P<duration>a)', close: b",
     ["5:18 the group 'duration' is named like a field of `pair`; give it another name"]),
])
@pytest.mark.re2
def test_what_a_step_captures_by_several_patterns_must_go_together(options, mistakes):
    assert mistakes == mistaken(flow("stdin:", "grep: '(?P<ip>x)'", f"pair: {{{options}}}",
                                     "alert: {title: '{duration} {ip}'}"), known=PAIR)


@pytest.mark.parametrize(("resolved", "mistakes"), [
    ("'after {duration} s: {ip}'", []), ("true", []), ("false", []),
    ("'after {durations}'", [
        f"5:23 no field 'durations' here; did you mean 'duration'? There are duration, held, ip, {BUILT_IN}"]),
    ("{}", ["5:23 expected a text, found a mapping"]),
])
def test_what_is_over_may_have_a_title_that_tells_how_long_it_was(resolved, mistakes):
    assert mistakes == mistaken(flow("stdin:", "grep: '(?P<ip>x)'", f"alert: {{resolved: {resolved}}}"), known=KINDS)


def test_what_both_captured_is_known_behind():
    assert config(flow("stdin:", "pair: {open: '(?P<a>x)', close: '(?P<b>y)'}", "alert: {title: '{a} {b} {duration}'}"),
                  known=PAIR)


OWN = "{title} {severity} {node} {id} {state} {at} {count} {host} {flow}"
SINK = f"sinks: {{s: {{exec: [page, '{{ip}}', '{OWN}']}}}}\n"


def test_a_sinks_text_may_name_fields_of_the_alerts_and_the_alerts_own_keys():
    two = "flows:\n  a: {stdin: , grep: '(?P<ip>x)', alert: s}\n  b: {stdin: , alert: s}\n"

    assert config(two + SINK)
    assert config(flow("stdin:") + SINK), "nothing uses it: nothing is known of it"
    assert config(flow("stdin:", "python: r.py:stage", "alert: s") + SINK)


def test_a_sinks_text_that_names_what_no_alert_has_is_told():
    known = "at, count, flow, held, host, id, node, severity, state, title, text, source, file, offset"

    assert [f"5:26 no field 'ip' here; there are {known}"] == refused(flow("stdin:", "alert: s") + SINK)
    assert [f"4:32 no field 'ip' here; there are {known}"] == refused(
        flow("{stdin: , alert: }") + "sinks: {console: {exec: [page, '{ip}']}}\n")


def test_an_option_beside_its_sink_is_told_where_it_belongs():
    assert ["4:22 'password' is an option of `post`; write it into its braces"] == refused(
        flow("stdin:") + "sinks: {s: {post: x, password: y}}\n", known=MORE)


@pytest.mark.parametrize(("steps", "want"), [
    (["set: {redact: x}", "alert: {before: 0, after: 2}"], ["5:31 `after` tells lines as they stand in the file"]),
    (["set: {redact: x}", "grep: y", "alert: {before: 1}"], ["6:21 `before` tells lines as they stand in the file"]),
    (["set: {a: x}", "alert: {before: 1}"], []),
])
def test_what_was_masked_is_not_told_as_it_stands_in_the_file(steps, want):
    known = kinds()
    known.add(set_)

    assert want == [told.partition(", with")[0] for told in mistaken(flow("stdin:", *steps), known=known)]


# --- many files, and how it is told -----------------------------------------------------------------


def test_a_name_defined_twice_is_told_with_both_places():
    text = "flows: {a: {stdin: }}\nsinks: {s: {console: }}\ndefaults: {grep: {literal: true}}\n"

    assert ["d.yaml:1:9 flow 'a' is defined twice; the first is at c.yaml:1:9",
            "d.yaml:2:9 sink 's' is defined twice; the first is at c.yaml:2:9",
            "d.yaml:3:12 defaults of 'grep' is defined twice; the first is at c.yaml:3:12"] == refused(text,
                                                                                                       text)


def test_a_file_that_breaks_off_does_not_hide_the_others_mistakes_nor_make_new_ones():
    assert ["2:6 a text cannot begin with '%' in YAML; put the text in single quotes",
            "d.yaml:1:22 no kind 'gerp'; did you mean 'grep'?"] == refused(
        "flows:\n  b: %\n", "flows: {c: {from: b, gerp: x, alert: s}}\n")


def test_what_is_wrong_with_the_yaml_is_told_alone():
    told = refused(flow("stdin:  *n"))

    assert [("3:13 no anchor '&n' stands before this alias; "
             "if it is meant as text, put the text in single quotes")] == told


def test_every_mistake_shows_its_line_and_points_at_it():
    with pytest.raises(ConfigError) as caught:
        config("flows:\n  a:\n    stdin:\n    grep: {pattern: x,\texcept: {}}\n    alert: nowhere\n")

    assert """\
c.yaml:4:32: expected a pattern, found a mapping
        grep: {pattern: x, except: {}}
                                   ^
c.yaml:5:12: no sink 'nowhere'; there is console; sinks stand under `sinks:`
        alert: nowhere
               ^""" == str(caught.value)


def test_without_help_from_outside_functions_secrets_and_tables_are_mistakes():
    steps = ("lookup: {file: x.csv, of: text}", "python: r.py:x", "throttle: '${env:X}'")

    with pytest.raises(ConfigError) as caught:
        load([ConfigFile("c.yaml", flow("stdin:", *steps))], discover())

    assert ["files cannot be looked up here", "functions of the user cannot be loaded here",
            "${env:X} cannot be looked up here"] == [mistake.what for mistake in caught.value.mistakes]


PIECES = ["flows", "sinks", "defaults", "a", "b", "from", "tail", "stdin", "grep", "alert", "threshold",
          "python", "name",
          ": ", "\n", "\n  ", "\n    ", "{", "}", "[", "]", ", ", "- ", "x", "5", "1m", "'", '"', "\\",
          "{ip}", "(?P<ip>x)",
          "a.grep.otherwise", "&a ", "*a", "<<: ", "!t ", "${env:X}", "r.py:f", "null", "~", "#", "\t",
          "\x00", "é"]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_whatever_is_written_is_read_or_refused(text):
    for written in (text, f"flows:\n  a:\n    stdin: {{}}\n{text}", f"flows:\n  a: {{stdin: , {text}}}"):
        with contextlib.suppress(ConfigError):
            config(written)


def test_kinds_that_add_anything_reserve_no_name():
    assert ANYTHING in python.adds
    assert config(flow("stdin:", "grep: '(?P<ip>x)'", "python: r.py:stage", "alert:"))


def test_no_config_has_ten_thousand_flows():
    text = "flows:\n" + "".join(f"  f{n}:\n" for n in range(10_001))

    assert ["2:3 more than 10,000 entries"] == refused(text)
