"""Maxima in one order: the law steps that bring nested maxima into one sorted list without repetitions.

Brackets and order of maxima cost a handful of steps here instead of an explosion in the e-graph.  To add here: the same for
another operation with such laws.  Never here: an order that depends on anything but the terms.
"""

from __future__ import annotations

from collections.abc import Iterator

from commute.theory.facts import Facts
from commute.theory.law import find_law
from commute.theory.ops import maximum
from commute.theory.step import Step, law_step
from commute.theory.terms import Term

LEAVES = 24
"""Maxima of more parts stay as they are."""


def arranged(term: Term, facts: Facts) -> Iterator[Step]:
    """Steps from nested maxima to the maxima of the sorted parts, nested to the right."""
    parts = _parts(term)
    if 2 <= len(parts) <= LEAVES and all(facts.extended(p) for p in parts):
        steps: list[Step] = []
        _sort(term, steps)
        yield from steps


def _parts(term: Term) -> list[Term]:
    found, stack = [], [term]
    while stack and len(found) <= LEAVES:
        top = stack.pop()
        if top.op == "max":
            stack.extend(top.args)
        else:
            found.append(top)
    return found


def _law(name: str, steps: list[Step], **holes: Term) -> None:
    steps.append(law_step(find_law(name), holes))


def _sort(term: Term, steps: list[Step]) -> Term:
    """The sorted writing; every intermediate equation is appended, congruence does the rest."""
    if term.op != "max":
        return term
    return _merge(_sort(term.args[0], steps), _sort(term.args[1], steps), steps)


def _split(term: Term) -> tuple[Term, Term | None]:
    return (term.args[0], term.args[1]) if term.op == "max" else (term, None)


def _merge(left: Term, right: Term, steps: list[Step]) -> Term:
    """max(left, right) of two sorted writings as one."""
    (x, more), (y, _) = _split(left), _split(right)
    if y.digest < x.digest:
        _law("max_commutes", steps, x=left, y=right)
        return _merge(right, left, steps)
    if more is not None:
        _law("max_associates", steps, x=x, y=more, z=right)
        tail = _merge(more, right, steps)
    else:
        tail = right
    head, after = _split(tail)
    if head is not x:
        return maximum(x, tail)
    if after is None:
        _law("max_idempotent", steps, x=x)
        return x
    _law("max_associates", steps, x=x, y=x, z=after)
    _law("max_idempotent", steps, x=x)
    return maximum(x, after)
