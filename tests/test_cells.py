"""Equality cell by cell: lattices of maxima, clips and medians, near misses, and combinations that show a conflict.

To add here: a pair that needs the sign of one form to follow from others.  Never here: labelled pairs (corpus/).
"""

import random
from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

import commute
from commute.egraph.feasible import conflict
from commute.theory.axes import axis
from commute.theory.polynomial import UNIT, Poly, plus
from commute.theory.terms import index, read

Row = Float[Tensor, "n"]
lo, hi = torch.minimum, torch.maximum


def sorted_middle(a: Row, b: Row, c: Row) -> Row:
    return hi(lo(a, b), lo(hi(a, b), c))


def middle_by_where(a: Row, b: Row, c: Row) -> Row:
    return torch.where(a < b, torch.where(b < c, b, hi(a, c)), torch.where(a < c, a, hi(b, c)))


def middle_with_a_slip(a: Row, b: Row, c: Row) -> Row:
    return torch.where(a < b, torch.where(b < c, b, hi(a, c)), torch.where(a < c, a, lo(b, c)))


def clipped(x: Row, a: Row, w: Row) -> Row:
    return lo(hi(x, a), a + w.abs())


def clipped_in_other_order(x: Row, a: Row, w: Row) -> Row:
    return hi(lo(x, a + w.abs()), a)


def clipped_to_any_sign(x: Row, a: Row, w: Row) -> Row:
    return hi(lo(x, a + w), a)


PAIRS = [
    ("median by where", sorted_middle, middle_by_where, True),
    ("median with a slip", sorted_middle, middle_with_a_slip, False),
    ("clip in the other order", clipped, clipped_in_other_order, True),
    ("clip to an interval that may be empty", clipped, clipped_to_any_sign, False),
]


@pytest.mark.parametrize(("name", "reference", "candidate", "equal"), PAIRS, ids=[p[0] for p in PAIRS])
def test_signs_that_follow_from_others(
    name: str, reference: Callable[..., Tensor], candidate: Callable[..., Tensor], equal: bool
) -> None:
    verdict = commute.prove(reference, candidate, timeout=20.0)
    assert verdict.kind == ("PROVED" if equal else "REFUTED"), str(verdict)


# --- conflicts -------------------------------------------------------------------------------------------------------

UNKNOWNS = [((read(name, [index(axis("n"))], [axis("n").size]), 1),) for name in "abc"]


def form(source: random.Random, constant: bool) -> Poly:
    """A random linear form with small whole coefficients."""
    keys = [*UNKNOWNS, UNIT] if constant else UNKNOWNS
    return {k: Fraction(c) for k in keys if (c := source.randint(-2, 2))}


def at(linear: Poly, point: dict[tuple, Fraction]) -> Fraction:
    return sum((c * point.get(m, Fraction(1)) for m, c in linear.items()), Fraction(0))


def test_a_conflict_is_a_combination_that_is_no_positive_number() -> None:
    found = met = 0
    for seed in range(200):
        source = random.Random(seed)
        positive = [form(source, seed % 2 == 0) for _ in range(4)]
        zero = [form(source, seed % 2 == 0) for _ in range(source.randint(0, 2))]
        answer = conflict(positive, zero)
        points = [{m: Fraction(source.randint(-6, 6), 2) for m in UNKNOWNS} for _ in range(100)]
        inside = any(all(at(p, x) > 0 for p in positive) and all(at(q, x) == 0 for q in zero) for x in points)
        met += inside
        if answer is None:
            continue
        found += 1
        total: Poly = {}
        for forms, factors in zip((positive, zero), answer, strict=True):
            for i, c in factors.items():
                total = plus(total, forms[i], c)
        assert not inside and set(total) <= {UNIT} and total.get(UNIT, 0) <= 0
        assert answer[0] and all(c > 0 for c in answer[0].values())
    assert found > 25 and met > 25
