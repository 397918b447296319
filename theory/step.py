"""A step of a proof: one equation between two terms, and why it holds.  Search writes steps; `verify/` rechecks them.

A step is an instance of a law (its name, what fills its holes and axes, and a witness for each condition) or a computed step
(`schemas.py`).  Steps are ordered: a witness may lean on the equations of earlier steps only.
Never here: how steps are found, or how they are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from commute.theory.axes import Axis
from commute.theory.law import Law
from commute.theory.terms import Term, instantiate


@dataclass(frozen=True)
class Step:
    """`lhs = rhs` by the law or computed step `name`.

    `holes` and `axes` fill the parameters of a law (sorted pairs, so that a step can be hashed); both are empty for a
    computed step.  `witnesses` holds one term for each condition of the law, in its order: a term from which the predicate
    can be read off, equal to the hole by earlier steps (often the hole's own term).
    """

    name: str
    lhs: Term
    rhs: Term
    is_law: bool = False
    holes: tuple[tuple[str, Term], ...] = ()
    axes: tuple[tuple[Axis, Axis], ...] = ()
    witnesses: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return f"{self.lhs} = {self.rhs}   [{self.name}]"

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """All terms that the step names."""
        return (self.lhs, self.rhs, *(t for _, t in self.holes), *self.witnesses)


def law_step(
    law: Law, holes: Mapping[str, Term], axes: Mapping[Axis, Axis] | None = None, witnesses: Mapping[str, Term] | None = None
) -> Step:
    """The step that a law makes of a substitution; conditions are witnessed by the holes themselves where no other is given."""
    axes, witnesses = axes or {}, witnesses or {}
    return Step(
        law.name,
        instantiate(law.lhs, holes, axes),
        instantiate(law.rhs, holes, axes),
        True,
        tuple(sorted(holes.items())),
        tuple(sorted(axes.items(), key=lambda p: p[0].key)),
        tuple(witnesses.get(h, holes[h]) for _, h in law.where),
    )
