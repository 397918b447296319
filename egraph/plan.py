"""A plan: the chosen form as kernels over named arrays, with what each moves, holds and costs; plain data to read and write.

To add here: a figure that a reader of a plan needs.  Never here: the search, or code for a machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from commute.egraph.derivation import Rewrite
from commute.egraph.evidence import Evidence
from commute.egraph.forms import Forms, Node
from commute.egraph.kernels import Kernel, Target
from commute.egraph.planning import Planned
from commute.theory.axes import Axis
from commute.theory.board import board
from commute.theory.codec import Table
from commute.theory.machines import Machine
from commute.theory.terms import Term, index, postorder, read

if TYPE_CHECKING:
    from commute.egraph.symbolic import Formulae

FORMAT = "commute plan 1"


@dataclass(frozen=True)
class Made:
    """An array that a kernel writes: its name, its axes, and its term over inputs and arrays of earlier kernels."""

    name: str
    axes: tuple[Axis, ...]
    term: Term


@dataclass(frozen=True)
class KernelPlan:
    """One kernel in a reader's words: what it writes and reads, how it is tiled, and the model's figures.

    `grid` maps grouped axes to their tiles, `stream` is the streamed axis and its chunk, `passes` how often it is gone over,
    `corrected` the reductions that run beside the one they depend on (board notation), `split` an axis parted over groups.
    """

    makes: tuple[Made, ...]
    reads: tuple[str, ...]
    grid: dict[Axis, int]
    stream: tuple[Axis, int] | None
    passes: int
    corrected: tuple[str, ...]
    split: tuple[Axis, int] | None
    share: float
    figures: dict[str, float]
    bound_by: str
    kernel: Kernel = field(repr=False, compare=False)
    arrays: dict[int, Term] = field(repr=False, compare=False, default_factory=dict)

    def labels(self) -> list[str]:
        """The labels of its wires: `q / 64` grouped, `x ~ 128` streamed, `x | 8` parted."""
        marks = [f"{a.name} / {t}" for a, t in self.grid.items()]
        marks += [f"{self.stream[0].name} ~ {self.stream[1]}"] if self.stream else []
        return marks + ([f"{self.split[0].name} | {self.split[1]}"] if self.split else [])


@dataclass(frozen=True)
class OpaqueKernel:
    """A call of an operator that isn't lifted, kept as it is between kernels: it runs before kernel `before` (from 0 on).

    Its cost isn't known, and no figure of a plan counts it.
    """

    operator: str
    place: str
    reads: tuple[str, ...]
    makes: tuple[str, ...]
    before: int


@dataclass(frozen=True)
class Rival:
    """A plan that lost, and why."""

    terms: tuple[Term, ...]
    kernels: int
    figures: dict[str, float]
    reason: str


@dataclass
class Plan:
    """The cheapest plan that was found for a program on a machine.

    `term` is its (first) result's form, proved equal to `reference`; `verdict` is PROVED or CHECKED with `certificate`, or
    UNKNOWN; `cost` holds seconds, traffic and memory (values), bytes, joules and operations of the whole run; `streams` are
    the claims that the schedule rests on, `scheduled` the results as its kernels compute them, each pass a fold.
    """

    name: str
    machine: str
    dtype: str
    objective: str
    sizes: dict[str, int]
    reference: tuple[Term, ...]
    terms: tuple[Term, ...]
    axes: tuple[tuple[Axis, ...], ...]
    kernels: tuple[KernelPlan, ...]
    cost: dict[str, float]
    derivation: tuple[Rewrite, ...] = ()
    verdict: str = "UNKNOWN"
    reason: str = ""
    certificate: dict[str, Any] | None = None
    axioms: tuple[str, ...] = ()
    frontier: tuple[dict[str, float], ...] = ()
    rivals: tuple[Rival, ...] = ()
    search: dict[str, Any] = field(default_factory=dict)
    gain: dict[str, float] = field(default_factory=dict)
    streams: tuple[Evidence, ...] = ()
    scheduled: tuple[Term, ...] = ()
    opaque: tuple[OpaqueKernel, ...] = ()
    forms: Forms | None = field(default=None, repr=False, compare=False)
    row: Machine | None = field(default=None, repr=False, compare=False)

    @property
    def schedule(self) -> str:
        """What is proved of the order of work, in words."""
        if self.verdict == "UNKNOWN":
            return "nothing is proved of the schedule"
        said = next((e for e in self.streams if e.what == "schedule"), None)
        if said is None or said.proved:
            return "the schedule too, by a certificate" if said else "no axis is gone over in a loop"
        return f"the schedule isn't covered: {said.reason}"

    @property
    def term(self) -> Term:
        """The form of the first result."""
        return self.terms[0]

    def formulae(self) -> tuple[Formulae, ...]:
        """H and M of each kernel as formulae in sizes and tiles, with closed-form optima; () without the space of forms."""
        if self.forms is None:
            return ()
        from commute.egraph.symbolic import formulae

        return tuple(formulae(self.forms, k.kernel, self.sizes) for k in self.kernels)

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON; terms in the format of certificates, and in board notation beside it."""
        table = Table()
        roots = [table.add(t) for t in self.terms]
        return {
            "format": FORMAT, "name": self.name, "machine": self.machine, "dtype": self.dtype, "objective": self.objective,
            "sizes": self.sizes, "verdict": self.verdict, "reason": self.reason, "axioms": list(self.axioms),
            "nodes": table.rows, "terms": roots, "form": [board(t) for t in self.terms], "cost": self.cost, "gain": self.gain,
            "kernels": [kernel_json(k) for k in self.kernels],
            "opaque": [asdict(o) for o in self.opaque], "search": self.search, "certificate": self.certificate,
            "formulae": [f.to_json() for f in self.formulae()],
            "derivation": [{"move": r.move, "laws": list(r.laws), "after": board(r.after)} for r in self.derivation],
            "streams": [e.to_json() for e in self.streams], "schedule": self.schedule,
            "scheduled": [table.add(t) for t in self.scheduled], "frontier": list(self.frontier),
            "rivals": [
                {"form": [board(t) for t in r.terms], "kernels": r.kernels, **r.figures, "reason": r.reason}
                for r in self.rivals
            ],
        }  # fmt: skip


