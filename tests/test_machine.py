"""What is found on machines that are made up."""

import os

import pytest

from corowatch.machine import Log, Machine, look


@pytest.fixture
def machine(tmp_path):
    """Make files below a root, and look."""
    def make(*paths, **contents):
        for path in paths:
            place = tmp_path / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        for pid, comm in contents.items():
            folder = tmp_path / "proc" / pid.removeprefix("p")
            folder.mkdir(parents=True)
            (folder / "comm").write_text(f"{comm}\n")
        return look(str(tmp_path))

    return make


def test_of_an_empty_machine_nothing_is_found(machine, tmp_path):
    (tmp_path / "var/log").mkdir(parents=True)

    nothing = Machine((), {}, {}, False, False)

    assert (nothing, nothing) == (machine(), look(str(tmp_path / "none")))


def test_known_logs_are_found_where_debian_has_them_or_others(machine):
    found = machine("/var/log/messages", "/var/log/auth.log", "/var/log/secure", "/var/log/nginx/shop-access.log",
                    "/var/log/postgresql/postgresql-15-main.log", "/var/log/postgresql/postgresql-16-main.log")

    assert (
        Log("syslog", "/var/log/messages", ("/var/log/messages",)),
        Log("auth", "/var/log/auth.log", ("/var/log/auth.log",)),
        Log("nginx-access", "/var/log/nginx/*access*.log", ("/var/log/nginx/shop-access.log",)),
        Log("postgresql", "/var/log/postgresql/postgresql-*.log",
            ("/var/log/postgresql/postgresql-15-main.log", "/var/log/postgresql/postgresql-16-main.log")),
    ) == found.logs
    assert found.log("kernel") is None


def test_other_logs_are_those_of_applications_a_folder_at_a_time(machine):
    found = machine("/var/log/shop/a.log", "/var/log/shop/b.log", "/var/log/game.log", "/srv/x/logs/x.log",
                    "/var/log/dpkg.log", "/var/log/apt/term.log", "/var/log/kern.log", "/var/log/nginx/other.log")

    assert [("kernel", "/var/log/kern.log"), ("application", "/srv/x/logs/*.log"), ("application", "/var/log/game.log"),
            ("application", "/var/log/shop/*.log")] == [(log.what, log.glob) for log in found.logs]


def test_what_is_no_file_is_no_log(machine, tmp_path):
    (tmp_path / "var/log/syslog").mkdir(parents=True)

    assert () == machine().logs


def test_programs_that_run_the_journal_and_systemd_are_seen(machine, tmp_path):
    (tmp_path / "proc/99").mkdir(parents=True)  # it has ended
    found = machine("/run/systemd/journal/socket", "/run/systemd/system/x", p7="nginx", p8="nginx", p9="cat",
                    p10="mariadbd")

    assert {"nginx-access": "nginx", "mysql": "mariadbd"} == found.running
    assert (True, True) == (found.journal, found.systemd)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read all files")
def test_what_cannot_be_read_has_its_cure(machine, tmp_path):
    machine("/var/log/syslog")
    (tmp_path / "var/log/syslog").chmod(0)

    assert ["/var/log/syslog"] == list(look(str(tmp_path)).closed)


def test_a_closed_file_is_told_under_its_path_below_the_root(machine, monkeypatch):
    monkeypatch.setattr("corowatch.machine.unreadable", lambda paths: dict.fromkeys(paths, "closed"))

    assert {"/var/log/syslog": "closed"} == machine("/var/log/syslog").closed


def test_a_journal_that_cannot_be_read_is_told_as_files_are(machine, monkeypatch):
    monkeypatch.setattr("corowatch.machine.unreadable", lambda paths: dict.fromkeys(paths, "closed"))

    assert {"/var/log/journal/1f/system.journal": "closed"} == machine(
        "/var/log/journal/1f/system.journal", "/var/log/journal/1f/user-1000.journal").closed
