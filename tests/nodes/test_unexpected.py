from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.accepted import Accepted
from corowatch.core.config import ConfigFile
from corowatch.core.coroutine import finish
from corowatch.core.errors import ConfigError
from corowatch.core.memory import Memory
from corowatch.core.near import Near
from corowatch.core.others import Others
from corowatch.core.pattern import Pattern
from corowatch.core.table import Table, TableFile
from corowatch.loading import load_texts
from corowatch.nodes.unexpected import unexpected
from corowatch.testing import Collect, line, restarted, texts


def of(*templates):
    """A file of templates."""
    return TableFile("known", (), lambda asked: Table(asked.read(templates)))


def send(node, *said, at=100.0, **fields):
    for number, text in enumerate(said):
        node.send(line(text, at=at + number, **fields))


def test_the_first_line_of_what_no_template_explains_passes_once():
    out, rest = Collect(), Collect()
    node = unexpected(out, rest, templates=of("session <num> closed"))

    send(node, "session 7 closed", "the disk sda failed", "the disk sdb failed", "session 8 closed", "panic", " ",
         "the disk sdc failed")

    assert [("the disk sda failed", {"template": "the disk sda failed"}), ("panic", {"template": "panic"})] == [
        (event.text, event.fields) for event in out]
    assert out[0].fields == out[0].key
    assert ["session 7 closed", "session 8 closed", " "] == texts(rest)
    assert {"passed": 2, "repeated": 2, "expected": 3, "unkeyed": 0, "late": 0, "evicted": 0} == finish(node)


def test_without_otherwise_what_is_expected_ends_here():
    out = Collect()

    send(unexpected(out, templates=of("a b")), "a b")

    assert [] == out


def test_what_matches_except_is_expected():
    out, rest = Collect(), Collect()

    send(unexpected(out, rest, templates=of(), except_=(Pattern("DEBUG"), Pattern("noise"))), "DEBUG x", "x", "noise")

    assert (["x"], ["DEBUG x", "noise"]) == (texts(out), texts(rest))


def test_with_rules_what_other_flows_look_for_is_expected():
    rest, others = Collect(), Others([Pattern("disk"), Pattern("panic")])
    told = [Collect(), Collect()]

    send(unexpected(told[0], rest, templates=of(), rules=True, others=others), "disk full", "panic", "x")
    send(unexpected(told[1], templates=of(), others=others), "disk full", "panic", "x")

    assert (["x"], ["disk full", "panic", "x"]) == (texts(told[0]), texts(told[1]))
    assert ["disk full", "panic"] == texts(rest)


def test_numbers_times_and_hosts_do_not_count():
    out = Collect()

    send(unexpected(out, templates=of("sshd[<num>]: session closed")),
         "Mar  2 08:00:00 web1 sshd[81]: session closed", "2026-03-02T08:00:01Z db1 sshd[9]: session closed")

    assert [] == out


def test_another_field_can_be_looked_at():
    out = Collect()
    node = unexpected(out, templates=of("ready"), of="message")

    send(node, "x", message="ready")
    send(node, "x", message="broken")
    send(node, "x", message=5)
    send(node, "x")

    assert ["broken", "<num>"] == [event.fields["template"] for event in out]
    assert 1 == finish(node)["unkeyed"]


def test_each_key_has_its_own():
    out = Collect()
    node = unexpected(out, templates=of(), by=("machine",))

    send(node, "panic", machine="web1")
    send(node, "panic", "panic", machine="web2")
    send(node, "panic")

    assert [{"machine": "web1", "template": "panic"}, {"machine": "web2", "template": "panic"}] == [
        event.key for event in out]
    counts = finish(node)
    assert (1, 1) == (counts["repeated"], counts["unkeyed"])


def test_a_line_joins_that_with_which_it_has_most_in_common():
    out = Collect()
    node = unexpected(out, templates=of(), remember=60.0, memory=(memory := Memory()))

    send(node, "it a b c d e f g h i", "it a b c D E F G h i", "it a b c D E F g h i")

    assert 2 == len(out)
    assert ["it a b c D E F \ue000 h i", "it a b c d e f g h i"] == sorted(
        row[2][1] for name, row in memory.items() if name)


