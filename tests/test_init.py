"""`corowatch init`, with answers given, and on a terminal that asks."""

import os
import pty
import select
import subprocess
import time

import pytest
from click.testing import CliRunner

from corowatch.access import Barrier
from corowatch.commands import init as init_command
from corowatch.examples import CHECKOUT
from corowatch.loading import load_paths
from corowatch.machine import Machine
from tests.commands import Command, run


@pytest.fixture
def folder(tmp_path):
    """A machine below `root`, and a place for the config."""
    for path in ("var/log/syslog", "var/log/auth.log", "var/log/shop/shop.log"):
        (tmp_path / "root" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / path).touch()
    return tmp_path


def environment():
    return {**os.environ, "TERM": "dumb", "COLUMNS": "200"}


@pytest.fixture
def init(folder):
    def call(*words, **given):
        return run("init", "--root", "root", *words, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, **given)

    return call


def watched(folder, name="c.yaml"):
    config = load_paths([str(folder / name)])
    return {path for step in config.steps.values() for path in step.options.get("paths", ())}, list(config.declared)


def test_without_questions_all_that_is_found_is_taken(init, folder):
    told = init("--yes", "-o", "c.yaml")

    assert (0, "") == (told.returncode, told.stderr)
    assert ({"/var/log/syslog", "/var/log/auth.log", "/var/log/shop/*.log"}, ["alerts"]) == watched(folder)
    assert "wrote c.yaml, which has no mistakes: 7 sets of rules, alerts to alerts\n" in told.stdout
    assert "corowatch check c.yaml && corowatch send alerts c.yaml\nStart it:\n  corowatch run c.yaml\n" in told.stdout


def test_each_answer_can_be_given(init, folder):
    told = init("--yes", "-o", "new/c.yaml", "--to", "ops@example.org", "--to", "https://hooks.example.org/x",
                "--log", "/var/log/auth.log", "--rules", "ssh")

    assert 0 == told.returncode
    assert ({"/var/log/auth.log"}, ["mail", "hook"]) == watched(folder, "new/c.yaml")


def test_a_file_that_is_there_is_only_written_over_by_force(init, folder):
    (folder / "c.yaml").write_text("mine")

    refused = init("--yes", "-o", "c.yaml")
    assert (64, "", "mine") == (refused.returncode, refused.stdout, (folder / "c.yaml").read_text())
    assert "c.yaml is there already; name another file with --output, or write over it with --force\n" == refused.stderr
    assert 0 == init("--yes", "-o", "c.yaml", "--force").returncode
    assert watched(folder)


def test_with_systemd_it_tells_how_the_service_is_installed(init, folder):
    (folder / "root/run/systemd/system").mkdir(parents=True)

    told = init("--yes", "-o", "c.yaml").stdout

    assert "install -D -m 644 c.yaml /etc/corowatch/corowatch.yaml && corowatch service corowatch.service > " in told
    assert told.endswith("  systemd-sysusers && systemctl daemon-reload && systemctl enable --now corowatch\n")


@pytest.mark.parametrize(("words", "status", "what"), [
    ([], 64, "there is no terminal to ask on; take what is found with --yes"),
    (["--yes", "--to", "ops"], 64, "Invalid value for --to: 'ops' is none of these: ops@example.org, "),
    (["--yes", "--log", "/x"], 64, "/x is none of the logs that were found: /var/log/syslog, /var/log/auth.log, "),
    (["--yes", "--rules", "nginx"], 64, "there is no log for nginx; those that have one: ssh, sudo, memory, "),
    (["--yes", "--rules", "x"], 64, "Invalid value for '--rules': 'x' is not one of 'ssh', "),
    (["--yes", "-o", "root/var/log/syslog/c.yaml"], 74, "c.yaml cannot be written: ")])
def test_what_cannot_be_is_told_and_nothing_written(init, folder, words, status, what):
    told = init("-o", "c.yaml", *words)

    assert (status, True) == (told.returncode, what in told.stderr), told.stderr
    assert not (folder / "c.yaml").exists()


def test_before_anything_is_asked_it_is_told_where_the_config_cannot_be_written(folder):
    (folder / "file").touch()
    terminal = Terminal(folder, "-o", "file/c.yaml")

    assert f"file/c.yaml cannot be written: {folder}/file is no folder; name another file with --output\n" == (
        terminal.read())
    assert 74 == terminal.process.wait(60)
    os.close(terminal.master)


def test_a_folder_is_no_file_to_write(init, folder):
    told = init("--yes", "-o", "root", "--force")

    assert (64, "root is a folder; name a file in it with --output\n") == (told.returncode, told.stderr)


def test_a_journal_that_cannot_be_read_is_told_with_its_cure(folder, monkeypatch):
    closed = {"/var/log/journal/1f/system.journal": Barrier("", "Permission denied", "usermod -aG adm me")}
    monkeypatch.setattr(init_command, "look", lambda root: Machine((), closed, {}, True, False))

    told = CliRunner().invoke(init_command.command, ["--yes", "-o", str(folder / "c.yaml")])

    assert (0, True) == (told.exit_code, "the journal cannot be read: /var/log/journal/1f/system.journal: Permission "
                         "denied; the cure: usermod -aG adm me\n" in told.output), told.output


