"""Terms to egglog and back: every term has a tag, every operator of a shape one constructor over classes.

A shape is an operator with its attributes, axes left open: axes travel as numbers, so that one rule serves them all.  `T` maps
a tag to its class; new terms are handed over in files of rows, since thousands of commands are slow and rows are not.
To add here: how something is written for egglog.  Never here: which terms are equal, or what to do about it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from commute.theory.axes import Axis
from commute.theory.terms import BOOL, Term

OPEN = object()
"""Stands in a shape where a term has an axis."""

PRELUDE = """
(sort E)
(constructor T (i64) E)
(constructor Leaf (i64) E)
(function rep (E) i64 :merge (min old new))
(function sig (E) i64 :merge (min old new))
(function kind (E) i64 :no-merge)
(function symbol (E) i64 :no-merge)
(ruleset load) (ruleset find) (ruleset clear) (ruleset check)
(relation new_leaf (i64 i64 i64 i64))
(rule ((new_leaf t r s k)) ((union (T t) (Leaf t)) (set (rep (T t)) r) (set (sig (T t)) s) (set (kind (T t)) k)) :ruleset load)
(relation new_symbol (i64))
(rule ((new_symbol t)) ((set (symbol (T t)) t)) :ruleset load)
(relation new_equal (i64 i64))
(rule ((new_equal a b)) ((union (T a) (T b))) :ruleset load)
(relation goal (i64 i64 i64))
(relation reached (i64))
(rule ((goal n a b) (= (T a) (T b))) ((reached n)) :ruleset check)
"""
"""`rep` and `sig` keep the key of a class's leanest and most telling term (analyses.py); `kind` (truth or number) and `symbol`
(a leaf that nothing but itself can equal) have no merge: an unsound union stops egglog."""


@dataclass(frozen=True)
class Shape:
    """A constructor: the operator, its attributes with axes left open, how many axes and arguments."""

    name: str
    op: str
    attrs: tuple[Any, ...]
    axes: int
    arity: int

    def fill(self, axes: tuple[Axis, ...], args: tuple[Term, ...]) -> Term:
        """The term of this shape over axes and arguments."""
        rest = iter(axes)
        return Term(self.op, args, tuple(next(rest) if a is OPEN else a for a in self.attrs))


class Encoding:
    """The tags, shapes and axes of one e-graph, and what egglog hasn't been told of them yet.

    `keys` gives a term and its tag the two numbers by which `rep` and `sig` choose.
    """

    def __init__(self, keys: Callable[[Term, int], tuple[int, int]]):
        self.terms: list[Term] = []
        self.tags: dict[Term, int] = {}
        self.axes: list[Axis] = []
        self.shapes: dict[tuple[Any, ...], Shape] = {}
        self.commands: list[str] = [PRELUDE]
        self.rows: dict[str, list[tuple[int, ...]]] = defaultdict(list)
        self._axis_ids: dict[Axis, int] = {}
        self._keys = keys

    def tag(self, term: Term) -> int:
        """The number of a term; a new term and its subterms are queued for egglog."""
        found = self.tags.get(term)
        if found is not None:
            return found
        stack = [term]
        while stack:
            top = stack[-1]
            missing = [a for a in top.args if a not in self.tags]
            if missing:
                stack.extend(missing)
            else:
                stack.pop()
                if top not in self.tags:
                    self._new(top)
        return self.tags[term]

    def _new(self, term: Term) -> None:
        tag = len(self.terms)
        self.terms.append(term)
        self.tags[term] = tag
        row = (tag, *self._keys(term, tag), int(term.sort == BOOL))
        axes = tuple(self.axis(a) for a in term.attrs if isinstance(a, Axis))
        if term.args or axes:
            self.rows[f"new_{self.shape(term).name}"].append((*row, *axes, *(self.tags[a] for a in term.args)))
        else:
            self.rows["new_leaf"].append(row)
        if _is_symbol(term):
            self.rows["new_symbol"].append((tag,))

    def equal(self, left: Term, right: Term) -> None:
        """Tell egglog that two terms are equal."""
        self.rows["new_equal"].append((self.tag(left), self.tag(right)))

    def take(self) -> tuple[list[str], dict[str, list[tuple[int, ...]]]]:
        """The commands and rows that egglog hasn't seen; they count as seen from now on."""
        commands, rows = self.commands, self.rows
        self.commands, self.rows = [], defaultdict(list)
        return commands, rows

    def axis(self, axis: Axis) -> int:
        """The number of an axis."""
        if axis not in self._axis_ids:
            self._axis_ids[axis] = len(self.axes)
            self.axes.append(axis)
        return self._axis_ids[axis]

    def shape(self, term: Term) -> Shape:
        """The constructor of a term that has arguments or axes; a new one is declared."""
        attrs = tuple(OPEN if isinstance(a, Axis) else a for a in term.attrs)
        key = (term.op, attrs, len(term.args))
        if key not in self.shapes:
            made = Shape(f"{term.op}_{len(self.shapes)}", term.op, attrs, attrs.count(OPEN), len(term.args))
            self.shapes[key] = made
            self.commands.append(_declaration(made))
        return self.shapes[key]

    def pattern(self, term: Term, variables: dict[Any, str]) -> str:
        """A law's side as an egglog pattern; `variables` names its holes and axes."""
        if term.op == "hole":
            return variables[term.attrs[0]]
        axes = [variables[a] for a in term.attrs if isinstance(a, Axis)]
        if not term.args and not axes:
            return f"(Leaf {self.tag(term)})"
        return f"({' '.join([self.shape(term).name, *axes, *(self.pattern(a, variables) for a in term.args)])})"


def _is_symbol(term: Term) -> bool:
    if term.op == "axis":
        return term.attrs[0].size.constant != 1
    return not term.args


def _declaration(shape: Shape) -> str:
    """The constructor, how its rows are loaded, and the rows by which its nodes are seen over their classes' terms."""
    ks = [f"k{i}" for i in range(shape.axes)]
    xs = [f"x{i}" for i in range(shape.arity)]
    name, ints = shape.name, " ".join(["i64"] * (shape.axes + shape.arity))
    node = f"({' '.join([name, *ks, *xs])})"
    built = f"({' '.join([name, *ks, *(f'(T {x})' for x in xs)])})"
    row = " ".join([*ks, *(f"r{x}" for x in xs)])

    def seen(choice: str) -> str:
        return " ".join(f"(= r{x} ({choice} {x}))" for x in xs)

    text = f"""
(constructor {name} ({" ".join(["i64"] * shape.axes + ["E"] * shape.arity)}) E)
(relation new_{name} (i64 i64 i64 i64 {ints}))
(rule ((new_{name} t r s k {" ".join(ks + xs)})) ((union (T t) {built}) (set (rep (T t)) r) (set (sig (T t)) s)
  (set (kind (T t)) k)) :ruleset load)
"""
    if not xs:
        return text
    return (
        text
        + f"""
(relation seen_{name} ({ints}))
(rule ((= e {node}) {seen("rep")}) ((seen_{name} {row})) :ruleset find)
(rule ((= e {node}) {seen("sig")}) ((seen_{name} {row})) :ruleset find)
(rule ((seen_{name} {row})) ((delete (seen_{name} {row}))) :ruleset clear)
"""
    )
