"""Reductions: sums, products, extremes, moments, running sums, vector norms.

Each is `reduce` over the axes of some dimensions, block by block of the common refinement; a running one is a reduction under
the mask j <= i.  To add here: a reduction.  Never here: anything that returns positions (argmax, sort), which depends on ties.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from commute.lowering.arrays import Array, Indices, pointwise, reduction
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import (
    average,
    dimension,
    dimensions,
    everywhere,
    floating,
    kept,
    mapped,
    numeric,
    numpy_names,
    product,
    reduced,
    scalar,
)
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import (
    composite,
    eq,
    indicator,
    le,
    lnot,
    maximum,
    minimum,
    mul,
    recip,
    sqrt,
    sub,
    where,
)
from commute.theory.terms import BOOL, INT, ONE, ZERO, Term, size_value


class ValuesIndices(NamedTuple):
    """What max(dim=...) and its like return; the indices can't be read."""

    values: Array
    indices: Array


def _no_indices(like: Array) -> Array:
    def refuse(_: Indices) -> Term:
        raise Unsupported("its indices depend on which of two equal numbers comes first")

    return Array(like.shape, refuse, INT)


# --- sums and means --------------------------------------------------------------------------------------------------


@everywhere("sum")
def sum_(trace: Any, input: Array, *args: Any, **names: Any) -> Array:
    """The sum over all dimensions or some."""
    array, dims, keepdim = _over(input, args, names)
    return reduced(trace, "sum", array, dims, keepdim)


def _over(input: Array, args: tuple[Any, ...], names: dict[str, Any]) -> tuple[Array, tuple[int, ...], bool]:
    """Array, dimensions and keepdim of a reduction called as f(x), f(x, dim, keepdim), x.f(0, 1), with dtype or not."""
    names = numpy_names(names)
    dtype = names.get("dtype")
    if len(args) > 1 and not isinstance(args[1], bool):
        args = (args,)
    dim = names.get("dim", args[0] if args else None)
    if isinstance(dim, torch.dtype):
        dim, dtype = None, dim
    floating(input, dtype)
    keepdim = names.get("keepdim", args[1] if len(args) > 1 else False)
    return numeric(input), dimensions(input, dim), bool(keepdim)


@everywhere("mean")
def mean(trace: Any, input: Array, *args: Any, **names: Any) -> Array:
    """The mean over all dimensions or some."""
    array, dims, keepdim = _over(input, args, names)
    return average(trace, array, dims, keepdim)


@everywhere("prod")
def prod(trace: Any, input: Array, *args: Any, **names: Any) -> Array:
    """The product over all dimensions or one."""
    array, dims, keepdim = _over(input, args, names)
    return reduced(trace, "prod", array, dims, keepdim)


@everywhere("count_nonzero")
def count_nonzero(trace: Any, input: Array, dim: Any = None) -> Array:
    """How many numbers are not 0."""
    counted = mapped(lambda t: indicator(lnot(eq(t, ZERO))), input)
    ones = Array(counted.shape, counted.at, INT)
    return reduced(trace, "sum", ones, dimensions(input, dim))


# --- extremes --------------------------------------------------------------------------------------------------------


@everywhere("amax")
def amax(trace: Any, input: Array, *args: Any, **names: Any) -> Array:
    """The largest number over all dimensions or some."""
    return reduced(trace, "max", *_over(input, args, names))


@everywhere("amin")
def amin(trace: Any, input: Array, *args: Any, **names: Any) -> Array:
    """The smallest number over all dimensions or some."""
    return reduced(trace, "min", *_over(input, args, names))


@everywhere("aminmax")
def aminmax(trace: Any, input: Array, **names: Any) -> tuple[Array, Array]:
    """The smallest and the largest number."""
    return amin(trace, input, **names), amax(trace, input, **names)


def _extreme(kind: str, pick: Callable[[Term, Term], Term]) -> Callable[..., Any]:
    def handler(trace: Any, input: Array, *args: Any, **names: Any) -> Any:
        other = names.pop("other", args[0] if args else None)
        if isinstance(other, Array):
            return pointwise(pick, numeric(input), numeric(other))
        names.pop("out", None)
        array, dims, keepdim = _over(input, args, names)
        values = reduced(trace, kind, array, dims, keepdim)
        if not args and not numpy_names(names).keys() & {"dim"}:
            return values
        return ValuesIndices(values, _no_indices(values))

    handler.__doc__ = f"The {kind} over all dimensions, over one (with indices), or of two arrays number by number."
    return handler


max_ = everywhere("max")(_extreme("max", maximum))
min_ = everywhere("min")(_extreme("min", minimum))


