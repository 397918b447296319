"""Every handler and spelling: lifted, then compared with Torch in float64 at several sizes, size 1 among them.

To add here: a row for an operator or a spelling.  Never here: errors (`test_lift_errors.py`), pairs of programs.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from commute.lowering.lift_torch import lift
from commute.lowering.pieces import agrees

KINDS: dict[str, Any] = {"float": Float, "int": Int, "bool": Bool}

inf = float("inf")
Case = tuple[str, Callable[..., Any]]

X, XY, POSITIVE = "x: b n", "x: b n; y: b n", "x: b n"

ARITHMETIC: list[Case] = [
    (XY, lambda x, y: x + y),
    (XY, lambda x, y: x - y * 2),
    (XY, lambda x, y: 3 - x / (y * y + 1)),
    (XY, lambda x, y: 2.5 / (x * x + 1) - y),
    (XY, lambda x, y: torch.add(x, y, alpha=2)),
    (XY, lambda x, y: x.sub(y, alpha=0.5)),
    (XY, lambda x, y: torch.rsub(x, y)),
    (XY, lambda x, y: torch.mul(x, y).neg()),
    (XY, lambda x, y: torch.div(x, y.abs() + 1)),
    (XY, lambda x, y: torch.true_divide(x, 3)),
    (XY, lambda x, y: -x + abs(y)),
    (XY, lambda x, y: torch.addcmul(x, x, y, value=0.1)),
    (XY, lambda x, y: torch.addcdiv(x, x, y.square() + 1, value=2)),
    (XY, lambda x, y: torch.lerp(x, y, 0.3)),
    (XY, lambda x, y: torch.lerp(x, y, y.sigmoid())),
    ("x: b n; y: n", lambda x, y: x * y + 1),
    ("x: b n; y: b 1", lambda x, y: x * y - y),
    ("x: n; y: m", lambda x, y: x[:, None] - y[None, :]),
    (X, lambda x: x.reciprocal()),
    (X, lambda x: x.square().sqrt()),
    (X, lambda x: (x * x + 1).rsqrt()),
    (X, lambda x: x**3),
    (X, lambda x: (x * x + 1) ** -0.5),
    (X, lambda x: x.abs() ** 1.5),
    (X, lambda x: x.abs().pow(0.3)),
    (X, lambda x: torch.pow(2, x)),
    (X, lambda x: 0.5**x),
    (X, lambda x: x.pow(0)),
    (X, lambda x: x.pow(-2)),
    (X, lambda x: x.sign()),
    (X, lambda x: torch.positive(x)),
    ("x: b n; c: scalar", lambda x, c: x * c + c),
    ("x: b n d", lambda x: x * x.shape[-1] ** -0.5),
    ("x: b n d", lambda x: x / math.sqrt(x.shape[-1])),
    ("x: b n d", lambda x: x * (1.0 / x.size(-1))),
    ("x: b n d", lambda x: x * math.log(x.shape[1]) + math.exp(-x.shape[2])),
    ("x: b n d", lambda x: x / torch.sqrt(torch.tensor(x.shape[-1], dtype=torch.float64))),
    ("x: b n d", lambda x: x / torch.tensor(float(x.shape[-1]))),
    ("x: b n d", lambda x: x.sum(-1) / x.numel() * x.shape[0]),
    ("x: b n d", lambda x: x * (x.shape[0] * x.shape[1] - 1)),
    ("x: b n d", lambda x: x * (x.shape[2] + 0.5) ** 2),
]

ELEMENTARY: list[Case] = [
    (X, lambda x: torch.exp(x)),
    (X, lambda x: x.exp2()),
    (X, lambda x: x.expm1()),
    (X, lambda x: (x * x + 1).log()),
    (X, lambda x: (x * x + 1).log2()),
    (X, lambda x: torch.log10(x * x + 1)),
    (X, lambda x: torch.log1p(x * x)),
    (X, lambda x: x.sin() + x.cos()),
    (X, lambda x: torch.tan(x)),
    (X, lambda x: x.tanh()),
    (X, lambda x: torch.tanh(x / 2)),
    (X, lambda x: x.erf()),
    (X, lambda x: torch.special.erf(x) + torch.special.expit(x)),
    (X, lambda x: torch.erfc(x)),
    (X, lambda x: torch.sinh(x / 8) + torch.cosh(x / 8)),
    (X, lambda x: x.sigmoid()),
    (X, lambda x: torch.logit(x.sigmoid() * 0.9 + 0.05)),
    (X, lambda x: torch.logit(x.abs(), eps=0.1)),
    (XY, lambda x, y: torch.hypot(x, y)),
    (XY, lambda x, y: torch.logaddexp(x, y)),
    (XY, lambda x, y: torch.logaddexp2(x, y)),
    (X, lambda x: torch.deg2rad(x)),
    (X, lambda x: 1.4426950408889634 * x + math.sqrt(2 / math.pi)),
]

SELECTION: list[Case] = [
    (XY, lambda x, y: torch.maximum(x, y)),
    (XY, lambda x, y: torch.minimum(x, y)),
    (XY, lambda x, y: torch.fmax(x, y)),
    (X, lambda x: x.clamp(-0.5, 0.5)),
    (X, lambda x: torch.clamp(x, min=0)),
    (XY, lambda x, y: torch.clamp(x, max=y)),
    (X, lambda x: x.clamp_min(0.1) + x.clamp_max(0.2)),
    (X, lambda x: x.clip(min=-1.0)),
    (XY, lambda x, y: torch.where(x > y, x, y)),
    (X, lambda x: torch.where(x >= 0, x, 0.0)),
    (XY, lambda x, y: x.where(y < 0, y)),
    (XY, lambda x, y: x.masked_fill(y > 0, 7.0)),
    (XY, lambda x, y: torch.masked_fill(x, y == 0, 1)),
    (XY, lambda x, y: (x < y).float() + (x <= y).to(torch.float64)),
    (XY, lambda x, y: (x != y).to(x.dtype) * y),
    (XY, lambda x, y: ((x > 0) & (y > 0)).type_as(x)),
    (XY, lambda x, y: ((x > 0) | ~(y > 0)) ^ (x > y)),
    (XY, lambda x, y: torch.logical_and(x, y) | torch.logical_not(x)),
    (XY, lambda x, y: torch.logical_or(x > 0, y > 0).logical_xor(x > y)),
    (XY, lambda x, y: torch.eq(x, y) == torch.ne(x, y)),
    (XY, lambda x, y: torch.gt(x, y) * x + torch.ge(x, 0.5) * y + torch.lt(x, y) + torch.le(x, 1)),
    ("x: b n; m: bool b n", lambda x, m: x.masked_fill(m, 0.0)),
    ("x: b n; m: bool b n", lambda x, m: x * m),
    ("x: b n; m: bool n", lambda x, m: torch.where(m, x, -1.0)),
    ("x: b n; m: bool b n", lambda x, m: (1 - m.int()) * x),
    ("x: b n; m: bool b n", lambda x, m: x.masked_fill(m, -inf).exp()),
    ("x: b n; m: bool b n", lambda x, m: torch.isinf(x.masked_fill(m, -inf))),
    ("x: b n; m: bool b n", lambda x, m: torch.isfinite(torch.where(m, x, -inf))),
    ("x: b n; m: bool b n", lambda x, m: (x.masked_fill(m, -inf) == -inf) & (x != -inf)),
    ("x: b n; m: bool b n", lambda x, m: torch.exp(x + m.double().log())),
    ("x: b n; m: bool b n", lambda x, m: torch.exp(x.masked_fill(m, -inf) / math.sqrt(x.shape[-1]))),
    (X, lambda x: torch.maximum(torch.full_like(x, -inf), x)),
    (X, lambda x: x.to("cpu").double().contiguous().clone().detach()),
    (X, lambda x: x.to(device="cpu", dtype=torch.float32).bool()),
    (X, lambda x: F.dropout(x, 0.5, training=False)),
]

SHAPES: list[Case] = [
    ("x: b n d", lambda x: x.permute(2, 0, 1)),
    ("x: b n d", lambda x: torch.permute(x, (0, 2, 1))),
    ("x: b n d", lambda x: x.transpose(0, -1)),
    ("x: b n d", lambda x: x.mT),
    ("x: n d", lambda x: x.T + x.t()),
    ("x: b n d", lambda x: x.swapaxes(0, 1)),
    ("x: b n d", lambda x: torch.movedim(x, 0, 2)),
    ("x: b n d", lambda x: x.moveaxis((0, 1), (1, 2))),
    ("x: b n d", lambda x: x.reshape(x.shape[0] * x.shape[1], -1)),
    ("x: b n d", lambda x: x.view(-1, x.shape[-1])),
    ("x: b n d", lambda x: x.flatten()),
    ("x: b n d", lambda x: x.flatten(1)),
    ("x: b n d", lambda x: torch.flatten(x, 0, 1)),
    ("x: b n d", lambda x: x.ravel()),
    ("x: b n d", lambda x: x.transpose(1, 2).reshape(x.shape[0], -1)),
    ("x: b n h*d; y: h", lambda x, y: x.view(*x.shape[:2], y.shape[0], -1).transpose(1, 2)),
    ("x: b n h*d; y: h", lambda x, y: x.unflatten(-1, (y.shape[0], -1)).sum(-1)),
    ("x: b 4*w", lambda x: x.reshape(x.shape[0], 4, -1).amax(1)),
    ("x: b 4*w", lambda x: x.reshape(x.shape[0], -1, 4).amax(1)),
    ("x: n m", lambda x: x.reshape(x.shape[1], x.shape[0])),
    ("x: b n; y: n b", lambda x, y: x.view_as(y)),
    ("x: b 1 n", lambda x: x.squeeze(1)),
    ("x: 1 b 1", lambda x: x.squeeze(0)),
    ("x: 2 1 3", lambda x: x.squeeze()),
    ("x: b n", lambda x: x.squeeze(0)),
    ("x: b n", lambda x: x.unsqueeze(1) + x.unsqueeze(-1)),
    ("x: b 1", lambda x: x.expand(-1, 5)),
    ("x: 1 n; y: b n", lambda x, y: x.expand(y.shape[0], -1) + x.expand_as(y)),
    ("x: n; y: b n", lambda x, y: torch.broadcast_to(x, y.shape) * y),
    ("x: n; y: b 1", lambda x, y: torch.stack(torch.broadcast_tensors(x, y))),
    ("x: b n", lambda x: x.repeat(2, 3)),
    ("x: n", lambda x: x.repeat(2, 1)),
    ("x: b n; y: m", lambda x, y: x.repeat(1, y.shape[0])),
    ("x: b n", lambda x: x.tile(2)),
    ("x: b n", lambda x: x.repeat_interleave(2, dim=1)),
    ("x: b n; y: m", lambda x, y: torch.repeat_interleave(x, y.shape[0], dim=0)),
    ("x: b n", lambda x: x.repeat_interleave(3)),
    ("x: b n; y: b m", lambda x, y: torch.cat([x, y], dim=1)),
    ("x: n d; y: m d", lambda x, y: torch.cat((x, y, x)).sum(0)),
    ("x: b n; y: b m", lambda x, y: torch.cat([x, y], -1).flip(-1)),
    (XY, lambda x, y: torch.stack([x, y])),
    (XY, lambda x, y: torch.stack((x, y, x), dim=-1)),
    (XY, lambda x, y: torch.hstack([x, y])),
    (XY, lambda x, y: torch.vstack([x, y])),
    (XY, lambda x, y: torch.vstack([x[0], y[0]])),
    ("x: b 4*w", lambda x: x.chunk(4, dim=-1)),
    ("x: b 4*w", lambda x: torch.cat(x.chunk(2, -1)[::-1], -1)),
    ("x: b 5", lambda x: x.chunk(3, dim=1)),
    ("x: b 2*w", lambda x: torch.stack(x.split(x.shape[1] // 2, dim=1))),
    ("x: b 7", lambda x: x.split(3, dim=1)),
    ("x: b n+m; y: n", lambda x, y: x.split([y.shape[0], x.shape[1] - y.shape[0]], dim=1)),
    ("x: b 5", lambda x: torch.tensor_split(x, 3, dim=1)),
    ("x: b 6", lambda x: torch.tensor_split(x, (2, 3), dim=1)),
    ("x: 3 n", lambda x: x.unbind()[1]),
    ("x: 3 n", lambda x: sum(row * i for i, row in enumerate(x))),
    ("x: b 3*w", lambda x: x.narrow(1, 0, x.shape[1] // 3)),
    ("x: b n", lambda x: x.select(1, 0)),
    ("x: b n", lambda x: x.flip(0, 1)),
    ("x: b n", lambda x: torch.fliplr(x) + torch.flipud(x)),
    ("x: b 5", lambda x: x.roll(2, 1)),
    ("x: b n", lambda x: torch.roll(x, 1, dims=-1)),
    ("x: b n", lambda x: torch.roll(x, (-1, 1), (0, 1))),
    ("x: n n", lambda x: x.tril()),
    ("x: n m", lambda x: torch.triu(x, diagonal=1)),
    ("x: b n n", lambda x: torch.tril(x, -1)),
    ("x: n n", lambda x: x.diagonal()),
    ("x: n n", lambda x: torch.diag(x) + torch.diagonal(x)),
    ("x: n", lambda x: torch.diag(x)),
    ("x: b n", lambda x: torch.diag_embed(x)),
    ("x: b n n", lambda x: torch.diagonal(x, dim1=1, dim2=2)),
]


def _in_halves(x: Any, i: Any) -> Any:
    left = x[:, : x.shape[1] // 2]
    return left.gather(1, torch.where(i < left.shape[1], i, 0)[:, None])


INDEXING: list[Case] = [
    ("x: b n d", lambda x: x[0]),
    ("x: b n d", lambda x: x[-1, :, 0]),
    ("x: b n d", lambda x: x[..., 0]),
    ("x: b n d", lambda x: x[:, None, :, -1]),
    ("x: b n d", lambda x: x[..., None] * x[:, :, :1, None]),
    ("x: b n", lambda x: x[:, 1:]),
    ("x: b n", lambda x: x[:, 1:] - x[:, :-1]),
    ("x: b n", lambda x: x[:, :3]),
    ("x: b n", lambda x: x[:, 2]),
    ("x: b n", lambda x: x[:, -3:]),
    ("x: b 4*w", lambda x: x[:, x.shape[1] // 2 :]),
    ("x: b 2*w", lambda x: torch.cat([-x[:, 1::2], x[:, ::2]], -1)),
    ("x: b 7", lambda x: x[:, 1:6:2]),
    ("x: b 2*w", lambda x: torch.stack((x[..., ::2], x[..., 1::2]), -1).flatten(-2)),
    ("x: b 5", lambda x: x[:, [0, 3, -1]]),
    ("x: b n; i: int k", lambda x, i: x[:, i]),
    ("x: n d; i: int b t", lambda x, i: x[i]),
    ("x: n d; i: int b t", lambda x, i: F.embedding(i, x)),
    ("x: n d; i: int k", lambda x, i: x.index_select(0, i)),
    ("x: n d; i: int k; j: int k", lambda x, i, j: x[i, j]),
    ("x: n a d; i: int k; j: int k", lambda x, i, j: x[i, :, j]),
    ("x: b n; i: int b", lambda x, i: x[torch.arange(x.shape[0]), i]),
    ("x: b n; i: int b", lambda x, i: x.gather(1, i[:, None]).squeeze(1)),
    ("x: b n; i: int b k", lambda x, i: torch.gather(x, -1, i)),
    ("x: b n; i: int 1 k", lambda x, i: torch.take_along_dim(x, i, dim=1)),
    ("x: v d; i: int b", lambda x, i: F.one_hot(i, x.shape[0]).to(x.dtype) @ x),
    ("x: b n", lambda x: x[:, torch.arange(x.shape[1])]),
    ("x: b n", lambda x: x[:, x.shape[1] - 1 - torch.arange(x.shape[1])]),
    ("x: n d", lambda x: x[torch.arange(x.shape[0]) - 1]),
    ("x: n n", lambda x: x[torch.arange(x.shape[0]), torch.arange(x.shape[0])]),
    ("x: b n; i: int b", lambda x, i: torch.scatter(x, 1, i[:, None], 0.0)),
    ("x: b n; i: int b", lambda x, i: x.scatter(1, i.unsqueeze(1), x[:, :1])),
    ("x: b n; i: int b k; y: b k", lambda x, i, y: x.scatter_add(1, i, y)),
    ("x: n d; i: int k; y: k d", lambda x, i, y: x.index_add(0, i, y, alpha=2)),
    ("x: b 2*n; i: int b", lambda x, i: x.gather(1, i.clamp(0, x.shape[1] // 2 - 1)[:, None])),
    ("x: b 2*n; i: int b", lambda x, i: _in_halves(x, i) + x.gather(1, i[:, None])),
    ("x: 2*n d; i: int b", lambda x, i: x[x.shape[0] // 2 :][(i - x.shape[0] // 2) * (i >= x.shape[0] // 2)] + x[i]),
    ("x: b n; i: int b", lambda x, i: x * (torch.arange(x.shape[1]) < i[:, None])),
    ("x: n n", lambda x: torch.where(torch.ones_like(x).tril() * (1 - torch.ones_like(x).tril(-1)) == 0, 0.0, x)),
]


def _zeroed_first(x: Any) -> Any:
    x = x.clone()
    x[:, 0] = 0
    return x


def _blockwise_writes(x: Any) -> Any:
    out = torch.zeros_like(x)
    half = x.shape[1] // 2
    out[:, :half] = x[:, half:]
    out[:, half:] = 2 * x[:, :half]
    return out


def _accumulated(x: Any) -> Any:
    total = torch.zeros(x.shape[0], dtype=x.dtype)
    for block in x.split(x.shape[1] // 3, dim=1):
        total += block.sum(1)
    return total


def _row_updates(x: Any) -> Any:
    out = x.clone()
    out[0] += 1
    out[..., 1:] *= 2
    return out


def _view_written(x: Any) -> Any:
    y = x.clone()
    part = y[:, :1]
    part.mul_(3)
    return y + part


def _view_read_late(x: Any) -> Any:
    y = x.clone()
    turned = y.T
    y += 1
    return turned


def _minus_one_hot(x: Any, i: Any) -> Any:
    p = torch.softmax(x, -1).clone()
    p[torch.arange(x.shape[0]), i] -= 1
    return p


def _masked_write(x: Any) -> Any:
    y = x.clone()
    y[y < 0] = 0
    return y


def _out_argument(x: Any, y: Any) -> Any:
    result = torch.empty_like(x)
    torch.add(x, y, out=result)
    return result.mul_(2).sub_(y).exp_()


def _steps(x: Any) -> Any:
    out = torch.zeros_like(x)
    for start in range(0, x.shape[1], x.shape[1] // 4):
        stop = start + x.shape[1] // 4
        out[:, start:stop] = x[:, start:stop] - x[:, start:stop].mean(1, keepdim=True)
    return out


def _strided_write(x: Any) -> Any:
    out = torch.zeros_like(x)
    out[:, ::2] = x[:, 1::2]
    out[:, 1::2] = -x[:, ::2]
    return out


def _alternating_writes(x: Any) -> Any:
    out = torch.empty_like(x)
    out[:, ::2] = -x[:, 1::2]
    out[:, 1::2] = x[:, ::2]
    return out


def _through_transpose(x: Any) -> Any:
    y = x.clone()
    y.T.add_(1)
    y.transpose(0, 1)[0] *= 2
    y.permute(1, 0).sub_(3)
    return y


def _through_pieces(x: Any) -> Any:
    y = x.clone()
    for i, piece in enumerate(y.chunk(2, dim=1)):
        piece.mul_(i + 2)
    for piece in y.split(y.shape[1] // 2, 1):
        piece += 1
    return y


def _through_rows(x: Any) -> Any:
    y = torch.zeros_like(x)
    for i, row in enumerate(y):
        row.copy_(x[i] * i)
    y.view(-1).add_(1)
    return y


IN_PLACE: list[Case] = [
    ("x: b 2*n", _alternating_writes),
    ("x: b n", _through_transpose),
    ("x: b 2*w", _through_pieces),
    ("x: 3 n", _through_rows),
    (X, _zeroed_first),
    ("x: b 2*w", _blockwise_writes),
    ("x: b 3*w", _accumulated),
    ("x: b n", _row_updates),
    (X, _view_written),
    (X, _view_read_late),
    ("x: b n; i: int b", _minus_one_hot),
    (X, _masked_write),
    (XY, _out_argument),
    ("x: b 4*w", _steps),
    ("x: b 2*w", _strided_write),
    (X, lambda x: x.clone().zero_() + x.clone().fill_(2.0)),
    (XY, lambda x, y: torch.empty_like(x).copy_(y).add_(x, alpha=3)),
    (X, lambda x: x.clone().clamp_(min=0).masked_fill_(x > 1, 1.0)),
    (X, lambda x: F.relu(x.clone(), inplace=True)),
]

CREATION: list[Case] = [
    (X, lambda x: x + torch.zeros(x.shape) + torch.ones(*x.shape)),
    (X, lambda x: x * torch.full(x.shape, 2.5) + torch.zeros_like(x) + torch.ones_like(x)),
    (X, lambda x: x + x.new_zeros(x.shape[1]) + x.new_ones(1) + x.new_full((1, 1), 3.0)),
    (X, lambda x: x * torch.arange(x.shape[1])),
    (X, lambda x: x * torch.arange(1, x.shape[1] + 1, dtype=x.dtype)),
    (X, lambda x: x + torch.arange(0, 2 * x.shape[1], 2)),
    (X, lambda x: x @ torch.eye(x.shape[1], dtype=x.dtype)),
    (X, lambda x: torch.eye(x.shape[0], x.shape[1], dtype=torch.float64) * x),
    (X, lambda x: x + torch.tensor(2.0) + torch.tensor(1.0 / 3)),
    ("x: b 3", lambda x: x * torch.tensor([1.0, 2.0, 0.5])),
    ("x: 2 2", lambda x: x @ torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=x.dtype)),
    ("x: n n", lambda x: x.masked_fill(torch.triu(torch.ones(x.shape, dtype=torch.bool), 1), -inf).exp()),
    ("x: n m", lambda x: torch.exp(x + torch.triu(torch.full(x.shape, -inf), diagonal=1))),
    ("x: n n", lambda x: torch.where(torch.tril(torch.ones_like(x)) == 0, -inf, x).exp()),
    ("x: 4 4", lambda x: torch.exp(x + torch.triu(torch.ones(4, 4) * -inf, diagonal=1))),
    ("x: n m", lambda x: torch.where(torch.arange(x.shape[0])[:, None] >= torch.arange(x.shape[1]), x, 0.0)),
    ("x: n m", lambda x: x * torch.stack(torch.meshgrid(*map(torch.arange, x.shape), indexing="ij")).sum(0)),
    ("x: b 5", lambda x: x * torch.linspace(0, 1, 5)),
    ("x: b n", lambda x: x * (torch.arange(x.shape[1]) % 2 == 0)),
    ("x: b n", lambda x: x * (torch.arange(x.shape[1]) // 3 - 1)),
    ("x: b 2*k", lambda x: x * 10000 ** (-torch.arange(0, x.shape[1], 2) / x.shape[1]).repeat(2)),
]

PYTHON: list[Case] = [
    (X, lambda x: x * len(x)),
    (X, lambda x: x[:, : max(1, x.shape[1] - 2)]),
    (X, lambda x: x if x.shape[0] == 1 else x * 2),
    (X, lambda x: x.sum(1) if x.shape[1] > 2 else x.mean(1)),
    (X, lambda x: x * (2 if isinstance(x.shape[0], int) else 3)),
    ("x: b 4*w", lambda x: sum(x[:, i :: x.shape[1] // 4].sum(1) for i in range(1))),
    ("x: b 4*w", lambda x: x * math.ceil(x.shape[1] / (x.shape[1] // 4))),
    ("x: b 4*w", lambda x: x * int(x.shape[1] / 2)),
    ("x: b n d", lambda x: x * math.prod(x.shape[1:])),
    ("x: b n d", lambda x: x.view(x.size()[:-1] + (1, -1))),
    ("x: b n", lambda x: x * float(x.shape[1]) ** 0.5),
    ("x: b n", lambda x: x / x.shape[1] ** 0.5 * pow(x.shape[0], 2)),
    ("x: 3 n", lambda x: torch.stack([r.exp() for r in x])),
]

CASES = [
    pytest.param(*case, id=f"{family}-{i}")
    for family, cases in {
        "arithmetic": ARITHMETIC,
        "elementary": ELEMENTARY,
        "selection": SELECTION,
        "shapes": SHAPES,
        "indexing": INDEXING,
        "in_place": IN_PLACE,
        "creation": CREATION,
        "python": PYTHON,
    }.items()
    for i, case in enumerate(cases)
]


def typed(shapes: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function with annotations given in one line: "x: b n; i: int k; c: scalar"."""
    hints: dict[str, Any] = {}
    for part in shapes.split(";"):
        name, _, axes = part.strip().partition(":")
        words = axes.split()
        kind = words.pop(0) if words[0] in KINDS else "float"
        hints[name] = float if words == ["scalar"] else KINDS[kind][Tensor, " ".join(words)]
    function.__annotations__ = hints
    return function


@pytest.mark.parametrize(("shapes", "function"), CASES)
def test_lifted_as_torch_computes(shapes: str, function: Callable[..., Any]) -> None:
    found = agrees(lift([typed(shapes, function)]))
    assert found, found.reason
