"""The tile program: what one kernel of a plan does to the tiles of its arrays, in order; the one input of every backend.

A kernel runs once for every tile of its grid (and for every part of an axis that is split); its body is a list of steps in
order; a value may be computed again, then the later one counts.  The steps:

- `Compute`: target = op(args) on tiles.  `con` sums the product of its arguments over `bound` (an argument that lacks a bound
  axis is repeated along it), `sum` adds, `reduce` folds over `bound`; every other op is one of `theory/ops.py`, number by
  number.  Two more: `floored` is max(x, FLOOR) (min(x, -FLOOR) where attrs say "min"), `unfloored` takes that back.
- `Loop`: one pass over an axis in chunks.  A `Running` state begins at its unit and takes in a chunk:
  target = (target · Π scale + Σ Π moved) joined with the reduction of the body over the chunk.  In the first chunk nothing
  has moved.  A floored state begins at FLOOR instead of minus infinity, so that a difference to it is always a number:
  exp(x - state) is 0 where x is -inf, and what scales a state that has seen nothing is 0, never NaN.
- a store keeps a value as an array of the plan; within a loop it stores the chunk.

Operands: a `Value`, a `Leaf` (an array at index terms, a number, a mask), `Moved` (how far a value has moved since the chunk
before), and `Seen` (how many indices of a streamed or split axis have been taken in since the pass or the part began).
Products of sizes and bounds are masked by who prints: a chunk, tile or part ends where its axis ends.
To add here: a kind of step that every backend can spell.  Never here: the spelling, or a choice that the plan has made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from commute.lowering.blocks import Condition
from commute.theory.axes import Axis, Size
from commute.theory.terms import Term

FLOOR = -(2.0**100)
"""What floored states begin at: below every score that a float32 can tell apart, with room for a factor before it overflows."""


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


@dataclass(frozen=True)
class Moved:
    """How far a value has moved since the chunk before; 0 in the first chunk of a pass."""

    value: Value

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Those of the value."""
        return self.value.axes


@dataclass(frozen=True)
class Seen:
    """How many indices of an axis have been taken in, this chunk's too, since the pass or the part began."""

    axis: Axis
    axes: tuple[Axis, ...] = ()


Operand = Value | Leaf | Moved | Seen


@dataclass(frozen=True)
class Compute:
    """target = op(args) on tiles; see the head of the file."""

    target: Value
    op: str
    args: tuple[Operand, ...]
    bound: tuple[Axis, ...] = ()
    attrs: tuple = ()


@dataclass(frozen=True)
class Running:
    """A state that takes in a chunk; `kind` is sum, max, min or prod, `args` are the factors of the body."""

    target: Value
    kind: str
    args: tuple[Operand, ...]
    bound: tuple[Axis, ...]
    scale: tuple[Operand, ...] = ()
    moved: tuple[tuple[Operand, ...], ...] = ()
    floored: bool = False


Step = Compute | Running


@dataclass(frozen=True)
class Loop:
    """One pass over an axis in chunks; a chunk on which `skip` holds throughout leaves every state as it is."""

    axis: Axis
    chunk: int
    steps: tuple[Step, ...]
    stores: tuple[tuple[Value, str], ...] = ()
    skip: Condition | None = None

    @property
    def watched(self) -> tuple[Value, ...]:
        """The values whose movement is asked for."""
        operands = (o for s in self.steps for o in operands_of(s))
        return tuple(dict.fromkeys(o.value for o in operands if isinstance(o, Moved)))


@dataclass(frozen=True)
class Split:
    """An axis that is parted: `part` numbers the parts, each has `length` indices (the last perhaps fewer)."""

    axis: Axis
    part: Axis
    length: int


@dataclass(frozen=True)
class Array:
    """A stored array: its name and axes."""

    name: str
    axes: tuple[Axis, ...]


@dataclass(frozen=True)
class TileKernel:
    """One kernel: the tiles of its grid, its body in order, then what it stores, for each part of a split axis.

    `reads` and `writes` name its arrays, `full` the sizes that the plan was made for.
    """

    name: str
    grid: Mapping[Axis, int]
    body: tuple[Compute | Loop, ...]
    stores: tuple[tuple[Value, str], ...]
    reads: tuple[str, ...]
    writes: tuple[Array, ...]
    split: Split | None = None

    @property
    def steps(self) -> Iterator[Step]:
        """All steps, those of loops too."""
        for step in self.body:
            yield from step.steps if isinstance(step, Loop) else (step,)

    def __str__(self) -> str:
        return as_text(self)


@dataclass(frozen=True)
class TileProgram:
    """The kernels in the order in which they run, and which array each block of the results is."""

    name: str
    kernels: tuple[TileKernel, ...]
    results: tuple[str, ...]

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.kernels))


def operands_of(step: Step) -> Iterator[Operand]:
    """Everything that a step reads, but for its own state."""
    yield from step.args
    if isinstance(step, Running):
        yield from step.scale
        for product in step.moved:
            yield from product


def part_axis(number: int) -> Axis:
    """The axis that numbers the parts of the number-th split axis of a program."""
    return Axis(Size.symbol(f"parts{number}"))


def as_text(kernel: TileKernel) -> str:
    """The tile program as text, one step a line."""
    marks = [f"{a.name} / {t}" for a, t in kernel.grid.items()]
    marks += [f"{kernel.split.axis.name} | {kernel.split.length}"] if kernel.split else []
    lines = [f"kernel {kernel.name}({', '.join(kernel.reads)})  [{', '.join(marks)}]"]
    for step in kernel.body:
        if isinstance(step, Loop):
            lines.append(f"  for {step.axis.name} in chunks of {step.chunk}{f', skip {step.skip}' if step.skip else ''}:")
            lines += [f"    {_line(s)}" for s in step.steps]
            lines += [f"    store {array} <- {value.name}" for value, array in step.stores]
        else:
            lines.append(f"  {_line(step)}")
    lines += [f"  store {array} <- {value.name}" for value, array in kernel.stores]
    return "\n".join(lines)


def operand_text(o: Operand) -> str:
    """An operand as text."""
    if isinstance(o, Value):
        return o.name
    if isinstance(o, Leaf):
        return str(o.term)
    if isinstance(o, Moved):
        return f"moved({o.value.name})"
    return f"seen({o.axis.name})"


def _line(step: Step) -> str:
    args = ", ".join(map(operand_text, step.args))
    over = f" over {', '.join(a.name for a in step.bound)}" if step.bound else ""
    name = f"{step.target.name}[{', '.join(a.name for a in step.target.axes)}]"
    if isinstance(step, Compute):
        marks = "".join(f" {a}" for a in step.attrs if isinstance(a, str))
        return f"{name} = {step.op}{marks}({args}){over}"
    state = " * ".join([step.target.name, *map(operand_text, step.scale)])
    state = " + ".join([state, *(" * ".join(map(operand_text, p)) for p in step.moved)])
    floor = " from the floor" if step.floored else ""
    return f"{name} = {state} {step.kind}= ({args}){over}{floor}"
