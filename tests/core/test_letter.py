import pytest

from corowatch.core.events import Alert
from corowatch.core.letter import SUBJECT, WHOLE, body, headline, subject


def alert(title="disk full", severity="error", **more):
    return Alert(id=title, flow="f", node="alert", title=title, severity=severity,
                 at="2026-11-22T10:00:00.000000+00:00", **more)


@pytest.mark.parametrize(("alerts", "want"), [
    ([alert()], "[error] disk full"),
    ([alert("a", "info"), alert("b", "critical"), alert("c")], "[critical] 3 alerts: b"),
    ([alert("a\nb")], "[error] a\\nb"),
    ([alert("=?utf-8?q?=0D=0ABcc:_x?=")], "[error] = ?utf-8?q?=0D=0ABcc:_x?="),
])
def test_the_subject_is_the_worst_in_one_line(alerts, want):
    assert want == subject(alerts)


@pytest.mark.parametrize(("title", "fields", "told"), [
    ("disk full", {"held": 1200}, "disk full (+1,200 held back)"),
    ("disk full, held: 7", {"held": 7}, "disk full, held: 7"),
    ("disk 17 full", {"held": 7}, "disk 17 full (+7 held back)"), ("disk full", {"held": "a text"}, "disk full"),
    ("disk full", {"held": 0}, "disk full"), ("a\nb", {}, "a (+ 1 line)")])
def test_how_many_were_held_back_is_told_once(title, fields, told):
    assert told == headline(alert(title, fields=fields))


def test_a_long_subject_is_cut():
    told = subject([alert("x" * 500)])

    assert (SUBJECT, "x…") == (len(told), told[-2:])


def test_an_alert_is_told_with_what_was_found_and_the_lines_around():
    told, left_out = body([alert(fields={"ip": "192.0.2.7", "n": 5.0}, before=["one"], after=["three\x07"],
                                 events=[{"text": "two\n\tat x"}], host="web1", state="resolved")])

    assert ("""\
disk full (resolved)
  2026-11-22 10:00:00 UTC, error, f.alert
  ip: 192.0.2.7
  n: 5
    one
  > two
  | \\tat x
    three\\x07

--\x20
corowatch on web1
""", 0) == (told, left_out)


def test_of_many_the_rest_is_counted():
    told, left_out = body([alert(str(n)) for n in range(WHOLE + 7)])

    assert 7 == left_out
    assert "\n\nand 7 more:\n  7 of f.alert\n\n-- \ncorowatch\n" in told
