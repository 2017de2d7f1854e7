"""Every example is run over its own input, by a real daemon in this process; nothing leaves.

An example is a folder: `config.yaml`, its input, and `expected.jsonl`, the alerts in their order. The input is
`input.log`, which takes the place of every file that the config names; or a folder `input`, laid out as the file
system is, where one file will not do.
"""

import json
import re
import time
from fnmatch import fnmatch
from functools import partial
from itertools import count
from operator import itemgetter
from pathlib import Path

import pytest
from msgspec.structs import replace

from corowatch import daemon as daemon_module
from corowatch.core.config import SinkUse
from corowatch.core.errors import Place
from corowatch.core.stamps import Stamps
from corowatch.core.values import Glob
from corowatch.daemon import Daemon, WallClock
from corowatch.discovery import discover
from corowatch.loading import load_paths
from corowatch.notify import Notify
from corowatch.sources import life
from corowatch.store import Store

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "config"
EXAMPLES = sorted(path.parent for path in CONFIG.glob("examples/*/config.yaml"))
NOON = 1772539200.0
"""3 March 2026, 12:00 UTC: the time it is in every replay, a day after the lines of the inputs."""
DEBIAN = (
    "/var/log/auth.log", "/var/log/cron.log", "/var/log/kern.log", "/var/log/mail.log", "/var/log/syslog",
    "/var/log/apache2/*", "/var/log/haproxy.log", "/var/log/letsencrypt/*", "/var/log/mysql/*", "/var/log/nginx/*",
    "/var/log/postgresql/*", "/var/log/tomcat10/*", "/var/lib/docker/containers/*", "/var/log/pods/*",
    "/var/log/backup/*", "/var/log/gunicorn/*",
)
"""Where Debian 12 has its logs, and its packages, Docker and Kubernetes; the last two are for programs to fill."""

PIECE = 400
"""Bytes that are read before it ends, to go on with another."""

OF_PROGRAMS = {"java.io", "k8s.io", "rsyslog.com"}
"""Names in what programs write of themselves."""

each_example = pytest.mark.parametrize("example", [pytest.param(path, id=path.name) for path in EXAMPLES])


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    """It is NOON, in UTC, and a second later at each look at the clock, so that every turn passes time on."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(daemon_module, "WallClock", clock)
    yield
    monkeypatch.undo()
    time.tzset()


def clock(stepped):
    return WallClock(stepped, partial(next, count(NOON)), partial(next, count(0.0)))


class Replay(Daemon):
    """Remembers in which order alerts were made: one that waits for the lines after it leaves later."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self.made = []

    def _put(self, alert):
        self.made.append(alert.id)
        super()._put(alert)


def replay(example, folder):
    """The alerts of an example as a machine is given them, in the order in which they were made."""
    written = folder / "alerts.jsonl"
    store = Store(folder / "state")
    try:
        daemon = Replay(lambda: redirected(loaded(example), example, written), store, once=True, notify=Notify(""))
        daemon.begin()
        assert 0 == daemon.run()
    finally:
        store.close()
    alerts = {alert["id"]: alert for alert in map(json.loads, written.read_text().splitlines())}
    assert set(daemon.made) == set(alerts)
    return [alerts[one] for one in daemon.made]


def redirected(config, example, written, inputs=None):
    """The config with the example's input for what it reads, or a copy of that, and one file for all sinks."""
    sink = SinkUse("kept", discover().sink["file"], {"path": str(written)}, {}, Place("", 1, 1))
    steps = {}
    for name, step in config.steps.items():
        given = {}
        if step.kind.name == "tail":
            given = {"paths": tuple(dict.fromkeys(place_of(path, inputs or example) for path in step.options["paths"]))}
        elif step.kind.name == "alert":
            given = {"to": ("kept",)}
        steps[name] = replace(step, options={**step.options, **given})
    return replace(config, steps=steps, sinks={"kept": sink}, declared=())


def place_of(path, example):
    return Glob(f"{example}/input{path}" if (example / "input").is_dir() else f"{example}/input.log")


def told(alert, example):
    """Of an alert, what is the same in every replay and matters to whom is told."""
    own = {name: alert[name] for name in ("flow", "title", "severity", "key", "count", "at", "before", "after")}
    own["held"] = alert["fields"].get("held")
    if any(step.kind.name == "check" for step in loaded(example).steps.values()):
        del own["at"]  # it is when a command has ended
    texts = [event["text"] for event in alert["events"]]
    return {**{name: value for name, value in own.items() if value}, "events": texts}


