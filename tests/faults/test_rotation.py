"""Rotation: the file is renamed, moved, unlinked or linked anew, and its lines go on elsewhere."""

from .judge import CLEAN
from .writer import Pace


def test_t01_rename_and_create(area, scale, watch):
    """A writer that renames its log and opens a new one at once, again and again at 5,000 lines a second."""
    rotations, each = scale.pick((20, 500), (1000, 5000))
    daemon = area.daemon("LOGS/app.log*", config={"block": scale == "full"}).start()
    w, pace = area.writer(), Pace(5000)

    for n in range(rotations):
        for _ in range(each // 50):
            w.write(50)
            pace.wait(50)
        w.rotate(area.logs / f"app.log.{n:04d}")

    assert CLEAN == area.judge(daemon, block=scale == "full")
    assert [] == area.losses()
