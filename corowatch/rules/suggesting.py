"""From templates to rules: which are worth one, and how it is written, with tests made of the lines themselves."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from math import ceil

import msgspec

from corowatch.core.events import BUILT_IN, Alert
from corowatch.core.masks import SIGNS, WILD, shown
from corowatch.core.pattern import Pattern
from corowatch.core.rotations import bases_of
from corowatch.core.standing import clock
from corowatch.core.surface import RESERVED
from corowatch.core.text import many, safe
from corowatch.discovery import discover
from corowatch.rules.access_rules import ACCESS, access_flow, access_format, access_tests, by_format
from corowatch.rules.templates import KINDS, Part, Template, Templates, common
from corowatch.rules.yaml_text import scalar

SEVERITIES = {
    "critical": "panic, emerg(?:ency)?, alert, fatal, crit(?:ical)?, oops, segfault, out of memory, "
                "corrupt(?:ed|ion)?, read-only",
    "error": "err(?:or)?s?, fail(?:s|ed|ures?|ing)?, exceptions?, [a-z]*(?:error|exception), traceback, denied, "
             "refused, rejected, unreachable, abort(?:s|ed|ing)?, kill(?:s|ed)?, unable, cannot, can't, could not, "
             "abnormal(?:ly)?, crash(?:es|ed)?, attack, break-in, invalid, illegal, "
             "forbidden, violation, broken, dead, timed out, lost, unauthori[sz]ed",
    "warning": "warn(?:ings?)?, timeouts?, retry(?:ing)?, deprecated, slow, missing, exceed(?:s|ed)?, unknown, "
               "not found, disconnect(?:s|ed)?, expired?",
}
"""Words by which a line is worth a look, as patterns for `re`."""
_WORDS = {name: re.compile(rf"(?<![A-Za-z])(?:{words.replace(', ', '|')})(?![A-Za-z])", re.IGNORECASE)
          for name, words in SEVERITIES.items()}
_PATH = re.compile(r"[\"'(\[<]*(?:[a-z]+:/)?/")
_WEIGHTS = {"critical": 9, "error": 6, "warning": 3, "new": 3, "rare": 2, "loud": 2}
LATE = 0.1
"""Part of the logs' time at its end in which a template is new that was not there before."""
RARE, LOUD, OFTEN = 0.001, 0.05, 20
"""Shares of all lines at most and at least, and lines that a loud one has at least."""
LEAST = 3
"""Lines of a window, whatever was seen."""
WORDS, TITLE, NAME, GROUPS = 40, 100, 60, 6
"""Words of a pattern, characters of a title and of a name, and named groups, at most."""
_TELLS = {"user", "port", "pid", "uid", "status", "code", "size", "line", "session", "service", "unit", "job", "method",
          "device", "child", "task", "queue", "id"}
"""Words that say what the next one is."""
_OF_MASK = {"ip": "ip", "ip6": "ip", "mac": "mac"}
LABELS = 3
"""So many different ones make labels of words."""
_LABEL = re.compile(r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])[!-~]*[!-9;-~]")
_LIKE_A_LABEL = re.compile(r"[A-Za-z]+[-.:@_][!-~]*[!-9;-~]")
"""What is one where others are."""
_NAMING = re.compile(r"[A-Za-z][\w-]*[A-Za-z0-9]", re.ASCII)
_PACKAGE = re.compile(r"\b(?:[a-z_]\w*\.)+(?=[A-Z])", re.ASCII)
"""What stands before the name of a class."""
_LITTLE = re.compile("(?:-(?:an?|and|are|as|at|be|by|can|for|from|in|into|is|its?|not?|of|on|or|that|the|this|to|with)"
                     ")+$")
"""Words at the end of a name that say nothing."""
_SPECIAL = re.compile(r"[\\.^$|?*+()\[\]{}]")
_GOES_ON = re.compile(rf"[.-][A-Za-z{WILD}]|{WILD}")
"""Behind an address or a number that is only how a name begins, as in 192.0.2.7.dyn.example.org."""
_KEY = re.compile(r"([A-Za-z]\w{0,30})[=:][\"'(\[]?$", re.ASCII)


