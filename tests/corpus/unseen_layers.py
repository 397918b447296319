"""Layers as users write them: norms, gates, adapters, experts, convolutions by hand, recurrences, optimiser steps."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def group_norm(
    x: Float[Tensor, "b 4*c h w"], weight: Float[Tensor, "4*c"], bias: Float[Tensor, "4*c"]
) -> Float[Tensor, "b 4*c h w"]:
    return F.group_norm(x, 4, weight, bias, eps=1e-6)


def group_norm_moments(x, weight, bias):
    b, c, h, w = x.shape
    y = x.view(b, 4, c // 4, h, w)
    mean = y.mean(dim=[2, 3, 4], keepdim=True)
    sq = (y * y).mean(dim=[2, 3, 4], keepdim=True)
    y = (y - mean) * torch.rsqrt(sq - mean * mean + 1e-6)
    return y.view(b, c, h, w) * weight[None, :, None, None] + bias[None, :, None, None]


def group_norm_strided(x, weight, bias):
    b, c, h, w = x.shape
    y = x.view(b, c // 4, 4, h, w)
    mean = y.mean(dim=(1, 3, 4), keepdim=True)
    var = y.var(dim=(1, 3, 4), unbiased=False, keepdim=True)
    y = (y - mean) / torch.sqrt(var + 1e-6)
    return y.view(b, c, h, w) * weight[None, :, None, None] + bias[None, :, None, None]


def rms_linear(x: Float[Tensor, "b n d"], g: Float[Tensor, "d"], w: Float[Tensor, "o d"]) -> Float[Tensor, "b n o"]:
    """Gemma's norm, then a projection."""
    y = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
    return F.linear(y * (1.0 + g), w)


def rms_linear_folded(x, g, w):
    scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True) ** 2 / x.shape[-1]
    return (x @ (w + w * g).t()) / torch.sqrt(scale + 1e-6)


def rms_linear_plain(x, g, w):
    scale = torch.linalg.vector_norm(x, dim=-1, keepdim=True) ** 2 / x.shape[-1]
    return (x @ (w * g).t()) / torch.sqrt(scale + 1e-6)


def geglu(
    x: Float[Tensor, "b n d"], w: Float[Tensor, "2*f d"], c: Float[Tensor, "2*f"], o: Float[Tensor, "d f"]
) -> Float[Tensor, "b n d"]:
    h, gate = F.linear(x, w, c).chunk(2, dim=-1)
    return F.linear(h * F.gelu(gate, approximate="tanh"), o)


def geglu_split(x, w, c, o):
    f = o.shape[1]
    h = x @ w[:f].T + c[:f]
    g = x @ w[f:].T + c[f:]
    act = 0.5 * g * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (g + 0.044715 * torch.pow(g, 3.0))))
    return torch.einsum("bnf,df->bnd", h * act, o)


def geglu_swapped(x, w, c, o):
    gate, h = F.linear(x, w, c).chunk(2, dim=-1)
    return F.linear(h * F.gelu(gate, approximate="tanh"), o)


def lora(
    x: Float[Tensor, "b n d"], w: Float[Tensor, "o d"], a: Float[Tensor, "r d"], b: Float[Tensor, "o r"], c: Float[Tensor, "o"]
) -> Float[Tensor, "b n o"]:
    scaling = 16 / a.shape[0]
    return F.linear(x, w, c) + F.linear(F.linear(x, a), b) * scaling


def lora_merged(x, w, a, b, c):
    delta = (b @ a) * (16 / a.size(0))
    return torch.addmm(c, x.flatten(0, 1), (w + delta).t()).view(x.size(0), x.size(1), -1)


def lora_root(x, w, a, b, c):
    delta = (b @ a) * (16 / math.sqrt(a.size(0)))
    return F.linear(x, w + delta, c)


def experts(
    x: Float[Tensor, "t d"], router: Float[Tensor, "4 d"], up: Float[Tensor, "4 d f"], down: Float[Tensor, "4 f d"]
) -> Float[Tensor, "t d"]:
    """All experts on all tokens, weighted by the router."""
    p = F.softmax(x @ router.t(), dim=-1)
    h = F.silu(torch.einsum("td,edf->tef", x, up))
    return torch.einsum("tef,efd,te->td", h, down, p)


