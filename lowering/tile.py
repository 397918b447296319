"""The tile program: what one kernel of a plan does to the tiles of its arrays, in order; the one input of every backend.

A tile program is built from a plan only.  It names grouped axes with their tiles, the streamed axis with its chunk, and three
kinds of step: an array is computed elementwise or by a contraction, a running reduction takes in a chunk, a result is stored.
To add here: a kind of step that every backend can spell.  Never here: the spelling, or a choice that the plan has made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from commute.egraph.forms import Forms, Node
from commute.egraph.plan import KernelPlan, Plan
from commute.egraph.streams import Passes
from commute.theory.axes import Axis
from commute.theory.terms import Term


@dataclass(frozen=True)
class Value:
    """An array of the tile program: a name and its axes, in the order of their keys."""

    name: str
    axes: tuple[Axis, ...]


@dataclass(frozen=True)
class Leaf:
    """Something that is only read: an input or stored array at index terms, a number, a mask of indices."""

    term: Term
    axes: tuple[Axis, ...]


Operand = Value | Leaf


@dataclass(frozen=True)
class Compute:
    """target = op(args) on tiles; `con` sums a product over `bound`, `sum` adds, `reduce` folds over one whole axis."""

    target: Value
    op: str
    args: tuple[Operand, ...]
    bound: tuple[Axis, ...] = ()
    attrs: tuple = ()


@dataclass(frozen=True)
class Shift:
    """A part of a sum that moves from chunk to chunk: a value, times operands that don't move."""

    value: Value
    times: tuple[Operand, ...] = ()


@dataclass(frozen=True)
class Running:
    """A state that takes in a chunk: target = correction(target) + reduction of the body over the chunk.

    `kind` is sum, max, min or prod; `args` the factors of the body.  Where the body depends on other states, `scales` lists the
    shifts under an exponential (the state is multiplied by exp of how far they moved), and `shifts` gives for the factors
    that move by a shift what moves (the state is re-centred with its lower moments, kept in `moments`).
    """

    target: Value
    kind: str
    args: tuple[Operand, ...]
    bound: tuple[Axis, ...]
    scales: tuple[Shift, ...] = ()
    shifts: tuple[tuple[int, tuple[Shift, ...]], ...] = ()


@dataclass(frozen=True)
class Loop:
    """One pass over the streamed axis."""

    axis: Axis
    chunk: int
    steps: tuple[Compute | Running, ...]
    stores: tuple[tuple[Value, str], ...] = ()


@dataclass(frozen=True)
class TileKernel:
    """One kernel: grid, then steps and loops in order, then what it stores (value -> name of the array)."""

    name: str
    grid: Mapping[Axis, int]
    body: tuple[Compute | Loop, ...]
    stores: tuple[tuple[Value, str], ...]
    split: tuple[Axis, int] | None
    plan: KernelPlan

    @property
    def stream(self) -> tuple[Axis, int] | None:
        """The streamed axis and its chunk."""
        return self.plan.stream

    def __str__(self) -> str:
        return as_text(self)


def tile_program(plan: Plan, forms: Forms) -> tuple[TileKernel, ...]:
    """The kernels of a plan as tile programs, in the order in which they run."""
    return tuple(_Builder(forms, k, f"{plan.name}_{i}").build() for i, k in enumerate(plan.kernels))


