"""Checks of code on its way out: the tile program is the plan's term, by exact values at sizes that divide and that don't.

The tiles are made small, so that small sizes have several tiles, chunks and parts.  To add here: a check that a printed file
or a tile program must pass.  Never here: a check that can't fail, or proofs of terms (`verify/`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from commute.egraph.plan import Plan
from commute.lowering.registry import Unsupported
from commute.lowering.tile import Loop, TileKernel, TileProgram
from commute.lowering.tile_exact import ExactRun
from commute.lowering.tile_reads import leaves_of
from commute.theory.terms import Term, postorder
from commute.verify.domains import undefined
from commute.verify.engine import Engine
from commute.verify.evaluate import BudgetExceeded, spread
from commute.verify.evaluate import Unsupported as NotExact
from commute.verify.exact_array import same
from commute.verify.exact_draws import rows
from commute.verify.inputs import InputSpec
from commute.verify.unroll import opened

DRAWS = 4
"""Random draws at each row of sizes; each lets a wrong program pass with a probability below 2^-40 or so."""


@dataclass(frozen=True)
class Agreement:
    """What a check found: `kind` is equal, unequal or undecided; `where` says at which sizes, `why` what happened."""

    kind: str
    sizes: tuple[Mapping[str, int], ...] = ()
    why: str = ""

    def __bool__(self) -> bool:
        return self.kind == "equal"


def size_rows(symbols: Sequence[str]) -> list[dict[str, int]]:
    """Four assignments: tiles that divide, that don't, all 1, and far from square."""
    most = 7 if len(symbols) <= 4 else 5
    return [
        {s: 4 for s in symbols},
        {s: most - i % 3 for i, s in enumerate(symbols)},
        {s: 1 for s in symbols},
        {s: (2, most + 2, 3)[i % 3] for i, s in enumerate(symbols)},
    ]


def shrunk(program: TileProgram, tile: int = 2, chunk: int = 2, length: int = 4) -> TileProgram:
    """The same program with small tiles, chunks and parts."""

    def small(k: TileKernel) -> TileKernel:
        body = tuple(replace(s, chunk=min(s.chunk, chunk)) if isinstance(s, Loop) else s for s in k.body)
        grid = {a: min(t, tile) for a, t in k.grid.items()}
        return replace(k, body=body, grid=grid, split=replace(k.split, length=min(k.split.length, length)) if k.split else None)

    return replace(program, kernels=tuple(map(small, program.kernels)))


def agrees(
    plan: Plan,
    program: TileProgram,
    specs: Sequence[InputSpec],
    sizes: Sequence[Mapping[str, int]] | None = None,
    seed: int = 0,
) -> Agreement:
    """Whether a tile program computes the plan's terms: residues of exact values at each row of sizes, where defined.

    equal: in every draw that could be judged, and at least one at each row.  Small tiles are used throughout.
    """
    sizes = size_rows(sorted(plan.sizes)) if sizes is None else sizes
    for row in sizes:
        found = _at(plan, shrunk(program), specs, row, seed)
        if not found:
            return found
    return Agreement("equal", tuple(sizes))


def _at(plan: Plan, program: TileProgram, specs: Sequence[InputSpec], sizes: Mapping[str, int], seed: int) -> Agreement:
    try:
        inputs = [row for _, row in islice(rows(plan.terms, specs, sizes, None, seed), DRAWS)]
        given = {name: np.stack([row[name] for row in inputs]) for name in inputs[0]}
        terms = opened(plan.terms)
        engine = Engine([*terms, *_numbers(program)], _with_parts(program, sizes), given, DRAWS, DRAWS, seed + 1)
        engine.run(terms)
        outside = undefined(engine, terms)
        run = ExactRun(engine)
        run.run(program)
        return _compared(plan, terms, program, engine, run, outside, sizes)
    except (NotExact, Unsupported, BudgetExceeded) as error:
        return Agreement("undecided", (sizes,), str(error))
    except (AssertionError, ValueError, IndexError, KeyError) as error:
        return Agreement("unequal", (sizes,), f"the program doesn't run: {type(error).__name__}: {error}")


def _numbers(program: TileProgram) -> Iterator[Term]:
    """Terms of numbers in the program, which the fields must know."""
    for k in program.kernels:
        for t in leaves_of(k.body):
            if not any(s.op == "input" for s in postorder(t)):
                yield t


def _with_parts(program: TileProgram, sizes: Mapping[str, int]) -> dict[str, int]:
    """The sizes, and the numbers of parts."""
    found = dict(sizes)
    for k in program.kernels:
        if k.split:
            found[str(k.split.part.size)] = -(-k.split.axis.size.at(sizes) // k.split.length)
    return found


def _compared(
    plan: Plan,
    terms: Sequence[Term],
    program: TileProgram,
    engine: Engine,
    run: ExactRun,
    outside: Mapping[Term, Any],
    sizes: Mapping[str, int],
) -> Agreement:
    judged = np.ones(engine.draws, dtype=bool)
    for term, axes, name in zip(terms, plan.axes, program.results, strict=True):
        order = sorted(axes, key=lambda a: a.key)
        value = engine.real(engine.values[term])
        whole = value.reshape(*(a.size.at(sizes) if a in term.free else 1 for a in order))
        wrong = ~same(whole, run.arrays[name])
        skip = spread(outside[term], term.free, order, engine.sizes)
        wrong = np.broadcast_to(wrong & ~skip, (engine.draws, *wrong.shape[1:])).reshape(engine.draws, -1).any(axis=1)
        if (wrong & ~engine.space.spoiled).any():
            return Agreement("unequal", (sizes,), f"{name} differs")
        judged &= ~np.broadcast_to(skip, (engine.draws, *skip.shape[1:])).reshape(engine.draws, -1).all(axis=1)
    if not (judged & ~engine.space.spoiled).any():
        return Agreement("undecided", (sizes,), "no draw could be judged")
    return Agreement("equal", (sizes,))
