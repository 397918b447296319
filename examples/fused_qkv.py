"""Three linear layers on the same input = one layer with the weights stacked, then cut into three.

One large product reads x once and fills the machine better than three small ones.

Source: Shoeybi et al. 2019, Megatron-LM; every GPT implementation since.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

import commute

Input = Float[Tensor, "b n i"]
Weight = Float[Tensor, "o i"]
Bias = Float[Tensor, "o"]
Triple = tuple[Float[Tensor, "b n o"], Float[Tensor, "b n o"], Float[Tensor, "b n o"]]


def three_linears(x: Input, wq: Weight, wk: Weight, wv: Weight, bq: Bias, bk: Bias, bv: Bias) -> Triple:
    """Queries, keys and values, each by its own layer."""
    return F.linear(x, wq, bq), F.linear(x, wk, bk), F.linear(x, wv, bv)


def fused(x: Input, wq: Weight, wk: Weight, wv: Weight, bq: Bias, bk: Bias, bv: Bias) -> Triple:
    """One layer over the stacked weights, cut into three."""
    qkv = F.linear(x, torch.cat([wq, wk, wv], dim=0), torch.cat([bq, bk, bv], dim=0))
    q, k, v = qkv.chunk(3, dim=-1)
    return q, k, v


PAIRS = [(three_linears, fused)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
