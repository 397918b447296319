"""Which bound axis gets which name: an order of binders that doesn't depend on how they are named now.

Colour refinement on the factors that share binders; ties are tried one by one and the least result wins.
Never here: anything that changes a term.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from commute.theory.axes import Axis
from commute.theory.terms import Term, binds

_TRIES = 24
_FLAT = {"add", "mul", "max", "min", "and", "or"}


def _digest(*parts: str) -> str:
    return blake2b("\x1f".join(parts).encode(), digest_size=10).hexdigest()


class Shapes:
    """Hashes of terms up to the names of bound axes and up to the order of sums, products and maxima."""

    def __init__(self) -> None:
        self._memo: dict[tuple[Term, tuple[tuple[Axis, str], ...]], str] = {}

    def of(self, term: Term, labels: Mapping[Axis, str]) -> str:
        """The hash of the term with the labelled axes called by their labels."""
        own = tuple(sorted(((a, labels[a]) for a in term.free if a in labels), key=lambda p: p[0].key))
        key = (term, own)
        if key not in self._memo:
            self._memo[key] = self._hash(term, dict(own))
        return self._memo[key]

    def _hash(self, term: Term, labels: dict[Axis, str]) -> str:
        if term.op == "axis":
            return _digest("axis", labels.get(term.attrs[0], str(term.attrs[0])))
        bound = binds(term)
        if bound is not None and term.op == "reduce":
            inner = {**labels, bound: f"bound{self._depth(term)}:{bound.size}"}
            return _digest("reduce", term.attrs[0], str(bound.size), self.of(term.args[0], inner))
        if term.op in _FLAT:
            return _digest(term.op, *sorted(self.of(a, labels) for a in _flat(term)))
        if term.op == "eq":
            return _digest("eq", *sorted(self.of(a, labels) for a in term.args))
        if not term.args:
            return _digest(term.digest)
        attrs = repr([labels.get(a, str(a)) if isinstance(a, Axis) else a for a in term.attrs])
        return _digest(term.op, attrs, *(self.of(a, labels) for a in term.args))

    _depths: dict[Term, int] = {}

    def _depth(self, term: Term) -> int:
        """How many binders are nested in the term, a name for a binder that doesn't depend on axes."""
        if term not in self._depths:
            inner = max((self._depth(a) for a in term.args), default=0)
            self._depths[term] = inner + (binds(term) is not None)
        return self._depths[term]


def _flat(term: Term) -> list[Term]:
    parts: list[Term] = []
    stack = list(term.args)
    while stack:
        a = stack.pop()
        if a.op == term.op:
            stack.extend(a.args)
        else:
            parts.append(a)
    return parts


def canonical_order(binders: Sequence[Axis], factors: Sequence[Term], shapes: Shapes) -> list[Axis]:
    """The binders in an order that only the structure of the factors decides."""
    colors = {b: _digest("binder", str(b.size)) for b in binders}
    return _refine(list(binders), list(factors), colors, shapes, [_TRIES])


def _refine(binders: list[Axis], factors: list[Term], colors: dict[Axis, str], shapes: Shapes, budget: list[int]) -> list[Axis]:
    classes = len(set(colors.values()))
    while len(binders) > 1:
        marked = {
            b: _digest(colors[b], *sorted(shapes.of(f, {**colors, b: "*" + colors[b]}) for f in factors if b in f.free))
            for b in binders
        }
        colors = marked
        if len(set(colors.values())) == classes:
            break
        classes = len(set(colors.values()))
    groups: dict[str, list[Axis]] = {}
    for b in binders:
        groups.setdefault(colors[b], []).append(b)
    tied = [groups[c] for c in sorted(groups) if len(groups[c]) > 1]
    if not tied:
        return sorted(binders, key=lambda b: colors[b])
    best: tuple[list[str], list[Axis]] | None = None
    for b in tied[0]:
        if best is not None and budget[0] <= 0:
            break
        budget[0] -= 1
        order = _refine(binders, factors, {**colors, b: _digest("first", colors[b])}, shapes, budget)
        places = {a: f"@{i}" for i, a in enumerate(order)}
        shape = sorted(shapes.of(f, places) for f in factors)
        if best is None or shape < best[0]:
            best = (shape, order)
    assert best is not None
    return best[1]
