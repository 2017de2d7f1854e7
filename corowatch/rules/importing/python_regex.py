"""Regular expressions of Python's `re` as patterns of ours: what is written otherwise, and names of groups."""

from __future__ import annotations

import re
from collections.abc import Callable

from corowatch.core.pattern import SET

_SIGN = re.compile(r"\\.|[\x00-\x1f\x7f]", re.DOTALL)

_TOKEN = re.compile(
    rf"(?P<escape>\\.)|(?P<set>{SET})|(?P<count>\{{,(?=\d+\}}))|(?P<flags>\((?:\?:)?\(\?(?P<letters>[aimsux]+)\))"
    r"|\(\?P?(?P<how><(?![=!])|=|\()(?P<name>[A-Za-z_]\w*)(?=[>)])", re.DOTALL)


def translated(expression: str, name: Callable[[str], str] = str) -> str:
    """`expression` as a pattern of ours. `name` gives the groups their new names."""

    def piece(found: re.Match[str]) -> str:
        if found["count"]:
            return "{0,"  # RE2 takes {,3} for text
        if found["flags"]:
            return f"(?{found['letters']}:"  # as fail2ban has it: the flag is for the group alone
        if found["name"]:
            head = {"<": "(?P<", "=": "(?P=", "(": "(?("}[found["how"]]
            return head + name(found["name"])
        return {r"\Z": r"\z"}.get(found[0], found[0])

    return printable(_TOKEN.sub(piece, expression))


def printable(expression: str) -> str:
    """`expression` with controls as their escapes: no config holds one."""

    def sign(found: re.Match[str]) -> str:
        char = found[0][-1]
        return f"\\x{ord(char):02x}" if char < " " or char == "\x7f" else found[0]

    return _SIGN.sub(sign, expression)


def groups(expression: str) -> tuple[str, ...]:
    """The names of its groups, in their order."""
    return tuple(found["name"] for found in _TOKEN.finditer(expression) if found["name"] and found["how"] == "<")
