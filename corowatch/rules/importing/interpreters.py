"""Commands that hand what a line says to another shell, or to a language, which would read it as code.

A parameter of a script is data for the shell that runs the script, and code again for a `sh -c`, an `ssh` or an `awk`
to which that passes it. What such programs read is known to them alone, so a command that names one is not taken, but
for the plain `sh FILE $1`. Where in doubt it is refused: a person can put it into a script.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from corowatch.rules.importing.perl_regex import Refused

SHELLS = re.compile(r"(?:r?ba|da|a|z|m?k|t?c|fi|r?)sh")
LANGUAGES = re.compile(r"(?:perl|python|pypy|ruby|nodejs|php|lua|tclsh|wish|expect|osascript)[\d.]*")
READERS = frozenset({"ssh", "slogin", "autossh", "su", "runuser", "eval", "xargs", "parallel", "psql", "mysql",
                     "mariadb", "sqlite3", "gdb"})
"""Programs that read code, wherever in a command they are named."""
FIRST = frozenset({"at", "batch", "node", "script", "watch", "source", ".", "trap", "screen", "tmux", "flock", "dc",
                   "m4", "ed", "ex", "vi", "vim", "machinectl", "systemd-run"})
"""Those whose names are words, too: where a program is named."""
PROGRAMS = re.compile(r"(?:[gmn]?awk|sed|jq|bc)")
"""Those that read what is on standard input as data, and their arguments as code."""
WRAPPERS = frozenset({"sudo", "doas", "env", "nice", "ionice", "nohup", "setsid", "timeout", "time", "exec", "command",
                      "builtin", "stdbuf", "chroot", "unshare", "nsenter", "busybox", "chrt", "taskset", "if", "then",
                      "else", "elif", "while", "until", "do", "!", "{"})
"""What stands before the name of a program."""
_BETWEEN = re.compile(r"[();<>|&\n]+")
_OPENS = re.compile(r"\$\(|`")
_SAID = re.compile(r"[$%]")
_CODE_OF_SHELL = re.compile(r"-\w*[cs]\w*|[-+][oO]|--(?:command|rcfile|init-file|init-command).*")
_CODE_OF_LANGUAGE = re.compile(r"-\w*[ceErRBFps].*|-|--(?:eval|print|run|command|exec|require|import).*")
_LOGIN = re.compile(r"-\w*[si]\w*|--(?:shell|login)")
_EXECUTES = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_CURE = "let a script of its own take that as a parameter, or on standard input"


def refuse_interpreters(text: str, *, standard_input: bool = False) -> None:
    """Raises Refused where what a line says would be read as code: it stands in the command, as a variable, or is on
    its standard input."""
    named = _SAID.search(text) is not None
    if named or standard_input:
        for words, first in _commands(text):
            _look_at(words, first=first, named=named)


def _commands(text: str) -> Iterator[tuple[list[str], bool]]:
    """The words of each command of a script, of those within others, too, and whether the first is its program: it is
    not behind `>` or a bracket that closes."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    words: list[str] = []
    first = True
    try:
        for word in lexer:
            if _BETWEEN.fullmatch(word):
                yield words, first
                words, first = [], not set(word) <= set("<>)")
                continue
            before, *within = _OPENS.split(word)
            words.append(before if within else word)
            for inner in within:
                yield from _commands(inner)
    except ValueError as error:
        raise Refused(f"its quotes do not close: {error}") from error
    yield words, first


def _look_at(words: Sequence[str], *, first: bool, named: bool) -> None:
    for at, word in enumerate(words):
        name, rest = word.rpartition("/")[2], words[at + 1:]
        if _SAID.search(word) and ((first and "=" not in word and not word.startswith("-"))
                                   or (at and words[at - 1] in _EXECUTES)):
            raise Refused("a line would choose the program")
        if (name in READERS or (first and name in FIRST) or (named and PROGRAMS.fullmatch(name))
                or (SHELLS.fullmatch(name) and _reads(rest, _CODE_OF_SHELL))
                or (LANGUAGES.fullmatch(name) and _reads(rest, _CODE_OF_LANGUAGE))
                or (name in ("sudo", "doas") and any(map(_LOGIN.fullmatch, rest)))):
            raise Refused(f"{name!r} would read what a line says as code: {_CURE}")
        # Options and numbers of what stands before a program, and variables that are set.
        first = first and (name in WRAPPERS or "=" in word or bool(re.match(r"-|\d", word)))


def _reads(words: Sequence[str], code: re.Pattern[str]) -> bool:
    """Whether code is among these arguments, or on standard input: there is no file of a script."""
    file = next((word for word in words if not word.startswith(("-", "+"))), None)
    return (file is None or _SAID.search(file) is not None or file.startswith(("/dev/", "/proc/"))
            or any(map(code.fullmatch, words)))
