"""Why a line did or did not page: what `why` says, beside what a run that nobody watches counts and alerts."""

import gzip
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from corowatch.core.events import Event
from corowatch.loading import load_paths
from corowatch.rules.asking import Spot, spot_of, text_at, why_alert, why_line, why_text
from corowatch.rules.replaying import replay
from corowatch.rules.telling import did, tree

EXAMPLES = sorted(path.parent for path in (Path(__file__).parents[2] / "config").glob("examples/*/config.yaml"))
GUESSING = """
flows:
  guessing:
    tail: {paths: /var/log/auth.log, timestamp: none}
    grep: 'Failed password for (?P<user>\\S+) from (?P<ip>\\S+)'
    threshold: {at_least: 3, within: 1m, by: ip}
    alert: {title: '{ip} guesses'}
  roots:
    from: guessing.grep
    where: user == 'root'
    alert: {title: 'root from {ip}'}
"""


def logs(example):
    single = example / "input.log"
    return [str(single)] if single.exists() else [str(path) for path in sorted(example.glob("input/**/*"))
                                                  if path.is_file()]


def places(path):
    at = 0
    for data in Path(path).read_bytes().splitlines(keepends=True):
        yield Spot(path, at)
        at += len(data)


def check(example, spots):
    """Each alert is told at the line that made it; what steps are said to have done is what they counted."""
    config = load_paths([str(example / "config.yaml")])
    files = logs(example)
    plain = replay(config, files)
    by_line = Counter((str(alert.events[-1]["file"]), alert.events[-1]["offset"], alert.id) for alert in plain.alerts)
    told: Counter[tuple[str, int, str]] = Counter()
    seen: Counter[tuple[str, str]] = Counter()
    for spot in spots:
        answer = why_line(config, spot, [path for path in files if path != spot.path])
        for root in answer.sights:
            for sight in root.all():
                if isinstance(sight.item, Event) and sight.item is root.item:
                    seen.update((sight.step, name) for name in sight.rose)
                for alert in sight.alerts:
                    if alert.events[-1]["file"] == spot.path and alert.events[-1]["offset"] == spot.offset:
                        told[spot.path, spot.offset, alert.id] += 1
    return plain, by_line, told, seen


@pytest.mark.slow
@pytest.mark.parametrize("example", [pytest.param(path, id=path.name) for path in EXAMPLES])
def test_what_why_says_of_each_line_of_an_example_is_what_the_graph_did(example):
    config = load_paths([str(example / "config.yaml")])
    spots = [spot for path in logs(example) for spot in places(path)]
    plain, by_line, told, seen = check(example, spots)

    assert told == Counter({key: count for key, count in by_line.items() if told[key] or _made_by_its_line(key, plain)})
    entries = {step.id for step in config.steps.values() for way in step.inputs
               if config.steps[way.step].kind.role == "source" and step.kind.name in ("grep", "drop", "where")}
    multiline = any(step.options.get("multiline") for step in config.steps.values())
    for step in entries if not multiline else ():
        counted = {name: count for name, count in plain.counts[step].items() if count}
        assert counted == {name: count for (one, name), count in seen.items() if one == step}


def _made_by_its_line(key, plain):
    """Whether an alert is made by its last line, and not by time that passes behind it."""
    alert = next(alert for alert in plain.alerts if alert.id == key[2])
    return alert.state == "firing" and alert.at == alert.events[-1]["at"] and "held" not in alert.fields and (
        "silent" not in alert.fields)


@pytest.mark.parametrize("example", [pytest.param(path, id=path.name) for path in EXAMPLES])
def test_what_led_to_an_alert_of_an_example_is_its_lines_and_what_made_it(example):
    config = load_paths([str(example / "config.yaml")])
    files = logs(example)
    alerts = replay(config, files).alerts
    if not alerts:
        pytest.skip("its alerts are made by commands, or later than its last line")
    alert = random.Random(example.name).choice(alerts)

    found, told = why_alert(config, lambda one: one.id == alert.id, files)

    assert found.id == alert.id
    made = [one for each in told for sight in each.sights for near in sight.all() for one in near.alerts]
    assert alert.id in {one.id for one in made}
    lines = {(event["file"], event["offset"]) for event in alert.events if event["file"]}
    shown = {(sight.item.origin.file, sight.item.place) for each in told for sight in each.sights
             if isinstance(sight.item, Event)}
    assert lines <= shown


# --- the words ----------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path):
    """So many refused logins, a second apart, and one line of another kind before the last."""
    path = tmp_path / "auth.log"
    lines = [f"Failed password for bob from 192.0.2.{n}\n" for n in (7, 7, 8, 7)]
    path.write_text("".join([*lines[:3], "something else\n", lines[3]]))
    return str(path)


