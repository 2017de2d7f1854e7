"""The graph of a config as SVG."""

from xml.etree import ElementTree

import pytest

from corowatch.loading import load_paths
from corowatch.rules.drawing import drawing
from corowatch.rules.picture import layout, svg
from tests.rules.test_drawing import CONFIG, CONFIGS

SPACE = "{http://www.w3.org/2000/svg}"


@pytest.fixture(params=["one config", "every example at once", "nothing"])
def drawn(request, config):
    if request.param == "every example at once":
        return drawing(load_paths(sorted(map(str, CONFIGS.glob("examples/*/config.yaml")))))
    one = drawing(config(CONFIG))
    if request.param == "nothing":
        one.boxes, one.edges = {}, []
    return one


def test_no_box_stands_on_another_and_all_are_in_view(drawn):
    root = ElementTree.fromstring(svg(drawn))
    boxes = [tuple(float(one.get(name)) for name in ("x", "y", "width", "height")) for one in root.iter(f"{SPACE}rect")]
    view = [float(one) for one in root.get("viewBox").split()]

    assert len(drawn.boxes) == len(boxes)
    for number, (x, y, width, height) in enumerate(boxes):
        assert x >= 0
        assert y >= 0
        assert x + width <= view[2]
        assert y + height <= view[3]
        for other in boxes[number + 1:]:
            assert x + width < other[0] or other[0] + other[2] < x or y + height < other[1] or other[1] + other[3] < y
    assert len(drawn.edges) == len(list(root.iter(f"{SPACE}path")))


def test_a_long_way_leads_past_the_boxes_between(drawn):
    boxes, ways = layout(drawn)

    for place in (place for way in ways for place in way):
        assert not [box for box in boxes.values() if box.left <= place.left <= box.left + box.width
                    and box.top <= place.middle <= box.top + box.height]
    for edge, way in zip(drawn.edges, ways, strict=True):
        rights = [boxes[edge.before].left, *(place.left for place in way), boxes[edge.after].left]
        assert rights == sorted(set(rights))


def test_a_way_passes_each_column_between_its_boxes(config):
    one = drawing(config(CONFIG))
    _, ways = layout(one)

    assert {("a.tail", "b.alert"): 1, ("b.alert", "sink.console"): 1} == {
        (edge.before, edge.after): len(way) for edge, way in zip(one.edges, ways, strict=True) if way}
