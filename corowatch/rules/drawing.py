"""The graph of a config as a text tree, as Mermaid and as DOT; rules/picture.py makes it SVG.

What every edge let through stands on it where counts are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from corowatch.core.config import Config, Step
from corowatch.core.text import capped, safe, shown

WIDTH = 48
"""Characters of a label's line."""

Counts = Mapping[str, Mapping[str, int]]
"""By step or sink, what it counted."""


class Box(msgspec.Struct, frozen=True):
    """A step or a sink: what it is, and lines about it."""

    id: str
    name: str
    kind: str
    role: str
    lines: tuple[str, ...]
    flow: str = ""

    @property
    def label(self) -> list[str]:
        """The lines that stand in it."""
        alone = self.kind in ("", self.name) or self.role == "sink"
        return [self.name if alone else f"{self.name} ({self.kind})", *self.lines]


class Edge(msgspec.Struct, frozen=True):
    """A way from one to another: its outlet, if it is not the first, and how many went there, where that is known."""

    before: str
    after: str
    outlet: str = ""
    count: int | None = None

    @property
    def text(self) -> str:
        """What stands at it."""
        return ", ".join(filter(None, (self.outlet, "" if self.count is None else f"{self.count:,}")))


class Drawing(msgspec.Struct):
    """What is drawn, in the order of the config."""

    boxes: dict[str, Box] = msgspec.field(default_factory=dict)
    edges: list[Edge] = msgspec.field(default_factory=list)

    def after(self, id_: str) -> Iterator[Edge]:
        """Where it leads."""
        yield from (edge for edge in self.edges if edge.before == id_)

    def by_flow(self) -> list[tuple[str, list[Box]]]:
        """Each flow with its boxes; sinks are of none."""
        flows: dict[str, list[Box]] = {}
        for box in self.boxes.values():
            flows.setdefault(box.flow, []).append(box)
        return list(flows.items())


def drawing(config: Config, counts: Counts | None = None) -> Drawing:
    """The graph of a config; an alert leads to its sinks."""
    drawn = Drawing()
    for step in config.steps.values():
        drawn.boxes[step.id] = Box(step.id, step.name, step.kind.name, step.kind.role, tuple(_about(step)), step.flow)
        for way in step.inputs:
            before = config.steps[way.step]
            outlet = "" if way.outlet == before.kind.outlets[0] else way.outlet
            drawn.edges.append(Edge(way.step, step.id, outlet, _passed(before, outlet, counts)))
        for sink in _sinks(step):
            id_ = f"sink.{sink}"
            use = config.sinks.get(sink)
            drawn.boxes.setdefault(id_, Box(id_, sink, use.kind.name if use else "", "sink", ()))
            drawn.edges.append(Edge(step.id, id_, "", _passed(step, "", counts)))
    steps = {id_: box for id_, box in drawn.boxes.items() if box.role != "sink"}
    drawn.boxes = {**steps, **drawn.boxes}
    return drawn


def _sinks(step: Step) -> tuple[str, ...]:
    to = step.options.get("to", ()) if step.kind.name == "alert" else ()
    return to if isinstance(to, tuple) else (to,)


