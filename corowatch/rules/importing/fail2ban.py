"""fail2ban: filters (filter.d/*.conf) and jails (jail.conf, jail.local).

    the time is cut out of a line ─▶ `ignoreregex` ─▶ `prefregex` ─▶ `failregex` ─▶ an address ─▶ so many in a time

jail.conf(5) and the comments of the filters tell what the options mean. Each of fail2ban's steps is one of ours:
`parse` cuts out the time, `set` puts together what is left of the line, and further ones search in that and in what the
pattern before found. Where lines of a session are told apart (`<F-MLFID>`) and an address stands in another line than
the failure, `collect` brings both together. What bans is left out: corowatch tells, and an `exec` sink may ban.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network

import msgspec
from msgspec.structs import replace

from corowatch.core.errors import ConfigError, Place
from corowatch.core.events import BUILT_IN
from corowatch.core.pattern import Pattern
from corowatch.rules.importing import NOTHING, Asked, Flow, Import, Step, WrongOption, one_or_list, seconds, stamps
from corowatch.rules.importing.ini import Ini, Line, Nested, Value, unresolved, with_tags
from corowatch.rules.importing.python_regex import groups, translated
from corowatch.rules.importing.words import words_of

LOG = "/var/log/auth.log"
"""What is read where nothing says what."""
ETC = "/etc/fail2ban"
SESSION = "10m"
"""Lines of one session are at most so far apart, here; fail2ban keeps the newest 1,000 sessions."""
AT_LEAST, WITHIN = 5, 600.0
"""How many failures in which time (seconds), where a jail does not say."""

IP4 = r"(?:\d{1,3}\.){3}\d{1,3}"
IP6 = r"(?:[0-9A-Fa-f]{1,4}::?|::){1,7}(?:[0-9A-Fa-f]{1,4}|:)?"
DNS = r"[\w\-.^_]*\w"
_IP4 = rf"(?:::f{{4,6}}:)?(?P<ip4>{IP4})"
_IP6 = rf"(?P<ip6>{IP6})"
_DNS = rf"(?P<dns>{DNS})"
_ADDR = rf"\[?(?:{_IP4}|{_IP6})\]?"
_CIDR = r"(?P<cidr>\d+)"
_TAGS = {
    "HOST": rf"(?:{_ADDR}|{_DNS})", "ADDR": _ADDR, "IP4": _IP4, "IP6": _IP6, "DNS": _DNS, "CIDR": _CIDR,
    "SUBNET": rf"\[?(?:{_IP4}|{_IP6})(?:/{_CIDR})?\]?", "F-ADDR/": _ADDR, "F-IP4/": _IP4, "F-IP6/": _IP6,
    "F-DNS/": _DNS, "F-CIDR/": _CIDR, "F-ID/": r"(?P<fid>\S+)", "F-PORT/": r"(?P<fport>\w+)",
    "F-SUBNET/": rf"\[?(?:{_IP4}|{_IP6})(?:/{_CIDR})?\]?",
}
_TAG = re.compile(r"<(?P<name>/?[\w-]+/?)>")
_CAPTURES = re.compile(r"F-(?P<name>[A-Z0-9_-]+)")
OF_FILTERS = ("prefregex", "failregex", "ignoreregex", "maxlines", "datepattern", "journalmatch")
"""Options of a filter that stand in a jail, too, and count there in place of the filter's."""
_READ = {"failregex", "ignoreregex", "prefregex", "maxlines", "datepattern", "journalmatch", "logtype"}
"""Options that mean something in each filter."""
_NAMES = {"id": "fid", "port": "fport"}
WHO = ("ip4", "ip6", "dns", "fid")
"""Groups of which the first that is there is who failed."""
_TIMES = {"s": 1, "m": 60, "mi": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 2629746, "y": 31556952}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)
_OPTION = re.compile(r"(?P<name>[\w.-]+)\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^,\]]*))")


class Rule(msgspec.Struct):
    """A regular expression of a filter, translated."""

    pattern: str
    place: Place

    @property
    def groups(self) -> tuple[str, ...]:
        return groups(self.pattern)

    @property
    def tells_who(self) -> bool:
        return any(name in self.groups for name in WHO)

    @property
    def fails(self) -> bool:
        """Whether a line that it finds is a failure by itself."""
        return not {"nofail", "mlfgained"} & set(self.groups)


