"""Sums and maxima over axes in normal form: a sum of products of connected contractions, each with canonical binders.

Σ goes into sums; factors that don't see the axis go out; a product of sums under a sum becomes one flat contraction; a
contraction that falls apart becomes a product; Σ[k] [k = e]·f becomes f at k = e.  Every move is a law or a computed step.
To add here: a move about binders.  Never here: what happens to numbers (`canon.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING

from commute.egraph.monomials import is_indicator, without
from commute.egraph.naming import Shapes, canonical_order
from commute.theory.axes import Axis, first_free
from commute.theory.index import simplify
from commute.theory.ops import add, eq, indicator, mul, size_value, total
from commute.theory.polynomial import UNIT, Monomial, monomial_term, plus, poly_of, poly_term, times
from commute.theory.schemas import reversed_sum, selected
from commute.theory.terms import EXT, INT, ONE, ZERO, Term, index, postorder, reduce, substitute

if TYPE_CHECKING:
    from commute.egraph.canon import Canon

_FRESH = 1_000_000


class Reductions:
    """The part of the normaliser that knows binders; `canon` does the rest."""

    def __init__(self, canon: Canon):
        self.canon = canon
        self.journal = canon.journal
        self.shapes = Shapes()
        self._fresh = count(_FRESH)

    # --- sums --------------------------------------------------------------------------------------------------------

    def sum(self, axis: Axis, body: Term) -> Term:
        """The normal form of the sum of a body in normal form."""
        if body.op == "add":
            first, rest = body.args
            self.journal.law("sum_add", {"x": first, "y": rest}, {"k": axis})
            return self.canon.norm(add(self.sum_of_product(axis, first), self.canon.norm(total(axis, rest))))
        return self.sum_of_product(axis, body)

    def sum_of_product(self, axis: Axis, body: Term) -> Term:
        """The sum of one monomial (with its coefficient)."""
        whole = total(axis, body)
        if axis not in body.free:
            constant = mul(size_value(axis.size), body)
            return self.canon.norm(self.journal.computed("sum_constant", whole, constant))
        ((monomial, c),) = poly_of(body).items()
        inside = tuple((a, e) for a, e in monomial if axis in a.free)
        outside = tuple((a, e) for a, e in monomial if axis not in a.free)
        if not outside and c == 1:
            return self.pure(axis, inside)
        factor, rest = monomial_term(outside, c), monomial_term(inside)
        self.journal.computed("ring", body, mul(factor, rest))
        self.journal.law("sum_scale", {"c": factor, "x": rest}, {"k": axis})
        return self.canon.norm(mul(factor, self.pure(axis, inside)))

    def pure(self, axis: Axis, inside: Monomial) -> Term:
        """The sum of a product of factors that all see the axis."""
        whole = total(axis, monomial_term(inside))
        known = self.canon.memo.get(whole)
        if known is not None:
            return known
        if _backwards(axis, monomial_term(inside)):
            turned = self.journal.computed("reverse", whole, reversed_sum(whole))
            result = self.canon.norm(turned)
        else:
            result = self._select(axis, inside) or self._counted(axis, inside) or self._contract(axis, inside)
        self.canon.memo[whole] = result
        return result

    def _select(self, axis: Axis, inside: Monomial) -> Term | None:
        for atom, e in inside:
            position = _position(atom, axis) if e == 1 and is_indicator(atom) else None
            if position is None:
                continue
            chosen = indicator(eq(index(axis), position))
            rest = monomial_term(tuple((a, e) for a, e in inside if a is not atom))
            ordered = total(axis, mul(chosen, rest))
            self.journal.computed("index", atom, chosen)
            self.journal.computed("ring", monomial_term(inside), mul(atom, rest))
            return self.canon.norm(self.journal.computed("select_index", ordered, selected(axis, position, rest)))
        return None

    def _counted(self, axis: Axis, inside: Monomial) -> Term | None:
        """Σ[k] [k < c] = c and Σ[k] [c <= k] = size - c, where c is seen to lie between 0 and the size."""
        if len(inside) != 1 or inside[0][1] != 1 or not is_indicator(inside[0][0]):
            return None
        condition = inside[0][0].args[0]
        if condition.op != "lt" or any(a.sort != INT for a in condition.args):
            return None
        low, high = condition.args
        if low is index(axis) and axis not in high.free:
            step = self.journal.law("count_below", {"c": high}, {"k": axis})
        elif high is index(axis) and axis not in low.free:
            step = self.journal.law("count_from", {"c": simplify(add(low, ONE))}, {"k": axis})
        else:
            return None
        number = simplify(step.rhs)
        if any(t.op in ("max", "min") for t in postorder(number)):
            return None
        self.journal.computed("index", total(axis, inside[0][0]), step.lhs)
        return self.canon.norm(self.journal.computed("index", step.rhs, number))

    def _contract(self, axis: Axis, inside: Monomial) -> Term:
        nested = any(a.op == "reduce" and a.attrs[0] == "sum" for a, _ in inside)
        if not nested:
            return self._renamed("sum", [axis], monomial_term(inside))
        top = Axis(axis.size, next(self._fresh))
        whole = total(axis, monomial_term(inside))
        opened = self._rename(whole, top)
        product = poly_monomial(opened.args[0])
        self.journal.computed("ring", opened.args[0], monomial_term(product))
        binders, flat = self._open(product)
        return self._regroup([top, *binders], flat)

    def _rename(self, whole: Term, axis: Axis) -> Term:
        """The reduction with its axis called `axis`, which is free nowhere in it."""
        renamed = reduce(whole.attrs[0], axis, substitute(whole.args[0], {whole.attrs[1]: index(axis)}))
        return self.journal.computed("rename", whole, renamed)

    def _open(self, product: Monomial) -> tuple[list[Axis], Monomial]:
        """product = Σ over new binders of a flat product; the equation is noted, with the product's canonical term."""
        inner = next((a for a, _ in product if a.op == "reduce" and a.attrs[0] == "sum"), None)
        if inner is None:
            return [], product
        rest = without(product, ((inner, 1),))
        self.journal.computed("ring", monomial_term(product), mul(monomial_term(rest), inner))
        axis = Axis(inner.attrs[1].size, next(self._fresh))
        body = self._rename(inner, axis).args[0]
        factor = monomial_term(rest)
        self.journal.law("sum_scale", {"c": factor, "x": body}, {"k": axis})
        joined = times(rest, poly_monomial(body))
        self.journal.computed("ring", mul(factor, body), monomial_term(joined))
        binders, flat = self._open(joined)
        return [axis, *binders], flat

    def _regroup(self, binders: list[Axis], flat: Monomial) -> Term:
        """Σ over the binders of a flat product, as a product of connected contractions with canonical binders."""
        groups = self._components(binders, [a for a, _ in flat])
        parts = [tuple((a, e) for a, e in flat if set(group) & a.free) for group in groups]
        orders = [
            canonical_order(g, [a for a, e in p for _ in range(e)], self.shapes) for g, p in zip(groups, parts, strict=True)
        ]
        wanted = [b for order in orders for b in order]
        body = monomial_term(flat)
        self._reorder("sum", list(binders), wanted, body)
        product: Term = ONE
        for p in parts:
            product = monomial_term(p) if product is ONE else mul(product, monomial_term(p))
        self.journal.computed("ring", body, product)
        return self._factor_groups(orders, [monomial_term(p) for p in parts])

    def _factor_groups(self, orders: list[list[Axis]], parts: list[Term]) -> Term:
        """Σ over all groups of the product of their parts = the product of each group's own sum."""
        if len(parts) == 1:
            return self._renamed("sum", orders[0], parts[0])
        last, order = parts[-1], orders[-1]
        before = parts[0]
        for p in parts[1:-1]:
            before = mul(before, p)
        inner = last
        for b in reversed(order):
            self.journal.law("sum_scale", {"c": before, "x": inner}, {"k": b})
            inner = total(b, inner)
        swapped = mul(inner, before)
        self.journal.computed("ring", mul(before, inner), swapped)
        outer = before
        for b in reversed([b for o in orders[:-1] for b in o]):
            self.journal.law("sum_scale", {"c": inner, "x": outer}, {"k": b})
            outer = total(b, outer)
        closed = self._renamed("sum", order, last)
        return self.canon.norm(mul(closed, self._factor_groups(orders[:-1], parts[:-1])))

    @staticmethod
    def _components(binders: Sequence[Axis], atoms: Sequence[Term]) -> list[list[Axis]]:
        groups: list[set[Axis]] = [{b} for b in binders]
        for atom in atoms:
            touched = [g for g in groups if g & atom.free]
            if len(touched) > 1:
                groups = [g for g in groups if g not in touched] + [set().union(*touched)]
        return [[b for b in binders if b in g] for g in groups]

    def _reorder(self, kind: str, binders: list[Axis], wanted: list[Axis], body: Term) -> None:
        """Note the swaps of neighbours that bring the binders from one order to another."""
        current = list(binders)
        for place, b in enumerate(wanted):
            at = current.index(b)
            while at > place:
                inner = body
                for a in reversed(current[at + 1 :]):
                    inner = reduce(kind, a, inner)
                self.journal.law(f"{kind}_swap", {"x": inner}, {"j": current[at - 1], "k": current[at]})
                current[at - 1], current[at] = current[at], current[at - 1]
                at -= 1

    def _renamed(self, kind: str, binders: list[Axis], body: Term) -> Term:
        """The nested reduction over the binders in this order, each by its canonical name, the body in normal form again."""
        taken = set(body.free - set(binders))
        names: list[Axis] = []
        for b in binders:
            names.append(first_free(b.size, taken))
            taken.add(names[-1])
        current = body
        if names != binders:
            if any(n in binders for n in names):
                binders, current = self._aside(kind, binders, current)
            for i, (old, new) in enumerate(zip(binders, names, strict=True)):
                inner = current
                for b in reversed(binders[i + 1 :]):
                    inner = reduce(kind, b, inner)
                self._rename(reduce(kind, old, inner), new)
                current = substitute(current, {old: index(new)})
        done = self.canon.norm(current)
        result = done
        for b in reversed(names):
            result = reduce(kind, b, result)
        if done is not current and self._changed(done, current):
            return self.canon.norm(result) if result not in self.canon.busy else result
        self.canon.memo[result] = result
        return result

    @staticmethod
    def _changed(done: Term, current: Term) -> bool:
        """Whether normalising the body did more than put its factors in order."""
        if EXT in (done.sort, current.sort):
            return False
        poly = poly_of(done)
        return (
            len(poly) != 1
            or next(iter(poly.values())) != 1
            or any(a.op == "reduce" and a.attrs[0] == "sum" for a, _ in next(iter(poly)))
        )

    def _aside(self, kind: str, binders: list[Axis], body: Term) -> tuple[list[Axis], Term]:
        fresh = [Axis(b.size, next(self._fresh)) for b in binders]
        for i, (old, new) in enumerate(zip(binders, fresh, strict=True)):
            inner = body
            for b in reversed(binders[i + 1 :]):
                inner = reduce(kind, b, inner)
            self._rename(reduce(kind, old, inner), new)
            body = substitute(body, {old: index(new)})
        return fresh, body

    # --- products ----------------------------------------------------------------------------------------------------

    def prod(self, axis: Axis, body: Term) -> Term:
        """The normal form of the product over an axis of a body in normal form."""
        whole, law = reduce("prod", axis, body), self.journal.law
        if body is ONE:
            return self.journal.computed("sum_constant", whole, ONE)
        if body.op == "exp" and body.sort != EXT and body.args[0].sort != EXT:
            return self.canon.norm(law("prod_exp", {"x": body.args[0]}, {"k": axis}).rhs)
        if body.op == "mul" and EXT not in (body.args[0].sort, body.args[1].sort):
            return self.canon.norm(law("prod_mul", {"x": body.args[0], "y": body.args[1]}, {"k": axis}).rhs)
        if body.op == "reduce" and body.attrs[0] == "prod":
            return self._nest(whole)
        return self._renamed("prod", [axis], body)

    # --- maxima ------------------------------------------------------------------------------------------------------

    def max(self, axis: Axis, body: Term) -> Term:
        """The normal form of the maximum over an axis of a body in normal form."""
        whole = reduce("max", axis, body)
        if axis not in body.free:
            return self.journal.law("max_over_constant", {"c": body}, {"k": axis}).rhs
        if body.op == "max":
            self.journal.law("max_over_max", {"x": body.args[0], "y": body.args[1]}, {"k": axis})
            left, right = (self.canon.norm(reduce("max", axis, a)) for a in body.args)
            return self.canon.norm(Term("max", (left, right)))
        if body.op == "reduce" and body.attrs[0] == "max":
            return self._nest(whole)
        if body.sort == EXT:
            return self._renamed("max", [axis], body)
        exponent = self.canon.functions.as_exp(body)
        if exponent is not None:
            return self.canon.norm(self.journal.law("exp_over_max", {"x": exponent}, {"k": axis}).rhs)
        return self._max_real(axis, body)

    def _nest(self, whole: Term) -> Term:
        """Maxima or products over several axes, in a canonical order."""
        kind, binders = whole.attrs[0], []
        inner, fresh = whole, []
        while inner.op == "reduce" and inner.attrs[0] == kind:
            renamed = self._rename(inner, Axis(inner.attrs[1].size, next(self._fresh)))
            binders.append(renamed.attrs[1])
            inner = renamed.args[0]
            fresh.append(renamed)
        order = canonical_order(binders, [inner], self.shapes)
        self._reorder(kind, binders, order, inner)
        return self._renamed(kind, order, inner)

    def _max_real(self, axis: Axis, body: Term) -> Term:
        poly = poly_of(body)
        free = {m: c for m, c in poly.items() if all(axis not in a.free for a, _ in m)}
        if free:
            shift, rest = poly_term(free), poly_term(plus(poly, free, -1))
            self.journal.computed("ring", body, add(rest, shift))
            step = self.journal.law("max_over_shift", {"c": shift, "x": rest}, {"k": axis})
            return self.canon.norm(add(self.canon.norm(step.rhs.args[0]), shift))
        factor = self.canon.positive_content([poly], lambda a: axis not in a.free)
        if factor is not None:
            scale, witness, rest = factor
            self.journal.computed("ring", body, mul(scale, rest[0]))
            step = self.journal.law("max_over_scale", {"c": scale, "x": rest[0]}, {"k": axis}, {"c": witness})
            return self.canon.norm(mul(scale, self.canon.norm(step.rhs.args[1])))
        return self._renamed("max", [axis], body)


