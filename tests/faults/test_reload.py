"""SIGHUP under load."""

import re
import signal

from .judge import CLEAN
from .process import until
from .writer import Steady

EXTRA = """\
  extra{n}:
    tail: {tail}
    grep: 'never {n}'
    alert: {{to: [out]}}
"""


def test_t53_reloads_under_load(area, scale, figures):
    """SIGHUP again and again while lines come, each third time with a config that is broken."""
    reloads = scale.pick(12, 100)
    daemon = area.daemon().start()
    good = daemon.config.read_text()
    w = area.writer()
    steady = Steady(w, 2000)
    broken = 0
    for n in range(reloads):
        if n % 3 == 2:
            broken += 1
            daemon.config.write_text(good.replace("tally:", "tolly:"))
        else:
            daemon.config.write_text(good.replace("sinks:\n", EXTRA.format(n=n, tail=area.tail()) + "sinks:\n"))
        ready = daemon.heard().count("READY=1")
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: daemon.heard().count("READY=1") == ready + 1)  # noqa: B023 - asked at once
    steady.stop()
    told = area.judge(daemon)

    words = [word for word in daemon.heard() if word in ("RELOADING=1", "READY=1")]
    stamps = [int(word[15:]) for word in daemon.heard() if re.fullmatch(r"MONOTONIC_USEC=\d+", word)]
    refused = [one for one in area.alerts("corowatch") if one["node"] == "config"]
    figures(pairs=words.count("RELOADING=1"), refused=len(refused), lines=len(w.written))
    assert CLEAN == told
    assert ["READY=1", *["RELOADING=1", "READY=1"] * reloads] == words
    assert reloads == len(stamps)
    assert stamps == sorted(stamps)
    assert broken == len(refused)
    assert all("tolly" in one["title"] for one in refused)
    assert broken == len([status for status in daemon.statuses() if "refused" in status])
    assert len(w.written) == daemon.source()["lines"], "the reader was not begun anew"
