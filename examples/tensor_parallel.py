"""An MLP on one device = the same MLP on two: columns of the first weight, rows of the second, one all-reduce.

The activation is elementwise, so that it commutes with the cut of the hidden axis; the final sum is the all-reduce.

Source: Shoeybi et al. 2019, Megatron-LM, section 3.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

import commute

SHARDS = 2

Input = Float[Tensor, "n i"]
First = Float[Tensor, "2*f i"]
FirstBias = Float[Tensor, "2*f"]
Second = Float[Tensor, "o 2*f"]
SecondBias = Float[Tensor, "o"]
Output = Float[Tensor, "n o"]


def unsharded(x: Input, w1: First, b1: FirstBias, w2: Second, b2: SecondBias) -> Output:
    """The whole MLP."""
    return F.linear(F.gelu(F.linear(x, w1, b1)), w2, b2)


def two_devices(x: Input, w1: First, b1: FirstBias, w2: Second, b2: SecondBias) -> Output:
    """Each device does its half of the hidden axis; the bias is added once."""
    columns = zip(w1.chunk(SHARDS, dim=0), b1.chunk(SHARDS, dim=0), w2.chunk(SHARDS, dim=1), strict=True)
    partial = [F.linear(F.gelu(F.linear(x, first, bias)), second) for first, bias, second in columns]
    return torch.stack(partial).sum(dim=0) + b2


PAIRS = [(unsharded, two_devices)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
