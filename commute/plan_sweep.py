"""What a plan moves as the inner memory grows, against what any plan must move (THEORY §4, rows 6 and 8).

The tiles are chosen anew for each capacity, with a stream chunk of 1; the bounds leave constants out.
To add here: another bound, with its source.  Never here: the search for another form.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod, sqrt

from commute.egraph.cost import matmul_sides
from commute.egraph.plan import Plan
from commute.egraph.tiles import least_traffic
from commute.plan_figures import KernelFigures
from commute.theory.axes import Axis


@dataclass(frozen=True)
class Swept:
    """One capacity (in values): what the plan's kernels move at least, and the lower bound."""

    capacity: float
    traffic: float
    bound: float

    @property
    def ratio(self) -> float:
        """Achieved over bound."""
        return self.traffic / self.bound


def sweep(plan: Plan, capacities: list[float] | None = None) -> list[Swept]:
    """H of the plan over the capacity of the inner memory, from the least that its kernels run in."""
    if plan.forms is None:
        return []
    kernels = [KernelFigures(plan.forms, k) for k in plan.kernels]
    rows = []
    for capacity in capacities or [2.0 ** (k / 2) for k in range(14, 53)]:
        moved = [_least(k, capacity) for k in kernels]
        if all(m is not None for m in moved):
            rows.append(Swept(capacity, sum(m for m in moved if m is not None), sum(lower_bound(k, capacity) for k in kernels)))
    return rows


def _least(figures: KernelFigures, capacity: float) -> float | None:
    """The least traffic of a kernel in so many values; at most two grouped axes are tiled anew, the others as in the plan."""
    wanted = [a for a in figures.tiles if 1 < figures.tiles[a]] or list(figures.tiles)
    axes = sorted(sorted(wanted, key=lambda a: -figures.full[a])[:2], key=lambda a: figures.full[a])
    best = None
    for fixed in ({a: t for a, t in figures.tiles.items() if a not in axes}, {a: 1 for a in figures.tiles if a not in axes}):
        if not axes:
            fits = sum(p.value for p in figures.widest()) <= capacity
            return figures.kernel.traffic if fits else None
        found = least_traffic(figures.costing, axes, capacity, chunk=1, fixed=fixed)
        if found is not None and (best is None or found.traffic < best):
            best = found.traffic
    return best


def lower_bound(figures: KernelFigures, capacity: float) -> float:
    """What a kernel must move: every array once; a product of matrices abc·2/√M (Hong & Kung 1981); two products that share
    two axes n, m, with d^2 <= M, n·m·d²/M (Saha & Ye 2024)."""
    region, full = figures.kernel.region, figures.full
    arrays = (*(c for c in region.leaves if figures.is_read(c)), *region.outputs)
    once = sum(prod(full[a] for a in figures.forms.free[c]) for c in arrays)
    products = [c for c in region.inner if matmul_sides(figures.forms, region.node[c]) is not None]
    carried = [figures.forms.free[c] for c in (*region.leaves, *region.outputs) if figures.forms.free[c]]
    batch = frozenset.intersection(*carried) if carried else frozenset()
    each = _product(figures, batch)
    if len(products) == 1:
        axes = figures.forms.free[products[0]] | region.node[products[0]].bound
        return max(float(once), each * 2 * _product(figures, axes - batch) / sqrt(capacity))
    return max(float(once), each * _two_products(figures, products, batch, capacity))


def _two_products(figures: KernelFigures, products: list[int], batch: frozenset[Axis], capacity: float) -> float:
    """n·m·d·e/M where a product over d makes n × m values that a second one with e columns uses and M holds d × e; else 0."""
    if len(products) != 2:
        return 0.0
    (first, second), node, free = products, figures.kernel.region.node, figures.forms.free
    pair = free[first] - batch
    if len(pair) != 2 or not pair <= free[second] | node[second].bound:
        return 0.0
    widths = _product(figures, node[first].bound) * _product(figures, free[second] - batch - pair)
    return _product(figures, pair) * widths / capacity if capacity >= widths else 0.0


def _product(figures: KernelFigures, axes: frozenset[Axis]) -> float:
    return float(prod(figures.full[a] for a in axes))
