"""The command, as real processes."""

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

from corowatch.demo import CONFIG
from tests.commands import Command, run

ROOT = Path(__file__).parents[1]
ERRORS = """\
flows:
  a:
    tail: {paths: app.log, watch: poll, start: beginning}
    grep: ERROR
    alert: {to: [console, ops], title: '{text}'}
sinks:
  ops: {file: alerts.jsonl}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "c.yaml").write_text(ERRORS)
    (tmp_path / "app.log").write_text("INFO ready\nERROR disk full\n")
    return tmp_path


@pytest.fixture
def command(folder):
    def call(*words, **options):
        environment = {**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "home")}
        return run(*words, cwd=folder, env=environment, **options)

    return call


@pytest.fixture
def daemon(folder):
    """Begin `corowatch run c.yaml` and await READY=1."""
    begun = []

    def begin(*words):
        with tempfile.TemporaryDirectory(prefix="cw") as short, socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.bind(f"{short}/n")
            notified.settimeout(30.0)
            with (folder / "err").open("ab") as err, (folder / "out").open("ab") as out:
                child = Command("run", "c.yaml", "--state-dir", "state", *words, cwd=folder, stdout=out, stderr=err,
                                env={**os.environ, "NOTIFY_SOCKET": f"{short}/n"})
            begun.append(child)
            while b"READY=1" not in notified.recv(4096).split(b"\n"):
                pass
        return child

    yield begin
    for child in begun:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        child.wait()


def until(predicate):
    end = time.monotonic() + 30.0
    while not predicate():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


# --- run --------------------------------------------------------------------------------------------


def test_once_reads_what_is_there_tells_it_on_standard_output_and_ends(command, folder):
    done = command("run", "c.yaml", "--once")

    assert 0 == done.returncode, done.stderr
    assert 1 == len(done.stdout.splitlines())
    assert "ERROR disk full" in done.stdout
    assert ["ERROR disk full"] == [json.loads(row)["title"] for row in
                                   (folder / "alerts.jsonl").read_text().splitlines()]


def test_the_log_is_json_where_nobody_watches(command):
    done = command("run", "c.yaml", "--once")

    assert ["daemon.started", "daemon.stopped"] == [
        event for row in done.stderr.splitlines() if (event := json.loads(row)["event"]).startswith("daemon.")]


def test_once_that_could_not_deliver_says_how_many_and_what_to_do(command, folder):
    (folder / "c.yaml").write_text(ERRORS.replace("{file: alerts.jsonl}", "{exec: [sh, -c, 'exit 75']}"))

    done = command("run", "c.yaml", "--once", "--deliver-within", "500ms")

    assert 1 == done.returncode
    assert ("1 alert was not delivered, and this run keeps no state: allow more time with --deliver-within, or keep "
            "what waits with --state-dir") == done.stderr.splitlines()[-1]


def test_once_that_was_refused_could_not_deliver(command, folder):
    (folder / "c.yaml").write_text(ERRORS.replace("{file: alerts.jsonl}", "{exec: [sh, -c, 'exit 65']}"))
    with (folder / "app.log").open("a") as log:
        log.write("ERROR again\n")

    gone = command("run", "c.yaml", "--once")
    kept = command("run", "c.yaml", "--once", "--state-dir", "state")

    assert 1 == gone.returncode
    assert gone.stderr.splitlines()[-1].startswith("2 alerts were not delivered, and this run keeps no state: ")
    assert 1 == kept.returncode
    assert "daemon.stopped" == json.loads(kept.stderr.splitlines()[-1])["event"]


def test_closed_streams_are_no_harm(folder):
    done = subprocess.run(["sh", "-c", '"$@" >&- 2>&-', "sh", sys.executable, "-m", "corowatch", "run", "c.yaml",
                           "--once"], cwd=folder, timeout=60, check=False)

    assert 0 == done.returncode
    assert 1 == len((folder / "alerts.jsonl").read_text().splitlines())


@pytest.mark.parametrize(("words", "status"), [
    (["run", "c.yaml", "--once"], 1), (["watch", "app.log", "--grep", "ERROR", "--from-start"], 0)])
def test_when_nobody_reads_its_output_it_ends_at_once_and_says_so_once(folder, words, status):
    (folder / "app.log").write_text("".join(f"ERROR {n}\n" for n in range(2000)))
    reader, writer = os.pipe()
    os.close(reader)

    done = run(*words, cwd=folder, stdout=writer)
    os.close(writer)

    assert status == done.returncode, done.stderr
    assert 1 == done.stderr.count("output.closed")
    assert "alert.refused" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert "end of output" in done.stderr
    assert "not delivered" not in done.stderr


@pytest.mark.parametrize("words", [["check", "c.yaml"], ["run", "c.yaml", "--state-dir", "state"]])
def test_a_mistake_is_told_with_its_place_and_nothing_is_touched(command, folder, words):
    (folder / "c.yaml").write_text(ERRORS.replace("grep:", "gerp:"))

    done = command(*words)

    assert 78 == done.returncode
    assert "" == done.stdout
    assert re.search("^c.yaml:4:5: ", done.stderr, re.MULTILINE)  # a warning to root may stand before it
    assert "'grep'" in done.stderr
    assert "    gerp: ERROR\n" in done.stderr
    assert {"c.yaml", "app.log"} == {path.name for path in folder.iterdir()}


def test_sigterm_ends_it_with_a_summary(daemon, folder):
    child = daemon()

    child.send_signal(signal.SIGTERM)

    assert 0 == child.wait(30)
    summary = json.loads((folder / "state" / "summary.json").read_text())
    assert "SIGTERM" == summary["reason"]
    assert 1 == summary["nodes"]["a.grep"]["matched"]
    assert 1 == summary["sinks"]["ops"]["delivered"]


def test_a_second_daemon_on_the_same_state_is_refused(daemon, command):
    child = daemon()

    done = command("run", "c.yaml", "--state-dir", "state")

    assert 78 == done.returncode
    assert f"in use by process {child.pid}" in done.stderr
    assert child.poll() is None


# --- which config -----------------------------------------------------------------------------------


def test_a_config_that_is_not_there_or_cannot_be_read_is_refused(command, folder):
    (folder / "d.yaml").write_bytes(b"\xff")

    assert (78, "c2.yaml: cannot be read: No such file or directory\n") == (
        lambda done: (done.returncode, done.stderr))(command("check", "c2.yaml"))
    assert (78, "d.yaml:1:1: is not UTF-8\n") == (
        lambda done: (done.returncode, done.stderr))(command("check", "d.yaml"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("words", [["check", "c.yaml"], ["run", "c.yaml", "--once"]])
def test_a_config_that_may_not_be_read_is_refused(command, folder, words):
    (folder / "c.yaml").chmod(0)

    done = command(*words)

    assert (78, "c.yaml: cannot be read: Permission denied\n") == (done.returncode, done.stderr)


@pytest.mark.skipif(os.path.exists("/etc/corowatch"), reason="there is a config on this machine")
def test_without_any_config_it_says_what_to_name(command):
    done = command("check")

    assert (78, "/etc/corowatch: there is no such folder; name a config file, or make one there\n") == (
        done.returncode, done.stderr)


def test_a_folder_of_configs_with_another_ending_says_so(command, folder):
    (folder / "conf").mkdir()
    (folder / "conf" / "app.yml").touch()

    done = command("check", "conf")

    assert (78, "conf: no *.yaml file in this folder; only *.yaml is read: rename app.yml to app.yaml\n") == (
        done.returncode, done.stderr)


def test_a_file_that_is_named_twice_is_read_once(command, folder):
    (folder / "link.yaml").symlink_to("c.yaml")

    done = command("check", "c.yaml", "./c.yaml", ".", "link.yaml")

    assert 0 == done.returncode, done.stderr
    assert "1 flow, 1 sink: no mistakes" in done.stdout


# --- reload -----------------------------------------------------------------------------------------


def test_reload_needs_a_daemon(command):
    done = command("reload", "--state-dir", "state")

    assert 74 == done.returncode
    assert "no daemon runs on state" in done.stderr


def test_reload_tells_the_outcome(daemon, command, folder):
    daemon()

    (folder / "c.yaml").write_text(ERRORS.replace("grep: ERROR", "grep: FATAL"))
    good = command("reload", "--state-dir", "state")
    (folder / "c.yaml").write_text(ERRORS.replace("grep:", "gerp:"))
    bad = command("reload", "--state-dir", "state")
    with (folder / "app.log").open("a") as file:
        file.write("ERROR not any more\nFATAL the new one goes on\n")

    assert (0, "reloaded\n") == (good.returncode, good.stdout), good.stderr
    assert 78 == bad.returncode
    assert "gerp" in bad.stderr
    until(lambda: "FATAL the new one goes on" in (folder / "out").read_text())
    assert "ERROR not any more" not in (folder / "out").read_text()


# --- outbox -----------------------------------------------------------------------------------------


def test_an_outbox_that_is_not_there_is_told(command):
    done = command("outbox", "--state-dir", "nowhere")

    assert 74 == done.returncode
    assert "no state in nowhere" in done.stderr


@pytest.fixture
def refused(command, folder):
    """A state in which the sink `ops` refused one alert; its id."""
    (folder / "c.yaml").write_text(ERRORS.replace("{file: alerts.jsonl}", "{exec: [sh, -c, 'exit 65']}"))
    done = command("run", "c.yaml", "--once", "--state-dir", "state")
    assert 1 == done.returncode, done.stderr
    shown = command("outbox", "--state-dir", "state").stdout
    assert "ended with EX_DATAERR" in shown
    return shown.splitlines()[1].split()[0]


def test_the_outbox_shows_what_was_refused(refused, command):
    shown = command("outbox", "--state-dir", "state")

    assert 0 == shown.returncode
    assert [["id", "sink", "state", "tries", "title", "why"],
            [refused, "ops", "refused", "1", "ERROR disk full", "sh ended with EX_DATAERR"]] == [
                row.split("\t") for row in shown.stdout.splitlines()]


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_a_person_is_shown_ids_whole(refused, folder, columns):
    master, terminal = os.openpty()
    with open(master, "rb", buffering=0) as told:
        done = run("outbox", "--state-dir", "state", cwd=folder, stdout=terminal,
                   env={**os.environ, "COLUMNS": columns, "TERM": "dumb"})
        os.close(terminal)

        assert 0 == done.returncode
        assert refused in told.read(10_000).decode()


def test_a_refused_alert_may_be_tried_again(refused, command, folder):
    again = command("outbox", "retry", refused[:8], "--state-dir", "state")
    (folder / "c.yaml").write_text(ERRORS)
    command("run", "c.yaml", "--once", "--state-dir", "state")

    assert (0, "1 alert tried again\n") == (again.returncode, again.stdout)
    assert [refused] == [json.loads(row)["id"] for row in (folder / "alerts.jsonl").read_text().splitlines()]


def test_a_refused_alert_may_be_dropped_once(refused, command):
    dropped = command("outbox", "drop", refused, "--state-dir", "state")
    again = command("outbox", "drop", refused, "--state-dir", "state")
    shown = command("outbox", "--state-dir", "state")

    assert (0, "1 alert dropped\n") == (dropped.returncode, dropped.stdout)
    assert 1 == again.returncode
    assert "the outbox is empty: everything was delivered\n" == shown.stdout


@pytest.fixture
def waiting(folder, command):
    """Three alerts that wait for two sinks; the id of the first."""
    (folder / "app.log").write_text("".join(f"ERROR {n}\n" for n in range(3)))
    (folder / "c.yaml").write_text(
        "flows: {a: {tail: {paths: app.log, start: beginning}, grep: ERROR, alert: {to: [ops, chat]}}}\n"
        "sinks: {ops: {exec: [sh, -c, 'exit 75']}, chat: {exec: [sh, -c, 'exit 75']}}\n")
    command("run", "c.yaml", "--once", "--deliver-within", "100ms", "--state-dir", "state")
    return command("outbox", "--state-dir", "state").stdout.splitlines()[1].split()[0]


@pytest.fixture
def alike(waiting, folder):
    """The id of the first of these, when all begin with `abcdef`."""
    with contextlib.closing(sqlite3.connect(folder / "state" / "state.db", isolation_level=None)) as db:
        db.execute("UPDATE outbox SET id = 'abcdef' || substr(id, 7)")
    return f"abcdef{waiting[6:]}"


def test_an_id_that_several_alerts_begin_with_changes_nothing(alike, command):
    before = command("outbox", "--state-dir", "state").stdout

    told = command("outbox", "drop", "abcdef", "--state-dir", "state")

    assert (1, True) == (told.returncode, alike in told.stderr)
    assert told.stderr.startswith("3 alerts have an id beginning with 'abcdef': ")
    assert before == command("outbox", "--state-dir", "state").stdout


def test_of_one_sink_an_id_is_told_from_those_that_wait_for_it(alike, folder, command):
    with contextlib.closing(sqlite3.connect(folder / "state" / "state.db", isolation_level=None)) as db:
        db.execute("DELETE FROM outbox WHERE sink = 'chat' AND id <> ?", [alike])

    assert "1 alert dropped\n" == command("outbox", "drop", "abcdef", "--sink", "chat", "--state-dir", "state").stdout


def test_an_alert_is_dropped_for_all_sinks_or_for_one(waiting, command):
    one = command("outbox", "drop", waiting, "--sink", "chat", "--state-dir", "state")
    other = command("outbox", "drop", waiting, "--state-dir", "state")
    rest = command("outbox", "drop", "--sink", "ops", "--state-dir", "state")
    none = command("outbox", "drop", "--sink", "ops", "--state-dir", "state")
    shown = command("outbox", "--sink", "chat", "--state-dir", "state")

    assert ["1 alert dropped\n", "1 alert dropped\n", "2 alerts dropped\n"] == [one.stdout, other.stdout, rest.stdout]
    assert (1, "nothing waits or was refused for ops\n") == (none.returncode, none.stderr)
    assert ["chat", "chat"] == [row.split("\t")[1] for row in shown.stdout.splitlines()[1:]]


def test_an_alert_of_several_sinks_is_one(waiting, command):
    assert "1 alert dropped, for 2 sinks\n" == command("outbox", "drop", waiting, "--state-dir", "state").stdout


def test_an_action_without_an_id_is_a_usage_error(refused, command):
    assert 64 == command("outbox", "retry", "--state-dir", "state").returncode


@pytest.mark.parametrize("sink", [(), ("--sink", "ops")])
def test_with_an_id_that_a_script_left_empty_nothing_is_dropped(refused, command, sink):
    before = command("outbox", "--state-dir", "state").stdout

    assert 64 == command("outbox", "drop", "", *sink, "--state-dir", "state").returncode
    assert before == command("outbox", "--state-dir", "state").stdout


# --- send -------------------------------------------------------------------------------------------


def test_send_delivers_one_test_alert_and_tells_what_was_answered(command, folder):
    done = command("send", "ops", "c.yaml")

    told, = map(json.loads, (folder / "alerts.jsonl").read_text().splitlines())
    assert (0, f"ops: delivered: {folder}/alerts.jsonl, offset 0\n") == (done.returncode, done.stdout), done.stderr
    assert ("corowatch", "send", "info", "This is a test: corowatch can reach you") == (
        told["flow"], told["node"], told["severity"], told["title"])
    assert {"c.yaml", "app.log", "alerts.jsonl"} == {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("to", ["[console, ops]", "ops"])
def test_send_reaches_the_console_that_nobody_declared(command, folder, to):
    (folder / "c.yaml").write_text(ERRORS.replace("[console, ops]", to))

    done = command("send", "console", "c.yaml")

    assert ["This is a test: corowatch can reach you", "console: delivered"] == [
        done.stdout.splitlines()[0].partition("info     ")[2], done.stdout.splitlines()[1]]


@pytest.mark.parametrize(("status", "then"), [(65, "EX_DATAERR: \\x1b[31mno (refused for good)"),
                                              (75, "75: \\x1b[31mno (it would be tried again)")])
def test_send_tells_why_it_failed(command, folder, status, then):
    shell = f"printf '\\033[31mno' >&2; exit {status}"
    (folder / "c.yaml").write_text(ERRORS.replace("{file: alerts.jsonl}", json.dumps({"exec": ["sh", "-c", shell]})))

    done = command("send", "ops", "c.yaml")

    assert (1, "", f"ops: sh ended with {then}\n") == (done.returncode, done.stdout, done.stderr)


def test_send_to_an_unknown_sink_is_answered_with_the_nearest(command):
    done = command("send", "opps", "c.yaml")

    assert (64, "no sink 'opps'; did you mean 'ops'?\n") == (done.returncode, done.stderr)


# --- watch and demo ---------------------------------------------------------------------------------


def test_watch_needs_no_config_and_ends_with_ctrl_c(folder):
    child = Command("watch", "app.log", "--grep", "ERROR", "--from-start", cwd=folder, text=True,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        first = child.stdout.readline()
        child.send_signal(signal.SIGINT)
        rest, said = child.communicate(timeout=30)
    finally:
        child.kill()
        child.wait()

    assert "ERROR disk full" in first
    assert "" == rest
    assert "corowatch ended: SIGINT" in said
    assert 0 == child.returncode


def test_watch_with_a_wrong_threshold_says_how_to_write_it(command):
    done = command("watch", "app.log", "--grep", "x", "--threshold", "5")

    assert 64 == done.returncode
    assert "write N/TIME, such as 5/1m" in done.stderr


@pytest.mark.parametrize(("words", "told"), [
    pytest.param(["--grep", "("], "--grep: the pattern is no regular expression: missing ): (", marks=pytest.mark.re2),
    (["--grep", "x", "--threshold", "5/1"], "--threshold: 1 has no unit; a duration is written 1s, or 1m for minutes"),
    (["--grep", "x", "--threshold", "0/1m"], "--threshold: expected at least 1, found '0'"),
    (["--grep", "x", "--exec", "{text}"], ("--exec: a log would choose the program '{text}'; write one that is always "
                                           "the same, and fields in the words behind it")),
    (["--grep", "x", "--exec", "'"], "--exec ': No closing quotation"),
])
def test_what_is_wrong_with_watch_is_told_in_its_own_words(command, words, told):
    done = command("watch", "app.log", *words)

    assert 64 == done.returncode
    assert f"Error: {told}\n" in done.stderr
    assert '"' not in done.stderr


def test_watch_with_a_threshold_says_how_many(folder):
    (folder / "app.log").write_text("ERROR 1\nERROR 2\n")
    child = Command("watch", "app.log", "--grep", "ERROR", "--from-start", "--threshold", "2/1m", cwd=folder, text=True,
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert child.stdout.readline().endswith("ERROR 2 (2 times within 1m)\n")
    finally:
        child.terminate()
        child.communicate(timeout=30)


def test_the_demo_tells_how_many_it_held_back(command, folder):
    log = "Nov 22 10:00:{:02d} web1 shop[812]: ERROR payment gateway timed out\n"
    (folder / "demo.log").write_text("".join(map(log.format, range(11))))
    (folder / "demo.yaml").write_text(CONFIG.format(log=folder / "demo.log"))

    told = command("run", "demo.yaml", "--once").stdout.splitlines()

    assert ["shop: payment gateway timed out", "shop: payment gateway timed out (+9 held back)",
            "shop: payment gateway timed out (+1 held back)"] == [row.partition("error    ")[2] for row in told]


def test_the_demo_ends_by_itself(command):
    done = command("demo", "--for", "1s")

    assert 0 == done.returncode, done.stderr
    assert "ssh-guessing:" in done.stderr


# --- asking -----------------------------------------------------------------------------------------


def test_check_tells_what_the_config_will_do(command, folder):
    done = command("check", "c.yaml")

    assert 0 == done.returncode, done.stderr
    assert "1 flow, 1 sink: no mistakes" in done.stdout
    assert "follow(" in done.stdout
    assert f"a.tail: {folder}/app.log: 1 file\n" in done.stdout


def test_check_tells_of_what_finds_no_file_that_it_is_followed_once_it_appears(command, folder):
    (folder / "app.log").unlink()

    done = command("check", "c.yaml")

    assert (0, True) == (done.returncode, (
        f"a.tail: {folder}/app.log: 0 files; it is followed once it appears\n") in done.stdout), done.stdout


@pytest.mark.re2
def test_check_tells_how_many_patterns_are_looked_for_at_once(command, folder):
    assert "1 pattern on the fast scanner (" in command("check", "c.yaml").stdout


def test_check_tells_of_a_program_that_is_not_there(command, folder):
    (folder / "c.yaml").write_text(ERRORS.replace("{file: alerts.jsonl}", "{exec: [bin/page, '{title}']}"))

    done = command("check", "c.yaml")

    assert 0 == done.returncode, done.stderr
    assert f"sink ops: {folder}/bin/page cannot be run: No such file or directory\n" in done.stdout


def test_check_tells_how_much_is_read_of_which_file_and_which_templates_no_line_can_have(command, folder):
    (folder / "usual.templates").write_text("# mine\nport <num> closed\nport 22 closed\n")
    (folder / "c.yaml").write_text(ERRORS.replace("grep: ERROR", "unexpected: usual.templates"))

    told = command("check", "c.yaml").stdout

    assert f"\n{folder}/usual.templates: 1 template\n" in told
    assert (f"note: {folder}/usual.templates: 1 line left out: no line can have the template in line 3: "
            "'22' is always '<num>' in a line\n") in told


def test_check_tells_of_lines_that_are_no_rows(command, folder):
    (folder / "known.csv").write_text("user,team\nmk,ops\nxy\n")
    (folder / "c.yaml").write_text(ERRORS.replace(
        "grep: ERROR", "grep: '^(?P<user>.)'\n    lookup: {file: known.csv, of: user}"))

    told = command("check", "c.yaml").stdout

    assert f"note: {folder}/known.csv: 1 line left out: 1 column in line 3, and 2 in its header" in told


def test_check_never_shows_a_secret(command, folder):
    (folder / "c.yaml").write_text(ERRORS.replace("app.log", "'${env:HIDDEN}/*.log'"))
    (folder / "hunter2").mkdir()
    (folder / "hunter2" / "app.log").touch()

    done = run("check", "c.yaml", cwd=folder, env={**os.environ, "HIDDEN": "hunter2"})

    assert 0 == done.returncode, done.stderr
    assert "a.tail: ${env:HIDDEN}/*.log: 1 file\n" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_kinds_lists_every_kind(command):
    told = command("kinds").stdout

    assert {"tail", "stdin", "grep", "threshold", "alert", "console", "exec", "file"} <= set(
        re.findall(r"^  (\S+) ", told, re.MULTILINE))


def test_of_one_kind_it_tells_the_options(command):
    done = command("kinds", "grep")

    assert 0 == done.returncode
    assert done.stdout.startswith("grep (node): ")
    assert "  except  (" in done.stdout


def test_an_unknown_kind_is_answered_with_the_nearest(command):
    done = command("kinds", "gerp")

    assert 64 == done.returncode
    assert "no kind is named 'gerp'" in done.stderr
    assert "'grep'" in done.stderr


def test_the_schema_takes_what_the_readme_shows_and_refuses_an_unknown_option(command):
    schema = json.loads(command("schema").stdout)
    shown = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)

    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)

    assert shown
    for text in shown:
        validator.validate(yaml.safe_load(text))
    assert not validator.is_valid({"flows": {"a": {"stdin": None, "grep": {"pattern": "x", "patern": "y"}}}})
    assert not validator.is_valid({"flows": {"a": {"stdin": None, "gerp": "x"}}})


def test_the_version_tells_what_it_stands_on(command):
    told = command("version").stdout

    assert re.match(r"corowatch \d+\.\d+\.\d+, Python 3\.", told)
    assert "watchdog 7.1" in told
    assert {"google-re2", "hyperscan", "regex", "stringzilla", "pyyaml", "structlog", "msgspec", "click",
            "rich"} <= set(told.split())


def test_a_kind_is_completed(folder):
    done = run(cwd=folder, env={
        **os.environ, "_COROWATCH_COMPLETE": "bash_complete", "COMP_WORDS": "corowatch kinds th", "COMP_CWORD": "2"})

    assert ["plain,threshold", "plain,throttle"] == done.stdout.split()


def test_completion_is_a_script_of_the_shell(command):
    script = command("completion", "bash").stdout

    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert "_COROWATCH_COMPLETE=bash_complete" in script
    assert (0, "") == (done.returncode, done.stderr)


# --- packages of others -----------------------------------------------------------------------------


@pytest.fixture
def package(folder, monkeypatch):
    """Install a package of one module that offers one entry point for a node."""
    def install(name, code, entry):
        info = folder / "site" / f"{name}-1.dist-info"
        info.mkdir(parents=True)
        (folder / "site" / f"{name}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[corowatch.nodes]\n{entry}\n")
        monkeypatch.setenv("PYTHONPATH", f"{folder}/site:{os.environ.get('PYTHONPATH', '')}")

    return install


def test_a_broken_package_is_told_and_breaks_nothing(command, package):
    package("loudly", "import no_such_module\n", "loud = loudly:loud")
    why = "ModuleNotFoundError: No module named 'no_such_module'"
    warning = f"warning: the package loudly offers corowatch.nodes: loud, which cannot be used: {why}\n"

    check, kinds, run = command("check", "c.yaml"), command("kinds"), command("run", "c.yaml", "--once")

    assert [(0, warning), (0, warning)] == [(done.returncode, done.stderr) for done in (check, kinds)]
    assert 0 == run.returncode
    assert [("loudly", why)] == [(row["package"], row["why"]) for row in map(json.loads, run.stderr.splitlines())
                                 if row["event"] == "plugin.broken"]


def test_the_readmes_package_works(command, folder, package):
    """As it stands there, its entry point and all."""
    readme = (ROOT / "README.md").read_text()
    project = tomllib.loads(re.search(r"^```toml\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)[1])
    code = next(block for block in re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
                if "@node" in block)
    (name, where), = project["project"]["entry-points"]["corowatch.nodes"].items()
    package(where.partition(":")[0], code, f"{name} = {where}")
    (folder / "c.yaml").write_text(ERRORS.replace("    alert:", "    loud: {mark: '?!'}\n    alert:").replace(
        "{text}", "{loud}"))

    done = command("run", "c.yaml", "--once", "--state-dir", "state")

    assert 0 == done.returncode, done.stderr
    assert "ERROR DISK FULL?!" in done.stdout
    assert 1 == json.loads((folder / "state" / "summary.json").read_text())["nodes"]["a.loud"]["raised"]
    assert "Fields it adds: loud" in command("kinds", name).stdout


def test_an_unknown_option_is_a_usage_error(command):
    assert 64 == command("run", "--wat").returncode
