"""The graph of a config as a picture: a text tree, Mermaid, DOT, or SVG.

Sources stand on the left, what they lead to one column further, sinks last. What every edge let through stands on it
where counts are known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

from corowatch.core.config import Config, Step
from corowatch.core.text import capped, safe, shown

WIDTH = 48
"""Characters of a label's line."""
CHAR, LINE, PAD, GAP, ROW = 7.0, 16, 9, 90, 30
"""Pixels of a character and a line, within a box and between boxes."""

Counts = Mapping[str, Mapping[str, int]]
"""By step or sink, what it counted."""


@dataclass(frozen=True)
class Box:
    """A step or a sink: what it is, and lines about it."""

    id: str
    name: str
    kind: str
    role: str
    lines: tuple[str, ...]
    flow: str = ""


@dataclass(frozen=True)
class Edge:
    """A way from one to another; `text`: the outlet if it is not the first, and how many went there."""

    before: str
    after: str
    text: str = ""


@dataclass
class Drawing:
    """What is drawn, in the order of the config."""

    boxes: dict[str, Box] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def after(self, id_: str) -> Iterator[Edge]:
        """Where it leads."""
        yield from (edge for edge in self.edges if edge.before == id_)


def drawing(config: Config, counts: Counts | None = None) -> Drawing:
    """The graph of a config; an alert leads to its sinks."""
    drawn = Drawing()
    for step in config.steps.values():
        drawn.boxes[step.id] = Box(step.id, step.name, step.kind.name, step.kind.role, tuple(_about(step)), step.flow)
        for way in step.inputs:
            before = config.steps[way.step]
            outlet = "" if way.outlet == before.kind.outlets[0] else way.outlet
            drawn.edges.append(Edge(way.step, step.id, _text(outlet, _passed(before, outlet, counts))))
        for sink in _sinks(step):
            id_ = f"sink.{sink}"
            use = config.sinks.get(sink)
            drawn.boxes.setdefault(id_, Box(id_, sink, use.kind.name if use else "", "sink", ()))
            drawn.edges.append(Edge(step.id, id_, _text("", _passed(step, "", counts))))
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


def _text(outlet: str, count: int | None) -> str:
    return ", ".join(filter(None, (outlet, "" if count is None else f"{count:,}")))


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
    for flow, boxes in _by_flow(drawn):
        if flow:
            yield f"  subgraph {_mermaid(flow)}"
        for box in boxes:
            label = "<br>".join(_mermaid(line) for line in _label(box))
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
    for number, (flow, boxes) in enumerate(_by_flow(drawn)):
        if flow:
            yield f"  subgraph cluster_{number} {{ label={_dot(flow)}; color=gray;"
        for box in boxes:
            yield f"    {_dot(box.id)} [shape={shapes[box.role]}, label={_dot(chr(10).join(_label(box)))}];"
        if flow:
            yield "  }"
    for edge in drawn.edges:
        text = f" [label={_dot(edge.text)}]" if edge.text else ""
        yield f"  {_dot(edge.before)} -> {_dot(edge.after)}{text};"
    yield "}"


