"""Tests of rules: found, run, told; and how far they reach."""

import gzip
import json
import re
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from corowatch.core.errors import ConfigError
from corowatch.rules.coverage import Coverage, alternatives
from corowatch.rules.junit import junit
from corowatch.rules.testing import run, suites

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parents[2]
README, EXAMPLES = ROOT / "README.md", ROOT / "config" / "examples"
CONFIG = """
flows:
  guessing:
    tail: /var/log/auth.log
    grep: 'Failed password for (?P<user>\\S+) from (?P<ip>\\S+)'
    threshold: {at_least: 3, within: 1m, by: ip, calm: 5m}
    alert: {title: '{ip} guesses', severity: critical}
"""
TESTS = """
tests:
  - name: three in a minute are guessing
    flow: guessing
    lines: 'Failed password for root from 192.0.2.7'
    repeat: {times: 3, every: 10s}
    then:
      - {at: 20s, alert: {ip: 192.0.2.7, severity: critical}}
      - {quiet_for: 4m}
      - {at: 5m20s, resolved: true}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ssh.yaml").write_text(CONFIG)
    return tmp_path


def outcomes(*paths):
    return [outcome for suite in suites(list(map(str, paths))) for outcome in run(suite)]


def told(*paths):
    return [text.replace(str(Path(paths[0]).parent), "") for outcome in outcomes(*paths) for text in outcome.told()]


@pytest.mark.parametrize("example", [pytest.param(path, id=path.name) for path in sorted(EXAMPLES.iterdir())])
def test_each_example_has_its_test_and_passes_it(example):
    found = outcomes(example)

    assert [] == [text for outcome in found for text in outcome.told()]
    assert {outcome.placed.case.file[0].partition("/input")[0] for outcome in found} == {str(example)}


def test_all_examples_are_tested_by_one_command():
    assert {path.name for path in EXAMPLES.iterdir()} == {Path(suite.name).name for suite in suites([str(EXAMPLES)])}


def test_what_the_readme_shows_passes(tmp_path):
    blocks = re.findall(r"^```yaml\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    tests = next(text for text in blocks if text.startswith("tests:"))
    (tmp_path / "ssh.yaml").write_text(next(text for text in blocks if "ssh-guessing:" in text and "audit:" in text))
    (tmp_path / "ssh.test.yaml").write_text(tests)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "quiet-day.log.gz").write_bytes(gzip.compress(b"2026-03-02 08:00:00 nothing\n"))

    assert (2, []) == (len(outcomes(tmp_path)), told(tmp_path))


# --- where they stand -----------------------------------------------------------------------------------


def test_they_stand_in_the_config_or_in_a_file_beside_it(folder):
    (folder / "ssh.test.yaml").write_text(TESTS)
    (folder / "web.yaml").write_text("flows: {web: {tail: a.log, grep: x, alert: console}}\n"
                                     "tests: [{flow: web, lines: x, then: [{alert: true}]}]\n")

    assert [2] == [len(suite.cases) for suite in suites([str(folder)])]
    assert [1] == [len(suite.cases) for suite in suites([str(folder / "ssh.yaml")])]
    assert [1] == [len(suite.cases) for suite in suites([str(folder / "ssh.test.yaml")])]
    assert all(outcome.passed for outcome in outcomes(folder))


def test_a_file_of_tests_may_name_its_config(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "any.test.yaml").write_text(f"config: ../ssh.yaml\n{TESTS}")

    assert [True] == [outcome.passed for outcome in outcomes(folder / "deep" / "any.test.yaml")]
    assert [True] == [outcome.passed for outcome in outcomes(folder / "deep")]


def test_a_file_of_tests_is_no_part_of_the_config(folder):
    (folder / "ssh.test.yaml").write_text(TESTS)
    from corowatch.loading import load_paths

    assert ["guessing"] == list({step.flow: None for step in load_paths([str(folder)]).steps.values()})


@pytest.mark.parametrize(("name", "text", "what"), [
    ("a.test.yaml", "config: ssh.yaml\ntest: []\n", "2:1: no key 'test' in a file of tests; did you mean 'tests'?"),
    ("a.test.yaml", "[]", "1:1: expected a mapping with `tests:`"),
    ("a.test.yaml", "", "1:1: expected a mapping with `tests:`"),
    ("a.test.yaml", "config: {a: b}\ntests: []\n", "1:9: expected"),
    ("a.test.yaml", "config: no.yaml\ntests: []\n", "no.yaml: cannot be read"),
    ("a.test.yaml", "tests: [{flow: gesing, lines: x, then: []}]", "no flow 'gesing'; did you mean 'guessing'?"),
    ("a.test.yaml", "tests: [{lines: 'x, then: []}]", "quote"),
])
def test_what_is_wrong_is_told_with_its_place(folder, name, text, what):
    (folder / name).write_text(text)

    with pytest.raises(ConfigError) as raised:
        list(suites([str(folder / name)]))

    assert what in str(raised.value)


def test_a_folder_without_any_is_a_mistake(folder):
    (folder / "empty").mkdir()

    with pytest.raises(ConfigError, match=r"there is no \*\.yaml"):
        list(suites([str(folder / "empty")]))


# --- what they say --------------------------------------------------------------------------------------


def case(folder, text):
    (folder / "ssh.test.yaml").write_text(f"tests: [{{{text}}}]")
    return told(folder / "ssh.test.yaml")


def test_a_failure_has_its_place_the_nearest_alert_and_what_the_steps_did(folder):
    (folder / "ssh.test.yaml").write_text(TESTS.replace("192.0.2.7, severity: critical", "192.0.2.8"))

    text = told(folder / "ssh.test.yaml")[0].split("\n")

    assert ["/ssh.test.yaml:8:9: expected an alert with ip 192.0.2.8 at 20s",
            "  found: the nearest is '192.0.2.7 guesses' at 20s: ip is '192.0.2.7', not '192.0.2.8'",
            "  2026-01-05 12:00:20Z  Failed password for root from 192.0.2.7", "    guessing:",
            "      grep         passed it on: user=root, ip=192.0.2.7"] == text[:5]
    assert text[5].startswith("        threshold  passed it on: count=3")


def test_without_an_alert_the_line_that_came_furthest_is_shown(folder):
    text = case(folder, "lines: [other, 'Failed password for bob from 192.0.2.1', other], then: [{alert: true}]")[0]

    assert "found: no alert" in text
    assert "threshold  kept it; ip=192.0.2.1: 1 of 3 within 1m" in text


def test_where_no_step_took_a_line_there_is_no_alert_and_no_more_to_tell(folder):
    text = case(folder, "lines: other, then: [{alert: true}]")[0]

    assert "found: no alert" in text
    assert "passed it on" not in text


def test_logs_are_read_by_time_from_files_and_folders(folder):
    (folder / "var/log").mkdir(parents=True)
    lines = [f"2026-03-02 08:00:0{n} Failed password for bob from 192.0.2.1\n".encode() for n in range(3)]
    (folder / "var/log/auth.log.1.gz").write_bytes(gzip.compress(b"".join(lines[:2])))
    (folder / "var/log/auth.log").write_bytes(lines[2])

    assert [] == case(folder, "file: var, until: '2026-03-02T09:00:00Z', exactly: true, "
                              "then: [{at: 2s, alert: true}, {resolved: true}]")
    assert ["/no.log: No such file or directory"] == case(folder, "file: no.log, then: []")


def test_lines_tell_their_time_where_the_test_does_not(folder):
    lines = [f"2026-03-02 08:00:{n}0 Failed password for bob from 192.0.2.1" for n in range(3)]

    assert [] == case(folder, f"lines: {json.dumps(lines)}, then: [{{at: 20s, alert: true}}]")
    assert 1 == len(case(folder, f"lines: {json.dumps(lines)}, repeat: {{times: 1, every: 1s}}, "
                                 "then: [{at: 20s, alert: true}]"))


def test_an_alert_of_another_flow_is_no_matter(folder):
    (folder / "ssh.yaml").write_text(f"{CONFIG}  all:\n    tail: /var/log/auth.log\n    alert: console\n")

    assert [] == case(folder, "flow: guessing, lines: x, then: []")
    assert 1 == len(case(folder, "lines: x, then: []"))


def test_commands_answer_as_the_test_says(folder):
    (folder / "ssh.yaml").write_text(
        "flows: {a: {tail: a.log, grep: '(?P<user>\\w+)', check: {argv: [id, '{user}']}, alert: {title: '{user}'}}}")

    assert [] == case(folder, "lines: [eve, bob], answers: [{to: bob, status: 1}, {status: 0}], exactly: true, "
                              "then: [{alert: eve}]")
    assert ["a command of `check` has no answer; say under `answers` what it would be"] == case(
        folder, "lines: eve, then: []")
    assert ["nothing under `answers` is an answer to id eve"] == case(
        folder, "lines: eve, answers: {to: bob, status: 1}, then: []")


def test_a_node_that_fails_fails_the_test(folder):
    (folder / "node.py").write_text("def node(target):\n    while True:\n        yield\n        1 / 0\n")
    (folder / "ssh.yaml").write_text("flows: {a: {tail: a.log, python: {function: 'node.py:node'}, alert: console}}")

    assert ["a.python failed: ZeroDivisionError: division by zero"] == case(folder, "lines: x, then: []")


def test_a_file_of_alerts_that_is_none_is_told(folder):
    (folder / "a.jsonl").write_text("[1]\n")

    assert ["/a.jsonl:1: expected an alert as JSON, as `corowatch replay --json` writes it"] == case(
        folder, "lines: x, then: [{alerts: a.jsonl}]")
    assert ["/b.jsonl: No such file or directory"] == case(folder, "lines: x, then: [{alerts: b.jsonl}]")


def test_lines_go_to_the_sources_of_the_flow_that_it_follows(folder):
    (folder / "ssh.yaml").write_text(f"{CONFIG}  next:\n    from: guessing\n    alert: {{title: 'next'}}\n")

    assert [] == case(folder, "flow: next, lines: 'Failed password for bob from 192.0.2.1', repeat: 3, "
                              "exactly: true, then: [{alert: next}]")


def test_it_takes_no_time_to_let_time_pass(folder):
    began = time.monotonic()

    assert [] == case(folder, "lines: x, then: [{quiet_for: 365d}]")
    assert time.monotonic() - began < 30


# --- how far they reach ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "pieces"), [
    ("a", ["a"]), ("a|b", ["a", "b"]), ("a(b|c)|d", ["a(b|c)", "d"]), (r"a\|b|[|)(]|c", [r"a\|b", "[|)(]", "c"]),
    ("(?P<x>a|b)", ["(?P<x>a|b)"]), (r"\(a|b\)", [r"\(a", r"b\)"]), ("[]|]|x", ["[]|]", "x"]),
])
def test_the_alternatives_of_a_pattern(source, pieces):
    assert pieces == alternatives(source)


def test_what_no_test_reaches_is_told(folder):
    (folder / "ssh.yaml").write_text(
        "flows:\n  a: {tail: a.log, grep: 'one|two', threshold: {at_least: 2, within: 1m}, alert: console}\n"
        "  b: {tail: a.log, grep: [three, (?i)FOUR], alert: console}\n  c: {tail: a.log, drop: x, tally: {by: text}}\n")
    (folder / "ssh.test.yaml").write_text("tests: [{lines: [one, four, y], then: [{alert: true}]}]")
    (suite,) = suites([str(folder)])
    coverage = Coverage(suite.config)
    for outcome in run(suite):
        coverage.add(outcome.sights)

    assert ["flow a", "step a.threshold", "step a.alert", "pattern a.grep: two", "pattern b.grep: three",
            "pattern c.drop: x"] == [f"{part.kind} {part.name}" for part in coverage.missed() if part.name != "c.tally"]
    assert [(1, 2), (2, 5)] == [coverage.share("flow"), coverage.share("pattern")]


# --- for others -----------------------------------------------------------------------------------------


def test_junit_s_xml_has_each_test_its_place_and_what_was_wrong(folder):
    (folder / "ssh.test.yaml").write_text(f"{TESTS}  - {{lines: \"x\\x00\", then: [{{alert: \"\\x01\"}}]}}\n")

    root = ElementTree.fromstring(junit(outcomes(folder)))

    assert ("2", "1") == (root.get("tests"), root.get("failures"))
    one, two = root.iter("testcase")
    assert ("three in a minute are guessing", "3", None) == (one.get("name"), one.get("line"), one.find("failure"))
    assert "expected an alert with title" in two.find("failure").get("message")


def test_pytest_runs_them_as_its_own(pytester, folder):
    pytester.makefile(".yaml", rules=f"{CONFIG}{TESTS}", other="flows: {}\n")
    pytester.makefile(".test.yaml", more="config: rules.yaml\ntests: [{name: odd, lines: x, then: [{alert: true}]}]",
                      bad="tests: [")

    result = pytester.runpytest("--continue-on-collection-errors")

    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*more.test.yaml:2:*expected an alert*", "*found: no alert*"])


def test_lines_that_tell_no_time_come_at_the_beginning(folder):
    (folder / "ssh.yaml").write_text("flows: {a: {tail: a.log, grep: x, hours: {between: '11:00-13:00', zone: UTC}, "
                                     "alert: console}}")

    assert [] == case(folder, "lines: [x, x], then: [{at: 0s, alert: true, count: 2}]")
    assert [] == case(folder, "lines: [x, '2026-03-02 11:30:00 x'], then: [{at: 0s, alert: true, count: 2}]")


def test_of_a_line_that_no_pattern_takes_that_is_told(folder):
    assert "guessing:\n      grep  it does not match" in case(
        folder, "lines: 'Failed password of bob', then: [{alert: true}]")[0]


def test_what_an_editor_hides_is_no_test(folder):
    (folder / ".#ssh.test.yaml").symlink_to("nobody@nowhere:1")

    assert [] == case(folder, "lines: 'Failed password for bob from 192.0.2.1', repeat: 3, then: [{alert: true}]")
    assert 1 == len(list(suites([str(folder)])))


def test_true_is_no_number(folder):
    assert "count is 3, not True" in case(
        folder, "lines: 'Failed password for bob from 192.0.2.1', repeat: 3, then: [{alert: {count: true}}]")[0]
