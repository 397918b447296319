"""What a kernel costs at least, whatever its tiles: each array moved once, each operation done once.

A search leaves out what can't be cheaper than what it has.  To add here: a bound from below.  Never here: an estimate that
may be too high.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from commute.egraph.cost import TRANSCENDENTAL, Costing, Region, matmul_sides
from commute.egraph.forms import Forms
from commute.theory.axes import Axis
from commute.theory.machines import Machine
from commute.theory.terms import BOOL, Term, postorder


def least_seconds(forms: Forms, region: Region, full: Mapping[Axis, int], machine: Machine, dtype: str, size: int) -> float:
    """Seconds that no kernel of the region goes below; where masks may leave blocks out, a launch is all that is certain."""
    if any(_masked(region.node[c].op, forms.term[c]) for c in (*region.inner, *region.leaves)):
        return machine.launch
    moved = least_traffic_of(forms, region, full) * size / machine.levels[0].bandwidth
    matmul = exps = 0.0
    for c in region.inner:
        node = region.node[c]
        elements = float(prod(full[a] for a in forms.free[c] | node.bound))
        if matmul_sides(forms, node) is not None:
            matmul += 2 * elements
        elif node.op in TRANSCENDENTAL:
            exps += elements
    rate = machine.matmul.get(dtype, min(machine.matmul.values()))
    return machine.launch + max(moved, matmul / rate, exps / machine.exp)


def least_traffic_of(forms: Forms, region: Region, full: Mapping[Axis, int]) -> float:
    """Values of the arrays that a region reads and writes, each once."""
    held = {a: np.asarray(float(n)) for a, n in full.items()}
    volume = Costing(forms, region, full).volume
    return float(sum(volume(c, held) for c in (*region.leaves, *region.outputs)))


def _masked(op: str, term: Term) -> bool:
    if op == "leaf":
        return term.sort == BOOL or any(t.op == "where" for t in postorder(term))
    return op == "where"
