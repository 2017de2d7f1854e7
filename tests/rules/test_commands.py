"""The commands of rules as code, as a person types them."""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from corowatch.cli import cli
from tests.commands import Command, run

CONFIG = """
flows:
  guessing:
    tail: {paths: /var/log/auth.log}
    grep: 'Failed password for (?P<user>\\S+) from (?P<ip>\\S+)'
    threshold: {at_least: 3, within: 1m, by: ip}
    alert: {title: '{ip} guesses', severity: critical}
tests:
  - {name: three, lines: 'Failed password for root from 192.0.2.7', repeat: 3, then: [{alert: true}]}
"""
LOG = "".join(f"2026-03-02 08:00:0{n} Failed password for bob from 192.0.2.7\n" for n in range(4))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "c.yaml").write_text(CONFIG)
    (tmp_path / "auth.log").write_text(LOG)
    return tmp_path


@pytest.fixture
def command(folder):
    def call(*words, **options):
        environment = {**os.environ, "HOME": str(folder), "TZ": "UTC", "XDG_CACHE_HOME": str(folder / "cache"),
                       "XDG_STATE_HOME": str(folder / "state")}
        return run(*words, cwd=folder, env=environment, **options)

    return call


def test_test_tells_how_many_pass_and_how_far_they_reach(command):
    told = command("test", "c.yaml")

    assert (0, "1 test: all pass\nreached: 1 of 1 flow, 3 of 3 steps, 1 of 1 alternative\n") == (
        told.returncode, told.stdout)


def test_test_fails_where_one_fails_or_there_is_none(command, folder):
    (folder / "c.yaml").write_text(CONFIG.replace("repeat: 3", "repeat: 2"))
    failed = command("test", "c.yaml", "--junit", "out.xml", "--coverage")

    assert (1, True) == (failed.returncode, "1 test: 1 failure\n" in failed.stdout)
    assert "c.yaml: no test reaches the step guessing.threshold\n" in failed.stdout
    assert 'failures="1"' in (folder / "out.xml").read_text()
    none = command("test", "c.yaml", "--only", "other")
    assert (1, "0 tests: there is none\n") == (none.returncode, none.stdout)


def test_a_mistake_in_a_test_is_told_as_one_of_the_config(command, folder):
    (folder / "c.yaml").write_text(CONFIG.replace("repeat: 3", "repaet: 3"))

    told = command("test", "c.yaml")

    assert 78 == told.returncode
    assert "c.yaml:9:69: there is no 'repaet' here; did you mean 'repeat'?" in told.stderr


def test_tests_run_again_when_a_file_changes(folder):
    environment = {**os.environ, "TERM": "dumb"}
    with Command("test", "c.yaml", "--watch", cwd=folder, text=True, stdout=subprocess.PIPE,
                 env=environment) as process:
        try:
            assert process.stdout.readline() == "1 test: all pass\n"
            process.stdout.readline()
            (folder / "c.yaml").write_text(CONFIG.replace("repeat: 3", "repeat: 2"))
            assert "c.yaml" in process.stdout.readline()
            while (line := process.stdout.readline()) != "1 test: 1 failure\n":
                assert line
        finally:
            process.send_signal(2)
            process.stdout.read()
    assert 130 == process.returncode


def test_replay_prints_alerts_as_json_lines_where_no_person_reads(command):
    told = command("replay", "-c", "c.yaml", "auth.log")

    assert (0, ["192.0.2.7 guesses"]) == (
        told.returncode, [json.loads(line)["title"] for line in told.stdout.splitlines()])
    assert "1 alert of 4 lines from 2026-03-02 08:00:00Z to 2026-03-02 08:00:03Z" in told.stderr


def test_replay_of_a_part_of_the_time_tells_of_lines_that_were_read_to_find_it(command, folder):
    told = command("replay", "-c", "c.yaml", "auth.log", "--until", "2026-03-02T08:00:02Z", "--report", "page.html")

    assert "1 alert from 2026-03-02 08:00:00Z to 2026-03-02 08:00:02Z; 4 lines were read, in " in told.stderr
    assert "<p>1 alert</p><p>2026-03-02 08:00:00Z to 2026-03-02 08:00:02Z, 4 lines read in " in (
        folder / "page.html").read_text()


