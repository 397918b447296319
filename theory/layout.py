"""Where everything is: stacks of wires, column by column, and the height of each.

A `Strand` is one array at one moment: its wires 28 px apart.  Between the strands of two columns wires bend, inside a
column they are straight; strands that go on into one another keep their height where nothing forbids it.
To add here: better places.  Never here: SVG, or what a symbol means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from commute.theory.axes import Axis
from commute.theory.ordering import Item, Order, entering, order_of
from commute.theory.picture import Picture

WIRE, GAP, BELOW = 28.0, 52.0, 30.0
HANGING = ("unary", "transfer")
"""Between two wires of an array; between two arrays; the room for what hangs under the wires: round boxes, sizes."""


@dataclass
class Strand:
    """One array at one moment: the places of its wires in the value's axes, their names, and the height of the first."""

    value: int
    item: Item
    argument: int
    places: tuple[int, ...]
    names: tuple[Axis, ...]
    joining: tuple[int, ...] = ()
    room: float = 0.0
    y: float = 0.0
    block: int = -1
    shift: float = 0.0

    def height(self, place: int) -> float:
        """The height of a wire."""
        return self.y + WIRE * self.places.index(place)

    @property
    def bottom(self) -> float:
        """The height of the last wire."""
        return self.y + WIRE * max(len(self.places) - 1, 0)


@dataclass
class Column:
    """What enters the symbols of a column and what leaves them, top to bottom."""

    items: list[Item]
    entering: list[Strand] = field(default_factory=list)
    leaving: list[Strand] = field(default_factory=list)

    def arguments(self, node: int) -> list[Strand]:
        """The strands that enter a symbol, top to bottom."""
        return [s for s in self.entering if s.item == (True, node)]

    def result(self, value: int) -> Strand | None:
        """The strand of a value on the right of the column."""
        return next((s for s in self.leaving if s.value == value), None)


@dataclass
class Layout:
    """A picture with its columns placed."""

    picture: Picture
    order: Order
    columns: list[Column]

    @property
    def arrays(self) -> list[str]:
        """The names of the arrays at the left, top to bottom."""
        return [self.picture.nodes[s.value].label for s in self.columns[0].leaving]

    @property
    def strands(self) -> list[Strand]:
        """Every strand."""
        return [s for c in self.columns for s in (*c.entering, *c.leaving)]


def layout_of(picture: Picture, like: Sequence[str] = ()) -> Layout:
    """The places of everything in a picture; the highest wire that is not woven past all is at height 0.

    `like` names arrays from top to bottom, as they lie in a picture that this one is held against.
    """
    order = order_of(picture, like)
    columns = [_column(picture, order, c) for c in range(len(order.columns))]
    states = [s for c in columns for s in (c.entering, c.leaving)][1:]
    _Heights(picture, columns, states).place()
    return Layout(picture, order, columns)


def _column(picture: Picture, order: Order, number: int) -> Column:
    column = Column(order.columns[number])
    for item in column.items:
        stands, n = item
        node = picture.nodes[n]
        names = tuple(node.out[p] for p in order.axes[n])
        if not stands:
            column.entering.append(Strand(n, item, -1, order.axes[n], names))
        else:
            for argument in order.uses(picture, n):
                use = node.uses[argument]
                places, joining = entering(picture, order, n, argument)
                strand = Strand(use.node, item, argument, places, tuple(use.axes[p] for p in places), joining)
                strand.room = BELOW if node.kind in HANGING and places else 0.0
                column.entering.append(strand)
        if node.kind not in ("out", "drop"):
            strand = Strand(n, item, -1, order.axes[n], names)
            strand.room = BELOW if stands and node.kind in HANGING and names else 0.0
            column.leaving.append(strand)
    return column


Link = tuple[Strand, Strand, float]


