"""Unusual styles: helpers, states, heads in lists, lengths, shards of a vocabulary."""

import functools
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, einsum

HEADS = 8


SCALE = 1 / math.sqrt(64)


MASK_VALUE = -torch.inf


def _softmax_rows(s: Tensor) -> Tensor:
    s = s - torch.max(s, dim=-1, keepdim=True)[0]
    s = torch.exp(s)
    return torch.div(s, torch.sum(s, dim=-1, keepdim=True))


def attend(q: Float[Tensor, "1 n 64"], k: Float[Tensor, "1 m 64"], v: Float[Tensor, "1 m 64"]) -> Float[Tensor, "1 n 64"]:
    return torch.bmm(_softmax_rows(torch.bmm(q, k.permute(0, 2, 1)) * SCALE), v)


def attend_library(query, key, value):
    return F.scaled_dot_product_attention(query, key, value, dropout_p=0.0)


def attend_unscaled(query, key, value):
    return F.scaled_dot_product_attention(query, key, value, scale=1 / 64)


def heads_joined(
    q: Float[Tensor, "b n 8*d"], k: Float[Tensor, "b m 8*d"], v: Float[Tensor, "b m 8*d"]
) -> Float[Tensor, "b n 8*d"]:
    b, n, _ = q.shape
    q, k, v = map(lambda t: t.view(b, t.shape[1], HEADS, -1).transpose(1, 2), (q, k, v))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, -1)


def heads_listed(q, k, v):
    outs = [
        F.scaled_dot_product_attention(a, b, c) for a, b, c in zip(q.chunk(8, -1), k.chunk(8, -1), v.chunk(8, -1), strict=False)
    ]
    return torch.cat(outs, dim=-1)


