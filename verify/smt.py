"""Proofs of laws by Z3: the law's negation must have no model, in one query for numbers, in two for an axis of any size.

Every query is free of quantifiers and of functions: arrays at their indices, reductions and values of sin, log and the like
are variables, with the facts that are known about them.  A number that may be -inf is a pair (is it -inf, its number).
exp is a product of positive variables, one for each part of its exponent, where the proof may use `exp_sum` and `exp_zero`.
To add here: the meaning of a primitive.  Never here: a sum as a function of a Z3 Lambda, or what no law in `uses` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import lcm
from typing import Any, NamedTuple

import z3

from commute.theory.facts import Facts
from commute.theory.law import BadInstance, Law, Sides
from commute.theory.polynomial import Monomial, poly_of
from commute.theory.terms import BOOL, EXT, INT, Term, postorder
from commute.verify.induction import NotInductive, Obligation, by_induction, direct, unfolded
from commute.verify.matching import match

VERSION = ".".join(map(str, z3.get_version()[:3]))
BUILT_IN = ("exp_sum", "exp_zero")
"""The laws that are built into the elimination of exp; the two say besides that exp is positive: exp(x) = exp(x/2)² ≠ 0."""
LEMMA_INSTANCES = 200
REACHES = (SIDES, PARTS, ALL) = range(3)
"""Which instances of lemmas a query has: those of which a side stands in its terms, a part of a side with all parameters, and
all that parts of the terms make of lemmas of one or two numbers."""
LOW = z3.BoolVal(False)
Expr = Any


class Number(NamedTuple):
    """A value in a query: whether it is -inf, and the number that it is otherwise (or the truth value)."""

    low: Expr
    it: Expr


@dataclass(frozen=True)
class Answer:
    """What became of an attempt: `how` names the proof and `queries` are what Z3 refuted, `reason` says why there is none."""

    proved: bool
    how: str = ""
    reason: str = ""
    queries: tuple[Query, ...] = ()


def prove_law(law: Law, lemmas: Mapping[str, Law], timeout: float = 4.0) -> Answer:
    """Prove the law from its one declaration with the lemmas in its `uses`; a timeout is no proof."""
    reasons = []
    known = [lemmas[name] for name in law.uses]
    for plan in _plans(law):
        try:
            obligations = (direct(law),) if plan is None else by_induction(law, plan)
        except NotInductive as error:
            reasons.append(str(error))
            continue
        queries = []
        for obligation in obligations:
            query, why = _refuted(obligation, known, timeout)
            if query is None:
                reasons.append(f"{obligation.label}: {why}")
                break
            queries.append(query)
        else:
            return Answer(True, "z3" if plan is None else f"z3, induction over {plan}", queries=tuple(queries))
    return Answer(False, reason="; ".join(reasons))


def _plans(law: Law) -> list[Any]:
    """None for a direct proof, or the axis of an induction; direct first where lemmas over an axis may do it."""
    reduced = any(t.op == "reduce" for t in postorder(unfolded(law.lhs), unfolded(law.rhs)))
    return [*law.axes, None] if reduced else [None]


def _refuted(obligation: Obligation, lemmas: list[Law], timeout: float) -> tuple[Query | None, str]:
    """The query that Z3 refutes, with few instances of the lemmas where they do and more where not; or why there is none."""
    why = ""
    for reach in REACHES if lemmas else (REACHES[0],):
        query = Query(obligation, lemmas, reach)
        assertions = query.assertions()
        for solver in (z3.Solver(), z3.Tactic("qfnra-nlsat").solver() if query.pure else z3.SolverFor("QF_NIRA")):
            solver.set("timeout", int(timeout * 500))
            solver.add(*assertions)
            result = solver.check()
            if result == z3.unsat:
                return query, ""
            why = "Z3 finds a model in which the sides differ" if result == z3.sat else "Z3 gives no answer in time"
            if result == z3.sat:
                break
    return None, why


@dataclass
class Query:
    """One obligation as Z3 assertions that have no model if it holds; `reach` says which instances of lemmas are among them."""

    obligation: Obligation
    lemmas: list[Law]
    reach: int = SIDES
    known: list[Expr] = field(default_factory=list)
    values: dict[Term, Number] = field(default_factory=dict)
    applied: dict[str, list[tuple[Expr, Expr]]] = field(default_factory=dict)
    quotients: dict[tuple[Expr, Expr], tuple[Expr, Expr]] = field(default_factory=dict)
    powers: dict[Monomial, tuple[Expr, Expr]] = field(default_factory=dict)
    degrees: dict[Monomial, int] = field(default_factory=dict)
    at_low: Expr = None
    eliminates: bool = False
    integral: bool = False
    count: int = 0

    def assertions(self) -> list[Expr]:
        """What is given, what the lemmas say here, and that the two sides differ."""
        goal = (self.obligation.lhs, self.obligation.rhs)
        terms = [*goal, *(side for pair in self.obligation.given for side in pair)]
        uses = {law.name for law in self.lemmas}
        self.eliminates = set(BUILT_IN) <= uses
        instances = list(_instances([law for law in self.lemmas if not self._built_in(law)], terms, self.reach))
        self.integral = any(t.op in _DISCRETE and t.args[-1].sort == INT for t in postorder(*terms))
        self._count_degrees([*terms, *(side for sides, _ in instances for side in sides)])
        given = [self.equal(*pair) for pair in self.obligation.given]
        for sides, where in instances:
            premises = [self._holds(predicate, self.number(t)) for predicate, t in where]
            given.append(z3.Implies(z3.And(*premises), self.equal(*sides)) if premises else self.equal(*sides))
        differs = z3.Not(self.equal(*goal))
        return [*given, differs, *self.known]

    @property
    def pure(self) -> bool:
        """Whether the query has real numbers and truth values only."""
        nodes = postorder(self.obligation.lhs, self.obligation.rhs)
        return not any(t.sort == INT and t.op not in ("const", "size") for t in nodes)

    def _built_in(self, law: Law) -> bool:
        return self.eliminates and law.name in BUILT_IN

    def equal(self, lhs: Term, rhs: Term) -> Expr:
        """That two terms have one value."""
        a, b = self.number(lhs), self.number(rhs)
        same = _same(a.it, b.it)
        return same if z3.is_false(a.low) and z3.is_false(b.low) else z3.And(a.low == b.low, z3.Or(a.low, same))

    @staticmethod
    def _holds(predicate: str, x: Number) -> Expr:
        return {"positive": x.it > 0, "nonnegative": x.it >= 0, "nonzero": x.it != 0}[predicate]

    # --- terms to expressions ----------------------------------------------------------------------------------------

    def number(self, term: Term) -> Number:
        """The term's value in this query."""
        for t in postorder(term):
            if t not in self.values and not _under_binder(t, term):
                self.values[t] = self._node(t)
        return self.values[term]

    def _node(self, t: Term) -> Number:
        if t.op in ("input", "reduce"):
            return self._atom(t)
        if t.op in ("size", "axis", "named"):
            it = self.fresh(t.sort)
            self.known.append(it >= 0 if t.op == "axis" else it >= 1)
            return Number(LOW, it)
        if t.op == "const":
            whole = self.integral and t.sort == INT
            return Number(LOW, z3.IntVal(t.attrs[0].numerator) if whole else _rational(t.attrs[0]))
        if t.op in ("ninf", "true", "false"):
            return _CONSTANTS[t.op]
        args = [self.values[a] for a in t.args]
        if t.op == "where":
            low = _choice(args[0].it, args[1].low, args[2].low)
            return Number(low, z3.If(args[0].it, *_alike(args[1].it, args[2].it)))
        if t.op in ("max", "min"):
            return _extreme(t.op, *args)
        if t.op == "add":
            return Number(_either(args[0].low, args[1].low), _sum(args[0].it, args[1].it))
        if t.op == "exp":
            return Number(LOW, self._exp(t, args[0]))
        return Number(LOW, self._plain(t, [a.it for a in args]))

    def _atom(self, t: Term) -> Number:
        it = self.fresh(t.sort)
        for predicate, name in self.obligation.where:
            if t.op == "input" and t.attrs[0] == name:
                self.known.append(self._holds(predicate, Number(LOW, it)))
        return Number(self.fresh(BOOL) if t.sort == EXT else LOW, it)

    def fresh(self, sort: str) -> Expr:
        """A new variable."""
        self.count += 1
        if sort == BOOL:
            return z3.Bool(f"b{self.count}")
        return z3.Int(f"i{self.count}") if sort == INT and self.integral else z3.Real(f"r{self.count}")

    def _plain(self, t: Term, args: list[Expr]) -> Expr:
        a, b = args[0], args[-1]
        if t.op in ("and", "or", "not"):
            return {"and": z3.And, "or": z3.Or, "not": z3.Not}[t.op](*args)
        if t.op in ("lt", "le", "eq"):
            return a < b if t.op == "lt" else a <= b if t.op == "le" else a == b
        if t.op == "mul":
            left, right = _alike(a, b)
            return left * right
        if t.op == "recip":
            return self._recip(_real(a))
        if t.op in ("floordiv", "mod"):
            return self._quotient(a, b)[0 if t.op == "floordiv" else 1]
        return self._function(t.op, _real(a))

    def _recip(self, a: Expr) -> Expr:
        if z3.is_rational_value(a):
            return _rational(1 / a.as_fraction()) if a.as_fraction() else z3.RealVal(0)
        r = self.fresh("real")
        self.known.append(z3.If(a == 0, r == 0, a * r == 1))
        return r

    def _quotient(self, a: Expr, b: Expr) -> tuple[Expr, Expr]:
        known = self.quotients.get((a, b))
        if known is not None:
            return known
        q, r = self.quotients[a, b] = self.fresh(INT), self.fresh(INT)
        inside = z3.If(b > 0, z3.And(0 <= r, r < b), z3.And(b < r, r <= 0))
        self.known.append(z3.If(b == 0, z3.And(q == 0, r == 0), z3.And(a == b * q + r, inside)))
        return q, r

    def _function(self, op: str, a: Expr) -> Expr:
        """A value of sqrt, log, sin, ...: equal at equal arguments, and what defines it at once."""
        v = self.fresh("real")
        self.known += [z3.Implies(a == b, v == w) for b, w in self.applied.get(op, [])]
        self.applied.setdefault(op, []).append((a, v))
        if op == "sqrt":
            self.known.append(z3.If(a >= 0, z3.And(v >= 0, v * v == a), v == 0))
        if op == "log":
            self.known.append(z3.Implies(a <= 0, v == 0))
        return v

    # --- exp ---------------------------------------------------------------------------------------------------------

    def _count_degrees(self, terms: Iterable[Term]) -> None:
        for t in postorder(*terms):
            if t.op == "exp":
                for m, c in poly_of(t.args[0]).items():
                    self.degrees[m] = lcm(self.degrees.get(m, 1), c.denominator)

    def _exp(self, t: Term, a: Number) -> Expr:
        if not self.eliminates:
            return self._unless_low(t, a, self._function("exp", _real(a.it)))
        above, below = z3.RealVal(1), z3.RealVal(1)
        for m, c in sorted(poly_of(t.args[0]).items(), key=lambda p: str(p[0])):
            base, inverse = self._power(m)
            for _ in range(abs(int(c * self.degrees[m]))):
                above, below = (above * base, below) if c > 0 else (above, below * inverse)
        return self._unless_low(t, a, above * below)

    def _power(self, monomial: Monomial) -> tuple[Expr, Expr]:
        """exp(monomial / degree) as a positive variable, and its inverse."""
        if monomial not in self.powers:
            base, inverse = self.fresh("real"), self.fresh("real")
            self.known += [base > 0, inverse > 0, base * inverse == 1]
            self.powers[monomial] = (base, inverse)
        return self.powers[monomial]

    def _unless_low(self, t: Term, a: Number, value: Expr) -> Expr:
        """exp at a number, and one unknown value at minus infinity (a lemma says that it is 0)."""
        if t.args[0].sort != EXT:
            return value
        self.at_low = self.fresh("real") if self.at_low is None else self.at_low
        return z3.If(a.low, self.at_low, value)


