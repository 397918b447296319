"""Losses, with Torch's own weights, reductions and conventions.

A mean is the sum over all elements times 1/count, or over weights where classes have some; log(0) follows Torch's clamps.
To add here: a loss.  Never here: an approximation of one.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import torch.nn.functional as F

from commute.lowering.arrays import Array, Indices, pointwise
from commute.lowering.registry import Unusable, lifts
from commute.lowering.torch_args import average, everywhere, mapped, numeric, reduced, refuse, scalar, scaled
from commute.lowering.torch_nn import log_sigmoid
from commute.lowering.torch_norms import by_channel
from commute.lowering.torch_softmax import log_softmax_of
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import (
    add,
    composite,
    div,
    eq,
    exp,
    le,
    log,
    lt,
    maximum,
    mul,
    neg,
    recip,
    sub,
    where,
)
from commute.theory.terms import INT, ONE, ZERO, Term, const, size_value

HALF = const(Fraction(1, 2))
NAMES: dict[Any, str] = {0: "none", 1: "mean", 2: "sum"}


def _every(array: Array) -> tuple[int, ...]:
    return tuple(range(array.rank))


def finished(trace: Any, losses: Array, reduction: Any) -> Array:
    """The losses as they are, their sum, or their mean."""
    reduction = NAMES.get(reduction, reduction)
    if reduction == "none":
        return losses
    if reduction == "sum":
        return reduced(trace, "sum", losses, _every(losses))
    if reduction == "mean":
        return average(trace, losses, _every(losses))
    raise Unusable(f"reduction={reduction!r}")


def _over(below: Array, above: Array) -> Array:
    return pointwise(lambda a, b: mul(a, recip(b)), above, below)


# --- distances -------------------------------------------------------------------------------------------------------


def _apart(input: Array, target: Array, make: Any) -> Array:
    return pointwise(lambda x, y: make(sub(x, y)), numeric(input), numeric(target), sort="real")


def _weighted(losses: Array, weight: Array | None) -> Array:
    return losses if weight is None else pointwise(mul, losses, weight)


def _distance(trace: Any, input: Array, target: Array, make: Any, reduction: str, weight: Array | None = None) -> Array:
    losses = _apart(input, target, make)
    if weight is not None and NAMES.get(reduction, reduction) == "mean":
        total = reduced(trace, "sum", _weighted(losses, weight), _every(losses))
        return _over(reduced(trace, "sum", numeric(weight), _every(weight)), total)
    return finished(trace, _weighted(losses, weight), reduction)


@lifts(F.mse_loss)
def mse_loss(
    trace: Any,
    input: Array,
    target: Array,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Array | None = None,
) -> Array:
    """(input - target) squared"""
    refuse(size_average=size_average, reduce=reduce)
    return _distance(trace, input, target, lambda d: mul(d, d), reduction, weight)


@lifts(F.l1_loss)
def l1_loss(
    trace: Any,
    input: Array,
    target: Array,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Array | None = None,
) -> Array:
    """|input - target|"""
    refuse(size_average=size_average, reduce=reduce)
    return _distance(trace, input, target, lambda d: composite("abs", d), reduction, weight)


@lifts(F.smooth_l1_loss)
def smooth_l1_loss(
    trace: Any,
    input: Array,
    target: Array,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    beta: Any = 1.0,
) -> Array:
    """d squared / (2 beta) where |d| < beta, else |d| - beta/2"""
    refuse(size_average=size_average, reduce=reduce)
    b = scalar(trace, beta)

    def make(d: Term) -> Term:
        far = composite("abs", d)
        near = mul(HALF, mul(d, d)) if b is ONE else mul(mul(HALF, mul(d, d)), recip(b))
        return far if b is ZERO else where(lt(far, b), near, sub(far, mul(HALF, b)))

    return _distance(trace, input, target, make, reduction)


@lifts(F.huber_loss)
def huber_loss(
    trace: Any, input: Array, target: Array, reduction: str = "mean", delta: Any = 1.0, weight: Array | None = None
) -> Array:
    """d squared / 2 where |d| <= delta, else delta * (|d| - delta/2)"""
    e = scalar(trace, delta)

    def make(d: Term) -> Term:
        far = composite("abs", d)
        return where(le(far, e), mul(HALF, mul(d, d)), scaled(e, sub(far, mul(HALF, e))))

    return _distance(trace, input, target, make, reduction, weight)


# --- divergences and two classes -------------------------------------------------------------------------------------


@lifts(F.kl_div)
def kl_div(
    trace: Any,
    input: Array,
    target: Array,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Array:
    """target * (log target - input), 0 where the target is 0; or with the target's logarithm given"""
    refuse(size_average=size_average, reduce=reduce)

    def make(x: Term, t: Term) -> Term:
        return mul(exp(t), sub(t, x)) if log_target else sub(mul(t, log(t)), mul(t, x))

    losses = pointwise(make, numeric(input), numeric(target), sort="real")
    if reduction != "batchmean":
        return finished(trace, losses, reduction)
    total = reduced(trace, "sum", losses, _every(losses))
    return mapped(lambda t: mul(t, recip(size_value(input.shape[0]))), total)


