"""Sigma: rules translated to conditions of `where`, on JSON events behind `parse: json`.

Compared are the numbers of those events of a case that pass. Of the modifiers of
https://sigmahq.io/sigma-specification are translated contains, startswith, endswith, all, re (with i, m and s), cased,
cidr, exists, windash, lt, lte, gt and gte; conditions with and, or, not, parentheses, `1 of` and `all of`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from corowatch.core.errors import Misread
from corowatch.core.expression import Expr
from corowatch.core.formats.names import field_name
from corowatch.nodes.parse import parse
from corowatch.nodes.where import where
from corowatch.testing import Collect, drive, lines
from tests.agreement import Share, records

_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_KNOWN = {"contains", "startswith", "endswith", "all", "re", "i", "m", "s", "cased", "cidr", "exists", "windash",
          *_SIGNS}
_WILD = re.compile(r"\\([\\*?])|([*?])|(.)", re.DOTALL)
_WORD = re.compile(r"(?P<of>(?P<many>1|any|all) of (?P<which>[\w*?]+))|(?P<name>[\w-]+)|[()]|\S")
_DASHES = "[-/\u2013\u2014\u2015]"


class Untranslated(Exception):
    """Our language has no word for it."""


def shares() -> Iterator[Share]:
    share = Share("sigma rules on JSON")
    for case in records("sigma/json_cases.jsonl"):
        try:
            expression = translated(case["detection"])
        except Untranslated as why:
            share.left_out[str(why)] += 1
            continue
        told = f"{case['id']} {case['title']}"
        try:
            condition = Expr(expression)
        except Misread as error:
            share.compare(told, case["events_matching"], str(error))
            continue
        passed = Collect()
        drive(parse(where(passed, expr=condition), as_="json"), lines(*map(json.dumps, case["events"])))
        share.compare(told, case["events_matching"], [event.place for event in passed])
    yield share


def translated(detection: Mapping[str, Any]) -> str:
    """The condition of `where` that a detection means."""
    searches = {name: _search(search) for name, search in detection.items() if name not in ("condition", "timeframe")}
    conditions = detection["condition"]
    return " or ".join(f"({''.join(_words(one, searches))})"
                       for one in (conditions if isinstance(conditions, list) else [conditions]))


def _words(condition: str, searches: Mapping[str, str]) -> Iterator[str]:
    for word in _WORD.finditer(condition):
        if word["of"]:
            glob = "*" if word["which"] == "them" else word["which"]
            named = [text for name, text in searches.items() if fnmatchcase(name, glob) and not (
                word["which"] == "them" and name.startswith("_"))]
            yield f"({(' and ' if word['many'] == 'all' else ' or ').join(named)})"
        elif word["name"] and word["name"].lower() in ("and", "or", "not"):
            yield f" {word['name'].lower()} "
        elif word["name"] in searches:
            yield searches[word["name"]]
        elif word[0] in ("(", ")"):
            yield word[0]
        else:
            raise Untranslated(f"conditions with {word[0]!r}")


def _search(search: Any) -> str:
    """A mapping: all of its fields; a list: any of its parts."""
    if isinstance(search, list):
        return _joined(" or ", [_search(part) if isinstance(part, (dict, list)) else _value("text", part, {"contains"})
                                for part in search])
    if not isinstance(search, dict):
        return _value("text", search, {"contains"})
    return _joined(" and ", [_field(key, values) for key, values in search.items()])


def _field(key: str, values: Any) -> str:
    name, *modifiers = key.split("|")
    if unknown := set(modifiers) - _KNOWN:
        raise Untranslated(f"the modifier {unknown.pop()}")
    field = field_name(name) if name else "text"
    tests = [_value(field, value, set(modifiers) | ({"contains"} if not name else set()))
             for value in (values if isinstance(values, list) else [values])]
    return _joined(" and " if "all" in modifiers else " or ", tests)


def _joined(sign: str, tests: list[str]) -> str:
    return f"({sign.join(tests)})"


def _value(field: str, value: Any, modifiers: set[str]) -> str:
    """One field and one value."""
    if "exists" in modifiers:
        return f"{field} exists" if value else f"not {field} exists"
    if value is None:
        return f"not {field} exists"
    if sign := next((_SIGNS[one] for one in modifiers if one in _SIGNS), None):
        return f"{field} {sign} {value}"
    if "cidr" in modifiers:
        return f"{field} within {_quoted(value)}"
    if isinstance(value, bool):
        return f"{field} == {str(value).lower()}"
    if isinstance(value, (int, float)) and not modifiers & {"contains", "startswith", "endswith"}:
        return f"{field} == {value}"
    if "re" in modifiers:
        flags = "".join(sorted(modifiers & {"i", "m", "s"}))
        return f"{field} matches {_quoted(f'(?{flags}){value}' if flags else value)}"
    expression = "".join(_wild(part, "windash" in modifiers) for part in _WILD.finditer(str(value)))
    before = "" if modifiers & {"contains", "endswith"} else "^"
    after = "" if modifiers & {"contains", "startswith"} else "$"
    flags = "s" if "cased" in modifiers else "is"
    return f"{field} matches {_quoted(f'(?{flags}){before}{expression}{after}')}"


def _wild(part: re.Match[str], windash: bool) -> str:
    escaped, wild, plain = part.groups()
    if wild:
        return ".*" if wild == "*" else "."
    if plain == "-" and windash:
        return _DASHES
    return re.escape(escaped or plain)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
