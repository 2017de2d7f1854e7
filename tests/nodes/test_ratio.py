import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.events import Tick, rfc3339
from corowatch.core.expression import Expr
from corowatch.core.memory import Memory
from corowatch.core.text import Text
from corowatch.nodes.alert import alert
from corowatch.nodes.ratio import check, ratio
from corowatch.testing import Collect, line, restarted, texts
from tests.judged import Model

OF = Expr("status >= 500")


def send(node, *times_and_statuses, **fields):
    for time, status in times_and_statuses:
        node.send(line(f"{status} at {time:g}", at=time, place=int(time * 10), status=status, **fields))


def told(out):
    return [(event.when, event.state) for event in out]


def test_it_fires_on_the_event_by_which_the_share_is_above():
    out = Collect()
    node = ratio(out, of=OF, above=0.25, within=60.0, at_least=4)

    send(node, (100, 200), (101, 500), (102, 200), (103, 200), (104, 503))

    assert ["503 at 104"] == texts(out)
    assert {"status": 503, "ratio": 0.4, "percent": 40.0, "matched": 2, "count": 5, "first": rfc3339(100),
            "last": rfc3339(104), "suppressed": 0} == out[0].fields
    assert (5, ["500 at 101"]) == (out[0].count, texts(out[0].past))


def test_just_so_much_is_not_above_nor_below():
    out = Collect()
    node = ratio(out, of=OF, above=0.07, below=0.07, within=60.0, at_least=100)

    send(node, *((100, 500 if n < 7 else 200) for n in range(100)))

    assert [] == out


def test_fewer_than_so_many_are_not_judged():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=60.0, at_least=4)

    send(node, (100, 500), (101, 500), (102, 500))
    assert [] == out
    send(node, (103, 500))

    assert [(103, "")] == told(out)


def test_what_does_not_match_may_be_what_makes_it_enough_to_judge():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=60.0, at_least=4)

    send(node, (100, 500), (101, 500), (102, 500), (103, 200))

    assert ["200 at 103"] == texts(out)


def test_the_share_is_told_as_a_part_and_in_a_hundred():
    out = Collect()

    send(ratio(out, of=OF, above=0.1, within=60.0, at_least=3), (100, 200), (100, 200), (100, 500))

    assert [(0.3333, 33.33)] == [(event.fields["ratio"], event.fields["percent"]) for event in out]


def test_too_few_that_match_are_below_and_the_others_are_shown():
    out = Collect()
    node = ratio(out, of=OF, below=0.5, within=60.0, at_least=3)

    send(node, (100, 500), (101, 200), (102, 200))

    assert [("200 at 102", ["200 at 101"])] == [(event.text, texts(event.past)) for event in out]


def test_an_event_without_the_field_is_one_that_does_not_match():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=60.0, at_least=3)

    send(node, (100, 500))
    node.send(line("no status", at=101.0))
    send(node, (102, 500))

    assert [(2, 3)] == [(event.fields["matched"], event.fields["count"]) for event in out]


def test_a_built_in_field_may_be_asked_for():
    out = Collect()

    ratio(out, of=Expr("text matches 'ERROR'"), above=0.5, within=60.0, at_least=1).send(line("ERROR"))

    assert ["ERROR"] == texts(out)


@pytest.mark.parametrize(("time", "count"), [(169.999, 3), (170, 2)])
def test_the_window_is_the_twelfth_of_its_newest_event_and_the_eleven_before(time, count):
    """Of a minute each is five seconds, counted from the epoch: that of 110 ends at 115, its twelfth after at 170."""
    out = Collect()
    node = ratio(out, of=OF, above=0.3, within=60.0, at_least=2)

    send(node, (114.999, 200), (115, 200), (time, 500))

    assert [count] == [event.fields["count"] for event in out]


def test_an_older_event_counts_where_its_time_belongs():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=12.0, at_least=3, lateness=20.0)

    send(node, (100, 500), (110, 500), (96, 500), (98, 500), (99, 500))

    assert [(99, rfc3339(99), rfc3339(110), 3)] == [
        (event.at, event.fields["first"], event.fields["last"], event.fields["count"]) for event in out]


