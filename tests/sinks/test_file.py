import os

import pytest

from corowatch.core.coroutine import finish
from corowatch.core.errors import Undelivered
from corowatch.core.events import Alert
from corowatch.sinks.file import file


def alert(id_, title="x"):
    return Alert(id=id_, flow="f", node="alert", title=title, severity="error", at="2026-11-22T10:00:00+00:00")


def line(id_, title="x"):
    return alert(id_, title).as_json() + b"\n"


def test_each_alert_is_a_line_of_json(tmp_path):
    path = tmp_path / "alerts.jsonl"
    sink = file(path=str(path))

    for n in "12":
        sink.send(alert(n))
    finish(sink)

    assert line("1") + line("2") == path.read_bytes()


def test_a_rotated_file_is_opened_anew(tmp_path):
    path = tmp_path / "alerts.jsonl"
    sink = file(path=str(path))
    sink.send(alert("1"))
    os.rename(path, tmp_path / "old")

    sink.send(alert("2"))

    assert line("1") == (tmp_path / "old").read_bytes()
    assert line("2") == path.read_bytes()


@pytest.mark.parametrize("before", [b"", line("0"), line("0") + line("00")])
@pytest.mark.parametrize("there", range(0, len(line("1")) + 1, 7))
def test_a_line_torn_by_a_crash_is_finished_in_place(tmp_path, before, there):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(before + line("1")[:there])

    file(path=str(path)).send(alert("1"))

    assert before + line("1") == path.read_bytes()


@pytest.mark.parametrize("before", [b"", line("0")])
def test_a_line_that_was_written_whole_before_the_crash_is_not_written_again(tmp_path, before):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(before + line("1"))
    sink = file(path=str(path))

    sink.send(alert("1"))
    sink.send(alert("2"))

    assert before + line("1") + line("2") == path.read_bytes()


@pytest.mark.parametrize("torn", [b"torn by others", b"x" * 500])
def test_what_is_torn_and_not_ours_is_left_and_a_new_line_begun(tmp_path, torn):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(line("0") + torn)

    file(path=str(path)).send(alert("1"))

    assert line("0") + torn + b"\n" + line("1") == path.read_bytes()


def test_a_folder_that_is_not_there_is_the_worlds_fault_and_may_come(tmp_path):
    sink = file(path=str(tmp_path / "no" / "alerts.jsonl"))

    with pytest.raises(Undelivered, match="alerts.jsonl: No such file or directory") as failed:
        sink.send(alert("1"))

    assert not failed.value.permanent
