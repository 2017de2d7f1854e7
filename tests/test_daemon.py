"""The pump, a step at a time, on a real state directory, real files and real couriers."""

import io
import json
import sqlite3
import time
from functools import partial
from math import inf

import pytest
import structlog

from corowatch import daemon as daemon_module
from corowatch import store as store_module
from corowatch.core.config import ConfigFile
from corowatch.core.errors import ConfigError
from corowatch.core.graph import Closed
from corowatch.daemon import HUSH, Daemon, Stop, Told, WallClock
from corowatch.loading import load_texts
from corowatch.log import set_up
from corowatch.notify import Notify
from corowatch.sources import life
from corowatch.store import Store

TAIL = "tail: {paths: app.log, watch: poll, start: beginning}"
ERRORS = f"""\
flows:
  a:
    {TAIL}
    grep: ERROR
    alert: {{to: ops, title: '{{text}}'}}
sinks:
  ops: {{file: alerts.jsonl}}
"""
WINDOW = f"""\
flows:
  a:
    {TAIL}
    grep: ERROR
    threshold: {{at_least: 2, within: 1h}}
    alert: {{to: ops, title: '{{count}} errors'}}
  b:
    {TAIL}
    grep: FATAL
    alert: {{to: ops, title: '{{text}}'}}
sinks:
  ops: {{file: alerts.jsonl}}
"""


class Run:
    """One run of a daemon; `kill` drops it as kill -9 would."""

    def __init__(self, folder, text, **options):
        self.folder, self.text = folder, text
        self.store = Store(folder / "state")
        self.daemon = Daemon(self._load, self.store, notify=Notify(""), **options)
        self.over = False

    def _load(self):
        return load_texts([ConfigFile("c.yaml", self.text, str(self.folder))])

    def begin(self):
        self.daemon.begin()
        return self

    def until(self, predicate):
        end = time.monotonic() + 15.0
        while not predicate():
            assert time.monotonic() < end, "it did not come"
            if not self.daemon.step():
                time.sleep(0.01)

    def deal_with_everything(self):
        """Step until the saved position is the end of the log."""
        size = (self.folder / "app.log").stat().st_size
        self.until(lambda: [size] == [json.loads(state)["offset"] for state, in self.store._db.execute(
            "SELECT state FROM positions")])

    def reload(self, text):
        self.text = text
        self.daemon.reload(time.time())

    def close(self):
        self.over = True
        self.daemon.close("test")
        self.store.close()
        return json.loads((self.folder / "state" / "summary.json").read_text())

    def kill(self):
        if self.over:
            return
        self.over = True
        for courier in self.daemon.couriers.values():
            courier.stop()
            courier.join(time.monotonic() + 5.0)
        self.store.close()


@pytest.fixture
def run(tmp_path):
    runs = []

    def begun(text, **options):
        runs.append(Run(tmp_path, text, **options))
        return runs[-1].begin()

    yield begun
    for one in runs:
        one.kill()


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "app.log"

    def write(*lines):
        with path.open("a") as file:
            file.writelines(line + "\n" for line in lines)

    write()
    return write


@pytest.fixture
def told(tmp_path):
    """The alerts that were delivered, by title."""
    path = tmp_path / "alerts.jsonl"
    return lambda: [json.loads(row)["title"] for row in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def logged():
    """What the log says, each line as a mapping."""
    before, stream = structlog.get_config(), io.StringIO()
    set_up(stream)
    yield lambda: list(map(json.loads, stream.getvalue().splitlines()))
    structlog.configure(**before)


# --- what is not there ------------------------------------------------------------------------------

ABSENT = """
flows:
  a:
    tail: {paths: [app.log, 'more/*.log'], watch: poll, timestamp: none}
    grep: ERROR
    alert: {to: ops, title: '{text}'}
  b:
    tail: {paths: [app.log, 'more/*.log'], watch: poll}
    grep: ERROR
    alert: {to: ops, title: '{text}'}
sinks:
  ops: {file: alerts.jsonl}
"""


def missing(logged):
    return [(line["path"], line["why"]) for line in logged() if line["event"] == "source.missing"]


def test_what_finds_no_file_is_told_once_and_followed_once_it_appears(run, log, told, logged, tmp_path):
    (tmp_path / "app.log").unlink()
    one = run(ABSENT)
    later = "there is no such file yet; it is followed once it appears"
    assert [(f"{tmp_path}/app.log", later), (f"{tmp_path}/more/*.log", later)] == sorted(missing(logged))

    one.daemon.step()
    one.reload(ABSENT.replace("timestamp: none", "zone: UTC"))
    assert ["daemon.started", "config.reloaded"] == [
        line["event"] for line in logged() if line["event"] in ("daemon.started", "config.reloaded")]
    log("ERROR at last")
    one.until(lambda: ["ERROR at last"] * 2 == told())
    assert 2 == len(missing(logged))


def test_once_says_of_what_finds_no_file_that_nothing_is_read(run, log, logged, tmp_path):
    (tmp_path / "app.log").unlink()
    one = run(ABSENT, once=True)

    assert 0 == one.daemon.run()
    now = "there is no such file, so nothing is read"
    assert [(f"{tmp_path}/app.log", now), (f"{tmp_path}/more/*.log", now)] == sorted(missing(logged))
    one.over = True
    one.store.close()


def test_what_is_there_but_cannot_be_read_is_told_as_that_alone(run, logged, tmp_path):
    (tmp_path / "app.log").mkdir()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "x.log").symlink_to(tmp_path / "more" / "y.log")
    (tmp_path / "more" / "y.log").write_text("x\n")
    run(ABSENT)

    assert [] == missing(logged)
    assert any("is a folder" in line.get("why", "") for line in logged())


