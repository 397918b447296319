"""Pictures: a term or a diagram as a neural circuit diagram, a law as two of them side by side, as SVG text.

Left to right is composition; wires are axes, stacks of wires arrays, dashed lines part the arrays of a tuple; an axis that
an operation is mapped over runs straight past its symbol.  The same input gives the same bytes.
To add here: another arrangement of pictures on a page.  Never here: what a symbol looks like (`symbols.py`), where it
stands (`layout.py`), what a term is drawn as (`recognise.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape

from commute.theory.axes import Axis
from commute.theory.diagram import Diagram
from commute.theory.layout import layout_of
from commute.theory.painting import Drawing, paint
from commute.theory.picture import filled, picture_of, scopes
from commute.theory.symbols import PLAN_STYLE, STYLE, number, text, text_width
from commute.theory.terms import Term, index, read

MARGIN = 24.0


Carried = Mapping[str, Iterable[Axis]]


def draw(what: Term | Diagram | Iterable[Term], *, title: str | None = None, holes: Carried | None = None) -> str:
    """The neural circuit diagram of a term, of several outputs, or of a diagram, as one SVG text.

    `holes` names the axes that a hole of a law carries; else it carries those that it can see wherever it stands.

    >>> from commute.theory.axes import axis
    >>> from commute.theory.diagram import over, source
    >>> n = axis("n")
    >>> picture = draw(source("x", (n,)) >> over("softmax", (n,), n), title="softmax")
    >>> picture.startswith("<svg "), "<title>softmax[n](x[n])" in picture
    (True, True)
    """
    drawing = drawing_of(what, holes)
    top = MARGIN + (34.0 if title else 0.0)
    width = max(drawing.width, text_width(title or "", 18)) + 2 * MARGIN
    parts = [drawing.at(MARGIN, top)]
    if title:
        parts.insert(0, text(width / 2, MARGIN + 10, title, "title"))
    return _page(width, top + drawing.height + MARGIN, parts, title or "neural circuit diagram")


def draw_equation(lhs: Term, rhs: Term, title: str | None = None, *, holes: Carried | None = None) -> str:
    """A law as a small two-sided picture: the left side, an equals sign, the right side; holes are boxes with names."""
    carried = scopes(lhs, rhs) if holes is None else holes
    left, right = drawing_of(lhs, carried), drawing_of(rhs, carried)
    top = MARGIN + (34.0 if title else 0.0)
    height = max(left.height, right.height)
    width = left.width + right.width + 64 + 2 * MARGIN
    wide = max(width, text_width(title or "", 18) + 2 * MARGIN)
    x = MARGIN + (wide - width) / 2
    parts = [
        left.at(x, top + (height - left.height) / 2),
        text(x + left.width + 32, top + height / 2 + 7, "=", "title"),
        right.at(x + left.width + 64, top + (height - right.height) / 2),
    ]
    if title:
        parts.insert(0, text(wide / 2, MARGIN + 10, title, "title"))
    return _page(wide, top + height + MARGIN, parts, title or f"{lhs} = {rhs}")


def draw_list(rows: Iterable[tuple[str, Iterable[Term]]], title: str) -> str:
    """Pictures one below the other, each with its caption on the left: the forms of a program, say."""
    top = MARGIN + 34.0
    parts = [text(MARGIN, MARGIN + 10, title, "title", "start")]
    drawn = [(caption, drawing_of(terms)) for caption, terms in rows]
    left = 2 * MARGIN + max((text_width(caption, 14) for caption, _ in drawn), default=0.0)
    for caption, drawing in drawn:
        parts += [text(left - MARGIN, top + drawing.height / 2 + 5, caption, "mid", "end"), drawing.at(left, top)]
        top += drawing.height + MARGIN
    width = max((d.width for _, d in drawn), default=0.0) + left + MARGIN
    return _page(max(width, text_width(title, 18) + 2 * MARGIN), top, parts, title)


def stacked(drawings: Iterable[Drawing], title: str) -> str:
    """Drawings of a plan under one another, as one SVG text."""
    parts, y, width = [], MARGIN, 0.0
    for drawing in drawings:
        parts.append(drawing.at(MARGIN, y))
        y, width = y + drawing.height + MARGIN, max(width, drawing.width)
    return _page(width + 2 * MARGIN, y, parts, title, f"{STYLE}\n{PLAN_STYLE}")


def drawing_of(what: Term | Diagram | Iterable[Term], holes: Carried | None = None) -> Drawing:
    """The picture without its page."""
    if isinstance(what, Diagram):
        names = [f"x{i + 1}" for i in range(len(what.inputs))]
        arrays = [read(s, map(index, a), (x.size for x in a)) for s, a in zip(names, what.inputs, strict=True)]
        return paint(layout_of(picture_of(what.term(*arrays), arrays)))
    terms = (what,) if isinstance(what, Term) else tuple(what)
    carried = scopes(*terms) if holes is None else holes
    return paint(layout_of(picture_of(filled(t, carried) for t in terms)))


def _page(width: float, height: float, parts: list[str], title: str, style: str = STYLE) -> str:
    w, h = number(width), number(height)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="{w}" height="{h}" viewBox="0 0 {w} {h}">'
    ground = f'<rect class="ground" width="{w}" height="{h}"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", f"<style>{style}</style>", ground, *parts, "</svg>", ""])
