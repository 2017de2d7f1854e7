"""The rules of the house, read from its own source."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from corowatch.core.config import ConfigFile, load
from corowatch.core.table import Table, TableFile
from corowatch.core.values import Function
from corowatch.discovery import discover
from corowatch.generate import generated

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "corowatch"
MODULES = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}
PURE = [name for name in MODULES if name.split("/")[0] in ("core", "engines", "nodes")]
OUTSIDE = {"os", "io", "time", "threading", "socket", "subprocess", "logging", "structlog", "sqlite3", "watchdog",
           "signal", "pathlib", "shutil", "tempfile", "asyncio", "multiprocessing"}
KINDS = discover()


@cache
def imported(name):
    """The modules that a module imports, wherever in it."""
    found = set()
    for one in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(one, ast.Import):
            found |= {alias.name for alias in one.names}
        elif isinstance(one, ast.ImportFrom):
            found.add(one.module)
    return found


def importers(package):
    return {name for name in MODULES if package in {module.split(".")[0] for module in imported(name)}}


def names(name):
    return {one.id for one in ast.walk(ast.parse(MODULES[name].read_text())) if isinstance(one, ast.Name)}


@pytest.mark.parametrize("name", PURE)
def test_what_decides_touches_nothing_outside(name):
    assert set() == {module.split(".")[0] for module in imported(name)} & OUTSIDE


@pytest.mark.parametrize("name", PURE)
def test_what_decides_knows_nothing_of_what_runs_it(name):
    own = {module for module in imported(name) if module.split(".")[0] == "corowatch"}

    assert set() == {module for module in own if module.split(".")[1:2] not in (["core"], ["engines"])}


@pytest.mark.parametrize(("package", "homes"), [
    ("watchdog", {"observer.py", "watch.py"}),
    ("sqlite3", {"store.py", "memory_log.py", "upgrade.py", "daemon.py", "cli.py"}),  # the last two for its Error alone
    ("yaml", {"core/yaml_places.py"}),
    ("structlog", {"log.py"}),
    ("re2", {"core/pattern.py", "engines/re2set.py"}),
    ("hyperscan", {"engines/hyperscan.py", "scouting.py"}),
    ("regex", {"core/pattern.py"}),
    ("stringzilla", {"core/lines.py", "scouting.py"}),
    ("drain3", {"rules/drain.py"}),
    ("lark", {"core/expression.py"}),
    ("igraph", {"rules/picture.py"}),
    ("subprocess", {"child.py", "scout.py", "sources/journal.py", "units.py", "commands/graph.py"}),
    ("urllib3", {"sinks/webhook.py"}),
    ("smtplib", {"sinks/email.py"}),
    ("apprise", {"sinks/apprise.py"}),
])
def test_each_library_has_its_home(package, homes):
    assert importers(package) <= homes
    assert importers(package)


@pytest.mark.parametrize("name", ["daemon.py", "cli.py"])
def test_beside_the_store_only_the_error_of_sqlite_is_known(name):
    used = {one.attr for one in ast.walk(ast.parse(MODULES[name].read_text()))
            if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == "sqlite3"}

    assert used <= {"Error"}


def test_only_scan_makes_events_of_blocks():
    both = {name for name in MODULES if name.startswith("core/") and {"Block", "Event"} <= names(name)}

    assert {"core/scan.py", "core/events.py"} == both  # where they are made of each other, and where both are defined


@pytest.mark.parametrize("kind", [pytest.param(kind, id=f"{kind.role}-{kind.name}") for kind in KINDS])
def test_every_kind_has_a_test_and_a_sentence_for_each_option(kind):
    assert (ROOT / "tests" / f"{kind.role}s" / f"test_{kind.name}.py").exists()
    assert [] == [option.name for option in kind.options.values() if not option.sentence.strip()]


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith(("nodes/", "sinks/"))])
def test_a_kind_can_be_read_at_a_glance(name):
    assert len(MODULES[name].read_text().splitlines()) <= 140


def test_the_engines_have_a_test():
    assert (ROOT / "tests" / "engines" / "test_engines.py").exists()


@pytest.mark.parametrize("name", ["README.md", "config/schema.json", "config/corowatch.1"])
def test_what_is_generated_is_current(name):
    assert generated(ROOT)[ROOT / name] == (ROOT / name).read_text()


def test_the_readme_names_every_kind():
    readme = (ROOT / "README.md").read_text()

    assert [] == [kind.name for kind in KINDS if f"| `{kind.name}` |" not in readme]


def shown():
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return [text for text in blocks if not text.startswith("tests:")]  # tests/rules/test_testing.py runs those


@pytest.mark.parametrize("text", [pytest.param(text, id=f"block {n}") for n, text in enumerate(shown(), 1)])
def test_what_the_readme_shows_is_a_right_config(text):
    config = load([ConfigFile("README.md", text, "/")], KINDS, secret=lambda kind, name: "hidden",
                  table=lambda path: TableFile(path, (), lambda asked: Table(asked.read([]))),
                  function=lambda file, name: Function(file, name, False, "", lambda: None))

    assert config.steps