# --- from line to sink ------------------------------------------------------------------------------


def test_a_line_of_a_file_becomes_an_alert_in_another(run, log, told):
    log("INFO ready", "ERROR disk full")
    one = run(ERRORS)

    one.until(lambda: ["ERROR disk full"] == told())
    log("ERROR again")

    one.until(lambda: ["ERROR disk full", "ERROR again"] == told())


def test_flows_with_equal_sources_share_one_read_and_both_are_named(run, log, told):
    log("ERROR a", "ERROR b", "FATAL c")
    one = run(WINDOW)
    one.deal_with_everything()

    summary = one.close()

    assert 1 == len(one.daemon.sources)
    assert {"a.tail", "b.tail"} == set(summary["sources"])
    assert [3, 3] == [counts["lines"] for counts in summary["sources"].values()]
    assert ["2 errors", "FATAL c"] == told()


def test_what_is_held_is_told_at_the_close_and_still_delivered(run, log, told):
    log("ERROR 1", "ERROR 2", "ERROR 3")
    one = run(ERRORS.replace("    alert:", "    throttle: 1h\n    alert:"))
    one.deal_with_everything()
    one.until(lambda: told())
    assert ["ERROR 1"] == told()

    one.close()

    assert ["ERROR 1", "ERROR 3"] == told()


def test_the_time_told_at_the_end_is_the_whole_runs(run, log, logged):
    log("ERROR 1")
    one = run(ERRORS.replace("{file: alerts.jsonl}", "{exec: [sh, -c, 'sleep 0.5']}"))
    one.deal_with_everything()

    one.close()

    stopped = logged()[-1]
    assert "daemon.stopped" == stopped["event"]
    assert 0.5 <= stopped["seconds"]


def test_a_goodbye_may_count_what_it_likes(run, log, logged):
    one = run(ERRORS)

    one.daemon._tell_closed(Closed("a.theirs", {"node": 1, "event": 2}))

    closed = logged()[-1]
    assert ("node.closed", "a.theirs", {"node": 1, "event": 2}) == (closed["event"], closed["node"], closed["counts"])


def test_a_goodbye_that_fails_is_counted(run, log, tmp_path):
    (tmp_path / "rules.py").write_text("def rude():\n    try:\n        while True:\n            yield\n"
                                       "    except GeneratorExit:\n        raise ValueError('no good') from None\n")
    one = run(f"flows:\n  a:\n    {TAIL}\n    python: rules.py:rude\n")

    assert 1 == one.close()["nodes"]["a.python"]["failed"]


def test_a_second_signal_ends_the_waiting(run, log):
    one = run(ERRORS)

    for _ in range(2):
        one.daemon.inbox.put(Stop("SIGTERM"))
    one.daemon.step()

    assert "SIGTERM" == one.daemon.stopping
    assert one.daemon._hurry


# --- the lines around an alert ----------------------------------------------------------------------

AROUND = ERRORS.replace("{to: ops,", "{to: ops, before: 2, after: 2,")


@pytest.fixture
def alerts(tmp_path):
    path = tmp_path / "alerts.jsonl"
    return lambda: [json.loads(row) for row in path.read_text().splitlines()] if path.exists() else []


