"""How far a program's floats may lie from the exact values of its term: running error bounds, element by element.

One fold over terms (evaluate.py) whose numbers are pairs of a value and a bound (errors.py).  A comparison whose operands are
within their errors makes the result as uncertain as its branches lie apart.  The criterion is SOUNDNESS 23: an error counts
against the *reference's* bound.  To add here: another thing that is said of bounds.  Never here: the error of an operator.

>>> from commute.theory.terms import read, const
>>> from commute.theory.ops import add
>>> y = read("y", [], [])
>>> there_and_back = add(add(y, const(300000)), const(-300000))
>>> [bound] = bounds([there_and_back], {}, {"y": np.array(0.1)}, [[]], PRECISIONS["float32"])
>>> 0.01 < float(bound.error) < 0.02
True
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from commute.theory.axes import Axis
from commute.theory.facts import NIL, POS, Facts
from commute.theory.terms import Term
from commute.verify.errors import Errors, pack
from commute.verify.evaluate import LIMIT, Reader, aligned, contraction, ordered, spread
from commute.verify.formats import FLOAT32, PRECISIONS, Precision
from commute.verify.unroll import unroll

__all__ = ["FACTOR", "PRECISIONS", "Bound", "Precision", "bounds", "representable", "worst"]

Array = np.ndarray[Any, Any]

FACTOR = 4.0
"""An error is accepted up to so many times the reference's bound."""


@dataclass(frozen=True)
class Bound:
    """The values of a term without rounding, and how far the program's may be off; inf where that isn't known."""

    value: Array
    error: Array


def bounds(
    terms: Sequence[Term],
    sizes: Mapping[str, int],
    inputs: Mapping[str, Array],
    axes: Sequence[Sequence[Axis]],
    precision: Precision,
    limit: int = LIMIT,
) -> list[Bound]:
    """A bound for each term over its axes, for a program that computes it in `precision` from these very inputs.

    Real inputs are rounded to the precision's format first (`representable`).  Raises BudgetExceeded or Unsupported.
    """
    exact = representable(inputs, precision)
    with np.errstate(all="ignore"):
        flat = unroll(terms, sizes)
        reader = _Reader(sizes, {n: _leading(v) for n, v in exact.items()}, Errors(precision), limit)
        reader.run(flat)
        results = []
        for t, order in zip(flat, axes, strict=True):
            pair = spread(reader.real(reader.values[t]), t.free, order, sizes)[0]
            results.append(Bound(np.array(pair.real), np.array(pair.imag)))
    return results


def representable(inputs: Mapping[str, Array], precision: Precision) -> dict[str, Array]:
    """The inputs with every real rounded to the format of values."""
    arrays = {name: np.asarray(value) for name, value in inputs.items()}
    return {n: a if a.dtype.kind in "ib" else precision.values.round(a) for n, a in arrays.items()}


def worst(measured: Array, bound: Array) -> float:
    """The largest ratio of an error to its bound; 0 where nothing is bounded, inf where an error has the bound 0.

    >>> worst(np.array([1.0, 3.0]), np.array([4.0, np.inf]))
    0.25
    """
    known = np.isfinite(bound)
    off, most = np.where(known, measured, 0.0), np.where(known, bound, 1.0)
    ratio = np.where(np.isnan(off), np.inf, np.where(off == 0, 0.0, off / np.where(most == 0, 1.0, most)))
    return float(np.max(np.where((most == 0) & (off != 0), np.inf, ratio), initial=0.0))


def _leading(values: Array) -> Array:
    return values[None] if values.dtype.kind in "ib" else pack(values, 0.0)[None]


