"""syslog, as it travels and as it stands in files: RFC 3164, RFC 5424, and rsyslog's file formats between them.

    <34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed
    2003-10-11T22:14:15.003Z mymachine su: 'su root' failed
    <165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3"] An event
"""

from __future__ import annotations

import re

from corowatch.core.formats import Found
from corowatch.core.formats.names import LONGEST, named
from corowatch.core.formats.quoting import unquoted

FIELDS = ("time", "hostname", "app", "pid", "facility", "severity", "message", "msgid", "sd.*")

_FACILITIES = ("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
               "ntp", "audit", "alert", "clock", *(f"local{n}" for n in range(8)))
_SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")

_PRI = r"(?:<(\d{1,3})>)?"
# With its T and zone, as RFC 3339 has it: else any application's log would be syslog.
_ISO = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
_BSD = r"[A-Z][a-z]{2} [ \d]?\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?"
# A name that ends with a colon is the program's: some senders leave the host out.
_OLD = re.compile(rf"{_PRI}({_BSD}|{_ISO})(?: (\S*[^\s:]))?(?: |$)", re.ASCII)
_TAG = re.compile(r"([^\s:\[\]]{1,128})(?:\[([^\s\]]{1,128})\](?::|(?=\s|$))|:(?=[\s\[]|$)) ?", re.ASCII)
_NEW = re.compile(rf"{_PRI}1 ({_ISO}|-) (\S+) (\S+) (\S+) (\S+) (?=[-\[])", re.ASCII)
_ELEMENT = re.compile(r'\[([^\s=\]"]+)((?: +[^\s=\]"]+="[^"\\]*+(?:\\.[^"\\]*+)*+")*+) *\]', re.DOTALL)
_PARAMETER = re.compile(r'([^\s=\]"]+)=("[^"\\]*+(?:\\.[^"\\]*+)*+")', re.DOTALL)


def syslog(text: str) -> Found | None:
    """`time hostname app pid:int facility severity message msgid`, and `sd.ID.PARAM` of structured data.

    Facility and severity are keywords such as `authpriv` and `err`, known where the line has its `<PRI>`. A
    process id that is no number (RFC 5424 allows it) is a text. The host is `hostname`, for `host` is built in.
    """
    if found := _OLD.match(text):
        pri, time, hostname = found.groups()
        tag = _TAG.match(text, found.end())
        app, pid = tag.groups() if tag else (None, None)
        message = text[tag.end() if tag else found.end():]
        return _fields(pri, {"time": time, "hostname": hostname, "app": app, "pid": pid, "message": message})
    if found := _NEW.match(text):
        pri, time, hostname, app, pid, msgid = found.groups()
        data, end = _structured(text, found.end())
        if data is not None and text[end:end + 1] in (" ", ""):
            message = text[end + 1:].removeprefix("\ufeff")
            return _fields(pri, {"time": time, "hostname": hostname, "app": app, "pid": pid, "msgid": msgid,
                                 "message": message, **data})
    return None


def _structured(text: str, at: int) -> tuple[Found | None, int]:
    """The fields of the structured data that begin at `at`, and where they end; None if a name is too long."""
    fields: Found = {}
    if text[at] == "-":
        return fields, at + 1
    while element := _ELEMENT.match(text, at):
        if len(element[1]) > LONGEST:  # before it is repeated in the name of each parameter
            return None, at
        for name, value in _PARAMETER.findall(element[2]):
            fields[f"sd.{element[1]}.{name}"] = unquoted(value)
        at = element.end()
    return named(fields), at


def _fields(pri: str | None, found: Found) -> Found | None:
    """What is there of `found`, with what the priority says; None where no such priority is defined."""
    fields: Found = {name: value for name, value in found.items() if value is not None and value != "-"}
    if (pid := str(fields.get("pid", ""))).isdecimal() and pid.isascii() and len(pid) < 19:
        fields["pid"] = int(pid)
    if pri:
        facility, severity = divmod(int(pri), 8)
        if facility >= len(_FACILITIES):
            return None
        fields["facility"], fields["severity"] = _FACILITIES[facility], _SEVERITIES[severity]
    return fields
