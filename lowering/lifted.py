"""What lifting gives: programs as terms over blocks of their results, for each way that questions about sizes are answered.

To add here: what a reader of a lifted program may ask.  Never here: how it is made (`lift_torch.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from commute.lowering.arrays import Layouts
from commute.lowering.constants import Reading
from commute.lowering.opaque import OpaqueCall
from commute.lowering.paths import Facts
from commute.theory.axes import Axis, Size
from commute.theory.terms import Term
from commute.verify.inputs import InputSpec


@dataclass(frozen=True)
class Block:
    """A part of an output: its term over its axes, and where it lies (an index term for each dimension)."""

    term: Term
    axes: tuple[Axis, ...]
    place: tuple[Term, ...]


@dataclass(frozen=True)
class Output:
    """One result tensor: its shape, its sort, the blocks that it is made of, and all of it over one axis a dimension."""

    shape: tuple[Size, ...]
    sort: str
    blocks: tuple[Block, ...]
    whole: Block

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of the blocks."""
        return tuple(b.term for b in self.blocks)


@dataclass(frozen=True)
class Program:
    """One lifted program: its name and its results."""

    name: str
    outputs: tuple[Output, ...]

    @property
    def terms(self) -> tuple[Term, ...]:
        """Every block of every result."""
        return tuple(b.term for o in self.outputs for b in o.blocks)


@dataclass(frozen=True)
class Path:
    """What the programs are under some answers to their questions about sizes.

    `conditions` says the answers in words; `fixed` the symbols that they replace (n := 1); `inputs` has the shapes then.
    """

    conditions: tuple[str, ...]
    fixed: dict[str, Size]
    facts: Facts
    inputs: tuple[InputSpec, ...]
    programs: tuple[Program, ...]

    @property
    def symbols(self) -> tuple[str, ...]:
        """The size symbols that are left."""
        return tuple(sorted(set().union(*(s.symbols for i in self.inputs for s in i.shape))))

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether sizes of the symbols that are left are on this path."""
        facts = self.facts
        return (
            all(s.at(sizes) >= 0 for s in facts.nonnegative)
            and all(s.at(sizes) != 0 for s in facts.nonzero)
            and all(s.at(sizes) == 0 for s in facts.zero)
        )


@dataclass(frozen=True)
class Lifted:
    """Programs lifted together: one `Path` for each way that their questions about sizes can be answered.

    `excluded` says where the reference raises, `raising` where another program does: the path without programs, and what it
    raises.  `opaque` are the calls kept as they are at general sizes: their results are inputs, and their arguments stand
    behind the program's results, in order.
    """

    paths: tuple[Path, ...]
    sizes: dict[str, Size]
    excluded: tuple[str, ...]
    constants: tuple[Reading, ...]
    callables: tuple[Callable[..., tuple[torch.Tensor, ...]], ...]
    source: tuple[str, ...]
    layouts: tuple[Layouts, ...] = field(repr=False, default=())
    raising: tuple[tuple[Path, str], ...] = ()
    opaque: tuple[OpaqueCall, ...] = ()

    @property
    def programs(self) -> tuple[Program, ...]:
        """The programs at general sizes (the first path)."""
        return self.paths[0].programs

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """The inputs at general sizes."""
        return self.paths[0].inputs

    @property
    def symbols(self) -> tuple[str, ...]:
        """The size symbols at general sizes."""
        return self.paths[0].symbols

    @property
    def terms(self) -> tuple[Term, ...]:
        """All terms of the first program."""
        return self.programs[0].terms
