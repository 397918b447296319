"""Attention in other layouts, in groups, in whole layers, while decoding."""

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Q = Float[Tensor, "b h n d"]


K = Float[Tensor, "b h m d"]


NEG_INF = float("-inf")


def causal_sdpa(q: Q, k: Q, v: Q) -> Q:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def window(q: Q, k: Q, v: Q) -> Q:
    i = torch.arange(q.size(2))
    delta = i.unsqueeze(1) - i.unsqueeze(0)
    ok = (delta >= 0) & (delta < 3)
    s = q @ k.mT / q.size(3) ** 0.5
    return torch.where(ok, s, NEG_INF).softmax(-1) @ v


def window_tri(q, k, v):
    n = q.size(2)
    ones = torch.ones(n, n)
    band = ones.tril() * (1 - ones.tril(diagonal=-3))
    s = q @ k.mT / q.size(3) ** 0.5
    return s.masked_fill(band == 0, NEG_INF).softmax(-1) @ v


def window_off(q, k, v):
    i = torch.arange(q.size(2))
    delta = i.unsqueeze(1) - i.unsqueeze(0)
    ok = (delta >= 0) & (delta <= 3)
    return torch.where(ok, q @ k.mT / q.size(3) ** 0.5, NEG_INF).softmax(-1) @ v


def sink(q: Q, k: K, v: K, s0: Float[Tensor, "h"]) -> Q:
    """An extra logit a head that takes weight and gives nothing."""
    s = q @ k.mT / math.sqrt(q.shape[-1])
    b, h, n, m = s.shape
    extra = s0.view(1, h, 1, 1).expand(b, h, n, 1)
    p = torch.cat([s, extra], dim=-1).softmax(-1)
    return p[..., :m] @ v


def sink_in_denominator(q, k, v, s0):
    e = torch.exp(q @ k.mT / math.sqrt(q.shape[-1]))
    return e @ v / (e.sum(-1, keepdim=True) + torch.exp(s0)[:, None, None])


def softmax_one_more(q, k, v, s0):
    e = torch.exp(q @ k.mT / math.sqrt(q.shape[-1]))
    return e @ v / (e.sum(-1, keepdim=True) + 1)


def bnhd(q: Float[Tensor, "b n h d"], k: Float[Tensor, "b m h d"], v: Float[Tensor, "b m h d"]) -> Float[Tensor, "b n h d"]:
    q, k, v = (t.transpose(1, 2) for t in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2)


def bnhd_einsum(q, k, v):
    w = torch.einsum("bnhd,bmhd->bhnm", q, k).div(math.sqrt(q.shape[-1])).softmax(dim=-1)
    return torch.einsum("bhnm,bmhd->bnhd", w, v).contiguous()


def bnhd_over_heads(q, k, v):
    w = torch.einsum("bnhd,bmhd->bnmh", q, k).div(math.sqrt(q.shape[-1])).softmax(dim=-1)
    return torch.einsum("bnmh,bmhd->bnhd", w, v)


def gqa_library(q: Float[Tensor, "b 8 n 64"], k: Float[Tensor, "b 2 m 64"], v: Float[Tensor, "b 2 m 64"]):
    return F.scaled_dot_product_attention(q, k, v, enable_gqa=True)


def gqa_repeat(q, k, v):
    k = torch.repeat_interleave(k, 4, dim=1)
    v = torch.repeat_interleave(v, 4, dim=1)
    return F.softmax(q @ k.mT / 8, -1) @ v


def gqa_tile(q, k, v):
    k, v = k.repeat(1, 4, 1, 1), v.repeat(1, 4, 1, 1)
    return F.softmax(q @ k.mT / 8.0, -1) @ v


def gqa_grouped(q, k, v):
    b, h, n, d = q.shape
    q = q.reshape(b, 2, 4, n, d)
    s = torch.einsum("bgrnd,bgmd->bgrnm", q, k) * 64**-0.5
    return torch.einsum("bgrnm,bgmd->bgrnd", s.softmax(-1), v).flatten(1, 2)


def gqa_expand(q, k, v):
    b, g, m, d = k.shape
    r = q.shape[1] // g
    k = k[:, :, None].expand(b, g, r, m, d).reshape(b, g * r, m, d)
    v = v[:, :, None].expand(b, g, r, m, d).reshape(b, g * r, m, d)
    return F.scaled_dot_product_attention(q, k, v)


