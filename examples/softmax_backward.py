"""The gradient of softmax from its Jacobian = the fused form P * (dP - rowsum(P * dP)).

The Jacobian diag(p) - p p^T is quadratic in the row; the fused form is linear, and FlashAttention's backward pass
replaces its row sum by rowsum(dO * O), which needs no scores at all.

Source: Dao et al. 2022, FlashAttention, appendix B.2.
"""

import torch
from jaxtyping import Float
from torch import Tensor

import commute

Rows = Float[Tensor, "b n"]


def from_jacobian(x: Rows, grad: Rows) -> Rows:
    """grad times the Jacobian, row by row."""
    p = torch.softmax(x, dim=-1)
    jacobian = torch.diag_embed(p) - p.unsqueeze(-1) * p.unsqueeze(-2)
    return torch.einsum("bi,bij->bj", grad, jacobian)


def fused(x: Rows, grad: Rows) -> Rows:
    """One reduction a row."""
    p = torch.softmax(x, dim=-1)
    return p * (grad - (p * grad).sum(dim=-1, keepdim=True))


def scores_from_values(
    s: Float[Tensor, "n m"], v: Float[Tensor, "m d"], grad: Float[Tensor, "n d"]
) -> Float[Tensor, "n m"]:
    """Gradient of the scores in attention, with the row sum over keys."""
    p = torch.softmax(s, dim=-1)
    grad_p = grad @ v.T
    return p * (grad_p - (grad_p * p).sum(dim=-1, keepdim=True))


def scores_from_output(
    s: Float[Tensor, "n m"], v: Float[Tensor, "m d"], grad: Float[Tensor, "n d"]
) -> Float[Tensor, "n m"]:
    """The same, with the row sum over the d columns of the output."""
    p = torch.softmax(s, dim=-1)
    delta = (grad * (p @ v)).sum(dim=-1, keepdim=True)
    return p * (grad @ v.T - delta)


PAIRS = [(from_jacobian, fused), (scores_from_values, scores_from_output)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
