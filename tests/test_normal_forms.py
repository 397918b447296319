"""What the normaliser alone joins: masked values, quotients by any divisor, reads at computed places, products over axes.

To add here: two terms that have one normal form, and a near miss that must not be proved.  Never here: the e-graph.
"""

import pytest

from commute.proof import prove_cases
from commute.theory.axes import Axis, Size
from commute.theory.ops import (
    add,
    eq,
    exp,
    floordiv,
    indicator,
    land,
    le,
    lnot,
    log,
    lor,
    lt,
    maximum,
    minimum,
    mod,
    mul,
    recip,
    where,
)
from commute.theory.terms import BOOL, INT, NINF, ONE, ZERO, Term, const, index, read, reduce
from commute.verify.certificate import EVERYWHERE

N, M = Size.symbol("n"), Size.symbol("m")
K, J = Axis(N), Axis(M)
i = index(K)
x, y, s = read("x", [i], [N]), read("y", [i], [N]), read("s", (), ())
z = read("z", [i, index(J)], [N, M])
c, d = read("c", [i], [N], BOOL), read("d", [i], [N], BOOL)
g, h = read("g", [i], [N], INT), read("h", (), (), INT)


def top(t: Term) -> Term:
    return reduce("max", K, t)


def at(place: Term) -> Term:
    return read("x", [place], [N])


EQUAL = {
    "a mask and its complement": (maximum(top(where(c, x, NINF)), top(where(lnot(c), x, NINF))), top(x)),
    "a cut": (maximum(top(where(lt(i, h), x, NINF)), top(where(le(h, i), x, NINF))), top(x)),
    "a masked copy": (maximum(where(c, x, NINF), x), x),
    "one mask twice": (top(where(c, where(c, x, y), NINF)), top(where(c, x, NINF))),
    "masks in another order": (top(where(land(c, d), x, NINF)), top(where(d, where(c, x, NINF), NINF))),
    "a mask of either": (top(where(lor(c, d), x, NINF)), top(where(lnot(land(lnot(c), lnot(d))), x, NINF))),
    "a mask turned": (top(where(lnot(c), NINF, x)), top(where(c, x, NINF))),
    "a masked minimum": (top(minimum(where(c, x, NINF), y)), top(where(c, minimum(y, x), NINF))),
    "a rest by any divisor": (floordiv(mod(g, h), h), ZERO),
    "a rest of a rest": (mod(mod(g, h), h), mod(g, h)),
    "a read where a number says": (at(indicator(lt(ZERO, exp(s)))), at(ONE)),
    "a read at a maximum": (at(add(maximum(g, h), minimum(g, h))), at(add(g, h))),
    "exponentials compared": (indicator(lt(exp(x), exp(y))), indicator(lt(x, y))),
    "more reciprocals than factors": (mul(mul(x, recip(x)), recip(x)), recip(x)),
    "a factor that is never 0": (indicator(eq(mul(exp(s), x), ZERO)), indicator(eq(x, ZERO))),
    "products in another order": (reduce("prod", K, reduce("prod", J, z)), reduce("prod", J, reduce("prod", K, z))),
    "a logarithm of a number": (log(const(6)), add(log(const(2)), log(const(3)))),
    "a minimum takes in a maximum": (minimum(x, maximum(x, y)), x),
}
DIFFERENT = {
    "two masks that leave a gap": (maximum(top(where(c, x, NINF)), top(where(d, x, NINF))), top(x)),
    "a cut that misses its place": (maximum(top(where(lt(i, h), x, NINF)), top(where(lt(h, i), x, NINF))), top(x)),
    "the other branch": (top(where(c, where(d, x, y), NINF)), top(where(c, x, NINF))),
    "a mask of both": (top(where(land(c, d), x, NINF)), top(where(lor(c, d), x, NINF))),
    "a mask turned once": (top(where(lnot(c), x, NINF)), top(where(c, x, NINF))),
    "a minimum that loses its mask": (top(minimum(where(c, x, NINF), y)), top(minimum(x, y))),
    "a rest by another divisor": (floordiv(mod(g, h), add(h, ONE)), ONE),
    "x over x is 0 at 0": (mul(x, recip(x)), ONE),
    "a factor that may be 0": (indicator(eq(mul(s, x), ZERO)), indicator(eq(x, ZERO))),
    "a sum under a product": (reduce("prod", K, add(x, y)), add(reduce("prod", K, x), reduce("prod", K, y))),
    "a minimum of two others": (minimum(x, maximum(s, y)), x),
}


def proved(pair: tuple[Term, Term]) -> bool:
    return bool(prove_cases([("", [pair])], {}, {}, seconds=5.0, saturate=False).certificate)


@pytest.mark.parametrize("pair", EQUAL.values(), ids=EQUAL)
def test_one_normal_form(pair: tuple[Term, Term]) -> None:
    assert proved(pair)


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_a_near_miss_is_not_proved(pair: tuple[Term, Term]) -> None:
    first, second = pair
    proof = prove_cases([("", [pair])], {}, {}, seconds=2.0, saturate=False)
    assert proof.certificate is None or proof.where != EVERYWHERE, f"{first} = {second}"
