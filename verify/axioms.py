"""Whether the axioms can hold together: Z3 is asked for functions exp, log, erf, ... that satisfy them at chosen points.

Every axiom is written down at every choice of the points; beside them stands the shape that is meant: exp(1) between 2.7 and
2.8, the others at 1 near their values, exp increasing.  A contradiction among axioms, or with that shape, leaves no model.
To add here: a row of the shape.  Never here: proofs, which this is none of: samples confirm each axiom by itself (sample.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import product

import z3

from commute.theory.facts import Facts
from commute.theory.law import Law
from commute.theory.ops import exp, lt, unary
from commute.theory.terms import EXT, NINF, ONE, TRUE, Term, const
from commute.verify.induction import Obligation, unfolded
from commute.verify.smt import Query

POINTS = tuple(const(v) for v in (-1, 0, Fraction(1, 2), 1))
_AT_ONE = {"exp": 27, "sin": 8, "cos": 5, "erf": 8, "tanh": 7}
"""Tenths below the value at 1; one more lies above it."""


def model(axioms: Iterable[Law], seconds: float = 10.0) -> z3.ModelRef | None:
    """Values at the points that satisfy the axioms and have the shape that is meant; None where Z3 finds none."""
    query = Query(Obligation("the axioms together", TRUE, TRUE), [])
    facts = [query.equal(lhs, rhs) for law in axioms for lhs, rhs in _instances(law)]
    for name, tenths in _AT_ONE.items():
        low, high, value = const(Fraction(tenths, 10)), const(Fraction(tenths + 1, 10)), unary(name, ONE)
        facts += [query.equal(lt(low, value), TRUE), query.equal(lt(value, high), TRUE)]
    facts += [query.equal(lt(exp(a), exp(b)), TRUE) for a, b in zip(POINTS, POINTS[1:], strict=False)]
    solver = z3.Solver()
    solver.set("timeout", int(seconds * 1000))
    solver.add(*facts, *query.known)
    return solver.model() if solver.check() == z3.sat else None


def _instances(law: Law) -> Iterable[tuple[Term, Term]]:
    numbers = [(*POINTS, NINF) if sort == EXT else POINTS for sort in law.holes.values()]
    for choice in product(*numbers):
        holes = dict(zip(law.holes, choice, strict=True))
        if all(_holds(predicate, holes[name]) for predicate, name in law.where):
            lhs, rhs = law.instance(holes, {}, Facts())
            yield unfolded(lhs), unfolded(rhs)


def _holds(predicate: str, point: Term) -> bool:
    value = point.attrs[0]
    return {"positive": value > 0, "nonnegative": value >= 0, "nonzero": value != 0}[predicate]
