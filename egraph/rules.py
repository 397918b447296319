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
from commute.theory.ops import COMPOSITES, definition
from commute.theory.step import Step
from commute.theory.terms import Term, binds, instantiate, postorder

BY_RING = frozenset(
    """add_commutes add_associates mul_commutes mul_associates distribute add_zero mul_one mul_zero neg_twice add_negative
    """.split()
)
"""Laws of which the computed step `ring` says all: as rules they would only multiply brackets."""

LATE = BY_RING | frozenset(
    """max_commutes max_associates min_commutes min_associates extended_add_commutes
    recip_neg fraction_of_fraction common_denominator add_to_fraction
    exp_difference exp_double share_of_two logistic_two_ways logistic_complement softplus_reflects log_add_exp_shift log_scaled
    log_square log_quotient tanh_by_logistic rescale rescale_twice merge_shifted shifted_sum shifted_log_sum late_division
    contraction_scale sum_shift sum_centred squares_about squares_about_mean merge_squares shares_sum_to_one max_over_centred
    stream_step merge_three merge_unit merge_reads_out merge_means welford_step
    exp_max exp_of_maximum max_by_positive_part max_by_absolute max_plus_min max_distributes min_distributes max_by_min
    where_by_indicator where_of_indicator where_of_masked where_exchange lt_by_difference eq_by_difference trichotomy
    quotient_at_least quotient_below_next
    """.split()
)
"""Laws that only rearrange, that others say together, or that fit almost everywhere: they wait until the rest is quiet."""

LATE_BACKWARDS = LATE | frozenset(
    """max_shift max_scale min_shift min_scale max_over_shift max_over_scale max_over_max min_over_shift min_over_scale
    min_over_min exp_max exp_of_maximum exp_min sqrt_max recip_of_sqrt sqrt_of_recip prod_mul recip_absorbs square_times_recip
    """.split()
)
"""Laws of which one direction gathers and the other scatters: the scattering waits."""


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
(rule ((= e {pattern}) {" ".join(chosen + limits)}) ({fact}) :ruleset find)
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
            lhs, rhs = self.law.instance(holes, axes, facts)
        except BadInstance:
            return None
        if not all(facts.holds(p, witnesses[h]) for p, h in self.law.where):
            return None
        order = tuple(sorted(axes.items(), key=lambda p: p[0].key))
        used = tuple(witnesses[h] for _, h in self.law.where)
        return Step(self.law.name, lhs, rhs, True, tuple(sorted(holes.items())), order, used)

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
    return [instantiate(t, holes, axes) for t in postorder(pattern) if t.op == "reduce"]


def rules_of(laws: Iterable[Law], operators: frozenset[str]) -> tuple[list[Rule], list[Rule]]:
    """The rules of the laws, the ready ones and the late ones.

    A law becomes a rule forwards, and backwards where it binds everything and its right side says enough to look for.  A rule
    is ready if all that it looks for and brings in is among `operators`, those of the goals.
    """
    ready: list[Rule] = []
    late: list[Rule] = []
    for i, law in enumerate(laws):
        for j, (side, other) in enumerate(((law.lhs, law.rhs), (law.rhs, law.lhs))):
            if side.op == "hole" or (j == 1 and not _worth_reversing(law)):
                continue
            nodes = postorder(side)
            axes = tuple(a for a in law.axes if any(a in t.attrs for t in nodes))
            holes = tuple(sorted({t.attrs[0] for t in nodes if t.op == "hole"}))
            if set(holes) == set(law.holes) and set(axes) == set(law.axes):
                waits = law.name in (LATE, LATE_BACKWARDS)[j] or not operators_of(side, other) <= operators
                (late if waits else ready).append(Rule(f"law_{i}_{'forth' if j == 0 else 'back'}", law, side, axes, holes))
    return ready, late


def _worth_reversing(law: Law) -> bool:
    """Not where a lemma follows from others, or where the right side is so plain that it is everywhere."""
    right = law.rhs
    plain = all(a.op == "hole" for a in right.args) and law.lhs.size > right.size
    return law.reversible and not law.uses and law.name not in LATE and len(right.args) > 0 and not plain


def operators_of(*terms: Term) -> frozenset[str]:
    """The operators of terms and of the composites in them, and those of arithmetic, which are never new."""
    found = {"add", "mul", "const", "recip", "hole"}
    seen: set[Term] = set()
    stack = list(terms)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            found.add(f"{node.attrs[0]}_over" if node.op == "reduce" else node.op)
            stack.extend(node.args)
            if node.op in COMPOSITES:
                stack.append(definition(node))
    return frozenset(found)
