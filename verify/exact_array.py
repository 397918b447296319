"""Arrays of exact values: the small array language in which terms and kernels are evaluated exactly.

A `Space` holds the fields of several draws; an `ExactArray` of it is a whole tensor in every draw at once, as a float64 shadow
(`.value`, `.error`) and residues that are computed when they are asked for (`residues.py`).  Integers and truth values are
plain NumPy arrays (int64, bool) whose first dimension is the draw, of size 1 where all draws agree; `shape` and the
dimensions that functions take leave the draws out.  Whoever interprets a program needs no terms:

>>> space = Space(draws=2, depth=1, seed=1)
>>> q, k = (space.input(np.full((2, 3, 4), x)) for x in (0.5, 0.25))
>>> scores = dot(q, k.transpose(1, 0))
>>> weights = (scores - scores.max(1)).exp()
>>> whole = weights / weights.sum(1)
>>> bool(same(whole.sum(1), space.const(1)).all()), whole.shape
(True, (3, 3))

Comparisons, extremes and `recip` decide by shadows, else by residues, which agree where there is a tie; `space.refine` is
asked about what is still open, and draws in which something stays open are `space.spoiled`: nothing may be concluded from
them.  `space.vanished` are those in which a denominator is 0 modulo the prime, though not itself: take another prime.
Memory is an array of one dimension: `gather` loads from it, `put` is the memory after a store; after a block is stored,
`settle` computes its residues and lets go of what it was made of.  To add here: an operation, with its row in `residues.py`.
Never here: terms, judgements of equality.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from commute.verify.evaluate import Unsupported
from commute.verify.ground import Ground
from commute.verify.residues import OPAQUE, residue
from commute.verify.shadow import Shadow, exactly, of_fraction, of_integers, of_name

Array = np.ndarray[Any, Any]
Refine = Callable[["ExactArray", "ExactArray | None", int], "Array | None"]
"""Asked for the signs of x - y (or x) in one draw where shadows and residues leave them open; None: no answer."""


class Space(Ground):
    """Where exact values live: makes them, and decides what they are; see `Ground` for what it is made of."""

    refine: Refine | None = None

    # --- leaves ---

    def input(self, values: Array) -> ExactArray:
        """float64 numbers, each exactly what it is; the first dimension is the draw."""
        return ExactArray(self, "input", (), exactly(values), values)

    def whole(self, values: Array) -> ExactArray:
        """Integers or truth values as numbers; the first dimension is the draw."""
        constant = Fraction(int(values.flat[0])) if values.size == 1 else None
        return ExactArray(self, "whole", (), of_integers(values), values, constant=constant)

    def const(self, value: Fraction | int) -> ExactArray:
        """One number, without dimensions."""
        value = Fraction(value)
        return ExactArray(self, "const", (), of_fraction(value), value, constant=value)

    def named(self, name: str) -> ExactArray:
        """pi or e."""
        data = ("e", None) if name == "e" else ("sqrt", {"pi": Fraction(1)})
        return ExactArray(self, "closed", (), of_name(name), data)

    def ninf(self) -> ExactArray:
        """Minus infinity."""
        return ExactArray(self, "ninf", (), exactly(np.array([-np.inf])))

    def closed(self, op: str, form: Mapping[int | str, Fraction], shadow: Shadow) -> ExactArray:
        """A product of powers of primes and pi (op "sqrt"), or its logarithm (op "log"), and what it is in float64."""
        return ExactArray(self, "closed", (), shadow, (op, form), logs=op == "log")

    # --- decisions ---

    def sign(self, x: ExactArray, y: ExactArray | None = None) -> Array:
        """The sign of x - y, or of x: by shadows, else residues that agree are a tie, else `refine`."""
        value, doubt = (y.value, y.error) if y is not None else (0.0, 0.0)
        with np.errstate(all="ignore"):
            gap = np.where(x.value == value, 0.0, x.value - value)
        error = x.error + doubt
        sign = np.sign(np.where(np.isnan(gap), 1.0, gap)).astype(np.int8)
        near = (np.abs(gap) <= error * (1 + 1e-9)) & (error > 0) & np.isfinite(x.value) & np.isfinite(value)
        return self._settled(x, y, sign, near) if near.any() else sign

    def _settled(self, x: ExactArray, y: ExactArray | None, sign: Array, near: Array) -> Array:
        tie = x.at(0) == (y.at(0) if y is not None else 0)
        shape = np.broadcast_shapes(tie.shape, near.shape)
        tie, near, sign = (np.broadcast_to(each, shape) for each in (tie, near, sign))
        sign = np.where(near & tie, 0, sign)
        doubtful = near & ~tie
        for row in np.flatnonzero(doubtful.reshape(shape[0], -1).any(axis=1)):
            exact = self.refine(x, y, int(row)) if self.refine else None
            if exact is None:
                self.spoiled[row] = True
            else:
                sign[row] = np.where(doubtful[row], exact, sign[row])
        return sign


class ExactArray:
    """A tensor of exact values in every draw of a space; see the head of the file.

    `value` and `error` are its shadow, draws first (1 where all agree); `choice` is what was decided to compute it.
    """

    __slots__ = ("args", "choice", "constant", "data", "error", "finite", "known", "logs", "op", "space", "value")

    def __init__(
        self,
        space: Space,
        op: str,
        args: tuple[ExactArray, ...],
        shadow: Shadow,
        data: Any = None,
        *,
        choice: Any = None,
        constant: Fraction | None = None,
        logs: bool = False,
    ):
        self.space, self.op = space, op
        self.args: tuple[ExactArray, ...] = args
        self.data: Any = data
        self.choice: Any = choice
        self.value, self.error = shadow
        self.constant, self.logs = constant, logs or op == "log" or (op != "exp" and any(a.logs for a in args))
        self.finite = bool(np.isfinite(np.sum(self.value))) or bool(np.isfinite(self.value).all())
        self.known: dict[tuple[str, int, Fraction], Array] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in one draw."""
        return self.value.shape[1:]

    @property
    def shadow(self) -> Shadow:
        """The value and its error bound."""
        return self.value, self.error

    def at(self, level: int) -> Array:
        """The residues at a level, draws first; Unsupported where exps nest deeper than the tower."""
        with np.errstate(all="ignore"):
            return residue(("res", self, level, Fraction(1)))

    def exp_at(self, level: int, scale: Fraction = Fraction(1)) -> Array:
        """The residues of exp(scale * self), where logarithms are consumed."""
        with np.errstate(all="ignore"):
            return residue(("exp", self, level, scale))

    def settle(self, levels: int = 1) -> ExactArray:
        """Itself, with the residues of the upper levels computed and what it was made of forgotten."""
        for level in range(levels):
            self.at(level)
        self.op, self.args, self.data, self.logs = "settled", (), None, False
        return self

    # --- numbers ---

    def __add__(self, other: ExactArray) -> ExactArray:
        x, y = _alike(self, other)
        constant = x.constant + y.constant if x.constant is not None and y.constant is not None else None
        with np.errstate(all="ignore"):
            shadow = self.space.shadows.add(x.shadow, y.shadow)
        return ExactArray(self.space, "add", (x, y), shadow, constant=constant)

    def __mul__(self, other: ExactArray) -> ExactArray:
        x, y = _alike(self, other)
        constant = x.constant * y.constant if x.constant is not None and y.constant is not None else None
        with np.errstate(all="ignore"):
            shadow = self.space.shadows.mul(x.shadow, y.shadow)
        return ExactArray(self.space, "mul", (x, y), shadow, constant=constant)

    def __neg__(self) -> ExactArray:
        return self * self.space.const(-1)

    def __sub__(self, other: ExactArray) -> ExactArray:
        return self + -other

    def __truediv__(self, other: ExactArray) -> ExactArray:
        return self * other.unary("recip")

    def exp(self) -> ExactArray:
        """e to the power; 0 at minus infinity."""
        return self.unary("exp")

    def unary(self, op: str) -> ExactArray:
        """recip, exp, log, sqrt, tanh, erf, sin or cos; total as `theory/ops.py` says."""
        with np.errstate(all="ignore"):
            if op in ("recip", "log", "sqrt"):
                sign = self.space.sign(self)
                shadow = self.space.shadows.partial(op, self.shadow, sign != 0 if op == "recip" else sign > 0)
                constant = 1 / self.constant if op == "recip" and self.constant else None
                return ExactArray(self.space, op, (self,), shadow, choice=sign, constant=constant)
            if op not in ("exp", "tanh") and op not in OPAQUE:
                raise Unsupported(op)
            return ExactArray(self.space, op, (self,), self.space.shadows.unary(op, self.shadow))

    # --- along dimensions ---

    def sum(self, dim: int) -> ExactArray:
        """The sum over a dimension, which stays with size 1, as for all reductions."""
        with np.errstate(all="ignore"):
            return ExactArray(self.space, "sum", (self,), self.space.shadows.total(self.shadow, 1 + dim), 1 + dim)

    def prod(self, dim: int) -> ExactArray:
        """The product over a dimension."""
        with np.errstate(all="ignore"):
            return ExactArray(self.space, "prod", (self,), self.space.shadows.product(self.shadow, 1 + dim), 1 + dim)

    def max(self, dim: int) -> ExactArray:
        """The largest along a dimension; `choice` is where it is, the first of ties."""
        return self.at_places(self.extreme(dim, 1), dim)

    def min(self, dim: int) -> ExactArray:
        """The least along a dimension."""
        return self.at_places(self.extreme(dim, -1), dim)

    def extreme(self, dim: int, way: int) -> Array:
        """Where the largest (way 1) or least (-1) along a dimension is, the first of ties; draws first."""
        value, error = way * self.value, self.error
        place = np.argmax(value, axis=1 + dim, keepdims=True)
        top = np.take_along_axis(value, place, 1 + dim)
        doubt = np.take_along_axis(error, place, 1 + dim) + error
        with np.errstate(all="ignore"):
            near = (top - value <= doubt) & np.isfinite(value) & (doubt > 0)
        near &= np.arange(self.shape[dim]).reshape(-1, *[1] * (len(self.shape) - dim - 1)) != place
        if near.any():
            exact = self.at(0)
            places = np.broadcast_to(place, (self.space.draws, *place.shape[1:]))
            self.space.spoil(near & (exact != np.take_along_axis(exact, places, 1 + dim)))
        return place

    def at_places(self, place: Array, dim: int) -> ExactArray:
        """The values at one place along a dimension for each other index."""
        lead = np.broadcast_shapes(place.shape[: 1 + dim], self.value.shape[: 1 + dim])
        place = np.broadcast_to(place, (*lead, 1, *place.shape[2 + dim :]))
        parts = [np.broadcast_to(x, (*lead, *x.shape[1 + dim :])) for x in self.shadow]
        value, error = (np.take_along_axis(x, place, 1 + dim) for x in parts)
        return ExactArray(self.space, "chosen", (self,), (value, error), (place, 1 + dim), choice=place)

    # --- moving ---

    def moved(self, move: Callable[[Array], Array]) -> ExactArray:
        """Its numbers moved about: `move` is applied to arrays whose first dimension is the draw, which it keeps."""
        shadow = move(self.value), move(self.error)
        return ExactArray(self.space, "view", (self,), shadow, move, constant=self.constant)

    def reshape(self, *shape: int) -> ExactArray:
        """In another shape."""
        return self if shape == self.shape else self.moved(lambda x: x.reshape(x.shape[0], *shape))

    def broadcast_to(self, *shape: int) -> ExactArray:
        """In a larger shape, dimensions of size 1 repeated."""
        return self if shape == self.shape else self.moved(lambda x: np.broadcast_to(x, (x.shape[0], *shape)))

    def transpose(self, *dims: int) -> ExactArray:
        """With its dimensions in another order."""
        return self.moved(lambda x: x.transpose(0, *(1 + d for d in dims)))

    def gather(self, *indices: Array) -> ExactArray:
        """The values at arrays of indices, one for each dimension, draws first; 0 where an index is out of range."""
        inside: Any = np.ones([1] * indices[0].ndim, dtype=bool) if indices else np.ones(1, dtype=bool)
        clipped = []
        for index, n in zip(indices, self.shape, strict=True):
            inside = inside & (index >= 0) & (index < n)
            clipped.append(np.clip(index, 0, max(n - 1, 0)))
        move = _gather(clipped)
        if inside.all():
            return self.moved(move)
        empty = self.space.whole(np.zeros([1] * inside.ndim, dtype=np.int64))
        return where(inside, self.moved(move), empty) if self.value.size else empty.broadcast_to(*inside.shape[1:])

    def put(self, index: Array, values: ExactArray, mask: Array | None = None) -> ExactArray:
        """Memory of one dimension after storing `values` at `index` where `mask` holds; what is out of range is lost."""
        size = self.shape[0]
        keep = (index >= 0) & (index < size) & (True if mask is None else mask)
        index, keep, _ = np.broadcast_arrays(index, keep, np.broadcast_to(0, (1, *values.shape)))
        target = np.where(keep, index, size).reshape(index.shape[0], -1)

        def join(old: Array, new: Array) -> Array:
            draws = max(old.shape[0], new.shape[0], target.shape[0])
            result = np.concatenate([np.broadcast_to(old, (draws, size)), np.zeros((draws, 1), old.dtype)], axis=1)
            new = np.broadcast_to(new, (draws, *index.shape[1:])).reshape(draws, -1)
            np.put_along_axis(result, np.broadcast_to(target, (draws, target.shape[1])), new, axis=1)
            return result[:, :size]

        shadow = join(self.value, values.value), join(self.error, values.error)
        return ExactArray(self.space, "join", (self, values), shadow, join)


