"""Masked reductions: parts of an axis.  To add here: laws of reductions over where(...), and of comparisons with an index."""

from __future__ import annotations

from commute.theory.law import AnyAxis, Extended, Integer, Real, Sides, Truth, law
from commute.theory.ops import add, eq, exp, indicator, land, le, lnot, lor, lt, maximum, minimum, mul, sub, total, where
from commute.theory.terms import NINF, ONE, ZERO, index, reduce, size_value


@law(near=lambda k, c, x: (total(k, where(c, x, ZERO)), total(k, x)))
def sum_of_selected(k: AnyAxis, c: Truth, x: Real) -> Sides:
    """A condition that doesn't depend on the axis goes out of the sum."""
    return total(k, where(c, x, ZERO)), where(c, total(k, x), ZERO)


@law(near=lambda k, c, x, y: (reduce("max", k, where(c, x, y)), where(c, reduce("max", k, y), reduce("max", k, x))))
def max_of_selected(k: AnyAxis, c: Truth, x: Extended, y: Extended) -> Sides:
    """A condition that doesn't depend on the axis goes out of the maximum."""
    return reduce("max", k, where(c, x, y)), where(c, reduce("max", k, x), reduce("max", k, y))


@law(near=lambda k, c, x: (add(total(k, where(c, x, ZERO)), total(k, where(c, x, ZERO))), total(k, x)))
def sum_by_mask(k: AnyAxis, c: Truth, x: Real) -> Sides:
    """What a mask keeps and what it drops add up to the whole sum."""
    return add(total(k, where(c, x, ZERO)), total(k, where(lnot(c), x, ZERO))), total(k, x)


@law(
    near=lambda k, c, x: (
        maximum(reduce("max", k, where(c, x, NINF)), reduce("max", k, where(c, x, NINF))),
        reduce("max", k, x),
    ),
)  # fmt: skip
def max_by_mask(k: AnyAxis, c: Truth, x: Extended) -> Sides:
    """The larger of what a mask keeps and what it drops is the whole maximum."""
    return (
        maximum(reduce("max", k, where(c, x, NINF)), reduce("max", k, where(lnot(c), x, NINF))),
        reduce("max", k, x),
    )


@law(
    near=lambda k, c, d, x: (
        total(k, where(lor(c, d), x, ZERO)),
        add(total(k, where(c, x, ZERO)), total(k, where(d, x, ZERO))),
    ),
)  # fmt: skip
def sum_by_two_masks(k: AnyAxis, c: Truth, d: Truth, x: Real) -> Sides:
    """Two masks, together and both at once, sum up to each of them."""
    return (
        add(total(k, where(lor(c, d), x, ZERO)), total(k, where(land(c, d), x, ZERO))),
        add(total(k, where(c, x, ZERO)), total(k, where(d, x, ZERO))),
    )


@law(
    uses=("exp_minus_infinity",),
    near=lambda k, c, x: (total(k, exp(where(c, x, NINF))), total(k, where(c, exp(x), ONE))),
)  # fmt: skip
def sum_exp_of_masked(k: AnyAxis, c: Truth, x: Extended) -> Sides:
    """Minus infinity under a sum of exponentials is a summand zero."""
    return total(k, exp(where(c, x, NINF))), total(k, where(c, exp(x), ZERO))


@law(
    near=lambda k, c, x: (
        add(total(k, where(lt(index(k), c), x, ZERO)), total(k, where(lt(c, index(k)), x, ZERO))),
        total(k, x),
    ),
)  # fmt: skip
def sum_cut(k: AnyAxis, c: Integer, x: Real) -> Sides:
    """A sum is cut at an index."""
    return add(total(k, where(lt(index(k), c), x, ZERO)), total(k, where(le(c, index(k)), x, ZERO))), total(k, x)


@law(
    near=lambda k, c, x: (
        maximum(reduce("max", k, where(lt(index(k), c), x, NINF)), reduce("max", k, where(lt(c, index(k)), x, NINF))),
        reduce("max", k, x),
    ),
)  # fmt: skip
def max_cut(k: AnyAxis, c: Integer, x: Extended) -> Sides:
    """A maximum is cut at an index."""
    low, high = where(lt(index(k), c), x, NINF), where(le(c, index(k)), x, NINF)
    return maximum(reduce("max", k, low), reduce("max", k, high)), reduce("max", k, x)


@law(
    near=lambda k, c, x: (
        total(k, where(lt(index(k), add(c, ONE)), x, ZERO)),
        total(k, where(lt(index(k), c), x, ZERO)),
    ),
)  # fmt: skip
def sum_grows(k: AnyAxis, c: Integer, x: Real) -> Sides:
    """A running sum grows by the summand at its index."""
    return (
        total(k, where(lt(index(k), add(c, ONE)), x, ZERO)),
        add(total(k, where(lt(index(k), c), x, ZERO)), total(k, where(eq(index(k), c), x, ZERO))),
    )


@law(near=lambda k, c: (total(k, indicator(lt(index(k), c))), c))
def count_below(k: AnyAxis, c: Integer) -> Sides:
    """How many indices lie below a number."""
    return total(k, indicator(lt(index(k), c))), minimum(maximum(c, ZERO), size_value(k.size))


@law(near=lambda k, c: (total(k, indicator(le(c, index(k)))), sub(size_value(k.size), c)))
def count_from(k: AnyAxis, c: Integer) -> Sides:
    """How many indices lie at a number or above."""
    return total(k, indicator(le(c, index(k)))), sub(size_value(k.size), minimum(maximum(c, ZERO), size_value(k.size)))


@law(
    near=lambda k, c, x: (total(k, mul(where(lt(index(k), c), ONE, ZERO), x)), total(k, x)),
)  # fmt: skip
def sum_of_indicator(k: AnyAxis, c: Integer, x: Real) -> Sides:
    """A sum up to an index, by an indicator or by a selection."""
    return total(k, mul(indicator(lt(index(k), c)), x)), total(k, where(lt(index(k), c), x, ZERO))