def kernel_json(k: KernelPlan) -> dict[str, Any]:
    """A kernel as JSON."""
    return {
        "writes": {m.name: board(m.term) for m in k.makes}, "reads": list(k.reads), "labels": k.labels(), "passes": k.passes,
        "corrected": list(k.corrected), "share": k.share, "bound_by": k.bound_by, **k.figures,
    }  # fmt: skip


def kernel_plans(forms: Forms, planned: Planned, roots: Mapping[int, str]) -> tuple[KernelPlan, ...]:
    """The kernels of a planned form over named arrays; `roots` names the results, other stored arrays are t1, t2, ..."""
    names = dict(roots)
    for kernel in planned.kernels:
        for c in kernel.region.outputs:
            names.setdefault(c, f"t{len(names) - len(roots) + 1}")
    arrays = {c: _array(forms, c, name) for c, name in names.items()}
    return tuple(_kernel_plan(forms, planned.choice, kernel, names, arrays) for kernel in planned.kernels)


def _array(forms: Forms, c: int, name: str) -> Term:
    axes = sorted(forms.free[c], key=lambda a: a.key)
    return read(name, [index(a) for a in axes], [a.size for a in axes])


def _kernel_plan(
    forms: Forms, choice: Mapping[int, Node], kernel: Kernel, names: Mapping[int, str], arrays: Mapping[int, Term]
) -> KernelPlan:
    region = kernel.region
    terms: dict[int, Term] = {c: arrays[c] for c in region.leaves if c in arrays}
    for c in region.leaves:
        terms.setdefault(c, forms.term[c])
    for c in region.inner:
        terms[c] = forms.term_of(region.node[c], terms)
    made = tuple(Made(names[c], tuple(sorted(forms.free[c], key=lambda a: a.key)), terms[c]) for c in region.outputs)
    reads = dict.fromkeys(t.attrs[0] for m in made for t in postorder(m.term) if t.op == "input")
    corrected = tuple(board(forms.term[c]) for c in kernel.passes.corrected) if kernel.passes else ()
    figures = {
        "seconds": kernel.seconds, "traffic": kernel.traffic, "memory": kernel.memory, "groups": kernel.groups,
        "matmul": kernel.matmul, "vector": kernel.vector, "exp": kernel.exp, "joules": kernel.joules, "bytes": kernel.bytes,
    }  # fmt: skip
    return KernelPlan(
        made, tuple(reads), kernel.tiles, (kernel.stream, kernel.chunk) if kernel.stream else None,
        kernel.passes.count if kernel.passes else 1, corrected,
        (kernel.split, kernel.parts) if kernel.split is not None and kernel.parts > 1 else None,
        kernel.share, figures, kernel.bound_by, kernel, {c: arrays[c] for c in region.leaves if c in arrays},
    )  # fmt: skip


def totals(planned: Planned, target: Target) -> dict[str, float]:
    """The figures of a whole run."""
    kernels = planned.kernels
    return {
        "seconds": sum(k.seconds for k in kernels), "traffic": sum(k.traffic for k in kernels),
        "memory": planned.memory, "bytes": sum(k.traffic for k in kernels) * target.bytes,
        "joules": sum(k.joules for k in kernels), "flops": sum(k.matmul + k.vector for k in kernels),
        "exps": sum(k.exp for k in kernels), "kernels": float(len(kernels)),
    }  # fmt: skip