def test_what_is_due_after_an_alert_in_a_backlog_comes_before_its_end(run, log, told):
    """The alert ends a turn; what is read in the next is the last, and time must pass once more."""
    log("2026-11-29T00:00:20Z ERROR", *(f"2026-11-29T00:{n // 60:02}:{n % 60:02}Z other" for n in range(21, 600)))
    one = run(WINDOW.replace("{at_least: 2, within: 1h}", "{at_least: 1, within: 1m, calm: 1m}"), once=True)

    assert one.daemon.run() == 0
    one.over = True
    one.store.close()

    assert ["1 errors", "resolved: 1 errors"] == told()


def test_an_alert_tells_the_lines_beside_its_own(run, log, alerts):
    log("one", "two", "three", "ERROR disk full", "five", "six", "seven")
    one = run(AROUND)

    one.until(alerts)

    assert [(["two", "three"], ["five", "six"])] == [(alert["before"], alert["after"]) for alert in alerts()]


def test_at_the_ends_of_a_file_there_are_fewer_and_those_that_come_in_time_are_waited_for(run, log, alerts,
                                                                                          monkeypatch):
    monkeypatch.setattr(daemon_module, "AFTER", 30.0)
    log("ERROR disk full")
    one = run(AROUND)
    one.deal_with_everything()
    assert [] == alerts()

    log("two", "three")
    one.until(alerts)

    assert [([], ["two", "three"])] == [(alert["before"], alert["after"]) for alert in alerts()]


def test_it_waits_no_longer_than_its_time(run, log, alerts, monkeypatch):
    monkeypatch.setattr(daemon_module, "AFTER", 0.1)
    log("ERROR disk full")
    one = run(AROUND)
    one.deal_with_everything()
    log("two")

    one.until(alerts)

    assert [["two"]] == [alert["after"] for alert in alerts()]


def test_at_the_close_it_leaves_with_what_there_is(run, log, alerts):
    log("ERROR disk full", "two")
    one = run(AROUND)
    one.deal_with_everything()

    one.close()

    assert [["two"]] == [alert["after"] for alert in alerts()]


def test_a_kill_before_its_lines_have_come_loses_no_alert(run, log, alerts, monkeypatch):
    monkeypatch.setattr(daemon_module, "AFTER", 0.5)
    log("one", "ERROR disk full")
    first = run(AROUND)
    first.deal_with_everything()
    first.kill()

    second = run(AROUND)
    second.until(alerts)

    assert [(["one"], [])] == [(alert["before"], alert["after"]) for alert in alerts()]


# --- over a kill ------------------------------------------------------------------------------------


def read_uncommitted(one):
    """Read what there is, as the pump would, and do not commit it."""
    for source in one.daemon.sources.values():
        source.look(time.time(), None)
        source.head().read(time.time(), inf)


def test_each_line_is_told_once_over_a_kill(run, log, told):
    log("ERROR 1")
    first = run(ERRORS)
    first.deal_with_everything()
    first.kill()
    log("ERROR 2")

    second = run(ERRORS)
    second.deal_with_everything()
    second.close()

    assert ["ERROR 1", "ERROR 2"] == told()


def test_what_was_not_committed_is_read_again(run, log, told):
    log("ERROR 1")
    first = run(ERRORS)
    first.deal_with_everything()
    log("ERROR 2")
    read_uncommitted(first)
    assert first.store.urgent
    first.kill()

    second = run(ERRORS)
    second.deal_with_everything()
    second.close()

    assert ["ERROR 1", "ERROR 2"] == told()


def test_what_a_step_is_to_remember_is_written_before_it_is_much(run, log, monkeypatch):
    log(*(f"ERROR {number:02}" for number in range(40)))
    for name, value in (("MUCH", 12), ("COMMIT", inf), ("TURN", inf)):
        monkeypatch.setattr(daemon_module, name, value)
    for name in ("LEAST", "GULP"):
        monkeypatch.setattr(life, name, 50)  # five lines
    keyed = run(WINDOW.replace("grep: ERROR", "grep: 'ERROR (?P<n>.*)'").replace("within: 1h", "within: 1h, by: n"))
    memory, commit, written = keyed.daemon.graph.nodes["a.threshold"].memory, keyed.store.commit, []

    def noted(*given):
        written.append(memory.unwritten)
        return commit(*given)

    monkeypatch.setattr(keyed.store, "commit", noted)
    while keyed.daemon.step():
        assert memory.unwritten <= 1  # the clock of its keys goes on
    keyed.close()

    # Of each line a key and the line, and the clock; five or six lines come at a time, and six are much.
    assert 2 * 40 <= sum(written) <= 2 * 40 + len(written)
    assert 12 <= min(written[:-2])
    assert max(written) <= 2 * 11 + 1


