"""Polynomials over terms: what commutativity, associativity and distribution say, as a normal form.

A polynomial maps monomials to exact coefficients; a monomial is a sorted tuple of (atom, exponent >= 1), an atom any term
that is not itself a sum, a product or a number.  To add here: arithmetic.  Never here: anything that looks inside an atom.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from commute.theory.terms import MINUS_ONE, ZERO, Term, const

Monomial = tuple[tuple[Term, int], ...]
Poly = dict[Monomial, Fraction]

UNIT: Monomial = ()


class TooLarge(Exception):
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


def poly_of(term: Term, limit: int = 20000, known: dict[Term, Poly] | None = None) -> Poly:
    """The polynomial of a term in its atoms: add, mul and numbers are opened, everything else is an atom.

    TooLarge where a product passes `limit` monomials, or all sums and products together twenty times as many.
    """
    memo: dict[Term, Poly] = {} if known is None else known
    stack, spent = [term], 0
    while stack:
        t = stack[-1]
        if t in memo:
            stack.pop()
        elif t.op not in ("add", "mul"):
            memo[t] = ({UNIT: t.attrs[0]} if t.attrs[0] else {}) if t.op == "const" else {((t, 1),): Fraction(1)}
            stack.pop()
        else:
            missing = [a for a in t.args if a not in memo]
            if missing:
                stack.extend(missing)
                continue
            left, right = (memo[a] for a in t.args)
            spent += len(left) + len(right) if t.op == "add" else len(left) * len(right)
            if spent > 20 * limit:
                raise TooLarge(f"more than {20 * limit} sums and products of monomials")
            memo[t] = plus(left, right) if t.op == "add" else product(left, right, limit)
            stack.pop()
    return memo[term]


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


def same_ring_value(left: Term, right: Term, limit: int = 20000) -> bool:
    """True only if the two are one polynomial in the same atoms: equal in every commutative ring over the rationals."""
    if left is right:
        return True
    return poly_of(left, limit) == poly_of(right, limit)