def expected(example):
    return [json.loads(line) for line in (example / "expected.jsonl").read_text().splitlines()]


def inputs(example):
    single = example / "input.log"
    return [single] if single.exists() else sorted(path for path in example.glob("input/**/*") if path.is_file())


def loaded(example):
    return load_paths([str(example / "config.yaml")])


@each_example
def test_an_example_alerts_of_what_it_should_and_of_nothing_else(example, tmp_path):
    got = [told(alert, example) for alert in replay(example, tmp_path)]

    # Flows that read one file are each sent it block by block: the order is promised within a flow.
    assert sorted(expected(example), key=itemgetter("flow")) == sorted(got, key=itemgetter("flow"))


@each_example
def test_every_flow_that_alerts_does_so_once_at_least(example):
    """A flow that never fires proves nothing."""
    alerting = {step.flow for step in loaded(example).steps.values() if step.kind.name == "alert"}

    assert alerting == {alert["flow"] for alert in expected(example)}


@each_example
def test_most_lines_of_an_input_are_nothing_to_tell_of(example):
    lines = sum(len(path.read_text().splitlines()) for path in inputs(example))

    assert 15 <= lines <= 60
    assert len(expected(example)) <= lines / 3


@each_example
def test_an_input_names_nobody(example):
    """Only addresses and names for documentation: RFC 5737, RFC 3849, RFC 2606."""
    text = "".join(path.read_text() for path in inputs(example))
    addresses = re.findall(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.])", text)
    names = re.findall(r"\b[a-z0-9-]+\.(?:com|net|org|de|io)\b", text)

    assert [] == [one for one in addresses
                  if not one.startswith(("192.0.2.", "198.51.100.", "203.0.113.", "127.0.0.", "0.0.0.0"))]
    assert {*names} <= {"example.org", *OF_PROGRAMS}


@each_example
def test_a_config_leaves_no_question(example):
    assert () == loaded(example).notes


@each_example
def test_a_config_reads_what_a_debian_12_has(example):
    paths = [path for step in loaded(example).steps.values() if step.kind.name == "tail"
             for path in step.options["paths"]]

    assert paths
    assert [] == [path for path in paths if not any(fnmatch(path, known) for known in DEBIAN)]


@each_example
def test_a_config_says_in_three_lines_at_most_what_it_is_for(example):
    comments = re.findall(r"^ *# (?!yaml-language-server)", (example / "config.yaml").read_text(), re.MULTILINE)

    assert 1 <= len(comments) <= 3


def test_all_examples_and_the_installed_config_are_one_config_together():
    """Whoever copies an example into /etc/corowatch has it beside what stands there, and its alerts go the same way."""
    config = load_paths([str(CONFIG / "corowatch.yaml"), *(str(example / "config.yaml") for example in EXAMPLES)])

    assert () == config.notes
    assert {("alerts",)} == {step.options["to"] for step in config.steps.values() if step.kind.name == "alert"}


def uses(example):
    """The kinds of an example's steps that are worth a look, in their order."""
    steps = loaded(example).steps.values()
    kinds = [step.kind.name for step in steps if step.kind.name not in ("tail", "alert")]
    outlets = ["otherwise" for step in steps for way in step.inputs if way.outlet == "otherwise"]
    beside = [name for name in ("before", "after", "multiline") if any(step.options.get(name) for step in steps)]
    return list(dict.fromkeys([*kinds, *outlets, *beside]))


def test_the_readme_names_every_example_and_what_it_uses():
    rows = re.findall(r"^\| \[([\w-]+)\]\(config/examples/([\w-]+)/\) \| .* \| (.*) \|$",
                      (ROOT / "README.md").read_text(), re.MULTILINE)

    assert [(one.name, one.name, uses(one)) for one in EXAMPLES] == [
        (name, folder, re.findall(r"`(\w+)`", used)) for name, folder, used in rows]


