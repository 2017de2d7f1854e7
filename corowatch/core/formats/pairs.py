"""`key=value` pairs among other words: what kernels, firewalls and auditd write."""

from __future__ import annotations

import re

from corowatch.core.formats import Found
from corowatch.core.formats.names import named
from corowatch.core.formats.quoting import unquoted

_QUOTED = r""""[^"\\]*+(?:\\.[^"\\]*+)*+"|'[^'\\]*+(?:\\.[^'\\]*+)*+'"""
# A pair begins after a blank, comma or semicolon only: else each letter of a long word would be tried as a beginning.
_PAIR = re.compile(rf"""(?<![^\s,;])([^\s,;="']++)=(?:({_QUOTED})|([^\s,;]*+))""", re.DOTALL)


def pairs(text: str) -> Found | None:
    """The keys of all pairs, separated by blanks, commas or semicolons; values are texts, quoted or bare.

    Words between them that are no pair are passed over. None if there is no pair at all.
    """
    found: Found = {key: unquoted(quoted) if quoted else bare for key, quoted, bare in _PAIR.findall(text)}
    return named(found) if found else None
