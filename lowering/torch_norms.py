"""Normalisation: layer, rms, batch, group and instance norm, unit vectors, cosine similarity, softmax's quieter cousins.

Each is (x - mean) / sqrt(variance + eps) over some dimensions, then weight and bias, with Torch's own clamps and defaults.
To add here: a normalisation.  Never here: running statistics being updated (an update is not a function).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from commute.lowering.arrays import Array, pointwise, reshaped
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import average, dimension, everywhere, numeric, product, reduced, scalar
from commute.lowering.torch_reduce import norm_over, variance
from commute.theory.axes import Size
from commute.theory.ops import add, div, maximum, mul, recip, sqrt, sub
from commute.theory.terms import Term

DOUBLE_EPS = torch.finfo(torch.float64).eps
"""What eps=None means: programs are read, and run beside their terms, in float64."""


def more_than_one(trace: Any, count: Size) -> None:
    """Torch refuses to take the statistics of a single number; so does the lift, on the path where there is one."""
    if trace.equal(count, 1):
        raise Unusable("the statistics of a single number")


def standardised(trace: Any, array: Array, dims: tuple[int, ...], eps: Term) -> Array:
    """(x - mean) / sqrt(variance + eps) over some dimensions."""
    centre = average(trace, array, dims, keepdim=True)
    spread = variance(trace, array, dims, keepdim=True)
    return pointwise(lambda x, m, v: mul(sub(x, m), recip(sqrt(add(v, eps)))), array, centre, spread)


def affine(array: Array, weight: Array | None, bias: Array | None) -> Array:
    """array * weight + bias, each where given, broadcast from the right."""
    if weight is not None:
        array = pointwise(mul, array, weight)
    return array if bias is None else pointwise(add, array, bias)


def by_channel(parameter: Array | None, rank: int) -> Array | None:
    """A vector over channels, seen as an array whose dimension 1 (of `rank`) is the channel."""
    if parameter is None:
        return None
    shape = (parameter.shape[0], *[Size(1)] * (rank - 2))
    return Array(shape, lambda idx: parameter.at(idx[:1]), parameter.sort)


def _trailing(array: Array, normalized_shape: Any) -> tuple[int, ...]:
    sizes = [normalized_shape] if isinstance(normalized_shape, int | Size) else list(normalized_shape)
    if [Size.of(s) for s in sizes] != list(array.shape[array.rank - len(sizes) :]):
        raise Unusable("normalized_shape does not match the last dimensions")
    return tuple(range(array.rank - len(sizes), array.rank))


@everywhere("layer_norm")
def layer_norm(
    trace: Any,
    input: Array,
    normalized_shape: Any,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: Any = 1e-5,
    cudnn_enable: bool = True,
) -> Array:
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last dimensions; the variance is divided by the count."""
    dims = _trailing(input, normalized_shape)
    return affine(standardised(trace, numeric(input), dims, scalar(trace, eps)), weight, bias)


@everywhere("rms_norm")
def rms_norm(trace: Any, input: Array, normalized_shape: Any, weight: Array | None = None, eps: Any = None) -> Array:
    """x / sqrt(mean of x squared + eps) * weight over the last dimensions."""
    dims = _trailing(input, normalized_shape)
    array, small = numeric(input), scalar(trace, DOUBLE_EPS if eps is None else eps)
    squares = average(trace, pointwise(lambda x: mul(x, x), array), dims, keepdim=True)
    scaled = pointwise(lambda x, s: mul(x, recip(sqrt(add(s, small)))), array, squares)
    return affine(scaled, weight, None)


@everywhere("batch_norm")
def batch_norm(
    trace: Any,
    input: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: Any = 1e-5,
    cudnn_enabled: bool = True,
) -> Array:
    """(x - mean) / sqrt(variance + eps) * weight + bias with given statistics, a channel being dimension 1."""
    array, small = numeric(input), scalar(trace, eps)
    weight, bias = by_channel(weight, array.rank), by_channel(bias, array.rank)
    centre, spread = by_channel(running_mean, array.rank), by_channel(running_var, array.rank)
    if training and centre is None:
        dims = tuple(i for i in range(array.rank) if i != 1)
        more_than_one(trace, product(array.shape[i] for i in dims))
        return affine(standardised(trace, array, dims, small), weight, bias)
    if training:
        raise Unsupported("training=True updates the running statistics")
    if centre is None or spread is None:
        raise Unusable("running_mean and running_var are needed where training=False")
    scaled = pointwise(lambda x, m, v: mul(sub(x, m), recip(sqrt(add(v, small)))), array, centre, spread)
    return affine(scaled, weight, bias)