def heads_batched(q, k, v):
    """Heads stacked along the batch, as in the first papers."""
    big_q, big_k, big_v = (torch.cat(torch.split(t, t.shape[2] // HEADS, dim=2), dim=0) for t in (q, k, v))
    w = torch.softmax(big_q @ big_k.transpose(1, 2) / big_k.shape[-1] ** 0.5, dim=-1)
    return torch.cat(torch.split(w @ big_v, q.shape[0], dim=0), dim=2)


def heads_scaled_by_model(q, k, v):
    big_q, big_k, big_v = (torch.cat(torch.split(t, t.shape[2] // HEADS, dim=2), dim=0) for t in (q, k, v))
    w = torch.softmax(big_q @ big_k.transpose(1, 2) / q.shape[-1] ** 0.5, dim=-1)
    return torch.cat(torch.split(w @ big_v, q.shape[0], dim=0), dim=2)


class State(NamedTuple):
    top: Tensor
    total: Tensor
    out: Tensor


def _merge(a: State, b: State) -> State:
    top = torch.maximum(a.top, b.top)
    ca, cb = torch.exp(a.top - top), torch.exp(b.top - top)
    return State(top, ca * a.total + cb * b.total, ca[:, None] * a.out + cb[:, None] * b.out)


def tree(q: Float[Tensor, "n d"], k: Float[Tensor, "8*w d"], v: Float[Tensor, "8*w e"]) -> Float[Tensor, "n e"]:
    states = []
    for kj, vj in zip(torch.tensor_split(k, 8), torch.tensor_split(v, 8), strict=False):
        s = q @ kj.T / math.sqrt(q.shape[1])
        top = s.amax(-1)
        p = torch.exp(s - top[:, None])
        states.append(State(top, p.sum(-1), p @ vj))
    final = functools.reduce(_merge, states)
    return final.out / final.total[:, None]


def tree_reference(q: Float[Tensor, "n d"], k: Float[Tensor, "8*w d"], v: Float[Tensor, "8*w e"]) -> Float[Tensor, "n e"]:
    return F.scaled_dot_product_attention(q, k, v)


def _merge_wrong(a: State, b: State) -> State:
    top = torch.maximum(a.top, b.top)
    ca, cb = torch.exp(a.top - top), torch.exp(b.top - top)
    return State(a.top, ca * a.total + cb * b.total, ca[:, None] * a.out + cb[:, None] * b.out)


def tree_stale_maximum(q, k, v):
    states = []
    for kj, vj in zip(torch.tensor_split(k, 8), torch.tensor_split(v, 8), strict=False):
        s = q @ kj.T / math.sqrt(q.shape[1])
        top = s.amax(-1)
        p = torch.exp(s - top[:, None])
        states.append(State(top, p.sum(-1), p @ vj))
    final = functools.reduce(_merge_wrong, states)
    return final.out / final.total[:, None]


def lse(x: Float[Tensor, "n 2*w"]) -> Float[Tensor, "n"]:
    return torch.logsumexp(x, dim=1)


def lse_even_odd(x):
    a, b = x[:, ::2].exp().sum(1), x[:, 1::2].exp().sum(1)
    return torch.log(a + b)


def lse_sigmoid(x):
    a, b = x[:, : x.shape[1] // 2].logsumexp(1), x[:, x.shape[1] // 2 :].logsumexp(1)
    return a - F.logsigmoid(a - b)


def lse_sum(x):
    left, right = x.tensor_split(2, dim=1)
    return left.logsumexp(1) + right.logsumexp(1)


def lengths(q: Float[Tensor, "b n d"], k: Float[Tensor, "b n d"], v: Float[Tensor, "b n d"], last: Int[Tensor, "b"]):
    """`last` is the place of the last key that counts."""
    pos = torch.arange(k.shape[1])
    s = q @ k.transpose(1, 2) / k.shape[-1] ** 0.5
    s = s.masked_fill((pos[None] > last[:, None])[:, None, :], MASK_VALUE)
    return torch.softmax(s, -1) @ v


def lengths_indicator(q, k, v, last):
    pos = torch.arange(k.shape[1])
    keep = (pos.unsqueeze(0) <= last.unsqueeze(1)).to(q.dtype)
    e = torch.exp(einsum("bnd,bmd->bnm", q, k) * k.shape[-1] ** -0.5) * keep[:, None]
    return einsum("bnm,bmd->bnd", e, v) / e.sum(-1)[..., None]


def lengths_off_by_one(q, k, v, last):
    pos = torch.arange(k.shape[1])
    keep = (pos.unsqueeze(0) < last.unsqueeze(1) + 2).to(q.dtype)
    e = torch.exp(einsum("bnd,bmd->bnm", q, k) * k.shape[-1] ** -0.5) * keep[:, None]
    return einsum("bnm,bmd->bnd", e, v) / e.sum(-1)[..., None]


def pooled(x: Float[Tensor, "b n d"], keep: Bool[Tensor, "b n"]) -> Float[Tensor, "b d"]:
    m = keep.unsqueeze(-1).to(x.dtype)
    return (x * m).sum(1) / m.sum(1)


def pooled_softmax(x, keep):
    w = torch.zeros_like(x[..., 0]).masked_fill(~keep, MASK_VALUE).softmax(-1)
    return torch.bmm(w.unsqueeze(1), x).squeeze(1)


def pooled_where(x, keep):
    return torch.where(keep[..., None], x, 0.0).sum(1) / keep.sum(1, keepdim=True)


def pooled_over_all(x, keep):
    return torch.where(keep[..., None], x, 0.0).mean(1)


def megatron(x: Float[Tensor, "n 2*v"], y: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    return -F.log_softmax(x, dim=-1).gather(-1, y[:, None]).squeeze(-1)


def megatron_sharded(x, y):
    world = 2
    size = x.shape[-1] // world
    shards = torch.split(x, size, dim=-1)
    top = functools.reduce(torch.maximum, [s.max(dim=-1)[0] for s in shards])
    hits, sums = [], []
    for rank in range(world):
        logits = shards[rank] - top.unsqueeze(dim=-1)
        start, end = rank * size, (rank + 1) * size
        outside = (y < start) | (y >= end)
        local = y.clone() - start
        local[outside] = 0
        hit = logits[torch.arange(len(y)), local]
        hit[outside] = 0.0
        hits.append(hit)
        sums.append(logits.exp().sum(dim=-1))
    return torch.log(sum(sums)) - sum(hits)  # pyright: ignore


def megatron_not_zeroed(x, y):
    world = 2
    size = x.shape[-1] // world
    shards = torch.split(x, size, dim=-1)
    hits, sums = [], []
    for rank in range(world):
        start, end = rank * size, (rank + 1) * size
        outside = (y < start) | (y >= end)
        local = y.clone() - start
        local[outside] = 0
        hits.append(shards[rank][torch.arange(len(y)), local])
        sums.append(shards[rank].exp().sum(dim=-1))
    return torch.log(sum(sums)) - sum(hits)  # pyright: ignore


def vocab_embedding(y: Int[Tensor, "n"], table: Float[Tensor, "2*v d"]) -> Float[Tensor, "n d"]:
    return table[y]


def vocab_embedding_sharded(y, table):
    half = table.shape[0] // 2
    out = 0
    for rank, shard in enumerate(table.split(half)):
        mine = (y >= rank * half) & (y < (rank + 1) * half)
        rows = shard[(y - rank * half) * mine]
        out = out + rows * mine[:, None]
    return out


def norm_residual(x: Float[Tensor, "n d"], r: Float[Tensor, "n d"], w: Float[Tensor, "d"]):
    h = x + r
    return h * torch.rsqrt(h.pow(2).mean(dim=-1, keepdim=True) + 1e-6) * w, h


def norm_residual_inplace(x, r, w):
    x.add_(r)
    rms = torch.linalg.vector_norm(x, ord=2, dim=-1, keepdim=True).div(x.shape[-1] ** 0.5)
    return x / (rms.square() + 1e-6).sqrt() * w, x


def norm_residual_wrong(x, r, w):
    h = x + r
    return h * torch.rsqrt(h.pow(2).sum(dim=-1, keepdim=True) + 1e-6) * w, h


def scaled_sum(x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    return x / torch.sqrt(torch.mean(x**2, dim=-1, keepdim=True) + 1e-5)


def scaled_sum_root_d(x):
    return x * math.sqrt(x.shape[-1]) * torch.rsqrt(torch.sum(x * x, -1, keepdim=True) + 1e-5 * x.shape[-1])


def instance(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    return F.instance_norm(x, eps=1e-5)


def instance_flat(x):
    b, c = x.shape[:2]
    y = x.flatten(2)
    mean = y.mean(-1, keepdim=True)
    y = (y - mean) / torch.sqrt(((y - mean) ** 2).mean(-1, keepdim=True) + 1e-5)
    return y.reshape(x.shape)


PAIRS = [
    ("rows by helper", attend, attend_library, True),
    ("scaled by the width", attend, attend_unscaled, False),
    ("heads in a list", heads_joined, heads_listed, True),
    ("heads along the batch", heads_joined, heads_batched, True),
    ("heads scaled by the model", heads_joined, heads_scaled_by_model, False),
    ("reduce over states", tree_reference, tree, True),
    ("reduce with a stale maximum", tree_reference, tree_stale_maximum, False),
    ("lse of even and odd", lse, lse_even_odd, True),
    ("lse by logsigmoid", lse, lse_sigmoid, True),
    ("lse added", lse, lse_sum, False),
    ("lengths by indicator", lengths, lengths_indicator, True),
    ("lengths off by one", lengths, lengths_off_by_one, False),
    ("pooled by softmax of mask", pooled, pooled_softmax, True),
    ("pooled by where", pooled, pooled_where, True),
    ("pooled over all", pooled, pooled_over_all, False),
    ("vocab parallel, megatron", megatron, megatron_sharded, True),
    ("vocab parallel, megatron, not zeroed", megatron, megatron_not_zeroed, False),
    ("vocab parallel embedding", vocab_embedding, vocab_embedding_sharded, True),
    ("residual norm in place", norm_residual, norm_residual_inplace, True),
    ("residual norm by sum", norm_residual, norm_residual_wrong, False),
    ("rms by root d", scaled_sum, scaled_sum_root_d, True),
    ("instance norm", instance, instance_flat, True),
]
