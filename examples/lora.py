"""A low-rank adapter applied beside a linear layer = the adapter merged into the layer's weight.

Training keeps the two apart; serving merges them, or keeps them apart when many adapters share one model.

Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models".
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

import commute

ALPHA = 16.0

Input = Float[Tensor, "b n i"]
Weight = Float[Tensor, "o i"]
Down = Float[Tensor, "r i"]
Up = Float[Tensor, "o r"]
Bias = Float[Tensor, "o"]
Output = Float[Tensor, "b n o"]


def applied(x: Input, weight: Weight, down: Down, up: Up, bias: Bias) -> Output:
    """The frozen layer, plus the adapter's two thin products."""
    rank = down.shape[0]
    return F.linear(x, weight, bias) + F.linear(F.linear(x, down), up) * (ALPHA / rank)


def merged(x: Input, weight: Weight, down: Down, up: Up, bias: Bias) -> Output:
    """One layer with the adapter inside its weight."""
    rank = down.shape[0]
    return F.linear(x, weight + (ALPHA / rank) * (up @ down), bias)


PAIRS = [(applied, merged)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
