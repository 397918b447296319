"""The C++ backend: a tile program as C++17 with OpenMP, which g++ compiles and ctypes calls.

One grid axis, the widest, is the vector axis: it lies innermost in every tile, so that sums, maxima and corrections go down
columns and a contraction is a product in registers (`tile.h`).  To add here: the spelling of a step or an operator.
Never here: a choice of the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from commute.lowering.blocks import Condition
from commute.lowering.cpp_terms import Spelling
from commute.lowering.tile import FLOOR, Compute, Leaf, Loop, Moved, Operand, Running, Seen, TileKernel, TileProgram, Value
from commute.theory.axes import Axis, Size

START = {"sum": "0.0f", "max": "-INFINITY", "min": "INFINITY", "prod": "1.0f"}


@lru_cache
def head() -> str:
    """The text that every emitted file begins with."""
    return Path(__file__).with_name("tile.h").read_text(encoding="utf-8")


@dataclass
class Pending:
    """Loops that are not printed yet: statements over one set of axes, with what they read and write."""

    order: tuple[Axis, ...]
    statements: list[str]
    reads: set[str]
    writes: set[str]


class CppPrinter:
    """Prints one kernel as a C++ function of pointers and sizes.

    `shapes` are the shapes of the arrays that it reads, `sorts` the C++ types of those that aren't float; `sizes` are the
    numbers that the plan was made for, a hint at which axes are long.
    """

    def __init__(
        self, kernel: TileKernel, shapes: Mapping[str, Sequence[Size]], sizes: Mapping[str, int], sorts: Mapping[str, str]
    ):
        self.kernel, self.shapes, self.hints, self.sorts = kernel, shapes, sizes, sorts
        self.grid = dict(kernel.grid) | ({kernel.split.part: 1} if kernel.split else {})
        self.stream = next((s for s in kernel.body if isinstance(s, Loop)), None)
        self.vector = self._vector()
        self.spell = Spelling(shapes, self._name)
        self.lines: list[str] = []
        self.depth = 0
        self.rooms: dict[str, str] = {}
        self.pending: Pending | None = None
        self.packs = 0

    # --- axes --------------------------------------------------------------------------------------------------------

    def _vector(self) -> Axis | None:
        """The vector axis: the grid axis of the widest tile, or the widest axis of the results."""
        wide = {a: t for a, t in self.kernel.grid.items() if t > 1}
        if wide:
            return max(wide, key=lambda a: (wide[a], a.key))
        axes = {a for s in self.kernel.steps for a in s.target.axes if a not in self.grid}
        return max(axes, key=lambda a: (self._hint(a), a.key), default=None)

    def _hint(self, a: Axis) -> int:
        return a.size.at(self.hints) if a.size.symbols <= set(self.hints) else 1

    @staticmethod
    def _name(a: Axis) -> str:
        """The name of an axis as a C++ identifier."""
        base = "".join(c if c.isalnum() else "_" for c in str(a.size)).strip("_")
        return f"{'s' if base[:1].isdigit() else ''}{base}{a.copy or ''}"

    def _size(self, a: Axis) -> str:
        return self.spell.size(a.size)

    def _streams(self, a: Axis) -> bool:
        return self.stream is not None and a == self.stream.axis

    def _parted(self, a: Axis) -> bool:
        return self.kernel.split is not None and a == self.kernel.split.axis

    def _tile(self, a: Axis) -> str:
        """The room that an axis takes in a tile."""
        if a in self.grid:
            return str(self.grid[a])
        if self._streams(a):
            assert self.stream is not None
            return str(self.stream.chunk)
        if self._parted(a):
            assert self.kernel.split is not None
            return str(self.kernel.split.length)
        return self._size(a)

    def _moves(self, a: Axis) -> bool:
        return a in self.grid or self._streams(a) or self._parted(a)

    def _extent(self, a: Axis) -> str:
        """How many indices of an axis there are now."""
        return f"n_{self._name(a)}" if self._moves(a) else self._size(a)

    def _order(self, axes: Sequence[Axis]) -> list[Axis]:
        """The axes of a tile, outermost first: woven ones are left out, the vector axis comes last."""
        kept = [a for a in axes if self.grid.get(a) != 1 and a != self.vector]
        return [*kept, *(a for a in axes if a == self.vector)]

    def _row(self, a: Axis) -> str:
        return f"padded({self._tile(a)})" if a == self.vector else self._tile(a)

    def _place(self, v: Value) -> str:
        """The place of an element of a tile."""
        text = "0"
        for a in self._order(v.axes):
            text = f"i_{self._name(a)}" if text == "0" else f"({text}) * {self._row(a)} + i_{self._name(a)}"
        return text

    def _step(self, v: Value, axis: Axis) -> str:
        """How far apart neighbours along an axis lie in a tile."""
        order = self._order(v.axes)
        return " * ".join(self._row(a) for a in order[order.index(axis) + 1 :]) or "1"

    def _room(self, name: str, axes: Sequence[Axis]) -> None:
        self.rooms[name] = " * ".join(self._row(a) for a in self._order(axes)) or "1"

    # --- the function ------------------------------------------------------------------------------------------------

    def source(self) -> str:
        """The function's source."""
        k = self.kernel
        for step in k.steps:
            self._room(step.target.name, step.target.axes)
        body = self._body()
        arrays = [f"const {self.sorts.get(n, 'float')}* {n}" for n in k.reads]
        results = [f"float* {a.name}" for a in k.writes]
        sizes = [f"int64_t {s}" for s in self.symbols()]
        lines = [f'extern "C" void {k.name}({", ".join([*arrays, *results, *sizes])}) {{', "#pragma omp parallel", "  {"]
        lines.append(f"    Room room({' + '.join(f'({c} + 64) * 4' for c in self.rooms.values()) or '64'});")
        lines += [f"    float* {n} = room.take({c});" for n, c in self.rooms.items()]
        return "\n".join([*lines, *body, "  }", "}"])

    def symbols(self) -> list[str]:
        """The size symbols that the function takes, in order."""
        sizes = [size for n in self.kernel.reads for size in self.shapes[n]]
        sizes += [a.size for s in self.kernel.steps for a in (*s.target.axes, *s.bound)] + [a.size for a in self.grid]
        return sorted({s for size in sizes for s in size.symbols})

    def sizes(self) -> list[str]:
        """The size symbols, but for numbers of parts."""
        return [s for s in self.symbols() if not s.startswith("parts")]

    def _say(self, line: str) -> None:
        self.lines.append("    " + "  " * self.depth + line)

    def _body(self) -> list[str]:
        grid = list(self.grid)
        self._say(f"#pragma omp for collapse({len(grid)}) schedule(dynamic)" if grid else "#pragma omp single")
        for a in grid:
            n = self._name(a)
            self._say(f"for (int64_t o_{n} = 0; o_{n} < {self._size(a)}; o_{n} += {self.grid[a]})")
        self._say("{")
        self.depth += 1
        for a in grid:
            n = self._name(a)
            self._say(f"const int64_t n_{n} = std::min<int64_t>({self.grid[a]}, {self._size(a)} - o_{n});")
        self._part()
        for step in self.kernel.body:
            self._loop(step) if isinstance(step, Loop) else self._compute(step)
        for value, name in self.kernel.stores:
            self._store(value, name)
        self._flush()
        self.depth -= 1
        self._say("}")
        return self.lines

    def _part(self) -> None:
        """Where a part of a split axis begins and how long it is."""
        split = self.kernel.split
        if split is None:
            return
        n, part = self._name(split.axis), self._name(split.part)
        start = "s" if self._streams(split.axis) else "o"
        self._say(f"const int64_t {start}_{n} = o_{part} * {split.length};")
        length = "l" if self._streams(split.axis) else "n"
        self._say(f"const int64_t {length}_{n} = std::min<int64_t>({split.length}, {self._size(split.axis)} - {start}_{n});")

    # --- loops over a tile -------------------------------------------------------------------------------------------

    def _nest(self, axes: Sequence[Axis], statement: str, reads: Sequence[Operand], write: str) -> None:
        """A statement for every index of some axes, the vector axis innermost; joined with the loops before where it may."""
        order = tuple(self._order(axes))
        names = {o.name: o for o in map(_value_of, reads) if o is not None}
        p = self.pending
        clash = p is None or p.order != order or any(
            tuple(self._order(v.axes)) != order and n in p.writes for n, v in names.items()
        )  # fmt: skip
        if clash or (p is not None and write in p.reads | p.writes and write not in names):
            self._flush()
            self.pending = p = Pending(order, [], set(), set())
        assert p is not None
        p.statements.append(statement)
        p.reads |= set(names)
        p.writes.add(write)

    def _flush(self) -> None:
        """Print the loops that wait."""
        p, self.pending = self.pending, None
        if p is None:
            return
        for a in p.order[:-1]:
            self._for(a)
        if p.order:
            if p.order[-1] == self.vector:
                self._say("#pragma omp simd")
            self._for(p.order[-1])
        for line in p.statements:
            self._say(line)
        self._close(len(p.order))

    def _for(self, a: Axis) -> None:
        n = self._name(a)
        self._say(f"for (int64_t i_{n} = 0; i_{n} < {self._extent(a)}; i_{n}++) {{")
        self.depth += 1

    def _close(self, count: int) -> None:
        for _ in range(count):
            self.depth -= 1
            self._say("}")

    def _at(self, o: Operand) -> str:
        """An element of an operand."""
        if isinstance(o, Value):
            return f"{o.name}[{self._place(o)}]"
        if isinstance(o, Moved):
            place = self._place(o.value)
            return f"(first ? 0.0f : {o.value.name}[{place}] - {o.value.name}_old[{place}])"
        if isinstance(o, Seen):
            n = self._name(o.axis)
            return f"(float)(o_{n} + n_{n} - s_{n})" if self._streams(o.axis) else f"(float)n_{n}"
        return self.spell.term(o.term, self._global)

    def _global(self, a: Axis) -> str:
        """The index of an axis in the whole array."""
        n = self._name(a)
        if self.grid.get(a) == 1:
            return f"o_{n}"
        return f"(o_{n} + i_{n})" if self._moves(a) else f"i_{n}"

    # --- steps -------------------------------------------------------------------------------------------------------

    def _compute(self, step: Compute) -> None:
        target = step.target
        if step.op == "con" and step.bound:
            self._contract(target, step.args, step.bound, more=False)
        elif step.op == "reduce":
            self._start(target, START[step.attrs[0]])
            self._fold(target, step.attrs[0], step.args, step.bound)
        else:
            value = self._value(step.op, [self._at(a) for a in step.args], "min" in step.attrs)
            self._nest(target.axes, f"{target.name}[{self._place(target)}] = {value};", step.args, target.name)

    def _value(self, op: str, args: Sequence[str], low: bool) -> str:
        if op in ("con", "sum"):
            return {"con": " * ", "sum": " + "}[op].join(args)
        if op == "floored":
            return f"fmin2({args[0]}, {-FLOOR!r}f)" if low else f"fmax2({args[0]}, {FLOOR!r}f)"
        if op == "unfloored":
            return (
                f"({args[0]} >= {-FLOOR!r}f ? INFINITY : {args[0]})"
                if low
                else f"({args[0]} <= {FLOOR!r}f ? -INFINITY : {args[0]})"
            )
        return self.spell.operator(op, args)

    def _start(self, target: Value, value: str) -> None:
        self._nest(target.axes, f"{target.name}[{self._place(target)}] = {value};", (), target.name)

    def _fold(self, target: Value, kind: str, args: Sequence[Operand], bound: Sequence[Axis]) -> None:
        """Take a reduction into a state: down the columns, or along the vector axis."""
        body = " * ".join(self._at(a) for a in args)
        place = f"{target.name}[{self._place(target)}]"
        if self.vector in bound:
            self._along(target, kind, body, bound)
            return
        axes = [*(a for a in target.axes if a != self.vector), *bound, *(a for a in target.axes if a == self.vector)]
        if self.vector is not None and self.vector not in axes and any(self.vector in o.axes for o in args):
            axes.append(self.vector)
        self._nest(axes, f"{place} = {_joined(kind, place, body)};", (*args, target), target.name)

    def _along(self, target: Value, kind: str, body: str, bound: Sequence[Axis]) -> None:
        """A reduction along the vector axis: one number for each position of the others."""
        self._flush()
        others = self._order([a for a in (*target.axes, *bound) if a != self.vector])
        for a in others:
            self._for(a)
        sign = {"sum": "+", "prod": "*", "max": "max", "min": "min"}[kind]
        place = f"{target.name}[{self._place(target)}]"
        self._say(f"{{ float acc = {place};")
        self._say(f"#pragma omp simd reduction({sign}:acc)")
        assert self.vector is not None
        self._for(self.vector)
        self._say(f"acc = {_joined(kind, 'acc', body)};")
        self._close(1)
        self._say(f"{place} = acc; }}")
        self._close(len(others))

    # --- contractions ------------------------------------------------------------------------------------------------

    def _contract(self, target: Value, args: Sequence[Operand], bound: Sequence[Axis], *, more: bool) -> None:
        """target (+)= sum over bound of a product: a product in registers where one side alone carries the vector axis."""
        found = self._sides(target, [a for a in args if a.axes], bound)
        if found is None:
            if not more:
                self._start(target, START["sum"])
            self._fold(target, "sum", args, bound)
            return
        left, right, row, inner = found
        packed = self._packed(right, [a for a in args if a is not left and a is not right])
        outer = [a for a in self._order(target.axes) if a not in (row, self.vector)]
        extra = [a for a in bound if a != inner and self.grid.get(a) != 1]
        if extra and not more:
            self._start(target, START["sum"])
        self._flush()
        for a in (*outer, *extra):
            self._for(a)
        self._say("{")
        self.depth += 1
        for a in (row, inner, self.vector):
            if a is not None:
                self._say(f"const int64_t i_{self._name(a)} = 0;")
        self._say(self._matmul(target, left, packed, row, inner, bool(more or extra)))
        self._close(1 + len(outer) + len(extra))

    def _matmul(self, target: Value, left: Operand, right: Value, row: Axis | None, inner: Axis, more: bool) -> str:
        assert self.vector is not None
        if isinstance(left, Value):
            base, rs, cs = f"{left.name} + {self._place(left)}", self._step(left, row) if row else "0", self._step(left, inner)
        else:
            assert isinstance(left, Leaf)
            stride = self.spell.stride
            base = self.spell.address(left.term, self._global)
            rs, cs = stride(left.term, row) if row else "0", stride(left.term, inner)
        rows = self._extent(row) if row else "1"
        columns = f"padded({self._extent(self.vector)})"
        b, c = f"{right.name} + {self._place(right)}", f"{target.name} + {self._place(target)}"
        ldc = self._step(target, row) if row else "0"
        ldb, add = self._step(right, inner), "true" if more else "false"
        return f"matmul({rows}, {columns}, {self._extent(inner)}, {base}, {rs}, {cs}, {b}, {ldb}, {c}, {ldc}, {add});"

    def _sides(
        self, target: Value, arrays: Sequence[Operand], bound: Sequence[Axis]
    ) -> tuple[Operand, Operand, Axis | None, Axis] | None:
        """(the side without the vector axis, the one with it, the row axis, the innermost summed axis), or None."""
        if self.vector is None or self.vector in bound or self.vector not in target.axes:
            return None
        right = max((a for a in arrays if self.vector in a.axes), key=lambda a: len(a.axes), default=None)
        left = max((a for a in arrays if self.vector not in a.axes), key=lambda a: len(a.axes), default=None)
        if left is None or right is None or not all(set(a.axes) <= set(right.axes) for a in arrays if a is not left):
            return None
        if not isinstance(left, Value) and not (isinstance(left, Leaf) and self.spell.plain(left.term)):
            return None
        shared = [a for a in bound if a in left.axes and a in right.axes and self.grid.get(a) != 1]
        rows = [a for a in self._order(target.axes) if a in left.axes and a not in right.axes]
        row = max(rows, key=lambda a: (self._hint(a), a.key), default=None)
        inner = max(shared, key=lambda a: (self._hint(a), a.key), default=None)
        return None if inner is None else (left, right, row, inner)

    def _packed(self, o: Operand, further: Sequence[Operand]) -> Value:
        """A tile of what is read, the vector axis innermost, times further factors; a value that needs neither stays."""
        if isinstance(o, Value) and not further:
            return o
        value = Value(f"p{self.packs}", tuple(o.axes))
        self.packs += 1
        self._room(value.name, value.axes)
        factors = " * ".join(self._at(x) for x in (o, *further))
        self._nest(value.axes, f"{value.name}[{self._place(value)}] = {factors};", (o, *further), value.name)
        return value

    # --- streams -----------------------------------------------------------------------------------------------------

    def _loop(self, loop: Loop) -> None:
        for s in loop.steps:
            if isinstance(s, Running):
                floor = FLOOR if s.kind == "max" else -FLOOR
                self._start(s.target, f"{floor!r}f" if s.floored else START[s.kind])
        for v in loop.watched:
            self._room(f"{v.name}_old", v.axes)
        self._flush()
        n, size = self._name(loop.axis), self._size(loop.axis)
        parted = self._parted(loop.axis)
        if not parted:
            self._say(f"{{ const int64_t s_{n} = 0, l_{n} = {size};")
        else:
            self._say("{")
        self._say("bool first = true;")
        self._say(f"for (int64_t o_{n} = s_{n}; o_{n} < s_{n} + l_{n}; o_{n} += {loop.chunk}) {{")
        self.depth += 1
        self._say(f"const int64_t n_{n} = std::min<int64_t>({loop.chunk}, s_{n} + l_{n} - o_{n});")
        if loop.skip is not None:
            self._say(f"if ({self._holds(loop.skip)}) continue;")
        for step in loop.steps:
            self._running(step) if isinstance(step, Running) else self._compute(step)
        for v in loop.watched:
            place = self._place(v)
            self._nest(v.axes, f"{v.name}_old[{place}] = {v.name}[{place}];", (v,), f"{v.name}_old")
        for value, name in loop.stores:
            self._store(value, name)
        self._flush()
        self._say("first = false; (void)first;")
        self.depth -= 1
        self._say("} }")

    def _holds(self, condition: Condition) -> str:
        """Whether a mask holds on the whole block: every half-space at its worst corner."""
        cases = []
        for case in condition.cases:
            parts = []
            for h in case:
                terms = [f"{s} * ({self._corner(a, last=s > 0)})" for a, s in h.slopes]
                parts.append(f"{' + '.join([*terms, self.spell.size(h.rest) if h.rest.terms else '0'])} < 0")
            cases.append(f"({' && '.join(parts)})")
        return " || ".join(cases)

    def _corner(self, a: Axis, *, last: bool) -> str:
        n = self._name(a)
        first = f"o_{n}" if self._moves(a) else "0"
        return f"{first} + {self._extent(a)} - 1" if last else first

    def _running(self, step: Running) -> None:
        target = step.target
        place = f"{target.name}[{self._place(target)}]"
        if step.scale or step.moved:
            state = " * ".join([place, *map(self._at, step.scale)])
            state = " + ".join([state, *(" * ".join(map(self._at, p)) for p in step.moved)])
            read = [target, *step.scale, *(o for p in step.moved for o in p)]
            self._nest(target.axes, f"{place} = {state};", read, target.name)
        if step.kind == "sum":
            self._contract(target, step.args, step.bound, more=True)
        else:
            self._fold(target, step.kind, step.args, step.bound)

    def _store(self, value: Value, name: str) -> None:
        array = next(a for a in self.kernel.writes if a.name == name)
        address = "0"
        for a in array.axes:
            address = self._global(a) if address == "0" else f"({address}) * {self._size(a)} + {self._global(a)}"
        self._nest(value.axes, f"{name}[{address}] = {self._at(value)};", (value,), name)


def _value_of(o: Operand) -> Value | None:
    return o if isinstance(o, Value) else o.value if isinstance(o, Moved) else None


def _joined(kind: str, state: str, body: str) -> str:
    """A state joined with a number."""
    return {"sum": f"{state} + {body}", "prod": f"{state} * {body}"}.get(kind) or f"f{kind}2({state}, {body})"


def printers(
    program: TileProgram, shapes: Mapping[str, Sequence[Size]], sizes: Mapping[str, int], sorts: Mapping[str, str]
) -> list[CppPrinter]:
    """A printer for each kernel, which knows the shapes of what earlier kernels wrote."""
    known = dict(shapes)
    result = []
    for kernel in program.kernels:
        result.append(CppPrinter(kernel, dict(known), sizes, sorts))
        known |= {a.name: [x.size for x in a.axes] for a in kernel.writes}
    return result
