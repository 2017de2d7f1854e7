"""What the kernel itself says of the slices that were asked for."""

import ctypes
import os
import platform
import re
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from corowatch import slices
from corowatch.slices import ATTRIBUTES, CALLS, SLICE, ask_for_short

TAKES = tuple(map(int, re.findall(r"\d+", platform.release())[:2])) >= (6, 12)
taken = pytest.mark.skipif(not TAKES or platform.machine() not in CALLS, reason="this kernel takes no such wish")


def attributes(thread=0):
    """Policy, nice and slice (ns) of a thread, else of this one."""
    told = ctypes.create_string_buffer(ATTRIBUTES.size)
    assert 0 == ctypes.CDLL(None).syscall(CALLS[platform.machine()][1], thread, told, ATTRIBUTES.size, 0)
    _, policy, _, nice, _, slice_, _, _ = ATTRIBUTES.unpack(told.raw)
    return policy, nice, slice_


def told_by(code):
    """What a process prints, of which the threads are no longer those of this one."""
    code = f"import os\nfrom tests.test_slices import *\n{code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def in_a_thread(do):
    found = []
    thread = threading.Thread(target=lambda: found.append(do()))
    thread.start()
    thread.join()
    return found[0]


@taken
def test_this_thread_and_those_that_it_starts_have_short_slices_and_all_else_stays():
    told = told_by("os.nice(5); before, took, after = attributes(), ask_for_short(), attributes()\n"
                   "print(took, before[:2] == after[:2], after[2], in_a_thread(attributes)[2])")

    assert ["True", "True", str(SLICE), str(SLICE)] == told


@taken
def test_who_was_given_another_policy_keeps_it():
    told = told_by("os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)); before = attributes()\n"
                   "print(ask_for_short(), before == attributes())")

    assert ["False", "True"] == told


@pytest.mark.parametrize("numbers", [(-1, -1), (-1, CALLS.get(platform.machine(), (0, 0))[1])])
def test_where_that_is_refused_all_goes_on(monkeypatch, numbers):
    monkeypatch.setitem(slices.CALLS, platform.machine(), numbers)

    assert not ask_for_short()


def test_where_the_numbers_are_not_known_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="vax"))

    assert not ask_for_short()


@taken
def test_a_program_of_32_bits_on_a_kernel_of_64_has_other_numbers():
    told = told_by("sys.maxsize = (1 << 31) - 1; before = attributes(); print(ask_for_short(), before == attributes())")

    assert ["False", "True"] == told


@taken
def test_all_threads_of_a_daemon_have_short_slices(tmp_path):
    (tmp_path / "c.yaml").write_text(f"flows: {{a: {{tail: {tmp_path}/a.log, grep: x, alert: {{to: f}}}}}}\n"
                                     f"sinks: {{f: {{file: {tmp_path}/alerts}}}}")
    command = [sys.executable, "-m", "corowatch", "run", tmp_path / "c.yaml", "--state-dir", tmp_path / "state"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as daemon:
        next(line for line in daemon.stderr if "daemon.started" in line)
        told = [attributes(int(thread))[2] for thread in os.listdir(f"/proc/{daemon.pid}/task")]
        daemon.terminate()
        daemon.stderr.read()

    assert len(told) > 1
    assert {SLICE} == set(told)
