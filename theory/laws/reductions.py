"""Reductions over an axis of any size.  To add here: laws of Σ, Max, Min, Π.  Never here: laws that name an algorithm.

That a factor doesn't depend on the axis needs no words: a hole that stands outside the binder on one side can't see it.
"""

from __future__ import annotations

from commute.theory.law import AnyAxis, Extended, Real, Sides, law
from commute.theory.ops import add, exp, indicator, lt, maximum, mean, minimum, mul, neg, recip, sub, total
from commute.theory.terms import ONE, ZERO, const, index, reduce, size_value


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


@law(near=lambda k, x, y: (reduce("min", k, add(x, y)), add(reduce("min", k, x), reduce("min", k, y))))
def min_over_min(k: AnyAxis, x: Extended, y: Extended) -> Sides:
    """A minimum of minima is the minimum of the minima."""
    return reduce("min", k, minimum(x, y)), minimum(reduce("min", k, x), reduce("min", k, y))


@law(near=lambda k, c, x: (reduce("min", k, add(x, c)), reduce("min", k, x)))
def min_over_shift(k: AnyAxis, c: Extended, x: Extended) -> Sides:
    """A term that doesn't depend on the axis goes out of the minimum."""
    return reduce("min", k, add(x, c)), add(reduce("min", k, x), c)


@law(where=("c nonnegative",), near=lambda k, c, x: (reduce("min", k, mul(neg(c), x)), mul(neg(c), reduce("min", k, x))))
def min_over_scale(k: AnyAxis, c: Real, x: Real) -> Sides:
    """A factor that isn't negative and doesn't depend on the axis goes out of the minimum."""
    return reduce("min", k, mul(c, x)), mul(c, reduce("min", k, x))


@law(near=lambda k, c: (reduce("min", k, c), add(c, c)))
def min_over_constant(k: AnyAxis, c: Extended) -> Sides:
    """The minimum of what doesn't depend on the axis."""
    return reduce("min", k, c), c


@law(
    uses=("min_over_min",),
    near=lambda j, k, x: (reduce("min", j, reduce("min", k, x)), reduce("min", k, reduce("max", j, x))),
)  # fmt: skip
def min_swap(j: AnyAxis, k: AnyAxis, x: Extended) -> Sides:
    """Two minima change places."""
    return reduce("min", j, reduce("min", k, x)), reduce("min", k, reduce("min", j, x))


@law(
    where=("c nonnegative",),
    near=lambda k, c, x: (reduce("max", k, mul(neg(c), x)), mul(neg(c), reduce("max", k, x))),
)  # fmt: skip
def max_over_negative_scale(k: AnyAxis, c: Real, x: Real) -> Sides:
    """A factor that isn't positive turns a maximum over an axis into a minimum."""
    return reduce("max", k, mul(neg(c), x)), mul(neg(c), reduce("min", k, x))


@law(near=lambda k, c, x: (reduce("max", k, maximum(x, c)), reduce("max", k, x)))
def max_over_floor(k: AnyAxis, c: Extended, x: Extended) -> Sides:
    """A lower bound that doesn't depend on the axis goes out of the maximum."""
    return reduce("max", k, maximum(x, c)), maximum(reduce("max", k, x), c)


@law(near=lambda k, c, x: (reduce("max", k, minimum(x, c)), reduce("max", k, x)))
def max_over_ceiling(k: AnyAxis, c: Extended, x: Extended) -> Sides:
    """An upper bound that doesn't depend on the axis goes out of the maximum."""
    return reduce("max", k, minimum(x, c)), minimum(reduce("max", k, x), c)


@law(uses=("exp_max",), near=lambda k, x: (exp(reduce("max", k, x)), reduce("min", k, exp(x))))
def exp_of_maximum(k: AnyAxis, x: Extended) -> Sides:
    """exp of a maximum over an axis is the maximum of the exponentials."""
    return exp(reduce("max", k, x)), reduce("max", k, exp(x))


@law(uses=("exp_sum", "exp_zero"), near=lambda k, x: (indicator(lt(ONE, total(k, exp(x)))), ONE))
def sum_exp_positive(k: AnyAxis, x: Real) -> Sides:
    """A sum of exponentials is positive."""
    return indicator(lt(ZERO, total(k, exp(x)))), ONE


