"""Plans with tiles chosen by hand, so that their pictures don't move with the cost model.

What may be added here: a form whose plan's picture shows something that no other one shows.
What never belongs here: assertions.
"""

from collections.abc import Mapping

import numpy as np

from commute.egraph.cost import Costing, Region
from commute.egraph.forms import Forms
from commute.egraph.kernels import Kernel
from commute.egraph.plan import Plan, kernel_plans
from commute.egraph.planning import Planned
from commute.egraph.streams import Scheduler
from commute.theory.axes import Axis, axis
from commute.theory.machines import MACHINES
from commute.theory.ops import add, exp, le, mul, recip, sqrt, sub, total, where
from commute.theory.terms import NINF, ONE, Term, index, read, reduce, size_value

h, n, d, e = map(axis, "hnde")
m, n1 = axis("m"), axis("n", 1)


def array(name: str, *axes: Axis) -> Term:
    return read(name, map(index, axes), (a.size for a in axes))


def shifted(scores: Term, values: Term, over: Axis) -> Term:
    """Softmax with its shift by the maximum, its division slid past the contraction."""
    weights = exp(sub(scores, reduce("max", over, scores)))
    return mul(total(over, mul(weights, values)), recip(total(over, weights)))


def flash() -> Plan:
    scores = total(d, mul(mul(array("q", h, n, d), recip(sqrt(size_value(d.size)))), array("k", h, m, d)))
    return plan("flash", shifted(scores, array("v", h, m, d), m), {h: 16, n: 4096, m: 2048, d: 128}, {h: 1, n: 64}, m, 32)


def causal() -> Plan:
    scores = total(d, mul(array("q", n, d), array("k", n1, d)))
    masked = where(le(index(n1), index(n)), scores, NINF)
    return plan("causal", shifted(masked, array("v", n1, d), n1), {n: 4096, n1: 4096, d: 128}, {n: 64}, n1, 32)


def normed_product() -> Plan:
    x = array("x", n, d)
    scale = recip(sqrt(add(total(d, mul(x, x)), ONE)))
    out = mul(total(d, mul(x, array("w", d, e))), scale)
    return plan("normed product", out, {n: 4096, d: 4096, e: 1024}, {n: 64, e: 128}, d, 16)


def two_passes() -> Plan:
    """A softmax alone: the maximum and the sum in one pass, the quotient in a second."""
    x = array("x", n, m)
    weights = exp(sub(x, reduce("max", m, x)))
    return plan("two passes", mul(weights, recip(total(m, weights))), {n: 4096, m: 4096}, {n: 4}, m, 64)


BY_HAND = (flash, causal, normed_product, two_passes)


def plan(name: str, term: Term, full: Mapping[Axis, int], tiles: dict[Axis, int], stream: Axis, chunk: int) -> Plan:
    """One kernel that computes a term as it stands."""
    forms = Forms()
    root = forms.insert(term)
    choice = {c: forms.canonical(forms.first[c]) for c in forms.order({}, [root])}
    order = forms.order(choice, [root])
    inner = tuple(c for c in order if choice[c].op != "leaf")
    region = Region((root,), inner, tuple(c for c in order if choice[c].op == "leaf"), choice)
    passes = Scheduler(forms, choice, inner, (root,), stream).schedule()
    sizes = {a: full[a] for a in region.axes(forms)}
    figures = Costing(forms, region, sizes, passes).figures(
        {a: np.array([float(t)]) for a, t in tiles.items()}, np.array([chunk])
    )
    traffic, memory = float(figures.traffic[0]), float(figures.memory[0])
    groups, matmul, vector, exps = (float(v[0]) for v in (figures.groups, figures.matmul, figures.vector, figures.exp))
    kernel = Kernel(
        region, passes, tiles, stream, chunk, traffic, memory, groups, matmul, vector, exps, 1e-3, 1e-3, 2 * traffic,
        "matmul",        level_traffic={"HBM3": 2 * traffic}, full=sizes,
    )  # fmt: skip
    kernels = kernel_plans(forms, Planned(choice, [kernel], 1e-3), {root: "out"})
    cost = {
        "seconds": 1e-3, "traffic": traffic, "memory": memory, "bytes": 2 * traffic, "flops": matmul + vector,
        "exps": exps, "joules": 1e-3, "kernels": 1.0,
    }  # fmt: skip
    return Plan(
        name, "h100", "float16", "time", {a.name: s for a, s in full.items()}, (term,), (term,), ((),), kernels, cost,
        frontier=({"seconds": 1e-3, "memory": memory, "traffic": traffic},), forms=forms, row=MACHINES["h100"],
    )  # fmt: skip
