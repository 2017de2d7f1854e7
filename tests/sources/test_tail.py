"""The tailer, by looking alone: no notifications, no waiting; time is a number."""

import errno
import gzip
import os
import time
from math import inf

import pytest
from reading import Reader, write

from corowatch.core.kinds import Counts
from corowatch.core.scan import Clock, scan
from corowatch.engines import EveryLine
from corowatch.sources import life
from corowatch.sources.life import REACH, Life
from corowatch.sources.tail import QUIET, REMOVED
from corowatch.testing import Collect


@pytest.fixture
def log(tmp_path):
    return tmp_path / "app.log"


# --- where it begins --------------------------------------------------------------------------------


def test_a_file_that_is_there_is_read_from_its_end(log):
    write(log, "old\n")
    reader = Reader(log)
    write(log, "new\n")

    assert ["new"] == reader.read()
    assert 4 == reader.lines[0][1]


def test_or_from_its_beginning(log):
    write(log, "old\n")

    assert ["old"] == Reader(log, start="beginning").read()


def test_the_end_inside_a_half_line_is_the_start_of_that_line(log):
    write(log, "old\nha")
    reader = Reader(log)
    write(log, "lf\n")

    assert ["half"] == reader.read()


@pytest.mark.parametrize("tail", ["", "ha"])
def test_the_end_of_a_file_in_two_byte_units_is_the_border_of_a_line(log, tail):
    write(log, f"old\n{tail}".encode("utf-16"))
    reader = Reader(log, encoding="utf-16")
    write(log, "new\n".encode("utf-16-le"))

    assert [f"{tail}new"] == reader.read()


def test_a_file_that_comes_later_is_read_from_its_beginning(tmp_path):
    reader = Reader(tmp_path / "deep" / "*" / "*.log")
    assert [] == reader.read()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    write(tmp_path / "deep" / "er" / "a.log", "one\n")

    assert ["one"] == reader.read()


