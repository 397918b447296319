"""Which column a symbol stands in, and what lies above what: few crossings of wires.

Columns are the longest way from the left.  In a column stand nodes and the values that run past them; their order is
found by barycentres, then by swaps of neighbours; the order of axes in an array by trying all of a few.
To add here: a better order.  Never here: coordinates or SVG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from commute.theory.axes import Axis
from commute.theory.picture import Node, Picture
from commute.theory.recognise import COMMUTATIVE

Item = tuple[bool, int]
"""(True, node) for a symbol that stands in the column, (False, node) for a value of that node that runs past."""


@dataclass
class Order:
    """`columns[c]` are the items of column c from top to bottom; `axes[v]` the places of a value's wires, top to bottom;
    `flipped` the nodes whose two arguments changed places."""

    columns: list[list[Item]]
    axes: list[tuple[int, ...]]
    flipped: set[int]

    def uses(self, picture: Picture, node: int) -> list[int]:
        """The positions of a node's arguments from top to bottom."""
        positions = list(range(len(picture.nodes[node].uses)))
        return positions[::-1] if node in self.flipped else positions


def order_of(picture: Picture, like: Sequence[str] = ()) -> Order:
    """The order of everything in a picture; the same for the same picture.

    Where it costs no more crossings, arrays lie in the order of the names in `like`.
    """
    plain = _ordered(picture, ())
    wished = _ordered(picture, like) if like else plain
    order = wished if _crossings(picture, wished) <= _crossings(picture, plain) else plain
    _order_axes(picture, order)
    return order


def _ordered(picture: Picture, like: Sequence[str]) -> Order:
    columns, sources = _columns(picture)
    order = Order(columns, [_places(picture, n) for n in picture.nodes], set())
    _first_order(picture, order, sources, like)
    best = (_crossings(picture, order), [list(c) for c in order.columns], set(order.flipped))
    for sweep in range(8):
        _sweep(picture, order, forward=sweep % 2 == 1)
        now = _crossings(picture, order)
        if now < best[0]:
            best = (now, [list(c) for c in order.columns], set(order.flipped))
    order.columns, order.flipped = best[1], best[2]
    if sum(map(len, order.columns)) < 400:
        _climb(picture, order)
    return order


def _places(picture: Picture, node: Node) -> tuple[int, ...]:
    return tuple(i for i, a in enumerate(node.out) if a not in picture.woven)


def _columns(picture: Picture) -> tuple[list[list[Item]], list[int]]:
    nodes = picture.nodes
    at: list[int] = []
    for node in nodes:
        at.append(1 + max((at[u.node] for u in node.uses), default=-1))
    at[-1] = max(at[:-1], default=0) + 1
    for i, node in enumerate(nodes):
        if node.kind == "transfer":  # as late as possible: what isn't needed yet stays outside
            at[i] = min(at[k] for k, other in enumerate(nodes) if any(u.node == i for u in other.uses)) - 1
    last = list(at)
    for i, node in enumerate(nodes):
        for use in node.uses:
            last[use.node] = max(last[use.node], at[i])
    columns: list[list[Item]] = [[] for _ in range(at[-1] + 1)]
    for i in range(len(nodes)):
        for column in range(at[i], max(last[i], at[i] + 1)):
            columns[column].append((column == at[i], i))
    return columns, [i for i, c in enumerate(at) if c == 0]


def _first_order(picture: Picture, order: Order, sources: list[int], like: Sequence[str]) -> None:
    """Depth first from the right: arguments lie as they are written, or as they are wished to."""
    rank: dict[int, float] = {}

    def visit(node: int) -> None:
        stack = [node]
        while stack:
            n = stack.pop()
            if n not in rank:
                rank[n] = len(rank)
                stack.extend(u.node for u in reversed(picture.nodes[n].uses))

    visit(len(picture.nodes) - 1)
    wish = {name: i for i, name in enumerate(like)}

    def place(source: int) -> tuple[float, float]:
        return wish.get(picture.nodes[source].label, len(wish)), rank.get(source, len(rank))

    leaf = {s: i for i, s in enumerate(sorted(sources, key=place))}
    height: list[float] = []
    for i, node in enumerate(picture.nodes):
        below = [height[u.node] for u in node.uses]
        height.append(sum(below) / len(below) if below else float(leaf.get(i, 0)))
        turns = len(node.uses) == 2 and (node.kind == "contract" or node.label in COMMUTATIVE)
        if like and turns and below[0] > below[1]:
            order.flipped.add(i)
    for column in order.columns:
        column.sort(key=lambda item: (height[item[1]], rank.get(item[1], 0), item[0]))


