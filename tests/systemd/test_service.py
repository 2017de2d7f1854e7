"""The shipped unit under a real systemd, with a real journal."""

import os
import subprocess
from pathlib import Path

import pytest

from corowatch.slices import SLICE

pytestmark = [pytest.mark.systemd, pytest.mark.slow]

UNITS = Path(__file__).parents[2] / "systemd"


def say(host, *texts):
    host.write("/var/log/app.log", "".join(f"{text}\n" for text in texts), 0o640, append=True)


def other_says(host, text):
    host.run("systemd-run", "--quiet", "--wait", "--unit=other", "echo", text)


def start(host):
    assert host.status("systemctl", "start", "corowatch") == 0, host.journal()


def test_it_starts_turns_ready_and_alerts(service):
    start(service)
    assert "active" == service.show("ActiveState")
    assert "2 flows, 1 file" == service.show("StatusText")

    say(service, "INFO x", "ERROR disk full")

    service.until(lambda: ["ERROR disk full"] == service.titles())


def test_it_runs_as_its_own_user_and_keeps_its_state_to_itself(service):
    start(service)

    assert "corowatch" == service.show("User")
    assert "700 corowatch" == service.run("stat", "-c", "%a %U", "/var/lib/corowatch").strip()


def test_a_reload_takes_a_good_config_and_refuses_a_bad_one(service):
    start(service)
    service.write("/etc/corowatch/corowatch.yaml", service.config.replace("grep: ERROR", "grep: FATAL"))
    assert 0 == service.status("systemctl", "reload", "corowatch")

    service.write("/etc/corowatch/corowatch.yaml", service.config.replace("grep: ERROR", "gerp: PANIC"))
    assert 0 != service.status("systemctl", "reload", "corowatch")
    say(service, "ERROR a", "PANIC b", "FATAL c")

    service.until(lambda: "FATAL c" in service.titles())
    assert not {"ERROR a", "PANIC b"} & set(service.titles())
    assert "did you mean 'grep'?" in service.journal()
    assert "active" == service.show("ActiveState")


def test_a_helper_that_memory_runs_out_for_does_not_end_it(service):
    """systemd.service(5): by default a service is stopped when any of its processes is killed for that."""
    assert "continue" == service.show("OOMPolicy")


def test_its_slices_of_the_processor_are_short(service):
    """The unit's filter of system calls lets it ask for them: sched_setattr(2)."""
    start(service)
    tasks = f"/proc/{service.show('MainPID')}/task"
    told = [line for task in service.run("ls", tasks).split()
            for line in service.run("cat", f"{tasks}/{task}/sched").splitlines() if line.startswith("se.slice")]
    if not told:
        pytest.skip("this kernel does not tell")

    assert {str(SLICE)} == {line.split()[-1] for line in told}


def test_a_bad_config_at_the_start_is_not_tried_in_a_loop(service):
    service.write("/etc/corowatch/corowatch.yaml", service.config.replace("grep", "gerp"))

    assert 0 != service.status("systemctl", "start", "corowatch")

    assert ("failed", "0", "78") == tuple(map(service.show, ("ActiveState", "NRestarts", "ExecMainStatus")))
    assert "corowatch.yaml:4:5: no kind 'gerp'; did you mean 'grep'?" in service.journal()


def test_a_stop_leaves_the_summary_in_the_journal(service):
    start(service)
    say(service, "ERROR disk full")
    service.until(service.titles)

    service.run("systemctl", "stop", "corowatch")

    told = service.journal()
    assert "event=node.closed node=app.grep" in told
    assert "event=summary reason=SIGTERM" in told
    assert "0" == service.show("ExecMainStatus")


def test_kill_9_is_followed_by_a_start_that_loses_nothing(service):
    start(service)
    for n in range(5):
        say(service, f"ERROR {n} before")
        service.run("systemctl", "kill", "--signal=KILL", "corowatch")
        say(service, f"ERROR {n} after")
        service.until(lambda n=n: (service.show("NRestarts"), service.show("ActiveState")) == (str(n + 1), "active"))

    want = [f"ERROR {n} {when}" for n in range(5) for when in ("before", "after")]
    service.until(lambda: len(service.titles()) >= len(want))
    assert want == service.titles()


def test_a_file_that_was_removed_unread_is_finished_after_a_crash(service):
    start(service)
    say(service, "ERROR one")
    service.until(service.titles)
    service.until(lambda: service.show("NFileDescriptorStore") == "1")

    service.run("systemctl", "kill", "--signal=STOP", "corowatch")
    say(service, "ERROR unread")
    service.run("rm", "/var/log/app.log")
    service.run("systemctl", "kill", "--signal=KILL", "corowatch")

    service.until(lambda: len(service.titles()) == 2)
    assert ["ERROR one", "ERROR unread"] == service.titles()


