"""Formats of log lines, one idea a file: each a function from a text to its fields, None if it is no such text.

What it gives is plain data under names that `{field}` can say; what is absent (`-` in an access log, null in
JSON) has no name at all. None of them raises, whatever the text, and each takes time linear in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from corowatch.core.events import Value

Found: TypeAlias = dict[str, Value]
Format: TypeAlias = Callable[[str], Found | None]
