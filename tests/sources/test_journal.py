"""With a program in `journalctl`'s place that plays what the test wrote; the real one is in the systemd tests."""

import json
import os
import stat
import textwrap
import threading
import time
from math import inf

import pytest

from corowatch.sources import journal as module
from corowatch.sources.journal import Journal, own_fields, text_of
from corowatch.testing import Collect

PLAYER = """\
    #!/bin/sh
    # Notes how it was called; plays `entries`, from --cursor on, and goes on while `going` is there.
    cd "$(dirname "$0")"
    echo "$@" >> calls
    case "$*" in
    *--lines=1*) cat hint >&2; tail -n 1 entries; exit;;
    esac
    at=$(echo "$@" | sed -n 's/.*--cursor=\\([^ ]*\\).*/\\1/p')
    if [ -n "$at" ]; then sed -n "/\\"__CURSOR\\": \\"$at\\"/,\\$p" entries; else cat entries; fi
    case "$*" in
    *--follow*) while [ -e going ]; do sleep 0.02 >/dev/null; done; echo "it broke" >&2; exit 1;;
    esac
"""


def entry(n, text, **fields):
    return {"__CURSOR": f"c{n}", "__REALTIME_TIMESTAMP": str(1_000_000 * (1000 + n)), "MESSAGE": text,
            "_SYSTEMD_UNIT": "ssh.service", "_PID": "7", **fields}


class Player:
    def __init__(self, folder):
        self.folder, self.events, self.told, self.woken = folder, Collect(), [], threading.Event()
        (folder / "hint").write_text("")
        (folder / "going").touch()
        program = folder / "journalctl"
        program.write_text(textwrap.dedent(PLAYER))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.write()
        self.opened = []

    def write(self, *entries):
        (self.folder / "new").write_text("".join(json.dumps(one) + "\n" for one in entries))
        (self.folder / "new").rename(self.folder / "entries")

    def open(self, saved=None, *, once=False, start="end", units=(), match=(), begin=None, now=0.0):
        journal = Journal(self.events, units, match, start)
        journal.open(saved or {}, reader="r", start=begin, now=now, once=once, wake=self.woken.set,
                     tell=lambda kind, text, **fields: self.told.append((kind, text)))
        self.opened.append(journal)
        return journal

    def until(self, journal, predicate):
        end = time.monotonic() + 10.0
        while not predicate():
            assert time.monotonic() < end, "it did not come"
            if head := journal.head():
                head.read(5.0, head.next)
            journal.glance(5.0)
            self.woken.wait(0.02)
            self.woken.clear()

    def calls(self):
        return (self.folder / "calls").read_text().splitlines()

    def texts(self):
        return [event.text for event in self.events]


