"""The goodbye: what was counted in this run and in all runs, and how it is told.

One ledger feeds both: each commit writes how much every counter grew, so the totals survive kill -9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from corowatch.core.text import numbers, safe
from corowatch.store import Change

Table = dict[str, dict[str, Any]]


class Ledger:
    """Which counters there are, and how much of each is written already."""

    def __init__(self) -> None:
        self._watched: list[tuple[str, str, Mapping[str, int], dict[str, int]]] = []
        self._known: set[int] = set()
        self.run: dict[str, Table] = {"source": {}, "node": {}}
        """This run's counts, as far as they are written: role → name → counter."""

    def add(self, role: str, name: str, counts: Mapping[str, int]) -> None:
        """Watch these counters; nothing happens if they are watched already."""
        if id(counts) not in self._known:
            self._known.add(id(counts))
            self._watched.append((role, name, counts, {}))
            told = self.run[role].setdefault(name, {})
            for counter in counts:
                told.setdefault(counter, 0)

    def keep(self, present: Iterable[Mapping[str, int]]) -> None:
        """Watch only these from now on."""
        self._known &= set(map(id, present))
        self._watched = [entry for entry in self._watched if id(entry[2]) in self._known]

    def changes(self) -> Iterator[Change]:
        """How much each counter grew since the last `written`."""
        for role, name, counts, written in self._watched:
            if written != counts:
                for counter, value in counts.items():
                    if value != written.get(counter, 0):
                        yield Change(role, name, counter, value - written.get(counter, 0))

    def written(self) -> None:
        """The changes are durable. Nothing may have been counted since."""
        for role, name, counter, by in list(self.changes()):
            told = self.run[role][name]
            told[counter] = told.get(counter, 0) + by
        for _, _, counts, written in self._watched:
            written.update(counts)


def sources_told(counts: Table, names: Mapping[str, Iterable[str]], left: Mapping[str, Mapping[str, int]], *,
                 total: bool = False) -> Table:
    """The readers' counts under the name of each step that shares one, with the ledger of their bytes.

    `left`: of each reader, the bytes that were found and not dealt with, before the run and after it.
    """
    return {step: _source_told(counts.get(reader, {}), left.get(reader, {}), total=total)
            for reader, steps in names.items() for step in steps}


def _source_told(counts: Mapping[str, Any], left: Mapping[str, int], *, total: bool) -> dict[str, Any]:
    told = {name: value for name, value in counts.items() if name not in ("found", "skipped") and "." not in name}
    lost = {name.partition(".")[2]: value for name, value in counts.items() if "." in name and value}
    if lost:
        told["bytes_lost_by"] = lost
    if left:
        # carried + found = passed + partial + unread + skipped + lost; over all runs nothing was carried.
        ledger = {} if total else {"carried": left["carried"]}
        for name, counter in (("found", "found"), ("passed", "bytes"), ("skipped", "skipped"), ("lost", "bytes_lost")):
            ledger[name] = counts.get(counter, 0)
        told["ledger"] = {**ledger, "partial": left["partial"], "unread": left["unread"]}
    return told


_NAMES = 3
"""Steps of one reader that are named."""


def summary_table(run: Mapping[str, Table], readers: Sequence[Sequence[str]] = ()) -> Iterator[tuple[str, str]]:
    """(name, counts as text) for each source, node and sink, for people; one row for the steps of one reader."""
    shared = {step: steps for steps in readers for step in steps}
    for role in ("sources", "nodes", "sinks"):
        for name, counts in run.get(role, {}).items():
            steps = shared.get(name, [name])
            if role != "sources" or name == steps[0]:
                yield safe(_named(steps if role == "sources" else [name])), numbers(counts) or "nothing"
            for key, value in list(counts.get("standing", {}).items())[:10]:
                yield "", f"{value:,} × {safe(key)}"


def _named(steps: Sequence[str]) -> str:
    more = f" and {len(steps) - _NAMES:,} more" if len(steps) > _NAMES else ""
    return ", ".join(steps[:_NAMES]) + more