@pytest.mark.parametrize(("words", "status", "said"), [
    (("--since", "2027-01-01"), 0, "note: no line is as late as that: the last was at 2026-03-02 08:00:03Z"),
    (("--until", "2025-01-01"), 0, "; 0 lines were read, in "),
    (("--since", "2026-02-02", "--until", "2026-02-01"), 64, "there is no time between them")])
def test_a_time_in_which_nothing_is_is_told(command, words, status, said):
    done = command("replay", "auth.log", "-c", "c.yaml", *words)

    assert (status, True) == (done.returncode, said in done.stderr), done.stderr


def test_what_replay_writes_is_what_a_test_expects(command, folder):
    (folder / "alerts.jsonl").write_text(command("replay", "auth.log", "-c", "c.yaml").stdout)
    (folder / "c.test.yaml").write_text("tests: [{file: auth.log, then: [{alerts: alerts.jsonl}]}]")

    assert 0 == command("test", "c.test.yaml").returncode
    (folder / "alerts.jsonl").write_text("no\n")
    assert f"{folder}/alerts.jsonl:1: expected an alert as JSON" in command("test", "c.test.yaml").stdout


def test_replay_takes_standard_input_and_a_part_of_the_time(command):
    assert 1 == len(command("replay", "-c", "c.yaml", "-", input=LOG).stdout.splitlines())
    assert "" == command("replay", "-c", "c.yaml", "-", "--since", "2026-03-02T08:00:02Z", input=LOG).stdout
    assert "" == command("replay", "-c", "c.yaml", "auth.log", "--until", "2026-03-02T08:00:01Z").stdout
    wrong = command("replay", "-c", "c.yaml", "auth.log", "--since", "yesterday")
    assert (64, True) == (wrong.returncode, "'yesterday' is no time" in wrong.stderr)


def test_replay_of_nothing_that_can_be_read_fails(command):
    told = command("replay", "-c", "c.yaml", "no.log")

    assert (74, "") == (told.returncode, told.stdout)
    assert "note: no.log: No such file or directory\n" in told.stderr
    assert "nothing was read" == told.stderr.splitlines()[-1]


def broken(folder):
    """A packed log whose end is missing."""
    (folder / "old.log.gz").write_bytes(gzip.compress(LOG.encode())[:-9])


@pytest.mark.parametrize(("words", "status"), [
    (("replay", "-c", "c.yaml"), 74), (("backtest", "-c", "c.yaml", "--against", "c.yaml"), 2), (("suggest",), 74),
    (("accept", "usual.templates"), 74)])
def test_a_file_that_cannot_be_read_among_others_is_told_by_the_status_and_the_rest_counts(
        command, folder, words, status):
    broken(folder)
    (folder / "empty.log").touch()

    whole, told = command(*words, "auth.log", "empty.log"), command(*words, "no.log", "old.log.gz", "auth.log")

    assert (0, status) == (whole.returncode, told.returncode), whole.stderr
    assert "2 files could not be read, or not to the end" == told.stderr.splitlines()[-1]
    assert told.stdout or words[0] == "accept"
    assert words[0] != "accept" or (folder / "usual.templates").exists()

def test_replay_writes_a_page(command, folder):
    command("replay", "-c", "c.yaml", "auth.log", "--report", "page.html")

    assert "1 alert of 4 lines" in (folder / "page.html").read_text()


@pytest.mark.parametrize("words", [
    ("replay", "app.log", "-c", "c.yaml", "--report"), ("test", "--junit"), ("suggest", "app.log", "-o"),
    ("import", "sec", "app.log", "-o")])
def test_what_cannot_be_written_at_the_end_is_told_at_the_beginning(command, folder, words):
    (folder / "app.log").unlink(missing_ok=True)

    done = command(*words, "no/such/report")

    assert 64 == done.returncode
    assert f"{folder}/no/such is no folder" in done.stderr


