"""Layers: gated MLPs, adapters, mixtures of experts, sharded layers, embeddings."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

X = Float[Tensor, "b n d"]
D = Float[Tensor, "d"]
W1 = Float[Tensor, "f d"]
W2 = Float[Tensor, "d f"]
Out = Float[Tensor, "b n o"]
W = Float[Tensor, "o d"]
Down = Float[Tensor, "r d"]
Up = Float[Tensor, "o r"]


def geglu(x: X, wg: W1, wu: W1, wd: W2) -> X:
    return (F.gelu(x @ wg.T) * (x @ wu.T)) @ wd.T


def geglu_fused(x: X, wg: W1, wu: W1, wd: W2) -> X:
    gate, up = F.linear(x, torch.cat((wg, wu))).split(wg.shape[0], dim=-1)
    return F.linear(F.gelu(gate) * up, wd)


def geglu_gate_after(x: X, wg: W1, wu: W1, wd: W2) -> X:
    return (x @ wg.T) * F.gelu(x @ wu.T) @ wd.T


def swiglu_stacked(x: X, w: Float[Tensor, "2*f d"], wd: W2) -> X:
    a, b = (x @ w.T).chunk(2, dim=-1)
    return (F.silu(a) * b) @ wd.T


def swiglu_two_products(x: X, w: Float[Tensor, "2*f d"], wd: W2) -> X:
    wa, wb = w.chunk(2, dim=0)
    h = x @ wa.T
    return (torch.sigmoid(h) * h * (x @ wb.T)) @ wd.T


def swiglu_interleaved(x: X, w: Float[Tensor, "2*f d"], wd: W2) -> X:
    h = x @ w.T
    return (F.silu(h[..., ::2]) * h[..., 1::2]) @ wd.T


def mlp(x: X, w1: W1, b1: Float[Tensor, "f"], w2: W2, b2: D) -> X:
    return x + F.linear(torch.relu(F.linear(x, w1, b1)), w2, b2)


def mlp_addmm(x: X, w1: W1, b1: Float[Tensor, "f"], w2: W2, b2: D) -> X:
    flat = x.reshape(-1, x.shape[-1])
    hidden = torch.addmm(b1, flat, w1.T).clamp(min=0)
    return (flat + torch.addmm(b2, hidden, w2.T)).view_as(x)


def mlp_bias_as_column(x: X, w1: W1, b1: Float[Tensor, "f"], w2: W2, b2: D) -> X:
    ones = torch.ones_like(x[..., :1])
    hidden = F.relu(torch.cat([x, ones], dim=-1) @ torch.cat([w1, b1[:, None]], dim=1).T)
    return x + hidden @ w2.T + b2


def mlp_without_residual(x: X, w1: W1, b1: Float[Tensor, "f"], w2: W2, b2: D) -> X:
    return F.linear(torch.relu(F.linear(x, w1, b1)), w2, b2)


def mlp_clobbered(x: X, w1: W1, b1: Float[Tensor, "f"], w2: W2, b2: D) -> X:
    """The residual is taken after x was overwritten."""
    y = x.clone()
    y.relu_()
    return y + F.linear(torch.relu(F.linear(x, w1, b1)), w2, b2)


def no_activation(x: X, w1: W1, b1: Float[Tensor, "f"], w2: W2, b2: D) -> X:
    return F.linear(F.linear(x, w1, b1), w2, b2)


def no_activation_merged(x: X, w1: W1, b1: Float[Tensor, "f"], w2: W2, b2: D) -> X:
    return F.linear(x, w2 @ w1, w2 @ b1 + b2)


def no_activation_bias_lost(x: X, w1: W1, b1: Float[Tensor, "f"], w2: W2, b2: D) -> X:
    return F.linear(x, w2 @ w1, b1.sum() * 0 + b2)


def residual_linear(x: X, w: Float[Tensor, "d d"]) -> X:
    return x + F.linear(x, w)


def residual_in_weight(x: X, w: Float[Tensor, "d d"]) -> X:
    return x @ (torch.eye(w.shape[0], dtype=w.dtype) + w).T


def adapter(x: X, w: W, a: Down, b: Up) -> Out:
    return x @ w.T + 2.0 * ((x @ a.T) @ b.T)


def adapter_stacked(x: X, w: W, a: Down, b: Up) -> Out:
    """One product for the weight and the adapter's first half."""
    y = x @ torch.cat([w, a], dim=0).T
    return y[..., : w.shape[0]] + 2.0 * y[..., w.shape[0] :] @ b.T