def test_an_open_window_survives_a_kill(run, log, told):
    log("ERROR 1")
    first = run(WINDOW)
    first.deal_with_everything()
    first.kill()
    log("ERROR 2")

    second = run(WINDOW)
    second.deal_with_everything()
    second.close()

    assert ["2 errors"] == told()


def test_the_summary_tells_of_this_run_and_of_all(run, log):
    log("ERROR 1", "ERROR 2")
    first = run(ERRORS)
    first.deal_with_everything()
    first.close()
    log("ERROR 3")

    second = run(ERRORS)
    second.deal_with_everything()
    summary = second.close()

    assert 1 == summary["nodes"]["a.grep"]["matched"]
    assert 3 == summary["total"]["nodes"]["a.grep"]["matched"]
    assert {"delivered": 1, "pending": 0, "refused": 0} == summary["sinks"]["ops"]
    assert {"delivered": 3, "pending": 0, "refused": 0} == summary["total"]["sinks"]["ops"]
    assert (1, 3) == (summary["sources"]["a.tail"]["lines"], summary["total"]["sources"]["a.tail"]["lines"])


# --- reload -----------------------------------------------------------------------------------------


def test_a_reload_keeps_the_state_of_what_did_not_change(run, log, told):
    log("ERROR 1")
    one = run(WINDOW)
    one.deal_with_everything()

    one.reload(WINDOW.replace("FATAL", "PANIC"))
    log("FATAL not any more", "PANIC yes", "ERROR 2")
    one.deal_with_everything()
    one.close()

    assert ["PANIC yes", "2 errors"] == told()


def test_a_node_that_a_reload_closes_stands_in_the_summary(run, log):
    log("FATAL 1", "FATAL 2")
    one = run(WINDOW)
    one.deal_with_everything()

    one.reload(ERRORS)
    summary = one.close()

    assert 2 == summary["nodes"]["b.grep"]["matched"]
    assert ["a.tail"] == list(summary["sources"])


def test_a_refused_reload_changes_nothing_and_leaves_word(run, log, told, tmp_path):
    log("ERROR 1")
    one = run(WINDOW)
    one.deal_with_everything()

    one.reload(WINDOW.replace("threshold", "treshold"))
    log("ERROR 2")
    one.deal_with_everything()
    one.until(lambda: len(told()) == 2)

    assert "treshold" in json.loads((tmp_path / "state" / "reloaded.json").read_text())["mistakes"]
    refused, fired = told()
    assert refused.startswith("the config was refused, the old one goes on: c.yaml:5:")
    assert "2 errors" == fired


def test_a_reload_that_succeeds_leaves_word(run, log, tmp_path):
    one = run(ERRORS)

    one.reload(WINDOW)

    assert "" == json.loads((tmp_path / "state" / "reloaded.json").read_text())["mistakes"]


def test_a_reload_whose_sources_cannot_be_opened_is_refused_and_the_old_nodes_go_on(run, log, told, monkeypatch):
    log("ERROR 1")
    one = run(WINDOW)
    one.deal_with_everything()

    def positions(reader, steps):
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(one.store, "positions", positions)
        one.reload(ERRORS.replace("app.log", "other.log"))
    log("ERROR 2", "FATAL c")
    one.deal_with_everything()
    one.close()

    assert ["the config was refused, the old one goes on: disk I/O error", "2 errors", "FATAL c"] == told()


def test_a_reload_in_which_a_sink_only_stands_elsewhere_leaves_it_at_work(run):
    text = ERRORS.replace("{file: alerts.jsonl}", "\n    file:\n      path: alerts.jsonl")
    one = run(text)
    before = one.daemon.couriers["ops"]

    one.reload(text.replace("      path:", "      # a comment\n      path:"))
    one.reload("# a comment\n" + text)
    same = one.daemon.couriers["ops"]
    one.reload(text.replace("alerts.jsonl", "others.jsonl"))

    assert before is same
    assert before is not one.daemon.couriers["ops"]


def test_a_reload_that_finds_another_package_is_refused_and_the_old_nodes_go_on(run, log, told, logged, tmp_path,
                                                                                monkeypatch):
    """What a config names for the first time is imported then, perhaps out of a package that was replaced meanwhile."""
    log("ERROR 1")
    one = run(WINDOW)
    one.deal_with_everything()

    def at_hand():
        raise ImportError("cannot import name 'Keyed'")

    with monkeypatch.context() as replaced:
        replaced.setattr("corowatch.loading.at_hand", at_hand)
        one.reload(ERRORS)
    log("ERROR 2")
    one.deal_with_everything()
    one.until(lambda: len(told()) == 2)

    why = "ImportError: cannot import name 'Keyed'"
    assert why == json.loads((tmp_path / "state" / "reloaded.json").read_text())["mistakes"]
    assert [f"the config was refused, the old one goes on: {why}", "2 errors"] == told()
    traces = [row["exception"] for row in logged() if "config.failed" == row["event"]]
    assert [True] == ["in at_hand" in trace and trace.endswith(why) for trace in traces]


