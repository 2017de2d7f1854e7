"""Real notifications of real folders."""

import shutil
import sys
import threading
import time

import pytest

from corowatch.watch import MAX_SCHEDULES, Watch


class Woken:
    """A Watch, and everything it told so far."""

    def __init__(self):
        self.event, self.paths = threading.Event(), set()
        self.watch = Watch(self.event.set)

    def until(self, path):
        end = time.monotonic() + 10.0
        while str(path) not in self.paths:
            assert time.monotonic() < end, f"{path} did not wake, only {self.paths}"
            self.event.wait(0.05)
            self.event.clear()
            self.paths |= self.watch.take()


@pytest.fixture
def woken():
    one = Woken()
    yield one
    one.watch.stop()


def write(path):
    with path.open("a") as file:
        file.write("x\n")


def test_a_folder_that_is_not_there_is_no_trouble_with_notifications(woken, tmp_path):
    woken.watch.refresh({str(tmp_path / "later"): False, "/var": True})

    assert "" == woken.watch.trouble
    assert not woken.watch.covers({str(tmp_path / "later"): False})


def test_where_what_reads_notifications_cannot_be_loaded_all_goes_on_by_polling(woken, tmp_path, monkeypatch):
    """It is loaded for the first directory, perhaps after the package was replaced."""
    with monkeypatch.context() as replaced:
        replaced.setitem(sys.modules, "corowatch.observer", None)
        anew = woken.watch.refresh({str(tmp_path): False})
        trouble = woken.watch.trouble

    assert not anew
    assert trouble.startswith("no notifications (import of corowatch.observer halted")
    assert woken.watch.refresh({str(tmp_path): False})
    assert "" == woken.watch.trouble


def test_a_write_wakes(woken, tmp_path):
    woken.watch.refresh({str(tmp_path): False})

    write(tmp_path / "app.log")

    woken.until(tmp_path / "app.log")
    assert 1 == woken.watch.watching


def test_what_was_taken_is_not_told_again(woken, tmp_path):
    woken.watch.refresh({str(tmp_path): False})
    write(tmp_path / "a")
    woken.until(tmp_path / "a")
    write(tmp_path / "b")
    woken.until(tmp_path / "b")
    woken.paths.clear()

    write(tmp_path / "c")
    woken.until(tmp_path / "c")

    assert str(tmp_path / "a") not in woken.paths


def test_a_rename_tells_both_names(woken, tmp_path):
    write(tmp_path / "app.log")
    woken.watch.refresh({str(tmp_path): False})

    (tmp_path / "app.log").rename(tmp_path / "app.log.1")

    woken.until(tmp_path / "app.log")
    woken.until(tmp_path / "app.log.1")


def test_what_is_below_wakes_only_if_it_is_wanted(woken, tmp_path):
    for name in ("deep", "flat"):
        (tmp_path / name / "below").mkdir(parents=True)
    woken.watch.refresh({str(tmp_path / "deep"): True, str(tmp_path / "flat"): False})

    write(tmp_path / "flat" / "below" / "app.log")
    write(tmp_path / "deep" / "below" / "app.log")

    woken.until(tmp_path / "deep" / "below" / "app.log")
    assert str(tmp_path / "flat" / "below" / "app.log") not in woken.paths


def test_a_folder_that_was_removed_and_made_again_is_watched_again(woken, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    woken.watch.refresh({str(folder): False})
    shutil.rmtree(folder)
    woken.watch.refresh({str(folder): False})
    assert 0 == woken.watch.watching

    folder.mkdir()
    woken.watch.refresh({str(folder): False})
    write(folder / "app.log")

    woken.until(folder / "app.log")


def test_a_folder_swapped_for_another_is_watched_anew(woken, tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    woken.watch.refresh({str(folder): False})
    folder.rename(tmp_path / "old")
    folder.mkdir()

    woken.watch.refresh({str(folder): False})
    write(folder / "app.log")

    woken.until(folder / "app.log")
    assert 1 == woken.watch.watching


def test_a_folder_that_is_no_longer_wanted_is_let_go(woken, tmp_path):
    woken.watch.refresh({str(tmp_path): False})

    woken.watch.refresh({})

    assert 0 == woken.watch.watching


def test_what_is_not_there_or_too_broad_is_left_to_polling(woken, tmp_path):
    woken.watch.refresh({str(tmp_path / "nowhere"): False, "/": True, "/var": True})

    assert 0 == woken.watch.watching


def test_beyond_a_limit_it_is_left_to_polling(woken, tmp_path):
    folders = [tmp_path / str(n) for n in range(MAX_SCHEDULES + 3)]
    for folder in folders:
        folder.mkdir()

    woken.watch.refresh({str(folder): False for folder in folders})

    assert MAX_SCHEDULES == woken.watch.watching


def test_what_is_told_of_whatever_changes(woken, tmp_path):
    watch, here, nowhere = woken.watch, str(tmp_path), str(tmp_path / "nowhere")

    assert watch.refresh({here: False, nowhere: False})
    assert watch.covers({here: False})
    assert not watch.covers({here: False, nowhere: False})
    assert not watch.covers({})
    assert not watch.refresh({here: False, nowhere: False})
    assert watch.refresh({here: True})
    assert not watch.covers({here: True})  # a folder may be made below, and a file in it, before it is watched
