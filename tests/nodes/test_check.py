import json

import pytest

from corowatch.core.coroutine import finish
from corowatch.core.errors import StateRefused
from corowatch.core.jobs import Answer, Jobs
from corowatch.core.memory import Memory
from corowatch.core.text import Text
from corowatch.nodes.check import check
from corowatch.testing import Collect, line, restarted, texts


class Checked:
    """A `check` whose jobs are answered by hand."""

    def __init__(self, *argv, memory=None, **options):
        self.out, self.rest, self.jobs = Collect(), Collect(), Jobs()
        self.memory = Memory() if memory is None else memory
        self.node = check(self.out, self.rest, argv=[Text(word) for word in argv or ("true",)], timeout=5.0,
                          jobs=self.jobs, memory=self.memory, **options)

    def send(self, *events):
        for event in events:
            self.node.send(event)

    def answer(self, number, status, said="", at=200.0):
        self.node.send(Answer(number, at, status, said))


def test_it_asks_for_a_command_and_sends_nothing_meanwhile():
    one = Checked("ping", "{ip}", "-c", "1", "{{}}")
    one.send(line("x", at=100.0, ip="192.0.2.7", n=5))
    job, = one.jobs.taken()

    assert (["ping", "192.0.2.7", "-c", "1", "{}"], 5.0) == (job.argv, job.timeout)
    assert {"text": "x", "at": 100.0, "fields": {"ip": "192.0.2.7", "n": 5}} == json.loads(job.data)
    assert ([], [], []) == (one.out, one.rest, one.jobs.taken())


def test_its_exit_status_decides_where_the_event_goes_and_when():
    one = Checked()
    one.send(*(line(text, at=100.0) for text in ("good", "bad", "ugly")))
    assert [0, 1, 2] == [job.number for job in one.jobs.taken()]
    one.answer(0, 0, "fine", at=150.0)
    one.answer(1, 3, "oops")
    one.answer(2, None, "took over 5 s and was killed")

    assert [("good", 150.0, {"exit_status": 0, "exit_output": "fine"})] == [
        (event.text, event.when, event.fields) for event in one.out]
    assert [{"exit_status": 3, "exit_output": "oops"}, {"exit_output": "took over 5 s and was killed"}] == [
        event.fields for event in one.rest]
    assert {"passed": 1, "refused": 1, "unchecked": 1} == finish(one.node)


def test_what_waits_is_asked_for_again_after_a_restart():
    one = Checked("echo", "{text}")
    one.send(line("a", at=100.0), line("b", at=101.0))
    one.answer(0, 0)
    after = Checked("echo", "{text}", memory=restarted(one.memory))

    assert [(1, ["echo", "b"])] == [(job.number, job.argv) for job in after.jobs.taken()]
    after.send(line("c", at=102.0))
    assert [2] == [job.number for job in after.jobs.taken()]
    after.answer(1, 0)
    after.answer(2, 0)
    assert (["b", "c"], {}) == (texts(after.out), dict(after.memory))


def test_what_waits_is_asked_for_in_the_order_in_which_it_came():
    one = Checked(memory=Memory({str(number): line(f"{number}") for number in (10, 9, 2, 11)}))

    assert [2, 9, 10, 11] == [job.number for job in one.jobs.taken()]


def test_what_nobody_of_us_remembered_is_refused():
    with pytest.raises(StateRefused, match="a job without a number"):
        Checked(memory=Memory({"x": line("a")}))


def test_a_second_answer_is_none():
    one = Checked()
    one.send(line("a"))
    one.answer(0, 0)
    one.answer(0, 0)
    one.answer(7, 0)

    assert ["a"] == texts(one.out)


def test_a_field_cannot_become_an_option():
    one = Checked("ping", "{ip}")
    one.send(line("x", ip="-f"))

    assert ([], []) == (one.jobs.taken(), one.out)
    assert ["'{ip}' became '-f', which a command would take for an option"] == [
        event.fields["exit_output"] for event in one.rest]
    assert 1 == finish(one.node)["unchecked"]


def test_no_more_wait_than_may():
    one = Checked(max_waiting=2)
    one.send(*(line(text) for text in "abc"))

    assert (["c"], 2) == (texts(one.rest), len(one.jobs.taken()))
    assert {"exit_output": "2 wait already"} == one.rest[0].fields
    one.answer(0, 0)
    one.send(line("d"))
    assert 1 == len(one.jobs.taken())


def test_what_no_command_is_run_for_goes_on_no_earlier_than_what_was_answered():
    one = Checked("echo", "{text}", max_waiting=1)
    one.send(line("a", at=100.0), line("b", at=101.0))
    one.answer(0, 1, at=200.0)
    one.send(line("-c", at=102.0), line("d", at=103.0), line("e", at=104.0), line("-f", at=300.0))

    assert [("b", 101.0), ("a", 200.0), ("-c", 200.0), ("e", 200.0), ("-f", 300.0)] == [
        (event.text, event.when) for event in one.rest]


def test_nobody_need_follow_what_does_not_pass():
    out, jobs = Collect(), Jobs()
    node = check(out, argv=[Text("true")], jobs=jobs)
    node.send(line("a"))
    node.send(Answer(0, 5.0, 1, ""))

    assert [] == out
