"""Arrays made from cases and from constants: what slices, concatenations and constant tensors read as.

To add here: ways of choosing between terms by index.  Never here: what a Torch operator means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from commute.lowering.arrays import Array, Indices
from commute.lowering.registry import Unusable
from commute.theory.axes import Size
from commute.theory.index import simplify
from commute.theory.ops import eq, where
from commute.theory.terms import BOOL, FALSE, INT, REAL, TRUE, ZERO, Term, const


def choose(condition: Term, then: Callable[[], Term], other: Callable[[], Term]) -> Term:
    """`then` where the condition holds, else `other`; only what can occur is built."""
    condition = simplify(condition)
    if condition is TRUE:
        return then()
    if condition is FALSE:
        return other()
    left, right = then(), other()
    return left if left is right else where(condition, left, right)


def filled(shape: Iterable[Size | int], term: Term, sort: str = REAL) -> Array:
    """The array that is one number everywhere."""
    return Array(shape, lambda _: term, sort)


def constant_array(value: torch.Tensor, number: Callable[[Any], Term]) -> Array:
    """A real tensor as a selection of its numbers by index."""
    kind = BOOL if value.dtype == torch.bool else REAL if value.dtype.is_floating_point else INT
    if value.is_complex():
        raise Unusable("complex numbers are not lifted")
    flat = [truth_or(number, v) for v in value.reshape(-1).tolist()]
    return listed(flat, [Size(s) for s in value.shape], kind)


def truth_or(number: Callable[[Any], Term], value: Any) -> Term:
    """A Python truth value as a truth value, anything else as a number."""
    return (TRUE if value else FALSE) if isinstance(value, bool) else number(value)


def listed(flat: Sequence[Term], shape: Sequence[Size], sort: str) -> Array:
    """The array of fixed shape whose numbers are listed in row-major order."""

    def at(indices: Indices) -> Term:
        return pick(flat, [int(str(s)) for s in shape], indices)

    return Array(shape, at, sort)


def pick(flat: Sequence[Term], shape: Sequence[int], indices: Sequence[Term]) -> Term:
    """The number at `indices` of a row-major list."""
    if not flat:
        return ZERO
    if all(f is flat[0] for f in flat):
        return flat[0]
    if not shape:
        return flat[0]
    step = len(flat) // shape[0]
    rows = [pick(flat[i * step : (i + 1) * step], shape[1:], indices[1:]) for i in range(shape[0])]
    position = simplify(indices[0])
    if position.op == "const" and 0 <= position.attrs[0] < shape[0]:
        return rows[int(position.attrs[0])]
    result = rows[-1]
    for i in reversed(range(shape[0] - 1)):
        row = rows[i]
        result = choose(eq(position, const(i)), lambda r=row: r, lambda o=result: o)
    return result