class Finding(msgspec.Struct, frozen=True):
    """A template, and why it is worth a look: `severity` of its words, and `marks` of new, rare and loud."""

    template: Template
    severity: str
    marks: tuple[str, ...]
    labelled: bool = False
    """Whether its first word is the name of one of many, such as a machine's, and no matter."""

    @property
    def weight(self) -> int:
        return sum(_WEIGHTS.get(why, 0) for why in (self.severity, *self.marks))

    @property
    def why(self) -> str:
        """What makes it stand out."""
        return ", ".join(filter(None, (self.severity, *self.marks))) or "usual"


def findings(templates: Templates) -> list[Finding]:
    """All templates, those that matter most first; of equal ones, the rarer."""
    labels = _labels(templates)
    found = [Finding(one, _severity(one.words[labelled:]), tuple(_marks(one, templates)), labelled)
             for one in templates for labelled in [str(one.words[0]) in labels]]
    return sorted(found, key=lambda one: (-one.weight, one.template.count, one.template.first, one.template.text))


def _labels(templates: Templates) -> set[str]:
    """First words that are names of one of many: where most lines begin with a word that has a number in it, and these
    differ, or with one that is not always the same."""
    firsts = [one.words[0] for one in templates]
    labels = [word for word in firsts if isinstance(word, str) and _LABEL.fullmatch(word)]
    parts = [str(word) for word in firsts if isinstance(word, Part)]
    most = 2 * (len(labels) + len(parts)) >= len(firsts)
    if not most or len(set(labels)) < LABELS:
        return set()
    return {*labels, *parts, *(word for word in firsts if isinstance(word, str) and _LIKE_A_LABEL.fullmatch(word))}


def _severity(words: Sequence[str | Part]) -> str:
    """Of a path or an address, nothing is said."""
    text = " ".join(word for word in map(str, words) if not _PATH.match(word))
    return next((name for name, said in _WORDS.items() if said.search(text)), "")


def _marks(template: Template, templates: Templates) -> Iterator[str]:
    if template.first > templates.ended - LATE * (templates.ended - templates.began):
        yield "new"
    if template.count <= max(1, RARE * templates.lines):
        yield "rare"
    if template.count >= max(OFTEN, LOUD * templates.lines):
        yield "loud"


# --- patterns ---------------------------------------------------------------------------------------


class Writer:
    """A template's pattern and title, written word by word; `groups` are the pattern's named ones."""

    def __init__(self, template: Template, *, labelled: bool = False) -> None:
        self.groups: list[str] = []
        self.title: list[str] = []
        self._before = ""
        words = list(map(str, template.words))
        kinds = [word if isinstance(word, Part) else None for word in template.words]
        cut = template.cut or len(words) > WORDS
        pieces = [self._word(word, part, first=at == 0) for at, (word, part) in enumerate(
            zip(words[:WORDS], kinds, strict=False))]
        if labelled:
            pieces[0], self.title[0] = r"(?P<name>\S+)", "{name}"
            self.groups.append("name")
        if template.cut and len(words) <= WORDS:
            pieces.pop()  # it may go on
        gaps = ["", *(r"\s+" if at in template.gaps else " " for at in range(1, len(pieces)))]
        pattern = "".join(map("".join, zip(gaps, pieces, strict=True)))
        begins = r"\b" if re.match(r"\w", words[0], re.ASCII) else ""
        self.pattern = f"{begins}{pattern}" + ("" if cut else r"\s*$" if template.trails else "$")

    def _word(self, word: str, part: Part | None, *, first: bool) -> str:
        told, title, before = "", "", ""
        for at, char in enumerate(word):
            if char != WILD and char not in SIGNS:
                told += _SPECIAL.sub(r"\\\g<0>", char)
                title += {"{": "{{", "}": "}}"}.get(char, char)
            else:
                found = SIGNS[char].found if char in SIGNS else _varying(part)
                name = "" if _GOES_ON.match(word, at + 1) else self._name(char, before, program=first)
                told += f"(?P<{name}>{found})" if name else found
                title += f"{{{name}}}" if name else "…"
            before += char
        self._before = word
        self.title.append(title)
        return told

    def _name(self, char: str, before: str, *, program: bool) -> str:
        """What a group is called; nothing: it is none."""
        mask = SIGNS[char].name if char in SIGNS else ""
        earlier = self._before.strip("\"'()[]<>,;:=#").lower()
        if key := _KEY.search(before):
            name = key[1].lower()
        elif not any(map(str.isalnum, before)) and earlier in _TELLS:
            name = earlier
        elif mask == "num" and program and before.endswith("["):
            name = "pid"
        else:
            name = _OF_MASK.get(mask, "path" if not mask and before == "/" else "")
        if not name or len(self.groups) >= GROUPS:
            return ""
        name = f"{name}_" if name in _taken() else name
        unique = next(one for one in (name, *(f"{name}{n}" for n in range(2, GROUPS + 2))) if one not in self.groups)
        self.groups.append(unique)
        return unique