def shown(told, config):
    return list(tree(told.sights, config))


def test_a_near_miss_is_told_with_how_far_its_window_was(config, log):
    told = shown(why_line(config(GUESSING), spot_of(log, line=2)), config(GUESSING))

    assert ["  guessing:",
            "    grep         passed it on: user=bob, ip=192.0.2.7",
            "      threshold  kept it; ip=192.0.2.7: 2 of 3 within 1m",
            "    in roots:",
            "      where      did not pass it on"] == told[1:]
    assert told[0].endswith("  Failed password for bob from 192.0.2.7")


def test_a_line_that_no_step_wants_is_told_as_such_though_no_scanner_let_it_through(config, log):
    told = shown(why_line(config(GUESSING), spot_of(log, line=4)), config(GUESSING))

    assert ["  guessing:", "    grep  it does not match"] == told[1:]


def test_an_alert_is_told_with_its_id_and_why_others_are_not(config, log):
    with open(log, "a") as file:
        file.write("Failed password for root from 192.0.2.7\n")
    alerts = replay(config(GUESSING), [log]).alerts
    fired = shown(why_line(config(GUESSING), spot_of(log, line=5)), config(GUESSING))
    later = shown(why_line(config(GUESSING), spot_of(log, line=6)), config(GUESSING))

    assert any(f"alert {alerts[0].id}: 192.0.2.7 guesses" in line for line in fired)
    assert any("kept it back: it fired before, and rests; ip=192.0.2.7: rests until " in line for line in later)
    assert any(line.endswith(f"alert {alerts[1].id}: root from 192.0.2.7") for line in later)


def test_a_line_that_is_only_told_meets_what_is_remembered(config):
    first = why_text(config(GUESSING), "Failed password for bob from 192.0.2.7", now=1000.0)
    assert "1 of 3 within 1m" in "\n".join(shown(first, config(GUESSING)))

    def remembered(step, fingerprint):
        from corowatch.core.memory import Memory

        row = [990.0, None, [[980.0, 990.0], 0.0, 0, None]]
        return Memory({'{"ip": "192.0.2.7"}': row} if step == "guessing.threshold" else {})

    text = "\n".join(shown(why_text(config(GUESSING), "Failed password for bob from 192.0.2.7", now=1000.0,
                                    remembered=remembered), config(GUESSING)))
    assert "passed it on: count=3" in text
    assert "192.0.2.7 guesses" in text


def test_a_file_that_no_source_reads_is_nobody_s(config, tmp_path):
    (tmp_path / "a.log").write_text("line\n")
    told = why_line(config("flows: {a: {journal: {}, grep: x, alert: console}}"), Spot(str(tmp_path / "a.log"), 0))

    assert ([], "line") == (told.sights, told.text)


def test_there_is_no_such_alert(config, log):
    assert why_alert(config(GUESSING), lambda alert: alert.id == "x", [log]) is None


# --- where a line stands --------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "offset"), [
    ({"line": 1}, 0), ({"line": 2}, 4), ({"line": 3}, 8), ({"offset": 0}, 0), ({"offset": 3}, 0), ({"offset": 4}, 4),
    ({"offset": 7}, 4), ({"offset": 10}, 8),
])
def test_a_line_is_found_by_its_number_or_by_one_of_its_bytes(tmp_path, monkeypatch, asked, offset):
    from corowatch.rules import asking

    (tmp_path / "a.log").write_text("one\ntwo\nthree")
    for gulp in (1, 2, 3, 5, 1 << 20):
        monkeypatch.setattr(asking, "GULP", gulp)
        assert Spot(str(tmp_path / "a.log"), offset) == spot_of(str(tmp_path / "a.log"), **asked)


@pytest.mark.parametrize(("asked", "told"), [({"line": 3}, "has no line 3"), ({"offset": 8}, "has no byte 8")])
def test_there_is_no_such_line(tmp_path, asked, told):
    (tmp_path / "a.log").write_text("one\ntwo\n")

    with pytest.raises(OSError, match=told):
        text_at(spot_of(str(tmp_path / "a.log"), **asked))


def test_what_a_step_did_is_said_by_its_counts(config, log):
    late = GUESSING.replace("timestamp: none", "timestamp: auto").replace("Failed", "(?:.*)Failed")
    with open(log, "w") as file:
        file.write("2026-03-02 08:10:00 Failed password for bob from 192.0.2.7\n"
                   "2026-03-02 08:00:00 Failed password for bob from 192.0.2.7\n")
    loaded = config(late)
    (told,) = why_line(loaded, spot_of(log, line=2)).sights
    threshold = next(sight for sight in told.all() if sight.step == "guessing.threshold")

    assert "kept it back: it is older than the newest by more than `lateness`" == did(
        threshold, loaded.steps["guessing.threshold"], {})