def test_a_template_unseen_for_long_is_new_again():
    out = Collect()
    node = unexpected(out, templates=of(), remember=60.0)

    for at in (100, 160, 220, 280.5, 400):
        node.send(line("panic", at=float(at)))

    assert [100, 280.5, 400] == [event.at for event in out]


def test_it_is_seen_by_its_newest_line_and_counted_from_when_it_is_new():
    out, memory = Collect(), Memory()
    node = unexpected(out, templates=of(), remember=60.0, memory=memory)

    for at in (100, 98, 159, 222):
        node.send(line("panic", at=float(at)))

    assert [100, 222] == [event.at for event in out]
    assert [["{}", "panic", 0, 1, 222.0]] == [list(row[2]) for name, row in memory.items() if name]


def test_what_is_late_is_counted_and_not_used():
    out = Collect()
    node = unexpected(out, templates=of(), lateness=5.0)

    node.send(line("panic", at=100.0))
    node.send(line("oops", at=94.9))
    node.send(line("oops", at=95.0))

    assert [100, 95] == [event.at for event in out]
    assert 1 == finish(node)["late"]


def test_it_holds_so_many_and_the_one_longest_unseen_goes():
    out = Collect()
    node = unexpected(out, templates=of(), max_keys=2)

    send(node, *"abacab")

    assert ["a", "b", "c", "b"] == texts(out)
    assert 2 == finish(node)["evicted"]


