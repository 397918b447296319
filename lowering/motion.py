"""How the factors of a reduction move when what they depend on moves: the analysis behind corrections of running states.

A state over an axis depends on other states of the same pass only through exponentials of shifts, which scale it, and through
factors that shift, which re-centre it with its lower moments (`egraph/streams.py` says when that is so).
To add here: another way in which a factor moves.  Never here: steps of a tile program, or when a pass may be saved.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from commute.egraph.forms import Forms, Node
from commute.lowering.registry import Unsupported
from commute.theory.axes import Axis
from commute.theory.terms import NINF, ZERO


@dataclass(frozen=True)
class Part:
    """A part of a shift: how far a class has moved, times classes that stay."""

    moved: int
    times: tuple[int, ...] = ()


Parts = tuple[Part, ...]


@dataclass(frozen=True)
class Factors:
    """The factors of a reduction: those that keep their place in every moment, what scales, and those that shift."""

    still: tuple[int, ...]
    scales: tuple[Parts, ...] = ()
    shifted: tuple[tuple[int, Parts], ...] = ()

    def __add__(self, other: Factors) -> Factors:
        return Factors(self.still + other.still, self.scales + other.scales, self.shifted + other.shifted)


class Motion:
    """What moves along `axis`: `states` are the reductions of a pass, `late` what is computed from them and read in it."""

    def __init__(
        self,
        forms: Forms,
        node: Mapping[int, Node],
        inner: Sequence[int],
        axis: Axis,
        states: Collection[int],
        late: Collection[int],
    ):
        self.forms, self.node, self.axis = forms, node, axis
        self.sources = frozenset(states) | frozenset(late)
        self.touched: set[int] = set()
        for c in inner:
            if axis in forms.free[c] and any(a in self.sources or a in self.touched for a in node[c].args):
                self.touched.add(c)

    def moves(self, c: int) -> bool:
        """Whether the body of a reduction moves."""
        return any(a in self.touched for a in self.node[c].args)

    def watched(self, c: int) -> set[int]:
        """The classes whose movement corrects a reduction."""
        factors = self.factors(c)
        return {p.moved for parts in (*factors.scales, *(s for _, s in factors.shifted)) for p in parts}

    def factors(self, c: int) -> Factors:
        """The factors of a reduction; Unsupported where the way in which one moves isn't known."""
        node = self.node[c]
        if node.op == "con":
            return self._all(node.args)
        (body,) = node.args
        if body not in self.touched:
            return Factors((body,))
        if node.attrs[0] not in ("max", "min"):
            raise Unsupported("a running product whose factors move")
        return Factors((), (), ((body, self.shift(body)),))

    def _all(self, classes: Sequence[int]) -> Factors:
        found = Factors(())
        for a in classes:
            found = found + self._factor(a)
        return found

    def _factor(self, c: int) -> Factors:
        if c not in self.touched:
            return Factors((c,))
        node = self.node[c]
        if node.op == "con" and not node.bound:
            return self._all(node.args)
        scales = self._scales(c)
        if scales is not None:
            return Factors((c,), scales)
        return Factors((), (), ((c, self.shift(c)),))

    def _scales(self, c: int) -> tuple[Parts, ...] | None:
        """What moves under the exponentials of a class that moves as a whole, or None where it doesn't."""
        node = self.node[c]
        if node.op == "exp":
            return (self.shift(node.args[0]),)
        moving = [a for a in node.args if a in self.touched]
        if node.op == "con":
            found = [self._scales(a) for a in moving]
            return None if any(f is None for f in found) else tuple(s for f in found if f is not None for s in f)
        if node.op == "where" and len(moving) == 1 and self._other(node, moving[0]) is ZERO:
            return self._scales(moving[0])
        return None

    def _other(self, node: Node, branch: int) -> object:
        """The branch of a choice that doesn't move."""
        first, second = node.args[1:]
        return self.forms.term[self.forms.find(second if first == branch else first)]

    def shift(self, c: int) -> Parts:
        """The parts of the sum by which a class shifts."""
        if c in self.sources:
            return (Part(c),)
        if c not in self.touched:
            return ()
        node = self.node[c]
        moving = [a for a in node.args if a in self.touched or a in self.sources]
        if node.op == "sum" or (node.op == "reduce" and node.attrs[0] in ("max", "min")):
            return tuple(p for a in node.args for p in self.shift(a))
        if node.op == "where" and len(moving) == 1 and self._other(node, moving[0]) is NINF:
            return self.shift(moving[0])
        if node.op == "con" and not node.bound and len(moving) == 1:
            rest = tuple(a for a in node.args if a != moving[0])
            if len(rest) == len(node.args) - 1 and not any(self.axis in self.forms.free[a] for a in rest):
                return tuple(Part(p.moved, (*p.times, *rest)) for p in self.shift(moving[0]))
        raise Unsupported(f"a running reduction of {self.forms.term[c]}")
