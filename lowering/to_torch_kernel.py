"""One kernel of a tile program as a Python function of tensors: blocked loops in eager Torch.

Values keep their axes in one fixed order, so that broadcasting needs no permutation.  Axes that are woven one by one are left
whole, for eager Torch has no groups.  To add here: how a kind of step is written.  Never here: the spelling of operators
(`to_torch_terms.py`), the file around the kernels (`to_torch.py`), a choice of the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_lowercase, ascii_uppercase

from commute.lowering.blocks import Condition, Halfspace
from commute.lowering.registry import Unsupported
from commute.lowering.tile import Array, Compute, Leaf, Loop, Moved, Operand, Running, Seen, TileKernel, Value
from commute.lowering.tile_reads import leaves_of
from commute.lowering.to_torch_terms import Reader, spelled, wrapped
from commute.theory.axes import Axis
from commute.theory.terms import REAL, postorder

JOIN = {"max": "torch.maximum({}, {})", "min": "torch.minimum({}, {})", "prod": "{} * {}"}
START = {"sum": "0.0", "max": "-torch.inf", "min": "torch.inf", "prod": "1.0"}


class KernelPrinter:
    """Prints one kernel as a function of the arrays that it reads and the sizes that it needs.

    `hints` has the numbers for which the plan was made: an axis whose tile is all of it needs no loop.
    """

    def __init__(self, kernel: TileKernel, hints: Mapping[Axis, int], renamed: Mapping[str, str]):
        self.kernel, self.hints = kernel, hints
        self.sorts = {t.attrs[0]: t.sort for leaf in leaves_of(kernel.body) for t in postorder(leaf) if t.op == "input"}
        self.reader, self.renamed = Reader(self.like, renamed), renamed
        self.lines: list[str] = []
        self.depth = 1
        self.numbers: set[str] = set()
        self.moved: set[str] = set()
        self.spans: dict[Axis, tuple[str, str]] = {}

    def source(self) -> str:
        """The function's source; it returns what the kernel stores."""
        k = self.kernel
        arguments = [*k.reads, *(self.renamed.get(s, s) for s in self.sizes())]
        self.lines = [f"def {k.name}({', '.join(arguments)}):"]
        self.open_parts()
        for array in k.writes:
            shape = ", ".join(self.reader.size(a.size) for a in array.axes) + "," * (len(array.axes) == 1)
            self.say(f"{array.name} = {self.like()}.new_empty(({shape}))")
        if k.split:
            self.loop_parts()
        for a, tile in k.grid.items():
            if 1 < tile < self.hints.get(a, tile + 1) and a not in self.spans:
                self.tile(a, tile, self.reader.size(a.size))
        for step in k.body:
            self.loop(step) if isinstance(step, Loop) else self.compute(step)
        for value, name in k.stores:
            self.store(value, name)
        self.depth = 1
        self.say(f"return {', '.join(a.name for a in k.writes)}")
        return "\n".join(self.lines)

    # --- names and sizes ---------------------------------------------------------------------------------------------

    def say(self, line: str) -> None:
        """One line."""
        self.lines.append("    " * self.depth + line)

    def like(self) -> str:
        """An array of real numbers, for its dtype and device."""
        for name in self.kernel.reads:
            if self.sorts.get(name) == REAL:
                return name
        raise Unsupported(f"to_torch: {self.kernel.name} reads no real numbers")

    def sizes(self) -> list[str]:
        """The size symbols that the kernel needs, but for numbers of parts."""
        k = self.kernel
        axes = {a for s in k.steps for a in (*s.target.axes, *s.bound)} | set(k.grid) | {a for w in k.writes for a in w.axes}
        axes |= {k.split.axis} if k.split else set()
        terms = [t for leaf in leaves_of(k.body) for t in postorder(leaf)]
        found = {s for a in axes for s in a.size.symbols}
        found |= {s for t in terms if t.op == "axis" for s in t.attrs[0].size.symbols}
        found |= {t.attrs[0] for t in terms if t.op == "size"}
        found |= {s for t in terms if t.op == "input" for n in t.attrs[2] for s in n.symbols}
        return sorted(s for s in found if not s.startswith("parts"))

    @staticmethod
    def plain(a: Axis) -> str:
        """An axis as part of a Python name."""
        base = "".join(c if c.isalnum() else "_" for c in str(a.size)).strip("_")
        return f"{'s' if base[:1].isdigit() else ''}{base}{a.copy or ''}"

    def open_parts(self) -> None:
        """The number of parts of a split axis."""
        if split := self.kernel.split:
            self.say(f"{split.part.size} = -(-{self.reader.size(split.axis.size)} // {split.length})")

    def loop_parts(self) -> None:
        """A loop over the parts of a split axis."""
        split = self.kernel.split
        assert split is not None
        name, size = self.plain(split.axis), self.reader.size(split.axis.size)
        self.say(f"for part in range({split.part.size}):")
        self.depth += 1
        self.say(f"{name}_from, {name}_to = part * {split.length}, min((part + 1) * {split.length}, {size})")
        self.spans[split.axis] = self.reader.local[split.axis] = (f"{name}_from", f"{name}_to")

    def tile(self, a: Axis, step: int, end: str, start: str = "0") -> None:
        """A loop over tiles or chunks of an axis."""
        first, last = f"{self.plain(a)}_0", f"{self.plain(a)}_1"
        self.say(f"for {first} in range({start}, {end}, {step}):")
        self.depth += 1
        self.say(f"{last} = min({first} + {step}, {end})")
        self.reader.local[a] = (first, last)

    # --- operands ----------------------------------------------------------------------------------------------------

    def operand(self, o: Operand) -> str:
        """An operand with its axes in the order of their keys."""
        if isinstance(o, Value):
            return o.name
        if isinstance(o, Leaf):
            return self.reader.leaf(o.term, o.axes)
        if isinstance(o, Moved):
            return self.how_far(o)
        start = self.spans.get(o.axis, ("0", ""))[0]
        end = self.reader.bounds(o.axis)[1]
        return end if start == "0" else f"({end} - {start})"

    def how_far(self, o: Moved) -> str:
        """The name of how far a value has moved in this chunk."""
        name = o.value.name
        if name not in self.moved:
            self.moved.add(name)
            self.say(f"{name}_moved = {name} - {name}_old if {name}_old is not None else torch.zeros_like({name})")
        return f"{name}_moved"

    def is_number(self, o: Operand) -> bool:
        """Whether an operand is a Python number."""
        if isinstance(o, Leaf):
            return self.reader.is_number(o.term)
        return isinstance(o, Seen) or (isinstance(o, Value) and o.name in self.numbers)

    def fitted(self, o: Operand, axes: Sequence[Axis]) -> str:
        """An operand with a dimension of size 1 for every axis that it lacks."""
        return self.spread(self.operand(o), o.axes, axes)

    @staticmethod
    def spread(text: str, own: Sequence[Axis], axes: Sequence[Axis]) -> str:
        """A text over its own axes with dimensions of size 1 for the others."""
        if not own or tuple(own) == tuple(axes):
            return text
        kept = [":" if a in own else "None" for a in axes]
        while kept and kept[0] == "None":
            kept.pop(0)
        return f"{wrapped(text)}[{', '.join(kept)}]" if "None" in kept else text

    # --- steps -------------------------------------------------------------------------------------------------------

    def compute(self, step: Compute) -> None:
        """target = op(args)."""
        if all(self.is_number(a) for a in step.args) and not step.bound and not step.target.axes:
            self.numbers.add(step.target.name)
        self.say(f"{step.target.name} = {self.computed(step)}")

    def computed(self, step: Compute) -> str:
        """The right-hand side."""
        axes = step.target.axes
        if step.op == "con":
            return self.contracted(step.args, axes, step.bound)
        if step.op == "sum":
            return " + ".join(self.fitted(a, axes) for a in step.args)
        if step.op == "reduce":
            return self.reduced(step.attrs[0], step.args[0], step.bound)
        if step.op in ("floored", "unfloored"):
            return self.floor(step)
        return spelled(step.op, [self.fitted(a, axes) for a in step.args], [self.is_number(a) for a in step.args])

    def floor(self, step: Compute) -> str:
        """An infinity replaced by the floor, or given back."""
        name, least = self.operand(step.args[0]), step.attrs[0] == "max"
        if step.op == "floored":
            return f"{name}.clamp(min=FLOOR)" if least else f"{name}.clamp(max=-FLOOR)"
        if least:
            return f"torch.where({name} > FLOOR, {name}, -torch.inf)"
        return f"torch.where({name} < -FLOOR, {name}, torch.inf)"

    def reduced(self, kind: str, arg: Operand, bound: Sequence[Axis]) -> str:
        """A fold over whole axes."""
        dims = ", ".join(str(arg.axes.index(a)) for a in bound)
        name = {"max": "amax", "min": "amin", "sum": "sum", "prod": "prod"}[kind]
        return f"{wrapped(self.operand(arg))}.{name}({dims if kind == 'prod' or len(bound) == 1 else f'({dims})'})"

    def contracted(self, args: Sequence[Operand], axes: Sequence[Axis], bound: Sequence[Axis]) -> str:
        """A sum over axes of a product: a matrix product or einsum over the arrays, times the numbers."""
        arrays, numbers = [a for a in args if a.axes], [wrapped(self.operand(a)) for a in args if not a.axes]
        if not bound:
            return " * ".join([*(wrapped(self.fitted(a, axes)) for a in arrays), *numbers])
        carried = {a for o in arrays for a in o.axes}
        numbers += [wrapped(self.reader.extent(a)) for a in bound if a not in carried]
        pieces = self.pieces(arrays)
        if not pieces:
            return " * ".join(numbers)
        if len(pieces) == 1:
            text, own = pieces[0]
            dims = [own.index(a) for a in bound if a in own]
            kept = [a for a in own if a not in bound]
            body = f"{wrapped(text)}.sum({dims[0] if len(dims) == 1 else tuple(dims)})" if dims else text
            order = [kept.index(a) for a in axes]
            body += f".permute({', '.join(map(str, order))})" if order != sorted(order) else ""
        else:
            body = product(pieces, axes)
        return " * ".join([body, *numbers])

    def pieces(self, arrays: Sequence[Operand]) -> list[tuple[str, tuple[Axis, ...]]]:
        """The arrays with their axes; one whose axes another has too is multiplied into it."""
        found = [self.piece(o) for o in sorted(arrays, key=lambda o: -len(set(o.axes)))]
        done: list[tuple[str, tuple[Axis, ...]]] = []
        for text, own in found:
            home = next((i for i, (_, axes) in enumerate(done) if set(own) <= set(axes)), None)
            if home is None:
                done.append((text, own))
                continue
            host, axes = done[home]
            order = [a for a in axes if a in own]
            turned = text if list(own) == order else f"{wrapped(text)}.permute({', '.join(str(own.index(a)) for a in order)})"
            done[home] = (f"{wrapped(host)} * {wrapped(self.spread(turned, order, axes))}", axes)
        return done

    def piece(self, o: Operand) -> tuple[str, tuple[Axis, ...]]:
        """An operand in its own order of axes; masks become numbers."""
        if isinstance(o, Leaf):
            plain = self.reader.natural(o.term)
            if plain is not None:
                return self.reader.cut(o.term), plain
            text = self.reader.leaf(o.term, o.axes)
            return (text if o.term.sort == REAL else f"{wrapped(text)}.to({self.like()}.dtype)"), o.axes
        return self.operand(o), o.axes

    # --- loops -------------------------------------------------------------------------------------------------------

    def loop(self, loop: Loop) -> None:
        """One pass over an axis."""
        for s in loop.steps:
            if isinstance(s, Running):
                self.begin(s)
        for value in loop.watched:
            self.say(f"{value.name}_old = None")
        axis, before = loop.axis, self.reader.local.get(loop.axis)
        start, end = self.spans.get(axis, ("0", self.reader.size(axis.size)))
        self.tile(axis, loop.chunk, end, start)
        if loop.skip:
            self.say(f"if {self.holds(loop.skip)}:")
            self.say("    continue")
        self.moved = set()
        for step in loop.steps:
            self.take_in(step) if isinstance(step, Running) else self.compute(step)
        for value in loop.watched:
            self.say(f"{value.name}_old = {value.name}")
        for value, name in loop.stores:
            self.store(value, name)
        self.reader.local.pop(axis)
        if before is not None:
            self.reader.local[axis] = before
        self.depth -= 1

    def begin(self, s: Running) -> None:
        """The state before the first chunk."""
        start = {"max": "FLOOR", "min": "-FLOOR"}[s.kind] if s.floored else START[s.kind]
        shape = ", ".join(self.reader.extent(a) for a in s.target.axes) + "," * (len(s.target.axes) == 1)
        self.say(f"{s.target.name} = {self.like()}.new_full(({shape}), {start})")

    def take_in(self, s: Running) -> None:
        """The state after a chunk."""
        name, axes = s.target.name, s.target.axes
        moved = [self.contracted(p, axes, ()) for p in s.moved]
        scaled = " * ".join([name, *(wrapped(self.fitted(o, axes)) for o in s.scale)])
        state = " + ".join([scaled, *moved])
        if s.kind == "sum":
            self.say(f"{name} = {state} + {self.contracted(s.args, axes, s.bound)}")
        else:
            self.say(f"{name} = {JOIN[s.kind].format(state, self.reduced(s.kind, s.args[0], s.bound))}")

    def holds(self, skip: Condition) -> str:
        """A test that a condition holds throughout a block."""
        return " or ".join(" and ".join(self.half(h) for h in case) for case in skip.cases)

    def half(self, h: Halfspace) -> str:
        """A test that a half-space holds at its worst corner."""
        signs: dict[bool, list[str]] = {True: [], False: []}
        for a, slope in h.slopes:
            first, end = self.reader.bounds(a)
            at = first if slope < 0 else f"{end} - 1"
            signs[slope > 0].append(at if abs(slope) == 1 else f"{abs(slope)} * {wrapped(at)}")
        rest = [] if h.rest == 0 else [self.reader.size(h.rest)]
        return f"{' + '.join([*signs[True], *rest]) or '0'} < {' + '.join(signs[False]) or '0'}"

    def store(self, value: Value, name: str) -> None:
        """A value into its place in an array."""
        array: Array = next(a for a in self.kernel.writes if a.name == name)
        split = self.kernel.split
        cuts = ["part" if split and a == split.part else self.reader.slice(a) for a in array.axes]
        place = ", ".join(cuts) if any(c != ":" for c in cuts) else "..."
        self.say(f"{name}[{place}] = {value.name}")