def test_a_reload_after_the_package_was_replaced_is_refused(run, log, tmp_path, monkeypatch):
    """As by an upgrade: modules that are imported then are of another version than those that run."""
    package = tmp_path / "__init__.py"
    package.touch()
    monkeypatch.setattr("corowatch.__file__", str(package))
    one = run(ERRORS)
    left = tmp_path / "state" / "reloaded.json"

    one.reload(WINDOW)
    assert "" == json.loads(left.read_text())["mistakes"]
    for replace in (lambda: (tmp_path / "new").touch() or (tmp_path / "new").rename(package), package.unlink):
        replace()
        left.unlink()
        one.reload(ERRORS)

        assert "corowatch itself was replaced since it began; restart it" == json.loads(left.read_text())["mistakes"]


def test_a_reload_while_the_state_cannot_be_written_is_refused_and_nothing_is_told_twice(run, log, told, monkeypatch):
    log("ERROR 1")
    one = run(WINDOW)
    one.deal_with_everything()

    def commit(*turn):
        raise sqlite3.OperationalError("database or disk is full")

    log("INFO 2")
    read_uncommitted(one)
    with monkeypatch.context() as full:
        full.setattr(one.store, "commit", commit)
        one.reload(WINDOW.replace("FATAL", "PANIC"))
    log("ERROR 2", "FATAL c", "PANIC d")
    one.deal_with_everything()
    one.close()

    assert ["the config was refused, the old one goes on: the state cannot be written", "2 errors",
            "FATAL c"] == told()


def test_a_daemon_that_cannot_begin_has_started_nothing(tmp_path):
    one = Run(tmp_path, "flows: {a: {tial: x}}")

    with pytest.raises(ConfigError, match="tial"):
        one.begin()
    one.kill()

    assert {} == one.daemon.sources == one.daemon.couriers


# --- trouble inside ---------------------------------------------------------------------------------


def test_a_step_of_the_users_that_fails_goes_on_then_rests_and_the_others_never_notice(run, log, told, tmp_path):
    (tmp_path / "rules.py").write_text(
        "def brittle(target):\n    while True:\n        event = yield\n"
        "        if 'bad' in event.text:\n            raise ValueError('no good')\n        target.send(event)\n")
    log("1", "bad 2", "3", "bad 4", "bad 5", "6")
    one = run(f"""\
flows:
  mine:
    {TAIL}
    python: rules.py:brittle
    alert: {{to: ops, title: 'mine {{text}}'}}
  other:
    {TAIL}
    alert: {{to: ops, title: 'other {{text}}'}}
sinks:
  ops: {{file: alerts.jsonl}}
""")

    one.deal_with_everything()
    summary = one.close()

    assert ["mine 1", "mine 3"] == [title for title in told() if title.startswith("mine ")]
    assert 6 == len([title for title in told() if title.startswith("other ")])
    assert ["mine.python failed three times in a minute and is shut for 60 s: ValueError: no good"] == [
        title for title in told() if "shut" in title]
    assert 4 == summary["nodes"]["mine.python"]["failed"]


def test_trouble_inside_goes_to_the_declared_sinks(run, log, told):
    one = run(ERRORS)

    one.daemon.tell("lost", "app.log: 5 bytes are lost", path="app.log", bytes=5)
    one.until(told)

    assert ["app.log: 5 bytes are lost"] == told()


TWO_SINKS = ERRORS.replace("ops: {file: alerts.jsonl}",
                           "ops: {exec: [sh, -c, 'exit 65']}\n  audit: {file: alerts.jsonl}")


def test_trouble_with_a_sink_goes_to_the_others_and_not_to_itself(run, log, told):
    log("ERROR 1")
    one = run(TWO_SINKS)

    one.until(told)
    summary = one.close()

    assert ["sink ops refused an alert: sh ended with EX_DATAERR; see corowatch outbox"] == told()
    assert {"delivered": 0, "pending": 0, "refused": 1} == summary["sinks"]["ops"]


def test_trouble_with_the_only_sink_goes_to_the_log_alone(run, log):
    log("ERROR 1")
    one = run(ERRORS.replace("{file: alerts.jsonl}", "{exec: [sh, -c, 'exit 65']}"))

    one.until(lambda: one.daemon._hushed)
    summary = one.close()

    assert {"delivered": 0, "pending": 0, "refused": 1} == summary["sinks"]["ops"]


