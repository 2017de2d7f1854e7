"""The helper of the tests that forks commands: they are what a started interpreter would be."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commands import Command, run

LONG = ("watch", "app.log", "--grep", "ERROR", "--from-start")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "app.log").write_text("ERROR disk full\n")
    (tmp_path / "c.yaml").write_text("flows: {a: {stdin: null, grep: ERROR, alert: {to: ops}}}\n"
                                     "sinks: {ops: {file: '${env:WHO}.jsonl'}}\n")
    return tmp_path


@pytest.mark.parametrize("words", [("version",), ("kinds", "gerp"), ("--help",), ("check", "c.yaml"), ("check", "no")])
def test_it_says_what_an_interpreter_that_is_started_says(folder, words):
    forked = run(*words, cwd=folder)
    started = subprocess.run([sys.executable, "-m", "corowatch", *words], cwd=folder, capture_output=True, text=True,
                             check=False)

    assert (started.returncode, started.stdout, started.stderr) == (forked.returncode, forked.stdout, forked.stderr)


def test_its_folder_input_and_environment_are_its_own(folder):
    for who in ("one", "two"):
        done = run("run", "c.yaml", "--once", cwd=folder, input=f"ERROR {who}\n", env={**os.environ, "WHO": who})
        assert 0 == done.returncode, done.stderr

        assert f"a: ERROR {who}" == json.loads((folder / f"{who}.jsonl").read_text())["title"]


def test_a_variable_that_an_interpreter_looks_at_when_it_starts_is_looked_at(folder):
    (folder / "site" / "corowatch").mkdir(parents=True)
    (folder / "site" / "corowatch" / "__main__.py").write_text("print('another')")
    (folder / "site" / "corowatch" / "__init__.py").touch()

    done = run("version", cwd=folder, env={**os.environ, "PYTHONPATH": str(folder / "site")})

    assert "another\n" == done.stdout


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_how_it_ended_is_known(folder, number):
    with Command(*LONG, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as command:
        command.stdout.readline()
        assert command.poll() is None
        command.send_signal(number)

        assert -number == command.wait(30)
        with pytest.raises(ProcessLookupError):
            os.kill(command.pid, 0)


def test_what_lasts_too_long_is_killed(folder):
    with pytest.raises(subprocess.TimeoutExpired):
        run(*LONG, cwd=folder, timeout=0.1)


def test_one_that_cannot_begin_is_a_mistake_of_the_test(folder):
    with pytest.raises(RuntimeError, match="could not begin: FileNotFoundError"):
        run("version", cwd=folder / "nowhere")


def test_none_outlives_the_tests(folder):
    """However they end."""
    code = ("import os, subprocess, sys; from tests.commands import Command; "
            f"command = Command(*{LONG}, stdout=subprocess.PIPE); command.stdout.readline(); "
            "print(command.pid, os.popen(f'ps -o ppid= {command.pid}').read()); sys.stdout.flush(); os._exit(0)")

    told = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])})

    end = time.monotonic() + 30
    for pid in map(int, told.stdout.split()):
        while os.path.exists(f"/proc/{pid}") and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text():
            assert time.monotonic() < end, "it lives"
            time.sleep(0.02)
