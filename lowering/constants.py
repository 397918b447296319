"""What a floating-point constant means: the number that its author wrote, not the nearest binary fraction.

A Python float is its shortest decimal where that is short (0.1 is 1/10); otherwise the simplest of p/q, sqrt(p/q) and a
named real times a rational that lies within one unit in its last place (0.3333333333333333 is 1/3, 0.11180339887498948 is
1/sqrt(80), 1.4426950408889634 is 1/log 2).  Guesses are marked, so that a verdict can list them.
To add here: named reals.  Never here: arithmetic on terms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

import numpy as np

from commute.theory.ops import log, mul, recip, sqrt
from commute.theory.terms import Term, const, named

SHORT, SHORT_SINGLE = 7, 6
"""A decimal of at most so many digits is always read as it stands; the second for a float32."""

LARGEST_DENOMINATOR, LARGEST_SINGLE = 4096, 128
"""The greatest denominators of a guessed fraction: a float32 has 24 bits, so a longer one would fit by chance."""


PLACES = 10**9
"""What is left of 1 is read as a decimal of nine places, and so is the square of a root."""

FEW_STEPS = 8
"""How many units in its last place a number may be off that came from a few operations; no two short fractions lie so close."""


@dataclass(frozen=True)
class Reading:
    """A constant, what it is read as, and the plain decimal that it could be read as instead."""

    value: float
    term: Term
    plain: Term

    @property
    def guessed(self) -> bool:
        """Whether the reading is more than the decimal that Python prints."""
        return self.term is not self.plain

    def __str__(self) -> str:
        return f"{self.value!r} is read as {self.term}"


_PI = named("pi")
_NAMED: tuple[tuple[float, Term], ...] = (
    (math.pi, _PI),
    (1 / math.pi, recip(_PI)),
    (math.sqrt(math.pi), sqrt(_PI)),
    (1 / math.sqrt(math.pi), recip(sqrt(_PI))),
    (math.sqrt(2 / math.pi), sqrt(mul(const(2), recip(_PI)))),
    (math.sqrt(math.pi / 2), sqrt(mul(const(Fraction(1, 2)), _PI))),
    (math.sqrt(2 * math.pi), sqrt(mul(const(2), _PI))),
    (1 / math.sqrt(2 * math.pi), recip(sqrt(mul(const(2), _PI)))),
    (math.log(2), log(const(2))),
    (1 / math.log(2), recip(log(const(2)))),
    (math.log(10), log(const(10))),
    (1 / math.log(10), recip(log(const(10)))),
    (math.log(2) / math.log(10), mul(log(const(2)), recip(log(const(10))))),
    (math.log(10) / math.log(2), mul(log(const(10)), recip(log(const(2))))),
    (math.log(2 * math.pi), log(mul(const(2), _PI))),
    (math.log(math.pi), log(_PI)),
    (math.e, named("e")),
)


@lru_cache(maxsize=4096)
def read_float(value: float, single: bool = False) -> Reading:
    """The reading of a finite float; `single` where it was a float32 before.

    >>> read_float(0.1).term, read_float(80**-0.5).term, read_float(0.1 + 0.2).term, read_float(1 - 0.9).term
    (1/10, 1/√80, 3/10, 1/10)
    """
    text = str(np.float32(value)) if single else repr(value)
    decimal = Fraction(Decimal(text))
    plain = const(decimal)
    digits = len(Decimal(text).normalize().as_tuple().digits)
    if digits <= (SHORT_SINGLE if single else SHORT) or value == int(value):
        return Reading(value, plain, plain)
    step = float(np.spacing(np.float32(abs(value)))) if single else math.ulp(value)
    largest = LARGEST_SINGLE if single else LARGEST_DENOMINATOR
    found = [*_rational(value, step, largest), *_root(value, step, largest), *_multiple(value, step)]
    if not found and not single:
        found += [*_rational(value, FEW_STEPS * step, largest), *_rest_of_one(value), *_root_of_decimal(value, step)]
    return Reading(value, min(found, key=lambda f: f[0])[1] if found else plain, plain)


def _near(candidate: float, value: float, step: float) -> bool:
    return abs(candidate - value) <= 1.01 * step


def _cost(value: Fraction) -> float:
    return abs(value.numerator) + value.denominator


def _rational(value: float, step: float, largest: int) -> Iterator[tuple[float, Term]]:
    guess = Fraction(value).limit_denominator(largest)
    if guess and abs(guess.numerator) <= largest**2 and _near(float(guess), value, step):
        yield _cost(guess), const(guess)


def _rest_of_one(value: float) -> Iterator[tuple[float, Term]]:
    """1 - 0.9 arrives as 0.09999999999999998: a short decimal up to the rounding of what it was subtracted from."""
    guess = Fraction(round(value * PLACES), PLACES)
    if guess and abs(value) < 1 and abs(Fraction(value) - guess) <= Fraction(1, 2**53):
        yield _cost(guess), const(guess)


def _root_of_decimal(value: float, step: float) -> Iterator[tuple[float, Term]]:
    """The root of a short decimal, which may itself be what was left of 1."""
    guess = Fraction(round(value * value * PLACES), PLACES)
    if value > 0 and PLACES * guess > 10**5 and abs(Fraction(value) ** 2 - guess) <= Fraction(1, 2**51):
        yield _cost(guess), sqrt(const(guess))


def _root(value: float, step: float, largest: int) -> Iterator[tuple[float, Term]]:
    square = Fraction(value * value).limit_denominator(largest)
    if not square or square.numerator > largest**2:
        return
    if _near(math.copysign(math.sqrt(square), value), value, step):
        root = recip(sqrt(const(square.denominator))) if square.numerator == 1 else sqrt(const(square))
        yield 1 + _cost(square), root if value > 0 else mul(const(-1), root)


def _multiple(value: float, step: float) -> Iterator[tuple[float, Term]]:
    """A named real times the simplest rational that fits."""
    for place, (real, term) in enumerate(_NAMED):
        factor = Fraction(value / real).limit_denominator(64)
        if factor and abs(factor.numerator) <= 64 and _near(float(factor) * real, value, 2 * step):
            yield 2 + place / 100 + _cost(factor), term if factor == 1 else mul(const(factor), term)
