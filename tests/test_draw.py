"""Pictures: the committed baselines byte for byte, and what must hold of every picture.

`COMMUTE_GOLDEN=write pytest tests/test_draw.py` writes the baselines anew; look at each as an image before committing it.
What may be added here: a rule that every picture keeps. What never belongs here: how a symbol looks; that is the baselines'.
"""

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from commute.theory.axes import Axis, Size, axis
from commute.theory.diagram import copy, drop, elementwise, identity, over, source, swap
from commute.theory.draw import draw, draw_equation
from commute.theory.law import all_laws, find_law
from commute.theory.ops import add, total
from commute.theory.symbols import text_width
from commute.theory.terms import ZERO, Term, const, fold_over, index, read, state
from tests.drawn import DRAWN, array, attention, gated_mlp, multi_head

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"
Box = tuple[float, float, float, float]


def golden_pictures() -> dict[str, Callable[[], str]]:
    pictures: dict[str, Callable[[], str]] = {
        make.__name__: partial(draw, make(), title=make.__name__.replace("_", " ")) for make in DRAWN
    }
    for name in ("sum_scale", "rescale"):
        law = find_law(name)
        pictures[f"law_{name}"] = partial(draw_equation, law.lhs, law.rhs, name.replace("_", " "))
    return pictures


@pytest.mark.parametrize("name", golden_pictures())
def test_picture_is_the_committed_one(name: str) -> None:
    picture, path = golden_pictures()[name](), GOLDEN / f"{name}.svg"
    if os.environ.get("COMMUTE_GOLDEN") == "write":
        path.write_text(picture, encoding="utf-8")
    assert picture == path.read_text(encoding="utf-8"), f"{path.name} differs: look at the new picture"
    holds_together(picture)


# --- what holds of every picture -------------------------------------------------------------------------------------


def texts(node: ElementTree.Element, x: float = 0, y: float = 0, inside: bool = False) -> Iterator[tuple[str, Box, bool]]:
    """(content, box, whether it stands in a symbol) of each text."""
    shift = re.fullmatch(r"translate\((\S+) (\S+)\)", node.get("transform", ""))
    if shift:
        x, y = x + float(shift[1]), y + float(shift[2])
    if node.tag == SVG + "text":
        content = "".join(node.itertext())
        style = (node.get("class") or "").split()
        size = 12 if "small" in style else 14 if "mid" in style else 18 if "title" in style else 16
        wide = text_width(content, size) * 0.9
        left = x + float(node.get("x", 0)) - {"middle": wide / 2, "end": wide}.get(node.get("text-anchor", ""), 0)
        base = y + float(node.get("y", 0))
        yield content, (left, base - 0.7 * size, left + wide, base + 0.2 * size), inside
    inside = inside or node.find(SVG + "title") is not None and node.tag == SVG + "g"
    for child in node:
        yield from texts(child, x, y, inside)


def points(root: ElementTree.Element) -> Iterator[tuple[float, float]]:
    """Points on every wire, a few pixels apart."""
    for group in root.findall(SVG + "g"):
        shift = re.fullmatch(r"translate\((\S+) (\S+)\)", group.get("transform", ""))
        dx, dy = (float(shift[1]), float(shift[2])) if shift else (0.0, 0.0)
        for path in group.findall(SVG + "path"):
            if path.get("class") == "wire":
                yield from ((x + dx, y + dy) for x, y in along(path.get("d", "")))


def along(path: str) -> Iterator[tuple[float, float]]:
    x = y = 0.0
    for command, numbers in re.findall(r"([MHC])([^MHC]*)", path):
        values = [float(t) for t in numbers.split()]
        if command == "M":
            x, y = values
        elif command == "H":
            yield from ((x + (values[0] - x) * t / 20, y) for t in range(21))
            x = values[0]
        else:
            corners = [(x, y), *zip(values[::2], values[1::2], strict=True)]
            for t in (step / 40 for step in range(41)):
                weights = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3]
                yield tuple(sum(w * p[a] for w, p in zip(weights, corners, strict=True)) for a in (0, 1))  # type: ignore[misc]
            x, y = corners[-1]


def holds_together(picture: str) -> None:
    """Well-formed; every text in the frame; no text over a text, no name over a wire; no number that isn't one."""
    root = ElementTree.fromstring(picture)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    found = list(texts(root))
    for content, (left, top, right, bottom), _ in found:
        assert 0 <= left and right <= width and 0 <= top and bottom <= height, f"{content} is outside the frame"
    for (one, a, _), (two, z, _) in combinations(found, 2):
        assert a[2] <= z[0] or z[2] <= a[0] or a[3] <= z[1] or z[3] <= a[1], f"{one} and {two} overlap"
    wires = list(points(root))
    for content, (left, top, right, bottom), inside in found:
        if not inside:
            over = [(x, y) for x, y in wires if left + 1 < x < right - 1 and top + 1 < y < bottom - 1]
            assert not over, f"{content} lies on a wire at {over[:2]}"
    assert "nan" not in picture and "inf" not in re.sub(r"infinity", "", picture)


@pytest.mark.parametrize("law", all_laws(), ids=lambda law: law.name)
def test_every_law_has_a_picture(law) -> None:
    holds_together(draw_equation(law.lhs, law.rhs, law.name))


def test_the_same_input_gives_the_same_bytes() -> None:
    assert draw(attention()) == draw(attention())


def test_symbols_tell_what_they_are() -> None:
    picture = draw(multi_head())
    titles = re.findall(r"<g><title>([^<]*)</title>", picture)
    assert any(t.startswith("softmax[n'](where(n' ≤ n, ") for t in titles)
    assert "x: b, n, c" in titles
    assert sum('class="learned"' in part for part in picture.split("<g>")) == 4


def test_a_woven_axis_is_one_wire_past_everything() -> None:
    """b and n are mapped over in a gated MLP: each is drawn once, named at both ends, and touches no symbol."""
    names = [content for content, _, _ in texts(ElementTree.fromstring(draw(gated_mlp())))]
    assert names.count("b") == 2 and names.count("n") == 2


N, D = axis("n"), axis("d")


def stream() -> Term:
    step = add(state("s"), array("x", N, D))
    return fold_over(N, ("s",), (ZERO,), (step,))


@pytest.mark.parametrize(
    "what",
    [
        array("x"),
        const(2),
        (array("x", N), total(N, array("x", N))),
        read("x", [const(0), index(D)], [N.size, D.size]),
        read("x", [index(D)], [N.size]),
        total(N, index(N)),
        stream(),
        array("x", Axis(Size(64)), Axis(Size(64), 1)),
        array("x", Axis(4 * Size.symbol("w")), Axis(Size.symbol("p") + Size.symbol("q"))),
        identity((N, D), (D,)),
        identity(),
        copy((N, D)) >> elementwise("add", (N, D), (N, D)),
        drop((N, D)) @ identity((N,)),
        swap((N, D), (D,)) >> elementwise("mul", (D,), (N, D)) >> over("softmax", (D, N), N),
        source("<&", (N,)) >> over("max", (N,), N),
    ],
    ids=lambda what: str(what)[:40],
)
def test_odd_pictures_hold_together(what) -> None:
    holds_together(draw(what, title="a & b < c"))
