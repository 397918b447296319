"""Whether the code of plans is safe in float32: finite wherever the program is, and within the bound on the program's rounding.

Run as a script it goes over the whole catalogue: `python -m tests.safe_plans`.  To add here: magnitudes that break code.
Never here: a bound of its own (`verify/rounding.py` has it).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from commute.emitting import CompilablePlan
from commute.kernels.catalogue import ROWS
from commute.lowering.checking_printed import loaded, small_source
from commute.lowering.tile_program import tile_program
from commute.optimizing import optimize
from commute.verify.rounding import FACTOR, PRECISIONS, bounds

Array = np.ndarray[Any, Any]
MAGNITUDES: dict[str, Callable[[Array], Array]] = {
    "plain": lambda x: x,
    "scores to 1e4": lambda x: x * 50,
    "variance 1e-6 of the mean": lambda x: 1000 + x * 1000**0.5 * 1e-3,
    "small": lambda x: x * 1e-3,
    "one outlier": lambda x: np.where(np.arange(x.size).reshape(x.shape) == x.size // 2, 1e4, x),
}


def drawn(plan: CompilablePlan, sizes: Mapping[str, int], change: Callable[[Array], Array]) -> dict[str, torch.Tensor]:
    """Inputs in float32."""
    rng = np.random.default_rng(3)
    found = {}
    assert plan.lifted is not None
    for s in plan.lifted.inputs:
        shape = s.dims(sizes)
        if s.sort == "real":
            found[s.name] = torch.as_tensor(change(rng.standard_normal(shape)), dtype=torch.float32)
        elif s.sort == "int":
            found[s.name] = torch.as_tensor(rng.integers(0, s.bound.at(sizes) if s.bound is not None else 2, shape))
        else:
            found[s.name] = torch.as_tensor(rng.random(shape) < 0.5)
    return found


def unsafe(plan: CompilablePlan, magnitude: str) -> str:
    """What is wrong with a plan's code at a magnitude, in words; nothing where all is well.

    The code has small tiles, so that every correction is at work.
    """
    lifted = plan.lifted
    assert lifted is not None and plan.forms is not None
    sizes = {s: 9 - i % 3 for i, s in enumerate(sorted(plan.sizes))}
    given = drawn(plan, sizes, MAGNITUDES[magnitude])
    fast = loaded(small_source(plan, lifted, tile_program(plan, plan.forms)), plan.name)
    wanted, found = lifted.callables[0](**{n: x.clone() for n, x in given.items()}), fast(**given)
    found = found if isinstance(found, tuple) else (found,)
    exact = {n: x.double().numpy() if x.is_floating_point() else x.numpy() for n, x in given.items()}
    outputs = lifted.programs[0].outputs
    limits = bounds([o.whole.term for o in outputs], sizes, exact, [o.whole.axes for o in outputs], PRECISIONS["float32"])
    for r, f, bound in zip(wanted, found, limits, strict=True):
        finite = torch.isfinite(r)
        if not torch.isfinite(f[finite]).all():
            return "not finite where the program is"
        error = torch.as_tensor(bound.error).reshape(f.shape)
        known = finite & torch.isfinite(error)
        off = (f.double() - torch.as_tensor(bound.value).reshape(f.shape)).abs()
        if (off > FACTOR * error)[known].any():
            return f"off by {float((off / error)[known].max()):.3g} times the bound"
    return ""


def catalogue() -> int:
    """Every case of the catalogue at every magnitude; how many are unsafe."""
    wrong = 0
    for row in ROWS:
        for case in row.cases:
            plan = optimize(
                case.reference, sizes=case.sizes, machine=case.machine, static=case.static, objective=case.objective,
                dtype=case.dtype,
            )  # fmt: skip
            for magnitude in MAGNITUDES:
                why = unsafe(plan, magnitude)
                wrong += bool(why)
                print(f"{row.number:3} {case.name:24} {magnitude:26} {why or 'safe'}", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(min(catalogue(), 1))
