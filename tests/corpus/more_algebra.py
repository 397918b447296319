"""Matrix products, linear attention, LoRA, norms that fold: one identity a pair."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

EPS = 1e-6


X = Float[Tensor, "b n d"]


def chain(
    x: Float[Tensor, "n a"], w1: Float[Tensor, "a b"], w2: Float[Tensor, "b c"], w3: Float[Tensor, "c e"]
) -> Float[Tensor, "n e"]:
    for w in (w1, w2, w3):
        x = x @ w
    return x


def chain_from_right(x, w1, w2, w3):
    return x @ (w1 @ (w2 @ w3))


def chain_multi_dot(x, w1, w2, w3):
    return torch.linalg.multi_dot([x, w1, w2, w3])


def chain_einsum(x, w1, w2, w3):
    return torch.einsum("na,ab,bc,ce->ne", x, w1, w2, w3)


def square_chain(x: Float[Tensor, "n n"], y: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    return (x @ y) @ (x + y)


def square_chain_expanded(x, y):
    return x @ y @ x + x @ (y @ y)


def square_chain_swapped(x, y):
    return x @ y @ x + y @ x @ y


def frobenius(a: Float[Tensor, "n m"], b: Float[Tensor, "m n"]) -> Float[Tensor, ""]:
    return torch.trace(a @ b)


def frobenius_elementwise(a, b):
    return torch.sum(a.T * b)


def frobenius_wrong(a, b):
    return (a.diagonal() * b.diagonal()).sum()


def quadratic(x: Float[Tensor, "n d"], a: Float[Tensor, "d d"]) -> Float[Tensor, "n"]:
    return torch.einsum("ni,ij,nj->n", x, a, x)


def quadratic_symmetric(x, a):
    s = (a + a.T) / 2
    return ((x @ s) * x).sum(1)


def quadratic_diag(x, a):
    return torch.diagonal(x @ a @ x.mT)


def quadratic_upper(x, a):
    return ((x @ (2 * a.triu())) * x).sum(1)


def kron_mv(a: Float[Tensor, "n m"], b: Float[Tensor, "p q"], x: Float[Tensor, "m q"]) -> Float[Tensor, "n*p"]:
    return torch.kron(a, b) @ x.reshape(-1)


def kron_vec(a, b, x):
    return (a @ x @ b.T).flatten()


def kron_vec_transposed(a, b, x):
    return (a @ x @ b.T).T.flatten()


def pairwise(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    return (x[:, None, :] - y[None, :, :]).pow(2).sum(-1)


def pairwise_expanded(x, y):
    return x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.t()


def pairwise_baddbmm(x, y):
    norms = (x * x).sum(1, keepdim=True) + (y * y).sum(1)
    return torch.addmm(norms, x, y.T, beta=1, alpha=-2)


def pairwise_no_two(x, y):
    return x.square().sum(1)[:, None] + y.square().sum(1) - x @ y.t()


def outer_sum(u: Float[Tensor, "n"], v: Float[Tensor, "m"], w: Float[Tensor, "m"]) -> Float[Tensor, "n"]:
    return torch.outer(u, v).mv(w)


def outer_sum_dot(u, v, w):
    return u * torch.dot(v, w)


def sum_of_product(a: Float[Tensor, "n k"], b: Float[Tensor, "k m"]) -> Float[Tensor, ""]:
    return (a @ b).mean()


def mean_wrong(a, b):
    return a.mean() * b.mean() * a.shape[1]


def split_k(a: Float[Tensor, "n 8*w"], b: Float[Tensor, "8*w m"]) -> Float[Tensor, "n m"]:
    return a @ b


def split_k_loop(a, b):
    k = a.shape[1]
    step = k // 8
    out = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
    for i in range(8):
        out += a[:, i * step : (i + 1) * step] @ b[i * step : (i + 1) * step]
    return out


def split_k_strided(a, b):
    return sum(a[:, i::8] @ b[i::8] for i in range(8))


def split_k_mismatched(a, b):
    return sum(a[:, i::8] @ x for i, x in enumerate(b.chunk(8)))


def bmm_out(a: Float[Tensor, "b n k"], c: Float[Tensor, "b k m"], bias: Float[Tensor, "m"]) -> Float[Tensor, "b n m"]:
    return torch.baddbmm(bias.expand(a.shape[0], a.shape[1], -1), a, c, beta=0.5, alpha=2)


def bmm_by_cat(a, c, bias):
    b, n, k = a.shape
    one = torch.full((b, n, 1), 0.5, dtype=a.dtype)
    left = torch.cat([2 * a, one], dim=-1)
    right = torch.cat([c, bias.expand(b, 1, -1)], dim=1)
    return left @ right


def linear_attention(
    q: Float[Tensor, "b h n d"], k: Float[Tensor, "b h m d"], v: Float[Tensor, "b h m e"]
) -> Float[Tensor, "b h n e"]:
    q, k = F.elu(q) + 1, F.elu(k) + 1
    w = torch.einsum("bhnd,bhmd->bhnm", q, k)
    return (w / w.sum(-1, keepdim=True)) @ v


def linear_attention_state(q, k, v):
    q, k = 1 + F.elu(q), 1 + F.elu(k)
    state = torch.einsum("bhmd,bhme->bhde", k, v)
    z = torch.einsum("bhnd,bhd->bhn", q, k.sum(dim=2))
    return torch.einsum("bhnd,bhde,bhn->bhne", q, state, 1 / z)


def linear_attention_mean(q, k, v):
    q, k = 1 + F.elu(q), 1 + F.elu(k)
    return q @ (k.mT @ v) / (q @ k.mean(2, keepdim=True).mT)


def causal_linear(q: Float[Tensor, "4*w d"], k: Float[Tensor, "4*w d"], v: Float[Tensor, "4*w e"]) -> Float[Tensor, "4*w e"]:
    return torch.tril(q @ k.T) @ v


def causal_linear_chunked(q, k, v):
    n, d = q.shape
    w = n // 4
    state = torch.zeros(d, v.shape[1], dtype=q.dtype)
    outs = []
    for qc, kc, vc in zip(q.split(w), k.split(w), v.split(w), strict=False):
        intra = (qc @ kc.T).tril() @ vc
        outs.append(intra + qc @ state)
        state = state + kc.T @ vc
    return torch.cat(outs)


def causal_linear_cumsum(q, k, v):
    states = torch.cumsum(k[:, :, None] * v[:, None, :], dim=0)
    return torch.einsum("nd,nde->ne", q, states)


def causal_linear_late(q, k, v):
    n, d = q.shape
    w = n // 4
    state = torch.zeros(d, v.shape[1], dtype=q.dtype)
    outs = []
    for qc, kc, vc in zip(q.split(w), k.split(w), v.split(w), strict=False):
        state = state + kc.T @ vc
        outs.append((qc @ kc.T).tril() @ vc + qc @ state)
    return torch.cat(outs)


def causal_linear_strict(q, k, v):
    n = q.shape[0]
    return (q @ k.T).masked_fill(torch.arange(n)[:, None] <= torch.arange(n), 0.0) @ v


def lora(
    x: X, w: Float[Tensor, "o d"], a: Float[Tensor, "r d"], b: Float[Tensor, "o r"], alpha: float = 16.0
) -> Float[Tensor, "b n o"]:
    return F.linear(x, w) + (alpha / 4) * F.linear(F.linear(x, a), b)


def lora_merged(x, w, a, b, alpha=16.0):
    merged = w + b @ a * (alpha / 4)
    return x @ merged.t()


def lora_merged_addmm(x, w, a, b):
    return F.linear(x, torch.addmm(w, b, a, alpha=4.0))


def lora_alpha_over_rank(x, w, a, b, alpha=16.0):
    return F.linear(x, w + b @ a * (alpha / a.shape[0]))


def rms_linear(x: X, g: Float[Tensor, "d"], w: Float[Tensor, "o d"]) -> Float[Tensor, "b n o"]:
    return F.linear(F.rms_norm(x, (x.shape[-1],), g, eps=1e-6), w)


def rms_linear_folded(x, g, w, eps=EPS):
    inv = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)
    return (x @ (w * g).T) * inv


def rms_linear_norm(x, g, w, eps=EPS):
    d = x.shape[-1]
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return (x * g @ w.T) * math.sqrt(d) / torch.sqrt(length**2 + d * eps)


def rms_linear_eps_outside(x, g, w, eps=EPS):
    return (x @ (w * g).T) / (x.pow(2).mean(-1, keepdim=True).sqrt() + eps)


def rms_linear_fold_rows(x, g, w, eps=EPS):
    """The gain is of the inputs, so g[:, None] fits only a square matrix."""
    inv = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)
    return (x @ w.T) * inv * g.mean()


def layer_norm(x: X, g: Float[Tensor, "d"], b: Float[Tensor, "d"]) -> X:
    return F.layer_norm(x, x.shape[-1:], g, b, 1e-5)


def layer_norm_var(x, g, b, eps=1e-5):
    var, mu = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
    return (x - mu) / (var + eps).sqrt() * g + b


def layer_norm_one_pass(x, g, b, eps=1e-5):
    n = x.size(-1)
    s1 = x.sum(-1, keepdim=True)
    s2 = (x * x).sum(-1, keepdim=True)
    mean = s1 / n
    return (x - mean) * (s2 / n - mean.square() + eps) ** -0.5 * g + b


def layer_norm_matrix(x, g, b, eps=1e-5):
    n = x.size(-1)
    centre = torch.eye(n, dtype=x.dtype) - torch.ones(n, n, dtype=x.dtype) / n
    y = x @ centre
    return torch.addcmul(b, y / torch.sqrt((y @ y.mT).diagonal(dim1=-2, dim2=-1) / n + eps)[..., None], g)


PAIRS = [
    ("chain from the right", chain, chain_from_right, True),
    ("chain by multi_dot", chain, chain_multi_dot, True),
    ("chain by einsum", chain, chain_einsum, True),
    ("distributed chain", square_chain, square_chain_expanded, True),
    ("distributed chain, swapped", square_chain, square_chain_swapped, False),
    ("trace of a product", frobenius, frobenius_elementwise, True),
    ("trace of a product by diagonals", frobenius, frobenius_wrong, False),
    ("quadratic, symmetric part", quadratic, quadratic_symmetric, True),
    ("quadratic, diagonal", quadratic, quadratic_diag, True),
    ("quadratic, upper half twice", quadratic, quadratic_upper, False),
    ("kron times vec", kron_mv, kron_vec, True),
    ("kron times vec, transposed", kron_mv, kron_vec_transposed, False),
    ("distances expanded", pairwise, pairwise_expanded, True),
    ("distances by addmm", pairwise, pairwise_baddbmm, True),
    ("distances without 2", pairwise, pairwise_no_two, False),
    ("outer times vector", outer_sum, outer_sum_dot, True),
    ("mean of a product by dot", sum_of_product, mean_wrong, False),
    ("split k in 8", split_k, split_k_loop, True),
    ("split k strided", split_k, split_k_strided, True),
    ("split k mismatched", split_k, split_k_mismatched, False),
    ("bias as a column", bmm_out, bmm_by_cat, True),
    ("linear attention by state", linear_attention, linear_attention_state, True),
    ("linear attention, mean", linear_attention, linear_attention_mean, False),
    ("causal linear in chunks", causal_linear, causal_linear_chunked, True),
    ("causal linear by cumsum", causal_linear, causal_linear_cumsum, True),
    ("causal linear, state too early", causal_linear, causal_linear_late, False),
    ("causal linear, diagonal hidden", causal_linear, causal_linear_strict, False),
    ("LoRA merged", lora, lora_merged, True),
    ("LoRA by addmm", lora, lora_merged_addmm, True),
    ("LoRA over rank", lora, lora_alpha_over_rank, False),
    ("rms folded", rms_linear, rms_linear_folded, True),
    ("rms by norm", rms_linear, rms_linear_norm, True),
    ("rms eps outside", rms_linear, rms_linear_eps_outside, False),
    ("rms gain averaged", rms_linear, rms_linear_fold_rows, False),
    ("layer norm by var_mean", layer_norm, layer_norm_var, True),
    ("layer norm in one pass", layer_norm, layer_norm_one_pass, True),
    ("layer norm by a matrix", layer_norm, layer_norm_matrix, True),
]