def test_of_a_sink_that_refuses_or_is_behind_is_told_once_an_hour_each(run, log, told):
    one = run(TWO_SINKS)
    now = time.time()
    one.store.folding.add("ops")

    for at in (now, now + 1.0, now + HUSH + 2.0):
        one.daemon._tick(at)
    one.daemon.inbox.put(Told("alert.refused", {"sink": "ops", "id": "1", "why": "no"}))
    one.until(lambda: 3 == len(told()))

    behind = ("sink ops is behind: 0 alerts wait, and further ones of one step and key become one with a count; beyond "
              "twice as much those of one step do, whatever their key")
    assert [behind, behind, "sink ops refused an alert: no; see corowatch outbox"] == told()


def test_that_a_sink_is_behind_is_told_at_a_stop_if_it_was_not_before(run, log, logged, monkeypatch):
    monkeypatch.setattr(store_module, "MAX_ROWS", 0)
    log("ERROR 1", "ERROR 2")
    one = run(ERRORS.replace("{file: alerts.jsonl}", "{exec: [sh, -c, 'exit 75']}"))
    one.deal_with_everything()
    one.daemon._hushed.clear()
    before = [row["event"] for row in logged()].count("corowatch.folded")
    one.close()

    assert before + 1 == [row["event"] for row in logged()].count("corowatch.folded")


def test_what_waits_for_a_sink_that_is_gone_is_told_at_the_start_and_after_a_reload(run, log, logged):
    log("ERROR 1", "ERROR 2")
    first = run(ERRORS.replace("{file: alerts.jsonl}", "{exec: [sh, -c, 'exit 75']}"))
    first.deal_with_everything()
    first.kill()

    second = run(ERRORS.replace("ops", "other"))
    second.reload(ERRORS.replace("ops", "another"))
    second.reload(ERRORS)

    told = [row for row in logged() if "outbox.stranded" == row["event"]]
    assert [("ops", 2), ("ops", 2)] == [(row["sink"], row["count"]) for row in told]
    assert "take them out with corowatch outbox drop --sink ops" in told[0]["why"]


def test_trouble_that_a_flow_takes_goes_there_alone(run, log, told):
    own = "  own:\n    corowatch: {kinds: [lost]}\n    alert: {to: ops, title: '{kind} {bytes}'}\nsinks:"
    one = run(ERRORS.replace("sinks:", own))

    one.daemon.tell("lost", "app.log: 5 bytes are lost", path="app.log", bytes=5)
    one.until(told)
    one.close()

    assert ["lost 5"] == told()


# --- time -------------------------------------------------------------------------------------------


class Hands:
    """Two clocks set by hand."""

    def __init__(self):
        self.wall, self.steady, self.steps = 1000.0, 0.0, []
        self.clock = WallClock(self.steps.append, lambda: self.wall, lambda: self.steady)

    def read(self, *, wall, steady):
        self.wall, self.steady = wall, steady
        return self.clock.read()


@pytest.mark.parametrize(("how", "paths", "looked", "glanced"), [
    ("auto", "app.log", [15], []),
    ("auto", "'*/app.log'", [5, 10, 15, 20], [*range(1, 5), *range(6, 10), *range(11, 15), *range(16, 20)]),
    ("poll", "app.log", [5, 10, 15, 20], [*range(1, 5), *range(6, 10), *range(11, 15), *range(16, 20)]),
])
def test_where_every_change_is_told_of_all_is_looked_at_seldom(run, log, monkeypatch, how, paths, looked, glanced):
    began = time.time()
    monkeypatch.setattr(daemon_module.WallClock, "read", lambda self: began)
    one = run(ERRORS.replace("watch: poll", f"watch: {how}").replace("app.log", paths))
    one.daemon.step()  # what came before the watch began is looked for at once
    source, = one.daemon.sources.values()
    at = {"look": [], "glance": []}
    for second in range(1, 21):
        def note(now, woken=None, *, what, second=second):
            if woken is None:
                at[what].append(second)
        monkeypatch.setattr(source, "look", partial(note, what="look"))
        monkeypatch.setattr(source, "glance", partial(note, what="glance"))
        monkeypatch.setattr(daemon_module.WallClock, "read", lambda self, second=second: began + second)
        one.daemon.step()

    assert (looked, glanced) == (at["look"], at["glance"])


