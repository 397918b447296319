"""A chain of matrix products may be bracketed in any way, and the cost depends on the bracket.

`(x W1) W2` costs two products for every row of x; `x (W1 W2)` costs one, once the weights are merged.

Source: the matrix-chain problem, Godbole 1973.
"""

import torch
from jaxtyping import Float
from torch import Tensor

import commute


def left_to_right(x: Float[Tensor, "n i"], w1: Float[Tensor, "i j"], w2: Float[Tensor, "j o"]) -> Float[Tensor, "n o"]:
    """Two linear layers without an activation between them."""
    return (x @ w1) @ w2


def merged(x: Float[Tensor, "n i"], w1: Float[Tensor, "i j"], w2: Float[Tensor, "j o"]) -> Float[Tensor, "n o"]:
    """One linear layer whose weight is the product."""
    return x @ (w1 @ w2)


def chain(
    a: Float[Tensor, "i j"], b: Float[Tensor, "j k"], c: Float[Tensor, "k m"], d: Float[Tensor, "m n"]
) -> Float[Tensor, "i n"]:
    """Four matrices, from the left."""
    return ((a @ b) @ c) @ d


def balanced(
    a: Float[Tensor, "i j"], b: Float[Tensor, "j k"], c: Float[Tensor, "k m"], d: Float[Tensor, "m n"]
) -> Float[Tensor, "i n"]:
    """The two halves first: they can run at the same time."""
    return torch.einsum("ik,kn->in", a @ b, c @ d)


def from_the_right(
    a: Float[Tensor, "i j"], b: Float[Tensor, "j k"], c: Float[Tensor, "k m"], d: Float[Tensor, "m n"]
) -> Float[Tensor, "i n"]:
    """The cheapest order when n is small, as for a vector."""
    return a @ (b @ (c @ d))


PAIRS = [(left_to_right, merged), (chain, balanced), (chain, from_the_right)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