def adapter_scaled_twice(x: X, w: W, a: Down, b: Up) -> Out:
    return x @ (w + (2.0 * b) @ (2.0 * a)).T


def two_adapters(x: X, a: Down, b: Up, c: Float[Tensor, "s d"], d: Float[Tensor, "o s"]) -> Out:
    return x @ a.T @ b.T + x @ c.T @ d.T


def two_adapters_joined(x: X, a: Down, b: Up, c: Float[Tensor, "s d"], d: Float[Tensor, "o s"]) -> Out:
    return F.linear(F.linear(x, torch.cat([a, c], dim=0)), torch.cat([b, d], dim=1))


def experts(x: Float[Tensor, "n d"], router: Float[Tensor, "3 d"], w: Float[Tensor, "3 o d"]) -> Float[Tensor, "n o"]:
    gate = torch.softmax(x @ router.T, dim=-1)
    out = torch.zeros(x.shape[0], w.shape[1], dtype=x.dtype)
    for e in range(3):
        out = out + gate[:, e : e + 1] * (x @ w[e].T)
    return out


def experts_einsum(x: Float[Tensor, "n d"], router: Float[Tensor, "3 d"], w: Float[Tensor, "3 o d"]) -> Float[Tensor, "n o"]:
    gate = F.linear(x, router).softmax(-1)
    return torch.einsum("ne,nd,eod->no", gate, x, w)


def experts_weights_mixed(
    x: Float[Tensor, "n d"], router: Float[Tensor, "3 d"], w: Float[Tensor, "3 o d"]
) -> Float[Tensor, "n o"]:
    mixed = torch.tensordot(F.linear(x, router).softmax(-1), w, dims=1)
    return (mixed @ x.unsqueeze(-1)).squeeze(-1)


def experts_gated_by_token(
    x: Float[Tensor, "n d"], router: Float[Tensor, "3 d"], w: Float[Tensor, "3 o d"]
) -> Float[Tensor, "n o"]:
    gate = F.linear(x, router).softmax(0)
    return torch.einsum("ne,nd,eod->no", gate, x, w)


def experts_last_missed(
    x: Float[Tensor, "n d"], router: Float[Tensor, "3 d"], w: Float[Tensor, "3 o d"]
) -> Float[Tensor, "n o"]:
    gate = torch.softmax(x @ router.T, dim=-1)
    out = torch.zeros(x.shape[0], w.shape[1], dtype=x.dtype)
    for e in range(2):
        out = out + gate[:, e : e + 1] * (x @ w[e].T)
    return out


def column_parallel(x: X, w: Float[Tensor, "4*o d"], b: Float[Tensor, "4*o"]) -> Float[Tensor, "b n 4*o"]:
    return F.linear(x, w, b)


def column_parallel_gathered(x: X, w: Float[Tensor, "4*o d"], b: Float[Tensor, "4*o"]) -> Float[Tensor, "b n 4*o"]:
    return torch.cat([F.linear(x, ww, bb) for ww, bb in zip(w.chunk(4), b.chunk(4), strict=True)], dim=-1)


def column_parallel_stacked(x: X, w: Float[Tensor, "4*o d"], b: Float[Tensor, "4*o"]) -> Float[Tensor, "b n 4*o"]:
    parts = [F.linear(x, ww, bb) for ww, bb in zip(w.chunk(4), b.chunk(4), strict=True)]
    return torch.stack(parts, dim=-1).flatten(-2)


def row_parallel(x: Float[Tensor, "n 4*d"], w: Float[Tensor, "o 4*d"]) -> Float[Tensor, "n o"]:
    return x @ w.T


