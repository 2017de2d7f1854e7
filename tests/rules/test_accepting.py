"""What is expected of logs, learnt, looked through and taken back."""

import os
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.accepted import Accepted, words_of
from corowatch.durable import only_one
from corowatch.rules.accepting import HEAD, Accepting
from corowatch.rules.lines import read_lines
from corowatch.testing import line
from tests.commands import run

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "loghub"
LOG = "".join(f"2026-03-02 08:00:{n:02} web1 sshd[{n}]: session {n} of {['anna', 'bob', 'carl'][n % 3]} closed\n"
              for n in range(30)) + "2026-03-02 08:01:00 web1 kernel: sda: I/O error\n"


def learn(path, *texts):
    accepting = Accepting(str(path))
    for text in texts:
        accepting.add(line(text))
    accepting.save()
    return path.read_text()


@pytest.fixture
def known(tmp_path):
    return tmp_path / "known.templates"


def test_a_new_file_says_what_it_is_and_has_a_template_a_line(known):
    told = learn(known, "all of the time eve\x07 was in", "took 5 ms", "took 6.5 ms", "all of the time bob was in", " ")

    assert (f"{HEAD}all of the time <*> was in\t2\tall of the time eve\\x07 was in\n"
            "took <num> ms\t2\ttook 5 ms\n") == told


def test_what_stands_there_stays_and_only_what_is_new_is_added(known):
    known.write_text("# ours\nb <*>\nz y x")
    os.chmod(known, 0o640)

    assert "# ours\nb <*>\nz y x\na b c\t1\ta b c\n" == learn(known, "b c", "a b c", "z y x")
    assert 0o640 == known.stat().st_mode & 0o777
    assert [] == [path.name for path in known.parent.iterdir() if path != known]


def test_a_long_line_is_shown_in_part_and_where_nothing_is_new_nothing_is_written(known):
    told = learn(known, "a " + "x" * 300)
    before = known.stat()

    assert told == learn(known, "a " + "x" * 300)
    assert (f"a {'x' * 198}…", before) == (told.splitlines()[-1].split("\t")[2], known.stat())


def test_a_link_stays_one(known, tmp_path):
    (tmp_path / "real").write_text("")
    known.symlink_to("real")

    learn(known, "a b")

    assert (True, "\na b\t1\ta b\n") == (known.is_symlink(), (tmp_path / "real").read_text())


def test_what_was_added_meanwhile_stays_and_is_not_added_again(known):
    known.write_text("# ours\r\n")
    one, other = Accepting(str(known)), Accepting(str(known))
    for accepting, texts in ((one, ["a b", "c d"]), (other, ["a b", "e f", "g h"])):
        for text in texts:
            accepting.add(line(text))

    assert 2 == one.save()
    with known.open("a", newline="") as file:
        file.write("g <*>\n")
    assert 1 == other.save()
    assert 0 == other.save()

    assert b"# ours\r\na b\t1\ta b\nc d\t1\tc d\ng <*>\ne f\t1\te f\n" == known.read_bytes()


@pytest.mark.parametrize("there", ["# für\na b\n".encode("latin-1"), "\ufeff# für\na b\n".encode()])
def test_bytes_that_are_no_text_and_a_mark_of_the_order_stay(known, there):
    known.write_bytes(there)
    accepting = Accepting(str(known))
    for text in ("a b", "c \\xfc"):
        accepting.add(line(text))
    accepting.save()

    assert there + b"c \\xfc\t1\tc \\xfc\n" == known.read_bytes()


def test_a_template_may_begin_as_a_config_does(known):
    learn(known, "tests: 5 passed", "flows:", "sinks: {a}")

    assert 4 == len(learn(known, "another").splitlines()) - len(HEAD.splitlines())


def test_a_file_that_is_another_by_now_is_refused(known):
    accepting = Accepting(str(known))
    accepting.add(line("a b"))
    known.write_text("flows:\n")

    with pytest.raises(ValueError, match="is no file of templates"):
        accepting.save()
    assert "flows:\n" == known.read_text()


