"""The C++ backend's file: a Python module that carries its C++ source, compiles it once with g++ and calls it through ctypes.

It stands alone (torch and a compiler), checks shapes and dtypes like the Torch backend's file, and computes in float32.
To add here: what a reader or caller of the file needs.  Never here: how a kernel is written (`to_cpp.py`).
"""

from __future__ import annotations

from dataclasses import replace

from commute.egraph.plan import Plan
from commute.lowering.lifted import Lifted
from commute.lowering.tile import TileKernel, TileProgram
from commute.lowering.tile_program import tile_program
from commute.lowering.to_cpp import CppPrinter, head, printers
from commute.lowering.to_torch import Module, radix
from commute.theory.axes import Axis
from commute.theory.terms import BOOL, INT, REAL
from commute.verify.inputs import InputSpec

FLAGS = (
    "-O3", "-march=native", "-std=c++17", "-fopenmp", "-shared", "-fPIC", "-ffp-contract=fast", "-fno-math-errno",
    "-fno-trapping-math", "-fassociative-math", "-fno-signed-zeros", "-mprefer-vector-width=512",
)  # fmt: skip
"""Sums may be reordered; infinities and NaN keep their meaning."""

LOADER = '''
def _library():
    """The compiled kernels: built with g++ on the first call, kept in the user's cache by the digest of their source."""
    digest = hashlib.sha256("\\n".join([SOURCE, *FLAGS]).encode()).hexdigest()[:24]
    folder = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "commute" / "cpp"
    path = folder / f"{digest}.so"
    if not path.exists():
        if shutil.which("g++") is None:
            raise RuntimeError("this file needs the compiler g++: install it, or emit the backend torch")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as made:
            pathlib.Path(made, "kernel.cpp").write_text(SOURCE, encoding="utf-8")
            command = ["g++", *FLAGS, str(pathlib.Path(made, "kernel.cpp")), "-o", str(pathlib.Path(made, "kernel.so"))]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError("g++ refuses the kernels: " + done.stderr[:400])
            pathlib.Path(made, "kernel.so").replace(path)
    return ctypes.CDLL(str(path))


_loaded = []


def _run(name, arrays, sizes):
    """Call one kernel on pointers and sizes; the caller keeps the arrays alive."""
    if not _loaded:
        _loaded.append(_library())
    pointers = [ctypes.c_void_p(a.data_ptr()) for a in arrays]
    getattr(_loaded[0], name)(*pointers, *(ctypes.c_int64(s) for s in sizes))
'''


def cpp_module(plan: Plan, lifted: Lifted) -> str:
    """The plan of a lifted program as a Python module that carries C++.

    Raises Unsupported where C++ has no spelling of something, or an input isn't a tensor argument.
    """
    assert plan.forms is not None
    hints = {a: n for k in plan.kernels for a, n in k.kernel.full.items()}
    program = in_order(tile_program(plan, plan.forms), lifted)
    return CppModule(plan, lifted, program, hints).source()


def in_order(program: TileProgram, lifted: Lifted) -> TileProgram:
    """The program with its results stored in the order of the tensors' dimensions, where no other kernel reads them."""
    blocks = [b for o in lifted.programs[0].outputs for b in o.blocks]
    read = {name for k in program.kernels for name in k.reads}
    orders: dict[str, list[Axis]] = {}
    for name, block in zip(program.results, blocks, strict=True):
        parts = [radix(place) for place in block.place]
        if name not in read and all(p is not None for p in parts):
            orders[name] = [a for p in parts for a in p or ()]
    return replace(program, kernels=tuple(_ordered(k, orders) for k in program.kernels))


def _ordered(kernel: TileKernel, orders: dict[str, list[Axis]]) -> TileKernel:
    writes = tuple(
        replace(w, axes=tuple(orders[w.name])) if w.name in orders and set(orders[w.name]) == set(w.axes) else w
        for w in kernel.writes
    )
    return replace(kernel, writes=writes)


class CppModule(Module):
    """One file."""

    def source(self) -> str:
        """All of it."""
        shapes = {s.name: s.shape for s in self.specs}
        sorts = {s.name: {INT: "int64_t", BOOL: "bool"}.get(s.sort, "float") for s in self.specs}
        kernels = printers(self.program, shapes, self.plan.sizes, sorts)
        text = "\n\n".join([head(), *(k.source() for k in kernels)])
        imports = ["ctypes", "hashlib", "os", "pathlib", "shutil", "subprocess", "tempfile", "", "torch"]
        parts = [f'"""{self.head()}"""', "", *(f"import {m}" if m else "" for m in imports)]
        parts += ["", f"FLAGS = {FLAGS!r}", "", f"SOURCE = r'''\n{text}\n'''", "", LOADER]
        for k in kernels:
            parts += ["", self.wrapper(k), ""]
        parts += ["", self.entry(kernels)]
        return "\n".join(parts) + "\n"

    def wrapper(self, printer: CppPrinter) -> str:
        """A Python function that allocates what a kernel writes, and calls it."""
        k = printer.kernel
        names = [self.renamed.get(s, s) for s in printer.sizes()]
        lines = [f"def {k.name}({', '.join([*k.reads, *names])}):"]
        if k.split is not None:
            lines.append(f"    {k.split.part.size} = -(-{self.size(k.split.axis.size)} // {k.split.length})")
        for w in k.writes:
            shape = ", ".join(self.size(a.size) for a in w.axes) + "," * (len(w.axes) == 1)
            lines.append(f"    {w.name} = torch.empty(({shape}), dtype=torch.float32)")
        arrays = [*k.reads, *(w.name for w in k.writes)]
        numbers = [self.renamed.get(s, s) for s in printer.symbols()]
        lines.append(f"    _run({k.name!r}, ({''.join(f'{a}, ' for a in arrays)}), ({''.join(f'{n}, ' for n in numbers)}))")
        lines.append(f"    return {', '.join(w.name for w in k.writes)}")
        return "\n".join(lines)

    def dtype_check(self, s: InputSpec, first: InputSpec) -> list[str]:
        """Besides: the CPU alone, and nothing wider than float32."""
        lines = super().dtype_check(s, first)
        if s is first:
            lines += [
                f"if {s.name}.dtype == torch.float64 or {s.name}.device.type != 'cpu':",
                f'    raise TypeError(f"{s.name} is {{{s.name}.dtype}} on {{{s.name}.device}}, not float32 on the CPU")',
            ]
        return lines

    def reading(self) -> list[str]:
        """Everything is computed in float32, from dense arrays."""
        real = [s.name for s in self.specs if s.sort == REAL]
        lines = [f"dtype = {real[0]}.dtype"]
        for s in self.specs:
            turned = {INT: ".long()", BOOL: ""}.get(s.sort, ".float()")
            lines.append(f"{s.name} = {s.name}.detach(){turned}.contiguous()")
        return lines
