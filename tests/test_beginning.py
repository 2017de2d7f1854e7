"""Configs to begin with."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from corowatch.beginning import APPLICATIONS, KNOWN, RULES, Beginning, asking_the_journal, fitting, sink
from corowatch.core.config import ConfigFile
from corowatch.core.stamps import Stamps
from corowatch.examples import example
from corowatch.loading import load_texts
from corowatch.machine import APPLICATION, PLACES, Log, Machine
from corowatch.rules.replaying import replay

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "config" / "examples"
NOON = 1772539200.0
"""3 March 2026, after the lines of the examples."""
ALL = tuple(Log(place.what, place.globs[0], (place.globs[0],)) for place in PLACES)
APP = Log(APPLICATION, "/var/log/it's/*.log", ("/var/log/it's/a.log",))


def machine(*logs, journal=False):
    return Machine(logs, {}, {}, journal, True)


def text_of(there, rules=None, where=("/x/alerts.jsonl",)):
    return Beginning(there, there.logs, fitting(there, there.logs) if rules is None else rules,
                     [sink(one) for one in where]).text()


def loaded(text):
    return load_texts([ConfigFile("begun.yaml", text, "/")])


def reads(text):
    return {path for step in loaded(text).steps.values() for path in step.options.get("paths", ())}


@pytest.mark.parametrize(("there", "names"), [
    (machine(), []),
    (machine(journal=True), ["ssh", "sudo", "memory", "disks", "services"]),
    (machine(*ALL), [one.name for one in RULES]),
    (machine(*ALL, journal=True), [one.name for one in RULES]),
    (machine(ALL[0], APP, journal=True), ["ssh", "sudo", "memory", "disks", "full", "services", "applications"]),
])
def test_rules_fit_logs_that_are_there_or_the_journal(there, names):
    assert names == [one.name for one in fitting(there, there.logs)]
    assert () == loaded(text_of(there)).notes


def test_logs_that_were_not_chosen_have_no_rules_and_are_not_replaced_by_the_journal():
    assert ["ssh", "sudo"] == [one.name for one in fitting(machine(*ALL, journal=True), [ALL[1]])]


def test_what_a_machine_has_elsewhere_is_read_there():
    elsewhere = machine(*(Log(place.what, place.globs[-1], ("x",)) for place in PLACES))

    assert {place.globs[-1] for place in PLACES} - {"/var/log/kern.log"} == reads(text_of(elsewhere))


def test_an_application_has_a_rule_of_its_own():
    text = text_of(machine(APP))

    assert {"/var/log/it's/*.log"} == reads(text)
    assert "my-app" not in text
    assert "# my-app:" in text_of(machine())


def test_each_rule_says_what_it_is_for():
    for rules in RULES:
        assert f"  {example(rules.example)[0].splitlines()[0]}\n" in text_of(machine(*ALL), [rules])
    assert APPLICATIONS in KNOWN


@pytest.mark.parametrize("rules", [pytest.param(one, id=one.name) for one in RULES if one.journal])
def test_asked_of_the_journal_the_rules_find_the_same(rules, tmp_path):
    """The example's own log, as the journal has it: what syslog writes before the message stands in fields."""
    folder = EXAMPLES / rules.example
    entries = []
    for number, line in enumerate((folder / "input.log").read_text().splitlines()):
        found = re.match(r"((?:\w{3} +\d+ )?\S+) (\S+) ([\w./@-]+)(?:\[(\d+)\])?: (?:\[ *\d+\.\d+\] )?(.*)", line)
        if found is None:
            continue
        time, host, program, pid, message = found.groups()
        at = Stamps("auto").read(time.encode(), NOON)
        kernel = {"_TRANSPORT": "kernel"} if program == "kernel" else {}
        entries.append({"__REALTIME_TIMESTAMP": str(int(at * 1e6)),
                        "__CURSOR": f"s={number}", "_HOSTNAME": host, "SYSLOG_IDENTIFIER": program, "_UID": "0",
                        "_PID": pid or "0", "MESSAGE": message.lstrip(), **kernel})
    (tmp_path / "journal.json").write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
    config = loaded(text_of(machine(journal=True), [rules]))

    told = [alert.title for alert in replay(config, [str(tmp_path / "journal.json")]).alerts]

    wanted = [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines()]
    assert sorted(alert["title"] for alert in wanted) == sorted(told)
    assert not reads(text_of(machine(journal=True), [rules]))


def test_flows_without_a_program_of_syslog_stay_as_they_are():
    flows = example("nginx-5xx")[1]

    assert flows == asking_the_journal(flows)


@pytest.mark.parametrize(("where", "name"), [
    ("ops@example.org", "mail"), ("Ops <ops@example.org>", "mail"), ("https://hooks.example.org/it's", "hook"),
    ("/var/log/a: b.jsonl", "alerts"), ("console", "console")])
def test_where_alerts_go_is_told_by_how_it_is_written(where, name):
    assert [name] == list(loaded(text_of(machine(), where=[where])).declared)


@pytest.mark.parametrize(("where", "why"), [
    ("ops", "'ops' is none of these: ops@example.org, https://HOST/PATH, or /the/path/of/a/file"),
    ("ops@", "'ops@' is no address of mail; write ops@example.org or 'Ops <ops@example.org>'"),
    ("ftp://x", "'ftp://x' is no address of a web server; write https://HOST/PATH"),
    ("/var/log/", "'/var/log/' is none of these")])
def test_what_is_none_of_these_is_refused(where, why):
    with pytest.raises(ValueError) as refused:
        sink(where)

    assert str(refused.value).startswith(why)


def test_the_wheel_has_the_examples_that_are_begun_with():
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    examples = {source: target for source, target in shipped["force-include"].items() if "examples" in source}
    assert {f"config/examples/{one.example}/config.yaml": f"corowatch/examples/{one.example}.yaml"
            for one in RULES} == examples
