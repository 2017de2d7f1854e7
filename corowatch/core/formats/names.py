"""Keys that stand in a log, as names of fields."""

from __future__ import annotations

import re
from functools import lru_cache

from corowatch.core.events import BUILT_IN
from corowatch.core.formats import Found

_UNSAYABLE = re.compile(r"[^A-Za-z0-9_.-]")
_MANY = 4096
LONGEST = 256
"""Characters of a name; one that is longer is nobody's field, but a line that was made to fill the memory."""
_fit: set[str] = set()
"""Keys that were seen and are names as they are. Asking for all of a line at once costs a tenth of a look at each."""


@lru_cache(_MANY)
def field_name(key: str) -> str:
    """The name under which a parsed key becomes a field, so that `{name}` can say it.

    Characters that no field has become `_`; a key that begins with none of `[A-Za-z_]`, or is a built-in
    field, gets a `_` before it: `host` becomes `_host`.
    """
    name = _UNSAYABLE.sub("_", key)
    plain = name[:1].isalpha() or name[:1] == "_"
    return name if plain and name not in BUILT_IN else f"_{name}"


def named(found: Found) -> Found:
    """`found` under the names of fields; itself, where its keys are names already. What has a longer name is left
    out."""
    if _fit.issuperset(found):
        return found
    fields = {field_name(key): value for key, value in found.items() if len(key) <= LONGEST}
    if len(_fit) > _MANY:
        _fit.clear()
    _fit.update(found.keys() & fields.keys())
    return fields
