"""Maxima and minima.  To add here: laws of max, min and minus infinity.  Never here: laws with an axis."""

from __future__ import annotations

from commute.theory.law import Extended, Real, Sides, law
from commute.theory.ops import add, maximum, minimum, mul, neg, sub
from commute.theory.terms import NINF, ZERO


@law(near=lambda x, y: (maximum(x, y), minimum(x, y)))
def max_commutes(x: Extended, y: Extended) -> Sides:
    """A maximum doesn't depend on the order."""
    return maximum(x, y), maximum(y, x)


@law(near=lambda x, y, z: (maximum(maximum(x, y), z), maximum(x, minimum(y, z))))
def max_associates(x: Extended, y: Extended, z: Extended) -> Sides:
    """A maximum doesn't depend on the brackets."""
    return maximum(maximum(x, y), z), maximum(x, maximum(y, z))


@law(near=lambda x: (maximum(x, x), add(x, x)))
def max_idempotent(x: Extended) -> Sides:
    """A number is the maximum of itself and itself."""
    return maximum(x, x), x


@law(near=lambda x: (maximum(x, NINF), NINF))
def max_unit(x: Extended) -> Sides:
    """Minus infinity is the unit of max."""
    return maximum(x, NINF), x


@law(near=lambda x, y, z: (maximum(add(x, z), add(y, z)), maximum(x, y)))
def max_shift(x: Extended, y: Extended, z: Extended) -> Sides:
    """Addition distributes over max."""
    return maximum(add(x, z), add(y, z)), add(maximum(x, y), z)


@law(where=("c nonnegative",), near=lambda c, x, y: (maximum(mul(c, x), mul(c, y)), mul(neg(c), maximum(x, y))))
def max_scale(c: Real, x: Real, y: Real) -> Sides:
    """A factor that isn't negative goes out of a max."""
    return maximum(mul(c, x), mul(c, y)), mul(c, maximum(x, y))


@law(near=lambda x, y: (minimum(x, y), maximum(neg(x), neg(y))))
def min_by_max(x: Real, y: Real) -> Sides:
    """A minimum is minus the maximum of the negatives."""
    return minimum(x, y), neg(maximum(neg(x), neg(y)))


@law(near=lambda x, y: (add(maximum(x, y), minimum(x, y)), add(x, x)))
def max_plus_min(x: Real, y: Real) -> Sides:
    """The maximum and the minimum of two numbers add up to both."""
    return add(maximum(x, y), minimum(x, y)), add(x, y)


@law(where=("c nonnegative",), near=lambda c, x: (maximum(x, add(x, c)), x))
def max_absorbs(c: Real, x: Real) -> Sides:
    """The larger of x and x + c, c not negative, is x + c."""
    return maximum(x, add(x, c)), add(x, c)


@law(near=lambda x: (add(x, NINF), x))
def add_minus_infinity(x: Extended) -> Sides:
    """Minus infinity plus a number is minus infinity."""
    return add(x, NINF), NINF


@law(near=lambda x, y: (add(x, y), add(x, x)))
def extended_add_commutes(x: Extended, y: Extended) -> Sides:
    """A sum doesn't depend on the order, with minus infinity too."""
    return add(x, y), add(y, x)


@law(where=("c nonnegative",), near=lambda a, c: (maximum(sub(maximum(a, ZERO), c), ZERO), maximum(a, ZERO)))
def clip_outside(a: Real, c: Real) -> Sides:
    """Clipping at 0, then at c, is clipping at c."""
    return maximum(sub(maximum(a, ZERO), c), ZERO), maximum(sub(a, c), ZERO)


@law(where=("c nonnegative",), near=lambda a, c: (maximum(sub(a, maximum(sub(a, c), ZERO)), ZERO), maximum(a, ZERO)))
def clip_inside(a: Real, c: Real) -> Sides:
    """The part of a between 0 and c."""
    return maximum(sub(a, maximum(sub(a, c), ZERO)), ZERO), sub(maximum(a, ZERO), maximum(sub(a, c), ZERO))
