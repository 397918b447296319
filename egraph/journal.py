"""The journal of a search: every equation that it used, once, as steps that `verify/` can recheck.

To add here: ways of noting a step.  Never here: deciding which steps to take.
"""

from __future__ import annotations

from collections.abc import Mapping

from commute.theory.axes import Axis
from commute.theory.law import Law, all_laws
from commute.theory.step import Step, law_step
from commute.theory.terms import Term


class Journal:
    """Steps in the order in which they were found; an equation of a term with itself is not noted."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._seen: set[tuple[Term, Term]] = set()
        self._laws: dict[str, Law] = {made.name: made for made in all_laws()}

    def note(self, step: Step) -> None:
        """Append a step that says something new."""
        if step.lhs is not step.rhs and (step.lhs, step.rhs) not in self._seen:
            self._seen.add((step.lhs, step.rhs))
            self.steps.append(step)

    def computed(self, name: str, lhs: Term, rhs: Term) -> Term:
        """Note a computed step (`theory/schemas.py`) and return its right side."""
        self.note(Step(name, lhs, rhs))
        return rhs

    def law(
        self,
        name: str,
        holes: Mapping[str, Term] | None = None,
        axes: Mapping[str, Axis] | None = None,
        witnesses: Mapping[str, Term] | None = None,
    ) -> Step:
        """Note an instance of a law; axes go by the names of the law's own."""
        made = self._laws[name]
        filled = {a: (axes or {})[str(a)] for a in made.axes}
        step = law_step(made, holes or {}, filled, witnesses)
        self.note(step)
        return step