def test_where_templates_cannot_be_written_is_told_at_the_beginning(command, folder):
    told = command("accept", "no/such/usual.templates", "auth.log")

    assert (74, "", f"no/such/usual.templates cannot be written: {folder}/no/such is no folder\n") == (
        told.returncode, told.stdout, told.stderr)
    assert 0 == command("accept", "no/such/usual.templates", "auth.log", "--dry-run").returncode


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_why_names_the_file_that_cannot_be_read(command, folder):
    (folder / "auth.log").chmod(0)

    assert "corowatch: auth.log: Permission denied\n" == command("why", "auth.log:1", "-c", "c.yaml").stderr


def test_replay_shows_a_person_a_table(folder):
    """Through script(1), which gives it a terminal."""
    told = subprocess.run(["script", "-qec", f"{sys.executable} -m corowatch replay -c c.yaml auth.log", "/dev/null"],
                          cwd=folder, capture_output=True, text=True, timeout=60, check=True,
                          env={**os.environ, "COLUMNS": "120", "XDG_CACHE_HOME": str(folder), "TZ": "UTC"}).stdout
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told)

    assert re.search(r"2026-03-02 08:00:02Z +guessing +critical +192\.0\.2\.7 guesses", shown)
    assert "guessing │" in shown


def test_backtest_says_what_is_new_and_ends_as_diff_does(command, folder):
    (folder / "new.yaml").write_text(CONFIG.replace("at_least: 3", "at_least: 2"))
    differs = command("backtest", "-c", "new.yaml", "--against", "c.yaml", "auth.log")
    same = command("backtest", "-c", "c.yaml", "--against", "c.yaml", "auth.log")

    assert (1, 0) == (differs.returncode, same.returncode)
    assert "1 alert instead of 1: 1 at another time, 0 as before" in differs.stdout
    assert "2026-03-02 08:00:01Z  guessing  192.0.2.7 guesses (1s earlier)" in differs.stdout
    assert "1 alert instead of 1: the same\n" == same.stdout


def test_backtest_counts_apart_what_sums_up_what_was_held_back(command, folder):
    for name, every in (("old", "1500ms"), ("new", "1h")):
        (folder / f"{name}.yaml").write_text("flows: {a: {tail: auth.log, grep: Failed, alert: {title: guess, "
                                             f"throttle: {every}}}}}}}")
    done = command("backtest", "-c", "new.yaml", "--against", "old.yaml", "auth.log")

    assert """\
1 alert instead of 1: the same
1 that sums up what was held back, instead of 3: 2 gone, 1 changed, 0 as before
""" == "".join(done.stdout.splitlines(keepends=True)[:2])
    assert "held back, gone:\n  2026-03-02 08:00:0" in done.stdout
    assert 1 == done.returncode


def test_backtest_of_nothing_is_no_answer(command):
    done = command("backtest", "none.log", "-c", "c.yaml", "--against", "c.yaml")

    assert (2, "nothing was read") == (done.returncode, done.stderr.splitlines()[-1])


def test_backtest_as_json(command, folder):
    (folder / "new.yaml").write_text(CONFIG.replace("at_least: 3", "at_least: 5"))
    told = json.loads(command("backtest", "-c", "new.yaml", "--against", "c.yaml", "auth.log", "--json").stdout)

    assert (0, [], ["192.0.2.7 guesses"]) == (told["same"], told["new"], [alert["title"] for alert in told["gone"]])


@pytest.mark.parametrize(("what", "line"), [
    ("auth.log:2", "threshold  kept it; ip=192.0.2.7: 2 of 3 within 1m"),
    ("auth.log:@70", "threshold  kept it; ip=192.0.2.7: 2 of 3 within 1m"),
    ("auth.log:4", "threshold  kept it back: it fired before, and rests"),
    ("Failed password for eve from 192.0.2.9", "threshold  kept it; ip=192.0.2.9: 1 of 3 within 1m"),
    ("something else", "grep  it does not match"),
])
def test_why(command, what, line):
    told = command("why", what, "-c", "c.yaml")

    assert (0, True) == (told.returncode, line in told.stdout)


