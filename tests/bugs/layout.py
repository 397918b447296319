"""Axes confused: heads, groups, reshapes, concatenations and products in the wrong order."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Queries = Float[Tensor, "b h*g n d"]
Keys = Float[Tensor, "b h m d"]
Rows = Float[Tensor, "b n i"]
Weight = Float[Tensor, "o i"]
Square = Float[Tensor, "n n"]


def grouped_attention(q: Queries, k: Keys, v: Keys) -> Queries:
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
    return torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), dim=-1) @ v


def heads_tiled(q: Queries, k: Keys, v: Keys) -> Queries:
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat(1, group, 1, 1), v.repeat(1, group, 1, 1)
    return torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), dim=-1) @ v


def merge_heads(x: Float[Tensor, "b h n d"]) -> Float[Tensor, "b n h*d"]:
    return x.transpose(1, 2).flatten(2)


def merge_heads_without_transpose(x: Float[Tensor, "b h n d"]) -> Float[Tensor, "b n h*d"]:
    b, h, n, d = x.shape
    return x.reshape(b, n, h * d)


def transposed(x: Float[Tensor, "n m"]) -> Float[Tensor, "m n"]:
    return x.T


def reshaped(x: Float[Tensor, "n m"]) -> Float[Tensor, "m n"]:
    return x.reshape(x.shape[1], x.shape[0])


def product(a: Square, b: Square) -> Square:
    return a @ b


def product_swapped(a: Square, b: Square) -> Square:
    return b @ a


def elementwise_product(a: Square, b: Square) -> Square:
    return a * b


def product_transposed(a: Square, b: Square) -> Square:
    return a @ b.T


def trace_of_product(a: Square, b: Square) -> Float[Tensor, ""]:
    return torch.trace(a @ b)


def sum_of_elementwise(a: Square, b: Square) -> Float[Tensor, ""]:
    return (a * b).sum()


def linear(x: Rows, weight: Weight, bias: Float[Tensor, "o"]) -> Float[Tensor, "b n o"]:
    return F.linear(x, weight, bias)


def bias_dropped(x: Rows, weight: Weight, bias: Float[Tensor, "o"]) -> Float[Tensor, "b n o"]:
    return x @ weight.T


def projections(x: Rows, wq: Weight, wk: Weight) -> tuple[Float[Tensor, "b n o"], Float[Tensor, "b n o"]]:
    return F.linear(x, wq), F.linear(x, wk)


def projections_swapped(x: Rows, wq: Weight, wk: Weight) -> tuple[Float[Tensor, "b n o"], Float[Tensor, "b n o"]]:
    first, second = F.linear(x, torch.cat([wk, wq])).chunk(2, dim=-1)
    return first, second


def gated(x: Rows, gate: Weight, up: Weight) -> Float[Tensor, "b n o"]:
    return F.silu(x @ gate.T) * (x @ up.T)


def gate_on_the_wrong_half(x: Rows, gate: Weight, up: Weight) -> Float[Tensor, "b n o"]:
    left, right = F.linear(x, torch.cat([gate, up])).chunk(2, dim=-1)
    return left * F.silu(right)


def parallel(x: Float[Tensor, "n i"], w1: Float[Tensor, "2*f i"], w2: Float[Tensor, "o 2*f"], bias: Float[Tensor, "o"]):
    return F.linear(torch.relu(F.linear(x, w1)), w2, bias)


def bias_on_every_shard(
    x: Float[Tensor, "n i"], w1: Float[Tensor, "2*f i"], w2: Float[Tensor, "o 2*f"], bias: Float[Tensor, "o"]
):
    shards = zip(w1.chunk(2, dim=0), w2.chunk(2, dim=1), strict=True)
    return sum(F.linear(torch.relu(F.linear(x, first)), second, bias) for first, second in shards)


def merged_adapter(x: Rows, weight: Weight, down: Float[Tensor, "r i"], up: Float[Tensor, "o r"]):
    return F.linear(x, weight + up @ down)


def adapter_scaled_by_rank(x: Rows, weight: Weight, down: Float[Tensor, "r i"], up: Float[Tensor, "o r"]):
    return F.linear(x, weight) + F.linear(F.linear(x, down), up) / down.shape[0]


def sequence_shift(x: Rows) -> Rows:
    return torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)


def sequence_roll(x: Rows) -> Rows:
    return torch.roll(x, 1, dims=1)


def rotate_half(x: Float[Tensor, "n 2*d"]) -> Float[Tensor, "n 2*d"]:
    left, right = x.chunk(2, dim=-1)
    return torch.cat([-right, left], dim=-1)


def rotate_half_interleaved(x: Float[Tensor, "n 2*d"]) -> Float[Tensor, "n 2*d"]:
    return torch.stack([-x[:, 1::2], x[:, ::2]], dim=-1).flatten(1)


BUGS = [
    ("key-value heads tiled instead of interleaved", grouped_attention, heads_tiled),
    ("heads merged without the transpose", merge_heads, merge_heads_without_transpose),
    ("reshape instead of transpose", transposed, reshaped),
    ("B @ A instead of A @ B", product, product_swapped),
    ("elementwise instead of matrix product", product, elementwise_product),
    ("second factor transposed", product, product_transposed),
    ("trace(AB) as sum(A * B)", trace_of_product, sum_of_elementwise),
    ("bias dropped", linear, bias_dropped),
    ("fused projections in the wrong order", projections, projections_swapped),
    ("gate on the wrong half", gated, gate_on_the_wrong_half),
    ("bias added on every shard", parallel, bias_on_every_shard),
    ("adapter scaled on one path only", merged_adapter, adapter_scaled_by_rank),
    ("shift that wraps round", sequence_shift, sequence_roll),
    ("rotary halves interleaved", rotate_half, rotate_half_interleaved),
]
