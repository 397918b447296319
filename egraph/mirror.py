"""A reading of the e-graph: its classes, the nodes in them, and the class of a term without adding it.

To add here: ways of reading.  Never here: anything that changes the e-graph.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from egglog.bindings import EGraph, Value

from commute.egraph.encode import Encoding, Shape
from commute.theory.axes import Axis
from commute.theory.terms import Term

Node = tuple[Any, ...]
"""A leaf's tag, or a shape's name, the numbers of its axes and the classes of its arguments."""


class Mirror:
    """The e-graph as it is now; it doesn't follow later changes."""

    def __init__(self, egraph: EGraph, encoding: Encoding):
        functions, number = egraph.freeze().functions, egraph.value_to_i64
        self._encoding = encoding
        self._shapes: dict[str, Shape] = {s.name: s for s in encoding.shapes.values()}
        self._tags = {number(row.inputs[0]): row.output for row in functions["T"].rows}
        self.nodes: dict[Node, Value] = {("Leaf", number(row.inputs[0])): row.output for row in functions["Leaf"].rows}
        for shape in self._shapes.values():
            rows = functions[shape.name].rows if shape.name in functions else []
            for row in rows:
                axes = map(number, row.inputs[: shape.axes])
                self.nodes[(shape.name, *axes, *row.inputs[shape.axes :])] = row.output
        self._found: dict[Term, Value | None] = {}

    def find(self, term: Term) -> Value | None:
        """The class of a term; None where the e-graph has no node for it."""
        stack = [term]
        while stack:
            top = stack[-1]
            tag = self._encoding.tags.get(top)
            known = self._tags.get(tag) if tag is not None else None
            missing = [] if known is not None else [a for a in top.args if a not in self._found]
            if missing:
                stack.extend(missing)
            else:
                stack.pop()
                self._found[top] = known if known is not None else self._look_up(top)
        return self._found[term]

    def _look_up(self, term: Term) -> Value | None:
        args = [self._found[a] for a in term.args]
        axes = [a for a in term.attrs if isinstance(a, Axis)]
        if not (term.args or axes) or any(a is None for a in args):
            return None
        node = (self._encoding.shape(term).name, *(self._encoding.axis(a) for a in axes), *args)
        return self.nodes.get(node)

    def members(self) -> dict[Value, list[Node]]:
        """The nodes of each class."""
        table: dict[Value, list[Node]] = defaultdict(list)
        for node, where in self.nodes.items():
            table[where].append(node)
        return table

    def open(self, node: Node) -> tuple[Shape | Term, tuple[Axis, ...], tuple[Value, ...]]:
        """A node's shape, axes and the classes of its arguments; for a leaf its term."""
        if node[0] == "Leaf":
            return self._encoding.terms[node[1]], (), ()
        shape = self._shapes[node[0]]
        return shape, tuple(self._encoding.axes[i] for i in node[1 : 1 + shape.axes]), node[1 + shape.axes :]
