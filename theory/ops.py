"""Operators: one row each.  Primitives work on numbers; a composite is written in primitives, once, and stays visible by name.

To add a composite: one row in `COMPOSITES`.  To add a primitive: one row in `PRIMITIVES`, its meaning in the evaluators of
`verify/`, and one spelling in each backend.  Never here: how an operator is printed, costed or proved.

Everything is total: recip(0) = 0, log(x <= 0) = 0, sqrt(x < 0) = 0, floordiv and mod by 0 give 0, out-of-range reads 0.
Where an operator is *defined* is a separate question (`facts.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from commute.theory.axes import Axis
from commute.theory.terms import (
    _COMPOSITE_AXES,
    FALSE,
    MINUS_ONE,
    ONE,
    TRUE,
    ZERO,
    Term,
    const,
    named,
    reduce,
    size_value,
)


@dataclass(frozen=True)
class Primitive:
    """A primitive: its name, how many arguments it takes, and how board notation writes it."""

    name: str
    arity: int
    board: str


PRIMITIVES: dict[str, Primitive] = {
    row.name: row
    for row in (
        Primitive("add", 2, "{} + {}"),
        Primitive("mul", 2, "{}·{}"),
        Primitive("recip", 1, "1/{}"),
        Primitive("exp", 1, "exp({})"),
        Primitive("log", 1, "log({})"),
        Primitive("sqrt", 1, "√{}"),
        Primitive("sin", 1, "sin({})"),
        Primitive("cos", 1, "cos({})"),
        Primitive("tanh", 1, "tanh({})"),
        Primitive("erf", 1, "erf({})"),
        Primitive("max", 2, "max({}, {})"),
        Primitive("min", 2, "min({}, {})"),
        Primitive("lt", 2, "{} < {}"),
        Primitive("le", 2, "{} ≤ {}"),
        Primitive("eq", 2, "{} = {}"),
        Primitive("and", 2, "{} ∧ {}"),
        Primitive("or", 2, "{} ∨ {}"),
        Primitive("not", 1, "¬{}"),
        Primitive("where", 3, "where({}, {}, {})"),
        Primitive("floordiv", 2, "{} // {}"),
        Primitive("mod", 2, "{} % {}"),
    )
}

REDUCTIONS = {"sum": "Σ", "max": "Max", "min": "Min", "prod": "Π"}
"""The kinds of reduction and their signs."""


def add(a: Term, b: Term) -> Term:
    """a + b"""
    return Term("add", (a, b))


def mul(a: Term, b: Term) -> Term:
    """a * b"""
    return Term("mul", (a, b))


def neg(a: Term) -> Term:
    """-a, written (-1) * a"""
    return mul(MINUS_ONE, a)


def sub(a: Term, b: Term) -> Term:
    """a - b, written a + (-1) * b"""
    return add(a, neg(b))


def recip(a: Term) -> Term:
    """1 / a, and 0 where a is 0"""
    return Term("recip", (a,))


def div(a: Term, b: Term) -> Term:
    """a / b, written a * (1 / b)"""
    return mul(a, recip(b))


def exp(a: Term) -> Term:
    """e to the a; 0 at minus infinity"""
    return Term("exp", (a,))


def log(a: Term) -> Term:
    """the natural logarithm, and 0 where a <= 0"""
    return Term("log", (a,))


def sqrt(a: Term) -> Term:
    """the square root, and 0 where a < 0"""
    return Term("sqrt", (a,))


def unary(op: str, a: Term) -> Term:
    """A unary primitive by name: sin, cos, tanh, erf, not ..."""
    return Term(op, (a,))


def maximum(a: Term, b: Term) -> Term:
    """the larger of a and b"""
    return Term("max", (a, b))


def minimum(a: Term, b: Term) -> Term:
    """the smaller of a and b"""
    return Term("min", (a, b))


def lt(a: Term, b: Term) -> Term:
    """a < b"""
    return Term("lt", (a, b))


def le(a: Term, b: Term) -> Term:
    """a <= b"""
    return Term("le", (a, b))


def eq(a: Term, b: Term) -> Term:
    """a = b"""
    return Term("eq", (a, b))


def land(a: Term, b: Term) -> Term:
    """a and b"""
    return Term("and", (a, b))


def lor(a: Term, b: Term) -> Term:
    """a or b"""
    return Term("or", (a, b))


def lnot(a: Term) -> Term:
    """not a"""
    return Term("not", (a,))


def where(c: Term, a: Term, b: Term) -> Term:
    """a where c holds, else b; the other branch is not looked at"""
    return Term("where", (c, a, b))


def floordiv(a: Term, b: Term) -> Term:
    """the integer a // b, rounded down"""
    return Term("floordiv", (a, b))