def test_why_tells_where_what_looks_like_a_place_in_a_file_is_taken_for_a_line(command):
    told = command("why", "auht.log:3", "-c", "c.yaml")

    assert (0, "there is no file auht.log; this is looked at as a line\n") == (told.returncode, told.stderr)


def test_why_an_alert(command):
    id_ = json.loads(command("replay", "-c", "c.yaml", "auth.log").stdout)["id"]
    told = command("why", id_[:8], "auth.log", "-c", "c.yaml")

    assert 0 == told.returncode
    assert f"{id_}  2026-03-02 08:00:02Z  guessing: 192.0.2.7 guesses\n" in told.stdout
    assert ["1 of 3", "2 of 3"] == re.findall(r"\d of 3", told.stdout)
    assert 1 == command("why", "0123456789ab", "auth.log", "-c", "c.yaml").returncode
    assert 1 == command("why", "0123456789ab", "-c", "c.yaml").returncode


def test_graph_says_where_the_state_has_no_counts_to_show(command, folder):
    (folder / "auth.log").write_text("")
    (folder / "c.yaml").write_text(CONFIG.replace("/var/log/auth.log", "auth.log"))
    (folder / "other.yaml").write_text("flows: {other: {tail: other.log, grep: x, alert: console}}")
    command("run", "c.yaml", "--once", "--state-dir", "s")
    none = command("graph", "c.yaml", "--counts", "--state-dir", "s")
    (folder / "auth.log").write_text(LOG)
    command("run", "c.yaml", "--once", "--state-dir", "s")
    some = command("graph", "c.yaml", "--counts", "--state-dir", "s")
    other = command("graph", "other.yaml", "--counts", "--state-dir", "s")

    assert [0] * 3 == [done.returncode for done in (none, some, other)]
    assert "the state in s has no counts to show yet: nothing went over these edges\n" == none.stderr == other.stderr
    assert ("", True) == (some.stderr, "grep  [4]" in some.stdout)


def tree_of(done):
    """What `why` said of the steps, without the ids that a replay gives, which depend on the name of the file."""
    return re.sub(r"\b[0-9a-f]{24}\b", "ID", done.stdout).partition("\n\n")[2]


def test_why_asks_what_a_daemon_remembers_and_what_it_sent(command, folder):
    now = datetime.now(UTC)
    lines = [f"{now - timedelta(seconds=4 - n):%Y-%m-%dT%H:%M:%S}Z Failed password for bob from 192.0.2.7"
             for n in range(4)]
    (folder / "auth.log").write_text("".join(f"{line}\n" for line in lines))
    (folder / "c.yaml").write_text(CONFIG.replace("/var/log/auth.log", str(folder / "auth.log")).replace(
        "severity: critical", "to: out") + "sinks: {out: {file: out.jsonl}}\n")
    assert 0 == command("run", "c.yaml", "--once", "--state-dir", "s").returncode
    (alert,) = map(json.loads, (folder / "out.jsonl").read_text().splitlines())

    remembered = command("why", lines[3], "-c", "c.yaml", "--state-dir", "s")
    assert re.search(r"rests until .*, 2 suppressed", remembered.stdout)
    sent = command("why", alert["id"], "-c", "c.yaml", "--state-dir", "s")
    assert ["1 of 3", "2 of 3"] == re.findall(r"\d of 3", sent.stdout)
    assert sent.stdout.startswith(f"{alert['id']}  ")
    (folder / "auth.log").rename(folder / "auth.log.1")
    (folder / "auth.log").write_text(lines[3].replace("bob", "eve") + "\n")
    for named in ((), ("auth.log.1",)):
        told = command("why", alert["id"], *named, "-c", "c.yaml", "--state-dir", "s")
        assert tree_of(sent) == tree_of(told)
    (folder / "auth.log.2.gz").write_bytes(gzip.compress((folder / "auth.log.1").read_bytes()))
    (folder / "auth.log.1").unlink()
    assert tree_of(sent) == tree_of(command("why", alert["id"], "-c", "c.yaml", "--state-dir", "s"))
    (folder / "auth.log.2.gz").unlink()
    (folder / "auth.log").write_text("")
    gone = command("why", alert["id"], "-c", "c.yaml", "--state-dir", "s")
    assert "its logs, as they are now, do not give it; it told 3 lines:\n" in gone.stdout
    (folder / "auth.log").unlink()
    assert gone.stdout == command("why", alert["id"], "-c", "c.yaml", "--state-dir", "s").stdout


