from collections.abc import Generator
from typing import Annotated, Any, Literal

import pytest

from corowatch.core.coroutine import finish
from corowatch.core.events import Alert, Batch, Block, Consumer, Delivery, Event, Here, Target, Tick
from corowatch.core.kinds import Broken, Counts, Gate, Kinds, Pace, node, sink, source
from corowatch.core.memory import Memory
from corowatch.core.values import AtLeast
from corowatch.testing import Collect, line


@node(adds=("size",))
def count_(
    target: Target[Event],
    rest: Target[Event] | None = None,
    *,
    at_least: Annotated[int, "so many", AtLeast(1)],
    except_: Annotated[str, "not these"] = "",
    here: Here,
    memory: Memory[Any],
    counts: Counts[Literal["seen", "sent"]],
) -> Consumer[Event | Tick]:
    """Count things.

    At length.
    """
    try:
        while True:
            item = yield
            counts["seen"] += 1
            memory["n"] = memory.get("n", 0) + 1
            if memory["n"] >= at_least and item.text != except_:
                target.send(item.having({"flow": here.flow}))
    except GeneratorExit:
        return counts


@sink
def keep(*, into: Annotated[list[Alert], "where"]) -> Generator[None, Alert, None]:
    """Keep."""
    while True:
        into.append((yield))


@source
def nothing(target: Target[Block]) -> object:
    """Never send."""
    return "a source"


def test_the_signature_tells_everything():
    assert ("count", "node", ("size",)) == (count_.name, count_.role, count_.adds)
    assert ("target", "rest") == count_.outlets
    assert count_.sends is Event
    assert {Event, Tick} == count_.consumes
    assert count_.takes_ticks
    assert ("seen", "sent") == count_.counters
    assert ("memory", "counts", "here") == (count_.memory, count_.counts, count_.here)
    assert "Count things." == count_.summary
    assert "Count things.\n\nAt length." == count_.doc


def test_options_are_what_has_a_sentence_and_a_trailing_underscore_is_dropped():
    at_least, without = count_.options.values()

    assert ("at_least", "so many", True, 1) == (at_least.name, at_least.sentence, at_least.required, at_least.least)
    assert ("except", "except_", "", False, None) == (without.name, without.parameter, without.default,
                                                      without.required, without.least)
    assert at_least is count_.first


def test_options_are_given_under_their_yaml_names():
    out = Collect()

    counting = count_.start(target=out, at_least=1, **{"except": "b"})
    for text in ("a", "b"):
        counting.send(line(text))

    assert ["a"] == [event.text for event in out]


def test_memory_counts_and_here_are_made_up_where_they_are_left_out():
    out = Collect()

    counting = count_(out, at_least=1)
    counting.send(line("a"))

    assert "flow" == out[0].fields["flow"]
    assert {"seen": 1, "sent": 0} == finish(counting)


def test_what_is_handed_in_is_used():
    out, memory, counts = Collect(), Memory({"n": 1}), Counts(seen=5)

    counting = count_(out, at_least=2, memory=memory, counts=counts, here=Here("mine"))
    counting.send(line("a"))

    assert "mine" == out[0].fields["flow"]
    assert 2 == memory["n"]
    assert {"seen": 6, "sent": 0} == counts


def test_a_sink_is_primed_and_a_source_is_given_as_it_is():
    got = []
    keep(into=got).send("alert")

    assert ["alert"] == got
    assert "a source" == nothing(Collect())
    assert (frozenset({Alert}), frozenset()) == (keep.consumes, nothing.consumes)
    assert (None, Block) == (keep.sends, nothing.sends)
    assert (None, None, ()) == (keep.memory, keep.counts, keep.counters)


def test_a_sink_that_makes_one_message_of_many_has_a_pace_and_a_delivery_in_hand():
    @sink
    def digest(*, every: Annotated[float, "seconds between two", Pace] = 60.0, delivery: Delivery) -> Consumer[Batch]:
        """Say how many."""
        delivery.said = "ready"
        while True:
            delivery.done.add(str(len((yield))))

    delivery = Delivery()
    digest.start(delivery=delivery).send((1, 2))
    digest().send(())

    assert (True, "every", "delivery") == (digest.batches, digest.pace, digest.delivery)
    assert ("ready", {"2"}) == (delivery.said, delivery.done)
    assert (False, None, None) == (keep.batches, keep.pace, keep.delivery)


def test_two_kinds_of_a_role_with_one_name_are_refused_naming_both():
    def other():
        @node
        def count(target: Target[Event]) -> Consumer[Event]:
            """Count otherwise."""
            yield

        return count

    kinds = Kinds()
    kinds.add(count_)
    kinds.add(count_)

    with pytest.raises(ValueError, match="two node kinds are named 'count'") as refused:
        kinds.add(other())
    assert f"{__name__}.count_ and {__name__}." in str(refused.value)
    assert str(refused.value).endswith(".other.<locals>.count")


def test_an_option_without_a_type_is_refused_with_what_to_write():
    @node
    def loud(target: Target[Event], *, mark="!") -> Consumer[Event]:
        """Be loud."""
        yield

    with pytest.raises(TypeError) as refused:
        _ = loud.options

    assert "the parameter 'mark' says nothing of its type; an option is mark: Annotated[str, 'what it is for']" == str(
        refused.value)


def test_what_is_broken_says_whose_it_is_and_why():
    assert "the package loudly offers corowatch.nodes: loud, which cannot be used: it is silent" == str(
        Broken("corowatch.nodes: loud", "loudly", "it is silent"))


def test_markers_are_shown_by_their_names():
    assert "Gate" == repr(Gate)


def test_one_name_in_two_roles_is_fine():
    @sink
    def count() -> Generator[None, Alert, None]:
        """Count alerts."""
        yield

    kinds = Kinds()
    for kind in (count_, count, nothing):
        kinds.add(kind)

    assert [nothing, count_, count] == list(kinds)
