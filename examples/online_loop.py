"""Softmax attention and the variance, one row at a time: a loop over an axis of any size = what it computes.

The loop is read as a fold. Each of its states is found to be a closed form (the maximum so far, a sum of exponentials shifted
by it, a mean so far), which the proof shows to start where the loop starts and to step as the loop steps.

Source: Milakov & Gimelshein 2018, "Online normalizer calculation for softmax"; Welford 1962, "Note on a method for calculating
corrected sums of squares and products".
"""

import torch
from jaxtyping import Float
from torch import Tensor

import commute

Queries = Float[Tensor, "h d"]
Keys = Float[Tensor, "n d"]
Values = Float[Tensor, "n w"]
Rows = Float[Tensor, "n d"]


def attention(q: Queries, k: Keys, v: Values) -> Float[Tensor, "h w"]:
    """The scores of all keys at once."""
    return torch.softmax(q @ k.T, dim=-1) @ v


def one_key_at_a_time(q: Queries, k: Keys, v: Values) -> Float[Tensor, "h w"]:
    """A running maximum, and a sum and an output that are rescaled whenever it grows."""
    top = q.new_full((q.shape[0],), float("-inf"))
    below = torch.zeros_like(top)
    above = q.new_zeros(q.shape[0], v.shape[1])
    for i in range(k.shape[0]):
        score = q @ k[i]
        new = torch.maximum(top, score)
        keep, weight = torch.exp(top - new), torch.exp(score - new)
        below = below * keep + weight
        above = above * keep[:, None] + weight[:, None] * v[i]
        top = new
    return above / below[:, None]


def variance(x: Rows) -> Float[Tensor, "d"]:
    """Two passes: the mean, then the squared distances from it."""
    return x.var(dim=0, unbiased=False)


def one_row_at_a_time(x: Rows) -> Float[Tensor, "d"]:
    """Welford's recurrence: one pass, without large sums of squares."""
    mean, squares, count = x.new_zeros(x.shape[1]), x.new_zeros(x.shape[1]), 0
    for row in x:
        count += 1
        gap = row - mean
        mean = mean + gap / count
        squares = squares + gap * (row - mean)
    return squares / count


PAIRS = [(attention, one_key_at_a_time), (variance, one_row_at_a_time)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
