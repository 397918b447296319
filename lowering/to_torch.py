"""The Torch backend: a plan as a file of plain eager Torch that stands alone, and that anyone can read and run anywhere.

The file says what it computes, for which machine and at which cost, checks shapes and dtypes, and runs the kernels in order.
To add here: what a reader or caller of the file needs.  Never here: how a kernel is written (`to_torch_kernel.py`).
"""

from __future__ import annotations

import hashlib
import json
import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from commute.egraph.plan import Plan
from commute.lowering.blocks import strides
from commute.lowering.lifted import Lifted, Output
from commute.lowering.registry import Unsupported
from commute.lowering.tile import TileKernel, TileProgram
from commute.lowering.tile_program import tile_program
from commute.lowering.to_torch_kernel import KernelPrinter
from commute.lowering.to_torch_menu import plain_kernels
from commute.lowering.to_torch_terms import Reader, size_text
from commute.theory.axes import Axis, Size
from commute.theory.board import board
from commute.theory.terms import INT, REAL, Term
from commute.verify.inputs import ARGUMENT, InputSpec

RESERVED = {"math", "torch", "F", "FLOOR", "part", "dtype"}


def torch_module(plan: Plan, lifted: Lifted) -> str:
    """The plan of a lifted program as a Python module with a function of the program's name.

    Raises Unsupported where Torch has no spelling of something, or an input isn't a tensor argument.
    """
    assert plan.forms is not None
    program = tile_program(plan, plan.forms, plain_kernels(plan))
    hints = {a: n for k in plan.kernels for a, n in k.kernel.full.items()}
    return Module(plan, lifted, program, hints).source()


class Printed(Protocol):
    """A kernel that is printed as a function of arrays and sizes."""

    kernel: TileKernel

    def sizes(self) -> list[str]:
        """The size symbols that the function takes, in order."""
        ...


