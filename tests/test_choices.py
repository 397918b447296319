"""Choices taken out of what they stand in, and what a choice owes: two equal terms, and a near miss of each.

To add here: an equation that choices decide, with a neighbour that is false or less defined.  Never here: the e-graph.
"""

import pytest

from commute.proof import prove_cases
from commute.theory.axes import Axis, Size
from commute.theory.index import simplify
from commute.theory.ops import (
    add,
    eq,
    exp,
    indicator,
    land,
    le,
    lnot,
    log,
    lt,
    maximum,
    minimum,
    mod,
    mul,
    recip,
    sqrt,
    sub,
    where,
)
from commute.theory.terms import BOOL, FALSE, INT, NINF, ONE, ZERO, Term, const, index, read, size_value
from commute.verify.certificate import EVERYWHERE

N = Size.symbol("n")
K = Axis(N)
i, n = index(K), size_value(N)
x, y, s = read("x", [i], [N]), read("y", [i], [N]), read("s", (), ())
c, d = read("c", [i], [N], BOOL), read("d", [i], [N], BOOL)
g, h = read("g", [i], [N], INT), read("h", (), (), INT)
flag = indicator(c)


def at(place: Term) -> Term:
    return read("x", [place], [N])


EQUAL = {
    "a truth value as a number and back": (where(lt(ZERO, flag), x, y), where(c, x, y)),
    "its contrary": (where(lt(flag, ONE), x, y), where(c, y, x)),
    "two truth values as a sum": (indicator(lt(const(1), add(flag, indicator(d)))), indicator(land(c, d))),
    "exp of a choice": (exp(where(c, x, y)), where(c, exp(x), exp(y))),
    "exp of a masked choice": (exp(where(c, where(d, x, NINF), y)), where(c, where(d, exp(x), ZERO), exp(y))),
    "exp of a masked maximum": (
        exp(maximum(where(c, x, NINF), where(d, y, NINF))), maximum(where(c, exp(x), ZERO), where(d, exp(y), ZERO))
    ),
    "exp of a maximum that may be real": (exp(maximum(where(c, x, NINF), y)), maximum(where(c, exp(x), ZERO), exp(y))),
    "the smaller exponential": (minimum(exp(x), exp(const(-1))), exp(minimum(x, const(-1)))),
    "where two are equal": (mul(indicator(eq(x, y)), exp(x)), mul(indicator(eq(x, y)), exp(y))),
    "below one": (mul(indicator(lt(i, ONE)), add(i, s)), mul(indicator(eq(i, ZERO)), s)),
    "a number by its root": (mul(mul(x, sqrt(x)), recip(x)), where(eq(x, ZERO), mul(ZERO, recip(x)), sqrt(x))),
    "one over a choice": (recip(where(c, x, y)), where(c, recip(x), recip(y))),
    "a choice of quotients": (where(c, recip(x), recip(y)), recip(where(c, x, y))),
    "a root of a choice, its mask a number": (sqrt(where(c, x, y)), where(lt(ZERO, flag), sqrt(x), sqrt(y))),
    "a logarithm of a choice turned": (where(c, log(x), log(s)), log(where(lnot(c), s, x))),
    "the larger of two integers": (where(lt(g, h), h, g), maximum(h, g)),
    "the smaller of two integers": (where(le(g, h), g, h), minimum(h, g)),
    "a maximum under a quotient": (recip(add(maximum(x, y), minimum(x, y))), recip(add(x, y))),
    "a read by a choice of places": (add(at(where(lt(ZERO, flag), ZERO, ONE)), s), add(where(c, at(ZERO), at(ONE)), s)),
    "three ways to compare": (
        add(add(indicator(lt(x, y)), indicator(lt(y, x))), indicator(eq(mul(const(2), x), mul(const(2), y)))), ONE
    ),
    "multiples of a size": (at(mod(add(mul(n, add(h, const(2))), const(3)), n)), at(mod(const(3), n))),
}