@everywhere("any")
def any_(trace: Any, input: Array, *args: Any, **names: Any) -> Array:
    """Whether one is not 0."""
    return _quantified(trace, "max", _over(_truths(input), args, names))


@everywhere("all")
def all_(trace: Any, input: Array, *args: Any, **names: Any) -> Array:
    """Whether none is 0."""
    return _quantified(trace, "min", _over(_truths(input), args, names))


def _truths(array: Array) -> Array:
    if array.sort == BOOL:
        return array
    return Array(array.shape, lambda idx: lnot(eq(array.at(idx), ZERO)), BOOL)


def _quantified(trace: Any, kind: str, over: tuple[Array, tuple[int, ...], bool]) -> Array:
    result = reduced(trace, kind, *over)
    return Array(result.shape, lambda idx: eq(result.at(idx), ONE), BOOL)


@everywhere("argmax", "argmin", "argsort", "sort", "topk", "kthvalue", "median", "nanmedian", "mode", "msort", "quantile")
def _positions(trace: Any, *args: Any, **names: Any) -> Any:
    """Not lifted: their results depend on the order of numbers."""
    raise Unsupported("argmax, sort, topk, median and their like: the result depends on the order of numbers")


@everywhere("nansum", "nanmean")
def _nans(trace: Any, *args: Any, **names: Any) -> Any:
    """Not lifted: there is no NaN among the reals."""
    raise Unsupported("nansum, nanmean: there is no NaN among the reals")


# --- moments ---------------------------------------------------------------------------------------------------------


def variance(trace: Any, array: Array, dims: tuple[int, ...], keepdim: bool = False, correction: Any = 0) -> Array:
    """The sum of squared distances from the mean, divided by max(0, count - correction)."""
    centre = average(trace, array, dims, keepdim=True)
    square = pointwise(lambda x, m: mul(sub(x, m), sub(x, m)), array, centre)
    count = product(array.shape[i] for i in dims)
    total = reduced(trace, "sum", square, dims, keepdim)
    if correction == 0:
        return average(trace, square, dims, keepdim)
    if isinstance(correction, int | Size) and (count - correction).provably_nonnegative():
        below = size_value(count - correction)
    else:
        below = maximum(sub(size_value(count), scalar(trace, correction)), ZERO)
    return Array(total.shape, lambda idx: mul(total.at(idx), recip(below)))


def _moments(input: Array, args: tuple[Any, ...], names: dict[str, Any]) -> dict[str, Any]:
    """Dimensions, keepdim and correction of var and std in all their signatures."""
    names = numpy_names(names)
    names.pop("out", None)
    if args and isinstance(args[0], bool):
        args = (None, *args)
    unbiased = names.get("unbiased", args[1] if len(args) > 1 else True)
    correction = names.get("correction")
    if correction is None:
        correction = 0 if unbiased is False else 1
    if isinstance(correction, float) and correction == int(correction):
        correction = int(correction)
    dim = names.get("dim", args[0] if args else None)
    keepdim = names.get("keepdim", args[2] if len(args) > 2 else False)
    return {"dims": dimensions(input, dim), "keepdim": bool(keepdim), "correction": correction}


@everywhere("var")
def var(trace: Any, input: Array, *args: Any, **names: Any) -> Array:
    """The variance, divided by count - 1 unless told otherwise."""
    return variance(trace, numeric(input), **_moments(input, args, names))


@everywhere("std")
def std(trace: Any, input: Array, *args: Any, **names: Any) -> Array:
    """The square root of the variance."""
    return mapped(sqrt, var(trace, input, *args, **names))


def _with_mean(spread: Callable[..., Array]) -> Callable[..., tuple[Array, Array]]:
    def handler(trace: Any, input: Array, *args: Any, **names: Any) -> tuple[Array, Array]:
        options = _moments(input, args, names)
        centre = average(trace, numeric(input), options["dims"], options["keepdim"])
        return spread(trace, input, *args, **names), centre

    handler.__doc__ = f"The pair of {spread.__name__} and mean."
    return handler


var_mean = everywhere("var_mean")(_with_mean(var))
std_mean = everywhere("std_mean")(_with_mean(std))


# --- running reductions ----------------------------------------------------------------------------------------------


def running(trace: Any, kind: str, array: Array, dim: int, outside: Callable[[Term], Term]) -> Array:
    """The reduction over all j <= i along `dim`; where j > i stands `outside` of the number at i."""
    if array.rank == 0:
        return array

    def body(indices: Indices) -> Term:
        *own, j = indices
        i = own[dim]
        inside = simplify(le(j, i))
        there = array.at([*own[:dim], j, *own[dim + 1 :]])
        return simplify(where(inside, there, outside(array.at(own))))

    extended = Array((*array.shape, array.shape[dim]), body, array.sort)
    return reduction(trace.layouts, kind, extended, (array.rank,))


