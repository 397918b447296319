"""From places to SVG: the wires, dashed lines, symbols and names of one picture.

Columns are set from left to right: wires bend before the symbols (forks, crossings) and after them (joins, new shapes);
names stand where all wires are straight, so no name lies on a wire.
To add here: how a kind of symbol meets its wires.  Never here: the shapes themselves (`symbols.py`), order and heights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from commute.theory import symbols
from commute.theory.axes import Axis
from commute.theory.layout import GAP, WIRE, Column, Layout, Strand
from commute.theory.picture import Node

BEND, STRAIGHT, LIFT, ABOVE = 48.0, 12.0, 30.0, 20.0
SEQUENCES = set("nmqxst")


@dataclass
class Drawing:
    """The parts of a picture in the order in which they are painted, and its size."""

    width: float = 0.0
    height: float = 0.0
    raised: float = 0.0
    wires: list[str] = field(default_factory=list)
    dashes: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> str:
        """The picture with its corner at a point."""
        body = "\n".join((*self.dashes, *self.wires, *self.marks, *self.texts))
        return f'<g transform="translate({symbols.number(x)} {symbols.number(y + self.raised)})">\n{body}\n</g>'


@dataclass(frozen=True)
class Span:
    """One column from left to right: bends end, the symbols' centre and half width, new shapes are straight, next column."""

    enter: float
    centre: float
    half: float
    settled: float
    leave: float


def wire_name(axis: Axis) -> str:
    """What is written on a wire: `n`, `n'`, `64`, `4w`."""
    return axis.name.removeprefix("#").replace("*", "")


def paint(layout: Layout) -> Drawing:
    """A placed picture as SVG."""
    return _Painter(layout).paint()