def test_one_waits_until_another_has_saved(known):
    accepting = Accepting(str(known))
    accepting.add(line("a b"))
    with ThreadPoolExecutor() as pool:
        with only_one(known.parent):
            saved = pool.submit(accepting.save)
            assert not wait([saved], 0.1).done
            known.write_text("# theirs\na <*>\n")
        assert 0 == saved.result(10)


def test_a_file_that_is_no_text_is_refused(known):
    known.write_text("# ours\na\0b\n")

    with pytest.raises(ValueError, match="there is a NUL in line 2"):
        Accepting(str(known))


@given(texts=st.lists(st.text(max_size=20) | st.lists(st.sampled_from(["a", "b", "#", "5", "x=1", "x=y", "\\", "<num>"
                                                                  ]), max_size=5).map(" ".join), max_size=20))
def test_after_it_every_line_is_explained(texts, tmp_path_factory):
    known = tmp_path_factory.mktemp("known") / "t"

    learn(known, *texts)

    with known.open(newline="") as file:
        accepted = Accepted(file)
    assert [] == [text for text in texts if words_of(text) and not accepted.explain(words_of(text))]


@pytest.mark.parametrize("log", [pytest.param(path, id=path.stem) for path in sorted(DATA.glob("*.log"))] or [
    pytest.param(None, marks=pytest.mark.skip(reason="the loghub samples are not here"))])
def test_after_real_logs_are_accepted_nothing_in_them_is_unexpected(log, known):
    accepting = Accepting(str(known))
    read_lines([str(log)], accepting.add)
    accepting.save()
    again = Accepting(str(known))
    read_lines([str(log)], again.add)

    assert (0, True) == (again.templates.lines, len(again) < 200)


@pytest.fixture
def command(tmp_path):
    (tmp_path / "auth.log").write_text(LOG)

    def call(*words, **given):
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "TZ": "UTC"}
        return run(*words, cwd=tmp_path, env=environment, **given)

    return call


def test_the_command_adds_what_is_new_and_says_what_that_is(command, known):
    dry = command("accept", "known.templates", "auth.log", "--until", "2026-03-02T08:00:59Z", "--dry-run")
    assert (0, False) == (dry.returncode, known.exists())
    assert ("1 template would be added to known.templates, of 30 lines; 0 templates there before explain 0 more\n"
            ) == dry.stderr

    first = command("accept", "known.templates", "auth.log", "--until", "2026-03-02T08:00:59Z")
    assert "     30  sshd[<num>]: session <num> of <*> closed\n" == first.stdout
    second = command("accept", "known.templates", "-", input=LOG)
    assert "      1  kernel: sda: I/O error\n" == second.stdout
    assert "1 template added to known.templates, of 1 line; 1 template there before explains 30 more\n" == second.stderr
    third = command("accept", "known.templates", "auth.log")
    assert (0, "") == (third.returncode, third.stdout)
    assert 4 == len(known.read_text().splitlines())


@pytest.mark.parametrize(("words", "status", "what"), [
    (["known.templates", "none.log"], 74, "there is no line to learn from"),
    (["known.templates", "empty.log"], 1, "there is no line to learn from"),
    (["c.yaml", "auth.log"], 78, "c.yaml is no file of templates, which begins with a comment"),
    (["other.log", "auth.log"], 78, "other.log is no file of templates, which begins with a comment"),
    (["bad.templates", "auth.log"], 78, "bad.templates is no text in UTF-8: there is a NUL in line 2"),
    ([".", "auth.log"], 78, "Is a directory"),
    (["no/known.templates", "auth.log"], 74, "no is no folder")])
def test_what_cannot_be_is_told(command, tmp_path, words, status, what):
    (tmp_path / "bad.templates").write_text("# What is expected\n\0")
    (tmp_path / "c.yaml").write_text("# ours\nflows: {a: {stdin: , alert: }}\n")
    (tmp_path / "other.log").write_text("a line\n")
    (tmp_path / "empty.log").write_text("")

    told = command("accept", *words)

    assert (status, True) == (told.returncode, what in told.stderr), told.stderr
