"""Another process that reads and scans what comes next: what it tells is what would be seen here, or nothing at all."""

import os
import resource
import select
import signal
import socket
from array import array
from pathlib import Path

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

pytest.importorskip("hyperscan", reason="without it nothing is foreseen")
pytest.importorskip("re2", reason="without it every line is searched")

from hyperscan import dumpb

from corowatch import scout, scouting
from corowatch.core.ahead import NOTHING_AHEAD, Ahead
from corowatch.core.lines import count_of
from corowatch.core.pattern import Pattern
from corowatch.engines import EveryLine, NoCache, hyperscan
from corowatch.engines.hyperscan import Hyperscan
from corowatch.scout import Scouts
from corowatch.scouting import RESULTS

LONGEST = 65536


@pytest.fixture
def scouts(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    scouts = Scouts()
    yield scouts
    assert 0 == scouts.out


@pytest.fixture
def file(tmp_path):
    descriptors = []

    def opened(data):
        path = tmp_path / f"{len(descriptors)}.log"
        path.write_bytes(data)
        descriptors.append(os.open(path, os.O_RDONLY))
        return descriptors[-1]

    yield opened
    for fd in descriptors:
        os.close(fd)


@pytest.fixture
def engine(scouts):
    engines = []

    def made(*sources):
        engines.append(Hyperscan([(Pattern(source),) for source in sources], NoCache(), scouts=scouts))
        return engines[-1]

    yield made
    for one in engines:
        one.foresee(NOTHING_AHEAD)


def ahead(engine, fd, at, size, behind=None, longest=LONGEST):
    """What an engine was told, answered."""
    told = Ahead(fd, at, size, longest, behind)
    engine.foresee(told)
    assert select.select([engine._scout._line], [], [], 30)[0], "no answer"
    return told.ticket


def seen(window):
    return [(start, end, list(gates)) for start, end, gates in window.hits]


def looked(engine, data):
    return [(start, end, list(gates)) for start, end, gates in engine.lines(data, engine.look(data))]


DATA = b"one\nERROR a\ntwo WARN\nERROR WARN ERROR\nlast\nunfinished ERROR"
WHOLE = DATA.rindex(b"\n") + 1


def test_lines_are_told_as_they_would_be_seen_here(engine, file):
    one = engine("ERROR", "WARN", "^one", r"(?:^|\W)last")

    window = ahead(one, file(DATA), 0, len(DATA)).window()

    assert looked(one, DATA[:WHOLE]) == seen(window)
    assert one.proven(one.look(DATA[:WHOLE])) == window.proven
    assert one is window.engine
    assert (0, WHOLE, 5) == (window.offset, window.size, window.lines)
    assert DATA[:WHOLE] == window[0:WHOLE]
    assert b"ERROR a" == window[4:11]


WORDS = st.sampled_from([b"ERROR", b"WARN", b"a", b" ", b"7", "\u017f\u00e4".encode(), b"\r", b"k", b"\n", b"\n"])
SOURCES = st.sampled_from(["ERROR", "WARN", "^a WARN", "ERROR$", "[^E]RROR", "(?i)warn", "(?i)error ss", "a ERR|WARN",
                           r"\bWARN\b", "ERROR.*7", "ERR.R", "^ERROR|WARN$"])


@settings(max_examples=25)
@given(sources=st.lists(SOURCES, min_size=1, max_size=5), words=st.lists(WORDS, max_size=60), size=st.integers(20, 90))
def test_whatever_is_looked_for_and_read_a_scout_tells_of_all_that_may_match(tmp_path_factory, sources, words, size):
    data = b"".join(words) + b"\n" * 100
    path = tmp_path_factory.mktemp("scout") / "log"
    path.write_bytes(data)
    try:
        one = Hyperscan([(Pattern(source),) for source in sources], NoCache(), scouts=Scouts())
    except ValueError:  # there is no expression for any
        reject()
    fd = os.open(path, os.O_RDONLY)
    try:
        at = 0
        while at + size <= len(data):
            told = Ahead(fd, at, size, LONGEST)
            one.foresee(told)
            if told.ticket is None:
                break
            select.select([one._scout._line], [], [], 30)
            window = told.ticket.window()
            read = data[at:at + size]
            read = read[:read.rfind(b"\n") + 1]
            if window is not None:
                assert (read, count_of(read)) == (window[0:window.size], window.lines)
                assert looked(one, read) == seen(window)
                window.let_go()
            at += len(read) or size
    finally:
        one.foresee(NOTHING_AHEAD)
        os.close(fd)


def test_who_has_to_wait_counts_the_lines(engine, file):
    """Else the scout does."""
    one, fd = engine("ERROR"), file(DATA)

    alone = ahead(one, fd, 0, len(DATA))
    os.kill(one._scout._process.pid, signal.SIGSTOP)
    first, second = Ahead(fd, 0, 20, LONGEST), Ahead(fd, 20, 20, LONGEST)
    one.foresee(first)
    one.foresee(second)
    os.kill(one._scout._process.pid, signal.SIGCONT)
    windows = [(told.ticket.window().lines, told.ticket.asked.told.lines) for told in (first, second)]

    assert 5 == alone.asked.answer().lines
    assert [(2, 0), (2, 2)] == windows


def test_what_follows_begins_where_the_lines_before_end(engine, file):
    one = engine("ERROR")
    fd = file(DATA)

    first = ahead(one, fd, 0, 14)
    second = ahead(one, fd, 0, 20, first)
    third = ahead(one, fd, 0, 100, second)

    assert (0, 12) == (first.window().offset, first.window().size)
    assert (12, 9) == (second.window().offset, second.window().size)
    assert third.window() is None  # for there are not so many bytes


@pytest.mark.parametrize("data", [b"a\0ERROR\nb\n", b"a \xff ERROR\nb\n", b"x" * 30 + b" ERROR\nb\n", b"no line ends"])
def test_what_needs_care_is_left_to_who_reads(engine, file, data):
    one = engine("ERROR")
    fd = file(data)

    first = ahead(one, fd, 0, len(data), longest=20)
    behind = ahead(one, fd, 0, 2, first)

    assert (None, None) == (first.window(), behind.window())


def test_a_line_may_be_as_long_as_it_may_be(engine, file):
    one = engine("ERROR")
    data = b"x" * 14 + b" ERROR\n" + b"y" * 20 + b"\nz\n"

    assert [(0, 20, [0])] == seen(ahead(one, file(data), 0, len(data), longest=20).window())
    assert ahead(one, file(data), 0, len(data), longest=19).window() is None


def test_after_a_line_that_is_not_ascii_it_is_scanned_for_in_any_line(engine, file):
    one = engine("(?i)strasse")
    data = "stra\u017f\u017fe\n".encode() * 3
    fd = file(data)

    assert ahead(one, fd, 0, len(data)).window() is None
    window = ahead(one, fd, 0, len(data)).window()

    assert looked(one, data) == seen(window) != []
    assert () == window.proven


def test_what_was_told_of_such_lines_before_does_not_end_the_scout_after(engine, file):
    one = engine("ERROR")
    fd = file("\u00e4 ERROR\n".encode())
    first, second = ahead(one, fd, 0, 9), ahead(one, fd, 0, 9)
    assert second.window() is None
    assert 1 == len(seen(ahead(one, fd, 0, 9).window()))
    process = one._scout._process

    assert first.window() is None

    assert (process, None) == (one._scout._process, process.poll())


def test_more_hits_than_are_of_use_are_none(engine, file):
    one = engine(r"\w \w")
    data = b"a b c d e f\n" * 2000

    assert ahead(one, file(data), 0, len(data)).window() is None


def test_a_file_that_cannot_be_read_is_left_to_who_reads(engine, tmp_path):
    one = engine("ERROR")
    fd = os.open(tmp_path, os.O_RDONLY)

    assert ahead(one, fd, 0, 10).window() is None
    os.close(fd)


def test_a_scout_that_is_killed_is_missed_by_nobody(engine, file):
    one = engine("ERROR")
    fd = file(DATA)
    first = ahead(one, fd, 0, 14)
    told = Ahead(fd, 0, 14, LONGEST)
    process = one._scout._process
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    one.foresee(told)
    later = Ahead(fd, 0, 14, LONGEST)
    first.window()  # had been told before, or not
    assert told.ticket is None or told.ticket.window() is None
    one.foresee(later)

    assert (None, process.poll()) == (later.ticket, -signal.SIGKILL)
    assert [(4, 11, [0])] == looked(one, DATA[:12])


def test_what_is_typed_at_the_terminal_is_not_for_a_scout(engine, file):
    """Ctrl-C goes to the whole group of the process that is in the foreground."""
    one = engine("ERROR")

    ahead(one, file(DATA), 0, 14)

    assert os.getpgrp() != os.getpgid(one._scout._process.pid)


def test_where_memory_runs_out_a_scout_goes_first(engine, file):
    one = engine("ERROR")

    ahead(one, file(DATA), 0, 14)

    assert "1000\n" == Path(f"/proc/{one._scout._process.pid}/oom_score_adj").read_text()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_what_is_signalled_to_all_processes_of_the_daemon_is_nothing_to_a_scout(engine, file, number):
    one = engine("ERROR")
    fd = file(DATA)
    ahead(one, fd, 0, 14).window()
    process = one._scout._process

    os.kill(process.pid, number)

    assert [(4, 11, [0])] == seen(ahead(one, fd, 0, 14).window())
    assert process is one._scout._process


def test_a_scout_that_does_not_answer_is_given_up(engine, file, monkeypatch):
    monkeypatch.setattr(scout, "PATIENCE", 0.01)
    one = engine("ERROR")
    fd = file(DATA)
    ahead(one, fd, 0, 14).window()
    process = one._scout._process
    os.kill(process.pid, signal.SIGSTOP)
    told = Ahead(fd, 0, 14, LONGEST)
    one.foresee(told)

    assert told.ticket.window() is None
    assert -signal.SIGKILL == process.poll()


def test_a_scout_that_has_not_begun_is_not_waited_for(engine, file):
    one = engine("ERROR")
    told = Ahead(file(DATA), 0, 14, LONGEST)
    one.foresee(told)
    one._scout._has_answered = lambda: False

    assert told.ticket.window() is None


def test_when_nothing_is_foreseen_the_process_ends_and_what_it_told_still_stands(engine, file):
    one = engine("ERROR")
    fd = file(DATA)
    told, window, late = ahead(one, fd, 0, 14), ahead(one, fd, 0, 14).window(), Ahead(fd, 0, 14, LONGEST)
    one.foresee(late)
    process = one._scout._process

    one.foresee(NOTHING_AHEAD)

    assert -signal.SIGKILL == process.returncode
    assert ([(4, 11, [0])], b"ERROR a") == (seen(told.window()), window[4:11])  # the answer to the first came first
    assert late.ticket.window() is None
    assert ahead(one, fd, 0, 14).window().size == 12  # by another
    assert process is not one._scout._process


def test_a_scout_that_is_stopped_or_has_not_begun_is_ended_without_waiting_for_it(engine, file, monkeypatch):
    one, called = engine("ERROR"), []
    one.foresee(Ahead(file(DATA), 0, 14, LONGEST))
    process = one._scout._process
    os.kill(process.pid, signal.SIGSTOP)
    kill, wait = process.kill, process.wait
    monkeypatch.setattr(process, "kill", lambda: (called.append("kill"), kill()))
    monkeypatch.setattr(process, "wait", lambda seconds: (called.append("wait"), wait(seconds)))

    one.foresee(NOTHING_AHEAD)

    assert (["kill", "wait"], -signal.SIGKILL) == (called, process.returncode)


def test_what_followed_what_a_scout_before_was_asked_for_is_not_asked_of_another(engine, file):
    one = engine("ERROR")
    fd = file(DATA)
    first = ahead(one, fd, 0, 14)
    one.foresee(NOTHING_AHEAD)
    told = Ahead(fd, 0, 14, LONGEST, first)

    one.foresee(told)

    assert told.ticket is None


def test_without_a_processor_to_spare_nothing_is_foreseen(engine, file, monkeypatch):
    one, two = engine("ERROR"), engine("WARN")
    fd = file(DATA)
    told = Ahead(fd, 0, 14, LONGEST)

    ahead(one, fd, 0, 14)
    two.foresee(told)
    assert told.ticket is None
    one.foresee(NOTHING_AHEAD)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    one.foresee(told)

    assert told.ticket is None


def test_however_many_processors_there_are_only_some_are_used(engine, file, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    fd = file(DATA)
    told = [Ahead(fd, 0, 14, LONGEST) for _ in range(scout.MOST_SCOUTS + 1)]

    for one in told:
        engine("ERROR").foresee(one)

    assert [True] * scout.MOST_SCOUTS + [False] == [one.ticket is not None for one in told]


def test_where_no_process_can_be_started_all_goes_on_without(engine, file, monkeypatch):
    one = engine("ERROR")
    told = Ahead(file(DATA), 0, 14, LONGEST)
    monkeypatch.setattr(scout.sys, "executable", "/nowhere/python")

    one.foresee(told)
    one.foresee(told)

    assert told.ticket is None
    assert [(4, 11, [0])] == looked(one, DATA[:12])


def test_only_so_much_is_asked_for_at_a_time_and_places_are_used_again(engine, file):
    one = engine("ERROR")
    fd = file(DATA)
    tickets = [ahead(one, fd, 0, 14) for _ in range(scout.SLOTS)]
    told = Ahead(fd, 0, 14, LONGEST)

    one.foresee(told)
    assert told.ticket is None
    for ticket in tickets[:3]:
        ticket.let_go()
        ticket.let_go()
    again = [ahead(one, fd, 0, 14 + n) for n in range(3)]
    one.foresee(told)

    assert told.ticket is None
    assert 3 * [[(4, 11, [0])]] == [seen(ticket.window()) for ticket in again]
    assert scout.SLOTS == len({ticket.asked.at for ticket in (*tickets[3:], *again)})
    again[0].let_go()
    again[0].let_go()
    more = Ahead(fd, 0, 14, LONGEST)
    one.foresee(more)
    one.foresee(told)
    assert (True, None) == (more.ticket is not None, told.ticket)


def test_descriptors_beyond_those_that_select_knows_are_waited_for(engine, file):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    one, held = engine("ERROR"), []
    try:
        fd = file(DATA)
        held += [os.dup(fd) for _ in range(1100)]
        told = Ahead(fd, 0, 14, LONGEST)
        one.foresee(told)
        poll = select.poll()
        poll.register(one._scout._line, select.POLLIN)
        assert poll.poll(30_000)

        assert one._scout._line.fileno() > 1023
        assert [(4, 11, [0])] == seen(told.ticket.window())
    finally:
        for fd in held:
            os.close(fd)
        one.foresee(NOTHING_AHEAD)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_another_scans_already_is_not_asked_for_again(engine, file, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})  # one for each of them
    one, two = engine("ERROR"), engine("WARN")
    told = Ahead(file(DATA), 0, 14, LONGEST)

    one.foresee(told)
    ticket = told.ticket
    two.foresee(told)

    assert ticket is told.ticket


@pytest.mark.parametrize(("sparse", "room"), [(8, RESULTS), (4, 520_200), (2, 260_100)])
def test_no_more_is_asked_for_than_there_is_room_for_or_for_what_is_found(engine, file, monkeypatch, sparse, room):
    monkeypatch.setattr(hyperscan, "SPARSE", sparse)
    one = engine("ERROR")
    fd = file(DATA)
    fits, not_ = Ahead(fd, 0, room, LONGEST), Ahead(fd, 0, room + 100, LONGEST)

    one.foresee(fits)
    one.foresee(not_)

    assert (True, True) == (fits.ticket is not None, not_.ticket is None)


def test_who_wants_every_line_or_records_has_nothing_foreseen(scouts, file):
    told = Ahead(file(DATA), 0, 14, LONGEST)
    for one in (EveryLine([None]), Hyperscan([(Pattern("ERROR"),), None], NoCache(), scouts=scouts),
                Hyperscan([(Pattern("ERROR"),)], NoCache(), joined=True, scouts=scouts)):
        one.foresee(told)

        assert told.ticket is None


def test_what_it_scans_for_is_learnt_from_what_it_tells(engine, file, monkeypatch):
    lines = b"PacketResponder 1 closing\n" * 9
    monkeypatch.setattr(hyperscan, "LEARN", (len(lines),))
    monkeypatch.setattr(hyperscan, "OFTEN", len(lines))
    one = engine(r"PacketResponder \d+ x", r"\d+ XK-427")

    told = Ahead(file(lines), 0, len(lines), LONGEST)
    one.foresee(told)
    asked, number = told.ticket, len(one._narrow.parts)
    select.select([one._scout._line], [], [], 30)
    window = asked.window()

    assert 9 * [[0]] == [gates for _, _, gates in seen(window)]
    assert [] == looked(one, lines)
    assert (number - 1, None) == (len(one._narrow.parts), one._scout)
    assert [] == seen(ahead(one, file(lines), 0, len(lines)).window())  # and there is nothing more to learn


@pytest.mark.parametrize(("data", "longest", "told"), [
    (b"a\nb\n", 1, scouting.FINE), (b"\n\n", 1, scouting.FINE), (b"ab\nc\n", 1, scouting.UNFIT),
    (b"a\nbc\n", 1, scouting.UNFIT), (b"a\n\nbcd", 1, scouting.UNFIT), (b"", 1, scouting.UNFIT),
    (b"\0\n", 1, scouting.UNFIT), (b"\xc3\n", 1, scouting.UNFIT), ("ä\n".encode(), 2, scouting.FOREIGN),
    ("ä\n".encode(), 1, scouting.UNFIT), ("ä\n\0".encode(), 2, scouting.UNFIT)])
def test_what_is_fit_to_be_told_is_lines_of_text_that_may_be_so_long(data, longest, told):
    assert told == scouting.condition(data, longest, ascii_alone=True)
    assert (scouting.FINE if told == scouting.FOREIGN else told) == scouting.condition(data, longest, ascii_alone=False)


def test_hits_are_told_by_their_lines(engine):
    database = engine("ERROR", "WARN")._narrow.database

    assert (scouting.FINE, [4, 11, 0, 12, 20, 1]) == (lambda state, found: (state, found.tolist()))(
        *scouting.scanned(database, DATA[:21], 2))
    assert (scouting.UNFIT, array("I")) == scouting.scanned(database, DATA[:21], 1)


def test_the_program_answers_what_it_is_asked_until_nobody_asks(file, monkeypatch):
    database = dumpb(Hyperscan([(Pattern("ERROR"),)], NoCache())._narrow.database)
    memory, (ours, theirs) = os.memfd_create("scout"), socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    os.ftruncate(memory, 4 << 20)
    os.pwrite(memory, database, 0)
    monkeypatch.setattr(scouting.sys, "argv", ["scouting", str(memory), str(theirs.detach()),
                                              str(len(database)), "9", "8"])
    one, two = file(DATA), file(b"a b\0c\n\xff")
    asked = [(1, 0, 30, 1 << 20, 99, False, True, one), (2, 1, 31, 2 << 20, 99, True, True, one),
             (3, 2, 9, 3 << 20, 99, True, True, one), (4, 3, 9, 3 << 20, 99, True, True, one),
             (5, 0, 7, 3 << 20, 99, False, False, two)]
    for *question, fd in asked:
        socket.send_fds(ours, [scouting.QUESTION.pack(*question)], [fd])
    ours.shutdown(socket.SHUT_WR)
    opened = os.listdir("/proc/self/fd")
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)}

    try:
        scouting.main()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    assert len(opened) - 1 == len(os.listdir("/proc/self/fd"))  # it closed its end, and what it was given
    told = [scouting.ANSWER.unpack(ours.recv(scouting.ANSWER.size)) for _ in asked]
    assert [(scouting.FINE, 0, 21, 0, 1), (scouting.FINE, 21, 22, 0, 2), (scouting.UNFIT, 43, 0, 0, 0),
            (scouting.UNFIT, 0, 0, 0, 0), (scouting.UNFIT, 0, 6, 0, 0)] == told
    assert b"" == ours.recv(1)
    assert [0, 16, 0, 0, 16, 0] == array("I", os.pread(memory, 24, (2 << 20) + scouting.RESULTS)).tolist()
    ours.close()
    os.close(memory)
