from corowatch.core.coroutine import finish
from corowatch.core.pattern import Pattern
from corowatch.nodes.drop import drop
from corowatch.testing import Collect, drive, lines, texts


def test_matching_lines_end_and_are_counted():
    passed = Collect()
    noise = drop(passed, pattern=(Pattern("healthz"), Pattern("^$")))

    drive(noise, lines("GET /healthz", "GET /", ""))

    assert ["GET /"] == texts(passed)
    assert {"dropped": 2} == finish(noise)
