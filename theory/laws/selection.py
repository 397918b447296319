"""Selection and masks: where, truth values, indicators where(c, 1, 0).  To add here: laws of where and comparisons."""

from __future__ import annotations

from commute.theory.law import Extended, Real, Sides, Truth, law
from commute.theory.ops import add, eq, exp, indicator, land, le, lnot, lor, lt, maximum, mul, neg, sub, where
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