def _position(mask: Term, axis: Axis) -> Term | None:
    """The one index at which an indicator lets the axis through, or None: of k + e = 0, of k < 1, of size - 2 < k."""
    condition = mask.args[0]
    if condition.op not in ("eq", "lt") or axis not in condition.free or any(a.sort != INT for a in condition.args):
        return None
    if condition.op == "lt":
        end = next((e for e in (ZERO, size_value(axis.size - 1)) if simplify(eq(index(axis), e)) is condition), None)
        return end
    gap = plus(poly_of(condition.args[0]), poly_of(condition.args[1]), -1)
    own = {m: c for m, c in gap.items() if any(axis in a.free for a, _ in m)}
    if list(own) != [((index(axis), 1),)] or abs(next(iter(own.values()))) != 1:
        return None
    c = next(iter(own.values()))
    return poly_term({m: -v / c for m, v in plus(gap, own, -1).items()})


def _backwards(axis: Axis, body: Term) -> bool:
    """Whether more arrays are read backwards along the axis than forwards; on a tie, whether the first by name is."""
    ways: dict[str, int] = {}
    for t in postorder(body):
        if t.op == "input" and axis in t.free:
            for i in t.args:
                for m, c in poly_of(i).items():
                    if any(a.op == "axis" and a.attrs[0] == axis for a, _ in m):
                        ways[t.attrs[0]] = ways.get(t.attrs[0], 0) + (1 if c > 0 else -1)
    total_way = sum(ways.values()) or next((ways[name] for name in sorted(ways) if ways[name]), 0)
    return total_way < 0


def poly_monomial(term: Term) -> Monomial:
    """The one monomial, with coefficient 1, that the term is."""
    poly = poly_of(term)
    ((monomial, c),) = poly.items() if poly else ((UNIT, 0),)
    if c != 1:
        raise ValueError(f"not a plain product: {term}")
    return monomial
