import json
from datetime import datetime

import pytest

from corowatch.core.coroutine import finish
from corowatch.core.events import Around, Here, Tick, rfc3339
from corowatch.core.memory import Memory
from corowatch.core.text import Text
from corowatch.nodes.alert import alert
from corowatch.testing import ORIGIN, Collect, line, restarted

HERE = Here("logins", "alert", "web1", {"flow.tail": "logins.tail"})


def made(*events, **options):
    out = Collect()
    node = alert(out, here=HERE, **options)
    for event in events:
        node.send(event)
    return out


def test_an_alert_says_everything_of_its_event():
    out = made(line("from eve", at=100.5, place=7, user="eve"), title=Text("{user} at {host}: {text}"), to=("ops",),
               severity="critical")

    told = out[0].as_dict()

    assert ("ops",) == out[0].to
    assert len(told.pop("id")) == 24
    assert {
        "flow": "logins", "node": "alert", "state": "firing", "title": "eve at web1: from eve", "severity": "critical",
        "key": {}, "at": rfc3339(100.5), "count": 1, "fields": {"user": "eve"}, "host": "web1",
        "events": [{"source": "logins.tail", "file": "/var/log/test.log", "offset": 7, "at": rfc3339(100.5),
                    "text": "from eve"}],
        "before": [], "after": []} == told


def test_a_title_has_an_end():
    out = made(line("\x01" * 40_000), title=Text("{text}"))

    assert (r"\x01" * 1024 + "…", 40_000) == (out[0].title, len(out[0].events[0]["text"]))


def test_the_title_is_one_line_that_cannot_write_to_a_terminal():
    out = made(line("a\x1b[31mb\rc\u2028d\u202ee\x9b"), title=Text("{text}"))

    assert r"a\x1b[31mb\rc\u2028d\u202ee\x9b" == out[0].title
    assert "a\x1b[31mb\rc\u2028d\u202ee\x9b" == out[0].events[0]["text"]


def test_a_text_from_the_log_is_not_expanded_again():
    out = made(line("{user} {{ {0.__class__}", user="eve"), title=Text("{{{text}}}"))

    assert "{{user} {{ {0.__class__}}" == out[0].title


def test_the_id_is_the_same_on_every_replay_and_different_for_every_line_and_node():
    one, two = made(line("a", place=1), line("b", place=2))
    again, = made(line("a", place=1))
    other = Collect()
    alert(other, here=Here("logins", "alert2", "web1")).send(line("a", place=1))

    assert one.id == again.id
    assert 3 == len({one.id, two.id, other[0].id})


def test_two_alerts_of_one_line_have_two_ids():
    twice = made(line("a", place=1), line("a", place=1))

    assert 2 == len({one.id for one in twice})


def test_a_deadline_makes_an_id_of_its_own():
    held = line("a", place=1).having({"held": 2}, tick=160.0)
    first, last = made(line("a", place=1), held)
    again, = made(line("a", place=1).having({"held": 2}, tick=160.0))

    assert first.id != last.id
    assert last.id == again.id
    assert rfc3339(160.0) == last.at


def test_its_key_is_by_else_that_of_the_nearest_keyed_step():
    event = line("a", ip="x", user="eve").having({}, key={"ip": "x"})

    assert {"ip": "x"} == made(event)[0].key
    assert {"user": "eve"} == made(event, by=("user",))[0].key


def test_a_number_in_its_key_is_one():
    event = line("a", status=500, path="7").having({}, key={"status": "500", "path": "7", "gone": "1"})

    assert '{"status": 500, "path": "7", "gone": "1"}' == json.dumps(made(event)[0].key)


@pytest.mark.parametrize("by", [(), ("status",)])
def test_what_its_throttle_knows_by_a_number_it_knows_by_its_text(by):
    out = Collect()
    node = alert(out, here=HERE, throttle=60.0, by=by)

    for second, status in enumerate([500, "500"]):
        node.send(line("a", at=100.0 + second, place=second, status=status).having({}, key={"status": "500"}))

    assert 1 == len(out)


