"""Streams: the lemmas by which a pass over an axis is cut into blocks.  To add here: laws of running states and their merge."""

from __future__ import annotations

from commute.theory.law import AnyAxis, Real, Sides, law
from commute.theory.ops import add, exp, log, maximum, mul, neg, recip, sub, total
from commute.theory.terms import NINF, ONE, Term


@law(uses=("exp_sum", "exp_zero"), near=lambda s, m, n: (mul(exp(sub(s, m)), exp(sub(m, n))), exp(sub(s, m))))
def rescale(s: Real, m: Real, n: Real) -> Sides:
    """Shifting by m and correcting by m - n is shifting by n."""
    return mul(exp(sub(s, m)), exp(sub(m, n))), exp(sub(s, n))


@law(
    uses=("exp_sum", "exp_zero"), near=lambda k, s, m: (total(k, exp(sub(s, m))), mul(exp(m), total(k, exp(s)))),
    citation="Milakov & Gimelshein 2018, online normalizer calculation for softmax",
)  # fmt: skip
def shifted_sum(k: AnyAxis, s: Real, m: Real) -> Sides:
    """A shift that doesn't depend on the axis goes out of a sum of exponentials."""
    return total(k, exp(sub(s, m))), mul(exp(neg(m)), total(k, exp(s)))


@law(
    uses=("exp_sum", "exp_zero"),
    near=lambda a, b, m, n: (
        add(mul(a, exp(sub(m, maximum(m, n)))), mul(b, exp(sub(n, maximum(m, n))))),
        mul(exp(maximum(m, n)), add(mul(a, exp(m)), mul(b, exp(n)))),
    ),
    citation="Dao et al. 2022, FlashAttention",
)  # fmt: skip
def merge_shifted(a: Real, b: Real, m: Real, n: Real) -> Sides:
    """Two sums, shifted by m and by n, merge into one that is shifted by their maximum."""
    top = maximum(m, n)
    return (
        add(mul(a, exp(sub(m, top))), mul(b, exp(sub(n, top)))),
        mul(exp(neg(top)), add(mul(a, exp(m)), mul(b, exp(n)))),
    )


@law(
    near=lambda k, x, c: (total(k, mul(x, recip(c))), mul(total(k, x), c)),
    citation="Abbott & Zardini 2025, FlashAttention on a Napkin",
)  # fmt: skip
def late_division(k: AnyAxis, x: Real, c: Real) -> Sides:
    """A division that is constant along the axis slides past the contraction."""
    return total(k, mul(x, recip(c))), mul(total(k, x), recip(c))


@law(
    where=("a positive", "b positive"),
    near=lambda a, b, p, q, s, t: (
        add(sub(p, mul(mul(s, s), recip(a))), sub(q, mul(mul(t, t), recip(b)))),
        sub(add(p, q), mul(mul(add(s, t), add(s, t)), recip(add(a, b)))),
    ),
    citation="Chan, Golub & LeVeque 1983, algorithms for computing the sample variance",
)  # fmt: skip
def merge_squares(a: Real, b: Real, p: Real, q: Real, s: Real, t: Real) -> Sides:
    """Squared distances from two means (counts a and b, sums s and t, squares p and q) merge by the distance of the means."""
    between = sub(mul(s, recip(a)), mul(t, recip(b)))
    weight = mul(mul(a, b), recip(add(a, b)))
    return (
        add(add(sub(p, mul(mul(s, s), recip(a))), sub(q, mul(mul(t, t), recip(b)))), mul(mul(between, between), weight)),
        sub(add(p, q), mul(mul(add(s, t), add(s, t)), recip(add(a, b)))),
    )


@law(
    uses=("exp_sum", "exp_zero"),
    near=lambda a, m, n, o: (mul(mul(a, exp(sub(m, n))), exp(sub(n, o))), mul(a, exp(sub(o, m)))),
)  # fmt: skip
def rescale_twice(a: Real, m: Real, n: Real, o: Real) -> Sides:
    """Correcting from m to n and from n to o is correcting from m to o."""
    return mul(mul(a, exp(sub(m, n))), exp(sub(n, o))), mul(a, exp(sub(m, o)))


@law(
    uses=("shifted_sum", "exp_sum", "exp_zero", "exp_of_log", "log_of_exp", "sum_exp_positive"),
    near=lambda k, s, m: (log(total(k, exp(s))), sub(log(total(k, exp(sub(s, m)))), m)),
)  # fmt: skip
def shifted_log_sum(k: AnyAxis, s: Real, m: Real) -> Sides:
    """A shift that doesn't depend on the axis goes out of the log of a sum of exponentials."""
    return log(total(k, exp(s))), add(m, log(total(k, exp(sub(s, m)))))


