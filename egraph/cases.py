"""Equality by cases: a comparison that both normal forms depend on is decided either way, and each case is proved by itself.

t = where(c, t if c holds, t if not) is a computed step; equal cases then make equal choices.
To add here: which comparison to decide first.  Never here: what is known inside a case (nothing is).
"""

from __future__ import annotations

from commute.egraph.canon import Canon
from commute.egraph.monomials import is_indicator
from commute.egraph.rational import joined
from commute.theory.ops import where
from commute.theory.schemas import in_case
from commute.theory.terms import Term, postorder

_DEPTH = 4


def joined_by_cases(canon: Canon, left: Term, right: Term, depth: int = _DEPTH) -> bool:
    """Whether two normal forms are equal in every case of the comparisons that they depend on; the steps are noted."""
    if joined(canon, left, right):
        return True
    condition = _condition(left, right) if depth else None
    if condition is None:
        return False
    for side in (left, right):
        choice = where(condition, in_case(side, condition, True), in_case(side, condition, False))
        canon.journal.computed("cases", side, choice)
    for holds in (True, False):
        first, second = (canon.norm(in_case(side, condition, holds)) for side in (left, right))
        if not joined_by_cases(canon, first, second, depth - 1):
            return False
    return True


def _condition(left: Term, right: Term) -> Term | None:
    """A comparison that speaks of free axes only and stands in both terms, or in one: zero tests first, then small ones."""
    found: dict[Term, int] = {}
    free = left.free | right.free
    for side in (left, right):
        for t in postorder(side):
            if is_indicator(t) and t.args[0].free <= free:
                found[t.args[0]] = found.get(t.args[0], 0) + 1
    if not found:
        return None
    return min(found, key=lambda c: (-found[c], c.op != "eq", c.size, c.digest))
