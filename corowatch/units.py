"""The systemd units, with this installation's own paths."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

PLACES = {"corowatch.service": "/etc/systemd/system", "corowatch@.service": "/etc/systemd/system",
          "corowatch.sysusers": "/etc/sysusers.d/corowatch.conf"}
"""Where a machine's administrator puts them: systemd.unit(5), sysusers.d(5)."""
_SHIPPED = "/usr/bin/corowatch"
HOMES = ("/home/", "/root/", "/run/user/")
"""What ProtectHome hides: systemd.exec(5)."""
_ASKED = ("LoadState", "User", "SupplementaryGroups", "StateDirectory", "ProtectHome", "PrivateTmp", "ProtectSystem",
          "ReadWritePaths")


def unit(name: str) -> str:
    """The text of a unit or of the sysusers lines, its commands those of this installation."""
    from importlib.resources import files

    shipped = Path(str(files("corowatch"))) / "systemd" / name
    if not shipped.exists():  # in a checkout they stand beside the package
        shipped = Path(str(files("corowatch"))).parent / "systemd" / name
    return shipped.read_text().replace(_SHIPPED, quoted(command()))


def quoted(path: str) -> str:
    """A path as a word of a unit's command line: systemd.service(5), "Command lines"."""
    # Not "$": of the program itself systemd 252 takes "$$" as it stands.
    path = path.replace("\\", r"\\").replace('"', r"\"").replace("%", "%%")
    return f'"{path}"' if any(one in path for one in " \\'\"") else path


def hidden(path: str) -> bool:
    """Whether the unit's ProtectHome hides this path from the service: systemd.exec(5)."""
    return path.startswith(HOMES)


def command() -> str:
    """The full path of this installation's command."""
    import shutil

    beside = Path(sys.executable).with_name("corowatch")
    return str(beside) if beside.exists() else shutil.which("corowatch") or _SHIPPED


def settings(name: str) -> dict[str, str]:
    """The settings of a unit; of one that stands several times, the last."""
    return dict(line.split("=", 1) for line in unit(name).splitlines() if "=" in line and not line.startswith("#"))


@cache
def installed() -> dict[str, str]:
    """The settings of corowatch.service as systemd has them, with those of drop-ins; else those of the shipped one."""
    try:
        shown = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            ["systemctl", "show", "corowatch.service", f"--property={','.join(_ASKED)}"],  # noqa: S607
            capture_output=True, text=True, check=True, timeout=5).stdout
    except (OSError, subprocess.SubprocessError):
        shown = ""
    told = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    return told if told.get("LoadState") == "loaded" else settings("corowatch.service")