def test_a_line_of_a_packed_log_is_met_after_those_before_it(config, tmp_path):
    loaded = config(GUESSING)
    lines = "Failed password for bob from 192.0.2.7\n" * 3
    (tmp_path / "auth.log").write_text(lines)
    (tmp_path / "old.log.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "auth.log.1.gz").symlink_to("old.log.gz")

    for name in ("auth.log", "old.log.gz", "auth.log.1.gz"):
        said = "\n".join(tree(why_line(loaded, spot_of(str(tmp_path / name), line=2)).sights, loaded))
        assert "threshold  kept it; ip=192.0.2.7: 2 of 3 within 1m" in said


@pytest.mark.parametrize(("line", "why"), [
    ("disk 7 is full", "line 2 of DIR/usual.templates explains it: disk <num> is full"),
    ("disk sda is empty", "line 3 of DIR/usual.templates explains it: disk <*> is empty"),
    ("DEBUG x", "it matches `except`"), (" ", "it is blank"), ("panic", "another flow looks for it")])
@pytest.mark.parametrize(("otherwise", "did"), [("", "kept it back: "), (
    "  rest: {from: a.unexpected.otherwise, alert: {title: x}}\n", "sent it to `otherwise`: ")])
def test_why_a_line_is_expected_is_told(config, tmp_path, line, why, otherwise, did):
    (tmp_path / "usual.templates").write_text("# mine\ndisk <num> is full\t3\tx\ndisk <*> is empty\n")
    loaded = config("flows:\n  a:\n    tail: '*.log'\n"
                    "    unexpected: {templates: usual.templates, except: DEBUG, rules: true}\n"
                    f"    alert: {{title: x}}\n  b: {{tail: '*.log', grep: panic, alert: {{title: y}}}}\n{otherwise}")

    said = "\n".join(tree(why_text(loaded, line, now=1000.0).sights, loaded))

    assert f"unexpected  {did}{why}\n" in f"{said}\n".replace(str(tmp_path), "DIR")


def test_a_line_is_not_the_one_before_that_holds_bytes_of_no_text(config, tmp_path):
    loaded = config("flows: {a: {tail: '*.log', grep: 'ERR|calm', alert: {title: '{text}'}}}")
    (tmp_path / "a.log").write_bytes(b"ERR " + b"\xff" * 60 + b"\ncalm\n")

    told = why_line(loaded, spot_of(str(tmp_path / "a.log"), line=2))

    assert ["calm"] == [sight.item.text for sight in told.sights]


@pytest.mark.parametrize(("line", "text"), [(1, "S 1\n a\n b"), (2, "S 1\n a\n b"), (3, "S 1\n a\n b"), (4, "S 2\n c"),
                                            (5, "S 2\n c")])
def test_a_line_of_a_record_is_the_record(config, tmp_path, line, text):
    loaded = config("flows: {a: {tail: {paths: '*.log', multiline: {start: '^S'}}, grep: S, alert: {title: x}}}")
    (tmp_path / "a.log").write_text("S 1\n a\n b\nS 2\n c\n")

    told = why_line(loaded, spot_of(str(tmp_path / "a.log"), line=line))

    assert [text] == [sight.item.text for sight in told.sights]


@pytest.mark.parametrize(("steps", "line", "says"), [
    (("- grep: ERR\n      name: errors\n    - alert: {title: x}\n  rest:\n    - from: a.errors.otherwise\n"
     "    - alert: {title: y}"), "calm", "errors   sent it to `otherwise`"),
    ("- pair: {open: 'on (?P<n>.)', close: 'off {n}', within: 1m, missing: true}\n    - alert: {title: x}", "on 1",
     "kept it back: its key is open already"),
    ("- dedupe: {within: 1h}\n    - alert: {title: x}", "calm", "dedupe  kept it back"),
])
def test_what_is_said_is_true(config, tmp_path, steps, line, says):
    loaded = config(f"flows:\n  a:\n    - tail: '*.log'\n    {steps}\n")
    (tmp_path / "a.log").write_text(f"{line}\n" * 2)

    said = "\n".join(tree(why_line(loaded, spot_of(str(tmp_path / "a.log"), line=2)).sights, loaded))

    assert says in said
    assert not re.search("[0-9a-f]{32}", said)
