"""Products of many factors as diagrams show them: two arrays that meet in a cup, with the other factors on one of the two.

A diagram has no brackets: which two of several factors are multiplied first is a choice of the painter.
To add here: a better choice.  Never here: a law (the product is the same), symbols or places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from itertools import combinations

from commute.theory.axes import Axis
from commute.theory.ops import mul
from commute.theory.terms import Term


def factors(t: Term) -> list[Term]:
    """The factors of a product, in the order in which they are written; a square is one factor."""
    found, stack = [], [t]
    while stack:
        part = stack.pop()
        if part.op == "mul" and part.args[0] is not part.args[1]:
            stack.extend(reversed(part.args))
        else:
            found.append(part)
    return found


def paired(axes: Iterable[Axis], body: Term, aside: Callable[[Term], bool]) -> tuple[Term, Term] | None:
    """Two sides whose product is the body and that meet in a cup over some of the axes, or None.

    A factor that is `aside` (a number, a mask, a divisor) is never a side of its own.
    """
    parts, summed = factors(body), frozenset(axes)
    if len(parts) < 3:
        return None
    best: tuple[int, int, int] | None = None
    for i, j in combinations(range(len(parts)), 2):
        a, b = parts[i].free, parts[j].free
        rest = [p for k, p in enumerate(parts) if k not in (i, j)]
        fits = not aside(parts[i]) and not aside(parts[j]) and a & b & summed and a - b and b - a
        if fits and all(p.free <= a or p.free <= b for p in rest):
            best = max(best or (0, 0, 0), (len(a | b), -i, -j), key=lambda key: key[0])
    if best is None:
        return None
    left, right = [parts[-best[1]]], [parts[-best[2]]]
    for k, part in enumerate(parts):
        if k not in (-best[1], -best[2]):
            (left if part.free <= left[0].free else right).append(part)
    return reduce(mul, left), reduce(mul, right)
