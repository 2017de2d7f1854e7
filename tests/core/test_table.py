from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core import table
from corowatch.core.table import Asked, Rows, columns_of

USERS = ("user", "name", "team")


def rows(text, **asked):
    return Rows(text.splitlines(keepends=True), Asked(**asked))


def test_a_line_is_a_value():
    known = rows("root\nadmin\n")

    assert [{}, {}, None, None, None] == [known.find(value) for value in ("root", "admin", "Root", "roo", "")]
    assert 2 == len(known)


@pytest.mark.parametrize(("text", "values"), [
    ("  root \t\n", ["root"]), ("root\r\nadmin\r\n", ["root", "admin"]), ("\n\n  \nroot", ["root"]),
    ("# root\n  # root\nadmin\n", ["admin"]), ("root # since May\n#\nadmin\t# not\n", ["root", "admin"]),
    ("a#b\n", ["a#b"]), ("John Doe\n", ["John Doe"]), ("root\nroot\n", ["root"]), ("", [])])
def test_blanks_and_comments_are_no_part_of_a_value(text, values):
    known = rows(text)

    assert len(values) == len(known)
    assert [{}] * len(values) == [known.find(value) for value in values]


def test_upper_and_lower_case_may_be_the_same():
    known = rows("Root\nSTRASSE\n", ignore_case=True)

    assert [{}, {}, None] == [known.find(value) for value in ("rOOT", "Straße", "admin")]


def test_the_other_columns_of_a_row_are_fields():
    known = rows("user,name,team\nmk,M. K.,ops\n", columns=USERS)

    assert {"name": "M. K.", "team": "ops"} == known.find("mk")
    assert None is known.find("M. K.")


def test_any_column_can_be_asked():
    known = rows("user,name,team\nmk,M. K.,ops\n", columns=USERS, key="team")

    assert {"user": "mk", "name": "M. K."} == known.find("ops")


@pytest.mark.parametrize(("row", "fields"), [
    ('mk,"K., M.",ops', {"name": "K., M.", "team": "ops"}), ('mk, "K., M.", ops ', {"name": "K., M.", "team": "ops"}),
    ('"mk","two\nlines","say ""x"""', {"name": "two\nlines", "team": 'say "x"'}), ("mk,,ops\r", {"team": "ops"}),
    ("mk,,", {}), ("mk,a,b\nmk,c,d", {"name": "a", "team": "b"}), ("\n,x,y\nmk,a,b", {"name": "a", "team": "b"}),
    ("mk,a#b,#c", {"name": "a#b", "team": "#c"})])
def test_a_row_is_read_as_spreadsheets_write_it(row, fields):
    assert fields == rows(f"user,name,team\n{row}\n", columns=USERS).find("mk")


def test_columns_are_fields_under_names_that_can_be_said():
    asked = Asked(columns_of(["id,host,e-mail (work),2nd\n"]))

    assert ("_host", "e-mail__work_", "_2nd") == asked.gives
    assert {"_host": "a", "e-mail__work_": "b"} == Rows(["id,host,e-mail (work),2nd\n", "7,a,b,\n"], asked).find("7")


@pytest.mark.parametrize(("header", "why"), [
    ("", "has no header: its first line names the columns"),
    ("\n\n", "has no header: its first line names the columns"),
    (",\n", "has no header: its first line names the columns"),
    ("user,,team\n", "has no name for column 2 that can be one: its first line names the columns"),
    (f"{'x' * 257}\n", "has no name for column 1 that can be one: its first line names the columns"),
    ("a,b c,b_c\n", "has the columns 'b c' and 'b_c', which are one field"),
    ("a,a\n", "has the columns 'a' and 'a', which are one field"),
    ("user;team\n", "has ';' between its columns; a CSV has commas"),
    ("user\tteam\n", "has '\\t' between its columns; a CSV has commas")])
def test_a_header_that_is_none(header, why):
    with pytest.raises(ValueError) as refused:
        columns_of(header.splitlines(keepends=True))

    assert why == str(refused.value)


