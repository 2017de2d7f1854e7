"""Read the time a log line tells of itself.

A stamp is found by one search of the line's head.  The forms of the catalogue exclude each other at any one
place, so their order means nothing: the leftmost stamp wins, and greedy optional parts make it the longest.
A text of the right shape that names no time (31 June, 24:00) is skipped whole, lest its tail be read as a
stamp.  What merely precedes a stamp needs no form: a weekday, the `<34>1` of RFC 5424, a bracket.

Only in an access log does a stranger write what stands before the stamp, the user that a client says it is.  There the
stamp is the one in brackets before a quote that opens: servers escape the quotes of clients, and a quote that closes
stands behind what a client wrote.

Some minutes are remembered, with the ranges of `now` for which they hold, and which form was found last, to
be tried first where it can be the only one; so an answer never depends on the lines before.  All repetitions are
bounded: the search is linear in the head, always.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import cache, cached_property, lru_cache
from math import inf
from typing import NamedTuple, TypeAlias

import msgspec

from corowatch.core import zones

HEAD = 64  # bytes within which a stamp starts
CLF_HEAD = 256  # where CLF's bracket starts at the latest: host, ident and user may be long
FAR = 4096  # the same for a format that begins with a text of its own
LONGEST = 64  # bytes of a stamp, generously
TRIES = 32  # texts of the right shape that name no time; no more fit into HEAD
END = HEAD + LONGEST
KNOWN = 2048  # minutes that are remembered

DAY = 86400
SECONDS = {f"{n:02}".encode(): float(n) for n in range(61)}
"""What is added to a minute."""
LOOSE_SECONDS = SECONDS | {f"{n}".encode(): float(n) for n in range(10)} | {b"": 0.0}
"""The same where one digit is enough; where no second is told, nothing."""
EPOCH = datetime(1970, 1, 1)
LAST = float((datetime.max - EPOCH).days + 1) * DAY
MONTHS = b"january,february,march,april,may,june,july,august,september,october,november,december".split(b",")
MONTH_OF = {b"sept": 9} | {name[:n]: i for i, name in enumerate(MONTHS, 1) for n in (3, len(name))}
MONTH = "[ADFJMNOSadfjmnos][A-Za-z]{2,8}"

# Each directive is one group, save the weekday, which tells nothing.
STRICT = {
    "Y": r"(\d{4})",
    **dict.fromkeys("ymdHMS", r"(\d\d)"),
    "k": r"([ 01]\d|2[0-3])",
    "e": r" ?(\d\d?)",
    "b": f"({MONTH})",
    "f": r"(\d{1,9})",
    "p": r"([AaPp])\.?[Mm]\b",
    # After a blank only four digits are a zone: `10:00:00 -12 degrees`; or two before a bracket, as of PostgreSQL where
    # a zone has no name.
    "z": r"([Zz]| ?(?:UTC|GMT)(?:[+-]\d\d?(?::?\d\d)?)?|[+-]\d\d(?::?\d\d)?| [+-][01]\d(?::?[0-5]\d|(?= \[)))(?!\w)",
    "Z": r"([A-Z]{1,3}T|MSK|Z)(?![\w-])",
    # 10, 13, 16 or 19 digits; with a leading zero it is a counter.
    "s": r"([1-9]\d{9}(?:\d{3}){0,3}(?:\.\d{1,9})?)",
}
# What an operator's format may say, read as leniently as strptime does.
LOOSE = {letter: STRICT[letter] for letter in "Yyebfp"} | {
    **dict.fromkeys("mdHMS", r"(\d\d?)"),
    **dict.fromkeys("aA", r"(?i:mon|tue|wed|thu|fri|sat|sun)[A-Za-z]{0,6}"),
    "B": STRICT["b"],
    "I": r"(1[0-2]|0?[1-9])",
    "j": r"(\d{1,3})",
    "z": r"([Zz]|[+-]\d\d(?::?\d\d)?)",
    "Z": r"([A-Za-z]{1,5})",
    "s": r"(\d{1,12}(?:\.\d{1,9})?)",
}
SHORTHAND = {"%T": "%H:%M:%S", "%F": "%Y-%m-%d", "%R": "%H:%M", "%D": "%m/%d/%y"}

FRACTION = r"(?:[.,]%f\d{0,9})?(?!\d)"
TIME = "%H:%M:%S" + FRACTION
ZONE = "(?:%z)?"
NAMED = "(?:%z| %Z)?"  # not where the name of a host may follow
YEAR_AFTER = r"(?:(?: %Z)? (?=(?:19|2\d)\d\d(?![\w.-]))%Y)?"  # a host may be a number

# The catalogue: regular expressions in which a directive stands for its group.
DIGIT_FORMS = (
    # ISO 8601, log4j, nginx, Go, Postgres, Sophos, BGL:
    # 2026-11-22T10:00:00.5+01:00, 2026/11/22 - 10:00:00, 2014:07:02-10:00:00, 2005-06-03-15.42.50.363779
    rf"%Y[/.:-]%m[/.:-]%d(?:[Tt_-]|[ \t]{{1,2}}|, | - )%H[:.]%M[:.]%S{FRACTION}{NAMED}",
    # ISO 8601 basic: 20261122T100000Z, 20261122 10:00:00
    rf"%Y%m%d[Tt _-]%H:?%M:?%S{FRACTION}{ZONE}",
    # MariaDB, whose hour has no leading zero: 2026-11-22  7:26:54
    rf"%Y-%m-%d (?= )%k:%M:%S{FRACTION}",
    # syslog with year: 2026 Nov 22 10:00:00, 2026-Nov-22 10:00:00
    rf"%Y[ -]%b[ -]%e[ T]{TIME}{ZONE}",
    # HDFS, MySQL before 5.7: 081109 203615, 130322  7:26:54; pairs of numbers look alike, so ranges count
    r"%y(?=0[1-9]|1[0-2])%m(?=[0-2]\d|3[01])%d %k:?(?=[0-5])%M:?(?=[0-6])%S(?!\d)",
    # Spark: 17/06/09 20:10:40
    rf"%y/%m/%d {TIME}",
    # CLF, bind, RFC 2822, Redis: 22/Nov/2026:10:00:00 +0000, 22-Nov-2026 10:00:00, 22 Nov 10:00:00.123
    rf"%e[ /-]%b(?:[ /-]%Y)?(?:[ :T]|, ){TIME}{NAMED}",
    # Android: 03-17 16:13:38.811; without the fraction it could be anything
    r"%m-%d %H:%M:%S\.%f(?!\d)",
    # epoch, a token of its own: 1763805600, 1763805600.123, 1763805600123
    r"""(?<![^\s\["'(|,;<>{])%s(?![^\s\]"')|,;<>}])""",
)
LETTER_FORMS = (
    # RFC 3164, asctime, Apache error, java.util.logging: Nov  2 10:00:00, Dec 04 04:47:44.123456 2005,
    # Nov 22, 2026 10:00:00 PM, Nov 22 10:00:00 CET 2026, Apr-07-13 07:08:36
    rf"%b[ -]%e(?:,? %Y|-%y)?,? {TIME}(?: ?%p)?{ZONE}{YEAR_AFTER}",
    # klog: I1122 10:00:00.123456
    r"[EFIW](?:%Y)?%m%d %H:%M:%S\.%f(?!\d)",
)
# "ts":1763805600.123, audit(1763805600.123:42): the key says what the number is, so ':' and '=' may touch it.
KEY = r"""(?i:(?:ts|time|timestamp|date|epoch|created)["']? ?[:=] ?["']?|audit\()"""
KEYED = r"%s(?![\w-])"

# A colour is no letter before the stamp: ESC[32m2026-11-22 10:00:00.
BEFORE = r"(?:(?<![\w./-])|(?<=\dm)(?:(?<=\x1b\[\dm)|(?<=\x1b\[\d\dm)|(?<=\x1b\[\d;\d\dm)))"
# What stands before the stamp in many lines, if anything: an address, or the first key of a JSON object; a word, such
# as a user's name. No word that may be a month where the rest may be of its form: `Nov 03-17 16:13:38.811`.
BEFORE_FIRST = (r"""(?:\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?= )|\{ ?"[A-Za-z_@]{1,16}" ?: ?"|)[^0-9A-Za-z]{0,8}"""
                rf"(?:(?!{MONTH} \d\d-\d\d )[A-Za-z]{{1,16}} \[?|)")
LEAD = re.compile(BEFORE_FIRST.encode()).match


# What a line of an access log begins with: the client's address or name, those of proxies before it, or what stands for
# none; or the name of a virtual host.  One label may be anything (`INFO - `), so it is one before an address only.
# The last label of one of several begins with no digit, or it might be a time: `1763805600.5`.
FOUR = r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
ADDRESS = (rf"(?>(?:{FOUR}|[0-9A-Fa-f:]{{0,39}}::[0-9A-Fa-f:.]{{0,43}}|(?:[0-9A-Fa-f]{{1,4}}:){{7}}[0-9A-Fa-f]{{1,4}}"
           rf"|(?:[0-9A-Fa-f]{{1,4}}:){{6}}{FOUR})(?:%[\w.-]{{1,16}})?)")
LETTER, LABEL = r"[A-Za-z_\x80-\xff]", r"[\w\x80-\xff-]"
CLIENT = re.compile((
    rf"(?:(?>(?:(?:{ADDRESS}(?::\d{{1,5}})?|unknown), ?){{0,8}})(?:{ADDRESS}|\[{ADDRESS}\])"
    rf"|(?:{LABEL}{{1,63}}\.){{1,16}}{LETTER}{LABEL}{{0,63}}\.?|{LETTER}{LABEL}{{0,63}}(?:\.{LABEL}{{1,63}}){{1,16}}\.?"
    rf"|localhost|(?:{LETTER}{LABEL}{{0,63}}|\*)(?=(?::\d{{1,5}})? {ADDRESS} ))(?::\d{{1,5}})? |(?:unix:|-) "
    ).encode("latin-1")).match
CLF_MINUTE = re.compile(rb"\[(\d\d)/([A-Za-z]{3})/(\d{4}):(\d\d):(\d\d): ([+-]\d{4})").fullmatch
CLF_LENGTH = len("[22/Nov/2026:10:00:00 +0000")
CLF_END = b'] "'
QUOTES = re.compile(rb'\\.|(")', re.DOTALL).findall


class Form(NamedTuple):
    """What a match means: directives, and the group of each."""

    letters: str
    groups: tuple[int, ...]
    parts: tuple[int, ...]
    """The groups of what stands before the second, of the second, of its fraction, and of what stands behind."""


class Scan(NamedTuple):
    """A search from `first` on, for a stamp that starts before `last`, in lines that hold `hint`."""

    hint: re.Pattern[bytes]
    pattern: re.Pattern[bytes]
    forms: Mapping[int, Form]  # by the group around the whole form
    first: int
    last: int


class Alone(NamedTuple):
    """A match at the beginning of a line, and what it means."""

    match: Callable[[bytes, int, int], re.Match[bytes] | None]
    form: Form
    rest: Callable[[bytes, int, int], re.Match[bytes] | None]
    """A match of what follows the second."""
    parts: tuple[int, ...]
    """As those of the form, in the rest."""


Minute: TypeAlias = tuple[float | None, float, float]
"""When it begins, None if there is no such, and the range of `now` for which that holds."""

NEVER: Minute = (None, inf, -inf)


class Likely(msgspec.Struct):
    """The form that was found last in lines that begin alike."""

    alone: Alone
    steady: bool
    """Whether what stands before the stamp tends to be the same in all; else lines are compared from its last byte
    on."""
    second: int = 0
    """How far behind that its second stood last; 0: nowhere."""
    whole: int = 0
    """Bytes that tell its second, and that nothing of it follows, as it stood last; 0: it had a fraction."""
    begun: dict[bytes, dict[bytes, Minute]] = msgspec.field(default_factory=dict)
    """Minutes, by what stood in a line before the second, and behind it."""
    told: bytes = b""
    """What told the time last, up to what shows that nothing of it follows."""
    at: Minute = NEVER
    """That time, and the range of `now` for which it holds."""

    def start(self, line: bytes) -> int:
        """From where on a line is compared with others; -1 if it cannot be."""
        return 0 if self.steady else LEAD(line).end() - 1  # type: ignore[union-attr]  # it may be empty, so it matches


class Stamps:
    """Reads the time a line tells of itself."""

    def __init__(self, timestamp: str = "auto", zone: tzinfo | None = None) -> None:
        """`timestamp` is "auto", "none" or a format; stamps that tell no zone, or one that nobody knows, are of `zone`,
        else of the host's. Raises ValueError if the format is not understood."""
        self._zone = zone
        self._auto = timestamp == "auto"
        self._explicit = () if timestamp in ("auto", "none") else (explicit(timestamp),)
        self._known: dict[tuple[str, bytes, bytes], Minute] = {}
        self._begun = 0  # so many minutes are remembered by how lines begin
        self._likely: dict[bytes, Likely] = {}  # by a line's first byte

    @property
    def none(self) -> bool:
        """Whether no line is ever asked."""
        return not self._auto and not self._explicit

    @cached_property
    def _scans(self) -> tuple[Scan, ...]:
        return automatic() if self._auto else self._explicit

    def read(self, line: bytes, now: float) -> float | None:
        """Seconds since the epoch of the line's stamp, None if none; `now` settles a missing year."""
        if self._auto and (end := line.find(CLF_END, CLF_LENGTH)) >= 0 and (at := of_access(line, end)) is not None:
            return at
        likely = self._likely.get(line[:1])
        if likely is not None:
            start = likely.start(line)
            if line[start:start + len(likely.told)] == likely.told:
                at, low, high = likely.at
                if low <= now < high:
                    return at
            place = start + likely.second
            if (begun := likely.begun.get(line[start:place])) is not None:
                if likely.whole and (told := whole_second(line[place:place + likely.whole])) is not None:
                    into, behind = told
                    since, low, high = begun.get(behind, NEVER)
                    if since is not None and low <= now < high:
                        likely.told, likely.at = line[start:place + likely.whole], (since + into, low, high)
                        return since + into
                elif (second := SECONDS.get(line[place:place + 2])) is not None and (
                        rest := likely.alone.rest(line, place + 2, END)) is not None:
                    _, _, fraction, behind = rest.group(*likely.alone.parts)
                    since, low, high = begun.get(behind, NEVER)
                    if since is not None and low <= now < high:
                        return since + second + float(b"." + fraction) if fraction else since + second
            if (found := likely.alone.match(line, 0, END)) is not None:
                at = self._time(found, likely.alone.form, now)
                if at is not None:
                    self._begin(likely, found)
                    return at
        for scan in self._scans:
            end = scan.last + LONGEST
            if not scan.hint.search(line, scan.first, end):
                continue
            start = scan.first
            for _ in range(TRIES):
                if (found := scan.pattern.search(line, start, end)) is None:
                    break
                around = found.lastindex or 0
                if found.start(around) >= scan.last:
                    break
                at = self._time(found, scan.forms[around], now)
                if at is not None:
                    if self._auto and scan is self._scans[0]:
                        steady = found.start(around) == 0 or not line[:1].isdigit()
                        self._likely[line[:1]] = Likely(alone(list(scan.forms).index(around)), steady)
                    return at
                start = found.end()
        return None

    def _time(self, found: re.Match[bytes], form: Form, now: float) -> float | None:
        """What a match says, by its text without second and fraction; minutes that were told before are remembered."""
        before, second, fraction, behind = found.group(*form.parts)
        if form.letters == "s":  # hardly two lines tell the same
            try:
                return epoch(found[form.groups[0]])
            except OverflowError:
                return None
        key = form.letters, before, behind
        known = self._known.get(key)
        if known is None or not known[1] <= now < known[2]:
            known = self._minute(key, found, form, now)
        into = LOOSE_SECONDS.get(second)
        if into is not None and known[1] <= now < known[2]:
            whole = None if known[0] is None else known[0] + into
        else:
            whole = resolve(form, found.group(*form.groups), now, self._zone)[0]
        return whole if whole is None or not fraction else whole + float(b"." + fraction)

    def _begin(self, likely: Likely, found: re.Match[bytes]) -> None:
        """Remember how a line begins whose minute is known: what stands before the second decides how it is matched, so
        of the next that begins so only the rest needs to be."""
        form = likely.alone.form
        before, second, fraction, behind = found.group(*form.parts)
        start = likely.start(found.string)
        if not (likely.steady or 0 < start + 1 == found.start(form.parts[0])):
            return  # less stands before the stamp than might: it was not the first that was tried
        minute = self._known.get((form.letters, before, behind), NEVER)
        if second and minute[0] is not None:
            place = found.start(form.parts[1])
            likely.second, likely.whole = place - start, 0 if fraction else 5 + len(behind)
            if self._begun >= KNOWN:
                self._begun = 0
                for one in self._likely.values():
                    one.begun.clear()
            likely.begun.setdefault(found.string[start:place], {})[behind] = minute
            self._begun += 1

    def _minute(self, key: tuple[str, bytes, bytes], found: re.Match[bytes], form: Form, now: float) -> Minute:
        """The minute of a match, and the range of `now` for which it holds with each of its seconds; remembered."""
        parts = found.group(*form.groups)
        if "S" in form.letters:
            parts = tuple(b"0" if letter == "S" else part for letter, part in zip(form.letters, parts, strict=True))
        at, low, high = resolve(form, parts, now, self._zone)
        if len(self._known) >= KNOWN:
            self._known.clear()
        self._known[key] = known = at, low + 60, high
        return known


def of_access(line: bytes, end: int) -> float | None:
    """What a line of an access log says of its time (seconds since the epoch), None if it is none or says nothing;
    at `end` a bracket is closed before a quote, for the first time."""
    told = line[end - CLF_LENGTH:end]
    minute, second = clf_minute(told[:-8] + told[-6:]), SECONDS.get(told[-8:-6])
    if minute is None or second is None or not CLIENT(line):
        return None
    if line.find(b'"', 0, end) >= 0 and QUOTES(line, 0, end).count(b'"') % 2:
        return None  # what a client wrote ends there
    return minute + second


@lru_cache(KNOWN)
def clf_minute(told: bytes) -> float | None:
    """When the minute begins that `[22/Nov/2026:10:00: +0000` tells (seconds since the epoch); None for all else."""
    found = CLF_MINUTE(told)
    try:
        return seconds(dict(zip("dbYHMz", found.groups(), strict=True)), int(found[3]), None) if found else None
    except (ValueError, OverflowError):
        return None


def resolve(form: Form, parts: object, now: float, zone: tzinfo | None) -> tuple[float | None, float, float]:
    """Return the seconds `parts` mean, in `zone` if they tell none, None if no time, and the range of `now` for which
    that holds."""
    values = parts if isinstance(parts, tuple) else (parts,)
    told = {letter: value for letter, value in zip(form.letters, values, strict=True) if value is not None}
    if not told.keys() & {"s", "Y", "y"}:
        return nearest(told, now, zone)
    try:
        if "s" in told:
            return epoch(told["s"]), -inf, inf
        # POSIX: 69 to 99 are of the last century.
        year = int(told["Y"]) if "Y" in told else (int(told["y"]) - 69) % 100 + 1969
        return seconds(told, year, zone), -inf, inf
    except (ValueError, OverflowError, OSError):
        return None, -inf, inf


def nearest(told: Mapping[str, bytes], now: float, zone: tzinfo | None) -> tuple[float | None, float, float]:
    """Choose the year that puts the stamp nearest to `now`, at most a day ahead; then as `resolve`."""
    try:
        # Four days on: whatever the zone, the year after that one is more than two days ahead of `now`.
        newest = (EPOCH + timedelta(seconds=now + 4 * DAY)).year
    except (ValueError, OverflowError):
        return None, inf, inf
    until = now + DAY
    # 29 February may be eight years apart.
    for year in range(newest, newest - 10, -1):
        try:
            since = seconds(told, year, zone) - DAY
        except (ValueError, OverflowError, OSError):
            continue
        if since <= now:
            return since + DAY, since, until
        until = since
    return None, inf, inf


def seconds(told: Mapping[str, bytes], year: int, zone: tzinfo | None) -> float:
    """Return the whole second, in `zone` (None: the host's) if none is told. Raises what datetime does if none such."""
    if year < 1970:
        raise ValueError("a stamp is not so old")
    hour = int(told.get("H") or told.get("k") or told.get("I", b"0"))
    if ("I" in told or "p" in told) and 1 <= hour <= 12:
        hour = hour % 12 + 12 * (told.get("p") in (b"P", b"p"))
    second = int(told.get("S", b"0"))
    leap = second == 60
    clock = (hour, int(told.get("M", b"0")), second - leap)
    if "j" in told:
        moment = datetime(year, 1, 1, *clock) + timedelta(days=int(told["j"]) - 1)
        if moment.year != year:
            raise ValueError("the year has no such day")
    else:
        month = int(told["m"]) if "m" in told else MONTH_OF.get((told.get("b") or told["B"]).lower(), 0)
        moment = datetime(year, month, int(told.get("d") or told["e"]), *clock)
    name = told.get("z") or told.get("Z", b"")
    offset = ahead(name)
    if offset is None and name:
        offset = zones.offset(name.decode(), moment, zone)
    if offset is None:
        return moment.replace(tzinfo=zone).timestamp() + leap
    since = moment - EPOCH
    return float(since.days * DAY + since.seconds - offset + leap)


def ahead(name: bytes) -> int | None:
    """Return the seconds a zone is ahead of UTC, None if unknown. Raises ValueError past a day."""
    found = re.fullmatch(rb" ?(Z|UTC|GMT|)(?:([+-])(\d\d?):?(\d\d)?)?", name.upper())
    if not found or not name:
        return None
    hours, minutes = int(found[3] or 0), int(found[4] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("no zone is that far from UTC")
    return (-60 if found[2] == b"-" else 60) * (60 * hours + minutes)


def epoch(number: bytes) -> float:
    """Return the seconds of ten digits or less, 13 (ms), 16 (us) or 19 (ns). Raises OverflowError if too far."""
    whole, _, fraction = number.partition(b".")
    unit = 10 ** (len(whole) - 10) if len(whole) > 12 else 1
    moment = float(number) / unit if fraction else int(whole) / unit
    if moment >= LAST:
        raise OverflowError("a stamp is not so late")
    return moment


def explicit(timestamp: str) -> Scan:
    """Compile a strptime-like format. Raises ValueError if it is not understood or names no day."""
    expression = ""
    letters: set[str] = set()
    spelt = re.sub("%.", lambda found: SHORTHAND.get(found[0], found[0]), timestamp)
    for directive, blank, literal in re.findall(r"(%.?)|(\s+)|([^%\s]+)", spelt, re.DOTALL):
        if blank:
            expression += r"[ \t]{1,16}"
        elif literal:
            expression += re.escape(literal)
        elif directive == "%%":
            expression += r"\x25"
        elif directive[1:] in LOOSE:
            expression += directive
            letters.add(directive[1])
        else:
            known = " ".join(sorted({f"%{letter}" for letter in LOOSE} | SHORTHAND.keys(), key=str.swapcase))
            raise ValueError(f'timestamp format "{timestamp}": "{directive}" is none of {known} %%')
    if not (letters & {"s", "j"} or (letters & {"m", "b", "B"} and letters & {"d", "e"})):
        raise ValueError(f'timestamp format "{timestamp}" names no day: add a month and %d, or %j, or %s')
    begun = not spelt.startswith("%")  # by a text, so that nothing else is taken for it wherever it stands
    before, last = ("", FAR) if begun else (r"(?<![0-9A-Za-z])", HEAD)
    return scan(before + parted(expression) + r"(?!\d)", LOOSE, last=last)


def parted(form: str) -> str:
    """A form, with `%<` where parts of its own begin: what stands before the second, what behind it and its fraction,
    and nothing."""
    before, second, behind = form.rpartition("%S")
    fraction = next((told for told in (FRACTION, r"\.%f", ",%f") if behind.startswith(told)), "")
    return f"%(%<{before}){second}{fraction}%<{behind.removeprefix(fraction)})%<))"


def scan(expression: str, directives: Mapping[str, str], hint: str = "", first: int = 0, last: int = HEAD) -> Scan:
    """Compile `expression`, in which `%(` opens a form, `%<` a part of it, and other directives stand for their
    groups."""
    groups: dict[int, list[tuple[str, int]]] = {}
    opened = count = 0

    def group(directive: re.Match[str]) -> str:
        nonlocal opened, count
        letter = directive[1]
        if letter in "aA":
            return directives[letter]
        count += 1
        if letter == "(":
            opened = count
        groups.setdefault(opened, []).append((letter, count))
        return "(" if letter in "(<" else directives[letter]

    pattern = re.compile(re.sub(r"%([A-Za-z(<])", group, expression).encode())
    return Scan(re.compile(hint.encode()), pattern, {around: form_of(told) for around, told in groups.items()},
                first, last)


def form_of(groups: Sequence[tuple[str, int]]) -> Form:
    """The form whose directives, and parts, are these groups."""
    before, behind, nothing = (number for letter, number in groups if letter == "<")
    told = [(letter, number) for letter, number in groups if letter not in "(<f"]
    numbers = dict(groups)
    return Form("".join(letter for letter, _ in told), tuple(number for _, number in told),
                (before, numbers.get("S", nothing), numbers.get("f", nothing), behind))


FORMS = (*map(parted, (*DIGIT_FORMS, *LETTER_FORMS)), KEY + parted(KEYED))


@cache
def automatic() -> tuple[Scan, Scan]:
    """What looks for all forms, and for that of access logs further back. It is made for the first line that is asked:
    to compile it takes as long as some libraries take to load."""
    return (
        scan(
            rf"{BEFORE}(?:(?=\d)(?:{'|'.join(FORMS[:len(DIGIT_FORMS)])})"
            rf"|(?=[A-Za-z])(?:{'|'.join(FORMS[len(DIGIT_FORMS):])}))",
            STRICT,
            # All forms hold this: a time, ten digits, or six and those of an hour behind them. Most lines without a
            # stamp do not, and are spared the search.
            hint=r"\d(?:[:.]\d\d[:.]\d|\d{5}(?:\d{4}|[Tt _-][ \d]\d))",
        ),
        scan(rf"\[{parted(f'%d/%b/%Y:{TIME}{ZONE}')}\]", STRICT, hint=r"\[", first=HEAD - 1, last=CLF_HEAD + 1),
    )


@cache
def alone(number: int) -> Alone:
    """Looks for one form of FORMS, at the first letter or digit of a line, behind a word or an address (IPv4) or both,
    or in the text under the first key of a JSON object.

    What it finds is what `automatic` finds there: forms begin with a letter or a digit, none with an address or a key
    of letters, but that of a key with a number, nor with a word and a blank, but those of a month, behind which no
    other begins that is looked for, be it in a bracket; and only one of them fits. It takes a third of the time.
    """
    made = scan(f"{BEFORE_FIRST}{BEFORE}(?=[0-9A-Za-z]){FORMS[number]}", STRICT)
    _, _, rest = FORMS[number].partition("%S")
    behind = scan(f"%(%<){rest}" if rest else parted(""), STRICT)
    (form,), (form_of_rest,) = made.forms.values(), behind.forms.values()
    return Alone(made.pattern.match, form, behind.pattern.match, form_of_rest.parts)


@lru_cache(4096)
def whole_second(told: bytes) -> tuple[float, bytes] | None:
    """The second that these bytes begin with, and the zone behind it (empty: none), if what begins in the others is no
    part of any form, whatever follows: no fraction, half of the day, zone or year, and no further digit.
    It is for a form that may go without a fraction."""
    found = re.match(rb"(\d\d)(Z| ?[+-]\d\d:?\d\d|)(?:[:\]|;\"]|[ \t](?:[b-oq-z\[(\"]|[B-OQ-Z][a-z]))", told)
    return (SECONDS[found[1]], found[2]) if found and found[1] in SECONDS else None
