"""Filters and jails of fail2ban become a config that finds the same hosts."""

import pytest

from corowatch.core.errors import ConfigError
from corowatch.core.expression import Expr
from corowatch.rules.importing import Asked, WrongOption, stamps
from corowatch.rules.importing.fail2ban import read
from corowatch.rules.importing.ini import Ini
from corowatch.rules.importing.words import words_of
from tests.rules.importing import alerts, loaded, lost

AT = "Mar  2 08:00:0{} web1 "


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "filter.d").mkdir()
    return tmp_path


@pytest.fixture
def filter_(folder):
    def write(text, name="app.conf"):
        (folder / "filter.d" / name).write_text(text, errors="surrogateescape")
        return str(folder / "filter.d" / name)

    return write


def hosts(path, folder, lines, **options):
    imported = read([path], Asked((str(folder / "a.log"),), options, (1, 1.0)))
    return [alert.fields["ip"] for alert in alerts(imported, folder, lines)]


def test_the_time_is_cut_out_before_a_pattern_is_searched_for(folder, filter_):
    path = filter_("[Definition]\nfailregex = ^ web1 app: failure from <HOST>$\n")

    assert ["192.0.2.7", "2001:db8::1", "bad.example.com"] == hosts(path, folder, [
        AT.format(1) + "app: failure from 192.0.2.7",
        AT.format(2) + "app: failure from ::ffff:192.0.2.7x y",
        AT.format(3) + "app: failure from 2001:db8::1",
        AT.format(4) + "app: failure from bad.example.com",
        "x" + AT.format(5) + "app: failure from 192.0.2.9",
    ])


@pytest.mark.parametrize(("format_", "line", "rest"), [
    ("^<W>{DATE}", "<W>2015-11-29 16:38:01.818 1 => x", " 1 => x"),
    (r"^[^-]+ -- [^-]+ -- - ({DATE})", "7 00 -- none -- - 2014-01-13T05:02:22+00:00 WARN", "7 00 -- none -- -  WARN"),
    ("^L %d/%m/%Y - %H:%M:%S", "L 01/02/2014 - 01:25:17: Bad", ": Bad"),
    ("^%Y:%m:%d-%H:%M:%S", "2014:07:02-00:17:45: '3.2.1.4'", ": '3.2.1.4'"),
    (r"^[^\[]*\[({DATE})", '192.0.2.7 - - [20/Jan/2015:19:53:28 +0100] "GET"', '192.0.2.7 - - [] "GET"'),
    (r"^[^\[]*(\[{DATE}\s*\])", '192.0.2.7 - - [20/Jan/2015:19:53:28 +0100] "GET"', '192.0.2.7 - -  "GET"'),
    ("{^LN-BEG}Epoch", "[1387288694] nsd[1]: info", "[] nsd[1]: info"),
    ("EPOCH", "type=USER msg=audit(1387288694.123:7): pid", "type=USER msg=audit(:7): pid"),
    ("{^LN-BEG}", "11-06-2013 02:09:40 +0300 PROXY", " +0300 PROXY"),
    ("{^LN-BEG}", "08:12:13 only a time", " only a time"),
    ("{DEFAULT}", "[28325:00010] 22-06-2014 09:56:12   smtp", "[28325:00010]    smtp"),
    ("{DEFAULT}", "@400000004c56b90f32107c6c qmail", " qmail"),
    ("{DEFAULT}", "app: @400000004c56b90f32107c6c: x", "app: : x"),
    ("{DEFAULT}", "<03/02/26@08:00:01> x", " x"),
    ("{DEFAULT}", "Mar-02-26 08:00:01: x", ": x"),
    ("{DEFAULT}", "-Mar-02-26 08:00:01: x", "-Mar-02-26 08:00:01: x"),
    ("{DEFAULT}", "app: +0100 Mon Mar 2 08:00:01 x", "app:  x"),
    ("{DEFAULT}", "audit(1387288694.123:7) audit(1387288694.123:8)", "audit(:7) audit(1387288694.123:8)"),
    ("{NONE}", "2014-01-13 05:02:22 all", "2014-01-13 05:02:22 all"),
    ("{UNB}^%H:%M", "05:02:22 x", ":22 x"),
    ("**%H:%M**", "x05:02:22 x", "x:22 x"),
    ("LEPOCH", "1387288694123 pid", " pid"),
    ("^at {EPOCH};", "at 1387288694; pid", " pid"),
    ("%H:%M:%S$", "pid 05:02:22", "pid "),
    ("tai64n", "@400000004c56b90f32107c6c qmail", " qmail"),
    (r"%ExY(?P<_sep>[-/.])%m(?P=_sep)%d %H:%M:%S", "a 2014/01/13 05:02:22 b", "a  b"),
    (r"%ExY(?P<_sep>[-/.])%m(?P=_sep)%d %H:%M:%S", "a 2014/01-13 05:02:22 b", "a 2014/01-13 05:02:22 b"),
])
def test_a_format_of_the_time_cuts_out_what_it_does_there(folder, filter_, format_, line, rest):
    path = filter_(f"[Definition]\nfailregex = ^<F-ID>.+</F-ID>$\ndatepattern = {format_.replace('%', '%%')}\n")

    assert [rest] == hosts(path, folder, [line])


