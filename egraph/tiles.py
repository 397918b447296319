"""The tiles at which a kernel moves least, to the last value: whole numbers, not the powers of two that hardware likes.

Traffic falls and memory rises with every tile, so for given tiles of the other axes the best tile of one is the largest that
fits.  To add here: another optimum that theory asks for.  Never here: times, or machines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from commute.egraph.cost import Costing
from commute.theory.axes import Axis


@dataclass(frozen=True)
class Optimum:
    """Tiles of least traffic, H and M there, in values."""

    tiles: dict[Axis, int]
    chunk: int
    traffic: float
    memory: float


def least_traffic(
    costing: Costing, axes: Sequence[Axis], capacity: float, *, chunk: int = 1, fixed: Mapping[Axis, int] | None = None
) -> Optimum | None:
    """The tiles of one or two grouped axes with the least traffic in `capacity` values, or None where none fits.

    `fixed` gives the tiles of further grouped axes, `chunk` that of the streamed one.
    """
    rest = {a: np.asarray(float(t)) for a, t in (fixed or {}).items()}
    *outer, last = axes
    first = np.arange(1, costing.full[outer[0]] + 1, dtype=float) if outer else np.ones(1)
    low, high = np.ones_like(first), np.full_like(first, costing.full[last])

    def at(tile: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        tiles = rest | ({outer[0]: first} if outer else {}) | {last: tile}
        figures = costing.figures(tiles, np.asarray(float(chunk)))
        return figures.traffic, figures.memory

    while (high - low).max() >= 1:
        middle = np.ceil((low + high) / 2)
        fits = at(middle)[1] <= capacity
        low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
    traffic, memory = at(low)
    traffic = np.where(memory <= capacity, traffic, np.inf)
    i = int(np.argmin(traffic))
    if not np.isfinite(traffic[i]):
        return None
    tiles = {a: int(t) for a, t in (fixed or {}).items()} | ({outer[0]: int(first[i])} if outer else {}) | {last: int(low[i])}
    return Optimum(tiles, chunk, float(traffic[i]), float(memory[i]))
