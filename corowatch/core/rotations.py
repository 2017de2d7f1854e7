"""Which files are named as what became of a log: `app.log.1`, `app.log-20261125.gz`, `app-20261125.log` of `app.log`.

As logrotate (`dateext`, `extension`, `compressext`), log4j, Python's handlers and cronolog name them. A name alone
proves nothing: whether such a file is one that was read before, its bytes must tell.
"""

from __future__ import annotations

import re
from functools import lru_cache

_END = r"\.(?:gz|xz|bz2|zst)"
_PACKED = rf"(?:{_END})?"
_TURN = r"[.\-_](?:\d[\dT:.\-_]*Z?|old|bak|prev)"
"""A count, a date, a time, or a word for the one before."""
_DATE = r"[.\-_]\d{4}-?\d\d[\dT:.\-_]*Z?"
_AT_THE_END = re.compile(rf"(.+?)(?:{_TURN})?{_PACKED}")
_BEFORE_THE_EXTENSION = re.compile(rf"(.+?){_TURN}(\.(?!gz|xz|bz2|zst)[A-Za-z]+){_PACKED}")
_COUNT = re.compile(rf".+[.\-_](\d{{1,4}}){_PACKED}")
_JUST_PACKED = re.compile(rf"(.+){_END}")


def is_packed(name: str) -> bool:
    """Whether a file is named as what a packer makes."""
    return _JUST_PACKED.fullmatch(name) is not None


@lru_cache(maxsize=16384)
def bases_of(name: str) -> frozenset[str]:
    """The names that a file of this name (no folders) may have had before it was rotated; most have none."""
    ways = (_AT_THE_END.fullmatch(name), _BEFORE_THE_EXTENSION.fullmatch(name), _JUST_PACKED.fullmatch(name))
    return frozenset("".join(found.groups()) for found in ways if found) - {name}


def age(name: str) -> tuple[bool, int, str]:
    """What sorts the names of one log's files from the oldest to the one in use, where their times are the same."""
    count = _COUNT.fullmatch(name)
    return not bases_of(name), -int(count[1]) if count else 0, name


def succeeds(name: str, base: str) -> bool:
    """Whether a name is surely one of a log that was rotated away: `app-2.log` may as well be another program's."""
    stem, dot, extension = base.rpartition(".")
    at_the_end = rf"{re.escape(base)}(?:[.\-_]\d[\dT:.\-_]*Z?){_PACKED}"
    before = rf"{re.escape(stem)}{_DATE}{re.escape(dot + extension)}{_PACKED}"
    return re.fullmatch(at_the_end, name) is not None or (bool(stem) and re.fullmatch(before, name) is not None)
