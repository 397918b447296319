"""Softmax and its kin, which stay visible by name where they run over whole axes.

Where a program cuts the dimension into blocks, or reads it at an index that is not an axis, the definition takes their place.
To add here: a normalised exponential.  Never here: how softmax is streamed (that is a law).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import Any

from commute.lowering.arrays import Array, Indices, Layouts, reduction
from commute.lowering.registry import Unsupported
from commute.lowering.torch_args import (
    dimension,
    dimensions,
    everywhere,
    floating,
    kept,
    mapped,
    numeric,
    numpy_names,
)
from commute.theory.axes import Axis, Size
from commute.theory.index import simplify
from commute.theory.ops import add, composite, div, exp, log, mul, neg, sub
from commute.theory.terms import ZERO, Term, index, size_value


def own_axes(layouts: Layouts, size: Size, position: Term, others: Iterable[Term]) -> tuple[Axis, ...] | None:
    """The axes that `position` runs over, where they are the whole of range(size) and no other index has them."""
    blocks = layouts.blocks(size)
    if len(blocks) != 1:
        return None
    atoms = blocks[0].atoms
    taken = frozenset().union(*(o.free for o in others))
    if len(position.free) != len(atoms) or position.free & taken:
        return None
    for axes in permutations(sorted(position.free, key=lambda a: a.key)):
        if all(a.size == n for a, (_, n) in zip(axes, atoms, strict=True)):
            if simplify(_position(axes, atoms)) is position:
                return axes
    return None


def _position(axes: Sequence[Axis], atoms: Sequence[tuple[Size, Size]]) -> Term:
    total: Term = ZERO
    for axis, (stride, _) in zip(axes, atoms, strict=True):
        total = add(total, mul(size_value(stride), index(axis)))
    return total


def logsumexp_over(trace: Any, array: Array, dims: Sequence[int]) -> Array:
    """log sum exp over some dimensions, which are removed."""
    layouts: Layouts = trace.layouts
    keep = [i for i in range(array.rank) if i not in dims]
    exponentials = mapped(exp, array)
    total = reduction(layouts, "sum", exponentials, dims)

    def at(indices: Indices) -> Term:
        if any(len(layouts.blocks(array.shape[d])) != 1 for d in dims):
            return log(total.at(indices))
        taken = set().union(*(i.free for i in indices)) if indices else set()
        positions: dict[int, Term] = dict(zip(keep, indices, strict=True))
        axes: list[Axis] = []
        for d in dims:
            ((positions[d], new),) = layouts.walk(array.shape[d], {*taken, *axes})
            axes += new
        if not axes:
            return log(total.at(indices))
        return composite("logsumexp", array.at([positions[i] for i in range(array.rank)]), axes=tuple(axes))

    return Array([array.shape[i] for i in keep], at)


@everywhere("logsumexp")
def logsumexp(trace: Any, input: Array, dim: Any = None, keepdim: bool = False, *, out: Any = None, **names: Any) -> Array:
    """log of the sum of exp over one dimension or several."""
    names = numpy_names(names)
    dims = dimensions(input, names.get("dim", dim))
    result = logsumexp_over(trace, numeric(input), dims)
    return kept(result, dims) if names.get("keepdim", keepdim) else result


def softmax_of(trace: Any, array: Array, dim: int) -> Array:
    """exp(x) / sum of exp(x) along `dim`."""
    layouts: Layouts = trace.layouts
    exponentials = mapped(exp, array)
    if array.rank == 0:
        return Array((), lambda idx: div(exponentials.at(idx), exponentials.at(idx)))
    below = reduction(layouts, "sum", exponentials, (dim,))

    def at(indices: Indices) -> Term:
        others = [*indices[:dim], *indices[dim + 1 :]]
        axes = own_axes(layouts, array.shape[dim], indices[dim], others)
        if axes:
            return composite("softmax", array.at(indices), axes=axes)
        return div(exponentials.at(indices), below.at(others))

    return Array(array.shape, at)


def log_softmax_of(trace: Any, array: Array, dim: int) -> Array:
    """x - log of the sum of exp(x) along `dim`."""
    layouts: Layouts = trace.layouts
    if array.rank == 0:
        return mapped(lambda t: sub(t, log(exp(t))), array)
    below = logsumexp_over(trace, array, (dim,))

    def at(indices: Indices) -> Term:
        others = [*indices[:dim], *indices[dim + 1 :]]
        axes = own_axes(layouts, array.shape[dim], indices[dim], others)
        if axes:
            return composite("log_softmax", array.at(indices), axes=axes)
        return sub(array.at(indices), below.at(others))

    return Array(array.shape, at)


def _options(array: Array, options: tuple[Any, ...], names: dict[str, Any]) -> tuple[Array, int]:
    """The array and the dimension, from (dim, dtype) or F's (dim, _stacklevel, dtype); F's implicit dim is Torch's own."""
    names = numpy_names(names)
    given = [names.pop("dim")] if "dim" in names else list(options[:1])
    dtype = names.get("dtype", next((o for o in options[1:] if hasattr(o, "is_floating_point")), None))
    floating(array, dtype)
    if not given or given[0] is None:
        given = [0 if array.rank in (0, 1, 3) else 1]
    if not isinstance(given[0], int | Size):
        raise Unsupported(f"dim={given[0]}")
    return numeric(array), dimension(array, given[0])


@everywhere("softmax")
def softmax(trace: Any, input: Array, *options: Any, **names: Any) -> Array:
    """exp(x) / sum of exp(x) along a dimension."""
    return softmax_of(trace, *_options(input, options, names))


@everywhere("log_softmax")
def log_softmax(trace: Any, input: Array, *options: Any, **names: Any) -> Array:
    """x - log of the sum of exp(x) along a dimension."""
    return log_softmax_of(trace, *_options(input, options, names))


@everywhere("softmin")
def softmin(trace: Any, input: Array, *options: Any, **names: Any) -> Array:
    """The softmax of -x."""
    array, dim = _options(input, options, names)
    return softmax_of(trace, mapped(neg, array), dim)
