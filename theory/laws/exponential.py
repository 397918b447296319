"""Exponentials and logarithms.  To add here: laws of exp, log and what is defined by them.  Never here: laws with an axis."""

from __future__ import annotations

from fractions import Fraction

from commute.theory.law import Extended, Real, Sides, law
from commute.theory.ops import add, exp, log, maximum, minimum, mul, neg, recip, sqrt, sub, unary
from commute.theory.terms import MINUS_ONE, NINF, ONE, ZERO, const

HALF = const(Fraction(1, 2))
TWO = const(2)
RUDIN = "Rudin, Principles of Mathematical Analysis, chapter 8: exponential, logarithmic and trigonometric functions"


@law(axiom="the functional equation of exp", citation=RUDIN, near=lambda x, y: (exp(add(x, y)), add(exp(x), exp(y))))
def exp_sum(x: Extended, y: Extended) -> Sides:
    """exp turns sums into products; at minus infinity both sides are 0."""
    return exp(add(x, y)), mul(exp(x), exp(y))


@law(axiom="exp(0) = 1", citation=RUDIN, near=lambda: (exp(ZERO), ZERO))
def exp_zero() -> Sides:
    """exp(0) is 1."""
    return exp(ZERO), ONE


@law(axiom="exp at minus infinity", citation=RUDIN, near=lambda: (exp(NINF), ONE))
def exp_minus_infinity() -> Sides:
    """exp sends minus infinity to 0."""
    return exp(NINF), ZERO


@law(axiom="exp inverts log", citation=RUDIN, where=("x positive",), near=lambda x: (exp(log(x)), log(x)))
def exp_of_log(x: Real) -> Sides:
    """exp undoes log on positive numbers."""
    return exp(log(x)), x


@law(axiom="log inverts exp", citation=RUDIN, near=lambda x: (log(exp(x)), exp(x)))
def log_of_exp(x: Real) -> Sides:
    """log undoes exp."""
    return log(exp(x)), x


@law(
    uses=("exp_sum", "exp_zero", "exp_of_log", "log_of_exp"), where=("x positive", "y positive"),
    near=lambda x, y: (log(add(x, y)), add(log(x), log(y))),
)  # fmt: skip
def log_product(x: Real, y: Real) -> Sides:
    """log turns products of positive numbers into sums."""
    return log(mul(x, y)), add(log(x), log(y))


@law(
    uses=("exp_sum", "exp_zero", "exp_of_log", "log_of_exp"), where=("x positive",),
    near=lambda x: (log(recip(x)), log(x)),
)  # fmt: skip
def log_recip(x: Real) -> Sides:
    """log of a reciprocal is minus the log."""
    return log(recip(x)), neg(log(x))


@law(uses=("exp_sum", "exp_zero"), near=lambda x: (exp(neg(x)), neg(exp(x))))
def exp_neg(x: Real) -> Sides:
    """exp of the negative is the reciprocal."""
    return exp(neg(x)), recip(exp(x))


@law(
    axiom="the definition of tanh", citation="NIST DLMF 4.28",
    near=lambda x: (unary("tanh", x), sub(ONE, recip(add(ONE, exp(x))))),
)  # fmt: skip
def tanh_by_exp(x: Real) -> Sides:
    """tanh in exponentials."""
    return unary("tanh", x), add(ONE, mul(const(-2), recip(add(ONE, exp(mul(TWO, x))))))


@law(axiom="erf is odd", citation="NIST DLMF 7.4.1", near=lambda x: (unary("erf", neg(x)), unary("erf", x)))
def erf_odd(x: Real) -> Sides:
    """erf is an odd function."""
    return unary("erf", mul(MINUS_ONE, x)), mul(MINUS_ONE, unary("erf", x))


@law(axiom="sin is odd", citation=RUDIN, near=lambda x: (unary("sin", neg(x)), unary("sin", x)))
def sin_odd(x: Real) -> Sides:
    """sin is an odd function."""
    return unary("sin", mul(MINUS_ONE, x)), mul(MINUS_ONE, unary("sin", x))


@law(axiom="cos is even", citation=RUDIN, near=lambda x: (unary("cos", neg(x)), neg(unary("cos", x))))
def cos_even(x: Real) -> Sides:
    """cos is an even function."""
    return unary("cos", mul(MINUS_ONE, x)), unary("cos", x)


@law(uses=("exp_sum", "exp_zero"), near=lambda x: (exp(mul(HALF, x)), exp(x)))
def exp_half(x: Real) -> Sides:
    """exp of a half is the square root of exp."""
    return exp(mul(HALF, x)), sqrt(exp(x))


@law(uses=("log_product", "sqrt_squared"), where=("x positive",), near=lambda x: (log(sqrt(x)), mul(TWO, log(x))))
def log_of_sqrt(x: Real) -> Sides:
    """log of a root is half the log."""
    return log(sqrt(x)), mul(HALF, log(x))


@law(axiom="exp is increasing", citation=RUDIN, near=lambda x, y: (exp(maximum(x, y)), minimum(exp(x), exp(y))))
def exp_max(x: Extended, y: Extended) -> Sides:
    """exp of the larger is the larger exp."""
    return exp(maximum(x, y)), maximum(exp(x), exp(y))


@law(uses=("exp_max",), near=lambda x, y: (exp(minimum(x, y)), maximum(exp(x), exp(y))))
def exp_min(x: Extended, y: Extended) -> Sides:
    """exp of the smaller is the smaller exp."""
    return exp(minimum(x, y)), minimum(exp(x), exp(y))


@law(uses=("exp_sum", "exp_zero"), near=lambda x: (maximum(exp(x), ONE), exp(x)))
def exp_positive(x: Real) -> Sides:
    """exp is positive."""
    return maximum(exp(x), ZERO), exp(x)