def test_a_file_that_was_renamed_is_looked_at_as_if_nothing_were_told_of(run, log, tmp_path, monkeypatch):
    """Its writer may go on in it, under a name that notifications do not know."""
    began = time.time()
    monkeypatch.setattr(daemon_module.WallClock, "read", lambda self: began)
    one = run(ERRORS.replace("watch: poll", "watch: auto"))
    log("ERROR 1")
    (tmp_path / "app.log").rename(tmp_path / "app.log.1")
    log()
    one.daemon._swept = 0.0
    one.daemon.step()
    source, = one.daemon.sources.values()
    assert source.hidden
    glanced = []
    for second in (1, 2, 3):
        monkeypatch.setattr(source, "glance", lambda now, second=second: glanced.append(second))
        monkeypatch.setattr(daemon_module.WallClock, "read", lambda self, second=second: began + second)
        one.daemon.step()

    assert [1, 2, 3] == glanced


def test_the_clock_follows_the_wall():
    hands = Hands()

    assert [1005.0, 1011.0] == [hands.read(wall=1005.0, steady=5.0), hands.read(wall=1011.0, steady=10.0)]
    assert [] == hands.steps


def test_a_clock_set_ahead_is_told_and_followed():
    hands = Hands()

    assert 4601.0 == hands.read(wall=4601.0, steady=1.0)
    assert [3600.0] == hands.steps


def test_a_clock_set_back_is_told_and_time_goes_on_from_where_it_was():
    hands = Hands()
    hands.read(wall=1010.0, steady=10.0)

    times = [hands.read(wall=911.0, steady=11.0), hands.read(wall=916.0, steady=16.0)]

    assert [-100.0] == hands.steps
    assert [1011.0, 1016.0] == times


def test_a_clock_set_back_a_little_stands_still():
    hands = Hands()
    hands.read(wall=1010.0, steady=10.0)

    assert 1010.0 == hands.read(wall=1006.0, steady=11.0)
    assert [] == hands.steps


# --- records of several lines ---------------------------------------------------------------------------

TRACES = """
flows:
  app:
    tail: {paths: app.log, start: beginning, multiline: {as: python, timeout: 100ms}, timestamp: none}
    grep: '(?m)^(?P<error>\\w+Error): (?P<what>.*)'
    alert: {to: out, title: '{error}: {what}', after: 1}
sinks:
  out: {file: alerts.jsonl}
"""
TRACE = ["Traceback (most recent call last):", '  File "a.py", line 1, in f', "    g()"]


def test_a_record_is_one_event_and_the_last_is_told_after_a_while(run, log, alerts):
    one = run(TRACES)
    log("one", *TRACE, "KeyError: 'x'", "two")
    one.until(lambda: len(alerts()) == 1)
    log(*TRACE, "ValueError: y")
    one.until(lambda: len(alerts()) == 2)
    one.close()

    assert ["KeyError: 'x'", "ValueError: y"] == [alert["title"] for alert in alerts()]
    assert ["\n".join([*TRACE, "KeyError: 'x'"])] == [line["text"] for line in alerts()[0]["events"]]
    assert [["two"], []] == [alert["after"] for alert in alerts()]


def test_at_the_end_of_once_the_last_record_is_awaited(run, log, alerts):
    log(*TRACE, "KeyError: 'x'")
    one = run(TRACES, once=True)
    assert 0 == one.daemon.run()
    one.over = True

    assert ["KeyError: 'x'"] == [alert["title"] for alert in alerts()]


@pytest.mark.parametrize("kill", [True, False])
def test_a_record_that_is_open_when_it_ends_is_read_whole_at_the_next_start(run, log, alerts, kill):
    held = TRACES.replace("100ms", "1h")
    log("one", *TRACE)
    first = run(held)
    first.until(lambda: first.daemon.sources and all(source.waiting for source in first.daemon.sources.values()))
    first.kill() if kill else first.close()
    log("KeyError: 'x'", "two")

    second = run(held)
    second.until(lambda: len(alerts()) == 1)
    second.close()
    assert ["KeyError: 'x'"] == [alert["title"] for alert in alerts()]


# --- commands that steps ask for ------------------------------------------------------------------------

CHECKED = """
flows:
  app:
    - tail: {paths: app.log, start: beginning, timestamp: none}
    - grep: 'ERROR (?P<what>\\w+)'
    - check: {argv: [sh, -c, 'COMMAND', sh, '{what}']}
    - alert: {to: out, title: '{what} {exit_status} {exit_output}'}
  rest:
    from: app.check.otherwise
    alert: {to: out, title: 'not {what} {exit_status} {exit_output}'}
sinks:
  out: {file: alerts.jsonl}
"""