class Filter(msgspec.Struct):
    """What a filter looks for."""

    name: str
    place: Place
    stamps: list[str] = msgspec.field(default_factory=list)
    prefix: Rule | None = None
    failures: list[Rule] = msgspec.field(default_factory=list)
    ignored: list[Rule] = msgspec.field(default_factory=list)
    journal: Sequence[Sequence[str]] | None = None
    """What of the journal it reads, any of several groups of `FIELD=value`; None: files."""

    @property
    def by_session(self) -> bool:
        return any("mlfid" in rule.groups for rule in [*([self.prefix] if self.prefix else []), *self.failures])


class Jail(msgspec.Struct):
    """Where a filter is used: what it reads, and how often is too often."""

    paths: Sequence[str] = ()
    at_least: int = AT_LEAST
    within: float = WITHIN
    trusted: Sequence[str] = ()


def read(files: Sequence[str], asked: Asked = NOTHING) -> Import:
    """Import filters and jails. Options that are asked for are set in every filter, such as {"mode": "aggressive"}.
    Raises ConfigError where a file cannot be read or has another form, WrongOption where no filter knows an option that
    is asked for, or one not with this value."""
    imported = Import()
    known: list[Ini] = []
    for path in map(_meant, files):
        ini = Ini()
        for name in _beside(path):
            ini.read(name)
        if "Definition" in ini.sections:
            of_journal = asked.options.get("logtype") == "journal"  # with a log that is named: as journalctl writes it
            jail = Jail(asked.logs or ([] if of_journal else _usual_logs(path)), *(asked.threshold or ()))
            known.append(ini)
            _add(imported, path, os.path.splitext(os.path.basename(path))[0], {}, asked.options, jail)
        else:
            known += _jails(imported, ini, path, asked)
    for name in asked.options if known else ():
        if name.lower() not in _READ and not any(ini.knows(name.lower()) for ini in known):
            there = sorted({one for ini in known for one in ini.parameters}) or ["none"]
            raise WrongOption(f"no filter has an option {name!r}; there is {', '.join(there)}")
    return imported


def _meant(path: str) -> str:
    """The file that stands for a folder of fail2ban's configuration, or for a file of its jail.d."""
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.basename(folder) == "jail.d" and os.path.isfile(os.path.join(folder, "..", "jail.conf")):
        folder, path = os.path.dirname(folder), os.path.dirname(folder)
    return os.path.join(path, "jail.conf") if os.path.isdir(path) else path


def _beside(path: str) -> list[str]:
    """The files that are read with one, as fail2ban does: jail.conf, jail.d/*.conf, jail.local, jail.d/*.local."""
    folder, name = os.path.split(path)
    if name not in ("jail.conf", "jail.local"):
        return [path]
    inside = os.path.join(folder, "jail.d")
    names = sorted(os.listdir(inside)) if os.path.isdir(inside) else []
    others = [*(one for one in names if one.endswith(".conf")),
              *(one for one in names if one.endswith(".local") and one[:-6] + ".conf" not in names)]
    order = [os.path.join(folder, "jail.conf"), *(os.path.join(inside, one) for one in others)]
    return [one for one in order if os.path.isfile(one)] or [path]


# --- jails --------------------------------------------------------------------------------------------


