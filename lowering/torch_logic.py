"""Number by number: comparisons, logic, and whether a number is infinite.

To add here: an operator whose result is a truth value.  Never here: selection by one (`torch_select.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from commute.lowering.arrays import Array, pointwise
from commute.lowering.extended import combined, is_ninf, one, operand
from commute.lowering.made import filled
from commute.lowering.registry import Unsupported, lifts
from commute.lowering.torch_args import everywhere
from commute.theory import ops
from commute.theory.index import simplify
from commute.theory.ops import land, lnot, lor, lt, where
from commute.theory.schemas import evaluate_constant
from commute.theory.terms import (
    BOOL,
    FALSE,
    NINF,
    TRUE,
    ZERO,
    Term,
    postorder,
)

# --- comparisons and logic -------------------------------------------------------------------------------------------


def _against_ninf(a: Term, b: Term) -> Term | None:
    for x, y in ((a, b), (b, a)):
        if x is NINF:
            return is_ninf(y)
    return None


def equal(a: Term, b: Term) -> Term:
    """a = b, also with a literal -inf"""
    found = _against_ninf(a, b) or _by_cases(equal, a, b)
    return simplify(ops.eq(a, b)) if found is None else found


def below(a: Term, b: Term) -> Term:
    """a < b, also with a literal -inf"""
    if b is NINF:
        return FALSE
    if a is NINF:
        return simplify(lnot(is_ninf(b)))
    found = _by_cases(below, a, b)
    return simplify(lt(a, b)) if found is None else found


def _by_cases(compare: Callable[[Term, Term], Term], a: Term, b: Term) -> Term | None:
    """A comparison of masks that are sums and products of masks (`keep == 0`, `low * high > 0`) is a condition on the masks."""
    if not all(_made_of_masks(x) for x in (a, b)):
        return None
    chosen = list(dict.fromkeys(t.args[0] for t in postorder(a, b) if t.op == "where"))
    return _tree(compare, a, b, chosen) if 0 < len(chosen) <= _MASKS else None


_MASKS = 3
"""At most so many masks are compared by cases."""


def _made_of_masks(term: Term) -> bool:
    """Whether only selections of constants, sums and products of them make up the term."""
    if term.op == "where":
        return all(_made_of_masks(x) for x in term.args[1:])
    return term.op == "const" or term.op in ("add", "mul", "max", "min") and all(map(_made_of_masks, term.args))


def _tree(compare: Callable[[Term, Term], Term], a: Term, b: Term, chosen: list[Term]) -> Term | None:
    """The condition under which the comparison holds, one mask after the other."""
    if not chosen:
        left, right = _number(a), _number(b)
        return None if left is None or right is None else compare(left, right)
    arms = [_tree(compare, _given(a, chosen[0], k), _given(b, chosen[0], k), chosen[1:]) for k in (1, 2)]
    if arms[0] is None or arms[1] is None:
        return None
    return arms[0] if arms[0] is arms[1] else simplify(where(chosen[0], arms[0], arms[1]))


def _number(term: Term) -> Term | None:
    if term.op == "const":
        return term
    args = [_number(x) for x in term.args]
    return evaluate_constant(Term(term.op, tuple(x for x in args if x is not None), term.attrs)) if None not in args else None


def _given(term: Term, condition: Term, arm: int) -> Term:
    """The term where the condition holds (arm 1) or doesn't (arm 2)."""
    if term.op == "where" and term.args[0] is condition:
        return _given(term.args[arm], condition, arm)
    at = 1 if term.op == "where" else 0
    return Term(term.op, (*term.args[:at], *(_given(x, condition, arm) for x in term.args[at:])), term.attrs)


COMPARISONS: dict[tuple[str, ...], Callable[[Term, Term], Term]] = {
    ("eq",): equal,
    ("ne", "not_equal"): lambda a, b: simplify(lnot(equal(a, b))),
    ("lt", "less"): below,
    ("gt", "greater"): lambda a, b: below(b, a),
    ("le", "less_equal"): lambda a, b: equal(a, b) if b is NINF else TRUE if a is NINF else simplify(ops.le(a, b)),
    ("ge", "greater_equal"): lambda a, b: TRUE if b is NINF else equal(a, b) if a is NINF else simplify(ops.le(b, a)),
}


def _comparison(make: Callable[[Term, Term], Term]) -> Callable[..., Array]:
    return lambda trace, input, other: combined(trace, make, input, other, sort=BOOL)


for _names, _compare in COMPARISONS.items():
    everywhere(*_names)(_comparison(_compare))


@everywhere("isneginf", "isinf")
def isinf(trace: Any, input: Array) -> Array:
    """Whether a number is infinite: over the reals only -inf is."""
    return one(trace, is_ninf, input, BOOL)


@everywhere("isfinite")
def isfinite(trace: Any, input: Array) -> Array:
    """Whether a number is finite."""
    return one(trace, lambda a: simplify(lnot(is_ninf(a))), input, BOOL)


def truth(trace: Any, value: Any) -> Array:
    """Numbers as truth values: whether they are not 0."""
    if isinstance(value, bool):
        return filled((), TRUE if value else FALSE, BOOL)
    array = value if isinstance(value, Array) else operand(trace, value)
    if array.sort == BOOL:
        return array
    return Array(array.shape, lambda i: simplify(lnot(equal(array.at(i), ZERO))), BOOL)


def _logic(trace: Any, make: Callable[..., Term], *values: Any) -> Array:
    return pointwise(lambda *t: simplify(make(*t)), *(truth(trace, v) for v in values), sort=BOOL)


def _bits(name: str, *values: Any) -> None:
    if any(isinstance(v, Array) and v.sort != BOOL or isinstance(v, int) and not isinstance(v, bool) for v in values):
        raise Unsupported(f"{name} of the bits of numbers")


@everywhere("logical_and")
def logical_and(trace: Any, input: Any, other: Any) -> Array:
    """input and other"""
    return _logic(trace, land, input, other)


@everywhere("logical_or")
def logical_or(trace: Any, input: Any, other: Any) -> Array:
    """input or other"""
    return _logic(trace, lor, input, other)


@everywhere("logical_not")
def logical_not(trace: Any, input: Any) -> Array:
    """not input"""
    return _logic(trace, lnot, input)


@everywhere("logical_xor")
def logical_xor(trace: Any, input: Any, other: Any) -> Array:
    """one of the two, not both"""
    return _logic(trace, lambda a, b: lor(land(a, lnot(b)), land(lnot(a), b)), input, other)


@lifts(torch.bitwise_and, torch.Tensor.bitwise_and, torch.Tensor.__and__)
def bitwise_and(trace: Any, input: Any, other: Any) -> Array:
    """input and other, of truth values"""
    _bits("and", input, other)
    return logical_and(trace, input, other)


@lifts(torch.bitwise_or, torch.Tensor.bitwise_or, torch.Tensor.__or__)
def bitwise_or(trace: Any, input: Any, other: Any) -> Array:
    """input or other, of truth values"""
    _bits("or", input, other)
    return logical_or(trace, input, other)


@lifts(torch.bitwise_xor, torch.Tensor.bitwise_xor, torch.Tensor.__xor__)
def bitwise_xor(trace: Any, input: Any, other: Any) -> Array:
    """one of the two, not both, of truth values"""
    _bits("xor", input, other)
    return logical_xor(trace, input, other)


@lifts(torch.bitwise_not, torch.Tensor.bitwise_not, torch.Tensor.__invert__)
def bitwise_not(trace: Any, input: Any) -> Array:
    """not input, of truth values"""
    _bits("not", input)
    return logical_not(trace, input)
