"""Checks of a printed Torch file: with small tiles and as it is, it computes what the program does, in float64.

To add here: how a backend's file is run against the program.  Never here: exact values (`checking.py`), timing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

import torch

from commute.egraph.plan import Plan
from commute.lowering.checking import Agreement, shrunk, size_rows
from commute.lowering.lifted import Lifted
from commute.lowering.tile import TileProgram
from commute.lowering.to_torch import Module
from commute.verify.exact_draws import rows

CLOSE = 1e-9
"""How far two float64 computations may be apart, of the largest value of the result."""

DRAWS = 2


def small_source(plan: Plan, lifted: Lifted, program: TileProgram) -> str:
    """The file of a program with small tiles, chunks and parts, so that small sizes have several of each."""
    return Module(plan, lifted, shrunk(program), {}).source()


def printed_agrees(plan: Plan, lifted: Lifted, source: str, sizes: Sequence[Mapping[str, int]] | None = None) -> Agreement:
    """Whether a printed file gives what the lifted function gives, in float64 at each row of sizes."""
    sizes = [r for r in size_rows(sorted(plan.sizes)) if lifted.paths[0].holds(r)] if sizes is None else sizes
    fast = loaded(source, plan.name)
    for row in sizes:
        for _, given in islice(rows(plan.terms, lifted.inputs, row, None, 0), DRAWS):
            inputs = {s.name: torch.as_tensor(given[s.name]) for s in lifted.inputs}
            wanted = lifted.callables[0](**{name: x.clone() for name, x in inputs.items()})
            try:
                found = fast(**inputs)
            except (RuntimeError, ValueError, TypeError, IndexError, NameError, AttributeError) as error:
                return Agreement("unequal", (row,), f"the file doesn't run: {type(error).__name__}: {error}")
            pairs = zip(_tuple(wanted), _tuple(found), strict=True)
            if not all(close(w, f) for w, f in pairs):
                return Agreement("unequal", (row,), "the results differ")
    return Agreement("equal", tuple(sizes))


def loaded(source: str, name: str) -> Callable[..., Any]:
    """The function `name` of a file's source."""
    scope: dict[str, Any] = {}
    exec(compile(source, f"<{name} by commute>", "exec"), scope)
    return scope[name]


def close(wanted: torch.Tensor, found: torch.Tensor) -> bool:
    """Whether two results are one up to rounding; what isn't finite in the first isn't compared."""
    if wanted.shape != found.shape:
        return False
    mask = torch.isfinite(wanted)
    if not bool(mask.any()):
        return True
    gap = (wanted - found)[mask].abs().max()
    return bool(gap <= CLOSE * max(1.0, float(wanted[mask].abs().max())))


def _tuple(x: Any) -> tuple[torch.Tensor, ...]:
    return x if isinstance(x, tuple) else (x,)
