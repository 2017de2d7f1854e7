"""Configs over old logs: alerts, counts, and what could not be read."""

import bz2
import gzip
import io
import lzma
import os
from pathlib import Path

import pytest
import zstandard

from corowatch.core.events import Alert, rfc3339
from corowatch.core.verdict import when
from corowatch.rules.comparing import compare
from corowatch.rules.replaying import replay, replay_all, spooled
from corowatch.rules.summaries import counted
from corowatch.rules.timeline import picture, timeline

T = 1_772_438_400.0  # 2026-03-02 08:00 UTC
CONFIG = "flows: {{a: {{tail: '/var/log/*.log', grep: {}, alert: {{title: '{{text}}'}}}}}}"
ROWS = "".join(f"2026-03-02 08:00:{n:02} ERROR {n}\n" for n in range(10)).encode()
PACKERS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress,
           ".zst": zstandard.ZstdCompressor().compress}


def own(after, state="firing"):
    return Alert(id=str(after), flow="a", node="alert", title="full", severity="error", at=rfc3339(T + after),
                 state=state)


def summary(after, held):
    return Alert(id=str(after), flow="a", node="alert", title="full", severity="error", at=rfc3339(T + after),
                 fields={"held": held})


def titles(outcome):
    return [alert.title[20:] for alert in outcome.alerts]


@pytest.mark.parametrize("ending", PACKERS)
def test_logs_are_read_plain_and_packed(config, tmp_path, ending):
    (tmp_path / f"a.log{ending}").write_bytes(PACKERS[ending](ROWS))

    outcome = replay(config(CONFIG.format("ERROR")), [str(tmp_path / f"a.log{ending}")])

    assert ([f"ERROR {n}" for n in range(10)], 10, []) == (titles(outcome), outcome.lines, outcome.notes)
    assert (T, T + 9) == (outcome.began, outcome.ended)
    assert {"matched": 10, "failed": 0} == dict(outcome.counts["a.grep"])


def test_a_log_that_is_named_twice_is_read_once(config, tmp_path):
    (tmp_path / "a.log").write_bytes(ROWS)
    (tmp_path / "b.log").symlink_to("a.log")

    outcome = replay(config(CONFIG.format("ERROR")), [str(tmp_path / name) for name in ("a.log", "b.log")])

    assert 10 == len(outcome.alerts)


def test_a_line_that_several_sources_read_counts_once(config, tmp_path):
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_bytes(ROWS)
    loaded = config("""flows:
      a: {tail: a.log, grep: ERROR, alert: {title: '{text}'}}
      b: {tail: {paths: a.log, zone: UTC}, grep: ERROR, alert: {title: '{text}'}}
      c: {tail: {paths: ['*.log'], timestamp: '%Y-%m-%d %H:%M:%S'}, grep: ERROR, alert: {title: '{text}'}}""")
    other = config("flows: {a: {tail: {paths: a.log, zone: Asia/Tokyo}, grep: ERROR, alert: {title: '{text}'}}}")

    both = replay_all([loaded, other], [str(tmp_path / name) for name in ("a.log", "b.log")])

    assert [(20, 40), (20, 20)] == [(outcome.lines, len(outcome.alerts)) for outcome in both]


def test_entries_of_the_journal_count_as_lines_do(config, tmp_path):
    entry = b"__CURSOR=c\n__REALTIME_TIMESTAMP=1772438400000000\n_SYSTEMD_UNIT=%s\nMESSAGE=hello\n\n"
    (tmp_path / "j.export").write_bytes(b"".join(entry % unit for unit in (b"x", b"y", b"y")))
    loaded = config("""flows:
      all: {journal: {}, grep: hello, alert: {title: x}}
      some: {journal: x, grep: hello, alert: {title: x}}
      late: {tail: a.log, grep: x, alert: console}""")

    outcome = replay(loaded, [str(tmp_path / "j.export")])

    assert (3, 4) == (outcome.lines, len(outcome.alerts))