def _jails(imported: Import, ini: Ini, path: str, asked: Asked) -> list[Ini]:
    """Import the jails that are switched on. Returns what their filters say."""
    known = []
    names = [name for name in ini.sections if name not in ("DEFAULT", "INCLUDES") and "enabled" in ini.options(name)]
    if not names:
        imported.lose(Place(path), "the file", "it has neither a [Definition], as filters have, nor a jail")
    enabled = [name for name in names if _text(ini, name, "enabled").lower() in ("true", "1", "yes", "on")]
    if names and not enabled:
        imported.lose(Place(path), "every jail", "none is switched on with `enabled = true`")
    for name in enabled:
        told = _text(ini, name, "filter") or name
        filter_, _, given = told.partition("[")
        place = (ini.options(name).get("filter") or ini.options(name)["enabled"])[0].place
        own = {found["name"].lower(): Line(next(one for one in (found["double"], found["single"], found["bare"])
                                                if one is not None), place)
               for found in _OPTION.finditer(given)}
        wanted = [os.path.join(folder, "filter.d", filter_.strip() + ending)
                  for folder in (os.path.dirname(path), ETC) for ending in (".conf", ".local")]
        where = next((one for one in wanted if os.path.isfile(one)), "")
        if not where:
            imported.lose(place, f"the jail {name}", f"there is no {wanted[0]}")
            continue
        for option in OF_FILTERS:
            if lines := ini.value(name, option, {}):
                own.setdefault(option, Line("\n".join(line.text for line in lines), lines[0].place))
        paths = [word.removesuffix(" tail").removesuffix(" head") for word in _text(ini, name, "logpath").split("\n")]
        of_journal = _text(ini, name, "backend") == "systemd" or asked.options.get("logtype") == "journal"
        if of_journal and not asked.logs:  # then `logpath` is not looked at
            own.setdefault("logtype", Line("journal", place))
            paths = []
        often = asked.threshold or (_count(imported, ini, name), _span(imported, ini, name))
        jail = Jail([one for one in asked.logs or paths if one], *often,
                    trusted=_text(ini, name, "ignoreip").replace(",", " ").split())
        for line in ini.sections.get(name, {}).get("ignorecommand", [])[:1]:
            imported.lose(line.place, f"ignorecommand of {name}", "it is left out; a step `check` runs a command for "
                          "each event, and a step `lookup` asks a file")
        for word in _text(ini, name, "ignoreip").replace(",", " ").split():
            if word != "localhost" and not _network(word):
                imported.lose(place, f"ignoreip {word} of {name}", "it is no address and no network, and left out")
        for option in ("action", "banaction"):
            for line in ini.sections.get(name, {}).get(option, [])[:1]:
                imported.lose(line.place, f"{option} of {name}",
                              "corowatch tells and does not ban; a sink can: `exec: [fail2ban-client, set, "
                              f"{name}, banip, '{{ip}}']`")
        if (used := _add(imported, where, name, own, asked.options, jail)) is not None:
            known.append(used)
    return known


def _count(imported: Import, ini: Ini, name: str) -> int:
    """`maxretry` of a jail; the usual, with the loss told, where it is no number."""
    text = _text(ini, name, "maxretry")
    if not text or (text.isdecimal() and int(text)):
        return int(text or AT_LEAST)
    imported.lose(ini.options(name)["maxretry"][0].place, f"maxretry = {text}",
                  f"it is no number of failures; {AT_LEAST} is taken for {name}")
    return AT_LEAST


def _span(imported: Import, ini: Ini, name: str) -> float:
    """`findtime` of a jail in seconds; the usual, with the loss told, where it is no time."""
    text = _text(ini, name, "findtime")
    if not text or (told := _time(text)):
        return told if text else WITHIN
    imported.lose(ini.options(name)["findtime"][0].place, f"findtime = {text}",
                  f"it is no time such as 10m; {seconds(WITHIN)} is taken for {name}")
    return WITHIN


def _text(ini: Ini, section: str, option: str) -> str:
    value = ini.value(section, option, {})
    return "\n".join(line.text for line in with_tags(value, {})) if value else ""


def _time(text: str) -> float:
    """fail2ban's times, `10m` or `1h 30m`, in seconds; 0 where it is none."""
    return sum(float(count) * _unit(unit.lower()) for count, unit in _TIME.findall(text))


def _unit(unit: str) -> int:
    longest = sorted(_TIMES, key=len, reverse=True)
    return next((_TIMES[name] for name in longest if unit.startswith(name)), 1)


def _usual_logs(path: str) -> list[str]:
    """What Debian's jails would read with this filter, as far as they are beside it."""
    filter_ = os.path.splitext(os.path.basename(path))[0]
    jails = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(path))), "jail.conf")
    if os.path.isfile(jails):
        ini = Ini()
        for name in _beside(jails):
            ini.read(name)
        for name in ini.sections:
            used = (_text(ini, name, "filter") or name).partition("[")[0]
            if used == filter_ and (paths := _text(ini, name, "logpath")):
                return paths.split("\n")
    return [LOG]


