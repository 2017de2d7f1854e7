import re

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from corowatch.core.coroutine import finish
from corowatch.core.events import Tick
from corowatch.core.memory import Memory
from corowatch.core.pattern import Pattern
from corowatch.core.template import Template
from corowatch.core.text import Text
from corowatch.nodes.alert import alert
from corowatch.nodes.pair import check, pair
from corowatch.testing import Collect, line, restarted

DOWN = (Pattern(r"server (?P<srv>\S+) not responding"),)
UP = (Template("server {srv} OK"),)
NONE = {"fired": 0, "resolved": 0, "suppressed": 0, "closed": 0, "unclear": 0, "unkeyed": 0, "late": 0, "evicted": 0}


def nfs(out, **options):
    return pair(out, **{"open": DOWN, "close": UP} | options)


def send(node, *times_and_texts, **fields):
    for time, text in times_and_texts:
        node.send(line(text, at=time, place=int(time * 10), **fields))


GIVEN = {"within": None, "missing": False, "expire": None, "open": (), "close": (), "by": ()}


def told(out):
    return [(event.when, event.state, event.key.get("srv")) for event in out]


def test_what_opens_is_told_and_what_closes_it():
    out = Collect()
    node = nfs(out)

    send(node, (100, "nfs: server a not responding"), (130.5, "nfs: server a OK"))

    assert [(100, "firing", {"srv": "a"}, "nfs: server a not responding", {"srv": "a"}),
            (130.5, "resolved", {"srv": "a"}, "nfs: server a OK", {"srv": "a", "duration": 30.5})] == [
        (event.at, event.state, event.key, event.text, event.fields) for event in out]
    assert NONE | {"fired": 1, "resolved": 1} == finish(node)


def test_further_ones_of_an_open_key_are_swallowed_and_the_duration_is_from_the_first():
    out = Collect()
    node = nfs(out)

    send(node, *((100 + n, "server a not responding") for n in range(5)), (110, "server a OK"))

    assert [(100, "firing", "a"), (110, "resolved", "a")] == told(out)
    assert 10 == out[1].fields["duration"]
    assert NONE | {"fired": 1, "resolved": 1, "suppressed": 4} == finish(node)


def test_each_key_is_a_pair_of_its_own_and_opens_anew_when_it_was_closed():
    out = Collect()

    send(nfs(out), (100, "server a not responding"), (101, "server b not responding"), (102, "server a OK"),
         (103, "server a OK"), (104, "server a not responding"), (105, "server b OK"))

    assert [(100, "firing", "a"), (101, "firing", "b"), (102, "resolved", "a"), (104, "firing", "a"),
            (105, "resolved", "b")] == told(out)


def test_nothing_resolves_that_never_fired():
    out = Collect()
    node = nfs(out)

    send(node, (100, "server a OK"), (101, "something else"))

    assert [] == out
    assert NONE == finish(node)


def test_an_alert_is_resolved_with_its_own_id():
    out = Collect()
    node = nfs(alert(out, title=Text("NFS {srv} down")))

    send(node, (100, "server a not responding"), (175, "server a OK"))

    assert [("firing", "NFS a down"), ("resolved", "resolved: NFS a down")] == [(one.state, one.title) for one in out]
    assert (out[0].id + ".r", 75) == (out[1].id, out[1].fields["duration"])


# --- the time between -------------------------------------------------------------------------------


@pytest.mark.parametrize(("closes", "states"), [(109.9, ["firing", "resolved"]), (110, ["firing"]), (111, ["firing"])])
def test_a_key_that_nothing_closed_within_the_time_is_no_longer_open(closes, states):
    out = Collect()

    send(nfs(out, within=10.0), (100, "server a not responding"), (closes, "server a OK"))

    assert states == [event.state for event in out]


def test_what_opens_when_the_time_is_over_opens_anew():
    out, memory = Collect(), Memory()
    node = nfs(out, within=10.0, memory=memory)

    send(node, (100, "server a not responding"), (109, "server a not responding"), (110, "server a not responding"))
    node.send(Tick(119.9))
    assert 2 == len(memory)
    node.send(Tick(120.0))

    assert [(100, "firing", "a"), (110, "firing", "a")] == told(out)
    assert [""] == list(memory)