@dataclass
class Module:
    """One file."""

    plan: Plan
    lifted: Lifted
    program: TileProgram
    hints: Mapping[Axis, int]

    def __post_init__(self) -> None:
        self.specs = self.lifted.inputs
        for spec in self.specs:
            if spec.passing != ARGUMENT:
                raise Unsupported(f"to_torch: {spec.name} is not a tensor argument")
            if not spec.name.isidentifier() or keyword.iskeyword(spec.name) or spec.name in RESERVED:
                raise Unsupported(f"to_torch: an argument called {spec.name}")
        names = {s.name for s in self.specs} | {a.name for k in self.program.kernels for a in k.writes} | RESERVED
        self.renamed = {s: f"{s}_size" for s in self.lifted.symbols if s in names or keyword.iskeyword(s)}

    def source(self) -> str:
        """All of it."""
        kernels = [KernelPrinter(k, self.hints, self.renamed) for k in self.program.kernels]
        bodies = [k.source() for k in kernels]
        needs = "\n".join(bodies)
        imports = [*(["import math", ""] if "math." in needs else []), "import torch"]
        imports += ["import torch.nn.functional as F"] if "F." in needs else []
        floor = ["", "FLOOR = -(2.0**100)  # where running maxima begin: finite, so that differences are numbers"]
        parts = [f'"""{self.head()}"""', "", *imports, *(floor if "FLOOR" in needs else [])]
        for body in bodies:
            parts += ["", "", body]
        parts += ["", "", self.entry(kernels)]
        return "\n".join(parts) + "\n"

    # --- the head ----------------------------------------------------------------------------------------------------

    def head(self) -> str:
        """What the file computes, for which machine, at which cost, on what evidence, and how to call it."""
        plan = self.plan
        lines = [f"{plan.name}: written by commute from a plan; one function a kernel.", ""]
        for name, term, axes in zip(self.result_names(), plan.terms, plan.axes, strict=True):
            lines.append(f"{name}[{', '.join(a.name for a in axes)}] = {board(term)}")
        sizes = ", ".join(f"{s} = {n}" for s, n in plan.sizes.items())
        cost = plan.cost
        lines += [
            "",
            f"Machine: {plan.machine}, {plan.dtype}; tiles chosen for {sizes}.",
            f"Cost by the model: {cost['seconds'] * 1e6:.4g} us, {cost['traffic']:.4g} values moved, "
            f"{cost['memory']:.4g} values held, {len(plan.kernels)} kernel{'s' * (len(plan.kernels) != 1)}.",
            f"Equal to the program as written: {plan.verdict}{self.digest()}.",
            f"Call: {plan.name}({', '.join(s.name for s in self.specs)}) with "
            + ", ".join(f"{s.name}[{', '.join(map(str, s.shape))}]" for s in self.specs)
            + ", every size at least 1.",
        ]
        return "\n".join(lines).replace("\\", "\\\\").replace('"""', "'''") + "\n"

    def digest(self) -> str:
        """The certificate's digest."""
        if self.plan.certificate is None:
            return ""
        text = json.dumps(self.plan.certificate, sort_keys=True, separators=(",", ":"))
        return f", certificate sha256 {hashlib.sha256(text.encode()).hexdigest()}"

    def result_names(self) -> list[str]:
        """The names of the results' blocks."""
        return [f"out{i}" for i in range(len(self.plan.terms))] if len(self.plan.terms) > 1 else ["out"]

    # --- the entry ---------------------------------------------------------------------------------------------------

    def entry(self, kernels: Sequence[Printed]) -> str:
        """The function that a user calls: checks, kernels, results."""
        lines = [f"def {self.plan.name}({', '.join(s.name for s in self.specs)}):"]
        lines += [f'    """{self.plan.name} of tensors: {", ".join(s.name for s in self.specs)}; see the head of the file."""']
        lines += [f"    {line}" for line in (*self.checks(), *self.reading())]
        for k in kernels:
            arguments = [*k.kernel.reads, *(self.renamed.get(s, s) for s in k.sizes())]
            lines.append(f"    {', '.join(a.name for a in k.kernel.writes)} = {k.kernel.name}({', '.join(arguments)})")
        lines += [f"    {line}" for line in self.results()]
        return "\n".join(lines)

    def checks(self) -> list[str]:
        """Ranks, dtypes, devices and shapes; the sizes are read off on the way."""
        lines = [
            f"for name_, tensor_, rank_ in ({', '.join(f'({s.name!r}, {s.name}, {len(s.shape)})' for s in self.specs)},):",
            "    if tensor_.dim() != rank_:",
            '        raise ValueError(f"{name_} has {tensor_.dim()} dimensions, not {rank_}")',
        ]
        real = [s for s in self.specs if s.sort == REAL]
        if not real:
            raise Unsupported("to_torch: no argument of real numbers")
        for s in self.specs:
            lines += self.dtype_check(s, real[0])
        known: dict[str, str] = {}
        for symbol, text in self.solved():
            lines.append(f"{symbol} = {text}")
            known[symbol] = text
        if known:
            whole = f"min({', '.join(known)})" if len(known) > 1 else next(iter(known))
            lines += [f"if {whole} < 1:", '    raise ValueError("a size is 0")']
        for s in self.specs:
            shape = f"({', '.join(map(self.size, s.shape))}{',' * (len(s.shape) == 1)})"
            lines += [f"if {s.name}.shape != {shape}:"] + [
                f'    raise ValueError(f"{s.name} has shape {{tuple({s.name}.shape)}}, not {{{shape}}}")'
            ]
        return lines + self.conditions()

    def dtype_check(self, s: InputSpec, first: InputSpec) -> list[str]:
        """The dtype and device of one argument."""
        if s is first:
            return [
                f"if not {s.name}.is_floating_point():",
                f'    raise TypeError(f"{s.name} is {{{s.name}.dtype}}, not floating point")',
            ]
        wanted = f"{s.name}.dtype != {first.name}.dtype"
        words = f"{{{first.name}.dtype}}"
        if s.sort != REAL:
            wanted = f"{s.name}.dtype not in (torch.int64, torch.int32)" if s.sort == INT else f"{s.name}.dtype != torch.bool"
            words = "int64 or int32" if s.sort == INT else "bool"
        return [
            f"if {wanted} or {s.name}.device != {first.name}.device:",
            f'    raise TypeError(f"{s.name} is {{{s.name}.dtype}} on {{{s.name}.device}}, not {words} '
            f'on {{{first.name}.device}}")',
        ]

    def size(self, size: Size) -> str:
        """A size as Python."""
        return size_text(size.put({s: Size.symbol(n) for s, n in self.renamed.items()}))

    def solved(self) -> list[tuple[str, str]]:
        """Each size symbol and how it is read off a shape."""
        places = [(s.name, i, n) for s in self.specs for i, n in enumerate(s.shape)]
        found: dict[str, str] = {}
        while True:
            step = next((x for p in places if (x := self._solve(*p, set(found)))), None)
            if step is None:
                break
            found[step[0]] = step[1]
        if missing := set(self.lifted.symbols) - set(found):
            raise Unsupported(f"to_torch: the size {min(missing)} can't be read off the shapes")
        return [(self.renamed.get(s, s), text) for s, text in found.items()]

    def _solve(self, name: str, place: int, size: Size, known: set[str]) -> tuple[str, str] | None:
        """The one unknown symbol of a dimension: without what is added to it, divided by what multiplies it."""
        unknown = size.symbols - known
        if len(unknown) != 1:
            return None
        symbol = next(iter(unknown))
        rest = size.put({symbol: Size(0)})
        factor = (size - rest).divided_by(Size.symbol(symbol))
        if factor is None or symbol in factor.symbols:
            return None
        text = f"{name}.shape[{place}]" + (f" - {self.size(rest)}" if rest != 0 else "")
        if factor != 1:
            text = f"({text}) // {self.size(factor)}" if rest != 0 else f"{text} // {self.size(factor)}"
        return symbol, text

    def conditions(self) -> list[str]:
        """Sizes and integers outside the case that was proved."""
        facts, lines = self.lifted.paths[0].facts, []
        tests = [f"{self.size(s)} < 0" for s in facts.nonnegative if not s.provably_nonnegative()]
        tests += [f"{self.size(s)} == 0" for s in facts.nonzero if not s.provably_positive()]
        tests += [f"{self.size(s)} != 0" for s in facts.zero if s != 0]
        if tests:
            lines += [f"if {' or '.join(tests)}:", '    raise ValueError("these sizes are a case of their own")']
        for s in self.specs:
            if s.sort == INT and s.bound is not None:
                lines += [
                    f"if {s.name}.min() < 0 or {s.name}.max() >= {self.size(s.bound)}:",
                    f'    raise IndexError(f"{s.name} is not in range({{{self.size(s.bound)}}})")',
                ]
        return lines

    def reading(self) -> list[str]:
        """Half precision is computed in float32."""
        real = [s.name for s in self.specs if s.sort == REAL]
        lines = [f"dtype = {real[0]}.dtype", "if dtype in (torch.float16, torch.bfloat16):"]
        return [*lines, f"    {', '.join(real)} = {', '.join(f'{name}.float()' for name in real)}"]

    # --- results -----------------------------------------------------------------------------------------------------

    def results(self) -> list[str]:
        """The arrays of the blocks as the tensors that the program returns."""
        outputs = self.lifted.programs[0].outputs
        arrays = iter(zip(self.program.results, range(len(self.plan.axes)), strict=True))
        lines: list[str] = []
        returned: list[str] = []
        for number, output in enumerate(outputs):
            if output.sort != REAL:
                raise Unsupported(f"to_torch: a result of {output.sort}s")
            mine = [next(arrays)[0] for _ in output.blocks]
            text = self.assembled(output, mine[0]) if len(mine) == 1 else None
            if text is None:
                text = f"result{number}"
                lines += self.scattered(output, mine, text)
            returned.append(f"{text}.to(dtype)")
        return [*lines, f"return {', '.join(returned)}"]

    def assembled(self, output: Output, name: str) -> str | None:
        """A result of one block by turning and joining its axes, or None where its places aren't so."""
        block = output.blocks[0]
        key = self.stored(name)
        order: list[Axis] = []
        joined = False
        for place in block.place:
            axes = radix(place)
            if axes is None:
                return None
            order += axes
            joined |= len(axes) != 1
        if sorted(order, key=lambda a: a.key) != sorted(key, key=lambda a: a.key):
            return None
        turned = [key.index(a) for a in order]
        text = name if turned == sorted(turned) else f"{name}.permute({', '.join(map(str, turned))})"
        return f"{text}.reshape({', '.join(self.size(n) for n in output.shape)})" if joined else text

    def scattered(self, output: Output, names: Sequence[str], result: str) -> list[str]:
        """A result of several blocks, each put into its place."""
        shape = ", ".join(self.size(n) for n in output.shape)
        lines = [f"{result} = {names[0]}.new_empty(({shape}{',' * (len(output.shape) == 1)}))"]
        for block, name in zip(output.blocks, names, strict=True):
            key = self.stored(name)
            reader = Reader(lambda name=name: name, self.renamed)
            lines.append(f"{result}[{', '.join(reader.term(p, key) for p in block.place)}] = {name}")
        return lines

    def stored(self, name: str) -> list[Axis]:
        """The axes of a stored array, in order."""
        return list(next(a.axes for k in self.program.kernels for a in k.writes if a.name == name))


def radix(place: Term) -> list[Axis] | None:
    """The axes of an index, the slowest first, if it counts through them without a gap."""
    slopes = strides(place)
    if slopes is None:
        return None
    left, order, expected = dict(slopes), [], Size(1)
    while left:
        a = next((a for a in left if left[a] == expected), None)
        if a is None:
            return None
        order.insert(0, a)
        expected = expected * a.size
        del left[a]
    return order
