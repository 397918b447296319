"""The verb *optimize*: the cheapest plan for a program on a machine, with its derivation, certificate and cost.

A program is lifted, its equal forms are explored, forms and kernels are searched together, and the winner is proved equal to
the program before anyone hears of it.  To add here: what a user may ask of the search.  Never here: how it searches.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from commute import at_hand
from commute.egraph.derivation import derivation
from commute.egraph.evidence import Evidence
from commute.egraph.forms import Forms
from commute.egraph.kernels import Target
from commute.egraph.moves import Explorer
from commute.egraph.plan import KernelPlan, OpaqueKernel, Rival, kernel_plans, totals
from commute.egraph.planning import Choice, Planned, Search
from commute.emitting import CompilablePlan
from commute.proof import Proof, deep_recursion, prove_cases
from commute.scheduling import refused, schedule_of
from commute.theory import messages
from commute.theory.board import board
from commute.theory.machines import DTYPES, Machine
from commute.theory.messages import UsageError
from commute.theory.terms import Term

if TYPE_CHECKING:
    from commute.lowering.lifted import Lifted

OBJECTIVES = ("time", "traffic", "energy")
MOST_TRIED = 6
"""So many of the best plans are tried before a search ends without a certificate."""


def optimize(
    fn: Callable[..., Any],
    *,
    machine: str | Machine = "h100",
    sizes: Mapping[str, int] | None = None,
    objective: str = "time",
    dtype: str | None = None,
    static: Sequence[str] = (),
    timeout: float = 30.0,
    progress: Callable[[str], None] | None = None,
) -> CompilablePlan:
    """The cheapest plan for `fn` on a machine: its form, kernels, tiles and cost, proved equal to `fn`.

    `sizes` gives every axis a number, `objective` is "time", "traffic" or "energy", `dtype` that of the values (the machine's
    first otherwise), `static` names arguments that stay the same from call to call, `timeout` is in seconds.
    Raises UsageError for an unknown machine, objective or dtype, a missing size, or a program that can't be lifted.
    """
    from commute.lowering.lift_torch import lift_one
    from commute.lowering.registry import Unsupported

    started = monotonic()
    target = target_of(machine, objective, dtype)
    try:
        with deep_recursion():
            lifted = lift_one(fn, opaque=True)
    except Unsupported as error:
        raise UsageError(messages.one_line(error)) from None
    given = all_sizes(lifted, sizes or {})
    with deep_recursion():
        return Optimizer(fn, lifted, target, given, _known_static(lifted, static), started + timeout).plan(progress)


def target_of(machine: str | Machine, objective: str, dtype: str | None) -> Target:
    """What a plan is to be for; UsageError names what there isn't."""
    found = at_hand.machine(machine)
    if objective not in OBJECTIVES:
        raise UsageError(messages.unknown_choice("objective", objective, OBJECTIVES))
    dtype = dtype or next(iter(found.matmul))
    if dtype not in DTYPES or dtype not in found.matmul:
        raise UsageError(messages.unknown_choice("dtype", dtype, tuple(found.matmul)))
    return Target(found, dtype, objective)


def all_sizes(lifted: Lifted, sizes: Mapping[str, int]) -> dict[str, int]:
    """The size of every symbol; UsageError names one that is missing or unknown."""
    symbols = lifted.symbols
    if missing := [s for s in symbols if s not in sizes]:
        raise UsageError(messages.missing_size(missing[0], symbols))
    if unknown := [s for s in sizes if s not in symbols]:
        raise UsageError(messages.unknown_size(unknown[0], symbols))
    if wrong := [s for s in symbols if not isinstance(sizes[s], int) or sizes[s] < 1]:
        raise UsageError(messages.malformed_size(f"{wrong[0]}={sizes[wrong[0]]}"))
    return {s: sizes[s] for s in symbols}


def _known_static(lifted: Lifted, static: Sequence[str]) -> frozenset[str]:
    names = [i.name for i in lifted.inputs]
    if unknown := [s for s in static if s not in names]:
        raise UsageError(messages.unknown_choice("argument", unknown[0], names))
    return frozenset(static)


