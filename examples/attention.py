"""Attention read all at once = attention streamed over blocks of keys, which is what makes FlashAttention possible.

The streamed form never holds the whole row of scores: it keeps a running maximum, a running sum and a running output,
and rescales all three whenever the maximum grows. `broken` forgets that rescaling, a mistake seen in many kernels.

Sources: Milakov & Gimelshein 2018 (online softmax); Dao et al. 2022 (FlashAttention).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

import commute

BLOCKS = 4

Queries = Float[Tensor, "b h n d"]
Keys = Float[Tensor, "b h 4*w d"]


def attention(q: Queries, k: Keys, v: Keys) -> Queries:
    """Softmax attention as the textbook has it."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.softmax(scores, dim=-1) @ v


def streamed(q: Queries, k: Keys, v: Keys) -> Queries:
    """The same, one block of keys at a time."""
    b, h, n, d = q.shape
    top = torch.full((b, h, n, 1), float("-inf"), dtype=q.dtype)
    total = torch.zeros((b, h, n, 1), dtype=q.dtype)
    out = torch.zeros_like(q)
    for keys, values in zip(k.chunk(BLOCKS, dim=-2), v.chunk(BLOCKS, dim=-2), strict=True):
        scores = q @ keys.transpose(-2, -1) / math.sqrt(d)
        new_top = torch.maximum(top, scores.amax(dim=-1, keepdim=True))
        weights = torch.exp(scores - new_top)
        rescale = torch.exp(top - new_top)
        total = total * rescale + weights.sum(dim=-1, keepdim=True)
        out = out * rescale + weights @ values
        top = new_top
    return out / total


def broken(q: Queries, k: Keys, v: Keys) -> Queries:
    """Wrong on purpose: what was summed under an older maximum is not rescaled."""
    b, h, n, d = q.shape
    top = torch.full((b, h, n, 1), float("-inf"), dtype=q.dtype)
    total = torch.zeros((b, h, n, 1), dtype=q.dtype)
    out = torch.zeros_like(q)
    for keys, values in zip(k.chunk(BLOCKS, dim=-2), v.chunk(BLOCKS, dim=-2), strict=True):
        scores = q @ keys.transpose(-2, -1) / math.sqrt(d)
        top = torch.maximum(top, scores.amax(dim=-1, keepdim=True))
        weights = torch.exp(scores - top)
        total = total + weights.sum(dim=-1, keepdim=True)
        out = out + weights @ values
    return out / total


PAIRS = [(attention, streamed)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason

    verdict = commute.prove(attention, broken)
    print(f"attention = broken: {verdict.kind}")
    assert verdict.kind == "REFUTED", verdict.reason
