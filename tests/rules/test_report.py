"""The page of a replay, looked at by a browser."""

import re
import shutil
import subprocess

import pytest

from corowatch.core.events import Alert, rfc3339
from corowatch.rules.replaying import Replayed
from corowatch.rules.report import page

T = 1_772_438_400.0  # 2026-03-02 08:00 UTC
CONFIG = "flows: {a: {tail: a.log, grep: ERROR, alert: console}, quiet: {tail: a.log, grep: x, alert: console}}"
FORGED = "document.title = 'forged'"
HOSTILE = f'</script><script>{FORGED}</script><img src=x onerror="{FORGED}">&\x1b[31m'
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def outcome(count, title="disk {} is full"):
    alerts = [Alert(id=str(n), flow="a", node="alert", title=title.format(n), severity="error", at=rfc3339(T + n),
                    key={"disk": n % 30}, state="resolved" if n % 10 == 9 else "firing",
                    events=[{"source": "a.tail", "file": "a.log", "offset": n, "text": f"line {n} {HOSTILE}"}])
              for n in range(count)]
    counts = {"a.grep": {"matched": count, "failed": 0}, "a.alert": {"alerts": 1}}
    return Replayed(alerts, counts, ["b.log: No such file"], 100_000, 5_000_000, T, T + count, 1.5)


def test_a_page_has_the_numbers(config):
    text = page(outcome(20), config(CONFIG))

    assert "<p>20 alerts of 100,000 lines</p>" in text
    assert "<li>b.log: No such file</li>" in text
    assert ("<tr><td>a</td><td class=number>18</td><td class=number>0</td><td class=number>2</td>"
            "<td>grep: 20 matched; alert: 1 alert</td></tr>") in text
    assert "<tr><td>quiet</td><td class=number>0</td>" in text
    assert "<td>disk=3</td><td class=number>1</td><td class=number>0</td>" in text
    assert not re.search("<!-- (?:summary|notes|picture|flows|keys|alerts|version) -->", text)


def test_what_sums_up_what_was_held_back_is_no_alert_of_its_own(config):
    alerts = [Alert(id=str(n), flow="a", node="alert", title="full", severity="error", at=rfc3339(T + n),
                    key={"disk": 3}, fields=fields) for n, fields in enumerate([{}, {"held": 1200}])]

    text = page(Replayed(alerts, {}, [], 5000, 100, T, T + 2), config(CONFIG))

    assert "<p>1 alert, and 1 that sums up 1,200 held back, of 5,000 lines</p>" in text
    assert "08:00:00Z: 1 alert of a</title>" in text
    assert "08:00:01Z: 1,200 held back of a</title>" in text
    assert 1 == text.count('<rect class="held"')
    assert "<td class=number>1</td><td class=number>1,200</td><td class=number>0</td>" in text
    assert "<td>disk=3</td><td class=number>1</td><td class=number>1,200</td>" in text
    assert '"full (+1,200 held back)"' in text


def test_a_long_name_is_cut_in_the_picture_and_told_whole_when_pointed_at(config):
    names = ["short", "ssh-guessing-from-many-addresses-at-once", "日本語の名前は幅が広い日本語の名前は幅が広い"]
    alerts = [Alert(id=name, flow=name, node="alert", title="full", severity="error", at=rfc3339(T)) for name in names]

    text = page(Replayed(alerts, {}, [], 5000, 100, T, T + 2), config(CONFIG))

    assert ">short</text>" in text
    assert ">ssh-guessing-from-many-addr…<title>ssh-guessing-from-many-addresses-at-once</title></text>" in text
    assert ">日本語の名前は幅が広い日本…<title>日本語の名前は幅が広い日本語の名前は幅が広い</title></text>" in text


def test_nothing_out_of_a_log_is_markup(config):
    text = page(outcome(3, title="{} " + HOSTILE.replace("{", "{{").replace("}", "}}")), config(CONFIG))

    assert HOSTILE[:9] not in text.partition('id="data">')[2].partition("</script>")[0]
    assert "<img src=x" not in text
    assert "\x1b" not in text


def test_a_page_without_alerts_says_so(config):
    assert "There is no alert." in page(Replayed(), config(CONFIG))


def browse(path, *words):
    return subprocess.run([BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                           "--enable-logging=stderr", "--virtual-time-budget=20000", *words, f"file://{path}"],
                          capture_output=True, text=True, timeout=100, check=True)


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="there is no chromium here")
@pytest.mark.parametrize("count", [0, 50, 10_000])
def test_a_browser_shows_it_without_an_error(config, tmp_path, count):
    title = "{} " + HOSTILE.replace("{", "{{").replace("}", "}}")
    (tmp_path / "page.html").write_text(page(outcome(count, title), config(CONFIG)))

    dom = browse(tmp_path / "page.html", "--dump-dom")
    picture = browse(tmp_path / "page.html", "--window-size=1200,2000", f"--screenshot={tmp_path}/page.png")

    assert [] == [line for line in (dom.stderr + picture.stderr).splitlines() if "CONSOLE" in line]
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")
    assert "<title>corowatch replay</title>" in dom.stdout, "a log changed it"
    assert f'<p id="shown">{min(count, 200)} of {count}</p>' in dom.stdout
    assert min(count, 200) == dom.stdout.count("<details")
