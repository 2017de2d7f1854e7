"""Masks: a line as words, in which what varies by itself, such as numbers and addresses, is a sign of its kind.

    2026-03-02 08:00:00 web1 sshd[811]: Failed password for root from 192.0.2.7 port 33102 ssh2
    sshd[<num>]: Failed password for root from <ip> port <num> ssh2

The beginning of a line in which no word is said goes: its time, numbers of processes, and of syslog's also the host. A
sign is one character of the private use area, so that words with signs compare like words; for people it is `<num>`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

LONGEST = 4096
"""Characters of a line that are looked at."""
WORDS = 64
"""Words of a line that are looked at."""
WILD = "\ue000"
"""The sign of a word, or of a part of one, that may be any."""
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?"
_TIME = (
    rf"\d{{4}}[-/.]\d\d[-/.]\d\d(?:[T_ -]\d\d[:.]\d\d[:.]\d\d(?:[.,]\d{{1,9}})?{_ZONE})?"
    rf"|\d\d?[ /-]{_MONTH}[ /-]\d{{4}}(?:[ :]{_CLOCK}{_ZONE})?"
    rf"|{_MONTH} [ \d]?\d (?:\d{{4}} )?{_CLOCK}(?: \d{{4}}\b)?"
    rf"|\d\d/\d\d/\d\d(?:\d\d)?(?: {_CLOCK})?|\d\d-\d\d {_CLOCK}|\d?{_CLOCK}"
)
_HEX = "[0-9a-fA-F]"
_BEFORE = r"(?<![A-Za-z\d])(?<!\d\.)"
_UNIT = r"(?=(?:[nuµm]?s|[mhd]|[kKMGT]?i?[bB]|[kKMGT])?(?![A-Za-z\d]))"


class Mask(NamedTuple):
    """What varies by itself: its name, where it stands in a line (for `re`), and what finds it again (a pattern)."""

    name: str
    stands: str
    found: str


MASKS = (
    Mask("uuid", rf"(?<!\w){_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}(?!\w)",
         rf"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}"),
    Mask("mac", rf"(?<![\w:]){_HEX}{{2}}(?::{_HEX}{{2}}){{5}}(?![\w:])", rf"{_HEX}{{2}}(?::{_HEX}{{2}}){{5}}"),
    Mask("ip6", rf"(?<![\w:.])(?:{_HEX}{{1,4}}(?::{_HEX}{{1,4}}){{7}}(?!\w)|(?=[a-fA-F:]{{0,20}}\d)"
         rf"(?:{_HEX}{{1,4}}:){{1,6}}(?::{_HEX}{{1,4}}){{1,6}}|::(?:ffff:(?:\d{{1,3}}\.){{3}}\d{{1,3}}|1))(?![\w:])",
         "[0-9a-fA-F:.]+"),
    Mask("time", rf"(?<![\w.])(?:{_DAY}[a-z]{{0,6}},? )?(?:{_TIME})(?!\w)",
         r"\w[\w:.,/+ -]*"),
    # Seconds since the kernel began: printk's, https://docs.kernel.org/core-api/printk-basics.html.
    Mask("uptime", r"\[ {0,11}\d{1,12}\.\d{6}\]", r"\[ *\d+\.\d+\]"),
    Mask("ip", r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)", r"\d{1,3}(?:\.\d{1,3}){3}"),
    Mask("hex", rf"(?<![A-Za-z\d])(?:0x{_HEX}{{1,64}}|(?=[a-fA-F]{{0,64}}\d)(?=\d{{0,64}}[a-fA-F]){_HEX}{{8,128}})"
         r"(?![A-Za-z\d])", f"(?:0x)?{_HEX}+"),
    Mask("dec", rf"{_BEFORE}(?:-\d{{1,40}}(?:\.\d{{1,40}}){{0,8}}|\d{{1,40}}(?:\.\d{{1,40}}){{1,8}}){_UNIT}",
         r"-?\d+(?:\.\d+)*"),
    Mask("num", rf"{_BEFORE}\d{{1,40}}{_UNIT}", r"\d+"),
    # Also every blank but ASCII's: words are what stands between those.
    Mask("odd", "[\x00-\x08\x0b\x0e-\x1f\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
         "\ud800-\udfff\ue000-\ue00f]+", "[^ -~]+"),
)
SIGNS = {chr(ord(WILD) + number): mask for number, mask in enumerate(MASKS, 1)}
"""Each mask by its sign."""
SIGNED = re.compile(f"[{WILD}{''.join(SIGNS)}]")
"""Any sign."""
_SIGN_OF = {mask.name: sign for sign, mask in SIGNS.items()}
# All but the last begin a word, and in one of few ways: where none does, they are not tried one by one.
*_BEGIN, _LAST = (f"(?P<{mask.name}>{mask.stands})" for mask in MASKS)
_MASKED = re.compile(rf"(?<![A-Za-z\d])(?=[-\d:\[]|[a-fA-F]{{1,64}}[-\d:]|{_DAY}|{_MONTH})"
                     rf"(?:{'|'.join(_BEGIN)})|{_LAST}")
_LEVEL = (r"(?i:trace|debug|info(?:rmation)?|notice|warn(?:ing)?|err(?:or)?|severe|crit(?:ical)?|fatal|alert|emerg"
          r"|panic)|[A-Z]")
"""What stands where syslog has the host, and is none."""
_SYSLOG = re.compile(rf"(?:<{_SIGN_OF['num']}>)?{_SIGN_OF['time']} (?![\[(<|]?(?:{_LEVEL})[\])>|]? )\S*[^\s:] "
                     r"(?=[^\s:\[\]]{1,128}(?:\[[^\s\]]{1,128}\])?:(?!\w))")
_WORD = re.compile(r"\S+")
_SAID = re.compile(r"(?<!\S)\S*?[^\W_]")
"""The beginning of a word in which something is said."""
_EARLY = 6
"""Words among which the time of a line stands."""


def masked(text: str) -> str:
    """The line without what stands before its words, and with signs: of a long one the first 4096 characters, and of
    these the first 64 words."""
    return _first(_headless(text), WORDS)


def _first(text: str, most: int) -> str:
    """The first words of a text."""
    words = text.split(None, most)
    return text[:len(text) - len(words[most])] if len(words) > most else text


def signed(text: str) -> str:
    """The whole text with signs. A word without signs that is another then stands in no masked line: of a word between
    blanks, nothing around it keeps all that varies in it from being masked."""
    return _MASKED.sub(lambda found: _SIGN_OF[found.lastgroup or ""], text)


def unsaid(words: Sequence[str]) -> bool:
    """Whether words begin as no masked line does: with one in which nothing is said, though one is said behind what may
    be the time."""
    first = words[0]
    if WILD in first or ":" in first or _SAID.search(first):
        return False
    times = [at for at, word in enumerate(words[:_EARLY]) if _SIGN_OF["time"] in word or WILD in word]
    return any(_SAID.search(word) for word in words[times[-1] + 1 if times else 0:])


def _headless(text: str) -> str:
    words = signed(_first(text[:LONGEST], 4 * WORDS))
    if head := _SYSLOG.match(words):
        return words[head.end():]
    times = [word.end() for word in islice(_WORD.finditer(words), _EARLY) if _SIGN_OF["time"] in word[0]]
    said = _SAID.search(words, times[-1] if times else 0)
    return words[said.start():] if said else words


def alike(words: str) -> str:
    """Words with one sign for all numbers, whether they have a sign or a point: for comparing."""
    return words.replace(_SIGN_OF["dec"], _SIGN_OF["num"])


def wider(one: str, other: str) -> str:
    """Of two words that are `alike` the one that takes both."""
    return "".join(sign if sign == another else _SIGN_OF["dec"] for sign, another in zip(one, other, strict=True))


# --- for people -------------------------------------------------------------------------------------

_BY_NAME = {**_SIGN_OF, "*": WILD}
del _BY_NAME["dec"]
_NAMES = {**{sign: f"<{name}>" for name, sign in _BY_NAME.items()}, _SIGN_OF["dec"]: "<num>"}
_SHOWN = re.compile(rf"(\\*)(?:([{''.join(_NAMES)}])|(<(?:{'|'.join(map(re.escape, _BY_NAME))})>))")
_WRITTEN = re.compile(rf"(\\*)<({'|'.join(map(re.escape, _BY_NAME))})>")


def shown(words: str) -> str:
    """Words with signs as people read them: `<num>`; where a line itself says `<num>`, that is `\\<num>`."""
    return _SHOWN.sub(lambda found: found[1] * 2 + (_NAMES[found[2]] if found[2] else f"\\{found[3]}"), words)


def read(text: str) -> str:
    """What `shown` has told, as it was; of numbers, `alike`."""
    def signed(found: re.Match[str]) -> str:
        half, odd = divmod(len(found[1]), 2)
        return "\\" * half + (f"<{found[2]}>" if odd else _BY_NAME[found[2]])

    return _WRITTEN.sub(signed, text)
