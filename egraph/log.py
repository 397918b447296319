"""The log: every equation that search used, as an ordered list of steps over terms that are never united.

An equation is logged before egglog hears of it, so a witness that the e-graph offers is always equal to its hole by earlier
steps.  To add here: ways of reading the log.  Never here: finding or checking steps.
"""

from __future__ import annotations

from commute.egraph.encode import Encoding
from commute.theory.step import Step
from commute.theory.terms import Term


class Log:
    """Steps in the order in which they were made, each equation once."""

    def __init__(self, encoding: Encoding):
        self.steps: list[Step] = []
        self._encoding = encoding
        self._known: set[tuple[Term, Term]] = set()

    def write(self, step: Step) -> bool:
        """Log a step and tell egglog; False where its equation is known already."""
        pair = (step.lhs, step.rhs)
        if step.lhs is step.rhs or pair in self._known:
            return False
        self._known.update((pair, pair[::-1]))
        self.steps.append(step)
        self._encoding.equal(*pair)
        return True
