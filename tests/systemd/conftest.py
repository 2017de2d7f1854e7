"""A real systemd to run the shipped units on: in namespaces of its own, with its own journal, which may be rebooted.

`COROWATCH_SYSTEMD_HOST` names the program that gives it (commands: up, run, reboot, path, down; its own failures exit
with 125). `SYSTEMD_HOST_VENV` is a virtual environment with the wheel installed.
"""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = Path(os.environ.get("COROWATCH_SYSTEMD_HOST", ROOT.parent / "shared" / "tools" / "systemd-host"))
COMMAND = "/opt/systemd-host/venv/bin/corowatch"


CONFIG = """\
flows:
  app:
    tail: {paths: /var/log/app.log, start: beginning}
    grep: ERROR
    alert: {to: out, title: '{text}'}
  other:
    journal: {units: other.service}
    alert: {to: out, title: 'journal {text}'}
sinks:
  out: {file: /var/lib/corowatch/alerts.jsonl}
"""


class Host:
    """The machine inside."""

    config = CONFIG

    def __init__(self):
        self.environment = {**os.environ, "PROJECT": str(ROOT), "SYSTEMD_HOST_NAME": f"corowatch-{os.getpid()}"}

    def tool(self, *words, **options):
        ran = subprocess.run([PROGRAM, *words], env=self.environment, capture_output=True, text=True, timeout=180,
                             check=False, **options)
        if ran.returncode == 125:
            pytest.fail(f"the systemd host failed: {ran.stderr}")
        return ran

    def run(self, *words, check=True, **options):
        ran = self.tool("run", *words, **options)
        assert not check or ran.returncode == 0, f"{words}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def status(self, *words):
        """The exit status of a command inside."""
        return self.tool("run", *words).returncode

    def write(self, path, text, mode=0o644, *, append=False):
        """Write a file inside; there, as here, a path begins at the root."""
        place = Path(self.tool("path").stdout.strip() + path)
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("a" if append else "w") as file:
            file.write(text)
        place.chmod(mode)

    def read(self, path):
        place = Path(self.tool("path").stdout.strip() + path)
        return place.read_text() if place.exists() else ""

    def journal(self, unit="corowatch"):
        return self.run("journalctl", "--no-pager", "--output=cat", "-u", unit)

    def show(self, name):
        return self.run("systemctl", "show", "--property", name, "--value", "corowatch").strip()

    def until(self, predicate, seconds=30.0):
        end = time.monotonic() + seconds
        while not (found := predicate()):
            assert time.monotonic() < end, f"it did not come; the journal: {self.journal()}"
            time.sleep(0.1)
        return found

    def titles(self):
        """The titles of the alerts that the service wrote to its file."""
        return [json.loads(row)["title"] for row in self.read("/var/lib/corowatch/alerts.jsonl").splitlines()]


@pytest.fixture(scope="session")
def host():
    if not PROGRAM.exists():
        pytest.skip(f"no real systemd here: {PROGRAM} is not there")
    if os.geteuid() != 0:
        pytest.skip("a systemd of one's own needs root")
    made = Host()
    made.tool("down")
    assert made.tool("up").returncode == 0
    for name in ("corowatch.service", "corowatch@.service"):
        made.write(f"/etc/systemd/system/{name}", made.run(COMMAND, "service", name))
    made.write("/etc/sysusers.d/corowatch.conf", made.run(COMMAND, "service", "corowatch.sysusers"))
    made.run("systemd-sysusers")
    yield made
    made.tool("down")


@pytest.fixture
def service(host):
    """The service, with a config and an empty state, not started."""
    host.status("systemctl", "stop", "corowatch")
    host.status("systemctl", "reset-failed", "corowatch")
    host.run("rm", "-rf", "/var/lib/corowatch", "/var/log/app.log", "/etc/systemd/system/corowatch.service.d",
             "/etc/corowatch")
    host.run("journalctl", "--rotate", "--vacuum-time=1s")
    host.write("/etc/corowatch/corowatch.yaml", CONFIG)
    host.write("/var/log/app.log", "", 0o640)
    host.run("chgrp", "adm", "/var/log/app.log")
    host.run("systemctl", "daemon-reload")
    return host