def product(pieces: Sequence[tuple[str, tuple[Axis, ...]]], axes: Sequence[Axis]) -> str:
    """A contraction of several arrays: a product of matrices where it is one, else einsum."""
    if len(pieces) == 2:
        for left, right in (pieces, pieces[::-1]):
            text = _matmul(left, right, tuple(axes))
            if text is not None:
                return text
    letters = letters_of([a for _, own in pieces for a in own])
    spec = ",".join("".join(letters[a] for a in own) for _, own in pieces)
    return f"torch.einsum('{spec}->{''.join(letters[a] for a in axes)}', {', '.join(text for text, _ in pieces)})"


def _matmul(left: tuple[str, tuple[Axis, ...]], right: tuple[str, tuple[Axis, ...]], out: tuple[Axis, ...]) -> str | None:
    """left @ right where that has the wanted axes, each perhaps transposed."""
    shared = [a for a in left[1] if a in right[1] and a not in out]
    if len(shared) != 1 or len(out) < 2:
        return None
    *batch, row, column = out
    sides = []
    for (text, own), wanted in ((left, (row, shared[0])), (right, (shared[0], column))):
        if own in ((*batch, *wanted), wanted):
            sides.append(wrapped(text))
        elif own in ((*batch, *wanted[::-1]), wanted[::-1]):
            sides.append(f"{wrapped(text)}.mT")
        else:
            return None
    return " @ ".join(sides)


def letters_of(axes: Sequence[Axis]) -> dict[Axis, str]:
    """A letter for each axis, that of its name where it is free."""
    letters: dict[Axis, str] = {}
    for a in dict.fromkeys(axes):
        own = str(a.size)[0]
        wanted = [*([own, own.upper()] if own.isalpha() else []), *ascii_lowercase, *ascii_uppercase]
        letters[a] = next(x for x in wanted if x not in letters.values())
    return letters
