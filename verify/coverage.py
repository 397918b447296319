"""Which branches a set of draws has taken, which can't be taken, and how large the formulas are.

A check on random values says something of the regions that the draws reached only, so every comparison, mask and extreme of
both programs must have gone each way, or be shown to be one-way by intervals.  To add here: the interval or the degree of
an operator.  Never here: how values are drawn or compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import exp, inf, isfinite, prod
from typing import Any

import numpy as np

from commute.theory.index import decide
from commute.theory.terms import BOOL, INT, Term, postorder
from commute.verify.domains import looked_at
from commute.verify.engine import Engine
from commute.verify.evaluate import ordered
from commute.verify.inputs import Limits

Interval = tuple[float, float]
COMPARISONS = ("lt", "le", "eq")
CAP = 2**200


@dataclass
class Coverage:
    """The ways that each branch has gone so far, over all sizes tried: where a result looked at it, and anywhere."""

    ways: dict[Term, set[int]] = field(default_factory=dict)
    seen: dict[Term, set[int]] = field(default_factory=dict)
    exempt: set[Term] = field(default_factory=set)
    places: dict[Term, set[int]] = field(default_factory=dict)
    """The ways that comparisons of indices and sizes alone have gone: another size may be the first at which one changes."""

    def add(self, engine: Engine, terms: Sequence[Term], limits: Mapping[str, Limits], drop: Any) -> None:
        """Note which ways the branches of `terms` went in the draws of an engine, but for those of `drop`."""
        spans: dict[Term, Interval] = {}
        live = looked_at(engine, terms)
        for t in postorder(*terms):
            spans[t] = interval(t, [spans[a] for a in t.args], engine.sizes, limits)
            if _of_places(t):
                self.places.setdefault(t, set()).update(np.unique(engine.truth(t).astype(np.int8)).tolist())
            if _is_branch(t) and _has_input(t):
                went = self.ways.setdefault(t, set())
                went |= _ways(engine, t, live[t], drop)
                self.seen.setdefault(t, set()).update(_ways(engine, t, np.ones(1, bool), drop))
                if _one_way(t, [spans[a] for a in t.args], engine):
                    self.exempt.add(t)

    def missing(self, reference: Sequence[Term], candidate: Sequence[Term]) -> str | None:
        """A branch that did not go each way, in words; ties count for comparisons that only one program makes."""
        for t, went in self.places.items():
            if len(went) == 1 and decide(t) is None:
                return f"{_short(t)} was never {'true' if 1 not in went else 'false'} at these sizes"
        shared = set(postorder(*reference)) & set(postorder(*candidate))
        for t, went in self.ways.items():
            if t in self.exempt:
                continue
            if t.op in ("max", "min", "reduce"):
                if not {-1, 1} <= went:
                    return f"{_short(t)} is always the same one of its arguments"
            elif t.op in ("lt", "le") and t.args[0].sort != BOOL:
                lack = _lack(t, went, self.seen[t], t in shared)
                if lack:
                    return f"{_short(t)} was never {lack}"
            elif not {0, 1} <= went:
                return f"{_short(t)} was never {'true' if 1 not in went else 'false'}"
        return None


def _lack(t: Term, went: set[int], seen: set[int], shared: bool) -> str | None:
    """What a comparison never was: true or false where looked at; less, greater or, if not shared, a tie anywhere."""
    below, above = ({-1}, {0, 1}) if t.op == "lt" else ({-1, 0}, {1})
    if not went & below or -1 not in seen:
        return "true"
    if not went & above or 1 not in seen:
        return "false"
    return None if shared or 0 in seen else "a tie"


def _short(t: Term) -> str:
    text = str(t)
    return text if len(text) < 100 else text[:97] + "..."


def _is_branch(t: Term) -> bool:
    if t.op == "reduce":
        return t.attrs[0] in ("max", "min")
    return t.op in ("max", "min") or (t.sort == BOOL and t.op not in ("true", "false"))


def _of_places(t: Term) -> bool:
    """Whether it compares indices and sizes alone, some of which may be larger elsewhere."""
    if t.op not in COMPARISONS or _has_input(t) or any(a.sort != INT for a in t.args):
        return False
    return any(p.op == "size" or (p.op == "axis" and p.attrs[0].size.constant is None) for p in postorder(t))


_inputs: dict[Term, bool] = {}


def _has_input(term: Term) -> bool:
    if term not in _inputs:
        for t in postorder(term):
            _inputs[t] = t.op == "input" or any(_inputs[a] for a in t.args)
    return _inputs[term]


def _ways(engine: Engine, t: Term, live: Any, drop: Any) -> set[int]:
    """-1, 0, 1: the signs of left - right; for a truth value 0 and 1; for a reduction 1 and -1: whether its winner moves."""
    if t.op == "reduce":
        place = engine.choice.get(t)
        if place is None or t.attrs[1].size.at(engine.sizes) == 1:
            return set()
        over = ordered({*t.free, t.attrs[1]})
        place = place.reshape(place.shape[0], *(place.shape[1 + over.index(a)] for a in ordered(t.free)))
        kept = _kept(place, live, drop)
        return {-1, 1} if kept.size and kept.min() != kept.max() else {1}
    if t.op in ("lt", "le", "max", "min"):
        signs = engine.choice.get(t)
        if signs is None:
            axes = ordered(t.free)
            left, right = (np.asarray(engine.over(engine.values[a], a, axes), dtype=np.int64) for a in t.args)
            signs = np.sign(left - right)
    else:
        signs = engine.truth(t).astype(np.int8)
    return set(np.unique(_kept(signs, live, drop)).tolist())


def _kept(values: Any, live: Any, drop: Any) -> Any:
    """The values that a result looks at, in the draws that aren't dropped."""
    keep = ~drop.reshape(-1, *[1] * (values.ndim - 1)) & live
    values, keep = np.broadcast_arrays(values, keep)
    return values[keep]


