"""A dead man's switch under the check of the deadline: who is frozen between it and the bytes never sends them.

Rules: the kernel is told when this process must not go on, before the deadline is checked, and that it may, one turn of
the event loop after the write: uvloop hands bytes to the kernel at a turn's end. A process that goes on too late
finds a signal in the thread that dials whose handler is the C library's `_exit`, and so ends before its next
instruction, also as the first process of a container, which could not kill itself otherwise. Its creates are then
uncertain and settled like those of any process that was killed.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from shared.logs import logger
from shared.telephony import boottime

LONGEST_STEP: Final = 1.0
"""Seconds after its deadline in which a create that passed the check may still leave: only a freeze takes longer."""

EXIT_STATUS: Final = int(getattr(signal, "SIGRTMAX", 0))
"""The status of a process that ended like this, 64 on Linux; also the number of the signal, the last that there is."""

_THREAD_ID: Final = 4  # SIGEV_THREAD_ID of <signal.h>
_ABSOLUTE: Final = 1  # TIMER_ABSTIME of <time.h>

log = logger()


class _Event(ctypes.Structure):
    """struct sigevent of Linux: 64 bytes."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("thread_id", ctypes.c_int),
        ("rest", ctypes.c_int * 11),
    )


class _Spec(ctypes.Structure):
    """struct itimerspec: the interval, then the value, in seconds and nanoseconds."""

    _fields_ = (("interval", ctypes.c_long * 2), ("value", ctypes.c_long * 2))


class _Timer:
    """A timer of the kernel on the deadlines' clock that ends the process from within the calling thread."""

    def __init__(self) -> None:
        """Raises OSError where the kernel gives none."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.signal.restype = ctypes.c_void_p
        self._libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
        self._libc.signal(EXIT_STATUS, ctypes.cast(self._libc._exit, ctypes.c_void_p))
        self._id = ctypes.c_void_p()
        event = _Event(None, EXIT_STATUS, _THREAD_ID, threading.get_native_id())
        self._succeed(self._libc.timer_create(time.CLOCK_BOOTTIME, ctypes.byref(event), ctypes.byref(self._id)))

    def set(self, at: float) -> None:
        """End the process at this time; 0 is never."""
        seconds, rest = divmod(at, 1.0)
        spec = _Spec((0, 0), (int(seconds), int(rest * 1e9)))
        self._succeed(self._libc.timer_settime(self._id, _ABSOLUTE, ctypes.byref(spec), None))

    def _succeed(self, result: int) -> None:
        if result != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


class Switch:
    """What this thread's creates hold between their checks and their bytes; the kernel knows the earliest time."""

    def __init__(self) -> None:
        self._held: list[float] = []
        self._timer = _new_timer()

    def hold(self, until: float) -> None:
        self._held.append(until)
        self._tell()

    def let_go(self, until: float) -> None:
        self._held.remove(until)
        self._tell()

    def _tell(self) -> None:
        if self._timer is not None:
            self._timer.set(min(self._held, default=0.0))


def _new_timer() -> _Timer | None:
    if sys.platform != "linux":
        return None
    try:
        return _Timer()
    except (OSError, AttributeError) as error:  # the kernel gives none, or the C library is an old one
        log.error("NO_DEAD_MANS_SWITCH", reason=str(error), action="dial without it")
        return None


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.switch = Switch()


_own = _OfThread()


@contextmanager
def dead_mans_switch(deadline: float) -> Iterator[None]:
    """Around the check of a deadline, in `boottime`, and the write: a deadline that is over is left to the check."""
    if boottime.now() >= deadline:
        yield
        return
    switch, until = _own.switch, deadline + LONGEST_STEP
    switch.hold(until)
    try:
        yield
    finally:
        asyncio.get_running_loop().call_soon(switch.let_go, until)
