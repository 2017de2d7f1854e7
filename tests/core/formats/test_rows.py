import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corowatch.core.formats.rows import row_of

row = row_of(("a", "b"))


@pytest.mark.parametrize(("text", "fields"), [
    ("1,2", {"a": "1", "b": "2"}), (",", {"a": "", "b": ""}), ('"x, ""y""",2', {"a": 'x, "y"', "b": "2"})])
def test_a_row_is_named_by_its_columns(text, fields):
    assert fields == row(text)


@pytest.mark.parametrize("text", ["", "1", "1,2,3", '"1,2', '"1"x,2', "1\r,2"])
def test_a_ragged_row_is_none(text):
    assert row(text) is None


@given(st.text())
def test_no_text_makes_it_raise(text):
    row(text)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))


@given(cells, cells)
def test_what_a_writer_wrote_comes_back(a, b):
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([a, b])

    assert {"a": a, "b": b} == row(out.getvalue())
