"""The normaliser: one normal form for sums of products with exponentials, roots, maxima, selections and contractions.

`Canon.norm(t)` returns a term equal to `t` and notes in its journal every equation that it used, so that nothing here needs
to be trusted: what it claims is rechecked.  It is the first prover, cheap and directed; equality saturation is the second.
To add here: the normal form of an operator, as laws applied in one direction.  Never here: an operator's meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import gcd, lcm
from time import monotonic

from commute.egraph.choices import Choices
from commute.egraph.contents import size_of
from commute.egraph.extremes import Extremes
from commute.egraph.folding import Prefix, closed_form
from commute.egraph.functions import Functions
from commute.egraph.integers import Integers
from commute.egraph.journal import Journal
from commute.egraph.masked import Masked
from commute.egraph.monomials import Products, direction, is_indicator, without
from commute.egraph.selecting import Selecting
from commute.egraph.sums import Reductions
from commute.theory.axes import Size
from commute.theory.facts import Facts
from commute.theory.ops import COMPOSITES, definition, exp, mul, recip
from commute.theory.polynomial import (
    UNIT,
    Monomial,
    Poly,
    TooLarge,
    flat,
    monomial_key,
    monomial_term,
    plus,
    poly_of,
    poly_term,
    product,
    times,
)
from commute.theory.schemas import evaluate_constant, unrolled
from commute.theory.terms import BOOL, EXT, INT, Term, postorder, rebuild

PREDICATES = ("positive", "nonnegative", "nonzero")
_MANY = 24
"""A sum of so many terms is put in order at once."""

_INDEX_OPS = {
    "axis",
    "size",
    "const",
    "add",
    "mul",
    "floordiv",
    "mod",
    "true",
    "false",
    "input",
    "lt",
    "le",
    "eq",
    "and",
    "or",
    "not",
}


class OutOfBudget(Exception):
    """The time or the number of steps ran out; the message says which."""


class Canon:
    """Normal forms under given facts, within a budget of seconds and steps; `missed` are terms whose sign was asked in vain.

    `spans` are the sizes of the axes that the goals reduce over: a fold in closed form is written over such an axis;
    `families` says of some folds which reduction over a prefix each state is (a guess like any other).
    """

    def __init__(
        self,
        facts: Facts,
        journal: Journal,
        *,
        steps: int = 200_000,
        monomials: int = 4_000,
        unroll: int = 1,
        open_clips: bool = False,
    ):
        self.facts, self.journal = facts, journal
        self._unroll = unroll
        self.open_clips = open_clips
        self.spans: frozenset[Size] = frozenset()
        self.families: Mapping[tuple, Mapping[str, Prefix]] = {}
        self.memo: dict[Term, Term] = {}
        self.busy: set[Term] = set()
        self._witness: dict[tuple[str, Term], Term] = {}
        self._deadline = monotonic() + 10.0
        self.missed: set[Term] = set()
        self._limits = (steps, monomials)
        self.products = Products(journal, self.known, self.norm, open_clips)
        self.reductions = Reductions(self)
        self.functions = Functions(self)
        self.extremes = Extremes(self)
        self.selecting = Selecting(self)
        self.integers = Integers(self)
        self.masked = Masked(self)
        self.choices = Choices(self)

    def allow(self, seconds: float) -> None:
        """Set the time that is left from now on."""
        self._deadline = monotonic() + seconds

    def plain(self) -> Canon:
        """The normaliser that leaves clips as they are, with the same journal and what is known."""
        if not self.open_clips:
            return self
        other = Canon(self.facts, self.journal, steps=self._limits[0], monomials=self._limits[1])
        other._witness, other._deadline, other.spans = self._witness, self._deadline, self.spans
        other.families = self.families
        return other

    # --- the driver --------------------------------------------------------------------------------------------------

    def norm(self, term: Term) -> Term:
        """The normal form of the term; OutOfBudget where it would cost too much."""
        found = self.memo.get(term)
        if found is not None:
            return found
        self._check_budget()
        if term in self.busy:
            return term
        self.busy.add(term)
        try:
            result = self._norm(term)
        finally:
            self.busy.discard(term)
        self.memo[term] = result
        self.memo.setdefault(result, result)
        self._remember(term, result)
        return result

    def _check_budget(self) -> None:
        if monotonic() > self._deadline:
            raise OutOfBudget("time")
        if len(self.journal.steps) > self._limits[0]:
            raise OutOfBudget("steps")

    def _norm(self, term: Term) -> Term:
        if term.op in COMPOSITES:
            return self.norm(self.journal.computed("definition", term, definition(term)))
        if term.op == "input" and not all(map(_is_index, term.args)):
            return self.integers.read(term)
        if term.op == "input" or (term.sort in (INT, BOOL) and _is_index(term)):
            return self.integers.index(term)
        if term.op == "fold":
            closed = closed_form(self, term)
            if closed is not None:
                return self.norm(closed)
        if term.op == "where" and term.sort not in (EXT, BOOL) and not is_indicator(term):
            return self.selecting.split(term)
        if term.op == "add" and term.sort != EXT and term.args[0].op == "add":
            long = self._long_sum(term)
            if long is not None:
                return long
        node = rebuild(term, tuple(self.norm(a) for a in term.args))
        if node is not term and node in self.memo:
            return self.memo[node]
        result = self._node(node)
        if node is not term:
            self.memo[node] = result
        return result

    def _long_sum(self, term: Term) -> Term | None:
        """The normal form of a sum of many terms at once, not of each sum inside it; None where there are few."""
        parts = flat(term, "add")
        if len(parts) < _MANY:
            return None
        done = {p: self.norm(p) for p in parts}
        for t in postorder(term, known=done):
            done[t] = Term("add", (done[t.args[0]], done[t.args[1]]))
        total: Poly = {}
        for p, times_seen in parts.items():
            for m, c in poly_of(done[p]).items():
                total[m] = total.get(m, Fraction(0)) + c * times_seen
        written = poly_term({m: c for m, c in total.items() if c})
        return self.journal.computed("ring", done[term], written)

    def _node(self, t: Term) -> Term:
        """The normal form of a node whose arguments are in normal form."""
        exact = evaluate_constant(t)
        if exact is not None:
            return self.journal.computed("constant", t, exact)
        if t.op == "add":
            return self._add(t)
        if t.op == "mul":
            return self._mul(t)
        if t.op in ("recip", "exp", "log", "sqrt", "sin", "cos", "tanh", "erf"):
            return self.choices.inside(t) or self.functions.normal(t)
        if t.op in ("max", "min"):
            return self.extremes.normal(t)
        if t.op in ("where", "lt", "le", "eq", "and", "or", "not"):
            return self.selecting.normal(t)
        if t.op == "reduce":
            return self._reduce(t)
        if t.op in ("floordiv", "mod"):
            return self.integers.normal(t)
        return t

    def _add(self, t: Term) -> Term:
        if EXT in (t.args[0].sort, t.args[1].sort):
            return self.selecting.add(t)
        total = plus(poly_of(t.args[0]), poly_of(t.args[1]))
        if len(total) > self._limits[1]:
            raise OutOfBudget(f"a sum of {len(total)} terms")
        return self.journal.computed("ring", t, poly_term(total))

    def _mul(self, t: Term) -> Term:
        if EXT in (t.args[0].sort, t.args[1].sort):
            return t
        try:
            poly = product(poly_of(t.args[0]), poly_of(t.args[1]), self._limits[1])
        except TooLarge as error:
            raise OutOfBudget(str(error)) from error
        written = self.journal.computed("ring", t, poly_term(poly))
        return self.products.normal(poly, written)

    def _reduce(self, t: Term) -> Term:
        kind, axis = t.attrs
        body = t.args[0]
        count = axis.size.constant
        if count is not None and count <= self._unroll:
            single = unrolled(t)
            assert single is not None
            return self.norm(self.journal.computed("unroll", t, single))
        if kind == "sum" and EXT != body.sort:
            return self.reductions.sum(axis, body)
        if kind == "max":
            return self.reductions.max(axis, body)
        if kind == "min" and axis not in body.free:
            return self.journal.law("min_over_constant", {"c": body}, {"k": axis}).rhs
        if kind == "min" and body.sort != EXT:
            return self.norm(self.journal.law("min_over_by_max", {"x": body}, {"k": axis}).rhs)
        return self.reductions.prod(axis, body) if kind == "prod" else t

    # --- what is known -----------------------------------------------------------------------------------------------

    def known(self, predicate: str, term: Term) -> Term | None:
        """A term equal to this one from which the predicate can be read off, or None."""
        if self.facts.holds(predicate, term):
            return term
        witness = self._witness.get((predicate, term))
        if witness is None:
            self.missed.add(term)
        return witness

    def grant(self, predicate: str, normal: Term, witness: Term) -> None:
        """Take a predicate of a normal form as known, by a term equal to it that the checker will accept as a witness."""
        weaker = {"positive": PREDICATES, "nonnegative": ("nonnegative",), "nonzero": ("nonzero",)}
        for each in weaker[predicate]:
            self._witness.setdefault((each, normal), witness)

    def _remember(self, term: Term, result: Term) -> None:
        if term is result or term.sort in (BOOL, EXT) or result.sort in (BOOL, EXT):
            return
        for predicate in PREDICATES:
            key = (predicate, result)
            if key not in self._witness and not self.facts.holds(predicate, result) and self.facts.holds(predicate, term):
                self._witness[key] = term

    # --- content -----------------------------------------------------------------------------------------------------

    def content(self, poly: Poly) -> tuple[Term, Term] | None:
        """(g, rest) with g·rest the polynomial, g its common factor times its leading coefficient; None where g is 1."""
        lead = poly[max(poly, key=monomial_key)]
        common = self._common(list(poly))
        if common == UNIT and lead == 1:
            return None
        factor = monomial_term(common, lead)
        inverse = {self._less(m, common): c / lead for m, c in poly.items()}
        return factor, poly_term(inverse)

    def _common(self, monomials: list[Monomial]) -> Monomial:
        """The greatest common factor; exponentials of one direction share their least exponent."""
        shared = dict(monomials[0])
        ways: dict[Monomial, list[Fraction]] = {}
        for i, m in enumerate(monomials):
            powers = dict(m)
            shared = {a: min(e, powers.get(a, 0)) for a, e in shared.items() if powers.get(a, 0)}
            for a, _ in m:
                way = direction(a)
                if way is not None:
                    ways.setdefault(way[0], [Fraction(0)] * len(monomials))[i] = way[1]
        result: Monomial = UNIT
        for a, e in shared.items():
            if direction(a) is None and size_of(a) is None:
                result = times(result, ((a, e),))
        for size in {size for m in monomials for a, _ in m if (size := size_of(a)) is not None}:
            result = times(result, _power(size, min(_size_power(m, size) for m in monomials)))
        for way, coefficients in ways.items():
            least = min(coefficients)
            if least:
                result = times(result, ((exp(monomial_term(way, least)), 1),))
        return result

    @staticmethod
    def _less(monomial: Monomial, common: Monomial) -> Monomial:
        powers = dict(monomial)
        ways = {d[0]: (a, d[1]) for a in powers if (d := direction(a)) is not None}
        result = powers
        for a, e in common:
            way, size = direction(a), size_of(a)
            if size is not None:
                left = _size_power(monomial, size) - _size_power(common, size)
                result = {b: k for b, k in result.items() if size_of(b) is not size} | dict(_power(size, left))
                continue
            if way is None:
                result[a] -= e
                continue
            own = ways.get(way[0])
            rest = (own[1] if own else Fraction(0)) - way[1]
            if own:
                del result[own[0]]
            if rest:
                result[exp(monomial_term(way[0], rest))] = 1
        return tuple(sorted(((a, e) for a, e in result.items() if e), key=lambda p: p[0].digest))

    def factored(self, whole: Term, factor: Term, rest: Term) -> bool:
        """Whether factor·rest has the normal form `whole`; then the equation is in the journal."""
        return self.norm(mul(factor, rest)) is whole

    def positive_content(
        self, polys: list[Poly], allowed: Callable[[Term], bool] = lambda a: True
    ) -> tuple[Term, Term, list[Term]] | None:
        """(scale, witness that it isn't negative, the rests) for a common factor of several polynomials; None where it is 1."""
        coefficients = [c for p in polys for c in p.values()]
        if not coefficients:
            return None
        number = Fraction(gcd(*(c.numerator for c in coefficients)), lcm(*(c.denominator for c in coefficients)))
        shared = dict(next(iter(polys[0]))) if polys[0] else {}
        for p in polys:
            for m in p:
                powers = dict(m)
                shared = {a: min(e, powers.get(a, 0)) for a, e in shared.items() if powers.get(a, 0)}
        good = [(a, e) for a, e in shared.items() if allowed(a) and self.known("positive", a) is not None]
        common: Monomial = tuple(sorted(good, key=lambda p: p[0].digest))
        if number == 1 and not common:
            return None
        scale = monomial_term(common, number)
        witness = self.known("nonnegative", scale)
        if witness is None:
            return None
        rests = []
        for p in polys:
            rest = {without(m, common): c / number for m, c in p.items()}
            rests.append(poly_term(rest))
        return scale, witness, rests


def _size_power(monomial: Monomial, size: Term) -> int:
    """The exponent of a size in a monomial, negative where its reciprocal stands there."""
    return sum(e if a is size else -e for a, e in monomial if size_of(a) is size)


def _power(size: Term, exponent: int) -> Monomial:
    if exponent == 0:
        return UNIT
    return ((size, exponent),) if exponent > 0 else ((recip(size), -exponent),)


def _is_index(term: Term) -> bool:
    return all(t.op in _INDEX_OPS and (t.sort in (INT, BOOL)) for t in postorder(term))
