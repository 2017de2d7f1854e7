"""The tests of rules in a suite of pytest: each test of a `*.test.yaml`, or of a config with a section `tests`, is one.

    pytest rules/
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ENDING = ".test.yaml"
"""Not imported: what pytest loads before it measures would not count as covered."""


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take a file in, if it has tests of rules."""
    if file_path.name.endswith(ENDING) or (file_path.suffix == ".yaml" and _has_tests(file_path)):
        collector: pytest.Collector = RulesFile.from_parent(parent, path=file_path)
        return collector
    return None


def _has_tests(path: Path) -> bool:
    lines = path.read_bytes().split(b"\n")
    return any(line.startswith(b"tests:") for line in lines) and any(line.startswith(b"flows:") for line in lines)


class RulesFile(pytest.File):
    """A file with tests."""

    def collect(self) -> Iterator[pytest.Item]:
        from corowatch.core.errors import ConfigError
        from corowatch.rules.testing import suites

        try:
            found = list(suites([str(self.path)]))
        except ConfigError as error:
            raise self.CollectError(str(error)) from None
        for suite in found:
            for placed in suite.cases:
                if Path(placed.place.file).name == self.path.name:  # those beside are files of their own
                    yield RuleTest.from_parent(self, name=placed.case.called, suite=suite, placed=placed)


class _FailedRuleError(Exception):
    """What a test gave is not as it was expected."""


class RuleTest(pytest.Item):
    """One test."""

    def __init__(self, *, suite: Any, placed: Any, **given: Any) -> None:
        super().__init__(**given)
        self._suite, self._placed = suite, placed

    def runtest(self) -> None:
        import time

        from corowatch.rules.testing import Trial

        outcome = Trial(self._suite, self._placed, time.time()).run()
        if not outcome.passed:
            raise _FailedRuleError("\n".join(outcome.told()))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, _FailedRuleError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self._placed.place.line - 1, self.name