def test_a_format_without_a_pattern_is_told(folder, filter_):
    imported = read([filter_("[Definition]\nfailregex = from <HOST>\ndatepattern = ^%%Q\n")])

    assert [("app.conf:3", "datepattern '^%Q'", "it has no pattern for %Q; any usual time is looked for instead")] == (
        lost(imported))
    with pytest.raises(stamps.Unknown):
        stamps.patterns(["(%Y"])


def test_options_are_put_together_as_there(folder, filter_):
    filter_("[DEFAULT]\n_daemon = \\S*\nprefix = ^ \\S+ <_daemon>:\\s\nkind = one\n[lt_one]\nword = failure\n"
            "[lt_two]\nword = mistake\n", "common.conf")
    filter_("[Definition]\n_daemon = app\n", "app.local")
    path = filter_("[INCLUDES]\nbefore = common.conf\n[Definition]\n_daemon = other\nmode = normal\n"
                   "prefix = %(known/prefix)s(?:pam: )?\n"
                   "re-normal = %(prefix)s<lt_<kind>/word> from <ADDR>\n"
                   "re-more = %(re-normal)s\n  %(prefix)s100%% from <HOST> ; a comment\n"
                   "failregex = <re-<mode>>\n# no more\n[Init]\nunused = 1\n")
    lines = [AT.format(1) + "app: failure from 192.0.2.1", AT.format(2) + "other: failure from 192.0.2.2",
             AT.format(3) + "app: pam: 100% from 192.0.2.3", AT.format(4) + "app: mistake from 192.0.2.4"]

    assert ["192.0.2.1"] == hosts(path, folder, lines)
    assert ["192.0.2.1", "192.0.2.3"] == hosts(path, folder, lines, mode="more")
    assert ["192.0.2.4"] == hosts(path, folder, lines, kind="two")


def test_a_line_goes_on_with_a_value_if_it_stands_further_to_the_right_than_its_option(folder, filter_):
    """As configparser reads it: options may be indented."""
    path = filter_("[Definition]\n  failregex = ^ a <HOST>$\n     ^ b <HOST>$\n\n      ^ c <HOST>$\n"
                   "  ignoreregex = 192\n [Init] # no more\n one = 1\n")

    assert ["10.0.0.1", "10.0.0.2", "10.0.0.3"] == hosts(path, folder, [
        "Mar  2 08:00:01 a 10.0.0.1", "Mar  2 08:00:02 b 10.0.0.2", "Mar  2 08:00:03 c 10.0.0.3",
        "Mar  2 08:00:04 a 192.0.2.1"])


def test_what_prefregex_leaves_is_searched_and_what_ignoreregex_finds_is_none(folder, filter_):
    path = filter_("[Definition]\nprefregex = ^ \\S+ app: <F-CONTENT>.+</F-CONTENT>$\n"
                   "failregex = ^no <F-USER>\\w{,3}</F-USER> from <HOST>\n   ^never ((?i)Ever) <HOST>(?:</F-NONE>)?\n"
                   "ignoreregex = 192\\.0\\.2\\.9|it's\n")

    assert ["192.0.2.1", "192.0.2.2"] == hosts(path, folder, [
        AT.format(1) + "app: no bob from 192.0.2.1", AT.format(2) + "app: never eVER 192.0.2.2",
        AT.format(3) + "app: no bobby from 192.0.2.3", AT.format(4) + "app: no bob from 192.0.2.9",
        AT.format(5) + "other: no bob from 192.0.2.5", AT.format(6) + "app: no bob from 192.0.2.5: it's",
    ])


