"""What a log was rotated to, copied to and packed to: read once, in order, and what is missing is a number."""

import bz2
import errno
import gzip
import lzma
import os
import resource
import shutil

import pytest
from reading import Reader, balance, write

from corowatch.sources.tail import QUIET, REMOVED

FIRST = "".join(f"first {n}\n" for n in range(300))
REST = "".join(f"rest {n}\n" for n in range(300))


@pytest.fixture
def log(tmp_path):
    return tmp_path / "app.log"


def lines(text):
    return text.splitlines()


def lost(reader):
    return [text for kind, text in reader.told if kind == "lost"]


# --- copied and truncated ---------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_what_was_unread_when_a_file_was_truncated_is_read_from_its_copy(log, tmp_path, packed):
    write(log, FIRST)
    reader = Reader(log, start="beginning")
    assert lines(FIRST) == reader.read()
    write(log, REST + "half")
    if packed:
        (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    else:
        shutil.copy(log, tmp_path / "app.log.1")
    os.truncate(log, 0)
    write(log, "new\n")

    got = reader.read() + reader.read(100.0) + reader.read(100.0 + QUIET)

    # Whether a plain copy has ended, only time tells.
    assert (lines(REST) + (["half", "new"] if packed else ["new", "half"])) == got
    assert not lost(reader)
    assert (0, 1) == (balance(reader.tail), reader.tail.counts["truncations"])


def test_a_copy_that_a_glob_finds_is_not_read_again(log, tmp_path):
    write(log, FIRST)
    reader = Reader(f"{log}*", start="beginning")
    assert lines(FIRST) == reader.read()
    write(tmp_path / "app.log.1", FIRST[:100])  # it is still being copied

    assert [] == reader.read()
    write(tmp_path / "app.log.1", FIRST[100:])
    assert [] == reader.read()
    write(log, REST)
    write(tmp_path / "app.log.1", REST)
    os.truncate(log, 0)
    write(log, "new\n")
    assert [*lines(REST), "new"] == reader.read()
    assert 0 == balance(reader.tail)


@pytest.mark.parametrize("glob", ["", "*"])
@pytest.mark.parametrize("copied", [2000, 2003, len(FIRST) - 2])
def test_a_copy_is_not_read_again_if_more_was_read_before_the_file_was_truncated(log, tmp_path, glob, copied):
    reader = Reader(f"{log}{glob}", start="beginning")
    got = []
    for line in FIRST.splitlines(keepends=True):
        write(log, line)
        got += reader.read()
    write(tmp_path / "app.log.1", FIRST[:copied])
    os.truncate(log, 0)
    write(log, "new\n")

    assert [*lines(FIRST), "new"] == got + reader.read() + reader.read(100.0) + reader.read(100.0 + QUIET)
    assert (0, []) == (balance(reader.tail), lost(reader))


def test_what_begins_as_what_was_read_did_and_goes_on_otherwise_is_no_copy(log, tmp_path):
    write(log, "=== service started ===\n")
    reader = Reader(log, start="beginning")
    got = reader.read()
    write(log, "one\n" * 90)
    got += reader.read()
    os.rename(log, tmp_path / "app.log.2")
    write(tmp_path / "app.log.1", "=== service started ===\ntwo\n")
    write(log, "=== service started ===\nthree\n")
    got += reader.read(2.0) + reader.read(8.0)

    banner = "=== service started ==="
    assert [banner, *["one"] * 90, banner, "two", banner, "three"] == got


def test_a_file_that_begins_like_a_log_and_goes_on_otherwise_is_no_copy(log, tmp_path):
    write(log, FIRST)
    reader = Reader(f"{log}*", start="beginning")
    reader.read()
    write(tmp_path / "app.log.1", FIRST[:-1] + "!\n")

    assert len(lines(FIRST)) == len(reader.read())


def test_a_copy_made_while_nobody_looked_is_gone_on_with(log, tmp_path):
    write(log, FIRST)
    first = Reader(log, start="beginning")
    first.read()
    saved = first.saved()
    write(log, REST)
    shutil.copy(log, tmp_path / "app.log.1")
    os.truncate(log, 0)
    write(log, "new\n")

    assert [*lines(REST), "new"] == Reader(log, saved=saved).read()


def test_without_a_copy_what_was_known_to_be_unread_is_lost_once(log):
    write(log, FIRST)
    reader = Reader(log, start="beginning")
    reader.read()
    write(log, REST)
    reader.tail.look(1.0, None)
    os.truncate(log, 0)

    assert [] == reader.read()
    assert 1 == len(lost(reader))
    assert len(REST) == reader.tail.counts["bytes_lost"] == reader.tail.counts["bytes_lost.truncated"]
    assert 0 == balance(reader.tail)


# --- rotated more than once -------------------------------------------------------------------------


def test_files_that_came_and_went_between_two_looks_are_read_in_order(log, tmp_path):
    write(log, "one\n")
    write(tmp_path / "app.log.9", "older than we are\n")
    reader = Reader(log, start="beginning")
    assert ["one"] == reader.read()
    write(log, "one, later\n")
    for n, text in ((3, "two\n"), (2, "three\n"), (1, "four\n")):
        os.rename(log, tmp_path / f"app.log.{n}")
        write(log, text)

    assert ["one, later", "two", "three", "four"] == reader.read()
    assert [] == reader.read(9.0)
    assert 0 == balance(reader.tail)


def test_files_that_came_and_went_while_nobody_looked_are_read_in_order_packed_or_not(log, tmp_path):
    write(log, FIRST)
    first = Reader(log, start="beginning")
    first.read()
    saved = first.saved()
    write(log, REST)
    os.rename(log, tmp_path / "app.log.3")
    write(log, "two\n")
    os.rename(log, tmp_path / "app.log.2")
    write(log, "three\n")
    os.rename(log, tmp_path / "app.log.1")
    write(log, "four\n")
    for n in (3, 2):
        plain = tmp_path / f"app.log.{n}"
        packed = tmp_path / f"app.log.{n}.gz"
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        shutil.copystat(plain, packed)
        plain.unlink()

    reader = Reader(log, saved=saved)
    assert [*lines(REST), "two", "three", "four"] == reader.read()
    assert 0 == balance(reader.tail)
    assert [] == Reader(log, saved={**saved, **reader.saved()}).read(), "and at the next start nothing twice"


def test_what_a_log_was_rotated_to_before_we_came_is_not_read(log, tmp_path):
    write(log, "")
    write(tmp_path / "app.log.1", "written last, by a late writer\n")
    reader = Reader(log)
    os.rename(tmp_path / "app.log.1", tmp_path / "app.log.2")
    os.rename(log, tmp_path / "app.log.1")
    write(log, "new\n")

    assert ["new"] == reader.read()


def test_another_programs_log_of_a_similar_name_is_none_of_ours(log, tmp_path):
    write(log, "one\n")
    reader = Reader(log, start="beginning")
    reader.read()
    write(tmp_path / "app-2.log", "theirs\n")
    os.rename(log, tmp_path / "app.log.1")
    write(log, "two\n")

    assert ["two"] == reader.read()


def test_a_late_writer_to_a_file_that_had_ended_is_heard(log, tmp_path):
    write(log, "one\n")
    reader = Reader(log, start="beginning")
    reader.read(1.0)
    os.rename(log, tmp_path / "app.log.1")
    reader.read(2.0)
    reader.read(2.0 + QUIET)
    write(tmp_path / "app.log.1", "late\n")

    assert ["late"] == reader.read(100.0)
    assert [] == reader.read(100.0)
    saved = reader.saved()
    write(tmp_path / "app.log.1", "later\n")
    assert ["later"] == Reader(log, saved=saved).read()


# --- packed while nobody looked ---------------------------------------------------------------------


@pytest.mark.parametrize(("pack", "end"), [(gzip.compress, "gz"), (lzma.compress, "xz"), (bz2.compress, "bz2")])
def test_a_file_that_was_rotated_and_packed_is_finished_before_its_successor(log, tmp_path, pack, end):
    write(log, FIRST)
    first = Reader(log, start="beginning")
    first.read()
    saved = first.saved()
    (tmp_path / f"app.log.1.{end}").write_bytes(pack((FIRST + REST).encode()))
    log.unlink()
    write(log, "new\n")

    reader = Reader(f"{log}*", saved=saved)
    assert [*lines(REST), "new"] == reader.read()
    assert [len(FIRST)] == [at for _, at, text, _ in reader.lines if text == "rest 0"]
    assert 0 == balance(reader.tail)
    assert [] == reader.read(9.0)
    assert not reader.told


def test_members_one_after_the_other_are_one_file(log, tmp_path):
    write(log, FIRST)
    first = Reader(log, start="beginning")
    first.read()
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(FIRST.encode()) + gzip.compress(REST.encode()))
    log.unlink()

    assert lines(REST) == Reader(log, saved=first.saved()).read()


