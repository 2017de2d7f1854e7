"""The scanner itself: what it names, what it costs, what it keeps, and when it is not used."""

from hashlib import blake2b

import pytest

pytest.importorskip("hyperscan", reason="without it RE2's set is the engine")
pytest.importorskip("re2", reason="without it every line is searched")

from corowatch.core.pattern import Pattern
from corowatch.engines import NoCache, engine_for, hyperscan, scanner
from corowatch.engines.gate import gate_of
from corowatch.engines.hyperscan import RECIPE, Hyperscan
from corowatch.engines.re2set import Re2Set


class Kept(dict):
    """A cache that remembers."""

    def get(self, name):
        return super().get(name)

    def put(self, name, made):
        self[name] = made


def named(engine, data):
    return [(start, end, list(gates)) for start, end, gates in engine.lines(data, engine.look(data))]


def engine(*patterns, cache=None):
    gates = [None if one is None else tuple(Pattern(each) for each in one.split(" or ")) for one in patterns]
    return Hyperscan(gates, cache if cache is not None else NoCache())


def test_only_lines_of_use_are_named_and_each_once():
    data = b"one\nERROR\ntwo\nFATALERROR WARN FATAL\n"

    assert [(4, 9, [0]), (14, 35, [0, 1])] == named(engine("ERROR", "WARN or FATAL"), data)


def test_a_hit_costs_one_callback_whatever_follows_it():
    data = b"a line with an ERROR and much behind it\n" * 3

    for pattern in ("ERROR", "ERROR.*", r"ERROR\s+\w+.*", "ERROR .+", r"^a.*ERROR\b.*$"):
        assert 3 - pattern.startswith("^") == len(engine(pattern).look(data).hits)


def test_of_records_the_lines_are_named_that_matches_end_in():
    data = b"one\nERROR\n two\nFATAL\n"
    sources = r"ERROR\s+two", "(?s)one.*FATAL", "ERR[^x]R"
    joined = Hyperscan([(Pattern(source),) for source in sources], NoCache(), joined=True)

    assert [(4, 9, [2]), (10, 14, [0]), (15, 20, [1])] == named(joined, data)
    assert [None, None, None] == list(joined.proven(joined.look(data)))


def test_where_a_record_may_hold_a_carriage_return_every_line_is_named():
    joined = Hyperscan([(Pattern(r"a\nb"),)], NoCache(), joined=True)

    assert [(0, 3, [0]), (4, 6, [0])] == named(joined, b"xa\r\nb\r\n")


def test_a_block_without_a_hit_names_nothing():
    assert [] == named(engine("ERROR", "a{3}"), b"nothing\nhere\n")


def test_the_first_line_may_pass_what_begins_with_a_line():
    scanner = engine("^a", "b")

    assert [(0, 1, [0]), (2, 3, [0])] == named(scanner, b"x\na\nxa\n")
    assert [(0, 2, [0, 1])] == named(scanner, b"xb\n")
    assert [(0, 2, [0])] == named(scanner, b"xx")


def test_the_last_line_needs_no_newline_and_a_carriage_return_is_none_of_the_line():
    scanner = engine("b$")

    assert [(2, 3, [0])] == named(scanner, b"a\nb")
    assert [(0, 2, [0])] == named(scanner, b"b\r\nc\n")


def test_a_line_that_is_not_utf8_is_named_for_every_gate():
    assert [(3, 5, [0, 1])] == named(engine("no", "yes"), b"aa\n\xffb\n\xc3\xa9\n")


def test_a_gate_that_is_none_or_has_no_expression_gets_every_line_and_the_others_do_not():
    scanner = engine("ERROR", None, "x*", "(?=x)")

    assert [(0, 3, [1, 2, 3]), (4, 9, [0, 1, 2, 3])] == named(scanner, b"one\nERROR\n")


def test_one_of_a_gates_patterns_without_an_expression_gives_it_every_line():
    assert [(0, 1, [0]), (2, 3, [0, 1])] == named(engine("a or x*", "b"), b"x\nb\n")


class Strict(hyperscan.hyperscan.Database):
    """Takes no `Q`, as one that is too large; and `most` expressions at once."""

    most = 99

    def compile(self, expressions, **options):
        if any(rb"\x51" in one for one in expressions) or len(expressions) > self.most:
            raise hyperscan.hyperscan.error("Pattern is too large.")
        super().compile(expressions, **options)


def test_what_is_too_large_leaves_out_itself_alone(monkeypatch):
    monkeypatch.setattr(hyperscan.hyperscan, "Database", Strict)

    assert [(0, 5, [0, 1]), (6, 7, [0])] == named(engine("Q", "ERROR"), b"ERROR\nz\n")


def test_what_is_too_large_together_is_for_another_engine(monkeypatch):
    monkeypatch.setattr(hyperscan.hyperscan, "Database", Strict)
    monkeypatch.setattr(Strict, "most", 1)

    assert isinstance(engine_for([(Pattern("a"),), (Pattern("b"),)], NoCache()), Re2Set)


