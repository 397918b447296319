"""Recurrences, small identities with arguments of their own, modules."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, einsum


def weight_norm(x: Float[Tensor, "n i"], v: Float[Tensor, "o i"], g: Float[Tensor, "o"]) -> Float[Tensor, "n o"]:
    return F.linear(x, g[:, None] * v / v.norm(dim=1, keepdim=True))


def weight_norm_late(x, v, g):
    return (x @ v.T) * (g / v.square().sum(1).sqrt())


def weight_norm_columns(x, v, g):
    return (x @ (v / v.norm(dim=0, keepdim=True)).T) * g


def decay(x: Float[Tensor, "4 d"], a: Float[Tensor, "d"]) -> Float[Tensor, "4 d"]:
    h = torch.zeros_like(a)
    out = []
    for t in range(4):
        h = a * h + x[t]
        out.append(h)
    return torch.stack(out)


def decay_powers(x, a):
    rows = []
    for t in range(4):
        rows.append(sum(a ** (t - s) * x[s] for s in range(t + 1)))
    return torch.stack(rows, dim=0)


def decay_in_place(x, a):
    out = torch.empty(4, x.shape[1], dtype=x.dtype)
    out[0] = x[0]
    for t in range(1, 4):
        out[t] = torch.addcmul(x[t], a, out[t - 1])
    return out


def decay_inclusive(x, a):
    return torch.stack([sum(a ** (t - s + 1) * x[s] for s in range(t + 1)) for t in range(4)])  # pyright: ignore


def gru(
    x: Float[Tensor, "b i"], h: Float[Tensor, "b d"], w: Float[Tensor, "3*d i"], u: Float[Tensor, "3*d d"]
) -> Float[Tensor, "b d"]:
    xr, xz, xn = (x @ w.T).chunk(3, 1)
    hr, hz, hn = (h @ u.T).chunk(3, 1)
    r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
    n = torch.tanh(xn + r * hn)
    return (1 - z) * n + z * h


def gru_lerp(x, h, w, u):
    d = h.shape[1]
    gates = x @ w[: 2 * d].T + h @ u[: 2 * d].T
    r, z = gates.sigmoid().split(d, dim=1)
    n = torch.tanh(F.linear(x, w[2 * d :]) + r * F.linear(h, u[2 * d :]))
    return n + z * (h - n)


def gru_reset_before(x, h, w, u):
    d = h.shape[1]
    gates = x @ w[: 2 * d].T + h @ u[: 2 * d].T
    r, z = gates.sigmoid().split(d, dim=1)
    n = torch.tanh(F.linear(x, w[2 * d :]) + F.linear(r * h, u[2 * d :]))
    return n + z * (h - n)


def temperature(x: Float[Tensor, "n v"], t: float = 2.0) -> Float[Tensor, "n v"]:
    return F.softmax(x / t, dim=-1)


def temperature_power(x, t=2.0):
    p = F.softmax(x, -1) ** (1 / t)
    return p / p.sum(-1, keepdim=True)


def ema(a: Float[Tensor, "n"], b: Float[Tensor, "n"], beta: float = 0.9) -> Float[Tensor, "n"]:
    return torch.lerp(a, b, 1 - beta)


def ema_hand(a, b, beta=0.9):
    return a.mul(beta).add(b, alpha=1 - beta)


def ema_swapped(a, b, beta=0.9):
    return a.mul(1 - beta).add(b, alpha=beta)


def huge(x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    return torch.log1p(torch.exp(-torch.abs(x))) + torch.clamp_min(x, 0)


def huge_logaddexp(x):
    return torch.logaddexp(x, torch.zeros_like(x))


def entropy(x: Float[Tensor, "n v"]) -> Float[Tensor, "n"]:
    p = x.softmax(-1)
    return -(p * p.log()).sum(-1)


def entropy_lse(x):
    return x.logsumexp(-1) - (F.softmax(x, -1) * x).sum(-1)


def entropy_library(x):
    return -(F.log_softmax(x, -1) * F.softmax(x, -1)).sum(-1)


def entropy_negative(x):
    return (F.softmax(x, -1) * x).sum(-1) - x.logsumexp(-1)


def gate_masked(x: Float[Tensor, "n d"], keep: Bool[Tensor, "n"], w: Float[Tensor, "d e"]) -> Float[Tensor, "n e"]:
    return torch.where(keep[:, None], x @ w, torch.zeros((), dtype=x.dtype))


def gate_masked_before(x, keep, w):
    x = x.clone()
    x[~keep] = 0
    return x @ w


def gate_masked_bias(x, keep, w):
    return torch.where(keep[:, None], x, torch.ones((), dtype=x.dtype)) @ w


def toeplitz(x: Float[Tensor, "n"], w: Float[Tensor, "3"]) -> Float[Tensor, "n"]:
    return F.conv1d(x[None, None], w[None, None], padding=1)[0, 0]


def toeplitz_where(x, w):
    i = torch.arange(x.shape[0])
    diff = i[None, :] - i[:, None]
    m = sum(torch.where(diff == o - 1, w[o], 0.0) for o in range(3))
    return m @ x


def causal_mean(x: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    n = x.shape[0]
    w = torch.tril(torch.ones(n, n, dtype=x.dtype))
    return w @ x / w.sum(dim=1, keepdim=True)


def causal_mean_cumsum(x):
    return x.cumsum(dim=0) / torch.arange(1, x.shape[0] + 1, dtype=x.dtype)[:, None]


def double_softmax(x: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    return x.softmax(0) * x.softmax(1)


def double_softmax_once(x):
    e = (2 * x).exp()
    return e / x.exp().sum(0, keepdim=True) / x.exp().sum(1, keepdim=True)


def gram(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c c"]:
    f = x.view(x.size(0), x.size(1), -1)
    return f @ f.transpose(1, 2) / (x.size(2) * x.size(3))


def gram_einsum(x):
    return einsum("bchw,bdhw->bcd", x, x) / x[0, 0].numel()


def gram_wrong_count(x):
    return einsum("bchw,bdhw->bcd", x, x) / x[0].numel()


def pixel_shuffle(x: Float[Tensor, "b 4*c h w"]) -> Float[Tensor, "b c 2*h 2*w"]:
    return F.pixel_shuffle(x, 2)


def pixel_shuffle_view(x):
    b, c4, h, w = x.shape
    return x.view(b, c4 // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(b, c4 // 4, 2 * h, 2 * w)


def pixel_shuffle_swapped(x):
    b, c4, h, w = x.shape
    return x.view(b, c4 // 4, 2, 2, h, w).permute(0, 1, 4, 3, 5, 2).reshape(b, c4 // 4, 2 * h, 2 * w)


def upsample(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 2*h 2*w"]:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def upsample_repeat(x):
    return x.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)


class Mixture(nn.Module):
    def __init__(self):
        super().__init__()
        self.router = nn.Linear(4, 3, bias=False)
        self.experts = nn.ModuleList(nn.Linear(4, 5) for _ in range(3))

    def forward(self, x: Float[Tensor, "n 4"]) -> Float[Tensor, "n 5"]:
        weights = F.softmax(self.router(x), dim=-1)
        stacked = torch.stack([e(x) for e in self.experts], dim=1)
        return (weights.unsqueeze(-1) * stacked).sum(dim=1)


class MixtureLoop(Mixture):
    def forward(self, x: Float[Tensor, "n 4"]) -> Float[Tensor, "n 5"]:
        p = torch.softmax(x @ self.router.weight.T, 1)
        out = torch.zeros(x.shape[0], 5, dtype=x.dtype)
        for i, expert in enumerate(self.experts):
            out += p[:, i, None] * expert(x)
        return out


class MixtureInput(Mixture):
    """Weighs the input of each expert: its bias isn't weighed."""

    def forward(self, x: Float[Tensor, "n 4"]) -> Float[Tensor, "n 5"]:
        p = torch.softmax(x @ self.router.weight.T, 1)
        return sum(expert(p[:, i, None] * x) for i, expert in enumerate(self.experts))  # pyright: ignore


