"""Norms, fused projections, gates and shards, each in its author's own spelling."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

X = Float[Tensor, "b n d"]


def layer_norm(x: X, g: Float[Tensor, "d"], b: Float[Tensor, "d"]) -> X:
    return F.layer_norm(x, x.shape[-1:], g, b, 1e-5)


def layer_norm_unbiased(x, g, b, eps=1e-5):
    return (x - x.mean(-1, True)) * torch.rsqrt(x.var(-1, keepdim=True) + eps) * g + b


def layer_norm_std(x, g, b, eps=1e-5):
    return (x - x.mean(-1, True)) / (x.std(-1, keepdim=True, unbiased=False) + eps) * g + b


def group_norm(x: Float[Tensor, "b 4*c s"], g: Float[Tensor, "4*c"], b: Float[Tensor, "4*c"]) -> Float[Tensor, "b 4*c s"]:
    return F.group_norm(x, 4, g, b)


def group_norm_hand(x, g, b, groups=4, eps=1e-5):
    n, c, s = x.shape
    y = x.view(n, groups, -1)
    y = (y - y.mean(-1, keepdim=True)) * (y.var(-1, keepdim=True, unbiased=False) + eps).rsqrt()
    return y.view(n, c, s) * g.view(1, -1, 1) + b.view(1, -1, 1)


def group_norm_interleaved(x, g, b, groups=4, eps=1e-5):
    n, c, s = x.shape
    y = x.view(n, c // groups, groups, s)
    y = (y - y.mean((1, 3), keepdim=True)) * (y.var((1, 3), keepdim=True, unbiased=False) + eps).rsqrt()
    return y.view(n, c, s) * g.view(1, -1, 1) + b.view(1, -1, 1)


def batch_norm_linear(
    x: Float[Tensor, "n d"],
    w: Float[Tensor, "o d"],
    bias: Float[Tensor, "o"],
    mean: Float[Tensor, "o"],
    std: Float[Tensor, "o"],
    g: Float[Tensor, "o"],
    b: Float[Tensor, "o"],
) -> Float[Tensor, "n o"]:
    return F.batch_norm(F.linear(x, w, bias), mean, std.square(), g, b, training=False, eps=1e-3)


def batch_norm_folded(x, w, bias, mean, std, g, b):
    s = g / torch.sqrt(std * std + 1e-3)
    return torch.addmm((bias - mean) * s + b, x, (w * s[:, None]).T)


def batch_norm_folded_no_bias_scale(x, w, bias, mean, std, g, b):
    s = g / torch.sqrt(std * std + 1e-3)
    return torch.addmm(bias - mean * s + b, x, (w * s[:, None]).T)


def qkv(x: X, wq: Float[Tensor, "d e"], wk: Float[Tensor, "d f"], wv: Float[Tensor, "d f"]):
    return x @ wq, x @ wk, x @ wv


def qkv_fused(x, wq, wk, wv):
    e, f = wq.shape[1], wk.shape[1]
    y = torch.matmul(x, torch.cat((wq, wk, wv), dim=1))
    return y.split([e, f, f], dim=-1)


def qkv_narrow(x, wq, wk, wv):
    e, f = wq.shape[-1], wk.shape[-1]
    y = torch.einsum("bnd,de->bne", x, torch.cat([wq, wk, wv], -1))
    return y.narrow(-1, 0, e), y.narrow(-1, e, f), y.narrow(-1, e + f, f)


def qkv_swapped(x, wq, wk, wv):
    e, f = wq.shape[1], wk.shape[1]
    q, v, k = torch.split(x @ torch.cat((wq, wk, wv), dim=1), [e, f, f], dim=2)
    return q, k, v


def swiglu(x: X, gate: Float[Tensor, "f d"], up: Float[Tensor, "f d"], down: Float[Tensor, "d f"]) -> X:
    return F.linear(F.silu(F.linear(x, gate)) * F.linear(x, up), down)


def swiglu_packed(x, gate, up, down):
    g, u = F.linear(x, torch.cat([gate, up])).chunk(2, dim=-1)
    return (g * torch.sigmoid(g) * u) @ down.mT


def swiglu_stacked(x, gate, up, down):
    g, u = torch.einsum("bnd,sfd->sbnf", x, torch.stack([gate, up]))
    return torch.einsum("bnf,df->bnd", u * g / (1 + torch.exp(-g)), down)


def swiglu_wrong_half(x, gate, up, down):
    u, g = F.linear(x, torch.cat([gate, up])).tensor_split(2, dim=-1)
    return (F.silu(g) * u) @ down.mT


def geglu(x: X, w: Float[Tensor, "2*f d"], b: Float[Tensor, "2*f"]) -> Float[Tensor, "b n f"]:
    a, g = F.linear(x, w, b).chunk(2, -1)
    return a * F.gelu(g)


def geglu_erf(x, w, b):
    f = w.shape[0] // 2
    a = x @ w[:f].T + b[:f]
    g = x @ w[f:].T + b[f:]
    return 0.5 * a * g * (1 + torch.erf(g * 2**-0.5))


def geglu_tanh(x, w, b):
    a, g = F.linear(x, w, b).chunk(2, -1)
    return a * F.gelu(g, approximate="tanh")


def gelu_tanh(x: X) -> X:
    return F.gelu(x, approximate="tanh")


def gelu_tanh_sigmoid(x):
    return x * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


def gelu_quick(x):
    return x * torch.sigmoid(1.702 * x)


def glu(x: Float[Tensor, "n 2*d"]) -> Float[Tensor, "n d"]:
    return F.glu(x, dim=-1)


def glu_hand(x):
    d = x.shape[-1] // 2
    return x[..., :d] * x[..., d:].sigmoid()


def glu_interleaved(x):
    return x[..., ::2] * x[..., 1::2].sigmoid()


def mish(x: X) -> X:
    return F.mish(x)


def mish_hand(x):
    return x * torch.tanh(torch.log1p(x.exp()))


def logistic_tanh(x: X) -> X:
    return torch.tanh(x)


def logistic_tanh_hand(x):
    return 2 / (1 + torch.exp(-2 * x)) - 1


def hard_swish(x: X) -> X:
    return F.hardswish(x)


def hard_swish_hand(x):
    return x * F.relu6(x + 3) / 6


def hard_swish_clamp(x):
    return x * (x / 6 + 0.5).clamp(0.0, 1.0)


def hard_swish_no_shift(x):
    return x * F.relu6(x + 3.0) / 6.5


def mlp(x: X, w1: Float[Tensor, "4*f d"], b1: Float[Tensor, "4*f"], w2: Float[Tensor, "d 4*f"], b2: Float[Tensor, "d"]) -> X:
    return F.linear(F.gelu(F.linear(x, w1, b1)), w2, b2)


def mlp_sharded(x, w1, b1, w2, b2):
    partial = [F.gelu(F.linear(x, w, b)) @ u.mT for w, b, u in zip(w1.chunk(4), b1.chunk(4), w2.chunk(4, dim=1), strict=True)]
    return torch.stack(partial).sum(0) + b2


def mlp_sharded_bias_in_all(x, w1, b1, w2, b2):
    shards = zip(w1.chunk(4), b1.chunk(4), w2.chunk(4, dim=1), strict=True)
    return sum(F.linear(F.gelu(F.linear(x, w, b)), u, b2) for w, b, u in shards)


def mlp_einsum_sharded(x, w1, b1, w2, b2):
    d = x.shape[-1]
    hidden = torch.einsum("bnd,sfd->sbnf", x, w1.view(4, -1, d)) + b1.view(4, 1, 1, -1)
    return torch.einsum("sbnf,dsf->bnd", F.gelu(hidden), w2.reshape(d, 4, -1)) + b2


class Gated(nn.Module):
    """A gated layer with its weights inside."""

    def __init__(self):
        super().__init__()
        self.up = nn.Linear(6, 10)
        self.down = nn.Linear(5, 6, bias=False)
        self.norm = nn.LayerNorm(6)

    def forward(self, x: Float[Tensor, "n 6"]) -> Float[Tensor, "n 6"]:
        a, b = self.up(self.norm(x)).chunk(2, dim=-1)
        return x + self.down(a * torch.sigmoid(b))


class GatedByGlu(Gated):
    def forward(self, x: Float[Tensor, "n 6"]) -> Float[Tensor, "n 6"]:
        h = F.layer_norm(x, (6,)) * self.norm.weight + self.norm.bias
        return F.glu(F.linear(h, self.up.weight, self.up.bias)) @ self.down.weight.T + x


class GatedNoResidual(Gated):
    def forward(self, x: Float[Tensor, "n 6"]) -> Float[Tensor, "n 6"]:
        x = self.norm(x)
        return x + self.down(F.glu(self.up(x)))


torch.manual_seed(1)


gated, by_glu, no_residual = Gated().double(), GatedByGlu().double(), GatedNoResidual().double()


by_glu.load_state_dict(gated.state_dict())


no_residual.load_state_dict(gated.state_dict())


PAIRS = [
    ("layer norm unbiased", layer_norm, layer_norm_unbiased, False),
    ("layer norm eps outside", layer_norm, layer_norm_std, False),
    ("group norm", group_norm, group_norm_hand, True),
    ("group norm interleaved", group_norm, group_norm_interleaved, False),
    ("batch norm folded", batch_norm_linear, batch_norm_folded, True),
    ("batch norm, bias not scaled", batch_norm_linear, batch_norm_folded_no_bias_scale, False),
    ("qkv fused", qkv, qkv_fused, True),
    ("qkv by narrow", qkv, qkv_narrow, True),
    ("qkv swapped", qkv, qkv_swapped, False),
    ("swiglu packed", swiglu, swiglu_packed, True),
    ("swiglu stacked", swiglu, swiglu_stacked, True),
    ("swiglu halves swapped", swiglu, swiglu_wrong_half, False),
    ("geglu by erf", geglu, geglu_erf, True),
    ("geglu by tanh", geglu, geglu_tanh, False),
    ("tanh gelu by sigmoid", gelu_tanh, gelu_tanh_sigmoid, True),
    ("quick gelu", gelu_tanh, gelu_quick, False),
    ("glu", glu, glu_hand, True),
    ("glu interleaved", glu, glu_interleaved, False),
    ("mish", mish, mish_hand, True),
    ("tanh by exp", logistic_tanh, logistic_tanh_hand, True),
    ("hard swish", hard_swish, hard_swish_hand, True),
    ("hard swish by clamp", hard_swish, hard_swish_clamp, True),
    ("hard swish wrong divisor", hard_swish, hard_swish_no_shift, False),
    ("mlp in shards", mlp, mlp_sharded, True),
    ("mlp in shards by einsum", mlp, mlp_einsum_sharded, True),
    ("mlp in shards, bias in all", mlp, mlp_sharded_bias_in_all, False),
    ("gated module", gated, by_glu, True),
    ("gated module, residual of the norm", gated, no_residual, False),
]
