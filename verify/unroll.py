"""Folds at concrete sizes: each becomes its steps written out, so that evaluators need not know of states.

To add here: other ways of making a term concrete (composites opened by their definitions).  The result has the same
meaning at the given sizes only.  Never here: arithmetic, or anything that holds for all sizes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from commute.theory.folds import parts_of, put_states
from commute.theory.ops import COMPOSITES, definition
from commute.theory.terms import Term, const, postorder, rebuild, substitute


class BudgetExceeded(Exception):
    """An evaluation would need more elements or steps than it may have."""


def unroll(terms: Sequence[Term], sizes: Mapping[str, int], limit: int = 20000) -> list[Term]:
    """The terms without folds, each fold written out over its axis at `sizes`; BudgetExceeded past `limit` steps."""
    memo: dict[Term, Term] = {}
    steps_left = limit
    for t in postorder(*terms):
        node = rebuild(t, tuple(memo[a] for a in t.args))
        if t.op == "fold":
            steps_left -= t.attrs[0].size.at(sizes) * len(t.attrs[1])
            if steps_left < 0:
                raise BudgetExceeded(f"a fold over {t.attrs[0]} takes more than {limit} steps")
            node = _steps(node, t.attrs[0].size.at(sizes))
        memo[t] = node
    return [memo[t] for t in terms]


def opened(terms: Sequence[Term]) -> list[Term]:
    """The terms with every composite replaced by its definition, down to primitives."""
    memo: dict[Term, Term] = {}

    def open_one(term: Term) -> Term:
        for t in postorder(term):
            if t not in memo:
                node = rebuild(t, tuple(memo[a] for a in t.args))
                memo[t] = open_one(definition(node)) if node.op in COMPOSITES else node
        return memo[term]

    return [open_one(t) for t in terms]


def _steps(fold: Term, count: int) -> Term:
    axis, names, part = fold.attrs
    current, steps = parts_of(fold)
    for i in range(count):
        values = dict(zip(names, current, strict=True))
        current = tuple(put_states(substitute(s, {axis: const(i)}), values) for s in steps)
    return current[part]
