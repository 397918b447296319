"""Symbolic arrays: a shape of sizes, and a function from index terms to the term at those indices.

Views, permutes, slices and concatenations are changes of indices, so they leave no trace in terms.  While programs are
traced, `Layouts` notes how each size is cut (`k = k1 + k2`) and factored (`hd = h*d`); only after *all* programs are traced
are arrays read, and a reduction over a size then runs over the common refinement, block by block, atom by atom.
To add here: ways of indexing.  Never here: what a Torch operator means (`torch_*.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from commute.lowering.registry import Unusable
from commute.theory.axes import Axis, Size, first_free
from commute.theory.index import simplify
from commute.theory.ops import add, floordiv, land, lt, maximum, minimum, mod, mul
from commute.theory.terms import INT, REAL, Term, const, index, reduce, size_value

Indices = tuple[Term, ...]


class Array:
    """An array known by its shape and by the term at any tuple of index terms (one for each dimension).

    `at` may have no free axes but those of the indices that it is given.
    """

    __slots__ = ("_memo", "_read", "shape", "sort")

    def __init__(self, shape: Iterable[Size | int], read: Callable[[Indices], Term], sort: str = REAL):
        self.shape = tuple(Size.of(s) for s in shape)
        self.sort = sort
        self._read = read
        self._memo: dict[Indices, Term] = {}

    def at(self, indices: Sequence[Term]) -> Term:
        """The term at these indices, which are brought to normal form first."""
        key = tuple(simplify(i) for i in indices)
        if len(key) != len(self.shape):
            raise ValueError(f"{len(key)} indices for an array of {len(self.shape)} dimensions")
        if key not in self._memo:
            self._memo[key] = self._read(key)
        return self._memo[key]

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)


@dataclass(frozen=True)
class Block:
    """A part of range(size): offset + sum of stride * index over its atoms (stride, size)."""

    offset: Size
    atoms: tuple[tuple[Size, Size], ...]


@dataclass
class Layouts:
    """How sizes are cut and factored by the programs of one question, and the common refinement of it all."""

    cuts: dict[Size, set[Size]] = field(default_factory=dict)
    factors: dict[Size, list[tuple[Size, ...]]] = field(default_factory=dict)
    _blocks: dict[Size, list[Block]] = field(default_factory=dict)

    def cut(self, size: Size, point: Size | int) -> None:
        """Note that a program treats range(size) before and after `point` apart; kept only where both are never empty."""
        point = Size.of(point)
        if point.provably_positive() and (size - point).provably_positive():
            self.cuts.setdefault(size, set()).add(point)
            self._blocks.clear()

    def factor(self, size: Size, parts: Sequence[Size | int]) -> None:
        """Note that a program reads range(size) as a product, outermost part first."""
        parts = tuple(Size.of(p) for p in parts if Size.of(p) != Size(1))
        for start in range(len(parts) - 1):
            group = parts[start:]
            whole = Size(1)
            for p in group:
                whole = whole * p
            self._note(whole, group)
        head = Size(1)
        for p in parts:
            head = head * p
        if head != size:
            raise ValueError(f"{size} is not the product of {', '.join(map(str, parts))}")
        self._blocks.clear()

    def blocks(self, size: Size) -> list[Block]:
        """The common refinement of range(size): disjoint blocks, in order, that cover it."""
        if size not in self._blocks:
            self._blocks[size] = [Block(Size(0), ((Size(1), size),))]  # a guard against circles
            self._blocks[size] = self._refine(size)
        return self._blocks[size]

    def _refine(self, size: Size) -> list[Block]:
        if not size.terms:
            return []
        if size == Size(1):
            return [Block(Size(0), ())]
        self._learn_factors(size)
        for parts in list(self.factors.get(size, ())):
            for inner in self.cuts.get(parts[0], set()) if parts[0].constant is not None else ():
                self.cut(size, inner * _product(parts[1:]))
        points = self._ordered_cuts(size)
        if points:
            ends = [Size(0), *points, size]
            result = []
            for low, high in zip(ends, ends[1:], strict=False):
                self._factor_piece(size, high - low)
                result += [Block(low + b.offset, b.atoms) for b in self.blocks(high - low)]
            return result
        chain = self._chain(size)
        if len(chain) < 2:
            return [Block(Size(0), ((Size(1), size),))]
        result = [Block(Size(0), ())]
        for i, part in enumerate(chain):
            stride = _product(chain[i + 1 :])
            result = [
                Block(a.offset + b.offset * stride, a.atoms + tuple((s * stride, n) for s, n in b.atoms))
                for a in result
                for b in self.blocks(part)
            ]
        return result

    def _learn_factors(self, size: Size) -> None:
        """A size that is a run of the factors of a larger one is the product of that run: from (2, c*x*y) and (2*c, x, y)."""
        if size.constant is not None:
            return
        for whole in [w for w in self.factors if w != size and w.divided_by(size) is not None]:
            chain = self._chain(whole)
            for start in range(len(chain)):
                for end in range(start + 2, len(chain) + 1):
                    if _product(chain[start:end]) == size and len(chain) > end - start:
                        self._note(size, chain[start:end])

    def _note(self, size: Size, parts: tuple[Size, ...]) -> None:
        known = self.factors.setdefault(size, [])
        if parts not in known:
            known.append(parts)

    def _ordered_cuts(self, size: Size) -> list[Size]:
        """The cuts in order, symbolic ones first choice; one that can't be compared with all kept so far is left out."""
        kept: list[Size] = []
        for point in sorted(self.cuts.get(size, ()), key=lambda p: (p.constant is not None, str(p))):
            if all((point - k).provably_positive() or (k - point).provably_positive() for k in kept):
                kept.append(point)
        return sorted(kept, key=lambda p: sum((p - k).provably_positive() for k in kept))

    def _factor_piece(self, size: Size, piece: Size) -> None:
        """A piece of a product that is a multiple of its inner part is a product too."""
        for parts in self.factors.get(size, ()):
            for start in range(1, len(parts)):
                inner = _product(parts[start:])
                count = piece.divided_by(inner)
                if count is not None and count.provably_positive() and piece != size:
                    self.factor(piece, (count, *parts[start:]))
                    break

    def _chain(self, size: Size) -> tuple[Size, ...]:
        """The finest product that all factorings noted agree on: strides that divide one another."""
        strides: list[Size] = []
        for parts in self.factors.get(size, ()):
            for start in range(1, len(parts)):
                stride = _product(parts[start:])
                if stride not in strides and all(stride.divided_by(s) or s.divided_by(stride) for s in strides):
                    strides.append(stride)
        chain = []
        outer = size
        for stride in sorted(strides, key=lambda s: -sum(s.divided_by(o) is not None for o in strides)):
            part = outer.divided_by(stride)
            if part is None or part == Size(1):
                continue
            chain.append(part)
            outer = stride
        return (*chain, outer)

    def walk(self, size: Size, taken: Iterable[Axis]) -> list[tuple[Term, tuple[Axis, ...]]]:
        """Each block of range(size) as (index term, its axes), the axes apart from those taken."""
        result = []
        for block in self.blocks(size):
            axes: list[Axis] = []
            position = size_value(block.offset)
            for stride, n in block.atoms:
                axis = first_free(n, [*taken, *axes])
                axes.append(axis)
                position = add(position, mul(size_value(stride), index(axis)))
            result.append((simplify(position), tuple(axes)))
        return result


