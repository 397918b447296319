"""Layer, RMS, group, batch and L2 normalisation by hand and by library; variances; cosine similarity."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

X = Float[Tensor, "b n d"]
D = Float[Tensor, "d"]
Rows = Float[Tensor, "b n"]
B = Float[Tensor, "b"]
Image = Float[Tensor, "b 2*c x y"]
Channels = Float[Tensor, "2*c"]


def layer_norm(x: X, g: D, b: D) -> X:
    return F.layer_norm(x, x.shape[-1:], g, b)


def layer_norm_centred_rms(x: X, g: D, b: D) -> X:
    c = x - x.mean(-1, keepdim=True)
    return F.rms_norm(c, (c.shape[-1],), g, eps=1e-5) + b


def layer_norm_var_mean(x: X, g: D, b: D) -> X:
    var, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
    return torch.addcmul(b, (x - mean) * (var + 1e-5).rsqrt(), g)


def layer_norm_shifted(x: X, g: D, b: D) -> X:
    return F.layer_norm(x + 3.0, x.shape[-1:], g, b)


def layer_norm_gain_outside(x: X, g: D, b: D) -> X:
    return (F.layer_norm(x, x.shape[-1:]) + b) * g


def layer_norm_two_axes(x: X, g: D, b: D) -> X:
    return F.layer_norm(x, x.shape[-2:]) * g + b


def layer_norm_no_eps(x: X, g: D, b: D) -> X:
    c = x - x.mean(-1, keepdim=True)
    return c / (c.square().mean(-1, keepdim=True).sqrt() + 1e-12) * g + b


def layer_norm_scaled(x: X, g: D, b: D) -> X:
    return F.layer_norm(2.0 * x, x.shape[-1:], g, b)


def layer_norm_scaled_eps(x: X, g: D, b: D) -> X:
    return F.layer_norm(x, x.shape[-1:], g, b, eps=2.5e-6)


def norm_then_linear(x: X, g: D, b: D, w: Float[Tensor, "o d"]) -> Float[Tensor, "b n o"]:
    return F.linear(F.layer_norm(x, x.shape[-1:], g, b), w)


def linear_with_norm_inside(x: X, g: D, b: D, w: Float[Tensor, "o d"]) -> Float[Tensor, "b n o"]:
    mean = x.mean(-1, keepdim=True)
    rstd = torch.rsqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-5)
    wg = w * g
    return rstd * (x @ wg.T - mean * wg.sum(-1)) + w @ b


def linear_with_norm_unmeaned(x: X, g: D, b: D, w: Float[Tensor, "o d"]) -> Float[Tensor, "b n o"]:
    mean = x.mean(-1, keepdim=True)
    rstd = torch.rsqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-5)
    return rstd * (x @ (w * g).T - mean * w.sum(-1)) + w @ b


def rms_norm(x: X, g: D) -> X:
    return F.rms_norm(x, (x.shape[-1],), g, eps=1e-6)


def rms_norm_by_norm(x: X, g: D) -> X:
    mean_square = torch.linalg.vector_norm(x, dim=-1, keepdim=True) ** 2 / x.shape[-1]
    return x / torch.sqrt(mean_square + 1e-6) * g


def rms_norm_eps_after(x: X, g: D) -> X:
    return x / (x.square().mean(-1, keepdim=True).sqrt() + 1e-6) * g


def rms_norm_one_plus_gain(x: X, g: D) -> X:
    return F.rms_norm(x, (x.shape[-1],), None, eps=1e-6) * (1 + g)


def rms_norm_halves(x: Float[Tensor, "b 2*d"]) -> Float[Tensor, "b 2*d"]:
    return F.rms_norm(x, (x.shape[-1],), eps=1e-6)


def rms_norm_halves_merged(x: Float[Tensor, "b 2*d"]) -> Float[Tensor, "b 2*d"]:
    left, right = x.chunk(2, dim=-1)
    mean = (left.square().mean(-1, keepdim=True) + right.square().mean(-1, keepdim=True)) / 2
    return x * torch.rsqrt(mean + 1e-6)


def rms_norm_halves_apart(x: Float[Tensor, "b 2*d"]) -> Float[Tensor, "b 2*d"]:
    return torch.cat([F.rms_norm(part, (part.shape[-1],), eps=1e-6) for part in x.chunk(2, dim=-1)], dim=-1)


def group_norm(x: Image, g: Channels, b: Channels) -> Image:
    return F.group_norm(x, 2, g, b)


def group_norm_by_hand(x: Image, g: Channels, b: Channels) -> Image:
    grouped = x.reshape(x.shape[0], 2, -1)
    mean = grouped.mean(dim=-1, keepdim=True)
    var = grouped.var(dim=-1, unbiased=False, keepdim=True)
    y = ((grouped - mean) / torch.sqrt(var + 1e-5)).reshape(x.shape)
    return y * g[:, None, None] + b[:, None, None]


def group_norm_interleaved(x: Image, g: Channels, b: Channels) -> Image:
    n, c, h, w = x.shape
    grouped = x.reshape(n, c // 2, 2, h, w)
    mean = grouped.mean(dim=(1, 3, 4), keepdim=True)
    var = grouped.var(dim=(1, 3, 4), unbiased=False, keepdim=True)
    return ((grouped - mean) / torch.sqrt(var + 1e-5)).reshape(n, c, h, w) * g[:, None, None] + b[:, None, None]


def instance_norm(x: Float[Tensor, "b c x y"]) -> Float[Tensor, "b c x y"]:
    return F.group_norm(x, x.shape[1])


def instance_norm_by_layer(x: Float[Tensor, "b c x y"]) -> Float[Tensor, "b c x y"]:
    return F.layer_norm(x, x.shape[-2:])


def batch_norm(x: X, mean: Float[Tensor, "n"], var: Float[Tensor, "n"], g: Float[Tensor, "n"]) -> X:
    return F.batch_norm(x, mean, var.square(), g, None, training=False)


def batch_norm_by_hand(x: X, mean: Float[Tensor, "n"], var: Float[Tensor, "n"], g: Float[Tensor, "n"]) -> X:
    return (x - mean[None, :, None]) / torch.sqrt(var * var + 1e-5)[None, :, None] * g[None, :, None]


def batch_norm_by_variance(x: X, mean: Float[Tensor, "n"], var: Float[Tensor, "n"], g: Float[Tensor, "n"]) -> X:
    return (x - mean[None, :, None]) / (var * var + 1e-5)[None, :, None] * g[None, :, None]


def normalize(x: X) -> X:
    return F.normalize(x, dim=-1)


def normalize_by_clamp(x: X) -> X:
    return x / x.norm(dim=-1, keepdim=True).clamp_min(1e-12)


def normalize_default_axis(x: X) -> X:
    return F.normalize(x)


def normalize_by_eps(x: X) -> X:
    return x / torch.sqrt(x.square().sum(-1, keepdim=True) + 1e-3)


def cosine(x: Rows, y: Rows) -> B:
    return F.cosine_similarity(x, y, dim=-1)


def cosine_by_hand(x: Rows, y: Rows) -> B:
    return (x * y).sum(-1) / (x.norm(dim=-1).clamp(min=1e-8) * y.norm(dim=-1).clamp(min=1e-8))


def cosine_not_rooted(x: Rows, y: Rows) -> B:
    return (x * y).sum(-1) / (x.square().sum(-1) * y.square().sum(-1)).clamp(min=1e-8)


def normalized_product(x: X, y: Float[Tensor, "b m d"]) -> Float[Tensor, "b n m"]:
    return F.normalize(x, dim=-1) @ F.normalize(y, dim=-1).mT


def product_normalized(x: X, y: Float[Tensor, "b m d"]) -> Float[Tensor, "b n m"]:
    nx, ny = x.norm(dim=-1).clamp_min(1e-12), y.norm(dim=-1).clamp_min(1e-12)
    return (x @ y.mT) / nx.unsqueeze(-1) / ny.unsqueeze(-2)


def variance(x: Rows) -> B:
    return x.var(dim=-1, unbiased=False)


def variance_of_moments(x: Rows) -> B:
    return x.pow(2).mean(-1) - x.mean(-1).pow(2)


def variance_of_pairs(x: Rows) -> B:
    return (x[:, :, None] - x[:, None, :]).square().mean(dim=(1, 2)) / 2


def variance_of_pairs_whole(x: Rows) -> B:
    return (x[:, :, None] - x[:, None, :]).square().mean(dim=(1, 2))


def variance_not_squared_mean(x: Rows) -> B:
    return x.pow(2).mean(-1) - x.mean(-1).abs()


def unbiased(x: Rows) -> B:
    return torch.var(x, dim=1)


def unbiased_by_hand(x: Rows) -> B:
    return (x - x.mean(dim=1, keepdim=True)).square().sum(dim=1) / (x.shape[1] - 1)


def deviation(x: Rows) -> B:
    return x.std(dim=1, correction=0)


def deviation_by_hand(x: Rows) -> B:
    return (x - x.mean(dim=1, keepdim=True)).pow(2).mean(dim=1).sqrt()


def halves_variance(x: Float[Tensor, "b 2*w"]) -> B:
    return x.var(dim=-1, correction=0)


def halves_merged(x: Float[Tensor, "b 2*w"]) -> B:
    """Chan's merge of two equal counts."""
    left, right = x.chunk(2, dim=-1)
    delta = left.mean(-1) - right.mean(-1)
    return (left.var(-1, correction=0) + right.var(-1, correction=0)) / 2 + delta.square() / 4


