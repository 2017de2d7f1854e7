"""Lines in groups of those that say the same."""

import json
import sys
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.masks import masked, shown
from corowatch.core.pattern import Pattern
from corowatch.rules.drain import BoundedDrain
from corowatch.rules.suggesting import Writer
from corowatch.rules.templates import Part, Templates
from corowatch.testing import line

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "loghub"


def of(*texts, most=100):
    templates = Templates(most)
    for second, text in enumerate(texts):
        templates.add(line(text, at=float(second)))
    return templates


def told(templates):
    return {shown(one.text): one.count for one in templates}


def test_lines_that_say_the_same_are_one_template():
    templates = of("Failed password for root from 192.0.2.7 port 22 ssh2", "session closed",
                   "Failed password for eve from 192.0.2.9 port 23 ssh2", " ")

    assert {"Failed password for <*> from <ip> port <num> ssh2": 2, "session closed": 1} == told(templates)
    assert (3, 0.0, 2.0) == (templates.lines, templates.began, templates.ended)


def test_of_each_is_known_when_it_was_and_how_often():
    templates = Templates()
    for at in (0, 1, 59, 60, 200, 199):
        templates.add(line("it is broken", at=float(at)))
    (one,) = templates

    assert (6, 3, 0.0, 200.0, {"/var/log/test.log"}) == (one.count, one.busiest, one.first, one.last, one.files)


@pytest.mark.parametrize(("words", "part"), [
    (["user=root", "user=eve"], Part("user=", "", 0)),
    (["user=root", "user="], Part("user=", "", 0, empty=True)),
    (["/var/a.log:", "/var/b.log:"], Part("/var/", ".log:", 0)),
    (["(a-b)", "(c.d)"], Part("(", ")", 1)),
    (["a", "b", "x@y"], Part("", "", 2)),
    (["a", "b", "x|y"], Part("", "", 3)),
    (["[ab", "[cd", "x"], Part("", "", 3)),
    (["ab", "ac"], Part("", "", 0)),
    (["=x|y", "=a", "="], Part("=", "", 3, empty=True)),
    (["user=root", "user=eve", "x"], Part("", "", 3)),
    (["a@root", "a@eve", "x"], Part("", "", 2)),
    (["root,b", "eve,b", "x"], Part("", "", 2)),
    (["(a)", "(a)(a)"], Part("(a)", "", 3, empty=True)),
])
def test_a_part_is_no_wider_than_the_words(words, part):
    made = Part.of(*words[:2])
    for word in words[2:]:
        made = made.taking(word)

    assert part == made
    assert all(made.taking(word) is made for word in words)


def test_what_is_kept_is_bounded_and_what_had_to_go_is_counted():
    templates = of(*(f"{chr(97 + n % 26) * (n // 26 + 3)} word" for n in range(100)), most=10)

    assert 10 == len(list(templates)) == len(templates)
    assert 90 == templates.forgotten


def test_a_line_is_compared_with_few_whatever_the_log_says(monkeypatch):
    compared, random = [], Random(7)
    distance = BoundedDrain.get_seq_distance
    monkeypatch.setattr(BoundedDrain, "get_seq_distance", lambda *of: compared.append(len(of[1])) or distance(*of))
    templates = Templates()

    for text in ("same same x y", *(" ".join(["it", *"ab" * same, *(f"w{random.random()}" for _ in range(many))])
                 for same, many in ((0, 12), (3, 6), (3, 9), (0, 1990)) for _ in range(300)), "same same x y"):
        compared.clear()
        templates.add(line(text))
        assert (len(compared) <= 32, sum(compared) <= 1024) == (True, True)

    assert {2} == {one.count for one in templates if one.example == "same same x y"}


def test_where_lines_begin_in_too_many_ways_each_still_finds_its_own():
    begins = [f"{one}{two}" for one in "abcdefghijklmno" for two in "abcdefghij"]
    templates = of(*(f"{begin} {begin}" for begin in begins * 2), most=200)

    assert {f"{begin} {begin}": 2 for begin in begins} == told(templates)


@pytest.mark.parametrize("text", ["it " + "x" * 5000, "it " * 70, "it is " + "y" * 4090 + " so z"])
def test_a_line_of_which_the_end_is_not_looked_at_is_found_by_its_beginning(text):
    (one,) = of(text)

    assert Pattern(Writer(one).pattern).test(text)


def test_drains_tree_is_bounded_too():
    """Drain forgets groups, and not the ways to them."""
    def nodes(node):
        return 1 + sum(map(nodes, node.key_to_child_node.values()))

    letters = "abcdefghij"
    templates = of(*(f"{letters[n // 100]}x {letters[n // 10 % 10]}y {letters[n % 10]}z word" for n in range(1000)),
                   most=10)

    assert nodes(templates._drain.root_node) < 100
    assert sum(map(len, templates._drain._near._places.values())) < 100


def test_where_drain_is_not_installed_the_cure_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "drain3.drain", None)
    monkeypatch.delitem(sys.modules, "corowatch.rules.drain", raising=False)

    with pytest.raises(ImportError, match="pip install 'drain3-improved>=0.10'"):
        Templates()


WORDS = st.sampled_from(["user", "root", "a=b", "a=c", "x-y", "17", "1.5", "-3", "192.0.2.7", "(z)", "(zz)", "|", "[",
                         "", "é", "0xff", "/a/b", "/a/c", "\x07"])


@given(st.lists(st.lists(WORDS, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=20))
def test_every_line_is_in_a_template_and_their_patterns_find_all_of_their_lines(texts):
    templates = of(*texts)
    patterns = [Pattern(Writer(one).pattern) for one in templates]

    said = [text for text in texts if masked(text).split()]
    assert len(said) == sum(one.count for one in templates)
    assert [] == [text for text in said if not any(pattern.test(text) for pattern in patterns)]


def test_most_groups_that_people_made_of_real_logs_are_found():
    if not (DATA / "template_cases.jsonl").exists():
        pytest.skip("the loghub samples are not here")
    cases = defaultdict(list)
    for row in (DATA / "template_cases.jsonl").read_text().splitlines():
        case = json.loads(row)
        cases[case["log"]].append(tuple(case["lines"]))
    agree = {}
    for log, wanted in cases.items():
        templates, numbers = Templates(), defaultdict(list)
        for number, text in enumerate((DATA / log).read_text(errors="backslashreplace").split("\n"), 1):
            if (one := templates.add(line(text, at=float(number)))) is not None:
                numbers[id(one)].append(number)
        found = set(map(tuple, numbers.values()))
        agree[log] = sum(group in found for group in wanted), len(wanted)
    print("templates that agree:", agree)

    assert sum(right for right, _ in agree.values()) >= 375, agree


def test_what_one_has_learnt_is_nothing_to_another():
    one, other = (BoundedDrain(depth=4, sim_th=0.7, param_str="<*>") for _ in range(2))
    one.add_log_message("a b c d")

    assert one._near._places
    assert {} == other._near._places
