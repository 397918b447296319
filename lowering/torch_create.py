"""Tensors made from nothing: zeros, ones, full, arange, eye, masks of triangles, grids, constants.

`torch.zeros(3, 4)` has no symbolic argument, so the tracer stands in for these names while a program runs (`patching.py`).
To add here: an operator whose result doesn't depend on data.  Never here: random ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from commute.lowering.arrays import Array
from commute.lowering.made import constant_array, filled, listed, truth_or
from commute.lowering.paths import divide
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_join import joined
from commute.lowering.torch_select import cast
from commute.lowering.torch_shape import unsqueeze
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import add, eq, indicator, mul
from commute.theory.terms import BOOL, FALSE, INT, REAL, TRUE, ZERO, Term, size_value


def sizes_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Size]:
    """A shape given one by one, as one sequence, or by keyword."""
    given = args or (kwargs.get("size", kwargs.get("shape", ())),)
    first = given[0]
    values = first if len(given) == 1 and isinstance(first, tuple | list) else given
    return [Size.of(v) for v in values]


def uniform(trace: Any, shape: Sequence[Size], value: Any, dtype: Any) -> Array:
    """One number everywhere, in the dtype that was asked for, or else that of the number."""
    if isinstance(value, Array):
        value = value.at((ZERO,) * value.rank)
    if dtype == torch.bool:
        return filled(shape, TRUE if value else FALSE, BOOL)
    if isinstance(value, bool) and dtype is None:
        return filled(shape, TRUE if value else FALSE, BOOL)
    whole = isinstance(value, int | Size) if dtype is None else not dtype.is_floating_point
    if whole and isinstance(value, float):
        raise Unsupported("a float made an integer")
    return filled(shape, trace.number(value), INT if whole else REAL)


def _default(dtype: Any) -> Any:
    return dtype or torch.get_default_dtype()


@lifts(torch.zeros)
def zeros(trace: Any, *size: Any, dtype: Any = None, **kwargs: Any) -> Array:
    """0 everywhere."""
    return uniform(trace, sizes_of(size, kwargs), 0, _default(dtype))


@lifts(torch.ones)
def ones(trace: Any, *size: Any, dtype: Any = None, **kwargs: Any) -> Array:
    """1 everywhere."""
    return uniform(trace, sizes_of(size, kwargs), 1, _default(dtype))


@lifts(torch.empty)
def empty(trace: Any, *size: Any, dtype: Any = None, **kwargs: Any) -> Array:
    """Memory that must be written before it is read: an error where it isn't."""
    return unwritten(sizes_of(size, kwargs), _default(dtype))


def unwritten(shape: Sequence[Size], dtype: torch.dtype) -> Array:
    """An array that may not be read."""

    def at(_: Any) -> Term:
        raise Unsupported("a tensor made by empty() is read where it was not written")

    return Array(shape, at, REAL if dtype.is_floating_point else BOOL if dtype == torch.bool else INT)


@lifts(torch.full)
def full(trace: Any, size: Any, fill_value: Any, *, dtype: Any = None, **kwargs: Any) -> Array:
    """One number everywhere."""
    return uniform(trace, [Size.of(s) for s in size], fill_value, dtype)


_KINDS = {REAL: torch.float64, INT: torch.int64, BOOL: torch.bool}


@lifts(torch.zeros_like)
def zeros_like(trace: Any, input: Array, *, dtype: Any = None, **kwargs: Any) -> Array:
    """0 in the shape of input."""
    return uniform(trace, input.shape, 0, dtype or _KINDS[input.sort])


@lifts(torch.ones_like)
def ones_like(trace: Any, input: Array, *, dtype: Any = None, **kwargs: Any) -> Array:
    """1 in the shape of input."""
    return uniform(trace, input.shape, 1, dtype or _KINDS[input.sort])


@lifts(torch.full_like)
def full_like(trace: Any, input: Array, fill_value: Any, *, dtype: Any = None, **kwargs: Any) -> Array:
    """One number in the shape of input."""
    return uniform(trace, input.shape, fill_value, dtype or _KINDS[input.sort])


@lifts(torch.empty_like)
def empty_like(trace: Any, input: Array, *, dtype: Any = None, **kwargs: Any) -> Array:
    """Memory in the shape of input."""
    return unwritten(input.shape, dtype or _KINDS[input.sort])


@lifts(torch.Tensor.new_zeros)
def new_zeros(trace: Any, input: Array, *size: Any, dtype: Any = None, **kwargs: Any) -> Array:
    """0 everywhere, in the dtype of input."""
    return uniform(trace, sizes_of(size, kwargs), 0, dtype or _KINDS[input.sort])


@lifts(torch.Tensor.new_ones)
def new_ones(trace: Any, input: Array, *size: Any, dtype: Any = None, **kwargs: Any) -> Array:
    """1 everywhere, in the dtype of input."""
    return uniform(trace, sizes_of(size, kwargs), 1, dtype or _KINDS[input.sort])


@lifts(torch.Tensor.new_empty)
def new_empty(trace: Any, input: Array, *size: Any, dtype: Any = None, **kwargs: Any) -> Array:
    """Memory, in the dtype of input."""
    return unwritten(sizes_of(size, kwargs), dtype or _KINDS[input.sort])


