"""Selection and masks: where, truth values, indicators where(c, 1, 0).  To add here: laws of where and comparisons."""

from __future__ import annotations

from commute.theory.law import Extended, Integer, Real, Sides, Truth, law
from commute.theory.ops import (
    add,
    eq,
    exp,
    indicator,
    land,
    le,
    lnot,
    log,
    lor,
    lt,
    maximum,
    minimum,
    mul,
    neg,
    recip,
    sqrt,
    sub,
    where,
)
from commute.theory.terms import FALSE, NINF, ONE, TRUE, ZERO


@law(near=lambda c, x, y: (where(c, x, y), mul(indicator(c), x)))
def where_by_indicator(c: Truth, x: Real, y: Real) -> Sides:
    """A selection is a sum of two parts, each with its indicator."""
    return where(c, x, y), add(mul(indicator(c), x), mul(sub(ONE, indicator(c)), y))


@law(near=lambda x, y: (where(TRUE, x, y), y))
def where_true(x: Extended, y: Extended) -> Sides:
    """true selects the first."""
    return where(TRUE, x, y), x


@law(near=lambda x, y: (where(FALSE, x, y), x))
def where_false(x: Extended, y: Extended) -> Sides:
    """false selects the second."""
    return where(FALSE, x, y), y


@law(near=lambda c, x: (where(c, x, x), ZERO))
def where_same(c: Truth, x: Extended) -> Sides:
    """A choice between a thing and itself."""
    return where(c, x, x), x


@law(near=lambda c: (mul(indicator(c), indicator(c)), ONE))
def indicator_square(c: Truth) -> Sides:
    """An indicator squared is itself."""
    return mul(indicator(c), indicator(c)), indicator(c)


@law(near=lambda c, d: (indicator(land(c, d)), add(indicator(c), indicator(d))))
def indicator_and(c: Truth, d: Truth) -> Sides:
    """The indicator of a conjunction is the product."""
    return indicator(land(c, d)), mul(indicator(c), indicator(d))


@law(near=lambda c, d: (indicator(lor(c, d)), add(indicator(c), indicator(d))))
def indicator_or(c: Truth, d: Truth) -> Sides:
    """The indicator of a disjunction."""
    return indicator(lor(c, d)), sub(add(indicator(c), indicator(d)), mul(indicator(c), indicator(d)))


@law(near=lambda c: (indicator(lnot(c)), indicator(c)))
def indicator_not(c: Truth) -> Sides:
    """The indicator of a negation."""
    return indicator(lnot(c)), sub(ONE, indicator(c))


@law(near=lambda x, y: (indicator(le(x, y)), indicator(lt(x, y))))
def indicator_le(x: Real, y: Real) -> Sides:
    """x <= y is the negation of y < x."""
    return indicator(le(x, y)), sub(ONE, indicator(lt(y, x)))


@law(near=lambda x, y: (indicator(lt(x, y)), indicator(lt(y, x))))
def lt_by_difference(x: Real, y: Real) -> Sides:
    """x < y says that 0 < y - x."""
    return indicator(lt(x, y)), indicator(lt(ZERO, sub(y, x)))


@law(near=lambda x, y: (indicator(eq(x, y)), indicator(lt(x, y))))
def eq_by_difference(x: Real, y: Real) -> Sides:
    """x = y says that x - y = 0."""
    return indicator(eq(x, y)), indicator(eq(sub(x, y), ZERO))


@law(near=lambda x: (indicator(eq(neg(x), ZERO)), indicator(lt(x, ZERO))))
def eq_zero_of_negative(x: Real) -> Sides:
    """-x = 0 says that x = 0."""
    return indicator(eq(neg(x), ZERO)), indicator(eq(x, ZERO))


