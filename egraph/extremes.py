"""Maxima in normal form: distinct arguments in one order, nested to the right, with what they share taken out.

min(a, b) is -max(-a, -b).  To add here: laws of max between numbers.  Never here: a maximum over an axis (`sums.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commute.egraph.selecting import lead_of
from commute.theory.ops import add, maximum, minimum, mul, sub
from commute.theory.polynomial import UNIT, Poly, plus, poly_of, poly_term, product
from commute.theory.terms import EXT, INT, MINUS_ONE, NINF, ZERO, Term, const

if TYPE_CHECKING:
    from commute.egraph.canon import Canon


class Extremes:
    """The normal form of max and min over arguments in normal form."""

    def __init__(self, canon: Canon):
        self.canon = canon
        self.journal = canon.journal

    def normal(self, t: Term) -> Term:
        """The normal form of the node."""
        law = self.journal.law
        x, y = t.args
        if t.op == "min":
            if EXT in (x.sort, y.sort):
                return self.canon.masked.min(t)
            return self.canon.norm(law("min_by_max", {"x": x, "y": y}).rhs)
        joined = self.canon.masked.max(x, y) or self.canon.masked.max_over(x, y)
        if joined is not None:
            return joined
        left, right = self.canon.functions.as_exp(x), self.canon.functions.as_exp(y)
        if left is not None and right is not None:
            return self.canon.norm(law("exp_max", {"x": left, "y": right}).lhs)
        smaller = self._smaller_exp(t)
        if smaller is not None:
            return smaller
        ordered = self._insert_all(x, y)
        if ordered.op != "max" or EXT in (ordered.args[0].sort, ordered.args[1].sort) or ordered.sort == EXT:
            return ordered
        x, y = ordered.args
        if y.op != "max" and x.op != "max":
            clipped = self._clip(x, y)
            if clipped is not None:
                return clipped
        return self._shared(ordered)

    def _smaller_exp(self, t: Term) -> Term | None:
        """max(-exp(a), -exp(b)) as -exp(min(a, b)); None for other arguments."""
        if t.sort == EXT or any(list(poly_of(x).values()) != [-1] for x in t.args):
            return None
        parts = [self.canon.functions.as_exp(self.canon.norm(mul(MINUS_ONE, x))) for x in t.args]
        if parts[0] is None or parts[1] is None:
            return None
        law = self.journal.law
        step = law("exp_min", {"x": parts[0], "y": parts[1]})
        opposite = law("min_by_max", {"x": step.rhs.args[0], "y": step.rhs.args[1]}).rhs
        for x in opposite.args[1].args:
            self.canon.norm(x)
        self.journal.computed("ring", mul(MINUS_ONE, opposite), opposite.args[1])
        return self.canon.norm(mul(MINUS_ONE, step.lhs))

    def _clip(self, x: Term, y: Term) -> Term | None:
        """max(x, y) as y + s·max(P, 0), where y is a number or both are multiples of one thing; P's lead is positive."""
        norm, law = self.canon.norm, self.journal.law
        left, right = poly_of(x), poly_of(y)
        gap = plus(left, right, -1)
        alike = set(left) <= {UNIT} or set(right) <= {UNIT} or _proportional(left, right)
        if not alike and not self.canon.open_clips:
            return None
        if lead_of(gap) < 0:
            law("max_commutes", {"x": x, "y": y})
            x, y, gap = y, x, {m: -c for m, c in gap.items()}
        difference = poly_term(gap)
        self.journal.computed("ring", x, add(difference, y))
        self.journal.computed("ring", y, add(ZERO, y))
        law("max_shift", {"x": difference, "y": ZERO, "z": y})
        return norm(add(self._positive_part(difference), y))

    def _positive_part(self, x: Term) -> Term:
        """max(x, 0) for x whose leading coefficient is positive: the common factor taken out, nested clips undone."""
        norm, law = self.canon.norm, self.journal.law
        whole = maximum(x, ZERO)
        if whole in self.canon.memo:
            return self.canon.memo[whole]
        found = self.canon.positive_content([poly_of(x)])
        if found is not None:
            scale, witness, (rest,) = found
            self.journal.computed("ring", x, mul(scale, rest))
            self.journal.computed("ring", ZERO, mul(scale, ZERO))
            law("max_scale", {"c": scale, "x": rest, "y": ZERO}, witnesses={"c": witness})
            return norm(mul(scale, self._positive_part(rest)))
        if self.canon.open_clips:
            step = law("indicator_times_itself", {"x": x})
            flag = norm(step.lhs.args[0]) if x.sort == INT else step.lhs.args[0]
            result = self.canon.memo[whole] = poly_term(product(poly_of(flag), poly_of(x)))
            return self.journal.computed("ring", mul(flag, x), result)
        result = self._unclipped(x) or whole
        self.canon.memo[whole] = result
        return result

    def _unclipped(self, x: Term) -> Term | None:
        """max(max(a, 0) - c, 0) = max(a - c, 0) and max(a - max(a - c, 0), 0) = max(a, 0) - max(a - c, 0), c >= 0."""
        norm, law = self.canon.norm, self.journal.law
        poly = poly_of(x)
        for m, k in poly.items():
            if len(m) != 1 or m[0][1] != 1 or m[0][0].op != "max" or m[0][0].args[1] is not ZERO or abs(k) != 1:
                continue
            a, rest = m[0][0].args[0], plus(poly, {m: k}, -1)
            if k == 1 and set(rest) == {UNIT} and rest[UNIT] < 0:
                c = const(-rest[UNIT])
                self.journal.computed("ring", x, sub(m[0][0], c))
                return norm(law("clip_outside", {"a": a, "c": c}, witnesses={"c": c}).rhs)
            gap = plus(rest, poly_of(a), -1)
            if k == -1 and set(gap) == {UNIT} and gap[UNIT] > 0:
                c, whole = const(gap[UNIT]), poly_term(rest)
                self.journal.computed("ring", a, sub(whole, c))
                self.journal.computed("ring", x, sub(whole, m[0][0]))
                return norm(law("clip_inside", {"a": whole, "c": c}, witnesses={"c": c}).rhs)
        return None

    def _insert_all(self, x: Term, y: Term) -> Term:
        """max(x, y) with the arguments of x inserted one by one into those of y."""
        law = self.journal.law
        if x.op == "max":
            law("max_associates", {"x": x.args[0], "y": x.args[1], "z": y})
            return self._insert_all(x.args[0], self._insert_all(x.args[1], y))
        return self._insert(x, y)

    def _insert(self, x: Term, y: Term) -> Term:
        """max(x, y) for x that is no maximum and y in order."""
        law = self.journal.law
        if x is NINF:
            law("max_commutes", {"x": x, "y": y})
            return law("max_unit", {"x": y}).rhs
        if y is NINF:
            return law("max_unit", {"x": x}).rhs
        head = y.args[0] if y.op == "max" else y
        if x is head:
            if y.op != "max":
                return law("max_idempotent", {"x": x}).rhs
            law("max_associates", {"x": x, "y": x, "z": y.args[1]})
            law("max_idempotent", {"x": x})
            return y
        winner = self._decided(x, head)
        if winner is not None:
            return self._replace(x, y, head, winner)
        if x.digest < head.digest:
            return maximum(x, y)
        if y.op != "max":
            return law("max_commutes", {"x": x, "y": y}).rhs
        law("max_associates", {"x": x, "y": head, "z": y.args[1]})
        law("max_commutes", {"x": x, "y": head})
        law("max_associates", {"x": head, "y": x, "z": y.args[1]})
        rest = self._insert(x, y.args[1])
        return self._insert(head, rest) if rest.op == "max" and rest.args[0].digest < head.digest else maximum(head, rest)

    def _replace(self, x: Term, y: Term, head: Term, winner: Term) -> Term:
        """max(x, y) where one of x and y's head is known to be the larger."""
        if y.op != "max":
            return winner
        self.journal.law("max_associates", {"x": x, "y": head, "z": y.args[1]})
        return y if winner is head else self._insert(x, y.args[1])

    def _decided(self, x: Term, y: Term) -> Term | None:
        """The larger of the two where the sign of their difference is known; the equation is noted."""
        if EXT in (x.sort, y.sort):
            return None
        for big, small in ((x, y), (y, x)):
            gap = poly_term(plus(poly_of(big), poly_of(small), -1))
            witness = self.canon.known("nonnegative", gap)
            if witness is None:
                if self._absorbs(big, small):
                    if big is not x:
                        self.journal.law("max_commutes", {"x": x, "y": y})
                    return big
                continue
            self.journal.computed("ring", big, add(small, gap))
            self.journal.law("max_absorbs", {"c": gap, "x": small}, witnesses={"c": witness})
            if big is x:
                self.journal.law("max_commutes", {"x": x, "y": y})
            return big
        return None

    def _absorbs(self, big: Term, small: Term) -> bool:
        """Whether small is min(big, y), which has the normal form -max(-big, -y); then max(big, small) = big is noted."""
        ((monomial, c), *more) = poly_of(small).items() or [(UNIT, 0)]
        if more or c != -1 or len(monomial) != 1 or monomial[0][1] != 1 or monomial[0][0].op != "max":
            return False
        parts = _arguments(monomial[0][0])
        opposite = self.canon.norm(mul(MINUS_ONE, big))
        if opposite not in parts:
            return False
        others = [p for p in parts if p is not opposite]
        rest = others[0]
        for p in others[1:]:
            rest = maximum(rest, p)
        y = self.canon.norm(mul(MINUS_ONE, rest))
        if self.canon.norm(minimum(big, y)) is not small:
            return False
        self.journal.law("max_absorbs_min", {"x": big, "y": y})
        return True

    def _shared(self, t: Term) -> Term:
        """Take out what all arguments share: equal summands, then a common factor that isn't negative."""
        parts = _arguments(t)
        polys = [poly_of(p) for p in parts]
        common: Poly = {m: c for m, c in polys[0].items() if all(p.get(m) == c for p in polys[1:])}
        if common:
            shift = poly_term(common)
            left = [poly_term(plus(p, common, -1)) for p in polys]
            for p, r in zip(parts, left, strict=True):
                self.journal.computed("ring", p, add(r, shift))
            inner = left[-1]
            for r in reversed(left[:-1]):
                self.journal.law("max_shift", {"x": r, "y": inner, "z": shift})
                inner = maximum(r, inner)
            return self.canon.norm(add(self.canon.norm(inner), shift))
        found = self.canon.positive_content(polys)
        if found is None:
            return t
        scale, witness, left = found
        for p, r in zip(parts, left, strict=True):
            self.journal.computed("ring", p, mul(scale, r))
        inner = left[-1]
        for r in reversed(left[:-1]):
            self.journal.law("max_scale", {"c": scale, "x": r, "y": inner}, witnesses={"c": witness})
            inner = maximum(r, inner)
        return self.canon.norm(mul(scale, self.canon.norm(inner)))


def _arguments(t: Term) -> list[Term]:
    """The arguments of a maximum that is nested to the right."""
    return [t.args[0], *_arguments(t.args[1])] if t.op == "max" else [t]


def _proportional(left: Poly, right: Poly) -> bool:
    """Whether one polynomial is a number times the other."""
    return set(left) == set(right) and len({left[m] / right[m] for m in left}) == 1