class _Reader(Reader):
    """An evaluation in which truth values may be in doubt, and indices may carry errors."""

    domain: Errors

    def __init__(self, sizes: Mapping[str, int], inputs: Mapping[str, Array], domain: Errors, limit: int):
        super().__init__(sizes, inputs, domain, limit)
        self.facts = Facts()

    def node(self, t: Term) -> Array:
        """The value of one node; the program's squares and sums of squares are never negative."""
        if t.op == "sqrt" and self.facts.signs(t.args[0]) & ~(NIL | POS) == 0:
            return self.domain.root_of_nonnegative(self.real(self.values[t.args[0]]))
        value = super().node(t)
        return self._standardised(t, value) if t.op == "mul" and value.dtype.kind == "c" else value

    def _standardised(self, t: Term, value: Array) -> Array:
        """(x - m) / √v as Torch's kernels compute it, x/√v - m/√v: off by the size of the two, not of their difference."""
        scale, gap = (t.args[1], t.args[0]) if t.args[0].op == "add" else t.args
        if scale.op != "recip" or scale.args[0].op != "sqrt" or gap.op != "add":
            return value
        axes = ordered(t.free)
        parts = [aligned(self.real(self.values[a]), ordered(a.free), axes) for a in (*gap.args, scale)]
        size = (np.abs(parts[0].real) + np.abs(parts[1].real)) * np.abs(parts[2].real)
        return pack(value.real, value.imag + 4 * FLOAT32.unit * size)

    def children(self, t: Term) -> tuple[Term, ...]:
        """What the value of a node is computed from; the parts of a difference that is scaled are kept for it."""
        found = t.args if _standardises(t) else super().children(t)
        return (*found, *(x for a in t.args if a.op == "add" for x in a.args)) if t.op == "mul" else found

    def reduction(self, t: Term) -> Array:
        """A reduction; products under it that standardise are formed one by one."""
        if not _standardises(t):
            return super().reduction(t)
        (body,), out = t.args, ordered(t.free)
        value = aligned(self.values[body], ordered(body.free), ordered({*out, t.attrs[1]}))
        return self.reduce_over(t.attrs[0], (t.attrs[1],), value, out)

    def apply(self, op: str, args: list[Array]) -> Array:
        """An operator; int8 holds truth values in doubt."""
        if op in ("and", "or", "not"):
            return _logic(op, args)
        if not any(a.dtype == np.int8 for a in args):
            return super().apply(op, args)
        if op != "where":
            return super().apply(op, [self.real(a) if a.dtype == np.int8 else a for a in args])
        if all(a.dtype.kind == "b" or a.dtype == np.int8 for a in args):
            c, x, y = args
            return _logic("or", [_logic("and", [c, x]), _logic("and", [_logic("not", [c]), y])])
        return self.domain.select(args[0], self.real(args[1]), self.real(args[2]))

    def reduce_over(self, kind: str, axes: Sequence[Axis], value: Array, out: Sequence[Axis]) -> Array:
        """Truth values in doubt are numbers before they are reduced."""
        return super().reduce_over(kind, axes, self.real(value) if value.dtype == np.int8 else value, out)

    def gather(self, array: Array, indices: Sequence[Array]) -> Array:
        """Nothing is known of what is read at an index that rounding may change."""
        whole = [np.rint(i.real).astype(np.int64) if i.dtype.kind == "c" else i for i in indices]
        found = super().gather(array, whole)
        doubt: Any = False
        for i in indices:
            doubt = doubt | (i.imag > 0) if i.dtype.kind == "c" else doubt
        if not np.any(doubt):
            return found
        found = self.real(found)
        return pack(found.real, np.where(doubt, np.inf, found.imag))


def _standardises(t: Term) -> bool:
    """Whether a sum is one of products with a reciprocal root among their factors."""
    found = contraction(t) if t.op == "reduce" and t.sort != "int" else None
    return found is not None and any(f.op == "recip" and f.args[0].op == "sqrt" for f in found[1])


def _logic(op: str, args: list[Array]) -> Array:
    """Truth values, in doubt where a doubtful one decides."""
    if not any(a.dtype == np.int8 for a in args):
        return np.logical_not(args[0]) if op == "not" else (np.logical_and if op == "and" else np.logical_or)(*args)
    coded = [a.astype(np.int8) for a in args]
    truths, doubts = [(a & 1).astype(bool) for a in coded], [a > 1 for a in coded]
    if op == "not":
        return (~truths[0]).astype(np.int8) + 2 * doubts[0].astype(np.int8)
    (a, b), (c, d) = truths, doubts
    value = a & b if op == "and" else a | b
    # One that surely decides (a false of `and`, a true of `or`) leaves no doubt.
    sure = (~c & (a == (op == "or"))) | (~d & (b == (op == "or")))
    return value.astype(np.int8) + 2 * ((c | d) & ~sure).astype(np.int8)
