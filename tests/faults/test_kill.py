"""SIGKILL at every moment that matters, a write-ahead log that is torn, and descriptors that outlive a process."""

import fcntl
import json
import os
import random
import shutil
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from corowatch.store import Store

from .judge import CLEAN, against, count, counting, counts, missing, seen, tallied
from .process import until
from .writer import Steady

WINDOWS = """\
  windows:
    tail: {tail}
    grep: '^w,(?P<a>\\d{{6}})\\d\\d(?P<b>\\d\\d),'
    threshold: {{at_least: 100, within: 1h, by: [a, b]}}
    alert: {{to: [out, hook], title: '{{a}} {{b}} {{text}}'}}
"""
"""A hundred windows stay open at a time, each over ten thousand lines; the last line of each fires it."""


def fired(writer):
    """What the windows of WINDOWS must have told, by the ledger: key, and the line that made it a hundred."""
    lines = len(writer.written)
    return {(f"{block:06d}", f"{key:02d}", f"w,{block * 10000 + 9900 + key:010d}")
            for block in range(lines // 10000 + 1) for key in range(100) if block * 10000 + 9900 + key < lines}


def titles(alerts):
    return {(a, b, text[:12]) for a, b, text in (one["title"].split() for one in alerts if one["flow"] == "windows")}


def test_t36_killed_at_random_under_load(area, scale, oracle, figures):
    """kill -9 at random moments under 10,000 lines a second, with windows open and two sinks being delivered to."""
    kills = scale.pick(25, 500)
    chance = random.Random(seed := random.randrange(1 << 32))
    sinks = f"  out: {{file: {area.folder}/alerts.jsonl}}\n  hook: {{webhook: '{oracle.url}'}}\n"
    daemon = area.daemon(config={"block": True, "every": "000", "sinks": sinks,
                                 "more": WINDOWS.format(tail=area.tail())})
    w = area.writer()
    steady = Steady(w, 10_000, batch=50)
    for _ in range(kills):
        daemon.spawn()
        time.sleep(chance.uniform(0.3, 1.0))
        daemon.kill()
    steady.stop()
    daemon.start()

    told = area.judge(daemon, block=True, every=1000, seconds=scale.pick(60, 600))
    everything = {flow: len(area.alerts(flow)) for flow in ("each", "windows")}
    if everything != stood_for(oracle.got):
        daemon.start()  # what still waited for the webhook when it was stopped leaves now
        until(lambda: everything == stood_for(oracle.got), 300, lambda: (everything, stood_for(oracle.got)))
        daemon.stop()
    ad = against(oracle.got, w, every=0)[1]
    figures(AD=ad, seed=seed, lines=len(w.written), kills=kills)
    assert CLEAN == told, seed
    assert fired(w) == titles(area.alerts("windows"))
    assert kills >= ad, "at most the alert in hand, once a kill"


def stood_for(got):
    """For each flow the alerts that were told, by those that came: where too many wait, one stands for several."""
    by_id = {}
    for one in got:
        by_id[one["id"]] = one["flow"], max(by_id.get(one["id"], ("", 0))[1], one["fields"].get("folded", 1))
    told = Counter()
    for flow, folded in by_id.values():
        told[flow] += folded
    return dict(told)


def test_t37_killed_at_the_nth_system_call(area, scale, figures):
    """SIGKILL on the N-th pwrite64, fdatasync or ftruncate of a run: N is chosen, so no moment is missed by luck."""
    if not shutil.which("strace"):
        pytest.skip("T37: needs strace")
    every = [(call, n) for call in ("pwrite64", "fdatasync", "ftruncate") for n in range(1, 201)]
    spread = [1, 2, 3, 5, 8, 12, 17, 25, 40, 60, 90, 200]
    cases = scale.pick([(call, n) for call in ("pwrite64", "fdatasync") for n in spread] + [("ftruncate", 1)], every)
    daemon = area.daemon(config={"every": "0"})
    w = area.writer()
    struck = 0
    for call, n in cases:
        daemon.wrap = ("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                       "-e", f"inject={call}:signal=SIGKILL:when={n}")
        daemon.spawn()
        end = time.monotonic() + scale.pick(4, 8)
        while daemon.alive and time.monotonic() < end:
            w.write(10)
            time.sleep(0.01)
        struck += not daemon.alive
        daemon.kill()
    daemon.wrap = ()
    daemon.start()

    told = area.judge(daemon, every=10)
    figures(struck=f"{struck}/{len(cases)}")
    assert CLEAN == told
    assert len(cases) * 0.6 <= struck, "else nothing was tried"


def consistent(state, size):
    """Whether a state is whole: position, what is counted and the outbox tell of the same lines. Gives how many."""
    store = Store(state)
    store.close()
    with closing(sqlite3.connect(state / "state.db")) as db:
        offsets = {json.loads(row)["offset"] for row, in db.execute(
            "SELECT state FROM positions JOIN readers USING (reader) WHERE step = 'count.tail'")} or {0}
        counted = {json.loads(key)["seq"]: count for key, count in counts(
            lambda sql, *values: db.execute(sql, values).fetchall(), "count.tally").items()}
        alerts = {json.loads(body)["title"] for body, in db.execute("SELECT body FROM outbox WHERE sink = 'out'")}
        assert "ok" == db.execute("PRAGMA integrity_check").fetchone()[0]
    lines, half = divmod(offsets.pop(), size)
    assert (0, set()) == (half, offsets)
    assert {f"{seq:010d}": 1 for seq in range(lines)} == counted
    assert {f"w,{seq:010d}" for seq in range(0, lines, 10)} == alerts
    return lines


def torn(wal, chance):
    """Cut the log off anywhere, or leave zeros anywhere in it."""
    size = wal.stat().st_size
    at = chance.randrange(size)
    if chance.random() < 0.5:
        os.truncate(wal, at)
        return
    with open(wal, "r+b") as log:
        log.seek(at)
        log.write(bytes(min(size - at, chance.choice([1, 100, 4096, 20000, size]))))


def test_t38_a_torn_write_ahead_log(area, scale, figures):
    """What a power cut leaves of the log: whatever is missing, position, counts and outbox are those of one moment."""
    trials, starts = scale.pick((60, 2), (1000, 20))
    chance = random.Random(seed := random.randrange(1 << 32))
    daemon = area.daemon(config={"every": "0"}).start()
    w = area.writer()
    for _ in range(30):  # under a thousand pages: the log holds all, and no part of it is in the database yet
        w.write(10)
        until(lambda: seen(daemon) == len(w.written))
    daemon.kill()
    whole = area.folder / "whole"
    shutil.copytree(daemon.state, whole)
    held = set()
    for trial in range(trials):
        shutil.rmtree(daemon.state)
        shutil.copytree(whole, daemon.state)
        torn(daemon.state / "state.db-wal", chance)
        if trial % (trials // starts) == 0:
            (area.folder / "alerts.jsonl").unlink(missing_ok=True)
            daemon.start()
            area.settle(daemon)
            assert 0 == daemon.stop(), seed
            assert (0, 0, 0) == count(daemon, w), seed
        else:
            held.add(consistent(daemon.state, w.size))

    figures(L=0, D=0, trials=trials, moments=len(held), seed=seed)
    assert 5 < len(held), "the log was torn at different moments"


def answered(port):
    """Whether an answer from this port lies in a socket of ours, not read yet."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[2].endswith(f":{port:04X}") and row[4].partition(":")[2] != "00000000" for row in rows)


def test_t51_killed_between_the_answer_and_its_note(area, oracle, figures):
    """The sink has said 204, and the daemon is killed before it can note so: delivered again, under the same id."""
    daemon = area.daemon(config={"every": "", "sinks": f"  hook: {{webhook: '{oracle.url}'}}\n"}).start()
    w = area.writer()
    oracle.refuses = lambda alert: bool(daemon.pause())  # it stands still while it is answered

    w.write(1)
    until(lambda: answered(oracle.http.server_port))
    daemon.kill()
    oracle.refuses = lambda alert: False
    daemon.start()
    w.write(2)
    until(lambda: len(oracle.ids("each")) == 3)
    assert 0 == daemon.stop()

    lost, doubled, _ = count(daemon, w)
    al, ad = against([one for one in oracle.got if one["flow"] == "each"], w, every=1)
    figures(L=lost, D=doubled, AL=al, AD=ad)
    assert (0, 0, 0, 1) == (lost, doubled, al, ad)
    assert [2, 1, 1] == list(oracle.ids("each").values())


def lagging(area, **env):
    """A daemon that knows how large a file is and has read some of it: each line takes half a millisecond."""
    config = counting(area.folder, area.tail())
    step = area.folder / "check.py"
    step.write_text(step.read_text().replace("import zlib", "import time\nimport zlib").replace(
        "event = yield\n", "event = yield\n        time.sleep(0.0005)\n"))
    daemon = area.run(config, env=env).start()
    w = area.writer()
    w.write(8000)
    until(lambda: 0 < seen(daemon))
    return daemon, w


def handed_back(daemon):
    """Let the next start have what was stored, as systemd hands it over."""
    names = sorted(daemon.stored)
    fds = [fcntl.fcntl(daemon.stored[name], fcntl.F_DUPFD, 100) for name in names]
    moves = " ".join(f"{n}<&{fd}" for n, fd in enumerate(fds, 3))
    daemon.wrap = ("bash", "-c", f'exec {moves}; LISTEN_PID=$$ exec "$@"', "bash")
    daemon.env |= {"LISTEN_FDS": str(len(fds)), "LISTEN_FDNAMES": ":".join(names)}
    daemon.options["pass_fds"] = fds
    return fds


def test_t58_killed_with_an_unlinked_file_unread_and_its_descriptor_kept(area):
    """Rotated, unlinked and unread; the supervisor kept the descriptor: nothing is lost."""
    daemon, w = lagging(area, FDSTORE="512")
    until(lambda: daemon.stored, 10, "no descriptor was handed to the supervisor")
    w.path.unlink()
    w.open()
    w.write(100)
    daemon.kill()
    fds = handed_back(daemon)
    daemon.start()

    told = area.judge(daemon)
    for fd in fds:
        os.close(fd)
    assert CLEAN == told
    assert [] == area.losses()


def test_t58_killed_with_an_unlinked_file_unread_and_nothing_kept(area, figures):
    """The same without a supervisor that keeps descriptors: what is lost is told, to the byte."""
    daemon, w = lagging(area)
    size = w.path.stat().st_size
    w.path.unlink()
    w.open()
    daemon.kill()
    fresh = len(w.written)
    w.write(100)
    daemon.start()
    until(lambda: seen(daemon) >= 100 and any(seq == f"{w.written[-1]:010d}" for _, seq in tallied(daemon)))
    assert 0 == daemon.stop()

    lost = missing(daemon, w)
    counted = count(daemon, w)
    figures(L=len(lost), D=counted.doubled, B=daemon.bytes_lost(), size=size)
    assert lost
    assert max(lost) < fresh
    assert 0 == counted.doubled
    assert len(lost) * w.size == daemon.bytes_lost()
    assert 1 == len(area.losses())
