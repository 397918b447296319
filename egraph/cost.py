"""What a kernel moves, holds and computes: H, M and operations, for whole arrays of tile sizes at once.

The model is the Napkin's: a tile of every grouped axis and a chunk of the streamed one live at the inner level; arrays that
do not carry a grouped axis are sent to every group; the memory is the widest column (THEORY §2).
To add here: a figure of a kernel.  Never here: which kernels there are, or which tiles are best.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from commute.egraph.forms import Forms, Node
from commute.egraph.streams import Passes
from commute.theory.axes import Axis
from commute.theory.terms import Term

TRANSCENDENTAL = {"exp", "log", "tanh", "erf", "sin", "cos", "sigmoid", "silu", "gelu", "gelu_tanh", "softplus"}
"""Operators that go through the unit for exponentials."""


@dataclass
class Region:
    """A kernel before its tiles are chosen: what it writes, computes (arguments first) and reads."""

    outputs: tuple[int, ...]
    inner: tuple[int, ...]
    leaves: tuple[int, ...]
    node: Mapping[int, Node]

    def axes(self, forms: Forms) -> frozenset[Axis]:
        """Every axis that occurs."""
        return frozenset().union(*(forms.free[c] | self.node[c].bound for c in self.inner))


@dataclass
class Figures:
    """H (values moved in the whole run), M (values of the widest column), groups and work, as arrays over the tilings.

    `rounds` counts operations on tiles, where axes that are woven one by one are not looped over.
    """

    traffic: np.ndarray
    memory: np.ndarray
    groups: np.ndarray
    matmul: np.ndarray
    vector: np.ndarray
    exp: np.ndarray
    per_group: np.ndarray = field(default_factory=lambda: np.zeros(1))
    rounds: np.ndarray = field(default_factory=lambda: np.zeros(1))


def matmul_sides(forms: Forms, node: Node) -> tuple[int, int] | None:
    """The two factors of a contraction that the matrix units multiply, or None where they don't serve it.

    Each carries an axis that the other doesn't, they share a summed axis, and every other factor can be multiplied into one.
    """
    if node.op != "con" or not node.bound or not 2 <= len(node.args) <= 6:
        return None
    axes = [forms.free[forms.find(x)] for x in node.args]
    for i, a in enumerate(axes):
        for j in range(i + 1, len(axes)):
            b = axes[j]
            if a & b & node.bound and a - b and b - a:
                others = [c for k, c in enumerate(axes) if k not in (i, j)]
                if all(c <= a or c <= b for c in others):
                    return i, j
    return None


class Costing:
    """The figures of one region under one schedule.

    `full` maps each axis to its size; `tiles` (axis -> array) are the grouped axes' tiles and `chunk` the streamed one's;
    `split` is a reduced axis that is parted over groups, whose partial states a second kernel merges.
    """

    def __init__(
        self,
        forms: Forms,
        region: Region,
        full: Mapping[Axis, int],
        passes: Passes | None = None,
        share: float = 1.0,
        split: Axis | None = None,
    ):
        self.forms, self.region, self.full, self.passes, self.share, self.split = forms, region, full, passes, share, split
        self.stream = passes.axis if passes else None
        self._columns: dict[frozenset[Axis], list[tuple[int, tuple[int, ...]]]] = {}
        self.tail = self._after(split) if split is not None else frozenset()

    def figures(self, tiles: Mapping[Axis, np.ndarray], chunk: np.ndarray | None, parts: np.ndarray | float = 1.0) -> Figures:
        """H, M, groups and work for each tiling; with `parts` above 1 the states are stored and merged by a second kernel."""
        f, region = self.forms, self.region
        held = {a: np.asarray(float(n)) for a, n in self.full.items()} | {a: np.asarray(t, float) for a, t in tiles.items()}
        if self.stream is not None and chunk is not None:
            held[self.stream] = np.asarray(chunk, float)
        count = {a: self.full[a] / held[a] for a in tiles}
        groups = _product(count.values())
        steps = self.full[self.stream] / held[self.stream] if self.stream is not None else 1.0
        traffic, once = 0.0, 0.0
        for leaf in region.leaves:
            amount = self.volume(leaf, held)
            if self.stream in f.free[leaf] and self.passes is not None:
                used = max(1, sum(any(leaf in region.node[c].args for c in ops) for ops in self.passes.loop.values()))
                again = np.where(steps > 1, used, 1)
                traffic = traffic + amount * steps * again * groups * self.share
            else:
                traffic = traffic + amount * groups * parts
            once = once + amount
        for c in region.outputs:
            amount = self.volume(c, held)
            own = _product(n for a, n in count.items() if a in f.free[c])
            traffic = traffic + amount * own * (steps if self.stream in f.free[c] else 1.0)
            once = once + amount
        split, into = (self.split, count[self.split]) if self.split is not None else (self.stream, np.asarray(parts))
        if split is not None and np.max(into) > 1:
            states = [c for c in region.inner if split in region.node[c].bound]
            whole = sum(float(prod(self.full[a] for a in f.free[c])) for c in states)
            traffic = traffic + np.where(into > 1, 2 * into * whole, 0.0)
            groups = groups * parts
        work = self._work(count)
        looped = _product(np.where(held[a] > 1, n, 1.0) for a, n in count.items()) * self._operations(steps)
        shape = np.broadcast(groups, traffic, *held.values()).shape
        shape = shape or (1,)
        spread = [
            np.broadcast_to(np.asarray(v, float), shape)
            for v in (traffic, self._memory(held, tiles), groups, *work, once, looped)
        ]
        return Figures(*spread)

    def _operations(self, steps: np.ndarray | float) -> np.ndarray | float:
        """How many operations a group does on arrays, those on chunks once a step; numbers cost nothing."""
        axes = [self.forms.free[c] | self.region.node[c].bound for c in self.region.inner]
        return sum((steps if self.stream in own else 1.0 for own in axes if own), 0.0)

    def _after(self, split: Axis) -> frozenset[int]:
        """What is computed from the merged states of a split axis."""
        after: set[int] = set()
        for c in self.region.inner:
            if split in self.region.node[c].bound or any(a in after for a in self.region.node[c].args):
                after.add(c)
        return frozenset(c for c in after if split not in self.region.node[c].bound)

    # --- volumes -----------------------------------------------------------------------------------------------------

    def volume(self, c: int, held: Mapping[Axis, np.ndarray]) -> np.ndarray | float:
        """How many values of class c a tile needs."""
        if c in self.region.leaves and self.region.node[c].op == "leaf":
            return _read_volume(self.region.node[c].attrs[0], held)
        return _product(held[a] for a in self.forms.free[c])

    def _work(self, count: Mapping[Axis, np.ndarray]) -> tuple:
        matmul, vector, exps = 0.0, 0.0, 0.0
        for c in self.region.inner:
            node = self.region.node[c]
            axes = self.forms.free[c] | node.bound
            again = _product(n for a, n in count.items() if a not in axes and (a != self.split or c not in self.tail))
            times = 1
            if self.passes is not None and self.stream in axes:
                times = max(1, sum(c in ops for ops in self.passes.loop.values())) * self.share
            elements = float(prod(self.full[a] for a in axes)) * again * times
            sides = matmul_sides(self.forms, node)
            if sides is not None:
                matmul = matmul + 2 * elements
                vector = vector + self._scaling(node, sides) * again * times
            elif node.op in TRANSCENDENTAL:
                exps = exps + elements
            else:
                vector = vector + elements * max(1, len([a for a in node.args if self.forms.free[a]]))
        return matmul, vector, exps

    def _scaling(self, node: Node, sides: tuple[int, int]) -> float:
        """Elementwise products that bring further factors of a contraction into its two sides."""
        axes = [self.forms.free[a] for a in node.args]
        rest = [own for k, own in enumerate(axes) if k not in sides and own]
        return sum(min(prod(self.full[x] for x in axes[s]) for s in sides if own <= axes[s]) for own in rest)

    # --- the widest column -------------------------------------------------------------------------------------------

    def _memory(self, held: Mapping[Axis, np.ndarray], tiles: Mapping[Axis, np.ndarray]) -> np.ndarray | float:
        columns = [then for _, then in self.columns(tiles)]
        volumes = {c: self.volume(c, held) for c in {c for then in columns for c in then}}
        widest: np.ndarray | float = 0.0
        for then in columns:
            widest = np.maximum(widest, sum((volumes[c] for c in then), 0.0))
        return widest

    def widest(self, tiles: Mapping[Axis, int], chunk: int) -> float:
        """The values of the widest operator alone, operands and result, without statistics; `tiles` maps every grouped axis."""
        held: dict[Axis, Any] = {a: float(n) for a, n in self.full.items()} | dict(tiles)
        if self.stream is not None:
            held[self.stream] = float(chunk)
        kept = self._counted([*self.region.leaves, *self.region.inner], tiles)
        return max(
            sum(float(self.volume(a, held)) for a in {c, *self.region.node[c].args} if a in kept) for c in self.region.inner
        )

    def columns(self, tiles: Collection[Axis]) -> list[tuple[int, tuple[int, ...]]]:
        """Each operation in the order of work, with the values that are held while it runs; `tiles` are the grouped axes."""
        key = frozenset(tiles)
        if key not in self._columns:
            self._columns[key] = self._arranged(key)
        return self._columns[key]

    def _arranged(self, tiles: Collection[Axis]) -> list[tuple[int, tuple[int, ...]]]:
        segments = self._segments()
        lives = self._lives(segments)
        counted = self._counted(list(lives), tiles)
        order = [c for _, ops in segments for c in ops]
        return [
            (op, tuple(c for c, (a, b) in lives.items() if a <= i <= b and c in counted)) for i, op in enumerate(order)
        ]

    def _counted(self, classes: Sequence[int], tiles: Collection[Axis]) -> set[int]:
        """All but the statistics: one number for each position of the grid, beside a wider value, stays in registers."""
        axes = {c: frozenset(a for a in self.forms.free[c] if self.full[a] > 1) for c in classes}
        inner = [a for c, a in axes.items() if c not in self.region.leaves]
        return {c for c, a in axes.items() if not (a <= frozenset(tiles) and any(a < b for b in inner))}

    def _segments(self) -> list[tuple[bool, list[int]]]:
        """The operations in the order of work: (inside a loop, operations)."""
        if self.passes is None:
            return [(False, list(self.region.inner))]
        segments = [(False, self.passes.before)]
        for p in sorted(self.passes.loop):
            segments += [(True, self.passes.loop[p]), (False, self.passes.after.get(p, []))]
        return [s for s in segments if s[1]]

    def _lives(self, segments: Sequence[tuple[bool, list[int]]]) -> dict[int, tuple[int, int]]:
        """From which to which place in the order each value is held; elementwise results take an argument's room."""
        lives: dict[int, tuple[int, int]] = {}
        f, node, place = self.forms, self.region.node, 0
        for looped, ops in segments:
            start, end = place, place + len(ops) - 1
            for c in ops:
                stays = looped and self.stream not in f.free[c]
                lives[c] = (min(lives[c][0], place) if c in lives else (start if stays else place), end if stays else place)
                for a in node[c].args:
                    if a not in self.region.inner and _weightless(f, a, node):
                        continue
                    kept = looped and self.stream not in f.free[a]
                    first, last = lives.get(a, (start if kept else place, place))
                    lives[a] = (
                        min(first, start) if kept and a in self.region.leaves else first,
                        max(last, end if kept else place),
                    )
                place += 1
        for c in self.region.outputs:
            if c in lives and self.stream not in f.free[c]:
                lives[c] = (lives[c][0], max(lives[c][1], place - 1))
        return self._in_place(lives, [c for _, ops in segments for c in ops])

    def _in_place(self, lives: dict[int, tuple[int, int]], order: Sequence[int]) -> dict[int, tuple[int, int]]:
        """An elementwise result begins where the argument of its axes that it replaces ends."""
        for c in order:
            node = self.region.node[c]
            if node.op == "sum":
                self._accumulate(lives, c, node)
            if node.bound or c not in lives:
                continue
            begin = lives[c][0]
            dying = [a for a in node.args if a in lives and lives[a][1] == begin and self.forms.free[a] == self.forms.free[c]]
            if dying and lives[c][1] > begin:
                lives[dying[0]] = (lives[dying[0]][0], begin - 1)
            elif dying:
                del lives[c]
        return {c: (a, b) for c, (a, b) in lives.items() if b >= a}

    def _accumulate(self, lives: dict[int, tuple[int, int]], c: int, node: Node) -> None:
        """The terms of a sum that are contractions add into one accumulator."""
        own = [
            a for a in set(node.args) if a in lives and self.region.node[a].bound and self.forms.free[a] == self.forms.free[c]
        ]
        users = {a: sum(a in self.region.node[d].args for d in self.region.inner) for a in own}
        for a in sorted(own, key=lambda a: lives[a])[1:]:
            if users[a] == 1:
                del lives[a]


