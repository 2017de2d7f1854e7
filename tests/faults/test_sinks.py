"""Sinks that are down, cut off, silent, too slow, or refuse what they are sent."""

import collections
import datetime
import json
import shutil
import time

from .judge import against, alerts, count
from .process import until
from .writer import Pace


def hook(oracle):
    return f"  hook: {{webhook: '{oracle.url}'}}\n"


def keyed(area, sinks, by="k"):
    """Each line is an alert, under one of ten keys."""
    return (f"flows:\n  each:\n    tail: {area.tail()}\n    grep: '^(?P<w>w),(?P<n>\\d*(?P<k>\\d)),'\n"
            f"    alert: {{to: [hook], title: '{{w}},{{n}}', by: [{by}]}}\nsinks:\n{sinks}")


def waiting(daemon):
    """Alerts that wait, with those that were folded into others."""
    rows = daemon.query("SELECT total(max(folded, 1)) FROM outbox WHERE state = 'waiting' AND sink = 'hook'")
    return int(rows[0][0]) if rows else 0


def of_each(oracle):
    return [one for one in list(oracle.got) if one["flow"] == "each"]


def told(oracle):
    """How many alerts those that came stand for."""
    return sum(one["count"] for one in of_each(oracle))


def in_order(got):
    """Whether the alerts of each key came in the order of their lines; fails with the first two that did not."""
    order = {}
    for number, one in enumerate(got):
        before, order[one["key"]["k"]] = order.get(one["key"]["k"], ""), one["title"]
        assert before < one["title"], (number, len(got), before, one["title"], one["events"][-1])
    return True


