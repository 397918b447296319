"""Plans and machines in words, for a terminal: one screen that a person can check against the formulae.

To add here: a line about a plan.  Never here: figures that the plan doesn't hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from commute.egraph.plan import KernelPlan, OpaqueKernel, Plan, Rival
from commute.theory.machines import GIB, KIB, MIB, Machine

UNITS = ((1e-3, 1e3, "ms"), (1e-6, 1e6, "µs"), (0.0, 1e9, "ns"))


def duration(seconds: float) -> str:
    """Seconds in a unit that a person reads.

    >>> duration(0.000142), duration(2.5)
    ('142 µs', '2.5 s')
    """
    if seconds >= 1:
        return f"{seconds:.3g} s"
    scale, name = next((s, n) for least, s, n in UNITS if seconds >= least)
    return f"{seconds * scale:.3g} {name}"


def amount(values: float) -> str:
    """A number of values, or of bytes, with a prefix.

    >>> amount(285212672.0), amount(512)
    ('285 M', '512')
    """
    for least, name in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e4, " k")):
        if values >= least:
            return f"{values / least * (10 if name == ' k' else 1):.3g}{name}"
    return f"{values:g}"


def in_words(plan: Plan, explain: bool = False) -> str:
    """The plan for a person: verdict, kernels with their labels and figures, gains; with `explain` how it was found."""
    cost = plan.cost
    lines = [
        f"{plan.name} on {plan.machine} in {plan.dtype}: {duration(cost['seconds'])}, H = {amount(cost['traffic'])} values, "
        f"M = {amount(cost['memory'])} values, {len(plan.kernels)} kernel{'s' * (len(plan.kernels) != 1)}",
        f"  equal     {_equal(plan)}",
    ]
    if plan.streams:
        lines.append(f"  streams   {_streams(plan)}")
    if plan.gain:
        lines.append(f"  gain      {_gain(plan)}")
    if plan.search.get("stopped", "complete") != "complete":
        lines.append(f"  search    the best so far: {plan.search['stopped']}")
    for number, kernel in enumerate(plan.kernels, 1):
        lines += [line for o in plan.opaque if o.before == number - 1 for line in _opaque(o)]
        lines += ["", *_kernel(number, kernel)]
    lines += [line for o in plan.opaque if o.before >= len(plan.kernels) for line in _opaque(o)]
    if explain:
        lines += ["", *_explained(plan)]
    return "\n".join(lines)


def _equal(plan: Plan) -> str:
    if plan.verdict == "PROVED":
        axioms = f" (axioms: {', '.join(plan.axioms)})" if plan.axioms else ""
        return f"PROVED over the reals, for all sizes, by a certificate{axioms}"
    return f"{plan.verdict}: {plan.reason}"


def _streams(plan: Plan) -> str:
    claims = [e for e in plan.streams if e.what != "schedule"]
    rest = f"{len(claims)} claim{'s' * (len(claims) != 1)} about running states and merges PROVED; " if claims else ""
    return rest + plan.schedule


def _gain(plan: Plan) -> str:
    parts = []
    if "naive" in plan.gain:
        parts.append(f"{plan.gain['naive']:.3g}x over every operation on its own")
    if "unfused" in plan.gain:
        parts.append(f"{plan.gain['unfused']:.3g}x over the program's own operations, each at its best")
    return ", ".join(parts)


def _opaque(kept: OpaqueKernel) -> list[str]:
    return ["", f"opaque    {', '.join(kept.makes)} = {kept.operator}({', '.join(kept.reads)}), as it is, its cost not known"]


def _kernel(number: int, kernel: KernelPlan) -> list[str]:
    f = kernel.figures
    lines = [f"kernel {number}  {'   '.join(kernel.labels()) or 'one group'}"]
    lines += [f"  {m.name}[{', '.join(a.name for a in m.axes)}] = {m.term}" for m in kernel.makes]
    lines.append(
        f"  {duration(f['seconds'])}, bound by {kernel.bound_by}; H = {amount(f['traffic'])}, M = {amount(f['memory'])}, "
        f"{amount(f['matmul'])} matmul flops, {amount(f['exp'])} exps"
    )
    if kernel.stream is not None:
        passes = "one pass" if kernel.passes == 1 else f"{kernel.passes} passes"
        lines.append(f"  {passes} over {kernel.stream[0].name}" + _corrected(kernel))
    if kernel.share < 1:
        lines.append(f"  blocks that the mask leaves empty are skipped: {kernel.share:.0%} is left")
    return lines


def _corrected(kernel: KernelPlan) -> str:
    count = len(kernel.corrected)
    if not count:
        return ""
    return f"; {count} reduction{'s' * (count > 1)} corrected as what {'they depend' if count > 1 else 'it depends'} on moves"


def _explained(plan: Plan) -> list[str]:
    lines = ["derivation"]
    for step in plan.derivation:
        lines += [f"  {step.move} ({', '.join(step.laws)})" if step.laws else f"  {step.move}", f"    = {step.after}"]
    lines.append("formulae, in values")
    for number, f in enumerate(plan.formulae(), 1):
        lines += [f"  kernel {number}  H = {f.traffic}", f"            M = {f.memory}"]
        if f.optimum is not None:
            betas = ", ".join(str(b) for _, b in f.exponents)
            lines.append(f"            H* = {f.optimum} for a capacity M: it falls with exponent {betas}")
    lines.append("rivals")
    lines += [f"  {_rival(r)}" for r in plan.rivals]
    s = plan.search
    lines.append("search")
    lines.append(
        f"  {s['forms']} forms of {s['enodes']} nodes in {s['classes']} classes looked at in {duration(s['seconds'])}; "
        f"{s['stopped']}"
    )
    return lines


def _rival(rival: Rival) -> str:
    return f"{duration(rival.figures['seconds'])}, {rival.kernels} kernels: {rival.reason}"


def forms_in_words(answer: Mapping[str, Any]) -> str:
    """The number of forms, and the cheapest with their costs: with a machine those of the plan, else the estimate."""
    count = answer["count"]
    whole = "" if answer["explored"] == "complete" else f" (as far as explored: {answer['explored']})"
    lines = [f"{'infinitely many' if count == 'infinite' else count} equal forms{whole}"]
    for row in answer["forms"]:
        if "seconds" in row:
            cost = f"{duration(row['seconds'])}  H = {amount(row['traffic'])}  M = {amount(row['memory'])}"
        else:
            cost = amount(row["estimate"])
        lines += [f"  {cost}  {text}" for text in row["form"]]
    return "\n".join(lines)


def machine_page(machines: Iterable[Machine]) -> str:
    """The table of machines."""
    lines = []
    for m in machines:
        fastest = max(m.matmul, key=lambda d: m.matmul[d])
        lines.append(
            f"{m.name:<8}{m.units} units, {m.matmul[fastest] / 1e12:.4g} Tflop/s ({fastest}), {m.exp / 1e12:.3g} Texp/s"
        )
        lines += [f"  {v.name:<10}{_capacity(v.capacity):>10}  {v.bandwidth / 1e9:8.4g} GB/s" for v in m.levels]
        lines.append(f"  source    {m.source}")
    return "\n".join(lines)


def _capacity(size: float) -> str:
    for unit, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if size >= unit:
            return f"{size / unit:.4g} {name}"
    return f"{size:g} B"
