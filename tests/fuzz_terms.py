"""Pairs of terms that are nearly equal, and whether what is proved of them is true: the hunt for a wrong PROVED.

A pair is a law (or its wrong neighbour) whose conditions are left out, a random edit of a term, or two small terms of one
grammar.  To add here: an operator of the grammar, a way to make a pair.  Never here: a prover.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from commute.theory.axes import Axis, Size
from commute.theory.facts import MASKS
from commute.theory.index import simplify
from commute.theory.law import Law, all_laws
from commute.theory.ops import (
    COMPOSITES,
    add,
    composite,
    definition,
    eq,
    exp,
    floordiv,
    indicator,
    land,
    le,
    lnot,
    lor,
    lt,
    maximum,
    mod,
    mul,
    recip,
    sub,
    total,
    where,
)
from commute.theory.schemas import reversed_sum, unrolled
from commute.theory.terms import (
    BOOL,
    EXT,
    INT,
    NINF,
    ONE,
    REAL,
    ZERO,
    Term,
    const,
    index,
    instantiate,
    postorder,
    read,
    rebuild,
    reduce,
    size_value,
    substitute,
    well_sorted,
)

N, M = Size.symbol("n"), Size.symbol("m")
AXES = (Axis(N), Axis(N, 1), Axis(M), Axis(2 * N), Axis(Size(2)), Axis(Size(3)))
ARRAYS: dict[str, tuple[str, tuple[Size, ...], Size | None]] = {
    "x": (REAL, (N,), None),
    "y": (REAL, (N, M), None),
    "z": (REAL, (2 * N,), None),
    "u": (REAL, (Size(3),), None),
    "s": (REAL, (), None),
    "g": (INT, (N,), N),
    "h": (INT, (N,), M),
    "q": (INT, (N,), None),
    "b": (BOOL, (N,), None),
    "c": (BOOL, (N, M), None),
}
"""The inputs of random terms: sort, shape, range."""

CONSTANTS = [const(Fraction(p, q)) for p, q in ((0, 1), (1, 1), (-1, 1), (2, 1), (-2, 1), (1, 2), (4, 1), (3, 1))]
SIZES = ((1, 1), (1, 3), (2, 1), (3, 2), (2, 3))
LAWS = [law for law in all_laws() if law.name not in ("sin_cos_circle",)]
Pair = tuple[Term, Term]


@dataclass
class Grammar:
    """Random terms; `axes` may stand free."""

    random: random.Random
    axes: tuple[Axis, ...] = AXES

    def term(self, sort: str, depth: int) -> Term:
        """A term of the sort, about `depth` operators deep."""
        return {REAL: self.real, EXT: self.extended, INT: self.integer, BOOL: self.truth}[sort](depth)

    def axis(self) -> Axis:
        return self.random.choice((*self.axes, *self.axes[:3]))

    def read(self, names: str, depth: int = 0) -> Term:
        name = self.random.choice(names)
        sort, shape, bound = ARRAYS[name]
        return read(name, [self.place(size, depth) for size in shape], shape, sort, bound)

    def place(self, size: Size, depth: int) -> Term:
        """An index for an axis of the size: often its own, else shifted, turned, gathered, folded, out of range."""
        r = self.random
        own = [a for a in self.axes if a.size == size] or [r.choice(self.axes)]
        i = index(r.choice(own))
        if r.random() < 0.7:
            return i
        kind = r.randrange(8)
        if kind == 0:
            return add(i, const(r.choice((1, -1, 2))))
        if kind == 1:
            return sub(size_value(size - 1), i)
        if kind == 2:
            return mod(self.integer(depth), size_value(size))
        if kind == 3:
            return floordiv(index(self.axis()), r.choice((const(2), size_value(N))))
        if kind == 4 and size in (N, M):
            return read("g" if size == N else "h", [index(r.choice(self.axes[:2]))], (N,), INT, size)
        return r.choice((ZERO, const(1), index(self.axis()), i, self.integer(1)))

    def real(self, depth: int) -> Term:
        r = self.random
        if depth <= 0:
            leaf = r.randrange(8)
            return self.read("xxyzus") if leaf < 5 else r.choice(CONSTANTS) if leaf < 7 else size_value(r.choice((N, M)))
        kind = r.randrange(20)
        if kind < 7:
            op = r.choice(("add", "add", "mul", "mul", "max", "min"))
            return Term(op, (self.real(depth - 1), self.real(depth - 1)))
        if kind < 9:
            return where(self.truth(depth - 1), self.real(depth - 1), r.choice((ZERO, self.real(depth - 1))))
        if kind < 12:
            body = self.extended(depth - 1) if (op := r.choice(("sum", "sum", "max", "max", "min", "prod"))) in MOST else None
            return reduce(op, self.axis(), body or self.real(depth - 1))
        if kind == 12:
            return exp(self.extended(depth - 1))
        if kind < 16:
            return Term(r.choice(("recip", "recip", "log", "sqrt", "exp", "tanh")), (self.real(depth - 1),))
        if kind == 16:
            row = r.choice(list(COMPOSITES.values()))
            axes = () if row.carries is None else (self.axis(),)
            body = self.extended(depth - 1) if row.carries is not None and r.random() < 0.4 else self.real(depth - 1)
            return composite(row.name, body, axes=axes)
        if kind == 17:
            k = self.axis()
            return total(k, mul(indicator(eq(index(k), self.place(k.size, 1))), self.real(depth - 1)))
        return self.integer(1) if kind == 18 else self.read("xyz", depth)

    def extended(self, depth: int) -> Term:
        """A term that is often masked by minus infinity."""
        r = self.random
        kind = r.randrange(4)
        if depth <= 0 or kind == 0:
            return self.real(depth)
        masked = where(self.truth(depth - 1), self.real(depth - 1), NINF)
        return masked if kind < 3 else r.choice((add(masked, self.real(depth - 1)), maximum(masked, self.extended(depth - 1))))

    def integer(self, depth: int) -> Term:
        r = self.random
        if depth <= 0:
            leaf = r.randrange(7)
            if leaf < 3:
                return index(self.axis())
            leaves = (const(r.randint(-2, 3)), size_value(r.choice((N, M, 2 * N))), self.read("gh"), self.read("q"))
            return leaves[leaf - 3]
        left, kind = self.integer(depth - 1), r.randrange(9)
        if kind < 4:
            return Term(r.choice(("add", "add", "mul")), (left, self.integer(depth - 1)))
        if kind < 7:
            by = r.choice((const(2), const(3), size_value(N), size_value(M), self.integer(0)))
            return Term(r.choice(("floordiv", "mod")), (left, by))
        if kind == 7:
            return where(self.truth(0), left, self.integer(depth - 1))
        return Term(r.choice(("max", "min")), (left, self.integer(depth - 1)))

    def truth(self, depth: int) -> Term:
        r = self.random
        kind = r.randrange(9)
        if depth <= 0 and kind < 3:
            return self.read("bc")
        if kind < 6:
            side = self.integer if kind < 4 or depth <= 0 else self.real
            return r.choice((lt, le, eq))(side(min(depth - 1, 1)), side(min(depth - 1, 1)))
        if kind == 6:
            return lnot(self.truth(depth - 1))
        return r.choice((land, lor))(self.truth(depth - 1), self.truth(depth - 1)) if depth > 0 else self.read("bc")


MOST = ("max", "min")


# --- pairs -----------------------------------------------------------------------------------------------------------


def pairs(seed: int) -> Iterator[Pair]:
    """Pairs without end, the same for the same seed."""
    while True:
        r = random.Random(seed)
        pair = r.choice(WAYS)(Grammar(r))
        seed += 1
        if pair is not None and pair[0] is not pair[1] and all(_fit(t) for t in pair):
            yield pair


def _fit(t: Term) -> bool:
    return t.sort != BOOL and len(postorder(t)) < 80 and not well_sorted(t)


def of_law(g: Grammar) -> Pair | None:
    """The two sides of a law in a random place, its conditions left out; now and then those of its wrong neighbour."""
    law = g.random.choice(LAWS)
    sides = law.near if law.near and g.random.random() < 0.2 else (law.lhs, law.rhs)
    holes, axes = _filling(g, law)
    lhs, rhs = (instantiate(side, holes, axes) for side in sides)
    around = context(g, lhs.sort)
    return around(lhs), around(rhs)


def _filling(g: Grammar, law: Law) -> tuple[dict[str, Term], dict[Axis, Axis]]:
    axes = dict(zip(law.axes, g.random.sample(AXES, len(law.axes)), strict=True))
    if g.random.random() < 0.1:
        axes = {a: g.axis() for a in axes}
    holes: dict[str, Term] = {}
    for name, sort in law.holes.items():
        shared = [t for t in holes.values() if t.sort == sort]
        holes[name] = (
            g.random.choice(shared) if shared and g.random.random() < 0.15 else g.term(sort, g.random.choice((0, 0, 1, 1, 2)))
        )
    for predicate, name in law.where:
        if g.random.random() < 0.5:
            near = (exp(holes[name]), maximum(holes[name], ZERO), mul(holes[name], holes[name]), add(ONE, exp(holes[name])))
            holes[name] = g.random.choice(near) if law.holes[name] == REAL else const(g.random.choice((1, 2, 3)))
        assert predicate in MASKS
    return holes, axes


def context(g: Grammar, sort: str) -> Callable[[Term], Term]:
    """A random place for a term: the same for both sides of a pair."""
    r, layers = g.random, []
    for _ in range(r.choice((0, 0, 1, 1, 2))):
        other, truth, axis, kind = g.real(1), g.truth(1), g.axis(), r.choice(("sum", "max", "min", "prod"))
        number = (
            lambda t, o=other: add(t, o), lambda t, o=other: mul(t, o), lambda t, o=other: maximum(o, t), recip,
            lambda t, c=truth, o=other: where(c, t, o), lambda t, k=axis, how=kind: reduce(how, k, t),
            lambda t, k=axis: composite("softmax", t, axes=(k,)), lambda t, k=axis: substitute(t, {k: ZERO}), exp,
            lambda t, k=axis: composite("logsumexp", t, axes=(k,)), lambda t: Term("log", (t,)), lambda t: Term("sqrt", (t,)),
        )  # fmt: skip
        layers.append(r.choice(number))
    if sort == EXT:
        layers.insert(0, exp)
    if sort == BOOL:
        layers.insert(0, indicator)

    def around(t: Term) -> Term:
        for layer in layers:
            t = layer(t)
        return t

    return around


def of_edit(g: Grammar) -> Pair | None:
    """A term and itself with one part changed."""
    t = g.real(g.random.choice((2, 3, 3)))
    return t, edited(t, g)


def of_steps(g: Grammar) -> Pair | None:
    """A term and what computed steps make of it, most often with one part changed."""
    r = g.random
    t = reduce(r.choice(("sum", "max", "min", "prod")), g.axis(), g.real(2)) if r.random() < 0.6 else g.real(3)
    k = g.axis()
    ways: tuple[Callable[[Term], Term | None], ...] = (
        simplify,
        lambda t: reversed_sum(t) if t.op == "reduce" else None,
        lambda t: unrolled(t),
        lambda t: definition(t) if t.op in COMPOSITES else None,
        lambda t: reduce(t.attrs[0], k, substitute(t.args[0], {t.attrs[1]: index(k)})) if t.op == "reduce" else None,
        lambda t: mul(size_value(t.attrs[1].size), t.args[0]) if t.op == "reduce" else None,
        lambda t: substitute(t, {k: index(AXES[0])}),
    )
    parts = [p for p in postorder(t) if p.sort in (REAL, INT)]
    for way in r.sample(ways, len(ways)):
        part = r.choice(parts)
        made = way(part) or part
        if made is not part and made.sort == part.sort:
            other = put(t, part, made)
            return t, edited(other, g) if r.random() < 0.4 else other
    return None


def of_mask(g: Grammar) -> Pair | None:
    """A masked reduction, and the same as a sum or choice of parts that nearly fit."""
    r, k = g.random, g.axis()
    c, x = g.truth(1), g.real(1)
    other = edited(c, g) if r.random() < 0.5 else c
    masked = where(c, x, ZERO)
    candidates = (
        (total(k, masked), where(other, total(k, x), ZERO)),
        (total(k, x), add(total(k, masked), total(k, where(lnot(other), x, ZERO)))),
        (reduce("max", k, where(c, x, NINF)), reduce("max", k, where(other, x, NINF))),
        (reduce("max", k, where(c, x, NINF)), reduce("max", k, where(other, x, const(-4)))),
        (total(k, exp(where(c, x, NINF))), total(k, where(other, exp(x), ZERO))),
        (composite("softmax", where(c, x, NINF), axes=(k,)), where(other, composite("softmax", x, axes=(k,)), ZERO)),
        (composite("softmax", where(c, x, NINF), axes=(k,)), composite("softmax_or_zero", where(other, x, NINF), axes=(k,))),
        (mul(indicator(c), x), where(other, x, ZERO)),
    )
    return r.choice(candidates)


def of_two(g: Grammar) -> Pair | None:
    """Two small terms over few axes."""
    few = Grammar(g.random, tuple(g.random.sample(AXES, 2)))
    return few.real(2), few.real(2)


WAYS = (of_law, of_law, of_law, of_edit, of_edit, of_steps, of_steps, of_mask, of_two)


def put(term: Term, part: Term, new: Term) -> Term:
    """`term` with a part replaced wherever it stands."""
    if term is part:
        return new
    return rebuild(term, tuple(put(a, part, new) for a in term.args))


_SWAPS = {
    "add": ("mul", "max"), "mul": ("add", "min"), "max": ("min", "add"), "min": ("max",), "lt": ("le", "eq"), "le": ("lt",),
    "eq": ("le",), "and": ("or",), "or": ("and",), "softmax": ("log_softmax", "softmax_or_zero"), "relu": ("abs",),
    "floordiv": ("mod",), "mod": ("floordiv",), "silu": ("gelu",), "sigmoid": ("softplus",), "exp": ("recip",),
}  # fmt: skip


def edited(term: Term, g: Grammar) -> Term:
    """The term with one part changed a little."""
    part = g.random.choice(postorder(term))
    return put(term, part, _edit(part, g))


def _edit(t: Term, g: Grammar) -> Term:
    r = g.random
    if t.op == "const" and r.random() < 0.8:
        return const(t.attrs[0] + 1) if t.sort == INT else r.choice(CONSTANTS)
    if t.op == "axis":
        return r.choice((index(g.axis()), add(t, ONE), mod(t, size_value(N))))
    if t.op == "reduce" and r.random() < 0.7:
        kind, axis = t.attrs
        return r.choice(
            (reduce(kind, g.axis(), t.args[0]), reduce(r.choice(("sum", "max", "min")), axis, t.args[0]), t.args[0])
        )
    if t.op in _SWAPS and r.random() < 0.5:
        return Term(r.choice(_SWAPS[t.op]), t.args, t.attrs)
    if t.op == "where" and r.random() < 0.6:
        return r.choice((where(t.args[0], t.args[2], t.args[1]), t.args[1], where(lnot(t.args[0]), t.args[2], t.args[1])))
    if len(t.args) == 2 and r.random() < 0.5:
        return Term(t.op, t.args[::-1], t.attrs)
    if t.sort == BOOL:
        return lnot(t)
    if t.sort == INT:
        return r.choice((add(t, ONE), mod(t, size_value(N)), maximum(t, ZERO)))
    tricks = (
        lambda: mul(t, mul(r.choice((t, g.real(1))), recip(r.choice((t, g.real(1)))))), lambda: exp(Term("log", (t,))),
        lambda: mul(t, const(2)), lambda: Term("sqrt", (mul(t, t),)), lambda: maximum(t, ZERO), lambda: add(t, ZERO),
        lambda: add(t, mul(ZERO, recip(g.real(1)))), lambda: where(g.truth(1), t, t), lambda: Term("log", (exp(t),)),
        lambda: recip(recip(t)), lambda: mul(const(-1), mul(const(-1), t)),
    )  # fmt: skip
    return t if t.sort == EXT else r.choice(tricks)()
