"""Short slices of the processor for the daemon, so that it gets one soon.

Since Linux 6.6 who wakes up waits until those that run have used up their slice, some 3 ms; and between a line and its
alert three threads wake each other. Who asks for shorter slices is let in earlier, and gets no more of the processor by
it. A kernel before 6.12 takes the wish, and does nothing.

Source: sched_setattr(2); Linux, kernel/sched/syscalls.c: `sched_runtime` of ordinary threads is their slice.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

SLICE = 500_000
"""Nanoseconds; the kernel takes 0.1 to 100 ms."""
ATTRIBUTES = struct.Struct("=IIQiIQQQ")
"""struct sched_attr: its size, policy, flags, nice, priority, runtime, deadline and period."""
CALLS = {"x86_64": (314, 315), "aarch64": (274, 275), "riscv64": (274, 275)}
"""Numbers of sched_setattr and sched_getattr, for which older C libraries have no function."""


def ask_for_short() -> bool:
    """Ask for short slices for this thread and the threads and programs that it starts; whether the kernel takes that.
    Never raises."""
    numbers = CALLS.get(os.uname().machine)
    if numbers is None or sys.maxsize < 1 << 32:  # of 32 bits on a kernel of 64, its calls have other numbers
        return False
    set_, get = numbers
    call = ctypes.CDLL(None).syscall
    told = ctypes.create_string_buffer(ATTRIBUTES.size)
    if call(get, 0, told, ATTRIBUTES.size, 0) != 0:
        return False
    size, policy, flags, nice, priority, _, deadline, period = ATTRIBUTES.unpack(told.raw)
    if policy not in (os.SCHED_OTHER, os.SCHED_BATCH):  # an administrator has chosen better
        return False
    told.raw = ATTRIBUTES.pack(size, policy, flags, nice, priority, SLICE, deadline, period)
    return bool(call(set_, 0, told, 0) == 0)
