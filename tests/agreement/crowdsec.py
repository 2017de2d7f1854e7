"""CrowdSec: the alerts that its scenarios must raise. A case is one scenario of one log.

`buckets, labelled events`: the listed events of all alerts of a scenario, in the order of their time, go through our
`bucket` (capacity, leak, of, by and rest as the scenario says), or straight on where each event is an alert. Compared
are the alerts: source, how many events, the moment of the last of them.

`buckets, raw lines`: the lines of the log go through a whole config: `parse: combined`, and another `parse` that takes
the request apart where that is needed, `where` as the filter of the scenario says, and `bucket`, or where each event is
an alert, `dedupe` for the time of its silence. Where a parser of the peer's says what an event is, a `grep` of EVENTS
does. Compared is the same, but for the year, which syslog does not tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError, VisitError

from corowatch.core.errors import ConfigError
from corowatch.core.events import rfc3339
from corowatch.core.formats.access_log import combined
from corowatch.core.values import FieldName, Seconds, duration
from corowatch.nodes.bucket import bucket
from corowatch.testing import Collect, drive, line
from tests.agreement import Share, records, run

FOLLOWS = ("leaky: reproduced", "leaky with distinct: capacity + 1 events", "trigger: one event")
"""Kinds of `replay` in which the alert follows from its events by the plain rule."""
COMBINED = ("nginx", "apache2", "litespeed")
ZONE = "the peer does not read the zone that stands a blank behind the time"
_ZONED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* [+-]\d\d:\d\d ").match
_FIELD = re.compile(r"evt\.(?:Meta|Parsed)\.(\w+)")
_FROM = r"(?P<ip>[0-9A-Fa-f.:]+)"
EVENTS: Mapping[tuple[str, ...], list[str]] = {
    ("ssh_failed-auth",): [
        rf"Failed \S+ for (?:invalid user )?(?P<user>.*) from {_FROM} port ",
        rf"Invalid user (?P<user>.*) from {_FROM}",
        rf"(?:Connection \w+ by|Disconnected from) \w+ user (?P<user>.*) {_FROM} port \d+ \[preauth\]",
        rf"pam_\w+\(sshd:auth\): authentication failure;.* rhost={_FROM}(?: +user=(?P<user>.*))?",
        rf"banner exchange: Connection from {_FROM} port \d+: invalid format"],
    ("bitwarden_failed_auth",): [rf"Failed login attempt(?:, 2FA invalid)?\. {_FROM}"],
    ("calibre-web_failed_auth",): [rf'Login failed for user "(?P<user>[^"]*)" IP-address: {_FROM}'],
    ("dockge_failed_auth",): [rf"Incorrect username or password for user (?P<user>.*)\. IP={_FROM}"],
    ("uptime_kuma_failed_password", "uptime_kuma_failed_totp"): [
        rf"(?:Incorrect username or password|Invalid token provided) for user (?P<user>.*)\. IP={_FROM}"],
    ("dovecot_logs", "auth_failed"): [rf"dovecot: .*\(auth failed, .* rip={_FROM}"],
    ("emby_failed_auth",): [rf"AUTH-ERROR: {_FROM} - Invalid username or password"],
    ("endlessh_accept",): [r"ACCEPT host=(?:::ffff:)?(?P<ip>[0-9A-Fa-f.:]+) port="],
    ("exim_failed_auth",): [
        rf"authenticator failed for .*\[{_FROM}\]:\d+: 535 .*set_id=(?P<user>[^)]*)",
        rf" H=.*\[{_FROM}\]:\d+ .*F=<(?P<user>[^>]*)> rejected RCPT .*: No Such User Here"],
    ("freeswitch", "acl_reject"): [rf"IP {_FROM} Rejected by (?:register )?acl"],
    ("home-assistant_failed_auth",): [rf"with invalid authentication from \S* ?\({_FROM}\)"],
    ("jellyfin_failed_auth",): [rf"Authentication request for (?P<user>.*) has been denied \(IP: {_FROM}\)"],
    ("mailu_admin_auth_attempt",): [rf"Authentication attempt from {_FROM} has been rate-limited"],
    ("mikrotik_failed_auth",): [rf"login failure for user (?P<user>.*) from {_FROM} via"],
    ("miniflux_failed_auth",): [rf"authentication_failed=true client_ip={_FROM}.* username=(?P<user>\S+)"],
    ("odoo_failed_auth",): [rf"Login failed for db:\S+ login:(?P<user>.*) from {_FROM}"],
    ("openvpn", "auth_failed"): [rf"authentication failed from \[AF_INET\]{_FROM}:\d+$"],
    ("postfix", "reject", "Helo command rejected"): [rf"NOQUEUE: reject: .*\[{_FROM}\].* Helo command rejected"],
    ("postfix", "reject", "Relay access denied"): [rf"NOQUEUE: reject: .*\[{_FROM}\].* Relay access denied"],
    ("qbittorrent_failed_auth",): [rf"login failure\. .*, IP: {_FROM}, username: (?P<user>.*)"],
    ("redmine_failed_auth",): [rf"Failed login for '(?P<user>.*)' from {_FROM} at "],
    ("stirling-pdf", "failed_authentication"): [rf"Failed login attempt from IP: \[?{_FROM}"],
}
"""What events are in the log, where a filter names a kind of them that a parser of the peer's gives: by its words."""
Told = tuple[str, int, str]
"""Of an alert: its source, how many events, when."""


