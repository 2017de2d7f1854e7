import glob
import os

import pytest

from corowatch.sources.globs import find, fixed, matches


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name in ("a.log", "b.log", "b.txt", ".h.log", "x/a.log", "x/y/a.log", "x/y/[z].log", "x/.h/a.log", "^.log",
                 "]"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return str(tmp_path)


PATTERNS = ["*.log", "?.log", "[ab].log", "[!a].log", "[^a].log", "[]]", "x/*", "x/*/*.log", "*/a.log", "**/*.log",
            "**", "x/**", "x/**/a.log", "**/y/*", "x/y/[[]z].log", ".*.log", "a*b", "nothing*", "**/**/a.log", "x/y/[z",
            "**.log", "[!]a].log", "[z-a].log", "[]a].log", "**/**", "**/x/**/*.log"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_is_found_is_what_glob_finds(tree, pattern):
    want = {path for path in glob.glob(f"{tree}/{pattern}", recursive=True) if not os.path.isdir(path)}

    assert want == {path for path in find(f"{tree}/{pattern}") if os.path.isfile(path)}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_path_matches_if_it_would_be_found(tree, pattern):
    files = [os.path.join(folder, name) for folder, _, names in os.walk(tree) for name in names]
    found = set(glob.glob(f"{tree}/{pattern}", recursive=True))

    assert [path in found for path in files] == [matches(f"{tree}/{pattern}", path) for path in files]


def test_many_stars_against_a_long_name_take_no_time():
    """With an expression that backtracks this would take minutes."""
    assert not matches("/var/log/" + "*-" * 12 + "*.log", "/var/log/" + "-" * 250)


def test_a_path_without_wildcards_is_itself():
    assert ["/var/log/none.log"] == find("/var/log/none.log")


def test_folders_that_links_lead_to_again_are_walked_once(tree):
    for name in ("loop", "again", "x/up"):
        os.symlink(tree, name)
    os.symlink("self", "self")

    found = find(f"{tree}/**/*.log")

    assert 6 == len({os.path.realpath(path) for path in found})
    assert len(found) <= 10


def test_a_folder_that_cannot_be_listed_hides_no_other(tree, monkeypatch):
    real = os.scandir

    def scandir(path):
        if path.endswith("/y"):
            raise PermissionError
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)

    assert [f"{tree}/a.log", f"{tree}/x/a.log"] == find(f"{tree}/**/a.log")


@pytest.mark.parametrize(("pattern", "want"), [
    ("/var/log/a.log", ("/var/log", False)), ("/var/log/*.log", ("/var/log", False)),
    ("/var/*/x.log", ("/var", True)), ("/var/log/**/*.log", ("/var/log", True)), ("/*.log", ("/", False))])
def test_the_fixed_part_is_what_can_be_watched(pattern, want):
    assert want == fixed(pattern)
