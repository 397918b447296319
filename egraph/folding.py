"""Folds in closed form: a family of terms is guessed for each state, and shown to start and to step as the fold does.

P(k), the state before step k, is guessed from the shape of the step: x + f is a sum over a prefix, max(x, f) a maximum,
a·x + f a weighted sum with a weight that a takes from k to k + 1, and so on.  A guess counts only where the normaliser finds
both premises.  To add here: a shape of step.  Never here: anything that is taken as true without its two premises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commute.egraph.rational import joined
from commute.theory.axes import Axis, first_free
from commute.theory.folds import COMBINE, last_step, parts_of, premises, put_states, up_to
from commute.theory.index import simplify
from commute.theory.ops import add, exp, log, maximum, mul, neg, recip, sub
from commute.theory.polynomial import Poly, flat, monomial_term, plus, poly_of, poly_term
from commute.theory.terms import ONE, REAL, ZERO, Term, const, index, postorder, rebuild, state, substitute

if TYPE_CHECKING:
    from commute.egraph.canon import Canon

_OPENINGS = 6
"""How often prefixes are opened in one term."""

Weight = tuple[Term, Term]
"""A factor that depends on the index of the fold, and its reciprocal."""


@dataclass(frozen=True)
class Prefix:
    """What a state is said to be after each step: a reduction over the indices so far, of a body that may read other states."""

    kind: str
    axis: Axis
    body: Term


@dataclass(frozen=True)
class Sum:
    """A state that was found to be weight·(start + the sum of `body` over the indices below index + reach)."""

    weight: Term
    axis: Axis
    reach: int
    body: Term
    start: Term


class Closing:
    """One fold on the way to its closed form."""

    def __init__(self, canon: Canon, fold: Term):
        self.canon, self.fold = canon, fold
        self.axis, self.names, _ = fold.attrs
        self.inits, self.steps = parts_of(fold)
        self.index = index(self.axis)
        self.families: dict[str, Term] = {}
        self.sums: dict[str, Sum] = {}
        self.opened: dict[Term, Term] = {}
        self.said = canon.families.get((fold.args, self.axis, self.names), {})

    def closed(self) -> Term | None:
        """What the fold is equal to, without the fold; None where no guess holds."""
        if any(self.axis in i.free for i in self.inits):
            return None
        waiting = list(self.names)
        while waiting:
            found = next((n for n in waiting if self._solve(n)), None)
            if found is None:
                return None
            waiting.remove(found)
        through = [self._at(self.families[n], add(self.index, ONE)) for n in self.names]
        written = Term("fold", (*self.inits, *through), self.fold.attrs)
        if not all(self._same(a, b) for a, b in premises(self.fold, written)):
            return None
        self.canon.journal.computed("fold", self.fold, written)
        final = last_step(written)
        return None if final is None else self.canon.journal.computed("last", written, final)

    # --- normal forms with prefixes opened ---------------------------------------------------------------------------

    def _at(self, term: Term, place: Term) -> Term:
        return substitute(term, {self.axis: place})

    def _norm(self, term: Term) -> Term:
        """The normal form of a term in which each prefix up to the next index is that up to this one and what is added."""
        result = self.canon.norm(term)
        for _ in range(_OPENINGS):
            other = _replaced(result, self.opened)
            if other is result:
                return result
            result = self.canon.norm(other)
        return result

    def _same(self, left: Term, right: Term) -> bool:
        if left is right or joined(self.canon, self._norm(left), self._norm(right)):
            return True
        return joined(self.canon, self._spread(left), self._spread(right))

    def _spread(self, term: Term) -> Term:
        """The normal form with products of sums written out, where the normaliser kept them."""
        result = self._norm(term)
        wide = poly_term(poly_of(result))
        return result if wide is result else self._norm(self.canon.journal.computed("ring", result, wide))

    def _prefix(self, kind: str, axis: Axis, reach: int, body: Term) -> Term:
        """The reduction of the body over the indices below index + reach; how it begins and goes on is noted."""
        parts = [body]
        if kind == "sum":
            parts = [monomial_term(tuple(p for p in m if axis in p[0].free)) for m in poly_of(self.canon.norm(body))]
        for part in parts:
            for end in (*map(const, range(reach)), simplify(add(self.index, const(reach)))):
                self._open(kind, axis, end, part)
        return up_to(kind, axis, simplify(add(self.index, const(reach))), body)

    def _open(self, kind: str, axis: Axis, end: Term, body: Term) -> None:
        whole = up_to(kind, axis, simplify(add(end, ONE)), body)
        less, here = up_to(kind, axis, end, body), substitute(body, {axis: end})
        split = self.canon.journal.computed("prefix", whole, Term(COMBINE[kind], (less, here)))
        form, parts = self.canon.norm(whole), self._norm(split)
        if form.op == "reduce" and kind == "max":
            self.opened[form] = parts
        elif kind != "max":
            self._solved_for(form, parts)

    def _solved_for(self, form: Term, parts: Term) -> None:
        """From form = parts, where one reduction stands in `form` only: what that reduction is."""
        poly = poly_of(form)
        known = {a for m in poly_of(parts) for a, _ in m}
        own = [m for m in poly if len(m) == 1 and m[0][1] == 1 and m[0][0].op == "reduce" and m[0][0] not in known]
        if len(own) != 1 or own[0][0][0] in self.opened:
            return
        atom, c = own[0][0][0], poly[own[0]]
        rest = neg(poly_term(plus(poly, {own[0]: c}, -1)))
        self.canon.journal.computed("ring", atom, mul(const(1 / c), add(form, rest)))
        self.opened[atom] = self._norm(mul(const(1 / c), add(parts, rest)))

    # --- guessing ----------------------------------------------------------------------------------------------------

    def _solve(self, name: str) -> bool:
        place = self.names.index(name)
        step, init = self.steps[place], self.inits[place]
        if not step.states & set(self.names) <= {*self.families, name}:
            return False
        x = state(name, REAL)
        after = self._norm(put_states(step, {n: p for n, p in self.families.items() if n in step.states}))
        for family, kept in self._guesses(after, x, init):
            self.families[name] = family
            values = {n: self.families[n] for n in self.names if n in self.families}
            if self._same(self._at(family, ZERO), init) and self._same(
                put_states(step, values), self._at(family, add(self.index, ONE))
            ):
                if kept is not None:
                    self.sums[name] = kept
                return True
            del self.families[name]
        return False

    def _guesses(self, after: Term, x: Term, init: Term) -> Iterator[tuple[Term, Sum | None]]:
        """Families for a state x that a step takes to `after`, likely ones first."""
        if x.attrs[0] in self.said:
            yield self._said(self.said[x.attrs[0]]), None
        if not x.states & after.states:
            yield self._at(after, sub(self.index, ONE)), None
            return
        split = _affine(after, x)
        if split is not None:
            yield from self._linear(*split, init)
        least = poly_of(after)
        for sign in (1, -1):
            rest = _beside(after if sign == 1 else poly_term({m: -c for m, c in least.items()}), x if sign == 1 else neg(x))
            if rest is not None:
                yield self._greatest(rest, init, sign), None
        grown = _affine(self._norm(exp(after)), exp(x))
        if grown is not None:
            for family, _ in self._linear(*grown, exp(init)):
                yield log(family), None

    def _said(self, prefix: Prefix) -> Term:
        """The reduction over a prefix, with what doesn't depend on its index outside."""
        axis = self._around(1)
        body = put_states(substitute(prefix.body, {prefix.axis: index(axis)}), self.families)
        poly = poly_of(self.canon.norm(neg(body) if prefix.kind == "min" else body))
        if prefix.kind == "prod":
            return self._prefix("prod", axis, 1, body)
        if prefix.kind != "sum":
            own = {m: c for m, c in poly.items() if any(axis in a.free for a, _ in m)}
            apart = {m: c for m, c in poly.items() if m not in own}
            found = self._prefix("max", axis, 1, poly_term(own))
            found = add(found, poly_term(apart)) if apart else found
            return neg(found) if prefix.kind == "min" else found
        whole: Term = ZERO
        for m, c in poly.items():
            inside, outside = (monomial_term(tuple(p for p in m if (axis in p[0].free) == own)) for own in (True, False))
            whole = add(whole, mul(mul(const(c), outside), self._prefix("sum", axis, 1, inside)))
        return whole

    def _linear(self, factor: Term, rest: Term, init: Term) -> Iterator[tuple[Term, Sum | None]]:
        """x -> factor·x + rest, for each weight that the factor takes from one index to the next."""
        for weight, inverse in self._weights(factor):
            if not self._same(mul(weight, factor), self._at(weight, add(self.index, ONE))):
                continue
            start = self._norm(mul(init, self._at(inverse, ZERO)))
            gain = self._norm(mul(rest, self._at(inverse, add(self.index, ONE))))
            if gain is ZERO:
                yield mul(weight, start), None
            elif self.axis not in gain.free:
                yield mul(weight, add(start, mul(self.index, gain))), None
            else:
                yield from self._variances(weight)
                yield self._summed(weight, start, gain)
        if rest is ZERO and self.axis in factor.free:
            yield from self._multiplied(factor, init)

    def _weights(self, factor: Term) -> Iterator[Weight]:
        yield ONE, ONE
        for p in self.families.values():
            yield exp(neg(p)), exp(p)
            yield exp(p), exp(neg(p))
            yield recip(p), p
            yield p, recip(p)
        for m in poly_of(factor):
            for a, _ in m:
                if a.op == "recip" and self.axis in a.free:
                    below = self._at(a.args[0], sub(self.index, ONE))
                    yield recip(below), below
        if self.axis not in factor.free and self.canon.known("positive", factor) is not None:
            power = mul(self.index, log(factor))
            yield exp(power), exp(neg(power))

    def _around(self, reach: int) -> Axis:
        """An axis that holds `reach` more indices than the fold's."""
        return first_free(self.axis.size + reach, frozenset().union(*(t.free for t in self.fold.args)) | {self.axis})

    def _reaches(self) -> list[int]:
        """How many indices more than the fold's a prefix may have: first those that the goals sum over."""
        return sorted((1, 2, 0), key=lambda r: self.axis.size + r not in self.canon.spans)

    def _earlier(self, term: Term, axis: Axis, reach: int) -> Term:
        """What is added at an index of the fold, in terms of the index of a prefix."""
        return simplify(self._at(term, sub(index(axis), const(reach))))

    def _summed(self, weight: Term, start: Term, gain: Term) -> tuple[Term, Sum]:
        """weight·(start + prefix sum); what the fold starts with is drawn into the sum where it fits."""
        best: Sum | None = None
        for reach in self._reaches():
            axis = self._around(reach)
            body = self._earlier(gain, axis, reach)
            drawn = start
            for i in range(reach):
                drawn = sub(drawn, substitute(body, {axis: const(i)}))
            left = self._norm(drawn)
            if best is None or left is ZERO:
                best = Sum(weight, axis, reach, body, left)
            if left is ZERO or axis.size in self.canon.spans:
                break
        assert best is not None
        prefix = self._prefix("sum", best.axis, best.reach, best.body)
        return mul(weight, add(best.start, prefix)), best

    def _variances(self, weight: Term) -> Iterator[tuple[Term, Sum | None]]:
        """The sum of squares less the square of the sum, weighted, where a mean was found before."""
        for mean in self.sums.values():
            if mean.start is ZERO and mean.weight is not ONE:
                squares = self._prefix("sum", mean.axis, mean.reach, self.canon.norm(mul(mean.body, mean.body)))
                whole = self._prefix("sum", mean.axis, mean.reach, mean.body)
                yield mul(weight, sub(squares, mul(mean.weight, mul(whole, whole)))), None

    def _multiplied(self, factor: Term, init: Term) -> Iterator[tuple[Term, Sum | None]]:
        axis = self._around(1)
        body = self._earlier(factor, axis, 1)
        if self._same(substitute(body, {axis: ZERO}), init):
            yield self._prefix("prod", axis, 1, body), None
        axis = self._around(0)
        yield mul(init, self._prefix("prod", axis, 0, self._earlier(factor, axis, 0))), None

    def _greatest(self, rest: Term, init: Term, sign: int) -> Term:
        """The greatest of x and what comes along, or the least where the sign is -1 (all being negated then)."""
        first = init if sign == 1 else neg(init)
        for reach in self._reaches():
            if reach == 0:
                break
            axis = self._around(reach)
            body = self._earlier(rest, axis, reach)
            begun = [t for i in range(reach) for t in flat(self._norm(substitute(body, {axis: const(i)})), "max")]
            beyond = [t for t in flat(self._norm(first), "max") if t not in begun]
            if set(begun) <= set(flat(self._norm(first), "max")) and (not beyond or axis.size in self.canon.spans):
                found = self._prefix("max", axis, reach, body)
                for t in beyond:
                    found = maximum(t, found)
                return found if sign == 1 else neg(found)
        axis = self._around(0)
        found = maximum(first, self._prefix("max", axis, 0, self._earlier(rest, axis, 0)))
        return found if sign == 1 else neg(found)