def _log_clamped(x: Term) -> Term:
    """max(log x, -100), and -100 at 0."""
    return where(le(x, ZERO), const(-100), maximum(log(x), const(-100)))


@lifts(F.binary_cross_entropy)
def binary_cross_entropy(
    trace: Any,
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Array:
    """-(t log x + (1 - t) log(1 - x)), each logarithm no smaller than -100"""
    refuse(size_average=size_average, reduce=reduce)

    def make(x: Term, t: Term) -> Term:
        return neg(add(mul(t, _log_clamped(x)), mul(sub(ONE, t), _log_clamped(sub(ONE, x)))))

    return finished(trace, _weighted(pointwise(make, input, numeric(target), sort="real"), weight), reduction)


@everywhere("binary_cross_entropy_with_logits")
def binary_cross_entropy_with_logits(
    trace: Any,
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> Array:
    """(1 - t) x - (1 + (pos_weight - 1) t) log sigmoid(x)"""
    refuse(size_average=size_average, reduce=reduce)
    x, t = numeric(input), numeric(target)
    if pos_weight is None:
        losses = pointwise(lambda a, b: sub(mul(sub(ONE, b), a), log_sigmoid(a)), x, t, sort="real")
    else:
        losses = pointwise(
            lambda a, b, w: sub(mul(sub(ONE, b), a), mul(add(mul(sub(w, ONE), b), ONE), log_sigmoid(a))),
            x,
            t,
            pos_weight,
            sort="real",
        )
    return finished(trace, _weighted(losses, weight), reduction)


# --- many classes ----------------------------------------------------------------------------------------------------


def _class_dimension(input: Array) -> int:
    return 0 if input.rank == 1 else 1


def _picked(trace: Any, scores: Array, target: Array) -> Array:
    """The score of the target's class, at each place."""
    d = _class_dimension(scores)
    if [s for i, s in enumerate(scores.shape) if i != d] != list(target.shape):
        raise Unusable("the target has not the shape of the scores without their classes")
    trace.indexes(target, scores.shape[d])

    def at(indices: Indices) -> Term:
        return scores.at([*indices[:d], target.at(indices), *indices[d:]])

    return Array(target.shape, at)


def _ignored(target: Array, ignore_index: Any) -> Array | None:
    """Which targets are left out, or None where none is: a class is never negative."""
    ignored = Size.of(ignore_index).constant
    if ignored is not None and ignored < 0:
        return None
    value = size_value(Size.of(ignore_index))
    return Array(target.shape, lambda idx: simplify(eq(target.at(idx), value)), "bool")


def _class_weights(target: Array, weight: Array | None, ignored: Array | None) -> Array | None:
    """The weight of each target: of its class, 0 where ignored; None where each weighs 1."""
    weights = weight and Array(target.shape, lambda idx: weight.at((target.at(idx),)))
    if ignored is None:
        return weights
    ones = weights or Array(target.shape, lambda _: ONE, INT)
    return pointwise(lambda i, w: where(i, ZERO, w), ignored, ones)


def _reduced_by_weight(trace: Any, losses: Array, weights: Array | None, reduction: Any) -> Array:
    """The sum of losses divided by the sum of weights where a mean is wanted."""
    if weights is None or NAMES.get(reduction, reduction) != "mean":
        return finished(trace, losses, reduction)
    total = reduced(trace, "sum", losses, _every(losses))
    return _over(reduced(trace, "sum", weights, _every(weights)), total)


@everywhere("nll_loss", "nll_loss_nd")
def nll_loss(
    trace: Any,
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: Any = None,
    ignore_index: Any = -100,
    reduce: Any = None,
    reduction: Any = "mean",
) -> Array:
    """Minus the score of the target's class, times the class's weight"""
    refuse(size_average=size_average, reduce=reduce)
    if target.sort != INT:
        raise Unusable("the target must hold classes (integers)")
    ignored = _ignored(target, ignore_index)
    weights = _class_weights(target, weight, ignored)
    losses = mapped(neg, _picked(trace, input, target))
    if weights is not None:
        losses = pointwise(mul, weights, losses)
    return _reduced_by_weight(trace, losses, weights, reduction)


def _probabilities(trace: Any, scores: Array, target: Array, weight: Array | None, smoothing: Term, reduction: Any) -> Array:
    """Cross entropy with a probability for each class."""
    d = _class_dimension(scores)
    classes = size_value(scores.shape[d])
    if smoothing is not ZERO:
        target = mapped(lambda t: add(mul(t, sub(ONE, smoothing)), div(smoothing, classes)), target)
    terms = pointwise(lambda s, t: mul(s, t), scores, target)
    terms = _weighted(terms, weight if d == 0 else by_channel(weight, scores.rank))
    losses = mapped(neg, reduced(trace, "sum", terms, (d,)))
    return finished(trace, losses, reduction)


def _smoothed(
    trace: Any, scores: Array, target: Array, weight: Array | None, ignore_index: Any, smoothing: Term, reduction: Any
) -> Array:
    """(1 - smoothing) * nll + smoothing / classes * minus the (weighted) sum of all scores."""
    d = _class_dimension(scores)
    sharp = nll_loss(trace, scores, target, weight, ignore_index=ignore_index, reduction=reduction)
    spread = _weighted(scores, weight if d == 0 else by_channel(weight, scores.rank))
    losses = mapped(neg, reduced(trace, "sum", spread, (d,)))
    ignored = _ignored(target, ignore_index)
    if ignored is not None:
        losses = pointwise(lambda i, x: where(i, ZERO, x), ignored, losses)
    smooth = _reduced_by_weight(trace, losses, _class_weights(target, weight, ignored), reduction)
    share = div(smoothing, size_value(scores.shape[d]))
    return pointwise(lambda a, b: add(mul(sub(ONE, smoothing), a), mul(share, b)), sharp, smooth)


@everywhere("cross_entropy", "cross_entropy_loss")
def cross_entropy(
    trace: Any,
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: Any = None,
    ignore_index: Any = -100,
    reduce: Any = None,
    reduction: Any = "mean",
    label_smoothing: Any = 0.0,
) -> Array:
    """Minus the log softmax of the target's class, or of the classes weighted by their probabilities"""
    refuse(size_average=size_average, reduce=reduce)
    smoothing = scalar(trace, label_smoothing)
    scores = log_softmax_of(trace, numeric(input), _class_dimension(input))
    if target.sort != INT:
        if target.shape != input.shape:
            raise Unusable("probabilities must have the shape of the scores")
        return _probabilities(trace, scores, target, weight, smoothing, reduction)
    if smoothing is ZERO:
        return nll_loss(trace, scores, target, weight, ignore_index=ignore_index, reduction=reduction)
    return _smoothed(trace, scores, target, weight, ignore_index, smoothing, reduction)

