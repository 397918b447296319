"""Towers of prime fields p0 > p1 > ..., with p_{l+1} dividing p_l - 1, and arithmetic on whole arrays modulo them.

exp of a value of level l+1 is a power of g_l, an element of order p_{l+1} modulo p_l, so exp(a + b) = exp(a) exp(b) holds
at every level.  One tower serves one draw; a `Field` is one level of all towers, draws in the first dimension.  Primes stay
below 2^50, so that a product is a*b - floor(a*b/p)*p in 64 bits.  Never here: terms.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

TOP_BITS, STEP_BITS = 49, 7
WINDOW = 8
DEEPEST = 4
"""The most primes below the first: how deep exps may nest."""

PATIENCE = 2.0
"""Seconds to look for one tower."""

_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)


def is_prime(n: int) -> bool:
    """Miller and Rabin's test, which these witnesses make exact below 2^64."""
    for p in _WITNESSES:
        if n % p == 0:
            return n == p
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for a in _WITNESSES:
        x = pow(a, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


@dataclass
class Tower:
    """Primes from the top down, a generator for each but the last, and log(2) at each level but the first."""

    primes: list[int]
    generators: list[int]
    log2: list[int]
    roots: list[dict[int, int]] = field(default_factory=list)


def tower(depth: int, square: Sequence[int], with_log2: bool, rng: random.Random) -> Tower:
    """A random tower for exps nested `depth` deep, in which the primes `square` have roots, and g^log(2) = 2."""
    started = time.monotonic()
    while time.monotonic() < started + PATIENCE:
        bits = TOP_BITS - STEP_BITS * depth
        bottom = rng.randrange(2 ** (bits - 1), 2**bits) | 1
        if not is_prime(bottom) or not _has_roots(bottom, square):
            continue
        primes = [bottom]
        while len(primes) <= depth:
            above = _above(primes[0], square, with_log2, rng)
            if above is None:
                break
            primes.insert(0, above)
        if len(primes) == depth + 1:
            return _complete(primes, square, with_log2, rng)
    raise TimeoutError(f"no tower of {depth + 1} primes with roots of {', '.join(map(str, square))} in {PATIENCE:g} s")


@lru_cache(maxsize=64)
def random_towers(depth: int, square: tuple[int, ...], with_log2: bool, count: int, seed: int) -> list[Tower]:
    """Several towers, the same for the same seed: other sizes of one question may use them again."""
    rng = random.Random(seed)
    return [tower(depth, square, with_log2, rng) for _ in range(count)]


def _has_roots(p: int, square: Sequence[int]) -> bool:
    return all(s % p and pow(s, (p - 1) // 2, p) == 1 for s in square)


def _above(q: int, square: Sequence[int], with_log2: bool, rng: random.Random) -> int | None:
    multiples = list(range(2, 2**STEP_BITS, 2))
    rng.shuffle(multiples)
    for k in multiples:
        p = k * q + 1
        if is_prime(p) and _has_roots(p, square) and (not with_log2 or pow(2, q, p) == 1):
            return p
    return None


def _complete(primes: list[int], square: Sequence[int], with_log2: bool, rng: random.Random) -> Tower:
    generators, logs = [], [rng.randrange(1, primes[0])]
    for p, q in zip(primes, primes[1:], strict=False):
        log2 = rng.randrange(1, q)
        g = pow(2, pow(log2, -1, q), p) if with_log2 else 1
        while g == 1:
            g = pow(rng.randrange(2, p), (p - 1) // q, p)
        generators.append(g)
        logs.append(log2)
    return Tower(primes, generators, logs, [{s: square_root(s, p) for s in square} for p in primes])


def square_root(a: int, p: int) -> int:
    """A root of a modulo the prime p (Tonelli and Shanks)."""
    odd, twos = p - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    z = next(z for z in range(2, p) if pow(z, (p - 1) // 2, p) == p - 1)
    m, c, t, r = twos, pow(z, odd, p), pow(a, odd, p), pow(a, (odd + 1) // 2, p)
    while t != 1:
        i, u = 0, t
        while u != 1:
            i, u = i + 1, u * u % p
        b = pow(c, 1 << (m - i - 1), p)
        m, c, t, r = i, b * b % p, t * b * b % p, r * b % p
    return r


class Field:
    """One level of the towers of all draws."""

    def __init__(self, primes: Sequence[int], generators: Sequence[int] | None):
        self.primes = [int(p) for p in primes]
        self.p = np.array(self.primes, dtype=np.int64)
        self.table = None if generators is None else self._powers(generators)

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
        return np.mod(values.astype(np.int64), self.shaped(values.ndim))

    def add(self, a: Array, b: Array) -> Array:
        """a + b"""
        p = self.shaped(max(a.ndim, b.ndim))
        total = a + b
        return np.where(total >= p, total - p, total)

    def sub(self, a: Array, b: Array) -> Array:
        """a - b"""
        p = self.shaped(max(a.ndim, b.ndim))
        rest = a - b
        return np.where(rest < 0, rest + p, rest)

    def mul(self, a: Array, b: Array) -> Array:
        """a * b: the float64 quotient is off by at most 1, and 64-bit arithmetic wraps to the right rest."""
        p = self.shaped(max(a.ndim, b.ndim))
        quotient = np.floor(a.astype(np.float64) * b.astype(np.float64) / p).astype(np.int64)
        rest = a * b - quotient * p
        rest = np.where(rest < 0, rest + p, rest)
        return np.where(rest >= p, rest - p, rest)

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
        """1 / a, and 0 for 0: a to the p - 2."""
        result, square = np.ones_like(a), a
        for bit in range(max(self.primes).bit_length()):
            wanted = ((self.shaped(a.ndim) - 2) >> bit) & 1
            result = np.where(wanted == 1, self.mul(result, square), result)
            square = self.mul(square, square)
        return result

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

    def _powers(self, generators: Sequence[int]) -> Array:
        """table[draw, w, j] = g^(j * 2^(8w))"""
        windows = -(-(TOP_BITS + 1) // WINDOW)
        steps = np.empty((len(self.primes), windows), dtype=np.int64)
        for i, (g, p) in enumerate(zip(generators, self.primes, strict=True)):
            steps[i] = [pow(g, 1 << (WINDOW * w), p) for w in range(windows)]
        table = np.ones((len(self.primes), windows, 1 << WINDOW), dtype=np.int64)
        for j in range(1, 1 << WINDOW):
            table[:, :, j] = self.mul(table[:, :, j - 1], steps)
        return table

    def exp(self, exponent: Array) -> Array:
        """g to the exponents, residues of the next level."""
        assert self.table is not None, "the last level has no exp"
        draws = np.arange(len(self.primes)).reshape(-1, *[1] * (exponent.ndim - 1))
        result = self.table[draws, 0, exponent & 255]
        for w in range(1, self.table.shape[1]):
            digit = (exponent >> (WINDOW * w)) & 255
            if digit.any():
                result = self.mul(result, self.table[draws, w, digit])
        return result

    def dyadic(self, values: Array) -> Array:
        """float64 numbers, each an integer times a power of two, as residues."""
        mantissa, exponent = np.frexp(values)
        whole, shift = np.ldexp(mantissa, 53).astype(np.int64), np.where(values == 0, 0, exponent - 53)
        result = np.empty((len(self.primes), *values.shape[1:]), dtype=np.int64)
        for i, p in enumerate(self.primes):
            row = i if values.shape[0] > 1 else 0
            powers = {int(s): pow(2, int(s), p) for s in np.unique(shift[row])}
            scale = np.vectorize(powers.__getitem__, otypes=[np.int64])(shift[row]) if shift[row].size else shift[row]
            result[i] = Field([p], None).mul(np.mod(whole[row], p)[None], scale[None].astype(np.int64))[0]
        return result

    def scramble(self, values: Array, salt: int) -> Array:
        """A function of residues without any law: a stand-in for one that is not interpreted."""
        with np.errstate(over="ignore"):
            z = values.astype(np.uint64) + np.uint64((salt * 0x9E3779B97F4A7C15) % 2**64)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = z ^ (z >> np.uint64(31))
        return np.mod((z >> np.uint64(1)).astype(np.int64), self.shaped(values.ndim))