class _Painter:
    def __init__(self, layout: Layout):
        self.layout, self.nodes = layout, layout.picture.nodes
        self.drawing = Drawing()
        self.spans: list[Span] = []
        self.marked = [self._new_names(c) for c in range(len(layout.columns))]

    def paint(self) -> Drawing:
        self._measure()
        for c, column in enumerate(self.layout.columns):
            span = self.spans[c]
            if c:
                self._arrive(self.layout.columns[c - 1], column, self.spans[c - 1].leave, span.enter)
                self._part_arriving(self.layout.columns[c - 1], column, self.spans[c - 1].leave, span.enter)
                self._part_through(column, span)
            for stands, n in column.items:
                result = column.result(n)
                if stands:
                    Symbol(self.drawing, self.nodes[n], column.arguments(n), result, span).paint()
                elif result is not None:
                    self._through(column, n, result, span)
            self._leave(c, column, span)
        self._woven()
        self._frame()
        return self.drawing

    # --- how wide the columns are

    def _new_names(self, c: int) -> list[tuple[Strand, int]]:
        """The wires that get a name after column c: those that are new, renamed or moved."""
        column, marked = self.layout.columns[c], []
        before = {s.value: s for s in self.layout.columns[c - 1].leaving} if c else {}
        last = c == len(self.layout.columns) - 1
        if c == len(self.layout.columns) - 2 and c:
            return []
        for strand in column.entering if last else column.leaving:
            lefts = [s for s in column.entering if s.item == strand.item] if not last else [strand]
            for i, (place, name) in enumerate(zip(strand.places, strand.names, strict=True)):
                y = strand.y + WIRE * i
                came = [
                    s for s in lefts
                    if name in s.names and s.height(s.places[s.names.index(name)]) == y
                    and self._was(before.get(s.value), s, s.places[s.names.index(name)], y)
                ]  # fmt: skip
                if last or not came:
                    marked.append((strand, place))
        return marked

    def _was(self, before: Strand | None, now: Strand, place: int, y: float) -> bool:
        same = before is not None and before.height(place) == y
        return same and before.names[before.places.index(place)] == now.names[now.places.index(place)]

    def _measure(self) -> None:
        x = 0.0
        for c, column in enumerate(self.layout.columns):
            before = self.layout.columns[c - 1] if c else None
            half = max([half_width(self.nodes[n]) for stands, n in column.items if stands], default=0.0)
            wide = [symbols.text_width(wire_name(s.names[s.places.index(p)])) for s, p in self.marked[c]]
            named = max(wide, default=0.0) + 12 if wide else 6.0
            enter = x + (self._reach(self._moves_in(before, column)) if before else 0.0)
            joined = any(stands and self.nodes[n].kind in ("map", "fold") for stands, n in column.items)
            centre = enter + (40 if joined and len(column.entering) > 1 else 6) + half if half else enter
            settled = centre + half + (self._reach(self._moves_out(column)) if before else 4.0)
            self.spans.append(Span(enter, centre, half, settled, settled + named))
            x = self.spans[-1].leave

    @staticmethod
    def _reach(moves: list[float]) -> float:
        return min(BEND + 0.12 * max(moves), 90.0) if any(moves) else STRAIGHT

    def _moves_in(self, before: Column, column: Column) -> list[float]:
        olds = {s.value: s for s in before.leaving}
        moves = [abs(olds[s.value].height(p) - s.height(p)) for s in column.entering for p in s.places]
        moves += [abs(olds[s.value].y - s.y) for s in column.entering if not s.places]
        return moves + [WIRE for s in column.entering for _ in s.joining]

    def _moves_out(self, column: Column) -> list[float]:
        moves = []
        for strand in column.leaving:
            for left in (s for s in column.entering if s.item == strand.item):
                common = [(a, b) for a in left.names for b in strand.names if a == b]
                moves += [abs(left.height(left.places[left.names.index(a)]) - _y(strand, a)) for a, _ in common]
                moves += [abs(left.y - strand.y)] if not left.places else []
                moves += [WIRE for a in strand.names if a not in left.names and strand.item[0]]
        return moves

    # --- wires between columns

    def _arrive(self, before: Column, column: Column, start: float, end: float) -> None:
        olds = {s.value: s for s in before.leaving}
        count: dict[int, int] = {}
        for strand in column.entering:
            count[strand.value] = count.get(strand.value, 0) + 1
        for strand in column.entering:
            old = olds[strand.value]
            for place in strand.places:
                self._wire([(start, old.height(place)), (end, strand.height(place))])
            if not old.places:
                self.drawing.wires.append(symbols.line([(start, old.y), (end, strand.y)], "unit"))
            for place in strand.joining:
                self._join_early(column, strand, place, (start, old.height(place)), end)
        for value, uses in count.items():
            if uses > 1:
                old = olds[value]
                self.drawing.marks += [symbols.dot(start, old.height(p)) for p in old.places] or [symbols.dot(start, old.y)]

    def _join_early(self, column: Column, strand: Strand, place: int, origin: tuple[float, float], end: float) -> None:
        """A wire of the lower array of a contraction that the upper one carries too joins it before the symbol."""
        use = self.nodes[strand.item[1]].uses[strand.argument]
        upper = column.arguments(strand.item[1])[0]
        y = _y(upper, use.axes[place])
        self._wire([origin, (end, y)])
        self.drawing.marks.append(symbols.dot(end, y))

    def _through(self, column: Column, value: int, right: Strand, span: Span) -> None:
        left = next(s for s in column.entering if s.item == (False, value))
        for place in right.places:
            self._wire([(span.enter, left.height(place)), (span.centre + span.half, left.height(place)), (span.settled, right.height(place))])
        if not right.places:
            self.drawing.wires.append(symbols.line([(span.enter, left.y), (span.centre + span.half, left.y), (span.settled, right.y)], "unit"))

    def _leave(self, c: int, column: Column, span: Span) -> None:
        last = c == len(self.layout.columns) - 1
        for strand in column.entering if last else column.leaving:
            start = span.enter if last else span.settled
            for place in strand.places:
                self._wire([(start, strand.height(place)), (span.leave, strand.height(place))])
            if not strand.places:
                self.drawing.wires.append(symbols.line([(start, strand.y), (span.leave, strand.y)], "unit"))
        for strand, place in self.marked[c]:
            self._name(strand.names[strand.places.index(place)], (span.settled + span.leave) / 2, strand.height(place))
        for upper, lower in zip(column.leaving, column.leaving[1:], strict=False):
            self._dash([(span.settled, _middle(upper, lower)), (span.leave, _middle(upper, lower))])

    def _wire(self, points: list[tuple[float, float]]) -> None:
        self.drawing.wires.append(symbols.line(points))

    def _name(self, axis: Axis, x: float, y: float) -> None:
        name = wire_name(axis)
        self.drawing.texts.append(symbols.text(x, y - 5, name, "axis"))
        if name.rstrip("'0123456789") in SEQUENCES:
            wide = symbols.text_width(name[0]) * 0.8
            left = x - symbols.text_width(name) / 2
            self.drawing.texts.append(symbols.line([(left + 1.5, y - 16), (left + 1.5 + wide, y - 16)], "edge"))

    # --- the dashed lines between arrays

    def _dash(self, points: list[tuple[float, float]]) -> None:
        self.drawing.dashes.append(symbols.line(points, "dash"))

    def _part_arriving(self, before: Column, column: Column, start: float, end: float) -> None:
        rank = {s.value: i for i, s in enumerate(before.leaving)}
        for upper, lower in zip(column.entering, column.entering[1:], strict=False):
            y, i, j = _middle(upper, lower), rank[upper.value], rank[lower.value]
            if j == i + 1:
                self._dash([(start, _middle(before.leaving[i], before.leaving[j])), (end, y)])
            else:
                self._dash([(end - 14, y), (end, y)])

    def _part_through(self, column: Column, span: Span) -> None:
        rank = {s.item: i for i, s in enumerate(column.leaving)}
        for upper, lower in zip(column.entering, column.entering[1:], strict=False):
            y, right = _middle(upper, lower), span.centre + span.half
            if upper.item == lower.item:
                node = self.nodes[upper.item[1]]
                stop = span.enter + 8 if node.kind == "contract" else span.centre - half_width(node)
                if node.kind != "out":
                    self._dash([(span.enter, y), (max(stop, span.enter), y)])
            elif upper.item in rank and lower.item in rank:
                i, j = rank[upper.item], rank[lower.item]
                end = _middle(column.leaving[i], column.leaving[j]) if j == i + 1 else y
                self._dash([(span.enter, y), (right, y), (span.settled, end)])

    # --- the frame

    def _woven(self) -> None:
        """The axes that everything carries run straight past the whole picture, above it."""
        axes = self.layout.picture.woven
        top = min((s.y for s in self.layout.strands), default=0.0)
        start, end = self.spans[0].centre + self.spans[0].half, self.spans[-1].leave
        for i, axis in enumerate(axes):
            y = top - 46 - WIRE * (len(axes) - 1 - i)
            self._wire([(start, y), (end, y)])
            for x in (self.spans[0].settled + self.spans[0].leave, self.spans[-1].settled + end):
                self._name(axis, x / 2, y)

    def _frame(self) -> None:
        strands = self.layout.strands
        woven = len(self.layout.picture.woven)
        top = min((s.y for s in strands), default=0.0) - (46 + WIRE * (woven - 1) if woven else 0.0) - ABOVE
        bottom = max((s.bottom + (s.room + 12 if s.room else ABOVE) for s in strands), default=0.0)
        self.drawing.width, self.drawing.height = self.spans[-1].leave, bottom - top
        self.drawing.raised = -top


