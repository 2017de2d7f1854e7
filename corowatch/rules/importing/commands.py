"""Commands of other programs as the words of an `exec` sink.

There, what a line says becomes a part of what a shell reads. Here a shell that must be gets it as its parameters, each
of which is one word; what would pass it to yet another shell is refused.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from corowatch.rules.importing.interpreters import refuse_interpreters
from corowatch.rules.importing.perl_regex import Refused, numbers_in

_SIGNS = re.compile(r"[|&;<>()`*?\[\]#~=!\\{}]")
"""What a shell must read; quotes alone need none."""
_GROUP = r"\$(?:\{(?:\d+|line)\}|\d+|line(?!\w))"
_QUOTED = re.compile(rf"\"(?:\\.|[^\"\\])*\"|'(?P<inner>[^']*)'|\\.|(?P<bare>{_GROUP})", re.DOTALL)
_OPENS = re.compile(r"\$\(|`")
_LINE = re.compile(r"(?<!\\)\$\{?[*_&0](?!\w)\}?")


def command(text: str, as_text: Callable[[str], str]) -> list[str]:
    """The words of a command that names groups by their numbers and the line as `$0` or `$_`. `as_text` makes of such a
    word a text with fields. Raises Refused where there is no program, a line would choose it, or it would read
    what that says as code."""
    refuse_interpreters(text)
    if not _SIGNS.search(re.sub(r"\$\{\w+\}|\$\*", "", text)) and text.count("'") % 2 == text.count('"') % 2 == 0:
        words = [as_text(word) for word in shlex.split(text)]
        if not words or "{" in words[0]:
            raise Refused("a line would choose the program" if words else "there is no command")
        return words
    script, named = _LINE.subn("$line", text.replace("\\@", "@"))
    # A word that begins with a dot is never taken for an option, whatever the line begins with.
    script, line = (f'line="${{0#.}}"; {script}', ".{text}") if named else (script, "sh")
    return shell(_open(script), line, *_words(text, as_text))


def piped(text: str, to: str, as_text: Callable[[str], str] = str) -> list[str]:
    """A text, with fields, on the standard input of a command, which may name groups by their numbers.
    Raises Refused where it would read one as code."""
    refuse_interpreters(to, standard_input=True)
    return shell(f"printf '%s\\n' \"${{0#.}}\" | {_open(to)}", f".{text}", *_words(to, as_text))


def _open(script: str) -> str:
    """A script in which parameters stand in single quotes no longer: there, they put the text in before a shell read
    it. One without quotes gets some: it is one word, whatever it says."""

    def piece(found: re.Match[str]) -> str:
        if found["bare"]:
            return f'"{found["bare"]}"'
        if found[0][0] == '"' and _OPENS.search(found[0]) and re.search(_GROUP, found[0]):
            raise Refused("a command within double quotes names what a line says; put it into a script of its own")
        inner = found["inner"]
        return found[0] if inner is None else "'" + re.sub(_GROUP, r"""'"\g<0>"'""", inner) + "'"

    return _QUOTED.sub(piece, script)


def _words(text: str, as_text: Callable[[str], str]) -> list[str]:
    """What stands for `$1`, `$2` … in a script."""
    numbers = numbers_in(text)
    return [as_text(f"${number}") if number in numbers else "" for number in range(1, max(numbers, default=0) + 1)]


def shell(script: str, *words: str) -> list[str]:
    """A script of the shell with its parameters: what a line says is never a part of the script."""
    return ["/bin/sh", "-c", script.replace("{", "{{").replace("}", "}}"), *words]
