"""Records of several lines, followed in real files: time-outs, restarts, rotation."""

import os

import pytest
from reading import Reader, balance, write

from corowatch.core.multiline import Multiline

JAVA = Multiline(as_=("java",), timeout=2.0)
TRACE = "java.lang.Error: x\n\tat a.B.c(B.java:1)\n"


class Records(Reader):
    """A Reader of records: of those of several lines, each is one."""

    def _keep(self):
        return self

    def send(self, block):
        data, records = block.data, dict(block.records)
        at = 0
        while at < len(data):
            end = records.get(at, data.find(b"\n", at))
            end = len(data) if end < 0 else end
            self.lines.append((os.path.basename(block.origin.file), block.offset + at, data[at:end].decode(),
                               block.origin.key))
            at = end + 1


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.log"


def written(path, at):
    """It was written at that time, as far as stat tells."""
    os.utime(path, (at, at))


def test_a_record_that_may_go_on_waits_for_its_time(path):
    write(path, f"one\n{TRACE}")
    written(path, 100.0)
    reader = Records(path, start="beginning", multiline=JAVA)

    assert ["one"] == reader.read(100.0)
    assert reader.tail.waiting
    reader.tail.pass_time(101.9)
    assert reader.tail.waiting
    reader.tail.pass_time(102.0)

    assert (f"{TRACE}"[:-1], False) == (reader.lines[-1][2], reader.tail.waiting)
    assert 0 == balance(reader.tail)


def test_of_an_old_file_nothing_more_is_awaited(path):
    write(path, TRACE)
    written(path, 50.0)
    reader = Records(path, start="beginning", multiline=JAVA)
    reader.read(100.0)
    reader.tail.pass_time(100.0)

    assert [TRACE[:-1]] == [text for _, _, text, _ in reader.lines]


def test_while_more_is_to_be_read_time_does_not_end_a_record(path):
    write(path, TRACE)
    written(path, 50.0)
    reader = Records(path, start="beginning", multiline=JAVA)
    reader.read(100.0)
    write(path, "\tat d.E.f(E.java:2)\n")
    reader.tail.look(200.0, None)
    reader.tail.pass_time(200.0)
    reader.read(200.0)
    reader.tail.pass_time(1e12)

    assert [f"{TRACE}\tat d.E.f(E.java:2)"] == [text for _, _, text, _ in reader.lines]


def test_an_open_record_stays_unread(path):
    write(path, f"one\n{TRACE}")
    before = Records(path, start="beginning", multiline=JAVA)
    assert ["one"] == before.read()
    saved = before.saved()
    assert {4} == {state["offset"] for state in saved.values()}
    assert len(TRACE) == before.tail.standing()["partial"]
    assert 0 == balance(before.tail)
    before.tail.close()

    write(path, "\tat d.E.f(E.java:2)\ntwo\n")
    after = Records(path, saved=saved, multiline=JAVA)
    assert [f"{TRACE}\tat d.E.f(E.java:2)", "two"] == after.read()
    assert 0 == balance(after.tail)


@pytest.mark.parametrize("pieces", [1, 7, 30, 1000])
def test_a_restart_after_any_piece_gives_the_same(path, pieces):
    data = f"one\n{TRACE}two\nError: y\n at f (x.js:1:2)\nthree\n" * 3
    expected = ["one", TRACE[:-1], "two", "Error: y\n at f (x.js:1:2)", "three"] * 3
    path.touch()
    saved, texts = {}, []
    reader = Records(path, start="beginning", multiline=JAVA)
    for at in range(0, len(data), pieces):
        write(path, data[at:at + pieces])
        texts += reader.read()
        saved = reader.saved()
        reader.tail.close()
        reader = Records(path, saved=saved, multiline=JAVA)
        assert 0 == balance(reader.tail)
    texts += reader.read()

    assert expected == texts


def test_a_rotated_file_ends_its_record(path):
    write(path, TRACE)
    reader = Records(path, start="beginning", multiline=JAVA)
    assert [] == reader.read()
    os.rename(path, f"{path}.1")
    reader.read(2.0)
    assert [] == reader.lines
    write(path, "new\n")

    assert [TRACE[:-1], "new"] == reader.read(3.0)
    assert 0 == balance(reader.tail)


