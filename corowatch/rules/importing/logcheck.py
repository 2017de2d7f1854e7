"""logcheck: its rules (ignore.d.*, violations.d, cracking.d and what they ignore) as flows that tell what is left.

    cracking.d    but for cracking.ignore.d (*)    ─▶ critical
    violations.d  but for violations.ignore.d      ─▶ error, unless it is of cracking.d
    everything    but for ignore.d.*               ─▶ warning, unless it is of either

Source: logcheck(8), README.logcheck-database. A file of violations.d is weakened by the file of the same name in
violations.ignore.d, with or without `logcheck-` before it, by `local` and `local-*`; the file `logcheck` by all. Blanks
at the end of a line do not count: they are taken off there before. (*) Where SUPPORT_CRACKING_IGNORE is 1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from corowatch.core.errors import ConfigError, Mistake, Place
from corowatch.core.pattern import Pattern
from corowatch.rules.importing import NOTHING, Asked, Flow, Import, Step, known_options, lines_of, one_or_list
from corowatch.rules.importing.ere import BLANKS, translated

LOGS = ("/var/log/syslog", "/var/log/auth.log")
"""What Debian's package reads where nothing else is said."""
JOURNAL = "journal"
"""In place of a log: systemd's journal."""
SEVERAL = "what is known, or told above; several rules a pattern, to search a line fewer times"
LEVELS = {"paranoid": ("paranoid",), "server": ("paranoid", "server"),
          "workstation": ("paranoid", "server", "workstation")}
TOGETHER = 40
"""Rules in a pattern: more take RE2 longer again, for what it keeps of them no longer has room."""
_NAME = re.compile(r"[A-Za-z0-9_-]+")
"""Names of files that are read: run-parts(8)."""
_LAYERS = ("cracking", "violations", "cracking.ignore", "violations.ignore")
_WEAKENED = {"cracking": "cracking.ignore", "violations": "violations.ignore"}
_TOLD = {"cracking": ("critical", "attack"), "violations": ("error", "security event")}


class Rules(msgspec.Struct):
    """Patterns by layer and file, in the order of their names."""

    layers: dict[str, dict[str, list[str]]] = msgspec.field(default_factory=dict)
    logs: list[str] = msgspec.field(default_factory=list)
    journal: bool = False

    def of(self, layer: str, files: Iterable[str] | None = None) -> list[str]:
        """All patterns of a layer, or those of some of its files, each once."""
        found = self.layers.get(layer, {})
        return list(dict.fromkeys(one for name in (found if files is None else files) for one in found.get(name, [])))


def read(files: Sequence[str], asked: Asked = NOTHING) -> Import:
    """Import rules: a folder such as /etc/logcheck, a folder in it, or files, which are taken for what is ignored if
    their folder does not say otherwise. Raises ConfigError where one cannot be read, WrongOption where another option
    than REPORTLEVEL is asked for."""
    known_options(asked, "REPORTLEVEL")
    imported = Import()
    rules = Rules()
    for path in files:
        for layer, name in _files(path, asked.options.get("REPORTLEVEL", ""), rules):
            _add(imported, rules, layer, name)
    journal = list(asked.logs) == [JOURNAL] or (rules.journal and not rules.logs and not asked.logs)
    lines = _Journal(imported) if journal else _Files(asked.logs or rules.logs or LOGS)
    for layer in _WEAKENED:
        imported.flows += _matching(imported, rules, layer, lines)
    told = list(dict.fromkeys([*rules.of("cracking"), *rules.of("violations"), *rules.of("ignore")]))
    if rules.of("ignore"):
        imported.flows.append(Flow(imported.flow_name("logcheck"), [
            *lines.but_for(joined(told)), Step("alert", {"title": f"{{{lines.text}}}"})],
            "system events: what no rule knows"))
    if rules.journal and not journal and not asked.logs:
        imported.lose(Place(files[0]), "the log `journal`",
                      "the files of logs are read, not the journal; to read it instead, add `--log journal`")
    return imported


class _Files:
    """Lines of files."""

    text = "text"

    def __init__(self, paths: Sequence[str]) -> None:
        self._source = Step("tail", one_or_list(list(paths)))

    def matching(self, patterns: Sequence[str], ignored: Sequence[str]) -> list[Step]:
        """Steps that pass on the lines that match, but for those that are ignored."""
        options: dict[str, object] = {"pattern": one_or_list(list(patterns))}
        if ignored:
            options["except"] = one_or_list(list(ignored))
        return [self._source, Step("grep", options)]

    def but_for(self, patterns: Sequence[str]) -> list[Step]:
        """Steps that pass on the lines that do not match."""
        return [self._source, Step("drop", one_or_list(list(patterns)), why=SEVERAL)]


