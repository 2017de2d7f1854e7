"""swatchdog's blocks become flows that tell the lines that it echoes."""

import os
import re
import shutil
import subprocess

import pytest

from corowatch.core.errors import ConfigError
from corowatch.core.pattern import Pattern
from corowatch.rules.importing import Asked, as_yaml
from corowatch.rules.importing.perl_regex import Refused, as_text, match_of, numbers_in, translated
from corowatch.rules.importing.swatchdog import read
from tests.commands import run
from tests.rules.importing import alerts, loaded, lost, once

AT = "Mar  2 08:00:01 web1 "


@pytest.fixture
def rules(tmp_path):
    def imported(text, name="swatchdogrc"):
        (tmp_path / name).write_text(text)
        return read([str(tmp_path / name)], Asked((str(tmp_path / "a.log"),)))

    return imported


def echoed(folder, lines):
    """What swatchdog itself writes of the lines."""
    (folder / "b.log").write_text("".join(f"{line}\n" for line in lines))
    told = subprocess.run(["swatchdog", "-c", "swatchdogrc", "-f", "b.log", f"--script-dir={folder}"], cwd=folder,
                          capture_output=True, text=True, timeout=60, check=False,
                          env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"})
    plain = re.sub(r"\x1b\[[0-9;]*m", "", told.stdout)
    return [line for line in plain.split("\n") if line and not line.startswith("***")]


BLOCKS = r"""
# what nobody wants to hear of
ignore /noise|\bchatter\b/i
perlcode my $disk = 'sd[a-z]\d*';
watchfor /error on $disk/
    echo
    continue
watchfor m{error on sda}
    echo
watchfor = /(?<!no )fault at (\w+)/
    echo normal
    threshold track_by=$1,type=limit,count=1,seconds=60
watchfor /login (\S+)/
    threshold track_by=$1,type=both,count=3,seconds=60
    echo
watchfor /tick/
    throttle 0:05:00
    echo
watchfor /tock/
    threshold track_by=tock,type=threshold,count=2,seconds=60
    echo
include = more
watchfor /\$5 \/ 2 @ noon/
    echo
"""
LINES = [f"{AT}{text}" for text in (
    "kernel: error on sda", "kernel: error on sdb1", "kernel: error on SDB", "x: Noise error on sda", "x: chatters",
    "fault at disk", "no fault at disk", "fault at disk", "fault at mem", "login bob", "login bob", "login eve",
    "login bob", "login bob", "login eve", "login eve", "tick", "tick", "tick 2", "tock", "tock", "tock", "tock",
    "paid $5 / 2 @ noon", "one more", "one more again")]


@pytest.mark.skipif(not shutil.which("swatchdog"), reason="swatchdog is not installed")
def test_the_same_lines_are_told_as_swatchdog_echoes(rules, tmp_path):
    (tmp_path / "more").write_text("watchfor /one more$/\n\techo\n")
    imported = rules(BLOCKS)

    told = [alert.title for alert in alerts(imported, tmp_path, LINES)]
    assert ["lines are counted in the last seconds here; there each time begins with the first line in it"] * 2 == [
        one.why for one in imported.lost]
    assert sorted(echoed(tmp_path, LINES)) == sorted(told)
    assert 13 == len(told)


def test_each_block_takes_what_those_before_leave_it(rules, tmp_path):
    imported = rules("watchfor /a/\n echo\n continue\nwatchfor /b/\n echo\nignore /c/\nwatchfor /./\n mail\n")

    assert [("a", "a b c"), ("b", "a b c"), ("a", "a c"), ("a", "a x"), ("watchfor", "a x"),
            ("watchfor", "x")] == [(alert.flow, alert.title) for alert in alerts(
                imported, tmp_path, ["a b c", "c", "a c", "a x", "x"])]


def test_an_action_that_names_a_group_which_is_not_there_does_not_take_others_along(rules):
    imported = rules("watchfor /(a)/\n echo\n exec /bin/page $1\n exec /bin/page $2\n mail root,subject=$2 $3\n")

    assert {"exec": {"exec": once(["/bin/page", "{g1}"])}} == imported.sinks
    assert [("swatchdogrc:4", "exec /bin/page $2", "there is no group for $2"),
            ("swatchdogrc:5", "mail root,subject=$2 $3", "there is no group for $2")] == lost(imported)
    assert list(loaded(imported).steps)


WRITE = """for user in bob eve; do printf '%s\\n' "${{0#.}}" | write "$user"; done"""


def test_actions_become_sinks(rules):
    imported = rules("watchfor /(\\S+) (\\d+)/\n echo\n mail addresses=ops\\@example.org:bob,subject=It is $2 at $1\n"
                     " exec /bin/page $1 $_\n exec \"echo ${2} $* >> /tmp/{x}\"\n pipe \"tr a, b\"\n write bob:eve\n"
                     " mail=root,when=1-5:8-10\n mail=root,when=0:*\n")
    config = loaded(imported)

    assert {
        "mail": {"email": {"to": ["ops@example.org", "bob@localhost"]}},
        "exec": {"exec": once(["/bin/page", "{g1}", "{text}"])},
        "exec-2": {"exec": once(["/bin/sh", "-c", 'line="${{0#.}}"; echo "${{2}}" "$line" >> /tmp/{{x}}', ".{text}", "",
                                 "{g2}"])},
        "pipe": {"exec": once(["/bin/sh", "-c", "printf '%s\\n' \"${{0#.}}\" | tr a, b", ".{text}"])},
        "write": {"exec": once(["/bin/sh", "-c", WRITE, ".{text}"])},
        "mail-2": {"email": {"to": "root@localhost"}},
    } == imported.sinks
    assert [("{text}", ["console", "exec", "exec-2", "pipe", "write"]), ("It is {g2} at {g1}", "mail"),
            ("{text}", "mail-2"), ("{text}", "mail-2")] == [
        (flow.steps[-1].value["title"], flow.steps[-1].value["to"]) for flow in imported.flows[1:]]
    assert [{"weekdays": ["mon", "tue", "wed", "thu", "fri"], "between": "08:00-11:00"}, {"weekdays": "sun"}] == [
        flow.steps[1].value for flow in imported.flows[3:]]
    assert {"mail", "exec", "exec-2", "pipe", "write", "mail-2"} <= set(config.sinks)


def test_what_a_line_says_is_no_part_of_what_a_shell_reads(rules, tmp_path):
    imported = rules(f"watchfor /got (.*)/\n exec echo \"<$1>\" \"$_\" '*' >> {tmp_path}/out\n"
                     f" pipe cat >> {tmp_path}/piped\n")
    (tmp_path / "c.yaml").write_text(as_yaml(imported, "a test"))
    (tmp_path / "a.log").write_text(f"got $(touch {tmp_path}/taken); `id`\n-n got 'it'\n")
    run("run", "c.yaml", "--once", cwd=tmp_path, check=True)

    lines = (tmp_path / "a.log").read_text().splitlines()
    assert [f"<$(touch {tmp_path}/taken); `id`> {lines[0]} *", f"<'it'> {lines[1]} *"] == (
        tmp_path / "out").read_text().splitlines()
    assert (tmp_path / "a.log").read_text() == (tmp_path / "piped").read_text()
    assert not (tmp_path / "taken").exists()


def test_what_a_command_names_is_what_swatchdog_puts_there(rules, tmp_path):
    """Of a line, also where it is piped to; `\\$` is for the shell, and any other variable Perl's."""
    imported = rules(f"watchfor /got (.*)/\n pipe cat - '{tmp_path}/$1' >> {tmp_path}/piped\n"
                     f" pipe echo '$_' > {tmp_path}/line\n exec echo \\$(expr 1 + 1) > {tmp_path}/sum\n"
                     f" exec echo $who > {tmp_path}/who\n pipe echo $who\n")
    (tmp_path / "c.yaml").write_text(as_yaml(imported, "a test"))
    (tmp_path / "x y").write_text("there\n")
    (tmp_path / "a.log").write_text("got x y\n")
    run("run", "c.yaml", "--once", cwd=tmp_path, check=True)

    assert ["got x y\nthere\n", "got x y\n", "2\n"] == [
        (tmp_path / name).read_text() for name in ("piped", "line", "sum")]
    assert [(5, "the variable $who is not known here"), (6, "the variable $who is not known here")] == [
        (one.place.line, one.why) for one in imported.lost]


def test_what_cannot_be_carried_over_has_its_place(rules):
    imported = rules("echo\nperlcode print 1;\nwatchfor /a/ && /b/\n echo\nwatchfor /$unknown/\nwatchfor /x(?{1})/\n"
                     "watchfor /(b)/\n exec /bin/x $2\n")

    assert [(f"swatchdogrc:{line}", what) for line, what in (
        (1, "echo"), (2, "perlcode print 1;"), (3, "watchfor /a/ && /b/"), (5, "watchfor /$unknown/"),
        (6, "watchfor /x(?{1})/"), (8, "exec /bin/x $2"))] == [one[:2] for one in lost(imported)]


def test_the_losses_of_actions_leave_the_others(rules):
    imported = rules("watchfor /(b)/\n bell 3\n echo red\n quit\n dance\n pipe cat,keep_open\n"
                     " echo threshold=on,track_by=x,count=2,seconds=5,type=both\n"
                     " threshold track_by=x,type=odd,seconds=5\n threshold track_by=x,type=limit,count=3,seconds=5\n"
                     " throttle 0\n write bob;x\n mail subject=$who\n")

    assert [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] == [one.place.line for one in imported.lost]
    assert ["console", "pipe"] == imported.flows[0].steps[-1].value["to"]
    assert loaded(imported).steps


def test_an_include_that_is_not_there_is_told_with_who_includes_it(rules, tmp_path):
    with pytest.raises(ConfigError) as refused:
        rules("watchfor /a/\n echo\n  include = more\n")
    assert f"{tmp_path}/swatchdogrc:3:3: includes more, which cannot be read; it was sought as {tmp_path}/more" == (
        str(refused.value))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read([str(tmp_path / "no")])


@pytest.mark.parametrize(("perl", "ours"), [
    (r"a(\d+)\h(b)", r"a(?P<g1>\d+)[\t ](?P<g2>b)"),
    (r"(?:x)(?<y>a)(b)", r"(?:x)(?P<y>a)(?P<g2>b)"),
    (r"\Qa.b\E(c)[(]", r"a\.b(?P<g1>c)[(]"),
    (r"x{,3}\Z", r"x{0,3}\z"),
    (r"a\v\V", r"a[\n\v\f\r][^\n\v\f\r]"),
    (r"(a)\1\g{1}", r"(?P<g1>a)\1\1"),
])
def test_expressions_of_perl(perl, ours):
    wanted = [number for number in (1, 2) if f"(?P<g{number}>" in ours]

    assert ours == translated(perl, wanted=wanted)
    assert Pattern(ours)


@pytest.mark.parametrize(("perl", "flags", "why"), [
    ("a\\Kb", "", "\\K, which keeps what is before it"), ("(?|a|b)", "", "(?|…), which only Perl has"),
    ("a@list", "", "the variable @list is not known here"),
    ("a b", "x", "the flag 'x', with blanks and comments in the pattern"),
    ("a", "q", "the flag 'q'"), ("(*FAIL)", "", "(*…), which only Perl has"),
])
def test_what_only_perl_has_is_refused(perl, flags, why):
    with pytest.raises(Refused) as refused:
        translated(perl, flags)
    assert why == str(refused.value)


@pytest.mark.parametrize(("code", "expected"), [
    ("/a\\/b/i", ("a/b", "i")), ("m{a{2}(b)}", ("a{2}(b)", "")), ("m!x!", ("x", "")), ("m (a\\)b)", ("a\\)b", "")),
])
def test_where_an_expression_ends(code, expected):
    assert expected == match_of(code)


@pytest.mark.parametrize("code", ["/a/ and /b/", "$x =~ /a/", "/a", "m{a", "1"])
def test_other_code_is_no_expression(code):
    with pytest.raises(Refused, match="it is not one /pattern/"):
        match_of(code)


def test_texts():
    assert "{g1} of {text}: {{x}} $ {g12}" == as_text("$1 of $_: {x} \\$ ${12}")
    assert {1, 12} == numbers_in("$1 $0 $_", "${12}")
    with pytest.raises(Refused, match=r"the variable \$who"):
        as_text("by $who")
