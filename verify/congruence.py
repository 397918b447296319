"""Congruence closure with proofs: which few steps make two terms equal, and how that reads line by line.

Terms are the nodes of a union-find with a proof forest (Nieuwenhuis & Oliveras 2005); an edge of the forest is a step or the
congruence of two nodes with equal arguments.  A step joins only when its witnesses are equal to their holes by what was joined
before, so an explanation never leans forward.  To add here: ways of shortening or reading explanations.
Never here: whether a step is an instance of its law, which `certificate.py` alone decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from commute.theory.law import Law, find_law
from commute.theory.schemas import premises_of
from commute.theory.step import Step
from commute.theory.terms import Term

CONGRUENT = -1
"""The label of a forest edge between two nodes with one operator and equal arguments."""

Edge = tuple[int, int, int]
"""A move along the forest: from a node, to a node, by the step of that number or by congruence."""


class Closure:
    """The equivalence that steps and congruence make of terms; `laws` names laws that are not of the house."""

    def __init__(self, laws: Iterable[Law] = ()):
        self.steps: list[Step] = []
        self._laws = {law.name: law for law in laws}
        self._ids: dict[Term, int] = {}
        self._terms: list[Term] = []
        self._arguments: list[tuple[int, ...]] = []
        self._root: list[int] = []
        self._members: list[list[int]] = []
        self._uses: list[list[int]] = []
        self._heads: dict[tuple[str, tuple], int] = {}
        self._head: list[int] = []
        self._table: dict[tuple[int, ...], int] = {}
        self._parent: list[int] = []
        self._label: list[int] = []

    # --- building ----------------------------------------------------------------------------------------------------

    def add(self, term: Term) -> int:
        """The number of the term's node; its subterms get one too."""
        found = self._ids.get(term)
        if found is not None:
            return found
        stack = [term]
        while stack:
            top = stack[-1]
            missing = [a for a in top.args if a not in self._ids]
            if missing:
                stack.extend(missing)
            else:
                stack.pop()
                if top not in self._ids:
                    self._new_node(top)
        return self._ids[term]

    def _new_node(self, term: Term) -> None:
        node = len(self._terms)
        self._ids[term] = node
        self._terms.append(term)
        arguments = tuple(self._ids[a] for a in term.args)
        self._arguments.append(arguments)
        self._root.append(node)
        self._members.append([node])
        self._uses.append([])
        self._head.append(self._heads.setdefault((term.op, term.attrs), len(self._heads)))
        self._parent.append(-1)
        self._label.append(CONGRUENT)
        roots = {self._root[a] for a in arguments}
        for root in roots:
            self._uses[root].append(node)
        twin = self._table.setdefault(self._signature(node), node)
        if arguments and twin != node:
            self._join(node, twin, CONGRUENT)

    def _signature(self, node: int) -> tuple[int, ...]:
        root = self._root
        return (self._head[node], *[root[a] for a in self._arguments[node]])

    def step(self, step: Step) -> bool:
        """Join the two sides of a step; False, and nothing joined, where a witness isn't yet equal to its hole."""
        if not all(self.equal(hole, witness) for hole, witness in self.leans(step)):
            return False
        self.steps.append(step)
        self._join(self.add(step.lhs), self.add(step.rhs), len(self.steps) - 1)
        return True

    def leans(self, step: Step) -> list[tuple[Term, Term]]:
        """The pairs (hole, witness) of a step, and its premises, that equations have to join: those that are not one term."""
        if not step.witnesses:
            return [(a, b) for a, b in premises_of(step.name, step.lhs, step.rhs) if a is not b] if not step.is_law else []
        law = self._laws.get(step.name) or find_law(step.name)
        holes = dict(step.holes)
        pairs = [(holes[name], witness) for (_, name), witness in zip(law.where, step.witnesses, strict=True)]
        return [(hole, witness) for hole, witness in pairs if hole is not witness]

    def _join(self, left: int, right: int, label: int) -> None:
        queue = [(left, right, label)]
        for a, b, why in queue:
            if self._root[a] == self._root[b]:
                continue
            if len(self._members[self._root[a]]) > len(self._members[self._root[b]]):
                a, b = b, a
            self._link(a, b, why)
            queue.extend(self._merge(self._root[a], self._root[b]))

    def _link(self, node: int, other: int, label: int) -> None:
        """Make `node` the root of its tree of the forest, and hang it under `other`."""
        while node >= 0:
            parent, old = self._parent[node], self._label[node]
            self._parent[node], self._label[node] = other, label
            node, other, label = parent, node, old

    def _merge(self, small: int, large: int) -> Iterator[tuple[int, int, int]]:
        """Move a class into another one; what becomes congruent by that."""
        for member in self._members[small]:
            self._root[member] = large
        self._members[large].extend(self._members[small])
        self._members[small] = []
        uses, self._uses[small] = self._uses[small], []
        for user in uses:
            twin = self._table.setdefault(self._signature(user), user)
            if self._root[twin] != self._root[user]:
                yield user, twin, CONGRUENT
        self._uses[large].extend(uses)

    # --- asking ------------------------------------------------------------------------------------------------------

    def equal(self, left: Term, right: Term) -> bool:
        """Whether what was joined so far makes the two terms equal."""
        a, b = self.add(left), self.add(right)
        return self._root[a] == self._root[b]

    def path(self, a: int, b: int) -> list[Edge]:
        """The moves along the forest from a node to another one of its class."""
        up, down = [a], [b]
        for nodes in (up, down):
            while self._parent[nodes[-1]] >= 0:
                nodes.append(self._parent[nodes[-1]])
        while len(up) > 1 and len(down) > 1 and up[-2] == down[-2]:
            up.pop()
            down.pop()
        forth = [(x, y, self._label[x]) for x, y in zip(up, up[1:], strict=False)]
        back = [(y, x, self._label[x]) for x, y in zip(down, down[1:], strict=False)]
        return forth + back[::-1]

    def needed(self, left: Term, right: Term) -> list[int]:
        """The numbers of the steps that make two equal terms equal, with those that witnesses lean on, in order."""
        used: set[int] = set()
        edges: set[frozenset[int]] = set()
        stack = [(self.add(left), self.add(right))]
        while stack:
            for x, y, label in self.path(*stack.pop()):
                edge = frozenset((x, y))
                if edge in edges:
                    continue
                edges.add(edge)
                if label == CONGRUENT:
                    stack.extend(p for p in zip(self._arguments[x], self._arguments[y], strict=True) if p[0] != p[1])
                elif label not in used:
                    used.add(label)
                    stack.extend((self.add(h), self.add(w)) for h, w in self.leans(self.steps[label]))
        return sorted(used)

    def moves(self, left: Term, right: Term) -> Iterator[tuple[Term, Step]]:
        """The whole terms between two equal terms, each with the step that made it of the one before."""
        tasks: list[tuple[int, int, int | None, _Frame | None]] = [(self.add(left), self.add(right), None, None)]
        while tasks:
            a, b, label, frame = tasks.pop()
            if label is None:
                tasks.extend((x, y, why, frame) for x, y, why in reversed(self.path(a, b)))
            elif label == CONGRUENT:
                args = list(self._terms[a].args)
                pairs = list(zip(self._arguments[a], self._arguments[b], strict=True))
                for x, y in reversed([p for p in dict.fromkeys(pairs) if p[0] != p[1]]):
                    spots = [i for i, p in enumerate(pairs) if p == (x, y)]
                    tasks.append((x, y, None, _Frame(self._terms[a], args, spots, frame)))
            else:
                yield _whole(self._terms[b], frame), self.steps[label]


