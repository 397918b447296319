"""Reading and writing at computed integers: gather, embedding, one_hot, scatter.

To add here: operators that read or write at integer positions.  Never here: `x[...]` (`indexing.py`).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from commute.lowering.arrays import Array, Indices, aligned, broadcast
from commute.lowering.indexing import get_item, value_array
from commute.lowering.made import choose
from commute.lowering.positions import position_of, read_at
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import scaled, summed
from commute.theory.axes import Size
from commute.theory.ops import add, eq, indicator, lt
from commute.theory.terms import INT, ZERO, Term

# --- reading at computed integers ------------------------------------------------------------------------------------


def _dim(array: Array, dim: Any) -> int:
    if not isinstance(dim, int) or not -max(array.rank, 1) <= dim < max(array.rank, 1):
        raise Unusable(f"dimension {dim} of a tensor of {array.rank} dimensions")
    return dim % max(array.rank, 1)


@lifts(torch.gather, torch.Tensor.gather)
def gather(trace: Any, input: Array, dim: int, index: Array, *, sparse_grad: bool = False) -> Array:
    """input with the index along one dimension replaced by the integer at the same place of `index`."""
    dim = _dim(input, dim)
    if input.rank != index.rank:
        raise Unusable("gather: input and index have different numbers of dimensions")
    for i, (own, given) in enumerate(zip(input.shape, index.shape, strict=True)):
        if i != dim and not (own - given).provably_nonnegative():
            raise Unusable(f"gather: an index of size {given} along an axis of size {own}")
    trace.indexes(index, input.shape[dim])

    def at(indices: Indices) -> Term:
        position = position_of(index.at(indices), input.shape[dim])
        return read_at(input, [position if i == dim else x for i, x in enumerate(indices)])

    return Array(index.shape, at, input.sort)


@lifts(torch.take_along_dim, torch.Tensor.take_along_dim)
def take_along_dim(trace: Any, input: Array, indices: Array, dim: int | None = None) -> Array:
    """gather after broadcasting the other dimensions."""
    if dim is None:
        raise Unsupported("take_along_dim without dim")
    dim = _dim(input, dim)
    shapes = [[s for i, s in enumerate(a.shape) if i != dim] for a in (input, indices)]
    common = list(broadcast(shapes))

    def wide(array: Array) -> Array:
        shape = [*common[:dim], array.shape[dim], *common[dim:]]
        return Array(shape, lambda i: aligned(array, i) if array.shape[dim] != Size(1) else _one(array, i), array.sort)

    def _one(array: Array, i: Indices) -> Term:
        return array.at([x if s != Size(1) else ZERO for s, x in zip(array.shape, i, strict=True)])

    return gather(trace, wide(input), dim, wide(indices))


@lifts(torch.index_select, torch.Tensor.index_select)
def index_select(trace: Any, input: Array, dim: int, index: Array) -> Array:
    """input at the integers of `index` along one dimension."""
    dim = _dim(input, dim)
    if index.rank > 1:
        raise Unusable("index_select: the index has more than one dimension")
    flat = index if index.rank else Array((1,), lambda _: index.at(()), INT)
    return get_item(trace, input, (*[slice(None)] * dim, flat))


@lifts(F.embedding)
def embedding(
    trace: Any,
    input: Array,
    weight: Array,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Array:
    """Rows of `weight` at the integers of `input`."""
    if max_norm is not None:
        raise Unsupported("embedding with max_norm changes its weight")
    if input.sort != INT:
        raise Unusable("embedding of numbers that are not integers")
    return get_item(trace, weight, (input,))


@lifts(F.one_hot)
def one_hot(trace: Any, tensor: Array, num_classes: Any = -1) -> Array:
    """1 where the class is the integer, else 0."""
    if isinstance(num_classes, int) and num_classes < 0:
        raise Unsupported("one_hot without num_classes: the size depends on data")
    size = Size.of(num_classes)
    trace.indexes(tensor, size)

    def at(indices: Indices) -> Term:
        return indicator(eq(tensor.at(indices[:-1]), indices[-1]))

    return Array((*tensor.shape, size), at, INT)


@lifts(torch.scatter, torch.Tensor.scatter)
def scatter(
    trace: Any, input: Array, dim: int, index: Array, src: Any = None, *, value: Any = None, reduce: Any = None
) -> Array:
    """input with entries at integers along one dimension replaced; by one number where a row has several integers."""
    dim = _dim(input, dim)
    if reduce is not None or input.rank != index.rank:
        raise Unsupported("scatter that reduces, or with an index of another rank")
    if any(a != b for i, (a, b) in enumerate(zip(input.shape, index.shape, strict=True)) if i != dim):
        raise Unsupported("scatter of fewer rows than there are")
    trace.indexes(index, input.shape[dim])
    source = value_array(trace, value if src is None else src, input.sort)
    if index.shape[dim] != Size(1):
        return _filled_at(trace, input, dim, index, source)

    def at(indices: Indices) -> Term:
        row = tuple(ZERO if i == dim else x for i, x in enumerate(indices))
        hit = eq(index.at(row), indices[dim])
        return choose(hit, lambda: source.at(row if source.rank else ()), lambda: input.at(indices))

    return Array(input.shape, at, input.sort)


def _filled_at(trace: Any, input: Array, dim: int, index: Array, source: Array) -> Array:
    """input with one number at each place that an integer of its row names."""
    if source.rank:
        raise Unsupported("scatter of several numbers a row, of which more than one may go to one place")

    def hit(indices: Indices) -> Term:
        row = (*indices[:dim], indices[-1], *indices[dim + 1 : -1])
        return indicator(eq(index.at(row), indices[dim]))

    hits = summed(trace, input.shape, [index.shape[dim]], hit)
    return Array(
        input.shape,
        lambda i: choose(lt(ZERO, hits.at(i)), lambda: source.at(()), lambda: input.at(i)),
        input.sort,
    )


@lifts(torch.scatter_add, torch.Tensor.scatter_add)
def scatter_add(trace: Any, input: Array, dim: int, index: Array, src: Array) -> Array:
    """input with the numbers of `src` added at integers along one dimension, several at one place too."""
    dim = _dim(input, dim)
    if input.rank != index.rank or src.rank != index.rank:
        raise Unusable("scatter_add: input, index and src have different numbers of dimensions")
    if any(a != b for i, (a, b) in enumerate(zip(input.shape, index.shape, strict=True)) if i != dim):
        raise Unsupported("scatter_add of fewer rows than there are")
    return _added(trace, input, dim, index.shape[dim], index, src)


@lifts(torch.index_add, torch.Tensor.index_add)
def index_add(trace: Any, input: Array, dim: int, index: Array, source: Array, *, alpha: Any = 1) -> Array:
    """input with alpha times the slices of `source` added at integers along one dimension, several at one place too."""
    dim = _dim(input, dim)
    if index.rank != 1 or source.rank != input.rank:
        raise Unusable("index_add: the index has one dimension, the source as many as the input")
    wide = Array([index.shape[0] if i == dim else s for i, s in enumerate(input.shape)], lambda i: index.at((i[dim],)), INT)
    factor = trace.number(alpha)
    times = Array(source.shape, lambda i: scaled(factor, source.at(i)), source.sort)
    return _added(trace, input, dim, index.shape[0], wide, times)


def _added(trace: Any, input: Array, dim: int, count: Size, index: Array, source: Array) -> Array:
    """input plus, at each place, the sum of the numbers whose index is that place."""
    trace.indexes(index, input.shape[dim])

    def part(indices: Indices) -> Term:
        row = (*indices[:dim], indices[-1], *indices[dim + 1 : -1])
        hit = eq(position_of(index.at(row), input.shape[dim]), indices[dim])
        return choose(hit, lambda: source.at(row), lambda: ZERO)

    total = summed(trace, input.shape, [count], part)
    return Array(input.shape, lambda i: add(input.at(i), total.at(i)), input.sort)