@law(
    uses=("late_division", "sum_exp_positive"),
    near=lambda k, x: (total(k, mul(exp(x), recip(total(k, exp(x))))), total(k, exp(x))),
)  # fmt: skip
def shares_sum_to_one(k: AnyAxis, x: Real) -> Sides:
    """The shares of exponentials in their sum add up to one."""
    return total(k, mul(exp(x), recip(total(k, exp(x))))), ONE


@law(uses=("max_over_shift",), near=lambda k, x: (reduce("max", k, sub(x, reduce("max", k, x))), reduce("max", k, x)))
def max_over_centred(k: AnyAxis, x: Real) -> Sides:
    """What is shifted by its maximum has the maximum zero."""
    return reduce("max", k, sub(x, reduce("max", k, x))), ZERO


@law(near=lambda k, c, x: (total(k, sub(x, c)), sub(total(k, x), c)))
def sum_shift(k: AnyAxis, c: Real, x: Real) -> Sides:
    """A shift that doesn't depend on the axis counts once for each index."""
    return total(k, sub(x, c)), sub(total(k, x), mul(size_value(k.size), c))


@law(uses=("sum_shift",), near=lambda k, x: (total(k, sub(x, total(k, x))), ZERO))
def sum_centred(k: AnyAxis, x: Real) -> Sides:
    """What is shifted by its mean has the sum zero."""
    return total(k, sub(x, mul(total(k, x), recip(size_value(k.size))))), ZERO


@law(
    near=lambda k, c, x: (
        total(k, mul(sub(x, c), sub(x, c))),
        add(total(k, mul(x, x)), mul(size_value(k.size), mul(c, c))),
    ),
)  # fmt: skip
def squares_about(k: AnyAxis, c: Real, x: Real) -> Sides:
    """The squared distances from a number, by the sum and the sum of squares."""
    return (
        total(k, mul(sub(x, c), sub(x, c))),
        add(sub(total(k, mul(x, x)), mul(const(2), mul(c, total(k, x)))), mul(size_value(k.size), mul(c, c))),
    )


@law(
    uses=("squares_about",),
    near=lambda k, x: (
        total(k, mul(sub(x, mean(k, x)), sub(x, mean(k, x)))),
        sub(total(k, mul(x, x)), mul(total(k, x), total(k, x))),
    ),
)  # fmt: skip
def squares_about_mean(k: AnyAxis, x: Real) -> Sides:
    """The squared distances from the mean are the sum of squares less the square of the sum by the size."""
    return (
        total(k, mul(sub(x, mean(k, x)), sub(x, mean(k, x)))),
        sub(total(k, mul(x, x)), mul(mul(total(k, x), total(k, x)), recip(size_value(k.size)))),
    )


@law(uses=("prod_mul",), near=lambda j, k, x: (reduce("prod", j, reduce("prod", k, x)), reduce("prod", k, x)))
def prod_swap(j: AnyAxis, k: AnyAxis, x: Real) -> Sides:
    """Two products change places."""
    return reduce("prod", j, reduce("prod", k, x)), reduce("prod", k, reduce("prod", j, x))


@law(near=lambda k, x: (reduce("prod", k, recip(x)), reduce("prod", k, x)))
def prod_recip(k: AnyAxis, x: Real) -> Sides:
    """A product of reciprocals; with recip(0) = 0 it holds for all reals."""
    return reduce("prod", k, recip(x)), recip(reduce("prod", k, x))


@law(near=lambda k: (total(k, index(k)), size_value(k.size)))
def sum_of_indices(k: AnyAxis) -> Sides:
    """Twice the sum of the indices 0, 1, ... n - 1 is n(n - 1)."""
    n = size_value(k.size)
    return mul(const(2), total(k, index(k))), mul(n, sub(n, ONE))


@law(uses=("exp_max",), near=lambda k, x: (reduce("max", k, exp(x)), total(k, exp(x))))
def exp_over_max(k: AnyAxis, x: Real) -> Sides:
    """exp is increasing, so it goes out of a maximum over an axis."""
    return reduce("max", k, exp(x)), exp(reduce("max", k, x))
