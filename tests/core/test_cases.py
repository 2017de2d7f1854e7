"""Tests as people write them: what is read of them, and what is told where they are wrong."""

import pytest

from corowatch.core.cases import START, Expectation, Line, Repeat, moment, read_cases
from corowatch.core.pattern import Pattern
from corowatch.core.values import Reading
from corowatch.core.yaml_places import read


def cases(text, *flows):
    reading = Reading("/etc")
    root = read("t.yaml", text).root
    found = read_cases(root.value["tests"], reading, flows or ("a", "b"))
    return found, [f"{mistake.place.line}:{mistake.place.col}: {mistake.what}" for mistake in reading.mistakes]


def one(text):
    (placed,), mistakes = cases(text)
    assert [] == mistakes
    return placed


def test_a_test_has_lines_that_come_and_what_must_be_then():
    placed = one("tests:\n"
                 "  - name: five are guessing\n"
                 "    flow: a\n"
                 "    lines: 'Failed password'\n"
                 "    repeat: {times: 3, every: 10s}\n"
                 "    then:\n"
                 "      - {at: 20s, alert: {ip: 192.0.2.7, n: 5}}\n"
                 "      - quiet_for: 9m\n")

    assert ("five are guessing", "t.yaml:2:5") == (placed.case.called, str(placed.place))
    assert [(0.0, "Failed password", {}), (10.0, "Failed password", {}), (20.0, "Failed password", {})] == (
        placed.case.coming())
    assert [(Expectation(at=20.0, alert={"ip": "192.0.2.7", "n": 5}), 7),
            (Expectation(quiet_for=540.0), 8)] == [(wanted, place.line) for wanted, place in placed.then]
    assert placed.case.timed


def test_lines_come_at_their_times_each_as_often_as_it_says():
    case = one("tests:\n"
               "  - lines:\n"
               "      - first\n"
               "      - {line: second, at: 5s, repeat: {times: 2, every: 1s}, fields: {unit: a}}\n"
               "      - \"third\\nfourth\\n\"\n"
               "      - {line: early, at: 1s}\n"
               "    repeat: {times: 2, every: 1m}\n"
               "    then: []\n").case

    first = [(0.0, "first", {}), (1.0, "early", {}), (5.0, "second", {"unit": "a"}), (6.0, "second", {"unit": "a"}),
             (6.0, "third", {}), (6.0, "fourth", {})]
    assert [*first, *((at + 60.0, text, fields) for at, text, fields in first)] == case.coming()


@pytest.mark.parametrize(("more", "timed"), [
    ("lines: x", False), ("lines: [{line: x, at: 0s}]", True), ("lines: x, repeat: 3", False),
    ("lines: x, repeat: {times: 3, every: 1s}", True), ("lines: [{line: x, repeat: {times: 2, every: 1s}}]", True),
    ("lines: [{line: x, repeat: 2}]", False), ("lines: x, start: 2026-03-02T08:00:00Z", True),
])
def test_where_a_test_says_when_lines_come_what_they_tell_is_no_matter(more, timed):
    assert timed == one(f"tests: [{{{more}, then: []}}]").case.timed


def test_without_a_time_of_its_own_it_begins_at_noon_of_a_monday():
    assert START == moment("2026-01-05T12:00:00Z") == one("tests: [{lines: x, then: []}]").case.began
    assert 1772438400.0 == one("tests: [{lines: x, start: '2026-03-02T08:00:00', then: []}]").case.began


@pytest.mark.parametrize(("given", "wanted"), [
    ("then: []", Expectation(none={})), ("then: {none: true}", Expectation(none={})),
    ("then: [{alert: true}]", Expectation(alert={})),
    ("then: [{alert: its title}]", Expectation(alert={"title": "its title"})),
    ("then: [{resolved: {key: {matches: a.c}}}]", Expectation(resolved={"key": Pattern("a.c")})),
    ("then: [{alert: true, between: [1s, 2s], count: 0}]", Expectation(alert={}, between=(1.0, 2.0), count=0)),
    ("then: [{alerts: expected.jsonl}]", Expectation(alerts="/etc/expected.jsonl")),
])
def test_what_is_expected(given, wanted):
    assert wanted == one(f"tests: [{{lines: x, {given}}}]").then[0][0]


