"""How each kind of symbol meets its wires: which run past it, which end in it, which begin at it.

To add here: a method for a new kind of symbol, and its width.  Never here: the shapes themselves (`symbols.py`), or where
a symbol stands (`layout.py`, `painting.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from commute.theory import symbols
from commute.theory.axes import Axis
from commute.theory.canvas import Drawing, Points, Span, height_of, middle
from commute.theory.layout import WIRE, Strand
from commute.theory.picture import Node, wire_name

LIFT = 30.0
"""How far under the wires of an array a round box hangs."""


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
        "transfer": lambda: max(12.0, symbols.text_width(label, 12) / 2 + 2),
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
    level: Callable[[Strand], str] = lambda strand: ""

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

    def _line(self, points: Points, style: str = "wire", strand: Strand | None = None) -> None:
        """A line in the colour of the level where a strand lives, of the result if none is given."""
        own = strand or self.result
        self.drawing.line(points, f"{style} {self.level(own) if own else ''}".strip())

    def _pass(self, points: Points, strand: Strand, style: str = "wire") -> None:
        """A line through the symbol: in the colour of what enters up to its second point, then in that of the result."""
        if self.result is None or self.level(strand) == self.level(self.result):
            self._line(points, style, strand)
        else:
            self._line(points[:2], style, strand)
            self._line(points[1:], style)

    def _past(self) -> None:
        """Wires that go on: those that run past, and those that the symbol sits on."""
        span, met = self.span, {}
        for strand in self.entering:
            if self.node.kind == "fold" or (self.node.kind == "map" and strand is not self._main):
                continue
            for place, name in zip(strand.places, strand.names, strict=True):
                if self.result is not None and name in self.result.names:
                    y = height_of(self.result, name)
                    met[y] = met.get(y, 0) + 1
                    turn = span.centre + (span.half if self.node.kind not in ("contract", "transfer") else 0)
                    self._pass([(span.enter, strand.height(place)), (turn, strand.height(place)), (span.settled, y)], strand)
            if not strand.places and self.node.kind not in ("map",):
                self._unit(strand, met)
        self.drawing.marks += [symbols.dot(span.settled, y) for y, n in met.items() if n > 1]

    def _unit(self, strand: Strand, met: dict[float, int]) -> None:
        span, result = self.span, self.result
        points = [(span.enter, strand.y), (span.centre + self._half, strand.y)]
        if result is not None and self.node.kind in ("join", "unary", "contract"):
            points.append((span.settled, result.y))
        self._pass(points, strand, "unit")

    @property
    def _main(self) -> Strand:
        return next((s for s in self.entering if s.argument == 0), self.entering[0])

    def _touched(self, strand: Strand) -> list[float]:
        return [height_of(strand, a) for a in strand.names if a in self.node.touched]

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
                y = height_of(strand, name)
                self._line([(self.span.enter, y), (left, min(max(y, top - 6), bottom + 6))], strand=strand)
            if not strand.places:
                self._line([(self.span.enter, strand.y), (left, min(max(strand.y, top - 6), bottom + 6))], "unit", strand)

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
            self._line([(right, slot), (turn, slot), (self.span.settled, height_of(self.result, name))])

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
                ends = height_of(upper, name), height_of(lower, name)
                self.drawing.cups.append(symbols.cup(x, *ends, 11.0 + 5 * depth, f"wire {self.level(upper)}".strip()))
        ends = [(s, a) for s, t in ((upper, lower), (lower, upper)) for a in s.names if self._sums_alone(a, t)]
        self._mark(*(symbols.ending(x + 4, height_of(s, a), "sum") for s, a in ends))
        for strand, name in ends:
            self._line([(x, height_of(strand, name)), (x + 4, height_of(strand, name))], strand=strand)
        if self.result is not None and not self.result.places:
            self._line([(x + 16, middle(upper, lower)), (self.span.settled, self.result.y)], "unit")

    def _sums_alone(self, name: Axis, other: Strand) -> bool:
        return name in self.node.touched and name not in other.names

    def _reduce(self) -> None:
        strand, x = self.entering[0], self.span.centre
        heights = self._touched(strand)
        for y in heights:
            self._line([(self.span.enter, y), (x, y)], strand=strand)
        self._mark(*(symbols.ending(x, y, self.node.label) for y in heights))
        if self.result is not None and not self.result.places and heights:
            self._line([(x + self._half, heights[-1]), (self.span.settled, self.result.y)], "unit")

    def _unary(self) -> None:
        strand, span = self.entering[0], self.span
        y = strand.bottom + (LIFT if strand.places else 0.0)
        if strand.places:
            self._line([(span.centre - self._half - 9, y), (span.centre + self._half + 9, y)], "unit")
        self._mark(symbols.round_box(span.centre, y, self.node.label))

    def _transfer(self) -> None:
        strand, x = self.entering[0], self.span.centre
        heights = [strand.height(p) for p in strand.places] or [strand.y]
        colour = (self.result and self.level(self.result)) or "outside"
        arrows = [symbols.arrow(x, y, colour) for y in heights]
        self._mark(*arrows, symbols.text(x, heights[-1] + 21, self.node.label, "small"))

    def _join(self) -> None:
        upper, lower = self.entering[0], self.entering[-1]
        for between, after in zip(self.entering, self.entering[1:], strict=False):
            self._mark(symbols.round_box(self.span.centre, middle(between, after), self.node.label))
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
        loop = symbols.loop(self.span.centre, middle - tall / 2, self._half)
        self._mark(shape, loop, symbols.text(self.span.centre, middle, "fold", "mid"))
        self.drawing.texts.append(symbols.text(self.span.centre, middle + 15, axis, "small axis"))
