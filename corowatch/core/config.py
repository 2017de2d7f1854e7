"""From YAML to a checked Config, or to every mistake at once.

Three stages, each of which goes on after a mistake: the text becomes a tree with places (`yaml_places`),
the tree becomes flows and sinks whose options are read (`surface`), and the flows become a graph (`wiring`).
Nothing is opened and nothing of the user's is run; the outside hands in how to look at a function, at a secret and at a
file that is looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from corowatch.core.errors import ConfigError, Mistake, Place
from corowatch.core.kinds import Kind, Kinds
from corowatch.core.surface import Surface
from corowatch.core.table import TableFile
from corowatch.core.values import Function, Given, Reading
from corowatch.core.wiring import CONSOLE, Draft, Flow, Input, Use, Wiring
from corowatch.core.yaml_places import Page, read


class ConfigFile(NamedTuple):
    """One file to read: its name as messages show it, its text, and the folder where relative paths begin."""

    name: str
    text: str
    folder: str = "."


class Step(msgspec.Struct, frozen=True):
    """One node or source of a flow. `options` has every option of the kind, `written` what the user gave."""

    flow: str
    name: str
    kind: Kind
    options: Mapping[str, Any]
    written: Mapping[str, Any]
    inputs: tuple[Input, ...]
    place: Place

    @property
    def id(self) -> str:
        return f"{self.flow}.{self.name}"


class SinkUse(msgspec.Struct, frozen=True):
    """One sink, under the name by which alerts call it. `places`: where each option was written (its first item)."""

    name: str
    kind: Kind
    options: Mapping[str, Any]
    written: Mapping[str, Any]
    place: Place
    places: Mapping[str, Place] = msgspec.field(default_factory=dict)


class Config(msgspec.Struct, frozen=True):
    """Steps by id, parents before children; sinks by name; `notes`, which are no mistakes.

    `declared` names the sinks that the user wrote: the console that every config has is not among them.
    """

    steps: Mapping[str, Step]
    sinks: Mapping[str, SinkUse]
    declared: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def load(files: Sequence[ConfigFile], kinds: Kinds, *, function: Callable[[str, str], Function] | None = None,
         secret: Callable[[str, str], str] | None = None, table: Callable[[str], TableFile] | None = None) -> Config:
    """Read and check the files as one config. Raises ConfigError with every mistake in them.

    `function(file, name)` tells of a user's function, `secret(kind, name)` gives a secret, and `table(path)` tells of a
    file that is looked up; each raises ValueError with a sentence for the operator.
    """
    pages = {file.name: read(file.name, file.text) for file in files}
    surface = Surface(kinds)
    for file in files:
        reading = Reading(file.folder, mistakes=surface.mistakes)
        reading.function = function or reading.function
        reading.secret = secret or reading.secret
        reading.table = table or reading.table
        surface.gather(pages[file.name], reading)
    torn = any(page.torn for page in pages.values())
    if not surface.mentions_flows and not torn:
        found = ", found nothing" if pages[files[0].name].root is None else ""
        surface.wrong(Place(files[0].name, 1, 1), f"expected a mapping with `flows:`{found}")
    flows, sinks = surface.read()
    wiring = Wiring(flows, sinks, kinds, surface.wrong, torn=torn)
    steps = wiring.steps()
    _refuse(surface.mistakes, pages)
    declared = tuple(sinks)
    notes = tuple(_notes(flows, sinks, wiring))
    if CONSOLE in wiring.reached and CONSOLE not in sinks:
        sinks[CONSOLE] = surface.console()
    return Config(
        {step.id: Step(step.flow, step.name, _known(step), step.options, step.written, step.inputs,
                       step.place) for step in steps},
        {sink.name: SinkUse(sink.name, _known(sink), sink.options, sink.written, sink.place,
                            {name: _first(given) for name, given in sink.given.items()}) for sink in sinks.values()},
        declared, notes,
    )


def _refuse(mistakes: list[Mistake], pages: Mapping[str, Page]) -> None:
    """Raise what was told, each with its line; of a place where the YAML itself is wrong, only that."""
    told = [mistake for page in pages.values() for mistake in page.mistakes]
    broken = {mistake.place for mistake in told}
    told += [mistake for mistake in mistakes if mistake.place not in broken]
    if told:
        raise ConfigError([Mistake(place, what, pages[place.file].line(place)) for place, what, _ in told])


def _known(use: Use) -> Kind:
    assert use.kind is not None, "a use of an unknown kind was told and refused"
    return use.kind


def _first(given: Given) -> Place:
    return given.value[0].place if isinstance(given.value, list) and given.value else given.place


def _ends_well(flow: Flow) -> bool:
    """Whether the last step has its purpose: it sets a flag or takes one down, for which other flows ask, or it counts
    for log and summary alone."""
    return any(last.kind is not None and (last.kind.flags is not None or _never_sends(last, last.kind))
               for last in flow.steps[-1:])


def _never_sends(step: Draft, kind: Kind) -> bool:
    """Whether it would only send with an option that it does not have."""
    return bool(kind.sends_with) and step.options[kind.sends_with] is None


def _notes(flows: Mapping[str, Flow], sinks: Mapping[str, Use], wiring: Wiring) -> Iterator[str]:
    for flow in flows.values():
        ends = flow.name in wiring.followed or any(not step.sends_on for step in flow.steps) or _ends_well(flow)
        if not ends:
            yield f"{flow.place}: this flow has no alert: what it finds is counted, and nobody is told"
    steps = {step.id: step for flow in flows.values() for step in flow.steps}
    for step in steps.values():
        for before in (steps[way.step] for way in step.inputs):
            if before.kind and _never_sends(before, before.kind):
                yield (f"{step.place}: nothing ever comes here: `{before.kind.name}`, at {before.place}, sends "
                       f"something only with `{before.kind.sends_with}`")
    for sink in sinks.values():
        if sink.name not in wiring.reached:
            yield f"{sink.place}: no flow alerts this sink: it gets corowatch's own alerts only"


__all__ = ["Config", "ConfigFile", "Input", "SinkUse", "Step", "load"]