def mqa(q: Q, k: Float[Tensor, "b m d"], v: Float[Tensor, "b m d"]) -> Q:
    return F.softmax(torch.einsum("bhnd,bmd->bhnm", q, k) / math.sqrt(q.shape[-1]), -1) @ v.unsqueeze(1)


def mqa_folded_heads(q, k, v):
    b, h, n, d = q.shape
    flat = q.reshape(b, h * n, d)
    out = torch.bmm(torch.softmax(torch.bmm(flat, k.transpose(1, 2)) / math.sqrt(d), dim=2), v)
    return out.view(b, h, n, d)


def layer(
    x: Float[Tensor, "b n 64"],
    wq: Float[Tensor, "64 64"],
    wk: Float[Tensor, "64 64"],
    wv: Float[Tensor, "64 64"],
    wo: Float[Tensor, "64 64"],
) -> Float[Tensor, "b n 64"]:
    def split_heads(t):
        return t.unflatten(-1, (8, 8)).transpose(1, 2)

    q, k, v = (split_heads(F.linear(x, w)) for w in (wq, wk, wv))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return F.linear(y.transpose(1, 2).flatten(2), wo)


def layer_by_head(x, wq, wk, wv, wo, h=8):
    b, n, e = x.shape
    d = e // h
    mask = torch.ones(n, n).triu(1).bool()
    total = torch.zeros_like(x)
    for i in range(h):
        rows = slice(i * d, (i + 1) * d)
        q, k, v = x @ wq[rows].T, x @ wk[rows].T, x @ wv[rows].T
        p = torch.softmax((q @ k.mT / d**0.5).masked_fill(mask, NEG_INF), dim=-1)
        total = total + p @ v @ wo[:, rows].T
    return total


