"""Attention without the softmax is a product of three matrices: bracket it so that it is linear in the sequence length.

`(Q K^T) V` is quadratic in the number of tokens; `Q (K^T V)` keeps a d x d state and is linear.

Source: Katharopoulos et al. 2020, "Transformers are RNNs".
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

import commute

Queries = Float[Tensor, "b h n d"]
Keys = Float[Tensor, "b h m d"]
Values = Float[Tensor, "b h m e"]
Output = Float[Tensor, "b h n e"]


def quadratic(q: Queries, k: Keys, v: Values) -> Output:
    """All pairs of tokens."""
    return (q @ k.transpose(-2, -1)) @ v


def linear(q: Queries, k: Keys, v: Values) -> Output:
    """A d x e summary of keys and values, read by every query."""
    return q @ (k.transpose(-2, -1) @ v)


def normalised(q: Queries, k: Keys, v: Values) -> Output:
    """Positive feature maps elu + 1, and rows that sum to one."""
    scores = torch.einsum("bhnd,bhmd->bhnm", F.elu(q) + 1, F.elu(k) + 1)
    return (scores / scores.sum(dim=-1, keepdim=True)) @ v


def normalised_linear(q: Queries, k: Keys, v: Values) -> Output:
    """The same, with the sum of keys as the normaliser."""
    q, k = F.elu(q) + 1, F.elu(k) + 1
    state = k.transpose(-2, -1) @ v
    normaliser = q @ k.sum(dim=-2).unsqueeze(-1)
    return (q @ state) / normaliser


PAIRS = [(quadratic, linear), (normalised, normalised_linear)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