def test_without_a_time_it_stays_open():
    out = Collect()
    node = nfs(out)

    send(node, (100, "server a not responding"))
    node.send(Tick(1e9))
    send(node, (1e9, "server a OK"))

    assert [(100, "firing", "a"), (1e9, "resolved", "a")] == told(out)


def test_an_open_key_that_nothing_touches_is_forgotten_where_that_is_wanted():
    out, memory = Collect(), Memory()
    node = nfs(out, expire=60.0, memory=memory)

    send(node, (100, "server a not responding"), (140, "server a not responding"))
    node.send(Tick(200.0))
    assert 2 == len(memory)
    send(node, (200.5, "server a OK"))

    assert [(100, "firing", "a")] == told(out)
    assert [""] == list(memory)


def test_what_is_older_than_what_opened_does_not_close_it():
    out = Collect()

    send(nfs(out), (100, "server a not responding"), (99, "server a OK"), (100, "server a OK"))

    assert [(100, "firing", "a"), (100, "resolved", "a")] == told(out)


def test_what_comes_too_late_neither_opens_nor_closes():
    out = Collect()
    node = nfs(out, lateness=5.0)

    send(node, (90, "server a not responding"), (100, "server b not responding"), (94.9, "server a OK"),
         (94.9, "server c not responding"), (95, "server a OK"))

    assert [(90, "firing", "a"), (100, "firing", "b"), (95, "resolved", "a")] == told(out)
    assert 2 == finish(node)["late"]


# --- missing ----------------------------------------------------------------------------------------


def test_what_does_not_close_in_time_is_told_at_that_moment():
    out = Collect()
    node = nfs(out, within=10.0, missing=True)

    send(node, (100, "server a not responding"), (103, "server b not responding"), (104, "server a not responding"))
    node.send(Tick(109.9))
    assert [] == out
    node.send(Tick(200.0))

    assert [(110, "firing", "a", 100), (113, "firing", "b", 103)] == [
        (event.when, event.state, event.fields["srv"], event.at) for event in out]
    assert NONE | {"fired": 2, "suppressed": 1} == finish(node)


def test_what_closes_in_time_is_silent():
    out = Collect()
    node = nfs(out, within=10.0, missing=True)

    send(node, (100, "server a not responding"), (109.9, "server a OK"))
    node.send(Tick(200.0))

    assert [] == out
    assert NONE | {"closed": 1} == finish(node)


def test_what_comes_after_all_resolves():
    out = Collect()
    node = nfs(alert(out, title=Text("{srv} is missing")), within=10.0, missing=True)

    send(node, (100, "server a not responding"), (140, "server a OK"))

    assert ["a is missing", "resolved: a is missing"] == [one.title for one in out]
    assert (out[0].id + ".r", 30) == (out[1].id, out[1].fields["duration"])


def test_one_that_is_read_after_it_was_told_resolves_not_before_that():
    out = Collect()
    node = nfs(out, within=10.0, missing=True)

    send(node, (100, "server a not responding"))
    node.send(Tick(110.0))
    send(node, (109, "server a OK"))

    assert [(110, "firing", "a"), (110, "resolved", "a")] == told(out)
    assert 0 == out[1].fields["duration"]


def test_what_opens_while_it_is_missing_has_a_time_of_its_own():
    out = Collect()
    node = nfs(out, within=10.0, missing=True)

    send(node, (100, "server a not responding"), (130, "server a not responding"), (135, "server a not responding"))
    node.send(Tick(140.0))
    send(node, (150, "server a not responding"), (155, "server a OK"), (156, "server a OK"))

    assert [(110, "firing", "a"), (140, "firing", "a"), (155, "resolved", "a")] == told(out)
    assert 15 == out[2].fields["duration"]
    assert NONE | {"fired": 2, "resolved": 1, "suppressed": 1} == finish(node)


