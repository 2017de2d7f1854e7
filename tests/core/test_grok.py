import pytest

from corowatch.core.errors import Misread
from corowatch.core.grok import Grok, library

SSHD = "Nov 25 10:00:00 web1 sshd[812]: Accepted publickey for eve"


def test_a_name_stands_for_its_expression():
    assert {"user": "eve", "ip": "192.0.2.7"} == Grok("%{USER:user} from %{IP:ip}").read("eve from 192.0.2.7 port 1")


def test_a_name_without_a_field_captures_nothing():
    assert {} == Grok("%{INT} files").read("12 files")


def test_names_stand_in_names():
    assert {"timestamp": "Nov 25 10:00:00", "host.hostname": "web1", "process.name": "sshd", "process.pid": 812,
            "message": "Accepted publickey for eve"} == Grok("%{SYSLOGBASE} %{GREEDYDATA:message}").read(SSHD)


def test_what_does_not_match_has_no_fields():
    assert Grok("%{SYSLOGBASE}").read("no such line") is None


@pytest.mark.parametrize(("expression", "text", "value"), [
    ("%{NUMBER:n:int}", "7", 7), ("%{NUMBER:n:float}", "2.50", 2.5), ("%{NUMBER:n}", "7", "7"),
    ("%{NUMBER:n:int}", "2.5", "2.5"), ("%{NUMBER:n:int}", "1234567890123456789", "1234567890123456789"),
    ("%{NOTSPACE:n:float}", "nan", "nan"), ("%{NOTSPACE:n:float}", "1e999", "1e999")])
def test_a_type_makes_a_number_of_what_is_one(expression, text, value):
    found = Grok(expression).read(text)["n"]

    assert (value, type(value)) == (found, type(found))


@pytest.mark.parametrize(("written", "name"), [
    ("client", "client"), ("[client]", "client"), ("[client][ip]", "client.ip"), ("client.ip", "client.ip"),
    ("x-forwarded-for", "x-forwarded-for")])
def test_names_of_fields(written, name):
    assert (name,) == Grok(f"%{{IP:{written}}}").groups
    assert {name: "192.0.2.7"} == Grok(f"%{{IP:{written}}}").fields("from 192.0.2.7")


@pytest.mark.parametrize("head", ["?P<[queue][id]>", "?<queue.id>"])
def test_a_named_group_is_a_field_as_well(head):
    assert {"queue.id": "4F9D195432C"} == Grok(rf"({head}[0-9A-F]{{10,11}}): removed").read("x 4F9D195432C: removed")


def test_of_two_fields_of_one_name_the_first_that_matched_counts():
    either = Grok("^(?:%{IP:client}|%{HOSTNAME:client}) %{WORD:client}?")

    assert ("client",) == either.groups
    assert [{"client": "192.0.2.7"}, {"client": "web1"}] == [either.read("192.0.2.7 a"), either.read("web1 a")]


@pytest.mark.parametrize(("expression", "text"), [
    (r"%\{WORD\}", "%{WORD}"), ("[(?<a>%{WORD}]+x", "WORDx"), (r"\(?<a>", "<a>"), ("(?:a){2}%", "aa%")])
def test_what_is_no_name_is_a_regular_expression(expression, text):
    assert {} == Grok(expression).read(text)


def test_what_re2_refuses_is_tried_step_by_step():
    behind = Grok("(?<=user=)%{USER:user}")

    assert not behind.linear
    assert {"user": "eve"} == behind.read("user=eve")


@pytest.mark.parametrize(("expression", "what", "at"), [
    ("^%{SYSLOGBSE} x", "grok knows no 'SYSLOGBSE'; did you mean 'SYSLOGBASE'?", 3),
    ("%{ip:a}", "grok knows no 'ip'; did you mean 'IP'?", 2),
    ("a %{WORD", r"expected %{NAME}, %{NAME:field} or %{NAME:field:int}; to mean the brace, write %\{", 2),
    ("%{WORD:}", r"expected %{NAME}, %{NAME:field} or %{NAME:field:int}; to mean the brace, write %\{", 0),
    ("%{WORD:a b}", "'a b' is no name of a field; it is made of letters, digits, '_', '.' and '-'", 7),
    ("(?<@a>x)", "'@a' is no name of a field; it is made of letters, digits, '_', '.' and '-'", 3),
    ("%{INT:a:integer}", "'integer' is no type; there are int and float", 8)])
def test_what_cannot_be_read_is_told_at_its_place(expression, what, at):
    with pytest.raises(Misread) as refused:
        Grok(expression)

    assert (what, at) == (str(refused.value), refused.value.at)


def test_what_no_engine_takes_is_refused():
    with pytest.raises(ValueError, match="no regular expression"):
        Grok("%{WORD}(")


@pytest.mark.re2
@pytest.mark.parametrize("name", sorted(library()))
def test_every_name_is_read_in_linear_time(name):
    assert Grok(f"%{{{name}}}").linear


@pytest.mark.parametrize(("name", "texts"), [
    ("IP", ["192.0.2.255", "2001:db8::1", "::1", "fe80::1%eth0", "::ffff:192.0.2.7", "1:2:3:4:5:6:7:8", "1::8", "1:2::",
            "1:2:3:4:5:6:192.0.2.7", "1:2::6:192.0.2.7"]),
    ("MAC", ["00:1a:2B:3c:4d:5e", "00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e"]),
    ("HOSTNAME", ["web1", "web-1.example.org"]), ("EMAILADDRESS", ["a.b+c@example.org"]),
    ("QS", ['"a \\" b"', "'a'", "`a`"]), ("UUID", ["8c6c5ea1-7f7a-4c07-8c5b-0a3b6bd4b9a3"]),
    ("NUMBER", ["1", "-1.5", ".5"]), ("PATH", ["/var/log/a.log", "C:\\a b\\c"]),
    ("URI", ["https://eve:x@example.org:8443/a/b?c=d", "http://example.org"]),
    ("TIMESTAMP_ISO8601", ["2026-11-25T10:00:00.123+01:00", "2026-11-25 10:00"]),
    ("HTTPDATE", ["25/Nov/2026:10:00:00 +0000"]), ("SYSLOGTIMESTAMP", ["Nov  5 10:00:00"]),
    ("LOGLEVEL", ["WARN", "warning", "Error", "EMERG"])])
def test_common_names_match_the_whole_of_what_they_name(name, texts):
    pattern = Grok(f"^%{{{name}:it}}$")

    assert texts == [pattern.read(text)["it"] for text in texts]


@pytest.mark.parametrize(("name", "text"), [
    ("IP", "192.0.2.256"), ("IPV6", "10:00:00"), ("IPV6", "std::string"), ("MONTHDAY", "32"), ("LOGLEVEL", "eRR")])
def test_common_names_do_not_match_what_is_none(name, text):
    assert Grok(f"^%{{{name}}}$").read(text) is None
