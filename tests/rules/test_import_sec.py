"""SEC's rules become flows that write what SEC writes."""

import os
import shutil
import subprocess

import pytest

from corowatch.core.errors import ConfigError
from corowatch.rules.importing import Asked
from corowatch.rules.importing.sec import WINDOW, read
from tests.agreement import DATA
from tests.rules.importing import alerts, loaded, lost, once

RULES = r"""
# what nobody wants to hear of
type=Suppress
ptype=RegExp
pattern=noise

type=Single
ptype=RegExp
pattern=error (\w+) on (\S+)
desc=$1 on $2
action=write - E: %s at $2$9 (100%%, $$5); create BROKEN_$2 60
continue=TakeNext

type=Single
ptype=SubStr
pattern=error [disk]
desc=disk
action=none

type=Single
ptype=SubStr
pattern=error disk
desc=disk
action=write - disk \
  error

type=SingleWithSuppress
ptype=RegExp
pattern=link (\S+) down
desc=link $1
window=60
action=write - $1 is down

type=SingleWithThreshold
ptype=RegExp
pattern=refused (\S+)
desc=refused $1
window=60
thresh=3
action=write - $1 refused thrice

type=Pair
ptype=RegExp
pattern=start (\S+)
desc=job $1
action=write - started $1
continue2=TakeNext
ptype2=RegExp
pattern2=end $1 with (\d+)
desc2=end
action2=write - ended %1 with $1
window=60

type=EventGroup2
ptype=RegExp
pattern=alpha (\S+)
ptype2=RegExp
pattern2=beta (\S+)
thresh2=2
desc=group $1
action=write - both %s
window=60

type=Single
ptype=RegExp
pattern=mended (\S+)
desc=mended
action=delete BROKEN_$1

type=Single
ptype=RegExp
pattern=ask (\S+)
desc=ask
context=BROKEN_$1
continue=TakeNext
action=write - asked broken $1

type=Single
ptype=RegExp
pattern=ask (\S+)
desc=ask
context=!BROKEN_$1
continue=TakeNext
action=write - asked whole $1

type=Single
ptype=NRegExp
pattern=^(quiet|ask)
desc=rest
action=write - rest: $0

type=Single
ptype=TValue
pattern=TRUE
desc=all
action=write - what is left
"""
LINES = """error disk on sda
error net on eth0
noise error x on y
link eth0 down
link eth0 down
link eth1 down
refused a
refused b
refused a
refused a
refused a
start one
start two
start one
end two with 3
end one with 4
end one with 5
ask sda
mended sda
ask sda
ask sdb
ask eth0
alpha 1
beta 2
beta 1
beta 1
quiet now
something else""".splitlines()


@pytest.fixture
def rules(tmp_path):
    def imported(text, name="a.sec"):
        (tmp_path / name).write_text(text)
        return read([str(tmp_path / name)], Asked((str(tmp_path / "a.log"),)))

    return imported


def written(folder, lines):
    """What SEC itself writes of the lines, all within a moment."""
    (folder / "b.log").write_text("".join(f"{line}\n" for line in lines))
    told = subprocess.run(["sec", "--conf=a.sec", "--input=b.log", "--notail"], cwd=folder, capture_output=True,
                          text=True, timeout=60, check=False, env={"PATH": os.environ["PATH"]})
    return told.stdout.splitlines()


@pytest.mark.skipif(not shutil.which("sec"), reason="SEC is not installed")
def test_the_same_is_told_as_sec_writes(rules, tmp_path):
    imported = rules(RULES)
    told = [alert.title.removeprefix("resolved: ") for alert in alerts(imported, tmp_path, LINES)]

    assert {WINDOW} == {one.why for one in imported.lost}
    assert sorted(written(tmp_path, LINES)) == sorted(told)
    assert 25 == len(told)


