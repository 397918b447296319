"""Computed steps: equations whose truth is recomputed, not matched.  The list is closed and part of what is trusted.

Each checker takes the two sides and answers whether they are equal for the one reason in its name.  To add here: only what no
law can say, after thinking about how it could be wrong.  Never here: search; a checker never guesses.

| name | says |
|---|---|
| ring | the two sides are one polynomial with rational coefficients in the same real atoms |
| index | the two sides have one normal form of their integer and truth-valued parts |
| constant | an operator applied to exact numbers has its exact value |
| definition | a composite is what it is defined to be |
| rename | a reduction may call its axis by another name of the same size that isn't free in the body |
| sum_constant | a sum of what doesn't depend on the axis is size times it; a product over the axis of 1 is 1 |
| select_index | a sum over k of where(k = e, 1, 0)·f is f at k = e, times where(0 <= e < size, 1, 0) unless e is in range |
| unroll | a reduction over an axis of fixed size is its parts combined |
| reverse | a reduction over an axis may run from its end: index k becomes size - 1 - k |
| cases | a term is where(c, what it is if c holds, what it is if not) |
| signs | the same for the three cases 0 < x, x = 0 and neither |
| prefix | a reduction over the indices below e + 1 is that over those below e, and the body at e |
| fold | a fold is the fold through a family that reads no states; that it starts and steps alike are premises |
| last | a fold whose steps read none of its states is its last step |

The premises of a step (`premises_of`) are equations that earlier steps of the proof must have shown.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import isqrt

from commute.theory.axes import Axis
from commute.theory.facts import Facts
from commute.theory.folds import Premise, by_family, last, prefix, premises
from commute.theory.index import in_range, simplify
from commute.theory.ops import COMPOSITES, definition, mul
from commute.theory.polynomial import TooLarge, poly_of
from commute.theory.terms import (
    BOOL,
    FALSE,
    INT,
    ONE,
    TRUE,
    ZERO,
    Term,
    binds,
    const,
    index,
    postorder,
    rebuild,
    size_value,
    substitute,
)

UNROLL_LIMIT = 64
_COMBINE = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}


def ring(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """One polynomial in the same real atoms."""
    try:
        left, right = poly_of(lhs), poly_of(rhs)
    except TooLarge:
        return False
    return left == right and all(t.sort != BOOL and facts.real(t) for t in (lhs, rhs))


def index_form(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """One normal form of the integer and truth-valued parts."""
    return simplify(lhs) is simplify(rhs)


def constant(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """An operator on exact numbers."""
    return evaluate_constant(lhs) is rhs


def evaluate_constant(term: Term) -> Term | None:
    """The exact value of an operator applied to exact numbers, where it is a rational number or a truth value."""
    if not term.args or any(a.op != "const" for a in term.args):
        return None
    values = [a.attrs[0] for a in term.args]
    found = _CONSTANT.get(term.op)
    result = found(*values) if found else None
    if isinstance(result, bool):
        return TRUE if result else FALSE
    return None if result is None else const(result)


def _root(x: Fraction) -> Fraction | None:
    if x < 0:
        return Fraction(0)
    top, below = isqrt(x.numerator), isqrt(x.denominator)
    return Fraction(top, below) if top * top == x.numerator and below * below == x.denominator else None


_CONSTANT: dict[str, Callable[..., Fraction | bool | None]] = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "recip": lambda x: 1 / x if x else Fraction(0),
    "sqrt": _root,
    "exp": lambda x: Fraction(1) if x == 0 else None,
    "log": lambda x: Fraction(0) if x == 1 or x <= 0 else None,
    "sin": lambda x: Fraction(0) if x == 0 else None,
    "cos": lambda x: Fraction(1) if x == 0 else None,
    "tanh": lambda x: Fraction(0) if x == 0 else None,
    "erf": lambda x: Fraction(0) if x == 0 else None,
    "max": max,
    "min": min,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "eq": lambda x, y: x == y,
}


def definition_of(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """A composite and its definition."""
    return lhs.op in COMPOSITES and definition(lhs) is rhs


def rename(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """The same reduction under another name of its axis."""
    if lhs.op != "reduce" or rhs.op != "reduce" or lhs.attrs[0] != rhs.attrs[0]:
        return False
    old, new = lhs.attrs[1], rhs.attrs[1]
    if old.size != new.size or (new != old and new in lhs.args[0].free):
        return False
    return substitute(lhs.args[0], {old: index(new)}) is rhs.args[0]


def sum_constant(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """A sum of what doesn't depend on the axis."""
    if lhs.op != "reduce" or lhs.attrs[1] in lhs.args[0].free or not facts.real(lhs.args[0]):
        return False
    kind, axis = lhs.attrs
    if kind == "prod":
        return lhs.args[0] is ONE and rhs is ONE
    return kind == "sum" and rhs is mul(size_value(axis.size), lhs.args[0])


