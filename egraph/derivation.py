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


@dataclass(frozen=True)
class Rewrite:
    """One step of a derivation: a move, the laws that it is made of, and the terms before and after."""

    move: str
    laws: tuple[str, ...]
    before: Term
    after: Term


class Derivation:
    """Goes from the forms as written to chosen ones; `terms` are the results as they stand now."""

    def __init__(self, forms: Forms, roots: Sequence[int]):
        self.forms = forms
        self.roots = [forms.find(r) for r in roots]
        self.now: dict[int, Node] = {}
        self.steps: list[Rewrite] = []
        self.term = self._build()

    def to(self, choice: Mapping[int, Node]) -> list[Rewrite]:
        """The steps to a choice of nodes, results first."""
        for c in reversed(self.forms.order(choice, self.roots)):
            self._reach(c, self.forms.canonical(choice.get(c, self.forms.first[c])), set())
        return self.steps

    def _reach(self, c: int, node: Node, busy: set[tuple[int, Node]]) -> None:
        """Compute class c by `node`, by way of the nodes that it was made from."""
        c = self.forms.find(c)
        for move, step, inner in self._trail(c, node):
            if inner is not None and (inner[0], inner[1]) not in busy and len(self.steps) < MOST_STEPS:
                self._reach(inner[0], self.forms.canonical(inner[1]), busy | {(c, node)})
            self._take(c, step, move)

    def _trail(self, c: int, node: Node) -> list[tuple[Move, Node, tuple[int, Node] | None]]:
        """From the node that computes class c now to another: the moves between, in order."""
        here = self.now.get(c, self.forms.canonical(self.forms.first[c]))
        trail: list[tuple[Move, Node, tuple[int, Node] | None]] = []
        seen: set[Node] = set()
        while node != here and node not in seen:
            seen.add(node)
            source, inner = self.forms.history.get(node, (None, None))
            trail.append((self.forms.of(c).get(node, GIVEN), node, inner))
            if source is None:
                break
            node = self.forms.canonical(source)
        return trail[::-1]

    def _take(self, c: int, node: Node, move: Move) -> None:
        before = self.now.get(c)
        self.now[c] = node
        try:
            after = self._build()
        except ValueError:  # a circle on the way: this step is taken together with a later one
            if before is None:
                del self.now[c]
            else:
                self.now[c] = before
            return
        if after != self.term:
            self.steps.append(Rewrite(move.name, move.laws, self.term[0], after[0]))
            self.term = after

    def _build(self) -> tuple[Term, ...]:
        return tuple(self.forms.build(self.now, r) for r in self.roots)


def derivation(forms: Forms, roots: Sequence[int], choice: Mapping[int, Node]) -> list[Rewrite]:
    """From the program as written to the chosen form."""
    return Derivation(forms, roots).to(choice)
