"""Laws to egglog rules, and their matches back to steps.

A rule finds a side of a law in the e-graph and reports the holes' leanest terms and, where a condition asks, their most telling
ones; Python then checks the conditions exactly as a checker will and makes the step.  To add here: which laws run in which
direction and when.  Never here: a rule that unites classes itself, or an equation that is neither a law nor a computed step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from commute.egraph.analyses import sign_limit, tag_of
from commute.egraph.encode import Encoding
from commute.theory.axes import Axis
from commute.theory.facts import Facts
from commute.theory.law import BadInstance, Law, all_laws
from commute.theory.step import Step, law_step
from commute.theory.terms import Term, binds, postorder

BY_RING = frozenset(
    "add_commutes add_associates mul_commutes mul_associates distribute add_zero mul_one mul_zero".split()
)  # fmt: skip
"""Laws of which the computed step `ring` says all: as rules they would only multiply brackets."""

LATE = frozenset({*BY_RING, "max_commutes", "max_associates"})
"""Laws that only rearrange: they run when nothing else has anything left to say."""


def default_laws() -> tuple[Law, ...]:
    """The laws of the house that `ring` doesn't cover."""
    return tuple(law for law in all_laws() if law.name not in BY_RING)


@dataclass(frozen=True)
class Rule:
    """One side of a law as a pattern: the name of its relation, and the order of axes, holes and witnesses in its rows."""

    name: str
    law: Law
    pattern: Term
    axes: tuple[Axis, ...]
    holes: tuple[str, ...]
    late: bool

    @property
    def witnessed(self) -> tuple[str, ...]:
        """The holes that have a condition, each once."""
        return tuple(dict.fromkeys(h for _, h in self.law.where))

    def text(self, encoding: Encoding) -> str:
        """The egglog rule, and the one that clears its rows."""
        names: dict[object, str] = {a: f"k{i}" for i, a in enumerate(self.axes)}
        names |= {h: f"h{i}" for i, h in enumerate(self.holes)}
        pattern = encoding.pattern(self.pattern, names)
        chosen = [f"(= r{names[h]} (rep {names[h]}))" for h in self.holes]
        chosen += [f"(= s{names[h]} (sig {names[h]}))" for h in self.witnessed]
        limits = [f"(< s{names[h]} {sign_limit(p)})" for p, h in self.law.where]
        row = [names[a] for a in self.axes] + [f"r{names[h]}" for h in self.holes] + [f"s{names[h]}" for h in self.witnessed]
        fact = f"({' '.join([self.name, *row])})"
        return f"""
(relation {self.name} ({" ".join(["i64"] * len(row))}))
(rule ((= e {pattern}) {" ".join(chosen + limits)}) ({fact}) :ruleset {"late" if self.late else "find"})
(rule ({fact}) ((delete {fact})) :ruleset clear)
"""

    def read(self, row: tuple[int, ...], encoding: Encoding) -> tuple[dict[str, Term], dict[Axis, Axis], dict[str, Term]]:
        """The holes, axes and witnesses that a row stands for."""
        n, m = len(self.axes), len(self.holes)
        axes = {a: encoding.axes[i] for a, i in zip(self.axes, row[:n], strict=True)}
        terms = [encoding.terms[tag_of(key)] for key in row[n:]]
        return dict(zip(self.holes, terms[:m], strict=True)), axes, dict(zip(self.witnessed, terms[m:], strict=True))

    def step(self, row: tuple[int, ...], encoding: Encoding, facts: Facts) -> Step | None:
        """The step that a row stands for; None where a condition of the law fails."""
        holes, axes, witnesses = self.read(row, encoding)
        try:
            self.law.instance(holes, axes, facts)
        except BadInstance:
            return None
        if not all(facts.holds(p, witnesses[h]) for p, h in self.law.where):
            return None
        return law_step(self.law, holes, axes, witnesses)

    def blocked(self, row: tuple[int, ...], encoding: Encoding) -> list[tuple[Term, frozenset[Axis]]]:
        """The reductions of a match that a free axis of a hole blocks, each with the axes that a new name must avoid."""
        holes, axes, _ = self.read(row, encoding)
        if len(set(axes.values())) < len(axes):
            return []
        bad = {axes[a] for h, closed in self.law.closed.items() for a in closed if axes[a] in holes[h].free}
        taken = frozenset().union(*(t.free for t in holes.values())) | set(axes.values())
        return [(t, taken) for t in _filled(self.pattern, holes, axes) if binds(t) in bad]


def _filled(pattern: Term, holes: dict[str, Term], axes: dict[Axis, Axis]) -> list[Term]:
    """The reductions of a pattern with its parameters filled in."""
    from commute.theory.terms import instantiate

    return [instantiate(t, holes, axes) for t in postorder(pattern) if t.op == "reduce"]


def rules_of(laws: Iterable[Law]) -> list[Rule]:
    """The rules of the laws: forwards, and backwards where the law binds everything and its right side says enough to look for."""
    made = []
    for i, law in enumerate(laws):
        sides = [law.lhs]
        if law.reversible and not law.uses and law.name not in LATE and len(law.rhs.args) > 0:
            sides.append(law.rhs)
        for j, side in enumerate(sides):
            if side.op == "hole":
                continue
            nodes = postorder(side)
            axes = tuple(a for a in law.axes if any(a in t.attrs for t in nodes))
            holes = tuple(sorted({t.attrs[0] for t in nodes if t.op == "hole"}))
            if set(holes) == set(law.holes) and set(axes) == set(law.axes):
                made.append(Rule(f"law_{i}_{'forth' if j == 0 else 'back'}", law, side, axes, holes, law.name in LATE))
    return made