def select_index(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """A sum that a comparison of its index with one value reduces to one summand."""
    if lhs.op != "reduce" or lhs.attrs[0] != "sum" or lhs.args[0].op != "mul":
        return False
    axis = lhs.attrs[1]
    mask, rest = lhs.args[0].args
    if mask.op != "where" or mask.args[0].op != "eq" or mask.args[1:] != (ONE, ZERO):
        return False
    position, other = solved(mask.args[0], axis) or (None, None)
    if position is None or other is None or axis in other.free or other.sort != INT or other.states or not facts.real(rest):
        return False
    return selected(axis, other, rest) is rhs and facts.real(rhs)


def selected(axis: Axis, position: Term, body: Term) -> Term:
    """The sum over the axis of where(axis = position, 1, 0)·body; reads beyond an axis are some real numbers."""
    value = substitute(body, {axis: position})
    if in_range(position, axis.size):
        return value
    inside = Term("and", (Term("le", (ZERO, position)), Term("lt", (position, size_value(axis.size)))))
    return mul(Term("where", (inside, ONE, ZERO)), value)


def solved(equation: Term, axis: object) -> tuple[Term, Term] | None:
    """An equation `k = e` (or e = k) between integers as (k, e) for the axis k; None where it has another form."""
    for position, other in (equation.args, equation.args[::-1]):
        if position.op == "axis" and position.attrs[0] == axis:
            return position, other
    return None


def unroll(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """A reduction over an axis of fixed size."""
    return unrolled(lhs) is rhs and facts.extended(lhs.args[0])


def unrolled(term: Term) -> Term | None:
    """The reduction written out, index 0 first, combined from the left; None where it isn't one of fixed size."""
    if term.op != "reduce":
        return None
    kind, axis = term.attrs
    count = axis.size.constant
    if count is None or not 1 <= count <= UNROLL_LIMIT:
        return None
    parts = [simplify(substitute(term.args[0], {axis: const(i)})) for i in range(count)]
    total = parts[0]
    for part in parts[1:]:
        total = Term(_COMBINE[kind], (total, part))
    return total


def reverse(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """A reduction and the same from the end of its axis."""
    return lhs.op == "reduce" and rhs is reversed_sum(lhs)


def reversed_sum(term: Term) -> Term:
    """The reduction with its index counted from the end."""
    kind, axis = term.attrs
    turned = substitute(term.args[0], {axis: Term("add", (size_value(axis.size - 1), mul(const(-1), index(axis))))})
    return Term("reduce", (simplify(turned),), (kind, axis))


def cases(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """A term and the choice between its two cases."""
    if rhs.op != "where" or not facts.extended(lhs):
        return False
    c, yes, no = rhs.args
    return in_case(lhs, c, True) is yes and in_case(lhs, c, False) is no


def signs(lhs: Term, rhs: Term, facts: Facts) -> bool:
    """A term and the choice between its three cases by the sign of a number."""
    if rhs.op != "where" or rhs.args[0].op != "lt" or rhs.args[0].args[0] is not ZERO:
        return False
    return rhs is by_sign(lhs, rhs.args[0].args[1]) and facts.extended(lhs)


def by_sign(term: Term, x: Term) -> Term:
    """where(0 < x, the term for positive x, where(x = 0, the term for x = 0, the term for negative x))."""
    positive, zero = Term("lt", (ZERO, x)), Term("eq", (x, ZERO))
    first = in_case(in_case(term, positive, True), zero, False)
    rest = in_case(term, positive, False)
    return Term("where", (positive, first, Term("where", (zero, in_case(rest, zero, True), in_case(rest, zero, False)))))


def in_case(term: Term, condition: Term, holds: bool) -> Term:
    """The term where a condition holds (or doesn't): choices by it are decided, but not under binders of its own axes.

    Where x = 0 holds, x itself is 0 too.
    """
    zero = condition.args[0] if holds and condition.op == "eq" and condition.args[1] is ZERO else None
    done: dict[Term, Term] = {}
    for t in postorder(term):
        if t is zero:
            done[t] = ZERO
        elif _rebinds(t, condition):
            done[t] = t
        elif t.op == "where" and t.args[0] is condition:
            done[t] = done[t.args[1 if holds else 2]]
        else:
            done[t] = rebuild(t, tuple(done[a] for a in t.args))
    return done[term]


def _rebinds(t: Term, condition: Term) -> bool:
    """Whether the condition may have another value inside the node: a reduction, fold or composite over one of its axes."""
    axes = {a for a in t.attrs if isinstance(a, Axis)} if t.op in COMPOSITES or binds(t) else set()
    return bool(axes & condition.free) or (t.op == "fold" and bool(set(t.attrs[1]) & condition.states))


SCHEMAS: dict[str, Callable[[Term, Term, Facts], bool]] = {
    "ring": ring,
    "index": index_form,
    "constant": constant,
    "definition": definition_of,
    "rename": rename,
    "sum_constant": sum_constant,
    "select_index": select_index,
    "unroll": unroll,
    "reverse": reverse,
    "cases": cases,
    "signs": signs,
    "prefix": prefix,
    "fold": by_family,
    "last": last,
}


def premises_of(name: str, lhs: Term, rhs: Term) -> list[Premise]:
    """What a computed step owes besides its own check: pairs of terms that must be known to be equal before."""
    return premises(lhs, rhs) if name == "fold" else []