def test_stars_find_what_lies_below(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    reader = Reader(tmp_path / "**" / "*.log")
    write(tmp_path / "x.log", "top\n")
    write(tmp_path / "a" / "b" / "y.log", "deep\n")
    write(tmp_path / "a" / "b" / "y.txt", "no\n")

    assert {"top", "deep"} == set(reader.read())


def test_excluded_files_are_left_out_by_name_or_by_path(tmp_path):
    reader = Reader(tmp_path / "*.log", exclude=("b*", str(tmp_path / "c.log")))
    for name in "abc":
        write(tmp_path / f"{name}.log", name + "\n")

    assert ["a"] == reader.read()


# --- growing ----------------------------------------------------------------------------------------


def test_an_unfinished_line_waits_for_its_end(log):
    reader = Reader(log)
    write(log, "ha")
    assert [] == reader.read()
    write(log, "lf\nnext")

    assert ["half"] == reader.read()
    assert 5 == next(iter(reader.saved().values()))["offset"]


def test_only_what_was_woken_is_looked_at(tmp_path, monkeypatch):
    reader = Reader(tmp_path / "*.log")
    for name in "ab":
        write(tmp_path / f"{name}.log", "first\n")
    reader.read()
    searched = []
    monkeypatch.setattr(reader.tail, "_find", lambda: searched.append(1) or {})
    for name in "ab":
        write(tmp_path / f"{name}.log", f"{name}\n")

    assert ["a"] == reader.read(look={str(tmp_path / "a.log"), str(tmp_path / "other.txt")})
    assert [] == searched


def test_nuls_at_the_end_are_room_for_later(log):
    """A writer that lays out its file in advance fills them in place."""
    reader = Reader(log)
    write(log, b"one\n" + bytes(100))
    assert ["one"] == reader.read()
    with open(log, "r+b") as file:
        file.seek(4)
        file.write(b"two\n")

    assert ["two"] == reader.read()


def test_of_a_file_that_alone_has_a_backlog_nobody_asks_when_its_lines_were_written(tmp_path, monkeypatch):
    asked = []
    begins = Life.begins
    monkeypatch.setattr(Life, "begins", lambda life: asked.append(os.path.basename(life.path)) or begins(life))
    line = b"2026-11-22T10:00:%02dZ x\n"
    write(tmp_path / "a.log", b"".join(line % (n % 60) for n in range(60_000)))
    (tmp_path / "b.log").touch()
    reader = Reader(tmp_path / "*.log", start="beginning")

    assert 60_000 == len(reader.read())
    assert [] == asked

    write(tmp_path / "a.log", line % 1 + line % 9)
    write(tmp_path / "b.log", line % 5)
    assert ["01", "05", "09"] == [text[17:19] for text in reader.read(now=2.0)]
    assert {"a.log", "b.log"} == set(asked)


def test_files_with_a_backlog_are_read_earliest_first(tmp_path):
    write(tmp_path / "a.log", "2026-11-22T10:00:05Z a5\n")
    write(tmp_path / "b.log", "2026-11-22T10:00:01Z b1\n")

    assert ["b1", "a5"] == [text.split()[1] for text in Reader(tmp_path / "*.log", start="beginning").read()]


def test_without_stamps_by_time_of_last_write_then_name(tmp_path):
    for name, written in [("a", 30), ("b", 10), ("c", 10)]:
        write(tmp_path / f"{name}.log", name + "\n")
        os.utime(tmp_path / f"{name}.log", (written, written))

    assert ["b", "c", "a"] == Reader(tmp_path / "*.log", start="beginning").read()


# --- rotation ---------------------------------------------------------------------------------------


def test_the_old_file_is_read_to_its_end_before_the_new_one(log, tmp_path):
    reader = Reader(log)
    write(log, "1\n")
    reader.read()
    write(log, "2\n")
    os.rename(log, tmp_path / "app.log.1")
    write(log, "3\n")
    write(tmp_path / "app.log.1", "2b\n")

    assert ["2", "2b", "3"] == reader.read()


def test_a_late_writer_to_the_old_file_is_still_heard(log, tmp_path):
    reader = Reader(log)
    write(log, "1\n")
    reader.read()
    os.rename(log, tmp_path / "app.log.1")
    write(log, "2\n")
    reader.read(2.0)
    write(tmp_path / "app.log.1", "late\n")

    reader.tail.glance(3.0)
    assert ["late"] == reader.read(3.0, look=())


def test_an_old_file_that_has_been_quiet_has_ended_and_its_last_line_is_one(log, tmp_path):
    reader = Reader(log)
    write(log, "1\nlast")
    reader.read(1.0)
    os.rename(log, tmp_path / "app.log.1")

    assert [] == reader.read(2.0)
    assert ["last"] == reader.read(2.0 + QUIET)
    kept, = reader.saved().values()
    assert kept["done"]
    assert (6, str(tmp_path / "app.log.1")) == (kept["offset"], kept["path"])


def test_a_removed_file_is_read_to_its_end(log):
    reader = Reader(log)
    write(log, "1\n")
    reader.read()
    write(log, "2\n")
    os.unlink(log)

    assert ["2"] == reader.read()


def test_a_file_renamed_within_the_glob_goes_on_where_it_was(tmp_path):
    log = tmp_path / "app.log"
    reader = Reader(tmp_path / "app.log*")
    write(log, "1\n")
    reader.read()
    os.rename(log, tmp_path / "app.log.1")
    write(tmp_path / "app.log.1", "2\n")
    write(log, "3\n")

    assert ["2", "3"] == reader.read()


def test_copytruncate_begins_a_new_life(log):
    reader = Reader(log)
    write(log, "1\n2\n")
    reader.read()
    os.truncate(log, 0)
    write(log, "3\n")

    assert ["3"] == reader.read()
    assert 0 == reader.lines[-1][1]
    assert 2 == len({key for *_, key in reader.lines})


def test_a_file_that_was_truncated_and_has_grown_past_the_old_offset_is_seen_by_its_bytes(log):
    reader = Reader(log)
    write(log, "old 1\nold 2\n")
    reader.read()
    os.truncate(log, 0)
    write(log, "new 1\nnew 2\nnew 3\n")

    assert ["new 1", "new 2", "new 3"] == reader.read()


def test_bytes_that_were_cut_off_unread_are_counted_and_told(log):
    reader = Reader(log)
    write(log, "1\n")
    reader.tail.look(1.0, None)
    os.truncate(log, 0)
    reader.read(2.0)

    assert 2 == reader.tail.counts["bytes_lost"]
    assert [("lost", f"{log} was truncated before its last 2 bytes were read")] == reader.told


# --- over a restart ---------------------------------------------------------------------------------


def test_a_restart_goes_on_where_it_stopped(log):
    reader = Reader(log)
    write(log, "1\nha")
    reader.read()
    saved = reader.saved()
    write(log, "lf\n3\n")

    again = Reader(log, saved=saved)

    assert ["half", "3"] == again.read()
    assert reader.lines[0][3] == again.lines[0][3]


def test_a_file_rotated_while_we_were_down_is_finished_first(log, tmp_path):
    reader = Reader(log)
    write(log, "1\n")
    reader.read()
    saved = reader.saved()
    write(log, "2\n")
    os.rename(log, tmp_path / "old.1")
    write(log, "3\n")

    assert ["2", "3"] == Reader(log, saved=saved).read()


@pytest.mark.parametrize("content", ["new\n", "new content that is longer\n"])
def test_a_file_rewritten_while_we_were_down_is_read_from_its_beginning(log, content):
    reader = Reader(log)
    write(log, "old 1\n")
    reader.read()
    saved = reader.saved()
    write(log, content, "wb")

    assert [content.strip()] == Reader(log, saved=saved).read()


def test_a_new_file_found_at_a_restart_is_read_from_its_beginning(tmp_path):
    reader = Reader(tmp_path / "*.log")
    write(tmp_path / "a.log", "1\n")
    reader.read()
    saved = reader.saved()
    write(tmp_path / "b.log", "2\n")

    assert ["2"] == Reader(tmp_path / "*.log", saved=saved).read()


def refuse_once(monkeypatch, path):
    """Let one look at a file fail as if there were no descriptors left; gives what lets it succeed again."""
    real = os.open

    def opened(name, *rest, **options):
        if os.fspath(name) == str(path):
            raise OSError(errno.EMFILE, "Too many open files")
        return real(name, *rest, **options)

    monkeypatch.setattr(os, "open", opened)
    return lambda: monkeypatch.setattr(os, "open", real)


def test_a_file_that_cannot_be_opened_at_a_restart_keeps_its_position(log, monkeypatch):
    reader = Reader(log)
    write(log, "1\n")
    reader.read()
    saved = reader.saved()
    write(log, "2\n")
    again_possible = refuse_once(monkeypatch, log)
    again = Reader(log, saved=saved)
    assert [] == again.read()
    assert {} == again.saved()

    again_possible()

    assert ["2"] == again.read()


def test_a_file_that_cannot_be_read_at_a_restart_keeps_its_position(log, monkeypatch):
    reader = Reader(log)
    write(log, "1\n")
    reader.read()
    saved = reader.saved()
    write(log, "2\n")
    again_possible = stale(monkeypatch, "pread", log)
    again = Reader(log, saved=saved)
    assert [] == again.read()
    assert {} == again.saved()

    again_possible()

    assert ["2"] == again.read()


def test_a_file_that_cannot_be_opened_at_the_first_run_begins_at_its_end_too(log, monkeypatch):
    write(log, "old\n")
    again_possible = refuse_once(monkeypatch, log)
    reader = Reader(log)
    again_possible()
    assert [] == reader.read()
    write(log, "new\n")

    assert ["new"] == reader.read()


def test_a_file_rewritten_to_the_same_size_is_read_again(log):
    reader = Reader(log)
    write(log, "old\n")
    reader.read()
    write(log, "new\n", "wb")
    os.utime(log, (2e9, 2e9))

    assert ["new"] == reader.read()


def stale(monkeypatch, call, path):
    """Let `os.<call>` on the file that is at `path` now fail as NFS does when the server no longer knows it."""
    inode = os.stat(path).st_ino
    real, real_fstat = getattr(os, call), os.fstat

    def answer(fd, *rest):
        if real_fstat(fd).st_ino == inode:
            raise OSError(errno.ESTALE, "Stale file handle")
        return real(fd, *rest)

    monkeypatch.setattr(os, call, answer)
    return lambda: monkeypatch.setattr(os, call, real)


def test_a_file_that_cannot_be_read_for_a_moment_is_read_later(log, tmp_path, monkeypatch):
    reader = Reader(tmp_path / "*.log")
    write(log, "1\n")
    write(tmp_path / "other.log", "other\n")
    again_possible = stale(monkeypatch, "pread", log)
    assert ["other"] == reader.read()
    assert [] == reader.read()
    assert [("unreadable", f"{log}: Stale file handle; it is looked at again")] == reader.told

    again_possible()

    assert ["1"] == reader.read()


def test_a_removed_file_that_its_server_no_longer_knows_ends_and_what_is_lost_is_counted(log, tmp_path, monkeypatch):
    reader = Reader(tmp_path / "*.log")
    write(log, "1\n")
    reader.read()
    write(log, "unread\n")
    reader.tail.look(2.0, None)
    stale(monkeypatch, "fstat", log)
    log.unlink()
    write(tmp_path / "other.log", "other\n")

    assert ["other"] == reader.read(now=3.0)
    assert 7 == reader.tail.counts["bytes_lost"]
    assert [("lost", f"{log} is gone, and its last 7 bytes with it")] == reader.told


# --- what a hard life brings ------------------------------------------------------------------------


def punch(path, offset, data):
    """Write at an offset, as a writer does that was not told of a truncation."""
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def test_the_first_line_behind_a_long_hole_is_read(log):
    reader = Reader(log)
    write(log, "one\n")
    reader.read()
    os.truncate(log, 0)
    reader.read(2.0)
    punch(log, 300_000, b"first\nsecond\n")

    assert ["first", "second"] == reader.read(3.0)
    assert [300_000, 300_006] == [offset for _, offset, _, _ in reader.lines[1:]]
    assert [] == reader.told


@pytest.mark.parametrize("size", [100_000, 1 << 20])
@pytest.mark.parametrize("written", [True, False])
def test_room_laid_out_in_advance_is_no_text_and_is_waited_on(log, size, written):
    reader = Reader(log)
    write(log, b"l1\nl2\n" + (b"\0" * size if written else b""))
    os.truncate(log, size)
    assert ["l1", "l2"] == reader.read(1.0)
    assert not reader.tail.behind

    punch(log, 6, b"l3\nl4")
    assert ["l3"] == reader.read(2.0)
    punch(log, 11, b" goes on\n")

    assert ["l4 goes on"] == reader.read(3.0)


def test_nuls_inside_a_line_are_text_however_many(log):
    reader = Reader(log, max_line_bytes=1 << 20)
    write(log, b"a" + b"\0" * 300_000 + b"b\n")

    assert ["a" + "\0" * 300_000 + "b"] == reader.read()


def test_a_room_that_stays_empty_does_not_keep_a_file_that_is_gone(log):
    reader = Reader(log, start="beginning")
    write(log, b"one\n" + bytes(5000))
    os.utime(log, (0, 0))
    reader.read(10.0)
    log.unlink()
    reader.read(11.0)

    reader.read(11.0 + REMOVED)

    assert 0 == len(reader.tail._lives)


def test_what_was_read_and_then_rewritten_is_not_lost(log):
    reader = Reader(log)
    write(log, "a" * 49 + "\n")
    reader.read()
    write(log, "b" * 399 + "\n", "wb")

    assert ["b" * 399] == reader.read(2.0)
    assert 0 == reader.tail.counts["bytes_lost"]
    assert [] == reader.told


def test_a_file_that_the_options_leave_out_now_is_not_followed_any_more(tmp_path):
    for name in ("app.log", "debug.log"):
        write(tmp_path / name, "")
    first = Reader(tmp_path / "*.log")
    first.read()
    saved = first.saved()
    again = Reader(tmp_path / "*.log", saved=saved, exclude=("debug.log",))
    for name in ("app.log", "debug.log"):
        write(tmp_path / name, f"of {name}\n")

    assert ["of app.log"] == again.read()
    assert [] == again.told
    assert 1 == len(again.saved())


def test_a_file_that_could_not_be_opened_at_the_first_run_ends_there_and_its_successor_begins_anew(log, tmp_path,
                                                                                                   monkeypatch):
    write(log, "old\n")
    again_possible = refuse_once(monkeypatch, log)
    reader = Reader(tmp_path / "*.log")
    again_possible()
    assert [] == reader.read(1.0)

    log.rename(tmp_path / "app.1")
    write(log, "first of the next\n")

    assert ["first of the next"] == reader.read(2.0)


def test_while_the_next_file_cannot_be_opened_the_old_ones_last_lines_are_read(log, tmp_path, monkeypatch):
    reader = Reader(log)
    write(log, "1\n")
    reader.read(1.0)
    write(log, "last words\n")
    log.rename(tmp_path / "app.log.1")
    write(log, "next\n")
    again_possible = refuse_once(monkeypatch, log)

    assert ["last words"] == reader.read(2.0)
    again_possible()
    assert ["next"] == reader.read(3.0)


@pytest.mark.parametrize("last", ["10:00:01 half", "  at x()\n  at y()\n"])
def test_the_old_file_is_read_to_its_end_whatever_the_times_say(log, tmp_path, last):
    reader = Reader(tmp_path / "app.log*")
    write(log, "2026-01-01T10:00:01Z one\n")
    reader.read(1.0)
    write(log, last)
    log.rename(tmp_path / "app.log.1")
    write(log, "2026-01-01T10:00:01Z new\n")
    os.utime(tmp_path / "app.log.1", (2e9, 2e9))

    assert (["2026-01-01T10:00:01Z new"] if "half" in last else
            ["  at x()", "  at y()", "2026-01-01T10:00:01Z new"]) == reader.read(2.0)


def test_a_file_whose_name_is_no_text_is_told_of_all_the_same(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.log"
    reader = Reader(os.fsdecode(path))
    write(path, "one\n")
    reader.tail.look(1.0, None)
    os.truncate(path, 0)

    reader.read(2.0)

    assert [("lost", f"{tmp_path}/\\xff.log was truncated before its last 4 bytes were read")] == reader.told


def test_a_link_swapped_between_the_look_and_the_opening_leads_nowhere(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    write(tmp_path / "secret", "secret\n")
    write(tmp_path / "in" / "x", "fine\n")
    link = tmp_path / "in" / "a.log"
    link.symlink_to("x")
    real = os.open

    def swapped(path, *rest, **options):
        if os.fspath(path) == str(link):
            link.unlink()
            link.symlink_to("../secret")
        return real(path, *rest, **options)

    monkeypatch.setattr(os, "open", swapped)

    assert [] == Reader(link, start="beginning", root=str(tmp_path / "in")).read()


def test_a_text_file_that_begins_like_a_compressed_one_is_read_and_a_life_later_forgotten(log):
    reader = Reader(log)
    write(log, "BZh is how it begins\n")
    assert ["BZh is how it begins"] == reader.read(1.0)
    write(log, gzip.compress(b"x" * 99), "wb")
    assert [] == reader.read(2.0)

    write(log, "plain\n", "wb")

    assert ["plain"] == reader.read(3.0)
    assert [("compressed", f"{log} is compressed, and so no lines")] == reader.told


def test_a_file_on_a_device_of_another_number_is_gone_on_with(log):
    reader = Reader(log)
    write(log, "a line that is long enough to tell\n")
    reader.read()
    saved = {key: {**state, "dev": state["dev"] + 1} for key, state in reader.saved().items()}
    write(log, "next\n")

    assert ["next"] == Reader(log, saved=saved).read()


def test_a_folder_is_no_file_and_one_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    assert [("unreadable", f"{tmp_path}: is a folder; {tmp_path}/* are the files in it; it is looked at again")
            ] == Reader(tmp_path).told

    monkeypatch.setattr(os, "access", lambda path, mode: False)
    reader = Reader(tmp_path / "*.log")
    reader.read()

    assert [("unreadable", f"{tmp_path}: the folder cannot be read; it is looked at again")] == reader.told
    assert reader.tail.trouble


def test_a_rotated_file_that_no_glob_finds_is_finished_over_several_restarts(log, tmp_path):
    reader = Reader(log)
    write(log, "1\n")
    reader.read()
    write(log, "2\n")
    log.rename(tmp_path / "app.log.1")
    write(log, "3\n")

    saved = reader.saved()
    for _ in range(3):  # each is gone before it has read anything
        again = Reader(log, saved=saved)
        saved = {**saved, **again.saved()}

    assert ["2", "3"] == Reader(log, saved=saved).read()


def test_a_rotated_file_that_cannot_be_read_does_not_hold_up_the_next_and_is_lost_in_the_end(log, tmp_path,
                                                                                             monkeypatch):
    reader = Reader(log)
    write(log, "1\n")
    reader.read(1.0)
    write(log, "2\n")
    log.rename(tmp_path / "app.log.1")
    stale(monkeypatch, "pread", tmp_path / "app.log.1")
    write(log, "3\n")

    assert ["3"] == reader.read(2.0)
    reader.read(3.0 + QUIET)

    assert [("lost", f"{log}.1 cannot be read, and its last 2 bytes are lost")] == reader.told[-1:]
    assert 1 == len(reader.tail._lives)


def test_a_file_that_was_unreadable_at_the_first_run_keeps_its_place_over_a_restart(log, monkeypatch):
    write(log, "old\nha")
    again_possible = refuse_once(monkeypatch, log)
    saved = Reader(log).saved()
    again = Reader(log, saved=saved)
    again_possible()
    write(log, "lf\nnew\n")

    assert ["half", "new"] == again.read()


def test_a_huge_file_of_holes_and_nuls_takes_no_time_to_look_through(log, monkeypatch):
    reader = Reader(log)
    write(log, "one\n")
    reader.read()
    for at in (1 << 30, 2 << 30, 3 << 30):
        punch(log, at, b"\0" * 4096)
    punch(log, 4 << 30, b"two\n")
    read = []
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, at: read.append(size) or real(fd, size, at))

    assert ["two"] == reader.read(2.0)
    assert sum(read) < 8 << 20


def test_nuls_that_were_written_are_looked_through_a_part_a_turn(log, monkeypatch):
    monkeypatch.setattr(life, "NULS", life.GULP)
    reader = Reader(log)
    write(log, b"one\n" + b"\0" * (5 * life.GULP) + b"two\n")
    reader.tail.look(1.0, None)

    turns = 0
    while head := reader.tail.head():
        turns += 1
        head.read(1.0, head.next)

    assert ["one", "two"] == [text for _, _, text, _ in reader.lines]
    assert turns >= 5


def test_of_a_file_that_two_readers_had_the_lowest_place_counts(log):
    write(log, "0\n")
    first, second = Reader(log), Reader(log)
    write(log, "1\n")
    first.read()
    saved = {**first.saved(), **second.saved()}
    write(log, "2\n")

    both = Reader(log, saved=saved)

    assert ["1", "2"] == both.read()
    assert [] == both.told


def test_where_lines_take_long_little_is_read_at_a_time(log):
    """A signal, or a sign of life, waits for no more than about what is read at once."""
    write(log, "".join(f"{n:099}\n" for n in range(3000)))

    class Slow:
        def __init__(self):
            self.sizes = []

        def send(self, block):
            self.sizes.append(len(block.data))
            end = time.monotonic() + len(block.data) * 1e-4
            while time.monotonic() < end:
                pass

    slow = Slow()
    reader = Reader(log, start="beginning")
    reader.tail._lives.how = reader.tail._lives.how._replace(target=slow)
    for one in reader.tail._lives:
        one._how = reader.tail._lives.how
    for _ in range(6):
        reader.tail.head().read(1.0, inf)

    assert max(slow.sizes) <= 4096
    assert slow.sizes[0] <= 512
    assert min(slow.sizes) >= 400


@pytest.mark.parametrize("options", [{"paths": ["2*.log"]}, {"paths": ["*.log"], "exclude": ("current.log",)}])
def test_a_file_that_todays_options_find_goes_on_though_its_first_name_is_left_out(tmp_path, options):
    first = Reader(tmp_path / "*.log", start="beginning")
    write(tmp_path / "current.log", "one\n")
    first.read()
    (tmp_path / "current.log").rename(tmp_path / "2026-11-25.log")
    first.read()
    write(tmp_path / "2026-11-25.log", "two\n")

    again = Reader(*(tmp_path / path for path in options["paths"]), saved=first.saved(), start="beginning",
                   exclude=options.get("exclude", ()))

    assert ["two"] == again.read()


# --- several with a backlog -------------------------------------------------------------------------


def stamped(*seconds, name=""):
    return "".join(f"2026-01-01T10:{at // 60:02}:{at % 60:02}Z {name}{at}\n" for at in seconds)


def test_the_backlogs_of_several_files_are_merged_by_time(tmp_path):
    write(tmp_path / "a.log", stamped(*range(0, 600, 20), name="a"))
    write(tmp_path / "b.log", stamped(*range(10, 600, 20), name="b"))

    read = Reader(tmp_path / "*.log", start="beginning").read()

    assert [f"{'ab'[at // 10 % 2]}{at}" for at in range(0, 600, 10)] == [text.split()[1] for text in read]


def test_a_long_backlog_beside_a_short_one_is_read_in_large_gulps(tmp_path, monkeypatch):
    write(tmp_path / "a.log", stamped(*range(3000), name="x" * 90))
    write(tmp_path / "b.log", stamped(2990, name="b"))
    reads = []
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda *call: reads.append(call) or real(*call))

    read = Reader(tmp_path / "*.log", start="beginning").read()

    assert 3001 == len(read)
    assert 2990 <= read.index(stamped(2990, name="b").strip()) <= 2992
    assert len(reads) < 40


def test_many_files_with_something_to_read_cost_no_more_each_than_few(tmp_path, monkeypatch):
    looked = []
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda *call: looked.append(call) or real(*call))
    counts = []
    for many in (20, 200):
        for at in range(many):
            write(tmp_path / f"{at:03}.log", stamped(at))
        looked.clear()
        Reader(tmp_path / "*.log", start="beginning").read()
        counts.append(len(looked) / many)

    assert counts[1] <= counts[0] + 0.5


