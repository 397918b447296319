"""From a region of a plan to the steps of a tile program: what is computed before, in and after each pass over an axis.

Within a pass, what is computed from running states moves: it is computed again in every chunk, and states that depend on it
are corrected (`motion.py`).  The size of the streamed axis in what moves counts the indices seen so far, so a running mean is
the mean of a prefix.  To add here: how a region becomes steps.  Never here: parted axes (`tile_split.py`), spelling.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from commute.egraph.cost import Region
from commute.egraph.forms import Forms, Node
from commute.egraph.masks import empty_where
from commute.egraph.streams import Passes
from commute.lowering.blocks import Condition, condition
from commute.lowering.moments import Moments
from commute.lowering.motion import Motion
from commute.lowering.tile import Compute, Leaf, Loop, Moved, Operand, Running, Seen, Step, Value
from commute.theory.axes import Axis
from commute.theory.terms import Term, size_value


@dataclass
class Moving:
    """What moves along an axis: the classes, and those among them that read the size of the axis."""

    classes: frozenset[int]
    counted: frozenset[int]


@dataclass
class Builder:
    """Builds the steps of one region.

    `arrays` maps classes that are stored to the reads of their arrays, `given` classes to values that are there already.
    """

    forms: Forms
    region: Region
    arrays: Mapping[int, Term]
    given: Mapping[int, Value] = field(default_factory=dict)
    numbers: Iterable[int] = field(default_factory=count)
    active: dict[Axis, Moving] = field(default_factory=dict)
    values: dict[tuple[int, frozenset[Axis]], Value] = field(default_factory=dict)
    floored: set[int] = field(default_factory=set)
    moments: dict[int, Moments] = field(default_factory=dict)
    shared: dict[tuple[str, tuple[Operand, ...]], Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.node: Mapping[int, Node] = self.region.node
        self.inner = [c for c in self.region.inner if c not in self.given]
        self.member = frozenset(self.inner)

    # --- operands ----------------------------------------------------------------------------------------------------

    def fresh(self, axes: Iterable[Axis]) -> Value:
        """A new value."""
        return Value(f"v{next(iter(self.numbers))}", tuple(sorted(set(axes), key=lambda a: a.key)))

    def value(self, c: int) -> Value:
        """The value of a class that this kernel computes; what counts seen indices is a value of its own."""
        if c in self.given:
            return self.given[c]
        key = (c, frozenset(a for a, m in self.active.items() if c in m.counted))
        if key not in self.values:
            self.values[key] = self.fresh(self.forms.free[c])
        return self.values[key]

    def operand(self, c: int, reader: int | None = None) -> Operand:
        """A value of this kernel, or something that is read."""
        if c in self.member or c in self.given:
            return self.value(c)
        term = self.arrays.get(c, self.forms.term[c])
        for axis, moving in self.active.items():
            if reader in moving.classes and term is size_value(axis.size):
                return Seen(axis)
        return Leaf(term, tuple(sorted(self.forms.free[c], key=lambda a: a.key)))

    def compute(self, c: int) -> list[Compute]:
        """A class on a tile."""
        node = self.node[c]
        bound = _ordered(node.bound)
        step = Compute(self.value(c), node.op, tuple(self.operand(a, c) for a in node.args), bound, node.attrs)
        return [step, self.floor(c)] if c in self.floored else [step]

    def floor(self, c: int, op: str = "floored") -> Compute:
        """A reduction whose infinity is the floor (or is given back)."""
        value = self.value(c)
        return Compute(value, op, (value,), (), (self.node[c].attrs[0],))

    def unfloor(self, classes: Collection[int], used: Collection[int]) -> list[Compute]:
        """Infinities given back to those floored reductions that are used."""
        read = {a for c in used for a in self.node[c].args} | set(self.region.outputs)
        return [self.floor(c, "unfloored") for c in classes if c in self.floored and c in read]

    # --- what moves --------------------------------------------------------------------------------------------------

    def moving(self, axis: Axis, late: Collection[int]) -> Moving:
        """The late classes, and what is computed from the size of the axis for them."""
        reads = {c: any(self._is_size(a, axis) for a in self.node[c].args) for c in self.inner}
        sized: set[int] = set()
        for c in self.inner:
            if axis not in self.forms.free[c] and axis not in self.node[c].bound:
                if reads[c] or any(a in sized for a in self.node[c].args):
                    sized.add(c)
        wanted = set(late)
        stack = list(late)
        while stack:
            for a in self.node[stack.pop()].args:
                if a in sized and a not in wanted:
                    wanted.add(a)
                    stack.append(a)
        return Moving(frozenset(wanted), frozenset(wanted & sized))

    def _is_size(self, c: int, axis: Axis) -> bool:
        return c not in self.member and c not in self.given and self.forms.term[c] is size_value(axis.size)

    def floors(self, axis: Axis, reductions: Collection[int], readers: Collection[int]) -> set[int]:
        """The largest and smallest values that something else of the pass depends on: they start at the floor."""
        found = set()
        for c in reductions:
            node = self.node[c]
            if node.op == "reduce" and node.attrs[0] in ("max", "min") and any(c in self.node[d].args for d in readers):
                found.add(c)
        return found

    # --- the body ----------------------------------------------------------------------------------------------------

    def body(self, passes: Passes | None, chunk: int = 1) -> list[Compute | Loop]:
        """All steps, without a loop or in passes over an axis."""
        if passes is None:
            return [s for c in self.inner for s in self.compute(c)]
        steps: list[Compute | Loop] = [s for c in passes.before if c in self.member for s in self.compute(c)]
        for p in sorted(passes.loop):
            steps.append(self.loop(passes, p, chunk))
            after = [c for c in passes.after.get(p, []) if c in self.member]
            later = [*after, *(c for q, ops in passes.loop.items() if q > p for c in ops)]
            states = [c for c in passes.loop[p] if passes.axis in self.node[c].bound]
            if passes.axis not in self.active:
                steps += self.unfloor(states, later)
            steps += [s for c in after for s in self.compute(c)]
        return steps

    def late(self, passes: Passes, p: int) -> set[int]:
        """What doesn't carry the axis but moves within pass p, for something in the pass reads it."""
        after = {c for q, ops in passes.after.items() if q >= p for c in ops}
        needed: set[int] = set()
        stack = [a for c in passes.loop[p] for a in self.node[c].args]
        while stack:
            c = stack.pop()
            if c in after and c not in needed:
                needed.add(c)
                stack += self.node[c].args
        return needed

    def loop(self, passes: Passes, p: int, chunk: int) -> Loop:
        """Pass p: chunks in, states on."""
        axis, inside = passes.axis, [c for c in passes.loop[p] if c in self.member]
        late = self.late(passes, p)
        states = [c for c in inside if axis in self.node[c].bound]
        motion = Motion(self.forms, self.node, self.inner, axis, states, late)
        moving = self.moving(axis, late)
        self.floored |= self.floors(axis, states, [*inside, *late])
        self.shared = {}
        outer = self.active.get(axis)
        both = outer and Moving(moving.classes | outer.classes, moving.counted | outer.counted)
        self.active[axis] = both or moving
        steps: list[Step] = []
        for c in self.inner:
            if c in states:
                steps += self.running(c, motion)
            elif c in inside or c in moving.classes:
                steps += self.compute(c)
        stores = tuple((self.value(c), str(self.arrays[c].attrs[0])) for c in self._written(passes, p))
        if outer is None:
            del self.active[axis]
        else:
            self.active[axis] = outer
        whole = any(isinstance(s, Running) and s.moved for s in steps)
        skip = self.skip([c for c in states]) if not stores and not whole else None
        return Loop(axis, chunk, tuple(steps), stores, skip)

    def _written(self, passes: Passes, p: int) -> list[int]:
        """Results that carry the axis, in the last pass in which they are computed."""
        return [
            c for c in self.region.outputs
            if passes.axis in self.forms.free[c] and p == max((q for q, ops in passes.loop.items() if c in ops), default=0)
        ]  # fmt: skip

    def skip(self, states: Sequence[int]) -> Condition | None:
        """Where the body of every reduction is its unit."""
        empty = [empty_where(self.forms, self.node, c) for c in states]
        common = [t for t in (empty[0] if empty else []) if all(t in e for e in empty)]
        cases = tuple(case for t in common for case in condition(t))
        return Condition(cases) if cases else None

    # --- running states ----------------------------------------------------------------------------------------------

    def running(self, c: int, motion: Motion) -> list[Step]:
        """A reduction over the streamed axis, after what corrects it, with the lower moments that it needs."""
        node = self.node[c]
        kind = "sum" if node.op == "con" else node.attrs[0]
        args, bound = tuple(self.operand(a, c) for a in node.args), _ordered(node.bound)
        if not motion.moves(c):
            return [Running(self.value(c), kind, args, bound, floored=c in self.floored)]
        moments = self.corrected(c, motion, lambda d: Moved(self.value(d)))
        steps: list[Step] = list(moments.before)
        for degrees in moments.order:
            steps.append(
                Running(
                    moments.values[degrees], kind, moments.body(degrees), bound, moments.scale, moments.lower(degrees),
                    c in self.floored,
                )
            )  # fmt: skip
        return steps

    def corrected(self, c: int, motion: Motion, moved: Callable[[int], Operand]) -> Moments:
        """The moments of a reduction and what corrects them."""
        factors = motion.factors(c)
        made = Moments(self, self.value(c), factors, moved, self.node[c])
        self.moments[c] = made
        return made


def _ordered(axes: Iterable[Axis]) -> tuple[Axis, ...]:
    return tuple(sorted(axes, key=lambda a: a.key))