def test_why_finds_lines_that_were_read_from_a_rotated_log_when_it_is_rotated_on(command, folder):
    """What stands under the name that the alert tells is another text then."""
    (folder / "auth.log").unlink()
    line = f"{datetime.now(UTC) - timedelta(seconds=4):%Y-%m-%dT%H:%M:%S}Z Failed password for bob from 192.0.2.7\n"
    (folder / "auth.log.1").write_text(3 * line)
    (folder / "c.yaml").write_text(CONFIG.replace("/var/log/auth.log", f"'{folder}/auth.log*'").replace(
        "severity: critical", "to: out") + "sinks: {out: {file: out.jsonl}}\n")
    assert 0 == command("run", "c.yaml", "--once", "--state-dir", "s").returncode
    (alert,) = map(json.loads, (folder / "out.jsonl").read_text().splitlines())
    (folder / "auth.log.1").rename(folder / "auth.log.2")
    (folder / "auth.log.1").write_text("")

    told = command("why", alert["id"], "-c", "c.yaml", "--state-dir", "s")

    assert ["1 of 3", "2 of 3"] == re.findall(r"\d of 3", told.stdout)


@pytest.mark.parametrize("behind", [0.009, 0.9])
def test_why_finds_a_line_that_was_the_last_of_its_log(command, folder, behind):
    """A file's time is behind it: by a tick of the kernel's clock, or up to a second where bzip2 packed it."""
    at = datetime.now(UTC).timestamp() - 60
    line = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%f}Z Failed password for bob from 192.0.2.7\n"
    (folder / "auth.log").write_text(3 * line)
    (folder / "c.yaml").write_text(CONFIG.replace("/var/log/auth.log", str(folder / "auth.log")).replace(
        "severity: critical", "to: out") + "sinks: {out: {file: out.jsonl}}\n")
    assert 0 == command("run", "c.yaml", "--once", "--state-dir", "s").returncode
    (alert,) = map(json.loads, (folder / "out.jsonl").read_text().splitlines())
    (folder / "auth.log").rename(folder / "auth.log.1")
    os.utime(folder / "auth.log.1", (at - behind,) * 2)
    (folder / "auth.log").write_text("")

    told = command("why", alert["id"], "-c", "c.yaml", "--state-dir", "s")

    assert ["1 of 3", "2 of 3"] == re.findall(r"\d of 3", told.stdout)


@pytest.mark.parametrize(("steps", "moment"), [
    ("absence: {for: 1h}", "2026-03-02 09:00:03Z  time has passed\n  one:\n    absence  passed it on: count=0"),
    ("tally: {every: 1h}", "2026-03-02 09:00:00Z  time has passed\n  one:\n    tally    passed it on: count=4"),
    ("threshold: {at_least: 3, within: 1m, calm: 1h}",
     "2026-03-02 09:00:03Z  time has passed\n  one:\n    threshold  told that it is over: count=3"),
])
def test_why_an_alert_that_was_made_behind_the_last_line_as_time_passed(command, folder, steps, moment):
    config = f"{{flows: {{one: {{tail: LOG, grep: Failed, {steps}, alert: {{to: out, title: '{{count}}'}}}}}}, "
    config += "sinks: {out: {file: out.jsonl}}}"
    (folder / "c.yaml").write_text(config.replace("LOG", str(folder / "auth.log")))
    assert 0 == command("run", "c.yaml", "--once", "--state-dir", "s").returncode
    *_, alert = map(json.loads, (folder / "out.jsonl").read_text().splitlines())

    told = command("why", alert["id"], "-c", "c.yaml", "--state-dir", "s")

    assert (0, "") == (told.returncode, told.stderr)
    assert (True, True) == (moment in told.stdout, "do not give it" not in told.stdout), told.stdout


