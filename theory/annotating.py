"""What stands around a plan's picture: labels on the wires, rows of figures under the columns, brackets over what repeats.

To add here: another remark that stands beside a picture.  Never here: what the remarks say (that is a plan's), symbols.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from commute.theory import symbols
from commute.theory.axes import Axis
from commute.theory.canvas import Drawing, Span

LINE, SMALL = 15.0, 12.0
SUBSCRIPT = r"_([\w−]+)"
Lines = tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A row of figures: its name, what stands under each column, and the total at the right; `_` lowers a subscript."""

    name: str
    under: Mapping[int, Lines]
    total: Lines = ()


@dataclass(frozen=True)
class Notes:
    """The remarks around a picture: axis -> label on its wires inside, rows, brackets (first column, last column, text)."""

    labels: Mapping[Axis, str] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    brackets: tuple[tuple[int, int, str], ...] = ()

    def width(self, column: int) -> float:
        """How wide the figures under a column are."""
        lines = [line for row in self.rows for line in row.under.get(column, ())]
        return max(map(formula_width, lines), default=0.0)

    def paint(self, drawing: Drawing, spans: list[Span], bottom: float) -> float:
        """Brackets and rows below a picture; the new lower end."""
        y = bottom
        for first, last, text in self.brackets:
            y = _bracket(drawing, spans[first].enter - 6, spans[last].settled, y + 14, text)
        for row in self.rows:
            tall = max(len(row.total), *(len(lines) for lines in row.under.values()), 1) if row.under else 1
            top = y + 26
            width = max(drawing.width, spans[-1].leave)
            drawing.under.append(symbols.line([(0, top - 17), (width, top - 17)], "rule"))
            drawing.texts.append(symbols.text(4, top, row.name, "axis", "start"))
            for column, lines in sorted(row.under.items()):
                span = spans[column]
                for i, line in enumerate(lines):
                    drawing.texts.append(formula(span.centre, top + LINE * i, line))
            for i, line in enumerate(row.total):
                drawing.texts.append(formula(width, top + LINE * i, line, "small heavy" if not i else "small", "end"))
            y = top + LINE * (tall - 1)
        return y + (10 if self.rows else 0)

    def right(self, spans: list[Span]) -> float:
        """The room for the totals at the right, beside the last figures of their row."""
        end, room = spans[-1].leave, 0.0
        for row in self.rows:
            taken = max(
                (spans[c].centre + max(map(formula_width, lines)) / 2 for c, lines in row.under.items() if lines), default=0.0
            )
            room = max(room, taken + 18 + max(map(formula_width, row.total), default=0.0) - end)
        return room


def _bracket(drawing: Drawing, left: float, right: float, y: float, text: str) -> float:
    n = symbols.number
    path = f"M{n(left)} {n(y - 6)}V{n(y)}H{n(right)}V{n(y - 6)}"
    drawing.under.append(f'<path class="bracket" d="{path}"/>')
    drawing.under.append(symbols.polygon([(left, y - 12), (left - 4, y - 4), (left + 4, y - 4)], "to shared"))
    drawing.texts.append(symbols.text((left + right) / 2, y + 16, text, "small axis"))
    return y + 18


def formula(x: float, y: float, content: str, style: str = "small", anchor: str = "middle") -> str:
    """A text with subscripts: `g_n d` has a low n."""
    parts = re.split(SUBSCRIPT, content)
    spans = [escape(p) if i % 2 == 0 else f'<tspan dy="3" font-size="9">{escape(p)}</tspan>' for i, p in enumerate(parts)]
    for i in range(2, len(spans), 2):
        spans[i] = f'<tspan dy="-3">{spans[i]}</tspan>' if spans[i] else ""
    place = f'x="{symbols.number(x)}" y="{symbols.number(y)}" text-anchor="{anchor}" class="{style}"'
    return f"<text {place}>{''.join(spans)}</text>"


def formula_width(content: str) -> float:
    """How wide such a text is."""
    parts = re.split(SUBSCRIPT, content)
    return sum(symbols.text_width(p, SMALL if i % 2 == 0 else 9) for i, p in enumerate(parts))
