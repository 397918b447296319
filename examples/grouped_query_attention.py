"""Grouped-query attention by copying keys and values = by reshaping the queries into groups.

`repeat_interleave` copies every key g times, once for each query head of its group; the reshaped form reads each
key once and lets g queries share it: 1/g of the memory traffic when decoding.

Source: Ainslie et al. 2023, "GQA".
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

import commute

Queries = Float[Tensor, "b h*g n d"]
Keys = Float[Tensor, "b h m d"]


def repeated(q: Queries, k: Keys, v: Keys) -> Queries:
    """Each key-value head copied for the query heads of its group."""
    group = q.shape[1] // k.shape[1]
    k = k.repeat_interleave(group, dim=1)
    v = v.repeat_interleave(group, dim=1)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.softmax(scores, dim=-1) @ v


def grouped(q: Queries, k: Keys, v: Keys) -> Queries:
    """The query heads seen as (key-value head, member of the group)."""
    b, heads, n, d = q.shape
    kv_heads = k.shape[1]
    q = q.reshape(b, kv_heads, heads // kv_heads, n, d)
    scores = torch.einsum("bhgnd,bhmd->bhgnm", q, k) / math.sqrt(d)
    out = torch.einsum("bhgnm,bhmd->bhgnd", torch.softmax(scores, dim=-1), v)
    return out.reshape(b, heads, n, d)


PAIRS = [(repeated, grouped)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