def test_what_is_too_large_only_for_lines_beyond_ascii_gets_all_of_these(monkeypatch):
    scanner = engine("a", "é")
    monkeypatch.setattr(hyperscan.hyperscan, "Database", Strict)
    monkeypatch.setattr(Strict, "most", 1)

    assert [(0, 1, [0])] == named(scanner, b"a\nb\n")
    assert [(0, 1, [0, 1]), (2, 4, [0, 1])] == named(scanner, "b\nö\n".encode())


def test_hits_without_end_make_every_line_one_to_look_at():
    data = b"a b c d e f\n" * 2000 + b"x\n"
    found = named(engine(r"\w \w", "x"), data)

    assert 2001 == len(found)
    assert {(0, 1)} == {tuple(gates) for _, _, gates in found}


def proven(engine, data):
    return [one and one.source for one in engine.proven(engine.look(data))]


def test_of_a_line_of_ascii_an_exact_hit_needs_no_second_search():
    scanner = engine("ERROR", "^WARN", "a or b", r"x\w*\b", None, "(?P<n>y)z")

    assert ["ERROR", None, None, None, None, "(?P<n>y)z"] == proven(scanner, b"ERROR\n")
    assert [] == proven(scanner, "\u00e9 ERROR\n".encode())


def test_where_hits_have_no_end_nothing_is_proven():
    assert [] == proven(engine("ERROR|."), b"." * 10_000 + b"\n")


def test_what_is_exact_is_known_from_the_cache_too():
    cache = Kept()
    first, second = (proven(engine("a", "^b", cache=cache), b"a\n") for _ in range(2))

    assert ["a", None] == first == second


LINES = b"PacketResponder 1 closing\nPacketResponder 2 XK-427\n"


def test_a_part_that_turns_out_to_be_common_is_looked_for_no_more(monkeypatch):
    monkeypatch.setattr(hyperscan, "LEARN", (len(LINES), 3 * len(LINES)))
    monkeypatch.setattr(hyperscan, "OFTEN", len(LINES))
    kept = Kept()
    scanner = engine(r"PacketResponder \d+ x", "X+K-427.*", r"\d+ XK-427", cache=kept)
    names = set(kept)

    assert [(0, 25, [0]), (26, 50, [0, 1, 2])] == named(scanner, LINES)
    assert [(26, 50, [1, 2])] == named(scanner, LINES)
    assert [(26, 50, [1, 2])] == named(engine(r"PacketResponder \d+ x", "X+K-427.*", r"\d+ XK-427", cache=kept), LINES)
    assert names == set(kept)


@pytest.mark.parametrize(("often", "after"), [(len(LINES), [[0], [0]]), (len(LINES) + 1, [])])
def test_for_a_part_that_is_hardly_too_common_nothing_is_compiled_anew(monkeypatch, often, after):
    monkeypatch.setattr(hyperscan, "LEARN", (len(LINES),))
    monkeypatch.setattr(hyperscan, "OFTEN", often)
    scanner = engine(r"PacketResponder \d+ x", "a.b")

    assert [[0], [0]] == [gates for *_, gates in named(scanner, LINES)]
    assert after == [gates for *_, gates in named(scanner, LINES)]


def test_a_part_that_is_hit_without_end_is_looked_for_no_more_at_once():
    many = [f"PacketResponder.*code{n}$" for n in range(12)]
    data = b"a PacketResponder of many\n" * 4000

    assert [] == named(engine(*many), data)
    assert [(len(data), len(data) + 23, [7])] == named(engine(*many), data + b"a PacketResponder code7\n")


def test_what_is_too_large_as_a_whole_goes_on_being_looked_for_by_its_part(monkeypatch):
    data = b"Set_fail-1\nSet_fail-2\nnone\n"
    monkeypatch.setattr(hyperscan, "LEARN", (1, 2 * len(data)))
    whole, = gate_of(Pattern(r"Set_fail-1.*[a-f]")).expressions(wide=False)
    refused, compiled, asked = hyperscan.why_refused, hyperscan._compiled, []

    def compile_all_but_the_whole(wanted, *, wide):
        asked.append([expression for _, one in wanted for expression in one.expressions(wide=wide)])
        return None if whole in asked[-1] else compiled(wanted, wide=wide)

    monkeypatch.setattr(hyperscan, "why_refused", lambda one: "too large" if one == whole else refused(one))
    monkeypatch.setattr(hyperscan, "_compiled", compile_all_but_the_whole)
    scanner = engine(r"Set_fail-1.*[a-f]", r"Set_fail-2.*[a-f]")

    assert [[0], [1]] == [gates for *_, gates in named(scanner, data)]
    assert 2 * [[[0]]] == [[gates for *_, gates in named(scanner, data)] for _ in range(2)]
    assert [False, True, False] == [whole in each for each in asked]  # and is not tried again