def experts_loop(x, router, up, down):
    p = torch.softmax(F.linear(x, router), dim=1)
    out = torch.zeros_like(x)
    for e in range(4):
        h = x @ up[e]
        out += p[:, e, None] * ((h * torch.sigmoid(h)) @ down[e])
    return out


def experts_weighted_inside(x, router, up, down):
    p = torch.softmax(F.linear(x, router), dim=1)
    out = torch.zeros_like(x)
    for e in range(4):
        out += F.silu(p[:, e, None] * (x @ up[e])) @ down[e]
    return out


def conv_unfold(x: Float[Tensor, "b c h w"], k: Float[Tensor, "o c 3 3"]) -> Float[Tensor, "b o h w"]:
    return F.conv2d(x, k, padding=1)


def conv_im2col(x, k):
    b, _, h, w = x.shape
    cols = F.unfold(x, kernel_size=3, padding=1)
    return (k.view(k.shape[0], -1) @ cols).view(b, k.shape[0], h, w)


def conv_flipped(x, k):
    b, _, h, w = x.shape
    cols = F.unfold(x, kernel_size=3, padding=1)
    return (k.flip(-1).reshape(k.shape[0], -1) @ cols).view(b, k.shape[0], h, w)


def separable(
    x: Float[Tensor, "b c n"], depth: Float[Tensor, "c 1 3"], point: Float[Tensor, "o c 1"]
) -> Float[Tensor, "b o n"]:
    y = F.conv1d(x, depth, padding=1, groups=x.shape[1])
    return F.conv1d(y, point)


def separable_shifts(x, depth, point):
    n = x.shape[-1]
    padded = F.pad(x, (1, 1))
    y = sum(padded[..., i : i + n] * depth[:, 0, i, None] for i in range(3))
    return torch.einsum("oc,bcn->bon", point.squeeze(-1), y)


def separable_causal(x, depth, point):
    n = x.shape[-1]
    padded = F.pad(x, (2, 0))
    y = sum(padded[..., i : i + n] * depth[:, 0, i, None] for i in range(3))
    return torch.einsum("oc,bcn->bon", point.squeeze(-1), y)


def pooled(x: Float[Tensor, "b c 2*h 2*w"]) -> Float[Tensor, "b c h w"]:
    return F.avg_pool2d(x, 2) + F.max_pool2d(x, 2)


def pooled_corners(x):
    a, b, c, d = x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]
    return (a + b + c + d) / 4 + torch.maximum(torch.maximum(a, b), torch.maximum(c, d))


def pooled_corners_twice(x):
    a, b, c, d = x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]
    return (a + b + c + d) / 4 + torch.maximum(torch.maximum(a, b), torch.maximum(c, b))


def global_pool(x: Float[Tensor, "b c h w"], w: Float[Tensor, "o c"], bias: Float[Tensor, "o"]) -> Float[Tensor, "b o"]:
    return F.linear(F.adaptive_avg_pool2d(x, 1).flatten(1), w, bias)


def global_pool_after(x, w, bias):
    y = F.conv2d(x, w[:, :, None, None], bias)
    return y.mean(dim=(2, 3))


def global_pool_sum(x, w, bias):
    y = F.conv2d(x, w[:, :, None, None], bias)
    return y.sum(dim=(2, 3)) / x.shape[-1]


def excite(x: Float[Tensor, "b c h w"], w1: Float[Tensor, "r c"], w2: Float[Tensor, "c r"]) -> Float[Tensor, "b c h w"]:
    """Squeeze and excitation."""
    s = x.mean((2, 3))
    s = torch.sigmoid(F.relu(s @ w1.T) @ w2.T)
    return x * s.view(x.size(0), x.size(1), 1, 1)


def excite_conv(x, w1, w2):
    s = F.avg_pool2d(x, x.shape[2:])
    s = F.conv2d(F.conv2d(s, w1[..., None, None]).clamp(min=0), w2[..., None, None])
    return x / (1 + torch.exp(-s))


