"""From templates to rules that are right and pass their own tests."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corowatch.core.pattern import Pattern
from corowatch.rules.lines import read_lines
from corowatch.rules.suggesting import as_json, as_yaml, findings, rules
from corowatch.rules.templates import Templates
from corowatch.rules.testing import run, suites
from corowatch.testing import line

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "loghub"


def of(*lines):
    """Templates of lines, each (second, text)."""
    templates = Templates()
    for at, text in lines:
        templates.add(line(text, at=float(at)))
    return templates


def usual(count=1000, until=1000.0):
    return [(until * n / count, f"request {n} served") for n in range(count)]


def config_of(templates, top=10, files=("x.log",)):
    found = findings(templates)
    return as_yaml(rules(found, top), [one.template for one in found], files)


def outcomes(text, folder):
    (folder / "suggested.yaml").write_text(text)
    return [outcome for suite in suites([str(folder / "suggested.yaml")]) for outcome in run(suite)]


def why(templates):
    return {one.template.example: one.why for one in findings(templates)}


def test_what_is_new_rare_or_loud_stands_out_and_words_of_severity_raise_it():
    told = why(of(*usual(), (10, "cache is warm now"), (990, "disk sda1 failed"), (10, "kernel panic"),
                  (11, "not found"), (950, "hello there")))

    assert [
        ("kernel panic", "critical, rare"), ("disk sda1 failed", "error, new, rare"), ("not found", "warning, rare"),
        ("hello there", "new, rare"), ("cache is warm now", "rare"), ("request 0 served", "loud"),
    ] == list(told.items())


@pytest.mark.parametrize(("text", "why"), [
    ("PacketError here", "error"), ("terrorist", "usual"), ("failover done", "usual"), ("5 errors", "error"),
    ("java.io.IOException: x", "error"), ("Permission denied", "error"), ("errno 5", "usual"),
    ('"GET /ssh-key-invalid-hack.html" 200 "http://x/errors?failed" ok', "usual"), ("cannot open /var/x", "error"),
    ("disk /dev/sda failed", "error"), ("I/O error", "error"), ("/usr/bin/x: failed", "error"),
    ("(/a/failed)", "usual")])
def test_words_are_whole_words(text, why):
    (one,) = findings(of(*((n, text) for n in range(10))))

    assert why == one.severity or (why == "usual" and one.severity == "")


def test_a_rule_has_groups_for_what_varies_and_a_title_with_them():
    (made,) = rules(findings(of((0, "sshd[7]: Failed password for user eve from 192.0.2.7 port 22: a{b} uid=-1"),
                                (1, "sshd[8]: Failed password for user bob from 192.0.2.8 port 23: a{b} uid=5"))), 5)

    assert (r"\bsshd\[(?P<pid>\d+)\]: Failed password for user (?P<user>\w+) from (?P<ip>\d{1,3}(?:\.\d{1,3}){3}) "
            r"port (?P<port>\d+): a\{b\} uid=(?P<uid>-?\d+(?:\.\d+)*)$") == made.pattern
    assert "sshd[{pid}]: Failed password for user {user} from {ip} port {port}: a{{b}} uid={uid}" == made.title
    assert "sshd-failed-password-for-user" == made.name


def test_groups_are_not_named_as_fields_that_are_there_already():
    (made,) = rules(findings(of((0, "failed: count=1 host=192.0.2.1 id=7 ip 192.0.2.2 192.0.2.3"))), 5)

    assert ("count_", "host_", "id_", "ip", "ip2") == made.groups


@pytest.mark.parametrize(("text", "groups"), [
    ("failed: rhost=192.0.2.7.dyn.example.org", ()), ("failed: rhost=192.0.2.7-x", ()),
    ("failed: rhost=192.0.2.7.", ("rhost",)), ("failed: rhost=192.0.2.7: bye", ("rhost",)),
    ("failed: took=12ms", ("took",))])
def test_the_beginning_of_a_name_is_no_value(text, groups):
    (made,) = rules(findings(of((0, text))), 5)

    assert groups == made.groups


def test_what_is_loud_gets_a_threshold():
    """With words of severity, one that it would have reached; else one that it would not."""
    loud = [(n % 4, f"it failed: {n}") for n in range(100)] + [(n % 4, f"all is well {n}") for n in range(100)]

    told = config_of(of(*sorted(loud)))

    assert "threshold: {at_least: 50, within: 1m}" in told
    assert "threshold: {at_least: 200, within: 1m}" in told
    assert "title: '{count} in a minute: it failed: …'" in told


def test_what_has_no_word_gets_no_rule():
    assert [] == rules(findings(of((0, "12 34"), (1, "==="))), 5)


@pytest.mark.parametrize(("text", "name"), [
    ("[error] jk2_init() Can't find child 7 in scoreboard", "error-jk2_init-cant-find-child"),
    ("W ActivityManager: java.lang.ClassCastException: android.os.BinderProxy cannot be cast to x",
     "activitymanager-classcastexception-binderproxy-cannot"),
    ("kernel: Failure registering capabilities with the kernel", "kernel-failure-registering-capabilities"),
    ("kernel: sda: I/O error, sector 7", "kernel-sda-error-sector"), ("disk -> it is", "disk"),
    ("java.lang.AbstractInterruptibleBatchPreparedStatementSetterError: something-unlucky-has-happened here",
     "abstractinterruptiblebatchpreparedstatementsettererror")])
def test_a_flow_is_called_by_the_words_that_say_something(text, name):
    (made,) = rules(findings(of((1, text))), 1)

    assert name == made.name


def test_where_each_line_begins_with_the_name_of_a_machine_rules_are_for_all_machines(tmp_path):
    lines = [(n, f"R{n}-M0-N{n % 3}:J{n}-U11 RAS KERNEL FATAL {what}") for n, what in enumerate(
        ["program interrupt", "auxiliary processor gone", "debug interrupt enable", "cannot mount /home on it"])]
    templates = of(*lines, (9, "R7-M1-N2:J3-U01 RAS KERNEL FATAL debug interrupt enable"))

    made = rules(findings(templates), 10)
    text = config_of(templates)

    assert ["ras-kernel-fatal-program-interrupt", "ras-kernel-fatal-auxiliary-processor",
            "ras-kernel-fatal-cannot-mount", "ras-kernel-fatal-debug-interrupt"] == [rule.name for rule in made]
    assert "(?P<name>\\S+) RAS KERNEL FATAL program interrupt$" == made[0].pattern.removeprefix("\\b")
    assert "{name} RAS KERNEL FATAL program interrupt" == made[0].title
    assert all(outcome.passed for outcome in outcomes(text, tmp_path))


def test_a_name_with_which_lines_begin_is_no_word_of_severity():
    names = ["lib1-error", "lib2-error", "lib3-error", "lib-error"]
    told = why(of(*((n, f"{name} installed {'x ' * n}") for n, name in enumerate(names))))

    assert {"new", "usual", "loud", "rare"} >= {one for mark in told.values() for one in mark.split(", ")}


def test_so_many_rules_are_made_and_each_has_its_name():
    made = rules(findings(of(*((n, f"one two failed{' x' * n} {n}") for n in range(8)))), 4)

    assert 4 == len(made) == len({rule.name for rule in made})


def test_no_rule_has_the_name_of_corowatchs_own_flow():
    assert ["corowatch-2"] == [rule.name for rule in rules(findings(of((0, "corowatch[7]: 5"))), 5)]


ACCESS = '192.0.2.{0} - - [02/Mar/2026:08:00:{0:02} +0000] "GET /{1} HTTP/1.1" {2} 12 "-" "Mozilla/5.0 ({0})"'


def test_an_access_log_is_parsed_and_its_broken_answers_are_counted(tmp_path):
    answers = [(n, ACCESS.format(n, "errors/failed" * (n % 3), 200 if n % 5 else 503)) for n in range(40)]
    text = config_of(of(*answers, (41, "disk sda failed")), files=("x.log",))

    assert """\
  # an access log of 40 lines
  access-errors:
    tail: """ in text
    assert "    parse: combined\n    where: status >= 500\n    threshold: {at_least: 5, within: 1m}\n" in text
    assert ["access-errors:", "disk-sda-failed:"] == [row.strip() for row in text.partition("tests:")[0].split("\n")
                                                      if row.endswith(":") and row.startswith("  ") and row[2] != " "]
    assert [True] * 4 == [outcome.passed for outcome in outcomes(text, tmp_path)]


def test_a_log_is_named_as_it_is_called_in_use(tmp_path):
    for name in ("app.log", "app.log.1", "app.log.2"):
        (tmp_path / name).write_text("it is broken\n" * (1 + name.count(".")))
    templates = Templates()
    paths = [str(path) for path in tmp_path.iterdir()]
    read_lines(paths, templates.add)

    assert f"tail: '{tmp_path}/app.log'\n" in config_of(templates, files=paths)


def test_as_json_it_has_its_pattern():
    (one,) = findings(of((0, "it failed: 5")))

    assert {"template": "it failed: <num>", "count": 1, "severity": "error", "marks": ["rare"],
            "first": "1970-01-01 00:00:00Z", "last": "1970-01-01 00:00:00Z", "busiest_minute": 1,
            "files": ["/var/log/test.log"], "example": "it failed: 5", "pattern": r"\bit failed: \d+$"} == as_json(one)


NASTY = ["{", "}", "{x}", "'", '"', "\\", "${env:HOME}", "#", ": ", "é", "\x1b[31m", "\u2028", "\xa0", "|", "(", "[a",
         "*", "error", "panic:", "17", "a=b", "-", "%", "@", "<num>", "\\xff",
         "\U0001f600", "\t", "  ", "null", "~", "$", "^"]


@settings(max_examples=20, deadline=None)
@given(texts=st.lists(st.lists(st.sampled_from(NASTY), min_size=1, max_size=6).map(" ".join), min_size=1, max_size=12))
def test_whatever_lines_say_the_config_is_right_and_passes_its_tests(texts, tmp_path_factory):
    templates = of(*((n, f"some word {text}") for n, text in enumerate(texts)))

    told = outcomes(config_of(templates), tmp_path_factory.mktemp("yaml"))
    assert [] == [text for one in told for text in one.told()]


def test_a_long_line_has_a_pattern_of_its_beginning(tmp_path):
    templates = of((0, "it failed: " + "many words " * 50), (1, "it broke: " + "x" * 5000),
                   (2, "something else failed"))
    told = config_of(templates)

    assert max(map(len, told.splitlines())) < 4300
    assert [] == [text for one in outcomes(told, tmp_path) for text in one.told()]


@pytest.mark.parametrize("log", [pytest.param(path, id=path.stem) for path in sorted(DATA.glob("*.log"))] or [
    pytest.param(None, marks=pytest.mark.skip(reason="the loghub samples are not here"))])
def test_of_real_logs_the_rules_are_right_find_their_lines_and_pass_their_tests(log, tmp_path):
    templates, texts = Templates(), []
    read_lines([str(log)], lambda event: (texts.append(event.text), templates.add(event)))
    made = rules(findings(templates), 10)

    told = outcomes(config_of(templates, files=[str(log)]), tmp_path)

    assert len(told) == 2 * len(made)
    assert [] == [text for one in told for text in one.told()]
    for rule in rules(findings(templates), 10_000):
        pattern = Pattern(rule.pattern)
        assert sum(map(pattern.test, texts)) >= rule.template.count, rule.pattern
