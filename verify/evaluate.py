"""Evaluate terms at concrete sizes and inputs: one fold over terms, whose numbers a `Domain` supplies.

Every value is a NumPy array whose first dimension is the draw (1 where all draws agree) and whose others are the term's
free axes in the order of `Axis.key`.  Integers and truth values are exact here, in every domain; reals are the domain's.
To add here: how an operator moves along axes.  A new kind of number is a new Domain (`Floats` here, balls in ball.py,
residues in exact.py).  Never here: Torch, or a judgement about equality.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import Any, Protocol, TypeVar

import numpy as np

from commute.theory.axes import Axis
from commute.theory.ops import COMPOSITES, definition
from commute.theory.terms import Term
from commute.verify.floats import Floats
from commute.verify.unroll import BudgetExceeded, unroll

__all__ = ["BudgetExceeded", "Domain", "Unsupported", "evaluate", "read_all"]

Array = np.ndarray[Any, Any]
Inputs = Mapping[str, Array]
Key = TypeVar("Key", bound=Hashable)

LIMIT = 20_000_000
"""The most elements that one array may have."""

_COMPARE = {"lt": np.less, "le": np.less_equal, "eq": np.equal}
_INTEGER = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
_INT_REDUCE = {"sum": np.sum, "max": np.max, "min": np.min, "prod": np.prod}


class Unsupported(Exception):
    """A domain has no meaning for an operator."""


class Domain(Protocol):
    """A kind of real number, elementwise over arrays of one dtype."""

    direct: frozenset[str]
    """Composites that the domain evaluates itself; the others are opened by their definitions."""

    def lift(self, values: Array) -> Array: ...
    def const(self, value: Fraction) -> Array: ...
    def named(self, name: str) -> Array: ...
    def ninf(self) -> Array: ...
    def unary(self, op: str, x: Array) -> Array: ...
    def binary(self, op: str, x: Array, y: Array) -> Array: ...
    def compare(self, op: str, x: Array, y: Array) -> Array: ...
    def select(self, c: Array, x: Array, y: Array) -> Array: ...
    def reduce(self, kind: str, x: Array, dim: int) -> Array: ...
    def along(self, op: str, x: Array, dims: tuple[int, ...]) -> Array: ...
    def contract(self, factors: Sequence[tuple[Array, Sequence[int]]], out: Sequence[int]) -> Array | None: ...


def evaluate(
    terms: Sequence[Term],
    sizes: Mapping[str, int],
    inputs: Inputs,
    axes: Sequence[Axis] | Sequence[Sequence[Axis]],
    *,
    strict: bool = False,
    limit: int = LIMIT,
) -> list[Array]:
    """The values of terms in float64, each an array over `axes` in the order given (one order, or one for each term).

    Arithmetic is total, as ops.py says; with `strict`, recip(0), log(x <= 0) and sqrt(x < 0) are NaN unless a `where`
    doesn't select them.  Raises BudgetExceeded where an array would pass `limit` elements.
    """
    orders: list[Sequence[Any]] = [axes] * len(terms) if all(isinstance(a, Axis) for a in axes) else list(axes)  # type: ignore[arg-type]
    with np.errstate(all="ignore"):
        reading = read_all(terms, sizes, {n: np.asarray(v)[None] for n, v in inputs.items()}, Floats(strict), limit)
        results = []
        for t, order in zip(terms, orders, strict=True):
            results.append(np.asarray(spread(reading[t], t.free, order, sizes)[0]))
    return results


def spread(value: Array, free: Iterable[Axis], order: Sequence[Axis], sizes: Mapping[str, int]) -> Array:
    """A value over its draws and its free axes as an array over its draws and the axes in `order`."""
    canonical = ordered(order)
    full = aligned(value, ordered(free), canonical)
    shape = (full.shape[0], *(a.size.at(sizes) for a in canonical))
    return np.broadcast_to(full, shape).transpose(0, *(1 + canonical.index(a) for a in order))


def read_all(
    terms: Sequence[Term], sizes: Mapping[str, int], inputs: Inputs, domain: Domain, limit: int = LIMIT
) -> dict[Term, Array]:
    """The values of terms (and of nothing else) in a domain; inputs have the draws as their first dimension."""
    flat = unroll(terms, sizes)
    reader = Reader(sizes, inputs, domain, limit)
    reader.run(flat)
    return {t: reader.values[f] for t, f in zip(terms, flat, strict=True)}


def schedule(roots: Iterable[Key], children: Callable[[Key], Iterable[Key]], done: Mapping[Key, Any]) -> list[Key]:
    """What must be computed for `roots`, children first, without what is `done`."""
    order: list[Key] = []
    seen: set[Key] = set()
    stack: list[tuple[Key, bool]] = [(r, False) for r in roots]
    while stack:
        key, ready = stack.pop()
        if ready:
            order.append(key)
        elif key not in seen and key not in done:
            seen.add(key)
            stack.append((key, True))
            stack.extend((c, False) for c in children(key))
    return order


@lru_cache(maxsize=65536)
def _ordered(axes: frozenset[Axis]) -> tuple[Axis, ...]:
    return tuple(sorted(axes, key=lambda a: a.key))


def ordered(axes: Iterable[Axis]) -> tuple[Axis, ...]:
    """Axes in the one order in which arrays carry them."""
    return _ordered(frozenset(axes))


def aligned(value: Array, own: Sequence[Axis], target: Sequence[Axis]) -> Array:
    """An array over `own` axes seen as one over `target`, of which own are some, with size 1 where it has no axis."""
    dims = dict(zip(own, value.shape[1:], strict=True))
    return value.reshape(value.shape[0], *(dims.get(a, 1) for a in target))


def contraction(t: Term) -> tuple[tuple[Axis, ...], tuple[Term, ...]] | None:
    """A sum over axes of a product of two factors or more, or None."""
    axes: list[Axis] = []
    while t.op == "reduce" and t.attrs[0] == "sum" and t.attrs[1] not in axes:
        axes.append(t.attrs[1])
        t = t.args[0]
    factors: list[Term] = []
    stack = [t]
    while stack:
        part = stack.pop()
        if part.op == "mul":
            stack.extend(part.args)
        else:
            factors.append(part)
    return (tuple(axes), tuple(factors)) if axes and 1 < len(factors) < 9 else None


class Reader:
    """One evaluation: sizes, inputs, a domain, and the values so far."""

    def __init__(self, sizes: Mapping[str, int], inputs: Inputs, domain: Domain, limit: int = LIMIT):
        self.sizes, self.inputs, self.domain, self.limit = sizes, inputs, domain, limit
        self.values: dict[Term, Array] = {}

    def run(self, terms: Sequence[Term]) -> None:
        """Compute the values of terms; those of inner nodes are dropped when nothing needs them any more."""
        order = schedule(terms, self.children, self.values)
        uses: dict[Term, int] = dict.fromkeys(terms, 1)
        for t in order:
            for c in self.children(t):
                uses[c] = uses.get(c, 0) + 1
        for t in order:
            self.values[t] = self.node(t)
            for c in self.children(t):
                uses[c] -= 1
                if not uses[c]:
                    self.values.pop(c, None)

    def children(self, t: Term) -> tuple[Term, ...]:
        """What the value of a node is computed from."""
        if t.op in COMPOSITES and t.op not in self.domain.direct:
            return (definition(t),)
        if t.op == "reduce" and t.sort != "int":
            found = contraction(t)
            if found:
                return found[1]
        return t.args

    def node(self, t: Term) -> Array:
        """The value of one node whose children are known."""
        if t.op in COMPOSITES:
            return self.composite(t)
        if t.op == "reduce":
            return self.reduction(t)
        if not t.args or t.op == "input":
            return self.leaf(t)
        axes = ordered(t.free)
        self.check(axes)
        return self.apply(t.op, [aligned(self.values[a], ordered(a.free), axes) for a in t.args])

    def check(self, axes: Iterable[Axis]) -> None:
        """Raise BudgetExceeded where an array over these axes would be too large."""
        if prod(a.size.at(self.sizes) for a in axes) > self.limit:
            raise BudgetExceeded(f"an array over {', '.join(map(str, axes))} has more than {self.limit} elements")

    def real(self, value: Array) -> Array:
        """A value in the domain; integers and truth values are lifted into it."""
        return self.domain.lift(value) if value.dtype.kind in "ib" else value

    # --- leaves ---

    def leaf(self, t: Term) -> Array:
        if t.op == "const":
            value: Fraction = t.attrs[0]
            whole = value.denominator == 1 and abs(value) < 2**62
            return np.full(1, int(value)) if whole else self.domain.const(value).reshape(1)
        if t.op == "size":
            return np.full(1, self.sizes[t.attrs[0]])
        if t.op == "axis":
            return np.arange(t.attrs[0].size.at(self.sizes))[None]
        if t.op in ("true", "false"):
            return np.full(1, t.op == "true")
        if t.op == "ninf":
            return self.domain.ninf().reshape(1)
        if t.op == "named":
            return self.domain.named(t.attrs[0]).reshape(1)
        if t.op == "input":
            return self.read(t)
        raise Unsupported(t.op)

    def read(self, t: Term) -> Array:
        array = self.inputs[t.attrs[0]]
        if array.ndim != len(t.args) + 1:
            raise ValueError(f"{t.attrs[0]} has {array.ndim - 1} dimensions and is read at {len(t.args)} indices")
        axes = ordered(t.free)
        self.check(axes)
        plain = [i.attrs[0] for i in t.args if i.op == "axis"]
        if len(set(plain)) == array.ndim - 1 and all(
            a.size.at(self.sizes) == n for a, n in zip(plain, array.shape[1:], strict=True)
        ):
            return array.transpose(0, *(1 + plain.index(a) for a in axes))
        return self.gather(array, [aligned(self.values[i], ordered(i.free), axes) for i in t.args])

    def gather(self, array: Array, indices: Sequence[Array]) -> Array:
        """The array at arrays of indices, draw by draw; 0 where an index is out of range."""
        inside: Any = True
        clipped = []
        for index, n in zip(indices, array.shape[1:], strict=True):
            inside = inside & (index >= 0) & (index < n)
            clipped.append(np.clip(index, 0, max(n - 1, 0)))
        rank = max((i.ndim for i in indices), default=1)
        draws = np.arange(array.shape[0]).reshape(-1, *[1] * (rank - 1))
        found = array[(draws, *clipped)]
        if np.all(inside):
            return found
        zero = np.zeros(1, dtype=array.dtype) if array.dtype.kind in "ib" else self.domain.lift(np.zeros(1, int))
        zero = zero.reshape([1] * found.ndim)
        return np.where(inside, found, zero) if array.dtype.kind in "ib" else self.domain.select(inside, found, zero)

    # --- operators ---

    def apply(self, op: str, args: list[Array]) -> Array:
        """An operator over aligned arrays."""
        if op in ("and", "or"):
            return np.logical_and(*args) if op == "and" else np.logical_or(*args)
        if op == "not":
            return np.logical_not(args[0])
        discrete = [a.dtype.kind in "ib" for a in args]
        if op == "where":
            if all(discrete) and args[1].dtype == args[2].dtype:
                return np.where(*args)
            return self.domain.select(args[0], self.real(args[1]), self.real(args[2]))
        if op in _COMPARE:
            return _COMPARE[op](*args) if all(discrete) else self.domain.compare(op, *map(self.real, args))
        if len(args) == 1:
            return self.domain.unary(op, self.real(args[0]))
        if all(discrete) and not _overflows(op, args):
            return integers(op, *args)
        return self.domain.binary(op, *map(self.real, args))

    def reduction(self, t: Term) -> Array:
        kind, axis = t.attrs
        out = ordered(t.free)
        found = contraction(t) if t.sort != "int" else None
        if found:
            return self.contract(found[0], found[1], out)
        body = t.args[0]
        return self.reduce_over(kind, (axis,), aligned(self.values[body], ordered(body.free), ordered({*out, axis})), out)

    def reduce_over(self, kind: str, axes: Sequence[Axis], value: Array, out: Sequence[Axis]) -> Array:
        """`value`, over out and `axes` together, reduced over `axes`."""
        over = ordered({*out, *axes})
        self.check(over)
        for axis in axes:
            dim = 1 + over.index(axis)
            if value.shape[dim] != axis.size.at(self.sizes):
                value = np.broadcast_to(value, [*value.shape[:dim], axis.size.at(self.sizes), *value.shape[dim + 1 :]])
            if value.dtype.kind in "ib" and (kind != "prod" or _small_product(value, dim)):
                value = _INT_REDUCE[kind](value, axis=dim, keepdims=True)
            else:
                value = self.domain.reduce(kind, self.real(value), dim)
        return value.reshape(value.shape[0], *(value.shape[1 + over.index(a)] for a in out))

    def contract(self, axes: tuple[Axis, ...], factors: tuple[Term, ...], out: tuple[Axis, ...]) -> Array:
        over = ordered({*out, *axes})
        number = {a: 1 + i for i, a in enumerate(over)}
        values = [self.real(self.values[f]) for f in factors]
        spare = [a for a in axes if not any(a in f.free for f in factors)]
        if not spare:
            parts = [(v, [0, *(number[a] for a in ordered(f.free))]) for v, f in zip(values, factors, strict=True)]
            result = self.domain.contract(parts, [0, *(number[a] for a in out)])
            if result is not None:
                return result
        self.check(over)
        total = aligned(values[0], ordered(factors[0].free), over)
        for v, f in zip(values[1:], factors[1:], strict=True):
            total = self.domain.binary("mul", total, aligned(v, ordered(f.free), over))
        return self.reduce_over("sum", axes, total, out)

    def composite(self, t: Term) -> Array:
        if t.op not in self.domain.direct:
            opened, over = definition(t), ordered(t.free)
            value = aligned(self.values[opened], ordered(opened.free), over)
            return np.broadcast_to(value, (value.shape[0], *(a.size.at(self.sizes) for a in over)))
        body = t.args[0]
        along = tuple(a for a in t.attrs if isinstance(a, Axis))
        over = ordered({*body.free, *along})
        value = self.real(aligned(self.values[body], ordered(body.free), over))
        value = np.broadcast_to(value, (value.shape[0], *(a.size.at(self.sizes) for a in over)))
        result = self.domain.along(t.op, value, tuple(1 + over.index(a) for a in along))
        out = ordered(t.free)
        return result.reshape(result.shape[0], *(result.shape[1 + over.index(a)] for a in out))


def _overflows(op: str, args: list[Array]) -> bool:
    if op not in ("add", "mul"):
        return False
    sides = [max(abs(int(a.min())), abs(int(a.max()))) if a.size else 0 for a in args]
    return (sides[0] * sides[1] if op == "mul" else sides[0] + sides[1]) >= 2**62


def _small_product(value: Array, dim: int) -> bool:
    """Whether a product of whole numbers along a dimension surely fits into 64 bits."""
    top = max(abs(int(value.min())), abs(int(value.max())), 1) if value.size else 1
    return top ** value.shape[dim] < 2**62


def integers(op: str, x: Array, y: Array) -> Array:
    """A binary operator of whole numbers or truth values, total as `theory/ops.py` says: by 0, quotient and rest are 0."""
    x, y = (a.astype(np.int64) if a.dtype.kind == "b" else a for a in (x, y))
    if op in _INTEGER:
        return _INTEGER[op](x, y)
    if op not in ("floordiv", "mod"):
        raise Unsupported(op)
    divisor = np.where(y == 0, 1, y)
    return np.where(y == 0, 0, np.floor_divide(x, divisor) if op == "floordiv" else np.mod(x, divisor))
