"""The space of equal forms: an e-graph whose sums and products are n-ary, so that order and brackets cost nothing.

A node `con` is a sum over axes of a product of classes (a contraction; without axes a product), `sum` an n-ary addition,
`leaf` anything that is only read; every other node is an operator of theory over classes.  The moves between forms are in
`moves.py`.  To add here: how the space is held and read.  Never here: a law, a cost, a particular algorithm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from commute.theory.axes import Axis
from commute.theory.ops import add, mul
from commute.theory.polynomial import flat
from commute.theory.terms import BOOL, INT, ONE, ZERO, Term, const, index, postorder, rebuild, reduce, substitute

Axes = frozenset[Axis]
NONE: Axes = frozenset()


@dataclass(frozen=True, slots=True)
class Node:
    """One way to compute a class: an operator, the classes of its arguments, and its attributes."""

    op: str
    args: tuple[int, ...] = ()
    attrs: tuple = ()

    @property
    def bound(self) -> Axes:
        """The axes that the node sums or reduces away."""
        if self.op == "con":
            return self.attrs[0]
        return frozenset((self.attrs[1],)) if self.op == "reduce" else NONE


@dataclass(frozen=True)
class Move:
    """Why a node stands in its class: the name of the move, and the laws that it is an instance of."""

    name: str
    laws: tuple[str, ...] = ()


GIVEN = Move("as written")


@dataclass
class Forms:
    """An e-graph of forms.  Classes are numbers; `term[c]` is the form in which class c was first seen,
    `first[c]` its node, `history` says from which node of the same class another was made.

    Raises AssertionError where a move unites classes over different axes: no equation does that.
    """

    nodes: dict[int, dict[Node, Move]] = field(default_factory=dict)
    free: dict[int, Axes] = field(default_factory=dict)
    term: dict[int, Term] = field(default_factory=dict)
    first: dict[int, Node] = field(default_factory=dict)
    history: dict[Node, tuple[Node, tuple[int, Node] | None]] = field(default_factory=dict)
    _parent: dict[int, int] = field(default_factory=dict)
    _known: dict[Node, int] = field(default_factory=dict)
    _of_term: dict[Term, int] = field(default_factory=dict)
    _users: dict[int, set[Node]] = field(default_factory=dict)
    size: int = 0

    def find(self, c: int) -> int:
        """The class that c belongs to now."""
        while (p := self._parent.get(c, c)) != c:
            self._parent[c] = self._parent.get(p, p)
            c = p
        return c

    def canonical(self, node: Node) -> Node:
        """The node over the classes of today, its commutative arguments in order."""
        args = tuple(map(self.find, node.args))
        if node.op in ("con", "sum"):
            args = tuple(sorted(args))
        return node if args == node.args else Node(node.op, args, node.attrs)

    # --- building ----------------------------------------------------------------------------------------------------

    def add(self, node: Node, move: Move = GIVEN) -> int:
        """The class of a node, new where the node is."""
        given = self._trivial(self.canonical(node))
        if isinstance(given, int):
            return given
        node = given
        found = self._known.get(node)
        if found is not None:
            return self.find(found)
        c = len(self._parent)
        self._parent[c] = c
        self._known[node] = c
        self.nodes[c] = {node: move}
        self.first[c] = node
        self.free[c] = self._free(node)
        self.term[c] = self.term_of(node, self.term)
        self._of_term.setdefault(self.term[c], c)
        self._used(node)
        self.size += 1
        return c

    def put(self, c: int, node: Node, move: Move, source: Node | None = None, inner: tuple[int, Node] | None = None) -> bool:
        """Say that class c may also be computed by `node`; whether that was news.

        The `source` is the node of the class that the move started from, `inner` what a class below it was computed by.
        """
        c, given = self.find(c), self._trivial(self.canonical(node))
        if isinstance(given, int):
            return self._join(c, self.find(given), self.first[self.find(given)], move, (source, inner))
        node = given
        found = self._known.get(node)
        if found is not None:
            return self._join(c, self.find(found), node, move, (source, inner))
        assert self._free(node) == self.free[c], f"{move.name} unites different axes: {node} in {self.term[c]}"
        self._known[node] = c
        self.nodes[c][node] = move
        if source is not None:
            self.history[node] = (source, inner)
        self._used(node)
        self.size += 1
        return True

    def _join(self, c: int, other: int, node: Node, move: Move, way: tuple[Node | None, tuple[int, Node] | None]) -> bool:
        """Unite class c with another, one of whose nodes a move has led to; remember the way if that node has none."""
        news = self._unite(c, other)
        own, node = self.find(c), self.canonical(node)
        if news and self.first[own] != node and self.history.get(node) is None:
            self.nodes[own][node] = move
            if way[0] is not None:
                self.history[node] = (way[0], way[1])
        return news

    def insert(self, term: Term) -> int:
        """The class of a term, as it is written."""
        for t in postorder(term, known=self._of_term):
            if t not in self._of_term:
                self._of_term[t] = self.add(self._node_of(t))
        return self.find(self._of_term[term])

    def renamed(self, c: int, old: Axis, new: Axis) -> int:
        """The class of c's first form with the free axis `old` called `new`."""
        return self.insert(substitute(self.term[c], {old: index(new)})) if old in self.free[c] else c

    def _node_of(self, t: Term) -> Node:
        known = self._of_term
        if _only_read(t):
            return Node("leaf", (), (t,))
        if t.op == "add":
            return Node("sum", tuple(known[a] for a, k in flat(t, "add").items() for _ in range(k) if self._see(a)))
        if t.op == "mul":
            return Node("con", tuple(known[a] for a, k in flat(t, "mul").items() for _ in range(k) if self._see(a)), (NONE,))
        if t.op == "reduce" and t.attrs[0] == "sum":
            body = self._node_of(t.args[0])
            axis = t.attrs[1]
            if body.op == "con" and axis not in body.bound:
                return Node("con", body.args, (body.bound | {axis},))
            return Node("con", (known[t.args[0]],), (frozenset((axis,)),))
        return Node(t.op, tuple(known[a] for a in t.args), t.attrs)

    def _see(self, t: Term) -> bool:
        self.insert(t)
        return True

    def _trivial(self, node: Node) -> Node | int:
        """A product of one class is that class; a factor 1 and a term 0 are left out."""
        if node.op not in ("con", "sum"):
            return node
        unit = ONE if node.op == "con" else ZERO
        args = tuple(a for a in node.args if self.term[a] is not unit)
        if not node.bound and len(args) == 1:
            return args[0]
        if not args:
            args = node.args[:1] if node.args else (self.add(Node("leaf", (), (unit,))),)
            return args[0] if not node.bound else Node(node.op, args, node.attrs)
        return node if args == node.args else Node(node.op, args, node.attrs)

    def _free(self, node: Node) -> Axes:
        if node.op == "leaf":
            return node.attrs[0].free
        free = frozenset().union(*(self.free[a] for a in node.args))
        if node.op in ("con", "reduce"):
            return free - node.bound
        return self.term_of(node, self.term).free

    def _used(self, node: Node) -> None:
        for a in set(node.args):
            self._users.setdefault(a, set()).add(node)

    def _unite(self, a: int, b: int) -> bool:
        if a == b:
            return False
        assert self.free[a] == self.free[b], f"a move unites different axes: {self.term[a]} and {self.term[b]}"
        a, b = min(a, b), max(a, b)
        self._parent[b] = a
        for node, move in self.nodes.pop(b).items():
            self.nodes[a].setdefault(node, move)
        for node in self._users.pop(b, ()):
            if node not in self._known:
                continue  # it was made canonical already
            again = self.canonical(node)
            owner = self.find(self._known.pop(node))
            move = self.nodes[owner].pop(node, GIVEN)
            other = self._known.get(again)
            self._known[again] = owner
            self.nodes[owner].setdefault(again, move)
            self._used(again)
            if node in self.history:
                self.history.setdefault(again, self.history[node])
            if self.first[owner] == node:
                self.first[owner] = again
            if other is not None and self.find(other) != owner:
                self._unite(owner, self.find(other))
        return True

    # --- reading -----------------------------------------------------------------------------------------------------

    def of(self, c: int) -> Mapping[Node, Move]:
        """The nodes of a class, each with the move that put it there."""
        return self.nodes[self.find(c)]

    def classes(self) -> Iterable[int]:
        """All classes, oldest first."""
        return list(self.nodes)

    def term_of(self, node: Node, terms: Mapping[int, Term]) -> Term:
        """The term of a node, given the terms of its arguments."""
        args = [terms[a] for a in node.args]
        if node.op == "leaf":
            return node.attrs[0]
        if node.op == "sum":
            return _joined(add, args)
        if node.op == "con":
            body = _joined(mul, args)
            for axis in sorted(node.bound, key=lambda a: a.key, reverse=True):
                body = reduce("sum", axis, body)
            return body
        return rebuild(Term(node.op, tuple(args), node.attrs), tuple(args))

    def build(self, choice: Mapping[int, Node], root: int) -> Term:
        """The term of a class, where `choice` says which node each class is computed by (else the first)."""
        terms: dict[int, Term] = {}
        for c in self.order(choice, [root]):
            terms[c] = self.term_of(self.canonical(choice.get(c, self.first[c])), terms)
        return terms[self.find(root)]

    def order(self, choice: Mapping[int, Node], roots: Iterable[int]) -> list[int]:
        """The classes that a choice reaches, arguments first.  Raises Cyclic where it goes round in a circle."""
        done: dict[int, bool] = {}
        out: list[int] = []
        stack = [(self.find(r), False) for r in roots]
        while stack:
            c, ready = stack.pop()
            if ready:
                done[c] = True
                out.append(c)
            elif c not in done:
                done[c] = False
                stack.append((c, True))
                for a in reversed(self.canonical(choice.get(c, self.first[c])).args):
                    if done.get(a) is False:
                        raise Cyclic(str(self.term[a]))
                    if a not in done:
                        stack.append((a, False))
        return out


class Cyclic(ValueError):
    """A choice of nodes in which a class needs itself."""


def _only_read(t: Term) -> bool:
    """Whether a term costs nothing but a read: inputs, numbers, index arithmetic, masks of indices."""
    if t.op in ("input", "const", "named", "ninf", "size", "axis", "state"):
        return True
    return t.sort in (INT, BOOL) and not any(x.op in ("reduce", "fold") for x in postorder(t))


def _joined(op, args: list[Term]) -> Term:
    """A chain of a binary operator; numbers come last, the way people write them."""
    if not args:
        return const(1 if op is mul else 0)
    args = sorted(args, key=lambda t: t.op == "const" and op is add)
    result = args[0]
    for a in args[1:]:
        result = op(result, a)
    return result