def _weightless(forms: Forms, c: int, node: Mapping[int, Node]) -> bool:
    """Numbers and index arithmetic take no room."""
    t = node[c].attrs[0] if c in node and node[c].op == "leaf" else None
    return t is not None and not _reads(t)


def _reads(t: Term) -> bool:
    return t.op == "input" or any(_reads(a) for a in t.args)


def _read_volume(t: Term, held: Mapping[Axis, np.ndarray]) -> np.ndarray | float:
    """The values of an input that the indices of a tile reach; masks and index arithmetic count what they read."""
    if t.op != "input":
        return sum((_read_volume(a, held) for a in t.args), 0.0)
    return _product(_span(i, held) for i in t.args)


def _span(i: Term, held: Mapping[Axis, np.ndarray]) -> np.ndarray | float:
    """How many values an index takes on a tile: sums of axes overlap, as the windows of a convolution do."""
    if i.op == "axis":
        return held[i.attrs[0]]
    if i.op == "add":
        return sum((_span(a, held) for a in i.args), 0.0) - (len(i.args) - 1)
    if i.op == "mul":
        by = [abs(float(a.attrs[0])) for a in i.args if a.op == "const"]
        moving = [a for a in i.args if a.free]
        return _product(_span(a, held) for a in moving) if by or moving else 1.0
    return _product(held[a] for a in i.free)


def _product(values) -> np.ndarray | float:
    result: np.ndarray | float = 1.0
    for v in values:
        result = result * v
    return result
