"""Number by number: arithmetic, comparisons, logic, selection, casts, elementary functions.

Minus infinity is folded where it is literal (max(-inf, x) = x, -inf + x = -inf, exp(-inf) = 0); a product that would make it
+inf or NaN is unsupported.  Casts between floats are the identity over the reals; a cast that would round is unsupported.
To add here: an operator on numbers.  Never here: one that moves, joins or reduces dimensions, activations (`torch_nn.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import torch

from commute.lowering.arrays import Array, pointwise
from commute.lowering.made import choose, filled
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.symbols import inverse, power
from commute.lowering.torch_args import everywhere, numeric
from commute.theory import ops
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import land, lnot, log, lor, lt, recip, sqrt, unary, where
from commute.theory.terms import (
    BOOL,
    EXT,
    FALSE,
    INT,
    MINUS_ONE,
    NINF,
    ONE,
    REAL,
    TRUE,
    ZERO,
    Term,
    const,
)

# --- terms, with -inf folded -----------------------------------------------------------------------------------------


def plus(a: Term, b: Term) -> Term:
    """a + b, where a literal -inf absorbs and a literal 0 leaves no trace."""
    if NINF in (a, b):
        return NINF
    if a.op == "const" and b.op == "const":
        return const(a.attrs[0] + b.attrs[0])
    return b if a is ZERO else a if b is ZERO else ops.add(a, b)


def times(a: Term, b: Term) -> Term:
    """a * b; -inf times a positive number is -inf, times anything else Unsupported."""
    if a.op == "const" and b.op == "const":
        return const(a.attrs[0] * b.attrs[0])
    if a is ONE or b is ONE:
        return b if a is ONE else a
    for x, y in ((a, b), (b, a)):
        if x is NINF:
            if positive(y):
                return NINF
            raise Unsupported("-inf times a number that isn't known to be positive")
        if x.op == "where" and NINF in x.args[1:] and positive(y):
            return where(x.args[0], *(times(arm, y) for arm in x.args[1:]))
    return ops.mul(a, b)


def positive(term: Term) -> bool:
    """Whether a term is plainly > 0: made of positive numbers and sizes."""
    if term.op == "const":
        return term.attrs[0] > 0
    if term.op in ("size", "exp"):
        return term.op == "size" or not term.sort == EXT
    return term.op in ("mul", "recip", "sqrt", "add") and all(map(positive, term.args))


def minus(a: Term, b: Term) -> Term:
    """a - b"""
    return plus(a, times(MINUS_ONE, b))


def exponential(a: Term) -> Term:
    """e to the a, 0 at a literal -inf"""
    return ZERO if a is NINF else ONE if a is ZERO else ops.exp(a)


def logarithm(a: Term) -> Term:
    """log a; of a selection of 0 and 1 it is a selection of -inf and 0"""
    if a is ZERO or a is ONE:
        return NINF if a is ZERO else ZERO
    if a.op == "where" and all(x.op == "const" for x in a.args[1:]):
        return where(a.args[0], logarithm(a.args[1]), logarithm(a.args[2]))
    return log(a)


def greater(a: Term, b: Term) -> Term:
    """max(a, b), of which -inf is the unit"""
    if a is NINF or b is NINF:
        return b if a is NINF else a
    return a if a is b else ops.maximum(a, b)


def smaller(a: Term, b: Term) -> Term:
    """min(a, b)"""
    return NINF if NINF in (a, b) else a if a is b else ops.minimum(a, b)


def is_ninf(a: Term) -> Term:
    """Whether a is -inf."""
    if a is NINF or a.sort != EXT:
        return TRUE if a is NINF else FALSE
    if a.op == "where":
        return choose(a.args[0], lambda: is_ninf(a.args[1]), lambda: is_ninf(a.args[2]))
    raise Unsupported(f"whether {a} is -inf")


# --- operands --------------------------------------------------------------------------------------------------------


def operand(trace: Any, value: Any) -> Array:
    """A number or an array as an array of numbers."""
    if isinstance(value, Array):
        return numeric(value)
    if isinstance(value, bool | int | Size):
        return filled((), trace.number(value), INT)
    return filled((), trace.number(value), REAL)


def combined(trace: Any, make: Callable[..., Term], *values: Any, sort: str | None = None) -> Array:
    """`make` of broadcast operands, number by number."""
    return pointwise(make, *(operand(trace, v) for v in values), sort=sort)


def one(trace: Any, make: Callable[[Term], Term], value: Any, sort: str = REAL) -> Array:
    """`make` of every number, as reals."""
    return combined(trace, make, value, sort=sort)


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


# --- powers and roots ------------------------------------------------------------------------------------------------


@everywhere("sqrt")
def square_root(trace: Any, input: Array) -> Array:
    """The square root."""
    return one(trace, sqrt, input)


@everywhere("rsqrt")
def rsqrt(trace: Any, input: Array) -> Array:
    """1 / sqrt(input)"""
    return one(trace, lambda a: recip(sqrt(a)), input)


@everywhere("pow", "float_power")
def pow_(trace: Any, input: Any, exponent: Any) -> Array:
    """input ** exponent: exponents k/2 by products and roots, a positive constant base by exp."""
    base, up = operand(trace, input), operand(trace, exponent)
    sort = INT if base.sort == up.sort == INT else REAL
    return pointwise(raised, base, up, sort=sort)


def raised(base: Term, exponent: Term) -> Term:
    """base ** exponent; Unsupported where neither is simple enough for an exact meaning."""
    if exponent.op == "const":
        twice: Fraction = exponent.attrs[0] * 2
        if twice.denominator == 1 and abs(twice) <= 64:
            return power(base, exponent)
        if positive(base):
            return power(base, exponent)
        if exponent.attrs[0] > 0:
            return choose(lt(ZERO, base), lambda: ops.exp(ops.mul(exponent, log(base))), lambda: ZERO)
        return ops.exp(ops.mul(exponent, log(base)))
    if base is const(1):
        return ONE
    if positive(base):
        return exponential(times(exponent, named_log(base)))
    raise Unsupported(f"a power {base} ** {exponent} whose base may be negative")


def named_log(base: Term) -> Term:
    """log of a positive base, 1 for e."""
    return ONE if base.op == "named" and base.attrs[0] == "e" else log(base)


# --- exponentials, logarithms, trigonometry --------------------------------------------------------------------------

LOG2, LOG10 = log(const(2)), log(const(10))
HALF = const(Fraction(1, 2))

ELEMENTARY: dict[str, Callable[[Term], Term]] = {
    "exp": exponential,
    "exp2": lambda a: exponential(times(a, LOG2)),
    "expm1": lambda a: plus(exponential(a), MINUS_ONE),
    "log": logarithm,
    "log2": lambda a: times(log(a), recip(LOG2)),
    "log10": lambda a: times(log(a), recip(LOG10)),
    "log1p": lambda a: log(plus(ONE, a)),
    "sin": lambda a: unary("sin", a),
    "cos": lambda a: unary("cos", a),
    "tan": lambda a: times(unary("sin", a), recip(unary("cos", a))),
    "erf": lambda a: unary("erf", a),
    "erfc": lambda a: minus(ONE, unary("erf", a)),
    "sinh": lambda a: times(HALF, minus(ops.exp(a), ops.exp(ops.neg(a)))),
    "cosh": lambda a: times(HALF, plus(ops.exp(a), ops.exp(ops.neg(a)))),
    "deg2rad": lambda a: times(a, ops.div(ops.named("pi"), const(180))),
}


def _elementary(make: Callable[[Term], Term]) -> Callable[..., Array]:
    return lambda trace, input: one(trace, make, input)


for _name, _make in ELEMENTARY.items():
    everywhere(_name)(_elementary(_make))


@everywhere("logit")
def logit(trace: Any, input: Array, eps: float | None = None) -> Array:
    """log(x / (1 - x)), x kept eps away from 0 and 1"""
    inner = input if eps is None else clamp(trace, input, eps, 1 - eps)
    return one(trace, lambda a: log(times(a, recip(minus(ONE, a)))), inner)


@everywhere("hypot")
def hypot(trace: Any, input: Array, other: Array) -> Array:
    """sqrt(input² + other²)"""
    return combined(trace, lambda a, b: sqrt(plus(times(a, a), times(b, b))), input, other, sort=REAL)


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


# --- comparisons and logic -------------------------------------------------------------------------------------------


def _against_ninf(a: Term, b: Term) -> Term | None:
    for x, y in ((a, b), (b, a)):
        if x is NINF:
            return is_ninf(y)
    return None


def equal(a: Term, b: Term) -> Term:
    """a = b, also with a literal -inf"""
    found = _against_ninf(a, b)
    return simplify(ops.eq(a, b)) if found is None else found


def below(a: Term, b: Term) -> Term:
    """a < b, also with a literal -inf"""
    if b is NINF:
        return FALSE
    return simplify(lt(a, b)) if a is not NINF else simplify(lnot(is_ninf(b)))


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


@everywhere("logaddexp")
def logaddexp(trace: Any, input: Array, other: Array) -> Array:
    """log(exp(input) + exp(other))"""
    return combined(trace, lambda a, b: log(plus(exponential(a), exponential(b))), input, other, sort=REAL)


@everywhere("logaddexp2")
def logaddexp2(trace: Any, input: Array, other: Array) -> Array:
    """log2(2**input + 2**other)"""

    def make(a: Term, b: Term) -> Term:
        inside = plus(exponential(times(a, LOG2)), exponential(times(b, LOG2)))
        return times(log(inside), recip(LOG2))

    return combined(trace, make, input, other, sort=REAL)
