"""torch's scaled_dot_product_attention = the softmax formula, with and without a causal mask.

The formula hides the future by a score of minus infinity; a form that zeroes the exponentials instead is equal too.

Source: Vaswani et al. 2017, "Attention Is All You Need", equation 1.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

import commute

Heads = Float[Tensor, "b h n d"]


def library(q: Heads, k: Heads, v: Heads) -> Heads:
    """torch's fused attention."""
    return F.scaled_dot_product_attention(q, k, v)


def formula(q: Heads, k: Heads, v: Heads) -> Heads:
    """softmax(Q K^T / sqrt d) V."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.softmax(scores, dim=-1) @ v


def causal_library(q: Heads, k: Heads, v: Heads) -> Heads:
    """torch's fused attention, looking back only."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def causal_formula(q: Heads, k: Heads, v: Heads) -> Heads:
    """The future's scores set to minus infinity."""
    n = q.shape[-2]
    visible = torch.tril(torch.ones(n, n, dtype=torch.bool))
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(~visible, float("-inf"))
    return torch.softmax(scores, dim=-1) @ v


def causal_by_zeros(q: Heads, k: Heads, v: Heads) -> Heads:
    """The future's exponentials set to zero, the division last."""
    position = torch.arange(q.shape[-2])
    visible = position[None, :] <= position[:, None]
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    top = scores.masked_fill(~visible, float("-inf")).amax(dim=-1, keepdim=True)
    weights = torch.where(visible, torch.exp(scores - top), 0.0)
    return (weights @ v) / weights.sum(dim=-1, keepdim=True)


PAIRS = [(library, formula), (causal_library, causal_formula), (causal_library, causal_by_zeros)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
