"""Terms at other sizes: symbols of sizes replaced by sizes, in every axis, shape and number.

To add here: nothing but other ways to say at which sizes.  Never here: axes renamed at the same size (`terms.substitute`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from commute.theory.axes import Axis, Size, first_free
from commute.theory.terms import Term, postorder, size_value


@dataclass
class Resizing:
    """Puts sizes for symbols, in all the terms alike; different axes stay different where their sizes come to agree.

    `taken` are axes of the terms to come: each is told apart from all others.
    """

    sizes: Mapping[str, Size]
    taken: Iterable[Axis] = ()
    _axes: dict[Axis, Axis] = field(default_factory=dict)
    _memo: dict[Term, Term] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for axis in sorted(self.taken, key=lambda a: a.key):
            self.axis(axis)

    def axis(self, axis: Axis) -> Axis:
        """The axis at its new size."""
        if axis not in self._axes:
            self._axes[axis] = first_free(axis.size.put(self.sizes), self._axes.values())
        return self._axes[axis]

    def term(self, term: Term) -> Term:
        """The term at the new sizes."""
        for t in postorder(term, known=self._memo):
            if t not in self._memo:
                self._memo[t] = self._node(t)
        return self._memo[term]

    def _node(self, t: Term) -> Term:
        if t.op == "size":
            return size_value(self.sizes.get(t.attrs[0], Size.symbol(t.attrs[0])))
        return Term(t.op, tuple(self._memo[a] for a in t.args), tuple(map(self._attr, t.attrs)))

    def _attr(self, attr: object) -> object:
        if isinstance(attr, Axis):
            return self.axis(attr)
        if isinstance(attr, Size):
            return attr.put(self.sizes)
        if isinstance(attr, tuple) and attr and all(isinstance(a, Size) for a in attr):
            return tuple(a.put(self.sizes) for a in attr)
        return attr
