"""In how many passes over an axis a group of operations can be computed, and why not in fewer.

A reduction over x whose body depends on an earlier reduction over x waits for the next pass, unless what it depends on enters
only through a correction that distributes over the reduction: f(x, r') = c(r, r')·f(x, r), or a polynomial in a shift by r,
whose lower moments are carried along.  Then it runs beside the other, in one pass (cascaded reductions).
To add here: another way in which a dependence distributes.  Never here: an attention pattern, or costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from commute.egraph.forms import Forms, Node
from commute.theory.axes import Axis
from commute.theory.terms import NINF, ZERO


@dataclass(frozen=True)
class Kind:
    """How a value moves when what it depends on moves: not at all, as a whole, by a shift, or by a factor and a degree."""

    name: str
    degree: int = 0
    scaled: bool = False
    axes: frozenset[Axis] = frozenset()
    why: int | None = None


FREE = Kind("free")


@dataclass
class Passes:
    """The schedule of a group of operations along an axis.

    `before` and `after[p]` list the operations outside the loops, `loop[p]` those inside pass p (from 1); `corrected` maps
    a reduction to the degree of its correction; `blocks` says for each operation that needs a later pass which reduction
    it waits for; `ready` after which pass what doesn't carry the axis has its value.
    """

    axis: Axis
    before: list[int] = field(default_factory=list)
    loop: dict[int, list[int]] = field(default_factory=dict)
    after: dict[int, list[int]] = field(default_factory=dict)
    corrected: dict[int, int] = field(default_factory=dict)
    blocks: dict[int, int] = field(default_factory=dict)
    ready: dict[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of passes."""
        return len(self.loop)