def test_alerts_stand_in_the_order_of_their_times(config, tmp_path):
    (tmp_path / "a.log").write_bytes(b"".join(reversed(ROWS.splitlines(keepends=True))))

    outcome = replay(config(CONFIG.format("ERROR")), [str(tmp_path / "a.log")])

    assert [f"ERROR {n}" for n in range(10)] == titles(outcome)


def test_several_logs_are_merged_though_each_is_of_another_zone(config, tmp_path):
    loaded = config("""flows:
      a: {tail: {paths: a.log, zone: Asia/Tokyo}, grep: ERROR, alert: {title: '{text}'}}
      b: {tail: {paths: b.log, zone: America/New_York}, grep: ERROR, alert: {title: '{text}'}}""")
    (tmp_path / "a.log").write_text("2026-03-02 17:00:00 ERROR 1\n2026-03-02 17:00:20 ERROR 3\n")
    (tmp_path / "b.log").write_text("2026-03-02 03:00:10 ERROR 2\n2026-03-02 08:00:30Z ERROR 4\n")

    outcome = replay(loaded, [str(tmp_path / "a.log"), str(tmp_path / "b.log")])

    assert [(rfc3339(T + 10 * number), str(number + 1)) for number in range(4)] == [
        (alert.at, alert.title[-1]) for alert in outcome.alerts]


def test_what_cannot_be_read_and_what_nobody_reads_is_told(config, tmp_path):
    (tmp_path / "a.log").write_bytes(ROWS)
    (tmp_path / "b.log.gz").write_bytes(b"\x1f\x8b\x08")
    journal = config("flows: {a: {journal: {}, grep: x, alert: console}}")

    assert [f"{tmp_path}/c.log: No such file or directory"] == replay(
        config(CONFIG.format("x")), [str(tmp_path / "a.log"), str(tmp_path / "c.log")]).notes
    assert [f"{tmp_path}/a.log: no source of the config reads it",
            "a.journal: the journal is not among the files; journalctl -o export writes it"] == replay(
        journal, [str(tmp_path / "a.log")]).notes
    notes = replay(config(CONFIG.format("x")), [str(tmp_path / "a.log"), str(tmp_path / "b.log.gz")]).notes
    assert ["b.log.gz" in note for note in notes] == [True]


@pytest.mark.parametrize(("make", "why"), [
    (lambda data: b"", "it is empty"), (lambda data: b"\0" + data, "it is no text: there are NUL bytes"),
    (lambda data: gzip.compress(data)[:-20], "it breaks off after 13 bytes of its text: Compressed file ended before"),
    (lambda data: bz2.compress(data)[:-20], "it breaks off after 0 bytes of its text: Compressed file ended before"),
    (lambda data: lzma.compress(data)[:-60], "it breaks off after 0 bytes of its text: Compressed file ended before"),
    (lambda data: gzip.compress(data)[:10] + b"\7" * 40, "it breaks off after 0 bytes of its text: Error -3"),
    (lambda data: gzip.compress(b"__CURSOR=1\n" * 999)[:-9], "Compressed file ended before"),
    (lambda data: b'{"__REALTIME_TIMESTAMP": "now"}\n', "an entry does not tell its time"),
])
def test_what_is_damaged_is_told_and_the_others_are_read(config, tmp_path, make, why):
    loaded = config("flows: {a: {tail: '*.log', grep: ERROR, alert: }, b: {journal: , grep: ERROR, alert: }}")
    (tmp_path / "b.log").write_text("2026-03-02 08:00:00 ERROR\n")
    (tmp_path / "a.log").write_bytes(make(b"2026-03-02 08:00:00 no\n" * 2))

    outcome = replay(loaded, [str(tmp_path / "a.log"), str(tmp_path / "b.log")])

    note = next(note for note in outcome.notes if "journal is not among" not in note)
    assert note.startswith(f"{tmp_path}/a.log: {why}")
    assert 1 == len(outcome.alerts)


