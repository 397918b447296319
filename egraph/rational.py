"""Equality of quotients: two normal forms that differ only by how their denominators were carried are joined by clearing them.

x = (x·P)·1/P for a denominator P that is known not to be 0, so x = y follows from x·P = y·P.
To add here: nothing but ways of clearing.  Never here: finding a normal form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from commute.egraph.monomials import without
from commute.theory.ops import add, mul
from commute.theory.polynomial import Poly, plus, poly_of, poly_term, product
from commute.theory.terms import ONE, Term

if TYPE_CHECKING:
    from commute.egraph.canon import Canon

_DEPTH = 6


def joined(canon: Canon, left: Term, right: Term, depth: int = _DEPTH) -> bool:
    """Whether two normal forms are equal once denominators are cleared; the equations are in the journal."""
    if left is right:
        return True
    for inverse in _denominators(left, right) if depth else ():
        below = inverse.args[0]
        witness = canon.known("nonzero", below)
        if witness is None:
            continue
        canon.journal.law("recip_cancels", {"x": below}, witnesses={"x": witness})
        cleared = [_times(canon, side, inverse) for side in (left, right)]
        if joined(canon, cleared[0], cleared[1], depth - 1):
            for side in (left, right):
                whole = mul(mul(side, below), inverse)
                canon.journal.computed("ring", whole, mul(side, mul(below, inverse)))
                canon.journal.computed("ring", mul(side, ONE), side)
            return True
        return False
    return False


def _denominators(*terms: Term) -> list[Term]:
    """1/P factors with P a sum, those with the smallest P first."""
    found = {a for t in terms for m in poly_of(t) for a, _ in m if a.op == "recip" and a.args[0].op == "add"}
    return sorted(found, key=lambda a: (a.size, a.digest))


def _times(canon: Canon, side: Term, inverse: Term) -> Term:
    """The normal form of side·P, where each 1/P of `side` meets P and cancels."""
    below = inverse.args[0]
    with_inverse: Poly = {}
    others: Poly = {}
    for m, c in poly_of(side).items():
        if inverse in dict(m):
            rest = without(m, ((inverse, 1),))
            with_inverse = plus(with_inverse, {rest: c})
        else:
            others = plus(others, {m: c})
    whole = mul(side, below)
    a, b = poly_term(with_inverse), poly_term(others)
    split = add(mul(a, mul(below, inverse)), mul(b, below))
    canon.journal.computed("ring", whole, split)
    after = add(mul(a, ONE), mul(b, below))
    total = plus(with_inverse, product(others, poly_of(below)))
    written = canon.journal.computed("ring", after, poly_term(total))
    return canon.products.normal(total, written)
