"""Random well-typed terms over two sizes, and their exact values: what the property tests of theory/ are made of.

What may be added here: an operator in `Maker`. What never belongs here: a test, or anything that only one test needs.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from commute.theory.axes import Axis, Size
from commute.theory.folds import parts_of
from commute.theory.ops import COMPOSITES, add, composite, floordiv, land, lnot, lor, maximum, minimum, mod, mul, where
from commute.theory.terms import BOOL, EXT, FALSE, INT, NINF, REAL, TRUE, Term, const, index, read, reduce, size_value
from commute.verify.sample import Sample, Value

N, M = Size.symbol("n"), Size.symbol("m")
AXES = (Axis(N), Axis(N, 1), Axis(M))
ARRAYS: dict[str, tuple[str, tuple[Size, ...]]] = {
    "a": (REAL, (N,)),
    "b": (REAL, (N, M)),
    "c": (REAL, ()),
    "i": (INT, (N,)),
    "t": (BOOL, (N, M)),
}
"""The inputs that random terms read: sort and shape; `i` holds indices in range(m)."""

NUMBERS = [const(Fraction(p, q)) for p, q in ((0, 1), (1, 1), (-1, 1), (2, 1), (-3, 1), (1, 2), (-3, 4), (5, 1))]


@dataclass
class Maker:
    """Makes random terms; `axes` are those that may stand free."""

    random: random.Random
    axes: tuple[Axis, ...] = AXES
    smooth: bool = True
    """Whether exp, log, roots and the like may come; without them all values are fractions."""

    def term(self, sort: str, depth: int) -> Term:
        """A random term of the sort, at most `depth` operators deep."""
        return {REAL: self.real, EXT: self.extended, INT: self.integer, BOOL: self.truth}[sort](depth)

    def read(self, *names: str, depth: int = 0) -> Term:
        """One of the arrays, most often at plain indices."""
        name = self.random.choice(names)
        sort, shape = ARRAYS[name]
        places = [self.place(size, depth) for size in shape]
        return read(name, places, shape, sort, M if sort == INT else None)

    def place(self, size: Size, depth: int) -> Term:
        if depth > 1 and self.random.random() < 0.2:
            return self.integer(depth - 1)
        return index(self.random.choice([a for a in self.axes if a.size == size]))

    def real(self, depth: int) -> Term:
        r = self.random
        if depth <= 0:
            return r.choice(
                [self.read("a", "b", "c"), self.read("a", "b", "c"), r.choice(NUMBERS), size_value(r.choice((N, M)))]
            )
        two = [lambda: self.real(depth - 1) for _ in range(2)]
        kind = r.choice(
            ("add", "add", "mul", "mul", "max", "min", "recip", "where", "reduce", "reduce", "int", "leaf", "smooth")
        )
        if kind in ("add", "mul", "max", "min"):
            return Term(kind, (two[0](), two[1]()))
        if kind == "where":
            return where(self.truth(depth - 1), two[0](), two[1]())
        if kind == "reduce":
            return reduce(r.choice(("sum", "sum", "max", "min", "prod")), r.choice(self.axes), two[0]())
        if kind == "smooth" and self.smooth:
            return self.curve(depth)
        if kind == "recip":
            return Term("recip", (two[0](),))
        return self.integer(depth - 1) if kind == "int" else self.read("a", "b", "c", depth=depth)

    def curve(self, depth: int) -> Term:
        kind = self.random.choice(("exp", "exp", "exp", "log", "sqrt", "sqrt", "tanh", "sin", "cos", "composite"))
        if kind == "exp":
            return Term("exp", (self.random.choice((self.real, self.real, self.extended))(depth - 1),))
        if kind == "composite":
            row = self.random.choice(list(COMPOSITES.values()))
            axes = () if row.carries is None else (self.random.choice(self.axes),)
            return composite(row.name, self.real(depth - 1), axes=axes)
        return Term(kind, (self.real(depth - 1),))

    def extended(self, depth: int) -> Term:
        """A term that may be -inf (or a real one)."""
        kind = self.random.choice(("real", "where", "max", "add", "reduce", "ninf"))
        if depth <= 0 or kind == "real":
            return self.real(depth)
        if kind == "ninf":
            return NINF
        if kind == "where":
            return where(self.truth(depth - 1), self.real(depth - 1), NINF)
        if kind == "reduce":
            return reduce("max", self.random.choice(self.axes), self.extended(depth - 1))
        return {"max": maximum, "add": add}[kind](self.extended(depth - 1), self.extended(depth - 1))

    def integer(self, depth: int) -> Term:
        r = self.random
        if depth <= 0:
            leaves = (index(r.choice(self.axes)), size_value(r.choice((N, M))), const(r.randint(-3, 4)), self.read("i"))
            return r.choice((*leaves, leaves[0]))
        left = self.integer(depth - 1)
        kind = r.choice(("add", "add", "mul", "floordiv", "mod", "where", "max", "min"))
        if kind in ("floordiv", "mod"):
            return (floordiv if kind == "floordiv" else mod)(left, r.choice((size_value(N), size_value(M), const(2), const(3))))
        if kind == "where":
            return where(self.truth(depth - 1), left, self.integer(depth - 1))
        return {"add": add, "mul": mul, "max": maximum, "min": minimum}[kind](left, self.integer(depth - 1))

    def truth(self, depth: int) -> Term:
        r = self.random
        if depth <= 0:
            return r.choice((TRUE, FALSE, self.read("t"), self.read("t"), Term("lt", (self.integer(0), self.integer(0)))))
        kind = r.choice(("and", "or", "not", "compare", "compare", "compare"))
        if kind == "compare":
            side = r.choice((self.real, self.integer, self.integer))
            return Term(r.choice(("lt", "le", "eq")), (side(depth - 1), side(depth - 1)))
        if kind == "not":
            return lnot(self.truth(depth - 1))
        return (land if kind == "and" else lor)(self.truth(depth - 1), self.truth(depth - 1))


@dataclass
class World(Sample):
    """A sample in which arrays are drawn as a whole, so that a read out of range is 0."""

    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    def of(self, term: Term, at: Mapping[Any, Any] | None = None) -> Value:
        """The value at an assignment of its free axes; a fold runs, and its states are kept beside the axes."""
        at = at or {}
        if term.op == "state":
            return at[term.attrs[0]]
        if term.op != "fold":
            return super().of(term, at)
        axis, names, part = term.attrs
        inits, steps = parts_of(term)
        held = [self.of(each, at) for each in inits]
        for i in range(axis.size.at(self.sizes)):
            here = {**at, axis: i, **dict(zip(names, held, strict=True))}
            held = [self.of(each, here) for each in steps]
        return held[part]

    def _read(self, term: Term, place: tuple[int, ...]) -> Value:
        array = self.arrays[term.attrs[0]]
        inside = all(0 <= p < s for p, s in zip(place, array.shape, strict=True))
        found = array[place] if inside else 0
        return bool(found) if term.sort == BOOL else Fraction(int(found * 4), 4)


def world(source: random.Random, n: int, m: int) -> World:
    """Sizes n and m, and arrays of quarters between -2 and 2, whole numbers in range(m), truth values."""
    sizes = {"n": n, "m": m}
    arrays = {}
    for name, (sort, shape) in ARRAYS.items():
        draw = {
            REAL: lambda: source.randint(-8, 8) / 4,
            INT: lambda: source.randrange(m),
            BOOL: lambda: source.random() < 0.5,
        }[sort]
        dims = [s.at(sizes) for s in shape]
        flat = [draw() for _ in range(int(np.prod(dims)))]
        arrays[name] = np.array(flat).reshape(dims)
    return World(sizes, source, arrays=arrays)


def places(sizes: Mapping[str, int], axes: tuple[Axis, ...]) -> Iterator[dict[Axis, int]]:
    """Every assignment of the axes."""
    for values in product(*(range(a.size.at(sizes)) for a in axes)):
        yield dict(zip(axes, values, strict=True))