def _gather(indices: Sequence[Array]) -> Callable[[Array], Array]:
    rank = max((i.ndim for i in indices), default=1)

    def move(x: Array) -> Array:
        draws = np.arange(x.shape[0]).reshape(-1, *[1] * (rank - 1))
        return x[(draws, *indices)]

    return move


def _alike(x: ExactArray, y: ExactArray) -> tuple[ExactArray, ExactArray]:
    """Two values of as many dimensions, the smaller with dimensions of size 1 in front."""
    rank = max(len(x.shape), len(y.shape))
    first, second = (a.reshape(*[1] * (rank - len(a.shape)), *a.shape) for a in (x, y))
    return first, second


# --- several values --------------------------------------------------------------------------------------------------


def where(mask: Array, x: ExactArray, y: ExactArray, *, choice: Any = None) -> ExactArray:
    """x where the mask holds (draws first), else y."""
    x, y = _alike(x, y)
    rank = max(mask.ndim - 1, len(x.shape))
    x, y = (a.reshape(*[1] * (rank - len(a.shape)), *a.shape) for a in (x, y))
    mask = mask.reshape(mask.shape[0], *[1] * (rank + 1 - mask.ndim), *mask.shape[1:])
    shadow = np.where(mask, x.value, y.value), np.where(mask, x.error, y.error)
    return ExactArray(x.space, "pick", (x, y), shadow, mask, choice=choice)