class _Journal(_Files):
    """Entries of the journal, with the time, the host and the program in front that rules want there."""

    text = "line"

    def __init__(self, imported: Import) -> None:
        head = "{at} {_HOSTNAME} {SYSLOG_IDENTIFIER}"
        self._add = imported.flows.append
        self._flow_name = imported.flow_name
        entries, others = imported.flow_name("logcheck-entries"), imported.flow_name("logcheck-entries-without-pid")
        self._add(Flow(entries, [Step("journal", {}), Step("where", "_PID exists", "numbered"),
                                 Step("set", {"line": head + "[{_PID}]: {text}"}, "line")]))
        self._add(Flow(others, [Step("from", f"{entries}.numbered.otherwise"),
                                Step("set", {"line": head + ": {text}"}, "line")]))
        self._source = Step("from", [f"{entries}.line", f"{others}.line"])

    def matching(self, patterns: Sequence[str], ignored: Sequence[str]) -> list[Step]:
        steps = [self._source, Step("parse", {"as": "regex", "of": "line", "pattern": one_or_list(list(patterns))})]
        tests = " or ".join("line matches '" + one.replace("'", "''") + "'" for one in ignored)
        return [*steps, Step("where", f"not ({tests})")] if tests else steps

    def but_for(self, patterns: Sequence[str]) -> list[Step]:
        name = self._flow_name("logcheck-known")
        self._add(Flow(name, [self._source, Step("parse", {"as": "regex", "of": "line",
                                                           "pattern": one_or_list(list(patterns))}, "known", SEVERAL)]))
        return [Step("from", f"{name}.known.otherwise")]


def joined(patterns: Sequence[str]) -> list[str]:
    """Patterns that find the same lines and are fewer; what RE2 does not take, such as back references, stays alone."""
    linear = [one for one in patterns if Pattern(one).linear]
    return ["|".join(linear[at:at + TOGETHER]) for at in range(0, len(linear), TOGETHER)] + [
        one for one in patterns if one not in linear]


def _files(path: str, level: str, rules: Rules) -> Iterator[tuple[str, str]]:
    """The files of rules at a path, each with its layer."""
    if not os.path.isdir(path):
        yield _layer(os.path.dirname(os.path.abspath(path))), path
        return
    inside = sorted(os.listdir(path))
    folders = [name for name in inside if os.path.isdir(os.path.join(path, name))]
    if any(_layer(name, "") for name in folders):
        _configured(path, rules)
        conf = os.path.join(path, "logcheck.conf")
        level = level or _option(conf, "REPORTLEVEL") or "server"
        if level not in LEVELS:
            raise ConfigError([Mistake(Place(path), f"there is no REPORTLEVEL {level!r}, only {', '.join(LEVELS)}")])
        without = "" if _option(conf, "SUPPORT_CRACKING_IGNORE") == "1" else "cracking.ignore"
        wanted = [*(f"{layer}.d" for layer in _LAYERS if layer != without),
                  *(f"ignore.d.{one}" for one in LEVELS[level])]
        for name in wanted:
            if name in folders:
                yield from _files(os.path.join(path, name), level, rules)
        return
    for name in inside:
        if _NAME.fullmatch(name) and os.path.isfile(os.path.join(path, name)):
            yield _layer(path), os.path.join(path, name)


def _layer(folder: str, otherwise: str = "ignore") -> str:
    name = os.path.basename(folder.rstrip("/"))
    if name.startswith("ignore.d."):
        return "ignore"
    return name.removesuffix(".d") if name.removesuffix(".d") in _LAYERS and name.endswith(".d") else otherwise


def _configured(path: str, rules: Rules) -> None:
    """The logs that a folder of logcheck's names."""
    names = [os.path.join(path, "logcheck.logfiles")]
    more = os.path.join(path, "logcheck.logfiles.d")
    if os.path.isdir(more):
        names += [os.path.join(more, name) for name in sorted(os.listdir(more)) if name.endswith(".logfiles")]
    for name in names:
        for _, line in _lines(name) if os.path.isfile(name) else ():
            if line.strip() == "journal":
                rules.journal = True
            else:
                rules.logs.append(line.strip())


def _option(path: str, name: str) -> str:
    for _, line in _lines(path) if os.path.isfile(path) else ():
        if found := re.fullmatch(rf"\s*{name}=[\"']?(\w+)[\"']?\s*", line):
            return found[1]
    return ""


def _add(imported: Import, rules: Rules, layer: str, path: str) -> None:
    found = rules.layers.setdefault(layer, {}).setdefault(os.path.basename(path), [])
    for number, ere in _lines(path):
        try:
            found.append(translated(ere, BLANKS))
        except ValueError as error:
            imported.lose(Place(path, number, 1), ere, str(error))


def _lines(path: str) -> Iterator[tuple[int, str]]:
    """The rules of a file with their numbers: what is neither blank nor a comment. Raises ConfigError."""
    lines = lines_of(path, newline="\n")
    yield from ((number, line) for number, line in lines if line.strip() and not line.startswith("#"))


def _matching(imported: Import, rules: Rules, layer: str, lines: _Files) -> Iterator[Flow]:
    """A flow for each file of a layer."""
    severity, what = _TOLD[layer]
    for name in rules.layers.get(layer, {}):
        patterns = rules.of(layer, [name])
        if not patterns:
            continue
        ignored = rules.of(_WEAKENED[layer], _weakening(rules, layer, name))
        if name == "logcheck":
            ignored += rules.of(layer, [one for one in rules.layers[layer] if not one.startswith("logcheck")])
        if layer == "violations":
            ignored += rules.of("cracking")
        alert = Step("alert", {"title": f"{what}, {name}: {{{lines.text}}}", "severity": severity})
        steps = [*lines.matching(patterns, list(dict.fromkeys(ignored))), alert]
        yield Flow(imported.flow_name(f"logcheck-{layer}-{name}"), steps, f"{layer}.d/{name}")


def _weakening(rules: Rules, layer: str, name: str) -> list[str]:
    """The files that take something from one."""
    others = rules.layers.get(_WEAKENED[layer], {})
    return [other for other in others if name == "logcheck" or other in (name, f"logcheck-{name}", "local")
            or other.startswith("local-")]
