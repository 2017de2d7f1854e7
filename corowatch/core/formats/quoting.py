"""Quoted values, as logfmt and key=value lines have them."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_NAMED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def unquoted(value: str) -> str:
    r"""What stands between the quotes of `value`, with `\"`, `\n`, `\u00e9` and so on undone."""
    inside = value[1:-1]
    if "\\" not in inside:
        return inside
    # Two escapes may make one character together; half a one alone becomes U+FFFD, for nothing could store it.
    halves = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _NAMED.get(found[2], found[2]), inside)
    return halves.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
