"""The sum of all entries of A B needs no matrix product: column sums of A dot row sums of B.

The naive form is cubic, the second quadratic.

Source: the distributive law; a favourite exercise for superoptimisers (Jia et al. 2019, TASO).
"""

import torch
from jaxtyping import Float
from torch import Tensor

import commute

Left = Float[Tensor, "i k"]
Right = Float[Tensor, "k j"]


def naive(a: Left, b: Right) -> Float[Tensor, ""]:
    """The product, then its sum."""
    return torch.sum(a @ b)


def column_sums_dot_row_sums(a: Left, b: Right) -> Float[Tensor, ""]:
    """Two sums and a dot product."""
    return torch.dot(a.sum(dim=0), b.sum(dim=1))


PAIRS = [(naive, column_sums_dot_row_sums)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
