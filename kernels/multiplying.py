"""Matrix products and linear layers: association, sharing, folding and sharding.

To add here: another program whose core is a product of matrices.  Never here: a hint of how it should be run.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from commute.kernels.row import (
    Case,
    Row,
    gains,
    kernels,
    one_pass,
    read_once,
    stores_below,
    streamed,
    work_within,
)


def matmul_chain(
    a: Float[Tensor, "i j"], b: Float[Tensor, "j k"], c: Float[Tensor, "k l"], d: Float[Tensor, "l m"]
) -> Float[Tensor, "i m"]:
    """Four matrices, multiplied from the left."""
    return a @ b @ c @ d


def lora(
    x: Float[Tensor, "n i"], w: Float[Tensor, "i o"], a: Float[Tensor, "i r"], b: Float[Tensor, "r o"]
) -> Float[Tensor, "n o"]:
    """A linear layer with a correction of low rank to its weight."""
    return x @ (w + a @ b)


def three_linears(
    x: Float[Tensor, "n d"], wq: Float[Tensor, "d e"], wk: Float[Tensor, "d e"], wv: Float[Tensor, "d e"]
) -> tuple[Float[Tensor, "n e"], Float[Tensor, "n e"], Float[Tensor, "n e"]]:
    """Queries, keys and values from one input."""
    return x @ wq, x @ wk, x @ wv


def swiglu(x: Float[Tensor, "n d"], w1: Float[Tensor, "d f"], w2: Float[Tensor, "d f"]) -> Float[Tensor, "n f"]:
    """A gated linear unit."""
    return F.silu(x @ w1) * (x @ w2)


def normed_convolution(
    x: Float[Tensor, "b c h w"],
    k: Float[Tensor, "o c 3 3"],
    mean: Float[Tensor, "o"],
    var: Float[Tensor, "o"],
    gain: Float[Tensor, "o"],
    beta: Float[Tensor, "o"],
) -> Float[Tensor, "b o h-2 w-2"]:
    """A convolution, then a batch norm with the statistics of training."""
    y = F.conv2d(x, k)
    scale = gain / torch.sqrt(var + 1e-5)
    return (y - mean[:, None, None]) * scale[:, None, None] + beta[:, None, None]


def sum_of_product(a: Float[Tensor, "n k"], b: Float[Tensor, "k m"]) -> Float[Tensor, ""]:
    """The sum of all elements of a product."""
    return (a @ b).sum()


def kronecker_product(a: Float[Tensor, "p q"], b: Float[Tensor, "r s"], x: Float[Tensor, "q s"]) -> Float[Tensor, "p*r"]:
    """A Kronecker product times a vector."""
    return torch.kron(a, b) @ x.reshape(-1)


def trace_of_product(a: Float[Tensor, "i j"], b: Float[Tensor, "j k"], c: Float[Tensor, "k i"]) -> Float[Tensor, ""]:
    """The trace of a product of three."""
    return torch.trace(a @ b @ c)


def mlp(x: Float[Tensor, "n i"], w1: Float[Tensor, "4*f i"], w2: Float[Tensor, "o 4*f"]) -> Float[Tensor, "n o"]:
    """Two linear layers on one device."""
    return F.linear(F.gelu(F.linear(x, w1)), w2)


def mlp_on_four(x: Float[Tensor, "n i"], w1: Float[Tensor, "4*f i"], w2: Float[Tensor, "o 4*f"]) -> Float[Tensor, "n o"]:
    """The same on four devices: columns of the first weight, rows of the second, one all-reduce."""
    shards = zip(w1.chunk(4, dim=0), w2.chunk(4, dim=1), strict=True)
    return torch.stack([F.linear(F.gelu(F.linear(x, first)), second) for first, second in shards]).sum(dim=0)


Projected = Float[Tensor, "4*h n d"]


def attention_layer(q: Projected, k: Projected, v: Projected, wo: Float[Tensor, "4*h d o"]) -> Float[Tensor, "n o"]:
    """Heads of attention and the projection of their outputs, on one device."""
    heads = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v
    return torch.einsum("hnd,hdo->no", heads, wo)


def attention_layer_on_four(q: Projected, k: Projected, v: Projected, wo: Float[Tensor, "4*h d o"]) -> Float[Tensor, "n o"]:
    """The same on four devices, a quarter of the heads each, one all-reduce."""
    shards = zip(q.chunk(4), k.chunk(4), v.chunk(4), wo.chunk(4), strict=True)
    return torch.stack([attention_layer(*shard) for shard in shards]).sum(dim=0)


ROWS = (
    Row(
        10,
        "matmul chain",
        (
            Case(
                matmul_chain,
                {"i": 4096, "j": 256, "k": 4096, "l": 256, "m": 4096},
                (work_within(lambda s: 2 * 256 * (4096 * 256 + 4096 * 256 + 4096 * 4096)), gains(1.5)),
            ),
        ),
    ),
    Row(
        11,
        "LoRA",
        (
            Case(
                lora,
                {"n": 8, "i": 4096, "o": 4096, "r": 16},
                (
                    stores_below(lambda s: s["i"] * s["o"]),
                    work_within(lambda s: 2 * s["n"] * s["i"] * (s["o"] + 2 * s["r"]), 1.15),
                ),
            ),
            Case(
                lora,
                {"n": 65536, "i": 4096, "o": 4096, "r": 16},
                (work_within(lambda s: 2 * s["i"] * s["o"] * (s["n"] + s["r"] + 1), 1.02),),
            ),
        ),
    ),
    Row(
        12,
        "QKV fusion",
        (Case(three_linears, {"n": 4096, "d": 4096, "e": 4096}, (kernels(1), read_once("x"), one_pass)),),
    ),
    Row(
        16,
        "SwiGLU",
        (Case(swiglu, {"n": 4096, "d": 4096, "f": 11008}, (kernels(1), read_once("x"), one_pass)),),
    ),
    Row(
        17,
        "batch norm into convolution",
        (
            Case(
                normed_convolution,
                {"b": 32, "c": 64, "h_less_2": 54, "w_less_2": 54, "o": 64},
                (
                    kernels(1),
                    read_once("x"),
                    work_within(lambda s: 18 * s["b"] * s["c"] * s["o"] * 54 * 54 + 2 * s["b"] * s["o"] * 54 * 54, 1.01),
                ),
                static=("k", "mean", "var", "gain", "beta"),
            ),
        ),
    ),
    Row(
        22,
        "sum of a product",
        (
            Case(
                sum_of_product,
                {"n": 4096, "k": 4096, "m": 4096},
                (work_within(lambda s: s["n"] * s["k"] + s["k"] * s["m"] + 2 * s["k"]), one_pass),
            ),
        ),
    ),
    Row(
        23,
        "Kronecker product, trace of a product",
        (
            Case(
                kronecker_product,
                {"p": 256, "q": 256, "r": 256, "s": 256},
                (work_within(lambda s: 2 * s["q"] * s["r"] * (s["p"] + s["s"])), stores_below(lambda s: 256**4)),
            ),
            Case(
                trace_of_product,
                {"i": 8192, "j": 8192, "k": 64},
                (work_within(lambda s: 2 * s["i"] * s["k"] * s["j"] + 4 * s["i"] * s["k"]),),
            ),
        ),
    ),
    Row(
        24,
        "tensor-parallel MLP and attention",
        (
            Case(
                mlp_on_four,
                {"n": 4096, "i": 4096, "f": 4096, "o": 4096},
                (work_within(lambda s: 2 * s["n"] * 4 * s["f"] * (s["i"] + s["o"] + 8)),),
                equal_to=mlp,
            ),
            Case(
                attention_layer_on_four,
                {"h": 4, "n": 4096, "d": 128, "o": 2048},
                (streamed("n"), stores_below(lambda s: s["h"] * s["n"] * s["n"])),
                equal_to=attention_layer,
            ),
        ),
    ),
)