def test_why_the_sum_of_a_throttle_that_was_told_as_the_daemon_stopped(command, folder):
    def lines(*seconds):
        return "".join(f"{datetime.now(UTC) + timedelta(seconds=n):%Y-%m-%dT%H:%M:%S.%f}Z Failed\n" for n in seconds)

    config = "{flows: {one: {tail: LOG, grep: Failed, throttle: 1h, alert: {to: out, title: '{held}'}}}, "
    config += "sinks: {out: {file: out.jsonl}}}"
    (folder / "c.yaml").write_text(config.replace("LOG", str(folder / "auth.log")))
    (folder / "auth.log").write_text(lines(-2.75, -2.5, -2.25))
    assert 0 == command("run", "c.yaml", "--once", "--state-dir", "s").returncode
    _, alert = map(json.loads, (folder / "out.jsonl").read_text().splitlines())

    told = command("why", alert["id"], "-c", "c.yaml", "--state-dir", "s")
    (folder / "auth.log").write_text((folder / "auth.log").read_text() + lines(60, 7200))
    later = command("why", alert["id"], "-c", "c.yaml", "--state-dir", "s")

    assert ("2", 0, "") == (alert["title"], told.returncode, told.stderr)
    assert "\n      throttle  kept it; 2 held until " in told.stdout
    assert told.stdout == later.stdout


def test_why_an_alert_that_its_logs_give_otherwise_says_so(command, folder):
    config = "{flows: {jobs: {tail: LOG, grep: 'job (?P<job>\\d)', collect: {until: done, by: job}, "
    config += "alert: {to: out, title: '{count} lines'}}}, sinks: {out: {file: out.jsonl}}}"
    (folder / "c.yaml").write_text(config.replace("LOG", str(folder / "auth.log")))
    first, *others = [f"2026-03-02T08:00:0{n}Z job 1 {word}\n" for n, word in enumerate(("begins", "goes on", "done"))]
    (folder / "auth.log").write_text("".join(others))
    assert 0 == command("run", "c.yaml", "--once", "--state-dir", "s").returncode
    (alert,) = map(json.loads, (folder / "out.jsonl").read_text().splitlines())
    (folder / "auth.log").write_text("".join((first, *others)))

    told = command("why", alert["id"][:8], "-c", "c.yaml", "--state-dir", "s")

    assert told.stdout.startswith(f"{alert['id']}  2026-03-02 08:00:02Z  jobs: 2 lines\n")
    assert re.search(r"\nits logs, read from their beginning, give it as [0-9a-f]{24}: 3 lines\n\n", told.stdout)


@pytest.mark.parametrize(("what", "why"), [
    ("auth.log", "auth.log is a file; of a line in it write auth.log:LINE"),
    ("auth.log:0", "lines are counted from 1"), ("no/such.log:3", "there is no file no/such.log")])
def test_a_slip_is_no_line(command, what, why):
    done = command("why", what, "-c", "c.yaml")

    assert (64, True) == (done.returncode, why in done.stderr), done.stderr


@pytest.mark.parametrize("what", ["auth.log:9", "auth.log:@999"])
def test_why_a_line_that_is_not_there(command, what):
    told = command("why", what, "-c", "c.yaml")

    assert (74, True) == (told.returncode, "auth.log has no" in told.stderr)


def test_a_picture_is_drawn_by_graphviz_where_it_is(command):
    if not shutil.which("dot"):
        pytest.skip("Graphviz is not installed: apt install graphviz")

    done = command("graph", "c.yaml", "--as", "svg")

    assert 0 == done.returncode
    assert "Generated by graphviz" in done.stdout
    assert "guessing.threshold" in done.stdout