def _product(parts: Sequence[Size]) -> Size:
    whole = Size(1)
    for p in parts:
        whole = whole * p
    return whole


# --- what arrays are made of -----------------------------------------------------------------------------------------

_COMBINE = {"sum": add, "max": maximum, "min": minimum, "prod": mul}


def broadcast(shapes: Sequence[Sequence[Size]]) -> tuple[Size, ...]:
    """The shape that several shapes broadcast to, from the right; ValueError names two sizes that don't fit."""
    rank = max((len(s) for s in shapes), default=0)
    result = []
    for i in range(-rank, 0):
        sizes = [s[i] for s in shapes if len(s) >= -i and s[i] != Size(1)]
        if any(s != sizes[0] for s in sizes):
            raise ValueError(f"sizes {sizes[0]} and {next(s for s in sizes if s != sizes[0])} don't broadcast")
        result.append(sizes[0] if sizes else Size(1))
    return tuple(result)


def aligned(array: Array, indices: Indices) -> Term:
    """The array at the trailing indices, 0 where its own size is 1: how broadcasting reads."""
    own = indices[len(indices) - array.rank :]
    zero = const(0)
    return array.at([zero if s == Size(1) else i for s, i in zip(array.shape, own, strict=True)])


def pointwise(make: Callable[..., Term], *arrays: Array, sort: str | None = None) -> Array:
    """`make` applied to the broadcast arrays, number by number."""
    shape = broadcast([a.shape for a in arrays])
    result_sort = sort or (INT if all(a.sort == INT for a in arrays) else REAL)
    return Array(shape, lambda idx: make(*(aligned(a, idx) for a in arrays)), result_sort)