def test_what_was_told_is_open_until_it_is_closed_or_forgotten():
    out, memory = Collect(), Memory()
    node = nfs(out, within=10.0, missing=True, expire=50.0, memory=memory)

    send(node, (100, "server a not responding"))
    node.send(Tick(150.0))
    assert 2 == len(memory)
    node.send(Tick(150.1))

    assert [(110, "firing", "a")] == told(out)
    assert [""] == list(memory)


@pytest.mark.parametrize(("options", "why"), [
    ({"missing": True}, "`missing` needs `within`"),
    ({"within": 10.0, "expire": 60.0}, "`expire` says when what is `missing` is forgotten, and must be longer"),
    ({"within": 10.0, "expire": 10.0, "missing": True}, "`expire` says when what is `missing` is forgotten, and must"),
])
def test_an_option_without_a_use_is_refused(options, why):
    with pytest.raises(ValueError, match=why):
        check(GIVEN | options)


@pytest.mark.parametrize("options", [
    {}, {"within": 10.0}, {"expire": 60.0}, {"within": 10.0, "missing": True},
    {"within": 10.0, "expire": 11.0, "missing": True}])
def test_options_that_go_together_are_right(options):
    check(GIVEN | options)


def test_a_group_that_open_and_close_both_capture_does_not_make_them_one():
    both = {"open": (Pattern(r"begin (?P<id>\d+)"),), "close": (Template(r"end (?P<id>\d+)"),)}

    with pytest.raises(ValueError, match="both capture 'id'; that does not tie them: write {id} in `close`, or by: id"):
        check(GIVEN | both)
    check(GIVEN | both | {"by": ("id",)})


# --- which key is closed ----------------------------------------------------------------------------


@pytest.mark.parametrize("space", [" ", r"\x20", r"\040", r"\s", r"[ ]", r"\x{20}",
                                   *(pytest.param(one, marks=pytest.mark.re2) for one in (r"\pZ", r"\p{Zs}"))])
def test_an_escape_beside_a_name_is_no_text_of_its_own(space):
    out = Collect()
    node = pair(out, open=(Pattern(r"start (?P<id>\w+)"),), close=(Template(rf"done{space}{{id}}$"),))

    send(node, (100, "start job2024"), (101, "done job2024"), (102, "start a401"), (103, "done a401"),
         (104, "start Z0"), (105, "done Z0"))

    assert ["firing", "resolved"] * 3 == [event.state for event in out]


def test_without_braces_and_keys_there_is_one_pair():
    out = Collect()
    node = pair(out, open=(Pattern("mains (?P<how>lost)"),), close=(Template("mains (?P<how2>back)"),))

    send(node, (100, "mains lost"), (101, "mains lost"), (102, "mains back"))

    assert [({}, {"how": "lost"}), ({}, {"how": "lost", "how2": "back", "duration": 2})] == [
        (event.key, event.fields) for event in out]


def test_a_key_may_be_captured_by_both():
    out = Collect()
    node = pair(out, open=(Pattern("(?P<srv>.) down"),), close=(Template("(?P<srv>.) up"),), by=("srv",))

    send(node, (100, "a down"), (101, "b down"), (102, "b up"), (103, "c up"), (104, "a up"))

    assert [(100, "firing", "a"), (101, "firing", "b"), (102, "resolved", "b"), (104, "resolved", "a")] == told(out)


def test_one_part_of_a_key_may_arrive_and_the_other_stand_in_braces():
    out = Collect()
    node = nfs(out, by=("machine", "srv"))

    send(node, (100, "server a not responding"), machine="web1")
    send(node, (101, "server a not responding"), machine="web2")
    send(node, (102, "server a OK"), machine="web2")
    send(node, (103, "server a OK"), machine="web3")
    send(node, (104, "server a OK"))

    assert [("web1", "firing"), ("web2", "firing"), ("web2", "resolved")] == [
        (event.key["machine"], event.state) for event in out]


