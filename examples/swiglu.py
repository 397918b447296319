"""The gated MLP of Llama, spelled two ways: two products or one fused product, silu by name or by formula.

Serving code stacks the gate and the up projection into one weight, multiplies once, and cuts the result in half.

Source: Shazeer 2020, "GLU Variants Improve Transformer".
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

import commute

Input = Float[Tensor, "b n d"]
Inner = Float[Tensor, "f d"]
Outer = Float[Tensor, "d f"]


def swiglu(x: Input, gate: Inner, up: Inner, down: Outer) -> Input:
    """silu(x Wg) * (x Wu), projected back."""
    return F.linear(F.silu(F.linear(x, gate)) * F.linear(x, up), down)


def fused(x: Input, gate: Inner, up: Inner, down: Outer) -> Input:
    """One product with the stacked weights, silu as x / (1 + exp(-x))."""
    both = x @ torch.cat([gate, up], dim=0).T
    gated, plain = both.chunk(2, dim=-1)
    return (gated * plain / (1 + torch.exp(-gated))) @ down.T


PAIRS = [(swiglu, fused)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
