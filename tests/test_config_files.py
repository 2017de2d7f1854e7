"""The config that is installed, as it stands and with what it leaves to be taken in."""

import re
from pathlib import Path

from corowatch.core.events import Event, Origin
from corowatch.core.graph import Graph
from corowatch.core.memory import Memory
from corowatch.loading import load_paths

INSTALLED = Path(__file__).parents[1] / "config" / "corowatch.yaml"


def test_the_installed_config_has_no_mistakes_and_no_notes():
    config = load_paths([str(INSTALLED)])

    assert {"ssh-guessing", "out-of-memory", "own"} == {step.flow for step in config.steps.values()}
    assert () == config.notes


def test_what_is_commented_out_is_right_when_it_is_taken_in(tmp_path):
    taken = re.sub(r"^  # (?=my-app:|  |ops:)", "  ", INSTALLED.read_text(), flags=re.MULTILINE)
    (tmp_path / "c.yaml").write_text(taken)

    config = load_paths([str(tmp_path / "c.yaml")])

    assert "my-app.tail" in config.steps
    assert {"alerts", "ops"} == set(config.sinks)


SSH = [
    "Connection closed by 192.0.2.7 port 51882 [preauth]",
    *["Failed password for anna from 192.0.2.10 port 40310 ssh2"] * 4,
    "Accepted password for anna from 192.0.2.10 port 40310 ssh2",
    *["Failed password for root from 203.0.113.5 port 33140 ssh2"] * 2,
    *["Failed password for invalid user a from 192.0.2.10 port 1 ssh2 from 203.0.113.5 port 33140 ssh2"] * 2,
    "Failed password for invalid user oracle from 203.0.113.5 port 33140 ssh2",
]
KERNEL = [
    "apt-check invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0",
    "Out of memory: Killed process 1604 (mariadbd) total-vm:2891236kB, anon-rss:1741212kB, file-rss:0kB",
    "oom_reaper: reaped process 1604 (mariadbd), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
]


def test_the_installed_config_tells_of_what_the_journal_holds():
    """A flow that never fires proves nothing."""
    alerts = []
    graph = Graph(load_paths([str(INSTALLED)]), put=alerts.append, memory=lambda step, fingerprint: Memory(),
                  report=lambda failure: None, host="web1", now=0.0)

    for step, entries in (("ssh-guessing.journal", SSH), ("out-of-memory.journal", KERNEL)):
        (feed,) = (feed for feed in graph.feeds.values() if step in feed.steps)
        for place, text in enumerate(entries):
            feed.entry.send(Event(Origin(feed.name, "journal"), str(place), float(place), text))

    assert [
        ("SSH guessing from 203.0.113.5: 5 tries, last user oracle", ("alerts",)),
        ("out of memory on web1: mariadbd was killed", ("alerts",)),
    ] == [(alert.title, alert.to) for alert in alerts]
