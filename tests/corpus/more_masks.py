"""Masks, windows and unit vectors: rows that always have a key, rows that may have none, and divisors that are roots."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

S = Float[Tensor, "n d"]
K = Float[Tensor, "m d"]
Halves = Float[Tensor, "2*w d"]
Mask = Bool[Tensor, "n m"]
Vectors = Float[Tensor, "b d"]
Vector = Float[Tensor, "b"]
MINUS = float("-inf")


def scores(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.mT / math.sqrt(q.shape[-1])


def causal(q: S, k: S, v: S) -> S:
    i = torch.arange(q.shape[0])
    return torch.softmax(scores(q, k).masked_fill(i[None, :] > i[:, None], MINUS), -1) @ v


def causal_with_maximum(q: S, k: S, v: S) -> S:
    i = torch.arange(q.shape[0])
    s = scores(q, k).masked_fill(i[None, :] > i[:, None], MINUS)
    e = torch.exp(s - s.amax(-1, keepdim=True))
    return e @ v / e.sum(-1, keepdim=True)


def causal_without_diagonal(q: S, k: S, v: S) -> S:
    """The first query sees no key: not a number there."""
    i = torch.arange(q.shape[0])
    return torch.softmax(scores(q, k).masked_fill(i[None, :] >= i[:, None] + (i[:, None] > 0), MINUS), -1) @ v


def causal_by_weights(q: S, k: S, v: S) -> S:
    w = torch.exp(scores(q, k)).tril()
    return (w / w.sum(-1, keepdim=True)) @ v


def window(q: S, k: S, v: S) -> S:
    i = torch.arange(q.shape[0])
    far = (i[:, None] - i[None, :] > 2) | (i[None, :] > i[:, None])
    return torch.softmax(scores(q, k).masked_fill(far, MINUS), -1) @ v


def window_with_maximum(q: S, k: S, v: S) -> S:
    i = torch.arange(q.shape[0])
    near = (i[:, None] - i[None, :] <= 2) & (i[None, :] <= i[:, None])
    s = torch.where(near, scores(q, k), torch.tensor(MINUS, dtype=q.dtype))
    e = torch.exp(s - s.max(-1, keepdim=True).values)
    return e @ v / e.sum(-1, keepdim=True)


def window_by_weights(q: S, k: S, v: S) -> S:
    w = torch.exp(scores(q, k)).tril().triu(-2)
    return w @ v / w.sum(-1, keepdim=True)


def window_off_by_one(q: S, k: S, v: S) -> S:
    w = torch.exp(scores(q, k)).tril().triu(-3)
    return w @ v / w.sum(-1, keepdim=True)


def both_sides(q: S, k: S, v: S) -> S:
    i = torch.arange(q.shape[0])
    return torch.softmax(scores(q, k).masked_fill((i[:, None] - i[None, :]).abs() > 1, MINUS), -1) @ v


def both_sides_with_maximum(q: S, k: S, v: S) -> S:
    i = torch.arange(q.shape[0])
    near = (i[:, None] <= i[None, :] + 1) & (i[None, :] <= i[:, None] + 1)
    s = scores(q, k).masked_fill(~near, MINUS)
    e = torch.exp(s - s.amax(-1, keepdim=True))
    return e @ v / e.sum(-1, keepdim=True)


def padded(q: S, k: K, v: K, last: Int[Tensor, "n"]) -> S:
    """Query i sees the keys 0 .. last[i], one at least; of the result it takes the last value."""
    i = torch.arange(k.shape[0])
    return torch.softmax(scores(q, k).masked_fill(i[None, :] > last[:, None], MINUS), -1) @ v - v[last]


def padded_with_maximum(q: S, k: K, v: K, last: Int[Tensor, "n"]) -> S:
    i = torch.arange(k.shape[0])
    s = scores(q, k).masked_fill(i[None, :] > last[:, None], MINUS)
    e = torch.exp(s - s.amax(-1, keepdim=True))
    return e @ v / e.sum(-1, keepdim=True) - v[last]


def two_blocks(q: Halves, k: Halves, v: Halves) -> Halves:
    i = torch.arange(q.shape[0])
    return torch.softmax(scores(q, k).masked_fill(i[None, :] > i[:, None], MINUS), -1) @ v


def two_blocks_streamed(q: Halves, k: Halves, v: Halves) -> Halves:
    n = q.shape[0]
    w, i = n // 2, torch.arange(n)
    m = torch.full((n, 1), MINUS, dtype=q.dtype)
    total, out = torch.zeros_like(m), torch.zeros_like(v)
    for start in (0, w):
        block = slice(start, start + w)
        s = scores(q, k[block]).masked_fill(i[None, block] > i[:, None], MINUS)
        new = torch.maximum(m, s.amax(-1, keepdim=True))
        old, e = torch.exp(m - new), torch.exp(s - new)
        total, out, m = old * total + e.sum(-1, keepdim=True), old * out + e @ v[block], new
    return out / total


def two_blocks_not_rescaled(q: Halves, k: Halves, v: Halves) -> Halves:
    n = q.shape[0]
    w, i = n // 2, torch.arange(n)
    m = torch.full((n, 1), MINUS, dtype=q.dtype)
    total, out = torch.zeros_like(m), torch.zeros_like(v)
    for start in (0, w):
        block = slice(start, start + w)
        s = scores(q, k[block]).masked_fill(i[None, block] > i[:, None], MINUS)
        new = torch.maximum(m, s.amax(-1, keepdim=True))
        e = torch.exp(s - new)
        total, out, m = total + e.sum(-1, keepdim=True), out + e @ v[block], new
    return out / total


def masked(q: S, k: K, v: K, mask: Mask) -> S:
    return torch.softmax(scores(q, k).masked_fill(~mask, MINUS), -1) @ v


def masked_library(q: S, k: K, v: K, mask: Mask) -> S:
    return F.scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=mask[None])[0]


def masked_by_indicator(q: S, k: K, v: K, mask: Mask) -> S:
    w = torch.exp(scores(q, k)) * mask
    some = mask.any(-1, keepdim=True)
    return torch.where(some, w / torch.where(some, w.sum(-1, keepdim=True), 1.0), 0.0) @ v


def masked_uniform(q: S, k: K, v: K, mask: Mask) -> S:
    """A row without a key gets the mean of all values here."""
    w = torch.exp(scores(q, k)) * mask
    total = w.sum(-1, keepdim=True)
    return torch.where(total > 0, w / torch.where(total > 0, total, 1.0), 1 / k.shape[0]) @ v


def cosine(x: Vectors, y: Vectors) -> Vector:
    return (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1))


def cosine_of_unit_vectors(x: Vectors, y: Vectors) -> Vector:
    return (x / x.norm(dim=-1, keepdim=True) * (y / y.norm(dim=-1, keepdim=True))).sum(-1)


def cosine_one_root(x: Vectors, y: Vectors) -> Vector:
    return (x * y).sum(-1) / torch.sqrt((x * x).sum(-1) * (y * y).sum(-1))


def cosine_two_roots(x: Vectors, y: Vectors) -> Vector:
    return (x * y).sum(-1) * ((x * x).sum(-1)).rsqrt() * ((y * y).sum(-1)).rsqrt()


def cosine_squared_norms(x: Vectors, y: Vectors) -> Vector:
    return (x * y).sum(-1) / ((x * x).sum(-1) * (y * y).sum(-1))


def root_of_product(x: Vector, y: Vector) -> Vector:
    return torch.sqrt(x) * torch.sqrt(y)


def product_under_root(x: Vector, y: Vector) -> Vector:
    return torch.sqrt(x * y)


def product_of_quotients(x: Vector, y: Vector) -> Vector:
    return (1 / x) * (1 / y)


def one_quotient(x: Vector, y: Vector) -> Vector:
    return 1 / (x * y)


PAIRS = [
    ("causal, by a maximum", causal, causal_with_maximum, True),
    ("causal, by weights", causal, causal_by_weights, True),
    ("causal, diagonal hidden", causal, causal_without_diagonal, False),
    ("window, by a maximum", window, window_with_maximum, True),
    ("window, by weights", window, window_by_weights, True),
    ("window, one wider", window, window_off_by_one, False),
    ("window to both sides, by a maximum", both_sides, both_sides_with_maximum, True),
    ("padding with one key at least, by a maximum", padded, padded_with_maximum, True),
    ("causal in two blocks", two_blocks, two_blocks_streamed, True),
    ("causal in two blocks, not rescaled", two_blocks, two_blocks_not_rescaled, False),
    ("mask, library", masked, masked_library, True),
    ("mask, by indicators, 0 in rows without a key", masked_library, masked_by_indicator, True),
    ("mask, mean in rows without a key", masked_library, masked_uniform, False),
    ("cosine of unit vectors", cosine, cosine_of_unit_vectors, True),
    ("cosine of unit vectors, taken apart", cosine_of_unit_vectors, cosine, True),
    ("cosine by one root", cosine, cosine_one_root, True),
    ("cosine by one root, taken apart", cosine_one_root, cosine_two_roots, True),
    ("cosine by two roots", cosine_two_roots, cosine_one_root, True),
    ("cosine without roots", cosine, cosine_squared_norms, False),
    ("root of a product", root_of_product, product_under_root, True),
    ("one quotient", product_of_quotients, one_quotient, True),
    ("two quotients", one_quotient, product_of_quotients, True),
]
