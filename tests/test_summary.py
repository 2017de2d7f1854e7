import pytest

from corowatch.store import Change
from corowatch.summary import Ledger, summary_table


def watched(**counts):
    ledger = Ledger()
    ledger.add("node", "a.grep", counts)
    return ledger, counts


def test_only_what_grew_since_the_last_commit_is_a_change():
    ledger, counts = watched(matched=0, failed=0)
    counts["matched"] = 3

    first = list(ledger.changes())
    ledger.written()
    counts["matched"] = 5
    second = list(ledger.changes())

    assert [Change("node", "a.grep", "matched", 3)] == first
    assert [Change("node", "a.grep", "matched", 2)] == second


def test_what_could_not_be_written_is_still_a_change():
    ledger, counts = watched(matched=0)
    counts["matched"] = 3

    assert list(ledger.changes()) == list(ledger.changes())
    assert {"matched": 0} == ledger.run["node"]["a.grep"]


def test_a_run_tells_what_is_written_and_every_counter_from_zero():
    ledger, counts = watched(matched=0, failed=0)
    assert {"matched": 0, "failed": 0} == ledger.run["node"]["a.grep"]

    counts["matched"] = 3
    ledger.written()

    assert {"matched": 3, "failed": 0} == ledger.run["node"]["a.grep"]
    assert [] == list(ledger.changes())


def test_equal_counts_of_two_nodes_are_two_and_one_added_twice_is_one():
    ledger, counts = watched(matched=0)
    other = {"matched": 0}
    ledger.add("node", "b.grep", other)
    ledger.add("node", "a.grep", counts)
    counts["matched"] = other["matched"] = 1

    assert [Change("node", "a.grep", "matched", 1), Change("node", "b.grep", "matched", 1)] == list(ledger.changes())


def test_a_node_that_a_reload_replaced_adds_to_what_its_forerunner_counted():
    ledger, old = watched(matched=0)
    old["matched"] = 3
    ledger.written()
    new = {"matched": 0}

    ledger.add("node", "a.grep", new)
    ledger.keep([new])
    new["matched"] = 2
    changes = list(ledger.changes())
    ledger.written()

    assert [Change("node", "a.grep", "matched", 2)] == changes
    assert {"matched": 5} == ledger.run["node"]["a.grep"]


def test_the_table_for_people_names_sources_nodes_and_sinks():
    told = {"sources": {"a.tail": {"lines": 1234567, "files": 1, "bytes_lost": 0}},
            "nodes": {"a.tally": {"counted": 5, "evicted_keys": 0, "standing": {"x\x1b[2J": 3, "y": 2}}},
            "sinks": {"ops": {"delivered": 1, "pending": 0}}}

    assert [("a.tail", "1,234,567 lines, 1 file"), ("a.tally", "5 counted"), ("", r"3 × x\x1b[2J"),
            ("", "2 × y"), ("ops", "1 delivered")] == list(summary_table(told))


@pytest.mark.parametrize(("counts", "told"), [
    ({"lines": 1, "bytes": 1, "bytes_lost": 1}, "1 line, 1 byte, 1 byte lost"), ({"alerts": 1}, "1 alert"),
    ({"alerts": 2}, "2 alerts"), ({"lines": 0}, "nothing"), ({}, "nothing"), ({"misses": 1}, "1 misses")])
def test_one_is_told_as_one_and_none_not_at_all(counts, told):
    assert [("a.x", told)] == list(summary_table({"nodes": {"a.x": counts}}))


def test_steps_that_share_a_reader_have_one_row():
    steps = [f"{letter}.tail" for letter in "abcde"]
    told = {"sources": {step: {"lines": 7} for step in ["other.tail", *steps]}}

    assert [("other.tail", "7 lines"), ("a.tail, b.tail, c.tail and 2 more", "7 lines")] == list(
        summary_table(told, [["other.tail"], steps]))


def test_of_a_long_standing_the_first_ten_are_shown():
    told = {"nodes": {"a.tally": {"standing": {str(n): n for n in range(50)}}}}

    assert 1 + 10 == len(list(summary_table(told)))
