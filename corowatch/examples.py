"""The examples that are shipped, as rules to begin with."""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path

SHIPPED = Path(str(files("corowatch"))) / "examples"
CHECKOUT = SHIPPED.parents[1] / "config" / "examples"
"""In a checkout they stand beside the package."""
_HEAD = re.compile(r"(?:#.*\n)*?((?:# (?!yaml-language-server).*\n)+)flows:\n")


def folder() -> Path | None:
    """Where all of them are, each with its input and its alerts; None if they are not installed."""
    places = (CHECKOUT, Path(sys.prefix) / "share" / "doc" / "corowatch" / "examples")
    return next((place for place in places if place.is_dir()), None)


def example(name: str) -> tuple[str, str]:
    """What an example's first lines say of it, and its flows as they are written below `flows:`. Raises
    FileNotFoundError with a sentence for the operator."""
    shipped, checkout = SHIPPED / f"{name}.yaml", CHECKOUT / name / "config.yaml"
    try:
        text = (shipped if shipped.exists() or not checkout.exists() else checkout).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileNotFoundError(f"the rules of {name} are not where they were installed ({shipped}); install corowatch "
                                "again") from None
    found = _HEAD.match(text)
    assert found is not None, f"the example {name} begins with what it is for"
    return found[1], text[found.end():]
