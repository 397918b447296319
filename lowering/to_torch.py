"""The Torch backend: a tile program as plain eager Torch, blocked loops that anyone can read and run anywhere.

Arrays of the program keep their axes in one fixed order, so broadcasting needs no permutation; axes that are woven one by one
are left whole, for eager Torch has no groups.  To add here: the spelling of an operator.  Never here: a choice of the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from string import ascii_letters

from commute.egraph.plan import Plan
from commute.lowering.lifted import Lifted
from commute.lowering.registry import Unsupported
from commute.lowering.tile import Compute, Leaf, Loop, Operand, Running, Shift, TileKernel, Value, tile_program
from commute.theory.axes import Axis, Size
from commute.theory.ops import COMPOSITES
from commute.theory.terms import BOOL, INT, Term, postorder

UNARY = {
    "exp": "torch.exp", "log": "torch.log", "sqrt": "torch.sqrt", "sin": "torch.sin", "cos": "torch.cos",
    "tanh": "torch.tanh", "erf": "torch.erf", "recip": "torch.reciprocal", "not": "torch.logical_not",
    "sigmoid": "torch.sigmoid", "silu": "F.silu", "relu": "torch.relu", "abs": "torch.abs", "gelu": "F.gelu",
}  # fmt: skip
BINARY = {
    "max": "torch.maximum", "min": "torch.minimum", "lt": "torch.lt", "le": "torch.le", "eq": "torch.eq",
    "and": "torch.logical_and", "or": "torch.logical_or", "floordiv": "torch.floor_divide", "mod": "torch.remainder",
}  # fmt: skip
INFIX = {"add": "+", "mul": "*"}
START = {"sum": "0.0", "max": "-torch.inf", "min": "torch.inf", "prod": "1.0"}


class Printer:
    """Prints one kernel as a Python function of the arrays that it reads."""

    def __init__(self, kernel: TileKernel, shapes: Mapping[str, Sequence[Size]]):
        self.kernel, self.shapes = kernel, shapes
        self.lines: list[str] = []
        self.depth = 1
        self.local: dict[Axis, tuple[str, str]] = {}
        self.counted: str | None = None
        self.letters: dict[Axis, str] = {}

    def source(self) -> str:
        """The function's source; it returns what the kernel stores."""
        k = self.kernel
        self.lines = [f"def {k.name}({', '.join(k.plan.reads)}):"]
        self._sizes()
        for name, axes in self._stored():
            self._say(f"{name} = {self._anyone()}.new_empty(({''.join(self._size(a.size) + ', ' for a in axes)}))")
        looped = [a for a, t in k.grid.items() if 1 < t < self._hint(a)]
        for a in looped:
            start = f"{self._plain(a)}_0"
            self._say(f"for {start} in range(0, {self._size(a.size)}, {k.grid[a]}):")
            self.depth += 1
            end = f"{self._plain(a)}_1"
            self._say(f"{end} = min({start} + {k.grid[a]}, {self._size(a.size)})")
            self.local[a] = (start, end)
        for step in k.body:
            self._loop(step) if isinstance(step, Loop) else self._compute(step)
        for value, name in k.stores:
            self._store(value, name)
        self.depth = 1
        names = [name for name, _ in self._stored()]
        self._say(f"return {', '.join(names)}")
        return "\n".join(self.lines)

    # --- names and sizes ---------------------------------------------------------------------------------------------

    def _say(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)

    def _stored(self) -> list[tuple[str, tuple[Axis, ...]]]:
        inner = [(n, v.axes) for s in self.kernel.body if isinstance(s, Loop) for v, n in s.stores]
        return [(n, v.axes) for v, n in self.kernel.stores] + inner

    def _anyone(self) -> str:
        return self.kernel.plan.reads[0]

    def _hint(self, a: Axis) -> int:
        return int(self.kernel.plan.kernel.full.get(a, 1))

    def _plain(self, a: Axis) -> str:
        base = "".join(c if c.isalnum() else "_" for c in str(a.size)).strip("_")
        return f"{'s' if base[:1].isdigit() else ''}{base}{a.copy or ''}"

    def _size(self, size: Size) -> str:
        return f"({size})" if len(size.terms) > 1 else str(size).replace("^", "**")

    def _sizes(self) -> None:
        """Read every size symbol off a shape."""
        known: set[str] = set()
        for name in self.kernel.plan.reads:
            for place, size in enumerate(self.shapes[name]):
                symbol = str(size)
                if symbol.isidentifier() and symbol not in known:
                    known.add(symbol)
                    self._say(f"{symbol} = {name}.shape[{place}]")
        missing = {s for size in self._all_sizes() for s in size.symbols} - known
        for symbol in sorted(missing):
            self._say(self._solved(symbol, known))

    def _solved(self, symbol: str, known: set[str]) -> str:
        """A symbol that stands only inside a product: divided out."""
        for name in self.kernel.plan.reads:
            for place, size in enumerate(self.shapes[name]):
                if symbol in size.symbols and (rest := size.divided_by(Size.symbol(symbol))) is not None:
                    if rest.symbols <= known:
                        return f"{symbol} = {name}.shape[{place}] // ({rest})"
        raise Unsupported(f"to_torch: the size {symbol} can't be read off the arrays {', '.join(self.kernel.plan.reads)}")

    def _all_sizes(self) -> list[Size]:
        axes = {a for v in self._values() for a in v.axes} | set(self.kernel.grid)
        terms = [t for o in self._operands() if isinstance(o, Leaf) for t in postorder(o.term)]
        return [a.size for a in axes] + [Size.symbol(t.attrs[0]) for t in terms if t.op == "size"]

    def _steps(self) -> list[Compute | Running]:
        return [s for b in self.kernel.body for s in (b.steps if isinstance(b, Loop) else (b,))]

    def _values(self) -> list[Value]:
        return [s.target for s in self._steps()]

    def _operands(self) -> list[Operand]:
        return [a for s in self._steps() for a in s.args]

    # --- operands ----------------------------------------------------------------------------------------------------

    def _operand(self, o: Operand) -> str:
        return o.name if isinstance(o, Value) else self._leaf(o.term)

    def _fitted(self, o: Operand, axes: Sequence[Axis]) -> str:
        """An operand with a dimension of size 1 for every axis that it lacks."""
        text = self._operand(o)
        if not o.axes or tuple(o.axes) == tuple(axes):
            return text
        kept = [":" if a in o.axes else "None" for a in axes]
        while kept and kept[0] == "None":
            kept.pop(0)
        simple = text if text.replace("_", "").isalnum() else f"({text})"
        return f"{simple}[{', '.join(kept)}]" if "None" in kept else simple

    def _leaf(self, t: Term) -> str:
        """What is read, with its axes in order of their keys."""
        if t.op == "input":
            return self._read(t)
        axes = sorted(t.free, key=lambda a: a.key)
        return self._index(t, axes)

    def _read(self, t: Term) -> str:
        name = t.attrs[0]
        axes = sorted(t.free, key=lambda a: a.key)
        plain = [i.attrs[0] for i in t.args if i.op == "axis"]
        if len(plain) == len(t.args) and len(set(plain)) == len(plain):
            cut = [self._slice(a) for a in plain]
            text = name if all(c == ":" for c in cut) else f"{name}[{', '.join(cut)}]"
            order = [plain.index(a) for a in axes]
            return text if order == sorted(order) else f"{text}.permute({', '.join(map(str, order))})"
        return f"{name}[{', '.join(self._index(i, axes) for i in t.args)}]"

    def _slice(self, a: Axis) -> str:
        return f"{self.local[a][0]}:{self.local[a][1]}" if a in self.local else ":"

    def _index(self, t: Term, axes: Sequence[Axis]) -> str:
        """A term of indices, numbers and reads as Torch, over all the axes."""
        if t.op == "axis":
            a = t.attrs[0]
            start, end = self.local.get(a, ("0", self._size(a.size)))
            shape = ", ".join("-1" if b == a else "1" for b in axes)
            whole = f"torch.arange({start}, {end}, device={self._anyone()}.device)"
            return whole if len(axes) == 1 else f"{whole}.view({shape})"
        if t.op == "const":
            value = t.attrs[0]
            return str(value.numerator) if value.denominator == 1 else repr(float(value))
        if t.op == "size":
            return self.counted if self.counted and Size.symbol(t.attrs[0]) == self._streamed() else t.attrs[0]
        if t.op == "named":
            return f"math.{t.attrs[0]}"
        if t.op == "ninf":
            return "-torch.inf"
        if t.op in ("true", "false"):
            return t.op.title()
        if t.op == "input":
            return f"{t.attrs[0]}[{', '.join(self._index(i, axes) for i in t.args)}]"
        return self._spelled(t.op, [f"({x})" if " " in x else x for x in (self._index(a, axes) for a in t.args)], t)

    def _streamed(self) -> Size | None:
        return self.kernel.stream[0].size if self.kernel.stream else None

    def _spelled(self, op: str, args: Sequence[str], where: object) -> str:
        if op in INFIX:
            return f" {INFIX[op]} ".join(args)
        if op in UNARY:
            return f"{UNARY[op]}({', '.join(self._tensors(args[:1]))})"
        if op in BINARY:
            return f"{BINARY[op]}({', '.join(self._tensors(args))})"
        if op == "where":
            return f"torch.where({', '.join(args)})"
        if op in COMPOSITES:
            return _COMPOSED[op](args) if op in _COMPOSED else self._unknown(op)
        return self._unknown(op)

    def _tensors(self, args: Sequence[str]) -> list[str]:
        """Numbers as tensors, for functions that take nothing else."""
        plain = [not any(c.isalpha() for c in a) or a in ("-torch.inf",) or a in self._symbols() for a in args]
        like = self._anyone()
        return [
            f"torch.as_tensor({a}, dtype={like}.dtype, device={like}.device)" if p else a
            for a, p in zip(args, plain, strict=True)
        ]

    def _symbols(self) -> set[str]:
        return {s for shape in self.shapes.values() for size in shape for s in size.symbols} | (
            {self.counted} if self.counted else set()
        )

    @staticmethod
    def _unknown(op: str) -> str:
        raise Unsupported(f"to_torch: no spelling of {op}")

    # --- steps -------------------------------------------------------------------------------------------------------

    def _compute(self, step: Compute) -> None:
        self._say(f"{step.target.name} = {self._computed(step)}")

    def _computed(self, step: Compute) -> str:
        axes = step.target.axes
        if step.op == "con":
            return self._contracted(step.args, axes, step.bound)
        if step.op == "sum":
            return " + ".join(self._fitted(a, axes) for a in step.args)
        if step.op == "reduce":
            return self._reduced(step.attrs[0], step.args[0], step.bound)
        return self._spelled(step.op, [self._fitted(a, axes) for a in step.args], step)

    def _reduced(self, kind: str, arg: Operand, bound: Sequence[Axis]) -> str:
        dims = ", ".join(str(arg.axes.index(a)) for a in bound)
        name = {"max": "amax", "min": "amin", "sum": "sum", "prod": "prod"}[kind]
        return f"{self._simple(arg)}.{name}({dims if kind == 'prod' or len(bound) == 1 else f'({dims})'})"

    def _simple(self, o: Operand) -> str:
        text = self._operand(o)
        return text if isinstance(o, Value) else f"({text})" if " " in text else text

    def _contracted(self, args: Sequence[Operand], axes: Sequence[Axis], bound: Sequence[Axis]) -> str:
        """A sum over axes of a product: einsum over the arrays, times the numbers."""
        arrays = [a for a in args if a.axes]
        numbers = [self._operand(a) for a in args if not a.axes]
        if not bound:
            return " * ".join([*(self._fitted(a, axes) for a in arrays), *(f"({n})" if " " in n else n for n in numbers)])
        if len(arrays) == 1:
            body = self._reduced("sum", arrays[0], bound)
        else:
            letters = {
                a: ascii_letters[i] for i, a in enumerate(sorted({x for o in arrays for x in o.axes}, key=lambda a: a.key))
            }
            spec = ",".join("".join(letters[x] for x in o.axes) for o in arrays)
            out = "".join(letters[x] for x in axes)
            body = f"torch.einsum('{spec}->{out}', {', '.join(self._array(a) for a in arrays)})"
        return " * ".join([body, *(f"({n})" if " " in n else n for n in numbers)])

    def _array(self, o: Operand) -> str:
        """An operand of einsum: masks become numbers."""
        text = self._operand(o)
        return f"({text}).to({self._anyone()}.dtype)" if isinstance(o, Leaf) and o.term.op != "input" else text

    # --- loops -------------------------------------------------------------------------------------------------------

    def _loop(self, loop: Loop) -> None:
        states = [s for s in loop.steps if isinstance(s, Running)]
        for s in states:
            shape = ", ".join(self._extent(a) for a in s.target.axes)
            self._say(
                f"{s.target.name} = {self._anyone()}.new_full(({shape}{',' * (len(s.target.axes) == 1)}), {START[s.kind]})"
            )
        moving = self._watched(states)
        for name in moving:
            self._say(f"{name}_old = None")
        a = loop.axis
        start, end = f"{self._plain(a)}_0", f"{self._plain(a)}_1"
        self._say(f"for {start} in range(0, {self._size(a.size)}, {loop.chunk}):")
        self.depth += 1
        self._say(f"{end} = min({start} + {loop.chunk}, {self._size(a.size)})")
        self.local[a] = (start, end)
        self.counted = end if moving else None
        for step in loop.steps:
            self._running(step) if isinstance(step, Running) else self._compute(step)
        for name in moving:
            self._say(f"{name}_old = {name}")
        for value, name in loop.stores:
            self._store(value, name)
        self.counted = None
        del self.local[a]
        self.depth -= 1

    def _extent(self, a: Axis) -> str:
        return f"{self.local[a][1]} - {self.local[a][0]}" if a in self.local else self._size(a.size)

    @staticmethod
    def _watched(states: Sequence[Running]) -> list[str]:
        parts = [s for r in states for s in (*r.scales, *(p for _, ps in r.shifts for p in ps))]
        return list(dict.fromkeys(p.value.name for p in parts))

    def _running(self, step: Running) -> None:
        name, axes = step.target.name, step.target.axes
        if step.shifts:
            raise Unsupported("to_torch: a running reduction that is re-centred")
        body = (
            self._contracted(step.args, axes, step.bound)
            if step.kind == "sum"
            else self._reduced(step.kind, step.args[0], step.bound)
        )
        if step.kind == "sum":
            for shift in step.scales:
                old = f"{shift.value.name}_old"
                self._say(f"if {old} is not None:")
                self._say(f"    {name} = {name} * {self._correction(shift, axes)}")
            self._say(f"{name} = {name} + {body}")
        else:
            joined = {"max": "torch.maximum", "min": "torch.minimum", "prod": "torch.mul"}[step.kind]
            self._say(f"{name} = {joined}({name}, {body})")

    def _correction(self, shift: Shift, axes: Sequence[Axis]) -> str:
        moved = Value(shift.value.name, shift.value.axes)
        fitted = self._fitted(moved, axes)
        before = fitted.replace(shift.value.name, f"{shift.value.name}_old", 1)
        times = "".join(f" * {self._fitted(o, axes)}" for o in shift.times)
        return f"torch.exp(({fitted} - {before}){times})"

    def _store(self, value: Value, name: str) -> None:
        cut = ", ".join(self._slice(a) for a in value.axes)
        self._say(f"{name}[{cut}] = {value.name}" if value.axes else f"{name} = {value.name}")


