"""The plots of a plan: the roofline, the frontier, and traffic over memory against the lower bound.

What may be added here: another plot of a plan. What never belongs here: how a plot is drawn (`plots.py`), a cost model.
"""

from __future__ import annotations

from collections.abc import Sequence

from commute.egraph.plan import Plan
from commute.plan_sweep import Swept
from commute.plan_words import amount, duration
from commute.plots import Plot
from commute.theory.machines import DTYPES


def roofline_plot(plan: Plan) -> Plot | None:
    """Operations a second over operations a byte: the machine's roof, the plan's kernels, and the program as it is written."""
    row = plan.row
    if row is None or not plan.cost.get("flops"):
        return None
    each = DTYPES[plan.dtype]
    products = sum(k.figures["matmul"] for k in plan.kernels)
    peak = row.matmul[plan.dtype] if products else row.vector
    plot = Plot("operations for each byte moved", "operations a second", "roofline", amount, _rate)
    whole = plan.cost["flops"], plan.cost["bytes"], plan.cost["seconds"]
    for key, name in (("naive", "as written"), ("unfused", "unfused")):
        if key in plan.gain and f"{key}_traffic" in plan.gain and plan.objective == "time":
            x = whole[0] / (whole[1] * plan.gain[f"{key}_traffic"])
            plot.mark(x, whole[0] / (whole[2] * plan.gain[key]), name, "faint")
    for i, k in enumerate(plan.kernels, 1):
        flops = k.figures["matmul"] + k.figures["vector"]
        if flops:
            plot.mark(
                flops / (k.figures["traffic"] * each),
                flops / k.figures["seconds"],
                f"kernel {i}" if len(plan.kernels) > 1 else "the plan",
                "accent",
            )
    xs = [m[0] for m in plot.marks]
    if not xs:
        return None
    slopes = [(v.name, v.bandwidth) for v in row.levels[:-1]]
    low, high = min(*xs, peak / max(b for _, b in slopes)) / 3, max(*xs, peak / min(b for _, b in slopes)) * 5
    for i, (name, bandwidth) in enumerate(slopes):
        ridge = peak / bandwidth
        plot.curve([(low, low * bandwidth), (ridge, peak)], "faint" if i else "")
        plot.note(low * 2.2, low * 1.55 * bandwidth, name)
    plot.curve(
        [(peak / slopes[0][1], peak), (high, peak)], "", f"{_rate(peak)} {'matrix products' if products else 'vector units'}"
    )
    return plot


def _rate(value: float) -> str:
    for least, name in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= least * 0.999:
            return f"{value / least:.3g} {name}"
    return f"{value:.3g}"


def frontier_plot(plan: Plan) -> Plot | None:
    """Time over memory of the plans that none beats, and of those that lost."""
    points = {(p["memory"], p["seconds"], p["traffic"]) for p in plan.frontier if p["memory"] > 0}
    if not points:
        return None
    plot = Plot("values held by a group (M)", "time", "frontier", amount, duration)
    lost = {(r.figures["memory"], r.figures["seconds"]) for r in plan.rivals if r.figures["memory"] > 0}
    for memory, seconds in sorted(lost - {p[:2] for p in points}):
        plot.mark(memory, seconds, "", "faint")
    own = plan.cost["memory"], plan.cost["seconds"]
    ordered = sorted(points)
    if len(ordered) > 1:
        plot.curve([p[:2] for p in ordered], "faint")
    for memory, seconds, traffic in ordered:
        chosen = abs(memory - own[0]) < 1e-6 * own[0] and abs(seconds - own[1]) < 1e-9 * own[1]
        plot.mark(memory, seconds, f"{'the plan, ' if chosen else ''}H {amount(traffic)}", "accent" if chosen else "")
    return plot


def sweep_plot(plan: Plan, rows: Sequence[Swept]) -> Plot | None:
    """Traffic over memory, against the lower bound."""
    if len(rows) < 2:
        return None
    plot = Plot("values that a group may hold (M)", "values moved (H)", "memory", amount, amount)
    plot.curve([(r.capacity, r.bound) for r in rows], "faint", "bound")
    plot.curve([(r.capacity, r.traffic) for r in rows], "accent")
    plot.mark(plan.cost["memory"], plan.cost["traffic"], "the plan", "accent")
    return plot


def thinned(rows: Sequence[Swept], count: int = 7) -> Sequence[Swept]:
    """Some of the capacities, evenly spread from the least to where no more is gained."""
    least = min((r.traffic for r in rows), default=0.0)
    upto = next((i for i, r in enumerate(rows) if r.traffic <= least * 1.0001), 0) + 1
    step = max(1, -(-upto // count))
    return rows[:upto:step]
