"""Indexing: `x[...]` and assignment to a part.

A slice or an integer is a change of indices and leaves no trace; its ends are noted as cuts.  An index past the end of an
axis that may be short is a question about sizes, so the program is followed on both sides of it.
To add here: kinds of keys.  Never here: operators that read at computed integers (`torch_index.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from commute.lowering.arrays import Array, Indices, aligned, broadcast
from commute.lowering.made import choose, filled, listed
from commute.lowering.paths import Question, divide
from commute.lowering.positions import position_of, read_at
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import add, eq, floordiv, indicator, land, lt, mod, mul, sub
from commute.theory.terms import BOOL, INT, REAL, TRUE, ZERO, Term, const, size_value


@dataclass(frozen=True)
class Point:
    """One position of a dimension, which is gone from the result."""

    dim: int
    position: Size


@dataclass(frozen=True)
class Span:
    """Positions start, start + step, ... of a dimension."""

    dim: int
    start: Size
    length: Size
    step: Size = Size(1)


@dataclass(frozen=True)
class At:
    """Positions of a dimension that an integer array names."""

    dim: int
    where: Array


@dataclass(frozen=True)
class New:
    """A new dimension of size 1."""


Pick = Point | Span | At | New


def at_least(trace: Any, size: Size, low: Size | int) -> bool:
    """Whether size >= low, on this path."""
    low = Size.of(low)
    return trace.ask(Question("nonnegative", size - low, f"{size} >= {low}", f"{size} < {low}"))


def point(trace: Any, size: Size, index: int | Size) -> Size:
    """An index counted from the front; Unusable where it is outside."""
    given = Size.of(index)
    if not at_least(trace, given, 0):
        given = given + size
    if not at_least(trace, given, 0) or not at_least(trace, size - 1, given):
        raise Unusable(f"index {index} is out of range for an axis of size {size}")
    return given


def span(trace: Any, dim: int, size: Size, key: slice) -> Span:
    """A slice as start, length and step, its ends noted as cuts of the size."""
    if isinstance(key.step, Array | Term):
        raise Unsupported("a slice whose step depends on data")
    step = Size(1) if key.step is None else Size.of(key.step)
    if not step.provably_positive():
        raise Unusable(f"a slice by steps of {step}: step must be greater than zero")
    start, stop = (_end(trace, size, e, d) for e, d in ((key.start, Size(0)), (key.stop, size)))
    if not at_least(trace, stop, start):
        stop = start
    length = stop - start
    if length.terms and not at_least(trace, length, 1):
        length = Size(0)
    rounds = size.divided_by(step)
    if step != Size(1) and rounds is not None and start.constant is not None and start.constant < (step.constant or 0):
        trace.layouts.factor(size, (rounds, step))
        trace.layouts.cut(step, start)
        trace.layouts.cut(step, start + 1)
    else:
        trace.layouts.cut(size, start)
        trace.layouts.cut(size, stop)
    if step == Size(1) or not length.terms:
        return Span(dim, start, length)
    found = divide(length + (step - 1), step)
    if found is None:
        raise Unsupported(f"a slice of {length} by steps of {step}: annotate the axis as a multiple of {step}")
    whole = length.divided_by(step)
    if whole is not None and whole.provably_positive():
        trace.layouts.factor(length, (whole, step))
    return Span(dim, start, found[0], step)


def _end(trace: Any, size: Size, end: Any, default: Size) -> Size:
    if end is None:
        return default
    if isinstance(end, Array | Term):
        raise Unsupported("a slice whose end depends on data")
    given = Size.of(end)
    if not at_least(trace, given, 0):
        given = given + size
        if not at_least(trace, given, 0):
            return Size(0)
    return given if at_least(trace, size, given) else size


def writable(key: Any) -> bool:
    """Whether x[key] is a view of x: no index arrays, masks or lists."""
    parts = key if isinstance(key, tuple) else (key,)
    return not any(isinstance(p, Array | list) for p in parts)


def picks(trace: Any, array: Array, key: Any) -> list[Pick]:
    """What each part of a key picks, with all dimensions spelled out."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if any(isinstance(p, bool) for p in parts):
        raise Unsupported("an index True or False")
    used = sum(_width(p) for p in parts)
    if used > array.rank:
        raise Unusable(f"{used} indices for a tensor of {array.rank} dimensions")
    rest: list[Any] = [slice(None)] * (array.rank - used)
    dots = [i for i, p in enumerate(parts) if p is Ellipsis]
    if len(dots) > 1:
        raise Unusable("an index with two ellipses")
    parts = [*parts[: dots[0]], *rest, *parts[dots[0] + 1 :]] if dots else [*parts, *rest]
    result: list[Pick] = []
    dim = 0
    for part in parts:
        result.append(_pick(trace, array, dim, part))
        dim += _width(part)
    return result


