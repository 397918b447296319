"""Pooling and changes of resolution: averages and maxima over windows, nearest interpolation, pixel shuffling.

To add here: an operator that works on windows without weights.  Never here: interpolation that rounds positions (bilinear
with non-integer scales belongs to an exact definition of its own first).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from commute.lowering.arrays import Array, Indices, inside, reduction, reshaped
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import average, everywhere, integers, numeric, permuted, product, reduced, refuse
from commute.lowering.torch_conv import output_size, padded
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import add, floordiv, land, mul, recip, where
from commute.theory.terms import INT, NINF, TRUE, Term, const, size_value


def _windows(array: Array, spatial: int, kernel: list[Size], strides: Any, dilations: Any, out: list[Size]) -> Array:
    """The array with each of its last dimensions as (window, position in the window): windows first, then positions."""
    lead = array.rank - spatial

    def at(idx: Indices) -> Term:
        ys, ks = idx[lead : lead + spatial], idx[lead + spatial :]
        places = [
            add(mul(y, size_value(s)), mul(k, size_value(d))) for y, k, s, d in zip(ys, ks, strides, dilations, strict=True)
        ]
        return array.at([*idx[:lead], *places])

    return Array((*array.shape[:lead], *out, *kernel), at, array.sort)


def _ranked(array: Array, spatial: int) -> None:
    if array.rank not in (spatial + 1, spatial + 2):
        raise Unusable(f"an array of {array.rank} dimensions where {spatial + 2} or {spatial + 1} are wanted")


def _inner_dims(windows: Array, spatial: int) -> tuple[int, ...]:
    return tuple(range(windows.rank - spatial, windows.rank))


def _average(spatial: int) -> Callable[..., Array]:
    def handler(
        trace: Any,
        input: Array,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: Any = None,
    ) -> Array:
        _ranked(input, spatial)
        kernel = [Size.of(k) for k in integers(kernel_size, spatial)]
        strides = integers(kernel_size if stride is None or stride == () or stride == [] else stride, spatial)
        pads = [(p, p) for p in integers(padding, spatial)]
        dims = range(input.rank - spatial, input.rank)
        wide = padded(numeric(input), dims, pads)
        out = [output_size(trace, wide.shape[d] - k, s, ceil_mode) for d, k, s in zip(dims, kernel, strides, strict=True)]
        windows = _windows(wide, spatial, kernel, strides, (1,) * spatial, out)
        total = reduced(trace, "sum", windows, _inner_dims(windows, spatial))
        if divisor_override is None and not count_include_pad and any(p != (0, 0) for p in pads):
            ones = padded(Array(input.shape, lambda _: const(1), INT), dims, pads)
            inner = _windows(ones, spatial, kernel, strides, (1,) * spatial, out)
            count = reduced(trace, "sum", inner, _inner_dims(inner, spatial))
            return Array(total.shape, lambda idx: mul(total.at(idx), recip(count.at(idx))))
        below = size_value(product(kernel) if divisor_override is None else Size.of(divisor_override))
        return Array(total.shape, lambda idx: mul(total.at(idx), recip(below)))

    handler.__doc__ = f"The averages of windows over {spatial} dimensions; padding counts unless told otherwise."
    return handler


avg_pool1d = lifts(torch.avg_pool1d)(_average(1))
avg_pool2d = lifts(F.avg_pool2d)(_average(2))
avg_pool3d = lifts(F.avg_pool3d)(_average(3))


def _surely_inside(pads: Any, kernel: list[Size], dilations: Any) -> bool:
    """Whether position `padding` of every window is inside, so that it can stand for those outside."""
    return all(d == 1 and (k - 2 * p[0] - 1).provably_nonnegative() for p, k, d in zip(pads, kernel, dilations, strict=True))


def _maximum(spatial: int) -> Callable[..., Array]:
    def handler(
        trace: Any,
        input: Array,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Array:
        _ranked(input, spatial)
        refuse(return_indices=return_indices or None)
        kernel = [Size.of(k) for k in integers(kernel_size, spatial)]
        strides = integers(kernel_size if stride is None or stride == () or stride == [] else stride, spatial)
        dilations = integers(dilation, spatial)
        pads = [(p, p) for p in integers(padding, spatial)]
        dims = range(input.rank - spatial, input.rank)
        shape = [input.shape[d] + p[0] + p[1] for d, p in zip(dims, pads, strict=True)]
        out = [
            output_size(trace, n - (k - 1) * e - 1, s, ceil_mode)
            for n, k, e, s in zip(shape, kernel, dilations, strides, strict=True)
        ]
        array = numeric(input)
        stand_in = _surely_inside(pads, kernel, dilations)
        windows = _max_windows(array, kernel, strides, dilations, [p[0] for p in pads], out, stand_in)
        return reduction(trace.layouts, "max", windows, _inner_dims(windows, spatial))

    handler.__doc__ = f"The largest numbers of windows over {spatial} dimensions; what is outside never wins."
    return handler


def _max_windows(
    array: Array, kernel: list[Size], strides: Any, dilations: Any, pads: list[Any], out: list[Size], stand_in: bool
) -> Array:
    """Windows whose positions outside the array hold a number of the same window, or minus infinity."""
    spatial = len(kernel)
    lead = array.rank - spatial

    def at(idx: Indices) -> Term:
        ys, ks = idx[lead : lead + spatial], idx[lead + spatial :]
        firsts = [mul(y, size_value(s)) for y, s in zip(ys, strides, strict=True)]
        places, condition = [], TRUE
        for first, k, d, p, n in zip(firsts, ks, dilations, pads, array.shape[lead:], strict=True):
            places.append(simplify(add(first, add(mul(k, size_value(d)), mul(const(-1), size_value(p))))))
            condition = land(condition, inside(places[-1], 0, n))
        condition = simplify(condition)
        here = array.at([*idx[:lead], *places])
        if condition is TRUE:
            return here
        return simplify(where(condition, here, array.at([*idx[:lead], *firsts]) if stand_in else NINF))

    return Array((*array.shape[:lead], *out, *kernel), at, array.sort)


max_pool1d = lifts(torch.max_pool1d, F.max_pool1d)(_maximum(1))
max_pool2d = lifts(torch.max_pool2d, F.max_pool2d)(_maximum(2))
max_pool3d = lifts(torch.max_pool3d, F.max_pool3d)(_maximum(3))


def _adaptive(spatial: int, kind: str) -> Callable[..., Array]:
    def handler(trace: Any, input: Array, output_size: Any, return_indices: bool = False) -> Array:
        _ranked(input, spatial)
        refuse(return_indices=return_indices or None)
        array, lead = numeric(input), input.rank - spatial
        wanted = (output_size,) * spatial if isinstance(output_size, int | Size) or output_size is None else output_size
        wanted = tuple(wanted) * (spatial if len(wanted) == 1 else 1)
        out = [n if w is None else Size.of(w) for n, w in zip(array.shape[lead:], wanted, strict=True)]
        shape: list[Size] = list(array.shape[:lead])
        for n, w in zip(array.shape[lead:], out, strict=True):
            width = n.divided_by(w)
            if width is None:
                raise Unsupported(f"axis {n} is not known to be a multiple of {w}")
            shape += [w, width]
        windows = reshaped(trace.layouts, array, shape)
        dims = tuple(range(lead + 1, windows.rank, 2))
        return average(trace, windows, dims) if kind == "mean" else reduced(trace, kind, windows, dims)

    handler.__doc__ = f"The {kind} of equal windows over {spatial} dimensions, as many as are asked for."
    return handler


adaptive_avg_pool1d = lifts(torch.adaptive_avg_pool1d)(_adaptive(1, "mean"))
adaptive_avg_pool2d = lifts(F.adaptive_avg_pool2d)(_adaptive(2, "mean"))
adaptive_avg_pool3d = lifts(F.adaptive_avg_pool3d)(_adaptive(3, "mean"))
adaptive_max_pool1d = lifts(F.adaptive_max_pool1d)(_adaptive(1, "max"))
adaptive_max_pool2d = lifts(F.adaptive_max_pool2d)(_adaptive(2, "max"))


@lifts(F.interpolate, F.upsample)
def interpolate(
    trace: Any,
    input: Array,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: Any = None,
    recompute_scale_factor: Any = None,
    antialias: bool = False,
) -> Array:
    """Each number repeated a whole number of times along each spatial dimension."""
    if mode not in ("nearest", "nearest-exact"):
        raise Unsupported(f"mode={mode!r}")
    lead, spatial = 2, input.rank - 2
    if size is not None:
        wanted = integers(size, spatial)
        found = [Size.of(w).divided_by(n) for n, w in zip(input.shape[lead:], wanted, strict=True)]
    else:
        several = scale_factor if isinstance(scale_factor, tuple | list) else (scale_factor,) * spatial
        found = [Size(int(f)) if isinstance(f, int | float) and f == int(f) else None for f in several]
    factors = [f for f in found if f is not None]
    if len(factors) < len(found):
        raise Unsupported("a scale that is not a whole number")
    shape = list(input.shape[:lead])
    for n, f in zip(input.shape[lead:], factors, strict=True):
        trace.layouts.factor(n * f, (n, f))
        shape.append(n * f)

    def at(idx: Indices) -> Term:
        places = [floordiv(i, size_value(f)) for i, f in zip(idx[lead:], factors, strict=True)]
        return input.at([*idx[:lead], *places])

    return Array(shape, at, input.sort)


@everywhere("pixel_shuffle")
def pixel_shuffle(trace: Any, input: Array, upscale_factor: Any) -> Array:
    """(..., c * r * r, h, w) to (..., c, h * r, w * r)"""
    r, lead = Size.of(upscale_factor), input.rank - 3
    channels = input.shape[-3].divided_by(r * r)
    if channels is None:
        raise Unusable(f"{input.shape[-3]} channels are not a multiple of {r * r}")
    h, w = input.shape[-2:]
    split = reshaped(trace.layouts, input, (*input.shape[:lead], channels, r, r, h, w))
    order = (*range(lead), lead, lead + 3, lead + 1, lead + 4, lead + 2)
    return reshaped(trace.layouts, permuted(split, order), (*input.shape[:lead], channels, h * r, w * r))


@everywhere("pixel_unshuffle")
def pixel_unshuffle(trace: Any, input: Array, downscale_factor: Any) -> Array:
    """(..., c, h * r, w * r) to (..., c * r * r, h, w)"""
    r, lead = Size.of(downscale_factor), input.rank - 3
    channels, h, w = input.shape[-3], input.shape[-2].divided_by(r), input.shape[-1].divided_by(r)
    if h is None or w is None:
        raise Unusable(f"an image of {input.shape[-2]} by {input.shape[-1]} is not a multiple of {r}")
    split = reshaped(trace.layouts, input, (*input.shape[:lead], channels, h, r, w, r))
    order = (*range(lead), lead, lead + 2, lead + 4, lead + 1, lead + 3)
    return reshaped(trace.layouts, permuted(split, order), (*input.shape[:lead], channels * r * r, h, w))