@everywhere("cumsum")
def cumsum(trace: Any, input: Array, dim: Any = None, *, dtype: Any = None, out: Any = None, axis: Any = None) -> Array:
    """The sums of the numbers up to each position."""
    floating(input, dtype)
    d = dimension(input, axis if dim is None else dim)
    return running(trace, "sum", numeric(input), d, lambda _: ZERO)


@everywhere("cumprod")
def cumprod(trace: Any, input: Array, dim: Any = None, *, dtype: Any = None, out: Any = None, axis: Any = None) -> Array:
    """The products of the numbers up to each position."""
    floating(input, dtype)
    d = dimension(input, axis if dim is None else dim)
    return running(trace, "prod", numeric(input), d, lambda _: ONE)


@everywhere("cummax")
def cummax(trace: Any, input: Array, dim: Any, *, out: Any = None) -> ValuesIndices:
    """The largest number up to each position (the number at i itself stands for those after it)."""
    values = running(trace, "max", numeric(input), dimension(input, dim), lambda own: own)
    return ValuesIndices(values, _no_indices(values))


@everywhere("cummin")
def cummin(trace: Any, input: Array, dim: Any, *, out: Any = None) -> ValuesIndices:
    """The smallest number up to each position."""
    values = running(trace, "min", numeric(input), dimension(input, dim), lambda own: own)
    return ValuesIndices(values, _no_indices(values))


@everywhere("logcumsumexp")
def logcumsumexp(trace: Any, input: Array, dim: Any, *, out: Any = None) -> Array:
    """log of the sums of exp up to each position."""
    from commute.theory.ops import exp, log

    d = dimension(input, dim)
    return mapped(log, running(trace, "sum", mapped(exp, numeric(input)), d, lambda _: ZERO))


# --- norms -----------------------------------------------------------------------------------------------------------


def norm_over(trace: Any, array: Array, p: Any, dims: tuple[int, ...], keepdim: bool = False) -> Array:
    """The vector norm of order 0, 1, 2, inf or -inf over some dimensions."""
    if isinstance(p, Size):
        p = p.constant
    if p == 2:
        squares = pointwise(lambda x: mul(x, x), array)
        return mapped(sqrt, reduced(trace, "sum", squares, dims, keepdim))
    if p == 0:
        return kept_if(keepdim, count_nonzero(trace, array, dims or None), dims)
    kinds = {1: "sum", math.inf: "max", -math.inf: "min"}
    if p not in kinds:
        raise Unsupported(f"order {p}")
    return reduced(trace, kinds[p], mapped(lambda x: composite("abs", x), array), dims, keepdim)


def kept_if(keepdim: bool, array: Array, dims: tuple[int, ...]) -> Array:
    """The reduced array, its dimensions put back where wanted."""
    return kept(array, dims) if keepdim else array


@lifts(torch.linalg.vector_norm)
def vector_norm(trace: Any, x: Array, ord: Any = 2, dim: Any = None, keepdim: bool = False, **names: Any) -> Array:
    """The vector norm over all dimensions or some."""
    return norm_over(trace, numeric(x), ord, dimensions(x, dim), keepdim)


@lifts(torch.norm, torch.Tensor.norm)
def norm(trace: Any, input: Array, p: Any = "fro", dim: Any = None, keepdim: bool = False, **names: Any) -> Array:
    """torch.norm: a vector norm, whatever the number of dimensions."""
    if isinstance(p, str) and p != "fro":
        raise Unsupported(f"p={p!r}")
    order = 2 if p is None or isinstance(p, str) else p
    return norm_over(trace, numeric(input), order, dimensions(input, dim), keepdim)


@lifts(torch.linalg.norm)
def linalg_norm(trace: Any, A: Array, ord: Any = None, dim: Any = None, keepdim: bool = False, **names: Any) -> Array:
    """torch.linalg.norm: without an order the root of the sum of squares; with one, of vectors only."""
    dims = dimensions(A, dim)
    if ord is None or (ord == "fro" and len(dims) == 2):
        return norm_over(trace, numeric(A), 2, dims, keepdim)
    if len(dims) != 1:
        raise Unsupported(f"the matrix norm of order {ord}")
    return norm_over(trace, numeric(A), ord, dims, keepdim)


@lifts(torch.linalg.matrix_norm)
def matrix_norm(trace: Any, A: Array, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, **names: Any) -> Array:
    """The Frobenius norm of matrices."""
    if ord != "fro":
        raise Unsupported(f"the matrix norm of order {ord}")
    if A.rank < 2:
        raise Unusable("a matrix norm of an array of fewer than two dimensions")
    return norm_over(trace, numeric(A), 2, dimensions(A, dim), keepdim)
