"""Convolutions, sliding windows and padding.

Each is a sum over kernel positions of guarded reads: `where(0 <= y*stride + k*dilation - padding < n, x[...], 0)`; the guard
goes where bounds prove it.  To add here: an operator with a kernel.  Never here: pooling (torch_pool.py), FFT or Winograd
forms (those are rewrites, not meanings).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from commute.lowering.arrays import Array, Indices, inside, pointwise, reshaped
from commute.lowering.paths import Question, divide
from commute.lowering.registry import Unsupported, Unusable, lifts
from commute.lowering.torch_args import dimension, integers, numeric, product, scalar, summed, whole
from commute.lowering.torch_norms import by_channel
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import add, eq, floordiv, land, lt, mod, mul, sub, where
from commute.theory.terms import TRUE, ZERO, Term, const, size_value

Pads = Sequence[tuple[Any, Any]]


def positive(trace: Any, size: Size, what: str) -> Size:
    """`size`, which is at least 1 on this path; Unusable where it isn't."""
    if size.provably_positive():
        return size
    if not trace.ask(Question("nonnegative", size - 1, f"{size} >= 1", f"{size} < 1")):
        raise Unusable(f"{what} {size} is not positive")
    return size


def output_size(trace: Any, room: Size, stride: Any, ceil: bool = False) -> Size:
    """How many windows fit, where `room` is what the first leaves over: room // stride + 1."""
    found = divide(room, Size.of(stride))
    if found is None:
        names = ", ".join(sorted(room.symbols))
        raise Unsupported(f"({room}) // {stride} is not one formula for all sizes of axis {names}")
    if ceil and found[1] != Size(0):
        raise Unsupported("ceil_mode=True where the windows don't fit exactly")
    return positive(trace, found[0] + 1, "the output's size")


def padded(array: Array, dims: Sequence[int], pads: Pads, outside: Term = ZERO) -> Array:
    """The array with `outside` before and after some dimensions (a negative pad cuts off)."""
    shape = list(array.shape)
    for d, (before, after) in zip(dims, pads, strict=True):
        shape[d] = shape[d] + before + after

    def at(indices: Indices) -> Term:
        at_, condition = list(indices), TRUE
        for d, (before, _) in zip(dims, pads, strict=True):
            at_[d] = simplify(sub(indices[d], size_value(before)))
            condition = land(condition, inside(at_[d], 0, array.shape[d]))
        condition = simplify(condition)
        return array.at(at_) if condition is TRUE else simplify(where(condition, array.at(at_), outside))

    return Array(shape, at, array.sort)


# --- convolution -----------------------------------------------------------------------------------------------------