@law(where=("c positive",), near=lambda c, x: (indicator(lt(ZERO, mul(neg(c), x))), indicator(lt(ZERO, x))))
def lt_zero_scale(c: Real, x: Real) -> Sides:
    """A positive factor doesn't change a sign."""
    return indicator(lt(ZERO, mul(c, x))), indicator(lt(ZERO, x))


@law(where=("c nonzero",), near=lambda c, x: (indicator(eq(mul(c, x), ZERO)), ONE))
def eq_zero_scale(c: Real, x: Real) -> Sides:
    """A factor that isn't zero doesn't change whether a product is zero."""
    return indicator(eq(mul(c, x), ZERO)), indicator(eq(x, ZERO))


@law(where=("x positive",), near=lambda x: (indicator(lt(ZERO, neg(x))), ONE))
def lt_zero_true(x: Real) -> Sides:
    """A positive number is greater than zero."""
    return indicator(lt(ZERO, x)), ONE


@law(where=("x nonnegative",), near=lambda x: (indicator(lt(ZERO, neg(x))), ONE))
def lt_zero_false(x: Real) -> Sides:
    """The negative of a number that isn't negative is not greater than zero."""
    return indicator(lt(ZERO, neg(x))), ZERO


@law(near=lambda x: (mul(indicator(lt(ZERO, x)), x), x))
def indicator_times_itself(x: Real) -> Sides:
    """x where it is positive, else 0, is max(x, 0)."""
    return mul(indicator(lt(ZERO, x)), x), maximum(x, ZERO)


@law(near=lambda x: (mul(indicator(eq(x, ZERO)), x), x))
def indicator_of_zero(x: Real) -> Sides:
    """x where it is 0 is 0."""
    return mul(indicator(eq(x, ZERO)), x), ZERO


@law(near=lambda c, x, y: (exp(where(c, x, y)), where(c, x, exp(y))))
def exp_where(c: Truth, x: Extended, y: Extended) -> Sides:
    """exp goes into a selection."""
    return exp(where(c, x, y)), where(c, exp(x), exp(y))


@law(near=lambda c, x, y, z: (add(where(c, x, y), z), where(c, add(x, z), y)))
def add_where(c: Truth, x: Extended, y: Extended, z: Extended) -> Sides:
    """A summand goes into a selection."""
    return add(where(c, x, y), z), where(c, add(x, z), add(y, z))


@law(near=lambda c, x: (maximum(where(c, x, NINF), x), where(c, x, NINF)))
def max_where_minus_infinity(c: Truth, x: Extended) -> Sides:
    """A masked copy adds nothing to a maximum."""
    return maximum(where(c, x, NINF), x), x


@law(near=lambda c, x, y: (where(lnot(c), x, y), where(c, x, y)))
def where_not(c: Truth, x: Extended, y: Extended) -> Sides:
    """A negation changes the branches over."""
    return where(lnot(c), x, y), where(c, y, x)


@law(near=lambda c, d, x, y: (where(land(c, d), x, y), where(c, x, where(d, x, y))))
def where_and(c: Truth, d: Truth, x: Extended, y: Extended) -> Sides:
    """A conjunction is two selections, one in the other."""
    return where(land(c, d), x, y), where(c, where(d, x, y), y)


@law(near=lambda c, d, x, y: (where(lor(c, d), x, y), where(c, where(d, x, y), y)))
def where_or(c: Truth, d: Truth, x: Extended, y: Extended) -> Sides:
    """A disjunction is two selections, one after the other."""
    return where(lor(c, d), x, y), where(c, x, where(d, x, y))


@law(near=lambda c, x, y, z: (where(c, where(c, x, y), z), where(c, y, z)))
def where_again(c: Truth, x: Extended, y: Extended, z: Extended) -> Sides:
    """Where the condition holds, asking again changes nothing."""
    return where(c, where(c, x, y), z), where(c, x, z)


