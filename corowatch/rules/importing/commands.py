"""Commands of other programs as the words of an `exec` sink.

There, what a line says becomes a part of what a shell reads. Here a shell that must be gets it as its parameters, each
of which is one word; what would pass it to yet another shell is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from corowatch.rules.importing.interpreters import refuse_interpreters, tokens
from corowatch.rules.importing.perl_regex import Refused, numbers_in

_SIGNS = re.compile(r"[|&;<>()`*?\[\]#~=!\\{}]|\$[A-Za-z]")
"""What a shell must read; quotes need none."""
_GROUP = r"\$(?:\{(?:\d+|line)\}|\d+|line(?!\w))"
_QUOTED = re.compile(rf"\"(?:\\.|[^\"\\])*\"|'(?P<inner>[^']*)'|\\.|(?P<bare>{_GROUP})|\$\{{?(?P<name>[A-Za-z_]\w*)"
                     r"|(?P<sign>\$?\(|\)|`)", re.DOTALL)
_LONG = re.compile(r"\$(\d\d+)")
_PART = re.compile(r"\$\{(?:[#!]|(?:\d+|line)[^\w}])[^}]*\}?")
_OPENS = re.compile(r"\$\(|`")
_WITHOUT = re.compile(r"\$\([^()$`'\"\\]*\)")
"""A command within another that names nothing."""
_LINE = re.compile(r"(?<!\\)\$\{?[*_&0](?!\w)\}?")


def command(text: str, as_text: Callable[[str], str], as_script: Callable[[str], str] = str) -> list[str]:
    """The words of a command that names groups by their numbers and the line as `$0` or `$_`. `as_text` makes of such a
    word a text with fields, `as_script` of the whole what a shell reads, in which such names stay. Raises Refused where
    there is no program, a line would choose it, or it would read what that says as code."""
    refuse_interpreters(text)
    if not _SIGNS.search(re.sub(r"\$\+?\{\w+\}|\$\*", "", text)):
        words = [as_text(word) for word in tokens(text)]
        if not words or "{" in words[0]:
            raise Refused("a line would choose the program" if words else "there is no command")
        return words
    script, named = _LINE.subn("$line", as_script(text))
    script = _open(script)
    # A word that begins with a dot is never taken for an option, whatever the line begins with.
    script, line = (f'line="${{0#.}}"; {script}', ".{text}") if named else (script, "sh")
    return shell(script, line, *_words(text, as_text))


def piped(to: str, as_text: Callable[[str], str], as_script: Callable[[str], str] = str,
          text: str = "{text}") -> list[str]:
    """A text with fields, the line if no other is said, on the standard input of a command. It is as of `command`."""
    refuse_interpreters(to, standard_input=True)
    script, named = _LINE.subn("$line", as_script(to))
    script, words = f"printf '%s\\n' \"${{0#.}}\" | {_open(script)}", _words(to, as_text)
    if named:
        words.append(".{text}")
        script = f'line="${{{len(words)}#.}}"; {script}'
    return shell(script, f".{text}", *words)


def _open(script: str) -> str:
    """A script in which parameters stand in single quotes no longer: there, they put the text in before a shell read
    it. One without quotes gets some: it is one word, whatever it says. Raises Refused where that cannot be so."""
    if part := _PART.search(script):
        raise Refused(f"{part[0]} is a part of what a line says; put it into a script of its own")
    script = _LONG.sub(r"${\1}", script)  # a shell reads $10 as ${1}0
    if not re.search(_GROUP, script):
        return script
    around: list[str] = []  # the brackets that are open

    def piece(found: re.Match[str]) -> str:
        text, name = found[0], found["name"]
        if text == "`":
            raise Refused("a command stands in backticks; write $(…) in their place")
        if text == ")":
            del around[-1:]
        elif found["sign"]:
            around.append(text)
        elif re.search(_GROUP, text) and ("$(" in around or (text[0] == '"' and _OPENS.search(_WITHOUT.sub("", text)))):
            raise Refused("a command within another names what a line says; put it into a script of its own")
        elif name and re.search(rf"(?<![\w$/{{-]){name}(?![\w/-])", script):
            raise Refused(f"${name} becomes several words where a line says so; put double quotes around it")
        if found["bare"]:
            return f'"{text}"'
        inner = found["inner"]
        return text if inner is None else "'" + re.sub(_GROUP, r"""'"\g<0>"'""", inner) + "'"

    return _QUOTED.sub(piece, script)


def _words(text: str, as_text: Callable[[str], str]) -> list[str]:
    """What stands for `$1`, `$2` … in a script."""
    numbers = numbers_in(text)
    return [as_text(f"${number}") if number in numbers else "" for number in range(1, max(numbers, default=0) + 1)]


def shell(script: str, *words: str) -> list[str]:
    """A script of the shell with its parameters: what a line says is never a part of the script."""
    return ["/bin/sh", "-c", script.replace("{", "{{").replace("}", "}}"), *words]


def once(argv: list[str]) -> dict[str, object]:
    """The options of an `exec` sink whose command is run as others run theirs: nobody asks for its exit status."""
    return {"argv": argv, "once": True}
