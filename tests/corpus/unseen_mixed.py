"""A second round of unseen styles: backward formulas, optimisers, statistics, routing, states, algebra of clips and masks."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

Row = Float[Tensor, "n"]


def layer_norm_backward(x: Float[Tensor, "b d"], w: Float[Tensor, "d"], dy: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    """Karpathy's formula."""
    mean = x.mean(-1, keepdim=True)
    rstd = (x.var(-1, keepdim=True, unbiased=False) + 1e-5) ** -0.5
    norm = (x - mean) * rstd
    dnorm = dy * w
    return (dnorm - dnorm.mean(-1, keepdim=True) - norm * (dnorm * norm).mean(-1, keepdim=True)) * rstd


def layer_norm_backward_sums(x, w, dy):
    d = x.shape[1]
    c = x - x.sum(1, keepdim=True) / d
    rstd = torch.rsqrt((c * c).sum(1, keepdim=True) / d + 1e-5)
    g = w * dy
    s1, s2 = g.sum(1, keepdim=True), (g * c).sum(1, keepdim=True)
    return rstd / d * (d * g - s1 - c * rstd**2 * s2)


def layer_norm_backward_short(x, w, dy):
    d = x.shape[1]
    c = x - x.sum(1, keepdim=True) / d
    rstd = torch.rsqrt((c * c).sum(1, keepdim=True) / d + 1e-5)
    g = w * dy
    s2 = (g * c).sum(1, keepdim=True)
    return rstd / d * (d * g - c * rstd**2 * s2)