@pytest.fixture
def player(tmp_path, monkeypatch):
    monkeypatch.setitem(module.ENVIRONMENT, "PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    made = Player(tmp_path)
    yield made
    for journal in made.opened:
        journal.close()


def test_entries_are_events_with_their_fields(player):
    player.write(entry(1, "old"), entry(2, "Failed password", PRIORITY="3"))
    journal = player.open(start="beginning", units=("ssh.service",), match=("PRIORITY=3",))

    player.until(journal, lambda: len(player.events) == 2)

    event = player.events[1]
    assert ("Failed password", 1002.0, "c2") == (event.text, event.at, event.place)
    assert {"_SYSTEMD_UNIT": "ssh.service", "_PID": "7", "PRIORITY": "3"} == event.fields
    assert "--quiet --all --merge --output=json --follow --no-tail --unit=ssh.service PRIORITY=3" == player.calls()[-1]


def test_at_the_first_run_it_begins_at_the_end_which_is_kept_at_once(player):
    player.write(entry(1, "old"), entry(2, "newest"))

    journal = player.open()

    assert [("r", "c2")] == list(journal.changes())
    player.write(entry(1, "old"), entry(2, "newest"), entry(3, "new"))
    (player.folder / "going").unlink()
    player.until(journal, lambda: player.events)
    assert ["new"] == player.texts()
    assert [("r", "c3")] == list(journal.changes())
    journal.written()
    assert [] == list(journal.changes())


def test_it_goes_on_behind_the_entry_that_was_dealt_with_last(player):
    player.write(entry(1, "old"), entry(2, "new"))

    journal = player.open({"r": "c1"})

    player.until(journal, lambda: player.events)
    assert ["new"] == player.texts()


def test_a_child_that_ends_is_told_of_once_and_started_anew_behind_what_it_gave(player, monkeypatch):
    monkeypatch.setattr(module, "BASE", 0.01)
    player.write(entry(1, "one"))
    journal = player.open(start="beginning")
    player.until(journal, lambda: player.events)

    (player.folder / "going").unlink()
    player.until(journal, lambda: len(player.calls()) >= 4)

    assert [("unreadable", "journalctl: it broke; it is tried again")] == player.told
    assert journal.trouble
    assert "--cursor=c1" in player.calls()[-1]
    assert ["one"] == player.texts()
    player.until(journal, lambda: journal._child is None)  # one that is there has read what was
    player.write(entry(1, "one"), entry(2, "two"))
    (player.folder / "going").touch()
    player.until(journal, lambda: len(player.events) == 2)
    assert not journal.trouble


def test_once_it_ends_at_the_present_end(player):
    player.write(entry(1, "one"), entry(2, "two"))
    journal = player.open(once=True, begin="beginning")
    assert not journal.endless

    player.until(journal, lambda: journal.ended)

    assert ["one", "two"] == player.texts()
    assert "--follow" not in player.calls()[-1]


@pytest.mark.parametrize("own", ["corowatch.service", None])
def test_entries_of_its_own_are_passed_over(player, monkeypatch, own):
    mine = {"_SYSTEMD_UNIT": own, "_PID": "1"} if own else {"_PID": str(os.getpid())}
    monkeypatch.setattr(module, "own_fields", lambda: {"_SYSTEMD_UNIT": own} if own else {"_PID": str(os.getpid())})
    player.write(entry(1, "mine", **mine), entry(2, "theirs"), entry(3, "mine", **mine))
    journal = player.open(once=True, start="beginning")

    player.until(journal, lambda: journal.ended)

    assert ["theirs"] == player.texts()
    assert {"entries": 1, "own": 2, "skewed": 0, "passed_over": 0} == journal.counts
    assert [("r", "c3")] == list(journal.changes())


@pytest.mark.parametrize(("cgroup", "hidden"), [
    ("/user.slice/user-1000.slice/user@1000.service/app.slice/corowatch.service", True),
    ("/system.slice/corowatch.service", False)])
def test_a_users_unit_of_its_name_hides_nothing_from_the_systems(player, monkeypatch, tmp_path, cgroup, hidden):
    (tmp_path / "cgroup").write_text(f"0::{cgroup}\n")
    monkeypatch.setattr(module, "Path", lambda path: tmp_path / "cgroup")
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    player.write(*(entry(uid, f"by {uid}", _UID=str(uid), _SYSTEMD_UNIT=f"user@{uid}.service",
                         _SYSTEMD_USER_UNIT="corowatch.service") for uid in (1000, 1001)))
    journal = player.open(once=True, start="beginning")

    player.until(journal, lambda: journal.ended)

    assert ["by 1000", "by 1001"][hidden:] == player.texts()


def test_an_entry_of_tomorrow_was_written_now(player):
    player.write({**entry(1, "one"), "__REALTIME_TIMESTAMP": "99999999999000000"})
    journal = player.open(once=True, start="beginning")

    player.until(journal, lambda: journal.ended)

    assert player.events[0].at <= time.time()
    assert 1 == journal.counts["skewed"]


def test_an_entry_that_is_huge_is_passed_over_and_counted(player, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 1000)
    player.write(entry(1, "one"), entry(2, "x" * 5000), entry(3, "three"))
    journal = player.open(start="beginning")

    player.until(journal, lambda: len(player.events) == 2)

    assert ["one", "three"] == player.texts()
    assert 1 == journal.counts["passed_over"]
    assert ["lost"] == [kind for kind, _ in player.told]


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_of_several_readers_that_become_one_the_last_is_where_it_begins(player, names):
    places = ["s=1;i=9;b=1;m=1;t=5d37c3b2fd100;x=1", "s=1;i=1;b=1;m=1;t=5d37c3b2fd000;x=1"]

    journal = player.open(dict(zip(names, places, strict=True)))

    assert [] == list(journal.changes())
    player.until(journal, lambda: (player.folder / "calls").exists())
    assert f"--cursor={places[1]}" in player.calls()[-1]
    again = player.open({"a": places[0], "b": "@1600000000"})
    player.until(again, lambda: len(player.calls()) == 2)
    assert "--since=@1600000000" in player.calls()[-1]


def test_where_there_is_no_entry_yet_it_begins_at_the_time_of_now(player):
    journal = player.open(now=1700000000.5)

    assert [("r", "@1700000000")] == list(journal.changes())
    player.until(journal, lambda: len(player.calls()) == 2)
    assert "--since=@1700000000" in player.calls()[-1]
    again = player.open({"r": "@1700000000"}, begin="beginning")
    player.until(again, lambda: len(player.calls()) == 3)
    assert "--since=@1700000000" in player.calls()[-1]


def test_once_without_a_journalctl_it_ends(player, monkeypatch):
    monkeypatch.setitem(module.ENVIRONMENT, "PATH", "/nonexistent")
    monkeypatch.setenv("PATH", "/nonexistent")

    journal = player.open(once=True)

    assert journal.ended
    assert journal.trouble


def test_what_is_no_entry_is_passed_over(player):
    player.write(entry(1, "one"))
    with (player.folder / "entries").open("a") as file:
        file.write('torn {\n[1]\n{"MESSAGE": "no cursor"}\n')
    journal = player.open(once=True, start="beginning")

    player.until(journal, lambda: journal.ended)

    assert ["one"] == player.texts()


@pytest.mark.parametrize(("value", "text"), [
    ("text", "text"), ([104, 105, 255], "hi\\xff"), (["a", "b"], "a, b"), ([[104], "b"], "h, b"), (None, None),
    ([], "")])
def test_values_are_text_whatever_they_are_given_as(value, text):
    assert text == text_of(value)


def test_without_permission_it_says_so_with_the_cure(player):
    (player.folder / "hint").write_text("Hint: You are currently not seeing messages from other users.\nmore\n")

    player.open()

    assert [("unreadable", "journalctl: more (its group is systemd-journal); it is tried again")] == player.told


def test_where_there_is_no_journalctl_it_says_so(player, monkeypatch):
    monkeypatch.setitem(module.ENVIRONMENT, "PATH", "/nonexistent")
    monkeypatch.setenv("PATH", "/nonexistent")

    journal = player.open()

    assert [("unreadable", "journalctl: No such file or directory; it is tried again")] == player.told
    assert journal.head() is None


def test_while_more_waits_its_time_is_that_of_the_last(player):
    player.write(entry(1, "one"), entry(2, "two"))
    journal = player.open(start="beginning")
    assert 5000.0 == journal.time(5000.0)
    player.until(journal, lambda: player.events)

    assert 1002.0 == journal.time(5000.0)
    journal._came = -inf
    assert 5000.0 == journal.time(5000.0)


def test_entries_after_another_sources_next_wait(player):
    player.write(entry(1, "one"), entry(2, "two"), entry(9, "nine"))
    journal = player.open(start="beginning")
    end = time.monotonic() + 10.0
    while journal._child.entries.qsize() < 3:
        assert time.monotonic() < end
        player.woken.wait(0.02)

    journal.head().read(5.0, 1002.0)

    assert ["one", "two"] == player.texts()
    assert 1009.0 == journal.head().order()[0]


def test_entries_beside_one_are_told(player):
    player.write(*(entry(n, f"t{n}") for n in range(5)))
    journal = player.open(start="beginning")
    player.until(journal, lambda: len(player.events) == 5)

    assert ["t0", "t1"] == journal.lines_before("journal", "c2", 5)
    assert ["t1"] == journal.lines_before("journal", "c2", 1)
    assert ["t3"] == journal.lines_after("journal", "c2", 1)
    assert ([], None) == (journal.lines_before("journal", "gone", 2), journal.lines_after("journal", "gone", 2))


def test_its_own_unit_is_what_its_control_group_says(tmp_path, monkeypatch):
    cgroup = tmp_path / "cgroup"
    monkeypatch.setattr(module, "Path", lambda path: cgroup)

    cgroup.write_text("0::/system.slice/corowatch.service\n")
    assert {"_SYSTEMD_UNIT": "corowatch.service"} == own_fields()
    cgroup.write_text("0::/user.slice\n")
    assert {"_PID": str(os.getpid())} == own_fields()
    cgroup.unlink()
    assert {"_PID": str(os.getpid())} == own_fields()