@law(near=lambda k, c, x, y: (total(k, mul(mul(c, x), y)), mul(c, mul(total(k, x), total(k, y)))))
def contraction_scale(k: AnyAxis, c: Real, x: Real, y: Real) -> Sides:
    """A factor that doesn't depend on the axis slides out of a contraction."""
    return total(k, mul(mul(c, x), y)), mul(c, total(k, mul(x, y)))


@law(
    uses=("exp_sum", "exp_zero"),
    near=lambda a, m, s: (mul(exp(maximum(m, s)), add(a, exp(sub(s, maximum(m, s))))), add(mul(a, exp(m)), exp(s))),
    citation="Milakov & Gimelshein 2018, online normalizer calculation for softmax",
)  # fmt: skip
def stream_step(a: Real, m: Real, s: Real) -> Sides:
    """A sum that is shifted by the maximum so far takes one exponential more, and is shifted by the new maximum."""
    top = maximum(m, s)
    return mul(exp(top), add(mul(a, exp(sub(m, top))), exp(sub(s, top)))), add(mul(a, exp(m)), exp(s))


def _merged(a: Term, m: Term, b: Term, n: Term) -> Term:
    top = maximum(m, n)
    return add(mul(a, exp(sub(m, top))), mul(b, exp(sub(n, top))))


@law(
    uses=("merge_shifted", "exp_sum", "exp_zero"),
    near=lambda a, b, c, m, n, o: (
        _merged(_merged(a, m, b, n), maximum(m, n), c, o),
        mul(exp(neg(maximum(m, n))), add(add(mul(a, exp(m)), mul(b, exp(n))), mul(c, exp(o)))),
    ),
    citation="Dao et al. 2022, FlashAttention",
)  # fmt: skip
def merge_three(a: Real, b: Real, c: Real, m: Real, n: Real, o: Real) -> Sides:
    """Three sums, shifted by their maxima and merged one after the other: the order leaves no trace."""
    top = maximum(maximum(m, n), o)
    whole = add(add(mul(a, exp(m)), mul(b, exp(n))), mul(c, exp(o)))
    return _merged(_merged(a, m, b, n), maximum(m, n), c, o), mul(exp(neg(top)), whole)


@law(
    uses=("exp_sum", "exp_zero", "exp_minus_infinity"),
    near=lambda a, b, m: (add(mul(a, exp(sub(m, m))), mul(b, exp(add(NINF, neg(m))))), add(a, b)),
)  # fmt: skip
def merge_unit(a: Real, b: Real, m: Real) -> Sides:
    """Merging with a state whose maximum is -inf changes nothing, whatever its sum is."""
    return add(mul(a, exp(sub(m, m))), mul(b, exp(add(NINF, neg(m))))), a


@law(
    uses=("exp_sum", "exp_zero"),
    near=lambda a, b, c, d, m, n: (
        mul(_merged(a, m, b, n), recip(_merged(c, m, d, n))), mul(add(a, b), recip(add(c, d))),
    ),
    citation="Dao et al. 2022, FlashAttention",
)  # fmt: skip
def merge_reads_out(a: Real, b: Real, c: Real, d: Real, m: Real, n: Real) -> Sides:
    """What is read out of two merged states does not depend on the maxima by which they were shifted."""
    weight = exp(sub(n, m))
    return mul(_merged(a, m, b, n), recip(_merged(c, m, d, n))), mul(add(a, mul(b, weight)), recip(add(c, mul(d, weight))))


@law(
    where=("a positive", "b positive"),
    near=lambda a, b, p, q: (
        add(p, mul(sub(q, p), mul(a, recip(add(a, b))))), mul(add(mul(a, p), mul(b, q)), recip(add(a, b))),
    ),
    citation="Chan, Golub & LeVeque 1983, algorithms for computing the sample variance",
)  # fmt: skip
def merge_means(a: Real, b: Real, p: Real, q: Real) -> Sides:
    """Two means (of counts a and b) merge by a step from one towards the other."""
    return add(p, mul(sub(q, p), mul(b, recip(add(a, b))))), mul(add(mul(a, p), mul(b, q)), recip(add(a, b)))


@law(
    where=("k positive",),
    near=lambda k, p, s, x: (
        add(s, mul(sub(x, p), sub(x, p))), add(s, mul(mul(sub(x, p), sub(x, p)), mul(k, recip(add(k, ONE))))),
    ),
    citation="Welford 1962, note on a method for calculating corrected sums of squares and products",
)  # fmt: skip
def welford_step(k: Real, p: Real, s: Real, x: Real) -> Sides:
    """The old and the new mean (of k and k + 1 numbers) in one product, or the old one with a weight."""
    after = add(p, mul(sub(x, p), recip(add(k, ONE))))
    squared = mul(sub(x, p), sub(x, p))
    return add(s, mul(sub(x, p), sub(x, after))), add(s, mul(squared, mul(k, recip(add(k, ONE)))))
