"""From flows to a graph: references resolved, cycles refused, fields followed from where they are found.

A flow is a chain, so whether one flow feeds another decides the order; a cycle of steps is a cycle of flows.
A step is never checked against what a mistake left unknown: the fields behind it count as ANYTHING.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from corowatch.core.errors import Place
from corowatch.core.events import ALERT_KEYS, BUILT_IN, Alert
from corowatch.core.expression import Expr
from corowatch.core.kinds import ANYTHING, Captures, Kind, Kinds, Masks, Option, Sets, Unmasked
from corowatch.core.pattern import Pattern
from corowatch.core.template import Template
from corowatch.core.text import Text
from corowatch.core.values import WRONG, FieldName, FlagName, Function, Given, NewField, SinkName, nearest

CONSOLE = "console"
"""The sink that is there without being declared."""
MAX_PATH = 100
"""Steps from a source to the end: each is a call inside the one before."""
OF_AN_ALERT = tuple(key for key in ALERT_KEYS if key not in ("key", "fields", "events", "before", "after"))
"""Keys of an Alert that a sink's text may name: those that are no mapping and no list."""

MANY = 20
"""Names that a message lists at most."""
A_REFERENCE = "FLOW, FLOW.STEP or FLOW.STEP.otherwise"

Fields = frozenset[str]
UNKNOWN: Fields = frozenset({ANYTHING})
Wrong = Callable[[Place, str], Any]


class Input(NamedTuple):
    """Where a step takes what it gets: an outlet (`target`, `otherwise`) of the step with this id."""

    step: str
    outlet: str


class Use(msgspec.Struct):
    """One use of a kind, as written and as read; `kind` is None where there is none of that name."""

    name: str
    kind: Kind | None
    place: Place
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    given: dict[str, Given] = msgspec.field(default_factory=dict)

    def values(self, *wanted: Any) -> Iterator[tuple[Any, Place]]:
        """Each single value of the options that hold one of the types `wanted`, with its place."""
        if self.kind is None or self.kind.types.isdisjoint(wanted):
            return
        for option, given in self.chosen():
            if not option.types.isdisjoint(wanted):
                yield from ((value, part.place) for value, part in _parts(given, self.options[option.name]))

    def chosen(self) -> Iterator[tuple[Option, Given]]:
        """The options that are given, and what was written for each."""
        for name, given in self.given.items():
            assert self.kind is not None, "what has no kind has no options"
            yield self.kind.options[name], given

    @property
    def written(self) -> dict[str, Any]:
        """What the user wrote, secrets not put in."""
        return {name: given.plain() for name, given in self.given.items()}


class Draft(Use):
    """A step before it is wired. `lost`: a mistake was told, and what arrives here is unknown."""

    flow: str = ""
    inputs: tuple[Input, ...] = ()
    lost: bool = False

    @property
    def id(self) -> str:
        return f"{self.flow}.{self.name}"

    @property
    def is_alert(self) -> bool:
        return self.kind is not None and self.kind.sends is Alert

    @property
    def sends_on(self) -> bool:
        """Whether another step may follow; where that is unknown, yes."""
        functions = [value for value, _ in self.values(Function) if value is not WRONG]
        return not self.is_alert and all(function.takes_target for function in functions)

    @property
    def outlets(self) -> tuple[str, ...]:
        return (self.kind and self.kind.outlets) or ("target",)


class Flow(msgspec.Struct):
    """A chain of steps. `origin` is what stands behind `from`, None where a source begins the flow."""

    name: str
    place: Place
    origin: Given | None = None
    steps: list[Draft] = msgspec.field(default_factory=list)
    lost: bool = False
    entry: tuple[Input, ...] = ()


class _Reference(NamedTuple):
    place: Place
    flow: str
    step: str = ""
    outlet: str = ""


