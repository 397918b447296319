"""Attention without masks: shards, streams, blocks of queries, groups of heads, and its common mistakes."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Q = Float[Tensor, "b h n d"]
K = Float[Tensor, "b h m d"]
Q1 = Float[Tensor, "b h d"]
V = Float[Tensor, "b h m e"]
O = Float[Tensor, "b h n e"]  # noqa: E741
K2 = Float[Tensor, "b h 2*w d"]
K3 = Float[Tensor, "b h 3*w d"]
K4 = Float[Tensor, "b h 4*w d"]
K8 = Float[Tensor, "n 8*w"]


def plain(q: Q, k: K, v: V) -> O:
    return F.scaled_dot_product_attention(q, k, v)


def scale_on_q(q: Q, k: K, v: V) -> O:
    attn = torch.matmul(q * q.size(-1) ** -0.5, k.permute(0, 1, 3, 2)).softmax(-1)
    return torch.matmul(attn, v)


def scale_split(q: Q, k: K, v: V) -> O:
    scale = q.shape[-1] ** -0.25
    return torch.einsum("bhnm,bhme->bhne", F.softmax((q * scale) @ (k * scale).mT, dim=-1), v)


def unsafe_exp(q: Q, k: K, v: V) -> O:
    e = torch.exp(q @ k.mT / math.sqrt(q.shape[-1]))
    return (e @ v) / e.sum(-1, keepdim=True)


def keys_first(q: Q, k: K, v: V) -> O:
    s = k @ q.transpose(2, 3) / math.sqrt(k.size(3))
    return torch.softmax(s, dim=2).transpose(2, 3) @ v


def base_two(q: Q, k: K, v: V) -> O:
    s = q @ k.mT * (1 / math.sqrt(q.shape[-1])) * 1.4426950408889634
    p = torch.exp2(s - s.max(dim=-1, keepdim=True).values)
    return p @ v / p.sum(dim=-1, keepdim=True)


def base_two_forgotten(q: Q, k: K, v: V) -> O:
    s = q @ k.mT * (1 / math.sqrt(q.shape[-1]))
    p = torch.exp2(s - s.max(dim=-1, keepdim=True).values)
    return p @ v / p.sum(dim=-1, keepdim=True)


def scale_from_values(q: Q, k: K, v: V) -> O:
    return torch.softmax(q @ k.mT / math.sqrt(v.shape[-1]), dim=-1) @ v


def sum_of_exp_of_raw_scores(q: Q, k: K, v: V) -> O:
    s = q @ k.mT / math.sqrt(q.shape[-1])
    p = torch.exp(s - s.amax(-1, keepdim=True))
    return p @ v / torch.exp(s).sum(-1, keepdim=True)


def two(q: Q, k: K2, v: K2) -> Q:
    return torch.softmax(q @ k.mT, dim=-1) @ v


def two_unshifted(q: Q, k: K2, v: K2) -> Q:
    numerator, denominator = torch.zeros_like(q), torch.zeros_like(q[..., :1])
    for kk, vv in zip(k.split(k.shape[2] // 2, dim=2), v.split(v.shape[2] // 2, dim=2), strict=True):
        e = torch.exp(q @ kk.mT)
        numerator = numerator + e @ vv
        denominator = denominator + e.sum(-1, keepdim=True)
    return numerator / denominator


def two_lse_as_maximum(q: Q, k: K2, v: K2) -> Q:
    (k1, k2), (v1, v2) = k.chunk(2, 2), v.chunk(2, 2)
    s1, s2 = q @ k1.mT, q @ k2.mT
    lse1, lse2 = s1.logsumexp(-1, keepdim=True), s2.logsumexp(-1, keepdim=True)
    lse = torch.maximum(lse1, lse2)
    return torch.exp(lse1 - lse) * (s1.softmax(-1) @ v1) + torch.exp(lse2 - lse) * (s2.softmax(-1) @ v2)


def two_blocks_each_normalised(q: Q, k: K2, v: K2) -> Q:
    (k1, k2), (v1, v2) = k.chunk(2, 2), v.chunk(2, 2)
    return (q @ k1.mT).softmax(-1) @ v1 + (q @ k2.mT).softmax(-1) @ v2


def three(q: Q, k: K3, v: K3) -> Q:
    s = torch.einsum("bhnd,bhmd->bhnm", q, k) / math.sqrt(q.shape[-1])
    return torch.einsum("bhnm,bhmd->bhnd", s.softmax(-1), v)


def three_shards(q: Q, k: K3, v: K3) -> Q:
    outs, lses = [], []
    for kk, vv in zip(torch.chunk(k, 3, dim=-2), torch.chunk(v, 3, dim=-2), strict=True):
        s = q @ kk.transpose(-1, -2) / math.sqrt(q.shape[-1])
        outs.append(s.softmax(dim=-1) @ vv)
        lses.append(s.logsumexp(dim=-1))
    weights = torch.softmax(torch.stack(lses), dim=0).unsqueeze(-1)
    return (weights * torch.stack(outs)).sum(0)


def three_shards_without_middle(q: Q, k: K3, v: K3) -> Q:
    w = k.shape[2] // 3
    s1, s2 = q @ k[:, :, :w].mT / math.sqrt(q.shape[-1]), q @ k[:, :, 2 * w :].mT / math.sqrt(q.shape[-1])
    p = torch.cat([s1, s2], dim=-1).softmax(-1)
    return p @ torch.cat([v[:, :, :w], v[:, :, 2 * w :]], dim=2)


def four(q: Q, k: K4, v: K4) -> Q:
    return F.scaled_dot_product_attention(q, k, v)


def four_normalised_state(q: Q, k: K4, v: K4) -> Q:
    """The output is kept normalised, and the state is one log-sum-exp."""
    ks, vs = k.chunk(4, dim=2), v.chunk(4, dim=2)
    s = q @ ks[0].mT * q.shape[-1] ** -0.5
    lse, out = torch.logsumexp(s, -1, keepdim=True), s.softmax(-1) @ vs[0]
    for kk, vv in zip(ks[1:], vs[1:], strict=True):
        s = q @ kk.mT * q.shape[-1] ** -0.5
        block = torch.logsumexp(s, -1, keepdim=True)
        new = torch.logaddexp(lse, block)
        out = out * torch.exp(lse - new) + (s.softmax(-1) @ vv) * torch.exp(block - new)
        lse = new
    return out


def four_from_zero_maximum(q: Q, k: K4, v: K4) -> Q:
    """A running maximum that starts at 0 is another shift: unsafe, and equal."""
    m = torch.zeros_like(q[..., :1])
    total = torch.zeros_like(q[..., :1])
    acc = torch.zeros_like(q)
    for kk, vv in zip(k.chunk(4, dim=2), v.chunk(4, dim=2), strict=True):
        s = q @ kk.mT / math.sqrt(q.shape[-1])
        m_new = torch.maximum(m, s.max(-1, keepdim=True)[0])
        p = torch.exp(s - m_new)
        alpha = torch.exp(m - m_new)
        total = alpha * total + p.sum(-1, keepdim=True)
        acc = alpha * acc + p @ vv
        m = m_new
    return acc / total


def four_total_not_rescaled(q: Q, k: K4, v: K4) -> Q:
    m = torch.full_like(q[..., :1], -torch.inf)
    total = torch.zeros_like(q[..., :1])
    acc = torch.zeros_like(q)
    for kk, vv in zip(k.chunk(4, dim=2), v.chunk(4, dim=2), strict=True):
        s = q @ kk.mT / math.sqrt(q.shape[-1])
        m_new = torch.maximum(m, s.amax(-1, keepdim=True))
        p = torch.exp(s - m_new)
        acc = torch.exp(m - m_new) * acc + p @ vv
        total = total + p.sum(-1, keepdim=True)
        m = m_new
    return acc / total


def four_stale_maximum(q: Q, k: K4, v: K4) -> Q:
    m = torch.full_like(q[..., :1], -torch.inf)
    total = torch.zeros_like(q[..., :1])
    acc = torch.zeros_like(q)
    for kk, vv in zip(k.chunk(4, dim=2), v.chunk(4, dim=2), strict=True):
        s = q @ kk.mT / math.sqrt(q.shape[-1])
        m_new = s.amax(-1, keepdim=True)
        p = torch.exp(s - m_new)
        total = torch.exp(m - torch.maximum(m, m_new)) * total + p.sum(-1, keepdim=True)
        acc = torch.exp(m - torch.maximum(m, m_new)) * acc + p @ vv
        m = torch.maximum(m, m_new)
    return acc / total


def eight(x: K8, v: Float[Tensor, "8*w d"]) -> Float[Tensor, "n d"]:
    return torch.softmax(x, dim=-1) @ v


def eight_tree(x: K8, v: Float[Tensor, "8*w d"]) -> Float[Tensor, "n d"]:
    """States (maximum, sum, output) merged two by two."""
    states = []
    for s, vv in zip(x.chunk(8, dim=1), v.chunk(8, dim=0), strict=True):
        m = s.amax(1, keepdim=True)
        p = torch.exp(s - m)
        states.append((m, p.sum(1, keepdim=True), p @ vv))
    while len(states) > 1:
        pairs = zip(states[::2], states[1::2], strict=True)
        merged = []
        for (m1, l1, o1), (m2, l2, o2) in pairs:
            m = torch.maximum(m1, m2)
            a, b = torch.exp(m1 - m), torch.exp(m2 - m)
            merged.append((m, a * l1 + b * l2, a * o1 + b * o2))
        states = merged
    return states[0][2] / states[0][1]


def by_query_blocks(q: K2, k: K, v: V) -> Float[Tensor, "b h 2*w e"]:
    return torch.cat([torch.softmax(part @ k.mT, dim=-1) @ v for part in q.chunk(2, dim=2)], dim=2)


def all_queries(q: K2, k: K, v: V) -> Float[Tensor, "b h 2*w e"]:
    return torch.softmax(q @ k.mT, dim=-1) @ v


def query_blocks_reversed(q: K2, k: K, v: V) -> Float[Tensor, "b h 2*w e"]:
    return torch.cat([torch.softmax(part @ k.mT, dim=-1) @ v for part in reversed(q.chunk(2, dim=2))], dim=2)


def decode(q: Q1, k: K, v: K) -> Q1:
    s = torch.einsum("bhd,bhmd->bhm", q, k) / math.sqrt(q.shape[-1])
    return torch.einsum("bhm,bhmd->bhd", torch.softmax(s, -1), v)


def decode_as_row(q: Q1, k: K, v: K) -> Q1:
    return F.scaled_dot_product_attention(q.unsqueeze(2), k, v).squeeze(2)


def with_cache(q: Q, k1: Float[Tensor, "b h m d"], k2: Float[Tensor, "b h p d"], v1: K, v2: Float[Tensor, "b h p d"]) -> Q:
    k, v = torch.cat([k1, k2], dim=2), torch.cat([v1, v2], dim=2)
    return torch.softmax(q @ k.mT, dim=-1) @ v


def with_cache_merged(
    q: Q, k1: Float[Tensor, "b h m d"], k2: Float[Tensor, "b h p d"], v1: K, v2: Float[Tensor, "b h p d"]
) -> Q:
    s1, s2 = q @ k1.mT, q @ k2.mT
    m = torch.maximum(s1.amax(-1, keepdim=True), s2.amax(-1, keepdim=True))
    e1, e2 = torch.exp(s1 - m), torch.exp(s2 - m)
    return (e1 @ v1 + e2 @ v2) / (e1.sum(-1, keepdim=True) + e2.sum(-1, keepdim=True))


PAIRS = [
    ("scale on q", plain, scale_on_q, True),
    ("scale split between q and k", plain, scale_split, True),
    ("without the maximum", plain, unsafe_exp, True),
    ("scores transposed", plain, keys_first, True),
    ("powers of two", plain, base_two, True),
    ("powers of two, log2(e) forgotten", plain, base_two_forgotten, False),
    ("scale from the width of v", plain, scale_from_values, False),
    ("shifted above, unshifted below", plain, sum_of_exp_of_raw_scores, False),
    ("two halves, unshifted sums", two, two_unshifted, True),
    ("two shards, maximum for log-sum-exp", two, two_lse_as_maximum, False),
    ("two blocks, each normalised", two, two_blocks_each_normalised, False),
    ("three shards by softmax of log-sum-exps", three, three_shards, True),
    ("middle shard missed", three, three_shards_without_middle, False),
    ("four blocks, normalised state", four, four_normalised_state, True),
    ("four blocks from maximum 0", four, four_from_zero_maximum, True),
    ("four blocks, total not rescaled", four, four_total_not_rescaled, False),
    ("four blocks, maximum of the block only", four, four_stale_maximum, False),
    ("eight blocks in a tree", eight, eight_tree, True),
    ("blocks of queries", all_queries, by_query_blocks, True),
    ("blocks of queries in reverse", all_queries, query_blocks_reversed, False),
    ("decoding one query", decode, decode_as_row, True),
    ("cache and new keys", with_cache, with_cache_merged, True),
]