@cache
def _taken() -> frozenset[str]:
    """Names that a group cannot have: those of fields that events have by themselves, or that a step gives."""
    given = (name for kind in discover().node.values() if not callable(kind.adds) for name in kind.adds)
    return frozenset((*BUILT_IN, *Alert.__struct_fields__, *given))


def _varying(part: Part | None) -> str:
    assert part is not None, "a word in which a part varies is a Part"
    return f"{KINDS[part.kind]}{'*' if part.empty else '+'}"


class Rule(msgspec.Struct, frozen=True):
    """A flow, as it is written."""

    name: str
    finding: Finding
    pattern: str
    groups: tuple[str, ...]
    title: str
    at_least: int = 1

    @property
    def template(self) -> Template:
        return self.finding.template


def rules(found: Iterable[Finding], most: int) -> list[Rule]:
    """The rules for the first of them, so many at most. What has no word of its own can have none."""
    made: list[Rule] = []
    for finding in found:
        if len(made) == most:
            break
        template = finding.template
        if access_format(template):
            continue  # there is one rule for them all
        writer = Writer(template, labelled=finding.labelled)
        if any(writer.pattern == rule.pattern for rule in made):
            continue  # it differs in its label
        if not re.search(r"[A-Za-z]{3}", template.text) or not Pattern(writer.pattern).test(template.example):
            continue
        at_least = 1
        if "loud" in finding.marks:
            at_least = max(LEAST, ceil(template.busiest / 2) if finding.severity else 2 * template.busiest)
        made.append(Rule(_named(finding, {*ACCESS.values(), *(rule.name for rule in made)}), finding, writer.pattern,
                         tuple(writer.groups), _title(writer.title), at_least))
    return made


def _title(words: Sequence[str]) -> str:
    title = ""
    for word in words:
        if title and len(title) + len(word) > TITLE:
            return f"{title} …"
        title += f" {word}" if title else word
    return title


def _named(finding: Finding, taken: set[str]) -> str:
    """A flow's name, of its first words; of a class's the last part, and not of little words at its end."""
    text = " ".join(map(str, finding.template.words[finding.labelled:])).replace("'", "")
    words = [word.lower() for word in _NAMING.findall(_PACKAGE.sub("", text))][:5]
    name = "-".join(dict.fromkeys(words))
    name = _LITTLE.sub("", name if len(name) <= NAME else name[:NAME].rpartition("-")[0] or name[:NAME]) or "lines"
    taken = {*taken, RESERVED}
    return next(one for one in (name, *(f"{name}-{n}" for n in range(2, len(taken) + 3))) if one not in taken)


# --- YAML -------------------------------------------------------------------------------------------


