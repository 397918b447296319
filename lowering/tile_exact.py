"""Run a tile program on exact values: the meaning of its steps, tile by tile and chunk by chunk, without any rounding.

What is read is evaluated whole by the exact evaluator and cut to the tile; every step, correction and store is done here as
`tile.py` says.  To add here: the meaning of a kind of step.  Never here: how a backend spells it, what equality means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from commute.lowering.blocks import Condition
from commute.lowering.registry import Unsupported
from commute.lowering.tile import FLOOR, Compute, Leaf, Loop, Moved, Operand, Running, TileKernel, TileProgram, Value
from commute.theory.axes import Axis
from commute.theory.ops import COMPOSITES
from commute.theory.terms import Term, postorder, read
from commute.verify.contract import contract
from commute.verify.engine import Engine
from commute.verify.exact_array import ExactArray, compare, maximum, minimum, where
from commute.verify.unroll import opened

Array = np.ndarray[Any, Any]
Exact = ExactArray | Array
Block = Mapping[Axis, tuple[int, int]]


class ExactRun:
    """One run of a program; `arrays` has what is stored so far.  `engine` holds the inputs and the sizes, parts included."""

    def __init__(self, engine: Engine):
        self.engine, self.space, self.sizes = engine, engine.space, engine.sizes
        self.arrays: dict[str, ExactArray] = {}

    def run(self, program: TileProgram) -> None:
        """All kernels in order."""
        self.space.refine = None
        with np.errstate(all="ignore"):
            for kernel in program.kernels:
                for name, array in KernelRun(self, kernel).run().items():
                    self.arrays[name] = self.engine.read_values[name] = array

    def size(self, a: Axis) -> int:
        """How many indices an axis has."""
        return a.size.at(self.sizes)


class Stored:
    """An array that is being written: `written` says where."""

    def __init__(self, run: ExactRun, axes: Sequence[Axis]):
        self.run, self.axes = run, tuple(axes)
        self.shape = tuple(map(run.size, axes))
        self.written = np.zeros(self.shape, dtype=bool)
        self.memory = run.space.whole(np.zeros((1, int(np.prod(self.shape))), dtype=np.int64))

    def put(self, value: ExactArray, own: Sequence[Axis], at: Block) -> None:
        """Store a tile; axes that the value lacks are at one place."""
        ranges = [np.arange(*at.get(a, (0, n))) for a, n in zip(self.axes, self.shape, strict=True)]
        place = np.ix_(*ranges)
        self.written[place] = True
        flat = np.arange(self.written.size).reshape(self.shape)[place]
        shape = [len(r) for r in ranges]
        value = value.reshape(*(n if a in own else 1 for a, n in zip(self.axes, shape, strict=True))).broadcast_to(*shape)
        self.memory = self.memory.put(flat.reshape(1, -1), value.reshape(flat.size))

    def array(self) -> ExactArray:
        """The array; it must have been written everywhere."""
        if not self.written.all():
            raise AssertionError("a part of an array was never stored")
        return self.memory.reshape(*self.shape)


class KernelRun:
    """One kernel, for every part and tile."""

    def __init__(self, run: ExactRun, kernel: TileKernel):
        self.outer, self.kernel, self.space, self.engine = run, kernel, run.space, run.engine
        self.stored = {w.name: Stored(run, w.axes) for w in kernel.writes}
        self.values: dict[Value, ExactArray] = {}
        self.numbers: dict[Value, Term] = {}
        self.old: dict[Value, ExactArray] = {}
        self.local: dict[Axis, tuple[int, int]] = {}
        self.spans: dict[Axis, tuple[int, int]] = {}

    def run(self) -> dict[str, ExactArray]:
        """What the kernel stores."""
        for _ in self.tiles():
            self.values, self.numbers = {}, {}
            for step in self.kernel.body:
                self.loop(step) if isinstance(step, Loop) else self.compute(step)
            for value, name in self.kernel.stores:
                self.store(value, name)
        return {name: s.array() for name, s in self.stored.items()}

    def tiles(self) -> Iterator[None]:
        """Every part and tile; axes that are woven one by one are taken whole."""
        ways: list[list[tuple[Axis, tuple[int, int]]]] = []
        split = self.kernel.split
        if split is not None:
            n = self.outer.size(split.axis)
            ways.append([(split.axis, (s, min(s + split.length, n))) for s in range(0, n, split.length)])
        for a, t in self.kernel.grid.items():
            if t > 1 and (split is None or a != split.axis):
                n = self.outer.size(a)
                ways.append([(a, (s, min(s + t, n))) for s in range(0, n, t)])
        for choice in product(*ways):
            self.local = dict(choice)
            if split is not None:
                start, end = self.spans[split.axis] = self.local[split.axis]
                self.local[split.part] = (start // split.length, start // split.length + 1)
            yield

    def store(self, value: Value, name: str) -> None:
        """A value into its array."""
        self.stored[name].put(self.values[value], value.axes, self.local)

    # --- operands ----------------------------------------------------------------------------------------------------

    def extent(self, a: Axis) -> int:
        """How many indices of an axis the tile has."""
        start, end = self.local.get(a, (0, self.outer.size(a)))
        return end - start

    def whole(self, o: Operand) -> Exact:
        """An operand over its own axes, truth values and integers as they are."""
        if isinstance(o, Value):
            return self.values[o]
        if isinstance(o, Moved):
            now = self.values[o.value]
            return now - self.old[o.value] if o.value in self.old else now * self.space.const(0)
        if isinstance(o, Leaf):
            return self.leaf(o)
        start, end = self.local[o.axis]
        return self.space.const(end - self.spans.get(o.axis, (0, 0))[0])

    def leaf(self, o: Leaf) -> Exact:
        """What is read, cut to the tile."""
        (term,) = opened([o.term])
        if term not in self.engine.values:
            self.engine.run([term])
        value = self.engine.values[term]
        cuts = tuple(slice(*self.local[a]) if a in self.local else slice(None) for a in o.axes)
        if isinstance(value, ExactArray):
            return value.moved(lambda x: x[(slice(None), *cuts)]) if o.axes else value
        return value[(slice(None), *cuts)]

    def real(self, o: Operand, axes: Sequence[Axis] | None = None) -> ExactArray:
        """An operand as real numbers, aligned to axes."""
        value = self.engine.real(self.whole(o))
        return value if axes is None else value.reshape(*(self.extent(a) if a in o.axes else 1 for a in axes))

    def aligned(self, o: Operand, axes: Sequence[Axis]) -> Exact:
        """The same, truth values and integers as they are."""
        value = self.whole(o)
        if isinstance(value, ExactArray):
            return self.real(o, axes)
        return value.reshape(value.shape[0], *(self.extent(a) if a in o.axes else 1 for a in axes))

    # --- steps -------------------------------------------------------------------------------------------------------

    def compute(self, step: Compute) -> None:
        """target = op(args)."""
        number = self.number(step)
        if number is not None:
            self.numbers[step.target] = number
            self.engine.run([number])
            self.values[step.target] = self.engine.real(self.engine.values[number])
            return
        shape = [self.extent(a) for a in step.target.axes]
        self.numbers.pop(step.target, None)
        self.values[step.target] = self.computed(step).broadcast_to(*shape)

    def number(self, step: Compute) -> Term | None:
        """A step on numbers alone as a term: roots and logarithms of numbers are exact as terms only."""
        if step.op not in ("sqrt", "log", "recip") or step.target.axes:
            return None
        (a,) = step.args
        if isinstance(a, Leaf) and not any(t.op == "input" for t in postorder(a.term)):
            return Term(step.op, (a.term,))
        return Term(step.op, (self.numbers[a],)) if isinstance(a, Value) and a in self.numbers else None

    def computed(self, step: Compute) -> ExactArray:
        """The right-hand side."""
        axes = step.target.axes
        if step.op == "con":
            return self.contracted(step.args, axes, step.bound)
        if step.op == "sum":
            return self.total([self.real(a, axes) for a in step.args])
        if step.op == "reduce":
            return self.reduced(step.attrs[0], step.args[0], step.bound)
        if step.op in ("floored", "unfloored"):
            return self.floor(step)
        return self.applied(step.op, [self.aligned(a, axes) for a in step.args])

    @staticmethod
    def total(terms: Sequence[ExactArray]) -> ExactArray:
        """A sum."""
        result = terms[0]
        for t in terms[1:]:
            result = result + t
        return result

    def floor(self, step: Compute) -> ExactArray:
        """An infinity replaced by the floor, or given back."""
        value, least = self.real(step.args[0]), step.attrs[0] == "max"
        low = self.space.input(np.full([1] * (1 + len(value.shape)), FLOOR if least else -FLOOR))
        if step.op == "floored":
            return (maximum if least else minimum)(value, low)
        if not least:
            raise Unsupported("a least value of nothing")
        return where(compare("le", value, low), self.space.ninf().reshape(*[1] * len(value.shape)), value)

    def applied(self, op: str, args: Sequence[Exact]) -> ExactArray:
        """An operator of theory; composites by their definition."""
        if op in COMPOSITES:
            holes = [read(f"argument {i}", [], []) for i in range(len(args))]
            known: dict[Term, Exact] = dict(zip(holes, args, strict=True))
            root = COMPOSITES[op].definition(tuple(holes), ())
            for t in postorder(root):
                if t not in known:
                    number = not any(s in holes for s in postorder(t))
                    known[t] = self.constant(t) if number else self.applied(t.op, [known[a] for a in t.args])
            return self.engine.real(known[root])
        if op == "where":
            mask, *branches = args
            assert isinstance(mask, np.ndarray)
            return where(mask, *(self.engine.real(b) for b in branches))
        real = [self.engine.real(a) for a in args]
        if op in ("max", "min"):
            return (maximum if op == "max" else minimum)(*real)
        if op in ("add", "mul"):
            return real[0] + real[1] if op == "add" else real[0] * real[1]
        return real[0].unary(op)

    def constant(self, t: Term) -> Exact:
        """A number in the definition of a composite: roots of numbers are exact as terms only."""
        self.engine.run([t])
        return self.engine.values[t]

    def reduced(self, kind: str, arg: Operand, bound: Sequence[Axis]) -> ExactArray:
        """A fold over whole axes of the tile."""
        value = self.real(arg)
        for a in bound:
            dim = arg.axes.index(a)
            value = {"max": value.max, "min": value.min, "prod": value.prod, "sum": value.sum}[kind](dim)
        return value.reshape(*(self.extent(a) for a in arg.axes if a not in bound))

    def contracted(self, args: Sequence[Operand], axes: Sequence[Axis], bound: Sequence[Axis]) -> ExactArray:
        """A sum over axes of a product."""
        if not bound:
            result = self.real(args[0], axes)
            for a in args[1:]:
                result = result * self.real(a, axes)
            return result
        values = [(self.real(a), a.axes) for a in args]
        if not all(v.finite for v, _ in values):
            raise Unsupported("a sum of products with values that may be -inf")
        carried = {a for _, own in values for a in own}
        sizes = {a: self.extent(a) for a in (*carried, *bound)}
        result = contract(values, tuple(axes), sizes)
        spare = int(np.prod([sizes[a] for a in bound if a not in carried]))
        return result if spare == 1 else result * self.space.const(spare).reshape(*[1] * len(result.shape))

    # --- loops -------------------------------------------------------------------------------------------------------

    def loop(self, loop: Loop) -> None:
        """One pass over an axis."""
        axis, before = loop.axis, self.local.get(loop.axis)
        start, end = self.spans.get(axis, (0, self.outer.size(axis)))
        self.old = {}
        for s in loop.steps:
            if isinstance(s, Running):
                self.begin(s)
        for first in range(start, end, loop.chunk):
            self.local[axis] = (first, min(first + loop.chunk, end))
            if loop.skip and self.holds(loop.skip):
                continue
            for step in loop.steps:
                self.take_in(step) if isinstance(step, Running) else self.compute(step)
            self.old = {v: self.values[v] for v in loop.watched}
            for value, name in loop.stores:
                self.store(value, name)
        del self.local[axis]
        if before is not None:
            self.local[axis] = before

    def begin(self, s: Running) -> None:
        """The state before the first chunk."""
        shape = [self.extent(a) for a in s.target.axes]
        if s.kind in ("max", "min"):
            if s.floored:
                number = FLOOR if s.kind == "max" else -FLOOR
            elif s.kind == "max":
                self.values[s.target] = self.space.ninf().reshape(*[1] * len(shape)).broadcast_to(*shape)
                return
            else:
                number = float(2**1000)
            value = self.space.input(np.full((1, *shape), number))
        else:
            value = self.space.whole(np.full((1, *shape), int(s.kind == "prod"), dtype=np.int64))
        self.values[s.target] = value

    def take_in(self, s: Running) -> None:
        """The state after a chunk."""
        axes = s.target.axes
        state = self.values[s.target]
        for o in s.scale:
            state = state * self.real(o, axes)
        for factors in s.moved:
            state = state + self.contracted(factors, axes, ())
        body = self.contracted(s.args, axes, s.bound) if s.kind == "sum" else self.reduced(s.kind, s.args[0], s.bound)
        if s.kind in ("sum", "prod"):
            state = state + body if s.kind == "sum" else state * body
        else:
            state = (maximum if s.kind == "max" else minimum)(state, body)
        self.values[s.target] = state.broadcast_to(*(self.extent(a) for a in axes))

    def holds(self, skip: Condition) -> bool:
        """Whether a condition holds throughout the block."""
        return any(all(self.half(h.slopes, h.rest.at(self.outer.sizes)) for h in case) for case in skip.cases)

    def half(self, slopes: Sequence[tuple[Axis, int]], rest: int) -> bool:
        """Whether a half-space holds at its worst corner."""
        for a, slope in slopes:
            first, end = self.local.get(a, (0, self.outer.size(a)))
            rest += slope * ((end - 1) if slope > 0 else first)
        return rest < 0