# --- filters ------------------------------------------------------------------------------------------


def _add(imported: Import, path: str, name: str, own: Mapping[str, Line], asked: Mapping[str, str],
         jail: Jail) -> Ini | None:
    """Import a filter with the options of a jail, and those that are asked for before them. Returns what it says, None
    if that cannot be read."""
    ini = Ini()
    try:
        ini.read(path)
        filter_ = read_filter(imported, ini, path, name, own, asked)
    except ConfigError as error:
        for mistake in error.mistakes:
            imported.lose(mistake.place, f"the filter {name}", mistake.what)
        return ini if ini.sections else None
    if filter_ is not None:
        imported.flows += [replace(flow, place=filter_.place) for flow in _Writer(imported, filter_, jail).flows()]
    return ini


def read_filter(imported: Import, ini: Ini, path: str, name: str, own: Mapping[str, Line],
                asked: Mapping[str, str]) -> Filter | None:
    """A filter with the options of a jail, and those that are asked for; None, with the losses told, if nothing is left
    of it. Raises ConfigError, and WrongOption where nothing stands for what is asked for."""
    options = {**own, **{key.lower(): Line(text, Place("--set")) for key, text in asked.items()}}
    given = {key: line.text for key, line in options.items()}
    told: set[str] = set()
    init = {key: ini.value("Init", key, given) or [] for key in ini.sections.get("Init", {}) if key not in given}
    tags: dict[str, Value] = {**{f"known/{key}": value for key, value in init.items()}, **init,
                              **{key: [line._replace(text=text) for text in line.text.split("\n")]
                                 for key, line in options.items()}}
    resolve = _Tags(ini, given, tags)

    def value(option: str) -> Value:
        found = tags[option] if option in tags else ini.value("Definition", option, given)
        nested: dict[str, Nested] = {}
        lines = [line for line in with_tags(found or [], resolve, nested) if line.text.strip()]
        wrong = [(line, one) for line in lines if (one := unresolved(line, nested))]
        for line, one in wrong:
            set_ = options.get(one.option, line)
            what = f"{one.option}={one.name[len(one.head):len(one.name) - len(one.tail)]}"
            why = f"nothing is called <{one.name}>; {one.option} is one of {', '.join(_choices(ini, one))}"
            if set_.place.file == "--set":
                raise WrongOption(f"{what}: {why}")
            if what not in told:
                told.add(what)
                imported.lose(set_.place, what, f"{why}; what names it is left out of the filter {name}")
        return [line for line in lines if not any(line is other for other, _ in wrong)]

    filter_ = Filter(name, Place(path))
    lines = value("maxlines")
    several = bool(lines) and lines[0].text.isdigit() and int(lines[0].text) > 1
    filter_.failures = [rule for line in value("failregex") if (rule := _rule(imported, line, several))]
    filter_.ignored = [rule for line in value("ignoreregex") if (rule := _rule(imported, line, several))]
    for line in value("prefregex"):
        filter_.prefix = _rule(imported, line, several)
        if filter_.prefix is None:
            imported.lose(Place(path), f"the filter {name}", "its prefregex is not carried over")
            return None
    if any(line.text.strip() == "journal" for line in resolve.get("logtype") or ()):
        filter_.journal = _groups(imported, value("journalmatch"))
    else:
        _stamps(imported, filter_, value("datepattern"))
    if not filter_.failures:
        imported.lose(Place(path), f"the filter {name}", "no pattern is left")
        return None
    return filter_


def _choices(ini: Ini, nested: Nested) -> list[str]:
    """The values that an option may have as a part of a name."""
    names = [option for section in ("Definition", "Init", "DEFAULT") for option in ini.sections.get(section, {})]
    if "/" in nested.tail or "/" in nested.head:  # a section's
        names = [f"{section}/{option}" for section, options in ini.sections.items() for option in options]
    head, tail = nested.head.lower(), nested.tail.lower()
    found = dict.fromkeys(
        name[len(head):len(name) - len(tail)] for name in names
        if name.lower().startswith(head) and name.lower().endswith(tail) and len(name) > len(head) + len(tail))
    # <mdre-normal-other> is a part of what `normal` stands for
    return [name for name in found if not any(name.startswith(f"{one}-") for one in found)] or ["none"]


