"""Configs over what is given, by the time of its lines."""

import pytest

from corowatch.core.errors import ConfigError
from corowatch.core.events import rfc3339
from corowatch.rules.logs import Logs, readers_of, source_of_lines
from corowatch.rules.rehearsal import Rehearsal
from corowatch.sources import Source

T = 1_772_438_400.0  # 2026-03-02 08:00 UTC


def lines(*given):
    """A source of lines, each at so many seconds after T."""
    return lambda feed: source_of_lines(feed, [(at, text, {}) for at, text in given], T, None)


def told(alerts):
    return [(alert.title, alert.at) for alert in alerts]


def at(seconds):
    return rfc3339(T + seconds)


ABSENCE = """
flows:
  a:
    tail: {paths: /var/log/a.log, timestamp: none}
    grep: beat
    absence: {for: 1m}
    alert: {title: '{text} {silent}'}
"""


def run(config, source, to=None, **options):
    alerts = []
    rehearsal = Rehearsal([(config, alerts.append)], source, **options)
    rehearsal.run(to)
    return alerts, rehearsal


def test_time_passes_where_nothing_comes(config):
    alerts, rehearsal = run(config(ABSENCE), lines((0, "beat 1"), (10, "beat 2"), (500, "other"), (600, "beat 3")))

    assert [("beat 2 60", at(70), "firing"), ("resolved: beat 3 60", at(600), "resolved")] == [
        (alert.title, alert.at, alert.state) for alert in alerts]
    assert (T, T + 600) == (rehearsal.began, rehearsal.now)


def test_it_is_as_late_as_the_last_line_tells_or_as_is_asked_for(config):
    assert [] == run(config(ABSENCE), lines((0, "beat")))[0]
    assert [("beat 60", at(60))] == told(run(config(ABSENCE), lines((0, "beat")), to=T + 61)[0])


def test_of_the_end_every_step_hears_though_a_word_of_the_time_was_told_less_than_a_second_before(config):
    assert [("beat 60", at(60))] == told(run(config(ABSENCE), lines((0, "beat"), (0.5, "x")), to=T + 60.25)[0])
    assert [("beat 60", at(60))] == told(run(config(ABSENCE), lines((0, "beat"), (59.5, "x"), (60.25, "y")))[0])
    throttled = ABSENCE.replace("absence: {for: 1m}", "throttle: 1m").replace("{silent}", "{held}")
    source = lines((0, "beat 1"), (0.5, "beat 2"))
    assert [("beat 1 ", at(0)), ("beat 2 1", at(9.25))] == told(run(config(throttled), source, to=T + 9.25)[0])


def test_what_is_before_or_after_is_not_seen(config):
    text = "flows:\n  a:\n    tail: {paths: a.log, timestamp: none}\n    grep: x\n    alert: {title: '{text}'}\n"
    source = lines((0, "x 0"), (10, "x 10"), (20, "x 20"), (30, "x 30"))

    assert ["x 10", "x 20"] == [alert.title for alert in run(config(text), source, since=T + 10, until=T + 20)[0]]


def test_before_since_no_time_passes(config):
    alerts, _ = run(config(ABSENCE), lines((0, "beat"), (500, "beat"), (510, "other")), since=T + 490)

    assert [] == alerts


def test_of_a_calendar_each_moment_between_the_first_line_and_the_last_is_told(config):
    text = ("flows:\n  a:\n    tail: {paths: a.log, timestamp: none}\n    grep: x\n    alert: {title: '{text}'}\n"
            "  b:\n    cron: {at: '*/10 * * * *', zone: UTC}\n    alert: {title: 'cron {missed}'}\n")
    alerts, _ = run(config(text), lines((60, "x 1"), (1000, "x 2"), (1300, "x 3")))

    assert [("x 1", at(60)), ("cron 0", at(600)), ("x 2", at(1000)), ("cron 0", at(1200)), ("x 3", at(1300))] == told(
        alerts)


CHECK = """
flows:
  a:
    tail: {paths: a.log, timestamp: none}
    grep: 'user (?P<user>\\w+)'
    check: {argv: [getent, passwd, '{user}']}
    alert: {title: '{user} {exit_status} {exit_output}'}
"""


def test_a_command_is_answered_and_never_run(config):
    asked = []

    def answer(job):
        asked.append(job.argv)
        return 0, "said"

    alerts, rehearsal = run(config(CHECK), lines((0, "user eve")), answer=answer)

    assert ([["getent", "passwd", "eve"]], ["eve 0 said"], 0) == (
        asked, [alert.title for alert in alerts], rehearsal.unanswered)


