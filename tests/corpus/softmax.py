"""Softmax, log-softmax and log-sum-exp: shifts, blocks, special cases."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

X = Float[Tensor, "b n"]
X2 = Float[Tensor, "b 2*w"]
X3 = Float[Tensor, "b 3*w"]
X4 = Float[Tensor, "b 4*w"]
Pair = Float[Tensor, "b 2"]
B = Float[Tensor, "b"]


def log_softmax(x: X) -> X:
    return F.log_softmax(x, dim=-1)


def minus_logsumexp(x: X) -> X:
    return x - torch.logsumexp(x, dim=-1, keepdim=True)


def log_of_softmax_by_hand(x: X) -> X:
    shifted = x - x.max(dim=-1, keepdim=True).values
    return shifted - shifted.exp().sum(dim=-1, keepdim=True).log()


def log_softmax_other_axis(x: X) -> X:
    return x - torch.logsumexp(x, dim=0, keepdim=True)


def softmax(x: X) -> X:
    return x.softmax(dim=1)


def exp_of_log_softmax(x: X) -> X:
    return torch.exp(F.log_softmax(x, dim=1))


def softmax_shifted_by_mean(x: X) -> X:
    e = torch.exp(x - x.mean(dim=1, keepdim=True))
    return e / e.sum(dim=1, keepdim=True)


def softmax_shifted_by_global_maximum(x: X) -> X:
    e = torch.exp(x - x.max())
    return e / e.sum(dim=1, keepdim=True)


def reciprocal_of_sums(x: X) -> X:
    """1 / sum_j exp(x_j - x_i)."""
    return 1 / torch.exp(x.unsqueeze(1) - x.unsqueeze(2)).sum(dim=-1)


def softmax_eps(x: X) -> X:
    e = torch.exp(x - x.amax(dim=1, keepdim=True))
    return e / (e.sum(dim=1, keepdim=True) + 1e-3)


def softmin(x: X) -> X:
    return F.softmin(x, dim=-1)


def softmin_by_hand(x: X) -> X:
    e = torch.exp(x.amin(dim=-1, keepdim=True) - x)
    return e / e.sum(dim=-1, keepdim=True)


def one_minus_softmax(x: X) -> X:
    return 1 - torch.softmax(x, dim=-1)


def shifted(x: X, c: B) -> X:
    return torch.softmax(x + c.unsqueeze(-1), dim=-1)


def unshifted(x: X, c: B) -> X:
    return torch.softmax(x, dim=-1)


def scaled(x: X, c: B) -> X:
    return torch.softmax(x * (1 + c.unsqueeze(-1).square()), dim=-1)


def tempered(x: X, t: Float[Tensor, ""]) -> X:
    return torch.softmax(x / t, dim=-1)


def tempered_by_hand(x: X, t: Float[Tensor, ""]) -> X:
    e = torch.exp((x - x.amax(dim=-1, keepdim=True)) / t)
    return e / e.sum(dim=-1, keepdim=True)


def tempered_after(x: X, t: Float[Tensor, ""]) -> X:
    return torch.softmax(x, dim=-1) / t


def total(x: X) -> B:
    return torch.softmax(x, dim=-1).sum(dim=-1)


def one(x: X) -> B:
    return torch.ones_like(x[:, 0])


def two_classes(x: Pair) -> Pair:
    return torch.softmax(x, dim=-1)


def two_classes_by_sigmoid(x: Pair) -> Pair:
    p = torch.sigmoid(x[:, 0] - x[:, 1])
    return torch.stack([p, 1 - p], dim=-1)


def two_classes_swapped(x: Pair) -> Pair:
    p = torch.sigmoid(x[:, 1] - x[:, 0])
    return torch.stack([p, 1 - p], dim=-1)


def halves(x: X2) -> B:
    return torch.logsumexp(x, dim=-1)


def halves_logaddexp(x: X2) -> B:
    left, right = x.chunk(2, dim=-1)
    return torch.logaddexp(left.logsumexp(-1), right.logsumexp(-1))


def halves_by_stack(x: X2) -> B:
    parts = x.reshape(x.shape[0], 2, -1).logsumexp(dim=-1)
    top = parts.amax(dim=-1)
    return top + (parts - top[:, None]).exp().sum(-1).log()


def halves_summed(x: X2) -> B:
    left, right = x.chunk(2, dim=-1)
    return left.logsumexp(-1) + right.logsumexp(-1)


def quarters(x: X4) -> B:
    return torch.logsumexp(x, dim=1)


def quarters_running(x: X4) -> B:
    m = torch.full((x.shape[0],), float("-inf"), dtype=x.dtype)
    s = torch.zeros(x.shape[0], dtype=x.dtype)
    w = x.shape[1] // 4
    for i in range(4):
        block = x[:, i * w : (i + 1) * w]
        new = torch.maximum(m, block.amax(dim=1))
        s = s * torch.exp(m - new) + torch.exp(block - new[:, None]).sum(dim=1)
        m = new
    return m + torch.log(s)


def quarters_overlapping(x: X4) -> B:
    m = torch.full((x.shape[0],), float("-inf"), dtype=x.dtype)
    s = torch.zeros(x.shape[0], dtype=x.dtype)
    w = x.shape[1] // 4
    for i in range(4):
        block = x[:, i * w : (i + 1) * w + 1]
        new = torch.maximum(m, block.amax(dim=1))
        s = s * torch.exp(m - new) + torch.exp(block - new[:, None]).sum(dim=1)
        m = new
    return m + torch.log(s)


def thirds(x: X3) -> X3:
    return torch.softmax(x, dim=-1)


def thirds_catted(x: X3) -> X3:
    blocks = x.tensor_split(3, dim=-1)
    tops = [block.amax(dim=-1, keepdim=True) for block in blocks]
    top = torch.maximum(torch.maximum(tops[0], tops[1]), tops[2])
    parts = [torch.exp(block - top) for block in blocks]
    whole = parts[0].sum(-1, keepdim=True) + parts[1].sum(-1, keepdim=True) + parts[2].sum(-1, keepdim=True)
    return torch.cat([part / whole for part in parts], dim=-1)


def thirds_own_shift(x: X3) -> X3:
    parts = [torch.exp(block - block.amax(dim=-1, keepdim=True)) for block in x.chunk(3, dim=-1)]
    e = torch.cat(parts, dim=-1)
    return e / e.sum(-1, keepdim=True)


def joined(x: X, y: Float[Tensor, "b m"]) -> B:
    return torch.logsumexp(torch.cat([x, y], dim=1), dim=1)


def joined_apart(x: X, y: Float[Tensor, "b m"]) -> B:
    return torch.log(x.exp().sum(dim=1) + y.exp().sum(dim=1))


def log_add(x: B, y: B) -> B:
    return torch.logaddexp(x, y)


def log_add_stable(x: B, y: B) -> B:
    return torch.maximum(x, y) + torch.log1p(torch.exp(-torch.abs(x - y)))


def log_add_if_equal(x: B, y: B) -> B:
    return torch.maximum(x, y) + torch.log(torch.exp(torch.minimum(x, y) - torch.minimum(x, y)) + 1)


def masked(x: X, keep: Bool[Tensor, "b n"]) -> X:
    return torch.softmax(x.masked_fill(~keep, -torch.inf), dim=-1)


def masked_zeros(x: X, keep: Bool[Tensor, "b n"]) -> X:
    p = torch.softmax(x, dim=-1) * keep
    return p / p.sum(dim=-1, keepdim=True)


def masked_kept_total(x: X, keep: Bool[Tensor, "b n"]) -> X:
    return torch.where(keep, torch.softmax(x, dim=-1), 0.0)


PAIRS = [
    ("log-softmax by logsumexp", log_softmax, minus_logsumexp, True),
    ("log-softmax by hand", log_softmax, log_of_softmax_by_hand, True),
    ("log-softmax over the other axis", log_softmax, log_softmax_other_axis, False),
    ("exp of log-softmax", softmax, exp_of_log_softmax, True),
    ("shifted by the mean", softmax, softmax_shifted_by_mean, True),
    ("shifted by the global maximum", softmax, softmax_shifted_by_global_maximum, True),
    ("reciprocal of sums", softmax, reciprocal_of_sums, True),
    ("eps in the denominator", softmax, softmax_eps, False),
    ("softmin", softmin, softmin_by_hand, True),
    ("softmin as one minus softmax", softmin, one_minus_softmax, False),
    ("row constant", shifted, unshifted, True),
    ("row scale", scaled, unshifted, False),
    ("temperature", tempered, tempered_by_hand, True),
    ("temperature after", tempered, tempered_after, False),
    ("rows sum to one", total, one, True),
    ("two classes by sigmoid", two_classes, two_classes_by_sigmoid, True),
    ("two classes swapped", two_classes, two_classes_swapped, False),
    ("halves by logaddexp", halves, halves_logaddexp, True),
    ("halves by stack", halves, halves_by_stack, True),
    ("halves summed", halves, halves_summed, False),
    ("running log-sum-exp of quarters", quarters, quarters_running, True),
    ("quarters overlap by one", quarters, quarters_overlapping, False),
    ("thirds, catted", thirds, thirds_catted, True),
    ("thirds, each with its own shift", thirds, thirds_own_shift, False),
    ("two pieces of different size", joined, joined_apart, True),
    ("logaddexp by log1p", log_add, log_add_stable, True),
    ("logaddexp of equals", log_add, log_add_if_equal, False),
    ("masked softmax renormalised", masked, masked_zeros, True),
    ("masked softmax not renormalised", masked, masked_kept_total, False),
]