def row_parallel_reduced(x: Float[Tensor, "n 4*d"], w: Float[Tensor, "o 4*d"]) -> Float[Tensor, "n o"]:
    total = torch.zeros(x.shape[0], w.shape[0], dtype=x.dtype)
    for rank in range(4):
        width = w.shape[1] // 4
        shard = slice(rank * width, (rank + 1) * width)
        total = total + x[:, shard] @ w[:, shard].T
    return total


def row_parallel_averaged(x: Float[Tensor, "n 4*d"], w: Float[Tensor, "o 4*d"]) -> Float[Tensor, "n o"]:
    parts = [a @ b.T for a, b in zip(x.chunk(4, 1), w.chunk(4, 1), strict=True)]
    return torch.stack(parts).mean(dim=0)


def head_parallel(x: X, wv: Float[Tensor, "2*o d"], wo: Float[Tensor, "d 2*o"], s: Float[Tensor, "2 n n"]) -> X:
    v = F.linear(x, wv).unflatten(-1, (2, -1)).transpose(1, 2)
    return F.linear((s.softmax(-1) @ v).transpose(1, 2).flatten(2), wo)


def head_parallel_reduced(x: X, wv: Float[Tensor, "2*o d"], wo: Float[Tensor, "d 2*o"], s: Float[Tensor, "2 n n"]) -> X:
    parts = []
    for head, (value, out) in enumerate(zip(wv.chunk(2, 0), wo.chunk(2, 1), strict=True)):
        parts.append(s[head].softmax(-1) @ (x @ value.T) @ out.T)
    return parts[0] + parts[1]


def embedded(ids: Int[Tensor, "b n"], table: Float[Tensor, "v d"], position: Float[Tensor, "n d"]) -> X:
    return F.embedding(ids, table) * math.sqrt(table.shape[1]) + position


def one_hot_product(ids: Int[Tensor, "b n"], table: Float[Tensor, "v d"], position: Float[Tensor, "n d"]) -> X:
    one_hot = F.one_hot(ids, table.shape[0]).to(table.dtype)
    return one_hot @ (table * table.shape[1] ** 0.5) + position[None]


def embedded_all_scaled(ids: Int[Tensor, "b n"], table: Float[Tensor, "v d"], position: Float[Tensor, "n d"]) -> X:
    return (table[ids] + position) * math.sqrt(table.shape[1])


PAIRS = [
    ("GeGLU fused", geglu, geglu_fused, True),
    ("GeGLU, gate on the other product", geglu, geglu_gate_after, False),
    ("SwiGLU, stacked weight", swiglu_stacked, swiglu_two_products, True),
    ("SwiGLU, stacked weight interleaved", swiglu_stacked, swiglu_interleaved, False),
    ("MLP by addmm on flat rows", mlp, mlp_addmm, True),
    ("MLP, bias as a column", mlp, mlp_bias_as_column, True),
    ("MLP without residual", mlp, mlp_without_residual, False),
    ("MLP, residual overwritten", mlp, mlp_clobbered, False),
    ("two layers merged", no_activation, no_activation_merged, True),
    ("two layers merged, a bias lost", no_activation, no_activation_bias_lost, False),
    ("residual inside the weight", residual_linear, residual_in_weight, True),
    ("adapter stacked under the weight", adapter, adapter_stacked, True),
    ("adapter scaled twice", adapter, adapter_scaled_twice, False),
    ("two adapters joined", two_adapters, two_adapters_joined, True),
    ("experts by einsum", experts, experts_einsum, True),
    ("experts, weights mixed first", experts, experts_weights_mixed, True),
    ("experts, softmax over tokens", experts, experts_gated_by_token, False),
    ("experts, last missed", experts, experts_last_missed, False),
    ("column parallel", column_parallel, column_parallel_gathered, True),
    ("column parallel, stacked", column_parallel, column_parallel_stacked, False),
    ("row parallel", row_parallel, row_parallel_reduced, True),
    ("row parallel, averaged", row_parallel, row_parallel_averaged, False),
    ("heads on two devices", head_parallel, head_parallel_reduced, True),
    ("embedding by one-hot", embedded, one_hot_product, True),
    ("embedding, position scaled too", embedded, embedded_all_scaled, False),
]
