"""Exponentials and logarithms.  To add here: laws of exp, log and what is defined by them.  Never here: laws with an axis."""

from __future__ import annotations

from fractions import Fraction

from commute.theory.law import Extended, Real, Sides, law
from commute.theory.ops import add, exp, log, mul, neg, recip, sqrt, sub, unary
from commute.theory.terms import MINUS_ONE, NINF, ONE, ZERO, const

HALF = const(Fraction(1, 2))
TWO = const(2)


@law(axiom="the functional equation of exp", near=lambda x, y: (exp(add(x, y)), add(exp(x), exp(y))))
def exp_sum(x: Extended, y: Extended) -> Sides:
    """exp turns sums into products; at minus infinity both sides are 0."""
    return exp(add(x, y)), mul(exp(x), exp(y))


@law(axiom="exp(0) = 1", near=lambda: (exp(ZERO), ZERO))
def exp_zero() -> Sides:
    """exp(0) is 1."""
    return exp(ZERO), ONE


@law(axiom="exp at minus infinity", near=lambda: (exp(NINF), ONE))
def exp_minus_infinity() -> Sides:
    """exp sends minus infinity to 0."""
    return exp(NINF), ZERO


@law(axiom="exp inverts log", where=("x positive",), near=lambda x: (exp(log(x)), log(x)))
def exp_of_log(x: Real) -> Sides:
    """exp undoes log on positive numbers."""
    return exp(log(x)), x


@law(axiom="log inverts exp", near=lambda x: (log(exp(x)), exp(x)))
def log_of_exp(x: Real) -> Sides:
    """log undoes exp."""
    return log(exp(x)), x


@law(
    uses=("exp_sum", "exp_zero", "exp_of_log", "log_of_exp"), where=("x positive", "y positive"),
    near=lambda x, y: (log(add(x, y)), add(log(x), log(y))),
)  # fmt: skip
def log_product(x: Real, y: Real) -> Sides:
    """log turns products of positive numbers into sums."""
    return log(mul(x, y)), add(log(x), log(y))


@law(
    uses=("exp_sum", "exp_zero", "exp_of_log", "log_of_exp"), where=("x positive",),
    near=lambda x: (log(recip(x)), log(x)),
)  # fmt: skip
def log_recip(x: Real) -> Sides:
    """log of a reciprocal is minus the log."""
    return log(recip(x)), neg(log(x))


@law(uses=("exp_sum", "exp_zero"), near=lambda x: (exp(neg(x)), neg(exp(x))))
def exp_neg(x: Real) -> Sides:
    """exp of the negative is the reciprocal."""
    return exp(neg(x)), recip(exp(x))


@law(axiom="the definition of tanh", near=lambda x: (unary("tanh", x), sub(ONE, recip(add(ONE, exp(x))))))
def tanh_by_exp(x: Real) -> Sides:
    """tanh in exponentials."""
    return unary("tanh", x), add(ONE, mul(const(-2), recip(add(ONE, exp(mul(TWO, x))))))


@law(axiom="erf is odd", near=lambda x: (unary("erf", neg(x)), unary("erf", x)))
def erf_odd(x: Real) -> Sides:
    """erf is an odd function."""
    return unary("erf", mul(MINUS_ONE, x)), mul(MINUS_ONE, unary("erf", x))


@law(axiom="sin is odd", near=lambda x: (unary("sin", neg(x)), unary("sin", x)))
def sin_odd(x: Real) -> Sides:
    """sin is an odd function."""
    return unary("sin", mul(MINUS_ONE, x)), mul(MINUS_ONE, unary("sin", x))


@law(axiom="cos is even", near=lambda x: (unary("cos", neg(x)), neg(unary("cos", x))))
def cos_even(x: Real) -> Sides:
    """cos is an even function."""
    return unary("cos", mul(MINUS_ONE, x)), unary("cos", x)


@law(uses=("exp_sum", "exp_zero"), near=lambda x: (exp(mul(HALF, x)), exp(x)))
def exp_half(x: Real) -> Sides:
    """exp of a half is the square root of exp."""
    return exp(mul(HALF, x)), sqrt(exp(x))


@law(uses=("log_product", "sqrt_squared"), where=("x positive",), near=lambda x: (log(sqrt(x)), mul(TWO, log(x))))
def log_of_sqrt(x: Real) -> Sides:
    """log of a root is half the log."""
    return log(sqrt(x)), mul(HALF, log(x))
