"""Streams: the lemmas by which a pass over an axis is cut into blocks.  To add here: laws of running states and their merge."""

from __future__ import annotations

from commute.theory.law import AnyAxis, Real, Sides, law
from commute.theory.ops import add, exp, maximum, mul, neg, recip, sub, total


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


