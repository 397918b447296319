"""The symbols of neural circuit diagrams as SVG text, and the curves between them.

Every function draws around a given point; lengths are in pixels at 16 px type.  Colours are classes, so that one style
sheet turns the picture dark.  To add here: a symbol.  Never here: where a symbol stands.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

STYLE = """
.ground{fill:#fff}.wire{fill:none;stroke:#111;stroke-width:1.5;stroke-linecap:round}.unit{fill:none;stroke:#111;stroke-width:1.2;stroke-dasharray:1.5 4;stroke-linecap:round}
.dash{fill:none;stroke:#444;stroke-width:2;stroke-dasharray:8 6}.ink{fill:#111;stroke:none}.box{fill:#fff;stroke:#111;stroke-width:1.3}
.learned{fill:#fdf3dc;stroke:#111;stroke-width:1.3}.bold{fill:#fff;stroke:#111;stroke-width:3}.grey{fill:#c9c9c9}.pink{fill:#f6bfd0}.edge{fill:none;stroke:#111;stroke-width:1.3}
.shared{stroke:#d97706}.near{stroke:#2563eb}.away{stroke:#888}
text{font-family:'Latin Modern Roman','STIX Two Text','Times New Roman',Times,serif;font-size:16px;fill:#111}
.axis{font-style:italic}.name{font-weight:bold;font-style:italic}.small{font-size:12px}.mid{font-size:14px}.heavy{font-weight:bold}.title{font-size:18px}
@media (prefers-color-scheme:dark){.ground{fill:#16181c}.wire,.unit,.edge{stroke:#e6e6e6}.dash{stroke:#aaa}.ink{fill:#e6e6e6}
.box,.bold{fill:#16181c;stroke:#e6e6e6}.learned{fill:#4a4128;stroke:#e6e6e6}.grey{fill:#666}.pink{fill:#8c4a60}text{fill:#e6e6e6}
.shared{stroke:#fbbf24}.near{stroke:#7aa7ff}.away{stroke:#888}}
""".strip()  # noqa: E501

PLAN_STYLE = """
.to{stroke:none}.outside{fill:#111}.to.shared{fill:#d97706}.to.near{fill:#2563eb}.tint{fill:none;stroke:none}.made{fill:#fdeacb}.next{stroke:#d97706;stroke-width:1;stroke-dasharray:3 3}
.rule{fill:none;stroke:#ddd;stroke-width:1}.bracket{fill:none;stroke:#d97706;stroke-width:1.2}
@media (prefers-color-scheme:dark){.outside{fill:#e6e6e6}.to.shared{fill:#fbbf24}.to.near{fill:#7aa7ff}.made{fill:#4b3a1c}.next{stroke:#fbbf24}.rule{stroke:#3a3d44}.bracket{stroke:#fbbf24}}
""".strip()  # noqa: E501
"""What plans and derivations need besides: transfers, tints, brackets, rows of figures."""

_NARROW, _WIDE = set("ijlt.,:;'()[]|!/ f·I-"), set("mwMW∑√Σ∏÷×−+=<≤≥%∞…")


def number(value: float) -> str:
    """A coordinate with at most two digits."""
    return f"{round(value, 2):g}"


def text_width(text: str, size: float = 16) -> float:
    """About how wide a text is in a serif font; never less than it is in the usual ones."""
    return size * sum(0.36 if c in _NARROW else 0.86 if c in _WIDE else 0.7 if c.isupper() else 0.56 for c in text)


def text(x: float, y: float, content: str, style: str = "", anchor: str = "middle") -> str:
    """A text whose base line is at y."""
    kind = f' class="{style}"' if style else ""
    return f'<text x="{number(x)}" y="{number(y)}" text-anchor="{anchor}"{kind}>{escape(content)}</text>'


def group(title: str, *parts: str) -> str:
    """A symbol with what hovering shows."""
    return f"<g><title>{escape(title)}</title>{''.join(parts)}</g>"


def line(points: list[tuple[float, float]], style: str = "wire") -> str:
    """A calm curve through points that leaves and enters each of them horizontally."""
    x, y = points[0]
    path = [f"M{number(x)} {number(y)}"]
    for i, (a, b) in enumerate(points[1:], 2):
        if abs(b - y) < 0.01:
            if i == len(points) or abs(points[i][1] - b) >= 0.01:
                path.append(f"H{number(a)}")
        else:
            half = number((x + a) / 2)
            path.append(f"C{half} {number(y)} {half} {number(b)} {number(a)} {number(b)}")
        x, y = a, b
    return f'<path class="{style}" d="{"".join(path)}"/>'


def cup(x: float, upper: float, lower: float, depth: float, style: str = "wire") -> str:
    """Two wires that bend together."""
    out, start = number(x + depth * 4 / 3), number(x)
    curve = f"M{start} {number(upper)}C{out} {number(upper)} {out} {number(lower)} {start} {number(lower)}"
    return f'<path class="{style}" d="{curve}"/>'


def dot(x: float, y: float) -> str:
    """Where wires fork or join."""
    return f'<circle class="ink" cx="{number(x)}" cy="{number(y)}" r="3.4"/>'


def ring(x: float, y: float) -> str:
    """Where a wire is deleted."""
    return f'<circle class="box" cx="{number(x)}" cy="{number(y)}" r="4.5"/>'


def rectangle(x: float, y: float, width: float, height: float, style: str = "box", corner: float = 0) -> str:
    """A rectangle around its centre."""
    round_corner = f' rx="{number(corner)}"' if corner else ""
    left, top = number(x - width / 2), number(y - height / 2)
    return f'<rect class="{style}" x="{left}" y="{top}" width="{number(width)}" height="{number(height)}"{round_corner}/>'


def polygon(points: list[tuple[float, float]], style: str = "box") -> str:
    """A closed shape."""
    listed = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return f'<polygon class="{style}" points="{listed}"/>'


# --- symbols: (x, y) is the centre, `top` and `bottom` the heights of the outer wires that are touched ---------------


def round_width(label: str) -> float:
    """How wide a round box is."""
    return max(24.0, text_width(label, 14) + 16)


def round_box(x: float, y: float, label: str) -> str:
    """An elementwise operation."""
    width = round_width(label)
    return rectangle(x, y, width, 24, "box", 12) + text(x, y + 5, label, "mid axis" if label == "e" else "mid")


def chipped(x: float, top: float, bottom: float, width: float, *inside: str) -> str:
    """A pale box with one chipped corner: something learned."""
    left, right, t, b = x - width / 2, x + width / 2, top - 14, bottom + 14
    return polygon([(left, t), (right - 8, t), (right, t + 8), (right, b), (left, b)], "learned") + "".join(inside)


def linear(x: float, top: float, bottom: float, subscript: str) -> str:
    """A learned linear map."""
    low = escape(subscript)
    sub = f'<tspan class="small" dy="4">{low}</tspan>' if low else ""
    place = f'x="{number(x)}" y="{number((top + bottom) / 2 + 5)}" text-anchor="middle"'
    body = f'<text {place}><tspan class="heavy">L</tspan>{sub}</text>'
    return chipped(x, top, bottom, linear_width(subscript), body)


def linear_width(subscript: str) -> float:
    """How wide the box of a learned map is."""
    return max(28.0, 26 + text_width(subscript, 12))


def triangle(x: float, top: float, bottom: float, label: str = "") -> str:
    """Softmax: a hollow triangle that points left."""
    wide, tall = (16 if label else 10), (bottom - top) / 2 + 13
    middle = (top + bottom) / 2
    shape = polygon([(x - wide, middle), (x + wide, middle - tall), (x + wide, middle + tall)])
    return shape + (text(x + 5, middle + 4, label, "small") if label else "")


def mask(x: float, top: float, bottom: float) -> str:
    """A square cut along its diagonal."""
    half = (bottom - top) / 2 + 12
    y = (top + bottom) / 2
    first, corner, last = (x - half, y - half), (x - half, y + half), (x + half, y + half)
    lower, upper = polygon([first, last, corner], "grey"), polygon([first, (x + half, y - half), last], "pink")
    return lower + upper + rectangle(x, y, 2 * half, 2 * half, "edge")


def norm(x: float, top: float, bottom: float, label: str) -> str:
    """A normalisation: a bold circle."""
    tall = bottom - top + 28
    return rectangle(x, (top + bottom) / 2, 28, tall, "bold", 14) + text(x, (top + bottom) / 2 + 5, label, "mid heavy")


def hexagon(x: float, top: float, bottom: float, label: str) -> str:
    """A reindexing with its map."""
    half, t, b = hexagon_width(label) / 2, top - 14, bottom + 14
    points = [(x - half, (t + b) / 2), (x - half + 12, t), (x + half - 12, t), (x + half, (t + b) / 2)]
    shape = polygon([*points, (x + half - 12, b), (x - half + 12, b)])
    return shape + text(x, (t + b) / 2 + 5, label, "mid axis")


def hexagon_width(label: str) -> float:
    """How wide a hexagon is."""
    return text_width(label, 14) + 34


def ending(x: float, y: float, kind: str) -> str:
    """Where a wire is reduced away: a filled semicircle for a sum, with a bar for max, else a disc with a sign."""
    n = number
    half = f'<path class="ink" d="M{n(x - 1)} {n(y - 8)}A8 8 0 0 1 {n(x - 1)} {n(y + 8)}Z"/>'
    if kind == "sum":
        return half
    if kind == "max":
        return half + f'<path class="wire" d="M{n(x - 5)} {n(y - 9)}V{n(y + 9)}"/>'
    return round_box(x, y, ENDINGS.get(kind, kind))


ENDINGS = {"mean": "μ", "prod": "∏", "logsumexp": "lse", "min": "min"}


def arrow(x: float, y: float, level: str) -> str:
    """A transfer to another level of memory."""
    return polygon([(x - 5, y - 5), (x + 6, y), (x - 5, y + 5)], f"to {level}")


def loop(x: float, top: float, half: float) -> str:
    """The state of a fold, from its right end back to its left."""
    n, left, right = number, x - half, x + half
    path = f"M{n(right)} {n(top + 14)}C{n(right + 26)} {n(top - 18)} {n(left - 26)} {n(top - 18)} {n(left)} {n(top + 14)}"
    return f'<path class="wire" d="{path}"/>' + polygon([(left, top + 14), (left - 8, top + 7), (left + 1, top + 5)], "ink")