def test_what_comes_too_late_is_counted_and_not_used():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=60.0, at_least=2)

    send(node, (100, 500), (94.999, 500))
    assert [] == out
    send(node, (95, 500))

    assert [(95, "")] == told(out)
    assert 1 == finish(node)["late"]


def test_after_firing_the_key_rests_with_an_empty_window_and_tells_of_it():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=60.0, at_least=2, rest=10.0)

    send(node, (100, 500), (101, 500), (102, 500), (110.999, 200), (111, 500), (112, 500))

    assert [(101, 0, 2), (112, 2, 2)] == [
        (event.at, event.fields["suppressed"], event.fields["count"]) for event in out]
    assert {"fired": 2, "resolved": 0, "suppressed": 2, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_without_a_word_it_rests_as_long_as_the_window():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=60.0, at_least=1)

    send(node, (100, 500), (159.999, 500), (160, 500))

    assert [100, 160] == [event.at for event in out]


def test_what_came_while_it_rested_is_known_for_as_long_again():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=1.0, at_least=1, rest=100.0)

    send(node, (100, 500), (101, 500), (300, 500))

    assert [(100, 0), (300, 1)] == [(event.at, event.fields["suppressed"]) for event in out]


def test_with_calm_it_is_over_when_for_so_long_no_event_was_out_of_bounds():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=12.0, at_least=1, calm=30.0)

    send(node, (100, 500), (110, 500), (125, 200), (126, 200))
    node.send(Tick(139.999))
    assert [(100, "firing")] == told(out)
    node.send(Tick(140.0))

    assert [(100, "firing"), (140, "resolved")] == told(out)
    assert ("500 at 100", 1.0, 3) == (out[1].text, out[1].fields["ratio"], out[1].fields["suppressed"])
    assert {"fired": 1, "resolved": 1, "suppressed": 3, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_an_event_may_be_what_tells_that_it_is_over():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=12.0, at_least=1, calm=30.0)

    send(node, (100, 500), (130, 500))

    assert [(100, "firing"), (130, "resolved"), (130, "firing")] == told(out)


def test_an_alert_tells_that_it_is_over_under_the_id_that_it_had():
    out = Collect()
    node = ratio(alert(out, title=Text("{percent} %")), of=OF, above=0.5, within=12.0, at_least=1, calm=30.0)

    send(node, (100, 500))
    node.send(Tick(200.0))

    assert [("firing", "100 %"), ("resolved", "resolved: 100 %")] == [(one.state, one.title) for one in out]
    assert f"{out[0].id}.r" == out[1].id


def test_each_key_is_judged_alone_and_told():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=60.0, at_least=2, by=("vhost",))

    send(node, (100, 500), vhost="a")
    send(node, (101, 500), vhost="b")
    send(node, (102, 500))
    send(node, (103, 500), vhost="a")

    assert [({"vhost": "a"}, 103)] == [(event.key, event.at) for event in out]
    assert 1 == finish(node)["unkeyed"]


def test_beyond_max_keys_the_one_longest_untouched_goes():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=60.0, at_least=2, by=("vhost",), max_keys=2)

    for n, vhost in enumerate("abacab"):
        send(node, (100 + n, 500), vhost=vhost)

    assert [{"vhost": "a"}] == [event.key for event in out]
    assert 2 == finish(node)["evicted"]


def test_a_key_untouched_for_long_leaves_no_trace():
    memory = Memory()
    node = ratio(Collect(), of=OF, above=0.5, within=60.0, at_least=2, memory=memory)

    send(node, (100, 500))
    node.send(Tick(220.0))
    assert 2 == len(memory)
    node.send(Tick(220.001))

    assert [""] == list(memory)