def mod(a: Term, b: Term) -> Term:
    """the integer a - b * (a // b)"""
    return Term("mod", (a, b))


def indicator(c: Term) -> Term:
    """1 where c holds, else 0"""
    return where(c, ONE, ZERO)


def total(axis: Axis, body: Term) -> Term:
    """the sum of body over the axis"""
    return reduce("sum", axis, body)


def mean(axis: Axis, body: Term) -> Term:
    """the mean of body over the axis"""
    return mul(total(axis, body), recip(size_value(axis.size)))


# --- composites ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Composite:
    """A named operator and its definition in primitives.

    `definition(args, attrs)` returns the meaning.  `carries` says of an operator over axes (its attrs) whether the result
    still has them (softmax does, logsumexp doesn't); None where it works number by number.
    """

    name: str
    arity: int
    definition: Callable[[tuple[Term, ...], tuple], Term]
    carries: bool | None = None
    doc: str = ""


HALF = const(Fraction(1, 2))


def _softmax(args: tuple[Term, ...], attrs: tuple) -> Term:
    e = exp(args[0])
    below = e
    for axis in attrs:
        below = total(axis, below)
    return div(e, below)


def _softmax_or_zero(args: tuple[Term, ...], attrs: tuple) -> Term:
    e = exp(args[0])
    below = e
    for axis in attrs:
        below = total(axis, below)
    return mul(e, where(eq(below, ZERO), ZERO, recip(below)))


def _logsumexp(args: tuple[Term, ...], attrs: tuple) -> Term:
    inside = exp(args[0])
    for axis in attrs:
        inside = total(axis, inside)
    return log(inside)


def _sigmoid(x: Term) -> Term:
    return recip(add(ONE, exp(neg(x))))


def _gelu_tanh(x: Term) -> Term:
    cube = mul(x, mul(x, x))
    inner = mul(
        sqrt(div(const(2), named("pi"))), add(x, mul(const(Fraction(44715, 1000000)), cube))
    )
    return mul(mul(HALF, x), add(ONE, unary("tanh", inner)))


COMPOSITES: dict[str, Composite] = {
    row.name: row
    for row in (
        Composite("softmax", 1, _softmax, True, "exp(x) / Σ exp(x) over the axis"),
        Composite("softmax_or_zero", 1, _softmax_or_zero, True, "softmax, and 0 where all of x is -inf: defined there too"),
        Composite("logsumexp", 1, _logsumexp, False, "log Σ exp(x) over the axis"),
        Composite("log_softmax", 1, lambda a, k: sub(a[0], _logsumexp(a, k)), True, "x - log Σ exp(x) over the axis"),
        Composite("sigmoid", 1, lambda a, _: _sigmoid(a[0]), None, "1 / (1 + exp(-x))"),
        Composite("silu", 1, lambda a, _: mul(a[0], _sigmoid(a[0])), None, "x / (1 + exp(-x))"),
        Composite("relu", 1, lambda a, _: maximum(a[0], ZERO), None, "max(x, 0)"),
        Composite("abs", 1, lambda a, _: maximum(a[0], neg(a[0])), None, "max(x, -x)"),
        Composite(
            "gelu",
            1,
            lambda a, _: mul(mul(HALF, a[0]), add(ONE, unary("erf", mul(a[0], sqrt(HALF))))),
            None,
            "x/2 · (1 + erf(x / √2))",
        ),
        Composite(
            "gelu_tanh", 1, lambda a, _: _gelu_tanh(a[0]), None, "x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))"
        ),
        Composite("softplus", 1, lambda a, _: log(add(ONE, exp(a[0]))), None, "log(1 + exp(x)), without a threshold"),
    )
}
_COMPOSITE_AXES.update({c.name: c.carries for c in COMPOSITES.values() if c.carries is not None})


def composite(name: str, *args: Term, axes: tuple[Axis, ...] = ()) -> Term:
    """A composite by name over its arguments; axes where it works along some."""
    return Term(name, args, axes)


def definition(term: Term) -> Term:
    """What a composite means, one level of unfolding.

    >>> from commute.theory.axes import axis
    >>> from commute.theory.terms import index, read
    >>> m = axis("m")
    >>> definition(composite("softmax", read("s", [index(m)], [m.size]), axes=(m,)))
    exp(s[m])·1/(Σ[m] exp(s[m]))
    """
    return COMPOSITES[term.op].definition(term.args, term.attrs)


def truth(value: bool) -> Term:
    """true or false as a term"""
    return TRUE if value else FALSE
