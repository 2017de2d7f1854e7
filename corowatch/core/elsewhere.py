"""What other tools call what has another name here, for those who come from there.

Sources: the manuals of SEC, swatchdog, ElastAlert 2, Sigma, Fluent Bit, Vector, Prometheus' Alertmanager, fail2ban.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

_NAMES: Mapping[str, tuple[str, ...]] = {
    "grep": ("filter", "match", "regex", "regexp", "search", "find", "watchfor", "contains", "include"),
    "pattern": ("regex", "regexp", "match", "expression", "re"),
    "drop": ("exclude", "ignore", "reject", "skip"),
    "except": ("exclude", "ignore", "exclude_regex", "ignoreregex"),
    "where": ("condition", "if", "filter_by"),
    "set": ("add_field", "mutate", "fields", "record_modifier"),
    "tally": ("count", "metrics", "counter"),
    "threshold": ("frequency", "event_count", "singlewiththreshold", "maxretry"),
    "at_least": ("count", "num_events", "min", "minimum", "thresh", "maxretry", "gte"),
    "within": ("window", "timeframe", "timespan", "period", "findtime", "duration", "seconds"),
    "every": ("interval", "repeat_interval"),
    "by": ("group_by", "group-by", "groupby", "query_key", "key", "keys", "track_by"),
    "throttle": ("realert", "rate_limit", "ratelimit", "limit", "suppress", "cooldown", "group_interval"),
    "rest": ("realert", "suppress", "cooldown", "silence", "bantime"),
    "dedupe": ("uniq", "unique", "duplicates"),
    "absence": ("flatline", "missing", "silence", "deadman", "heartbeat"),
    "first_seen": ("new_term", "new", "new_value"),
    "distinct": ("cardinality", "value_count"),
    "sequence": ("temporal_ordered", "eventgroup"),
    "all_of": ("temporal", "and"),
    "stats": ("percentile", "value_percentile", "metric_aggregation", "quantile"),
    "lookup": ("blacklist", "whitelist", "blocklist", "allowlist", "denylist", "enrich"),
    "flag": ("create", "context"),
    "alert": ("notify", "action", "actions", "send", "output", "echo"),
    "to": ("sink", "sinks", "notify", "channel", "receiver", "recipient", "recipients", "outputs"),
    "title": ("message", "subject", "text", "summary", "msg", "desc", "alert_subject"),
    "severity": ("level", "priority"),
    "paths": ("path", "file", "files", "logfile", "logpath"),
    "tail": ("file", "logfile", "logpath", "input", "follow", "watch"),
    "journal": ("systemd", "journald", "journalctl"),
    "email": ("mail", "smtp", "sendmail"),
    "apprise": ("slack", "discord", "telegram", "teams", "pagerduty", "ntfy", "gotify", "matrix"),
    "webhook": ("http", "url", "post"),
    "exec": ("command", "pipe", "shellcmd", "script", "run"),
    "console": ("stdout", "print"),
    "then": ("expect", "expected", "assert", "want"),
    "lines": ("line", "input", "given", "when"),
}
_ELSEWHERE: dict[str, list[str]] = {}
for _name, _words in _NAMES.items():
    for _word in _words:
        _ELSEWHERE.setdefault(_word, []).append(_name)


def named_here(word: str, known: Collection[str]) -> str | None:
    """What is called `word` elsewhere, if its name here is one of those known."""
    return next((name for name in _ELSEWHERE.get(word.lower(), ()) if name in known), None)