SESSIONS = r"""
[Definition]
prefregex = ^ <F-MLFID>\S+ app\[\d+\]: </F-MLFID><F-CONTENT>.+</F-CONTENT>$
failregex = ^refused <HOST>$
            ^too many failures$
            ^<F-NOFAIL>connection from</F-NOFAIL> <HOST>$
            ^<F-MLFFORGET><F-MLFGAINED>welcome</F-MLFGAINED></F-MLFFORGET> <HOST>$
"""


def test_a_failure_and_its_address_may_stand_in_two_lines_of_a_session(folder, filter_):
    lines = [AT.format(1) + "app[7]: connection from 192.0.2.1", AT.format(1) + "app[8]: connection from 192.0.2.8",
             AT.format(2) + "app[7]: too many failures", AT.format(3) + "app[8]: refused 192.0.2.8",
             AT.format(4) + "app[9]: too many failures", AT.format(5) + "app[9]: connection from 192.0.2.9",
             AT.format(6) + "app[5]: welcome 192.0.2.5", AT.format(7) + "app[9]: connection from 192.0.2.9"]

    assert ["192.0.2.1", "192.0.2.8", "192.0.2.9"] == hosts(filter_(SESSIONS), folder, lines)
    assert [("app.conf:5", "the sessions of app")] == [one[:2] for one in lost(read([filter_(SESSIONS)]))]


def test_of_an_address_and_a_name_in_one_session_the_address_counts(folder, filter_):
    lines = [AT.format(1) + "app[7]: connection from 192.0.2.1", AT.format(2) + "app[7]: connection from example.com",
             AT.format(3) + "app[7]: too many failures"]

    assert ["192.0.2.1"] == hosts(filter_(SESSIONS), folder, lines)


@pytest.mark.re2
def test_lines_without_a_word_that_a_pattern_needs_are_not_looked_at(folder, filter_):
    path = filter_("[Definition]\nfailregex = ^ \\S+ app: (?:no such user|bad passwor[dt]) for .* from <HOST>$\n"
                   "   ^ Failed (?!never)on \\S+ from <HOST>$\n")
    imported = read([path], Asked((str(folder / "a.log"),), {}, (1, 1.0)))

    assert {"pattern": ["no such user", "bad passwor", "Failed"], "literal": True} == (
        imported.flows[0].steps[1].value)
    assert ["192.0.2.1", "192.0.2.2", "192.0.2.3"] == hosts(path, folder, [
        AT.format(1) + "app: no such user for x from 192.0.2.1",
        AT.format(2) + "app: bad passwort for x from 192.0.2.2", "Mar  2 08:00:03 Failed on x from 192.0.2.3",
        AT.format(4) + "app: other from 192.0.2.4"])


@pytest.mark.parametrize(("pattern", "words"), [
    ("^a (?:x|y) failed login", ["failed login"]), ("(?:one more|two more) from", ["one more", "two more"]),
    ("(?:one more|x) f", []), ("(?i)failed", []), ("(?:failed)?", []), ("(?:failed)+ (?:more){0,2}", ["failed"]),
    ("fail -- once more", ["once more"]), (r"^Failed\-for good(?!x)", ["Failed-for good"]), ("^Failed|x(?!y)", []),
    ("^(?P<a>Fail|x)(?!y)", []), ("^(?P<a>Fails )(?!y)", ["Fails"]), ("ü(?!x)", []), ("Fails*(?!y)", ["Fail"]),
])
@pytest.mark.re2
def test_words_that_each_match_holds(pattern, words):
    assert words == words_of([pattern])