@law(uses=("exp_sum", "exp_zero"), near=lambda x, y: (exp(sub(x, y)), sub(exp(x), exp(y))))
def exp_difference(x: Real, y: Real) -> Sides:
    """exp of a difference is a quotient."""
    return exp(sub(x, y)), mul(exp(x), recip(exp(y)))


@law(uses=("exp_sum", "exp_zero"), near=lambda x: (exp(mul(TWO, x)), mul(TWO, exp(x))))
def exp_double(x: Real) -> Sides:
    """exp of the double is the square."""
    return exp(mul(TWO, x)), mul(exp(x), exp(x))


@law(
    uses=("exp_sum", "exp_zero"),
    near=lambda x, y: (mul(exp(x), recip(add(exp(x), exp(y)))), recip(add(ONE, exp(sub(x, y))))),
)  # fmt: skip
def share_of_two(x: Real, y: Real) -> Sides:
    """The share of one of two exponentials depends on the difference of the exponents only."""
    return mul(exp(x), recip(add(exp(x), exp(y)))), recip(add(ONE, exp(sub(y, x))))


@law(uses=("exp_sum", "exp_zero"), near=lambda x: (recip(add(ONE, exp(neg(x)))), recip(add(ONE, exp(x)))))
def logistic_two_ways(x: Real) -> Sides:
    """1 / (1 + exp(-x)) is exp(x) / (1 + exp(x))."""
    return recip(add(ONE, exp(neg(x)))), mul(exp(x), recip(add(ONE, exp(x))))


@law(uses=("exp_sum", "exp_zero"), near=lambda x: (recip(add(ONE, exp(x))), recip(add(ONE, exp(neg(x))))))
def logistic_complement(x: Real) -> Sides:
    """The logistic functions of x and of -x add up to one."""
    return recip(add(ONE, exp(x))), sub(ONE, recip(add(ONE, exp(neg(x)))))


@law(uses=("exp_zero", "log_of_exp"), near=lambda: (log(ONE), ONE))
def log_one() -> Sides:
    """The logarithm of one is zero."""
    return log(ONE), ZERO


@law(
    uses=("log_product", "log_recip"), where=("x positive", "y positive"),
    near=lambda x, y: (log(mul(x, recip(y))), mul(log(x), recip(log(y)))),
)  # fmt: skip
def log_quotient(x: Real, y: Real) -> Sides:
    """log turns quotients of positive numbers into differences."""
    return log(mul(x, recip(y))), sub(log(x), log(y))


@law(uses=("log_product",), where=("x positive",), near=lambda x: (log(mul(x, x)), mul(log(x), log(x))))
def log_square(x: Real) -> Sides:
    """log of a square is twice the log."""
    return log(mul(x, x)), mul(TWO, log(x))


@law(
    uses=("exp_max", "exp_of_log", "log_of_exp"), where=("x positive", "y positive"),
    near=lambda x, y: (log(maximum(x, y)), minimum(log(x), log(y))),
)  # fmt: skip
def log_max(x: Real, y: Real) -> Sides:
    """log of the larger is the larger log."""
    return log(maximum(x, y)), maximum(log(x), log(y))


@law(
    uses=("exp_sum", "exp_zero", "log_product", "log_of_exp"), where=("x positive",),
    near=lambda m, x: (log(mul(exp(m), x)), mul(m, log(x))),
)  # fmt: skip
def log_scaled(m: Real, x: Real) -> Sides:
    """A factor exp(m) leaves a log as the summand m."""
    return log(mul(exp(m), x)), add(m, log(x))


@law(
    uses=("exp_sum", "exp_zero", "log_scaled"),
    near=lambda x, y, m: (log(add(exp(x), exp(y))), add(m, log(add(exp(add(x, m)), exp(add(y, m)))))),
)  # fmt: skip
def log_add_exp_shift(x: Real, y: Real, m: Real) -> Sides:
    """Any shift may be taken out of the log of a sum of two exponentials."""
    return log(add(exp(x), exp(y))), add(m, log(add(exp(sub(x, m)), exp(sub(y, m)))))


@law(
    uses=("exp_sum", "exp_zero", "exp_of_log", "log_of_exp"),
    near=lambda x: (log(add(ONE, exp(x))), log(add(ONE, exp(neg(x))))),
)  # fmt: skip
def softplus_reflects(x: Real) -> Sides:
    """log(1 + exp(x)) and log(1 + exp(-x)) differ by x."""
    return log(add(ONE, exp(x))), add(x, log(add(ONE, exp(neg(x)))))


@law(uses=("exp_sum", "exp_zero", "tanh_by_exp"), near=lambda x: (unary("tanh", neg(x)), unary("tanh", x)))
def tanh_odd(x: Real) -> Sides:
    """tanh is an odd function."""
    return unary("tanh", mul(MINUS_ONE, x)), mul(MINUS_ONE, unary("tanh", x))


@law(
    uses=("exp_sum", "exp_zero", "tanh_by_exp"),
    near=lambda x: (unary("tanh", x), sub(mul(TWO, recip(add(ONE, exp(neg(x))))), ONE)),
)  # fmt: skip
def tanh_by_logistic(x: Real) -> Sides:
    """tanh is a logistic function, stretched."""
    return unary("tanh", x), sub(mul(TWO, recip(add(ONE, exp(mul(const(-2), x))))), ONE)


@law(axiom="the circle", citation=RUDIN, near=lambda x: (add(unary("sin", x), unary("cos", x)), ONE))
def sin_cos_circle(x: Real) -> Sides:
    """The squares of sine and cosine add up to one."""
    return add(mul(unary("sin", x), unary("sin", x)), mul(unary("cos", x), unary("cos", x))), ONE
