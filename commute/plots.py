"""Plots as SVG, by hand: two logarithmic axes, curves, points with names.  No library, no script.

What may be added here: another mark in a plot. What never belongs here: where the numbers come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10
from xml.sax.saxutils import escape

from commute.theory.symbols import number, text_width

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 420.0, 300.0, 58.0, 18.0, 16.0, 46.0

PLOT_STYLE = """
.plot text{font-size:12px;paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}.frame{fill:none;stroke:#bbb}.grid{stroke:#ececec;stroke-width:1}.curve{fill:none;stroke:#111;stroke-width:1.5}
.curve.faint{stroke:#999;stroke-dasharray:5 4}.curve.accent{stroke:#d97706;stroke-width:2}.mark{fill:#fff;stroke:#111;stroke-width:1.4}
.mark.faint{stroke:#999}.mark.accent{fill:#d97706;stroke:#d97706}.plot .quiet{fill:#666}.plot .strong{fill:#b45309;font-weight:bold}
@media (prefers-color-scheme:dark){.plot text{stroke:#16181c}.frame{stroke:#555}.grid{stroke:#26292f}.curve{stroke:#e6e6e6}.curve.accent{stroke:#fbbf24}.mark{fill:#16181c;stroke:#e6e6e6}
.mark.accent{fill:#fbbf24;stroke:#fbbf24}.plot .quiet{fill:#9aa0a8}.plot .strong{fill:#fbbf24}}
""".strip()  # noqa: E501

Points = Sequence[tuple[float, float]]


@dataclass
class Plot:
    """A plot with logarithmic axes; `x` and `y` say what they show, `x_text` and `y_text` how a tick is written."""

    x: str
    y: str
    title: str
    x_text: Callable[[float], str]
    y_text: Callable[[float], str]
    curves: list[tuple[Points, str, str]] = field(default_factory=list)
    marks: list[tuple[float, float, str, str]] = field(default_factory=list)
    notes: list[tuple[float, float, str]] = field(default_factory=list)

    def curve(self, points: Points, style: str = "", name: str = "") -> None:
        """A line through points, with its name at its end."""
        self.curves.append((points, style, name))

    def mark(self, x: float, y: float, name: str = "", style: str = "") -> None:
        """A point with its name beside it."""
        self.marks.append((x, y, name, style))

    def note(self, x: float, y: float, text: str) -> None:
        """A quiet text at a point."""
        self.notes.append((x, y, text))

    def svg(self) -> str:
        """The plot; the same input gives the same bytes."""
        xs = [p[0] for c in self.curves for p in c[0]] + [m[0] for m in self.marks]
        ys = [p[1] for c in self.curves for p in c[0]] + [m[1] for m in self.marks]
        across, up = _Scale(xs, LEFT, WIDTH - RIGHT), _Scale(ys, HEIGHT - BOTTOM, TOP)
        parts = [*self._ticks(across, up), *self._lines(across, up), *self._points(across, up)]
        size = f'width="{number(WIDTH)}" height="{number(HEIGHT)}" viewBox="0 0 {number(WIDTH)} {number(HEIGHT)}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" {size}><title>{escape(self.title)}</title>'
        return "\n".join([head, *parts, "</svg>"])

    def _ticks(self, across: _Scale, up: _Scale) -> list[str]:
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        parts = []
        for value in across.ticks(5):
            x = number(across.at(value))
            parts.append(f'<line class="grid" x1="{x}" y1="{number(TOP)}" x2="{x}" y2="{number(bottom)}"/>')
            parts.append(_text(across.at(value), bottom + 16, self.x_text(value), "quiet"))
        for value in up.ticks(5):
            y = up.at(value)
            parts.append(f'<line class="grid" x1="{number(LEFT)}" y1="{number(y)}" x2="{number(right)}" y2="{number(y)}"/>')
            parts.append(_text(LEFT - 6, y + 4, self.y_text(value), "quiet", "end"))
        box = f'x="{number(LEFT)}" y="{number(TOP)}" width="{number(right - LEFT)}" height="{number(bottom - TOP)}"'
        parts.append(f'<rect class="frame" {box}/>')
        parts.append(_text((LEFT + right) / 2, HEIGHT - 10, self.x, ""))
        parts.append(_text(LEFT, TOP - 5, self.y, "", "start"))
        return parts

    def _lines(self, across: _Scale, up: _Scale) -> list[str]:
        parts, taken = [], []
        for points, style, name in self.curves:
            placed = [(across.at(x), up.at(y)) for x, y in points]
            path = "L".join(f"{number(x)} {number(y)}" for x, y in placed)
            parts.append(f'<path class="curve {style}" d="M{path}"/>'.replace(' "', '"'))
            if name:
                x, y = placed[-1]
                y += -6 if y > TOP + 22 else 16
                while any(abs(y - t) < 14 for t in taken):
                    y += 14
                taken.append(y)
                parts.append(_text(x - 4, y, name, "strong" if style == "accent" else "quiet", "end"))
        return parts

    def _points(self, across: _Scale, up: _Scale) -> list[str]:
        parts = []
        for x, y, name, style in self.marks:
            a, b = across.at(x), up.at(y)
            circle = f'<circle class="mark {style}" cx="{number(a)}" cy="{number(b)}" r="5"/>'.replace(' "', '"')
            label = ""
            if name:
                kind = "strong" if style == "accent" else "quiet"
                left = a + 10 + text_width(name, 12) > WIDTH - RIGHT
                high = b - 8 if style == "accent" else b + 4
                label = _text(a - 10 if left else a + 10, high, name, kind, "end" if left else "start")
            parts.append(f"<g><title>{escape(name or self.title)}</title>{circle}</g>{label}")
        return parts + [_text(across.at(x), up.at(y), text, "quiet", "start") for x, y, text in self.notes]


class _Scale:
    """A logarithmic scale from the decades around some values to pixels."""

    def __init__(self, values: Sequence[float], start: float, end: float):
        low, high = log10(min(values)), log10(max(values))
        room = max(0.06 * (high - low), 0.12)
        self.low, self.high, self.start, self.end = low - room, high + room, start, end

    def at(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Powers of ten, some left out where there are many; 1, 2 and 5 of each where there are few."""
        powers = range(ceil(self.low), floor(self.high) + 1)
        if len(powers) >= 3:
            step = ceil(len(powers) / most)
            return [10.0**p for p in powers if p % step == 0]
        steps = (1, 2, 5) if self.high - self.low > 0.5 else (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)
        fine = [m * 10.0**p for p in range(floor(self.low), ceil(self.high) + 1) for m in steps]
        found = [v for v in fine if self.low <= log10(v) <= self.high]
        return found[:: ceil(len(found) / most)] if found else []


def _text(x: float, y: float, content: str, style: str, anchor: str = "middle") -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text x="{number(x)}" y="{number(y)}" text-anchor="{anchor}"{kind}>{escape(content)}</text>'
