"""Products of matrices and vectors: brackets, einsum spellings, blocks, traces, Kronecker products, distances."""

import torch
from jaxtyping import Float
from torch import Tensor

A = Float[Tensor, "i j"]
B = Float[Tensor, "j k"]
C = Float[Tensor, "k l"]
S = Float[Tensor, "n n"]
V = Float[Tensor, "n"]
BA = Float[Tensor, "b i j"]
BB = Float[Tensor, "b j k"]


def three(a: A, b: B, c: C) -> Float[Tensor, "i l"]:
    return torch.einsum("ij,jk,kl->il", a, b, c)


def three_right(a: A, b: B, c: C) -> Float[Tensor, "i l"]:
    return torch.matmul(a, torch.mm(b, c))


def three_transposed(a: A, b: B, c: C) -> Float[Tensor, "i l"]:
    return (c.t() @ b.t() @ a.t()).t()


def product_t(a: S, b: S) -> S:
    return (a @ b).T


def factors_t_swapped(a: S, b: S) -> S:
    return b.T @ a.T


def factors_t(a: S, b: S) -> S:
    return a.T @ b.T


def batched(a: BA, b: BB) -> Float[Tensor, "b i k"]:
    return torch.bmm(a, b)


def batched_sum(a: BA, b: BB) -> Float[Tensor, "b i k"]:
    return (a.unsqueeze(-1) * b.unsqueeze(1)).sum(dim=2)


def batched_einsum(a: BA, b: BB) -> Float[Tensor, "b i k"]:
    return torch.einsum("bji,bkj->bik", a.transpose(1, 2), b.permute(0, 2, 1))


def first_of_batch(a: BA, b: BB) -> Float[Tensor, "b i k"]:
    return a @ b[0]


def outer(x: Float[Tensor, "n"], y: Float[Tensor, "m"]) -> Float[Tensor, "n m"]:
    return torch.outer(x, y)


def outer_as_matmul(x: Float[Tensor, "n"], y: Float[Tensor, "m"]) -> Float[Tensor, "n m"]:
    return x[:, None] @ y[None, :]


def trace_two(a: A, b: Float[Tensor, "j i"]) -> Float[Tensor, ""]:
    return torch.trace(a @ b)


def trace_elementwise(a: A, b: Float[Tensor, "j i"]) -> Float[Tensor, ""]:
    return (a * b.mT).sum()


def trace_cyclic(a: A, b: Float[Tensor, "j i"]) -> Float[Tensor, ""]:
    return torch.einsum("jj->", b @ a)


def trace_square(a: S, b: S) -> Float[Tensor, ""]:
    return torch.trace(a @ b)


def trace_times_trace(a: S, b: S) -> Float[Tensor, ""]:
    return torch.trace(a) * torch.trace(b)


def kron_vec(a: Float[Tensor, "i j"], b: Float[Tensor, "k l"], x: Float[Tensor, "j l"]) -> Float[Tensor, "i*k"]:
    return torch.kron(a, b) @ x.flatten()


def kron_unrolled(a: Float[Tensor, "i j"], b: Float[Tensor, "k l"], x: Float[Tensor, "j l"]) -> Float[Tensor, "i*k"]:
    return (a @ x @ b.T).reshape(-1)


def kron_transposed(a: Float[Tensor, "i j"], b: Float[Tensor, "k l"], x: Float[Tensor, "j l"]) -> Float[Tensor, "i*k"]:
    return (b @ x.T @ a.T).reshape(-1)


def quadratic(a: S, x: V) -> Float[Tensor, ""]:
    return x @ a @ x


def quadratic_outer(a: S, x: V) -> Float[Tensor, ""]:
    return (a * torch.outer(x, x)).sum()


def quadratic_symmetric(a: S, x: V) -> Float[Tensor, ""]:
    return x @ ((a + a.T) / 2) @ x


def quadratic_squared(a: S, x: V) -> Float[Tensor, ""]:
    return (a @ x).square().sum()


