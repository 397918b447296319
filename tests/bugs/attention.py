"""Wrong attention, as it is written by mistake: each pair is (name, what was meant, what was typed)."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

Queries = Float[Tensor, "b h n d"]
Keys = Float[Tensor, "b h m d"]
Blocks = Float[Tensor, "b h 4*w d"]
Halves = Float[Tensor, "b h 2*w d"]
Mask = Bool[Tensor, "n m"]


def attention(q: Queries, k: Keys, v: Keys) -> Queries:
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.softmax(scores, dim=-1) @ v


def wrong_axis(q: Queries, k: Keys, v: Keys) -> Queries:
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.softmax(scores, dim=-2) @ v


def scaled_twice(q: Queries, k: Keys, v: Keys) -> Queries:
    q = q / math.sqrt(q.shape[-1])
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.softmax(scores, dim=-1) @ v


def scaled_by_d(q: Queries, k: Keys, v: Keys) -> Queries:
    scores = q @ k.transpose(-2, -1) / q.shape[-1]
    return torch.softmax(scores, dim=-1) @ v


def unscaled(q: Queries, k: Keys, v: Keys) -> Queries:
    return torch.softmax(q @ k.transpose(-2, -1), dim=-1) @ v


def scaled_by_keys(q: Queries, k: Keys, v: Keys) -> Queries:
    scores = q @ k.transpose(-2, -1) / math.sqrt(k.shape[-2])
    return torch.softmax(scores, dim=-1) @ v


def scaled_after_softmax(q: Queries, k: Keys, v: Keys) -> Queries:
    return torch.softmax(q @ k.transpose(-2, -1), dim=-1) / math.sqrt(q.shape[-1]) @ v


def never_normalised(q: Queries, k: Keys, v: Keys) -> Queries:
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.exp(scores - scores.amax(dim=-1, keepdim=True)) @ v


def blockwise(q: Queries, k: Blocks, v: Blocks) -> Queries:
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.softmax(scores, dim=-1) @ v


def output_not_rescaled(q: Queries, k: Blocks, v: Blocks) -> Queries:
    top = torch.full_like(q[..., :1], float("-inf"))
    total = torch.zeros_like(top)
    out = torch.zeros_like(q)
    for keys, values in zip(k.chunk(4, dim=2), v.chunk(4, dim=2), strict=True):
        scores = q @ keys.mT / math.sqrt(q.shape[-1])
        new_top = torch.maximum(top, scores.amax(dim=-1, keepdim=True))
        weights = torch.exp(scores - new_top)
        total = total * torch.exp(top - new_top) + weights.sum(dim=-1, keepdim=True)
        out = out + weights @ values
        top = new_top
    return out / total


def rescaled_the_wrong_way(q: Queries, k: Blocks, v: Blocks) -> Queries:
    top = q @ k[:, :, :1].mT / math.sqrt(q.shape[-1])
    total = torch.zeros_like(top)
    out = torch.zeros_like(q)
    for keys, values in zip(k.chunk(4, dim=2), v.chunk(4, dim=2), strict=True):
        scores = q @ keys.mT / math.sqrt(q.shape[-1])
        new_top = torch.maximum(top, scores.amax(dim=-1, keepdim=True))
        weights = torch.exp(scores - new_top)
        total = total * torch.exp(new_top - top) + weights.sum(dim=-1, keepdim=True)
        out = out * torch.exp(new_top - top) + weights @ values
        top = new_top
    return out / total


def last_block_missed(q: Queries, k: Blocks, v: Blocks) -> Queries:
    block = k.shape[2] // 4
    top = torch.full_like(q[..., :1], float("-inf"))
    total = torch.zeros_like(top)
    out = torch.zeros_like(q)
    for i in range(3):
        keys = k[:, :, i * block : (i + 1) * block]
        values = v[:, :, i * block : (i + 1) * block]
        scores = q @ keys.mT / math.sqrt(q.shape[-1])
        new_top = torch.maximum(top, scores.amax(dim=-1, keepdim=True))
        weights = torch.exp(scores - new_top)
        total = total * torch.exp(top - new_top) + weights.sum(dim=-1, keepdim=True)
        out = out * torch.exp(top - new_top) + weights @ values
        top = new_top
    return out / total


def one_value_block_for_all(q: Queries, k: Blocks, v: Blocks) -> Queries:
    out = torch.zeros_like(q)
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    for weights in torch.softmax(scores, dim=-1).chunk(4, dim=-1):
        out = out + weights @ v.chunk(4, dim=2)[0]
    return out


def sharded(q: Queries, k: Halves, v: Halves) -> Queries:
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    return torch.softmax(scores, dim=-1) @ v


def shards_averaged(q: Queries, k: Halves, v: Halves) -> Queries:
    halves = zip(k.chunk(2, dim=2), v.chunk(2, dim=2), strict=True)
    left, right = (F.scaled_dot_product_attention(q, keys, values) for keys, values in halves)
    return (left + right) / 2


def shards_swapped(q: Queries, k: Halves, v: Halves) -> Queries:
    k1, k2 = k.chunk(2, dim=2)
    v1, v2 = v.chunk(2, dim=2)
    s1 = q @ k1.mT / math.sqrt(q.shape[-1])
    s2 = q @ k2.mT / math.sqrt(q.shape[-1])
    share = torch.sigmoid(s1.logsumexp(-1, keepdim=True) - s2.logsumexp(-1, keepdim=True))
    return (1 - share) * (s1.softmax(-1) @ v1) + share * (s2.softmax(-1) @ v2)


def masked(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    return torch.softmax(scores.masked_fill(~mask, float("-inf")), dim=-1) @ v


def mask_inverted(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    return torch.softmax(scores.masked_fill(mask, float("-inf")), dim=-1) @ v


def mask_after_softmax(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    weights = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), dim=-1)
    return weights.masked_fill(~mask, 0.0) @ v


def mask_multiplied(q: Queries, k: Keys, v: Keys, mask: Mask) -> Queries:
    scores = q @ k.mT / math.sqrt(q.shape[-1]) * mask
    return torch.softmax(scores, dim=-1) @ v


def causal(q: Queries, k: Queries, v: Queries) -> Queries:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def causal_one_ahead(q: Queries, k: Queries, v: Queries) -> Queries:
    n = q.shape[2]
    visible = torch.ones(n, n).tril(1) > 0
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~visible, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


def anticausal(q: Queries, k: Queries, v: Queries) -> Queries:
    n = q.shape[2]
    hidden = torch.tril(torch.ones(n, n, dtype=torch.bool), diagonal=-1)
    scores = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(hidden, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


def mask_forgotten(q: Queries, k: Queries, v: Queries) -> Queries:
    return F.scaled_dot_product_attention(q, k, v)


def normalised_linear(q: Queries, k: Keys, v: Keys) -> Queries:
    q, k = F.elu(q) + 1, F.elu(k) + 1
    weights = q @ k.mT
    return (weights / weights.sum(dim=-1, keepdim=True)) @ v


def linear_wrong_normaliser(q: Queries, k: Keys, v: Keys) -> Queries:
    q, k = F.elu(q) + 1, F.elu(k) + 1
    return q @ (k.mT @ v) / (q.sum(dim=-1, keepdim=True) * k.sum(dim=(-2, -1), keepdim=True))


BUGS = [
    ("softmax over the wrong axis", attention, wrong_axis),
    ("scale applied twice", attention, scaled_twice),
    ("scale by d, not by its root", attention, scaled_by_d),
    ("scale forgotten", attention, unscaled),
    ("scale by the number of keys", attention, scaled_by_keys),
    ("scale after the softmax", attention, scaled_after_softmax),
    ("division by the sum forgotten", attention, never_normalised),
    ("output not rescaled when the maximum grows", blockwise, output_not_rescaled),
    ("rescale by the inverse factor", blockwise, rescaled_the_wrong_way),
    ("last block missed", blockwise, last_block_missed),
    ("value block never advanced", blockwise, one_value_block_for_all),
    ("shards averaged instead of weighted", sharded, shards_averaged),
    ("merge weights swapped", sharded, shards_swapped),
    ("mask inverted", masked, mask_inverted),
    ("mask after the softmax", masked, mask_after_softmax),
    ("mask multiplied into the scores", masked, mask_multiplied),
    ("causal mask off by one", causal, causal_one_ahead),
    ("causal mask transposed", causal, anticausal),
    ("causal mask forgotten", causal, mask_forgotten),
    ("product of sums as normaliser", normalised_linear, linear_wrong_normaliser),
]