def _affine(after: Term, x: Term) -> tuple[Term, Term] | None:
    """(a, b) with after = a·x + b and x in neither; None where there are none."""
    factor: Poly = {}
    rest: Poly = {}
    for m, c in poly_of(after).items():
        powers = dict(m)
        degree = powers.pop(x, 0)
        if degree > 1 or any(x.states & a.states for a in powers):
            return None
        (factor if degree else rest)[tuple(sorted(powers.items(), key=lambda p: p[0].digest))] = c
    return poly_term(factor), poly_term(rest)


def _beside(after: Term, x: Term) -> Term | None:
    """What stands beside x in a maximum of several terms; None where x isn't one of them, or is read in another."""
    if after.op != "max":
        return None
    parts = flat(after, "max")
    others = [p for p in parts if p is not x]
    if x not in parts or not others or any(x.states & p.states for p in others):
        return None
    rest = others[0]
    for p in others[1:]:
        rest = maximum(rest, p)
    return rest


def _replaced(term: Term, table: dict[Term, Term]) -> Term:
    """The term with terms of the table replaced, outermost first."""
    done: dict[Term, Term] = dict(table)
    for t in postorder(term):
        if t not in done:
            done[t] = rebuild(t, tuple(done[a] for a in t.args))
    return done[term]


def closed_form(canon: Canon, fold: Term) -> Term | None:
    """What a fold is equal to, without the fold; the steps that show it are in the journal.  None where no guess holds."""
    return Closing(canon.plain(), fold).closed()