def test_rules_that_are_not_installed_are_told_with_the_cure(folder, monkeypatch):
    monkeypatch.setattr("corowatch.examples.SHIPPED", folder)
    monkeypatch.setattr("corowatch.examples.CHECKOUT", folder)

    words = ["--yes", "-o", str(folder / "c.yaml"), "--root", str(folder / "root")]

    told = CliRunner().invoke(init_command.command, words)

    assert 74 == told.exit_code
    assert (f"corowatch: the rules of ssh-guessing are not where they were installed ({folder}/ssh-guessing.yaml); "
            "install corowatch again\n") in told.output
    assert not (folder / "c.yaml").exists()


def test_the_config_names_where_examples_are_and_nothing_where_they_are_not(init, folder, monkeypatch):
    init("--yes", "-o", "c.yaml")
    assert f"# More to copy from: {CHECKOUT}. A running" in (folder / "c.yaml").read_text()

    monkeypatch.setattr("corowatch.examples.CHECKOUT", folder / "none")
    monkeypatch.setattr("sys.prefix", str(folder))
    CliRunner().invoke(init_command.command, ["--yes", "-o", str(folder / "d.yaml"), "--root", str(folder)])
    assert "# A running daemon takes a change with `corowatch reload`.\n" in (folder / "d.yaml").read_text()


def test_an_empty_machine_gets_a_config_to_adapt(init, folder):
    (folder / "empty/var/log").mkdir(parents=True)

    told = init("--root", "empty", "--yes", "-o", "c.yaml")

    assert (0, True) == (told.returncode, "there are no logs in the known places: the config has a rule" in told.stdout)
    assert (set(), ["alerts"]) == watched(folder)
    assert "  # my-app:\n" in (folder / "c.yaml").read_text()


class Terminal:
    """A person at a terminal, who waits for words and answers."""

    def __init__(self, folder, *words):
        self.master, slave = pty.openpty()
        self.process = Command("init", "--root", "root", *words, cwd=folder, stdin=slave, stdout=slave, stderr=slave,
                               env=environment())
        os.close(slave)
        self.seen = ""

    def read(self, until=None):
        """All that is written, up to some words."""
        deadline, told = time.monotonic() + 60, ""
        while until is None or until not in told:
            assert time.monotonic() < deadline, told
            if select.select([self.master], [], [], 1.0)[0]:
                try:
                    data = os.read(self.master, 4096)
                except OSError:  # it has ended
                    break
                told += data.decode()
        return told.replace("\r\n", "\n")

    def answer(self, question, text):
        told = self.read(question)
        os.write(self.master, f"{text}\n".encode())
        return told


def test_on_a_terminal_it_asks_and_wrong_answers_are_told_at_once(folder):
    terminal = Terminal(folder, "-o", "c.yaml")

    logs = terminal.answer("[all]: ", "1,9")
    again = terminal.answer("[all]: ", "syslogg")
    near = terminal.answer("[all]: ", "syslog, 2")
    rules = terminal.answer("[all]: ", "SSH,2,memory")
    where = terminal.answer("]: ", "nobody")
    told = terminal.answer("]: ", "ops@example.org, /x/alerts.jsonl")
    rest = terminal.read()

    assert 0 == terminal.process.wait(60)
    assert "  1  syslog         /var/log/syslog\n  2  auth           /var/log/auth.log\n" in logs
    assert "Which logs? Numbers or names such as 1,auth, or all or none [all]: " in logs
    assert "Error: '9' is none of the numbers 1 to 3, and no name\n" in again
    assert "Error: 'syslogg' is none of the numbers 1 to 3, and no name; did you mean 'syslog'?\n" in near
    assert "  1  ssh           guessed passwords of SSH, root logging in with one\n" in rules
    assert "applications" not in rules
    assert "Where should alerts go? ops@example.org, https://HOST/PATH or a file's path [" in where
    assert "Error: 'nobody' is none of these: ops@example.org, https://HOST/PATH, or /the/path/of/a/file\n" in told
    assert "alerts to mail, alerts\n" in rest
    assert ({"/var/log/syslog", "/var/log/auth.log"}, ["mail", "alerts"]) == watched(folder)
    os.close(terminal.master)


def test_on_a_terminal_return_takes_all(folder):
    terminal = Terminal(folder, "-o", "c.yaml")

    for _ in range(2):
        terminal.answer("[all]: ", "")
    terminal.answer("jsonl]: ", "")
    terminal.read()

    assert 0 == terminal.process.wait(60)
    assert ({"/var/log/syslog", "/var/log/auth.log", "/var/log/shop/*.log"}, ["alerts"]) == watched(folder)
    os.close(terminal.master)


def test_an_interrupt_writes_nothing(folder):
    terminal = Terminal(folder, "-o", "c.yaml")
    terminal.read("[all]: ")

    os.write(terminal.master, b"\x04")
    terminal.read()

    assert 1 == terminal.process.wait(60)
    assert not (folder / "c.yaml").exists()
    os.close(terminal.master)
