"""Evaluate terms exactly: the reading of terms as arrays of `exact_array.py`, in several draws at once.

Integers and truth values are NumPy arrays; real numbers are ExactArrays, so every comparison, mask and index is exact.
Sums of products are contracted where multiplying out would be large.  Folds are written out before (`unroll.py`), gathers
are reads at computed indices.  What serves which operator is in `SERVES`; an operator that isn't there is refused by name.
To add here: how an operator is read.  Never here: residues (`residues.py`), what equality means (`exact.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from commute.theory.axes import Axis
from commute.theory.ops import sub
from commute.theory.terms import INT, ZERO, Term
from commute.verify.ball import Undecided, balls
from commute.verify.constants import depth, has_log, needed, powers
from commute.verify.contract import contract
from commute.verify.evaluate import BudgetExceeded, Unsupported, aligned, contraction, integers, ordered, schedule
from commute.verify.exact_array import ExactArray, Space, maximum, minimum, where
from commute.verify.primes import DEEPEST

Array = np.ndarray[Any, Any]
Value = ExactArray | Array

FIELD, TOWER, STAND_IN = "residues", "residues of the next level", "a stand-in, then balls"
SHADOW, TRUTH, WHOLE = "shadows, then ties of residues, then balls", "truth values", "64-bit integers"
SERVES = {
    "const": FIELD, "size": WHOLE, "axis": WHOLE, "input": FIELD, "named": FIELD, "ninf": FIELD,
    "true": TRUTH, "false": TRUTH, "add": FIELD, "mul": FIELD, "recip": FIELD, "where": FIELD, "reduce": FIELD,
    "exp": TOWER, "tanh": TOWER, "log": STAND_IN, "sqrt": STAND_IN, "erf": STAND_IN, "sin": STAND_IN, "cos": STAND_IN,
    "max": SHADOW, "min": SHADOW, "lt": SHADOW, "le": SHADOW, "eq": SHADOW,
    "and": TRUTH, "or": TRUTH, "not": TRUTH, "floordiv": WHOLE, "mod": WHOLE,
}  # fmt: skip
"""What serves each primitive.  log and sqrt of constants have residues; under exp, log does too."""

LIMIT = 1 << 22
"""The most elements of one array in one draw: each operation then takes less than a second."""

HELD = 1 << 26
"""The most elements of all arrays of an evaluation, about 2 GB with their error bounds and residues."""

SMALL = 4096
"""Sums of products of fewer elements than this, in one draw, are multiplied out."""

_COMPARE = {"lt": np.less, "le": np.less_equal, "eq": np.equal}
_REDUCE = {"sum": np.sum, "max": np.max, "min": np.min, "prod": np.prod}
_WRAPS = 2**62


class Engine:
    """One evaluation; terms are opened and unrolled.  `values` and `choice` say what was found and decided at each node.

    `inputs` have the draws, `draws` of them, in their first dimension; `first` is the number of the first.
    """

    def __init__(
        self, terms: Sequence[Term], sizes: Mapping[str, int], inputs: Mapping[str, Array], draws: int, primes: int, seed: int,
        first: int = 0,
    ):  # fmt: skip
        deep = depth(terms, sizes=sizes, deepest=DEEPEST)
        if deep > DEEPEST:
            raise Unsupported(f"exps nested {deep} deep")
        square, log2 = needed(terms, sizes)
        self.square = frozenset(square)
        self.space = Space(draws, deep, square=sorted(square), with_log2=log2, primes=primes, seed=seed, first=first)
        self.space.refine = self._digits
        self.sizes, self.given, self.draws = sizes, inputs, draws
        self.values: dict[Term, Value] = {}
        self.choice: dict[Term, Array] = {}
        self.current = ZERO
        self.held = 0
        self.read_values = {n: v if v.dtype.kind in "ib" else self.space.input(v) for n, v in inputs.items()}

    def run(self, terms: Sequence[Term]) -> None:
        """The values of terms and of all that they are computed from."""
        with np.errstate(all="ignore"):
            for t in schedule(terms, self.children, self.values):
                self.space.in_time()
                if t.op not in SERVES:
                    raise Unsupported(t.op)
                self.current = t
                self._hold(t.free)
                value = self.values[t] = self._node(t)
                choice = value.choice if isinstance(value, ExactArray) else None
                if choice is not None and t not in self.choice:
                    self.choice[t] = choice

    def children(self, t: Term) -> tuple[Term, ...]:
        """What the value of a node is computed from."""
        found = self.sum_of_products(t)
        return found[1] if found else t.args

    def sum_of_products(self, t: Term) -> tuple[tuple[Axis, ...], tuple[Term, ...]] | None:
        """The axes and factors of a node that is contracted."""
        return _sum_of_products(t, self.sizes)

    def _hold(self, axes: Iterable[Axis], keep: bool = True) -> None:
        count = _count(axes, self.sizes)
        self.held += count * self.draws if keep else 0
        if count > LIMIT or self.held > HELD:
            raise BudgetExceeded(f"arrays of more than {LIMIT if count > LIMIT else HELD} elements")

    def over(self, value: Value, term: Term, axes: Iterable[Axis]) -> Any:
        """A value of `term` aligned to more axes."""
        own, target = ordered(term.free), ordered(axes)
        if not isinstance(value, ExactArray):
            return aligned(value, own, target)
        dims = dict(zip(own, value.shape, strict=True))
        return value.reshape(*(dims.get(a, 1) for a in target))

    def truth(self, t: Term) -> Array:
        """The integers or truth values of a term."""
        value = self.values[t]
        if isinstance(value, ExactArray):
            raise Unsupported(f"{t.op} where a truth value belongs")
        return value

    def real(self, value: Value) -> ExactArray:
        """A value as a real number."""
        return value if isinstance(value, ExactArray) else self.space.whole(value)

    # --- nodes ---

    def _node(self, t: Term) -> Value:
        if t.op == "input":
            return self._read(t)
        if not t.args:
            return self._leaf(t)
        if t.op == "reduce":
            found = self.sum_of_products(t)
            return self._contracted(t, *found) if found else self._reduced(t)
        args = [self.over(self.values[a], a, t.free) for a in t.args]
        if t.op in ("sqrt", "log") and not t.free:
            closed = self._closed(t, args[0])
            if closed is not None:
                return closed
        return self._apply(t, args)

    def _leaf(self, t: Term) -> Value:
        if t.op == "const":
            value: Fraction = t.attrs[0]
            whole = value.denominator == 1 and abs(value) < _WRAPS
            return np.full(1, int(value)) if whole else self.space.const(value)
        if t.op == "size":
            return np.full(1, self.sizes[t.attrs[0]])
        if t.op == "axis":
            return np.arange(t.attrs[0].size.at(self.sizes))[None]
        if t.op == "ninf":
            return self.space.ninf()
        return self.space.named(t.attrs[0]) if t.op == "named" else np.full(1, t.op == "true")

    def _read(self, t: Term) -> Value:
        array = self.read_values[t.attrs[0]]
        shape = array.shape if isinstance(array, ExactArray) else array.shape[1:]
        if len(shape) != len(t.args):
            raise ValueError(f"{t.attrs[0]} has {len(shape)} dimensions and is read at {len(t.args)} indices")
        axes = ordered(t.free)
        plain = [i.attrs[0] for i in t.args if i.op == "axis"]
        if len(set(plain)) == len(shape) and all(a.size.at(self.sizes) == n for a, n in zip(plain, shape, strict=True)):
            order = [plain.index(a) for a in axes]
            return array.transpose(*order) if isinstance(array, ExactArray) else array.transpose(0, *(1 + i for i in order))
        indices = [self.over(self.values[i], i, axes) for i in t.args]
        if any(isinstance(i, ExactArray) for i in indices):
            raise Unsupported("a read at an index beyond 64 bits")
        if isinstance(array, ExactArray):
            return array.gather(*indices)
        return _gather(array, indices)

    def _closed(self, t: Term, arg: Value) -> Value | None:
        """Roots of numbers and their logarithms, consistent with one another; None where a stand-in must do."""
        form = powers(t.args[0] if t.op == "log" else t, self.sizes)
        if form is None or -1 in form:
            return None
        if 0 in form:
            return np.zeros(1, dtype=np.int64)
        fits = all(e.denominator == 1 or (e.denominator == 2 and (b == "pi" or b in self.square)) for b, e in form.items())
        if t.op == "sqrt" and not fits:
            return None
        found = self.real(arg).unary(t.op)
        self.choice[t] = found.choice
        return self.space.closed(t.op, form, found.shadow)

    def _apply(self, t: Term, args: list[Any]) -> Value:
        op = t.op
        if op in ("and", "or", "not"):
            return {"and": np.logical_and, "or": np.logical_or, "not": np.logical_not}[op](*args)
        discrete = [not isinstance(a, ExactArray) for a in args]
        if op == "where":
            if all(discrete) and args[1].dtype == args[2].dtype:
                return np.where(*args)
            return where(args[0], self.real(args[1]), self.real(args[2]))
        if all(discrete) and len(args) == 2:
            if op in _COMPARE:
                return _COMPARE[op](*args)
            if not _overflows(op, args):
                return integers(op, *args)
        if op in ("floordiv", "mod"):
            raise Unsupported(f"{op} beyond 64 bits or of real numbers")
        real = [self.real(a) for a in args]
        if op in _COMPARE:
            sign = self.choice[t] = self.space.sign(*real)
            return sign < 0 if op == "lt" else sign <= 0 if op == "le" else sign == 0
        if len(real) == 1:
            return real[0].unary(op)
        if op in ("max", "min"):
            return (maximum if op == "max" else minimum)(*real)
        return real[0] + real[1] if op == "add" else real[0] * real[1]

    def _reduced(self, t: Term) -> Value:
        kind, axis = t.attrs
        over = ordered({*t.free, axis})
        self._hold(over, keep=False)
        value = self.over(self.values[t.args[0]], t.args[0], over)
        dim, count = over.index(axis), axis.size.at(self.sizes)
        shape = tuple(a.size.at(self.sizes) for a in over)
        out = shape[:dim] + shape[dim + 1 :]
        if not isinstance(value, ExactArray):
            value = np.broadcast_to(value, (value.shape[0], *(count if i == dim else n for i, n in enumerate(value.shape[1:]))))
            if not _sum_overflows(kind, value, 1 + dim):
                return np.asarray(_REDUCE[kind](value, axis=1 + dim))
            value = self.space.whole(value)
        value = value.broadcast_to(*(count if i == dim else n for i, n in enumerate(value.shape)))
        found = {"sum": value.sum, "prod": value.prod, "max": value.max, "min": value.min}[kind](dim)
        if found.choice is not None:
            self.choice[t] = found.choice
        return found.reshape(*out)

    def _contracted(self, t: Term, axes: tuple[Axis, ...], factors: tuple[Term, ...]) -> Value:
        values = [self.real(self.values[f]) for f in factors]
        if not all(v.finite for v in values):
            raise Unsupported("a sum of products with values that may be -inf")
        carried = frozenset().union(*(f.free for f in factors))
        sizes = {a: a.size.at(self.sizes) for a in {*carried, *axes}}
        result = contract([(v, ordered(f.free)) for v, f in zip(values, factors, strict=True)], ordered(t.free), sizes, LIMIT)
        spare = prod(sizes[a] for a in axes if a not in carried)
        return result if spare == 1 else result * self.space.const(spare).reshape(*[1] * len(result.shape))

    def _digits(self, x: ExactArray, y: ExactArray | None, row: int) -> Array | None:
        """The signs that shadows and residues leave open, by many digits."""
        t = self.current
        difference = sub(t.args[0], t.args[1]) if y is not None else t.args[0]
        inputs = {n: v[row if v.shape[0] > 1 else 0] for n, v in self.given.items()}
        try:
            values = balls([difference], self.sizes, inputs, ordered(t.free))[0]
            if not all(v > 0 or v < 0 for v in values.flat):
                return None
        except (Undecided, Unsupported, BudgetExceeded, TypeError):
            return None
        return np.vectorize(lambda v: 1 if v > 0 else -1, otypes=[np.int8])(values)


def largest(terms: Sequence[Term], sizes: Mapping[str, int]) -> int:
    """The most elements of an array in one draw of an evaluation of terms."""

    def children(t: Term) -> tuple[Term, ...]:
        found = _sum_of_products(t, sizes)
        return found[1] if found else t.args

    return max(_count(t.free, sizes) for t in schedule(terms, children, {}))


def _sum_of_products(t: Term, sizes: Mapping[str, int]) -> tuple[tuple[Axis, ...], tuple[Term, ...]] | None:
    if t.op != "reduce" or t.attrs[0] != "sum" or t.sort == INT or has_log(t):
        return None
    found = contraction(t)
    return None if found is None or _count({*t.free, *found[0]}, sizes) < SMALL else found


def _count(axes: Iterable[Axis], sizes: Mapping[str, int]) -> int:
    return prod(a.size.at(sizes) for a in axes)


def _gather(array: Array, indices: Sequence[Array]) -> Array:
    """Integers or truth values at arrays of indices, draw by draw; 0 where an index is out of range."""
    inside: Any = True
    clipped = []
    for index, n in zip(indices, array.shape[1:], strict=True):
        inside = inside & (index >= 0) & (index < n)
        clipped.append(np.clip(index, 0, max(n - 1, 0)))
    rank = max((i.ndim for i in indices), default=1)
    draws = np.arange(array.shape[0]).reshape(-1, *[1] * (rank - 1))
    return np.where(inside, array[(draws, *clipped)], np.zeros([1] * rank, dtype=array.dtype))


def _largest(value: Array) -> int:
    return max(abs(int(value.min())), abs(int(value.max()))) if value.size else 0


def _overflows(op: str, args: list[Array]) -> bool:
    if op not in ("add", "mul"):
        return False
    left, right = (_largest(a) for a in args)
    return (left * right if op == "mul" else left + right) >= _WRAPS


def _sum_overflows(kind: str, value: Array, dim: int) -> bool:
    """Whether a sum or product of whole numbers along a dimension may not fit into 64 bits."""
    top, count = max(_largest(value), 1), value.shape[dim]
    return {"sum": top * count, "prod": top**count if top > 1 else 1}.get(kind, top) >= _WRAPS
