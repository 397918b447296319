"""Arithmetic on whole arrays modulo a prime for each draw: one level of the towers of `primes.py`.

The draws are the first dimension of every array.  Primes stay below 2^49, so a product is a*b - round(a*b/p)*p in wrapping
64 bits: the float64 quotient is off by less than 1/2 before it is rounded.  A sum of products is six float64 matrix products:
residues moved to |r| <= 2^48 are cut into two limbs of 25 bits on the left and three of 17 bits on the right, signed, so
a product of limbs is at most 2^24 * 2^16 and 8192 of them stay within 2^53, where float64 adds integers exactly.
To add here: another operation that keeps to integers.  Never here: terms, shadows, what a value means.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from commute.verify.blas import matmul
from commute.verify.blocks import BLOCK, blocks, part
from commute.verify.primes import TOP_BITS, Tower

Array = np.ndarray[Any, Any]

WINDOW = 11
LEFT, RIGHT = 25, 17
INNER = 1 << 13
"""Bits of a digit of an exponent, of a left and a right limb, and how many products of limbs float64 adds exactly."""


class Field:
    """One level of the towers of all draws; `level` counts from the top."""

    def __init__(self, towers: Sequence[Tower], level: int = 0):
        self.primes = [t.primes[level] for t in towers]
        self.p = np.array(self.primes, dtype=np.int64)
        self.inv = 1.0 / self.p
        self.table: Array | None = None
        if towers and level < len(towers[0].generators):
            keys = [(t.generators[level], t.primes[level], t.primes[level + 1].bit_length()) for t in towers]
            apart = list(dict.fromkeys(keys))
            windows = -(-max(bits for _, _, bits in apart) // WINDOW)
            self.table = np.stack([_table(g, p, windows) for g, p, _ in apart])
            self.which = np.array([apart.index(k) for k in keys], dtype=np.int64)

    def shaped(self, ndim: int) -> Array:
        """The primes, to go with an array of `ndim` dimensions."""
        return self.p.reshape(-1, *[1] * (ndim - 1))

    def scalar(self, values: Sequence[int]) -> Array:
        """One residue for each draw."""
        return np.array([int(v) % p for v, p in zip(values, self.primes, strict=True)], dtype=np.int64)

    def rational(self, numerator: int, denominator: int) -> Array:
        """The same fraction in each draw."""
        return self.scalar([numerator * pow(denominator, -1, p) for p in self.primes])

    def mod(self, values: Array) -> Array:
        """Integers as residues."""
        return np.mod(values.astype(np.int64, copy=False), self.shaped(values.ndim))

    # --- elementwise ---

    def add(self, a: Array, b: Array) -> Array:
        """a + b"""
        total = a + b
        total -= self.shaped(total.ndim)
        return self._lifted(total)

    def sub(self, a: Array, b: Array) -> Array:
        """a - b"""
        return self._lifted(a - b)

    def _lifted(self, rest: Array) -> Array:
        """Numbers above -p as residues, in place."""
        sign = rest >> 63
        sign &= self.shaped(rest.ndim)
        rest += sign
        return rest

    def mul(self, a: Array, b: Array) -> Array:
        """a * b"""
        shape = np.broadcast_shapes(a.shape, b.shape, (len(self.primes), *[1] * (max(a.ndim, b.ndim) - 1)))
        a, b = (x.reshape(*[1] * (len(shape) - x.ndim), *x.shape) for x in (a, b))
        p, inv = self.shaped(len(shape)), self.inv.reshape(-1, *[1] * (len(shape) - 1))
        result = np.empty(shape, dtype=np.int64)
        for block in blocks(shape):
            left, right, q, over = (part(x, block) for x in (a, b, p, inv))
            _product(left, right, q, over, result[block])
        return result

    def power(self, a: Array, exponent: int) -> Array:
        """a to one integer exponent; of a negative one, the inverse (0 stays 0)."""
        if exponent < 0:
            return self.power(self.inverse(a), -exponent)
        result, square = np.ones_like(a), a
        while exponent:
            if exponent & 1:
                result = self.mul(result, square)
            exponent >>= 1
            if exponent:
                square = self.mul(square, square)
        return result

    def inverse(self, a: Array) -> Array:
        """1 / a, and 0 for 0: products of pairs, of pairs of pairs, ..., one inverse for each draw, and the way back."""
        flat = np.where(a == 0, 1, a).reshape(a.shape[0], -1)
        if not flat.shape[1]:
            return a
        levels = [flat]
        while levels[-1].shape[1] > 1:
            top = levels[-1]
            half = top.shape[1] // 2
            levels.append(np.concatenate([self.mul(top[:, :half], top[:, half : 2 * half]), top[:, 2 * half :]], axis=1))
        value = np.array([[pow(int(v), -1, p)] for v, p in zip(levels.pop()[:, 0], self.primes, strict=True)], dtype=np.int64)
        for below in reversed(levels):
            half = below.shape[1] // 2
            left, right = below[:, :half], below[:, half : 2 * half]
            pairs = value[:, :half]
            value = np.concatenate([self.mul(pairs, right), self.mul(pairs, left), value[:, half:]], axis=1)
        return np.where(a == 0, 0, value.reshape(a.shape))

    def exp(self, exponent: Array) -> Array:
        """g to the exponents, residues of the next level."""
        assert self.table is not None, "the last level has no exp"
        ones = [1] * (exponent.ndim - 1)
        base = (self.which * (self.table.shape[1] << WINDOW)).reshape(-1, *ones)
        p, inv = self.shaped(exponent.ndim), self.inv.reshape(-1, *ones)
        result = np.empty(np.broadcast_shapes(exponent.shape, base.shape), dtype=np.int64)
        for block in blocks(result.shape):
            digits, start, q, over = (part(x, block) for x in (exponent, base, p, inv))
            self._exp_block(digits, start, q, over, result[block])
        return result

    def _exp_block(self, exponent: Array, base: Array, p: Array, inv: Array, out: Array) -> None:
        assert self.table is not None
        for w in range(self.table.shape[1]):
            digit = (exponent >> (WINDOW * w)) & ((1 << WINDOW) - 1)
            if w and not digit.any():
                continue
            found = np.take(self.table.reshape(-1), np.broadcast_to(digit + (base + (w << WINDOW)), out.shape))
            if w:
                _product(out.copy(), found, p, inv, out)
            else:
                out[...] = found

    # --- along a dimension ---

    def sum(self, a: Array, dim: int) -> Array:
        """The sum over a dimension, which stays with size 1."""
        while a.shape[dim] > 4096:
            parts = [np.sum(c, axis=dim, keepdims=True) for c in np.array_split(a, -(-a.shape[dim] // 4096), axis=dim)]
            a = self.mod(np.concatenate(parts, axis=dim))
        return self.mod(np.sum(a, axis=dim, keepdims=True))

    def product(self, a: Array, dim: int) -> Array:
        """The product over a dimension, which stays with size 1."""
        while a.shape[dim] > 1:
            half = a.shape[dim] // 2
            left, right, rest = np.split(a, [half, 2 * half], axis=dim)
            a = np.concatenate([self.mul(left, right), rest], axis=dim)
        return a

    def matmul(self, a: Array, b: Array) -> Array:
        """The products of matrices in the last two dimensions, over draws and further dimensions before them."""
        inner = a.shape[-1]
        if inner > INNER:
            cuts = range(0, inner, INNER)
            parts = [self.matmul(a[..., i : i + INNER], b[..., i : i + INNER, :]) for i in cuts]
            return self.sum(np.stack(parts, axis=-1), parts[0].ndim)[..., 0]
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2], (len(self.primes), *[1] * (a.ndim - 3)))
        rows, columns = a.shape[-2], b.shape[-1]
        result = np.empty((*lead, rows, columns), dtype=np.int64)
        p, inv = (x.reshape(-1, *[1] * (a.ndim - 1)) for x in (self.p, self.inv))
        right = [np.empty(np.broadcast_shapes(b.shape, p.shape)) for _ in range(3)]
        for block in blocks(right[0].shape):
            for limb, found in zip(right, _limbs(part(b, block), part(p, block), RIGHT, 3), strict=True):
                limb[block] = found
        for block in blocks((*lead, rows), max(1, BLOCK // max(columns, inner, 1))):
            outer = block[: len(lead)]
            q, over = part(p, outer), part(inv, outer)
            left = _limbs(part(a, block), q, LEFT, 2)
            _matrix_product(left, [part(y, outer) for y in right], q, over, result[block])
        return result

    # --- in and out ---

    def dyadic(self, values: Array) -> Array:
        """float64 numbers, each an integer times a power of two, as residues."""
        mantissa, exponent = np.frexp(values)
        whole = np.ldexp(mantissa, 53).astype(np.int64)
        shift = np.where(values == 0, 0, exponent - 53)
        low, high = (int(shift.min()), int(shift.max())) if shift.size else (0, 0)
        powers = np.array([[pow(2, s, p) for s in range(low, high + 1)] for p in self.primes], dtype=np.int64)
        start = np.arange(len(self.primes)).reshape(-1, *[1] * (values.ndim - 1)) * powers.shape[1]
        return self.mul(self.mod(whole), np.take(powers.reshape(-1), start + (shift - low)))

    def scramble(self, values: Array, salt: int) -> Array:
        """A function of residues without any law: a stand-in for one that is not interpreted."""
        with np.errstate(over="ignore"):
            z = values.astype(np.uint64) + np.uint64((salt * 0x9E3779B97F4A7C15) % 2**64)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = z ^ (z >> np.uint64(31))
        return np.mod((z >> np.uint64(1)).astype(np.int64), self.shaped(values.ndim))


@lru_cache(maxsize=256)
def _table(generator: int, prime: int, windows: int) -> Array:
    """table[w, j] = g^(j * 2^(11w)), each power of two of entries from those before it."""
    field = Field([Tower([prime], [], [])])
    table = np.ones((windows, 1 << WINDOW), dtype=np.int64)
    for bit in range(WINDOW):
        steps = np.array([[pow(generator, 1 << (WINDOW * w + bit), prime)] for w in range(windows)], dtype=np.int64)
        table[:, 1 << bit : 2 << bit] = field.mul(table[None, :, : 1 << bit], steps[None])[0]
    return table


def _product(a: Array, b: Array, p: Array, inv: Array, out: Array) -> None:
    quotient = a.astype(np.float64)
    quotient = quotient * b.astype(np.float64)
    quotient *= inv
    np.rint(quotient, out=quotient)
    np.multiply(a, b, out=out)
    wrapped = quotient.astype(np.int64)
    wrapped *= p
    out -= wrapped
    np.right_shift(out, 63, out=wrapped)
    wrapped &= p
    out += wrapped


def _limbs(a: Array, p: Array, bits: int, count: int) -> list[Array]:
    """Float64 limbs, the lowest first, with a = sum of limb_i * 2^(bits*i) modulo p, each at most 2^(bits-1) in size."""
    rest = np.where(a > (p >> 1), a - p, a).astype(np.float64)
    limbs = []
    for _ in range(count - 1):
        high = np.rint(rest * 2.0**-bits)
        limbs.append(rest - high * 2.0**bits)
        rest = high
    return [*limbs, rest]


def _matrix_product(left: list[Array], right: list[Array], p: Array, inv: Array, out: Array) -> None:
    halves = []
    for x in left:
        total: Any = None
        for y in reversed(right):
            total = _joined(total, RIGHT, matmul(x, y), p, inv)
        halves.append(total)
    rest = _joined(halves[1], LEFT, halves[0], p, inv)
    np.right_shift(rest, 63, out=out)
    out &= p
    out += rest


def _joined(high: Array | None, bits: int, low: Array, p: Array, inv: Array) -> Array:
    """high * 2^bits + low modulo p, at most p in size; low holds integers, in float64 or not."""
    top = high.astype(np.float64) * 2.0**bits + low if high is not None else low
    quotient = np.rint(top * inv).astype(np.int64)
    quotient *= p
    rest = low.astype(np.int64)
    if high is not None:
        rest += high << bits  # wraps, as the product with p below does: the rest is small again
    rest -= quotient
    return rest


assert TOP_BITS <= 49, "the bounds of this file hold for primes below 2^49"