def test_what_scans_lines_beyond_ascii_is_taken_from_the_cache_too(monkeypatch):
    kept, beyond = Kept(), "a\u00e9b Set_fail-1\n".encode()
    first = named(engine("Set_fail-1.*a", "a.b", cache=kept), beyond)
    entries = dict(kept)
    monkeypatch.setattr(hyperscan, "_compiled", lambda wanted, *, wide: pytest.fail("it was compiled anew"))

    assert [(0, 15, [0, 1])] == first == named(engine("Set_fail-1.*a", "a.b", cache=kept), beyond)
    assert entries == kept


def test_lines_beyond_ascii_are_scanned_for_what_was_learnt(monkeypatch):
    monkeypatch.setattr(hyperscan, "LEARN", (len(LINES),))
    monkeypatch.setattr(hyperscan, "OFTEN", 2 * len(LINES))
    beyond = LINES + "\u00e9\n".encode()
    scanner = engine(r"PacketResponder \d+ x", "XK-427")
    first = named(scanner, beyond)

    assert [[0], [0, 1]] == [gates for *_, gates in first]
    assert [[1]] == [gates for *_, gates in named(scanner, beyond)]


def test_nothing_to_scan_for_is_refused():
    with pytest.raises(ValueError, match="nothing to scan for"):
        engine(None, "x*")


def test_lines_of_ascii_have_a_database_of_their_own():
    scanner = engine("(?i)ok", "é")
    data = "ok\nO\u212a\né\n".encode()

    assert [(0, 2, [0])] == named(scanner, b"ok\n")
    assert scanner._wide is None
    assert [(0, 2, [0]), (3, 7, [0]), (8, 10, [1])] == named(scanner, data)


# --- what is kept -------------------------------------------------------------------------------------


def test_what_was_compiled_is_taken_from_the_cache(monkeypatch):
    kept = Kept()
    engine("ERROR", "^a", "x*", cache=kept)
    monkeypatch.setattr(hyperscan, "_made", None)

    assert [(0, 1, [1, 2]), (2, 7, [0, 2])] == named(engine("ERROR", "^a", "x*", cache=kept), b"b\nERROR\n")


def test_that_there_is_nothing_to_scan_for_is_not_kept():
    kept = Kept()
    with pytest.raises(ValueError, match="nothing to scan for"):
        engine("x*", cache=kept)

    assert {} == kept


@pytest.mark.parametrize("harm", [lambda raw: raw[:-7], lambda raw: raw[:60],
                                  lambda raw: raw.partition(b"\n")[0] + b"\nno database", lambda raw: b"",
                                  lambda raw: b"null\n" + raw.partition(b"\n")[2],
                                  lambda raw: b"[1]\n" + raw.partition(b"\n")[2],
                                  lambda raw: b"[[],[],[7],[]]\n" + raw.partition(b"\n")[2],
                                  lambda raw: b"[[],[\"0\"],[],[]]\n" + raw.partition(b"\n")[2],
                                  lambda raw: raw.partition(b"\n")[0] + b"\n"])
def test_what_is_damaged_is_made_anew(harm):
    kept = Kept()
    engine("ERROR", cache=kept)
    (name, sound), = kept.items()
    kept[name] = harm(sound)

    assert [(0, 5, [0])] == named(engine("ERROR", cache=kept), b"ERROR\n")
    assert sound == kept[name]


def test_other_patterns_have_other_entries():
    kept = Kept()
    for patterns in (["a"], ["b"], ["a", "b"], ["a or b"], ["a", None]):
        engine(*patterns, cache=kept)

    assert 5 == len(kept)


def test_the_recipe_is_counted_up_when_gates_are_derived_otherwise():
    """If this fails, what is in caches is stale: count RECIPE up, and write the new number and hash here."""
    patterns = [r"a{03}b(?i)?c",
                r"^\s*(?i)err(or)?\b.*$", r"^\w+ user (?P<user>\S+) from [^\s:]{2,9}", "é+|[a-z]{2}x?", r"\bk\pL\B1",
                "user.*Set_fail-1 at .b"]
    told = repr([gate_of(Pattern(pattern), by_part=by_part) for pattern in patterns for by_part in (False, True)])

    assert (8, "bd8540bc9d2015b8") == (RECIPE, blake2b(told.encode(), digest_size=8).hexdigest())


# --- when it is not used ------------------------------------------------------------------------------


def test_a_build_that_loses_matches_is_not_used(monkeypatch):
    class Loses(hyperscan.hyperscan.Database):
        def scan(self, data, on_match):
            if not data.startswith(b"." * 23):
                super().scan(data, on_match)

    assert "hyperscan" == scanner()
    monkeypatch.setattr(hyperscan.hyperscan, "Database", Loses)
    hyperscan.works.cache_clear()
    try:
        assert isinstance(engine_for([(Pattern("a"),)], NoCache()), Re2Set)
        assert scanner().endswith("loses matches")
    finally:
        hyperscan.works.cache_clear()


def test_it_is_the_engine_where_it_may_be():
    assert isinstance(engine_for([(Pattern("a"),)], NoCache()), Hyperscan)
    assert isinstance(engine_for([(Pattern("a*"),)], NoCache()), Re2Set)