def test_what_is_gone_leaves_no_place():
    out, memory = Collect(), Memory()
    node = unexpected(out, templates=of(), max_keys=2, memory=memory)

    send(node, *(f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}" for n in range(300)))
    again = unexpected(out, templates=of(), max_keys=2, memory=restarted(memory))
    send(node, "aa", "zz", at=900.0)
    send(again, "aa", "zz", at=900.0)

    assert texts(out)[-4:-2] == texts(out)[-2:] == ["aa", "zz"]
    assert 3 == len(memory)


def test_a_line_is_compared_with_few_whatever_the_log_says(monkeypatch):
    found, random = [], Random(7)
    find = Near.find
    monkeypatch.setattr(Near, "find", lambda *of: found.append(find(*of)) or found[-1])
    node = unexpected(out := Collect(), templates=of())

    send(node, "it was b c", *(" ".join(["it", *"ab" * same, *(f"w{random.random()}" for _ in range(many))])
                               for same, many in ((0, 12), (3, 6), (0, 1990)) for _ in range(300)), "it was b c")

    assert max(map(len, found)) <= 32
    assert 901 == len(out)
    assert max(len(event.fields["template"].split()) for event in out) == 64


def test_templates_that_are_accepted_meanwhile_count_from_the_next_line_on():
    out, tables = Collect(), []
    file = TableFile("known", (), lambda asked: tables.append(Table(asked.read([]))) or tables[-1])
    node = unexpected(out, templates=file)

    send(node, "a b")
    tables[0].rows = Accepted(["c d"])
    send(node, "c d", "e f")

    assert ["a b", "e f"] == texts(out)


WORDS = st.sampled_from(["a", "b", "c", "17", "x=1", "x=y"])
LINES = st.one_of(st.lists(WORDS, min_size=3, max_size=5).map(lambda words: ["it", *words]),
                  st.lists(WORDS, min_size=0, max_size=2)).map(" ".join)


@given(st.lists(st.tuples(st.integers(-7, 9), LINES, st.sampled_from("xy")), max_size=40), st.integers(3, 20),
       st.sampled_from([1, 2, 3, 5, 1000]))
def test_it_does_what_a_list_of_all_templates_would(items, remember, most):
    """The node is made anew from its memory, as JSON, before each item.

    Of two that were touched at one time either may go, so where one must, each has a time of its own.
    """
    out, model, memory = Collect(), [], Memory()
    now = newest = 100
    known, count, told = [], dict.fromkeys(["passed", "repeated", "expected", "late", "evicted"], 0), {}
    made = 0

    for gap, text, machine in items:
        memory = restarted(memory)
        node = unexpected(out, templates=of("a <*>", "it a b <num>"), by=("machine",), remember=float(remember),
                          max_keys=most, memory=memory)
        when = now + (gap if most == 1000 else abs(gap) + 1)
        now = max(now, when)
        node.send(line(text, at=float(when), machine=machine))
        told = {name: told.get(name, 0) + number for name, number in finish(node).items()}

        words = ["N" if word == "17" else "x=N" if word == "x=1" else word for word in text.split()]
        while words and words[0] == "N" and any(word != "N" for word in words):
            del words[0]
        if not words or (len(words) == 2 and words[0] == "a") or words == ["it", "a", "b", "N"]:
            count["expected"] += 1
            continue
        if made and when < newest - 5:
            count["late"] += 1
            continue
        newest = max(newest, when) if made else when
        known = [one for one in known if one["touched"] + remember + 5 >= newest]
        alike = [one for one in known if one["machine"] == machine and len(one["words"]) == len(words)
                 and one["words"][0] == words[0]]
        same = {id(one): sum(own == word for own, word in zip(one["words"], words, strict=True)) for one in alike}
        fits = [one for one in alike if all(own in (word, "*") for own, word in zip(one["words"], words, strict=True))]
        near = sorted((one for one in alike if same[id(one)] >= 0.7 * len(words)), key=lambda one: -same[id(one)])
        one = (fits or near or [None])[0]
        if one is None:
            if len(known) == most:
                known.remove(min(known, key=lambda one: (one["touched"], one["turn"])))
                count["evicted"] += 1
            one = {"machine": machine, "words": words, "seen": None}
            known.append(one)
        one["words"] = [own if own == word else "*" for own, word in zip(one["words"], words, strict=True)]
        if one["seen"] is not None and when - one["seen"] <= remember:
            count["repeated"] += 1
        else:
            count["passed"] += 1
            model.append((when, machine, " ".join(one["words"]).replace("N", "<num>").replace("*", "<*>")))
        made += 1
        one.update(seen=max(when, one["seen"] or 0), touched=newest, turn=made)

    assert model == [(event.at, event.key["machine"], event.key["template"]) for event in out]
    assert count == {name: told.get(name, 0) for name in count}


# --- in a config ------------------------------------------------------------------------------------


def told(folder, step):
    text = f"flows:\n  a:\n    stdin:\n    {step}\n    alert: {{title: '{{template}}'}}\n"
    try:
        load_texts([ConfigFile("c.yaml", text, str(folder))])
    except ConfigError as refused:
        return [f"{place.line}:{place.col}: {what}".replace(str(folder), "DIR")
                for place, what, *_ in refused.mistakes]
    return []


@pytest.mark.parametrize(("step", "mistakes"), [
    ("unexpected: known.templates", []),
    ("unexpected: {templates: known.templates, of: mesage}",
     ["4:50: no field 'mesage' here; there are text, at, source, file, offset, host, flow"]),
    ("unexpected: none.templates", [
        ("4:17: DIR/none.templates cannot be read: No such file or directory; make one of a log with "
         "`corowatch accept DIR/none.templates LOG`")]),
    ("unexpected: folder", ["4:17: DIR/folder cannot be read: Is a directory"]),
    ("unexpected: bad.templates", ["4:5: DIR/bad.templates is no text in UTF-8: there is a NUL in line 2"]),
    ("unexpected: {except: x}",
     ["4:5: `unexpected` needs `templates`: a file of accepted templates, one a line, as `corowatch accept` writes it"])
])
def test_mistakes_are_told_at_their_place(tmp_path, step, mistakes):
    (tmp_path / "known.templates").write_text("a b\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "bad.templates").write_text("a b\na\0b\n")

    assert mistakes == told(tmp_path, step)


def test_a_template_is_known_whose_key_was_kept_as_a_number():
    out = Collect()
    memory = Memory({"0a1b": (100.0, None, ('{"unit": 7}', "panic", 0, 1, 100.0))})

    send(unexpected(out, templates=of(), by=("unit",), memory=restarted(memory)), "panic", unit="7")

    assert [] == out