def shares() -> Iterator[Share]:
    labelled, raw = Share("buckets, labelled events"), Share("buckets, raw lines")
    for case in records("correlation/crowdsec_tests.jsonl"):
        for scenario in case["scenarios"]:
            told = [one for one in case["alerts"] if one["scenario"] == scenario["name"]]
            for one in told:
                if one["replay"] not in FOLLOWS:
                    labelled.left_out[f"alerts that do not follow from what is listed: {one['replay']}"] += 1
            if not told or not all(one["replay"] in FOLLOWS for one in told):
                continue
            if all(_has_time(event) for one in told for event in one["events"]):
                name = f"{case['id']} {scenario['name']}"
                of_events(name, scenario, told, labelled)
                of_lines(name, case, scenario, told, raw)
            else:
                labelled.left_out["scenarios whose listed events have no time"] += 1
    yield from (labelled, raw)


# --- labelled events ----------------------------------------------------------------------------------


def of_events(name: str, scenario: Mapping[str, Any], told: list[dict[str, Any]], share: Share) -> None:
    by, of = _fields(scenario.get("groupby")), _fields(scenario.get("distinct"))
    events = sorted((_taken_apart(event) for one in told for event in one["events"]), key=_time)
    lacking = {field for event in events for field in (*by, *of) if field not in event}
    if lacking:
        share.left_out["scenarios by fields that the listed events do not have"] += 1
        return
    passed = Collect()
    step = passed if scenario["type"] == "trigger" else _bucket(scenario, passed, by, of)
    drive(step, [line("", _time(event), place, **event) for place, event in enumerate(events)])
    found = [(str(event.fields[by[0]]) if by else "", event.count or 1, rfc3339(event.when)) for event in passed]
    expected = [(_source(one, by), one["events_count"], rfc3339(max(map(_time, one["events"])))) for one in told]
    share.compare(name, sorted(expected), sorted(found))


def _bucket(scenario: Mapping[str, Any], target: Collect, by: list[str], of: list[str]) -> Any:
    silence = scenario.get("blackhole")
    return bucket(target, capacity=scenario["capacity"], leak=duration(scenario["leakspeed"]),
                  of=tuple(map(FieldName, of)), by=tuple(map(FieldName, by)),
                  rest=duration(silence) if silence else Seconds(0.0))


def _fields(expression: str | None) -> list[str]:
    return _FIELD.findall(expression or "")


