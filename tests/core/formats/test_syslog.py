import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.formats.syslog import syslog


@pytest.mark.parametrize(("text", "fields"), [
    ("<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
     {"time": "Oct 11 22:14:15", "hostname": "mymachine", "app": "su", "message": "'su root' failed",
      "facility": "auth", "severity": "crit"}),
    ("Nov  5 10:00:00 web1 sshd[123]: hello: world",
     {"time": "Nov  5 10:00:00", "hostname": "web1", "app": "sshd", "pid": 123, "message": "hello: world"}),
    ("Nov 25 10:00:00 web1 sshd(pam_unix)[9]: x",
     {"time": "Nov 25 10:00:00", "hostname": "web1", "app": "sshd(pam_unix)", "pid": 9, "message": "x"}),
    ("Nov 25 10:00:00 web1 kernel:[12.5] x",
     {"time": "Nov 25 10:00:00", "hostname": "web1", "app": "kernel", "message": "[12.5] x"}),
    ("Nov 25 10:00:00 web1 last message repeated 2 times",
     {"time": "Nov 25 10:00:00", "hostname": "web1", "message": "last message repeated 2 times"}),
    ("Nov 25 10:00:00 sshd[123]: no host",
     {"time": "Nov 25 10:00:00", "app": "sshd", "pid": 123, "message": "no host"}),
    ("Nov 25 10:00:00 web1 launchd[1] (com.x): y",
     {"time": "Nov 25 10:00:00", "hostname": "web1", "app": "launchd", "pid": 1, "message": "(com.x): y"}),
    ("2026-11-25T10:00:00.123456+01:00 web1 cron[7]: x",
     {"time": "2026-11-25T10:00:00.123456+01:00", "hostname": "web1", "app": "cron", "pid": 7, "message": "x"}),
    ("Nov 25 2026 10:00:00.5 fw %ASA-6-302013: Built",
     {"time": "Nov 25 2026 10:00:00.5", "hostname": "fw", "app": "%ASA-6-302013", "message": "Built"}),
    ("Nov 25 10:00:00 web1", {"time": "Nov 25 10:00:00", "hostname": "web1", "message": ""})])
def test_rfc_3164_and_what_stands_in_files(text, fields):
    assert fields == syslog(text)


@pytest.mark.parametrize("pri", ["<165>", ""])
def test_rfc_5424(pri):
    found = syslog(pri + '1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 12 ID47 '
                   '[exampleSDID@32473 iut="3" src="a \\"b\\] \\\\"][x y="z"][none] \ufeffAn event')

    assert {"time": "2003-10-11T22:14:15.003Z", "hostname": "mymachine.example.com", "app": "evntslog", "pid": 12,
            "msgid": "ID47", "message": "An event", "sd.exampleSDID_32473.iut": "3",
            "sd.exampleSDID_32473.src": 'a "b] \\', "sd.x.y": "z",
            **({"facility": "local4", "severity": "notice"} if pri else {})} == found


def test_rfc_5424_with_little():
    assert {"message": "", "facility": "kern", "severity": "emerg"} == syslog("<0>1 - - - - - -")
    assert {"message": "x", "pid": "main/1"} == syslog("1 - - - main/1 - - x")


@pytest.mark.parametrize("text", [
    "", "ERROR disk full", "<192>Oct 11 22:14:15 h su: x", "<34>", "1 - - - - - [open x", '1 - - - - - [a b="c"]x',
    "1 - - - - - [] x", "25/Nov/2026 10:00:00 web1 x: y",
    "2026-11-25 10:00:00,123 ERROR [main] x: y", "2026-11-25T10:00:00 ERROR x: y"])
def test_other_lines_are_none(text):
    assert syslog(text) is None


@given(st.text())
def test_no_text_makes_it_raise(text):
    syslog(text)
    syslog(f"<34>Oct 11 22:14:15 {text}")
    syslog(f'<34>1 - - - - - [a b="{text}"] {text}')
    syslog(f"1 - - - {text} - [{text}]")


def test_a_process_id_beyond_any_number_is_a_text():
    assert "9" * 100 == syslog(f"Oct 11 22:14:15 h su[{'9' * 100}]: x")["pid"]
