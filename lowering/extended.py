"""Arithmetic of terms in which minus infinity may occur literally, and operands of operators on numbers.

max(-inf, x) = x, -inf + x = -inf, exp(-inf) = 0; a product that would make +inf or NaN is unsupported.
To add here: a rule for a literal -inf.  Never here: a Torch operator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from commute.lowering.arrays import Array, pointwise
from commute.lowering.made import choose, filled
from commute.lowering.registry import Unsupported
from commute.lowering.torch_args import numeric
from commute.theory import ops
from commute.theory.axes import Size
from commute.theory.ops import log, where
from commute.theory.terms import (
    EXT,
    FALSE,
    INT,
    MINUS_ONE,
    NINF,
    ONE,
    REAL,
    TRUE,
    ZERO,
    Term,
    const,
)

# --- terms, with -inf folded -----------------------------------------------------------------------------------------


def plus(a: Term, b: Term) -> Term:
    """a + b, where a literal -inf absorbs and a literal 0 leaves no trace."""
    if NINF in (a, b):
        return NINF
    if a.op == "const" and b.op == "const":
        return const(a.attrs[0] + b.attrs[0])
    return b if a is ZERO else a if b is ZERO else ops.add(a, b)


def times(a: Term, b: Term) -> Term:
    """a * b; -inf times a positive number is -inf, times anything else Unsupported."""
    if a.op == "const" and b.op == "const":
        return const(a.attrs[0] * b.attrs[0])
    if a is ONE or b is ONE:
        return b if a is ONE else a
    for x, y in ((a, b), (b, a)):
        if x is NINF:
            if positive(y):
                return NINF
            raise Unsupported("-inf times a number that isn't known to be positive")
        if x.op == "where" and NINF in x.args[1:] and positive(y):
            return where(x.args[0], *(times(arm, y) for arm in x.args[1:]))
    return ops.mul(a, b)


def positive(term: Term) -> bool:
    """Whether a term is plainly > 0: made of positive numbers and sizes."""
    if term.op == "const":
        return term.attrs[0] > 0
    if term.op in ("size", "exp"):
        return term.op == "size" or not term.sort == EXT
    return term.op in ("mul", "recip", "sqrt", "add") and all(map(positive, term.args))


def minus(a: Term, b: Term) -> Term:
    """a - b"""
    return plus(a, times(MINUS_ONE, b))


def exponential(a: Term) -> Term:
    """e to the a, 0 at a literal -inf"""
    return ZERO if a is NINF else ONE if a is ZERO else ops.exp(a)


def logarithm(a: Term) -> Term:
    """log a; of a selection of 0 and 1 it is a selection of -inf and 0"""
    if a is ZERO or a is ONE:
        return NINF if a is ZERO else ZERO
    if a.op == "where" and all(x.op == "const" for x in a.args[1:]):
        return where(a.args[0], logarithm(a.args[1]), logarithm(a.args[2]))
    return log(a)


def greater(a: Term, b: Term) -> Term:
    """max(a, b), of which -inf is the unit"""
    if a is NINF or b is NINF:
        return b if a is NINF else a
    return a if a is b else ops.maximum(a, b)


def smaller(a: Term, b: Term) -> Term:
    """min(a, b)"""
    return NINF if NINF in (a, b) else a if a is b else ops.minimum(a, b)


def is_ninf(a: Term) -> Term:
    """Whether a is -inf."""
    if a is NINF or a.sort != EXT:
        return TRUE if a is NINF else FALSE
    if a.op == "where":
        return choose(a.args[0], lambda: is_ninf(a.args[1]), lambda: is_ninf(a.args[2]))
    raise Unsupported(f"whether {a} is -inf")


# --- operands --------------------------------------------------------------------------------------------------------


def operand(trace: Any, value: Any) -> Array:
    """A number or an array as an array of numbers."""
    if isinstance(value, Array):
        return numeric(value)
    if isinstance(value, bool | int | Size):
        return filled((), trace.number(value), INT)
    return filled((), trace.number(value), REAL)


def combined(trace: Any, make: Callable[..., Term], *values: Any, sort: str | None = None) -> Array:
    """`make` of broadcast operands, number by number."""
    return pointwise(make, *(operand(trace, v) for v in values), sort=sort)


def one(trace: Any, make: Callable[[Term], Term], value: Any, sort: str = REAL) -> Array:
    """`make` of every number, as reals."""
    return combined(trace, make, value, sort=sort)
