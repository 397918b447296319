"""Maxima and minima.  To add here: laws of max, min and minus infinity.  Never here: laws with an axis."""

from __future__ import annotations

from commute.theory.law import Extended, Real, Sides, law
from commute.theory.ops import add, maximum, minimum, mul, neg, recip, sub
from commute.theory.terms import NINF, ZERO, const


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


@law(near=lambda x, y: (minimum(x, y), maximum(x, y)))
def min_commutes(x: Extended, y: Extended) -> Sides:
    """A minimum doesn't depend on the order."""
    return minimum(x, y), minimum(y, x)


@law(near=lambda x, y, z: (minimum(minimum(x, y), z), minimum(x, maximum(y, z))))
def min_associates(x: Extended, y: Extended, z: Extended) -> Sides:
    """A minimum doesn't depend on the brackets."""
    return minimum(minimum(x, y), z), minimum(x, minimum(y, z))


@law(near=lambda x: (minimum(x, x), add(x, x)))
def min_idempotent(x: Extended) -> Sides:
    """A number is the minimum of itself and itself."""
    return minimum(x, x), x


@law(near=lambda x, y, z: (minimum(add(x, z), add(y, z)), minimum(x, y)))
def min_shift(x: Extended, y: Extended, z: Extended) -> Sides:
    """Addition distributes over min."""
    return minimum(add(x, z), add(y, z)), add(minimum(x, y), z)


@law(where=("c nonnegative",), near=lambda c, x, y: (minimum(mul(c, x), mul(c, y)), mul(neg(c), minimum(x, y))))
def min_scale(c: Real, x: Real, y: Real) -> Sides:
    """A factor that isn't negative goes out of a min."""
    return minimum(mul(c, x), mul(c, y)), mul(c, minimum(x, y))


@law(near=lambda x, y: (maximum(x, y), minimum(neg(x), neg(y))))
def max_by_min(x: Real, y: Real) -> Sides:
    """A maximum is minus the minimum of the negatives."""
    return maximum(x, y), neg(minimum(neg(x), neg(y)))


@law(
    where=("c nonnegative",),
    near=lambda c, x, y: (maximum(mul(neg(c), x), mul(neg(c), y)), mul(neg(c), maximum(x, y))),
)  # fmt: skip
def max_scale_negative(c: Real, x: Real, y: Real) -> Sides:
    """A factor that isn't positive turns a max into a min."""
    return maximum(mul(neg(c), x), mul(neg(c), y)), mul(neg(c), minimum(x, y))


@law(near=lambda x, y: (maximum(x, minimum(x, y)), y))
def max_absorbs_min(x: Extended, y: Extended) -> Sides:
    """A number is the larger of itself and what is at most it."""
    return maximum(x, minimum(x, y)), x


@law(near=lambda x, y: (minimum(x, maximum(x, y)), y))
def min_absorbs_max(x: Extended, y: Extended) -> Sides:
    """A number is the smaller of itself and what is at least it."""
    return minimum(x, maximum(x, y)), x


@law(near=lambda x, y, z: (maximum(x, minimum(y, z)), minimum(maximum(x, y), z)))
def max_distributes(x: Extended, y: Extended, z: Extended) -> Sides:
    """max distributes over min."""
    return maximum(x, minimum(y, z)), minimum(maximum(x, y), maximum(x, z))


@law(near=lambda x, y, z: (minimum(x, maximum(y, z)), maximum(minimum(x, y), z)))
def min_distributes(x: Extended, y: Extended, z: Extended) -> Sides:
    """min distributes over max."""
    return minimum(x, maximum(y, z)), maximum(minimum(x, y), minimum(x, z))


@law(where=("c nonnegative",), near=lambda x, a, c: (minimum(maximum(x, a), sub(a, c)), maximum(minimum(x, add(a, c)), a)))
def clamp_two_ways(x: Real, a: Real, c: Real) -> Sides:
    """Clamping between a and a + c: either bound may come first."""
    return minimum(maximum(x, a), add(a, c)), maximum(minimum(x, add(a, c)), a)


@law(where=("x nonnegative",), near=lambda x: (maximum(neg(x), ZERO), x))
def positive_part_itself(x: Real) -> Sides:
    """max(x, 0) is x where x isn't negative."""
    return maximum(x, ZERO), x


@law(near=lambda x: (add(maximum(x, ZERO), maximum(neg(x), ZERO)), x))
def positive_and_negative_part(x: Real) -> Sides:
    """A number is its positive part less its negative part."""
    return sub(maximum(x, ZERO), maximum(neg(x), ZERO)), x


@law(near=lambda x: (sub(maximum(x, ZERO), maximum(neg(x), ZERO)), maximum(x, neg(x))))
def absolute_by_parts(x: Real) -> Sides:
    """The absolute value is the positive part plus the negative part."""
    return add(maximum(x, ZERO), maximum(neg(x), ZERO)), maximum(x, neg(x))


@law(near=lambda x, y: (maximum(x, y), add(x, maximum(sub(x, y), ZERO))))
def max_by_positive_part(x: Real, y: Real) -> Sides:
    """A maximum is one number plus how far the other is above it."""
    return maximum(x, y), add(y, maximum(sub(x, y), ZERO))


@law(near=lambda x, y: (maximum(x, y), add(add(x, y), maximum(sub(x, y), sub(y, x)))))
def max_by_absolute(x: Real, y: Real) -> Sides:
    """Twice a maximum is the sum plus the distance."""
    return mul(const(2), maximum(x, y)), add(add(x, y), maximum(sub(x, y), sub(y, x)))


@law(near=lambda x, y: (mul(maximum(x, neg(x)), maximum(y, neg(y))), mul(x, y)))
def absolute_product(x: Real, y: Real) -> Sides:
    """The absolute value of a product is the product of the absolute values."""
    return mul(maximum(x, neg(x)), maximum(y, neg(y))), maximum(mul(x, y), neg(mul(x, y)))


@law(near=lambda x: (mul(maximum(x, neg(x)), maximum(x, neg(x))), maximum(x, neg(x))))
def absolute_square(x: Real) -> Sides:
    """The square of the absolute value is the square."""
    return mul(maximum(x, neg(x)), maximum(x, neg(x))), mul(x, x)


@law(where=("x positive", "y positive"), near=lambda x, y: (recip(maximum(x, y)), maximum(recip(x), recip(y))))
def recip_of_max(x: Real, y: Real) -> Sides:
    """The reciprocal turns a maximum of positive numbers into a minimum."""
    return recip(maximum(x, y)), minimum(recip(x), recip(y))


@law(near=lambda x: (minimum(x, NINF), x))
def min_minus_infinity(x: Extended) -> Sides:
    """Nothing is less than minus infinity."""
    return minimum(x, NINF), NINF