def test_a_pump_that_hangs_is_killed_with_its_stacks_in_the_journal_and_started_anew(service):
    service.write("/etc/corowatch/rules.py", "import re\ndef hang(target):\n    while True:\n        event = yield\n"
                  "        if 'hang' in event.text: re.match('(a+)+$', 'a' * 60 + 'b')\n        target.send(event)\n")
    service.write("/etc/corowatch/corowatch.yaml", service.config.replace("grep: ERROR", "python: rules.py:hang"))
    service.write("/etc/systemd/system/corowatch.service.d/quick.conf", "[Service]\nWatchdogSec=2s\n")
    service.run("systemctl", "daemon-reload")
    start(service)

    say(service, "please hang")

    service.until(lambda: "watchdog" in service.journal().lower() and int(service.show("NRestarts")) >= 1)
    assert 'File "/etc/corowatch/rules.py", line 5 in hang' in service.journal()


def test_it_alerts_on_another_units_entries_and_goes_on_from_its_cursor_after_a_reboot(service):
    start(service)
    other_says(service, "one")
    service.until(lambda: "journal one" in service.titles())
    service.run("systemctl", "enable", "corowatch")
    service.run("systemctl", "stop", "corowatch")
    other_says(service, "two")

    assert service.tool("reboot").returncode == 0
    other_says(service, "three")

    service.until(lambda: "journal three" in service.titles())
    assert ["journal one", "journal two", "journal three"] == [
        title for title in service.titles() if title.split()[1] in ("one", "two", "three")]
    service.run("systemctl", "disable", "corowatch")


def test_a_log_that_it_may_not_read_is_told_with_the_cure(service):
    service.run("chmod", "600", "/var/log/app.log")
    start(service)

    service.until(lambda: "/var/log/app.log: Permission denied" in service.journal())
    assert "active" == service.show("ActiveState")
    assert "cannot be read by corowatch: /var/log/app.log" in service.run(
        "/opt/systemd-host/venv/bin/corowatch", "check", "/etc/corowatch")


def test_one_of_several_reads_the_config_of_its_name(service):
    service.write("/etc/corowatch/web.yaml", service.config.replace("/var/lib/corowatch/", "/var/lib/corowatch-web/"))

    assert 0 == service.status("systemctl", "start", "corowatch@web")
    say(service, "ERROR of web")

    service.until(lambda: "ERROR of web" in service.read("/var/lib/corowatch-web/alerts.jsonl"))
    service.run("systemctl", "stop", "corowatch@web")


def test_a_command_may_restart_the_services_that_the_drop_in_names_and_no_other(service):
    drop_in = (UNITS / "restart-services.conf").read_text()
    rule = "\n".join(row[2:] for row in drop_in.splitlines() if row.startswith("#   "))
    service.write("/etc/polkit-1/rules.d/50-corowatch.rules", rule)
    service.write("/etc/systemd/system/corowatch.service.d/restart-services.conf", drop_in)
    for name in ("myapp", "another"):
        service.write(f"/etc/systemd/system/{name}.service", "[Service]\nExecStart=/bin/sleep 1000\n")
    service.write("/etc/corowatch/corowatch.yaml", service.config.replace("to: out", "to: [out, again]").replace(
        "sinks:", "sinks:\n  again: {exec: [systemctl, --no-ask-password, restart, '{text}.service']}").replace(
        "grep: ERROR", "grep: 'myapp|another'"))
    service.run("systemctl", "daemon-reload")
    service.run("systemctl", "start", "polkit", "myapp", "another")
    started = {name: pid(service, name) for name in ("myapp", "another")}
    start(service)

    say(service, "myapp", "another")

    service.until(lambda: pid(service, "myapp") not in (started["myapp"], "0"))
    service.until(lambda: "Interactive authentication required" in service.journal())
    assert started["another"] == pid(service, "another")


def pid(host, unit):
    return host.run("systemctl", "show", "--property=MainPID", "--value", unit).strip()


@pytest.mark.parametrize("name", ["corowatch.service", "corowatch@.service"])
def test_little_is_left_to_whoever_takes_it_over(name, tmp_path):
    unit = tmp_path / name
    unit.write_text((UNITS / name).read_text().replace("/usr/bin/corowatch", "/bin/true"))

    scored = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=12", unit], check=False,
                            capture_output=True, text=True)
    verified = subprocess.run(["systemd-analyze", "verify", unit], check=False, capture_output=True, text=True,
                              env={**os.environ, "SYSTEMD_LOG_LEVEL": "info"})

    assert 0 == scored.returncode, scored.stdout
    assert ("", "") == (verified.stdout, verified.stderr)
