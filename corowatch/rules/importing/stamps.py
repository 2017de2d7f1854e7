"""Where fail2ban finds the time in a line, as patterns: it is cut out before a filter's patterns are searched for.

jail.conf(5) and fail2ban-regex(1) tell of `datepattern`. What stands before the time and behind it are the groups
BEFORE and AFTER of each pattern here; both together are what a filter sees.
"""

from __future__ import annotations

import re

from corowatch.rules.importing.python_regex import printable

BEFORE, AFTER = "before_time", "after_time"
WHOLE = rf"^(?P<{BEFORE}>.*)$"
"""A line without a time, which a filter sees as it is."""

_DAYS = "(?i:mon|tue|wed|thu|fri|sat|sun)"
_MONTHS = "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_PIECES = {
    "a": _DAYS, "A": f"{_DAYS}[a-z]*", "b": _MONTHS, "B": f"{_MONTHS}[a-z]*", "d": r"(?:3[01]|[12]\d|0[1-9]| ?[1-9])",
    "m": r"(?:1[0-2]|0?[1-9])", "Y": r"\d{4}", "y": r"\d\d", "j": r"\d{1,3}", "H": r"(?:2[0-3]|[01]\d|\d)",
    "k": r" ?(?:2[0-3]|[01]\d|\d)", "I": r"(?:1[0-2]|0?[1-9])", "l": r" ?(?:1[0-2]|0?[1-9])", "M": r"(?:[0-5]\d|\d)",
    "S": r"(?:[0-6]\d|\d)", "f": r"\d{1,6}", "p": "(?i:[ap]m)", "z": r"(?:Z|UTC|GMT|[+-][01]\d(?::?\d\d)?)",
    "Z": r"(?:[A-Z]{3,5}|Z)",
    "ExY": r"(?:19|20)\d\d", "Exy": r"\d\d", "Exm": r"(?:1[0-2]|0[1-9])", "Exd": r"(?:3[01]|[12]\d|0[1-9])",
    "ExH": r"(?:2[0-3]|[01]\d)", "Exk": r"(?:2[0-3]|[01]\d)", "ExM": r"[0-5]\d", "ExS": r"[0-6]\d",
    "Exz": r"(?:Z|UTC|GMT|[+-][01]\d(?::?\d\d)?)", "ExZ": r"(?:[A-Z]{3,5}(?:[+-][01]\d(?::?\d\d)?)?|Z)",
}
_PIECE = re.compile(r"%(E?x?[A-Za-z])")
_ONE_OF = re.compile(r"\(\?P<(?P<name>\w+)>\[(?P<chars>[^\]\\^]+)\]\)(?P<between>.*?)\(\?P=(?P=name)\)")
_SECOND = r"(?:[.,]%f)?"
FORMATS = (
    rf"%ExY(?:-%m-|/%m/|\.%m\.)%d(?:T|  ?)%H:%M:%S{_SECOND}(?:\s*%z)?",
    r"(?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?",
    r"(?:%a )?%b %d %ExY %k:%M:%S(?:\.%f)?",
    "%d(?:-%m-|/%m/)(?:%ExY|%Exy) %k:%M:%S",
    r"%d(?:-%b-|/%b/)%ExY[ :]?%H:%M:%S(?:\.%f)?(?: %z)?",
    "%m/%d/%ExY:%H:%M:%S",
    r"%m-%d-%ExY %k:%M:%S(?:\.%f)?",
    r"%Exy%Exm%Exd  ?%H:%M:%S",
    "%b %d, %ExY %I:%M:%S %p",
    rf"%ExY%Exm%Exd(?:T|  ?)%ExH%ExM%ExS{_SECOND}(?:\s*%z)?",
    r"(?:%Z|%z) (?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?",
)
"""Times that are known where a word begins in a line, those that come first before the others."""
SIGNED = (r"[+-][01]\d(?::?\d\d)? (?:%a )?%b %d %k:%M:%S(?:\.%f)?(?: %ExY)?", "@[0-9a-f]{24}")
"""Those that begin with a sign, and are known wherever they stand."""
AT_START = "%H:%M:%S"
"""What is known at the start of a line alone, with two other signs before it at most."""
FIRST = r"(?:<%m/%d/%Exy@%H:%M:%S>|%b-%d-%Exy %k:%M:%S\b)"
"""What is known where nothing is before it."""
EPOCH = r"\d{10,11}(?:\.\d{3,6})?"
LONG_EPOCH = r"\d{10,11}(?:\d{3}(?:\.\d{1,6}|\d{3})?)?"
TAI64N = "@[0-9a-f]{24}"
ANY = f"(?:{'|'.join((*FORMATS, *SIGNED))})"


class Unknown(ValueError):
    """A format that there are no patterns for."""


