"""The manual page, as man(1) shows it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from corowatch.cli import cli
from corowatch.discovery import discover

PAGE = Path(__file__).parents[1] / "config" / "corowatch.1"


@pytest.fixture
def shown():
    if not shutil.which("groff"):
        pytest.skip("groff is not here to show it")
    ran = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-rHY=0", "-P-cbou", PAGE], capture_output=True, text=True,
                         check=True)
    assert "" == ran.stderr
    return re.sub(r"\s+", " ", ran.stdout)


def test_every_command_and_every_kind_is_in_it(shown):
    for name in cli.commands:
        assert f" {name} [OPTIONS]" in shown
    for kind in discover():
        assert f" {kind.name} {kind.summary.split()[0]} " in shown


def test_backslashes_dots_and_hyphens_are_themselves(shown):
    assert "tail: /var/log/myapp/*.log" in shown
    assert "--state-dir DIR" in shown
