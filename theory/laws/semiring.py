"""Addition and multiplication of reals.  To add here: laws of +, ·, 1/x and numbers.  Never here: laws with an axis."""

from __future__ import annotations

from commute.theory.law import Real, Sides, law
from commute.theory.ops import add, mul, neg, recip
from commute.theory.terms import ONE, ZERO


@law(near=lambda x, y: (add(x, y), add(y, y)))
def add_commutes(x: Real, y: Real) -> Sides:
    """A sum doesn't depend on the order."""
    return add(x, y), add(y, x)


@law(near=lambda x, y, z: (add(add(x, y), z), add(x, add(y, x))))
def add_associates(x: Real, y: Real, z: Real) -> Sides:
    """A sum doesn't depend on the brackets."""
    return add(add(x, y), z), add(x, add(y, z))


@law(near=lambda x, y: (mul(x, y), mul(y, y)))
def mul_commutes(x: Real, y: Real) -> Sides:
    """A product doesn't depend on the order."""
    return mul(x, y), mul(y, x)


@law(near=lambda x, y, z: (mul(mul(x, y), z), mul(x, mul(y, x))))
def mul_associates(x: Real, y: Real, z: Real) -> Sides:
    """A product doesn't depend on the brackets."""
    return mul(mul(x, y), z), mul(x, mul(y, z))


@law(near=lambda x, y, z: (mul(x, add(y, z)), add(mul(x, y), z)))
def distribute(x: Real, y: Real, z: Real) -> Sides:
    """A factor goes into a sum."""
    return mul(x, add(y, z)), add(mul(x, y), mul(x, z))


@law(near=lambda x: (add(x, ONE), x))
def add_zero(x: Real) -> Sides:
    """Zero adds nothing."""
    return add(x, ZERO), x


@law(near=lambda x: (mul(x, ZERO), x))
def mul_one(x: Real) -> Sides:
    """One changes nothing."""
    return mul(x, ONE), x


@law(near=lambda x: (mul(x, ZERO), ONE))
def mul_zero(x: Real) -> Sides:
    """Zero wins."""
    return mul(x, ZERO), ZERO


@law(near=lambda x, y: (recip(add(x, y)), add(recip(x), recip(y))))
def recip_product(x: Real, y: Real) -> Sides:
    """The reciprocal of a product; with recip(0) = 0 it holds for all reals."""
    return recip(mul(x, y)), mul(recip(x), recip(y))


@law(near=lambda x: (recip(recip(x)), recip(x)))
def recip_twice(x: Real) -> Sides:
    """The reciprocal undoes itself; with recip(0) = 0 it holds for all reals."""
    return recip(recip(x)), x


@law(where=("x nonzero",), near=lambda x: (mul(x, recip(x)), ZERO))
def recip_cancels(x: Real) -> Sides:
    """A number times its reciprocal is one, unless it is zero."""
    return mul(x, recip(x)), ONE


@law(near=lambda x: (add(x, neg(x)), x))
def add_negative(x: Real) -> Sides:
    """A number and its negative cancel."""
    return add(x, neg(x)), ZERO


@law(near=lambda x: (neg(neg(x)), neg(x)))
def neg_twice(x: Real) -> Sides:
    """A negative of a negative is the number."""
    return neg(neg(x)), x


@law(near=lambda x: (recip(neg(x)), recip(x)))
def recip_neg(x: Real) -> Sides:
    """The reciprocal of a negative; with recip(0) = 0 it holds for all reals."""
    return recip(neg(x)), neg(recip(x))


@law(near=lambda x: (mul(x, mul(recip(x), recip(x))), ONE))
def recip_absorbs(x: Real) -> Sides:
    """A number times the square of its reciprocal is the reciprocal; it holds for all reals."""
    return mul(x, mul(recip(x), recip(x))), recip(x)


@law(near=lambda x: (mul(x, mul(x, recip(x))), mul(x, x)))
def square_times_recip(x: Real) -> Sides:
    """A square times the reciprocal is the number; it holds for all reals."""
    return mul(x, mul(x, recip(x))), x


@law(near=lambda x, y, z: (mul(x, recip(mul(y, recip(z)))), mul(x, mul(recip(z), recip(y)))))
def fraction_of_fraction(x: Real, y: Real, z: Real) -> Sides:
    """Dividing by a fraction is multiplying by its inverse; it holds for all reals."""
    return mul(x, recip(mul(y, recip(z)))), mul(x, mul(z, recip(y)))


@law(where=("b nonzero",), near=lambda a, b, c: (add(mul(a, recip(b)), c), mul(add(a, c), recip(b))))
def add_to_fraction(a: Real, b: Real, c: Real) -> Sides:
    """A number goes onto a fraction."""
    return add(mul(a, recip(b)), c), mul(add(a, mul(c, b)), recip(b))


@law(
    uses=("recip_product",), where=("b nonzero", "d nonzero"),
    near=lambda a, b, c, d: (add(mul(a, recip(b)), mul(c, recip(d))), mul(add(a, c), recip(add(b, d)))),
)  # fmt: skip
def common_denominator(a: Real, b: Real, c: Real, d: Real) -> Sides:
    """Two fractions on one denominator."""
    return add(mul(a, recip(b)), mul(c, recip(d))), mul(add(mul(a, d), mul(c, b)), recip(mul(b, d)))
