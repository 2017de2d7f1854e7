import os
import socket
import tempfile
import time

import pytest

from corowatch.notify import Notify


@pytest.fixture
def systemd():
    """A notify socket, as systemd has it; its path is short enough for any system."""
    with tempfile.TemporaryDirectory(prefix="cw") as folder, socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"{folder}/notify")
        listening.settimeout(5.0)
        yield listening


def heard(systemd):
    return systemd.recv(4096).decode().split("\n")


def test_ready_comes_with_a_status(systemd):
    Notify(systemd.getsockname()).ready("2 flows")

    assert ["READY=1", "STATUS=2 flows"] == heard(systemd)


def test_reloading_comes_with_its_time_in_one_message(systemd):
    before = time.monotonic_ns() // 1000
    Notify(systemd.getsockname()).reloading()
    after = time.monotonic_ns() // 1000

    reloading, usec = heard(systemd)
    assert "RELOADING=1" == reloading
    assert before <= int(usec.removeprefix("MONOTONIC_USEC=")) <= after


def test_stopping_status_and_signs_of_life(systemd):
    one = Notify(systemd.getsockname())

    one.status("busy")
    one.alive()
    one.stopping()

    assert [["STATUS=busy"], ["WATCHDOG=1"], ["STOPPING=1", "STATUS=stopping"]] == [heard(systemd) for _ in range(3)]


def test_an_address_may_be_abstract():
    name = f"corowatch-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(5.0)

        Notify(f"@{name}").ready("")

        assert "READY=1" == heard(listening)[0]


def test_the_address_is_that_of_the_environment_and_children_do_not_inherit_it(systemd, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "8000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))

    one = Notify()
    one.ready("")

    assert "READY=1" == heard(systemd)[0]
    assert set() == {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & set(os.environ)
    assert 4.0 == one.watchdog


@pytest.mark.parametrize(("usec", "pid"), [("8000000", "1"), ("", ""), ("often", "")])
def test_a_watchdog_that_is_not_meant_for_us_gets_no_sign(monkeypatch, usec, pid):
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid)

    assert Notify("").watchdog is None


def test_without_a_socket_nothing_is_told(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    opened = []
    monkeypatch.setattr("socket.socket", lambda *how: opened.append(how))

    Notify().ready("2 flows")

    assert [] == opened


def test_a_supervisor_that_is_gone_stops_nothing(tmp_path):
    Notify(str(tmp_path / "nobody")).ready("2 flows")
