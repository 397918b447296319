"""Modules against modules with the same parameters, and against functions that read a module's parameters."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

X = Float[Tensor, "b n 6"]


class Block(nn.Module):
    """A pre-norm MLP block."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.up = nn.Linear(6, 8)
        self.down = nn.Linear(8, 6)

    def forward(self, x: X) -> X:
        return x + self.down(F.gelu(self.up(self.norm(x))))


class BlockByHand(Block):
    """The same with the norm and the activation written out."""

    def forward(self, x: X) -> X:
        c = x - x.mean(-1, keepdim=True)
        y = c * torch.rsqrt(c.square().mean(-1, keepdim=True) + 1e-5) * self.norm.weight + self.norm.bias
        h = self.up(y)
        return x + F.linear(0.5 * h * (1 + torch.erf(h / math.sqrt(2))), self.down.weight, self.down.bias)


class BlockWithoutBias(Block):
    """The second bias is forgotten."""

    def forward(self, x: X) -> X:
        return x + F.gelu(self.up(self.norm(x))) @ self.down.weight.T


class BlockAfterNorm(Block):
    """The residual is taken after the norm."""

    def forward(self, x: X) -> X:
        y = self.norm(x)
        return y + self.down(F.gelu(self.up(y)))


class SelfAttention(nn.Module):
    """Two heads, one fused projection."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(6, 18, bias=False)
        self.out = nn.Linear(6, 6, bias=False)

    def forward(self, x: X) -> X:
        b, n, _ = x.shape
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        q, k, v = (each.view(b, n, 2, 3).transpose(1, 2) for each in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(b, n, 6))


class SelfAttentionByEinsum(SelfAttention):
    """The same, with the weights cut into heads."""

    def forward(self, x: X) -> X:
        wq, wk, wv = self.qkv.weight.view(3, 2, 3, 6).unbind(0)
        q, k, v = (torch.einsum("bne,hde->bhnd", x, w) for w in (wq, wk, wv))
        s = torch.einsum("bhnd,bhmd->bhnm", q, k) / math.sqrt(3)
        hidden = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        p = s.masked_fill(hidden, float("-inf")).softmax(-1)
        return torch.einsum("bhnm,bhmd,ehd->bne", p, v, self.out.weight.view(6, 2, 3))


class SelfAttentionHeadsFirst(SelfAttention):
    """The fused weight is read as (head, 3, width) although it is stored as (3, head, width)."""

    def forward(self, x: X) -> X:
        b, n, _ = x.shape
        q, k, v = self.qkv(x).view(b, n, 2, 3, 3).permute(3, 0, 2, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(b, n, 6))


def like(module: nn.Module, other: type[nn.Module]) -> nn.Module:
    """A module of another class with the same parameters."""
    twin = other()
    twin.load_state_dict(module.state_dict())
    return twin.double().requires_grad_(False)


torch.manual_seed(0)
BLOCK = Block().double().requires_grad_(False)
ATTENTION = SelfAttention().double().requires_grad_(False)


def block_function(x: X) -> X:
    y = F.layer_norm(x, (6,), BLOCK.norm.weight, BLOCK.norm.bias)
    return x + BLOCK.down(F.gelu(y @ BLOCK.up.weight.T + BLOCK.up.bias))


def block_function_without_gelu(x: X) -> X:
    return x + BLOCK.down(BLOCK.up(BLOCK.norm(x)))


PAIRS = [
    ("block by hand", BLOCK, like(BLOCK, BlockByHand), True),
    ("block without a bias", BLOCK, like(BLOCK, BlockWithoutBias), False),
    ("block, residual after the norm", BLOCK, like(BLOCK, BlockAfterNorm), False),
    ("attention by einsum", ATTENTION, like(ATTENTION, SelfAttentionByEinsum), True),
    ("attention, heads outside the three", ATTENTION, like(ATTENTION, SelfAttentionHeadsFirst), False),
    ("block as a function", BLOCK, block_function, True),
    ("block as a function without gelu", BLOCK, block_function_without_gelu, False),
]
