"""Reindexing: whole numbers, floor division and remainders.  To add here: laws of indices.  Never here: laws with an axis."""

from __future__ import annotations

from commute.theory.law import Integer, Sides, law
from commute.theory.ops import add, eq, floordiv, indicator, land, le, lnot, lt, mod, mul
from commute.theory.terms import ONE, ZERO, const


@law(where=("s nonzero",), near=lambda a, s: (add(mul(s, floordiv(a, s)), mod(a, s)), s))
def quotient_and_rest(a: Integer, s: Integer) -> Sides:
    """A number is the divisor times the quotient, plus the rest."""
    return add(mul(s, floordiv(a, s)), mod(a, s)), a


@law(where=("s nonzero",), near=lambda a, b, s: (floordiv(add(mul(s, a), b), s), a))
def quotient_of_multiple(a: Integer, b: Integer, s: Integer) -> Sides:
    """A multiple of the divisor leaves the floor division."""
    return floordiv(add(mul(s, a), b), s), add(a, floordiv(b, s))


@law(uses=("quotient_of_multiple",), where=("s nonzero",), near=lambda a, b, s: (mod(add(mul(s, a), b), s), b))
def rest_of_multiple(a: Integer, b: Integer, s: Integer) -> Sides:
    """A multiple of the divisor doesn't change the rest."""
    return mod(add(mul(s, a), b), s), mod(b, s)


@law(near=lambda a, s: (mod(mod(a, s), s), a))
def rest_of_rest(a: Integer, s: Integer) -> Sides:
    """The rest of a rest is the rest."""
    return mod(mod(a, s), s), mod(a, s)


@law(near=lambda a, s: (floordiv(mod(a, s), s), floordiv(a, s)))
def quotient_of_rest(a: Integer, s: Integer) -> Sides:
    """A rest has the quotient zero."""
    return floordiv(mod(a, s), s), ZERO


@law(near=lambda a: (floordiv(a, const(2)), a))
def quotient_by_one(a: Integer) -> Sides:
    """Division by one changes nothing."""
    return floordiv(a, ONE), a


@law(near=lambda a, b: (indicator(lt(a, b)), indicator(le(a, b))))
def lt_of_whole(a: Integer, b: Integer) -> Sides:
    """Between whole numbers, less is at most one less."""
    return indicator(lt(a, b)), indicator(le(add(a, ONE), b))


@law(near=lambda a, b: (indicator(eq(a, b)), indicator(le(a, b))))
def eq_of_whole(a: Integer, b: Integer) -> Sides:
    """Two whole numbers are equal where neither is less."""
    return indicator(eq(a, b)), indicator(land(lnot(lt(a, b)), lnot(lt(b, a))))


@law(
    where=("s positive",),
    near=lambda a, b, s: (indicator(le(a, floordiv(b, s))), indicator(le(mul(s, a), add(mul(s, floordiv(b, s)), s)))),
)  # fmt: skip
def quotient_at_least(a: Integer, b: Integer, s: Integer) -> Sides:
    """A quotient of at least a says that its multiple is at least s·a."""
    return indicator(le(a, floordiv(b, s))), indicator(le(mul(s, a), mul(s, floordiv(b, s))))


@law(
    where=("s positive",),
    near=lambda a, b, s: (indicator(le(a, floordiv(b, s))), indicator(lt(mul(s, a), mul(s, floordiv(b, s))))),
)  # fmt: skip
def quotient_below_next(a: Integer, b: Integer, s: Integer) -> Sides:
    """A quotient of at least a says that the next multiple is more than s·a."""
    return indicator(le(a, floordiv(b, s))), indicator(lt(mul(s, a), add(mul(s, floordiv(b, s)), s)))


@law(
    uses=("quotient_at_least", "quotient_below_next"), where=("s positive",),
    near=lambda a, b, s: (indicator(lt(mul(s, a), b)), indicator(lt(a, b))),
)  # fmt: skip
def lt_of_multiple(a: Integer, b: Integer, s: Integer) -> Sides:
    """s·a < b says that b - 1 has a quotient of at least a."""
    return indicator(le(mul(s, a), b)), indicator(le(a, floordiv(b, s)))