def halves_averaged(x: Float[Tensor, "b 2*w"]) -> B:
    left, right = x.chunk(2, dim=-1)
    return (left.var(-1, correction=0) + right.var(-1, correction=0)) / 2


PAIRS = [
    ("layer norm as centred RMS norm", layer_norm, layer_norm_centred_rms, True),
    ("layer norm by var_mean", layer_norm, layer_norm_var_mean, True),
    ("layer norm of a shifted row", layer_norm, layer_norm_shifted, True),
    ("layer norm, gain after the bias", layer_norm, layer_norm_gain_outside, False),
    ("layer norm over two axes", layer_norm, layer_norm_two_axes, False),
    ("layer norm without its eps", layer_norm, layer_norm_no_eps, False),
    ("layer norm of a doubled row", layer_norm, layer_norm_scaled, False),
    ("layer norm of a doubled row, eps adapted", layer_norm_scaled, layer_norm_scaled_eps, True),
    ("layer norm inside the linear layer", norm_then_linear, linear_with_norm_inside, True),
    ("layer norm inside, mean without gain", norm_then_linear, linear_with_norm_unmeaned, False),
    ("RMS norm by vector_norm", rms_norm, rms_norm_by_norm, True),
    ("RMS norm, eps after the root", rms_norm, rms_norm_eps_after, False),
    ("RMS norm, one plus gain", rms_norm, rms_norm_one_plus_gain, False),
    ("RMS norm from two halves", rms_norm_halves, rms_norm_halves_merged, True),
    ("RMS norm of each half", rms_norm_halves, rms_norm_halves_apart, False),
    ("group norm by hand", group_norm, group_norm_by_hand, True),
    ("group norm of interleaved groups", group_norm, group_norm_interleaved, False),
    ("instance norm as layer norm", instance_norm, instance_norm_by_layer, True),
    ("batch norm by hand", batch_norm, batch_norm_by_hand, True),
    ("batch norm divides by the variance", batch_norm, batch_norm_by_variance, False),
    ("normalize by clamp", normalize, normalize_by_clamp, True),
    ("normalize over the default axis", normalize, normalize_default_axis, False),
    ("normalize with eps under the root", normalize, normalize_by_eps, False),
    ("cosine by hand", cosine, cosine_by_hand, True),
    ("cosine without the roots", cosine, cosine_not_rooted, False),
    ("normalised product", normalized_product, product_normalized, True),
    ("variance by moments", variance, variance_of_moments, True),
    ("variance by pairs", variance, variance_of_pairs, True),
    ("variance by pairs, not halved", variance, variance_of_pairs_whole, False),
    ("variance, mean not squared", variance, variance_not_squared_mean, False),
    ("unbiased variance by hand", unbiased, unbiased_by_hand, True),
    ("deviation by hand", deviation, deviation_by_hand, True),
    ("merged variance", halves_variance, halves_merged, True),
    ("averaged variance", halves_variance, halves_averaged, False),
]