@pytest.mark.skipif(not shutil.which("sec"), reason="SEC is not installed")
def test_what_a_text_stands_for_is_what_it_is_for_sec(rules, tmp_path):
    """Parentheses around it go; `%s` is the desc2 of a pair when that ends, where desc2 names what ended it by `$1`."""
    lines = ["a 1", "b 2", "start x", "stop x 5"]
    imported = rules(
        single("write - (two; three $1); write - ($1) and (x); write - () %s", pattern=r"a (\d)")
        + single("logonly (x; y); write - (%s)", pattern=r"b (\d)", desc="(d) $1")
        + single("write - %s", type="Pair", pattern=r"start (\w)", desc="on $1", ptype2="RegExp",
                 pattern2=r"stop $1 (\d)", desc2="off %1 $1", action2="write - %s", window="60"))

    told = [alert.title.removeprefix("resolved: ") for alert in alerts(imported, tmp_path, lines)]
    assert ["two; three 1", "1) and (x", "() x", "(d) 2", "on x", "off x 5"] == written(tmp_path, lines)
    assert sorted([*written(tmp_path, lines), "x; y"]) == sorted(told)


def test_what_sec_itself_never_ran_is_told_all_the_same(rules, tmp_path):
    """The same without SEC: the first lines of each kind."""
    titles = [alert.title for alert in alerts(rules(RULES), tmp_path, LINES)]

    assert {"E: disk on sda at sda (100%, $5)", "disk   error", "eth0 is down", "a refused thrice",
            "started one", "ended two with 3", "both group 1", "asked broken sda", "asked whole sda"} <= set(titles)


def single(action="none", **more):
    keys = {"type": "Single", "ptype": "RegExp", "pattern": r"(\S+) (\S+)", "desc": "x", "action": action, **more}
    return "".join(f"{key}={value}\n" for key, value in keys.items()) + "\n"


def test_actions_become_sinks(rules):
    imported = rules(single("logonly; logonly got $1; write /var/log/out.txt %s; shellcmd /bin/page $1 $0; "
                            "shellcmd echo $2 >> /tmp/x; pipe '%s: $1' /usr/bin/mail -s \"S $2\" ops@example.org; "
                            "pipe '$1' grep -v $2; pipe '$2'"))

    assert {
        "file": {"file": "/var/log/out.txt"},
        "shell": {"exec": once(["/bin/page", "{g1}", "{text}"])},
        "shell-2": {"exec": once(["/bin/sh", "-c", "echo \"$2\" >> /tmp/x", "sh", "", "{g2}"])},
        "mail": {"email": {"to": "ops@example.org"}},
        "pipe": {"exec": once(["/bin/sh", "-c", "printf '%s\\n' \"${{0#.}}\" | grep -v \"$2\"", ".{title}", "",
                               "{g2}"])},
    } == imported.sinks
    assert [("x", "console", "info"), ("got {g1}", "console", "info"), ("x", ["file", "shell", "shell-2"], "warning"),
            ("S {g2}", "mail", "warning"), ("{g1}", "pipe", "warning"), ("{g2}", "console", "warning")] == [
        (alert["title"], alert["to"], alert["severity"]) for flow in imported.flows[1:]
        for alert in [flow.steps[-1].value]]
    assert [("a.sec:5", "write /var/log/out.txt", "alerts are written to it as JSON")] == lost(imported)
    assert loaded(imported).steps


@pytest.mark.parametrize("subject", ["on $(hostname)", "on `hostname`", "on $HOSTNAME", "on ${HOSTNAME}"])
def test_a_mail_of_which_a_shell_makes_the_subject_is_sent_by_a_shell(rules, subject):
    imported = rules(single(f"pipe '%s' mail -s \"{subject}\" a@example.org"))

    there = subject.replace("{", "{{").replace("}", "}}")
    script = f"printf '%s\\n' \"${{{{0#.}}}}\" | mail -s \"{there}\" a@example.org"
    assert {"pipe": {"exec": once(["/bin/sh", "-c", script, ".{title}"])}} == imported.sinks


