"""Matching: what fills the parameters of a law so that one of its sides becomes a given term.

Syntactic, with no arithmetic: `x + y` matches sums only.  An axis of the law stands for any axis of the term; whether
the instance is allowed (axes distinct, nothing captured) is `Law.instance`'s to say.
To add here: nothing but matching.  Never here: search, or side conditions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from commute.theory.axes import Axis
from commute.theory.terms import Term, instantiate


@dataclass
class Filling:
    """What the holes and axes of a law stand for."""

    holes: dict[str, Term] = field(default_factory=dict)
    axes: dict[Axis, Axis] = field(default_factory=dict)


def match(pattern: Term, term: Term) -> Filling | None:
    """The filling that makes `pattern` the `term`, or None.

    >>> from commute.theory.ops import add, exp
    >>> from commute.theory.terms import hole, read
    >>> found = match(exp(add(hole("x"), hole("y"))), exp(add(read("a", [], []), read("b", [], []))))
    >>> found.holes if found else None
    {'x': a, 'y': b}
    """
    filling = Filling()
    if not _match(pattern, term, filling):
        return None
    return filling if instantiate(pattern, filling.holes, filling.axes) is term else None


def _match(pattern: Term, term: Term, filling: Filling) -> bool:
    if pattern.op == "hole":
        return filling.holes.setdefault(pattern.attrs[0], term) is term
    if pattern.op == "size":
        return True  # known only when all axes are: the last line of `match` looks
    if pattern.op != term.op or len(pattern.attrs) != len(term.attrs) or len(pattern.args) != len(term.args):
        return False
    for mine, its in zip(pattern.attrs, term.attrs, strict=True):
        if isinstance(mine, Axis) and isinstance(its, Axis):
            if filling.axes.setdefault(mine, its) != its:
                return False
        elif mine != its:
            return False
    return all(_match(p, t, filling) for p, t in zip(pattern.args, term.args, strict=True))
