"""Templates: lines of logs in groups of those that say the same, and what varies in each.

The groups are Drain's (He, Zhu, Zheng and Lyu: "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS
2017), of words in which numbers and addresses are masked. What a group keeps is bounded, however long the logs are;
where there are too many groups, the one unseen for longest goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import inf

import msgspec

from corowatch.core.accepted import ALIKE
from corowatch.core.events import Event
from corowatch.core.masks import LONGEST, SIGNS, WILD, alike, masked, wider

MOST = 3_000
"""Groups that are kept; a line is compared with those that are as long and begin alike, or begin in too many ways."""
DEPTH = 6
"""Layers of Drain's tree. With this, and 0.7 as the share of words that two lines of a group have in common, 377 of 441
groups that people made of loghub's samples are found exactly; with its defaults, 4 and 0.4, 260."""
KINDS = (r"\w", r"[\w.-]", r"[\w.,:/@-]", r"\S", ".")
"""What characters a part that varies is made of, the narrowest first."""
_GAP = re.compile(r"(?<=\S)\s+(?=\S)")
_FITS = [re.compile(f"(?:{kind})*", re.ASCII) for kind in KINDS]
_LIKE = {"time": "1:.,/+- ", "uptime": "[1. ]", "uuid": "1-", "mac": "1:", "ip6": "1:.", "ip": "1.", "hex": "1",
         "dec": "-1.", "num": "1", "odd": "\x00"}
_PLAIN = str.maketrans({sign: _LIKE[mask.name] for sign, mask in SIGNS.items()})


class Part(msgspec.Struct):
    """A word that is not always the same: what stands before and behind what varies, and what that is made of."""

    before: str
    behind: str
    kind: int = 0
    empty: bool = False
    """Whether there may be nothing."""

    @classmethod
    def of(cls, one: str, other: str) -> Part:
        """What two words have in common."""
        before = common(one, other)
        room = min(len(one), len(other)) - len(before)
        behind = common(one[::-1], other[::-1])[:room][::-1]
        part = cls(_whole(before), _whole(behind[::-1])[::-1])
        return part.taking(one).taking(other)

    def taking(self, word: str) -> Part:
        """The same, wide enough for a word."""
        if len(word) < len(self.before) + len(self.behind) or not (
                word.startswith(self.before) and word.endswith(self.behind)):
            wider = Part.of(f"{self.before}{WILD}{self.behind}", word)
            return Part(wider.before, wider.behind, max(self.kind, wider.kind), self.empty or wider.empty)
        varies = word[len(self.before):len(word) - len(self.behind)]
        kind = _kind(varies)
        if kind <= self.kind and (varies or self.empty):
            return self
        return Part(self.before, self.behind, max(kind, self.kind), self.empty or not varies)

    def __str__(self) -> str:
        return f"{self.before}{WILD}{self.behind}"


def _kind(text: str) -> int:
    """The narrowest kind of characters that makes up a text with signs."""
    plain = text.replace(WILD, "").translate(_PLAIN)
    return next(number for number, fits in enumerate(_FITS) if fits.fullmatch(plain))


def common(one: str, other: str) -> str:
    """With what both begin."""
    ends = (at for at, (char, another) in enumerate(zip(one, other, strict=False)) if char != another)
    return one[:next(ends, min(len(one), len(other)))]


def _whole(text: str) -> str:
    """A common beginning without the piece of a name in which it ends."""
    end = len(text)
    while end and (text[end - 1].isalnum() or text[end - 1] == WILD):
        end -= 1
    return text[:end]


class Template(msgspec.Struct):
    """What is known of a group of lines."""

    words: list[str | Part]
    example: str
    """Its first line."""
    first: float
    """When that was (seconds since the epoch); `last`, when the last was."""
    last: float
    count: int = 0
    busiest: int = 0
    """Lines in its busiest minute."""
    files: set[str] = msgspec.field(default_factory=set)
    gaps: set[int] = msgspec.field(default_factory=set)
    """Which words had other than one blank before them."""
    trails: bool = False
    """Whether there ever was one behind the last."""
    cut: bool = False
    """Whether a line was longer than is looked at."""
    _minute: tuple[int, int] = (0, 0)

    @property
    def text(self) -> str:
        """Its words, with signs for what varies."""
        return " ".join(map(str, self.words))

    def add(self, event: Event, signed: str, words: list[str]) -> None:
        """One more line, masked, and its words: as many as the others have."""
        for at, (own, word) in enumerate(zip(self.words, words, strict=True)):
            if own != word:
                self.words[at] = _both(own, word)
        self.count += 1
        self.last = max(self.last, event.at)
        if " ".join(words) != signed:
            self.trails = self.trails or signed[-1:].isspace()
            self.gaps |= {at for at, gap in enumerate(_GAP.findall(signed), 1) if gap != " "}
        self.cut = self.cut or len(event.text) > LONGEST
        self.files.add(event.origin.file)
        minute, count = self._minute
        now = int(event.at // 60)
        self._minute = now, count + 1 if now == minute else 1
        self.busiest = max(self.busiest, self._minute[1])


def _both(own: str | Part, word: str) -> str | Part:
    """What takes a word, and all that were there before."""
    if isinstance(own, Part):
        return own.taking(word)
    return wider(own, word) if alike(own) == alike(word) else Part.of(own, word)


class Templates:
    """The templates of the lines that were added. Raises ImportError, with what to do, where Drain is not installed."""

    def __init__(self, most: int = MOST) -> None:
        try:
            from corowatch.rules.drain import BoundedDrain
        except ImportError as error:
            raise ImportError("templates need the package drain3-improved: pip install 'drain3-improved>=0.10'"
                              ) from error
        self._drain = BoundedDrain(depth=DEPTH, sim_th=ALIKE, max_clusters=most, param_str=WILD)
        self._most = most
        self._kept: dict[int, Template] = {}
        self.lines = 0
        self.forgotten = 0
        """Templates that had to go for others."""
        self.began, self.ended = inf, -inf
        """When the first and the last line was (seconds since the epoch)."""

    def __iter__(self) -> Iterator[Template]:
        self._forget()
        return iter(self._kept.values())

    def __len__(self) -> int:
        return min(len(self._kept), self._most)

    def add(self, event: Event) -> Template | None:
        """A line, and the template that it has; one of blanks alone has none."""
        signed = masked(event.text)
        words = signed.split()
        if not words:
            return None
        self.lines += 1
        self.began, self.ended = min(self.began, event.at), max(self.ended, event.at)
        cluster, _ = self._drain.add_log_message(alike(" ".join(words)))
        template = self._kept.get(cluster.cluster_id)
        if template is None:
            template = self._kept[cluster.cluster_id] = Template(list(words), event.text[:LONGEST], event.at, event.at)
            if len(self._kept) > 2 * self._most:
                self._forget()
        template.add(event, signed, words)
        return template

    def _forget(self) -> None:
        """Drop what Drain has dropped, and from its tree the ways that led there: by itself it only grows."""
        gone = self._kept.keys() - self._drain.id_to_cluster.keys()
        self.forgotten += len(gone)
        for name in gone:
            del self._kept[name]
        if gone:
            self._drain.rebuild()
