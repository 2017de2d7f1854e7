"""What happens to a log, to what stands beside it or to its disk, at one unlucky moment of a look."""

import errno
import gzip
import os
import time

import pytest
from reading import Reader, balance, write

from corowatch.sources import content, siblings
from corowatch.sources.beside import Beside
from corowatch.sources.content import Plain
from corowatch.sources.lives import Lives
from corowatch.sources.siblings import Folders
from corowatch.sources.tail import QUIET, Tail

NOW = time.time()


@pytest.fixture
def log(tmp_path):
    return tmp_path / "app.log"


def written(path, text, ago):
    """A file that was last written so many seconds ago."""
    write(path, text)
    os.utime(path, (NOW - ago,) * 2)


@pytest.fixture
def broken(monkeypatch):
    """Files that can be opened and not be read, by their numbers."""
    numbers, pread = set(), os.pread

    def failing(fd, size, at):
        if size != content.MAGIC and os.fstat(fd).st_ino in numbers:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(fd, size, at)

    monkeypatch.setattr(os, "pread", failing)
    return numbers


def open_in(folder):
    """The files of a folder that this process holds open."""
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    paths = [os.readlink(link) for link in links if os.path.lexists(link)]
    return sorted(path for path in paths if path.startswith(f"{folder}/"))


def test_a_file_that_is_cut_before_it_is_read_is_not_its_own_copy(tmp_path):
    path = tmp_path / "app.log.1"
    lines = [f"{n:06} " + "x" * 40 for n in range(100)]
    write(path, "".join(f"{line}\n" for line in lines))
    reader = Reader(f"{tmp_path}/app.log*", start="beginning")
    os.truncate(path, 50 * 48)

    assert lines[:50] == reader.read(3.0) + reader.read(5.0)
    assert 0 == balance(reader.tail)
    assert [str(path)] == open_in(tmp_path)


def test_a_log_of_another_program_that_begins_alike_is_not_the_copy_of_one_that_was_cut(tmp_path):
    banner = "=== service started, version 1.2.3 ===\n"
    first, second = tmp_path / "worker-1.log", tmp_path / "worker-2.log"
    write(first, banner)
    reader = Reader(f"{tmp_path}/worker-*.log", start="beginning")
    reader.read()
    write(second, f"{banner}two\n")
    reader.tail.look(2.0, None)
    os.truncate(first, 0)
    os.utime(second)
    got = reader.read(3.0)
    write(first, "one again\n")

    assert [banner.strip(), "two", "one again"] == got + reader.read(8.0)


@pytest.mark.parametrize("restarts", [False, True])
def test_one_that_cannot_be_read_beside_a_log_keeps_no_other_from_being_read(log, tmp_path, broken, restarts):
    write(log, "one\n")
    reader = Reader(log, start="beginning")
    reader.read()
    saved = reader.saved()
    os.rename(log, tmp_path / "app.log.2")
    write(tmp_path / "app.log.1", "two\n")
    write(log, "three\n")
    broken.add(os.stat(tmp_path / "app.log.1").st_ino)
    if restarts:
        reader.tail.close()
        reader = Reader(log, saved=saved)

    assert ["three"] == reader.read(3.0)
    assert any(kind == "unreadable" and "app.log.1: " in text for kind, text in reader.told)
    assert {str(log)} <= set(open_in(tmp_path)) <= {str(log), f"{log}.2"}


@pytest.mark.parametrize("restarts", [False, True])
def test_one_that_is_still_written_to_while_it_is_looked_at_is_not_put_off(log, tmp_path, monkeypatch, restarts):
    written(log, "one\n", 60)
    reader = Reader(log, start="beginning")
    reader.read()
    os.rename(log, tmp_path / "app.log.2")
    written(tmp_path / "app.log.1", "two\n", 40)
    written(log, "three\n", 20)
    unfinished = Beside._is_unfinished

    def one_more(*args):
        write(tmp_path / "app.log.1", "two and a half\n")
        monkeypatch.setattr(Beside, "_is_unfinished", unfinished)
        return unfinished(*args)

    monkeypatch.setattr(Beside, "_is_unfinished", one_more)
    got = reader.read(2.0)
    if restarts:
        saved = reader.saved()
        reader.tail.close()
        reader = Reader(log, saved=saved)
    write(log, "four\n")

    assert ["two", "two and a half", "three", "four"] == got + reader.read(5.0) + reader.read(5.0 + QUIET)


