"""What names something outside: a web server, a mailbox, a unit of systemd. Texts in, checked names out."""

from __future__ import annotations

import re
from typing import NewType
from urllib.parse import unquote, urlsplit

Url = NewType("Url", str)
AppriseUrl = NewType("AppriseUrl", str)
HeaderName = NewType("HeaderName", str)
"""The name of an HTTP header."""
Mailbox = NewType("Mailbox", str)
"""An address of mail, `ops@example.org` or `Ops <ops@example.org>`."""
Server = NewType("Server", str)
"""`HOST` or `HOST:PORT`."""
UnitName = NewType("UnitName", str)
"""The name of a systemd unit, or a glob of such."""
Match = NewType("Match", str)
"""`FIELD=value` of the journal."""

TOKEN = 16
"""Characters of a part of an address from which on it is taken for a token rather than for a word."""
TELLING = 8
"""And from which on it is told from ordinary words where it stands in a text."""
_UNIT = re.compile(r"[\w@*?\[\]:.\\][\w@*?\[\]:.\\-]*", re.ASCII)  # systemd.unit(5), and globs; never an option
_MATCH = re.compile(r"[A-Z_][A-Z0-9_]*=[^\0]*")  # systemd.journal-fields(7)
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_SERVER = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?")


def url(text: str) -> Url:
    """The address of a web server. Raises ValueError, as all of these do, with what to write instead."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text!r} is no address of a web server; write https://HOST/PATH")
    return Url(text)


def tells_secret(address: Url) -> bool:
    """Whether who knows this address could send to it: it holds a password, or a part that is long as a token is."""
    parts = urlsplit(address)
    words = re.split(r"[/?&=]", f"{parts.path}?{parts.query}")
    return bool(parts.password) or any(len(word) >= TOKEN for word in words)


def secrets_of(address: Url) -> re.Pattern[str]:
    """What of an address must not be told: the paths and queries of hooks are secrets, as they are or decoded."""
    parts = urlsplit(address)
    target = f"{parts.path}?{parts.query}"
    words = [target, parts.path.strip("/"), parts.query, parts.password or "", *re.split(r"[/?&=]", target)]
    found = {*(one for one in words if len(one) >= TELLING), *(one for one in (parts.path,) if len(one) > 1)}
    found |= {unquote(one) for one in found}
    return re.compile("|".join(map(re.escape, sorted(found, key=len, reverse=True))) or r"(?!)")


def apprise_url(text: str) -> AppriseUrl:
    """One of Apprise's URLs; which services there are only Apprise itself knows."""
    scheme, colon, rest = text.partition("://")
    if not (scheme.isalnum() and colon and rest):
        raise ValueError(f"{text!r} is none of Apprise's URLs; write SERVICE://…, such as ntfy://TOPIC")
    return AppriseUrl(text)


def header_name(text: str) -> HeaderName:
    """A token of RFC 9110, section 5.6.2."""
    if not _HEADER.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a header; it is made of letters, digits and '-'")
    return HeaderName(text)


def mailbox(text: str) -> Mailbox:
    """An address of RFC 5322, perhaps with a name; nothing in it can add a header."""
    from email.utils import formataddr, parseaddr  # it takes longer to load than most of what is here

    name, address = parseaddr(text)
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or not text.isprintable() or not address.isascii():
        raise ValueError(f"{text!r} is no address of mail; write ops@example.org or 'Ops <ops@example.org>'")
    return Mailbox(formataddr((name, address)))


def server(text: str) -> Server:
    """A name or an address, perhaps with a port."""
    found = _SERVER.fullmatch(text)
    if not found or not 0 < int(found[2] or 1) < 65536:
        raise ValueError(f"{text!r} is no server; write HOST or HOST:PORT")
    return Server(text)


def unit_name(text: str) -> UnitName:
    """A name of systemd.unit(5), or a glob; never what journalctl would take for an option."""
    if not _UNIT.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a unit; write ssh.service, or 'postgresql@*'")
    return UnitName(text)


def match(text: str) -> Match:
    """A match of journalctl(1), its field as systemd.journal-fields(7) has it."""
    if not _MATCH.fullmatch(text):
        raise ValueError(f"{text!r} is no match of the journal; write FIELD=value, such as PRIORITY=3")
    return Match(text)