def _one_way(t: Term, spans: list[Interval], engine: Engine) -> bool:
    if t.op == "reduce":
        return False
    if len(spans) != 2 or t.op in ("and", "or"):
        return False
    (low, high), (left, right) = spans
    if t.op in ("max", "min"):
        return high <= left or right <= low
    return high < left or right < low


def interval(t: Term, args: list[Interval], sizes: Mapping[str, int], limits: Mapping[str, Limits]) -> Interval:
    """Numbers between which the value of a term lies; a little wide, so that rounding doesn't matter."""
    if t.op == "const":
        return _wide(float(t.attrs[0]), float(t.attrs[0]))
    if t.op in ("size", "axis"):
        n = sizes[t.attrs[0]] if t.op == "size" else t.attrs[0].size.at(sizes)
        return (n, n) if t.op == "size" else (0, n - 1)
    if t.op == "named":
        return (3, 4) if t.attrs[0] == "pi" else (2, 3)
    if t.op == "ninf":
        return (-inf, -inf)
    if t.op == "input" and t.attrs[0] in limits:
        known = limits[t.attrs[0]]
        return (min(known.low, 0.0), max(known.high, 0.0)) if t.sort != BOOL else (0, 1)
    if t.op == "add":
        return _wide(args[0][0] + args[1][0], args[0][1] + args[1][1])
    if t.op == "mul":
        if t.args[0] is t.args[1]:
            return (0, inf)
        ends = [x * y if x and y else 0.0 for x in args[0] for y in args[1]]
        return _wide(min(ends), max(ends))
    if t.op == "recip":
        low, high = args[0]
        return (0, inf) if low < 1 else _wide(0 if high == inf else 1 / high, 1 / low)
    return _unary_interval(t, args, sizes)


def _unary_interval(t: Term, args: list[Interval], sizes: Mapping[str, int]) -> Interval:
    if t.op == "exp":
        low, high = args[0]
        return _wide(exp(max(min(low, 700), -700)) if low > -700 else 0, exp(high) if high < 700 else inf)
    if t.op == "sqrt":
        return (0, inf)
    if t.op in ("tanh", "erf", "sin", "cos"):
        return (0 if args[0][0] >= 0 and t.op in ("tanh", "erf") else -1, 1)
    if t.op in ("max", "min"):
        pick = max if t.op == "max" else min
        return (pick(args[0][0], args[1][0]), pick(args[0][1], args[1][1]))
    if t.op == "where":
        return (min(args[1][0], args[2][0]), max(args[1][1], args[2][1]))
    if t.op == "reduce" and t.attrs[0] in ("max", "min"):
        return args[0]
    if t.op == "reduce" and t.attrs[0] == "sum":
        n = t.attrs[1].size.at(sizes)
        return _wide(n * args[0][0], n * args[0][1])
    return (-inf, inf)


