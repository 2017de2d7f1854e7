"""Access logs of web servers: the Common Log Format and the combined one.

Apache's mod_log_config (https://httpd.apache.org/docs/2.4/mod/mod_log_config.html), which nginx and most others
write as well: `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"`. Inside quotes, a quote of the
client's is escaped; escapes stay as they stand in the log.

Each format has two patterns that mean the same. Nearly every line has no escape and a plain request; there a
quoted text is just what stands before the next quote, and `re` is three times as fast.
"""

from __future__ import annotations

import re

from corowatch.core.formats import Found

CLF = ("ip", "ident", "user", "time", "method", "path", "protocol", "status", "bytes")
COMBINED = (*CLF, "referer", "agent")

_CHAR = r'(?:[^"\\]|\\.)'
# A user may be anything, for it is what a client says. The lookahead keeps `vhost:port ip - -` out, whose columns are
# others. The time is bounded, so that a line made of brackets costs no more than any other.
_HEAD = r"(\S+) (?=- |\S+ (?!- [^\[])\S)(\S+) (.*?) \[([^\]\[]{1,64})\] "
_REQUEST = rf'"(?:([A-Z-]+) ({_CHAR}*?)(?: (HTTP/[^"\\ ]*))?|{_CHAR}*)"'
_SIZE = r" (\d{3}|-) (\d{1,18}|-)"
_END = r"(?!\S)"
_PLAIN_HEAD = r'([^ ]+) ([^ ]+) ([^ ]+) \[([^][]+)\] "([A-Z-]+) ([^ ]+) (HTTP/[^"]+)"'

_PLAIN_CLF = re.compile(_PLAIN_HEAD + _SIZE + _END, re.ASCII)
_PLAIN_COMBINED = re.compile(_PLAIN_HEAD + _SIZE + ' "([^"]*)" "([^"]*)"' + _END, re.ASCII)
_CLF = re.compile(_HEAD + _REQUEST + _SIZE + _END, re.ASCII)
_COMBINED = re.compile(_HEAD + _REQUEST + _SIZE + f' "({_CHAR}*)" "({_CHAR}*)"' + _END, re.ASCII)


def clf(text: str) -> Found | None:
    """The fields of CLF, all texts but the numbers `status` and `bytes`; `-` is absent.

    A request that is none (what a port scanner sends) has no method, path and protocol. What follows is
    not looked at.
    """
    found = ("\\" not in text and _PLAIN_CLF.match(text)) or _CLF.match(text)
    return _fields(*found.groups()) if found else None


def combined(text: str) -> Found | None:
    """The fields of COMBINED, as `clf` gives them. What a server appends behind them is not looked at."""
    found = ("\\" not in text and _PLAIN_COMBINED.match(text)) or _COMBINED.match(text)
    return _fields(*found.groups()) if found else None


def _fields(ip: str, ident: str, user: str, time: str, method: str | None, path: str, protocol: str | None,
            status: str, size: str, referer: str = "-", agent: str = "-") -> Found:
    fields: Found = {"ip": ip, "time": time} if ip != "-" else {"time": time}
    if ident != "-":
        fields["ident"] = ident
    if user != "-":
        fields["user"] = user
    if method:
        fields["method"] = method
        fields["path"] = path
    if protocol:
        fields["protocol"] = protocol
    if status != "-":
        fields["status"] = int(status)
    if size != "-":
        fields["bytes"] = int(size)
    if referer != "-":
        fields["referer"] = referer
    if agent != "-":
        fields["agent"] = agent
    return fields
