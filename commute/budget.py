"""The last word on time and memory: whatever runs when a budget is spent is interrupted, in this very process.

Every prover keeps its own share of the time; this is for the one that doesn't notice.  A call in C that neither ends nor
returns to Python can't be interrupted here: the command line has a second process for that (`watch.py`).
To add here: another thing that can run out.  Never here: shares of a budget.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from time import monotonic
from types import FrameType

MIB = 1 << 20

USUAL = 4096
"""Memory in MiB where nothing is said, on a machine that has twice as much."""

TICK = 0.05
"""Seconds between two looks at memory and clock."""

AGAIN = 0.5
"""Seconds after which a body that has swallowed its interruption is interrupted once more."""


class OutOfTime(BaseException):
    """The time is spent; no `except Exception` on the way may swallow it."""


class OutOfMemory(BaseException):
    """The memory is spent; no `except Exception` on the way may swallow it."""


@dataclass
class _Limit:
    deadline: float
    memory: float
    quiet_until: float = 0.0


_limits: list[_Limit] = []


@contextmanager
def alarm(seconds: float, memory: float = inf) -> Iterator[None]:
    """Raise OutOfTime in the body after so many seconds, OutOfMemory where the process holds more than so many MiB.

    Only the main thread can be interrupted; others run on.  Alarms may be nested, each keeps its own limits.

    >>> import time
    >>> try:
    ...     with alarm(0.01):
    ...         time.sleep(5)
    ... except OutOfTime:
    ...     print("interrupted")
    interrupted
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return
    limit = _Limit(monotonic() + seconds, memory)
    before = signal.signal(signal.SIGALRM, _look)
    _limits.append(limit)
    signal.setitimer(signal.ITIMER_REAL, max(1e-6, min(seconds, TICK)), TICK)
    try:
        try:
            yield
        finally:
            limit.quiet_until = inf
    finally:
        _limits.remove(limit)
        if not _limits:
            signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _look(signum: int, frame: FrameType | None) -> None:
    """Raise what the outermost spent limit says, and be quiet for a moment, so that the way out isn't cut off."""
    now = monotonic()
    held = resident() if any(limit.memory < inf for limit in _limits) else 0.0
    for limit in _limits:
        if now >= limit.quiet_until and (now >= limit.deadline or held > limit.memory):
            limit.quiet_until = now + AGAIN
            raise OutOfTime if now >= limit.deadline else OutOfMemory


def usual_memory() -> int:
    """The MiB that one question may take where nothing is said: 4096, or half of what the machine has if that is less."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // MIB
    except (ValueError, OSError, AttributeError):
        return USUAL
    return min(USUAL, machine // 2)


def resident(process: int | str = "self") -> float:
    """The memory in MiB that a process holds now; where the system doesn't tell, the most that this one ever held."""
    try:
        with open(f"/proc/{process}/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / MIB
    except OSError:
        return peak() if process == "self" else 0.0


def peak() -> float:
    """The most memory in MiB that this process has held at once since it began, Python and Torch included."""
    try:
        with open("/proc/self/status", "rb") as file:
            line = next(line for line in file if line.startswith(b"VmHWM"))
        return int(line.split()[1]) / 1024
    except (OSError, StopIteration):
        return in_mib(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def in_mib(maxrss: int) -> float:
    """What getrusage calls ru_maxrss, in MiB: macOS counts in bytes, the others in KiB."""
    return maxrss / (MIB if sys.platform == "darwin" else 1024)