class _Builder:
    """Builds one kernel."""

    def __init__(self, forms: Forms, plan: KernelPlan, name: str):
        self.forms, self.plan, self.name = forms, plan, name
        self.region = plan.kernel.region
        self.node: Mapping[int, Node] = self.region.node
        self.names = {c: m.name for c, m in zip(self.region.outputs, plan.makes, strict=True)}
        self.arrays = plan.arrays
        self.values: dict[int, Value] = {}

    def build(self) -> TileKernel:
        passes = self.plan.kernel.passes
        body: list[Compute | Loop] = []
        if passes is None:
            body += [self.compute(c) for c in self.region.inner]
        else:
            body += [self.compute(c) for c in passes.before]
            for p in sorted(passes.loop):
                body.append(self.loop(passes, p))
                body += [self.compute(c) for c in passes.after.get(p, [])]
        stores = [c for c in self.region.outputs if passes is None or passes.axis not in self.forms.free[c]]
        kept = tuple((self.value(c), self.names[c]) for c in stores)
        return TileKernel(self.name, self.plan.grid, tuple(body), kept, self.plan.split, self.plan)

    # --- operands ----------------------------------------------------------------------------------------------------

    def value(self, c: int) -> Value:
        """The value of a class that this kernel computes."""
        if c not in self.values:
            axes = tuple(sorted(self.forms.free[c], key=lambda a: a.key))
            self.values[c] = Value(f"v{len(self.values)}", axes)
        return self.values[c]

    def operand(self, c: int) -> Operand:
        """A value of this kernel, or something that is read."""
        if c in self.region.inner:
            return self.value(c)
        term = self.arrays.get(c, self.forms.term[c])
        return Leaf(term, tuple(sorted(self.forms.free[c], key=lambda a: a.key)))

    def compute(self, c: int) -> Compute:
        """A class on a tile."""
        node = self.node[c]
        bound = tuple(sorted(node.bound, key=lambda a: a.key))
        return Compute(self.value(c), node.op, tuple(map(self.operand, node.args)), bound, node.attrs)

    # --- loops -------------------------------------------------------------------------------------------------------

    def _carries(self, c: int, passes: Passes) -> bool:
        return passes.axis in self.forms.free[c]

    def _moving(self, passes: Passes, p: int) -> list[int]:
        """What doesn't carry the axis but moves within pass p, for something in the pass reads it."""
        inner = set(self.region.inner)
        late = {c for q, ops in passes.after.items() if q >= p for c in ops}
        states = {c for c in passes.loop[p] if passes.axis in self.node[c].bound}
        needed: set[int] = set()
        stack = [a for c in passes.loop[p] for a in self.node[c].args if a in inner and not self._carries(a, passes)]
        while stack:
            c = stack.pop()
            if c in late and c not in needed and c not in states:
                needed.add(c)
                stack += [a for a in self.node[c].args if a in inner and not self._carries(a, passes)]
        return [c for c in self.region.inner if c in needed]

    def loop(self, passes: Passes, p: int) -> Loop:
        """Pass p: chunks in, states on."""
        moving = set(self._moving(passes, p)) if any(c in passes.corrected for c in passes.loop[p]) else set()
        steps: list[Compute | Running] = []
        for c in self.region.inner:
            if c in passes.loop[p] and passes.axis in self.node[c].bound:
                steps.append(self.running(c, passes, moving))
            elif c in passes.loop[p] or c in moving:
                steps.append(self.compute(c))
        written = [c for c in self.region.outputs if self._carries(c, passes) and c in passes.loop[p]]
        last = p == max(passes.loop)
        stores = tuple((self.value(c), self.names[c]) for c in written) if last else ()
        assert self.plan.stream is not None
        return Loop(passes.axis, self.plan.stream[1], tuple(steps), stores)

    def running(self, c: int, passes: Passes, moving: set[int]) -> Running:
        """A reduction over the streamed axis, with what corrects it."""
        node = self.node[c]
        bound = tuple(sorted(node.bound, key=lambda a: a.key))
        kind = "sum" if node.op == "con" else node.attrs[0]
        states = {d for d in passes.loop.get(1, []) if passes.axis in self.node[d].bound} | moving
        scales: list[Shift] = []
        shifts: list[tuple[int, tuple[Shift, ...]]] = []
        if c in passes.corrected:
            for place, a in enumerate(node.args):
                found = self._scales(a, states, passes)
                scales += found
                if not found and (parts := self._shifts(a, states, passes)):
                    shifts.append((place, tuple(parts)))
        return Running(self.value(c), kind, tuple(map(self.operand, node.args)), bound, tuple(scales), tuple(shifts))

    def _scales(self, c: int, states: set[int], passes: Passes) -> list[Shift]:
        """What moves under the exponentials of a factor."""
        if c not in self.region.inner or not self._carries(c, passes):
            return []
        node = self.node[c]
        if node.op == "exp":
            return self._shifts(node.args[0], states, passes)
        if node.op in ("con", "where"):
            return [s for a in node.args for s in self._scales(a, states, passes)]
        return []

    def _shifts(self, c: int, states: set[int], passes: Passes) -> list[Shift]:
        """The parts of a sum that move."""
        if c in states:
            return [Shift(self.value(c))]
        if c not in self.region.inner:
            return []
        node = self.node[c]
        if node.op in ("sum", "where", "reduce"):
            return [s for a in node.args for s in self._shifts(a, states, passes)]
        if node.op == "con" and not node.bound:
            found: list[Shift] = []
            for i, a in enumerate(node.args):
                rest = tuple(self.operand(b) for j, b in enumerate(node.args) if j != i)
                found += [Shift(s.value, (*s.times, *rest)) for s in self._shifts(a, states, passes)]
            return found
        return []


def as_text(kernel: TileKernel) -> str:
    """The tile program as text, one step a line."""
    marks = ", ".join(kernel.plan.labels())
    lines = [f"kernel {kernel.name}({', '.join(kernel.plan.reads)})  [{marks}]"]
    for step in kernel.body:
        if isinstance(step, Loop):
            lines.append(f"  for {step.axis.name} in chunks of {step.chunk}:")
            lines += [f"    {_line(s)}" for s in step.steps]
            lines += [f"    store {array} <- {value.name}" for value, array in step.stores]
        else:
            lines.append(f"  {_line(step)}")
    lines += [f"  store {array} <- {value.name}" for value, array in kernel.stores]
    return "\n".join(lines)


def _line(step: Compute | Running) -> str:
    args = ", ".join(a.name if isinstance(a, Value) else str(a.term) for a in step.args)
    over = f" over {', '.join(a.name for a in step.bound)}" if step.bound else ""
    axes = ", ".join(a.name for a in step.target.axes)
    if isinstance(step, Compute):
        return f"{step.target.name}[{axes}] = {step.op}({args}){over}"
    notes = [f"scaled by exp({_moved(s)})" for s in step.scales]
    notes += [f"re-centred by {', '.join(_moved(s) for s in parts)}" for _, parts in step.shifts]
    return f"{step.target.name}[{axes}] {step.kind}= ({args}){over}" + (f"  # {'; '.join(notes)}" if notes else "")


def _moved(shift: Shift) -> str:
    times = "".join(f"*{o.name if isinstance(o, Value) else o.term}" for o in shift.times)
    return f"moved {shift.value.name}{times}"