# --- the lines around one ---------------------------------------------------------------------------


def test_lines_before_and_after_a_place_are_read_from_the_file(log):
    reader = Reader(log, start="beginning")
    write(log, "one\r\ntwo\n\xff\nfour\nhal")
    reader.read()
    key = reader.lines[0][3]

    assert ["one", "two"] == reader.tail.lines_before(key, 9, 5)
    assert ["two"] == reader.tail.lines_before(key, 9, 1)
    assert [] == reader.tail.lines_before(key, 9, 0) == reader.tail.lines_before(key, 0, 3)
    assert ["\u00ff", "four"] == reader.tail.lines_after(key, 5, 5)
    assert ["\u00ff"] == reader.tail.lines_after(key, 5, 1)
    assert None is reader.tail.lines_after("another life", 5, 1)
    assert [] == reader.tail.lines_before("another life", 5, 1)


def test_no_further_than_it_reaches(log):
    reader = Reader(log, start="beginning")
    write(log, "x" * REACH + "\nyy\nz\n")
    reader.read()

    assert ["yy"] == reader.tail.lines_before(reader.lines[0][3], REACH + 4, 5)


def test_lines_around_are_decoded_as_the_file_is(log):
    reader = Reader(log, start="beginning", encoding="utf-16")
    write(log, "eins\nz\u0a0awei\r\ndrei\n".encode("utf-16"))
    reader.read()
    key, second = reader.lines[0][3], len("eins\n".encode("utf-16"))

    assert ["eins"] == reader.tail.lines_before(key, second, 9)
    assert ["drei"] == reader.tail.lines_after(key, second, 9)


