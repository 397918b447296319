"""How Torch's arguments are read: dimensions, numbers, pairs, reductions that keep their dimensions.

Shared by the handlers of linear algebra, reductions, layers, convolutions and losses.  To add here: what three handlers need.
Never here: the meaning of an operator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any, TypeVar

import torch
import torch.nn.functional as F

from commute.lowering.arrays import Array, Indices, reduction
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.theory.axes import Size
from commute.theory.ops import indicator, mul, recip
from commute.theory.terms import BOOL, INT, ONE, ZERO, Term, const, size_value

H = TypeVar("H", bound=Callable[..., Any])
NAMESPACES = (torch, torch.Tensor, F, torch.special, torch.linalg, getattr(torch._C, "_nn", None))


def everywhere(*names: str) -> Callable[[H], H]:
    """Register a handler for every spelling of these names: torch.x, Tensor.x, F.x, torch.special.x, torch.linalg.x."""
    found: list[Any] = []
    for name in names:
        for namespace in NAMESPACES:
            function = getattr(namespace, name, None)
            if callable(function) and not any(function is f for f in found):
                found.append(function)
    return lifts(*found)


def numpy_names(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Torch's aliases after NumPy (`axis`, `keepdims`) under their Torch names."""
    names = {"axis": "dim", "keepdims": "keepdim", "x": "input"}
    return {names.get(k, k): v for k, v in kwargs.items()}


def dimension(array: Array, dim: Any, extra: int = 0) -> int:
    """A dimension counted from the front; Unusable where there is none (`extra`: of a result with more dimensions)."""
    rank = array.rank + extra
    if isinstance(dim, Size):
        dim = dim.constant
    if not isinstance(dim, int) or not -max(rank, 1) <= dim < max(rank, 1):
        raise Unusable(f"dimension {dim} of an array of {rank} dimensions")
    return dim % max(rank, 1)


def dimensions(array: Array, dim: Any) -> tuple[int, ...]:
    """The dimensions named by an int, a list of ints, or None for all of them, in order."""
    if dim is None or (isinstance(dim, Sequence) and not dim):
        return tuple(range(array.rank))
    if array.rank == 0:
        return ()
    named = dim if isinstance(dim, Sequence) else (dim,)
    result = [dimension(array, d) for d in named]
    if len(set(result)) != len(result):
        raise Unusable(f"dimensions {tuple(named)} name one twice")
    return tuple(sorted(result))


def numeric(array: Array) -> Array:
    """Truth values as 0 and 1; everything else as it is."""
    if array.sort != BOOL:
        return array
    return Array(array.shape, lambda idx: indicator(array.at(idx)), INT)


def scalar(trace: Any, value: Any) -> Term:
    """A number that a program wrote (int, float, size, term, array without dimensions) as an exact term."""
    if isinstance(value, Term):
        return value
    if isinstance(value, Array):
        if value.rank:
            raise Unusable("a number is wanted where an array of several dimensions is given")
        return numeric(value).at(())
    if isinstance(value, Size):
        return size_value(value)
    if isinstance(value, bool | int | Fraction):
        return const(Fraction(value))
    return trace.number(value)


def floating(array: Array, dtype: Any) -> None:
    """A dtype argument changes nothing over the reals, unless it rounds to integers: that is Unsupported."""
    if dtype is not None and array.sort != BOOL and array.sort != INT:
        if not (dtype.is_floating_point or dtype.is_complex):
            raise Unsupported(f"dtype={dtype} rounds")


def refuse(**options: Any) -> None:
    """Unsupported where an option that has no lifted meaning is given (is not None)."""
    for option, value in options.items():
        if value is not None:
            raise Unsupported(f"{option}={value}")


def integers(value: Any, count: int) -> tuple[Any, ...]:
    """One number or several as a tuple of `count`."""
    if isinstance(value, int | Size):
        return (value,) * count
    values = tuple(value)
    if len(values) == 1:
        return values * count
    if len(values) != count:
        raise Unusable(f"{len(values)} numbers where {count} are wanted")
    return values


def whole(name: str, value: Any) -> int:
    """An integer that must be fixed."""
    size = Size.of(value)
    if size.constant is None:
        raise Unsupported(f"{name}={size} must be a fixed number")
    return size.constant


def product(sizes: Iterable[Size]) -> Size:
    """The product of sizes."""
    result = Size(1)
    for s in sizes:
        result = result * s
    return result


def kept(array: Array, dims: Sequence[int]) -> Array:
    """A reduced array with the reduced dimensions put back, of size 1."""
    rank = array.rank + len(dims)
    stay = [i for i in range(rank) if i not in dims]
    sizes = iter(array.shape)
    shape = [Size(1) if i in dims else next(sizes) for i in range(rank)]
    return Array(shape, lambda idx: array.at([idx[i] for i in stay]), array.sort)


def reduced(trace: Any, kind: str, array: Array, dims: Sequence[int], keepdim: bool = False) -> Array:
    """The array reduced over some dimensions, which stay with size 1 where `keepdim` says so."""
    result = reduction(trace.layouts, kind, array, dims)
    return kept(result, dims) if keepdim else result


def average(trace: Any, array: Array, dims: Sequence[int], keepdim: bool = False) -> Array:
    """The mean over some dimensions."""
    total = reduced(trace, "sum", array, dims, keepdim)
    count = product(array.shape[i] for i in dims)
    if count == Size(1):
        return total
    return Array(total.shape, lambda idx: mul(total.at(idx), recip(size_value(count))))


def summed(trace: Any, shape: Sequence[Size], inner: Sequence[Size], body: Callable[[Indices], Term]) -> Array:
    """The array of `shape` whose entries are the sums of `body` over further dimensions `inner`."""
    whole_array = Array((*shape, *inner), body)
    return reduction(trace.layouts, "sum", whole_array, range(len(shape), len(shape) + len(inner)))


def mapped(make: Callable[[Term], Term], array: Array) -> Array:
    """`make` of every number of the array."""
    array = numeric(array)
    return Array(array.shape, lambda idx: make(array.at(idx)))


def scaled(factor: Term, value: Term) -> Term:
    """factor * value, where a factor of 1 leaves no trace and of 0 gives 0."""
    if factor is ONE:
        return value
    return ZERO if factor is ZERO else mul(factor, value)


def permuted(array: Array, order: Sequence[int]) -> Array:
    """Dimension i of the result is dimension order[i] of the array."""
    back = [order.index(d) for d in range(array.rank)]
    return Array([array.shape[i] for i in order], lambda idx: array.at([idx[i] for i in back]), array.sort)
