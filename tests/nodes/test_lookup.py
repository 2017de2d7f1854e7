import pytest

from corowatch.core.config import ConfigFile
from corowatch.core.coroutine import finish
from corowatch.core.errors import ConfigError
from corowatch.core.table import Asked, Rows, Table, TableFile
from corowatch.loading import load_texts
from corowatch.nodes.lookup import lookup
from corowatch.testing import Collect, line, texts

USERS = "user,name,host\nmk,M. K.,web1\nroot,,web2\n"


def table_of(text, columns=()):
    return TableFile("known", columns, lambda asked: Table(Rows(text.splitlines(keepends=True), asked)))


def test_passes_on_what_stands_in_the_file():
    passed, rest = Collect(), Collect()
    known = lookup(passed, rest, file=table_of("root\nadmin\n"), of="user")

    for user in ("root", "guest", "admin"):
        known.send(line(user, user=user))
    known.send(line("nobody"))

    assert ["root", "admin"] == texts(passed)
    assert ["guest", "nobody"] == texts(rest)
    assert {"user": "root"} == passed[0].fields
    assert {"matched": 2} == finish(known)


def test_without_otherwise_the_others_end_here():
    passed = Collect()

    lookup(passed, file=table_of("root\n"), of="user").send(line("x", user="guest"))

    assert [] == passed


def test_the_row_of_the_value_becomes_fields():
    passed = Collect()
    users = lookup(passed, file=table_of(USERS, ("user", "name", "host")), of="user")

    users.send(line("x", user="mk", name="before"))
    users.send(line("y", user="root", name="before"))

    assert [{"user": "mk", "name": "M. K.", "_host": "web1"}, {"user": "root", "name": "before", "_host": "web2"}] == [
        event.fields for event in passed]


def test_a_value_is_compared_as_it_is_shown():
    passed, rest = Collect(), Collect()
    known = lookup(passed, rest, file=table_of("500\ntrue\n/var/log/test.log\n"), of="x")

    for value in (500, "500", True, 5000, None):
        known.send(line(str(value), x=value))
    lookup(passed, file=table_of("/var/log/test.log\n"), of="file").send(line("built-in"))

    assert ["500", "500", "True", "built-in"] == texts(passed)
    assert ["5000", "None"] == texts(rest)


def test_case_and_networks_are_as_said():
    passed = Collect()

    lookup(passed, file=table_of("Root\n"), of="user", ignore_case=True).send(line("case", user="rOOT"))
    lookup(passed, file=table_of("192.0.2.0/24\n"), of="ip", networks=True).send(line("network", ip="192.0.2.7"))

    assert ["case", "network"] == texts(passed)


def test_a_table_that_is_replaced_counts_from_the_next_event_on():
    passed = Collect()
    tables = []
    file = TableFile("known", (), lambda asked: tables.append(Table(Rows(["root\n"], asked))) or tables[-1])
    known = lookup(passed, file=file, of="user")

    known.send(line("before", user="admin"))
    tables[0].rows = Rows(["admin\n"], Asked())
    known.send(line("after", user="admin"))

    assert ["after"] == texts(passed)


# --- in a config ------------------------------------------------------------------------------------


def loaded(folder, step, title="{user}"):
    text = f"flows:\n  a:\n    stdin:\n    grep: '(?P<user>.)'\n    {step}\n    alert: {{title: '{title}'}}\n"
    return load_texts([ConfigFile("c.yaml", text, str(folder))])


def told(folder, step, title="{user}"):
    with pytest.raises(ConfigError) as refused:
        loaded(folder, step, title)
    return [f"{place.line}:{place.col}: {what}".replace(str(folder), "DIR")
            for place, what, *_ in refused.value.mistakes]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "users.csv").write_text(USERS)
    (tmp_path / "bad.txt").write_text("root\n")
    (tmp_path / "wrong.csv").write_text("user,name\nmk\n")
    (tmp_path / "folder.txt").mkdir()
    return tmp_path


def test_columns_can_be_named_in_texts(files):
    assert loaded(files, "lookup: {file: users.csv, of: user}", "{name} at {_host}")
    assert loaded(files, "lookup: {file: bad.txt, of: user}")


@pytest.mark.parametrize(("step", "title", "mistake"), [
    ("lookup: {file: users.csv, of: user}", "{team}",
     "6:20: no field 'team' here; there are _host, held, name, user, text, at, source, file, offset, host, flow"),
    ("lookup: {file: users.csv, of: usr}", "",
     "5:35: no field 'usr' here; did you mean 'user'? There are user, text, at, source, file, offset, host, flow"),
    ("lookup: {file: none.txt, of: user}", "", "5:20: DIR/none.txt cannot be read: No such file or directory"),
    ("lookup: {file: folder.txt, of: user}", "", "5:20: DIR/folder.txt cannot be read: Is a directory"),
    ("lookup: {file: wrong.csv, of: user}", "", "5:5: DIR/wrong.csv has 1 column in line 2, and 2 in its header"),
    ("lookup: {file: bad.txt, of: user, networks: true}", "",
     "5:5: DIR/bad.txt has no address or network in line 1, but 'root'"),
    ("lookup: {file: bad.txt, of: user, key: user}", "",
     "5:5: `key` is a column of a CSV file; the lines of DIR/bad.txt are values"),
    ("lookup: {file: users.csv, of: user, key: usr}", "",
     "5:5: DIR/users.csv has no column 'usr'; did you mean 'user'?"),
    ("lookup: {file: users.csv, of: user, key: x}", "",
     "5:5: DIR/users.csv has no column 'x'; there are user, name, host"),
    ("lookup: {file: users.csv, of: user, networks: true, ignore_case: true}", "",
     "5:5: `ignore_case` is for texts, and `networks` for addresses; leave one of both out"),
    ("lookup: users.csv", "", "5:5: `lookup` needs `of`: the field to look up"),
    ("lookup: {file: '~/x.txt', of: user}", "", "5:20: '~' is not expanded in a path; write the whole path")])
def test_mistakes_are_told_at_their_place(files, step, title, mistake):
    assert [mistake] == told(files, step, title)
