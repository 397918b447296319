"""Attention and what came of it: plain definitions, with the sizes at which a plan is asked for.

To add here: another program that weighs values by scores.  Never here: a hint of how it should be run.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from commute.kernels.row import (
    Case,
    Row,
    exponentials_within,
    kernels,
    one_pass,
    parted,
    passes,
    read_once,
    share,
    stores_below,
    streamed,
    traffic_within,
    work_within,
)

Queries = Float[Tensor, "h n d"]
Keys = Float[Tensor, "h m d"]
Scores = Float[Tensor, "h n m"]


def attention(q: Queries, k: Keys, v: Keys) -> Queries:
    """Softmax attention as the textbook has it."""
    return torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v


def causal_attention(q: Queries, k: Queries, v: Queries) -> Queries:
    """A query sees the keys up to its own place."""
    i = torch.arange(q.shape[1])
    s = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(i[None, :] > i[:, None], float("-inf"))
    return torch.softmax(s, -1) @ v


def sliding_window(q: Queries, k: Queries, v: Queries) -> Queries:
    """A query sees its own place and 512 places before it."""
    i = torch.arange(q.shape[1])
    far = (i[None, :] > i[:, None]) | (i[:, None] > i[None, :] + 512)
    s = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(far, float("-inf"))
    return torch.softmax(s, -1) @ v


def linear_biases(q: Queries, k: Queries, v: Queries, slope: Float[Tensor, "h"]) -> Queries:
    """Scores fall linearly with the distance, with a slope for each head."""
    i = torch.arange(q.shape[1])
    s = q @ k.mT / q.shape[-1] ** 0.5 + slope[:, None, None] * (i[None, :] - i[:, None])
    return torch.softmax(s, -1) @ v


def capped_scores(q: Queries, k: Keys, v: Keys) -> Queries:
    """Scores are held between -30 and 30."""
    return torch.softmax(torch.tanh(q @ k.mT / q.shape[-1] ** 0.5 / 30) * 30, -1) @ v


def added_bias(q: Queries, k: Keys, v: Keys, bias: Scores) -> Queries:
    """A bias for each pair of query and key."""
    return torch.softmax(q @ k.mT / q.shape[-1] ** 0.5 + bias, -1) @ v


def capped_and_biased(q: Queries, k: Keys, v: Keys, bias: Scores) -> Queries:
    """Both."""
    return torch.softmax(torch.tanh(q @ k.mT / q.shape[-1] ** 0.5 / 30) * 30 + bias, -1) @ v


def grouped_queries(
    q: Float[Tensor, "b 8*g n d"], k: Float[Tensor, "b g m d"], v: Float[Tensor, "b g m d"]
) -> Float[Tensor, "b 8*g n d"]:
    """Eight query heads share a head of keys and values."""
    k, v = k.repeat_interleave(8, 1), v.repeat_interleave(8, 1)
    return torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v


def latent_attention(
    q: Float[Tensor, "b h n d"], c: Float[Tensor, "b m r"], wk: Float[Tensor, "h r d"], wv: Float[Tensor, "h r e"]
) -> Float[Tensor, "b h n e"]:
    """Keys and values of every head are made from one latent row."""
    k = torch.einsum("bmr,hrd->bhmd", c, wk)
    v = torch.einsum("bmr,hre->bhme", c, wv)
    return torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v


def linear_attention(q: Float[Tensor, "n d"], k: Float[Tensor, "m d"], v: Float[Tensor, "m e"]) -> Float[Tensor, "n e"]:
    """Scores as they are weigh the values."""
    return (q @ k.mT) @ v


def causal_linear_attention(q: Float[Tensor, "n d"], k: Float[Tensor, "n d"], v: Float[Tensor, "n e"]) -> Float[Tensor, "n e"]:
    """The same, of the keys up to the query's place."""
    return torch.tril(q @ k.mT) @ v


def spherical_attention(q: Queries, k: Keys, v: Keys) -> Queries:
    """Scores divided by their Euclidean norm."""
    s = q @ k.mT
    return (s / torch.sqrt((s * s).sum(-1, keepdim=True) + 1e-6)) @ v


def fourth_power_attention(q: Queries, k: Keys, v: Keys) -> Queries:
    """Weights are fourth powers of scores divided by their root mean square: one number a row joins them, no maximum."""
    s = q @ k.mT
    t = s * s / ((s * s).mean(-1, keepdim=True) + 1e-6)
    return (t * t) @ v


def gated_sum_attention(q: Queries, k: Keys, p: Queries, r: Keys, gate: Float[Tensor, "h m"], v: Keys) -> Queries:
    """The softmax of two scores, the second weighed by a gate for each key."""
    s = q @ k.mT + torch.sigmoid(gate)[:, None, :] * (p @ r.mT)
    return torch.softmax(s, -1) @ v


def attention_gradient(q: Queries, k: Keys, v: Keys, g: Queries) -> Queries:
    """The gradient of attention by its queries, by the Jacobian of softmax."""
    p, dp = torch.softmax(q @ k.mT, -1), g @ v.mT
    return (p * (dp - (p * dp).sum(-1, keepdim=True))) @ k