def distances(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    return ((x[:, None, :] - y[None, :, :]) ** 2).sum(dim=-1)


def distances_expanded(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    return x.pow(2).sum(1, keepdim=True) + y.pow(2).sum(1) - 2 * x @ y.T


def distances_single_cross(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    return x.pow(2).sum(1, keepdim=True) + y.pow(2).sum(1) - x @ y.T


def rank_one(a: A, u: Float[Tensor, "i"], v: Float[Tensor, "j"], x: Float[Tensor, "j"]) -> Float[Tensor, "i"]:
    return (a + torch.outer(u, v)) @ x


def rank_one_apart(a: A, u: Float[Tensor, "i"], v: Float[Tensor, "j"], x: Float[Tensor, "j"]) -> Float[Tensor, "i"]:
    return torch.mv(a, x) + u * torch.dot(v, x)


def diagonal(d: Float[Tensor, "i"], a: A, e: Float[Tensor, "j"]) -> A:
    return torch.diag(d) @ a @ torch.diag(e)


def diagonal_scaled(d: Float[Tensor, "i"], a: A, e: Float[Tensor, "j"]) -> A:
    return d.unsqueeze(1) * a * e


def diagonal_crossed(d: V, a: S, e: V) -> S:
    return e.unsqueeze(1) * a * d


def diagonal_square(d: V, a: S, e: V) -> S:
    return torch.diag(d) @ a @ torch.diag(e)


def identity(a: S) -> S:
    return torch.eye(a.shape[0], dtype=a.dtype) @ a + a @ torch.zeros_like(a)


def itself(a: S) -> S:
    return a


def distributed(a: A, b: B, c: B) -> Float[Tensor, "i k"]:
    return a @ b + a @ c


def gathered(a: A, b: B, c: B) -> Float[Tensor, "i k"]:
    return a @ (b + c)


def split_inner(a: Float[Tensor, "i 2*j"], b: Float[Tensor, "2*j k"]) -> Float[Tensor, "i k"]:
    return a @ b


def split_inner_summed(a: Float[Tensor, "i 2*j"], b: Float[Tensor, "2*j k"]) -> Float[Tensor, "i k"]:
    j = a.shape[1] // 2
    return torch.addmm(a[:, :j] @ b[:j], a[:, j:], b[j:])


def split_inner_crossed(a: Float[Tensor, "i 2*j"], b: Float[Tensor, "2*j k"]) -> Float[Tensor, "i k"]:
    j = a.shape[1] // 2
    return a[:, :j] @ b[j:] + a[:, j:] @ b[:j]


def blocks(a: Float[Tensor, "2*i 2*j"], b: Float[Tensor, "2*j 2*k"]) -> Float[Tensor, "2*i 2*k"]:
    return a @ b


def strassen(a: Float[Tensor, "2*i 2*j"], b: Float[Tensor, "2*j 2*k"]) -> Float[Tensor, "2*i 2*k"]:
    (a11, a12), (a21, a22) = (row.chunk(2, dim=1) for row in a.chunk(2, dim=0))
    (b11, b12), (b21, b22) = (row.chunk(2, dim=1) for row in b.chunk(2, dim=0))
    m1, m2, m3 = (a11 + a22) @ (b11 + b22), (a21 + a22) @ b11, a11 @ (b12 - b22)
    m4, m5 = a22 @ (b21 - b11), (a11 + a12) @ b22
    m6, m7 = (a21 - a11) @ (b11 + b12), (a12 - a22) @ (b21 + b22)
    top = torch.cat([m1 + m4 - m5 + m7, m3 + m5], dim=1)
    return torch.cat([top, torch.cat([m2 + m4, m1 - m2 + m3 + m6], dim=1)], dim=0)


def complex_product(a: A, b: A, c: B, d: B) -> tuple[Float[Tensor, "i k"], Float[Tensor, "i k"]]:
    return a @ c - b @ d, a @ d + b @ c


def complex_product_gauss(a: A, b: A, c: B, d: B) -> tuple[Float[Tensor, "i k"], Float[Tensor, "i k"]]:
    p, q, r = (a + b) @ c, a @ (d - c), b @ (c + d)
    return p - r, p + q


def complex_product_sign(a: A, b: A, c: B, d: B) -> tuple[Float[Tensor, "i k"], Float[Tensor, "i k"]]:
    p, q, r = (a + b) @ c, a @ (d - c), b @ (c + d)
    return p - r, p - q


def row_sums(a: A, b: B) -> Float[Tensor, "k"]:
    return (a @ b).mean(dim=0)


def row_sums_first(a: A, b: B) -> Float[Tensor, "k"]:
    return a.mean(dim=0) @ b


def gram_centred(x: Float[Tensor, "n d"]) -> Float[Tensor, "d d"]:
    c = x - x.mean(dim=0)
    return c.T @ c / x.shape[0]


def gram_moments(x: Float[Tensor, "n d"]) -> Float[Tensor, "d d"]:
    mean = x.mean(dim=0)
    return x.T @ x / x.shape[0] - torch.outer(mean, mean)


PAIRS = [
    ("three factors, from the right", three, three_right, True),
    ("three factors, transposed", three, three_transposed, True),
    ("transpose of a product", product_t, factors_t_swapped, True),
    ("transpose of a product, order kept", product_t, factors_t, False),
    ("bmm as broadcast sum", batched, batched_sum, True),
    ("bmm as einsum of transposes", batched, batched_einsum, True),
    ("first of the batch for all", batched, first_of_batch, False),
    ("outer as matmul", outer, outer_as_matmul, True),
    ("trace as elementwise sum", trace_two, trace_elementwise, True),
    ("trace is cyclic", trace_two, trace_cyclic, True),
    ("trace of product, product of traces", trace_square, trace_times_trace, False),
    ("Kronecker product on a vector", kron_vec, kron_unrolled, True),
    ("Kronecker product, wrong order", kron_vec, kron_transposed, False),
    ("quadratic form by outer", quadratic, quadratic_outer, True),
    ("quadratic form, symmetric part", quadratic, quadratic_symmetric, True),
    ("quadratic form as squared norm", quadratic, quadratic_squared, False),
    ("distances expanded", distances, distances_expanded, True),
    ("distances, cross term once", distances, distances_single_cross, False),
    ("rank-one update", rank_one, rank_one_apart, True),
    ("diagonal factors", diagonal, diagonal_scaled, True),
    ("diagonal factors crossed", diagonal_square, diagonal_crossed, False),
    ("identity and zero", itself, identity, True),
    ("distributive law", distributed, gathered, True),
    ("inner axis in halves", split_inner, split_inner_summed, True),
    ("inner axis in crossed halves", split_inner, split_inner_crossed, False),
    ("Strassen", blocks, strassen, True),
    ("complex product with three products", complex_product, complex_product_gauss, True),
    ("complex product, wrong sign", complex_product, complex_product_sign, False),
    ("mean of a product", row_sums, row_sums_first, True),
    ("covariance by moments", gram_centred, gram_moments, True),
]
