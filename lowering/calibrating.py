"""Measures the machine at hand through eager Torch: copy, matrix product, exponential, addition, and what a call costs.

Each figure is the best of a few short runs, for other programs can only slow a run down.  The whole takes seconds.
To add here: a figure of `theory/machines.Machine`.  Never here: where the figures are kept, or a cost model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

import torch

from commute.theory.machines import MACHINES, Machine

LARGE, SMALL, SIDE = 1 << 25, 1 << 16, 1024
"""Values of an array that no cache holds, of one that a core's cache holds, and the side of a matrix."""


def calibrated(seconds: float = 0.4, threads: Sequence[int] | None = None) -> Machine:
    """The row `cpu` with the figures of this machine; each of seven is measured for about `seconds` at each of `threads`.

    One thread and as many as Torch uses, without: the better rate counts, for on a busy machine threads wait for each other.
    """
    usual = torch.get_num_threads()
    try:
        found = [_figures(n, seconds) for n in threads or sorted({1, usual})]
    finally:
        torch.set_num_threads(usual)
    best = {name: max(f[name] for f in found) for name in found[0]}
    base = MACHINES["cpu"]
    outer, inner = (replace(v, bandwidth=best[v.name]) for v in base.levels)
    return replace(
        base, levels=(outer, inner), units=1, matmul={d: best[d] for d in _DTYPES}, vector=best["vector"], exp=best["exp"],
        launch=2 / best["calls"], step=1 / best["calls"], source="measured on this machine by commute machines --calibrate",
    )  # fmt: skip


_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def _figures(threads: int, seconds: float) -> dict[str, float]:
    """Rates a second, at a number of threads."""
    torch.set_num_threads(threads)
    large, small, tiny = torch.ones(LARGE), torch.ones(SMALL), torch.ones(4)
    other, near = torch.empty(LARGE), torch.empty(SMALL)
    call = _best(lambda: torch.add(tiny, tiny), seconds / 2)

    def rate(amount: float, run: Callable[[], object]) -> float:
        taken = _best(run, seconds)
        return amount / max(taken - call, taken / 10)

    return {
        "DRAM": rate(8 * LARGE, lambda: other.copy_(large)),
        "cache": rate(8 * SMALL, lambda: near.copy_(small)),
        "vector": rate(2 * SMALL, lambda: torch.add(small, small)),
        "exp": rate(SMALL, lambda: torch.exp(small)),
        "calls": 1 / call,
        **{d: _products(t, seconds) for d, t in _DTYPES.items()},
    }


def _products(dtype: torch.dtype, seconds: float) -> float:
    a = torch.rand(SIDE, SIDE, dtype=dtype)
    return 2 * SIDE**3 / _best(lambda: a @ a, seconds)


def _best(run: Callable[[], object], seconds: float) -> float:
    """The least seconds of one run, of as many as fit and at least five."""
    run()
    end, best, runs = perf_counter() + seconds, float("inf"), 0
    while runs < 5 or perf_counter() < end:
        start = perf_counter()
        run()
        best = min(best, perf_counter() - start)
        runs += 1
    return best