def patterns(formats: list[str]) -> list[str]:
    """The patterns that find the time, the first that matches counts. `formats` are those of `datepattern`, none: any
    that is known. Raises Unknown."""
    return [printable(pattern) for one in formats or ["{DEFAULT}"] for pattern in _patterns(one)]


def _patterns(format_: str) -> list[str]:
    at_start = [rf"^(?P<{BEFORE}>\W{{0,2}})(?:{ANY}|{AT_START})\b(?P<{AFTER}>.*)$",
                f"^(?P<{BEFORE}>){FIRST}(?P<{AFTER}>.*)$"]
    inside = rf"^(?P<{BEFORE}>.*?)(?:\b(?:{'|'.join(FORMATS)})|{'|'.join(SIGNED)})\b(?P<{AFTER}>.*)$"
    at_start, inside = [_PIECE.sub(_piece, one) for one in at_start], _PIECE.sub(_piece, inside)
    epoch = [rf"^(?P<{BEFORE}>\W{{0,2}}){EPOCH}\b(?P<{AFTER}>.*)$"]
    key = format_.strip()
    if key.upper() == "{^LN-BEG}":
        return [*at_start, *epoch]
    if key.upper() == "{DEFAULT}":
        return [*at_start, *epoch, rf"^(?P<{BEFORE}>.*?\baudit\(){EPOCH}(?P<{AFTER}>:\d+\).*)$", inside]
    if key.upper() == "{NONE}":
        return []
    bare = re.sub(r"^(?:\{\^LN-BEG\}|\^)", "", key)
    if bare.upper() in ("EPOCH", "LEPOCH"):
        count = LONG_EPOCH if bare.upper() == "LEPOCH" else EPOCH
        found = [rf"^(?P<{BEFORE}>\W{{0,2}}){count}\b(?P<{AFTER}>.*)$"]
        return found if bare != key else [*found, rf"^(?P<{BEFORE}>.*?\baudit\(){count}(?P<{AFTER}>:\d+\).*)$"]
    return [_pattern(key)]


def _pattern(format_: str) -> str:
    """One format. A group in it is what is cut out; else it is all of it."""
    bounds = not format_.startswith("{UNB}")
    text = format_.removeprefix("{UNB}")
    starts = text.startswith("{^LN-BEG}")
    text = text.removeprefix("{^LN-BEG}")
    anchored = text.startswith("^")
    text = text.removeprefix("^")
    if text.startswith("**"):
        text, bounds = text[2:], bounds and anchored
    ends = not text.endswith("**")
    text = re.sub(r"\*\*$", "", text)
    at_end = text.endswith("$") and not text.endswith(r"\$")
    for name, pattern in (("DATE", ANY), ("LEPOCH", LONG_EPOCH), ("EPOCH", EPOCH)):
        text = re.sub(rf"(?i)\{{{name}\}}", lambda _, pattern=pattern: pattern, text)  # type: ignore[misc]
    if text.upper() == "TAI64N":
        text = TAI64N
    text = _PIECE.sub(_piece, _ONE_OF.sub(_each, text))
    before, cut, after = _cut(text)
    end = r"\b" if ends and bounds and not at_end and not after and not re.search(r"\\\W$|[^\w)\]?]$", cut) else ""
    tail = f"(?P<{AFTER}>{after}.*)$"
    if starts:
        return rf"^(?P<{BEFORE}>\W{{0,2}}{before}){cut}{end}{tail}"
    if anchored:
        return rf"^(?P<{BEFORE}>{before}){cut}{end}{tail}"
    return rf"^(?P<{BEFORE}>.*?{before}){_boundary(cut) if bounds and not before else ''}{cut}{end}{tail}"


def _boundary(cut: str) -> str:
    return "" if re.match(r"\\?[^\w(\\]|\\[^dw]", cut) else r"\b"


def _piece(found: re.Match[str]) -> str:
    name = found[1]
    if name in _PIECES:
        return _PIECES[name]
    raise Unknown(f"it has no pattern for %{name}")


def _each(found: re.Match[str]) -> str:
    """A choice that must come again, written out: RE2 has no back references."""
    return "(?:" + "|".join(re.escape(char) + found["between"] + re.escape(char) for char in found["chars"]) + ")"


def _cut(text: str) -> tuple[str, str, str]:
    """What is before the first group that captures, in it, and behind it."""
    at = re.search(r"(?:[^\\(\[]|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?)*?(?P<open>\()(?!\?)", text)
    if at is None:
        return "", text, ""
    depth = 0
    for found in re.finditer(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()]", text[at.start("open"):]):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth == 0:
            start, end = at.start("open"), at.start("open") + found.start()
            return text[:start], text[start + 1:end], text[end + 1:]
    raise Unknown("its parentheses do not match")