def test_t46_a_sink_that_is_down_while_many_alerts_come(area, scale, oracle, figures):
    """Down while alerts come in their thousands, then up: all arrive, each key's in order, the memory stays flat."""
    alerts_, pause = scale.pick((4000, 2), (100_000, 3600))
    oracle.mode = "down"
    daemon = area.run(keyed(area, hook(oracle))).start()
    w, pace = area.writer(), Pace(alerts_ / pause if scale == "full" else 4000)
    w.write(alerts_ // 10)
    until(lambda: waiting(daemon) == alerts_ // 10)
    before = daemon.resident()
    for _ in range(9):
        w.write(alerts_ // 10)
        pace.wait(alerts_ // 10)
    until(lambda: waiting(daemon) == alerts_, 120)
    full = daemon.resident()
    oracle.mode = "up"
    until(lambda: told(oracle) >= alerts_, scale.pick(60, 900), lambda: f"{told(oracle)} of {alerts_}")
    after = daemon.resident()
    until(lambda: waiting(daemon) == 0)
    assert 0 == daemon.stop()

    got = of_each(oracle)
    ad = len(got) - len(oracle.ids("each"))
    figures(AL=alerts_ - told(oracle), AD=ad, grown=f"{max(full, after) - before:.1f}MiB", refusals=oracle.requests)
    assert alerts_ == told(oracle)
    assert 0 == ad
    assert in_order(got)
    assert max(full, after) - before < 12


def test_t47_a_connection_cut_before_the_answer(area, oracle, figures):
    """The sink took it and the connection broke before it could say so: again, under the same id, and no other lost."""
    oracle.mode = "cut"
    daemon = area.run(keyed(area, hook(oracle))).start()
    w = area.writer()
    w.write(20)
    until(lambda: max(oracle.ids("each").values(), default=0) >= 2)
    oracle.mode = "up"
    until(lambda: waiting(daemon) == 0 and len(oracle.ids("each")) == 20, 60)
    assert 0 == daemon.stop()

    al, ad = against(of_each(oracle), w, every=1)
    by_title = collections.defaultdict(set)
    for one in of_each(oracle):
        by_title[one["title"]].add(one["id"])
    figures(AL=al, AD=ad)
    assert 0 == al
    assert ad >= 1
    assert {1} == {len(ids) for ids in by_title.values()}, "each repetition has the first one's id"
    assert oracle.keys == [one["id"] for one in oracle.got]


def seconds_of(daemon, folder, lines):
    """How long a daemon took to read so many lines: from the first alert's to the last one's moment of reading."""
    def last():
        return [one["at"] for one in alerts(folder) if one["title"] in (f"w,{0:010d}", f"w,{lines:010d}")]

    first, end = map(datetime.datetime.fromisoformat, until(lambda: len(last()) == 2 and last(), 120))
    return (end - first).total_seconds()


def test_t48_a_sink_that_never_answers(area, scale, oracle, figures):
    """It holds up nothing: lines are read as fast as with a sink that answers, and SIGTERM ends the daemon in time."""
    lines = scale.pick(30_000, 1_000_000)
    w = area.writer()
    w.write(lines + 1)
    sinks = f"  out: {{file: {area.folder}/alerts.jsonl}}\n" + hook(oracle)
    took, ended = collections.defaultdict(list), []
    for mode in ("silent", "up") * 6:
        if len(took["up"]) > 1 and min(took["up"]) >= 0.95 * min(took["silent"]):
            break  # others use the machine, too: the best of at most six counts
        shutil.rmtree(area.folder / "state", ignore_errors=True)
        (area.folder / "alerts.jsonl").unlink(missing_ok=True)
        (area.folder / "n").unlink(missing_ok=True)
        oracle.mode = mode
        daemon = area.daemon(config={"block": True, "every": "0000", "sinks": sinks}).start()
        took[mode].append(seconds_of(daemon, area.folder, lines))
        area.settle(daemon)
        began = time.monotonic()
        if mode == "up":
            until(lambda: waiting(daemon) == 0)  # noqa: B023 - it is asked at once
            assert 0 == daemon.stop()
        elif len(ended) == 0:
            assert 0 == daemon.stop()
            ended.append(time.monotonic() - began)
        else:
            daemon.kill()
        assert (0, 0, 0) == count(daemon, w, block=True)

    rate = min(took["up"]) / min(took["silent"])
    figures(L=0, D=0, rate=f"{rate:.2f}", end=f"{ended[0]:.1f}s", up=sorted(took["up"]), silent=sorted(took["silent"]))
    assert ended[0] < 20, "TimeoutStopSec is 45 s"
    assert rate >= 0.95


def test_t49_more_waits_than_an_outbox_holds(area, scale, oracle, figures):
    """Beyond 10,000 alerts those of one key become one with an exact count, while files rotate; none is dropped."""
    alerts_ = scale.pick(13_000, 100_000)
    oracle.mode = "down"
    daemon = area.run(keyed(area, hook(oracle)).replace("app.log", "app.log*")).start()
    w = area.writer()
    for n in range(10):
        w.write(alerts_ // 10)
        w.rotate(area.logs / f"app.log-202611{10 + n}")
    until(lambda: waiting(daemon) == alerts_, 120, lambda: waiting(daemon))
    rows = daemon.query("SELECT count(*) FROM outbox WHERE state = 'waiting' AND sink = 'hook'")[0][0]
    oracle.mode = "up"
    until(lambda: told(oracle) >= scale.pick(1000, alerts_), 240, lambda: f"{told(oracle)} of {alerts_}")
    assert 0 == daemon.stop()

    got = of_each(oracle)
    left = [json.loads(body) for body, in daemon.query(
        "SELECT body FROM outbox WHERE state = 'waiting' AND sink = 'hook' ORDER BY seq")]
    folded = [one for one in (*got, *left) if one["count"] > 1]
    figures(AL=alerts_ - told(oracle) - waiting(daemon), AD=len(got) - len(oracle.ids("each")), rows=rows,
            folded=len(folded), left=len(left))
    assert alerts_ == told(oracle) + waiting(daemon)
    assert len(got) == len(oracle.ids("each"))
    assert 10_010 >= rows, "the outbox is bounded"
    assert 10 == len(folded), "one a key"
    assert all(one["count"] == one["fields"]["folded"] for one in folded)
    assert alerts_ == daemon.source("each.tail")["lines"]


def test_t50_a_poison_alert_among_good_ones(area, oracle, figures):
    """What the sink refuses for good is set aside at once, told, and holds up nothing."""
    bad = {f"w,{seq:010d}" for seq in (3, 17, 18, 40)}
    oracle.refuses = lambda alert: alert["title"] in bad
    sinks = hook(oracle) + f"  out: {{file: {area.folder}/alerts.jsonl}}\n"
    daemon = area.run(keyed(area, sinks)).start()
    w = area.writer()
    w.write(50)
    until(lambda: waiting(daemon) == 0 and len(oracle.ids("each")) == 46)
    until(lambda: alerts(area.folder, "corowatch"))
    aside = daemon.query("SELECT body, attempts, why FROM outbox WHERE sink = 'hook' AND state = 'refused'")
    assert 0 == daemon.stop()

    al, ad = against(of_each(oracle), w, every=1)
    figures(AL=al - len(bad), AD=ad, aside=len(aside))
    assert len(bad) == al
    assert 0 == ad
    assert bad == {title for title in bad for body, _, _ in aside if title in body}
    assert {1} == {attempts for _, attempts, _ in aside}
    assert all("400" in why for _, _, why in aside)
    assert ["refused"] == [one["node"] for one in alerts(area.folder, "corowatch")], "told, once"
    assert len(bad) == daemon.summary()["sinks"]["hook"]["refused"]
    assert in_order(of_each(oracle))


def test_t50_keys_that_fail_on_and_on(area, oracle, figures):
    """Alerts of five keys get 503 each time: they wait, and those of the five other keys arrive at once."""
    bad = "01234"
    oracle.fails = lambda alert: alert["key"]["k"] in bad
    daemon = area.run(keyed(area, hook(oracle))).start()
    w = area.writer()
    w.write(100)
    until(lambda: len(oracle.ids("each")) == 50, 5, lambda: f"{len(oracle.ids('each'))} of 50")
    oracle.fails = lambda alert: False
    until(lambda: len(oracle.ids("each")) == 100, 60)
    assert 0 == daemon.stop()

    al, ad = against(of_each(oracle), w, every=1)
    figures(AL=al, AD=ad)
    assert (0, 0) == (al, ad)
    assert in_order(of_each(oracle))