@lifts(torch.Tensor.new_full)
def new_full(trace: Any, input: Array, size: Any, fill_value: Any, *, dtype: Any = None, **kwargs: Any) -> Array:
    """One number everywhere, in the dtype of input."""
    return uniform(trace, [Size.of(s) for s in size], fill_value, dtype or _KINDS[input.sort])


@lifts(torch.fill, torch.Tensor.fill_)
def fill(trace: Any, input: Array, value: Any) -> Array:
    """One number in the shape and dtype of input."""
    return uniform(trace, input.shape, value, _KINDS[input.sort])


@lifts(torch.Tensor.zero_)
def zero(trace: Any, input: Array) -> Array:
    """0 in the shape and dtype of input."""
    return uniform(trace, input.shape, 0, _KINDS[input.sort])


@lifts(torch.Tensor.copy_)
def copy(trace: Any, input: Array, src: Array, non_blocking: bool = False) -> Array:
    """src broadcast to the shape of input, in its dtype"""
    from commute.lowering.torch_shape import expanded

    return expanded(cast(trace, src, _KINDS[input.sort]), input.shape)


@lifts(torch.arange)
def arange(trace: Any, start: Any = 0, end: Any = None, step: Any = 1, *, dtype: Any = None, **kwargs: Any) -> Array:
    """start, start + step, ... below end"""
    if end is None:
        start, end = 0, start
    if not all(isinstance(v, int | Size) for v in (start, end, step)):
        raise Unsupported("arange of reals")
    low, high, by = Size.of(start), Size.of(end), Size.of(step)
    if (-by).provably_positive():
        found = divide(low - high - by - 1, -by)
    else:
        found = divide(high - low + by - 1, by)
    if found is None or not found[0].provably_nonnegative():
        raise Unsupported(f"arange from {low} to {high} by {by}: its length isn't known")
    real = dtype is not None and dtype.is_floating_point
    return Array(found[:1], lambda i: simplify(add(size_value(low), mul(size_value(by), i[0]))), REAL if real else INT)


@lifts(torch.linspace)
def linspace(trace: Any, start: Any, end: Any, steps: Any, **kwargs: Any) -> Array:
    """`steps` numbers from start to end, evenly"""
    from commute.lowering.extended import minus, plus, times
    from commute.theory.ops import recip

    count = Size.of(steps)
    low, high = trace.number(start), trace.number(end)
    if not (count - 2).provably_nonnegative():
        raise Unsupported("linspace with fewer than two steps, or a number of them that may be")
    width = recip(size_value(count - 1))
    return Array((count,), lambda i: plus(low, times(times(minus(high, low), width), i[0])))


@lifts(torch.eye)
def eye(trace: Any, n: Any, m: Any = None, *, dtype: Any = None, **kwargs: Any) -> Array:
    """1 on the diagonal, 0 elsewhere"""
    shape = (Size.of(n), Size.of(n if m is None else m))
    same = Array(shape, lambda i: simplify(eq(i[0], i[1])), BOOL)
    if dtype == torch.bool:
        return same
    whole = dtype is not None and not dtype.is_floating_point
    return Array(shape, lambda i: indicator(same.at(i)), INT if whole else REAL)


@lifts(torch.meshgrid)
def meshgrid(trace: Any, *tensors: Any, indexing: str = "ij") -> tuple[Array, ...]:
    """Every tensor along a dimension of its own"""
    arrays = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    if indexing != "ij":
        raise Unsupported(f"meshgrid with indexing={indexing}")
    shape = [a.shape[0] for a in arrays]

    def along(a: Array, d: int) -> Array:
        return Array(shape, lambda i: a.at((i[d],)), a.sort)

    return tuple(along(a, d) for d, a in enumerate(arrays))


@lifts(torch.tensor, torch.scalar_tensor, torch.as_tensor)
def tensor(trace: Any, data: Any, *, dtype: Any = None, **kwargs: Any) -> Array:
    """Numbers in nested lists as a tensor"""
    array = _nested(trace, data)
    return array if dtype is None else cast(trace, array, dtype)


def _nested(trace: Any, data: Any) -> Array:
    if isinstance(data, Array):
        return data
    if isinstance(data, tuple | list):
        if not data:
            return listed([], [Size(0)], REAL)
        if len(data) > 64:
            raise Unsupported(f"a constant tensor of {len(data)} rows: make it an argument")
        rows = [unsqueeze(trace, _nested(trace, d), 0) for d in data]
        sort = REAL if any(r.sort == REAL for r in rows) else rows[0].sort
        if all(r.rank == 1 for r in rows):
            return listed([r.at((ZERO,)) for r in rows], [Size(len(rows))], sort)
        return Array(*_joined(trace, rows), sort)
    if isinstance(data, torch.Tensor):
        return constant_array(data, trace.number)
    if isinstance(data, Term):
        return filled((), data, REAL)
    if not isinstance(data, bool | int | float | Size):
        raise Unusable(f"torch.tensor of {type(data).__name__}")
    sort = BOOL if isinstance(data, bool) else INT if isinstance(data, int | Size) else REAL
    return filled((), truth_or(trace.number, data), sort)


def _joined(trace: Any, rows: Sequence[Array]) -> tuple[Any, Any]:
    whole = joined(trace, rows, 0)
    return whole.shape, whole.at