_COMPOSED: dict[str, Callable[[Sequence[str]], str]] = {
    "softplus": lambda a: f"torch.log1p(torch.exp({a[0]}))",
    "gelu_tanh": lambda a: f"F.gelu({a[0]}, approximate='tanh')",
}


def torch_source(kernels: Sequence[TileKernel], shapes: Mapping[str, Sequence[Size]], name: str, results: Sequence[str]) -> str:
    """A Python module with one function a kernel and `name`, which runs them in order and returns the results.

    `shapes` gives the shapes of the inputs, `results` the names of the arrays that are returned.
    """
    shapes = dict(shapes)
    parts = ["import math", "", "import torch", "import torch.nn.functional as F", ""]
    inputs = list(shapes)
    calls = []
    for k in kernels:
        parts += ["", Printer(k, shapes).source(), ""]
        made = {m.name: m for m in k.plan.makes}
        calls.append(f"    {', '.join(made)} = {k.name}({', '.join(k.plan.reads)})")
        shapes |= {n: [a.size for a in m.axes] for n, m in made.items()}
    parts += ["", f"def {name}({', '.join(inputs)}):", *calls, f"    return {', '.join(results)}"]
    return "\n".join(parts) + "\n"


def torch_module(plan: Plan, lifted: Lifted) -> str:
    """The plan of a lifted program as a Python module with a function of the program's name."""
    assert plan.forms is not None
    kernels = tile_program(plan, plan.forms)
    names = [f"out{i}" for i in range(len(plan.terms))] if len(plan.terms) > 1 else ["out"]
    results = []
    for name, axes in zip(names, plan.axes, strict=True):
        key = sorted(axes, key=lambda a: a.key)
        order = [key.index(a) for a in axes]
        results.append(name if order == sorted(order) else f"{name}.permute({', '.join(map(str, order))})")
    return torch_source(kernels, {i.name: i.shape for i in lifted.inputs}, plan.name, results)


__all__ = ["BOOL", "INT", "Printer", "torch_module", "torch_source"]
