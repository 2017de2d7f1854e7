"""Regular expressions and texts of Perl as ours: perlre(1), perlop(1).

A group that a text names by its number, `$1`, gets a name, `g1`, for fields have names. What Perl alone has is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from corowatch.core.pattern import SET, Pattern
from corowatch.rules.importing.python_regex import printable

_TOKEN = re.compile(
    rf"(?P<quoted>\\Q(?P<literal>.*?)(?:\\E|\Z))|(?P<escape>\\(?:[gkx]\{{[^}}]*\}}|[a-zA-Z]|\d+|.))|(?P<set>{SET})"
    r"|(?P<named>\(\?P?<(?![=!])(?P<name>\w+)>)|\(\?'(?P<tick>\w+)'|(?P<special>\(\?(?:[|{?R0-9+&]|\(DEFINE|#))"
    r"|(?P<group>\((?![?*]))|(?P<verb>\(\*)|(?P<variable>[$@](?:\w*[A-Za-z_]\w*|\{\w+\}))|(?P<count>\{,(?=\d+\}))",
    re.DOTALL)
_ESCAPES = {"h": r"[\t ]", "H": r"[^\t ]", "Z": r"\z", "e": r"\x1b", "R": r"(?:\r\n|[\n\v\f\r])", "N": r"[^\n]",
            "v": r"[\n\v\f\r]", "V": r"[^\n\v\f\r]"}
_REFUSED = {"K": r"\K, which keeps what is before it", "G": r"\G, where the last match ended", "X": r"\X, a cluster",
            "l": "changes of case", "u": "changes of case", "L": "changes of case", "U": "changes of case"}
_TEXT = re.compile(
    r"\\(?P<plain>[$@\\\"])|\$\{?(?P<number>\d+|[_&*+])\}?|\$\{?(?:\+\{)?(?P<name>[A-Za-z]\w*)\}?\}?|[{}]")
_CLOSES = {"(": ")", "[": "]", "{": "}", "<": ">"}


class Refused(ValueError):
    """What Perl can and we cannot; the text says what."""


def match_of(code: str) -> tuple[str, str]:
    """The expression and the flags of `/…/i` or `m{…}`. Raises Refused where it is other code."""
    text = code.strip()
    opened = re.match(r"m\s*(?=[^\w\s])|(?=/)", text)
    if opened is None:
        raise Refused("it is not one /pattern/")
    mark = text[opened.end()]
    at = opened.end() + 1
    end = _CLOSES.get(mark, mark)
    depth = 1
    while at < len(text):
        at += 2 if text[at] == "\\" else 1
        char = text[at - 1:at]
        if text[at - 2:at - 1] == "\\":
            continue
        depth += (char == mark != end) - (char == end)
        if depth == 0:
            break
    flags = text[at:]
    if depth or not re.fullmatch(r"[a-z]*", flags):
        raise Refused("it is not one /pattern/")
    inner = text[opened.end() + 1:at - 1]
    return (inner.replace(f"\\{mark}", mark) if mark in "/!,#~%\"'" else inner), flags


def translated(expression: str, flags: str = "", *, wanted: Collection[int] = (), prefix: str = "g") -> str:
    """`expression` as a pattern of ours, with names, `prefix` and the number, for the `wanted` groups. Raises Refused,
    or ValueError where it is no expression."""
    if unknown := set(flags) - set("imsxgoaun"):
        raise Refused(f"the flag {sorted(unknown)[0]!r}")
    if "x" in flags:
        raise Refused("the flag 'x', with blanks and comments in the pattern")
    number = 0

    def piece(found: re.Match[str]) -> str:
        nonlocal number
        if found["quoted"]:
            return re.escape(found["literal"])
        if found["special"] or found["verb"]:
            raise Refused(f"{found[0]}…), which only Perl has")
        if found["variable"]:
            raise Refused(f"the variable {found[0]} is not known here")
        if found["count"]:
            return "{0,"
        if found["named"] or found["tick"]:
            number += 1
            return f"(?P<{found['name'] or found['tick']}>"
        if found["group"]:
            number += 1
            return f"(?P<{prefix}{number}>" if number in wanted else "("
        return _escape(found[0][1:]) if found["escape"] else found[0]

    made = printable(_TOKEN.sub(piece, expression))
    if missing := [one for one in wanted if one > number]:
        raise Refused(f"there is no group for ${missing[0]}")
    inline = "".join(sorted(set(flags) & set("ims")))
    made = f"(?{inline}){made}" if inline else made
    Pattern(made)
    return made


def count_groups(expression: str) -> int:
    """How many groups have a number."""
    return sum(bool(found["group"] or found["named"] or found["tick"]) for found in _TOKEN.finditer(expression))


def _escape(text: str) -> str:
    if text in _REFUSED:
        raise Refused(_REFUSED[text])
    if text[0] in "gk" and len(text) > 1:
        inner = text[2:-1]
        return f"\\{inner}" if inner.isdigit() else f"(?P={inner})"
    return _ESCAPES.get(text) or "\\" + text


def numbers_in(*texts: str) -> set[int]:
    """The numbers of groups that texts name."""
    return {int(found["number"]) for text in texts for found in _TEXT.finditer(text)
            if (found["number"] or "").isdigit() and int(found["number"])}


def as_script(text: str) -> str:
    """A text for a shell: `\\$HOME` and `\\@` are its own. Raises Refused where it names another variable of Perl's."""
    as_text(text)
    return re.sub(r"\\(?:(\$)(?=[A-Za-z{(])|(@))", r"\1\2", text)


def as_text(text: str) -> str:
    """A text with `$1` and `$_` as one with `{g1}` and `{text}`. Raises Refused where it names another variable."""

    def piece(found: re.Match[str]) -> str:
        if found["plain"]:
            return found["plain"]
        if found["number"]:
            number = int(found["number"]) if found["number"].isdigit() else 0
            return f"{{g{number}}}" if number else "{text}"
        if found["name"]:
            raise Refused(f"the variable {found[0]} is not known here")
        return found[0] * 2

    return _TEXT.sub(piece, text)
