"""Products in normal form: which factors of a monomial combine, by which law.

exp(ax)·exp(bx) -> exp((a+b)x);  [c]·[c] -> [c];  x·1/x -> 1 where x is not 0;  √x·√x -> x where x >= 0;
L·1/P -> 1 - (P-L)·1/P where L is the leading monomial of P.  To add here: a law of two factors.  Never here: sums over an axis.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import combinations

from commute.egraph.journal import Journal
from commute.theory.index import simplify
from commute.theory.ops import add, eq, exp, indicator, land, lt, maximum, mul, recip, sqrt, where
from commute.theory.polynomial import (
    UNIT,
    Monomial,
    Poly,
    monomial_key,
    monomial_term,
    plus,
    poly_of,
    poly_term,
    product,
    times,
)
from commute.theory.schemas import in_case
from commute.theory.terms import INT, MINUS_ONE, ONE, ZERO, Term

_ROUNDS = 200


def is_indicator(atom: Term) -> bool:
    """where(c, 1, 0)"""
    return atom.op == "where" and atom.args[1] is ONE and atom.args[2] is ZERO


def direction(atom: Term) -> tuple[Monomial, Fraction] | None:
    """For exp(c·m) with one monomial m, the pair (m, c)."""
    if atom.op != "exp":
        return None
    poly = poly_of(atom.args[0])
    return next(iter(poly.items())) if len(poly) == 1 else None


def without(monomial: Monomial, part: Monomial) -> Monomial:
    """What is left of a monomial once a part of it is taken out."""
    taken = dict(part)
    return tuple((a, e - taken.get(a, 0)) for a, e in monomial if e > taken.get(a, 0))


def subject_of(condition: Term) -> Term | None:
    """The x of 0 < x or of x = 0; None for another condition."""
    if condition.op == "lt" and condition.args[0] is ZERO:
        return condition.args[1]
    return condition.args[0] if condition.op == "eq" and condition.args[1] is ZERO else None


class Products:
    """Combines factors; `known(predicate, term)` gives a witness that the predicate holds of the term, or None."""

    def __init__(
        self,
        journal: Journal,
        known: Callable[[str, Term], Term | None],
        norm: Callable[[Term], Term],
        open_clips: bool = False,
    ):
        self.open_clips = open_clips
        self.journal = journal
        self.known = known
        self.norm = norm
        self._memo: dict[Monomial, Term] = {}

    def normal(self, poly: Poly, written: Term) -> Term:
        """The normal form of a polynomial whose monomials may combine; `written` is `poly_term(poly)`."""
        for _ in range(_ROUNDS):
            parts = {m: self._combined(m) for m in poly}
            if all(parts[m] is monomial_term(m) for m in poly):
                return written
            ordered = sorted(poly, key=monomial_key, reverse=True)
            replaced: Term | None = None
            total: Poly = {}
            for m in ordered:
                c = poly[m]
                part = parts[m] if m != UNIT else monomial_term(m, c)
                if m != UNIT and c != 1:
                    part = mul(monomial_term(UNIT, c), part)
                replaced = part if replaced is None else add(part, replaced)
                total = plus(total, poly_of(parts[m]), c)
            assert replaced is not None
            poly, written = total, self.journal.computed("ring", replaced, poly_term(total))
        return written

    def _combined(self, monomial: Monomial) -> Term:
        """One combination applied to a monomial, and written as a sum again; itself where nothing combines."""
        if monomial not in self._memo:
            self._memo[monomial] = self._combine(monomial)
        return self._memo[monomial]

    def _combine(self, monomial: Monomial) -> Term:
        found = self._find(monomial)
        whole = monomial_term(monomial)
        if found is None:
            return whole
        used, before, after = found
        rest = without(monomial, used)
        rest_term = monomial_term(rest)
        split = self.journal.computed("ring", whole, mul(rest_term, before))
        joined = mul(rest_term, after)
        assert split.args[0] is rest_term
        return self.journal.computed("ring", joined, poly_term(product({rest: Fraction(1)}, poly_of(after))))

    def _find(self, monomial: Monomial) -> tuple[Monomial, Term, Term] | None:
        """Factors that combine: (the part of the monomial, the term of it that the law speaks of, what it becomes)."""
        seen: dict[Monomial, Term] = {}
        powers = dict(monomial)
        for atom, e in monomial:
            if e > 1 and is_indicator(atom):
                step = self.journal.law("indicator_square", {"c": atom.args[0]})
                return ((atom, 2),), step.lhs, step.rhs
            found = self._decide(atom, powers) if is_indicator(atom) else None
            if found is not None:
                return found
            if e > 1 and atom.op == "sqrt":
                witness = self.known("nonnegative", atom.args[0])
                if witness is not None:
                    step = self.journal.law("sqrt_squared", {"x": atom.args[0]}, witnesses={"x": witness})
                    return ((atom, 2),), step.lhs, step.rhs
            if atom.op == "exp":
                way = direction(atom)
                key = way[0] if way else ((atom, 1),)
                other = atom if e > 1 else seen.get(key)
                if other is not None:
                    return self._merge_exp(other, atom)
                seen[key] = atom
        implied = self._implied(powers)
        if implied is not None:
            return implied
        inverses = (self._cancel(atom, powers) for atom, _ in monomial if atom.op == "recip")
        return next((found for found in inverses if found is not None), None)

    def _decide(self, atom: Term, powers: dict[Term, int]) -> tuple[Monomial, Term, Term] | None:
        """[0 < x] or [x = 0] beside something that depends on the sign of x."""
        c = atom.args[0]
        if c.op == "lt" and c.args[0] is ZERO:
            x, others = c.args[1], {"indicator_positive_part": maximum(c.args[1], ZERO)}
        elif c.op == "eq" and c.args[1] is ZERO:
            x = c.args[0]
            others = {
                "indicator_zero_part": maximum(x, ZERO),
                "indicator_zero_recip": recip(x),
                "indicators_disjoint": indicator(lt(ZERO, x)),
            }
        elif c.op == "eq" and all(a.sort == INT for a in c.args):
            return self._where_zero(atom, plus(poly_of(c.args[0]), poly_of(c.args[1]), -1), powers)
        elif c.op == "lt" and all(a.sort == INT for a in c.args):
            gap = plus(plus(poly_of(c.args[0]), poly_of(c.args[1]), -1), {UNIT: Fraction(1)})
            return self._where_zero(atom, gap, powers) if simplify(eq(poly_term(gap), ZERO)) is c else None
        else:
            return None
        for law, other in others.items():
            if powers.get(other):
                step = self.journal.law(law, {"x": x})
                before = mul(atom, other)
                self.journal.computed("ring", before, step.lhs)
                return times(((atom, 1),), ((other, 1),)), before, step.rhs
        poly = poly_of(x)
        exponent = self._exponent_where_zero(atom, poly, powers) if c.op == "eq" else None
        if exponent is not None:
            return exponent
        if c.op == "eq" and len(poly) > 1:
            return self._where_zero(atom, poly, powers)
        if self.open_clips and c.op == "lt":
            return None
        if len(poly) != 1 or next(iter(poly.values())) != 1 or not all(powers.get(a, 0) >= e for a, e in next(iter(poly))):
            return None
        step = self.journal.law("indicator_times_itself" if c.op == "lt" else "indicator_of_zero", {"x": x})
        return times(((atom, 1),), next(iter(poly))), step.lhs, self.norm(step.rhs)

    def _where_zero(self, atom: Term, poly: Poly, powers: dict[Term, int]) -> tuple[Monomial, Term, Term] | None:
        """[P = 0]·L -> [P = 0]·(L - P/c) for the leading monomial c·L of P, where the product has it."""
        lead = max(poly, key=monomial_key)
        if lead == UNIT or not all(powers.get(a, 0) >= e for a, e in lead):
            return None
        c = poly[lead]
        step = self.journal.law("indicator_of_zero", {"x": poly_term(poly)})
        if step.lhs.args[0] is not atom:
            self.journal.computed("index", step.lhs.args[0], atom)
        zero, before = mul(atom, step.lhs.args[1]), mul(atom, monomial_term(lead))
        less = poly_term({m: -k / c for m, k in poly.items() if m != lead})
        share = monomial_term(UNIT, 1 / c)
        self.journal.computed("ring", before, add(mul(share, zero), mul(atom, less)))
        after = self.journal.computed("ring", add(mul(share, step.rhs), mul(atom, less)), poly_term(poly_of(mul(atom, less))))
        return times(((atom, 1),), lead), before, after

    def _exponent_where_zero(self, atom: Term, poly: Poly, powers: dict[Term, int]) -> tuple[Monomial, Term, Term] | None:
        """[P = 0]·exp(k·L) -> [P = 0]·exp(k·(L - P/c)) for the leading monomial c·L of P."""
        lead, condition = max(poly, key=monomial_key), atom.args[0]
        found = next((a for a in powers if lead != UNIT and (direction(a) or (UNIT, 0))[0] == lead), None)
        if found is None:
            return None
        share = (direction(found) or (UNIT, 0))[1] / poly[lead]
        rest = poly_term({m: -v * share for m, v in poly.items() if m != lead})
        split = add(mul(monomial_term(UNIT, share), condition.args[0]), rest)
        self.journal.computed("ring", found.args[0], split)
        whole = mul(atom, exp(split))
        choice = where(condition, in_case(whole, condition, True), in_case(whole, condition, False))
        after = self.norm(self.journal.computed("cases", whole, choice))
        return times(((atom, 1),), ((found, 1),)), mul(atom, found), after

    def _implied(self, powers: dict[Term, int]) -> tuple[Monomial, Term, Term] | None:
        """[c]·[d] of two comparisons of integers, of which one follows from the other or from its contrary."""
        found = [a for a in powers if is_indicator(a) and a.args[0].op in ("lt", "eq") and a.args[0].args[0].sort == INT]
        for first, second in combinations(found, 2):
            both = land(first.args[0], second.args[0])
            less = simplify(both)
            if less is not both and less.op in ("lt", "eq", "false"):
                step = self.journal.law("indicator_and", {"c": first.args[0], "d": second.args[0]})
                after = self.journal.computed("index", step.lhs, indicator(less))
                return times(((first, 1),), ((second, 1),)), step.rhs, self.norm(after)
        return None

    def _merge_exp(self, left: Term, right: Term) -> tuple[Monomial, Term, Term]:
        step = self.journal.law("exp_sum", {"x": left.args[0], "y": right.args[0]})
        total = plus(poly_of(left.args[0]), poly_of(right.args[0]))
        self.journal.computed("ring", step.lhs.args[0], poly_term(total))
        merged = exp(poly_term(total)) if total else self.journal.law("exp_zero").rhs
        return times(((left, 1),), ((right, 1),)), step.rhs, merged

    def _cancel(self, atom: Term, powers: dict[Term, int]) -> tuple[Monomial, Term, Term] | None:
        below = atom.args[0]
        if powers.get(below) and powers.get(sqrt(below)):
            return self._rooted(below)
        if below in powers:
            witness = self.known("nonzero", below)
            if witness is None:
                return self._absorb(atom, powers)
            step = self.journal.law("recip_cancels", {"x": below}, witnesses={"x": witness})
            return times(((below, 1),), ((atom, 1),)), step.lhs, step.rhs
        if below.op != "add":
            return None
        return self._divide(atom, poly_of(below), powers)

    def _rooted(self, x: Term) -> tuple[Monomial, Term, Term]:
        """x·√x·1/x -> √x, which holds for x <= 0 too."""
        inverse, step = self.journal.law("recip_of_sqrt", {"x": x}), self.journal.law("times_recip_sqrt", {"x": x})
        used = times(times(((x, 1),), ((sqrt(x), 1),)), ((recip(x), 1),))
        return used, mul(x, inverse.rhs), step.rhs

    def _absorb(self, atom: Term, powers: dict[Term, int]) -> tuple[Monomial, Term, Term] | None:
        """x·1/x·1/x -> 1/x and x·x·1/x -> x, which hold for x = 0 too."""
        below = atom.args[0]
        for name, once, twice in (("recip_absorbs", below, atom), ("square_times_recip", atom, below)):
            if powers[twice] > 1:
                step = self.journal.law(name, {"x": below})
                return times(((once, 1),), ((twice, 2),)), step.lhs, step.rhs
        return None

    def _divide(self, atom: Term, poly: Poly, powers: dict[Term, int]) -> tuple[Monomial, Term, Term] | None:
        """L·1/P -> (1 - (P-L)·1/P) / c for a monomial c·L of P that the product has (exp factors may have more)."""
        lead = self._divisor(poly, powers)
        witness = self.known("nonzero", atom.args[0]) if lead is not None else None
        if lead is None or witness is None:
            return None
        c = poly[lead]
        rest = plus(poly, {lead: c}, -1)
        step = self.journal.law("recip_cancels", {"x": atom.args[0]}, witnesses={"x": witness})
        used, extra = self._take(lead, powers)
        before = mul(monomial_term(used), atom)
        if used != lead:
            self._split_exp(used, lead, extra, before, atom)
        inverse, rest_term = monomial_term(UNIT, 1 / c), poly_term(rest)
        base = mul(monomial_term(lead), atom)
        expanded = mul(inverse, add(step.lhs, mul(MINUS_ONE, mul(rest_term, atom))))
        self.journal.computed("ring", base, expanded)
        after = mul(inverse, add(ONE, mul(MINUS_ONE, mul(rest_term, atom))))
        if used != lead:
            after = mul(monomial_term(extra), after)
        final = self.journal.computed("ring", after, poly_term(poly_of(after)))
        return times(used, ((atom, 1),)), before, final

    def _divisor(self, poly: Poly, powers: dict[Term, int]) -> Monomial | None:
        ways = {w[0]: w[1] for a in powers if (w := direction(a)) is not None}
        inner = [w for m in poly for a, _ in m if (w := direction(a)) is not None]
        for way, c in ways.items():
            steps = [x for d, x in inner if d == way]
            if not steps or any(x <= 0 for x in steps):
                continue
            low = [m for m in poly if all((d := direction(a)) is None or d[0] != way for a, _ in m)]
            if c < 0 and len(low) == 1 and low[0] == UNIT:
                return UNIT
        lead = max(poly, key=lambda m: (self._height(m), monomial_key(m)))
        return lead if lead != UNIT and self._fits(lead, powers) else None

    @staticmethod
    def _height(monomial: Monomial) -> Fraction:
        return sum((Fraction(e) * (d[1] if (d := direction(a)) else 1) for a, e in monomial), Fraction(0))

    @staticmethod
    def _fits(lead: Monomial, powers: dict[Term, int]) -> bool:
        ways = {w[0]: w[1] for a in powers if (w := direction(a)) is not None}
        for a, e in lead:
            way = direction(a)
            if way is not None:
                if way[1] <= 0 or ways.get(way[0], Fraction(0)) < way[1]:
                    return False
            elif powers.get(a, 0) < e:
                return False
        return True

    @staticmethod
    def _take(lead: Monomial, powers: dict[Term, int]) -> tuple[Monomial, Monomial]:
        """The factors of the product that hold `lead`, and what is left of them once `lead` is taken out."""
        used: Monomial = UNIT
        extra: Monomial = UNIT
        for a, e in lead:
            way = direction(a)
            if way is None:
                used = times(used, ((a, e),))
                continue
            big = next(b for b in powers if (w := direction(b)) is not None and w[0] == way[0])
            used = times(used, ((big, 1),))
            rest = (direction(big) or way)[1] - way[1]
            if rest:
                extra = times(extra, ((exp(monomial_term(way[0], rest)), 1),))
        return used, extra

    def _split_exp(self, used: Monomial, lead: Monomial, extra: Monomial, before: Term, atom: Term) -> None:
        """Note that the factors taken are lead times extra: exp((a+b)x) = exp(ax)·exp(bx), one exponential at a time."""
        replaced: Term | None = None
        by_way = {d[0]: a for a, _ in extra if (d := direction(a)) is not None}
        small = {d[0]: a for a, _ in lead if (d := direction(a)) is not None}
        for a, _ in reversed([(a, i) for a, e in used for i in range(e)]):
            way = direction(a)
            part = a
            if way is not None and way[0] in by_way and way[0] in small:
                step = self.journal.law("exp_sum", {"x": small[way[0]].args[0], "y": by_way[way[0]].args[0]})
                self.journal.computed("ring", step.lhs.args[0], a.args[0])
                part = step.rhs
            replaced = part if replaced is None else mul(part, replaced)
        assert replaced is not None
        self.journal.computed("ring", mul(replaced, atom), mul(monomial_term(extra), mul(monomial_term(lead), atom)))
