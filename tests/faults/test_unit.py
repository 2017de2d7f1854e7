"""The shipped units, as systemd judges them without running them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
THRESHOLD = "12"
"""Exposure in tenths: 1.2 of 10."""


@pytest.fixture
def stubbed(tmp_path):
    """The units with a program that is there on any machine, and the user that it runs as."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("T72: needs systemd-analyze")
    made = []
    for unit in sorted(UNITS.glob("*.service")):
        name = unit.name.replace("@", "@web")
        (tmp_path / name).write_text(re.sub(r"(?m)^(Exec\w+)=\S+", r"\1=/bin/true", unit.read_text()))
        made.append(tmp_path / name)
    return made


def test_t72_the_units_are_closed_and_whole(stubbed, figures):
    """`systemd-analyze security` finds them exposed by 1.2 at most, and `verify` finds nothing to say."""
    assert ["corowatch.service", "corowatch@web.service"] == [unit.name for unit in stubbed]
    exposed = {}
    for unit in stubbed:
        ran = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={THRESHOLD}",
                              unit], capture_output=True, text=True, check=False)
        assert 0 == ran.returncode, ran.stdout + ran.stderr
        exposed[unit.name] = re.search(r"Overall exposure level for \S+: ([\d.]+)", ran.stdout)[1]
        ran = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True,
                             check=False)
        assert 0 == ran.returncode, ran.stdout + ran.stderr
        assert unit.name not in ran.stdout + ran.stderr
    figures(exposed=" ".join(exposed.values()))
    assert {"1.2"} >= set(exposed.values())


def test_t72_an_open_unit_would_be_found(stubbed):
    """The threshold can be missed."""
    unit = stubbed[0]
    unit.write_text(unit.read_text().replace("NoNewPrivileges=yes\n", "").replace("PrivateDevices=yes\n", ""))
    ran = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={THRESHOLD}",
                          unit], capture_output=True, text=True, check=False)

    assert 0 != ran.returncode
