"""Names of flows out of the texts and patterns of rules: their words, as many as are read at a glance."""

from __future__ import annotations

import re

LONGEST = 40
"""Characters of a name."""
_NO_WORD = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?<?[=!][^)]*\)|\(\?[^)>:]*[>:)]|\{[\d,]*\}"
    r"|[$%]\+?(?:\{[^}]*\}|\.?\w+)", re.DOTALL)
"""What stands for other characters in an expression, and variables."""
_EITHER_CASE = re.compile(r"\[([A-Za-z])(?!\1)((?i:\1))\]")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")


def name_of(*texts: str) -> str:
    """The words of the first text that has some, joined by `-`; nothing if none has. Variables and what an expression
    does not name are left out, and single letters where there are other words."""
    for text in texts:
        words: list[str] = list(dict.fromkeys(_WORD.findall(_NO_WORD.sub(" ", _EITHER_CASE.sub(r"\2", text)))))
        words = [word for word in words if len(word) > 1] or words
        if words:
            name = words[0][:LONGEST]
            for word in words[1:]:
                if len(name) + 1 + len(word) > LONGEST:
                    break
                name += f"-{word}"
            return name.lower()
    return ""