def test_its_throttle_holds_alerts_of_a_key():
    out, memory = Collect(), Memory()
    node = alert(out, here=HERE, throttle=60.0, title=Text("{text} {held}"), memory=memory)
    for second, ip in [(100, "a"), (101, "b"), (102, "a"), (103, "a")]:
        node.send(line(f"line {second}", at=float(second), place=second).having({}, key={"ip": ip}))
    node.send(Tick(160.0))

    assert ["line 100 ", "line 101 ", "line 103 2"] == [one.title for one in out]
    assert {"alerts": 3, "throttled": 2, "resolved": 0} == finish(node)


def test_what_its_throttle_holds_is_told_at_close():
    out = Collect()
    node = alert(out, here=HERE, throttle=60.0)
    node.send(line("a", at=100.0, place=1))
    node.send(line("b", at=101.0, place=2))

    assert {"alerts": 2, "throttled": 1, "resolved": 0} == finish(node)
    assert 2 == len({one.id for one in out})


def test_count_is_what_a_node_counted():
    assert 5 == made(line("a", count=7).having({}, count=5))[0].count


def test_it_asks_for_the_lines_beside_its_own():
    alert = made(line("a", place=7), before=2, after=3)[0]

    assert Around(ORIGIN.reader, ORIGIN.key, 7, 2, 3) == alert.around
    assert made(line("a"))[0].around is None


# --- what is over -----------------------------------------------------------------------------------


def fires(at=100.0, place=1, **key):
    return line("down", at=at, place=place, user="eve").having({}, key=key, state="firing")


def over(at, **key):
    return fires(**key).having({}, tick=at, state="resolved")


def test_it_is_told_when_it_is_over():
    fired, resolved = made(fires(host="a"), over(400.25, host="a"), title=Text("{text}: {user}"))

    assert (f"{fired.id}.r", "resolved", "resolved: down: eve") == (resolved.id, resolved.state, resolved.title)
    assert (rfc3339(400.25), {"host": "a"}, 300.25) == (resolved.at, resolved.key, resolved.fields["duration"])
    assert "firing" == fired.state


def test_nothing_is_over_that_never_fired_nor_twice():
    out = made(over(90.0, host="a"), fires(host="a"), over(200.0, host="b"), over(300.0, host="a"),
               over(400.0, host="a"))

    assert [("firing", "a"), ("resolved", "a")] == [(one.state, one.key["host"]) for one in out]


def test_it_may_have_a_title_of_its_own():
    fired, resolved = made(fires(host="a"), over(400.25, host="a"), title=Text("{text}"),
                           resolved=Text("{user} is back after {duration} s"))

    assert ("down", "eve is back after 300.25 s") == (fired.title, resolved.title)


def test_it_need_not_be_told():
    assert ["firing"] == [one.state for one in made(fires(), over(200.0), resolved=False)]


def test_the_number_among_the_alerts_of_a_line_is_kept():
    first, second, resolved = made(fires(host="a"), fires(host="b"), over(200.0, host="b"))

    assert first.id != second.id
    assert f"{second.id}.r" == resolved.id


def test_what_fires_survives_a_restart_without_its_texts():
    memory, out = Memory(), Collect()
    alert(out, here=HERE, memory=memory).send(fires(host="a"))
    assert "down" not in str(dict(memory))

    alert(out, here=HERE, memory=restarted(memory)).send(over(200.0, host="a"))

    assert f"{out[0].id}.r" == out[1].id


def test_of_what_was_throttled_and_is_over_before_it_was_told_no_end_is_told():
    out = made(fires(), over(110.0), fires(at=120.0, place=2), over(130.0), Tick(3700.0), over(3800.0),
               throttle=3600.0)

    assert [(100.0, "firing"), (110.0, "resolved"), (3700.0, "firing")] == [
        (datetime.fromisoformat(one.at).timestamp(), one.state) for one in out]
    assert 1 == out[2].fields["held"]


def test_of_what_was_throttled_and_goes_on_the_end_is_told():
    out = made(fires(), fires(at=120.0, place=2), Tick(3700.0), over(3800.0), throttle=3600.0)

    assert ["firing", "firing", "resolved"] == [one.state for one in out]
    assert f"{out[1].id}.r" == out[2].id
