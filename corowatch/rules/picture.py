"""The graph of a config as SVG: sources on the left, what they lead to one column further, sinks last.

igraph orders each column so that few ways cross, and leads a long way between the boxes that it passes. Source:
Sugiyama, Tagawa, Toda: Methods for visual understanding of hierarchical system structures, 1981;
https://igraph.org/c/doc/igraph-Layout.html#igraph_layout_sugiyama.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise

import igraph
import msgspec

from corowatch.rules.drawing import Box, Drawing, Edge

CHAR, LINE, PAD, GAP, ROW = 7.0, 16, 9, 90, 30
"""Pixels of a character and a line, within a box and between boxes."""
STYLE = ("rect{fill:#fff;stroke:#555}.source{fill:#e8f1fb}.sink{fill:#eaf6ea}path{fill:none;stroke:#888}"
         "text{fill:#222}.edge{fill:#666}")


class Place(msgspec.Struct):
    """Where a box is, or where a way passes a column: pixels, from the left and the top."""

    width: float = 0.0
    height: float = 0.0
    left: float = 0.0
    top: float = 0.0

    @property
    def middle(self) -> float:
        """Where ways come in and go out."""
        return self.top + self.height / 2


def svg(drawn: Drawing) -> str:
    """A picture that stands alone."""
    boxes, ways = layout(drawn)
    width = max((place.left + place.width for place in boxes.values()), default=0.0) + 4
    height = max((place.top + place.height for place in boxes.values()), default=0.0) + ROW + 4
    flows = [(flow, boxes[of[0].id]) for flow, of in drawn.by_flow() if flow]
    parts = [f'<text class="edge" x="{at.left:.0f}" y="{at.top - 6:.0f}">{escape(flow)}</text>' for flow, at in flows]
    for edge, passed in zip(drawn.edges, ways, strict=True):
        parts += _way(edge, [boxes[edge.before], *passed, boxes[edge.after]])
    for box in drawn.boxes.values():
        parts += _box(box, boxes[box.id])
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-2 -2 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" font-family="ui-monospace, monospace" font-size="11">'
            f'<style>{STYLE}</style>{"".join(parts)}</svg>\n')


def layout(drawn: Drawing) -> tuple[dict[str, Place], list[list[Place]]]:
    """Where each box is, and for each edge where it passes the columns between its two boxes."""
    column = _columns(drawn)
    boxes = {box.id: Place(*_size(box)) for box in drawn.boxes.values()}
    # A long way gets a vertex in each column that it passes: those that igraph adds itself it tells beside wrong edges.
    ways = [[Place() for _ in range(column[edge.before] + 1, column[edge.after])] for edge in drawn.edges]
    number = {id_: at for at, id_ in enumerate(boxes)}
    places, layers = list(boxes.values()), list(column.values())
    pairs: list[tuple[int, int]] = []
    for edge, way in zip(drawn.edges, ways, strict=True):
        stops = [number[edge.before], *range(len(places), len(places) + len(way)), number[edge.after]]
        places += way
        layers += range(column[edge.before] + 1, column[edge.after])
        pairs += pairwise(stops)
    laid = igraph.Graph(len(places), pairs, directed=True).layout_sugiyama(layers=layers)
    columns: list[list[tuple[float, Place]]] = [[] for _ in range(max(layers, default=-1) + 1)]
    for layer, (row, _), place in zip(layers, laid.coords, places, strict=True):
        columns[layer].append((row, place))
    left = 0.0
    for items in columns:
        width = max(place.width for _, place in items)
        bottom = 0.0
        for row, place in sorted(items, key=lambda item: item[0]):
            place.left, place.top = left, max(row * (LINE + 2 * PAD + ROW), bottom) + ROW
            place.width = place.width or width  # a way goes straight past the widest box of its column
            bottom = place.top + place.height
        left += width + GAP
    return boxes, ways


def _columns(drawn: Drawing) -> dict[str, int]:
    """How many edges the longest way to each has; all sinks stand in one column behind everything."""
    column = dict.fromkeys(drawn.boxes, 0)
    for id_ in drawn.boxes:  # parents come before children, sinks last
        for edge in drawn.after(id_):
            column[edge.after] = max(column[edge.after], column[id_] + 1)
    last = max(column.values(), default=0)
    return {id_: last if drawn.boxes[id_].role == "sink" else at for id_, at in column.items()}


def _size(box: Box) -> tuple[float, float]:
    return max(map(len, box.label)) * CHAR + 2 * PAD, len(box.label) * LINE + 2 * PAD


def _box(box: Box, at: Place) -> Iterator[str]:
    yield (f'<rect class="{box.role}" x="{at.left:.0f}" y="{at.top:.0f}" width="{at.width:.0f}" '
           f'height="{at.height:.0f}" rx="{4 if box.role != "sink" else 12}"><title>{escape(box.id)}</title></rect>')
    for number, line in enumerate(box.label):
        weight = ' font-weight="bold"' if number == 0 else ""
        yield (f'<text x="{at.left + PAD:.0f}" y="{at.top + PAD + 11 + number * LINE:.0f}"{weight} '
               f'xml:space="preserve">{escape(line)}</text>')


def _way(edge: Edge, places: list[Place]) -> Iterator[str]:
    """From the right of a box to the left of another, through the columns between them."""
    drawn = ""
    for before, after in pairwise(places):
        right = before.left + before.width
        drawn += (f"{' L' if drawn else 'M'}{right:.0f} {before.middle:.0f} C{right + GAP / 2:.0f} {before.middle:.0f} "
                  f"{after.left - GAP / 2:.0f} {after.middle:.0f} {after.left:.0f} {after.middle:.0f}")
    yield f'<path d="{drawn}"/>'
    if edge.text:
        yield (f'<text class="edge" x="{places[-1].left - 5:.0f}" y="{places[-1].middle - 4:.0f}" text-anchor="end">'
               f"{escape(edge.text)}</text>")