def test_a_key_has_twelve_panes_and_nine_lines_however_much_comes():
    memory = Memory()
    node = ratio(Collect(), of=OF, above=0.9, within=60.0, at_least=2, memory=memory)

    send(node, *((100 + n / 50, 500 if n % 2 else 200) for n in range(6000)))

    panes = memory["{}"][2][0]
    assert [(160 + 5 * n, 250, 125) for n in range(12)] == panes
    assert [f"500 at {219.98 - n / 25:g}" for n in range(8, -1, -1)] == [line.text for line in memory.lines("{}")]


def test_lines_that_left_the_window_are_not_shown():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=12.0, at_least=4)

    send(node, (101, 500), (109, 200), (110, 200), (112, 500), (113, 500), (113.5, 500))

    assert [["500 at 112", "500 at 113"]] == [texts(event.past) for event in out]


def test_a_half_full_window_is_no_finding():
    out = Collect()
    node = ratio(out, of=OF, above=0.5, within=60.0, at_least=3)
    send(node, (100, 500), (110, 500))

    finish(node)

    assert [] == out


OPTIONS = {"above": None, "below": None, "rest": None, "calm": None}


@pytest.mark.parametrize(("options", "why"), [
    ({}, "it needs a bound, `above` or `below`"),
    ({"above": 0.1, "below": 0.2}, "`below` must not be more than `above`, or every figure is out of bounds"),
    ({"above": 0.1, "rest": 1.0, "calm": 1.0}, "`rest` has no use beside `calm`: a key rests until it is calm"),
    ({"above": 1.0}, "no share is above 100%"),
    ({"below": 0.0}, "no share is below 0%"),
])
def test_options_that_do_not_go_together_are_refused(options, why):
    with pytest.raises(ValueError) as refused:
        check(OPTIONS | options)

    assert why == str(refused.value)


def test_options_that_go_together_are_not_refused():
    check(OPTIONS | {"above": 0.0, "calm": 60.0})
    check(OPTIONS | {"below": 1.0, "rest": 60.0})
    check(OPTIONS | {"above": 0.5, "below": 0.5})


@given(st.lists(st.tuples(st.integers(-4, 8), st.sampled_from(["a", "a", "a", "b", "", "?"]),
                          st.sampled_from([200, 500, 500, None])), max_size=60),
       st.sampled_from([6, 12, 24, 30]), st.integers(1, 5), st.sampled_from([None, 0.2, 0.5, 0.75]),
       st.sampled_from([None, 0.1, 0.5]),
       st.one_of(st.none(), st.integers(1, 40)), st.one_of(st.none(), st.integers(1, 20)), st.integers(0, 30))
def test_it_does_what_a_list_of_all_events_would(items, within, at_least, above, below, rest, calm, lateness):
    """A step without a key is a tick, one with "?" an event that has none. The node is made anew from its memory, as
    JSON, before each item; what time a tick told is not remembered."""
    above = 0.5 if above is None and below is None else above

    def wrong(worths):
        share = sum(worths) / len(worths)
        return (above is not None and share > above) or (below is not None and share < below)

    model = Model(wrong, lambda worth: worth == (above is not None), within=within, at_least=at_least, rest=rest,
                  calm=calm, lateness=lateness)
    out, memory, now = Collect(), Memory(), 1000

    for gap, key, status in items:
        now += gap
        memory = restarted(memory)
        node = ratio(out, of=OF, above=above, below=below, within=float(within), at_least=at_least, by=("k",),
                     rest=rest and float(rest), calm=calm and float(calm), lateness=float(lateness), memory=memory)
        if not key:
            node.send(Tick(now))
            model.tick(now)
        elif key == "?":
            send(node, (now, status))
            model.passes(now)
        else:
            send(node, (now, status), k=key)
            model.sees(now, key, status == 500, f"{status} at {now}")

    assert [(when, key, state, sum(worths), len(worths), round(sum(worths) / len(worths), 4), *rest)
            for when, key, state, worths, *rest in model.told] == [
        (event.when, event.key["k"], event.state, event.fields["matched"], event.fields["count"],
         event.fields["ratio"], event.fields["first"], event.fields["last"], texts(event.past),
         event.fields["suppressed"]) for event in out]
