"""What Z3 says of lifted programs at numbers for all sizes: equal for all values there, or inputs at which they differ.

Where a size is any, a few small rows are tried, and only a difference counts.
To add here: which sizes Z3 is asked at.  Never here: how a term is written out (verify/bounded.py), or a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from commute.proof import deep_recursion
from commute.theory.terms import Term
from commute.verify.bounded import OPEN, UNEQUAL, VERSION, Outcome, decide
from commute.verify.inputs import size_rows

BY = f"for all values, by Z3 {VERSION} without a certificate"
ROWS = 2
SEARCHING = 1.5
"""Seconds where some size is any, so that only a difference can come out."""


@dataclass(frozen=True)
class Solved:
    """`equal` on all paths at the only sizes there are, or a `hint`: path, sizes and inputs of a difference; or neither."""

    equal: bool = False
    hint: tuple[Any, Any, Any] | None = None
    reason: str = ""


def solve(paths: Sequence[Any], assume: Mapping[str, Any], seconds: float) -> Solved:
    """Ask Z3 about every path of two lifted programs."""
    deadline = monotonic() + (min(seconds, SEARCHING) if any(path.symbols for path in paths) else seconds)
    for path in paths:
        first, second = path.programs
        wholes = [(a.whole, b.whole) for a, b in zip(first.outputs, second.outputs, strict=True)]
        terms = [a.term for a, _ in wholes], [b.term for _, b in wholes], [a.axes for a, _ in wholes]
        for sizes in _rows(path):
            found = _decided(path, *terms, sizes, assume, deadline - monotonic())
            if found.kind == UNEQUAL:
                return Solved(hint=(path, sizes, dict(found.inputs)))
            if found.kind == OPEN:
                return Solved(reason=found.reason)
    if any(path.symbols for path in paths):
        return Solved(reason="the sizes are not all numbers")
    return Solved(equal=True)


def compared(
    path: Any, reference: list[Term], candidate: list[Term], axes: list[Any], seconds: float, assume: Mapping[str, Any]
) -> Outcome:
    """What Z3 says of terms on a path without size symbols; `kind` is equal where they are."""
    return _decided(path, reference, candidate, axes, {}, assume, seconds) if not path.symbols else Outcome(OPEN)


def _decided(
    path: Any, reference: list[Term], candidate: list[Term], axes: list[Any], sizes: Any, assume: Any, seconds: float
) -> Outcome:
    with deep_recursion():
        return decide(reference, candidate, axes, path.inputs, sizes, assume=assume, seconds=seconds)


def _rows(path: Any) -> list[dict[str, int]]:
    """The sizes to ask at: the only ones, or a few small ones."""
    if not path.symbols:
        return [{}]
    rows = size_rows(path.symbols, path.inputs, constraints=path.holds, count=4)
    return sorted(rows, key=lambda row: sum(row.values()))[:ROWS]

