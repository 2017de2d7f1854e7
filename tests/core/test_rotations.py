import pytest

from corowatch.core.rotations import age, bases_of, is_packed, succeeds


@pytest.mark.parametrize(("name", "base"), [
    ("app.log.1", "app.log"), ("app.log.1.gz", "app.log"), ("app.log.gz", "app.log"), ("app.log.old", "app.log"),
    ("app.log-20261125", "app.log"), ("app.log-20261125.xz", "app.log"), ("app.log.2026-11-25_10", "app.log"),
    ("app-20261125.log", "app.log"), ("app.1.log", "app.log"), ("app.2026-11-25T10:00:00Z.log.bz2", "app.log"),
    ("syslog.1", "syslog"), ("access_log-20200101.zst", "access_log"), ("app.log.00003000", "app.log")])
def test_a_rotated_files_name_tells_what_it_was(name, base):
    assert base in bases_of(name)


@pytest.mark.parametrize("name", ["app.log", "syslog", "mysql.err", "app2.log", "app.log~", "1.log", ".1",
                                  "app.log.new"])
def test_other_names_tell_nothing(name):
    assert not bases_of(name)


@pytest.mark.parametrize("name", ["app.log.1", "app.log.12.gz", "app.log-20261125", "app-20261125.log.xz",
                                  "app.2026-11-25T10.log"])
def test_what_was_rotated_away_is_surely_known(name):
    assert succeeds(name, "app.log")


@pytest.mark.parametrize("name", ["app-2.log", "app.log", "app.log.old", "app.log.gz", "xapp.log.1", "app.log.1x"])
def test_what_may_be_another_programs_is_not(name):
    assert not succeeds(name, "app.log")


def test_a_log_without_an_extension():
    assert succeeds("syslog.1", "syslog")
    assert not succeeds(".1", "syslog")


def test_where_times_are_the_same_names_tell_which_is_older():
    names = ["app.log", "app.log.2.gz", "app.log.10", "app.log.1"]

    assert ["app.log.10", "app.log.2.gz", "app.log.1", "app.log"] == sorted(names, key=age)
    assert ["app.log-20261124", "app.log-20261125", "app.log"] == sorted(
        ["app.log", "app.log-20261125", "app.log-20261124"], key=age)


def test_a_packed_file_is_told_by_its_name():
    assert is_packed("app.log.1.gz")
    assert not is_packed("app.log.1")
    assert not is_packed(".gz")
