"""With real child processes."""

import json
import os
import subprocess
import sys
import time

import pytest

from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert, Delivery
from corowatch.core.text import Text
from corowatch.sinks.exec import exec_

ALERT = Alert(id="1", flow="f", node="alert", title="disk full", severity="error", at="2026-11-22T10:00:00+00:00",
              fields={"ip": "192.0.2.7", "user": "$(id); `id`", "opt": "-rf", "many": "a\nb"})


def run(*argv, timeout=10.0, once=False, alert=ALERT):
    exec_(argv=[Text(word) for word in argv], timeout=timeout, once=once).send(alert)


def python(code, *argv, **options):
    run(sys.executable, "-c", code.replace("{", "{{").replace("}", "}}"), *argv, **options)


def test_the_alert_is_json_on_standard_input_and_words_are_expanded(tmp_path):
    out = tmp_path / "out"

    python("import json,sys; json.dump([json.load(sys.stdin), sys.argv[2:]], open(sys.argv[1], 'w'))",
           str(out), "{ip}", "{severity}: {title}", "{user}", "{{}}")

    alert, argv = json.loads(out.read_text())
    assert json.loads(ALERT.as_json()) == alert
    assert ["192.0.2.7", "error: disk full", "$(id); `id`", "{}"] == argv


def test_its_environment_is_minimal(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    out = tmp_path / "out"

    python("import os,sys; open(sys.argv[1], 'w').write(' '.join(sorted(os.environ)))", str(out))

    assert {"LANG", "PATH"} >= set(out.read_text().split()) - {"LC_CTYPE"}


def test_a_field_cannot_become_an_option():
    with pytest.raises(Undelivered, match="'{opt}' became '-rf', which a command would take for an option") as refused:
        run("/bin/echo", "{opt}")

    assert refused.value.permanent


def test_a_field_cannot_forge_a_second_line(tmp_path):
    out = tmp_path / "out"

    python("import sys; open(sys.argv[1], 'w').write(sys.argv[2])", str(out), "{many}")

    assert "a\\nb" == out.read_text()


@pytest.mark.parametrize(("status", "permanent"), [(1, False), (75, False), (65, True), (77, True)])
def test_how_it_ends_decides(status, permanent):
    code = f"import sys; sys.stderr.write('first\\nno \\x1b[31msuch user\\n'); sys.exit({status})"

    with pytest.raises(Undelivered, match=r": first / no \\x1b\[31msuch user") as failed:
        python(code)

    assert permanent == failed.value.permanent


@pytest.mark.parametrize("code", ["sys.exit(1)", "sys.exit(77)", "os.kill(os.getpid(), 9)", "time.sleep(60)"])
def test_what_is_run_once_is_delivered_however_it_ends(code, tmp_path):
    out = tmp_path / "out"

    python(f"import os, sys, time; print('x', file=open(sys.argv[1], 'a')); {code}", str(out), once=True, timeout=1.0)

    assert "x\n" == out.read_text()


def test_what_cannot_be_started_even_once_is_tried_again():
    with pytest.raises(Undelivered, match="/no/such: No such file or directory") as failed:
        run("/no/such", once=True)

    assert not failed.value.permanent


def test_a_command_that_is_not_there_may_come():
    with pytest.raises(Undelivered, match="/no/such: No such file or directory") as failed:
        run("/no/such")

    assert not failed.value.permanent


def test_a_file_that_may_not_be_run_may_become_a_command(tmp_path):
    (tmp_path / "page").write_text("#!/bin/sh\n")

    with pytest.raises(Undelivered, match="page: Permission denied") as failed:
        run(str(tmp_path / "page"))

    assert not failed.value.permanent


def test_a_word_has_an_end_so_that_every_alert_can_leave(tmp_path):
    out = tmp_path / "out"
    long = Alert(id="1", flow="f", node="n", title="\x01" * 40_000, severity="error", at="")

    python("import sys; open(sys.argv[1], 'w').write(sys.argv[2])", str(out), "{title}", alert=long)

    assert r"\x01" * 1024 + "…" == out.read_text()


def test_what_it_said_is_what_the_other_side_answered():
    delivery = Delivery()

    exec_(argv=[Text("sh"), Text("-c"), Text("echo first >&2; echo queued as 7 >&2")], timeout=10.0,
          delivery=delivery).send(ALERT)

    assert "first / queued as 7" == delivery.said


def test_it_may_open_as_many_files_as_before_the_daemon_raised_its_own_limit(tmp_path):
    code = """
import resource, sys
from corowatch.core.events import Alert
from corowatch.core.text import Text
from corowatch.sinks.exec import exec_
resource.setrlimit(resource.RLIMIT_NOFILE, (2 * resource.getrlimit(resource.RLIMIT_NOFILE)[0],) * 2)
exec_(argv=[Text("sh"), Text("-c"), Text('ulimit -S -n > "$0"; echo "$1" >> "$0"'), Text(sys.argv[1]), Text("{title}")],
      timeout=10.0).send(Alert(id="1", flow="f", node="n", title="$(id) 'x'", severity="error", at=""))
"""

    subprocess.run(["sh", "-c", 'ulimit -S -n 100; exec "$@"', "sh", sys.executable, "-c", code, tmp_path / "out"],
                   check=True)

    assert "100\n$(id) 'x'\n" == (tmp_path / "out").read_text()


def gone(pid):
    """Whether a process has ended (a zombie has)."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_at_its_timeout_it_is_killed_with_all_that_it_started(tmp_path):
    out = tmp_path / "pids"
    code = ("import os,signal,sys,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); child = os.fork(); "
            "open(sys.argv[1], 'a').write(f'{os.getpid()} '); time.sleep(60)")

    with pytest.raises(Undelivered, match="took over 0.7 s and was killed"):
        python(code, str(out), timeout=0.7)

    pids = list(map(int, out.read_text().split()))
    assert 2 == len(pids)
    until(lambda: all(map(gone, pids)))


def until(truth):
    end = time.monotonic() + 10
    while not truth():
        assert time.monotonic() < end
        os.sched_yield()


def test_what_it_leaves_behind_ends_with_it(tmp_path):
    out = tmp_path / "pid"
    code = ("import os,sys,time; pid = os.fork(); "
            "pid and open(sys.argv[1], 'w').write(str(pid)) or pid or time.sleep(60)")

    python(code, str(out), timeout=30.0)

    until(lambda: gone(int(out.read_text())))


def test_a_command_that_says_too_much_and_reads_nothing_does_no_harm():
    big = Alert(id="1", flow="f", node="n", title="x", severity="error", at="", fields={"long": "x" * 1_000_000})

    python("import sys; sys.stdin.close(); sys.stdout.write('y' * 5_000_000); sys.stderr.write('z' * 5_000_000)",
           alert=big)


def test_no_descriptor_is_leaked():
    run("/bin/true")
    before = len(os.listdir("/proc/self/fd"))

    for _ in range(5):
        run("/bin/true")
        with pytest.raises(Undelivered):
            run("/bin/false")

    assert before == len(os.listdir("/proc/self/fd"))