def test_a_picture_is_drawn_without_graphviz(command, folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    done = command("graph", "c.yaml", "--as", "svg")

    assert (0, True) == (done.returncode, '<title>guessing.threshold</title>' in done.stdout), done.stderr


def test_a_picture_that_nothing_here_draws_names_the_cure(command, folder, monkeypatch):
    (folder / "igraph.py").write_text("raise ModuleNotFoundError('not here')")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
    done = command("graph", "c.yaml", "--as", "svg")

    assert (69, True) == (done.returncode, "apt install graphviz" in done.stderr)


def test_every_command_has_its_help():
    import click

    context = click.Context(cli)
    for name in cli.list_commands(context):
        assert cli.get_command(context, name).get_short_help_str()


SWATCH = "watchfor /(error) on (\\S+)/\n\techo\n\tquit\nignore /x/\n"


def test_import_writes_a_config_and_lists_what_is_lost(command, folder):
    (folder / "swatchdogrc").write_text(SWATCH)
    told = command("import", "swatchdog", "swatchdogrc", "--log", "/var/log/auth.log")

    loss = "swatchdogrc:3:2: quit: the daemon goes on; stop it with `systemctl stop corowatch`\n"
    assert (0, f"{loss}1 flow; 1 thing could not be carried over\n") == (told.returncode, told.stderr)
    assert told.stdout.startswith(f"# Imported from swatchdog: swatchdogrc\n#\n# Not carried over:\n# - {loss}")
    (folder / "made.yaml").write_text(told.stdout)
    checked = command("check", "made.yaml")
    assert (0, True) == (checked.returncode, checked.stdout.startswith("1 flow"))


def test_import_writes_to_a_file(command, folder):
    (folder / "swatchdogrc").write_text(SWATCH.replace("\tquit\n", ""))
    told = command("import", "swatchdog", "swatchdogrc", "-o", "made.yaml")

    assert (0, "", "1 flow\n") == (told.returncode, told.stdout, told.stderr)
    assert "- tail: /var/log/syslog\n" in (folder / "made.yaml").read_text()


def test_import_names_the_log_that_is_meant_wherever_the_config_stands(command, folder):
    (folder / "swatchdogrc").write_text(SWATCH)
    (folder / "configs").mkdir()
    told = command("import", "swatchdog", "swatchdogrc", "--log", "auth.log", "-o", "configs/made.yaml")

    assert 0 == told.returncode
    assert f"tail: {folder}/auth.log\n" in (folder / "configs" / "made.yaml").read_text()


@pytest.mark.parametrize(("peer", "logs", "why"), [
    ("fail2ban", ["journal"], "fail2ban's filters read it with `--set logtype=journal`"),
    ("sec", ["journal"], "the rules of sec read files"),
    ("swatchdog", ["journal"], "the rules of swatchdog read files"),
    ("logcheck", ["journal", "/var/log/syslog"], "the journal is read alone"),
])
def test_import_takes_the_journal_for_no_file(command, folder, peer, logs, why):
    (folder / "rules").write_text("")
    told = command("import", peer, "rules", *(word for log in logs for word in ("--log", log)))

    assert (64, True) == (told.returncode, why in told.stderr), told.stderr


@pytest.mark.parametrize("peer", ["sec", "swatchdog", "logcheck"])
def test_import_refuses_rules_that_are_no_text(command, folder, peer):
    (folder / "rules").write_bytes(b"\x7fELF\x02\0\0\nx\0\n")
    told = command("import", peer, "rules")

    assert (78, "", "rules: is no text: there are NUL bytes\n") == (told.returncode, told.stdout, told.stderr)


def test_import_writes_over_a_file_only_by_force(command, folder):
    (folder / "swatchdogrc").write_text(SWATCH)
    told = command("import", "swatchdog", "swatchdogrc", "-o", "c.yaml")

    assert (64, "c.yaml is there already; name another file with --output, or write over it with --force\n") == (
        told.returncode, told.stderr)
    assert CONFIG == (folder / "c.yaml").read_text()
    assert 0 == command("import", "swatchdog", "swatchdogrc", "-o", "c.yaml", "--force").returncode
    assert "tail: /var/log/syslog" in (folder / "c.yaml").read_text()


@pytest.mark.parametrize(("peer", "text", "lost"), [
    ("sec", "", ""), ("swatchdog", "# nothing\n", ""), ("logcheck", None, ""),
    ("sec", "type=Other\n", "rules:1:1: the rule of type Other: there is no such type\n"),
])
def test_import_of_nothing_writes_nothing(command, folder, peer, text, lost):
    if text is None:
        (folder / "rules").mkdir()
    else:
        (folder / "rules").write_text(text)
    told = command("import", peer, "rules", "-o", "made.yaml")

    assert (1, "", f"{lost}nothing could be carried over\n") == (told.returncode, told.stdout, told.stderr)
    assert not (folder / "made.yaml").exists()


@pytest.mark.parametrize(("peer", "option", "why"), [
    ("sec", "foo=1", "the rules have no option 'foo'; there is none"),
    ("swatchdog", "foo=1", "the rules have no option 'foo'; there is none"),
    ("logcheck", "foo=1", "the rules have no option 'foo'; there is REPORTLEVEL"),
    ("fail2ban", "foo=1", "no filter has an option 'foo'; there is mode"),
    ("fail2ban", "mode=agressive",
     "mode=agressive: nothing is called <re-agressive>; mode is one of normal, aggressive"),
])
def test_import_refuses_an_option_that_is_none(command, folder, peer, option, why):
    (folder / "rules").write_text("[Definition]\nfailregex = <re-<mode>>\nmode = normal\nre-normal = from <HOST>$\n"
                                  "re-aggressive = by <HOST>$\n")
    told = command("import", peer, "rules", "--set", option)

    assert (64, "", f"Error: Invalid value for --set: {why}") == (
        told.returncode, told.stdout, told.stderr.rstrip().rpartition("\n")[2])


def test_import_of_a_file_that_is_not_there_does_not_read_those_beside_it(command, folder):
    (folder / "jail.conf").write_text("[app]\nenabled = true\n")
    told = command("import", "fail2ban", "jail.local")

    assert (74, "", "jail.local: cannot be read: No such file or directory\n") == (
        told.returncode, told.stdout, told.stderr)


@pytest.mark.parametrize("peer", ["fail2ban", "logcheck", "sec"])
def test_each_peer_is_asked(command, folder, peer):
    (folder / "rules").write_text({
        "fail2ban": "[Definition]\nfailregex = from <HOST>$\n", "logcheck": "^known$\n",
        "sec": "type=Single\nptype=SubStr\npattern=x\ndesc=x\naction=write - x\n"}[peer])
    told = command("import", peer, "rules", *(["--threshold", "3/1h30m"] if peer == "fail2ban" else []))

    assert (0, "1 flow\n") == (told.returncode, told.stderr)
    assert ("at_least: 3, within: 90m" in told.stdout) == (peer == "fail2ban")


@pytest.mark.parametrize(("words", "status", "why"), [
    (("swatchdog", "gone"), 74, "gone: cannot be read: No such file or directory"),
    (("other", "x"), 64, "'other' is not one of 'fail2ban', 'logcheck', 'swatchdog', 'sec'"),
    (("sec", "x", "--set", "mode"), 64, "'mode' is not NAME=VALUE, such as mode=aggressive"),
    (("fail2ban", "x", "--threshold", "5"), 64, "'5' is not N/TIME, such as 5/10m"),
    (("fail2ban", "x", "--threshold", "0/1m"), 64, "'0/1m' is not N/TIME, such as 5/10m"),
    (("sec", "x", "--threshold", "3/1m"), 64,
     "often is too often; in a config of sec's rules write a step `threshold`"),
])
def test_import_says_what_is_wrong(command, words, status, why):
    told = command("import", *words)

    assert (status, "", True) == (told.returncode, told.stdout, why in told.stderr)