def test_a_command_without_an_answer_is_counted(config):
    alerts, rehearsal = run(config(CHECK), lines((0, "user eve"), (1, "user bob")))

    assert ([], 2) == (alerts, rehearsal.unanswered)


def test_several_configs_hear_the_same_lines_and_what_both_read_is_read_once(config, tmp_path):
    (tmp_path / "a.log").write_text("x 1\nx 2\ny 3\n")
    text = "flows:\n  {0}:\n    tail: a.log\n    grep: {1}\n    alert: {{title: '{{text}}'}}\n"
    one, two, opened = [], [], []

    def open_(feed):
        opened.append(Logs(feed, [str(tmp_path / "a.log")], lambda *told, **fields: None))
        return opened[-1]

    rehearsal = Rehearsal([(config(text.format("a", "x")), one.append), (config(text.format("b", "y")), two.append)],
                          open_)
    rehearsal.run()

    assert (["x 1", "x 2"], ["y 3"]) == ([alert.title for alert in one], [alert.title for alert in two])
    assert [12] == [source.counts["bytes"] for source in opened]
    assert {"matched": 2, "failed": 0} == dict(rehearsal.counts(0)["a.grep"])
    assert {"matched": 1, "failed": 0} == dict(rehearsal.counts(1)["b.grep"])


def test_a_node_that_fails_is_kept_with_what_it_raised(config, tmp_path):
    (tmp_path / "node.py").write_text("def node(target):\n    while True:\n        yield\n        1 / 0\n")
    text = "flows:\n  a:\n    tail: a.log\n    python: {function: node.py:node}\n    alert: console\n"
    alerts, rehearsal = run(config(text), lines((0, "x")))

    assert ([], [("a.python", ZeroDivisionError)]) == (
        alerts, [(failure.node, type(failure.error)) for failure in rehearsal.failures])


def test_a_node_that_does_not_start_is_a_mistake_of_the_config(config, tmp_path):
    (tmp_path / "node.py").write_text("def node(target):\n    1 / 0\n    yield\n")
    text = "flows:\n  a:\n    tail: a.log\n    python: {function: node.py:node}\n    alert: console\n"

    with pytest.raises(ConfigError, match="ZeroDivisionError"):
        run(config(text), lambda feed: Source())


def test_a_record_that_nothing_ends_is_one_when_its_time_is_over(config):
    text = ("flows:\n  a:\n    tail: {paths: a.log, timestamp: none, multiline: {start: ^E, timeout: 5s}}\n"
            "    grep: Error\n    alert: {title: '{text}'}\n")
    alerts, _ = run(config(text), lines((0, "Error 1"), (1, " more"), (100, "Error 2")))

    assert ["Error 1\n more", "Error 2"] == [alert.events[0]["text"] for alert in alerts]
    assert [at(1), at(100)] == [alert.at for alert in alerts]


@pytest.mark.parametrize(("before", "after"), [(0, 1), (1, 0), (9, 9)])
def test_the_lines_around_an_alert_of_a_container_are_those_that_it_wrote(config, before, after):
    text = ("flows:\n  a:\n    tail: {paths: a.log, timestamp: none, multiline: cri}\n    grep: here\n"
            f"    alert: {{before: {before}, after: {after}}}\n")
    said = ["stdout P o", "stderr F oops", "stdout F ne", "stdout F here", "stdout P tw", "stdout F ö",
            "stdout F three"]

    (alert,), _ = run(config(text), lines(*((n, f"2026-11-22T10:00:00.5Z {line}") for n, line in enumerate(said))))

    assert (["one", "oops"][2 - min(before, 2):], ["twö", "three"][:after]) == (alert.before, alert.after)


# --- which file goes where ----------------------------------------------------------------------------

READERS = """
flows:
  auth: {tail: /var/log/auth.log, alert: console}
  web: {tail: '/var/log/nginx/*.log', alert: console}
  site: {tail: '/srv/*/nginx/access.log', alert: console}
  in: {stdin: {}, alert: console}
  sys: {journal: {}, alert: console}
"""


@pytest.mark.parametrize(("path", "steps"), [
    ("/var/log/auth.log", ["auth.tail"]), ("/var/log/auth.log.3.gz", ["auth.tail"]),
    ("/backup/var/log/nginx/access.log.1", ["web.tail"]), ("/tmp/access.log", ["site.tail"]),
    ("/tmp/auth.log-20260302.xz", ["auth.tail"]), ("/tmp/error.log.2", ["web.tail"]),
    ("/tmp/other.txt", ["auth.tail", "web.tail", "site.tail", "in.stdin"]),
])
def test_a_file_goes_to_those_that_name_it(config, path, steps):
    assert steps == [step.id for step in readers_of(path, config(READERS))]