def test_jails_tell_what_is_read_and_how_often_is_too_often(folder, filter_):
    filter_("[Definition]\nmode = normal\nfailregex = <re-<mode>>\nre-normal = no <HOST>$\nre-more = never <HOST>$\n")
    (folder / "jail.conf").write_text(
        "[DEFAULT]\nmaxretry = 5\nfindtime = 1h 30m\nignoreip = 127.0.0.1/8, 192.0.2.99 ::1 localhost\n"
        "enabled = false\n[off]\nfilter = app\n[app]\nlogpath = /var/log/none.log\nfilter = app[mode=\"more\"]\n")
    (folder / "jail.local").write_text(
        f"[app]\nenabled = true\nlogpath = {folder}/a.log\n   {folder}/b.log\nmaxretry = 2\naction = iptables\n"
        "[gone]\nenabled = yes\n")
    imported = read([str(folder / "jail.local")])

    (flow,) = imported.flows
    assert ("tail", [f"{folder}/a.log", f"{folder}/b.log"]) == (flow.steps[0].kind, flow.steps[0].value)
    assert {"at_least": 2, "within": "90m", "by": "ip"} == flow.steps[-2].value
    assert ["app: 192.0.2.1 failed 2 times"] == [alert.title for alert in alerts(imported, folder, [
        AT.format(n) + f"never {host}" for n, host in enumerate(
            ["192.0.2.1", "127.0.0.2", "127.0.0.2", "192.0.2.1", "192.0.2.99", "192.0.2.99"])])]
    assert [("jail.local:6", "action of app"), ("jail.local:8", "the jail gone")] == [one[:2] for one in lost(imported)]
    assert imported.flows == read([str(folder)]).flows  # the folder stands for its jails


def test_what_a_jail_says_of_patterns_counts_in_place_of_the_filters(folder, filter_):
    filter_("[Definition]\nfailregex = bad login from <HOST>$\nignoreregex = from 203\n")
    (folder / "jail.conf").write_text(
        "[app]\nenabled = true\nmaxretry = 1\nlogpath = a.log\nfailregex = other bad <HOST>$\n  worse <HOST>$\n"
        "ignoreregex = bad 192\\.0\\.2\\.\nignorecommand = /bin/true\nignoreip = 10.0.0.0/8 home.example.com\n")

    imported = read([str(folder / "jail.conf")])

    assert ["198.51.100.7", "198.51.100.8"] == [alert.fields["ip"] for alert in alerts(imported, folder, [
        AT.format(number) + text for number, text in enumerate((
            "bad login from 198.51.100.5", "other bad 198.51.100.7", "other bad 192.0.2.7", "worse 198.51.100.8",
            "worse 10.1.1.1"))])]
    assert ["ignorecommand of app", "ignoreip home.example.com of app"] == [one.what for one in imported.lost]


@pytest.mark.parametrize(("failures", "found"), [(1, ["192.0.2.1"]), (3, ["192.0.2.1"]), (4, [])])
def test_an_ignoreregex_sees_the_whole_line_only_where_there_are_fewer(folder, filter_, failures, found):
    """As in fail2ban/server/filter.py, findFailure: else it sees what prefregex leaves."""
    rules = "".join(f"\n  ^x{number} <HOST>$" for number in range(1, failures))
    path = filter_(f"[Definition]\nprefregex = zd: <F-CONTENT>.+</F-CONTENT>$\nfailregex = ^bad <HOST>$"
                   f"{rules}\nignoreregex = zd: \n")

    assert found == hosts(path, folder, [AT.format(1) + "zd: bad 192.0.2.1"])


def test_the_journal_is_read_though_a_jail_names_files_but_for_a_log_that_is_asked_for(folder, filter_):
    path = filter_("[Definition]\nfailregex = ^bad <HOST>$\njournalmatch = _COMM=app\n")
    (folder / "jail.conf").write_text("[app]\nenabled = true\nbackend = systemd\nlogpath = /var/log/app.log\n")

    journal = {"options": {"logtype": "journal"}}
    sources = [next(iter(flow.steps)).kind for options in ({}, {"logs": ("/x.log",)}, journal)
               for flow in read([str(folder / "jail.conf")], Asked(**options)).flows]
    (folder / "jail.conf").write_text("[app]\nenabled = true\nlogpath = /var/log/app.log\n")
    asked = read([str(folder / "jail.conf")], Asked(**journal)).flows
    alone = read([path], Asked(options={"logtype": "journal"})).flows

    assert ["journal", "tail", "journal"] == sources
    assert ["journal"] == [flow.steps[0].kind for flow in asked]
    assert ["journal"] == [flow.steps[0].kind for flow in alone]


