"""kill -9, again and again, of the real process under a writer that rotates: no line lost, none counted twice."""

import collections
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

pytestmark = pytest.mark.slow

KILLS = 12
CONFIG = """
flows:
  each:
    tail: {{paths: {logs}/app.log*, start: beginning, watch: {watch}, multiline: {multiline}}}
    grep: 'BOOM (?P<seq>[0-9]+)'
    alert: {{to: out, title: '{{seq}}'}}
  windows:
    tail: {{paths: {logs}/app.log*, start: beginning, watch: {watch}, multiline: {multiline}}}
    grep: 'key=(?P<k>[a-z0-9]+)'
    threshold: {{at_least: 20, within: 1h, by: k}}
    alert: {{to: out, title: '{{k}}'}}
sinks:
  out: {{file: {out}}}
"""


class Writer(threading.Thread):
    """About 4,000 lines a second, half lines too; a rotation every 3,000; what must come of them is noted. What stands
    `below` a line that booms is written with it, or in part."""

    def __init__(self, log, chance, below=""):
        super().__init__(daemon=True)
        self.log, self.chance, self.below = log, chance, below
        self.booms, self.twentieth = [], {}
        self.over = threading.Event()

    def run(self):
        seen = collections.Counter()
        seq = 0
        out = open(self.log, "ab", buffering=0)
        while not self.over.is_set() or seq % 3000 != 1:
            key = f"k{seq // 2000}x{self.chance.randrange(40)}"
            text = f"{seq:06d}x BOOM {seq}" if self.chance.random() < 0.02 else f"{seq:06d}x key={key} line"
            if "BOOM" in text:
                self.booms.append(str(seq))
                text += self.below
            else:
                seen[key] += 1
                if seen[key] == 20:
                    self.twentieth[key] = text
            raw = text.encode() + b"\n"
            cut = self.chance.randrange(len(raw)) if seq % 60 == 0 or "BOOM" in text else 0
            out.write(raw[:cut])
            time.sleep(0.002 if cut else 0)
            out.write(raw[cut:])
            seq += 1
            if seq % 20 == 0:
                time.sleep(0.004)
            if seq % 3000 == 0:
                out.close()
                os.rename(self.log, f"{self.log}.{seq:08d}")
                out = open(self.log, "ab", buffering=0)
        out.close()


def alerts(path):
    if not path.exists():
        return []
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    return [json.loads(line) for line in whole.split(b"\n") if line]


@pytest.mark.parametrize(("watch", "multiline", "below"), [
    ("auto", "null", ""), ("poll", "null", ""), ("auto", "indent", "\n\tat a.b\n\tat c.d")])
def test_every_line_counts_once_and_every_alert_arrives(tmp_path, watch, multiline, below):
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    (tmp_path / "logs").mkdir()
    out = tmp_path / "alerts.jsonl"
    config = tmp_path / "c.yaml"
    config.write_text(CONFIG.format(logs=tmp_path / "logs", out=out, watch=watch, multiline=multiline))
    command = [sys.executable, "-m", "corowatch", "run", str(config), "--state-dir", str(tmp_path / "state")]
    writer = Writer(tmp_path / "logs" / "app.log", random.Random(seed + 1), below)
    writer.start()

    for _ in range(KILLS):
        with open(tmp_path / "stderr", "ab") as said:
            daemon = subprocess.Popen(command, stdout=said, stderr=said)
        time.sleep(chance.uniform(0.2, 0.9))
        daemon.kill()
        daemon.wait()
    writer.over.set()
    writer.join(60)
    with open(tmp_path / "stderr", "ab") as said:
        daemon = subprocess.Popen(command, stdout=said, stderr=said)
    wanted = len(writer.booms) + len(writer.twentieth)
    end = time.monotonic() + 40
    while len({one["id"] for one in alerts(out)}) < wanted and time.monotonic() < end:
        time.sleep(0.05)
    daemon.send_signal(signal.SIGTERM)

    assert daemon.wait(30) == 0
    told = alerts(out)
    by_id = {one["id"]: one for one in told if one["flow"] != "corowatch"}
    assert sorted(writer.booms) == sorted(one["title"] for one in by_id.values() if one["flow"] == "each"), seed
    assert {below} == {one["events"][-1]["text"].partition(f"BOOM {one['title']}")[2] for one in by_id.values()
                       if one["flow"] == "each"}, seed
    assert writer.twentieth == {one["key"]["k"]: one["events"][-1]["text"] for one in by_id.values()
                                if one["flow"] == "windows"}, seed
    assert len(told) == len(by_id), "the file sink repeats none"
