"""Pairs of terms that are equal by construction: a random term, and what up to six random laws make of it.

Each law is applied forwards or backwards at one random place where it fits, its conditions met.  The second term may be less
defined than the first (0 = 0·1/x read backwards), which a prover must not accept; `falsified` in fuzz_truth.py tells.
To add here: a way to choose steps.  Never here: a prover, or truth.
"""

from __future__ import annotations

from dataclasses import dataclass

from commute.theory.facts import Facts
from commute.theory.law import BadInstance, Law, all_laws
from commute.theory.ops import exp, indicator
from commute.theory.terms import BOOL, EXT, INT, REAL, Term, const, instantiate, postorder, rebuild, well_sorted
from commute.verify.matching import Filling, match
from tests.fuzz_terms import AXES, Grammar

STEPS = 6
LARGEST = 70
"""Nodes of the largest terms; walks that would grow beyond stop."""

_FACTS = Facts()
_BARE = 0.04
"""How often a law is read from a side that fits everywhere (x = x + 0)."""

Direction = tuple[Law, bool]
"""A law, and whether it is read backwards."""

_BY_OP: dict[str, list[Direction]] = {}
for _law in all_laws():
    for _back, _side in ((False, _law.lhs), (True, _law.rhs)):
        _BY_OP.setdefault(_side.op, []).append((_law, _back))


@dataclass(frozen=True)
class Walk:
    """Two equal terms and the names of the laws that lead from the first to the second (`-name` where read backwards)."""

    start: Term
    end: Term
    laws: tuple[str, ...]


def walk(g: Grammar, steps: int) -> Walk | None:
    """A walk of so many steps, or None where they come back to the start or find nothing to do."""
    start = _start(g)
    term, used = start, []
    while start is not None and term is not None and len(used) < steps:
        term, name = _step(g, term)
        used.append(name)
    if start is None or term is None or term is start:
        return None
    return Walk(start, term, tuple(used))


def _start(g: Grammar) -> Term | None:
    """A small term; most often one side of a law stands in it."""
    whole = g.real(g.random.choice((1, 2, 2)))
    if g.random.random() < 0.8:
        law = g.random.choice(all_laws())
        back = g.random.random() < 0.5
        sides = _sides(law, _filled(g, law, Filling(), frozenset()))
        if sides is None:
            return None
        inner = sides[back]
        inner = exp(inner) if inner.sort == EXT else indicator(inner) if inner.sort == BOOL else inner
        spots = [p for p in paths(whole) if at(whole, p).sort == REAL]
        whole = put_at(whole, g.random.choice(spots), inner) if spots and g.random.random() < 0.6 else inner
    return whole if whole.sort != BOOL and whole.size < LARGEST and not well_sorted(whole) else None


def _step(g: Grammar, term: Term) -> tuple[Term | None, str]:
    """The term after one law, and its name; None where no law fits."""
    r = g.random
    fits: dict[Direction, list[tuple[tuple[int, ...], Filling]]] = {}
    for path in paths(term):
        part = at(term, path)
        for law, back in _BY_OP.get(part.op, ()):
            filling = match(law.rhs if back else law.lhs, part)
            if filling is not None:
                fits.setdefault((law, back), []).append((path, filling))
    choices = list(fits)
    r.shuffle(choices)
    if r.random() < _BARE or not choices:
        everywhere = _BY_OP["hole"]
        bare = [(law, back) for law, back in r.sample(everywhere, len(everywhere))]
        for law, back in bare:
            name = (law.rhs if back else law.lhs).attrs[0]
            spots = [p for p in paths(term) if at(term, p).sort == REAL]
            fits[law, back] = [(p, Filling({name: at(term, p)})) for p in r.sample(spots, min(3, len(spots)))]
        choices = bare + choices
    for law, back in choices:
        for path, filling in r.sample(fits[law, back], len(fits[law, back])):
            part = at(term, path)
            sides = _sides(law, _filled(g, law, filling, part.free))
            if sides is None or sides[back] is not part:
                continue
            made = sides[not back]
            whole = put_at(term, path, made) if (part.sort == INT) <= (made.sort == INT) else term
            if whole is not term and whole.size < LARGEST and not well_sorted(whole):
                return whole, f"-{law.name}" if back else law.name
    return None, ""


def _filled(g: Grammar, law: Law, given: Filling, near: frozenset) -> Filling:
    """What is not given yet of a law's parameters, drawn so that its conditions are likely to hold."""
    r = g.random
    filling = Filling(dict(given.holes), dict(given.axes))
    unused = [a for a in AXES if a not in filling.axes.values() and a not in near]
    unused += [a for a in AXES if a not in filling.axes.values() and a in near]
    for axis in law.axes:
        if axis not in filling.axes:
            filling.axes[axis] = unused.pop(r.randrange(min(3, len(unused))))
    for name, sort in law.holes.items():
        if name not in filling.holes:
            hidden = {filling.axes[a] for a in law.closed.get(name, ())}
            drawn = (g.term(sort, r.choice((0, 0, 0, 1))) for _ in range(8))
            made = next((t for t in drawn if not hidden & t.free), const(r.randint(-2, 3)) if sort != BOOL else g.truth(0))
            if any(h == name for _, h in law.where):
                made = exp(made) if sort == REAL and r.random() < 0.7 else const(r.randint(1, 3))
            filling.holes[name] = made
    return filling


def _sides(law: Law, filling: Filling) -> tuple[Term, Term] | None:
    """The instance, where all its conditions hold."""
    try:
        sides = law.instance(filling.holes, filling.axes, _FACTS)
    except BadInstance:
        return None
    assert sides[0] is instantiate(law.lhs, filling.holes, filling.axes)
    return sides if all(_FACTS.holds(p, filling.holes[h]) for p, h in law.where) else None


# --- places ----------------------------------------------------------------------------------------------------------


def paths(term: Term) -> list[tuple[int, ...]]:
    """Every place of a term, as the arguments to go down by."""
    found: list[tuple[int, ...]] = [()]
    for i, a in enumerate(term.args):
        found += [(i, *p) for p in paths(a)]
    return found


def at(term: Term, path: tuple[int, ...]) -> Term:
    """What stands at a place."""
    for i in path:
        term = term.args[i]
    return term


def put_at(term: Term, path: tuple[int, ...], new: Term) -> Term:
    """The term with one place filled anew; the same part elsewhere stays."""
    if not path:
        return new
    args = list(term.args)
    args[path[0]] = put_at(args[path[0]], path[1:], new)
    return rebuild(term, tuple(args))


def size(*terms: Term) -> int:
    """How many different nodes terms have."""
    return len(postorder(*terms))