def test_an_expectation_tells_how_long_time_must_pass():
    assert [0.0, 6.0, 9.0] == [Expectation(alert=True).ends, Expectation(alert=True, at=5.0).ends,
                               Expectation(alert=True, between=(5.0, 9.0)).ends]
    assert {} == Expectation(quiet_for=3.0).wanted


@pytest.mark.parametrize(("text", "told"), [
    ("tests: {a: 1}", ["1:8: expected a list of tests, found a mapping"]),
    ("tests: [5]", ["1:9: expected a test with lines and what is expected, found '5'"]),
    ("tests: [{lines: x}]", ["1:9: a test says what is expected: write `then:`, with `[]` for no alert at all"]),
    ("tests: [{line: x, expect: []}]", [
        "1:9: a test says what is expected: write `then:`, with `[]` for no alert at all",
        "1:10: there is no 'line' here; did you mean 'lines'?",
        "1:19: there is no 'expect' here; did you mean 'then'?"]),
    ("tests: [{lines: , then: }]", ["1:9: a test says what is expected: write `then:`, with `[]` for no alert at all",
                                    "1:10: expected a text, found nothing"]),
    ("tests: [{then: []}]", ["1:9: a test needs `lines`, or a `file`"]),
    ("tests: [{lines: x, file: y, then: []}]", ["1:9: `lines` and `file` are two tests; leave out one"]),
    ("tests: [{file: y, repeat: 3, then: []}]", ["1:9: `repeat` belongs to `lines`"]),
    ("tests: [{lines: x, start: noon, then: []}]", ["1:9: 'noon' is no time; write 2026-03-02T08:00:00Z"]),
    ("tests: [{lines: x, repeat: 1000001, then: []}]", ["1:9: more than 1,000,000 lines"]),
    ("tests: [{lines: x, flow: c, then: []}]", ["1:26: no flow 'c'; there are a, b"]),
    ("tests: [{lines: x, flow: c, thn: [], then: []}]", ["1:29: there is no 'thn' here; did you mean 'then'?",
                                                        "1:26: no flow 'c'; there are a, b"]),
    ("tests: [{lines: x, then: [{at: 1s}]}]", ["1:27: expected one of alert, resolved, none, alerts, quiet_for"]),
    ("tests: [{lines: x, then: [{alert: a, none: b}]}]",
     ["1:27: `alert` and `none` are two things; write two items"]),
    ("tests: [{lines: x, then: [{alert: a, at: 1s, between: [1s, 2s]}]}]",
     ["1:27: `at` and `between` are two ways to say when; leave out one"]),
    ("tests: [{lines: x, then: [{alert: a, between: [2s, 1s]}]}]",
     ["1:27: `between` has two times, such as [30s, 1m]"]),
    ("tests: [{lines: x, then: [{none: a, count: 1}]}]",
     ["1:27: `count` belongs to `alert` or `resolved`, not to `none`"]),
    ("tests: [{lines: x, then: [{quiet_for: 1m, at: 1s}]}]", ["1:27: `quiet_for` says by itself when"]),
    ("tests: [{lines: x, then: [{alert: 5}]}]", ["1:27: expected the fields of an alert, its title, or `true`"]),
    ("tests: [{lines: x, then: [{alert: {a: [1]}}]}]", ["1:27: expected a value, found a list"]),
    ("tests: [{lines: x, then: [{alert: {a: {b: 1}}}]}]", ["1:27: expected a value, or {matches: PATTERN}"]),
])
def test_what_is_wrong_is_told_at_its_place(text, told):
    assert ([], told) == cases(text)


def test_a_test_that_is_wrong_keeps_no_other_from_being_read():
    found, mistakes = cases("tests:\n  - {lines: x}\n  - {lines: y, then: []}\n")

    assert (["y"], 1) == ([placed.case.lines[0].line for placed in found], len(mistakes))


def test_no_tests_are_no_mistake():
    assert ([], []) == cases("tests:\n")


def test_a_name_is_the_flow_s_where_there_is_none():
    assert ["b", "test"] == [one("tests: [{flow: b, lines: x, then: []}]").case.called,
                             one("tests: [{lines: x, then: []}]").case.called]


def test_how_often_a_line_comes_is_once_at_least():
    assert (Repeat(1), None) == (Repeat(times=1), Line("x").repeat)
