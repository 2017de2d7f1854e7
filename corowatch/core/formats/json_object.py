"""A JSON object a line (RFC 8259), as structured loggers write it."""

from __future__ import annotations

import msgspec

from corowatch.core.formats import Found
from corowatch.core.formats.names import LONGEST, named

DEEPEST = 50
"""Objects inside each other that are still looked into: far below where Python's own limit would strike."""
_NO_VALUES = frozenset((dict, list, type(None)))

_decode = msgspec.json.Decoder(dict[str, object]).decode
_encode = msgspec.json.Encoder().encode


def json_object(text: str) -> Found | None:
    """Its keys, those of objects inside joined with dots (`http.status`).

    Numbers, texts, true and false stay what they are, null is absent, a list is its JSON text. Of two equal
    keys the last counts; one that is longer than anyone means is left out. None for anything but an object, and for
    one that is nested deeper than anyone means.
    """
    try:
        return named(_flat(_decode(text), DEEPEST))
    except (ValueError, RecursionError):
        return None


def _flat(found: dict[str, object], deeper: int) -> Found:
    if not deeper:
        raise ValueError("nested too deep")
    if not _NO_VALUES.isdisjoint(map(type, found.values())):
        for key in [key for key, value in found.items() if type(value) in _NO_VALUES]:
            value = found.pop(key)
            if isinstance(value, dict):
                for name, inner in _flat(value, deeper - 1).items():
                    if len(key) + len(name) < LONGEST:  # at once: it would be repeated in the name of each inside
                        found[f"{key}.{name}"] = inner
            elif value is not None:
                found[key] = _encode(value).decode()
    return found  # type: ignore[return-value]  # nothing but values is left in it
