"""Towers of random primes p0 > p1 > ..., with p_{l+1} dividing p_l - 1, and what belongs to them: generators and roots.

exp of a value of level l+1 is a power of g_l, an element of order p_{l+1} modulo p_l, so exp(a + b) = exp(a) exp(b) holds
at every level.  A tower may be asked to have square roots of given primes at every level, and g^log(2) = 2.
To add here: another number that must exist in every prime.  Never here: arrays (`fields.py`), terms.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

TOP_BITS, STEP_BITS = 49, 7
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