NEARLY = {
    "a truth value as a number and back": (where(le(ZERO, flag), x, y), where(c, x, y)),
    "its contrary": (where(lt(flag, const(2)), x, y), where(c, y, x)),
    "two truth values as a sum": (indicator(lt(ZERO, add(flag, indicator(d)))), indicator(land(c, d))),
    "exp of a choice": (exp(where(c, x, y)), where(c, exp(x), y)),
    "exp of a masked choice": (exp(where(c, where(d, x, NINF), y)), where(c, where(d, exp(x), ONE), exp(y))),
    "exp of a masked maximum": (
        exp(maximum(where(c, x, NINF), where(d, y, NINF))), maximum(where(c, exp(x), ZERO), where(d, exp(y), ONE))
    ),
    "exp of a maximum that may be real": (exp(maximum(where(c, x, NINF), y)), maximum(where(c, exp(x), ONE), exp(y))),
    "the smaller exponential": (minimum(exp(x), exp(const(-1))), exp(maximum(x, const(-1)))),
    "where two are equal": (mul(indicator(le(x, y)), exp(x)), mul(indicator(le(x, y)), exp(y))),
    "below one": (mul(indicator(lt(g, ONE)), add(g, s)), mul(indicator(eq(g, ZERO)), s)),
    "a number by its root": (sqrt(x), mul(x, recip(sqrt(x)))),
    "a quotient that isn't chosen": (where(c, recip(x), ZERO), mul(flag, recip(x))),
    "a quotient that is chosen elsewhere": (where(c, recip(x), ZERO), where(c, recip(x), mul(ZERO, recip(y)))),
    "a quotient of both": (recip(where(c, x, ONE)), add(where(c, recip(x), ONE), mul(ZERO, recip(x)))),
    "a root of the other": (sqrt(where(c, x, y)), add(where(c, sqrt(x), sqrt(y)), mul(ZERO, sqrt(y)))),
    "the condition of another": (where(c, recip(x), ONE), add(where(d, mul(ZERO, recip(x)), ZERO), where(c, recip(x), ONE))),
    "the larger of two integers": (where(lt(g, h), h, g), minimum(h, g)),
    "a maximum under a quotient": (recip(add(maximum(x, y), minimum(x, y))), recip(add(x, x))),
    "three ways to compare": (add(indicator(lt(x, y)), indicator(lt(y, x))), ONE),
    "multiples of a size": (at(mod(add(mul(n, add(h, const(2))), const(3)), n)), at(const(3))),
}

INDEX = {
    "half of a bound": (lt(const(3), mul(const(2), g)), lnot(lt(g, const(2)))),
    "an odd number isn't twice one": (eq(mul(const(2), g), const(3)), FALSE),
    "equal and below": (land(eq(g, h), lt(g, h)), FALSE),
    "equal and not above": (land(eq(g, h), lt(g, add(h, ONE))), eq(g, h)),
}


def proved(a: Term, b: Term) -> bool:
    """Whether one of the normaliser's ways shows the two equal wherever the first is defined."""
    proof = prove_cases([("", [(a, b)])], {}, {}, seconds=10, saturate=False)
    return bool(proof) and proof.where == EVERYWHERE


@pytest.mark.parametrize("name", EQUAL)
def test_choices_go_out(name: str) -> None:
    assert proved(*EQUAL[name])


@pytest.mark.parametrize("name", NEARLY)
def test_what_is_nearly_equal_or_less_defined_is_not_proved(name: str) -> None:
    assert not proved(*NEARLY[name])


@pytest.mark.parametrize("name", INDEX)
def test_comparisons_of_integers_have_one_form(name: str) -> None:
    a, b = INDEX[name]
    assert simplify(a) is simplify(b)


def test_comparisons_of_integers_that_differ_keep_their_forms() -> None:
    assert simplify(lt(const(3), mul(const(2), g))) is not simplify(lt(const(4), mul(const(2), g)))
    assert simplify(eq(mul(const(2), g), const(4))) is not FALSE
    assert simplify(land(eq(g, h), lt(g, sub(h, h)))) is not FALSE
