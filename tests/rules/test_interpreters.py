"""What a line says is code for no shell, and for no language."""

import pytest

from corowatch.rules.importing import Asked, as_yaml, sec, swatchdog
from corowatch.rules.importing.commands import command, piped
from corowatch.rules.importing.perl_regex import Refused
from tests.commands import run

READ = [
    'sh -c "echo $1"', "sh -c 'echo $1 >> f'", "/bin/bash -xc 'echo $1'", "dash -c $1", "zsh -lc 'x $1'", "ksh -c x$1",
    "bash -o pipefail -c 'echo $1'", "echo $1 | sh", "echo $1 | bash -s", "sh $1", "bash <(echo $1)", "sh < $1",
    "sh /dev/stdin $1", "sudo sh -c 'echo $1'", "sudo -i echo $1", "env A=b sh -c 'echo $1'", "su - bob -c 'echo $1'",
    "ssh host logger $1", "timeout 5 ssh host logger '$1'", "eval echo $1", "true; eval $1", "perl -e 'print q($1)'",
    "python3 -c 'print(\"$1\")'", "ruby -e 'puts $1'", "node -e 'x($1)'", "php -r 'echo $1;'", "awk '/$1/'",
    "awk \"BEGIN{print $1}\"", "sed s/x/$1/", "find . -exec sh -c 'echo $1' \\;", "find . -exec $1 \\;",
    "echo $1 | xargs sh",
    "xargs -I % sh -c 'echo %' <<< $1", "echo \"`sh -c $1`\"", "echo \"$(sh -c 'echo $1')\"", "echo `eval $1` > f",
    "sqlite3 a.db \"select '$1'\"", "$1", "$1 > f", "sudo $1", "true && $1", "A=b $1", "if $1; then x; fi",
    "echo $_ | sh", "sh -c 'echo $_'", "echo '$1", "(sh -c $1)", "true & sh -c $1", "at now -f $1", "echo $1 | at now",
    "true\nsh -c $1", "echo \"$(find . -name $1)\" > f", "echo \"`find . -name $1`\" > f",
    "> f $1", "2>/dev/null $1", "A=b > f $1", "(> f $1)", "x=$(date) $1", "x=`echo a b` $1", "case x in x) $1;; esac",
    "$(echo sh) -c $1", "`echo sh` -c $1", "sudo -u bob $1",
    "sudo -u bob -s $1", "/usr/bin/sudo -n -i x $1", "echo \"$(date) $(x $1)\"", "timeout -s KILL 5 $1", "chroot /x $1",
    "function f { $1; }", "coproc $1", "systemd-cat -t x $1", "socat - EXEC:$1",
    "sudo -u bob script -c $1", "echo $(find . -name $1) >> f",
    "x=`find $1`; y", "x=$1; find . -name $x", "for x in $1; do find . $x; done",
    "echo $1 | while read -r x; do find $x; done",
    "find . ${1#x} > f", "find . ${1:-x} > f", "echo ${!1} > f"]
PLAIN = [
    "logger $1", "logger 'it says $1'", "/bin/page $1 $_", "echo $1 >> out", "echo \"ssh of $1\" '$1' >> out",
    "mail -s \"ssh login of $1, sh -c\" root", "echo login at $1", "sudo logger $1", "A=$1 logger x", "sh script $1",
    "bash -x script '$1'", "systemd-cat -t app echo $1", "2>/dev/null logger $1 2>&1",
    "sudo -n logger $1 >> 'a b'", "python3 -u script $1", "find . -name $1",
    "cat $1 > out || echo $(date) '<$1>'", "x='a $1'; page \"$x\"", "echo \"$1 at $(date +%F)\" >> f",
    "sudo /sbin/iptables -A INPUT -s $1", "logger <<< $1",
    "page $1 $opt opt/x", "echo $1 >> f; rm -f $HOME/x", "(echo $1) > 'a (b'"]


@pytest.mark.parametrize("text", READ)
def test_what_would_be_read_as_code_is_refused(text):
    with pytest.raises(Refused):
        command(text, str)
    with pytest.raises(Refused):
        piped(text, str)