def test_a_number_or_a_time_of_a_jail_that_is_none_is_told_and_the_rest_is_used(folder, filter_):
    filter_("[Definition]\nfailregex = no <HOST>$\n")
    (folder / "jail.conf").write_text(
        "[DEFAULT]\nfindtime = soon\n[app]\nenabled = true\nmaxretry = three\nlogpath = /var/log/app.log\n"
        "[other]\nenabled = true\nfilter = app\nmaxretry = 0\nfindtime = 1h\n")
    imported = read([str(folder / "jail.conf")])

    assert [("jail.conf:5", "maxretry = three", "it is no number of failures; 5 is taken for app"),
            ("jail.conf:2", "findtime = soon", "it is no time such as 10m; 10m is taken for app"),
            ("jail.conf:10", "maxretry = 0", "it is no number of failures; 5 is taken for other")] == lost(imported)
    assert [("/var/log/app.log", "10m"), ("/var/log/auth.log", "1h")] == [
        (flow.steps[0].value, flow.steps[-2].value["within"]) for flow in imported.flows]
    assert {5} == {flow.steps[-2].value["at_least"] for flow in imported.flows}


MODES = ("[Definition]\nmode = normal\nfailregex = always <HOST>$\n   <re-<mode>>\n   <Kind_<mode>/word>by <HOST>\n"
         "re-normal = no <HOST>$\nre-normal-other = x <HOST>$\nre-more = never <HOST>$\n"
         "[Kind_normal]\nword = x\n[Kind_more]\nword = y\n")


def test_a_mode_that_is_none_is_told_with_those_that_are(folder, filter_):
    path = filter_(MODES)
    (folder / "jail.conf").write_text("[app]\nenabled = true\nfilter = app[mode=mroe]\n")
    imported = read([str(folder / "jail.conf")])

    why = "nothing is called <re-mroe>; mode is one of normal, more; what names it is left out of the filter app"
    assert [("jail.conf:3", "mode=mroe", why)] == lost(imported)
    assert ["always {}"] == [step.value["pattern"].partition("(")[0] + "{}" for step in imported.flows[0].steps
                             if step.kind == "parse" and step.why == "failregex"]
    with pytest.raises(WrongOption, match=r"^mode=mroe: nothing is called <re-mroe>; mode is one of normal, more$"):
        read([path], Asked(options={"mode": "mroe"}))


def test_a_mode_of_the_filter_itself_that_is_none_is_told_where_it_is_used(folder, filter_):
    imported = read([filter_(MODES.replace("mode = normal", "mode = mroe"))])

    assert [("app.conf:4", "mode=mroe")] == [one[:2] for one in lost(imported)]
    assert ["app"] == [flow.name for flow in imported.flows]


def test_an_option_that_no_filter_has_is_refused(folder, filter_):
    path = filter_(MODES)
    other = filter_("[Definition]\nfailregex = no <HOST>$\n[Init]\nonly = 1\n", "other.conf")
    (folder / "jail.conf").write_text("[app]\nenabled = true\n")

    assert read([path, other], Asked(options={"only": "2"})).flows
    with pytest.raises(WrongOption, match=r"^no filter has an option 'foo'; there is mode, only$"):
        read([path, other], Asked(options={"foo": "1"}))
    with pytest.raises(WrongOption, match=r"^no filter has an option 'foo'; there is mode$"):
        read([str(folder / "jail.conf")], Asked(options={"foo": "1"}))


def test_a_file_that_includes_what_is_not_there_is_named(folder, filter_):
    path = filter_("[INCLUDES]\nbefore = gone.conf\n[Definition]\nfailregex = no <HOST>$\n")

    with pytest.raises(ConfigError) as refused:
        read([path])
    assert f"{path}:2:10: includes gone.conf, which cannot be read; it was sought as {folder}/filter.d/gone.conf" == (
        str(refused.value))