class Optimizer:
    """One call of optimize."""

    def __init__(self, fn: Any, lifted: Lifted, target: Target, sizes: dict[str, int], static: frozenset[str], deadline: float):
        self.fn, self.lifted, self.target, self.sizes, self.deadline = fn, lifted, target, sizes, deadline
        self.started = monotonic()
        program = lifted.programs[0]
        self.blocks = [b for o in program.outputs for b in o.blocks]
        self.reference = tuple(b.term for b in self.blocks)
        self.forms = Forms()
        self.roots = [self.forms.insert(t) for t in self.reference]
        self.static = static
        self.streams: tuple[Evidence, ...] = ()
        self.owed: Counter[str] | None = None

    def left(self, share: float = 1.0) -> float:
        """Seconds that are left, or a share of them."""
        return max(0.1, (self.deadline - monotonic()) * share)

    def plan(self, progress: Callable[[str], None] | None = None) -> CompilablePlan:
        """Explore, search, prove."""
        explored = Explorer(self.forms, seconds=self.left(0.25)).run()
        self.roots = [self.forms.find(r) for r in self.roots]
        after = {name: i for i, call in enumerate(self.lifted.opaque, 1) for name in call.results}
        search = Search(
            self.forms, self.roots, self.sizes, self.target, self.static, self.left(0.5), self._unsafe, after=after
        )  # fmt: skip
        found = search.run((lambda p: progress(f"{p.seconds * 1e6:.4g} us")) if progress else None)
        if not found:
            raise UsageError(messages.nothing_fits(self.target.machine.name, self.target.machine.inner.name))
        searched = monotonic() - self.started
        chosen, proof, rejected = self._proved(found)
        plan = self._described(chosen, proof, found, rejected)
        schedule, computed = schedule_of(self.forms, chosen.kernels, self.roots, plan.terms)
        plan.streams = (*self.streams, *([schedule] if schedule else [])) if proof else ()
        plan.scheduled = tuple(map(computed.result, self.roots))
        plan.search = {
            "seconds": searched, "enodes": self.forms.size, "classes": len(self.forms.nodes), "forms": len(found),
            "explored": explored, "total_seconds": monotonic() - self.started,
            "stopped": search.stopped if explored == "complete" else f"forms were explored until: {explored}",
        }  # fmt: skip
        plan.gain = self._gains(search, chosen)
        plan.forms, plan.row = self.forms, self.target.machine
        return plan

    def _unsafe(self, choice: Choice) -> str:
        """In which way a form is less safe than the program as written, in words."""
        from commute.verify.safety import unsafe

        if self.owed is None:
            self.owed = Counter(f.kind for t in self.reference for f in unsafe(t))
        news = [f for r in self.roots for f in unsafe(self.forms.build(choice, r))]
        worse = Counter(f.kind for f in news) - self.owed
        return next((str(f) for f in news if f.kind in worse), "")

    # --- the certificate ---------------------------------------------------------------------------------------------

    def _proved(self, found: Sequence[Planned]) -> tuple[Planned, Proof | None, dict[int, str]]:
        """The best plan that is safe and proved, and why better ones were not taken."""
        rejected: dict[int, str] = {}
        tried = 0
        for i, plan in enumerate(found):
            if plan.unfit:
                rejected[i] = plan.unfit
                continue
            terms = [self.forms.build(plan.choice, r) for r in self.roots]
            self.streams, why = refused(self.forms, plan.kernels)
            proof = None if why else self._prove(terms, self.left(0.5))
            if proof:
                return plan, proof, rejected
            rejected[i] = why or f"not proved: {'; '.join(proof.reasons[:1] if proof is not None else [])}"
            tried += 1
            if tried >= MOST_TRIED or self.deadline < monotonic():
                break
        return found[0], None, rejected

    def _prove(self, terms: Sequence[Term], seconds: float) -> Proof:
        claim = {"reference": self.lifted.programs[0].name, "candidate": "plan", "sizes": {s: "any" for s in self.sizes}}
        claim |= {"source": [self.lifted.source[0], ""], "fixed": {}, "assume": {}}
        goals = list(zip(self.reference, terms, strict=True))
        proof = prove_cases([("", goals)], {}, claim, seconds=min(8.0, seconds), saturate=False)
        return proof or prove_cases([("", goals)], {}, claim, seconds=min(6.0, seconds), saturate=True, earlier=proof)

    # --- the answer --------------------------------------------------------------------------------------------------

    def _described(
        self, chosen: Planned, proof: Proof | None, found: Sequence[Planned], rejected: dict[int, str]
    ) -> CompilablePlan:
        names = self._names()
        kernels = kernel_plans(self.forms, chosen, names)
        checked = proof.checked if proof else None
        return CompilablePlan(
            self.lifted.programs[0].name, self.target.machine.name, self.target.dtype, self.target.objective, self.sizes,
            self.reference, tuple(self.forms.build(chosen.choice, r) for r in self.roots), tuple(b.axes for b in self.blocks),
            kernels, totals(chosen, self.target),
            tuple(derivation(self.forms, self.roots, chosen.choice)),
            "PROVED" if checked else "UNKNOWN", "" if checked else next(iter(rejected.values()), ""),
            proof.certificate if proof else None, tuple(checked.axioms) if checked else (),
            frontier(found), self._rivals(found, chosen, rejected), lifted=self.lifted, fn=self.fn,
            opaque=self._opaque(names, kernels),
        )  # fmt: skip

    def _results(self) -> int:
        """How many of the blocks are results; the others are arguments of calls that are kept."""
        outputs = self.lifted.programs[0].outputs
        return sum(len(o.blocks) for o in outputs[: len(outputs) - self._arguments()])

    def _names(self) -> dict[int, str]:
        """The results' names, out or out0, out1, ..., and those of arguments of calls that are kept, arg1, arg2, ..."""
        results = self._results()
        names: dict[int, str] = {}
        for i, r in enumerate(self.roots):
            name = f"arg{i - results + 1}" if i >= results else "out" if results == 1 else f"out{i}"
            names.setdefault(self.forms.find(r), name)
        return names

    def _opaque(self, names: Mapping[int, str], kernels: Sequence[KernelPlan]) -> tuple[OpaqueKernel, ...]:
        """The calls that are kept, each before the first kernel that reads what it gives."""
        outputs = self.lifted.programs[0].outputs
        arguments = iter(outputs[len(outputs) - self._arguments() :])
        found: list[OpaqueKernel] = []
        for call in self.lifted.opaque:
            terms = [b.term for _ in call.arguments for b in next(arguments).blocks]
            before = next((i for i, k in enumerate(kernels) if set(k.reads) & set(call.results)), len(kernels))
            reads = tuple(board(t) if t.op == "input" else names[self.forms.find(self.forms.insert(t))] for t in terms)
            found.append(OpaqueKernel(call.operator, call.place or "", reads, call.results, before))
        return tuple(found)

    def _arguments(self) -> int:
        return sum(len(c.arguments) for c in self.lifted.opaque)

    def _rivals(self, found: Sequence[Planned], chosen: Planned, rejected: dict[int, str], most: int = 5) -> tuple[Rival, ...]:
        """The next best plans, each with the reason why it lost; plans whose kernels have the same figures are listed once."""
        rivals: list[Rival] = []
        seen = {_figures(chosen)}
        best = self.target
        for i, plan in enumerate(found):
            if plan is chosen or len(rivals) >= most or _figures(plan) in seen:
                continue
            seen.add(_figures(plan))
            why = rejected.get(i) or f"{plan.cost / chosen.cost:.3g} times the {best.objective} of the plan"
            terms = tuple(self.forms.build(plan.choice, r) for r in self.roots)
            rivals.append(Rival(terms, len(plan.kernels), totals(plan, self.target), why))
        return tuple(rivals)

    def _gains(self, search: Search, chosen: Planned) -> dict[str, float]:
        """How many times cheaper the plan is than the program as written, every operation a kernel of its own, and than the
        best plan that stores the result of every reduction."""
        naive, unfused = search.naive(), search.unfused()
        gains = {}
        if naive is not None:
            gains |= {"naive": naive.cost / chosen.cost, "naive_traffic": naive.traffic / chosen.traffic}
        if unfused is not None:
            gains |= {"unfused": unfused.cost / chosen.cost, "unfused_traffic": unfused.traffic / chosen.traffic}
        return gains


def _figures(plan: Planned) -> tuple:
    """What tells two plans apart for a reader: the figures of their kernels, to four digits, and whether they may be taken."""
    kernels = sorted(tuple(f"{x:.4g}" for x in (k.seconds, k.traffic, k.matmul, k.exp)) for k in plan.kernels)
    return plan.unfit, *kernels


def frontier(found: Sequence[Planned]) -> tuple[dict[str, float], ...]:
    """The plans that no other beats in time, memory and traffic at once."""
    points = [(p.seconds, p.memory, p.traffic) for p in found]
    best = [p for p in points if not any(all(a <= b for a, b in zip(q, p, strict=True)) and q != p for q in points)]
    return tuple({"seconds": s, "memory": m, "traffic": t} for s, m, t in sorted(set(best)))
