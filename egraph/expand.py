"""Computed steps for search: what no pattern can say, proposed for one node at a time.

Sums and products are n-ary here: a node's polynomial in its atoms gives one canonical writing (so brackets and order cost
nothing) and the few other writings in which a law finds its pair: a common factor, two exponentials, a number beside its
reciprocal, the factors that don't depend on an axis.  To add here: a proposal, as a generator of steps by a name of
`schemas.py` or a law.  Never here: a step that the schema wouldn't check.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations

from commute.egraph.arrange import arranged
from commute.theory.axes import Axis, first_free
from commute.theory.facts import Facts
from commute.theory.index import simplify
from commute.theory.law import find_law
from commute.theory.ops import COMPOSITES, add, definition, mul
from commute.theory.polynomial import Monomial, Poly, TooLarge, monomial_term, poly_of, poly_term
from commute.theory.schemas import evaluate_constant, in_range, solved, unrolled
from commute.theory.step import Step, law_step
from commute.theory.terms import BOOL, INT, ONE, ZERO, Term, index, reduce, size_value, substitute

MONOMIALS = 48
"""A polynomial with more monomials is not written out."""
UNROLLED = 8
"""Reductions over longer axes of fixed size are not unrolled."""
_PAIRED = {"exp", "recip", "sqrt", "where", "log"}


def proposals(term: Term, facts: Facts) -> Iterator[Step]:
    """The computed steps that have the term on their left, and rearrangements of its sums, products and maxima."""
    if term.args and all(a.op == "const" for a in term.args):
        value = evaluate_constant(term)
        if value is not None:
            yield Step("constant", term, value)
            return
    if term.op in COMPOSITES:
        yield Step("definition", term, definition(term))
    if term.sort in (INT, BOOL) and simplify(term) is not term:
        yield Step("index", term, simplify(term))
    if term.op in ("add", "mul") and facts.real(term):
        yield from _ring(term)
    elif term.op == "where" and term.args[2] is ZERO and term.args[1] is not ONE and facts.real(term):
        yield law_step(find_law("where_by_indicator"), dict(zip("cxy", term.args, strict=True)))
    elif term.op in ("max", "min"):
        yield from _aligned(term, facts)
        if term.op == "max":
            yield from arranged(term, facts)
    elif term.op == "reduce":
        yield from _reduction(term, facts)


def renamed(term: Term, avoid: frozenset[Axis] = frozenset()) -> Iterator[Step]:
    """A reduction with the first name for its axis that is neither free in its body nor to be avoided."""
    kind, axis = term.attrs
    body = term.args[0]
    fresh = first_free(axis.size, (body.free - {axis}) | avoid)
    if fresh != axis:
        yield Step("rename", term, reduce(kind, fresh, substitute(body, {axis: index(fresh)})))


# --- sums and products -----------------------------------------------------------------------------------------------


def _ring(term: Term) -> Iterator[Step]:
    try:
        poly = poly_of(term, 4 * MONOMIALS)
    except TooLarge:
        return
    if len(poly) > MONOMIALS:
        return
    writings = [poly_term(poly)]
    if len(poly) == 1:
        writings += _paired(*next(iter(poly.items())))
    elif poly:
        writings += _factored(poly)
    for writing in dict.fromkeys(writings):
        if writing is not term:
            yield Step("ring", term, writing)


def _paired(monomial: Monomial, coefficient: Fraction) -> Iterator[Term]:
    """A product with those factors side by side that some law may join."""
    for op in ("exp", "recip", "sqrt"):
        some = tuple((a, e) for a, e in monomial if a.op == op)
        if sum(e for _, e in some) > 1:
            yield _beside(monomial_term(some), _without(monomial, some), coefficient)
    for atom, e in monomial:
        if e > 1 and (atom.op in _PAIRED):
            yield _beside(mul(atom, atom), _without(monomial, ((atom, 2),)), coefficient)
        if atom.op == "reduce" and (len(monomial) > 1 or e > 1):
            yield mul(monomial_term(_without(monomial, ((atom, 1),)), coefficient), atom)
    for (a, _), (b, _) in list(combinations(monomial, 2))[:28]:
        if b.op == "recip" and b.args[0] is a or a.op == "recip" and a.args[0] is b:
            first, second = (a, b) if b.op == "recip" else (b, a)
            yield _beside(mul(first, second), _without(monomial, ((a, 1), (b, 1))), coefficient)
        elif "where" in (a.op, b.op):
            first, second = (a, b) if a.op == "where" else (b, a)
            yield _beside(mul(first, second), _without(monomial, ((a, 1), (b, 1))), coefficient)


def _without(monomial: Monomial, part: Monomial) -> Monomial:
    powers = dict(monomial)
    for atom, e in part:
        powers[atom] -= e
    return tuple((a, powers[a]) for a, _ in monomial if powers[a])


def _beside(pair: Term, rest: Monomial, coefficient: Fraction) -> Term:
    return pair if not rest and coefficient == 1 else mul(pair, monomial_term(rest, coefficient))


def _factored(poly: Poly) -> Iterator[Term]:
    """A sum with its common factor in front, and without the number that all its coefficients share."""
    common = _common(poly)
    for number in {Fraction(1), _content(poly)}:
        if common or number != 1:
            rest = poly_term({_without(m, common): c / number for m, c in poly.items()})
            yield mul(monomial_term(common, number), rest)


def _common(poly: Poly) -> Monomial:
    """The greatest product of atoms that divides every monomial."""
    powers = dict(next(iter(poly)))
    for monomial in poly:
        here = dict(monomial)
        powers = {a: min(e, here[a]) for a, e in powers.items() if a in here}
    return tuple((a, powers[a]) for a, _ in next(iter(poly)) if a in powers)


def _content(poly: Poly) -> Fraction:
    """The coefficient that all monomials share, else 1."""
    numbers = set(poly.values())
    return numbers.pop() if len(numbers) == 1 else Fraction(1)


def _aligned(term: Term, facts: Facts) -> Iterator[Step]:
    """The two sides of a maximum with what they share last as a summand, and first as a factor."""
    try:
        left, right = (poly_of(a, 4 * MONOMIALS) for a in term.args)
    except TooLarge:
        return
    if not left or not right or len(left) + len(right) > MONOMIALS or not all(facts.real(a) for a in term.args):
        return
    shared = {m: c for m, c in left.items() if right.get(m) == c}
    common = _common({**left, **right})
    for side, poly in zip(term.args, (left, right), strict=True):
        if shared and side is not poly_term(shared):
            rest = {m: c for m, c in poly.items() if m not in shared}
            yield from _ring_step(side, add(poly_term(rest), poly_term(shared)))
        if common:
            rest = {_without(m, common): c for m, c in poly.items()}
            yield from _ring_step(side, mul(monomial_term(common), poly_term(rest)))


# --- reductions ------------------------------------------------------------------------------------------------------


def _reduction(term: Term, facts: Facts) -> Iterator[Step]:
    kind, axis = term.attrs
    body = term.args[0]
    if axis not in body.free and kind == "sum" and facts.real(body):
        yield Step("sum_constant", term, mul(size_value(axis.size), body))
    count = axis.size.constant
    if count is not None and 1 <= count <= UNROLLED and facts.extended(body):
        parts = unrolled(term)
        if parts is not None:
            yield Step("unroll", term, parts)
    if kind in ("sum", "max", "min") and facts.real(body):
        yield from _split(kind, axis, body, facts)


def _split(kind: str, axis: Axis, body: Term, facts: Facts) -> Iterator[Step]:
    """The body with what doesn't depend on the axis apart, as the laws of reductions look for it."""
    try:
        poly = poly_of(body, 4 * MONOMIALS)
    except TooLarge:
        return
    if len(poly) == 1:
        monomial, coefficient = next(iter(poly.items()))
        out = tuple((a, e) for a, e in monomial if axis not in a.free)
        inside = _without(monomial, out)
        if inside and (out or coefficient != 1):
            yield from _ring_step(body, mul(monomial_term(out, coefficient), monomial_term(inside)))
        if kind == "sum":
            yield from _select(axis, body, monomial, coefficient, facts)
    elif kind != "sum" and len(poly) <= MONOMIALS:
        out = {m: c for m, c in poly.items() if all(axis not in a.free for a, _ in m)}
        inside = {m: c for m, c in poly.items() if m not in out}
        if out and inside:
            yield from _ring_step(body, add(poly_term(inside), poly_term(out)))


def _ring_step(left: Term, right: Term) -> Iterator[Step]:
    if left is not right:
        yield Step("ring", left, right)


def _select(axis: Axis, body: Term, monomial: Monomial, coefficient: Fraction, facts: Facts) -> Iterator[Step]:
    """A sum over an index that a mask fixes to one value."""
    for mask, _ in monomial:
        if mask.op != "where" or mask.args[0].op != "eq" or mask.args[1:] != (ONE, ZERO):
            continue
        found = solved(mask.args[0], axis)
        rest = monomial_term(_without(monomial, ((mask, 1),)), coefficient)
        if found and axis not in found[1].free and found[1].sort == INT and in_range(found[1], axis.size) and facts.real(rest):
            apart = mul(mask, rest)
            yield from _ring_step(body, apart)
            yield Step("select_index", reduce("sum", axis, apart), substitute(rest, {axis: found[1]}))
