import json
import random

from hypothesis import given
from hypothesis import strategies as st
from joining import Joined

from corowatch.core.containers import beside, cri, docker_json
from corowatch.core.events import Block, Origin, Position
from corowatch.core.kinds import Counts
from corowatch.core.multiline import Multiline
from corowatch.core.scan import Clock, scan
from corowatch.engines import EveryLine
from corowatch.testing import Collect

CRI = Multiline(as_=("cri",))
TRACE = ["Traceback (most recent call last):", '  File "a.py", line 1, in f', "    g()", "KeyError: 'x'"]


def of_cri(text, stream="stdout", tag="F", time="2026-11-22T10:00:00.123456789Z"):
    return f"{time} {stream} {tag} {text}"


def of_docker(text, stream="stdout", time="2026-11-22T10:00:00.5Z"):
    return json.dumps({"log": text, "stream": stream, "time": time})


def test_an_envelope_of_a_cri_runtime_is_read():
    assert ("cri stdout", b"2026-11-22T10:00:00Z", b"a b ", False) == cri(b"2026-11-22T10:00:00Z stdout F a b ")
    assert ("cri stderr", b"2026-11-22T10:00:00+01:00", b"", True) == cri(b"2026-11-22T10:00:00+01:00 stderr P ")
    assert b"x" == cri(b"2026-11-22T10:00:00Z stdout P:some:tags x").text
    assert [None, None, None] == [cri(b"2026-11-22T10:00:00Z stdin F x"), cri(b"a line"), cri(b"")]


def test_an_envelope_of_docker_is_read():
    assert ("docker stderr", b"2026-11-22T10:00:00.5Z", b"a\tb", False) == docker_json(
        of_docker("a\tb\r\n", "stderr").encode())
    assert docker_json(of_docker("long").encode()).more
    assert b"a\\nb" == docker_json(of_docker("a\nb\n").encode()).text
    assert "docker " == docker_json(of_docker("a\n", "made up").encode()).stream
    assert [None] * 4 == [docker_json(line) for line in (b"a line", b'{"msg": "x"}', b"[]", b'{"log": "\xff"}')]


def test_pieces_of_a_line_are_put_together():
    file = Joined(CRI).send_lines([of_cri("one "), of_cri("long ", tag="P"), of_cri("er ", tag="P"), of_cri("line")])

    place = len(of_cri("one ")) + 1
    assert [(0, "one "), (place, "long er line")] == file.told


def test_streams_do_not_mix_and_leave_in_the_order_in_which_they_begin():
    file = Joined(CRI).send_lines([of_cri("out ", tag="P"), of_cri("err", "stderr"), of_cri("last"), of_cri("next")])

    assert ["out last", "err", "next"] == file.texts


def test_what_is_whole_does_not_wait_for_what_began_with_the_line_that_ended_it():
    file = Joined(Multiline(as_=("cri", "java")))
    file.send_lines([of_cri(text) for text in ("java.io.IOException: one", "  at a.B.c(D.java:1)",
                                               "java.io.IOException: two")])

    assert ["java.io.IOException: one\n  at a.B.c(D.java:1)"] == file.texts


def test_what_is_held_back_is_read_again_after_a_restart():
    first, second = of_cri("out ", tag="P"), of_cri("err", "stderr")
    file = Joined(CRI).send_lines([first, second])
    assert ([], 0) == (file.texts, file.position.done)
    again = Joined(CRI).send_lines([first, second, of_cri("end")])

    assert ["out end", "err"] == again.texts


def test_what_is_in_no_envelope_ends_what_is_open():
    file = Joined(Multiline(as_=("docker-json", "cri"))).send_lines(
        [of_docker("a"), of_docker("b\n", "stderr"), "no envelope", of_docker("c\n"), of_cri("d")])

    assert ["a", "b", "no envelope", "c", "d"] == file.texts


def test_traces_in_envelopes_are_joined():
    lines = [of_cri("fine"), *(of_cri(line, "stderr") for line in TRACE[:2]), of_cri("fine too"),
             *(of_cri(line, "stderr") for line in TRACE[2:]), of_cri("other", "stderr")]
    file = Joined(Multiline(as_=("cri", "python"))).send_lines(lines)

    assert ["fine", "\n".join(TRACE), "fine too", "other"] == file.texts


def test_a_record_ends_before_it_is_too_long():
    lines = [of_cri(text) for text in ("S", " 1", " 2", " 3", "S")]

    assert ["S\n 1", " 2\n 3", "S"] == Joined(Multiline(as_=("cri", "indent"), max_lines=2)).send_lines(
        lines).end().texts
    assert ["S\n 1", " 2\n 3", "S"] == Joined(Multiline(as_=("cri", "indent"), max_bytes=5)).send_lines(
        lines).end().texts
    assert ["ab", "cd", "e"] == Joined(Multiline(as_=("cri",), max_bytes=1)).send_lines(
        [of_cri(char, tag="P") for char in "abcde"]).end().texts


def test_one_that_is_open_does_not_hold_back_others_for_ever():
    file = Joined(Multiline(as_=("cri",), max_lines=3)).send_lines(
        [of_cri("open ", "stderr", "P"), *(of_cri(f"{n}") for n in range(4))])

    assert ["open ", "0", "1", "2", "3"] == file.texts


