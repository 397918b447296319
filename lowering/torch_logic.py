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
from commute.theory.ops import land, lnot, lor, lt
from commute.theory.terms import (
    BOOL,
    FALSE,
    NINF,
    TRUE,
    ZERO,
    Term,
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
    """A comparison of a number with a selection of numbers (`mask == 0`) is the selection's condition, or not it."""
    for chosen, other, swap in ((a, b, False), (b, a, True)):
        if chosen.op == "where" and other.op == "const" and all(x.op == "const" for x in chosen.args[1:]):
            arms = [compare(other, x) if swap else compare(x, other) for x in chosen.args[1:]]
            if all(arm in (TRUE, FALSE) for arm in arms):
                return arms[0] if arms[0] is arms[1] else _truth(chosen, arms)
    return None


def _truth(chosen: Term, arms: list[Term]) -> Term:
    return simplify(chosen.args[0] if arms[0] is TRUE else lnot(chosen.args[0]))


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
