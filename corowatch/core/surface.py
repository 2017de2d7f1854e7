"""What a person may write: flows as mappings or lists, shorthand, defaults; read into drafts.

Every option is converted here, as its kind's signature says. How the steps hang together is for `wiring`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, get_origin

import msgspec

from corowatch.core.elsewhere import named_here
from corowatch.core.errors import Mistake, Place
from corowatch.core.kinds import Kind, Kinds, Option, PatternFlag
from corowatch.core.values import WRONG, Given, Reading, convert, nearest
from corowatch.core.wiring import CONSOLE, Draft, Flow, Use, near_or_all
from corowatch.core.yaml_places import Page

RESERVED = "corowatch"
"""The flow of internal alerts."""
MOST = 10_000
"""Flows, or sinks."""
_SECTIONS = ("flows", "sinks", "defaults", "tests")
NAME = "[A-Za-z0-9_-]+"
"""What a flow, a sink or a step may be called."""
_NAME = re.compile(NAME)


class _Item(NamedTuple):
    """A step as it stands in the YAML: its kind's name, what stands behind it, its own name if it has one."""

    kind: str
    place: Place
    given: Given
    name: Given | None = None


class Surface(msgspec.Struct):
    """What all files say together, before it is put together."""

    kinds: Kinds
    mistakes: list[Mistake] = msgspec.field(default_factory=list)
    flows: dict[str, tuple[Given, Place, Reading]] = msgspec.field(default_factory=dict)
    sinks: dict[str, tuple[Given, Place, Reading]] = msgspec.field(default_factory=dict)
    defaults: dict[str, tuple[Given, Place, Reading]] = msgspec.field(default_factory=dict)
    preset: dict[str, tuple[dict[str, Given], Reading]] = msgspec.field(default_factory=dict)
    """Options by kind, of the section `defaults`."""
    mentions_flows: bool = False
    """There are flows, or a mistake that was told says all about the lack of them."""

    def wrong(self, place: Place, what: str) -> None:
        self.mistakes.append(Mistake(place, what))

    # --- the files ----------------------------------------------------------------------------------

    def gather(self, page: Page, reading: Reading) -> None:
        """Take in one file's top level."""
        root = page.root
        if root is None:
            return
        if not isinstance(root.value, dict):
            self.mentions_flows = True
            place = root.place._replace(line=1, col=1)
            self.wrong(place, f"expected a mapping with `flows:`, found {root.what}")
            return
        for key, given in root.value.items():
            if key in ("flows", "sinks", "defaults"):
                self._section(key, given, root.keys[key], reading)
            elif key != "tests" and not key.startswith("x-"):
                self.mentions_flows |= bool(nearest(key, ["flows"]))
                near = nearest(key, _SECTIONS) or "; there are flows, sinks, defaults, tests and x-…"
                self.wrong(root.keys[key], f"no key {key!r} at the top level{near}")

    def _section(self, key: str, given: Given, place: Place, reading: Reading) -> None:
        self.mentions_flows |= key == "flows"
        if not isinstance(given.value, dict):
            if given.value is not None or key == "flows":
                self.wrong(given.place, f"expected a mapping behind `{key}:`, found {given.what}")
            return
        if key == "flows" and not given.value:
            self.wrong(given.place, "expected one flow at least, found an empty mapping")
        known = {"flows": self.flows, "sinks": self.sinks, "defaults": self.defaults}[key]
        what = {"flows": "flow", "sinks": "sink", "defaults": "defaults of"}[key]
        if len(given.value) > MOST:
            self.wrong(given.place, f"more than {MOST:,} entries")
            return
        for name, item in given.value.items():
            place = given.keys[name]
            if name in known:
                self.wrong(place, f"{what} {name!r} is defined twice; the first is at {known[name][1]}")
            else:
                known[name] = item, place, reading

    def read(self) -> tuple[dict[str, Flow], dict[str, Use]]:
        """Every flow and every sink, their options read."""
        for name, (given, place, reading) in self.defaults.items():
            self._read_defaults(name, given, place, reading)
        sinks = {name: self._sink(name, *entry) for name, entry in self.sinks.items()}
        flows = {name: self._flow(name, *entry) for name, entry in self.flows.items()}
        return flows, sinks

    def _check_name(self, name: str, place: Place, what: str) -> None:
        if not _NAME.fullmatch(name):
            self.wrong(place, f"{name!r} is no name of a {what}; it is made of letters, digits, '-' and '_'")

    # --- sinks and defaults -------------------------------------------------------------------------

    def _read_defaults(self, name: str, given: Given, place: Place, reading: Reading) -> None:
        tables = self.kinds.source, self.kinds.node, self.kinds.sink
        known = [table[name] for table in tables if name in table]
        if not known:
            self.wrong(place, f"no kind {name!r}{near_or_all(name, [kind.name for kind in self.kinds])}")
        elif not isinstance(given.value, dict) and given.value is not None:
            self.wrong(given.place, f"expected the options of `{name}`, found {given.what}")
        else:
            chosen, _ = self._chosen(known[0], given, reading)
            self._convert(known[0], {name: (item, reading) for name, item in chosen.items()})
            self.preset[name] = chosen, reading

    def _sink(self, name: str, given: Given, place: Place, reading: Reading) -> Use:
        self._check_name(name, place, "sink")
        use = Use(name, None, place)
        if not isinstance(given.value, dict) or not given.value:
            shown = given.text if given.text in self.kinds.sink else "KIND"
            self.wrong(given.place, f"expected a sink such as {{{shown}: …}}, found {given.what}")
            return use
        (kind, options), *more = given.value.items()
        known = self.kinds.sink.get(kind)
        for other, _ in more:
            is_option = known and known.first and other in known.options
            self.wrong(given.keys[other], f"{other!r} is an option of `{kind}`; write it into its braces" if is_option
                       else f"a sink is of one kind; declare another sink for {other!r}")
        if kind not in self.kinds.sink:
            self.wrong(given.keys[kind], f"no sink kind {kind!r}{near_or_all(kind, self.kinds.sink)}")
        else:
            use.kind = self.kinds.sink[kind]
            self._fill(use, options, given.keys[kind], reading)
        return use

    def console(self) -> Use:
        """The sink that is there without being declared."""
        use = Use(CONSOLE, self.kinds.sink[CONSOLE], Place("", 1, 1))
        self._fill(use, Given(None, use.place), use.place, Reading())
        return use

    # --- flows --------------------------------------------------------------------------------------

    def _flow(self, name: str, given: Given, place: Place, reading: Reading) -> Flow:
        first = next(iter(given.value), "") if isinstance(given.value, dict) else ""
        if name in ("sinks", "defaults") and first not in self.kinds.source and first != "from":
            self.wrong(place, f"`{name}` stands beside `flows`, not in it: its line begins further to the left")
            return Flow(name, place, lost=True)
        self._check_name(name, place, "flow")
        if name == RESERVED:
            self.wrong(place, f"{name!r} is the flow of corowatch's own alerts; give this one another name")
        flow = Flow(name, place)
        counted: dict[str, int] = {}
        broken = False
        items = list(self._items(given))
        for at, item in enumerate(items):
            if item is None:
                broken = True
            elif item.kind == "from" and at == 0:
                flow.origin = item.given
                if item.name:
                    self.wrong(item.name.place, "`from` is no step of its own; name the step behind it")
            else:
                counted[item.kind] = counted.get(item.kind, 0) + 1
                step = self._step(flow, item, [one.kind for one in items[at + 1:] if one], reading, head=at == 0)
                step.lost |= broken
                broken = False
                self._name(step, flow, item, counted[item.kind])
                flow.steps.append(step)
        flow.lost = flow.origin is None and not flow.steps
        return flow

    def _items(self, given: Given) -> Iterator[_Item | None]:
        """The steps in their order; None, with the mistake told, for what is no step."""
        if isinstance(given.value, dict) and given.value:
            for kind, options in given.value.items():
                yield _Item(kind, given.keys[kind], options)
        elif isinstance(given.value, list) and given.value:
            for item in given.value:
                yield from self._items_of(item)
        else:
            self.wrong(given.place, f"expected steps, such as `tail:`, `grep:`, `alert:`, found {given.what}")

    def _items_of(self, given: Given) -> Iterator[_Item | None]:
        """The one step of a list's item; if there are more, they are told, and read as steps of their own."""
        if not isinstance(given.value, dict):
            self.wrong(given.place, f"expected a step such as {{grep: ERROR}}, found {given.what}")
            yield None
            return
        kinds = [key for key in given.value if key != "name"]
        if not kinds:
            self.wrong(given.place, "this step has no kind; expected one such as `grep:`")
            yield None
        for at, kind in enumerate(kinds):
            if at:
                self.wrong(given.keys[kind], f"an item of the list is one step; write '- ' before {kind!r}")
            name = given.value.get("name") if at == 0 else None
            yield _Item(kind, given.keys[kind], given.value[kind], name)

    def _name(self, step: Draft, flow: Flow, item: _Item, nth: int) -> None:
        place = item.place
        step.name = item.kind if nth == 1 else f"{item.kind}{nth}"
        if item.name is not None:
            place = item.name.place
            if not item.name.text:
                self.wrong(place, f"expected a name, found {item.name.what}")
            else:
                step.name = item.name.text
                self._check_name(step.name, place, "step")
        if same := next((other for other in flow.steps if other.name == step.name), None):
            self.wrong(place, f"a step of flow {flow.name!r} is named {step.name!r} already, at {same.place}")

    def _step(self, flow: Flow, item: _Item, behind: Iterable[str], reading: Reading, *, head: bool) -> Draft:
        kind = self._kind(item, [step.kind for step in reversed(flow.steps) if step.kind], behind, head=head)
        step = Draft("", kind, item.place, flow=flow.name)
        step.lost = kind is None or kind.role != ("source" if head else "node")
        if kind:
            self._fill(step, item.given, item.place, reading)
        return step

    def _kind(self, item: _Item, before: Iterable[Kind], behind: Iterable[str], *, head: bool) -> Kind | None:
        """The kind that an item names; told where it cannot stand here. `before`: those of the steps before, the last
        first; `behind`: what those behind are called, the next first."""
        name, sources, nodes = item.kind, self.kinds.source, self.kinds.node
        if head:
            if name in sources:
                return sources[name]
            if name in nodes:
                self.wrong(item.place, f"a flow begins with a source ({', '.join(sources)}) or `from: FLOW`, "
                                       f"not with `{name}`")
                return nodes[name]
            known = [*sources, "from"]
        else:
            if name in nodes:
                return nodes[name]
            if name in sources:
                self.wrong(item.place, f"`{name}` is a source, and a source begins a flow; give it one "
                                       "of its own and take what it reads with `from: FLOW`")
                return sources[name]
            known = list(nodes)
        if name == "from":
            what = "`from` stands at the head of a flow; to merge, give it a list there"
        elif name == "name":
            what = "a step has a name only where the flow is a list of steps"
        elif sink := name if name in self.kinds.sink else named_here(name, self.kinds.sink):
            here = "" if sink == name else f", and called `{sink}`"
            what = f"`{name}` is a sink{here}; declare it under `sinks:` and name it in `alert:`"
        elif owner := next((kind.name for kind in before if name in kind.options), None):
            what = (f"`{name}` is an option of `{owner}`, and stands below it: write {owner}: "
                    f"{{{name}: …}}, or put it further to the right")
        elif owner := next((kind for kind in behind for role in (sources, nodes)
                            if kind in role and name in role[kind].options), None):
            what = (f"`{name}` is an option of `{owner}`, and stands above it: write {owner}: {{{name}: …}}, or put it "
                    "below, further to the right")
        else:
            near = nearest(name, known) or nearest(name, [*sources, *nodes])
            what = f"no kind {name!r}{near or near_or_all(name, known)}"
        self.wrong(item.place, what)
        return None

    # --- options ------------------------------------------------------------------------------------

    def _fill(self, use: Use, given: Given, place: Place, reading: Reading) -> None:
        """Read the options of one use of a kind, those of `defaults` where it gives none itself."""
        kind = use.kind
        assert kind is not None
        own, unknown = self._chosen(kind, given, reading)
        preset, from_file = self.preset.get(kind.name, ({}, reading))
        chosen = {name: (item, from_file) for name, item in preset.items() if name not in own}
        chosen |= {name: (item, reading) for name, item in own.items()}
        use.given = {name: chosen[name][0] for name in kind.options if name in chosen}
        read = self._convert(kind, chosen)
        use.options = {**kind.defaults, **read}
        for option in kind.required:
            if (name := option.name) not in read:
                use.options[name] = WRONG
                if not any(nearest(word, [name]) for word in unknown):
                    self.wrong(place, f"`{kind.name}` needs `{name}`: {option.sentence}")
        if kind.check and not unknown and not any(value is WRONG for value in use.options.values()):
            try:
                kind.check(use.options)
            except ValueError as error:
                self.wrong(place, str(error))

    def _chosen(self, kind: Kind, given: Given, reading: Reading) -> tuple[dict[str, Given], list[str]]:
        """The options that were given, by name, and the names of those that the kind does not have."""
        first, free = kind.first, kind.free
        if given.value is None:
            return {}, []
        if isinstance(given.value, dict) and free:
            keys = {name: item for name, item in given.value.items() if name == free.name or name not in kind.options}
            own = {name: item for name, item in given.value.items() if name not in keys}
            return {**own, **({free.name: Given(keys, given.place, keys=given.keys)} if keys else {})}, []
        if isinstance(given.value, dict) and not (first and get_origin(first.hint) is dict):
            unknown = [name for name in given.value if name not in kind.options]
            for name in unknown:
                has = near_or_all(name, kind.options) if kind.options else "; it has none"
                reading.wrong(given.keys[name], f"`{kind.name}` has no option {name!r}{has}")
            return {name: item for name, item in given.value.items() if name in kind.options}, unknown
        if first is None:
            reading.wrong(given.place, f"`{kind.name}` has no options, found {given.what}")
            return {}, []
        return {first.name: given}, []

    def _convert(self, kind: Kind, chosen: Mapping[str, tuple[Given, Reading]]) -> dict[str, Any]:
        """The values of the options given; what says how patterns are read is read first."""
        flags: dict[str, Any] = {}
        read: dict[str, Any] = {}
        given = [option for option in kind.options.values() if option.name in chosen]
        for option in sorted(given, key=lambda option: PatternFlag not in option.markers):
            value = _checked(option, *chosen[option.name], flags)
            read[option.name] = value
            if PatternFlag in option.markers and value is not WRONG:
                flags[option.parameter] = value
        return read


def _checked(option: Option, given: Given, reading: Reading, flags: Mapping[str, Any]) -> Any:
    value = convert(given, option.hint, reading, **flags)
    if option.least is not None and isinstance(value, (int, float)) and value < option.least:
        return reading.wrong(given.place, f"expected at least {option.least:g}, found {given.what}")
    return value
