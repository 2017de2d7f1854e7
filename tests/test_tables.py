"""Files that are looked up, and what becomes of them while they are asked."""

import os

import pytest

from corowatch import tables
from corowatch.core.table import Asked
from corowatch.tables import News, table_file

COLUMNS = ("user", "team")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "known.txt"


@pytest.fixture(autouse=True)
def none_before(monkeypatch):
    monkeypatch.setattr(tables, "_KEPT", type(tables._KEPT)())


def known(path, **asked):
    return table_file(str(path)).open(Asked(**asked))


def looks(times=2):
    return [news for _ in range(times) for news in tables.look()]


@pytest.mark.parametrize("data", [b"root\n", b"\xef\xbb\xbfroot\r\n", b"root", b"root\r\n# no more"])
def test_it_is_read_as_text(file, data):
    file.write_bytes(data)

    assert {} == known(file).rows.find("root")


def test_bytes_that_are_no_utf8_are_shown_as_in_lines(file):
    file.write_bytes(b"caf\xe9\ncaf\xc3\xa9\n")

    assert [{}, {}] == [known(file).rows.find(value) for value in ("caf\\xe9", "café")]


def test_a_csv_has_the_columns_of_its_header(tmp_path):
    (tmp_path / "known.CSV").write_bytes(b"\xef\xbb\xbfuser,team\r\nmk,ops\r\n")

    file = table_file(str(tmp_path / "known.CSV"))

    assert COLUMNS == file.columns
    assert {"team": "ops"} == file.open(Asked(COLUMNS)).rows.find("mk")


@pytest.mark.parametrize(("make", "why"), [
    (lambda path: None, "cannot be read: No such file or directory"),
    (os.mkdir, "cannot be read: Is a directory"), (os.mkfifo, "is not a regular file"),
    (lambda path: path.write_bytes("root\n".encode("utf-16")), "is no text in UTF-8: there is a NUL in line 1")])
def test_what_cannot_be_read_is_told(file, make, why):
    make(file)

    with pytest.raises(ValueError) as refused:
        known(file)

    assert f"{file} {why}" == str(refused.value)


def test_a_change_is_taken_when_it_looked_the_same_twice(file):
    file.write_text("root\n")
    table = known(file)
    assert [] == looks()

    file.write_text("root\nadmin\n")
    assert [] == looks(1)
    file.write_text("root\nadmin\nguest\n")
    assert [] == looks(1)
    assert None is table.rows.find("admin")

    assert [News(str(file), 3, "")] == looks(1)
    assert {} == table.rows.find("guest")
    assert [] == looks()


def test_a_file_that_is_moved_into_its_place_is_taken(file, tmp_path):
    file.write_text("root\n")
    table = known(file)
    (tmp_path / "new").write_text("roof\n")

    (tmp_path / "new").rename(file)

    assert [News(str(file), 1, "")] == looks()
    assert {} == table.rows.find("roof")


def test_one_that_is_away_is_told_once_and_what_it_said_counts_on(file):
    file.write_text("root\n")
    table = known(file)

    file.unlink()

    assert [News(str(file), 1, f"{file} cannot be read: No such file or directory")] == looks(5)
    assert {} == table.rows.find("root")
    file.write_text("admin\n")
    assert [News(str(file), 1, "")] == looks()
    assert {} == table.rows.find("admin")
    file.unlink()
    assert 1 == len(looks(5))


def test_one_that_is_wrong_is_not_read_again_until_it_changes(tmp_path, monkeypatch):
    file = tmp_path / "known.csv"
    file.write_text("user,team\nmk,ops\n")
    table = known(file, columns=COLUMNS)
    read = []
    monkeypatch.setattr(Asked, "read", lambda *given, of=Asked.read: read.append(given) or of(*given))

    file.write_text("user,team\nmk\n")

    assert [News(str(file), 1, f"{file} has 1 column in line 2, and 2 in its header")] == looks(9)
    assert 1 == len(read)
    assert {"team": "ops"} == table.rows.find("mk")
    os.utime(file)
    assert [] == looks(9)
    assert 2 == len(read)
    file.write_text("user,team\nmk,dev\n")
    assert [News(str(file), 1, "")] == looks()
    assert {"team": "dev"} == table.rows.find("mk")


def test_lines_that_are_no_rows_are_told_once_for_each_file_in_which_they_are(tmp_path):
    file = tmp_path / "known.csv"
    file.write_text("user,team\nmk,ops\nab\n")
    table = known(file, columns=COLUMNS)
    told = f"{file}: 1 line left out: 1 column in line 3, and 2 in its header"

    assert [told] == tables.notes()
    assert [News(str(file), 1, "", told)] == looks(5)
    file.write_text("user,team\nmk,dev\nab\n")
    assert [News(str(file), 1, "")] == looks(5)
    assert {"team": "dev"} == table.rows.find("mk")
    file.write_text("user,team\nmk,dev\n")
    assert [News(str(file), 1, "")] == looks(5)
    assert [] == tables.notes()


def test_a_header_that_changes_waits_for_a_reload(tmp_path):
    file = tmp_path / "known.csv"
    file.write_text("user,team\nmk,ops\n")
    table = known(file, columns=COLUMNS)

    file.write_text("user,group\nmk,ops\n")

    assert [f"{file} has other columns than before; a reload of the config takes them"] == [
        news.why for news in looks()]
    assert {"team": "ops"} == table.rows.find("mk")
    assert {"group": "ops"} == known(file, columns=("user", "group")).rows.find("mk")


def test_steps_that_ask_alike_share_a_table_and_those_that_do_not_have_their_own(file):
    file.write_text("root\n")

    one, same, other = known(file), known(file), known(file, ignore_case=True)

    assert one is same
    assert one is not other


def test_a_config_that_is_loaded_takes_the_file_as_it_is(file):
    file.write_text("root\n")
    table = known(file)

    file.write_text("admin\n")

    assert table is known(file)
    assert {} == table.rows.find("admin")


def test_a_file_that_is_wrong_is_refused_however_often_it_is_loaded(file):
    file.write_text("root\n")
    table = known(file)
    file.write_text("ad\0min\n")
    looks()

    for _ in range(2):
        with pytest.raises(ValueError, match="there is a NUL"):
            known(file)
    assert {} == table.rows.find("root")


def test_one_that_nobody_asks_any_more_is_let_go(file):
    file.write_text("root\n")
    table = known(file)
    file.write_text("admin\n")

    del table

    assert [] == looks(5)
