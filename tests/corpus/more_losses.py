"""Losses, their gradients, labels and their shards."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

Logits = Float[Tensor, "n v"]


Labels = Int[Tensor, "n"]


Scalar = Float[Tensor, ""]


def ce(x: Logits, y: Labels) -> Scalar:
    return F.cross_entropy(x, y)


def ce_nll(x, y):
    return F.nll_loss(torch.log_softmax(x, dim=1), y)


def ce_gather(x, y):
    logp = x - x.exp().sum(1, keepdim=True).log()
    return -logp.gather(1, y[:, None]).mean()


def ce_index(x, y):
    n = x.shape[0]
    m = x.max(dim=1, keepdim=True).values
    lse = (x - m).exp().sum(1).log() + m.squeeze(1)
    return (lse - x[torch.arange(n), y]).sum() / n


def ce_one_hot(x, y):
    return -(F.one_hot(y, x.shape[1]) * F.log_softmax(x, -1)).sum(1).mean()


def ce_compare(x, y):
    hit = (torch.arange(x.shape[-1]) == y.unsqueeze(-1)).to(x.dtype)
    return torch.mean(torch.logsumexp(x, -1) - torch.einsum("nv,nv->n", hit, x))


def ce_mean_all(x, y):
    return -(F.one_hot(y, x.shape[1]) * F.log_softmax(x, -1)).mean()


def ce_log_mean(x, y):
    return -F.softmax(x, -1).gather(1, y[:, None]).mean().log()


def ce_sum(x: Logits, y: Labels) -> Scalar:
    return F.cross_entropy(x, y, reduction="sum")


def smooth(x: Logits, y: Labels) -> Scalar:
    return F.cross_entropy(x, y, label_smoothing=0.1)


def smooth_hand(x, y, eps=0.1):
    logp = F.log_softmax(x, dim=-1)
    nll = -logp.gather(-1, y.unsqueeze(-1)).squeeze(-1)
    return ((1 - eps) * nll - eps * logp.mean(-1)).mean()


def smooth_target(x, y, eps=0.1):
    v = x.size(1)
    target = torch.full_like(x, eps / v).scatter_add(1, y[:, None], torch.full((x.size(0), 1), 1 - eps, dtype=x.dtype))
    return -(target * x.log_softmax(1)).sum(1).mean()


def smooth_others(x, y, eps=0.1):
    """Spread over the other classes only."""
    v = x.size(1)
    target = F.one_hot(y, v).to(x.dtype)
    target = target * (1 - eps) + (1 - target) * eps / v
    return -(target * x.log_softmax(1)).sum(1).mean()


def vocab_parallel(x: Float[Tensor, "n 4*v"], y: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    return F.cross_entropy(x, y, reduction="none")


def vocab_parallel_shards(x, y):
    shards = x.chunk(4, dim=-1)
    width = x.shape[-1] // 4
    top = torch.stack([s.amax(-1) for s in shards]).amax(0)
    total = sum((s - top[:, None]).exp().sum(-1) for s in shards)
    hit = 0
    for rank, s in enumerate(shards):
        local = y - rank * width
        mine = (local >= 0) & (local < width)
        safe = torch.where(mine, local, 0)
        hit = hit + torch.where(mine, s.gather(1, safe[:, None])[:, 0], 0.0)
    return total.log() + top - hit  # pyright: ignore


def vocab_parallel_unmasked(x, y):
    shards = x.chunk(4, dim=-1)
    width = x.shape[-1] // 4
    total = sum(s.exp().sum(-1) for s in shards)
    hit = 0
    for rank, s in enumerate(shards):
        local = (y - rank * width).clamp(0, width - 1)
        hit = hit + s.gather(1, local[:, None])[:, 0]
    return total.log() - hit  # pyright: ignore


def kl(p: Logits, q: Logits) -> Scalar:
    return F.kl_div(F.log_softmax(q, -1), F.softmax(p, -1), reduction="batchmean")


def kl_hand(p, q):
    lp, lq = F.log_softmax(p, -1), F.log_softmax(q, -1)
    return (lp.exp() * (lp - lq)).sum() / p.shape[0]


def kl_log_target(p, q):
    return F.kl_div(q.log_softmax(1), p.log_softmax(1), reduction="sum", log_target=True) / len(p)


def kl_reversed(p, q):
    return F.kl_div(F.log_softmax(p, -1), F.softmax(q, -1), reduction="batchmean")


def bce(x: Float[Tensor, "n"], t: Float[Tensor, "n"]) -> Scalar:
    return F.binary_cross_entropy_with_logits(x, t)


def bce_stable(x, t):
    return (x.clamp(min=0) - x * t + torch.log1p(torch.exp(-x.abs()))).mean()


def bce_logsigmoid(x, t):
    return -(t * F.logsigmoid(x) + (1 - t) * F.logsigmoid(-x)).mean()


def bce_wrong_sign(x, t):
    return (x.clamp(min=0) + x * t + torch.log1p(torch.exp(-x.abs()))).mean()


def focal(x: Float[Tensor, "n"], t: Bool[Tensor, "n"], gamma: float = 2.0) -> Scalar:
    p = torch.sigmoid(x)
    pt = torch.where(t, p, 1 - p)
    return (-((1 - pt) ** gamma) * pt.log()).mean()


def focal_bce(x, t, gamma=2):
    y = t.to(x.dtype)
    loss = F.binary_cross_entropy_with_logits(x, y, reduction="none")
    p = x.sigmoid()
    weight = (p * (1 - y) + (1 - p) * y) ** gamma
    return (weight * loss).mean()


def focal_swapped(x, t, gamma=2):
    y = t.to(x.dtype)
    loss = F.binary_cross_entropy_with_logits(x, y, reduction="none")
    p = x.sigmoid()
    return ((p * y + (1 - p) * (1 - y)) ** gamma * loss).mean()


def huber(x: Float[Tensor, "n"], y: Float[Tensor, "n"]) -> Scalar:
    return F.smooth_l1_loss(x, y)


def huber_hand(x, y):
    a = (x - y).abs()
    return torch.where(a < 1, 0.5 * a * a, a - 0.5).mean()


def huber_clamped(x, y):
    a = torch.abs(x - y)
    c = torch.clamp(a, max=1.0)
    return (0.5 * c**2 + (a - c)).mean()


def huber_no_half(x, y):
    a = (x - y).abs()
    return torch.where(a < 1, 0.5 * a * a, a).mean()


def contrastive(a: Float[Tensor, "n d"], b: Float[Tensor, "n d"]) -> Scalar:
    sim = F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / 0.07
    return F.cross_entropy(sim, torch.arange(a.shape[0]))


def contrastive_diag(a, b):
    a = a / a.norm(dim=1, keepdim=True).clamp_min(1e-12)
    b = b / b.norm(dim=1, keepdim=True).clamp_min(1e-12)
    sim = torch.einsum("id,jd->ij", a, b) / 0.07
    return (sim.logsumexp(1) - sim.diagonal()).mean()


def contrastive_columns(a, b):
    a = a / a.norm(dim=1, keepdim=True).clamp_min(1e-12)
    b = b / b.norm(dim=1, keepdim=True).clamp_min(1e-12)
    sim = torch.einsum("id,jd->ij", a, b) / 0.07
    return (sim.logsumexp(0) - sim.diagonal()).mean()


def softmax_grad(x: Logits, g: Logits) -> Logits:
    p = x.softmax(-1)
    jac = torch.diag_embed(p) - p.unsqueeze(-1) * p.unsqueeze(-2)
    return torch.einsum("nij,nj->ni", jac, g)


def softmax_grad_fused(x, g):
    p = x.softmax(-1)
    return p * (g - torch.sum(p * g, dim=-1, keepdim=True))


def softmax_grad_mean(x, g):
    p = x.softmax(-1)
    return p * (g - torch.mean(p * g, dim=-1, keepdim=True))


def ce_grad(x: Logits, y: Labels) -> Logits:
    p = F.softmax(x, 1)
    p[torch.arange(len(y)), y] -= 1
    return p / len(y)


def ce_grad_one_hot(x, y):
    n, v = x.shape
    return (torch.softmax(x, dim=-1) - F.one_hot(y, v).to(x)) / n


def ce_grad_not_averaged(x, y):
    return torch.softmax(x, dim=-1) - F.one_hot(y, x.shape[1])


def layer_norm_grad(x: Float[Tensor, "n d"], g: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    d = x.shape[1]
    c = x - x.mean(1, keepdim=True)
    inv = (c.pow(2).mean(1, keepdim=True) + 1e-5).rsqrt()
    h = c * inv
    return inv / d * (d * g - g.sum(1, keepdim=True) - h * (g * h).sum(1, keepdim=True))


def layer_norm_grad_means(x, g, eps=1e-5):
    mu, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, correction=0)
    std = torch.sqrt(var + eps)
    h = (x - mu) / std
    return (g - g.mean(-1, keepdim=True) - h * (g * h).mean(-1, keepdim=True)) / std


def layer_norm_grad_forgot(x, g, eps=1e-5):
    mu, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, correction=0)
    std = torch.sqrt(var + eps)
    h = (x - mu) / std
    return (g - h * (g * h).mean(-1, keepdim=True)) / std


def gelu_grad(x: Float[Tensor, "n"], g: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    cdf = 0.5 * (1 + torch.erf(x / math.sqrt(2)))
    pdf = torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return g * (cdf + x * pdf)


def gelu_grad_other(x, g):
    return g * 0.5 * (1 + torch.erf(x * 0.7071067811865476)) + g * x * 0.3989422804014327 * torch.exp(-x.square() / 2)


def gelu_grad_no_x(x, g):
    return g * 0.5 * (1 + torch.erf(x * 0.7071067811865476)) + g * 0.3989422804014327 * torch.exp(-x.square() / 2)


def silu_grad(x: Float[Tensor, "n"], g: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    s = torch.sigmoid(x)
    return g * (s + x * s * (1 - s))


def silu_grad_exp(x, g):
    e = torch.exp(-x)
    return g * (1 + e + x * e) / (1 + e).pow(2)


def attention_grad_v(q: Float[Tensor, "n d"], k: Float[Tensor, "m d"], v: Float[Tensor, "m d"], g: Float[Tensor, "n d"]):
    p = torch.softmax(q @ k.T, -1)
    dp = g @ v.T
    ds = p * (dp - (dp * p).sum(-1, keepdim=True))
    return ds @ k, ds.T @ q, p.T @ g


def attention_grad_delta(q, k, v, g):
    """As FlashAttention does: delta is rowsum(g * o), and p comes from the saved logsumexp."""
    s = q @ k.T
    lse = torch.logsumexp(s, dim=1)
    o = (s - lse[:, None]).exp() @ v
    delta = (g * o).sum(1)
    p = torch.exp(s - lse[:, None])
    ds = p * (torch.einsum("nd,md->nm", g, v) - delta[:, None])
    return torch.einsum("nm,md->nd", ds, k), torch.einsum("nm,nd->md", ds, q), torch.einsum("nm,nd->md", p, g)


def attention_grad_no_delta(q, k, v, g):
    s = q @ k.T
    p = torch.softmax(s, 1)
    ds = p * (torch.einsum("nd,md->nm", g, v) - g.sum(1)[:, None])
    return ds @ k, ds.T @ q, p.T @ g


PAIRS = [
    ("ce by nll", ce, ce_nll, True),
    ("ce by gather", ce, ce_gather, True),
    ("ce by index", ce, ce_index, True),
    ("ce by one hot", ce, ce_one_hot, True),
    ("ce by comparison", ce, ce_compare, True),
    ("ce mean over all", ce, ce_mean_all, False),
    ("ce log of mean", ce, ce_log_mean, False),
    ("ce sum", ce_sum, ce, False),
    ("label smoothing", smooth, smooth_hand, True),
    ("label smoothing by scatter_add", smooth, smooth_target, True),
    ("label smoothing over others", smooth, smooth_others, False),
    ("vocab parallel", vocab_parallel, vocab_parallel_shards, True),
    ("vocab parallel unmasked", vocab_parallel, vocab_parallel_unmasked, False),
    ("kl by hand", kl, kl_hand, True),
    ("kl with log target", kl, kl_log_target, True),
    ("kl reversed", kl, kl_reversed, False),
    ("bce stable", bce, bce_stable, True),
    ("bce logsigmoid", bce, bce_logsigmoid, True),
    ("bce wrong sign", bce, bce_wrong_sign, False),
    ("focal", focal, focal_bce, True),
    ("focal swapped", focal, focal_swapped, False),
    ("smooth l1", huber, huber_hand, True),
    ("smooth l1 clamped", huber, huber_clamped, True),
    ("smooth l1 no half", huber, huber_no_half, False),
    ("contrastive by diagonal", contrastive, contrastive_diag, True),
    ("contrastive over columns", contrastive, contrastive_columns, False),
    ("softmax gradient", softmax_grad, softmax_grad_fused, True),
    ("softmax gradient mean", softmax_grad, softmax_grad_mean, False),
    ("ce gradient", ce_grad, ce_grad_one_hot, True),
    ("ce gradient not averaged", ce_grad, ce_grad_not_averaged, False),
    ("layer norm gradient", layer_norm_grad, layer_norm_grad_means, True),
    ("layer norm gradient, mean forgotten", layer_norm_grad, layer_norm_grad_forgot, False),
    ("gelu gradient", gelu_grad, gelu_grad_other, True),
    ("gelu gradient without x", gelu_grad, gelu_grad_no_x, False),
    ("silu gradient", silu_grad, silu_grad_exp, True),
    ("attention gradient by delta", attention_grad_v, attention_grad_delta, True),
    ("attention gradient without delta", attention_grad_v, attention_grad_no_delta, False),
]