def test_a_rotated_file_that_none_follows_ends_its_record_when_it_is_let_go_of(path):
    write(path, TRACE)
    reader = Records(path, start="beginning", multiline=JAVA)
    reader.read()
    os.rename(path, f"{path}.1")
    reader.read(2.0)

    assert [TRACE[:-1]] == reader.read(2.0 + 120)
    assert 0 == balance(reader.tail)


def test_a_truncated_file_ends_its_record(path):
    write(path, TRACE)
    reader = Records(path, start="beginning", multiline=JAVA)
    reader.read()
    os.truncate(path, 0)
    reader.read(2.0)
    write(path, "\tat of.Another(Life.java)\n")

    assert ["\tat of.Another(Life.java)"] == reader.read(3.0)
    assert [TRACE[:-1], "\tat of.Another(Life.java)"] == [text for _, _, text, _ in reader.lines]
    assert 0 == balance(reader.tail)


def test_what_was_read_long_ago_and_is_looked_at_anew_is_found_again_after_a_restart(path):
    """What stands before it is none of the bytes that were read last."""
    multiline = Multiline(as_=("dart", "python"), timeout=2.0, max_lines=5)
    begin, trace = "Unhandled exception:", "Traceback (most recent call last):"
    frames = [f'  File "{n}", {"x" * 9000}' for n in range(4)]
    write(path, "one\n")
    reader = Records(path, start="beginning", multiline=multiline)
    assert ["one"] == reader.read()
    for line in (begin, trace, *frames[:3]):
        write(path, f"{line}\n")
        assert [] == reader.read()
    write(path, f"{frames[3]}\n")
    assert [begin] == reader.read()
    saved = reader.saved()
    reader.tail.close()
    write(path, "KeyError: x\ntwo\n")
    again = Records(path, saved=saved, multiline=Multiline(as_=("dart", "python")))

    assert {4 + len(begin) + 1} == {state["offset"] for state in saved.values()}
    assert ["\n".join([trace, *frames, "KeyError: x"]), "two"] == again.read()
    assert ([], 0) == (again.told, balance(again.tail))


def test_lines_after_are_those_behind_the_whole_record(path):
    write(path, f"{TRACE}two\nthree\n")
    reader = Records(path, start="beginning", multiline=JAVA)
    reader.read()
    key = reader.lines[0][3]

    assert ["two", "three"] == reader.tail.lines_after(key, 0, 5, 2)


def of_cri(*pieces):
    """Lines as a CRI runtime writes them, each of a stream, a tag and a text, and where each begins."""
    lines = [f"2026-11-22T10:00:00.5Z {stream} {tag} {text}\n" for stream, tag, text in pieces]
    return "".join(lines), [sum(map(len, lines[:number])) for number in range(len(lines))]


PODS = [("stdout", "F", "zero"), ("stderr", "P", "wa"), ("stdout", "P", "o"), ("stdout", "F", "ne"),
        ("stdout", "F", "java.lang.Error: x"), ("stderr", "F", "rned"), ("stdout", "P", "\tat a.B.c"),
        ("stderr", "F", "oops"), ("stdout", "F", "(B.java:1)"), ("stdout", "P", "tw"), ("stdout", "F", "o"),
        ("stdout", "P", "unfinished")]


def test_lines_beside_one_of_a_container_are_those_that_the_container_wrote(path):
    text, places = of_cri(*PODS)
    write(path, text)
    reader = Records(path, start="beginning", multiline=Multiline(as_=("cri", "java")))
    reader.read()
    life = reader.lines[0][3]

    assert ["zero", "warned", "one"] == reader.tail.lines_before(life, places[4], 5)
    assert ["one"] == reader.tail.lines_before(life, places[4], 1)
    assert [] == reader.tail.lines_before(life, places[4], 0) == reader.tail.lines_before(life, places[0], 5)
    assert ["oops", "two"] == reader.tail.lines_after(life, places[4], 5, 2)
    assert ["oops"] == reader.tail.lines_after(life, places[4], 1, 2)
    assert ["one", "java.lang.Error: x", "\tat a.B.c(B.java:1)", "oops", "two"] == reader.tail.lines_after(
        life, places[1], 9)