@pytest.mark.parametrize("close", ["{srv}: OK", "server {srv} OK", "server {srv} OK$"])
def test_a_part_that_arrives_decides_too_where_the_line_leaves_a_choice(close):
    out = Collect()
    node = nfs(out, by=("machine", "srv"), close=(Template(close),))

    for machine in ("web1", "web2"):
        send(node, (100, "server a not responding"), machine=machine)
    send(node, (102, "server a: OK server a OK"), machine="web2")

    assert ["web2"] == [event.key["machine"] for event in out if event.state == "resolved"]


def test_the_longest_text_of_another_key_is_not_looked_at():
    out = Collect()
    node = nfs(out, by=("machine", "srv"), close=(Template("server {srv}"),))

    send(node, (100, "server nfs10 not responding"), machine="web1")
    send(node, (100, "server nfs1 not responding"), machine="web2")
    send(node, (101, f"server nfs10 OK{' ' * 1000}"), machine="web2")

    assert [("web2", "nfs1", "resolved")] == [
        (event.key["machine"], event.key["srv"], event.state) for event in out[2:]]


class Tried(Template):
    """Counts for how many keys it is tried."""

    times = 0

    def fields_with(self, text, texts):
        self.times += 1
        return super().fields_with(text, texts)


@pytest.mark.parametrize(("close", "text", "most"), [
    ("server {srv} OK", "server 0500 OK", 1), ("{srv} OK", "server 0500 OK", 1), ("^{srv} OK", "0500 OK", 1),
    (r"\b{srv}\b", "server 0500 OK", 1), ("server {srv} OK", "server server server 0500 OK OK OK", 1),
    ("server {srv}", f"server 0500{' ' * 1000}", 2000)])
def test_of_many_open_keys_only_those_are_tried_that_the_line_leaves(close, text, most):
    out = Collect()
    end = Tried(close)
    node = nfs(out, close=(end,))

    send(node, *((100, f"server {n:04} not responding") for n in range(2000)), (101, text))

    assert (101, "resolved", "0500") == told(out)[-1]
    assert most == end.times


def test_a_line_that_may_mean_a_thousand_keys_means_none():
    out = Collect()
    node = nfs(out)

    send(node, *((100, f"server {n:04} not responding") for n in range(1001)), (101, "server 0500 OK" * 45),
         (102, "server 0001 OK"), (103, "server 0500 OK" * 45))

    assert [(102, "0001"), (103, "0500")] == [(at, srv) for at, state, srv in told(out) if state == "resolved"]
    assert 1 == finish(node)["unclear"]


def test_of_several_with_texts_as_long_the_one_open_longest_is_closed():
    out = Collect()
    node = pair(out, open=(Pattern("begin <(?P<a>.*)> <(?P<b>.*)>"),), close=(Template("end {a}-{b}$"),))

    send(node, (100, "begin <x-y> <z>"), (101, "begin <x> <y-z>"), (102, "end x-y-z"), (103, "end x-y-z"))

    assert [(102, "x-y"), (103, "x")] == [(event.at, event.key["a"]) for event in out[2:]]


def test_what_stands_in_braces_need_not_be_of_the_key():
    out = Collect()
    node = pair(out, open=(Pattern(r"job (?P<job>\d+) of (?P<user>\w+)"),),
                close=(Template(r"(?P<user>\w+) ends {job}$"),), by=("user",))

    send(node, (100, "job 7 of anna"), (101, "anna ends 8"), (102, "carl ends 7"), (103, "anna ends 7"))

    assert [(100, "firing"), (103, "resolved")] == [(event.at, event.state) for event in out]


def test_what_was_captured_stands_for_itself_in_the_pattern():
    out = Collect()

    send(nfs(out), (100, "server .* not responding"), (101, "server a OK"), (102, "server .* OK"))

    assert [(100, "firing", ".*"), (102, "resolved", ".*")] == told(out)


