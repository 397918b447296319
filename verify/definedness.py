"""Where a term is defined: the obligations that its divisions, roots and logarithms owe.

In the equations every operator is total (recip(0) = 0, ...).  That the candidate is defined wherever the reference is, is this
separate question: each obligation of the candidate follows from its own form, or is an obligation of the reference too.
To add here: an operator that isn't defined everywhere.  Never here: proof search.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from commute.theory.axes import Axis, first_free
from commute.theory.facts import MASKS, Facts
from commute.theory.ops import COMPOSITES, definition, indicator, lnot
from commute.theory.terms import BOOL, ONE, ZERO, Term, binds, index, substitute

_NEEDS = {"recip": "nonzero", "log": "positive", "sqrt": "nonnegative"}
_TAKES_MINUS_INFINITY = {"add", "max", "min", "where", "exp", "lt", "le", "eq"}

Guard = tuple[Term, bool]
_NONE: frozenset[Any] = frozenset()

MOST_CASES = 200_000
"""Ways through nested selections that are looked at."""

MOST_FOLLOWING = 500
"""Obligations that are taken apart."""


@dataclass(frozen=True)
class Obligation:
    """`predicate` must hold of `term` wherever all guards hold, for all values of the `bound` axes.

    `within` are the folds whose states it may speak of: it must hold of those values that these folds reach, and no others.
    """

    predicate: str
    term: Term
    guards: frozenset[Guard]
    bound: frozenset[Axis]
    within: frozenset[Term] = frozenset()

    def __str__(self) -> str:
        return f"{self.term} must be {self.predicate}"


def obligations(term: Term, facts: Facts) -> list[Obligation]:
    """What must hold for the term to be defined, less what can be read off."""
    found: dict[Obligation, None] = {}
    seen: set[tuple[Term, frozenset[Guard], frozenset[Axis], frozenset[Term]]] = set()
    stack: list[tuple[Term, frozenset[Guard], frozenset[Axis], frozenset[Term]]] = [(term, _NONE, _NONE, _NONE)]
    while stack:
        t, guards, bound, within = stack.pop()
        about = frozenset().union(*(g.free for g, _ in guards))
        bound &= t.free | about
        if (t, guards, bound, within) in seen:
            continue
        seen.add((t, guards, bound, within))
        if len(seen) > MOST_CASES:
            raise ValueError(f"more than {MOST_CASES} ways through nested selections")
        if t.op in COMPOSITES:
            stack.append((definition(t), guards, bound, within))
            continue
        axis, args, outer = binds(t), t.args, len(t.attrs[1]) if t.op == "fold" else 0
        if axis is not None and axis in about:
            axis, args = _renamed(axis, args, outer, about | bound)
        inner = bound | {axis} if axis is not None else bound
        deeper = within | {Term("fold", t.args, (*t.attrs[:2], 0))} if outer else within
        for owed in _own(t, args[:outer], Obligation("", t, guards, bound, within), facts):
            found.setdefault(owed)
        for owed in _own(t, args[outer:], Obligation("", t, guards, inner, deeper), facts):
            found.setdefault(owed)
        for place, a in enumerate(args):
            extra = frozenset(((t.args[0], place == 1),)) if t.op == "where" and place else frozenset()
            stack.append((a, guards | extra, bound, within) if place < outer else (a, guards | extra, inner, deeper))
    return list(found)


def _renamed(axis: Axis, args: tuple[Term, ...], outer: int, taken: frozenset[Axis]) -> tuple[Axis, tuple[Term, ...]]:
    """A binder under another name: its index isn't that of which the guards around it (and the inits of a fold) speak."""
    fresh = first_free(axis.size, taken.union(*(a.free for a in args)))
    return fresh, args[:outer] + tuple(substitute(a, {axis: index(fresh)}) for a in args[outer:])


def _own(t: Term, args: tuple[Term, ...], place: Obligation, facts: Facts) -> list[Obligation]:
    """What the node itself owes of some arguments, `place` saying what is bound and known where they stand."""
    owed = []
    guards = place.guards
    about = frozenset().union(*(g.free for g, _ in guards))
    need = _NEEDS.get(t.op)
    if need is not None and args and not facts.holds(need, args[0]) and not _guarded(args[0], need, guards):
        owed.append(replace(place, predicate=need, term=args[0], bound=place.bound & (args[0].free | about)))
    takes = t.op in _TAKES_MINUS_INFINITY or (t.op == "reduce" and t.attrs[0] in ("max", "min"))
    if not takes:
        for a in args:
            if a.sort != BOOL and not facts.real(a):
                owed.append(replace(place, predicate="real", term=a, bound=place.bound & (a.free | about)))
    return [replace(o, within=frozenset()) if not _reads_states(o) else o for o in owed]


def _reads_states(owed: Obligation) -> bool:
    return bool(owed.term.states) or any(g.states for g, _ in owed.guards)


