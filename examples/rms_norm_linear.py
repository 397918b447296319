"""RMS normalisation before a linear layer folds into it: the gain into the weight, the division behind the product.

With the division moved last, the row's sum of squares and the product are gathered in the same pass over x.

Sources: Zhang & Sennrich 2019 (RMSNorm); Wu et al. 2024, Mirage, section 8.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

import commute

EPS = 1e-6

Input = Float[Tensor, "b n d"]
Gain = Float[Tensor, "d"]
Weight = Float[Tensor, "o d"]
Output = Float[Tensor, "b n o"]


def normalise_then_project(x: Input, gain: Gain, weight: Weight) -> Output:
    """The layer as a model file has it."""
    rms = torch.sqrt(x.pow(2).mean(dim=-1, keepdim=True) + EPS)
    return F.linear(x / rms * gain, weight)


def folded(x: Input, gain: Gain, weight: Weight) -> Output:
    """One product with the scaled weight, one division at the end."""
    inverse = torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + EPS)
    return (x @ (weight * gain).T) * inverse


def with_library_norm(x: Input, gain: Gain, weight: Weight) -> Output:
    """The same layer through torch's own RMS norm."""
    return F.rms_norm(x, (x.shape[-1],), gain, eps=EPS) @ weight.T


PAIRS = [(normalise_then_project, folded), (with_library_norm, folded)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