def excite_hard(x, w1, w2):
    s = x.mean((2, 3))
    return x * F.hardsigmoid(F.relu(s @ w1.T) @ w2.T)[..., None, None]


def gru(
    x: Float[Tensor, "b i"], h: Float[Tensor, "b d"], wi: Float[Tensor, "3*d i"], wh: Float[Tensor, "3*d d"]
) -> Float[Tensor, "b d"]:
    gi, gh = F.linear(x, wi), F.linear(h, wh)
    i_r, i_z, i_n = gi.chunk(3, 1)
    h_r, h_z, h_n = gh.chunk(3, 1)
    r, z = torch.sigmoid(i_r + h_r), torch.sigmoid(i_z + h_z)
    n = torch.tanh(i_n + r * h_n)
    return n + z * (h - n)


def gru_lerp(x, h, wi, wh):
    d = h.shape[1]
    xr, xz, xn = (x @ wi[i * d : (i + 1) * d].mT for i in range(3))
    hr, hz, hn = (h @ wh[i * d : (i + 1) * d].mT for i in range(3))
    update = torch.sigmoid(-(xz + hz))
    new = 2 * torch.sigmoid(2 * (xn + torch.sigmoid(xr + hr) * hn)) - 1
    return torch.lerp(h, new, update)


def gru_reset_before(x, h, wi, wh):
    d = h.shape[1]
    xr, xz, xn = (x @ wi[i * d : (i + 1) * d].mT for i in range(3))
    r = torch.sigmoid(xr + h @ wh[:d].mT)
    z = torch.sigmoid(xz + h @ wh[d : 2 * d].mT)
    return torch.lerp(torch.tanh(xn + (r * h) @ wh[2 * d :].mT), h, z)


def scan(a: Float[Tensor, "b 6 d"], u: Float[Tensor, "b 6 d"]) -> Float[Tensor, "b 6 d"]:
    """A diagonal state space, as in Mamba."""
    a, h, out = -F.softplus(a), torch.zeros_like(u[:, 0]), []
    for t in range(6):
        h = torch.exp(a[:, t]) * h + u[:, t]
        out.append(h)
    return torch.stack(out, dim=1)


def scan_segsum(a, u):
    total = torch.cumsum(-F.softplus(a), dim=1)
    gap = total[:, :, None] - total[:, None, :]
    mask = torch.ones(6, 6, dtype=torch.bool).tril()
    decay = torch.exp(gap.masked_fill(~mask[None, :, :, None], -torch.inf))
    return torch.einsum("btsd,bsd->btd", decay, u)


def scan_exclusive(a, u):
    log_decay = -F.softplus(a)
    total = torch.cumsum(log_decay, dim=1) - log_decay
    gap = total[:, :, None] - total[:, None, :]
    mask = torch.ones(6, 6, dtype=torch.bool).tril()
    decay = torch.exp(gap.masked_fill(~mask[None, :, :, None], -torch.inf))
    return torch.einsum("btsd,bsd->btd", decay, u)


def delta_rule(
    s: Float[Tensor, "d e"], k: Float[Tensor, "d"], v: Float[Tensor, "e"], beta: Float[Tensor, ""]
) -> Float[Tensor, "d e"]:
    """One step of the delta rule."""
    old = k @ s
    new = beta * v + (1 - beta) * old
    return s - torch.outer(k, old) + torch.outer(k, new)


def delta_rule_matrix(s, k, v, beta):
    eye = torch.eye(k.shape[0], dtype=s.dtype)
    return (eye - beta * torch.outer(k, k)) @ s + beta * torch.outer(k, v)


def delta_rule_plus(s, k, v, beta):
    eye = torch.eye(k.shape[0], dtype=s.dtype)
    return (eye + beta * torch.outer(k, k)) @ s + beta * torch.outer(k, v)