def _guarded(term: Term, need: str, guards: frozenset[Guard]) -> bool:
    """Whether the guards themselves say that the term isn't zero."""
    return need == "nonzero" and any((Term("eq", pair), False) in guards for pair in ((term, ZERO), (ZERO, term)))


def implies(known: str, wanted: str) -> bool:
    """Whether one predicate is at least as strong as another."""
    return known == wanted or (known in MASKS and wanted in MASKS and MASKS[known] & ~MASKS[wanted] == 0)


def _following(owed: list[Obligation], members: Callable[[Term], list[Term]]) -> list[Obligation]:
    """The obligations and what follows: of a choice what is chosen, of a product != 0 its factors, under a root it is > 0."""
    found = dict.fromkeys(owed)
    waiting = list(owed)
    while waiting and len(found) < MOST_FOLLOWING:
        have = waiting.pop()
        if have.predicate not in MASKS:
            continue
        parts = [part for t in _members(have.term, members, ("where",)) for part in _chosen(have, t)]
        for t in _members(have.term, members, ("mul", "sqrt", "recip")) if implies(have.predicate, "nonzero") else ():
            parts += [replace(have, predicate="positive" if t.op == "sqrt" else "nonzero", term=a) for a in t.args]
        for each in parts:
            if each not in found:
                found[each] = None
                waiting.append(each)
    return list(found)


def _members(term: Term, members: Callable[[Term], list[Term]], ops: tuple[str, ...]) -> list[Term]:
    return [t for t in members(term) if t.op in ops][:8]


def _chosen(owed: Obligation, choice: Term) -> list[Obligation]:
    """What is owed of a choice where(c, a, b): of a where c holds, of b where it doesn't."""
    c, *arms = choice.args
    about = c.free.union(*(g.free for g, _ in owed.guards))
    cases = ((arm, owed.guards | {(c, place == 0)}) for place, arm in enumerate(arms))
    return [replace(owed, term=arm, guards=guards, bound=owed.bound & (arm.free | about)) for arm, guards in cases]


def _mark(guard: Guard) -> Term:
    """1 where the guard holds, else 0."""
    return indicator(guard[0] if guard[1] else lnot(guard[0]))


def uncovered(
    reference: list[Obligation],
    candidate: list[Obligation],
    equal: Callable[[Term, Term], bool],
    members: Callable[[Term], list[Term]],
    facts: Facts,
    everywhere: bool,
) -> list[Obligation]:
    """The candidate's obligations that can't be read off any term equal to theirs, and that the reference doesn't owe too.

    A product has the predicate where each of its factors has it, a choice where what is chosen has it, a root isn't 0 where
    what is under it is positive, and a number is positive where it is neither negative nor 0; `_following` says what the
    reference's obligations say of parts of their terms.  Nothing is owed where one guard says that another doesn't hold.
    `everywhere` asks for it at each output element by itself:
    the reference must owe the obligation for at least the same values of the bound axes.  Otherwise the reference is taken to
    be defined at all its outputs.
    """

    def alike(g: Guard, h: Guard) -> bool:
        return (g[1] == h[1] and equal(g[0], h[0])) or equal(_mark(g), _mark(h))

    def never(guards: frozenset[Guard]) -> bool:
        return any(equal(_mark(g), ZERO) or any(alike((g[0], not g[1]), h) for h in guards) for g in guards)

    def covers(have: Obligation, want: Obligation) -> bool:
        if not implies(have.predicate, want.predicate) or not equal(have.term, want.term) or have.within != want.within:
            return False
        if everywhere and not want.bound <= have.bound:
            return False
        return all(any(alike(g, h) for h in want.guards) or equal(_mark(g), ONE) for g in have.guards)

    def met(want: Obligation, depth: int = 4) -> bool:
        if (want, depth) not in seen:
            seen[want, depth] = False
            seen[want, depth] = plainly(want) or (depth > 0 and any(all(met(o, depth - 1) for o in p) for p in parts(want)))
        return seen[want, depth]

    def plainly(want: Obligation) -> bool:
        if any(facts.holds(want.predicate, t) for t in members(want.term)):
            return True
        return any(covers(have, want) for have in owed) or never(want.guards)

    def parts(want: Obligation) -> list[list[Obligation]]:
        if want.predicate not in MASKS:
            return []
        about = frozenset().union(*(g.free for g, _ in want.guards))
        found = [[replace(want, predicate=p) for p in ("nonnegative", "nonzero")]] if want.predicate == "positive" else []
        for t in _members(want.term, members, ("mul", "sqrt")):
            wanted = "positive" if t.op == "sqrt" else want.predicate
            found.append([replace(want, predicate=wanted, term=f, bound=want.bound & (f.free | about)) for f in t.args])
        return found + [_chosen(want, t) for t in _members(want.term, members, ("where",))]

    seen: dict[tuple[Obligation, int], bool] = {}
    owed = _following(reference, members)
    return [want for want in candidate if not met(want)]