def test_a_script_decides_and_a_calendar_has_its_time(rules):
    imported = rules(single("write - good", type="SingleWithScript", script="/bin/test $1 = $2",
                            action2="write - bad $1")
                     + "type=Calendar\ntime=0 8 * * 1-5\ndesc=morning\naction=write - %s\n")

    assert [["tail", "grep", "check", "alert"], ["from", "alert"], ["cron", "alert"]] == [
        [step.kind for step in flow.steps] for flow in imported.flows]
    argv = ["/bin/sh", "-c", "/bin/test \"$1\" = \"$2\"", "sh", "{g1}", "{g2}"]
    assert {"argv": argv} == imported.flows[0].steps[2].value
    assert ("x.script.otherwise", "bad {g1}") == (
        imported.flows[1].steps[0].value, imported.flows[1].steps[1].value["title"])
    assert "0 8 * * 1-5" == imported.flows[2].steps[0].value["at"]
    assert loaded(imported).steps


def test_windows_that_end_and_what_does_not_end_in_time(rules, tmp_path):
    imported = rules(
        single("write - many $1", type="SingleWith2Thresholds", pattern=r"many (\d)", desc="$1", window=10, thresh=2,
               window2=20, thresh2=0, action2="write - calm $1")
        + single("write - $1 did not end", type="PairWithWindow", pattern=r"begin (\w+)", ptype2="SubStr", window=10,
                 pattern2="end $1.", action2="none"))
    lines = [f"2026-03-02 08:00:{second:02d} {text}" for second, text in (
        (0, "many 1"), (1, "many 1"), (2, "begin a"), (3, "begin b"), (4, "end a."), (5, "end b"), (59, "x"))]

    assert ["many 1", "b did not end", "calm 1"] == [alert.title for alert in alerts(imported, tmp_path, lines)]


NO_CRON = ("'now' is no cron expression; write minute, hour, day of the month, month and day of the week, such as "
           "'30 3 * * 1-5'")


