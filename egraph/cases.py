"""Equality by cases: a comparison that both normal forms depend on is decided either way, and each case is proved by itself.

t = where(c, t if c holds, t if not) is a computed step (three cases where c is about a sign); equal cases make equal choices.
To add here: which comparison to decide first.  Never here: what is known inside a case (nothing is).
"""

from __future__ import annotations

from commute.egraph.canon import Canon
from commute.egraph.cells import joined_by_cells
from commute.egraph.monomials import is_indicator, subject_of
from commute.egraph.rational import joined
from commute.theory.axes import Axis
from commute.theory.ops import add, total, where
from commute.theory.polynomial import Poly, plus, poly_of, poly_term, product
from commute.theory.schemas import by_sign, in_case
from commute.theory.terms import Term, postorder

_DEPTH = 4


def joined_by_cases(canon: Canon, left: Term, right: Term, depth: int = _DEPTH) -> bool:
    """Whether two normal forms are equal in every case of the comparisons that they depend on; the steps are noted."""
    if joined(canon, left, right):
        return True
    inside = _bodies(canon, left, right) if depth else None
    if inside is not None and joined_by_cases(canon, *inside, depth - 1):
        return True
    if depth and joined_by_cells(canon, left, right):
        return True
    condition = _condition(left, right) if depth else None
    if condition is None:
        return False
    for one, other in _cases(canon, condition, left, right):
        if not joined_by_cases(canon, canon.norm(one), canon.norm(other), depth - 1):
            return False
    return True


def _bodies(canon: Canon, left: Term, right: Term) -> tuple[Term, Term] | None:
    """What is summed, where the two differ in sums over one axis only: equal bodies have equal sums."""
    first, second = poly_of(left), poly_of(right)
    common = {m: c for m, c in first.items() if second.get(m) == c}
    own = [plus(p, common, -1) for p in (first, second)]
    axes = {a.attrs[1] for p in own for m in p for a, _ in m if a.op == "reduce" and a.attrs[0] == "sum"}
    if len(axes) != 1 or not any(own):
        return None
    (axis,) = axes
    bodies = [_body(p, axis) for p in own]
    if bodies[0] is None or bodies[1] is None:
        return None
    shared = poly_term(common)
    for side, p, body in zip((left, right), own, bodies, strict=True):
        assert body is not None
        if canon.norm(total(axis, body)) is not poly_term(p):
            return None
        canon.journal.computed("ring", side, add(shared, poly_term(p)))
    return canon.norm(bodies[0]), canon.norm(bodies[1])


def _body(poly: Poly, axis: Axis) -> Term | None:
    """The body of the one sum over the axis that the polynomial is, its factors taken in."""
    parts: Poly = {}
    for m, c in poly.items():
        sums = [a for a, e in m if a.op == "reduce" and a.attrs == ("sum", axis) and e == 1]
        rest = tuple((a, e) for a, e in m if a not in sums)
        if len(sums) != 1 or any(axis in a.free for a, _ in rest):
            return None
        parts = plus(parts, product({rest: c}, poly_of(sums[0].args[0])))
    return poly_term(parts)


def _cases(canon: Canon, condition: Term, left: Term, right: Term) -> list[tuple[Term, Term]]:
    """The two sides in each case of the condition; by the sign of x where it speaks of one."""
    subject = subject_of(condition)
    if subject is None:
        choices = [where(condition, in_case(t, condition, True), in_case(t, condition, False)) for t in (left, right)]
        name = "cases"
    else:
        choices, name = [by_sign(t, subject) for t in (left, right)], "signs"
    for side, choice in zip((left, right), choices, strict=True):
        canon.journal.computed(name, side, choice)
    one, other = choices
    pairs = [(one.args[1], other.args[1])]
    if subject is None:
        return [*pairs, (one.args[2], other.args[2])]
    return [*pairs, *zip(one.args[2].args[1:], other.args[2].args[1:], strict=True)]


def _condition(left: Term, right: Term) -> Term | None:
    """A comparison that speaks of free axes only: first one that has none inside, in both terms, a zero test, small."""
    found: dict[Term, int] = {}
    free = left.free | right.free
    for side in (left, right):
        for t in postorder(side):
            if is_indicator(t) and t.args[0].free <= free:
                found[t.args[0]] = found.get(t.args[0], 0) + 1
    if not found:
        return None
    nested = {c: any(is_indicator(t) for t in postorder(c)) for c in found}
    return min(found, key=lambda c: (nested[c], -found[c], c.op != "eq", c.size, c.digest))