def test_a_filter_alone_reads_what_a_jail_beside_it_would(folder, filter_):
    path = filter_("[Definition]\nfailregex = no <HOST>$\n")
    other = filter_("[Definition]\nfailregex = no <HOST>$\n", "other.conf")
    (folder / "jail.d").mkdir()
    (folder / "jail.d" / "x.conf").write_text("[theirs]\nfilter = app[mode=x]\nlogpath = /var/log/app.log\n")
    (folder / "jail.conf").write_text("[DEFAULT]\n")

    assert ["/var/log/app.log", "/var/log/auth.log"] == [flow.steps[0].value for flow in read([path, other]).flows]
    assert [("jail.conf:0", "the file", "it has neither a [Definition], as filters have, nor a jail")] == (
        lost(read([str(folder / "jail.d" / "x.conf")])))
    (folder / "jail.d" / "x.conf").write_text("[theirs]\nenabled = false\n")
    assert [("jail.conf:0", "every jail", "none is switched on with `enabled = true`")] == lost(read([str(folder)]))


def test_a_filter_of_which_nothing_is_left_makes_no_flow(filter_):
    prefix = filter_("[Definition]\nprefregex = (<F-CONTENT>.+</F-CONTENT>\nfailregex = no <HOST>$\n")
    empty = filter_("[Definition]\nfailregex =\n", "empty.conf")
    imported = read([prefix, empty])

    assert [] == imported.flows
    assert [("app.conf:2", "(<F-CONTENT>.+</F-CONTENT>"), ("app.conf:0", "the filter app"),
            ("empty.conf:0", "the filter empty")] == [one[:2] for one in lost(imported)]


def test_each_failure_counts_where_one_is_too_often(folder, filter_):
    imported = read([filter_("[Definition]\nfailregex = ^no <F-ID>\\w+</F-ID>$\n")],
                    Asked((str(folder / "a.log"),), {}, (1, 60.0)))

    assert ["app: bob failed", "app: bob failed"] == [one.title for one in alerts(imported, folder, ["no bob"] * 2)]


def test_a_jail_of_the_journal_reads_it(folder, filter_):
    filter_("[Definition]\nfailregex = no <HOST>\njournalmatch = _SYSTEMD_UNIT=app.service + _COMM=app\n")
    (folder / "jail.conf").write_text("[app]\nenabled = true\nbackend = systemd\n")
    imported = read([str(folder / "jail.conf")])

    assert [] == imported.lost
    assert [
        ("app-entries", [("journal", {"match": "_SYSTEMD_UNIT=app.service"}, "read")]),
        ("app-entries-2", [("journal", {"match": "_COMM=app"}, ""),
                           ("where", "_SYSTEMD_UNIT != 'app.service'", "read")]),
    ] == [(flow.name, [(step.kind, step.value, step.name) for step in flow.steps]) for flow in imported.flows[:2]]
    assert ("from", ["app-entries.read", "app-entries-2.read"]) == (
        imported.flows[2].steps[0].kind, imported.flows[2].steps[0].value)
    assert loaded(imported).steps


@pytest.mark.parametrize(("match", "sources"), [
    ("SYSLOG_IDENTIFIER=app", [{"match": "SYSLOG_IDENTIFIER=app"}]),
    ("_SYSTEMD_UNIT=a.service PRIORITY=5", [{"units": "a.service", "match": "PRIORITY=5"}]),
    ("_SYSTEMD_UNIT=a.service + _SYSTEMD_UNIT=b.service", [{"units": ["a.service", "b.service"]}]),
    ("A=1 A=2 B=3 + C=4\n  D=5", [{"match": ["A=1", "A=2", "B=3"]}, {"match": "C=4"},
                                 "(A not in ('1', '2') or B != '3')", {"match": "D=5"},
                                 "(A not in ('1', '2') or B != '3') and C != '4'"]),
    ("", [{}]),
])
def test_matches_of_the_journal_are_all_or_any_of_them(folder, filter_, match, sources):
    filter_(f"[Definition]\nfailregex = no <HOST>\njournalmatch = {match}\n")
    (folder / "jail.conf").write_text("[app]\nenabled = true\nbackend = systemd\n")
    imported = read([str(folder / "jail.conf")])

    assert [] == imported.lost
    assert sources == [step.value for flow in imported.flows for step in flow.steps
                       if step.kind == "journal" or step.name == "read"]
    assert loaded(imported).steps


