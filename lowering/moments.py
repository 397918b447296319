"""A reduction with its lower moments, and the steps that correct them when factors scale or shift.

With D how far a factor f has shifted, Σ (f + D)^k g = Σ_j binomial(k, j) D^(k-j) Σ f^j g: the sums with fewer shifting
factors are kept as states of their own.  To add here: another correction.  Never here: where the corrections are applied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import product
from math import comb
from typing import Protocol

from commute.egraph.forms import Node
from commute.lowering.motion import Factors, Parts
from commute.lowering.tile import Compute, Leaf, Operand, Value
from commute.theory.axes import Axis
from commute.theory.terms import ONE, const


class Maker(Protocol):
    """Who names values: the builder of a kernel."""

    shared: dict[tuple[str, tuple[Operand, ...]], Value]

    def fresh(self, axes: Iterable[Axis]) -> Value: ...
    def operand(self, c: int, reader: int | None = None) -> Operand: ...


Degrees = tuple[int, ...]


class Moments:
    """The moments of one reduction: `values[degrees]` holds the sum with so many of each shifting factor left in it.

    `before` are the steps that compute `scale` and the shifts; `order` lists the moments so that each may be corrected from
    what the lower ones were before.
    """

    def __init__(self, builder: Maker, target: Value, factors: Factors, moved: Callable[[int], Operand], node: Node):
        self.builder, self.factors, self.moved, self.node = builder, factors, moved, node
        self.before: list[Compute] = []
        degree = Counter(c for c, _ in factors.shifted)
        parts = dict(factors.shifted)
        self.shifting = list(degree)
        self.full: Degrees = tuple(degree[c] for c in self.shifting)
        self.scale = tuple(self._exponential(s) for s in factors.scales)
        self.shift = [self._sum(parts[c]) for c in self.shifting]
        whole = node.op != "con"
        self.order: list[Degrees] = [self.full]
        if not whole:
            ranges = [range(k, -1, -1) for k in self.full]
            self.order = sorted(product(*ranges), key=lambda d: -sum(d))
        self.values: dict[Degrees, Value] = {self.full: target}
        for degrees in self.order[1:]:
            self.values[degrees] = builder.fresh(self._free(degrees))

    def body(self, degrees: Degrees) -> tuple[Operand, ...]:
        """The factors of a moment."""
        shifting = [c for c, k in zip(self.shifting, degrees, strict=True) for _ in range(k)]
        args = tuple(self.builder.operand(c) for c in (*self.factors.still, *shifting))
        return args or (Leaf(ONE, ()),)

    def lower(self, degrees: Degrees) -> tuple[tuple[Operand, ...], ...]:
        """What is added to a moment: products of how far factors have shifted and lower moments as they were."""
        if self.node.op != "con":
            return tuple((d,) for d in self.shift)
        return tuple((*self.weights(degrees, low), self.values[low], *self.scale) for low in self.below(degrees))

    def below(self, degrees: Degrees) -> list[Degrees]:
        """The moments below one."""
        return [d for d in self.order if d != degrees and all(a <= b for a, b in zip(d, degrees, strict=True))]

    def weights(self, degrees: Degrees, low: Degrees) -> tuple[Operand, ...]:
        """The factors with which a lower moment is added to one: a binomial and powers of shifts."""
        number = 1
        powers: list[Operand] = []
        for high, less, shift in zip(degrees, low, self.shift, strict=True):
            number *= comb(high, less)
            powers += [shift] * (high - less)
        return (*([Leaf(const(number), ())] if number != 1 else []), *powers)

    def _free(self, degrees: Degrees) -> set[Axis]:
        axes = {a for o in self.body(degrees) for a in o.axes}
        return axes - self.node.bound

    # --- steps -------------------------------------------------------------------------------------------------------

    def _emit(self, op: str, args: Iterable[Operand]) -> Value:
        args = tuple(args)
        known = self.builder.shared.get((op, args))
        if known is not None:
            return known
        target = self.builder.fresh(a for o in args for a in o.axes)
        self.builder.shared[op, args] = target
        self.before.append(Compute(target, op, args))
        return target

    def _sum(self, parts: Parts) -> Operand:
        """How far a class has shifted."""
        terms: list[Operand] = []
        for p in parts:
            moved = self.moved(p.moved)
            times = [self.builder.operand(c) for c in p.times]
            terms.append(self._emit("con", (moved, *times)) if times else moved)
        return terms[0] if len(terms) == 1 else self._emit("sum", terms)

    def _exponential(self, parts: Parts) -> Operand:
        return self._emit("exp", (self._sum(parts),))