def _y(strand: Strand, name: Axis) -> float:
    return strand.y + WIRE * strand.names.index(name)


def _middle(upper: Strand, lower: Strand) -> float:
    """The dashed line keeps to the lower array, so that what stands below the upper one doesn't bend it."""
    return max(lower.y - GAP / 2, (upper.bottom + upper.room + lower.y) / 2)


def half_width(node: Node) -> float:
    """Half the width of a node's symbol."""
    label = node.label
    widths: dict[str, Callable[[], float]] = {
        "array": lambda: (symbols.text_width(label) + 12) / 2,
        "unary": lambda: symbols.round_width(label) / 2,
        "join": lambda: symbols.round_width(label) / 2,
        "linear": lambda: symbols.linear_width(label) / 2,
        "learned": lambda: symbols.text_width(label, 14) / 2 + 10,
        "map": lambda: symbols.hexagon_width(label) / 2,
        "softmax": lambda: 16.0 if label != "softmax" else 10.0,
        "mask": lambda: 12.0 + WIRE * max(len(node.touched) - 1, 0) / 2,
        "norm": lambda: 15.0,
        "contract": lambda: 15.0,
        "reduce": lambda: symbols.round_width(symbols.ENDINGS.get(label, label)) / 2 if label not in ("sum", "max") else 8.0,
        "const": lambda: symbols.round_width(label) / 2,
        "hole": lambda: symbols.round_width(label) / 2,
        "fold": lambda: 30.0,
    }
    return widths.get(node.kind, lambda: 0.0)()


