"""logfmt: `level=info msg="it works" took=5ms`, as Heroku's router began it and Go's kr/logfmt defined it.

By Brandur Leach (https://brandur.org/logfmt) and Kyle Brandt's and Keith Rarick's parsers: a pair is
`key=value`, a value with blanks stands in double quotes, a key alone is true.
"""

from __future__ import annotations

import re

from corowatch.core.formats import Found
from corowatch.core.formats.names import named
from corowatch.core.formats.quoting import unquoted

_WORD = re.compile(r'([^\s="]++)(?:(=)("[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s"]*+))?(?!\S)|(\S.*)', re.DOTALL)


def logfmt(text: str) -> Found | None:
    """Its keys; values are texts, a key alone is true, `key=` is an empty text.

    The whole line must be made of such words, and one of them at least a pair: prose is no logfmt.
    """
    fields: Found = {}
    pairs = 0
    for key, equals, value, stray in _WORD.findall(text):
        if stray:
            return None
        if equals:
            pairs += 1
            fields[key] = unquoted(value) if value[:1] == '"' else value
        else:
            fields[key] = True
    return named(fields) if pairs else None
