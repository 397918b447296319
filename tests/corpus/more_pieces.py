"""Softmax in pieces, convolutions, pooling, identities of maxima and roots, a whole block."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def softmax8(x: Float[Tensor, "b 8*w"]) -> Float[Tensor, "b 8*w"]:
    return x.softmax(-1)


def softmax8_online(x):
    w = x.shape[1] // 8
    m = x[:, :w].amax(1)
    total = torch.exp(x[:, :w] - m[:, None]).sum(1)
    for j in range(1, 8):
        xj = x[:, j * w : (j + 1) * w]
        new = torch.max(m, xj.amax(1))
        total = total * torch.exp(m - new) + torch.exp(xj - new[:, None]).sum(1)
        m = new
    return torch.exp(x - m[:, None]) / total[:, None]


def softmax8_tree(x):
    parts = [(p.amax(-1, keepdim=True), p) for p in x.chunk(8, -1)]
    level = [(m, (p - m).exp().sum(-1, keepdim=True)) for m, p in parts]
    while len(level) > 1:
        merged = []
        for (m1, l1), (m2, l2) in zip(level[::2], level[1::2], strict=False):
            m = torch.maximum(m1, m2)
            merged.append((m, l1 * (m1 - m).exp() + l2 * (m2 - m).exp()))
        level = merged
    ((m, total),) = level
    return (x - m).exp() / total


def softmax8_first_max(x):
    parts = x.chunk(8, -1)
    m, total = parts[0].amax(-1, keepdim=True), 0
    for p in parts:
        total = total + (p - m).exp().sum(-1, keepdim=True)
    return (x - m).exp() / total


def softmax8_no_rescale(x):
    parts = x.chunk(8, -1)
    m, total = torch.full_like(x[:, :1], float("-inf")), 0
    for p in parts:
        m = torch.maximum(m, p.amax(-1, keepdim=True))
        total = total + (p - m).exp().sum(-1, keepdim=True)
    return (x - m).exp() / total


def softmax8_base2(x):
    y = x * math.log2(math.e)
    e = torch.exp2(y - y.amax(-1, True))
    return e / e.sum(-1, True)


def conv(x: Float[Tensor, "b c l"], w: Float[Tensor, "o c 3"], bias: Float[Tensor, "o"]) -> Float[Tensor, "b o l"]:
    return F.conv1d(x, w, bias, padding=1)


def conv_shifts(x, w, bias):
    p = F.pad(x, (1, 1))
    total = x.shape[-1]
    return sum(torch.einsum("bcl,oc->bol", p[..., i : i + total], w[..., i]) for i in range(3)) + bias[:, None]


def conv_unfold(x, w, bias):
    cols = F.pad(x, (1, 1)).unfold(-1, 3, 1)
    return torch.einsum("bclk,ock->bol", cols, w) + bias.view(1, -1, 1)


def conv_flipped(x, w, bias):
    return F.conv1d(x, w.flip(-1), bias, padding=1)


def conv_causal(x, w, bias):
    return F.conv1d(F.pad(x, (2, 0)), w, bias)


def pointwise(x: Float[Tensor, "b c i j"], w: Float[Tensor, "o c 1 1"], bias: Float[Tensor, "o"]) -> Float[Tensor, "b o i j"]:
    return F.conv2d(x, w, bias)


def pointwise_linear(x, w, bias):
    return F.linear(x.permute(0, 2, 3, 1), w.flatten(1), bias).permute(0, 3, 1, 2)


def patches(x: Float[Tensor, "b c 4*i 4*j"], w: Float[Tensor, "e c 4 4"]) -> Float[Tensor, "b i*j e"]:
    return F.conv2d(x, w, stride=4).flatten(2).transpose(1, 2)


def patches_linear(x, w):
    b, c, hh, ww = x.shape
    p = x.view(b, c, hh // 4, 4, ww // 4, 4).permute(0, 2, 4, 1, 3, 5).reshape(b, (hh // 4) * (ww // 4), c * 16)
    return p @ w.flatten(1).T


def patches_transposed(x, w):
    b, c, hh, ww = x.shape
    p = x.view(b, c, hh // 4, 4, ww // 4, 4).permute(0, 2, 4, 1, 5, 3).reshape(b, (hh // 4) * (ww // 4), c * 16)
    return p @ w.flatten(1).T


def pool(x: Float[Tensor, "b c 2*i 2*j"]) -> Float[Tensor, "b c i j"]:
    return F.avg_pool2d(x, 2)


def pool_slices(x):
    return (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4


def pool_view(x):
    b, c, h, w = x.shape
    return x.view(b, c, h // 2, 2, w // 2, 2).mean(dim=(3, 5))


def pool_wrong_view(x):
    b, c, h, w = x.shape
    return x.view(b, c, 2, h // 2, 2, w // 2).mean(dim=(2, 4))


def max_pool(x: Float[Tensor, "b c 2*i"]) -> Float[Tensor, "b c i"]:
    return F.max_pool1d(x, kernel_size=2)


def max_pool_slices(x):
    return torch.maximum(x[:, :, 0::2], x[:, :, 1::2])


def max_pool_halves(x):
    return torch.maximum(*x.chunk(2, -1))


def depthwise(x: Float[Tensor, "b c l"], w: Float[Tensor, "c 1 3"]) -> Float[Tensor, "b c l"]:
    return F.conv1d(x, w, padding=1, groups=x.shape[1])


def depthwise_hand(x, w):
    y = x * w[:, 0, 1, None]
    y[..., 1:] += x[..., :-1] * w[:, 0, 0, None]
    y[..., :-1] += x[..., 1:] * w[:, 0, 2, None]
    return y


def depthwise_flipped(x, w):
    y = x * w[:, 0, 1, None]
    y[..., 1:] += x[..., :-1] * w[:, 0, 2, None]
    y[..., :-1] += x[..., 1:] * w[:, 0, 0, None]
    return y


def relu_abs(x: Float[Tensor, "n"], y: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    return torch.maximum(x, y)


def relu_abs_hand(x, y):
    return 0.5 * (x + y + (x - y).abs())


def relu_abs_shift(x, y):
    return y + F.relu(x - y)


def relu_wrong(x, y):
    return x + F.relu(x - y)


def leaky(x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    return F.leaky_relu(x, 0.1)


def leaky_max(x):
    return torch.maximum(x, 0.1 * x)


def leaky_relus(x):
    return x.relu() - 0.1 * (-x).relu()


def leaky_default(x):
    return F.leaky_relu(x)


def cosine(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
    return (x * y).sum(-1) / ((x * x).sum(-1) * (y * y).sum(-1)).sqrt()


def cosine_norms(x, y):
    return torch.einsum("nd,nd->n", x, y) / (x.norm(dim=-1) * y.norm(dim=-1))


def cosine_unit(x, y):
    x = x / torch.linalg.norm(x, dim=-1, keepdim=True)
    y = y / torch.linalg.norm(y, dim=-1, keepdim=True)
    return (x * y).sum(-1)


def cosine_l1(x, y):
    return (x * y).sum(-1) / (x.norm(p=1, dim=-1) * y.norm(dim=-1))


def power_sum(x: Float[Tensor, "n"], eps: float = 1e-3) -> Float[Tensor, "n"]:
    return (x**2 + eps) ** 1.5


def power_sum_root(x, eps=1e-3):
    y = x * x + eps
    return y * torch.sqrt(y)


def clamp_twice(x: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    return torch.clamp(x, -1, 1)


def clamp_relus(x):
    return F.relu(x + 1) - F.relu(x - 1) - 1


def clamp_tanhish(x):
    return F.hardtanh(x, -1.0, 1.5)


def conditional(x: Float[Tensor, "n d"], w: Float[Tensor, "d"] | None = None, centre: bool = True) -> Float[Tensor, "n d"]:
    y = x - x.mean(-1, keepdim=True) if centre else x
    y = y / (y.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return y if w is None else y * w


def conditional_library(x):
    return F.layer_norm(x, [x.shape[-1]])


class Block(nn.Module):
    def __init__(self, dim=8, heads=2):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.RMSNorm(dim, eps=1e-6)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 12), nn.GELU(), nn.Linear(12, dim))

    def forward(self, x: Float[Tensor, "b n 8"]) -> Float[Tensor, "b n 8"]:
        b, n, e = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        a = F.scaled_dot_product_attention(q, k, v)
        x = x + self.proj(a.transpose(1, 2).reshape(b, n, e))
        return x + self.mlp(self.norm2(x))


class BlockByHand(Block):
    def forward(self, x: Float[Tensor, "b n 8"]) -> Float[Tensor, "b n 8"]:
        q, k, v = F.linear(self.norm1(x), self.qkv.weight, self.qkv.bias).chunk(3, -1)
        heads = []
        for qh, kh, vh in zip(*(t.split(4, dim=-1) for t in (q, k, v)), strict=False):
            heads.append(torch.softmax(qh @ kh.mT / 2, -1) @ vh)
        x = self.proj(torch.cat(heads, -1)) + x
        h = x / torch.sqrt(torch.mean(x**2, -1, keepdim=True) + 1e-6) * self.norm2.weight
        h = self.mlp[0](h)
        h = 0.5 * h * (1 + torch.erf(h / math.sqrt(2)))
        return self.mlp[2](h) + x


class BlockPost(Block):
    def forward(self, x: Float[Tensor, "b n 8"]) -> Float[Tensor, "b n 8"]:
        b, n, e = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        a = F.scaled_dot_product_attention(q, k, v)
        x = self.norm1(x + self.proj(a.transpose(1, 2).reshape(b, n, e)))
        return x + self.mlp(self.norm2(x))


torch.manual_seed(2)


block, by_hand, post = Block().double(), BlockByHand().double(), BlockPost().double()


by_hand.load_state_dict(block.state_dict())


post.load_state_dict(block.state_dict())


PAIRS = [
    ("softmax online in 8", softmax8, softmax8_online, True),
    ("softmax tree of 8", softmax8, softmax8_tree, True),
    ("softmax by the first maximum", softmax8, softmax8_first_max, True),
    ("softmax not rescaled", softmax8, softmax8_no_rescale, False),
    ("softmax base 2", softmax8, softmax8_base2, True),
    ("conv by shifts", conv, conv_shifts, True),
    ("conv by unfold", conv, conv_unfold, True),
    ("conv flipped", conv, conv_flipped, False),
    ("conv causal", conv, conv_causal, False),
    ("pointwise conv", pointwise, pointwise_linear, True),
    ("patches", patches, patches_linear, True),
    ("patches transposed", patches, patches_transposed, False),
    ("pool by slices", pool, pool_slices, True),
    ("pool by view", pool, pool_view, True),
    ("pool wrong view", pool, pool_wrong_view, False),
    ("max pool by slices", max_pool, max_pool_slices, True),
    ("max pool of halves", max_pool, max_pool_halves, False),
    ("depthwise in place", depthwise, depthwise_hand, True),
    ("depthwise flipped", depthwise, depthwise_flipped, False),
    ("max by abs", relu_abs, relu_abs_hand, True),
    ("max by relu", relu_abs, relu_abs_shift, True),
    ("max by relu, wrong base", relu_abs, relu_wrong, False),
    ("leaky by max", leaky, leaky_max, True),
    ("leaky by relus", leaky, leaky_relus, True),
    ("leaky default", leaky, leaky_default, False),
    ("cosine by norms", cosine, cosine_norms, True),
    ("cosine of unit vectors", cosine, cosine_unit, True),
    ("cosine with l1", cosine, cosine_l1, False),
    ("power 1.5", power_sum, power_sum_root, True),
    ("clamp by relus", clamp_twice, clamp_relus, True),
    ("clamp too wide", clamp_twice, clamp_tanhish, False),
    ("optional arguments", conditional, conditional_library, True),
    ("transformer block", block, by_hand, True),
    ("transformer block post norm", block, post, False),
]
