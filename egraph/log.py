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

    def knows(self, step: Step) -> bool:
        """Whether the equation of a step is logged, or says nothing."""
        return step.lhs is step.rhs or (step.lhs, step.rhs) in self._known

    def write(self, step: Step) -> bool:
        """Log a step and tell egglog; False where its equation is known already."""
        if self.knows(step):
            return False
        pair = (step.lhs, step.rhs)
        self._known.update((pair, (step.rhs, step.lhs)))
        self.steps.append(step)
        self._encoding.equal(*pair)
        return True
