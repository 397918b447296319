"""The derivation of a plan as a row of pictures: one for each step that changes the diagram, with what changes tinted.

What may be added here: what else a step's picture shows. What never belongs here: the page around it, how things are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

from commute.egraph.plan import Plan
from commute.theory.canvas import Drawing
from commute.theory.layout import layout_of
from commute.theory.levels import differing
from commute.theory.painting import paint
from commute.theory.picture import Picture, picture_of


@dataclass(frozen=True)
class Stage:
    """A picture and the steps that led to it from the one before: (move, laws, whether the diagram stayed the same)."""

    drawing: Drawing
    title: str
    moves: tuple[tuple[str, tuple[str, ...], bool], ...]


def stages(plan: Plan) -> list[Stage]:
    """The pictures of a derivation, the definition first.

    A step that only regroups what a diagram doesn't tell apart is named with the step after it, or with the last one.
    """
    pictures = [picture_of((plan.reference[0],))]
    moves: list[list[tuple[str, tuple[str, ...], bool]]] = [[]]
    titles = [str(plan.reference[0])]
    waiting: list[tuple[str, tuple[str, ...], bool]] = []
    for step in plan.derivation:
        after = picture_of((step.after,))
        if _same(pictures[-1], after):
            waiting.append((step.move, step.laws, True))
            continue
        pictures.append(after)
        titles.append(str(step.after))
        moves.append([*waiting, (step.move, step.laws, False)])
        waiting = []
    if waiting and len(moves) > 1:
        moves[-1] += waiting
    for i in range(1, len(pictures)):
        pictures[i - 1], pictures[i] = differing(pictures[i - 1], pictures[i])
    like = layout_of(pictures[0]).arrays
    drawn = [paint(layout_of(p, like)) for p in pictures]
    return [Stage(d, t, tuple(m)) for d, t, m in zip(drawn, titles, moves, strict=True)]


def _same(before: Picture, after: Picture) -> bool:
    """Whether two pictures look the same: the same symbols, joined in the same way."""
    return _shape(before) == _shape(after)


def _shape(picture: Picture) -> frozenset:
    """The picture's results, each with all that goes into it; the order of arguments is left out where it doesn't matter."""
    known: list[object] = []
    for node in picture.nodes:
        parts = [(known[u.node], tuple(u.axes)) for u in node.uses]
        loose = node.kind == "contract" or node.label in ("+", "×", "max", "min")
        known.append((node.kind, node.label, frozenset(parts) if loose else tuple(parts), frozenset(node.out)))
    return frozenset([known[-1]])
