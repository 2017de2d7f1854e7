"""Files that are there, and lines that somebody wrote, in place of a source."""

import gzip
import lzma
import os

import pytest

from corowatch.rules.logs import Logs, source_of_lines
from corowatch.rules.rehearsal import Rehearsal

STAMPED = "2026-03-02 08:00:0{} line {}\n"


@pytest.fixture
def replayed(config):
    """The titles and times of all lines of some files, and what was told of these."""

    def replayed(*paths, options="", flow="grep: line", alert="{title: '{text}'}", **given):
        text = f"flows:\n  a:\n    tail: {{paths: '/x/*.log'{options}}}\n    {flow}\n    alert: {alert}\n"
        alerts, told = [], []
        rehearsal = Rehearsal([(config(text), alerts.append)], lambda feed: Logs(
            feed, list(map(str, paths)), lambda kind, text, **fields: told.append((kind, text)), **given))
        rehearsal.run()
        return alerts, told

    return replayed


def texts(alerts):
    return [alert.events[-1]["text"] for alert in alerts]


def test_plain_and_packed_files_are_merged_by_the_time_of_their_lines(replayed, tmp_path):
    (tmp_path / "a.log").write_text(STAMPED.format(1, "a") + STAMPED.format(5, "a"))
    (tmp_path / "b.log.gz").write_bytes(gzip.compress((STAMPED.format(3, "b") + STAMPED.format(8, "b")).encode()))
    (tmp_path / "c.log.xz").write_bytes(lzma.compress(STAMPED.format(7, "c").encode()))

    alerts, told = replayed(*(tmp_path / name for name in ("c.log.xz", "b.log.gz", "a.log")))

    assert (["1 line a", "3 line b", "5 line a", "7 line c", "8 line b"], []) == (
        [text[18:] for text in texts(alerts)], told)


def test_lines_without_a_time_count_as_of_their_file_s_last_write(replayed, tmp_path):
    (tmp_path / "a.log").write_text("line\n")
    os.utime(tmp_path / "a.log", (1_772_438_400,) * 2)

    assert ["2026-03-02T08:00:00.000000+00:00"] == [alert.at for alert in replayed(tmp_path / "a.log")[0]]


def test_a_last_line_without_its_newline_is_a_line(replayed, tmp_path):
    (tmp_path / "a.log").write_text("line 1\nline 2")

    assert ["line 1", "line 2"] == texts(replayed(tmp_path / "a.log")[0])


def test_of_a_file_that_breaks_off_what_is_before_that_is_read(replayed, tmp_path):
    data = gzip.compress("".join(f"line {n} {os.urandom(20).hex()}\n" for n in range(20_000)).encode())
    (tmp_path / "a.log.gz").write_bytes(data[:len(data) // 2])

    alerts, told = replayed(tmp_path / "a.log.gz")

    assert 5_000 < len(alerts) < 15_000
    assert [("unreadable", True)] == [(kind, "a.log.gz: it breaks off after" in text) for kind, text in told]


@pytest.mark.parametrize(("make", "why"), [
    (lambda path: None, "No such file or directory"),
    (lambda path: path.mkdir(), "no regular file"),
    (lambda path: path.write_bytes(gzip.compress(gzip.compress(b"line\n"))), "unpacked"),
])
def test_what_cannot_be_read_is_told_and_the_rest_goes_on(replayed, tmp_path, make, why):
    make(tmp_path / "a.log")
    (tmp_path / "b.log").write_text("line\n")

    alerts, told = replayed(tmp_path / "a.log", tmp_path / "b.log")

    assert ["line"] == texts(alerts)
    assert why == "unpacked" or [f"{tmp_path}/a.log: {why}"] == [text.replace("it is ", "") for _, text in told]


@pytest.mark.parametrize("data", [b"", b"\0" * 5000, os.urandom(5000)], ids=["empty", "nul", "random"])
def test_a_file_that_is_no_log_does_no_harm(replayed, tmp_path, data):
    (tmp_path / "a.log").write_bytes(data)
    (tmp_path / "b.log").write_text("line\n")

    assert ["line"] == texts(replayed(tmp_path / "a.log", tmp_path / "b.log")[0])


def test_the_lines_around_an_alert_s_own_are_told(replayed, tmp_path):
    (tmp_path / "a.log").write_text("one\ntwo\nline\nfour\nfive\n")

    (alert,) = replayed(tmp_path / "a.log", alert="{before: 1, after: 5}")[0]

    assert (["two"], ["four", "five"]) == (alert.before, alert.after)


def test_records_of_several_lines_are_one_event_the_last_too(replayed, tmp_path):
    (tmp_path / "a.log").write_text("line 1\n more\nline 2\n more\n")

    assert ["line 1\n more", "line 2\n more"] == texts(replayed(tmp_path / "a.log", options=", multiline: indent")[0])


def test_how_far_it_is_is_told_in_the_bytes_of_the_files(config, tmp_path):
    plain, packed = b"line\n" * 100_000, gzip.compress(os.urandom(200_000))
    (tmp_path / "a.log").write_bytes(plain)
    (tmp_path / "b.log.gz").write_bytes(packed)
    text = "flows: {a: {tail: '/x/*.log', grep: x, alert: console}}"
    logs = []

    def open_(feed):
        logs.append(Logs(feed, [str(tmp_path / "a.log"), str(tmp_path / "b.log.gz")], lambda *told, **fields: None))
        return logs[0]

    rehearsal = Rehearsal([(config(text), lambda alert: None)], open_)
    seen = [logs[0].progress]
    while rehearsal.step():
        seen.append(logs[0].progress)

    assert (len(plain) + len(packed), sorted(seen)) == (logs[0].total, seen)
    assert logs[0].total == seen[-1]
    rehearsal.close()


def test_lines_that_tell_their_time_come_then_and_others_with_the_one_before(config):
    text = "flows: {a: {tail: '/x/a.log', grep: line, alert: {title: '{at}'}}}"
    alerts = []
    given = [(0.0, text, {}) for text in ("2026-03-02 08:00:00 line", "line", "2026-03-02 07:59:59 line",
                                          "2026-03-02 08:00:07 line")]
    Rehearsal([(config(text), alerts.append)], lambda feed: source_of_lines(feed, given, 5.0, 1_780_000_000.0)).run()

    assert ["08:00:00", "08:00:00", "07:59:59", "08:00:07"] == [alert.at[11:19] for alert in alerts]


def test_lines_of_the_journal_are_events_with_their_fields(config):
    text = "flows: {a: {journal: {}, grep: line, alert: {title: '{_SYSTEMD_UNIT} {text}', before: 1, after: 1}}}"
    alerts = []
    given = [(0.0, "one", {}), (1.0, "line", {"_SYSTEMD_UNIT": "ssh.service"}), (2.0, "three", {})]
    Rehearsal([(config(text), alerts.append)], lambda feed: source_of_lines(feed, given, 100.0, None)).run()

    assert [("ssh.service line", "1970-01-01T00:01:41.000000+00:00", ["one"], ["three"])] == [
        (alert.title, alert.at, alert.before, alert.after) for alert in alerts]
