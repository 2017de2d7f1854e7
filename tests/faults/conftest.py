"""Scale, watch mode, an area for a row, and the table of results at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .judge import Told, against, alerts, count, counting, losses, wait
from .oracle import Oracle
from .process import Daemon
from .writer import Writer

HERE = Path(__file__).parent
COLUMNS = ("L", "D", "AL", "AD", "B")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--scale", choices=["ci", "full"], default="ci", help="how large the rows of the fault matrix are")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.faults)


class Scale(str):
    """"ci" or "full"."""

    __slots__ = ()

    def pick(self, ci: Any, full: Any) -> Any:
        """One of two numbers, by the scale."""
        return full if self == "full" else ci


@pytest.fixture
def scale(request: pytest.FixtureRequest, record_property: Any) -> Scale:
    """How large the row is: `scale.pick(20, 1000)`."""
    return Scale(request.config.getoption("--scale", "ci"))


@pytest.fixture(params=["auto", "poll"])
def watch(request: pytest.FixtureRequest) -> str:
    """A row that takes this runs twice: with notifications, and with none."""
    return request.param


@pytest.fixture
def figures(request: pytest.FixtureRequest, record_property: Any) -> Any:
    """`figures(L=0, D=0, …)` puts a row's figures into the table; call it before the asserts. Others than L, D, AL,
    AD and B are told behind the verdict."""

    def tell(**told: object) -> None:
        for name, value in told.items():
            record_property(f"figure {name}", value)

    record_property("scale", request.config.getoption("--scale", "ci"))
    return tell


@pytest.fixture
def oracle() -> Iterator[Oracle]:
    """An HTTP sink outside the fault zone."""
    made = Oracle()
    yield made
    made.end()


class Area:
    """A folder for one row: `logs`, the daemon, its writers, and the judgement of both.

        daemon = area.daemon("{paths: LOGS/app.log*, start: beginning}").start()
        w = area.writer("app.log")
        …
        told = area.judge(daemon)
        assert CLEAN == told
    """

    def __init__(self, folder: Path, watch: str, figures: Any) -> None:
        self.folder, self.logs, self.watch = folder, folder / "logs", watch
        self.logs.mkdir()
        self.writers: list[Writer] = []
        self._daemons: list[Daemon] = []
        self._figures = figures

    def tail(self, paths: str = "LOGS/app.log", more: str = "") -> str:
        """YAML of tail's options; LOGS stands for the folder of logs."""
        paths = paths.replace("LOGS", str(self.logs))
        return f"{{paths: [{paths}], start: beginning, watch: {self.watch}{', ' + more if more else ''}}}"

    def daemon(self, paths: str = "LOGS/app.log", *, tail: str = "", config: dict[str, Any] | None = None,
               **options: Any) -> Daemon:
        """A daemon that counts the lines of `paths`; `tail` adds options of it, `config` goes to `counting`."""
        return self.run(counting(self.folder, self.tail(paths, tail), **(config or {})), **options)

    def run(self, config: str, **options: Any) -> Daemon:
        """A daemon with a config of the row's own."""
        made = Daemon(self.folder, config, **options)
        self._daemons.append(made)
        return made

    def writer(self, name: str | None = "app.log", called: str | None = None, **options: Any) -> Writer:
        """A writer of a file among the logs, whose lines are judged; None: one that has no file yet."""
        called = called or "wxyzabcdefghijklmnop"[len(self.writers)]
        made = Writer(self.logs / name if name else None, called, **options)
        self.writers.append(made)
        return made

    def settle(self, daemon: Daemon, *, lost: int = 0, seconds: float = 60.0) -> None:
        """Wait until all that was written, less `lost`, is counted."""
        wait(daemon, *self.writers, lost=lost, seconds=seconds)

    def judge(self, daemon: Daemon, *, lost: int = 0, stop: bool = True, block: bool = False, seconds: float = 60.0,
              every: int = 100) -> Told:
        """Wait, stop the daemon in order, compare, and put the figures into the table. Its own ledger must add up."""
        self.settle(daemon, lost=lost, seconds=seconds)
        if stop:
            status = daemon.stop()
            assert 0 == status, daemon.said()
        counted = count(daemon, *self.writers, block=block)
        al, ad = against(alerts(self.folder), *self.writers, every=every)
        told = Told(counted.lost, counted.doubled, al, ad, daemon.bytes_lost(), counted.strange)
        self._figures(L=told.lost, D=told.doubled, AL=al, AD=ad, B=told.bytes_lost)
        assert 0 == daemon.unaccounted(), daemon.source()
        return told

    def alerts(self, flow: str = "each") -> list[dict[str, Any]]:
        return alerts(self.folder, flow)

    def losses(self) -> list[dict[str, Any]]:
        """The internal alerts that tell of a loss."""
        return losses(self.folder)

    def end(self) -> None:
        for daemon in self._daemons:
            daemon.end()
        for writer in self.writers:
            writer.close()


@pytest.fixture
def area(request: pytest.FixtureRequest, tmp_path: Path, figures: Any) -> Iterator[Area]:
    """A row's own folder. Its watch mode is that of the row, or auto."""
    watch = request.getfixturevalue("watch") if "watch" in request.fixturenames else "auto"
    made = Area(tmp_path, watch, figures)
    yield made
    made.end()


# --- the table --------------------------------------------------------------------------------------------


def row_of(report: pytest.TestReport) -> list[str]:
    """A report as a row of the table."""
    found = re.match(r".*::test_(t\d+\w?)_([a-z0-9_]+)(?:\[(.*)\])?$", report.nodeid)
    assert found, report.nodeid
    told = dict(report.user_properties)
    extra = " ".join(f"{name[7:]}={value}" for name, value in told.items()
                     if name.startswith("figure ") and name[7:] not in COLUMNS)
    why = report.longrepr[2].removeprefix("Skipped: ") if report.skipped and isinstance(report.longrepr, tuple) else ""
    verdict = {"passed": "pass", "failed": "FAIL", "skipped": f"skip: {why}"}[report.outcome]
    return [found[1].upper(), found[2].replace("_", " "), str(told.get("scale", "")), found[3] or "",
            *(str(told.get(f"figure {name}", "")) for name in COLUMNS), f"{report.duration:.1f}",
            f"{verdict} {extra}".strip()]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [report for outcome in ("passed", "failed", "error", "skipped")
               for report in terminalreporter.stats.get(outcome, [])
               if isinstance(report, pytest.TestReport) and re.search(r"faults/test_\w+\.py::test_t\d", report.nodeid)]
    if not reports:
        return
    table = [["row", "scenario", "scale", "watch", *COLUMNS, "seconds", "verdict"],
             *sorted(map(row_of, reports), key=lambda row: (row[0], row[3]))]
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]) - 1)]
    terminalreporter.section("faults")
    terminalreporter.write_line("L lines lost, D counted twice, AL alerts lost, AD delivered again (same id), "
                                "B bytes that were told as lost")
    for row in table:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        terminalreporter.write_line("  ".join([*padded, row[-1]]))
