import os
import resource

import pytest

from corowatch.core.coroutine import finish
from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert, Delivery
from corowatch.sinks.file import TAIL, file


def alert(id_, title="x"):
    return Alert(id=id_, flow="f", node="alert", title=title, severity="error", at="2026-11-22T10:00:00+00:00")


def line(id_, title="x"):
    return alert(id_, title).as_json() + b"\n"


def test_each_alert_is_a_line_of_json(tmp_path):
    path = tmp_path / "alerts.jsonl"
    sink = file(path=str(path))

    for n in "12":
        sink.send((alert(n),))
    finish(sink)

    assert line("1") + line("2") == path.read_bytes()


def test_a_rotated_file_is_opened_anew(tmp_path):
    path = tmp_path / "alerts.jsonl"
    sink = file(path=str(path))
    sink.send((alert("1"),))
    os.rename(path, tmp_path / "old")

    sink.send((alert("2"),))

    assert line("1") == (tmp_path / "old").read_bytes()
    assert line("2") == path.read_bytes()


@pytest.mark.parametrize("before", [b"", line("0"), line("0") + line("00")])
@pytest.mark.parametrize("there", range(0, len(line("1")) + 1, 7))
def test_a_line_torn_by_a_crash_is_finished_in_place(tmp_path, before, there):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(before + line("1")[:there])

    file(path=str(path)).send((alert("1"),))

    assert before + line("1") == path.read_bytes()


@pytest.mark.parametrize("before", [b"", line("0")])
def test_a_line_that_was_written_whole_before_the_crash_is_not_written_again(tmp_path, before):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(before + line("1"))
    sink = file(path=str(path))

    sink.send((alert("1"),))
    sink.send((alert("2"),))

    assert before + line("1") + line("2") == path.read_bytes()


@pytest.mark.parametrize("torn", [b"torn by others", b"x" * 500])
def test_what_is_torn_and_not_ours_is_left_and_a_new_line_begun(tmp_path, torn):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(line("0") + torn)

    file(path=str(path)).send((alert("1"),))

    assert line("0") + torn + b"\n" + line("1") == path.read_bytes()


BATCH = tuple(alert(str(n), title="x" * n) for n in range(6))
LINES = [line(str(n), title="x" * n) for n in range(6)]


@pytest.mark.parametrize("before", [b"", line("0"), b"torn by others\n"])
@pytest.mark.parametrize("there", range(0, len(b"".join(LINES)) + 1, 61))
def test_a_batch_torn_by_a_crash_is_finished_and_none_of_it_is_written_twice(tmp_path, before, there):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(before + b"".join(LINES)[:there])

    file(path=str(path)).send(BATCH)

    assert before + b"".join(LINES) == path.read_bytes()


def test_after_a_crash_the_rows_may_come_in_another_order_and_in_parts(tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b"".join(LINES[:3]) + LINES[3][:-9])
    sink = file(path=str(path))

    sink.send((BATCH[5], BATCH[3], BATCH[1]))
    sink.send((BATCH[4], BATCH[2], BATCH[0]))

    assert b"".join([*LINES[:4], LINES[5], LINES[4]]) == path.read_bytes()


def test_what_is_all_there_is_left_as_it_is(tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b"".join(LINES) + b"torn by others")

    file(path=str(path)).send(BATCH)

    assert b"".join(LINES) + b"torn by others" == path.read_bytes()


def test_only_the_end_of_a_long_file_is_looked_at(tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(LINES[0] + b"x" * TAIL + b"\n" + LINES[1] + LINES[2][:30])

    file(path=str(path)).send(BATCH[:3])

    assert LINES[1] + LINES[2] + LINES[0] == path.read_bytes()[len(LINES[0]) + TAIL + 1:]


@pytest.fixture
def limit():
    """Let no file grow beyond this: a full disk for everybody."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_where_a_disk_is_full_nothing_torn_is_left(tmp_path, limit):
    path = tmp_path / "alerts.jsonl"
    sink = file(path=str(path))
    sink.send(BATCH[:1])

    limit(len(LINES[0] + LINES[1]) + 30)
    with pytest.raises(Undelivered, match="alerts.jsonl: File too large") as failed:
        sink.send(BATCH[1:])
    left = path.read_bytes()
    limit(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    file(path=str(path)).send(BATCH[1:])

    assert LINES[0] == left
    assert not failed.value.permanent
    assert b"".join(LINES) == path.read_bytes()


def test_a_folder_that_is_not_there_is_made(tmp_path):
    path = tmp_path / "a" / "b" / "alerts.jsonl"

    file(path=str(path)).send(BATCH[:1])

    assert LINES[0] == path.read_bytes()
    assert 0 == path.parent.stat().st_mode & 0o007
    assert 0 == path.stat().st_mode & 0o137


def test_a_folder_that_cannot_be_made_is_the_worlds_fault_and_may_come(tmp_path):
    (tmp_path / "no").touch()
    sink = file(path=str(tmp_path / "no" / "alerts.jsonl"))

    with pytest.raises(Undelivered, match=r"alerts.jsonl: Not a directory") as failed:
        sink.send((alert("1"),))

    assert not failed.value.permanent


def test_it_tells_where_an_alert_stands(tmp_path):
    path, delivery = tmp_path / "alerts.jsonl", Delivery()
    sink = file(path=str(path), delivery=delivery)
    sink.send(BATCH[:1])

    sink.send(BATCH[1:])

    assert f"{path}, offset {len(LINES[0])}" == delivery.said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes for others")
def test_what_root_makes_in_a_folder_of_anothers_is_theirs_and_no_link_leads_it_elsewhere(tmp_path):
    os.chown(tmp_path, 65534, 65534)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    file(path=str(tmp_path / "a.jsonl")).send((alert("1"),))
    with pytest.raises(Undelivered):
        file(path=str(tmp_path / "link")).send((alert("1"),))

    assert (65534, 65534) == ((tmp_path / "a.jsonl").stat().st_uid, (tmp_path / "a.jsonl").stat().st_gid)
    assert not (tmp_path / "elsewhere").exists()