def as_yaml(made: Sequence[Rule], others: Sequence[Template], paths: Sequence[str]) -> str:
    """The rules as a config, with tests. `others` are templates whose lines a rule must leave alone; `paths` are the
    logs as they are called now (`-`: standard input, `journal`: an export of the journal)."""
    told = ["# Rules for what stands out in these logs. Adapt titles and numbers, and leave out what is usual:",
            "#   corowatch check FILE    what it will do",
            "#   corowatch test FILE     the tests at its end", "flows:"]
    access = by_format(others)
    for as_, those in access.items():
        told += access_flow(as_, those, _source(set().union(*(one.files for one in those)), paths))
    for rule in made:
        told += _flow(rule, paths)
    told.append("tests:")
    for as_, those in access.items():
        told += access_tests(as_, those)
    for rule in made:
        told += _tests(rule, others)
    return "\n".join(told) + "\n"


def _flow(rule: Rule, paths: Sequence[str]) -> Iterator[str]:
    template = rule.template
    often = f", at most {template.busiest:,} in a minute" if template.count > 1 else ""
    yield f"  # {rule.finding.why}: {many(template.count, 'line')}{often}; the first {clock(template.first)}"
    yield f"  {rule.name}:"
    yield f"    {_source(template.files, paths)}"
    yield f"    grep: {scalar(rule.pattern)}"
    title = rule.title
    if rule.at_least > 1:
        yield f"    threshold: {{at_least: {rule.at_least}, within: 1m}}"
        title = f"{{count}} in a minute: {title}"
    severity = f"severity: {rule.finding.severity or 'info'}"
    yield f"    alert: {{{severity}, title: {scalar(title)}, throttle: 1h}}"


def _source(files: set[str], paths: Sequence[str]) -> str:
    if "" in files:
        return "journal: {}"
    if any(path == "-" for path in paths) and any(os.path.basename(path) == "stdin" for path in files):
        return "stdin: {}"
    tails = sorted({_in_use(path) for path in files})
    return f"tail: {scalar(tails[0])}" if len(tails) == 1 else f"tail: [{', '.join(map(scalar, tails))}]"


def _in_use(path: str) -> str:
    """A log's path as it is called before it is rotated."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(folder, min((name, *bases_of(name)), key=len))


def _tests(rule: Rule, others: Sequence[Template]) -> Iterator[str]:
    """That its line is told, and that another, or too few, are not."""
    line = rule.template.example
    if "${" not in line:  # a test would put a secret there
        fields = Pattern(rule.pattern).fields(line) or {}
        told = ", ".join(f"{name}: {scalar(value)}" for name, value in fields.items() if len(value) <= TITLE)
        yield f"  - flow: {rule.name}"
        yield f"    lines: {scalar(line)}"
        if rule.at_least > 1:
            yield f"    repeat: {{times: {rule.at_least}, every: 100ms}}"
        yield f"    then: [{{alert: {f'{{{told}}}' if told else 'true'}}}]"
        if rule.at_least > 1:
            yield f"  - flow: {rule.name}"
            yield f"    lines: {scalar(line)}"
            yield f"    repeat: {{times: {rule.at_least - 1}, every: 100ms}}"
            yield "    then: []"
            return
    test = Pattern(rule.pattern).test
    other = next((one.example for one in _nearest(rule.template, others)
                  if not test(one.example) and "${" not in one.example), None)
    if other is not None:
        yield f"  - flow: {rule.name}"
        yield f"    lines: {scalar(other)}"
        yield "    then: []"


def _nearest(template: Template, others: Sequence[Template]) -> list[Template]:
    """The others, those first that begin most alike."""
    return sorted(others, key=lambda one: -len(common(one.text, template.text)))


def as_table(found: Sequence[Finding]) -> Iterator[tuple[str, str, str, str]]:
    """Of each: how many lines, why it stands out, the template and an example; one line each, safe to show."""
    for one in found:
        yield f"{one.template.count:,}", one.why, safe(shown(one.template.text)), safe(one.template.example)


def as_json(one: Finding) -> dict[str, object]:
    """A finding for programs."""
    template = one.template
    return {"template": shown(template.text), "count": template.count, "severity": one.severity,
            "marks": list(one.marks), "first": clock(template.first), "last": clock(template.last),
            "busiest_minute": template.busiest, "files": sorted(template.files), "example": template.example,
            "pattern": Writer(template, labelled=one.labelled).pattern}
