"""The search for the cheapest plan: which form, which kernels, which tiles, all at once.

A form is a choice of one node for each class; its kernels are the regions between the arrays that are stored.  Both are
improved by local search from the cheapest by a simple estimate, over the shared graph, so that shared work counts once.
To add here: a way to improve a plan.  Never here: laws, or what a kernel costs.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, prod
from time import monotonic

from commute.egraph.bounds import least_seconds, least_traffic_of
from commute.egraph.cost import TRANSCENDENTAL, Region, matmul_sides
from commute.egraph.forms import Cyclic, Forms, Node
from commute.egraph.kernels import Kernel, Target, best_kernel
from commute.theory.axes import Axis
from commute.theory.ops import COMPOSITES
from commute.theory.terms import Term, postorder

Choice = dict[int, Node]

BEAM, MOST_STEPS = 4, 14
"""How many sets of stored arrays are kept, and how many are changed in every way."""

MOST_NEIGHBOURS = 60
"""So many forms next to one are looked at."""

SLACK, PATIENCE = 1.2, 4
"""A form, or a set of stored arrays, that must cost so many times the best one's is left out; so many changes in a row that
bring nothing end the search for stored arrays."""

UNFIT = 4.0
"""How many times its cost an unfit plan counts."""

ALONG = {row.name for row in COMPOSITES.values() if row.carries is not None}
"""Composites that work along an axis."""


@dataclass
class Planned:
    """A form with its kernels, in the order in which they run; `unfit` says why it is not to be taken."""

    choice: Choice
    kernels: list[Kernel]
    cost: float
    unfit: str = ""

    @property
    def rank(self) -> float:
        """What a beam is sorted by: an unfit plan may lead to a fit one, and is followed after those."""
        return self.cost * (UNFIT if self.unfit else 1.0)

    @property
    def seconds(self) -> float:
        """The model's time."""
        return sum(k.seconds for k in self.kernels)

    @property
    def traffic(self) -> float:
        """Values moved."""
        return sum(k.traffic for k in self.kernels)

    @property
    def memory(self) -> float:
        """The widest column of any kernel."""
        return max((k.memory for k in self.kernels), default=0.0)


