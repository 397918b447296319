"""Operators that are short formulas in others: differences, covariance, distances, cross products, matrix powers, bags.

To add here: an operator that other handlers together compute.  Never here: one that needs a term of its own.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from commute.lowering.arrays import Array, pointwise
from commute.lowering.made import choose
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import (
    average,
    dimension,
    dimensions,
    everywhere,
    mapped,
    numeric,
    reduced,
    refuse,
    scalar,
    summed,
    whole,
)
from commute.lowering.torch_index import embedding
from commute.lowering.torch_join import cat, joined, tensor_split
from commute.lowering.torch_reduce import norm_over
from commute.theory.axes import Size
from commute.theory.ops import add, eq, log, maximum, mul, recip, sub, where
from commute.theory.terms import INT, ONE, ZERO, Term, const, size_value


def shifted(array: Array, dim: int, by: int, less: int) -> Array:
    """The array from an index on along a dimension, `less` shorter."""
    shape = [s - less if i == dim else s for i, s in enumerate(array.shape)]
    return Array(shape, lambda idx: array.at([add(x, const(by)) if i == dim else x for i, x in enumerate(idx)]), array.sort)


@everywhere("diff")
def diff(
    trace: Any, input: Array, n: Any = 1, dim: int = -1, prepend: Array | None = None, append: Array | None = None
) -> Array:
    """Differences of neighbours along a dimension, n times."""
    d = dimension(input, dim)
    parts = [a for a in (prepend, input, append) if a is not None]
    result = numeric(cat(trace, parts, d) if len(parts) > 1 else input)
    for _ in range(whole("n", n)):
        if not (result.shape[d] - 1).provably_positive():
            raise Unsupported(f"differences along an axis of size {result.shape[d]}, which may have none")
        result = pointwise(sub, shifted(result, d, 1, 1), shifted(result, d, 0, 1))
    return result


@everywhere("trapezoid", "trapz")
def trapezoid(trace: Any, y: Array, x: Array | None = None, *, dx: Any = 1, dim: int = -1) -> Array:
    """The sum of trapezoids between neighbours along a dimension."""
    d = dimension(y, dim)
    if x is not None and x.rank not in (1, y.rank):
        raise Unsupported("trapezoids over places of another rank")
    if not (y.shape[d] - 1).provably_positive():
        raise Unsupported(f"trapezoids along an axis of size {y.shape[d]}, which may have none")
    heights = pointwise(add, shifted(numeric(y), d, 1, 1), shifted(numeric(y), d, 0, 1))
    if x is None:
        widths = Array((), lambda _: scalar(trace, dx))
    else:
        own = 0 if x.rank == 1 else d
        gaps = pointwise(sub, shifted(numeric(x), own, 1, 1), shifted(numeric(x), own, 0, 1))
        widths = gaps if x.rank > 1 else Array(heights.shape, lambda idx: gaps.at((idx[d],)))
    areas = pointwise(lambda h, w: mul(mul(h, w), recip(const(2))), heights, widths)
    return reduced(trace, "sum", areas, (d,))


@everywhere("cov")
def cov(trace: Any, input: Array, *, correction: Any = 1, fweights: Any = None, aweights: Any = None) -> Array:
    """The covariances of rows; a number where there is one row."""
    refuse(fweights=fweights, aweights=aweights)
    if input.rank != 2:
        raise Unsupported("the covariance of other than rows")
    rows, count = input.shape
    centred = pointwise(sub, numeric(input), average(trace, numeric(input), (1,), keepdim=True))
    below = maximum(sub(size_value(count), scalar(trace, correction)), ZERO)
    total = summed(trace, (rows, rows), [count], lambda i: mul(centred.at((i[0], i[2])), centred.at((i[1], i[2]))))
    if trace.equal(rows, 1):
        return Array((), lambda _: mul(total.at((ZERO, ZERO)), recip(below)))
    return mapped(lambda t: mul(t, recip(below)), total)


@everywhere("dist")
def dist(trace: Any, input: Array, other: Array, p: Any = 2) -> Array:
    """The norm of all that two tensors differ by."""
    apart = pointwise(sub, numeric(input), numeric(other))
    return norm_over(trace, apart, p, dimensions(apart, None))


@everywhere("xlogy")
def xlogy(trace: Any, input: Any, other: Any) -> Array:
    """x log(y), 0 where x is 0."""
    left, right = (numeric(a) if isinstance(a, Array) else Array((), lambda _, a=a: scalar(trace, a)) for a in (input, other))
    return pointwise(lambda x, y: where(eq(x, ZERO), ZERO, mul(x, log(y))), left, right, sort="real")


@everywhere("cross")
def cross(trace: Any, input: Array, other: Array, dim: Any = None) -> Array:
    """The cross product along a dimension of size 3."""
    left, right = numeric(input), numeric(other)
    threes = [i for i, s in enumerate(left.shape) if s == Size(3)]
    if left.shape != right.shape or not threes:
        raise Unsupported("the cross product of tensors of two shapes, or without a dimension of size 3")
    d = dimension(left, threes[0] if dim is None else dim)

    def part(place: int) -> Array:
        one, two = ((place + 1) % 3, (place + 2) % 3)

        def at(idx: Any) -> Term:
            a, b = ([const(p) if i == d else x for i, x in enumerate(idx)] for p in (one, two))
            return sub(mul(left.at(a), right.at(b)), mul(left.at(b), right.at(a)))

        return Array([Size(1) if i == d else s for i, s in enumerate(left.shape)], at)

    return joined(trace, [part(i) for i in range(3)], d)


@everywhere("matrix_power")
def matrix_power(trace: Any, input: Array, n: Any) -> Array:
    """The product of n copies of a matrix."""
    times, rows = whole("n", n), input.shape[-1]
    if times < 0 or input.rank < 2 or input.shape[-2] != rows:
        raise Unsupported("a negative power, or the power of what isn't a square matrix")
    result = Array(input.shape, lambda i: choose(eq(i[-2], i[-1]), lambda: ONE, lambda: ZERO))
    for step in range(times):
        before = result
        if step == 0:
            result = numeric(input)
            continue
        result = summed(
            trace, input.shape, [rows], lambda i, b=before: mul(b.at((*i[:-2], i[-1])), input.at((*i[:-3], i[-1], i[-2])))
        )
    return result


@everywhere("column_stack")
def column_stack(trace: Any, tensors: Any) -> Array:
    """Vectors as columns, matrices side by side."""
    wide = [a if a.rank > 1 else Array([*a.shape, Size(1)], lambda i, a=a: a.at(i[: a.rank]), a.sort) for a in tensors]
    return cat(trace, wide, 1)


@everywhere("hsplit")
def hsplit(trace: Any, input: Array, indices_or_sections: Any) -> tuple[Array, ...]:
    """Parts along the second dimension, or the only one."""
    return tensor_split(trace, input, indices_or_sections, 0 if input.rank == 1 else 1)


@everywhere("vsplit")
def vsplit(trace: Any, input: Array, indices_or_sections: Any) -> tuple[Array, ...]:
    """Parts along the first dimension."""
    return tensor_split(trace, input, indices_or_sections, 0)


@lifts(torch.block_diag)
def block_diag(trace: Any, *tensors: Array) -> Array:
    """Matrices down the diagonal, 0 elsewhere."""
    if any(a.rank != 2 for a in tensors):
        raise Unsupported("block_diag of other than matrices")
    rows = []
    for place, block in enumerate(tensors):
        parts = [block if i == place else Array((block.shape[0], a.shape[1]), lambda _: ZERO) for i, a in enumerate(tensors)]
        rows.append(joined(trace, [numeric(p) for p in parts], 1))
    return joined(trace, rows, 0)


@lifts(F.embedding_bag)
def embedding_bag(
    trace: Any, input: Array, weight: Array, offsets: Any = None, max_norm: Any = None, norm_type: Any = 2,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, per_sample_weights: Array | None = None,
    include_last_offset: bool = False, padding_idx: Any = None,
) -> Array:  # fmt: skip
    """The sum or the mean of the rows that a row of integers names."""
    refuse(offsets=offsets, max_norm=max_norm, padding_idx=padding_idx)
    if input.sort != INT or input.rank != 2 or mode not in ("sum", "mean"):
        raise Unusable("embedding_bag: integers in rows, their sum or mean")
    rows = embedding(trace, input, weight)
    if per_sample_weights is not None:
        each = per_sample_weights
        rows = pointwise(mul, rows, Array([*each.shape, Size(1)], lambda i: each.at(i[:2])))
    return reduced(trace, "sum", rows, (1,)) if mode == "sum" else average(trace, rows, (1,))
