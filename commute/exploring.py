"""The verb *explore*: the space of programs equal to one, opened to scripts.

    space = commute.explore(fn, sizes={...}, machine="h100")
    print(space.count, space.cheapest(3), space.path(space.written, space.cheapest(1)[0]))

To add here: a question that a script may ask of the space.  Never here: how forms are found (`egraph/`), or a claim
without its proof: forms are equal by moves that nothing rests on until `certify` has proved them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from math import inf, prod
from time import monotonic
from typing import TYPE_CHECKING, Any

from commute.egraph.cost import matmul_sides
from commute.egraph.derivation import Rewrite, derivation
from commute.egraph.forms import Forms, Node
from commute.egraph.kernels import Target
from commute.egraph.moves import Explorer
from commute.egraph.planning import ALONG, Planned, Search
from commute.egraph.space import Choice, Space
from commute.optimizing import all_sizes, target_of
from commute.proof import Proof, deep_recursion, prove_cases
from commute.theory import messages
from commute.theory.board import board
from commute.theory.messages import UsageError
from commute.theory.terms import Term

if TYPE_CHECKING:
    from commute.lowering.lifted import Lifted

INFINITE = "infinite"
MOST_NODES = 12_000
"""So far is a space explored; a chain of 32 matrices has some 7000 nodes."""
POOL = 64
"""So many forms are planned, at least, before the cheapest of them are named."""


def explore(
    fn: Callable[..., Any],
    *,
    sizes: Mapping[str, int] | None = None,
    machine: str | None = None,
    objective: str = "time",
    dtype: str | None = None,
    timeout: float = 10.0,
) -> RewriteSpace:
    """The space of forms equal to `fn`, as far as `timeout` seconds of exploring go.

    Without `sizes` forms are ordered by their nodes, with sizes by operations, with a machine besides by its cost.
    Raises UsageError for an unknown machine, objective or dtype, a machine without sizes, or what can't be lifted.
    """
    from commute.lowering.lift_torch import lift_one
    from commute.lowering.registry import Unsupported

    target = target_of(machine, objective, dtype) if machine is not None else None
    try:
        with deep_recursion():
            lifted = lift_one(fn, opaque=True)
    except Unsupported as error:
        raise UsageError(messages.one_line(error)) from None
    given = all_sizes(lifted, sizes or {}) if sizes or target else None
    forms = Forms()
    with deep_recursion():
        roots = [forms.insert(t) for t in lifted.terms]
        stopped = Explorer(forms, most=MOST_NODES, seconds=timeout).run()
    return RewriteSpace(lifted, forms, tuple(forms.find(r) for r in roots), given, target, stopped)


@dataclass(frozen=True)
class Form:
    """One form of a program: its terms, and its estimate (nodes, operations or what the machine needs, each use counted)."""

    terms: tuple[Term, ...]
    estimate: float
    choice: Choice = field(repr=False, compare=False)

    @property
    def term(self) -> Term:
        """The form of the first result."""
        return self.terms[0]

    def __str__(self) -> str:
        return "\n".join(map(str, self.terms))


@dataclass(frozen=True)
class RewriteSpace:
    """Forms of one program.  `stopped` says why exploring ended: "complete", or the budget that was spent."""

    lifted: Lifted = field(repr=False)
    forms: Forms = field(repr=False)
    roots: tuple[int, ...]
    sizes: dict[str, int] | None
    target: Target | None = field(repr=False)
    stopped: str
    avoided: tuple[frozenset[str], ...] = ()
    tests: tuple[Callable[[Form], bool], ...] = field(default=(), repr=False)

    # --- how many, and which -----------------------------------------------------------------------------------------

    @property
    def count(self) -> int | str:
        """How many terms are equal to the program, or "infinite" where the e-graph has cycles.

        Counted on the e-graph: also terms that compute the same part in two ways, which the walk leaves out.
        """
        return self.count_within(None)

    def count_within(self, nodes: int | None) -> int | str:
        """How many of them have at most so many nodes (inputs, sums, products, operators); filters by test can't be counted."""
        if self.tests:
            raise UsageError(messages.uncounted())
        with deep_recursion():
            found = self.space.count(nodes)
        return INFINITE if found is None else found

    @cached_property
    def space(self) -> Space:
        """The forms as choices over the e-graph."""
        return Space(self.forms, self.roots, self._cost, self._shun if self.avoided else None)

    def __iter__(self) -> Iterator[Form]:
        """Forms, cheapest first by estimate; each computes equal parts in one way."""
        with deep_recursion():
            walk = self.space.walk()
        while True:
            with deep_recursion():
                found = next(walk, None)
                if found is None:
                    return
                form = self._form(found[1], found[0])
            if all(test(form) for test in self.tests):
                yield form

    def cheapest(self, n: int = 1) -> list[Form]:
        """The n cheapest forms: by the kernels of the machine where there is one, among the first by estimate."""
        if self.target is None:
            return list(islice(self, n))
        pool = list(islice(self, max(POOL, 2 * n)))
        costs = {id(f): p.cost for f in pool if (p := self.planned(f)) is not None}
        return sorted((f for f in pool if id(f) in costs), key=lambda f: costs[id(f)])[:n]

    @cached_property
    def written(self) -> Form:
        """The program as it is written."""
        with deep_recursion():
            choice = {c: self.forms.canonical(self.forms.first[c]) for c in self.forms.nodes}
            order = self.forms.order(choice, self.roots)
            whole = Space(self.forms, self.roots, self._cost)
            spent: dict[int, float] = {}
            for c in order:
                own = whole.cost(c, choice[c])
                spent[c] = own + sum(spent[a] for a in choice[c].args)
            return self._form({c: choice[c] for c in order}, sum(spent[r] for r in self.roots))

    # --- filters -----------------------------------------------------------------------------------------------------

    def where(self, test: Callable[[Term], bool]) -> RewriteSpace:
        """The forms all of whose terms pass a test."""
        return self._also(lambda form: all(map(test, form.terms)))

    def without(self, *axes: str) -> RewriteSpace:
        """The forms in which no array that is computed runs over all of these axes; this is counted, too."""
        known = {a.name for free in self.forms.free.values() for a in free}
        if unknown := [a for a in axes if a not in known]:
            raise UsageError(messages.unknown_choice("axis", unknown[0], known))
        return replace(self, avoided=(*self.avoided, frozenset(axes)))

    def within(self, *, kernels: int | None = None, traffic: float | None = None, memory: float | None = None) -> RewriteSpace:
        """The forms whose plan keeps to bounds: on kernels, on traffic H and on memory M (values)."""
        self._machine()

        def keeps(form: Form) -> bool:
            plan = self.planned(form)
            if plan is None:
                return False
            pairs = ((len(plan.kernels), kernels), (plan.traffic, traffic), (plan.memory, memory))
            return all(most is None or value <= most for value, most in pairs)

        return self._also(keeps)

    def _also(self, test: Callable[[Form], bool]) -> RewriteSpace:
        return replace(self, tests=(*self.tests, test))

    def _shun(self, c: int, node: Node) -> bool:
        names = {a.name for a in self.forms.free[c]}
        return node.op != "leaf" and any(axes <= names for axes in self.avoided)

    # --- cost --------------------------------------------------------------------------------------------------------

    def planned(self, form: Form) -> Planned | None:
        """The best kernels for a form, shared work counted once; None where nothing fits the machine."""
        search = self._machine()
        choice = dict(form.choice)
        with deep_recursion():
            while opened := [c for c, n in choice.items() if n.op in ALONG]:
                choice |= {c: search.estimate[c][1] for c in opened}
                choice = {c: choice.get(c) or search.estimate[c][1] for c in self.forms.order(choice, self.roots)}
            search.best = inf  # a form is planned however much dearer it is than the others
            return search.planned(choice)

    def table(self, n: int = 10) -> list[dict[str, Any]]:
        """The n cheapest forms with their costs: rows of plain data."""
        return [self._row(form) for form in self.cheapest(n)]

    def _row(self, form: Form) -> dict[str, Any]:
        row: dict[str, Any] = {"form": [board(t) for t in form.terms], "estimate": form.estimate}
        plan = self.planned(form) if self.target is not None else None
        if plan is not None:
            row |= {"seconds": plan.seconds, "traffic": plan.traffic, "memory": plan.memory, "kernels": len(plan.kernels)}
        return row

    @cached_property
    def _search(self) -> Search:
        assert self.target is not None and self.sizes is not None
        return Search(self.forms, self.roots, self.sizes, self.target, seconds=1e9)

    def _machine(self) -> Search:
        if self.target is None:
            raise UsageError(messages.no_machine())
        return self._search

    def _cost(self, c: int, node: Node) -> float:
        """What a node adds: 1 without sizes, its operations with them, the machine's estimate with a machine."""
        if self.sizes is None:
            return 1.0
        if self.target is not None:
            if node.op not in ALONG:
                return self._search.own_cost(c, node)
            opened = self._search.estimate.get(c, (0.0, node))[0]
            return max(0.0, opened - sum(self._search.estimate[a][0] for a in node.args)) + 1e-15
        if node.op == "leaf":
            return 0.0
        elements = prod(a.size.at(self.sizes) for a in self.forms.free[c] | node.bound)
        if matmul_sides(self.forms, node) is not None:
            return 2.0 * elements
        return float(elements * max(1, sum(1 for a in node.args if self.forms.free[self.forms.find(a)])))

    # --- from one form to another ------------------------------------------------------------------------------------

    def path(self, a: Form, b: Form) -> list[Rewrite]:
        """The steps from one form to another, each a move with the laws that it is made of."""
        with deep_recursion():
            return derivation(self.forms, self.roots, b.choice, a.choice)

    def certify(self, step: Rewrite | tuple[Form, Form], seconds: float = 10.0) -> Proof:
        """Prove the two ends of a step, or two forms, equal for all sizes: true with a `certificate`, else `reasons`."""
        ends = ((step.before,), (step.after,)) if isinstance(step, Rewrite) else (step[0].terms, step[1].terms)
        pairs = list(zip(*ends, strict=True))
        name = self.lifted.programs[0].name
        symbols = {s: "any" for s in self.lifted.symbols}
        claim: dict[str, Any] = {"reference": name, "candidate": "form", "sizes": symbols}
        claim |= {"source": [self.lifted.source[0], ""], "fixed": {}, "assume": {}}
        started = monotonic()
        with deep_recursion():
            proof = prove_cases([("", pairs)], {}, claim, seconds=seconds, saturate=False)
            left = seconds - (monotonic() - started)
            return proof or prove_cases([("", pairs)], {}, claim, seconds=left, saturate=True, earlier=proof)

    # --- to look at --------------------------------------------------------------------------------------------------

    def draw(self, n: int = 3) -> str:
        """The n cheapest forms as diagrams, one below the other: the text of an SVG."""
        from commute.theory.draw import draw_list

        with deep_recursion():
            shown: Iterable[tuple[str, Sequence[Term]]] = [(str(i), f.terms) for i, f in enumerate(self.cheapest(n), 1)]
            return draw_list(shown, title=self.lifted.programs[0].name)

    def _form(self, choice: Choice, estimate: float) -> Form:
        return Form(tuple(self.forms.build(choice, r) for r in self.roots), estimate, choice)
