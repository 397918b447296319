"""A short run of the e-graph against itself, and of what it must catch: a law that is wrong."""

from __future__ import annotations

import random

from commute.egraph.rules import default_laws
from commute.theory.law import Real, law
from commute.theory.ops import mul, sqrt
from commute.theory.terms import index, read
from tests.fuzz_classes import Source, Tally, check_source, hunt
from tests.fuzz_terms import AXES, N
from tests.fuzz_truth import drawn


def test_the_members_of_a_class_have_one_value() -> None:
    tally = hunt(200, seed=100, corpus=False)
    assert not tally.wrong, tally.wrong[0]
    assert tally.floats > 500 and tally.exact > 100, "too little was compared for this to say anything"


def test_a_wrong_law_is_caught() -> None:
    @law(family="user")
    def root_of_a_square(x: Real):
        """Wrong for negative numbers."""
        return sqrt(mul(x, x)), x

    x = read("x", (index(AXES[0]),), (N,))
    r, tally = random.Random(1), Tally()
    draws = [({"n": 3, "m": 2}, drawn(r, {"n": 3, "m": 2}, {"x": 1}))]
    check_source(Source([(sqrt(mul(x, x)), mul(x, x))], {}, draws), tally, 0, [*default_laws(), root_of_a_square])
    assert tally.wrong and "√" in tally.wrong[0]
