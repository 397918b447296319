"""Multi-head attention by view and transpose = by einsum over weights that have a head axis.

Most implementations flatten (h d) into one axis, multiply once, and cut the heads out again by view and transpose; the
einsum names the axes and moves nothing.

Source: Vaswani et al. 2017, "Attention Is All You Need", section 3.2.2.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

import commute

Input = Float[Tensor, "b n e"]
Projection = Float[Tensor, "h d e"]
Output = Float[Tensor, "e h d"]


def view_and_transpose(x: Input, wq: Projection, wk: Projection, wv: Projection, wo: Output) -> Input:
    """Heads cut from the flat projection by view, moved to the front by transpose."""
    b, n, _ = x.shape
    heads, width, _ = wq.shape
    q = F.linear(x, wq.flatten(0, 1)).view(b, n, heads, width).transpose(1, 2)
    k = F.linear(x, wk.flatten(0, 1)).view(b, n, heads, width).transpose(1, 2)
    v = F.linear(x, wv.flatten(0, 1)).view(b, n, heads, width).transpose(1, 2)
    weights = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(width), dim=-1)
    out = (weights @ v).transpose(1, 2).reshape(b, n, heads * width)
    return F.linear(out, wo.flatten(1, 2))


def by_einsum(x: Input, wq: Projection, wk: Projection, wv: Projection, wo: Output) -> Input:
    """Every axis by its name."""
    q = torch.einsum("bne,hde->bhnd", x, wq)
    k = torch.einsum("bne,hde->bhnd", x, wk)
    v = torch.einsum("bne,hde->bhnd", x, wv)
    scores = torch.einsum("bhnd,bhmd->bhnm", q, k) * q.shape[-1] ** -0.5
    out = torch.einsum("bhnm,bhmd->bnhd", scores.softmax(dim=-1), v)
    return torch.einsum("bnhd,ehd->bne", out, wo)


PAIRS = [(view_and_transpose, by_einsum)]

if __name__ == "__main__":
    for reference, candidate in PAIRS:
        verdict = commute.prove(reference, candidate)
        print(f"{reference.__name__} = {candidate.__name__}: {verdict.kind}")
        assert verdict.kind == "PROVED", verdict.reason
