"""How the body of a reduction moves when a running value that it reads moves, as terms.

A body that reads running values r is read as a tree of shifts, factors, products and choices; from it follow the coefficients
c(r, r') in f(x, r') = sum of c(r, r')·g(x, r): one factor, or the lower moments of a polynomial.  Nothing rests on them being
right: what they say is proved as equations.  To add here: another way in which a body moves.  Never here: schedules, proofs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product as choices

from commute.egraph.forms import Forms, Node
from commute.theory.axes import Axis
from commute.theory.ops import add, exp, mul, sub, where
from commute.theory.polynomial import poly_of, poly_term
from commute.theory.terms import NINF, ONE, ZERO, Term, reduce, state

Axes = frozenset[Axis]


class NotSeparable(ValueError):
    """A body moves with a running value in a way that no correction undoes; the message names the operator."""


@dataclass(frozen=True)
class Fixed:
    """What doesn't move."""

    term: Term


@dataclass(frozen=True)
class Shifted:
    """u(r') = u(r) + by."""

    term: Term
    by: Term


@dataclass(frozen=True)
class Scaled:
    """u(r') = factor·u(r)."""

    term: Term
    factor: Term


@dataclass(frozen=True)
class Product:
    """A product, summed over axes."""

    factors: tuple[Body, ...]
    axes: Axes


@dataclass(frozen=True)
class Sum:
    """A sum of which no two parts need to move alike."""

    parts: tuple[Body, ...]


@dataclass(frozen=True)
class Chosen:
    """The body where a mask that doesn't move is true (`first`) or false, and 0 elsewhere."""

    test: Term
    body: Body
    first: bool


Body = Fixed | Shifted | Scaled | Product | Sum | Chosen
Parts = list[tuple[Term, Body]]


def running(c: int) -> Term:
    """The value of a class that runs along the axis, before it moves."""
    return state(f"r{c}")


def later(c: int) -> Term:
    """The value of a class that runs along the axis, after it moved."""
    return state(f"r{c}'")


def term_of(body: Body) -> Term:
    """The body over the running values before they move."""
    if isinstance(body, Fixed | Shifted | Scaled):
        return body.term
    if isinstance(body, Sum):
        return _chain(add, [term_of(p) for p in body.parts], ZERO)
    if isinstance(body, Chosen):
        inner = term_of(body.body)
        return where(body.test, inner, ZERO) if body.first else where(body.test, ZERO, inner)
    result = _chain(mul, [t for f in body.factors if (t := term_of(f)) is not ONE], ONE)
    for axis in sorted(body.axes, key=lambda a: a.key, reverse=True):
        result = reduce("sum", axis, result)
    return result


def expand(body: Body) -> Parts:
    """The body over the moved values, as a sum of coefficients times bodies over the values before they moved."""
    found: dict[Term, tuple[Term, Body]] = {}
    for coefficient, part in _expanded(body):
        key = term_of(part)
        before = found.get(key)
        found[key] = (add(before[0], coefficient) if before else coefficient, part)
    return list(found.values())


def _expanded(body: Body) -> Parts:
    if isinstance(body, Shifted):
        return [(ONE, body), (body.by, Fixed(ONE))]
    if isinstance(body, Scaled):
        return [(body.factor, body)]
    if isinstance(body, Sum):
        return [e for p in body.parts for e in _expanded(p)]
    if isinstance(body, Chosen):
        return [(c, Chosen(body.test, b, body.first)) for c, b in _expanded(body.body)]
    if isinstance(body, Product):
        parts = []
        for chosen in choices(*map(_expanded, body.factors)):
            coefficient = _chain(mul, [c for c, _ in chosen if c is not ONE], ONE)
            parts.append((coefficient, Product(tuple(b for _, b in chosen), body.axes)))
        return parts
    return [(ONE, body)]


def _chain(op: Callable[[Term, Term], Term], args: list[Term], unit: Term) -> Term:
    result = args[0] if args else unit
    for a in args[1:]:
        result = op(result, a)
    return result


@dataclass
class Reader:
    """Reads the bodies of a region's classes along an axis.

    `runs` says of a class that doesn't carry the axis whether its value runs along it, `plain` gives the term of a class
    that doesn't move.
    """

    forms: Forms
    node: Mapping[int, Node]
    axis: Axis
    runs: Callable[[int], bool]
    plain: Callable[[int], Term]
    _moves: dict[int, bool] = field(default_factory=dict)

    def moves(self, c: int) -> bool:
        """Whether the value of a class moves with a running value."""
        if c not in self._moves:
            carries = self.axis in self.forms.free[c]
            inside = c in self.node and any([self.moves(a) for a in self.node[c].args])
            self._moves[c] = inside if carries else self.runs(c)
        return self._moves[c]

    def summand(self, node: Node) -> Body:
        """What a contraction over the axis sums."""
        return Product(tuple(self.body(a) for a in node.args), node.bound - {self.axis})

    def body(self, c: int) -> Body:
        """How a class moves.  Raises NotSeparable where it does so in no way that can be undone."""
        if not self.moves(c):
            return Fixed(self.plain(c))
        if self.axis not in self.forms.free[c]:
            return Shifted(running(c), sub(later(c), running(c)))
        node = self.node[c]
        parts = [self.body(a) for a in node.args]
        if node.op == "sum":
            return self._sum(parts)
        if node.op == "con":
            return self._product(node, parts)
        if node.op == "exp" and isinstance(parts[0], Shifted):
            return Scaled(exp(parts[0].term), exp(parts[0].by))
        if node.op == "where" and isinstance(parts[0], Fixed):
            return self._where(parts[0].term, parts)
        if node.op == "reduce" and node.attrs[0] in ("max", "min") and isinstance(parts[0], Shifted):
            return Shifted(reduce(node.attrs[0], node.attrs[1], parts[0].term), parts[0].by)
        raise NotSeparable(node.op)

    @staticmethod
    def _sum(parts: list[Body]) -> Body:
        if not all(isinstance(p, Fixed | Shifted) for p in parts):
            return Sum(tuple(parts))
        by = _chain(add, [p.by for p in parts if isinstance(p, Shifted)], ZERO)
        return Shifted(_chain(add, [term_of(p) for p in parts], ZERO), poly_term(poly_of(by)))

    def _product(self, node: Node, parts: list[Body]) -> Body:
        moving = [p for p in parts if not isinstance(p, Fixed)]
        rest = [term_of(p) for p in parts if isinstance(p, Fixed)]
        if len(moving) == 1 and isinstance(moving[0], Shifted) and not node.bound:
            if not any(self.axis in t.free for t in rest):
                by = _chain(mul, [*rest, moving[0].by], ONE)
                return Shifted(_chain(mul, [term_of(p) for p in parts], ONE), poly_term(poly_of(by)))
        return Product(tuple(parts), node.bound)

    @staticmethod
    def _where(test: Term, parts: list[Body]) -> Body:
        for i, j in ((1, 2), (2, 1)):
            moving, other = parts[i], parts[j]
            if not isinstance(other, Fixed):
                continue
            if other.term is NINF and isinstance(moving, Shifted):
                pair = (moving.term, NINF) if i == 1 else (NINF, moving.term)
                return Shifted(where(test, *pair), moving.by)
            if other.term is ZERO:
                return Chosen(test, moving, i == 1)
        raise NotSeparable("where")