def _dot(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _by_flow(drawn: Drawing) -> list[tuple[str, list[Box]]]:
    flows: dict[str, list[Box]] = {}
    for box in drawn.boxes.values():
        flows.setdefault(box.flow, []).append(box)
    return list(flows.items())


def _label(box: Box) -> list[str]:
    head = box.name if box.kind in ("", box.name) or box.role == "sink" else f"{box.name} ({box.kind})"
    return [head, *box.lines]


# --- as a picture -----------------------------------------------------------------------------------


def svg(drawn: Drawing) -> str:
    """The same as SVG, laid out in columns by how far each is from a source, flow below flow."""
    column = _columns(drawn)
    size = {id_: (max(len(line) for line in _label(box)) * CHAR + 2 * PAD, len(_label(box)) * LINE + 2 * PAD)
            for id_, box in drawn.boxes.items()}
    lefts = [0.0]
    for number in range(max(column.values(), default=0)):
        lefts.append(lefts[-1] + max(size[id_][0] for id_, at in column.items() if at == number) + GAP)
    place: dict[str, tuple[float, float]] = {}
    bottoms: dict[int, float] = {}
    for _, boxes in _by_flow(drawn):
        floor = max((bottoms.get(column[box.id], ROW) for box in boxes), default=ROW) if boxes[0].flow else 0.0
        for box in boxes:
            at = column[box.id]
            top = max(floor, bottoms.get(at, ROW))
            place[box.id] = lefts[at], top
            bottoms[at] = top + size[box.id][1] + ROW
    width = max((place[id_][0] + size[id_][0] for id_ in place), default=0.0) + 4
    height = max(bottoms.values(), default=0.0) + 4
    flows = [(place[boxes[0].id], flow) for flow, boxes in _by_flow(drawn) if flow]
    drawn_ = [f'<text class="edge" x="{at[0]:.0f}" y="{at[1] - 6:.0f}">{escape(flow)}</text>' for at, flow in flows]
    drawn_ += [part for edge in drawn.edges for part in _way(edge, place, size)]
    drawn_ += [part for box in drawn.boxes.values() for part in _box(box, place[box.id], size[box.id])]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-2 -2 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" font-family="ui-monospace, monospace" font-size="11">'
            '<style>rect{fill:#fff;stroke:#555}.source{fill:#e8f1fb}.sink{fill:#eaf6ea}path{fill:none;stroke:#888}'
            f'text{{fill:#222}}.edge{{fill:#666}}</style>{"".join(drawn_)}</svg>\n')


def _columns(drawn: Drawing) -> dict[str, int]:
    """How many edges the longest way to each has; all sinks stand in one column behind everything."""
    column = dict.fromkeys(drawn.boxes, 0)
    for id_ in drawn.boxes:  # parents come before children, sinks last
        for edge in drawn.after(id_):
            column[edge.after] = max(column[edge.after], column[id_] + 1)
    last = max(column.values(), default=0)
    return {id_: last if drawn.boxes[id_].role == "sink" else at for id_, at in column.items()}


def _box(box: Box, at: tuple[float, float], size: tuple[float, float]) -> Iterator[str]:
    yield (f'<rect class="{box.role}" x="{at[0]:.0f}" y="{at[1]:.0f}" width="{size[0]:.0f}" height="{size[1]:.0f}" '
           f'rx="{4 if box.role != "sink" else 12}"><title>{escape(box.id)}</title></rect>')
    for number, line in enumerate(_label(box)):
        weight = ' font-weight="bold"' if number == 0 else ""
        yield (f'<text x="{at[0] + PAD:.0f}" y="{at[1] + PAD + 11 + number * LINE:.0f}"{weight} xml:space="preserve">'
               f"{escape(line)}</text>")


def _way(edge: Edge, place: Mapping[str, tuple[float, float]], size: Mapping[str, tuple[float, float]],
         ) -> Iterator[str]:
    begin = place[edge.before][0] + size[edge.before][0], place[edge.before][1] + size[edge.before][1] / 2
    end = place[edge.after][0], place[edge.after][1] + size[edge.after][1] / 2
    middle = begin[0] + GAP / 2
    yield (f'<path d="M{begin[0]:.0f} {begin[1]:.0f} C{middle:.0f} {begin[1]:.0f} {end[0] - GAP / 2:.0f} {end[1]:.0f} '
           f'{end[0]:.0f} {end[1]:.0f}"/>')
    if edge.text:
        yield (f'<text class="edge" x="{end[0] - 5:.0f}" y="{end[1] - 4:.0f}" text-anchor="end">'
               f"{escape(edge.text)}</text>")


FORMS: Mapping[str, Callable[[Drawing], str]] = {
    "tree": lambda drawn: "\n".join(tree(drawn)),
    "mermaid": lambda drawn: "\n".join(mermaid(drawn)),
    "dot": lambda drawn: "\n".join(dot(drawn)),
    "svg": svg,
}

