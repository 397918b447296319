"""The values of small instances: a term at sizes 1, 2, 3 with drawn arguments, exact where they are rational.

Numbers are fractions; what exp, log, roots and the like make of them are balls of 256 bits that surely hold the value.
A comparison that the balls leave open ends the sample (`Undecided`), so an answer is never a matter of rounding.
To add here: a row for a primitive.  Never here: floating point, or large sizes.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import isqrt

import flint

from commute.theory.axes import Axis
from commute.theory.law import Law, Sides
from commute.theory.ops import COMPOSITES, definition
from commute.theory.terms import BOOL, EXT, INT, Term

BITS = 256
DRAWN = tuple(Fraction(n, 4) for n in (0, 4, -4, 2, -2, 8, -8, 1, 3, 5, -7, 12))
Value = Fraction | bool | flint.arb | None
"""A number, a truth value, a ball, or None: minus infinity."""

_COMBINE = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}
_COMPARE = {"lt": (-1,), "le": (-1, 0), "eq": (0,)}


class Undecided(Exception):
    """A comparison of two balls that overlap."""


@dataclass
class Sample:
    """One assignment: sizes of the size symbols, and the values of all inputs, drawn when they are first read.

    `wanted` maps the name of an input to predicates (positive, nonnegative, nonzero) that its values satisfy.
    """

    sizes: Mapping[str, int]
    random: random.Random
    wanted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    drawn: dict[tuple[str, tuple[int, ...]], Value] = field(default_factory=dict)
    numbers: tuple[Fraction, ...] = DRAWN

    def of(self, term: Term, at: Mapping[Axis, int] | None = None) -> Value:
        """The value of the term at an assignment of its free axes."""
        at = at or {}
        if term.op in COMPOSITES:
            return self.of(definition(term), at)
        if term.op == "input":
            return self._read(term, tuple(int(_exact(self.of(a, at))) for a in term.args))
        if term.op == "reduce":
            kind, axis = term.attrs
            parts = (self.of(term.args[0], {**at, axis: i}) for i in range(axis.size.at(self.sizes)))
            return functools.reduce(_VALUE[_COMBINE[kind]], parts)
        if term.op == "where":
            return self.of(term.args[1 if self.of(term.args[0], at) else 2], at)
        if not term.args:
            return self._leaf(term, at)
        return _VALUE[term.op](*(self.of(a, at) for a in term.args))

    def _leaf(self, term: Term, at: Mapping[Axis, int]) -> Value:
        if term.op == "axis":
            return Fraction(at[term.attrs[0]])
        if term.op == "size":
            return Fraction(self.sizes[term.attrs[0]])
        if term.op == "const":
            return term.attrs[0]
        if term.op == "named":
            return flint.arb.pi() if term.attrs[0] == "pi" else flint.arb(1).exp()
        return {"ninf": None, "true": True, "false": False}[term.op]

    def _read(self, term: Term, place: tuple[int, ...]) -> Value:
        name, sort = term.attrs[:2]
        if (name, place) not in self.drawn:
            self.drawn[name, place] = self._draw(sort, self.wanted.get(name, ()))
        return self.drawn[name, place]

    def _draw(self, sort: str, wanted: tuple[str, ...]) -> Value:
        if sort == BOOL:
            return self.random.random() < 0.5
        if sort == EXT and self.random.random() < 0.25:
            return None
        while True:
            value = Fraction(self.random.randint(-4, 6)) if sort == INT else self.random.choice(self.numbers)
            if all(_HOLDS[p](value) for p in wanted):
                return value


_HOLDS: dict[str, Callable[[Fraction], bool]] = {
    "positive": lambda x: x > 0,
    "nonnegative": lambda x: x >= 0,
    "nonzero": lambda x: x != 0,
}


def _number(value: Value) -> Fraction | flint.arb:
    if value is None:
        raise ValueError("minus infinity where a real number belongs")
    return Fraction(value) if isinstance(value, bool) else value


def _exact(value: Value) -> Fraction:
    if not isinstance(value, Fraction):
        raise ValueError(f"{value} where an exact number belongs")
    return value


def _ball(value: Fraction | flint.arb) -> flint.arb:
    return flint.arb(flint.fmpq(value.numerator, value.denominator)) if isinstance(value, Fraction) else value


def _sign(value: Fraction | flint.arb) -> int:
    if isinstance(value, Fraction):
        return (value > 0) - (value < 0)
    if value > 0 or value < 0:
        return 1 if value > 0 else -1
    if value.is_zero():
        return 0
    raise Undecided


def _minus(a: Fraction | flint.arb, b: Fraction | flint.arb) -> Fraction | flint.arb:
    return a - b if isinstance(a, Fraction) and isinstance(b, Fraction) else _ball(a) - _ball(b)


def _add(a: Value, b: Value) -> Value:
    if a is None or b is None:
        return None
    return a + b if isinstance(a, Fraction) and isinstance(b, Fraction) else _ball(_number(a)) + _ball(_number(b))


def _mul(a: Value, b: Value) -> Value:
    x, y = _number(a), _number(b)
    return x * y if isinstance(x, Fraction) and isinstance(y, Fraction) else _ball(x) * _ball(y)


def _pick(sign: int) -> Callable[[Value, Value], Value]:
    def pick(a: Value, b: Value) -> Value:
        if a is None or b is None:
            return (b if a is None else a) if sign > 0 else None
        return a if _sign(_minus(_number(a), _number(b))) * sign >= 0 else b

    return pick


def _compared(op: str) -> Callable[[Value, Value], bool]:
    return lambda a, b: _sign(_minus(_number(a), _number(b))) in _COMPARE[op]


def _recip(a: Value) -> Value:
    x = _number(a)
    if _sign(x) == 0:
        return Fraction(0)
    return 1 / x


def _exp(a: Value) -> Value:
    if a is None:
        return Fraction(0)
    return Fraction(1) if a == 0 else _ball(_number(a)).exp()


def _log(a: Value) -> Value:
    x = _number(a)
    return Fraction(0) if _sign(x) <= 0 or x == 1 else _ball(x).log()


def _sqrt(a: Value) -> Value:
    x = _number(a)
    if _sign(x) <= 0:
        return Fraction(0)
    if isinstance(x, Fraction):
        top, below = isqrt(x.numerator), isqrt(x.denominator)
        if top * top == x.numerator and below * below == x.denominator:
            return Fraction(top, below)
    return _ball(x).sqrt()


def _odd(name: str) -> Callable[[Value], Value]:
    """sin, tanh, erf, cos by their balls; exact at zero."""
    at_zero = Fraction(1 if name == "cos" else 0)
    return lambda a: at_zero if a == 0 else getattr(_ball(_number(a)), name)()


def _floordiv(a: Value, b: Value) -> Value:
    x, y = _exact(a), _exact(b)
    return Fraction(x // y) if y else Fraction(0)


def _mod(a: Value, b: Value) -> Value:
    x, y = _exact(a), _exact(b)
    return x % y if y else Fraction(0)


_VALUE: dict[str, Callable[..., Value]] = {
    "add": _add, "mul": _mul, "max": _pick(1), "min": _pick(-1), "recip": _recip, "exp": _exp, "log": _log, "sqrt": _sqrt,
    "lt": _compared("lt"), "le": _compared("le"), "eq": _compared("eq"), "floordiv": _floordiv, "mod": _mod,
    "and": lambda a, b: a and b, "or": lambda a, b: a or b, "not": lambda a: not a,
    **{name: _odd(name) for name in ("sin", "cos", "tanh", "erf")},
}  # fmt: skip


def differ(a: Value, b: Value) -> bool:
    """True where the two values surely differ; False where they are equal or their balls meet at a tiny distance."""
    if a is None or b is None:
        return a is not b
    gap = _minus(_number(a), _number(b))
    if isinstance(gap, Fraction):
        return gap != 0
    if 0 not in gap:
        return True
    if gap.rad() > flint.arb(2) ** -64:
        raise Undecided
    return False


def samples(law: Law, count: int, seed: int = 0, numbers: tuple[Fraction, ...] = DRAWN) -> Iterator[Sample]:
    """`count` samples of a law's parameters at each choice of small sizes; its conditions hold in all of them."""
    wanted: dict[str, tuple[str, ...]] = {}
    for predicate, name in law.where:
        wanted[name] = (*wanted.get(name, ()), predicate)
    names = [str(a.size) for a in law.axes]
    for sizes in product((1, 2, 3), repeat=len(names)):
        for i in range(count):
            source = random.Random(f"{law.name} {sizes} {seed + i}")
            yield Sample(dict(zip(names, sizes, strict=True)), source, wanted, numbers=numbers)


def counterexample(law: Law, sides: Sides, count: int) -> Sample | None:
    """A sample at which two sides surely differ, or None; `sides` are closed (holes read as inputs)."""
    with flint.ctx.workprec(BITS):
        for sample in samples(law, count):
            try:
                if differ(sample.of(sides[0]), sample.of(sides[1])):
                    return sample
            except Undecided:
                continue
    return None
