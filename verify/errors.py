"""Numbers with a bound on their error: what a program in float32, float16 or bfloat16 may be off by, operation by operation.

A complex number holds the value without rounding (real, in float64) and a bound on how far the program's number is from it
(imaginary; inf where nothing is known: it may overflow, or divide by 0).  Bounds hold for every order of a sum and for fused
multiply-adds.  To add here: the error of an operator, with its source.  Never here: terms, axes, Torch.

The constants of `UNITS` are in units of u = 2^-24 (one ulp is at most 2u) for operators evaluated in float32, from which
narrower results are rounded.  Measured over 4 million arguments on the CPU (MKL): exp 1.06, log 1.56, sqrt 1.50, tanh 1.00,
erf 1.21, sin and cos 1.09, sigmoid 2.5, softplus 2.8, softmax 6.4 beyond its arguments.  SLEEF, which Torch uses without
MKL, states 1 ulp (sin and cos 3.5), and 20 ulp for the exp inside its softmax and attention kernels; CUDA states 2 ulp.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import inf, prod
from typing import Any

import numpy as np

from commute.verify.evaluate import Unsupported
from commute.verify.floats import NAMED, Floats
from commute.verify.formats import FLOAT32, Precision

Array = np.ndarray[Any, Any]

UNITS = {"recip": 2.0, "exp": 4.0, "log": 4.0, "sqrt": 3.0, "tanh": 4.0, "erf": 4.0, "sin": 8.0, "cos": 8.0}
"""Relative errors of operators in units of u of the format in which they are evaluated."""

KERNEL_EXP = 40.0
"""The same for the exp inside softmax, attention and sigmoid kernels: SLEEF's fast exp is good to 20 ulp."""


def _gelu(x: Array, by_tanh: bool) -> Array:
    inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3) if by_tanh else x * np.sqrt(0.5)
    return 0.5 * x * (1 + Floats().unary("tanh" if by_tanh else "erf", inner))


def pack(value: Array, error: Array | float) -> Array:
    """Values and bounds as one array; what has no value has no bound."""
    value = np.asarray(value, dtype=np.float64)
    result = np.empty(np.broadcast_shapes(value.shape, np.shape(error)), dtype=np.complex128)
    result.real = value
    result.imag = np.where(np.isnan(error) | np.isnan(value) | (value == inf), inf, error)
    return result


