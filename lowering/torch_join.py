"""Joining and cutting dimensions: cat, stack, split, chunk, narrow, select, unbind.

Every end of a piece is noted as a cut of the size, so that the pieces leave no trace in terms.
To add here: an operator that puts tensors side by side or takes them apart.  Never here: indexing (`indexing.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from commute.lowering.arrays import Array, Indices
from commute.lowering.made import choose
from commute.lowering.paths import divide
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import dimension
from commute.lowering.torch_index import get_item
from commute.lowering.torch_select import cast
from commute.lowering.torch_shape import unsqueeze
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import lt, sub
from commute.theory.terms import BOOL, INT, REAL, Term, size_value

# --- joins -----------------------------------------------------------------------------------------------------------


def joined(trace: Any, arrays: Sequence[Array], d: int) -> Array:
    """Arrays one after another along a dimension; each end is noted as a cut."""
    first = arrays[0]
    for a in arrays[1:]:
        for j, (x, y) in enumerate(zip(first.shape, a.shape, strict=True)):
            if j != d and x != y:
                raise Unusable(f"cat: sizes {x} and {y} differ in dimension {j}")
    ends = [a.shape[d] for a in arrays]
    total = sum(ends[1:], ends[0])
    starts = [sum(ends[:i], Size(0)) for i in range(len(ends))]
    for start in starts[1:]:
        trace.layouts.cut(total, start)
    if len({*ends}) == 1 and len(ends) > 1:
        trace.layouts.factor(total, (Size(len(ends)), ends[0]))

    def at(indices: Indices) -> Term:
        position = indices[d]

        def piece(i: int) -> Term:
            own = simplify(sub(position, size_value(starts[i])))
            return arrays[i].at([own if j == d else x for j, x in enumerate(indices)])

        def go(i: int) -> Term:
            if i == len(arrays) - 1:
                return piece(i)
            return choose(lt(position, size_value(starts[i + 1])), lambda: piece(i), lambda: go(i + 1))

        return go(0)

    sort = _common_sort(arrays)
    return Array([total if j == d else s for j, s in enumerate(first.shape)], at, sort)


def _common_sort(arrays: Sequence[Array]) -> str:
    sorts = {a.sort for a in arrays}
    return REAL if REAL in sorts else INT if INT in sorts else BOOL


def _alike(arrays: Sequence[Array]) -> list[Array]:
    sort = _common_sort(arrays)
    dtype = {REAL: torch.float64, INT: torch.int64, BOOL: torch.bool}[sort]
    return [cast(None, a, dtype) for a in arrays]


@lifts(torch.cat, torch.concat, torch.concatenate)
def cat(trace: Any, tensors: Sequence[Array], dim: int = 0, **kwargs: Any) -> Array:
    """Tensors one after another along a dimension."""
    dim = kwargs.get("axis", dim)
    arrays = [a for a in _alike(tensors) if not (a.rank == 1 and a.shape[0] == Size(0))]
    if not arrays:
        raise Unusable("cat of no tensors")
    if len({a.rank for a in arrays}) != 1:
        raise Unusable("cat: tensors of different numbers of dimensions")
    if not arrays[0].rank:
        raise Unusable("cat of tensors without dimensions")
    d = dimension(arrays[0], dim)
    full = [a for a in arrays if a.shape[d] != Size(0)] or arrays[:1]
    return joined(trace, full, d)


@lifts(torch.stack)
def stack(trace: Any, tensors: Sequence[Array], dim: int = 0) -> Array:
    """Tensors of one shape along a new dimension."""
    arrays = _alike(tensors)
    if any(a.shape != arrays[0].shape for a in arrays):
        raise Unusable("stack: tensors of different shapes")
    d = dimension(arrays[0], dim, 1)
    return joined(trace, [unsqueeze(trace, a, d) for a in arrays], d)


def _stacked(least: int, dim: int) -> Callable[..., Array]:
    def handler(trace: Any, tensors: Sequence[Array]) -> Array:
        wide = []
        for a in tensors:
            if a.rank == 0 or a.rank < least and least > 2:
                raise Unsupported("stacking numbers, or planes in depth")
            wide.append(unsqueeze(trace, a, 0) if a.rank < least else a)
        return cat(trace, wide, dim if wide[0].rank > dim else 0)

    return handler


lifts(torch.vstack, torch.row_stack)(_stacked(2, 0))
lifts(torch.hstack)(_stacked(1, 1))
lifts(torch.dstack)(_stacked(3, 2))


# --- parts -----------------------------------------------------------------------------------------------------------


def part(trace: Any, input: Array, d: int, start: Any, stop: Any) -> Array:
    """Positions start ... stop - 1 of a dimension."""
    return get_item(trace, input, (*[slice(None)] * d, slice(start, stop)))


@lifts(torch.narrow, torch.Tensor.narrow)
def narrow(trace: Any, input: Array, dim: int, start: Any, length: Any) -> Array:
    """A run of positions of a dimension."""
    d = dimension(input, dim)
    if isinstance(start, Array):
        raise Unsupported("narrow from a position that depends on data")
    if isinstance(start, int) and start < 0:
        start = input.shape[d] + start
    return part(trace, input, d, Size.of(start), Size.of(start) + Size.of(length))


@lifts(torch.select, torch.Tensor.select)
def select(trace: Any, input: Array, dim: int, index: Any) -> Array:
    """One position of a dimension."""
    return get_item(trace, input, (*[slice(None)] * dimension(input, dim), index))


@lifts(torch.unbind, torch.Tensor.unbind)
def unbind(trace: Any, input: Array, dim: int = 0) -> tuple[Array, ...]:
    """Every position of a dimension of fixed size."""
    d = dimension(input, dim)
    count = input.shape[d].constant
    if count is None:
        raise Unsupported(f"unbind over axis {input.shape[d]}, which may have any size")
    return tuple(select(trace, input, d, i) for i in range(count))


def runs(trace: Any, input: Array, d: int, lengths: Sequence[Size]) -> tuple[Array, ...]:
    """Consecutive parts of a dimension."""
    result, start = [], Size(0)
    if len(set(lengths)) == 1 and len(lengths) > 1:
        trace.layouts.factor(input.shape[d], (Size(len(lengths)), lengths[0]))
    for length in lengths:
        result.append(part(trace, input, d, start, start + length))
        start = start + length
    return tuple(result)


@lifts(torch.split, torch.Tensor.split, torch.Tensor.split_with_sizes, torch.split_with_sizes)
def split(trace: Any, tensor: Array, split_size_or_sections: Any = None, dim: int = 0, **kwargs: Any) -> tuple[Array, ...]:
    """Parts of one length (the last may be shorter), or of listed lengths."""
    given = kwargs.get("split_size", kwargs.get("split_sizes", split_size_or_sections))
    d = dimension(tensor, dim)
    size = tensor.shape[d]
    if isinstance(given, tuple | list):
        lengths = [Size.of(s) for s in given]
        if sum(lengths, Size(0)) != size:
            raise Unusable(f"split: the parts add up to {sum(lengths, Size(0))}, the axis has size {size}")
        return runs(trace, tensor, d, lengths)
    return runs(trace, tensor, d, _lengths(size, Size.of(given)))


def _lengths(size: Size, each: Size) -> list[Size]:
    found = divide(size, each)
    if found is None or found[0].constant is None:
        raise Unsupported(f"{size} split by {each}: the number of parts isn't fixed; annotate the axis as a multiple of {each}")
    return [each] * found[0].constant + ([found[1]] if found[1].terms else [])


@lifts(torch.chunk, torch.Tensor.chunk)
def chunk(trace: Any, input: Array, chunks: int, dim: int = 0) -> tuple[Array, ...]:
    """So many equal parts (the last shorter, perhaps fewer)."""
    d = dimension(input, dim)
    size = input.shape[d]
    each = size.divided_by(chunks)
    if each is None and size.constant is None:
        raise Unsupported(f"chunk of axis {size} into {chunks}: annotate the axis as a multiple, such as {chunks}*w")
    return runs(trace, input, d, _lengths(size, Size(-(-(size.constant or 0) // chunks)) if each is None else each))


@lifts(torch.tensor_split, torch.Tensor.tensor_split)
def tensor_split(trace: Any, input: Array, indices_or_sections: Any, dim: int = 0) -> tuple[Array, ...]:
    """Parts that end at listed positions, or so many parts whose lengths differ by at most 1."""
    d = dimension(input, dim)
    size = input.shape[d]
    if isinstance(indices_or_sections, tuple | list):
        ends = [None, *indices_or_sections, None]
        return tuple(part(trace, input, d, a, b) for a, b in zip(ends, ends[1:], strict=False))
    each = size.divided_by(indices_or_sections)
    if each is not None:
        return runs(trace, input, d, [each] * indices_or_sections)
    if size.constant is None:
        raise Unsupported(f"{size} split into {indices_or_sections}: annotate the axis as a multiple")
    low, longer = divmod(size.constant, indices_or_sections)
    return runs(trace, input, d, [Size(low + (i < longer)) for i in range(indices_or_sections)])