_CONSTANTS = {
    "ninf": Number(z3.BoolVal(True), z3.RealVal(0)),
    "true": Number(LOW, z3.BoolVal(True)),
    "false": Number(LOW, LOW),
}
_DISCRETE = {"lt", "le", "eq", "floordiv", "mod"}


def _under_binder(t: Term, root: Term) -> bool:
    """Whether t holds an index of a bound axis, so that it has no value of its own here."""
    return bool(t.free - root.free)


def _rational(value: Fraction) -> Expr:
    return z3.Q(value.numerator, value.denominator)


def _real(a: Expr) -> Expr:
    return z3.ToReal(a) if z3.is_int(a) else a


def _alike(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    return (a, b) if z3.is_bool(a) or z3.is_int(a) == z3.is_int(b) else (_real(a), _real(b))


def _sum(a: Expr, b: Expr) -> Expr:
    left, right = _alike(a, b)
    return left + right


def _same(a: Expr, b: Expr) -> Expr:
    left, right = _alike(a, b)
    return left == right


def _either(a: Expr, b: Expr) -> Expr:
    """Whether one of two is -inf."""
    return b if z3.is_false(a) else a if z3.is_false(b) else z3.Or(a, b)


def _choice(condition: Expr, a: Expr, b: Expr) -> Expr:
    return LOW if z3.is_false(a) and z3.is_false(b) else z3.If(condition, a, b)


def _extreme(op: str, x: Number, y: Number) -> Number:
    a, b = _alike(x.it, y.it)
    larger, smaller = z3.If(a >= b, a, b), z3.If(a <= b, a, b)
    if op == "min":
        return Number(_either(x.low, y.low), smaller)
    if z3.is_false(x.low) and z3.is_false(y.low):
        return Number(LOW, larger)
    return Number(z3.And(x.low, y.low), z3.If(x.low, b, z3.If(y.low, a, larger)))


# --- lemmas ----------------------------------------------------------------------------------------------------------


def _instances(lemmas: list[Law], terms: list[Term], reach: int) -> Iterable[tuple[Sides, list[tuple[str, Term]]]]:
    """Instances of the lemmas that may matter for the terms, each with its conditions."""
    seen: set[Sides] = set()
    parts = [t for t in postorder(*terms) if t.op not in ("axis", "true", "false")]
    parts += [Term("floordiv", t.args) for t in parts if t.op == "mod"]  # a rest brings its quotient along
    for law in lemmas:
        for holes, axes in _fillings(law, parts, reach):
            try:
                lhs, rhs = law.instance(holes, axes, Facts())
            except BadInstance:
                continue
            sides = (unfolded(lhs), unfolded(rhs))
            if sides not in seen and len(seen) < LEMMA_INSTANCES:
                seen.add(sides)
                yield sides, [(predicate, holes[h]) for predicate, h in law.where]


def _fillings(law: Law, parts: list[Term], reach: int) -> Iterable[tuple[dict[str, Term], dict[Any, Any]]]:
    triggers = (law.lhs, law.rhs) if reach == SIDES else postorder(law.lhs, law.rhs)
    for trigger in [t for t in triggers if t.args]:
        for part in parts:
            filling = match(trigger, part)
            if filling and len(filling.holes) == len(law.holes) and len(filling.axes) == len(law.axes):
                yield filling.holes, filling.axes
    if reach == ALL and not law.axes and len(law.holes) <= 2:
        numbers = [t for t in parts if not t.free and t.sort != BOOL]
        for choice in product(numbers, repeat=len(law.holes)):
            yield dict(zip(law.holes, choice, strict=True)), {}
