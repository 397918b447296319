"""Views of all numbers: reshapes, permutes, expands, repeats.

None of them computes: each is a change of indices, noted in the layouts where a size is cut or factored.
To add here: an operator that only moves numbers.  Never here: indexing, joins and parts (`torch_join.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from commute.lowering.arrays import Array, Indices, aligned, reshaped
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import dimension, everywhere
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import floordiv, mod
from commute.theory.terms import ZERO, Term, size_value

ONE_SIZE = Size(1)


def listed(args: tuple[Any, ...], name: str, kwargs: dict[str, Any]) -> list[Any]:
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
    sizes = listed(args, "shape" if "shape" in kwargs else "size", kwargs)
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
    dims = [dimension(input, d) for d in listed(args, "dims", kwargs)]
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
    sizes = listed(args, "shape" if "shape" in kwargs else "size", kwargs)
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
    counts = [Size.of(c) for c in listed(args, "dims" if "dims" in kwargs else "repeats", kwargs)]
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
