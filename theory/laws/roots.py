"""Square roots.  To add here: laws of sqrt.  Never here: laws with an axis."""

from __future__ import annotations

from commute.theory.law import Real, Sides, law
from commute.theory.ops import add, maximum, mul, neg, recip, sqrt
from commute.theory.terms import ONE


@law(where=("x nonnegative",), near=lambda x: (mul(sqrt(x), sqrt(x)), mul(x, x)))
def sqrt_squared(x: Real) -> Sides:
    """A square root squared is the number, unless it is negative."""
    return mul(sqrt(x), sqrt(x)), x


@law(where=("x nonnegative", "y nonnegative"), near=lambda x, y: (sqrt(add(x, y)), add(sqrt(x), sqrt(y))))
def sqrt_product(x: Real, y: Real) -> Sides:
    """The root of a product of numbers that aren't negative."""
    return sqrt(mul(x, y)), mul(sqrt(x), sqrt(y))


@law(near=lambda x: (recip(sqrt(x)), sqrt(x)))
def recip_of_sqrt(x: Real) -> Sides:
    """A reciprocal root is the root times the reciprocal; with sqrt(x < 0) = 0 and recip(0) = 0 it holds for all reals."""
    return recip(sqrt(x)), mul(sqrt(x), recip(x))


@law(near=lambda x: (sqrt(recip(x)), sqrt(x)))
def sqrt_of_recip(x: Real) -> Sides:
    """The root of a reciprocal; it holds for all reals."""
    return sqrt(recip(x)), mul(sqrt(x), recip(x))


@law(near=lambda x: (sqrt(mul(x, x)), x))
def sqrt_of_square(x: Real) -> Sides:
    """The root of a square is the absolute value."""
    return sqrt(mul(x, x)), maximum(x, neg(x))


@law(near=lambda: (sqrt(ONE), neg(ONE)))
def sqrt_one() -> Sides:
    """The root of one."""
    return sqrt(ONE), ONE