def _pads(padding: Any, kernel: Sequence[Size], stride: Sequence[Any], dilation: Sequence[Any]) -> Pads:
    """Padding before and after each spatial dimension, from a number, several, 'valid' or 'same'."""
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding != "same":
        return [(p, p) for p in integers(padding, len(kernel))]
    if any(s != 1 for s in stride):
        raise Unusable("padding='same' with a stride")
    pads = []
    for k, d in zip(kernel, dilation, strict=True):
        total = whole("padding='same'", (k - 1) * d)
        pads.append((total // 2, total - total // 2))
    return pads


def _grouped(trace: Any, channels: Size, groups: Any) -> Size:
    """How many channels a group has."""
    width = channels.divided_by(Size.of(groups))
    if width is None:
        raise Unusable(f"{channels} channels in {groups} groups")
    trace.layouts.factor(channels, (Size.of(groups), width))
    return width


def _group_base(channel: Term, width: Size, inner: Size, groups: Any) -> Term:
    """The first input channel of the group that an output channel belongs to."""
    return ZERO if groups == 1 else mul(floordiv(channel, size_value(width)), size_value(inner))


def _batched(array: Array, spatial: int) -> Array:
    """The array with a batch dimension, of size 1 where it has none."""
    if array.rank == spatial + 2:
        return array
    if array.rank != spatial + 1:
        raise Unusable(f"an array of {array.rank} dimensions where {spatial + 2} or {spatial + 1} are wanted")
    return Array((Size(1), *array.shape), lambda idx: array.at(idx[1:]), array.sort)


def _unbatched(result: Array, like: Array) -> Array:
    if result.rank == like.rank:
        return result
    return Array(result.shape[1:], lambda idx: result.at((ZERO, *idx)), result.sort)


def _biased(result: Array, bias: Array | None) -> Array:
    channels = by_channel(bias, result.rank)
    return result if channels is None else pointwise(add, result, channels)


def _scaled(index: Term, factor: Any) -> Term:
    return index if factor == 1 else mul(index, size_value(factor))


def _places(ys: Indices, ks: Indices, strides: Sequence[Any], dilations: Sequence[Any]) -> list[Term]:
    """Where kernel positions ks of windows ys lie."""
    return [add(_scaled(y, s), _scaled(k, d)) for y, k, s, d in zip(ys, ks, strides, dilations, strict=True)]


def _convolution(spatial: int) -> Any:
    def handler(
        trace: Any,
        input: Array,
        weight: Array,
        bias: Array | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: Any = 1,
    ) -> Array:
        array, kernel = _batched(numeric(input), spatial), weight.shape[2:]
        strides, dilations = integers(stride, spatial), integers(dilation, spatial)
        pads = _pads(padding, kernel, strides, dilations)
        width = _grouped(trace, weight.shape[0], groups)
        if array.shape[1] != weight.shape[1] * groups:
            raise Unusable(f"{array.shape[1]} channels for a weight of {weight.shape[1]} in {groups} groups")
        trace.layouts.factor(array.shape[1], (Size.of(groups), weight.shape[1]))
        wide = padded(array, range(2, spatial + 2), pads)
        room = [n - (k - 1) * d - 1 for n, k, d in zip(wide.shape[2:], kernel, dilations, strict=True)]
        out = [output_size(trace, r, s) for r, s in zip(room, strides, strict=True)]

        def body(idx: Indices) -> Term:
            b, o, c = idx[0], idx[1], idx[2 + spatial]
            ys, ks = idx[2 : 2 + spatial], idx[3 + spatial :]
            channel = add(_group_base(o, width, weight.shape[1], groups), c)
            at = _places(ys, ks, strides, dilations)
            return mul(wide.at([b, channel, *at]), weight.at([o, c, *ks]))

        result = summed(trace, (array.shape[0], weight.shape[0], *out), weight.shape[1:], body)
        return _unbatched(_biased(result, bias), input)

    handler.__doc__ = f"The convolution (cross-correlation) over {spatial} dimensions."
    return handler


conv1d = lifts(torch.conv1d)(_convolution(1))
conv2d = lifts(torch.conv2d)(_convolution(2))
conv3d = lifts(torch.conv3d)(_convolution(3))


def _source(y: Term, k: Term, size: Size, stride: Any, pad: Any, dilation: Any) -> tuple[Term, Term]:
    """The input position that kernel position k sends to output position y, and the condition that there is one."""
    place = simplify(sub(add(y, size_value(pad)), _scaled(k, dilation)))
    fits = land(eq(mod(place, size_value(stride)), ZERO), inside(place, 0, size * stride))
    return floordiv(place, size_value(stride)), fits


def _transposed(spatial: int) -> Any:
    def handler(
        trace: Any,
        input: Array,
        weight: Array,
        bias: Array | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: Any = 1,
        dilation: Any = 1,
    ) -> Array:
        array, kernel = _batched(numeric(input), spatial), weight.shape[2:]
        strides, dilations = integers(stride, spatial), integers(dilation, spatial)
        pads, extras = integers(padding, spatial), integers(output_padding, spatial)
        inner, per_group = _grouped(trace, array.shape[1], groups), weight.shape[1]
        if weight.shape[0] != array.shape[1]:
            raise Unusable(f"{array.shape[1]} channels for a weight of {weight.shape[0]}")
        trace.layouts.factor(per_group * groups, (Size.of(groups), per_group))
        sizes = zip(array.shape[2:], strides, pads, kernel, dilations, extras, strict=True)
        out = [positive(trace, (n - 1) * s - 2 * p + (k - 1) * d + e + 1, "the output's size") for n, s, p, k, d, e in sizes]

        def body(idx: Indices) -> Term:
            (b, o, *ys), (c, *ks) = idx[: 2 + spatial], idx[2 + spatial :]
            channel = add(_group_base(o, per_group, inner, groups), c)
            at, condition = [], TRUE
            for y, k, n, s, p, d in zip(ys, ks, array.shape[2:], strides, pads, dilations, strict=True):
                place, fits = _source(y, k, n, s, p, d)
                at, condition = [*at, place], land(condition, fits)
            own = simplify(mod(o, size_value(per_group))) if groups != 1 else o
            here = simplify(where(simplify(condition), array.at([b, channel, *at]), ZERO))
            return mul(here, weight.at([channel, own, *ks]))

        shape = (array.shape[0], per_group * groups, *out)
        result = summed(trace, shape, (inner, *kernel), body)
        return _unbatched(_biased(result, bias), input)

    handler.__doc__ = f"The transposed convolution over {spatial} dimensions: the adjoint of the convolution."
    return handler


conv_transpose1d = lifts(torch.conv_transpose1d)(_transposed(1))
conv_transpose2d = lifts(torch.conv_transpose2d)(_transposed(2))


# --- windows ---------------------------------------------------------------------------------------------------------


@lifts(F.unfold)
def unfold(
    trace: Any, input: Array, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Array:
    """The windows of an image as columns: (b, c, h, w) to (b, c * kernel, windows)."""
    array = _batched(numeric(input), 2)
    kernel = [Size.of(k) for k in integers(kernel_size, 2)]
    dilations, strides = integers(dilation, 2), integers(stride, 2)
    wide = padded(array, (2, 3), [(p, p) for p in integers(padding, 2)])
    out = [
        output_size(trace, n - (k - 1) * d - 1, s)
        for n, k, d, s in zip(wide.shape[2:], kernel, dilations, strides, strict=True)
    ]

    def at(idx: Indices) -> Term:
        return wide.at([*idx[:2], *_places(idx[4:], idx[2:4], strides, dilations)])

    windows = Array((*array.shape[:2], *kernel, *out), at, array.sort)
    columns = (array.shape[0], product((array.shape[1], *kernel)), product(out))
    return _unbatched(reshaped(trace.layouts, windows, columns), _like_columns(input))


def _like_columns(input: Array) -> Array:
    """An array with as many dimensions as the columns of `input` have."""
    return Array(input.shape[1:], lambda _: ZERO)


@lifts(torch.Tensor.unfold)
def tensor_unfold(trace: Any, input: Array, dimension_: Any, size: Any, step: Any) -> Array:
    """The windows along one dimension, which go to a last dimension of their own."""
    d = dimension(input, dimension_)
    count = output_size(trace, input.shape[d] - size, step)

    def at(idx: Indices) -> Term:
        return input.at([*idx[:d], add(_scaled(idx[d], step), idx[-1]), *idx[d + 1 : -1]])

    return Array((*input.shape[:d], count, *input.shape[d + 1 :], Size.of(size)), at, input.sort)


# --- padding ---------------------------------------------------------------------------------------------------------


@lifts(F.pad)
def pad(trace: Any, input: Array, pad: Sequence[Any], mode: str = "constant", value: Any = None) -> Array:
    """Numbers before and after the last dimensions: a constant, the nearest, or the array mirrored or repeated."""
    if len(pad) % 2 or len(pad) > 2 * input.rank:
        raise Unusable(f"{len(pad)} pads for {input.rank} dimensions")
    dims = [input.rank - 1 - i for i in range(len(pad) // 2)]
    pads = list(zip(pad[0::2], pad[1::2], strict=True))
    for d, (before, after) in zip(dims, pads, strict=True):
        whole_size = positive(trace, input.shape[d] + before + after, "a padded size")
        for point in (Size.of(before), input.shape[d] + before):
            trace.layouts.cut(whole_size, point)
    if mode == "constant":
        return padded(input, dims, pads, ZERO if value is None else scalar(trace, value))
    for d, both in zip(dims, pads, strict=True):
        input = _continued(trace, input, d, both, mode)
    return input


def _continued(trace: Any, array: Array, d: int, pads: tuple[Any, Any], mode: str) -> Array:
    """The array continued on both sides of a dimension by its own numbers."""
    n = size_value(array.shape[d])
    last = size_value(array.shape[d] - 1)
    sides = {
        "reflect": (lambda p: mul(const(-1), p), lambda p: sub(mul(const(2), last), p)),
        "replicate": (lambda p: ZERO, lambda p: last),
        "circular": (lambda p: add(p, n), lambda p: sub(p, n)),
    }
    if mode not in sides:
        raise Unsupported(f"mode={mode!r}")
    for size in pads:
        room = array.shape[d] - size - (1 if mode == "reflect" else 0)
        if mode != "replicate":
            positive(trace, room + 1, f"the size that {mode} padding leaves,")
    low, high = sides[mode]

    def at(indices: Indices) -> Term:
        place = simplify(sub(indices[d], size_value(pads[0])))

        def there(index: Term) -> Term:
            return array.at([*indices[:d], index, *indices[d + 1 :]])

        below, above = simplify(lt(place, ZERO)), simplify(lt(last, place))
        return simplify(where(below, there(low(place)), simplify(where(above, there(high(place)), there(place)))))

    shape = [s + pads[0] + pads[1] if i == d else s for i, s in enumerate(array.shape)]
    return Array(shape, at, array.sort)
