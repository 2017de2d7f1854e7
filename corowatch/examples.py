"""The examples that are shipped, as rules to begin with."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

_HEAD = re.compile(r"(?:#.*\n)*?((?:# (?!yaml-language-server).*\n)+)flows:\n")


def example(name: str) -> tuple[str, str]:
    """What an example's first lines say of it, and its flows as they are written below `flows:`."""
    shipped = Path(str(files("corowatch"))) / "examples" / f"{name}.yaml"
    if not shipped.exists():  # in a checkout they stand beside the package
        shipped = Path(str(files("corowatch"))).parent / "config" / "examples" / name / "config.yaml"
    text = shipped.read_text(encoding="utf-8")
    found = _HEAD.match(text)
    assert found is not None, f"the example {name} begins with what it is for"
    return found[1], text[found.end():]