def reduction(layouts: Layouts, kind: str, array: Array, dims: Sequence[int]) -> Array:
    """The array reduced by `kind` over some dimensions (which are removed), block by block of the common refinement."""
    keep = [i for i in range(array.rank) if i not in dims]

    def at(indices: Indices) -> Term:
        positions: dict[int, Term] = dict(zip(keep, indices, strict=True))
        taken = set().union(*(i.free for i in indices)) if indices else set()

        def go(rest: tuple[int, ...], used: set[Axis]) -> Term:
            if not rest:
                return array.at([positions[i] for i in range(array.rank)])
            total: Term | None = None
            for position, axes in layouts.walk(array.shape[rest[0]], used):
                positions[rest[0]] = position
                part = go(rest[1:], used | set(axes))
                for axis in reversed(axes):
                    part = reduce(kind, axis, part)
                total = part if total is None else _COMBINE[kind](total, part)
            if total is None and kind in ("max", "min"):
                raise Unusable(f"the {kind} of no elements")
            return const(kind == "prod") if total is None else total

        return go(tuple(dims), taken)

    return Array([array.shape[i] for i in keep], at, array.sort)


def flat_index(shape: Sequence[Size], indices: Sequence[Term]) -> Term:
    """The row-major position of `indices` in an array of `shape`."""
    total: Term = const(0)
    for size, i in zip(shape, indices, strict=True):
        total = add(mul(total, size_value(size)), i)
    return simplify(total)


def reshaped(layouts: Layouts, array: Array, shape: Sequence[Size]) -> Array:
    """Row-major reshape; groups of dimensions of equal product are noted as products and matched group by group."""
    shape = tuple(Size.of(s) for s in shape)
    if _product(shape) != _product(array.shape):
        raise ValueError(f"an array of shape {_show(array.shape)} has not the size of {_show(shape)}")
    groups = _groups(array.shape, shape)
    for old, new in groups:
        whole = _product([array.shape[i] for i in old])
        for parts in ([array.shape[i] for i in old], [shape[i] for i in new]):
            if len(parts) > 1:
                layouts.factor(whole, parts)

    def at(indices: Indices) -> Term:
        result: list[Term] = [const(0)] * array.rank
        for old, new in groups:
            position = flat_index([shape[i] for i in new], [indices[i] for i in new])
            for i in reversed(old):
                size = array.shape[i]
                result[i] = const(0) if size == Size(1) else simplify(mod(position, size_value(size)))
                position = simplify(floordiv(position, size_value(size)))
        return array.at(result)

    return Array(shape, at, array.sort)


def _groups(old: Sequence[Size], new: Sequence[Size]) -> list[tuple[list[int], list[int]]]:
    """The shortest runs of dimensions, old and new, whose products agree."""
    groups = []
    i = j = 0
    while i < len(old) or j < len(new):
        left, right = [], []
        a, b = Size(1), Size(1)
        while True:
            if a == b and (left or right):
                break
            if i < len(old) and (not left or _small(a, b) or j >= len(new)):
                a, left, i = a * old[i], [*left, i], i + 1
            elif j < len(new):
                b, right, j = b * new[j], [*right, j], j + 1
            else:
                break
        groups.append((left, right))
    return groups


def _small(a: Size, b: Size) -> bool:
    return b.divided_by(a) is not None and a != b


def _show(shape: Sequence[Size]) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"


def inside(position: Term, low: Size | int, high: Size | int) -> Term:
    """The condition low <= position < high, in normal form."""
    return simplify(land(lt(add(size_value(low), const(-1)), position), lt(position, size_value(high))))