class _Heights:
    """Strands linked into straight blocks, blocks pushed apart from the top, then drawn towards what they connect to."""

    def __init__(self, picture: Picture, columns: list[Column], states: list[list[Strand]]):
        self.picture, self.columns, self.states = picture, columns, states
        self.blocks: list[list[Strand]] = []
        self.pulls: list[Link] = []

    def place(self) -> None:
        for number in range(len(self.columns)):
            if number:
                self._link(self._arrivals(number))
                self._link(self._passages(number))
        for state in self.states:
            for strand in state:
                if strand.block < 0:
                    self._join(strand, strand, 0.0)
        self._settle()

    def _arrivals(self, number: int) -> list[Link]:
        before = {s.value: s for s in self.columns[number - 1].leaving}
        links = [self._between(before[s.value], s) for s in self.columns[number].entering]
        return sorted(links, key=lambda k: (k[1].argument >= 0, -len(k[1].places)))

    def _passages(self, number: int) -> list[Link]:
        column, links = self.columns[number], []
        for right in column.leaving:
            lefts = [s for s in column.entering if s.item == right.item]
            for left in sorted(lefts, key=lambda s: -len(s.places)):
                links.append(self._between(left, right))
        return sorted(links, key=lambda k: (k[0].argument >= 0, -len(k[0].places)))

    @staticmethod
    def _between(left: Strand, right: Strand) -> Link:
        """The difference of heights that keeps most common wires straight, none where two keep as many."""
        same = left.value == right.value
        ours, theirs = (left.places, right.places) if same else (left.names, right.names)
        shifts = [i - theirs.index(x) for i, x in enumerate(ours) if x in theirs]
        best = max(shifts, key=lambda k: (shifts.count(k), k == 0, -abs(k), k), default=0)
        return left, right, WIRE * best

    def _link(self, links: list[Link]) -> None:
        kept: list[tuple[int, int]] = []
        rank = {id(s): i for state in self.states for i, s in enumerate(state)}
        for left, right, shift in links:
            ends = rank[id(left)], rank[id(right)]
            free = all((a - ends[0]) * (b - ends[1]) > 0 for a, b in kept)
            if free and right.block < 0:
                kept.append(ends)
                self._join(left, right, shift)
            else:
                self.pulls.append((left, right, shift))

    def _join(self, left: Strand, right: Strand, shift: float) -> None:
        if left.block < 0:
            left.block = len(self.blocks)
            self.blocks.append([left])
        if right is not left:
            right.block, right.shift = left.block, left.shift + shift
            self.blocks[left.block].append(right)

    def _settle(self) -> None:
        apart: dict[tuple[int, int], float] = {}
        for state in self.states:
            for upper, lower in zip(state, state[1:], strict=False):
                extent = WIRE * max(len(upper.places) - 1, 0) + upper.room + GAP
                key = (upper.block, lower.block)
                apart[key] = max(apart.get(key, -1e9), extent + upper.shift - lower.shift)
        apart = {k: v for k, v in apart.items() if k[0] != k[1]}
        floor = [max([-s.shift for s in block], default=0.0) for block in self.blocks]
        heights = _longest(floor, apart)
        for turn in range(6):
            self._draw_together(heights, floor, apart, downwards=turn % 2 == 0)
        top = min((heights[b] + s.shift for b, block in enumerate(self.blocks) for s in block), default=0.0)
        for b, block in enumerate(self.blocks):
            for strand in block:
                strand.y = heights[b] - top + strand.shift

    def _draw_together(
        self, heights: list[float], floor: list[float], apart: dict[tuple[int, int], float], downwards: bool
    ) -> None:
        for block in sorted(range(len(heights)), key=lambda b: heights[b], reverse=downwards):
            wishes = []
            for left, right, shift in self.pulls:
                if left.block == right.block:
                    continue
                if left.block == block:
                    wishes.append(heights[right.block] + right.shift - shift - left.shift)
                elif right.block == block:
                    wishes.append(heights[left.block] + left.shift + shift - right.shift)
            if not wishes:
                continue
            wishes.sort()
            low = max([heights[a] + d for (a, b), d in apart.items() if b == block], default=floor[block])
            high = min([heights[b] - d for (a, b), d in apart.items() if a == block], default=1e9)
            heights[block] = max(low, min(high, wishes[(len(wishes) - 1) // 2]))


def _longest(floor: list[float], apart: dict[tuple[int, int], float]) -> list[float]:
    """The least heights that keep every distance; links that don't cross leave no circle."""
    heights = list(floor)
    for _ in range(len(heights) + 1):
        changed = False
        for (a, b), distance in apart.items():
            if heights[a] + distance > heights[b]:
                heights[b], changed = heights[a] + distance, True
        if not changed:
            break
    return heights
