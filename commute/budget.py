"""The last word on time: whatever runs when the budget is spent is interrupted.

Every prover keeps its own share of the time; this is for the one that doesn't notice.  Never here: shares of a budget.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class OutOfTime(BaseException):
    """The budget is spent; no `except Exception` on the way may swallow it."""


@contextmanager
def alarm(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the body after so many seconds; only the main thread can be interrupted, others run on.

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

    def ring(signum: int, frame: FrameType | None) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, ring)
    outer, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if outer:
            signal.setitimer(signal.ITIMER_REAL, outer)