def _wide(low: float, high: float) -> Interval:
    low, high = (-inf if low != low else low), (inf if high != high else high)
    slack = [abs(x) * 1e-12 if isfinite(x) else 0.0 for x in (low, high)]
    return (low - slack[0], high + slack[1])


# --- degrees ---------------------------------------------------------------------------------------------------------

Degree = tuple[int, int]


def degree(reference: Term, candidate: Term, sizes: Mapping[str, int]) -> int:
    """A bound on the degree of the numerator of a difference, an exp or a stand-in counting as a variable of its own.

    Two arguments of exps must not coincide by chance either: for every pair of those that one result may depend on, the
    degree of their difference is added.  An axis that nothing sums over has one index in all that a result depends on.
    """
    found: dict[Term, Degree] = {}
    within = {t.attrs[1] for t in postorder(reference, candidate) if t.op == "reduce"}
    count = widest = 0
    for t in postorder(reference, candidate):
        args = [found[a] for a in t.args]
        found[t] = tuple(min(d, CAP) for d in _degree(t, args, found, sizes))  # type: ignore[assignment]
        if t.op in ("exp", "tanh", "log", "sqrt", "erf", "sin", "cos"):
            count = min(count + prod(a.size.at(sizes) for a in t.free & within), CAP)
            widest = max(widest, 2 * sum(args[0]))
    (n1, d1), (n2, d2) = found[reference], found[candidate]
    return max(n1 + d2, n2 + d1, 1) + widest * count * count // 2


def _degree(t: Term, args: list[Degree], found: Mapping[Term, Degree], sizes: Mapping[str, int]) -> Degree:
    if t.op == "input":
        return (1, 0)
    if t.op == "add":
        return (max(args[0][0] + args[1][1], args[1][0] + args[0][1]), args[0][1] + args[1][1])
    if t.op == "mul":
        return (args[0][0] + args[1][0], args[0][1] + args[1][1])
    if t.op == "recip":
        return (args[0][1], args[0][0])
    if t.op in ("exp", "log", "sqrt", "erf", "sin", "cos"):
        return (1, 0)
    if t.op == "tanh":
        return (1, 1)
    if t.op in ("max", "min", "where"):
        return (max(a[0] for a in args[-2:]), max(a[1] for a in args[-2:]))
    if t.op == "reduce":
        return _reduced(t, found, t.attrs[1].size.at(sizes))
    return (0, 0)


def _reduced(t: Term, found: Mapping[Term, Degree], count: int) -> Degree:
    kind, axis = t.attrs
    n, d = found[t.args[0]]
    if kind in ("max", "min"):
        return (n, d)
    if kind == "prod":
        return (count * n, count * d)
    moving, still, stack = [0, 0], [0, 0], [t.args[0]]
    while stack:
        part = stack.pop()
        if part.op == "mul":
            stack.extend(part.args)
        else:
            side = moving if axis in part.free else still
            side[0] += found[part][0]
            side[1] += found[part][1]
    return (moving[0] + (count - 1) * moving[1] + still[0], count * moving[1] + still[1])


def targets(terms: Sequence[Term]) -> list[Fraction]:
    """The constants that something computed from inputs is compared with."""
    found = set()
    for t in postorder(*terms):
        if t.op in (*COMPARISONS, "max", "min"):
            found |= {a.attrs[0] for a in t.args if a.op == "const"}
    return sorted(c for c in found if abs(c) < 1e6)


def marks(terms: Sequence[Term]) -> list[int]:
    """The whole numbers, but for small ones, that indices and sizes are compared with: a size past them may tell more."""
    compared = [t for t in postorder(*terms) if t.op in COMPARISONS and all(a.sort == INT for a in t.args)]
    found = {abs(int(p.attrs[0])) for p in postorder(*compared) if p.op == "const" and p.sort == INT}
    return sorted(n for n in found if 4 <= n <= 250)[:4]
