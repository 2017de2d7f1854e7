"""Steps of the user's that raise, a diamond of steps, and configs that go round in circles."""

import json
import subprocess
import sys

import pytest

from .judge import CLEAN, count, seen
from .process import until

BAD = '''\
def bad(target, times):
    """Raise on each hundredth line, so many times in all."""
    while True:
        event = yield
        if event.text[10:12] == "00" and int(event.text[2:12]) <= 100 * times:
            raise ValueError(f"line {event.text[2:12]}")
        target.send(event)
'''
FAILURES = {"once": (1, 999, 1, 0), "twice": (2, 998, 2, 0), "too often": (100, 297, 703, 1)}
"""How often it raises at most; then lines that pass it, that are counted failed, and alerts that tell of it."""


@pytest.mark.parametrize("name", FAILURES)
def test_t59_a_step_that_raises(area, figures, name):
    """It goes on with a fresh generator; after three failures in a minute it rests. Everybody else sees every line."""
    times, passed, failed, told = FAILURES[name]
    (area.folder / "bad.py").write_text(BAD)
    more = (f"  bad:\n    tail: {area.tail()}\n    python: {{function: bad.py:bad, options: {{times: {times}}}}}\n"
            f"    tally: {{}}\n")
    daemon = area.daemon(config={"more": more}).start()
    w = area.writer()
    w.next = 1
    w.write(1000)
    result = area.judge(daemon)

    nodes = daemon.summary()["nodes"]
    shut = [one for one in area.alerts("corowatch") if one["node"] == "shut"]
    reported = daemon.events("node.failed")
    figures(passed=nodes["bad.tally"]["standing"].get("", 0), failed=nodes["bad.python"]["failed"], told=len(shut))
    assert CLEAN == result
    assert passed == nodes["bad.tally"]["standing"][""]
    assert failed == nodes["bad.python"]["failed"]
    assert told == len(shut)
    assert min(times, 3) == len(reported)
    assert [str(area.logs / "app.log")] * len(reported) == [one["file"] for one in reported]
    assert [100 * n * w.size - w.size for n in range(1, len(reported) + 1)] == [one["offset"] for one in reported]
    assert 0 == nodes["count.python"]["failed"]


JOIN = '''\
import json


def hold(target, name):
    """Let nothing pass, and send the last event at the end."""
    last = None
    try:
        while True:
            last = yield
    except GeneratorExit:
        target.send(last.having({"by": name}))


def join(target, path):
    heard = []
    try:
        while True:
            heard.append((yield).fields["by"])
    except GeneratorExit:
        with open(path, "w") as file:
            json.dump(heard, file)
'''


def test_t61_a_diamond(area, figures):
    """Both sides of a diamond flush when they are closed; the step that joins them hears both before its own close."""
    (area.folder / "join.py").write_text(JOIN)
    path = area.folder / "heard.json"
    more = (f"  top:\n    tail: {area.tail()}\n    grep: w\n"
            "  left: {from: top, python: {function: join.py:hold, options: {name: left}}}\n"
            "  right: {from: top, python: {function: join.py:hold, options: {name: right}}}\n"
            f"  bottom: {{from: [left, right], python: {{function: join.py:join, options: {{path: {path}}}}}}}\n")
    daemon = area.daemon(config={"more": more}).start()
    w = area.writer()
    w.write(100)
    told = area.judge(daemon)

    order = [one["node"] for one in daemon.events("node.closed")]
    figures(order=",".join(one for one in order if one[:3] in ("top", "lef", "rig", "bot")))
    assert CLEAN == told
    assert ["left", "right"] == json.loads(path.read_text())
    assert max(order.index("left.python"), order.index("right.python")) < order.index("bottom.python")
    assert order.index("top.grep") < min(order.index("left.python"), order.index("right.python"))


CIRCLES = {
    "itself": "flows:\n  a: {from: a, alert: }\n",
    "two": "flows:\n  a: {from: b, grep: x}\n  b: {from: a, alert: }\n",
    "by a step": "flows:\n  a:\n    - stdin: {}\n    - grep: x\n      name: one\n  b: {from: [a.one, c], grep: y}\n"
                 "  c: {from: b.grep, alert: }\n",
    "otherwise": "flows:\n  a: {from: b.otherwise, grep: x}\n  b: {from: a, grep: y}\n",
}


@pytest.mark.parametrize("name", CIRCLES)
def test_t62_a_config_that_goes_round(tmp_path, figures, name):
    """A circle is refused when the config is read, with its place; nothing is started and no state is made."""
    config = tmp_path / "c.yaml"
    config.write_text(CIRCLES[name])
    ran = subprocess.run([sys.executable, "-m", "corowatch", "run", config, "--state-dir", tmp_path / "state"],
                         capture_output=True, text=True, timeout=20, check=False)

    figures(status=ran.returncode)
    assert 78 == ran.returncode, ran.stderr
    assert f"{config}:" in ran.stderr
    assert "circle" in ran.stderr or "itself" in ran.stderr or "round" in ran.stderr, ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "state").exists()


def test_t62_a_reload_that_goes_round(area):
    """A running daemon refuses it likewise, and goes on."""
    daemon = area.daemon().start()
    good = daemon.config.read_text()
    w = area.writer()
    w.write(100)
    until(lambda: seen(daemon) == 100)
    daemon.config.write_text(good.replace("sinks:", "  round: {from: round, grep: x}\nsinks:"))
    daemon.process.send_signal(1)
    until(lambda: "refused" in daemon.status)
    w.write(100)

    assert CLEAN == area.judge(daemon)
    assert (0, 0, 0) == count(daemon, w)