class _Tags(dict[str, Value]):
    """What a `<tag>` in a value stands for: an option that is given, of [Init], or of the filter."""

    def __init__(self, ini: Ini, given: Mapping[str, str], tags: Mapping[str, Value]) -> None:
        super().__init__(tags)
        self._ini, self._given = ini, given

    def get(self, name: str, default: Value | None = None) -> Value | None:  # type: ignore[override]
        of, slash, option = name.rpartition("/")  # names of sections have their case
        if name not in self and (
                found := self._ini.value("Definition", of + slash + option.lower(), self._given)) is not None:
            self[name] = found
        return super().get(name, default)


def _stamps(imported: Import, filter_: Filter, formats: Value) -> None:
    told = [line.text.replace("%%", "%") for line in formats]
    try:
        filter_.stamps = stamps.patterns(told)
        for pattern in filter_.stamps:
            Pattern(pattern)
    except ValueError as error:
        imported.lose(formats[0].place, f"datepattern {told[0]!r}", f"{error}; any usual time is looked for instead")
        filter_.stamps = stamps.patterns([])


def _rule(imported: Import, line: Line, several: bool) -> Rule | None:
    """A regular expression; None, with the loss told, where there is no way."""
    text = line.text
    if "<SKIPLINES>" in text or (several and re.search(r"(?<!\\)(?:\\\\)*\\n", text)):
        imported.lose(line.place, text, "it is looked for in several lines at once; write a `sequence` of a pattern "
                                        "for each of them")
        return None
    pattern = translated(_with_captures(text), _group)
    try:
        Pattern(pattern)
    except ValueError as error:
        imported.lose(line.place, text, str(error))
        return None
    return Rule(pattern, line.place)


def _with_captures(text: str) -> str:
    """`<HOST>`, `<F-USER>…</F-USER>` and the like as groups."""
    opened: set[str] = set()

    def tag(found: re.Match[str]) -> str:
        name = found["name"]
        if name in _TAGS:
            return _TAGS[name]
        capture = _CAPTURES.fullmatch(name.removeprefix("/"))
        if capture is None:
            return found[0]
        if name.startswith("/"):
            return ")" if capture["name"] in opened else found[0]
        opened.add(capture["name"])
        return f"(?P<{_NAMES.get(told := capture['name'].lower(), told)}>"

    return _TAG.sub(tag, text)


_TAKEN = {*BUILT_IN, "complete", "count", "duration", "failed", "first", "held", "ip", "last", "line", "suppressed",
          "told"}


def _group(name: str) -> str:
    """The name of a group as a field: none that a step gives, none that begins with `_`."""
    name = name.replace("-", "_").lstrip("_") or "group"
    return f"its_{name}" if name in _TAKEN or name in (stamps.BEFORE, stamps.AFTER) else name


# --- a filter as flows --------------------------------------------------------------------------------