@dataclass
class Symbol:
    """One symbol in its column: what enters it from above to below, what leaves it, and how its wires meet it."""

    drawing: Drawing
    node: Node
    entering: list[Strand]
    result: Strand | None
    span: Span

    def paint(self) -> None:
        """Add wires and symbol to the drawing."""
        kind = self.node.kind
        if kind == "out":
            return
        if kind in ("array", "const", "hole"):
            self._source()
        elif kind == "drop":
            ends = [s.y + WIRE * i for s in self.entering for i in range(max(len(s.places), 1))]
            self._mark(*(symbols.ring(self.span.enter, y) for y in ends))
        else:
            self._past()
            getattr(self, f"_{kind}")()

    @property
    def _half(self) -> float:
        return half_width(self.node)

    @property
    def _title(self) -> str:
        return self.node.title

    def _mark(self, *parts: str) -> None:
        self.drawing.marks.append(symbols.group(self._title, *parts))

    def _line(self, points: list[tuple[float, float]], style: str = "wire") -> None:
        self.drawing.wires.append(symbols.line(points, style))

    def _past(self) -> None:
        """Wires that go on: those that run past, and those that the symbol sits on."""
        span, met = self.span, {}
        for strand in self.entering:
            if self.node.kind == "fold" or (self.node.kind == "map" and strand is not self._main):
                continue
            for place, name in zip(strand.places, strand.names, strict=True):
                if self.result is not None and name in self.result.names:
                    y = _y(self.result, name)
                    met[y] = met.get(y, 0) + 1
                    turn = span.centre + (span.half if self.node.kind != "contract" else 0)
                    self._line([(span.enter, strand.height(place)), (turn, strand.height(place)), (span.settled, y)])
            if not strand.places and self.node.kind not in ("map",):
                self._unit(strand, met)
        self.drawing.marks += [symbols.dot(span.settled, y) for y, n in met.items() if n > 1]

    def _unit(self, strand: Strand, met: dict[float, int]) -> None:
        span, result = self.span, self.result
        points = [(span.enter, strand.y), (span.centre + self._half, strand.y)]
        if result is not None and self.node.kind in ("join", "unary", "contract"):
            points.append((span.settled, result.y))
        self._line(points, "unit")

    @property
    def _main(self) -> Strand:
        return next((s for s in self.entering if s.argument == 0), self.entering[0])

    def _touched(self, strand: Strand) -> list[float]:
        return [_y(strand, a) for a in strand.names if a in self.node.touched]

    def _range(self) -> tuple[float, float]:
        main = self._main
        heights = self._touched(main) or [main.bottom + (WIRE if main.places and self.node.kind == "linear" else 0.0)]
        return min(heights), max(heights)

    def _enter(self, strands: list[Strand], top: float, bottom: float, everything: bool = False) -> None:
        """Wires that end in the symbol's left side."""
        left = self.span.centre - self._half
        for strand in strands:
            names = strand.names if everything or strand is not self._main else [a for a in strand.names if self._ends(a)]
            for name in names:
                y = _y(strand, name)
                self._line([(self.span.enter, y), (left, min(max(y, top - 6), bottom + 6))])
            if not strand.places:
                self._line([(self.span.enter, strand.y), (left, min(max(strand.y, top - 6), bottom + 6))], "unit")

    def _ends(self, name: Axis) -> bool:
        return self.result is None or name not in self.result.names

    def _emit(self, names: list[Axis], top: float, bottom: float) -> None:
        """New wires from the symbol's right side, or from the unit line where the result has none."""
        right, middle = self.span.centre + self._half, (top + bottom) / 2
        if self.result is None:
            return
        if not self.result.places:
            self._line([(right, middle), (self.span.settled, self.result.y)], "unit")
        step = min(14.0, (bottom - top + 20) / max(len(names) - 1, 1))
        for i, name in enumerate(sorted(names, key=self.result.names.index)):
            slot = middle + step * (i - (len(names) - 1) / 2)
            turn = max(right, self.span.centre + self.span.half)
            self._line([(right, slot), (turn, slot), (self.span.settled, _y(self.result, name))])

    def _fresh(self) -> list[Axis]:
        had = {a for s in self.entering for a in s.names} | self._joined()
        return [a for a in self.result.names if a not in had] if self.result else []

    def _joined(self) -> set[Axis]:
        return {self.node.uses[s.argument].axes[p] for s in self.entering for p in s.joining}

    # --- kinds

    def _source(self) -> None:
        span, result, node = self.span, self.result, self.node
        if result is None:
            return
        y = (result.y + result.bottom) / 2
        if node.kind == "array":
            self._mark(symbols.text(span.centre + span.half - 8, y + 5, node.label, "name", "end"))
            right = span.centre + span.half
        else:
            tall = result.bottom - result.y + 26
            shape = symbols.rectangle(span.centre, y, 2 * self._half, tall, "box")
            self._mark(shape, symbols.text(span.centre, y + 5, node.label, "mid"))
            right = span.centre + self._half
        for place in result.places:
            self._line([(right, result.height(place)), (span.settled, result.height(place))])
        if not result.places:
            self._line([(right, result.y), (span.settled, result.y)], "unit")

    def _contract(self) -> None:
        upper, x = self.entering[0], self.span.enter
        lower = self.entering[1] if len(self.entering) > 1 else upper
        depth = 0
        for name in reversed([a for a in upper.names if a in self.node.touched]):
            if name in lower.names:
                depth += 1
                self.drawing.wires.append(symbols.cup(x, _y(upper, name), _y(lower, name), 11.0 + 5 * depth))
        ends = [(s, a) for s, t in ((upper, lower), (lower, upper)) for a in s.names if self._sums_alone(a, t)]
        self._mark(*(symbols.ending(x + 4, _y(s, a), "sum") for s, a in ends))
        for strand, name in ends:
            self._line([(x, _y(strand, name)), (x + 4, _y(strand, name))])
        if self.result is not None and not self.result.places:
            self._line([(x + 16, _middle(upper, lower)), (self.span.settled, self.result.y)], "unit")

    def _sums_alone(self, name: Axis, other: Strand) -> bool:
        return name in self.node.touched and name not in other.names

    def _reduce(self) -> None:
        strand, x = self.entering[0], self.span.centre
        heights = self._touched(strand)
        for y in heights:
            self._line([(self.span.enter, y), (x, y)])
        self._mark(*(symbols.ending(x, y, self.node.label) for y in heights))
        if self.result is not None and not self.result.places and heights:
            self._line([(x + self._half, heights[-1]), (self.span.settled, self.result.y)], "unit")

    def _unary(self) -> None:
        strand, span = self.entering[0], self.span
        y = strand.bottom + (LIFT if strand.places else 0.0)
        if strand.places:
            self._line([(span.centre - self._half - 9, y), (span.centre + self._half + 9, y)], "unit")
        self._mark(symbols.round_box(span.centre, y, self.node.label))

    def _join(self) -> None:
        upper, lower = self.entering[0], self.entering[-1]
        for between, after in zip(self.entering, self.entering[1:], strict=False):
            self._mark(symbols.round_box(self.span.centre, _middle(between, after), self.node.label))
        if upper is lower:
            self._mark(symbols.round_box(self.span.centre, upper.bottom + LIFT, self.node.label))

    def _linear(self) -> None:
        top, bottom = self._range()
        self._enter(self.entering, top, bottom)
        self._emit(self._fresh(), top, bottom)
        self._mark(symbols.linear(self.span.centre, top, bottom, self.node.label))

    def _learned(self) -> None:
        top, bottom = self._range()
        label = symbols.text(self.span.centre, (top + bottom) / 2 + 5, self.node.label, "mid")
        self._mark(symbols.chipped(self.span.centre, top, bottom, 2 * self._half, label))

    def _softmax(self) -> None:
        label = {"softmax": "", "log_softmax": "log"}.get(self.node.label, self.node.label)
        self._mark(symbols.triangle(self.span.centre, *self._range(), label))

    def _norm(self) -> None:
        self._mark(symbols.norm(self.span.centre, *self._range(), self.node.label))

    def _mask(self) -> None:
        top, bottom = self._range()
        self._emit(self._fresh(), top, bottom)
        self._mark(symbols.mask(self.span.centre, top, bottom))

    def _map(self) -> None:
        top, bottom = self._range()
        self._enter(self.entering, top, bottom)
        had = set(self._main.names)
        self._emit([a for a in self.result.names if a not in had] if self.result else [], top, bottom)
        self._mark(symbols.hexagon(self.span.centre, top, bottom, self.node.label))

    def _fold(self) -> None:
        top, bottom = self.entering[0].y, self.entering[-1].bottom
        self._enter(self.entering, top, bottom, everything=True)
        self._emit(list(self.result.names) if self.result else [], top, bottom)
        middle, tall = (top + bottom) / 2, bottom - top + 36
        shape = symbols.rectangle(self.span.centre, middle, 2 * self._half, tall, "box", 10)
        axis = ", ".join(map(wire_name, self.node.touched))
        self._mark(shape, symbols.text(self.span.centre, middle, "fold", "mid"), symbols.text(self.span.centre, middle + 15, axis, "small axis"))
