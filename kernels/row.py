"""A row of the catalogue: plain programs with sizes and a machine, and what a plan for each must be like.

A requirement is a property of the plan (kernels, passes, traffic, what is stored), never the spelling of its terms; it
answers with what is missing, or with nothing.  To add here: a property.  Never here: a program, or a search.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from commute.egraph.plan import KernelPlan, Made, Plan

Sizes = Mapping[str, int]
Amount = Callable[[Sizes], float]
Property = Callable[[Plan], str]
"""What a plan lacks, in words; nothing where it has the property."""


@dataclass(frozen=True)
class Case:
    """One program of a row: the reference, its sizes, the arguments that stay the same, and what must be found.

    `equal_to` is a program that the reference must be proved equal to besides, such as the unsharded one.
    """

    reference: Callable[..., Any]
    sizes: Mapping[str, int]
    wanted: tuple[Property, ...]
    machine: str = "h100"
    static: tuple[str, ...] = ()
    objective: str = "time"
    dtype: str | None = None
    equal_to: Callable[..., Any] | None = None

    @property
    def name(self) -> str:
        """The program's name."""
        return self.reference.__name__

    def missing(self, plan: Plan) -> str:
        """What the plan lacks, in words; nothing where all was found."""
        return "; ".join(lack for wanted in self.wanted if (lack := wanted(plan)))


@dataclass(frozen=True)
class Row:
    """One discovery: its number and name, and the programs that show it."""

    number: int
    name: str
    cases: tuple[Case, ...]


def values(plan: Plan, made: Made) -> float:
    """How many values an array of a plan has."""
    return float(prod(a.size.at(plan.sizes) for a in made.axes))


def stored(plan: Plan) -> list[Made]:
    """The arrays that are written between kernels, results apart."""
    results = {t for k in plan.kernels for t in k.makes if t.name.startswith("out")}
    return [m for k in plan.kernels for m in k.makes if m not in results]


def readers(plan: Plan, name: str) -> list[KernelPlan]:
    """The kernels that read an array."""
    return [k for k in plan.kernels if name in k.reads]


# --- properties --------------------------------------------------------------------------------------------------------


def kernels(most: int) -> Property:
    """At most so many kernels."""
    return lambda plan: f"{len(plan.kernels)} kernels instead of {most}" if len(plan.kernels) > most else ""


def stores_below(limit: Amount) -> Property:
    """No array between kernels has as many values as the limit."""

    def lacks(plan: Plan) -> str:
        large = [m.name for m in stored(plan) if values(plan, m) >= limit(plan.sizes)]
        return f"{large[0]} is stored" if large else ""

    return lacks


def traffic_within(limit: Amount, slack: float = 1.1) -> Property:
    """The values moved are at most those of a formula, up to a slack for whole tiles."""

    def lacks(plan: Plan) -> str:
        most = limit(plan.sizes)
        return f"moves {plan.cost['traffic']:.4g} values, not {most:.4g}" if plan.cost["traffic"] > slack * most else ""

    return lacks


def work_within(limit: Amount, slack: float = 1.05) -> Property:
    """The floating-point operations are at most those of a formula."""

    def lacks(plan: Plan) -> str:
        most = limit(plan.sizes)
        return f"{plan.cost['flops']:.4g} operations, not {most:.4g}" if plan.cost["flops"] > slack * most else ""

    return lacks


def one_pass(plan: Plan) -> str:
    """Every kernel goes once over what it streams."""
    passes = max((k.passes for k in plan.kernels), default=1)
    return f"{passes} passes" if passes > 1 else ""


def passes(most: int, *names: str) -> Property:
    """The kernels that read these arrays go over what they stream at most so often."""

    def lacks(plan: Plan) -> str:
        found = max((k.passes for name in names for k in readers(plan, name)), default=1)
        return f"{found} passes instead of {most}" if found > most else ""

    return lacks


def streamed(*sizes: str) -> Property:
    """Some kernel streams, or parts over groups, an axis of one of these sizes."""

    def lacks(plan: Plan) -> str:
        along = [k.stream[0] for k in plan.kernels if k.stream] + [k.split[0] for k in plan.kernels if k.split]
        return "" if any(a.size.symbols & set(sizes) for a in along) else f"{' and '.join(sizes)} is not streamed"

    return lacks


def parted(plan: Plan) -> str:
    """Some kernel parts a reduced axis over groups, whose states are merged."""
    return "" if any(k.split for k in plan.kernels) else "no axis is parted over groups"


def read_once(*names: str) -> Property:
    """Each of these arrays is read by one kernel alone."""

    def lacks(plan: Plan) -> str:
        often = [n for n in names if len(readers(plan, n)) != 1]
        return f"{often[0]} is read by {len(readers(plan, often[0]))} kernels" if often else ""

    return lacks


def share(low: float, high: float) -> Property:
    """Masks leave such a share of the blocks in the kernel that skips most."""

    def lacks(plan: Plan) -> str:
        least = min(k.share for k in plan.kernels)
        return "" if low <= least <= high else f"{least:.2f} of the blocks are left"

    return lacks


def exponentials_within(limit: Amount) -> Property:
    """At most so many exponentials."""

    def lacks(plan: Plan) -> str:
        most = limit(plan.sizes)
        return f"{plan.cost['exps']:.4g} exponentials, not {most:.4g}" if plan.cost["exps"] > 1.01 * most else ""

    return lacks


def gains(least: float) -> Property:
    """The plan is modelled to be so many times faster than the best plan that stores every reduction."""

    def lacks(plan: Plan) -> str:
        gain = plan.gain.get("unfused", 0.0)
        return "" if gain >= least else f"{gain:.3g} times the unfused plan, not {least}"

    return lacks