@pytest.mark.parametrize(("entry", "is_new"), [
    ({"A": "1", "B": "3", "C": "4"}, False), ({"A": "1", "C": "4"}, True), ({"A": "5", "B": "3", "C": "4"}, True),
    ({"C": "4"}, True),
])
def test_an_entry_that_another_match_lets_in_counts_once(folder, filter_, entry, is_new):
    filter_("[Definition]\nfailregex = no <HOST>\njournalmatch = A=1 A=2 B=3 + C=4\n")
    (folder / "jail.conf").write_text("[app]\nenabled = true\nbackend = systemd\n")
    expr = Expr(read([str(folder / "jail.conf")]).flows[1].steps[1].value)

    assert is_new == expr.holds({name: entry.get(name) for name in expr.names})


def test_a_match_of_the_journal_that_is_none_is_told(folder, filter_):
    filter_("[Definition]\nfailregex = no <HOST>\njournalmatch = A=1 /bin/x\n  B='\n")
    (folder / "jail.conf").write_text("[app]\nenabled = true\nbackend = systemd\n")
    imported = read([str(folder / "jail.conf")])

    assert [("app.conf:3", "journalmatch /bin/x", "it is no FIELD=value, and left out"),
            ("app.conf:4", "journalmatch B='", "it is left out: No closing quotation")] == lost(imported)
    assert {"match": "A=1"} == imported.flows[0].steps[0].value


def test_what_cannot_be_carried_over_has_its_place(folder, filter_):
    several = filter_("[Definition]\nmaxlines = 3\nfailregex = one <HOST><SKIPLINES>two\n  three (<HOST>\n  four\n"
                      "  ^five <HOST>$\n")
    none = filter_("[Definition]\nfailregex = %(gone)s\n", "none.conf")
    other = filter_("[Something]\nelse = 1\n", "other.conf")
    imported = read([several, none, other])

    assert [("app.conf:3", "one <HOST><SKIPLINES>two"), ("app.conf:4", "three (<HOST>"), ("app.conf:5", "four"),
            ("none.conf:2", "the filter none"), ("other.conf:0", "the file")] == [one[:2] for one in lost(imported)]
    assert ["app"] == [flow.name for flow in imported.flows]
    assert loaded(imported).steps


@pytest.mark.parametrize(("text", "what"), [
    ("nonsense\n", "app.conf:1:1: expected `[section]` or `option = value`\n    nonsense\n    ^"),
    ("[Definition]\na = %(b)s\nb = %(a)s\n", "app.conf:3:5: 'b' is made of itself"),
    (f"[Definition]\na = %(b)s%(b)s\nb = {'x' * 60000}\n", "app.conf:3:5: it becomes longer than 100,000 characters"),
    ("[Definition]\nx = \udcff\n", "app.conf: is not UTF-8"),
])
def test_a_file_of_another_form_is_refused(filter_, folder, text, what):
    path = filter_(text)

    with pytest.raises(ConfigError) as refused:
        ini = Ini()
        ini.read(path)
        ini.value("Definition", "a", {})
    assert str(refused.value).startswith(str(folder))
    assert str(refused.value).endswith(what)


def test_a_file_that_is_not_there_is_refused(folder):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read([str(folder / "no.conf")])


def test_one_filter_twice_makes_two_flows(folder, filter_):
    path = filter_("[Definition]\nfailregex = no <HOST>$\n")

    assert ["app", "app-2"] == [flow.name for flow in read([path, path]).flows]


def test_options_that_name_each_other_often_are_put_together_once(folder, filter_):
    """Else each level would cost eight times the one before, though nothing comes of it."""
    levels = "".join(f"x{level} = {f'%(x{level - 1})s' * 8}\n" for level in range(1, 40))
    path = filter_(f"[Definition]\nx0 =\n{levels}failregex = %(x39)sno <HOST>$\n")

    assert ["192.0.2.1"] == hosts(path, folder, [AT.format(1) + "no 192.0.2.1"])