def _taken_apart(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event with the path of its request alone, where the peer has it but does not list it."""
    return {**event, "request": event["http_path"].partition("?")[0]} if "http_path" in event else event


def _has_time(event: Mapping[str, Any]) -> bool:
    try:
        return _time(event) > 0
    except (KeyError, ValueError):
        return False


def _time(event: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def _source(alert: Mapping[str, Any], by: list[str]) -> str:
    return str(alert["events"][-1][by[0]]) if by else ""


# --- raw lines ----------------------------------------------------------------------------------------


def of_lines(name: str, case: Mapping[str, Any], scenario: Mapping[str, Any], told: list[dict[str, Any]],
             share: Share) -> None:
    lines = [text for text in case["log"] if text]
    try:
        steps = steps_of(case, scenario, lines)
    except Untranslated as why:
        share.left_out[str(why)] += 1
        return
    try:
        found, counts = run({"f": steps}, "\n".join(lines).encode())
    except ConfigError as error:
        share.compare(name, told, str(error))
        return
    if counts["late"]:
        share.left_out["logs that go back in time by more than `lateness`, as the lines of no file do"] += 1
        return
    expected = [(one["sources"][0]["value"], one["events_count"], rfc3339(max(map(_time, one["events"])))[5:19])
                for one in told]
    ours = [(str(one.fields["ip"]), one.count, one.at[5:19]) for one in found]
    only_when = sorted(one[:2] for one in expected) == sorted(one[:2] for one in ours)
    share.compare(name, sorted(expected), sorted(ours), ZONE if only_when and any(map(_ZONED, lines)) else "")


def steps_of(case: Mapping[str, Any], scenario: Mapping[str, Any], lines: list[str]) -> list[dict[str, Any]]:
    """The steps that a user would write for a scenario. Raises Untranslated."""
    if scenario.get("groupby") != "evt.Meta.source_ip":
        raise Untranslated("scenarios by something else than the address")
    filter_ = scenario["filter"].strip()
    words = tuple(re.findall("'([^']*)'", filter_))
    of = [_NAMES.get(field, field) for field in _fields(scenario.get("distinct"))]
    if words in EVENTS:
        steps: list[dict[str, Any]] = [{"stdin": None}, {"grep": EVENTS[words]}]
    elif case["log_type"] not in COMBINED:
        raise Untranslated("logs that only the peer's parsers read")
    elif not all(map(combined, lines)):
        raise Untranslated("logs of a web server in another format than `combined`")
    else:
        where = translated(filter_)
        steps = [{"stdin": None}, {"parse": "combined"}, {"where": where}]
        if any(name in where or name in of for name in _OF_REQUEST):
            steps.insert(2, {"parse": {"as": "regex", "pattern": REQUEST}})
    silence = scenario.get("blackhole") or "1ms"
    if scenario["type"] == "trigger" or scenario["capacity"] < 1:
        return [*steps, {"dedupe": {"within": silence, "of": "ip"}}, {"alert": None}]
    told = {"capacity": scenario["capacity"], "leak": scenario["leakspeed"], "by": "ip", "rest": silence}
    return [*steps, {"bucket": {**told, **({"of": of} if of else {})}}, {"alert": None}]


class Untranslated(Exception):
    """What there is no word for in our language, or nothing to read it with."""


REQUEST = (r'"[A-Z-]+ (?P<request>[^?" ]*?(?P<file_name>[^?"/ ]*))(?:\?(?P<http_args>[^" ]*))?'
           r'(?: HTTP/(?P<http_version>[^"]+))?"')
"""The parts of a request that `combined` leaves together."""
_OF_REQUEST = ("request", "file_name", "http_args", "http_version")
_NAMES = {
    **{name: name for name in _OF_REQUEST}, "http_path": "path", "http_status": "status", "http_verb": "method",
    "verb": "method", "http_user_agent": "agent", "source_ip": "ip", "target_user": "user", "username": "user",
}
_CONSTANT = {"log_type": "http_access-log", "service": "http"}
"""What is the same for each line that `combined` reads."""
_TRUE, _FALSE = "text exists", "not text exists"
_GRAMMAR = r"""
start: let* _any
let: "let" NAME "=" value ";"
_any: any | _all
any: _all (("or" | "||") _all)+
_all: all | _not
all: _not (("and" | "&&") _not)+
_not: negated | "(" _any ")" | test | among
negated: ("not" | "!") _not
test: value SIGN value
among: value NOT? "in" "[" STRING ("," STRING)* "]"
?value: field | text | folded | NAME -> named
field: FIELD
text: STRING
folded: ("Upper" | "Lower") "(" value ")"
SIGN: "==" | "!=" | "contains" | "startsWith" | "endsWith" | "matches"
NOT: "not"
FIELD: /evt\.(Meta|Parsed)\.\w+/
NAME: /[a-z_]+/
STRING: /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/
%ignore /\s+/
"""


class Term(NamedTuple):
    """One side of a comparison: a field or a text, and whether case does not count."""

    field: str = ""
    text: str = ""
    folds: bool = False


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="earley")


def translated(filter_: str) -> str:
    """The condition of `where` that a filter means. Raises Untranslated."""
    try:
        return str(_Translator().transform(_parser().parse(filter_)))
    except VisitError as error:
        raise error.orig_exc from None
    except LarkError:
        raise Untranslated("filters with lists in files, unescaping or functions that `where` does not have") from None


class _Translator(Transformer[Token, Any]):
    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, Term] = {}

    def start(self, parts: list[Any]) -> str:
        return str(parts[-1])

    def any(self, parts: list[str]) -> str:
        return f"({' or '.join(parts)})"

    def all(self, parts: list[str]) -> str:
        return f"({' and '.join(parts)})"

    def negated(self, parts: list[str]) -> str:
        return f"not ({parts[0]})"

    def let(self, parts: list[Any]) -> None:
        self.names[str(parts[0])] = parts[1]

    def named(self, parts: list[Token]) -> Term:
        if str(parts[0]) not in self.names:
            raise Untranslated("filters with names that they do not explain")
        return self.names[str(parts[0])]

    def field(self, parts: list[Token]) -> Term:
        return Term(field=parts[0].rpartition(".")[2])

    def text(self, parts: list[Token]) -> Term:
        return Term(text=re.sub(r"\\(.)", r"\1", parts[0][1:-1]))

    def folded(self, parts: list[Term]) -> Term:
        return parts[0]._replace(folds=True)

    def test(self, parts: list[Any]) -> str:
        one, sign, other = parts
        return _test(one, str(sign), other)

    def among(self, parts: list[Any]) -> str:
        one, *texts = parts
        negated = bool(texts) and texts[0] == "not"
        tests = [_test(one, "==", self.text([text])) for text in texts[negated:]]
        return f"{'not ' if negated else ''}({' or '.join(tests)})"


def _test(one: Term, sign: str, other: Term) -> str:
    if not one.field or other.field:
        raise Untranslated("filters that compare two fields, or two texts")
    if one.field in _CONSTANT:
        if sign not in ("==", "!="):
            raise Untranslated("filters that take the kind of an event apart")
        return _TRUE if (_CONSTANT[one.field] == other.text) is (sign == "==") else _FALSE
    if one.field not in _NAMES:
        raise Untranslated("filters on fields that `combined` does not have")
    name = _NAMES[one.field]
    if not other.text and sign in ("==", "!="):  # the peer takes what is absent for an empty text
        return f"{name} exists" if sign == "!=" else f"not {name} exists"
    text = other.text if sign == "matches" else re.escape(other.text)
    before = "^" if sign in ("==", "!=", "startsWith") else ""
    after = "$" if sign in ("==", "!=", "endsWith") else ""
    quoted = f"{'(?i)' if one.folds else ''}{before}(?:{text}){after}".replace("'", "''")
    return f"{'not ' if sign == '!=' else ''}{name} matches '{quoted}'"
