"""A reduced axis that is parted over groups: one kernel stores the states of every part, a second one merges them.

The parts' states form a monoid: largest values are joined, sums are added after each part's are corrected by how far the
merged values are from the part's own (the corrections of a running state, `moments.py`, over parts instead of chunks).
To add here: what parting an axis needs.  Never here: which axis is parted (the plan says).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import ceil

from commute.egraph.cost import Region
from commute.egraph.forms import Forms
from commute.egraph.plan import KernelPlan
from commute.egraph.streams import Passes, Scheduler
from commute.lowering.moments import Moments
from commute.lowering.motion import Motion
from commute.lowering.registry import Unsupported
from commute.lowering.tile import Array, Compute, Leaf, Loop, Operand, Split, TileKernel, Value, part_axis
from commute.lowering.tile_build import Builder
from commute.lowering.tile_reads import arrays_read, live
from commute.theory.axes import Axis
from commute.theory.terms import MINUS_ONE, index, read


@dataclass
class Splitter:
    """Makes the two kernels of a plan's kernel whose axis is parted."""

    forms: Forms
    plan: KernelPlan
    name: str
    number: int

    def __post_init__(self) -> None:
        assert self.plan.split is not None
        kernel = self.plan.kernel
        self.region, self.axis, self.part = kernel.region, self.plan.split[0], part_axis(self.number)
        self.node = self.region.node
        passes = Scheduler(self.forms, self.node, self.region.inner, self.region.outputs, self.axis).schedule()
        if passes.count != 1:
            raise Unsupported("parts of an axis that takes more than one pass")
        self.states = [c for c in self.region.inner if self.axis in self.node[c].bound]
        blank = Builder(self.forms, self.region, self.plan.arrays)
        self.late = blank.late(passes, 1)
        self.motion = Motion(self.forms, self.node, self.region.inner, self.axis, self.states, self.late)
        self.moving = [c for c in self.states if self.motion.moves(c)]
        watched = {d for c in self.moving for d in self.motion.watched(c)}
        self.watched = [c for c in self.region.inner if c in watched and c not in self.states]
        self.stored: dict[str, tuple[Value, Array]] = {}
        self.differences: dict[int, Value] = {}

    def kernels(self) -> tuple[TileKernel, TileKernel]:
        """The kernel of the parts and the one that merges them."""
        parts = self.parts()
        return parts, self.merge()

    # --- the parts ---------------------------------------------------------------------------------------------------

    def parts(self) -> TileKernel:
        """The states of every part."""
        outputs = (*self.states, *self.watched)
        region = Region(outputs, self.reached(outputs, ()), self.region.leaves, self.node)
        arrays = dict(self.plan.arrays) | {
            c: read(f"{self.name}_{i}", [index(a) for a in axes], [a.size for a in axes])
            for i, c in enumerate(outputs)
            for axes in [self.with_part(self.forms.free[c])]
        }
        builder = self.partial = Builder(self.forms, region, arrays)
        builder.active[self.axis] = builder.moving(self.axis, self.late)
        carrying = [c for c in region.inner if self.axis in self.forms.free[c]]
        builder.floored |= builder.floors(self.axis, self.states, [*carrying, *self.late])
        stream = self.plan.stream
        passes: Passes | None = None
        if stream is not None and any(stream[0] in self.forms.free[c] | self.node[c].bound for c in region.inner):
            passes = Scheduler(self.forms, self.node, region.inner, outputs, stream[0]).schedule()
        body = builder.body(passes, stream[1] if stream else 1)
        if passes is None or passes.axis != self.axis:
            body += self.lower_moments(builder, passes)
        inside = {v for s in body if isinstance(s, Loop) for v, _ in s.stores}
        stores = []
        for c in outputs:
            self.keep(builder.value(c), arrays[c].attrs[0])
            stores += [(builder.value(c), arrays[c].attrs[0])] if builder.value(c) not in inside else []
        for c in self.moving:
            for degrees in builder.moments[c].order[1:]:
                value = builder.moments[c].values[degrees]
                stores.append((value, self.keep(value, f"{self.name}_{len(self.stored)}")))
        body = live(body, [v for v, _ in stores] + list(inside))
        grid = {a: t for a, t in self.plan.grid.items() if a != self.axis}
        writes = tuple(array for _, array in self.stored.values())
        split = Split(self.axis, self.part, self.length())
        return TileKernel(f"{self.name}_parts", grid, tuple(body), tuple(stores), arrays_read(body), writes, split)

    def lower_moments(self, builder: Builder, passes: Passes | None) -> list[Compute | Loop]:
        """The moments of reductions over a whole part."""
        steps: list[Compute | Loop] = []
        for c in self.moving:
            made = Moments(builder, builder.value(c), self.motion.factors(c), lambda d: Leaf(MINUS_ONE, ()), self.node[c])
            builder.moments[c] = made
            for degrees in made.order[1:]:
                axes = {a for o in made.body(degrees) for a in o.axes} | self.node[c].bound
                if passes is not None and passes.axis in axes:
                    raise Unsupported("moments of a part that is streamed along another axis")
                bound = tuple(sorted(self.node[c].bound, key=lambda a: a.key))
                steps.append(Compute(made.values[degrees], "con", made.body(degrees), bound))
        return steps

    def length(self) -> int:
        """How many indices a part has."""
        assert self.plan.split is not None
        if self.axis in self.plan.grid:
            return self.plan.grid[self.axis]
        chunk = self.plan.stream[1] if self.plan.stream else 1
        return ceil(ceil(self.plan.kernel.full[self.axis] / self.plan.split[1]) / chunk) * chunk

    def keep(self, value: Value, name: str) -> str:
        """Remember where a value of the parts is stored."""
        self.stored[name] = value, Array(name, self.with_part(value.axes))
        return name

    def with_part(self, axes: Collection[Axis]) -> tuple[Axis, ...]:
        """Axes of an array over the parts."""
        return tuple(sorted({*axes, self.part}, key=lambda a: a.key))

    def reached(self, outputs: Collection[int], stop: Collection[int]) -> tuple[int, ...]:
        """What the outputs are computed from."""
        member, seen, stack = set(self.region.inner), set(), list(outputs)
        while stack:
            c = stack.pop()
            if c in member and c not in seen:
                seen.add(c)
                stack += () if c in stop else self.node[c].args
        return tuple(c for c in self.region.inner if c in seen)

    # --- the merge ---------------------------------------------------------------------------------------------------

    def merge(self) -> TileKernel:
        """The states of all parts as one, and what is computed from them."""
        tail = [c for c in self.reached(self.region.outputs, self.states) if c not in self.states]
        region = Region(self.region.outputs, self.region.inner, self.region.leaves, self.node)
        given: dict[int, Value] = {}
        builder = Builder(self.forms, region, self.plan.arrays, given)
        times = {d for c in self.moving for d in self.times(c)}
        needed = set(self.reached((*self.watched, *times), self.states)) - set(self.states)
        steps: list[Compute | Loop] = []
        for c in self.region.inner:
            if c in self.states:
                target = builder.fresh(self.forms.free[c])
                steps += self.merged(builder, c, target)
                given[c] = target
            elif c in needed:
                steps += builder.compute(c)
        builder.floored = set(self.partial.floored)
        steps += builder.unfloor(self.states, tail)
        steps += [s for c in tail for s in self.plain(builder, c)]
        names = {c: m.name for c, m in zip(self.region.outputs, self.plan.makes, strict=True)}
        stores = tuple((builder.value(c), names[c]) for c in self.region.outputs)
        steps = live(steps, [v for v, _ in stores])
        writes = tuple(Array(m.name, m.axes) for m in self.plan.makes)
        return TileKernel(f"{self.name}_merge", {}, tuple(steps), stores, arrays_read(steps), writes)

    @staticmethod
    def plain(builder: Builder, c: int) -> list[Compute]:
        """A class, without a floor of its own."""
        return builder.compute(c)[:1]

    def times(self, c: int) -> set[int]:
        """What the movements are multiplied by."""
        factors = self.motion.factors(c)
        return {d for parts in (*factors.scales, *(s for _, s in factors.shifted)) for p in parts for d in p.times}

    def leaf(self, value: Value) -> Leaf:
        """A value of the parts, as it was stored."""
        array = next(a for v, a in self.stored.values() if v == value)
        return Leaf(read(array.name, [index(a) for a in array.axes], [a.size for a in array.axes]), array.axes)

    def merged(self, builder: Builder, c: int, target: Value) -> list[Compute]:
        """One state from the states of the parts."""
        node, own = self.node[c], self.leaf(self.partial.value(c))
        kind = "sum" if node.op == "con" else node.attrs[0]
        if c not in self.moving:
            return [self.joined(kind, target, (own,))]
        steps: list[Compute] = []

        def moved(d: int) -> Operand:
            if d in self.differences:
                return self.differences[d]
            ours, back = self.leaf(self.partial.value(d)), builder.fresh((*self.forms.free[d], self.part))
            difference = builder.fresh(back.axes)
            steps.append(Compute(back, "con", (Leaf(MINUS_ONE, ()), ours), (), (frozenset(),)))
            steps.append(Compute(difference, "sum", (builder.operand(d), back)))
            self.differences[d] = difference
            return difference

        made = Moments(builder, target, self.motion.factors(c), moved, node)
        steps += made.before
        if kind != "sum":
            shifted = builder.fresh((*target.axes, self.part))
            return [*steps, Compute(shifted, "sum", (own, *made.shift)), self.joined(kind, target, (shifted,))]
        values = self.partial.moments[c].values
        sums = [builder.fresh(target.axes) for _ in made.order] if len(made.order) > 1 else [target]
        for low, part in zip(made.order, sums, strict=True):
            factors = (*made.weights(made.full, low), *made.scale, self.leaf(values[low]))
            steps.append(self.joined("sum", part, factors))
        return steps + ([Compute(target, "sum", tuple(sums))] if len(sums) > 1 else [])

    def joined(self, kind: str, target: Value, args: tuple[Operand, ...]) -> Compute:
        """A reduction over the parts."""
        if kind == "sum":
            return Compute(target, "con", args, (self.part,))
        return Compute(target, "reduce", args, (self.part,), (kind, self.part))
