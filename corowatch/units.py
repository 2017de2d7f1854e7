"""The systemd units, with this installation's own paths."""

from __future__ import annotations

import shutil
import sys
from importlib.resources import files
from pathlib import Path

PLACES = {"corowatch.service": "/etc/systemd/system", "corowatch@.service": "/etc/systemd/system",
          "corowatch.sysusers": "/etc/sysusers.d/corowatch.conf"}
"""Where a machine's administrator puts them: systemd.unit(5), sysusers.d(5)."""
_SHIPPED = "/usr/bin/corowatch"


def unit(name: str) -> str:
    """The text of a unit or of the sysusers lines, its commands those of this installation."""
    shipped = Path(str(files("corowatch"))) / "systemd" / name
    if not shipped.exists():  # in a checkout they stand beside the package
        shipped = Path(str(files("corowatch"))).parent / "systemd" / name
    return shipped.read_text().replace(_SHIPPED, quoted(command()))


def quoted(path: str) -> str:
    """A path as a word of a unit's command line: systemd.service(5), "Command lines"."""
    path = path.replace("\\", r"\\").replace('"', r"\"").replace("%", "%%").replace("$", "$$")
    return f'"{path}"' if any(one in path for one in " \\'\"") else path


def hidden(path: str) -> bool:
    """Whether the unit's ProtectHome hides this path from the service: systemd.exec(5)."""
    return path.startswith(("/home/", "/root/", "/run/user/"))


def command() -> str:
    """The full path of this installation's command."""
    beside = Path(sys.executable).with_name("corowatch")
    return str(beside) if beside.exists() else shutil.which("corowatch") or _SHIPPED


def settings(name: str) -> dict[str, str]:
    """The settings of a unit; of one that stands several times, the last."""
    return dict(line.split("=", 1) for line in unit(name).splitlines() if "=" in line and not line.startswith("#"))
