"""Number by number: powers, roots, exponentials, logarithms, trigonometry.

A power has an exact meaning for exponents k/2 and for positive bases; otherwise it is unsupported.
To add here: an elementary function.  Never here: activations (`torch_nn.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from commute.lowering.arrays import Array, pointwise
from commute.lowering.extended import combined, exponential, logarithm, minus, one, operand, plus, positive, times
from commute.lowering.made import choose
from commute.lowering.positions import by_arms
from commute.lowering.reals import power
from commute.lowering.registry import Unsupported
from commute.lowering.torch_args import everywhere
from commute.lowering.torch_basic import clamp
from commute.theory import ops
from commute.theory.index import bounds
from commute.theory.ops import log, lt, recip, sqrt, unary
from commute.theory.terms import (
    INT,
    MINUS_ONE,
    ONE,
    REAL,
    ZERO,
    Term,
    const,
)

MOST = 16
"""The greatest integer that an exponent with axes in it may reach."""

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
    if positive(base) and base.op != "const":
        return exponential(times(exponent, named_log(base)))
    if exponent.sort == INT:
        return by_arms(exponent, lambda e: _of_few(base, e))
    if positive(base):
        return exponential(times(exponent, log(base)))
    raise Unsupported(f"a power {base} ** {exponent} whose base may be negative")


def _of_few(base: Term, exponent: Term) -> Term:
    """A power whose exponent is one of a few integers: the choice between them."""
    limits = bounds(exponent)
    low, high = (None, None) if limits is None else (limits[0].constant, limits[1].constant)
    if low is None or high is None or low < -MOST or high > MOST:
        if positive(base):
            return exponential(times(exponent, log(base)))
        raise Unsupported(f"a power {base} ** {exponent} whose base may be negative and whose exponent may be large")
    result = power(base, const(high))
    for each in reversed(range(low, high)):
        last, number = result, each
        result = choose(lt(exponent, const(each + 1)), lambda n=number: power(base, const(n)), lambda r=last: r)
    return result


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
