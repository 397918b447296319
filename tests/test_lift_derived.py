"""Losses by margins, operators derived from others, positions and powers by computed integers: compared with Torch in float64.

To add here: a row for an operator of torch_margins.py or torch_derived.py.  Never here: proofs.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from commute.lowering.lift_torch import lift
from commute.lowering.pieces import agrees
from tests.test_lift import typed

SIDE = "x: b; y: b; s: b"

MARGINS = [
    (SIDE, lambda x, y, s: F.margin_ranking_loss(x, y, s.sign())),
    (SIDE, lambda x, y, s: F.margin_ranking_loss(x, y, s, margin=0.5, reduction="none")),
    ("x: b; s: b", lambda x, s: F.hinge_embedding_loss(x, torch.where(s < 0, -1, 1), margin=0.7)),
    ("x: b; s: b", lambda x, s: F.hinge_embedding_loss(x, torch.sign(s), reduction="sum")),
    ("x: b d; y: b d; s: b", lambda x, y, s: F.cosine_embedding_loss(x, y, torch.where(s < 0, -1, 1), margin=0.1)),
    ("x: b d; y: b d; s: b", lambda x, y, s: F.soft_margin_loss(x + y, s[:, None].expand_as(x))),
    ("x: b c; y: b c", lambda x, y: F.multilabel_soft_margin_loss(x, y.sigmoid())),
    ("x: b c; y: b c; w: c", lambda x, y, w: F.multilabel_soft_margin_loss(x, y, weight=w, reduction="sum")),
    ("x: b c; i: int b", lambda x, i: F.multi_margin_loss(x, i)),
    ("x: b c; i: int b", lambda x, i: F.multi_margin_loss(x, i, p=2, margin=0.5, reduction="none")),
    ("x: b d; y: b d; s: b d", lambda x, y, s: F.triplet_margin_loss(x, y, s)),
    ("x: b d; y: b d; s: b d", lambda x, y, s: F.triplet_margin_loss(x, y, s, margin=0.3, swap=True, reduction="none")),
    ("x: b d; y: b d", lambda x, y: F.poisson_nll_loss(x, y)),
    ("x: b d; y: b d", lambda x, y: F.poisson_nll_loss(x.exp(), y, log_input=False, reduction="sum")),
    ("x: b d; y: b d; v: b d", lambda x, y, v: F.gaussian_nll_loss(x, y, v.exp())),
    ("x: b d; y: b d; v: b", lambda x, y, v: F.gaussian_nll_loss(x, y, v.exp(), full=True, reduction="none")),
]

DERIVED = [
    ("x: b n+1", lambda x: torch.diff(x)),
    ("x: n+2 d", lambda x: torch.diff(x, n=2, dim=0)),
    ("x: b n", lambda x: torch.diff(x, dim=1, prepend=torch.zeros_like(x[:, :1]))),
    ("y: b n+1", lambda y: torch.trapezoid(y, dx=0.5)),
    ("y: b n+1; x: n+1", lambda y, x: torch.trapz(y, x)),
    ("x: n m", lambda x: torch.cov(x)),
    ("x: n m", lambda x: x.T.cov(correction=0)),
    ("x: b n; y: b n", lambda x, y: torch.dist(x, y) + torch.dist(x, y, p=1)),
    ("x: b n; y: b n", lambda x, y: torch.xlogy(x, y.abs() + 1) + torch.xlogy(0 * x, y)),
    ("x: b 3; y: b 3", lambda x, y: torch.linalg.cross(x, y) - torch.cross(y, x, dim=1)),
    ("x: b n n", lambda x: torch.matrix_power(x, 3) + torch.linalg.matrix_power(x, 0)),
    ("x: n; y: n; z: n d", lambda x, y, z: torch.column_stack([x, y, z])),
    ("x: b 4*n", lambda x: torch.hsplit(x, 2)[1] * torch.vsplit(x.T, 2)[0].T),
    ("x: n m; y: 2 d", lambda x, y: torch.block_diag(x, y)),
    ("x: v d; i: int b n", lambda x, i: F.embedding_bag(i % x.shape[0], x)),
    ("x: v d; i: int b n; w: b n", lambda x, i, w: F.embedding_bag(i % x.shape[0], x, mode="sum", per_sample_weights=w)),
    ("x: b n d; y: b m d", lambda x, y: torch.cdist(x, y)),
    ("x: n d; y: m d", lambda x, y: torch.cdist(x, y, p=1.0)),
    ("x: n; m: n; s: n", lambda x, m, s: torch.distributions.Normal(m, s.exp()).log_prob(x)),
    ("x: n", lambda x: torch.nan_to_num(2 * x.exp(), nan=1.0) + x.relu().nan_to_num()),
]

POSITIONS = [
    ("x: n m; y: m n", lambda x, y: torch.diagonal(x @ y) + torch.diagonal(x * y.T).sum()),
    ("x: n m", lambda x: torch.diagonal(x).sum()),
    ("x: b n; i: int b k", lambda x, i: x.scatter(1, i % x.shape[1], 2.0)),
    ("x: b n; i: int b k", lambda x, i: torch.zeros_like(x).scatter_(1, i % x.shape[1], 1.0) * x),
    ("x: n n; t: 9", lambda x, t: x + t[(torch.arange(x.shape[0])[:, None] - torch.arange(x.shape[0])).clamp(-4, 4) + 4]),
    ("x: b", lambda x: x[:, None] ** torch.arange(5)),
    ("x: b", lambda x: x[:, None, None] ** (torch.arange(4)[:, None] - torch.arange(4)).clamp(min=0)),
    ("x: b", lambda x: (x.abs() + 1)[:, None, None] ** (torch.arange(3)[:, None] - torch.arange(3))),
]

CASES = [
    pytest.param(*case, id=f"{family}-{i}")
    for family, cases in {"margins": MARGINS, "derived": DERIVED, "positions": POSITIONS}.items()
    for i, case in enumerate(cases)
]


@pytest.mark.parametrize(("shapes", "function"), CASES)
def test_lifted_as_torch_computes(shapes: str, function: Callable[..., Any]) -> None:
    found = agrees(lift([typed(shapes, function)]))
    assert found, found.reason
