"""Index arithmetic changes no value: random index terms and comparisons, simplified and not, at every index."""

import random
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from commute.theory.axes import Axis, Size
from commute.theory.index import bounds, simplify
from commute.theory.ops import add, eq, floordiv, land, le, lnot, lor, lt, maximum, minimum, mod, mul, where
from commute.theory.terms import BOOL, Term, const, index, size_value
from commute.verify.evaluate import evaluate

W, N = Size.symbol("w"), Size.symbol("n")
AXES = [Axis(Size(4)), Axis(W), Axis(2 * W), Axis(N)]
DIVISORS = [Size(2), Size(3), W, 2 * W]


def integer(draw: random.Random, depth: int) -> Term:
    """A random index term."""
    if depth == 0 or draw.random() < 0.1:
        leaf = draw.choice([index(draw.choice(AXES)), const(draw.randint(-3, 3)), size_value(draw.choice(DIVISORS))])
        return leaf
    make: Callable[..., Term] = draw.choice([add, add, add, mul, floordiv, mod, floordiv, mod, maximum, minimum, where])
    if make in (floordiv, mod):
        return make(integer(draw, depth - 1), size_value(draw.choice(DIVISORS)))
    if make is mul:
        return mul(integer(draw, depth - 1), size_value(draw.choice([*DIVISORS, Size(-1)])))
    if make is where:
        return where(condition(draw, depth - 1), integer(draw, depth - 1), integer(draw, depth - 1))
    return make(integer(draw, depth - 1), integer(draw, depth - 1))


def condition(draw: random.Random, depth: int) -> Term:
    """A random truth value."""
    if depth > 1 and draw.random() < 0.3:
        return draw.choice([land, lor])(condition(draw, depth - 1), lnot(condition(draw, depth - 1)))
    return draw.choice([lt, le, eq])(integer(draw, depth), integer(draw, depth))


@pytest.mark.parametrize("seed", range(300))
def test_simplify_changes_no_value(seed: int) -> None:
    draw = random.Random(seed)
    term = condition(draw, 3) if seed % 3 == 0 else integer(draw, 4)
    simple = simplify(term)
    limits = bounds(simple) if simple.sort != BOOL else None
    for w, n in product((1, 2, 3), (1, 4)):
        sizes = {"w": w, "n": n}
        before, after = evaluate([term, simple], sizes, {}, AXES)
        np.testing.assert_array_equal(before, after)
        if limits:
            assert limits[0].at(sizes) <= after.min() and after.max() <= limits[1].at(sizes)


def test_a_quotient_is_not_its_remainder() -> None:
    i = index(Axis(Size(4)))
    assert simplify(mod(floordiv(i, const(2)), const(2))) is simplify(floordiv(i, const(2)))