@dataclass
class Search:
    """The search over one space, for one target and numeric sizes.

    `static` names inputs that stay the same from call to call: kernels that read nothing else run once and cost nothing;
    `after` says for inputs that a call in the midst of the program makes which call that is, from 1 on.
    `unfit` says of a form why it is not to be taken, or nothing.
    """

    forms: Forms
    roots: Sequence[int]
    sizes: Mapping[str, int]
    target: Target
    static: frozenset[str] = frozenset()
    seconds: float = 8.0
    unfit: Callable[[Choice], str] = lambda choice: ""
    seen: dict[tuple, Planned] = field(default_factory=dict)
    stopped: str = "complete"
    after: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.deadline = monotonic() + self.seconds
        self.roots = [self.forms.find(r) for r in self.roots]
        self.full: dict[Axis, int] = {}
        for c in self.forms.classes():
            for n in self.forms.of(c):
                for a in self.forms.free[c] | n.bound:
                    self.full[a] = a.size.at(self.sizes)
        self._kernels: dict[tuple, Kernel | None] = {}
        self._least: dict[tuple, float] = {}
        self.best = inf
        self.estimate = self._estimates()

    # --- the estimate ------------------------------------------------------------------------------------------------

    def own_cost(self, c: int, node: Node) -> float:
        """Seconds that a node alone would take: its operations, and storing the result of a reduction."""
        machine, dtype = self.target.machine, self.target.dtype
        if node.op == "leaf":
            return 0.0
        axes = self.forms.free[c] | node.bound
        elements = float(prod(self.full[a] for a in axes))
        if matmul_sides(self.forms, node) is not None:
            work = 2 * elements / machine.matmul[dtype]
        elif node.op in TRANSCENDENTAL:
            work = elements / machine.exp
        else:
            work = elements * max(1, sum(1 for a in node.args if self.forms.free[self.forms.find(a)])) / machine.vector
        stored = float(prod(self.full[a] for a in self.forms.free[c])) * self.target.bytes / machine.levels[0].bandwidth
        return work + (stored if node.bound else 0.0) + 1e-15

    def _estimates(self) -> dict[int, tuple[float, Node]]:
        """The least tree cost of every class, and the node that has it."""
        best: dict[int, tuple[float, Node]] = {}
        own = {c: [(self.own_cost(c, n), n) for n in self._ways(c)] for c in self.forms.classes()}
        changed = True
        while changed:
            changed = False
            for c, options in own.items():
                for cost, node in options:
                    if all(a in best for a in node.args):
                        whole = cost + sum(best[a][0] for a in set(node.args))
                        if c not in best or whole < best[c][0] * (1 - 1e-12):
                            best[c] = (whole, node)
                            changed = True
        return best

    def _ways(self, c: int) -> list[Node]:
        """The nodes of a class that can be computed as they stand: composites along axes are run in their opened form."""
        return [self.forms.canonical(n) for n in self.forms.of(c) if n.op not in ALONG]

    # --- forms -------------------------------------------------------------------------------------------------------

    def run(self, report: Callable[[Planned], None] | None = None, width: int = 6) -> list[Planned]:
        """Plans, best first: local search from the estimate's choice and from the form as written."""
        cheapest = {c: n for c, (_, n) in self.estimate.items()}
        written = {
            c: self.forms.canonical(n) for c, n in self.forms.first.items() if c in self.forms.nodes and n.op not in ALONG
        }
        starts = [cheapest, cheapest | written]
        beam = [p for s in starts if (p := self.planned(s)) is not None]
        expanded: set[tuple] = set()
        best, improved = inf, 0
        while True:
            beam = sorted({self._key(p.choice): p for p in beam}.values(), key=lambda p: p.rank)[:width]
            todo = [p for p in beam if self._key(p.choice) not in expanded]
            if beam and beam[0].rank < best * (1 - 1e-6):
                best, improved = beam[0].rank, len(expanded)
            if not todo or len(expanded) - improved >= PATIENCE:
                break
            plan = todo[0]
            expanded.add(self._key(plan.choice))
            for choice in self._neighbours(plan.choice):
                if monotonic() > self.deadline:
                    self.stopped = f"the time of {self.seconds:g} s is spent"
                    return self._sorted()
                found = self.planned(choice)
                if found is not None:
                    beam.append(found)
                    if report:
                        report(found)
        return self._sorted()

    def _sorted(self) -> list[Planned]:
        return sorted(self.seen.values(), key=lambda p: p.cost)

    def _key(self, choice: Choice) -> tuple:
        return tuple((c, choice.get(c)) for c in self.forms.order(choice, self.roots))

    def _neighbours(self, choice: Choice) -> Iterable[Choice]:
        """The form with one class computed in another way, most promising first."""
        options: list[tuple[float, int, Node]] = []
        base = max(self.estimate[r][0] for r in self.roots)
        for c in self.forms.order(choice, self.roots):
            for node in self._ways(c):
                if node != choice.get(c) and all(a in self.estimate for a in node.args):
                    rise = self.own_cost(c, node) + sum(self.estimate[a][0] for a in set(node.args)) - self.estimate[c][0]
                    if rise <= base + 1e-12:
                        options.append((rise, c, node))
        for _, c, node in sorted(options, key=lambda o: o[0])[:MOST_NEIGHBOURS]:
            yield choice | {c: node}

    # --- kernels -----------------------------------------------------------------------------------------------------

    def planned(self, choice: Choice) -> Planned | None:
        """The best kernels for a form."""
        try:
            order = self.forms.order(choice, self.roots)
        except Cyclic:
            return None
        full = {c: self.forms.canonical(choice.get(c, self.forms.first[c])) for c in order}
        if any(n.op in ALONG for n in full.values()):
            return None
        key = tuple(full.items())
        if key in self.seen:
            return self.seen[key]
        cut = Cutting(self, full, order)
        if not self.static and self.least(cut.whole()) > SLACK * self.best:
            return None
        found = cut.best()
        if found is not None:
            self.seen[key] = found
            found.unfit = self.unfit(full)
            self.best = self.best if found.unfit else min(self.best, found.cost)
        return found

    def naive(self) -> Planned | None:
        """The program as written, every operation a kernel of its own."""
        return self._fixed(lambda c: True)

    def unfused(self) -> Planned | None:
        """The program as written, every result of a reduction, or of a composite along an axis, stored."""
        written = {self.forms.insert(t): t for r in self.roots for t in postorder(self.forms.term[r])}
        return self._fixed(lambda c: c in written and (written[c].op in ALONG or written[c].op == "reduce"))

    def _fixed(self, stored: Callable[[int], bool]) -> Planned | None:
        choice = {c: n for c, (_, n) in self.estimate.items()}
        choice |= {c: self.forms.canonical(n) for c, n in self.forms.first.items() if c in choice and n.op not in ALONG}
        try:
            order = self.forms.order(choice, self.roots)
        except Cyclic:
            return None
        cut = Cutting(self, {c: choice[c] for c in order}, order)
        return cut.at(frozenset(c for c in order if choice[c].op != "leaf" and self.forms.free[c] and stored(c)), joined=False)

    def kernel(self, region: Region) -> Kernel | None:
        """The best kernel of a region, remembered."""
        key = (region.outputs, tuple((c, region.node[c]) for c in region.inner), region.leaves)
        if key not in self._kernels:
            self._kernels[key] = best_kernel(self.forms, region, self.full, self.target, self.least(region))
        return self._kernels[key]

    def least(self, region: Region) -> float:
        """What a region costs at least, remembered."""
        key = (region.outputs, region.inner, region.leaves, tuple(region.node[c] for c in region.inner))
        if key not in self._least:
            target = self.target
            if target.objective == "traffic":
                known = 0.0 if any(k.op == "where" for k in key[3]) else least_traffic_of(self.forms, region, self.full)
            elif target.objective == "energy":
                known = 0.0
            else:
                known = least_seconds(self.forms, region, self.full, target.machine, target.dtype, target.bytes)
            self._least[key] = known
        return self._least[key]

    def reads(self, term: Term) -> bool:
        """Whether a leaf reads an input that may change from call to call."""
        return any(t.op == "input" and t.attrs[0] not in self.static for t in postorder(term))


