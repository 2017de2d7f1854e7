"""A config to begin with: rules of the examples, for the logs that a machine has.

Where a machine has no files of syslog, the rules that need them ask the journal: its messages lack the beginning of
syslog's lines, and the rest of each pattern is the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from corowatch.core.addresses import mailbox, url
from corowatch.examples import example, folder
from corowatch.machine import APPLICATION, Log, Machine
from corowatch.rules.yaml_text import scalar


class Rules(NamedTuple):
    """Rules of one example: what they are for, and the log that they must have; `journal`: the journal will do."""

    name: str
    example: str
    tells: str
    log: str
    journal: bool = False


RULES = (
    Rules("ssh", "ssh-guessing", "guessed passwords of SSH, root logging in with one", "auth", journal=True),
    Rules("sudo", "sudo-failures", "who wanted what sudo or su do not allow", "auth", journal=True),
    Rules("memory", "oom-killer", "what the kernel killed for want of memory", "syslog", journal=True),
    Rules("disks", "disk-errors", "disks that fail, damaged file systems", "syslog", journal=True),
    Rules("full", "file-system-full", "programs that have no room to write", "syslog"),
    Rules("services", "service-state", "services of systemd that fail, and that work again", "syslog", journal=True),
    Rules("nginx", "nginx-5xx", "nginx: answers 5xx, a backend that is away", "nginx-access"),
    Rules("apache", "apache-5xx", "Apache: answers 5xx, PHP's fatal errors", "apache-error"),
    Rules("mysql", "mysql-errors", "MariaDB and MySQL: errors, guessed passwords", "mysql"),
    Rules("postgresql", "postgresql-errors", "PostgreSQL: down, failing statements", "postgresql"),
)
APPLICATIONS = Rules("applications", "", "errors and tracebacks in other logs", APPLICATION)
KNOWN = (*RULES, APPLICATIONS)
OTHER_PATHS = {
    "syslog": ("/var/log/syslog", "/var/log/kern.log"), "auth": ("/var/log/auth.log",),
    "nginx-access": ("/var/log/nginx/access.log",), "nginx-error": ("/var/log/nginx/error.log",),
    "apache-access": ("/var/log/apache2/other_vhosts_access.log",), "apache-error": ("/var/log/apache2/error.log",),
    "mysql": ("/var/log/mysql/error.log",), "postgresql": ("/var/log/postgresql/postgresql-*.log",),
}
"""How the examples call what a machine may have elsewhere."""
_SYSLOG = r"^(?:\w{3} +\d+ )?\S+ (?P<machine>\S+) "
_TAG = re.compile(re.escape(_SYSLOG) + r"(?P<program>[a-z]+)(?:\(\?:-session\)\?)?"
                  r"(?:\\\[\\d\+\\\]|\(\?:\\\[\\d\+\\\]\)\?|\\\[1\\\])?: "
                  r"(?P<kernel>\(\?:\\\[ \*\\d\+\\\.\\d\+\\\] \)\?)?(?P<blanks>\+)?")
_MACHINE = re.compile(r"(?<=[{\[ ])machine(?=[},\]])")
_TAIL = re.compile(r"^( +)((?:- )?)tail: (\S+)$", re.MULTILINE)


FIELDS = {
    "kernel": ("_TRANSPORT=kernel",), "systemd": ("_PID=1",), "smartd": ("SYSLOG_IDENTIFIER=smartd", "_UID=0"),
    # Since OpenSSH 9.8 what serves a session is sshd-session.
    "sshd": ("SYSLOG_IDENTIFIER=sshd", "SYSLOG_IDENTIFIER=sshd-session", "_UID=0"),
    "sudo": ("SYSLOG_IDENTIFIER=sudo",), "su": ("SYSLOG_IDENTIFIER=su",),
}
"""How the journal knows what each program says: fields that begin with `_` nobody can forge, systemd.journal-fields(7);
of sudo and su they are those of whoever called them."""


class Sink(NamedTuple):
    """Where alerts go: its name, and how it is written."""

    name: str
    text: str


def sink(where: str) -> Sink:
    """What a person answers to where alerts should go: an address of mail, a URL, or the path of a file. Raises
    ValueError with what to write instead."""
    where = where.strip()
    if "://" in where:
        return Sink("hook", f"{{webhook: {scalar(url(where))}}}")
    if where.startswith("/") and not where.endswith("/"):
        return Sink("alerts", f"{{file: {scalar(where)}}}")
    if "@" in where:
        return Sink("mail", f"{{email: {{to: {scalar(mailbox(where))}, server: localhost:25}}}}")
    if where == "console":
        return Sink("console", "{console: {}}")
    raise ValueError(f"{where!r} is none of these: ops@example.org, https://HOST/PATH, or /the/path/of/a/file")


def fitting(machine: Machine, logs: Sequence[Log]) -> list[Rules]:
    """The rules that the chosen logs of a machine, or its journal, have lines for."""
    there = {log.what for log in logs}
    return [rules for rules in KNOWN if rules.log in there or (
        rules.journal and machine.journal and machine.log(rules.log) is None)]


class Beginning(msgspec.Struct, frozen=True):
    """What was chosen."""

    machine: Machine
    logs: Sequence[Log]
    rules: Sequence[Rules]
    sinks: Sequence[Sink]

    def text(self) -> str:
        """The config."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield "# What corowatch watches for on this machine, and who is told."
        yield "#   corowatch check THIS_FILE     every mistake with its place, or what this will do"
        yield "#   corowatch test THIS_FILE      tests of rules, once there are some"
        more = f"More to copy from: {place}. " if (place := folder()) else ""
        yield f"# {more}A running daemon takes a change with `corowatch reload`."
        yield ""
        yield "defaults:"
        names = ", ".join(one.name for one in self.sinks)
        yield f"  alert: {{to: [{names}]}}  # so it is for every *.yaml that is loaded with this"
        yield ""
        yield "flows:"
        for rules in self.rules:
            yield from self._applications() if rules is APPLICATIONS else self._of(rules)
        yield "  # What corowatch itself has to tell: bytes lost, a step shut, a sink that refuses."
        yield "  own:"
        yield "    corowatch: {kinds: [lost, unreadable, shut, refused, folded, config, clock]}"
        yield "    alert: {title: 'corowatch: {text}'}"
        if APPLICATIONS not in self.rules:
            yield ""
            yield "  # An application's own log: adapt the path and the words."
            yield "  # my-app:"
            yield "  #   tail: /var/log/myapp/*.log"
            yield "  #   grep: {pattern: 'ERROR|CRITICAL|Traceback', except: 'known harmless noise'}"
            yield "  #   alert: {title: '{file}: {text}', throttle: 10m, after: 5}"
        yield ""
        yield "sinks:"
        for one in self.sinks:
            yield f"  {one.name}: {one.text}"

    def _of(self, rules: Rules) -> Iterator[str]:
        comment, flows = example(rules.example)
        flows = asking_the_journal(flows) if self.machine.log(rules.log) is None else self._with_paths(flows)
        yield from (f"  {line}" for line in comment.splitlines())
        yield from flows.splitlines()
        yield ""

    def _with_paths(self, flows: str) -> str:
        """The flows, reading what the machine has."""
        for what, paths in OTHER_PATHS.items():
            log = self.machine.log(what)
            for path in paths if log else ():
                assert log is not None
                flows = re.sub(rf"tail: {re.escape(path)}$", f"tail: {log.glob}", flows, flags=re.MULTILINE)
        return flows

    def _applications(self) -> Iterator[str]:
        globs = [log.glob for log in self.logs if log.what == APPLICATION]
        yield "  # Errors of applications, with the lines after them; of one file, one alert in ten minutes. Adapt the"
        yield "  # words, and put what is harmless into `except`."
        yield "  application-errors:"
        yield "    tail:"
        yield from (f"      - {scalar(one)}" for one in globs)
        yield "    grep: {pattern: '\\b(?:ERROR|CRITICAL|FATAL)\\b|^Traceback|^panic:', except: 'known harmless noise'}"
        yield "    throttle: {every: 10m, by: file}"
        yield "    alert: {title: '{file}: {text}', severity: error, after: 5}"
        yield ""


def asking_the_journal(flows: str) -> str:
    """Flows that read syslog's files, as flows that read the journal: the host is `_HOSTNAME` there."""
    told = []
    for flow in re.split(r"(?m)^(?=  \S)", flows):
        programs = dict.fromkeys(found["program"] for found in _TAG.finditer(flow))
        if not programs:
            told.append(flow)
            continue
        match = ", ".join(field for program in programs for field in FIELDS[program])
        flow = _TAIL.sub(lambda found, match=match: f"{found[1]}{found[2]}journal: {{match: [{match}]}}", flow)
        flow = _TAG.sub(lambda found: "^ *" if found["blanks"] else "^", flow)
        told.append(_MACHINE.sub("_HOSTNAME", flow))
    return "".join(told)
