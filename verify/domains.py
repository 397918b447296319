"""Two truths about every value of an exact evaluation: whether it is undefined, and whether any result looks at it.

Both follow `where` lazily, from the exact decisions of an `Engine`.  To add here: another truth that follows the branches.
Never here: residues, judgements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from commute.theory.axes import Axis
from commute.theory.terms import Term
from commute.verify.engine import Engine
from commute.verify.evaluate import aligned, ordered, schedule
from commute.verify.exact_array import ExactArray

Array = np.ndarray[Any, Any]


def undefined(engine: Engine, terms: Sequence[Term]) -> dict[Term, Array]:
    """Where each subterm divides by 0, takes the log of what is <= 0 or the root of what is < 0, or inf - inf arises."""
    found: dict[Term, Array] = {}
    for t in schedule(terms, engine.children, found):
        found[t] = _undefined(engine, t, found)
    return found


def _undefined(engine: Engine, t: Term, found: Mapping[Term, Array]) -> Array:
    free = ordered(t.free)
    if t.op == "reduce":
        # Some index at which some factor is undefined: the same as some factor that is undefined at some index.
        args = [_onto(found[a], ordered(a.free), t.free) for a in engine.children(t)]
    else:
        args = [engine.over(found[a], a, free) for a in t.args]
    if t.op == "where":
        chosen = engine.over(engine.truth(t.args[0]), t.args[0], free)
        return args[0] | np.where(chosen, args[1], args[2])
    result = np.zeros([1] * (1 + len(t.free)), dtype=bool)
    for a in args:
        result = result | a
    sign = engine.choice.get(t)
    if sign is not None and t.op in ("recip", "log", "sqrt"):
        result = result | (sign == 0 if t.op == "recip" else sign <= 0 if t.op == "log" else sign < 0)
    value = engine.values[t]
    if isinstance(value, ExactArray) and not value.finite:
        result = result | np.isnan(value.value) | (value.value == np.inf)
    return result


def looked_at(engine: Engine, terms: Sequence[Term]) -> dict[Term, Array]:
    """Where some result looks at each subterm: a `where` looks at one of its branches only."""
    live: dict[Term, Array] = {}
    for t in terms:
        live[t] = np.ones([1] * (1 + len(t.free)), dtype=bool)
    for t in reversed(schedule(terms, engine.children, {})):
        here = live[t]
        for position, a in enumerate(engine.children(t)):
            seen, axes = here, ordered(t.free)
            if t.op == "where" and position:
                chosen = engine.over(engine.truth(t.args[0]), t.args[0], axes)
                seen = here & (chosen if position == 1 else ~chosen)
            part = _onto(seen, axes, a.free)
            live[a] = live[a] | part if a in live else part
    return live


def _onto(seen: Array, axes: tuple[Axis, ...], free: frozenset[Axis]) -> Array:
    """A truth over `axes` as one over other axes: any of the places that differ in axes that are gone."""
    gone = tuple(1 + i for i, a in enumerate(axes) if a not in free)
    rest = [a for a in axes if a in free]
    kept: Array = np.any(seen, axis=gone, keepdims=False) if gone else seen
    return aligned(kept, rest, ordered(free))