class Errors:
    """Values and error bounds in a `Precision`, elementwise: a domain for evaluate.py."""

    direct = frozenset(
        {"softmax", "softmax_or_zero", "logsumexp", "log_softmax", "sigmoid", "silu", "softplus", "gelu", "gelu_tanh"}
        | {"relu", "abs"}
    )

    def __init__(self, precision: Precision):
        self.precision = precision
        self.format = precision.values
        self.floats = Floats()

    # --- rounding ---

    def rounded(self, value: Array, error: Array | float, units: Array | float = 1.0) -> Array:
        """What an operation returns: `units` of float32 where it takes more than one rounding, then the format's own."""
        f = self.format
        wide = f is FLOAT32 or (isinstance(units, float) and units == 1.0)
        relative = units * f.unit if wide else f.unit + units * FLOAT32.unit
        size = np.abs(value) + error
        total = error + relative * size * (1 + 2.0**-20)
        total = total + np.where((size > 0) & (np.abs(value) - error < 2 * f.normal), f.underflow, 0.0)
        total = np.where(np.abs(value) + total > f.largest, inf, total)
        return pack(value, np.where(value == -inf, np.where(error == 0, 0.0, inf), total))

    def _settled(self, value: Array, error: Array, exact: Array, units: Array | float = 1.0) -> Array:
        """The result, not rounded where `exact`: the operation is known to give a number of the format."""
        result = self.rounded(value, error, units)
        size = np.abs(value)
        keep = exact & (size <= self.format.largest) & ((size >= self.format.underflow) | (size == 0))
        return pack(value, np.where(keep, error, result.imag))

    # --- leaves ---

    def lift(self, values: Array) -> Array:
        """Integers and truth values; a truth value as int8 is 0 or 1, plus 2 where rounding may turn it."""
        if values.dtype == np.int8:
            return pack((values & 1).astype(np.float64), (values >> 1).astype(np.float64))
        value = values.astype(np.float64)
        return self._settled(value, np.zeros(1), self.format.holds(value))

    def const(self, value: Fraction) -> Array:
        """A rational number, rounded to the format."""
        near = self.floats.const(value)
        exact = np.isfinite(near) & (Fraction(float(near)) == value if np.isfinite(near) else False)
        return self._settled(near, np.zeros(()), self.format.holds(near) & exact)

    def named(self, name: str) -> Array:
        """pi or e."""
        return self.rounded(np.array(NAMED[name]), 0.0)

    def ninf(self) -> Array:
        """Minus infinity."""
        return pack(np.array(-inf), 0.0)

    # --- operators ---

    def unary(self, op: str, x: Array) -> Array:
        """One operator of one argument."""
        v, e = x.real, x.imag
        if op == "exp":
            value = np.exp(v)
            # 2^(x log2 e) and exp(x - m) round an exponent as large as x.
            units = UNITS["exp"] + np.where(np.isfinite(v), np.abs(v), 0.0)
            return self._settled(value, value * np.expm1(e), (v == -inf) & (e == 0), units)
        if op in ("recip", "log", "sqrt"):
            return self._partial(op, v, e)
        slope = {"tanh": lambda r: 1 - np.tanh(r) ** 2, "erf": lambda r: 1.1284 * np.exp(-(r**2))}
        value = self.floats.unary(op, v)
        least = np.maximum(np.abs(v) - e, 0.0)
        error = np.minimum(e * slope[op](least) if op in slope else e, 2.0)
        error = np.where(e == 0, 0.0, error * (1 + 2.0**-40) + 2.0**-50)
        error = np.where(np.isfinite(v) | (op in slope), error, inf)
        return self.rounded(value, error, UNITS[op])

    def _partial(self, op: str, v: Array, e: Array) -> Array:
        low = np.abs(v) - e if op == "recip" else v - e
        inside = (low > 0) & np.isfinite(v)
        v, e = np.where(inside, v, 1.0), np.where(inside, e, 0.0)
        low = np.where(inside, low, 1.0)
        value = self.floats.unary(op, v)
        if op == "recip":
            error = e * np.abs(value) / low
        elif op == "log":
            error = np.log(v / low)
            error = np.where(e == 0, 0.0, np.maximum(error, e / v) * (1 + 2.0**-40) + 2.0**-52)
        else:
            error = e / (value + np.sqrt(low))
        result = self._settled(value, error, (e == 0) & self.format.holds(value) & (op != "log"), UNITS[op])
        return pack(np.where(inside, value, 0.0), np.where(inside, result.imag, inf))

    def root_of_nonnegative(self, x: Array) -> Array:
        """The square root where the program's number is surely >= 0, however far off it is."""
        v, e = np.maximum(x.real, 0.0), x.imag
        value, low = np.sqrt(v), np.sqrt(np.maximum(v - e, 0.0))
        error = np.maximum(np.sqrt(v + e) - value, value - low) * (1 + 2.0**-40)
        return self._settled(value, error, (e == 0) & self.format.holds(value), UNITS["sqrt"])

    def binary(self, op: str, x: Array, y: Array) -> Array:
        """One operator of two arguments."""
        if op in ("max", "min"):
            sign = 1.0 if op == "max" else -1.0
            return self._extreme(np.stack(np.broadcast_arrays(x, y)), sign, 0)[0]
        if op in ("floordiv", "mod"):
            sure = (x.imag == 0) & (y.imag == 0)
            return pack(self.floats.binary(op, x.real, y.real), np.where(sure, 0.0, inf))
        a, b, d, e = x.real, y.real, x.imag, y.imag
        sure = (d == 0) & (e == 0)
        if op == "add":
            value = a + b
            back = value - a
            lost = (a - (value - back)) + (b - back)
            error = np.where(sure, 0.0, d + e)
            result = self._settled(value, error, (sure & (lost == 0) & self.format.holds(value)) | self._kept(a, d, b, e))
            below = ((a == -inf) & (d == 0) & (b < inf) & (e < inf)) | ((b == -inf) & (e == 0) & (a < inf) & (d < inf))
            return pack(result.real, np.where(below, 0.0, result.imag))
        if op != "mul":
            raise Unsupported(op)
        value = a * b
        error = np.where(sure, 0.0, np.abs(a) * e + np.abs(b) * d + d * e)
        error = np.where((value == -inf) & ((a == -inf) | (b == -inf)), np.where(sure, 0.0, inf), error)
        exact = (sure & self.format.holds(value)) | self._power(a, d, value) | self._power(b, e, value)
        return self._settled(value, error, exact)

    @staticmethod
    def _kept(a: Array, d: Array, b: Array, e: Array) -> Array:
        """Whether one summand is exactly 0."""
        return ((a == 0) & (d == 0)) | ((b == 0) & (e == 0))

    def _power(self, a: Array, d: Array, value: Array) -> Array:
        """Whether a factor is exactly 0, 1 or another power of two, and the product doesn't underflow."""
        large = (np.abs(a) >= 1) | (np.abs(value) > 2 * self.format.normal)
        return (d == 0) & ((a == 0) | ((np.abs(np.frexp(a)[0]) == 0.5) & large))

    def _extreme(self, x: Array, sign: float, dim: int) -> Array:
        """The maximum (minimum for -1) over a dimension, which stays: off by no more than one that may be it."""
        v = sign * x.real
        floor = np.max(np.where(np.isfinite(x.imag), v - x.imag, -inf), axis=dim, keepdims=True)
        able = ~(v + x.imag < floor)
        error = np.max(np.where(able, x.imag, 0.0), axis=dim, keepdims=True)
        return pack(sign * np.max(v, axis=dim, keepdims=True), error)

    def compare(self, op: str, x: Array, y: Array) -> Array:
        """lt, le or eq: a truth value, as int8 with 2 added where rounding may turn it, if it may anywhere."""
        truth = self.floats.compare(op, x.real, y.real)
        doubt = (x.imag > 0) | (y.imag > 0)
        doubt = doubt & ~(np.abs(x.real - y.real) > x.imag + y.imag)
        return truth.astype(np.int8) + 2 * doubt.astype(np.int8) if doubt.any() else truth

    def select(self, c: Array, x: Array, y: Array) -> Array:
        """x where c holds, else y; where c may turn, the distance to the other counts."""
        if c.dtype != np.int8:
            return np.where(c, x, y)
        taken: Array = np.where(c & 1, x, y)
        other: Array = np.where(c & 1, y, x)
        gap = np.where(taken.real == other.real, 0.0, np.abs(taken.real - other.real))
        return pack(taken.real, np.where(c > 1, np.maximum(taken.imag, gap + other.imag), taken.imag))

    def reduce(self, kind: str, x: Array, dim: int) -> Array:
        """Sum, max, min or prod over a dimension, which stays with size 1."""
        if kind in ("max", "min"):
            return self._extreme(x, 1.0 if kind == "max" else -1.0, dim)
        n = x.shape[dim]
        if kind == "prod":
            value = np.asarray(np.prod(x.real, axis=dim, keepdims=True))
            top = np.prod((np.abs(x.real) + x.imag) * (1 + self.format.unit), axis=dim, keepdims=True)
            most = np.prod(np.maximum(np.abs(x.real) + x.imag, 1.0), axis=dim, keepdims=True)
            error = top - np.abs(value) + n * self.format.underflow * most
            return self.rounded(value, np.where(most > self.format.largest, inf, error))
        value = np.sum(x.real, axis=dim, keepdims=True)
        error = np.sum(x.imag, axis=dim, keepdims=True)
        size = np.sum(np.abs(np.where(np.isinf(x.real), 0.0, x.real)), axis=dim, keepdims=True) + error
        return self.summed(value, error, size, n)

    def summed(self, value: Array, error: Array, size: Array, n: int) -> Array:
        """A sum of n numbers whose sizes add up to `size`, in any order: (n-1) u Σ|x|, then the rounding of the result."""
        a = self.precision.accumulate
        error = error + np.expm1((n - 1) * np.log1p(a.unit)) * size
        error = np.where(size > a.largest, inf, error)
        if n == 1 or a == self.format:
            return pack(value, np.where((np.abs(value) + error > self.format.largest) & (value != -inf), inf, error))
        return self.rounded(value, error)

    def contract(self, factors: Sequence[tuple[Array, Sequence[int]]], out: Sequence[int]) -> Array | None:
        """The sum over all numbered dimensions but `out` of a product."""
        sizes = {d: s for array, dims in factors for d, s in zip(dims, array.shape, strict=True)}
        over = [s for d, s in sizes.items() if d not in out]
        n = prod(over)
        values = [(np.abs(a.real), dims) for a, dims in factors]
        tops = [(np.abs(a.real) + self._factor_error(a), dims) for a, dims in factors]
        biggest = prod(float(np.max(t, initial=0.0)) for t, _ in tops)
        if not biggest <= (self.precision.accumulate if self.precision.fused else self.format).largest:
            return None
        value = self.floats.contract([(a.real, dims) for a, dims in factors], out)
        size, least = self.floats.contract(tops, out), self.floats.contract(values, out)
        assert value is not None and size is not None and least is not None
        f = self.precision.accumulate if self.precision.fused else self.format
        roundings = (len(factors) - 1) * f.unit + (len(over) - 1) * self.format.unit
        lost = np.maximum(size - least, 0.0) + size * ((1 + roundings) ** 2 - 1) / 2 + size * 2.0**-44
        most = max([1.0, *(float(np.max(t, initial=0.0)) for t, _ in tops)])
        error = lost + n * f.underflow * most ** max(len(factors) - 2, 0)
        return self.summed(value, error, size + error, n)

    def _factor_error(self, x: Array) -> Array:
        narrow = self.precision.factors
        if narrow is None:
            return x.imag
        return x.imag + np.where((x.imag == 0) & narrow.holds(x.real), 0.0, narrow.unit * (np.abs(x.real) + x.imag))

    # --- composites, as Torch's kernels compute them: in float32, rounded once at the end ---

    def along(self, op: str, x: Array, dims: tuple[int, ...]) -> Array:
        """A composite; dimensions that are gone stay with size 1."""
        if op == "relu":
            return self.binary("max", x, pack(np.zeros(1), 0.0))
        if op == "abs":
            return pack(np.abs(x.real), x.imag)
        if not dims:
            return self._pointwise(op, x)
        return self._over_axes(op, x, dims)

    def _pointwise(self, op: str, x: Array) -> Array:
        v, e = x.real, x.imag
        u = FLOAT32.unit
        if op in ("gelu", "gelu_tanh"):
            # oneDNN's own erf and tanh are good to 4u |x| (measured); the slope of either gelu is at most 1.13.
            value = _gelu(v, op == "gelu_tanh")
            return self.rounded(value, np.where(e == 0, 0.0, 1.13 * e) + 8 * u * np.abs(v), 4.0)
        share = self.floats.along("sigmoid", v, ())
        if op in ("sigmoid", "silu"):
            low, high = (self.floats.along("sigmoid", v + s * e, ()) for s in (-1, 1))
            error = np.where(e == 0, 0.0, np.maximum(high - share, share - low) * (1 + 2.0**-40))
            error = error + share * (1 - share) * (KERNEL_EXP + np.abs(v)) * u + 2.0**-126
            if op == "sigmoid":
                return self.rounded(share, error, 4.0)
            value = v * share
            return self.rounded(value, np.abs(v) * error + e * share + e * error + 4.0 * u * np.abs(value), 2.0)
        value = self.floats.along("softplus", v, ())
        # Past 20 Torch returns the argument itself: off by less than 2.1e-9, which is rounding in float32.
        error = e * np.minimum(1.0, share * np.exp(np.minimum(e, 700.0)))
        return self.rounded(value, error + KERNEL_EXP * u * np.minimum(value, 1.0) + 2.0**-126, 4.0)

    def _over_axes(self, op: str, x: Array, dims: tuple[int, ...]) -> Array:
        """The maximum taken out first, with an error of its own that leaves no trace; Torch stores steps in the format."""
        u = self.format.unit
        v, e = x.real, x.imag
        n = prod(x.shape[d] for d in dims)
        top = np.max(v, axis=dims, keepdims=True)
        empty = top == -inf
        off = v - np.where(np.isfinite(top), top, 0.0)
        near = e + u * np.where(off == -inf, 0.0, np.abs(off) + e) * 2
        inside = np.exp(off)
        slack = inside * np.expm1(near) + inside * np.exp(near) * (KERNEL_EXP * FLOAT32.unit + u) + self.format.underflow
        slack = np.where(off == -inf, 0.0, slack)
        total, more = (np.sum(a, axis=dims, keepdims=True) for a in (inside, slack))
        more = more + (total + more) * (n * FLOAT32.unit + u)
        share = np.where(total > more, more / np.where(total > more, total - more, 1.0), inf)
        if op in ("softmax", "softmax_or_zero"):
            below = np.where(total == 0, 1.0, total)
            value = inside / below
            error = (slack + inside * share) / below + slack * share / below
            if op == "softmax_or_zero":
                error = np.where(empty & np.all(e == 0, axis=dims, keepdims=True), 0.0, error)
            else:
                error = np.where(empty, inf, error)
            return self.rounded(value, np.where((off == -inf) & (e == 0) & (error < inf), 0.0, error), 4.0)
        logarithm = np.log(np.where(total == 0, 1.0, total))
        error = np.log1p(share) * (1 + 2.0**-40) + UNITS["log"] * u * (np.abs(logarithm) + share)
        if op == "logsumexp":
            return self.rounded(logarithm + top, np.where(empty, inf, error), 2.0)
        error = np.where(empty, inf, error + near + 2 * u * np.abs(np.where(off == -inf, 0.0, off)))
        below = (off == -inf) & (e == 0)
        return self.rounded(np.where(below, -inf, off - logarithm), np.where(below, 0.0, error), 2.0)
