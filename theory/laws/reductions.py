"""Reductions over an axis of any size.  To add here: laws of Σ, Max, Min, Π.  Never here: laws that name an algorithm.

That a factor doesn't depend on the axis needs no words: a hole that stands outside the binder on one side can't see it.
"""

from __future__ import annotations

from commute.theory.law import AnyAxis, Extended, Real, Sides, law
from commute.theory.ops import add, exp, maximum, mul, neg, total
from commute.theory.terms import reduce


@law(near=lambda k, x, y: (total(k, mul(x, y)), mul(total(k, x), total(k, y))))
def sum_add(k: AnyAxis, x: Real, y: Real) -> Sides:
    """A sum of sums is the sum of the sums."""
    return total(k, add(x, y)), add(total(k, x), total(k, y))


@law(near=lambda k, c, x: (total(k, add(c, x)), add(c, total(k, x))))
def sum_scale(k: AnyAxis, c: Real, x: Real) -> Sides:
    """A factor that doesn't depend on the axis goes out of the sum."""
    return total(k, mul(c, x)), mul(c, total(k, x))


@law(uses=("sum_add",), near=lambda j, k, x: (total(j, total(k, x)), total(k, x)))
def sum_swap(j: AnyAxis, k: AnyAxis, x: Real) -> Sides:
    """Two sums change places."""
    return total(j, total(k, x)), total(k, total(j, x))


@law(near=lambda k, x, y: (reduce("max", k, add(x, y)), add(reduce("max", k, x), reduce("max", k, y))))
def max_over_max(k: AnyAxis, x: Extended, y: Extended) -> Sides:
    """A maximum of maxima is the maximum of the maxima."""
    return reduce("max", k, maximum(x, y)), maximum(reduce("max", k, x), reduce("max", k, y))


@law(near=lambda k, c, x: (reduce("max", k, add(x, c)), reduce("max", k, x)))
def max_over_shift(k: AnyAxis, c: Extended, x: Extended) -> Sides:
    """A term that doesn't depend on the axis goes out of the maximum."""
    return reduce("max", k, add(x, c)), add(reduce("max", k, x), c)


@law(where=("c nonnegative",), near=lambda k, c, x: (reduce("max", k, mul(neg(c), x)), mul(neg(c), reduce("max", k, x))))
def max_over_scale(k: AnyAxis, c: Real, x: Real) -> Sides:
    """A factor that isn't negative and doesn't depend on the axis goes out of the maximum."""
    return reduce("max", k, mul(c, x)), mul(c, reduce("max", k, x))


@law(near=lambda k, c: (reduce("max", k, c), add(c, c)))
def max_over_constant(k: AnyAxis, c: Extended) -> Sides:
    """The maximum of what doesn't depend on the axis."""
    return reduce("max", k, c), c


@law(
    uses=("max_over_max",),
    near=lambda j, k, x: (reduce("max", j, reduce("max", k, x)), reduce("max", k, reduce("min", j, x))),
)  # fmt: skip
def max_swap(j: AnyAxis, k: AnyAxis, x: Extended) -> Sides:
    """Two maxima change places."""
    return reduce("max", j, reduce("max", k, x)), reduce("max", k, reduce("max", j, x))


@law(near=lambda k, x: (reduce("min", k, x), reduce("max", k, neg(x))))
def min_over_by_max(k: AnyAxis, x: Real) -> Sides:
    """A minimum over an axis is minus the maximum of the negatives."""
    return reduce("min", k, x), neg(reduce("max", k, neg(x)))


@law(near=lambda k, x, y: (reduce("prod", k, add(x, y)), add(reduce("prod", k, x), reduce("prod", k, y))))
def prod_mul(k: AnyAxis, x: Real, y: Real) -> Sides:
    """A product of products."""
    return reduce("prod", k, mul(x, y)), mul(reduce("prod", k, x), reduce("prod", k, y))


@law(uses=("exp_sum", "exp_zero"), near=lambda k, x: (reduce("prod", k, exp(x)), total(k, exp(x))))
def prod_exp(k: AnyAxis, x: Real) -> Sides:
    """A product of exponentials is the exponential of the sum."""
    return reduce("prod", k, exp(x)), exp(total(k, x))
