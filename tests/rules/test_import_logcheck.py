"""logcheck's rules become a config that tells the same lines; its expressions find what grep -E finds."""

import json
import random
import re
import shutil
import subprocess

import pytest

from corowatch.core.errors import ConfigError
from corowatch.core.pattern import Pattern
from corowatch.rules.importing import Asked
from corowatch.rules.importing.ere import translated
from corowatch.rules.importing.logcheck import joined, read
from corowatch.rules.replaying import replay
from tests.rules.importing import alerts, loaded, lost

ATOMS = ["a", "b", "_", "1", " ", ".", "[ab]", "[^a]", "[]a]", "[^]a]", "[a-]", "[-a]", "[\\]", "[a\\]", "[[:alnum:]_]",
         "[[:digit:]-]", "[[.a.]b]", "[[=a=]]", "\\w", "\\W", "\\s", "\\S", "\\<", "\\>", "\\b", "\\.", "\\/", "\\_",
         "\\{", "}", "(a|b)", "(ab)*", "(a)\\1", "^", "$", "\\-", "-", "[a^]", "[&~]", "[a-b1]", "[[]", "\\]", "]",
         '"', "(|a)", "a{", "=", "\t", "[\t-]"]
COUNTS = ["", "", "", "", "*", "+", "?", "{2}", "{1,}", "{,2}", "+?", "**", "*+", "{1,2}?"]


def grep(expression, lines):
    """The lines that GNU grep finds; None where it refuses the expression."""
    told = subprocess.run(["grep", "-a", "-E", "-e", expression], input="\n".join(lines) + "\n", text=True,
                          capture_output=True, check=False, env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})
    return None if told.returncode > 1 else told.stdout.split("\n")[:-1]


@pytest.mark.skipif(not shutil.which("grep"), reason="there is no grep to compare with")
def test_expressions_find_what_grep_finds():
    seed = random.randrange(1 << 32)
    draw = random.Random(seed)
    lines = ["".join(draw.choice('ab_1 -]\\[^{}/.,:"=~&\t') for _ in range(draw.randrange(9))) for _ in range(200)]
    compared = 0
    while compared < 200:
        ere = "".join(draw.choice(ATOMS) + draw.choice(COUNTS) for _ in range(draw.randrange(1, 5)))
        try:
            pattern = Pattern(translated(ere))
        except ValueError:
            continue  # what repeats a place of no width has no meaning that is worth the trouble
        if re.search(r"\(\|a\)[*+?{]", ere) and "\\1" in ere:
            continue  # what a group took that took nothing and something: glibc looks at one of both
        expected = grep(ere, lines)
        if expected is None:
            continue
        assert expected == [line for line in lines if pattern.test(line)], (seed, ere, pattern.source)
        compared += 1


@pytest.mark.parametrize("ere", [r"a\<1+?", r"a\<b++?", r"a\<b+{0,1}"])
def test_a_word_that_need_not_be_there_begins_nowhere_else(ere):
    lines = ["a", "a ", "a b", "ab", "a 1b", "a-", "a-b"]

    assert grep(ere, lines) == [line for line in lines if Pattern(translated(ere)).test(line)]


@pytest.mark.parametrize(("ere", "why"), [
    ("a(b", "there is a `(` without its `)`"),
    ("a)b", "there is a `)` without its `(`"),
    ("a[b", "there is a `[` without its `]`"),
    ("[[:word:]]", "there is no [:word:]"),
    ("[[.space.]]", "there is no [.space.]"),
    ("*a", "'*' has nothing before it to repeat"),
    ("a|+b", "'+' has nothing before it to repeat"),
    ("^*a", "'*' has nothing before it to repeat"),
    ("a\\", "it ends with a backslash"),
    ("(" * 5000 + "a" + ")" * 5000, "more than 100 groups stand within each other"),
    ("a{2000}", "{2000} is more than 1,000 times"),
])
def test_what_is_no_expression_is_refused(ere, why):
    with pytest.raises(ValueError) as refused:
        translated(ere)
    assert why == str(refused.value)


@pytest.mark.re2
def test_rules_are_joined_but_those_that_refer_back():
    patterns = joined([*(f"x{number}$" for number in range(50)), "(a)(?:\\1)"])

    assert [40, 10, 1] == [one.count("|") + 1 for one in patterns]
    assert [True, True, False] == [Pattern(one).linear for one in patterns]


