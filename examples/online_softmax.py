"""Softmax in three passes = softmax whose statistics are gathered in one pass over blocks.

The pair (maximum, sum of exponentials) is a monoid: two blocks merge by rescaling the smaller maximum to the larger.

Source: Milakov & Gimelshein 2018, "Online normalizer calculation for softmax".
"""

import torch
from jaxtyping import Float
from torch import Tensor

import commute

Rows = Float[Tensor, "b 4*w"]


def softmax(x: Rows) -> Rows:
    """Softmax over the last axis."""
    return torch.softmax(x, dim=-1)


def two_blocks(x: Rows) -> Rows:
    """Statistics of each half, merged by hand."""
    left, right = x.chunk(2, dim=-1)
    left_top = left.amax(dim=-1, keepdim=True)
    right_top = right.amax(dim=-1, keepdim=True)
    left_sum = torch.exp(left - left_top).sum(dim=-1, keepdim=True)
    right_sum = torch.exp(right - right_top).sum(dim=-1, keepdim=True)

    top = torch.maximum(left_top, right_top)
    total = left_sum * torch.exp(left_top - top) + right_sum * torch.exp(right_top - top)
    return torch.exp(x - top) / total


def four_blocks(x: Rows) -> Rows:
    """A running maximum and a running sum, rescaled at every block."""
    top = torch.full_like(x[:, :1], float("-inf"))
    total = torch.zeros_like(x[:, :1])
    for block in x.chunk(4, dim=-1):
        new_top = torch.maximum(top, block.amax(dim=-1, keepdim=True))
        total = total * torch.exp(top - new_top) + torch.exp(block - new_top).sum(dim=-1, keepdim=True)
        top = new_top
    return torch.exp(x - top) / total


PAIRS = [(softmax, two_blocks), (softmax, four_blocks)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
