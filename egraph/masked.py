"""Values that may be -inf in normal form: where(g, x, -inf) with one mask g, which its indicator's polynomial decides.

The mask is read off from the normal form of its indicator, so that masks that are equal as truth values are one term.
To add here: laws of masked values.  Never here: selections between reals (`selecting.py`), maxima of reals (`extremes.py`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from commute.egraph.monomials import is_indicator
from commute.theory.index import simplify
from commute.theory.ops import indicator, land, lnot, lor, minimum, where
from commute.theory.polynomial import UNIT, Monomial, Poly, plus, poly_of, poly_term
from commute.theory.terms import EXT, FALSE, NINF, TRUE, ZERO, Term

if TYPE_CHECKING:
    from commute.egraph.canon import Canon

_FEW = 8
"""A mask of more comparisons than this stays as it is."""


class Masked:
    """The normal form of selections, maxima and minima with a part that may be -inf."""

    def __init__(self, canon: Canon):
        self.canon = canon
        self.journal = canon.journal

    def where(self, t: Term) -> Term:
        """The normal form of a selection over arguments in normal form."""
        law = self.journal.law
        c, a, b = t.args
        if c in (TRUE, FALSE):
            return law("where_true" if c is TRUE else "where_false", {"x": a, "y": b}).rhs
        if a is b:
            return law("where_same", {"c": c, "x": a}).rhs
        first, second = _parts(a), _parts(b)
        if first is None or second is None or (a is NINF and b is NINF):
            return t
        if b is NINF and not (a.op == "where" and a.sort == EXT):
            return self._canonical(t)
        (d, x), (e, y) = first, second
        x, y = (y if a is NINF else x), (x if b is NINF else y)
        for mask, value, whole in ((d, x, a), (e, y, b)):
            if whole.op != "where":
                law("where_true" if mask is TRUE else "where_false", {"x": value, "y": NINF})
        step = law("where_of_masked", {"c": c, "d": d, "e": e, "x": x, "y": y})
        return self.canon.norm(step.rhs)

    def _canonical(self, t: Term) -> Term:
        """where(g, x, -inf) with g as its indicator's polynomial has it, and x as it is where g holds."""
        law, norm = self.journal.law, self.canon.norm
        c, x, _ = t.args
        poly = poly_of(norm(indicator(c)))
        mask = _truth(poly)
        if mask is None or (mask is not c and norm(indicator(mask)) is not norm(indicator(c))):
            return t
        if mask is not c:
            for each in (c, mask):
                law("where_of_indicator", {"c": each, "x": x, "y": NINF})
            if mask in (TRUE, FALSE):
                return law("where_true" if mask is TRUE else "where_false", {"x": x, "y": NINF}).rhs
        result = where(mask, self._given(poly, mask, x), NINF)
        self.canon.memo[result] = result
        return result

    def _given(self, mask: Poly, c: Term, x: Term) -> Term:
        """What x is where a mask of one product holds: its indicators are 1 there."""
        if len(mask) > 1 or x.sort == EXT:
            return x
        ((held, _),) = mask.items()
        known = {a for a, _ in held}
        less: Poly = {}
        for m, k in poly_of(x).items():
            less = plus(less, {tuple((a, e) for a, e in m if a not in known): k})
        other = poly_term(less)
        if other is x:
            return x
        norm, law = self.canon.norm, self.journal.law
        other = norm(other)
        if norm(where(c, x, ZERO)) is not norm(where(c, other, ZERO)):
            return x
        for each in (x, other):
            law("where_again", {"c": c, "x": each, "y": ZERO, "z": NINF})
        return other

    def max(self, x: Term, y: Term) -> Term | None:
        """max(x, y) where one is masked: with a real number, or with the same value under another mask; None elsewhere."""
        law, norm = self.journal.law, self.canon.norm
        if EXT not in (x.sort, y.sort):
            return None
        if not _is_masked(x):
            x, y = law("max_commutes", {"x": x, "y": y}).rhs.args
        if not _is_masked(x):
            return None
        c, value, _ = x.args
        if y is value:
            return law("max_where_minus_infinity", {"c": c, "x": value}).rhs
        if _is_masked(y) and y.args[1] is value:
            return norm(law("max_of_masked", {"c": c, "d": y.args[0], "x": value}).rhs)
        if y.sort != EXT and y is not NINF:
            return norm(law("max_where", {"c": c, "x": value, "y": NINF, "z": y}).rhs)
        return None

    def max_over(self, x: Term, y: Term) -> Term | None:
        """max of two maxima over one axis of one value, masked in two ways; None elsewhere."""
        if any(t.op != "reduce" or t.attrs[0] != "max" for t in (x, y)) or x.attrs != y.attrs:
            return None
        first, second = (t.args[0] for t in (x, y))
        alike = _is_masked(first) and (second is first.args[1] or (_is_masked(second) and second.args[1] is first.args[1]))
        if not alike and not (_is_masked(second) and second.args[1] is first):
            return None
        step = self.journal.law("max_over_max", {"x": first, "y": second}, {"k": x.attrs[1]})
        return self.canon.norm(step.lhs)

    def min(self, t: Term) -> Term:
        """The normal form of a minimum: masks go out, the rest is in one order."""
        law, norm = self.journal.law, self.canon.norm
        x, y = t.args
        if x is NINF or (_is_masked(y) and not _is_masked(x)):
            x, y = law("min_commutes", {"x": x, "y": y}).rhs.args
        if y is NINF:
            return law("min_minus_infinity", {"x": x}).rhs
        if _is_masked(x):
            step = law("min_where", {"c": x.args[0], "x": x.args[1], "y": NINF, "z": y})
            law("min_commutes", {"x": NINF, "y": y})
            law("min_minus_infinity", {"x": y})
            return norm(where(x.args[0], step.rhs.args[1], NINF))
        if x is y:
            return law("min_idempotent", {"x": x}).rhs
        if y.op == "min" and x.op != "min" and y.args[0].digest < x.digest:
            law("min_associates", {"x": x, "y": y.args[0], "z": y.args[1]})
            law("min_commutes", {"x": x, "y": y.args[0]})
            law("min_associates", {"x": y.args[0], "y": x, "z": y.args[1]})
            return minimum(y.args[0], norm(minimum(x, y.args[1])))
        if x.op == "min":
            return norm(law("min_associates", {"x": x.args[0], "y": x.args[1], "z": y}).rhs)
        if y.op != "min" and y.digest < x.digest:
            return law("min_commutes", {"x": x, "y": y}).rhs
        return t