def _slots(picture: Picture, order: Order, column: int) -> list[tuple[int, Item, int]]:
    """(value, item, argument) for each strand that enters a column, top to bottom; argument -1 runs past."""
    slots = []
    for item in order.columns[column]:
        if not item[0]:
            slots.append((item[1], item, -1))
        else:
            uses = picture.nodes[item[1]].uses
            slots.extend((uses[a].node, item, a) for a in order.uses(picture, item[1]))
    return slots


def _weight(picture: Picture, value: int) -> int:
    return 1 + sum(a not in picture.woven for a in picture.nodes[value].out)


def _crossings_into(picture: Picture, order: Order, column: int) -> int:
    place = {item[1]: i for i, item in enumerate(order.columns[column - 1])}
    ends = [(place[v], _weight(picture, v)) for v, _, _ in _slots(picture, order, column)]
    return sum(w * x for i, (p, w) in enumerate(ends) for q, x in ends[i + 1 :] if p > q)


def _crossings(picture: Picture, order: Order) -> int:
    return sum(_crossings_into(picture, order, c) for c in range(1, len(order.columns)))


def _sweep(picture: Picture, order: Order, forward: bool) -> None:
    count = len(order.columns)
    for c in range(1, count) if forward else range(count - 2, -1, -1):
        if forward:
            place = {item[1]: float(i) for i, item in enumerate(order.columns[c - 1])}
            pulls = {i: [place[v] for v in _sources(picture, i)] for i in order.columns[c]}
        else:
            pulls = {item: [] for item in order.columns[c]}
            for k, (value, _, _) in enumerate(_slots(picture, order, c + 1)):
                for item in order.columns[c]:
                    if item[1] == value:
                        pulls[item].append(float(k))
        old = {item: float(i) for i, item in enumerate(order.columns[c])}
        centre = {item: sum(p) / len(p) if p else old[item] for item, p in pulls.items()}
        order.columns[c].sort(key=lambda item: (centre[item], old[item]))


def _sources(picture: Picture, item: Item) -> list[int]:
    return [u.node for u in picture.nodes[item[1]].uses] if item[0] else [item[1]]


def _climb(picture: Picture, order: Order) -> None:
    """Swap neighbours, and the arguments of what commutes, as long as that removes crossings."""

    def around(c: int) -> int:
        return sum(_crossings_into(picture, order, k) for k in (c, c + 1) if 0 < k < len(order.columns))

    for _ in range(6):
        before = _crossings(picture, order)
        for c, column in enumerate(order.columns):
            for i in range(len(column) - 1):
                now = around(c)
                column[i], column[i + 1] = column[i + 1], column[i]
                if around(c) >= now:
                    column[i], column[i + 1] = column[i + 1], column[i]
            for stands, n in column:
                node = picture.nodes[n]
                if stands and len(node.uses) == 2 and (node.kind == "contract" or node.label in COMMUTATIVE):
                    now = around(c)
                    order.flipped ^= {n}
                    if around(c) >= now:
                        order.flipped ^= {n}
        if _crossings(picture, order) == before:
            return


# --- the axes of one array -------------------------------------------------------------------------------------------


