"""What is to be shown of a law: one obligation for numbers, a base and a step for an axis of any size.

A hole is read as an array over exactly the axes that it may depend on.  For the axis of the induction, size 1 is the body at
index 0, and size n + 1 is the reduction over n, an opaque value, combined with the body at n; the law is assumed at n.
To add here: another way of splitting a law.  Never here: a solver.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from commute.theory.axes import Axis
from commute.theory.law import Law, Sides
from commute.theory.ops import COMPOSITES, add, definition
from commute.theory.terms import ONE, ZERO, Term, binds, fold, index, instantiate, postorder, read, rebuild, substitute

COMBINE = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}


class NotInductive(Exception):
    """The law can't be split along this axis."""


@dataclass(frozen=True)
class Obligation:
    """`lhs = rhs`, where the equations `given` hold and the arrays named in `where` satisfy their predicates everywhere."""

    label: str
    lhs: Term
    rhs: Term
    given: tuple[Sides, ...] = ()
    where: tuple[tuple[str, str], ...] = ()


def scopes(*sides: Term) -> dict[str, tuple[Axis, ...]]:
    """Hole -> the axes that it may depend on: those in scope at all of its occurrences, in order."""
    seen: dict[str, frozenset[Axis]] = {}

    def visit(term: Term, scope: frozenset[Axis]) -> None:
        if term.op == "hole":
            seen[term.attrs[0]] = seen.get(term.attrs[0], scope) & scope
        bound = binds(term)
        for a in term.args:
            visit(a, scope | {bound} if bound else scope)

    for side in sides:
        visit(side, frozenset())
    return {h: tuple(sorted(s, key=lambda a: a.key)) for h, s in seen.items()}


def closed(lhs: Term, rhs: Term) -> Sides:
    """Two sides with each hole read as an array of that name over the axes that it may depend on; composites unfolded."""
    plain = (unfolded(lhs), unfolded(rhs))
    sorts = {t.attrs[0]: t.attrs[1] for t in postorder(*plain) if t.op == "hole"}
    holes = {h: _array(h, over, sorts[h]) for h, over in scopes(*plain).items()}
    return instantiate(plain[0], holes, {}), instantiate(plain[1], holes, {})


def unfolded(term: Term) -> Term:
    """The term with every composite replaced by its definition, down to primitives."""

    def put(t: Term, args: tuple[Term, ...]) -> Term:
        made = rebuild(t, args)
        return unfolded(definition(made)) if made.op in COMPOSITES else made

    return fold(term, put)


def direct(law: Law) -> Obligation:
    """The law as it stands."""
    lhs, rhs = closed(law.lhs, law.rhs)
    return Obligation("direct", lhs, rhs, (), law.where)


def by_induction(law: Law, axis: Axis) -> tuple[Obligation, Obligation]:
    """The base and the step of the induction on the size of `axis`."""
    sides = closed(law.lhs, law.rhs)
    nodes = [t for t in postorder(*sides) if t.op == "reduce" and t.attrs[1] == axis]
    if not nodes:
        raise NotInductive(f"no reduction over {axis}")
    size = Term("size", (), tuple(axis.size.symbols))
    inside = {t for node in nodes for t in postorder(node.args[0])}
    if any(binds(t) == axis or t is size for t in inside) or any(axis in t.free for t in sides):
        raise NotInductive(f"{axis} is bound twice, or stands free, or its size stands under its reduction")
    before = {t: _array(f"before{i}", sorted(t.free, key=lambda a: a.key), t.sort) for i, t in enumerate(nodes)}

    def first(t: Term) -> Term:
        return substitute(t.args[0], {axis: ZERO})

    def later(t: Term) -> Term:
        return Term(COMBINE[t.attrs[0]], (before[t], substitute(t.args[0], {axis: size})))

    base = [_replaced(_with_size(s, size, ONE), {t: first(t) for t in nodes}) for s in sides]
    assumed = [_replaced(s, before) for s in sides]
    step = [_replaced(_with_size(s, size, add(size, ONE)), {t: later(t) for t in nodes}) for s in sides]
    return (
        Obligation(f"base of the induction over {axis}", base[0], base[1], (), law.where),
        Obligation(f"step of the induction over {axis}", step[0], step[1], ((assumed[0], assumed[1]),), law.where),
    )


def _array(name: str, over: Iterable[Axis], sort: str) -> Term:
    axes = tuple(over)
    return read(name, [index(a) for a in axes], [a.size for a in axes], sort)


def _replaced(term: Term, table: dict[Term, Term]) -> Term:
    """The term with whole subterms replaced, outermost first."""
    if term in table:
        return table[term]
    return rebuild(term, tuple(_replaced(a, table) for a in term.args))


def _with_size(term: Term, size: Term, value: Term) -> Term:
    """The term with a size replaced where it stands as a value."""
    return fold(term, lambda t, args: value if t is size else rebuild(t, args))