def _about(step: Step) -> Iterator[str]:
    """The options that a person wrote, one a line."""
    for name, value in step.written.items():
        if name not in ("to", "title"):
            yield capped(f"{name} {_shown(value)}", WIDTH)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_shown(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return safe(shown(value)) if value is None or isinstance(value, str | int | float) else safe(str(value))


def _passed(step: Step, outlet: str, counts: Counts | None) -> int | None:
    """How many a step sent to an outlet, where it counts them: a source its lines, a node what it passed."""
    counted = (counts or {}).get(step.id)
    if counted is None or outlet:
        return None
    if step.kind.role == "source":
        return counted.get("lines", counted.get("entries"))
    name = step.kind.counters[0] if step.kind.counters else ""
    return counted.get(name) if name in ("matched", "passed", "fired", "changed", "alerts", "parsed") else None


# --- as text ----------------------------------------------------------------------------------------


def tree(drawn: Drawing) -> Iterator[str]:
    """Each source, and below it what it leads to; where ways come together the second time only the name."""
    told: set[str] = set()
    led_to = {edge.after for edge in drawn.edges}
    for box in drawn.boxes.values():
        if box.id not in led_to:
            yield from _branch(drawn, box, "", "", "", told)


def _branch(drawn: Drawing, box: Box, lead: str, below: str, text: str, told: set[str]) -> Iterator[str]:
    name = box.id if box.role == "source" else f"→ {box.name}" if box.role == "sink" else box.name
    kind = f" ({box.kind})" if box.role != "sink" and box.kind != box.name.rstrip("0123456789") else ""
    about = "" if not box.lines else f"  {', '.join(box.lines)}"
    came = f"  [{text}]" if text else ""
    if box.id in told and box.role != "sink":
        yield f"{lead}{name}{came}  (above)"
        return
    told.add(box.id)
    yield f"{lead}{name}{kind}{came}{capped(about, 100)}"
    edges = list(drawn.after(box.id))
    for number, edge in enumerate(edges):
        last = number == len(edges) - 1
        after = drawn.boxes[edge.after]
        flow = f"{after.flow}: " if after.flow not in ("", box.flow) else ""
        yield from _branch(drawn, after, f"{below}{'└' if last else '├'}─ {flow}", f"{below}{' ' if last else '│'}  ",
                           edge.text, told)


# --- as code ----------------------------------------------------------------------------------------


def mermaid(drawn: Drawing) -> Iterator[str]:
    """A flowchart of Mermaid. Source: https://mermaid.js.org/syntax/flowchart.html."""
    shapes = {"source": '[/"{}"/]', "node": '["{}"]', "sink": '(["{}"])'}
    names = {id_: f"n{number}" for number, id_ in enumerate(drawn.boxes)}
    yield "flowchart LR"
    for number, (flow, boxes) in enumerate(drawn.by_flow()):
        if flow:
            yield f'  subgraph f{number}["{_mermaid(flow)}"]'  # by itself, a name such as "end" would be Mermaid's word
        for box in boxes:
            label = "<br>".join(_mermaid(line) for line in box.label)
            yield f"{'    ' if flow else '  '}{names[box.id]}{shapes[box.role].format(label)}"
        if flow:
            yield "  end"
    for edge in drawn.edges:
        text = f'|"{_mermaid(edge.text)}"|' if edge.text else ""
        yield f"  {names[edge.before]} -->{text} {names[edge.after]}"


def _mermaid(text: str) -> str:
    """A text that Mermaid shows as it is: its entities are written `#…;`."""
    return re.sub(r"[^\w .,:/-]", lambda found: f"#{ord(found[0])};", text)


def dot(drawn: Drawing) -> Iterator[str]:
    """A digraph of Graphviz. Source: https://graphviz.org/doc/info/lang.html."""
    shapes = {"source": "cds", "node": "box", "sink": "ellipse"}
    yield "digraph corowatch {"
    yield '  rankdir=LR; node [fontname="sans-serif", fontsize=11, style=rounded];'
    yield '  edge [fontname="sans-serif", fontsize=10];'
    for number, (flow, boxes) in enumerate(drawn.by_flow()):
        if flow:
            yield f"  subgraph cluster_{number} {{ label={_dot(flow)}; color=gray;"
        for box in boxes:
            yield f"    {_dot(box.id)} [shape={shapes[box.role]}, label={_dot(chr(10).join(box.label))}];"
        if flow:
            yield "  }"
    for edge in drawn.edges:
        text = f" [label={_dot(edge.text)}]" if edge.text else ""
        yield f"  {_dot(edge.before)} -> {_dot(edge.after)}{text};"
    yield "}"


def _dot(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