def test_a_restart_in_the_middle_of_a_packed_file_goes_on_there(log, tmp_path):
    write(log, FIRST)
    first = Reader(log, start="beginning")
    first.read()
    saved = first.saved()
    text = "".join(f"{n:07d}\n" for n in range(200_000))
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress((FIRST + text).encode(), 1))
    log.unlink()
    second = Reader(log, saved=saved)
    second.tail.look(1.0, None)
    for _ in range(6):
        head = second.tail.head()
        head.read(1.0, head.next)
    so_far = [text for _, _, text, _ in second.lines]
    assert 0 < len(so_far) < 200_000

    assert lines(text) == so_far + Reader(log, saved={**saved, **second.saved()}).read()


def test_of_a_damaged_file_what_stands_before_the_damage_is_read_and_the_rest_is_lost(log, tmp_path):
    write(log, FIRST)
    first = Reader(log, start="beginning")
    first.read()
    write(log, REST)
    first.tail.look(1.0, None)
    saved = first.saved()
    packed = gzip.compress((FIRST + REST[:1000]).encode()) + gzip.compress(REST[1000:].encode())[:12]
    (tmp_path / "app.log.1.gz").write_bytes(packed)
    log.unlink()
    write(log, "new\n")

    reader = Reader(log, saved=saved)
    got = reader.read()
    assert lines(REST[:1000])[:-1] == got[:-1]
    assert "new" == got[-1]
    assert not lost(reader), "it may still be being written"
    reader.read(2 + QUIET)
    assert 1 == len(lost(reader))
    assert len(REST) - 1000 == reader.tail.counts["bytes_lost.damaged"]
    assert 0 == balance(reader.tail)


