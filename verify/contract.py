"""Sums of products of exact values over several axes: which two factors to multiply first, so that none is multiplied out.

Factors carry one label for each dimension.  A label that only one factor has and that isn't wanted is summed at once; else
the pair with the smallest result comes first, as a product of matrices over the labels that both have.
To add here: a better order.  Never here: how matrices are multiplied.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations
from math import prod
from typing import Any

from commute.verify.evaluate import BudgetExceeded
from commute.verify.exact_array import ExactArray, dot

WORK = 1 << 31
"""The most products of two numbers in one product of matrices: a few seconds."""

Factor = tuple[ExactArray, tuple[Hashable, ...]]


def contract(
    factors: Sequence[Factor], out: Sequence[Hashable], sizes: Mapping[Any, int], limit: float = float("inf")
) -> ExactArray:
    """The sum over all labels but `out` of the product of the factors, over `out`; BudgetExceeded past `limit` elements.

    >>> import numpy as np
    >>> from commute.verify.exact_array import Space, same
    >>> space = Space(draws=2)
    >>> x, y = (space.input(np.ones((2, 3, 4))) for _ in range(2))
    >>> bool(same(contract([(x, "ik"), (y, "jk")], "ji", {"i": 3, "j": 3, "k": 4}), space.const(4)).all())
    True
    """
    left = [_summed(f, {a for g in factors if g is not f for a in g[1]} | set(out)) for f in factors]
    while len(left) > 1:
        first, second, labels = min(_pairs(left, out), key=lambda row: (_size(row[2], sizes), _size(_union(*row[:2]), sizes)))
        if _size(labels, sizes) > limit:
            raise BudgetExceeded(f"a product of {_size(labels, sizes)} elements")
        if _size(_union(first, second), sizes) > WORK:
            raise BudgetExceeded(f"a product of matrices of more than {WORK} steps")
        rest = [f for f in left if f is not first and f is not second]
        left = [*rest, _joined(first, second, labels, sizes)]
    value, labels = left[0]
    order = [labels.index(a) for a in out]
    return value if order == list(range(len(order))) else value.transpose(*order)


def _size(labels: Sequence[Hashable], sizes: Mapping[Any, int]) -> int:
    return prod(sizes[a] for a in labels)


def _union(x: Factor, y: Factor) -> tuple[Hashable, ...]:
    return tuple(dict.fromkeys([*x[1], *y[1]]))


def _pairs(left: Sequence[Factor], out: Sequence[Hashable]) -> list[tuple[Factor, Factor, tuple[Hashable, ...]]]:
    """Every pair of factors with the labels of its product."""
    rows = []
    for x, y in combinations(left, 2):
        wanted = {a for f in left if f is not x and f is not y for a in f[1]} | set(out)
        rows.append((x, y, tuple(a for a in _union(x, y) if a in wanted)))
    return rows


def _summed(factor: Factor, wanted: set[Hashable]) -> Factor:
    value, labels = factor
    for dim in reversed(range(len(labels))):
        if labels[dim] not in wanted:
            shape = value.shape
            value = value.sum(dim).reshape(*shape[:dim], *shape[dim + 1 :])
    return value, tuple(a for a in labels if a in wanted)


def _joined(x: Factor, y: Factor, labels: tuple[Hashable, ...], sizes: Mapping[Any, int]) -> Factor:
    """The product of two factors, summed over what both have and `labels` lacks."""
    both = [a for a in x[1] if a in y[1]]
    batch, inner = [a for a in both if a in labels], [a for a in both if a not in labels]
    rows, columns = [a for a in x[1] if a not in both], [a for a in y[1] if a not in both]
    if not inner:
        return _placed(x, [*batch, *rows, *columns], sizes, 1) * _placed(y, [*batch, *rows, *columns], sizes, 1), (
            *batch, *rows, *columns,
        )  # fmt: skip
    shape = [_size(part, sizes) for part in (batch, rows, inner, columns)]
    left = _placed(x, [*batch, *rows, *inner], sizes).reshape(shape[0], shape[1], shape[2])
    right = _placed(y, [*batch, *inner, *columns], sizes).reshape(shape[0], shape[2], shape[3])
    result = (*batch, *rows, *columns)
    return dot(left, right).reshape(*(sizes[a] for a in result)), result


def _placed(factor: Factor, order: Sequence[Hashable], sizes: Mapping[Any, int], missing: int = 0) -> ExactArray:
    """The factor with its dimensions in an order; labels that it lacks have size 1 if `missing`."""
    value, labels = factor
    own = [labels.index(a) for a in order if a in labels]
    if own != list(range(len(own))):
        value = value.transpose(*own)
    return value.reshape(*(sizes[a] if a in labels else 1 for a in order)) if missing else value
