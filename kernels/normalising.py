"""Statistics of rows: softmax, norms, losses, and what is divided by them.

To add here: another program around a statistic of rows.  Never here: a hint of how it should be run.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from commute.kernels.row import (
    Case,
    Row,
    kernels,
    one_pass,
    passes,
    read_once,
    stores_below,
    streamed,
    traffic_within,
    work_within,
)

Rows = Float[Tensor, "n m"]
Row_ = Float[Tensor, "n"]


def online_softmax(x: Rows) -> Rows:
    """Softmax by hand: the maximum, the exponentials, their sum, the division."""
    e = torch.exp(x - x.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True)


def rms_norm_linear(x: Float[Tensor, "n d"], g: Float[Tensor, "d"], w: Float[Tensor, "d e"]) -> Float[Tensor, "n e"]:
    """Root mean square norm with a gain, then a linear layer."""
    return (x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * g) @ w


def layer_norm(x: Rows) -> Rows:
    """The mean, then the variance around it."""
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5)


def linear_cross_entropy(x: Float[Tensor, "n d"], w: Float[Tensor, "d v"], y: Int[Tensor, "n"]) -> Float[Tensor, ""]:
    """The loss of a language model's last layer."""
    return F.cross_entropy(x @ w, y)


def cosine_similarity(a: Float[Tensor, "n d"], b: Float[Tensor, "n d"]) -> Row_:
    """The product of two normalised rows."""
    a = a / torch.sqrt((a * a).sum(-1, keepdim=True) + 1e-6)
    b = b / torch.sqrt((b * b).sum(-1, keepdim=True) + 1e-6)
    return (a * b).sum(-1)


def kl_divergence(a: Rows, b: Rows) -> Row_:
    """Of the distributions that two rows of logits stand for."""
    return (torch.softmax(a, -1) * (torch.log_softmax(a, -1) - torch.log_softmax(b, -1))).sum(-1)


def entropy(x: Rows) -> Row_:
    """Of the distribution that a row of logits stands for."""
    return -(torch.softmax(x, -1) * torch.log_softmax(x, -1)).sum(-1)


LONG = {"n": 256, "m": 262144}
"""Rows that don't fit the inner level."""


def _once(s):
    return s["n"] * s["m"]


ONE_OF_STATISTICS = (passes(2, "x"), kernels(2), stores_below(_once), traffic_within(lambda s: 3 * _once(s)))
"""A pass of statistics and one that writes."""

ROWS = (
    Row(
        1,
        "online softmax",
        (
            Case(
                online_softmax, LONG, (passes(2, "x"), kernels(2), stores_below(_once), traffic_within(lambda s: 3 * _once(s)))
            ),
        ),
    ),
    Row(
        13,
        "RMSNorm into linear",
        (
            Case(
                rms_norm_linear,
                {"n": 4096, "d": 4096, "e": 4096},
                (read_once("x"), one_pass, stores_below(lambda s: s["n"] * s["d"])),
            ),
        ),
    ),
    Row(
        14,
        "one-pass layer norm",
        (Case(layer_norm, LONG, ONE_OF_STATISTICS),),
    ),
    Row(
        15,
        "fused linear cross entropy",
        (
            Case(
                linear_cross_entropy,
                {"n": 8192, "d": 4096, "v": 32000},
                (
                    stores_below(lambda s: s["n"] * s["v"] // 8),
                    streamed("v"),
                    work_within(lambda s: 2 * s["n"] * s["v"] * (s["d"] + 4)),
                ),
            ),
        ),
    ),
    Row(
        19,
        "cosine similarity",
        (
            Case(
                cosine_similarity,
                {"n": 4096, "d": 1024},
                (kernels(1), one_pass, traffic_within(lambda s: 2 * s["n"] * s["d"] + s["n"])),
            ),
        ),
    ),
    Row(
        21,
        "KL divergence and entropy of logits",
        (
            Case(kl_divergence, LONG, (kernels(1), one_pass, traffic_within(lambda s: 2 * _once(s)))),
            Case(entropy, LONG, (kernels(1), one_pass, traffic_within(_once))),
        ),
    ),
)