def test_how_far_it_is_is_told_and_at_last_that_it_is_over(config, tmp_path, monkeypatch):
    from corowatch.rules import replaying

    monkeypatch.setattr(replaying, "PAUSE", 0.0)
    (tmp_path / "a.log").write_bytes(ROWS * 10_000)
    told = []

    replay(config(CONFIG.format("x")), [str(tmp_path / "a.log")], progress=lambda *given: told.append(given))

    assert len(told) > 3
    assert sorted(told) == told
    assert (len(ROWS) * 10_000,) * 2 == told[-1]


def test_standard_input_is_a_file_like_others(config):
    with spooled(["-", "x"], io.BytesIO(ROWS)) as paths:
        outcome = replay(config(CONFIG.format("ERROR")), paths[:1])

    assert (10, "x") == (len(outcome.alerts), paths[1])
    assert not Path(paths[0]).exists()


def test_of_commands_that_are_not_run_the_number_is_told(config, tmp_path):
    (tmp_path / "a.log").write_bytes(ROWS)
    text = "flows: {a: {tail: a.log, grep: ERROR, check: {argv: [false]}, alert: console}}"

    assert ["10 commands of `check` were not run: what is decided so is left out"] == replay(
        config(text), [str(tmp_path / "a.log")]).notes


def test_a_node_that_fails_is_told_once_with_how_often(config, tmp_path):
    (tmp_path / "a.log").write_bytes(ROWS)
    (tmp_path / "node.py").write_text("def node(target):\n    while True:\n        yield\n        1 / 0\n")
    text = "flows: {a: {tail: a.log, python: {function: 'node.py:node'}, alert: console}}"

    assert ["a.python failed: ZeroDivisionError: division by zero (3 times)"] == replay(
        config(text), [str(tmp_path / "a.log")]).notes


# --- two configs ----------------------------------------------------------------------------------------


def test_of_two_configs_it_is_told_what_is_new_what_is_gone_and_what_moved(config, tmp_path):
    rows = [(0, "192.0.2.7"), (1, "192.0.2.7"), (2, "192.0.2.7"), (10, "192.0.2.8"), (11, "192.0.2.8"),
            (7300, "192.0.2.9"), (7301, "192.0.2.9"), (7302, "192.0.2.9")]
    (tmp_path / "a.log").write_text("".join(f"{rfc3339(T + at)} failed {ip}\n" for at, ip in rows))
    text = ("flows: {{a: {{tail: a.log, grep: 'failed (?P<ip>\\S+)', threshold: {{at_least: {}, within: 1m, by: ip}},"
            " alert: {{title: '{{ip}}'}}}}, b: {{tail: a.log, grep: '{}', alert: console}}}}")

    configs = [config(text.format(3, "2[.]8")), config(text.format(2, "x"))]

    before, after = replay_all(configs, [str(tmp_path / "a.log")])
    difference = compare(before.alerts, after.alerts)

    assert ["192.0.2.8"] == [alert.title for alert in difference.new]
    assert ["b", "b"] == [alert.flow for alert in difference.gone]
    assert [("192.0.2.7", 2.0, 1.0), ("192.0.2.9", 7302.0, 7301.0)] == [
        (now.title, _at(was), _at(now)) for was, now in difference.moved]
    assert {"a": {"new": 1, "gone": 0, "moved": 2, "changed": 0},
            "b": {"new": 0, "gone": 2, "moved": 0, "changed": 0}} == difference.by_flow()
    assert (0, True) == (difference.same, bool(difference))


def _at(alert):
    from corowatch.core.verdict import when

    return when(alert) - T


@pytest.mark.parametrize("change", ["title: 'other: {text}'", "severity: critical"])
def test_an_alert_that_says_something_else_changed(config, tmp_path, change):
    (tmp_path / "a.log").write_bytes(ROWS)
    old = config("flows: {a: {tail: a.log, grep: '[0-3]$', alert: {title: '{text}'}}}")
    new = config(f"flows: {{a: {{tail: a.log, grep: '[2-9]$', alert: {{{change}}}}}}}".replace(
        "severity: critical", "severity: critical, title: '{text}'"))

    before, after = replay_all([old, new], [str(tmp_path / "a.log")])
    difference = compare(before.alerts, after.alerts)

    assert (["02", "03"], 0) == ([was.title[17:19] for was, _ in difference.changed], difference.same)
    assert {"a": {"new": 4, "gone": 0, "moved": 2, "changed": 2}} == difference.by_flow()