def layer_fused(x, wq, wk, wv, wo, h=8):
    b, n, e = x.shape
    qkv = x @ torch.cat([wq, wk, wv]).T
    q, k, v = qkv.view(b, n, 3, h, e // h).permute(2, 0, 3, 1, 4)
    s = q @ k.transpose(-1, -2) / math.sqrt(e // h)
    s = s + torch.triu(torch.full((n, n), NEG_INF), 1)
    return (s.softmax(-1) @ v).transpose(1, 2).reshape(b, n, e) @ wo.T


def layer_no_transpose_back(x, wq, wk, wv, wo, h=8):
    b, n, e = x.shape
    q, k, v = (F.linear(x, w).view(b, n, h, e // h).transpose(1, 2) for w in (wq, wk, wv))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return F.linear(y.reshape(b, n, e), wo)


def decode(
    q: Float[Tensor, "b h d"],
    past_k: Float[Tensor, "b h t d"],
    past_v: Float[Tensor, "b h t d"],
    k: Float[Tensor, "b h d"],
    v: Float[Tensor, "b h d"],
) -> Float[Tensor, "b h d"]:
    ks = torch.cat([past_k, k.unsqueeze(2)], dim=2)
    vs = torch.cat([past_v, v.unsqueeze(2)], dim=2)
    s = (q.unsqueeze(2) @ ks.transpose(2, 3)) / math.sqrt(q.shape[-1])
    return (s.softmax(-1) @ vs).squeeze(2)


def decode_merge(q, past_k, past_v, k, v):
    r = math.sqrt(q.shape[-1])
    old = torch.einsum("bhd,bhtd->bht", q, past_k) / r
    new = (q * k).sum(-1) / r
    m = torch.maximum(old.max(-1).values, new)
    po, pn = (old - m[..., None]).exp(), (new - m).exp()
    num = torch.einsum("bht,bhtd->bhd", po, past_v) + pn[..., None] * v
    return num / (po.sum(-1) + pn)[..., None]


def decode_old_only(q, past_k, past_v, k, v):
    r = math.sqrt(q.shape[-1])
    old = torch.einsum("bhd,bhtd->bht", q, past_k) / r
    new = (q * k).sum(-1) / r
    m = old.max(-1).values
    po, pn = (old - m[..., None]).exp(), (new - m).exp()
    num = torch.einsum("bht,bhtd->bhd", po, past_v) + pn[..., None] * v
    return num / po.sum(-1)[..., None]


def cross_with_context(
    x: Float[Tensor, "n e"],
    ctx: Float[Tensor, "m c"],
    wq: Float[Tensor, "e d"],
    wk: Float[Tensor, "c d"],
    wv: Float[Tensor, "c d"],
) -> Float[Tensor, "n d"]:
    return torch.softmax((x @ wq) @ (ctx @ wk).T, -1) @ (ctx @ wv)


def cross_absorbed(x, ctx, wq, wk, wv):
    """As latent attention absorbs the projections."""
    return torch.softmax(x @ (wq @ wk.T) @ ctx.T, -1) @ ctx @ wv


def cross_absorbed_wrong(x, ctx, wq, wk, wv):
    return torch.softmax(x @ (wq @ wk.T) @ ctx.T, 0) @ ctx @ wv


def attention_core(q, k, v, *, scale=None, causal=False):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    s = q @ k.mT * scale
    if causal:
        s = s.masked_fill(torch.ones(s.shape[-2:], dtype=torch.bool).triu(1), NEG_INF)
    return s.softmax(-1) @ v


core_causal: Callable[..., Tensor] = partial(attention_core, causal=True)


def attention_lse(q: Q, k: K, v: K):
    s = q @ k.mT
    return F.softmax(s, -1) @ v, torch.logsumexp(s, -1)


def attention_lse_hand(q, k, v):
    s = q @ k.mT
    m = s.max(-1, keepdim=True)[0]
    e = (s - m).exp()
    z = e.sum(-1, keepdim=True)
    return e @ v / z, (m + z.log()).squeeze(-1)


def attention_lse_no_max(q, k, v):
    s = q @ k.mT
    m = s.max(-1, keepdim=True)[0]
    e = (s - m).exp()
    z = e.sum(-1, keepdim=True)
    return e @ v / z, z.log().squeeze(-1)


def rows_inplace(q: Float[Tensor, "n d"], k: Float[Tensor, "m d"], v: Float[Tensor, "m d"]) -> Float[Tensor, "n d"]:
    s = q.mm(k.t())
    s.div_(math.sqrt(q.shape[1]))
    s.sub_(s.amax(1, keepdim=True)).exp_()
    s /= s.sum(1, keepdim=True)
    return torch.mm(s, v)


def rows_columns_normalised(q, k, v):
    s = q.mm(k.t()) / math.sqrt(q.shape[1])
    e = s.exp()
    return (e / e.sum(0, keepdim=True)) @ v


def per_token_causal(q: Float[Tensor, "6 d"], k: Float[Tensor, "6 d"], v: Float[Tensor, "6 d"]) -> Float[Tensor, "6 d"]:
    outs = []
    for t in range(6):
        s = k[: t + 1] @ q[t] / math.sqrt(q.shape[-1])
        outs.append(s.softmax(0) @ v[: t + 1])
    return torch.stack(outs)


def per_token_matrix(q: Float[Tensor, "6 d"], k: Float[Tensor, "6 d"], v: Float[Tensor, "6 d"]):
    return F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]


PAIRS = [
    ("window by tril", window, window_tri, True),
    ("window one too wide", window, window_off, False),
    ("sink in the denominator", sink, sink_in_denominator, True),
    ("sink is one", sink, softmax_one_more, False),
    ("b n h d", bnhd, bnhd_einsum, True),
    ("b n h d over heads", bnhd, bnhd_over_heads, False),
    ("gqa repeat_interleave", gqa_library, gqa_repeat, True),
    ("gqa repeat", gqa_library, gqa_tile, False),
    ("gqa grouped", gqa_library, gqa_grouped, True),
    ("gqa expand", gqa_library, gqa_expand, True),
    ("mqa folded heads", mqa, mqa_folded_heads, True),
    ("layer by head", layer, layer_by_head, True),
    ("layer fused", layer, layer_fused, True),
    ("layer without transpose", layer, layer_no_transpose_back, False),
    ("decode merged", decode, decode_merge, True),
    ("decode forgot new in denominator", decode, decode_old_only, False),
    ("cross absorbed", cross_with_context, cross_absorbed, True),
    ("cross over queries", cross_with_context, cross_absorbed_wrong, False),
    ("partial causal", causal_sdpa, core_causal, True),
    ("partial not causal", causal_sdpa, attention_core, False),
    ("attention and lse", attention_lse, attention_lse_hand, True),
    ("attention and lse without max", attention_lse, attention_lse_no_max, False),
    ("in place rows", rows_inplace, partial(attention_core, scale=None), True),
    ("columns normalised", rows_inplace, rows_columns_normalised, False),
    ("token by token", per_token_matrix, per_token_causal, True),
]
