"""Routing, positions, tables, statistics, running sums."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def moe_loop(x: Float[Tensor, "n d"], r: Float[Tensor, "d 4"], w: Float[Tensor, "4 d f"]) -> Float[Tensor, "n f"]:
    p = (x @ r).softmax(-1)
    out = 0
    for e in range(4):
        out = out + p[:, e : e + 1] * (x @ w[e])
    return out  # pyright: ignore


def moe_einsum(x, r, w):
    return torch.einsum("ne,nd,edf->nf", F.softmax(x @ r, dim=1), x, w)


def moe_bmm(x, r, w):
    y = torch.bmm(x.expand(4, -1, -1), w)
    return (y.permute(1, 2, 0) @ torch.softmax(x @ r, 1).unsqueeze(2)).squeeze(2)


def moe_uniform(x, r, w):
    return torch.einsum("ne,nd,edf->nf", F.softmax(x @ r, dim=0), x, w)


def routed(x: Float[Tensor, "n d"], w: Float[Tensor, "e d f"], i: Int[Tensor, "n"]) -> Float[Tensor, "n f"]:
    return torch.bmm(x.unsqueeze(1), w[i]).squeeze(1)


def routed_dense(x, w, i):
    gate = F.one_hot(i, w.shape[0]).to(x.dtype)
    return torch.einsum("ne,nd,edf->nf", gate, x, w)


def routed_select(x, w, i):
    every = torch.einsum("nd,edf->nef", x, w)
    return every.gather(1, i.view(-1, 1, 1).expand(-1, 1, w.shape[2])).squeeze(1)


def rope(x: Float[Tensor, "n 2*d"], cos: Float[Tensor, "n d"], sin: Float[Tensor, "n d"]) -> Float[Tensor, "n 2*d"]:
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


def rope_rotate_half(x, cos, sin):
    d = x.shape[-1] // 2
    rotated = torch.cat((-x[..., d:], x[..., :d]), dim=-1)
    return x * torch.cat((cos, cos), -1) + rotated * torch.cat((sin, sin), -1)


def rope_roll(x, cos, sin):
    d = x.shape[-1] // 2
    sign = torch.cat([-torch.ones(d), torch.ones(d)]).to(x.dtype)
    return x * cos.repeat(1, 2) + x.roll(d, dims=-1) * sign * sin.repeat(1, 2)


def rope_interleaved(x, cos, sin):
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, b * cos + a * sin], dim=-1).flatten(-2)


def rope_pairs(x: Float[Tensor, "n 2*d"], cos: Float[Tensor, "n d"], sin: Float[Tensor, "n d"]) -> Float[Tensor, "n 2*d"]:
    out = torch.empty_like(x)
    out[:, ::2] = x[:, ::2] * cos - x[:, 1::2] * sin
    out[:, 1::2] = x[:, 1::2] * cos + x[:, ::2] * sin
    return out


def rope_wrong_sign(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos + b * sin, b * cos - a * sin], dim=-1)


def lookup(i: Int[Tensor, "b n"], table: Float[Tensor, "v d"]) -> Float[Tensor, "b n d"]:
    return F.embedding(i, table)


def lookup_matmul(i, table):
    return F.one_hot(i, table.size(0)).to(table.dtype) @ table


def lookup_index_select(i, table):
    return torch.index_select(table, 0, i.flatten()).view(*i.shape, -1)


def lookup_mean(i: Int[Tensor, "b n"], table: Float[Tensor, "v d"], w: Float[Tensor, "d c"]) -> Float[Tensor, "b c"]:
    return table[i].mean(dim=1) @ w


def lookup_projected(i, table, w):
    return F.embedding(i, table @ w).sum(1) / i.shape[1]


def lookup_projected_sum(i, table, w):
    return F.embedding(i, table @ w).sum(1) / i.shape[0]


def variance(x: Float[Tensor, "n d"]) -> Float[Tensor, "d"]:
    return x.var(dim=0, unbiased=False)


def variance_moments(x):
    return x.pow(2).mean(0) - x.mean(0).pow(2)


def variance_pairs(x):
    n = x.shape[0]
    diff = x[:, None] - x[None]
    return diff.square().sum((0, 1)) / (2 * n * n)


def variance_rms(x):
    return x.pow(2).mean(0)


def covariance(x: Float[Tensor, "n d"]) -> Float[Tensor, "d d"]:
    c = x - x.mean(0)
    return c.T @ c / x.shape[0]


def covariance_moments(x):
    mu = x.mean(0)
    return torch.einsum("ni,nj->ij", x, x) / x.shape[0] - torch.outer(mu, mu)


def covariance_half_centred(x):
    return (x - x.mean(0)).T @ x / len(x)


def covariance_rows(x):
    c = x - x.mean(1, keepdim=True)
    return c.T @ c / x.shape[0]


def welford(x: Float[Tensor, "8 d"]):
    mean, m2 = torch.zeros(x.shape[1], dtype=x.dtype), torch.zeros(x.shape[1], dtype=x.dtype)
    for i, row in enumerate(x, 1):
        delta = row - mean
        mean = mean + delta / i
        m2 = m2 + delta * (row - mean)
    return mean, m2 / 8


def two_pass(x: Float[Tensor, "8 d"]):
    var, mean = torch.var_mean(x, 0, correction=0)
    return mean, var


def two_pass_bessel(x):
    var, mean = torch.var_mean(x, 0)
    return mean, var


def chan(x: Float[Tensor, "2*n d"]) -> Float[Tensor, "d"]:
    """Two halves merged as by Chan et al."""
    a, b = x.chunk(2)
    delta = b.mean(0) - a.mean(0)
    m2 = a.var(0, correction=0) * len(a) + b.var(0, correction=0) * len(b)
    return (m2 + delta**2 * len(a) * len(b) / len(x)) / len(x)


def chan_reference(x: Float[Tensor, "2*n d"]) -> Float[Tensor, "d"]:
    return torch.var(x, dim=0, correction=0)


def chan_without_delta(x):
    a, b = x.chunk(2)
    return (a.var(0, correction=0) + b.var(0, correction=0)) / 2


def cumulative(x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    return x.cumsum(0)


def cumulative_tri(x):
    n = len(x)
    return torch.ones(n, n, dtype=x.dtype).tril() @ x


def cumulative_strict(x):
    n = len(x)
    return torch.tril(torch.ones(n, n, dtype=x.dtype), -1) @ x


def suffix(x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    return x.flip(0).cumsum(0).flip(0)


def suffix_total(x):
    return x.sum(0, keepdim=True) - x.cumsum(0) + x


def suffix_triu(x):
    i = torch.arange(x.shape[0])
    return torch.where(i[None, :] >= i[:, None], 1.0, 0.0).to(x.dtype) @ x


def running_mean(x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    return x.cumsum(0) / torch.arange(1, len(x) + 1).unsqueeze(1)


def running_mean_softmax(x):
    n = len(x)
    w = torch.zeros(n, n, dtype=x.dtype).masked_fill(torch.ones(n, n).tril() == 0, float("-inf"))
    return w.softmax(-1) @ x


PAIRS = [
    ("moe einsum", moe_loop, moe_einsum, True),
    ("moe bmm", moe_loop, moe_bmm, True),
    ("moe softmax over tokens", moe_loop, moe_uniform, False),
    ("routed dense", routed, routed_dense, True),
    ("routed by gather", routed, routed_select, True),
    ("rope rotate half", rope, rope_rotate_half, True),
    ("rope by roll", rope, rope_roll, True),
    ("rope interleaved", rope, rope_interleaved, False),
    ("rope interleaved in place", rope_pairs, rope_interleaved, True),
    ("rope wrong sign", rope, rope_wrong_sign, False),
    ("lookup by matmul", lookup, lookup_matmul, True),
    ("lookup by index_select", lookup, lookup_index_select, True),
    ("lookup projected", lookup_mean, lookup_projected, True),
    ("lookup projected, wrong count", lookup_mean, lookup_projected_sum, False),
    ("variance by moments", variance, variance_moments, True),
    ("variance by pairs", variance, variance_pairs, True),
    ("variance uncentred", variance, variance_rms, False),
    ("covariance by moments", covariance, covariance_moments, True),
    ("covariance half centred", covariance, covariance_half_centred, True),
    ("covariance of rows", covariance, covariance_rows, False),
    ("welford", two_pass, welford, True),
    ("welford against bessel", two_pass, two_pass_bessel, False),
    ("halves merged", chan_reference, chan, True),
    ("halves merged without delta", chan_reference, chan_without_delta, False),
    ("cumsum by tril", cumulative, cumulative_tri, True),
    ("cumsum strict", cumulative, cumulative_strict, False),
    ("suffix sums", suffix, suffix_total, True),
    ("suffix sums by arange", suffix, suffix_triu, True),
    ("running mean by softmax of a mask", running_mean, running_mean_softmax, True),
]