def adam(p: Float[Tensor, "n"], g: Float[Tensor, "n"], m: Float[Tensor, "n"], v: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """The third step of Adam, with the bias corrections."""
    m = 0.9 * m + 0.1 * g
    v = (0.999 * v + 0.001 * g * g).abs()
    mhat, vhat = m / (1 - 0.9**3), v / (1 - 0.999**3)
    return p - 1e-3 * mhat / (vhat.sqrt() + 1e-8)


def adam_step_size(p, g, m, v):
    m = m.lerp(g, 0.1)
    v = (v * 0.999).addcmul(g, g, value=0.001).abs()
    denom = v.sqrt() / math.sqrt(1 - 0.999**3) + 1e-8
    return p.addcdiv(m, denom, value=-1e-3 / (1 - 0.9**3))


def adam_eps_first(p, g, m, v):
    m = m.lerp(g, 0.1)
    v = (v * 0.999).addcmul(g, g, value=0.001).abs()
    denom = (v.sqrt() + 1e-2) / math.sqrt(1 - 0.999**3)
    return p.addcdiv(m, denom, value=-1e-3 / (1 - 0.9**3))


def momentum(
    p: Float[Tensor, "n"], g1: Float[Tensor, "n"], g2: Float[Tensor, "n"], b: Float[Tensor, "n"]
) -> Float[Tensor, "n"]:
    """Two Nesterov steps with weight decay."""
    for g in (g1, g2):
        d = g + 0.01 * p
        b = 0.9 * b + d
        p = p - 0.1 * (d + 0.9 * b)
    return p


def momentum_unrolled(p, g1, g2, b):
    d1 = g1 + 0.01 * p
    b1 = torch.add(d1, b, alpha=0.9)
    p1 = p - 0.19 * d1 - 0.081 * b
    d2 = torch.add(g2, p1, alpha=0.01)
    return p1 - 0.1 * (1.9 * d2 + 0.81 * b1)


def momentum_stale(p, g1, g2, b):
    d1 = g1 + 0.01 * p
    b1 = torch.add(d1, b, alpha=0.9)
    p1 = p - 0.19 * d1 - 0.081 * b
    d2 = torch.add(g2, p, alpha=0.01)
    return p1 - 0.1 * (1.9 * d2 + 0.81 * b1)


PAIRS = [
    ("group norm by moments", group_norm, group_norm_moments, True),
    ("group norm, groups strided", group_norm, group_norm_strided, False),
    ("gemma norm folded", rms_linear, rms_linear_folded, True),
    ("gemma norm without one", rms_linear, rms_linear_plain, False),
    ("geglu in two products", geglu, geglu_split, True),
    ("geglu swapped", geglu, geglu_swapped, False),
    ("lora merged by addmm", lora, lora_merged, True),
    ("lora by the root of the rank", lora, lora_root, False),
    ("experts in a loop", experts, experts_loop, True),
    ("experts weighted inside", experts, experts_weighted_inside, False),
    ("conv by unfold", conv_unfold, conv_im2col, True),
    ("conv by unfold, flipped", conv_unfold, conv_flipped, False),
    ("separable conv by shifts", separable, separable_shifts, True),
    ("separable conv, causal", separable, separable_causal, False),
    ("pooling by corners", pooled, pooled_corners, True),
    ("pooling by corners, one twice", pooled, pooled_corners_twice, False),
    ("global pooling after", global_pool, global_pool_after, True),
    ("global pooling summed", global_pool, global_pool_sum, False),
    ("excitation by convolutions", excite, excite_conv, True),
    ("excitation, hard", excite, excite_hard, False),
    ("gru by lerp", gru, gru_lerp, True),
    ("gru, reset before", gru, gru_reset_before, False),
    ("scan by segment sums", scan, scan_segsum, True),
    ("scan by exclusive sums", scan, scan_exclusive, False),
    ("delta rule by a matrix", delta_rule, delta_rule_matrix, True),
    ("delta rule, plus", delta_rule, delta_rule_plus, False),
    ("adam by step size", adam, adam_step_size, True),
    ("adam, eps corrected", adam, adam_eps_first, False),
    ("nesterov unrolled", momentum, momentum_unrolled, True),
    ("nesterov, stale decay", momentum, momentum_stale, False),
]
