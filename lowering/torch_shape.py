"""Moving, cutting and joining dimensions: views, permutes, expands, cats, splits, triangles, diagonals.

None of them computes: each is a change of indices, noted in the layouts where a size is cut or factored.
To add here: an operator that only moves numbers.  Never here: integer-array indexing (`torch_index.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from commute.lowering.arrays import Array, Indices, aligned, reshaped
from commute.lowering.made import choose
from commute.lowering.paths import divide
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import dimension, everywhere
from commute.lowering.torch_index import get_item
from commute.lowering.torch_select import cast
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import add, eq, floordiv, le, lt, mod, sub
from commute.theory.terms import BOOL, FALSE, INT, REAL, ZERO, Term, const, size_value

ONE_SIZE = Size(1)


def _listed(args: tuple[Any, ...], name: str, kwargs: dict[str, Any]) -> list[Any]:
    """Sizes or dimensions given one by one, as one sequence, or by keyword."""
    if not args:
        args = (kwargs.pop(name),)
    first = args[0]
    return list(first) if len(args) == 1 and isinstance(first, tuple | list) else list(args)


def _product(sizes: Sequence[Size]) -> Size:
    whole = ONE_SIZE
    for s in sizes:
        whole = whole * s
    return whole


# --- views -----------------------------------------------------------------------------------------------------------


def inferred(whole: Size, sizes: Sequence[Any]) -> list[Size]:
    """Sizes with the one that is -1 filled in."""
    known = [Size.of(s) for s in sizes if not (isinstance(s, int) and s == -1)]
    if len(known) == len(sizes):
        return known
    if len(known) < len(sizes) - 1:
        raise Unusable("only one size may be -1")
    rest = whole.divided_by(_product(known))
    if rest is None:
        raise Unusable(f"{whole} elements are not a multiple of {_product(known)}: say so in the annotation")
    return [rest if isinstance(s, int) and s == -1 else Size.of(s) for s in sizes]


@lifts(torch.reshape, torch.Tensor.reshape, torch.Tensor.view)
def reshape(trace: Any, input: Array, *args: Any, **kwargs: Any) -> Array:
    """The numbers in row-major order in another shape."""
    if args and isinstance(args[0], torch.dtype):
        raise Unsupported("view as another dtype")
    sizes = _listed(args, "shape" if "shape" in kwargs else "size", kwargs)
    return reshaped(trace.layouts, input, inferred(_product(input.shape), sizes))


@lifts(torch.Tensor.view_as, torch.Tensor.reshape_as)
def view_as(trace: Any, input: Array, other: Array) -> Array:
    """input in the shape of other"""
    return reshaped(trace.layouts, input, other.shape)


@everywhere("flatten")
def flatten(trace: Any, input: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    """A run of dimensions as one."""
    if not input.rank:
        return reshaped(trace.layouts, input, [ONE_SIZE])
    a, b = dimension(input, start_dim), dimension(input, end_dim)
    if a > b:
        raise Unusable("flatten: start_dim comes after end_dim")
    return reshaped(trace.layouts, input, [*input.shape[:a], _product(input.shape[a : b + 1]), *input.shape[b + 1 :]])


@everywhere("ravel")
def ravel(trace: Any, input: Array) -> Array:
    """All dimensions as one."""
    return flatten(trace, input)


@everywhere("unflatten")
def unflatten(trace: Any, input: Array, dim: int, sizes: Sequence[Any]) -> Array:
    """One dimension as several."""
    d = dimension(input, dim)
    parts = inferred(input.shape[d], list(sizes))
    return reshaped(trace.layouts, input, [*input.shape[:d], *parts, *input.shape[d + 1 :]])


def permuted(input: Array, dims: Sequence[int]) -> Array:
    """Dimension dims[i] of input as dimension i."""
    back = [dims.index(i) for i in range(input.rank)]
    return Array([input.shape[d] for d in dims], lambda i: input.at([i[b] for b in back]), input.sort)


@everywhere("permute")
def permute(trace: Any, input: Array, *args: Any, **kwargs: Any) -> Array:
    """The dimensions in another order."""
    dims = [dimension(input, d) for d in _listed(args, "dims", kwargs)]
    if sorted(dims) != list(range(input.rank)):
        raise Unusable(f"permute: {tuple(dims)} is not an order of {input.rank} dimensions")
    return permuted(input, dims)


@everywhere("transpose", "swapaxes", "swapdims")
def transpose(trace: Any, input: Array, *args: Any, **kwargs: Any) -> Array:
    """Two dimensions exchanged."""
    first, second = (*args, *kwargs.values())
    a, b = dimension(input, first), dimension(input, second)
    order = list(range(input.rank))
    order[a], order[b] = b, a
    return permuted(input, order) if input.rank else input


@everywhere("t")
def t(trace: Any, input: Array) -> Array:
    """A matrix transposed; a vector as it is."""
    if input.rank > 2:
        raise Unusable("t: more than two dimensions")
    return permuted(input, list(reversed(range(input.rank))))


@everywhere("adjoint")
def adjoint(trace: Any, input: Array) -> Array:
    """The last two dimensions exchanged."""
    return transpose(trace, input, -2, -1)


@everywhere("movedim", "moveaxis")
def movedim(trace: Any, input: Array, source: Any, destination: Any) -> Array:
    """Dimensions moved to other places."""
    froms = [dimension(input, d) for d in (source if isinstance(source, tuple | list) else [source])]
    tos = [dimension(input, d) for d in (destination if isinstance(destination, tuple | list) else [destination])]
    rest = iter([i for i in range(input.rank) if i not in froms])
    return permuted(input, [froms[tos.index(i)] if i in tos else next(rest) for i in range(input.rank)])


@everywhere("squeeze")
def squeeze(trace: Any, input: Array, dim: Any = None) -> Array:
    """Without dimensions of size 1: whether a symbolic size is 1 is a question."""
    listed = dim if isinstance(dim, tuple | list) else [dim]
    named = range(input.rank) if dim is None else [dimension(input, d) for d in listed]
    gone = [d for d in named if d < input.rank and trace.equal(input.shape[d], 1)]
    keep = [i for i in range(input.rank) if i not in gone]

    def at(indices: Indices) -> Term:
        places = dict(zip(keep, indices, strict=True))
        return input.at([places.get(i, ZERO) for i in range(input.rank)])

    return Array([input.shape[i] for i in keep], at, input.sort)


@everywhere("unsqueeze")
def unsqueeze(trace: Any, input: Array, dim: int) -> Array:
    """A new dimension of size 1."""
    d = dimension(input, dim, 1)
    shape = [*input.shape[:d], ONE_SIZE, *input.shape[d:]]
    return Array(shape, lambda i: input.at([*i[:d], *i[d + 1 :]]), input.sort)


def expanded(input: Array, shape: Sequence[Size]) -> Array:
    """input broadcast to a shape."""
    for own, wide in zip(reversed(input.shape), reversed(shape), strict=False):
        if own not in (wide, ONE_SIZE):
            raise Unusable(f"a size of {own} expanded to {wide}")
    if len(shape) < input.rank:
        raise Unusable("expand to fewer dimensions")
    return Array(shape, lambda i: aligned(input, i), input.sort)


@lifts(torch.Tensor.expand, torch.broadcast_to, torch.Tensor.broadcast_to)
def expand(trace: Any, input: Array, *args: Any, **kwargs: Any) -> Array:
    """Dimensions of size 1 repeated; -1 keeps a size."""
    kwargs.pop("implicit", None)
    sizes = _listed(args, "shape" if "shape" in kwargs else "size", kwargs)
    extra = len(sizes) - input.rank
    if extra < 0:
        raise Unusable("expand to fewer dimensions")
    kept = (isinstance(s, int) and s == -1 for s in sizes)
    shape = [input.shape[i - extra] if k else Size.of(sizes[i]) for i, k in enumerate(kept)]
    return expanded(input, shape)


@lifts(torch.Tensor.expand_as)
def expand_as(trace: Any, input: Array, other: Array) -> Array:
    """input broadcast to the shape of other"""
    return expanded(input, other.shape)


@lifts(torch.broadcast_tensors)
def broadcast_tensors(trace: Any, *tensors: Any) -> tuple[Array, ...]:
    """All tensors broadcast to one shape."""
    from commute.lowering.arrays import broadcast

    arrays = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    shape = broadcast([a.shape for a in arrays])
    return tuple(expanded(a, shape) for a in arrays)


@lifts(torch.atleast_1d, torch.atleast_2d)
def atleast(trace: Any, input: Array) -> Array:
    """A number as a row."""
    if input.rank > 1:
        return input
    raise Unsupported("atleast of fewer than two dimensions")


# --- repeats ---------------------------------------------------------------------------------------------------------


@lifts(torch.Tensor.repeat, torch.tile, torch.Tensor.tile)
def repeat(trace: Any, input: Array, *args: Any, **kwargs: Any) -> Array:
    """Whole copies, one after another: index % size."""
    counts = [Size.of(c) for c in _listed(args, "dims" if "dims" in kwargs else "repeats", kwargs)]
    counts = [ONE_SIZE] * (input.rank - len(counts)) + counts
    extra = len(counts) - input.rank
    shape = [ONE_SIZE] * extra + list(input.shape)
    for count, size in zip(counts, shape, strict=True):
        trace.layouts.factor(count * size, (count, size))

    def at(indices: Indices) -> Term:
        own = zip(indices[extra:], input.shape, strict=True)
        return input.at([simplify(mod(i, size_value(s))) for i, s in own])

    return Array([c * s for c, s in zip(counts, shape, strict=True)], at, input.sort)


@everywhere("repeat_interleave")
def repeat_interleave(trace: Any, input: Array, repeats: Any, dim: int | None = None, *, output_size: Any = None) -> Array:
    """Every slice so many times in a row: index // repeats."""
    if isinstance(repeats, Array):
        raise Unsupported("repeat_interleave by a tensor of counts")
    if dim is None:
        input, dim = flatten(trace, input), 0
    d, count = dimension(input, dim), Size.of(repeats)
    size = input.shape[d]
    trace.layouts.factor(size * count, (size, count))

    def at(indices: Indices) -> Term:
        return input.at([simplify(floordiv(i, size_value(count))) if j == d else i for j, i in enumerate(indices)])

    return Array([s * count if j == d else s for j, s in enumerate(input.shape)], at, input.sort)


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


# --- reversals, triangles, diagonals ---------------------------------------------------------------------------------


@everywhere("flip")
def flip(trace: Any, input: Array, *args: Any, **kwargs: Any) -> Array:
    """Dimensions read backwards."""
    dims = [dimension(input, d) for d in _listed(args, "dims", kwargs)]

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

    def at(indices: Indices) -> Term:
        position = simplify(mod(sub(indices[d], size_value(shift)), size_value(size)))
        return input.at([position if j == d else i for j, i in enumerate(indices)])

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
    smaller = rows if trace.equal(rows, columns) or (columns - rows).provably_nonnegative() else columns
    if not (rows - smaller).provably_nonnegative() or not smaller.provably_nonnegative():
        raise Unsupported(f"the diagonal of sizes {input.shape[a]} and {input.shape[b]}, of which either may be smaller")
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
