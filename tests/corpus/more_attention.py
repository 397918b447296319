"""Attention as different authors write it: streamed, sharded, masked, biased."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

Q = Float[Tensor, "b h n d"]


K = Float[Tensor, "b h m d"]


NEG_INF = float("-inf")


def plain(q: Q, k: K, v: K) -> Q:
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.softmax(dim=-1) @ v


def einsum_explicit(q: Q, k: K, v: K) -> Q:
    sim = torch.einsum("bhid,bhjd->bhij", q * q.size(-1) ** -0.5, k)
    sim = sim - sim.amax(dim=-1, keepdim=True)
    num = sim.exp()
    return torch.einsum("bhij,bhjd->bhid", num / num.sum(-1, keepdim=True), v)


def divide_late(q: Q, k: K, v: K) -> Q:
    weights = torch.exp(torch.matmul(q, k.mT) * torch.rsqrt(torch.tensor(float(q.shape[-1]), dtype=q.dtype)))
    return torch.matmul(weights, v) / weights.sum(dim=-1)[..., None]


def scale_by_width_of_values(q: Q, k: K, v: K) -> Q:
    return F.softmax(q @ k.mT / math.sqrt(k.shape[-2]), dim=-1) @ v


def single(q: Float[Tensor, "n d"], k: Float[Tensor, "4*w d"], v: Float[Tensor, "4*w d"]) -> Float[Tensor, "n d"]:
    d = q.shape[1]
    return torch.softmax(q @ k.T * d**-0.5, dim=1) @ v


def streamed_slices(q, k, v):
    m, d = k.shape
    w = m // 4
    running_max = torch.full((q.shape[0], 1), NEG_INF, dtype=q.dtype)
    denom = torch.zeros_like(running_max)
    out = torch.zeros_like(q)
    for start in range(0, m, w):
        kj, vj = k[start : start + w], v[start : start + w]
        s = q @ kj.T / math.sqrt(d)
        new_max = torch.maximum(running_max, s.max(dim=-1, keepdim=True).values)
        fix = torch.exp(running_max - new_max)
        p = torch.exp(s - new_max)
        denom = denom * fix + p.sum(-1, keepdim=True)
        out = out * fix + p @ vj
        running_max = new_max
    return out / denom


def streamed_zip(q, k, v):
    scale = 1.0 / math.sqrt(q.size(-1))
    m, total, acc = None, None, None
    for kj, vj in zip(k.chunk(4), v.chunk(4), strict=True):
        s = (q * scale) @ kj.t()
        mj = s.amax(1)
        if m is None:
            m = mj
            p = (s - m[:, None]).exp()
            total, acc = p.sum(1), p @ vj
            continue
        m_new = torch.maximum(m, mj)
        alpha = (m - m_new).exp()
        p = (s - m_new.unsqueeze(1)).exp()
        total = total * alpha + p.sum(1)  # pyright: ignore
        acc = acc * alpha.unsqueeze(1) + p @ vj  # pyright: ignore
        m = m_new
    return acc / total.unsqueeze(1)  # pyright: ignore


def streamed_forgot_acc(q, k, v):
    scale = 1.0 / math.sqrt(q.size(-1))
    m = torch.full((q.shape[0],), NEG_INF, dtype=q.dtype)
    total = torch.zeros(q.shape[0], dtype=q.dtype)
    acc = torch.zeros_like(q)
    for j, (kj, vj) in enumerate(zip(k.chunk(4), v.chunk(4), strict=True)):
        s = (q * scale) @ kj.t()
        m_new = torch.maximum(m, s.amax(1))
        alpha = (m - m_new).exp()
        p = (s - m_new[:, None]).exp()
        total = total * alpha + p.sum(1)
        acc = (acc * alpha[:, None] if j < 3 else acc) + p @ vj
        m = m_new
    return acc / total[:, None]


def streamed_reversed(q, k, v):
    d = q.shape[-1]
    blocks = list(zip(torch.split(k, k.shape[0] // 4), torch.split(v, v.shape[0] // 4), strict=False))
    lse = None
    for kj, vj in reversed(blocks):
        s = q @ kj.T / d**0.5
        lj = torch.logsumexp(s, dim=-1, keepdim=True)
        oj = torch.exp(s - lj) @ vj
        if lse is None:
            lse, out = lj, oj
        else:
            both = torch.logaddexp(lse, lj)
            out = out * torch.exp(lse - both) + oj * torch.exp(lj - both)  # pyright: ignore
            lse = both
    return out  # pyright: ignore


def merged_views(q, k, v):
    """All four shards at once, by a view."""
    n, d = q.shape
    kb, vb = k.view(4, -1, d), v.view(4, -1, d)
    s = torch.einsum("nd,cwd->cnw", q, kb) / math.sqrt(d)
    m = s.amax(-1, keepdim=True)
    p = torch.exp(s - m)
    total = p.sum(-1, keepdim=True)
    o = p @ vb
    top = m.amax(0, keepdim=True)
    c = torch.exp(m - top)
    return (c * o).sum(0) / (c * total).sum(0)


def merged_mean_of_shards(q, k, v):
    n, d = q.shape
    kb, vb = k.view(4, -1, d), v.view(4, -1, d)
    s = torch.einsum("nd,cwd->cnw", q, kb) / math.sqrt(d)
    return (s.softmax(-1) @ vb).mean(0)


def merged_missing_weight(q, k, v):
    n, d = q.shape
    kb, vb = k.view(4, -1, d), v.view(4, -1, d)
    s = torch.einsum("nd,cwd->cnw", q, kb) / math.sqrt(d)
    o = s.softmax(-1) @ vb
    w = torch.softmax(s.amax(-1), dim=0)
    return (w[..., None] * o).sum(0)


def merged_by_softmax_of_lse(q, k, v):
    d = q.shape[-1]
    outs, lses = [], []
    for kj, vj in zip(k.view(4, -1, d).unbind(0), v.view(4, -1, d).unbind(0), strict=False):
        s = q @ kj.mT * (1 / math.sqrt(d))
        outs.append(s.softmax(-1) @ vj)
        lses.append(s.logsumexp(-1))
    weights = torch.stack(lses).softmax(0)
    return torch.einsum("cn,cnd->nd", weights, torch.stack(outs))


def causal_sdpa(q: Q, k: Q, v: Q) -> Q:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def causal_tril(q, k, v):
    n, d = q.shape[-2:]
    keep = torch.tril(torch.ones(n, n, dtype=torch.bool))
    scores = (q @ k.transpose(-1, -2)) / d**0.5
    return scores.masked_fill(~keep, NEG_INF).softmax(-1) @ v


def causal_triu_add(q, k, v):
    n = q.size(2)
    mask = torch.triu(torch.full((n, n), NEG_INF), diagonal=1)
    att = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(q.size(3)) + mask, dim=3)
    return att @ v


def causal_arange(q, k, v):
    i = torch.arange(q.shape[-2])
    visible = i[None, :] <= i[:, None]
    s = torch.einsum("...qd,...kd->...qk", q, k) * q.shape[-1] ** -0.5
    p = torch.where(visible, s.exp(), 0.0)
    return (p / p.sum(-1, keepdim=True)) @ v


def causal_strict(q, k, v):
    i = torch.arange(q.shape[-2])
    hidden = i[None, :] > i[:, None] + 1
    s = torch.einsum("...qd,...kd->...qk", q, k) * q.shape[-1] ** -0.5
    return s.masked_fill(hidden, NEG_INF).softmax(-1) @ v


def causal_transposed(q, k, v):
    n = q.size(2)
    keep = torch.triu(torch.ones(n, n)) == 1
    s = q @ k.transpose(2, 3) / math.sqrt(q.size(3))
    return s.masked_fill(~keep, NEG_INF).softmax(-1) @ v


def causal_multiplied(q, k, v):
    n = q.size(2)
    s = (q @ k.transpose(2, 3) / math.sqrt(q.size(3))).softmax(-1)
    return (s * torch.ones(n, n).tril()) @ v


def masked_library(q: Q, k: K, v: K, mask: Bool[Tensor, "b m"]):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])


def masked_where(q: Q, k: K, v: K, mask: Bool[Tensor, "b m"]) -> Q:
    s = torch.einsum("bhnd,bhmd->bhnm", q, k) / math.sqrt(q.shape[-1])
    s = torch.where(mask.unsqueeze(1).unsqueeze(1), s, torch.tensor(NEG_INF, dtype=s.dtype))
    return torch.einsum("bhnm,bhmd->bhnd", torch.softmax(s, -1), v)


def masked_inverted(q, k, v, mask):
    s = torch.einsum("bhnd,bhmd->bhnm", q, k) / math.sqrt(q.shape[-1])
    s = s.masked_fill(mask[:, None, None], NEG_INF)
    return torch.einsum("bhnm,bhmd->bhnd", torch.softmax(s, -1), v)


def masked_zero_score(q, k, v, mask):
    s = torch.einsum("bhnd,bhmd->bhnm", q, k) / math.sqrt(q.shape[-1])
    return torch.softmax(s * mask[:, None, None].to(s.dtype), -1) @ v


def biased_library(q: Q, k: K, v: K, bias: Float[Tensor, "h n m"]) -> Q:
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=1.0)


def biased_product(q, k, v, bias):
    e = (q @ k.mT).exp() * bias.exp()
    return (e @ v) / e.sum(-1, keepdim=True)


def biased_scaled(q, k, v, bias):
    return F.softmax((q @ k.mT + bias) / math.sqrt(q.shape[-1]), -1) @ v


def biased_scaled_reference(q: Q, k: K, v: K, bias: Float[Tensor, "h n m"]) -> Q:
    return F.softmax(q @ k.mT / math.sqrt(q.shape[-1]) + bias, -1) @ v


def alibi(q: Q, k: Q, v: Q, slopes: Float[Tensor, "h"]) -> Q:
    n = q.shape[-2]
    pos = torch.arange(n)
    distance = (pos[None, :] - pos[:, None]).to(q.dtype)
    s = q @ k.mT / math.sqrt(q.shape[-1]) + slopes[:, None, None] * distance
    return s.masked_fill(distance > 0, NEG_INF).softmax(-1) @ v


def alibi_keys_only(q, k, v, slopes):
    """The slope times the position of the query is the same for all keys."""
    n = q.shape[-2]
    s = q @ k.mT / math.sqrt(q.shape[-1]) + torch.einsum("h,j->hj", slopes, torch.arange(n).to(q.dtype))[:, None, :]
    s = s + torch.full((n, n), NEG_INF).triu(1)
    return s.softmax(-1) @ v


def alibi_negative(q, k, v, slopes):
    n = q.shape[-2]
    pos = torch.arange(n)
    distance = (pos[:, None] - pos[None, :]).to(q.dtype)
    s = q @ k.mT / math.sqrt(q.shape[-1]) + slopes[:, None, None] * distance
    return s.masked_fill(distance < 0, NEG_INF).softmax(-1) @ v


def softcap(q: Q, k: K, v: K) -> Q:
    s = q @ k.mT / math.sqrt(q.shape[-1])
    s = 50.0 * torch.tanh(s / 50.0)
    return s.softmax(-1) @ v


def softcap_sigmoid(q, k, v):
    """tanh by the logistic function: 2 sigmoid(2x) - 1; the -1 is the same for all keys."""
    s = torch.einsum("bhnd,bhmd->bhnm", q, k) * q.shape[-1] ** -0.5
    return F.softmax(100 * torch.sigmoid(s / 25), dim=-1) @ v


def softcap_no_scale_back(q, k, v):
    s = q @ k.mT / math.sqrt(q.shape[-1])
    return torch.tanh(s / 50.0).softmax(-1) @ v


PAIRS = [
    ("einsum, shifted", plain, einsum_explicit, True),
    ("divide after the values", plain, divide_late, True),
    ("scaled by the number of keys", plain, scale_by_width_of_values, False),
    ("streamed over slices", single, streamed_slices, True),
    ("streamed over zip of chunks", single, streamed_zip, True),
    ("last block not rescaled", single, streamed_forgot_acc, False),
    ("streamed backwards by logaddexp", single, streamed_reversed, True),
    ("four shards by a view", single, merged_views, True),
    ("mean of shards", single, merged_mean_of_shards, False),
    ("shards weighted by maxima", single, merged_missing_weight, False),
    ("shards weighted by softmax of lse", single, merged_by_softmax_of_lse, True),
    ("causal by tril", causal_sdpa, causal_tril, True),
    ("causal by adding triu", causal_sdpa, causal_triu_add, True),
    ("causal by where after exp", causal_sdpa, causal_arange, True),
    ("causal sees one ahead", causal_sdpa, causal_strict, False),
    ("causal transposed", causal_sdpa, causal_transposed, False),
    ("causal mask after softmax", causal_sdpa, causal_multiplied, False),
    ("key mask by where", masked_where, masked_library, True),
    ("key mask inverted", masked_library, masked_inverted, False),
    ("key mask makes score zero", masked_library, masked_zero_score, False),
    ("bias as factor", biased_library, biased_product, True),
    ("bias scaled too", biased_scaled_reference, biased_scaled, False),
    ("alibi by keys only", alibi, alibi_keys_only, True),
    ("alibi negated", alibi, alibi_negative, False),
    ("softcap by sigmoid", softcap, softcap_sigmoid, True),
    ("softcap not scaled back", softcap, softcap_no_scale_back, False),
]