def test_what_is_the_same_is_no_difference(config, tmp_path):
    (tmp_path / "a.log").write_bytes(ROWS)
    one, two = replay_all([config(CONFIG.format("ERROR"))] * 2, [str(tmp_path / "a.log")])

    difference = compare(one.alerts, two.alerts)

    assert (10, False) == (difference.same, bool(difference))


def test_an_alert_that_is_more_than_an_hour_off_did_not_move(config, tmp_path):
    (tmp_path / "a.log").write_text(f"{rfc3339(T)} one\n{rfc3339(T + 3601)} two\n{rfc3339(T + 9000)} one\n")
    one, two = replay_all([config(CONFIG.format("one")), config(CONFIG.format("two"))], [str(tmp_path / "a.log")])

    difference = compare(one.alerts, two.alerts)

    assert (["one", "one"], ["two"], []) == (
        [alert.title[28:].strip("+0: ") for alert in difference.gone],
        [alert.title[28:].strip("+0: ") for alert in difference.new], difference.moved)


def test_a_log_is_read_once_for_both(config, tmp_path, monkeypatch):
    """Counted at the door: each byte of the file is asked for once, but for what tells where the next line begins."""
    rows = ROWS * 20_000
    (tmp_path / "a.log").write_bytes(rows)
    asked, pread = [], os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, at: asked.append(len(data := pread(fd, size, at))) or data)

    replay_all([config(CONFIG.format("x")), config(CONFIG.format("y"))], [str(tmp_path / "a.log")])

    assert len(rows) <= sum(asked) < 1.2 * len(rows)


def test_what_sums_up_what_was_held_back_is_never_the_same_as_an_alert_of_its_own():
    difference = compare([own(0), summary(60, 5)], [own(61), summary(60, 7)])

    assert [(T, T + 61)] == [(when(was), when(now)) for was, now in difference.moved]
    assert [(5, 7)] == [(was.held_back, now.held_back) for was, now in difference.changed]


# --- the picture ----------------------------------------------------------------------------------------


def test_the_picture_has_a_bar_for_each_part_the_highest_that_of_most_alerts(config, tmp_path):
    (tmp_path / "a.log").write_bytes(ROWS + b"2026-03-02 08:00:00 ERROR\n" * 7)
    alerts = replay(config(CONFIG.format("ERROR")), [str(tmp_path / "a.log")]).alerts

    line = timeline(alerts, T, T + 9, 10)

    assert {"a": [8, *[1] * 8, 1]} == line.rows
    assert ["a │█▁▁▁▁▁▁▁▁▁│ 17", "   2026-03-02 08:00:00Z 2026-03-02 08:00:09Z"] == picture(line)
    assert [] == picture(timeline([], T, T, 10))


def test_what_sums_up_what_was_held_back_is_no_bar_but_a_dot():
    alerts = [own(0), own(1), summary(2, 1200), summary(2, 34), own(4, "resolved")]

    line = timeline(alerts, T, T + 4, 5)

    assert ({"a": [1, 1, 0, 0, 0]}, {"a": [0, 0, 1234, 0, 0]}) == (line.rows, line.held)
    assert "a │██·  │ 2 (+1,234 held back)" == picture(line)[0]
    assert ["a │··│ 0 (+2 held back)"] == picture(timeline([summary(0, 1), summary(2, 1)], T, T + 2, 2))[:1]


@pytest.mark.parametrize(("alerts", "told"), [
    ([], "0 alerts"), ([0], "1 alert"), ([0, 5], "1 alert, and 1 that sums up 5 held back,"),
    ([0, 0, 1000, 500], "2 alerts, and 2 that sum up 1,500 held back,")])
def test_what_sums_up_is_counted_apart(alerts, told):
    assert told == counted([summary(at, held) if held else own(at) for at, held in enumerate(alerts)])
