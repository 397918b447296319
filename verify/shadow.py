"""float64 values with running error bounds: the shadow of an exact value, which decides what residues can't.

A shadow is a pair of arrays of one shape, a value and a bound on its error; the first dimension is the draw.  A draw in
which a finite value overflows, is given up through `spoil`; what underflows keeps an error that is never 0.
To add here: the error of an operator.  Never here: residues, terms, decisions (`exact_array.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from commute.verify.blas import matmul
from commute.verify.blocks import blocks, part
from commute.verify.evaluate import Unsupported
from commute.verify.floats import NAMED, Floats

Array = np.ndarray[Any, Any]
Shadow = tuple[Array, Array]

U = 2.0**-52
"""Twice the unit roundoff: room for the rounding of the bounds themselves."""

LEAST, TINY = 1e-200, 1e-300
"""The error of numbers nearer to 0 than LEAST is at least TINY: they, or their error bounds, may have underflowed."""

_FLOATS = Floats()


def exactly(value: Array) -> Shadow:
    """Numbers without an error."""
    return value, np.broadcast_to(0.0, value.shape)


def of_integers(values: Array) -> Shadow:
    """Integers and truth values; those past 2^53 are rounded."""
    near = values.astype(np.float64)
    size = np.abs(near)
    return (near, np.where(size < 2.0**53, 0.0, size * U)) if size.size and size.max() >= 2.0**53 else exactly(near)


def of_fraction(value: Fraction) -> Shadow:
    """A rational number, and how far off its float64 is."""
    try:
        near = float(value)
    except OverflowError:
        raise Unsupported("a constant beyond float64") from None
    return np.array([near]), np.array([float(abs(Fraction(near) - value)) * (1 + 1e-9)])


def of_name(name: str) -> Shadow:
    """pi or e."""
    return np.array([NAMED[name]]), np.array([4 * U])


class Shadows:
    """The arithmetic of shadows; `spoil` is told where a value is lost, and in which draws that is."""

    def __init__(self, spoil: Callable[[Array, slice], None]):
        self._spoil, self._rows = spoil, slice(None)

    def spoil(self, bad: Array) -> None:
        """Give up the draws in which something is bad."""
        if bad.any():
            self._spoil(bad, self._rows)

    def blockwise(self, function: Callable[..., Shadow], *shadows: Shadow) -> Shadow:
        """An elementwise function of shadows, block by block where they are large."""
        shape = np.broadcast_shapes(*(v.shape for v, _ in shadows))
        cuts = list(blocks(shape))
        if len(cuts) < 2:
            return function(*shadows)
        value, error = np.empty(shape), np.empty(shape)
        for cut in cuts:
            self._rows = cut[0]
            value[cut], error[cut] = function(*((part(v, cut), part(e, cut)) for v, e in shadows))
        self._rows = slice(None)
        return value, error

    def seal(self, value: Array, error: Array, *operands: Array) -> Shadow:
        """The result, unless it overflowed from finite operands: then those draws are spoiled."""
        if np.isfinite(np.sum(value)) and np.isfinite(np.sum(error)):
            return value, np.broadcast_to(error, value.shape)
        bad = ~np.isfinite(value) | ~np.isfinite(error)
        for x in operands:
            bad = bad & np.isfinite(x)
        self.spoil(bad)
        return np.where(bad, 0.0, value), np.where(bad | ~np.isfinite(value), 0.0, error)

    def add(self, x: Shadow, y: Shadow) -> Shadow:
        """The sum: what its rounding lost is known exactly."""
        return self.blockwise(self._add, x, y)

    def mul(self, x: Shadow, y: Shadow) -> Shadow:
        """The product."""
        return self.blockwise(self._mul, x, y)

    def unary(self, op: str, x: Shadow) -> Shadow:
        """exp, tanh, erf, sin, cos."""
        return self.blockwise(self._exp if op == "exp" else lambda y: self._bounded(op, y), x)

    def _add(self, x: Shadow, y: Shadow) -> Shadow:
        (a, e), (b, f) = x, y
        value = a + b
        back = value - a
        lost = np.abs((a - (value - back)) + (b - back))
        error = (e + f) * (1 + U) + np.where(np.isfinite(lost), lost, 0.0)
        return self.seal(value, error, a, b)

    def _mul(self, x: Shadow, y: Shadow) -> Shadow:
        (a, e), (b, f) = x, y
        value = a * b
        size, left, right = np.abs(value), np.abs(a), np.abs(b)
        error = (left * f + right * e + e * f) * (1 + 4 * U)
        if value.size and size.min() < LEAST:
            error = error + np.where((size < LEAST) & ((a != 0) | (e != 0)) & ((b != 0) | (f != 0)), TINY, 0.0)
        error = error + np.where((left == 1) | (right == 1), 0.0, U * size)
        return self.seal(value, error, a, b)

    def _bounded(self, op: str, x: Shadow) -> Shadow:
        v, e = x
        return self.seal(np.asarray(_FLOATS.unary(op, v)), 1.2 * e + 8 * U, v)

    def _exp(self, x: Shadow) -> Shadow:
        v, e = x
        value = np.exp(v)
        # exp(e) - 1 <= e + e^2 up to e = 1, and beyond that nothing is known.
        error = np.where(e > 1, np.inf, value * (e + e * e + 8 * U) + np.where(value < LEAST, TINY, 0.0))
        below = v == -np.inf
        if below.any():
            value, error = np.where(below, 0.0, value), np.where(below, 0.0, error)
        return self.seal(value, error, v)

    def partial(self, op: str, x: Shadow, inside: Array) -> Shadow:
        """recip, log, sqrt where they are defined, 0 elsewhere; NaN of what isn't finite."""
        inside = inside & np.isfinite(x[0])
        v, e = np.where(inside, x[0], 1.0), np.where(inside, x[1], 0.0)
        bare = np.where(v == 0 if op == "recip" else v <= 0, 1e-300, v)
        value = np.asarray(_FLOATS.unary(op, bare))
        room = np.abs(v) - e
        safe = np.where(room > 0, room, 1.0)
        if op == "recip":
            error = e * np.abs(value) / safe + U * np.abs(value)
        elif op == "log":
            error = e / safe + 8 * U * (1 + np.abs(value))
        else:
            error = e / np.sqrt(safe) + U * value
        error = np.where(inside, np.where(room > 0, error, np.inf), 0.0)
        value, error = self.seal(np.where(inside, value, 0.0), error, x[0])
        return np.where(np.isfinite(x[0]), value, np.nan), error

    def total(self, x: Shadow, dim: int) -> Shadow:
        """The sum over a dimension, which stays with size 1."""
        v, e = x
        value = np.sum(v, axis=dim, keepdims=True)
        if np.isfinite(np.sum(value)):
            size = value if v.size and v.min() >= 0 else np.sum(np.abs(v), axis=dim, keepdims=True)
            return value, np.sum(e, axis=dim, keepdims=True) + v.shape[dim] * U * size
        fine = np.isfinite(v)
        size = np.sum(np.abs(np.where(fine, v, 0.0)), axis=dim, keepdims=True)
        error = np.sum(e, axis=dim, keepdims=True) + v.shape[dim] * U * size
        self.spoil(np.all(fine, axis=dim, keepdims=True) & ~np.isfinite(value))
        return value, np.where(np.isfinite(value), error, 0.0)

    def product(self, x: Shadow, dim: int) -> Shadow:
        """The product over a dimension, which stays with size 1."""
        v, e = x
        while v.shape[dim] > 1:
            half = v.shape[dim] // 2
            (a, b, c), (f, g, h) = np.split(v, [half, 2 * half], dim), np.split(e, [half, 2 * half], dim)
            first = self.mul((a, f), (b, g))
            v, e = np.concatenate([first[0], c], axis=dim), np.concatenate([first[1], h], axis=dim)
        return v, e

    def dot(self, x: Shadow, y: Shadow) -> Shadow:
        """Products of matrices in the last two dimensions; all factors are finite."""
        (a, e), (b, f) = x, y
        inner = a.shape[-1]
        left, right = np.abs(a), np.abs(b)
        value = matmul(a, b)
        error = matmul(left, f + (inner * U) * right)
        if e.any():
            error += matmul(e, right + f)
        if _least(left) * _least(right) < 1e-290:
            error += inner * TINY  # products may underflow, each by less than the least number
        return self.seal(value, error * (1 + 4 * inner * U), np.zeros(1))


def _least(sizes: Array) -> float:
    return float(np.min(sizes, where=sizes > 0, initial=1.0))