class Cutting:
    """Where a form is cut into kernels: which classes are stored."""

    def __init__(self, search: Search, node: Choice, order: Sequence[int]):
        self.search, self.node, self.order = search, node, list(order)
        self.forms = search.forms
        summed = {a for c in order if node[c].bound for a in node[c].args}
        self.candidates = [
            c for c in order if c not in search.roots and node[c].op != "leaf" and self._may_be_stored(c, summed)
        ]

    def _may_be_stored(self, c: int, summed: set[int]) -> bool:
        """Reductions, what is reduced, and what costs an exponential."""
        return bool(self.node[c].bound) or c in summed or self.node[c].op in TRANSCENDENTAL and len(self.forms.free[c]) > 1

    def whole(self) -> Region:
        """Everything as one kernel."""
        return self._region(tuple(dict.fromkeys(self.search.roots)), set())

    def best(self) -> Planned | None:
        """From all fused and from all reductions stored: a beam search that stores or fuses one array at a time."""
        reductions = frozenset(c for c in self.candidates if self.node[c].bound)
        found: dict[frozenset[int], Planned | None] = {s: self.at(s) for s in (frozenset(), reductions)}
        best = min((p.cost for p in found.values() if p is not None), default=inf)
        improved = 0
        expanded: set[frozenset[int]] = set()
        while len(expanded) < MOST_STEPS and monotonic() < self.search.deadline:
            beam = heapq.nsmallest(BEAM, ((p.cost, sorted(s)) for s, p in found.items() if p is not None))
            todo = [s for _, s in beam if frozenset(s) not in expanded] or [
                s for s, p in found.items() if p is None and s not in expanded
            ]
            if not todo:
                break
            if len(expanded) - improved >= (PATIENCE if best < 2 * self.search.best else 1) and best < inf:
                break
            stored = frozenset(todo[0])
            expanded.add(stored)
            for c in self.candidates:
                if stored ^ {c} not in found:
                    other = found[stored ^ {c}] = self.at(stored ^ {c}, SLACK * best)
                    if other and other.cost < best:
                        best, improved = other.cost, len(expanded)
        return min((p for p in found.values() if p is not None), key=lambda p: p.cost, default=None)

    def at(self, stored: frozenset[int], limit: float = inf, joined: bool = True) -> Planned | None:
        """The plan that stores these classes besides the results, None where nothing fits or it must cost above the limit;
        `joined` lets kernels over the same axes run as one."""
        search = self.search
        kept = [c for c in self.order if (c in stored or c in search.roots) and self.node[c].op != "leaf"]
        regions = {c: self._region((c,), set(kept)) for c in kept}
        rest = 0.0 if search.static or limit == inf else sum(map(search.least, regions.values()))
        kernels: list[Kernel] = []
        changing: dict[int, bool] = {}
        for c, region in regions.items():
            kernel = search.kernel(region) if rest <= limit else None
            if kernel is None:
                return None
            if limit < inf and not search.static:
                rest += search.target.score(kernel) - search.least(region)
            changing[c] = any(
                changing.get(x, False) or self.node[x].op == "leaf" and search.reads(self.node[x].attrs[0])
                for x in region.leaves
            )
            if changing[c] or not search.static:
                kernels.append(kernel)
        stages = self._stages()
        kernels = self._together(kernels, set(kept), stages) if joined else kernels
        kernels = sorted(kernels, key=lambda k: stages[k.region.outputs[0]])
        return Planned(self.node, kernels, sum(search.target.score(k) for k in kernels))

    def _region(self, outputs: tuple[int, ...], kept: set[int]) -> Region:
        inner: set[int] = set()
        leaves: dict[int, None] = {}
        stack = list(outputs)
        while stack:
            c = stack.pop()
            if c in inner:
                continue
            inner.add(c)
            for a in self.node[c].args:
                if a in kept or self.node[a].op == "leaf":
                    leaves[a] = None
                else:
                    stack.append(a)
        order = tuple(c for c in self.order if c in inner)
        return Region(outputs, order, tuple(sorted(leaves)), self.node)

    def _stages(self) -> dict[int, int]:
        """After how many of the calls in the midst of the program each stored array can be made."""
        stages: dict[int, int] = {}
        for c in self.order:
            node = self.node[c]
            if node.op == "leaf":
                names = (t.attrs[0] for t in postorder(node.attrs[0]) if t.op == "input")
                stages[c] = max((self.search.after.get(n, 0) for n in names), default=0)
            else:
                stages[c] = max((stages[a] for a in node.args), default=0)
        return stages

    def _together(self, kernels: list[Kernel], kept: set[int], stages: Mapping[int, int]) -> list[Kernel]:
        """Kernels over the same axes that read the same arrays run as one where that is cheaper."""
        search = self.search
        i = 0
        while i < len(kernels):
            j = i + 1
            while j < len(kernels):
                a, b = kernels[i], kernels[j]
                outputs = (*a.region.outputs, *b.region.outputs)
                same = self.forms.free[outputs[0]] == self.forms.free[outputs[-1]]
                same = same and stages[outputs[0]] == stages[outputs[-1]]
                if same and set(a.region.leaves) & set(b.region.leaves) and not self._depends(kernels[i + 1 : j + 1], a):
                    region, apart = self._region(outputs, kept - set(outputs)), search.target.score(a) + search.target.score(b)
                    one = search.kernel(region) if search.least(region) < apart else None
                    if one and search.target.score(one) < apart:
                        kernels[i] = one
                        del kernels[j]
                        continue
                j += 1
            i += 1
        return kernels

    @staticmethod
    def _depends(later: Sequence[Kernel], first: Kernel) -> bool:
        return any(set(first.region.outputs) & set(k.region.leaves) for k in later)
