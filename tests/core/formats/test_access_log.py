import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.formats import access_log
from corowatch.core.formats.access_log import clf, combined

WHOLE = {"ip": "192.0.2.7", "ident": "id", "user": "eve", "time": "25/Nov/2026:10:00:00 +0000", "method": "GET",
         "path": "/a?b=c", "protocol": "HTTP/1.1", "status": 200, "bytes": 512}
LINE = '192.0.2.7 id eve [25/Nov/2026:10:00:00 +0000] "GET /a?b=c HTTP/1.1" 200 512'


def test_all_fields():
    assert list(access_log.CLF) == list(WHOLE)
    assert WHOLE == clf(LINE)
    assert {**WHOLE, "referer": "http://x/", "agent": "curl/8 (x)"} == combined(f'{LINE} "http://x/" "curl/8 (x)"')


def test_a_dash_is_absent():
    line = '192.0.2.7 - - [25/Nov/2026:10:00:00 +0000] "-" - - "-" "-"'

    assert {"ip": "192.0.2.7", "time": "25/Nov/2026:10:00:00 +0000"} == combined(line)
    assert {"time": "25/Nov/2026:10:00:00 +0000"} == combined(line.replace("192.0.2.7", "-"))


@pytest.mark.parametrize("more", ["", ' "192.0.2.9" 0.004', " -"])
def test_what_a_server_appends_is_not_looked_at(more):
    assert {**WHOLE, "agent": "curl/8"} == combined(f'{LINE} "-" "curl/8"{more}')
    assert WHOLE == clf(f'{LINE} "-" "curl/8"{more}')


@pytest.mark.parametrize(("request_", "fields"), [
    ("GET /a b HTTP/1.1", {"method": "GET", "path": "/a b", "protocol": "HTTP/1.1"}),
    ("GET /a", {"method": "GET", "path": "/a"}),
    ("GET /a b", {"method": "GET", "path": "/a b"}),
    ("M-SEARCH * HTTP/1.1", {"method": "M-SEARCH", "path": "*", "protocol": "HTTP/1.1"}),
    (r"GET /\"x\" HTTP/1.1", {"method": "GET", "path": r"/\"x\"", "protocol": "HTTP/1.1"}),
    (r"GET /x\\ HTTP/1.1", {"method": "GET", "path": r"/x\\", "protocol": "HTTP/1.1"}),
    (r"\x16\x03\x01", {}), ("hello there", {}), ("", {}), ("GET", {})])
def test_requests_plain_and_odd(request_, fields):
    line = f'192.0.2.7 - - [25/Nov/2026:10:00:00 +0000] "{request_}" 400 0 "-" "-"'

    assert {**fields, "status": 400, "bytes": 0} == {
        name: value for name, value in combined(line).items() if name not in ("ip", "time")}


def test_a_user_may_have_blanks():
    assert "eve adams" == clf(LINE.replace("eve", "eve adams"))["user"]


@pytest.mark.parametrize("user", [
    "- -", "- x", "- x -", " x", "", "admin [x", "a b [c]", "x -", "[01/Jan/2020:00:00:00 +0000]", r"o\"hara",
    "é", "a - b", r'[01/Jan/2020:00:00:00 +0000] \"GET / HTTP/1.1\" 200 1', "x" * 8000])
def test_a_user_is_whatever_a_client_says(user):
    for line, read in ((LINE, clf), (f'{LINE} "-" "curl/8"', combined)):
        assert {**WHOLE, "user": user}.items() - {("ident", "id")} <= read(line.replace("id eve", f"- {user}")).items()


@pytest.mark.parametrize("text", [
    "", "ERROR disk full", f"www.example.org:80 {LINE.replace('id eve', '- -')}", LINE.replace("200", "2000"),
    LINE.replace(" 512", ""), LINE.replace("[25", "25"), f"{LINE}x"])
def test_other_lines_are_none(text):
    assert clf(text) is None
    assert combined(text) is None


def test_a_common_line_is_not_combined():
    assert combined(LINE) is None


words = st.text(st.characters(codec="utf-8", exclude_characters='"\\ []', exclude_categories=("C", "Z")), min_size=1)


@given(st.text())
def test_no_text_makes_it_raise(text):
    clf(text)
    combined(text)
    combined(f'1 - - [{text}] "{text}" 200 1 "{text}" "{text}"')


@given(words, words, words)
def test_both_patterns_mean_the_same(path, referer, agent):
    """A line with an escape is read by the slower one; here both read lines without."""
    line = f'192.0.2.7 - - [25/Nov/2026:10:00:00 +0000] "GET {path} HTTP/1.1" 200 1 "{referer}" "{agent}"'

    plain = combined(line)
    fields = access_log._fields(*access_log._COMBINED.match(line).groups())

    assert plain == fields
    assert plain["path"] == path