class Scheduler:
    """Schedules the operations `inner` (arguments first), each computed by `node`, with `outputs` to be written."""

    def __init__(self, forms: Forms, node: Mapping[int, Node], inner: Sequence[int], outputs: Sequence[int], axis: Axis):
        self.forms, self.node, self.inner, self.axis = forms, node, list(inner), axis
        self.outputs = list(outputs)
        self.member = set(inner)
        self.stage: dict[int, int] = {}
        self.result = Passes(axis)
        self.ready = self.result.ready
        self._kinds: dict[tuple[int, int], Kind] = {}

    def schedule(self) -> Passes:
        """The passes, fewest first."""
        for c in self.inner:
            self._place(c)
        self._arrange()
        return self.result

    def _carries(self, c: int) -> bool:
        return self.axis in self.forms.free[c]

    def _place(self, c: int) -> None:
        node = self.node[c]
        own = [a for a in node.args if a in self.member]
        if not self._carries(c) and self.axis not in node.bound:
            self.ready[c] = max((self.ready.get(a, 0) for a in own), default=0)
            return
        stage = 1
        for a in own:
            later = self.stage[a] if a in self.stage else self.ready.get(a, 0) + 1
            if later > stage:
                stage = later
                self.result.blocks[c] = self.result.blocks.get(a, a) if a in self.stage else self._made_by(a)
        if self.axis in node.bound:
            stage = self._earlier(c, node, stage)
            self.ready[c] = stage
        else:
            self.stage[c] = stage

    def _made_by(self, c: int) -> int:
        """The reduction over the axis that a class without it waits for last."""
        while self.axis not in self.node[c].bound:
            c = next(a for a in self.node[c].args if a in self.member and self.ready.get(a, 0) == self.ready[c])
        return c

    def _earlier(self, c: int, node: Node, stage: int) -> int:
        """The first pass in which a reduction can run, with a correction where one is needed."""
        for p in range(1, stage):
            kind = self._body(node, p)
            if kind.name in ("moves", "shift") and (node.op == "con" or kind.name == "shift" and _extreme(node)):
                if not (kind.scaled is False and node.op == "con" and kind.name == "shift" and not node.bound):
                    self.result.corrected[c] = max(kind.degree, 1 if kind.name == "shift" and node.op == "con" else 0)
                    self.result.blocks.pop(c, None)
                    return p
        return stage

    def _body(self, node: Node, p: int) -> Kind:
        kinds = [self._kind(a, p) for a in node.args]
        if node.op == "con":
            return self._product(node, kinds)
        return kinds[0]

    # --- how a value moves -------------------------------------------------------------------------------------------

    def _kind(self, c: int, p: int) -> Kind:
        """How the value of c moves with the results that are ready only after pass p or later."""
        if c not in self.member:
            return FREE
        if not self._carries(c):
            ready = self.ready.get(c, 0)
            if ready > p:  # what only a later pass makes doesn't run in this one
                return Kind("bad", why=c)
            return Kind("const", axes=self.forms.free[c]) if ready == p else FREE
        key = (c, p)
        if key not in self._kinds:
            self._kinds[key] = self._of(c, self.node[c], p)
        return self._kinds[key]

    def _of(self, c: int, node: Node, p: int) -> Kind:
        kinds = [self._kind(a, p) for a in node.args]
        if all(k.name == "free" for k in kinds):
            return FREE
        if bad := next((k for k in kinds if k.name == "bad"), None):
            return bad
        axes = frozenset().union(*(k.axes for k in kinds))
        blocked = Kind("bad", why=c)
        if axes & node.bound:
            return blocked
        if node.op == "sum":
            if any(k.scaled for k in kinds):
                return blocked
            degree = max(k.degree for k in kinds)
            return (
                Kind("shift", 1, axes=axes)
                if degree <= 1 and all(k.name != "moves" for k in kinds)
                else Kind("moves", degree, axes=axes)
            )
        if node.op == "con":
            return self._product(node, kinds)
        if node.op == "exp" and kinds[0].name == "shift":
            return Kind("moves", 0, True, axes)
        if node.op == "where" and kinds[0].name == "free":
            return self._chosen(node, kinds, blocked)
        if _extreme(node) and kinds[0].name == "shift":
            return kinds[0]
        return blocked

    def _product(self, node: Node, kinds: Sequence[Kind]) -> Kind:
        """A product moves by the product of its factors' corrections; a factor that moves as a whole is slid out instead."""
        moving = [k for k in kinds if k.name != "free"]
        if not moving:
            return FREE
        axes = frozenset().union(*(k.axes for k in moving))
        own = node.bound - {self.axis}
        if any(k.name == "bad" for k in moving):
            return next(k for k in moving if k.name == "bad")
        if axes & own or any(k.name == "const" for k in moving):
            return Kind("bad")
        if len(moving) == 1 and moving[0].name == "shift" and not node.bound:
            rest = [a for a, k in zip(node.args, kinds, strict=True) if k.name == "free"]
            if not any(self._carries(a) for a in rest):
                return moving[0]
        degree = sum(max(k.degree, 1 if k.name == "shift" else 0) for k in moving)
        return Kind("moves", degree, any(k.scaled for k in moving), axes)

    def _chosen(self, node: Node, kinds: Sequence[Kind], blocked: Kind) -> Kind:
        """where(c, x, -inf) shifts as x does, where(c, x, 0) scales as x does."""
        for i, j in ((1, 2), (2, 1)):
            other = self.forms.term[self.forms.find(node.args[j])]
            if kinds[j].name == "free" and other is NINF and kinds[i].name == "shift":
                return kinds[i]
            if kinds[j].name == "free" and other is ZERO and kinds[i].name == "moves":
                return kinds[i]
        return blocked

    # --- the order of work -------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        result = self.result
        reductions = [c for c in self.inner if self.axis in self.node[c].bound]
        written = [c for c in self.outputs if self._carries(c)]
        last = max([self.ready[c] for c in reductions] + [self.stage.get(c, 1) for c in written], default=0)
        for p in range(1, last + 1):
            wanted = [c for c in reductions if self.ready[c] == p]
            wanted += [c for c in written if self.stage.get(c, 1) == p]
            needed = self._needed(wanted)
            result.loop[p] = [c for c in self.inner if c in needed]
        for c in self.inner:
            if not self._carries(c) and self.axis not in self.node[c].bound:
                if self.ready[c] == 0:
                    result.before.append(c)
                else:
                    result.after.setdefault(self.ready[c], []).append(c)

    def _needed(self, wanted: Sequence[int]) -> set[int]:
        """What carries the axis and is needed for these, within one pass."""
        needed: set[int] = set()
        stack = list(wanted)
        while stack:
            c = stack.pop()
            if c in needed:
                continue
            needed.add(c)
            stack += [a for a in self.node[c].args if a in self.member and self._carries(a)]
        return needed


def _extreme(node: Node) -> bool:
    """Whether the node is a maximum or a minimum over an axis, which shifts as its body does."""
    return node.op == "reduce" and node.attrs[0] in ("max", "min")