def test_of_several_keys_that_match_the_one_with_the_longest_text_is_closed():
    out = Collect()
    node = nfs(out, close=(Template("server {srv}"),))

    send(node, (100, "server nfs1 not responding"), (101, "server nfs10 not responding"), (102, "server nfs10 OK"),
         (103, "server nfs10 OK"))

    assert [(102, "nfs10"), (103, "nfs1")] == [(event.at, event.key["srv"]) for event in out[2:]]


def test_where_the_line_may_be_cut_in_many_ways_each_is_tried():
    out = Collect()
    node = pair(out, open=(Pattern("begin <(?P<a>.*)> <(?P<b>.*)>"),), close=(Template("end {a}-{b}$"),))

    send(node, (100, "begin <x> <y-z>"), (101, "end x-y-z"))

    assert [{"a": "x", "b": "y-z"}] * 2 == [event.key for event in out]


def test_groups_are_cut_as_with_the_text_put_in():
    out = Collect()
    node = pair(out, open=(Pattern("begin (?P<id>.*)$"),), close=(Template("(?P<who>.*) {id} (?P<what>.*)"),))

    send(node, (100, "begin b"), (101, "a b c d"))

    assert {"id": "b", "who": "a", "what": "c d", "duration": 1} == out[1].fields


def test_several_patterns_may_open_and_close():
    out = Collect()
    node = nfs(out, open=(*DOWN, Pattern("lost (?P<srv>.)")), close=(*UP, Template("found {srv}$")))

    send(node, (100, "lost a"), (101, "server b not responding"), (102, "server a OK"), (103, "found b"))

    assert [(100, "firing", "a"), (101, "firing", "b"), (102, "resolved", "a"), (103, "resolved", "b")] == told(out)


def test_by_default_the_key_is_what_every_pattern_that_closes_names():
    out = Collect()
    node = pair(out, open=(Pattern("(?P<a>.)(?P<b>.) down"),), close=(Template("{a}{b} up"), Template("all of {a} up")))

    send(node, (100, "xy down"), (101, "xz down"), (102, "all of x up"))

    assert [{"a": "x"}, {"a": "x"}] == [event.key for event in out]


def test_what_matches_both_opens_its_key_if_that_is_not_open_and_else_closes():
    out = Collect()
    node = pair(out, open=(Pattern("switch (?P<srv>.)"),), close=(Template("switch {srv}"),))

    send(node, (100, "switch a"), (101, "switch a"), (102, "switch b"), (103, "switch a"))

    assert [(100, "firing", "a"), (101, "resolved", "a"), (102, "firing", "b"), (103, "firing", "a")] == told(out)


def test_an_event_without_the_key_is_counted():
    node = nfs(Collect(), open=(Pattern("server (?P<srv>a)? not responding"),))

    send(node, (100, "server  not responding"))

    assert NONE | {"unkeyed": 1} == finish(node)


def test_beyond_max_keys_the_one_longest_untouched_goes_untold():
    out = Collect()
    node = nfs(out, max_keys=2)

    send(node, *((100 + n, f"server {srv} not responding") for n, srv in enumerate("abac")),
         *((110 + n, f"server {srv} OK") for n, srv in enumerate("abc")))

    assert ["a", "c"] == [event.key["srv"] for event in out if event.state == "resolved"]
    assert 1 == finish(node)["evicted"]


# --- ends -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [False, True])
def test_an_open_key_survives_the_process(missing):
    out, memory = Collect(), Memory()
    send(nfs(out, within=60.0, missing=missing, memory=memory), (100, "server a not responding"))
    send(nfs(out, within=60.0, missing=missing, memory=restarted(memory)), (150, "server a OK"))

    assert ([] if missing else [(100, "firing", "a"), (150, "resolved", "a")]) == told(out)


def test_at_the_close_nothing_is_sent():
    out = Collect()
    node = nfs(out, within=60.0, missing=True)
    send(node, (100, "server a not responding"))

    finish(node)

    assert [] == out


def test_a_key_that_is_told_takes_few_bytes():
    memory = Memory()
    send(nfs(Collect(), within=60.0, memory=memory), (100, f"server a not responding {'x' * 1000}"))

    assert len(msgspec.json.encode(dict(memory))) < 150


