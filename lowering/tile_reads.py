"""What the steps of a tile program read: the names of arrays, and the sizes that must be known.

To add here: a question about steps that several backends ask.  Never here: how a step is built or spelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from commute.lowering.tile import Compute, Leaf, Loop, Moved, Step, Value, operands_of
from commute.theory.terms import Term, postorder


def steps_of(body: Iterable[Compute | Loop]) -> list[Step]:
    """All steps, those of loops too."""
    return [s for b in body for s in (b.steps if isinstance(b, Loop) else (b,))]


def leaves_of(body: Iterable[Compute | Loop]) -> list[Term]:
    """The terms that are read."""
    return [o.term for s in steps_of(body) for o in operands_of(s) if isinstance(o, Leaf)]


def arrays_read(body: Iterable[Compute | Loop]) -> tuple[str, ...]:
    """The names of the arrays that are read, in order of their names."""
    return tuple(sorted({t.attrs[0] for leaf in leaves_of(body) for t in postorder(leaf) if t.op == "input"}))


def live(body: Sequence[Compute | Loop], kept: Iterable[Value]) -> list[Compute | Loop]:
    """The steps without those outside of loops whose values nobody reads; `kept` are the values that are stored."""
    needed = set(kept)
    result: list[Compute | Loop] = []
    for step in reversed(body):
        if isinstance(step, Compute) and step.target not in needed:
            continue
        result.append(step)
        for s in steps_of([step]):
            needed |= {o.value if isinstance(o, Moved) else o for o in operands_of(s) if isinstance(o, Value | Moved)}
    return result[::-1]
