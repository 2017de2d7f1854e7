"""Tests of rules: found beside the configs, run by the coroutines that run in earnest, by a time that nobody waits for.

Tests stand in the section `tests` of a config, or in files that end with `.test.yaml`: beside a config of that name, in
a folder for all that is a config there, or for the `config` that they name.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from corowatch.core.cases import Placed, moment, read_cases
from corowatch.core.config import Config, ConfigFile, Step
from corowatch.core.errors import ConfigError, Mistake, Place
from corowatch.core.events import Alert, Event
from corowatch.core.graph import Failure as Raised
from corowatch.core.graph import Feed, feed_of
from corowatch.core.jobs import Job
from corowatch.core.text import safe
from corowatch.core.values import FilePath, Given, Reading, convert, nearest
from corowatch.core.verdict import Failure, judge
from corowatch.core.yaml_places import Page, read
from corowatch.loading import TESTS, configs_in, load_texts, read_files
from corowatch.rules.asking import flows_of
from corowatch.rules.logs import Logs, readers_of, source_of_lines
from corowatch.rules.rehearsal import Rehearsal
from corowatch.rules.telling import tree
from corowatch.rules.witness import Sight, Witness
from corowatch.sources import Source

SAID = 2000
"""Characters that are kept of what a command would say."""


class Suite(msgspec.Struct, frozen=True):
    """A config and its tests."""

    name: str
    config: Config
    cases: Sequence[Placed]


class Outcome(msgspec.Struct):
    """What a test gave."""

    suite: Suite
    placed: Placed
    failures: list[Failure]
    alerts: list[Alert] = msgspec.field(default_factory=list)
    sights: list[Sight] = msgspec.field(default_factory=list)
    raised: list[Raised] = msgspec.field(default_factory=list)
    trouble: list[str] = msgspec.field(default_factory=list)
    began: float = 0.0
    seconds: float = 0.0
    """How long it took."""

    @property
    def passed(self) -> bool:
        return not self.failures and not self.raised and not self.trouble

    def told(self) -> Iterator[str]:
        """What went wrong: each a text, the first line in short."""
        yield from map(safe, self.trouble)
        for raised in self.raised:
            yield f"{raised.node} failed: {type(raised.error).__name__}: {safe(str(raised.error))}"
        for failure in self.failures:
            lines = [f"{failure.place}: expected {safe(failure.wanted)}", f"  found: {safe(failure.found)}",
                     *(f"  {line}" for line in self.trace(failure))]
            yield "\n".join(lines)

    def trace(self, failure: Failure) -> list[str]:
        """What the nodes did with the line that comes nearest to what was expected."""
        near = self._near(failure)
        return list(tree(near, self.suite.config)) if near else []

    def _near(self, failure: Failure) -> list[Sight]:
        if failure.nearest is not None:
            root = next((sight for sight in self.sights
                         for one in sight.all() if any(alert is failure.nearest for alert in one.alerts)), None)
        else:
            lines = [sight for sight in self.sights if isinstance(sight.item, Event)
                     and self.suite.config.steps[sight.step].flow in self.flows]
            until = inf if failure.at is None else self.began + failure.at
            deep = [(sum(1 for _ in sight.all()), sight.item.when <= until, at) for at, sight in enumerate(lines)]
            root = lines[max(deep)[2]] if deep else None
        return [] if root is None else [sight for sight in self.sights if sight.item is root.item]

    @property
    def flows(self) -> set[str]:
        """The flows that are asked about, and those that they follow."""
        config, flow = self.suite.config, self.placed.case.flow
        return {step.flow for step in config.steps.values()} if flow is None else flows_of(config, flow)


# --- finding ----------------------------------------------------------------------------------------


def suites(paths: Sequence[str]) -> Iterator[Suite]:
    """The tests of configs, test files and folders, one suite for what is one config. Raises ConfigError."""
    together = [path for path in paths or ["."] if not path.endswith(TESTS) and (
        not os.path.isdir(path) or configs_in(path))]
    if together:
        yield from _of_config(together)
    for path in paths or ["."]:
        if path.endswith(TESTS):
            yield from _of_files([Path(path)])
        elif os.path.isdir(path) and path not in together:
            found = sorted({file.parent for file in Path(path).rglob(f"*{TESTS}")} | {
                file.parent for file in Path(path).rglob("*.yaml")})
            if not found:
                raise ConfigError([Mistake(Place(path), "there is no *.yaml in this folder, nor below it")])
            for folder in found:
                yield from _of_config([str(folder)]) if configs_in(str(folder)) else _of_files(
                    _tests_in(folder))


def _tests_in(folder: Path) -> list[Path]:
    """The files of tests of a folder, but for those that an editor hides there."""
    return [file for file in sorted(folder.glob(f"*{TESTS}")) if not file.name.startswith(".")]


def _of_config(paths: Sequence[str]) -> Iterator[Suite]:
    """Of one config: the tests in its files, and those in the files of tests that go with it."""
    files = list(read_files(paths))
    beside = [Path(path).with_name(f"{Path(path).stem}{TESTS}") for path in paths if not os.path.isdir(path)]
    within = [file for path in paths if os.path.isdir(path) for file in _tests_in(Path(path))]
    own: list[Path] = []
    others: list[Path] = []
    for file in [*(file for file in beside if file.exists()), *within]:
        (others if _names_config(file) else own).append(file)
    yield _suite(" ".join(paths), files, [*files, *(one for file in own for one in read_files([str(file)]))])
    yield from _of_files(others)


def _names_config(file: Path) -> bool:
    root = read(str(file), file.read_text(errors="replace")).root
    return root is not None and isinstance(root.value, dict) and "config" in root.value


def _of_files(files: Iterable[Path]) -> Iterator[Suite]:
    for file in files:
        tests = list(read_files([str(file)]))
        page = read(tests[0].name, tests[0].text)
        root = page.root.value if page.root else None
        named = root.get("config") if isinstance(root, dict) else None
        paths: Sequence[str] = [str(file.with_name(file.name.removesuffix(TESTS) + ".yaml"))]
        if named is not None:
            reading = Reading(tests[0].folder)
            paths = convert(named, tuple[FilePath, ...], reading)
            _refuse(reading, {tests[0].name: page})
        elif not os.path.exists(paths[0]):
            paths = [str(file.parent)]
        yield _suite(str(file), list(read_files(paths)), tests)


def _suite(name: str, config: Sequence[ConfigFile], tests: Sequence[ConfigFile]) -> Suite:
    loaded = load_texts(config)
    flows = list(dict.fromkeys(step.flow for step in loaded.steps.values()))
    pages = {file.name: read(file.name, file.text) for file in tests}
    cases: list[Placed] = []
    mistakes = Reading()
    for file in tests:
        reading = Reading(file.folder, mistakes=mistakes.mistakes)
        root = pages[file.name].root
        if root is None or not isinstance(root.value, dict):
            reading.wrong(Place(file.name, 1, 1), "expected a mapping with `tests:`")
            continue
        if file.name.endswith(TESTS):
            _check_keys(root, reading)
        if "tests" in root.value:
            cases += read_cases(root.value["tests"], reading, flows)
    _refuse(mistakes, pages)
    return Suite(name, loaded, cases)


def _check_keys(root: Given, reading: Reading) -> None:
    assert isinstance(root.value, dict)
    for key in root.value:
        if key not in ("tests", "config") and not key.startswith("x-"):
            near = nearest(key, ["tests", "config"]) or "; there are tests, config and x-…"
            reading.wrong(root.keys[key], f"no key {key!r} in a file of tests{near}")


def _refuse(reading: Reading, pages: Mapping[str, Page]) -> None:
    mistakes = [*reading.mistakes, *(mistake for page in pages.values() for mistake in page.mistakes)]
    if mistakes:
        raise ConfigError([mistake._replace(source=pages[mistake.place.file].line(mistake.place))
                           for mistake in mistakes])


# --- running ----------------------------------------------------------------------------------------


class Trial:
    """One test, run once."""

    def __init__(self, suite: Suite, placed: Placed, now: float) -> None:
        self._suite = suite
        self._placed = placed
        self._case = placed.case
        self._now = now
        self._alerts: list[Alert] = []
        self._trouble: list[str] = []
        self._last = 0.0

    def run(self) -> Outcome:
        """The alerts, judged."""
        began = time.monotonic()
        golden = dict(self._golden())
        if self._trouble:
            return Outcome(self._suite, self._placed, [], trouble=self._trouble)
        witness = Witness(every_line=True)
        case = self._case
        try:
            rehearsal = Rehearsal([(self._config, self._alerts.append)], self._open, witness=witness,
                                  answer=self._run if case.answers else None)
        except ConfigError as error:
            return Outcome(self._suite, self._placed, [], trouble=[str(error)])
        start = self._read_all(rehearsal)
        alerts = [alert for alert in self._alerts if alert.flow in self._flows]
        failures = judge(self._placed, alerts, start, self._last, golden)
        if rehearsal.unanswered:
            self._trouble.append("a command of `check` has no answer; say under `answers` what it would be")
        return Outcome(self._suite, self._placed, failures, alerts, witness.kept, rehearsal.failures, self._trouble,
                       start, time.monotonic() - began)

    def _read_all(self, rehearsal: Rehearsal) -> float:
        """Run it to its end; gives when it began (seconds since the epoch)."""
        case = self._case
        first = min((head.order()[0] for source in rehearsal.sources.values() if (head := source.head())),
                    default=case.began)
        start = case.began if case.timed else first
        rehearsal.pass_time(start)
        while rehearsal.step():
            pass
        self._last = rehearsal.now - start
        ends = max([self._last, *(one.ends for one in case.then)]) + sum(one.quiet_for or 0.0 for one in case.then)
        rehearsal.run(start + ends if case.until is None else moment(case.until))
        return start

    @cached_property
    def _flows(self) -> set[str]:
        """The flows whose alerts count."""
        return {self._case.flow} if self._case.flow else {step.flow for step in self._suite.config.steps.values()}

    @cached_property
    def _config(self) -> Config:
        """The config; where the test says when lines come, nothing else does."""
        config = self._suite.config
        if not self._case.timed:
            return config
        return replace(config, steps={
            name: replace(step, options={**step.options, "timestamp": "none"}) if "timestamp" in step.options else step
            for name, step in config.steps.items()})

    @cached_property
    def _asked(self) -> set[str]:
        """The sources that the flow of the test reads."""
        steps = self._config.steps

        def sources(step: Step) -> Iterator[str]:
            if step.kind.role == "source":
                yield step.id
            for way in step.inputs:
                yield from sources(steps[way.step])

        return {name for step in steps.values() if step.flow in self._flows for name in sources(step)}

    def _open(self, feed: Feed) -> Source:
        case = self._case
        if not self._asked & set(feed.steps) or (feed.step.kind.name == "corowatch" and not case.flow):
            return Source()
        if case.lines:
            return source_of_lines(feed, case.coming(), case.began, None if case.timed else self._now)
        own = [path for path in self._files if feed.name in map(feed_of, readers_of(path, self._config))]
        return Logs(feed, own, self._told) if own else Source()

    @cached_property
    def _files(self) -> list[str]:
        found: list[str] = []
        for path in self._case.file:
            within = [str(file) for file in sorted(Path(path).rglob("*")) if file.is_file()]
            found += within if os.path.isdir(path) else [path]
        return found

    def _told(self, kind: str, text: str, **fields: Any) -> None:
        self._trouble.append(text)

    def _run(self, job: Job) -> tuple[int | None, str]:
        words = " ".join(job.argv)
        for reply in self._case.answers:
            if reply.to is None or reply.to.test(words):
                return reply.status, reply.says[-SAID:]
        self._trouble.append(f"nothing under `answers` is an answer to {words}")
        return None, ""

    def _golden(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """What stands in the files of alerts."""
        for one in self._case.then:
            if one.alerts is not None:
                try:
                    yield one.alerts, [_row(one.alerts, number, line) for number, line in enumerate(
                        Path(one.alerts).read_text(errors="backslashreplace").splitlines(), 1)]
                except OSError as error:
                    self._trouble.append(f"{one.alerts}: {error.strerror}")
                except ValueError as error:
                    self._trouble.append(str(error))


def _row(path: str, number: int, line: str) -> dict[str, Any]:
    """An alert that stands in a file. Raises ValueError where there is none."""
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise ValueError(f"{path}:{number}: expected an alert as JSON, as `corowatch replay --json` writes it")
    return row


def run(suite: Suite, wanted: Callable[[Placed], bool] = lambda placed: True) -> Iterator[Outcome]:
    """Each test of a suite, one after the other."""
    for placed in suite.cases:
        if wanted(placed):
            yield Trial(suite, placed, time.time()).run()