def test_a_file_that_is_still_being_packed_is_waited_for(log, tmp_path):
    write(log, FIRST)
    first = Reader(log, start="beginning")
    first.read()
    packed = gzip.compress((FIRST + REST).encode())
    write(tmp_path / "app.log.1.gz", packed[:-200])
    log.unlink()

    reader = Reader(log, saved=first.saved())
    before = reader.read()
    write(tmp_path / "app.log.1.gz", packed[-200:])
    assert lines(REST) == before + reader.read(3.0)
    assert not reader.told


def test_a_packed_file_that_only_begins_alike_is_not_it(log, tmp_path):
    head = "x" * 2000 + "\n"
    write(log, head + "ours\n")
    first = Reader(log, start="beginning")
    first.read()
    log.unlink()
    (tmp_path / "app.log.2.gz").write_bytes(gzip.compress(f"{head}ours\nmore\n".encode()))
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(f"{head}theirs\nmore of theirs\n".encode()))

    assert ["more"] == Reader(log, saved=first.saved()).read()


def test_where_it_is_not_there_any_more_what_was_known_of_it_is_lost(log, tmp_path):
    write(log, FIRST)
    first = Reader(log, start="beginning")
    first.read()
    write(log, REST)
    first.tail.look(1.0, None)
    saved = first.saved()
    log.unlink()
    write(log, "new\n")

    reader = Reader(log, saved=saved)
    assert ["new"] == reader.read()
    assert 1 == len(lost(reader))
    assert len(REST) == reader.tail.counts["bytes_lost.gone"]
    assert 0 == balance(reader.tail)


