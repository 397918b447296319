"""Pictures with levels of memory, and pictures of a step: what is moved inside and out again, and what a step changes.

To add here: another reading of a picture's graph (levels, differences).  Never here: places, SVG, or a plan's figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Set
from dataclasses import replace

from commute.theory.axes import Axis
from commute.theory.picture import Node, Picture, Use, woven

INSIDE, NEAR = "shared", "near"


def levelled(picture: Picture, grid: Set[Axis], size: Callable[[str], str]) -> Picture:
    """The picture of a kernel: arrays are brought inside before their first use, results are brought out.

    A statistic, one number for each position of the grid beside a wider array, is near; `size` says how much of an array is
    moved at a time ("" for the name of a result that has none).
    """
    nodes: list[Node] = []
    here: dict[int, int] = {}

    def moved(value: int, label: str, level: str) -> int:
        out = nodes[value].out
        title = f"{label} at a time" if label else "moved"
        nodes.append(Node("transfer", label, title, (Use(value, out),), out, (), level, term=nodes[value].term))
        return len(nodes) - 1

    wide = [frozenset(n.out) for n in picture.nodes if n.kind not in ("out", "const", "array")]
    for i, node in enumerate(picture.nodes):
        uses = tuple(Use(here[u.node], u.axes) for u in node.uses)
        if node.kind == "out":
            results = [moved(u.node, size(f"out {k}"), "") for k, u in enumerate(uses)]
            uses = tuple(Use(r, u.axes) for r, u in zip(results, uses, strict=True))
        nodes.append(replace(node, uses=uses, level=_level(node, grid, wide)))
        here[i] = len(nodes) - 1
        if node.kind == "array":
            here[i] = moved(here[i], size(node.label), INSIDE)
    return Picture(nodes, woven(nodes))


def _level(node: Node, grid: Set[Axis], wide: list[frozenset[Axis]]) -> str:
    if node.kind in ("array", "out"):
        return ""
    own = frozenset(node.out)
    statistic = own <= grid and any(own < w for w in wide)
    return NEAR if statistic or node.kind == "const" else INSIDE


def differing(before: Picture, after: Picture) -> tuple[Picture, Picture]:
    """Both pictures of a step, with what is only in one of them tinted."""
    ours, theirs = Counter(map(_shape, before.nodes)), Counter(map(_shape, after.nodes))
    return _tinted(before, ours - theirs, "next"), _tinted(after, theirs - ours, "made")


def _shape(node: Node) -> tuple:
    return node.kind, node.label, frozenset(node.touched), frozenset(node.out)


def _tinted(picture: Picture, only: Counter[tuple], how: str) -> Picture:
    nodes, left = [], Counter(only)
    for node in reversed(picture.nodes):
        changed = node.kind not in ("out", "array") and left[_shape(node)] > 0
        left[_shape(node)] -= changed
        nodes.append(replace(node, tinted=f"{node.tinted} {how}".strip() if changed else node.tinted))
    return Picture(nodes[::-1], picture.woven)
