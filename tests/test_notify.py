import fcntl
import os
import socket
import subprocess
import sys
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


# --- descriptors that are kept ----------------------------------------------------------------------


def kept(systemd):
    """A message, and what the descriptor that came with it leads to."""
    data, descriptors, _, _ = socket.recv_fds(systemd, 4096, 4)
    leads = [os.readlink(f"/proc/self/fd/{fd}") for fd in descriptors]
    for fd in descriptors:
        os.close(fd)
    return data.decode().split("\n"), leads


def test_descriptors_are_kept_as_far_as_there_is_room_and_let_go_by_name(systemd, tmp_path, monkeypatch):
    monkeypatch.setenv("FDSTORE", "1")
    one = Notify(systemd.getsockname())
    with open(tmp_path / "a.log", "w") as a, open(tmp_path / "b.log", "w") as b:
        one.keep([("a", a.fileno()), ("b", b.fileno()), ("b", None), ("a", None)])

    assert (["FDSTORE=1", "FDNAME=a", "FDPOLL=0"], [str(tmp_path / "a.log")]) == kept(systemd)
    assert ["FDSTOREREMOVE=1", "FDNAME=a"] == heard(systemd)


def test_without_a_store_none_is_sent(systemd, tmp_path):
    one = Notify(systemd.getsockname())
    with open(tmp_path / "a.log", "w") as a:
        one.keep([("a", a.fileno())])
    one.alive()

    assert ["WATCHDOG=1"] == heard(systemd)


TELL = """
import os
from corowatch.notify import Notify
held = Notify("").inherited
print(sorted((name, os.readlink(f"/proc/self/fd/{fd}"), os.get_inheritable(fd)) for name, fd in held.items()))
print([name for name in os.environ if name.startswith("LISTEN")])
"""


@pytest.mark.parametrize("meant", [True, False])
def test_what_was_kept_comes_back_by_name_to_whom_it_is_meant_for(tmp_path, meant):
    with open(tmp_path / "a.log", "w") as a:
        kept = fcntl.fcntl(a.fileno(), fcntl.F_DUPFD, 50)  # not one that somebody else has
        told = subprocess.run(
            ["bash", "-c", f"exec 3<&{kept}; LISTEN_PID={'$$' if meant else 1} exec {sys.executable} -c \"$0\"", TELL],
            pass_fds=[kept], env={**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "a"}, capture_output=True,
            text=True, check=True).stdout.splitlines()
        os.close(kept)

    assert [str([("a", str(tmp_path / "a.log"), False)] if meant else []), "[]"] == told
