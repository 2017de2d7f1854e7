"""Where kinds come from: each of ours when it is asked for, and those of other packages."""

import subprocess
import sys
import zipfile

import pytest

from corowatch.core.events import Alert
from corowatch.core.kinds import ANYTHING
from corowatch.discovery import Shelf, discover, others_offer


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package of one module that offers these entry points."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)

    def install(name, code, **offered):
        (tmp_path / f"{name}.py").write_text(code)
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text("".join(
            f"[corowatch.{group}]\n{entry}\n" for group, entry in offered.items()))

    yield install
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


LOUD = """
from typing import Annotated
from corowatch.core.events import Consumer, Event, Target
from corowatch.core.kinds import node

@node
def loud(target: Target[Event], *, mark: Annotated[str, "behind it"] = "!") -> Consumer[Event]:
    \"\"\"Be loud.\"\"\"
    yield
"""


def test_other_packages_bring_kinds_by_entry_points(package):
    package("loudly", LOUD, nodes="loud = loudly:loud")

    kinds = discover.__wrapped__()

    assert "Be loud." == kinds.node["loud"].summary
    assert [] == kinds.broken


@pytest.mark.parametrize(("code", "why"), [
    ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    ("loud = 1", "TypeError: loudly:loud is no kind; it needs @node, @sink or @source"),
    ("", "AttributeError: module 'loudly' has no attribute 'loud'"),
    (LOUD.replace("def loud", "def grep") + "loud = grep",
     "ValueError: two node kinds are named 'grep': corowatch.nodes.grep.grep and loudly.grep"),
    (LOUD.replace("Annotated[str", "Annotated[bytes"),
     "TypeError: the option 'mark' has a type that no config can give: <class 'bytes'>"),
    (LOUD.replace("Annotated[str", "Annotated['gone'"), "NameError: name 'gone' is not defined"),
    (LOUD.replace('mark: Annotated[str, "behind it"] = "!"', 'mark="!"'),
     "TypeError: the parameter 'mark' says nothing of its type; an option is mark: Annotated[str, 'what it is for']"),
    ("import sys\nsys.exit(3)", "SystemExit: 3"),
])
def test_a_package_that_is_broken_breaks_nothing_else(package, code, why):
    package("loudly", code, nodes="loud = loudly:loud")
    package("other", LOUD.replace("def loud", "def softly"), nodes="softly = other:softly")

    kinds = discover.__wrapped__()

    assert [f"the package loudly offers corowatch.nodes: loud, which cannot be used: {why}"] == list(
        map(str, kinds.broken))
    assert {"grep", "softly"} <= kinds.node.keys()
    assert "loud" not in kinds.node


def test_the_package_has_these():
    kinds = discover()

    assert {"tail", "stdin", "corowatch"} <= set(kinds.source)
    assert {"grep", "drop", "threshold", "throttle", "tally", "python", "alert"} <= set(kinds.node)
    assert {"console", "exec", "file"} <= set(kinds.sink)
    assert (ANYTHING,) == kinds.node["python"].adds
    assert kinds.node["alert"].sends is Alert


# --- each when it is asked for ------------------------------------------------------------------------

LOOK = """
import sys
from corowatch.core.config import ConfigFile, load
from corowatch.discovery import at_hand

load([ConfigFile("c.yaml", sys.argv[1])], at_hand())
FOLDERS = "corowatch.nodes.", "corowatch.sinks.", "corowatch.sources."
print(*sorted(name for name in sys.modules if name.startswith(FOLDERS) or name == "importlib.metadata"))
"""


def loaded_for(text):
    """The modules of kinds that are there once a config was loaded, and `importlib.metadata` if it is."""
    done = subprocess.run([sys.executable, "-c", LOOK, text], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_nothing_is_imported_that_a_config_does_not_name():
    assert ["corowatch.nodes.alert", "corowatch.nodes.grep", "corowatch.sinks.console",
            "corowatch.sources.stdin"] == loaded_for("flows: {a: {stdin: , grep: x, alert: }}")


def test_what_a_group_must_not_be_named_all_nodes_tell():
    assert "corowatch.nodes.stats" in loaded_for("flows: {a: {stdin: , grep: '(?P<who>x)', alert: }}")


def test_a_shelf_has_what_discover_finds():
    known = discover()

    for role, table in (("source", known.source), ("node", known.node), ("sink", known.sink)):
        shelf = Shelf(role)
        ours = {name: kind for name, kind in table.items() if kind.function.__module__.startswith("corowatch.")}
        assert ours == dict(shelf)
        assert len(ours) == len(shelf)
        assert "grepp" not in shelf
    assert "absent" not in Shelf("source")  # a module that is there, and no kind's


@pytest.mark.parametrize("entries", [
    "[corowatch.nodes]\nloud = loudly:loud\n",
    "[console_scripts]\nloud = loudly:main\n\n[corowatch.sinks]\nloud = loudly:loud\n",
])
def test_a_package_that_offers_something_is_noticed(package, entries, tmp_path):
    package("loudly", "")
    (tmp_path / "loudly-1.dist-info" / "entry_points.txt").write_text(entries)

    assert others_offer()


def test_a_package_is_noticed_whatever_its_folder_is_like(package, tmp_path, monkeypatch):
    package("loudly", "", nodes="loud = loudly:loud")
    (tmp_path / "loudly-1.dist-info").rename(tmp_path / "LOUDLY-1.EGG-INFO")
    noticed = others_offer()
    monkeypatch.undo()
    assert not others_offer()

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")

    assert noticed
    assert others_offer()


def test_packages_that_offer_nothing_are_no_reason_to_look(package, tmp_path):
    package("loudly", "")
    (tmp_path / "loudly-1.dist-info" / "entry_points.txt").write_text("[console_scripts]\nloud = corowatch.cli:x\n")
    (tmp_path / "old.egg-info").write_text("")
    (tmp_path / "bare-1.dist-info").mkdir()

    assert not others_offer()


def test_what_is_no_folder_is_looked_through_with_care(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as made:
        made.writestr("x.py", "")
    monkeypatch.syspath_prepend(tmp_path / "gone.zip")
    assert not others_offer()
    monkeypatch.syspath_prepend(tmp_path / "all.zip")

    assert others_offer()


def test_who_finds_packages_in_another_way_is_asked(monkeypatch):
    class Finder:
        def find_distributions(self, context=None):
            return ()

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])

    assert others_offer()