@pytest.mark.slow
@each_example
@pytest.mark.parametrize("kill", [True, False], ids=["killed", "stopped"])
def test_an_example_gives_the_same_over_restarts_in_the_middle_of_it(example, tmp_path, monkeypatch, kill):
    """After every few lines it ends, as by kill -9 or by SIGTERM, and another goes on.

    What a throttle holds it tells when it is closed, so of flows with one the second is no matter.
    """
    steps = loaded(example).steps.values()
    throttled = {step.flow for step in steps if step.kind.name == "throttle" or step.options.get("throttle")}
    if any(step.kind.name == "check" for step in steps):
        pytest.skip("when a command ends is not for us to say")
    monkeypatch.setattr(life, "LEAST", PIECE)
    monkeypatch.setattr(life, "GULP", PIECE)
    monkeypatch.setattr(life, "SIP", 4 * PIECE)
    monkeypatch.setattr(daemon_module, "TURN", 0.0)  # each turn reads one piece
    monkeypatch.setattr(daemon_module, "LAST_READ", 0.0)
    written, runs, made = tmp_path / "alerts.jsonl", 0, []
    while True:
        store = Store(tmp_path / "state")
        daemon = Replay(lambda: redirected(loaded(example), example, written), store, once=True, notify=Notify(""))
        daemon.begin()
        runs += 1
        daemon.step()
        over = not any(source.behind for source in daemon.sources.values())
        if over:
            assert 0 == daemon.run()
        elif kill:
            daemon._watch.stop()
            for courier in daemon.couriers.values():
                courier.stop()
                courier.join(time.monotonic() + 5.0)
        else:
            daemon.close("test")
        made += daemon.made
        store.close()
        if over:
            break
    alerts = {alert["id"]: alert for alert in map(json.loads, written.read_text().splitlines())}
    got = [told(alerts[one], example) for one in dict.fromkeys(made)]

    assert runs > 1
    want, got = ([one for one in sorted(alerts, key=itemgetter("flow")) if kill or one["flow"] not in throttled]
                 for alerts in (expected(example), got))
    assert want == got


class Live:
    """A clock that shows when the next line is written: as it tells, never back."""

    def __init__(self):
        self.now = 0.0

    def read(self):
        return self.now

    def made(self, stepped):
        return WallClock(stepped, self.read, self.read)


def written_over_time(example):
    """Every line of the inputs with its file and the time at which it was written, in the order of these."""
    lines = []
    timestamp = next(step.options["timestamp"] for step in loaded(example).steps.values() if step.kind.name == "tail")
    for path in inputs(example):
        stamps = Stamps(timestamp)
        at = 0.0
        for line in path.read_bytes().splitlines(keepends=True):
            at = max(at, stamps.read(line[:512], NOON) or at)
            lines.append((at, path, line))
    return sorted(lines, key=itemgetter(0))


@pytest.mark.slow
@each_example
def test_an_example_gives_the_same_live(example, tmp_path, monkeypatch):
    """Line by line, as they were written, with the clock on the wall at the time of each."""
    if any(step.kind.name in ("check", "cron") for step in loaded(example).steps.values()):
        pytest.skip("goes by the clock on the wall")
    lines = written_over_time(example)
    assert lines[0][0], "the first line tells when it was written"
    clock, written, copy = Live(), tmp_path / "alerts.jsonl", tmp_path / "copy"
    monkeypatch.setattr(daemon_module, "WallClock", clock.made)
    for path in inputs(example):
        target = copy / path.relative_to(example)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    clock.now = lines[0][0]
    store = Store(tmp_path / "state")
    daemon = Replay(lambda: redirected(loaded(example), example, written, copy), store, notify=Notify(""))
    daemon.begin()
    for at, path, line in lines:
        while clock.now < at:  # time passes, and nothing comes
            clock.now = min(at, clock.now + max(1.0, (at - clock.now) / 50))
            daemon.step()
        with (copy / path.relative_to(example)).open("ab") as file:
            file.write(line)
        daemon._searched = daemon._swept = 0.0  # as if it were told of
        daemon.step()
    clock.now = NOON
    for _ in range(3):
        clock.now += 5.0
        daemon.step()
    daemon.close("test")
    store.close()
    alerts = {alert["id"]: alert for alert in map(json.loads, written.read_text().splitlines())}
    got = [told(alerts[one], example) for one in daemon.made]

    assert sorted(expected(example), key=itemgetter("flow")) == sorted(got, key=itemgetter("flow"))


def test_what_the_readme_shows_for_a_rule_of_others_is_an_example_that_has_the_kind():
    """A row that names one kind at least that none of its examples uses would show something else."""
    table = (ROOT / "README.md").read_text().partition("| there | here | example |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.*) \| (.*) \| (\[.*) \|$", table, re.MULTILINE)
    nodes = discover().node

    assert len(rows) > 20
    for rule, here, shown in rows:
        used = [word for name in re.findall(r"\(config/examples/([\w-]+)/\)", shown)
                for word in uses(CONFIG / "examples" / name)]
        named = [word for word in re.findall(r"`(\w+)", here) if word in nodes]
        assert not named or set(named) & {*used, "alert"}, rule
