"""Selections in normal form: where(c, a, b) over reals becomes a polynomial in indicators [c] = where(c, 1, 0).

Truth values become products and sums of indicators of 0 < P and P = 0; comparisons of indices have a normal form of their own.
Selections that may be -inf stay as they are until exp or max meets them.  To add here: laws of where and comparisons.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm
from typing import TYPE_CHECKING

from commute.egraph.monomials import is_indicator, subject_of, without
from commute.theory.index import simplify
from commute.theory.ops import add, eq, exp, indicator, lnot, lt, mul, sub
from commute.theory.polynomial import UNIT, Poly, monomial_key, monomial_term, plus, poly_of, poly_term, product
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
        if _of_indicator(t.args[0]):
            return norm(self._opened(t))
        if t.args[0].op == "not":
            return norm(law("where_not", {"c": t.args[0].args[0], "x": t.args[1], "y": t.args[2]}).rhs)
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

    def _opened(self, t: Term) -> Term:
        """where(0 < [c], a, b) as where(c, a, b)."""
        c, a, b = t.args
        return self.journal.law("where_of_indicator", {"c": c.args[1].args[0], "x": a, "y": b}).rhs

    def _clipped(self, c: Term, a: Term, b: Term) -> Term | None:
        """where(c, a, b) with c about the sign of P and a - b = q·P: [0 < P]·P = max(P, 0) and [P = 0]·P = 0."""
        norm, law = self.canon.norm, self.journal.law
        if c.op not in ("lt", "le") or c.args[0].sort == BOOL or all(x.sort == INT for x in c.args):
            return None
        mask = norm(indicator(c))
        parts = poly_of(mask)
        signs = {m[0][0]: k for m, k in parts.items() if len(m) == 1 and m[0][1] == 1 and is_indicator(m[0][0])}
        subjects = {subject_of(i.args[0]) for i in signs}
        if len(signs) + (UNIT in parts) != len(parts) or len(subjects) != 1:
            return None
        (subject,) = subjects
        gap = plus(poly_of(a), poly_of(b), -1)
        ratio = None if subject is None else _ratio(gap, poly_of(subject))
        if subject is None or ratio is None:
            return None
        share, q = monomial_term(UNIT, parts.get(UNIT, 0)), poly_term(ratio)
        split, joined = add(b, mul(share, poly_term(gap))), add(b, mul(share, poly_term(gap)))
        for i, k in signs.items():
            name = "indicator_times_itself" if i.args[0].op == "lt" else "indicator_of_zero"
            step = law(name, {"x": subject})
            split = add(split, mul(mul(monomial_term(UNIT, k), q), step.lhs))
            joined = add(joined, mul(mul(monomial_term(UNIT, k), q), step.rhs))
        self.journal.computed("ring", add(mul(mask, a), mul(sub(ONE, mask), b)), split)
        return norm(joined)

    def normal(self, t: Term) -> Term:
        """The normal form of a where or of a truth value over arguments in normal form."""
        if t.sort == BOOL and t.op == "where":
            return self.journal.computed("index", t, simplify(t))
        if t.op == "where" and _of_indicator(t.args[0]):
            return self.canon.norm(self._opened(t))
        if t.op == "where":
            return self._indicator(t) if is_indicator(t) else self.canon.masked.where(t)
        if t.op in ("lt", "le", "eq") and all(a.sort == INT for a in t.args):
            return self.journal.computed("index", t, simplify(t))
        if t.op in ("and", "or", "not"):
            return self.journal.computed("index", t, simplify(t))
        return t

    def _indicator(self, t: Term) -> Term:
        norm, law = self.canon.norm, self.journal.law
        c = t.args[0]
        if c in (TRUE, FALSE):
            return law("where_true" if c is TRUE else "where_false", {"x": t.args[1], "y": t.args[2]}).rhs
        if c.op in ("and", "or"):
            return norm(law(f"indicator_{c.op}", {"c": c.args[0], "d": c.args[1]}).rhs)
        if c.op == "not":
            return norm(law("indicator_not", {"c": c.args[0]}).rhs)
        split = self.canon.choices.compared(t) if c.op in ("lt", "le", "eq") else None
        if split is not None:
            return split
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
        if self.canon.open_clips:
            stepped = self._stepped(x, y)
            if stepped is not None:
                return stepped
        gap = {m: c for m, c in plus(poly_of(x), poly_of(y), -1).items() if m}
        if not gap or gap[max(gap, key=monomial_key)] > 0:
            return t
        other = simplify(lt(y, add(x, ONE)))
        self.journal.computed("index", t.args[0], lnot(other))
        step = self.journal.law("indicator_not", {"c": other})
        if not self.canon.open_clips:
            self.canon.memo.setdefault(indicator(other), indicator(other))
        return self.canon.norm(step.rhs)

    def _stepped(self, x: Term, y: Term) -> Term | None:
        """[i < j + 1] between integers as [i < j] + [i = j]: the number that is left over counts towards 0."""
        offset = poly_of(y).get(UNIT, 0) - poly_of(x).get(UNIT, 0)
        if not 1 <= offset <= 4:
            return None
        lower = simplify(sub(y, ONE))
        step = self.journal.law("lt_next", {"x": x, "y": lower})
        self.journal.computed("index", step.lhs.args[0], simplify(lt(x, y)))
        return self.canon.norm(step.rhs)

    def _positive(self, x: Term, y: Term) -> Term:
        """[x < y] as [0 < P], P without a common factor that is positive; exp(a) < exp(b) as a < b."""
        norm, law = self.canon.norm, self.journal.law
        exponents = self._exponents(x, y)
        if exponents is not None:
            return norm(law("lt_of_exp", {"x": exponents[0], "y": exponents[1]}).rhs)
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
        positive = self.canon.known("positive", found[0]) if found is not None else None
        if found is not None and positive is not None:
            scale, _, (rest,) = found
            self.journal.computed("ring", difference, mul(scale, rest))
            law("lt_zero_scale", {"c": scale, "x": rest}, witnesses={"c": positive})
            difference, poly = rest, poly_of(rest)
        if difference.sort == INT:
            return norm(indicator(lt(ZERO, difference)))
        if lead_of(poly) > 0:
            return indicator(lt(ZERO, difference))
        opposite = poly_term({m: -c for m, c in poly.items()})
        self.journal.computed("ring", difference, mul(MINUS_ONE, opposite))
        return norm(law("sign_of_negative", {"x": opposite}).rhs)

    def _exponents(self, x: Term, y: Term) -> tuple[Term, Term] | None:
        """(a, b) where [x < y] is [exp(a) < exp(b)]; the equation is noted."""
        gap = plus(poly_of(y), poly_of(x), -1)
        if len(gap) != 2 or sum(gap.values()) or not any(a.op == "exp" for m in gap for a, _ in m):
            return None
        high, low = sorted(gap, key=lambda m: -gap[m])
        below, above = (self.canon.functions.as_exp(monomial_term(m)) if m else ZERO for m in (low, high))
        if below is None or above is None:
            return None
        norm, law = self.canon.norm, self.journal.law
        small, large = monomial_term(low), monomial_term(high)
        scale, difference = gap[high], add(large, mul(MINUS_ONE, small))
        first = law("lt_by_difference", {"x": x, "y": y})
        self.journal.computed("ring", first.rhs.args[0].args[1], mul(const(scale), difference))
        law("lt_zero_scale", {"c": const(scale), "x": difference}, witnesses={"c": const(scale)})
        law("lt_by_difference", {"x": small, "y": large})
        norm(exp(below))
        norm(exp(above))
        return below, above

    def _zero(self, x: Term, y: Term) -> Term:
        """[x = y] as [P = 0], P with whole coefficients, its lead positive, and no factor that is never 0."""
        norm, law = self.canon.norm, self.journal.law
        difference = norm(law("eq_by_difference", {"x": x, "y": y}).rhs.args[0].args[0])
        if difference.op == "const":
            return norm(indicator(eq(difference, ZERO)))
        poly = poly_of(difference)
        lead = Fraction(gcd(*(c.numerator for c in poly.values())), lcm(*(c.denominator for c in poly.values())))
        lead = lead if lead_of(poly) > 0 else -lead
        if lead != 1:
            rest = poly_term({m: c / lead for m, c in poly.items()})
            self.journal.computed("ring", difference, mul(const(lead), rest))
            law("eq_zero_scale", {"c": const(lead), "x": rest})
            difference = rest
        factors = self._never_zero(difference)
        if factors is not None:
            scale, witness, rest = factors
            self.journal.computed("ring", difference, mul(scale, rest))
            law("eq_zero_scale", {"c": scale, "x": rest}, witnesses={"c": witness})
            return self._zero(rest, ZERO)
        witness = self.canon.known("nonzero", difference)
        if witness is not None:
            return law("eq_zero_false", {"x": difference}, witnesses={"x": witness}).rhs
        result = indicator(eq(difference, ZERO))
        return norm(result) if difference.sort == INT else result

    def _never_zero(self, difference: Term) -> tuple[Term, Term, Term] | None:
        """(factor, witness that it isn't 0, the rest) for what all monomials share; None where that is 1 or all there is."""
        poly = poly_of(difference)
        shared = dict(next(iter(poly), ()))
        for m in poly:
            powers = dict(m)
            shared = {a: min(e, powers[a]) for a, e in shared.items() if a in powers}
        common = tuple((a, e) for a, e in sorted(shared.items(), key=lambda p: p[0].digest) if self.canon.known("nonzero", a))
        if not common or set(poly) == {common}:
            return None
        scale = monomial_term(common)
        witness = self.canon.known("nonzero", scale)
        return None if witness is None else (scale, witness, poly_term({without(m, common): c for m, c in poly.items()}))

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


def _of_indicator(condition: Term) -> bool:
    return condition.op == "lt" and condition.args[0] is ZERO and is_indicator(condition.args[1])


def lead_of(poly: Poly) -> Fraction:
    """The leading coefficient: of the monomial without maxima that comes last, so that a sum and its clips agree on it."""
    return poly[max(poly, key=lambda m: (bool(m), all(a.op != "max" for a, _ in m), monomial_key(m)))]


def _ratio(whole: Poly, part: Poly) -> Poly | None:
    """The monomial q with q·part = whole, where there is one."""
    if not whole or len(whole) != len(part):
        return None
    top, below = max(whole, key=monomial_key), max(part, key=monomial_key)
    powers = dict(top)
    for a, e in below:
        powers[a] = powers.get(a, 0) - e
    if any(e < 0 for e in powers.values()):
        return None
    q: Poly = {tuple(sorted(((a, e) for a, e in powers.items() if e), key=lambda p: p[0].digest)): whole[top] / part[below]}
    return q if product(q, part) == whole else None