@law(
    near=lambda c, d, x, y, z, w: (
        where(c, where(d, x, y), where(d, z, w)),
        where(d, where(c, x, y), where(c, z, w)),
    ),
)  # fmt: skip
def where_exchange(c: Truth, d: Truth, x: Extended, y: Extended, z: Extended, w: Extended) -> Sides:
    """Two selections change places."""
    return where(c, where(d, x, y), where(d, z, w)), where(d, where(c, x, z), where(c, y, w))


@law(near=lambda c, x, y, z: (mul(where(c, x, y), z), where(c, mul(x, z), y)))
def mul_where(c: Truth, x: Real, y: Real, z: Real) -> Sides:
    """A factor goes into a selection."""
    return mul(where(c, x, y), z), where(c, mul(x, z), mul(y, z))


@law(near=lambda c, x, y, z: (maximum(where(c, x, y), z), where(c, maximum(x, z), y)))
def max_where(c: Truth, x: Extended, y: Extended, z: Extended) -> Sides:
    """A maximum goes into a selection."""
    return maximum(where(c, x, y), z), where(c, maximum(x, z), maximum(y, z))


@law(near=lambda c, x, y, z: (minimum(where(c, x, y), z), where(c, minimum(x, z), y)))
def min_where(c: Truth, x: Extended, y: Extended, z: Extended) -> Sides:
    """A minimum goes into a selection."""
    return minimum(where(c, x, y), z), where(c, minimum(x, z), minimum(y, z))


@law(near=lambda c, x, y: (recip(where(c, x, y)), where(c, recip(x), y)))
def recip_where(c: Truth, x: Real, y: Real) -> Sides:
    """A reciprocal goes into a selection."""
    return recip(where(c, x, y)), where(c, recip(x), recip(y))


@law(near=lambda c, x, y: (sqrt(where(c, x, y)), where(c, sqrt(x), y)))
def sqrt_where(c: Truth, x: Real, y: Real) -> Sides:
    """A root goes into a selection."""
    return sqrt(where(c, x, y)), where(c, sqrt(x), sqrt(y))


@law(near=lambda c, x, y: (log(where(c, x, y)), where(c, log(x), y)))
def log_where(c: Truth, x: Real, y: Real) -> Sides:
    """A logarithm goes into a selection."""
    return log(where(c, x, y)), where(c, log(x), log(y))


@law(uses=("exp_minus_infinity",), near=lambda c, x: (exp(where(c, x, NINF)), where(c, exp(x), ONE)))
def exp_of_masked(c: Truth, x: Extended) -> Sides:
    """exp of what is masked by minus infinity is exp, masked by zero."""
    return exp(where(c, x, NINF)), where(c, exp(x), ZERO)


@law(near=lambda c, x, y: (mul(where(c, x, ZERO), where(c, y, ZERO)), mul(x, y)))
def masked_product(c: Truth, x: Real, y: Real) -> Sides:
    """Masking both factors is masking the product."""
    return mul(where(c, x, ZERO), where(c, y, ZERO)), where(c, mul(x, y), ZERO)


@law(near=lambda c, x: (add(where(c, x, ZERO), where(c, x, ZERO)), x))
def mask_and_complement(c: Truth, x: Real) -> Sides:
    """What a mask keeps and what it drops add up to all."""
    return add(where(c, x, ZERO), where(lnot(c), x, ZERO)), x


@law(near=lambda x, y: (maximum(x, y), where(lt(x, y), x, y)))
def max_by_where(x: Real, y: Real) -> Sides:
    """A maximum is a selection."""
    return maximum(x, y), where(lt(x, y), y, x)


@law(near=lambda x, y: (minimum(x, y), where(lt(x, y), y, x)))
def min_by_where(x: Real, y: Real) -> Sides:
    """A minimum is a selection."""
    return minimum(x, y), where(lt(x, y), x, y)


