"""The states that one pass over an axis carries, how an index changes them, how two of them merge, and the pass as a fold.

A state is a reduction over the indices seen so far, its body at the running values of those indices; an index moves the
states by their corrections and adds the body there.  To add here: what follows from states and corrections.
Never here: how many passes there are (`streams.py`), how a body moves (`corrections.py`), proofs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from commute.egraph.corrections import (
    Body,
    NotSeparable,
    Reader,
    Shifted,
    expand,
    later,
    term_of,
)
from commute.egraph.folding import Prefix
from commute.egraph.forms import Forms, Node
from commute.egraph.streams import Passes
from commute.theory.axes import Axis, first_free
from commute.theory.folds import put_states
from commute.theory.index import simplify
from commute.theory.ops import add, exp, maximum, minimum, mul
from commute.theory.polynomial import poly_of, poly_term
from commute.theory.terms import ONE, ZERO, Term, fold_over, index, reduce, state, substitute

OPS = {"sum": add, "max": maximum, "min": minimum, "prod": mul}
"""The operator that joins what two parts of an axis give."""

Families = dict[tuple, dict[str, Prefix]]
"""For a fold (its arguments, axis and states), which reduction over a prefix each state is."""


class NotAFold(ValueError):
    """A schedule that has no form as a fold; the message says why."""


@dataclass
class State:
    """A running reduction: its kind, its body over running values, and how it moves with them.

    `parts` are coefficients and places of states (of a sum), `by` is what a maximum or a minimum shifts by; neither where the
    body reads no running value.  `axes` are those that it carries.
    """

    kind: str
    body: Term
    axes: frozenset[Axis]
    parts: list[tuple[Term, int]] | None = None
    by: Term | None = None

    @property
    def moves(self) -> bool:
        """Whether the state is corrected."""
        return self.parts is not None or self.by is not None


@dataclass
class Running:
    """The states of pass `number` of a region along an axis; `known` are terms of what was ready before the pass.

    `of` maps a reduction to the place of its state, `results` a class that runs along the axis to its term over states.
    Raises NotSeparable where a body moves in a way that no correction undoes.
    """

    forms: Forms
    node: Mapping[int, Node]
    inner: tuple[int, ...]
    passes: Passes
    number: int
    known: Mapping[int, Term]
    states: list[State] = field(default_factory=list)
    of: dict[int, int] = field(default_factory=dict)
    results: dict[int, Term] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.axis = self.passes.axis
        self.member = set(self.inner)
        self._places: dict[tuple[str, Term], int] = {}
        self._plain: dict[int, Term] = {}
        self.reader = Reader(self.forms, self.node, self.axis, self.runs, self.plain)
        for c in self.passes.loop.get(self.number, ()):
            if self.axis in self.node[c].bound:
                self._reduction(c)

    def runs(self, c: int) -> bool:
        """Whether a class that doesn't carry the axis takes its value in this pass."""
        return self.ready(c) >= self.number

    def ready(self, c: int) -> int:
        """After which pass the class has its value."""
        return self.passes.ready.get(c, 0) if c in self.member else 0

    def plain(self, c: int) -> Term:
        """The term of a class that reads no running value."""
        if c in self.known:
            return self.known[c]
        if c not in self._plain:
            args = {a: self.plain(a) for a in self.node[c].args} if c in self.node else {}
            self._plain[c] = self.forms.term_of(self.node[c], args) if c in self.node else self.forms.term[c]
        return self._plain[c]

    # --- states ------------------------------------------------------------------------------------------------------

    def _reduction(self, c: int) -> None:
        node = self.node[c]
        if node.op == "con":
            self.of[c] = self._state("sum", self.reader.summand(node))
        else:
            self.of[c] = self._state(node.attrs[0], self.reader.body(node.args[0]))

    def _state(self, kind: str, body: Body) -> int:
        term = term_of(body)
        key = (kind, term)
        if key in self._places:
            return self._places[key]
        place = self._places[key] = len(self.states)
        made = State(kind, term, self._axes(term))
        self.states.append(made)
        moving = {s for s in term.states if s.startswith("r")}
        if moving and kind == "sum":
            made.parts = [(coefficient, self._state("sum", part)) for coefficient, part in expand(body)]
        elif moving and kind in ("max", "min") and isinstance(body, Shifted):
            made.by = body.by
        elif moving:
            raise NotSeparable(kind)
        for name in sorted(moving):
            self.result(int(name[1:]))
        return place

    def _axes(self, body: Term) -> frozenset[Axis]:
        hidden = (self.forms.free[int(name[1:])] for name in body.states)
        return body.free.union(*hidden) - {self.axis}

    def result(self, c: int) -> Term:
        """A class that runs along the axis, over the states.  Raises NotAFold where a state is read all over an axis."""
        if c not in self.results:
            self.results[c] = self._result(c)
        return self.results[c]

    def _result(self, c: int) -> Term:
        if not self.runs(c):
            return self.plain(c)
        if self.ready(c) > self.number:
            raise NotSeparable("a result of a later pass")
        if c in self.of or self.axis in self.node[c].bound:
            if c not in self.of:
                self._reduction(c)
            return state(f"s{self.of[c]}")
        node = self.node[c]
        args = {a: self.result(a) for a in node.args}
        read = {int(s[1:]) for t in args.values() for s in t.states}
        if node.bound & frozenset().union(*(self.states[i].axes for i in read)):
            raise NotAFold("a running value is read all over another axis")
        return self.forms.term_of(node, args)

    # --- steps and merges --------------------------------------------------------------------------------------------

    def moved(self, place: int, values: Mapping[int, Term], before: Mapping[str, Term]) -> Term:
        """State `place` (of some `values`) after the running values moved; `before` gives old and new running values."""
        own = self.states[place]
        if own.by is not None:
            return add(values[place], _tidy(put_states(own.by, before)))
        if own.parts is None:
            return values[place]
        result: Term | None = None
        for coefficient, i in own.parts:
            factor = _tidied(put_states(coefficient, before))
            part = values[i] if factor is ONE else mul(factor, values[i])
            result = part if result is None else add(result, part)
        return result if result is not None else ZERO

    def ordered(self) -> list[int]:
        """The places of the states, each after those that its running values read."""
        found: dict[int, None] = {}
        waiting = list(range(len(self.states)))
        while waiting:
            done = [i for i in waiting if self.needs(i) <= found.keys()]
            if not done:
                raise NotSeparable("a circle of corrections")
            found |= dict.fromkeys(done)
            waiting = [i for i in waiting if i not in found]
        return list(found)

    def needs(self, place: int) -> set[int]:
        """The states that the running values of a state are made from."""
        own = self.states[place]
        return {int(s[1:]) for r in own.body.states for s in self.results[int(r[1:])].states}

    def between(self, old: Mapping[int, Term], new: Mapping[int, Term], place: int) -> dict[str, Term]:
        """Old and new running values that a state reads."""
        olds, news = ({f"s{i}": t for i, t in v.items()} for v in (old, new))
        found: dict[str, Term] = {}
        for name in self.states[place].body.states:
            c = int(name[1:])
            found[name] = put_states(self.results[c], olds)
            found[later(c).attrs[0]] = put_states(self.results[c], news)
        return found

    def merged(self, left: Mapping[int, Term], right: Mapping[int, Term]) -> dict[int, Term]:
        """The states of two parts of the axis as those of both."""
        new: dict[int, Term] = {}
        for i in self.ordered():
            a, b = (self.moved(i, old, self.between(old, new, i)) for old in (left, right))
            new[i] = OPS[self.states[i].kind](a, b)
        return new

    def step(self, old: Mapping[int, Term], at: Term) -> dict[int, Term]:
        """The states after one more index of the axis."""
        new: dict[int, Term] = {}
        for i in self.ordered():
            moving = self.between(old, new, i)
            now = {n: moving[later(int(n[1:])).attrs[0]] for n in self.states[i].body.states}
            new[i] = OPS[self.states[i].kind](self.moved(i, old, moving), self.here(i, at, now))
        return new

    def first(self) -> dict[int, Term]:
        """The states after the first index alone."""
        new: dict[int, Term] = {}
        for i in self.ordered():
            named = {f"s{j}": t for j, t in new.items()}
            now = {n: put_states(self.results[int(n[1:])], named) for n in self.states[i].body.states}
            new[i] = self.here(i, ZERO, now)
        return new

    def here(self, place: int, at: Term, now: Mapping[str, Term]) -> Term:
        """The body of a state at one index of the axis and given running values."""
        return simplify(put_states(simplify(substitute(self.states[place].body, {self.axis: at})), now))

    # --- the fold ----------------------------------------------------------------------------------------------------

    def folds(self, families: Families) -> dict[int, Term]:
        """Each reduction of the pass as a fold over the axis from its second index on; `families` learn what its states are."""
        taken = frozenset().union(*(s.axes for s in self.states), *(s.body.free for s in self.states))
        axis = first_free(self.axis.size - 1, taken)
        names = tuple(f"s{i}" for i in range(len(self.states)))
        old = {i: state(n) for i, n in enumerate(names)}
        first, new = self.first(), self.step(old, add(index(axis), ONE))
        inits, steps = [first[i] for i in old], [simplify(new[i]) for i in old]
        families[(*inits, *steps), axis, names] = {n: self._prefix(i) for i, n in enumerate(names)}
        return {c: fold_over(axis, names, inits, steps, i) for c, i in self.of.items()}

    def alone(self) -> dict[int, Term]:
        """Each reduction of the pass where the axis has one index."""
        first = self.first()
        return {c: first[i] for c, i in self.of.items()}

    def _prefix(self, place: int) -> Prefix:
        own = self.states[place]
        values = {n: self.results[int(n[1:])] for n in own.body.states}
        return Prefix(own.kind, self.axis, put_states(own.body, values))

    def whole(self, place: int, values: Mapping[str, Term]) -> Term:
        """The reduction of a state over the whole axis, at given running values."""
        own = self.states[place]
        return reduce(own.kind, self.axis, put_states(own.body, values))


def _tidy(term: Term) -> Term:
    return poly_term(poly_of(term))


def _tidied(coefficient: Term) -> Term:
    """The same with like terms of shifts collected, so that a value which is -inf stands alone where it may stand at all."""
    if coefficient.op == "exp":
        return exp(_tidy(coefficient.args[0]))
    if coefficient.op == "mul":
        return mul(*map(_tidied, coefficient.args))
    return coefficient