@dataclass
class _Frame:
    """A node being rewritten at some positions, its arguments so far (shared by its frames), and the frame around it."""

    term: Term
    args: list[Term]
    spots: list[int]
    outer: _Frame | None


def _whole(term: Term, frame: _Frame | None) -> Term:
    """The outermost term with `term` in place, which the frames remember."""
    while frame is not None:
        for i in frame.spots:
            frame.args[i] = term
        term = Term(frame.term.op, tuple(frame.args), frame.term.attrs)
        frame = frame.outer
    return term


# --- explanations ----------------------------------------------------------------------------------------------------


def close(steps: Iterable[Step], goal: tuple[Term, Term] | None = None, laws: Iterable[Law] = ()) -> Closure:
    """The closure of steps in their order, cut short when it joins the goal; a step waits until its witnesses are equal."""
    closure = Closure(laws)
    waiting: list[Step] = list(steps)
    moved = not goal or not closure.equal(*goal)
    while waiting and moved:
        later: list[Step] = []
        for step in waiting:
            if not closure.step(step):
                later.append(step)
            elif goal and closure.equal(*goal):
                return closure
        moved, waiting = len(later) < len(waiting), later
    return closure


def explain(steps: Iterable[Step], left: Term, right: Term, laws: Iterable[Law] = ()) -> list[Step] | None:
    """The few steps, in an order that serves their witnesses, that make `left` and `right` equal; None where none do.

    No step of the answer can be left out as long as there are not too many to try.

    >>> from commute.theory.law import find_law
    >>> from commute.theory.step import law_step
    >>> from commute.theory.terms import const, named
    >>> from commute.theory.ops import add, exp
    >>> pi, two = named("pi"), const(2)
    >>> commute = law_step(find_law("add_commutes"), {"x": pi, "y": two})
    >>> [str(step) for step in explain([commute, commute], exp(add(pi, two)), exp(add(two, pi))) or ()]
    ['π + 2 = 2 + π   [add_commutes]']
    """
    laws = tuple(laws)
    found = _explained(steps, left, right, laws)
    return None if found is None else _shrink(found, left, right, laws)


def _explained(steps: Iterable[Step], left: Term, right: Term, laws: tuple[Law, ...]) -> list[Step] | None:
    closure = close(steps, (left, right), laws)
    return [closure.steps[i] for i in closure.needed(left, right)] if closure.equal(left, right) else None


def _shrink(steps: list[Step], left: Term, right: Term, laws: tuple[Law, ...], work: int = 6000) -> list[Step]:
    """Leave out runs of steps, long ones first, while the rest still explains the goal; `work` limits the steps retried."""
    size = len(steps) // 2
    while size:
        start = 0
        while start < len(steps):
            work -= len(steps) - size
            if work < 0:
                return steps
            fewer = _explained(steps[:start] + steps[start + size :], left, right, laws)
            if fewer is None:
                start += size
            else:
                steps, start = fewer, min(start, len(fewer))
        size //= 2
    return steps


def chain(
    steps: Sequence[Step], left: Term, right: Term, laws: Iterable[Law] = (), limit: int = 2000
) -> list[tuple[Term, Step]] | None:
    """A derivation of `right` from `left`: whole terms, each made from the one before by its step applied in one place.

    None where the steps don't join the two; cut after about `limit` lines.  A term that comes again cuts the detour.
    """
    closure = close(steps, (left, right), laws)
    if not closure.equal(left, right):
        return None
    lines: list[tuple[Term, Step]] = []
    at: dict[Term, int] = {left: 0}
    for term, step in closure.moves(left, right):
        if term in at:
            for dropped, _ in lines[at[term] :]:
                del at[dropped]
            lines = lines[: at[term]]
        else:
            lines.append((term, step))
        at[term] = len(lines)
        if len(lines) >= limit:
            break
    return lines
