"""On which blocks of indices a mask holds throughout, so that a chunk may be skipped: what backends print as a test.

A condition is a union of intersections of half-spaces of indices; on a block it surely holds if every half-space of one
intersection holds at the block's worst corner.  To add here: a shape of mask.  Never here: a guess; what isn't seen to hold
everywhere on a block isn't skipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from commute.theory.axes import Axis, Size
from commute.theory.terms import Term


@dataclass(frozen=True)
class Halfspace:
    """Where `Σ slope · index + rest` is below 0."""

    slopes: tuple[tuple[Axis, int], ...]
    rest: Size

    @property
    def axes(self) -> frozenset[Axis]:
        """The axes that it depends on."""
        return frozenset(a for a, _ in self.slopes)

    def __str__(self) -> str:
        return " + ".join([*(f"{s}*{a.name}" for a, s in self.slopes), f"{self.rest} < 0"])


@dataclass(frozen=True)
class Condition:
    """Where all half-spaces of one of the `cases` hold."""

    cases: tuple[tuple[Halfspace, ...], ...]

    def __str__(self) -> str:
        return " or ".join(" and ".join(map(str, case)) for case in self.cases)


def condition(term: Term, negated: bool = False) -> tuple[tuple[Halfspace, ...], ...]:
    """The cases in which a truth value of indices is surely true (or false); none where that can't be seen."""
    if term.op == "not":
        return condition(term.args[0], not negated)
    if term.op in ("and", "or"):
        left, right = (condition(a, negated) for a in term.args)
        if (term.op == "or") != negated:
            return (*left, *right)
        return tuple((*a, *b) for a in left for b in right)
    if term.op in ("lt", "le"):
        sides = [affine(a) for a in term.args]
        if sides[0] is None or sides[1] is None:
            return ()
        (low, high), strict = (sides if not negated else sides[::-1]), (term.op == "lt") != negated
        assert low is not None and high is not None
        slopes = {a: low[0].get(a, 0) - high[0].get(a, 0) for a in {*low[0], *high[0]}}
        ordered = tuple((a, s) for a, s in sorted(slopes.items(), key=lambda p: p[0].key) if s)
        return ((Halfspace(ordered, low[1] - high[1] - (0 if strict else 1)),),)
    return ()


def affine(term: Term) -> tuple[Mapping[Axis, int], Size] | None:
    """An index as slopes of axes and a rest, or None where it isn't affine."""
    if term.op == "axis":
        return {term.attrs[0]: 1}, Size(0)
    if term.op == "const" and term.attrs[0].denominator == 1:
        return {}, Size(int(term.attrs[0]))
    if term.op == "size":
        return {}, Size.symbol(term.attrs[0])
    if term.op not in ("add", "mul"):
        return None
    parts = [affine(a) for a in term.args]
    if any(p is None for p in parts):
        return None
    (left, right) = (p for p in parts if p is not None)
    if term.op == "add":
        return {a: left[0].get(a, 0) + right[0].get(a, 0) for a in {*left[0], *right[0]}}, left[1] + right[1]
    if left[0] and right[0]:
        return None
    (slopes, rest), (_, by) = (left, right) if left[0] else (right, left)
    if not slopes:
        return {}, rest * by
    return ({a: s * by.constant for a, s in slopes.items()}, rest * by) if by.constant is not None else None


def strides(term: Term) -> Mapping[Axis, Size] | None:
    """An index as sizes times axes, without a rest, or None where it isn't that."""
    if term.op == "axis":
        return {term.attrs[0]: Size(1)}
    if term.op == "add":
        left, right = (strides(a) for a in term.args)
        if left is None or right is None or set(left) & set(right):
            return None
        return {**left, **right}
    if term.op == "mul":
        for by, of in (term.args, term.args[::-1]):
            number, slopes = affine(by), strides(of)
            if number is not None and not number[0] and slopes is not None:
                return {a: s * number[1] for a, s in slopes.items()}
        return None
    return {} if affine(term) == ({}, Size(0)) else None
