"""Losses by margins and by likelihoods of a distribution, with Torch's own clamps, epsilons and reductions.

To add here: a loss with a margin, or a negative log-likelihood of a distribution.
Never here: cross-entropies (`torch_losses.py`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import torch.nn.functional as F

from commute.lowering.arrays import Array, pointwise
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import average, mapped, numeric, reduced, refuse, scalar
from commute.lowering.torch_losses import HALF, finished
from commute.lowering.torch_nn import log_sigmoid
from commute.lowering.torch_norms import pairwise_distance
from commute.theory.ops import add, eq, exp, indicator, lnot, log, maximum, minimum, mul, neg, recip, sqrt, sub, where
from commute.theory.terms import MINUS_ONE, ONE, ZERO, Term, const, named

_TINY = const(Fraction(1, 10**12))
"""What cosine_embedding_loss adds to the squared lengths."""


def _above(x: Term) -> Term:
    return maximum(x, ZERO)


@lifts(F.margin_ranking_loss)
def margin_ranking_loss(
    trace: Any, input1: Array, input2: Array, target: Array, margin: Any = 0, reduction: str = "mean", **old: Any
) -> Array:
    """max(0, margin - target (input1 - input2))"""
    refuse(**old)
    m = scalar(trace, margin)
    gaps = pointwise(sub, numeric(input1), numeric(input2))
    return finished(trace, pointwise(lambda y, d: _above(sub(m, mul(y, d))), numeric(target), gaps), reduction)


@lifts(F.hinge_embedding_loss)
def hinge_embedding_loss(
    trace: Any, input: Array, target: Array, margin: Any = 1.0, reduction: str = "mean", **old: Any
) -> Array:
    """The input where the target is 1, max(0, margin - input) where it is -1, both where it is neither."""
    refuse(**old)
    m = scalar(trace, margin)

    def make(x: Term, y: Term) -> Term:
        return add(where(lnot(eq(y, ONE)), _above(sub(m, x)), ZERO), where(lnot(eq(y, MINUS_ONE)), x, ZERO))

    return finished(trace, pointwise(make, numeric(input), numeric(target)), reduction)


@lifts(F.cosine_embedding_loss)
def cosine_embedding_loss(
    trace: Any, input1: Array, input2: Array, target: Array, margin: Any = 0, reduction: str = "mean", **old: Any
) -> Array:
    """1 - cosine where the target is 1, max(0, cosine - margin) where it is -1."""
    refuse(**old)
    if input1.rank != target.rank + 1:
        raise Unusable("cosine_embedding_loss: the inputs have one dimension more than the target")
    m, last = scalar(trace, margin), input1.rank - 1
    inner, first, second = (
        reduced(trace, "sum", pointwise(mul, numeric(a), numeric(b)), (last,))
        for a, b in ((input1, input2), (input1, input1), (input2, input2))
    )
    lengths = pointwise(lambda a, b: recip(sqrt(mul(add(a, _TINY), add(b, _TINY)))), first, second)
    cosine = pointwise(mul, inner, lengths)

    def make(c: Term, y: Term) -> Term:
        same, other = where(eq(y, ONE), sub(ONE, c), ZERO), where(eq(y, MINUS_ONE), _above(sub(c, m)), ZERO)
        return add(same, other)

    return finished(trace, pointwise(make, cosine, numeric(target)), reduction)


@lifts(F.soft_margin_loss)
def soft_margin_loss(trace: Any, input: Array, target: Array, reduction: str = "mean", **old: Any) -> Array:
    """log(1 + exp(-target input))"""
    refuse(**old)
    losses = pointwise(lambda x, y: log(add(ONE, exp(neg(mul(y, x))))), numeric(input), numeric(target))
    return finished(trace, losses, reduction)


@lifts(F.multilabel_soft_margin_loss)
def multilabel_soft_margin_loss(
    trace: Any, input: Array, target: Array, weight: Array | None = None, reduction: str = "mean", **old: Any
) -> Array:
    """The mean over classes of the binary cross-entropies of logits."""
    refuse(**old)

    def make(x: Term, y: Term) -> Term:
        return neg(add(mul(y, log_sigmoid(x)), mul(sub(ONE, y), log_sigmoid(neg(x)))))

    losses = pointwise(make, numeric(input), numeric(target))
    if weight is not None:
        losses = pointwise(mul, losses, numeric(weight))
    return finished(trace, average(trace, losses, (losses.rank - 1,)), reduction)


@lifts(F.multi_margin_loss)
def multi_margin_loss(
    trace: Any,
    input: Array,
    target: Array,
    p: Any = 1,
    margin: Any = 1.0,
    weight: Any = None,
    reduction: str = "mean",
    **old: Any,
) -> Array:
    """The mean over classes of max(0, margin - own + other) ** p, without the own class."""
    refuse(**old, weight=weight)
    if input.rank != 2 or target.rank != 1 or p not in (1, 2):
        raise Unsupported("multi_margin_loss of other than rows, or with p other than 1 and 2")
    trace.indexes(target, input.shape[1])
    m, scores = scalar(trace, margin), numeric(input)

    def at(i: Any) -> Term:
        own = target.at(i[:1])
        part = _above(add(sub(m, scores.at((i[0], own))), scores.at(i)))
        return mul(indicator(lnot(eq(own, i[1]))), part if p == 1 else mul(part, part))

    return finished(trace, average(trace, Array(scores.shape, at), (1,)), reduction)


@lifts(F.triplet_margin_loss)
def triplet_margin_loss(
    trace: Any,
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: Any = 1.0,
    p: Any = 2,
    eps: Any = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
    **old: Any,
) -> Array:
    """max(0, margin + distance to the positive - distance to the negative)"""
    refuse(**old)
    m = scalar(trace, margin)
    near, far = (pairwise_distance(trace, anchor, other, p, eps) for other in (positive, negative))
    if swap:
        far = pointwise(minimum, far, pairwise_distance(trace, positive, negative, p, eps))
    return finished(trace, pointwise(lambda a, b: _above(add(sub(a, b), m)), near, far), reduction)


@lifts(F.poisson_nll_loss)
def poisson_nll_loss(
    trace: Any,
    input: Array,
    target: Array,
    log_input: bool = True,
    full: bool = False,
    eps: Any = 1e-8,
    reduction: str = "mean",
    **old: Any,
) -> Array:
    """exp(input) - target input, or input - target log(input + eps)."""
    refuse(**old, full=full or None)
    small = scalar(trace, eps)

    def make(x: Term, y: Term) -> Term:
        return sub(exp(x), mul(y, x)) if log_input else sub(x, mul(y, log(add(x, small))))

    return finished(trace, pointwise(make, numeric(input), numeric(target)), reduction)


@lifts(F.gaussian_nll_loss)
def gaussian_nll_loss(
    trace: Any, input: Array, target: Array, var: Any, full: bool = False, eps: Any = 1e-6, reduction: str = "mean"
) -> Array:
    """(log v + (input - target)² / v) / 2, v the variance but at least eps; `full` adds log(2 pi) / 2."""
    least = scalar(trace, eps)
    spread = numeric(var) if isinstance(var, Array) else Array((), lambda _: scalar(trace, var))
    if spread.rank == input.rank - 1 and spread.rank:
        inner = spread
        spread = Array([*inner.shape, input.shape[-1]], lambda i: inner.at(i[:-1]))
    spread = mapped(lambda v: maximum(v, least), spread)
    squares = pointwise(lambda x, y: mul(sub(x, y), sub(x, y)), numeric(input), numeric(target))
    losses = pointwise(lambda d, v: mul(HALF, add(log(v), mul(d, recip(v)))), squares, spread)
    if full:
        constant = mul(HALF, log(mul(const(2), named("pi"))))
        losses = mapped(lambda x: add(x, constant), losses)
    return finished(trace, losses, reduction)