@pytest.mark.parametrize(("rule", "line", "what", "why"), [
    (single(type="Jump", cfset="x"), 1, "the rule of type Jump",
     "files of rules do not call each other; take `from:` a flow instead"),
    (single(type="Options"), 1, "the rule of type Options", "there are no sets of rules"),
    (single(type="Other"), 1, "the rule of type Other", "there is no such type"),
    (single(ptype="PerlFunc"), 1, "the rule of type Single", "ptype PerlFunc: it is decided by Perl"),
    (single(ptype="RegExp2"), 1, "the rule of type Single",
     "ptype RegExp2: it is looked for in several lines; `multiline` may join them"),
    (single(ptype=""), 1, "the rule of type Single", "it has no ptype"),
    (single(ptype="TValue", pattern="FALSE"), 1, "the rule of type Single", "it never matches"),
    (single(pattern="(?{1})"), 1, "the rule of type Single", "(?{…), which only Perl has"),
    (single(context="A || B"), 1, "the rule of type Single",
     "the context 'A || B' is more than names that are, or are not"),
    (single(context="GONE"), 1, "the rule of type Single", "no rule makes the context GONE"),
    (single(**{"continue": "GoTo x"}), 1, "the rule of type Single",
     "continue=goto x: there are no labels; take `from:` a flow instead"),
    (single(type="SingleWithSuppress"), 1, "the rule of type SingleWithSuppress", "it has no window"),
    (single(type="SingleWithSuppress", window="soon"), 1, "the rule of type SingleWithSuppress",
     "window=soon is no number of seconds"),
    (single(type="Suppress", context="GONE"), 1, "the rule of type Suppress",
     "a context decides which lines it takes; they go to the rules behind it"),
    (single(type="EventGroup", window=5, egptype="SubStr"), 1, "the rule of type EventGroup",
     "the order of a group's events is a `sequence`"),
    (single("add STORE %s"), 5, "add STORE %s", "contexts hold no events here; a step `collect` gathers them"),
    (single("event 0 %s"), 5, "event 0 %s", "no event is made; take `from:` a flow instead"),
    (single("eval %x (1)"), 5, "eval %x (1)",
     "rules have no variables and no programs here; a `python` step may do it"),
    (single("dance"), 5, "dance", "there is no such action"),
    (single("write - %{x}"), 5, "write - %{x}", "it names %{x}, and variables are not carried over"),
    (single("write - %s", desc="at %{u}"), 5, "write - %s",
     "%s stands for the desc of the rule: it names %{u}, and variables are not carried over"),
    (single("pipe 'x' curl /%{.year}"), 5, "pipe 'x' curl /%{.year}",
     "the command names %{.year}; a shell is given the line and groups by their numbers, such as $1, and nothing else"),
    (single("write /tmp/$1"), 5, "write /tmp/$1", "the name of a file is fixed here"),
    (single("pipe x cat"), 5, "pipe x cat", "it has no text in single quotes"),
    (single("delete GONE"), 5, "delete GONE", "no rule makes the context GONE"),
    (single("create A 60 (write - over)"), 5, "what is done when the context A ends",
     "a flag ends in silence; `absence` or `pair` tell of an end"),
    (single("create A%t"), 5, "create A%t", "the context's name holds %t"),
    (single(type="Pair", ptype="NRegExp", ptype2="SubStr", pattern2="x"), 1, "the rule of type Pair",
     "what does not match begins nothing here"),
    (single("create A", type="Pair", ptype2="SubStr", pattern2="x", action2="none"), 5, "action=create A",
     "contexts are not made where a pair begins; use a `flag` in a flow of your own"),
    (single("write - x", type="PairWithWindow", ptype2="SubStr", pattern2="x", action2="write - y", window="5"), 8,
     "action2=write - y", "what ends in time is not told"),
    (single("write - x", type="Pair", ptype2="PerlFunc", pattern2="x"), 1, "the rule of type Pair",
     "ptype2 PerlFunc: such an end is not looked for"),
    (single("write - x", type="Pair"), 1, "the rule of type Pair", "it has no ptype2"),
    (single("write - x", type="SingleWithThreshold", window="5", thresh="2", action2="write - y"), 8,
     "action2=write - y", "what is done when the window is over is left out; `calm` tells that"),
    (single("write - x", type="SingleWith2Thresholds", window="5", thresh="2", window2="5", action2="delete A; none")
     + single("create A"), 9, "action2=delete A; none", "contexts are not made or ended when something is over"),
    (single("write - x", type="SingleWith2Thresholds", window="5", thresh="3", window2="5", thresh2="1",
            action2="write /tmp/x y"), 9 + 1, "action2=write /tmp/x y",
     "that it is over is told to those who were told that it began"),
    (single(type="EventGroup999999999999", window="5"), 1, "the rule of type EventGroup999999999999",
     "it has no pattern999999999"),
    (single("write - x", type="EventGroup", ptype="NSubStr", window="5"), 1, "the rule of type EventGroup",
     "contexts, and what does not match, decide about no part of a group"),
    (single("write - x", type="EventGroup", window="5", init="none"), 7, "init=none",
     "only what completes a group is told"),
    ("type=Calendar\ntime=0 0 * * *\ncontext=A || B\n", 1, "the rule of type Calendar",
     "the context 'A || B' is more than names that are, or are not"),
    ("nonsense\n", 1, "nonsense", "it is no `keyword=value`"),
    ("type=Calendar\ntime=now\ndesc=x\naction=write - x\n", 1, "the rule of type Calendar",
     NO_CRON),
])
def test_what_cannot_be_carried_over_has_its_place(rules, rule, line, what, why):
    imported = rules(f"{rule}\n{single('write - another', ptype='SubStr', pattern='another')}")

    assert (f"a.sec:{line}", what, why) in lost(imported)
    assert loaded(imported).steps


def test_a_context_of_the_text_of_desc(rules, tmp_path):
    imported = rules(single("create SEEN_%s 60", pattern=r"see (\S+)", desc="it $1")
                     + single("write - again $1", pattern=r"again (\S+)", desc="it $1", context="[SEEN_%s && !OTHER]")
                     + single("set OTHER 5", type="EventGroup", pattern="other", thresh="2", window="5"))

    assert ["again a"] == [alert.title for alert in alerts(imported, tmp_path, [
        "see a", "again a", "again b", "other", "other", "again a"])]


