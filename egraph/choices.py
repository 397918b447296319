"""Choices taken out of what they stand in: f(where(c, a, b)) = where(c, f(a), f(b)), by a computed step.

A comparison of numbers that only truth values decide (0 < 1 - [c]) is opened always, anything else only where cases are tried.
To add here: which choice goes out first.  Never here: choices that may be -inf (`masked.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commute.egraph.monomials import is_indicator
from commute.theory.ops import where
from commute.theory.polynomial import plus, poly_of
from commute.theory.schemas import in_case
from commute.theory.terms import EXT, Term, postorder

if TYPE_CHECKING:
    from commute.egraph.canon import Canon

_FEW = 4
"""A term over more truth values than this stays as it is."""


class Choices:
    """Choices taken out of comparisons and functions."""

    def __init__(self, canon: Canon):
        self.canon = canon
        self.journal = canon.journal

    def compared(self, t: Term) -> Term | None:
        """[x < y] or [x = y] by the cases of the truth values in x - y; None where other things stand there too."""
        x, y = t.args[0].args
        if EXT in (x.sort, y.sort):
            return None
        atoms = {a for m in plus(poly_of(x), poly_of(y), -1) for a, _ in m}
        flags = [a for a in atoms if is_indicator(a)]
        if not flags or len(flags) > _FEW or (len(flags) < len(atoms) and not self.canon.open_clips):
            return None
        return self._split(t, flags)

    def inside(self, t: Term) -> Term | None:
        """A function of one number by the cases of a truth value in it, where cases are tried; else None."""
        if not self.canon.open_clips or t.sort == EXT or any(a.sort == EXT for a in t.args):
            return None
        flags = {a for x in t.args for m in poly_of(x) for a, _ in m if is_indicator(a)}
        return self._split(t, list(flags)) if 0 < len(flags) <= _FEW else None

    def _split(self, t: Term, flags: list[Term]) -> Term:
        """The choice between the cases of the simplest of the truth values."""
        nested = {a: any(is_indicator(u) for u in postorder(a.args[0])) for a in flags}
        condition = min(flags, key=lambda a: (nested[a], a.size, a.digest)).args[0]
        choice = where(condition, in_case(t, condition, True), in_case(t, condition, False))
        return self.canon.norm(self.journal.computed("cases", t, choice))