def test_what_is_unsure_is_looked_at_anew():
    lines = [of_cri(text) for text in (*TRACE, "", "other")]
    assert ["\n".join(TRACE), "", "other"] == Joined(Multiline(as_=("cri", "python"))).send_lines(lines).texts
    assert ["\n".join(TRACE), ""] == Joined(Multiline(as_=("cri", "python"))).send_lines(lines[:-1]).end().texts


def test_a_php_trace_knows_its_last_line():
    lines = [of_cri(text) for text in ("PHP Fatal error:  Uncaught Exception: x in /a.php:1", "Stack trace:",
                                       "#0 {main}", "  thrown in /a.php on line 1")]
    file = Joined(Multiline(as_=("cri", "php"))).send_lines(lines)

    assert ["\n".join(line[40:] for line in lines)] == file.texts
    assert None is file.joins.since


def test_since_when_it_is_held_back_is_that_of_the_stream_that_is_open_for_longest():
    file = Joined(CRI)
    assert None is file.joins.since
    file.send(f"{of_cri('a', tag='P')}\n".encode(), at=5.0).send(f"{of_cri('b', 'stderr', 'P')}\n".encode(), at=6.0)
    assert 5.0 == file.joins.since
    file.end()
    assert (None, None) == (file.joins.since, file.position.open)


def test_nothing_was_sent_yet_that_could_end():
    assert [] == Joined(CRI).end().texts


def test_over_long_lines_are_records_by_themselves():
    file = Joined(CRI, max_line_bytes=60).send_lines([of_cri("a", tag="P"), of_cri("x" * 99), of_cri("b")])

    assert ["a", of_cri("x" * 99)[:60], "b"] == file.texts
    assert [0, 79, 0] == [block.cut for block in file.blocks]


def test_another_encoding_keeps_its_offsets():
    lines = [of_cri("é"), of_cri("b")]
    file = Joined(CRI, codec="utf-16-le").send("".join(f"{line}\n" for line in lines).encode("utf-16-le"))

    assert [(0, "é"), (2 * len(lines[0]) + 2, "b")] == file.told


def sent(timestamp, *lines):
    """The times of the events that a file of these lines gives."""
    events, counts = Collect(), Counts(lines=0, cut=0, skewed=0)
    scanner = scan([events], engine=EveryLine([None]), clock=Clock(timestamp, counts), counts=counts)
    file = Joined(Multiline(as_=("cri", "indent"))).send_lines(lines, 9).end()
    for block in file.blocks:
        scanner.send(block)
    return [(event.text, event.at) for event in events]


def test_the_envelope_tells_the_time():
    first = of_cri("a", time="1970-01-01T00:00:01Z"), of_cri(" b", time="1970-01-01T00:00:02Z")
    assert [("a\n b", 1.0), ("1970-01-01T00:00:09Z c", 3.0)] == sent(
        "auto", *first, of_cri("1970-01-01T00:00:09Z c", time="1970-01-01T00:00:03Z"))


def test_a_format_is_for_the_text():
    assert [("00:00:07 1970-01-01 x", 7.0)] == sent(
        "%H:%M:%S %Y-%m-%d", of_cri("00:00:07 1970-01-01 x", time="1970-01-01T00:00:03Z"))


texts = st.sampled_from(["a", " b", "", "Error: x", "  at y", "Traceback (most recent call last):", "KeyError: z"])
lines = st.lists(st.builds(of_cri, texts, st.sampled_from(["stdout", "stderr"]), st.sampled_from("FFFP"))
                 | st.just("no envelope"), max_size=25)


@given(lines, st.integers(0, 2**32), st.sampled_from([500, 2]))
def test_how_the_bytes_arrive_does_not_matter(lines, seed, max_lines):
    multiline = Multiline(as_=("cri", "python", "node"), max_lines=max_lines)
    data = "".join(f"{line}\n" for line in lines).encode()
    whole = Joined(multiline).send(data).end()
    rng, pieces, at = random.Random(seed), Joined(multiline), 0
    while at < len(data):
        size = rng.randint(1, 99)
        pieces.send(data[at:at + size])
        at += size
        if rng.random() < 0.2:  # a restart
            again = Joined(multiline, Position(pieces.position.done)).send(data[pieces.position.done:at])
            again.blocks[:0] = pieces.blocks
            pieces = again
    pieces.end()

    assert whole.told == pieces.told
    assert sorted(place for place, _ in whole.told) == [place for place, _ in whole.told]
    assert len(data) == whole.position.done == pieces.position.done
    unwrapped = sorted("".join(cri(line.encode()).text.decode() if cri(line.encode()) else line for line in lines))
    assert unwrapped == sorted("".join(whole.texts).replace("\n", ""))


def test_lines_beside_one_are_told_as_the_containers_wrote_them():
    lines = [of_cri("on", tag="P"), of_cri("oops", "stderr"), of_cri("e"), of_cri("here"), of_cri("wa", "stderr", "P"),
             of_cri(" own"), of_cri("rned", "stderr"), "no envelope", of_cri("two"), of_cri("open", tag="P")]
    data = "".join(f"{line}\n" for line in lines).encode()
    places = [7 + sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    reads = CRI.records(sent := Collect())
    reads.send(Block(Origin("r", "k"), 0, 0.0, f"{of_cri('begun', tag='P')}\n".encode(), Position()))

    written = reads.written(data, 7)

    assert (["one", "oops"], ["warned", "no envelope", "two"]) == beside(written, places[3], 2)
    assert (["one", "oops", "here", "warned", " own"], ["two"]) == beside(written, places[7], 1)
    assert [] == sent
    reads.end()
    assert [b"begun\n"] == [block.data for block in sent]
