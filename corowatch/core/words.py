"""The words of a command, with fields in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from corowatch.core.events import Value
from corowatch.core.text import Text, capped, safe


def words(argv: Sequence[Text], values: Mapping[str, Value]) -> list[str]:
    """The command, its texts rendered. Raises ValueError where a field makes an option of a word."""
    told = []
    for text in argv:
        word = capped(safe(text.render(values)))
        if word.startswith("-") and not text.source.startswith("-"):
            raise ValueError(f"{text.source!r} became {word!r}, which a command would take for an option")
        told.append(word)
    return told
