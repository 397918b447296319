"""Laws are data: a law is one typed function that returns its two sides; its parameters are the holes.

From the one declaration come the e-graph rule, the Z3 obligation, the property test, the documentation row and the picture.
A law is known by its digest (sides, conditions, sorts, lemmas), so a changed law or lemma is another law.
To add a law: one decorated function in `laws/<family>.py`.  Never here: how a law is proved or used.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from commute.theory.axes import Axis, Size
from commute.theory.facts import MASKS, Facts
from commute.theory.terms import BOOL, EXT, INT, REAL, Term, binds, hole, instantiate, postorder

FAMILIES = ("semiring", "exponential", "maxplus", "reductions", "selection", "masks", "roots", "reindexing", "streams")
"""The modules of `laws/`, in the order in which they are read."""

Sides = tuple[Term, Term]


if TYPE_CHECKING:
    Real = Extended = Integer = Truth = Term
    AnyAxis = Axis
else:

    class Real:
        """A hole that stands for a real number (annotation of a law's parameter)."""

    class Extended:
        """A hole that stands for a real number or minus infinity."""

    class Integer:
        """A hole that stands for an integer."""

    class Truth:
        """A hole that stands for a truth value."""

    class AnyAxis:
        """A parameter that stands for an axis of any size >= 1."""


_SORTS = {"Real": REAL, "Extended": EXT, "Integer": INT, "Truth": BOOL}


class BadInstance(Exception):
    """The substitution doesn't make an instance of the law: a side condition fails."""


@dataclass(frozen=True)
class Law:
    """An equation between two terms with holes, true for all values of the holes that satisfy `where`.

    `where` holds pairs (predicate, hole name), predicates of `facts.MASKS`.  `axiom` says why it is taken without a proof
    ("" where it is proved).  `uses` names laws that its proof may use.  `near` is a wrong neighbour that must be refuted.
    """

    name: str
    family: str
    doc: str
    lhs: Term
    rhs: Term
    axes: tuple[Axis, ...]
    where: tuple[tuple[str, str], ...] = ()
    uses: tuple[str, ...] = ()
    axiom: str = ""
    near: Sides | None = None
    citation: str = ""

    @cached_property
    def holes(self) -> dict[str, str]:
        """Name -> sort of each hole, in the order of their names."""
        return dict(sorted(t.attrs for t in postorder(self.lhs, self.rhs) if t.op == "hole"))

    @cached_property
    def digest(self) -> str:
        """A hash of all that the law says, and of all that its lemmas say."""
        return _digest(self, ())

    @property
    def statement(self) -> str:
        """The equation and its conditions in board notation."""
        conditions = [f"{h} {p}" for p, h in self.where] + [
            f"{k} not in {h}" for h, ks in self.closed.items() for k in sorted(ks, key=lambda a: a.key)
        ]
        return f"{self.lhs} = {self.rhs}" + (f"   where {', '.join(conditions)}" if conditions else "")

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions in words."""
        return tuple(f"{h} {p}" for p, h in self.where)

    @cached_property
    def closed(self) -> dict[str, frozenset[Axis]]:
        """Hole -> the law's axes that its instance may not have free: in scope at some of its occurrences, not at all."""
        some: dict[str, set[Axis]] = {}
        every: dict[str, set[Axis]] = {}
        for side in (self.lhs, self.rhs):
            for name, scope in _occurrences(side, frozenset()):
                some.setdefault(name, set()).update(scope)
                every[name] = every[name] & scope if name in every else set(scope)
        return {h: frozenset(some[h] - every[h]) for h in sorted(some) if some[h] - every[h]}

    @property
    def reversible(self) -> bool:
        """True where each side has all holes and axes, so that the law can be used both ways."""
        return _parameters(self.lhs) == _parameters(self.rhs)

    def instance(self, holes: Mapping[str, Term], axes: Mapping[Axis, Axis], facts: Facts) -> Sides:
        """The two sides filled in; BadInstance where a sort or an axis condition fails (`where` is the caller's to justify)."""
        if set(holes) != set(self.holes) or set(axes) != set(self.axes):
            raise BadInstance(f"{self.name}: the parameters are {', '.join(self.holes)} {', '.join(map(str, self.axes))}")
        if len(set(axes.values())) != len(axes):
            raise BadInstance(f"{self.name}: two axes of the instance are the same")
        for name, sort in self.holes.items():
            if not fits(holes[name], sort, facts):
                raise BadInstance(f"{self.name}: {name} is not {sort}")
            if any(axes[a] in holes[name].free for a in self.closed.get(name, ())):
                raise BadInstance(f"{self.name}: {name} depends on an axis that it may not depend on")
        return instantiate(self.lhs, holes, axes), instantiate(self.rhs, holes, axes)


def _digest(law: Law, above: tuple[str, ...]) -> str:
    """The hash of a law; a lemma is hashed with its own lemmas, and one that is unknown or stands above by its name."""
    lemmas = []
    for name in sorted(law.uses):
        known = None if name in above or name == law.name else _known(name)
        lemmas.append(name if known is None else _digest(known, (*above, law.name)))
    text = "|".join((law.lhs.digest, law.rhs.digest, repr(law.where), repr(lemmas), str(bool(law.axiom))))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _known(name: str) -> Law | None:
    try:
        return find_law(name)
    except KeyError:
        return None


def fits(term: Term, sort: str, facts: Facts) -> bool:
    """Whether a term may stand for a hole of the sort."""
    if sort == BOOL or sort == INT:
        return term.sort == sort
    if term.sort == BOOL:
        return False
    return facts.extended(term) if sort == EXT else facts.real(term)


def _occurrences(term: Term, scope: frozenset[Axis]) -> Iterator[tuple[str, frozenset[Axis]]]:
    if term.op == "hole":
        yield term.attrs[0], scope
    bound = binds(term)
    for a in term.args:
        yield from _occurrences(a, scope | {bound} if bound else scope)


def _parameters(term: Term) -> set[Any]:
    nodes = postorder(term)
    return {t.attrs for t in nodes if t.op == "hole"} | {a for t in nodes for a in t.attrs if isinstance(a, Axis)}


_LAWS: dict[str, Law] = {}


def law(
    *,
    where: tuple[str, ...] = (),
    uses: tuple[str, ...] = (),
    axiom: str = "",
    near: Callable[..., Sides] | None = None,
    citation: str = "",
    family: str | None = None,
) -> Callable[[Callable[..., Sides]], Law]:
    """Declare a law: the decorated function's parameters (Real, Extended, Integer, Truth, AnyAxis) are its holes.

    `where` holds conditions such as "x nonzero".  The function's docstring says in one sentence what the law means.

    >>> from commute.theory.law import Law, Real, law
    >>> from commute.theory.ops import add
    >>> @law(family="user")
    ... def swap_sum(x: Real, y: Real):
    ...     "A sum doesn't depend on the order."
    ...     return add(x, y), add(y, x)
    >>> print(swap_sum.statement)
    x + y = y + x
    """

    def declare(function: Callable[..., Sides]) -> Law:
        arguments: list[Any] = []
        axes: list[Axis] = []
        for name, parameter in inspect.signature(function).parameters.items():
            kind = parameter.annotation if isinstance(parameter.annotation, str) else parameter.annotation.__name__
            if kind == "AnyAxis":
                axes.append(Axis(Size.symbol(name)))
                arguments.append(axes[-1])
            elif kind in _SORTS:
                arguments.append(hole(name, _SORTS[kind]))
            else:
                raise TypeError(f"law {function.__name__}: {name} is not annotated with a kind of hole")
        conditions = []
        for text in where:
            name, _, predicate = text.partition(" ")
            if predicate not in MASKS:
                raise ValueError(f"law {function.__name__}: no predicate {predicate!r}; there are {', '.join(MASKS)}")
            conditions.append((predicate, name))
        lhs, rhs = function(*arguments)
        room = family or function.__module__.rsplit(".", 1)[-1]
        made = Law(
            function.__name__, room, inspect.getdoc(function) or "", lhs, rhs, tuple(axes), tuple(conditions), uses, axiom,
            near(*arguments) if near else None, citation,
        )  # fmt: skip
        if room in FAMILIES:
            if made.name in _LAWS:
                raise ValueError(f"two laws are named {made.name}")
            _LAWS[made.name] = made
        return made

    return declare


def all_laws() -> tuple[Law, ...]:
    """Every law of the house, by family, in the order of declaration."""
    for name in FAMILIES:
        import_module(f"commute.theory.laws.{name}")
    return tuple(sorted(_LAWS.values(), key=lambda made: FAMILIES.index(made.family)))


def find_law(name: str) -> Law:
    """The law of that name; KeyError where there is none."""
    all_laws()
    return _LAWS[name]
