"""Many-digit evaluation: terms over Arb balls of 400 bits, so that a difference (or its absence) is more than rounding.

A ball holds the true value; what can't be decided raises or becomes UNKNOWN, never a guess.  Used to confirm refutations,
and for CHECKED where fields don't serve.  To add here: one row for an operator.  Never here: random inputs, Torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq

from commute.theory.axes import Axis
from commute.theory.terms import Term
from commute.verify.evaluate import Unsupported, ordered, read_all, spread
from commute.verify.unroll import BudgetExceeded

Array = np.ndarray[Any, Any]
Inputs = Mapping[str, Array]

BITS = 400
LIMIT = 60_000
"""The most balls in one array: each costs about a microsecond for every operation."""


class Undecided(Exception):
    """Two balls overlap, so that a comparison can't be decided."""


class Marker:
    """A value that is no number, and what it makes of everything computed from it."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return self.name


UNDEFINED, UNKNOWN = Marker("undefined"), Marker("unknown")


def _through(function: Callable[..., Any]) -> Callable[..., Any]:
    def go(*args: Any) -> Any:
        for a in args:
            if a is UNKNOWN:
                return a
        for a in args:
            if a is UNDEFINED:
                return a
        result = function(*args)
        return UNKNOWN if isinstance(result, arb) and result.is_nan() else result

    return go


def _elementwise(function: Callable[..., Any], arity: int) -> Any:
    return np.frompyfunc(_through(function), arity, 1)


def _compare(op: str) -> Callable[[Any, Any], bool]:
    def go(x: Any, y: Any) -> bool:
        if isinstance(x, Marker) or isinstance(y, Marker):
            raise Undecided("a comparison of an undefined value")
        if x < y:
            return op != "eq"
        if y < x:
            return False
        if x == y:
            return op != "lt"
        if op == "le" and x <= y:
            return True
        raise Undecided(f"{op} of two values that agree to {BITS // 2} bits")

    return go


def _floordiv(x: arb, y: arb) -> Any:
    whole = (x / y).floor().unique_fmpz()
    return UNKNOWN if whole is None else arb(whole)


_BINARY: dict[str, Any] = {
    "add": _elementwise(lambda x, y: x + y, 2),
    "mul": _elementwise(lambda x, y: x * y, 2),
    "max": _elementwise(lambda x, y: x.max(y), 2),
    "min": _elementwise(lambda x, y: x.min(y), 2),
    "floordiv": _elementwise(lambda x, y: arb(0) if y.is_zero() else _floordiv(x, y), 2),
    "mod": _elementwise(lambda x, y: arb(0) if y.is_zero() else _through(lambda q: x - y * q)(_floordiv(x, y)), 2),
}
_KINDS = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}
_UNARY = {name: _elementwise(getattr(arb, name), 1) for name in ("exp", "sin", "cos", "tanh", "erf")}
_COMPARE = {op: np.frompyfunc(_compare(op), 2, 1) for op in ("lt", "le", "eq")}


class Balls:
    """Arb balls in object arrays; undefined values are 0, or UNDEFINED where `strict`."""

    direct: frozenset[str] = frozenset()

    def __init__(self, strict: bool = False):
        outside: Any = UNDEFINED if strict else arb(0)

        def recip(x: arb) -> Any:
            return outside if x.is_zero() else (UNKNOWN if x.contains(0) else 1 / x)

        def log(x: arb) -> Any:
            return outside if x <= 0 else (x.log() if x > 0 else UNKNOWN)

        def sqrt(x: arb) -> Any:
            return outside if x < 0 else (x.sqrt() if x >= 0 else UNKNOWN)

        self.partial = {"recip": _elementwise(recip, 1), "log": _elementwise(log, 1), "sqrt": _elementwise(sqrt, 1)}

    def lift(self, values: Array) -> Array:
        """Integers and truth values as balls."""
        return np.asarray(np.frompyfunc(lambda v: arb(int(v)), 1, 1)(values), dtype=object)

    def const(self, value: Fraction) -> Array:
        """A rational number."""
        return _single(arb(fmpq(value.numerator, value.denominator)))

    def named(self, name: str) -> Array:
        """pi or e."""
        return _single(arb.pi() if name == "pi" else arb(1).exp())

    def ninf(self) -> Array:
        """Minus infinity."""
        return _single(arb.neg_inf())

    def unary(self, op: str, x: Array) -> Array:
        """One operator of one argument."""
        table = self.partial if op in self.partial else _UNARY
        if op not in table:
            raise Unsupported(op)
        return table[op](x)

    def binary(self, op: str, x: Array, y: Array) -> Array:
        """One operator of two arguments."""
        return _BINARY[op](x, y)

    def compare(self, op: str, x: Array, y: Array) -> Array:
        """lt, le or eq; Undecided where balls overlap."""
        return np.asarray(_COMPARE[op](x, y), dtype=bool)

    def select(self, c: Array, x: Array, y: Array) -> Array:
        """x where c holds, else y."""
        return np.where(c, x, y)

    def reduce(self, kind: str, x: Array, dim: int) -> Array:
        """Sum, max, min or prod over a dimension, which stays with size 1."""
        return np.asarray(_BINARY[_KINDS[kind]].reduce(x, axis=dim, keepdims=True), dtype=object)

    def along(self, op: str, x: Array, dims: tuple[int, ...]) -> Array:
        """No composite is evaluated but by its definition."""
        raise Unsupported(op)

    def contract(self, factors: Sequence[tuple[Array, Sequence[int]]], out: Sequence[int]) -> Array | None:
        """Products are multiplied out."""
        return None


def _single(value: Any) -> Array:
    result = np.empty((), dtype=object)
    result[()] = value
    return result


@contextmanager
def precision(bits: int = BITS) -> Iterator[None]:
    """Arb's working precision, and back."""
    before = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = before