@pytest.mark.parametrize(("text", "sign"), [
    ("echo x > $1", ">"), ("echo x >> \"/tmp/$1\"", ">>"), ("x '$1' > '/tmp/$2 {}'", ">"),
    ("echo x 2> /tmp/${1}x", ">"), ("echo x >| $1", ">|"), ("echo x &> $1", "&>"), ("echo x >& $1", ">&"),
    ("(echo x) > f-$_", ">"), ("mail < $1", "<"),
    ("echo x <> $1", "<>"), ("f=$1; echo x > $f", ">"), ("echo x > $(echo $1)", ">"), ("echo x > `echo $1`", ">"),
    ("echo $(echo x > $1)", ">"), ("echo \"$(echo x > $1)\"", ">")])
def test_a_line_chooses_no_file(text, sign):
    for made in (command, piped):
        with pytest.raises(Refused) as refused:
            made(text, str)
        assert (f"a line might choose the file behind `{sign}`: let a script of its own take that as a parameter, or "
                "on standard input") == str(refused.value)


@pytest.mark.parametrize("text", [
    "sh", "bash -s", "/bin/sh -", "python3", "perl -", "ssh host", "xargs rm", "sudo -s", "tee f | sh", "at now",
    "psql"])
def test_standard_input_is_no_code(text):
    with pytest.raises(Refused, match="would read what a line says as code: let a script of its own take that"):
        piped(text, str)


@pytest.mark.parametrize("text", ["sh -c 'echo x'", "ssh host reboot", "awk 1 /etc/passwd", "sh"])
def test_a_command_that_gets_nothing_of_a_line_stays(text):
    assert command(text, str)


@pytest.mark.parametrize("text", ["awk '{print}' > f", "sed -n p", "cat >> f", "python3 script"])
def test_what_reads_data_stays(text):
    assert piped(text, str)


RUN = [
    "DIR/tell $1", "DIR/tell 'it says $1'", "DIR/tell $1 >> DIR/out", "echo \"<$1>\" '<$1>' >> DIR/out",
    "sh DIR/tell $1", "x=$1; echo \"$x $(date)\" $(date) >> DIR/none", "A=$1 DIR/tell x", "find DIR/empty -name $1",
    "find DIR/empty -name $1 > DIR/none"]
HOSTILE = [
    "$(touch DIR/PWNED)", ";touch${IFS}DIR/PWNED;", "`touch DIR/PWNED`", "';touch DIR/PWNED;'", "\";touch DIR/PWNED;\"",
    "| touch DIR/PWNED", "x -exec touch DIR/PWNED ;", "x -o -fprint DIR/PWNED", "\\$(touch DIR/PWNED)",
    "touch DIR/PWNED", "x'); system('touch DIR/PWNED"]


def swatchdogs(texts):
    return swatchdog, "".join(f"watchfor /got (.*)/\n continue\n {key} {text}\n" for text in texts
                              for key in ("exec", "pipe") if "\n" not in text and "," not in text)


def secs(texts):
    return sec, "".join(f"type=Single\ncontinue=TakeNext\nptype=RegExp\npattern=got (.*)\ndesc=x\n"
                        f"action=shellcmd {text}\n\n"
                        for text in texts if ";" not in text and "\n" not in text and "$_" not in text)


@pytest.mark.parametrize("rules", [swatchdogs, secs])
def test_hostile_lines_run_nothing(rules, tmp_path):
    """From rules to their effects, with a log that tries."""
    def here(text):
        return text.replace("DIR", str(tmp_path))

    peer, text = rules([*map(here, RUN), *READ])
    (tmp_path / "tell").write_text(here("#!/bin/sh\ncat > /dev/null\nprintf '%s\\n' \"$1\" >> DIR/told\n"))
    (tmp_path / "tell").chmod(0o755)
    (tmp_path / "empty").mkdir()
    (tmp_path / "rc").write_text(text)
    hostile = list(map(here, HOSTILE))
    (tmp_path / "a.log").write_text("".join(f"got {line}\n" for line in hostile))
    imported = peer.read([str(tmp_path / "rc")], Asked((str(tmp_path / "a.log"),)))
    (tmp_path / "c.yaml").write_text(as_yaml(imported, "a test"))

    run("run", "c.yaml", "--once", cwd=tmp_path, timeout=100)

    assert len(imported.lost) >= 30
    assert set(hostile) <= set((tmp_path / "told").read_text().splitlines())
    assert {f"<{line}> <{line}>" for line in hostile} <= set((tmp_path / "out").read_text().splitlines())
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_command_stays(text):
    assert command(text, str)
    assert piped(text, str)
