"""Layer normalisation by mean and variance = torch's own.

The second spelling is the one-pass form E[x^2] - E[x]^2: equal over the reals, and a bad idea in float32.

Source: Ba, Kiros & Hinton 2016, "Layer Normalization".
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

import commute

EPS = 1e-5

Input = Float[Tensor, "b n d"]
Weight = Float[Tensor, "d"]


def library(x: Input, weight: Weight, bias: Weight) -> Input:
    """torch's layer norm over the last axis."""
    return F.layer_norm(x, (x.shape[-1],), weight, bias, eps=EPS)


def by_hand(x: Input, weight: Weight, bias: Weight) -> Input:
    """Mean, biased variance, normalise, scale and shift."""
    mean = x.mean(dim=-1, keepdim=True)
    variance = x.var(dim=-1, unbiased=False, keepdim=True)
    return (x - mean) / torch.sqrt(variance + EPS) * weight + bias


def by_moments(x: Input, weight: Weight, bias: Weight) -> Input:
    """Both moments from one pass over x."""
    mean = x.mean(dim=-1, keepdim=True)
    variance = (x * x).mean(dim=-1, keepdim=True) - mean * mean
    return (x - mean) * torch.rsqrt(variance + EPS) * weight + bias


PAIRS = [(library, by_hand), (library, by_moments)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
