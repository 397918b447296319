"""Attention over all keys = attention on two shards of the keys, merged by their log-sum-exp.

Each shard (another GPU, or another thread block) returns an output that is normalised on its own and one number per
query; the merge weighs the outputs by the softmax of those numbers. FlashDecoding and ring attention rest on it.

Sources: Dao et al. 2023 (Flash-Decoding); Liu et al. 2023 (Ring Attention).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

import commute

Queries = Float[Tensor, "b h n d"]
Keys = Float[Tensor, "b h 2*w d"]


def attention(q: Queries, k: Keys, v: Keys) -> Queries:
    """Softmax attention over all keys."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.softmax(scores, dim=-1) @ v


def shard(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Attention on one shard of the keys, and the log-sum-exp of its scores."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.softmax(scores, dim=-1) @ v, torch.logsumexp(scores, dim=-1, keepdim=True)


def two_shards(q: Queries, k: Keys, v: Keys) -> Queries:
    """Attention on each half of the keys, then the merge."""
    half = k.shape[-2] // 2
    left, left_lse = shard(q, k[:, :, :half], v[:, :, :half])
    right, right_lse = shard(q, k[:, :, half:], v[:, :, half:])
    lse = torch.logaddexp(left_lse, right_lse)
    return left * torch.exp(left_lse - lse) + right * torch.exp(right_lse - lse)


def two_shards_weighted(q: Queries, k: Keys, v: Keys) -> Queries:
    """The same merge, spelled with the larger log-sum-exp taken out first."""
    half = k.shape[-2] // 2
    left, left_lse = shard(q, k[:, :, :half], v[:, :, :half])
    right, right_lse = shard(q, k[:, :, half:], v[:, :, half:])
    top = torch.maximum(left_lse, right_lse)
    left_weight = torch.exp(left_lse - top)
    right_weight = torch.exp(right_lse - top)
    return (left * left_weight + right * right_weight) / (left_weight + right_weight)


PAIRS = [(attention, two_shards), (attention, two_shards_weighted)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