@pytest.fixture
def before(monkeypatch):
    """Have something done once, before a call: before(os, "pread", do)."""
    def arrange(owner, name, do):
        call = getattr(owner, name)

        def called(*args, **options):
            monkeypatch.setattr(owner, name, call)
            do()
            return call(*args, **options)

        monkeypatch.setattr(owner, name, called)

    return arrange


def lost(reader):
    return [text for kind, text in reader.told if kind == "lost"]


TEXT = "".join(f"line {n}\n" for n in range(400))


def test_a_copy_that_is_being_made_while_it_is_looked_at_is_not_begun(log, tmp_path, before):
    write(log, "")
    reader = Reader(log, start="beginning")
    reader.read()
    write(log, TEXT)
    write(tmp_path / "app.log.1", TEXT[:100])

    def finished():
        write(tmp_path / "app.log.1", TEXT, "wb")
        os.truncate(log, 0)

    before(Beside, "is_copy", finished)
    got = reader.read(2.0) + reader.read(3.0) + reader.read(4.0) + reader.read(5.0 + QUIET)

    assert TEXT.splitlines() == got
    assert not lost(reader)


def test_what_is_missed_and_seems_to_be_a_file_that_cannot_be_opened_now_is_not_begun(log, tmp_path, monkeypatch):
    write(log, "one\n" * 300)
    reader = Reader(log, start="beginning")
    got = reader.read()
    (tmp_path / "app.log.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)
    reader.read(2.0)
    saved = reader.saved()
    reader.tail.close()
    write(log, "two\n")
    (tmp_path / "app.log.2").write_bytes((tmp_path / "app.log.1").read_bytes())
    opened = Tail._opened
    monkeypatch.setattr(Tail, "_opened", lambda self, path: None if path.endswith(".1") else opened(self, path))
    reader = Reader(log, saved=saved)
    got += reader.read(3.0)
    monkeypatch.setattr(Tail, "_opened", opened)

    assert ["one"] * 300 + ["two"] == got + reader.read(6.0) + reader.read(6.0 + QUIET)


def test_a_file_that_is_cut_between_two_calls_that_see_it_first_told_nothing_that_is_lost(log, before):
    reader = Reader(log, start="beginning")
    write(log, TEXT)

    def cut():
        os.truncate(log, 0)
        write(log, "new\n")

    before(Plain, "pread", cut)

    assert ["new"] == reader.read(3.0) + reader.read(5.0)
    assert not lost(reader)
    assert 0 == balance(reader.tail)


def test_of_a_file_that_is_cut_before_it_is_read_what_is_left_comes_once(log):
    write(log, TEXT)
    reader = Reader(log, start="beginning")
    os.truncate(log, 2000)

    got = reader.read(3.0) + reader.read(5.0)

    assert TEXT[:2000].splitlines()[:len(got)] == got
    assert len(TEXT) - 2000 <= reader.tail.counts["bytes_lost"] <= len(TEXT)
    assert 0 == balance(reader.tail)


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_what_grew_after_a_file_was_cut_is_not_missing_in_its_copy(log, tmp_path, packed, restarts):
    write(log, TEXT)
    reader = Reader(log, start="beginning")
    got = reader.read()
    data = log.read_bytes()
    copy = tmp_path / ("app.log.1.gz" if packed else "app.log.1")
    copy.write_bytes(gzip.compress(data) if packed else data)
    os.truncate(log, 0)
    more = "".join(f"more {n}\n" for n in range(900))
    write(log, more)
    reader.tail.glance(2.0)  # it has only grown, as far as its size tells
    if restarts:
        saved = reader.saved()
        reader.tail.close()
        reader = Reader(log, saved=saved)

    assert [*TEXT.splitlines(), *more.splitlines()] == got + reader.read(3.0) + reader.read(4.0 + QUIET)
    assert not lost(reader)
    assert 0 == balance(reader.tail)


def test_a_file_that_is_cut_as_it_is_gone_on_with_is_told_as_lost(log, before):
    write(log, TEXT)
    reader = Reader(log, start="beginning")
    saved = reader.saved()
    reader.tail.close()

    def cut():
        os.truncate(log, 0)
        write(log, "new\n")

    before(Lives, "go_on", cut)
    reader = Reader(log, saved=saved)

    assert ["new"] == reader.read(3.0) + reader.read(5.0)
    assert f"at least {len(TEXT)} bytes of it were not read" in lost(reader)[0]
    assert len(TEXT) == reader.tail.counts["bytes_lost"]


@pytest.mark.parametrize(("ago", "times"), [(40, 2), (10, 1)])
def test_what_a_new_log_begins_with_too_is_its_copy_only_if_it_was_written_last(log, tmp_path, ago, times):
    again = "ERROR cannot open database, giving up\n"
    written(log, "one\n", 60)
    reader = Reader(log, start="beginning")
    reader.read()
    os.rename(log, tmp_path / "app.log.2")
    written(tmp_path / "app.log.1", again, ago)
    written(log, f"{again}INFO started\n", 20)

    assert [again.strip()] * times + ["INFO started"] == reader.read(2.0) + reader.read(8.0)


def test_a_log_that_moves_once_its_copy_is_gone_on_with_is_read_once(log, tmp_path):
    write(log, "one\nunfinished")
    reader = Reader(log, start="beginning")
    got = reader.read()
    write(log, " line\nthree\n")
    write(tmp_path / "app.log.1", log.read_bytes())
    os.truncate(log, 0)
    life = next(iter(reader.tail._lives))
    absent, take_up = reader.tail._absent, reader.tail._absent.take_up_copy

    def then_it_moves(*args):
        absent.take_up_copy = take_up
        found = take_up(*args)
        life.content.close()  # as it is where descriptors are few
        os.rename(log, tmp_path / "elsewhere")
        return found

    absent.take_up_copy = then_it_moves
    got += reader.read(3.0)
    os.rename(tmp_path / "elsewhere", log)
    for now in (5.0, 8.0, 100.0):
        got += reader.read(now)

    assert ["one", "unfinished line", "three"] == got
    assert 0 == balance(reader.tail)


def test_a_folder_is_not_settled_where_it_changed_and_cannot_be_listed_again(log, tmp_path, monkeypatch):
    monkeypatch.setattr(siblings, "RENEWALS", 0)
    folders = Folders()
    os.utime(tmp_path, (NOW - 60,) * 2)
    assert folders.settled(str(log))
    write(tmp_path / "app.log.1", "")

    assert not folders.renewed(str(log))
    assert not folders.settled(str(log))


@pytest.mark.parametrize("glob", ["app.log*", "app.log"])
@pytest.mark.parametrize("again", [False, True])
def test_one_that_is_rotated_between_the_listing_and_its_opening_is_read(log, tmp_path, before, glob, again):
    """It was found, so it is no old one that stands beside the log, be it found under its new name or not."""
    reader = Reader(tmp_path / glob, start="beginning")
    if again:
        write(log, "zero\n")
        assert ["zero"] == reader.read(1.0)
        log.rename(tmp_path / "app.log-20260101")
    log.touch()

    def rotate():
        write(log, "one\n")
        log.rename(tmp_path / "app.log-20260102")
        write(log, "two\n")

    before(Beside, "before", rotate)

    assert ["one", "two"] == reader.read(2.0) + reader.read(3.0)
    assert 0 == balance(reader.tail)


def test_one_that_is_rotated_before_it_is_opened_is_read_where_none_comes_in_its_place(log, tmp_path, before):
    reader = Reader(log, start="beginning")
    written(tmp_path / "app.log.2", "old\n", 60)
    write(log, "one\n")
    before(Beside, "before", lambda: log.rename(tmp_path / "app.log.1"))
    got = reader.read(2.0)
    write(log, "two\n")

    assert ["one", "two"] == got + reader.read(3.0)
    assert 0 == balance(reader.tail)


def test_what_is_rotated_as_it_is_to_be_followed_from_its_end_is_not_read_from_its_beginning(log, tmp_path, before):
    write(log, "one\n")

    def rotate():
        log.rename(tmp_path / "app.log-20260102")
        write(log, "two\n")

    before(Beside, "before", rotate)
    reader = Reader(f"{tmp_path}/app.log*", start="end")
    write(log, "three\n")

    assert ["three"] == reader.read(2.0) + reader.read(3.0)


def test_what_is_rotated_twice_as_it_is_seen_to_hold_something_is_read_in_order(log, tmp_path, before):
    reader = Reader(f"{tmp_path}/app.log*", start="beginning")
    log.touch()
    reader.read(1.0)
    write(log, "one\n")

    def rotate():
        log.rename(tmp_path / "app.log-20260101")
        write(log, "two\n")
        log.rename(tmp_path / "app.log-20260102")
        log.touch()

    before(Beside, "begin_missed", rotate)
    got = reader.read(2.0, {str(log)})

    assert ["one", "two"] == got + reader.read(3.0)
    assert 0 == balance(reader.tail)


def test_what_is_rotated_as_it_is_seen_to_hold_something_ends_and_the_next_is_noticed_at_once(log, tmp_path, before):
    reader = Reader(log, start="beginning")
    log.touch()
    reader.read(1.0)
    write(log, "one\nunfinished")

    def rotate():
        log.rename(tmp_path / "app.log.1")
        write(log, "two\n")

    before(Beside, "begin_missed", rotate)

    assert ["one", "two"] == reader.read(2.0, {str(log)}) + reader.read(2.5, {str(log)})
    assert ["unfinished"] == reader.read(3.0) + reader.read(3.0 + QUIET)
    assert [str(log)] == open_in(tmp_path)


def test_what_is_a_link_is_asked_again_only_where_names_changed(log, tmp_path, monkeypatch):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for name in ("one/x", "two/x"):
        write(tmp_path / name, "line\n")
    log.symlink_to(tmp_path / "one/x")
    reader = Reader(log, start="beginning", watch="auto")
    asked, islink = [], os.path.islink
    monkeypatch.setattr(os.path, "islink", lambda path: asked.append(path) or islink(path))
    os.utime(tmp_path, (NOW - 10.0,) * 2)
    reader.read(1.0)
    asked.clear()
    reader.read(2.0)

    assert [] == asked
    assert f"{tmp_path}/one" in reader.tail.directories()
    log.unlink()
    log.symlink_to(tmp_path / "two/x")
    reader.read(3.0)
    assert f"{tmp_path}/two" in reader.tail.directories()


def test_what_is_found_while_it_is_packed_is_read_once(log, tmp_path):
    """It begins itself, and what it is packed to beside it, which no glob finds, is its copy."""
    reader = Reader(f"{tmp_path}/app.log*", exclude=("*.gz",), start="beginning")
    write(log, "zero\n")
    assert ["zero"] == reader.read(1.0)
    write(log, "one\n")
    reader.read(1.5)
    log.rename(tmp_path / "app.log.2")
    write(tmp_path / "app.log.1", "two, of which nothing was seen\n")
    write(tmp_path / "app.log.1.gz", gzip.compress((tmp_path / "app.log.1").read_bytes()))
    log.touch()

    got = reader.read(2.0) + reader.read(3.0)

    assert ["two, of which nothing was seen"] == got
    assert 0 == balance(reader.tail)


def test_what_is_only_named_as_if_it_were_packed_from_what_is_found_is_read(log, tmp_path):
    """A second one of a day, which no glob finds: what stands behind the name is no packer's."""
    reader = Reader(log, f"{tmp_path}/app.log.????????", start="beginning")
    write(log, "zero\n")
    reader.read(1.0)
    log.rename(tmp_path / "app.log.20260101")
    write(tmp_path / "app.log.20260102.1", "one\n")
    write(tmp_path / "app.log.20260102", "two\n")
    write(log, "three\n")

    assert ["one", "two", "three"] == reader.read(2.0) + reader.read(3.0)
    assert 0 == balance(reader.tail)


def test_what_is_being_packed_is_not_known_where_its_plain_file_goes_before_it_is_opened(log, tmp_path, monkeypatch):
    reader = Reader(f"{tmp_path}/app.log*", exclude=("*.gz",), start="beginning")
    write(log, "zero\n")
    reader.read(1.0)
    log.rename(tmp_path / "app.log.2")
    log.touch()
    reader.read(1.5)
    rotated, packed = tmp_path / "app.log.1", gzip.compress(b"one, of which nothing was seen\n")
    write(rotated, "one, of which nothing was seen\n")
    write(tmp_path / "app.log.1.gz", packed[:-9])
    begin = Tail._begin

    def unlinked(self, path, **options):
        if path == str(rotated) and rotated.exists():
            write(tmp_path / "app.log.1.gz", packed[-9:])
            rotated.unlink()
        return begin(self, path, **options)

    monkeypatch.setattr(Tail, "_begin", unlinked)

    assert ["one, of which nothing was seen"] == reader.read(2.0) + reader.read(3.0) + reader.read(10.0)


@pytest.mark.parametrize("other", ["worker-1.log", "worker.log"])
def test_what_stands_beside_a_new_log_is_known_where_another_is_named_alike(tmp_path, other):
    """It is no rotation of the other one, so what stands beside it is its own, and old."""
    log, old = tmp_path / "worker-2.log", tmp_path / "worker-2.log.1"
    write(tmp_path / other, "one\n")
    written(old, "said by one that held it open when the new one was made\n", 30)
    reader = Reader(f"{tmp_path}/worker*.log", start="end")
    written(log, "", 60)
    got = reader.read(1.0) + reader.read(2.0)
    write(log, "new\n")

    assert ["new"] == got + reader.read(3.0) + reader.read(4.0)
