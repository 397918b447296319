"""What eager Torch does better without blocks: kernels all of whose values are as small as what they read or write.

To add here: when a library call is the better eager form.  Never here: how it is written.
"""

from __future__ import annotations

from math import prod

from commute.egraph.plan import KernelPlan, Plan

ROOM = 1.0
"""A value may be so many times as large as the largest array that the kernel reads or writes."""


def plain_kernels(plan: Plan) -> frozenset[int]:
    """The numbers of the kernels that need no tiles."""
    return frozenset(i for i, k in enumerate(plan.kernels) if _plain(plan, k))


def _plain(plan: Plan, k: KernelPlan) -> bool:
    assert plan.forms is not None
    free, region, full = plan.forms.free, k.kernel.region, k.kernel.full
    sizes = {c: prod(full[a] for a in free[c]) for c in (*region.inner, *region.leaves)}
    largest = max(sizes[c] for c in (*region.leaves, *region.outputs))
    return all(sizes[c] <= ROOM * largest for c in region.inner)