def test_the_mark_of_a_containers_file_is_no_text(path):
    text, places = of_cri(("stdout", "F", "one"), ("stdout", "F", "two"))
    path.write_bytes(text.encode("utf-8-sig"))
    reader = Records(path, start="beginning", multiline=Multiline(as_=("cri",)))
    reader.read()

    assert ["one"] == reader.tail.lines_before(reader.lines[0][3], places[1] + 3, 5)


def test_lines_beside_one_of_a_container_are_looked_for_so_far(path):
    long = "x" * 16384
    text, places = of_cri(*[("stdout", "P", long)] * 5, ("stdout", "F", "end"), *[("stdout", "F", long)] * 2,
                          ("stdout", "F", "here"), *[("stdout", "F", long)] * 6)
    write(path, text)
    reader = Records(path, start="beginning", multiline=Multiline(as_=("cri",)))
    reader.read()
    life = reader.lines[0][3]

    assert [long + "end", long, long] == reader.tail.lines_before(life, places[8], 9)
    assert [long] * 3 == reader.tail.lines_after(life, places[8], 9)


def test_lines_in_many_pieces_are_looked_for_as_far_as_need_be(path):
    letters = [("stdout", "P", letter) for letter in "abcdefghijklmnopqrstuvwxyz" * 5]
    text, places = of_cri(("stdout", "F", "one"), *letters, ("stdout", "F", "."), ("stdout", "F", "here"),
                          *letters, ("stdout", "F", "."), ("stdout", "F", "two"))
    write(path, text)
    reader = Records(path, start="beginning", multiline=Multiline(as_=("cri",)))
    reader.read()
    life, here, long = reader.lines[0][3], places[132], "abcdefghijklmnopqrstuvwxyz" * 5 + "."

    assert ["one", long] == reader.tail.lines_before(life, here, 2)
    assert [long, "two"] == reader.tail.lines_after(life, here, 2)


def test_a_hole_that_an_open_record_stands_before_is_passed_over(path):
    write(path, TRACE)
    reader = Records(path, start="beginning", multiline=JAVA)
    reader.read()
    with open(path, "r+b") as file:
        file.seek(len(TRACE) + 5000)
        file.write(b"two\n")
    saved = reader.saved()
    reader.tail.close()
    again = Records(path, saved=saved, multiline=JAVA)

    assert [TRACE[:-1], "two"] == again.read()
    assert len(TRACE) + 5004 == next(iter(again.saved().values()))["offset"]
    assert 0 == balance(again.tail)


def test_room_that_is_laid_out_in_advance_does_not_end_a_record(path):
    write(path, TRACE)
    reader = Records(path, start="beginning", multiline=JAVA)
    reader.read()
    os.truncate(path, len(TRACE) + 5000)
    assert [] == reader.read(2.0)
    saved = reader.saved()
    with open(path, "r+b") as file:
        file.seek(len(TRACE))
        file.write(b"\tat d.E.f(E.java:2)\ntwo\n")
    reader.read(3.0)
    again = Records(path, saved=saved, multiline=JAVA)

    assert [f"{TRACE}\tat d.E.f(E.java:2)", "two"] == [text for _, _, text, _ in reader.lines] == again.read(4.0)
    assert 0 == balance(reader.tail)


def test_what_was_read_since_the_last_look_is_as_new_as_its_reading(path):
    """The last write that stat told of was long ago, and what came after it was read all the same."""
    write(path, "x" * 600 + "\n")
    written(path, 50.0)
    reader = Records(path, start="beginning", multiline=JAVA)
    reader.tail.look(100.0, None)
    write(path, TRACE.partition("\n")[0] + "\n")
    while head := reader.tail.head():  # without another look
        head.read(100.0, head.next)
    assert reader.tail.waiting
    reader.tail.pass_time(100.01)
    assert reader.tail.waiting
    write(path, TRACE.partition("\n")[2] + "two\n")

    assert [TRACE[:-1], "two"] == reader.read(101.0)