def _parts(given: Given, value: Any) -> Iterator[tuple[Any, Given]]:
    """Each single value, with what was written for it."""
    if value is WRONG or not isinstance(value, (list, tuple, dict)):
        yield value, given
    elif isinstance(value, dict):
        assert isinstance(given.value, dict)
        for name, item in value.items():
            yield from _parts(given.value[name], item)
    else:
        items = given.value if isinstance(given.value, list) else [given]
        for one, item in zip(items, value, strict=True):
            yield from _parts(one, item)


class Wiring:
    """All flows, put together. `torn`: a file could not be read, so a name that is missing is no mistake."""

    def __init__(self, flows: Mapping[str, Flow], sinks: Mapping[str, Use], kinds: Kinds, wrong: Wrong, *,
                 torn: bool) -> None:
        self.flows = flows
        self.sinks = sinks
        self.kinds = kinds
        self.wrong = wrong
        self.torn = torn
        self.followed: set[str] = set()
        """Flows from which another takes something."""
        self.reached: dict[str, Fields] = {}
        """Sinks to which an alert goes, and the fields that it may have."""
        self._fields: dict[Input, Fields] = {}
        self._depth: dict[str, int] = {}
        self._masked: set[str] = set()

    @cached_property
    def _added(self) -> Mapping[str, str]:
        """The fields that kinds add, whichever of them are used, and the kind that each is of."""
        return {name: kind.name for kind in self.kinds.node.values()
                if kind.sends is not Alert and not callable(kind.adds) for name in kind.adds}

    def steps(self) -> list[Draft]:
        """Every step with its inputs, parents before children, else in the order written."""
        references = {flow.name: list(self._references(flow)) for flow in self.flows.values()}
        ordered = []
        for name in self._in_order(references):
            flow = self.flows[name]
            self._connect(flow, references[name])
            for step in flow.steps:
                self._measure(step)
                self._follow_fields(step)
                ordered.append(step)
        for sink in self.sinks.values():
            if sink.name in self.reached:
                self._check_texts(sink, self.reached[sink.name].union(OF_AN_ALERT))
        return ordered

    # --- references -------------------------------------------------------------------------------

    def _references(self, flow: Flow) -> Iterator[_Reference]:
        """What stands behind `from`, as far as there is such a flow."""
        origin = flow.origin
        if origin is None:
            return
        for given in origin.value if isinstance(origin.value, list) else [origin]:
            words = given.text.split(".")
            if not 1 <= len(words) <= 3 or not all(words):
                self.wrong(given.place, f"expected {A_REFERENCE}, found {given.what}")
                flow.lost = True
            elif words[0] in self.flows:
                self.followed.add(words[0])
                yield _Reference(given.place, *words)
            else:
                steps = [step.id for other in self.flows.values() if other is not flow
                         for step in other.steps if step.name == words[0]]
                if len(steps) == 1 and len(words) < 3 and not self.torn:
                    meant = ".".join([steps[0], *words[1:]])
                    self.wrong(given.place, f"no flow {words[0]!r}; did you mean {meant!r}?")
                else:
                    self._missing(given.place, f"no flow {words[0]!r}", words[0],
                                  [name for name in self.flows if name != flow.name])
                flow.lost = True
        if origin.value == []:
            self.wrong(origin.place, f"expected {A_REFERENCE}, found an empty list")
            flow.lost = True

    def _in_order(self, references: dict[str, list[_Reference]]) -> Iterator[str]:
        """The flows, those referred to first. A reference that closes a cycle is told and taken out."""
        done: dict[str, None] = {}
        for begin in self.flows:
            path = {} if begin in done else {begin: iter(list(references[begin]))}
            while path:
                here = next(reversed(path))
                for reference in path[here]:
                    if reference.flow in path:
                        self._tell_cycle([*path], reference)
                        references[here].remove(reference)
                        self.flows[here].lost = True
                    elif reference.flow not in done:
                        path[reference.flow] = iter(list(references[reference.flow]))
                        break
                else:
                    del path[here]
                    done[here] = None
        return iter(done)

    def _tell_cycle(self, path: list[str], closing: _Reference) -> None:
        cycle = path[path.index(closing.flow):]
        self.wrong(closing.place, f"a flow cannot feed itself: {' → '.join([*cycle, cycle[0]])}")

    def _missing(self, place: Place, what: str, word: str, known: Iterable[str], hint: str = "") -> None:
        """Tell that there is no such name, unless it may stand where a file could not be read."""
        if not self.torn:
            known = list(known)
            self.wrong(place, f"{what}{near_or_all(word, known)}{'' if nearest(word, known) else hint}")

    # --- inputs -----------------------------------------------------------------------------------

    def _connect(self, flow: Flow, references: list[_Reference]) -> None:
        entry: list[Input] = []
        for reference in references:
            if (found := self._outlets_of(reference)) is None:
                flow.lost = True
            else:
                entry.extend(found)
        flow.entry = tuple(dict.fromkeys(entry))  # each once: what is named twice must not arrive twice
        before: Draft | None = None
        for step in flow.steps:
            if before is None:
                step.inputs, step.lost = flow.entry, step.lost or flow.lost
            elif before.sends_on:
                step.inputs = (Input(before.id, before.outlets[0]),)
            else:
                self.wrong(step.place, f"nothing can follow {_called(before)}, which passes nothing on; "
                                       f"begin another flow with `from: {flow.name}`")
                step.lost = True
            before = step

    def _outlets_of(self, reference: _Reference) -> tuple[Input, ...] | None:
        """The outlets that a reference means; None, with the mistake told, if it means none."""
        place, name, wanted, outlet = reference
        flow = self.flows[name]
        steps = {step.name: step for step in flow.steps}
        if wanted and wanted not in steps:
            self._missing(place, f"flow {name!r} has no step {wanted!r}", wanted, steps)
            return None
        if not steps:
            return None if flow.lost else flow.entry
        step = steps[wanted] if wanted else flow.steps[-1]
        if not wanted and step.is_alert:
            return None if step.lost else step.inputs
        if step.kind is None:
            return None
        if outlet and outlet not in step.outlets[1:]:
            having = [f"`{kind.name}`" for kind in self.kinds.node.values() if outlet in kind.outlets[1:]]
            self.wrong(place, f"{_called(step)} has no outlet {outlet!r}" + (
                f"; {', '.join(having)} has" if having else nearest(outlet, step.outlets[1:])))
            return None
        if not step.sends_on:
            self.wrong(place, f"{_called(step)} passes nothing on, so nothing can follow it" + (
                f"; `from: {name}` takes what reaches the last alert" if step.is_alert else ""))
            return None
        return (Input(step.id, outlet or step.outlets[0]),)

    def _measure(self, step: Draft) -> None:
        depth = 1 + max((self._depth.get(way.step, 0) for way in step.inputs), default=0)
        if depth > MAX_PATH:
            self.wrong(step.place, f"this is step {depth} after its source; a path has at most {MAX_PATH}")
            depth = 0
        self._depth[step.id] = depth

    # --- fields -----------------------------------------------------------------------------------

    def _follow_fields(self, step: Draft) -> None:
        """Check the fields that a step names, and note those that what it sends may have."""
        kind = step.kind
        arriving = Fields().union(*(self._fields.get(way, UNKNOWN) for way in step.inputs))
        if kind is None or step.lost:
            arriving |= UNKNOWN
        captured = arriving | self._captured(step)
        leaving = captured | self._added_by(step)
        self._fields.update(dict.fromkeys((Input(step.id, outlet) for outlet in step.outlets),
                                          leaving if kind and kind.adds_to_all else arriving))
        self._fields[Input(step.id, step.outlets[0])] = leaving
        self._follow_masks(step)
        capturing = list(self._capturing(step))
        for name, place in step.values(FieldName):
            self._check_field(name, place, captured)
            self._check_in_each(name, place, [pattern for _, pattern, _ in capturing], arriving)
        self._check_templates(capturing)
        self._check_texts(step, leaving)
        self._check_sinks(step, leaving)
        self._check_flags(step)

    def _follow_masks(self, step: Draft) -> None:
        """What was masked must not be told after all."""
        if any(way.step in self._masked for way in step.inputs):
            self._masked.add(step.id)
            for option, given in step.chosen():
                if Unmasked in option.markers and given.value:
                    self.wrong(given.place, f"`{option.name}` tells lines as they stand in the file, with all that a "
                                            "step before masks; leave one of both out")
        elif any(Masks in option.markers for option, _ in step.chosen()):
            self._masked.add(step.id)

    def _added_by(self, step: Draft) -> Fields:
        """The fields that the step makes; ANYTHING if one of its options could not be read."""
        made: dict[str, Place] = {}
        for option, given in step.chosen():
            if NewField in option.types:
                value = step.options[option.name]
                made |= given.keys if isinstance(value, dict) else {
                    one: part.place for one, part in _parts(given, value) if one is not WRONG}
        for name, place in made.items():
            self._check_name(name, place, "field")
        if step.kind is None or any(value is WRONG for value in step.options.values()):
            return UNKNOWN.union(made)
        return frozenset({*made, *step.kind.fields(step.options)})

    def _captured(self, step: Draft) -> Fields:
        """The groups that become fields; ANYTHING if a pattern could not be read."""
        found: set[str] = set()
        for option, given in step.chosen():
            if Captures in option.markers:
                for pattern, part in _parts(given, step.options[option.name]):
                    found.update(self._groups(pattern, part.place) if isinstance(pattern, Pattern) else UNKNOWN)
        return frozenset(found)

    def _capturing(self, step: Draft) -> Iterator[tuple[str, Pattern, Given]]:
        """Each pattern whose groups become fields, with its option's name."""
        for option, given in step.chosen():
            if Captures in option.markers:
                yield from ((option.name, pattern, part) for pattern, part in _parts(given, step.options[option.name])
                            if isinstance(pattern, Pattern))

    def _check_in_each(self, field: Any, place: Place, patterns: Sequence[Pattern], arriving: Fields) -> None:
        """Where a step has several patterns of its own, a field that does not arrive must come from each of them."""
        given = [_found_by(pattern) for pattern in patterns]
        if _knows(arriving, field) or not any(field in names for names in given):
            return
        for pattern, names in zip(patterns, given, strict=True):
            if field not in names:
                self.wrong(place, f"{pattern.source!r} has no group {field!r}, and what it matches would have no key")

    def _check_templates(self, capturing: Sequence[tuple[str, Pattern, Given]]) -> None:
        """What a pattern names in braces, every pattern of the other options must capture."""
        for own, template, given in capturing:
            for name, at in template.places if isinstance(template, Template) else ():
                for option, pattern, _ in capturing:
                    if option != own and name not in pattern.groups:
                        self.wrong(given.inside(at), f"`{option}` has no group {name!r}"
                                   f"{near_or_all(name, pattern.groups)}; to mean the braces, write \\{{{name}\\}}")

    def _groups(self, pattern: Pattern, place: Place) -> tuple[str, ...]:
        for name in pattern.groups:
            if name in BUILT_IN:
                self.wrong(place, f"the group {name!r} is named like a built-in field; give it another name")
            self._check_name(name, place, "group")
        return pattern.groups

    def _check_name(self, name: str, place: Place, what: str) -> None:
        if name in self._added:
            self.wrong(place, f"the {what} {name!r} is named like a field of `{self._added[name]}`; "
                              "give it another name")

    def _check_texts(self, use: Use, fields: Fields) -> None:
        for name in use.given:
            for value, given in _parts(use.given[name], use.options[name]):
                if isinstance(value, Text):
                    for wanted in value.names:
                        self._check_field(wanted, given.place, fields)
                elif isinstance(value, Expr):
                    for wanted, at in value.places:
                        self._check_field(wanted, given.inside(at), fields)

    def _check_field(self, name: Any, place: Place, fields: Fields) -> None:
        if name is WRONG or _knows(fields, name):
            return
        known = [*sorted(fields), *(name for name in BUILT_IN if name not in fields)]
        close = nearest(name, known)
        there = f"{close} There are" if close else "; there are"
        self.wrong(place, f"no field {name!r} here{there} {', '.join(known)}")

    def _check_sinks(self, step: Draft, fields: Fields) -> None:
        """Each sink that the step names must be there; of those it reaches, note what it sends them."""
        if step.kind is None or SinkName not in step.kind.types:
            return
        for name, option in step.kind.options.items():
            for sink in step.options[name] if SinkName in option.types and name not in step.given else ():
                self.reached[sink] = self.reached.get(sink, Fields()) | fields
        for sink, place in step.values(SinkName):
            if sink is WRONG:
                continue
            self.reached[sink] = self.reached.get(sink, Fields()) | fields
            if sink not in self.sinks and sink != CONSOLE:
                self._missing(place, f"no sink {sink!r}", sink, dict.fromkeys([*self.sinks, CONSOLE]),
                              "; what people read is `title:`" if " " in sink else "; sinks stand under `sinks:`")


    @cached_property
    def _set_flags(self) -> dict[str, dict[int, tuple[str, ...]]]:
        """The flags that some step sets, and the fields that make their keys, by how many these are."""
        found: dict[str, dict[int, tuple[str, ...]]] = {}
        for step in (step for flow in self.flows.values() for step in flow.steps if step.kind):
            for name, option in step.kind.options.items() if step.kind else ():
                if Sets in option.markers and (flag := step.options[name]) is not WRONG:
                    by = step.options.get("by") or ()
                    found.setdefault(flag, {}).update({} if by is WRONG else {len(by): by})
        return {flag: bys or {0: ()} for flag, bys in found.items()}

    def _check_flags(self, step: Draft) -> None:
        """A flag that nobody sets is never set, or a name that is spelled otherwise; nor is one of another key."""
        for flag, place in step.values(FlagName):
            if flag is WRONG:
                continue
            if flag not in self._set_flags:
                self.wrong(place, f"no step `flag` sets {flag!r}{near_or_all(flag, self._set_flags)}")
            elif (by := step.options.get("by")) is not WRONG and len(by or ()) not in self._set_flags[flag]:
                setter = min(self._set_flags[flag].items())
                fields = ", ".join(setter[1]) or "no fields"
                self.wrong(place, f"the flag {flag!r} is set by {fields}, and asked for by "
                           f"{', '.join(by or ()) or 'none'}: give `by` as many fields here as there")


def _knows(fields: Fields, name: str) -> bool:
    """Whether an event that may have these fields may have one of this name."""
    return name in BUILT_IN or name in fields or any(
        one.endswith(ANYTHING) and name.startswith(one.removesuffix(ANYTHING)) for one in fields)


def _found_by(pattern: Pattern) -> tuple[str, ...]:
    """The fields that an event has which the pattern matches: its groups, and what it names in braces."""
    return (*pattern.groups, *pattern.names) if isinstance(pattern, Template) else pattern.groups


def near_or_all(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or what there is, where nothing is near."""
    known = list(known)
    more = ["…"] if len(known) > MANY else []
    there = f"; there {'is' if len(known) == 1 else 'are'} {', '.join(known[:MANY] + more)}" if known else ""
    return nearest(word, known) or there


def _called(step: Draft) -> str:
    assert step.kind is not None
    own = "" if step.name == step.kind.name else f" ({step.name})"
    return f"`{step.kind.name}`{own}"
