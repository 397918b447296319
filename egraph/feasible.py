"""Whether linear inequalities can hold together, and the combination that shows that they can't (Farkas).

Fourier-Motzkin elimination over fractions; a monomial that isn't a number counts as an unknown.  To add here: elimination.
Never here: terms, steps of a proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from commute.theory.polynomial import UNIT, Monomial, Poly, monomial_key, plus

_MOST_ROWS = 150

Combined = tuple[Poly, dict[int, Fraction], dict[int, Fraction]]
"""A form, and the combination of the given positive forms and of the given zero forms that it is."""


def conflict(positive: Sequence[Poly], zero: Sequence[Poly]) -> tuple[dict[int, Fraction], dict[int, Fraction]] | None:
    """Numbers c > 0 for some positive forms and d for forms that are zero with c·positive + d·zero a number <= 0; or None.

    None is no claim that the forms can hold together: the search is cut short where it would take long.
    """
    strict: list[Combined] = [(p, {i: Fraction(1)}, {}) for i, p in enumerate(positive)]
    equal: list[Combined] = [(q, {}, {j: Fraction(1)}) for j, q in enumerate(zero)]
    while True:
        for form, used, level in strict:
            if set(form) <= {UNIT} and form.get(UNIT, 0) <= 0:
                return used, level
        unknown = min((m for form, _, _ in strict for m in form if m != UNIT), key=monomial_key, default=None)
        if unknown is None:
            return None
        strict, equal = _without(unknown, strict, equal)
        if len(strict) > _MOST_ROWS:
            return None


def _without(unknown: Monomial, strict: list[Combined], equal: list[Combined]) -> tuple[list[Combined], list[Combined]]:
    """The forms that follow and don't have the unknown."""
    pivot = next((row for row in equal if unknown in row[0]), None)
    if pivot is not None:

        def freed(row: Combined) -> Combined:
            return _sum(row, Fraction(1), pivot, -row[0].get(unknown, Fraction(0)) / pivot[0][unknown])

        return [freed(row) for row in strict], [freed(row) for row in equal if row is not pivot]
    kept = [row for row in strict if unknown not in row[0]]
    above = [row for row in strict if row[0].get(unknown, 0) > 0]
    below = [row for row in strict if row[0].get(unknown, 0) < 0]
    return kept + [_sum(a, -b[0][unknown], b, a[0][unknown]) for a in above for b in below], equal


def _sum(one: Combined, factor: Fraction, other: Combined, share: Fraction) -> Combined:
    """factor·one + share·other, with what they are made of."""
    form = plus(plus({}, one[0], factor), other[0], share)
    return form, _mixed(one[1], factor, other[1], share), _mixed(one[2], factor, other[2], share)


def _mixed(one: dict[int, Fraction], factor: Fraction, other: dict[int, Fraction], share: Fraction) -> dict[int, Fraction]:
    total = {k: c * factor for k, c in one.items()}
    for k, c in other.items():
        total[k] = total.get(k, Fraction(0)) + c * share
    return {k: c for k, c in total.items() if c}
