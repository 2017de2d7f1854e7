"""Many rotations within one look."""

from itertools import pairwise

from .judge import CLEAN


def test_t03b_a_burst_of_rotations(area, scale, figures):
    """Ten rotations in some milliseconds, again and again: every line is counted, and the files are read in order."""
    daemon = area.daemon("LOGS/app.log*", config={"every": "00"}).start()
    w = area.writer()
    for turn in range(scale.pick(5, 50)):
        for n in range(10):
            w.write(1300)
            w.rotate(area.logs / f"app.log-2026{turn + 1:02d}{n + 10}")
        area.settle(daemon)

    told = area.judge(daemon)
    titles = [one["title"] for one in area.alerts()]
    figures(disorder=sum(after < before for before, after in pairwise(titles)))
    assert CLEAN == told
    assert sorted(titles) == titles
