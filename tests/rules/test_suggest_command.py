"""`corowatch suggest`, as a person types it."""

import gzip
import json
import os
import subprocess
import sys

import pytest

from tests.commands import run

LOG = "".join(f"2026-03-02 08:00:{n:02} web1 sshd[{n}]: Accepted publickey for anna from 192.0.2.10 port {n}\n"
              for n in range(40)) + "2026-03-02 08:00:41 web1 kernel: sda: I/O error, sector 7\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "auth.log").write_text(LOG)
    return tmp_path


@pytest.fixture
def command(folder):
    def call(*words, **given):
        environment = {**os.environ, "XDG_CACHE_HOME": str(folder), "TZ": "UTC"}
        return run(*words, cwd=folder, env=environment, **given)

    return call


def test_what_it_prints_is_a_config_that_passes_its_tests(command, folder):
    told = command("suggest", "auth.log")
    (folder / "rules.yaml").write_text(told.stdout)

    assert told.stderr.startswith("2 templates of 41 lines from 2026-03-02 08:00:00Z to 2026-03-02 08:00:41Z, in ")
    assert (0, "2 flows, 0 sinks: no mistakes") == (0, command("check", "rules.yaml").stdout.splitlines()[0])
    assert "4 tests: all pass\n" in command("test", "rules.yaml").stdout
    assert f"tail: '{folder}/auth.log'" in told.stdout


def test_it_writes_a_new_file_and_shows_the_table(command, folder):
    told = command("suggest", "auth.log", "-o", "rules.yaml", "--top", "1")

    assert (0, True) == (told.returncode, "kernel: sda: I/O error, sector <num> " in told.stdout)
    assert "wrote rules.yaml: see it with `corowatch check rules.yaml`" in told.stderr
    assert 1 == (folder / "rules.yaml").read_text().count("grep:")
    again = command("suggest", "auth.log", "-o", "rules.yaml")
    assert (64, True) == (again.returncode, again.stderr.startswith("rules.yaml is there already; name another file"))
    assert 0 == command("suggest", "auth.log", "-o", "rules.yaml", "--force").returncode


def test_as_table_or_as_json_alone(command):
    table, told = command("suggest", "auth.log", "--table").stdout, command("suggest", "auth.log", "--json").stdout

    assert ("error, new, rare" in table, "flows:" in table) == (True, False)
    assert ["kernel: sda: I/O error, sector <num>", "sshd[<num>]: Accepted publickey for anna from <ip> port <num>"
            ] == [one["template"] for one in json.loads(told)["found"]]


def test_packed_logs_standard_input_and_a_part_of_the_time(command, folder):
    (folder / "auth.log.1.gz").write_bytes(gzip.compress(LOG.encode()))

    packed = command("suggest", "auth.log.1.gz", "--since", "2026-03-02T08:00:41Z")
    piped = command("suggest", "-", input=LOG)

    assert ("1 template of 1 line" in packed.stderr, f"tail: '{folder}/auth.log'" in packed.stdout) == (True, True)
    assert ("2 templates of 41 lines" in piped.stderr, "stdin: {}" in piped.stdout) == (True, True)


def test_a_log_that_is_only_an_access_log_has_its_rule(command, folder):
    (folder / "access.log").write_text("".join(
        f'192.0.2.1 - - [02/Mar/2026:08:00:{n:02} +0000] "GET /{n} HTTP/1.1" {200 if n else 503} 12 "-" "curl"\n'
        for n in range(9)))

    told = command("suggest", "access.log", "-o", "rules.yaml")

    assert (0, True) == (told.returncode, "wrote rules.yaml" in told.stderr)
    assert (True, 0) == ("  access-errors:\n" in (folder / "rules.yaml").read_text(),
                         command("test", "rules.yaml").returncode)


@pytest.mark.parametrize("words", [("suggest",), ("accept", "usual.templates")])
def test_nothing_is_learnt_of_a_file_that_is_no_text(command, folder, words):
    (folder / "wtmp").write_bytes(b"\x07\0\0\0pts/0 failed\n\0\0root\0\0" * 9)
    (folder / "hole.log").write_bytes(bytes(99) + b"it begins\n" + bytes(99) + b"it goes on\n")

    told = command(*words, "wtmp", "hole.log", "auth.log")
    alone = command(*words, "wtmp")

    assert "note: wtmp: it is no text, and left out: there are NUL bytes\n" in told.stderr
    assert (0, False) == (told.returncode, "wtmp" in told.stdout or "pts/0" in told.stdout)
    assert "43 lines" in told.stderr
    assert (1, True) == (alone.returncode, "there is no line to learn from" in alone.stderr)


def test_exports_of_the_journal(command):
    entry = json.dumps({"__REALTIME_TIMESTAMP": "1772438400000000", "__CURSOR": "s=1", "MESSAGE": "disk sda1 failed"})

    told = command("suggest", "-", input=f"{entry}\n")

    assert ("    journal: {}\n" in told.stdout, r"\bdisk sda1 failed$" in told.stdout) == (True, True)


@pytest.mark.parametrize(("files", "status", "what"), [
    (["none.log"], 74, "note: none.log: No such file or directory"),
    (["empty.log"], 1, "there is no line to learn from"),
    (["numbers.log"], 1, "no line says a word of which a rule could be made"),
    (["numbers.log", "-o", "new.yaml"], 1, "no line says a word of which a rule could be made")])
def test_where_there_is_nothing_that_is_said(command, folder, files, status, what):
    (folder / "empty.log").write_text("\n")
    (folder / "numbers.log").write_text("12 34\n")

    told = command("suggest", *files)

    assert (status, False, True) == (told.returncode, "flows:" in told.stdout, what in told.stderr)
    assert not (folder / "new.yaml").exists()


def test_a_person_sees_both(folder):
    """Through script(1), which gives it a terminal."""
    told = subprocess.run(["script", "-qec", f"{sys.executable} -m corowatch suggest auth.log", "/dev/null"],
                          cwd=folder, capture_output=True, text=True, timeout=60, check=True,
                          env={**os.environ, "COLUMNS": "120", "XDG_CACHE_HOME": str(folder), "TZ": "UTC"}).stdout

    assert 0 < told.index("template, and its first line") < told.index("flows:")
