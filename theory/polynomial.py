"""Polynomials over terms: what commutativity, associativity and distribution say, as a normal form.

A polynomial maps monomials to exact coefficients; a monomial is a sorted tuple of (atom, exponent >= 1), an atom any term
that is not itself a sum, a product or a number.  To add here: arithmetic.  Never here: anything that looks inside an atom.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from heapq import heappop, heappush

from commute.theory.terms import MINUS_ONE, ZERO, Term, const

Monomial = tuple[tuple[Term, int], ...]
Poly = dict[Monomial, Fraction]

UNIT: Monomial = ()


class TooLarge(ValueError):
    """A polynomial outgrew its limit; the caller's budget decides what that means."""


def times(left: Monomial, right: Monomial) -> Monomial:
    """The product of two monomials."""
    if not left or not right:
        return left or right
    powers = dict(left)
    for atom, e in right:
        powers[atom] = powers.get(atom, 0) + e
    return tuple(sorted(powers.items(), key=lambda p: p[0].digest))


def plus(left: Poly, right: Poly, factor: Fraction | int = 1) -> Poly:
    """left + factor * right"""
    total = dict(left)
    for m, c in right.items():
        value = total.get(m, Fraction(0)) + c * factor
        if value:
            total[m] = value
        else:
            total.pop(m, None)
    return total


def product(left: Poly, right: Poly, limit: int = 20000) -> Poly:
    """left * right, expanded; TooLarge past `limit` monomials."""
    if len(left) * len(right) > limit:
        raise TooLarge(f"a product of {len(left)} and {len(right)} monomials")
    total: Poly = {}
    for m1, c1 in left.items():
        for m2, c2 in right.items():
            m = times(m1, m2)
            value = total.get(m, Fraction(0)) + c1 * c2
            if value:
                total[m] = value
            else:
                total.pop(m, None)
    return total


_polys: dict[Term, Poly] = {}


def poly_of(term: Term, limit: int = 20000) -> Poly:
    """The polynomial of a term in its atoms: add, mul and numbers are opened, everything else is an atom.

    The answer is shared and must not be changed.  TooLarge where a product passes `limit` monomials, an exponent `limit`, or
    all sums and products together twenty times as many.
    """
    return _opened(term, limit, [20 * limit])


def _opened(term: Term, limit: int, left: list[int]) -> Poly:
    found = _polys.get(term)
    if found is not None:
        return found
    total: Poly = {}
    for part, count in flat(term, "add").items():
        scaled = _product_of(flat(part, "mul"), limit, left) if part.op == "mul" else _single(part)
        _spend(left, len(scaled), limit)
        for m, c in scaled.items():
            total[m] = total.get(m, Fraction(0)) + c * count
    _polys[term] = {m: c for m, c in total.items() if c}
    return _polys[term]


def _spend(left: list[int], work: int, limit: int) -> None:
    left[0] -= work
    if left[0] < 0:
        raise TooLarge(f"more than {20 * limit} sums and products of monomials")


def _single(part: Term) -> Poly:
    if part.op == "const":
        return {UNIT: part.attrs[0]}
    return {((part, 1),): Fraction(1)}


def _product_of(factors: Mapping[Term, int], limit: int, left: list[int]) -> Poly:
    coefficient = Fraction(1)
    atoms: list[tuple[Term, int]] = []
    sums: list[tuple[Term, int]] = []
    for f, e in factors.items():
        if f.op == "const":
            if e > 64 and f.attrs[0] not in (-1, 0, 1):
                raise TooLarge(f"a number to the power {e}")
            coefficient *= f.attrs[0] ** e
        else:
            (sums if f.op == "add" else atoms).append((f, e))
    result: Poly = {tuple(sorted(atoms, key=lambda p: p[0].digest)): coefficient}
    for f, e in sums:
        other = _opened(f, limit, left)
        if e > limit:
            raise TooLarge(f"a sum to the power {e}")
        for _ in range(e):
            _spend(left, len(result) * len(other) + 1, limit)
            result = product(result, other, limit)
    return result


def flat(term: Term, op: str) -> dict[Term, int]:
    """The arguments of nested `op` nodes, each with how often it stands there; shared nodes are opened once."""
    counts = {term: 1}
    inner = [(-term.size, 0, term)] if term.op == op else []
    while inner:
        node = heappop(inner)[2]
        count = counts.pop(node)
        for a in node.args:
            if a.op == op and a not in counts:
                heappush(inner, (-a.size, len(inner) + id(a), a))
            counts[a] = counts.get(a, 0) + count
    return counts


def monomial_term(monomial: Monomial, coefficient: Fraction | int = 1) -> Term:
    """One monomial as a term: (coefficient) · atom · atom ..., nested to the right."""
    atoms = [atom for atom, e in monomial for _ in range(e)]
    result: Term | None = None
    for atom in reversed(atoms):
        result = atom if result is None else Term("mul", (atom, result))
    value = Fraction(coefficient)
    if result is None:
        return const(value)
    return result if value == 1 else Term("mul", (MINUS_ONE if value == -1 else const(value), result))


def monomial_key(monomial: Monomial) -> tuple[int, tuple[str, ...]]:
    """The order in which monomials are written: the same in every run."""
    return (sum(e for _, e in monomial), tuple(f"{a.digest}^{e}" for a, e in monomial))


def poly_term(poly: Mapping[Monomial, Fraction]) -> Term:
    """The polynomial as a term, monomials in their order, nested to the right."""
    if not poly:
        return ZERO
    result: Term | None = None
    for m in sorted(poly, key=monomial_key, reverse=True):
        part = monomial_term(m, poly[m])
        result = part if result is None else Term("add", (part, result))
    assert result is not None
    return result
