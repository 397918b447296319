"""A second process that keeps the budget where the first can't: it ends a search that no longer answers.

One call of Torch, NumPy or a solver can take minutes and gigabytes without returning to Python, so that no alarm is heard.
The command line therefore works in a child, and the parent, which holds almost nothing, watches its clock and its memory.
To add here: ways in which a child can end.  Never here: what it works on, words of a verdict.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from time import monotonic

from commute.budget import in_mib, resident

GRACE = 0.5
"""Seconds beyond the time that a child has to answer by itself."""

SHARE = 0.95
"""The share of the memory at which a child is ended: between two looks it may take more."""

LOOK = 0.02
"""Seconds between two looks."""

_BEGUN, _DONE = b"b", b"d"

Counted = Callable[[], AbstractContextManager[None]]
"""While its body runs, time and memory count."""


@dataclass(frozen=True)
class Ended:
    """A child that gave no answer: why, after how many seconds that count, and the most MiB that it held."""

    reason: str
    seconds: float
    peak_mib: float


def watched(work: Callable[[Counted], int], timeout: float, memory: float) -> int | Ended:
    """What `work` returns, done in a child; what it raises is raised in the child, where the caller goes on as if alone.

    Only for a process with one thread that has read no heavy library yet.  `memory` is in MiB.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child:
        os.close(writer)
        return _watch(child, reader, timeout, memory)
    os.close(reader)
    _die_with(parent)

    @contextmanager
    def counted() -> Iterator[None]:
        os.write(writer, _BEGUN)
        try:
            yield
        finally:
            os.write(writer, _DONE)

    code = work(counted)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # Torch takes half a second to take itself apart


def _die_with(parent: int) -> None:
    """Ask the system to end this process when its parent is gone; where it can't, the alarm in the process ends it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _watch(child: int, reader: int, timeout: float, memory: float) -> int | Ended:
    """Wait for the child, and end it where its budget is spent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child hears it too, and says so
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    begun, reason = 0.0, ""
    while True:
        said = os.read(reader, 1) if select.select([reader], [], [], LOOK)[0] else None
        if said == b"":
            break
        begun = monotonic() if said == _BEGUN else 0.0 if said == _DONE else begun
        if begun and not reason and (reason := _spent(child, begun, timeout, memory)):
            os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    _show_cursor()
    why = reason or f"the process that searched was ended by {signal.Signals(-code).name}"
    return Ended(why, monotonic() - begun if begun else 0.0, in_mib(used.ru_maxrss))


def _spent(child: int, begun: float, timeout: float, memory: float) -> str:
    """Why a child has to end, or nothing."""
    if monotonic() > begun + timeout + GRACE:
        return f"the time of {timeout:g} s is spent, in a call that could not be interrupted"
    if resident(child) > SHARE * memory:
        return f"the memory of {memory:g} MiB is spent"
    return ""


def _show_cursor() -> None:
    """Give a terminal its cursor back, which a progress display had hidden."""
    if sys.stderr.isatty():
        print("\r\033[K\033[?25h", end="", file=sys.stderr, flush=True)
