"""From a plan to its tile program: every kernel as the plan has it, or in a simpler way that is always right.

Where a correction that the plan counts on can't be spelled, the kernel is not parted, and then takes more passes.
To add here: another way to run a kernel.  Never here: the steps themselves (`tile_build.py`, `tile_split.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress

from commute.egraph.forms import Forms, Node
from commute.egraph.plan import KernelPlan, Plan
from commute.egraph.streams import Passes, Scheduler
from commute.lowering.registry import Unsupported
from commute.lowering.tile import Array, Loop, TileKernel, TileProgram
from commute.lowering.tile_build import Builder
from commute.lowering.tile_reads import arrays_read, live
from commute.lowering.tile_slide import slid
from commute.lowering.tile_split import Splitter
from commute.theory.axes import Axis
from commute.theory.terms import index, read


class OneByOne(Scheduler):
    """Passes without corrections: a reduction waits for those that it depends on."""

    def _earlier(self, c: int, node: Node, stage: int) -> int:
        return stage


def tile_program(plan: Plan, forms: Forms, whole: Collection[int] = ()) -> TileProgram:
    """The kernels of a plan in the order in which they run; those numbered in `whole` without tiles."""
    kernels: list[TileKernel] = []
    number = {id(k): i for i, k in enumerate(plan.kernels)}
    for k in _ordered(plan.kernels):
        i = number[id(k)]
        kernels += [as_whole(forms, k, f"{plan.name}_{i}")] if i in whole else _kernels(forms, k, f"{plan.name}_{i}", i)
    names = {forms.find(forms.insert(t)): f"out{i}" if len(plan.terms) > 1 else "out" for i, t in enumerate(plan.reference)}
    return TileProgram(plan.name, tuple(kernels), tuple(names[forms.find(forms.insert(t))] for t in plan.reference))


def as_whole(forms: Forms, plan: KernelPlan, name: str) -> TileKernel:
    """A kernel without tiles or passes."""
    return _kernel(forms, plan, name, None, {})


def _ordered(kernels: Sequence[KernelPlan]) -> list[KernelPlan]:
    """Kernels that make an array before those that read it."""
    made = {m.name for k in kernels for m in k.makes}
    left, done = list(kernels), []
    while left:
        ready = next((k for k in left if not (made & set(k.reads)) - {m.name for d in done for m in d.makes}), None)
        if ready is None:
            raise Unsupported("kernels that need one another's results")
        left.remove(ready)
        done.append(ready)
    return done


def _kernels(forms: Forms, plan: KernelPlan, name: str, number: int) -> list[TileKernel]:
    plan = slid(forms, plan)
    if plan.split is not None:
        with suppress(Unsupported):
            return list(Splitter(forms, plan, name, number).kernels())
    grid = {a: t for a, t in plan.grid.items() if all(a in m.axes for m in plan.makes)}
    passes = plan.kernel.passes
    try:
        return [_kernel(forms, plan, name, passes, grid)]
    except Unsupported:
        assert passes is not None
        region = plan.kernel.region
        again = OneByOne(forms, region.node, region.inner, region.outputs, passes.axis).schedule()
        return [_kernel(forms, plan, name, again, grid)]


def _kernel(forms: Forms, plan: KernelPlan, name: str, passes: Passes | None, grid: dict[Axis, int]) -> TileKernel:
    region = plan.kernel.region
    arrays = dict(plan.arrays)
    for c, m in zip(region.outputs, plan.makes, strict=True):
        arrays[c] = read(m.name, [index(a) for a in m.axes], [a.size for a in m.axes])
    builder = Builder(forms, region, arrays)
    body = builder.body(passes, plan.stream[1] if plan.stream else 1)
    inside = {n for s in body if isinstance(s, Loop) for _, n in s.stores}
    stores = [(builder.value(c), m.name) for c, m in zip(region.outputs, plan.makes, strict=True) if m.name not in inside]
    body = live(body, [v for v, _ in stores] + [v for s in body if isinstance(s, Loop) for v, _ in s.stores])
    writes = tuple(Array(m.name, m.axes) for m in plan.makes)
    return TileKernel(name, grid, tuple(body), tuple(stores), arrays_read(body), writes)
