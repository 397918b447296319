"""From a group of operations to a kernel on a machine: which axes are grouped, which one is streamed, with which tiles.

Grouping a woven axis is always legal; streaming one is legal in one pass where `streams.py` says so, and costs a re-read for
each further pass.  To add here: a choice that a kernel has.  Never here: which operations are grouped (`planning.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from commute.egraph.bounds import least_traffic_of
from commute.egraph.cost import Costing, Figures, Region
from commute.egraph.forms import Forms
from commute.egraph.masks import empty_where, share_left
from commute.egraph.streams import Passes, Scheduler
from commute.theory.axes import Axis
from commute.theory.machines import DTYPES, Machine

MOST_GRID = 3
"""At most so many grouped axes get a choice of tile; the others are woven by 1."""

TIE, WORK_TIE = 1e-17, 1e-21
"""Seconds that a value moved, or an operation, counts as where times are equal: far below what they take."""


@dataclass
class Kernel:
    """One kernel of a plan.

    `tiles` and `chunk` are sizes of tiles; `parts` says into how many the axis `split` is parted over groups (a second
    kernel merges their states), `share` what a mask leaves of the blocks; `traffic` and `memory` are H and M in values;
    `seconds` and `joules` are the model's; `bound_by` names the unit that sets the time.
    """

    region: Region
    passes: Passes | None
    tiles: dict[Axis, int]
    stream: Axis | None
    chunk: int
    traffic: float
    memory: float
    groups: float
    matmul: float
    vector: float
    exp: float
    seconds: float
    joules: float
    bytes: float
    bound_by: str
    share: float = 1.0
    parts: int = 1
    split: Axis | None = None
    level_traffic: dict[str, float] = field(default_factory=dict)
    full: Mapping[Axis, int] = field(default_factory=dict, repr=False)


@dataclass
class Target:
    """What a plan is for: a machine, a dtype, and what is to be least (`time`, `traffic` or `energy`)."""

    machine: Machine
    dtype: str = "float16"
    objective: str = "time"
    capacity: float | None = None

    @property
    def bytes(self) -> int:
        """Bytes of a value."""
        return DTYPES[self.dtype]

    @property
    def values(self) -> float:
        """How many values the inner level holds."""
        return (self.capacity or self.machine.inner.capacity) / self.bytes

    def score(self, kernel: Kernel) -> float:
        """What is to be least; of two that are equally fast, the one that moves less, then the one that computes less."""
        if self.objective == "traffic":
            return kernel.traffic
        if self.objective == "energy":
            return kernel.joules
        return kernel.seconds + TIE * kernel.traffic + WORK_TIE * (kernel.matmul + kernel.vector + kernel.exp)


def best_kernel(forms: Forms, region: Region, full: Mapping[Axis, int], target: Target, least: float = 0.0) -> Kernel | None:
    """The best way to run a region as one kernel, or None where nothing fits the inner level; it costs at least `least`."""
    best: Kernel | None = None
    moved = least_traffic_of(forms, region, full)
    schedules = {
        a: Scheduler(forms, region.node, region.inner, region.outputs, a).schedule() for a in _streams(forms, region, full)
    }
    once = [a for a, p in schedules.items() if p.count == 1 and not any(a in forms.free[c] for c in region.outputs)][:1]
    for stream in (None, *schedules):
        for split in (None, *(a for a in once if a != stream)):
            if best is not None and target.score(best) <= 1.0001 * least and best.traffic <= 1.0001 * moved:
                return best
            found = _tiled(forms, region, full, target, schedules.get(stream) if stream else None, split)
            if found is not None and (best is None or target.score(found) < target.score(best)):
                best = found
    return best


def _streams(forms: Forms, region: Region, full: Mapping[Axis, int]) -> list[Axis]:
    """Axes that may be streamed: those that the region reduces, or those of a map."""
    axes = {a for c in region.inner for a in region.node[c].bound}
    axes |= {a for c in region.outputs for a in forms.free[c]} if not axes else set()
    ranked = sorted(axes, key=lambda a: (-full[a], a.key))[:3]
    return [a for a in ranked if full[a] > 1]


def _tiled(
    forms: Forms, region: Region, full: Mapping[Axis, int], target: Target, passes: Passes | None, split: Axis | None
) -> Kernel | None:
    stream = passes.axis if passes else None
    grid = _grid(forms, region, full, stream)
    free = sorted((a for a in grid if _varies(forms, region, a)), key=lambda a: -full[a])[:MOST_GRID]
    free += [split] if split is not None else []
    quantum = target.machine.tile
    chunks = _chunk_sizes(full[stream], quantum) if stream is not None else [1]
    splits = _splits(forms, region, full, passes, grid, target) if split is None else [1]
    mesh = np.meshgrid(
        *[np.array(o, float) for o in (*(_tile_sizes(full[a], quantum) for a in free), chunks, splits)], indexing="ij"
    )
    tiles: dict[Axis, np.ndarray] = {a: m.ravel() for a, m in zip(free, mesh[:-2], strict=True)}
    tiles |= {a: np.ones(1) for a in grid if a not in free}
    chunk, parts = (mesh[-2].ravel() if stream is not None else None), mesh[-1].ravel()
    share = _share(forms, region, full, passes, grid, quantum)
    figures = Costing(forms, region, full, passes, share, split).figures(tiles, chunk, parts)
    fits = figures.memory <= target.values
    if not fits.any():
        return None
    merged = parts if split is None else full[split] / tiles[split]
    seconds, joules, bound, levels = _time(figures, target, merged)
    score = {"traffic": figures.traffic, "energy": joules}.get(target.objective, seconds)
    tie = 1e-9 * seconds + TIE * figures.traffic + 1e-12 * figures.memory / target.values * seconds
    score = np.where(fits, score + tie, np.inf)
    i = int(np.argmin(score))

    def at(v: np.ndarray) -> float:
        return float(v[i] if v.size > 1 else v.ravel()[0])

    return Kernel(
        region, passes, {a: int(at(t)) for a, t in tiles.items()}, stream, int(chunk[i]) if chunk is not None else 1,
        at(figures.traffic), at(figures.memory), at(figures.groups), at(figures.matmul), at(figures.vector), at(figures.exp),
        at(seconds), at(joules), at(figures.traffic) * target.bytes, bound[i], share,
        round(at(np.asarray(merged))), split or stream, {k: at(v) for k, v in levels.items()}, full,
    )  # fmt: skip


def _splits(
    forms: Forms, region: Region, full: Mapping[Axis, int], passes: Passes | None, grid: Sequence[Axis], target: Target
) -> list[int]:
    """Into how many parts the streamed axis may be split: one pass, all of it reduced, and too few groups without."""
    groups = prod(full[a] for a in grid)
    if passes is None or passes.count != 1 or any(passes.axis in forms.free[c] for c in region.outputs):
        return [1]
    if groups >= 4 * target.machine.units:
        return [1]
    return [2**k for k in range(11) if 2**k * target.machine.tile <= full[passes.axis]] or [1]


def _share(
    forms: Forms, region: Region, full: Mapping[Axis, int], passes: Passes | None, grid: Sequence[Axis], quantum: int
) -> float:
    """What masks leave of the blocks of the streamed axis: blocks are skipped where every reduction's body is its unit."""
    if passes is None or passes.count != 1:
        return 1.0
    reductions = [c for c in region.inner if passes.axis in region.node[c].bound]
    empty = [empty_where(forms, region.node, c) for c in reductions]
    common = [t for t in (empty[0] if empty else []) if all(t in e for e in empty)]
    block = {a: min(full[a], 4 * quantum) for a in (*grid, passes.axis)}
    return share_left([t for t in common if t.free <= set(block)], full, block)