def softmax_backward(y: Float[Tensor, "b n"], g: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
    p = torch.softmax(y, -1)
    return p * (g - (g * p).sum(-1, keepdim=True))


def softmax_backward_jacobian(y, g):
    p = F.softmax(y, dim=1)
    jacobian = torch.diag_embed(p) - p.unsqueeze(2) * p.unsqueeze(1)
    return torch.bmm(jacobian, g.unsqueeze(-1)).squeeze(-1)


def softmax_backward_plus(y, g):
    p = F.softmax(y, dim=1)
    jacobian = torch.diag_embed(p) + p.unsqueeze(2) * p.unsqueeze(1)
    return torch.bmm(jacobian, g.unsqueeze(-1)).squeeze(-1)


def gelu_backward(x: Row, g: Row) -> Row:
    cdf = 0.5 * (1 + torch.erf(x / math.sqrt(2)))
    pdf = torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return g * (cdf + x * pdf)


def gelu_backward_constants(x, g):
    cdf = (torch.erf(x * 0.7071067811865476) + 1) / 2
    return g * cdf + g * x * torch.exp(-(x**2) / 2) * 0.3989422804014327


def gelu_backward_no_square(x, g):
    cdf = (torch.erf(x * 0.7071067811865476) + 1) / 2
    return g * cdf + g * x * torch.exp(-x.abs() / 2) * 0.3989422804014327


def attention_backward(
    q: Float[Tensor, "n d"], k: Float[Tensor, "m d"], v: Float[Tensor, "m d"], do: Float[Tensor, "n d"]
) -> Float[Tensor, "m d"]:
    """The gradient to the keys."""
    p = torch.softmax(q @ k.T, dim=-1)
    dp = do @ v.T
    ds = p * (dp - (p * dp).sum(-1, keepdim=True))
    return ds.T @ q


def attention_backward_flash(q, k, v, do):
    lse = torch.logsumexp(q @ k.T, -1)
    p = torch.exp(q @ k.T - lse[:, None])
    delta = (do * (p @ v)).sum(-1)
    return torch.einsum("nm,nd->md", p * (do @ v.T - delta[:, None]), q)


def attention_backward_no_delta(q, k, v, do):
    p = torch.softmax(q @ k.T, dim=-1)
    return torch.einsum("nm,nd->md", p * (do @ v.T), q)


def rms_backward(x: Float[Tensor, "b d"], g: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
    r = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
    return r * g - x * r.pow(3) * (g * x).mean(-1, keepdim=True)


def rms_backward_normed(x, g):
    r = 1 / torch.sqrt((x * x).sum(-1, keepdim=True) / x.shape[-1] + 1e-6)
    y = x * r
    return (g - y * torch.mean(g * y, dim=-1, keepdim=True)) * r


def rms_backward_sum(x, g):
    r = 1 / torch.sqrt((x * x).sum(-1, keepdim=True) / x.shape[-1] + 1e-6)
    y = x * r
    return (g - y * torch.sum(g * y, dim=-1, keepdim=True)) * r


def amsgrad(p: Row, g: Row, m: Row, v: Row, vmax: Row) -> Row:
    """AdamW with amsgrad."""
    p = p * (1 - 0.01 * 0.1)
    m = m + (g - m) * (1 - 0.9)
    v = v.abs() * 0.99 + g.pow(2) * (1 - 0.99)
    vmax = torch.maximum(vmax.abs(), v)
    return p - 0.01 * m / (vmax.sqrt() + 1e-8)


def amsgrad_lerp(p, g, m, v, vmax):
    v = torch.lerp(v.abs(), g * g, 0.01)
    root = torch.sqrt(torch.stack([v, vmax.abs()]).amax(0))
    return p - 0.001 * p - (0.009 * m + 0.001 * g) / (root + 1e-8)


def amsgrad_coupled(p, g, m, v, vmax):
    g = g + 0.1 * p
    v = torch.lerp(v.abs(), g * g, 0.01)
    root = torch.sqrt(torch.stack([v, vmax.abs()]).amax(0))
    return p - (0.009 * m + 0.001 * g) / (root + 1e-8)


def ema(x: Float[Tensor, "5 d"], s: Float[Tensor, "d"]) -> Float[Tensor, "d"]:
    for t in range(5):
        s = 0.9 * s + 0.1 * x[t]
    return s


def ema_weights(x, s):
    w = 0.1 * 0.9 ** torch.arange(4, -1, -1, dtype=x.dtype)
    return 0.9**5 * s + (w[:, None] * x).sum(0)


def ema_weights_turned(x, s):
    w = 0.1 * 0.9 ** torch.arange(0, 5, dtype=x.dtype)
    return 0.9**5 * s + (w[:, None] * x).sum(0)


def welford(x: Float[Tensor, "4"]) -> Float[Tensor, ""]:
    mean, m2 = torch.zeros(()).double(), torch.zeros(()).double()
    for i in range(4):
        delta = x[i] - mean
        mean = mean + delta / (i + 1)
        m2 = m2 + delta * (x[i] - mean)
    return m2 / 4


def welford_library(x):
    return x.var(correction=0)


def welford_unbiased(x):
    return x.var()


def correlation(x: Float[Tensor, "b n"], y: Float[Tensor, "b n"]) -> Float[Tensor, "b"]:
    return F.cosine_similarity(x - x.mean(1, keepdim=True), y - y.mean(1, keepdim=True), dim=1, eps=0.0)


def correlation_sums(x, y):
    n = x.shape[1]
    sx, sy = x.sum(1), y.sum(1)
    top = n * (x * y).sum(1) - sx * sy
    return top / torch.sqrt((n * (x * x).sum(1) - sx**2) * (n * (y * y).sum(1) - sy**2))


def correlation_raw(x, y):
    return F.cosine_similarity(x, y, dim=1, eps=0.0)


def router(x: Float[Tensor, "t d"], w: Float[Tensor, "e d"]) -> Float[Tensor, ""]:
    """The load balancing loss, with soft counts."""
    p = F.softmax(x @ w.T, dim=-1)
    return w.shape[0] * torch.sum(p.mean(0) * p.mean(0))


def router_einsum(x, w):
    z = F.linear(x, w)
    p = (z - z.logsumexp(1, keepdim=True)).exp()
    total = torch.einsum("te,se->", p, p)
    return total * w.size(0) / x.size(0) ** 2


def router_tokens(x, w):
    p = F.softmax(x @ w.T, dim=0)
    return w.shape[0] * torch.sum(p.mean(0) * p.mean(0))


def clipped_objective(ratio: Row, adv: Row) -> Float[Tensor, ""]:
    """PPO."""
    return -torch.min(ratio * adv, ratio.clamp(0.8, 1.2) * adv).mean()


def clipped_objective_where(ratio, adv):
    good = torch.minimum(ratio, torch.tensor(1.2, dtype=ratio.dtype)) * adv
    bad = torch.maximum(ratio, torch.tensor(0.8, dtype=ratio.dtype)) * adv
    return -torch.where(adv >= 0, good, bad).mean()


def clipped_objective_swapped(ratio, adv):
    good = ratio.clamp(max=1.2) * adv
    bad = ratio.clamp(min=0.8) * adv
    return -torch.where(adv >= 0, bad, good).mean()


def dpo(a: Row, b: Row, ra: Row, rb: Row) -> Float[Tensor, ""]:
    logits = (a - b) - (ra - rb)
    return -F.logsigmoid(0.1 * logits).mean()


def dpo_softmax(a, b, ra, rb):
    rewards = torch.stack([0.1 * (a - ra), 0.1 * (b - rb)], dim=1)
    return F.cross_entropy(rewards, torch.zeros(a.shape[0], dtype=torch.long))


def dpo_swapped(a, b, ra, rb):
    rewards = torch.stack([0.1 * (a - rb), 0.1 * (b - ra)], dim=1)
    return F.cross_entropy(rewards, torch.zeros(a.shape[0], dtype=torch.long))


def advantages(r: Float[Tensor, "b 4"], v: Float[Tensor, "b 5"]) -> Float[Tensor, "b 4"]:
    """Generalised advantages backwards."""
    out, last = [], torch.zeros_like(r[:, 0])
    for t in reversed(range(4)):
        delta = r[:, t] + 0.99 * v[:, t + 1] - v[:, t]
        last = delta + 0.99 * 0.95 * last
        out.insert(0, last)
    return torch.stack(out, 1)


def advantages_matrix(r, v):
    delta = r + 0.99 * v[:, 1:] - v[:, :-1]
    gap = torch.arange(4)[None, :] - torch.arange(4)[:, None]
    w = torch.where(gap >= 0, torch.tensor(0.99 * 0.95, dtype=r.dtype) ** gap.clamp(min=0), 0.0)
    return delta @ w.T


def advantages_forward(r, v):
    delta = r + 0.99 * v[:, 1:] - v[:, :-1]
    gap = torch.arange(4)[:, None] - torch.arange(4)[None, :]
    w = torch.where(gap >= 0, torch.tensor(0.99 * 0.95, dtype=r.dtype) ** gap.clamp(min=0), 0.0)
    return delta @ w.T


def masked_mean(x: Float[Tensor, "b n d"], mask: Bool[Tensor, "b n"]) -> Float[Tensor, "b d"]:
    m = mask.unsqueeze(-1).to(x.dtype)
    return (x * m).sum(1) / m.sum(1).clamp(min=1)


def masked_mean_where(x, mask):
    count = torch.maximum(mask.sum(1), torch.ones_like(mask.sum(1)))
    return torch.where(mask[..., None], x, 0.0).sum(dim=1) / count[:, None]


def masked_mean_eps(x, mask):
    m = mask.unsqueeze(-1).to(x.dtype)
    return (x * m).sum(1) / (m.sum(1) + 1e-3)


def nearest(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 2*h 2*w"]:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def nearest_expand(x):
    b, c, h, w = x.shape
    return x[:, :, :, None, :, None].expand(b, c, h, 2, w, 2).reshape(b, c, 2 * h, 2 * w)


def nearest_tiled(x):
    return x.tile(1, 1, 2, 2)


def shuffle(x: Float[Tensor, "b 4*c h w"]) -> Float[Tensor, "b c 2*h 2*w"]:
    return F.pixel_shuffle(x, 2)


def shuffle_view(x):
    b, c, h, w = x.shape
    return x.view(b, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(b, c // 4, 2 * h, 2 * w)


def shuffle_swapped(x):
    b, c, h, w = x.shape
    return x.view(b, c // 4, 2, 2, h, w).permute(0, 1, 4, 3, 5, 2).reshape(b, c // 4, 2 * h, 2 * w)


def patches(x: Float[Tensor, "b c 2*h 2*w"], k: Float[Tensor, "o c 2 2"]) -> Float[Tensor, "b h*w o"]:
    return F.conv2d(x, k, stride=2).flatten(2).transpose(1, 2)


def patches_linear(x, k):
    b, c, h, w = x.shape
    p = x.reshape(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, h * w // 4, c * 4)
    return p @ k.flatten(1).T


def patches_order(x, k):
    b, c, h, w = x.shape
    p = x.reshape(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 5, 3).reshape(b, h * w // 4, c * 4)
    return p @ k.flatten(1).T


def norm_folded(
    x: Float[Tensor, "b c h w"], k: Float[Tensor, "o c 1 1"], g: Float[Tensor, "o"], m: Float[Tensor, "o"]
) -> Float[Tensor, "b o h w"]:
    """A norm with given moments behind a convolution."""
    y = F.conv2d(x, k)
    return (y - m[:, None, None]) / torch.sqrt(g.square() + 1e-5)[:, None, None]


def norm_folded_weights(x, k, g, m):
    s = (g * g + 1e-5).rsqrt()
    return F.conv2d(x, k * s.view(-1, 1, 1, 1), bias=-m * s)


def norm_folded_bias(x, k, g, m):
    s = (g * g + 1e-5).rsqrt()
    return F.conv2d(x, k * s.view(-1, 1, 1, 1), bias=-m)


def one_hot_loss(z: Float[Tensor, "b c"], t: Int[Tensor, "b"]) -> Float[Tensor, "b"]:
    return F.cross_entropy(z, t, reduction="none")


def one_hot_loss_sum(z, t):
    onehot = (t[:, None] == torch.arange(z.shape[1])[None, :]).double()
    m = z.max(dim=1, keepdim=True).values
    e = torch.exp(z - m)
    return torch.log(e.sum(1)) + m.squeeze(1) - (onehot * z).sum(1)


def one_hot_loss_no_max(z, t):
    onehot = (t[:, None] == torch.arange(z.shape[1])[None, :]).double()
    m = z.max(dim=1, keepdim=True).values
    return torch.log(torch.exp(z - m).sum(1)) - (onehot * z).sum(1)


def glu_variant(x: Float[Tensor, "n 2*d"]) -> Float[Tensor, "n d"]:
    return F.glu(x, dim=-1)


def glu_variant_tanh(x):
    a, b = x.tensor_split(2, dim=-1)
    return 0.5 * a * (1 + torch.tanh(0.5 * b))


def glu_variant_silu(x):
    a, b = x.tensor_split(2, dim=-1)
    return a * F.silu(b)


def hard(x: Row) -> Row:
    return F.hardswish(x)


def hard_relu6(x):
    return x * F.relu6(x + 3) / 6


def hard_relu(x):
    return x * F.relu(x + 3) / 6


def lattice(a: Row, b: Row, c: Row) -> Row:
    return torch.minimum(torch.maximum(a, b), c)


def lattice_distributed(a, b, c):
    return torch.max(torch.min(a, c), torch.min(b, c))


def lattice_wrong(a, b, c):
    return torch.max(torch.min(a, b), torch.min(b, c))


def interval(x: Row, lo: Row, w: Row) -> Row:
    """Clipping to an interval, either bound first."""
    hi = lo + w.abs()
    return torch.clamp(x, lo, hi)


def interval_other(x, lo, w):
    hi = lo + torch.abs(w)
    return torch.maximum(lo, torch.minimum(x, hi))


def interval_signed(x, lo, w):
    return torch.maximum(lo, torch.minimum(x, lo + w))


PAIRS = [
    ("layer norm backward by sums", layer_norm_backward, layer_norm_backward_sums, True),
    ("layer norm backward, a term short", layer_norm_backward, layer_norm_backward_short, False),
    ("softmax backward by jacobian", softmax_backward, softmax_backward_jacobian, True),
    ("softmax backward, plus", softmax_backward, softmax_backward_plus, False),
    ("gelu backward by constants", gelu_backward, gelu_backward_constants, True),
    ("gelu backward, no square", gelu_backward, gelu_backward_no_square, False),
    ("attention backward by lse", attention_backward, attention_backward_flash, True),
    ("attention backward, no delta", attention_backward, attention_backward_no_delta, False),
    ("rms backward normed", rms_backward, rms_backward_normed, True),
    ("rms backward summed", rms_backward, rms_backward_sum, False),
    ("amsgrad by lerp", amsgrad, amsgrad_lerp, True),
    ("amsgrad coupled", amsgrad, amsgrad_coupled, False),
    ("moving average by weights", ema, ema_weights, True),
    ("moving average, weights turned", ema, ema_weights_turned, False),
    ("welford by var", welford, welford_library, True),
    ("welford unbiased", welford, welford_unbiased, False),
    ("correlation by sums", correlation, correlation_sums, True),
    ("correlation, raw", correlation, correlation_raw, False),
    ("router loss by einsum", router, router_einsum, True),
    ("router over tokens", router, router_tokens, False),
    ("ppo by where", clipped_objective, clipped_objective_where, True),
    ("ppo swapped", clipped_objective, clipped_objective_swapped, False),
    ("dpo by cross-entropy", dpo, dpo_softmax, True),
    ("dpo swapped", dpo, dpo_swapped, False),
    ("advantages by a matrix", advantages, advantages_matrix, True),
    ("advantages forwards", advantages, advantages_forward, False),
    ("masked mean by where", masked_mean, masked_mean_where, True),
    ("masked mean with eps", masked_mean, masked_mean_eps, False),
    ("nearest by expand", nearest, nearest_expand, True),
    ("nearest by tile", nearest, nearest_tiled, False),
    ("pixel shuffle by view", shuffle, shuffle_view, True),
    ("pixel shuffle swapped", shuffle, shuffle_swapped, False),
    ("patches by linear", patches, patches_linear, True),
    ("patches in another order", patches, patches_order, False),
    ("norm folded into conv", norm_folded, norm_folded_weights, True),
    ("norm folded, bias unscaled", norm_folded, norm_folded_bias, False),
    ("cross-entropy by one-hot sums", one_hot_loss, one_hot_loss_sum, True),
    ("cross-entropy without its max", one_hot_loss, one_hot_loss_no_max, False),
    ("glu by tanh", glu_variant, glu_variant_tanh, True),
    ("glu by silu", glu_variant, glu_variant_silu, False),
    ("hardswish by relu6", hard, hard_relu6, True),
    ("hardswish by relu", hard, hard_relu, False),
    ("max and min distributed", lattice, lattice_distributed, True),
    ("max and min, wrongly distributed", lattice, lattice_wrong, False),
    ("clip to an interval, other order", interval, interval_other, True),
    ("clip to an interval of any sign", interval, interval_signed, False),
]
