"""What a picture is painted on: lines that go on into one another, symbols above them, names above those.

To add here: another layer of the painting, a fact about columns that painters share.  Never here: what is painted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from commute.theory import symbols
from commute.theory.axes import Axis
from commute.theory.layout import GAP, WIRE, Strand

Points = list[tuple[float, float]]


@dataclass
class Drawing:
    """The parts of a picture in the order in which they are painted, and its size."""

    width: float = 0.0
    height: float = 0.0
    raised: float = 0.0
    under: list[str] = field(default_factory=list)
    lines: dict[str, list[Points]] = field(default_factory=lambda: {"dash": [], "wire": [], "unit": []})
    cups: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def line(self, points: Points, style: str = "wire") -> None:
        """A curve through points; where another of its kind ends there, it goes on."""
        lines = self.lines.setdefault(style, [])
        before = next((old for old in reversed(lines) if old[-1] == points[0]), None)
        if before is None:
            lines.append(list(points))
        else:
            before.extend(points[1:])

    def at(self, x: float, y: float) -> str:
        """The picture with its corner at a point."""
        lines = [symbols.line(points, style) for style, some in self.lines.items() for points in some]
        body = "\n".join((*self.under, *lines, *self.cups, *self.marks, *self.texts))
        return f'<g transform="translate({symbols.number(x)} {symbols.number(y + self.raised)})">\n{body}\n</g>'


@dataclass(frozen=True)
class Span:
    """One column from left to right: bends end, the symbols' centre and half width, new shapes are straight, next column."""

    enter: float
    centre: float
    half: float
    settled: float
    leave: float


def height_of(strand: Strand, name: Axis) -> float:
    """The height of the wire of that name."""
    return strand.y + WIRE * strand.names.index(name)


def middle(upper: Strand, lower: Strand) -> float:
    """The dashed line keeps to the lower array, so that what stands below the upper one doesn't bend it."""
    return max(lower.y - GAP / 2, (upper.bottom + upper.room + lower.y) / 2)