class Model:
    """Keeps all that is open in a list, and tries the pattern of each."""

    def __init__(self, close, within, missing, expire, lateness, max_keys):
        self.close, self.within, self.missing, self.expire = close, within, missing, expire
        self.lateness, self.max_keys = lateness, max_keys
        self.now = self.newest = 0
        self.open, self.told = [], []
        """What is open, the one longest untouched first."""

    def passes(self, at):
        over = [one for one in self.open if self.within and one["waits"] and one["when"] + self.within <= at]
        for one in sorted(over, key=lambda one: (one["when"], one["key"])):
            one["waits"], one["missed"] = False, one["when"] + self.within
            if self.missing:
                self.told.append((one["when"] + self.within, "firing", one["key"], one["text"], None))
            else:
                self.open.remove(one)
        self.open = [one for one in self.open if not self.expire or one["touched"] + self.expire >= at]

    def sees(self, at, text):
        opens = re.search(r"open (\w+)", text)
        if not opens and "shut" not in text:
            return
        self.passes(at)
        closed = [one for one in self.open if one["when"] <= at
                  and re.search(self.close.replace("{srv}", re.escape(one["key"])), text)]
        known = [one for one in self.open if opens and one["key"] == opens[1]]
        if opens and not known:
            closed = []
        if not (closed or opens) or at < self.newest - self.lateness:
            return
        self.newest, self.now = max(at, self.newest), max(at, self.now)
        if closed:
            one = max(closed, key=lambda one: len(one["key"]))
            self.open.remove(one)
            since = one["missed"] or one["when"]
            if not self.missing or one["missed"]:
                self.told.append((max(at, since), "resolved", one["key"], text, max(at - since, 0)))
        elif known:
            known[0]["touched"] = self.now
            self.open.remove(known[0])
            self.open.append(known[0])
            if self.missing and not known[0]["waits"]:
                known[0].update(when=at, text=text, waits=True)
        else:
            if len(self.open) == self.max_keys:
                del self.open[0]
            self.open.append({"when": at, "key": opens[1], "text": text, "touched": self.now, "waits": True,
                              "missed": None})
            if not self.missing:
                self.told.append((at, "firing", opens[1], text, None))


WORDS = ["open", "shut", "open", "shut", "other", "open a shut", "open ab shut", ""]


@given(st.lists(st.tuples(st.integers(-4, 6), st.sampled_from(WORDS), st.sampled_from(["a", "ab", "b"])), max_size=60),
       st.sampled_from(["shut {srv}", "shut {srv}$", "shut {srv} *$", r"shut \b{srv}$"]),
       st.one_of(st.none(), st.integers(1, 12)), st.booleans(),
       st.one_of(st.none(), st.integers(1, 20)), st.integers(0, 5), st.integers(1, 3))
@example([(0, "open", name) for name in ("ab", "a", "b", "a")], "shut {srv}", None, False, None, 0, 2)
def test_it_does_what_a_list_of_all_that_is_open_would(items, close, within, missing, expire, lateness, max_keys):
    """A step without a text is a tick. The node is made anew from its memory, as JSON, before each item."""
    missing = missing and within is not None
    if expire is not None and within is not None:
        expire = within + expire if missing else None
    out, memory = Collect(), Memory()
    model, now = Model(close, within, missing, expire, lateness, max_keys), 100.0

    for gap, what, key in items:
        now += gap
        memory = restarted(memory)
        node = pair(out, open=(Pattern(r"open (?P<srv>\w+)"),), close=(Template(close),),
                    within=within and float(within), missing=missing, expire=expire and float(expire),
                    lateness=float(lateness), max_keys=max_keys, memory=memory)
        if what:
            send(node, (now, f"{what} {key}"))
            model.sees(now, f"{what} {key}")
        else:
            node.send(Tick(now))
            model.passes(now)

    assert model.told == [(event.when, event.state, event.key["srv"], event.text, event.fields.get("duration"))
                          for event in out]
