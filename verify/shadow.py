"""float64 values with running error bounds: the shadow of an exact evaluation, which decides what residues can't.

A complex number holds a value (real) and a bound on its error (imaginary), so arrays move along axes like all others.  The
first dimension is the draw; a draw in which a finite value overflows or underflows is spoiled.
To add here: the error of an operator.  Never here: residues, terms (decisions are asked of a `Judge`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from commute.verify.evaluate import Unsupported
from commute.verify.floats import NAMED, Floats

Array = np.ndarray[Any, Any]

U = 2.0**-52
"""Twice the unit roundoff: room for the rounding of the bounds themselves."""


LEAST = 1e-200
"""Numbers nearer to 0 than this are given up, with their draw: error bounds might underflow."""


class Judge(Protocol):
    """Who decides comparisons exactly, and keeps what was decided."""

    def sign(self, x: Array, y: Array | None) -> Array: ...
    def winner(self, x: Array, dim: int) -> Array: ...
    def spoil(self, bad: Array) -> None: ...


def pack(value: Array, error: Array) -> Array:
    """Values and their error bounds as one array."""
    result = np.empty(np.broadcast_shapes(np.shape(value), np.shape(error)), dtype=np.complex128)
    result.real = value
    result.imag = np.where(np.isfinite(value), error, 0.0)
    return result


class Shadows:
    """float64 with error bounds; comparisons, extremes and the domains of partial functions are judged."""

    direct: frozenset[str] = frozenset()

    def __init__(self, judge: Judge):
        self.judge = judge
        self.floats = Floats()

    def lift(self, values: Array) -> Array:
        """Integers and truth values."""
        return pack(values.astype(np.float64), np.zeros(1))

    def const(self, value: Fraction) -> Array:
        """A rational number, and how far off its float64 is."""
        near = float(value)
        return pack(np.array(near), np.array(float(abs(Fraction(near) - value)) * (1 + 1e-9)))

    def named(self, name: str) -> Array:
        """pi or e."""
        return pack(np.array(NAMED[name]), np.array(4 * U))

    def ninf(self) -> Array:
        """Minus infinity."""
        return pack(np.array(-np.inf), np.array(0.0))

    def seal(self, value: Array, error: Array, *operands: Array) -> Array:
        """The result, unless it overflowed from finite operands: then those draws are spoiled."""
        bad = ~np.isfinite(value) | ~np.isfinite(error)
        for x in operands:
            bad = bad & np.isfinite(x.real)
        self.judge.spoil(bad)
        return pack(np.where(bad, 0.0, value), np.where(bad, 0.0, error))

    def unary(self, op: str, x: Array) -> Array:
        """One operator of one argument."""
        if op in ("recip", "log", "sqrt"):
            return self._partial(op, x)
        v, e = x.real, x.imag
        value = self.floats.unary(op, v)
        if op == "exp":
            error = value * np.expm1(np.minimum(e, 1.0)) + 8 * U * value
        else:
            error = 1.2 * e + 8 * U
        return self.seal(value, error, x) if op != "exp" else self._exp(value, error, x)

    def _exp(self, value: Array, error: Array, x: Array) -> Array:
        below = x.real == -np.inf
        self.judge.spoil((value < LEAST) & np.isfinite(x.real))
        result = self.seal(np.where(below, 0.0, value), np.where(below, 0.0, error + 1e-300), x)
        return result

    def _partial(self, op: str, x: Array) -> Array:
        sign = self.judge.sign(x, None)
        inside = (sign != 0) if op == "recip" else (sign > 0)
        inside = inside & np.isfinite(x.real)
        v, e = np.where(inside, x.real, 1.0), np.where(inside, x.imag, 0.0)
        value = self.floats.unary(op, np.where(v <= 0, 1e-300, v) if op != "recip" else np.where(v == 0, 1e-300, v))
        room = np.abs(v) - e
        safe = np.where(room > 0, room, 1.0)
        if op == "recip":
            error = e * np.abs(value) / safe + U * np.abs(value)
        elif op == "log":
            error = e / safe + 8 * U * (1 + np.abs(value))
        else:
            error = e / np.sqrt(safe) + U * value
        error = np.where(room > 0, error, np.inf)
        sealed = self.seal(np.where(inside, value, 0.0), np.where(inside, error, 0.0), x)
        return pack(np.where(np.isfinite(x.real), sealed.real, np.nan), sealed.imag)

    def binary(self, op: str, x: Array, y: Array) -> Array:
        """One operator of two arguments."""
        if op in ("max", "min"):
            first = self.judge.sign(x, y) >= 0
            return np.where(first if op == "max" else ~first, x, y)
        a, b = x.real, y.real
        if op == "add":
            value = a + b
            back = value - a
            lost = np.abs((a - (value - back)) + (b - back))
            error = (x.imag + y.imag) * (1 + U) + np.where(np.isfinite(lost), lost, 0.0)
        elif op == "mul":
            value = a * b
            error = (np.abs(a) * y.imag + np.abs(b) * x.imag + x.imag * y.imag) * (1 + 4 * U)
            self.judge.spoil((np.abs(value) < LEAST) & (a != 0) & (b != 0))
            error = error + np.where((np.abs(a) == 1) | (np.abs(b) == 1), 0.0, U * np.abs(value))
        else:
            raise Unsupported(op)
        return self.seal(value, np.where(np.isfinite(value), error, 0.0), x, y)

    def compare(self, op: str, x: Array, y: Array) -> Array:
        """lt, le or eq, exactly."""
        sign = self.judge.sign(x, y)
        return sign < 0 if op == "lt" else sign <= 0 if op == "le" else sign == 0

    def select(self, c: Array, x: Array, y: Array) -> Array:
        """x where c holds, else y."""
        return np.where(c, x, y)

    def reduce(self, kind: str, x: Array, dim: int) -> Array:
        """Sum, max, min or prod over a dimension, which stays with size 1."""
        if kind in ("max", "min"):
            return np.take_along_axis(x, self.judge.winner(x if kind == "max" else np.conj(-x), dim), dim)
        if kind == "prod":
            return _tree(lambda a, b: self.binary("mul", a, b), x, dim)
        value = np.sum(x.real, axis=dim, keepdims=True)
        size = np.sum(np.abs(np.where(np.isfinite(x.real), x.real, 0.0)), axis=dim, keepdims=True)
        error = np.sum(x.imag, axis=dim, keepdims=True) + x.shape[dim] * U * size
        fine = np.all(np.isfinite(x.real), axis=dim, keepdims=True)
        self.judge.spoil(fine & ~np.isfinite(value))
        return pack(value, error)

    def along(self, op: str, x: Array, dims: tuple[int, ...]) -> Array:
        """No composite is evaluated but by its definition."""
        raise Unsupported(op)

    def contract(self, factors: Sequence[tuple[Array, Sequence[int]]], out: Sequence[int]) -> Array | None:
        """Products are multiplied out."""
        return None


def _tree(combine: Callable[[Array, Array], Array], x: Array, dim: int) -> Array:
    while x.shape[dim] > 1:
        half = x.shape[dim] // 2
        left, right, rest = np.split(x, [half, 2 * half], axis=dim)
        x = np.concatenate([combine(left, right), rest], axis=dim)
    return x