def maximum(x: ExactArray, y: ExactArray) -> ExactArray:
    """The larger of two; `choice` is the sign of x - y."""
    x, y = _alike(x, y)
    sign = x.space.sign(x, y)
    return where(sign >= 0, x, y, choice=sign)


def minimum(x: ExactArray, y: ExactArray) -> ExactArray:
    """The smaller of two; `choice` is the sign of x - y."""
    x, y = _alike(x, y)
    sign = x.space.sign(x, y)
    return where(sign < 0, x, y, choice=sign)


def compare(op: str, x: ExactArray, y: ExactArray) -> Array:
    """lt, le or eq, exactly; draws first."""
    sign = x.space.sign(*_alike(x, y))
    return sign < 0 if op == "lt" else sign <= 0 if op == "le" else sign == 0


def dot(x: ExactArray, y: ExactArray) -> ExactArray:
    """The product of matrices in the last two dimensions, over equal or repeated dimensions before them."""
    x, y = _alike(x, y)
    with np.errstate(all="ignore"):
        return ExactArray(x.space, "dot", (x, y), x.space.shadows.dot(x.shadow, y.shadow))


def same(x: ExactArray, y: ExactArray) -> Array:
    """Where two values have one residue; draws first.  In draws that aren't spoiled, equal values always have."""
    x, y = _alike(x, y)
    return x.at(0) == y.at(0)