def test_a_number_that_is_used_again_is_another_file_though_its_first_line_is_the_same(log, tmp_path):
    write(log, "banner\n")
    first = Reader(log, start="beginning")
    first.read()
    saved = first.saved()
    (ino, gen), = ((one["ino"], one["gen"]) for one in saved.values())
    first.tail.close()
    log.unlink()
    write(log, "banner\nnew\n")
    if os.stat(log).st_ino != ino or gen is None:
        pytest.skip("this file system does not use a number again at once, or has no generations")

    assert ["banner", "new"] == Reader(log, saved=saved).read()


# --- descriptors ------------------------------------------------------------------------------------


@pytest.fixture
def few():
    """So few descriptors that only some files can be open at a time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = max(map(int, os.listdir("/proc/self/fd"))) + 72
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    yield limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_files_than_descriptors_are_each_read_once(tmp_path, few):
    for n in range(200):
        write(tmp_path / f"{n}.log", f"{n}\n")
    reader = Reader(tmp_path / "*.log", start="beginning")

    assert sorted(map(str, range(200))) == sorted(reader.read())
    assert len(os.listdir("/proc/self/fd")) < few
    for n in range(200):
        write(tmp_path / f"{n}.log", f"{n}, later\n")
    os.rename(tmp_path / "7.log", tmp_path / "7.log.1")
    assert sorted(f"{n}, later" for n in range(200)) == sorted(reader.read())
    assert not reader.told
    reader.tail.close()


def test_a_file_that_was_swapped_while_it_was_closed_is_not_taken_for_itself(tmp_path, few):
    for n in range(200):
        write(tmp_path / f"{n}.log", f"{n}\n")
    reader = Reader(tmp_path / "*.log", start="beginning")
    reader.read()
    os.rename(tmp_path / "0.log", tmp_path / "elsewhere")
    write(tmp_path / "0.log", "another 0\n")

    assert ["another 0"] == reader.read()
    write(tmp_path / "elsewhere", "late\n")
    assert ["late"] == reader.read(2.0)
    reader.tail.close()


def test_a_file_that_no_path_leads_to_is_read_through_the_descriptor_that_was_kept(log):
    write(log, FIRST)
    first = Reader(log, start="beginning")
    first.read()
    saved = first.saved()
    write(log, REST)
    kept = {key: os.dup(fd) for key, fd in first.tail.descriptors() if fd is not None}
    first.tail.close()
    log.unlink()
    write(log, "new\n")

    assert list(saved) == list(kept)
    assert [*lines(REST), "new"] == Reader(log, saved=saved, inherited=kept).read()


def test_a_descriptor_is_handed_over_once_and_taken_back_when_its_file_has_ended(log, tmp_path):
    write(log, FIRST)
    reader = Reader(log, start="beginning")
    (key, fd), = reader.tail.descriptors()
    assert os.fstat(fd).st_ino == os.stat(log).st_ino
    assert [] == list(reader.tail.descriptors())
    reader.read(1.0)
    os.rename(log, tmp_path / "app.log.1")
    reader.read(2.0)
    reader.read(2.0 + QUIET)
    assert [(key, None)] == list(reader.tail.descriptors())


@pytest.mark.parametrize(("damage", "lost_bytes"), [
    (lambda packed: packed[:-8] + bytes(4) + packed[-4:], 0), (lambda packed: packed[:-100] + bytes(100), None),
    (lambda packed: packed + b"padding", 0)], ids=["checksum", "tail", "behind"])
def test_how_much_is_lost_of_a_damaged_file_its_end_tells(log, tmp_path, damage, lost_bytes):
    write(log, FIRST)
    first = Reader(log, start="beginning")
    first.read()
    saved = first.saved()
    text = FIRST + "".join(f"{n * n} {n}\n" for n in range(40_000))
    (tmp_path / "app.log.1.gz").write_bytes(damage(gzip.compress(text.encode())))
    log.unlink()

    reader = Reader(log, saved=saved)
    reader.read(1.0)
    reader.read(2.0 + QUIET)
    if lost_bytes is None:
        assert 1 == len(lost(reader))
        assert 0 < reader.tail.counts["bytes_lost"] == reader.tail.counts["bytes_lost.damaged"]
    else:
        assert (len(text) - len(FIRST), lost_bytes) == (reader.tail.counts["bytes"], reader.tail.counts["bytes_lost"])
    assert 0 == balance(reader.tail)


@pytest.mark.parametrize("names", [("app-1.log", "app-2.log"), ("app.log", "app.log.1"),
                                   ("app.log", "app-20261125.log")])
def test_logs_that_begin_alike_are_each_read(tmp_path, names):
    one, two = (tmp_path / name for name in names)
    write(one, "banner\none\n")
    reader = Reader(tmp_path / "app*", start="beginning")
    reader.read()
    write(two, "banner\n")
    reader.read(9.0)
    write(two, "two\n")
    reader.read(99.0)
    reader.read(200.0)

    assert ["banner", "two"] == [text for name, _, text, _ in reader.lines if name == names[1]]
    assert 0 == balance(reader.tail)


def test_a_long_hole_in_a_packed_file_is_passed_over(log, tmp_path):
    write(log, FIRST)
    first = Reader(log, start="beginning")
    first.read()
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(FIRST.encode() + bytes(9 << 20) + REST.encode()))
    log.unlink()
    write(log, "new\n")

    reader = Reader(log, saved=first.saved())
    assert [*lines(REST), "new"] == reader.read()
    assert (9 << 20, 0) == (reader.tail.counts["skipped"], balance(reader.tail))


# --- texts that begin alike, names that move --------------------------------------------------------


BANNER = "#Version: 1\n"
GETS = "GET /\n" * 100


@pytest.mark.parametrize("glob", ["app.log", "app.log*"])
def test_a_missed_file_that_begins_like_a_known_one_is_read(log, tmp_path, glob):
    write(log, BANNER)
    reader = Reader(tmp_path / glob, start="beginning")
    reader.read()
    os.rename(log, tmp_path / "app.log.2")
    write(log, BANNER + GETS)
    os.rename(log, tmp_path / "app.log.1")
    write(log, BANNER)

    assert 100 == (reader.read(2.0) + reader.read(9.0)).count("GET /")
    assert 0 == balance(reader.tail)


def test_what_was_written_late_and_then_packed_is_read_from_there(log, tmp_path):
    write(log, "one\n" * 50)
    reader = Reader(log, start="beginning")
    reader.read()
    os.rename(log, tmp_path / "app.log.1")
    write(log, "new\n")
    reader.read(2.0)
    reader.read(3.0 + QUIET)
    reader.read(4.0 + QUIET)
    write(tmp_path / "app.log.1", "late\n" * 20)
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress((tmp_path / "app.log.1").read_bytes()))
    (tmp_path / "app.log.1").unlink()

    assert ["late"] * 20 == reader.read(70.0) + reader.read(80.0)


def test_a_copy_between_two_truncations_is_not_compared_with_the_text_of_now(log, tmp_path):
    write(log, "one\n" * 5)
    reader = Reader(log, start="beginning")
    reader.read()
    shutil.copy(log, tmp_path / "app.log.2")
    os.truncate(log, 0)
    write(log, "started\n" * 3)
    shutil.copy(log, tmp_path / "app.log.1")
    os.truncate(log, 0)
    write(log, "started\n" * 3 + "more\n")

    assert 6 == (reader.read(2.0) + reader.read(9.0)).count("started")


def test_a_log_that_was_away_at_the_stop_and_came_and_went_is_read(log, tmp_path):
    write(log, "one\n")
    first = Reader(log, start="beginning")
    first.read()
    first.saved()
    log.unlink()
    first.read(2.0)
    first.read(3.0 + REMOVED)
    saved = first.saved()
    write(log, "two\n")
    os.rename(log, tmp_path / "app.log.1")
    write(log, "three\n")

    assert ["two", "three"] == Reader(log, saved=saved).read()


def test_a_file_that_the_packer_has_only_just_made_is_no_lines(log, tmp_path):
    write(log, FIRST)
    reader = Reader(log, start="beginning")
    reader.read()
    write(log, REST)
    os.rename(log, tmp_path / "app.log.1")
    (tmp_path / "app.log.1.gz").touch()  # no header yet
    write(log, "new\n")

    got = reader.read(2.0)
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress((FIRST + REST).encode()))
    (tmp_path / "app.log.1").unlink()
    assert [*lines(REST), "new"] == got + reader.read(9.0) + reader.read(99.0)
    assert not reader.told
    assert 0 == balance(reader.tail)


def test_a_packed_file_that_may_not_be_read_yet_is_waited_for(log, tmp_path, monkeypatch):
    write(log, FIRST)
    first = Reader(log, start="beginning")
    first.read()
    packed = tmp_path / "app.log.1.gz"
    packed.write_bytes(gzip.compress((FIRST + REST).encode()))
    log.unlink()
    write(log, "new\n")
    closed, really = [str(packed)], os.open

    def refuse(path, *given, **more):
        if path in closed:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return really(path, *given, **more)

    monkeypatch.setattr(os, "open", refuse)
    reader = Reader(log, saved=first.saved())
    assert ["new"] == reader.read(2.0)
    assert ["unreadable"] == [kind for kind, _ in reader.told]
    closed.clear()
    assert lines(REST) == reader.read(9.0)


def test_a_removed_file_with_a_slow_writer_is_read_on(log):
    with open(log, "ab", buffering=0) as out:
        out.write(b"one\n")
        reader = Reader(log, start="beginning")
        reader.read(1.0)
        log.unlink()
        reader.read(2.0)
        reader.read(3.0 + QUIET)
        out.write(b"two\n")

        assert ["two"] == reader.read(9.0 + QUIET)
        reader.tail.clock_was_set(86400.0)
        reader.read(10.0 + QUIET + 86400.0)
        out.write(b"three\n")
        assert ["three"] == reader.read(11.0 + QUIET + 86400.0)


def test_a_folder_that_cannot_be_entered_costs_one_look_at_all(tmp_path, monkeypatch):
    for n in range(50):
        write(tmp_path / f"{n}.log", f"{n}\n")
    reader = Reader(tmp_path / "*.log", start="beginning")
    reader.read()
    looks, look = [], reader.tail._look_everywhere
    monkeypatch.setattr(reader.tail, "_look_everywhere", lambda now: (looks.append(now), look(now)))
    for n in range(50):
        (tmp_path / f"{n}.log").unlink()

    reader.tail.glance(2.0)

    assert [2.0] == looks


def test_a_missed_text_that_begins_like_a_packed_one_is_read_as_it_is(log, tmp_path):
    write(log, "one\n")
    reader = Reader(log, start="beginning")
    reader.read()
    os.rename(log, tmp_path / "app.log.2")
    write(log, "BZh is how a line may begin\n")
    os.rename(log, tmp_path / "app.log.1")
    write(log, "three\n")

    assert ["BZh is how a line may begin", "three"] == reader.read(2.0)


@pytest.mark.parametrize("glob", ["app.log", "app.log*"])
def test_what_is_rotated_away_during_a_look_is_not_taken_for_known(log, tmp_path, monkeypatch, glob):
    write(log, "one\n")
    reader = Reader(tmp_path / glob, start="beginning")
    assert ["one"] == reader.read()
    find = reader.tail._find

    def find_and_rotate():
        found = find()
        monkeypatch.setattr(reader.tail, "_find", find)
        os.rename(log, tmp_path / "app.log-20261110")
        write(log, "two\n")
        os.rename(log, tmp_path / "app.log-20261111")
        write(log, "three\n")
        return found

    monkeypatch.setattr(reader.tail, "_find", find_and_rotate)
    got = reader.read(2.0) + reader.read(9.0) + reader.read(19.0)

    assert ["two", "three"] == got
    assert 0 == balance(reader.tail)


def test_a_packed_file_that_a_glob_found_first_is_accounted_for_once(log, tmp_path):
    write(log, FIRST)
    first = Reader(f"{log}*", start="beginning")
    first.read()
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress((FIRST + REST).encode()))
    log.unlink()
    first.tail.look(2.0, None)  # found, and not read yet
    again = Reader(f"{log}*", saved=first.saved())

    again.read(3.0)
    assert 0 == balance(again.tail)
