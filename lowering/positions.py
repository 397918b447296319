"""Computed integers as positions on an axis: counted from the front, and seen to be in range.

A position may be a choice (`where(mine, label - start, 0)`, a clamp), each arm of which is in range where it is chosen.
To add here: ways of seeing that an integer is in range.  Never here: reading or writing at it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from commute.lowering.arrays import Array
from commute.lowering.made import choose, replaced
from commute.lowering.registry import Unsupported
from commute.theory.axes import Size
from commute.theory.index import bounds, simplify
from commute.theory.ops import add, le, lnot, lt, sub
from commute.theory.terms import INT, ONE, ZERO, Term, postorder, size_value

Known = tuple[Term, ...]
"""Integer terms that are 0 or more where a position is used."""


def position_of(index: Term, size: Size, known: Known = ()) -> Term:
    """A computed index, counted from the front; Unsupported where it can't be seen to be in range."""
    index = simplify(index)
    inner = next((t for t in postorder(index) if t.op in ("max", "min", "where") and t.sort == INT), None)
    if inner is not None:
        condition, *arms = _arms(inner)
        return _choice(condition, index, tuple(replaced(index, inner, each, {}) for each in arms), size, known)
    last = size_value(size - 1)
    if not _nonnegative(sub(last, index), known):
        raise Unsupported(f"index {index} can't be seen to be in the range of an axis of size {size}")
    if _nonnegative(index, known):
        return index
    wrapped = simplify(add(index, size_value(size)))
    if not _nonnegative(wrapped, known):
        raise Unsupported(f"index {index} can't be seen to be in the range of an axis of size {size}")
    return choose(lt(index, ZERO), lambda: wrapped, lambda: index)


def _choice(condition: Term, index: Term, arms: tuple[Term, ...], size: Size, known: Known) -> Term:
    """The position that one of two arms is, each seen to be in range where the index is that arm."""

    def arm(place: int, said: Term) -> Term:
        facts = (*known, *_said(simplify(said)))
        return position_of(arms[place], size, tuple(replaced(f, index, arms[place], {}) for f in facts))

    return choose(condition, lambda: arm(0, condition), lambda: arm(1, lnot(condition)))


def _arms(choice: Term) -> tuple[Term, Term, Term]:
    """A choice between two integers (max and min are some): the condition, what it is if that holds, what if not."""
    if choice.op == "where":
        condition, first, second = choice.args
        return condition, first, second
    first, second = choice.args
    return le(first, second) if choice.op == "min" else le(second, first), first, second


def by_arms(index: Term, make: Callable[[Term], Term]) -> Term:
    """What is made of an integer, for each of the choices in it."""
    index = simplify(index)
    inner = next((t for t in postorder(index) if t.op in ("max", "min", "where") and t.sort == INT), None)
    if inner is None:
        return make(index)
    condition, first, second = _arms(inner)
    one, other = (replaced(index, inner, each, {}) for each in (first, second))
    return choose(condition, lambda: by_arms(one, make), lambda: by_arms(other, make))


def _choice_in(index: Term) -> Term | None:
    return next((t for t in postorder(index) if t.op == "where" and t.sort == INT), None)


def read_at(array: Array, indices: Sequence[Term]) -> Term:
    """What an array holds at indices of which some may be a choice: the choice between what it holds at their arms."""
    inner = next((t for i in indices if (t := _choice_in(simplify(i))) is not None), None)
    if inner is None:
        return array.at(indices)

    def arm(place: int) -> Term:
        return read_at(array, [replaced(simplify(i), inner, inner.args[place], {}) for i in indices])

    return choose(inner.args[0], lambda: arm(1), lambda: arm(2))


def _said(condition: Term) -> Known:
    """What is 0 or more where a condition holds."""
    if condition.op == "and":
        return _said(condition.args[0]) + _said(condition.args[1])
    if condition.op == "not" and condition.args[0].op == "or":
        left, right = condition.args[0].args
        return _said(simplify(lnot(left))) + _said(simplify(lnot(right)))
    if condition.op == "lt" and all(a.sort == INT for a in condition.args):
        return (sub(condition.args[1], add(condition.args[0], ONE)),)
    return ()


def _nonnegative(term: Term, known: Known) -> bool:
    """Whether an integer is 0 or more by the ranges of what it is made of, or because it exceeds something known."""
    for fact in (ZERO, *known):
        limits = bounds(sub(term, fact))
        if limits is not None and limits[0].provably_nonnegative():
            return True
    return False
