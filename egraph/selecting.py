"""Selections in normal form: where(c, a, b) over reals becomes a polynomial in indicators [c] = where(c, 1, 0).

Truth values become products and sums of indicators of 0 < P and P = 0; comparisons of indices have a normal form of their own.
Selections that may be -inf stay as they are until exp or max meets them.  To add here: laws of where and comparisons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commute.egraph.monomials import is_indicator
from commute.theory.index import simplify
from commute.theory.ops import add, eq, indicator, lnot, lt, mul, sub
from commute.theory.polynomial import Poly, monomial_key, plus, poly_of, poly_term
from commute.theory.terms import BOOL, EXT, FALSE, INT, MINUS_ONE, NINF, ONE, TRUE, ZERO, Term, const, rebuild

if TYPE_CHECKING:
    from commute.egraph.canon import Canon


class Selecting:
    """The normal form of where, of truth values, and of sums with a part that may be -inf."""

    def __init__(self, canon: Canon):
        self.canon = canon
        self.journal = canon.journal

    def split(self, t: Term) -> Term:
        """A selection between reals as a polynomial in indicators."""
        norm, law = self.canon.norm, self.journal.law
        c, a, b = (norm(x) for x in t.args)
        node = rebuild(t, (c, a, b))
        if c in (TRUE, FALSE):
            return law("where_true" if c is TRUE else "where_false", {"x": a, "y": b}).rhs
        if a is b:
            return law("where_same", {"c": c, "x": a}).rhs
        step = law("where_by_indicator", {"c": node.args[0], "x": a, "y": b})
        if is_indicator(node):
            return self.normal(node)
        return self._clipped(c, a, b) or norm(step.rhs)

    def _clipped(self, c: Term, a: Term, b: Term) -> Term | None:
        """where(0 < P, a, b) with a - b = q·P, q a number: b + q·max(P, 0), by [0 < P]·P = max(P, 0)."""
        if c.op != "lt" or c.args[0].sort == BOOL or all(x.sort == INT for x in c.args):
            return None
        below = self.canon.norm(sub(c.args[1], c.args[0]))
        gap, poly = plus(poly_of(a), poly_of(b), -1), poly_of(below)
        if not poly or set(gap) != set(poly):
            return None
        ratios = {gap[m] / poly[m] for m in poly}
        if len(ratios) != 1:
            return None
        q = ratios.pop()
        law = self.journal.law
        law("lt_by_difference", {"x": c.args[0], "y": c.args[1]})
        step = law("indicator_times_itself", {"x": below})
        mask = indicator(c)
        before = add(mul(mask, a), mul(sub(const(1), mask), b))
        split = self.journal.computed("ring", before, add(b, mul(const(q), mul(mask, below))))
        return self.canon.norm(add(b, mul(const(q), step.rhs))) if split is not None else None

    def normal(self, t: Term) -> Term:
        """The normal form of a where or of a truth value over arguments in normal form."""
        if t.sort == BOOL and t.op == "where":
            return self.journal.computed("index", t, simplify(t))
        if t.op == "where":
            return self._indicator(t) if is_indicator(t) else self._extended(t)
        if t.op in ("lt", "le", "eq") and all(a.sort == INT for a in t.args):
            return self.journal.computed("index", t, simplify(t))
        if t.op in ("and", "or", "not"):
            return self.journal.computed("index", t, simplify(t))
        return t

    def _extended(self, t: Term) -> Term:
        law = self.journal.law
        c, a, b = t.args
        if c in (TRUE, FALSE):
            return law("where_true" if c is TRUE else "where_false", {"x": a, "y": b}).rhs
        return law("where_same", {"c": c, "x": a}).rhs if a is b else t

    def _indicator(self, t: Term) -> Term:
        norm, law = self.canon.norm, self.journal.law
        c = t.args[0]
        if c in (TRUE, FALSE):
            return law("where_true" if c is TRUE else "where_false", {"x": t.args[1], "y": t.args[2]}).rhs
        if c.op in ("and", "or"):
            return norm(law(f"indicator_{c.op}", {"c": c.args[0], "d": c.args[1]}).rhs)
        if c.op == "not":
            return norm(law("indicator_not", {"c": c.args[0]}).rhs)
        if c.op == "lt" and all(a.sort == INT for a in c.args):
            return self._oriented(t)
        if c.op not in ("lt", "le", "eq") or all(a.sort == INT for a in c.args) or EXT in (c.args[0].sort, c.args[1].sort):
            return t
        x, y = c.args
        if c.op == "le":
            return norm(law("indicator_le", {"x": x, "y": y}).rhs)
        return self._positive(x, y) if c.op == "lt" else self._zero(x, y)

    def _oriented(self, t: Term) -> Term:
        """[i < j] between integers as itself or as 1 - [j < i + 1], whichever has a positive lead in i - j."""
        x, y = t.args[0].args
        gap = {m: c for m, c in plus(poly_of(x), poly_of(y), -1).items() if m}
        if not gap or gap[max(gap, key=monomial_key)] > 0:
            return t
        other = simplify(lt(y, add(x, ONE)))
        self.journal.computed("index", t.args[0], lnot(other))
        step = self.journal.law("indicator_not", {"c": other})
        self.canon.memo.setdefault(indicator(other), indicator(other))
        return self.canon.norm(step.rhs)

    def _positive(self, x: Term, y: Term) -> Term:
        """[x < y] as [0 < P], P without a common factor that is positive."""
        norm, law = self.canon.norm, self.journal.law
        difference = norm(law("lt_by_difference", {"x": x, "y": y}).rhs.args[0].args[1])
        witness = self.canon.known("positive", difference)
        if witness is not None:
            return law("lt_zero_true", {"x": difference}, witnesses={"x": witness}).rhs
        poly = poly_of(difference)
        opposite = norm(mul(MINUS_ONE, difference))
        witness = self.canon.known("nonnegative", opposite)
        if witness is not None:
            self.journal.computed("ring", difference, mul(MINUS_ONE, opposite))
            return law("lt_zero_false", {"x": opposite}, witnesses={"x": witness}).rhs
        found = self.canon.positive_content([poly])
        if found is not None and self.canon.known("positive", found[0]) is not None:
            scale, witness, (rest,) = found
            positive = self.canon.known("positive", scale)
            assert positive is not None
            self.journal.computed("ring", difference, mul(scale, rest))
            law("lt_zero_scale", {"c": scale, "x": rest}, witnesses={"c": positive})
            return indicator(lt(ZERO, rest))
        return indicator(lt(ZERO, difference))

    def _zero(self, x: Term, y: Term) -> Term:
        """[x = y] as [P = 0], P with leading coefficient 1."""
        norm, law = self.canon.norm, self.journal.law
        difference = norm(law("eq_by_difference", {"x": x, "y": y}).rhs.args[0].args[0])
        poly: Poly = poly_of(difference)
        lead = poly[max(poly, key=monomial_key)] if poly else 1
        if lead != 1:
            rest = poly_term({m: c / lead for m, c in poly.items()})
            self.journal.computed("ring", difference, mul(const(lead), rest))
            law("eq_zero_scale", {"c": const(lead), "x": rest})
            difference = rest
        return indicator(eq(difference, ZERO))

    def add(self, t: Term) -> Term:
        """A sum with a part that may be -inf: it goes into selections, and -inf absorbs it."""
        norm, law = self.canon.norm, self.journal.law
        x, y = t.args
        if x is NINF or (y.sort == EXT and y.op == "where" and x.op != "where"):
            t = law("extended_add_commutes", {"x": x, "y": y}).rhs
            x, y = t.args
        if y is NINF:
            return law("add_minus_infinity", {"x": x}).rhs
        if x.op == "where" and x.sort == EXT:
            return norm(law("add_where", {"c": x.args[0], "x": x.args[1], "y": x.args[2], "z": y}).rhs)
        return t