@pytest.fixture
def folder(tmp_path):
    """A folder like /etc/logcheck."""
    for name, text in {
        "logcheck.conf": 'REPORTLEVEL="server"\nSUPPORT_CRACKING_IGNORE=1\n',
        "logcheck.logfiles.d/syslog.logfiles": f"# the logs\n{tmp_path}/a.log\njournal\n",
        "cracking.d/kernel": "kernel: attacked\n",
        "cracking.ignore.d/kernel": "attacked by nobody$\n",
        "violations.d/su": "su: .*\n# no rule\n\n",
        "violations.d/logcheck": "failed\n",
        "violations.ignore.d/logcheck-su": "su: bob$\n",
        "violations.ignore.d/other": "failed by chance\n",
        "violations.ignore.d/local-ours": "su: our own\n",
        "ignore.d.paranoid/cron": "^cron: \\w+$\n",
        "ignore.d.server/ssh": "^sshd\\[[0-9]+\\]: .*$\na(b\n",
        "ignore.d.server/ssh.dpkg-old": ".*\n",
        "ignore.d.workstation/gui": "^gui: .*$\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


LINES = ["cron: job", "cron: job failed", "sshd[7]: hello", "gui: hello", "kernel: attacked by eve",
         "kernel: attacked by nobody", "su: bob", "su: eve", "su: our own", "x failed by chance", "something new"]


def told(imported, folder):
    return {(alert.severity, alert.title) for alert in alerts(imported, folder, LINES)}


def test_what_no_rule_explains_is_told_layer_by_layer(folder):
    imported = read([str(folder)])

    assert {("error", "security event, logcheck: cron: job failed"), ("warning", "gui: hello"),
            ("critical", "attack, kernel: kernel: attacked by eve"), ("error", "security event, su: su: eve"),
            ("warning", "something new")} == told(imported, folder)
    assert [("ssh:2", "a(b", "there is a `(` without its `)`"),
            (f"{folder.name}:0", "the log `journal`",
             "the files of logs are read, not the journal; to read it instead, add `--log journal`")] == lost(imported)


def test_blanks_at_the_end_of_a_line_do_not_count(folder):
    """logcheck takes them off: sed -e 's/[[:space:]]\\+$//'."""
    (folder / "ignore.d.server" / "app").write_text("^app: (a|b$)$\n^app: c\\'\n^$\n")
    imported = read([str(folder)])

    assert ["app: bx"] == [alert.title for alert in alerts(imported, folder, [
        "app: a \t", "app: b ", "app: c  ", "app: bx", "cron: job ", "su: bob  ", "   ", ""])]


@pytest.mark.parametrize(("set_", "told_"), [("", True), ("SUPPORT_CRACKING_IGNORE=0\n", True),
                                             ("SUPPORT_CRACKING_IGNORE=1\n", False)])
def test_what_is_taken_from_attacks_counts_only_where_logcheck_is_told_so(folder, set_, told_):
    (folder / "logcheck.conf").write_text(set_)

    assert told_ is (("critical", "attack, kernel: kernel: attacked by nobody") in told(read([str(folder)]), folder))


def test_another_level_ignores_more(folder):
    paranoid = read([str(folder)], Asked(options={"REPORTLEVEL": "paranoid"}))
    workstation = read([str(folder)], Asked(options={"REPORTLEVEL": "workstation"}))

    assert {"sshd[7]: hello", "gui: hello", "something new"} == {
        title for severity, title in told(paranoid, folder) if severity == "warning"}
    assert {"something new"} == {title for severity, title in told(workstation, folder) if severity == "warning"}
    with pytest.raises(ConfigError, match="there is no REPORTLEVEL 'none', only paranoid, server, workstation"):
        read([str(folder)], Asked(options={"REPORTLEVEL": "none"}))


def test_a_folder_or_a_file_alone_is_what_is_ignored(folder):
    logs = (f"{folder}/a.log",)
    of_folder = read([str(folder / "ignore.d.server")], Asked(logs))
    of_file = read([str(folder / "ignore.d.paranoid" / "cron")], Asked(logs))

    assert set(LINES) - {"sshd[7]: hello"} == {title for _, title in told(of_folder, folder)}
    assert set(LINES) - {"cron: job"} == {title for _, title in told(of_file, folder)}


def entry(number, message, identifier, **fields):
    told = {"__CURSOR": f"c{number}", "__REALTIME_TIMESTAMP": str((1772438400 + number) * 1_000_000),
            "_HOSTNAME": "web1", "SYSLOG_IDENTIFIER": identifier, "MESSAGE": message, **fields}
    return json.dumps(told) + "\n"


def test_the_journal_is_read_with_what_rules_want_in_front(folder, tmp_path):
    (folder / "ignore.d.server" / "ssh").write_text("^[0-9T:.+-]{32} web1 sshd\\[[0-9]+\\]: hello$\n"
                                                    "^[0-9T:.+-]{32} web1 kernel: it's up$\n")
    exported = tmp_path / "journal.json"
    exported.write_text(entry(1, "hello", "sshd", _PID="7") + entry(2, "it's up", "kernel")
                        + entry(3, "new", "app", _PID="8") + entry(4, "attacked by eve", "kernel")
                        + entry(5, "attacked by nobody", "kernel"))
    imported = read([str(folder)], Asked(("journal",)))

    assert [("warning", "2026-03-02T08:00:03.000000+00:00 web1 app[8]: new"),
            ("critical", "attack, kernel: 2026-03-02T08:00:04.000000+00:00 web1 kernel: attacked by eve")] == [
        (alert.severity, alert.title) for alert in replay(loaded(imported), [str(exported)]).alerts]


def test_where_only_the_journal_is_named_it_is_read(folder):
    (folder / "logcheck.logfiles.d" / "syslog.logfiles").write_text("journal\n")
    imported = read([str(folder)])

    assert ("journal", ["ssh:2"]) == (imported.flows[0].steps[0].kind, [one[0] for one in lost(imported)])


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read([str(tmp_path / "no")])