@everywhere("group_norm")
def group_norm(
    trace: Any,
    input: Array,
    num_groups: Any,
    weight: Array | None = None,
    bias: Array | None = None,
    eps: Any = 1e-5,
    cudnn_enabled: bool = True,
) -> Array:
    """(x - mean) / sqrt(variance + eps) over each group of channels and all positions, then weight and bias by channel."""
    array, groups = numeric(input), Size.of(num_groups)
    width = array.shape[1].divided_by(groups)
    if width is None:
        raise Unusable(f"{array.shape[1]} channels in {groups} groups")
    more_than_one(trace, product((array.shape[0], width, *array.shape[2:])))
    split = reshaped(trace.layouts, array, (array.shape[0], groups, width, *array.shape[2:]))
    dims = tuple(range(2, split.rank))
    normal = reshaped(trace.layouts, standardised(trace, split, dims, scalar(trace, eps)), array.shape)
    return affine(normal, by_channel(weight, array.rank), by_channel(bias, array.rank))


@everywhere("instance_norm")
def instance_norm(
    trace: Any,
    input: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    use_input_stats: bool = True,
    momentum: Any = 0.1,
    eps: Any = 1e-5,
    cudnn_enabled: bool = True,
) -> Array:
    """(x - mean) / sqrt(variance + eps) over the positions of each channel of each example."""
    if not use_input_stats:
        return batch_norm(trace, input, running_mean, running_var, weight, bias, False, momentum, eps)
    if running_mean is not None:
        raise Unsupported("running statistics that are updated")
    array = numeric(input)
    more_than_one(trace, product(array.shape[2:]))
    normal = standardised(trace, array, tuple(range(2, array.rank)), scalar(trace, eps))
    return affine(normal, by_channel(weight, array.rank), by_channel(bias, array.rank))


@lifts(F.normalize)
def normalize(trace: Any, input: Array, p: Any = 2.0, dim: Any = 1, eps: Any = 1e-12, out: Any = None) -> Array:
    """x / max(norm of x, eps) along a dimension."""
    dims = (dimension(input, dim),) if isinstance(dim, int | Size) else tuple(dimension(input, d) for d in dim)
    array, small = numeric(input), scalar(trace, eps)
    length = norm_over(trace, array, p, dims, keepdim=True)
    return pointwise(lambda x, n: div(x, maximum(n, small)), array, length)


@everywhere("cosine_similarity")
def cosine_similarity(trace: Any, x1: Array, x2: Array, dim: Any = 1, eps: Any = 1e-8) -> Array:
    """The sum of x1 / max(|x1|, eps) * x2 / max(|x2|, eps) along a dimension."""
    small = scalar(trace, eps)
    left, right = numeric(x1), numeric(x2)
    shape_only = pointwise(mul, left, right)
    d = dimension(shape_only, dim)
    left, right = (expanded(a, shape_only.shape) for a in (left, right))
    lengths = [norm_over(trace, a, 2, (d,), keepdim=True) for a in (left, right)]
    units = [
        pointwise(lambda x, n: div(x, maximum(n, small)), a, n) for a, n in zip((left, right), lengths, strict=True)
    ]
    return reduced(trace, "sum", pointwise(mul, *units), (d,))


def expanded(array: Array, shape: Sequence[Size]) -> Array:
    """The array broadcast to `shape`."""
    from commute.lowering.arrays import aligned

    return Array(shape, lambda idx: aligned(array, idx), array.sort)


@everywhere("pairwise_distance")
def pairwise_distance(trace: Any, x1: Array, x2: Array, p: Any = 2.0, eps: Any = 1e-6, keepdim: bool = False) -> Array:
    """The norm of x1 - x2 + eps along the last dimension."""
    small = scalar(trace, eps)
    apart = pointwise(lambda a, b: add(sub(a, b), small), numeric(x1), numeric(x2))
    return norm_over(trace, apart, p, (apart.rank - 1,), keepdim)


@everywhere("cdist")
def cdist(trace: Any, x1: Array, x2: Array, p: Any = 2.0, compute_mode: Any = None) -> Array:
    """The norm of the difference of each row of x1 and each row of x2."""
    left, right = numeric(x1), numeric(x2)
    if left.rank < 2 or right.rank < 2:
        raise Unusable("cdist: each argument has at least two dimensions")
    rows = Array([*left.shape[:-1], Size(1), left.shape[-1]], lambda i: left.at((*i[:-2], i[-1])))
    columns = Array([*right.shape[:-2], Size(1), *right.shape[-2:]], lambda i: right.at((*i[:-3], *i[-2:])))
    apart = pointwise(sub, rows, columns)
    return norm_over(trace, apart, p, (apart.rank - 1,))
