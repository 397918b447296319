"""The rows of test_lift_nn.py: an operator, its arguments, and a shape for each tensor among them.

To add here: a row for each way of calling an operator.  Never here: how rows are checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from commute.lowering.arrays import Array
from commute.theory.axes import Size
from commute.theory.terms import BOOL, INT, REAL, read

REALS = ("real", "positive", "unit", "sparse", "mask")
SIZES = {"n": 3, "m": 5, "k": 4, "w": 2, "h": 2}


def size_of(text: str) -> Size:
    """`n`, `2*w`, `7` as a size."""
    total = Size(1)
    for part in text.split("*"):
        total = total * (Size(int(part)) if part.isdigit() else Size.symbol(part))
    return total


@dataclass(frozen=True)
class Given:
    """An argument: its shape in words, and what numbers it holds (one of REALS, "bool", or the bound of its integers)."""

    shape: str
    kind: str = "real"

    @property
    def sizes(self) -> list[Size]:
        return [size_of(s) for s in self.shape.split()]

    def array(self, name: str, known: dict[str, Size]) -> Array:
        sort = BOOL if self.kind == "bool" else REAL if self.kind in REALS else INT
        bound = size_of(self.kind).put(known) if sort == INT else None
        shape = [s.put(known) for s in self.sizes]
        return Array(shape, lambda idx: read(name, idx, shape, sort, bound), sort)

    def tensor(self, draw: np.random.Generator) -> torch.Tensor:
        shape = [s.at(SIZES) for s in self.sizes]
        if self.kind not in (*REALS, "bool"):
            return torch.from_numpy(np.asarray(draw.integers(0, size_of(self.kind).at(SIZES), shape)))
        make = {
            "bool": lambda: draw.random(shape) < 0.6,
            "sparse": lambda: draw.integers(-1, 2, shape) * 1.0,
            "mask": lambda: draw.integers(0, 2, shape) * 1.0,
            "positive": lambda: draw.random(shape) * 3 + 0.05,
            "unit": lambda: draw.random(shape) * 0.9 + 0.05,
            "real": lambda: draw.normal(size=shape) * 2,
        }
        return torch.from_numpy(np.asarray(make[self.kind]()))


Row = tuple[Any, tuple[Any, ...], dict[str, Any]]


def R(function: Any, *args: Any, **kwargs: Any) -> Row:
    """One way of calling an operator."""
    return function, args, kwargs


G = Given
T = torch.Tensor
X, V, M3 = G("n m"), G("m"), G("w n m")

LINEAR = [
    R(torch.matmul, G("n k"), G("k m")),
    R(torch.matmul, G("n k"), G("k")),
    R(torch.matmul, G("k"), G("k m")),
    R(torch.matmul, G("k"), G("k")),
    R(torch.matmul, G("w n k"), G("k m")),
    R(torch.matmul, G("w n k"), G("k")),
    R(torch.matmul, G("k"), G("w k m")),
    R(torch.matmul, G("h w n k"), G("1 w k m")),
    R(torch.matmul, G("w 1 n k"), G("h k m")),
    R(torch.matmul, G("n 1"), G("1 m")),
    R(T.matmul, G("n k"), G("k m")),
    R(T.__matmul__, G("n k"), G("k n")),
    R(T.__rmatmul__, G("k m"), G("n k")),
    R(torch.linalg.matmul, G("3 4"), G("4 5")),
    R(torch.mm, G("n n"), G("n n")),
    R(torch.bmm, G("w n k"), G("w k m")),
    R(torch.mv, G("n k"), G("k")),
    R(torch.dot, G("k"), G("k")),
    R(T.dot, G("1"), G("1")),
    R(torch.vdot, G("k"), G("k")),
    R(torch.inner, G("n k"), G("w m k")),
    R(torch.inner, G("n k"), G("")),
    R(torch.linalg.vecdot, G("n k"), G("n k")),
    R(torch.linalg.vecdot, G("n k"), G("n k"), dim=0),
    R(torch.outer, G("n"), G("m")),
    R(torch.addmm, G("n m"), G("n k"), G("k m")),
    R(torch.addmm, G("m"), G("n k"), G("k m"), beta=0.5, alpha=2),
    R(torch.addmm, G("1"), G("n k"), G("k m"), beta=0),
    R(torch.addmv, G("n"), G("n k"), G("k"), alpha=-1),
    R(torch.addr, G("n m"), G("n"), G("m"), beta=2),
    R(torch.baddbmm, G("w n m"), G("w n k"), G("w k m"), beta=0.25, alpha=0.1),
    R(torch.addbmm, G("n m"), G("w n k"), G("w k m")),
    R(F.linear, G("w n k"), G("m k"), G("m")),
    R(F.linear, G("k"), G("m k")),
    R(F.linear, G("n k"), G("k")),
    R(F.linear, G("n 1"), G("m 1"), bias=G("m")),
    R(F.bilinear, G("n m"), G("n k"), G("w m k"), G("w")),
    R(torch.einsum, "ij,jk->ik", G("n m"), G("m k")),
    R(torch.einsum, "ij,jk", G("n m"), G("m k")),
    R(torch.einsum, "ba,bc", G("n m"), G("n k")),
    R(torch.einsum, "ii->i", G("n n")),
    R(torch.einsum, "ii", G("n n")),
    R(torch.einsum, "...ij,...jk->...ik", G("h w n m"), G("w m k")),
    R(torch.einsum, "...i->...", G("w n m")),
    R(torch.einsum, "...i->i", G("w n m")),
    R(torch.einsum, "i...,i...", G("n w"), G("n 1")),
    R(torch.einsum, "bhnd,bhmd->bhnm", G("w h n k"), G("w h m k")),
    R(torch.einsum, "ij,ij,j->i", G("n m"), G("n m"), G("m")),
    R(torch.einsum, "i,j->ji", [G("n"), G("m")]),
    R(torch.einsum, "ij->", G("n m")),
    R(torch.einsum, "ij,ik->ijk", G("n 1"), G("1 k")),
    R(torch.einsum, " i j , j -> i ", G("n m"), G("m")),
    R(torch.einsum, "Ab,bC", G("n m"), G("m k")),
    R(torch.tensordot, G("n m k"), G("m k w"), 2),
    R(torch.tensordot, G("n m k"), G("k n w"), ([0, 2], [1, 0])),
    R(torch.tensordot, G("n"), G("m"), 0),
    R(torch.kron, G("n m"), G("k w")),
    R(torch.kron, G("n"), G("k w")),
    R(torch.kron, G("1 2"), G("3 1")),
    R(torch.trace, G("n n")),
    R(torch.trace, G("3 5")),
    R(torch.linalg.multi_dot, [G("n k"), G("k m"), G("m w")]),
    R(torch.linalg.multi_dot, [G("k"), G("k m"), G("m")]),
]
REDUCE = [
    R(torch.sum, X),
    R(torch.sum, X, 0),
    R(torch.sum, X, -1, True),
    R(torch.sum, M3, dim=(0, 2)),
    R(torch.sum, M3, dim=(-1, 0), keepdim=True),
    R(torch.sum, G("n m", "bool"), 1),
    R(torch.sum, G("n 1"), axis=1),
    R(torch.sum, X, dtype=torch.float64),
    R(torch.sum, G("")),
    R(torch.sum, G("n m", "4"), dim=1),
    R(T.sum, M3, (0, 1)),
    R(torch.mean, X),
    R(torch.mean, X, 1),
    R(torch.mean, M3, (0, 2), True),
    R(T.mean, X, dim=-1, keepdim=True),
    R(torch.mean, G("1 m"), 0),
    R(torch.prod, X),
    R(torch.prod, X, 1),
    R(torch.prod, X, dim=0, keepdim=True),
    R(torch.amax, X, 1),
    R(torch.amax, M3, (0, 2), True),
    R(torch.amin, X, dim=0),
    R(torch.amax, X),
    R(torch.aminmax, X),
    R(torch.aminmax, X, dim=0),
    R(torch.max, X),
    R(torch.min, X),
    R(torch.max, X, 1),
    R(torch.max, X, dim=0, keepdim=True),
    R(torch.min, X, -1, True),
    R(torch.max, X, G("m")),
    R(torch.min, X, other=G("n 1")),
    R(T.max, X, 0),
    R(torch.any, G("n m", "bool")),
    R(torch.any, G("n m", "bool"), 1),
    R(torch.all, G("n m", "bool"), 0),
    R(torch.all, G("n m", "sparse")),
    R(torch.any, G("n 1", "sparse"), 1, True),
    R(torch.count_nonzero, G("n m", "sparse")),
    R(torch.count_nonzero, G("n m", "sparse"), 1),
    R(torch.var, X),
    R(torch.var, X, 1),
    R(torch.var, X, 1, False),
    R(torch.var, X, dim=0, correction=0),
    R(torch.var, X, dim=(0, 1), correction=2, keepdim=True),
    R(torch.var, G("5 7"), dim=1, correction=3),
    R(T.var, X, False),
    R(T.var, X, -1, unbiased=False),
    R(T.var, X, dim=-1, keepdim=True),
    R(torch.std, X),
    R(torch.std, M3, (0, 2), True),
    R(torch.std, X, dim=1, correction=0),
    R(torch.var_mean, X, 1),
    R(torch.std_mean, X, dim=0, correction=0),
    R(torch.norm, X),
    R(torch.norm, X, 2, 1),
    R(torch.norm, X, p=1, dim=0),
    R(torch.norm, X, float("inf")),
    R(torch.norm, X, dim=-1, keepdim=True),
    R(T.norm, X, dim=1),
    R(T.norm, M3, 2, (1, 2)),
    R(torch.linalg.vector_norm, X),
    R(torch.linalg.vector_norm, X, 1, dim=1),
    R(torch.linalg.vector_norm, X, float("-inf"), dim=1, keepdim=True),
    R(torch.linalg.vector_norm, G("n m", "sparse"), 0, dim=1),
    R(torch.linalg.norm, X),
    R(torch.linalg.norm, X, dim=1),
    R(torch.linalg.norm, V, 1),
    R(torch.linalg.matrix_norm, M3),
    R(torch.logsumexp, X, 1),
    R(torch.logsumexp, M3, (0, 2)),
    R(torch.logsumexp, X, dim=0, keepdim=True),
    R(T.logsumexp, G("n 1"), 1),
    R(torch.cumsum, X, 1),
    R(torch.cumsum, X, dim=0),
    R(T.cumsum, G("1"), 0),
    R(torch.cumprod, X, -1),
    R(torch.cummax, X, 1),
    R(torch.cummin, X, dim=0),
    R(torch.logcumsumexp, X, 1),
    R(torch.softmax, X, -1),
    R(torch.softmax, X, 0),
    R(torch.softmax, X, dim=1, dtype=torch.float64),
    R(F.softmax, M3, dim=1),
    R(T.softmax, X, 1),
    R(torch.softmax, G("n 1"), 1),
    R(torch.softmax, G(""), 0),
    R(torch.softmax, G("n 7"), 1),
    R(F.log_softmax, X, -1),
    R(F.log_softmax, X, dim=0),
    R(torch.log_softmax, G("1 m"), 0),
    R(F.softmin, X, dim=1),
    R(torch.special.softmax, X, 1),
    R(torch.special.log_softmax, X, dim=1),
]
ACTIVATIONS = [
    *(
        R(f, X)
        for f in (
            *(torch.relu, F.relu, T.relu, F.relu6, F.leaky_relu, F.elu, F.selu, torch.selu, F.celu, F.gelu, F.silu),
            *(F.mish, torch.sigmoid, T.sigmoid, F.sigmoid, torch.special.expit, F.logsigmoid, F.hardsigmoid),
            *(F.hardswish, F.hardtanh, F.softplus, F.softsign, F.tanhshrink, F.hardshrink, F.softshrink),
        )
    ),
    R(F.leaky_relu, X, 0.2),
    R(F.elu, X, alpha=0.7),
    R(F.celu, X, 1.5),
    R(F.celu, X, alpha=0.4),
    R(F.gelu, X, approximate="tanh"),
    R(F.hardtanh, X, -0.3, 1.7),
    R(F.softplus, X, 20.0),
    R(F.softplus, X, beta=0.5, threshold=1),
    R(F.softplus, X, beta=3, threshold=2),
    R(F.threshold, X, 0.5, 7.0),
    R(F.hardshrink, X, 1.2),
    R(F.softshrink, X, 0.9),
    R(F.relu, G("n m", "4")),
    R(F.prelu, G("n m"), G("1")),
    R(F.prelu, G("n m k"), G("m")),
    R(F.prelu, G("m"), G("1")),
    R(F.glu, G("n 2*w")),
    R(F.glu, G("2*w m"), 0),
    R(F.glu, G("n 6"), dim=-1),
    R(F.dropout, X, 0.5, False),
    R(F.dropout, X, p=0.0),
    R(torch.dropout, X, 0.3, False),
]
NORMS = [
    R(F.layer_norm, X, (Size.symbol("m"),)),
    R(F.layer_norm, M3, [Size.symbol("m")], V, V, 1e-3),
    R(F.layer_norm, M3, (Size.symbol("n"), Size.symbol("m")), weight=G("n m"), bias=G("n m")),
    R(torch.layer_norm, G("n 6"), (6,), G("6"), None),
    R(F.layer_norm, G("n 1"), (1,)),
    R(F.rms_norm, X, (Size.symbol("m"),), V, 1e-6),
    R(F.rms_norm, X, (Size.symbol("m"),), eps=0.1),
    R(F.rms_norm, X, (Size.symbol("m"),)),
    R(F.batch_norm, G("n m"), V, G("m", "positive")),
    R(F.batch_norm, G("n m k w"), V, G("m", "positive"), V, V, False, 0.1, 1e-3),
    R(F.batch_norm, G("n m k"), None, None, V, V, True),
    R(F.group_norm, G("n 6 k"), 3, G("6"), G("6")),
    R(F.group_norm, G("n 6 k w"), 1),
    R(F.group_norm, G("n 4"), 2, eps=0.01),
    R(F.group_norm, G("n 2*w k"), 2, G("2*w")),
    R(F.instance_norm, G("n m k")),
    R(F.instance_norm, G("n m k w"), weight=V, bias=V, eps=0.1),
    R(F.instance_norm, G("n m k"), V, G("m", "positive"), use_input_stats=False),
    R(F.normalize, X),
    R(F.normalize, X, dim=0),
    R(F.normalize, X, p=1.0, dim=-1),
    R(F.normalize, X, eps=100.0),
    R(F.normalize, M3, dim=2, p=float("inf")),
    R(F.cosine_similarity, X, X),
    R(F.cosine_similarity, X, V, dim=-1),
    R(F.cosine_similarity, G("n 1 m"), G("k m"), dim=2),
    R(F.cosine_similarity, X, X, dim=0, eps=3.0),
    R(F.pairwise_distance, X, X),
    R(F.pairwise_distance, X, X, p=1.0, keepdim=True),
]
Q, K_, V_ = G("w h n k"), G("w h m k"), G("w h m n")
SDPA = F.scaled_dot_product_attention
ATTENTION = [
    R(SDPA, Q, K_, V_),
    R(SDPA, G("n k"), G("m k"), G("m w")),
    R(SDPA, G("w h n 64"), G("w h m 64"), G("w h m 3")),
    R(SDPA, G("h n 7"), G("h m 7"), G("h m 7"), scale=0.3),
    R(SDPA, Q, K_, V_, is_causal=True),
    R(SDPA, Q, G("w h n k"), G("w h n k"), is_causal=True),
    R(SDPA, G("h m k"), G("h n k"), G("h n k"), None, 0.0, True),
    R(SDPA, Q, K_, V_, G("n m", "bool")),
    R(SDPA, Q, K_, V_, attn_mask=G("w 1 n m", "bool")),
    R(SDPA, Q, K_, V_, attn_mask=G("n m")),
    R(SDPA, Q, K_, V_, attn_mask=G("1 m", "bool"), scale=2),
    R(SDPA, G("w 6 n k"), G("w 2 m k"), G("w 2 m k"), enable_gqa=True),
    R(SDPA, G("w 4*h n k"), G("w h m k"), G("w h m k"), enable_gqa=True, is_causal=True),
    R(SDPA, G("w h 1 k"), K_, V_),
]
MULTI = F.multi_head_attention_forward
X4, Y4 = G("n w 4"), G("m w 4")
OWN = (4, 2, G("12 4"), G("12"), None, None, False, 0.0, G("4 4"), G("4"))
MULTI_HEAD = [
    R(MULTI, X4, Y4, Y4, *OWN),
    R(MULTI, X4, Y4, Y4, *OWN, attn_mask=G("n m"), average_attn_weights=False),
    R(MULTI, X4, Y4, Y4, *OWN, attn_mask=G("n m", "bool"), need_weights=False),
    R(MULTI, X4, Y4, Y4, *OWN, attn_mask=G("2*w n m"), key_padding_mask=G("w m")),
    R(MULTI, X4, Y4, Y4, *OWN, key_padding_mask=G("w m", "bool"), need_weights=False),
    R(MULTI, X4, X4, X4, *OWN, attn_mask=G("n n", "bool"), need_weights=False, is_causal=True),
    R(MULTI, G("n 4"), G("m 4"), G("m 4"), *OWN, attn_mask=G("n m"), key_padding_mask=G("m")),
]
IMAGE, SIGNAL = G("w 4 6 5"), G("w 4 7")
CONV = [
    R(F.conv1d, SIGNAL, G("3 4 3")),
    R(F.conv1d, SIGNAL, G("3 4 3"), G("3"), 2, 1),
    R(F.conv1d, SIGNAL, G("3 4 2"), None, 1, 0, 2),
    R(F.conv1d, SIGNAL, G("6 2 3"), G("6"), padding=2, groups=2),
    R(F.conv1d, SIGNAL, G("4 1 3"), groups=4, padding="same"),
    R(F.conv1d, SIGNAL, G("2 4 2"), padding="same", dilation=2),
    R(F.conv1d, SIGNAL, G("2 4 2"), padding="valid"),
    R(F.conv1d, G("4 7"), G("3 4 1")),
    R(F.conv1d, G("w n 2*k"), G("m n 3"), padding=1),
    R(F.conv1d, G("w n 2*k"), G("m n 2"), stride=2),
    R(F.conv1d, G("w n 2*k"), G("m n 3"), stride=2, padding=1),
    R(F.conv1d, G("w n k"), G("m n 1"), G("m")),
    R(F.conv2d, IMAGE, G("3 4 3 2")),
    R(F.conv2d, IMAGE, G("3 4 3 3"), G("3"), stride=(2, 1), padding=(1, 0)),
    R(F.conv2d, IMAGE, G("8 1 3 3"), groups=4, padding=1),
    R(F.conv2d, IMAGE, G("2 4 2 2"), dilation=(2, 1)),
    R(F.conv2d, IMAGE, G("2 4 3 3"), padding="same"),
    R(F.conv2d, G("4 6 5"), G("2 4 1 1")),
    R(F.conv2d, G("w n 2*k 4"), G("m n 2 2"), stride=2),
    R(F.conv3d, G("1 2 4 3 3"), G("2 2 2 2 1"), padding=(1, 0, 0)),
    R(F.conv_transpose1d, SIGNAL, G("4 3 3")),
    R(F.conv_transpose1d, SIGNAL, G("4 3 3"), G("3"), 2, 1, 1),
    R(F.conv_transpose1d, SIGNAL, G("4 3 2"), stride=3, dilation=2, groups=2, bias=G("6")),
    R(F.conv_transpose1d, G("w n k"), G("n m 2"), stride=2),
    R(F.conv_transpose2d, IMAGE, G("4 3 2 3"), stride=(2, 1), padding=(0, 1)),
    R(F.unfold, IMAGE, 2),
    R(F.unfold, IMAGE, (3, 2), 1, 1, (2, 1)),
    R(F.unfold, G("4 6 5"), 2, dilation=2),
    R(T.unfold, G("n 7"), 1, 3, 2),
    R(T.unfold, G("2*k n"), 0, 2, 2),
    R(F.pad, X, (1, 2)),
    R(F.pad, X, (1, 0, 2, 3), "constant", 1.5),
    R(F.pad, X, (-1, 1), value=-2),
    R(F.pad, SIGNAL, (2, 1), mode="reflect"),
    R(F.pad, SIGNAL, (3, 1), mode="replicate"),
    R(F.pad, SIGNAL, (2, 4), mode="circular"),
    R(F.pad, IMAGE, (1, 2, 3, 0), mode="reflect"),
    R(F.avg_pool1d, SIGNAL, 3),
    R(F.avg_pool1d, SIGNAL, 3, 2, 1),
    R(F.avg_pool1d, SIGNAL, 3, 2, 1, False, False),
    R(F.avg_pool1d, G("n m 2*k"), 2),
    R(F.avg_pool2d, IMAGE, 2),
    R(F.avg_pool2d, IMAGE, (3, 2), 1, 1, count_include_pad=False),
    R(F.avg_pool2d, IMAGE, 2, divisor_override=3),
    R(F.max_pool1d, SIGNAL, 3),
    R(F.max_pool1d, SIGNAL, 3, 2, 1),
    R(F.max_pool1d, SIGNAL, 2, stride=2, padding=1),
    R(F.max_pool1d, SIGNAL, 2, 1, 1, 3),
    R(torch.max_pool1d, G("n m 2*k"), 2),
    R(F.max_pool2d, IMAGE, 2),
    R(F.max_pool2d, IMAGE, 3, 2, 1),
    R(F.max_pool2d, IMAGE, kernel_size=(2, 3), stride=1, dilation=(2, 1)),
    R(F.adaptive_avg_pool1d, SIGNAL, 1),
    R(F.adaptive_avg_pool2d, IMAGE, (3, 1)),
    R(F.adaptive_avg_pool2d, IMAGE, (None, 5)),
    R(F.adaptive_avg_pool2d, G("n m h w"), 1),
    R(F.adaptive_max_pool1d, G("n m 2*k"), 2),
    R(F.interpolate, SIGNAL, scale_factor=3),
    R(F.interpolate, IMAGE, scale_factor=(2.0, 1.0)),
    R(F.interpolate, IMAGE, size=(12, 10)),
    R(F.interpolate, G("n m k"), scale_factor=2, mode="nearest-exact"),
    R(F.pixel_shuffle, G("w 8 3 2"), 2),
    R(F.pixel_shuffle, G("8 n m"), 2),
    R(F.pixel_unshuffle, G("w 2 4 6"), 2),
]
CE, LABELS = F.cross_entropy, G("n", "m")
LOSSES = [
    R(CE, X, LABELS),
    R(CE, V, G("", "m")),
    R(CE, G("n m k"), G("n k", "m")),
    R(CE, X, LABELS, reduction="none"),
    R(CE, X, LABELS, reduction="sum"),
    R(CE, X, LABELS, G("m", "positive")),
    R(CE, X, LABELS, weight=G("m", "positive"), reduction="sum"),
    R(CE, X, LABELS, ignore_index=1),
    R(CE, X, LABELS, G("m", "positive"), ignore_index=2),
    R(CE, X, LABELS, label_smoothing=0.1),
    R(CE, X, LABELS, G("m", "positive"), label_smoothing=0.2),
    R(CE, X, LABELS, label_smoothing=0.3, ignore_index=0, reduction="mean"),
    R(CE, X, LABELS, G("m", "positive"), label_smoothing=0.3, ignore_index=0, reduction="mean"),
    R(CE, X, LABELS, label_smoothing=0.3, ignore_index=0, reduction="none"),
    R(CE, X, G("n m", "unit")),
    R(CE, X, G("n m", "unit"), G("m", "positive")),
    R(CE, X, G("n m", "unit"), label_smoothing=0.2, reduction="sum"),
    R(CE, G("n m k"), G("n m k", "unit"), reduction="none"),
    R(F.nll_loss, X, LABELS),
    R(F.nll_loss, X, LABELS, G("m", "positive"), reduction="none"),
    R(F.nll_loss, G("n m k w"), G("n k w", "m"), G("m", "positive")),
    R(F.mse_loss, X, X),
    R(F.mse_loss, X, X, reduction="sum"),
    R(F.mse_loss, X, X, reduction="none"),
    R(F.mse_loss, X, X, weight=G("n m", "positive")),
    R(F.l1_loss, X, X),
    R(F.smooth_l1_loss, X, X),
    R(F.smooth_l1_loss, X, X, reduction="none", beta=0.5),
    R(F.smooth_l1_loss, X, X, beta=0.0),
    R(F.huber_loss, X, X),
    R(F.huber_loss, X, X, delta=2.5, reduction="sum"),
    R(F.kl_div, X, G("n m", "unit"), None, None, "none"),
    R(F.kl_div, X, G("n m", "unit"), reduction="batchmean"),
    R(F.kl_div, X, X, reduction="sum", log_target=True),
    R(F.kl_div, X, G("n m", "mask"), reduction="sum"),
    R(F.binary_cross_entropy, G("n m", "unit"), G("n m", "unit")),
    R(F.binary_cross_entropy, G("n", "unit"), G("n", "unit"), G("n", "positive"), reduction="sum"),
    R(F.binary_cross_entropy_with_logits, X, G("n m", "unit")),
    R(F.binary_cross_entropy_with_logits, X, G("n m", "unit"), pos_weight=G("m", "positive")),
    R(F.binary_cross_entropy_with_logits, X, G("n m", "unit"), G("m", "positive"), reduction="none"),
]
ROWS = [*LINEAR, *REDUCE, *ACTIVATIONS, *NORMS, *ATTENTION, *MULTI_HEAD, *CONV, *LOSSES]
REFUSED = [
    (R(F.dropout, X, 0.5), "random"),
    (R(torch.argmax, X), "order of numbers"),
    (R(torch.median, X), "order of numbers"),
    (R(torch.nansum, X), "NaN"),
    (R(F.batch_norm, X, V, V, training=True), "running statistics"),
    (R(F.glu, X), "even"),
    (R(torch.norm, X, 3), "order 3"),
    (R(torch.linalg.norm, X, 2), "matrix norm"),
    (R(torch.norm, X, "nuc"), "nuc"),
    (R(torch.einsum, X, [0, 1], [1, 0]), "equation"),
    (R(torch.trace, X), "smaller"),
    (R(F.interpolate, SIGNAL, scale_factor=1.5), "whole number"),
    (R(F.interpolate, IMAGE, scale_factor=2, mode="bilinear"), "bilinear"),
    (R(F.adaptive_avg_pool1d, SIGNAL, 3), "multiple"),
    (R(F.conv1d, G("w n m"), G("k n 3"), stride=2, padding=1), "axis m"),
    (R(F.max_pool1d, SIGNAL, 2, ceil_mode=True), "ceil_mode"),
    (R(F.max_pool2d, IMAGE, 2, return_indices=True), "return_indices"),
    (R(F.softmax, X, 0, 3, torch.int64), "int64"),
    (R(F.mse_loss, X, X, reduce=False), "reduce"),
    (R(F.pad, SIGNAL, (1, 1), mode="other"), "other"),
    (R(SDPA, Q, K_, V_, dropout_p=0.1), "random"),
]
WRONG = [
    R(torch.matmul, G("n k"), G("m k")),
    R(torch.mm, G("w n k"), G("k m")),
    R(F.linear, G("n k"), G("k m")),
    R(torch.einsum, "ij,jk", G("n m"), G("k m")),
    R(torch.einsum, "ij", G("n m k")),
    R(torch.einsum, "ij->ijk", G("n m")),
    R(torch.sum, X, 2),
    R(torch.sum, X, (0, 0)),
    R(F.layer_norm, X, (Size.symbol("n"),)),
    R(F.group_norm, G("n 6 k"), 4),
    R(F.conv1d, SIGNAL, G("3 5 3")),
    R(F.conv1d, G("w 4 2"), G("3 4 3")),
    R(F.cross_entropy, X, G("m", "n")),
    R(SDPA, G("w 5 n k"), G("w 2 m k"), G("w 2 m k"), enable_gqa=True),
    R(F.gelu, X, approximate="fast"),
    R(F.group_norm, G("1 6 1"), 6),
    R(F.instance_norm, G("n m 1")),
    R(F.batch_norm, G("1 m"), None, None, training=True),
]
