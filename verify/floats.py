"""The numbers of float64 for evaluate.py: total as ops.py says, or strict, where what is undefined is NaN as in Torch.

To add here: how float64 computes an operator without needless overflow.  Never here: axes, terms, judgements.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

NAMED = {"pi": math.pi, "e": math.e}

_erf = np.frompyfunc(math.erf, 1, 1)

_BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}
_UNARY: dict[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "erf": lambda x: np.asarray(_erf(x), dtype=np.float64),
    "sigmoid": lambda x: np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x)))),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "relu": lambda x: np.maximum(x, 0.0),
    "abs": np.abs,
}
_COMPARE = {"lt": np.less, "le": np.less_equal, "eq": np.equal}
_REDUCE = {"sum": np.sum, "max": np.max, "min": np.min, "prod": np.prod}


class Floats:
    """float64, elementwise."""

    direct = frozenset({"softmax", "softmax_or_zero", "logsumexp", "log_softmax", "sigmoid", "softplus", "relu", "abs"})

    def __init__(self, strict: bool = False):
        self.undefined = math.nan if strict else 0.0

    def lift(self, values: Array) -> Array:
        """Integers and truth values as float64."""
        return values.astype(np.float64)

    def const(self, value: Fraction) -> Array:
        """The nearest float64."""
        try:
            return np.array(float(value))
        except OverflowError:
            return np.array(math.copysign(math.inf, value))

    def named(self, name: str) -> Array:
        """pi or e."""
        return np.array(NAMED[name])

    def ninf(self) -> Array:
        """Minus infinity."""
        return np.array(-np.inf)

    def unary(self, op: str, x: Array) -> Array:
        """One operator of one argument."""
        if op == "recip":
            return np.where(x == 0, self.undefined, 1 / np.where(x == 0, 1.0, x))
        if op == "log":
            return np.where(x <= 0, self.undefined, np.log(np.where(x <= 0, 1.0, x)))
        if op == "sqrt":
            return np.where(x < 0, self.undefined, np.sqrt(np.where(x < 0, 0.0, x)))
        value = _UNARY[op](x)
        # An overflow is no number: 1 / inf would come back as a wrong 0.
        return np.where(np.isposinf(value), np.nan, value) if op == "exp" and math.isnan(self.undefined) else value

    def binary(self, op: str, x: Array, y: Array) -> Array:
        """One operator of two arguments."""
        if op in _BINARY:
            return _BINARY[op](x, y)
        divisor = np.where(y == 0, 1.0, y)
        result = np.floor_divide(x, divisor) if op == "floordiv" else np.mod(x, divisor)
        return np.where(y == 0, 0.0, result)

    def compare(self, op: str, x: Array, y: Array) -> Array:
        """lt, le or eq."""
        return _COMPARE[op](x, y)

    def select(self, c: Array, x: Array, y: Array) -> Array:
        """x where c holds, else y; a NaN that isn't selected is gone."""
        return np.where(c, x, y)

    def reduce(self, kind: str, x: Array, dim: int) -> Array:
        """Sum, max, min or prod over a dimension, which stays with size 1."""
        return _REDUCE[kind](x, axis=dim, keepdims=True)

    def along(self, op: str, x: Array, dims: tuple[int, ...]) -> Array:
        """A composite, its large exponents taken out first; dimensions that are gone stay with size 1."""
        if not dims:
            return _UNARY[op](x)
        top = np.max(x, axis=dims, keepdims=True)
        top = np.where(np.isfinite(top), top, 0.0)
        inside = np.exp(x - top)
        below = np.sum(inside, axis=dims, keepdims=True)
        if op == "softmax_or_zero":
            return np.where(below == 0, 0.0, inside / np.where(below == 0, 1.0, below))
        if op == "softmax":
            return inside * self.unary("recip", below)
        logarithm = np.where(below == 0, self.undefined, np.log(np.where(below == 0, 1.0, below)) + top)
        return logarithm if op == "logsumexp" else x - logarithm

    def contract(self, factors: Sequence[tuple[Array, Sequence[int]]], out: Sequence[int]) -> Array | None:
        """The sum over all numbered dimensions but `out` of a product."""
        draws = any(a.shape[0] > 1 for a, _ in factors)
        operands: list[Any] = []
        for array, dims in factors:
            apart = draws and array.shape[0] > 1
            operands += [array, list(dims)] if apart else [array[0], list(dims)[1:]]
        result = np.einsum(*operands, list(out) if draws else list(out)[1:], optimize="greedy")
        return np.asarray(result) if draws else np.asarray(result)[None]