def _width(part: Any) -> int:
    return 0 if part is None or part is Ellipsis else part.rank if isinstance(part, Array) and part.sort == BOOL else 1


def _pick(trace: Any, array: Array, dim: int, part: Any) -> Pick:
    if part is None:
        return New()
    size = array.shape[dim]
    if isinstance(part, slice):
        return span(trace, dim, size, part)
    if isinstance(part, int | Size):
        position = point(trace, size, part)
        trace.layouts.cut(size, position)
        trace.layouts.cut(size, position + 1)
        return Point(dim, position)
    if isinstance(part, list | tuple):
        part = _integers(trace, part)
    if isinstance(part, Array) and part.sort == INT:
        trace.indexes(part, size)
        return At(dim, part)
    if isinstance(part, Array) and part.sort == BOOL:
        raise Unsupported("a boolean mask as an index: the size of its result depends on data")
    raise Unsupported(f"an index of type {type(part).__name__}")


def _integers(trace: Any, values: Sequence[Any]) -> Array:
    if not all(isinstance(v, int | Size) and not isinstance(v, bool) for v in values):
        raise Unsupported("a list of anything but integers as an index")
    return listed([size_value(v) for v in values], [Size(len(values))], INT)


@lifts(torch.Tensor.__getitem__)
def get_item(trace: Any, array: Array, key: Any) -> Array:
    """array[key]"""
    chosen = picks(trace, array, key)
    arrays = [p for p in chosen if isinstance(p, At)]
    common = broadcast([p.where.shape for p in arrays])
    places = [i for i, p in enumerate(q for q in chosen if not isinstance(q, Point)) if isinstance(p, At)]
    together = not places or places[-1] - places[0] == len(places) - 1
    front = places[0] if places and together else 0
    kept = [p for p in chosen if isinstance(p, Span | New)]
    sizes = [p.length if isinstance(p, Span) else Size(1) for p in kept]
    shape = [*sizes[:front], *common, *sizes[front:]]

    def at(indices: Indices) -> Term:
        own = indices[front : front + len(common)]
        rest = iter([*indices[:front], *indices[front + len(common) :]])
        result: list[Term] = [ZERO] * array.rank
        for p in chosen:
            if isinstance(p, New):
                next(rest)
            elif isinstance(p, Point):
                result[p.dim] = size_value(p.position)
            elif isinstance(p, Span):
                result[p.dim] = add(size_value(p.start), mul(size_value(p.step), next(rest)))
            else:
                result[p.dim] = position_of(aligned(p.where, own), array.shape[p.dim])
        return read_at(array, result) if arrays else array.at(result)

    return Array(shape, at, array.sort)


def value_array(trace: Any, value: Any, sort: str) -> Array:
    """What is assigned, as an array of the sort of the target."""
    if isinstance(value, Array):
        if sort == INT and value.sort == REAL or sort == BOOL and value.sort != BOOL:
            raise Unsupported(f"{value.sort} values put into a tensor of {sort}")
        return value if sort == BOOL or value.sort != BOOL else Array(value.shape, lambda i: indicator(value.at(i)), sort)
    if sort == BOOL:
        if not isinstance(value, bool):
            raise Unsupported("numbers put into a tensor of truth values")
        return filled((), eq(ZERO, const(0 if value else 1)), BOOL)
    return filled((), trace.number(value), sort)