def balls(
    terms: Sequence[Term], sizes: Mapping[str, int], inputs: Inputs, axes: Sequence[Axis], *, strict: bool = False
) -> list[Array]:
    """The values of terms as balls over `axes`; raises Undecided, BudgetExceeded or Unsupported."""
    with precision():
        exact = {n: _leading(np.asarray(v)) for n, v in inputs.items()}
        reading = read_all(terms, sizes, exact, Balls(strict), LIMIT)
        domain = Balls()
        values = [v if v.dtype == object else domain.lift(v) for v in (reading[t] for t in terms)]
        return [spread(v, t.free, axes, sizes).reshape(_shape(axes, sizes)) for v, t in zip(values, terms, strict=True)]


def _shape(axes: Sequence[Axis], sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(a.size.at(sizes) for a in axes)


def _leading(values: Array) -> Array:
    if values.dtype.kind in "ib":
        return values[None]
    return np.asarray(np.frompyfunc(_exact, 1, 1)(values), dtype=object)[None]


def _exact(value: Any) -> Any:
    return arb(fmpq(value.numerator, value.denominator)) if isinstance(value, Fraction) else arb(float(value))


def confirm_difference(reference: Term, candidate: Term, sizes: Mapping[str, int], inputs: Inputs) -> bool | None:
    """True: the two surely differ where both are defined; False: their balls overlap everywhere; None: can't say."""
    pairs = _pairs(reference, candidate, sizes, inputs)
    if pairs is None:
        return None
    numbers = [(x, y) for x, y in pairs if isinstance(x, arb) and isinstance(y, arb)]
    with precision():
        if any(x.is_finite() and y.is_finite() and not x.overlaps(y) for x, y in numbers):
            return True
    return None if any(UNKNOWN in pair for pair in pairs) else False


def confirm_undefined(reference: Term, candidate: Term, sizes: Mapping[str, int], inputs: Inputs) -> bool | None:
    """True: the candidate is undefined at some element where the reference is a number; False: nowhere; None: can't say."""
    pairs = _pairs(reference, candidate, sizes, inputs)
    if pairs is None:
        return None
    if any(isinstance(x, arb) and x.is_finite() and y is UNDEFINED for x, y in pairs):
        return True
    return None if any(UNKNOWN in pair for pair in pairs) else False


def _pairs(
    reference: Term, candidate: Term, sizes: Mapping[str, int], inputs: Inputs
) -> list[tuple[Any, Any]] | None:
    try:
        left, right = balls((reference, candidate), sizes, inputs, ordered(reference.free | candidate.free), strict=True)
    except (Undecided, BudgetExceeded, Unsupported):
        return None
    return list(zip(left.flat, right.flat, strict=True))