@law(near=lambda c, x: (where(lt(ZERO, x), x, mul(c, x)), add(maximum(x, ZERO), mul(c, maximum(x, ZERO)))))
def two_slopes(c: Real, x: Real) -> Sides:
    """x where it is positive and c·x elsewhere, by maximum and minimum."""
    return where(lt(ZERO, x), x, mul(c, x)), add(maximum(x, ZERO), mul(c, minimum(x, ZERO)))


@law(near=lambda x, y, z: (indicator(lt(add(x, z), add(y, z))), indicator(lt(x, z))))
def lt_shift(x: Real, y: Real, z: Real) -> Sides:
    """A comparison doesn't change when both sides are shifted."""
    return indicator(lt(add(x, z), add(y, z))), indicator(lt(x, y))


@law(near=lambda x, y: (mul(indicator(le(x, y)), indicator(le(y, x))), ZERO))
def lt_one_way(x: Real, y: Real) -> Sides:
    """No two numbers are each less than the other."""
    return mul(indicator(lt(x, y)), indicator(lt(y, x))), ZERO


@law(near=lambda x, y: (add(indicator(lt(x, y)), indicator(lt(y, x))), ONE))
def trichotomy(x: Real, y: Real) -> Sides:
    """Of two numbers one is less than the other, or they are equal."""
    return add(add(indicator(lt(x, y)), indicator(lt(y, x))), indicator(eq(x, y))), ONE


@law(near=lambda x, y, z: (indicator(le(maximum(x, y), z)), indicator(le(x, z))))
def le_of_max(x: Real, y: Real, z: Real) -> Sides:
    """A maximum is at most z where both numbers are."""
    return indicator(le(maximum(x, y), z)), mul(indicator(le(x, z)), indicator(le(y, z)))


@law(near=lambda x, y, z: (indicator(le(z, minimum(x, y))), indicator(le(z, x))))
def le_of_min(x: Real, y: Real, z: Real) -> Sides:
    """A minimum is at least z where both numbers are."""
    return indicator(le(z, minimum(x, y))), mul(indicator(le(z, x)), indicator(le(z, y)))


@law(uses=("exp_max", "log_of_exp"), near=lambda x, y: (indicator(lt(exp(x), exp(y))), indicator(lt(y, x))))
def lt_of_exp(x: Real, y: Real) -> Sides:
    """exp keeps the order."""
    return indicator(lt(exp(x), exp(y))), indicator(lt(x, y))


@law(near=lambda c, d: (indicator(lnot(land(c, d))), indicator(land(lnot(c), lnot(d)))))
def not_and(c: Truth, d: Truth) -> Sides:
    """The negation of a conjunction is a disjunction of negations."""
    return indicator(lnot(land(c, d))), indicator(lor(lnot(c), lnot(d)))


@law(near=lambda c, d: (indicator(lnot(lor(c, d))), indicator(lor(lnot(c), lnot(d)))))
def not_or(c: Truth, d: Truth) -> Sides:
    """The negation of a disjunction is a conjunction of negations."""
    return indicator(lnot(lor(c, d))), indicator(land(lnot(c), lnot(d)))


@law(near=lambda c, d, e: (indicator(land(c, lor(d, e))), indicator(lor(land(c, d), e))))
def and_distributes(c: Truth, d: Truth, e: Truth) -> Sides:
    """A conjunction distributes over a disjunction."""
    return indicator(land(c, lor(d, e))), indicator(lor(land(c, d), land(c, e)))


@law(near=lambda x: (indicator(lt(ZERO, neg(x))), sub(ONE, indicator(lt(ZERO, x)))))
def sign_of_negative(x: Real) -> Sides:
    """The negative of a number is positive where the number is neither positive nor zero."""
    return indicator(lt(ZERO, neg(x))), sub(sub(ONE, indicator(lt(ZERO, x))), indicator(eq(x, ZERO)))


@law(near=lambda x: (mul(indicator(lt(ZERO, x)), maximum(x, ZERO)), ZERO))
def indicator_positive_part(x: Real) -> Sides:
    """max(x, 0) is 0 where x isn't positive."""
    return mul(indicator(lt(ZERO, x)), maximum(x, ZERO)), maximum(x, ZERO)


