"""Commands that hand what a line says to another shell, or to a language, which would read it as code.

A parameter of a script is data for the shell that runs the script, and code again for a `sh -c`, an `ssh` or an `awk`
to which that passes it. What such programs read is known to them alone, so a command that names one is not taken, but
for the plain `sh FILE $1`; nor is one that redirects to a file in whose name a variable is. Where in doubt it is
refused: a person can put it into a script.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from corowatch.rules.importing.perl_regex import Refused

SHELLS = re.compile(r"(?:r?ba|da|a|z|m?k|t?c|fi|r?)sh")
LANGUAGES = re.compile(r"(?:perl|python|pypy|ruby|nodejs|php|lua|tclsh|wish|expect|osascript|Rscript|julia|guile"
                       r"|groovy)[\d.]*")
READERS = frozenset({"ssh", "slogin", "autossh", "su", "runuser", "eval", "xargs", "parallel", "psql", "mysql",
                     "mariadb", "sqlite3", "duckdb", "sqlplus", "cqlsh", "mongo", "mongosh", "gdb", "socat", "mosh",
                     "pdsh", "clush"})
"""Programs that read code, wherever in a command they are named."""
FIRST = frozenset({"at", "batch", "node", "script", "watch", "source", ".", "trap", "screen", "tmux", "flock", "dc",
                   "m4", "ed", "ex", "vi", "vim", "machinectl", "systemd-run", "chroot", "crontab", "sg"})
"""Those whose names are words, too: where a program is named."""
PROGRAMS = re.compile(r"(?:[gmn]?awk|sed|jq|bc)")
"""Those that read what is on standard input as data, and their arguments as code."""
WRAPPERS = frozenset({"sudo", "doas", "env", "nice", "ionice", "nohup", "setsid", "timeout", "time", "exec", "command",
                      "builtin", "stdbuf", "unshare", "nsenter", "busybox", "chrt", "taskset", "if", "then",
                      "else", "elif", "while", "until", "do", "!", "coproc", "systemd-cat", "systemd-inhibit", "pkexec",
                      "setpriv", "chronic", "strace", "unbuffer"})
"""What stands before the name of a program."""
_BETWEEN = re.compile(r"[();<>|&\n]+")
_REDIRECTS = re.compile(r"&?(?:<>|[<>]+)[&|]?$")
_OPENS = re.compile(r"\$\(|`")
_SAID = re.compile(r"[$%]")
_VARIES = re.compile(r"[$%`]")
_CODE_OF_SHELL = re.compile(r"-\w*[cs]\w*|[-+][oO]|--(?:command|rcfile|init-file|init-command).*")
_CODE_OF_LANGUAGE = re.compile(r"-\w*[ceErRBFps].*|-|--(?:eval|print|run|command|exec|require|import).*")
_ALONE = re.compile(r"-[nEHbiA]+|-.*=.*|-\w\d+|--")
"""Options of wrappers that have no value behind them."""
_LOGIN = re.compile(r"-\w*[si]\w*|--(?:shell|login)")
_EXECUTES = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_CURE = "let a script of its own take that as a parameter, or on standard input"


def refuse_interpreters(text: str, *, standard_input: bool = False) -> None:
    """Raises Refused where what a line says would be read as code: it stands in the command, as a variable, or is on
    its standard input; and where quotes do not close."""
    tokens(text)
    named = _SAID.search(text) is not None
    if named or standard_input:
        for words in _commands(text):
            _look_at(words, named=named)


def _commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a script, its program first, and of those within others. Raises Refused where a
    variable is a part of the name of a file to which one redirects, or which it takes for its input."""
    words: list[str] = []
    around: list[list[str] | None] = []  # of each bracket that is open, the words that go on behind it
    redirects = ""
    for word in tokens(text):
        if _BETWEEN.fullmatch(word):
            found = _REDIRECTS.search(word)
            redirects = found[0] if found else ""
            for sign in word.removesuffix(redirects):
                substituted = sign == "(" and words and words[-1].endswith("$")
                if not substituted:
                    yield words
                if sign == "(":
                    around.append(words if substituted else None)
                words = (around.pop() if sign == ")" and around else None) or []
            continue
        if redirects and not redirects.startswith("<<") and _VARIES.search(word):
            raise Refused(f"a line might choose the file behind `{redirects}`: {_CURE}")
        before, *within = _OPENS.split(word)
        if not redirects:
            words.append(before if within else word)
        redirects = ""
        for inner in within:
            yield from _commands(inner)
    yield words


def tokens(text: str) -> list[str]:
    """The words of a script without their quotes, and the signs between. Raises Refused where quotes do not close."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        return list(lexer)
    except ValueError as error:
        raise Refused(f"its quotes do not close: {error}") from error


def _look_at(words: Sequence[str], *, named: bool) -> None:
    first, option, user = True, False, ""
    for at, word in enumerate(words):
        name, rest = word.rpartition("/")[2], words[at + 1:]
        if _SAID.search(word) and ((first and "=" not in word and not word.startswith("-"))
                                   or (at and words[at - 1] in _EXECUTES)):
            raise Refused("a line would choose the program")
        if first and user and _LOGIN.fullmatch(word):
            name = f"{user} {word}"
        elif not (name in READERS or (first and name in FIRST) or (named and PROGRAMS.fullmatch(name))
                  or (SHELLS.fullmatch(name) and _reads(rest, _CODE_OF_SHELL))
                  or (LANGUAGES.fullmatch(name) and _reads(rest, _CODE_OF_LANGUAGE))):
            user = name if name in ("sudo", "doas") else user
            # Options, with their values, and numbers of what stands before a program, and variables that are set.
            first = word == "{" or (
                first and (name in WRAPPERS or "=" in word or option or bool(re.match(r"-|\d", word))))
            option = word.startswith("-") and not _ALONE.fullmatch(word)
            continue
        raise Refused(f"{name!r} would read what a line says as code: {_CURE}")


def _reads(words: Sequence[str], code: re.Pattern[str]) -> bool:
    """Whether code is among these arguments, or on standard input: there is no file of a script."""
    file = next((word for word in words if not word.startswith(("-", "+"))), None)
    return (file is None or _SAID.search(file) is not None or file.startswith(("/dev/", "/proc/"))
            or any(map(code.fullmatch, words)))