def softmax_gradient(x: Float[Tensor, "n m"], g: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    """The gradient of softmax by its argument."""
    p = torch.softmax(x, -1)
    return p * (g - (p * g).sum(-1, keepdim=True))


PREFILL = {"h": 16, "n": 4096, "m": 4096, "d": 128}
CAUSAL = {"h": 16, "n": 4096, "d": 128}
ONE_QUERY = {"h": 8, "n": 1, "m": 65536, "d": 128}


def _scores(s):
    return s["h"] * s["n"] * s.get("m", s["n"])


def _streaming(s, tile: int = 64):
    """H of the kernel that groups queries by a tile and streams the keys (oracle 3)."""
    m = s.get("m", s["n"])
    return s["h"] * (2 * s["n"] * s["d"] + 2 * m * s["d"] * -(-s["n"] // tile))


# What the kernel of scores and values must be; sums of products without exp may reassociate further, into two kernels.
FUSED = (kernels(1), stores_below(_scores), one_pass, streamed("m", "n"), traffic_within(_streaming))

ROWS = (
    Row(2, "FlashAttention", (Case(attention, PREFILL, (*FUSED, exponentials_within(_scores))),)),
    Row(3, "causal FlashAttention", (Case(causal_attention, CAUSAL, (*FUSED, share(0.45, 0.6))),)),
    Row(
        4,
        "sliding window, ALiBi, softcap, additive bias",
        (
            Case(sliding_window, CAUSAL, (*FUSED, share(0.1, 0.25))),
            Case(linear_biases, CAUSAL, FUSED),
            Case(capped_scores, PREFILL, FUSED),
            Case(added_bias, PREFILL, (*FUSED[:-1], traffic_within(lambda s: _streaming(s) + _scores(s)))),
            Case(capped_and_biased, PREFILL, (*FUSED[:-1], traffic_within(lambda s: _streaming(s) + _scores(s)))),
        ),
    ),
    Row(
        5,
        "FlashDecoding",
        (Case(attention, ONE_QUERY, (kernels(1), one_pass, parted, traffic_within(lambda s: _streaming(s, 1), 1.02))),),
    ),
    Row(
        6,
        "grouped-query attention",
        (
            Case(
                grouped_queries,
                {"b": 4, "g": 4, "n": 1, "m": 16384, "d": 128},
                (
                    stores_below(lambda s: s["b"] * s["g"] * s["m"] * s["d"]),
                    traffic_within(lambda s: 2 * s["b"] * s["g"] * s["d"] * (8 * s["n"] + s["m"]), 1.05),
                ),
            ),
        ),
    ),
    Row(
        7,
        "MLA absorption",
        (
            Case(
                latent_attention,
                {"b": 16, "h": 16, "n": 1, "m": 16384, "d": 128, "e": 128, "r": 512},
                (
                    read_once("c"),
                    stores_below(lambda s: s["b"] * s["h"] * s["m"]),
                    traffic_within(lambda s: s["b"] * s["m"] * s["r"] + 4 * s["b"] * s["h"] * s["r"] * s["d"], 1.1),
                    work_within(lambda s: 5 * s["b"] * s["h"] * s["m"] * s["r"]),
                ),
            ),
        ),
    ),
    Row(
        8,
        "linear attention",
        (
            Case(
                linear_attention,
                {"n": 4096, "m": 4096, "d": 128, "e": 128},
                (work_within(lambda s: 2 * s["d"] * s["e"] * (s["n"] + s["m"])), stores_below(lambda s: s["n"] * s["d"])),
            ),
        ),
    ),
    Row(
        9,
        "chunked causal linear attention",
        (
            Case(
                causal_linear_attention,
                {"n": 65536, "d": 64, "e": 64},
                (
                    stores_below(lambda s: s["n"] * s["n"] // 64),
                    work_within(lambda s: s["n"] * 16 * s["d"] * s["e"]),
                ),
            ),
        ),
    ),
    Row(
        18,
        "spherical attention, and three more without a name",
        (
            Case(spherical_attention, PREFILL, (*FUSED[1:], exponentials_within(lambda s: 0))),
            Case(fourth_power_attention, PREFILL, (*FUSED, exponentials_within(lambda s: 0))),
            Case(gated_sum_attention, PREFILL, (*FUSED[:-1], traffic_within(lambda s: 2 * _streaming(s)))),
        ),
    ),
    Row(
        20,
        "softmax backward, attention backward",
        (
            Case(
                softmax_gradient,
                {"n": 4096, "m": 4096},
                (kernels(1), passes(2, "x"), traffic_within(lambda s: 3 * s["n"] * s["m"])),
            ),
            Case(
                attention_gradient,
                PREFILL,
                (stores_below(_scores), traffic_within(lambda s: 2 * _streaming(s)), streamed("m")),
            ),
        ),
    ),
)
