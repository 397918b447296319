"""Between which numbers a term lies, for all sizes at once: intervals, and differences that are known to have a sign.

Plain intervals call a softmax with its maximum taken out unsafe (SOUNDNESS 24), so a sum also looks for pairs a - b with
a <= b: by max, min, relu, abs, where, masks, products with what is >= 0, transitively.  A sum of exponentials that contains
exp(0) is at least 1: of Σ exp(p_j - m), where one of the p_j is m.  To add here: the range of an operator, a way to see
a <= b.  Never here: what is unsafe (`safety.py`), floats' rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import inf, isnan, log

from commute.theory.axes import Axis
from commute.theory.ops import COMPOSITES, definition, mul
from commute.theory.terms import BOOL, NINF, ZERO, Term, postorder, rebuild, reduce, size_value, substitute
from commute.verify.linear import (
    LARGEST_SIZE,
    MONOTONE,
    Facts,
    Linear,
    Range,
    as_float,
    at_indices,
    branches,
    combined,
    join,
    largest,
    linear,
    loosened,
    masked,
    most,
    never_above,
    opened,
    plus,
    recip,
    relevant,
    running_maximum,
    scaled,
    simpler,
    without,
)
from commute.verify.unroll import put_states

DEFAULT: Range = (-1e4, 1e4)
"""The values of an input of which nothing is said."""

DEPTH = 12
"""How many steps a <= b may take."""

UNIT: dict[str, Range] = dict.fromkeys(("tanh", "erf", "sin", "cos"), (-1.0, 1.0))
UNIT |= dict.fromkeys(("softmax", "softmax_or_zero", "sigmoid"), (0.0, 1.0))


class Ranges:
    """Ranges of terms; `inputs` maps names of arrays to the values that they hold, `states` those of an open fold."""

    def __init__(self, inputs: Mapping[str, Range] | None = None, states: Mapping[str, Range] | None = None):
        self.inputs, self.states = dict(inputs or {}), dict(states or {})
        self._ranges: dict[tuple[Term, Facts], Range] = {}
        self._order: dict[tuple[Term, Term, Facts], bool] = {}
        self._children: dict[Term, Ranges] = {}

    def range(self, term: Term, facts: Facts = ()) -> Range:
        """The least and the largest value, in exact arithmetic, where the facts hold."""
        if not facts:
            for t in postorder(term) if (term, ()) not in self._ranges else ():
                if not t.states - set(self.states):
                    self._known(t, ())
        return self._known(term, relevant(term, facts))

    def _known(self, t: Term, facts: Facts) -> Range:
        key = (t, facts)
        if key not in self._ranges:
            low, high = self._node(t, facts)
            for a, b in facts:
                if t is a and b.sort != BOOL:
                    high = min(high, self.range(b)[1])
                if t is b:
                    low = max(low, self.range(a)[0])
            self._ranges[key] = (-inf if isnan(low) else low, inf if isnan(high) else high)
        return self._ranges[key]

    # --- operators ---------------------------------------------------------------------------------------------------

    def _node(self, t: Term, facts: Facts) -> Range:
        op = t.op
        if op in UNIT:
            return UNIT[op]
        if not t.args or op == "input":
            return self._leaf(t)
        if op == "fold":
            return self._fold(t)
        if op == "where":
            sides = [self.range(x, under) for x, under in branches(t, facts)]
            return join(sides[0], sides[-1])
        if op == "add":
            return self._sum(t, facts)
        if op == "reduce":
            return self._reduce(t, facts)
        if op == "mul":
            return self._product(t, facts)
        sides = [self.range(a, facts) for a in t.args]
        if op in ("max", "min"):
            pick = max if op == "max" else min
            if op == "max" and not plus(linear(t.args[0]), linear(t.args[1])):
                return max(0.0, *(x for side in sides for x in side[:1])), max(sides[0][1], sides[1][1])
            return pick(sides[0][0], sides[1][0]), pick(sides[0][1], sides[1][1])
        if op in MONOTONE:
            return MONOTONE[op](sides[0][0]), MONOTONE[op](sides[0][1])
        if op == "recip":
            return recip(*sides[0])
        return self._other(t, sides, facts)

    def _other(self, t: Term, sides: list[Range], facts: Facts) -> Range:
        low, high = sides[0]
        if t.op in ("logsumexp", "log_softmax"):
            count = log(LARGEST_SIZE) * sum(isinstance(a, Axis) for a in t.attrs)
            return (low, high + count) if t.op == "logsumexp" else (low - high - count, 0.0)
        if t.op in ("silu", "gelu", "gelu_tanh"):
            return max(min(low, 0.0), -0.28), max(high, 0.0)
        if t.op == "softplus":
            return max(low, 0.0), max(high, 0.0) + 1
        if t.op in COMPOSITES:
            return self.range(definition(t), facts)
        if t.op == "mod":
            return 0.0, sides[1][1]
        if t.op == "floordiv":
            return (0.0, high) if low >= 0 and sides[1][0] >= 0 else (-inf, inf)
        return -inf, inf

    def _leaf(self, t: Term) -> Range:
        if t.op == "const":
            value = as_float(t.attrs[0])
            return value, value
        if t.op == "named":
            return (3.14, 3.15) if t.attrs[0] == "pi" else (2.71, 2.72)
        if t.op == "size":
            return 1.0, LARGEST_SIZE
        if t.op == "axis":
            return 0.0, most(t.attrs[0].size) - 1
        if t.op == "ninf":
            return -inf, -inf
        if t.op in ("true", "false"):
            return 0.0, 1.0
        if t.op == "state":
            return self.states.get(t.attrs[0], (-inf, inf))
        bound = t.attrs[3] if t.op == "input" else None
        return self.inputs.get(t.attrs[0], DEFAULT if bound is None else (0.0, most(bound) - 1))

    def _product(self, t: Term, facts: Facts) -> Range:
        a, b = t.args
        for whole, share in ((a, b), (b, a)):
            # The mean of numbers lies among them, however many they are.
            if share.op == "recip" and whole.op == "reduce" and whole.attrs[0] == "sum":
                if share.args[0] is size_value(whole.attrs[1].size):
                    return self.range(whole.args[0], facts)
        one, other = self.range(a, facts), self.range(b, facts)
        corners = [0.0 if 0 in (x, y) else x * y for x in one for y in other]
        low, high = min(corners), max(corners)
        if a is b:
            low = 0.0 if one[0] <= 0 <= one[1] else low
            low = max(low, 0.0)
        if low >= 0 and low < 1 and self.at_least_one(t):
            low = 1.0
        return low, high

    def _sum(self, t: Term, facts: Facts) -> Range:
        form = linear(t)
        low = high = as_float(form.pop(None, Fraction(0)))
        for a, b in self._pairs(form, facts, rising=True):
            self._take(form, a, b)
        upper = high + sum(scaled(self.range(x, facts), c)[1] for x, c in form.items() if x)
        form = linear(t)
        form.pop(None, None)
        if upper > high and self._under_maximum(form, facts):
            upper = high
        for a, b in self._pairs(form, facts, rising=False):
            self._take(form, a, b)
        lower = low + sum(scaled(self.range(x, facts), c)[0] for x, c in form.items() if x)
        if 0 <= lower < 1 and self.at_least_one(t):
            lower = 1.0
        return lower, upper

    def _under_maximum(self, form: Linear, facts: Facts) -> bool:
        """Whether a form is a sum less something that is at least that sum."""
        tops = [x for x, c in form.items() if x is not None and c < 0 and x.op in ("reduce", "max")]
        for m in tops if 2 < len(form) <= 8 else ():
            others: Linear = {x: c / -form[m] for x, c in form.items() if x is not m}
            if self.le(combined(others), m, facts):
                return True
        return False

    @staticmethod
    def _take(form: Linear, a: Term, b: Term) -> None:
        """Leave out of a form as much of c (a - b) as there is."""
        common = min(abs(form[a]), abs(form[b]))
        for x in (a, b):
            form[x] -= common if form[x] > 0 else -common
            if not form[x]:
                del form[x]

    def _pairs(self, form: Linear, facts: Facts, rising: bool) -> list[tuple[Term, Term]]:
        """Disjoint pairs (a, b), a with a positive and b with a negative coefficient: a <= b if rising, else b <= a."""
        found: list[tuple[Term, Term]] = []
        taken: set[Term] = set()
        above = [x for x, c in form.items() if x is not None and c > 0]
        below = [x for x, c in form.items() if x is not None and c < 0]
        if len(above) * len(below) > 64:
            return found
        for a in above:
            for b in below:
                if b not in taken and a not in taken and (self.le(a, b, facts) if rising else self.le(b, a, facts)):
                    found.append((a, b))
                    taken |= {a, b}
        return found

    def _reduce(self, t: Term, facts: Facts) -> Range:
        kind, axis = t.attrs
        low, high = self.range(t.args[0], without(facts, axis))
        if kind in ("max", "min"):
            return low, high
        n, least = most(axis.size), axis.size.constant or 1
        if kind == "prod":
            return (0.0, 1.0) if 0 <= low and high <= 1 else (low, inf) if low >= 1 else (-inf, inf)
        bottom = low * (least if low >= 0 else n)
        if 0 <= bottom < 1 and self.at_least_one(t):
            bottom = 1.0
        return bottom, high * (n if high >= 0 else least)

    # --- folds -------------------------------------------------------------------------------------------------------

    def inside(self, t: Term) -> Ranges:
        """Ranges of the steps of a fold: what its states stay between, found by widening and, from 1 on, by induction."""
        if t not in self._children:
            names = t.attrs[1]
            inits, steps = t.args[: len(names)], t.args[len(names) :]
            now = {s: self.range(x) for s, x in zip(names, inits, strict=True)}
            for turn in range(3):
                child = Ranges(self.inputs, {**self.states, **now})
                after = {s: join(now[s], child.range(x)) for s, x in zip(names, steps, strict=True)}
                stable = {s: (now[s][0] if now[s][0] == r[0] else -inf, now[s][1] if now[s][1] == r[1] else inf)
                          for s, r in after.items()}  # fmt: skip
                now = after if turn == 0 else stable
                nonnegative = {s for s, r in after.items() if r[0] >= 0}
                now |= {s: (0.0, now[s][1]) for s in nonnegative if now[s][0] < 0}
            self._children[t] = Ranges(self.inputs, {**self.states, **self._settled(now, names, steps)})
        return self._children[t]

    def _settled(self, now: dict[str, Range], names: tuple[str, ...], steps: tuple[Term, ...]) -> dict[str, Range]:
        """Ranges that the steps keep; those that they don't keep are given up."""
        for _ in names:
            child = Ranges(self.inputs, {**self.states, **now})
            after = {s: child.range(x) for s, x in zip(names, steps, strict=True)}
            kept = {s: r for s, r in now.items() if r[0] <= after[s][0] and after[s][1] <= r[1]}
            if len(kept) == len(now):
                return now
            now = {s: kept.get(s, (-inf, inf)) for s in names}
        return dict.fromkeys(names, (-inf, inf))

    def _fold(self, t: Term) -> Range:
        plain = running_maximum(t)
        if plain is not None:
            return self.range(plain)
        axis, names, part = t.attrs
        inits, step = t.args[: len(names)], t.args[len(names) + part]
        child = self.inside(t)
        low, high = join(self.range(inits[part]), child.range(step))
        if 0 <= low < 1:
            first = simpler(put_states(substitute(step, {axis: ZERO}), dict(zip(names, inits, strict=True))))
            kept = Ranges(self.inputs, {**child.states, names[part]: (1.0, high)})
            if self.range(first)[0] >= 1 and kept.range(step)[0] >= 1:
                low = 1.0
        return low, high

    # --- a <= b ------------------------------------------------------------------------------------------------------

    def le(self, a: Term, b: Term, facts: Facts = (), depth: int = DEPTH) -> bool:
        """True only if a <= b at every index, where the facts hold."""
        if a is b or a is NINF:
            return True
        if depth <= 0:
            return False
        key = (a, b, facts)
        if key not in self._order:
            self._order[key] = False
            self._order[key] = self._le(a, b, facts, depth - 1)
        return self._order[key]

    def _le(self, a: Term, b: Term, facts: Facts, depth: int) -> bool:
        if self.range(a, facts)[1] <= self.range(b, facts)[0] or never_above(a, b):
            return True
        if any(a is u and self.le(v, b, facts, depth - 4) for u, v in facts):
            return True
        left, right = opened(a), opened(b)
        if (left, right) != (a, b):
            return self.le(left, right, facts, depth)
        return self._below(a, b, facts, depth) or self._above(a, b, facts, depth) or self._alike(a, b, facts, depth)

    def _below(self, a: Term, b: Term, facts: Facts, depth: int) -> bool:
        """By what a is made of."""
        if a.op == "max":
            return all(self.le(x, b, facts, depth) for x in a.args)
        if a.op == "min":
            return any(self.le(x, b, facts, depth) for x in a.args)
        if a.op == "where":
            return all(self.le(x, b, under, depth) for x, under in branches(a, facts))
        if a.op == "reduce" and a.attrs[0] == "max" and a.attrs[1] not in b.free:
            return self.le(a.args[0], b, without(facts, a.attrs[1]), depth)
        return a.op == "reduce" and a.attrs[0] == "min" and any(self.le(x, b, facts, depth) for x in at_indices(a, b))

    def _above(self, a: Term, b: Term, facts: Facts, depth: int) -> bool:
        """By what b is made of."""
        if b.op == "max":
            return any(self.le(a, x, facts, depth) for x in b.args)
        if b.op == "min":
            return all(self.le(a, x, facts, depth) for x in b.args)
        if b.op == "where":
            return all(self.le(a, x, under, depth) for x, under in branches(b, facts))
        if b.op == "reduce" and b.attrs[0] == "min" and b.attrs[1] not in a.free:
            return self.le(a, b.args[0], without(facts, b.attrs[1]), depth)
        if b.op == "add" and any(self.le(a, x, facts, depth) for x in loosened(b)):
            return True
        if (b.op == "reduce" and b.attrs[0] == "max") or b.op == "logsumexp":
            return any(self.le(a, x, facts, depth) for x in at_indices(b, a))
        return False

    def _alike(self, a: Term, b: Term, facts: Facts, depth: int) -> bool:
        """By what both are made of: products with one factor >= 0, and what is monotone."""
        if a.op == b.op == "mul":
            for i in (0, 1):
                for j in (0, 1):
                    if a.args[i] is b.args[j] and self.range(a.args[i], facts)[0] >= 0:
                        return self.le(a.args[1 - i], b.args[1 - j], facts, depth)
        for t, other, first in ((a, b, True), (b, a, False)):
            inner = self._pushed(t)
            if inner is not None:
                return self.le(inner, other, facts, depth) if first else self.le(other, inner, facts, depth)
        if a.op == b.op and a.op in ("exp", "tanh", "erf"):
            return self.le(a.args[0], b.args[0], facts, depth)
        return False

    def _pushed(self, t: Term) -> Term | None:
        """(Max x)·r as Max (x·r), for r >= 0."""
        if t.op != "mul":
            return None
        for x, r in (t.args, t.args[::-1]):
            if x.op == "reduce" and x.attrs[0] in ("max", "min") and x.attrs[1] not in r.free and self.range(r)[0] >= 0:
                return reduce(x.attrs[0], x.attrs[1], mul(x.args[0], r) if t.args[0] is x else mul(r, x.args[0]))
            if x.op in ("max", "min") and self.range(r)[0] >= 0:
                return rebuild(x, tuple(mul(y, r) if t.args[0] is x else mul(r, y) for y in x.args))
        return None

    # --- sums of exponentials ----------------------------------------------------------------------------------------

    def at_least_one(self, t: Term) -> bool:
        """Whether a term >= 0 contains exp(0): it is at least exp(p - m) for some p of which one is m."""
        highest: dict[Term, list[Term]] = {}
        for form in self._exponents(t):
            shift = form.get(None, Fraction(0))
            rest = [(x, c) for x, c in form.items() if x is not None]
            if shift >= 0 and not rest:
                return True
            for m, c in rest if shift >= 0 else ():
                if c < 0 and len(rest) <= 8:
                    others: Linear = {x: k / -c for x, k in rest if x is not m}
                    highest.setdefault(m, []).append(combined(others))
        return any(self._covered(m, among) for m, among in highest.items())

    def _covered(self, m: Term, among: list[Term]) -> bool:
        """Whether m is at most the largest of some terms."""
        m = opened(m)
        if m.op == "max":
            return all(self._covered(x, among) for x in m.args)
        pushed = self._pushed(m)
        if pushed is not None:
            return self._covered(pushed, among)
        return m is NINF or any(self.le(m, p) for p in among)

    def _exponents(self, t: Term) -> list[Linear]:
        """Forms x with t >= exp(x), for a term that is >= 0."""
        if t.op == "exp":
            return [linear(t.args[0])]
        if t.op == "const" and t.attrs[0] >= 1:
            return [{}]
        if t.op == "state":
            return [{}] if self.range(t)[0] >= 1 else []
        if t.op == "add" and all(self.range(a)[0] >= 0 for a in t.args):
            return [x for a in t.args for x in self._exponents(a)][:16]
        if t.op == "mul" and all(self.range(a)[0] >= 0 for a in t.args):
            left, right = (self._exponents(a) for a in t.args)
            return [plus(x, y) for x in left for y in right][:16]
        if t.op == "where" and t.args[2] is ZERO:
            return [y for x in self._exponents(t.args[1]) if (y := masked(x, t.args[0])) is not None]
        if t.op == "reduce" and t.attrs[0] == "sum" and self.range(t.args[0])[0] >= 0:
            return [largest(x, t.attrs[1]) for x in self._exponents(t.args[0])]
        return []
