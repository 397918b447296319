"""Convolutions as shifted sums, as products over patches, split by groups, folded with norms; pooling as means."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Signal = Float[Tensor, "b c t"]
Filter = Float[Tensor, "o c 3"]
SignalOut = Float[Tensor, "b o t"]
Image = Float[Tensor, "b c x y"]
Kernel = Float[Tensor, "o c 3 3"]
ImageOut = Float[Tensor, "b o x y"]
O = Float[Tensor, "o"]  # noqa: E741
Even = Float[Tensor, "b c 2*x 2*y"]
Halved = Float[Tensor, "b c x y"]


def conv1d(x: Signal, w: Filter) -> SignalOut:
    return F.conv1d(x, w, padding=1)


def conv1d_shifts(x: Signal, w: Filter) -> SignalOut:
    t = x.shape[-1]
    padded = F.pad(x, (1, 1))
    return sum(torch.einsum("oc,bct->bot", w[:, :, i], padded[:, :, i : i + t]) for i in range(3))  # pyright: ignore


def conv1d_cats(x: Signal, w: Filter) -> SignalOut:
    zero = torch.zeros_like(x[..., :1])
    before = torch.cat([zero, x[..., :-1]], dim=-1)
    after = torch.cat([x[..., 1:], zero], dim=-1)
    return w[..., 0] @ before + w[..., 1] @ x + w[..., 2] @ after


def conv1d_flipped(x: Signal, w: Filter) -> SignalOut:
    t = x.shape[-1]
    padded = F.pad(x, (1, 1))
    return torch.stack([w[:, :, 2 - i] @ padded[:, :, i : i + t] for i in range(3)]).sum(dim=0)


def conv1d_causal(x: Signal, w: Filter) -> SignalOut:
    return F.conv1d(F.pad(x, (2, 0)), w)


def conv1d_causal_cut(x: Signal, w: Filter) -> SignalOut:
    return F.conv1d(x, w, padding=2)[..., :-2]


def conv1d_causal_cut_front(x: Signal, w: Filter) -> SignalOut:
    return F.conv1d(x, w, padding=2)[..., 2:]


def conv1d_patches(x: Float[Tensor, "b c t+2"], w: Filter) -> SignalOut:
    return torch.einsum("bctk,ock->bot", x.unfold(2, 3, 1), w)


def conv1d_valid(x: Float[Tensor, "b c t+2"], w: Filter) -> SignalOut:
    return F.conv1d(x, w)


def conv1d_summed_channels(x: Float[Tensor, "b c t+2"], w: Filter) -> SignalOut:
    return torch.einsum("btk,ok->bot", x.unfold(2, 3, 1).sum(1), w.sum(1))


def depthwise(x: Signal, w: Float[Tensor, "c 1 3"]) -> Signal:
    return F.conv1d(x, w, padding=1, groups=x.shape[1])


def depthwise_shifts(x: Signal, w: Float[Tensor, "c 1 3"]) -> Signal:
    t = x.shape[-1]
    padded = F.pad(x, (1, 1))
    return w[:, :, 0] * padded[..., :t] + w[:, :, 1] * x + w[:, :, 2] * padded[..., 2 : t + 2]


def grouped(x: Float[Tensor, "b 2*c t"], w: Float[Tensor, "2*o c 3"]) -> Float[Tensor, "b 2*o t"]:
    return F.conv1d(x, w, padding=1, groups=2)


def grouped_by_halves(x: Float[Tensor, "b 2*c t"], w: Float[Tensor, "2*o c 3"]) -> Float[Tensor, "b 2*o t"]:
    parts = [F.conv1d(xx, ww, padding=1) for xx, ww in zip(x.chunk(2, 1), w.chunk(2, 0), strict=True)]
    return torch.cat(parts, dim=1)


def grouped_crossed(x: Float[Tensor, "b 2*c t"], w: Float[Tensor, "2*o c 3"]) -> Float[Tensor, "b 2*o t"]:
    (x1, x2), (w1, w2) = x.chunk(2, 1), w.chunk(2, 0)
    return torch.cat([F.conv1d(x2, w1, padding=1), F.conv1d(x1, w2, padding=1)], dim=1)


def conv2d(x: Image, w: Kernel, b: O) -> ImageOut:
    return F.conv2d(x, w, b, padding=1)


def conv2d_shifts(x: Image, w: Kernel, b: O) -> ImageOut:
    _, _, height, width = x.shape
    padded = F.pad(x, (1, 1, 1, 1))
    out = b.view(1, -1, 1, 1)
    for i in range(3):
        for j in range(3):
            window = padded[:, :, i : i + height, j : j + width]
            out = out + torch.einsum("oc,bcxy->boxy", w[:, :, i, j], window)
    return out


def conv2d_unfold(x: Image, w: Kernel, b: O) -> ImageOut:
    columns = F.unfold(x, 3, padding=1)
    out = w.flatten(1) @ columns + b[:, None]
    return out.view(x.shape[0], -1, x.shape[2], x.shape[3])


def conv2d_replicated(x: Image, w: Kernel, b: O) -> ImageOut:
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), w, b)


def conv2d_dilated(x: Image, w: Kernel, b: O) -> ImageOut:
    return F.conv2d(x, w, b, padding=2, dilation=2)


def conv2d_sum(x: Image, y: Image, w: Kernel) -> ImageOut:
    return F.conv2d(x, w, padding=1) + F.conv2d(y, w, padding=1)


def conv2d_of_sum(x: Image, y: Image, w: Kernel) -> ImageOut:
    return F.conv2d(x + y, w, padding=1)


def two_kernels(x: Image, u: Kernel, w: Float[Tensor, "o c 1 1"]) -> ImageOut:
    return F.conv2d(x, u, padding=1) + F.conv2d(x, w)


def kernels_merged(x: Image, u: Kernel, w: Float[Tensor, "o c 1 1"]) -> ImageOut:
    return F.conv2d(x, u + F.pad(w, (1, 1, 1, 1)), padding=1)


def kernels_merged_in_corner(x: Image, u: Kernel, w: Float[Tensor, "o c 1 1"]) -> ImageOut:
    return F.conv2d(x, u + F.pad(w, (0, 2, 0, 2)), padding=1)


def pointwise(x: Image, w: Float[Tensor, "o c 1 1"], b: O) -> ImageOut:
    return F.conv2d(x, w, b)


def pointwise_linear(x: Image, w: Float[Tensor, "o c 1 1"], b: O) -> ImageOut:
    return F.linear(x.permute(0, 2, 3, 1), w[:, :, 0, 0], b).permute(0, 3, 1, 2)


def pointwise_flat(x: Image, w: Float[Tensor, "o c 1 1"], b: O) -> ImageOut:
    out = w.squeeze(-1).squeeze(-1) @ x.flatten(2) + b[:, None]
    return out.unflatten(2, (x.shape[2], x.shape[3]))


def conv_norm(x: Image, w: Kernel, b: O, mean: O, var: O, g: O) -> ImageOut:
    return F.batch_norm(F.conv2d(x, w, b, padding=1), mean, var.abs(), g)


def conv_norm_folded(x: Image, w: Kernel, b: O, mean: O, var: O, g: O) -> ImageOut:
    s = g / torch.sqrt(var.abs() + 1e-5)
    return F.conv2d(x, w * s[:, None, None, None], (b - mean) * s, padding=1)


def conv_norm_bias_unscaled(x: Image, w: Kernel, b: O, mean: O, var: O, g: O) -> ImageOut:
    s = g / torch.sqrt(var.abs() + 1e-5)
    return F.conv2d(x, w * s[:, None, None, None], b - mean * s, padding=1)


def average(x: Even) -> Halved:
    return F.avg_pool2d(x, 2)


def average_reshape(x: Even) -> Halved:
    b, c, height, width = x.shape
    return x.reshape(b, c, height // 2, 2, width // 2, 2).mean(dim=(3, 5))


def average_slices(x: Even) -> Halved:
    return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4


def average_conv(x: Even) -> Halved:
    c = x.shape[1]
    return F.conv2d(x, torch.full((c, 1, 2, 2), 0.25, dtype=x.dtype), stride=2, groups=c)


def average_first_rows(x: Even) -> Halved:
    return (x[..., ::2, ::2] + x[..., ::2, 1::2]) / 2


def largest(x: Even) -> Halved:
    return F.max_pool2d(x, kernel_size=2)


def largest_reshape(x: Even) -> Halved:
    return x.unflatten(2, (-1, 2)).unflatten(4, (-1, 2)).amax(dim=(3, 5))


def largest_in_two_steps(x: Even) -> Halved:
    rows = torch.maximum(x[:, :, ::2], x[:, :, 1::2])
    return torch.maximum(rows[..., ::2], rows[..., 1::2])


def largest_blocks(x: Even) -> Halved:
    b, c, height, width = x.shape
    return x.reshape(b, c, 2, height // 2, 2, width // 2).amax(dim=(2, 4))


def global_average(x: Image) -> Float[Tensor, "b c"]:
    return F.adaptive_avg_pool2d(x, 1).flatten(1)


def global_average_mean(x: Image) -> Float[Tensor, "b c"]:
    return x.flatten(2).mean(dim=-1)


def pooled_logits(x: Image, w: Float[Tensor, "o c"]) -> Float[Tensor, "b o"]:
    return F.linear(x.mean(dim=(2, 3)), w)


def logits_pooled(x: Image, w: Float[Tensor, "o c"]) -> Float[Tensor, "b o"]:
    return torch.einsum("bcxy,oc->boxy", x, w).mean(dim=(-1, -2))


def logits_relu_pooled(x: Image, w: Float[Tensor, "o c"]) -> Float[Tensor, "b o"]:
    return torch.einsum("bcxy,oc->boxy", x, w).relu().mean(dim=(-1, -2))


PAIRS = [
    ("conv1d as shifted sums", conv1d, conv1d_shifts, True),
    ("conv1d as products of shifted cats", conv1d, conv1d_cats, True),
    ("conv1d flipped", conv1d, conv1d_flipped, False),
    ("causal conv1d, cut at the end", conv1d_causal, conv1d_causal_cut, True),
    ("causal conv1d, cut at the front", conv1d_causal, conv1d_causal_cut_front, False),
    ("conv1d over patches", conv1d_valid, conv1d_patches, True),
    ("conv1d with summed channels", conv1d_valid, conv1d_summed_channels, False),
    ("depthwise as shifts", depthwise, depthwise_shifts, True),
    ("grouped as two halves", grouped, grouped_by_halves, True),
    ("groups crossed", grouped, grouped_crossed, False),
    ("conv2d as shifted sums", conv2d, conv2d_shifts, True),
    ("conv2d by unfold", conv2d, conv2d_unfold, True),
    ("conv2d with replicated border", conv2d, conv2d_replicated, False),
    ("conv2d dilated", conv2d, conv2d_dilated, False),
    ("conv2d is linear", conv2d_sum, conv2d_of_sum, True),
    ("a 1x1 kernel inside a 3x3", two_kernels, kernels_merged, True),
    ("a 1x1 kernel in the corner", two_kernels, kernels_merged_in_corner, False),
    ("1x1 as linear", pointwise, pointwise_linear, True),
    ("1x1 on flat pixels", pointwise, pointwise_flat, True),
    ("conv and norm folded", conv_norm, conv_norm_folded, True),
    ("conv and norm, bias unscaled", conv_norm, conv_norm_bias_unscaled, False),
    ("average pool by reshape", average, average_reshape, True),
    ("average pool by slices", average, average_slices, True),
    ("average pool by convolution", average, average_conv, True),
    ("average of the first rows", average, average_first_rows, False),
    ("max pool by reshape", largest, largest_reshape, True),
    ("max pool in two steps", largest, largest_in_two_steps, True),
    ("max pool over far blocks", largest, largest_blocks, False),
    ("global average", global_average, global_average_mean, True),
    ("pooling before the linear layer", pooled_logits, logits_pooled, True),
    ("pooling after a relu", pooled_logits, logits_relu_pooled, False),
]