@pytest.mark.parametrize(("text", "why"), [
    ("user,name,team\n\nxy,a\nmk,b\n", "has 2 columns in line 3, and 3 in its header"),
    ("user,name,team\nmk,a,b,c\n", "has 4 columns in line 2, and 3 in its header"),
    ('user,name,team\nmk,"a,b\n', "is no CSV: line 2: unexpected end of data"),
    ("user,name\nmk,a\n", "has other columns than before; a reload of the config takes them"),
    ("", "has other columns than before; a reload of the config takes them"),
    ("user,name,team\nm\0k,a,b\n", "is no text in UTF-8: there is a NUL in line 2")])
def test_a_row_that_is_none(text, why):
    with pytest.raises(ValueError) as refused:
        rows(text, columns=USERS)

    assert why == str(refused.value)


def test_there_is_an_end_to_it(monkeypatch):
    monkeypatch.setattr(table, "MAX_ROWS", 2)

    assert 2 == len(rows("a\nb\na\n\nb\n"))
    with pytest.raises(ValueError, match="^has more than 2 rows$"):
        rows("a\nb\nc\n")


# --- networks ---------------------------------------------------------------------------------------


def test_an_address_lies_in_the_narrowest_network():
    text = "network,site\n0.0.0.0/0,world\n10.0.0.0/8,all\n10.1.0.0/16,berlin\n10.1.2.3,door\n2001:db8::/32,six\n"
    known = rows(text, columns=("network", "site"), networks=True)

    assert ["door", "berlin", "all", "world", "six"] == [known.find(ip)["site"] for ip in (
        "10.1.2.3", "10.1.2.4", "10.2.0.0", "192.0.2.7", "2001:db8::1")]
    assert [None, None, None] == [known.find(ip) for ip in ("2001:db9::1", "10.0.0", "a host")]


def test_an_address_in_six_may_be_one_in_four():
    assert {} == rows("192.0.2.0/24\n", networks=True).find("::ffff:192.0.2.7")


@pytest.mark.parametrize("network", ["::ffff:192.0.2.0/120", "::ffff:192.0.2.7", "::ffff:c000:200/119"])
def test_a_network_in_six_may_be_one_in_four(network):
    known = rows(f"{network}\n::fffe:0:0/95\n", networks=True)

    assert [{}, {}, None] == [known.find(ip) for ip in ("192.0.2.7", "::ffff:192.0.2.7", "192.0.4.7")]


def test_a_network_may_be_written_as_an_address_in_it():
    assert {} == rows("192.0.2.7/24\n", networks=True).find("192.0.2.200")


def test_a_line_that_can_be_no_row_is_left_out():
    known = rows("192.0.2.0/24\n# both\n192.0.2.300\nnone\n10.0.0.1\n", networks=True)

    assert [{}, {}, None] == [known.find(ip) for ip in ("192.0.2.7", "10.0.0.1", "10.0.0.2")]
    assert (2, "no address or network in line 3, but '192.0.2.300'") == (known.left_out, known.why)


def test_a_row_of_another_width_is_left_out():
    known = rows("user,name,team\nmk,a\nab,b,c\ncd,d,e,f\n", columns=USERS)

    assert [None, {"name": "b", "team": "c"}, None] == [known.find(user) for user in ("mk", "ab", "cd")]
    assert (2, "2 columns in line 2, and 3 in its header") == (known.left_out, known.why)


BITS = {4: 32, 6: 128}
NETWORKS = st.lists(st.sampled_from([4, 6]).flatmap(lambda version: st.tuples(
    st.just(version), st.integers(0, 3).map(lambda high, bits=BITS[version]: high << bits - 2),
    st.integers(0, 7), st.sampled_from([0, 1, 2, BITS[version] - 3, BITS[version] - 1, BITS[version]]))), max_size=12)


@given(NETWORKS, NETWORKS)
def test_it_finds_what_asking_every_network_would(networks, asked):
    def address(version, high, low):
        return ip_address((high + low).to_bytes(BITS[version] // 8, "big"))

    texts = [f"{address(version, high, low)}/{width}" for version, high, low, width in networks]
    known = Rows(["network,site\n", *(f"{text},{number}\n" for number, text in enumerate(texts))],
                 Asked(("network", "site"), networks=True))

    for version, high, low, _ in asked:
        ip = address(version, high, low)
        around = [(ip_network(text, strict=False).prefixlen, -number) for number, text in enumerate(texts)
                  if ip in ip_network(text, strict=False)]
        assert (known.find(str(ip)) or {}).get("site") == (str(-max(around)[1]) if around else None)