torch.manual_seed(3)


mixture, mixture_loop, mixture_input = Mixture().double(), MixtureLoop().double(), MixtureInput().double()


mixture_loop.load_state_dict(mixture.state_dict())


mixture_input.load_state_dict(mixture.state_dict())


PAIRS = [
    ("weight norm late", weight_norm, weight_norm_late, True),
    ("weight norm of columns", weight_norm, weight_norm_columns, False),
    ("decay by powers", decay, decay_powers, True),
    ("decay in place", decay, decay_in_place, True),
    ("decay once too often", decay, decay_inclusive, False),
    ("gru by lerp", gru, gru_lerp, True),
    ("gru reset before", gru, gru_reset_before, False),
    ("temperature as power", temperature, temperature_power, True),
    ("ema", ema, ema_hand, True),
    ("ema swapped", ema, ema_swapped, False),
    ("softplus by logaddexp", huge, huge_logaddexp, True),
    ("entropy by lse", entropy, entropy_lse, True),
    ("entropy by log_softmax", entropy, entropy_library, True),
    ("entropy negated", entropy, entropy_negative, False),
    ("mask before the product", gate_masked, gate_masked_before, True),
    ("mask with ones", gate_masked, gate_masked_bias, False),
    ("toeplitz", toeplitz, toeplitz_where, True),
    ("causal mean", causal_mean, causal_mean_cumsum, True),
    ("double softmax", double_softmax, double_softmax_once, True),
    ("gram", gram, gram_einsum, True),
    ("gram wrong count", gram, gram_wrong_count, False),
    ("pixel shuffle", pixel_shuffle, pixel_shuffle_view, True),
    ("pixel shuffle swapped", pixel_shuffle, pixel_shuffle_swapped, False),
    ("upsample", upsample, upsample_repeat, True),
    ("mixture by loop", mixture, mixture_loop, True),
    ("mixture of weighed inputs", mixture, mixture_input, False),
]
