"""Where a reduction's body is its unit whatever the inputs are: which blocks of a masked reduction may be skipped.

Skipping is a decision of the plan, not of the term (SOUNDNESS 7): the reduction still ranges over the whole axis.
To add here: a way to see that a body vanishes.  Never here: costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from commute.egraph.forms import Forms, Node
from commute.theory.axes import Axis
from commute.theory.terms import NINF, ONE, ZERO, Term, postorder

_MONOTONE = {"axis", "size", "const", "add", "mul", "max", "min", "floordiv"}
"""Operators by which an index goes into a mask of blocks; a mask that reads data is known only as it runs."""

SAMPLES = 96
"""So many indices of each axis are looked at to measure the share of a mask."""


def empty_where(forms: Forms, node: Mapping[int, Node], reduction: int) -> list[Term]:
    """Conditions on indices under each of which the body of a reduction is its unit."""
    own = node[reduction]
    if own.op == "con":
        return [t for a in own.args for t in _is(ZERO, forms, node, a)]
    return _is(NINF, forms, node, own.args[0]) if own.attrs[0] == "max" else []


def common_empty(forms: Forms, node: Mapping[int, Node], reductions: Sequence[int]) -> list[Term]:
    """Conditions under each of which the bodies of all the reductions are their units."""
    empty = [empty_where(forms, node, c) for c in reductions]
    return [t for t in (empty[0] if empty else []) if all(t in e for e in empty)]


def _is(value: Term, forms: Forms, node: Mapping[int, Node], c: int) -> list[Term]:
    """Conditions under each of which class c is zero, or minus infinity."""
    own = node.get(c)
    if own is None:
        return []
    if own.op == "leaf":
        t = own.attrs[0]
        return _opposite(t) if t.op == "where" and t.args[1:] == (ONE, ZERO) and value is ZERO else []
    if own.op == "where":
        test = forms.term[forms.find(own.args[0])]
        branches = [forms.term[forms.find(a)] for a in own.args[1:]]
        return [test] if branches[0] is value else [Term("not", (test,))] if branches[1] is value else []
    if own.op == "exp" and value is ZERO:
        return _is(NINF, forms, node, own.args[0])
    if (own.op == "con" and value is ZERO and not own.bound) or (own.op == "sum" and value is NINF):
        return [t for a in own.args for t in _is(value, forms, node, a)]
    return []


def _opposite(t: Term) -> list[Term]:
    return [t.args[0].args[0] if t.args[0].op == "not" else Term("not", (t.args[0],))]


def share_left(conditions: list[Term], full: Mapping[Axis, int], tile: Mapping[Axis, int]) -> float:
    """The share of blocks (`tile` indices of each axis) in which no condition holds throughout; 1 where that can't be seen."""
    share = 1.0
    for condition in conditions:
        axes = sorted(condition.free, key=lambda a: a.key)
        if not axes or len(axes) > 3:
            continue
        ends = [_ends(full[a], tile.get(a, 1)) for a in axes]
        firsts = np.meshgrid(*[e[0] for e in ends], indexing="ij")
        lasts = np.meshgrid(*[e[1] for e in ends], indexing="ij")
        held = [_throughout(case, axes, firsts, lasts, full) for case in cases_of(condition)]
        empty = [h for h in held if h is not None]
        if empty:
            share = min(share, 1.0 - float(np.mean(np.logical_or.reduce(empty))))
    return share


def _throughout(
    case: Term, axes: list[Axis], firsts: Sequence[np.ndarray], lasts: Sequence[np.ndarray], full: Mapping[Axis, int]
) -> np.ndarray | None:
    """On which blocks a condition that is monotone in each index holds: at all corners; None if that is unknown."""
    whole: np.ndarray | None = None
    for corner in range(2 ** len(axes)):
        at = {a: (lasts if corner >> i & 1 else firsts)[i] for i, a in enumerate(axes)}
        value = _truth(case, at, full)
        if value is None:
            return None
        whole = value if whole is None else whole & value
    return whole


def cases_of(condition: Term, negated: bool = False) -> list[Term]:
    """Conditions of which each alone suffices, and holds on a block where it holds at the corners; not(a = b) does not."""
    if condition.op == "not":
        return cases_of(condition.args[0], not negated)
    if condition.op in ("and", "or"):
        left, right = (cases_of(a, negated) for a in condition.args)
        if (condition.op == "or") != negated:
            return [*left, *right]
        return [Term("and", (a, b)) for a in left for b in right]
    if condition.op in ("lt", "le") and all(t.op in _MONOTONE for t in postorder(*condition.args)):
        return [Term("not", (condition,)) if negated else condition]
    return []


def _ends(size: int, tile: int) -> tuple[np.ndarray, np.ndarray]:
    starts = np.arange(0, size, max(1, tile))
    if len(starts) > SAMPLES:
        starts = starts[np.linspace(0, len(starts) - 1, SAMPLES).astype(int)]
    return starts, np.minimum(starts + max(1, tile), size) - 1


_OPS: dict[str, Callable[..., np.ndarray]] = {
    "add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum, "floordiv": np.floor_divide, "mod": np.mod,
    "lt": np.less, "le": np.less_equal, "eq": np.equal, "and": np.logical_and, "or": np.logical_or, "not": np.logical_not,
}  # fmt: skip


def _truth(t: Term, at: Mapping[Axis, np.ndarray], full: Mapping[Axis, int]) -> np.ndarray | None:
    """A term of indices at given indices, or None where it depends on anything else."""
    if t.op == "axis":
        return at[t.attrs[0]]
    if t.op == "const":
        return np.asarray(float(t.attrs[0]))
    if t.op == "size":
        sizes = {next(iter(a.size.symbols)): n for a, n in full.items() if str(a.size).isidentifier()}
        return np.asarray(float(sizes[t.attrs[0]])) if t.attrs[0] in sizes else None
    if t.op not in _OPS:
        return None
    args = [_truth(a, at, full) for a in t.args]
    return None if any(a is None for a in args) else _OPS[t.op](*args)