class _Writer:
    """The flows of one filter."""

    def __init__(self, imported: Import, filter_: Filter, jail: Jail) -> None:
        self._imported, self._filter, self._jail = imported, filter_, jail
        self._name = imported.flow_name(filter_.name)
        self._read = self._name  # the flow that reads the lines
        self._of_journal = filter_.journal is not None and not jail.paths
        self._source, self._sources = self._reading()

    def flows(self) -> list[Flow]:
        rules = self._filter.failures
        prefixed = self._filter.prefix is not None and self._filter.prefix.tells_who
        elsewhere = [rule for rule in rules if not (prefixed or rule.tells_who) and rule.fails]
        bearing = [rule for rule in rules if rule.tells_who and not rule.fails]
        of = f"{self._filter.name}: {self._filter.place}"
        if not self._filter.by_session or not elsewhere:
            for rule in elsewhere:
                self._imported.lose(rule.place, rule.pattern, "it has no <HOST>, <ADDR> or <F-ID> to tell who failed")
            return [*self._sources, Flow(self._name, [*self._lines(), *self._failures(), *self._told()], of)]
        self._imported.lose(elsewhere[0].place, f"the sessions of {self._filter.name}",
                            "fail2ban may count a session several times, when it fails again or tries other users. "
                            "Here it counts once, until a line tells its address again. Nothing need be done; a lower "
                            "`at_least` makes up for it")
        self._read = f"{self._name}-lines"
        sessions, waiting, late = (f"{self._name}-{name}" for name in ("sessions", "waiting", "late"))
        who = " or ".join(f"{name} exists" for name in self._who())
        together = {"by": "mlfid", "within": SESSION}
        return [
            *self._sources,
            Flow(self._read, [*self._lines(), *self._failures()], of),
            Flow(sessions, [
                Step("from", f"{self._read}.matched"),
                Step("collect", {"until": [_anywhere(rule) for rule in elsewhere], **together},
                     why="failures that do not tell who, with what lines before them in their session told"),
                Step("where", "complete == true"), Step("where", who, "known")]),
            Flow(waiting, [Step("from", f"{sessions}.known.otherwise"), Step("set", {"failed": "before"}, "failed")],
                 "failures of which the session did not yet tell who"),
            Flow(late, [
                Step("from", [f"{waiting}.failed", f"{self._read}.failures.otherwise"]),
                Step("collect", {"until": [_anywhere(rule) for rule in bearing] or ["$^"], **together}),
                Step("where", f"complete == true and failed exists and ({who})", "known")]),
            Flow(self._name, [
                Step("from", [f"{self._read}.failures", f"{sessions}.known", f"{late}.known"]),
                Step("where", who), *self._told()]),
        ]

    def _reading(self) -> tuple[Step, list[Flow]]:
        """The step that lines come from, and the flows that it takes them from, if several read them."""
        if not self._of_journal:
            return Step("tail", one_or_list(list(dict.fromkeys(self._jail.paths or [LOG])))), []
        groups = self._filter.journal or [[]]
        if len(groups) == 1:
            return Step("journal", _journal(groups[0])), []
        flows = []
        for number, group in enumerate(groups):
            name = f"{self._name}-entries" + (f"-{number + 1}" if number else "")
            reading = Step("journal", {"match": one_or_list(group)}, "" if number else "read")
            others = " and ".join(_other(group) for group in groups[:number])
            flows.append(Flow(name, [reading, *([Step("where", others, "read", "none twice")] if number else [])],
                              f"{self._filter.name}: entries of the journal with {' '.join(group)}"))
        return Step("from", [f"{flow.name}.read" for flow in flows]), flows

    def _lines(self) -> list[Step]:
        """From a log to what a pattern of the filter found."""
        filter_ = self._filter
        steps = [self._source]
        prefix = [filter_.prefix.pattern] if filter_.prefix else []
        rules = [rule.pattern for rule in filter_.failures]
        if steps[0].kind == "tail" and (words := words_of(prefix) or words_of(rules)):
            steps.append(Step("grep", {"pattern": one_or_list(words), "literal": True},
                              why="words of which each line holds one that a pattern finds: others cost nothing"))
        of = "text"
        if self._of_journal:
            steps.append(Step("set", {"line": "{_HOSTNAME} {SYSLOG_IDENTIFIER}[{_PID}]: {text}"}))
            of = "line"
        elif filter_.stamps:
            steps += [Step("parse", {"as": "regex", "pattern": [*filter_.stamps, stamps.WHOLE]},
                           why="the time is cut out, wherever it stands"),
                      Step("set", {"line": f"{{{stamps.BEFORE}}}{{{stamps.AFTER}}}"})]
            of = "line"
        of_content = filter_.prefix is not None and "content" in filter_.prefix.groups
        # As fail2ban does: only where there are fewer, a whole line is looked at before the rest of it is.
        if not of_content or len(filter_.ignored) < len(filter_.failures) - 2:
            steps += self._ignored(of)
        if filter_.prefix is not None:
            steps.append(Step("parse", {"as": "regex", "of": of, "pattern": filter_.prefix.pattern}, why="prefregex"))
            if of_content:
                of = "content"
                steps += self._ignored(of)
        name = "matched" if self._read != self._name else ""
        return [*steps, Step("parse", {"as": "regex", "of": of, "pattern": one_or_list(rules)}, name, "failregex")]

    def _ignored(self, of: str) -> list[Step]:
        if not self._filter.ignored:
            return []
        tests = (f"{of} matches {_quoted(rule.pattern)}" for rule in self._filter.ignored)
        return [Step("where", f"not ({' or '.join(tests)})", why="ignoreregex")]

    def _failures(self) -> list[Step]:
        """What is left out that is no failure by itself."""
        rules = [*([self._filter.prefix] if self._filter.prefix else []), *self._filter.failures]
        marks = [name for name in ("nofail", "mlfgained") if any(name in rule.groups for rule in rules)]
        name = "failures" if self._read != self._name else ""
        told = " and ".join(f"not {mark} matches '.'" for mark in marks)
        return [Step("where", told or "mlfid exists", name)] if told or name else []

    def _who(self) -> list[str]:
        rules = [*([self._filter.prefix] if self._filter.prefix else []), *self._filter.failures]
        return [name for name in WHO if any(name in rule.groups for rule in rules)]

    def _told(self) -> list[Step]:
        """Who failed too often."""
        jail = self._jail
        who = self._who()
        if self._read != self._name and len(who) > 1:  # lines of a session may tell an address and a name
            steps = [Step("set", {"told": " ".join(f"{{{name}}}" for name in who)}),
                     Step("parse", {"as": "regex", "of": "told", "pattern": r"^ *(?P<ip>\S+)"}, why="the first")]
        else:
            steps = [Step("set", {"ip": "".join(f"{{{name}}}" for name in who)})]
        if jail.trusted:
            nets = ", ".join(_quoted(net) for one in jail.trusted if (net := _network(one)))
            steps += [Step("where", f"not ip within ({nets})", why="ignoreip")] if nets else []
        if jail.at_least > 1:
            steps.append(Step("threshold", {"at_least": jail.at_least, "within": seconds(jail.within), "by": "ip"}))
            return [*steps, Step("alert", {"title": f"{self._filter.name}: {{ip}} failed {{count}} times"})]
        return [*steps, Step("alert", {"title": f"{self._filter.name}: {{ip}} failed", "by": "ip"})]