@pytest.mark.skipif(not shutil.which("sec"), reason="SEC is not installed")
def test_what_a_command_gets_is_what_sec_gives_it(rules, tmp_path):
    text = 'echo "$1 %s %%s 5%% $$HOME ${2}" $${HOME} $0; printf %%s x'
    (sink,) = rules(single(f"shellcmd ({text})", desc="of $2")).sinks.values()
    rules(single(f"write - ({text})", desc="of $2"))
    said = {"{g1}": "a", "{g2}": "b", ".{text}": ".a b"}
    words = [said.get(word, word.replace("{{", "{").replace("}}", "}")) for word in sink["exec"]["argv"]]

    here = f"a of b %s 5% {os.environ['HOME']} b {os.environ['HOME']} a b\nx"
    assert [here] * 2 == [subprocess.run(argv, capture_output=True, text=True, check=True).stdout
                          for argv in (words, ["/bin/sh", "-c", *written(tmp_path, ["a b"])])]


@pytest.mark.parametrize("named", ["%t", "%Y", "%{x}", "%.year", "$+{who}", "%1", "$$1", "$${", "$?", "$*", "$_"])
def test_what_a_shell_cannot_be_given_is_told(rules, named):
    imported = rules(single(f"shellcmd echo '{named}' > f; pipe 'x' echo {named} > f", pattern="(?<who>a)"))

    why = "a shell is given the line and groups by their numbers, such as $1, and nothing else"
    assert [f"the command names {named}; {why}"] * 2 == [one.why for one in imported.lost]


def test_rules_that_stand_close_together(rules):
    first = single("shellcmd /bin/x %s $+{who}", pattern="(?<who>x)").rstrip("\n")
    imported = rules(f"{first}\n{single('write - y')}")

    assert [["tail", "grep", "alert"]] * 2 == [[step.kind for step in flow.steps] for flow in imported.flows]


def test_what_a_line_goes_on_to_is_told_where_rules_follow(rules):
    context = single("create A") + single("write - x", context="A", **{"continue": "DontCont"}) + single()
    pair = single(type="Pair", ptype2="RegExp", pattern2="end", action2="none") + single()

    shared = ("SEC hides a line that it takes from the rules behind it; here they see it, too, and may tell of it once "
              "more. If they do, give their flows ")
    assert ("context=A", f"{shared}`unless` with the same flag") in [one[1:] for one in lost(rules(context))]
    assert [("pattern2=end", f"{shared}this pattern as `except` of their `grep`")] == [
        one[1:] for one in lost(rules(pair))]


def test_flows_are_called_as_their_rules_say(rules):
    imported = rules(single("write - x", desc="Disk $1 of %s is FULL") + single("write - x; write - y", desc="$0")
                     + single("write - x", desc="$0", pattern=r"^\w+ (?:kernel|pci)\[\d+\]: lost"))

    assert ["disk-of-is-full", "single", "single-2", "single-3", "kernel-pci-lost"] == [
        flow.name for flow in imported.flows]
    assert all(flow.of.startswith(f"{flow.place}: Single ") for flow in imported.flows)


def test_the_rules_of_others_are_imported_and_what_is_lost_has_a_place():
    files = sorted((DATA / "sec").glob("*.sec"))
    if not files:
        pytest.skip(f"there are no samples in {DATA}")
    imported = read([str(file) for file in files])

    assert loaded(imported).steps
    assert 25 < len(imported.flows)
    assert all(one.place.line and one.place.file.endswith(".sec") for one in imported.lost)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read([str(tmp_path / "no")])


def test_a_pair_of_which_the_end_does_not_name_all_of_desc_is_told(rules):
    imported = rules("type=Pair\nptype=RegExp\npattern=login (\\S+) (\\S+)\ndesc=$1 $2\naction=write - on\n"
                       "ptype2=RegExp\npattern2=logout $1\ndesc2=off\naction2=write - off\nwindow=60\n")

    assert [4] == [one.place.line for one in imported.lost if "does not name $2" in one.why]


def test_a_context_that_is_set_and_not_made_is_told(rules):
    imported = rules("type=Single\nptype=RegExp\npattern=x\ndesc=x\naction=set CTX 60; write - x\n")

    assert [("set CTX", "in SEC it changes a context that is there; here it makes one, too")] == [
        (one.what, one.why) for one in imported.lost]
