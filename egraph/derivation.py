"""The way from one form to another, one move after the other, as a person would write it down.

The space remembers from which node each was made; going back along that and down into what a move needed gives the steps.
To add here: a nicer order of the steps.  Never here: what a verdict rests on (the certificate is proved apart).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from commute.egraph.forms import GIVEN, Forms, Move, Node
from commute.theory.terms import Term

MOST_STEPS = 200
JOINED = Move("equal by a third form")

Stage = tuple[Move, Node, tuple[int, Node] | None]
"""A move, the node that it gives, and the class below that has to be computed by a certain node first, if any."""


@dataclass(frozen=True)
class Rewrite:
    """One step of a derivation: a move, the laws that it is made of, and the terms before and after."""

    move: str
    laws: tuple[str, ...]
    before: Term
    after: Term


class Derivation:
    """Goes from one choice of nodes (else the forms as written) to another; `term` is the results as they stand now."""

    def __init__(self, forms: Forms, roots: Sequence[int], start: Mapping[int, Node] | None = None):
        self.forms = forms
        self.roots = [forms.find(r) for r in roots]
        self.now: dict[int, Node] = dict(start or {})
        self.steps: list[Rewrite] = []
        self.late: Move | None = None
        self.term = self._build()

    def to(self, choice: Mapping[int, Node]) -> list[Rewrite]:
        """The steps to a choice of nodes, results first."""
        wanted = {c: self.forms.canonical(choice.get(c, self.forms.first[c])) for c in self.forms.order(choice, self.roots)}
        for c in reversed(wanted):
            self._reach(c, wanted[c], set())
        # What a move needed below, or a circle on the way, may be left over.
        last = self.late or JOINED
        self.now |= wanted
        self._note(last)
        return self.steps

    def _reach(self, c: int, node: Node, busy: set[tuple[int, Node]]) -> None:
        """Compute class c by `node`, by way of the nodes that it was made from."""
        c = self.forms.find(c)
        for move, step, inner in self._trail(c, node):
            if inner is not None and (inner[0], inner[1]) not in busy and len(self.steps) < MOST_STEPS:
                self._reach(inner[0], self.forms.canonical(inner[1]), busy | {(c, node)})
            self._take(c, step, move)

    def _trail(self, c: int, node: Node) -> list[Stage]:
        """From the node that computes class c now to another: back to what both were made from, then on."""
        here = self.now.get(c, self.forms.canonical(self.forms.first[c]))
        back, onward = self._made_from(c, here), self._made_from(c, node)
        places = {n: i for i, (_, n, _) in enumerate(back)}
        meet = next((i for i, (_, n, _) in enumerate(onward) if n in places), None)
        if meet is None:
            # The class was two classes once, which were found equal by way of a form that is in neither trail.
            (_, first, inner), *rest = reversed(onward)
            return [*_undone(back), (JOINED, first, inner), *rest]
        return [*_undone(back[: places[onward[meet][1]] + 1]), *reversed(onward[:meet])]

    def _made_from(self, c: int, node: Node) -> list[Stage]:
        """A node, what it was made from, and so on; each with the move that made it and what that needed below."""
        trail: list[Stage] = []
        seen: set[Node] = set()
        while node not in seen:
            seen.add(node)
            source, inner = self.forms.history.get(node, (None, None))
            trail.append((self.forms.of(c).get(node, GIVEN), node, inner))
            if source is None:
                break
            node = self.forms.canonical(source)
        return trail

    def _take(self, c: int, node: Node, move: Move) -> None:
        before = self.now.get(c)
        self.now[c] = node
        try:
            self._note(move)
        except ValueError:  # a circle on the way: this step is taken together with a later one
            self.late = move
            if before is None:
                del self.now[c]
            else:
                self.now[c] = before

    def _note(self, move: Move) -> None:
        """Write down what a move has changed, a step for each result."""
        after = self._build()
        changed = [(x, y) for x, y in zip(self.term, after, strict=True) if x != y]
        self.steps += [Rewrite(move.name, move.laws, x, y) for x, y in changed]
        self.term = after

    def _build(self) -> tuple[Term, ...]:
        return tuple(self.forms.build(self.now, r) for r in self.roots)


def _undone(trail: Sequence[Stage]) -> list[Stage]:
    """The way back along what a node was made from."""
    return [
        (Move(f"{move.name}, backwards", move.laws), node, None)
        for (move, _, _), (_, node, _) in zip(trail, trail[1:], strict=False)
    ]


def derivation(
    forms: Forms, roots: Sequence[int], choice: Mapping[int, Node], start: Mapping[int, Node] | None = None
) -> list[Rewrite]:
    """From a form (the program as written, if none is given) to the chosen form."""
    return Derivation(forms, roots, start).to(choice)