# --- what is no log ---------------------------------------------------------------------------------


def test_a_compressed_file_is_never_lines(tmp_path):
    (tmp_path / "a.log").write_bytes(gzip.compress(b"one\n"))

    assert [] == Reader(tmp_path / "*.log", start="beginning").read()


def test_a_fifo_a_directory_and_a_device_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo.log")
    (tmp_path / "dir.log").mkdir()
    (tmp_path / "zero.log").symlink_to("/dev/zero")
    (tmp_path / "loop.log").symlink_to("loop.log")

    reader = Reader(tmp_path / "*.log")
    reader.read(2.0)

    assert [] == reader.lines
    assert [f"{tmp_path}/{name}" for name in ("fifo.log: no regular file; it is looked at again",
                                             "loop.log: Too many levels of symbolic links; it is looked at again",
                                             "zero.log: no regular file; it is looked at again")] == [
        text for _, text in reader.told]


def test_links_are_followed_and_may_be_kept_within_a_root(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    write(tmp_path / "in" / "real", "in\n")
    write(tmp_path / "out" / "real", "out\n")
    (tmp_path / "in" / "a.log").symlink_to("real")
    (tmp_path / "in" / "b.log").symlink_to("../out/real")

    assert ["in", "out"] == sorted(Reader(tmp_path / "in" / "*.log", start="beginning").read())
    assert ["in"] == Reader(tmp_path / "in" / "*.log", start="beginning", root=str(tmp_path / "in")).read()


def test_two_names_of_one_file_are_one_stream(tmp_path):
    write(tmp_path / "a.log", "one\n")
    os.link(tmp_path / "a.log", tmp_path / "b.log")
    (tmp_path / "c.log").symlink_to("a.log")

    assert ["one"] == Reader(tmp_path / "*.log", start="beginning").read()


def test_a_swapped_link_leads_to_the_new_file_after_the_old(tmp_path):
    for name in "ab":
        write(tmp_path / name, f"{name}1\n")
    link = tmp_path / "current.log"
    link.symlink_to("a")
    reader = Reader(link, start="beginning")
    assert ["a1"] == reader.read()
    write(tmp_path / "a", "a2\n")
    (tmp_path / "next").symlink_to("b")
    os.rename(tmp_path / "next", link)

    assert ["a2", "b1"] == reader.read()


def test_a_file_whose_name_is_not_utf_8_is_read(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff\n.log"
    write(path, "one\n")
    reader = Reader(tmp_path / "*.log", start="beginning")

    assert ["one"] == reader.read()
    assert "\\xff\n.log" == reader.lines[0][0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_cannot_be_opened_is_said_once_and_looked_at_again(log):
    write(log, "one\n")
    log.chmod(0)
    reader = Reader(log, start="beginning")
    reader.read()
    log.chmod(0o600)

    assert ["one"] == reader.read()
    assert [("unreadable", f"{log}: Permission denied; it is looked at again")] == reader.told


def test_a_utf_16_file_is_told_by_its_mark_and_goes_on_after_a_restart(log):
    reader = Reader(log)
    write(log, "\ufeffeins\n".encode("utf-16-le"))
    assert ["eins"] == reader.read()
    saved = reader.saved()
    write(log, "zwei\n".encode("utf-16-le"))

    assert ["zwei"] == Reader(log, saved=saved).read()


def test_a_link_where_everyone_may_have_put_it_is_not_followed(tmp_path):
    folder = tmp_path / "anyones"
    folder.mkdir()
    os.chmod(folder, 0o777)
    write(tmp_path / "secret", "secret\n")
    write(folder / "own.log", "text\n")
    (folder / "planted.log").symlink_to(tmp_path / "secret")
    reader = Reader(folder / "*.log", start="beginning")

    assert ["text"] == reader.read()
    assert ["unreadable"] == [kind for kind, _ in reader.told]
    assert "everyone may write to; chmod +t" in reader.told[0][1]
    os.chmod(folder, 0o1777)
    assert ["secret"] == reader.read(9.0)


def test_a_link_that_leads_to_itself_is_told_as_such(tmp_path):
    (tmp_path / "loop.log").symlink_to("loop.log")
    reader = Reader(tmp_path / "*.log", start="beginning")

    assert [] == reader.read()
    assert not [text for _, text in reader.told if "everyone" in text]


# --- what is still written into a file that was renamed -------------------------------------------------


@pytest.fixture
def renamed(tmp_path):
    """A Tail on a log that was renamed, while its writer has it open, and another stands in its place; both known."""
    path = tmp_path / "app.log"
    write(path, "one\n")
    reader = Reader(path, start="beginning")
    assert ["one"] == reader.read()
    os.rename(path, tmp_path / "app.log.1")
    write(path, "")
    reader.read()
    return path, reader


def test_it_comes_before_what_stands_in_the_new_one_though_only_that_was_told_of(renamed):
    path, reader = renamed
    write(f"{path}.1", "old\n")
    write(path, "new\n")

    assert ["old", "new"] == reader.read(look=[str(path)])


def test_it_is_seen_when_it_is_told_of_under_its_new_name(renamed):
    path, reader = renamed
    write(f"{path}.1", "old\n")

    assert ["old"] == reader.read(look=[f"{path}.1"])


def test_it_is_known_that_no_notification_need_name_it(renamed):
    _, reader = renamed
    assert reader.tail.hidden
    assert [] == reader.read(now=1.0 + 120)
    assert not reader.tail.hidden


class Scanned(Reader):
    """A Reader whose Blocks are asked for their times, as the daemon's are."""

    def _keep(self):
        self.events, counts = Collect(), Counts(lines=0, cut=0, skewed=0)
        return scan([self.events], engine=EveryLine([None]), clock=Clock("auto", counts), counts=counts)


def test_a_position_that_is_over_holds_no_text(tmp_path):
    """It and its Blocks refer to each other, and are none that the collector looks at."""
    path = tmp_path / "app.log"
    write(path, "one\nunfinished")
    reader = Scanned(path, start="beginning")
    reader.read()
    life, = reader.tail._lives
    position = life.position
    assert position.unseen
    os.truncate(path, 0)
    write(path, "two\n")
    reader.read(2.0)

    assert ["one", "unfinished", "two"] == [event.text for event in reader.events]
    assert ([], None) == (position.unseen, position.pending)