def _grid(forms: Forms, region: Region, full: Mapping[Axis, int], stream: Axis | None) -> list[Axis]:
    """The axes that every output carries, the streamed one apart."""
    common = frozenset.intersection(*(forms.free[c] for c in region.outputs)) - {stream}
    # An axis that is reduced over somewhere inside is needed whole.
    reduced = frozenset().union(*(region.node[c].bound for c in region.inner))
    return sorted((a for a in common - reduced if full[a] > 1), key=lambda a: a.key)


def _varies(forms: Forms, region: Region, axis: Axis) -> bool:
    """Whether some array doesn't carry the axis, so that its tile matters."""
    arrays = [c for c in (*region.leaves, *region.outputs) if forms.free[c]]
    return any(axis not in forms.free[c] for c in arrays)


def _tile_sizes(size: int, quantum: int) -> list[int]:
    """1, powers of two from the machine's quantum on, and the whole."""
    return [1, *(2**k for k in range(1, 13) if quantum <= 2**k < size), size] if size > 1 else [1]


def _chunk_sizes(size: int, quantum: int) -> list[int]:
    """Powers of two from the machine's quantum on, and the whole: chunks above 512 gain nothing that the whole doesn't."""
    return [*(2**k for k in range(10) if quantum <= 2**k < size), size]


def _time(
    figures: Figures, target: Target, split: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[str], dict[str, np.ndarray]]:
    """Seconds and joules of each tiling: the slowest unit sets the time of an overlapped kernel."""
    machine = target.machine
    busy = np.minimum(1.0, figures.groups / machine.units)
    parts = {
        "matmul": figures.matmul / machine.matmul.get(target.dtype, min(machine.matmul.values())) / busy,
        "vector": figures.vector / machine.vector / busy,
        "exp": figures.exp / machine.exp / busy,
    }
    levels: dict[str, np.ndarray] = {}
    joules = np.zeros_like(figures.traffic)
    for outer, inner in zip(machine.levels[:-1], machine.levels[1:], strict=True):
        moved = figures.traffic * target.bytes
        if inner is not machine.inner:
            room = figures.memory * target.bytes <= inner.capacity
            least = np.min(np.where(room & (figures.memory > 0), moved, np.inf)) if room.any() else np.inf
            moved = np.minimum(moved, least)
        levels[outer.name] = moved
        # A few groups can't keep the memory busy either; an eighth of the units does.
        parts[outer.name] = moved / outer.bandwidth / np.minimum(1.0, 8 * busy)
        joules = joules + moved * outer.energy * 1e-12
    stacked = np.stack([np.broadcast_to(p, figures.traffic.shape) for p in parts.values()])
    names = list(parts)
    fixed = machine.launch * np.where(split > 1, 2, 1) + machine.step * figures.rounds
    return fixed + stacked.max(0), joules, [names[k] for k in stacked.argmax(0)], levels
