"""Reversals, rotations, triangles and diagonals of dimensions.

To add here: an operator that only moves numbers and is no view.  Never here: one that computes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from commute.lowering.arrays import Array, Indices, reshaped
from commute.lowering.made import choose
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.symbols import SymInt
from commute.lowering.torch_args import dimension, everywhere
from commute.lowering.torch_shape import flatten, listed
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import add, eq, le, lt, mod, sub
from commute.theory.terms import BOOL, FALSE, ZERO, Term, const, size_value

# --- reversals, triangles, diagonals ---------------------------------------------------------------------------------


@everywhere("flip")
def flip(trace: Any, input: Array, *args: Any, **kwargs: Any) -> Array:
    """Dimensions read backwards."""
    dims = [dimension(input, d) for d in listed(args, "dims", kwargs)]

    def at(indices: Indices) -> Term:
        turned = [simplify(sub(size_value(input.shape[j] - 1), i)) if j in dims else i for j, i in enumerate(indices)]
        return input.at(turned)

    return Array(input.shape, at, input.sort)


lifts(torch.fliplr, torch.Tensor.fliplr)(lambda trace, input: flip(trace, input, 1))
lifts(torch.flipud, torch.Tensor.flipud)(lambda trace, input: flip(trace, input, 0))


@everywhere("roll")
def roll(trace: Any, input: Array, shifts: Any, dims: Any = None) -> Array:
    """Positions moved on, those at the end to the front."""
    if dims is None or dims == ():
        return reshaped(trace.layouts, roll(trace, flatten(trace, input), shifts, 0), input.shape)
    several = isinstance(dims, tuple | list)
    result = input
    for shift, dim in zip(shifts if isinstance(shifts, tuple | list) else [shifts], dims if several else [dims], strict=True):
        result = _rolled(trace, result, Size.of(shift), dimension(input, dim))
    return result


def _rolled(trace: Any, input: Array, shift: Size, d: int) -> Array:
    size = input.shape[d]
    if size.constant is not None and shift.constant is not None and size.constant:
        shift = Size(shift.constant % size.constant)
    front = shift if shift.provably_nonnegative() else size + shift
    trace.layouts.cut(size, front)
    trace.layouts.cut(size, size - front)

    whole_turn = front.provably_nonnegative() and (size - front).provably_nonnegative()

    def at(indices: Indices) -> Term:
        def put(position: Term) -> Term:
            return input.at([simplify(position) if j == d else i for j, i in enumerate(indices)])

        if not whole_turn:
            return put(mod(sub(indices[d], size_value(shift)), size_value(size)))
        moved = sub(indices[d], size_value(front))
        return choose(lt(indices[d], size_value(front)), lambda: put(add(moved, size_value(size))), lambda: put(moved))

    return Array(input.shape, at, input.sort)


def _triangle(input: Array, keep: Callable[[Term, Term], Term]) -> Array:
    if input.rank < 2:
        raise Unusable("a triangle of fewer than two dimensions")
    zero = FALSE if input.sort == BOOL else ZERO
    return Array(input.shape, lambda i: choose(keep(i[-2], i[-1]), lambda: input.at(i), lambda: zero), input.sort)


@everywhere("tril")
def tril(trace: Any, input: Array, diagonal: Any = 0) -> Array:
    """What lies on or below a diagonal; 0 elsewhere."""
    offset = size_value(Size.of(diagonal))
    return _triangle(input, lambda row, column: le(column, add(row, offset)))


@everywhere("triu")
def triu(trace: Any, input: Array, diagonal: Any = 0) -> Array:
    """What lies on or above a diagonal; 0 elsewhere."""
    offset = size_value(Size.of(diagonal))
    return _triangle(input, lambda row, column: le(add(row, offset), column))


@everywhere("diagonal")
def diagonal(trace: Any, input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    """The diagonal of two dimensions, as the last one."""
    a, b = dimension(input, dim1), dimension(input, dim2)
    rows, columns = input.shape[a], input.shape[b]
    rows, columns = (rows, columns - offset) if offset >= 0 else (rows + offset, columns)
    smaller = rows if trace.equal(rows, columns) or SymInt(rows) <= SymInt(columns) else columns
    if not smaller.provably_nonnegative():
        raise Unsupported(f"the diagonal of sizes {input.shape[a]} and {input.shape[b]}, which may be empty")
    keep = [i for i in range(input.rank) if i not in (a, b)]

    def at(indices: Indices) -> Term:
        places = dict(zip(keep, indices[:-1], strict=True))
        places[a] = add(indices[-1], const(max(-offset, 0)))
        places[b] = add(indices[-1], const(max(offset, 0)))
        return input.at([places[i] for i in range(input.rank)])

    return Array([*(input.shape[i] for i in keep), smaller], at, input.sort)


@everywhere("diag_embed")
def diag_embed(trace: Any, input: Array) -> Array:
    """The last dimension on the diagonal of a square, 0 elsewhere."""
    zero = FALSE if input.sort == BOOL else ZERO

    def at(indices: Indices) -> Term:
        return choose(eq(indices[-2], indices[-1]), lambda: input.at(indices[:-1]), lambda: zero)

    return Array([*input.shape, input.shape[-1]], at, input.sort)


@everywhere("diag")
def diag(trace: Any, input: Array, diagonal: int = 0) -> Array:
    """The diagonal of a matrix, or the matrix of a diagonal."""
    if input.rank == 2:
        return globals()["diagonal"](trace, input, diagonal)
    if input.rank != 1 or diagonal:
        raise Unsupported("diag beside the main diagonal")
    return diag_embed(trace, input)
