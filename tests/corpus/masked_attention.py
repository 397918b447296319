"""Attention with masks, biases, windows, caps, groups of heads, latent keys; and linear attention."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

S = Float[Tensor, "b h n d"]
K = Float[Tensor, "b h m d"]
Mask = Bool[Tensor, "n m"]
Grouped = Float[Tensor, "b h*g n d"]
Linear = Float[Tensor, "b n d"]
Halves = Float[Tensor, "b 2*w d"]
HalvesOut = Float[Tensor, "b 2*w e"]


def causal(q: S, k: S, v: S) -> S:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def causal_additive(q: S, k: S, v: S) -> S:
    n = q.shape[2]
    mask = torch.full((n, n), float("-inf"), dtype=q.dtype).triu(1)
    return torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]) + mask, dim=-1) @ v


def causal_additive_strict(q: S, k: S, v: S) -> S:
    n = q.shape[2]
    mask = torch.full((n, n), float("-inf"), dtype=q.dtype).triu(2)
    return torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]) + mask, dim=-1) @ v


def causal_renormalised(q: S, k: S, v: S) -> S:
    p = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), dim=-1).tril()
    return p / p.sum(-1, keepdim=True) @ v


def causal_zeros_in_scores(q: S, k: S, v: S) -> S:
    return torch.softmax((q @ k.mT / math.sqrt(q.shape[-1])).tril(), dim=-1) @ v


def masked(q: S, k: K, v: K, mask: Mask) -> S:
    s = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(mask.logical_not(), float("-inf"))
    return s.softmax(dim=-1) @ v


def masked_library(q: S, k: K, v: K, mask: Mask) -> S:
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def masked_by_zeros(q: S, k: K, v: K, mask: Mask) -> S:
    e = torch.exp(q @ k.mT / math.sqrt(q.shape[-1])) * mask
    return e @ v / e.sum(-1, keepdim=True)


def masked_by_large_number(q: S, k: K, v: K, mask: Mask) -> S:
    """A row without any key averages all values here, and is zero in the library."""
    s = (q @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~mask, -1e9)
    return s.softmax(dim=-1) @ v


def biased(q: S, k: K, v: K, bias: Float[Tensor, "h n m"]) -> S:
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)


def biased_formula(q: S, k: K, v: K, bias: Float[Tensor, "h n m"]) -> S:
    return torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]) + bias, dim=-1) @ v


def biased_before_scale(q: S, k: K, v: K, bias: Float[Tensor, "h n m"]) -> S:
    return torch.softmax((q @ k.mT + bias) / math.sqrt(q.shape[-1]), dim=-1) @ v


def row_bias_dropped(q: S, k: K, v: K, bias: Float[Tensor, "h n"]) -> S:
    return torch.softmax(q @ k.mT, dim=-1) @ v


def row_bias(q: S, k: K, v: K, bias: Float[Tensor, "h n"]) -> S:
    """A bias that is the same for all keys of a query changes nothing."""
    return torch.softmax(q @ k.mT + bias[None, :, :, None], dim=-1) @ v


def alibi(q: S, k: S, v: S, slope: Float[Tensor, "h"]) -> S:
    i = torch.arange(q.shape[2])
    s = q @ k.mT + slope[:, None, None] * (i[None, :] - i[:, None])
    return s.masked_fill(i[None, :] > i[:, None], float("-inf")).softmax(-1) @ v


def alibi_by_key(q: S, k: S, v: S, slope: Float[Tensor, "h"]) -> S:
    i = torch.arange(q.shape[2])
    s = q @ k.mT + slope.view(-1, 1, 1) * i
    return s.masked_fill(i[None, :] > i[:, None], float("-inf")).softmax(-1) @ v


def alibi_sign(q: S, k: S, v: S, slope: Float[Tensor, "h"]) -> S:
    i = torch.arange(q.shape[2])
    s = q @ k.mT + slope[:, None, None] * (i[:, None] - i[None, :])
    return s.masked_fill(i[None, :] > i[:, None], float("-inf")).softmax(-1) @ v


def softcap(q: S, k: K, v: K) -> S:
    s = q @ k.mT / math.sqrt(q.shape[-1])
    return torch.softmax(30.0 * torch.tanh(s / 30.0), dim=-1) @ v


def softcap_by_sigmoid(q: S, k: K, v: K) -> S:
    s = q @ k.mT / math.sqrt(q.shape[-1])
    return torch.softmax(60.0 * torch.sigmoid(s / 15.0), dim=-1) @ v


def softcap_not_scaled_back(q: S, k: K, v: K) -> S:
    s = q @ k.mT / math.sqrt(q.shape[-1])
    return torch.softmax(torch.tanh(s / 30.0), dim=-1) @ v


def window(q: S, k: S, v: S) -> S:
    i = torch.arange(q.shape[2])
    distance = i[:, None] - i[None, :]
    s = q @ k.mT
    return s.masked_fill((distance < 0) | (distance >= 3), float("-inf")).softmax(-1) @ v


def window_by_tril(q: S, k: S, v: S) -> S:
    n = q.shape[2]
    ones = torch.ones(n, n, dtype=torch.bool)
    s = torch.where(ones.tril() & ones.triu(-2), q @ k.mT, float("-inf"))
    return s.softmax(-1) @ v


def window_one_wider(q: S, k: S, v: S) -> S:
    n = q.shape[2]
    ones = torch.ones(n, n, dtype=torch.bool)
    s = torch.where(ones.tril() & ones.triu(-3), q @ k.mT, float("-inf"))
    return s.softmax(-1) @ v


def causal_corner(q: S, k: K, v: K) -> S:
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def causal_other_corner(q: S, k: K, v: K) -> S:
    n, m = q.shape[2], k.shape[2]
    visible = torch.ones(n, m, dtype=torch.bool).tril(diagonal=m - n)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=visible)


def grouped(q: Grouped, k: K, v: K) -> Grouped:
    return F.scaled_dot_product_attention(q, k, v, enable_gqa=True)


def grouped_expand(q: Grouped, k: K, v: K) -> Grouped:
    b, h, m, d = k.shape
    g = q.shape[1] // h
    k = k[:, :, None].expand(b, h, g, m, d).reshape(b, h * g, m, d)
    v = v[:, :, None].expand(b, h, g, m, d).reshape(b, h * g, m, d)
    return F.scaled_dot_product_attention(q, k, v)


def grouped_wrong_order(q: Grouped, k: K, v: K) -> Grouped:
    b, heads, n, d = q.shape
    h = k.shape[1]
    q = q.reshape(b, heads // h, h, n, d)
    return F.scaled_dot_product_attention(q, k.unsqueeze(1), v.unsqueeze(1)).reshape(b, heads, n, d)


def multi_query(q: S, k: Float[Tensor, "b m d"], v: Float[Tensor, "b m d"]) -> S:
    k, v = k.unsqueeze(1).expand(-1, q.shape[1], -1, -1), v.unsqueeze(1).expand(-1, q.shape[1], -1, -1)
    return torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), dim=-1) @ v


def multi_query_flat(q: S, k: Float[Tensor, "b m d"], v: Float[Tensor, "b m d"]) -> S:
    b, h, n, d = q.shape
    s = q.reshape(b, h * n, d) @ k.mT / math.sqrt(d)
    return (s.softmax(-1) @ v).reshape(b, h, n, d)


def latent(q: S, c: Float[Tensor, "b m r"], wk: Float[Tensor, "h d r"], wv: Float[Tensor, "h d r"]) -> S:
    k, v = torch.einsum("bmr,hdr->bhmd", c, wk), torch.einsum("bmr,hdr->bhmd", c, wv)
    return torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), dim=-1) @ v


def latent_absorbed(q: S, c: Float[Tensor, "b m r"], wk: Float[Tensor, "h d r"], wv: Float[Tensor, "h d r"]) -> S:
    s = torch.einsum("bhnr,bmr->bhnm", torch.einsum("bhnd,hdr->bhnr", q, wk), c) / math.sqrt(q.shape[-1])
    return torch.einsum("bhnr,hdr->bhnd", torch.einsum("bhnm,bmr->bhnr", s.softmax(-1), c), wv)


def latent_scaled_by_rank(q: S, c: Float[Tensor, "b m r"], wk: Float[Tensor, "h d r"], wv: Float[Tensor, "h d r"]) -> S:
    s = torch.einsum("bhnr,bmr->bhnm", torch.einsum("bhnd,hdr->bhnr", q, wk), c) / math.sqrt(c.shape[-1])
    return torch.einsum("bhnr,hdr->bhnd", torch.einsum("bhnm,bmr->bhnr", s.softmax(-1), c), wv)


def causal_linear(q: Halves, k: Halves, v: HalvesOut) -> HalvesOut:
    return (q @ k.mT).tril() @ v


def causal_linear_chunked(q: Halves, k: Halves, v: HalvesOut) -> HalvesOut:
    (q1, q2), (k1, k2), (v1, v2) = q.chunk(2, dim=1), k.chunk(2, dim=1), v.chunk(2, dim=1)
    first = torch.tril(q1 @ k1.mT) @ v1
    second = torch.tril(q2 @ k2.mT) @ v2 + q2 @ (k1.mT @ v1)
    return torch.cat([first, second], dim=1)


def causal_linear_state_forgotten(q: Halves, k: Halves, v: HalvesOut) -> HalvesOut:
    (q1, q2), (k1, k2), (v1, v2) = q.chunk(2, dim=1), k.chunk(2, dim=1), v.chunk(2, dim=1)
    return torch.cat([torch.tril(q1 @ k1.mT) @ v1, torch.tril(q2 @ k2.mT) @ v2], dim=1)


def causal_linear_whole_state(q: Halves, k: Halves, v: HalvesOut) -> HalvesOut:
    (q1, q2), (k1, k2), (v1, v2) = q.chunk(2, dim=1), k.chunk(2, dim=1), v.chunk(2, dim=1)
    first = torch.tril(q1 @ k1.mT) @ v1
    return torch.cat([first, q2 @ (k1.mT @ v1 + k2.mT @ v2)], dim=1)


def causal_linear_cumsum(q: Halves, k: Halves, v: HalvesOut) -> HalvesOut:
    states = torch.cumsum(k.unsqueeze(-1) * v.unsqueeze(-2), dim=1)
    return torch.einsum("bnd,bnde->bne", q, states)


def linear_sum(q: Linear, k: Float[Tensor, "b m d"], v: Float[Tensor, "b m e"]) -> Float[Tensor, "b n e"]:
    return torch.einsum("bnd,bmd,bme->bne", q, k, v)


def linear_product_of_sums(q: Linear, k: Float[Tensor, "b m d"], v: Float[Tensor, "b m e"]) -> Float[Tensor, "b n e"]:
    return q @ torch.einsum("bd,be->bde", k.sum(dim=1), v.sum(dim=1))


PAIRS = [
    ("causal by additive triu", causal, causal_additive, True),
    ("causal by additive triu(2)", causal, causal_additive_strict, False),
    ("causal, renormalised after the mask", causal, causal_renormalised, True),
    ("causal by zeros in the scores", causal, causal_zeros_in_scores, False),
    ("boolean mask by library", masked, masked_library, True),
    ("boolean mask by zeroed exponentials", masked, masked_by_zeros, True),
    ("fully masked row", masked_library, masked_by_large_number, False),
    ("additive bias", biased, biased_formula, True),
    ("additive bias before the scale", biased, biased_before_scale, False),
    ("bias constant along the keys", row_bias, row_bias_dropped, True),
    ("ALiBi by distance and by key", alibi, alibi_by_key, True),
    ("ALiBi with the wrong sign", alibi, alibi_sign, False),
    ("soft cap by sigmoid", softcap, softcap_by_sigmoid, True),
    ("soft cap not scaled back", softcap, softcap_not_scaled_back, False),
    ("sliding window", window, window_by_tril, True),
    ("sliding window, one wider", window, window_one_wider, False),
    ("causal mask in the other corner", causal_corner, causal_other_corner, False),
    ("grouped heads, library and expand", grouped, grouped_expand, True),
    ("grouped heads in the wrong order", grouped, grouped_wrong_order, False),
    ("one key head, flattened", multi_query, multi_query_flat, True),
    ("latent keys absorbed", latent, latent_absorbed, True),
    ("latent keys, scaled by rank", latent, latent_scaled_by_rank, False),
    ("causal linear attention in two chunks", causal_linear, causal_linear_chunked, True),
    ("causal linear attention, state forgotten", causal_linear, causal_linear_state_forgotten, False),
    ("causal linear attention, future in the state", causal_linear, causal_linear_whole_state, False),
    ("causal linear attention by cumsum", causal_linear, causal_linear_cumsum, True),
    ("linear attention, product of sums", linear_sum, linear_product_of_sums, False),
]
