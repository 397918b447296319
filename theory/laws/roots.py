"""Square roots.  To add here: laws of sqrt.  Never here: laws with an axis."""

from __future__ import annotations

from commute.theory.law import Real, Sides, law
from commute.theory.ops import add, maximum, minimum, mul, neg, recip, sqrt
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


@law(near=lambda c, x: (sqrt(mul(mul(c, c), x)), mul(c, sqrt(x))))
def sqrt_scale(c: Real, x: Real) -> Sides:
    """A square leaves a root as the absolute value; it holds for all reals."""
    return sqrt(mul(mul(c, c), x)), mul(maximum(c, neg(c)), sqrt(x))


@law(where=("x nonnegative", "y nonnegative"), near=lambda x, y: (sqrt(mul(x, recip(y))), mul(sqrt(x), recip(y))))
def sqrt_quotient(x: Real, y: Real) -> Sides:
    """The root of a quotient of numbers that aren't negative."""
    return sqrt(mul(x, recip(y))), mul(sqrt(x), recip(sqrt(y)))


@law(near=lambda x: (mul(x, recip(sqrt(x))), recip(sqrt(x))))
def times_recip_sqrt(x: Real) -> Sides:
    """A number by its root is the root; it holds for all reals."""
    return mul(x, recip(sqrt(x))), sqrt(x)


@law(where=("x nonnegative",), near=lambda x: (mul(recip(sqrt(x)), recip(sqrt(x))), recip(mul(x, x))))
def recip_sqrt_squared(x: Real) -> Sides:
    """A reciprocal root squared is the reciprocal, unless the number is negative."""
    return mul(recip(sqrt(x)), recip(sqrt(x))), recip(x)


@law(near=lambda x, y: (sqrt(maximum(x, y)), minimum(sqrt(x), sqrt(y))))
def sqrt_max(x: Real, y: Real) -> Sides:
    """The root of the larger is the larger root; it holds for all reals."""
    return sqrt(maximum(x, y)), maximum(sqrt(x), sqrt(y))
