"""From places to SVG: the wires, dashed lines, symbols and names of one picture.

Columns are set from left to right: wires bend before the symbols (forks, crossings) and after them (joins, new shapes);
names stand where all wires are straight, so no name lies on a wire.
To add here: what is set between symbols.  Never here: how a symbol meets its wires (`attaching.py`), order and heights.
"""

from __future__ import annotations

from commute.theory import symbols
from commute.theory.annotating import Notes
from commute.theory.attaching import LIFT, Symbol, half_width
from commute.theory.axes import Axis
from commute.theory.canvas import Drawing, Points, Span, height_of, middle
from commute.theory.layout import WIRE, Column, Layout, Strand
from commute.theory.picture import wire_name

BEND, CLOSE, STRAIGHT, ABOVE = 42.0, 24.0, 12.0, 20.0
SEQUENCES = set("nmqxst")


def paint(layout: Layout, notes: Notes | None = None) -> Drawing:
    """A placed picture as SVG, with the notes of a plan around it."""
    return _Painter(layout, notes or Notes()).paint()


class _Painter:
    def __init__(self, layout: Layout, notes: Notes):
        self.layout, self.nodes, self.notes = layout, layout.picture.nodes, notes
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
                if stands and self.nodes[n].tinted:
                    self._tint(column, n, span)
                if stands:
                    Symbol(self.drawing, self.nodes[n], column.arguments(n), result, span, self._level).paint()
                elif result is not None:
                    self._through(column, n, result, span)
            self._leave(c, column, span)
        self._woven()
        self._frame()
        return self.drawing

    def _tint(self, column: Column, n: int, span: Span) -> None:
        """A pale ground behind what a step changes."""
        node, entering, result = self.nodes[n], column.arguments(n), column.result(n)
        strands = entering or ([result] if result is not None else [])
        heights = [height_of(s, a) for s in strands for a in s.names if a in node.touched]
        if node.kind == "unary":
            heights = [s.bottom + (LIFT if s.places else 0) for s in strands[:1]]
        elif node.kind == "join" and len(strands) > 1:
            heights = [middle(a, b) for a, b in zip(strands, strands[1:], strict=False)]
        heights = heights or [y for s in strands for y in (s.y, s.bottom)]
        top, bottom = min(heights) - 20, max(heights) + 20
        wide = 2 * max(half_width(node), 14.0) + 14
        style = f"tint {node.tinted}"
        self.drawing.under.append(symbols.rectangle(span.centre, (top + bottom) / 2, wide, bottom - top, style, 10))

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
            entered = strand.item[0] and self.nodes[strand.value].kind == "transfer"
            for i, (place, name) in enumerate(zip(strand.places, strand.names, strict=True)):
                y = strand.y + WIRE * i
                if entered and name in self.notes.labels and not last:
                    marked.append((strand, place))
                    continue
                came = [
                    s for s in lefts
                    if name in s.names and s.height(s.places[s.names.index(name)]) == y
                    and self._was(before.get(s.value), s, s.places[s.names.index(name)], y)
                ]  # fmt: skip
                if last or not came:
                    marked.append((strand, place))
        return marked

    def _was(self, before: Strand | None, now: Strand, place: int, y: float) -> bool:
        if before is None or before.height(place) != y:
            return False
        return before.names[before.places.index(place)] == now.names[now.places.index(place)]

    def _measure(self) -> None:
        x = 0.0
        for c, column in enumerate(self.layout.columns):
            before = self.layout.columns[c - 1] if c else None
            half = max([half_width(self.nodes[n]) for stands, n in column.items if stands], default=0.0)
            half = max(half, self.notes.width(c) / 2 - 22)
            wide = [symbols.text_width(self._label(s, s.names[s.places.index(p)])) for s, p in self.marked[c]]
            if c in (0, len(self.layout.columns) - 1):
                wide += [symbols.text_width(wire_name(a)) for a in self.layout.picture.woven]
            if c == self._inside[0]:
                wide += [symbols.text_width(self.notes.labels.get(a, "")) for a in self.layout.picture.woven]
            named = max(wide) + 12 if wide else 6.0
            enter = x + (self._reach(self._moves_in(before, column)) if before else 0.0)
            joined = any(stands and self.nodes[n].kind in ("map", "fold") for stands, n in column.items)
            centre = enter + (40 if joined and len(column.entering) > 1 else 6) + half if half else enter
            settled = centre + half + (self._reach(self._moves_out(column)) if before else 4.0)
            self.spans.append(Span(enter, centre, half, settled, settled + named))
            x = self.spans[-1].leave

    def _reach(self, moves: list[float]) -> float:
        return min((BEND if not self.notes.rows else CLOSE) + 0.12 * max(moves), 90.0) if any(moves) else STRAIGHT

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
                moves += [abs(left.height(left.places[left.names.index(a)]) - height_of(strand, a)) for a, _ in common]
                moves += [abs(left.y - strand.y)] if not left.places or not strand.places else []
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
                self._wire([(start, old.height(place)), (end, strand.height(place))], strand)
            if not old.places:
                self._wire([(start, old.y), (end, strand.y)], strand, "unit")
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
        y = height_of(upper, use.axes[place])
        self._wire([origin, (end, y)], strand)
        self.drawing.marks.append(symbols.dot(end, y))

    def _through(self, column: Column, value: int, right: Strand, span: Span) -> None:
        left = next(s for s in column.entering if s.item == (False, value))
        turn = span.centre + span.half
        for place in right.places:
            y = left.height(place)
            self._wire([(span.enter, y), (turn, y), (span.settled, right.height(place))], right)
        if not right.places:
            self._wire([(span.enter, left.y), (turn, left.y), (span.settled, right.y)], right, "unit")

    def _leave(self, c: int, column: Column, span: Span) -> None:
        last = c == len(self.layout.columns) - 1
        for strand in column.entering if last else column.leaving:
            start = span.enter if last else span.settled
            for place in strand.places:
                self._wire([(start, strand.height(place)), (span.leave, strand.height(place))], strand)
            if not strand.places:
                self._wire([(start, strand.y), (span.leave, strand.y)], strand, "unit")
        for strand, place in self.marked[c]:
            name = strand.names[strand.places.index(place)]
            self._name(name, (span.settled + span.leave) / 2, strand.height(place), self._label(strand, name))
        for upper, lower in zip(column.leaving, column.leaving[1:], strict=False):
            self._dash([(span.settled, middle(upper, lower)), (span.leave, middle(upper, lower))])

    def _wire(self, points: Points, strand: Strand, style: str = "wire") -> None:
        self.drawing.line(points, f"{style} {self._level(strand)}".strip())

    def _level(self, strand: Strand) -> str:
        return self.nodes[strand.value].level

    def _label(self, strand: Strand, axis: Axis) -> str:
        """What is written on a wire: its name, and how it is parted where it has just come inside."""
        entered = strand.item[0] and strand.argument < 0 and self.nodes[strand.value].kind == "transfer"
        return self.notes.labels.get(axis, wire_name(axis)) if entered and self.nodes[strand.value].level else wire_name(axis)

    def _name(self, axis: Axis, x: float, y: float, name: str = "") -> None:
        name = name or wire_name(axis)
        long = name != wire_name(axis)
        left = x - symbols.text_width(name) / 2
        self.drawing.texts.append(symbols.text(left if long else x, y - 5, name, "axis", "start" if long else "middle"))
        if wire_name(axis).rstrip("'0123456789") in SEQUENCES:
            wide = symbols.text_width(name[0]) * 0.8
            self.drawing.texts.append(symbols.line([(left + 1.5, y - 16), (left + 1.5 + wide, y - 16)], "edge"))

    # --- the dashed lines between arrays

    def _dash(self, points: Points) -> None:
        self.drawing.line(points, "dash")

    def _part_arriving(self, before: Column, column: Column, start: float, end: float) -> None:
        rank = {s.value: i for i, s in enumerate(before.leaving)}
        for upper, lower in zip(column.entering, column.entering[1:], strict=False):
            y, i, j = middle(upper, lower), rank[upper.value], rank[lower.value]
            if j == i + 1:
                self._dash([(start, middle(before.leaving[i], before.leaving[j])), (end, y)])
            else:
                self._dash([(end - 14, y), (end, y)])

    def _part_through(self, column: Column, span: Span) -> None:
        rank = {s.item: i for i, s in enumerate(column.leaving)}
        for upper, lower in zip(column.entering, column.entering[1:], strict=False):
            y, right = middle(upper, lower), span.centre + span.half
            if upper.item == lower.item:
                node = self.nodes[upper.item[1]]
                stop = span.enter + 8 if node.kind == "contract" else span.centre - half_width(node)
                if node.kind != "out":
                    self._dash([(span.enter, y), (max(stop, span.enter), y)])
            elif upper.item in rank and lower.item in rank:
                i, j = rank[upper.item], rank[lower.item]
                end = middle(column.leaving[i], column.leaving[j]) if j == i + 1 else y
                self._dash([(span.enter, y), (right, y), (span.settled, end)])

    # --- the frame

    @property
    def _inside(self) -> tuple[int, int]:
        """The first and the last column of transfers, 0 where there are none."""
        stands = [[self.nodes[n].kind for stands, n in c.items if stands] for c in self.layout.columns]
        found = [c for c, kinds in enumerate(stands) if "transfer" in kinds]
        return (found[0], found[-1]) if found else (0, 0)

    def _woven(self) -> None:
        """The axes that everything carries run straight past the whole picture, above it."""
        axes = self.layout.picture.woven
        top = min((s.y for s in self.layout.strands), default=0.0)
        start, end = self.spans[0].centre + self.spans[0].half, self.spans[-1].leave
        for i, axis in enumerate(axes):
            y = top - 46 - WIRE * (len(axes) - 1 - i)
            first, last = self._inside
            if first:
                into, out = self.spans[first].centre, self.spans[last].centre
                for points, level in (([start, into], ""), ([into, out], " shared"), ([out, end], "")):
                    self.drawing.line([(x, y) for x in points], f"wire{level}")
                self.drawing.marks += [symbols.arrow(into, y, "shared"), symbols.arrow(out, y, "outside")]
                if axis in self.notes.labels:
                    x = (self.spans[first].settled + self.spans[first].leave) / 2
                    self._name(axis, x, y, self.notes.labels[axis])
            else:
                self.drawing.line([(start, y), (end, y)])
            for x in (self.spans[0].settled + self.spans[0].leave, self.spans[-1].settled + end):
                self._name(axis, x / 2, y)

    def _frame(self) -> None:
        strands = self.layout.strands
        woven = len(self.layout.picture.woven)
        top = min((s.y for s in strands), default=0.0) - (46 + WIRE * (woven - 1) if woven else 0.0) - ABOVE
        bottom = max((s.bottom + (s.room + 12 if s.room else ABOVE) for s in strands), default=0.0)
        self.drawing.width = self.spans[-1].leave + self.notes.right(self.spans)
        bottom = self.notes.paint(self.drawing, self.spans, bottom)
        self.drawing.height = bottom - top
        self.drawing.raised = -top