def _network(text: str) -> str:
    """An address or network as it is written here; nothing for a name."""
    try:
        return str(ip_network(text, strict=False)) if "/" in text else str(ip_address(text))
    except ValueError:
        return ""


def _groups(imported: Import, lines: Value) -> list[list[str]]:
    """The groups of a `journalmatch`: lines, and parts between `+`, of which any will do. Those that ask for values of
    one and the same field are one."""
    groups: list[list[str]] = []
    for line in lines:
        groups.append([])
        try:
            words = shlex.split(line.text)
        except ValueError as error:
            imported.lose(line.place, f"journalmatch {line.text}", f"it is left out: {error}")
            continue
        for word in words:
            if word == "+":
                groups.append([])
            elif "=" in word:
                groups[-1].append(word)
            else:
                imported.lose(line.place, f"journalmatch {word}", "it is no FIELD=value, and left out")
    found = [group for group in groups if group]
    fields = {word.partition("=")[0] for group in found for word in group}
    return [list(dict.fromkeys(word for group in found for word in group))] if len(fields) == 1 else found


def _journal(group: Sequence[str]) -> Mapping[str, object]:
    """The options that read the entries of a group."""
    units = [word.partition("=")[2] for word in group if word.startswith("_SYSTEMD_UNIT=")]
    others = [word for word in group if not word.startswith("_SYSTEMD_UNIT=")]
    return {**({"units": one_or_list(units)} if units else {}), **({"match": one_or_list(others)} if others else {})}


def _other(group: Sequence[str]) -> str:
    """What holds of entries that are not of a group: one of its fields has none of its values."""
    values: dict[str, list[str]] = {}
    for word in group:
        name, _, value = word.partition("=")
        values.setdefault(name, []).append(_quoted(value))
    tests = [f"{name} != {told[0]}" if len(told) == 1 else f"{name} not in ({', '.join(told)})"
             for name, told in values.items()]
    return tests[0] if len(tests) == 1 else f"({' or '.join(tests)})"


def _anywhere(rule: Rule) -> str:
    """A pattern that finds in a whole line what one finds in a part of it."""
    return rule.pattern.removeprefix("^")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