@law(near=lambda x: (mul(indicator(eq(x, ZERO)), maximum(x, ZERO)), ONE))
def indicator_zero_part(x: Real) -> Sides:
    """max(x, 0) is 0 where x is 0."""
    return mul(indicator(eq(x, ZERO)), maximum(x, ZERO)), ZERO


@law(near=lambda x: (mul(indicator(lt(ZERO, x)), indicator(eq(x, ZERO))), ONE))
def indicators_disjoint(x: Real) -> Sides:
    """A number isn't positive and zero at once."""
    return mul(indicator(lt(ZERO, x)), indicator(eq(x, ZERO))), ZERO


@law(near=lambda x: (mul(indicator(eq(x, ZERO)), recip(x)), recip(x)))
def indicator_zero_recip(x: Real) -> Sides:
    """recip(0) is 0, so the reciprocal of zero adds nothing."""
    return mul(indicator(eq(x, ZERO)), recip(x)), ZERO


@law(where=("x nonzero",), near=lambda x: (indicator(eq(x, ZERO)), ONE))
def eq_zero_false(x: Real) -> Sides:
    """A number that isn't zero isn't zero."""
    return indicator(eq(x, ZERO)), ZERO


@law(near=lambda x, y: (indicator(lt(x, add(y, ONE))), indicator(lt(x, y))))
def lt_next(x: Integer, y: Integer) -> Sides:
    """Of integers, x < y + 1 says that x < y or x = y."""
    return indicator(lt(x, add(y, ONE))), add(indicator(lt(x, y)), indicator(eq(x, y)))


@law(near=lambda c, x, y: (where(lt(indicator(c), ONE), x, y), where(c, x, y)))
def where_of_indicator(c: Truth, x: Extended, y: Extended) -> Sides:
    """A condition holds where its indicator is positive."""
    return where(lt(ZERO, indicator(c)), x, y), where(c, x, y)


@law(
    near=lambda c, d, e, x, y: (
        where(c, where(d, x, NINF), where(e, y, NINF)),
        where(lor(d, e), where(c, x, y), NINF),
    ),
)  # fmt: skip
def where_of_masked(c: Truth, d: Truth, e: Truth, x: Extended, y: Extended) -> Sides:
    """A choice between two masked values is one masked choice."""
    return (
        where(c, where(d, x, NINF), where(e, y, NINF)),
        where(lor(land(c, d), land(lnot(c), e)), where(c, x, y), NINF),
    )


@law(near=lambda c, d, x: (maximum(where(c, x, NINF), where(d, x, NINF)), where(land(c, d), x, NINF)))
def max_of_masked(c: Truth, d: Truth, x: Extended) -> Sides:
    """The larger of one value under two masks is the value under either."""
    return maximum(where(c, x, NINF), where(d, x, NINF)), where(lor(c, d), x, NINF)


@law(near=lambda x, y: (mul(indicator(lt(ZERO, x)), indicator(lt(ZERO, y))), indicator(lt(ZERO, add(x, y)))))
def positive_sum(x: Real, y: Real) -> Sides:
    """Where two numbers are positive, their sum is."""
    both = mul(indicator(lt(ZERO, x)), indicator(lt(ZERO, y)))
    return both, mul(both, indicator(lt(ZERO, add(x, y))))


@law(near=lambda x, y: (mul(indicator(lt(ZERO, x)), indicator(eq(y, ZERO))), indicator(lt(ZERO, add(x, y)))))
def positive_sum_zero(x: Real, y: Real) -> Sides:
    """Where one number is positive and another is zero, their sum is positive."""
    both = mul(indicator(lt(ZERO, x)), indicator(eq(y, ZERO)))
    return both, mul(both, indicator(lt(ZERO, add(x, y))))
