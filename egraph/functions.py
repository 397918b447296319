"""Normal forms of 1/x, exp, log, √, sin, cos, tanh, erf over arguments in normal form.

exp is split into one factor a monomial of its argument; 1/x, log and √ give up the common factor of theirs.
To add here: one method a function.  Never here: sums and products themselves.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from commute.egraph.contents import size_of
from commute.egraph.monomials import is_indicator
from commute.theory.ops import add, exp, log, mul, neg, recip, sqrt
from commute.theory.polynomial import monomial_key, monomial_term, poly_of, poly_term
from commute.theory.terms import EXT, MINUS_ONE, NINF, Term, const

if TYPE_CHECKING:
    from commute.egraph.canon import Canon

HALF = Fraction(1, 2)


class Functions:
    """One method a function; each takes the node, its argument in normal form."""

    def __init__(self, canon: Canon):
        self.canon = canon
        self.journal = canon.journal

    def normal(self, t: Term) -> Term:
        """The normal form of the node."""
        return getattr(self, "_" + t.op)(t)

    def _recip(self, t: Term) -> Term:
        x = t.args[0]
        norm, law = self.canon.norm, self.journal.law
        if x.op == "recip":
            return law("recip_twice", {"x": x.args[0]}).rhs
        if x.op == "exp":
            return norm(law("exp_neg", {"x": x.args[0]}).lhs) if x.args[0].sort != EXT else t
        if x.op == "sqrt":
            return norm(law("recip_of_sqrt", {"x": x.args[0]}).rhs)
        if is_indicator(x):
            return norm(law("recip_where", {"c": x.args[0], "x": x.args[1], "y": x.args[2]}).rhs)
        if x.op == "reduce" and x.attrs[0] == "prod":
            return norm(law("prod_recip", {"x": x.args[0]}, {"k": x.attrs[1]}).lhs)
        if x.op == "mul":
            return norm(law("recip_product", {"x": x.args[0], "y": x.args[1]}).rhs)
        if x.op == "add":
            parts = self.canon.content(poly_of(x))
            if parts is not None and self.canon.factored(x, *parts):
                self._share_sign(x, *parts)
                step = law("recip_product", {"x": parts[0], "y": parts[1]})
                self.canon.memo.setdefault(recip(parts[1]), recip(parts[1]))
                return norm(step.rhs)
        return t

    def _exp(self, t: Term) -> Term:
        x = t.args[0]
        norm, law = self.canon.norm, self.journal.law
        if x is NINF:
            return law("exp_minus_infinity").rhs
        if x.op == "where" and x.sort == EXT:
            return norm(law("exp_where", {"c": x.args[0], "x": x.args[1], "y": x.args[2]}).rhs)
        if x.op == "add":
            return norm(law("exp_sum", {"x": x.args[0], "y": x.args[1]}).rhs)
        if x.sort == EXT and self.canon.open_clips:
            return self._exp_of_extended(t)
        if x.sort == EXT:
            return t
        return self._exp_of_log(t) or t

    def _exp_of_extended(self, t: Term) -> Term:
        """exp of a maximum that may be -inf as a maximum of exponentials, which are numbers."""
        x, norm, law = t.args[0], self.canon.norm, self.journal.law
        if x.op == "max":
            return norm(law("exp_max", {"x": x.args[0], "y": x.args[1]}).rhs)
        if x.op == "reduce" and x.attrs[0] == "max":
            return norm(law("exp_of_maximum", {"x": x.args[0]}, {"k": x.attrs[1]}).rhs)
        return t

    def as_exp(self, x: Term) -> Term | None:
        """The exponent of a product of exponentials, where x is one; exp of it has x as its normal form."""
        if x.sort == EXT:
            return None
        poly = poly_of(x)
        if len(poly) != 1 or next(iter(poly.values())) != 1:
            return None
        ((monomial, _),) = poly.items()
        if not monomial or any(a.op != "exp" or a.args[0].sort == EXT for a, _ in monomial):
            return None
        total: Term | None = None
        for a, e in monomial:
            for _ in range(e):
                total = a.args[0] if total is None else add(total, a.args[0])
        assert total is not None
        total = self.canon.norm(total)
        return total if self.canon.norm(exp(total)) is x else None

    def _exp_of_log(self, t: Term) -> Term | None:
        """exp(c·log x) for c = 1, -1, 1/2, -1/2."""
        norm, law = self.canon.norm, self.journal.law
        ((monomial, c),) = poly_of(t.args[0]).items()
        if len(monomial) != 1 or monomial[0][1] != 1 or monomial[0][0].op != "log":
            return None
        x = monomial[0][0].args[0]
        witness = self.canon.known("positive", x)
        if witness is None or c.denominator > 2 or abs(c) > (64 if x.op == "const" else 4):
            return None
        if c == 1:
            return norm(law("exp_of_log", {"x": x}, witnesses={"x": witness}).rhs)
        if c == HALF:
            return norm(law("exp_half", {"x": log(x)}).rhs)
        if c < 0:
            inner = monomial_term(monomial, -c)
            self.journal.computed("ring", t.args[0], neg(inner))
            return norm(law("exp_neg", {"x": inner}).rhs)
        first, rest = monomial_term(monomial, 1), monomial_term(monomial, c - 1)
        self.journal.computed("ring", t.args[0], add(first, rest))
        return norm(law("exp_sum", {"x": first, "y": rest}).rhs)

    def _log(self, t: Term) -> Term:
        x = t.args[0]
        norm, law = self.canon.norm, self.journal.law
        if x.op == "const":
            return self._log_number(t, x.attrs[0])
        if x.op == "exp" and x.args[0].sort != EXT:
            return law("log_of_exp", {"x": x.args[0]}).rhs
        if x.op == "recip":
            witness = self.canon.known("positive", x.args[0])
            return norm(law("log_recip", {"x": x.args[0]}, witnesses={"x": witness}).rhs) if witness else t
        if x.op == "sqrt":
            witness = self.canon.known("positive", x.args[0])
            return norm(law("log_of_sqrt", {"x": x.args[0]}, witnesses={"x": witness}).rhs) if witness else t
        if x.op == "const":
            return self._log_number(t, x.attrs[0])
        if x.op == "mul":
            return self._split_log(t, x.args[0], x.args[1]) or t
        if x.op == "add":
            parts = self.canon.content(poly_of(x))
            if parts is not None and self.canon.factored(x, *parts):
                return self._split_log(log(mul(*parts)), *parts) or t
        return t

    def _log_number(self, t: Term, value: Fraction) -> Term:
        """log(p/q) as a sum of logarithms of primes."""
        if value <= 0:
            return t
        if value.denominator > 1:
            over = const(value.denominator)
            under = self.journal.computed("constant", recip(over), const(1 / Fraction(value.denominator)))
            if value.numerator == 1:
                return self.canon.norm(self.journal.law("log_recip", {"x": over}, witnesses={"x": over}).rhs)
            self.journal.computed("constant", mul(const(value.numerator), under), t.args[0])
            return self._split_log(t, const(value.numerator), recip(over)) or t
        outside, primes = _square_free(value.numerator)
        factor = outside if outside > 1 else primes[0] if len(primes) > 1 else None
        if factor is None:
            return t
        rest = const(value / factor)
        self.journal.computed("constant", mul(const(factor), rest), t.args[0])
        return self._split_log(t, const(factor), rest) or t

    def _split_log(self, t: Term, left: Term, right: Term) -> Term | None:
        witnesses = self.canon.known("positive", left), self.canon.known("positive", right)
        if witnesses[0] is None or witnesses[1] is None:
            return None
        holes = {"x": left, "y": right}
        step = self.journal.law("log_product", holes, witnesses={"x": witnesses[0], "y": witnesses[1]})
        return self.canon.norm(step.rhs)

    def _sqrt(self, t: Term) -> Term:
        x = t.args[0]
        norm, law = self.canon.norm, self.journal.law
        if x.op == "const":
            return self._sqrt_number(t)
        if is_indicator(x):
            return norm(law("sqrt_where", {"c": x.args[0], "x": x.args[1], "y": x.args[2]}).rhs)
        if x.op == "recip":
            return norm(law("sqrt_of_recip", {"x": x.args[0]}).rhs)
        if x.op == "exp" and x.args[0].sort != EXT:
            return norm(law("exp_half", {"x": x.args[0]}).lhs)
        if x.op == "mul":
            if x.args[0] is x.args[1]:
                return norm(law("sqrt_of_square", {"x": x.args[0]}).rhs)
            return self._split_sqrt(x, x.args[0], x.args[1]) or t
        if x.op == "add":
            return self._sqrt_of_sum(t, x)
        return t

    def _sqrt_of_sum(self, t: Term, x: Term) -> Term:
        poly = poly_of(x)
        parts = self.canon.content(poly)
        if parts is None:
            return t
        if poly[max(poly, key=monomial_key)] < 0:
            parts = self.canon.norm(neg(parts[0])), self.canon.norm(neg(parts[1]))
        if parts[0] is const(1) or not self.canon.factored(x, *parts):
            return t
        self._share_sign(x, *parts)
        return self._split_sqrt(x, *parts) or t

    def _share_sign(self, whole: Term, factor: Term, rest: Term) -> None:
        """What is left of a sum once a number and sizes are taken out: 0 where the sum is, of its sign if the number is > 0."""
        inverse = _inverse(factor)
        if inverse is None:
            return
        shared = ("positive", "nonnegative", "nonzero") if self.canon.facts.holds("positive", inverse) else ("nonzero",)
        for predicate in shared:
            witness = self.canon.known(predicate, whole)
            if witness is not None and self.canon.known(predicate, rest) is None:
                if self.canon.norm(mul(inverse, whole)) is rest:
                    self.canon.grant(predicate, rest, mul(inverse, witness))

    def _split_sqrt(self, x: Term, left: Term, right: Term) -> Term | None:
        witnesses = self.canon.known("nonnegative", left), self.canon.known("nonnegative", right)
        if witnesses[0] is None or witnesses[1] is None:
            return None
        holes = {"x": left, "y": right}
        step = self.journal.law("sqrt_product", holes, witnesses={"x": witnesses[0], "y": witnesses[1]})
        self.canon.memo.setdefault(sqrt(right), sqrt(right)) if right.op == "add" else None
        return self.canon.norm(step.rhs)

    def _sqrt_number(self, t: Term) -> Term:
        """√(p/q) as a rational times a product of roots of distinct primes."""
        value: Fraction = t.args[0].attrs[0]
        if value < 0:
            return t
        whole = value.numerator * value.denominator
        outside, primes = _square_free(whole)
        if outside == 1 and value.denominator == 1 and len(primes) == 1:
            return t
        square = const(Fraction(outside * outside, value.denominator**2))
        inner = const(primes[0]) if len(primes) == 1 else None
        if square.attrs[0] != 1:
            rest = const(value / square.attrs[0])
            self.journal.computed("constant", mul(square, rest), t.args[0])
            return self._split_sqrt(t.args[0], square, rest) or t
        assert inner is None
        rest = const(value / primes[0])
        self.journal.computed("constant", mul(const(primes[0]), rest), t.args[0])
        return self._split_sqrt(t.args[0], const(primes[0]), rest) or t

    def _tanh(self, t: Term) -> Term:
        return self.canon.norm(self.journal.law("tanh_by_exp", {"x": t.args[0]}).rhs)

    def _odd(self, t: Term, law: str) -> Term:
        """An odd or even function of a negative: the leading coefficient of its argument is made positive."""
        poly = poly_of(t.args[0])
        if not poly or poly[max(poly, key=monomial_key)] > 0:
            return t
        positive = poly_term({m: -c for m, c in poly.items()})
        self.journal.computed("ring", t.args[0], mul(MINUS_ONE, positive))
        return self.canon.norm(self.journal.law(law, {"x": positive}).rhs)

    def _sin(self, t: Term) -> Term:
        return self._odd(t, "sin_odd")

    def _cos(self, t: Term) -> Term:
        return self._odd(t, "cos_even")

    def _erf(self, t: Term) -> Term:
        return self._odd(t, "erf_odd")


def _square_free(n: int) -> tuple[int, list[int]]:
    """(s, primes) with n = s² · product of the primes, the primes distinct and in order; a large cofactor stays whole."""
    outside, primes, p = 1, [], 2
    while p * p <= n and p < 10_000:
        while n % (p * p) == 0:
            n //= p * p
            outside *= p
        if n % p == 0:
            n //= p
            primes.append(p)
        p += 1
    return outside, [*primes, n] if n > 1 else primes


def _inverse(factor: Term) -> Term | None:
    """The reciprocal of a number times powers of sizes; None for another factor."""
    ((monomial, c),) = poly_of(factor).items()
    if any(size_of(a) is None for a, _ in monomial):
        return None
    result = const(1 / c)
    for a, e in monomial:
        for _ in range(e):
            result = mul(result, a.args[0] if a.op == "recip" else recip(a))
    return result
