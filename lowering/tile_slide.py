"""Factors that carry no summed axis are multiplied after the sum, so that what a running sum is divided by isn't inside it.

A running mean must be divided by the indices seen so far to be a mean: inside the sum, 1/n would make it a share of the whole
sum, and states that are centred by it would cancel.  To add here: a rewriting that keeps running states well conditioned.
Never here: a choice of the plan.
"""

from __future__ import annotations

from dataclasses import replace

from commute.egraph.cost import Region
from commute.egraph.forms import NONE, Forms, Node
from commute.egraph.plan import KernelPlan
from commute.egraph.streams import Scheduler


def slid(forms: Forms, plan: KernelPlan) -> KernelPlan:
    """The kernel with such factors outside of its sums, where that takes no more passes."""
    region, passes = plan.kernel.region, plan.kernel.passes
    node = dict(region.node)
    for c in region.inner:
        own = node[c]
        inside = tuple(a for a in own.args if forms.free[a] & own.bound) if own.op == "con" else ()
        if inside and len(inside) < len(own.args) and frozenset().union(*(forms.free[a] for a in inside)) >= own.bound:
            rest = tuple(a for a in own.args if not forms.free[a] & own.bound)
            total = forms.add(Node("con", inside, own.attrs))
            if total in region.leaves or total == c:
                continue
            node[total] = node.get(total, Node("con", inside, own.attrs))
            node[c] = Node("con", (total, *rest), (NONE,))
    new = Region(region.outputs, _order(region, node), region.leaves, node)
    again = Scheduler(forms, node, new.inner, new.outputs, passes.axis).schedule() if passes else None
    if passes and again and again.count > passes.count:
        return plan
    return replace(plan, kernel=replace(plan.kernel, region=new, passes=again))


def _order(region: Region, node: dict[int, Node]) -> tuple[int, ...]:
    """What the outputs are computed from, arguments first."""
    done: dict[int, None] = {}
    stack = [(c, False) for c in reversed(region.outputs)]
    leaves = set(region.leaves)
    while stack:
        c, ready = stack.pop()
        if ready:
            done[c] = None
        elif c not in done and c not in leaves:
            stack.append((c, True))
            stack += [(a, False) for a in reversed(node[c].args)]
    return tuple(done)