def entering(picture: Picture, order: Order, node: int, argument: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The places of the wires of one argument as they reach the symbol, top to bottom; and those that join on the way.

    Woven wires come first, touched ones last; in the lower array of a contraction what is summed comes first, mirrored,
    and what the upper array carries too has joined it before.
    """
    shape = picture.nodes[node]
    names = shape.uses[argument].axes
    places = order.axes[shape.uses[argument].node]
    woven = [p for p in places if names[p] not in shape.touched]
    touched = [p for p in places if names[p] in shape.touched]
    first = order.uses(picture, node)[0]
    if shape.kind != "contract":
        return (*woven, *touched), ()
    upper = shape.uses[first]
    summed = [upper.axes[p] for p in order.axes[upper.node] if upper.axes[p] in shape.touched]
    if argument == first:
        other = next((u for i, u in enumerate(shape.uses) if i != first), upper)
        touched.sort(key=lambda p: names[p] in other.axes)
        return (*woven, *touched), ()
    touched.sort(key=lambda p: -summed.index(names[p]) if names[p] in summed else 1)
    shared = tuple(p for p in woven if names[p] in upper.axes)
    return (*touched, *(p for p in woven if p not in shared)), shared


def _inversions(line: list[float]) -> int:
    return sum(a > b for i, a in enumerate(line) for b in line[i + 1 :])


class _Costs:
    """What `_cost_at` says, remembered for each node and the axes around it."""

    def __init__(self, picture: Picture, order: Order):
        self.picture, self.order = picture, order
        self.known: dict[tuple, int] = {}
        self.around = [(i, *(u.node for u in node.uses)) for i, node in enumerate(picture.nodes)]

    def at(self, node: int) -> int:
        """The crossings at a node."""
        key = (node, *(self.order.axes[v] for v in self.around[node]))
        if key not in self.known:
            self.known[key] = _cost_at(self.picture, self.order, node)
        return self.known[key]


def _cost_at(picture: Picture, order: Order, node: int) -> int:
    """The crossings inside the arrays that enter a node and the one that leaves it; those of new wires count half."""
    shape, before, through = picture.nodes[node], [], []
    arguments = [(shape.uses[a], *entering(picture, order, node, a)) for a in order.uses(picture, node)]
    slots = [use.axes[p] for use, enter, _ in arguments for p in enter]
    start = 0
    for use, enter, shared in arguments:
        for place in order.axes[use.node]:
            at = slots.index(use.axes[place]) + 0.5 if place in shared else start + enter.index(place)
            before.append(float(at))
        start += len(enter)
        through += [use.axes[p] for p in enter if use.axes[p] not in shape.touched or use.axes[p] in shape.out]
    out = [shape.out[p] for p in order.axes[node]]
    through = list(dict.fromkeys(a for a in through if a in out))
    ends = [float(out.index(a)) for a in (*through, *(a for a in out if a not in through))]
    return 2 * _inversions(before) + _inversions(ends) + _inversions(ends[: len(through)])


def _order_axes(picture: Picture, order: Order) -> None:
    """Each array by itself, then one axis above another everywhere, as long as that removes crossings."""
    nodes, costs = range(len(picture.nodes)), _Costs(picture, order)
    _order_each(picture, order, costs)
    if len(nodes) > 60:
        return
    best = (sum(map(costs.at, nodes)), list(order.axes))
    names = list(dict.fromkeys(a for n in picture.nodes for a in n.out if a not in picture.woven))[:8]
    for upper, lower in permutations(names, 2):
        order.axes = [_above(picture.nodes[n].out, best[1][n], upper, lower) for n in nodes]
        _order_each(picture, order, costs)
        cost = sum(map(costs.at, nodes))
        if cost < best[0]:
            best = (cost, list(order.axes))
    order.axes = best[1]


def _above(out: tuple[Axis, ...], places: tuple[int, ...], upper: Axis, lower: Axis) -> tuple[int, ...]:
    line = [out[p] for p in places]
    if upper not in line or lower not in line or line.index(upper) < line.index(lower):
        return places
    moved = [p for p in places if out[p] != upper]
    moved.insert(line.index(lower), places[line.index(upper)])
    return tuple(moved)


def _order_each(picture: Picture, order: Order, costs: _Costs) -> None:
    consumers: list[list[int]] = [[] for _ in picture.nodes]
    for i, node in enumerate(picture.nodes):
        for use in node.uses:
            consumers[use.node].append(i)
    for _ in range(4):
        changed = False
        for value in range(len(picture.nodes)):
            near = [value, *dict.fromkeys(consumers[value])]
            start = order.axes[value]
            if not 1 < len(start) < 6:
                continue
            best = (sum(map(costs.at, near)), start)
            for trial in permutations(start):
                order.axes[value] = trial
                cost = sum(map(costs.at, near))
                if cost < best[0]:
                    best = (cost, trial)
            order.axes[value] = best[1]
            changed |= best[1] != start
        if not changed:
            return
