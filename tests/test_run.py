"""The command as a person or systemd runs it: real processes, a real notify socket."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.commands import Command
from tests.commands import run as corowatch

README = Path(__file__).parents[1] / "README.md"


def until(truth):
    end = time.monotonic() + 20
    while not truth():
        assert time.monotonic() < end, "waited for 20 s"
        time.sleep(0.02)


class Running:
    """`corowatch run` until READY; then what it told systemd is in `told`."""

    def __init__(self, folder, config):
        self.folder = folder
        self.config = folder / "c.yaml"
        self.config.write_text(config)
        self.state = folder / "state"
        self.told = []
        address = str(folder / "n")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(20)
        self.process = Command(
            "run", self.config, "--state-dir", self.state,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NOTIFY_SOCKET": address},
        )
        self.hear("READY=1")

    def hear(self, what):
        while what not in self.told:
            self.told += self.socket.recv(4096).decode().split("\n")

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.out, self.err = self.process.communicate(timeout=30)
        self.hear("STOPPING=1")
        self.socket.close()
        return self.process.returncode

    def summary(self):
        return json.loads((self.state / "summary.json").read_text())


def config(folder, *, grep="ERROR", more=""):
    return (
        f"flows:\n  app:\n    tail: {folder}/app.log\n    grep: '{grep}'\n    alert: {{to: out, title: '{{text}}'}}\n"
        f"{more}sinks:\n  out: {{file: {folder}/alerts.jsonl}}\n"
    )


def titles(folder):
    path = folder / "alerts.jsonl"
    return [json.loads(line)["title"] for line in path.read_text().splitlines()] if path.exists() else []


def write(folder, *lines):
    with open(folder / "app.log", "a") as log:
        log.writelines(line + "\n" for line in lines)


# --- running ----------------------------------------------------------------------------------------


def test_once_reads_what_is_there_and_ends(tmp_path):
    write(tmp_path, "ERROR disk", "fine", "ERROR net")
    (tmp_path / "c.yaml").write_text(config(tmp_path).replace("to: out", "to: console"))

    ran = corowatch("run", tmp_path / "c.yaml", "--once")

    assert 0 == ran.returncode
    assert ["ERROR disk", "ERROR net"] == [line.split("warning  ")[1] for line in ran.stdout.splitlines()]


def test_who_reads_to_the_present_end_asks_for_no_notifications(tmp_path):
    write(tmp_path, "ERROR disk")
    (tmp_path / "c.yaml").write_text(config(tmp_path))

    ran = corowatch("run", tmp_path / "c.yaml", "--once")
    daemon = Running(tmp_path, config(tmp_path))
    watching = logged(daemon, "daemon.started")["watching"]
    daemon.stop()

    assert [0] == [told["watching"] for told in map(json.loads, ran.stderr.splitlines()) if "watching" in told]
    assert 1 == watching


def test_a_daemon_from_ready_to_goodbye(tmp_path):
    daemon = Running(tmp_path, config(tmp_path))
    write(tmp_path, "ERROR disk", "fine")
    until(lambda: ["ERROR disk"] == titles(tmp_path))

    assert 0 == daemon.stop()
    told = daemon.summary()
    assert "SIGTERM" == told["reason"]
    assert 2 == told["sources"]["app.tail"]["lines"]
    assert {"matched": 1, "failed": 0} == told["nodes"]["app.grep"]
    assert {"delivered": 1, "pending": 0, "refused": 0} == told["sinks"]["out"]
    assert "" == daemon.out
    events = [json.loads(line)["event"] for line in daemon.err.splitlines()]
    assert ["node.closed", "node.closed", "summary", "daemon.stopped"] == events[-4:]


def logged(daemon, event):
    """What stands in the log with the next such event."""
    told = (json.loads(line) for line in daemon.process.stderr)
    return next(one for one in told if one["event"] == event)


def test_sigusr1_tells_what_a_stop_would_tell_and_stops_nothing(tmp_path):
    daemon = Running(tmp_path, config(tmp_path))
    write(tmp_path, "ERROR disk", "fine", "ERROR")
    until(lambda: ["ERROR disk", "ERROR"] == titles(tmp_path))

    daemon.process.send_signal(signal.SIGUSR1)

    told = logged(daemon, "summary")
    assert ("SIGUSR1", "1 flow, 1 file") == (told["reason"], told["status"])
    ledger = {"carried": 0, "found": 22, "passed": 22, "skipped": 0, "lost": 0, "partial": 0, "unread": 0}
    assert ledger == told["sources"]["app.tail"]["ledger"]
    assert {"matched": 2, "failed": 0} == told["nodes"]["app.grep"]
    assert {"delivered": 2, "pending": 0, "refused": 0} == told["sinks"]["out"]
    write(tmp_path, "ERROR net")
    until(lambda: "ERROR net" in titles(tmp_path))
    assert 0 == daemon.stop()
    assert 3 == daemon.summary()["nodes"]["app.grep"]["matched"]


def test_sigusr2_is_ignored_and_the_log_says_why(tmp_path):
    daemon = Running(tmp_path, config(tmp_path))

    daemon.process.send_signal(signal.SIGUSR2)

    assert "there is no log file to reopen" in logged(daemon, "signal.ignored")["why"]
    write(tmp_path, "ERROR disk")
    until(lambda: ["ERROR disk"] == titles(tmp_path))
    assert 0 == daemon.stop()


def test_a_second_daemon_on_one_state_is_refused(tmp_path):
    daemon = Running(tmp_path, config(tmp_path))

    ran = corowatch("run", daemon.config, "--state-dir", daemon.state)

    assert 78 == ran.returncode
    assert f"in use by process {daemon.process.pid}" in ran.stderr
    assert 0 == daemon.stop(signal.SIGINT)


def test_a_threshold_goes_on_over_a_restart(tmp_path):
    text = config(tmp_path).replace("    alert", "    threshold: {at_least: 3, within: 1h}\n    alert")
    first = Running(tmp_path, text)
    write(tmp_path, "ERROR 1", "ERROR 2")
    first.stop()
    (tmp_path / "n").unlink()

    second = Running(tmp_path, text)
    write(tmp_path, "ERROR 3")
    until(lambda: ["ERROR 3"] == titles(tmp_path))

    second.stop()
    assert 3 == second.summary()["total"]["nodes"]["app.grep"]["matched"]


def test_a_user_node_that_fails_is_reported_and_rests_and_the_others_go_on(tmp_path):
    (tmp_path / "rules.py").write_text(
        "def brittle():\n    while True:\n        line = yield\n        1 / ('bad' not in line)\n"
    )
    daemon = Running(
        tmp_path,
        config(
            tmp_path, more=f"  other:\n    tail: {tmp_path}/app.log\n    python: {{function: rules.py:brittle}}\n"
        ),
    )
    write(tmp_path, "bad 1", "ERROR 1", "bad 2", "good", "bad 3", "bad 4", "ERROR 2")
    until(lambda: {"ERROR 1", "ERROR 2"} <= set(titles(tmp_path)) and 3 == len(titles(tmp_path)))

    daemon.stop()
    (shut,) = (title for title in titles(tmp_path) if title.startswith("other"))
    assert (
        "other.python failed three times in a minute and is shut for 60 s: ZeroDivisionError: division by zero"
        == shut
    )
    failed = [json.loads(line) for line in daemon.err.splitlines() if '"node.failed"' in line]
    assert [0, 14, 25] == [one["offset"] for one in failed]
    assert all("ZeroDivisionError" in one["exception"] for one in failed)
    assert 5 == daemon.summary()["nodes"]["other.python"]["failed"]  # while it is shut each further line counts


def test_a_sink_that_refuses_sets_the_alert_aside_and_it_can_be_tried_again(tmp_path):
    text = config(tmp_path).replace(
        f"{{file: {tmp_path}/alerts.jsonl}}", "{exec: [/bin/sh, -c, 'echo nobody >&2; exit 65']}"
    )
    daemon = Running(tmp_path, text)
    write(tmp_path, "ERROR disk")
    until(lambda: "refused" in corowatch("outbox", "--state-dir", daemon.state).stdout)
    told = corowatch("outbox", "--state-dir", daemon.state).stdout
    id_ = next(line.split()[0] for line in told.splitlines() if "ERROR disk" in line)

    assert "nobody" in told
    assert "1 alert tried again\n" == corowatch("outbox", "retry", id_, "--state-dir", daemon.state).stdout
    until(lambda: "1 alert dropped\n" == corowatch("outbox", "drop", id_[:8], "--state-dir", daemon.state).stdout)
    assert 1 == corowatch("outbox", "drop", id_, "--state-dir", daemon.state).returncode
    assert 0 == daemon.stop()


# --- reloading --------------------------------------------------------------------------------------


def test_reload_tells_the_outcome_and_a_wrong_config_changes_nothing(tmp_path):
    daemon = Running(tmp_path, config(tmp_path))
    daemon.config.write_text(config(tmp_path, grep="WARN"))

    good = corowatch("reload", "--state-dir", daemon.state)
    daemon.config.write_text("flows: [")
    bad = corowatch("reload", "--state-dir", daemon.state)
    write(tmp_path, "ERROR disk", "WARN net")
    until(lambda: "WARN net" in titles(tmp_path))

    assert (0, "reloaded\n") == (good.returncode, good.stdout)
    assert 78 == bad.returncode
    assert f"{daemon.config}:1:8" in bad.stderr
    assert 0 == daemon.stop()
    assert "ERROR disk" not in titles(tmp_path)
    assert ["RELOADING=1", "MONOTONIC_USEC"] * 2 == [
        told.partition("=")[0] if "USEC" in told else told
        for told in daemon.told
        if "RELOADING" in told or "USEC" in told
    ]
    assert "STOPPING=1" in daemon.told


def test_reload_without_a_daemon_says_so(tmp_path):
    ran = corowatch("reload", "--state-dir", tmp_path)

    assert 74 == ran.returncode
    assert f"no daemon runs on {tmp_path}" in ran.stderr


# --- asking -----------------------------------------------------------------------------------------


def test_check_tells_what_a_config_will_do(tmp_path):
    write(tmp_path, "x")
    (tmp_path / "c.yaml").write_text(config(tmp_path, grep="(?=E)RROR"))

    ran = corowatch("check", tmp_path / "c.yaml")

    assert 0 == ran.returncode
    assert f'follow("{tmp_path}/app.log", grep("(?=E)RROR", alert(' in " ".join(ran.stdout.split())
    assert f"app.tail: {tmp_path}/app.log: 1 file\n" in ran.stdout
    assert "'(?=E)RROR' gets every line, under a time budget" in ran.stdout


def test_a_mistake_ends_with_78_and_nothing_is_touched(tmp_path):
    (tmp_path / "c.yaml").write_text("flows:\n  a:\n    stdin:\n    gerp: x\n")

    for argv in (["check", "c.yaml"], ["run", "c.yaml", "--state-dir", "state"]):
        ran = corowatch(*argv, cwd=tmp_path)
        assert 78 == ran.returncode
        assert "c.yaml:4:5: " in ran.stderr
        assert "did you mean 'grep'?" in ran.stderr

    assert ["c.yaml"] == os.listdir(tmp_path)


def test_a_sink_that_writes_into_a_watched_glob_is_refused(tmp_path):
    (tmp_path / "c.yaml").write_text(config(tmp_path).replace("app.log", "*"))

    ran = corowatch("check", tmp_path / "c.yaml")

    assert 78 == ran.returncode
    assert "sink 'out' writes into what app.tail reads; move it out of the glob" in ran.stderr


def test_a_file_beside_the_glob_may_be_written(tmp_path):
    text = config(tmp_path).replace("app.log", "*.log").replace("alerts.jsonl", "sub/alerts.log")
    (tmp_path / "c.yaml").write_text(text)

    assert 0 == corowatch("check", tmp_path / "c.yaml").returncode


def test_kinds_are_listed_and_told_and_a_slip_is_helped():
    assert "grep" in corowatch("kinds").stdout
    assert "ignore_case  (true/false, default false)" in corowatch("kinds", "grep").stdout
    slip = corowatch("kinds", "gerp")
    assert (64, "no kind is named 'gerp'; did you mean 'grep'?\n") == (slip.returncode, slip.stderr)


def test_the_schema_takes_the_readmes_configs_and_refuses_slips():
    schema = json.loads(corowatch("schema").stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    blocks = re.findall(r"^```yaml\n(.*?)^```", README.read_text(), re.S | re.M)

    assert len(blocks) >= 3
    for block in blocks:
        validator.validate(yaml.safe_load(block))
    for slip in ("flows: {a: {stdin: null, gerp: x}}", "flows: {a: {stdin: null, grep: {patern: x}}}", "flow: {}"):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(yaml.safe_load(slip))


def test_the_readmes_configs_are_right(tmp_path):
    (tmp_path / "classic.py").write_text("def grep(pattern):\n    yield\n")
    (tmp_path / "usual.templates").write_text("")
    for name in ("smtp", "slack", "hook"):
        (tmp_path / name).write_text("hidden")
    environment = {**os.environ, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    blocks = re.findall(r"^```yaml\n(.*?)^```", README.read_text(), re.S | re.M)
    for number, block in enumerate(block for block in blocks if not block.startswith("tests:")):
        (tmp_path / f"{number}.yaml").write_text(block)
        ran = corowatch("check", tmp_path / f"{number}.yaml", env=environment)
        assert 0 == ran.returncode, ran.stderr
        assert "hidden" not in ran.stdout


def test_what_is_generated_is_current():
    from corowatch.generate import generated

    for path, text in generated(README.parent).items():
        assert text == path.read_text(), f"run: corowatch kinds --write . ({path.name} is stale)"


# --- for a person -----------------------------------------------------------------------------------


def test_watch_needs_no_config(tmp_path):
    write(tmp_path, "ERROR disk", "ERROR harmless", "fine")
    watching = Command(
        "watch", tmp_path / "app.log", "--grep", "ERROR", "--except", "harmless", "--from-start",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    assert "ERROR disk" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    out, _ = watching.communicate(timeout=20)
    assert (0, "") == (watching.returncode, out)


@pytest.mark.parametrize(
    "argv",
    [["watch", "x"], ["watch", "x", "--grep", "y", "--threshold", "5"], ["run", "--wrong"], ["outbox", "drop"]],
)
def test_usage_ends_with_64(argv, tmp_path):
    from corowatch.store import Store

    Store(tmp_path).close()
    ran = corowatch(*argv, env={**os.environ, "STATE_DIRECTORY": str(tmp_path)})

    assert 64 == ran.returncode, ran.stderr


def test_the_demo_runs_and_ends():
    ran = corowatch("demo", "--for", "1s")

    assert 0 == ran.returncode, ran.stderr
    assert "ssh-guessing" in ran.stderr
    assert "corowatch ended: SIGINT" in ran.stderr


@pytest.mark.parametrize(
    ("argv", "word"), [(["version"], "watchdog"), (["--help"], "app-errors"), (["completion", "bash"], "_corowatch")]
)
def test_small_things(argv, word):
    ran = corowatch(*argv)

    assert 0 == ran.returncode
    assert word in ran.stdout


def test_watch_ends_when_nobody_reads_it_any_more(tmp_path):
    write(tmp_path, "ERROR 1", "ERROR 2")
    ran = subprocess.run(
        f"{sys.executable} -m corowatch watch {tmp_path}/app.log --grep ERROR --from-start | head -n 1",
        shell=True, capture_output=True, text=True, timeout=30, check=False)

    assert "ERROR 1" in ran.stdout


def test_watch_ends_with_its_terminal(tmp_path):
    write(tmp_path, "ERROR 1")
    watching = Command(
        "watch", tmp_path / "app.log", "--grep", "ERROR", "--from-start",
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    watching.stdout.readline()

    watching.send_signal(signal.SIGHUP)

    watching.communicate(timeout=20)
    assert 0 == watching.returncode