def test_a_command_decides_whether_an_event_goes_on(run, log, told):
    one = run(CHECKED.replace("COMMAND", 'echo "$1"; test "$1" = good'))
    log("ERROR good", "ERROR bad")
    one.until(lambda: len(told()) == 2)
    summary = one.close()

    assert {"good 0 good", "not bad 1 bad"} == set(told())
    assert {"passed": 1, "refused": 1, "unchecked": 0, "failed": 0} == summary["nodes"]["app.check"]


def test_once_waits_for_them(run, log, told):
    log("ERROR good")
    one = run(CHECKED.replace("COMMAND", "sleep 0.3"), once=True)
    assert 0 == one.daemon.run()
    one.over = True

    assert ["good 0 "] == told()


@pytest.mark.parametrize("kill", [True, False])
def test_one_that_did_not_end_is_run_again_at_the_next_start(run, log, told, tmp_path, kill):
    waits = CHECKED.replace("COMMAND", f'echo x >> {tmp_path}/runs; test -e {tmp_path}/go || sleep 60')
    log("ERROR good")
    first = run(waits)
    first.deal_with_everything()
    first.until(lambda: (tmp_path / "runs").exists())
    if kill:
        first.kill()
    first.daemon._checks.keep(())
    if not kill:
        first.close()
    (tmp_path / "go").touch()

    second = run(waits)
    second.until(lambda: len(told()) == 1)
    second.close()
    assert ["good 0 "] == told()
    assert "x\nx\n" == (tmp_path / "runs").read_text()


def test_what_a_step_asked_for_is_of_no_use_when_a_reload_changes_it(run, log, told, tmp_path):
    one = run(CHECKED.replace("COMMAND", f"touch {tmp_path}/ran; sleep 60"))
    log("ERROR good")
    one.until(lambda: (tmp_path / "ran").exists())
    one.reload(CHECKED.replace("COMMAND", "true"))
    log("ERROR better")
    one.until(lambda: len(told()) == 1)
    one.close()

    assert ["better 0 "] == told()


# --- files that are looked up -----------------------------------------------------------------------

LOOKUP = f"""\
flows:
  a:
    {TAIL}
    grep: '^(?P<user>\\S+)'
    lookup: {{file: known.csv, of: user}}
    alert: {{to: ops, title: '{{user}} of {{team}}'}}
sinks:
  ops: {{file: alerts.jsonl}}
"""


def test_a_file_that_is_looked_up_may_change_also_after_a_reload(run, log, told, logged, tmp_path, monkeypatch):
    monkeypatch.setattr(daemon_module, "SEARCH", 0.0)
    known = tmp_path / "known.csv"
    known.write_text("user,team\nmk,ops\n")
    log("mk", "xy")
    one = run(LOOKUP)
    one.deal_with_everything()

    one.reload(LOOKUP + "  other: {file: other.jsonl}\n")
    known.write_text("user,team\nmk,dev\nxy,sales\n")
    one.until(lambda: "table.reloaded" in [line["event"] for line in logged()])
    log("mk", "xy")
    one.until(lambda: ["mk of ops", "mk of dev", "xy of sales"] == told())

    assert [{"path": str(known), "rows": 2}] == [
        {name: line[name] for name in ("path", "rows")} for line in logged() if line["event"] == "table.reloaded"]


def test_a_file_that_is_looked_up_and_is_away_is_told_once_and_what_it_said_counts_on(
        run, log, told, tmp_path, monkeypatch):
    monkeypatch.setattr(daemon_module, "SEARCH", 0.0)
    known = tmp_path / "known.csv"
    known.write_text("user,team\nmk,ops\n")
    one = run(LOOKUP)

    known.unlink()
    for _ in range(10):
        one.daemon.step()
    log("mk")

    away = f"{known} cannot be read: No such file or directory; what it said before counts on (1 row)"
    one.until(lambda: [away, "mk of ops"] == told())


def test_a_line_of_it_that_is_no_row_is_told_and_the_others_count(run, log, told, tmp_path, monkeypatch):
    monkeypatch.setattr(daemon_module, "SEARCH", 0.0)
    known = tmp_path / "known.csv"
    known.write_text("user,team\nmk,ops\nxy\n")
    one = run(LOOKUP)
    log("mk")

    one.until(lambda: 2 == len(told()))

    assert {f"{known}: 1 line left out: 1 column in line 3, and 2 in its header", "mk of ops"} == set(told())


def test_a_file_that_is_looked_up_and_is_away_refuses_the_config(run, log, tmp_path):
    with pytest.raises(ConfigError, match=r"c.yaml:5:20: .*known.csv cannot be read: No such file"):
        run(LOOKUP)