def _is_masked(t: Term) -> bool:
    return t.op == "where" and t.args[2] is NINF


def _parts(t: Term) -> tuple[Term, Term] | None:
    """(mask, value) with t = where(mask, value, -inf); None for a maximum or sum that may be -inf."""
    if _is_masked(t):
        return t.args[0], t.args[1]
    if t is NINF:
        return FALSE, t
    return (TRUE, t) if t.sort != EXT else None


def _truth(poly: Poly) -> Term | None:
    """The truth value whose indicator has this normal form, by one way of writing it; None where there is none."""
    if not poly or set(poly) == {UNIT}:
        return {0: FALSE, 1: TRUE}.get(int(poly.get(UNIT, 0)))
    atoms = sorted({a for m in poly for a, _ in m}, key=lambda a: a.digest)
    if len(atoms) > _FEW or not all(is_indicator(a) for a in atoms):
        return None
    return simplify(_choice(poly, atoms) or FALSE)


def _choice(poly: Poly, atoms: list[Term]) -> Term | None:
    """A truth value by its cases, the first comparison decided first."""
    if not poly or set(poly) == {UNIT}:
        return {0: FALSE, 1: TRUE}.get(int(poly.get(UNIT, 0)))
    first = next(a for a in atoms if any(a == b for m in poly for b, _ in m))
    rest = [a for a in atoms if a is not first]
    yes, no = (_choice(_decided(poly, first, value), rest) for value in (1, 0))
    if yes is None or no is None:
        return None
    c = first.args[0]
    holds = c if yes is TRUE else FALSE if yes is FALSE else land(c, yes)
    fails = lnot(c) if no is TRUE else FALSE if no is FALSE else land(lnot(c), no)
    return holds if fails is FALSE else fails if holds is FALSE else lor(holds, fails)


def _decided(poly: Poly, atom: Term, value: int) -> Poly:
    """The polynomial with an indicator replaced by 1 or 0."""
    result: dict[Monomial, Fraction] = {}
    for m, k in poly.items():
        if value or all(a is not atom for a, _ in m):
            rest = tuple((a, e) for a, e in m if a is not atom)
            result[rest] = result.get(rest, Fraction(0)) + k
    return {m: k for m, k in result.items() if k}
