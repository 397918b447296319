"""Number by number: arithmetic, extremes, and what leaves numbers as they are.

To add here: an operator on numbers.  Never here: one that moves, joins or reduces dimensions, activations (`torch_nn.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from commute.lowering.arrays import Array, pointwise
from commute.lowering.extended import combined, greater, minus, one, operand, plus, smaller, times
from commute.lowering.made import choose
from commute.lowering.reals import inverse
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import everywhere
from commute.lowering.torch_logic import logical_and, logical_or
from commute.theory import ops
from commute.theory.facts import Facts
from commute.theory.index import simplify
from commute.theory.ops import lt
from commute.theory.terms import (
    BOOL,
    EXT,
    INT,
    MINUS_ONE,
    ONE,
    REAL,
    ZERO,
    Term,
)
from commute.verify.definedness import obligations

# --- arithmetic ------------------------------------------------------------------------------------------------------


def _scale(trace: Any, alpha: Any, value: Any) -> Any:
    return value if isinstance(alpha, int) and alpha == 1 else mul(trace, value, alpha)


@everywhere("add")
def add(trace: Any, input: Any, other: Any, *, alpha: Any = 1) -> Array:
    """input + alpha * other; of truth values, or."""
    if all(isinstance(v, Array) and v.sort == BOOL for v in (input, other)):
        return logical_or(trace, input, other)
    return combined(trace, plus, input, _scale(trace, alpha, other))


@everywhere("sub", "subtract")
def sub(trace: Any, input: Any, other: Any, *, alpha: Any = 1) -> Array:
    """input - alpha * other"""
    if any(isinstance(v, Array) and v.sort == BOOL for v in (input, other)):
        raise Unusable("truth values are not subtracted")
    return combined(trace, minus, input, _scale(trace, alpha, other))


@lifts(torch.rsub, torch.Tensor.__rsub__)
def rsub(trace: Any, input: Any, other: Any, *, alpha: Any = 1) -> Array:
    """other - alpha * input"""
    return sub(trace, other, input, alpha=alpha)


@everywhere("mul", "multiply")
def mul(trace: Any, input: Any, other: Any) -> Array:
    """input * other; of truth values, and."""
    if all(isinstance(v, Array) and v.sort == BOOL for v in (input, other)):
        return logical_and(trace, input, other)
    return combined(trace, times, input, other)


@everywhere("div", "divide", "true_divide")
def div(trace: Any, input: Any, other: Any, *, rounding_mode: str | None = None) -> Array:
    """input / other, or the floor of it for integers"""
    if rounding_mode == "floor":
        return floor_divide(trace, input, other)
    if rounding_mode is not None:
        raise Unsupported(f"div with rounding_mode={rounding_mode}")
    return combined(trace, lambda a, b: times(a, inverse(b)), input, other, sort=REAL)


@lifts(torch.Tensor.__rdiv__, torch.Tensor.__rtruediv__)
def rdiv(trace: Any, input: Any, other: Any) -> Array:
    """other / input"""
    return div(trace, other, input)


def _whole(trace: Any, name: str, make: Callable[[Term, Term], Term], a: Any, b: Any) -> Array:
    left, right = operand(trace, a), operand(trace, b)
    if left.sort != INT or right.sort != INT:
        raise Unsupported(f"{name} of reals")
    return pointwise(lambda x, y: simplify(make(x, y)), left, right, sort=INT)


@everywhere("floor_divide")
def floor_divide(trace: Any, input: Any, other: Any) -> Array:
    """The integer quotient, rounded down; of reals unsupported."""
    return _whole(trace, "floor division", ops.floordiv, input, other)


@everywhere("remainder")
def remainder(trace: Any, input: Any, other: Any) -> Array:
    """The integer remainder, with the sign of the divisor; of reals unsupported."""
    return _whole(trace, "the remainder", ops.mod, input, other)


@everywhere("neg", "negative")
def neg(trace: Any, input: Array) -> Array:
    """-input"""
    return combined(trace, lambda a: times(MINUS_ONE, a), input)


@everywhere("positive", "clone", "detach", "contiguous", "cpu", "cuda", "resolve_conj", "conj", "alias", "detach_copy")
def same(trace: Any, input: Array, *args: Any, **kwargs: Any) -> Array:
    """input"""
    return input


@everywhere("abs", "absolute")
def absolute(trace: Any, input: Array) -> Array:
    """The absolute value."""
    return combined(trace, lambda a: ops.composite("abs", a), input)


@everywhere("square")
def square(trace: Any, input: Array) -> Array:
    """input * input"""
    return combined(trace, lambda a: times(a, a), input)


@everywhere("reciprocal")
def reciprocal(trace: Any, input: Array) -> Array:
    """1 / input"""
    return one(trace, inverse, input)


@everywhere("sign", "sgn")
def sign(trace: Any, input: Array) -> Array:
    """-1, 0 or 1"""
    return combined(
        trace, lambda a: choose(lt(ZERO, a), lambda: ONE, lambda: choose(lt(a, ZERO), lambda: MINUS_ONE, lambda: ZERO)), input
    )


@everywhere("addcmul")
def addcmul(trace: Any, input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Array:
    """input + value * tensor1 * tensor2"""
    return add(trace, input, mul(trace, tensor1, tensor2), alpha=value)


@everywhere("addcdiv")
def addcdiv(trace: Any, input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Array:
    """input + value * tensor1 / tensor2"""
    return add(trace, input, div(trace, tensor1, tensor2), alpha=value)


@everywhere("lerp")
def lerp(trace: Any, input: Any, end: Any, weight: Any) -> Array:
    """input + weight * (end - input)"""
    return combined(trace, lambda a, b, w: plus(a, times(w, minus(b, a))), input, end, weight, sort=REAL)


@everywhere("nan_to_num")
def nan_to_num(trace: Any, input: Array, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Array:
    """input, where it surely has a value; what would stand for NaN and infinities isn't lifted."""

    def kept(t: Term) -> Term:
        if t.sort == EXT or obligations(t, Facts()):
            raise Unsupported("nan_to_num of what may be undefined or infinite")
        return t

    return pointwise(kept, input, sort=input.sort)


# --- extremes --------------------------------------------------------------------------------------------------------


@everywhere("maximum", "fmax")
def maximum(trace: Any, input: Array, other: Array) -> Array:
    """The larger."""
    return combined(trace, greater, input, other)


@everywhere("minimum", "fmin")
def minimum(trace: Any, input: Array, other: Array) -> Array:
    """The smaller."""
    return combined(trace, smaller, input, other)


@everywhere("clamp", "clip")
def clamp(trace: Any, input: Array, min: Any = None, max: Any = None) -> Array:
    """min(max(input, min), max)"""
    result = input
    if min is not None and not (isinstance(min, float) and min == float("-inf")):
        result = combined(trace, greater, result, min)
    if max is not None and not (isinstance(max, float) and max == float("inf")):
        result = combined(trace, smaller, result, max)
    if min is None and max is None:
        raise Unusable("clamp: at least one of min and max must be given")
    return result


@everywhere("clamp_min")
def clamp_min(trace: Any, input: Array, min: Any) -> Array:
    """max(input, min)"""
    return clamp(trace, input, min)


@everywhere("clamp_max")
def clamp_max(trace: Any, input: Array, max: Any) -> Array:
    """min(input, max)"""
    return clamp(trace, input, None, max)