def set_item(trace: Any, array: Array, key: Any, value: Any) -> Array:
    """The array after array[key] = value."""
    source = value_array(trace, value, array.sort)
    if isinstance(key, Array) and key.sort == BOOL:
        return _masked(array, key, source)
    chosen = picks(trace, array, key)
    if any(isinstance(p, At) and p.where.rank for p in chosen):
        return _scattered(array, chosen, source)
    sizes = [p.length if isinstance(p, Span) else Size(1) for p in chosen if not isinstance(p, Point | At)]
    source = _fitting(source, sizes)

    def at(indices: Indices) -> Term:
        condition, inner = TRUE, []
        for p in chosen:
            if isinstance(p, New):
                inner.append(ZERO)
            elif isinstance(p, Point):
                condition = simplify(land(condition, eq(indices[p.dim], size_value(p.position))))
            elif isinstance(p, At):
                place = position_of(p.where.at(()), array.shape[p.dim])
                condition = simplify(land(condition, eq(indices[p.dim], place)))
            elif isinstance(p, Span):
                inside, position = _within(p, array.shape[p.dim], indices[p.dim])
                condition = simplify(land(condition, inside))
                inner.append(position)
        return choose(condition, lambda: aligned(source, tuple(inner)), lambda: array.at(indices))

    return Array(array.shape, at, array.sort)


def _fitting(source: Array, sizes: Sequence[Size]) -> Array:
    """What is assigned, without leading dimensions of size 1 that the target lacks; Unusable where it doesn't fit."""
    extra = source.rank - len(sizes)
    if extra > 0:
        if any(s != Size(1) for s in source.shape[:extra]):
            raise Unusable(f"a value of {source.rank} dimensions assigned to {len(sizes)}")
        inner, lead = source, (ZERO,) * extra
        source = Array(source.shape[extra:], lambda i: inner.at((*lead, *i)), source.sort)
    for own, target in zip(reversed(source.shape), reversed(sizes), strict=False):
        if own not in (target, Size(1)):
            raise Unusable(f"a value of size {own} assigned to a part of size {target}")
    return source


def _within(p: Span, size: Size, index: Term) -> tuple[Term, Term]:
    """Whether an index of the whole is in the span, and where in the span it is."""
    offset = simplify(sub(index, size_value(p.start)))
    end = p.start + (p.length - 1) * p.step + 1
    low = TRUE if p.start == Size(0) else lt(size_value(p.start - 1), index)
    high = TRUE if end == size else lt(index, size_value(end))
    condition = land(low, high)
    if p.step == Size(1):
        return condition, offset
    step = size_value(p.step)
    return land(condition, eq(mod(offset, step), ZERO)), simplify(floordiv(offset, step))


def _masked(array: Array, mask: Array, source: Array) -> Array:
    """Where a mask over the leading dimensions holds, one number."""
    if mask.shape != array.shape[: mask.rank]:
        raise Unusable("a mask of another shape than the tensor")
    if source.rank and any(s != Size(1) for s in source.shape):
        raise Unsupported("several values assigned by a boolean mask: where they go depends on data")
    zeros = (ZERO,) * source.rank

    def at(indices: Indices) -> Term:
        return choose(mask.at(indices[: mask.rank]), lambda: source.at(zeros), lambda: array.at(indices))

    return Array(array.shape, at, array.sort)


def _scattered(array: Array, chosen: Sequence[Pick], source: Array) -> Array:
    """Assignment at index arrays, one of which counts its own dimension: every entry is written at most once."""
    arrays = [p for p in chosen if isinstance(p, At)]
    common = broadcast([p.where.shape for p in arrays])
    if len(common) != 1 or not all(isinstance(p, At) or _whole(p, array) for p in chosen):
        raise Unsupported("assignment at index arrays of several dimensions, or mixed with slices")
    kept = [p for p in chosen if isinstance(p, Span)]
    if kept and isinstance(chosen[0], Span):
        raise Unsupported("assignment at index arrays after a slice")
    source = _fitting(source, [*common, *(p.length for p in kept)])

    def at(indices: Indices) -> Term:
        for p in arrays:
            row = indices[p.dim]
            if array.shape[p.dim] == common[0] and simplify(aligned(p.where, (row,))) is simplify(row):
                break
        else:
            raise Unsupported("assignment at index arrays, where one entry may be written twice")
        condition = TRUE
        for p in arrays:
            position = position_of(aligned(p.where, (row,)), array.shape[p.dim])
            condition = simplify(land(condition, eq(position, indices[p.dim])))
        inner = (row, *(indices[p.dim] for p in kept))
        return choose(condition, lambda: aligned(source, inner), lambda: array.at(indices))

    return Array(array.shape, at, array.sort)


def _whole(p: Pick, array: Array) -> bool:
    return isinstance(p, Span) and p.start == Size(0) and p.length == array.shape[p.dim]
