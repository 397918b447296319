"""What a verdict says about rounding: measured and bounded in a third of a second, and never a reason to fail.

To add here: which programs are measured.  Never here: bounds and safety (`verify/rounding.py`, `verify/safety.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from commute.budget import OutOfMemory, OutOfTime, alarm
from commute.theory.messages import one_line

if TYPE_CHECKING:
    from commute.verify.tolerance import Rounding

SECONDS = 0.3
"""How long the column may take, in seconds of CPU: what it says shouldn't depend on what else the machine does."""

PATIENCE = 1.0
"""Seconds by the clock after which it is interrupted all the same."""


def judged(paths: Sequence[Any], callables: Sequence[Callable[..., Any]], assume: Any) -> Rounding:
    """The second column for the programs at general sizes; "not judged" with the reason where anything goes wrong."""
    from commute.verify.tolerance import Programs, Rounding, judge

    found = Rounding()
    try:
        with alarm(PATIENCE):
            path = paths[0]
            first, second = (program.outputs for program in path.programs)
            results = [(a.whole.term, b.whole.term, a.whole.axes) for a, b in zip(first, second, strict=True)]
            both = (callables[0], callables[1])
            judge(Programs(both, path.inputs, path.symbols, results, assume, path.holds), SECONDS, found)
    except (OutOfTime, OutOfMemory):
        found.reason = found.reason or f"{PATIENCE:g} s or the memory were not enough"
    except Exception as error:
        found.ratio, found.reason = None, one_line(f"{type(error).__name__}: {error}")
    return found
