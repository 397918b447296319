"""The schedule of a plan as a term: each pass over an axis as a fold with the states that the kernel carries.

That this term equals the plan's form is proved like any other equation, so that a certificate covers the running
corrections too.  To add here: a schedule that has a form as a term.  Never here: choosing schedules, or trusting one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

from commute.egraph.corrections import NotSeparable
from commute.egraph.evidence import Evidence
from commute.egraph.folding import Prefix
from commute.egraph.forms import Forms
from commute.egraph.kernels import Kernel
from commute.egraph.running import Families, NotAFold, Running
from commute.egraph.streams import Passes, Scheduler
from commute.proof import Goal, Proof
from commute.skipping import skip_proofs
from commute.streaming import passes_of, prove_cases_of
from commute.theory.axes import Axis, Size
from commute.theory.resizing import Resizing
from commute.theory.terms import Term, postorder

MOST_FOLDED = 2
"""At most so many axes whose size may be 1 are told apart."""


@dataclass
class Schedule:
    """The terms of a plan's results as its kernels compute them, and what of that has no form as a fold.

    Axes in `alone` have one index: what is reduced over them is its body.  `axes` are those that are gone over.
    """

    forms: Forms
    kernels: Sequence[Kernel]
    alone: frozenset[Axis] = frozenset()
    families: Families = field(default_factory=dict)
    uncovered: list[str] = field(default_factory=list)
    axes: dict[Axis, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.terms: dict[int, Term] = {}
        for kernel in self.kernels:
            self._kernel(kernel)

    def result(self, root: int) -> Term:
        """The term of a result as it is computed."""
        return self.terms.get(root, self.forms.term[root])

    def _kernel(self, kernel: Kernel) -> None:
        region, passes = kernel.region, kernel.passes
        table = {c: self.terms.get(c, self.forms.term[c]) for c in region.leaves}
        if passes is not None:
            for number in range(1, passes.count + 1):
                self._pass(kernel, passes, number, table)
        for c in region.inner:
            if c not in table:
                table[c] = self.forms.term_of(region.node[c], table)
        self.terms |= {c: table[c] for c in region.outputs}

    def _pass(self, kernel: Kernel, passes: Passes, number: int, table: dict[int, Term]) -> None:
        """Put the reductions of a pass into the table, as folds where they have that form."""
        region, axis = kernel.region, passes.axis
        for c in region.inner:
            if c not in table and passes.ready.get(c, number) < number:
                table[c] = self.forms.term_of(region.node[c], table)
        try:
            running = Running(self.forms, region.node, region.inner, passes, number, dict(table))
            if running.states:
                table |= running.alone() if axis in self.alone else running.folds(self.families)
                self.axes[axis] = self.axes.get(axis, 0) + 1
        except (NotSeparable, NotAFold) as error:
            self.uncovered.append(f"along {axis.name}: {error}")


def schedule_of(
    forms: Forms, kernels: Sequence[Kernel], roots: Sequence[int], form: Sequence[Term]
) -> tuple[Evidence | None, Schedule]:
    """The claim that the kernels of a plan, gone through index by index, compute its form; and the schedule as terms.

    None in place of the claim where no axis is gone over in a loop.
    """
    whole = Schedule(forms, kernels)
    along = ", ".join(a.name for a in whole.axes)
    open_sizes = [a for a in whole.axes if not (a.size - 1).provably_positive()]
    why = "; ".join(whole.uncovered)
    if not whole.axes and not why:
        return None, whole
    if len(open_sizes) > MOST_FOLDED or any(a.size != Size.symbol(a.name.rstrip("'")) for a in open_sizes):
        why = f"the sizes of {along} can't be told apart from 1"
    if why:
        return Evidence("schedule", along, "", "", "UNKNOWN", why), whole
    proof = _proved(forms, kernels, roots, form, open_sizes)
    reason = "" if proof else next(iter(proof.reasons), "no proof was found")
    says = "each pass as a fold is the form"
    return Evidence("schedule", along, "", says, "PROVED" if proof else "UNKNOWN", reason, proof.certificate), whole


def _proved(
    forms: Forms, kernels: Sequence[Kernel], roots: Sequence[int], form: Sequence[Term], open_sizes: Sequence[Axis]
) -> Proof:
    """A proof for each choice of axes that have one index, the others having at least two."""
    cases: list[tuple[str, list[Goal]]] = []
    families: Families = {}
    symbols = sorted({s for a in open_sizes for s in a.size.symbols})
    for count in range(len(symbols) + 1):
        for ones in combinations(symbols, count):
            schedule = Schedule(forms, kernels, frozenset(a for a in open_sizes if a.size.symbols <= set(ones)))
            goals = [(t, schedule.result(r)) for t, r in zip(form, roots, strict=True)]
            resizing = _resizing(symbols, ones, goals)
            cases.append((_condition(symbols, ones), [(resizing.term(a), resizing.term(b)) for a, b in goals]))
            for (parts, axis, names), said in schedule.families.items():
                key = (tuple(map(resizing.term, parts)), resizing.axis(axis), names)
                families[key] = {n: Prefix(p.kind, resizing.axis(p.axis), resizing.term(p.body)) for n, p in said.items()}
    return prove_cases_of("schedule", cases, families)


def _condition(symbols: Sequence[str], ones: Sequence[str]) -> str:
    return ", ".join(f"{s} = 1" if s in ones else f"{s} > 1" for s in symbols)


def _resizing(symbols: Sequence[str], ones: Sequence[str], goals: Sequence[Goal]) -> Resizing:
    used = {a for g in goals for t in postorder(*g) for a in t.attrs if isinstance(a, Axis)}
    names = {s for a in used for s in a.size.symbols}
    sizes: dict[str, Size] = {}
    for s in symbols:
        fresh = f"{s}_less_1"
        while fresh in names:
            fresh += "_"
        sizes[s] = Size(1) if s in ones else Size.symbol(fresh) + 1
    return Resizing(sizes, used)


def stream_proofs(forms: Forms, kernel: Kernel) -> list[Evidence]:
    """What the streams of a kernel rest on: its corrections along the streamed axis, its merges along the parted one, and the
    blocks that are skipped."""
    evidence: list[Evidence] = []
    region = kernel.region
    axes = {} if kernel.passes is None else {kernel.passes.axis: kernel.passes}
    if kernel.split is not None and kernel.parts > 1 and kernel.split not in axes:
        axes[kernel.split] = Scheduler(forms, region.node, region.inner, region.outputs, kernel.split).schedule()
    for axis, passes in axes.items():
        try:
            gone = passes_of(forms, kernel, passes)
            for each in gone:
                parted = axis == kernel.split and kernel.parts > 1
                # A chunk's states are merged with those so far, as the parts of an axis are.
                merge = each.merge() if parted or any(s.moves for s in each.running.states) else None
                evidence += [*each.corrections(), *(e for e in (each.unit(), merge) if e is not None)]
            evidence += skip_proofs(gone) if passes is kernel.passes else []
        except (NotSeparable, NotAFold) as error:
            evidence.append(Evidence("correction", axis.name, "", "", "UNKNOWN", f"no correction was found: {error}"))
    return evidence


def refused(forms: Forms, kernels: Sequence[Kernel]) -> tuple[tuple[Evidence, ...], str]:
    """The claims that the streams of some kernels rest on, and why they may not be run so, or ""."""
    evidence = tuple(e for k in kernels for e in stream_proofs(forms, k))
    bad = next((e for e in evidence if not e.proved), None)
    return evidence, f"the {bad.what} along {bad.axis} isn't proved: {bad.reason}" if bad else ""
