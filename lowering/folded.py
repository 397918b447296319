"""Arrays whose numbers go from step to step, read as fold terms.

A state of a fold is one number, so each element of a carried array is a fold of its own, together with those elements of
carried arrays that its step reads.  A step that reads an array all over (a recurrent weight matrix) has no such form.
To add here: nothing but how carried arrays are read.  Never here: where loops come from (`loops.py`).
"""

from __future__ import annotations

from collections.abc import Hashable

from commute.lowering.arrays import Array, Indices
from commute.lowering.registry import Unsupported
from commute.theory.axes import Axis, first_free
from commute.theory.folds import put_states
from commute.theory.index import simplify
from commute.theory.ops import COMPOSITES, add, mul
from commute.theory.polynomial import plus, poly_of, poly_term
from commute.theory.terms import BOOL, EXT, Term, binds, fold_over, index, postorder, size_value, state, substitute

MOST_STATES = 12
"""Numbers that one fold may carry."""

_LETTERS = "stuvwyz"


class Folding:
    """The carried arrays of one loop over the axis: what each begins as, and what a step makes of them."""

    def __init__(self, axis: Axis, place: str | None):
        self.axis, self.place = axis, place
        self._begins: dict[Hashable, Array] = {}
        self._steps: dict[Hashable, Array] = {}
        self._names: dict[tuple[Hashable, Indices], str] = {}
        self._read: dict[str, tuple[Hashable, Indices]] = {}
        self._numbers: set[Hashable] = set()
        self._counts: dict[str, Term] = {}

    def begin(self, key: Hashable, array: Array, number: bool = False) -> None:
        """Note what a carried array (or a Python number, as one) holds before the first step."""
        self._begins[key] = array
        if number:
            self._numbers.add(key)

    def knows(self, key: Hashable) -> bool:
        """Whether the array is carried."""
        return key in self._begins

    def state(self, key: Hashable) -> Array:
        """The array inside a step: before it."""

        def at(indices: Indices) -> Term:
            name = self._names.setdefault((key, indices), f"?{self.axis.copy}.{len(self._names)}")
            self._read[name] = (key, indices)
            return state(name)

        return Array(self._begins[key].shape, at)

    def end(self, key: Hashable, array: Array) -> None:
        """Note what a carried array holds after a step."""
        if array.shape != self._begins[key].shape:
            raise Unsupported(f"{key} changes its shape in a loop over an axis of any size", self.place)
        self._steps[key] = array

    def close(self) -> None:
        """An array that no step changed stays what it was; a number that grows by the same number each time is a count."""
        for key in self._begins:
            self._steps.setdefault(key, self.state(key))
        for key, begin in self._begins.items():
            name, step = self._names.get((key, ())), self._steps[key]
            if begin.rank or name is None or key not in self._numbers:
                continue
            by = poly_term(plus(poly_of(step.at(())), poly_of(state(name)), -1))
            if by.op in ("const", "size"):
                self._counts[name] = add(begin.at(()), mul(index(self.axis), by))

    def result(self, key: Hashable) -> Array:
        """The array after the last step."""
        counted = self._counts.get(self._names.get((key, ()), ""))
        if counted is not None:
            whole = simplify(substitute(counted, {self.axis: size_value(self.axis.size)}))
            return Array((), lambda _: whole)
        return Array(self._begins[key].shape, lambda indices: self._fold(key, indices))

    # --- one number ---

    def _fold(self, key: Hashable, indices: Indices) -> Term:
        allowed = frozenset().union(*(i.free for i in indices))
        wanted: list[tuple[Hashable, Indices]] = [(key, indices)]
        steps: list[Term] = []
        for each in wanted:
            steps.append(self._number(put_states(self._steps[each[0]].at(each[1]), self._counts)))
            for name in self._carried(steps[-1], allowed):
                if self._read[name] not in wanted:
                    wanted.append(self._read[name])
            if len(wanted) > MOST_STATES:
                raise Unsupported("a loop whose step reads a carried tensor at ever other places", self.place)
        if not any(self._mine(s) for s in steps):
            return simplify(substitute(steps[0], {self.axis: size_value(self.axis.size - 1)}))
        inits = [self._number(self._begins[k].at(i)) for k, i in wanted]
        return self._written([self._names.get(w) for w in wanted], inits, steps)

    def _number(self, term: Term) -> Term:
        if term.sort in (BOOL, EXT):
            raise Unsupported("a loop that carries truth values or minus infinity past its first step", self.place)
        return term

    def _mine(self, term: Term) -> list[str]:
        return sorted(n for n in term.states if n in self._read)

    def _carried(self, step: Term, allowed: frozenset[Axis]) -> list[str]:
        """The states that a step reads, in the order in which they stand; Unsupported where one is read all over an axis."""
        found: dict[str, None] = {}
        seen: set[tuple[Term, frozenset[Axis]]] = set()
        stack: list[tuple[Term, frozenset[Axis]]] = [(step, frozenset())]
        while stack:
            t, bound = stack.pop()
            if (t, bound) in seen or not t.states:
                continue
            seen.add((t, bound))
            if t.op == "state" and t.attrs[0] in self._read:
                free = frozenset().union(*(i.free for i in self._read[t.attrs[0]][1]))
                if free & bound or not free <= allowed:
                    raise Unsupported("a loop whose step reads a carried tensor at other places than it writes", self.place)
                found[t.attrs[0]] = None
            own = {a for a in t.attrs if isinstance(a, Axis)} if t.op in COMPOSITES or binds(t) else set()
            stack += [(a, bound | own) for a in reversed(t.args)]
        return list(found)

    def _written(self, names: list[str | None], inits: list[Term], steps: list[Term]) -> Term:
        """The fold under names that depend on nothing but its form."""
        inner = {n[0] for s in (*steps, *inits) for t in postorder(s) if t.op == "fold" for n in t.attrs[1]}
        letter = _LETTERS[1 + max((_LETTERS.index(c) for c in inner if c in _LETTERS), default=-1)]
        final = [f"{letter}{i}" for i in range(len(names))]
        values = {old: state(new) for old, new in zip(names, final, strict=True) if old is not None}
        free = frozenset().union(*(t.free for t in (*steps, *inits))) - {self.axis}
        axis = first_free(self.axis.size, free)
        written = [simplify(substitute(put_states(s, values), {self.axis: index(axis)})) for s in steps]
        return fold_over(axis, tuple(final), inits, written)
