"""Why a line did or did not page: what each node did with it, and with those that made a window beside it.

A line that stands in a file is met by reading all before it, so every window is as it was then; one that is only told
meets the state of a daemon that runs, or none at all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from math import inf
from typing import NamedTuple

import msgspec

from corowatch.core.config import Config
from corowatch.core.events import Alert, Event, Origin
from corowatch.core.graph import Graph, feed_of
from corowatch.core.lines import all_shown
from corowatch.core.scan import HEAD
from corowatch.core.stamps import Stamps
from corowatch.engines import Cache
from corowatch.rules.logs import content_at
from corowatch.rules.rehearsal import Rehearsal, Remembered, nothing_remembered
from corowatch.rules.replaying import Inputs
from corowatch.rules.witness import Sight, Witness
from corowatch.sources.report import name_of

GULP = 1 << 20
LONGEST = 65536
"""Bytes of a line that are looked at."""


class Spot(NamedTuple):
    """A line of a file: where it begins (bytes), and its number where that is asked for."""

    path: str
    offset: int


class Told(msgspec.Struct):
    """What nodes did with one item: with a line of a file, with a line that was only told, or as time passed."""

    sights: list[Sight]
    text: str = ""


def why_text(config: Config, text: str, *, remembered: Remembered = nothing_remembered,
             now: float | None = None) -> Told:
    """A line, as if it came now, or when it tells. Raises ConfigError."""
    witness = Witness()
    now = time.time() if now is None else now
    graph = _graph(config, witness, remembered)
    for step, origin, stamps in _entries(config):
        at = stamps.read(text.encode("utf-8", "surrogateescape")[:HEAD], now)
        graph.now = at or now
        graph.nodes[step].inlet.send(Event(origin, 0, at or now, text))
    sights = list(witness.kept)
    for _ in graph.close():
        pass
    return Told(sights, text)


def why_line(config: Config, spot: Spot, others: Sequence[str] = (), *, cache: Cache | None = None) -> Told:
    """A line of a file, after all that stands before it there and in others. Raises ConfigError, and OSError where the
    file has no such line."""
    text = text_at(spot)
    inputs = Inputs([spot.path, *others])
    names = {name_of(spot.path), name_of(os.path.realpath(spot.path))}  # a packed one is called as it really is

    def is_it(sight: Sight) -> bool:
        event = sight.item
        return isinstance(event, Event) and event.origin.file in names and _holds(event, spot)

    witness = Witness(is_it)
    run = Rehearsal([(config, lambda alert: None)], inputs.open([config]), witness=witness, cache=cache)
    try:
        while run.step() and not witness.kept:
            pass
    finally:
        run.close()
    seen = {sight.step for sight in witness.kept}
    # What no scanner let through, or no source reads, comes to nobody; that it would have been ignored can be shown.
    missed = [sight for sight in why_text(config, text).sights if sight.step not in seen and _reads(
        config, sight.step, inputs, run)]
    order = list(config.steps)
    return Told(sorted([*witness.kept, *missed], key=lambda sight: order.index(sight.step)), text)


def _holds(event: Event, spot: Spot) -> bool:
    """Whether an event is the line at a place of its file, or a record with that line in it."""
    if not isinstance(event.place, int) or not 0 < spot.offset - event.place < LONGEST:
        return event.place == spot.offset
    lines = event.text.count("\n")
    return lines > 0 and bytes_at(spot.path, event.place, spot.offset - event.place).count(b"\n") <= lines


def _reads(config: Config, step: str, inputs: Inputs, run: Rehearsal) -> bool:
    """Whether a source of a step reads any of the files."""
    return any(run.sources[feed_of(config.steps[way.step])].counts.get("files") for way in config.steps[step].inputs
               if config.steps[way.step].kind.role == "source")


def why_alert(config: Config, found: Callable[[Alert], bool], files: Sequence[str], *, until: float | None = None,
              cache: Cache | None = None) -> tuple[Alert, list[Told]] | None:
    """The first alert of a replay that is the one looked for, and what led to it: each line that it tells, and the
    moment that made it. Behind the last line time passes up to `until` (seconds since the epoch), as it did for a
    daemon; if that gives none, all is over then, as where a daemon stopped. None if there is no such alert. Raises
    ConfigError."""
    def made(sight: Sight) -> list[Alert]:
        return [alert for one in sight.all() for alert in one.alerts if found(alert)]

    end = inf
    first = _run(config, files, lambda sight: bool(made(sight)), made, cache, until, end)
    if not first and until is not None:
        end = until
        first = _run(config, files, lambda sight: bool(made(sight)), made, cache, until, end)
    if not first:
        return None
    alert = made(first[0])[0]
    places = {(str(event["file"]), event["offset"]) for event in alert.events}

    def led_to_it(sight: Sight) -> bool:
        event = sight.item
        return bool(made(sight)) or (isinstance(event, Event) and (event.origin.file, event.place) in places)

    told: list[Told] = []
    for sight in _run(config, files, led_to_it, made, cache, until, end):
        if config.steps[sight.step].flow not in flows_of(config, alert.flow):
            continue
        if told and told[-1].sights[0].item is sight.item:
            told[-1].sights.append(sight)
        else:
            told.append(Told([sight]))
    return alert, told


def flows_of(config: Config, flow: str) -> set[str]:
    """A flow, and those that it follows."""
    asked = [step.id for step in config.steps.values() if step.flow == flow]
    seen: set[str] = set()
    while asked:
        step = config.steps[asked.pop()]
        seen.add(step.id)
        asked += [way.step for way in step.inputs if way.step not in seen]
    return {config.steps[name].flow for name in seen}


def _run(config: Config, files: Sequence[str], keep: Callable[[Sight], bool], over: Callable[[Sight], object],
         cache: Cache | None, until: float | None, end: float) -> list[Sight]:
    """What is to be kept, up to the first for which it is over; of lines up to the time `end`."""
    inputs = Inputs(files)
    witness = Witness(keep)
    run = Rehearsal([(config, lambda alert: None)], inputs.open([config]), witness=witness, cache=cache, until=end)
    try:
        while run.step():
            if any(over(sight) for sight in witness.kept):
                return witness.kept
        run.run(until)
    finally:
        run.close()
    return witness.kept


def _graph(config: Config, witness: Witness, remembered: Remembered) -> Graph:
    graph = Graph(config, put=witness.alerted, memory=remembered, report=lambda failure: None, host=os.uname().nodename,
                  now=0.0, witness=witness)
    witness.graph = graph
    return graph


def _entries(config: Config) -> list[tuple[str, Origin, Stamps]]:
    """The steps behind sources: each with an origin, and how its lines tell their time."""
    found = []
    for step in config.steps.values():
        for way in step.inputs:
            source = config.steps[way.step]
            if source.kind.role == "source":
                stamps = Stamps(source.options.get("timestamp", "none"), source.options.get("zone"))
                found.append((step.id, Origin(feed_of(source), "line", "-"), stamps))
    return found


def text_at(spot: Spot) -> str:
    """The line at an offset. Raises OSError."""
    data = bytes_at(spot.path, spot.offset, LONGEST)
    if not data:
        raise OSError(f"{spot.path} has no byte {spot.offset:,}")
    return all_shown(data.partition(b"\n")[0])


def bytes_at(path: str, offset: int, size: int) -> bytes:
    """At most so many bytes of a file's text from an offset on. Raises OSError."""
    content = content_at(path)
    try:
        while not content.reach(offset):
            pass
        return content.pread(size, offset)
    finally:
        content.close()


def spot_of(path: str, *, line: int | None = None, offset: int | None = None) -> Spot:
    """A line by its number, from 1, or by one of its bytes. Raises OSError where there is none."""
    content = content_at(path)
    try:
        at = begin = 0
        number = 1
        while content.reach(at) and (data := content.pread(GULP, at)):
            if line is not None and number + data.count(b"\n") >= line:
                start = 0
                for _ in range(line - number):
                    start = data.index(b"\n", start) + 1
                if start < len(data):  # else it is the next, if there is one
                    return Spot(path, at + start if start else begin)
            if offset is not None and at + len(data) > offset:
                newline = data.rfind(b"\n", 0, offset - at)
                return Spot(path, at + newline + 1 if newline >= 0 else begin)
            number += data.count(b"\n")
            last = data.rfind(b"\n")
            begin = at + last + 1 if last >= 0 else begin
            at += len(data)
    finally:
        content.close()
    what = f"line {line:,}" if line is not None else f"byte {offset:,}"
    raise OSError(f"{path} has no {what}")
