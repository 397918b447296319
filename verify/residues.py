"""Evaluate terms exactly: residues in towers of fields, next to float64 shadows that decide comparisons.

What no field knows (erf, sin, cos, roots and logarithms of computed values) is a stand-in without laws: equal arguments
give equal values, and nothing else is known of it, so an equality of residues still is one of formulas.  exp consumes
logarithms: exp(a + n log u) = exp(a) u^n.  To add here: the residue of an operator.  Never here: what equality means.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from commute.theory.axes import Axis
from commute.theory.ops import sub
from commute.theory.terms import EXT, ZERO, Term
from commute.verify.ball import Undecided, balls
from commute.verify.constants import consumed, depth, needed, powers
from commute.verify.evaluate import BudgetExceeded, Reader, Unsupported, aligned, ordered, schedule
from commute.verify.fields import DEEPEST, Field, random_towers
from commute.verify.shadow import Shadows

Array = np.ndarray[Any, Any]
Task = tuple[str, Term, int, Fraction]
"""("res", term, level, 1): its residue; ("exp", term, level, s): the residue of exp(s * term)."""

OPAQUE = {"erf": 1, "sin": 2, "cos": 3, "sqrt": 4, "log": 5}
LIMIT = 20_000
"""The most elements of one array in one draw: everything is kept."""


class Engine(Reader):
    """One exact evaluation of several draws at once; terms are opened and unrolled."""

    def __init__(self, terms: Sequence[Term], sizes: Mapping[str, int], inputs: Mapping[str, Array], primes: int, seed: int):
        self.draws = max((v.shape[0] for v in inputs.values()), default=1)
        shadows = {n: v if v.dtype.kind in "ib" else v.astype(np.complex128) for n, v in inputs.items()}
        super().__init__(sizes, shadows, Shadows(self), LIMIT)
        self.given, self.current = inputs, ZERO
        self.spoiled = np.zeros(self.draws, dtype=bool)
        self.choice: dict[Term, Array] = {}
        self.known: dict[Task, Array] = {}
        self.opaque: set[str] = set()
        self.deadline = float("inf")
        self._build(terms, primes, random.Random(seed))

    def _build(self, terms: Sequence[Term], primes: int, rng: random.Random) -> None:
        deep = depth(terms, sizes=self.sizes, deepest=DEEPEST)
        if deep > DEEPEST:
            raise Unsupported(f"exps nested {deep} deep")
        square, log2 = needed(terms, self.sizes)
        try:
            towers = random_towers(deep, tuple(sorted(square)), log2, primes, rng.randrange(2**32))
        except TimeoutError as error:
            raise Unsupported(str(error)) from None
        mine = [towers[i % primes] for i in range(self.draws)]
        self.bits = min(t.primes[-1].bit_length() - 1 for t in towers)
        self.fields = [
            Field([t.primes[i] for t in mine], [t.generators[i] for t in mine] if i < deep else None)
            for i in range(deep + 1)
        ]
        self.log2 = [f.scalar([t.log2[i] for t in mine]) for i, f in enumerate(self.fields)]
        self.roots = [{s: f.scalar([t.roots[i][s] for t in mine]) for s in square} for i, f in enumerate(self.fields)]
        drawn = [[rng.randrange(1, p) for p in f.primes] for f in self.fields]
        for row in drawn:
            row[:] = [row[i % primes] for i in range(self.draws)]
        self.root_pi = [f.scalar(row) for f, row in zip(self.fields, drawn, strict=True)]
        self.generators = [f.scalar([t.generators[i] for t in mine]) if i < deep else None for i, f in enumerate(self.fields)]
        self.readers = [self._reader(f) for f in self.fields]

    def _reader(self, field: Field) -> Reader:
        exact = {n: v if v.dtype.kind in "ib" else field.dyadic(v) for n, v in self.given.items()}
        reader = Reader(self.sizes, exact, self.domain, LIMIT)
        reader.values = self.values
        return reader

    # --- shadows ---

    def run(self, terms: Sequence[Term]) -> None:
        """The shadows of terms and of all that they are made of."""
        with np.errstate(all="ignore"):
            for t in schedule(terms, self.children, self.values):
                if time.monotonic() > self.deadline:
                    raise BudgetExceeded("the budget is spent")
                self.current = t
                self.values[t] = self.node(t)

    def children(self, t: Term) -> tuple[Term, ...]:
        """Sums of products are not contracted: every value stays known."""
        return t.args

    def reduction(self, t: Term) -> Array:
        """A reduction over one axis."""
        kind, axis = t.attrs
        out, body = ordered(t.free), t.args[0]
        over = ordered({*out, axis})
        return self.reduce_over(kind, (axis,), aligned(self.values[body], ordered(body.free), over), out)

    def spoil(self, bad: Array) -> None:
        """Give up the draws in which something is bad."""
        rows: Array = np.asarray(bad.reshape(bad.shape[0], -1).any(axis=1))
        self.spoiled = self.spoiled | rows

    def sign(self, x: Any, y: Any) -> Array:
        """The sign of x - y for the arguments of the current node: by shadows, else exact ties, else many digits."""
        t = self.current
        other = t.args[1] if y is not None else ZERO
        value: Any = np.zeros(1) if y is None else np.real(y)
        doubt: Any = np.zeros(1) if y is None else np.imag(y)
        gap = np.where(x.real == value, 0.0, x.real - value)
        error = x.imag + doubt
        sign = np.sign(np.where(np.isnan(gap), 1.0, gap)).astype(np.int8)
        near = (np.abs(gap) <= error * (1 + 1e-9)) & (error > 0) & np.isfinite(x.real) & np.isfinite(value)
        if near.any():
            sign = self._settle(t.args[0], other, ordered(t.free), sign, near)
        self.choice[t] = sign
        return sign

    def _settle(self, left: Term, right: Term, axes: tuple[Axis, ...], sign: Array, near: Array) -> Array:
        a, b = (self.over(self.task("res", each, 0), each, axes) for each in (left, right))
        same = np.broadcast_to(a == b, np.broadcast_shapes(a.shape, b.shape, near.shape))
        near, sign = (np.broadcast_to(each, same.shape) for each in (near, sign))
        sign = np.where(near & same, 0, sign)
        for row in np.flatnonzero((near & ~same).reshape(same.shape[0], -1).any(axis=1)):
            exact = self._digits(sub(left, right), axes, int(row))
            if exact is None:
                self.spoiled[row if same.shape[0] > 1 else slice(None)] = True
            else:
                sign[row] = np.where(near[row] & ~same[row], np.broadcast_to(exact, sign[row].shape), sign[row])
        return sign

    def _digits(self, difference: Term, axes: tuple[Axis, ...], row: int) -> Array | None:
        inputs = {n: v[row if v.shape[0] > 1 else 0] for n, v in self.given.items()}
        try:
            values = balls([difference], self.sizes, inputs, axes)[0]
            if not all(v > 0 or v < 0 for v in values.flat):
                return None
        except (Undecided, Unsupported, BudgetExceeded, TypeError):
            return None
        return np.vectorize(lambda v: 1 if v > 0 else -1, otypes=[np.int8])(values)

    def winner(self, x: Any, dim: int) -> Array:
        """Where the maximum along a dimension is; a tie goes to the first, and what isn't settled spoils its draw."""
        place = np.argmax(x.real, axis=dim, keepdims=True)
        top: Any = np.take_along_axis(x, place, dim)
        near = (top.real - x.real <= top.imag + x.imag) & np.isfinite(x.real) & (top.imag + x.imag > 0)
        near = near & (np.arange(x.shape[dim]).reshape([-1 if i == dim else 1 for i in range(x.ndim)]) != place)
        if near.any():
            t = self.current
            over = ordered({*t.free, t.attrs[1]})
            exact = np.broadcast_to(self.over(self.task("res", t.args[0], 0), t.args[0], over), (self.draws, *x.shape[1:]))
            best = np.take_along_axis(exact, np.broadcast_to(place, (self.draws, *place.shape[1:])), dim)
            self.spoil(near & (exact != best))
        self.choice[self.current] = place
        return place

    # --- residues ---

    def task(self, kind: str, term: Term, level: int, scale: Fraction = Fraction(1)) -> Array:
        """The array of a task, over the draws and the term's free axes."""
        goal: Task = (kind, term, level, scale)
        with np.errstate(all="ignore"):
            for key in schedule([goal], self.needs, self.known):
                if time.monotonic() > self.deadline:
                    raise BudgetExceeded("the budget is spent")
                self.known[key] = self._residue(key) if key[0] == "res" else self._exponential(key)
        return self.known[goal]

    def over(self, value: Array, term: Term, axes: Sequence[Axis]) -> Array:
        """A value of `term` aligned to more axes."""
        return aligned(value, ordered(term.free), ordered(axes))

    def needs(self, key: Task) -> list[Task]:
        """The tasks that a task is computed from."""
        kind, t, level, scale = key
        if kind == "exp":
            parts = consumed(t, scale, self.sizes)
            if parts is not None:
                return [(k, a, level, s) for k, a, s in parts]
            if level + 1 >= len(self.fields):
                raise Unsupported("exps nested deeper than the tower")
            return [("res", t, level + 1, Fraction(1))]
        if not t.args or t.op == "input" or self._discrete(t):
            return []
        if t.op in ("exp", "tanh"):
            return [("exp", t.args[0], level, Fraction(1 if t.op == "exp" else 2))]
        args = t.args[1:] if t.op == "where" else t.args
        return [("res", a, level, Fraction(1)) for a in args]

    def _discrete(self, t: Term) -> bool:
        value = self.values.get(t)
        return value is not None and value.dtype.kind in "ib"

    def _exponential(self, key: Task) -> Array:
        _, t, level, scale = key
        field = self.fields[level]
        parts = self.needs(key)
        if consumed(t, scale, self.sizes) is None:
            below = self.fields[level + 1]
            factor = below.rational(scale.numerator, scale.denominator)
            value = self.known[parts[0]]
            result = field.exp(below.mul(np.broadcast_to(value, (self.draws, *value.shape[1:])), self._thin(factor, value)))
        elif t.op == "log":
            above = self.over(self.choice[t], t.args[0], ordered(t.free)) > 0
            result = np.where(above, field.power(self.known[parts[0]], int(scale)), 1)
        else:
            axes = ordered(t.free if t.op != "reduce" else {*t.free, t.attrs[1]})
            args = [self.over(self.known[p], p[1], axes) for p in parts]
            product = {"add": "mul", "sum": "prod"}
            result = self._combine(field, t, args, product) if t.op != "mul" else args[0]
        if t.sort == EXT or not np.isfinite(np.real(self.values[t])).all():
            result = np.where(np.real(self.values[t]) == -np.inf, 0, result)
        return result

    def _thin(self, factor: Array, value: Array) -> Array:
        return factor.reshape(-1, *[1] * (value.ndim - 1))

    def _combine(self, field: Field, t: Term, args: list[Array], rename: Mapping[str, str]) -> Array:
        """add, mul, extremes, where and reductions over aligned residues."""
        op = t.attrs[0] if t.op == "reduce" else t.op
        op = rename.get(op, op)
        if t.op == "reduce":
            return self._reduced(field, t, op, args[0])
        if op in ("max", "min"):
            first = self.choice[t] >= 0
            return np.where(first if op == "max" else ~first, *args)
        if op == "where":
            return np.where(self.over(self.values[t.args[0]], t.args[0], ordered(t.free)), *args)
        return field.add(*args) if op == "add" else field.mul(*args)

    def _reduced(self, field: Field, t: Term, op: str, value: Array) -> Array:
        axis = t.attrs[1]
        over = ordered({*t.free, axis})
        dim, count = 1 + over.index(axis), axis.size.at(self.sizes)
        value = np.broadcast_to(value, [*value.shape[:dim], count, *value.shape[dim + 1 :]])
        if op in ("max", "min"):
            place = self.choice[t]
            shape = np.broadcast_shapes(place.shape, (*value.shape[:dim], 1, *value.shape[dim + 1 :]))
            value = np.broadcast_to(value, (*shape[:dim], count, *shape[dim + 1 :]))
            result = np.take_along_axis(value, np.broadcast_to(place, shape), dim)
        else:
            result = field.sum(value, dim) if op == "sum" else field.product(value, dim)
        return result.reshape(result.shape[0], *(result.shape[1 + over.index(a)] for a in ordered(t.free)))

    def _residue(self, key: Task) -> Array:
        _, t, level, _ = key
        field = self.fields[level]
        if self._discrete(t):
            value = self.values[t].astype(np.int64)
            return field.mod(np.broadcast_to(value, (self.draws, *value.shape[1:])))
        if t.op in ("sqrt", "log", "const", "named") and not t.free:
            closed = self._closed(t, level)
            if closed is not None:
                return closed
        if t.op == "input":
            return self.readers[level].read(t)
        if t.op == "ninf":
            return field.scalar([0] * self.draws)
        axes = ordered(t.free if t.op != "reduce" else {*t.free, t.attrs[1]})
        args = [self.over(self.known[k], k[1], axes) for k in self.needs(key)]
        if t.op == "exp":
            return args[0]
        if t.op == "tanh":
            one = np.ones_like(args[0])
            return field.mul(field.sub(args[0], one), field.inverse(field.add(args[0], one)))
        if t.op == "recip":
            self.spoil((self.choice[t] != 0) & (args[0] == 0))
            return np.where(self.choice[t] == 0, 0, field.inverse(args[0]))
        if t.op in OPAQUE:
            return self._stand_in(t, level, args)
        return self._combine(field, t, args, {"prod": "prod"})

    def _stand_in(self, t: Term, level: int, args: list[Array]) -> Array:
        self.opaque.add(t.op)
        result = self.fields[level].scramble(args[0], OPAQUE[t.op])
        return np.where(self.choice[t] > 0, result, 0) if t.op in ("sqrt", "log") else result

    def _closed(self, t: Term, level: int) -> Array | None:
        """Numbers, and roots and logarithms of products of primes and pi, consistent with one another."""
        field = self.fields[level]
        if t.op == "named" and t.attrs[0] == "e":
            generator = self.generators[level]
            return generator if generator is not None else field.scramble(field.scalar([3] * self.draws), 31)
        form = powers(t.args[0] if t.op == "log" else t, self.sizes)
        if form is None or 0 in form or (t.op == "log" and -1 in form):
            return field.scalar([0] * self.draws) if form and 0 in form else None
        result = field.scalar([0 if t.op == "log" else 1] * self.draws)
        for base, e in form.items():
            if t.op == "log":
                value = self._log_of(base, level)
                result = field.add(result, field.mul(value, field.rational(e.numerator, e.denominator)))
                continue
            double = 2 * e
            if double.denominator != 1:
                return None
            root = self.root_pi[level] if base == "pi" else self.roots[level].get(int(base))
            whole = field.scalar([int(base)] * self.draws) if base != "pi" else field.mul(*[self.root_pi[level]] * 2)
            if e.denominator == 1:
                result = field.mul(result, field.power(whole, int(e)))
            elif root is None:
                return None
            else:
                result = field.mul(result, field.power(root, int(double)))
        return result

    def _log_of(self, base: int | str, level: int) -> Array:
        if base == 2:
            return self.log2[level]
        self.opaque.add("log")
        field = self.fields[level]
        return field.scramble(field.scalar([int(base) if base != "pi" else 1] * self.draws), 77)
